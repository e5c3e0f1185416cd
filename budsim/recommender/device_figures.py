"""Figures of one device as recommendations show them: 16-bit peak, label, capability, the old price index. Pure."""

from __future__ import annotations

import math

from budsim.perf_model.hardware_catalog import DeviceSpec

# The platform's fit over its list prices, 10^(c + sum of exponent x log10): a relative index, not USD.
_INDEX_INTERCEPT, _INDEX_TFLOPS, _INDEX_MEMORY_GB, _INDEX_BANDWIDTH = -3.46, -0.05, 0.49, 1.03


def bf16_tflops(device: DeviceSpec) -> float | None:
    """Return the dense 16-bit peak, 1e12 FLOP/s: bf16, else fp16, else fp32; None when none is known."""
    for name in ("bf16", "fp16", "fp32"):
        if device.peak_flops.get(name):
            return device.peak_flops[name] / 1e12
    return None


def memory_gb(device: DeviceSpec) -> float | None:
    """Return the label's capacity, GB, else what the driver reports; None for CPU sockets."""
    if device.nominal_memory_gb is not None:
        return float(device.nominal_memory_gb)
    return None if device.memory_bytes is None else device.memory_bytes / 1e9


def compute_capability(device: DeviceSpec) -> str | None:
    """Return CUDA's capability as ``9.0``, AMD's target as ``gfx942``; None where there is none."""
    name = device.compute_capability
    if name is None or not name.startswith("sm_"):
        return name
    digits = name.removeprefix("sm_").rstrip("abcdef")
    return f"{digits[:-1]}.{digits[-1]}"


def price_index(device: DeviceSpec) -> float | None:
    """Return the platform's price indicator, two decimals; None where a figure of it is not known.

    Source: the platform's own formula over TFLOPS (dense bf16), GB and GB/s; 5.71 for an A100 of 80 GB.
    """
    tflops, capacity_gb = bf16_tflops(device), memory_gb(device)
    if not tflops or not capacity_gb:
        return None
    exponent = (
        _INDEX_INTERCEPT
        + _INDEX_TFLOPS * math.log10(tflops)
        + _INDEX_MEMORY_GB * math.log10(capacity_gb)
        + _INDEX_BANDWIDTH * math.log10(device.memory_bandwidth_bytes_per_s / 1e9)
    )
    return round(10**exponent, 2)
