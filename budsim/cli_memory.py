"""The single questions of ``budsim memory``: ``--explain`` and ``--import-log``, and the calibrated table."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from budsim.cli_types import FiniteRange

if TYPE_CHECKING:
    import pandas as pd

    from budsim.perf_model.serving_point import ServingPoint

GIB = float(2**30)
_EXIT_INFEASIBLE = 3
_MAX_LOG_BYTES = 50_000_000
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS = (
    click.option("--input", "input_path", type=_FILE, help="CSV of points; columns as in the README."),
    click.option("--output", "output_path", type=click.Path(dir_okay=False, path_type=Path), help="CSV to write."),
    click.option("--quiet", is_flag=True, help="No progress bar, no summary."),
    click.option("--explain", metavar="MODEL", help="Print the memory equation of MODEL with the numbers in it."),
    click.option(
        "--import-log", type=_FILE, metavar="FILE", help="Read a start-up log of vLLM or SGLang, compare and calibrate."
    ),
    click.option("--model", metavar="NAME", help="--import-log: what the log's model is called here."),
    click.option("--hardware", metavar="NAME", help="Device."),
    click.option("--tp", type=click.IntRange(1), help="--explain: tensor parallel size."),
    click.option("--pp", type=click.IntRange(1), help="--explain: pipeline stages."),
    click.option("--engine", help="--explain: vllm, sglang, trtllm or tgi."),
    click.option("--engine-version", help="--explain: version of the engine."),
    click.option("--precision", help="--explain: format of the weights."),
    click.option("--kv-cache-dtype", help="--explain: format of the KV cache."),
    click.option("--max-model-len", type=click.IntRange(1), help="--explain: longest sequence, tokens."),
    click.option("--max-num-seqs", type=click.IntRange(1), help="--explain: sequences in one step."),
    click.option("--gpu-memory-utilization", type=FiniteRange(0, 1, min_open=True), help="--explain: share."),
)


def memory_options(command: Any) -> Any:
    """Add the options of ``budsim memory``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def estimate_table(points: pd.DataFrame) -> pd.DataFrame:
    """Estimate the memory of every point; what imported logs measured is applied and said in ``reason``."""
    from budsim.model_ops.services import memory_corrections
    from budsim.simulator import points_table

    return points_table.estimate_memory(points, memory_corrections())


def show_explanation(question: Mapping[str, Any], as_json: bool) -> None:
    """Print why a model needs the memory it needs on a device.

    Raises:
        BudSimError: The model, the device or a parameter cannot be served.
    """
    from budsim.model_ops.memory_explanation import explain
    from budsim.model_ops.services import memory_corrections

    if question["hardware"] is None:
        raise click.UsageError("--explain needs --hardware NAME")
    point, notes = _point(question)
    answer = explain(point, memory_corrections()(point), length_stated=question["max_model_len"] is not None)
    answer["lines"] += notes
    if as_json:
        click.echo(json.dumps(answer, indent=2, allow_nan=False))
    else:
        click.echo("\n".join(answer["lines"]))
    if not answer["starts"]:
        sys.exit(_EXIT_INFEASIBLE)


def _point(question: Mapping[str, Any]) -> tuple[ServingPoint, tuple[str, ...]]:
    import pandas as pd

    from budsim.commons.errors import InvalidRequestError
    from budsim.simulator.points_reader import RowRefusal, read_rows

    columns = ("hardware", "tp", "pp", "engine", "engine_version", "precision", "kv_cache_dtype", "max_model_len",
               "max_num_seqs", "gpu_memory_utilization")  # fmt: skip
    row = {"model": question["explain"], **{name: question[name] for name in columns if question[name] is not None}}
    found = read_rows(pd.DataFrame([row]), needs_load=False)[0]
    if isinstance(found.point, RowRefusal):
        raise InvalidRequestError(found.point.reason, {"status": found.point.status})
    return found.point, found.notes


def show_import(question: Mapping[str, Any], as_json: bool) -> None:
    """Print what a start-up log says beside what was predicted, and keep the calibration.

    Raises:
        BudSimError: The log, the model or the device is not known.
    """
    from budsim.commons.catalogs import hardware_catalog
    from budsim.model_ops.services import calibration_store, default_library
    from budsim.model_ops.startup_import import import_startup_log

    answer = import_startup_log(
        _read_log(question["import_log"]),
        resolve_model=default_library().resolve,
        match_device=lambda name: hardware_catalog().match(name).spec,
        model=question["model"],
        hardware=question["hardware"],
        store=calibration_store(),
    )
    if as_json:
        click.echo(json.dumps(answer, indent=2, allow_nan=False))
        return
    _print_import(answer)


def _read_log(path: Path) -> str:
    from budsim.commons.errors import InvalidRequestError, PayloadTooLargeError

    try:
        if path.stat().st_size > _MAX_LOG_BYTES:
            text = f"{path} is larger than {_MAX_LOG_BYTES // 10**6} MB: cut it to one start"
            raise PayloadTooLargeError(text, {"field": "import_log"})
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as problem:
        raise InvalidRequestError(f"{path} cannot be read: {problem.strerror}", {"field": "import_log"}) from problem


def _print_import(answer: Mapping[str, Any]) -> None:
    click.echo(answer["summary"])
    rows = answer["comparison"] or answer["figures"]
    if rows:
        click.echo(f"\n{'':18}{'predicted':>16}{'logged':>16}{'error':>9}")
    for row in rows:
        if row["predicted"] is None and row["logged"] is None:
            continue
        error = "" if row["relative_error"] is None else f"{row['relative_error']:+.1%}"
        cells = [_cell(row[side], row["unit"]) for side in ("predicted", "logged")]
        click.echo(f"{row['quantity']:18}{cells[0]:>16}{cells[1]:>16}{error:>9}")
    if answer["predicted"]:
        click.echo(f"\npredicted: {answer['predicted']}")
    failure = answer["log"]["failure"]
    if failure:
        click.echo(f"the engine's words: {failure['line']}")
    for note in answer["notes"]:
        click.echo(note)


def _cell(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    if unit == "bytes":
        return f"{value / GIB:,.2f} GiB"
    return f"{value:,.0f}" if unit == "tokens" else f"{value:,.2f}"
