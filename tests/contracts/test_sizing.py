"""``POST /api/sizing``, ``POST /api/capacity``, prices by basis, and what happens at the edges."""

from datetime import UTC, datetime, timedelta

import pytest
from service_doubles import CLUSTER_A, CLUSTER_B, MODEL, clusters
from sqlalchemy import delete

from budsim.simulator.models import ExcludedConfiguration

pytestmark = pytest.mark.integration

LLAMA = "meta-llama/Llama-3.1-8B"
FIGURES = {
    "price_basis",
    "price_source",
    "usd_per_hour",
    "usd_per_million_input_tokens",
    "usd_per_million_output_tokens",
    "joules_per_input_token",
    "joules_per_output_token",
    "split_rule",
    "energy_rule",
}


def sizing(client, **changes):
    body = {
        "model_id": LLAMA,
        "method": "HEURISTIC",
        "workload": {"input_tokens": 256, "output_tokens": 64, "concurrency": 40},
        "targets": {"max_ttft_ms": 1000, "min_throughput_per_user_tps": 20},
        "devices": ["H100", "L40S"],
        "price_basis": "on_demand",
        **changes,
    }
    return client.post("/api/sizing", json=body)


def capacity(client, **changes):
    body = {
        "model_id": LLAMA,
        "method": "HEURISTIC",
        "cluster_id": CLUSTER_A,
        "input_tokens": 256,
        "output_tokens": 64,
        "targets": {"max_ttft_ms": 1000, "min_throughput_per_user_tps": 20},
        **changes,
    }
    return client.post("/api/capacity", json=body)


def optimize(client, **changes):
    body = {
        "model_id": MODEL,
        "method": "HEURISTIC",
        "workload": {"input_tokens": 512, "output_tokens": 128, "concurrency": 16},
        **changes,
    }
    return client.post("/api/optimize", json=body)


# --------------------------------------------------------------------------------------------------------------- prices
def test_costs_are_told_in_and_out_with_basis_source_and_energy(client):
    metrics = optimize(client, price_basis="on_demand").json()["predicted_metrics"]
    assert metrics["costs"].keys() >= FIGURES
    assert metrics["costs"]["price_basis"] == "on_demand"
    assert metrics["costs"]["usd_per_hour"] == metrics["cost_per_hour"]


@pytest.mark.parametrize("basis", ["on_demand", "reserved_1y", "reserved_3y", "spot", "on_prem"])
def test_each_basis_has_its_own_price_and_names_its_source(client, basis):
    found = sizing(client, devices=["H100"], price_basis=basis).json()
    costs = found["deployments"][0]["costs"]
    assert costs["price_basis"] == found["assumptions"]["price_basis"] == basis
    assert costs["usd_per_hour"] > 0
    assert costs["price_source"]


def test_what_nobody_published_has_no_price(client):
    found = sizing(client, devices=["Gaudi3", "H100"], price_basis="reserved_1y").json()
    assert [item["costs"]["usd_per_hour"] is None for item in found["deployments"]] == [False, True]
    assert "reserved_1y" in found["deployments"][1]["costs"]["price_source"]


def test_auto_never_ranks_bought_devices_among_rented_ones(client):
    found = sizing(client, devices=["Gaudi3", "H100"], price_basis="auto").json()
    assert found["assumptions"]["price_basis"] == "on_demand"
    assert [item["costs"]["price_basis"] for item in found["deployments"]] == ["on_demand", None]


def test_power_and_utilisation_of_bought_devices_are_the_callers(client):
    plain = sizing(client, devices=["H100"], price_basis="on_prem").json()
    dear = sizing(client, devices=["H100"], price_basis="on_prem", on_prem={"usd_per_kwh": 1.0, "utilization": 0.5})
    assert dear.json()["deployments"][0]["costs"]["usd_per_hour"] > 2 * plain["deployments"][0]["costs"]["usd_per_hour"]


def test_a_cluster_document_states_its_own_prices(client):
    priced = [{**entry, "usd_per_device_hour": {"cuda": 0.25}} for entry in clusters()]
    try:
        assert client.put("/clusters", json=priced).status_code == 200
        found = optimize(client, price_basis="spot").json()
        costs = found["predicted_metrics"]["costs"]
        assert costs["price_basis"] == "override"
        assert costs["usd_per_hour"] == 0.25 * found["optimal_config"]["num_devices"]
        wrong = client.put("/clusters", json=[{**priced[0], "usd_per_device_hour": {"cuda": -1}}])
        assert wrong.status_code == 400
        assert "usd_per_device_hour" in wrong.json()["message"]
    finally:
        client.put("/clusters", json=clusters())


# --------------------------------------------------------------------------------------------------------------- sizing
def test_devices_for_a_traffic_come_ranked_each_with_what_binds(client):
    found = sizing(client).json()
    assert found["object"] == "sizing"
    assert [item["device_name"] for item in found["deployments"]] == sorted(
        (item["device_name"] for item in found["deployments"]),
        key=lambda name: next(
            item["costs"]["usd_per_hour"] for item in found["deployments"] if item["device_name"] == name
        ),
    )
    for item in found["deployments"]:
        assert item["meets_targets"]
        assert item["ttft_p50_ms"] <= 1000
        assert item["binding"]
        assert item["reason"]
        assert item["costs"].keys() >= FIGURES


def test_high_availability_costs_a_replica(client):
    plain, safe = (sizing(client, require_high_availability=flag).json()["deployments"][0] for flag in (False, True))
    assert safe["spare_replicas"] == 1
    assert safe["costs"]["usd_per_hour"] > plain["costs"]["usd_per_hour"]


def test_the_same_question_gets_the_same_answer(client):
    first, second = (sizing(client).json() for _ in range(2))
    first.pop("seconds"), second.pop("seconds")
    assert first == second


def test_targets_that_no_device_meets_are_told_with_the_nearest(client):
    answer = sizing(client, targets={"max_ttft_ms": 0.01}, max_devices=8)
    assert answer.status_code == 200
    found = answer.json()
    assert (found["meets_targets"], found["deployments"]) == (False, [])
    assert all(item["binding"] == "ttft" and item["nearest"] for item in found["not_met"])


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"max_cost_per_hour": 0}, 422, "max_cost_per_hour"),
        ({"devices": ["Abacus 9000"]}, 400, "hardware"),
        ({"devices": []}, 422, "devices"),
        ({"max_devices": 0}, 422, "max_devices"),
        ({"price_basis": "gift"}, 422, "price_basis"),
        ({"on_prem": {"pue": 0.5}}, 422, "pue"),
        ({"model_id": "nobody/nothing"}, 400, "model"),
        ({"surprise": 1}, 422, "surprise"),
    ],
)
def test_what_cannot_be_sized_names_its_field(client, change, status, field):
    answer = sizing(client, **change)
    assert answer.status_code == status, answer.text
    assert field in str(answer.json())


def test_a_budget_that_buys_nothing_is_told(client):
    found = sizing(client, max_cost_per_hour=0.01).json()
    assert [item["binding"] for item in found["not_met"]] == ["budget", "budget"]


def test_ten_thousand_devices_may_be_asked_for(client):
    load = {"input_tokens": 256, "output_tokens": 64, "concurrency": 100_000}
    found = sizing(client, devices=["H100"], workload=load, max_devices=10_000).json()
    assert 100 < found["deployments"][0]["num_devices"] <= 10_000
    assert found["seconds"] < 20


# ------------------------------------------------------------------------------------------------------------- capacity
def test_traffic_for_a_cluster_comes_with_its_deployment_and_what_binds(client):
    answer = capacity(client)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    (cluster,) = found["clusters"]
    group = cluster["groups"][0]
    assert (cluster["cluster_id"], found["unit"]) == (CLUSTER_A, "concurrency")
    assert cluster["load"] == group["load"] > 0
    assert group["deployment"]["meets_targets"]
    assert group["binding"]
    assert "requests in flight" in group["reason"]


def test_twice_the_nodes_carry_no_less(client):
    found = capacity(client, cluster_id=None).json()["clusters"]
    assert [item["cluster_id"] for item in found] == [CLUSTER_B, CLUSTER_A]
    assert found[0]["load"] >= found[1]["load"]


def test_rates_are_counted_where_asked(client):
    found = capacity(client, load="request_rate").json()
    assert found["unit"] == "requests_per_second"
    assert 0 < found["clusters"][0]["load"] < 1000


def test_a_spare_replica_and_tighter_targets_carry_less(client):
    plain = capacity(client).json()["clusters"][0]["load"]
    assert 0 < capacity(client, require_high_availability=True).json()["clusters"][0]["load"] < plain
    tight = capacity(client, targets={"max_ttft_ms": 200, "min_throughput_per_user_tps": 40}).json()
    assert 0 < tight["clusters"][0]["load"] < plain


def test_targets_that_not_even_one_request_gets_are_told(client):
    found = capacity(client, targets={"max_ttft_ms": 0.01}).json()
    group = found["clusters"][0]["groups"][0]
    assert (found["meets_targets"], group["load"], group["binding"]) == (False, 0, "ttft")
    assert group["nearest"]


def test_without_devices_the_answer_says_why(client):
    try:
        assert client.put("/clusters", json=[]).status_code == 200
        empty = capacity(client, cluster_id=None)
        assert empty.status_code == 503
        assert "No cluster is known" in empty.json()["message"]
        assert optimize(client).status_code == 503
        bare = [{"id": CLUSTER_A, "name": "a", "nodes": []}]
        assert client.put("/clusters", json=bare).status_code in (200, 400)
        for answer in (capacity(client), optimize(client, cluster_id=CLUSTER_A)):
            assert 400 <= answer.status_code < 504
            assert answer.status_code != 500
            assert answer.json()["message"]
    finally:
        client.put("/clusters", json=clusters())
    assert capacity(client, cluster_id="00000000-0000-4000-8000-000000000000").status_code == 404


def test_ten_thousand_devices_carry_much(client):
    node = clusters()[0]["nodes"][0]
    large = [{**node, "id": f"n{index}", "name": f"n{index}"} for index in range(1250)]
    try:
        assert client.put("/clusters", json=[{"id": CLUSTER_A, "name": "a", "nodes": large}]).status_code == 200
        found = capacity(client).json()
        assert found["clusters"][0]["groups"][0]["num_devices"] == 10_000
        assert found["clusters"][0]["load"] > 100_000
        best = optimize(client, cluster_id=CLUSTER_A)
        assert best.status_code == 200
        assert best.json()["meets_targets"]
    finally:
        client.put("/clusters", json=clusters())


@pytest.mark.parametrize("model", [LLAMA, MODEL])
def test_when_everything_failed_before_the_answer_says_so(client, service, model):
    row = ExcludedConfiguration(
        model_name=model,
        cluster_id=CLUSTER_A,
        engine="vllm",
        device_name=clusters()[0]["nodes"][0]["devices"][0]["name"],
        config_hash="0" * 64,
        out_of_memory=True,
        memory_headroom_bytes=10**15,  # whatever has less to spare is left out
        expires_at=datetime.now(UTC) + timedelta(days=1),
    )
    with service.database.transaction() as session:
        session.add(row)
    try:
        if model == MODEL:
            answer = optimize(client, cluster_id=CLUSTER_A)
            assert answer.status_code == 400
            assert "ran out of memory" in answer.json()["message"]
        else:
            group = capacity(client).json()["clusters"][0]["groups"][0]
            assert (group["load"], group["binding"]) == (0, "excluded_memory")
            assert "ran out of memory" in group["reason"]
    finally:
        with service.database.transaction() as session:
            session.execute(delete(ExcludedConfiguration).where(ExcludedConfiguration.memory_headroom_bytes == 10**15))


@pytest.mark.parametrize(
    ("path", "change", "field"),
    [
        ("sizing", {"devices": ["H1000"]}, "devices"),
        ("sizing", {"model_id": "../up"}, "model_id"),
        ("capacity", {"devices": ["H1000"]}, "devices"),
        ("capacity", {"model_id": "../up"}, "model_id"),
    ],
)
def test_what_is_not_known_is_named_by_the_bodys_own_field(client, path, change, field):
    answer = client.post(f"/api/{path}", json={"model_id": "meta-llama/Llama-3.1-8B", **change})
    assert answer.status_code == 400
    assert answer.json()["param"]["field"] == field
