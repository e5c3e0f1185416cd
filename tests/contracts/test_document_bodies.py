"""Bodies as the source documents show them are answered with every field that the documents show."""

import pytest
from service_doubles import CLUSTER_A, CLUSTER_B, MODEL

from budsim.commons.config import AppSettings
from budsim.simulator.questions import hardware_question
from budsim.simulator.request_schemas import HardwareRunRequest

pytestmark = pytest.mark.integration

DESIGN_RUN = {
    "pretrained_model_uri": MODEL,
    "model_uri": MODEL,
    "is_proprietary_model": False,
    "input_tokens": 1024,
    "output_tokens": 512,
    "concurrency": 10,
    "target_ttft": 1000.0,
    "target_throughput_per_user": 10.0,
    "target_e2e_latency": 60.0,
    "cluster_id": CLUSTER_A,
    "simulation_method": "heuristic",
    "hardware_mode": "dedicated",
}
README_RUN = {
    "model_name": MODEL,
    "hardware_type": "cuda",
    "optimization_target": "throughput",
    "constraints": {"max_batch_size": 32, "max_memory_gb": 24, "min_throughput_tokens_per_second": 100},
    "engine_preferences": ["vllm", "sglang"],
    "quantization_options": ["none", "int8", "int4"],
}
REAL_MODEL = "Qwen/Qwen3-8B"  # routes on nodes resolve models by the catalogue
NODES = {
    "model_id": REAL_MODEL,
    "cluster_id": CLUSTER_B,
    "hostnames": ["b-1", "b-2"],
    "hardware_mode": "dedicated",
    "input_tokens": 1024,
    "output_tokens": 512,
    "concurrency": 10,
}
DESIGN_METRICS = set(
    "device_types replica concurrency ttft throughput_per_user e2e_latency error_rate cost_per_million_tokens".split()
)
NODE_GROUP = set(
    """config_id name labels type engine_type tp_size pp_size envs args replicas image memory hardware_mode ttft
    throughput_per_user e2e_latency error_rate cost_per_million_tokens""".split()
)


def posted(client, path, body):
    answer = client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def run(client):
    return posted(client, "/simulator/run", DESIGN_RUN)


def test_the_designs_run_has_the_designs_answer(run):
    assert run["object"] == "cluster_recommendations"
    assert {"workflow_id", "recommendations", "created"} <= run.keys()
    (found,) = run["recommendations"]
    assert found["cluster_id"] == CLUSTER_A
    assert found["metrics"].keys() >= DESIGN_METRICS
    assert found["metrics"]["device_types"][0].keys() >= {"device_type", "num_replicas"}


def test_the_designs_query_of_recommendations(client, run):
    asked = {
        "workflow_id": run["workflow_id"],
        "cluster_id": CLUSTER_A,
        "concurrency": 10,
        "error_rate_threshold": 0.5,
        "page": 1,
        "limit": 1,
    }
    answer = client.get("/simulator/recommendations", params=asked).json()
    assert [item["metrics"] for item in answer["items"]] == [item["metrics"] for item in run["recommendations"]]
    other = client.get("/simulator/recommendations", params={**asked, "cluster_id": CLUSTER_B}).json()
    assert other["items"] == []


def test_the_designs_configurations_with_feedback(client, run):
    asked = {
        "workflow_id": run["workflow_id"],
        "cluster_id": CLUSTER_A,
        "error_rate_threshold": 0.5,
        "concurrency": 10,
    }
    (group,) = posted(client, "/simulator/configurations", asked)["node_groups"]
    assert group.keys() >= NODE_GROUP
    feedback = [{"config_id": group["config_id"], "failed": False}]
    kept = posted(client, "/simulator/configurations", {**asked, "feedback": feedback})
    assert kept["node_groups"][0]["config_id"] == group["config_id"]


def test_the_designs_node_configurations(client):
    found = posted(client, "/simulator/node-configurations", NODES)
    options = [option for device in found["device_configurations"] for option in device["tp_pp_options"]]
    assert {(option["tp_size"], option["pp_size"]) for option in options} >= {(1, 1), (2, 1), (1, 2)}


def test_the_designs_benchmark_configuration(client):
    chosen = {"device_type": "cuda", "tp_size": 2, "pp_size": 1, "replicas": 2, "model_uri": REAL_MODEL}
    (group,) = posted(client, "/simulator/benchmark-config", {**NODES, **chosen})["node_groups"]
    assert group.keys() >= NODE_GROUP
    assert (group["tp_size"], group["pp_size"], group["replicas"]) == (2, 1, 2)


def test_the_readmes_run_has_every_field_of_the_readmes_answer(client):
    found = posted(client, "/simulator/run", README_RUN)
    shown = {
        "simulation_id", "status", "optimal_configuration", "predicted_performance", "alternative_configurations",
        "simulation_metadata",
    }  # fmt: skip
    assert shown <= found.keys()
    assert found["status"] == "completed"
    best = found["optimal_configuration"]
    assert {"engine", "batch_size", "quantization", "num_replicas", "hardware_allocation"} <= best.keys()
    assert {"gpu_memory_gb", "cpu_cores"} <= best["hardware_allocation"].keys()
    assert best["batch_size"] <= 32
    assert best["engine"] in {"vllm", "sglang"}
    performance = found["predicted_performance"]
    assert performance.keys() == {
        "throughput_tokens_per_second", "time_to_first_token_ms", "p95_latency_ms", "memory_utilization_percent",
    }  # fmt: skip
    assert all(value > 0 for value in performance.values())
    for other in found["alternative_configurations"]:
        assert other["predicted_performance"].keys() == performance.keys()
    counted = found["simulation_metadata"]
    assert counted.keys() >= {"duration_seconds", "generations_evolved", "models_evaluated"}
    assert counted["models_evaluated"] > 0


def test_the_readmes_preferences_reach_the_search():
    asked = hardware_question(HardwareRunRequest(**README_RUN), MODEL, AppSettings(_env_file=None))
    assert asked.engines == ("vllm", "sglang")
    assert asked.precisions == (None, "int8", "int4")


def test_max_batch_size_of_the_environment_bounds_the_sequences(monkeypatch):
    monkeypatch.setenv("MAX_BATCH_SIZE", "16")
    asked = hardware_question(HardwareRunRequest(**README_RUN), MODEL, AppSettings(_env_file=None))
    assert asked.workload.concurrency == 32
    assert asked.engine_overrides == {"max_num_seqs": 16}
