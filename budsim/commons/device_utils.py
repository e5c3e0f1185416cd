"""Device types: the words that clusters use -> ``cuda rocm hpu cpu cpu_high`` (and ``xpu tpu``)."""

from __future__ import annotations

import re

from budsim.commons.errors import InvalidRequestError

KNOWN_DEVICE_TYPES = ("cuda", "rocm", "hpu", "cpu", "cpu_high", "xpu", "tpu")

_ALIASES = {
    "nvidia": "cuda",
    "nvidia_gpu": "cuda",
    "amd": "rocm",
    "amd_gpu": "rocm",
    "hip": "rocm",
    "gaudi": "hpu",
    "habana": "hpu",
    "cpuhigh": "cpu_high",
    "intel_gpu": "xpu",
}
_GENERIC = frozenset({"gpu", "accelerator"})
# The platform's rule for a generic GPU: Intel's are Gaudi cards, and a vendor it does not know is NVIDIA.
_GPU_TYPE_OF_VENDOR = {"nvidia": "cuda", "amd": "rocm", "ati": "rocm", "intel": "hpu", "habana": "hpu"}
_DEFAULT_GPU_TYPE = "cuda"
# PCI vendor ids stand where a vendor's name is missing.
_VENDOR_OF_PCI_ID = {"10de": "nvidia", "1002": "amd", "8086": "intel", "1da3": "habana"}


def normalize_device_type(device_type: str, vendor: str | None = None) -> str:
    """Return the device type that BudSim uses for what a cluster or a request calls it.

    ``cpu_high`` (Intel with AMX or AVX2) stays apart from ``cpu``; any other word that starts with ``cpu`` is ``cpu``.

    Args:
        device_type: As the cluster says it, any case.
        vendor: Vendor name or PCI vendor id; decides what the generic word ``gpu`` means.

    Raises:
        InvalidRequestError: The type is not known.
    """
    word = str(device_type).strip().lower().replace("-", "_").replace(" ", "_")
    if word in KNOWN_DEVICE_TYPES:
        return word
    if word in _ALIASES:
        return _ALIASES[word]
    if word.startswith("cpu"):
        return "cpu"
    if word in _GENERIC:
        return _gpu_type(vendor)
    msg = f"device_type {str(device_type)[:60]!r} is not known; use one of {', '.join(KNOWN_DEVICE_TYPES)}"
    raise InvalidRequestError(msg, {"field": "device_type"})


def matches_device_type(engine_device: str, group_device: str) -> bool:
    """Return whether an engine built for one device type runs on a group of another; all CPU types are one here."""
    return _engine_type(engine_device) == _engine_type(group_device)


def _engine_type(device_type: str) -> str:
    normalized = normalize_device_type(device_type)
    return "cpu" if normalized == "cpu_high" else normalized


def _gpu_type(vendor: str | None) -> str:
    words = re.findall(r"[a-z0-9]+", (vendor or "").lower().removeprefix("0x"))
    for word in words:
        device_type = _GPU_TYPE_OF_VENDOR.get(_VENDOR_OF_PCI_ID.get(word, word))
        if device_type is not None:
            return device_type
    return _DEFAULT_GPU_TYPE
