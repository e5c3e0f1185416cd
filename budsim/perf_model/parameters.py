"""Parameter counts and weight bytes of a model, by component.

Pure arithmetic. Counts are of the whole model, before TP, PP or EP. They follow the weight shapes of the reference
implementations in ``transformers`` 5 and agree with the totals published in safetensors headers
(``tests/golden/model_parameters.csv``).

Sources:
    Attention   Vaswani et al. 2017; GQA: arXiv:2305.13245; MLA: DeepSeek-V2, arXiv:2405.04434 section 2.1.
    DSA         DeepSeek-V3.2 report: indexer with its own query, key and head-weight projections.
    Gated MLP   Shazeer 2020, arXiv:2002.05202: three matrices instead of two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from functools import lru_cache

from budsim.perf_model.model_architecture import (
    ATTENTION_KINDS,
    AttentionShape,
    LayerKind,
    LayerOverride,
    MlpKind,
    ModelArchitecture,
)
from budsim.perf_model.precision import Precision

__all__ = ["LayerParameters", "ParameterCounts", "WeightBytes", "count_parameters", "layer_parameters", "weight_bytes"]


@dataclass(frozen=True, slots=True)
class LayerParameters:
    """Parameters of one layer. ``vectors`` are norms, biases and sinks: never quantised."""

    attention: int = 0
    linear_mixer: int = 0
    dense_mlp: int = 0
    experts: int = 0
    shared_experts: int = 0
    router: int = 0
    vectors: int = 0

    @property
    def total(self) -> int:
        """All parameters of the layer."""
        return (
            self.attention
            + self.linear_mixer
            + self.dense_mlp
            + self.experts
            + self.shared_experts
            + self.router
            + self.vectors
        )


@dataclass(frozen=True, slots=True)
class ParameterCounts:
    """Parameters of a model by component.

    Attributes:
        total: Everything the engine loads, vision included; no multi-token-prediction head.
        active: What one generated token multiplies with: routed experts at ``experts_per_token``, the embedding
            table only where it is also the head; vision left out.
        embedding: Token, position and type embeddings; the tied head is in here, once.
        lm_head: The output projection, 0 when tied.
    """

    total: int
    active: int
    embedding: int
    lm_head: int
    attention: int
    linear_mixer: int
    dense_mlp: int
    experts: int
    shared_experts: int
    router: int
    norms: int
    vision: int
    other: int
    layers: tuple[LayerParameters, ...]


def _gqa_parameters(arch: ModelArchitecture, shape: AttentionShape) -> tuple[int, int]:
    """Return (matrix, vector) parameters of one multi-, grouped- or single-query attention block."""
    q_dim = shape.num_heads * shape.qk_head_dim
    k_dim = shape.num_kv_heads * shape.qk_head_dim
    v_dim = 0 if shape.shared_kv else shape.num_kv_heads * shape.v_head_dim
    out_dim = shape.num_heads * shape.v_head_dim
    matrices = arch.hidden_size * (q_dim + arch.attention_gate_dim + k_dim + v_dim + out_dim)
    vectors = 0
    if arch.attention_bias:
        vectors += q_dim + k_dim + v_dim
    if arch.attention_output_bias:
        vectors += arch.hidden_size
    if arch.qk_norm == "head":
        vectors += 2 * shape.qk_head_dim
    elif arch.qk_norm in {"heads", "full"}:
        vectors += q_dim + k_dim
    if arch.attention_sinks:
        vectors += shape.num_heads
    return matrices, vectors


def _mla_parameters(arch: ModelArchitecture) -> tuple[int, int]:
    """Return (matrix, vector) parameters of one multi-head latent attention block, DSA indexer included."""
    qk_dim = arch.qk_nope_head_dim + arch.qk_rope_head_dim
    q_dim = arch.num_heads * qk_dim
    matrices = arch.q_lora_rank * (arch.hidden_size + q_dim) if arch.q_lora_rank else arch.hidden_size * q_dim
    matrices += arch.hidden_size * (arch.kv_lora_rank + arch.qk_rope_head_dim)
    matrices += arch.kv_lora_rank * arch.num_heads * (arch.qk_nope_head_dim + arch.v_head_dim)
    matrices += arch.num_heads * arch.v_head_dim * arch.hidden_size
    matrices += arch.hidden_size * arch.attention_gate_dim
    vectors = arch.q_lora_rank + arch.kv_lora_rank
    if arch.attention_bias:
        vectors += arch.q_lora_rank + arch.kv_lora_rank + arch.qk_rope_head_dim + arch.hidden_size
    if arch.index_heads:
        index_dim = arch.index_heads * arch.index_head_dim
        matrices += arch.q_lora_rank * index_dim + arch.hidden_size * (arch.index_head_dim + arch.index_heads)
        vectors += 2 * arch.index_head_dim
    return matrices, vectors


def _mlp_parameters(hidden_size: int, width: int, gated: bool) -> int:
    return (3 if gated else 2) * hidden_size * width


def _moe_parameters(arch: ModelArchitecture) -> LayerParameters:
    """Return routed and shared experts, router and their biases of one MoE layer."""
    # Nemotron 3 projects to a latent width before the experts and back after them.
    expert_hidden = arch.moe_latent_size or arch.hidden_size
    experts = arch.num_experts * _mlp_parameters(expert_hidden, arch.moe_intermediate_size, arch.gated_mlp)
    shared = _mlp_parameters(arch.hidden_size, arch.shared_expert_intermediate_size, arch.gated_mlp)
    if arch.shared_expert_gate and arch.shared_expert_intermediate_size:
        shared += arch.hidden_size
    if arch.moe_latent_size:
        shared += 2 * arch.hidden_size * arch.moe_latent_size
    vectors = arch.num_experts if arch.router_bias else 0
    if arch.expert_bias:
        vectors += arch.num_experts * ((2 if arch.gated_mlp else 1) * arch.moe_intermediate_size + expert_hidden)
    return LayerParameters(
        experts=experts,
        shared_experts=shared,
        router=arch.hidden_size * arch.num_experts,
        dense_mlp=_mlp_parameters(arch.hidden_size, arch.dense_residual_size, arch.gated_mlp),
        vectors=vectors,
    )


def _feed_forward_parameters(arch: ModelArchitecture, kind: MlpKind, width: int) -> LayerParameters:
    if kind is MlpKind.MOE:
        return _moe_parameters(arch)
    if kind is MlpKind.NONE or width == 0:
        return LayerParameters()
    vectors = ((2 if arch.gated_mlp else 1) * width + arch.hidden_size) if arch.mlp_bias else 0
    return LayerParameters(dense_mlp=_mlp_parameters(arch.hidden_size, width, arch.gated_mlp), vectors=vectors)


def _layer(
    arch: ModelArchitecture, shape: AttentionShape | None, has_linear: bool, mlp: MlpKind, width: int
) -> LayerParameters:
    """Return the parameters of one layer; ``shape`` None = no attention block."""
    attention = vectors = 0
    if shape is not None:
        attention, vectors = _mla_parameters(arch) if arch.is_mla else _gqa_parameters(arch, shape)
    feed_forward = _feed_forward_parameters(arch, mlp, width)
    norms = arch.norms_per_layer * arch.hidden_size * (2 if arch.norm_bias else 1)
    return replace(
        feed_forward,
        attention=attention,
        linear_mixer=arch.linear_mixer_params if has_linear else 0,
        vectors=vectors + feed_forward.vectors + norms,
    )


def layer_parameters(arch: ModelArchitecture) -> tuple[LayerParameters, ...]:
    """Return the parameters of every decoder layer in order, before TP."""
    overrides = {item.layer: item for item in arch.layer_overrides}
    layers: list[LayerParameters] = []
    seen: dict[tuple[LayerKind, bool, MlpKind, LayerOverride | None], LayerParameters] = {}
    for index, kind in enumerate(arch.layer_kinds):
        override = overrides.get(index)
        shares_cache = kind is LayerKind.NONE and index >= arch.num_layers - arch.kv_shared_layers
        has_attention = kind in ATTENTION_KINDS or shares_cache
        mlp = arch.mlp_kind(index)
        key = (kind, has_attention, mlp, replace(override, layer=0) if override else None)
        if key not in seen:
            shape = arch.attention_shape(kind) if has_attention else None
            width = arch.intermediate_size
            if override:
                width = override.intermediate_size
                shape = replace(shape, num_kv_heads=override.num_kv_heads) if shape and override.num_kv_heads else None
            has_linear = kind is LayerKind.LINEAR or (has_attention and arch.parallel_linear)
            seen[key] = _layer(arch, shape, has_linear, mlp, width)
        layers.append(seen[key])
    if arch.attention_params_by_layer:
        stated = zip(layers, arch.attention_params_by_layer, strict=True)
        return tuple(replace(layer, attention=matrices) for layer, matrices in stated)
    return tuple(layers)


def _cross_attention_parameters(arch: ModelArchitecture) -> int:
    """Return the second attention blocks of an encoder-decoder's decoder, each with a norm of its own."""
    matrices, vectors = _gqa_parameters(arch, arch.attention_shape())
    norm = arch.hidden_size * (2 if arch.norm_bias else 1)
    return arch.cross_attention_layers * (matrices + vectors + norm)


@lru_cache(maxsize=512)
def count_parameters(arch: ModelArchitecture) -> ParameterCounts:
    """Count the parameters that an engine loads.

    Args:
        arch: Model shape.

    Returns:
        Counts by component and by layer; ``active <= total``.
    """
    layers = layer_parameters(arch)
    sums = {field.name: sum(getattr(layer, field.name) for layer in layers) for field in fields(LayerParameters)}
    final_norm = arch.hidden_size * (2 if arch.norm_bias else 1) if arch.final_norm else 0
    norms = sums["vectors"] + final_norm
    embedding = (arch.vocab_size + arch.position_embeddings + arch.type_vocab_size) * arch.hidden_size
    embedding += arch.extra_embedding_params
    lm_head = 0 if arch.tie_word_embeddings else arch.vocab_size * arch.hidden_size
    if arch.lm_head_bias:
        norms += arch.vocab_size
    attention = sums["attention"] + _cross_attention_parameters(arch)
    mixers = attention + sums["linear_mixer"] + sums["dense_mlp"] + sums["shared_experts"] + sums["router"] + norms
    idle_share = 1 - arch.experts_per_token / arch.num_experts if arch.num_experts else 0.0
    total = mixers + sums["experts"] + embedding + lm_head + arch.params_vision + arch.params_other
    idle = round(sums["experts"] * idle_share)
    return ParameterCounts(
        total=total,
        active=total - idle - arch.params_vision,
        embedding=embedding,
        lm_head=lm_head,
        attention=attention,
        linear_mixer=sums["linear_mixer"],
        dense_mlp=sums["dense_mlp"],
        experts=sums["experts"],
        shared_experts=sums["shared_experts"],
        router=sums["router"],
        norms=norms,
        vision=arch.params_vision,
        other=arch.params_other,
        layers=layers,
    )


@dataclass(frozen=True, slots=True)
class WeightBytes:
    """Bytes of a whole model's weights, before TP, PP or EP.

    The ``*_per_layer`` figures are means over the layers that have the component; ``layers`` has every layer's own
    total (norms included) for pipeline stages.

    Attributes:
        norms: All norms, biases and sinks of the model.
        embedding: Token and position embeddings; the tied head is in here, once.
        lm_head: Output projection, 0 when tied.
        other: Parameters that no formula explains (encoder towers, audio), at 16 bit.
        layers: Total bytes of each layer, ``num_layers`` long.
    """

    attention_per_layer: float
    num_attention_layers: int
    linear_mixer_per_layer: float
    num_linear_layers: int
    dense_mlp_per_layer: float
    num_dense_mlp_layers: int
    experts_per_moe_layer: float
    shared_experts_per_moe_layer: float
    router_per_moe_layer: float
    num_moe_layers: int
    norms: float
    embedding: float
    lm_head: float
    vision: float
    other: float
    layers: tuple[float, ...]

    @property
    def total(self) -> float:
        """Bytes of all weights together."""
        return (
            self.attention_per_layer * self.num_attention_layers
            + self.linear_mixer_per_layer * self.num_linear_layers
            + self.dense_mlp_per_layer * self.num_dense_mlp_layers
            + (self.experts_per_moe_layer + self.shared_experts_per_moe_layer + self.router_per_moe_layer)
            * self.num_moe_layers
            + self.norms
            + self.embedding
            + self.lm_head
            + self.vision
            + self.other
        )


# Component of LayerParameters -> word in ``quantization_exempt`` that leaves it at 16 bit.
_QUANTIZABLE = {
    "attention": "attn",
    "linear_mixer": "linear",
    "dense_mlp": "dense_mlp",
    "experts": "experts",
    "shared_experts": "shared_experts",
}


def _component_bytes(precision: Precision, exempt: frozenset[str]) -> dict[str, float]:
    """Return bytes per parameter of each component of a layer."""
    sizes = {
        name: precision.unquantized_bytes if word in exempt else precision.weight_bytes
        for name, word in _QUANTIZABLE.items()
    }
    return sizes | {"router": precision.unquantized_bytes, "vectors": precision.unquantized_bytes}


def padded_width(width: int, multiple: int) -> int:
    """Round a matrix dimension up to a multiple, as kernels with fixed tiles store it."""
    return math.ceil(width / multiple) * multiple


def _expert_padding(arch: ModelArchitecture, multiple: int) -> float:
    """Return stored over counted bytes of expert matrices whose width is rounded up."""
    if multiple <= 1 or not arch.is_moe:
        return 1.0
    return padded_width(arch.moe_intermediate_size, multiple) / arch.moe_intermediate_size


def weight_bytes(arch: ModelArchitecture, precision: Precision, expert_pad_multiple: int = 1) -> WeightBytes:
    """Return the bytes of the whole model's weights by component.

    Args:
        arch: Model shape.
        precision: Formats; embeddings, head, norms and router stay at ``unquantized_bytes`` unless the scheme
            covers them (``precision.quantizes_embeddings``).
        expert_pad_multiple: The width of experts is stored rounded up to this (mxfp4 kernels of vLLM: 256, so that
            gpt-oss-120b loads 64.4 GiB instead of 60.8).

    Returns:
        Bytes by component and by layer.
    """
    counts = count_parameters(arch)
    exempt = frozenset(arch.quantization_exempt if precision.honours_exemptions else precision.exempt)
    size = _component_bytes(precision, exempt)
    size["experts"] *= _expert_padding(arch, expert_pad_multiple)

    def mean(name: str) -> tuple[float, int]:
        used = [getattr(layer, name) for layer in counts.layers if getattr(layer, name)]
        return (size[name] * sum(used) / len(used), len(used)) if used else (0.0, 0)

    attention, attention_layers = mean("attention")
    linear, linear_layers = mean("linear_mixer")
    dense, dense_layers = mean("dense_mlp")
    experts, moe_layers = mean("experts")
    shared, shared_layers = mean("shared_experts")
    router, _ = mean("router")
    cross = counts.attention - sum(layer.attention for layer in counts.layers)
    table_bytes = precision.weight_bytes if precision.quantizes_embeddings else precision.unquantized_bytes
    return WeightBytes(
        attention_per_layer=attention,
        num_attention_layers=attention_layers,
        linear_mixer_per_layer=linear,
        num_linear_layers=linear_layers,
        dense_mlp_per_layer=dense,
        num_dense_mlp_layers=dense_layers,
        experts_per_moe_layer=experts,
        shared_experts_per_moe_layer=shared * shared_layers / moe_layers if moe_layers else 0.0,
        router_per_moe_layer=router,
        num_moe_layers=moe_layers,
        norms=counts.norms * size["vectors"],
        embedding=counts.embedding * table_bytes,
        lm_head=counts.lm_head * table_bytes,
        vision=counts.vision * precision.unquantized_bytes,
        other=(counts.other + cross) * precision.unquantized_bytes,
        layers=tuple(sum(getattr(layer, name) * per for name, per in size.items()) for layer in counts.layers),
    )
