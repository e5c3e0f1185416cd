"""Memory of one replica: weights, KV cache, activations and the engine's own share, per device.

Pure arithmetic, bytes. ``estimate_memory`` answers what the engine will do at start-up (does it start, how many
tokens does its cache hold); ``platform_allocation`` answers what the platform reserves for a load, by its own rule.

Sources:
    vLLM          ``v1/worker/gpu_worker.py`` (determine_available_memory) and the start-up logs it prints.
    SGLang        ``model_executor/model_runner.py`` (profile_max_num_token): KV = free after load - total x (1 - f).
    TensorRT-LLM  memory document: the KV cache takes ``free_gpu_memory_fraction`` of what is free after the engine.
    TGI           ``models/flash_causal_lm.py``: 0.95 of what is free after a warm-up prefill.
    Gaudi         vLLM's HPU worker: (free after profiling) x utilisation x (1 - VLLM_GRAPH_RESERVED_MEM).
    CPU           vLLM's CPU worker: VLLM_CPU_KVCACHE_SPACE; from 0.20 on, without it,
                  utilisation x node - the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import lru_cache

from budsim.perf_model.allocator_slack import Rounding
from budsim.perf_model.engine_reserve import (
    EngineReserve,
    available_kv_bytes,
    engine_reserve,
    logs_tokens_by_group,
    saves_windows,
    visible_memory_bytes,
)
from budsim.perf_model.kv_cache import KvCacheLayout, kv_bytes_per_token, kv_cache_layout
from budsim.perf_model.model_architecture import LayerKind, ModelArchitecture
from budsim.perf_model.parallelism import stage_layer_ranges
from budsim.perf_model.rank_weights import draft_weight_bytes, stage_weight_bytes
from budsim.perf_model.serving_point import Infeasible, ServingPoint
from budsim.perf_model.speculation import (
    DraftMethod,
    caching_architecture,
    draft_architecture,
    draft_passes,
    draft_precision,
)

__all__ = [
    "MemoryCorrection",
    "MemoryEstimate",
    "PlatformAllocation",
    "estimate_memory",
    "kv_bytes_per_token",
    "platform_allocation",
    "platform_sequence_length",
]

GIB = float(2**30)
MEMORY_NOT_STATED = "The memory of {device} is not stated: whether the model fits was not checked."
_WITHOUT_ROOM = {True: "leaves nothing for the KV cache", False: "does not fit"}
LONGER_THAN_MODEL = "max_model_len {length} is above the model's {limit} positions: engines ask for a consent flag."


@dataclass(frozen=True, slots=True)
class MemoryCorrection:
    """What a start-up log of this model on this device showed, against the computed figures.

    Attributes:
        weight_factor: Measured over computed weights.
        activation_bytes: Measured minus computed peak of the profiling step.
        non_torch_bytes: Measured minus computed memory outside the allocator.
        note: What was measured, for the answer's notes.
    """

    weight_factor: float = 1.0
    activation_bytes: float = 0.0
    non_torch_bytes: float = 0.0
    note: str = ""


# From a serving point to what logs of it measured; None where there are none.
CorrectionOf = Callable[[ServingPoint], MemoryCorrection | None]


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Where the memory of the fullest device goes, and what the replica's KV cache holds.

    Bytes are of one device of the stage that binds; tokens and sequences are of the whole replica.

    Attributes:
        total_bytes: What the engine sees as the device's memory.
        requested_bytes: Share of it that the engine takes.
        model_loading_bytes: Weights.
        activation_bytes: Peak of a profiling step.
        non_torch_bytes: Context, communicators, workspaces.
        cuda_graph_bytes: Captured graphs (counted against the KV cache from vLLM 0.21 on).
        available_kv_bytes: What is left for the KV cache.
        num_blocks: Blocks of one of the replica's caches.
        attention_copies: Caches of one replica that hold different sequences (DP).
        kv_cache_tokens: As the engine logs it, all copies.
        max_concurrency: Sequences of ``max_model_len`` that fit, all copies.
        layout: Block structure on the stage that binds.
        notes: What was assumed.
    """

    total_bytes: float
    requested_bytes: float
    model_loading_bytes: float
    activation_bytes: float
    non_torch_bytes: float
    cuda_graph_bytes: float
    available_kv_bytes: float
    num_blocks: int
    attention_copies: int
    kv_cache_tokens: int
    max_concurrency: float
    layout: KvCacheLayout
    notes: tuple[str, ...] = ()

    def concurrent_sequences(self, isl: float, osl: float) -> int:
        """Return how many sequences fit at their full length of ``isl + osl`` tokens, over all copies."""
        if not self.layout.groups:
            return int(self.max_concurrency)
        return self.num_blocks // max(1, self.layout.blocks_per_sequence(isl + osl)) * self.attention_copies

    def kv_tokens_for_lengths(self, isl: float, osl: float) -> float:
        """Return the capacity in tokens of sequences of this length: windowed models hold more of long ones.

        A model that caches nothing holds as many sequences as its engine admits.
        """
        if not self.layout.groups:
            return self.max_concurrency * (isl + osl)
        blocks = max(1, self.layout.blocks_per_sequence(isl + osl))
        return self.num_blocks / blocks * (isl + osl) * self.attention_copies


@dataclass(frozen=True, slots=True)
class PlatformAllocation:
    """What the platform reserves on one device for a load, by its own rule (not the engine's).

    Attributes:
        total_bytes_per_device: Weights, KV cache of the load and activations.
    """

    total_bytes_per_device: float
    weight_bytes_per_device: float
    kv_cache_bytes_per_device: float
    activation_bytes_per_device: float

    @property
    def buffer_bytes(self) -> float:
        """1 GB up to 10 GB required, else 2 GB: what the platform's scheduler adds."""
        return 1e9 if self.total_bytes_per_device <= 10e9 else 2e9

    def fits(self, available_bytes: float) -> bool:
        """Whether required < (available - buffer) x 0.95, strictly."""
        return self.total_bytes_per_device < (available_bytes - self.buffer_bytes) * 0.95

    def reason(self, available_bytes: float) -> str:
        """Return the figures of the check in words."""
        verdict = "fits into" if self.fits(available_bytes) else "does not fit into"
        return (
            f"The platform's allocation of {self.total_bytes_per_device / 1e9:.1f} GB per device "
            f"(weights {self.weight_bytes_per_device / 1e9:.1f}, KV cache {self.kv_cache_bytes_per_device / 1e9:.1f}, "
            f"activations {self.activation_bytes_per_device / 1e9:.1f}) {verdict} 95 % of "
            f"{available_bytes / 1e9:.1f} GB less a buffer of {self.buffer_bytes / 1e9:.0f} GB."
        )


@dataclass(frozen=True, slots=True)
class _Stage:
    """One pipeline stage, per device."""

    weight_bytes: float
    reserve: EngineReserve
    available_kv_bytes: float
    layout: KvCacheLayout
    num_blocks: int

    @property
    def used_bytes(self) -> float:
        """Weights, activations and the engine's own."""
        return self.weight_bytes + self.reserve.activation_bytes + self.reserve.non_torch_bytes


def estimate_memory(
    point: ServingPoint, model_loading_bytes: float | None = None, correction: MemoryCorrection | None = None
) -> MemoryEstimate | Infeasible:
    """Return the engine's memory split at start-up, or why it does not start.

    Args:
        point: Replica, engine and device.
        model_loading_bytes: Weights per device as a log states them; None = computed from the model's shape.
        correction: What a log of this model on this device measured; None = computed figures alone.

    Returns:
        The split on the stage whose cache holds the fewest sequences; ``Infeasible`` with code ``memory`` (nothing
        left for the cache) or ``kv_capacity`` (not one sequence of ``max_model_len`` fits).
    """
    total = visible_memory_bytes(point)
    stages = _stages(point, total, model_loading_bytes, correction or MemoryCorrection())
    binding = min(stages, key=lambda stage: (_sequences(point, stage), stage.available_kv_bytes))
    if binding.available_kv_bytes <= 0 and binding.layout.groups:
        return _no_room_for_cache(point, total or 0.0, binding)
    concurrency = _sequences(point, binding)
    if concurrency < 1:
        if not binding.layout.groups:
            return _no_room_for_cache(point, total or 0.0, binding)
        return _sequence_does_not_fit(point, binding)
    copies = point.plan.attention_copies
    return MemoryEstimate(
        total_bytes=total if total is not None else binding.used_bytes + binding.available_kv_bytes,
        requested_bytes=(total or 0.0) * point.settings.gpu_memory_utilization,
        model_loading_bytes=binding.weight_bytes,
        activation_bytes=binding.reserve.activation_bytes,
        non_torch_bytes=binding.reserve.non_torch_bytes,
        cuda_graph_bytes=binding.reserve.cuda_graph_bytes,
        available_kv_bytes=binding.available_kv_bytes,
        num_blocks=binding.num_blocks,
        attention_copies=copies,
        kv_cache_tokens=_logged_tokens(point, binding, concurrency) * copies,
        max_concurrency=concurrency * copies,
        layout=binding.layout,
        notes=_notes(point, total) + ((correction.note,) if correction and correction.note else ()),
    )


def loaded_weight_bytes(point: ServingPoint) -> tuple[float, ...]:
    """Return what loading takes on one device of every stage, by the engine's own measure.

    SGLang asks the driver what is free, vLLM PyTorch what is allocated; hosts and Gaudi have other allocators.
    """
    if point.device.device_type not in ("cuda", "rocm"):
        rounding = Rounding.NONE
    else:
        rounding = Rounding.SEGMENTS if point.settings.engine == "sglang" else Rounding.BLOCKS
    stages = stage_weight_bytes(point.arch, point.precision, point.plan, rounding)
    return (*stages[:-1], stages[-1] + _draft_bytes(point))


def _draft_method(point: ServingPoint) -> DraftMethod | None:
    """Return how a point drafts where that takes a model; None = nothing is drafted, or copied from the prompt."""
    settings = point.settings
    passes = draft_passes(settings.speculative_method, settings.speculative_tokens)
    return DraftMethod(settings.speculative_method) if passes else None


def _draft_bytes(point: ServingPoint) -> float:
    """Return what one device of the last stage loads for the draft model."""
    method = _draft_method(point)
    if method is None:
        return 0.0
    draft = draft_architecture(point.arch, method)
    copies = max(1, point.arch.mtp_layers) if method is DraftMethod.MTP else 1
    precision = draft_precision(point.precision, draft, method)
    return copies * draft_weight_bytes(draft, precision, point.plan, method is DraftMethod.EAGLE)


def platform_sequence_length(isl: float, osl: float, max_model_len: int) -> int:
    """Return the sequence length that the platform reserves for: 1.1 x (input + output), capped."""
    return min(int((isl + osl) * 1.1), max_model_len)


def platform_allocation(point: ServingPoint, concurrency: int, seq_len: int) -> PlatformAllocation:
    """Return what the platform reserves on the fullest device of a replica.

    Args:
        point: Replica, engine and device.
        concurrency: Sequences that the replica serves at once.
        seq_len: Tokens per sequence, see ``platform_sequence_length``.
    """
    weights = stage_weight_bytes(point.arch, point.precision, point.plan, Rounding.NONE)
    sequences = math.ceil(concurrency / point.plan.attention_copies)
    stages = []
    reserves = _stage_reserves(point)
    for index, layers in _distinct_stages(point.arch, point.plan.pp_size, weights):
        cache = sequences * _layout(point, layers).bytes_per_sequence(seq_len)
        activation = reserves[index].activation_bytes
        stages.append(PlatformAllocation(weights[index] + cache + activation, weights[index], cache, activation))
    return max(stages, key=lambda stage: stage.total_bytes_per_device)


def _notes(point: ServingPoint, total: float | None) -> tuple[str, ...]:
    notes = [] if total is not None else [MEMORY_NOT_STATED.format(device=point.device.name)]
    too_long = longer_than_model(point)
    return (*notes, too_long) if too_long else tuple(notes)


def longer_than_model(point: ServingPoint) -> str:
    """Return what is wrong with a ``max_model_len`` above the model's own limit; empty when it is not."""
    limit, length = point.arch.max_position_embeddings, point.settings.max_model_len
    return LONGER_THAN_MODEL.format(length=length, limit=limit) if limit and length > limit else ""


def _stages(
    point: ServingPoint, total: float | None, model_loading_bytes: float | None, correction: MemoryCorrection
) -> list[_Stage]:
    weights = loaded_weight_bytes(point)
    stages = []
    reserves = _stage_reserves(point)
    for index, layers in _distinct_stages(point.arch, point.plan.pp_size, weights):
        loaded = weights[index] * correction.weight_factor if model_loading_bytes is None else model_loading_bytes
        layout = _layout(point, layers)
        reserve = _corrected(reserves[index], correction)
        if total is not None:
            available = available_kv_bytes(point, total, loaded, reserve)
        elif point.settings.cpu_kvcache_bytes is not None:
            available = point.settings.cpu_kvcache_bytes
        else:  # a host whose memory nobody stated: room for everything the engine admits
            available = point.settings.max_num_seqs * layout.bytes_per_sequence(point.settings.max_model_len)
        stages.append(_Stage(loaded, reserve, available, layout, layout.num_blocks(available)))
    return stages


@lru_cache(maxsize=8192)
def _distinct_stages(
    arch: ModelArchitecture, pp_size: int, weights: tuple[float, ...]
) -> tuple[tuple[int, range], ...]:
    """Return the index and the layers of every stage that differs from those before it: deep pipelines repeat them."""
    found: dict[Hashable, tuple[int, range]] = {}
    for index, layers in enumerate(stage_layer_ranges(arch.num_layers, pp_size)):
        kinds = arch.layer_kinds[layers.start : layers.stop]
        ratios = arch.kv_token_ratios[layers.start : layers.stop] if arch.kv_token_ratios else ()
        found.setdefault((weights[index], kinds, ratios, index == pp_size - 1), (index, layers))
    return tuple(found.values())


def _stage_reserves(point: ServingPoint) -> list[EngineReserve]:
    """Return the engine's own memory of every stage; stages of one length differ only if they sample."""
    known: dict[tuple[int, bool], EngineReserve] = {}
    found = []
    for index, layers in enumerate(stage_layer_ranges(point.arch.num_layers, point.plan.pp_size)):
        kind = len(layers), index == point.plan.pp_size - 1
        if kind not in known:
            known[kind] = engine_reserve(point, index, len(layers))
        found.append(known[kind])
    return found


def _corrected(reserve: EngineReserve, correction: MemoryCorrection) -> EngineReserve:
    if not correction.activation_bytes and not correction.non_torch_bytes:
        return reserve
    return replace(
        reserve,
        activation_bytes=max(0.0, reserve.activation_bytes + correction.activation_bytes),
        non_torch_bytes=max(0.0, reserve.non_torch_bytes + correction.non_torch_bytes),
    )


def _layout(point: ServingPoint, layers: range) -> KvCacheLayout:
    """Return the cache of a stage; under speculation with the draft model's layers and a state per draft token."""
    arch, settings, method = point.arch, point.settings, _draft_method(point)
    if method is not None and layers.stop == arch.num_layers:
        arch = caching_architecture(arch, method)
        layers = range(layers.start, arch.num_layers)
    layout = kv_cache_layout(
        arch,
        point.plan.attention_tp_size,
        settings.kv_cache_dtype,
        settings.block_size,
        settings.max_num_batched_tokens,
        layers,
        saves_windows(settings),
    )
    if not settings.speculative_tokens:
        return layout
    states = 1 + settings.speculative_tokens  # vLLM, v1/core/single_type_kv_cache_manager.py: MambaManager
    return replace(
        layout,
        groups=tuple(
            replace(group, count=group.count * states) if group.kind is LayerKind.LINEAR else group
            for group in layout.groups
        ),
    )


def _sequences(point: ServingPoint, stage: _Stage) -> float:
    """Return sequences of ``max_model_len`` that one cache of the stage holds."""
    if not stage.layout.groups:  # nothing is cached: what the engine admits, where the rest fits
        return float(point.settings.max_num_seqs) if stage.available_kv_bytes >= 0 else 0.0
    return stage.num_blocks / stage.layout.blocks_per_sequence(point.settings.max_model_len)


def _logged_tokens(point: ServingPoint, stage: _Stage, concurrency: float) -> int:
    """Return the tokens that the engine's own start-up line states for one cache."""
    grows = any(group.kind is not LayerKind.LINEAR for group in stage.layout.groups)
    if grows and logs_tokens_by_group(point.settings):
        return stage.num_blocks // stage.layout.num_groups * stage.layout.block_size
    return int(concurrency * point.settings.max_model_len)


def _no_room_for_cache(point: ServingPoint, total: float, stage: _Stage) -> Infeasible:
    share = point.settings.gpu_memory_utilization
    return Infeasible(
        "memory",
        f"{point.arch.name} {_WITHOUT_ROOM[bool(stage.layout.groups)]} on {point.device.name}: weights "
        f"{stage.weight_bytes / GIB:.1f} GiB, activations {stage.reserve.activation_bytes / GIB:.1f} GiB and "
        f"the engine's own {stage.reserve.non_torch_bytes / GIB:.1f} GiB per device against "
        f"{share:.2f} x {total / GIB:.1f} GiB ({-stage.available_kv_bytes / GIB:.1f} GiB short). "
        f"{_remedies(point, total, stage)}",
    )


def _sequence_does_not_fit(point: ServingPoint, stage: _Stage) -> Infeasible:
    length = point.settings.max_model_len
    needed = stage.layout.bytes_per_sequence(length)
    fitting = _longest_sequence(stage, min(length, point.arch.max_position_embeddings or length))
    shorter = f"max_model_len up to {fitting}, " if fitting else ""
    return Infeasible(
        "kv_capacity",
        f"One sequence of max_model_len {length} needs {needed / GIB:.2f} GiB of KV cache per device, "
        f"{stage.available_kv_bytes / GIB:.2f} GiB are free on {point.device.name}. Would fit: {shorter}"
        f"a larger tp_size or pp_size than {point.plan.tp_size} x {point.plan.pp_size}, kv_cache_dtype fp8, "
        "or a device with more memory.",
    )


def _longest_sequence(stage: _Stage, limit: int) -> int:
    """Return the longest sequence that fits, in whole blocks."""
    low, high = 0, limit // stage.layout.block_size
    while low < high:
        middle = (low + high + 1) // 2
        fits = stage.layout.blocks_per_sequence(middle * stage.layout.block_size) <= stage.num_blocks
        low, high = (middle, high) if fits else (low, middle - 1)
    return low * stage.layout.block_size


def _remedies(point: ServingPoint, total: float, stage: _Stage) -> str:
    """Return what would make the weights fit: more devices, narrower weights, more of the device."""
    room = (
        total * point.settings.gpu_memory_utilization - stage.reserve.activation_bytes - stage.reserve.non_torch_bytes
    )
    remedies = []
    if room > 0 and stage.weight_bytes > 0:
        ranks = point.plan.tp_size * point.plan.pp_size
        needed = max(ranks + 1, math.ceil(ranks * stage.weight_bytes / room))
        remedies.append(f"tp_size x pp_size of at least {needed}")
    if point.precision.weight_bytes >= 2:
        remedies.append("fp8 or 4-bit weights")
    if point.settings.gpu_memory_utilization < 0.95 and not point.device.device_type.startswith("cpu"):
        remedies.append("a higher gpu_memory_utilization")
    return f"Would help: {', '.join([*remedies, 'a device with more memory'])}."
