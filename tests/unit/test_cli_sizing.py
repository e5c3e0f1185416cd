"""``budsim size`` and ``budsim capacity``, and the functions behind them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import budsim
from budsim.cli import main
from budsim.commons.errors import InvalidRequestError

MODEL = "meta-llama/Llama-3.1-8B"
CLUSTERS = str(Path(__file__).parents[2] / "examples" / "h100.json")
SHORT = ["--isl", "128", "--osl", "32", "--method", "heuristic"]


def run(*words):
    return CliRunner().invoke(main, [*words, *SHORT])


def test_sizes_are_a_table_and_the_same_as_json():
    words = ["size", MODEL, "--concurrency", "8", "--device", "H100", "--ttft-ms", "1000"]
    table, plain = run(*words), run(*words, "--json")
    assert (table.exit_code, plain.exit_code) == (0, 0), table.output
    found = json.loads(plain.stdout)["deployments"][0]
    assert found["device_name"] in table.stdout
    assert found["meets_targets"]


def test_capacity_is_a_table_and_the_same_as_json():
    words = ["capacity", MODEL, "--clusters", CLUSTERS, "--ttft-ms", "1000"]
    table, plain = run(*words), run(*words, "--json")
    assert (table.exit_code, plain.exit_code) == (0, 0), table.output
    found = json.loads(plain.stdout)["clusters"][0]
    assert found["load"] > 0
    assert found["groups"][0]["device_name"] in table.stdout


@pytest.mark.parametrize("words", [["size", MODEL, "--device", "H100"], ["capacity", MODEL, "--clusters", CLUSTERS]])
def test_targets_that_nothing_meets_are_an_exit_code(words):
    found = run(*words, "--ttft-ms", "0.001", "--json")
    assert found.exit_code == 4
    assert "ttft" in found.stdout


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"max_usd_per_hour": 0}, "max_usd_per_hour"),
        ({"max_devices": 0}, "max_devices"),
        ({"concurrency": 1, "request_rate": 1.0}, "request_rate"),
        ({"goal": "prettiest"}, "goal"),
        ({"price_basis": "gift"}, "price_basis"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_names_its_field(fields, field):
    with pytest.raises(InvalidRequestError) as caught:
        budsim.size(MODEL, devices=["H100"], method="heuristic", **fields)
    assert caught.value.param["field"] == field


def test_no_cluster_is_an_error():
    with pytest.raises(InvalidRequestError, match="no usable cluster"):
        budsim.capacity(MODEL, clusters=[], method="heuristic")
