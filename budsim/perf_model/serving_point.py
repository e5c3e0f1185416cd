"""One fully stated question to the performance model, and its two possible answers."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from budsim.perf_model.engine_settings import EngineSettings
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import Precision
from budsim.perf_model.workload import Workload


@dataclass(frozen=True, slots=True)
class ServingPoint:
    """A replica, its engine and the load on it.

    Attributes:
        arch: Model shape.
        device: Datasheet of one device.
        plan: Parallel layout of the replica; ``plan.num_devices`` devices are used.
        precision: Formats of weights, activations and matrix multiplication.
        settings: Resolved engine parameters.
        workload: Load on this one replica.
        devices_per_node: Devices sharing the fast link; TP beyond it crosses the network.
        inter_node_bytes_per_s: Network bandwidth per device, one direction.
        device_memory_bytes: Memory of one device that the engine may see; None = the datasheet's.
        cpu_cores: CPU engines: cores given to one device (socket or NUMA node); None = the datasheet's.
        nodes_spanned: Nodes that the placement of this replica really touches; None = as few as possible.
    """

    arch: ModelArchitecture
    device: DeviceSpec
    plan: ParallelPlan
    precision: Precision
    settings: EngineSettings
    workload: Workload
    devices_per_node: int = 8
    inter_node_bytes_per_s: float = 25e9
    device_memory_bytes: float | None = None
    cpu_cores: float | None = None
    nodes_spanned: int | None = None


class ReplicaKeys:
    """Hashable keys of replicas: model, device and layout, without engine parameters and load.

    Large values go by identity; they are kept, so that no other object takes their id.
    """

    def __init__(self) -> None:
        self._alive: dict[int, ModelArchitecture | DeviceSpec] = {}

    def of(self, point: ServingPoint) -> tuple[Hashable, ...]:
        """Return the key of a point's replica."""
        for large in (point.arch, point.device):
            self._alive.setdefault(id(large), large)
        return (
            id(point.arch),
            id(point.device),
            point.plan,
            point.precision,
            point.devices_per_node,
            point.inter_node_bytes_per_s,
            point.device_memory_bytes,
            point.cpu_cores,
            point.nodes_spanned,
        )


@dataclass(frozen=True, slots=True)
class Prediction:
    """Serving metrics of one replica under its load. Definitions: ``metrics.py``.

    Attributes:
        saturated: The load is past capacity: latencies grow with the length of the run.
        basis: measured | interpolated | extrapolated | analytic.
        kv_cache_tokens: Tokens the KV cache of one replica holds.
        max_concurrency: Sequences of ``max_model_len`` that fit into it.
        prefill_time_share: Share of the replica's busy time that goes into prompts, in [0, 1]; None = not worked out.
        busy_share: Share of the time in which the replica works, in [0, 1]; None = not worked out.
    """

    ttft_ms_mean: float
    ttft_ms_p50: float
    ttft_ms_p90: float
    ttft_ms_p95: float
    ttft_ms_p99: float
    tpot_ms_mean: float
    tpot_ms_p99: float
    itl_ms_p99: float
    e2e_s_mean: float
    e2e_s_p50: float
    e2e_s_p95: float
    e2e_s_p99: float
    output_tps: float
    tps_per_user: float
    request_throughput: float
    saturated: bool
    kv_cache_tokens: int
    max_concurrency: float
    basis: str = "analytic"
    confidence: float | None = None
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    prefill_time_share: float | None = None
    busy_share: float | None = None


@dataclass(frozen=True, slots=True)
class Infeasible:
    """No number exists: the replica does not start, or the case is outside what is modelled.

    Attributes:
        code: Machine-readable cause: ``memory``, ``kv_capacity``, ``tp_heads``, ``unsupported`` ….
        reason: What does not hold, with the figures, and what would change it.
    """

    code: str
    reason: str
