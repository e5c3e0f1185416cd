"""Raw clusters → groups of equal devices that a deployment may use.

A group holds devices of one type **and** one datasheet: A100 and H100 are both ``cuda``, but a replica over both would
run at the slower one's pace and need the smaller one's memory, so they never mix. Every device that is left out says
why.

Dedicated and shared rules are the platform's own (small predicates below): dedicated wants idle devices, shared takes
what is left of a used one, one replica per device, without tensor or pipeline parallelism.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from budsim.commons.errors import UnknownHardwareError
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.simulator.cluster_document import Cluster, ClusterDevice, ClusterNode, ClusterProblem, parse_clusters

if TYPE_CHECKING:
    from budsim.perf_model.hardware_catalog import HardwareCatalog

__all__ = [
    "Cluster",
    "ClusterProblem",
    "DeviceGroup",
    "DroppedDevice",
    "HardwareMode",
    "NodeDevices",
    "TopologyOutcome",
    "group_devices",
    "parse_clusters",
]

# The platform's rule: a CPU node counts as idle below this share of busy cores (strictly).
CPU_HIGH_IDLE_SHARE = 0.05
# 200 Gb/s per device: the usual rail of an 8-GPU training node (one HDR/NDR port per GPU). An assumption, said in the
# answer.
DEFAULT_INTER_NODE_BYTES_PER_S = 25e9
# A payload memory this far below the datasheet is a slice (MIG, vGPU), not a rounding of GB and GiB (7 %) or a driver's
# reserve.
SLICE_MEMORY_SHARE = 0.85
# Memory tiers per datasheet in one cluster: each is a search of its own. Sizes within the share count as one tier.
MAX_MEMORY_TIERS = 4
SAME_TIER_SHARE = 0.9
SIMULATED_TYPES = frozenset({"cuda", "rocm", "hpu", "cpu", "cpu_high"})


class HardwareMode(StrEnum):
    """Whether a deployment gets whole idle devices or what is left of used ones."""

    DEDICATED = "dedicated"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class NodeDevices:
    """Free devices of one group on one node."""

    node_id: str
    node_name: str
    free_devices: int
    device_id: str = ""


@dataclass(frozen=True, slots=True)
class DeviceGroup:
    """Equal devices of one cluster that replicas may be built from.

    Attributes:
        device_type: cuda | rocm | hpu | cpu | cpu_high.
        device_name: As the cluster calls the device.
        match_reason: Why this datasheet was taken.
        nodes: Sorted by node id; each with at least one free device.
        memory_bytes_per_device: Usable by the deployment, on the fullest device. CPUs: one socket's share of the node.
        cores_per_device: CPUs: cores of one socket that the deployment may use.
        inter_node_bytes_per_s: Network per device, one direction.
    """

    cluster_id: str
    device_type: str
    spec: DeviceSpec
    device_name: str
    nodes: tuple[NodeDevices, ...]
    memory_bytes_per_device: float
    hardware_mode: str = HardwareMode.DEDICATED.value
    device_model: str | None = None
    raw_name: str | None = None
    match_reason: str = ""
    cores_per_device: float | None = None
    inter_node_bytes_per_s: float = DEFAULT_INTER_NODE_BYTES_PER_S
    cluster_name: str = ""

    @property
    def total_devices(self) -> int:
        """Free devices over all nodes."""
        return sum(node.free_devices for node in self.nodes)

    @property
    def max_devices_per_node(self) -> int:
        """Free devices of the best node."""
        return max((node.free_devices for node in self.nodes), default=0)

    @property
    def node_distribution(self) -> dict[str, int]:
        """Free devices by node id."""
        return {node.node_id: node.free_devices for node in self.nodes}

    @property
    def is_shared(self) -> bool:
        """Whether devices are shared with other containers."""
        return self.hardware_mode == HardwareMode.SHARED

    @property
    def is_cpu(self) -> bool:
        """Whether a device is a CPU socket."""
        return self.device_type.startswith("cpu")

    @property
    def label(self) -> str:
        """Short name for messages, e.g. ``16 x NVIDIA H100 SXM 80GB``."""
        return f"{self.total_devices} x {self.spec.name}"


@dataclass(frozen=True, slots=True)
class DroppedDevice:
    """A device (or a whole node: ``device`` is then empty) that no deployment may use, and why."""

    node: str
    device: str
    reason: str


@dataclass(frozen=True, slots=True)
class TopologyOutcome:
    """Usable groups of one cluster, and everything left out."""

    groups: tuple[DeviceGroup, ...]
    dropped: tuple[DroppedDevice, ...]


@dataclass(frozen=True, slots=True)
class _UsableDevices:
    """Devices of one entry after the mode's rules: how many, and what one of them offers."""

    node: ClusterNode
    device: ClusterDevice
    spec: DeviceSpec
    match_reason: str
    count: int
    memory_bytes: float
    cores: float | None


def group_devices(
    cluster: Cluster,
    *,
    hardware_mode: str = HardwareMode.DEDICATED,
    skip_master_node_for_cpu: bool = True,
    catalog: HardwareCatalog,
) -> TopologyOutcome:
    """Group the usable devices of a cluster.

    Args:
        cluster: A parsed cluster.
        hardware_mode: ``dedicated`` or ``shared``.
        skip_master_node_for_cpu: Leave CPUs of control-plane nodes alone; their accelerators are kept.
        catalog: Datasheets; an entry it does not know is dropped unless the payload carries its own peaks.

    Returns:
        Groups ordered by device type, datasheet and memory (largest first).
    """
    mode = HardwareMode(hardware_mode)
    usable: list[_UsableDevices] = []
    dropped: list[DroppedDevice] = []
    for node in cluster.nodes:
        reason = _node_problem(node)
        if reason:
            dropped.append(DroppedDevice(node.name, "", reason))
            continue
        for device in node.devices:
            found = _usable_devices(node, device, mode, skip_master_node_for_cpu, catalog)
            if isinstance(found, str):
                dropped.append(DroppedDevice(node.name, device.name, found))
            else:
                usable.append(found)
    return TopologyOutcome(tuple(_build_groups(cluster, usable, mode)), tuple(dropped))


def _node_problem(node: ClusterNode) -> str | None:
    if node.is_ready is None:
        return "node does not report its status; it must be true"
    if not node.is_ready:
        return "node is not ready (status is false)"
    if not node.devices:
        return "node reports no devices"
    return None


def _usable_devices(
    node: ClusterNode, device: ClusterDevice, mode: HardwareMode, skip_master: bool, catalog: HardwareCatalog
) -> _UsableDevices | str:
    """Return what one entry offers, or the reason it offers nothing."""
    if device.is_cpu and node.is_master and skip_master:
        return "CPUs of control-plane nodes are not used (SKIP_MASTER_NODE_FOR_CPU)"
    if device.device_type not in SIMULATED_TYPES:
        return f"device type {device.device_type!r} is not simulated; supported: {', '.join(sorted(SIMULATED_TYPES))}"
    rule = dedicated_problem if mode is HardwareMode.DEDICATED else shared_problem
    reason = rule(device)
    if reason:
        return reason
    try:
        spec, match_reason = resolve_spec(device, catalog)
    except UnknownHardwareError as error:
        near = f" Similar names: {', '.join(error.near[:5])}." if error.near else ""
        return f"{error.message}{'' if near.strip() in error.message else near}"
    if spec.device_type not in SIMULATED_TYPES:
        return f"{spec.name} is a {spec.device_type} device: known, but not simulated"
    memory_bytes, cores = usable_memory_bytes(device, spec, mode), usable_cores(device, mode)
    return _UsableDevices(node, device, spec, match_reason, device_count(device, mode), memory_bytes, cores)


def dedicated_problem(device: ClusterDevice) -> str | None:
    """Return why a device is not idle enough to be given away whole, or None."""
    if device.available_count <= 0:
        return "no free device (available_count is 0)"
    if device.device_type == "cpu_high":
        busy_share = device.utilized_cores / device.cores if device.cores else 1.0
        if busy_share >= CPU_HIGH_IDLE_SHARE:
            limit = f"{CPU_HIGH_IDLE_SHARE:.0%}"
            return f"{busy_share:.1%} of the cores are in use; dedicated mode wants less than {limit}"
    elif not device.is_cpu:
        used = {"cores": device.core_utilization_percent, "memory": device.memory_utilization_percent}
        busy = [f"{name} {percent:g} %" for name, percent in used.items() if percent]
        if busy:
            return f"device is in use ({', '.join(busy)}); dedicated mode wants idle devices"
    return None


def shared_problem(device: ClusterDevice) -> str | None:
    """Return why nothing of a device can be shared, or None."""
    if device.is_cpu:
        if device.memory_bytes - device.utilized_memory_bytes <= 0:
            return "no free memory left on the node"
        return None
    if device.memory_allocated_bytes is None:
        return "memory_allocated_gb is not reported, so the device cannot be shared (no GPU sharing on this node)"
    if device.memory_bytes - device.memory_allocated_bytes <= 0:
        return "no free memory left on the device"
    return None


def device_count(device: ClusterDevice, mode: HardwareMode) -> int:
    """Return how many devices an entry stands for: CPU sockets, one shared device, or the free accelerators."""
    if mode is HardwareMode.SHARED:
        return 1
    return device.socket_count if device.is_cpu else device.available_count


def usable_memory_bytes(device: ClusterDevice, spec: DeviceSpec, mode: HardwareMode) -> float:
    """Return the memory one device offers the deployment, bytes.

    Shared: total - allocated, once; the reported utilisation percentage repeats the same fact and is not applied again.
    Dedicated accelerators: the driver's figure of the datasheet, because clusters round it, unless the payload says
    clearly less.
    CPUs: the node's free memory, split over its sockets (dedicated) or whole (shared: one replica per node).
    """
    if device.is_cpu:
        return (device.memory_bytes - device.utilized_memory_bytes) / device_count(device, mode)
    if mode is HardwareMode.SHARED:
        return device.memory_bytes - (device.memory_allocated_bytes or 0.0)
    if spec.memory_bytes is None or device.memory_bytes < SLICE_MEMORY_SHARE * spec.memory_bytes:
        return device.memory_bytes
    return float(spec.memory_bytes)


def usable_cores(device: ClusterDevice, mode: HardwareMode) -> float | None:
    """Return the cores of one CPU device: shared all of the node, dedicated the idle ones of a socket, at least one."""
    if not device.is_cpu or not device.cores:
        return None
    if mode is HardwareMode.SHARED:
        return float(device.cores)
    idle = max(1, int(device.cores - device.utilized_cores))
    return max(1.0, idle / device_count(device, mode))


def resolve_spec(device: ClusterDevice, catalog: HardwareCatalog) -> tuple[DeviceSpec, str]:
    """Return the datasheet of a device and why it was chosen.

    The total memory identifies the variant (A100 40 or 80 GB), never the free memory: a used A100 is still an A100.

    Raises:
        UnknownHardwareError: No catalogue row fits and the payload has no peaks of its own.
    """
    memory_bytes = None if device.is_cpu else int(device.memory_bytes)
    device_type = "cpu" if device.is_cpu else device.device_type
    names = dict.fromkeys(name for name in (device.raw_name, device.name, device.model) if name)
    failure: UnknownHardwareError | None = None
    for name in names:
        try:
            match = catalog.match(name, pci_id=device.pci_id, memory_bytes=memory_bytes, device_type=device_type)
        except UnknownHardwareError as error:
            failure = failure or error
            continue
        return match.spec, match.reason
    if device.declared_flops and device.declared_bandwidth_bytes_per_s:
        return _declared_spec(device), "not in the catalogue: peak FLOP/s and bandwidth are the cluster's own figures"
    raise failure or UnknownHardwareError(f"Device {device.name!r} has no name to look up.")


def _declared_spec(device: ClusterDevice) -> DeviceSpec:
    flops: Mapping[str, float] = dict(device.declared_flops)
    return DeviceSpec(
        name=device.name,
        vendor=device.vendor or "unknown",
        device_type="cpu" if device.is_cpu else device.device_type,
        architecture="custom",
        memory_bytes=None if device.is_cpu else int(device.memory_bytes),
        memory_bandwidth_bytes_per_s=device.declared_bandwidth_bytes_per_s or 0.0,
        peak_flops={"bf16": flops["fp16"], **flops} if "fp16" in flops else flops,
        num_units=device.cores,
        sources={"peak_flops": "cluster document", "memory_bandwidth_bytes_per_s": "cluster document"},
    )


def _build_groups(cluster: Cluster, usable: Sequence[_UsableDevices], mode: HardwareMode) -> list[DeviceGroup]:
    families: dict[tuple[str, str], list[_UsableDevices]] = {}
    for entry in usable:
        families.setdefault((_group_type(entry), entry.spec.name), []).append(entry)
    groups: list[DeviceGroup] = []
    for key in sorted(families):
        members = families[key]
        for floor in _memory_tiers([member.memory_bytes for member in members]):
            tier = [member for member in members if member.memory_bytes >= floor]
            groups.append(_build_group(cluster, key[0], tier, floor, mode))
    return groups


def _group_type(entry: _UsableDevices) -> str:
    return entry.device.device_type if entry.device.is_cpu else entry.spec.device_type


def _memory_tiers(memory_bytes: Sequence[float]) -> list[float]:
    """Return the memory floors worth searching, largest first.

    Devices with unequal free memory form nested groups: all those with at least m bytes. A deployment that needs n
    bytes finds most devices in the group of the smallest m above n, so trying the distinct sizes loses nothing; sizes
    within ``SAME_TIER_SHARE`` count as the smaller one, and more than ``MAX_MEMORY_TIERS`` are thinned evenly.
    """
    floors: list[float] = []
    tier_top = 0.0
    for size in sorted(set(memory_bytes), reverse=True):
        if floors and size >= SAME_TIER_SHARE * tier_top:
            floors[-1] = size
        else:
            floors.append(size)
            tier_top = size
    if len(floors) <= MAX_MEMORY_TIERS:
        return floors
    last = len(floors) - 1
    picks = {round(step * last / (MAX_MEMORY_TIERS - 1)) for step in range(MAX_MEMORY_TIERS)}
    return [floors[index] for index in sorted(picks)]


def _build_group(
    cluster: Cluster, device_type: str, members: Sequence[_UsableDevices], memory_floor: float, mode: HardwareMode
) -> DeviceGroup:
    free: dict[str, NodeDevices] = {}
    for member in members:
        known = free.get(member.node.node_id)
        count = member.count + (known.free_devices if known else 0)
        first_id = known.device_id if known else member.device.device_id
        free[member.node.node_id] = NodeDevices(member.node.node_id, member.node.name, count, first_id)
    first = members[0]
    cores = [member.cores for member in members if member.cores is not None]
    declared_network = [
        member.device.inter_node_bytes_per_s for member in members if member.device.inter_node_bytes_per_s
    ]
    return DeviceGroup(
        cluster_id=cluster.cluster_id,
        cluster_name=cluster.name,
        device_type=device_type,
        spec=first.spec,
        device_name=first.device.name,
        device_model=first.device.model,
        raw_name=first.device.raw_name,
        match_reason=first.match_reason,
        nodes=tuple(free[node_id] for node_id in sorted(free)),
        memory_bytes_per_device=memory_floor,
        hardware_mode=mode.value,
        cores_per_device=min(cores) if cores else None,
        inter_node_bytes_per_s=min(declared_network, default=DEFAULT_INTER_NODE_BYTES_PER_S),
    )
