"""A log's measurement is reproduced afterwards, kept on disk, and applied only where it was measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from budsim.commons.catalogs import hardware_catalog
from budsim.commons.errors import InvalidRequestError, UnavailableError
from budsim.model_ops.catalog import packaged_catalog
from budsim.model_ops.startup_calibration import Calibration, CalibrationStore, calibrate, correction_for, point_of_log
from budsim.model_ops.startup_import import import_startup_log
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.memory import MemoryEstimate, estimate_memory
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.serving_point import ServingPoint
from budsim.perf_model.startup_log import StartupLog

GIB = 2**30
MODEL = "meta-llama/Llama-3.1-8B-Instruct"
H100_LOG = (
    f"Initializing an LLM engine (v0.6.6) with config: model='{MODEL}', dtype=torch.bfloat16, max_seq_len=8192, "
    "tensor_parallel_size=1, device_config=cuda\n"
    "the current vLLM instance can use total_gpu_memory (79.19GiB) x gpu_memory_utilization (0.90) = 71.27GiB\n"
    "model weights take 14.99GiB; non_torch_memory takes 0.12GiB; PyTorch activation peak memory takes 1.19GiB; "
    "the rest of the memory reserved for KV Cache is 54.97GiB.\n"
)


def resolve(name: str) -> ModelArchitecture:
    catalog = packaged_catalog()
    match = catalog.match(name)
    if match is None:
        raise InvalidRequestError(f"unknown model {name}")
    return catalog.architecture(match, name)


def log(**changes: object) -> StartupLog:
    stated = StartupLog(
        "vllm", "0.19.0", model=MODEL, started=True, total_bytes=79.19 * GIB, weight_bytes=15.30 * GIB,
        available_kv_bytes=57.0 * GIB,
        flags={"max_model_len": "8192", "gpu_memory_utilization": "0.95", "tensor_parallel_size": "1"},
    )  # fmt: skip
    return replace(stated, **changes)  # type: ignore[arg-type]


def point(of: StartupLog) -> ServingPoint:
    return point_of_log(of, resolve(MODEL), hardware_catalog().match("H100").spec)


def calibrated(of: StartupLog) -> MemoryEstimate:
    kept = calibrate(of, point(of))
    assert kept is not None
    answer = estimate_memory(point(of), correction=correction_for(point(of), [kept]))
    assert isinstance(answer, MemoryEstimate)
    return answer


def test_after_calibration_the_estimate_is_the_log() -> None:
    answer = calibrated(log())
    assert answer.model_loading_bytes == pytest.approx(15.30 * GIB)
    assert answer.available_kv_bytes == pytest.approx(57.0 * GIB)
    assert any("calibrated" in note for note in answer.notes)


def test_parts_that_are_logged_are_taken_as_parts() -> None:
    answer = calibrated(log(activation_bytes=1.5 * GIB, non_torch_bytes=0.4 * GIB))
    assert answer.activation_bytes == pytest.approx(1.5 * GIB)
    assert answer.non_torch_bytes == pytest.approx(0.4 * GIB)


def test_tokens_alone_calibrate_where_every_layer_caches_alike() -> None:
    answer = calibrated(log(available_kv_bytes=None, kv_cache_tokens=460_000))
    assert answer.kv_cache_tokens == pytest.approx(460_000, abs=16)


def test_another_layout_takes_the_weights_only_and_another_device_nothing() -> None:
    kept = calibrate(log(), point(log()))
    assert kept is not None
    two = point(log(flags={**log().flags, "tensor_parallel_size": "2"}))
    correction = correction_for(two, [kept])
    assert correction is not None
    assert correction.weight_factor == kept.weight_factor
    assert correction.activation_bytes == correction.non_torch_bytes == 0
    elsewhere = replace(two, device=hardware_catalog().match("A100-80GB").spec)
    assert correction_for(elsewhere, [kept]) is None


def test_weights_of_another_model_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="times those of"):
        calibrate(log(weight_bytes=40 * GIB), point(log()))


def test_kept_calibrations_survive_and_replace_each_other(tmp_path: Path) -> None:
    store = CalibrationStore(tmp_path / "deep" / "calibrations.json")
    assert store.all() == []
    first = calibrate(log(), point(log()))
    assert first is not None
    store.keep(first)
    store.keep(replace(first, weight_factor=1.01))
    assert [item.weight_factor for item in store.all()] == [1.01]
    correction = store.snapshot()(point(log()))
    assert correction is not None
    assert correction.weight_factor == 1.01


@pytest.mark.parametrize("text", ["{", "[1]", '[{"model": "x"}]', json.dumps({"a": 1})])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "calibrations.json"
    path.write_text(text)
    with pytest.raises(UnavailableError, match="calibrations"):
        CalibrationStore(path).all()


def test_an_old_log_is_compared_with_the_oldest_rules_and_that_is_said() -> None:
    text = (
        "INFO llm_engine.py:1] Initializing an LLM engine (v0.6.3) with config: "
        f"model='{MODEL}', max_seq_len=8192, tensor_parallel_size=1\n"
        "INFO model_runner.py:1] Loading model weights took 14.9888 GB\n"
        "INFO gpu_executor.py:1] # GPU blocks: 27000, # CPU blocks: 2048\n"
    )
    answer = import_startup_log(text, resolve_model=resolve, match_device=device, hardware="H100")
    assert any("0.8" in note for note in answer["notes"])
    weights = next(row for row in answer["comparison"] if row["quantity"] == "weights")
    assert weights["relative_error"] == pytest.approx(0, abs=0.002)
    json.dumps(answer, allow_nan=False)


def device(name: str) -> DeviceSpec:
    return hardware_catalog().match(name).spec


def test_without_a_device_the_log_is_shown_and_nothing_is_guessed() -> None:
    text = "INFO [gpu_worker.py:1] Available KV cache memory: 11.00 GiB"
    answer = import_startup_log(text, resolve_model=resolve, match_device=device)
    assert answer["comparison"] == []
    assert answer["calibration"] is None
    assert answer["figures"][0]["logged"] == 11 * GIB


def test_a_path_in_the_log_asks_for_the_models_name() -> None:
    text = (
        "INFO non-default args: {'model': '/models/mine', 'max_model_len': 8192}\n"
        "INFO [gpu_worker.py:1] Available KV cache memory: 11.00 GiB"
    )
    with pytest.raises(InvalidRequestError, match="name the model that it is"):
        import_startup_log(text, resolve_model=resolve, match_device=device, hardware="H100")


def test_a_length_above_the_models_is_predicted_not_to_start() -> None:
    text = (
        "(APIServer pid=1) INFO █  version 0.19.0\n"
        "INFO non-default args: {'model': 'microsoft/phi-2', 'max_model_len': 8192}\n"
        "Value error, User-specified max_model_len (8192) is greater than the derived max_model_len (2048)\n"
    )
    answer = import_startup_log(text, resolve_model=resolve, match_device=device, hardware="H100")
    assert answer["log"]["failure"]["code"] == "max_model_len"
    assert answer["predicted"].startswith("infeasible")


def test_calibrations_are_kept_by_model_device_engine_precision_and_layout() -> None:
    base = Calibration("a/B", "D", "vllm", "0.19", "bf16", 1, 1)
    assert base.key == replace(base, model="A/b", engine_version="0.20").key
    assert len({base.key, replace(base, tp_size=2).key, replace(base, device="E").key}) == 3


@pytest.mark.parametrize(
    ("hardware", "words"),
    [
        ("Gaudi2", "the log is of a GPU"),
        ("Xeon 6767P", "the log is of a GPU"),
        ("L4", "shows 79.2 GiB, NVIDIA L4 has"),
        ("A100 SXM4 40GB", "name the device and its variant"),
    ],
)
def test_a_log_of_another_device_is_refused(hardware: str, words: str) -> None:
    with pytest.raises(InvalidRequestError, match=words) as refused:
        import_startup_log(H100_LOG, resolve_model=resolve, match_device=device, hardware=hardware)
    assert refused.value.param["field"] == "hardware"


def test_a_log_that_shows_less_memory_than_the_device_has_asks_whether_it_is_a_slice() -> None:
    answer = import_startup_log(H100_LOG, resolve_model=resolve, match_device=device, hardware="H200")
    assert any("a slice of it, or another variant?" in note for note in answer["notes"])
    right = import_startup_log(H100_LOG, resolve_model=resolve, match_device=device, hardware="H100")
    assert not any("slice" in note for note in right["notes"])
