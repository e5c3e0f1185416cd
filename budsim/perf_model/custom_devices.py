"""Devices that a user describes: validation of the file behind ``budsim hardware add FILE``.

YAML or JSON; one device, a list of devices, or ``devices:`` with a list. The smallest useful entry:

    devices:
    - name: Acme X1                  # as the cluster reports it; further spellings go to ``aliases``
      device_type: cuda              # cuda, rocm, hpu, cpu
      memory_gb: 96                  # GB (1e9 bytes) that the driver reports; not for CPUs, whose memory is the node's
      memory_bandwidth_gb_s: 4000    # GB/s, one device (one socket)
      bf16_tflops: 800               # dense, not sparse; at least one of bf16_tflops, fp16_tflops, fp32_tflops

Optional: ``vendor``, ``architecture``, ``compute_capability``, ``source``; ``fp32_tflops``, ``tf32_tflops``,
``fp16_tflops``, ``fp8_tflops``, ``int8_tops``, ``fp4_tflops``; ``link_type``, ``link_gb_s`` (one direction, per
device), ``link_group_size``, ``pcie_gb_s`` (one direction); ``devices_per_node``, ``num_units`` (SMs, CUs, cores),
``numa_domains``, ``tdp_watts``, ``price_usd``, ``usd_per_hour``; ``aliases`` and ``pci_ids`` (lists).
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.hardware_catalog import FLOP_FORMATS, DeviceSpec
from budsim.perf_model.hardware_names import MAX_NAME_CHARS, normalize_pci_id, parse_device_name

MAX_CUSTOM_DEVICES = 1000
CUSTOM_DEVICE_TYPES = ("cuda", "rocm", "hpu", "cpu")

_TFLOPS_FIELDS = {("int8_tops" if fmt == "int8" else f"{fmt}_tflops"): fmt for fmt in FLOP_FORMATS}
# Upper bounds catch a wrong unit (bytes for GB, GFLOP/s for TFLOP/s): about 30 times the largest device of 2026.
_MAX_VALUE = {
    "memory_gb": 10_000.0,
    "memory_bandwidth_gb_s": 300_000.0,
    "link_gb_s": 30_000.0,
    "pcie_gb_s": 4_000.0,
    "tdp_watts": 50_000.0,
    "price_usd": 3e6,
    "usd_per_hour": 1_000.0,
    **dict.fromkeys(_TFLOPS_FIELDS, 500_000.0),
}
_MAX_COUNT = {"devices_per_node": 1024, "link_group_size": 100_000, "num_units": 100_000, "numa_domains": 64}
_TEXT_FIELDS = ("name", "device_type", "vendor", "architecture", "compute_capability", "link_type", "source")
_LIST_FIELDS = ("aliases", "pci_ids")
_ALL_FIELDS = (*_TEXT_FIELDS, *_LIST_FIELDS, *_MAX_VALUE, *_MAX_COUNT)


def custom_device_entries(document: Any) -> list[Mapping[str, Any]]:
    """Return the device entries of a loaded file.

    Raises:
        InvalidRequestError: It holds something else.
    """
    entries = document.get("devices", [document]) if isinstance(document, Mapping) else document
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, Mapping) for entry in entries):
        raise _error("devices", "the file must hold a list of devices, each with name, device_type and its figures")
    if len(entries) > MAX_CUSTOM_DEVICES:
        raise _error("devices", f"at most {MAX_CUSTOM_DEVICES} devices, not {len(entries)}")
    return entries


def parse_custom_device(entry: Mapping[str, Any]) -> DeviceSpec:
    """Validate one entry and turn it into a row.

    Raises:
        InvalidRequestError: A field is missing, unknown or has a value that cannot be; the error names it.
    """
    _check_field_names(entry)
    texts = {field: _text(entry, field) for field in _TEXT_FIELDS}
    values = {field: _value(entry, field, limit) for field, limit in _MAX_VALUE.items()}
    counts = {field: _count(entry, field, limit) for field, limit in _MAX_COUNT.items()}
    name, device_type = texts["name"], texts["device_type"]
    if not name or not parse_device_name(name).family:
        raise _error("name", "every device needs a name that says which device it is")
    if device_type not in CUSTOM_DEVICE_TYPES:
        raise _error("device_type", f"write one of {', '.join(CUSTOM_DEVICE_TYPES)}", name)
    memory_gb, bandwidth_gb_s = values["memory_gb"], values["memory_bandwidth_gb_s"]
    if bandwidth_gb_s is None:
        raise _error("memory_bandwidth_gb_s", "is needed: GB/s of one device", name)
    if (memory_gb is None) != (device_type == "cpu"):
        raise _error("memory_gb", "is needed for accelerators and not taken for CPUs (the node has the memory)", name)
    return DeviceSpec(
        name=name,
        vendor=texts["vendor"] or "custom",
        device_type=device_type,
        architecture=texts["architecture"] or "custom",
        memory_bytes=None if memory_gb is None else round(memory_gb * 1e9),
        nominal_memory_gb=memory_gb,
        memory_bandwidth_bytes_per_s=bandwidth_gb_s * 1e9,
        peak_flops=_peak_flops(values, name),
        link_type=texts["link_type"],
        link_bytes_per_s=_giga(values["link_gb_s"]),
        link_group_size=counts["link_group_size"],
        pcie_bytes_per_s=_giga(values["pcie_gb_s"]),
        devices_per_node_typical=counts["devices_per_node"] or (1 if device_type == "cpu" else 8),
        num_units=counts["num_units"],
        numa_domains=counts["numa_domains"],
        numa_domain_options=(counts["numa_domains"],) if counts["numa_domains"] else (),
        tdp_watts=values["tdp_watts"],
        price_usd=values["price_usd"],
        usd_per_hour=values["usd_per_hour"],
        aliases=_names(entry, "aliases"),
        pci_ids=_pci_ids(entry, name),
        compute_capability=texts["compute_capability"],
        confidence="medium",
        sources={"*": texts["source"] or "described by the user"},
        is_custom=True,
    )


def _peak_flops(values: Mapping[str, float | None], name: str) -> dict[str, float]:
    peaks = {fmt: tflops * 1e12 for field, fmt in _TFLOPS_FIELDS.items() if (tflops := values[field]) is not None}
    if not peaks.keys() & {"bf16", "fp16", "fp32"}:
        raise _error("bf16_tflops", "is needed (or fp16_tflops or fp32_tflops): dense TFLOP/s of one device", name)
    if "bf16" in peaks and peaks.get("fp8", math.inf) < peaks["bf16"]:
        raise _error("fp8_tflops", "is below bf16_tflops; give both dense", name)
    return peaks


def _check_field_names(entry: Mapping[str, Any]) -> None:
    for field in entry:
        if field not in _ALL_FIELDS:
            near = difflib.get_close_matches(str(field), _ALL_FIELDS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise _error(str(field)[:60], f"is not a field of a device{hint}", str(entry.get("name"))[:60])


def _text(entry: Mapping[str, Any], field: str) -> str | None:
    text = entry.get(field)
    if text is None:
        return None
    return _checked_text(text, field, entry)


def _names(entry: Mapping[str, Any], field: str) -> tuple[str, ...]:
    names = entry.get(field) or []
    if not isinstance(names, list) or len(names) > MAX_CUSTOM_DEVICES:
        raise _error(field, "must be a list of texts", entry.get("name"))
    return tuple(_checked_text(name, field, entry) for name in names)


def _checked_text(text: Any, field: str, entry: Mapping[str, Any]) -> str:
    if not isinstance(text, str) or not text.strip() or len(text) > MAX_NAME_CHARS or not text.isprintable():
        raise _error(field, f"must be a text of 1 to {MAX_NAME_CHARS} printable characters", entry.get("name"))
    return text.strip()


def _pci_ids(entry: Mapping[str, Any], name: str) -> tuple[str, ...]:
    ids = [normalize_pci_id(text) for text in _names(entry, "pci_ids")]
    if None in ids:
        raise _error("pci_ids", "must be a list of vendor:device in hex, quoted, as '10de:2330'", name)
    return tuple(pci_id for pci_id in ids if pci_id)


def _value(entry: Mapping[str, Any], field: str, limit: float) -> float | None:
    value = entry.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= limit:  # NaN fails too
        raise _error(field, f"must be a number above 0 and at most {limit:g}, not {value!r:.40}", entry.get("name"))
    return float(value)


def _count(entry: Mapping[str, Any], field: str, limit: int) -> int | None:
    count = entry.get(field)
    if count is None:
        return None
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= limit:
        raise _error(field, f"must be a whole number from 1 to {limit}, not {count!r:.40}", entry.get("name"))
    return count


def _giga(value: float | None) -> float | None:
    return None if value is None else value * 1e9


def _error(field: str, what: str, device: Any = None) -> InvalidRequestError:
    of_device = f" of device {str(device)[:60]!r}" if device else ""
    return InvalidRequestError(f"{field}{of_device}: {what}", {"field": field})
