"""The cluster document that the platform stores, read into typed values.

Tolerant of what cannot hurt (extra keys, one cluster instead of a list, JSON inside a JSON string), strict about what
would silently become a wrong number: a field of the wrong type is an error that carries its path, such as
``clusters[0].nodes[1].devices[0].available_count``. One unreadable cluster never hides the others.

Sizes on the wire are GB (1e9 bytes) and GB/s; they become bytes and bytes/s here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from budsim.commons.device_utils import normalize_device_type
from budsim.commons.errors import InvalidRequestError, PayloadTooLargeError
from budsim.simulator.hardware import PRICE_BASES, OnPremTerms, PriceBasis, check_on_prem

GB = 1e9
# Limits of one document. A large fleet (1,000 nodes x 16 entries) is about 10 MB of JSON.
MAX_DOCUMENT_BYTES = 32 * 2**20
MAX_CLUSTERS = 1_000
MAX_NODES_PER_CLUSTER = 5_000
MAX_DEVICES_PER_NODE = 256
MAX_TEXT_LENGTH = 255
MAX_PRICES = 1_000
# Largest figure of one device entry, in the unit of its field: far beyond any machine, within the database's integers.
MAX_DEVICES_PER_ENTRY = 1024
MAX_MEMORY_GB = 100_000.0
MAX_CORES = 100_000.0
MAX_SOCKETS = 64.0
MAX_FIGURE = 1_000_000.0  # TFLOPS, GB/s, percent
_LIMITS = {
    "available_count": MAX_DEVICES_PER_ENTRY,
    "count": MAX_DEVICES_PER_ENTRY,
    "mem_per_GPU_in_GB": MAX_MEMORY_GB,
    "memory_gb": MAX_MEMORY_GB,
    "memory": MAX_MEMORY_GB,
    "memory_allocated_gb": MAX_MEMORY_GB,
    "utilized_memory_gb": MAX_MEMORY_GB,
    "cores": MAX_CORES,
    "physical_cores": MAX_CORES,
    "utilized_cores": MAX_CORES,
    "socket_count": MAX_SOCKETS,
}

# What the platform's schema fills in when a payload had no figure; not a datasheet of anything.
_INJECTED_PEAK_FP16_TFLOPS = 10.0
_INJECTED_HBM_GB_PER_S = 100.0
# What the platform writes for every GPU (200), every CPU (100) and as its schema's default (10): not a measurement.
_INJECTED_INTER_NODE_GB_PER_S = frozenset({10.0, 100.0, 200.0})


@dataclass(frozen=True, slots=True)
class ClusterDevice:
    """One device entry of a node.

    Attributes:
        device_type: As sent, lower case: cuda | rocm | hpu | cpu | cpu_high | tpu | xpu.
        memory_bytes: Of one device; for CPUs of the whole node.
        memory_allocated_bytes: Taken by other containers (shared GPUs); None = not reported.
        core_utilization_percent: 0–100 or None.
        cores: CPU cores of the whole entry.
        declared_flops: Peak FLOP/s by format, only if the payload really had a datasheet.
        declared_bandwidth_bytes_per_s: Memory bandwidth, only if the payload really had a datasheet.
        inter_node_bytes_per_s: Network per device, only if the payload had another value than the platform's constants.
    """

    device_id: str
    device_type: str
    name: str
    raw_name: str
    model: str | None
    vendor: str | None
    pci_id: str | None
    available_count: int
    memory_bytes: float
    memory_allocated_bytes: float | None = None
    core_utilization_percent: float | None = None
    memory_utilization_percent: float | None = None
    sharing_mode: str | None = None
    cores: int | None = None
    utilized_cores: float = 0.0
    utilized_memory_bytes: float = 0.0
    socket_count: int = 1
    declared_flops: tuple[tuple[str, float], ...] = ()
    declared_bandwidth_bytes_per_s: float | None = None
    inter_node_bytes_per_s: float | None = None

    @property
    def is_cpu(self) -> bool:
        """Whether the entry stands for the CPUs of its node."""
        return self.device_type.startswith("cpu")


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """One machine of a cluster; ``is_ready`` None = not reported, which counts as not ready."""

    node_id: str
    name: str
    is_ready: bool | None
    is_master: bool
    devices: tuple[ClusterDevice, ...]


@dataclass(frozen=True, slots=True)
class ClusterPricing:
    """What a cluster document says about its own prices.

    Attributes:
        usd_per_device_hour: (device name, alias or device type, USD per hour of one device).
        price_basis: Basis of its other devices; None = the request's.
        on_prem: Terms of bought devices; None = the request's.
    """

    usd_per_device_hour: tuple[tuple[str, float], ...] = ()
    price_basis: PriceBasis | None = None
    on_prem: OnPremTerms | None = None


@dataclass(frozen=True, slots=True)
class Cluster:
    """One cluster as the platform describes it."""

    cluster_id: str
    name: str
    nodes: tuple[ClusterNode, ...]
    pricing: ClusterPricing = field(default_factory=ClusterPricing)


@dataclass(frozen=True, slots=True)
class ClusterProblem:
    """A cluster that could not be read.

    Attributes:
        path: Where in the document, e.g. ``clusters[0].nodes[1].devices[0].available_count``.
        cluster_id: Of the unreadable cluster, if that much could be read.
    """

    path: str
    reason: str
    cluster_id: str | None = None


class _FieldError(Exception):
    """A field of the wrong type, with its path; becomes a ``ClusterProblem``."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


def parse_clusters(document: object) -> tuple[tuple[Cluster, ...], tuple[ClusterProblem, ...]]:
    """Read a cluster document.

    Args:
        document: A list of clusters, one cluster object, an object with a ``clusters`` list, or any of these as JSON
            text.

    Returns:
        The clusters that could be read, and what is wrong with the others.

    Raises:
        InvalidRequestError: The document as a whole is not a list of clusters.
        PayloadTooLargeError: The document passes a size limit.
    """
    entries = cluster_entries(document)
    if len(entries) > MAX_CLUSTERS:
        raise PayloadTooLargeError(
            f"{len(entries)} clusters are over the limit of {MAX_CLUSTERS}.", {"field": "clusters"}
        )
    clusters: list[Cluster] = []
    problems: list[ClusterProblem] = []
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        path = f"clusters[{index}]"
        try:
            cluster = _parse_cluster(entry, path)
            if cluster.cluster_id in seen:
                raise _FieldError(f"{path}.id", f"cluster id {cluster.cluster_id!r} appears twice")
        except _FieldError as error:
            known_id = entry.get("id") if isinstance(entry, Mapping) else None
            problems.append(
                ClusterProblem(error.path, error.reason, str(known_id)[:MAX_TEXT_LENGTH] if known_id else None)
            )
            continue
        seen.add(cluster.cluster_id)
        clusters.append(cluster)
    return tuple(clusters), tuple(problems)


def cluster_entries(document: object) -> Sequence[Any]:
    """Return the clusters of a document as they were sent, readable or not.

    Raises:
        InvalidRequestError: The document as a whole is not a list of clusters.
        PayloadTooLargeError: It passes the size limit.
    """
    # A state store may return the list as text, and older writers stored that text JSON-encoded once more.
    for _ in range(2):
        if not isinstance(document, str | bytes | bytearray):
            break
        if len(document) > MAX_DOCUMENT_BYTES:
            raise PayloadTooLargeError(
                f"The cluster document is over {MAX_DOCUMENT_BYTES} bytes.", {"field": "clusters"}
            )
        try:
            document = json.loads(document)
        except (ValueError, RecursionError) as error:
            raise InvalidRequestError(f"The cluster document is not JSON: {error}.", {"field": "clusters"}) from error
    if isinstance(document, Mapping):
        if "nodes" not in document and isinstance(document.get("clusters"), list):
            document = document["clusters"]
        else:
            document = [document]
    if not isinstance(document, list | tuple):
        kind = type(document).__name__
        raise InvalidRequestError(
            f"The cluster document must be a list of clusters, not {kind}.", {"field": "clusters"}
        )
    return document


def _parse_cluster(entry: object, path: str) -> Cluster:
    fields = _mapping(entry, path)
    cluster_id = _text(fields, "id", path)
    nodes = _list(fields, "nodes", path, MAX_NODES_PER_CLUSTER)
    parsed = tuple(_parse_node(node, f"{path}.nodes[{index}]") for index, node in enumerate(nodes))
    ids = [node.node_id for node in parsed]
    for index, node_id in enumerate(ids):
        if node_id in ids[:index]:
            raise _FieldError(f"{path}.nodes[{index}].id", f"node id {node_id!r} appears twice")
    return Cluster(cluster_id, _text(fields, "name", path, default=cluster_id), parsed, _parse_pricing(fields, path))


def _parse_pricing(fields: Mapping[str, Any], path: str) -> ClusterPricing:
    prices = fields.get("usd_per_device_hour")
    entries = {} if prices is None else _mapping(prices, f"{path}.usd_per_device_hour")
    if len(entries) > MAX_PRICES:
        raise _FieldError(f"{path}.usd_per_device_hour", f"has {len(entries)} entries, the limit is {MAX_PRICES}")
    own = []
    for name in entries:
        usd = _number(entries, name, f"{path}.usd_per_device_hour")
        if usd is None or usd <= 0:
            raise _FieldError(f"{path}.usd_per_device_hour.{str(name)[:40]}", "must be USD per hour above 0")
        own.append((str(name), usd))
    basis = _optional_text(fields, "price_basis", path)
    if basis is not None and basis not in PRICE_BASES[1:]:
        raise _FieldError(f"{path}.price_basis", f"must be one of {', '.join(PRICE_BASES[1:])}, not {basis[:40]!r}")
    return ClusterPricing(tuple(sorted(own)), basis, _parse_on_prem(fields, path))


def _parse_on_prem(fields: Mapping[str, Any], path: str) -> OnPremTerms | None:
    if fields.get("on_prem") is None:
        return None
    given = _mapping(fields["on_prem"], f"{path}.on_prem")
    names = ("amortisation_years", "utilization", "usd_per_kwh", "pue")
    stated = {name: value for name in names if (value := _number(given, name, f"{path}.on_prem")) is not None}
    terms = OnPremTerms(**stated)
    try:
        check_on_prem(terms)
    except InvalidRequestError as error:
        raise _FieldError(f"{path}.{(error.param or {}).get('field', 'on_prem')}", error.message) from error
    return terms


def _parse_node(entry: object, path: str) -> ClusterNode:
    fields = _mapping(entry, path)
    name = _text(fields, "name", path, default=None) if fields.get("name") is not None else None
    node_id = _text(fields, "id", path, default=name)
    devices = _list(fields, "devices", path, MAX_DEVICES_PER_NODE)
    return ClusterNode(
        node_id=node_id,
        name=name or node_id,
        is_ready=_flag(fields, "status", path),
        is_master=_flag(fields, "is_master", path) or False,
        devices=tuple(
            _parse_device(device, f"{path}.devices[{index}]", f"{node_id}/{index}")
            for index, device in enumerate(devices)
        ),
    )


def _parse_device(entry: object, path: str, fallback_id: str) -> ClusterDevice:
    fields = _mapping(entry, path)
    name = _text(fields, "name", path, default=fields.get("raw_name") or None)
    device_type = _device_type(fields, path)
    declared = _declared_flops(fields, path)
    bandwidth = _number(fields, "hbm_bandwidth_in_GB_per_sec", path)
    if declared.get("fp16") == _INJECTED_PEAK_FP16_TFLOPS * 1e12 and bandwidth in (None, _INJECTED_HBM_GB_PER_S):
        declared, bandwidth = {}, None
    inter_node = _number(fields, "inter_node_bandwidth_in_GB_per_sec", path)
    allocated = _number(fields, "memory_allocated_gb", path)
    cores = _number(fields, "cores", path) or _number(fields, "physical_cores", path)
    return ClusterDevice(
        device_id=_text(fields, "device_uuid", path, default=fallback_id),
        device_type=device_type,
        name=name,
        raw_name=_text(fields, "raw_name", path, default=name),
        model=_optional_text(fields, "device_model", path) or _optional_text(fields, "model", path),
        vendor=_optional_text(fields, "vendor", path),
        pci_id=_pci_id(fields, path),
        available_count=_count(fields, "available_count", path),
        memory_bytes=_memory_bytes(fields, path),
        memory_allocated_bytes=None if allocated is None else allocated * GB,
        core_utilization_percent=_first(fields, ("core_utilization_percent", "cores_allocated_percent"), path),
        memory_utilization_percent=_number(fields, "memory_utilization_percent", path),
        sharing_mode=_optional_text(fields, "hardware_mode", path),
        cores=int(cores) if cores else None,
        utilized_cores=_number(fields, "utilized_cores", path) or 0.0,
        utilized_memory_bytes=(_number(fields, "utilized_memory_gb", path) or 0.0) * GB,
        socket_count=max(1, int(_number(fields, "socket_count", path) or 1)),
        declared_flops=tuple(sorted(declared.items())),
        declared_bandwidth_bytes_per_s=bandwidth * GB if bandwidth else None,
        inter_node_bytes_per_s=None
        if inter_node in _INJECTED_INTER_NODE_GB_PER_S | {None, 0.0}
        else float(inter_node or 0) * GB,
    )


def _device_type(fields: Mapping[str, Any], path: str) -> str:
    written = _text(fields, "type", path)
    vendor = _optional_text(fields, "vendor", path) or _optional_text(fields, "pci_vendor", path)
    try:
        return normalize_device_type(written, vendor)
    except InvalidRequestError:
        # Not an error of the document: the device is listed as dropped, with its type, and the rest is used.
        return written.strip().lower()


def _declared_flops(fields: Mapping[str, Any], path: str) -> dict[str, float]:
    wire_names = {"fp16": "peak_fp16_TFLOPS", "int8": "peak_i8_TFLOPS"}
    tflops = {key: _number(fields, name, path) for key, name in wire_names.items()}
    return {key: value * 1e12 for key, value in tflops.items() if value}


def _memory_bytes(fields: Mapping[str, Any], path: str) -> float:
    gigabytes = _first(fields, ("mem_per_GPU_in_GB", "memory_gb", "memory"), path)
    if gigabytes is None:
        raise _FieldError(f"{path}.mem_per_GPU_in_GB", "is missing; state the memory of one device in GB")
    return gigabytes * GB


def _pci_id(fields: Mapping[str, Any], path: str) -> str | None:
    vendor, device = _optional_text(fields, "pci_vendor", path), _optional_text(fields, "pci_device", path)
    if not vendor or not device:
        return None
    return f"{vendor.lower().removeprefix('0x')}:{device.lower().removeprefix('0x')}"


def _mapping(value: object, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _FieldError(path, f"must be an object, not {type(value).__name__}")
    return value


def _list(fields: Mapping[str, Any], name: str, path: str, limit: int) -> Sequence[Any]:
    value = fields.get(name)
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise _FieldError(f"{path}.{name}", f"must be a list, not {type(value).__name__}")
    if len(value) > limit:
        raise _FieldError(f"{path}.{name}", f"has {len(value)} entries, the limit is {limit}")
    return value


def _text(fields: Mapping[str, Any], name: str, path: str, default: str | None = None) -> str:
    value = fields.get(name)
    if value is None or value == "":
        value = default
    if value is None:
        raise _FieldError(f"{path}.{name}", "is missing")
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise _FieldError(f"{path}.{name}", f"must be text, not {type(value).__name__}")
    text = str(value)
    if len(text) > MAX_TEXT_LENGTH:
        raise _FieldError(f"{path}.{name}", f"has {len(text)} characters, the limit is {MAX_TEXT_LENGTH}")
    return text


def _optional_text(fields: Mapping[str, Any], name: str, path: str) -> str | None:
    return _text(fields, name, path) if fields.get(name) not in (None, "") else None


def _flag(fields: Mapping[str, Any], name: str, path: str) -> bool | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise _FieldError(f"{path}.{name}", f"must be true or false, not {str(value)[:40]!r}")
    return value


def _number(fields: Mapping[str, Any], name: str, path: str) -> float | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    try:
        number = float(value) if not isinstance(value, bool | list | dict) else math.nan
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise _FieldError(f"{path}.{name}", f"must be a number >= 0, not {str(value)[:40]!r}")
    limit = _LIMITS.get(name, MAX_FIGURE)
    if number > limit:
        raise _FieldError(f"{path}.{name}", f"must be at most {limit:,.0f}, not {number:g}")
    return number


def _first(fields: Mapping[str, Any], names: Sequence[str], path: str) -> float | None:
    values = (_number(fields, name, path) for name in names)
    return next((value for value in values if value is not None), None)


def _count(fields: Mapping[str, Any], name: str, path: str) -> int:
    number = _number(fields, name, path)
    if number is None:
        number = _first(fields, ("count",), path)
    if number is None:
        raise _FieldError(f"{path}.{name}", "is missing")
    if number != int(number):
        raise _FieldError(f"{path}.{name}", f"must be a whole number, not {number!r}")
    return int(number)
