"""The command line: ``budsim serve | simulate | predict | memory | recommend | hardware | models | clusters``.

Exit codes, for scripts:
    0  the answer is there; every target asked for is met
    1  something unexpected broke
    2  the command or its input is wrong; the message names the field
    3  nothing feasible: no deployment fits
    4  deployments were found, none meets every target
    5  a service BudSim needs (its API, the hub, the database) does not answer

Heavy modules are imported inside the commands, so ``budsim --help`` stays instant.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import click

from budsim.cli_calibrate import calibrate
from budsim.cli_deploy import deploy
from budsim.cli_memory import memory_options
from budsim.cli_recommend import recommend
from budsim.cli_sizing import capacity, size
from budsim.cli_types import FiniteRange
from budsim.commons.errors import BudSimError, UnavailableError

EXIT_UNEXPECTED = 1
EXIT_BAD_INPUT = 2
EXIT_INFEASIBLE = 3
EXIT_TARGETS_MISSED = 4
EXIT_UNAVAILABLE = 5


# In click's ``Context.meta``: the command prints JSON, so its errors are JSON on stdout too.
_AS_JSON = "budsim.as_json"


class _Cli(click.Group):
    """A group that turns errors into one line on stderr, an object on stdout where JSON is asked for, and a code."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            if ctx.meta.get(_AS_JSON):
                _print_error(400, error.format_message())
            raise
        except BudSimError as error:
            click.secho(f"budsim: {error.message}", fg="red", err=True)
            if ctx.meta.get(_AS_JSON):
                _print_error(error.http_status, error.message, error.param)
            code = EXIT_UNAVAILABLE if isinstance(error, UnavailableError) else EXIT_BAD_INPUT
            ctx.exit(EXIT_UNEXPECTED if error.http_status >= 500 and code == EXIT_BAD_INPUT else code)


@click.group(cls=_Cli, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="budsim")
def main() -> None:
    """Predict how an LLM deployment will perform, and find the one that meets your targets."""


def _note_json(ctx: click.Context, _param: click.Parameter, value: bool) -> bool:
    ctx.meta[_AS_JSON] = value
    return value


json_option = click.option(
    "--json",
    "as_json",
    is_flag=True,
    is_eager=True,  # read before any other option can be wrong
    callback=_note_json,
    help="Print JSON instead of a table; errors too, as the API words them.",
)
server_option = click.option("--server", metavar="URL", help="Ask a running BudSim instead of computing here.")


main.add_command(json_option(calibrate))
main.add_command(deploy)
main.add_command(recommend)
main.add_command(json_option(size))
main.add_command(json_option(capacity))


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, allow_nan=False))


def _print_error(status: int, message: str, param: dict[str, Any] | None = None) -> None:
    from budsim.commons.http_errors import envelope

    _print_json(envelope(status, message, param))


# --------------------------------------------------------------------------------------------------------------- serve
@main.command()
@click.option("--host", help="Address to bind (APP_HOST; 127.0.0.1 unless a token is configured).")
@click.option("--port", type=click.IntRange(1, 65535), help="Port (APP_PORT; 9083).")
@click.option(
    "--import-clusters",
    "clusters_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Import this cluster file before the service answers.",
)
def serve(host: str | None, port: int | None, clusters_file: Path | None) -> None:
    """Run the service: API, workflows and, without DATABASE_URL, its own PostgreSQL."""
    from budsim.main import run_server

    run_server(host=host, port=port, clusters_file=clusters_file)


# ------------------------------------------------------------------------------------------------------------ simulate
@main.command()
@click.argument("model")
@click.option(
    "--clusters",
    "clusters_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Cluster file (JSON). Default: CLUSTER_INFO_FILE, else the shipped examples.",
)
@click.option("--cluster-id", help="Only this cluster.")
@click.option(
    "--input-tokens",
    "--isl",
    type=click.IntRange(1),
    default=1024,
    show_default=True,
    help="Mean input length, tokens.",
)
@click.option(
    "--output-tokens",
    "--osl",
    type=click.IntRange(1),
    default=512,
    show_default=True,
    help="Mean output length, tokens.",
)
@click.option(
    "--concurrency", type=click.IntRange(1), default=10, show_default=True, help="Concurrent requests to carry."
)
@click.option("--ttft-ms", type=FiniteRange(0), default=0.0, help="Target: median TTFT, ms (0 = none).")
@click.option(
    "--throughput-per-user",
    type=FiniteRange(0),
    default=0.0,
    help="Target: output tokens/s of one request (0 = none).",
)
@click.option(
    "--e2e-s", type=FiniteRange(0), default=0.0, help="Target: end-to-end latency of one request, s (0 = none)."
)
@click.option(
    "--objective",
    type=click.Choice(["cost", "throughput", "latency", "balanced"]),
    default="cost",
    show_default=True,
    help="What the best answer is best at.",
)
@click.option("--hardware-mode", type=click.Choice(["dedicated", "shared"]), default="dedicated", show_default=True)
@click.option("--method", type=click.Choice(["heuristic", "regressor"]), help="Prediction method.")
@click.option(
    "--price-basis",
    type=click.Choice(["auto", "on_demand", "reserved_1y", "reserved_3y", "spot", "on_prem"]),
    help="Prices that costs rest on (PRICE_BASIS).",
)
@click.option("--allow-disaggregated", is_flag=True, help="Also try pools that prefill and pools that decode.")
@click.option(
    "--top-k", type=click.IntRange(1, 50), default=5, show_default=True, help="Configurations kept per device group."
)
@server_option
@json_option
def simulate(model: str, clusters_file: Path | None, server: str | None, as_json: bool, **options: Any) -> None:
    """Rank the deployments of MODEL (hub id, alias or folder) on your clusters."""
    from budsim import cli_tables

    if server:
        from budsim import client

        answer = client.simulate_on_server(server, model, clusters_file=clusters_file, **options)
    else:
        import budsim

        answer = budsim.simulate(model, clusters=clusters_file, **options).to_dict()
    if as_json:
        _print_json(answer)
    else:
        cli_tables.print_simulation(answer)
    rows = answer["recommendations"]
    if not rows:
        sys.exit(EXIT_INFEASIBLE)
    if not any(row["metrics"]["meets_targets"] for row in rows):
        sys.exit(EXIT_TARGETS_MISSED)


# ---------------------------------------------------------------------------------------------------- predict, memory
table_options = [
    click.option(
        "--input",
        "input_path",
        required=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="CSV of points; columns as in the README.",
    ),
    click.option(
        "--output", "output_path", required=True, type=click.Path(dir_okay=False, path_type=Path), help="CSV to write."
    ),
    click.option("--quiet", is_flag=True, help="No progress bar, no summary."),
]


def _with_table_options(command: Any) -> Any:
    for option in reversed(table_options):
        command = option(command)
    return command


@main.command()
@_with_table_options
@click.option("--method", type=click.Choice(["regressor", "heuristic"]), help="Prediction method.")
def predict(input_path: Path, output_path: Path, quiet: bool, method: str | None) -> None:
    """Predict TTFT, TPOT, throughput and latency of every point in a CSV file."""
    from budsim import cli_points, library

    cli_points.answer_file(input_path, output_path, lambda points: library.predict(points, method), quiet)


@main.command()
@memory_options
@json_option
def memory(input_path: Path | None, output_path: Path | None, quiet: bool, as_json: bool, **question: Any) -> None:
    """Memory of a deployment: every point of a CSV file, one model explained, or a start-up log compared.

    Give --input and --output, or --explain MODEL, or --import-log FILE; the last two with --hardware.
    """
    from budsim import cli_memory, cli_points

    chosen = [question["import_log"], question["explain"], input_path or output_path]
    if sum(choice is not None for choice in chosen) != 1 or (input_path is None) != (output_path is None):
        raise click.UsageError("give --input and --output, or --explain MODEL, or --import-log FILE")
    if question["import_log"] is not None:
        cli_memory.show_import(question, as_json)
    elif question["explain"] is not None:
        cli_memory.show_explanation(question, as_json)
    elif input_path is not None and output_path is not None:
        cli_points.answer_file(input_path, output_path, cli_memory.estimate_table, quiet)


# ------------------------------------------------------------------------------------------------------------ hardware
@main.group()
def hardware() -> None:
    """The device catalogue."""


@hardware.command("list")
@click.option("--type", "device_type", help="cuda, rocm, hpu, cpu, xpu or tpu.")
@json_option
def hardware_list(device_type: str | None, as_json: bool) -> None:
    """List the devices BudSim knows."""
    from budsim import cli_tables
    from budsim.commons.catalogs import hardware_catalog

    devices = [spec for spec in hardware_catalog().devices if device_type in (None, spec.device_type)]
    if as_json:
        _print_json([cli_tables.device_fields(spec) for spec in devices])
    else:
        cli_tables.print_devices(devices)


@hardware.command("show")
@click.argument("name")
@json_option
def hardware_show(name: str, as_json: bool) -> None:
    """Show one device; NAME as a cluster, a datasheet or nvidia-smi spells it, or a PCI id (vendor:device)."""
    from budsim import cli_tables
    from budsim.commons.catalogs import hardware_catalog

    catalog = hardware_catalog()
    match = (
        catalog.match("", pci_id=name) if re.fullmatch(r"[0-9A-Fa-f]{4}:[0-9A-Fa-f]{4}", name) else catalog.match(name)
    )
    if as_json:
        _print_json({**cli_tables.device_fields(match.spec), "matched_by": match.reason})
    else:
        cli_tables.print_device(match.spec, match.reason)


# The control character keeps click from joining the lines.
_DEVICE_FILE_EXAMPLE = """\b
FILE holds a list of devices:
  - name: My Accelerator 64GB
    device_type: cuda             # cuda, rocm, hpu or cpu
    memory_gb: 64
    memory_bandwidth_gb_s: 2000
    bf16_tflops: 400              # dense; further: fp32_, tf32_, fp16_, fp8_, fp4_tflops, int8_tops
    link_gb_s: 300                # optional, like all below: device to device, one direction
    tdp_watts: 700
    price_usd: 20000
    usd_per_hour: 2.5
    aliases: [my-accelerator]
    pci_ids: ["10de:2330"]
"""


@hardware.command("add", epilog=_DEVICE_FILE_EXAMPLE)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def hardware_add(file: Path) -> None:
    """Add your own devices from a YAML or JSON FILE."""
    from budsim.commons.catalogs import add_custom_devices

    for name in add_custom_devices(file):
        click.echo(f"added {name}")


# -------------------------------------------------------------------------------------------------------------- models
@main.group()
def models() -> None:
    """The model catalogue."""


@models.command("search")
@click.argument("text")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@json_option
def models_search(text: str, limit: int, as_json: bool) -> None:
    """Find models whose id contains TEXT."""
    from budsim.model_ops.services import default_library

    found = default_library().search(text, limit)
    if as_json:
        _print_json(list(found))
    else:
        click.echo("\n".join(found) if found else f"no model id contains {text!r}")
    if not found:
        sys.exit(EXIT_INFEASIBLE)


@models.command("show")
@click.argument("model")
@click.option("--checkpoint", is_flag=True, help="Also read the checkpoint's headers: exact bytes, by number format.")
@json_option
def models_show(model: str, checkpoint: bool, as_json: bool) -> None:
    """Show the shape and size of MODEL (hub id, alias or folder)."""
    from budsim import cli_tables
    from budsim.model_ops.analysis import summarize
    from budsim.model_ops.services import default_library

    summary = summarize(default_library().resolve(model))
    if checkpoint:
        size = default_library().checkpoint_size(model)
        summary["checkpoint_bytes"] = None if size is None else size.total_bytes
        summary["checkpoint_bytes_by_dtype"] = {} if size is None else dict(size.bytes_by_dtype)
    if as_json:
        _print_json(summary)
    else:
        cli_tables.print_fields(model, summary)


@models.command("add")
@click.argument("name")
@click.argument("target")
def models_add(name: str, target: str) -> None:
    """Let NAME (a UUID or a name of your own) mean TARGET (a hub id or a folder with a config.json)."""
    from budsim.model_ops.services import default_library

    default_library().add(name, target)
    click.echo(f"{name} -> {target}")


# ------------------------------------------------------------------------------------------------------------ clusters
@main.group()
def clusters() -> None:
    """Clusters that a running BudSim knows, and cluster files."""


@clusters.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--hardware-mode", type=click.Choice(["dedicated", "shared"]), default="dedicated", show_default=True)
@json_option
def clusters_check(file: Path, hardware_mode: str, as_json: bool) -> None:
    """Read a cluster FILE and show its device groups and what was left out, with the reasons."""
    import budsim
    from budsim import cli_tables

    view = budsim.describe_clusters(file, hardware_mode=hardware_mode)
    if as_json:
        _print_json(view)
    else:
        cli_tables.print_clusters(view)
    if view["problems"] or not view["clusters"]:
        sys.exit(EXIT_BAD_INPUT)
    if not any(cluster["groups"] for cluster in view["clusters"]):
        sys.exit(EXIT_INFEASIBLE)


@clusters.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--server", metavar="URL", help="The BudSim to tell (default: this machine's, APP_PORT).")
def clusters_import(file: Path, server: str | None) -> None:
    """Send a cluster FILE to a running BudSim (PUT /clusters)."""
    from budsim import client

    count = client.put_clusters(server, file)
    click.echo(f"{count} clusters imported")


@clusters.command("list")
@click.option("--server", metavar="URL", help="The BudSim to ask (default: this machine's, APP_PORT).")
@json_option
def clusters_list(server: str | None, as_json: bool) -> None:
    """List the clusters that a running BudSim knows."""
    from budsim import cli_tables, client

    view = client.get_clusters(server)
    if as_json:
        _print_json(view)
    else:
        cli_tables.print_cluster_list(view)


if __name__ == "__main__":
    main()
