"""``budsim recommend MODEL``: GPUs and layouts for a model, as a table or JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from budsim.cli_types import FiniteRange

_EXIT_INFEASIBLE = 3
_WHOLE = click.IntRange(1)
_AMOUNT = FiniteRange(0, min_open=True)
_OPTIONS = (
    click.option("--input-tokens", "--isl", type=_WHOLE, default=1024, show_default=True, help="Input length, tokens."),
    click.option(
        "--output-tokens", "--osl", type=_WHOLE, default=512, show_default=True, help="Output length, tokens."
    ),
    click.option("--batch-size", type=_WHOLE, default=1, show_default=True, help="Concurrent requests to hold."),
    click.option(
        "--precision", default="fp16", show_default=True, help="Format of the weights; 'stored' = as they are."
    ),
    click.option("--kv-cache-dtype", help="Format of the KV cache."),
    click.option("--context-length", type=_WHOLE, help="Longest sequence to admit, tokens."),
    click.option("--gpu-memory-utilization", type=FiniteRange(0, 1, min_open=True), help="Share for the engine."),
    click.option("--max-tensor-parallel", type=_WHOLE, help="TP ranks at most."),
    click.option("--max-pipeline-parallel", type=_WHOLE, default=1, show_default=True, help="Stages at most."),
    click.option("--data-parallel-size", type=_WHOLE, default=1, show_default=True, help="Copies that share the load."),
    click.option("--expert-parallel", is_flag=True, help="Spread experts over the ranks."),
    click.option("--engine", help="vllm (default), sglang …"),
    click.option("--max-gpus", type=_WHOLE, help="GPUs at most."),
    click.option("--max-usd-per-hour", type=_AMOUNT, help="USD per hour of all GPUs at most."),
    click.option("--max-power-watts", type=_AMOUNT, help="TDP of all GPUs at most."),
    click.option("--gpu", "gpus", multiple=True, metavar="NAME", help="Try this GPU; may be repeated."),
    click.option(
        "--library",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="GPUs to try, from YAML or JSON: gpus: (names) and devices: (figures).",
    ),
    click.option(
        "--sort",
        type=click.Choice(["memory", "cost", "price", "performance", "throughput"]),
        default="memory",
        show_default=True,
        help="Order; cost = GPU count x memory, price = USD per hour.",
    ),
    click.option("--all", "show_all", is_flag=True, help="Also show layouts that do not fit."),
    click.option("--no-performance", is_flag=True, help="Memory only."),
    click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table."),
)
_SORTS = {
    "cost": "sort_by_cost",
    "price": "sort_by_price",
    "performance": "sort_by_performance",
    "throughput": "sort_by_throughput",
}


def _with_options(command: Any) -> Any:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command()
@click.argument("model")
@_with_options
def recommend(
    model: str,
    input_tokens: int,
    output_tokens: int,
    precision: str,
    max_usd_per_hour: float | None,
    max_power_watts: float | None,
    gpus: tuple[str, ...],
    library: Path | None,
    sort: str,
    show_all: bool,
    no_performance: bool,
    as_json: bool,
    **wishes: Any,
) -> None:
    """Recommend GPUs for MODEL (hub id, alias or folder): which hold it, how many requests, how fast."""
    from budsim.recommender import get_gpu_spec, load_gpu_library, recommend_gpus

    own = load_gpu_library(library) if library else None
    named = [get_gpu_spec(name, own) for name in gpus]
    result = recommend_gpus(
        model,
        input_tokens,
        output_tokens,
        precision=None if precision == "stored" else precision,
        estimate_performance_flag=not no_performance,
        gpus=named or (own.values() if own else None),
        **wishes,
    )
    if max_usd_per_hour is not None or max_power_watts is not None:
        result = result.filter_by_budget(max_usd_per_hour=max_usd_per_hour, max_power_watts=max_power_watts)
    fitting = result.filter_fitting_only()
    shown = result if show_all or not fitting.recommendations else fitting
    if sort in _SORTS:
        getattr(shown, _SORTS[sort])()
    click.echo(json.dumps(shown.to_dict(), indent=2, allow_nan=False) if as_json else shown.summary())
    if not fitting.recommendations:
        sys.exit(_EXIT_INFEASIBLE)
