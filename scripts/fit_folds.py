"""Refits every constant without each held-out fold and reports the errors on what was held out.

    python scripts/fit_folds.py FOLDER [--write]

FOLDER holds ``serving_train.csv`` and ``train_protocol.csv``. The fit of ``fit_step_time.py`` is where it starts; its
derivatives are taken once. A fold's constants are the minimum over the other folds' points: the linearised problem is
solved, the errors are computed anew there, and it is solved again (a chord iteration). ``--write`` stores them in
``tests/accuracy/fold_constants.json``: ``{scheme: {fold: {"engine|family|load": {name: value}}}}``, complete for the
cells of the held-out rows, with the families' and the engines' shared entries for everything else.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent))
from fit_step_time import STORE, Floats, Problem, ape, load_cases, log_errors, on_all_cores
from fold_constants import STORED
from folds import SCHEMES, fold_labels
from serving_measurements import read_measurements

CHORDS = 1
SMALL_FOLD = 0.02  # of all points: what so few move, the linearised problem moves


def without(problem: Problem, theta: Floats, jacobian: Floats, errors: Floats, kept: NDArray[np.bool_]) -> Floats:
    """Return the levels fitted to the kept cases only."""
    if np.mean(~kept) < SMALL_FOLD:
        return theta + problem.step(errors, jacobian, theta, kept, damping=1e-3)
    best, least, now = theta, np.inf, errors
    for _ in range(CHORDS + 1):
        trial = best + problem.step(now, jacobian, best, kept, damping=1e-3)
        trial_errors = problem.errors(trial)
        cost = problem.cost(trial_errors, trial, kept)
        if cost > least:
            break
        best, least, now = trial, cost, trial_errors
    return best


def compact(problem: Problem, theta: Floats, held: NDArray[np.bool_]) -> dict[str, dict[str, float]]:
    """Return the entries that the held-out cases need, and the shared ones."""
    cells = {case.cell for case, out in zip(problem.cases, held, strict=True) if out}
    needed = cells | {(engine, family, "served") for engine, family, _ in cells}
    return {
        "|".join(key): {name: float(f"{value:.3g}") for name, value in row.items()}
        for key, row in problem.levels.tables(theta).items()
        if key in needed or "*" in key[:2]
    }


def report(rows: pd.DataFrame, errors: Floats, folds: pd.Series, scheme: str) -> str:
    """Return held-out medians and means per source x engine and per fold."""
    frame = pd.DataFrame({"tpot": ape(errors[:, 0]), "ttft": ape(errors[:, 1])}, index=rows.index)
    served = rows["load_mode"].ne("static_batch") & rows["source"].ne("ibm-llm-pilot")
    core = frame[served]
    lines = [
        f"\n== {scheme}: held out, served rows: TPOT {core.tpot.median():.1f} / {core.tpot.mean():.1f},"
        f" TTFT {core.ttft.median():.1f} / {core.ttft.mean():.1f} (median / mean);"
        f" static E2E {frame[rows['load_mode'].eq('static_batch')].tpot.median():.1f}"
    ]
    for by in ([rows["source"], rows["engine"]], [folds]):
        grouped = frame.groupby(by)
        table = grouped.agg(["median", "mean"]).round(1)
        table["rows", ""] = grouped.size()
        lines.append(table.to_string())
    return "\n".join(lines)


def main() -> None:
    """Refit all folds, print the held-out errors, store the constants."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--theta", type=Path, default=STORE, help="the full fit")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    table = read_measurements(arguments.folder)
    problem = Problem.of(load_cases(table, arguments.every))
    theta = np.load(arguments.theta, allow_pickle=False)["theta"]
    errors = problem.errors(theta)
    jacobian = problem.jacobian(problem.slopes(theta, errors))
    rows = table.loc[[case.row for case in problem.cases]]
    stored: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for scheme in SCHEMES:
        labels = fold_labels(table, scheme).loc[rows.index]
        found = np.full_like(errors, np.nan)
        stored[scheme] = {}

        def refit(fold: str, labels: pd.Series = labels) -> tuple[NDArray[np.bool_], Floats, Floats]:
            held = labels.eq(fold).to_numpy()
            refitted = without(problem, theta, jacobian, errors, ~held)
            left = [case for case, out in zip(problem.cases, held, strict=True) if out]
            return held, refitted, log_errors(left, problem.levels.constants(refitted))

        names = sorted(labels.unique())
        for fold, (held, refitted, judged) in zip(names, on_all_cores(refit, names), strict=True):
            found[held] = judged
            stored[scheme][fold] = compact(problem, refitted, held)
        print(report(rows, found, labels, scheme), flush=True)
    if arguments.write:
        STORED.write_text(json.dumps(stored, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
