"""One start-up log in, one answer out: what it says, what was predicted, and what was kept of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from budsim.commons.errors import BudSimError, InvalidRequestError
from budsim.engine_ops.base import base_device_type
from budsim.model_ops.startup_calibration import (
    CalibrationStore,
    ComparisonRow,
    calibrate,
    compare_with_log,
    point_of_log,
    simulated_version,
)
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.memory import GIB
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.startup_log import StartupLog, parse_startup_log

# vLLM calls a ROCm device cuda in most of its lines.
_KINDS = {"cuda": "GPU", "rocm": "GPU", "hpu": "Gaudi", "cpu": "host"}
_MEMORY_TOLERANCE = 1.02


def import_startup_log(
    text: str,
    *,
    resolve_model: Callable[[str], ModelArchitecture],
    match_device: Callable[[str], DeviceSpec],
    model: str | None = None,
    hardware: str | None = None,
    store: CalibrationStore | None = None,
) -> dict[str, Any]:
    """Return what a start-up log says, predicted beside logged, and the calibration that was kept.

    Args:
        text: The log.
        resolve_model: From a name to its architecture.
        match_device: From a name to its datasheet.
        model: What the log's model is called here; None = the name in the log.
        hardware: The device; None = nothing is predicted, for no log names it.
        store: Where the calibration is kept; None = nowhere.

    Raises:
        BudSimError: The log, the model or the device is not known; the message names the remedy.
    """
    log = parse_startup_log(text)
    answer: dict[str, Any] = {
        "summary": described(log), "log": asdict(log), "figures": _figures(log), "comparison": [], "predicted": "",
        "calibration": None, "notes": [],
    }  # fmt: skip
    notes = answer["notes"]
    name = model or log.model
    if hardware is None:
        notes.append("no device is named in the log: name it to compare and to calibrate")
        return answer
    if name is None:
        notes.append("no model is named in the log: name it to compare and to calibrate")
        return answer
    device = match_device(hardware)
    notes += _device_notes(log, device)
    point = point_of_log(log, _resolved(resolve_model, name, model), device)
    if simulated_version(log) != log.engine_version:
        notes.append(f"{log.engine} {log.engine_version} is compared with the rules of {simulated_version(log)}")
    rows, refusal = compare_with_log(log, point)
    answer["comparison"] = [{**asdict(row), "relative_error": row.relative_error} for row in rows]
    answer["predicted"] = f"infeasible: {refusal}" if refusal else "starts"
    answer |= {"model": point.arch.name, "hardware": device.name, "precision": point.precision.name}
    calibration = calibrate(log, point)
    if calibration is not None:
        answer["calibration"] = asdict(calibration)
        if store is not None:
            store.keep(calibration)
            notes.append(f"kept for {calibration.model} on {calibration.device}: memory estimates apply it")
    return answer


def _device_notes(log: StartupLog, device: DeviceSpec) -> list[str]:
    """Return what to say of a device that shows less memory than its datasheet: a slice, or another variant.

    Raises:
        InvalidRequestError: The log cannot be of this device: another kind, or more memory than it has.
    """
    logged, named = _KINDS.get(log.device_type or ""), _KINDS.get(base_device_type(device.device_type))
    if logged and named and logged != named:
        text = f"the log is of a {logged}, {device.name} is a {named}: name the device that it is of"
        raise InvalidRequestError(text, {"field": "hardware"})
    if named != "GPU" or not log.total_bytes or not device.memory_bytes:
        return []
    seen = f"the log's device shows {log.total_bytes / GIB:.1f} GiB, {device.name} has {device.memory_bytes / GIB:.1f}"
    if log.total_bytes > device.memory_bytes * _MEMORY_TOLERANCE:
        raise InvalidRequestError(f"{seen}: name the device and its variant", {"field": "hardware"})
    return [f"{seen}: a slice of it, or another variant?"] if log.total_bytes < 0.9 * device.memory_bytes else []


def _resolved(
    resolve_model: Callable[[str], ModelArchitecture], name: str, named_by_caller: str | None
) -> ModelArchitecture:
    try:
        return resolve_model(name)
    except BudSimError as problem:
        if named_by_caller:
            raise
        text = f"the log's model '{name}' is not known here ({problem.message}): name the model that it is"
        raise InvalidRequestError(text, {"field": "model"}) from problem


def _figures(log: StartupLog) -> list[dict[str, Any]]:
    """Return what the log states, in the shape of the comparison."""
    stated = {
        "device memory": log.total_bytes, "requested": log.requested_bytes, "weights": log.weight_bytes,
        "activations": log.activation_bytes, "non-torch": log.non_torch_bytes, "graphs": log.cuda_graph_bytes,
        "all but the cache": log.used_bytes, "KV cache": log.available_kv_bytes, "KV tokens": log.kv_cache_tokens,
        "max concurrency": log.max_concurrency,
    }  # fmt: skip
    units = {"KV tokens": "tokens", "max concurrency": "sequences"}
    rows = [ComparisonRow(name, None, value, units.get(name, "bytes")) for name, value in stated.items()]
    return [{**asdict(row), "relative_error": None} for row in rows if row.logged is not None]


def described(log: StartupLog) -> str:
    """Return one line: which engine, which model, and how it ended."""
    engine = " ".join(part for part in (log.engine, log.engine_version, log.generation, log.device_type) if part)
    if log.failure:
        end = f"failed ({log.failure.code}): {log.failure.cause}"
    else:
        end = "started" if log.started else "its end is not in the log"
    return f"{engine}: {log.model or 'model not named'}; {end}"
