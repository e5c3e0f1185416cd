"""What a worker process does with measured runs: predict them, fit calibrations. Plain values in and out.

The predictor compiles code when it is imported, so only functions import it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from budsim.benchmarks.measured_point import MeasuredPoint


def assess(points: Sequence[MeasuredPoint], calibrations: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what is predicted for every run with calibrations known so far.

    Returns:
        Per run: ``key`` (model, device, engine, kind of load; None where it cannot be predicted), ``predicted``
        (metrics, ``intervals``, ``basis``, ``confidence``; None) and ``reason``.
    """
    from budsim.benchmarks.comparison import compare
    from budsim.benchmarks.measured_point import METRICS
    from budsim.perf_model.calibration import Calibration
    from budsim.simulator.calibrated import CalibratedPredictor, calibration_key
    from budsim.simulator.predictors import make_predictor

    known = [Calibration.from_dict(item) for item in calibrations]
    found = []
    for run in compare(points, CalibratedPredictor(make_predictor(), known)):
        answer = run.predicted
        figures = None
        if answer is not None:
            figures = {name: value for name in METRICS if (value := getattr(answer, name, None)) is not None}
            figures |= {"basis": answer.basis, "confidence": answer.confidence,
                        "intervals": {name: list(pair) for name, pair in answer.intervals.items()}}  # fmt: skip
        key = calibration_key(run.point) if run.point is not None and answer is not None else None
        found.append({"key": key, "predicted": figures, "reason": run.reason})
    return found


def fit(points: Sequence[MeasuredPoint]) -> list[dict[str, Any]]:
    """Return the calibrations of runs that can be predicted, those that make things worse left out."""
    from budsim.benchmarks.comparison import compare, fit_all
    from budsim.simulator.heuristic import HeuristicPredictor

    return [item.to_dict() for item in fit_all(compare(points, HeuristicPredictor())) if item.helps]
