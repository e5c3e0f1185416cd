"""From the bodies of sizing and capacity to what the core searches. Pure but for the settings it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from budsim.commons.config import AppSettings
from budsim.engine_ops import EngineOption, refusals
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.workload import SloTargets, Workload
from budsim.simulator.cluster_document import Cluster
from budsim.simulator.group_task import GroupTask
from budsim.simulator.optimization import workload_of
from budsim.simulator.optimize_schemas import OptimizeWorkload
from budsim.simulator.pricing import LivePrices, decided_pricing
from budsim.simulator.questions import on_prem_terms, weight_format
from budsim.simulator.search_space import SearchLimits
from budsim.simulator.simulation import TaskPlan, group_tasks
from budsim.simulator.simulation_request import SimulationRequest, check_request
from budsim.simulator.sizing import device_group
from budsim.simulator.sizing_schemas import CapacityRequest, ServiceTargets, SizingRequest, SizingRun

_MS = 1000.0
# Compared where the caller names no device.
DEFAULT_DEVICES = ("H100", "H200", "B200", "A100", "L40S", "L4", "MI300X", "Gaudi3")
_NOWHERE = Cluster("sizing", "sizing", ())


def sizing_question(body: SizingRequest, config: AppSettings) -> SimulationRequest:
    """Return the question of a sizing body, with every default that was used."""
    assumptions: dict[str, Any] = {}
    workload = workload_of(body.workload, assumptions)
    targets = replace(_targets(body.targets), output_tps=body.targets.min_throughput_tps or None)
    return replace(_question(body, workload, config), targets=targets, assumptions=assumptions)


def capacity_question(body: CapacityRequest, config: AppSettings) -> SimulationRequest:
    """Return the question of a capacity body; its load stands for the lightest one."""
    assumptions: dict[str, Any] = {}
    lightest = OptimizeWorkload(input_tokens=body.input_tokens, output_tokens=body.output_tokens, concurrency=1)
    asked = _question(body, workload_of(lightest, assumptions), config)
    return replace(
        asked,
        targets=_targets(body.targets),
        assumptions=assumptions,
        cluster_id=str(body.cluster_id) if body.cluster_id else None,
        hardware_mode=body.hardware_mode,
        device_names=tuple(dict.fromkeys(name.strip() for name in body.devices or ())),
        limits=replace(asked.limits, max_replicas=body.max_replicas),
    )


def _question(body: SizingRun, workload: Workload, config: AppSettings) -> SimulationRequest:
    return SimulationRequest(
        model_id=body.model_id,
        model_version=body.model_version,
        workload=workload,
        engines=tuple(dict.fromkeys(name.strip().lower() for name in body.engines)),
        precisions=tuple(dict.fromkeys(weight_format(name) for name in body.quantization_options)) or (None,),
        limits=SearchLimits(
            max_devices_per_replica=body.max_gpus_per_replica,
            max_usd_per_hour=body.max_cost_per_hour,
            spare_replicas=1 if body.require_high_availability else 0,
        ),
        skip_master_node_for_cpu=config.skip_master_node_for_cpu,
        price_basis=body.price_basis or config.price_basis,
        on_prem=body.on_prem.terms() if body.on_prem else on_prem_terms(config),
    )


def _targets(wanted: ServiceTargets) -> SloTargets:
    return SloTargets(
        ttft_ms=wanted.max_ttft_ms or None,
        ttft_percentile=wanted.ttft_percentile,
        throughput_per_user_tps=wanted.min_throughput_per_user_tps or None,
        e2e_latency_s=wanted.max_median_latency_ms / _MS if wanted.max_median_latency_ms else None,
        e2e_p99_s=wanted.max_latency_ms / _MS if wanted.max_latency_ms else None,
    )


def plan_sizing(
    request: SimulationRequest,
    arch: ModelArchitecture,
    devices: Sequence[DeviceSpec],
    max_devices: int,
    *,
    images: Mapping[str, str],
    looked_up: Sequence[EngineOption] = (),
    live_prices: LivePrices | None = None,
) -> TaskPlan:
    """Return one search per device type.

    ``auto`` is on demand here, if any device has such a price: nobody owns the devices yet, and a rented and a bought
    one side by side would not be ranked but confused. Devices without that price come last, and say so.

    Raises:
        InvalidRequestError: A value of the request cannot be served.
    """
    check_request(request)
    distinct = list({spec.name: spec for spec in devices}.values())
    live = live_prices or LivePrices()
    is_rented = request.price_basis == "auto" and any(spec.usd_per_hour is not None for spec in distinct)
    basis = "on_demand" if is_rented else request.price_basis
    pricing, told = decided_pricing(basis, request.on_prem, live, [(_NOWHERE, distinct)])
    tasks: list[GroupTask] = []
    reasons: list[str] = []
    for spec in distinct:
        if spec.memory_bytes is None:
            reasons.append(f"{spec.name} has no memory of its own: ask for the capacity of a cluster of such nodes.")
            continue
        group = device_group(spec, max_devices)
        found = group_tasks(request, arch, group, images, {}, (pricing, _NOWHERE), looked_up)
        if not found:
            why = "; ".join(refusals(arch, spec.device_type, request.engines, request.engine_version, images))
            reasons.append(
                f"{spec.name}: no engine serves this model on {spec.device_type}{f' ({why})' if why else ''}."
            )
        tasks += found
    return TaskPlan(tuple(tasks), {}, tuple(reasons), told)
