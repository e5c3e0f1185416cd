"""Why a model needs the memory it needs: the engine's own equation with the numbers in it. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from budsim.perf_model.engine_reserve import EngineReserve, available_kv_bytes, engine_reserve, visible_memory_bytes
from budsim.perf_model.kv_cache import kv_bytes_per_token, kv_element_bytes
from budsim.perf_model.memory import GIB, MemoryCorrection, MemoryEstimate, estimate_memory, loaded_weight_bytes
from budsim.perf_model.model_architecture import ATTENTION_KINDS, LayerKind
from budsim.perf_model.parallelism import check_plan, stage_layer_ranges
from budsim.perf_model.parameters import count_parameters
from budsim.perf_model.serving_point import Infeasible, ServingPoint

_KINDS = {
    LayerKind.FULL: "full attention", LayerKind.SLIDING: "sliding window", LayerKind.CHUNKED: "chunked attention",
    LayerKind.LINEAR: "state (SSM or linear attention)", LayerKind.NONE: "no cache of their own",
}  # fmt: skip


def explain(
    point: ServingPoint, correction: MemoryCorrection | None = None, *, length_stated: bool = True
) -> dict[str, Any]:
    """Return the memory of a replica's fullest device as an equation.

    Args:
        point: Replica, engine and device.
        correction: What start-up logs measured; None = computed figures alone.
        length_stated: Whether ``max_model_len`` was asked for; an assumed one is compared with the engine's default.

    Returns:
        ``starts``; ``terms`` (bytes by name, per device); ``lines`` of text.
    """
    refused = check_plan(point.arch, point.plan, point.device)
    answer = refused or estimate_memory(point, None, correction)
    terms = _terms(point) if isinstance(answer, Infeasible) else _estimated_terms(answer)
    lines = [_headline(point), "", *_equation(point, terms), "", *_token_lines(point), ""]
    if isinstance(answer, Infeasible):
        lines.append(f"It does not start: {answer.reason}")
    else:
        own = [] if length_stated else _own_length(point, correction)
        lines += [*_capacity_lines(point, answer), *own, *_why(point, answer), *answer.notes]
    return {
        "model": point.arch.name,
        "hardware": point.device.name,
        "starts": isinstance(answer, MemoryEstimate),
        "terms": terms,
        "kv_cache_tokens": answer.kv_cache_tokens if isinstance(answer, MemoryEstimate) else None,
        "max_concurrency": answer.max_concurrency if isinstance(answer, MemoryEstimate) else None,
        "lines": lines,
    }


def _estimated_terms(answer: MemoryEstimate) -> dict[str, float | None]:
    return {
        "device_bytes": answer.total_bytes,
        "weight_bytes": answer.model_loading_bytes,
        "activation_bytes": answer.activation_bytes,
        "non_torch_bytes": answer.non_torch_bytes,
        "cuda_graph_bytes": answer.cuda_graph_bytes,
        "kv_cache_bytes": answer.available_kv_bytes,
    }


def _terms(point: ServingPoint) -> dict[str, float | None]:
    """Return the terms of the stage with the most weights, for a replica that does not start."""
    weights = loaded_weight_bytes(point)
    index = max(range(len(weights)), key=weights.__getitem__)
    layers = stage_layer_ranges(point.arch.num_layers, point.plan.pp_size)[index]
    reserve: EngineReserve = engine_reserve(point, index, len(layers))
    total = visible_memory_bytes(point)
    return {
        "device_bytes": total,
        "weight_bytes": weights[index],
        "activation_bytes": reserve.activation_bytes,
        "non_torch_bytes": reserve.non_torch_bytes,
        "cuda_graph_bytes": reserve.cuda_graph_bytes,
        "kv_cache_bytes": None if total is None else available_kv_bytes(point, total, weights[index], reserve),
    }


def _headline(point: ServingPoint) -> str:
    settings, plan = point.settings, point.plan
    layout = f"TP {plan.tp_size} x PP {plan.pp_size}" + (f" x DP {plan.dp_size}" if plan.dp_size > 1 else "")
    engine = f"{settings.engine} {settings.engine_version or ''}".strip()
    return (
        f"{point.arch.name} on {point.device.name}: {engine}, {layout}, weights {point.precision.name}, "
        f"KV cache {settings.kv_cache_dtype}; per device:"
    )


def _gib(value: float | None) -> str:
    return "     unknown" if value is None else f"{value / GIB:8.2f} GiB"


def _equation(point: ServingPoint, terms: dict[str, float | None]) -> list[str]:
    share, settings = point.settings.gpu_memory_utilization, point.settings
    total, parameters = terms["device_bytes"], count_parameters(point.arch).total
    weights = terms["weight_bytes"] or 0.0
    devices = point.plan.tp_size * point.plan.pp_size
    reserve = engine_reserve(point, 0, point.arch.num_layers)
    lines = [f"  {_gib(total)}  the device, as the engine sees it"]
    if settings.engine == "vllm" and point.device.device_type in ("cuda", "rocm") and total is not None:
        lines.append(f"x     {share:6.2f}      gpu_memory_utilization = {total * share / GIB:.2f} GiB taken")
    lines += [
        f"- {_gib(weights)}  weights: {parameters:,} parameters x {weights * devices / parameters:.2f} bytes"
        + (f" over {devices} devices (copies of small parts included)" if devices > 1 else ""),
        f"- {_gib(terms['activation_bytes'])}  activations: peak of a step of {settings.max_num_batched_tokens:,} "
        f"tokens, "
        f"{settings.max_num_seqs:,} sequences",
        f"- {_gib(terms['non_torch_bytes'])}  the engine's own: context, communicators, workspaces",
        f"{'-' if reserve.graphs_counted else ' '} {_gib(terms['cuda_graph_bytes'])}  captured graphs"
        + ("" if reserve.graphs_counted else " (taken beside the share by this engine and version)"),
        f"= {_gib(terms['kv_cache_bytes'])}  left for the KV cache",
    ]
    return lines


def _token_lines(point: ServingPoint) -> list[str]:
    arch, plan, settings = point.arch, point.plan, point.settings
    element = kv_element_bytes(settings.kv_cache_dtype)
    kinds = Counter(arch.layer_kinds)
    cached = sum(kinds[kind] for kind in ATTENTION_KINDS)
    state = (
        [f"One sequence keeps {arch.linear_state_bytes:,.0f} bytes of state in each state layer."]
        if arch.linear_state_bytes
        else []
    )
    if arch.encoder_only or not cached:
        return ["Nothing is cached per token.", *state]
    per_token = kv_bytes_per_token(arch, plan, element)
    if arch.is_mla:
        formula = (
            f"({arch.kv_lora_rank} latent + {arch.qk_rope_head_dim} rope) x {element:g} bytes, whole on every rank"
        )
    else:
        shape = arch.attention_shape()
        heads = max(1, -(-shape.num_kv_heads // plan.attention_tp_size))
        formula = f"{heads} KV heads x ({shape.qk_head_dim} + {shape.v_head_dim}) x {element:g} bytes"
    lines = [f"One token costs {per_token:,.0f} bytes: {cached} layers x {formula}" + _exceptions(point)]
    if len(kinds) > 1:
        lines.append("Layers: " + ", ".join(f"{count} {_KINDS[kind]}" for kind, count in kinds.items()))
    return lines + state


def _exceptions(point: ServingPoint) -> str:
    arch = point.arch
    notes = []
    if point.plan.pp_size > 1:
        notes.append("of the largest pipeline stage")
    if arch.kv_token_ratios:
        notes.append("layers that keep one entry for several tokens count as much less")
    if arch.indexer_bytes_per_token:
        notes.append(f"and {arch.indexer_bytes_per_token:g} bytes of index per layer")
    if arch.sliding_attention is not None:
        notes.append("windowed layers have other heads")
    return f" ({'; '.join(notes)})" if notes else "."


def _capacity_lines(point: ServingPoint, answer: MemoryEstimate) -> list[str]:
    length = point.settings.max_model_len
    if not answer.layout.groups:
        return [f"{answer.max_concurrency:,.0f} sequences at once: as many as the engine admits."]
    one = answer.layout.bytes_per_sequence(length)
    return [
        f"One sequence of max_model_len {length:,} takes {one / GIB:.3f} GiB; "
        f"{answer.max_concurrency:,.1f} fit at once.",
        f"The engine will log {answer.kv_cache_tokens:,} tokens of KV cache.",
    ]


def _own_length(point: ServingPoint, correction: MemoryCorrection | None) -> list[str]:
    """Return what becomes of the engine's own default: sequences as long as the model's limit."""
    limit, assumed = point.arch.max_position_embeddings, point.settings.max_model_len
    grows = not point.arch.encoder_only and not ATTENTION_KINDS.isdisjoint(point.arch.layer_kinds)
    if not grows or limit <= assumed or point.settings.engine not in ("vllm", "sglang"):
        return []
    longest = replace(point, settings=replace(point.settings, max_model_len=limit))
    answer = estimate_memory(longest, None, correction)
    outcome = (
        f"it would not start: {answer.reason}"
        if isinstance(answer, Infeasible)
        else f"{answer.max_concurrency:,.1f} of them fit at once."
    )
    return [f"{assumed:,} is assumed. Left to itself the engine takes the model's own {limit:,} tokens: {outcome}"]


def _why(point: ServingPoint, answer: MemoryEstimate) -> list[str]:
    """Return what of it the model needs, and what the engine takes because it may."""
    if not answer.layout.groups:
        return []
    one = answer.layout.bytes_per_sequence(point.settings.max_model_len)
    needed = answer.model_loading_bytes + answer.activation_bytes + answer.non_torch_bytes + one
    taken = needed - one + answer.available_kv_bytes
    return [
        f"Needed to serve one such sequence: {needed / GIB:.1f} GiB. Taken: {taken / GIB:.1f} GiB, because the engine "
        f"fills its share of the device with KV cache: {answer.available_kv_bytes / GIB:.1f} GiB for more sequences at "
        "once. A lower share takes less and serves fewer."
    ]
