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
        efficiency: Share of the link rates that large messages reach.
        switched: Every device reaches every other at the link's rate (NVLink switch), so latency hardly grows.
    """

    link_bytes_per_s: float
    inter_node_bytes_per_s: float
    devices_per_node: int
    latency_s: float
    efficiency: float
    switched: bool = True


def link_bytes_per_s(device: DeviceSpec) -> float:
    """Return the rate of the fastest path from one device to its neighbour, one direction."""
    if device.link_bytes_per_s:
        return device.link_bytes_per_s
    if device.device_type.startswith("cpu"):
        return CPU_SOCKET_BYTES_PER_S
    return device.pcie_bytes_per_s or DEFAULT_PCIE_BYTES_PER_S


def collective_latency_s(fabric: Fabric, ranks: int) -> float:
    """Return the fixed cost of one collective.

    Through a switch it grows by a tenth with each doubling of the group, over PCIe or sockets with its size (custom
    all-reduce kernels, operator tables of aiconfigurator-core 0.12.0: 4.4, 4.7, 4.9 us of 2, 4, 8 H100, 7, 14, 27 us of
    2, 4, 8 L40S).
    """
    if ranks <= 1:
        return 0.0
    local = min(ranks, max(2, fabric.devices_per_node))
    latency = fabric.latency_s * (0.9 + 0.1 * math.log2(local) if fabric.switched else local / 2)
    return latency + (INTER_NODE_LATENCY_S if ranks > fabric.devices_per_node else 0.0)


def all_reduce_seconds_per_byte(fabric: Fabric, ranks: int) -> float:
    """Return seconds per byte of message of a (hierarchical) ring all-reduce."""
    if ranks <= 1:
        return 0.0
    local = min(ranks, fabric.devices_per_node)
    nodes = math.ceil(ranks / fabric.devices_per_node)
    seconds = 2 * (local - 1) / local / (fabric.link_bytes_per_s * fabric.efficiency)
    if nodes > 1:
        seconds += 2 * (nodes - 1) / nodes / local / (fabric.inter_node_bytes_per_s * fabric.efficiency)
    return seconds


def all_to_all_seconds_per_byte(fabric: Fabric, ranks: int) -> float:
    """Return seconds per byte that one device sends, spread evenly over the group; the slowest level decides."""
    if ranks <= 1:
        return 0.0
    local = min(ranks, fabric.devices_per_node)
    inside = (local - 1) / ranks / (fabric.link_bytes_per_s * fabric.efficiency)
    outside = (ranks - local) / ranks / (fabric.inter_node_bytes_per_s * fabric.efficiency)
    return max(inside, outside)


def send_seconds(fabric: Fabric, message_bytes: float, crosses_nodes: bool) -> float:
    """Return the time of one point-to-point message between pipeline stages."""
    rate = fabric.inter_node_bytes_per_s if crosses_nodes else fabric.link_bytes_per_s
    latency = INTER_NODE_LATENCY_S if crosses_nodes else fabric.latency_s
    return latency + message_bytes / (rate * fabric.efficiency)
