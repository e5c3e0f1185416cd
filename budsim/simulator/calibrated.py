"""Predictions with constants that a user's own measurements determined, and the fit that finds them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.calibration import (
    Anchor,
    Calibration,
    MetricError,
    Observation,
    basis_of,
    fit_constants,
)
from budsim.perf_model.engine_constants import FittedConstants, device_family, step_constants
from budsim.perf_model.fitted_constants import FITTED
from budsim.perf_model.serving import MAX_REQUESTS, WAVES
from budsim.perf_model.serving_point import Infeasible, Prediction, ServingPoint
from budsim.perf_model.speculation import DRAFTING_WIDTH
from budsim.perf_model.workload import LoadMode
from budsim.simulator.candidate import Predictor
from budsim.simulator.heuristic import HeuristicPredictor

# Where nothing was measured, nor anything near it, errors are up to twice those of what was left out of the fit.
_FAR = 2.0
_UNKNOWN_WIDTH = math.log(1.5)
_CONFIDENCE_AT_TEN_PERCENT = 0.9
_INTERVAL_METRICS = ("ttft_ms_mean", "tpot_ms_mean", "e2e_s_mean", "output_tps")


def calibration_key(point: ServingPoint) -> tuple[str, str, str, str]:
    """Return which calibration a point takes."""
    return point.arch.name.lower(), point.device.name.lower(), point.settings.engine, _load_kind(point)


def _load_kind(point: ServingPoint) -> str:
    return "static" if point.workload.load_mode is LoadMode.STATIC_BATCH else "served"


def anchor_of(point: ServingPoint) -> Anchor:
    """Return load and lengths of a point; an open loop's load is its rate."""
    load = point.workload
    if load.load_mode is LoadMode.POISSON:
        return Anchor(float(load.request_rate or 0.0), load.isl, load.osl)
    clients = load.num_prompts if load.load_mode is LoadMode.BURST else load.concurrency
    return Anchor(float(clients or load.concurrency or 1), load.isl, load.osl)


def _requests(point: ServingPoint) -> float:
    """Return about how many requests a replay of the point plays."""
    load = point.workload
    if load.load_mode is LoadMode.STATIC_BATCH:
        return 1.0
    usual = WAVES * (load.concurrency or 1) if load.load_mode is LoadMode.CLOSED_LOOP else MAX_REQUESTS
    return float(min(load.num_prompts or usual, 2 * usual, 2 * MAX_REQUESTS))


def constants_with(point: ServingPoint, changed: Mapping[str, float]) -> FittedConstants:
    """Return the package's constants with some replaced for the engine, device family and kind of load of a point."""
    key = (point.settings.engine, device_family(point.device), _load_kind(point))
    return {**FITTED, key: {**FITTED.get(key, {}), **changed}}


def fit_calibration(points: Sequence[ServingPoint], measured: Sequence[Mapping[str, float]]) -> Calibration:
    """Fit one calibration.

    Args:
        points: What was run; all of one ``calibration_key``.
        measured: Their metrics, by the names of a prediction's fields.

    Raises:
        InvalidRequestError: The points are of several keys, or none of them can be predicted.
    """
    keys = {calibration_key(point) for point in points}
    if len(keys) != 1:
        raise InvalidRequestError("one calibration is of one model, device and engine", {"field": "points"})
    memory = HeuristicPredictor()
    infeasible = [answer.reason for answer in memory.predict(points) if isinstance(answer, Infeasible)]
    if len(infeasible) == len(points):
        raise InvalidRequestError(f"none of the runs can be predicted: {infeasible[0]}", {"field": "points"})

    def predict(changed: Mapping[str, float], asked: Sequence[int]) -> list[Prediction | Infeasible]:
        fitted = memory.with_constants(constants_with(points[0], changed))
        return fitted.predict([points[index] for index in asked])

    observed = [
        Observation(
            anchor_of(point), (point.settings, point.workload, point.plan, point.precision), metrics, _requests(point)
        )
        for point, metrics in zip(points, measured, strict=True)
    ]
    shipped = step_constants(points[0].settings.engine, points[0].device, _load_kind(points[0]))
    found = fit_constants(observed, shipped, predict)
    first = points[0]
    return Calibration(
        model=first.arch.name,
        device=first.device.name,
        engine=first.settings.engine,
        load=_load_kind(first),
        constants=found.constants,
        anchors=tuple(dict.fromkeys(item.anchor for item in observed)),
        num_points=len(points),
        fitted=found.fitted,
        held_out=found.held_out,
    )


class CalibratedPredictor:
    """Predicts what was calibrated with its own constants, and everything else as another predictor does.

    Args:
        inner: For points without a calibration.
        calibrations: Later ones replace earlier ones of the same key.
    """

    def __init__(self, inner: Predictor, calibrations: Iterable[Calibration]) -> None:
        self._inner = inner
        self._known = {calibration.key: calibration for calibration in calibrations}
        self._physics: dict[tuple[str, str, str, str], HeuristicPredictor] = {}

    def predict(self, points: Sequence[ServingPoint]) -> list[Prediction | Infeasible]:
        """Return one prediction, or the reason there is none, per point; same points, same answers, same order."""
        keys = [calibration_key(point) for point in points]
        others = iter(self._inner.predict([p for p, key in zip(points, keys, strict=True) if key not in self._known]))
        return [
            self._calibrated(point, self._known[key]) if key in self._known else next(others)
            for point, key in zip(points, keys, strict=True)
        ]

    def _calibrated(self, point: ServingPoint, calibration: Calibration) -> Prediction | Infeasible:
        if calibration.key not in self._physics:
            fitted = constants_with(point, calibration.constants)
            plain = self._inner if isinstance(self._inner, HeuristicPredictor) else HeuristicPredictor()
            self._physics[calibration.key] = plain.with_constants(fitted)
        (answer,) = self._physics[calibration.key].predict([point])
        if isinstance(answer, Infeasible):
            return answer
        drafts = point.settings.speculative_tokens > 0  # calibrations know plain runs only
        return _with_intervals(
            answer,
            calibration,
            "extrapolated" if drafts else basis_of(calibration, anchor_of(point)),
            DRAFTING_WIDTH if drafts else 0.0,
        )


def _with_intervals(answer: Prediction, calibration: Calibration, basis: str, more_width: float) -> Prediction:
    """Return the answer with 80 % intervals as wide as the errors on what was left out of the fit."""
    errors = {error.metric: error for error in calibration.held_out}
    widths = {metric: math.hypot(_half_width(errors.get(metric), basis), more_width) for metric in _INTERVAL_METRICS}
    intervals = {
        metric: (getattr(answer, metric) * math.exp(-width), getattr(answer, metric) * math.exp(width))
        for metric, width in widths.items()
    }
    wider = max(widths["ttft_ms_mean"], widths["tpot_ms_mean"])
    confidence = _CONFIDENCE_AT_TEN_PERCENT ** (wider / math.log(1.1))
    return replace(answer, intervals=intervals, confidence=confidence, basis=basis)


def _half_width(error: MetricError | None, basis: str) -> float:
    """Return the half width of an interval, natural-log units."""
    width = _UNKNOWN_WIDTH if error is None else max(math.log1p(error.after_80), 0.01)
    return width * (_FAR if basis == "extrapolated" else 1.0)
