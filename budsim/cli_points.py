"""Files of points for ``budsim predict`` and ``budsim memory``: read strictly, answered in steps, written whole."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pandas as pd

_ROWS_PER_STEP = 250  # rows between two movements of the progress bar
_MAX_BYTES = 100_000_000  # a larger file is refused before it is read


def answer_file(
    input_path: Path, output_path: Path, answer: Callable[[pd.DataFrame], pd.DataFrame], quiet: bool
) -> None:
    """Answer every row of a CSV file.

    A row with more cells than the header gets the status ``invalid`` and keeps its first cells. Bytes that are not
    UTF-8 pass through unchanged.
    """
    points, malformed = read_points(input_path)
    steps = range(0, max(len(points), 1), _ROWS_PER_STEP)
    with click.progressbar(steps, label="points", file=sys.stderr, hidden=quiet) as bar:
        parts = [answer(points.iloc[start : start + _ROWS_PER_STEP].reset_index(drop=True)) for start in bar]
    result = pd.concat(parts, ignore_index=True)
    own_columns = [name for name in result.columns if name not in points.columns and not name.endswith("_input")]
    for index, reason in malformed.items():
        result.loc[index, own_columns] = None
        result.loc[index, ["status", "reason"]] = ["invalid", reason]
    _write(result, output_path)
    if not quiet:
        counts = result["status"].value_counts().to_dict()
        told = ", ".join(f"{count} {status}" for status, count in counts.items()) or "no rows"
        click.echo(f"{output_path}: {told}", err=True)


def read_points(path: Path) -> tuple[pd.DataFrame, dict[int, str]]:
    """Return the cells as text, and per malformed row what is wrong with it."""
    if path.stat().st_size > _MAX_BYTES:
        raise click.BadParameter(f"{path} is larger than {_MAX_BYTES // 10**6} MB; split it", param_hint="--input")
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            rows = [row for row in csv.reader(file, strict=True) if row]
    except csv.Error as error:
        raise click.BadParameter(f"{path} is not a CSV table: {error}", param_hint="--input") from error
    if not rows:
        raise click.BadParameter(f"{path} is empty: it needs a header", param_hint="--input")
    header, *body = rows
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise click.BadParameter(f"{path} names a column twice: {', '.join(repeated)}", param_hint="--input")
    malformed = {
        index: f"the row has {len(row)} cells, the header names {len(header)} columns"
        for index, row in enumerate(body)
        if len(row) > len(header)
    }
    cells = [(row + [""] * len(header))[: len(header)] for row in body]
    return pd.DataFrame(cells, columns=pd.Index(header), dtype=str), malformed


def _write(result: pd.DataFrame, path: Path) -> None:
    partial = path.with_name(path.name + ".part")
    try:
        result.to_csv(partial, index=False, errors="surrogateescape")
        partial.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise click.BadParameter(f"cannot write {path}: {reason}", param_hint="--output") from error
