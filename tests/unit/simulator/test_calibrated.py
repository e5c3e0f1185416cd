"""Laws of the calibration: it finds constants that made the figures, stays at the shipped ones where nothing speaks."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budsim.commons.catalogs import hardware_catalog
from budsim.commons.errors import InvalidRequestError
from budsim.engine_ops import resolve_engine_settings
from budsim.model_ops.services import default_library
from budsim.perf_model import calibration as calibration_module
from budsim.perf_model.calibration import Anchor, Calibration, MetricError, basis_of, bounds_of
from budsim.perf_model.engine_constants import step_constants
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.serving_point import Prediction, ServingPoint
from budsim.perf_model.workload import LoadMode, Workload
from budsim.simulator import search_worker
from budsim.simulator.calibrated import CalibratedPredictor, constants_with, fit_calibration
from budsim.simulator.heuristic import HeuristicPredictor

METRICS = ("ttft_ms_mean", "tpot_ms_mean", "e2e_s_mean", "output_tps")
LOADS = [(1, 128, 32), (1, 2048, 32), (4, 512, 32), (16, 512, 64), (32, 128, 32)]


def serving_point(concurrency=8, isl=512, osl=32, model="Qwen/Qwen3-0.6B", hardware="H100 SXM 80GB", **load):
    arch, device = default_library().resolve(model), hardware_catalog().match(hardware).spec
    workload = Workload(isl, osl, concurrency=concurrency, num_prompts=3 * concurrency, **load)
    plan, precision = ParallelPlan(), resolve_precision(None, arch, device)
    engine = resolve_engine_settings(
        "vllm", None, arch=arch, device=device, workload=workload, overrides={}, plan=plan, precision=precision
    )
    return ServingPoint(arch, device, plan, precision, engine, workload)


def figures(points, changed):
    answers = HeuristicPredictor(constants_with(points[0], changed)).predict(points)
    return [{name: getattr(answer, name) for name in METRICS} for answer in answers]


POINTS = [serving_point(*load) for load in LOADS]
OTHERS = [serving_point(*load) for load in [(2, 1024, 32), (8, 256, 64), (24, 512, 32)]]
TRUE = {"memory_efficiency": 0.45, "step_overhead_s": 9e-3, "prefill_overhead_s": 40e-3}


@pytest.fixture(scope="module")
def calibration():
    return fit_calibration(POINTS, figures(POINTS, TRUE))


def test_a_fit_predicts_what_it_was_not_fitted_on(calibration):
    truth = figures(OTHERS, TRUE)
    calibrated = CalibratedPredictor(HeuristicPredictor(), [calibration]).predict(OTHERS)
    for shipped, found, true in zip(figures(OTHERS, {}), calibrated, truth, strict=True):
        for name in METRICS:
            assert getattr(found, name) == pytest.approx(true[name], rel=0.08)
        assert abs(shipped["tpot_ms_mean"] / true["tpot_ms_mean"] - 1) > 0.3
    assert calibration.helps
    assert all(error.after < error.before for error in calibration.held_out)
    assert {error.metric for error in calibration.held_out} == set(METRICS)


def test_the_same_measurements_give_the_same_calibration(calibration):
    assert fit_calibration(POINTS, figures(POINTS, TRUE)) == calibration


def test_figures_of_the_shipped_constants_leave_them_where_they_are():
    found = fit_calibration(POINTS, figures(POINTS, {}))
    shipped = step_constants("vllm", POINTS[0].device)
    for name, value in found.constants.items():
        assert math.log(value / max(getattr(shipped, name), 1e-12)) == pytest.approx(0, abs=0.15), name


def test_constants_that_the_runs_do_not_determine_stay_as_shipped(calibration):
    # A dense 16-bit model on one device says nothing of experts, collectives or packed weights.
    untouched = {"expert_memory_efficiency", "expert_compute_efficiency", "routing_evenness", "packed_efficiency",
                 "narrow_efficiency", "collective_latency_s", "layer_overhead_s", "moe_overhead_s"}  # fmt: skip
    assert not untouched & calibration.constants.keys()
    only_decode = fit_calibration(POINTS, [{"tpot_ms_mean": f["tpot_ms_mean"]} for f in figures(POINTS, TRUE)])
    assert [error.metric for error in only_decode.fitted] == ["tpot_ms_mean"]


def test_a_fit_of_very_many_requests_takes_some_of_them_and_judges_by_the_rest(monkeypatch):
    monkeypatch.setattr(calibration_module, "MAX_FITTED_REQUESTS", 60.0)
    found = fit_calibration(POINTS, figures(POINTS, TRUE))  # 3, 3, 12, 48 and 96 requests
    assert found.num_points == len(POINTS)
    assert {error.count for error in found.held_out} == {len(POINTS)}
    assert found.helps


def test_one_configuration_has_no_held_out_error():
    found = fit_calibration(POINTS[:1], figures(POINTS[:1], TRUE))
    assert found.held_out == ()
    assert found.num_points == 1


def test_repeats_of_a_configuration_are_left_out_together():
    twice = fit_calibration([POINTS[2], POINTS[2]], figures([POINTS[2], POINTS[2]], TRUE))
    assert twice.held_out == ()


def test_every_fitted_constant_is_inside_its_bounds(calibration):
    wild = [{name: value * 50 for name, value in row.items()} for row in figures(POINTS, TRUE)]
    for found in (calibration, fit_calibration(POINTS, wild)):
        assert all(bounds_of(n)[0] <= v <= bounds_of(n)[1] for n, v in found.constants.items())


def test_models_devices_and_loads_without_a_calibration_are_predicted_as_before(calibration):
    others = [
        serving_point(model="Qwen/Qwen3-1.7B"),
        serving_point(hardware="L40S"),
        serving_point(load_mode=LoadMode.STATIC_BATCH),
    ]
    mixed = [others[0], POINTS[0], *others[1:]]
    calibrated = CalibratedPredictor(HeuristicPredictor(), [calibration]).predict(mixed)
    plain = HeuristicPredictor().predict(mixed)
    assert [calibrated[i] for i in (0, 2, 3)] == [plain[i] for i in (0, 2, 3)]
    assert calibrated[1] != plain[1]


def test_points_of_two_models_are_not_one_calibration():
    with pytest.raises(InvalidRequestError, match="one model"):
        fit_calibration([POINTS[0], serving_point(model="Qwen/Qwen3-1.7B")], figures(POINTS[:2], TRUE))


def test_runs_without_a_figure_that_is_predicted_are_refused():
    with pytest.raises(InvalidRequestError, match="TTFT"):
        fit_calibration(POINTS[:1], [{}])


def test_answers_say_how_near_the_measurements_they_are(calibration):
    answers = CalibratedPredictor(HeuristicPredictor(), [calibration]).predict(
        [POINTS[2], serving_point(8, 700, 40), serving_point(256, 8192, 1024)]
    )
    assert [answer.basis for answer in answers] == ["measured", "interpolated", "extrapolated"]
    for answer in answers:
        assert isinstance(answer, Prediction)
        for name, (low, high) in answer.intervals.items():
            assert low < getattr(answer, name) < high
        assert 0 < answer.confidence <= 1
    near, far = answers[0], answers[2]
    assert far.confidence < near.confidence


@given(st.floats(0.5, 500), st.floats(1, 9000), st.floats(1, 2000))
@settings(max_examples=50, deadline=None)
def test_a_question_that_was_measured_is_never_called_anything_else(concurrency, isl, osl):
    anchor = Anchor(concurrency, isl, osl)
    assert basis_of(Calibration("m", "d", "vllm", anchors=(anchor, Anchor(1, 1, 1))), anchor) == "measured"


def test_a_calibration_survives_being_stored_and_a_broken_one_is_refused(calibration):
    assert Calibration.from_dict(calibration.to_dict()) == calibration
    for broken in ({}, {**calibration.to_dict(), "constants": {"memory_efficiency": math.nan}},
                   {**calibration.to_dict(), "anchors": [{"x": 1}]}):  # fmt: skip
        with pytest.raises(InvalidRequestError):
            Calibration.from_dict(broken)


def test_a_calibration_that_makes_things_worse_says_so():
    worse = MetricError("ttft_ms_mean", 4, 0.05, 0.2, 0.3)
    assert not Calibration("m", "d", "vllm", held_out=(worse,)).helps
    assert Calibration("m", "d", "vllm", held_out=(replace(worse, after=0.04),)).helps


def test_one_run_whose_fit_buys_one_metric_with_another_is_not_kept():
    bought = MetricError("ttft_ms_mean", 1, before=17.8, after=4.6, after_80=4.6)
    paid = MetricError("tpot_ms_mean", 1, before=0.65, after=0.89, after_80=0.89)
    assert not Calibration("m", "d", "vllm", fitted=(bought, paid)).helps
    assert Calibration("m", "d", "vllm", fitted=(bought, replace(paid, after=0.6))).helps
    close = replace(paid, before=0.01, after=0.02)
    assert Calibration("m", "d", "vllm", fitted=(bought, close)).helps


def test_a_search_predicts_with_the_calibrations_of_its_task(calibration):
    known = search_worker.calibrated(HeuristicPredictor(), [calibration.to_dict()])
    assert known.predict(POINTS) == CalibratedPredictor(HeuristicPredictor(), [calibration]).predict(POINTS)
    plain = HeuristicPredictor()
    assert search_worker.calibrated(plain, ()) is plain
