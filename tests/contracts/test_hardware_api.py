"""The device catalogue over HTTP: one catalogue, whole figures, and devices of one's own."""

import math

import pytest

OWN = {"name": "Contract X1 96GB", "device_type": "cuda", "memory_gb": 96, "memory_bandwidth_gb_s": 4000,
       "bf16_tflops": 800, "usd_per_hour": 2.5, "tdp_watts": 500}  # fmt: skip
PATH = "/api/hardware/Contract X1 96GB"


@pytest.fixture
def own(client, service_settings, monkeypatch):
    monkeypatch.setattr("budsim.commons.catalogs.custom_devices_path", lambda: service_settings.data_dir / "own.yaml")
    answer = client.post("/api/hardware", json=OWN)
    assert answer.status_code == 201, answer.text
    yield answer.json()
    client.delete(PATH)


def test_datasheet_figures_are_shown_in_their_units(client):
    device = client.get("/api/hardware/H100 SXM").json()
    assert device["name"] == "NVIDIA H100 SXM 80GB"
    assert (device["memory_size"], device["memory_bw"], device["power"]) == (80, 3350, 700)  # NVIDIA's datasheet
    assert device["flops"] == pytest.approx(989.5, rel=1e-3)
    assert device["icn"] == 450  # NVLink 4: 900 GB/s both directions
    assert device["matched_by"]


def test_the_index_is_the_platforms_formula(client):
    device = client.get("/api/hardware/A100 SXM4 80GB").json()
    expected = 10 ** (-3.46 - 0.05 * math.log10(312) + 0.49 * math.log10(80) + 1.03 * math.log10(2039))
    assert device["price_index"] == pytest.approx(expected, abs=0.006)
    assert device["price_index"] == 5.71


def test_every_range_holds_and_the_order_is_kept(client):
    asked = {"min_memory": 40, "max_memory": 100, "min_memory_bw": 1500, "max_price": 4, "sort_by": "perf_per_dollar",
             "sort_order": "desc", "type": "gpu"}  # fmt: skip
    found = client.get("/api/hardware/filter", params=asked).json()["hardware"]
    assert len(found) > 3
    for device in found:
        assert 40 <= device["memory_size"] <= 100
        assert device["memory_bw"] >= 1500
        assert device["price_per_hour"] <= 4
        assert device["type"] == "gpu"
    values = [device["perf_per_dollar"] for device in found]
    assert values == sorted(values, reverse=True)


def test_an_empty_range_is_named(client):
    answer = client.get("/api/hardware/filter", params={"min_memory": 90, "max_memory": 80})
    assert (answer.status_code, answer.json()["param"]["field"]) == (400, "memory_size")


def test_the_list_is_the_whole_catalogue_in_pages(client):
    first = client.get("/api/hardware", params={"limit": 60}).json()
    rest = client.get("/api/hardware", params={"limit": 60, "offset": 60}).json()
    names = [device["name"] for device in first["hardware"] + rest["hardware"]]
    assert len(names) == first["total"] >= 103
    assert names == sorted(names)


def test_a_search_finds_pci_ids_and_words(client):
    found = client.get("/api/hardware/search", params={"query": "amd mi300x"}).json()["hardware"]
    assert [device["manufacturer"] for device in found] == ["AMD"] * len(found)
    assert found
    assert client.get("/api/hardware/search", params={"query": "10de:2330"}).json()["total"] >= 1


def test_prices_say_where_they_come_from(client):
    vendors = client.get("/api/hardware/vendors/H100 SXM").json()["on_prem_vendors"]
    assert vendors[0]["price_lower"] == 30000
    assert vendors[0]["source"]
    clouds = client.get("/api/hardware/clouds/H100 SXM").json()["clouds"]
    prices = [cloud["instances"][0]["price_lower"] for cloud in clouds]
    assert prices == sorted(prices)
    assert prices
    assert {entry["name"] for entry in client.get("/api/hardware/vendors").json()} >= {"NVIDIA", "AMD", "Intel"}
    assert {cloud["name"] for cloud in clouds} <= {entry["name"] for entry in client.get("/api/hardware/clouds").json()}


@pytest.mark.parametrize("path", ["", "vendors/", "clouds/"])
def test_an_unknown_device_is_a_404_with_near_names(client, path):
    answer = client.get(f"/api/hardware/{path}H1000")
    assert answer.status_code == 404
    assert any("H100" in name for name in answer.json()["param"]["near"])


def test_chips_are_rounded_up(client):
    found = client.post("/api/hardware/recommend", json={"total_memory_gb": 86, "model_params_b": 40}).json()
    by_name = {entry["hardware_name"]: entry for entry in found["gpu_recommendations"]}
    assert by_name["NVIDIA H100 SXM 80GB"]["nodes_required"] == 2  # 85.52 GB are reported
    assert found["cpu_recommendations"] == []
    keys = [(entry["nodes_required"], -entry["utilization"]) for entry in found["gpu_recommendations"]]
    assert keys == sorted(keys)
    assert all(entry["utilization"] <= 100 for entry in found["gpu_recommendations"])
    small = client.post("/api/hardware/recommend", json={"total_memory_gb": 16, "model_params_b": 8}).json()
    assert small["cpu_recommendations"]
    assert small["total_recommendations"] == len(small["cpu_recommendations"]) + len(small["gpu_recommendations"])


def test_a_device_of_ones_own_is_in_the_one_catalogue(client, own):
    assert own["is_custom"]
    assert client.get(PATH).json()["price_per_hour"] == 2.5
    asked = {"batch_sizes": [1], "model_categories": ["8B"], "hardware": [OWN["name"]]}
    answer = client.post("/api/usecases/chat_support/recommendations", json=asked).json()
    models = answer["recommendations"][0]["recommended_models"]
    assert models[0]["batch_configurations"][0]["hardware_options"][0]["hardware_name"] == OWN["name"]
    assert client.post("/api/hardware", json=OWN).status_code == 409
    changed = client.put(PATH, json={**OWN, "usd_per_hour": 3.5})
    assert changed.json()["price_per_hour"] == 3.5
    assert client.delete(PATH).json() == {"name": OWN["name"]}
    assert client.get(PATH).status_code == 404
    assert client.delete(PATH).status_code == 404


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"memory_gb": None}, "memory_gb"),
        ({"memory_bandwidth_gb_s": -1}, "memory_bandwidth_gb_s"),
        ({"bf16_tflops": None}, "bf16_tflops"),
        ({"fp8_tflops": 1}, "fp8_tflops"),
        ({"aliases": ["H100"]}, "aliases"),
        ({"memory_gb": 1e12}, "memory_gb"),
    ],
)
def test_a_figure_that_cannot_be_is_named_and_nothing_is_stored(client, change, field):
    body = {name: value for name, value in {**OWN, **change}.items() if value is not None}
    answer = client.post("/api/hardware", json=body)
    assert (answer.status_code, answer.json()["param"]["field"]) == (400, field)
    assert client.get(PATH).status_code == 404


def test_shipped_devices_cannot_be_changed(client):
    h100 = "NVIDIA H100 SXM 80GB"
    assert client.delete(f"/api/hardware/{h100}").status_code == 409
    assert client.put(f"/api/hardware/{h100}", json={**OWN, "name": h100}).status_code == 409
    assert client.post("/api/hardware", json={**OWN, "name": h100}).status_code == 409
