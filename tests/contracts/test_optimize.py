"""``POST /api/optimize`` is what the user guide shows."""

import json

import pytest
from service_doubles import CLUSTER_A, MODEL

pytestmark = pytest.mark.integration


def body(**changes):
    return {
        "model_id": MODEL,
        "cluster_id": CLUSTER_A,
        "method": "HEURISTIC",
        "targets": {"max_latency_ms": 20000, "min_throughput_tps": 100},
        "constraints": {"max_replicas": 4, "max_cost_per_hour": 50},
        "workload": {"input_tokens": 512, "output_tokens": 128, "concurrency": 16},
        **changes,
    }


def optimize(client, **changes):
    return client.post("/api/optimize", json=body(**changes))


def test_the_answer_has_every_field_of_the_user_guide(client):
    answer = optimize(client)
    assert answer.status_code == 200
    found = answer.json()
    config = {"tensor_parallel_size", "pipeline_parallel_size", "max_num_seqs", "max_model_len", "replicas"}
    assert config <= found["optimal_config"].keys()
    assert {"ttft_p50_ms", "ttft_p99_ms", "throughput_tps", "cost_per_hour"} <= found["predicted_metrics"].keys()
    assert "confidence" in found
    assert found["optimal_config"]["cluster_id"] == CLUSTER_A
    assert found["predicted_metrics"]["cost_per_hour"] <= 50
    assert found["optimal_config"]["replicas"] <= 4
    assert found["predicted_metrics"]["latency_p99_ms"] <= 20000
    assert found["predicted_metrics"]["throughput_tps"] >= 100
    assert found["meets_targets"]
    assert found["reason"]


def test_the_guides_curl_works_as_written(client):
    """``curl -d`` without a content type, with a bearer token."""
    headers = {"Authorization": "Bearer t", "Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post("/api/optimize", content=json.dumps(body()), headers=headers)
    assert answer.status_code == 200
    assert answer.json()["optimal_config"]["tensor_parallel_size"] >= 1


def test_high_availability_keeps_a_replica_to_spare(client):
    plain = optimize(client).json()["optimal_config"]
    safe = optimize(client, constraints={"require_high_availability": True}).json()["optimal_config"]
    assert safe["replicas"] >= 2
    assert safe["num_devices"] > plain["num_devices"] or safe["replicas"] > plain["replicas"]


def test_no_point_of_the_front_is_beaten_by_another(client):
    front = optimize(client).json()["pareto"]
    assert front
    figures = [(p["cost_per_million_tokens"] or 0, p["e2e_latency"], -p["output_tps"]) for p in front]
    for mine in figures:
        assert not any(o != mine and all(a <= b for a, b in zip(o, mine, strict=True)) for o in figures)
    assert all(point["reason"] for point in front)


def test_the_method_reads_in_any_case_and_blank_fields_come_back_as_assumptions(client):
    answer = optimize(client, method="heuristic", workload={})
    assert answer.status_code == 200
    assert answer.json()["assumptions"]["concurrency"] == 10
    assert answer.json()["method"] == "HEURISTIC"


def test_the_same_question_gets_the_same_answer(client):
    first, second = (optimize(client).json() for _ in range(2))
    for answer in (first, second):
        answer.pop("workflow_id"), answer.pop("metadata")
        for point in (answer, *answer["alternatives"]):
            point["optimal_config"].pop("config_id")
    assert first == second


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"constraints": {"max_cost_per_hour": 0}}, "max_cost_per_hour"),
        ({"constraints": {"max_replicas": 0}}, "max_replicas"),
        ({"constraints": {"allowed_gpu_types": [""]}}, "allowed_gpu_types"),
        ({"method": "GUESS"}, "method"),
        ({"workload": {"request_rate": -1}}, "request_rate"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_cannot_be_names_its_field(client, change, field):
    answer = optimize(client, **change)
    assert answer.status_code == 422
    assert field in str(answer.json()["param"])


TWO_REPLICAS_IN_ONE = {"require_high_availability": True, "max_replicas": 1}


@pytest.mark.parametrize(
    ("change", "field", "word"),
    [
        ({"constraints": {"max_cost_per_hour": 0.001}}, "constraints.max_cost_per_hour", "budget"),
        ({"constraints": {"allowed_gpu_types": ["TPU v9"]}}, "constraints.allowed_gpu_types", "TPU v9"),
        ({"constraints": TWO_REPLICAS_IN_ONE}, "constraints.require_high_availability", "2 replicas"),
        ({"engines": ["vlm"]}, "engines", "use one of vllm"),
        ({"quantization_options": ["int3"]}, "quantization_options", "unknown precision"),
        ({"workload": {"input_tokens": 10**6}}, "workload.input_tokens", "context length"),
        ({"model_id": "nobody/knows"}, "model_id", "nobody/knows"),
        ({"workload": {"concurrency": 100_000}}, "workload.concurrency", "Serve"),
        ({"targets": {"max_ttft_ms": 0.001}}, "targets.max_ttft_ms", "Relax ttft"),
        ({"targets": {"max_latency_ms": 0.001}}, "targets.max_latency_ms", "Relax e2e_p99"),
        ({"targets": {"min_throughput_tps": 1e9}}, "targets.min_throughput_tps", "Relax output_throughput"),
    ],
)
def test_what_nothing_can_meet_names_its_field_and_says_why(client, change, field, word):
    answer = optimize(client, **change)
    assert answer.status_code == 400
    assert answer.json()["param"]["field"] == field
    assert word in answer.json()["message"]


@pytest.mark.parametrize(
    ("bounds", "kind"),
    [
        ({"max_cost_per_hour": 0.001}, "budget"),
        (TWO_REPLICAS_IN_ONE, "max_replicas"),
        (TWO_REPLICAS_IN_ONE, "high_availability"),
    ],
)
def test_a_bound_that_is_in_the_way_says_what_it_has_to_become_and_that_is_enough(client, bounds, kind):
    refused = optimize(client, constraints=bounds).json()
    changes = next(remedy["changes"] for remedy in refused["param"]["remedies"] if remedy["kind"] == kind)
    assert "What would help" in refused["message"]
    assert optimize(client, constraints={**bounds, **changes}).status_code == 200


def test_what_is_wrong_with_the_request_everywhere_is_said_once(client):
    answer = optimize(client, cluster_id=None, quantization_options=["int3"])
    assert answer.json()["message"].count("unknown precision") == 1


def test_people_read_the_catalogues_name_of_a_device_and_the_clusters_own(client):
    refused = optimize(client, constraints={"max_cost_per_hour": 0.001}).json()
    for text in (refused["message"], *refused["param"]["reasons"]):
        assert "Cluster a: NVIDIA A100 SXM4 80GB" in text
        assert "NVIDIA-A100-SXM4-80GB" not in text
        assert CLUSTER_A not in text
    assert {item["device_name"] for item in refused["param"]["refusals"]} == {"NVIDIA-A100-SXM4-80GB"}


def test_an_engine_that_is_none_is_told_beside_the_one_that_is_used(client):
    answer = optimize(client, engines=["sglng", "vllm"]).json()
    assert answer["optimal_config"]["engine"] == "vllm"
    assert any("sglng" in reason and "vllm" not in reason for reason in answer["reasons"])


def test_a_device_that_is_nowhere_is_told_beside_those_that_are_found(client):
    answer = optimize(client, constraints={"allowed_gpu_types": ["A100", "H1000"]}).json()
    assert answer["optimal_config"]["device_name"] == "NVIDIA-A100-SXM4-80GB"
    assert any("H1000" in reason and "A100" not in reason for reason in answer["reasons"])


def test_the_run_can_be_read_again_under_its_id(client):
    answer = optimize(client).json()
    again = client.get(f"/simulator/results/{answer['workflow_id']}").json()
    assert again == answer


# Long prompts and short gaps: prompts in the same steps as answers make TPOT miss what two pools meet.
APART = {
    "workload": {"input_tokens": 6000, "output_tokens": 128, "concurrency": 16},
    "optimization_target": "latency",
    "targets": {},
    "constraints": {"max_replicas": 4},
}


def test_pools_are_proposed_only_where_the_caller_allows_them(client):
    plain, allowed = (optimize(client, **APART, **more).json() for more in ({}, {"allow_disaggregated": True}))
    assert plain["optimal_config"]["prefill"] is None
    assert all(point["prefill_instances"] == 0 for point in plain["pareto"])
    proposed = [allowed, *allowed["alternatives"]]
    pools = [point["optimal_config"] for point in proposed if point["optimal_config"]["prefill"]]
    assert pools or any(point["prefill_instances"] for point in allowed["pareto"])
    for config in pools:
        assert config["replicas"] + config["prefill"]["instances"] <= 4
        prefill = config["prefill"]["instances"] * config["prefill"]["tensor_parallel_size"]
        assert config["num_devices"] == config["replicas"] * config["tensor_parallel_size"] + prefill


def test_a_deployment_of_pools_is_fetched_with_both_groups(client):
    found = optimize(client, **APART, allow_disaggregated=True).json()
    points = [point["optimal_config"] for point in [found, *found["alternatives"]]]
    chosen = next(config for config in points if config["prefill"])
    answer = client.get(f"/simulator/results/{found['workflow_id']}/configurations/{chosen['config_id']}")
    assert answer.status_code == 200
    groups = {group["role"]: group for group in answer.json()["node_groups"]}
    assert groups["decode"]["replicas"] == chosen["replicas"]
    assert groups["prefill"]["replicas"] == chosen["prefill"]["instances"]
    assert all("kv-transfer-config" in group["args"] for group in groups.values())
