"""The user guide's question and answer."""

import pytest

from budsim.commons.config import AppSettings
from budsim.perf_model.workload import LoadMode
from budsim.simulator.optimization import optimize_question
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
        "max_replicas": 10,
        "max_gpus_per_replica": 8,
    }
    told = question(constraints={"max_replicas": 10}).assumptions
    assert "max_replicas" not in told
    assert told["max_gpus_per_replica"] == 8


def test_an_arrival_rate_replaces_the_concurrency():
    asked = question(workload={"request_rate": 4.0})
    assert asked.workload.load_mode is LoadMode.POISSON
    assert asked.workload.request_rate == 4.0
    assert "concurrency" not in asked.assumptions
