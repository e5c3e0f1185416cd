"""The calibrated predictor: physics, the learned residual where it was earned, and intervals. No I/O.

``regressor`` multiplies the physics by exp(shrink x residual): the residual is a few hundred small trees per engine,
type of device and metric, the shrink falls with the novelty of the case down to nothing. ``heuristic`` is the physics
alone. Both carry an 80 % interval, a confidence and a basis.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from budsim.perf_model.case_widths import CaseWidths
from budsim.perf_model.corrections import Correction, HalfWidths, corrected, reconcile, with_intervals
from budsim.perf_model.novelty import LEVELS, KnownCases, Novelty, basis, between
from budsim.perf_model.residual_features import DescribedPoints, FloatArray, PointDescriber
from budsim.perf_model.serving import mean_tokens_per_step
from budsim.perf_model.serving_point import Infeasible, Prediction, ServingPoint
from budsim.perf_model.speculation import DRAFTING_WIDTH, without_speculation
from budsim.perf_model.workload import LoadMode
from budsim.simulator.candidate import Predictor
from budsim.simulator.heuristic import HeuristicPredictor

METHODS = ("regressor", "heuristic")
# Metrics that have a residual of their own, and those that have intervals.
RESIDUAL_METRICS = ("ttft_ms_mean", "tpot_ms_mean", "e2e_s_mean", "tps_per_user", "ttft_ms_p99")
STATIC_WIDTH = "static_e2e_s"  # of every latency of one static batch: only its E2E is measured
WIDTH_METRICS = ("ttft_ms_mean", "tpot_ms_mean", "e2e_s_mean", STATIC_WIDTH)
# A residual beyond a factor of four is a case that physics does not know; a width beyond one of eight says nothing.
_LARGEST_RESIDUAL = float(np.log(4.0))
_WIDTHS = (0.01, float(np.log(8.0)))

CellKey = tuple[str, str]
BoolArray = NDArray[np.bool_]


class Trees(Protocol):
    """A trained ensemble."""

    def predict(self, features: FloatArray) -> FloatArray:
        """Return one value per row of ``features``."""
        ...


@dataclass(frozen=True)
class CellModels:
    """What was learnt about one engine on one type of device.

    Attributes:
        residuals: Log of measured / physics by metric; empty = physics alone.
        widths: Half width of the 80 % interval by ``<method>_<metric>``; a metric without trees has width 1 before its
            factor.
        factors: Conformal factor on the width by ``<method>_<metric>``, one value per level of novelty.
        shrink: Share of the residual that is applied, by metric, one value per level of novelty; of one static batch
            by ``STATIC_WIDTH``.
        trust: Weights of the reconciliation.
        cases: What was measured.
        case_widths: Factors on the intervals of single known cases, by ``<method>_<metric>``.
    """

    residuals: Mapping[str, Trees] = field(default_factory=dict)
    widths: Mapping[str, Trees] = field(default_factory=dict)
    factors: Mapping[str, FloatArray] = field(default_factory=dict)
    shrink: Mapping[str, FloatArray] = field(default_factory=dict)
    trust: Mapping[str, float] = field(default_factory=dict)
    cases: KnownCases = field(default_factory=lambda: KnownCases.from_dict({"identity": [], "low": [], "high": []}))
    case_widths: CaseWidths = field(default_factory=CaseWidths)

    def log_factors(self, metric: str, features: FloatArray, novelty: Novelty, static: BoolArray) -> FloatArray:
        """Return the log correction of one metric, shrunk; zeros where there is no residual."""
        if metric not in self.residuals:
            return np.zeros(len(features))
        raw = np.clip(self.residuals[metric].predict(features), -_LARGEST_RESIDUAL, _LARGEST_RESIDUAL)
        of_served, of_batch = (
            between(novelty, self.shrink.get(name, np.zeros(len(LEVELS)))) for name in (metric, STATIC_WIDTH)
        )
        return raw * np.where(static, of_batch, of_served)

    def half_widths(self, method: str, metric: str, features: FloatArray, novelty: Novelty) -> FloatArray:
        """Return half widths of the 80 % interval, natural-log units."""
        name = f"{method}_{metric}"
        base = self.widths[name].predict(features) if name in self.widths else np.ones(len(features))
        own = np.exp(self.case_widths.log_factor(name, features) * np.exp(-novelty.excess))
        return np.clip(np.maximum(base, _WIDTHS[0]) * own * between(novelty, self.factors[name]), *_WIDTHS)


@dataclass(frozen=True)
class PretrainedModels:
    """Every cell of one version.

    Attributes:
        version: As requests name it.
        cells: By engine and type of device.
        fallback: Widths of engines and devices without measurements; no residual.
    """

    version: str
    cells: Mapping[CellKey, CellModels]
    fallback: CellModels

    def cell(self, engine: str, device_type: str) -> tuple[CellModels, bool]:
        """Return the models of an engine on a type of device, and whether they are its own."""
        found = self.cells.get((engine, cell_device_type(device_type)))
        return (found, True) if found is not None else (self.fallback, False)


def cell_device_type(device_type: str) -> str:
    """Return the type of device by which models are kept: all CPUs are one."""
    return "cpu" if device_type.startswith("cpu") else device_type


def log_corrections(
    cell: CellModels, described: DescribedPoints, answers: Sequence[Prediction], static: Sequence[bool]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return log factors of TTFT, of decoding and of TTFT's 99th percentile beyond its mean, each of shape (n,).

    Args:
        cell: Models.
        described: n points.
        answers: By physics.
        static: Which points are one static batch: prefill and decode then move together, for only E2E was measured.
    """
    features = described.features
    novelty = cell.cases.novelty(features)
    batch = np.asarray(static, dtype=bool)
    log = {metric: cell.log_factors(metric, features, novelty, batch) for metric in RESIDUAL_METRICS}
    e2e = (log["e2e_s_mean"] - log["tps_per_user"]) / 2
    share = np.array([min(1.0, a.ttft_ms_mean / 1e3 / a.e2e_s_mean) if a.e2e_s_mean > 0 else 1.0 for a in answers])
    ttft, decode = reconcile(log["ttft_ms_mean"], log["tpot_ms_mean"], e2e, share, cell.trust)
    p99 = log["ttft_ms_p99"] - log["ttft_ms_mean"] if "ttft_ms_p99" in cell.residuals else np.zeros(len(features))
    return np.where(batch, e2e, ttft), np.where(batch, e2e, decode), np.where(batch, 0.0, p99)


class RegressorPredictor:
    """Predicts points in whole batches; deterministic.

    Args:
        models: Trained models.
        physics: Predictor that is corrected; None = a new ``HeuristicPredictor``.
        method: ``regressor``, or ``heuristic`` for the physics alone with its intervals.
    """

    def __init__(self, models: PretrainedModels, physics: Predictor | None = None, method: str = "regressor") -> None:
        self._models = models
        self._physics = physics or HeuristicPredictor()
        self._method = method
        self._describer = PointDescriber()

    def predict(self, points: Sequence[ServingPoint]) -> list[Prediction | Infeasible]:
        """Return one prediction, or the reason there is none, per point; same points, same answers, same order."""
        answers = self._physics.predict(points)
        references = self._references(points, answers)
        by_cell: dict[CellKey, list[int]] = {}
        for index, (point, answer) in enumerate(zip(points, answers, strict=True)):
            if isinstance(answer, Prediction):
                by_cell.setdefault((point.settings.engine, point.device.device_type), []).append(index)
        for key, members in by_cell.items():
            asked = [points[index] for index in members]
            plain = [answer for answer in (answers[index] for index in members) if isinstance(answer, Prediction)]
            known = [references[index] for index in members]
            for index, answer in zip(members, self._calibrated(key, asked, plain, known), strict=True):
                answers[index] = answer
        return answers

    def _references(
        self, points: Sequence[ServingPoint], answers: Sequence[Prediction | Infeasible]
    ) -> list[tuple[ServingPoint, Prediction | Infeasible]]:
        """Return the points whose physics errors are known: themselves, or the same point without its drafts."""
        drafting = [index for index, point in enumerate(points) if point.settings.speculative_tokens]
        plain = [without_speculation(points[index]) for index in drafting]
        found: list[tuple[ServingPoint, Prediction | Infeasible]] = list(zip(points, answers, strict=True))
        for index, point, answer in zip(drafting, plain, self._physics.predict(plain), strict=True):
            found[index] = (point, answer)
        return found

    def _calibrated(
        self,
        key: CellKey,
        points: Sequence[ServingPoint],
        answers: Sequence[Prediction],
        references: Sequence[tuple[ServingPoint, Prediction | Infeasible]],
    ) -> list[Prediction]:
        """Return the answers of one cell, corrected and with intervals.

        What drafts is corrected as the same point without drafts is: a residual of that was learnt, none of this.
        """
        cell, own = self._models.cell(*key)
        asked, physics = [point for point, _ in references], [a for _, a in references if isinstance(a, Prediction)]
        if len(physics) < len(points):
            asked, physics = list(points), list(answers)
        described = self._describer.describe(asked, physics)
        novelty = cell.cases.novelty(described.features)
        static = [point.workload.load_mode is LoadMode.STATIC_BATCH for point in points]
        logs = np.zeros((3, len(points)))
        if self._method == "regressor" and cell.residuals:
            logs = np.array(log_corrections(cell, described, physics, static))
        factors = np.exp(logs)
        *of_served, of_batch = (
            cell.half_widths(self._method, metric, described.features, novelty) for metric in WIDTH_METRICS
        )
        widths = [np.where(static, of_batch, width) for width in of_served]
        drafts = np.array([point.settings.speculative_tokens > 0 for point in points])
        widths = [np.where(drafts, np.hypot(width, DRAFTING_WIDTH), width) for width in widths]
        words = [
            "extrapolated" if d and w != "analytic" else w for d, w in zip(drafts, basis(novelty, own), strict=True)
        ]
        out = []
        for i, (point, answer) in enumerate(zip(points, answers, strict=True)):
            per_step = mean_tokens_per_step(point)
            floors = (float(described.ttft_floor_ms[i]), float(described.tpot_floor_ms[i]) / per_step)
            ttft, decode, p99 = (float(factor[i]) for factor in factors)
            change = Correction(ttft, decode, p99, ttft_floor_ms=floors[0], tpot_floor_ms=floors[1])
            moved = corrected(answer, change, point.workload)
            out.append(
                with_intervals(moved, HalfWidths(*(float(w[i]) for w in widths)), point.workload, words[i], floors)
            )
        return out


def levels_of(values: Mapping[str, float]) -> FloatArray:
    """Return a table by level as an array.

    Raises:
        ValueError: A level is missing or not a finite number >= 0.
    """
    table = np.array([float(values[name]) if name in values else np.nan for name in LEVELS])
    if not (np.isfinite(table) & (table >= 0)).all():
        raise ValueError(f"needs a number >= 0 for each of {', '.join(LEVELS)}")
    return table
