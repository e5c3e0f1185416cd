"""Devices on the wire: GB = 1e9 bytes, TFLOPS dense, links one direction, USD."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["gpu", "cpu", "accelerator", "asic"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CloudInstance(_Body):
    """One offer."""

    name: str | None = Field(description="instance type; null = not listed", examples=[None])
    price_lower: float = Field(description="USD/h of one device", examples=[2.49])
    price_upper: float = Field(description="USD/h of one device", examples=[2.49])
    unit: str = Field(description="what the price is for", examples=["per_hour"])


class Cloud(_Body):
    """Who rents a device out."""

    name: str = Field(description="provider", examples=["Lambda"])
    regions: list[str] = Field(description="regions, where known", examples=[[]])
    instances: list[CloudInstance] = Field(description="offers")


class OnPremVendor(_Body):
    """Who sells a device."""

    name: str = Field(description="maker", examples=["NVIDIA"])
    price_lower: float = Field(description="USD of one device", examples=[30000.0])
    price_upper: float = Field(description="USD of one device", examples=[30000.0])
    is_estimate: bool = Field(description="another device's price, or a flat one", examples=[False])
    source: str = Field(description="where it comes from", examples=["list price"])


class Device(_Body):
    """A device of the catalogue."""

    name: str = Field(description="catalogue name", examples=["NVIDIA H100 SXM 80GB"])
    type: Kind = Field(description="kind of hardware", examples=["gpu"])
    device_type: str = Field(description="cuda, rocm, hpu, cpu, xpu or tpu", examples=["cuda"])
    manufacturer: str = Field(description="maker", examples=["NVIDIA"])
    architecture: str = Field(description="architecture", examples=["Hopper"])
    compute_capability: str | None = Field(description="CUDA compute capability", examples=["9.0"])
    release_date: str | None = Field(description="when it came", examples=["2022-03-22"])
    form_factors: list[str] = Field(description="sxm, pcie, nvl or oam; empty = one only", examples=[["sxm"]])
    flops: float | None = Field(description="dense bf16 TFLOPS (else fp16, fp32)", examples=[989.5])
    peak_tflops: dict[str, float] = Field(description="dense TFLOPS by format", examples=[{"bf16": 989.5}])
    memory_size: float | None = Field(description="GB on the label; null = the host's", examples=[80.0])
    memory_bytes: int | None = Field(description="bytes that the driver reports", examples=[85520809984])
    memory_bw: float = Field(description="memory bandwidth, GB/s", examples=[3350.0])
    icn: float | None = Field(description="device-to-device link, GB/s one direction", examples=[450.0])
    link_type: str | None = Field(description="kind of link", examples=["NVLink4"])
    link_group_size: int | None = Field(description="devices that the link joins", examples=[8])
    pcie_gb_s: float | None = Field(description="PCIe, GB/s one direction", examples=[63.0])
    devices_per_node: int = Field(description="devices of a usual server", examples=[8])
    num_units: int | None = Field(description="SMs, CUs or cores", examples=[132])
    power: float | None = Field(description="TDP, W", examples=[700.0])
    price_usd: float | None = Field(description="purchase price, USD", examples=[30000.0])
    price_per_hour: float | None = Field(
        description="USD/h on demand, else the purchase price over five years", examples=[3.29]
    )
    price_basis: str | None = Field(description="on_demand or on_prem", examples=["on_demand"])
    rates_usd_per_hour: dict[str, float] = Field(
        description="published prices of reserved_1y, reserved_3y and spot; absent = none is known",
        examples=[{"reserved_3y": 2.9722, "spot": 1.25}],
    )
    price_is_estimate: bool | None = Field(description="not an offer for this very device", examples=[False])
    price_index: float | None = Field(description="the platform's old relative index, not USD", examples=[8.56])
    perf_per_watt: float | None = Field(description="TFLOPS per W", examples=[1.41])
    perf_per_dollar: float | None = Field(description="TFLOPS per USD/h", examples=[300.8])
    on_prem_vendors: list[OnPremVendor] = Field(description="purchase prices")
    clouds: list[Cloud] = Field(description="on-demand offers, cheapest first")
    pci_ids: list[str] = Field(description="PCI ids", examples=[["10de:2330"]])
    aliases: list[str] = Field(description="other spellings", examples=[["NVIDIA H100 80GB HBM3"]])
    is_custom: bool = Field(description="described by a user", examples=[False])
    confidence: str = Field(description="high, medium or low: of the datasheet", examples=["high"])
    low_confidence_fields: list[str] = Field(description="fields to doubt", examples=[["price_usd"]])
    conflicts: dict[str, str] = Field(description="what sources disagree on", examples=[{"tdp": "400/500"}])
    sources: dict[str, str] = Field(description="where values come from", examples=[{"*": "datasheet"}])
    matched_by: str | None = Field(None, description="how a name was matched", examples=["name 'H100' is ..."])


class DeviceList(_Body):
    """A page of devices."""

    hardware: list[Device] = Field(description="the page")
    total: int = Field(description="matches over all pages", examples=[103])
    limit: int = Field(description="page size", examples=[100])
    offset: int = Field(description="matches left out before the page", examples=[0])


class CustomDevice(_Body):
    """A device of your own; the fields of ``budsim hardware add``."""

    name: str = Field(max_length=200, description="as a cluster reports it", examples=["Acme X1"])
    device_type: Literal["cuda", "rocm", "hpu", "cpu"] = Field(description="how engines see it", examples=["cuda"])
    memory_gb: float | None = Field(None, description="GB that the driver reports; not for CPUs", examples=[96.0])
    memory_bandwidth_gb_s: float = Field(description="GB/s of one device", examples=[4000.0])
    bf16_tflops: float | None = Field(None, description="dense TFLOPS", examples=[800.0])
    fp16_tflops: float | None = Field(None, description="dense TFLOPS", examples=[800.0])
    fp32_tflops: float | None = Field(None, description="dense TFLOPS", examples=[60.0])
    tf32_tflops: float | None = Field(None, description="dense TFLOPS", examples=[400.0])
    fp8_tflops: float | None = Field(None, description="dense TFLOPS", examples=[1600.0])
    int8_tops: float | None = Field(None, description="dense TOPS", examples=[1600.0])
    fp4_tflops: float | None = Field(None, description="dense TFLOPS", examples=[3200.0])
    vendor: str | None = Field(None, max_length=200, description="maker", examples=["Acme"])
    architecture: str | None = Field(None, max_length=200, description="architecture", examples=["X"])
    compute_capability: str | None = Field(None, max_length=20, description="CUDA compute capability", examples=["9.0"])
    source: str | None = Field(None, max_length=200, description="where the figures come from", examples=["datasheet"])
    link_type: str | None = Field(None, max_length=100, description="kind of link", examples=["AcmeLink"])
    link_gb_s: float | None = Field(None, description="device to device, GB/s one direction", examples=[300.0])
    link_group_size: int | None = Field(None, description="devices that the link joins", examples=[8])
    pcie_gb_s: float | None = Field(None, description="PCIe, GB/s one direction", examples=[63.0])
    devices_per_node: int | None = Field(None, description="devices of a server", examples=[8])
    num_units: int | None = Field(None, description="SMs, CUs or cores", examples=[132])
    numa_domains: int | None = Field(None, description="NUMA domains of a socket", examples=[4])
    tdp_watts: float | None = Field(None, description="TDP, W", examples=[700.0])
    price_usd: float | None = Field(None, description="purchase price, USD", examples=[20000.0])
    usd_per_hour: float | None = Field(None, description="USD/h of one device", examples=[2.5])
    aliases: list[str] = Field(
        default_factory=list, max_length=50, description="other spellings", examples=[["acme-x1"]]
    )
    pci_ids: list[str] = Field(
        default_factory=list, max_length=50, description="PCI ids, vendor:device in hex", examples=[["10de:2330"]]
    )

    def entry(self) -> dict[str, Any]:
        """Return the fields that are set, as the file of custom devices has them."""
        return {name: value for name, value in self.model_dump().items() if value not in (None, [])}


class HardwareNeed(_Body):
    """How much memory is needed."""

    total_memory_gb: float = Field(gt=0, le=1e6, description="GB to hold", examples=[141.0])
    model_params_b: float | None = Field(None, gt=0, le=1e6, description="parameters in 1e9", examples=[70.0])


class HardwareFit(_Body):
    """How many of a device hold the memory."""

    hardware_name: str = Field(description="device", examples=["NVIDIA H100 SXM 80GB"])
    type: Kind = Field(description="kind of hardware", examples=["gpu"])
    manufacturer: str = Field(description="maker", examples=["NVIDIA"])
    nodes_required: int = Field(description="chips, rounded up", examples=[2])
    memory_per_chip: float | None = Field(description="GB on the label; null = the host's", examples=[80.0])
    utilization: float | None = Field(description="percent of all chips' memory", examples=[82.4])
    optimality: Literal["optimal", "good", "ok"] = Field(
        description="optimal from 80 %, good from 50 %", examples=["optimal"]
    )
    price_per_hour: float | None = Field(description="USD/h of one chip", examples=[3.29])
    total_cost_per_hour: float | None = Field(description="USD/h of all chips", examples=[6.58])
    price_index: float | None = Field(description="the platform's old relative index, not USD", examples=[8.56])


class NeedSummary(_Body):
    """What was asked."""

    total_memory_gb: float = Field(description="GB to hold", examples=[141.0])
    model_params_b: float | None = Field(description="parameters in 1e9", examples=[70.0])
    is_small_enough_for_cpu: bool = Field(description="below 14e9 parameters and 40 GB", examples=[False])


class HardwareRecommendation(_Body):
    """Devices by fewest chips, then by utilisation."""

    cpu_recommendations: list[HardwareFit] = Field(description="CPUs, for small models")
    gpu_recommendations: list[HardwareFit] = Field(description="accelerators")
    model_info: NeedSummary = Field(description="what was asked")
    total_recommendations: int = Field(description="entries of both lists", examples=[74])


class VendorsOfDevice(_Body):
    """Purchase prices of a device."""

    hardware_name: str = Field(description="device", examples=["NVIDIA H100 SXM 80GB"])
    on_prem_vendors: list[OnPremVendor] = Field(description="purchase prices")


class CloudsOfDevice(_Body):
    """On-demand offers of a device."""

    hardware_name: str = Field(description="device", examples=["NVIDIA H100 SXM 80GB"])
    clouds: list[Cloud] = Field(description="cheapest first")


class NamedCount(_Body):
    """A name and how many devices bear it."""

    name: str = Field(description="maker or provider", examples=["NVIDIA"])
    count: int = Field(description="devices", examples=[52])


class RemovedDevice(_Body):
    """A device that is gone."""

    name: str = Field(description="its name", examples=["Acme X1"])
