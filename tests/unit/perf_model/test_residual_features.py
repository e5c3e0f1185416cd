"""Features are physical: finite, blind to names, and floors lie below every prediction that obeys the datasheet."""

from dataclasses import replace

import numpy as np
import pytest

from budsim.commons.catalogs import hardware_catalog
from budsim.engine_ops import resolve_engine_settings
from budsim.model_ops.services import default_library
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.residual_features import FEATURES, PointDescriber
from budsim.perf_model.serving_point import ServingPoint
from budsim.perf_model.workload import LoadMode, Workload
from budsim.simulator.heuristic import HeuristicPredictor


def point(model="meta-llama/Llama-3.1-8B-Instruct", hardware="H100 SXM 80GB", plan=None, load=None, engine="vllm"):
    arch, device = default_library().resolve(model), hardware_catalog().match(hardware).spec
    plan, load = plan or ParallelPlan(), load or Workload(1024, 256, LoadMode.CLOSED_LOOP, concurrency=16)
    precision = resolve_precision(None, arch, device)
    settings = resolve_engine_settings(
        engine, None, arch=arch, device=device, workload=load, overrides={}, plan=plan, precision=precision
    )
    return ServingPoint(arch, device, plan, precision, settings, load)


def described(*points):
    return PointDescriber().describe(points, HeuristicPredictor().predict(points))


CASES = [
    point(),
    point(load=Workload(1, 1, concurrency=1)),
    point("openai/gpt-oss-120b", plan=ParallelPlan(tp_size=2)),
    point("deepseek-ai/DeepSeek-V3", "B200", plan=ParallelPlan(tp_size=8, ep_size=8)),
    point("Qwen/Qwen3-8B", "Xeon 6767P", load=Workload(128, 64, LoadMode.STATIC_BATCH, concurrency=4)),
    point(load=Workload(512, 64, LoadMode.POISSON, request_rate=2.0)),
]


def test_every_feature_is_a_finite_number():
    found = described(*CASES)
    assert found.features.shape == (len(CASES), len(FEATURES))
    assert np.isfinite(found.features).all()


def test_a_renamed_model_or_device_looks_the_same():
    base = point()
    renamed = replace(
        base, arch=replace(base.arch, name="nobody/knows"), device=replace(base.device, name="another", aliases=())
    )
    np.testing.assert_array_equal(described(base).features, described(renamed).features)


@pytest.mark.parametrize("index", range(len(CASES)))
def test_predictions_stay_above_the_datasheet_floors(index):
    case = CASES[index]
    (answer,) = HeuristicPredictor().predict([case])
    found = described(case)
    if case.workload.osl > 1:
        assert answer.tpot_ms_mean >= found.tpot_floor_ms[0] > 0
    assert answer.ttft_ms_mean >= found.ttft_floor_ms[0] > 0


def test_shares_say_what_a_step_leans_on():
    weights, cache = described(
        point(load=Workload(64, 64, concurrency=1)), point(load=Workload(8192, 1024, concurrency=64))
    ).features
    assert weights[FEATURES.index("weight_share")] > cache[FEATURES.index("weight_share")]
    assert weights[FEATURES.index("kv_share")] < cache[FEATURES.index("kv_share")]
