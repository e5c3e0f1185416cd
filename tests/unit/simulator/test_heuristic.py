"""The analytic predictor: memory first, every answer deterministic, copies of dense models independent."""

import itertools
from dataclasses import replace

import pytest

from budsim.commons.catalogs import hardware_catalog
from budsim.engine_ops import resolve_engine_settings
from budsim.model_ops.services import default_library
from budsim.perf_model.fitted_constants import FITTED
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.serving_point import Infeasible, Prediction, ServingPoint
from budsim.perf_model.workload import LoadMode, Workload
from budsim.simulator.heuristic import HeuristicPredictor

LLAMA_8B = "meta-llama/Llama-3.1-8B-Instruct"


def serving_point(model=LLAMA_8B, hardware="H100 SXM 80GB", plan=None, load=None, engine="vllm", **overrides):
    arch, device = default_library().resolve(model), hardware_catalog().match(hardware).spec
    plan = plan or ParallelPlan()
    load = load or Workload(1024, 256, LoadMode.CLOSED_LOOP, concurrency=16)
    precision = resolve_precision(None, arch, device)
    settings = resolve_engine_settings(
        engine, None, arch=arch, device=device, workload=load, overrides=overrides, plan=plan, precision=precision
    )
    return ServingPoint(arch, device, plan, precision, settings, load)


def predict(*points):
    return HeuristicPredictor().predict(points)


def test_answers_come_in_the_order_of_the_points_and_repeat():
    points = [serving_point(load=Workload(512, 64, concurrency=n)) for n in (64, 1, 16)]
    predictor = HeuristicPredictor()
    first, again = predictor.predict(points), predictor.predict(points[::-1])[::-1]
    assert first == again == predict(*points)
    assert first[1].tpot_ms_mean < first[2].tpot_ms_mean < first[0].tpot_ms_mean


def test_what_does_not_fit_has_a_reason_and_no_number():
    (answer,) = predict(serving_point("meta-llama/Llama-3.1-70B-Instruct"))
    assert isinstance(answer, Infeasible)
    assert answer.code == "memory"
    assert "GiB" in answer.reason


def test_illegal_layouts_are_refused_before_memory():
    (answer,) = predict(serving_point(plan=ParallelPlan(tp_size=3)))
    assert isinstance(answer, Infeasible)
    assert "3" in answer.reason


def test_sequences_beyond_max_model_len_are_refused():
    (answer,) = predict(serving_point(max_model_len=1100))
    assert (answer.code, "max_model_len" in answer.reason) == ("max_model_len", True)


def test_speculation_is_priced_by_what_it_drafts_and_verifies():
    drafted = {"speculative_tokens": 3, "speculative_method": "eagle"}
    load = Workload(1024, 256, concurrency=1)
    plain, none, half, all_ = predict(
        serving_point(load=load),
        *(serving_point(load=replace(load, acceptance_rate=rate), **drafted) for rate in (0.0, 0.5, 1.0)),
    )
    assert none.tpot_ms_mean > plain.tpot_ms_mean > half.tpot_ms_mean > all_.tpot_ms_mean > plain.tpot_ms_mean / 4
    assert half.kv_cache_tokens < plain.kv_cache_tokens


def test_costs_of_drafting_and_plain_points_are_not_mixed_up():
    drafted = serving_point(speculative_tokens=3, speculative_method="eagle")
    predictor = HeuristicPredictor()
    first = predictor.predict([serving_point(), drafted, serving_point()])
    assert first[0] == first[2] == predict(serving_point())[0]
    assert first[1] == predict(drafted)[0]


def test_kv_capacity_and_concurrency_are_reported():
    (answer,) = predict(serving_point())
    assert answer.kv_cache_tokens > 300_000
    assert answer.max_concurrency > 1
    assert answer.basis == "analytic"


def test_copies_of_a_dense_model_serve_independently():
    one = serving_point(load=Workload(1024, 256, concurrency=16))
    four = serving_point(plan=ParallelPlan(dp_size=4), load=Workload(1024, 256, concurrency=64))
    single, group = predict(one, four)
    assert group.tpot_ms_mean == pytest.approx(single.tpot_ms_mean)
    assert group.output_tps == pytest.approx(4 * single.output_tps)


def test_uneven_shares_keep_littles_law_of_the_group_in_sight():
    (group,) = predict(serving_point(plan=ParallelPlan(dp_size=4), load=Workload(1024, 256, concurrency=10)))
    assert group.request_throughput * group.e2e_s_mean == pytest.approx(10, rel=1e-6)


def burst(prompts, copies=1, **changes):
    load = Workload(4096, 128, LoadMode.BURST, num_prompts=prompts)
    return serving_point(plan=ParallelPlan(dp_size=copies), load=replace(load, **changes))


@pytest.mark.parametrize(("prompts", "busiest"), [(3, 1), (4, 1), (5, 2), (8, 2), (9, 3)])
def test_copies_end_a_burst_when_the_busiest_copy_does(prompts, busiest):
    group, copy = predict(burst(prompts, copies=4), burst(busiest))
    assert group.e2e_s_p99 == copy.e2e_s_p99
    assert group.request_throughput == pytest.approx(prompts / (busiest / copy.request_throughput))
    assert group.output_tps == pytest.approx(128 * group.request_throughput)


def test_the_concurrency_cell_of_a_burst_does_not_change_its_rate():
    first, second = predict(burst(5, copies=4), burst(5, copies=4, concurrency=64))
    assert first == second


def test_copies_share_a_finite_poisson_run_and_an_endless_one():
    paced = {"load_mode": LoadMode.POISSON}
    finite, copy, endless = predict(
        burst(10, copies=4, request_rate=4.0, **paced),
        burst(3, request_rate=1.0, **paced),
        burst(None, copies=4, request_rate=4.0, **paced),
    )
    assert finite.request_throughput == pytest.approx(copy.request_throughput * 10 / 3)
    assert endless.request_throughput == pytest.approx(4.0)


def test_fewer_prompts_than_clients_are_what_is_in_flight():
    (group,) = predict(burst(5, copies=4, load_mode=LoadMode.CLOSED_LOOP, concurrency=16))
    assert group.request_throughput * group.e2e_s_mean == pytest.approx(5, rel=1e-6)


@pytest.mark.parametrize(
    ("hardware", "engine"),
    [
        *itertools.product(("H100 SXM 80GB", "B200"), ("vllm", "sglang", "trtllm")),
        ("MI300X", "vllm"),
        ("Gaudi2", "vllm"),
    ],
)
def test_more_output_never_ends_sooner_on_fitted_devices(hardware, engine):
    for clients in (1, 16):
        loads = [Workload(1024, osl, concurrency=clients) for osl in (1, 2, 4)]
        one, two, four = predict(*(serving_point(hardware=hardware, engine=engine, load=load) for load in loads))
        assert one.e2e_s_mean <= two.e2e_s_mean <= four.e2e_s_mean


def test_more_devices_never_slow_a_memory_bound_model_down_much():
    points = [serving_point(plan=ParallelPlan(tp)) for tp in (1, 2, 4, 8)]
    answers = predict(*points)
    assert all(isinstance(a, Prediction) for a in answers)
    assert answers[2].tpot_ms_mean < answers[0].tpot_ms_mean


def test_cpu_gaudi_and_rocm_are_predicted_too():
    xeon = replace(serving_point(hardware="Xeon 6767P"), device_memory_bytes=256e9)
    answers = predict(xeon, serving_point(hardware="Gaudi2"), serving_point(hardware="MI300X"))
    assert [type(a) for a in answers] == [Prediction] * 3
    assert answers[0].tpot_ms_mean > answers[1].tpot_ms_mean


def test_given_constants_replace_the_packages_own():
    slow = {("vllm", "hopper", "served"): {"memory_efficiency": 0.3, "step_overhead_s": 0.05}}
    (plain,) = predict(serving_point())
    (answer,) = HeuristicPredictor({**FITTED, **slow}).predict([serving_point()])
    assert answer.tpot_ms_mean > plain.tpot_ms_mean + 40
