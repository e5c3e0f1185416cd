"""Measured runs beside predictions: which can be compared, what is predicted for them, what calibrates them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from budsim.benchmarks.measured_point import COMPARED_METRICS, LATENCY_METRICS, MeasuredPoint
from budsim.perf_model.calibration import Calibration
from budsim.perf_model.residual_features import PointDescriber
from budsim.perf_model.serving import mean_tokens_per_step
from budsim.perf_model.serving_point import Infeasible, Prediction, ServingPoint
from budsim.simulator.calibrated import calibration_key, fit_calibration
from budsim.simulator.candidate import Predictor
from budsim.simulator.point_columns import INPUT_COLUMNS
from budsim.simulator.points_reader import RowRefusal, read_rows

_PREDICTED_METRICS = frozenset(Prediction.__dataclass_fields__) & frozenset(LATENCY_METRICS) | {
    "output_tps", "request_throughput",
}  # fmt: skip
# A measured TPOT this much below what the datasheet allows, or above what is predicted, is of another unit or layout:
# caches and a datasheet's errors are within a factor of two, the slowest machine calibrated here is 7 times slower.
_BELOW_THE_FLOOR, _ABOVE_THE_PREDICTION = 0.5, 100.0


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """One measured run and what was predicted for it.

    Attributes:
        run: As measured.
        row: Columns of the prediction interface that it was asked with.
        point: Its serving point; None = it cannot be predicted.
        predicted: The prediction; None = there is none.
        reason: Why there is none; empty otherwise.
    """

    run: MeasuredPoint
    row: Mapping[str, Any]
    point: ServingPoint | None = None
    predicted: Prediction | None = None
    reason: str = ""

    def errors(self) -> dict[str, float]:
        """Return predicted over measured minus one, per metric that both have."""
        if self.predicted is None:
            return {}
        return {
            name: getattr(self.predicted, name) / self.run.metrics[name] - 1
            for name in COMPARED_METRICS
            if name in self.run.metrics
        }


def compare(points: Sequence[MeasuredPoint], predictor: Predictor) -> list[ComparedRun]:
    """Return every run with its prediction, or the reason there is none."""
    rows = [point.row() for point in points]
    asked = read_rows(pd.DataFrame(rows, columns=list(INPUT_COLUMNS), dtype=object)) if rows else []
    found: list[ComparedRun] = []
    for point, row, answer in zip(points, rows, asked, strict=True):
        reason = _not_comparable(point)
        if not reason and isinstance(answer.point, RowRefusal):
            reason = answer.point.reason
        serving = None if reason or isinstance(answer.point, RowRefusal) else answer.point
        found.append(ComparedRun(point, row, serving, None, reason))
    predictions = iter(predictor.predict([run.point for run in found if run.point is not None]))
    return [run if run.point is None else _with_prediction(run, next(predictions)) for run in found]


def _not_comparable(point: MeasuredPoint) -> str:
    if point.not_predictable:
        return point.not_predictable
    if point.missing:
        names = ", ".join("concurrency or request_rate" if name == "load" else name for name in point.missing)
        return f"{names} missing: the file does not state it; say it yourself"
    return ""


def _with_prediction(run: ComparedRun, answer: Prediction | Infeasible) -> ComparedRun:
    if isinstance(answer, Infeasible):
        return replace(run, reason=answer.reason)
    reason = _not_believable(run, answer)
    return replace(run, reason=reason) if reason else replace(run, predicted=answer)


def _not_believable(run: ComparedRun, predicted: Prediction) -> str:
    """Return why a measured TPOT cannot be of this deployment, in milliseconds; empty otherwise."""
    measured, point = run.run.metrics.get("tpot_ms_mean"), run.point
    if not measured or point is None:
        return ""
    floor = float(PointDescriber().describe([point], [predicted]).tpot_floor_ms[0]) / mean_tokens_per_step(point)
    asked = "check that the times are in the unit of the file's format, and that tp is the one that ran"
    if measured < _BELOW_THE_FLOOR * floor:
        return f"mean TPOT of {measured:.4g} ms, but reading the weights takes {floor:.4g} ms by the datasheet: {asked}"
    if measured > _ABOVE_THE_PREDICTION * predicted.tpot_ms_mean:
        return (
            f"mean TPOT of {measured:.4g} ms is over 100 times the predicted {predicted.tpot_ms_mean:.4g} ms: {asked}"
        )
    return ""


def fit_all(runs: Sequence[ComparedRun]) -> list[Calibration]:
    """Return one calibration per model, device, engine and kind of load among the runs that can be predicted."""
    groups: dict[tuple[str, str, str, str], list[ComparedRun]] = {}
    for run in runs:
        if run.point is not None and run.predicted is not None:
            groups.setdefault(calibration_key(run.point), []).append(run)
    return [
        fit_calibration(
            [run.point for run in members if run.point is not None],
            [{name: v for name, v in run.run.metrics.items() if name in _PREDICTED_METRICS} for run in members],
        )
        for members in groups.values()
    ]
