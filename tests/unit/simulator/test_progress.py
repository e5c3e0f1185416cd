"""How far a run is: whole searches, and those under way by what they report."""

from datetime import UTC, datetime
from uuid import uuid4

from budsim.simulator.models import WorkflowRun, WorkflowStep
from budsim.simulator.progress import progress_of
from budsim.simulator.repository import TASK_STEP
from budsim.simulator.workflows import PERFORMANCE


def percent(searching, over=()):
    run = WorkflowRun(
        workflow_id=uuid4(),
        status="RUNNING",
        started_at=datetime.now(UTC),
        finished_at=None,
        progress={"num_tasks": 4, "eta_seconds": 9.0, "searching": searching},
    )
    steps = [WorkflowStep(step_id=PERFORMANCE, status="RUNNING", title="", message="")]
    steps += [WorkflowStep(step_id=TASK_STEP, status="COMPLETED", title="", message=key) for key in over]
    return progress_of(run, steps, 10.0)["percent"]


def test_generations_move_the_bar_between_two_searches():
    assert percent({}) < percent({"a": 0.3}) < percent({"a": 0.9}) < percent({"a": 0.9}, over=["a"])


def test_a_search_that_is_over_counts_once():
    assert percent({"a": 1.0}, over=["a"]) == percent({}, over=["a"])
    assert percent({"a": 1.0, "b": 0.5}, over=["a"]) > percent({}, over=["a"])
