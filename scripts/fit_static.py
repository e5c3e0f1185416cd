"""Second stage of the fit: constants of static batches and of engines that were measured in no other way.

    python scripts/fit_static.py FOLDER [--write]

The first stage (``fit_step_time.py``) shares kernels over engines and loads and sees few static batches. Here all that
is served stays as it is, and the entries of static batches, the more specific ones, are fitted to all rows: offline
loops launch other kernels (no CUDA graphs, older releases) than servers do. An engine's host constants start from
everybody's static ones, its kernels from its served ones on the family; TGI, served but measured by one source alone,
starts from everybody's. So the outcome does not depend on what an earlier run of this stage wrote. The same
is done on top of each fold's constants in ``tests/accuracy/fold_constants.json``, without the fold's rows. ``--write``
replaces the entries of both files.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent))
from fit_step_time import (
    NAMES,
    OUTPUT,
    STATIC_SOURCES,
    TTFT_WEIGHT,
    Case,
    Cell,
    Floats,
    Problem,
    ape,
    cases_of,
    descend,
    log_errors,
    notes_of,
    on_all_cores,
    render,
)
from fold_constants import STORED
from folds import SCHEMES, fold_labels
from serving_measurements import is_ambiguous_hardware, read_measurements

from budsim.perf_model.engine_constants import (
    BOUNDS,
    HOST_CONSTANTS,
    FittedConstants,
    StepConstants,
    step_constants,
)
from budsim.perf_model.fitted_constants import FITTED

SERVED_EXTRA = ("ibm-llm-pilot",)
# Constants that static batches were measured with; nothing in them runs MLA, fp4 or scales per block.
FREE = (
    "memory_efficiency", "kv_efficiency", "kv_narrow_efficiency", "compute_efficiency", "narrow_efficiency",
    "expert_memory_efficiency", "expert_compute_efficiency", "expert_narrow_efficiency", "routing_evenness",
    "half_rate_tokens", "attention_efficiency", "attention_half_tokens", "link_efficiency", "collective_latency_s",
    "layer_overhead_s", "moe_overhead_s", *HOST_CONSTANTS,
)  # fmt: skip
ARRIVAL = (
    "arrival_delay_s",
    "arrival_lag_steps",
    "cold_step_s",
    "cold_chunk_s",
)  # all requests of a static batch are there
# Standard deviations, in natural logarithms, from what the first stage gives.
KERNEL_SIGMA, LOOSE_SIGMA = 0.4, 1.0
HOST_ENGINE_SIGMA, HOST_CELL_SIGMA = 1.2, 0.6
LOOSE = {"layer_overhead_s", "moe_overhead_s", "routing_evenness", "half_rate_tokens", "attention_half_tokens"}
TTFT_WEIGHT_STATIC = 0.3
STATIC_WEIGHT = 2.0  # the first stage counts them half
CHORDS = 8
PINNED = 0.3  # share of a constant's curvature that the other folds must hold
PULL = 0.1  # of 0.25, 0.1 and 0.08 the best on unseen configurations


def is_second_stage(table: pd.DataFrame) -> pd.Series:
    """Return the rows that this stage is fitted to."""
    static = table["source"].isin(STATIC_SOURCES) & ~is_ambiguous_hardware(table)
    return static | table["source"].isin(SERVED_EXTRA)


def first_stage(fitted: FittedConstants, case: Case) -> StepConstants:
    """Return where a cell starts: nothing that this stage writes."""
    engine, family, load = case.cell
    own = {(engine, "*", load), (engine, family, load)}
    others = {key: values for key, values in fitted.items() if key not in own}
    return replace(step_constants(engine, case.point.device, load, others), **fitted["*", "*", load])


class StaticLevels:
    """Deviations of engines (host) and cells (host, kernels) from the first stage; see ``fit_step_time.Levels``."""

    def __init__(self, start: Mapping[Cell, StepConstants]) -> None:
        self.cells = sorted(start)
        self.keys: dict[tuple[str, str, str, str], int] = {}
        self.sigma: list[float] = []
        entries = []
        for c, (engine, family, load) in enumerate(self.cells):
            for name in FREE:
                if name in ARRIVAL and load == "static":
                    continue
                host = name in HOST_CONSTANTS
                wide = HOST_CELL_SIGMA if host else LOOSE_SIGMA if name in LOOSE else KERNEL_SIGMA
                places = [self._place((engine, family, load, name), wide)]
                if host:
                    places.append(self._place((engine, "*", load, name), HOST_ENGINE_SIGMA))
                entries += [(c, NAMES.index(name), place) for place in places]
        self.map = np.zeros((len(self.cells), len(NAMES), len(self.sigma)))
        for c, n, place in entries:
            self.map[c, n, place] = 1.0
        self.base = np.log([[asdict(start[cell])[name] for name in NAMES] for cell in self.cells])
        self.pull = PULL / np.array(self.sigma)
        self.low, self.high = (np.log([BOUNDS[name][i] for name in NAMES]) for i in (0, 1))

    def _place(self, key: tuple[str, str, str, str], sigma: float) -> int:
        if key not in self.keys:
            self.keys[key] = len(self.sigma)
            self.sigma.append(sigma)
        return self.keys[key]

    def constants(self, theta: Floats) -> dict[Cell, StepConstants]:
        """Return the constants of every cell."""
        logs = np.clip(self.base + self.map @ theta, self.low, self.high)
        return {
            cell: StepConstants(**dict(zip(NAMES, np.exp(row).tolist(), strict=True)))
            for cell, row in zip(self.cells, logs, strict=True)
        }

    def tables(self, theta: Floats, fitted: FittedConstants, digits: int = 4) -> dict[Cell, dict[str, float]]:
        """Return the entries of ``FITTED`` that this stage writes: engines hold host constants, cells all of theirs."""
        out: dict[Cell, dict[str, float]] = {}
        for (engine, family, load, name), place in self.keys.items():
            if family == "*":
                value = float(fitted["*", "*", load][name] * np.exp(theta[place]))
                own = out.setdefault((engine, "*", load), dict(fitted["*", "*", load]))
                own[name] = float(np.clip(value, *BOUNDS[name]))
        for cell, constants in self.constants(theta).items():
            known = NAMES if cell[2] == "served" else [name for name in NAMES if name in FREE]
            out[cell] = {name: getattr(constants, name) for name in known}
        return {key: {name: float(f"{value:.{digits}g}") for name, value in row.items()} for key, row in out.items()}


def problem_of(cases: list[Case], fitted: FittedConstants) -> Problem:
    """Return the problem of one engine's cases."""
    levels = StaticLevels({case.cell: first_stage(fitted, case) for case in cases})
    weight = np.array([case.weight * (STATIC_WEIGHT if case.cell[2] == "static" else 1.0) for case in cases])
    second = np.array([TTFT_WEIGHT_STATIC if case.cell[2] == "static" else TTFT_WEIGHT for case in cases])
    return Problem(cases, levels, np.stack([weight, weight * second], axis=1))


def by_engine(cases: list[Case]) -> dict[str, list[Case]]:
    """Return the cases of each engine: nothing is shared between them here."""
    engines: dict[str, list[Case]] = {}
    for case in cases:
        engines.setdefault(case.cell[0], []).append(case)
    return engines


def errors_table(table: pd.DataFrame, cases: list[Case], errors: Floats) -> pd.DataFrame:
    """Return the median and mean error of E2E (TGI: TPOT) and the median of TTFT per source and engine."""
    rows = table.loc[[case.row for case in cases]]
    frame = pd.DataFrame({"e2e": ape(errors[:, 0]), "ttft": ape(errors[:, 1])}, index=rows.index)
    grouped = frame.groupby([rows["source"], rows["engine"]])
    return grouped.agg(["median", "mean", "count"]).round(1)


def fit(cases: list[Case], fitted: FittedConstants, iterations: int) -> tuple[dict[str, Problem], dict[str, Floats]]:
    """Return the problem and the minimum of every engine."""
    problems, minima = {}, {}
    for engine, own in sorted(by_engine(cases).items()):
        print(f"== {engine}: {len(own)} points", flush=True)
        problems[engine] = problem_of(own, fitted)
        minima[engine] = descend(problems[engine], np.zeros(len(problems[engine].levels.sigma)), iterations)
    return problems, minima


def renewed(
    fitted: FittedConstants, problems: Mapping[str, Problem], minima: Mapping[str, Floats]
) -> dict[Cell, dict[str, float]]:
    """Return the constants with this stage's entries in place of older ones."""
    out = {key: dict(values) for key, values in fitted.items()}
    for engine, problem in problems.items():
        out |= problem.levels.tables(minima[engine], fitted)
    return dict(sorted(out.items()))


def without(problem: Problem, slopes: Floats, theta: Floats, kept: NDArray[np.bool_]) -> Floats:
    """Return the minimum over the kept cases, by damped chord iterations with the derivatives of the full fit.

    What the held-out cases alone determined starts at the prior: damping must not preserve what has seen the fold.
    """
    jacobian = problem.jacobian(slopes)
    curvature = (jacobian * problem.weights[:, :, None]) ** 2
    pinned = curvature[kept].sum(axis=(0, 1)) >= PINNED * curvature.sum(axis=(0, 1))
    theta = np.where(pinned, theta, 0.0)
    errors = problem.errors(theta)
    least, damping = problem.cost(errors, theta, kept), 1e-3
    for _ in range(CHORDS):
        trial = theta + problem.step(errors, jacobian, theta, kept, damping)
        found = problem.errors(trial)
        cost = problem.cost(found, trial, kept)
        if cost >= least:
            damping *= 30
            continue
        small = least - cost < 0.004 * least
        theta, errors, least, damping = trial, found, cost, damping / 5
        if small:
            break
    return theta


def _refitted(
    problem: Problem, base: FittedConstants, slopes: Floats, minimum: Floats, held: NDArray[np.bool_]
) -> tuple[FittedConstants, pd.DataFrame]:
    """Return one fold's constants with this stage's entries, and the errors of the rows held out."""
    refitted = problem_of(problem.cases, base)
    theta = without(refitted, slopes, minimum, ~held)
    left = [case for case, out in zip(problem.cases, held, strict=True) if out]
    cells = {case.cell for case in left}
    errors = log_errors(left, refitted.levels.constants(theta))
    entries = refitted.levels.tables(theta, base, digits=3)
    needed = {key: row for key, row in entries.items() if key in cells or key[1] == "*"}
    frame = pd.DataFrame({"e2e": ape(errors[:, 0]), "ttft": ape(errors[:, 1])})
    return {**base, **needed}, frame.assign(row=[case.row for case in left])


def refit_folds(
    table: pd.DataFrame, problems: Mapping[str, Problem], minima: Mapping[str, Floats]
) -> tuple[dict[str, dict[str, FittedConstants]], pd.DataFrame]:
    """Return every fold's constants with this stage's entries, and the held-out errors of all rows by scheme."""
    stored = {
        scheme: {
            fold: {tuple(key.split("|")): values for key, values in found.items()} for fold, found in folds.items()
        }
        for scheme, folds in json.loads(STORED.read_text(encoding="utf-8")).items()
    }
    judged, slopes = [], {}
    for engine, problem in problems.items():
        slopes[engine] = problem.slopes(minima[engine], problem.errors(minima[engine]))
        for scheme in SCHEMES:
            labels = fold_labels(table, scheme).loc[[case.row for case in problem.cases]]

            def refit(
                fold: str, scheme: str = scheme, problem: Problem = problem, labels: pd.Series = labels
            ) -> tuple[FittedConstants, pd.DataFrame]:
                base = stored[scheme].get(fold) or FITTED
                engine = problem.cases[0].cell[0]
                return _refitted(problem, base, slopes[engine], minima[engine], labels.eq(fold).to_numpy())

            names = sorted(labels.unique())
            for fold, (constants, frame) in zip(names, on_all_cores(refit, names), strict=True):
                stored[scheme][fold] = constants
                judged.append(frame.assign(scheme=scheme, engine=engine))
    return stored, pd.concat(judged, ignore_index=True)


def stored_notes() -> dict[Cell, str]:
    """Return the comments of the entries as they are written now."""
    lines = OUTPUT.read_text(encoding="utf-8").splitlines()
    pairs = itertools.pairwise(lines)
    return {
        tuple(re.findall(r'"([^"]+)"', entry)): note.strip()[2:] for note, entry in pairs if note.startswith("    # ")
    }


def write(
    constants: Mapping[Cell, Mapping[str, float]],
    notes: Mapping[Cell, str],
    folds: Mapping[str, Mapping[str, FittedConstants]],
) -> None:
    """Write the constants of all points and of every fold."""
    OUTPUT.write_text(render(constants, notes), encoding="utf-8")
    texts = {
        scheme: {fold: {"|".join(key): dict(row) for key, row in sorted(found.items())} for fold, found in own.items()}
        for scheme, own in folds.items()
    }
    STORED.write_text(json.dumps(texts, separators=(",", ":")) + "\n", encoding="utf-8")


def main() -> None:
    """Fit all rows, then without each fold; print the errors, write the constants."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--iterations", type=int, default=8)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    table = read_measurements(arguments.folder)
    problems, minima = fit(cases_of(table[is_second_stage(table)]), FITTED, arguments.iterations)
    notes = stored_notes()
    for engine, problem in problems.items():
        errors = problem.errors(minima[engine])
        notes |= notes_of(problem, errors)
        print(errors_table(table, problem.cases, errors).to_string(), flush=True)
    folds, judged = refit_folds(table, problems, minima)
    judged = judged.join(table["source"], on="row")
    grouped = judged.groupby(["scheme", "source", "engine"])[["e2e", "ttft"]]
    print(grouped.agg(["median", "mean", "count"]).round(1).to_string())
    if arguments.write:
        write(renewed(FITTED, problems, minima), notes, folds)


if __name__ == "__main__":
    main()
