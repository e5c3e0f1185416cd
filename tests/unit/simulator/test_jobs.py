"""Jobs: nothing is predicted of them, what is assumed says so, and what is known is arithmetic."""

import json
from dataclasses import replace

import pytest
from search_doubles import CPU, GPU, group, tiny_arch

from budsim.engine_ops import litellm, llmc
from budsim.perf_model.parameters import weight_bytes
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.serving_point import Infeasible
from budsim.perf_model.workload import SloTargets, Workload
from budsim.simulator.deployment import cluster_metrics, node_group_configuration
from budsim.simulator.jobs import assumptions, job_row, option, refusal
from budsim.simulator.manifests import render
from budsim.simulator.ranking import cluster_recommendations
from budsim.simulator.schemas import NodeGroupConfiguration, SimulationMetrics
from budsim.simulator.simulation_request import Job, JobKind, SimulationRequest

CPUS = group(2, device=CPU, cores_per_device=4.0)
PROXY = Job(JobKind.PROPRIETARY, 2.0, 10.0, "a list")
QUANTISE = Job(JobKind.QUANTIZATION, method="AWQ", number_format="INT4")


def asked(job, isl=1000, osl=500, concurrency=10, **fields):
    return SimulationRequest("openai/gpt-x", Workload(isl, osl, concurrency=concurrency), job=job, **fields)


def row(job, devices=CPUS, arch=None, usd=None, excluded=frozenset(), **fields):
    request = asked(job, **fields)
    engine = option(request, arch, devices.device_type, {})
    assert engine is not None
    return job_row(request, arch, devices, engine, usd, "a price list", excluded)


def test_a_vendors_cost_is_its_prices_and_nothing_else():
    stored = row(PROXY)["top_k_configs"]
    assert stored["cost_per_million_tokens"] == 10.0 + 2.0 * 1000 / 500
    assert "2 USD in and 10 USD out" in stored["cost_source"]
    assert row(PROXY) == row(PROXY)


def test_without_a_price_there_is_no_cost_but_a_reason():
    unpriced = row(replace(PROXY, usd_per_million_output=None, price_source="no price of it is known"))
    assert unpriced["top_k_configs"]["cost_per_million_tokens"] is None
    metrics = cluster_metrics(unpriced)["metrics"]
    assert (metrics["cost_known"], metrics["cost_source"]) == (False, "no price of it is known")
    assert node_group_configuration(unpriced, 1)["cost_per_million_tokens"] is None


@pytest.mark.parametrize(("concurrency", "replicas", "each"), [(1, 1, 1), (100, 1, 100), (101, 2, 51), (800, 8, 100)])
def test_a_proxy_carries_a_hundred_requests_on_a_core(concurrency, replicas, each):
    stored = row(PROXY, concurrency=concurrency)["top_k_configs"]
    assert (stored["replicas"], stored["concurrency"], stored["max_replicas"]) == (replicas, each, 8)
    assert isinstance(row(PROXY, concurrency=801), Infeasible)


def test_a_proxy_runs_on_cpus_only():
    assert option(asked(PROXY), None, "cuda", {}) is None
    assert "cpu" in refusal(asked(PROXY), None, "cuda")
    assert option(asked(PROXY), None, "cpu_high", {"litellm_cpu": "own/image:1"}).image == "own/image:1"


def test_latencies_of_jobs_are_not_predicted_and_targets_not_judged():
    found = row(PROXY, targets=SloTargets(ttft_ms=1.0))
    metrics = SimulationMetrics.model_validate(cluster_metrics(found)["metrics"])
    assert metrics.performance_known is False
    assert metrics.meets_targets is False
    assert metrics.error_rate == 0.0
    assert row(PROXY)["top_k_configs"]["meets_targets"] is True
    assert "not judged" in assumptions(PROXY)["performance"]


def test_the_proxy_can_be_launched_in_every_form():
    configuration = node_group_configuration(row(PROXY), 7)
    assert NodeGroupConfiguration.model_validate(configuration).engine_type == "litellm"
    assert configuration["envs"] == {"NUM_CPUS": "1"}
    assert "litellm --model openai/gpt-x --port 4000" in render(configuration, "command")
    text = render(configuration, "kubernetes")
    assert "/health/liveliness" in text
    assert litellm.KEYS_SECRET in text


def test_quantisation_takes_the_fewest_devices_that_hold_the_weights():
    arch = tiny_arch()
    weights = weight_bytes(arch, resolve_precision(None, arch, None)).total
    small = group(8, device=GPU, memory_bytes_per_device=weights / 2)
    stored = row(QUANTISE, small, arch, usd=2.0)["top_k_configs"]
    assert stored["job"]["devices"] == 3  # 1.2 x the weights on halves of them
    assert stored["tp_size"] == 3
    assert stored["total_memory"] == pytest.approx(1.2 * weights / 3)
    too_small = row(QUANTISE, group(2, device=GPU, memory_bytes_per_device=weights / 2), arch)
    assert too_small.code == "memory"
    assert "3 " in too_small.reason


def test_hours_are_the_platforms_rule_called_assumed_until_the_caller_states_them():
    arch = tiny_arch()
    assumed = row(QUANTISE, group(8), arch, usd=3.0)["top_k_configs"]["job"]
    assert (assumed["hours"], assumed["hours_basis"]) == (pytest.approx(20 * 4 / 60), "assumed")
    assert assumed["cost_usd"] == pytest.approx(3.0 * assumed["hours"])
    given = row(replace(QUANTISE, hours=2.5), group(8), arch, usd=3.0)["top_k_configs"]["job"]
    assert (given["hours"], given["hours_basis"], given["cost_usd"]) == (2.5, "given", 7.5)
    assert row(QUANTISE, group(8), arch)["top_k_configs"]["job"]["cost_usd"] is None
    assert llmc.assumed_hours("RTN", "cpu") == pytest.approx(10 / 60)
    assert "assumed" in assumptions(QUANTISE)["hours"]


def test_what_llmc_cannot_quantise_has_a_reason():
    arch = tiny_arch()
    assert "cuda only" in row(replace(QUANTISE, method="GPTQ"), CPUS, arch).reason
    assert "already" in row(QUANTISE, group(8), replace(arch, quantization="awq")).reason
    other = replace(arch, architectures=("WhisperForConditionalGeneration",))
    assert option(asked(QUANTISE), other, "cuda", {}) is None
    assert "Whisper" in refusal(asked(QUANTISE), other, "cuda")


def test_the_cheapest_job_comes_first():
    arch = tiny_arch()
    dear = {**row(QUANTISE, group(8), arch, usd=9.0), "cluster_id": "dear"}
    cheap = {**row(QUANTISE, group(8), arch, usd=1.0), "cluster_id": "cheap"}
    unpriced = {**row(QUANTISE, group(8), arch), "cluster_id": "unpriced"}
    order = [found.row["cluster_id"] for found in cluster_recommendations([unpriced, dear, cheap])]
    assert order == ["cheap", "dear", "unpriced"]


def test_a_job_that_failed_is_left_out():
    failed = row(PROXY)["config_hash"]
    assert row(PROXY, excluded=frozenset({failed})).code == "excluded"


def test_rows_are_plain_json():
    for found in (row(PROXY), row(QUANTISE, group(8), tiny_arch(), usd=1.0)):
        assert json.loads(json.dumps(found, allow_nan=False)) == found
