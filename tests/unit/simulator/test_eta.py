import pytest
from hypothesis import given
from hypothesis import strategies as st

from budsim.simulator.eta import (
    CANDIDATE_S,
    RANKING_S,
    MeasuredRun,
    estimate_eta,
    eta_of,
    seconds_per_candidate,
    time_left,
    usual_candidates,
)


@given(st.floats(0, 1e6))
def test_minutes_are_whole_at_least_one_and_cover_the_seconds(seconds):
    eta = eta_of(seconds)
    assert eta.minutes >= 1
    assert eta.minutes * 60 >= eta.seconds
    assert eta.minutes == 1 or (eta.minutes - 1) * 60 < eta.seconds


def test_time_left_shrinks_with_every_step():
    tasks = [500, 500]
    left = [
        estimate_eta(step, task_candidates=tasks).seconds
        for step in ("validation", "performance_estimation", "ranking")
    ]
    assert left == sorted(left, reverse=True)
    assert left[-1] > 0


def test_time_left_shrinks_as_a_step_proceeds_to_nothing_at_its_end():
    halfway = estimate_eta("performance_estimation", task_candidates=[1000], done_share=0.5).seconds
    assert estimate_eta("performance_estimation", task_candidates=[1000]).seconds > halfway
    done = estimate_eta("performance_estimation", task_candidates=[1000], done_share=1.0).seconds
    assert done == pytest.approx(estimate_eta("ranking").seconds)


def test_measured_runs_replace_the_shipped_figure_by_their_median():
    runs = [MeasuredRun(100, 100 * each) for each in (0.01, 0.02, 9.0)]
    assert seconds_per_candidate(runs, "heuristic") == pytest.approx(0.02)
    assert seconds_per_candidate([], "heuristic") == CANDIDATE_S["heuristic"]
    assert seconds_per_candidate([MeasuredRun(0, 5.0)], "heuristic") == CANDIDATE_S["heuristic"]
    assert seconds_per_candidate([MeasuredRun(10, 0.0)], "heuristic") == 0.0


def test_workers_share_the_tasks_but_no_task_is_split():
    tasks = [1000] * 4
    alone, shared = (estimate_eta(task_candidates=tasks, workers=count).seconds for count in (1, 4))
    one_task = estimate_eta(task_candidates=[1000]).seconds
    assert alone > shared >= one_task - 1e-9
    assert estimate_eta(task_candidates=tasks, workers=400).seconds == pytest.approx(one_task)


def test_more_candidates_never_take_less_time():
    seconds = [estimate_eta(task_candidates=[count]).seconds for count in (0, 10, 1000, 100_000)]
    assert seconds == sorted(seconds)


def test_unknown_steps_and_methods_are_answered_cautiously():
    assert estimate_eta("warming up").seconds == estimate_eta("validation").seconds
    assert seconds_per_candidate([], "oracle") == max(CANDIDATE_S.values())


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_fan_out_like_the_measured_one_is_expected_to_take_what_that_took(workers):
    history = [MeasuredRun(400, 0.4)] * 20
    expected = estimate_eta("performance_estimation", task_candidates=[400] * 1000, history=history, workers=workers)
    assert expected.seconds - RANKING_S == pytest.approx(1000 * 0.4 / workers)
    assert usual_candidates(history, "regressor") == 400


def test_a_run_that_is_slower_than_expected_is_told_by_its_own_pace():
    assert time_left(10.0, 4.0, 0.0) == 6.0
    assert time_left(10.0, 40.0, 0.5) == pytest.approx(40.0 + RANKING_S)
    assert time_left(10.0, 40.0, 1.0) == pytest.approx(RANKING_S)
    assert time_left(10.0, 40.0, 0.1) == 0.0
