"""What a caller sees of a run of its project when the run looked at clusters that are not the caller's. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from budsim.commons.access import Principal
from budsim.commons.errors import NotFoundError
from budsim.commons.workflow_engine import Json
from budsim.simulator import answers
from budsim.simulator.models import WorkflowRun
from budsim.simulator.optimization import optimize_answer
from budsim.simulator.simulation_request import SimulationRequest

HIDDEN = "What it says concerns clusters that this token does not see."


def sees_whole_run(principal: Principal, run: WorkflowRun) -> bool:
    """Whether every cluster that took part in a run is the caller's."""
    if principal.is_service:
        return True
    scope = run.input.get("clusters")
    return scope is not None and principal.clusters.issuperset(scope)


def seen_answer(run: WorkflowRun, rows: Sequence[Mapping[str, Any]]) -> Json | None:
    """Return a run's answer as it follows from the rows that the caller sees, None for a run without one.

    Raises:
        NotFoundError: The answer needs a row, and the caller sees none.
    """
    kind = run.input["kind"]
    stored = (run.output or {}).get(kind)
    if stored is None:
        return None
    told: Json = {"assumptions": {}, "reasons": [HIDDEN], "refusals": [], "remedies": []}
    workflow_id, status = str(run.workflow_id), run.status
    if kind == "hardware":
        if not rows:
            raise NotFoundError(f"There is no run {workflow_id}.", {"field": "workflow_id"})
        return answers.hardware_answer(workflow_id, rows, told, stored["simulation_metadata"], status)
    if kind == "optimize":
        if not rows:
            raise NotFoundError(f"There is no run {workflow_id}.", {"field": "workflow_id"})
        effort, method = stored["metadata"], run.input["method"]
        return optimize_answer(workflow_id, rows, told, method=method, metadata=effort, status=status)
    request = SimulationRequest.from_dict(run.input["question"])
    chosen = answers.recommend(rows, request.error_rate_threshold, request.objective)
    return answers.platform_answer(workflow_id, chosen, told, int(run.created_at.timestamp()), status)


def seen_failure(failure: Json | None) -> Json | None:
    """Return the failure of a run without what it says of clusters."""
    if failure is None:
        return None
    return {**failure, "message": f"The simulation failed. {HIDDEN}", "param": None}


def seen_progress(progress: Json) -> Json:
    """Return the progress of a run with the titles of its events and without their texts."""
    return {**progress, "steps": [{**step, "message": step["title"]} for step in progress["steps"]]}
