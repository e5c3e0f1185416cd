"""Device datasheets and how names are matched to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """Datasheet of one device (a GPU, an accelerator card, a CPU socket).

    Attributes:
        name: Catalogue name, unique.
        device_type: cuda | rocm | hpu | cpu | xpu | tpu.
        memory_bytes: What the driver reports; for CPUs None (it comes from the node).
        memory_bandwidth_bytes_per_s: Peak, one device.
        peak_flops: Dense peak FLOP/s by format: keys ``fp32 tf32 bf16 fp16 fp8 int8 fp4``; absent = no hardware support.
        link_bytes_per_s: Device-to-device fast link, one direction; None = PCIe only.
        pcie_bytes_per_s: One direction, x16.
    """

    name: str
    vendor: str
    device_type: str
    architecture: str
    memory_bytes: int | None
    memory_bandwidth_bytes_per_s: float
    peak_flops: Mapping[str, float]
    link_type: str | None = None
    link_bytes_per_s: float | None = None
    pcie_bytes_per_s: float | None = None
    devices_per_node_typical: int = 8
    num_units: int | None = None  # SMs, CUs or cores
    tdp_watts: float | None = None
    price_usd: float | None = None
    usd_per_hour: float | None = None
    aliases: tuple[str, ...] = ()
    pci_ids: tuple[str, ...] = ()
    compute_capability: str | None = None
    numa_domains: int | None = None
    low_confidence_fields: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
