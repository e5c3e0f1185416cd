"""The KV cache of one pipeline stage: pages, groups of layers, blocks, tokens, sequences.

Pure arithmetic, bytes and tokens. A cache is cut into blocks; one block serves one *group* of equal layers, and every
group draws blocks from the same pool. Full-attention groups grow with the sequence, windowed groups stop growing at
their window, state groups (SSM, linear attention) need one block per sequence.

Sources:
    Groups, page unification, maximum concurrency: vLLM's hybrid KV cache manager (``v1/core/kv_cache_utils.py``).
    MLA: DeepSeek-V2, arXiv:2405.04434 section 2.1: one latent vector per token, copied on every TP rank.
    DSA: DeepSeek-V3.2 report: a fp8 indexer key (128 B and a 4 B scale) per token and layer beside the latent.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.model_architecture import LayerKind, ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan, stage_layer_ranges

KV_ELEMENT_BYTES = {
    "fp32": 4.0,
    "bf16": 2.0,
    "fp16": 2.0,
    "fp8": 1.0,
    "fp8_e4m3": 1.0,
    "fp8_e5m2": 1.0,
    "int8": 1.0,
    "nvfp4": 0.5625,  # 4-bit values and one fp8 scale per 16
    "fp4": 0.5625,
    "int4": 0.5625,
}
# vLLM raises the block of hybrid models in steps of this many tokens (kernel alignment).
HYBRID_BLOCK_ALIGNMENT = 16
# FlashMLA's sparse fp8 layout ("fp8_ds_mla"): 512 fp8 + 4 fp32 scales + 64 bf16 rope values.
SPARSE_MLA_FP8_BYTES = 656
# vLLM: one group when the larger layer count is under 1.25 x the smaller, else groups of the smaller count.
GROUP_BALANCE = 1.25


# Encoders attend to the whole input at once and generate nothing: no cache.
ENCODER_MODEL_TYPES = frozenset(
    {
        "bert", "camembert", "deberta", "deberta-v2", "distilbert", "electra", "gte", "modernbert", "mpnet", "new",
        "nomic_bert", "roberta", "xlm-roberta",
    }
)  # fmt: skip


def kv_element_bytes(kv_cache_dtype: str) -> float:
    """Return bytes per cached element, scales included.

    Raises:
        InvalidRequestError: The format is not known.
    """
    try:
        return KV_ELEMENT_BYTES[kv_cache_dtype.lower()]
    except KeyError:
        known = ", ".join(KV_ELEMENT_BYTES)
        raise InvalidRequestError(
            f"kv_cache_dtype '{kv_cache_dtype}' is not known; use one of: {known}.", {"field": "kv_cache_dtype"}
        ) from None


@dataclass(frozen=True, slots=True)
class CacheGroup:
    """Layers that share one block table.

    Attributes:
        kind: How the group grows: FULL, SLIDING, CHUNKED or LINEAR (fixed).
        count: Groups of this kind.
        layers: Layers of this kind.
        tokens_per_block: Tokens one block holds.
        window_tokens: Tokens a windowed group keeps; 0 = all.
        fixed_tokens: Tokens that every sequence needs whatever its length (cross-attention); 0 = grows.
    """

    kind: LayerKind
    count: int
    layers: int
    tokens_per_block: int
    window_tokens: int = 0
    fixed_tokens: int = 0

    def blocks(self, seq_len: float, max_num_batched_tokens: int) -> int:
        """Return blocks that one sequence of ``seq_len`` tokens holds in one group of this kind."""
        if self.kind is LayerKind.LINEAR:
            return 1
        if self.fixed_tokens:
            return math.ceil(self.fixed_tokens / self.tokens_per_block)
        if self.kind is LayerKind.SLIDING:
            kept = min(self.window_tokens - 1 + max_num_batched_tokens, seq_len)
            # One more: the window need not start at a block's edge.
            return math.ceil(kept / self.tokens_per_block) + 1
        if self.kind is LayerKind.CHUNKED:
            return math.ceil(min(self.window_tokens, seq_len) / self.tokens_per_block)
        return math.ceil(seq_len / self.tokens_per_block)


@dataclass(frozen=True, slots=True)
class KvCacheLayout:
    """Block structure of one stage's cache on one device.

    Attributes:
        groups: Kinds of layers, each with its number of groups.
        bytes_per_block: One block of one group: ``group_size x page``.
        block_size: Tokens of a full-attention block.
        max_num_batched_tokens: Chunk budget of a step; sliding groups hold the window and one chunk.
    """

    groups: tuple[CacheGroup, ...]
    bytes_per_block: float
    block_size: int
    max_num_batched_tokens: int

    @property
    def num_groups(self) -> int:
        """Groups that draw from the pool."""
        return sum(group.count for group in self.groups)

    def num_blocks(self, available_bytes: float) -> int:
        """Return blocks that fit into ``available_bytes``."""
        if self.bytes_per_block <= 0:
            return 0
        return max(0, int(available_bytes // self.bytes_per_block))

    def blocks_per_sequence(self, seq_len: float) -> int:
        """Return blocks that one sequence of ``seq_len`` tokens holds over all groups."""
        return sum(group.count * group.blocks(seq_len, self.max_num_batched_tokens) for group in self.groups)

    def bytes_per_sequence(self, seq_len: float) -> float:
        """Return cache bytes of one sequence on one device of this stage."""
        return self.blocks_per_sequence(seq_len) * self.bytes_per_block


@dataclass(frozen=True, slots=True)
class _LayerType:
    """Layers with equal pages: their kind, number, bytes per token and layer, and window."""

    kind: LayerKind
    layers: int
    bytes_per_token: float
    window_tokens: int = 0
    fixed_tokens: int = 0


def kv_bytes_per_token_layer(
    arch: ModelArchitecture, kind: LayerKind, attention_tp: int, element_bytes: float
) -> float:
    """Return cache bytes of one token in one layer on one device.

    TP splits the K/V heads until one is left per device, then copies it; an MLA latent is always copied.

    Args:
        arch: Model shape.
        kind: FULL, SLIDING or CHUNKED.
        attention_tp: Ranks that share the heads.
        element_bytes: Bytes per cached element.
    """
    if arch.is_mla:
        if arch.indexer_bytes_per_token and element_bytes <= 1:
            return SPARSE_MLA_FP8_BYTES + arch.indexer_bytes_per_token
        return (arch.kv_lora_rank + arch.qk_rope_head_dim) * element_bytes + arch.indexer_bytes_per_token
    shape = arch.attention_shape(kind)
    heads = max(1, math.ceil(shape.num_kv_heads / attention_tp))
    return heads * (shape.qk_head_dim + shape.v_head_dim) * element_bytes


def kv_bytes_per_token(
    arch: ModelArchitecture, plan: ParallelPlan, kv_bytes: float, layers: range | None = None
) -> float:
    """Return cache bytes that one token of a short sequence adds on one device, windows not yet full.

    Args:
        arch: Model shape.
        plan: Layout; TP splits heads, PP splits layers.
        kv_bytes: Bytes per cached element: 2 for bf16, 1 for fp8.
        layers: Layers of the stage; None = the whole model's share of the largest of ``plan.pp_size`` stages.
    """
    if layers is None:
        return max(
            kv_bytes_per_token(arch, plan, kv_bytes, stage)
            for stage in stage_layer_ranges(arch.num_layers, plan.pp_size)
        )
    if caches_nothing(arch):
        return 0.0
    return sum(
        count * kv_bytes_per_token_layer(arch, kind, plan.attention_tp_size, kv_bytes) / ratio
        for (kind, ratio), count in _cached_layers(arch, layers).items()
    )


def caches_nothing(arch: ModelArchitecture) -> bool:
    """Whether nothing is kept between steps: encoders see the whole input at once and generate nothing."""
    return arch.encoder_only or (arch.task not in ("generate", "transcribe") and arch.model_type in ENCODER_MODEL_TYPES)


def _cached_layers(arch: ModelArchitecture, layers: range) -> Counter[tuple[LayerKind, int]]:
    """Return the layers that cache, counted by kind and by the tokens that share one entry."""
    ratios = arch.kv_token_ratios
    return Counter(
        (arch.layer_kinds[layer], ratios[layer] if ratios else 1)
        for layer in layers
        if arch.layer_kinds[layer] in _ATTENTION_KINDS
    )


@lru_cache(maxsize=4096)
def kv_cache_layout(
    arch: ModelArchitecture,
    attention_tp: int,
    kv_cache_dtype: str,
    block_size: int,
    max_num_batched_tokens: int,
    layers: range,
    windows_are_saved: bool = True,
) -> KvCacheLayout:
    """Return the block structure of one stage's cache on one device; no groups where nothing is cached.

    Args:
        arch: Model shape.
        attention_tp: Ranks that share one sequence's heads.
        kv_cache_dtype: Format of cached elements.
        block_size: Tokens per block that the engine was asked for; hybrid models raise it.
        max_num_batched_tokens: Chunk budget.
        layers: Layers of the stage.
        windows_are_saved: False where the engine allocates windowed layers like full ones.
    """
    element_bytes = kv_element_bytes(kv_cache_dtype)
    if caches_nothing(arch):
        return KvCacheLayout((), 0.0, block_size, max_num_batched_tokens)
    types = _layer_types(arch, attention_tp, element_bytes, layers, windows_are_saved)
    state_bytes, state_layers = _state(arch, attention_tp, layers)
    if not types:
        states = (CacheGroup(LayerKind.LINEAR, 1, state_layers, block_size),)
        return KvCacheLayout(
            states if state_layers else (), state_layers * state_bytes, block_size, max_num_batched_tokens
        )
    largest = max(item.bytes_per_token for item in types)
    if state_layers:
        # The attention page must hold a state: raise the block (Qwen3-Next: 544 tokens).
        step = HYBRID_BLOCK_ALIGNMENT * largest
        block_size = max(block_size, HYBRID_BLOCK_ALIGNMENT * math.ceil(state_bytes / step))
    page = block_size * largest
    # Smaller pages take more tokens per block until all pages are equal.
    tokens_per_block = [int(page // item.bytes_per_token) for item in types]
    counts = [item.layers for item in types] + ([state_layers] if state_layers else [])
    size = _group_size(counts)
    groups = tuple(
        CacheGroup(item.kind, math.ceil(item.layers / size), item.layers, tokens, item.window_tokens, item.fixed_tokens)
        for item, tokens in zip(types, tokens_per_block, strict=True)
    )
    if state_layers:
        groups += (CacheGroup(LayerKind.LINEAR, math.ceil(state_layers / size), state_layers, block_size),)
    return KvCacheLayout(groups, size * page, block_size, max_num_batched_tokens)


def _layer_types(
    arch: ModelArchitecture, attention_tp: int, element_bytes: float, layers: range, windows_are_saved: bool
) -> list[_LayerType]:
    counts = _cached_layers(arch, layers)
    if not windows_are_saved and any(kind is LayerKind.FULL for kind, _ in counts):
        counts = Counter({(LayerKind.FULL, 1): sum(counts.values())})
    windows = {LayerKind.SLIDING: arch.sliding_window or 0, LayerKind.CHUNKED: arch.attention_chunk_size or 0}
    types = []
    for kind, ratio in sorted(counts, key=lambda item: (_ATTENTION_KINDS.index(item[0]), item[1])):
        bytes_per_token = kv_bytes_per_token_layer(arch, kind, attention_tp, element_bytes) / ratio
        # A windowed kind without a known window keeps everything.
        stored_as = kind if windows.get(kind) else LayerKind.FULL
        types.append(_LayerType(stored_as, counts[kind, ratio], bytes_per_token, windows.get(kind, 0)))
    if arch.cross_attention_layers and arch.cross_attention_tokens:
        share = math.ceil(arch.cross_attention_layers * len(layers) / arch.num_layers)
        bytes_per_token = kv_bytes_per_token_layer(arch, LayerKind.FULL, attention_tp, element_bytes)
        types.append(_LayerType(LayerKind.FULL, share, bytes_per_token, 0, arch.cross_attention_tokens))
    return types


def _state(arch: ModelArchitecture, attention_tp: int, layers: range) -> tuple[float, int]:
    """Return (bytes of one layer's state on one device, layers of the stage with a state)."""
    kinds = [arch.layer_kinds[layer] for layer in layers]
    count = kinds.count(LayerKind.LINEAR)
    if arch.parallel_linear:
        count += sum(kind in _ATTENTION_KINDS for kind in kinds)
    return arch.linear_state_bytes / attention_tp, count if arch.linear_state_bytes else 0


def _group_size(layer_counts: list[int]) -> int:
    smallest, largest = min(layer_counts), max(layer_counts)
    return largest if largest < GROUP_BALANCE * smallest else smallest


_ATTENTION_KINDS = (LayerKind.FULL, LayerKind.SLIDING, LayerKind.CHUNKED)
