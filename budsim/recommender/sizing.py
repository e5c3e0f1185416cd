"""The smallest replica of a model on a device that starts and holds a load in its KV cache. Pure.

Everything that recommends hardware asks here, so that its figures are those of ``budsim memory`` for the same point:
the engine's own parameters, the datasheet's memory, and ``estimate_memory``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from budsim.commons.errors import IncompatibleEngineError, UnsupportedError
from budsim.engine_ops import resolve_engine_settings
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.memory import CorrectionOf, MemoryEstimate, estimate_memory
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.parallelism import PP_DEVICE_TYPES, ParallelPlan, check_plan
from budsim.perf_model.precision import Precision, resolve_precision
from budsim.perf_model.rank_weights import stage_weight_bytes
from budsim.perf_model.serving_point import Infeasible, ServingPoint
from budsim.perf_model.workload import Workload
from budsim.simulator.heuristic import refusal

# DeepSeek-V3 in bf16 takes 18 devices of 80 GB; beyond some nodes nobody deploys one replica.
DEFAULT_MAX_DEVICES = 64


@dataclass(frozen=True, slots=True)
class SizingCase:
    """What has to be served.

    Attributes:
        arch: Model shape.
        isl: Input tokens of a request.
        osl: Output tokens of a request.
        precision: Format of the weights; None = the checkpoint's own.
        engine: Engine; None = the default one.
        engine_version: Its version; None = the default one.
        engine_overrides: Engine parameters that are not left at the version's default.
        max_devices: Devices that one replica may take.
        max_tensor_parallel: TP ranks at most; None = a node.
        allow_pipeline: Stages are added where one node is not enough.
    """

    arch: ModelArchitecture
    isl: float
    osl: float
    precision: str | None = None
    engine: str | None = None
    engine_version: str | None = None
    engine_overrides: Mapping[str, Any] = field(default_factory=dict)
    max_devices: int = DEFAULT_MAX_DEVICES
    max_tensor_parallel: int | None = None
    allow_pipeline: bool = True


@dataclass(frozen=True, slots=True)
class ReplicaSize:
    """One replica that starts and holds its load.

    Attributes:
        point: The replica under a closed loop of ``batch_size`` clients.
        memory: The engine's split on the fullest device.
        required_bytes_per_device: Weights, activations, the engine's own, and the KV cache of the load.
    """

    point: ServingPoint
    memory: MemoryEstimate
    required_bytes_per_device: float

    @property
    def num_devices(self) -> int:
        """Devices of the replica."""
        return self.point.plan.num_devices

    @property
    def num_nodes(self) -> int:
        """Nodes (servers) of the replica, as full as the device's typical node allows."""
        return math.ceil(self.num_devices / self.point.device.devices_per_node_typical)

    @property
    def utilization(self) -> float | None:
        """Share of the device's memory that the load takes; None where the memory is not stated (CPU sockets)."""
        total = self.point.device.memory_bytes
        return self.required_bytes_per_device / total if total else None


def candidate_plans(case: SizingCase, device: DeviceSpec) -> Iterator[ParallelPlan]:
    """Yield legal layouts from the smallest up: TP within a node in powers of two, then stages of the widest TP."""
    widest = min(case.max_devices, device.devices_per_node_typical, case.max_tensor_parallel or case.max_devices)
    plan, size = None, 1
    while size <= widest:
        if check_plan(case.arch, ParallelPlan(size), device) is None:
            plan = ParallelPlan(size)
            yield plan
        size *= 2
    if plan is None or not case.allow_pipeline or device.device_type not in PP_DEVICE_TYPES:
        return
    stages = case.max_devices // plan.tp_size
    for pp_size in range(2, min(stages, case.arch.num_layers) + 1):
        yield ParallelPlan(plan.tp_size, pp_size)


class DeviceSizing:
    """Sizes replicas of one case on one device; memory is worked out once per layout, for every batch size.

    Args:
        case: What has to be served.
        device: Datasheet.
        correction_of: What start-up logs measured of a point's memory; None = computed figures alone.
    """

    def __init__(self, case: SizingCase, device: DeviceSpec, correction_of: CorrectionOf | None = None) -> None:
        self._correction_of = correction_of
        self.case = case
        self.device = device
        self._plans = list(candidate_plans(case, device))
        self._precision: Precision | None = None
        self._memory: dict[ParallelPlan, tuple[ServingPoint, MemoryEstimate] | Infeasible] = {}

    def smallest(self, batch_size: int) -> ReplicaSize | Infeasible:
        """Return the replica of the fewest devices that holds ``batch_size`` requests at once, or why none does.

        Args:
            batch_size: Concurrent requests, >= 1.
        """
        for size in self.all_sizes(batch_size):
            return size
        return self._why_not(batch_size)

    def all_sizes(self, batch_size: int) -> Iterator[ReplicaSize]:
        """Yield the replicas that hold ``batch_size`` requests, the fewest devices first."""
        for plan in self._plans:
            found = self._estimated(plan)
            if isinstance(found, Infeasible):
                continue
            point, memory = found
            if memory.concurrent_sequences(self.case.isl, self.case.osl) < batch_size:
                continue
            yield self._sized(point, memory, batch_size)

    def of_plan(self, plan: ParallelPlan, batch_size: int) -> ReplicaSize | Infeasible:
        """Return the replica of a given layout, or why it does not start or hold the load."""
        found = self._estimated(plan)
        if isinstance(found, Infeasible):
            return found
        point, memory = found
        held = memory.concurrent_sequences(self.case.isl, self.case.osl)
        if held < batch_size:
            return _holds_too_few(plan, held, batch_size, self.device)
        return self._sized(point, memory, batch_size)

    def memory_of(self, plan: ParallelPlan) -> MemoryEstimate | None:
        """Return the engine's split in a layout; None where it does not start."""
        found = self._estimated(plan)
        return None if isinstance(found, Infeasible) else found[1]

    def weight_bytes(self, plan: ParallelPlan) -> float:
        """Return the weights on the fullest device of a layout, whether they fit or not.

        Raises:
            BudSimError: The precision fits no format.
        """
        precision = resolve_precision(self.case.precision, self.case.arch, self.device)
        return max(stage_weight_bytes(self.case.arch, precision, plan))

    def _sized(self, point: ServingPoint, memory: MemoryEstimate, batch_size: int) -> ReplicaSize:
        sequences = math.ceil(batch_size / memory.attention_copies)
        cache = sequences * memory.layout.bytes_per_sequence(self.case.isl + self.case.osl)
        required = memory.model_loading_bytes + memory.activation_bytes + memory.non_torch_bytes + cache
        asked = replace(point, workload=replace(point.workload, concurrency=batch_size))
        return ReplicaSize(asked, memory, required)

    def _estimated(self, plan: ParallelPlan) -> tuple[ServingPoint, MemoryEstimate] | Infeasible:
        if plan not in self._memory:
            self._memory[plan] = self._estimate(plan)
        return self._memory[plan]

    def _estimate(self, plan: ParallelPlan) -> tuple[ServingPoint, MemoryEstimate] | Infeasible:
        case, device = self.case, self.device
        workload = Workload(case.isl, case.osl, concurrency=1)
        try:
            if self._precision is None:
                self._precision = resolve_precision(case.precision, case.arch, device)
            precision = self._precision
            # Weights that are more than all the memory there is cannot fit, whatever else is there.
            weights = stage_weight_bytes(case.arch, precision, plan)
            if device.memory_bytes and max(weights) >= device.memory_bytes:
                return _weights_do_not_fit(case.arch, plan, max(weights), device)
            settings = resolve_engine_settings(
                case.engine, case.engine_version, arch=case.arch, device=device, workload=workload,
                overrides=case.engine_overrides, plan=plan, precision=precision,
            )  # fmt: skip
            point = ServingPoint(
                case.arch, device, plan, precision, settings, workload, devices_per_node=device.devices_per_node_typical
            )
            refused = refusal(point)
            correction = self._correction_of(point) if self._correction_of else None
            memory = refused or estimate_memory(point, correction=correction)
        except (UnsupportedError, IncompatibleEngineError) as error:
            return Infeasible("unsupported", error.message)
        return memory if isinstance(memory, Infeasible) else (point, memory)

    def _why_not(self, batch_size: int) -> Infeasible:
        if not self._plans:
            return check_plan(self.case.arch, ParallelPlan(), self.device) or Infeasible("tp", "no layout is legal")
        last = self._plans[-1]
        found = self.of_plan(last, batch_size)
        return found if isinstance(found, Infeasible) else Infeasible("memory", "no layout holds the load")


def _holds_too_few(plan: ParallelPlan, held: int, wanted: int, device: DeviceSpec) -> Infeasible:
    return Infeasible(
        "kv_capacity",
        f"TP {plan.tp_size} x PP {plan.pp_size} on {device.name} holds {held} requests at once, {wanted} are wanted.",
    )


def _weights_do_not_fit(
    arch: ModelArchitecture, plan: ParallelPlan, weight_bytes: float, device: DeviceSpec
) -> Infeasible:
    return Infeasible(
        "memory",
        f"{arch.name} takes {weight_bytes / 1e9:.1f} GB of weights per device at TP {plan.tp_size} x PP "
        f"{plan.pp_size}; {device.name} has {(device.memory_bytes or 0) / 1e9:.1f} GB.",
    )


def point_row(size: ReplicaSize) -> dict[str, Any]:
    """Return the row of a table of points that ``budsim predict`` and ``budsim memory`` answer with these figures."""
    point = size.point
    return {
        "model": point.arch.name,
        "hardware": point.device.name,
        "engine": point.settings.engine,
        "engine_version": point.settings.engine_version,
        "precision": point.precision.name,
        "tp": point.plan.tp_size,
        "pp": point.plan.pp_size,
        "concurrency": point.workload.concurrency,
        "isl": point.workload.isl,
        "osl": point.workload.osl,
        "max_model_len": point.settings.max_model_len,
    }
