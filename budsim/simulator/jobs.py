"""Runs that serve no checkpoint: a proxy to a vendor's model, and the quantisation of a checkpoint. Pure.

Nothing is predicted of either. A vendor's latency is the vendor's; its cost is its price. How long a quantisation takes
is the platform's rule, called ``assumed`` until the caller states hours. Both become rows like any other, whose
``top_k_configs`` has ``performance_known: false`` and a ``job``.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from budsim.engine_ops import EngineOption, litellm, llmc
from budsim.engine_ops.base import LaunchArguments
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.parameters import weight_bytes
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.serving_point import Infeasible
from budsim.simulator.deployment import engine_columns, fit_columns, group_columns, question_columns
from budsim.simulator.simulation_request import Job, JobKind, SimulationRequest
from budsim.simulator.topology import DeviceGroup

PROXY_MEMORY_BYTES = 1e9  # assumed: one worker process of the proxy holds no model
WORKING_SHARE = 1.2  # assumed: the platform's own factor for what a framework needs beside the weights
NOT_PREDICTED = "The vendor's latency and throughput are not predicted: targets are not judged."
JOB_ONLY = "A quantisation job serves nothing: targets are not judged."


@dataclass(frozen=True, slots=True)
class _Placed:
    """A job on the devices of one group.

    Attributes:
        devices: Of one replica, all on one node.
        facts: What the answer says of the job.
        usd_per_million: Cost of a million output tokens, None where it has none.
    """

    node_id: str
    devices: int
    replicas: int
    max_replicas: int
    concurrency: int
    memory_bytes_per_device: float
    launch: LaunchArguments
    facts: Mapping[str, Any]
    usd_per_million: float | None = None
    usd_per_hour: float | None = None
    cost_source: str | None = None


def assumptions(job: Job) -> dict[str, str]:
    """Return what every answer of a job takes for granted."""
    if job.kind is JobKind.PROPRIETARY:
        return {"performance": NOT_PREDICTED, "proxy_memory": "assumed: 1 GB for one proxy"}
    hours = "given by the caller" if job.hours is not None else "assumed: the platform's rule by method and device type"
    return {"performance": JOB_ONLY, "hours": hours, "job_memory": f"assumed: {WORKING_SHARE:g} x the weights"}


def option(
    request: SimulationRequest, arch: ModelArchitecture | None, device_type: str, images: Mapping[str, str]
) -> EngineOption | None:
    """Return what does a request's job on a device type, or None."""
    if _kind(request) is JobKind.PROPRIETARY:
        return litellm.proxy_option(device_type, images)
    return None if arch is None else llmc.job_option(arch, device_type, images)


def refusal(request: SimulationRequest, arch: ModelArchitecture | None, device_type: str) -> str:
    """Return why nothing does a request's job on a device type."""
    if _kind(request) is JobKind.PROPRIETARY:
        return f"litellm runs on {', '.join(litellm.DEVICE_TYPES)}, not on {device_type}"
    return (arch and llmc.refusal(arch, device_type)) or "llmc needs to know the model"


def job_row(
    request: SimulationRequest,
    arch: ModelArchitecture | None,
    group: DeviceGroup,
    engine: EngineOption,
    usd_per_device_hour: float | None,
    price_source: str | None,
    excluded: frozenset[str] = frozenset(),
) -> dict[str, Any] | Infeasible:
    """Return the row of ``simulation_results`` of a job on one device group, or why it cannot run there.

    Args:
        request: With its ``job``.
        arch: The model; None where a vendor keeps it.
        group: Devices.
        engine: What does it.
        usd_per_device_hour: Price of a device; None = not known.
        price_source: Where that comes from, or why there is none.
        excluded: Hashes of configurations that failed before.
    """
    if _kind(request) is JobKind.PROPRIETARY:
        placed = _proxy(request, group)
    else:
        placed = _quantization(request, arch, group, usd_per_device_hour, price_source)
    if isinstance(placed, Infeasible):
        return placed
    identity = json.dumps([engine.engine, engine.version, group.spec.name, placed.launch, placed.devices])
    config_hash = hashlib.sha256(identity.encode()).hexdigest()
    if config_hash in excluded:
        return Infeasible("excluded", "This configuration failed when it was deployed before.")
    return fit_columns(
        {
            **question_columns(request.model_id, request.workload, request.targets, request.workload.concurrency or 1),
            **group_columns(group, placed.node_id),
            **engine_columns(engine),
            "config_hash": config_hash,
            "top_k_configs": _stored(request, group, placed),
        }
    )


def _kind(request: SimulationRequest) -> JobKind | None:
    return request.job.kind if request.job is not None else None


def _proxy(request: SimulationRequest, group: DeviceGroup) -> _Placed | Infeasible:
    """Return the proxies that carry the load: each takes ``litellm.NUM_CPUS`` cores and so many requests at once."""
    job, load = request.job or Job(JobKind.PROPRIETARY), request.workload
    cores = {node.node_id: math.floor((group.cores_per_device or 1) * node.free_devices) for node in group.nodes}
    most = sum(count // litellm.NUM_CPUS for count in cores.values())
    concurrency = load.concurrency or 1
    replicas = math.ceil(concurrency / litellm.MAX_CONCURRENCY)
    if most < replicas:
        text = (
            f"{concurrency} requests need {replicas} proxies of {litellm.MAX_CONCURRENCY} requests and "
            f"{litellm.NUM_CPUS} core each; {group.device_name} has {most} free cores."
        )
        return Infeasible("placement_devices", text)
    given, made = job.usd_per_million_input, job.usd_per_million_output
    usd = None if given is None or made is None or not load.osl else made + given * load.isl / load.osl
    source = job.price_source or "no price"
    if usd is not None:
        source = (
            f"{given:g} USD in and {made:g} USD out per million tokens ({source}); per million tokens out with "
            f"{load.isl:g} in for every {load.osl:g} out; without the proxy's own core"
        )
    return _Placed(
        node_id=max(cores, key=lambda node_id: (cores[node_id], node_id)),
        devices=1,
        replicas=replicas,
        max_replicas=most,
        concurrency=math.ceil(concurrency / replicas),
        memory_bytes_per_device=PROXY_MEMORY_BYTES,
        launch=litellm.launch_proxy(request.model_id),
        facts={
            "kind": JobKind.PROPRIETARY.value,
            "usd_per_million_input_tokens": given,
            "usd_per_million_output_tokens": made,
        },
        usd_per_million=usd,
        cost_source=source,
    )


def _quantization(
    request: SimulationRequest,
    arch: ModelArchitecture | None,
    group: DeviceGroup,
    usd_per_device_hour: float | None,
    price_source: str | None,
) -> _Placed | Infeasible:
    """Return the job on the fewest devices of one node that hold the weights and what works on them."""
    job = request.job or Job(JobKind.QUANTIZATION)
    method, number_format = job.method or "RTN", job.number_format or "INT8"
    refused = llmc.method_refusal(method, group.device_type)
    if arch is None or refused:
        return Infeasible("job", f"{refused or 'The model is not known'}.")
    if arch.quantization is not None:
        return Infeasible("job", f"{arch.name} is quantised already ({arch.quantization}); start from its base model.")
    needed = WORKING_SHARE * weight_bytes(arch, resolve_precision(None, arch, None)).total
    devices = max(1, math.ceil(needed / group.memory_bytes_per_device))
    slots = {node.node_id: node.free_devices // devices for node in group.nodes}
    if not any(slots.values()):
        text = (
            f"Quantising takes {needed / 1e9:.1f} GB: {devices} {group.device_name} on one node; the best node has "
            f"{group.max_devices_per_node}."
        )
        return Infeasible("memory", text)
    assumed = llmc.assumed_hours(method, group.device_type)
    hours = assumed if job.hours is None else job.hours
    per_hour = None if usd_per_device_hour is None else usd_per_device_hour * devices
    return _Placed(
        node_id=max(slots, key=lambda node_id: (slots[node_id], node_id)),
        devices=devices,
        replicas=1,
        max_replicas=sum(slots.values()),
        concurrency=max(1, request.workload.concurrency or 1),
        memory_bytes_per_device=needed / devices,
        launch=llmc.launch_job(group.device_type),
        facts={
            "kind": JobKind.QUANTIZATION.value,
            "method": method,
            "number_format": number_format,
            "hours": hours,
            "hours_basis": "assumed" if job.hours is None else "given",
            "devices": devices,
            "cost_usd": None if per_hour is None else per_hour * hours,
        },
        usd_per_hour=per_hour,
        cost_source=price_source,
    )


def _stored(request: SimulationRequest, group: DeviceGroup, placed: _Placed) -> dict[str, Any]:
    """Return the ``top_k_configs`` object of a job's row: the keys of a served model's, none of them invented."""
    args, envs = placed.launch
    wants_targets = request.targets.is_any_set
    return {
        "config": {"model": request.model_id, "target_device": group.device_type, "precision": None},
        "total_memory": placed.memory_bytes_per_device,
        "weight_memory": 0.0,
        "kv_cache_memory": 0.0,
        "ttft": 0.0,
        "e2e_latency": 0.0,
        "throughput_per_user": 0.0,
        "output_tps": 0.0,
        "performance_known": False,
        "concurrency": placed.concurrency,
        "error_rate": 0.0,
        "cost_per_million_tokens": placed.usd_per_million,
        "cost_per_hour_usd": placed.usd_per_hour,
        "cost_source": placed.cost_source,
        "hardware_mode": group.hardware_mode,
        "performance_penalty": 0.0,
        "meets_targets": not wants_targets,
        "search_step": 0,
        "max_loras": None,
        "cluster_name": group.cluster_name,
        "objective": request.objective,
        "tp_size": placed.devices,
        "pp_size": 1,
        "replicas": placed.replicas,
        "max_replicas": placed.max_replicas,
        "binding": None,
        "misses": [],
        "prediction": {"basis": "not predicted", "confidence": None},
        "placement": [],
        "nodes_spanned": 1,
        "pods_per_replica": 1,
        "devices_by_node": {},
        "memory_headroom": max(0.0, group.memory_bytes_per_device - placed.memory_bytes_per_device),
        "match_reason": group.match_reason,
        "launch": {"args": dict(args), "envs": dict(envs)},
        "job": dict(placed.facts),
    }
