"""``budsim size MODEL`` and ``budsim capacity MODEL``: sizing both ways, as a table or JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from budsim.cli_types import FiniteRange

_EXIT_TARGETS_MISSED = 4
_WHOLE = click.IntRange(1)
_AMOUNT = FiniteRange(0, min_open=True)
_SHARED = (
    click.option("--input-tokens", "--isl", type=_WHOLE, default=1024, show_default=True, help="Mean input length."),
    click.option("--output-tokens", "--osl", type=_WHOLE, default=512, show_default=True, help="Mean output length."),
    click.option("--ttft-ms", type=_AMOUNT, help="Target: TTFT, ms."),
    click.option(
        "--ttft-percentile", type=click.Choice(["50", "90", "95", "99"]), default="50", show_default=True,
        help="Percentile of that target.",
    ),
    click.option("--throughput-per-user", type=_AMOUNT, help="Target: output tokens/s of one request."),
    click.option("--e2e-s", type=_AMOUNT, help="Target: median end-to-end latency, s."),
    click.option("--e2e-p99-s", type=_AMOUNT, help="Target: 99th percentile of the same, s."),
    click.option("--high-availability", is_flag=True, help="One replica may be lost (N+1)."),
    click.option("--max-usd-per-hour", type=_AMOUNT, help="Budget."),
    click.option("--max-devices-per-replica", type=_WHOLE, help="Most devices of one replica."),
    click.option(
        "--price-basis",
        type=click.Choice(["auto", "on_demand", "reserved_1y", "reserved_3y", "spot", "on_prem"]),
        help="Prices that costs rest on (PRICE_BASIS).",
    ),
    click.option("--method", type=click.Choice(["heuristic", "regressor"]), help="Prediction method."),
)  # fmt: skip


def _with_shared(command: Any) -> Any:
    for option in reversed(_SHARED):
        command = option(command)
    return command


def _question(options: dict[str, Any]) -> dict[str, Any]:
    named = {"throughput_per_user": "throughput_per_user_tps", "e2e_s": "e2e_latency_s"}
    asked = {named.get(name, name): value for name, value in options.items() if value is not None}
    return {**asked, "ttft_percentile": int(options["ttft_percentile"])}


@click.command()
@click.argument("model")
@click.option("--concurrency", type=_WHOLE, help="Requests in flight (10 if no rate is given).")
@click.option("--request-rate", type=_AMOUNT, help="Requests per second instead.")
@click.option("--device", "devices", multiple=True, metavar="NAME", help="Compare this device; may be repeated.")
@click.option("--output-tps", type=_AMOUNT, help="Target: output tokens/s of the whole deployment.")
@click.option("--goal", type=click.Choice(["cheapest", "fewest"]), default="cheapest", show_default=True, help="Order.")
@click.option("--max-devices", type=_WHOLE, default=1024, show_default=True, help="Most devices of one type.")
@_with_shared
def size(model: str, as_json: bool, devices: tuple[str, ...], **options: Any) -> None:
    """Find the cheapest or fewest devices for MODEL under a load and its targets."""
    import budsim

    answer = budsim.size(model, devices=devices or None, **_question(options))
    if as_json:
        click.echo(json.dumps(answer, indent=2, allow_nan=False))
    else:
        _print_sizes(answer)
    if not answer["deployments"]:
        sys.exit(_EXIT_TARGETS_MISSED)


@click.command()
@click.argument("model")
@click.option(
    "--clusters",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Cluster file (JSON). Default: CLUSTER_INFO_FILE, else the shipped examples.",
)
@click.option("--cluster-id", help="Only this cluster.")
@click.option(
    "--load", type=click.Choice(["concurrency", "request_rate"]), default="concurrency", show_default=True,
    help="Count requests in flight, or per second.",
)  # fmt: skip
@click.option("--device", "devices", multiple=True, metavar="TEXT", help="Only devices with this in their name.")
@click.option("--max-replicas", type=_WHOLE, help="Most replicas.")
@_with_shared
def capacity(model: str, as_json: bool, **options: Any) -> None:
    """Find the most traffic of MODEL that your clusters carry within the targets."""
    import budsim

    answer = budsim.capacity(model, **_question(options))
    if as_json:
        click.echo(json.dumps(answer, indent=2, allow_nan=False))
    else:
        _print_capacity(answer)
    if not any(cluster["load"] for cluster in answer["clusters"]):
        sys.exit(_EXIT_TARGETS_MISSED)


def _print_sizes(answer: Mapping[str, Any]) -> None:
    from budsim.cli_tables import new_table, print_table

    right = ("TP", "PP", "replicas", "devices", "USD/h", "USD/M in", "USD/M out", "J/tok out", "TTFT ms", "tok/s/user")
    table = new_table([("device", "l"), *((name, "r") for name in right), ("binds", "l")])
    for found in answer["deployments"]:
        table.add_row(*_cells(found), found["binding"])
    print_table(table)
    for missed in answer["not_met"]:
        click.echo(f"{missed['device_name']}: not met: {missed['reason']}")
    _print_notes(answer)


def _cells(found: Mapping[str, Any]) -> list[str]:
    costs = found["costs"]
    money = ("usd_per_hour", "usd_per_million_input_tokens", "usd_per_million_output_tokens", "joules_per_output_token")
    return [
        found["device_name"],
        *(str(found[name]) for name in ("tensor_parallel_size", "pipeline_parallel_size", "replicas", "num_devices")),
        *("–" if costs[name] is None else f"{costs[name]:,.3g}" for name in money),
        f"{found['ttft_p50_ms']:,.0f}",
        f"{found['throughput_per_user_tps']:,.1f}",
    ]


def _print_capacity(answer: Mapping[str, Any]) -> None:
    from budsim.cli_tables import new_table, print_table

    unit = "requests/s" if answer["unit"] == "requests_per_second" else "in flight"
    right = (unit, "TP", "PP", "replicas", "tok/s", "USD/h")
    table = new_table([("cluster", "l"), ("device", "l"), *((n, "r") for n in right), ("binds", "l")])
    for cluster in answer["clusters"]:
        for group in cluster["groups"]:
            found = group["deployment"]
            name = cluster["cluster_name"] or cluster["cluster_id"]
            table.add_row(name, group["device_name"], f"{group['load']:,.4g}", *_carried(found), group["binding"])
    print_table(table)
    _print_notes(answer)


def _carried(found: Mapping[str, Any] | None) -> list[str]:
    if found is None:
        return ["–"] * 5
    hourly = found["costs"]["usd_per_hour"]
    sizes = [str(found[name]) for name in ("tensor_parallel_size", "pipeline_parallel_size", "replicas")]
    return [*sizes, f"{found['throughput_tps']:,.0f}", "–" if hourly is None else f"{hourly:,.2f}"]


def _print_notes(answer: Mapping[str, Any]) -> None:
    for text in (*answer["reasons"], str(answer["assumptions"].get("price", ""))):
        if text:
            click.echo(text)
