"""Device datasheets and how names are matched to them.

The rows come from ``hardware_catalog.yaml`` (every value there names its sources) and from the user's own file. All
sizes are bytes, FLOP/s are dense with fp32 accumulation, links count one direction of one device.

Matching fails closed: a name either agrees with a row's family, form factor and memory, or it is unknown.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from budsim.commons.device_utils import normalize_device_type
from budsim.commons.errors import InvalidRequestError, UnknownHardwareError
from budsim.perf_model.hardware_names import (
    MAX_NAME_CHARS,
    DeviceName,
    compact_name,
    normalize_pci_id,
    parse_device_name,
    trailing_memory,
    without_trailing_count,
)

DEVICE_TYPES = ("cuda", "rocm", "hpu", "cpu", "xpu", "tpu")
FLOP_FORMATS = ("fp32", "tf32", "bf16", "fp16", "fp8", "int8", "fp4")

STATED_MEMORY_TOLERANCE = 0.015  # a name's "80GB" against a row; below the 2 % between H100 NVL 94 and 96 GB parts
REPORTED_MEMORY_TOLERANCE = 0.15  # GB for GiB is 7 %, ECC and driver reserves up to 6 %; variants differ by > 40 %
_NUM_NEAR_NAMES = 5


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """Datasheet of one device (a GPU, an accelerator card, a CPU socket).

    Attributes:
        name: Catalogue name, unique.
        device_type: cuda | rocm | hpu | cpu | xpu | tpu.
        memory_bytes: What the driver reports; for CPUs None (it comes from the node).
        memory_bandwidth_bytes_per_s: Peak, one device.
        peak_flops: Dense peak FLOP/s by format: keys ``fp32 tf32 bf16 fp16 fp8 int8 fp4``; absent = no hardware
            support, or no known figure.
        link_bytes_per_s: Device-to-device fast link, one direction; None = PCIe only.
        link_group_size: Devices that reach each other over the fast link (2 for a bridge, 1 when it
            leads to the CPU only); None = not known or no link.
        pcie_bytes_per_s: One direction, x16.
        num_units: SMs, CUs, TPCs, Xe cores or CPU cores.
        price_usd: Typical purchase price of one device.
        price_is_estimate: The price is a sibling's or a flat figure, not this device's own.
        usd_per_hour: Cloud on-demand price of one device: the (low) median of the offers that the catalogue lists.
        rates_usd_per_hour: The same for other ways to rent: ``reserved_1y``, ``reserved_3y``, ``spot``; absent = no
            published price is known.
        numa_domains: NUMA domains of one socket as shipped; ``numa_domain_options`` are the BIOS settings.
        form_factors: ``sxm pcie nvl oam``; empty = the device has only one.
        nominal_memory_gb: The capacity on the label, which is what names state.
        confidence: high | medium | low, about capacity, bandwidth and bf16/fp8 peaks.
        low_confidence_fields: Fields recalled, derived, carried over from a sibling or disputed.
        conflicts: The values that sources disagree on, by field.
        sources: Where values come from; key ``*`` is the row, other keys are fields.
    """

    name: str
    vendor: str
    device_type: str
    architecture: str
    memory_bytes: int | None
    memory_bandwidth_bytes_per_s: float
    peak_flops: Mapping[str, float] = field(hash=False)
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
    sources: Mapping[str, str] = field(default_factory=dict, hash=False)
    link_group_size: int | None = None
    price_is_estimate: bool = False
    numa_domain_options: tuple[int, ...] = ()
    form_factors: tuple[str, ...] = ()
    nominal_memory_gb: float | None = None
    release_date: str | None = None
    confidence: str = "high"
    conflicts: Mapping[str, str] = field(default_factory=dict, hash=False)
    is_custom: bool = False
    rates_usd_per_hour: Mapping[str, float] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class DeviceMatch:
    """A catalogue row for a device, and why that one.

    Attributes:
        reason: What was matched, which default was taken, and what contradicts.
        exact: False when the input fits several rows and the documented default was taken.
    """

    spec: DeviceSpec
    reason: str
    exact: bool


@dataclass(frozen=True, slots=True)
class MatchRules:
    """What the catalogue says about names that fit several rows.

    Attributes:
        default_variants: Family -> names of its rows, the preferred first.
        shared_pci_ids: PCI ids that other products carry too: they never identify a device alone.
    """

    default_variants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    shared_pci_ids: frozenset[str] = frozenset()


class HardwareCatalog:
    """Device rows with an index of their names.

    Args:
        devices: Rows; names and aliases must be unique after compaction (:func:`compact_name`).
        rules: Defaults for names that fit several rows.

    Raises:
        InvalidRequestError: Two rows share a name or an alias.
    """

    def __init__(self, devices: Iterable[DeviceSpec], rules: MatchRules | None = None) -> None:
        self.devices = tuple(devices)
        self.rules = rules or MatchRules()
        self._by_name: dict[str, DeviceSpec] = {}
        self._families: dict[str, list[DeviceSpec]] = {}
        self._by_pci_id: dict[str, list[DeviceSpec]] = {}
        for spec in self.devices:
            self._index(spec)
        for family, names in self.rules.default_variants.items():
            preferred = [self.get(name) for name in names]
            self._families[family] = list(dict.fromkeys([*preferred, *self._families.get(family, [])]))

    def get(self, name: str) -> DeviceSpec:
        """Return the row with this catalogue name or alias, without any interpretation.

        Raises:
            UnknownHardwareError: There is none.
        """
        spec = self._by_name.get(compact_name(name))
        if spec is None:
            raise self._unknown(name, "no catalogue row has this name")
        return spec

    def near_names(self, name: str) -> tuple[str, ...]:
        """Return the catalogue names most like ``name``, best first, for error messages only."""
        candidates = {compact_name(spec.name): spec.name for spec in self.devices}
        candidates |= {key: spec.name for key, spec in self._by_name.items()}
        candidates |= {family: rows[0].name for family, rows in self._families.items()}
        wanted = parse_device_name(name)
        if not wanted.family:
            return ()
        near = [spec.name for spec in self._families.get(wanted.family, [])]
        for key in (wanted.family, wanted.compact):
            close = difflib.get_close_matches(key, candidates, n=_NUM_NEAR_NAMES, cutoff=0.6)
            near += [candidates[key] for key in close]
        return tuple(dict.fromkeys(near))[:_NUM_NEAR_NAMES]

    def match(
        self,
        name: str,
        *,
        pci_id: str | None = None,
        memory_bytes: float | None = None,
        device_type: str | None = None,
    ) -> DeviceMatch:
        """Return the row of a device by its name, PCI id and memory.

        The name decides. Memory and PCI id choose among the variants that the name leaves open; a device that reports
        less memory than its datasheet (part of it is in use) still matches by name. The PCI id alone decides when the
        name is generic or not known.

        Args:
            name: Any spelling; a count in front (``8xH100``) is tolerated.
            pci_id: ``vendor:device`` in hex.
            memory_bytes: Memory of one device as its driver reports it.
            device_type: Restricts the rows; aliases as in :func:`normalize_device_type`, ``gpu`` means any but CPUs.

        Raises:
            UnknownHardwareError: Nothing fits; ``near`` lists similar names.
            InvalidRequestError: The name is too long, the memory not positive, or the device type not known.
        """
        _check_arguments(name, memory_bytes)
        pci_rows, pci_note = self._rows_of_pci_id(pci_id)
        wanted = parse_device_name(name)
        named = self._named(wanted, name)
        if not named and (shorter := without_trailing_count(name)) != name:
            wanted = parse_device_name(shorter)
            named = self._named(wanted, shorter)
        allowed_types = _allowed_types(device_type)
        rows = [spec for spec in named or pci_rows if spec.device_type in allowed_types]
        if not rows:
            raise self._unknown(name, self._why_unknown(named or pci_rows, device_type, wanted))
        if not named:
            return _choose(rows, f"PCI id {pci_id}", [], memory_bytes)
        notes = [pci_note] if pci_note else []
        if pci_rows:
            both = [spec for spec in rows if spec in pci_rows]
            if not both:
                notes.append(f"PCI id {pci_id} belongs to {pci_rows[0].name}; the name decides")
            rows = both or rows
        alias_row = self._by_name.get(wanted.compact)
        own_name = wanted.compact != wanted.family  # "NVIDIA H200" is one product's own name, "V100" a family's
        return _choose(rows, f"name {name!r}", notes, memory_bytes, alias_row, alias_is_own_name=own_name)

    def _index(self, spec: DeviceSpec) -> None:
        for spelling in (spec.name, *spec.aliases):
            key = compact_name(spelling)
            other = self._by_name.setdefault(key, spec)
            if other is spec and spec.is_custom:  # a bare family name (H100) belongs to the rows of that family
                other = next((row for row in self._families.get(key, ()) if not row.is_custom), spec)
            if other is not spec:
                msg = f"the device name or alias {spelling!r} of {spec.name!r} is taken by {other.name!r}"
                raise InvalidRequestError(msg, {"field": "aliases", "device": spec.name, "taken_by": other.name})
            rows = self._families.setdefault(parse_device_name(spelling).family, [])
            if spec not in rows:
                rows.append(spec)
        for pci_id in spec.pci_ids:
            self._by_pci_id.setdefault(pci_id, []).append(spec)

    def _named(self, wanted: DeviceName, text: str) -> list[DeviceSpec]:
        """Return the rows that the name leaves open."""
        rows = self._variants(wanted)
        if not rows and (reading := trailing_memory(wanted, text)) is not None:
            rows = self._variants(reading)
        alias_row = self._by_name.get(wanted.compact)
        return rows if alias_row is None or alias_row in rows else [alias_row]

    def _variants(self, wanted: DeviceName) -> list[DeviceSpec]:
        rows = [
            spec
            for spec in (self._families.get(wanted.family, []) if wanted.family else [])
            if (not wanted.vendors or spec.is_custom or spec.vendor in wanted.vendors)
            and (not spec.form_factors or wanted.forms <= set(spec.form_factors))
        ]
        if wanted.memory_gb is None:
            return rows
        labelled = [spec for spec in rows if spec.nominal_memory_gb == wanted.memory_gb]
        return labelled or [spec for spec in rows if _states_memory_of(wanted.memory_gb, spec)]

    def _rows_of_pci_id(self, pci_id: str | None) -> tuple[list[DeviceSpec], str | None]:
        if pci_id is None or not pci_id.strip():
            return [], None
        normalized = normalize_pci_id(pci_id)
        if normalized is None:
            return [], f"PCI id {pci_id[:MAX_NAME_CHARS]!r} is not vendor:device in hex and was ignored"
        if normalized in self.rules.shared_pci_ids:
            return [], f"PCI id {pci_id} is shared by several products"
        return self._by_pci_id.get(normalized, []), None

    def _why_unknown(self, found: Sequence[DeviceSpec], device_type: str | None, wanted: DeviceName) -> str:
        if found:
            return f"it is {found[0].name}, a {found[0].device_type} device, but device_type says {device_type!r}"
        siblings = [spec.name for spec in self._families.get(wanted.family, [])] if wanted.family else []
        if siblings:
            return f"no variant has this vendor, form factor and memory; the catalogue has {', '.join(siblings)}"
        if not wanted.family:
            return "the name says no more than the kind of device"
        return "no catalogue row has this name"

    def _unknown(self, name: str, why: str) -> UnknownHardwareError:
        near = self.near_names(name)
        hint = f" Near names: {', '.join(near)}." if near else ""
        msg = (
            f"Unknown hardware {name[:MAX_NAME_CHARS]!r}: {why}.{hint}"
            " Use a name of `budsim hardware list`, or describe the device in a file for `budsim hardware add FILE`."
        )
        return UnknownHardwareError(msg, near=near, param={"field": "hardware", "near": list(near)})


def _choose(
    rows: Sequence[DeviceSpec],
    given: str,
    notes: Sequence[str],
    memory_bytes: float | None,
    alias_row: DeviceSpec | None = None,
    *,
    alias_is_own_name: bool = False,
) -> DeviceMatch:
    """Choose among the rows that are left by memory, then by alias, then by the catalogue's order of preference."""
    left = list(rows)
    if memory_bytes is not None:
        left = _by_memory(left, memory_bytes)
    spec = alias_row if alias_row is not None and alias_row in left else left[0]
    notes = [*notes, *_memory_notes(spec, memory_bytes)]
    exact = len(left) == 1 or (spec is alias_row and alias_is_own_name)
    if not exact:
        others = ", ".join(other.name for other in left if other is not spec)
        notes.insert(0, f"default variant; also fits {others}")
    return DeviceMatch(spec, "; ".join([f"{given} is {spec.name}", *notes]), exact)


def _by_memory(rows: list[DeviceSpec], memory_bytes: float) -> list[DeviceSpec]:
    """Keep the variants whose memory fits; part-used devices keep those that are large enough."""
    fitting = [spec for spec in rows if _reports_memory_of(memory_bytes, spec)]
    large_enough = [spec for spec in rows if spec.memory_bytes is None or spec.memory_bytes >= memory_bytes]
    return fitting or large_enough or rows


def _memory_notes(spec: DeviceSpec, memory_bytes: float | None) -> list[str]:
    if memory_bytes is None or spec.memory_bytes is None or _reports_memory_of(memory_bytes, spec):
        return []
    return [f"{memory_bytes / 1e9:.1f} GB given, {spec.memory_bytes / 1e9:.1f} GB in the catalogue; the name decides"]


def _reports_memory_of(memory_bytes: float, spec: DeviceSpec) -> bool:
    return spec.memory_bytes is not None and abs(memory_bytes / spec.memory_bytes - 1) <= REPORTED_MEMORY_TOLERANCE


def _states_memory_of(memory_gb: float, spec: DeviceSpec) -> bool:
    sizes_gb = [spec.nominal_memory_gb] if spec.nominal_memory_gb else []
    if spec.memory_bytes:
        sizes_gb += [spec.memory_bytes / 1e9, spec.memory_bytes / 2**30]
    return any(abs(memory_gb / size_gb - 1) <= STATED_MEMORY_TOLERANCE for size_gb in sizes_gb)


def _allowed_types(device_type: str | None) -> frozenset[str]:
    if device_type is None:
        return frozenset(DEVICE_TYPES)
    if device_type.strip().lower() in {"gpu", "accelerator"}:
        return frozenset(DEVICE_TYPES) - {"cpu"}
    normalized = normalize_device_type(device_type)
    return frozenset({"cpu" if normalized.startswith("cpu") else normalized})


def _check_arguments(name: str, memory_bytes: float | None) -> None:
    if not isinstance(name, str) or len(name) > MAX_NAME_CHARS:
        msg = f"hardware must be a device name of at most {MAX_NAME_CHARS} characters"
        raise InvalidRequestError(msg, {"field": "hardware"})
    if memory_bytes is not None and not (math.isfinite(memory_bytes) and memory_bytes > 0):
        msg = f"memory_bytes must be a positive number, not {memory_bytes}; leave it out when it is not known"
        raise InvalidRequestError(msg, {"field": "memory_bytes"})


# ------------------------------------------------------------------------------------------------ the catalogue's file


def parse_catalog(document: Mapping[str, Any]) -> tuple[DeviceSpec, ...]:
    """Turn the loaded ``hardware_catalog.yaml`` into rows.

    Args:
        document: Keys ``devices``, ``sources`` (id -> text), ``pcie_gb_per_s`` (generation -> one direction, x16).

    Raises:
        InvalidRequestError: A row lacks a field or has one of the wrong kind.
    """
    rows: dict[str, DeviceSpec] = {}
    for entry in document["devices"]:
        try:
            rows[entry["name"]] = _parse_row(entry, document)
        except (KeyError, TypeError, ValueError) as error:
            name = entry.get("name") if isinstance(entry, Mapping) else entry
            msg = f"hardware catalogue: device {name!r}: {type(error).__name__}: {error}"
            raise InvalidRequestError(msg, {"field": "devices", "device": str(name)}) from error
    for entry in document["devices"]:
        sibling = entry.get("price_as")
        if sibling:
            rows[entry["name"]] = _priced_as(rows[entry["name"]], rows[sibling])
    return tuple(rows.values())


def parse_match_rules(document: Mapping[str, Any]) -> MatchRules:
    """Read ``default_variants`` and ``shared_pci_ids`` of the catalogue's file."""
    return MatchRules(
        default_variants={family: tuple(names) for family, names in document.get("default_variants", {}).items()},
        shared_pci_ids=frozenset(document.get("shared_pci_ids", ())),
    )


def _parse_row(entry: Mapping[str, Any], document: Mapping[str, Any]) -> DeviceSpec:
    memory = entry.get("memory", {})
    link = entry.get("link", {})
    price = entry.get("price", {})
    pcie = entry.get("pcie_gb_per_s") or document["pcie_gb_per_s"].get(entry.get("pcie_gen"))
    offers = entry.get("offers_usd_per_hour", {})
    return DeviceSpec(
        name=entry["name"],
        vendor=entry["vendor"],
        device_type=entry["type"],
        architecture=entry["architecture"],
        memory_bytes=_memory_bytes(memory),
        nominal_memory_gb=memory.get("nominal_gb"),
        memory_bandwidth_bytes_per_s=float(entry["bandwidth_gb_per_s"]) * 1e9,
        peak_flops={fmt: float(tflops) * 1e12 for fmt, tflops in entry["tflops"].items()},
        link_type=link.get("type"),
        link_bytes_per_s=_giga(link.get("gb_per_s")),
        link_group_size=link.get("group"),
        pcie_bytes_per_s=_giga(pcie),
        devices_per_node_typical=entry.get("per_node", 8),
        num_units=entry.get("units"),
        tdp_watts=entry.get("tdp_w"),
        price_usd=price.get("usd"),
        price_is_estimate=bool(price.get("flat")),
        usd_per_hour=sorted(offers.values())[(len(offers) - 1) // 2] if offers else None,
        aliases=tuple(entry.get("aliases", ())),
        pci_ids=tuple(entry.get("pci_ids", ())),
        compute_capability=entry.get("capability"),
        numa_domains=entry.get("numa", (None,))[0],
        numa_domain_options=tuple(entry.get("numa", ())),
        form_factors=tuple(entry.get("form", ())),
        release_date=entry.get("released"),
        confidence=entry.get("confidence", "high"),
        low_confidence_fields=tuple(entry.get("doubtful", ())),
        conflicts=dict(entry.get("conflicts", {})),
        sources=_row_sources(entry, document["sources"]),
    )


def _memory_bytes(memory: Mapping[str, Any]) -> int | None:
    if "reported_mib" in memory:
        return int(memory["reported_mib"]) * 2**20
    if "reported_bytes" in memory:
        return int(memory["reported_bytes"])
    return round(float(memory["assumed_gb"]) * 1e9) if "assumed_gb" in memory else None


def _row_sources(entry: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, str]:
    sources = {"*": "; ".join(texts[key] for key in entry.get("sources", ()))}
    if "assumed_gb" in entry.get("memory", {}):
        sources["memory_bytes"] = texts["assumed_memory"]
    if "price" in entry:
        sources["price_usd"] = texts[entry["price"]["source"]]
    offers = entry.get("offers_usd_per_hour", {})
    if offers:
        listed = ", ".join(f"{provider} {usd}" for provider, usd in offers.items())
        sources["usd_per_hour"] = f"low median of on-demand offers: {listed} ({texts['offers']})"
    return sources


def _priced_as(spec: DeviceSpec, sibling: DeviceSpec) -> DeviceSpec:
    text = f"as {sibling.name}, the nearest device with a known price"
    return replace(
        spec,
        price_usd=spec.price_usd or sibling.price_usd,
        usd_per_hour=spec.usd_per_hour or sibling.usd_per_hour,
        price_is_estimate=True,
        low_confidence_fields=tuple(dict.fromkeys([*spec.low_confidence_fields, "price_usd", "usd_per_hour"])),
        sources={**spec.sources, "price_usd": text, "usd_per_hour": text},
    )


def _giga(value: float | None) -> float | None:
    return None if value is None else float(value) * 1e9
