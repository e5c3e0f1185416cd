"""Seconds of one engine step, operator by operator.

``step_coefficients`` turns a serving point into seconds per unit of work, ``replay.step_seconds`` adds them up for a
given mix
of prompt tokens and decoding sequences. Weights are read once per step; a MoE layer reads only the experts that its
tokens
select; attention reads each sequence's cache, windowed layers at most their window.

Sources:
    FLOPs       2 per weight and token; attention 2 (qk + v) per head and query-key pair, causal.
    experts     Distinct experts of n tokens that choose k of E uniformly: E (1 - (1 - k/E)^n). Over EP ranks the
                fullest one
                decides: mean + as many standard deviations of a binomial as the largest of ``ranks`` normal numbers
                lies above theirs (Blom 1958: the normal quantile of (n - 3/8) / (n + 1/4); 1.05 of 4, 1.43 of 8).
    MLA         DeepSeek-V2, arXiv:2405.04434: decode attends in the latent space, every TP rank reads the whole latent
                cache.
    two-way TP  Shoeybi et al. 2019, Megatron-LM, arXiv:1909.08053: two all-reduces per layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from budsim.perf_model.collectives import (
    Fabric,
    all_reduce_seconds_per_byte,
    all_to_all_seconds_per_byte,
    collective_latency_s,
    link_bytes_per_s,
    send_seconds,
)
from budsim.perf_model.engine_constants import StepConstants, device_family, narrow_head_share
from budsim.perf_model.model_architecture import LayerKind, ModelArchitecture
from budsim.perf_model.parameters import count_parameters, weight_bytes
from budsim.perf_model.precision import bytes_per_element
from budsim.perf_model.replay import StepCoefficients, step_seconds_array
from budsim.perf_model.roofline import DeviceRates, device_rates
from budsim.perf_model.serving_point import ServingPoint
from budsim.perf_model.speculation import (
    DraftMethod,
    draft_architecture,
    draft_passes,
    draft_precision,
    verify_overhead_s,
)

# Passes over a hidden-size vector per layer that fused norms, residuals, rotary and quantisation kernels leave.
_HIDDEN_PASSES = 12
# Passes over the copies of a token that its experts get: permuted, quantised, un-permuted and summed.
_EXPERT_PASSES = 4
_EXPERT_TILE_ROWS = 16.0
# Weights that weigh more are stored in 16 bit; nothing between it and 8 bit with its scales is in use.
_SIXTEEN_BIT_BYTES = 1.5
# Kernels that a prompt's MLA layer launches, in those of a dense layer: low-rank projections down and up, their norms
# and quantisations, rotary parts split off and joined again, keys and values expanded. Chosen by fits to served rows
# (docs/accuracy.md).
_MLA_LAUNCHES = 4.5
# Kernels beyond a dense layer's ten or so, in layers' worth of ``layer_overhead_s``. Queries and keys normalised head
# by head: one kernel each. All heads normalised together: squares in fp32, their mean, its root and two products. A
# third and a fourth norm of the hidden vector, and where there is one only: a tenth each. A projection in a narrow
# format quantises its input first: GEMMs of few rows take 3-5 us more than in 16 bit (operator tables of
# aiconfigurator-core 0.12.0, H100 and B200: 3.4 us in bf16; 6.0-8.6 in fp8, with block scales or not; 5.5-10 in nvfp4).
_HEAD_NORM_LAYERS = 0.2
_WIDE_NORM_LAYERS = 0.35
_NORM_LAYERS = 0.1
_QUANTISING_LAYERS = 0.15
# Under tensor parallelism that one norm needs the sum of squares of all devices: eight bytes per token, too few for the
# fast kernels, so NCCL. Its small messages take 9.6 and 15 us on four H100 and B200 (2.29), fast kernels 4.1 and 6.
_WIDE_NORM_COLLECTIVES = 2.5
_NORMAL = NormalDist()
# Routers that only an auxiliary loss balanced during training repeat their choices within a step: of their tokens so
# many choose independently, as a share of those of routers whose correction bias keeps the experts evenly loaded (Wang
# et al. 2024, arXiv:2408.15664; a loss over the global batch leaves experts to domains: Qiu et al. 2025,
# arXiv:2501.11873). Chosen by held-out errors of Qwen3-235B and gpt-oss (docs/accuracy.md).
_AUXILIARY_LOSS_EVENNESS = 0.4
# Correlation of two tokens' choices of one expert, for balanced routers and others: over many tokens the loads of the
# experts vary by sqrt(correlation (E/k - 1)) of their mean (beta-binomial). Chosen likewise.
_LOAD_CORRELATION = {True: 0.004, False: 0.12}
# Hopper multiplies mxfp4 experts by 16-bit activations in OpenAI's Triton kernels (default of vLLM, SGLang and
# TensorRT-LLM there): 0.24-0.43 of the 16-bit rate and 49-64 rows per expert at least, marlin's int4 ones 0.2 and 16
# (operator tables of aiconfigurator-core 0.12.0, H100 and H200).
_TRITON_MXFP4_RATE = 1.3
_TRITON_MXFP4_ROWS = 3.2
# TensorRT-LLM's one-shot all-reduce, in the latency of the others' (same tables: 2.2 of 4.0 us on H100 and H200, 4.2 of
# 7.1 us on B200).
_ALL_REDUCE_LATENCY = {"trtllm": 0.6}
_LOGIT_PASSES = 4  # fp32 logits: written, scaled, soft-maxed, sampled


@dataclass(frozen=True, slots=True)
class StepWork:
    """One step: prompt tokens and decoding sequences. See ``replay.step_seconds``."""

    prefill_tokens: float = 0.0
    prefill_sequences: float = 0.0
    prefill_context: float = 0.0  # tokens of each prompt that were prefilled before
    decoding: float = 0.0
    decode_context: float = 0.0  # mean cached tokens of a decoding sequence


@dataclass(frozen=True, slots=True)
class _AttentionCost:
    """Sums over the layers of one kind of attention, one device."""

    cache_bytes_per_token: float
    decode_flops_per_token: float
    pair_flops: float


def attention_shards(point: ServingPoint) -> int:
    """Return over how many devices one stage splits the attention of one sequence."""
    return 1 if point.plan.dp_attention else point.plan.tp_size


def attention_ranks(point: ServingPoint) -> int:
    """Return how many groups of devices each serve their own sequences."""
    return point.plan.tp_size if point.plan.dp_attention else point.plan.dp_size


def decode_rows(point: ServingPoint) -> int:
    """Return the tokens of one decoding sequence in one step: its last one and the draft tokens to verify."""
    return 1 + point.settings.speculative_tokens


def attention_window(arch: ModelArchitecture) -> float:
    """Return the tokens a windowed layer reads at most; inf when no layer is windowed."""
    if arch.index_topk:
        return float(arch.index_topk)
    if LayerKind.SLIDING in arch.layer_kinds and arch.sliding_window:
        return float(arch.sliding_window)
    if LayerKind.CHUNKED in arch.layer_kinds and arch.attention_chunk_size:
        return arch.attention_chunk_size / 2  # a position lies on average in the middle of its chunk
    return math.inf


def _attention_cost(arch: ModelArchitecture, kind: LayerKind, shards: int, kv_element_bytes: float) -> _AttentionCost:
    layers = sum(k is kind for k in arch.layer_kinds)
    if arch.is_mla:
        latent = arch.kv_lora_rank + arch.qk_rope_head_dim
        heads = arch.num_heads / shards
        value = arch.v_head_dim or arch.head_dim
        return _AttentionCost(
            layers * (latent * kv_element_bytes + arch.indexer_bytes_per_token),
            layers * 2 * heads * (latent + arch.kv_lora_rank),
            layers * 2 * heads * (arch.qk_nope_head_dim + arch.qk_rope_head_dim + value),
        )
    shape = arch.attention_shape(kind)
    kv_heads = math.ceil(shape.num_kv_heads / shards)
    pair = layers * 2 * shape.num_heads / shards * (shape.qk_head_dim + shape.v_head_dim)
    return _AttentionCost(layers * kv_heads * (shape.qk_head_dim + shape.v_head_dim) * kv_element_bytes, pair, pair)


def _ridge(a: float, b: float) -> float:
    return float((a**4 + b**4) ** 0.25)


def _attention_seconds(point: ServingPoint, k: StepConstants, rates: DeviceRates) -> tuple[float, float, float, float]:
    """Return seconds per cached token (full, windowed) and per query-key pair (full, windowed)."""
    arch = point.arch
    shards = attention_shards(point)
    element = bytes_per_element(point.settings.kv_cache_dtype)
    windowed = LayerKind.CHUNKED if LayerKind.CHUNKED in arch.layer_kinds else LayerKind.SLIDING
    sparse = bool(arch.index_topk)
    reading = rates.bandwidth_bytes_per_s * k.kv_efficiency
    reading *= (k.kv_narrow_efficiency if element < 2 else 1.0) * (k.latent_efficiency if arch.is_mla else 1.0)
    head_dim = arch.qk_nope_head_dim + arch.qk_rope_head_dim if arch.is_mla else arch.head_dim
    computing = rates.wide_flops * k.attention_efficiency * narrow_head_share(point.device, head_dim)
    absorbed = rates.wide_flops * k.latent_decode_efficiency if arch.is_mla else computing
    costs, rows = [], decode_rows(point)
    for kind in (LayerKind.FULL, windowed):
        cost = _attention_cost(arch, kind, shards, element)
        # The cache is read once for all tokens of a sequence that are verified together.
        read = _ridge(cost.cache_bytes_per_token / reading, rows * cost.decode_flops_per_token / absorbed)
        costs.append((read, cost.pair_flops / computing))
    (full_read, full_pair), (window_read, window_pair) = costs
    if sparse:  # every "full" layer attends to the selected tokens only
        return 0.0, full_read, 0.0, full_pair
    return full_read, window_read, full_pair, window_pair


def _expected_maximum(count: int) -> float:
    """Return the expected largest of ``count`` independent standard normal numbers (Blom's approximation)."""
    return _NORMAL.inv_cdf((count - 0.375) / (count + 0.25)) if count > 1 else 0.0


def _fullest_rank_load(arch: ModelArchitecture, ranks: int) -> float:
    """Return how much of many tokens' arithmetic the fullest of ``ranks`` EP ranks does, in shares of the mean."""
    if ranks <= 1:
        return 1.0
    correlation = _LOAD_CORRELATION[arch.balanced_router]
    variation = math.sqrt(correlation * max(0.0, arch.num_experts / arch.experts_per_token - 1))
    return min(float(ranks), 1 + _expected_maximum(ranks) * variation * math.sqrt((ranks - 1) / arch.num_experts))


def _grouped_gemm(
    point: ServingPoint, k: StepConstants, rates: DeviceRates, read_bytes: float, params: float
) -> tuple[str, float, float]:
    """Return the kind of the experts' GEMM, the FLOP/s it reaches and the rows that an expert computes at least."""
    kind, peak = _kernel_kind(point, rates, read_bytes, params)
    if kind == "narrow" and point.precision.name == "fp8_block":
        return kind, peak * k.expert_block_efficiency, k.expert_block_tile_rows
    if kind == "packed":
        triton = point.precision.name.startswith("mxfp4") and device_family(point.device) == "hopper"
        rate, rows = (_TRITON_MXFP4_RATE, _TRITON_MXFP4_ROWS) if triton else (1.0, 1.0)
        return kind, peak * k.expert_packed_efficiency * rate, k.expert_packed_tile_rows * rows
    grouped = {
        "wide": k.expert_compute_efficiency,
        "narrow": k.expert_narrow_efficiency,
        "fp4": k.expert_fp4_efficiency,
    }
    return kind, peak * grouped[kind], k.expert_tile_rows


def _expert_terms(point: ServingPoint, k: StepConstants, rates: DeviceRates, read_bytes: float) -> dict[str, float]:
    """Return the expert fields of ``StepCoefficients``."""
    arch, plan = point.arch, point.plan
    if not arch.num_experts:
        names = (
            "expert_read_s",
            "expert_token_s",
            "expert_copy_s",
            "expert_share",
            "routing_evenness",
            "expert_spread",
            "expert_tile_tokens",
        )
        return dict.fromkeys(names, 0.0)
    devices = plan.num_devices / plan.pp_size
    share = arch.experts_per_token / arch.num_experts
    params = count_parameters(arch).experts
    ranks = max(1, plan.ep_size)
    spread = _expected_maximum(ranks) * math.sqrt(ranks / arch.num_experts)
    kind, flops, tile = _grouped_gemm(point, k, rates, read_bytes, params)
    reading = rates.bandwidth_bytes_per_s * k.expert_memory_efficiency
    copies = _EXPERT_PASSES * arch.experts_per_token * arch.hidden_size * 2 * arch.moe_layers / ranks
    return {
        "expert_read_s": read_bytes / devices / (reading * (k.packed_efficiency if kind == "packed" else 1.0)),
        "expert_token_s": 2 * params * share / devices / flops * _fullest_rank_load(arch, ranks),
        "expert_copy_s": copies / (rates.bandwidth_bytes_per_s * k.memory_efficiency),
        "expert_share": share,
        "routing_evenness": k.routing_evenness * (1.0 if arch.balanced_router else _AUXILIARY_LOSS_EVENNESS),
        "expert_spread": spread,
        "expert_tile_tokens": tile,
    }


def _kernel_kind(point: ServingPoint, rates: DeviceRates, weight_bytes: float, params: float) -> tuple[str, float]:
    """Return what kind of GEMM multiplies a part's weights, and its peak FLOP/s.

    Checkpoints leave parts in 16 bit (attention of MoE models, gpt-oss): what a part's weights weigh tells its format.
    fp4 counts for at most twice fp8: a B300 multiplies no faster than a B200 (operator tables).
    """
    if params <= 0 or weight_bytes / params > _SIXTEEN_BIT_BYTES:
        return "wide", rates.wide_flops
    if rates.compute_format == "fp4" and weight_bytes / params < 1.0:
        return "fp4", min(rates.gemm_flops, 4 * rates.wide_flops)
    if rates.compute_format in {"fp8", "int8", "fp4"}:
        return "narrow", min(rates.gemm_flops, 2 * rates.wide_flops)
    return "packed", rates.wide_flops


def _weight_rates(
    point: ServingPoint, k: StepConstants, rates: DeviceRates, weight_bytes: float, params: float
) -> tuple[float, float]:
    """Return FLOP/s of large GEMMs and bytes/s at which the weights are read.

    A narrow format never counts for less than 16 bit; packed weights are unpacked on the way.
    """
    reading, wide = rates.bandwidth_bytes_per_s * k.memory_efficiency, rates.wide_flops * k.compute_efficiency
    kind, peak = _kernel_kind(point, rates, weight_bytes, params)
    factor = {"wide": 1.0, "packed": 1.0, "narrow": k.narrow_efficiency, "fp4": k.fp4_efficiency}[kind]
    gemm = max(wide, peak * k.compute_efficiency * factor)
    return gemm, reading * (k.packed_efficiency if kind == "packed" else 1.0)


def _kernels_s(arch: ModelArchitecture, k: StepConstants, quantising: float) -> float:
    """Return the shortest time of all layers' kernels: about ten of a dense layer, more of MoE and MLA ones.

    Args:
        arch: The model.
        k: Constants.
        quantising: Projections of all layers that quantise their input, in pairs.
    """
    shared = 1.3 if arch.shared_expert_intermediate_size else 1.0
    latent = arch.num_layers if arch.is_mla else 0
    norms = {"head": _HEAD_NORM_LAYERS, "heads": _HEAD_NORM_LAYERS, "full": _WIDE_NORM_LAYERS}.get(arch.qk_norm, 0.0)
    norms += (min(arch.norms_per_layer, 4) - 2) * _NORM_LAYERS
    layers = arch.num_layers * (1.0 + norms) + 2 * quantising * _QUANTISING_LAYERS
    return layers * k.layer_overhead_s + arch.moe_layers * shared * k.moe_overhead_s + latent * k.mla_overhead_s


def _launch_s(arch: ModelArchitecture, k: StepConstants) -> float:
    """Return the host time that launches one step's kernels one by one, in kernels of a dense layer."""
    shared = 0.3 if arch.shared_expert_intermediate_size else 0.0
    layers = arch.num_layers * (_MLA_LAUNCHES if arch.is_mla else 1.0) + arch.moe_layers * (0.5 + shared)
    return layers * k.prefill_launch_s


def _fabric(point: ServingPoint, k: StepConstants) -> Fabric:
    return Fabric(
        link_bytes_per_s(point.device),
        point.inter_node_bytes_per_s,
        max(1, point.devices_per_node),
        k.collective_latency_s * _ALL_REDUCE_LATENCY.get(point.settings.engine, 1.0),
        k.link_efficiency,
        bool(point.device.link_bytes_per_s),
    )


def _collective_terms(point: ServingPoint, k: StepConstants) -> tuple[float, float, float]:
    """Return seconds per step, seconds per token of the step, and seconds of pipeline sends per step."""
    arch, plan, fabric = point.arch, point.plan, _fabric(point, k)
    message = arch.hidden_size * point.precision.activation_bytes
    shards, ranks = attention_shards(point), attention_ranks(point)
    per_step = per_token = 0.0
    reduces = arch.num_layers * (2 if ranks == 1 else 1)
    if shards > 1:
        norms = _WIDE_NORM_COLLECTIVES * arch.num_layers if arch.qk_norm == "full" else 0.0
        per_step += (reduces + norms) * collective_latency_s(fabric, shards)
        per_token += reduces * message * all_reduce_seconds_per_byte(fabric, shards) / ranks
    if ranks > 1 and arch.is_moe:
        group = ranks * shards
        copies = min(arch.experts_per_token, group)
        per_step += 2 * arch.moe_layers * collective_latency_s(fabric, group)
        per_token += 2 * arch.moe_layers * message * copies / group * all_to_all_seconds_per_byte(fabric, group)
    sends = 0.0
    if plan.pp_size > 1:
        crosses = plan.tp_size * plan.pp_size > point.devices_per_node or (point.nodes_spanned or 1) > 1
        sends = plan.pp_size * send_seconds(fabric, message, crosses)
    return per_step, per_token, sends


def step_coefficients(point: ServingPoint, constants: StepConstants) -> StepCoefficients:
    """Return what each unit of work costs one replica.

    Args:
        point: Model, device, layout, formats. The workload is not used.
        constants: Efficiencies and overheads of the engine on this device.
    """
    arch, plan, k = point.arch, point.plan, constants
    rates = device_rates(point)
    counts, weights = count_parameters(arch), weight_bytes(arch, point.precision)
    shards, ranks = attention_shards(point), attention_ranks(point)
    stage_devices = plan.num_devices / plan.pp_size
    dense_shards = plan.tp_size if (ranks == 1 or plan.dp_attention) else stage_devices / ranks
    bandwidth = rates.bandwidth_bytes_per_s * k.memory_efficiency
    mixer_bytes = (
        weights.attention_per_layer * weights.num_attention_layers
        + weights.linear_mixer_per_layer * weights.num_linear_layers
    )
    mixer_params = counts.attention + counts.linear_mixer
    dense_bytes = weights.dense_mlp_per_layer * weights.num_dense_mlp_layers + (
        (weights.shared_experts_per_moe_layer + weights.router_per_moe_layer) * weights.num_moe_layers
    )
    dense_params = counts.dense_mlp + counts.shared_experts + counts.router
    mixer_gemm, mixer_rate = _weight_rates(point, k, rates, mixer_bytes, mixer_params)
    dense_gemm, dense_rate = _weight_rates(point, k, rates, dense_bytes, dense_params)
    narrow = {"narrow", "fp4"}
    quantising = (_kernel_kind(point, rates, mixer_bytes, mixer_params)[0] in narrow) * arch.num_layers
    quantising += (_kernel_kind(point, rates, dense_bytes, dense_params)[0] in narrow) * weights.num_dense_mlp_layers
    kv_full, kv_window, pair_full, pair_window = _attention_seconds(point, k, rates)
    per_step, per_token, sends = _collective_terms(point, k)
    head_params = counts.lm_head or arch.vocab_size * arch.hidden_size
    head_bytes = weights.lm_head or weights.embedding
    hidden_traffic = _HIDDEN_PASSES * arch.hidden_size * 2 * arch.num_layers
    inner_traffic = (
        4 * (dense_params + counts.experts * arch.experts_per_token / max(1, arch.num_experts)) / arch.hidden_size
    )
    linear_layers = sum(kind is LayerKind.LINEAR for kind in arch.layer_kinds)
    return StepCoefficients(
        attention_ranks=float(ranks),
        pp_size=float(plan.pp_size),
        decode_rows=float(decode_rows(point)),
        attention_read_s=mixer_bytes / shards / mixer_rate,
        attention_token_s=2 * mixer_params / shards / mixer_gemm,
        dense_read_s=dense_bytes / dense_shards / dense_rate,
        dense_token_s=2 * dense_params / dense_shards / dense_gemm,
        **_expert_terms(point, k, rates, weights.experts_per_moe_layer * weights.num_moe_layers),
        half_rate_tokens=k.half_rate_tokens,
        elementwise_token_s=(hidden_traffic + inner_traffic / dense_shards) / bandwidth,
        kv_full_s=kv_full,
        kv_window_s=kv_window,
        state_sequence_s=(1 + decode_rows(point))  # read once, written after every token: rejected drafts are undone
        * linear_layers
        * arch.linear_state_bytes
        / shards
        / (rates.bandwidth_bytes_per_s * k.kv_efficiency),
        pair_full_s=pair_full,
        pair_window_s=pair_window,
        pair_ramp_s=(pair_full + pair_window) * k.attention_half_tokens / 2,
        head_read_s=head_bytes / plan.tp_size / bandwidth,
        head_token_s=2 * head_params / plan.tp_size / (rates.wide_flops * k.compute_efficiency)
        + _LOGIT_PASSES * 4 * arch.vocab_size / plan.tp_size / bandwidth,
        collective_step_s=per_step,
        collective_token_s=per_token,
        pipeline_send_s=sends,
        step_overhead_s=k.step_overhead_s + _kernels_s(arch, k, quantising),
        prefill_overhead_s=k.prefill_overhead_s,
        prefill_launch_s=_launch_s(arch, k),
        sequence_overhead_s=k.sequence_overhead_s + verify_overhead_s(point.settings),
        two_rows_factor=k.two_rows_factor,
        four_rows_factor=k.four_rows_factor,
        eight_rows_factor=k.eight_rows_factor,
        sixteen_rows_factor=k.sixteen_rows_factor,
    )


def draft_coefficients(point: ServingPoint, constants: StepConstants) -> StepCoefficients | None:
    """Return what each unit of work costs the model that drafts; None = nothing runs on the device for it.

    Host work of a step is the target's: a drafting pass adds its kernels only.

    Args:
        point: The target with its layout; the draft model is split the same way, over one pipeline stage.
        constants: Efficiencies of the engine on this device.
    """
    settings = point.settings
    if not draft_passes(settings.speculative_method, settings.speculative_tokens):
        return None
    method = DraftMethod(settings.speculative_method)
    draft = draft_architecture(point.arch, method)
    precision = draft_precision(point.precision, draft, method)
    alone = replace(settings, speculative_tokens=0, speculative_method="")
    kernels = replace(
        constants, step_overhead_s=0.0, sequence_overhead_s=0.0, prefill_overhead_s=0.0, prefill_launch_s=0.0
    )
    return step_coefficients(replace(point, arch=draft, precision=precision, settings=alone), kernels)


def step_times(
    coefficients: StepCoefficients,
    work: list[StepWork],
    window: float = math.inf,
    draft: StepCoefficients | None = None,
) -> NDArray[np.float64]:
    """Return seconds of each step in ``work``, shape (n,).

    Args:
        coefficients: Of one replica.
        work: Steps.
        window: ``attention_window`` of the model.
        draft: ``draft_coefficients``; its passes are part of every step.
    """
    rows = np.zeros((len(work), 8))
    passes = round(coefficients.decode_rows) - 1 if draft is not None else 0
    for row, w in zip(rows, work, strict=True):
        chunk = w.prefill_tokens / max(1.0, w.prefill_sequences)
        middle = w.prefill_context + chunk / 2
        row[:] = (
            w.prefill_tokens,
            w.prefill_sequences,
            w.prefill_tokens * middle,
            w.prefill_tokens * min(middle, window),
            w.decoding * coefficients.decode_rows + w.prefill_sequences,
            w.decoding,
            w.decoding * w.decode_context,
            w.decoding * min(w.decode_context, window),
        )
    seconds = np.empty(len(work))
    step_seconds_array(coefficients, draft or coefficients, passes, rows, seconds)
    return seconds
