"""The user guide's question and answer."""

import pytest

from budsim.commons.config import AppSettings
from budsim.perf_model.workload import LoadMode
from budsim.simulator.optimization import joined_front, optimize_question
from budsim.simulator.optimize_schemas import OptimizeRequest


def question(**fields):
    return optimize_question(OptimizeRequest(model_id="m", **fields), AppSettings())


def test_units_and_percentiles_are_those_of_the_user_guide():
    asked = question(targets={"max_latency_ms": 2000, "min_throughput_tps": 100, "max_ttft_ms": 500})
    assert asked.targets.e2e_p99_s == pytest.approx(2.0)
    assert asked.targets.output_tps == 100
    assert asked.targets.ttft_ms == 500
    assert asked.targets.ttft_percentile == 50


def test_a_target_of_zero_is_no_target():
    asked = question(targets={"max_latency_ms": 0, "min_throughput_tps": 0, "max_cost_per_hour": 0})
    assert (asked.targets.e2e_p99_s, asked.targets.output_tps, asked.targets.cost_per_hour_usd) == (None, None, None)


def test_the_defaults_of_the_user_guide_hold_and_those_of_the_load_are_told():
    asked = question()
    assert (asked.limits.max_replicas, asked.limits.max_devices_per_replica) == (10, 8)
    assert asked.limits.spare_replicas == 0
    assert asked.assumptions == {
        "optimization_target": "cost",
        "input_tokens": 1024,
        "output_tokens": 512,
        "concurrency": 10,
    }


def test_an_arrival_rate_replaces_the_concurrency():
    asked = question(workload={"request_rate": 4.0})
    assert asked.workload.load_mode is LoadMode.POISSON
    assert asked.workload.request_rate == 4.0
    assert "concurrency" not in asked.assumptions


def point(cost, latency, tps, meets=True):
    return {"cost_per_million_tokens": cost, "e2e_latency": latency, "output_tps": tps, "meets_targets": meets}


def place(*points):
    return {"cluster_id": "c", "device_name": "d", "engine": "e", "front": points}


def test_fronts_of_several_searches_join_without_beaten_points():
    front = joined_front([place(point(1, 2, 100), point(2, 1, 100)), place(point(1.5, 3, 90), point(3, 0.5, 90))])
    assert [item["cost_per_million_tokens"] for item in front] == [1, 2, 3]


def test_points_that_miss_targets_leave_when_others_meet_them():
    front = joined_front([place(point(1, 1, 100, meets=False), point(2, 2, 50))])
    assert [item["cost_per_million_tokens"] for item in front] == [2]


def test_a_point_without_a_price_is_the_dearest():
    front = joined_front([place(point(None, 1, 100), point(2, 2, 100))])
    assert [item["cost_per_million_tokens"] for item in front] == [2, None]
