import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_doubles import AnalyticPredictor, group, search_case

from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.serving_point import Infeasible
from budsim.perf_model.workload import LoadMode, SloTargets, Workload
from budsim.simulator.candidate import Evaluation, Rejection
from budsim.simulator.deployment import placement_of
from budsim.simulator.objective import (
    Objective,
    TargetCheck,
    best_first,
    binding,
    deployment_output_tps,
    error_rate,
    evaluate,
    objective_value,
    target_checks,
)
from budsim.simulator.search_space import SearchLimits, candidates


def evaluations(case):
    found = evaluate(candidates(case)[0], case, AnalyticPredictor())
    return [item for item in found if isinstance(item, Evaluation)]


def check(wanted, predicted, upper=True):
    return TargetCheck("t", wanted, predicted, upper)


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ([], 0.0),
        ([check(100, 80)], 0.0),
        ([check(100, 150)], 0.5),
        ([check(100, 1000)], 1.0),
        ([check(50, 25, upper=False)], 0.5),
        ([check(50, 100, upper=False)], 0.0),
        ([check(100, 10), check(50, 25, upper=False), check(5, 5)], 0.5 / 3),
    ],
)
def test_error_rate_is_the_mean_clipped_miss(checks, expected):
    assert error_rate(checks) == pytest.approx(expected)


def test_a_great_figure_never_hides_a_missed_one():
    assert error_rate([check(100, 1), check(50, 49, upper=False)]) > 0


@given(st.lists(st.tuples(st.floats(0.01, 1e6), st.floats(0.01, 1e6), st.booleans()), max_size=6))
def test_error_rate_is_a_share(cases):
    assert 0.0 <= error_rate([check(*case) for case in cases]) <= 1.0


def test_a_target_of_none_or_zero_is_not_set():
    prediction = evaluations(search_case())[0].prediction
    unset = SloTargets(ttft_ms=0.0, throughput_per_user_tps=None, e2e_latency_s=0)
    assert target_checks(prediction, unset, output_tps=1.0, cost_per_hour_usd=1.0) == ()


@pytest.mark.parametrize(("percentile", "field"), [(50, "p50"), (90, "p90"), (95, "p95"), (99, "p99")])
def test_ttft_is_compared_at_the_percentile_asked_for(percentile, field):
    prediction = evaluations(search_case())[0].prediction
    targets = SloTargets(ttft_ms=1.0, ttft_percentile=percentile)
    found = target_checks(prediction, targets, output_tps=1.0, cost_per_hour_usd=None)
    assert found[0].predicted == getattr(prediction, f"ttft_ms_{field}")


def test_each_target_meets_its_own_figure():
    prediction = evaluations(search_case())[0].prediction
    targets = SloTargets(1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
    found = {
        item.target: item.predicted
        for item in target_checks(prediction, targets, output_tps=60.0, cost_per_hour_usd=8.0)
    }
    assert found == {
        "ttft": prediction.ttft_ms_p50,
        "throughput_per_user": prediction.tps_per_user,
        "e2e_latency": prediction.e2e_s_p50,
        "e2e_p95": prediction.e2e_s_p95,
        "e2e_p99": prediction.e2e_s_p99,
        "output_throughput": 60.0,
        "cost_per_hour": 8.0,
    }


def test_cost_counts_every_device_of_every_replica():
    for item in evaluations(search_case(group(4, 4), 8, usd_per_device_hour=3.0)):
        devices = item.candidate.plan.tp_size * item.candidate.plan.pp_size * item.candidate.replicas
        assert item.cost_per_hour_usd == pytest.approx(3.0 * devices)
        assert item.cost_per_million_tokens_usd == pytest.approx(
            item.cost_per_hour_usd / (item.output_tps * 3600) * 1e6
        )


def test_throughput_of_the_deployment_is_that_of_the_users_there_are():
    for item in evaluations(search_case(group(4, 4), 10)):
        assert item.output_tps == pytest.approx(10 * item.prediction.tps_per_user)


def test_open_loads_add_up_over_replicas():
    load = Workload(512, 128, LoadMode.POISSON, request_rate=4.0)
    item = evaluations(search_case(group(3), workload=load))[-1]
    total = deployment_output_tps(item.prediction, item.candidate, load)
    assert total == item.prediction.output_tps * item.candidate.replicas


def test_shared_devices_report_figures_and_enforce_no_target():
    targets = SloTargets(ttft_ms=0.001)
    shared = evaluations(search_case(group(2, hardware_mode="shared"), targets=targets))
    assert shared
    assert all(item.meets_targets and item.error_rate == 0.0 and item.misses for item in shared)
    dedicated = evaluations(search_case(group(2), targets=targets))
    assert not any(item.meets_targets for item in dedicated)


def test_misses_carry_what_was_wanted_and_what_is_reached():
    item = evaluations(search_case(targets=SloTargets(ttft_ms=0.5)))[0]
    assert item.misses[0].target == "ttft"
    assert item.misses[0].wanted == 0.5
    assert item.misses[0].predicted == item.prediction.ttft_ms_p50
    assert item.misses[0].relative_miss == pytest.approx(item.prediction.ttft_ms_p50 / 0.5 - 1)


def test_the_binding_constraint_is_the_tightest():
    loose, tight = TargetCheck("loose", 100, 10, True), TargetCheck("tight", 100, 95, True)
    assert binding([loose, tight], {"memory": 0.5}) == "tight"
    assert binding([loose, tight], {"memory": 0.01}) == "memory"
    assert binding([TargetCheck("late", 100, 300, True)], {"memory": 0.01}) == "late"
    assert binding([], {}) is None


def test_without_a_target_memory_binds_just_where_a_replica_cannot_carry_twice_its_load():
    kinds = set()
    for concurrency in (1, 8, 64, 512, 1024, 2048):
        case = search_case(group(1), concurrency)
        doubled = replace(case, workload=replace(case.workload, concurrency=2 * concurrency))
        fits = bool(evaluations(doubled))
        for item in evaluations(case):
            assert item.binding == (None if fits else "memory")
            kinds.add(item.binding)
    assert kinds == {None, "memory"}


@pytest.mark.parametrize("allowed_gb", [100, 4, 2.5, 2])
def test_memory_binds_the_smallest_tensor_size_that_holds_the_model_and_none_far_larger(allowed_gb):
    limits = SearchLimits(max_memory_bytes_per_device=allowed_gb * 1e9)
    found = [
        item
        for item in evaluations(search_case(group(8), 1, limits=limits))
        if item.candidate.plan.pp_size == item.candidate.replicas == 1
    ]
    smallest = min(item.candidate.plan.tp_size for item in found)
    for item in found:
        times = item.candidate.plan.tp_size // smallest
        if times != 2:  # half of that might hold it: what every rank has a copy of is not halved
            assert item.binding == ("memory" if times == 1 and smallest > 1 else None)


def test_a_budget_that_is_all_but_spent_binds():
    alone = evaluations(search_case(group(1), 1))[0]
    targets = SloTargets(ttft_ms=2 * alone.prediction.ttft_ms_p50)
    for budget, wanted in ((2.01, "budget"), (2000.0, "ttft")):
        limits = SearchLimits(max_usd_per_hour=budget)
        case = search_case(group(1), 1, targets=targets, limits=limits, usd_per_device_hour=2.0)
        assert evaluations(case)[0].binding == wanted


def test_more_memory_than_the_caller_allows_is_rejected():
    case = search_case(group(2))
    limited = replace(case, limits=replace(case.limits, max_memory_bytes_per_device=1e9))
    assert all(
        item.code == "platform_memory" for item in evaluate(candidates(limited)[0], limited, AnalyticPredictor())
    )


def test_what_the_predictor_cannot_answer_is_a_rejection_with_its_reason():
    class Silent(AnalyticPredictor):
        def _predict(self, point):
            return Infeasible("unsupported", "no constants for this device")

    case = search_case(group(2))
    found = evaluate(candidates(case)[0], case, Silent())
    assert {(item.code, item.reason) for item in found} == {("unsupported", "no constants for this device")}
    assert all(isinstance(item, Rejection) for item in found)


def test_a_cache_that_cannot_hold_the_load_is_a_rejection():
    class Cramped(AnalyticPredictor):
        def _predict(self, point):
            return replace(super()._predict(point), max_concurrency=2.5)

    case = search_case(group(4), 8)
    for candidate, found in zip(candidates(case)[0], evaluate(candidates(case)[0], case, Cramped()), strict=True):
        assert isinstance(found, Rejection) == (candidate.concurrency_per_replica > 2)


def test_no_candidates_ask_nothing():
    predictor = AnalyticPredictor()
    assert evaluate([], search_case(), predictor) == []
    assert predictor.calls == []


def test_answers_come_in_the_order_of_the_candidates():
    case = search_case(group(4, 4), 8)
    proposed = candidates(case)[0]
    forward, backward = (
        evaluate(proposed, case, AnalyticPredictor()),
        evaluate(proposed[::-1], case, AnalyticPredictor()),
    )
    assert forward == backward[::-1]
    assert [item.candidate for item in forward] == proposed


def test_objectives_pick_what_they_name():
    found = evaluations(search_case(group(8), 8))
    assert best_first(found, "latency")[0].prediction.e2e_s_p50 == min(item.prediction.e2e_s_p50 for item in found)
    assert best_first(found, "throughput")[0].output_tps == max(item.output_tps for item in found)
    cheapest = min(item.cost_per_million_tokens_usd for item in found)
    assert best_first(found, "cost")[0].cost_per_million_tokens_usd == cheapest
    score = {id(item): item.cost_per_million_tokens_usd * item.prediction.e2e_s_p50 / item.output_tps for item in found}
    assert id(best_first(found, "balanced")[0]) == min(score, key=score.get)


def test_the_rank_does_not_depend_on_the_order_of_arrival():
    found = evaluations(search_case(group(4, 4), 8))
    for objective in Objective:
        assert best_first(found, objective) == best_first(found[::-1], objective)


def test_every_figure_is_finite():
    for item in evaluations(search_case(group(8, 8), 64)):
        for objective in Objective:
            assert math.isfinite(objective_value(item, objective))


def test_single_device_replicas_touch_one_node():
    case = search_case(group(1, 1, 1), 3)
    for item in evaluations(case):
        if item.candidate.plan == ParallelPlan(1, 1):
            assert len(placement_of(item.candidate, case)) == item.candidate.replicas


def test_a_budget_below_one_device_says_what_one_costs():
    case = replace(search_case(group(4), 4), limits=SearchLimits(max_usd_per_hour=0.5))
    (reason,) = {item.reason for item in evaluate(candidates(case)[0], case, AnalyticPredictor())}
    assert "One Round 80GB costs 2 USD/h; the budget is 0.5." in reason
