"""Time of the messages that parallel layers exchange: latency plus bytes over bandwidth (alpha-beta).

Sources:
    alpha-beta, ring   Thakur, Rabenseifner, Gropp 2005, "Optimization of Collective Communication Operations in MPICH":
                       a ring all-reduce moves 2 (n-1)/n of the message through each device's link.
    two levels         Reduce inside each node first, then between nodes, each device carrying its share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from budsim.perf_model.hardware_catalog import DeviceSpec

# Share of the link rate that NCCL-class libraries reach on large messages: 370-400 of 450 GB/s bus bandwidth on an
# HGX H100 (nccl-tests figures that NVIDIA and cloud providers publish).
LINK_EFFICIENCY = 0.8
# PCIe x16 gen 4, one direction, where the catalogue has no figure (datasheet).
DEFAULT_PCIE_BYTES_PER_S = 32e9
# Socket to socket: one UPI 2.0 link of 24 GT/s moves 48 GB/s in one direction; shared memory copies in and out.
CPU_SOCKET_BYTES_PER_S = 48e9
# RDMA round through two NICs and a switch; nccl-tests of small messages between two nodes show 15-30 us.
INTER_NODE_LATENCY_S = 20e-6


@dataclass(frozen=True, slots=True)
class Fabric:
    """Links between the devices of one replica.

    Attributes:
        link_bytes_per_s: Inside a node, one direction, one device.
        inter_node_bytes_per_s: Network, one direction, one device.
        devices_per_node: Devices that share the fast link.
        latency_s: Software and link latency of one collective of two devices inside a node.
    """

    link_bytes_per_s: float
    inter_node_bytes_per_s: float
    devices_per_node: int
    latency_s: float


def link_bytes_per_s(device: DeviceSpec) -> float:
    """Return the rate of the fastest path from one device to its neighbour, one direction."""
    if device.link_bytes_per_s:
        return device.link_bytes_per_s
    if device.device_type.startswith("cpu"):
        return CPU_SOCKET_BYTES_PER_S
    return device.pcie_bytes_per_s or DEFAULT_PCIE_BYTES_PER_S


def collective_latency_s(fabric: Fabric, ranks: int) -> float:
    """Return the fixed cost of one collective; it grows with the logarithm of the group."""
    if ranks <= 1:
        return 0.0
    latency = fabric.latency_s * (0.5 + 0.5 * math.log2(ranks))
    return latency + (INTER_NODE_LATENCY_S if ranks > fabric.devices_per_node else 0.0)


def all_reduce_seconds_per_byte(fabric: Fabric, ranks: int) -> float:
    """Return seconds per byte of message of a (hierarchical) ring all-reduce."""
    if ranks <= 1:
        return 0.0
    local = min(ranks, fabric.devices_per_node)
    nodes = math.ceil(ranks / fabric.devices_per_node)
    seconds = 2 * (local - 1) / local / (fabric.link_bytes_per_s * LINK_EFFICIENCY)
    if nodes > 1:
        seconds += 2 * (nodes - 1) / nodes / local / (fabric.inter_node_bytes_per_s * LINK_EFFICIENCY)
    return seconds


def all_to_all_seconds_per_byte(fabric: Fabric, ranks: int) -> float:
    """Return seconds per byte that one device sends, spread evenly over the group; the slowest level decides."""
    if ranks <= 1:
        return 0.0
    local = min(ranks, fabric.devices_per_node)
    inside = (local - 1) / ranks / (fabric.link_bytes_per_s * LINK_EFFICIENCY)
    outside = (ranks - local) / ranks / (fabric.inter_node_bytes_per_s * LINK_EFFICIENCY)
    return max(inside, outside)


def send_seconds(fabric: Fabric, message_bytes: float, crosses_nodes: bool) -> float:
    """Return the time of one point-to-point message between pipeline stages."""
    rate = fabric.inter_node_bytes_per_s if crosses_nodes else fabric.link_bytes_per_s
    latency = INTER_NODE_LATENCY_S if crosses_nodes else fabric.latency_s
    return latency + message_bytes / (rate * LINK_EFFICIENCY)
