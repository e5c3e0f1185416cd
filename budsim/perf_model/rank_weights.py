"""Weight bytes that one rank of each pipeline stage loads.

Pure arithmetic, bytes. ``parameters.weight_bytes`` counts the whole model; here it is dealt out: TP shards the
projections, the MLP, the embedding and the head, K/V projections are copied once TP exceeds the K/V heads, MLA's
down-projections, routers and norms are copied on every rank, experts are shared by all devices of a stage.

Sources: the layer classes of vLLM (``QKVParallelLinear``, ``ReplicatedLinear`` in its DeepSeek model,
``VocabParallelEmbedding``, ``FusedMoE``); checked against 38 logged "Model loading took" lines (tests/accuracy).
"""

from __future__ import annotations

import math
from functools import lru_cache

from budsim.perf_model.allocator_slack import Rounding, layer_slack_bytes, tensor_slack_bytes
from budsim.perf_model.model_architecture import LayerKind, ModelArchitecture
from budsim.perf_model.parallelism import VOCAB_PADDING, ParallelPlan, stage_layer_ranges
from budsim.perf_model.parameters import count_parameters, weight_bytes
from budsim.perf_model.precision import Precision

# vLLM's mxfp4 kernels store an expert's width per rank rounded up to this (2880 -> 3072 for gpt-oss).
MXFP4_EXPERT_WIDTH_MULTIPLE = 256


@lru_cache(maxsize=8192)
def stage_weight_bytes(
    arch: ModelArchitecture, precision: Precision, plan: ParallelPlan, rounding: Rounding = Rounding.BLOCKS
) -> tuple[float, ...]:
    """Return bytes that one device of each pipeline stage loads, first stage first.

    Args:
        arch: Model shape.
        precision: Formats of the weights.
        plan: Layout of the replica.
        rounding: What the allocator adds, see ``Rounding``.
    """
    whole = weight_bytes(arch, precision)
    counts = count_parameters(arch)
    layer_bytes = _layer_bytes_per_rank(arch, precision, plan, rounding)
    layers_total = sum(whole.layers)
    # Norms, biases and whatever else is counted outside the layers: copied on every rank.
    outside = whole.norms - sum(layer.vectors for layer in counts.layers) * precision.unquantized_bytes
    stages = [
        sum(layer_bytes[layer] for layer in layers) for layers in stage_layer_ranges(arch.num_layers, plan.pp_size)
    ]
    vocab_tp = 1 if plan.dp_attention else plan.tp_size
    embedding = _with_slack(_padded(whole.embedding, arch.vocab_size) / vocab_tp, rounding)
    head = _with_slack(_padded(whole.lm_head or whole.embedding, arch.vocab_size) / plan.tp_size, rounding)
    stages[0] += embedding + (whole.vision + whole.other) / plan.tp_size
    if whole.lm_head or plan.pp_size > 1:
        stages[-1] += head  # a tied head is a second copy on the last stage
    stages[-1] += max(0.0, outside)
    rope = _rope_cache_bytes(arch) if layers_total else 0.0
    return tuple(stage + rope for stage in stages)


@lru_cache(maxsize=1024)
def draft_weight_bytes(draft: ModelArchitecture, precision: Precision, plan: ParallelPlan, own_head: bool) -> float:
    """Return bytes that one device of the last stage loads for a draft model; embedding and rotary tables are shared.

    Args:
        draft: ``speculation.draft_architecture``.
        precision: Its formats.
        plan: Layout of the target.
        own_head: It has an output projection of its own.
    """
    layers = sum(_layer_bytes_per_rank(draft, precision, plan, Rounding.NONE))
    head = weight_bytes(draft, precision).lm_head / plan.tp_size if own_head else 0.0
    return layers + head


def _layer_bytes_per_rank(
    arch: ModelArchitecture, precision: Precision, plan: ParallelPlan, rounding: Rounding
) -> list[float]:
    """Return bytes of every layer on one rank."""
    counts = count_parameters(arch)
    whole = weight_bytes(arch, precision)
    tp = plan.tp_size
    attention_share = _attention_share(arch, plan.attention_tp_size)
    expert_share = _expert_padding(arch, precision, plan) / plan.expert_ranks
    stored = {
        "attention": whole.attention_per_layer * whole.num_attention_layers,
        "linear_mixer": whole.linear_mixer_per_layer * whole.num_linear_layers,
        "dense_mlp": whole.dense_mlp_per_layer * whole.num_dense_mlp_layers,
        "experts": whole.experts_per_moe_layer * whole.num_moe_layers,
        "shared_experts": whole.shared_experts_per_moe_layer * whole.num_moe_layers,
        "router": whole.router_per_moe_layer * whole.num_moe_layers,
    }
    share = {
        "attention": attention_share,
        "linear_mixer": 1 / plan.attention_tp_size,
        "dense_mlp": 1 / tp,
        "experts": expert_share,
        "shared_experts": 1 / tp,
        "router": 1.0,
    }
    per_parameter = {}
    for name, total in stored.items():
        parameters = sum(getattr(layer, name) for layer in counts.layers)
        per_parameter[name] = total / parameters if parameters else 0.0
    slack = {kind: layer_slack_bytes(arch, plan, kind, per_parameter, rounding) for kind in set(arch.layer_kinds)}
    return [
        sum(getattr(layer, name) * size * share[name] for name, size in per_parameter.items())
        + sum(rest for name, rest in slack[kind].items() if getattr(layer, name))
        + layer.vectors * precision.unquantized_bytes
        + (_absorbed_mla_bytes(arch, precision, plan) if layer.attention else 0.0)
        for layer, kind in zip(counts.layers, arch.layer_kinds, strict=True)
    ]


def _absorbed_mla_bytes(arch: ModelArchitecture, precision: Precision, plan: ParallelPlan) -> float:
    """Return the 16-bit copies of MLA's up-projections that engines keep per layer to absorb them in decode."""
    if not arch.is_mla:
        return 0.0
    width = arch.kv_lora_rank * arch.num_heads * (arch.qk_nope_head_dim + arch.v_head_dim)
    return width * precision.unquantized_bytes / plan.attention_tp_size


def _attention_share(arch: ModelArchitecture, attention_tp: int) -> float:
    """Return the part of one layer's attention weights that one rank holds."""
    if attention_tp == 1:
        return 1.0
    if arch.is_mla:
        copied = arch.hidden_size * (arch.q_lora_rank + arch.kv_lora_rank + arch.qk_rope_head_dim)
        query = (
            (arch.q_lora_rank or arch.hidden_size) * arch.num_heads * (arch.qk_nope_head_dim + arch.qk_rope_head_dim)
        )
        value = arch.num_heads * arch.v_head_dim * arch.hidden_size
        latent = arch.kv_lora_rank * arch.num_heads * (arch.qk_nope_head_dim + arch.v_head_dim)
        if arch.index_heads:
            index_dim = arch.index_heads * arch.index_head_dim
            copied += arch.q_lora_rank * index_dim + arch.hidden_size * (arch.index_head_dim + arch.index_heads)
        split = query + value + latent + arch.hidden_size * arch.attention_gate_dim
        return (copied + split / attention_tp) / (copied + split)
    shape = arch.attention_shape(LayerKind.FULL)
    query = shape.num_heads * (shape.qk_head_dim + shape.v_head_dim) + arch.attention_gate_dim
    key_value = shape.num_kv_heads * (shape.qk_head_dim + (0 if shape.shared_kv else shape.v_head_dim))
    kv_share = max(1, math.ceil(shape.num_kv_heads / attention_tp)) / shape.num_kv_heads if shape.num_kv_heads else 0.0
    return (query / attention_tp + key_value * kv_share) / (query + key_value)


def _expert_padding(arch: ModelArchitecture, precision: Precision, plan: ParallelPlan) -> float:
    """Return stored over counted bytes of the experts on one rank."""
    if precision.name != "mxfp4" or not arch.moe_intermediate_size:
        return 1.0
    width = arch.moe_intermediate_size / (1 if plan.ep_size > 1 else plan.expert_ranks)
    return math.ceil(width / MXFP4_EXPERT_WIDTH_MULTIPLE) * MXFP4_EXPERT_WIDTH_MULTIPLE / width


def _with_slack(table_bytes: float, rounding: Rounding) -> float:
    return table_bytes + tensor_slack_bytes(table_bytes, rounding)


def _padded(table_bytes: float, vocab_size: int) -> float:
    return table_bytes / vocab_size * math.ceil(vocab_size / VOCAB_PADDING) * VOCAB_PADDING if vocab_size else 0.0


def _rope_cache_bytes(arch: ModelArchitecture) -> float:
    """Return the cosine and sine tables that vLLM keeps in the model's dtype, 16 bit: positions x rotary width."""
    if arch.position_embeddings:
        return 0.0
    if arch.rope_elements is not None:
        return arch.rope_elements * 2.0
    return arch.max_position_embeddings * (arch.qk_rope_head_dim or arch.head_dim) * 2.0
