"""Verifies the installed models and judges the method on points whose whole group was left out.

    python scripts/validate_models.py [--data ../shared/data] [--json FILE]

Every file is checked against its manifest. With ``--data`` each cell's trees are fitted anew without each fold (physics
with the stored constants of that fold), and the same code that answers requests predicts the held-out points: errors by
scheme, source and engine, harm done to left-out families and devices, coverage and confidence, ranking regret.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent))
from fold_constants import fold_constants
from folds import SCHEMES, configuration_key
from residual_shares import JUDGED_GROUP, NO_HARM
from residual_training import (
    Calibration,
    Cell,
    calibrate,
    cell_records,
    folds,
    load_cells,
    scheme_view,
    training_view,
)

from budsim.perf_model.novelty import LEVELS, KnownCases
from budsim.perf_model.serving_point import Infeasible, Prediction, ServingPoint
from budsim.simulator.model_cache import WIDTH_NAMES, models_root, read_models
from budsim.simulator.regressor import (
    METHODS,
    STATIC_WIDTH,
    CellModels,
    PretrainedModels,
    RegressorPredictor,
    levels_of,
)

METRICS = {"tpot": "tpot_ms_mean", "ttft": "ttft_ms_mean", "e2e": "e2e_s_mean"}
GROUP = ("model", "hardware", "engine", "precision", "tp")
LAYOUTS = ("model", "hardware", "engine", "precision", "isl", "osl", "concurrency")


class Stored:
    """Trees, or a predictor, whose answers are known already."""

    def __init__(self, values: Any) -> None:
        self._values = values

    def predict(self, asked: Any) -> Any:
        """Return the known answers, in order; none of these points drafts, so that nothing is asked besides."""
        if not len(asked):
            return []
        if len(asked) != len(self._values):
            raise ValueError("the points asked for are not those that were held out")
        return list(self._values) if isinstance(self._values, list) else self._values


def held_out_predictions(cell: Cell, records: pd.DataFrame, found: Calibration, scheme: str) -> pd.DataFrame:
    """Return what both methods answer to every point of a cell by trees and constants that have not seen its fold."""
    view, seen = scheme_view(cell, scheme, fold_constants), training_view(cell, fold_constants)
    unjudged = {name: np.ones(len(LEVELS)) for name in WIDTH_NAMES}  # of what was not measured in the cell
    out = []
    for label, learnt, judged in folds(cell, scheme):
        own = records[records["scheme"].eq(scheme) & records["label"].eq(label)]
        rows = np.flatnonzero(judged)
        widths = {name: Stored(_fold_widths(own, name, kept.base)) for name, kept in found.widths.items()}
        trained = ({*found.shrink, "e2e_s_mean", "tps_per_user"} - {STATIC_WIDTH}) if found.shrink else set()
        models = CellModels(
            residuals={name: Stored(own.loc[own["metric"].eq(name), "raw"].to_numpy()) for name in sorted(trained)},
            widths=widths,
            factors=unjudged | {name: levels_of(kept.factors) for name, kept in found.widths.items()},
            shrink={metric: levels_of(table) for metric, table in found.shrink.items()},
            trust=found.trust,
            cases=KnownCases.of(seen.described.features[learnt]),
        )
        pretrained = PretrainedModels("fold", {(cell.engine, cell.device_type): models}, models)
        points: list[ServingPoint] = [cell.points[row] for row in rows]
        answers: list[Prediction | Infeasible] = [view.answers[row] for row in rows]
        for method in METHODS:
            predicted = RegressorPredictor(pretrained, Stored(answers), method).predict(points)
            out.append(pd.DataFrame([_row(answer) for answer in predicted]).assign(row=rows, method=method))
    kept = pd.concat(out, ignore_index=True).assign(scheme=scheme)
    facts = cell.table[[*GROUP, "isl", "osl", "concurrency", "source", "population", "load_mode", "ep", "dp", "pp"]]
    truth = cell.table[list(METRICS.values())].add_prefix("measured_")
    facts = facts.assign(measured_row=cell.table["row_id"])
    described = pd.concat([facts, truth, cell.table[[f"fold_{name}" for name in SCHEMES]]], axis=1)
    return kept.join(described, on="row")


def _fold_widths(own: pd.DataFrame, name: str, base: pd.Series) -> np.ndarray:
    """Return the widths of a fold's rows; where the rows were not measured in this metric any will do."""
    metric = name.partition("_")[2]
    index = own.index[own["metric"].eq("e2e_s_mean" if metric == STATIC_WIDTH else metric)]
    return base.reindex(index).fillna(1.0).to_numpy()


def _row(answer: Prediction | Infeasible) -> dict[str, Any]:
    if isinstance(answer, Infeasible):
        raise TypeError(answer.reason)
    row: dict[str, Any] = {name: getattr(answer, name) for name in METRICS.values()}
    for name, (low, high) in answer.intervals.items():
        row |= {f"{name}_lo": low, f"{name}_hi": high}
    return {**row, "output_tps": answer.output_tps, "confidence": answer.confidence, "basis": answer.basis}


def with_errors(table: pd.DataFrame) -> pd.DataFrame:
    """Add ``<metric>_error`` (percent) and ``<metric>_covered``; NaN where nothing was measured."""
    for short, name in METRICS.items():
        truth = table[f"measured_{name}"]
        table[f"{short}_error"] = (table[name] / truth - 1).abs() * 100
        inside = (table[f"{name}_lo"] <= truth) & (truth <= table[f"{name}_hi"])
        table[f"{short}_covered"] = inside.astype(float).where(truth.notna())
    return table


def medians_and_means(table: pd.DataFrame, by: list[str], metrics: tuple[str, ...]) -> pd.DataFrame:
    """Return n, median and mean error of each group and metric."""
    grouped = table.groupby(by)
    parts = {}
    for metric in metrics:
        for kind in ("count", "median", "mean"):
            parts[f"{metric} {'n' if kind == 'count' else kind}"] = getattr(grouped[f"{metric}_error"], kind)()
    return pd.DataFrame(parts).round(1)


def harm(table: pd.DataFrame) -> pd.DataFrame:
    """Return regressor over heuristic median of every left-out family and device with enough points."""
    rows = []
    for scheme in ("model_family", "hardware"):
        own = table[table["scheme"].eq(scheme)]
        for (engine, fold), part in own.groupby(["engine", f"fold_{scheme}"]):
            for metric in METRICS:
                errors = part.pivot_table(index="row_id", columns="method", values=f"{metric}_error")
                if len(errors) >= JUDGED_GROUP:
                    plain, moved = errors["heuristic"].median(), errors["regressor"].median()
                    rows.append((scheme, engine, fold, metric, len(errors), plain, moved, moved / plain))
    columns = ["scheme", "engine", "left out", "metric", "n", "heuristic", "regressor", "ratio"]
    return pd.DataFrame(rows, columns=columns).round(3)


def coverage(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the covered share overall, and the share of groups (key without lengths) within 65 to 95 %."""
    keys = configuration_key(table, GROUP)
    answer = {}
    for metric in METRICS:
        covered = table[f"{metric}_covered"].dropna()
        groups = covered.groupby(keys.loc[covered.index]).agg(["size", "mean"])
        groups = groups[groups["size"] >= JUDGED_GROUP]
        answer[metric] = {
            "n": len(covered),
            "overall": round(float(covered.mean()), 3),
            "groups": len(groups),
            "groups_within": round(float(groups["mean"].between(0.65, 0.95).mean()), 3),
        }
    return answer


def confidence_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return the errors by confidence quintile, least confident first, and of confidence above 0.9 (last row)."""
    ranked = table["confidence"].rank(method="first")
    bins = pd.qcut(ranked, 5, labels=["1", "2", "3", "4", "5"]).astype(str)
    parts = [(name, table[bins.eq(name)]) for name in sorted(bins.unique())]
    parts.append(("> 0.9", table[table["confidence"] > 0.9]))
    rows = {}
    for name, own in parts:
        rows[name] = {"n": len(own), "confidence": own["confidence"].mean()}
        for metric in METRICS:
            rows[name] |= {
                f"{metric} median": own[f"{metric}_error"].median(),
                f"{metric} within 10 %": (own[f"{metric}_error"].dropna() <= 10).mean(),
            }
    return pd.DataFrame(rows).T.round(3)


def ranking_regret(table: pd.DataFrame) -> pd.DataFrame:
    """Return the regret of the layout chosen on held-out predictions, by tokens/s per device and by TPOT, percent."""
    devices = table["tp"].fillna(1) * table["pp"].fillna(1) * table["dp"].fillna(1)
    # Per device: a closed loop's throughput is concurrency x OSL / E2E.
    measured = table["concurrency"] * table["osl"] / table["measured_e2e_s_mean"] / devices
    keys = configuration_key(table, LAYOUTS)
    rows = []
    for index in table.groupby(keys).indices.values():
        own = table.iloc[index]
        if len(own) < 4 or own[["tp", "ep", "dp"]].drop_duplicates().shape[0] < 4:
            continue
        tps, predicted = measured.iloc[index], own["output_tps"] / devices.iloc[index]
        tpot = own["measured_tpot_ms_mean"]
        chosen = tps.loc[predicted.idxmax()], tpot.loc[own["tpot_ms_mean"].idxmin()]
        rows.append({"tps": (1 - chosen[0] / tps.max()) * 100, "tpot": (chosen[1] / tpot.min() - 1) * 100})
    return pd.DataFrame(rows)


def judge(folder: Path) -> pd.DataFrame:
    """Return the held-out answers of both methods to every measured point, by scheme, with errors."""
    parts = []
    for cell in load_cells(folder).values():
        records = cell_records(cell, fold_constants)
        found = calibrate(cell, records, fold_constants)
        for scheme in SCHEMES:
            own = held_out_predictions(cell, records, found, scheme)
            names = [f"{cell.engine}/{cell.device_type}/{row}" for row in own["row"]]
            parts.append(own.assign(row_id=names, engine=cell.engine))
    return with_errors(pd.concat(parts, ignore_index=True))


def report(table: pd.DataFrame) -> str:
    """Return the whole report as text."""
    population = table[table["population"]]
    static = table[table["load_mode"].eq("static_batch")]
    unseen = population[population["scheme"].eq("unseen_configuration") & population["method"].eq("regressor")]
    by_source = population.assign(method=population["method"])
    parts = [
        "population\n" + medians_and_means(population, ["scheme", "method"], ("tpot", "ttft")).to_string(),
        medians_and_means(by_source, ["scheme", "method", "source", "engine"], ("tpot", "ttft")).to_string(),
        "static batches, E2E\n"
        + medians_and_means(static, ["scheme", "method", "source", "engine"], ("e2e",)).to_string(),
        "left out: regressor over heuristic\n" + harm(table).to_string(index=False),
    ]
    for method in METHODS:
        for scheme in SCHEMES:
            own = population[population["scheme"].eq(scheme) & population["method"].eq(method)]
            parts.append(f"coverage of 80 % intervals, {method}, {scheme}: {coverage(own)}")
    parts.append("confidence\n" + confidence_table(unseen).to_string())
    parts.append(
        "ranking regret, percent\n" + ranking_regret(unseen).describe(percentiles=[0.5, 0.9]).round(2).to_string()
    )
    worst = harm(table)
    parts.append(
        f"left-out groups above {NO_HARM} x heuristic: {int((worst['ratio'] > NO_HARM).sum())} of {len(worst)}"
    )
    return "\n\n".join(parts)


def main() -> None:
    """Verify, and judge where data are given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=None, help="folder with serving_train.csv and train_protocol.csv")
    parser.add_argument("--store", type=Path, default=None, help="write the held-out answers here (CSV)")
    arguments = parser.parse_args()
    models = read_models(models_root())
    print(f"version {models.version} in {models_root()}: {len(models.cells)} cells, every file as its manifest says")
    if arguments.data is not None:
        table = judge(arguments.data)
        if arguments.store is not None:
            table.to_csv(arguments.store, index=False)
        pd.set_option("display.width", 200, "display.max_columns", 40, "display.max_rows", 500)
        print(report(table))


if __name__ == "__main__":
    main()
