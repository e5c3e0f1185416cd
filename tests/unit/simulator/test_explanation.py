"""Every answer says why: what a point is best at, what it costs against the others, what holds it back."""

from dataclasses import replace
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_doubles import AnalyticPredictor, group, search_case

from budsim.perf_model.workload import SloTargets
from budsim.simulator.direct_search import search
from budsim.simulator.explanation import changed_parameters, front_points, merged_front, winning_reason
from budsim.simulator.objective import Objective
from budsim.simulator.ranking import pareto_front

FOUND = search(search_case(group(8, 8), 32, targets=SloTargets(ttft_ms=20.0)), AnalyticPredictor())
MEETING = [item for item in FOUND.evaluations if item.meets_targets]


def test_the_extremes_of_a_front_say_what_they_are_best_at():
    points = front_points(pareto_front(MEETING), "cost")
    by_reason = " ".join(point["reason"] for point in points)
    for title in ("cheapest per token", "lowest latency", "highest throughput", "best balance"):
        assert title in by_reason
    assert "cheapest" in points[0]["reason"]
    fastest = min(points, key=lambda point: point["e2e_latency"])
    assert "lowest latency" in fastest["reason"]


@pytest.mark.parametrize("limit", [4, 6, 100])
def test_a_front_is_cut_without_losing_its_extremes(limit):
    front = pareto_front(MEETING)
    points = front_points(front, "latency", limit)
    assert len(points) <= max(4, limit)
    assert min(p["e2e_latency"] for p in points) == min(item.prediction.e2e_s_p50 for item in front)
    costs = [p["cost_per_million_tokens"] for p in points]
    assert costs == sorted(costs)


def test_a_point_between_is_told_against_cheapest_and_fastest():
    points = front_points(pareto_front(MEETING), "cost", 100)
    between = [point for point in points if "against the cheapest" in point["reason"]]
    assert between
    cheapest = points[0]
    for point in between:
        change = round(100 * (point["e2e_latency"] / cheapest["e2e_latency"] - 1))
        assert point["reason"].startswith(f"{change:+d} % latency")


def test_fronts_of_several_searches_keep_only_what_none_beats():
    points = list(front_points(pareto_front(MEETING), "cost", 100))
    worse = [{**point, "cost_per_million_tokens": 2 * point["cost_per_million_tokens"]} for point in points]
    figures = ("cost_per_million_tokens", "e2e_latency", "output_tps")
    kept = {tuple(point[name] for name in figures) for point in merged_front([points, worse], "cost", 1000)}
    assert kept == {tuple(point[name] for name in figures) for point in points}
    missing = [{**point, "meets_targets": False, "e2e_latency": 0.0} for point in points]
    assert all(point["meets_targets"] for point in merged_front([points, missing], "cost", 1000))
    assert merged_front([], "cost") == []


figure = st.floats(1.0, 1.2)
POINT = {"num_devices": 1, "meets_targets": True}


@given(st.lists(st.tuples(figure, figure, figure), min_size=1, max_size=30), st.sampled_from(list(Objective)))
def test_each_point_of_a_front_is_better_than_any_other_in_something_by_more_than_the_same_figure(members, objective):
    names = ("cost_per_million_tokens", "e2e_latency", "output_tps")
    points = [{**POINT, **dict(zip(names, member, strict=True))} for member in members]
    found = merged_front([points], objective.value, 1000)

    def gains(mine, other):
        """How much better each figure of one point is, as a share."""
        cost, latency = (other[name] / mine[name] - 1 for name in names[:2])
        return cost, latency, mine["output_tps"] / other["output_tps"] - 1

    best = min(points, key=lambda point: objective_of(point, objective))
    assert any(objective_of(point, objective) == objective_of(best, objective) for point in found)
    for mine, other in permutations(found, 2):
        if objective_of(mine, objective) > objective_of(best, objective):
            assert max(gains(mine, other)) > 0.01 - 1e-12
    for left_out in points:  # what is lost is better than something kept by no more than two such steps
        assert any(max(gains(left_out, kept)) < 1.01**2 - 1 + 1e-12 for kept in found)


def objective_of(point, objective):
    cost, latency, throughput = (point[name] for name in ("cost_per_million_tokens", "e2e_latency", "output_tps"))
    return {"cost": cost, "latency": latency, "throughput": -throughput}.get(objective, cost * latency / throughput)


@pytest.mark.parametrize("objective", list(Objective))
def test_the_winner_says_what_it_is_best_at_what_comes_next_and_what_binds(objective):
    found = search(search_case(group(8, 8), 32, objective=objective.value), AnalyticPredictor())
    text = winning_reason(found.best, found.evaluations, objective.value)
    assert "the next layout" in text
    assert "binds" not in text
    bound = replace(found.best, binding="ttft")
    assert "ttft binds" in winning_reason(bound, [bound, *found.evaluations[1:]], objective.value)


def test_where_no_target_is_set_none_is_said_to_be_met():
    found = search(search_case(group(8, 8), 32), AnalyticPredictor())
    text = winning_reason(found.best, found.evaluations, "cost", has_targets=False)
    assert "no target is set" in text
    assert "meet" not in text


def test_where_no_target_can_be_met_the_misses_are_told():
    found = search(search_case(group(4), 8, targets=SloTargets(ttft_ms=0.001)), AnalyticPredictor())
    text = winning_reason(found.best, found.evaluations, "cost")
    assert "misses least" in text
    assert "ttft" in text


def test_a_point_without_a_price_is_the_dearest():
    points = list(front_points(pareto_front(MEETING), "cost", 100))
    unpriced = {**points[0], "cost_per_million_tokens": None, "e2e_latency": 0.0}
    assert merged_front([points, [unpriced]], "cost", 1000)[-1]["cost_per_million_tokens"] is None


def test_engine_parameters_that_are_not_the_engines_own_are_named():
    case = search_case(group(8, 8), 32)
    best = search(case, AnalyticPredictor()).best
    assert changed_parameters(best.candidate, case) == {}
    tuned = replace(best.candidate, settings=replace(best.candidate.settings, block_size=32, kv_cache_dtype="fp8"))
    changed = changed_parameters(tuned, case)
    assert changed == {"block_size": 32, "kv_cache_dtype": "fp8"}
    assert "set kv_cache_dtype fp8, block_size 32" in winning_reason(best, [best], "cost", changed)
