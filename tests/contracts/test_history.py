"""The history lists runs, and each run everything that it kept."""

import uuid

import pytest
from service_doubles import platform_body

pytestmark = pytest.mark.integration


def test_a_run_is_in_the_history_newest_first(client):
    ids = [client.post("/simulator/run", json=platform_body()).json()["workflow_id"] for _ in range(2)]
    page = client.get("/simulator/runs", params={"limit": 2}).json()
    assert [item["workflow_id"] for item in page["items"]] == ids[::-1]
    assert page["total_items"] >= 2
    assert page["items"][0]["model"] == platform_body()["pretrained_model_uri"]
    assert page["items"][0]["status"] == "COMPLETED"
    assert page["items"][0]["concurrency"] == platform_body()["concurrency"]


def test_pages_are_disjoint_and_their_count_is_right(client):
    for _ in range(3):
        client.post("/simulator/run", json=platform_body())
    first = client.get("/simulator/runs", params={"limit": 1, "page": 1}).json()
    second = client.get("/simulator/runs", params={"limit": 1, "page": 2}).json()
    assert first["items"][0]["workflow_id"] != second["items"][0]["workflow_id"]
    assert first["total_pages"] == first["total_items"] == second["total_items"]


def test_every_recommendation_is_among_the_kept_configurations_and_one_is_unbeaten(client):
    answer = client.post("/simulator/run", json=platform_body()).json()
    kept = client.get(f"/simulator/results/{answer['workflow_id']}/configurations").json()["items"]
    assert {item["cluster_id"] for item in answer["recommendations"]} <= {item["cluster_id"] for item in kept}
    assert any(item["pareto"] for item in kept)
    assert answer["recommendations"][0]["metrics"] == kept[0]["metrics"]
    assert len({item["config_id"] for item in kept}) == len(kept)
    known = {item["name"] for item in client.get("/api/hardware", params={"limit": 1000}).json()["hardware"]}
    assert {item["metrics"]["catalogue_name"] for item in kept} <= known


def test_an_unknown_run_has_no_configurations_but_a_404(client):
    answer = client.get(f"/simulator/results/{uuid.uuid4()}/configurations")
    assert answer.status_code == 404
    assert answer.json()["param"] == {"field": "workflow_id"}


@pytest.mark.parametrize("query", [{"page": 0}, {"limit": 0}, {"limit": 100000}, {"page": 10**12}])
def test_pages_beyond_reason_name_the_field(client, query):
    answer = client.get("/simulator/runs", params=query)
    assert answer.status_code == 422
    assert answer.json()["param"]["field"].endswith(next(iter(query)))


def test_models_are_found_by_parts_of_their_name(client):
    found = client.get("/models", params={"search": "llama 3.1 8b", "limit": 20}).json()
    assert "meta-llama/Llama-3.1-8B-Instruct" in found["models"]
    assert len(found["models"]) <= 20
    assert found["total_items"] >= 550


def test_a_run_tells_what_it_was_asked(client):
    body = platform_body(target_ttft=432, target_throughput_per_user=11, target_e2e_latency=77)
    run = client.post("/simulator/run", json=body).json()["workflow_id"]
    asked = client.get(f"/simulator/runs/{run}").json()
    targets = [asked[name] for name in ("target_ttft", "target_throughput_per_user", "target_e2e_latency")]
    assert targets == [432, 11, 77]
    assert asked["allow_disaggregated"] is False
    assert asked in client.get("/simulator/runs", params={"limit": 5}).json()["items"]
    assert client.get(f"/simulator/runs/{uuid.uuid4()}").status_code == 404
    assert client.get("/simulator/runs/no-id").status_code == 422
