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
from folds import SCHEMES, fold_labels, is_population, model_family
from serving_measurements import CORE_SOURCES, group_key, is_ambiguous_hardware, is_core, read_measurements

from budsim.perf_model.engine_constants import FittedConstants
from budsim.perf_model.novelty import KNOWN, LEVELS, NEW_BOTH, RECOMBINED, KnownCases, Novelty, between
from budsim.perf_model.residual_features import DescribedPoints, PointDescriber
from budsim.perf_model.serving_point import Prediction, ServingPoint
from budsim.simulator.heuristic import HeuristicPredictor
from budsim.simulator.points_reader import read_rows
from budsim.simulator.regressor import RESIDUAL_METRICS, cell_device_type

SEED = 7
MIN_POINTS, MIN_FAMILIES = 200, 3
STATIC_SOURCES = ("argonne-llm-inference-bench", "splitwise-azure", "nvidia-trtllm-perf-docs", "intel-gaudi-perf-page")
SERVED_SOURCES = (*CORE_SOURCES, "ibm-llm-pilot")
# Chosen on the held-out errors of the first trials (docs/accuracy.md): absolute error, because a tenth of the rows are
# far off for reasons no feature shows; small trees, strong regularisation.
TREES = {
    "objective": "reg:absoluteerror", "eta": 0.1, "max_depth": 4, "min_child_weight": 4, "subsample": 0.8,
    "colsample_bynode": 0.6, "reg_lambda": 3.0, "nthread": 1, "seed": SEED, "tree_method": "hist", "max_bin": 64,
}  # fmt: skip
ROUNDS = 140
WIDTH_TREES = {
    **TREES, "objective": "reg:quantileerror", "quantile_alpha": 0.8, "max_depth": 3, "min_child_weight": 12,
}  # fmt: skip
WIDTH_ROUNDS = 50
COVERAGE = 0.8
_SHRINKS = np.linspace(0.0, 1.0, 11)
# A residual that is to be used where it has not been proven must gain this much where it was tried.
_WORTHWHILE = 0.97
JUDGED_GROUP = 30
NO_HARM = 1.02  # of the physics' median, for every left-out family and hardware
# Beside the three schemes of the targets: one model x hardware x engine x precision case, and a family on a device.
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
    table["fold_case"] = group_key(table)
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
    return {
        key: Cell(*key, table.loc[rows].reset_index(drop=True), [asked[row] for row in rows])
        for key, rows in sorted(members.items())
    }


def physics_view(cell: Cell, fitted: FittedConstants | None) -> View:
    """Return features and base values of a cell by one set of constants; a point it refuses keeps NaN."""
    answers = HeuristicPredictor(fitted).predict(cell.points)
    if not all(isinstance(answer, Prediction) for answer in answers):
        raise ValueError(f"{cell.engine}/{cell.device_type}: constants of a fold refuse points that all others answer")
    described = PointDescriber().describe(cell.points, answers)
    base = pd.DataFrame({name: [getattr(a, name) for a in answers] for name in RESIDUAL_METRICS})
    return View(described, base, answers)


def targets(cell: Cell, view: View) -> pd.DataFrame:
    """Return log(measured / physics) by metric; NaN where nothing was measured."""
    return np.log(cell.measured() / view.base.where(view.base > 0))


def fit_trees(
    features: np.ndarray, target: np.ndarray, parameters: Mapping[str, object], rounds: int
) -> xgboost.Booster:
    """Return boosted trees; the same data give the same trees."""
    return xgboost.train(dict(parameters), xgboost.DMatrix(features, target), rounds)


def tree_values(trees: xgboost.Booster, features: np.ndarray) -> np.ndarray:
    """Return the trees' value of each row."""
    return np.asarray(trees.inplace_predict(np.ascontiguousarray(features, dtype=np.float32)), dtype=np.float64)


Constants = Callable[[str, str], FittedConstants | None]


def stored_view(cell: Cell, scheme: str, label: str, constants: Constants) -> View:
    """Return the view of a cell by constants fitted without a fold; the package's where there are none."""
    if scheme in {"case", "family_and_hardware"}:  # these constants have not seen the model's whole family
        row = cell.table[cell.table[f"fold_{scheme}"].eq(label)].iloc[0]
        scheme, label = "model_family", row["fold_model_family"]
    fitted = constants(scheme, label)
    name = f"{scheme}={label}" if fitted is not None else "package"
    if name not in cell.views:
        cell.views[name] = physics_view(cell, fitted)
    return cell.views[name]


def out_of_fold_view(cell: Cell, constants: Constants) -> View:
    """Return the view in which each point's constants were fitted without its own configurations."""
    if "out_of_fold" in cell.views:
        return cell.views["out_of_fold"]
    labels = cell.table["fold_unseen_configuration"]
    views = {label: stored_view(cell, "unseen_configuration", label, constants) for label in sorted(labels.unique())}
    first = next(iter(views.values()))
    if len({id(view) for view in views.values()}) == 1:
        return first
    parts = {name: np.array(getattr(first.described, name)) for name in ("features", "tpot_floor_ms", "ttft_floor_ms")}
    base, answers = first.base.copy(), list(first.answers)
    for label, view in views.items():
        rows = labels.eq(label).to_numpy()
        base.loc[rows] = view.base.loc[rows]
        for name, values in parts.items():
            values[rows] = getattr(view.described, name)[rows]
        for row in np.flatnonzero(rows):
            answers[row] = view.answers[row]
    cell.views["out_of_fold"] = View(DescribedPoints(**parts), base, answers)
    return cell.views["out_of_fold"]


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
    for label, learnt, judged in folds(cell, scheme):
        view = stored_view(cell, scheme, label, constants)
        features, truth = view.described.features, targets(cell, view)
        novelty = KnownCases.of(features[learnt]).novelty(features[judged])
        raw = dict.fromkeys(RESIDUAL_METRICS, np.zeros(judged.sum()))
        if cell.earns_residual() and scheme != "family_and_hardware":
            raw = _fold_values(features, truth, learnt, judged)
        for metric in RESIDUAL_METRICS:
            columns = {
                "row": np.flatnonzero(judged), "scheme": scheme, "label": label, "metric": metric,
                "level": novelty.levels, "excess": novelty.excess, "raw": raw[metric],
                "truth": truth[metric].to_numpy()[judged],
            }  # fmt: skip
            found.append(pd.DataFrame(columns))
    return pd.concat(found, ignore_index=True)


def _fold_values(
    features: np.ndarray, truth: pd.DataFrame, learnt: np.ndarray, judged: np.ndarray
) -> dict[str, np.ndarray]:
    """Return what trees that have not seen the judged rows say of them, by metric."""
    values = {metric: np.zeros(judged.sum()) for metric in RESIDUAL_METRICS}
    for metric in RESIDUAL_METRICS:
        usable = learnt & np.isfinite(truth[metric].to_numpy())
        if metric != "tps_per_user" and usable.sum() >= MIN_POINTS // 2:
            trees = fit_trees(features[usable], truth[metric].to_numpy()[usable], TREES, ROUNDS)
            values[metric] = tree_values(trees, features[judged])
    values["tps_per_user"] = -values["e2e_s_mean"]  # the same measurements upside down: not fitted twice to be judged
    return values


def cell_records(cell: Cell, constants: Constants) -> pd.DataFrame:
    """Return the held-out records of all calibration schemes, with family and hardware of each row."""
    records = pd.concat(
        [held_out_records(cell, scheme, constants) for scheme in CALIBRATION_SCHEMES], ignore_index=True
    )
    for name in ("fold_model_family", "fold_hardware", "fold_case", "source", "population"):
        records[name] = cell.table[name].to_numpy()[records["row"]]
    return records


def error_of(log_error: pd.Series | np.ndarray) -> np.ndarray:
    """Return absolute percentage errors of log(predicted / measured)."""
    return np.abs(np.expm1(np.asarray(log_error, dtype=float))) * 100.0


def novelty_of(records: pd.DataFrame) -> Novelty:
    """Return the novelty columns of records."""
    return Novelty(records["level"].to_numpy(dtype=np.int64), records["excess"].to_numpy(dtype=float))


def _group_medians(records: pd.DataFrame, shrink: float) -> pd.DataFrame:
    """Return median errors with and without the shrunk residual per left-out family and hardware with enough points."""
    errors = records.assign(
        plain=error_of(-records["truth"]), moved=error_of(shrink * records["raw"] - records["truth"])
    )
    medians = [
        errors.groupby(by).agg(n=("plain", "size"), plain=("plain", "median"), moved=("moved", "median"))
        for by in ("fold_model_family", "fold_hardware")
    ]
    joined = pd.concat(medians)
    return joined[joined["n"] >= JUDGED_GROUP]


def best_shrink(records: pd.DataFrame, must_not_harm: bool) -> float:
    """Return the share of the residual that has the lowest held-out median error.

    Args:
        records: Of one metric and level.
        must_not_harm: Where a case is new: no left-out family or hardware may lose, the gain must be worthwhile, and a
            share chosen without a group must not harm that group; else 0.
    """
    if records.empty:
        return 0.0
    found = _lowest(records, must_not_harm)
    if not must_not_harm or found == 0.0:
        return found
    for by in ("fold_model_family", "fold_hardware"):
        for _, own in records.groupby(by):
            rest = records.drop(own.index)
            shrink = _lowest(rest, must_not_harm) if len(rest) else 0.0
            plain, moved = (np.median(error_of(part * own["raw"] - own["truth"])) for part in (0.0, shrink))
            if len(own) >= JUDGED_GROUP and moved > plain * NO_HARM:
                return 0.0
    return found


def _lowest(records: pd.DataFrame, must_not_harm: bool) -> float:
    best, lowest = 0.0, float(np.median(error_of(-records["truth"])))
    if must_not_harm:
        lowest *= _WORTHWHILE
    for shrink in _SHRINKS[1:]:
        median = float(np.median(error_of(shrink * records["raw"] - records["truth"])))
        if median >= lowest:
            continue
        groups = _group_medians(records, shrink) if must_not_harm else None
        if groups is None or (groups["moved"] <= groups["plain"]).all():
            best, lowest = float(shrink), median
    return best


def shrink_tables(records: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the share of the residual to apply, by metric and level; where nothing was tried it is 0."""
    records = records[np.isfinite(records["truth"])]
    return {
        metric: {
            name: best_shrink(own[own["level"].eq(level)], must_not_harm=level != KNOWN) if level != NEW_BOTH else 0.0
            for level, name in enumerate(LEVELS)
        }
        for metric, own in records.groupby("metric")
    }


def applied(records: pd.DataFrame, shrink: Mapping[str, Mapping[str, float]]) -> np.ndarray:
    """Return log(predicted / measured) of records with the residual shrunk."""
    out = np.empty(len(records))
    for metric, rows in records.groupby("metric").indices.items():
        own = records.iloc[rows]
        table = np.array([shrink.get(metric, {}).get(name, 0.0) for name in LEVELS])
        out[rows] = own["raw"] * between(novelty_of(own), table) - own["truth"]
    return out


@dataclass
class Widths:
    """Intervals of one method and metric: trees (None = constant) and a factor by level."""

    trees: xgboost.Booster | None
    factors: dict[str, float]
    base: pd.Series  # of each record, cross-fitted where the trees have seen its error


def fit_widths(cell: Cell, view: View, records: pd.DataFrame, sizes: np.ndarray, *, with_trees: bool) -> Widths:
    """Return the widths that cover four fifths of the held-out errors of each level.

    Args:
        cell: For the configuration folds.
        view: Features of its points.
        records: Of one metric.
        sizes: |log error| of each record.
        with_trees: Predict the difficulty; else one width per level.
    """
    features, rows = view.described.features, records["row"].to_numpy()
    base, trees = np.ones(len(records)), None
    own = records["scheme"].eq("unseen_configuration").to_numpy()
    if with_trees and own.sum() >= MIN_POINTS // 2:
        trees = fit_trees(features[rows[own]], sizes[own], WIDTH_TREES, WIDTH_ROUNDS)
        base = tree_values(trees, features[rows])
        labels = cell.table["fold_unseen_configuration"].to_numpy()[rows]
        for label in np.unique(labels):
            learnt = own & (labels != label)
            fold_trees = fit_trees(features[rows[learnt]], sizes[learnt], WIDTH_TREES, WIDTH_ROUNDS)
            judged = labels == label
            base[judged] = tree_values(fold_trees, features[rows[judged]])
    base = np.maximum(base, 0.01)
    return Widths(trees, level_factors(records["level"].to_numpy(), sizes / base), pd.Series(base, records.index))


def level_factors(levels: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Return the conformal factor of each level: a level with few records takes that of the next more novel one.

    Finite-sample quantile ceil((n + 1) x coverage) / n: Vovk, Gammerman, Shafer 2005, "Algorithmic Learning in a
    Random World".
    """
    factors: dict[str, float] = {}
    last = np.nan
    for level in reversed(range(len(LEVELS))):
        own = np.sort(scores[levels == level])
        if len(own) >= JUDGED_GROUP:
            last = float(own[min(len(own) - 1, int(np.ceil((len(own) + 1) * COVERAGE)) - 1)])
        factors[LEVELS[level]] = last
    ordered = pd.Series([factors[name] for name in LEVELS]).ffill().bfill().fillna(1.0)
    # What is less known is never surer.
    widest = np.maximum.accumulate(ordered.to_numpy()[[KNOWN, RECOMBINED]])
    rest = np.maximum(ordered.to_numpy()[2:], widest[-1])
    rest[-1] = rest.max()
    return dict(zip(LEVELS, [float(v) for v in (*widest, *rest)], strict=True))
