"""``budsim calibrate``: benchmark files in, step constants of that model, device and engine out."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from budsim.commons.errors import BudSimError, InvalidRequestError, PayloadTooLargeError

if TYPE_CHECKING:
    from budsim.benchmarks.comparison import ComparedRun
    from budsim.benchmarks.measured_point import MeasuredPoint
    from budsim.perf_model.calibration import Calibration, MetricError

_EXIT_NOTHING_CALIBRATED = 3
_SHOWN_RUNS = 60
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_TITLES = {"ttft_ms_mean": "TTFT ms", "tpot_ms_mean": "TPOT ms", "output_tps": "tok/s"}


@click.command()
@click.argument("files", nargs=-1, type=_FILE)
@click.option("--model", metavar="NAME", help="Model the runs are of: hub id, alias or folder.")
@click.option("--hardware", metavar="NAME", help="Device they ran on.")
@click.option("--engine", metavar="NAME", help="Engine of the server.")
@click.option("--engine-version", metavar="TEXT", help="Its version.")
@click.option("--precision", metavar="NAME", help="Format of the weights.")
@click.option("--tp", type=click.IntRange(1), help="Tensor parallel size.")
@click.option("--pp", type=click.IntRange(1), help="Pipeline stages.")
@click.option(
    "--set", "further", multiple=True, metavar="COLUMN=VALUE", help="Any other column of `budsim predict`; repeatable."
)
@click.option("--dry-run", is_flag=True, help="Show the fit, keep nothing.")
@click.option("--list", "lists", is_flag=True, help="Show what is kept.")
@click.option("--remove", is_flag=True, help="Remove what is kept of --model (--hardware, --engine).")
def calibrate(
    files: tuple[Path, ...], further: tuple[str, ...], dry_run: bool, lists: bool, remove: bool, as_json: bool,
    **stated: Any,
) -> None:  # fmt: skip
    """Fit the model of a device to your own measurements.

    FILES are results of vllm bench serve, SGLang bench_serving, GuideLLM, AIPerf, GenAI-Perf, InferenceX or LLMPerf, or
    a CSV with the columns of `budsim predict` and measured ones (ttft_ms_mean, tpot_ms_mean, output_tps ...). What a
    file does not state (mostly hardware and engine) is given with options. Later predictions use the fit.
    """
    from budsim.benchmarks.calibration_store import user_calibrations

    if lists or remove:
        _show_kept(user_calibrations(), stated, remove, as_json)
        return
    if not files:
        raise click.UsageError("give at least one FILE, or --list, or --remove")
    points, refused = _read_files(files, {**stated, **_settings_of(further)})
    from budsim.benchmarks.comparison import compare, fit_all
    from budsim.simulator.calibrated import CalibratedPredictor
    from budsim.simulator.predictors import make_predictor

    before = compare(points, make_predictor())
    calibrations = fit_all(before)
    after = compare(points, CalibratedPredictor(make_predictor(), calibrations))
    kept = [item for item in calibrations if item.helps]
    if kept and not dry_run:
        user_calibrations().keep(kept)
    if as_json:
        click.echo(json.dumps(_answer(before, after, calibrations, refused, dry_run), indent=2, allow_nan=False))
    else:
        _print(before, after, calibrations, refused, dry_run)
    if not kept:
        sys.exit(_EXIT_NOTHING_CALIBRATED)


def _settings_of(further: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for text in further:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter(f"{text[:60]!r}: write COLUMN=VALUE", param_hint="--set")
        pairs[name.strip()] = value.strip()
    return pairs


def _read_files(files: Sequence[Path], stated: Mapping[str, Any]) -> tuple[list[MeasuredPoint], list[str]]:
    """Return the runs of every file, and what was refused.

    Raises:
        BudSimError: None of the files can be used; the reason of the first.
    """
    from budsim.benchmarks.importer import import_runs
    from budsim.benchmarks.measured_point import run_fingerprint, with_stated

    points: list[MeasuredPoint] = []
    refused: list[str] = []
    seen: set[str] = set()
    first: BudSimError | None = None
    for path in files:
        try:
            runs = import_runs(_content(path))
        except BudSimError as error:
            first = first or type(error)(f"{path}: {error.message}", error.param)
            refused.append(f"{path}: {error.message}")
            continue
        for point in (with_stated(point, stated) for point in runs.points):
            mark = run_fingerprint(point)
            if mark in seen:
                refused.append(f"{path}: {point.position or 'the run'} was given already; it counts once")
            else:
                points.append(point)
            seen.add(mark)
        refused += [f"{path}: {run.reason}" for run in runs.refused]
    if first is not None and not points:
        raise first
    return points, refused


def _content(path: Path) -> bytes:
    from budsim.benchmarks.importer import MAX_FILE_BYTES

    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            text = f"the file is larger than {MAX_FILE_BYTES // 10**6} MB: drop its per-request lists"
            raise PayloadTooLargeError(text, {"field": "file"})
        return path.read_bytes()
    except OSError as problem:
        raise InvalidRequestError(f"cannot be read: {problem.strerror}", {"field": "file"}) from problem


def _answer(
    before: Sequence[ComparedRun],
    after: Sequence[ComparedRun],
    calibrations: Sequence[Calibration],
    refused: Sequence[str],
    dry_run: bool,
) -> dict[str, Any]:
    return {
        "calibrations": [{**item.to_dict(), "helps": item.helps, "kept": item.helps and not dry_run}
                         for item in calibrations],
        "runs": [
            {
                "tool": old.run.tool, "position": old.run.position, **dict(old.row), "measured": dict(old.run.metrics),
                "derived": list(old.run.derived), "notes": list(old.run.notes), "reason": old.reason,
                "before": _figures(old), "after": _figures(new),
            }
            for old, new in zip(before, after, strict=True)
        ],
        "refused": list(refused),
    }  # fmt: skip


def _figures(run: ComparedRun) -> dict[str, float] | None:
    if run.predicted is None:
        return None
    return {name: getattr(run.predicted, name) for name in (*_TITLES, "e2e_s_mean")}


def _print(
    before: Sequence[ComparedRun],
    after: Sequence[ComparedRun],
    calibrations: Sequence[Calibration],
    refused: Sequence[str],
    dry_run: bool,
) -> None:
    _print_runs(before, after)
    for reason in refused:
        click.secho(f"refused: {reason}", fg="yellow", err=True)
    for item in calibrations:
        click.echo(f"\n{item.model} on {item.device}, {item.engine} ({item.load}): {item.num_points} runs")
        for title, errors in (("these runs", item.fitted), ("each configuration left out", item.held_out)):
            for error in errors:
                click.echo(f"  {title:28}{_error_line(error)}")
        if not item.held_out:
            click.echo("  one configuration only: no held-out error; measure another load or length")
        click.echo("  " + ", ".join(f"{name} {value:.4g}" for name, value in item.constants.items()))
        if not item.helps:
            click.secho("  not kept: it predicts what it was not fitted on no better", fg="yellow")
        elif dry_run:
            click.echo("  not kept: dry run")
        else:
            click.echo("  kept: later predictions of this model, device and engine use it")
    if not calibrations:
        click.secho("nothing to calibrate: no run can be compared with a prediction", fg="yellow", err=True)


def _error_line(error: MetricError) -> str:
    name = error.metric.removesuffix("_mean")
    return f"{name:12} median error {error.before:7.1%} -> {error.after:6.1%}   ({error.count} runs)"


def _print_runs(before: Sequence[ComparedRun], after: Sequence[ComparedRun]) -> None:
    click.echo(
        f"{'load':>14} {'isl':>7} {'osl':>6}"
        + "".join(f"{t + ' measured, before, after':>34}" for t in _TITLES.values())
    )
    for old, new in list(zip(before, after, strict=True))[:_SHOWN_RUNS]:
        run = old.run
        load = (
            f"{run.concurrency} clients" if run.concurrency else f"{run.request_rate:g}/s" if run.request_rate else "-"
        )
        lengths = f"{run.isl or 0:7.0f} {run.osl or 0:6.0f}"
        if old.reason:
            click.echo(f"{load:>14} {lengths}  not compared: {old.reason}")
            continue
        cells = "".join(f"{_cells(name, old, new):>34}" for name in _TITLES)
        click.echo(f"{load:>14} {lengths}{cells}")
    if len(before) > _SHOWN_RUNS:
        click.echo(f"... and {len(before) - _SHOWN_RUNS} more runs")


def _cells(metric: str, old: ComparedRun, new: ComparedRun) -> str:
    figures = (old.run.metrics.get(metric), *(getattr(run.predicted, metric, None) for run in (old, new)))
    return " ".join(f"{value:10.4g}" if value is not None else f"{'-':>10}" for value in figures)


def _show_kept(store: Any, stated: Mapping[str, Any], remove: bool, as_json: bool) -> None:
    if remove:
        if not stated["model"]:
            raise click.UsageError("--remove needs --model NAME")
        found = store.remove(stated["model"], stated["hardware"], stated["engine"])
    else:
        found = store.all()
    if as_json:
        click.echo(json.dumps([item.to_dict() for item in found], indent=2, allow_nan=False))
        return
    for item in found:
        click.echo(
            f"{'removed ' if remove else ''}{item.model} on {item.device}, {item.engine}: {item.num_points} runs"
        )
    if not found:
        click.echo("nothing is kept" if not remove else "nothing of that name is kept")
