"""What may be deployed on chosen nodes, and one stated deployment on them, without a search. Pure.

Packing is that of ``placement`` (a stage needs its TP devices on one node), memory is the platform's allocation
(``memory.platform_allocation``) and the engine's own estimate, all in GB (1e9) on the wire.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from budsim.commons.errors import (
    BudSimError,
    IncompatibleEngineError,
    InsufficientMemoryError,
    InvalidRequestError,
)
from budsim.engine_ops import EngineOption, compatible_engines, merged_options, options_on, refusals
from budsim.perf_model.memory import PlatformAllocation, estimate_memory, platform_allocation, platform_sequence_length
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.parameters import weight_bytes
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.serving_point import Infeasible
from budsim.perf_model.workload import Workload, one_pass
from budsim.simulator.candidate import Candidate
from budsim.simulator.deployment import launch
from budsim.simulator.placement import max_replicas, nodes_spanned, place, pods_per_replica
from budsim.simulator.search_space import (
    SearchCase,
    engine_settings,
    legal_plans,
    plan_problem,
    replica_loads,
    serving_point,
)
from budsim.simulator.topology import Cluster, DeviceGroup, group_devices

if TYPE_CHECKING:
    from budsim.perf_model.hardware_catalog import HardwareCatalog

GB = 1e9
# Names a benchmark configuration by its content: the same question has the same id.
_ID_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "budsim:benchmark-configuration")


@dataclass(frozen=True, slots=True)
class NodeQuestion:
    """A model and a load on chosen nodes of one cluster.

    Attributes:
        model_id: As the caller names the model.
        model_name: Hub id or path that the engine is to load.
        hostnames: Node names or ids.
        workload: Load on the whole deployment.
        max_context_tokens: The caller's cap on the sequence length.
        images: Container images by ``<engine>_<device type>``.
        looked_up: Engines that the platform's lookup named for the model; empty = the shipped tables decide.
    """

    model_id: str
    model_name: str
    arch: ModelArchitecture
    cluster: Cluster
    hostnames: tuple[str, ...]
    workload: Workload
    hardware_mode: str = "dedicated"
    max_context_tokens: int | None = None
    skip_master_node_for_cpu: bool = True
    images: Mapping[str, str] | None = None
    looked_up: tuple[EngineOption, ...] = ()


@dataclass(frozen=True, slots=True)
class _ChosenNodes:
    names: tuple[str, ...]
    groups: tuple[DeviceGroup, ...]
    left_out: tuple[str, ...]


def find_cluster(clusters: Sequence[Cluster], cluster_id: str) -> Cluster:
    """Return a cluster by its id.

    Raises:
        InvalidRequestError: No cluster has it.
    """
    for cluster in clusters:
        if cluster.cluster_id == cluster_id:
            return cluster
    raise InvalidRequestError(f"Cluster {cluster_id} is not known.", {"field": "cluster_id"})


def node_configurations(question: NodeQuestion, catalog: HardwareCatalog) -> dict[str, Any]:
    """Return the body of ``POST /simulator/node-configurations`` without its ``object``.

    Raises:
        BudSimError: No node is active, no device is free, or nothing fits; the message says why.
    """
    chosen = _chosen_nodes(question, catalog)
    found: list[dict[str, Any]] = []
    reasons: list[str] = []
    for group in chosen.groups:
        try:
            found.append(_device_configuration(_case(question, group)))
        except BudSimError as error:
            reasons.append(f"{group.device_name} ({group.device_type}): {error.message}")
    if not found:
        raise InsufficientMemoryError(
            f"No valid configurations on {', '.join(chosen.names)}: {' '.join(reasons)}", {"field": "hostnames"}
        )
    precision = resolve_precision(None, question.arch, chosen.groups[0].spec)
    return {
        "cluster_id": question.cluster.cluster_id,
        "model_info": {
            "model_id": question.model_id,
            "model_name": question.arch.name,
            "model_uri": question.model_name,
            "estimated_weight_memory_gb": weight_bytes(question.arch, precision).total / GB,
            "min_tp_for_model": min(entry["min_tp_required"] for entry in found),
        },
        "device_configurations": found,
        "selected_nodes": list(chosen.names),
        "hardware_mode": question.hardware_mode,
        "left_out": [*chosen.left_out, *reasons],
    }


def _chosen_nodes(question: NodeQuestion, catalog: HardwareCatalog) -> _ChosenNodes:
    """Return the active nodes among those named, and their free devices.

    Raises:
        InvalidRequestError: None of them is active, or nothing on them is free in this mode.
    """
    wanted = set(question.hostnames)
    named = [node for node in question.cluster.nodes if node.name in wanted or node.node_id in wanted]
    active = [node for node in named if node.is_ready]
    known = {text for node in named for text in (node.name, node.node_id)}
    left_out = [f"{host}: not a node of this cluster." for host in question.hostnames if host not in known]
    left_out += [f"{node.name}: not active." for node in named if not node.is_ready]
    if not active:
        raise InvalidRequestError(f"No active nodes match: {' '.join(left_out)}", {"field": "hostnames"})
    topology = group_devices(
        replace(question.cluster, nodes=tuple(active)),
        hardware_mode=question.hardware_mode,
        skip_master_node_for_cpu=question.skip_master_node_for_cpu,
        catalog=catalog,
    )
    left_out += [f"{item.node} {item.device}".strip() + f": {item.reason}" for item in topology.dropped]
    if not topology.groups:
        raise InvalidRequestError(
            f"No available devices in {question.hardware_mode} mode: {' '.join(left_out)}", {"field": "hostnames"}
        )
    return _ChosenNodes(tuple(node.name for node in active), topology.groups, tuple(left_out))


def _case(question: NodeQuestion, group: DeviceGroup) -> SearchCase:
    """Return the search case of a group, with its engine.

    Raises:
        IncompatibleEngineError: No engine serves the model there.
        BudSimError: The load does not fit the model, or its precision the device.
    """
    return SearchCase(
        arch=question.arch,
        group=group,
        engine=_engine(question, group),
        workload=one_pass(question.workload) if question.arch.is_one_pass else question.workload,
        precisions=(resolve_precision(None, question.arch, group.spec),),
        max_context_tokens=question.max_context_tokens,
    )


def _engine(question: NodeQuestion, group: DeviceGroup) -> EngineOption:
    shipped = compatible_engines(question.arch, [group.device_type], question.images or {})
    options = merged_options(options_on(question.looked_up, group.device_type), shipped)
    if not options:
        causes = "; ".join(refusals(question.arch, group.device_type, images=question.images))
        raise IncompatibleEngineError(f"No engine serves this model there: {causes}.", {"field": "hostnames"})
    if not options[0].image:
        text = f"No container image is known for {options[0].engine} on {group.device_type}; set it in the settings."
        raise InvalidRequestError(text, {"field": "image"})
    return options[0]


def _device_configuration(case: SearchCase) -> dict[str, Any]:
    """Return the layouts that one group may use.

    Raises:
        InsufficientMemoryError: None; the message has the nearest miss.
    """
    plans, rejected = legal_plans(case)
    options: list[dict[str, Any]] = []
    reasons = [item.reason for item in rejected if item.plan.pp_size == 1]
    for plan in plans:
        if plan.tp_size & (plan.tp_size - 1):
            continue  # the platform offers powers of two
        most = max_replicas(case.group, plan)
        problem = _memory_problem(case, _candidate(case, plan, 1, 1))
        if problem is not None:
            reasons.append(problem)
            continue
        options.append(
            {
                "tp_size": plan.tp_size,
                "pp_size": plan.pp_size,
                "max_replicas": most,
                "total_devices_needed": plan.num_devices,
                "description": f"TP {plan.tp_size}, PP {plan.pp_size}: {plan.num_devices} devices a replica",
                "replicas_for_concurrency": _replicas_needed(case, plan, most),
            }
        )
    if not options:
        raise InsufficientMemoryError(reasons[-1] if reasons else "No layout is possible.", {"field": "hostnames"})
    group = case.group
    return {
        "device_type": group.device_type,
        "device_name": group.device_name,
        "device_model": group.device_model,
        "total_devices": group.total_devices,
        "nodes_count": len(group.nodes),
        "max_devices_per_node": group.max_devices_per_node,
        "memory_per_device_gb": group.memory_bytes_per_device / GB,
        "tp_pp_options": options,
        "min_tp_required": min(item["tp_size"] for item in options),
        "supports_pipeline_parallelism": case.engine.supports_pipeline_parallelism,
    }


def _candidate(case: SearchCase, plan: ParallelPlan, replicas: int, load: int) -> Candidate:
    precision = case.precisions[0]
    return Candidate(plan, precision, engine_settings(case, plan, precision, load), load, replicas)


def _allocation(case: SearchCase, candidate: Candidate) -> PlatformAllocation:
    length = platform_sequence_length(case.workload.isl, case.workload.osl, candidate.settings.max_model_len)
    return platform_allocation(serving_point(case, candidate, None), candidate.concurrency_per_replica, length)


def _memory_problem(case: SearchCase, candidate: Candidate) -> str | None:
    """Return why neither the platform nor the engine has room for a candidate, or None."""
    available = case.group.memory_bytes_per_device
    allocation = _allocation(case, candidate)
    if not allocation.fits(available):
        return f"TP {candidate.plan.tp_size}, PP {candidate.plan.pp_size}: {allocation.reason(available)}"
    engine = estimate_memory(serving_point(case, candidate, None))
    if isinstance(engine, Infeasible):
        return f"TP {candidate.plan.tp_size}, PP {candidate.plan.pp_size}: {engine.reason}"
    return None


def _replicas_needed(case: SearchCase, plan: ParallelPlan, most: int) -> int | None:
    """Return the fewest replicas that hold the concurrency in memory; None when all of them do not."""
    for replicas, load in replica_loads(case.concurrency, most):
        if _memory_problem(case, _candidate(case, plan, replicas, load)) is None:
            return replicas
    return None


def benchmark_configuration(
    question: NodeQuestion,
    catalog: HardwareCatalog,
    *,
    device_type: str,
    tp_size: int,
    pp_size: int = 1,
    replicas: int = 1,
) -> dict[str, Any]:
    """Return the body of ``POST /simulator/benchmark-config`` without its ``object``.

    Every group of the device type on the nodes is tried, largest memory first; the first that holds the deployment is
    taken.

    Raises:
        InvalidRequestError: No free device of the type on the nodes, or none that holds it; the message has every
            group's reason.
    """
    chosen = _chosen_nodes(question, catalog)
    wanted = device_type.strip().lower()
    groups = [group for group in chosen.groups if group.device_type == wanted]
    if not groups:
        there = ", ".join(sorted({group.device_type for group in chosen.groups}))
        text = f"No free {wanted} device on {', '.join(chosen.names)}; there are: {there}."
        raise InvalidRequestError(text, {"field": "device_type"})
    reasons: list[str] = []
    plan = ParallelPlan(tp_size=tp_size, pp_size=pp_size)
    for group in groups:
        try:
            case = _case(question, group)
            return _benchmark_body(question, case, _placed_candidate(case, plan, replicas))
        except BudSimError as error:
            reasons.append(f"{group.device_name}: {error.message}")
    raise InvalidRequestError(" ".join(reasons), {"field": "tp_size"})


def _placed_candidate(case: SearchCase, plan: ParallelPlan, replicas: int) -> Candidate:
    """Return the candidate if it is legal, can be placed and has memory.

    Raises:
        InvalidRequestError: The layout is not possible, or so many replicas have no room on the nodes.
        InsufficientMemoryError: The load does not fit the device.
    """
    problem = plan_problem(case, plan)
    if problem is not None:
        raise InvalidRequestError(problem.reason, {"field": "tp_size"})
    most = max_replicas(case.group, plan)
    if replicas > most:
        text = f"{replicas} replicas of TP {plan.tp_size} x PP {plan.pp_size} do not fit the free devices; {most} do."
        raise InvalidRequestError(text, {"field": "replicas"})
    candidate = _candidate(case, plan, replicas, math.ceil(case.concurrency / replicas))
    reason = _memory_problem(case, candidate)
    if reason is not None:
        raise InsufficientMemoryError(reason, {"field": "concurrency"})
    return candidate


def _benchmark_body(question: NodeQuestion, case: SearchCase, candidate: Candidate) -> dict[str, Any]:
    group, plan, engine = case.group, candidate.plan, case.engine
    args, envs = launch(candidate, case, question.model_name)
    placement = place(group, plan, candidate.replicas) or ()
    allocation = _allocation(case, candidate)
    named = (question.cluster.cluster_id, *sorted(question.hostnames), question.model_name, group.spec.name, str(args))
    unknown = {"ttft": 0.0, "throughput_per_user": 0.0, "e2e_latency": 0.0, "error_rate": 0.0}
    return {
        "cluster_id": question.cluster.cluster_id,
        "model_id": question.model_id,
        "node_groups": [
            {
                "config_id": str(uuid.uuid5(_ID_NAMESPACE, "/".join((*named, str(candidate.replicas))))),
                "name": group.device_name,
                "labels": {"device_name": group.device_name, "concurrency": str(candidate.concurrency_per_replica)},
                "type": group.device_type,
                "engine_type": engine.engine,
                "tp_size": plan.tp_size,
                "pp_size": plan.pp_size,
                "envs": envs,
                "args": args,
                "replicas": candidate.replicas,
                "image": engine.image,
                "memory": allocation.total_bytes_per_device / GB,
                "hardware_mode": group.hardware_mode,
                **unknown,
                "cost_per_million_tokens": 0.0,
                "device_name": group.device_name,
                "device_model": group.device_model,
                "raw_name": group.raw_name,
                "engine_version": engine.version,
                "tool_calling_parser_type": engine.tool_calling_parser_type,
                "reasoning_parser_type": engine.reasoning_parser_type,
                "architecture_family": engine.architecture_family,
                "chat_template": engine.chat_template,
                "supports_lora": engine.supports_lora,
                "supports_pipeline_parallelism": engine.supports_pipeline_parallelism,
                "weight_memory_gb": allocation.weight_bytes_per_device / GB,
                "kv_cache_memory_gb": allocation.kv_cache_bytes_per_device / GB,
                "cores": None
                if group.cores_per_device is None
                else max(1, round(group.cores_per_device * group.max_devices_per_node)),
                "max_loras": None,
                "nodes_spanned": max(1, nodes_spanned(placement)),
                "pods_per_replica": pods_per_replica(placement),
            }
        ],
    }
