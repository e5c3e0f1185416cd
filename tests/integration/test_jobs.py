"""Proprietary models and quantisation jobs, from the body to stored rows, recommendations and configurations."""

import uuid

import pytest
from service_doubles import CLUSTER_A, CLUSTER_B, clusters, platform_body

pytestmark = pytest.mark.integration

CPU_CLUSTER = "33333333-3333-4333-8333-333333333333"
CPU_NODE = {
    "id": "c-1",
    "name": "c-1",
    "status": True,
    "is_master": False,
    "devices": [
        {
            "type": "cpu_high",
            "name": "Intel(R) Xeon(R) Platinum 8480+",
            "raw_name": "Intel(R) Xeon(R) Platinum 8480+",
            "physical_cores": 112,
            "cores": 112,
            "socket_count": 2,
            "memory_gb": 512,
            "available_count": 1,
            "total_count": 1,
        }
    ],
}


@pytest.fixture
def with_cpus(client):
    """The usual clusters, and one of CPUs."""
    known = [*clusters(), {"id": CPU_CLUSTER, "name": "c", "nodes": [CPU_NODE]}]
    assert client.put("/clusters", json=known).status_code == 200
    yield client
    assert client.put("/clusters", json=clusters()).status_code == 200


def run(client, **changes):
    return client.post("/simulator/run", json=platform_body(**changes))


def proxy(client, model="openai/gpt-4o", **changes):
    none = {"target_ttft": 0, "target_throughput_per_user": 0, "target_e2e_latency": 0}
    return run(client, pretrained_model_uri=model, is_proprietary_model=True, **{**none, **changes})


def test_a_proprietary_model_gets_a_proxy_on_cpus_at_the_vendors_price(with_cpus):
    answer = proxy(with_cpus, input_tokens=1000, output_tokens=500)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    (found,) = body["recommendations"]
    assert found["cluster_id"] == CPU_CLUSTER
    assert found["engine"] == "litellm"
    assert found["metrics"]["cost_per_million_tokens"] == pytest.approx(10.0 + 2.5 * 2)
    assert found["metrics"]["performance_known"] is False
    assert body["assumptions"]["performance"].startswith("The vendor's")
    assert any("litellm runs on cpu" in reason for reason in body["reasons"])  # of the clusters of GPUs
    stored = with_cpus.get("/simulator/recommendations", params={"workflow_id": body["workflow_id"]}).json()
    assert stored["items"] == body["recommendations"]
    answer = with_cpus.post("/simulator/configurations", json={"workflow_id": body["workflow_id"]})
    assert answer.status_code == 200, answer.text
    group = answer.json()["node_groups"][0]
    assert (group["engine_type"], group["type"]) == ("litellm", "cpu_high")
    assert group["args"] == {"model": "openai/gpt-4o"}
    assert group["envs"] == {"NUM_CPUS": "1"}
    assert group["image"]


def test_an_unknown_price_is_null_with_the_reason_and_one_given_is_used(with_cpus):
    body = proxy(with_cpus, model="acme/m1").json()
    metrics = body["recommendations"][0]["metrics"]
    assert metrics["cost_known"] is False
    assert "usd_per_million_input_tokens" in metrics["cost_source"]
    found = with_cpus.post("/simulator/configurations", json={"workflow_id": body["workflow_id"]}).json()
    assert found["cost_per_million_tokens"] is None
    prices = {"usd_per_million_input_tokens": 0.0, "usd_per_million_output_tokens": 7.0}
    given = proxy(with_cpus, model="acme/m1", **prices).json()["recommendations"][0]["metrics"]
    assert (given["cost_known"], given["cost_per_million_tokens"]) == (True, 7.0)


def test_without_cpus_a_proxy_has_nowhere_to_run(client):
    answer = proxy(client)
    assert answer.status_code == 400
    assert "litellm runs on cpu" in answer.json()["message"]


def test_a_quantisation_job_says_devices_hours_and_cost(with_cpus):
    changes = {"is_quantization": True, "quantization_method": "AWQ", "quantization_type": "INT4"}
    answer = run(with_cpus, **changes)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    jobs = {found["cluster_id"]: found["metrics"]["job"] for found in body["recommendations"]}
    assert set(jobs) == {CLUSTER_A, CLUSTER_B, CPU_CLUSTER}
    assert jobs[CLUSTER_A] == jobs[CLUSTER_B]
    assert jobs[CLUSTER_A]["hours_basis"] == "assumed"
    assert jobs[CLUSTER_A]["devices"] == 1
    assert jobs[CLUSTER_A]["cost_usd"] > 0
    assert "assumed" in body["assumptions"]["hours"]
    deployed = {found["cluster_id"]: found["quantized_metrics"] for found in body["recommendations"]}
    assert deployed[CLUSTER_A]["precision"] == "w4a16"  # what engines call INT4 weights
    assert deployed[CLUSTER_A]["ttft"] > 0
    assert deployed[CLUSTER_A]["job"] is None
    asked = {"workflow_id": body["workflow_id"], "cluster_id": CLUSTER_A}
    group = with_cpus.post("/simulator/configurations", json=asked).json()["node_groups"][0]
    assert group["engine_type"] == "llmc"
    assert group["envs"] == {"TARGET_DEVICE": "cuda"}
    given = run(with_cpus, quantization_hours=3.0, **changes).json()["recommendations"]
    assert {found["metrics"]["job"]["hours"] for found in given} == {3.0}


def test_a_job_that_failed_is_not_offered_again(with_cpus):
    model = f"acme/{uuid.uuid4()}"
    workflow_id = proxy(with_cpus, model=model).json()["workflow_id"]
    asked = {"workflow_id": workflow_id}
    config_id = with_cpus.post("/simulator/configurations", json=asked).json()["node_groups"][0]["config_id"]
    told = {**asked, "feedback": [{"config_id": config_id, "failed": True, "reason": "no key"}]}
    assert with_cpus.post("/simulator/configurations", json=told).status_code == 400
    answer = proxy(with_cpus, model=model)
    assert answer.status_code == 400
    assert "failed when it was deployed before" in answer.json()["message"]


def test_the_event_body_and_the_asynchronous_way_take_jobs_too(with_cpus):
    wrapped = {
        "topic": "t",
        "pubsubname": "p",
        "data": platform_body(pretrained_model_uri="gpt-4o", is_proprietary_model=True, debug=True),
    }
    answer = with_cpus.post("/simulator/run", json=wrapped)
    assert answer.status_code == 200, answer.text
    assert answer.json()["recommendations"][0]["engine"] == "litellm"
