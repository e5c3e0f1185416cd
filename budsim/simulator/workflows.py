"""The run as a workflow: what happens in which order, and nothing else.

The orchestrator only yields; everything with a side effect is an activity (``activities.py``), so that a replay after a
crash repeats nothing that was recorded.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from budsim.commons.notifications import ProgressEvent
from budsim.commons.telemetry import run_payload
from budsim.commons.workflow_engine import ActivityError, Json, WorkflowContext

RUN_SIMULATION = "run_simulation"
VALIDATION, PERFORMANCE, RANKING, RESULTS = "validation", "performance_estimation", "ranking", "results"
STEPS = (
    (VALIDATION, "Validating the request", "Reads the clusters and the model and finds what can be combined"),
    (PERFORMANCE, "Estimating performance", "Searches deployments on every group of devices"),
    (RANKING, "Ranking clusters", "Picks the best deployment of each cluster"),
)


def workflow_metadata(workflow_id: str, eta_minutes: int, eta_seconds: float, status: str = "PENDING") -> Json:
    """Return ``WorkflowMetadataResponse`` as JSON: a run that was started, and where to follow it."""
    return {
        "object": "workflow_metadata",
        "workflow_id": workflow_id,
        "workflow_name": RUN_SIMULATION,
        "steps": [{"id": name, "title": title, "description": text, "payload": {}} for name, title, text in STEPS],
        "status": status,
        "eta": eta_minutes,
        "eta_seconds": eta_seconds,
        "status_url": f"/simulator/status/{workflow_id}/progress",
    }


def run_simulation(ctx: WorkflowContext, payload: Json) -> Generator[Any, Any, Json | None]:
    """Plan, search every group, rank, answer."""
    # What every activity is given: the run, and the trace that it belongs to.
    run = run_payload(payload["workflow_id"], payload.get("traceparent"))

    def tell(*events: ProgressEvent) -> Any:
        content = {**run, "events": [event.to_dict() for event in events]}
        return ctx.call_activity("publish_events", content)

    def fail(step: str, error: ActivityError) -> Any:
        content = {**run, "step": step, "failure": error.failure}
        return ctx.call_activity("fail_run", content)

    step = VALIDATION
    try:
        yield ctx.call_activity("begin_run", run)
        yield tell(_started(VALIDATION, "Validating the request"))
        plan = yield ctx.call_activity("plan_run", run)
        yield tell(
            ProgressEvent("eta", "eta", "RUNNING", "Estimated time to completion", str(plan["eta_minutes"])),
            _completed(VALIDATION, "The request is valid", _plan_text(len(plan["tasks"]))),
            _started(PERFORMANCE, "Estimating performance"),
        )
        step = PERFORMANCE
        outcomes = yield ctx.when_all(
            [
                ctx.call_activity("search_group", {**run, "task": task, "method": plan["method"]})
                for task in plan["tasks"]
            ]
        )
        evaluated = sum(outcome["num_evaluated"] for outcome in outcomes)
        yield tell(
            _completed(PERFORMANCE, "Performance estimated", f"{evaluated} configurations evaluated"),
            _started(RANKING, "Ranking clusters"),
        )
        step = RANKING
        ranked = yield ctx.call_activity("rank_run", {**run, "plan": _without_tasks(plan), "outcomes": outcomes})
        yield tell(
            _completed(RANKING, "Clusters ranked", f"Found {ranked['num_clusters']} suitable cluster(s)"),
        )
        step = RESULTS
        yield ctx.call_activity("complete_run", {**run, **ranked})
    except ActivityError as error:
        yield fail(step, error)
        return {"status": "FAILED"}
    return {"status": ranked["status"]}


def _without_tasks(plan: Json) -> Json:
    return {name: value for name, value in plan.items() if name != "tasks"}


def _plan_text(num_groups: int) -> str:
    groups = "1 group" if num_groups == 1 else f"{num_groups} groups"
    return f"{groups} of devices to search: one kind of device in one cluster each"


def _started(step: str, title: str) -> ProgressEvent:
    return ProgressEvent(f"{step}:STARTED", step, "STARTED", title, title)


def _completed(step: str, title: str, message: str) -> ProgressEvent:
    return ProgressEvent(f"{step}:COMPLETED", step, "COMPLETED", title, message)
