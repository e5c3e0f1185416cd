"""The search against brute force over every layout, concurrency and replica count."""

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_doubles import BF16, GPU, SMALL_GPU, AnalyticPredictor, engine_option, group, search_case, tiny_arch

from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import Precision
from budsim.perf_model.workload import LoadMode, SloTargets, Workload
from budsim.simulator.candidate import Candidate, Evaluation
from budsim.simulator.direct_search import candidate_hash, memory_headroom_bytes, search
from budsim.simulator.objective import Objective, evaluate, objective_value
from budsim.simulator.search_space import Exclusions, SearchLimits, engine_settings

SMALL_MODEL = tiny_arch(num_hidden_layers=4, vocab_size=32000)


def brute_force(case):
    """Every TP x PP x concurrency 1..C x replicas that carries the load: no shortcut of the search is used."""
    devices = [node.free_devices for node in case.group.nodes]
    proposed = []
    for tp, pp in itertools.product(range(1, max(devices) + 1), range(1, sum(devices) + 1)):
        power_or_node = tp & (tp - 1) == 0 or tp == max(devices)
        if not power_or_node or 32 % tp or 8 % tp or pp > case.arch.num_layers:
            continue
        most = sum(count // tp for count in devices) // pp
        for load in range(1, case.concurrency + 1):
            for replicas in range(1, most + 1):
                if replicas * load >= case.concurrency:
                    plan = ParallelPlan(tp, pp)
                    proposed.append(Candidate(plan, BF16, engine_settings(case, plan, BF16, load), load, replicas))
    return [found for found in evaluate(proposed, case, AnalyticPredictor()) if isinstance(found, Evaluation)]


def best_value(evaluations, objective):
    """The optimum as the documents state it: targets met, else least error rate; then the objective."""
    meeting = [item for item in evaluations if item.meets_targets]
    if meeting:
        return (0.0, min(objective_value(item, objective) for item in meeting))
    least = min(item.error_rate for item in evaluations)
    tied = [item for item in evaluations if math.isclose(item.error_rate, least, abs_tol=1e-12)]
    return (least, min(objective_value(item, objective) for item in tied))


@settings(max_examples=150, deadline=None)
@given(
    free=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    concurrency=st.integers(1, 14),
    objective=st.sampled_from([item.value for item in Objective]),
    targets=st.sampled_from(
        [
            SloTargets(),
            SloTargets(ttft_ms=4.0),
            SloTargets(throughput_per_user_tps=900.0),
            SloTargets(ttft_ms=9.0, throughput_per_user_tps=500.0, e2e_latency_s=0.2),
            SloTargets(ttft_ms=0.001, throughput_per_user_tps=1e6),
            SloTargets(cost_per_hour_usd=5.0, output_tps=3000.0),
        ]
    ),
    memory_gb=st.sampled_from([2.6, 3.2, 6.0, 80.0]),
)
def test_no_concurrency_from_one_to_the_target_beats_the_search(free, concurrency, objective, targets, memory_gb):
    devices = group(*free, memory_bytes_per_device=memory_gb * 1e9)
    case = search_case(devices, concurrency, SMALL_MODEL, targets=targets, objective=objective)
    everything, found = brute_force(case), search(case, AnalyticPredictor())
    assert bool(everything) == bool(found.evaluations)
    if everything:
        rate, value = best_value(everything, objective)
        best = found.best
        assert best.error_rate == pytest.approx(rate, abs=1e-12)
        assert objective_value(best, objective) == pytest.approx(value, rel=1e-9)


def test_the_predictor_is_asked_once():
    predictor = AnalyticPredictor()
    search(search_case(group(8, 8), 32), predictor)
    assert len(predictor.calls) == 1


def test_the_answer_does_not_change_from_run_to_run():
    case = search_case(group(8, 4, 2), 24, targets=SloTargets(ttft_ms=5))
    assert search(case, AnalyticPredictor()) == search(case, AnalyticPredictor())


def test_evaluations_come_best_first_and_meet_before_they_miss():
    found = search(search_case(group(8, 8), 32, targets=SloTargets(ttft_ms=4.0)), AnalyticPredictor()).evaluations
    meets = [item.meets_targets for item in found]
    assert meets == sorted(meets, reverse=True)
    rates = [item.error_rate for item in found]
    assert rates == sorted(rates)
    costs = [item.cost_per_million_tokens_usd for item in found if item.meets_targets]
    assert costs == sorted(costs)


def test_more_devices_never_make_the_best_worse():
    targets = SloTargets(ttft_ms=3.0, throughput_per_user_tps=700)
    small = search(search_case(group(2), 16, targets=targets), AnalyticPredictor()).best
    large = search(search_case(group(2, 2, 2), 16, targets=targets), AnalyticPredictor()).best
    assert large.error_rate <= small.error_rate


def test_a_model_that_fits_nowhere_is_rejected_with_figures_not_scored():
    huge = tiny_arch(num_hidden_layers=200, hidden_size=16384, intermediate_size=65536, num_attention_heads=128)
    found = search(search_case(group(2, device=SMALL_GPU), arch=huge), AnalyticPredictor())
    assert found.evaluations == ()
    assert found.best is None
    assert found.rejections
    assert all("GB" in item.reason for item in found.rejections)


def test_both_reasons_are_told_when_the_platform_and_the_engine_refuse():
    huge = tiny_arch(num_hidden_layers=200, hidden_size=8192, intermediate_size=32768, num_attention_heads=64)
    reason = search(search_case(group(1, device=SMALL_GPU), arch=huge), AnalyticPredictor()).rejections[0].reason
    assert "the platform allows" in reason
    assert len(reason.split(". ")) > 1


def test_no_free_devices_is_an_empty_answer():
    found = search(search_case(group()), AnalyticPredictor())
    assert found.evaluations == ()
    assert [item.code for item in found.rejections] == ["placement_tp"]


def test_excluded_configurations_do_not_come_back():
    case = search_case(group(4, 4), 16)
    best = search(case, AnalyticPredictor()).best
    digest = candidate_hash(best.candidate, case)
    again = search(replace(case, exclusions=Exclusions(frozenset({digest}))), AnalyticPredictor())
    assert digest not in {candidate_hash(item.candidate, case) for item in again.evaluations}
    assert "excluded" in {item.code for item in again.rejections}
    assert len(again.evaluations) == len(search(case, AnalyticPredictor()).evaluations) - 1


def test_out_of_memory_excludes_everything_without_more_headroom():
    case = search_case(group(4), 16)
    failed = memory_headroom_bytes(search(case, AnalyticPredictor()).best, case.group)
    again = search(replace(case, exclusions=Exclusions(headroom_bytes=failed)), AnalyticPredictor())
    assert again.evaluations
    assert all(memory_headroom_bytes(item, case.group) > failed for item in again.evaluations)
    assert "excluded_memory" in {item.code for item in again.rejections}


def test_the_hash_names_one_replica_and_nothing_else():
    case = search_case(group(4, 4), 16)
    base = search(case, AnalyticPredictor()).best.candidate
    digest = candidate_hash(base, case)
    assert len(digest) == 64
    assert candidate_hash(replace(base, replicas=base.replicas + 1), case) == digest
    others = [
        replace(base, plan=ParallelPlan(4, 2)),
        replace(base, concurrency_per_replica=base.concurrency_per_replica + 1),
        replace(base, precision=Precision("fp8", 1.0, 2.0, "fp8")),
        replace(base, settings=replace(base.settings, block_size=32)),
    ]
    assert digest not in {candidate_hash(other, case) for other in others}
    newer = replace(case, engine=replace(engine_option(), version="0.19.0"))
    assert candidate_hash(base, newer) != digest


def test_without_a_price_cost_ranks_by_devices_per_token():
    case = search_case(group(4, 4), 16, usd_per_device_hour=None)
    found = search(case, AnalyticPredictor())
    assert found.best.cost_per_hour_usd is None
    assert found.best.cost_per_million_tokens_usd is None
    priced = search(search_case(group(4, 4), 16), AnalyticPredictor())
    assert found.best.candidate == priced.best.candidate


def test_saturated_replicas_are_no_answer_to_an_open_load():
    class Saturated(AnalyticPredictor):
        def _predict(self, point):
            found = super()._predict(point)
            return replace(found, saturated=point.workload.request_rate > 2.0)

    load = Workload(512, 128, LoadMode.POISSON, request_rate=6.0)
    found = search(search_case(group(4), workload=load), Saturated())
    assert {item.candidate.replicas for item in found.evaluations if item.candidate.plan == ParallelPlan(1, 1)} == {
        3,
        4,
    }
    assert "saturated" in {item.code for item in found.rejections}


def test_every_precision_asked_for_is_tried():
    both = (BF16, Precision("fp8", 1.0, 2.0, "fp8"))
    found = search(
        search_case(group(2, device=replace(GPU, peak_flops={**GPU.peak_flops, "fp8": 6e14})), precisions=both),
        AnalyticPredictor(),
    )
    assert {item.candidate.precision.name for item in found.evaluations} == {"bf16", "fp8"}


def test_a_stopped_search_returns_the_best_so_far_and_says_so(monkeypatch):
    monkeypatch.setattr("budsim.simulator.direct_search.BATCH_SIZE", 5)
    case, shares = search_case(group(4, 4), 16), []
    stopped = search(case, AnalyticPredictor(), should_stop=lambda: len(shares) == 2, on_progress=shares.append)
    assert not stopped.is_complete
    assert stopped.num_evaluated == 10
    assert stopped.evaluations
    assert shares == sorted(shares)


def test_batches_change_nothing_but_the_number_of_calls(monkeypatch):
    monkeypatch.setattr("budsim.simulator.direct_search.BATCH_SIZE", 7)
    case, predictor = search_case(group(4, 4), 16), AnalyticPredictor()
    watched = search(case, predictor, should_stop=lambda: False)
    assert watched == search(case, AnalyticPredictor())
    assert len(predictor.calls) > 1


def best_of(**fields):
    found = search(search_case(group(4, 4), 16, **fields), AnalyticPredictor())
    return found.best if found.meets_targets else None


@settings(max_examples=60, deadline=None)
@given(
    objective=st.sampled_from([item.value for item in Objective]),
    budget=st.floats(1.0, 20.0),
    more=st.floats(0.0, 10.0),
    spare=st.integers(0, 1),
    ttft_ms=st.floats(3.0, 60.0),
)
def test_more_budget_never_worsens_the_best(objective, budget, more, spare, ttft_ms):
    def within(usd):
        limits = SearchLimits(max_usd_per_hour=usd, spare_replicas=spare)
        return best_of(objective=objective, limits=limits, targets=SloTargets(ttft_ms=ttft_ms))

    poor, rich = within(budget), within(budget + more)
    if poor is not None:
        assert poor.cost_per_hour_usd <= budget
        assert objective_value(rich, objective) <= objective_value(poor, objective)


@settings(max_examples=60, deadline=None)
@given(ttft_ms=st.floats(3.0, 60.0), e2e_s=st.floats(0.05, 2.0), looser=st.floats(1.0, 3.0))
def test_tighter_targets_never_get_cheaper(ttft_ms, e2e_s, looser):
    tight = best_of(targets=SloTargets(ttft_ms=ttft_ms, e2e_latency_s=e2e_s))
    loose = best_of(targets=SloTargets(ttft_ms=ttft_ms * looser, e2e_latency_s=e2e_s * looser))
    if tight is not None:
        assert loose.cost_per_million_tokens_usd <= tight.cost_per_million_tokens_usd
