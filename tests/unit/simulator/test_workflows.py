"""The order of a run, seen without any engine: what it yields depends on nothing but the answers it is given."""

import pytest

from budsim.commons.workflow_engine import ActivityError
from budsim.simulator.workflows import STEPS, run_simulation

PLAN = {"tasks": [{"task_key": "a"}, {"task_key": "b"}], "method": "heuristic", "eta_minutes": 1, "reasons": []}
OUTCOMES = [{"num_evaluated": 3}, {"num_evaluated": 4}]
RANKED = {"status": "COMPLETED", "output": {"platform": {}}, "num_clusters": 1}
ANSWERS = {"plan_run": PLAN, "search_group": {"num_evaluated": 3}, "rank_run": RANKED}


class Context:
    instance_id = "w"

    def call_activity(self, name, payload):
        return [(name, payload)]

    def when_all(self, tasks):
        return [call for task in tasks for call in task] or [("nothing", {})]


def play(answers=ANSWERS, fail=None):
    """Return every activity in order and what the run returned; ``fail`` names the activity that fails."""
    calls = []
    orchestration = run_simulation(Context(), {"workflow_id": "w"})
    wanted = next(orchestration)
    while True:
        calls += wanted
        try:
            if fail and wanted[0][0] == fail:
                fail, raised = None, ActivityError({"type": "BudSimError", "message": "no", "param": None})
                wanted = orchestration.throw(raised)
            else:
                found = [answers.get(name, {}) for name, _ in wanted]
                wanted = orchestration.send(found if wanted[0][0] == "search_group" else found[0])
        except StopIteration as end:
            return calls, end.value


def names(calls):
    return [name for name, _ in calls]


def test_a_run_plans_searches_ranks_and_ends():
    calls, result = play()
    assert [name for name in names(calls) if name != "publish_events"] == [
        "begin_run", "plan_run", "search_group", "search_group", "rank_run", "complete_run",
    ]  # fmt: skip
    assert result == {"status": "COMPLETED"}


def test_the_same_answers_give_the_same_calls():
    assert play() == play()


def test_every_task_is_searched_with_the_method_of_the_plan():
    searches = [payload for name, payload in play()[0] if name == "search_group"]
    assert [payload["task"]["task_key"] for payload in searches] == ["a", "b"]
    assert {payload["method"] for payload in searches} == {"heuristic"}


@pytest.mark.parametrize(
    ("activity", "step"),
    [
        ("plan_run", "validation"),
        ("search_group", "performance_estimation"),
        ("rank_run", "ranking"),
        ("complete_run", "results"),
    ],
)
def test_a_failure_ends_the_run_and_names_its_step(activity, step):
    calls, result = play(fail=activity)
    assert calls[-1][0] == "fail_run"
    assert calls[-1][1]["step"] == step
    assert result == {"status": "FAILED"}


def test_payloads_are_plain_json():
    import json

    for _, payload in play()[0]:
        assert json.loads(json.dumps(payload)) == payload


def test_the_steps_are_the_platforms():
    assert [name for name, _, _ in STEPS] == ["validation", "performance_estimation", "ranking"]


def test_ranking_is_not_given_the_tasks_again():
    ((_, payload),) = [call for call in play()[0] if call[0] == "rank_run"]
    assert "tasks" not in payload["plan"]
