"""What plots show is what the answers say."""

import pytest

from budsim.dashboard.charts import configuration_text, pareto_options, predicted_measured_options, value_of


def item(device="H100", cost=0.2, known=True, pareto=False, **metrics):
    figures = {
        "device_name": device, "replica": 1, "tp_size": 2, "pp_size": 1, "precision": "bf16", "ttft": 100.0,
        "e2e_latency": 2.0, "output_tps": 500.0, "throughput_per_user": 50.0, "cost_per_million_tokens": cost,
        "cost_known": known, "cost_per_hour_usd": 3.0, "meets_targets": True, "error_rate": 0.0, "confidence": 0.95,
        "binding": "memory",
    }  # fmt: skip
    return {
        "metrics": {**figures, **metrics}, "engine": "vllm", "cluster_id": "c", "cluster_name": None, "pareto": pareto,
        "intervals": {"ttft_ms_mean": (80.0, 130.0)},
    }  # fmt: skip


def test_every_configuration_is_one_point_under_its_device():
    options = pareto_options([item("A"), item("B"), item("A", e2e_latency=3.0)], "e2e_latency", "output_tps")
    assert {series["name"]: len(series["data"]) for series in options["series"]} == {"A": 2, "B": 1}


def test_devices_have_the_name_of_the_catalogue():
    named = [item("HL_325L", catalogue_name="Intel Gaudi3 HL-325L (OAM)"), item("HL_325L", catalogue_name=None)]
    options = pareto_options(named, "e2e_latency", "output_tps")
    assert [series["name"] for series in options["series"]] == ["Intel Gaudi3 HL-325L (OAM)", "HL_325L"]


def test_a_cost_that_is_not_known_is_no_point_and_never_zero():
    assert value_of(item(cost=0.0, known=False), "cost_per_million_tokens") is None
    options = pareto_options([item(cost=0.0, known=False)], "cost_per_million_tokens", "output_tps")
    assert options["series"] == []


def test_hovering_tells_the_configuration_its_figures_and_the_interval():
    text = configuration_text(item())
    for part in ("1 × TP 2", "TTFT 100 ms", "80 %: 80 – 130", "production ready", "limited by memory"):
        assert part in text


def test_unbeaten_configurations_stand_out():
    best, other = pareto_options([item(pareto=True), item()], "e2e_latency", "output_tps")["series"][0]["data"]
    assert best["symbol"] != other["symbol"]


@pytest.mark.parametrize("dark", [False, True])
def test_every_text_of_a_plot_is_plain(dark):
    options = pareto_options([item("<img src=x>")], "e2e_latency", "output_tps", dark=dark)
    assert options["tooltip"]["formatter"] == "{b}"  # the library's own template, which encodes what it fills in


def test_the_line_of_no_error_spans_what_was_measured():
    runs = [
        {"measured": {"ttft_ms_mean": m}, "predicted": {"ttft_ms_mean": p}, "configuration": {}}
        for m, p in ((10.0, 12.0), (100.0, 90.0))
    ]
    scatter, line = predicted_measured_options(runs, "ttft_ms_mean")["series"]
    assert [point["value"] for point in scatter["data"]] == [[10.0, 12.0], [100.0, 90.0]]
    assert line["data"][0] == [10.0, 10.0]
    assert line["data"][1] == [100.0, 100.0]
