"""A model in a few figures: parameters, attention, cache, weights. Pure; no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from budsim.perf_model.kv_cache import caches_nothing, kv_bytes_per_token_layer
from budsim.perf_model.model_architecture import ATTENTION_KINDS, LayerKind, ModelArchitecture
from budsim.perf_model.parameters import ParameterCounts, count_parameters, weight_bytes
from budsim.perf_model.precision import bytes_per_element, resolve_precision

# Shown side by side, from wide to narrow.
SUMMARY_PRECISIONS = ("bf16", "fp8", "w8a8", "w4a16", "nvfp4", "mxfp4")
_COMPONENTS = (
    "embedding", "lm_head", "attention", "linear_mixer", "dense_mlp", "experts", "shared_experts", "router", "norms",
    "vision", "other",
)  # fmt: skip


def kv_bytes_per_token(arch: ModelArchitecture, kv_dtype: str) -> float:
    """Return the bytes that one more token adds to the cache of a whole replica, before TP and windows.

    Sliding-window layers count in full here: this is what a token costs while the context is inside the window.

    Args:
        arch: Model shape.
        kv_dtype: Number format of the cache.
    """
    return _kv_bytes(arch, kv_dtype, ATTENTION_KINDS)


def long_context_kv_bytes_per_token(arch: ModelArchitecture, kv_dtype: str) -> float:
    """Return the bytes per token once every window is full: only layers of unlimited context still grow."""
    return _kv_bytes(arch, kv_dtype, frozenset({LayerKind.FULL}))


def _kv_bytes(arch: ModelArchitecture, kv_dtype: str, counted: Collection[LayerKind]) -> float:
    """Return the cache bytes of a token over the layers of some kinds."""
    if caches_nothing(arch):
        return 0.0
    element_bytes, ratios = bytes_per_element(kv_dtype), arch.kv_token_ratios
    return sum(
        kv_bytes_per_token_layer(arch, kind, 1, element_bytes) / (ratios[index] if ratios else 1)
        for index, kind in enumerate(arch.layer_kinds)
        if kind in counted
    )


def _component_counts(counts: ParameterCounts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in _COMPONENTS if getattr(counts, name)}


def summarize(arch: ModelArchitecture) -> dict[str, Any]:
    """Return the figures of one model as plain values.

    Args:
        arch: Model shape.

    Returns:
        Keys of ``schemas.ModelSummary``: counts, bytes (SI), layer kinds and what is not known.
    """
    counts = count_parameters(arch)
    own = resolve_precision(None, arch, None)
    kv_dtype = "bf16" if arch.torch_dtype == "fp32" else arch.torch_dtype
    plain = replace(arch, quantization=None, quantization_exempt=())
    weights = {name: weight_bytes(plain, resolve_precision(name, plain, None)).total for name in SUMMARY_PRECISIONS}
    weights[own.name] = weight_bytes(arch, own).total
    return {
        "model": arch.name,
        "model_type": arch.model_type,
        "architectures": list(arch.architectures),
        "task": arch.task,
        "parameters": counts.total,
        "parameters_active": counts.active,
        "parameters_published": arch.params_published or None,
        "parameters_by_component": _component_counts(counts),
        "num_layers": arch.num_layers,
        "layers_by_kind": {kind.value: count for kind, count in sorted(Counter(arch.layer_kinds).items())},
        "hidden_size": arch.hidden_size,
        "num_attention_heads": arch.num_heads,
        "num_kv_heads": arch.num_kv_heads,
        "head_dim": arch.head_dim,
        "attention_type": arch.attention_type,
        "sliding_window": arch.sliding_window,
        "num_experts": arch.num_experts,
        "experts_per_token": arch.experts_per_token,
        "vocab_size": arch.vocab_size,
        "max_context_tokens": arch.max_position_embeddings,
        "precision": own.name,
        "kv_bytes_per_token": kv_bytes_per_token(arch, kv_dtype),
        "kv_bytes_per_token_long_context": long_context_kv_bytes_per_token(arch, kv_dtype),
        "state_bytes_per_sequence": _state_bytes(arch),
        "weight_bytes_by_precision": weights,
        "missing_facts": list(arch.missing_facts),
    }


def _state_bytes(arch: ModelArchitecture) -> float:
    """Return the fixed-size state of one sequence over all layers."""
    layers = sum(
        kind is LayerKind.LINEAR or (arch.parallel_linear and kind in ATTENTION_KINDS) for kind in arch.layer_kinds
    )
    return layers * arch.linear_state_bytes
