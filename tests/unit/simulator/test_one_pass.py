"""Models that answer with one pass over the input (embeddings, scores) go the whole way: memory, prediction, search."""

from pathlib import Path

import pandas as pd
import pytest

import budsim
from budsim.simulator.points_table import estimate_memory, predict

MODELS = ["BAAI/bge-large-en-v1.5", "BAAI/bge-m3", "BAAI/bge-reranker-v2-m3", "nomic-ai/nomic-embed-text-v1.5"]


def points(**changes: object) -> pd.DataFrame:
    row = {"hardware": "L40S", "engine": "latentbud", "concurrency": 8, "isl": 256, "osl": 64}
    return pd.DataFrame([{"model": model, **row, **changes} for model in MODELS])


@pytest.mark.parametrize("hardware", ["L40S", "Xeon 8480+"])  # that host's memory is not stated
@pytest.mark.parametrize("engine", ["latentbud", "vllm"])
def test_an_encoder_needs_no_cache_to_start(hardware: str, engine: str) -> None:
    rows = estimate_memory(points(hardware=hardware, engine=engine))
    assert list(rows.status) == ["ok"] * len(MODELS), list(rows.reason)
    assert (rows.max_concurrency >= 1).all()
    assert not rows.reason.str.contains("consent flag").any()  # the length asked for is within the model's positions


def test_one_pass_has_no_time_between_tokens_and_ends_with_its_first_output() -> None:
    rows = predict(points())
    assert list(rows.status) == ["ok"] * len(MODELS), list(rows.reason)
    assert (rows.tpot_ms_mean == 0).all()
    assert list(rows.e2e_s_mean * 1e3) == pytest.approx(list(rows.ttft_ms_mean))
    assert list(rows.output_tps) == pytest.approx(list(rows.request_throughput))
    assert rows.reason.str.contains("one pass").all()


def test_output_length_means_nothing_to_one_pass() -> None:
    pd.testing.assert_series_equal(predict(points(osl=1)).ttft_ms_mean, predict(points(osl=200)).ttft_ms_mean)


def test_longer_inputs_take_longer() -> None:
    short, long = predict(points(isl=64)), predict(points(isl=500))
    assert (long.ttft_ms_mean > short.ttft_ms_mean).all()


def test_a_transcriber_is_refused_with_its_task() -> None:
    row = predict(pd.DataFrame([{"model": "openai/whisper-large-v3", "hardware": "L4", "concurrency": 1, "isl": 8,
                                 "osl": 8}])).iloc[0]  # fmt: skip
    assert row.status == "unsupported"
    assert "transcribe" in row.reason


@pytest.mark.parametrize("clusters", ["xeon.json", "l40s.json"])
def test_the_search_deploys_an_encoder_with_the_default_lengths_of_a_request(clusters: str) -> None:
    file = Path(__file__).parents[3] / "examples" / clusters
    found = budsim.simulate("BAAI/bge-m3", clusters=file, concurrency=16, input_tokens=512, engines=["latentbud"])
    assert len(found.recommendations) == 1, found.reasons
