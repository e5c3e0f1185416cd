"""Which GPUs hold a model, at which TP, PP and DP, and how many requests at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from budsim.commons.errors import InvalidRequestError
from budsim.engine_ops import engine_profile
from budsim.library import current_basis
from budsim.perf_model.parallelism import PP_DEVICE_TYPES, ParallelPlan, check_plan
from budsim.perf_model.serving_point import Infeasible
from budsim.recommender.gpu_library import GPU_LIBRARY, GPUSpec, get_gpu_spec
from budsim.recommender.model_architecture import ModelArchitecture
from budsim.recommender.sizing import DeviceSizing, ReplicaSize, SizingCase

MAX_SIZE = 1024
MAX_LENGTH = 10_000_000


@dataclass(frozen=True, slots=True)
class GPURecommendation:
    """One GPU type in one layout.

    Attributes:
        memory_per_gpu_gb: Weights on the fullest GPU, GB.
        available_kv_cache_gb: Left for the KV cache of one GPU, GB; 0 where the engine does not start.
        max_concurrent_requests: Sequences of ``context_length`` that all copies hold together.
        fits_in_memory: The engine starts and holds ``batch_size`` requests.
        reason: Why it does not fit; empty when it does.
        num_nodes: Servers of the usual size that it takes.
        crosses_nodes: Stages or copies talk over the network between servers.
        usd_per_hour: All GPUs; None where no price is known.
        power_watts: TDP of all GPUs; None where it is not known.
        network_gb_s: Link between GPUs of a server, GB/s one direction; None = PCIe.
        engine_parameters: What to start the engine with.
    """

    gpu_spec: GPUSpec
    tensor_parallel_size: int
    pipeline_parallel_size: int
    data_parallel_size: int
    expert_parallel_size: int
    memory_per_gpu_gb: float
    available_kv_cache_gb: float
    max_concurrent_requests: int
    fits_in_memory: bool
    reason: str
    num_nodes: int
    crosses_nodes: bool
    usd_per_hour: float | None
    power_watts: float | None
    network_gb_s: float | None
    engine_parameters: Mapping[str, Any] = field(default_factory=dict)
    size: ReplicaSize | None = field(default=None, repr=False, compare=False)

    @property
    def num_gpus(self) -> int:
        """GPUs of all copies."""
        return self.tensor_parallel_size * self.pipeline_parallel_size * self.data_parallel_size


@dataclass(frozen=True, slots=True)
class _Search:
    """What is tried on every GPU."""

    case: SizingCase
    batch_size: int
    max_gpus: int | None
    max_pipeline_parallel: int
    data_parallel_size: int
    expert_parallel: bool
    precision: str | None


def find_gpu_recommendations(
    model: ModelArchitecture,
    input_length: int = 1024,
    output_length: int = 512,
    precision: str | None = "fp16",
    context_length: int | None = None,
    batch_size: int = 1,
    gpu_memory_utilization: float | None = None,
    max_tensor_parallel: int | None = None,
    max_gpus: int | None = None,
    *,
    gpus: Iterable[str | GPUSpec] | None = None,
    max_pipeline_parallel: int = 1,
    data_parallel_size: int = 1,
    expert_parallel: bool = False,
    kv_cache_dtype: str | None = None,
    engine: str | None = None,
    engine_version: str | None = None,
) -> list[GPURecommendation]:
    """Return layouts by GPU memory: on every GPU TP 1, 2, 4 … until one holds the load, then stages where allowed.

    Args:
        model: The model.
        input_length: Input tokens of a request.
        output_length: Output tokens of a request.
        precision: Format of the weights; None = the checkpoint's own.
        context_length: Longest sequence to admit (``max_model_len``), tokens; None = input and output together.
        batch_size: Concurrent requests to hold.
        gpu_memory_utilization: Share of a GPU's memory for the engine; None = the engine's default.
        max_tensor_parallel: TP ranks at most; None = a server's GPUs.
        max_gpus: GPUs of all copies at most; None = any.
        gpus: GPUs to try, by name or as specs; None = the shipped library.
        max_pipeline_parallel: Stages at most.
        data_parallel_size: Independent copies that share the load.
        expert_parallel: Experts are spread over the ranks instead of cut; models with experts only.
        kv_cache_dtype: Format of the KV cache; None = the engine's default.
        engine: vllm, sglang …; None = vllm.
        engine_version: None = its default one.

    Raises:
        BudSimError: A value cannot be; the message names it.
    """
    for name, value, limit in (
        ("input_length", input_length, MAX_LENGTH),
        ("output_length", output_length, MAX_LENGTH),
        ("batch_size", batch_size, MAX_LENGTH),
        ("max_pipeline_parallel", max_pipeline_parallel, MAX_SIZE),
        ("data_parallel_size", data_parallel_size, MAX_SIZE),
        ("max_tensor_parallel", 1 if max_tensor_parallel is None else max_tensor_parallel, MAX_SIZE),
        ("max_gpus", 1 if max_gpus is None else max_gpus, MAX_SIZE),
        ("context_length", 1 if context_length is None else context_length, MAX_LENGTH),
    ):
        _check_at_least_one(name, value, limit)
    engine_profile(engine).table_version(engine_version)  # a wrong name is the caller's, not a GPU's
    longest = context_length or input_length + output_length
    if longest < input_length + output_length:
        text = f"context_length {longest} is below input and output together ({input_length + output_length})"
        raise InvalidRequestError(text, {"field": "context_length"})
    stated = {
        "max_model_len": longest,
        "gpu_memory_utilization": gpu_memory_utilization,
        "kv_cache_dtype": kv_cache_dtype,
    }
    case = SizingCase(
        arch=model.architecture,
        isl=input_length,
        osl=output_length,
        precision=precision,
        engine=engine,
        engine_version=engine_version,
        engine_overrides={name: value for name, value in stated.items() if value is not None},
        max_devices=MAX_SIZE,
        max_tensor_parallel=max_tensor_parallel,
    )
    search = _Search(case, batch_size, max_gpus, max_pipeline_parallel, data_parallel_size, expert_parallel, precision)
    wanted = GPU_LIBRARY.values() if gpus is None else gpus
    specs = [get_gpu_spec(gpu) if isinstance(gpu, str) else gpu for gpu in wanted]
    found = [item for spec in specs for item in _on_gpu(spec, search)]
    return sorted(found, key=lambda item: (item.gpu_spec.memory_gb, item.gpu_spec.name, item.num_gpus))


def _check_at_least_one(name: str, value: int, limit: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= limit:
        raise InvalidRequestError(
            f"{name} must be a whole number from 1 to {limit}, not {value!r:.40}", {"field": name}
        )


def _on_gpu(spec: GPUSpec, search: _Search) -> list[GPURecommendation]:
    """Return what was tried on one GPU, up to the first layout that fits."""
    sizing = DeviceSizing(search.case, spec.device, current_basis().correction_of)
    tried = []
    for plan in _plans(spec, search):
        recommendation = _judged(spec, plan, sizing.of_plan(plan, search.batch_size), sizing)
        tried.append(recommendation)
        if recommendation.fits_in_memory:
            break
    return tried


def _plans(spec: GPUSpec, search: _Search) -> list[ParallelPlan]:
    """Return legal layouts, the fewest GPUs first: TP within a server, then stages of the widest TP."""
    arch, device = search.case.arch, spec.device
    widest = min(device.devices_per_node_typical, search.case.max_tensor_parallel or MAX_SIZE)
    tensor, size = [], 1
    while size <= widest:
        tensor.append(size)
        size *= 2
    shapes = [(tp, 1) for tp in tensor]
    legal_tp = [tp for tp in tensor if check_plan(arch, ParallelPlan(tp), device) is None]
    if legal_tp and device.device_type in PP_DEVICE_TYPES:
        stages = min(search.max_pipeline_parallel, arch.num_layers)
        shapes += [(legal_tp[-1], pp) for pp in range(2, stages + 1)]
    plans = []
    for tp, pp in shapes:
        copies = search.data_parallel_size
        experts = tp * copies if search.expert_parallel and arch.is_moe else 1
        plan = ParallelPlan(tp, pp, experts, copies)
        within_budget = search.max_gpus is None or plan.num_devices <= search.max_gpus
        if within_budget and check_plan(arch, plan, device) is None:
            plans.append(plan)
    return plans


def _judged(
    spec: GPUSpec, plan: ParallelPlan, size: ReplicaSize | Infeasible, sizing: DeviceSizing
) -> GPURecommendation:
    memory = sizing.memory_of(plan)
    gpus, per_node = plan.num_devices, spec.device.devices_per_node_typical
    fits = isinstance(size, ReplicaSize)
    return GPURecommendation(
        gpu_spec=spec,
        tensor_parallel_size=plan.tp_size,
        pipeline_parallel_size=plan.pp_size,
        data_parallel_size=plan.dp_size,
        expert_parallel_size=plan.ep_size,
        memory_per_gpu_gb=sizing.weight_bytes(plan) / 1e9,
        available_kv_cache_gb=0.0 if memory is None else max(0.0, memory.available_kv_bytes) / 1e9,
        max_concurrent_requests=0 if memory is None else int(memory.max_concurrency),
        fits_in_memory=fits,
        reason="" if not isinstance(size, Infeasible) else size.reason,
        num_nodes=-(-gpus // per_node),
        crosses_nodes=gpus > per_node,
        usd_per_hour=None if spec.usd_per_hour is None else spec.usd_per_hour * gpus,
        power_watts=None if spec.tdp_watts is None else spec.tdp_watts * gpus,
        network_gb_s=spec.link_gb_s,
        engine_parameters=_engine_parameters(size) if isinstance(size, ReplicaSize) else {},
        size=size if isinstance(size, ReplicaSize) else None,
    )


def _engine_parameters(size: ReplicaSize) -> dict[str, Any]:
    settings, plan = size.point.settings, size.point.plan
    parameters = {
        "engine": settings.engine,
        "engine_version": settings.engine_version,
        "tensor_parallel_size": plan.tp_size,
        "pipeline_parallel_size": plan.pp_size,
        "data_parallel_size": plan.dp_size,
        "max_model_len": settings.max_model_len,
        "max_num_seqs": settings.max_num_seqs,
        "max_num_batched_tokens": settings.max_num_batched_tokens,
        "gpu_memory_utilization": settings.gpu_memory_utilization,
        "kv_cache_dtype": settings.kv_cache_dtype,
        "enable_chunked_prefill": settings.enable_chunked_prefill,
        "enable_prefix_caching": settings.enable_prefix_caching,
    }
    return parameters | ({"enable_expert_parallel": True} if plan.ep_size > 1 else {})


def filter_recommendations_by_budget(
    recommendations: Sequence[GPURecommendation],
    max_gpus: int | None = None,
    max_memory_gb: float | None = None,
    *,
    max_usd_per_hour: float | None = None,
    max_power_watts: float | None = None,
) -> list[GPURecommendation]:
    """Return the recommendations within every budget that is given; an unknown figure is not within a budget.

    Args:
        recommendations: As found.
        max_gpus: GPUs at most.
        max_memory_gb: Memory of one GPU at most, GB.
        max_usd_per_hour: USD per hour of all GPUs at most.
        max_power_watts: TDP of all GPUs at most.
    """

    def within(value: float | None, limit: float | None) -> bool:
        return limit is None or (value is not None and value <= limit)

    return [
        item
        for item in recommendations
        if within(item.num_gpus, max_gpus)
        and within(item.gpu_spec.memory_gb, max_memory_gb)
        and within(item.usd_per_hour, max_usd_per_hour)
        and within(item.power_watts, max_power_watts)
    ]
