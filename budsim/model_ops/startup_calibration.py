"""Start-up logs against the memory model: predicted beside logged, and what was learnt kept per model and device.

Pure but for ``CalibrationStore``, which keeps one small JSON file in the data folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from budsim.commons.errors import InvalidRequestError, UnavailableError
from budsim.engine_ops import resolve_engine_settings
from budsim.perf_model.engine_reserve import HPU_GRAPH_RESERVE, available_kv_bytes, engine_reserve, visible_memory_bytes
from budsim.perf_model.engine_settings import version_numbers
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.memory import (
    GIB,
    MemoryCorrection,
    MemoryEstimate,
    estimate_memory,
    loaded_weight_bytes,
    longer_than_model,
)
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan, stage_layer_ranges
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.serving_point import Infeasible, ServingPoint
from budsim.perf_model.startup_log import StartupLog
from budsim.perf_model.workload import Workload

MAX_CALIBRATIONS = 2000
CALIBRATED = ("calibrated", "weights calibrated")  # how notes begin
_MAX_STORE_BYTES = 10_000_000
# Flags of the log that are engine settings by the same name.
_SETTINGS = ("max_num_batched_tokens", "max_num_seqs", "gpu_memory_utilization", "kv_cache_dtype", "enforce_eager")
_SIXTEEN_BIT = {"float16": "fp16", "half": "fp16", "bfloat16": "bf16", "float32": "fp32"}
# A measurement outside this is of another model or device than the one named.
_PLAUSIBLE_WEIGHT_FACTOR = (0.75, 1.33)
_REFUSES_LONGER = ("vllm", "sglang")
# Older logs are compared with the rules of the oldest version that is simulated.
_OLDEST_SIMULATED = {"vllm": "0.8"}
V0_CHUNKS_FROM = 32768


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One quantity, predicted and logged; bytes per rank, tokens and sequences per replica."""

    quantity: str
    predicted: float | None
    logged: float | None
    unit: str

    @property
    def relative_error(self) -> float | None:
        """Predicted over logged minus one; None where either is missing or the logged one is 0."""
        return self.predicted / self.logged - 1 if self.predicted is not None and self.logged else None


@dataclass(frozen=True, slots=True)
class Calibration:
    """What one log measured of a model on a device, against the computed figures."""

    model: str
    device: str
    engine: str
    engine_version: str
    precision: str
    tp_size: int
    pp_size: int
    weight_factor: float = 1.0
    activation_bytes: float = 0.0
    non_torch_bytes: float = 0.0

    @property
    def key(self) -> str:
        """Two logs of one key replace each other."""
        return "|".join(
            (self.model.lower(), self.device, self.engine, self.precision, str(self.tp_size), str(self.pp_size))
        )


def point_of_log(log: StartupLog, arch: ModelArchitecture, device: DeviceSpec) -> ServingPoint:
    """Return the serving point that a log was written by.

    Args:
        log: What the log states; what it leaves open is the engine's own default.
        arch: The model, resolved.
        device: The device, resolved.

    Raises:
        BudSimError: The engine, its version or a parameter cannot be modelled.
    """
    dp_attention = log.flags.get("enable_dp_attention") == "True"
    plan = ParallelPlan(
        log.integer("tensor_parallel_size") or 1,
        log.integer("pipeline_parallel_size") or 1,
        log.integer("expert_parallel_size") or 1,
        log.integer("data_parallel_size") or 1,
        dp_attention,
    )
    precision = resolve_precision(_precision_name(log, arch), arch, device)
    overrides: dict[str, Any] = {name: log.flags[name] for name in _SETTINGS if name in log.flags}
    overrides["max_model_len"] = _longest_sequence(log)
    if _is_first_generation(log):
        overrides = {**_first_generation_limits(log, overrides["max_model_len"]), **overrides}
    if log.engine == "vllm" and log.device_type != "hpu":
        overrides["block_size"] = log.integer("block_size")
    workload = Workload(1, 1, concurrency=1)
    settings = resolve_engine_settings(
        log.engine, simulated_version(log), arch=arch, device=device, workload=workload, overrides=overrides, plan=plan,
        precision=precision, device_memory_bytes=log.total_bytes,
    )  # fmt: skip
    if log.device_type == "cpu" and log.used_bytes is not None:  # no VLLM_CPU_KVCACHE_SPACE: the engine shared it out
        settings = replace(settings, cpu_kvcache_bytes=None)
    return ServingPoint(arch, device, plan, precision, settings, workload, device_memory_bytes=log.total_bytes)


def _is_first_generation(log: StartupLog) -> bool:
    """Whether vLLM's V0 wrote a log: it says so from 0.7.3 on; before 0.8 V1 was an experiment that says so too."""
    if log.engine != "vllm" or log.device_type in ("cpu", "hpu"):
        return False
    return log.generation == "V0" or (log.generation is None and (version_numbers(log.engine_version) or (1,)) < (0, 8))


def _first_generation_limits(log: StartupLog, max_model_len: int | None) -> dict[str, Any]:
    """Return V0's own limits: 256 sequences; whole prompts in one step up to 32k tokens, chunks beyond.

    Source: ``SchedulerConfig`` and ``EngineArgs.create_engine_config`` of vLLM 0.6 to 0.8.
    """
    length = max_model_len or 0
    if length > V0_CHUNKS_FROM:
        chunk = 2048 if (version_numbers(log.engine_version) or (0, 8)) >= (0, 7) else 512
        return {"max_num_seqs": 256, "max_num_batched_tokens": chunk}
    return {"max_num_seqs": 256, "max_num_batched_tokens": max(length, 2048)}


def simulated_version(log: StartupLog) -> str | None:
    """Return the version whose rules a log is compared with: its own, or the oldest that is simulated."""
    numbers, oldest = version_numbers(log.engine_version), _OLDEST_SIMULATED.get(log.engine)
    if numbers and oldest and numbers < (version_numbers(oldest) or ()):
        return oldest
    return log.engine_version


def _longest_sequence(log: StartupLog) -> int | None:
    """Return the sequence length of a log.

    SGLang starts with a cache smaller than one sequence of its context length; the comparison then takes a length that
    fits.
    """
    length = log.integer("max_model_len") or log.integer("context_length")
    if log.engine == "sglang" and length and log.kv_cache_tokens and log.kv_cache_tokens < 2 * length:
        return max(1, log.kv_cache_tokens // 2)
    return length


def _precision_name(log: StartupLog, arch: ModelArchitecture) -> str | None:
    """Return the format that the log names; None = the checkpoint's own (compressed-tensors says no more)."""
    if arch.quantization is not None:
        return None
    if log.flags.get("quantization") == "fp8":
        return "fp8"
    return _SIXTEEN_BIT.get(log.flags.get("dtype", ""))


def compare_with_log(log: StartupLog, point: ServingPoint) -> tuple[list[ComparisonRow], str]:
    """Return predicted beside logged, and what the prediction says in words (empty = it starts).

    Args:
        log: What the log states.
        point: What it was written by, see ``point_of_log``.
    """
    answer = estimate_memory(point)
    estimate = answer if isinstance(answer, MemoryEstimate) else None
    computed = _computed(point)
    requested = (visible_memory_bytes(point) or 0.0) * point.settings.gpu_memory_utilization or None
    share = _graph_rescale(log)
    if "available_kv_bytes" in computed:
        computed["available_kv_bytes"] *= share
    rows = [
        ComparisonRow("device memory", visible_memory_bytes(point), log.total_bytes, "bytes"),
        ComparisonRow("requested", requested, log.requested_bytes, "bytes"),
        ComparisonRow("weights", computed["weight_bytes"], log.weight_bytes, "bytes"),
        ComparisonRow("activations", computed["activation_bytes"], log.activation_bytes, "bytes"),
        ComparisonRow("non-torch", computed["non_torch_bytes"], log.non_torch_bytes, "bytes"),
        ComparisonRow("graphs", computed["cuda_graph_bytes"], log.cuda_graph_bytes, "bytes"),
        ComparisonRow("all but the cache", _used(computed), log.used_bytes, "bytes"),
        ComparisonRow("KV cache", computed.get("available_kv_bytes"), log.available_kv_bytes, "bytes"),
        ComparisonRow(
            "KV tokens", estimate.kv_cache_tokens * share if estimate else None, log.kv_cache_tokens, "tokens"
        ),
        ComparisonRow(
            "max concurrency", estimate.max_concurrency * share if estimate else None, log.max_concurrency, "sequences"
        ),
    ]
    if isinstance(answer, Infeasible):
        return rows, answer.reason
    too_long = [note for note in answer.notes if note == longer_than_model(point)]
    return rows, too_long[0] if too_long and log.engine in _REFUSES_LONGER else ""


def _graph_rescale(log: StartupLog) -> float:
    """Return the cache of a Gaudi log's own VLLM_GRAPH_RESERVED_MEM over that of the default."""
    reserved = log.number("graph_reserve")
    return 1.0 if reserved is None or reserved >= 1 else (1 - reserved) / (1 - HPU_GRAPH_RESERVE)


def _used(computed: Mapping[str, float]) -> float:
    return computed["weight_bytes"] + computed["activation_bytes"] + computed["non_torch_bytes"]


def _computed(point: ServingPoint) -> dict[str, float]:
    """Return the computed figures of the stage with the least room, whether or not it starts."""
    total = visible_memory_bytes(point)
    weights = loaded_weight_bytes(point)
    stages = []
    for index, layers in enumerate(stage_layer_ranges(point.arch.num_layers, point.plan.pp_size)):
        reserve = engine_reserve(point, index, len(layers))
        figures = {
            "weight_bytes": weights[index],
            "activation_bytes": reserve.activation_bytes,
            "non_torch_bytes": reserve.non_torch_bytes,
            "cuda_graph_bytes": reserve.cuda_graph_bytes,
        }
        if total is not None:
            figures["available_kv_bytes"] = available_kv_bytes(point, total, weights[index], reserve)
        stages.append(figures)
    return max(stages, key=_used)


def calibrate(log: StartupLog, point: ServingPoint) -> Calibration | None:
    """Return what a log measured against the computed figures; None when it states nothing that can be used.

    Where the log states the cache but not its parts, what is unexplained is booked outside the allocator, so that the
    cache comes out as logged.

    Raises:
        InvalidRequestError: The logged weights cannot be those of the model that was named.
    """
    computed = _computed(point)
    factor = log.weight_bytes / computed["weight_bytes"] if log.weight_bytes else 1.0
    if not _PLAUSIBLE_WEIGHT_FACTOR[0] <= factor <= _PLAUSIBLE_WEIGHT_FACTOR[1]:
        message = (
            f"the log's weights of {(log.weight_bytes or 0) / GIB:.2f} GiB are {factor:.2f} times those of "
            f"{point.arch.name} at {point.precision.name}: name the model and precision that the log is of"
        )
        raise InvalidRequestError(message, {"field": "model"})
    activation = log.activation_bytes - computed["activation_bytes"] if log.activation_bytes is not None else 0.0
    non_torch = log.non_torch_bytes - computed["non_torch_bytes"] if log.non_torch_bytes is not None else None
    if non_torch is None:
        non_torch = _unexplained(log, point, computed, activation)
    if not log.weight_bytes and log.activation_bytes is None and non_torch is None:
        return None
    return Calibration(
        point.arch.name, point.device.name, log.engine, log.engine_version or "", point.precision.name,
        point.plan.tp_size, point.plan.pp_size, factor, activation, non_torch or 0.0,
    )  # fmt: skip


def _unexplained(
    log: StartupLog, point: ServingPoint, computed: Mapping[str, float], activation: float
) -> float | None:
    """Return how much larger "everything but the cache" is than computed, weights and activations taken as measured."""
    available = _logged_cache_bytes(log, point)
    if available is None or "available_kv_bytes" not in computed or log.device_type == "hpu":
        return None
    if log.engine == "trtllm":  # its share is of what is left, not of the whole device
        return None
    weights = (log.weight_bytes or computed["weight_bytes"]) - computed["weight_bytes"]
    missing = computed["available_kv_bytes"] - available - weights
    if log.engine == "sglang":  # KV = (total - other) x share - weights
        return missing / point.settings.gpu_memory_utilization
    return missing - activation


def _logged_cache_bytes(log: StartupLog, point: ServingPoint) -> float | None:
    """Return the cache of one rank; from its tokens where only they are stated and every layer caches alike."""
    if log.available_kv_bytes is not None or log.kv_cache_tokens is None:
        return log.available_kv_bytes
    estimate = estimate_memory(point)
    if isinstance(estimate, Infeasible) or estimate.layout.num_groups != 1:
        return None
    layout = estimate.layout
    return log.kv_cache_tokens / estimate.attention_copies / layout.block_size * layout.bytes_per_block


class CalibrationStore:
    """Calibrations in one JSON file.

    Args:
        path: The file; created when the first one is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> list[Calibration]:
        """Return what is kept, oldest first.

        Raises:
            UnavailableError: The file cannot be read.
        """
        return list(self._read().values())

    def keep(self, calibration: Calibration) -> None:
        """Keep one; an older one of the same model, device, engine, precision and layout is replaced.

        Raises:
            UnavailableError: The file cannot be read or written.
        """
        known = self._read()
        known.pop(calibration.key, None)
        known[calibration.key] = calibration
        newest = list(known.values())[-MAX_CALIBRATIONS:]
        draft = self._path.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps([asdict(item) for item in newest], indent=1), encoding="utf-8")
            draft.replace(self._path)
        except OSError as problem:
            raise UnavailableError(f"{self._path} cannot be written: {problem.strerror}") from problem

    def snapshot(self) -> Callable[[ServingPoint], MemoryCorrection | None]:
        """Return what answers ``correction_for`` from what is kept now: the file is read once."""
        known = self.all()
        return lambda point: correction_for(point, known)

    def _read(self) -> dict[str, Calibration]:
        try:
            if self._path.stat().st_size > _MAX_STORE_BYTES:
                raise UnavailableError(f"{self._path} is larger than {_MAX_STORE_BYTES} bytes: remove it")
            stored = json.loads(self._path.read_text(encoding="utf-8"))
            known = [_calibration(item) for item in stored]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, KeyError) as problem:
            raise UnavailableError(f"the calibrations in {self._path} cannot be read: {problem}") from problem
        return {item.key: item for item in known}


def correction_for(point: ServingPoint, known: Iterable[Calibration]) -> MemoryCorrection | None:
    """Return what was measured of a point: everything for the same layout, the weights alone for another one.

    Args:
        point: Replica, engine and device.
        known: Calibrations, oldest first.
    """
    wanted = (point.arch.name.lower(), point.device.name, point.precision.name)
    same = [item for item in known if (item.model.lower(), item.device, item.precision) == wanted]
    layout = (point.settings.engine, point.plan.tp_size, point.plan.pp_size)
    exact = [item for item in same if (item.engine, item.tp_size, item.pp_size) == layout]
    if exact:
        found = exact[-1]
        engine = f"{found.engine} {found.engine_version}".strip()
        note = f"{CALIBRATED[0]} by a start-up log of {engine} on {found.device}"
        return MemoryCorrection(found.weight_factor, found.activation_bytes, found.non_torch_bytes, note)
    if same:
        found = same[-1]
        layout_text = f"TP {found.tp_size}, PP {found.pp_size}"
        note = f"{CALIBRATED[1]} by a start-up log of {found.engine} at {layout_text} on {found.device}"
        return MemoryCorrection(found.weight_factor, note=note)
    return None


def _calibration(stored: Mapping[str, Any]) -> Calibration:
    values = {item.name: stored[item.name] for item in fields(Calibration)}
    for name in ("weight_factor", "activation_bytes", "non_torch_bytes"):
        values[name] = float(values[name])
    return Calibration(**values)
