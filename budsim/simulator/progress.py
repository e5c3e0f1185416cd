"""How far a run is, read from its events. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from budsim.simulator.eta import eta_of, time_left
from budsim.simulator.models import WorkflowRun, WorkflowStep
from budsim.simulator.repository import METADATA_STEP, TASK_STEP, UNFINISHED
from budsim.simulator.workflows import PERFORMANCE, RANKING, RESULTS, VALIDATION

# Share of the whole at which a step begins, %: the platform's own map, so that its bars agree.
_BEGINS = {VALIDATION: 0.0, PERFORMANCE: 10.0, RANKING: 90.0, RESULTS: 95.0}


def progress_of(run: WorkflowRun, steps: Sequence[WorkflowStep], expected_s: float) -> dict[str, Any]:
    """Return the progress object of a run.

    Args:
        run: The run; its ``progress`` says how many searches it makes, once they are planned.
        steps: Its events, in order.
        expected_s: Seconds that a whole run is expected to take, for as long as nothing is planned.
    """
    num_tasks, expected_s = run.progress.get("num_tasks"), run.progress.get("eta_seconds", expected_s)
    events = [step for step in steps if step.step_id not in (TASK_STEP, METADATA_STEP)]
    searched = _searched(steps, run.progress.get("searching", {}))
    current = next((step.step_id for step in reversed(events) if step.step_id in _BEGINS), None)
    over = run.status not in UNFINISHED
    elapsed = ((run.finished_at or datetime.now(UTC)) - run.started_at).total_seconds()
    percent = 100.0 if run.status == "COMPLETED" else _percent(current, searched, num_tasks)
    share = searched / num_tasks if num_tasks else 0.0
    left = 0.0 if over else time_left(expected_s, elapsed, share)
    return {
        "object": "simulation_progress",
        "workflow_id": str(run.workflow_id),
        "status": run.status,
        "percent": round(percent, 1),
        "step": current,
        "eta": 0 if over else eta_of(left).minutes,
        "eta_seconds": round(left, 1),
        "steps": [
            {"step": step.step_id, "status": step.status, "title": step.title, "message": step.message}
            for step in events
        ],
    }


def _searched(steps: Sequence[WorkflowStep], searching: Mapping[str, float]) -> float:
    """Return the searches that are over, those under way by the share that they have reported."""
    over = [step.message for step in steps if step.step_id == TASK_STEP]
    return len(over) + sum(share for key, share in searching.items() if key not in over)


def _percent(current: str | None, searched: float, num_tasks: int | None) -> float:
    if current is None:
        return 0.0
    if current == PERFORMANCE and num_tasks:
        return _BEGINS[PERFORMANCE] + min(1.0, searched / num_tasks) * (_BEGINS[RANKING] - _BEGINS[PERFORMANCE])
    return _BEGINS[current]
