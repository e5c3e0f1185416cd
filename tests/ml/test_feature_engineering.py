"""Features of the trained models follow the physics of a case: they scale as sizes, rates and loads do."""

import json
from dataclasses import replace

import numpy as np
import pytest
from test_heuristic import serving_point

from budsim.commons.resources import shipped_path
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.residual_features import FEATURE_VERSION, FEATURES, PointDescriber
from budsim.perf_model.workload import LoadMode, Workload
from budsim.simulator.heuristic import HeuristicPredictor

SHIPPED = shipped_path("cache") / "pretrained_models"


def described(*points):
    return PointDescriber().describe(points, HeuristicPredictor().predict(points))


def column(name, *points):
    return described(*points).features[:, FEATURES.index(name)]


def load(isl=1024, osl=256, concurrency=16, **fields):
    return Workload(isl, osl, concurrency=concurrency, **fields)


def test_shipped_models_were_trained_on_the_features_that_the_code_makes():
    manifests = list(SHIPPED.glob("*/*/manifest.json"))
    assert manifests
    for path in manifests:
        stored = json.loads(path.read_text())
        assert (stored["feature_version"], tuple(stored["features"])) == (FEATURE_VERSION, FEATURES), path


def test_every_feature_has_one_name():
    assert len(set(FEATURES)) == len(FEATURES)


@pytest.mark.parametrize(("name", "lengths"), [("log_isl", (512, 128)), ("log_osl", (1024, 64))])
def test_lengths_are_logarithms(name, lengths):
    isl, osl = lengths
    short, long = column(
        name,
        serving_point(load=load(isl, osl)),
        serving_point(load=load(2 * isl if name == "log_isl" else isl, 2 * osl if name == "log_osl" else osl)),
    )
    assert long - short == pytest.approx(np.log(2))


def test_sizes_of_the_layout_are_logarithms_of_ranks():
    point = serving_point(plan=ParallelPlan(tp_size=4, pp_size=2))
    assert column("log_tp", point) == pytest.approx(np.log(4))
    assert column("log_stages", point) == pytest.approx(np.log(2))


def test_twice_the_devices_read_half_the_weights_each():
    one, two = described(serving_point(), serving_point(plan=ParallelPlan(tp_size=2))).tpot_floor_ms
    assert two == pytest.approx(one / 2)


def test_a_faster_memory_lowers_the_floor_in_proportion():
    point = serving_point()
    fast = replace(
        point,
        device=replace(point.device, memory_bandwidth_bytes_per_s=2 * point.device.memory_bandwidth_bytes_per_s),
    )
    slow_ms, fast_ms = (described(each).tpot_floor_ms[0] for each in (point, fast))
    assert fast_ms == pytest.approx(slow_ms / 2)


def test_cached_prompts_lower_the_floor_of_the_first_token_by_their_share():
    cold, warm = described(
        serving_point(load=load()), serving_point(load=load(prefix_cache_hit_rate=0.75))
    ).ttft_floor_ms
    assert warm == pytest.approx(cold / 4)


def test_experts_appear_only_where_there_are_any():
    dense, mixed = serving_point(), serving_point("Qwen/Qwen3-30B-A3B")
    for name in ("log_experts", "expert_share"):
        without, there = column(name, dense, mixed)
        assert without == 0 < there
    active = column("active_share", dense, mixed)
    assert active[0] == 1 > active[1] > 0


def test_narrower_weights_show_in_their_bytes_per_parameter():
    wide, narrow = column(
        "bytes_per_parameter",
        serving_point("meta-llama/Llama-3.1-70B-Instruct", plan=ParallelPlan(tp_size=4)),
        serving_point("neuralmagic/Meta-Llama-3.1-70B-Instruct-FP8", plan=ParallelPlan(tp_size=4)),
    )
    assert wide == pytest.approx(2.0, rel=0.01)
    assert 1.0 < narrow < 1.1


def test_a_static_batch_is_told_from_a_queue():
    closed, static = column(
        "static_batch", serving_point(load=load()), serving_point(load=load(load_mode=LoadMode.STATIC_BATCH))
    )
    assert (closed, static) == (0, 1)


def test_features_of_a_point_do_not_depend_on_its_company():
    points = [serving_point(load=load(concurrency=count)) for count in (1, 16, 64)]
    together = described(*points).features
    alone = np.vstack([described(point).features for point in points])
    np.testing.assert_array_equal(together, alone)
