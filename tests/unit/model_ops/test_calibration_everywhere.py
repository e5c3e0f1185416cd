"""What an imported start-up log measured answers every memory question about that model, device and engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

import budsim
from budsim.commons import config
from budsim.model_ops.calculator import fit_on_device
from budsim.model_ops.services import calibration_store, default_library, memory_basis, memory_corrections
from budsim.model_ops.startup_calibration import Calibration
from budsim.simulator import search_worker
from budsim.simulator.points_reader import read_rows

GIB = 2**30
MODEL, DEVICE = "meta-llama/Llama-3.1-8B-Instruct", "NVIDIA H100 SXM 80GB"
H100 = Path(__file__).parents[3] / "examples" / "h100.json"


@pytest.fixture(autouse=True)
def _kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("BUDSIM_DATA_DIR", str(tmp_path))
    config.settings.cache_clear()
    calibration_store().keep(Calibration(MODEL, DEVICE, "vllm", "0.19.0", "bf16", 1, 1, non_torch_bytes=20 * GIB))
    yield
    config.settings.cache_clear()


def table(**changes: object) -> pd.DataFrame:
    return pd.DataFrame([{"model": MODEL, "hardware": DEVICE, "concurrency": 8, "isl": 512, "osl": 64, **changes}])


def test_a_table_of_predictions_and_of_memory_have_the_same_calibrated_cache() -> None:
    predicted, estimated = budsim.predict(table()).iloc[0], budsim.estimate_memory(table()).iloc[0]
    plain = budsim.predict(table(model="meta-llama/Llama-3.1-8B")).iloc[0]  # same shape, no log of this name
    assert predicted.kv_cache_tokens == estimated.kv_cache_tokens
    assert plain.kv_cache_tokens - predicted.kv_cache_tokens == pytest.approx(20 * GIB / 131072, rel=0.01)
    for row in (predicted, estimated):
        assert "calibrated by a start-up log of vllm 0.19.0" in row.reason
    assert "calibrated" not in str(plain.reason)


def test_another_device_and_another_engine_stay_as_computed() -> None:
    assert "calibrated" not in str(budsim.predict(table(hardware="H200")).iloc[0].reason)
    other = budsim.predict(table(engine="sglang")).iloc[0]
    assert "weights calibrated" in other.reason  # weights do not depend on the engine, the rest is not carried over


def test_a_search_in_process_and_in_a_worker_use_it_and_say_so() -> None:
    found = budsim.simulate(MODEL, clusters=H100, concurrency=8)
    assert "start-up logs" in found.assumptions["memory"]
    assert DEVICE in found.assumptions["memory"]
    asked = read_rows(table())[0].point
    (answer,) = search_worker.predictor("heuristic").predict([asked])
    assert answer.kv_cache_tokens == budsim.predict(table()).iloc[0].kv_cache_tokens


def test_a_model_without_logs_rests_on_nothing_else() -> None:
    assert memory_basis("Qwen/Qwen3-8B") == {}


def test_the_analysis_of_a_model_names_it() -> None:
    from budsim.commons.catalogs import hardware_catalog

    arch, device = default_library().resolve(MODEL), hardware_catalog().match(DEVICE).spec
    plain = fit_on_device(arch, device)
    fit = fit_on_device(arch, device, correction_of=memory_corrections())
    assert fit["calibration"].startswith("calibrated by a start-up log")
    assert plain["calibration"] is None
    assert plain["available_kv_bytes_per_device"] - fit["available_kv_bytes_per_device"] == pytest.approx(20 * GIB)
