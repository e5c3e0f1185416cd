"""Write ``budsim/perf_model/hardware_catalog.yaml`` from a table of device facts.

    python scripts/build_hardware_catalog.py devices.csv > budsim/perf_model/hardware_catalog.yaml

The table has one device per row (columns as read below). What a table cannot say stands in
``hardware_catalog_overlay.yaml`` beside this script: groups of linked devices, defaults for names that fit several
rows, values that sources disagree on, further aliases, and rows that the table lacks.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

OVERLAY_PATH = Path(__file__).with_name("hardware_catalog_overlay.yaml")
TFLOPS_COLUMNS = {
    "fp32": "fp32_tflops",
    "tf32": "tf32_tflops",
    "bf16": "bf16_tflops",
    "fp16": "fp16_tflops",
    "fp8": "fp8_tflops",
    "int8": "int8_tops",
    "fp4": "fp4_tflops",
}
SPEC_FIELDS = {  # a column that is doubtful -> the field of DeviceSpec that it becomes; other columns are not carried
    **{column: f"peak_flops.{fmt}" for fmt, column in TFLOPS_COLUMNS.items()},
    "memory_gb_marketing": "memory_bytes",
    "memory_bandwidth_gb_s": "memory_bandwidth_bytes_per_s",
    "link_gb_s_per_direction": "link_bytes_per_s",
    "link_type": "link_type",
    "pcie_gen": "pcie_bytes_per_s",
    "tdp_w": "tdp_watts",
    "price_usd_buy_typical": "price_usd",
    "pci_ids": "pci_ids",
    "sm_or_cu_or_core_count": "num_units",
    "release_date": "release_date",
}
LINES = (
    ("name", "vendor", "type", "architecture", "capability", "released"),
    ("form", "memory", "bandwidth_gb_per_s", "units", "numa", "tdp_w"),
    ("tflops",),
    ("link", "pcie_gen", "pcie_gb_per_s", "per_node"),
    ("price", "price_as", "offers_usd_per_hour"),
    ("pci_ids", "aliases"),
    ("confidence", "doubtful"),
    ("conflicts",),
    ("sources",),
)
OFFER = re.compile(r"(\d+\.\d+|\d+)\s+([A-Za-z]+)")


class Flow(dict[str, Any]):
    """A mapping that is written on one line."""


def number(text: str) -> float | int:
    """Return ``text`` as int where it is one."""
    value = float(text)
    return int(value) if value.is_integer() else value


def memory(row: Mapping[str, str]) -> Flow | None:
    """Return the memory on the label and what the driver reports."""
    nominal, reported = row["memory_gb_marketing"], row["memory_bytes_reported"]
    if row["device_type"] == "cpu" or not nominal:
        return None
    entry = Flow(nominal_gb=number(nominal))
    if reported:
        mib = int(reported) / 2**20
        entry |= {"reported_mib": int(mib)} if mib.is_integer() else {"reported_bytes": int(reported)}
    else:
        entry["assumed_gb"] = number(nominal)
    return entry


def form_factors(row: Mapping[str, str]) -> list[str]:
    """Return the form factors by the catalogue's naming; none where a device has only one."""
    name, link = row["name"], row["link_type"]
    if re.search(r"\bNVL\b", name):
        return ["nvl", "pcie"]
    for word, form in (("SXM", "sxm"), ("OAM", "oam"), ("PCIe", "pcie"), ("per GCD", "oam")):
        if word in name:
            return [form]
    if re.search(r"MI3\d\d[X]", name):
        return ["oam"]
    if re.search(r"NVIDIA (H20|B100)", name):
        return ["sxm"]
    soldered = ("Jetson", "GB10", "GH200", "GB200", "GB300", "MI300A", "TPU", "Max 1550")
    if row["device_type"] == "cpu" or any(word in name for word in soldered):
        return []
    return ["pcie"] if link in {"", "none"} or "bridge" in link or "MI100" in name else []


def offers(text: str) -> Flow:
    """Read on-demand offers: ``4.29 Lambda, 3.29 RunPod (date); ...`` -> provider: USD per device and hour."""
    found = Flow()
    for usd, provider in OFFER.findall(re.sub(r"\([^)]*\)", " ", text)):
        found.setdefault(provider, number(usd))
    return found


def price(text: str, sources: Mapping[str, str]) -> Flow | None:
    """Read a purchase price of one device; a range becomes its middle, a superchip of two is halved."""
    if not text:
        return None
    bounds = [float(bound) for bound in re.match(r"[\d.]+(?:-[\d.]+)?", text)[0].split("-")]  # type: ignore[index]
    usd = sum(bounds) / len(bounds) / (2 if "superchip of 2" in text else 1)
    source = next(key for pattern, key in sources.items() if pattern in text)
    return Flow(usd=number(str(usd)), source=source)


def source_ids(text: str, patterns: Mapping[str, str]) -> list[str]:
    """Return the ids of a row's sources; a text without an id is an error, so that none gets lost."""
    ids = [next(key for pattern, key in patterns.items() if pattern in part) for part in text.split(";")]
    return list(dict.fromkeys(ids))


def numa(text: str) -> list[int]:
    """Read NUMA domains per socket, as shipped first: ``1 (SNC off); SNC2/SNC4`` -> [1, 2, 4]."""
    head = re.sub(r"\([^)]*\)", " ", text)
    if "-" in head:
        low, high = (int(value) for value in re.findall(r"\d+", head)[:2])
        return [value for value in (1, 2, 4) if low <= value <= high]
    bare = [int(value) for value in re.findall(r"(?<![A-Za-z\d])\d+", head)]
    clusters = [int(value) for value in re.findall(r"SNC(\d)", text)]
    return list(dict.fromkeys([*bare[:3], *clusters]))


def device(row: Mapping[str, str], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Turn one row of the table into one entry of the catalogue."""
    name = row["name"]
    link_type = None if row["link_type"] in {"", "none"} else row["link_type"]
    link = Flow({"type": link_type}) if link_type else None
    if link is not None and row["link_gb_s_per_direction"]:
        link["gb_per_s"] = number(row["link_gb_s_per_direction"])
        link["group"] = overlay["link_groups"].get(name, overlay["link_groups_by_type"].get(link_type, 8))
    doubtful = [SPEC_FIELDS[column] for column in row["low_confidence_fields"].split() if column in SPEC_FIELDS]
    entry = {
        "name": name,
        "vendor": row["vendor"],
        "type": row["device_type"],
        "architecture": row["architecture"],
        "capability": row["compute_capability"] or None,
        "form": form_factors(row),
        "memory": memory(row),
        "bandwidth_gb_per_s": number(row["memory_bandwidth_gb_s"]),
        "tflops": Flow({fmt: number(row[column]) for fmt, column in TFLOPS_COLUMNS.items() if row[column]}),
        "link": link,
        "pcie_gen": int(row["pcie_gen"]) if row["pcie_gen"] else None,
        "per_node": int(row["max_devices_per_node_typical"]),
        "units": int(row["sm_or_cu_or_core_count"]) if row["sm_or_cu_or_core_count"] else None,
        "tdp_w": number(row["tdp_w"]) if row["tdp_w"] else None,
        "numa": numa(row["numa_domains_per_socket"]) if row["numa_domains_per_socket"] else None,
        "released": row["release_date"] or None,
        "price": price(row["price_usd_buy_typical"], overlay["price_source_patterns"]),
        "offers_usd_per_hour": offers(row["cloud_usd_per_hour_ondemand"]),
        "pci_ids": row["pci_ids"].split(),
        "aliases": [alias for alias in row["name_aliases"].split("|") if alias],
        "confidence": row["confidence"],
        "doubtful": doubtful,
        "sources": source_ids(row["sources"], overlay["source_patterns"]),
    }
    return complete(entry, overlay)


def complete(entry: dict[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """Add what the overlay says about a device; drop what is empty."""
    name = entry["name"]
    changes = overlay["changes"].get(name, {})
    for key, value in changes.items():
        if key in {"aliases", "doubtful"}:
            entry[key] = list(dict.fromkeys([*entry.get(key, []), *value]))
        else:
            entry[key] = Flow(value) if isinstance(value, Mapping) else value
    if "assumed_gb" in (entry.get("memory") or {}) and "memory_bytes" not in entry["doubtful"]:
        entry["doubtful"].append("memory_bytes")
    flat = overlay["flat_prices"].get(entry["type"])
    if flat and not (entry.get("price") or entry.get("offers_usd_per_hour") or entry.get("price_as")):
        entry["price"] = Flow(flat)
    if (entry.get("price") or {}).get("flat") and "price_usd" not in entry["doubtful"]:
        entry["doubtful"].append("price_usd")
    seen: dict[str, str] = {}
    for alias in entry["aliases"]:
        key = re.sub(r"[^a-z0-9+]", "", alias.lower().replace("(r)", "").replace("(tm)", ""))
        seen.setdefault(key, alias)
    entry["aliases"] = list(seen.values())
    return {key: value for key, value in entry.items() if value not in (None, [], {}, "")}


def main(table_path: str) -> None:
    """Write the catalogue to stdout."""
    overlay = yaml.safe_load(OVERLAY_PATH.read_text(encoding="utf-8"))
    with open(table_path, encoding="utf-8", newline="") as table:
        devices = [device(row, overlay) for row in csv.DictReader(table)]
    devices += [complete(dict(entry), overlay) for entry in overlay["further_devices"]]
    unknown = set(overlay["changes"]) - {entry["name"] for entry in devices}
    if unknown:
        sys.exit(f"the overlay changes devices that do not exist: {sorted(unknown)}")
    keys = ("snapshot", "sources", "pcie_gb_per_s", "default_variants", "shared_pci_ids")
    print(overlay["header"], end="")
    print(yaml.safe_dump({key: overlay[key] for key in keys}, sort_keys=False, width=118, allow_unicode=True))
    print("devices:")
    for entry in devices:
        print(text_of(entry))


def text_of(entry: Mapping[str, Any]) -> str:
    """Return one device as a flow mapping, a line per group of fields."""
    lines = []
    for keys in LINES:
        group = {
            key: dict(entry[key]) if isinstance(entry[key], Mapping) else entry[key] for key in keys if key in entry
        }
        if group:
            text = yaml.safe_dump(group, default_flow_style=True, width=100_000, allow_unicode=True, sort_keys=False)
            lines.append(text.strip()[1:-1])
    missing = set(entry) - {key for keys in LINES for key in keys}
    if missing:
        sys.exit(f"no line for {sorted(missing)}")
    return "- {" + ",\n   ".join(lines) + "}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
