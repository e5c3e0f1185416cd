"""How the command line shows its answers: rich tables from plain dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from budsim.perf_model.hardware_catalog import DeviceSpec

_GB = 1e9
_TERA = 1e12


def _console() -> Console:
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 190  # a pipe has no width of its own; wide enough that no cell is folded
    return console


def _number(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _table(title: str | None, columns: Sequence[tuple[str, str]]) -> Table:
    table = Table(title=title, title_justify="left", header_style="bold")
    for name, side in columns:
        table.add_column(name, justify="right" if side == "r" else "left", overflow="fold")
    return table


def new_table(columns: Sequence[tuple[str, str]]) -> Table:
    """Return an empty table of (name, side) columns."""
    return _table(None, columns)


def print_table(table: Table) -> None:
    """Show a table."""
    _console().print(table)


def device_fields(spec: DeviceSpec) -> dict[str, Any]:
    """Return a device as the API shows it: GB, GB/s and TFLOP/s."""
    return {
        "name": spec.name,
        "vendor": spec.vendor,
        "device_type": spec.device_type,
        "architecture": spec.architecture,
        "memory_gb": None if spec.memory_bytes is None else round(spec.memory_bytes / _GB, 3),
        "memory_bandwidth_gb_s": round(spec.memory_bandwidth_bytes_per_s / _GB, 3),
        "peak_tflops": {name: round(flops / _TERA, 3) for name, flops in spec.peak_flops.items()},
        "link_type": spec.link_type,
        "link_gb_s": None if spec.link_bytes_per_s is None else round(spec.link_bytes_per_s / _GB, 3),
        "tdp_watts": spec.tdp_watts,
        "price_usd": spec.price_usd,
        "usd_per_hour": spec.usd_per_hour,
        "rates_usd_per_hour": dict(spec.rates_usd_per_hour),
        "pci_ids": list(spec.pci_ids),
        "aliases": list(spec.aliases),
        "low_confidence_fields": list(spec.low_confidence_fields),
        "sources": dict(spec.sources),
    }


def print_devices(devices: Iterable[DeviceSpec]) -> None:
    """Print one line per device."""
    table = _table(
        None,
        [("device", "l"), ("type", "l"), ("memory GB", "r"), ("GB/s", "r"), ("bf16 TFLOP/s", "r"), ("fp8", "r"),
         ("link GB/s", "r"), ("USD/h", "r")],
    )  # fmt: skip
    for spec in devices:
        fields = device_fields(spec)
        peak = fields["peak_tflops"]
        table.add_row(
            spec.name,
            spec.device_type,
            _number(fields["memory_gb"]),
            _number(fields["memory_bandwidth_gb_s"], 0),
            _number(peak.get("bf16") or peak.get("fp16"), 0),
            _number(peak.get("fp8"), 0),
            _number(fields["link_gb_s"], 0),
            _number(spec.usd_per_hour, 2),
        )
    _console().print(table)


def print_device(spec: DeviceSpec, reason: str) -> None:
    """Print one device, field by field."""
    print_fields(spec.name, {**device_fields(spec), "matched_by": reason})


def print_fields(title: str, fields: Mapping[str, Any]) -> None:
    """Print a dictionary as a two-column table; nested values one level deep."""
    table = _table(title, [("field", "l"), ("value", "l")])
    for name, value in fields.items():
        if isinstance(value, Mapping):
            shown = "\n".join(f"{key}: {_plain(inner)}" for key, inner in value.items())
        else:
            shown = _plain(value)
        table.add_row(name, shown)
    _console().print(table)


def _plain(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, list | tuple):
        return ", ".join(_plain(item) for item in value) or "–"
    return str(value)


def print_answer(lines: Iterable[str]) -> None:
    """Print plain lines below a table."""
    console = _console()
    for line in lines:
        console.print(line, markup=False)


def print_simulation(answer: Mapping[str, Any]) -> None:
    """Print ranked deployments, one per cluster, then the reasons, remedies and assumptions."""
    table = _table(
        "Ranked deployments, best first",
        [("#", "r"), ("cluster", "l"), ("device", "l"), ("type", "l"), ("engine", "l"), ("TP", "r"), ("PP", "r"),
         ("replicas", "r"), ("TTFT ms", "r"), ("tok/s/user", "r"), ("tok/s", "r"), ("E2E s", "r"), ("GB/device", "r"),
         ("USD/h", "r"), ("USD/M tok", "r"), ("conf.", "r"), ("targets", "l")],
    )  # fmt: skip
    for rank, item in enumerate(answer["recommendations"], start=1):
        name = item.get("cluster_name") or item["cluster_id"][:8]
        table.add_row(str(rank), name, *_deployment_cells(item["engine"], item["metrics"]))
        for other in item.get("alternatives", ()):
            table.add_row("", "", *_deployment_cells(item["engine"], other), style="dim")
    _console().print(table)
    print_answer(_below(answer))


def _remedies(answer: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield device and remedy of an answer: the API lists them flat, the library by group."""
    for remedy in answer.get("remedies", ()):
        yield remedy.get("catalogue_name") or remedy["device_name"], remedy["text"]
    for group in answer.get("groups", ()):
        for remedy in group["remedies"]:
            yield group["catalogue_name"], remedy["text"]


def _deployment_cells(engine: str, metrics: Mapping[str, Any]) -> list[str]:
    known = metrics["cost_known"]
    return [
        metrics["device_name"],
        metrics["device_types"][0]["device_type"],
        engine,
        str(metrics["tp_size"]),
        str(metrics["pp_size"]),
        _replicas(metrics),
        _number(metrics["ttft"], 0),
        _number(metrics["throughput_per_user"]),
        _number(metrics["output_tps"], 0),
        _number(metrics["e2e_latency"], 2),
        _number(metrics["memory_gb_per_device"]),
        _number(metrics["cost_per_hour_usd"] if known else None, 2),
        _number(metrics["cost_per_million_tokens"] if known else None, 3),
        _number(metrics.get("confidence"), 2),
        _targets(metrics),
    ]


def _replicas(metrics: Mapping[str, Any]) -> str:
    """Return the replicas; of two pools those that decode, then those that prefill with their TP."""
    pool = metrics.get("prefill")
    decoding = str(metrics["replica"])
    return decoding if not pool else f"{decoding} + {pool['instances']} prefill TP {pool['tp_size']}"


def _targets(metrics: Mapping[str, Any]) -> str:
    if metrics["meets_targets"]:
        return "met" if not metrics["binding"] else f"met, {metrics['binding']} binds"
    return "misses " + ", ".join(f"{miss['target']} by {miss['relative_miss']:.0%}" for miss in metrics["misses"])


def _below(answer: Mapping[str, Any]) -> Iterable[str]:
    for reason in answer.get("reasons", ()):
        yield f"not recommended: {reason}"
    for mixture in answer.get("mixed_deployments", ()):
        name = mixture["cluster_name"] or mixture["cluster_id"][:8]
        yield f"together on {name}: {mixture['reason']}"
    if not any(item["metrics"]["meets_targets"] for item in answer["recommendations"]):
        for device, text in _remedies(answer):
            yield f"what would help on {device}: {text}"
    for subject, assumed in answer["assumptions"].items():
        yield f"assumed: {subject.replace('_', ' ')}: {assumed}"


def print_clusters(view: Mapping[str, Any]) -> None:
    """Print device groups of clusters and what was left out."""
    table = _table(
        None, [("cluster", "l"), ("device", "l"), ("type", "l"), ("matched", "l"), ("nodes: free", "l"), ("GB", "r")]
    )
    for cluster in view["clusters"]:
        for group in cluster["groups"]:
            free = ", ".join(f"{node}: {count}" for node, count in group["devices_by_node"].items())
            name = cluster["name"] or cluster["cluster_id"][:8]
            memory = _number(group["memory_gb_per_device"])
            table.add_row(name, group["device_name"], group["device_type"], group["matched"], free, memory)
    _console().print(table)
    print_answer(
        [f"left out: {item['node']} {item['device']}: {item['reason']}" for cluster in view["clusters"]
         for item in cluster["dropped"]] + [f"unreadable: {problem}" for problem in view["problems"]]
    )  # fmt: skip


def print_cluster_list(known: Mapping[str, Any]) -> None:
    """Print the clusters a server knows."""
    table = _table(f"source: {known['source']}", [("id", "l"), ("name", "l"), ("nodes", "r")])
    for cluster in known["clusters"]:
        table.add_row(str(cluster.get("id")), str(cluster.get("name") or "–"), str(len(cluster.get("nodes") or ())))
    _console().print(table)
    print_answer(f"unreadable: {problem}" for problem in known["problems"])
