"""What one device can do at best, and the share of it that software reaches.

Source: Williams, Waterman, Patterson 2009, "Roofline", CACM 52(4). An operator takes at least ``flops / peak`` and at
least ``bytes / bandwidth``. Compute and memory overlap imperfectly near the ridge, hence the 4-norm instead of the
plain maximum.
"""

from __future__ import annotations

from dataclasses import dataclass

from budsim.commons.errors import UnsupportedError
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.serving_point import ServingPoint

# One core of a server CPU sustains about this much from DRAM: 28-30 GB/s measured on Zen 4 (vLLM CPU measurements).
CORE_BANDWIDTH_BYTES_PER_S = 28e9
# Formats that stand in for one the device lacks, best first.
_STAND_INS = ("bf16", "fp16", "tf32", "fp32")


@dataclass(frozen=True, slots=True)
class DeviceRates:
    """Datasheet rates of the part of a device that a replica uses.

    Attributes:
        bandwidth_bytes_per_s: Memory bandwidth.
        gemm_flops: FLOP/s of matrix products in the deployment's format.
        wide_flops: FLOP/s in 16 bit: attention, LM head, router.
        compute_format: Format of those products.
    """

    bandwidth_bytes_per_s: float
    gemm_flops: float
    wide_flops: float
    compute_format: str


def operator_seconds(flops: float, traffic_bytes: float, flops_per_s: float, bandwidth_bytes_per_s: float) -> float:
    """Return the time of one operator: the 4-norm of its compute and its memory time, never below either."""
    compute, memory = flops / flops_per_s, traffic_bytes / bandwidth_bytes_per_s
    return float((compute**4 + memory**4) ** 0.25)


def _peak(device: DeviceSpec, number_format: str) -> float:
    for name in (number_format, *_STAND_INS):
        if device.peak_flops.get(name):
            return float(device.peak_flops[name])
    raise UnsupportedError(
        f"{device.name}: the catalogue has no peak FLOP/s for {number_format}", {"field": "hardware"}
    )


def device_rates(point: ServingPoint) -> DeviceRates:
    """Return the rates that bound one device of ``point``.

    CPU cores scale FLOP/s with their number and memory bandwidth up to the socket's limit.

    Raises:
        UnsupportedError: The catalogue has no FLOP/s for the device.
    """
    device = point.device
    compute_format = point.precision.compute_format
    if point.precision.name.startswith("mxfp4") and device.architecture.lower().startswith("blackwell"):
        compute_format = "fp8"  # vLLM and TensorRT-LLM multiply mxfp4 weights with mxfp8 activations there
    gemm, wide = _peak(device, compute_format), _peak(device, "bf16")
    bandwidth = device.memory_bandwidth_bytes_per_s
    if device.device_type.startswith("cpu") and point.cpu_cores and device.num_units:
        share = min(1.0, point.cpu_cores / device.num_units)
        gemm, wide = gemm * share, wide * share
        bandwidth = min(bandwidth, point.cpu_cores * CORE_BANDWIDTH_BYTES_PER_S)
    return DeviceRates(bandwidth, gemm, wide, compute_format)
