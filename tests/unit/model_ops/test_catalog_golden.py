"""Every catalogued model answers what the reviewed golden file says, and every remainder has a cause."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest

from budsim.commons.errors import UnsupportedModelError
from budsim.model_ops.analysis import summarize
from budsim.model_ops.catalog import packaged_catalog

GOLDEN = Path(__file__).parents[2] / "golden" / "model_catalog.csv"


@pytest.fixture(scope="module")
def golden() -> dict[str, dict[str, str]]:
    with GOLDEN.open(encoding="utf-8") as file:
        return {row["model"]: row for row in csv.DictReader(file)}


def test_the_golden_file_lists_the_catalogue(golden: dict[str, dict[str, str]]) -> None:
    assert list(golden) == packaged_catalog().names
    answered = [row for row in golden.values() if row["parameters"]]
    assert len(answered) >= 550


def test_parameters_and_cache_are_those_of_the_golden_file(golden: dict[str, dict[str, str]]) -> None:
    catalog, differing = packaged_catalog(), []
    for name, row in golden.items():
        match = catalog.match(name)
        assert match is not None
        if not row["parameters"]:
            with pytest.raises(UnsupportedModelError):
                catalog.architecture(match, name)
            continue
        summary = summarize(catalog.architecture(match, name))
        same = summary["parameters"] == int(row["parameters"]) and all(
            math.isclose(summary[column], float(row[column]), rel_tol=1e-8)
            for column in ("kv_bytes_per_token", "kv_bytes_per_token_long_context", "state_bytes_per_sequence")
        )
        if not same:
            differing.append(name)
    assert differing == []


def test_every_remainder_above_a_thousandth_names_its_cause(golden: dict[str, dict[str, str]]) -> None:
    unnamed = [
        name for name, row in golden.items()
        if row["published"] and abs(int(row["parameters"]) / int(row["published"]) - 1) > 1e-3
        and not row["remainder_cause"]
    ]  # fmt: skip
    assert unnamed == []


def test_remainders_without_an_explanation_stay_few(golden: dict[str, dict[str, str]]) -> None:
    open_ones = [name for name, row in golden.items() if "not explained" in row["remainder_cause"]]
    assert len(open_ones) <= 20, open_ones


@pytest.mark.parametrize(
    ("model", "spelled_out"),
    [
        ("meta-llama/Llama-3.1-8B", 32 * 8 * (128 + 128) * 2),
        ("deepseek-ai/DeepSeek-V3", 61 * (512 + 64) * 2),
        ("google/gemma-3-27b-it", 62 * 16 * (128 + 128) * 2),
        ("openai/gpt-oss-120b", 36 * 8 * (64 + 64) * 2),
        ("meta-llama/Llama-4-Scout-17B-16E", 48 * 8 * (128 + 128) * 2),
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", 12 * 2 * (256 + 256) * 2),
        # 2 windowed layers keep every token, 21 keep one entry of 4, 20 one of 128
        ("deepseek-ai/DeepSeek-V4-Flash", 2 * 512 * 2 + 21 * 512 * 2 / 4 + 20 * 512 * 2 / 128),
        ("intfloat/multilingual-e5-small", 0),
    ],
)
def test_cache_bytes_of_a_token_spelled_out(golden: dict[str, dict[str, str]], model: str, spelled_out: float) -> None:
    assert float(golden[model]["kv_bytes_per_token"]) == spelled_out
