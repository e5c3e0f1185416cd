"""Devices as the hardware API shows them, filtered and sorted. Pure: GB = 1e9 bytes, TFLOPS dense, one direction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.recommender.device_figures import bf16_tflops, compute_capability, memory_gb, price_index
from budsim.simulator.hardware import device_usd_per_hour

# The platform's kinds of hardware.
KINDS = {"cuda": "gpu", "rocm": "gpu", "xpu": "gpu", "hpu": "accelerator", "tpu": "asic", "cpu": "cpu"}
SORTS = ("name", "flops", "memory_size", "memory_bw", "power", "price", "perf_per_watt", "perf_per_dollar")
# The platform's filter for CPUs in a recommendation by memory alone.
CPU_MAX_PARAMS_B, CPU_MAX_MEMORY_GB = 14.0, 40.0
_OPTIMAL, _GOOD = 80.0, 50.0


@dataclass(frozen=True, slots=True)
class DeviceFilter:
    """Which devices; None or empty = any. A device without the figure does not pass a range on it.

    Attributes:
        ranges: Lowest and highest value by field of ``device_view``.
    """

    query: str | None = None
    kind: str | None = None
    device_type: str | None = None
    manufacturer: str | None = None
    is_custom: bool | None = None
    ranges: Mapping[str, tuple[float | None, float | None]] | None = None

    def allows(self, view: Mapping[str, Any]) -> bool:
        """Whether a device passes."""
        words = [view["name"], view["manufacturer"], view["architecture"], *view["aliases"], *view["pci_ids"]]
        text = " ".join(words).lower()
        return (
            (not self.query or all(word in text for word in self.query.lower().split()))
            and self.kind in (None, view["type"])
            and self.device_type in (None, view["device_type"])
            and (not self.manufacturer or self.manufacturer.lower() == view["manufacturer"].lower())
            and self.is_custom in (None, view["is_custom"])
            and all(_inside(view[name], low, high) for name, (low, high) in (self.ranges or {}).items())
        )


def _inside(value: float | None, low: float | None, high: float | None) -> bool:
    if low is None and high is None:
        return True
    return value is not None and (low is None or value >= low) and (high is None or value <= high)


def device_view(device: DeviceSpec, offers: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Return everything the catalogue knows of a device.

    Args:
        device: Datasheet.
        offers: On-demand USD per hour of one device, by provider.
    """
    price = device_usd_per_hour(device)
    tflops = bf16_tflops(device)
    return {
        "name": device.name,
        "type": KINDS[device.device_type],
        "device_type": device.device_type,
        "manufacturer": device.vendor,
        "architecture": device.architecture,
        "compute_capability": compute_capability(device),
        "release_date": device.release_date,
        "form_factors": list(device.form_factors),
        "flops": tflops,
        "peak_tflops": {name: flops / 1e12 for name, flops in device.peak_flops.items()},
        "memory_size": memory_gb(device),
        "memory_bytes": device.memory_bytes,
        "memory_bw": device.memory_bandwidth_bytes_per_s / 1e9,
        "icn": None if device.link_bytes_per_s is None else device.link_bytes_per_s / 1e9,
        "link_type": device.link_type,
        "link_group_size": device.link_group_size,
        "pcie_gb_s": None if device.pcie_bytes_per_s is None else device.pcie_bytes_per_s / 1e9,
        "devices_per_node": device.devices_per_node_typical,
        "num_units": device.num_units,
        "power": device.tdp_watts,
        "price_usd": device.price_usd,
        "price_per_hour": None if price is None else price.usd_per_hour,
        "price_basis": None if price is None else price.basis,
        "rates_usd_per_hour": dict(device.rates_usd_per_hour),
        "price_is_estimate": None if price is None else price.is_estimate,
        "price_index": price_index(device),
        "perf_per_watt": _ratio(tflops, device.tdp_watts),
        "perf_per_dollar": _ratio(tflops, None if price is None else price.usd_per_hour),
        "on_prem_vendors": vendors(device),
        "clouds": clouds(offers or {}),
        "pci_ids": list(device.pci_ids),
        "aliases": list(device.aliases),
        "is_custom": device.is_custom,
        "confidence": device.confidence,
        "low_confidence_fields": list(device.low_confidence_fields),
        "conflicts": dict(device.conflicts),
        "sources": dict(device.sources),
    }


def _ratio(value: float | None, by: float | None) -> float | None:
    return value / by if value and by else None


def vendors(device: DeviceSpec) -> list[dict[str, Any]]:
    """Return who sells a device and for how much; empty where no purchase price is known."""
    if device.price_usd is None:
        return []
    return [
        {
            "name": device.vendor,
            "price_lower": device.price_usd,
            "price_upper": device.price_usd,
            "is_estimate": device.price_is_estimate,
            "source": device.sources.get("price_usd", device.sources.get("*", "")),
        }
    ]


def clouds(offers: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return on-demand offers of one device, cheapest first."""
    return [
        {
            "name": provider,
            "regions": [],
            "instances": [{"name": None, "price_lower": usd, "price_upper": usd, "unit": "per_hour"}],
        }
        for provider, usd in sorted(offers.items(), key=lambda item: (item[1], item[0]))
    ]


def sorted_views(views: Sequence[dict[str, Any]], sort_by: str, descending: bool) -> list[dict[str, Any]]:
    """Return devices by a field; those without it come last, names settle ties."""
    field = "price_per_hour" if sort_by == "price" else sort_by
    known = sorted((view for view in views if view[field] is not None), key=lambda view: view["name"])
    known.sort(key=lambda view: view[field], reverse=descending)
    return [*known, *sorted((view for view in views if view[field] is None), key=lambda view: view["name"])]


def recommend_by_memory(
    devices: Sequence[DeviceSpec], total_memory_gb: float, model_params_b: float | None
) -> dict[str, Any]:
    """Return devices that hold so many GB, by fewest chips and then by utilisation.

    Chips are whole: the memory that the driver reports, rounded up. What an engine needs on top, and which layouts are
    legal, is for ``/api/usecases/{id}/recommendations``.

    Args:
        devices: Candidates.
        total_memory_gb: GB to hold.
        model_params_b: Parameters in 1e9; CPUs are left out from 14 on, and from 40 GB on.
    """
    gpus, cpus = [], []
    takes_cpu = total_memory_gb < CPU_MAX_MEMORY_GB and (model_params_b is None or model_params_b < CPU_MAX_PARAMS_B)
    for device in devices:
        if device.memory_bytes is not None and device.device_type != "cpu":
            gpus.append(_entry(device, total_memory_gb * 1e9))
        elif device.device_type == "cpu" and takes_cpu:
            cpus.append(_entry(device, None))
    for entries in (gpus, cpus):
        entries.sort(
            key=lambda entry: (entry["nodes_required"], -(entry["utilization"] or 0.0), entry["hardware_name"])
        )
    return {
        "cpu_recommendations": cpus,
        "gpu_recommendations": gpus,
        "model_info": {
            "total_memory_gb": total_memory_gb,
            "model_params_b": model_params_b,
            "is_small_enough_for_cpu": takes_cpu,
        },
        "total_recommendations": len(gpus) + len(cpus),
    }


def _entry(device: DeviceSpec, needed_bytes: float | None) -> dict[str, Any]:
    chips, utilization = 1, None
    if needed_bytes is not None and device.memory_bytes is not None:
        chips = math.ceil(needed_bytes / device.memory_bytes)
        utilization = 100.0 * needed_bytes / (chips * device.memory_bytes)
    price = device_usd_per_hour(device)
    rated = utilization or 0.0
    return {
        "hardware_name": device.name,
        "type": KINDS[device.device_type],
        "manufacturer": device.vendor,
        "nodes_required": chips,
        "memory_per_chip": memory_gb(device),
        "utilization": utilization,
        "optimality": "optimal" if rated >= _OPTIMAL else "good" if rated >= _GOOD else "ok",
        "price_per_hour": None if price is None else price.usd_per_hour,
        "total_cost_per_hour": None if price is None else price.usd_per_hour * chips,
        "price_index": price_index(device),
    }
