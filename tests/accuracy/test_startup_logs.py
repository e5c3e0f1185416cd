"""Every start-up log that lies beside the checkout is read right, and predicted (run by ``make accuracy``)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from budsim.commons.catalogs import hardware_catalog
from budsim.model_ops.services import default_library
from budsim.model_ops.startup_import import import_startup_log
from budsim.perf_model.startup_log import parse_startup_log

pytestmark = pytest.mark.accuracy

GIB = 2**30
DATA = os.environ.get("BUDSIM_ACCURACY_DATA")
LOGS = (Path(DATA).parent if DATA else Path(__file__).parents[2] / ".." / "shared") / "reference" / "startup_logs"
# file: engine, version, device type, tokens, figures in GiB, failure
EXPECTED: dict[str, tuple[str, str | None, str | None, int | None, dict[str, float], str | None]] = {
    "sglang-0.4.3.post4-qwq-32b-4xl4.log": (
        "sglang", None, "cuda", 46611,
        {"weight": 15.54, "available_kv": 2.84, "cuda_graph": 0.93, "free": 21.63}, None),
    "trtllm-llama-7b-fp16-h100-memory-doc.log": (
        "trtllm", None, None, 259840, {"total": 79.10, "weight": 6695 / 1024, "available_kv": 63.44}, None),
    "vllm-0.19.0-codellama-7b-1xh100.log": (
        "vllm", "0.19.0", "cuda", 126256,
        {"total": 79.19, "weight": 12.56, "activation": 0.77, "non_torch": 0.25, "cuda_graph": 0.89,
         "available_kv": 61.66, "requested": 75.23}, None),
    "vllm-0.19.0-llama-3.3-70b-fp8-2xh100.log": (
        "vllm", "0.19.0", "cuda", 244304,
        {"weight": 33.88, "activation": 1.96, "cuda_graph": 1.79, "available_kv": 37.28}, None),
    "vllm-0.19.0-phi-2-8192-failed.log": ("vllm", "0.19.0", None, None, {}, "max_model_len"),
    "vllm-0.22.1rc1-cpu-qwen2.5-1.5b.log": (
        "vllm", "0.22.1rc1.dev495+g2ecf7d0eb", "cpu", 55424,
        {"total": 18.0, "requested": 5.4, "used": 3.92, "available_kv": 1.48}, None),
    "vllm-0.26.0-lfm2.5-1.2b-sm90.log": (
        "vllm", "0.26.0", "cuda", 2324244, {"weight": 0.88, "available_kv": 13.33}, "host_memory"),
    "vllm-0.6.3.dev-rocm-llama-2-7b-1xmi300.log": (
        "vllm", "0.6.3.dev114+g4f95ffee", "rocm", 20186 * 16, {"weight": 12.5523}, None),
    "vllm-gaudi-fork-2024-08-8b-1xgaudi2.log": (
        "vllm", None, "hpu", 1519 * 128,
        {"total": 94.62, "weight": 14.97, "activation": 504 / 1024, "available_kv": 23.75}, None),
}  # fmt: skip
# file: model and device named by hand, largest relative error of the KV tokens from the config alone
PREDICTED = {
    "vllm-0.19.0-codellama-7b-1xh100.log": (None, "H100", 0.001),
    "vllm-0.19.0-llama-3.3-70b-fp8-2xh100.log": (None, "H100", 0.001),
    "vllm-0.6.3.dev-rocm-llama-2-7b-1xmi300.log": (None, "MI300X", 0.006),
    "vllm-gaudi-fork-2024-08-8b-1xgaudi2.log": ("meta-llama/Llama-3.1-8B", "Gaudi2", 0.005),
    "vllm-0.22.1rc1-cpu-qwen2.5-1.5b.log": (None, "Xeon 8480+", 0.01),
    "sglang-0.4.3.post4-qwq-32b-4xl4.log": ("Qwen/QwQ-32B", "L4", 0.02),
}


def test_every_log_is_listed_here() -> None:
    assert {path.name for path in LOGS.glob("*.log")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_log_is_read_right(name: str) -> None:
    engine, version, device_type, tokens, figures, failure = EXPECTED[name]
    log = parse_startup_log((LOGS / name).read_text(encoding="utf-8"))
    assert (log.engine, log.engine_version, log.device_type) == (engine, version, device_type)
    assert log.kv_cache_tokens == tokens
    assert (log.failure.code if log.failure else None) == failure
    for quantity, gib in figures.items():
        assert getattr(log, f"{quantity}_bytes") == pytest.approx(gib * GIB, rel=1e-3), quantity


@pytest.mark.parametrize("name", PREDICTED)
def test_a_log_is_predicted(name: str) -> None:
    model, hardware, bound = PREDICTED[name]
    answer = _imported(name, model, hardware)
    row = next(row for row in answer["comparison"] if row["quantity"] == "KV tokens")
    print(f"\n{name}: {row['predicted']:,.0f} predicted, {row['logged']:,.0f} logged, {row['relative_error']:+.2%}")
    assert answer["predicted"] == "starts"
    assert abs(row["relative_error"]) <= bound


def test_the_failed_start_is_predicted_not_to_start() -> None:
    assert _imported("vllm-0.19.0-phi-2-8192-failed.log", None, "H100")["predicted"].startswith("infeasible")


def _imported(name: str, model: str | None, hardware: str) -> dict[str, Any]:
    return import_startup_log(
        (LOGS / name).read_text(encoding="utf-8"),
        resolve_model=default_library().resolve,
        match_device=lambda text: hardware_catalog().match(text).spec,
        model=model,
        hardware=hardware,
    )
