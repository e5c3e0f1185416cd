"""Memory of a model for a batch, a sequence length and a precision, and what of it fits which device. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from budsim.commons.errors import BudSimError, InvalidRequestError
from budsim.engine_ops import resolve_engine_settings
from budsim.model_ops.startup_calibration import CALIBRATED
from budsim.perf_model.engine_reserve import engine_reserve
from budsim.perf_model.engine_settings import EngineSettings
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.kv_cache import caches_nothing, kv_bytes_per_token_layer, kv_element_bytes
from budsim.perf_model.memory import CorrectionOf, MemoryEstimate, estimate_memory
from budsim.perf_model.model_architecture import ATTENTION_KINDS, LayerKind, ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan, check_plan
from budsim.perf_model.parameters import count_parameters
from budsim.perf_model.precision import Precision, resolve_precision
from budsim.perf_model.rank_weights import stage_weight_bytes
from budsim.perf_model.serving_point import Infeasible, ServingPoint
from budsim.perf_model.workload import Workload

GB = 1e9
SWEEP_TOKENS = (1024, 4096, 8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576)
TP_SIZES = (1, 2, 4, 8)
PATCH_PIXELS = 16
_SHORT_SEQUENCE = 2048
_STEP_TOKENS = 8192  # engines cut longer prefills into steps of about this size
_RATING = {"mla": "excellent", "mqa": "good", "gqa": "good", "mha": "moderate", "none": "excellent"}
# Sizes that cards come in, GB; the platform's calculator recommends the smallest with a fifth to spare.
_CARDS_GB = (8, 12, 16, 24, 40, 48, 80, 160)
_HEADROOM = 1.2
# What a 24 and an 80 GB card leave for the model, GB: the calculator's own bounds.
_USABLE_OF_24_GB, _USABLE_OF_80_GB = 22, 75
_KV_FORMATS = {"fp32": "fp32", "fp16": "fp16"}


@dataclass(frozen=True, slots=True)
class CalculationCase:
    """What to calculate.

    Attributes:
        precision: Format of the weights; None = the checkpoint's own.
        seq_length: Input tokens of a sequence; ``decode_length`` comes on top.
        include_gradients: One gradient per parameter beside the weights.
    """

    precision: str | None = None
    batch_size: int = 1
    seq_length: int = 2048
    decode_length: int = 0
    tensor_parallel: int = 1
    num_images: int = 0
    image_resolution: int = 1024
    include_gradients: bool = False
    kv_cache_dtype: str | None = None


def calculate(arch: ModelArchitecture, case: CalculationCase, device: DeviceSpec) -> dict[str, Any]:
    """Return the memory of one device, GB (1e9 bytes), by what takes it.

    Args:
        arch: Model shape.
        case: Batch, lengths, precision.
        device: Any accelerator; decides the engine's rules only, not what fits.

    Raises:
        InvalidRequestError: The precision fits no format, or images for a model without a vision tower.
    """
    if case.num_images and not arch.params_vision:
        raise InvalidRequestError(f"{arch.name} takes no images: set num_images to 0", {"field": "num_images"})
    precision = resolve_precision(case.precision, arch, None)
    plan = ParallelPlan(case.tensor_parallel)
    tokens = case.seq_length + case.decode_length
    weights = stage_weight_bytes(arch, precision, plan)[0]
    kv_format = case.kv_cache_dtype or _KV_FORMATS.get(
        precision.name, arch.torch_dtype if arch.torch_dtype != "fp32" else "bf16"
    )
    parts = {
        "weight": weights,
        "kv_cache": case.batch_size * kv_bytes_of_sequence(arch, tokens, plan.tp_size, kv_format),
        "activation": _activation_bytes(arch, case, precision, plan, device),
        "state": case.batch_size * state_bytes_of_sequence(arch) / plan.tp_size,
        "image": _image_bytes(arch, case, precision),
        "extra_work": weights if case.include_gradients else 0.0,
    }
    total_gb = sum(parts.values()) / GB
    return {
        "model_id": arch.name,
        "model_type": arch.model_type,
        "attention_type": arch.attention_type,
        "precision": precision.name,
        "kv_cache_dtype": kv_format,
        "parameter_count": count_parameters(arch).total,
        "memory_breakdown": {f"{name}_gb": value / GB for name, value in parts.items()},
        "total_memory_gb": total_gb,
        "recommendations": {
            "recommended_gpu_memory_gb": _card_gb(total_gb * _HEADROOM),
            "can_fit_24gb_gpu": total_gb < _USABLE_OF_24_GB,
            "can_fit_80gb_gpu": total_gb < _USABLE_OF_80_GB,
            "min_gpu_memory_gb": total_gb,
        },
    }


def kv_bytes_of_sequence(arch: ModelArchitecture, tokens: int, tp_size: int, kv_format: str) -> float:
    """Return cache bytes of one sequence on one device: windows keep their width, shared entries count once.

    Args:
        arch: Model shape.
        tokens: Length of the sequence.
        tp_size: Ranks that share the heads.
        kv_format: Format of the cache.
    """
    if caches_nothing(arch):
        return 0.0
    element = kv_element_bytes(kv_format)
    limits = {LayerKind.SLIDING: arch.sliding_window, LayerKind.CHUNKED: arch.attention_chunk_size}
    total = 0.0
    for index, kind in enumerate(arch.layer_kinds):
        if kind in ATTENTION_KINDS:
            kept = min(tokens, limits.get(kind) or tokens)
            ratio = arch.kv_token_ratios[index] if arch.kv_token_ratios else 1
            total += kept * kv_bytes_per_token_layer(arch, kind, tp_size, element) / ratio
    crossed = arch.cross_attention_layers * arch.cross_attention_tokens
    return total + crossed * kv_bytes_per_token_layer(arch, LayerKind.FULL, tp_size, element) if crossed else total


def state_bytes_of_sequence(arch: ModelArchitecture) -> float:
    """Return the fixed-size state of one sequence over all layers, before TP."""
    layers = sum(
        kind is LayerKind.LINEAR or (arch.parallel_linear and kind in ATTENTION_KINDS) for kind in arch.layer_kinds
    )
    return layers * arch.linear_state_bytes


def _activation_bytes(
    arch: ModelArchitecture, case: CalculationCase, precision: Precision, plan: ParallelPlan, device: DeviceSpec
) -> float:
    step = max(1, min(case.batch_size * case.seq_length, _STEP_TOKENS))
    settings = EngineSettings("vllm", None, min(case.batch_size, step), step, case.seq_length, 0.9, "bf16")
    point = ServingPoint(arch, device, plan, precision, settings, Workload(case.seq_length, 1, concurrency=1))
    return engine_reserve(point, 0, arch.num_layers).activation_bytes


def _image_bytes(arch: ModelArchitecture, case: CalculationCase, precision: Precision) -> float:
    """Return the encoder's output for all images of the batch: one vector per patch, before any merging of patches."""
    patches = math.ceil(case.image_resolution / PATCH_PIXELS) ** 2
    return case.batch_size * case.num_images * patches * arch.hidden_size * precision.activation_bytes


def _card_gb(needed_gb: float) -> int:
    fitting = [card for card in _CARDS_GB if card >= needed_gb]
    return fitting[0] if fitting else 80 * math.ceil(needed_gb / 80)


def compare(
    archs: Mapping[str, ModelArchitecture | BudSimError], case: CalculationCase, device: DeviceSpec
) -> dict[str, Any]:
    """Return the calculation of every model beside each other; a model that cannot be read carries its reason.

    Args:
        archs: Architectures, or why there is none, by the name asked for.
        case: Batch, lengths, precision.
        device: See ``calculate``.
    """
    rows = []
    for name, arch in archs.items():
        try:
            if isinstance(arch, BudSimError):
                raise arch
            rows.append({**calculate(arch, case, device), "model_id": name, "error": None})
        except BudSimError as problem:
            rows.append({"model_id": name, "error": problem.message})
    answered = [row for row in rows if row["error"] is None]
    answered.sort(key=lambda row: (row["total_memory_gb"], row["model_id"]))
    return {"comparison": rows, "by_total_memory": [row["model_id"] for row in answered]}


def sequence_sweep(arch: ModelArchitecture, precision: Precision, kv_format: str) -> list[dict[str, float]]:
    """Return cache and total bytes of one sequence by its length, up to the model's own limit.

    Args:
        arch: Model shape.
        precision: Format of the weights.
        kv_format: Format of the cache.
    """
    limit = arch.max_position_embeddings or SWEEP_TOKENS[-1]
    weights = stage_weight_bytes(arch, precision, ParallelPlan())[0]
    lengths = sorted({tokens for tokens in SWEEP_TOKENS if tokens <= limit} | {min(limit, SWEEP_TOKENS[-1])})
    rows = []
    for tokens in lengths:
        cache = kv_bytes_of_sequence(arch, tokens, 1, kv_format) + state_bytes_of_sequence(arch)
        rows.append({"sequence_tokens": tokens, "kv_cache_bytes": cache, "weights_and_cache_bytes": weights + cache})
    return rows


def attention_rating(arch: ModelArchitecture) -> str:
    """Return how sparing the cache is: ``excellent`` (latent or none), ``good`` (shared heads) or ``moderate``."""
    return _RATING[arch.attention_type]


def fit_on_device(
    arch: ModelArchitecture,
    device: DeviceSpec,
    *,
    precision: str | None = None,
    max_model_len: int | None = None,
    tp_sizes: Sequence[int] = TP_SIZES,
    correction_of: CorrectionOf | None = None,
) -> dict[str, Any]:
    """Return what one replica on a device holds, at the smallest TP size that starts.

    Args:
        arch: Model shape.
        device: Datasheet.
        precision: Format of the weights; None = the checkpoint's own.
        max_model_len: Length that concurrency is counted at; None = what fits, up to the model's own limit.
        tp_sizes: TP sizes to try, in order.
        correction_of: What start-up logs measured; said under ``calibration``.
    """
    reason = ""
    for tp_size in tp_sizes:
        outcome = _fit(arch, device, ParallelPlan(tp_size), precision, max_model_len, correction_of)
        if isinstance(outcome, dict):
            return {"device": device.name, "tp_size": tp_size, "starts": True, "reason": None, **outcome}
        reason = outcome
    return {"device": device.name, "tp_size": None, "starts": False, "reason": reason, "calibration": None}


def _fit(
    arch: ModelArchitecture,
    device: DeviceSpec,
    plan: ParallelPlan,
    precision: str | None,
    max_model_len: int | None,
    correction_of: CorrectionOf | None,
) -> dict[str, Any] | str:
    try:
        refused = check_plan(arch, plan, device)
        if refused is not None:
            return refused.reason
        short = min(_SHORT_SEQUENCE, arch.max_position_embeddings or _SHORT_SEQUENCE)
        base = _estimate(arch, device, plan, precision, short, correction_of)
    except BudSimError as problem:
        return problem.message
    if isinstance(base, Infeasible):
        return base.reason
    limit = arch.max_position_embeddings or short
    longest = _longest(base, limit)
    length = max_model_len or longest
    if base.layout.groups and length > longest:
        return f"a sequence of {length} tokens does not fit: {longest} do"
    answer = _estimate(arch, device, plan, precision, length, correction_of)
    if isinstance(answer, Infeasible):
        answer, length = base, short
    return {
        "weight_bytes_per_device": answer.model_loading_bytes,
        "activation_bytes_per_device": answer.activation_bytes,
        "available_kv_bytes_per_device": answer.available_kv_bytes,
        "kv_cache_tokens": answer.kv_cache_tokens,
        "max_context_tokens": longest,
        "sequence_tokens": length,
        "max_concurrency": answer.max_concurrency,
        "max_concurrency_short": base.max_concurrency,
        "calibration": next((note for note in answer.notes if note.startswith(CALIBRATED)), None),
    }


def _estimate(
    arch: ModelArchitecture,
    device: DeviceSpec,
    plan: ParallelPlan,
    precision_name: str | None,
    max_model_len: int,
    correction_of: CorrectionOf | None,
) -> MemoryEstimate | Infeasible:
    precision = resolve_precision(precision_name, arch, device)
    workload = Workload(max(1, max_model_len // 2), max(1, max_model_len // 2), concurrency=1)
    settings = resolve_engine_settings(
        "vllm", None, arch=arch, device=device, workload=workload, overrides={"max_model_len": max_model_len},
        plan=plan, precision=precision,
    )  # fmt: skip
    point = ServingPoint(arch, device, plan, precision, settings, workload)
    return estimate_memory(point, correction=correction_of(point) if correction_of else None)


def _longest(estimate: MemoryEstimate, limit: int) -> int:
    """Return the longest sequence, up to the model's limit, that the cache holds."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        fits = estimate.layout.blocks_per_sequence(middle) <= estimate.num_blocks
        low, high = (middle, high) if fits else (low, middle - 1)
    return limit if not estimate.layout.groups else low
