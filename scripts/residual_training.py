"""Trains, judges and calibrates the learned residual; shared by the scripts that train and validate.

Measured points become cells (engine x type of device). Within a cell the trees learn log(measured / physics). They are
judged on points whose whole group was left out of physics and trees alike (``folds.py``), and from those held-out
errors come the shrink by novelty, the widths of the intervals and the figures in the manifest. Nothing is trained on
predicted data: E2E of served points is measured TTFT + (OSL - 1) x measured TPOT, that of static batches measured or
batch x OSL / measured tokens per second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost
from folds import SCHEMES, fold_labels, is_population, model_family, stable_fold
from interval_widths import SEED, Widths, fit_trees, fit_widths, half_widths, tree_values
from residual_shares import answered, shrink_tables, trust_of
from serving_measurements import CORE_SOURCES, group_key, is_ambiguous_hardware, is_core, read_measurements

from budsim.perf_model.engine_constants import FittedConstants
from budsim.perf_model.novelty import KnownCases
from budsim.perf_model.residual_features import DescribedPoints, PointDescriber
from budsim.perf_model.serving_point import Infeasible, Prediction, ServingPoint
from budsim.simulator.heuristic import HeuristicPredictor
from budsim.simulator.points_reader import read_rows
from budsim.simulator.regressor import RESIDUAL_METRICS, STATIC_WIDTH, WIDTH_METRICS, cell_device_type

MIN_POINTS, MIN_FAMILIES = 200, 3
STATIC_SOURCES = ("argonne-llm-inference-bench", "splitwise-azure", "nvidia-trtllm-perf-docs", "intel-gaudi-perf-page")
SERVED_SOURCES = (*CORE_SOURCES, "ibm-llm-pilot")
# Chosen on held-out errors (docs/accuracy.md): close to absolute error beyond a tenth, because a tenth of the rows are
# far off for reasons no feature shows.
TREES = {
    "objective": "reg:pseudohubererror", "huber_slope": 0.05, "eta": 0.13, "num_parallel_tree": 2, "max_depth": 7,
    "min_child_weight": 1, "subsample": 0.8, "colsample_bynode": 0.35, "reg_lambda": 6.0, "nthread": 1, "seed": SEED,
    "tree_method": "hist", "max_bin": 64,
}  # fmt: skip
ROUNDS = 110
# Queues are alike whatever engine they wait for: its trees learn from the other engines of the device type too.
SHARED_METRICS = ("ttft_ms_mean",)
SHARED_WEIGHT = 0.2
_PARTS = ("ttft_ms_mean", "tpot_ms_mean")
# Beside the three schemes of the targets: five folds of whole model x hardware x engine x precision cases, and a
# family on a device.
CALIBRATION_SCHEMES = (*SCHEMES, "case", "family_and_hardware")


@dataclass
class View:
    """Physics by one set of constants: features and base values of all points of a cell."""

    described: DescribedPoints
    base: pd.DataFrame
    answers: list[Prediction]


@dataclass
class Cell:
    """Measured points of one engine on one type of device."""

    engine: str
    device_type: str
    table: pd.DataFrame
    points: list[ServingPoint]
    views: dict[str, View] = field(default_factory=dict)
    companions: list[Cell] = field(default_factory=list)

    def measured(self) -> pd.DataFrame:
        """Return the measured metrics by the names of the predicted ones; NaN = not measured."""
        return self.table[list(RESIDUAL_METRICS)]

    def earns_residual(self) -> bool:
        """Whether there are enough points and families for a residual."""
        return len(self.table) >= MIN_POINTS and self.table["model"].map(model_family).nunique() >= MIN_FAMILIES


def measured_metrics(table: pd.DataFrame) -> pd.DataFrame:
    """Return the measured values by the names of the predicted metrics."""
    static = table["load_mode"].eq("static_batch")
    ttft, tpot = table["measured_ttft_ms"], table["measured_tpot_ms"]
    served = (ttft + (table["osl"] - 1) * tpot) / 1e3
    batch = table["concurrency"] * table["osl"] / table["measured_output_tps"]
    e2e = table["measured_e2e_s"].fillna(batch.where(static)).fillna(served.where(~static))
    metrics = pd.DataFrame(
        {
            "ttft_ms_mean": ttft.mask(static),
            "tpot_ms_mean": tpot.mask(static),
            "e2e_s_mean": e2e,
            "tps_per_user": table["osl"] / e2e,
            "ttft_ms_p99": table["measured_ttft_p99_ms"].mask(static),
        }
    )
    return metrics.where(metrics > 0)


def load_cells(folder: Path) -> dict[tuple[str, str], Cell]:
    """Return the measured points by engine and type of device; points that cannot be predicted are left out."""
    table = read_measurements(folder)
    wanted = is_core(table) | table["source"].isin([*STATIC_SOURCES, "ibm-llm-pilot"])
    table = table[wanted & ~is_ambiguous_hardware(table)].reset_index(drop=True)
    table["population"] = is_population(table)
    for scheme in SCHEMES:
        table[f"fold_{scheme}"] = fold_labels(table, scheme)
    table["fold_case"] = group_key(table).map(stable_fold)
    table["fold_family_and_hardware"] = table["fold_model_family"] + "|" + table["fold_hardware"]
    table = pd.concat([table, measured_metrics(table)], axis=1)
    asked = [row.point for row in read_rows(table)]
    known = [point for point in asked if isinstance(point, ServingPoint)]
    answers = iter(HeuristicPredictor().predict(known))
    usable = [isinstance(point, ServingPoint) and isinstance(next(answers), Prediction) for point in asked]
    members: dict[tuple[str, str], list[int]] = {}
    for index in np.flatnonzero(usable):
        point = asked[index]
        key = (point.settings.engine, cell_device_type(point.device.device_type))
        members.setdefault(key, []).append(int(index))
    cells = {
        key: Cell(*key, table.loc[rows].reset_index(drop=True), [asked[row] for row in rows])
        for key, rows in sorted(members.items())
    }
    for cell in cells.values():
        others = [other for other in cells.values() if other is not cell and other.device_type == cell.device_type]
        cell.companions = [other for other in others if other.earns_residual()] if cell.earns_residual() else []
    return cells


def targets(cell: Cell, view: View) -> pd.DataFrame:
    """Return log(measured / physics) by metric; NaN where nothing was measured."""
    return np.log(cell.measured() / view.base.where(view.base > 0))


Constants = Callable[[str, str], FittedConstants | None]


def scheme_view(cell: Cell, scheme: str, constants: Constants) -> View:
    """Return physics of every point by the constants that were fitted without the point's fold.

    One case, and a family on a device, take the constants of the family's fold: they have not seen the family at all.
    Without stored constants every fold takes the package's.
    """
    scheme = "model_family" if scheme in {"case", "family_and_hardware"} else scheme
    if scheme not in cell.views:
        labels = cell.table[f"fold_{scheme}"]
        answers: dict[int, Prediction | Infeasible] = {}
        for label, rows in labels.groupby(labels).indices.items():
            predictor = HeuristicPredictor(constants(scheme, str(label)))
            answers |= dict(zip(rows.tolist(), predictor.predict([cell.points[row] for row in rows]), strict=True))
        cell.views[scheme] = _view(cell, [answers[row] for row in range(len(cell.points))])
    return cell.views[scheme]


def _view(cell: Cell, answers: list[Prediction | Infeasible]) -> View:
    known = [answer for answer in answers if isinstance(answer, Prediction)]
    if len(known) != len(answers):
        raise ValueError(f"{cell.engine}/{cell.device_type}: constants of a fold refuse points that all others answer")
    described = PointDescriber().describe(cell.points, known)
    base = pd.DataFrame({name: [getattr(a, name) for a in known] for name in RESIDUAL_METRICS})
    return View(described, base, known)


def training_view(cell: Cell, constants: Constants) -> View:
    """Return physics as the trees learn its errors: no point's constants have seen its own configuration."""
    return scheme_view(cell, "unseen_configuration", constants)


def fit_residual(
    cell: Cell, metric: str, constants: Constants, is_learnt: Callable[[Cell], np.ndarray]
) -> tuple[xgboost.Booster, int] | None:
    """Return the residual's trees of one metric and the number of the cell's own points; None = too few.

    Args:
        cell: With its companions.
        metric: One of ``RESIDUAL_METRICS``.
        constants: By scheme and fold.
        is_learnt: Which rows of a cell may be learnt from, as a mask.
    """
    features, target, weights = [], [], []
    for source in (cell, *(cell.companions if metric in SHARED_METRICS else ())):
        view = training_view(source, constants)
        truth = targets(source, view)[metric].to_numpy()
        rows = np.isfinite(truth) & is_learnt(source)
        features.append(view.described.features[rows])
        target.append(truth[rows])
        weights.append(np.full(rows.sum(), 1.0 if source is cell else SHARED_WEIGHT))
    if len(target[0]) < MIN_POINTS // 2:
        return None
    trees = fit_trees(np.vstack(features), np.concatenate(target), TREES, ROUNDS, np.concatenate(weights))
    return trees, len(target[0])


def folds(cell: Cell, scheme: str) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield label, rows to learn from and rows to judge, as masks."""
    for label, rows in cell.table.groupby(f"fold_{scheme}", sort=True).indices.items():
        judged = np.zeros(len(cell.table), dtype=bool)
        judged[rows] = True
        learnt = ~judged
        if scheme == "family_and_hardware":
            own = cell.table.iloc[rows[0]]
            same = [cell.table[f"fold_{name}"].eq(own[f"fold_{name}"]) for name in ("model_family", "hardware")]
            learnt = ~(same[0] | same[1]).to_numpy()
        yield str(label), learnt, judged


def held_out_records(cell: Cell, scheme: str, constants: Constants) -> pd.DataFrame:
    """Return one row per held-out point and metric: level, excess, tree value ``raw``, ``truth``, and its row.

    ``truth`` is log(measured / physics) with the fold's constants, NaN where nothing was measured; ``raw`` is 0 where
    the cell earns no residual, and where family and device are both left out: nothing is applied there.
    """
    found = []
    seen, view = training_view(cell, constants), scheme_view(cell, scheme, constants)
    truth, asked = targets(cell, view), view.described.features
    ttft_share = np.clip(view.base["ttft_ms_mean"] / 1e3 / view.base["e2e_s_mean"], 0.0, 1.0).to_numpy()
    static = cell.table["load_mode"].eq("static_batch").to_numpy()
    for label, learnt, judged in folds(cell, scheme):
        novelty = KnownCases.of(seen.described.features[learnt]).novelty(asked[judged])
        raw = dict.fromkeys(RESIDUAL_METRICS, np.zeros(judged.sum()))
        if cell.earns_residual() and scheme != "family_and_hardware":
            raw = _fold_values(cell, constants, scheme, label, asked[judged])
        for metric in RESIDUAL_METRICS:
            columns = {
                "row": np.flatnonzero(judged), "scheme": scheme, "label": label, "metric": metric,
                "level": novelty.levels, "excess": novelty.excess, "raw": raw[metric],
                "truth": truth[metric].to_numpy()[judged], "ttft_share": ttft_share[judged], "static": static[judged],
            }  # fmt: skip
            found.append(pd.DataFrame(columns))
    return pd.concat(found, ignore_index=True)


def _fold_values(cell: Cell, constants: Constants, scheme: str, label: str, asked: np.ndarray) -> dict[str, np.ndarray]:
    """Return what trees that have not seen a fold say of ``asked``, by metric."""
    values = {metric: np.zeros(len(asked)) for metric in RESIDUAL_METRICS}
    for metric in RESIDUAL_METRICS:
        if metric == "tps_per_user":  # E2E upside down: not fitted twice to be judged
            continue
        fitted = fit_residual(cell, metric, constants, lambda of: of.table[f"fold_{scheme}"].ne(label).to_numpy())
        if fitted is not None:
            values[metric] = tree_values(fitted[0], asked)
    values["tps_per_user"] = -values["e2e_s_mean"]
    return values


def cell_records(cell: Cell, constants: Constants) -> pd.DataFrame:
    """Return the held-out records of all calibration schemes, with family and hardware of each row."""
    records = pd.concat(
        [held_out_records(cell, scheme, constants) for scheme in CALIBRATION_SCHEMES], ignore_index=True
    )
    for name in (
        "fold_unseen_configuration",
        "fold_model_family",
        "fold_hardware",
        "fold_case",
        "source",
        "population",
    ):
        records[name] = cell.table[name].to_numpy()[records["row"]]
    return records


@dataclass
class Calibration:
    """What the held-out records of a cell say: how much of the residual to apply, and how wide the intervals are.

    A metric that was not measured in the cell has no widths: it takes those of what was never measured.
    """

    shrink: dict[str, dict[str, float]]
    trust: dict[str, float]
    widths: dict[str, Widths]


def calibrate(cell: Cell, records: pd.DataFrame, constants: Constants) -> Calibration:
    """Return the shrink, the trust in each metric and the widths of both methods."""
    shrink = shrink_tables(records) if cell.earns_residual() else {}
    features = training_view(cell, constants).described.features
    widths = method_widths(features, records, {}, "heuristic")
    if shrink:
        widths |= method_widths(features, records, shrink, "regressor")
    else:  # the same answers, the same errors
        widths |= {name.replace("heuristic", "regressor"): kept for name, kept in widths.items()}
    return Calibration(shrink, trust_of(records, shrink), widths)


def method_widths(
    features: np.ndarray, records: pd.DataFrame, shrink: Mapping[str, Mapping[str, float]], method: str
) -> dict[str, Widths]:
    """Return the widths of one method's intervals by ``<method>_<metric>``.

    Args:
        features: Of the cell's points.
        records: All metrics of every held-out point.
        shrink: Share of the residual that the method applies; empty = physics alone.
        method: Its name.
    """
    errors = pd.Series(answered(records, shrink), records.index)
    static = records["static"].to_numpy()
    widths: dict[str, Widths] = {}
    for metric in WIDTH_METRICS:
        batch = metric == STATIC_WIDTH
        own = records[records["metric"].eq("e2e_s_mean" if batch else metric) & (static == batch)]
        if not np.isfinite(own["truth"]).any():
            continue
        allowed = np.ones(len(own), dtype=bool)
        if metric == "e2e_s_mean":
            allowed = may_be_covered(records, errors, own, {name: widths.get(f"{method}_{name}") for name in _PARTS})
        sizes = np.abs(errors.loc[own.index].to_numpy())
        widths[f"{method}_{metric}"] = fit_widths(features[own["row"].to_numpy()], own, sizes, allowed)
    return widths


def may_be_covered(
    records: pd.DataFrame, errors: pd.Series, e2e: pd.DataFrame, parts: Mapping[str, Widths | None]
) -> np.ndarray:
    """Return which E2E records lie inside what the intervals of TTFT and TPOT allow, whatever the width of E2E's own.

    Args:
        records: All metrics.
        errors: log(predicted / measured) of each.
        e2e: Those of E2E, of served points.
        parts: Widths of TTFT and TPOT; None = none were measured.
    """
    moved = errors + records["truth"]
    half, change = {}, {}
    place = pd.MultiIndex.from_frame(e2e[["scheme", "row"]])
    for metric, kept in parts.items():
        own = records[records["metric"].eq(metric)].loc[lambda rows: ~rows["static"]]
        key = pd.MultiIndex.from_frame(own[["scheme", "row"]])
        width = np.full(len(own), np.inf) if kept is None else half_widths(kept, own)
        half[metric] = pd.Series(width, key).reindex(place).to_numpy()
        change[metric] = pd.Series(moved[own.index].to_numpy(), key).reindex(place).fillna(0.0).to_numpy()
    ttft, tpot = _PARTS
    share = e2e["ttft_share"].to_numpy()
    prompt, decode = share * np.exp(change[ttft]), (1 - share) * np.exp(change[tpot])
    prompt, decode = prompt / (prompt + decode), decode / (prompt + decode)
    measured = np.exp(-errors.loc[e2e.index].to_numpy())  # over the predicted
    low = prompt * np.exp(-half[ttft]) + decode * np.exp(-half[tpot])
    high = prompt * np.exp(half[ttft]) + decode * np.exp(half[tpot])
    return (low <= measured) & (measured <= high)
