"""What a serving point looks like to the learned residual: physical, mostly dimensionless quantities.

Times at the datasheet's rates (no fitted constant) over the predicted times say which resource a case leans on; the
rest are sizes. No names or versions, and of the launch flags only the token budget of a step: what identifies a case
makes trees recognise it instead of explaining it.

Sources: FLOPs 2 per weight and token, distinct experts E (1 - (1 - k/E)^n) of n tokens (see ``step_time.py``); ring
all-reduce of 2 (n-1)/n of the message.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from budsim.perf_model.collectives import link_bytes_per_s
from budsim.perf_model.kv_cache import caches_nothing, kv_bytes_per_token_layer
from budsim.perf_model.model_architecture import ATTENTION_KINDS, LayerKind
from budsim.perf_model.parameters import count_parameters, weight_bytes
from budsim.perf_model.precision import bytes_per_element
from budsim.perf_model.roofline import DeviceRates, device_rates
from budsim.perf_model.serving_point import Prediction, ServingPoint
from budsim.perf_model.step_time import attention_ranks, attention_shards, attention_window
from budsim.perf_model.workload import LoadMode

# Raised with every change of what a column means: models trained on other columns are refused.
FEATURE_VERSION = 3
FEATURES = (
    "static_batch", "log_running", "log_isl", "log_osl", "log_in_flight_per_running", "prompt_tokens_per_step",
    "seats_filled", "kv_filled", "log_waves", "log_steps_per_prompt", "length_spread",
    "weight_share", "expert_share", "kv_share", "compute_share", "transfer_share", "log_step_s",
    "log_layers_per_step_ms", "prompt_compute_share", "prompt_attention_share", "prompt_read_share", "log_ttft_s",
    "log_ttft_per_step", "log_prompt_s", "log_ttft_per_prompt",
    "bytes_per_parameter", "kv_element_bytes", "active_share", "log_experts", "latent_attention", "windowed_share",
    "log_hidden_size", "log_active_parameters", "log_heads_per_kv_head",
    "log_tp", "log_expert_ranks", "log_attention_ranks", "log_stages",
    "log_flops_per_byte", "log_bandwidth", "log_link_bandwidth",
)  # fmt: skip
_SMALL = 1e-9
_MEMO_LIMIT = 20_000

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _ReplicaCosts:
    """Seconds at datasheet rates and sizes of one replica; they do not depend on the load.

    Attributes:
        dense_read_s: Reading all weights but routed experts and the input embedding once.
        expert_read_s: Reading all routed experts once.
        token_s: Matrix products of one token.
        kv_full_s: Reading one cached token, layers of unlimited context.
        kv_window_s: The same, windowed layers.
        pair_s: One query-key pair of one layer set, in all attending layers.
        token_transfer_s: All-reduces of one token.
        sizes: The columns of FEATURES that only model, device and layout decide.
    """

    dense_read_s: float
    expert_read_s: float
    token_s: float
    kv_full_s: float
    kv_window_s: float
    pair_s: float
    token_transfer_s: float
    window: float
    expert_share: float
    layers: int
    ranks: int
    sizes: dict[str, float]


def _attention_seconds(point: ServingPoint, rates: DeviceRates) -> tuple[float, float, float]:
    """Return seconds per cached token (unlimited, windowed layers) and per query-key pair."""
    arch, shards = point.arch, attention_shards(point)
    element = bytes_per_element(point.settings.kv_cache_dtype)
    full = windowed = 0.0
    for kind in LayerKind:
        layers = sum(k is kind for k in arch.layer_kinds)
        if not layers or kind not in ATTENTION_KINDS or caches_nothing(arch):
            continue
        seconds = layers * kv_bytes_per_token_layer(arch, kind, shards, element) / rates.bandwidth_bytes_per_s
        if kind is LayerKind.FULL and not arch.index_topk:
            full += seconds
        else:
            windowed += seconds
    attending = sum(kind in ATTENTION_KINDS for kind in arch.layer_kinds)
    width = 2 * arch.head_dim if not arch.is_mla else arch.qk_nope_head_dim + arch.qk_rope_head_dim + arch.v_head_dim
    pair = attending * 2 * arch.num_heads / shards * width / rates.wide_flops
    return full, windowed, pair


def _sizes(point: ServingPoint, rates: DeviceRates, total_bytes: float) -> dict[str, float]:
    arch, plan = point.arch, point.plan
    counts = count_parameters(arch)
    windowed = sum(kind not in (LayerKind.FULL,) for kind in arch.layer_kinds) / max(1, arch.num_layers)
    return {
        "bytes_per_parameter": total_bytes / max(1, counts.total),
        "kv_element_bytes": bytes_per_element(point.settings.kv_cache_dtype),
        "active_share": counts.active / max(1, counts.total),
        "log_experts": math.log1p(arch.num_experts),
        "latent_attention": float(arch.is_mla),
        "windowed_share": windowed,
        "log_hidden_size": math.log(arch.hidden_size),
        "log_active_parameters": math.log(max(1, counts.active)),
        "log_heads_per_kv_head": math.log(max(1.0, arch.num_heads / max(1, arch.num_kv_heads))),
        "log_tp": math.log(plan.tp_size),
        "log_expert_ranks": math.log(max(1, plan.ep_size)),
        "log_attention_ranks": math.log(attention_ranks(point)),
        "log_stages": math.log(plan.pp_size),
        "log_flops_per_byte": math.log(rates.gemm_flops / rates.bandwidth_bytes_per_s),
        "log_bandwidth": math.log(rates.bandwidth_bytes_per_s),
        "log_link_bandwidth": math.log(link_bytes_per_s(point.device)),
    }


def _replica_costs(point: ServingPoint) -> _ReplicaCosts:
    arch, plan = point.arch, point.plan
    rates, counts = device_rates(point), count_parameters(arch)
    weights = weight_bytes(arch, point.precision)
    experts = weights.experts_per_moe_layer * weights.num_moe_layers
    read = weights.total - experts - (weights.embedding if weights.lm_head else 0.0) - weights.vision
    shards, ranks = attention_shards(point), attention_ranks(point)
    per_stage = plan.num_devices / plan.pp_size
    dense_devices = per_stage if arch.is_moe else max(1.0, per_stage / max(1, plan.dp_size))
    full, windowed, pair = _attention_seconds(point, rates)
    messages = 2 * arch.num_layers * arch.hidden_size * point.precision.activation_bytes
    return _ReplicaCosts(
        dense_read_s=read / dense_devices / rates.bandwidth_bytes_per_s,
        expert_read_s=experts / per_stage / rates.bandwidth_bytes_per_s,
        token_s=2 * counts.active / dense_devices / rates.gemm_flops,
        kv_full_s=full,
        kv_window_s=windowed,
        pair_s=pair,
        token_transfer_s=messages * 2 * (shards - 1) / shards / link_bytes_per_s(point.device),
        window=attention_window(arch),
        expert_share=arch.experts_per_token / arch.num_experts if arch.num_experts else 0.0,
        layers=arch.num_layers,
        ranks=ranks,
        sizes=_sizes(point, rates, weights.total),
    )


@dataclass(frozen=True, slots=True)
class DescribedPoints:
    """Features of n points and what their latencies cannot be below.

    Attributes:
        features: Shape (n, len(FEATURES)), finite.
        tpot_floor_ms: One decode step that reads the weights of one token's experts at the datasheet's bandwidth.
        ttft_floor_ms: The matrix products of one prompt at the datasheet's FLOP/s.
    """

    features: FloatArray
    tpot_floor_ms: FloatArray
    ttft_floor_ms: FloatArray


class PointDescriber:
    """Turns points and their physics answers into features; remembers what does not depend on the load."""

    def __init__(self) -> None:
        self._costs: dict[Hashable, _ReplicaCosts] = {}
        self._alive: dict[int, Any] = {}

    def describe(self, points: Sequence[ServingPoint], answers: Sequence[Prediction]) -> DescribedPoints:
        """Return the features of ``points``.

        Args:
            points: n points.
            answers: Their n predictions by physics.
        """
        rows = np.zeros((len(points), len(FEATURES)))
        floors = np.zeros((len(points), 2))
        for index, (point, answer) in enumerate(zip(points, answers, strict=True)):
            columns, floors[index] = _columns(point, answer, self._costs_of(point))
            rows[index] = [columns[name] for name in FEATURES]
        return DescribedPoints(rows, floors[:, 0] * 1e3, floors[:, 1] * 1e3)

    def _costs_of(self, point: ServingPoint) -> _ReplicaCosts:
        for large in (point.arch, point.device):
            self._alive.setdefault(id(large), large)
        kept = (point.plan, point.precision, point.cpu_cores, point.settings.kv_cache_dtype)
        key = (id(point.arch), id(point.device), *kept)
        if key not in self._costs:
            if len(self._costs) >= _MEMO_LIMIT:
                self._costs.clear()
            self._costs[key] = _replica_costs(point)
        return self._costs[key]


def _length_spread(length_dist: str) -> float:
    parts = length_dist.split("_")
    return float(parts[2]) / float(parts[1]) - 1.0 if len(parts) == 3 else 0.0


def _columns(point: ServingPoint, answer: Prediction, c: _ReplicaCosts) -> tuple[dict[str, float], tuple[float, float]]:
    """Return the columns of one point and its floors of TPOT and TTFT in seconds."""
    load, settings = point.workload, point.settings
    e2e, ttft = max(answer.e2e_s_mean, _SMALL), max(answer.ttft_ms_mean / 1e3, _SMALL)
    step = max(answer.tpot_ms_mean / 1e3, _SMALL) if load.osl > 1 else max(e2e, _SMALL)
    in_flight = max(1.0, answer.request_throughput * e2e)
    running = max(1.0, min(answer.request_throughput * max(e2e - ttft, step), in_flight))
    copies = 1.0 if point.arch.is_moe else float(c.ranks)
    rank_running = running / c.ranks
    context = load.isl + load.osl / 2
    prompt = load.isl * (1 - load.prefix_cache_hit_rate)
    touched = 1.0 - (1.0 - c.expert_share) ** running if c.expert_share else 0.0
    kv = rank_running * (context * c.kv_full_s + min(context, c.window) * c.kv_window_s)
    prompt_compute, prompt_read = prompt * c.token_s, c.dense_read_s + c.expert_read_s
    prompt_pairs = prompt * (load.isl - prompt / 2) * c.pair_s
    prompt_s = max(_SMALL, prompt_compute + prompt_pairs + prompt_read)
    seats = max(1, settings.max_num_seqs) * c.ranks
    requests = float(load.num_prompts or 10 * in_flight)
    columns = {
        **c.sizes,
        "static_batch": float(load.load_mode is LoadMode.STATIC_BATCH),
        "log_running": math.log(running / copies),
        "log_isl": math.log(load.isl),
        "log_osl": math.log(max(1.0, load.osl)),
        "log_in_flight_per_running": math.log(in_flight / running),
        "prompt_tokens_per_step": math.log1p(answer.request_throughput / copies * prompt * step),
        "seats_filled": min(2.0, in_flight / seats),
        "kv_filled": min(2.0, in_flight * context / max(1.0, float(answer.kv_cache_tokens))),
        "log_waves": math.log(max(1.0, requests / in_flight)),
        "log_steps_per_prompt": math.log(max(1.0, prompt) / max(1, settings.max_num_batched_tokens)),
        "length_spread": _length_spread(load.length_dist),
        "weight_share": c.dense_read_s / step,
        "expert_share": c.expert_read_s * touched / step,
        "kv_share": kv / step,
        "compute_share": c.token_s * running / copies / step,
        "transfer_share": c.token_transfer_s * running / copies / step,
        "log_step_s": math.log(step),
        "log_layers_per_step_ms": math.log(c.layers / (step * 1e3)),
        "prompt_compute_share": prompt_compute / ttft,
        "prompt_attention_share": prompt_pairs / ttft,
        "prompt_read_share": prompt_read / ttft,
        "log_ttft_s": math.log(ttft),
        "log_ttft_per_step": math.log(ttft / step),
        "log_prompt_s": math.log(prompt_s),
        "log_ttft_per_prompt": math.log(ttft / prompt_s),
    }
    return columns, (c.dense_read_s + c.expert_read_s * c.expert_share, prompt * c.token_s)
