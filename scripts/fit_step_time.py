"""Fits the engine constants of the step-time model to measured serving points.

    python scripts/fit_step_time.py FOLDER [--write]

FOLDER holds ``serving_train.csv`` and ``train_protocol.csv``. Every constant is a sum of logarithms: the default of the
device family (operator tables), what the family deviates from it, what the engine deviates from everybody, and what
the engine deviates on this family. Kernel constants are shared by all engines and loads of a family, host constants by
all families of an engine; every deviation is pulled to 0, the more the less physics allows it (``_SIGMAS``). So a
family or an engine that is hardly measured keeps what the others taught. All levels are found together by damped
Gauss-Newton on a Huber loss of log TPOT and log TTFT (static batches: E2E). What runs kernels of its own teaches
nobody else and is left to ``fit_static.py``. ``--write`` replaces ``budsim/perf_model/fitted_constants.py``.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent))
from folds import CONFIGURATION_KEY, configuration_key
from serving_measurements import group_key, is_ambiguous_hardware, is_core, read_measurements

from budsim.perf_model.engine_constants import (
    BOUNDS,
    DEFAULTS,
    HOST_CONSTANTS,
    KERNEL_CONSTANTS,
    FittedConstants,
    StepConstants,
    device_family,
)
from budsim.perf_model.fitted_constants import FITTED
from budsim.perf_model.memory import estimate_memory
from budsim.perf_model.serving import serve
from budsim.perf_model.serving_point import Infeasible, ServingPoint
from budsim.perf_model.step_time import step_coefficients
from budsim.simulator import points_reader
from budsim.simulator.heuristic import refusal

Floats = NDArray[np.float64]
Cell = tuple[str, str, str]  # engine, device family, load
ROOT = Path(__file__).resolve().parents[1]
OUTPUT = ROOT / "budsim" / "perf_model" / "fitted_constants.py"
STORE = ROOT / "build" / "fit_step_time.npz"
STATIC_SOURCES = (
    "argonne-llm-inference-bench", "splitwise-azure", "nvidia-trtllm-perf-docs", "intel-gaudi-perf-page",
)  # fmt: skip
OWN_KERNELS = ("tgis(ibm-tgi)", "llama.cpp", "deepspeed-mii")
NAMES = KERNEL_CONSTANTS + HOST_CONSTANTS
HUBER = 0.25
TTFT_WEIGHT = 0.7
STATIC_ROWS = 24  # of one engine on one device
# One measured point says little that its neighbours do not: the prior counts as if each said this much of what it does.
NOISE = 0.43
# Standard deviations, in natural logarithms: of a family from the operator tables, of an engine on a family from that.
_SIGMAS = {"kernel family": 0.15, "kernel cell": 0.15, "host engine": 0.4, "host cell": 0.5, "host everybody": 0.5}
_POLLING = {"host everybody": 0.1, "host engine": 0.4, "host cell": 0.3}
# Some engines compile kernels on some families when they meet a shape, others ship them.
_COMPILING = {"host everybody": 0.1, "host engine": 0.3, "host cell": 4.0}
# First guesses for SGLang on Blackwell: near the default its cold runs have no slope.
_COLD_START_S = {"cold_step_s": 3.0, "cold_chunk_s": 60.0}
_LOOSE = {"layer_overhead_s", "moe_overhead_s", "mla_overhead_s", "routing_evenness", "attention_half_tokens"}
_UNTABLED_FAMILIES = {"cdna", "gaudi", "cpu", "turing", "other"}


_Item, _Result = TypeVar("_Item"), TypeVar("_Result")
_shared: list[Callable[..., object]] = []  # what the forked processes run


def _run(item: object) -> object:
    return _shared[-1](item)


def on_all_cores(work: Callable[[_Item], _Result], items: list[_Item]) -> list[_Result]:
    """Return ``work`` of each item, in order; every core has a copy of this process."""
    _shared.append(work)
    try:
        with multiprocessing.get_context("fork").Pool() as pool:
            return pool.map(_run, items, chunksize=1)  # type: ignore[return-value, arg-type]
    finally:
        _shared.pop()


@dataclass
class Case:
    """One measured point, ready to be replayed."""

    point: ServingPoint
    kv_tokens: float
    measured: tuple[float, float]  # served: TPOT ms, TTFT ms; static: E2E s (or rate), TTFT ms
    cell: Cell
    weight: float
    row: int
    played: dict[tuple[float, ...], tuple[float, float]] = field(default_factory=dict)


def _digest(keys: pd.Series) -> pd.Series:
    """Return a number that depends on each key alone: what it orders no period of a table can meet."""
    return keys.map(lambda key: int(hashlib.sha256(key.encode()).hexdigest()[:12], 16))


def _wanted(table: pd.DataFrame, every: int) -> pd.Series:
    served = is_core(table) & ~table["held_back"]
    sweep = table[served].sort_values("concurrency", kind="mergesort")
    keys = configuration_key(sweep)
    place = sweep.groupby(keys).cumcount() + _digest(keys) % every  # low and high concurrency in turn
    served &= place.reindex(table.index).mod(every).eq(0)
    is_static = table["source"].isin(STATIC_SOURCES) & ~is_ambiguous_hardware(table)
    static = table[is_static & ~table["engine"].isin(OWN_KERNELS)]
    return served | sample_of(static).reindex(table.index, fill_value=False)


def sample_of(static: pd.DataFrame) -> pd.Series:
    """Return which rows stand for all static batches: of an engine on a device, every batch size in turn."""
    order = _digest(configuration_key(static, (*CONFIGURATION_KEY, "concurrency")))
    device = [static["engine"], static["hardware"]]
    turn = order.groupby([*device, static["concurrency"]]).rank(method="first")
    drawn = pd.DataFrame({"turn": turn, "order": order}).sort_values(["turn", "order"], kind="mergesort")
    taken = drawn.groupby([column.reindex(drawn.index) for column in device]).cumcount() < STATIC_ROWS
    return taken.reindex(static.index)


def load_cases(table: pd.DataFrame, every: int = 1) -> list[Case]:
    """Return the measured points that the constants are fitted to.

    Args:
        table: ``read_measurements``.
        every: Only each such point of a sweep over concurrency.
    """
    return cases_of(table[_wanted(table, every)])


def cases_of(table: pd.DataFrame) -> list[Case]:
    """Return the rows that can be replayed.

    Args:
        table: Rows of ``read_measurements``.
    """
    chosen = table.copy()
    chosen.index.name = "row"
    rows = chosen.index.to_numpy()
    groups = group_key(chosen)
    sizes = groups.map(groups.value_counts()).to_numpy()
    cases = []
    points = [row.point for row in points_reader.read_rows(chosen.reset_index(drop=True))]
    for i, point in enumerate(points):
        if not isinstance(point, ServingPoint) or refusal(point):
            continue
        memory = estimate_memory(point)
        if isinstance(memory, Infeasible):
            continue
        load = point.workload
        kv = memory.kv_tokens_for_lengths(load.isl, load.osl)
        if kv < load.isl + load.osl:
            continue
        kind = "static" if load.load_mode.value == "static_batch" else "served"
        row = chosen.iloc[i]
        first = row["measured_tpot_ms"]
        if kind == "static":
            rate = row["measured_output_tps"]
            first = row["measured_e2e_s"] if row["measured_e2e_s"] > 0 else (load.concurrency or 1) * load.osl / rate
        weight = float(max(1.0, sizes[i] / 10.0) ** -0.35) * (0.5 if kind == "static" else 1.0)
        cell = (point.settings.engine, device_family(point.device), kind)
        cases.append(Case(point, kv, (float(first), float(row["measured_ttft_ms"])), cell, weight, int(rows[i])))
    return cases


def predicted(case: Case, constants: StepConstants) -> tuple[float, float]:
    """Return what ``case.measured`` holds, predicted. What a constant does not touch is not played again."""
    coefficients = step_coefficients(case.point, constants)
    cold = (constants.cold_step_s, constants.cold_chunk_s) if case.point.workload.num_warmups == 0 else ()
    key = (*coefficients, constants.arrival_delay_s, constants.arrival_lag_steps, *cold)
    if key not in case.played:
        answer = serve(case.point, coefficients, constants, case.kv_tokens)
        first = answer.e2e_s_mean if case.cell[2] == "static" else answer.tpot_ms_mean
        while len(case.played) > 1:
            case.played.pop(next(reversed(case.played)))
        case.played[key] = (first, answer.ttft_ms_mean)
    return case.played[key]


def log_errors(cases: list[Case], constants: Mapping[Cell, StepConstants]) -> Floats:
    """Return log(predicted / measured), shape (cases, 2); NaN where nothing was measured."""
    found = np.array([predicted(case, constants[case.cell]) for case in cases])
    measured = np.array([case.measured for case in cases])
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.log(found / np.where(measured > 0, measured, np.nan))
    errors[~np.isfinite(errors)] = np.nan
    return errors


class Levels:
    """The deviations of all levels as one vector, and the cells' log constants as a linear map of it."""

    def __init__(self, cells: list[Cell]) -> None:
        self.cells = cells
        self.keys: dict[tuple[str, str, str, str], int] = {}  # engine, family, load, constant -> place
        self.sigma: list[float] = []
        self.map = np.zeros((len(cells), len(NAMES), 0))
        entries: list[tuple[int, int, int]] = []
        for c, (engine, family, load) in enumerate(cells):
            for n, name in enumerate(NAMES):
                entries += [(c, n, place) for place in self._levels(engine, family, load, name)]
        self.map = np.zeros((len(cells), len(NAMES), len(self.sigma)))
        for c, n, place in entries:
            self.map[c, n, place] = 1.0
        self.base = np.log([[asdict(DEFAULTS[family])[name] for name in NAMES] for _, family, _ in cells])
        self.pull = NOISE / np.array(self.sigma)
        self.low, self.high = (np.log([BOUNDS[name][i] for name in NAMES]) for i in (0, 1))

    def _place(self, key: tuple[str, str, str, str], sigma: float) -> int:
        if key not in self.keys:
            self.keys[key] = len(self.sigma)
            self.sigma.append(sigma)
        return self.keys[key]

    def _levels(self, engine: str, family: str, load: str, name: str) -> list[int]:
        if name in KERNEL_CONSTANTS:
            wide = 3.0 if name in _LOOSE or family in _UNTABLED_FAMILIES else 1.0
            return [
                self._place(("*", family, "served", name), wide * _SIGMAS["kernel family"]),
                self._place((engine, family, "served", name), _SIGMAS["kernel cell"]),
            ]
        # Engines look for arrivals every step; what their launch scripts change of it is played.
        sigmas = _POLLING if name == "arrival_lag_steps" else _COMPILING if name in _COLD_START_S else _SIGMAS
        return [
            self._place(("*", "*", load, name), sigmas["host everybody"]),
            self._place((engine, "*", load, name), sigmas["host engine"]),
            self._place((engine, family, load, name), sigmas["host cell"]),
        ]

    def constants(self, theta: Floats) -> dict[Cell, StepConstants]:
        """Return the constants of every cell."""
        logs = np.clip(self.base + self.map @ theta, self.low, self.high)
        return {
            cell: StepConstants(**dict(zip(NAMES, np.exp(row).tolist(), strict=True)))
            for cell, row in zip(self.cells, logs, strict=True)
        }

    def start(self, fitted: FittedConstants) -> Floats:
        """Return the deviations behind earlier entries of ``FITTED``; what they do not hold, and static hosts, is 0.

        Where the compiling of kernels on a cold server is not held, it is the first guess: near the default, cold runs
        have no slope.
        """
        theta = np.zeros(len(self.sigma))
        for (engine, family, load, name), place in self.keys.items():
            stored = fitted.get((engine, family, load), {}).get(name)
            if stored is None and (engine, family, load) == ("sglang", "blackwell", "served"):
                stored = _COLD_START_S.get(name)
            if stored is None or (load == "static" and engine != "*"):  # the second stage wrote these
                continue
            base = asdict(DEFAULTS[family])[name] if family != "*" else getattr(StepConstants(), name)
            wider = self._wider(engine, family, load, name)
            theta[place] = np.log(stored / base) - sum(theta[self.keys[key]] for key in wider)
        return theta

    @staticmethod
    def _wider(engine: str, family: str, load: str, name: str) -> list[tuple[str, str, str, str]]:
        """Return the levels that a level deviates from."""
        if engine == "*":
            return []
        if name in KERNEL_CONSTANTS:
            return [("*", family, load, name)]
        return [("*", "*", load, name), (engine, "*", load, name)][: 1 if family == "*" else 2]

    def tables(self, theta: Floats) -> dict[Cell, dict[str, float]]:
        """Return the entries of ``FITTED``: families hold kernels, engines hold host constants, cells both."""
        found = self.constants(theta)
        default = asdict(StepConstants())
        out: dict[Cell, dict[str, float]] = {}
        for (engine, family, load, name), place in self.keys.items():
            if engine == "*" or family == "*":
                base = asdict(DEFAULTS[family])[name] if family != "*" else default[name]
                value = theta[place] + (theta[self.keys["*", "*", load, name]] if engine != "*" else 0.0)
                bound = BOUNDS[name]
                out.setdefault((engine, family, load), {})[name] = float(np.clip(base * np.exp(value), *bound))
        for (engine, family, load), constants in found.items():
            names = HOST_CONSTANTS if load == "static" else NAMES
            out[engine, family, load] = {name: getattr(constants, name) for name in names}
            if load == "static":
                kernels = {name: getattr(constants, name) for name in KERNEL_CONSTANTS}
                out.setdefault((engine, family, "served"), {}).update(kernels)
        return {key: {name: float(f"{value:.4g}") for name, value in row.items()} for key, row in sorted(out.items())}


@dataclass
class Problem:
    """Cases, levels and weights; residuals are laid out (cases, 2)."""

    cases: list[Case]
    levels: Levels
    weights: Floats  # (cases, 2)

    @classmethod
    def of(cls, cases: list[Case]) -> Problem:
        """Return the problem of all cases."""
        levels = Levels(sorted({case.cell for case in cases}))
        second = np.array([0.3 if case.cell[2] == "static" else TTFT_WEIGHT for case in cases])
        weight = np.array([case.weight for case in cases])
        return cls(cases, levels, np.stack([weight, weight * second], axis=1))

    def errors(self, theta: Floats) -> Floats:
        """Return log errors at ``theta``."""
        return log_errors(self.cases, self.levels.constants(theta))

    def slopes(self, theta: Floats, errors: Floats) -> Floats:
        """Return derivatives of the log errors by each log constant of the case's own cell, (cases, 2, names)."""
        for case in self.cases:
            case.played.clear()
        self.errors(theta)  # the first entry of ``played`` stays
        logs = np.clip(self.levels.base + self.levels.map @ theta, self.levels.low, self.levels.high)
        place = {cell: i for i, cell in enumerate(self.levels.cells)}

        def slope(n: int) -> Floats:
            step = np.where(logs[:, n] + 0.08 < self.levels.high[n], 0.08, -0.08)
            moved = logs.copy()
            moved[:, n] += step
            constants = {
                cell: StepConstants(**dict(zip(NAMES, np.exp(row).tolist(), strict=True)))
                for cell, row in zip(self.levels.cells, moved, strict=True)
            }
            steps = np.array([step[place[case.cell]] for case in self.cases])
            return np.nan_to_num((log_errors(self.cases, constants) - errors) / steps[:, None])

        moving = np.flatnonzero(self.levels.map.any(axis=(0, 2))).tolist()
        out = np.zeros((*errors.shape, len(NAMES)))
        out[:, :, moving] = np.stack(on_all_cores(slope, moving), axis=2)
        return np.clip(out, -3.0, 3.0)

    def jacobian(self, slopes: Floats) -> Floats:
        """Return derivatives by the levels, (cases, 2, levels)."""
        place = {cell: i for i, cell in enumerate(self.levels.cells)}
        chosen = self.levels.map[[place[case.cell] for case in self.cases]]
        return np.einsum("ctn,cnl->ctl", slopes, chosen)

    def cost(self, errors: Floats, theta: Floats, kept: NDArray[np.bool_]) -> float:
        """Return the Huber loss of the kept cases and the prior."""
        size = np.abs(np.nan_to_num(errors[kept]))
        huber = np.where(size < HUBER, 0.5 * size**2, HUBER * (size - 0.5 * HUBER))
        return float((huber * self.weights[kept] ** 2).sum() + 0.5 * ((self.levels.pull * theta) ** 2).sum())

    def step(self, errors: Floats, jacobian: Floats, theta: Floats, kept: NDArray[np.bool_], damping: float) -> Floats:
        """Return the move to the minimum of the linearised problem over the kept cases (two reweightings)."""
        flat = jacobian[kept].reshape(-1, theta.size)
        first = np.nan_to_num(errors[kept]).reshape(-1)
        used = np.isfinite(errors[kept]).reshape(-1) * self.weights[kept].reshape(-1) ** 2
        move = np.zeros_like(theta)
        for _ in range(4):
            now = first + flat @ move
            weight = used * np.minimum(1.0, HUBER / np.maximum(np.abs(now), 1e-9))
            normal = (flat * weight[:, None]).T @ flat + np.diag(self.levels.pull**2 + damping)
            gradient = (flat * weight[:, None]).T @ first + self.levels.pull**2 * theta
            move = -np.linalg.solve(normal, gradient)
        return np.clip(move, -1.2, 1.2)


def descend(problem: Problem, theta: Floats, iterations: int, kept: NDArray[np.bool_] | None = None) -> Floats:
    """Return the minimum that damped Gauss-Newton reaches from ``theta``."""
    kept = np.ones(len(problem.cases), bool) if kept is None else kept
    errors = problem.errors(theta)
    best, damping = problem.cost(errors, theta, kept), 0.05
    for _ in range(iterations):
        begun = time.perf_counter()
        jacobian = problem.jacobian(problem.slopes(theta, errors))
        before = best
        for _ in range(4):
            trial = theta + problem.step(errors, jacobian, theta, kept, damping)
            trial_errors = problem.errors(trial)
            value = problem.cost(trial_errors, trial, kept)
            if value < best:
                theta, errors, best, damping = trial, trial_errors, value, damping / 4
                break
            damping = max(damping, 0.02) * 6
        print(f"cost {best:.3f} {summary(problem.cases, errors)} {time.perf_counter() - begun:.0f} s", flush=True)
        if before - best < 0.004 * before:
            break
    return theta


def ape(errors: Floats) -> Floats:
    """Return absolute percentage errors of log errors."""
    return 100.0 * np.abs(np.expm1(errors))


def summary(cases: list[Case], errors: Floats) -> str:
    """Return the medians of the core rows in words."""
    served = np.array([case.cell[2] == "served" and case.cell[0] != "tgi" for case in cases])
    found = [np.nanmedian(ape(errors[served, i])) for i in (0, 1)] + [np.nanmedian(ape(errors[~served, 0]))]
    return "served TPOT {:.1f} TTFT {:.1f}, static and TGI {:.1f}".format(*found)


def breakdown(problem: Problem, errors: Floats, by: pd.Series) -> pd.DataFrame:
    """Return medians and biases per group of cases."""
    frame = pd.DataFrame(
        {
            "by": by.to_numpy(),
            "tpot": ape(errors[:, 0]),
            "ttft": ape(errors[:, 1]),
            "tpot_bias": 100 * np.expm1(errors[:, 0]),
            "ttft_bias": 100 * np.expm1(errors[:, 1]),
        }
    )
    return frame.groupby("by").median().round(1).assign(n=frame.groupby("by").size())


def render(tables: Mapping[Cell, Mapping[str, float]], notes: Mapping[Cell, str]) -> str:
    """Return the source of ``fitted_constants.py``."""
    lines = [
        '"""Constants that ``scripts/fit_step_time.py`` found on measured serving points.',
        "",
        "Key: (engine, device family, load). ``*`` as engine: the kernels of a family, shared by all engines; ``*`` as",
        "family: the host side of an engine, shared by all families. The most specific entry that names it gives a",
        "constant. Held-out errors: docs/accuracy.md.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "FITTED: dict[tuple[str, str, str], dict[str, float]] = {",
    ]
    for key, row in tables.items():
        if key in notes:
            lines.append(f"    # {notes[key]}")
        lines.append('    ("{}", "{}", "{}"): {{'.format(*key))
        values = ", ".join(f'"{name}": {value:.4g}' for name, value in row.items())
        lines += textwrap.wrap(
            values + ",", 118, initial_indent=" " * 8, subsequent_indent=" " * 8, break_on_hyphens=False
        )
        lines.append("    },")
    return "\n".join([*lines, "}  # fmt: skip", ""])


def notes_of(problem: Problem, errors: Floats) -> dict[Cell, str]:
    """Return what each cell was fitted on."""
    out = {}
    for cell in problem.levels.cells:
        own = np.array([case.cell == cell for case in problem.cases])
        words = []
        for name, i in (("tpot", 0), ("ttft", 1)) if cell[2] == "served" else (("e2e", 0), ("ttft", 1)):
            if np.isfinite(errors[own, i]).any():
                words.append(f"{name} {np.nanmedian(ape(errors[own, i])):.1f} %")
        out[cell] = f"{own.sum()} points; median error in-sample {', '.join(words)}"
    return out


def main() -> None:
    """Fit everything, print the errors, write the constants."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--iterations", type=int, default=6)
    parser.add_argument("--every", type=int, default=1, help="fit each such point of a sweep over concurrency")
    parser.add_argument("--store", type=Path, default=STORE, help="the minimum, for fit_folds.py")
    parser.add_argument("--anew", action="store_true", help="start from the operator tables, not from the last fit")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    table = read_measurements(arguments.folder)
    problem = Problem.of(load_cases(table, arguments.every))
    theta = problem.levels.start({} if arguments.anew else FITTED)
    theta = descend(problem, theta, arguments.iterations)
    arguments.store.parent.mkdir(parents=True, exist_ok=True)
    np.savez(arguments.store, theta=theta)
    errors = problem.errors(theta)
    rows = table.loc[[case.row for case in problem.cases]]
    keys = rows["source"].str.cat([rows["engine"], rows["hardware"], rows["model"], rows["precision"]], sep=" ")
    print(breakdown(problem, errors, keys).to_string())
    if arguments.write:
        OUTPUT.write_text(render(problem.levels.tables(theta), notes_of(problem, errors)))


if __name__ == "__main__":
    main()
