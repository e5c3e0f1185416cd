"""Chosen nodes: every layout that is offered can be placed, has memory and an image; what cannot says why."""

import uuid

import pytest
from service_doubles import CLUSTER_A, CLUSTER_B, a100, clusters

pytestmark = pytest.mark.integration

MODEL = "meta-llama/Llama-3.1-8B"
LARGE = "meta-llama/Llama-3.1-70B"
MODEL_ID = str(uuid.UUID(int=7))
CLUSTER_C = "33333333-3333-4333-8333-333333333333"


@pytest.fixture
def uneven(client):
    """A third cluster: two nodes with three free devices each, and one that is not active."""

    def node(name, available, status=True):
        return {"id": name, "name": name, "status": status, "is_master": False, "devices": [a100(available)]}

    document = [
        *clusters(),
        {"id": CLUSTER_C, "name": "c", "nodes": [node("c-1", 3), node("c-2", 3), node("c-3", 8, False)]},
    ]
    assert client.put("/clusters", json=document).status_code == 200
    yield
    assert client.put("/clusters", json=clusters()).status_code == 200


def body(**changes):
    return {"model_id": MODEL_ID, "cluster_id": CLUSTER_B, "hostnames": ["b-1", "b-2"], "model_uri": MODEL, **changes}


def options(answer):
    (device,) = answer["device_configurations"]
    return {(item["tp_size"], item["pp_size"]): item for item in device["tp_pp_options"]}


def test_the_answer_names_the_model_and_the_devices(client):
    answer = client.post("/simulator/node-configurations", json=body())
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["object"] == "node_configurations"
    assert found["model_info"]["model_id"] == MODEL_ID
    assert found["model_info"]["model_uri"] == MODEL
    # 8.03e9 parameters of 2 bytes
    assert found["model_info"]["estimated_weight_memory_gb"] == pytest.approx(16.06, rel=0.005)
    (device,) = found["device_configurations"]
    assert (device["device_type"], device["total_devices"], device["nodes_count"]) == ("cuda", 16, 2)
    assert device["min_tp_required"] == found["model_info"]["min_tp_for_model"] == 1
    assert options(found)[2, 1]["max_replicas"] == 8
    assert options(found)[8, 2]["max_replicas"] == 1
    assert found["selected_nodes"] == ["b-1", "b-2"]


def test_replicas_are_packed_by_node_and_inactive_nodes_do_not_count(client, uneven):
    asked = body(cluster_id=CLUSTER_C, hostnames=["c-1", "c-2", "c-3", "c-9"])
    found = client.post("/simulator/node-configurations", json=asked).json()
    assert found["selected_nodes"] == ["c-1", "c-2"]
    assert options(found)[2, 1]["max_replicas"] == 2  # 3 + 3 devices hold two pairs, not three
    assert any("c-3" in text for text in found["left_out"])
    assert any("c-9" in text for text in found["left_out"])


def test_a_large_model_needs_more_devices_in_tensor_or_pipeline_parallel(client):
    found = client.post("/simulator/node-configurations", json=body(model_uri=LARGE)).json()
    layouts = options(found)
    assert (1, 1) not in layouts
    assert all(tp * pp * 76e9 > 70.55e9 * 2 for tp, pp in layouts)


def test_more_concurrency_needs_no_fewer_replicas(client):
    needed = []
    for concurrency in (1, 100, 1000):
        found = client.post("/simulator/node-configurations", json=body(concurrency=concurrency)).json()
        needed.append(options(found)[1, 1]["replicas_for_concurrency"] or 17)
    assert needed == sorted(needed)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"hostnames": ["nowhere"]}, "No active nodes"),
        ({"cluster_id": str(uuid.UUID(int=1))}, "is not known"),
        ({"model_uri": "nobody/nothing-such"}, "nothing-such"),
        ({"input_tokens": 1_000_000}, "context length"),
    ],
)
def test_what_cannot_be_served_says_why(client, changes, word):
    answer = client.post("/simulator/node-configurations", json=body(**changes))
    assert answer.status_code == 400
    assert word in answer.json()["message"]


def benchmark(**changes):
    return body(cluster_id=CLUSTER_A, hostnames=["a-1"], device_type="CUDA", tp_size=2, **changes)


def test_a_benchmark_configuration_can_be_launched(client):
    answer = client.post("/simulator/benchmark-config", json=benchmark(replicas=2))
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["object"], found["model_id"], found["cluster_id"]) == ("benchmark_config", MODEL_ID, CLUSTER_A)
    (group,) = found["node_groups"]
    uuid.UUID(group["config_id"])
    assert group["image"]
    assert (group["args"]["model"], group["args"]["tensor-parallel-size"]) == (MODEL, 2)
    assert group["envs"] == {"VLLM_TARGET_DEVICE": "cuda"}
    assert 8 < group["memory"] < 80  # GB: half of the weights and the cache
    assert group["replicas"] == 2
    assert group["labels"]["concurrency"] == "5"
    assert (group["ttft"], group["throughput_per_user"], group["e2e_latency"]) == (0, 0, 0)
    again = client.post("/simulator/benchmark-config", json=benchmark(replicas=2)).json()
    assert again == found


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"replicas": 5}, "4 do"),
        ({"tp_size": 16}, "16"),
        ({"tp_size": 3}, "heads"),
        ({"device_type": "hpu"}, "No free hpu device"),
        ({"model_uri": LARGE, "tp_size": 1}, "does not fit"),
        ({"concurrency": 100_000}, "does not fit"),
    ],
)
def test_a_benchmark_that_cannot_run_is_refused_with_the_reason(client, changes, word):
    answer = client.post("/simulator/benchmark-config", json={**benchmark(), **changes})
    assert answer.status_code == 400, answer.text
    assert word in answer.json()["message"]


def test_unknown_fields_and_missing_ones_are_named(client):
    assert client.post("/simulator/benchmark-config", json=body()).status_code == 422
    assert client.post("/simulator/node-configurations", json=body(surprise=1)).status_code == 422


def test_a_benchmark_that_spans_nodes_says_so(client):
    asked = body(device_type="cuda", tp_size=8, pp_size=2)
    group = client.post("/simulator/benchmark-config", json=asked).json()["node_groups"][0]
    assert (group["nodes_spanned"], group["pods_per_replica"]) == (2, 2)
    one = client.post("/simulator/benchmark-config", json=body(device_type="cuda", tp_size=8)).json()["node_groups"][0]
    assert (one["nodes_spanned"], one["pods_per_replica"]) == (1, 1)


@pytest.mark.parametrize("path", ["node-configurations", "benchmark-config"])
def test_a_model_id_may_be_a_hub_id(client, path):
    asked = benchmark() if path == "benchmark-config" else body()
    by_uuid = client.post(f"/simulator/{path}", json=asked).json()
    by_name = client.post(f"/simulator/{path}", json={**asked, "model_id": MODEL})
    assert by_name.status_code == 200
    named = by_name.json()
    assert MODEL in (named.get("model_id"), named.get("model_info", {}).get("model_id"))
    assert named.get("device_configurations") == by_uuid.get("device_configurations")


def test_a_model_id_that_no_database_can_store_is_named(client):
    answer = client.post("/simulator/node-configurations", json=body(model_id="a\0b"))
    assert answer.status_code == 422
    assert "model_id" in str(answer.json()["param"])
