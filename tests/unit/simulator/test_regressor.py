"""The calibrated predictor: unseen cases are physics, seen ones are corrected, batches equal single answers."""

from dataclasses import replace

import numpy as np
import pytest
from test_heuristic import serving_point

from budsim.perf_model.novelty import LEVELS, KnownCases
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.residual_features import FEATURES, PointDescriber
from budsim.perf_model.serving_point import Infeasible
from budsim.perf_model.workload import LoadMode, Workload
from budsim.simulator.heuristic import HeuristicPredictor
from budsim.simulator.regressor import (
    RESIDUAL_METRICS,
    STATIC_WIDTH,
    WIDTH_METRICS,
    CellModels,
    PretrainedModels,
    RegressorPredictor,
    levels_of,
)

POINT = serving_point()


class Constant:
    def __init__(self, value):
        self.value = value

    def predict(self, features):
        return np.full(len(features), self.value)


def models(log_factor=0.5, known=(POINT,), shrink=(1.0, 0.0, 0.0, 0.0, 0.0)):
    features = PointDescriber().describe(known, HeuristicPredictor().predict(known)).features if known else None
    widths = {
        f"{method}_{metric}": np.full(5, 0.1) for method in ("regressor", "heuristic") for metric in WIDTH_METRICS
    }
    cell = CellModels(
        residuals={name: Constant(-log_factor if name == "tps_per_user" else log_factor) for name in RESIDUAL_METRICS},
        factors=widths,
        shrink={name: np.array(shrink) for name in (*RESIDUAL_METRICS, STATIC_WIDTH)},
        trust={"ttft": 1.0, "tpot": 1.0, "e2e": 1.0},
        cases=KnownCases.of(features if known else np.empty((0, len(FEATURES)))),
    )
    return PretrainedModels("t", {("vllm", "cuda"): cell}, CellModels(factors=widths))


def answers(points, **options):
    return RegressorPredictor(models(**options)).predict(points)


def physics(*points):
    return HeuristicPredictor().predict(points)


def test_a_known_case_is_corrected_by_the_residual():
    (moved,), (plain,) = answers([POINT]), physics(POINT)
    for name in ("ttft_ms_mean", "tpot_ms_mean", "e2e_s_mean"):
        assert getattr(moved, name) == pytest.approx(getattr(plain, name) * np.exp(0.5))
    assert moved.output_tps == pytest.approx(plain.output_tps * np.exp(-0.5))
    assert moved.basis == "interpolated"


@pytest.mark.parametrize(
    "unseen",
    [
        serving_point("Qwen/Qwen3-8B"),
        serving_point(hardware="A100 SXM 80GB"),
        serving_point(engine="sglang"),
        serving_point(load=Workload(1024, 256, LoadMode.STATIC_BATCH, concurrency=16)),
    ],
    ids=["model", "hardware", "engine", "static batch"],
)
def test_what_was_never_measured_is_left_to_physics(unseen):
    (moved,), (plain,) = answers([unseen]), physics(unseen)
    assert (moved.ttft_ms_mean, moved.e2e_s_mean) == (plain.ttft_ms_mean, plain.e2e_s_mean)
    assert moved.intervals
    assert moved.basis in {"extrapolated", "analytic"}


def test_a_residual_beyond_reason_is_capped():
    (moved,), (plain,) = answers([POINT], log_factor=9.0), physics(POINT)
    assert moved.tpot_ms_mean == pytest.approx(4 * plain.tpot_ms_mean)


def test_floors_of_the_datasheet_hold():
    (moved,) = answers([POINT], log_factor=-9.0)
    floors = PointDescriber().describe([POINT], physics(POINT))
    assert moved.tpot_ms_mean >= floors.tpot_floor_ms[0]
    assert moved.ttft_ms_mean >= floors.ttft_floor_ms[0]


def test_a_batch_is_its_points_one_by_one_in_order():
    points = [POINT, serving_point(plan=ParallelPlan(tp_size=3)), serving_point("Qwen/Qwen3-8B"), POINT]
    batch = answers(points)
    assert batch == [answers([point])[0] for point in points]
    assert isinstance(batch[1], Infeasible)
    assert batch[0] == batch[3]


def test_the_heuristic_has_intervals_and_the_figures_of_physics():
    (plain,) = RegressorPredictor(models(), method="heuristic").predict([POINT])
    bare = replace(plain, intervals={}, confidence=None, basis="analytic")
    assert bare == physics(POINT)[0]
    low, high = plain.intervals["ttft_ms_mean"]
    assert high / plain.ttft_ms_mean == pytest.approx(plain.ttft_ms_mean / low) == pytest.approx(np.exp(0.1))


def test_tables_by_level_are_complete():
    assert levels_of(dict.fromkeys(LEVELS, 0.5)).tolist() == [0.5] * 5
    for bad in ({}, {"known": 1.0}, dict.fromkeys(LEVELS, -1.0), dict.fromkeys(LEVELS, float("nan"))):
        with pytest.raises(ValueError, match="each of"):
            levels_of(bad)


def test_drafts_are_corrected_as_the_plain_point_is_with_wider_intervals():
    drafted = serving_point(speculative_tokens=3, speculative_method="eagle")
    (moved, plain), (physics_drafted,) = answers([drafted, POINT]), physics(drafted)
    for name in ("ttft_ms_mean", "tpot_ms_mean"):
        assert getattr(moved, name) == pytest.approx(getattr(physics_drafted, name) * np.exp(0.5))
        (low, high), (plain_low, plain_high) = moved.intervals[name], plain.intervals[name]
        assert low < getattr(moved, name) < high
        assert high / low > plain_high / plain_low
    assert moved.confidence < plain.confidence
    assert moved.basis == "extrapolated"
