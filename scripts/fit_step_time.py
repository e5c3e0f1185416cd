"""Fits the engine constants of the step-time model to measured serving points.

    python scripts/fit_step_time.py FOLDER [--groups vllm:hopper,...] [--write]

FOLDER holds ``serving_train.csv`` and ``train_protocol.csv``. Per engine, device family and kind of load the
constants of ``engine_constants.StepConstants`` are moved from their physical defaults to lower the log errors of TPOT
and TTFT (static batches: E2E), by damped Gauss-Newton on a Huber loss. A prior pulls every constant to its default
with the weight of a few measurements, so thin groups stay near physics; bounds keep efficiencies at or below 1. Each
group is also fitted without each of its model x hardware x precision cases in turn (up to five), which gives the
held-out error. ``--write`` replaces ``budsim/perf_model/fitted_constants.py``.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent))
from serving_measurements import group_key, is_core, read_measurements

from budsim.perf_model.engine_constants import BOUNDS, DEFAULTS, StepConstants, device_family
from budsim.perf_model.memory import estimate_memory
from budsim.perf_model.serving import serve
from budsim.perf_model.serving_point import Infeasible, ServingPoint
from budsim.perf_model.step_time import step_coefficients
from budsim.simulator import points_table
from budsim.simulator.heuristic import refusal

OUTPUT = Path(__file__).resolve().parents[1] / "budsim" / "perf_model" / "fitted_constants.py"
STATIC_SOURCES = ("argonne-llm-inference-bench", "splitwise-azure", "nvidia-trtllm-perf-docs")
SERVED_EXTRA = ("ibm-llm-pilot",)
# Pull to the default, in residual units per natural-log step: datasheet shares are known better than host overheads.
EFFICIENCY_PRIOR, OVERHEAD_PRIOR = 0.6, 0.2
LAG_STARTS = (0.5, 8.0)  # the lag of arrivals has a second minimum where schedulers poll rarely
HUBER = 0.25
TTFT_WEIGHT = 0.6
MAX_ROWS = 160


@dataclass
class Case:
    """One measured point, ready to be replayed."""

    point: ServingPoint
    kv_tokens: float
    tpot_ms: float
    ttft_ms: float
    e2e_s: float
    output_tps: float
    group: str


def load_cases(folder: Path) -> dict[tuple[str, str, str], list[Case]]:
    """Return measured points by (engine, family, load)."""
    table = read_measurements(folder)
    wanted = (is_core(table) & ~table["held_back"]) | table["source"].isin(STATIC_SOURCES + SERVED_EXTRA)
    table = table[wanted].reset_index(drop=True)
    groups = group_key(table)
    cases: dict[tuple[str, str, str], list[Case]] = {}
    for index, point in enumerate(points_table.read_points(table)):
        if not isinstance(point, ServingPoint) or refusal(point):
            continue
        memory = estimate_memory(point)
        if isinstance(memory, Infeasible):
            continue
        row = table.loc[index]
        load = "static" if point.workload.load_mode.value == "static_batch" else "served"
        kv = memory.kv_tokens_for_lengths(point.workload.isl, point.workload.osl)
        if kv < point.workload.isl + point.workload.osl:
            continue
        case = Case(
            point,
            kv,
            row["measured_tpot_ms"],
            row["measured_ttft_ms"],
            row["measured_e2e_s"],
            row["measured_output_tps"],
            groups[index],
        )
        cases.setdefault((point.settings.engine, device_family(point.device), load), []).append(case)
    return cases


def residuals(case: Case, constants: StepConstants, load: str) -> list[float]:
    """Return weighted log errors of one point."""
    answer = serve(case.point, step_coefficients(case.point, constants), constants, case.kv_tokens)
    out = []
    if load == "static":
        if case.e2e_s > 0:
            out.append(np.log(answer.e2e_s_mean / case.e2e_s))
        if case.ttft_ms > 0:
            out.append(0.3 * np.log(answer.ttft_ms_mean / case.ttft_ms))
        elif case.output_tps > 0 and not case.e2e_s > 0:
            out.append(np.log(case.output_tps / answer.output_tps))
    else:
        if case.tpot_ms > 0 and answer.tpot_ms_mean > 0:
            out.append(np.log(answer.tpot_ms_mean / case.tpot_ms))
        if case.ttft_ms > 0:
            out.append(TTFT_WEIGHT * np.log(answer.ttft_ms_mean / case.ttft_ms))
    return out


def thin(cases: list[Case], limit: int = MAX_ROWS) -> list[Case]:
    """Return every k-th case of a stable order, at most ``limit``."""
    step = max(1, int(np.ceil(len(cases) / limit)))
    return cases[::step]


def fit(cases: list[Case], family: str, load: str) -> dict[str, float]:
    """Return the constants that fit ``cases`` best over all starts, prior included."""
    lags = LAG_STARTS if load == "served" else LAG_STARTS[:1]
    starts = [asdict(replace(DEFAULTS[family], arrival_lag_steps=lag)) for lag in lags]
    return min((descend(cases, family, load, start=start) for start in starts), key=lambda found: found[1])[0]


def descend(
    cases: list[Case], family: str, load: str, start: dict[str, float], iterations: int = 15
) -> tuple[dict[str, float], float]:
    """Return the minimum that damped Gauss-Newton reaches from ``start``, and its cost."""
    names = list(BOUNDS)
    pull = np.array([EFFICIENCY_PRIOR if n.endswith(("efficiency", "evenness")) else OVERHEAD_PRIOR for n in names])
    default = asdict(DEFAULTS[family])
    prior = np.log([default[n] for n in names])
    low, high = (np.log([BOUNDS[n][i] for n in names]) for i in (0, 1))
    theta = np.clip(np.log([start[n] for n in names]), low + 1e-6, high - 1e-6)

    def evaluate(values: np.ndarray) -> np.ndarray:
        constants = StepConstants(**dict(zip(names, np.exp(values), strict=True)))
        errors = [e for case in cases for e in residuals(case, constants, load)]
        return np.array(errors)

    def cost(errors: np.ndarray, values: np.ndarray) -> float:
        size = np.abs(errors)
        huber = np.where(size < HUBER, 0.5 * size**2, HUBER * (size - 0.5 * HUBER))
        return float(huber.sum() + 0.5 * ((pull * (values - prior)) ** 2).sum())

    errors = evaluate(theta)
    best, damping = cost(errors, theta), 1e-2
    for _ in range(iterations):
        jacobian = np.empty((errors.size, theta.size))
        for j in range(theta.size):
            step = 0.05 if theta[j] + 0.05 < high[j] else -0.05
            moved = theta.copy()
            moved[j] += step
            jacobian[:, j] = (evaluate(moved) - errors) / step
        weight = np.minimum(1.0, HUBER / np.maximum(np.abs(errors), 1e-9))
        normal = (jacobian * weight[:, None]).T @ jacobian + np.diag(pull**2)
        gradient = (jacobian * weight[:, None]).T @ errors + pull**2 * (theta - prior)
        improved = False
        for _ in range(5):
            move = -np.linalg.solve(normal + damping * np.diag(np.diag(normal)), gradient)
            trial = np.clip(theta + np.clip(move, -1.0, 1.0), low, high)
            trial_errors = evaluate(trial)
            value = cost(trial_errors, trial)
            if value < best * 0.9995:
                improved = True
                theta, errors, best, damping = trial, trial_errors, value, damping / 3
                break
            damping *= 4
        if not improved:
            break
    return {n: float(v) for n, v in zip(names, np.exp(theta), strict=True)}, best


def errors_of(cases: list[Case], values: dict[str, float], load: str) -> dict[str, float]:
    """Return median absolute percentage errors."""
    constants = StepConstants(**values)
    parts: dict[str, list[float]] = {"tpot": [], "ttft": [], "e2e": []}
    for case in cases:
        answer = serve(case.point, step_coefficients(case.point, constants), constants, case.kv_tokens)
        for name, predicted, measured in (
            ("tpot", answer.tpot_ms_mean, case.tpot_ms),
            ("ttft", answer.ttft_ms_mean, case.ttft_ms),
            ("e2e", answer.e2e_s_mean, case.e2e_s),
        ):
            if measured > 0:
                parts[name].append(abs(predicted / measured - 1) * 100)
    return {name: round(float(np.median(v)), 1) for name, v in parts.items() if v}


def held_out(cases: list[Case], family: str, load: str, start: dict[str, float]) -> dict[str, float]:
    """Return median errors on cases that were left out, group by group (the five largest groups)."""
    names = pd.Series([c.group for c in cases]).value_counts().index[:5]
    collected: dict[str, list[float]] = {}
    for name in names:
        rest = [c for c in cases if c.group != name]
        if not rest:
            continue
        values, _ = descend(thin(rest, 80), family, load, start, iterations=4)
        for metric, value in errors_of(thin([c for c in cases if c.group == name], 40), values, load).items():
            collected.setdefault(metric, []).append(value)
    return {metric: round(float(np.median(v)), 1) for metric, v in collected.items()}


def render(results: dict[str, dict]) -> str:
    """Return the source of ``fitted_constants.py``."""
    lines = [
        '"""Constants that ``scripts/fit_step_time.py`` found on measured serving points.',
        "",
        "Key: (engine, device family, load); engine ``*`` pools all engines. Per entry: measured points, median",
        "absolute errors in percent in-sample, and on model x hardware x precision cases left out of the fit.",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "FITTED: dict[tuple[str, str, str], dict[str, float]] = {",
    ]
    for key, result in sorted(results.items()):
        engine, family, load = key.split(":")
        lines.append(
            f"    # {result['n']} points; in-sample {_words(result['in_sample'])};"
            f" held out {_words(result['held_out'])}"
        )
        lines.append(f'    ("{engine}", "{family}", "{load}"): {{')
        values = ", ".join(f'"{name}": {value:.4g}' for name, value in result["values"].items())
        lines += textwrap.wrap(values + ",", 118, initial_indent=" " * 8, subsequent_indent=" " * 8)
        lines.append("    },")
    return "\n".join([*lines, "}  # fmt: skip", ""])


def _words(errors: dict[str, float]) -> str:
    return ", ".join(f"{name} {value} %" for name, value in errors.items()) or "not measured"


def main() -> None:
    """Fit the groups asked for and print, store or write them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--groups", default="", help="engine:family:load, comma separated; default all")
    parser.add_argument("--store", type=Path, default=Path("build/fit_step_time.json"), help="results of earlier calls")
    parser.add_argument("--no-held-out", action="store_true")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    results = json.loads(arguments.store.read_text()) if arguments.store.exists() else {}
    wanted = set(filter(None, arguments.groups.split(",")))
    if wanted or not arguments.write:
        for (engine, family, load), cases in sorted(pooled(load_cases(arguments.folder)).items()):
            key = f"{engine}:{family}:{load}"
            if (wanted and key not in wanted) or len(cases) < 8:
                continue
            values = fit(thin(cases), family, load)
            left_out = {} if arguments.no_held_out else held_out(cases, family, load, values)
            results[key] = {
                "n": len(cases),
                "values": values,
                "in_sample": errors_of(cases, values, load),
                "held_out": left_out,
            }
            print(
                key,
                results[key]["n"],
                results[key]["in_sample"],
                left_out,
                {k: float(f"{v:.3g}") for k, v in values.items()},
                flush=True,
            )
            arguments.store.parent.mkdir(parents=True, exist_ok=True)
            arguments.store.write_text(json.dumps(results, indent=1))
    if arguments.write:
        OUTPUT.write_text(render(results))


def pooled(cases: dict[tuple[str, str, str], list[Case]]) -> dict[tuple[str, str, str], list[Case]]:
    """Add, per family and load, a pool of all engines, for engines without measurements of their own."""
    pools: dict[tuple[str, str, str], list[Case]] = {}
    engines = Counter((family, load) for _, family, load in cases)
    for (_, family, load), members in cases.items():
        if engines[family, load] > 1:  # what one engine alone costs on a family says nothing about the others
            pools["*", family, load] = pools.get(("*", family, load), []) + thin(members, 60)
    return {**cases, **pools}


if __name__ == "__main__":
    main()
