"""What an engine takes of a device besides weights, and what it leaves for the KV cache.

Pure arithmetic, bytes. One rule per engine family; vLLM's constants carry the versions they were read from.

Sources of the constants: 38 start-up logs of vLLM 0.19.0 on H100 (max_num_seqs 1024, max_num_batched_tokens 8192) and
11 of vLLM 0.11 to 0.18, whose error tests/accuracy/test_memory_logs.py states; a Gaudi2, an SGLang (4 x L4) and a
TensorRT-LLM (H100) log for the other engines' rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from budsim.perf_model.engine_settings import EngineSettings, version_numbers
from budsim.perf_model.serving_point import ServingPoint

GIB = float(2**30)

# Device memory the framework does not see of what nvidia-smi states: GiB, and a share of the whole. Start-up lines:
# 24 GB cards 23.53-23.67 of 23.99 GiB, L40S class 44.31-44.39 of 44.99, A100 79.14-79.25 of 80.00 (first pair);
# H100 79.19 of 79.65 (second pair; its slope to larger Hopper and Blackwell parts is assumed).
CUDA_HIDDEN = (0.26, 0.0073)
CUDA_HIDDEN_HOPPER_AND_LATER = (0.28, 0.0023)
HPU_HIDDEN_GIB = 1.38  # Gaudi2: 96 -> 94.62 GiB (start-up log)

# vLLM, peak of the profiling step. A forward pass holds gate, up and activated MLP widths and hidden states:
# bytes per token = 2 x (3 x width / tp + 4.4 x hidden); the sampler holds several copies of the logits.
FORWARD_HIDDEN_COPIES = 4.4  # fitted: codellama 0.77, granite-8b 0.85 GiB; pipeline stages without a sampler 1.05-1.10
PIPELINE_HIDDEN_COPIES = 2.0  # hidden states and residual received from the stage before
SAMPLER_BYTES_PER_LOGIT = {(0, 17): 12.86, (0, 0): 36.2}  # plus the logits in the activation dtype
SAMPLER_HIDDEN_BYTES = 2.83
MOE_WORKSPACE_BYTES = 6.65  # per token, expert and width; kept by the engine from 0.17 on, reused before

# vLLM, outside PyTorch's allocator, by (version from, {tp: GiB}); larger TP takes the last.
NON_TORCH_GIB = {(0, 18): {1: 0.25, 2: 2.07, 4: 2.15}, (0, 0): {1: 0.13, 2: 0.54}}
# The step at TP > 1 is taken to be the all-reduce workspaces of Hopper and later (symmetric memory, fused kernels);
# other devices are assumed to keep the share of the older communicators.
NON_TORCH_OTHER_GIB = {(0, 18): {1: 0.25, 2: 0.66}, (0, 0): {1: 0.13, 2: 0.54}}
NON_TORCH_PIPELINE_GIB = 0.22  # last stage at TP 1, from the logged KV tokens of PP 2 and PP 4

# vLLM, captured graphs: a pool and a share per layer at 51 sizes; experts add workspaces. 20 logs, mean error 0.09 GiB.
GRAPH_POOL_GIB, GRAPH_GIB_PER_LAYER, GRAPH_MOE_GIB = 0.40, 0.0155, 0.5
GRAPH_SIZES_MAX = 51
GRAPHS_COUNTED_FROM = (0, 21)
WINDOWS_SAVED_FROM = (0, 10)

CONTEXT_GIB = {1: 0.3, 2: 0.55}  # CUDA context and communicators before loading; 4 x L4: 0.53 at TP 4 (SGLang log)
HPU_GRAPH_RESERVE = 0.1  # VLLM_GRAPH_RESERVED_MEM
TGI_WIGGLE_ROOM = 0.95
CPU_WORKER_BYTES = 1.0 * GIB  # interpreter, buffers: 3.92 GiB used beside 2.88 GiB of weights (0.22 log)

VERSION_WHEN_NOT_STATED = (0, 32)

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class EngineReserve:
    """Bytes of one device that are neither weights nor KV cache.

    Attributes:
        graphs_counted: The engine subtracts captured graphs before it sizes the cache.
    """

    activation_bytes: float
    non_torch_bytes: float
    cuda_graph_bytes: float
    graphs_counted: bool = True


def visible_memory_bytes(point: ServingPoint) -> float | None:
    """Return the memory of one device as the engine sees it; None when neither the device nor the point states it."""
    if point.device_memory_bytes is not None:
        return point.device_memory_bytes
    stated = point.device.memory_bytes
    if stated is None:
        return None
    if point.device.device_type == "cuda":
        hidden_gib, hidden_share = CUDA_HIDDEN_HOPPER_AND_LATER if _is_hopper_or_later(point) else CUDA_HIDDEN
        return stated * (1 - hidden_share) - hidden_gib * GIB
    if point.device.device_type == "hpu":
        return stated - HPU_HIDDEN_GIB * GIB
    return float(stated)


def engine_reserve(point: ServingPoint, stage: int, num_layers: int) -> EngineReserve:
    """Return the engine's own memory on one device of a pipeline stage.

    Args:
        point: Replica, engine and device.
        stage: Index of the stage; the last one samples.
        num_layers: Layers of the stage.
    """
    settings, plan = point.settings, point.plan
    if point.device.device_type.startswith("cpu"):
        return EngineReserve(_forward_peak(point, with_experts=True), CPU_WORKER_BYTES, 0.0)
    version = _version(settings) if settings.engine == "vllm" else VERSION_WHEN_NOT_STATED
    last = stage == plan.pp_size - 1
    activation = _activation(point, version, last)
    if settings.engine != "vllm":
        return EngineReserve(activation, CONTEXT_GIB[min(plan.tp_size, 2)] * GIB, _graphs(point, num_layers), False)
    non_torch = _by_version(NON_TORCH_GIB if _is_hopper_or_later(point) else NON_TORCH_OTHER_GIB, version)
    gib = non_torch[max(size for size in non_torch if size <= plan.tp_size)]
    if plan.pp_size > 1 and plan.tp_size == 1:
        gib = NON_TORCH_PIPELINE_GIB
    return EngineReserve(activation, gib * GIB, _graphs(point, num_layers), version >= GRAPHS_COUNTED_FROM)


def available_kv_bytes(point: ServingPoint, total_bytes: float, weight_bytes: float, reserve: EngineReserve) -> float:
    """Return what one device leaves for the KV cache; negative when the engine does not start.

    Args:
        point: Replica, engine and device.
        total_bytes: Memory of one device as the engine sees it.
        weight_bytes: Weights of one device.
        reserve: The engine's own share.
    """
    settings = point.settings
    share = settings.gpu_memory_utilization
    used = weight_bytes + reserve.activation_bytes + reserve.non_torch_bytes
    device_type = point.device.device_type
    if device_type.startswith("cpu"):
        if settings.cpu_kvcache_bytes is not None:
            return (
                settings.cpu_kvcache_bytes if settings.cpu_kvcache_bytes + used <= total_bytes else total_bytes - used
            )
        return total_bytes * share - used
    if device_type == "hpu" and settings.engine == "vllm":
        return (total_bytes - used) * share * (1 - HPU_GRAPH_RESERVE)
    if settings.engine == "sglang":
        return (total_bytes - reserve.non_torch_bytes) * share - weight_bytes
    if settings.engine == "trtllm":
        return (total_bytes - used) * share
    if settings.engine == "tgi":
        return (total_bytes * share - used) * TGI_WIGGLE_ROOM
    graphs = reserve.cuda_graph_bytes if reserve.graphs_counted else 0.0
    return total_bytes * share - used - graphs


def _is_hopper_or_later(point: ServingPoint) -> bool:
    return point.device.architecture.lower().startswith(("hopper", "blackwell"))


def saves_windows(settings: EngineSettings) -> bool:
    """Whether the engine gives windowed layers fewer blocks than full ones in models that have both.

    vLLM does from 0.10 on (hybrid KV cache manager); the other engines allocate every layer alike by default.
    """
    return settings.engine == "vllm" and _version(settings) >= WINDOWS_SAVED_FROM


def logs_tokens_by_group(settings: EngineSettings) -> bool:
    """Whether "KV cache size" is blocks per group x block size (vLLM up to 0.20) or concurrency x max_model_len."""
    return settings.engine == "vllm" and _version(settings) < GRAPHS_COUNTED_FROM


def _version(settings: EngineSettings) -> tuple[int, ...]:
    return version_numbers(settings.engine_version) or VERSION_WHEN_NOT_STATED


def _by_version(table: Mapping[tuple[int, int], _Value], version: tuple[int, ...]) -> _Value:
    """Return the entry of the newest version that is not above ``version``."""
    return table[max(start for start in table if start <= version)]


def _activation(point: ServingPoint, version: tuple[int, ...], last_stage: bool) -> float:
    """Return the peak of the profiling step: the larger of forward pass and sampler."""
    arch, settings = point.arch, point.settings
    tokens = settings.max_num_batched_tokens
    keeps_workspace = version >= (0, 17)
    forward = _forward_peak(point, with_experts=not keeps_workspace)
    peak = forward
    if last_stage and arch.task == "generate":
        per_logit = _by_version(SAMPLER_BYTES_PER_LOGIT, version) + point.precision.activation_bytes
        sequences = min(settings.max_num_seqs, tokens)
        peak = max(peak, per_logit * sequences * arch.vocab_size + SAMPLER_HIDDEN_BYTES * tokens * arch.hidden_size)
    if arch.params_vision:  # encoder outputs of one chunk are kept while the step is profiled
        peak += point.precision.activation_bytes * tokens * arch.hidden_size
    return peak + (_expert_workspace(point) if keeps_workspace else 0.0)


def _forward_peak(point: ServingPoint, with_experts: bool) -> float:
    arch, plan = point.arch, point.plan
    tokens = point.settings.max_num_batched_tokens
    dense_width = 0 if arch.is_moe and arch.moe_layers == arch.num_layers else arch.intermediate_size
    width = max(dense_width, arch.shared_expert_intermediate_size) / plan.tp_size
    copies = FORWARD_HIDDEN_COPIES + (PIPELINE_HIDDEN_COPIES if plan.pp_size > 1 else 0.0)
    peak = point.precision.activation_bytes * tokens * (3 * width + copies * arch.hidden_size)
    return peak + (_expert_workspace(point) if with_experts else 0.0)


def _expert_workspace(point: ServingPoint) -> float:
    arch = point.arch
    if not arch.is_moe:
        return 0.0
    width = arch.moe_intermediate_size / point.plan.expert_ranks
    return MOE_WORKSPACE_BYTES * point.settings.max_num_batched_tokens * arch.experts_per_token * width


def _graphs(point: ServingPoint, num_layers: int) -> float:
    if point.settings.enforce_eager or point.device.device_type not in ("cuda", "rocm"):
        return 0.0
    largest = min(512, 2 * point.settings.max_num_seqs)
    sizes = min(3, largest) + min(largest, 256) // 8 + max(0, largest - 256) // 16
    gib = GRAPH_POOL_GIB + GRAPH_GIB_PER_LAYER * num_layers * sizes / GRAPH_SIZES_MAX
    return (gib + (GRAPH_MOE_GIB if point.arch.is_moe else 0.0)) * GIB
