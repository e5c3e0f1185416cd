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

# vLLM, outside PyTorch's allocator, GiB by TP (larger TP takes the last), on Hopper and later.
NON_TORCH_GIB = {1: 0.13, 2: 0.54, 4: 2.1}  # before 0.18; from then on: ReserveConstants.non_torch_gib
NON_TORCH_CHANGED = (0, 18)
# The steps are all-reduce buffers of Hopper and later: symmetric memory and fused kernels from 0.18 on, NCCL's NVLink
# multicast beyond two devices before (Qwen3-235B on 4 x H100, vLLM of July 2025 and SGLang). Others take NCCL's own
# share: 0.41 GiB over NVLink (assumed: H100 of 0.11), 0.12 over PCIe (2 x 4090, 2 x L40S, 4 x Turing, 4 x L4).
NON_TORCH_ONE_GIB = {(0, 18): 0.25, (0, 0): 0.13}
NCCL_NVLINK_GIB, NCCL_PCIE_GIB = 0.41, 0.12
# HIP context and libraries: vLLM 0.6.3, 0.9.2 and 0.11 on MI300X logged 1.1-1.4 GiB less cache than with CUDA's share.
ROCM_CONTEXT_GIB = 1.25
NON_TORCH_PIPELINE_GIB = 0.22  # last stage at TP 1, from the logged KV tokens of PP 2 and PP 4

# vLLM, captured graphs: a pool and a share per layer at 51 sizes; experts add workspaces. 20 logs, mean error 0.09 GiB.
GRAPH_POOL_GIB, GRAPH_GIB_PER_LAYER, GRAPH_MOE_GIB = 0.40, 0.0155, 0.5
GRAPH_SIZES_MAX = 51
GRAPHS_COUNTED_FROM = (0, 21)
WINDOWS_SAVED_FROM = (0, 10)

# SGLang and TensorRT-LLM: CUDA context and communicators before loading. 4 x L4: 0.53 (log); 8 x H200: 2.5 (log).
CONTEXT_GIB = {1: 0.3, 2: 0.55}
CONTEXT_HOPPER_GIB = {1: 0.3, 2: 0.55, 4: 2.1, 8: 2.5}
HPU_GRAPH_RESERVE = 0.1  # VLLM_GRAPH_RESERVED_MEM
TGI_WIGGLE_ROOM = 0.95
CPU_WORKER_BYTES = 1.02 * GIB  # interpreter, libraries: 3.92 GiB resident, 2.88 of them weights (0.22 log)
CPU_WARM_UP_TOKENS = 16  # at least; vLLM's CPU runner warms up on max_num_seqs tokens, not on the token budget

VERSION_WHEN_NOT_STATED = (0, 32)

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class ReserveConstants:
    """vLLM's fitted constants of the profiling step, see ``scripts/memory_leave_one_out.py`` for their held-out error.

    A forward pass holds gate, up and activated MLP widths and hidden states: 2 x (3 x width / tp + copies x hidden)
    bytes per token; the sampler holds several copies of the logits.

    Attributes:
        forward_hidden_copies: codellama 0.77, granite-8b 0.85 GiB; pipeline stages without a sampler 1.05-1.10.
        pipeline_hidden_copies: Hidden states and residual received from the stage before.
        sampler_bytes_per_logit: Beside the logits in the activation dtype, from 0.17 on.
        old_sampler_bytes_per_logit: The same before 0.17; V0 logs on A100, T4 and 8 GB cards agree.
        sampler_hidden_bytes: Per token and hidden value while the sampler runs.
        moe_workspace_bytes: Per token, expert and width; kept by the engine from 0.17 on, reused before.
        non_torch_gib: Outside the allocator at TP 1, 2 and 4 on Hopper and later, from 0.18 on.
    """

    forward_hidden_copies: float = 4.4
    pipeline_hidden_copies: float = 2.0
    sampler_bytes_per_logit: float = 12.86
    old_sampler_bytes_per_logit: float = 36.2
    sampler_hidden_bytes: float = 2.83
    moe_workspace_bytes: float = 6.65
    non_torch_gib: tuple[float, float, float] = (0.25, 2.07, 2.15)


FITTED = ReserveConstants()
KEEPS_WORKSPACE_FROM = (0, 17)


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


def engine_reserve(
    point: ServingPoint, stage: int, num_layers: int, constants: ReserveConstants = FITTED
) -> EngineReserve:
    """Return the engine's own memory on one device of a pipeline stage.

    Args:
        point: Replica, engine and device.
        stage: Index of the stage; the last one samples.
        num_layers: Layers of the stage.
        constants: vLLM's fitted constants; others only to measure the error that they make on unseen models.
    """
    settings, plan = point.settings, point.plan
    if point.device.device_type.startswith("cpu"):
        tokens = min(max(CPU_WARM_UP_TOKENS, settings.max_num_seqs), settings.max_num_batched_tokens)
        return EngineReserve(_forward_peak(point, tokens, constants, with_experts=True), CPU_WORKER_BYTES, 0.0)
    version = _version(settings) if settings.engine == "vllm" else VERSION_WHEN_NOT_STATED
    activation = _activation(point, version, stage == plan.pp_size - 1, constants)
    graphs = _graphs(point, num_layers)
    context = ROCM_CONTEXT_GIB if point.device.device_type == "rocm" else 0.0
    if settings.engine != "vllm":
        table = CONTEXT_HOPPER_GIB if _is_hopper_or_later(point) else CONTEXT_GIB
        return EngineReserve(activation, (_by_tp(table, plan.tp_size) + context) * GIB, graphs, False)
    gib = _non_torch_gib(point, version, constants) + context
    return EngineReserve(activation, gib * GIB, graphs, version >= GRAPHS_COUNTED_FROM)


def _non_torch_gib(point: ServingPoint, version: tuple[int, ...], constants: ReserveConstants) -> float:
    tp = point.plan.tp_size
    if point.plan.pp_size > 1 and tp == 1:
        return NON_TORCH_PIPELINE_GIB
    if _is_hopper_or_later(point):
        if version < NON_TORCH_CHANGED:
            return _by_tp(NON_TORCH_GIB, tp)
        return _by_tp(dict(zip((1, 2, 4), constants.non_torch_gib, strict=True)), tp)
    one = _by_version(NON_TORCH_ONE_GIB, version)
    return one if tp == 1 else one + (NCCL_NVLINK_GIB if point.device.link_bytes_per_s else NCCL_PCIE_GIB)


def _by_tp(table: Mapping[int, float], tp_size: int) -> float:
    return table[max(size for size in table if size <= tp_size)]


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


def _activation(point: ServingPoint, version: tuple[int, ...], last_stage: bool, constants: ReserveConstants) -> float:
    """Return the peak of the profiling step: the larger of forward pass and sampler."""
    arch, settings = point.arch, point.settings
    tokens = settings.max_num_batched_tokens
    keeps_workspace = version >= KEEPS_WORKSPACE_FROM
    peak = _forward_peak(point, tokens, constants, with_experts=not keeps_workspace)
    if last_stage and arch.task == "generate":
        copies = constants.sampler_bytes_per_logit if keeps_workspace else constants.old_sampler_bytes_per_logit
        sequences = min(settings.max_num_seqs, tokens)
        logits = (copies + point.precision.activation_bytes) * sequences * arch.vocab_size
        peak = max(peak, logits + constants.sampler_hidden_bytes * tokens * arch.hidden_size)
    if arch.params_vision:  # encoder outputs of one chunk are kept while the step is profiled
        peak += point.precision.activation_bytes * tokens * arch.hidden_size
    return peak + (_expert_workspace(point, tokens, constants) if keeps_workspace else 0.0)


def _forward_peak(point: ServingPoint, tokens: int, constants: ReserveConstants, with_experts: bool) -> float:
    arch, plan = point.arch, point.plan
    dense_width = 0 if arch.is_moe and arch.moe_layers == arch.num_layers else arch.intermediate_size
    width = max(dense_width, arch.shared_expert_intermediate_size) / plan.tp_size
    copies = constants.forward_hidden_copies + (constants.pipeline_hidden_copies if plan.pp_size > 1 else 0.0)
    peak = point.precision.activation_bytes * tokens * (3 * width + copies * arch.hidden_size)
    return peak + (_expert_workspace(point, tokens, constants) if with_experts else 0.0)


def _expert_workspace(point: ServingPoint, tokens: int, constants: ReserveConstants) -> float:
    arch = point.arch
    if not arch.is_moe:
        return 0.0
    width = arch.moe_intermediate_size / point.plan.expert_ranks
    return constants.moe_workspace_bytes * tokens * arch.experts_per_token * width


def _graphs(point: ServingPoint, num_layers: int) -> float:
    if point.settings.enforce_eager or point.device.device_type not in ("cuda", "rocm"):
        return 0.0
    largest = min(512, 2 * point.settings.max_num_seqs)
    sizes = min(3, largest) + min(largest, 256) // 8 + max(0, largest - 256) // 16
    gib = GRAPH_POOL_GIB + GRAPH_GIB_PER_LAYER * num_layers * sizes / GRAPH_SIZES_MAX
    return (gib + (GRAPH_MOE_GIB if point.arch.is_moe else 0.0)) * GIB
