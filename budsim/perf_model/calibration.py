"""A user's few measurements of one model on one device: which step constants they determine, and their values.

The constants are fitted by least squares on log(predicted / measured) with a prior that pulls each back to the shipped
one (maximum a posteriori, log-normal on both sides). A constant whose whole prior spread moves no measured figure by
more than the measurements scatter is not determined by them and stays as shipped. The held-out error is found by
leaving out every configuration in turn and predicting it with constants fitted without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.engine_constants import BOUNDS, StepConstants
from budsim.perf_model.serving_point import Infeasible, Prediction

FloatArray = NDArray[np.float64]
# (constants that replace the shipped ones, which observations) -> their predictions.
Predict = Callable[[Mapping[str, float], Sequence[int]], Sequence[Prediction | Infeasible]]

# Scatter of a measured mean, repeats of the same configuration on a quiet machine: 2 to 5 % (vLLM on two CPU cores).
SCATTER = 0.04
# Prior spread, natural logarithm. Shares of the datasheet differ by 1.5 between the fitted families; overheads, host
# work and delays by several times; the time of kernels for few rows by a sixth (same measurements).
_EFFICIENCY_SPREAD, _OVERHEAD_SPREAD, _RAMP_SPREAD, _ROWS_SPREAD = 0.5, 1.0, 2.0, 0.15
_ROWS = ("two_rows_factor", "four_rows_factor", "eight_rows_factor", "sixteen_rows_factor")
# A device that a user describes may reach more than the figures given for it.
_LARGEST_EFFICIENCY = 1.5
_OWN_BOUNDS = dict.fromkeys(_ROWS, (0.5, 2.0))
# Of one model these cost the same in every step as ``step_overhead_s`` does.
_INDISTINCT = frozenset({"layer_overhead_s", "moe_overhead_s", "mla_overhead_s"})
_DIVISION = 0.01  # step of the numeric derivatives, natural logarithm: larger than the jumps of the discrete replay
_MAX_ROUNDS = 25
_MAX_ROUNDS_OF_A_FOLD = 8
_TELLING = 0.5  # of the scatter
MAX_FITTED_CONFIGURATIONS = 24
# A fit predicts its configurations about a thousand times; a replayed request takes 6 us on two shared cores.
MAX_FITTED_REQUESTS = 8_000.0
_LEAVE_ONE_OUT_UP_TO = 8
_FOLDS = 5
COMPARED = ("ttft_ms_mean", "tpot_ms_mean", "e2e_s_mean", "output_tps")
# A run without the mean of a latency is fitted by the median.
_FITTED_METRICS = (("ttft_ms_mean", "ttft_ms_p50"), ("tpot_ms_mean", "e2e_s_mean"), ("output_tps",))
# How near an anchor, in each of concurrency, input and output length, a question counts as measured or in between.
_SAME, _NEAR = 1.1, 1.5


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a calibration was measured."""

    concurrency: float
    isl: float
    osl: float


@dataclass(frozen=True, slots=True)
class MetricError:
    """Absolute relative error of one metric, with the shipped constants and with the calibration.

    Attributes:
        metric: As in a prediction.
        count: Runs compared.
        before: Median, shipped constants.
        after: Median, calibrated.
        after_80: What four in five calibrated predictions stay within (conformal quantile).
    """

    metric: str
    count: int
    before: float
    after: float
    after_80: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Constants of one model on one device under one engine.

    Attributes:
        model: Name of the model, as resolved.
        device: Name of the device, as in the catalogue.
        engine: Engine.
        load: ``served`` or ``static``.
        constants: What replaces the shipped constants; never all of them.
        anchors: Where it was measured.
        num_points: Measured runs it was fitted on.
        fitted: Errors on the runs of the fit.
        held_out: Errors on configurations left out of the fit; empty with a single configuration.
    """

    model: str
    device: str
    engine: str
    load: str = "served"
    constants: Mapping[str, float] = field(default_factory=dict)
    anchors: tuple[Anchor, ...] = ()
    num_points: int = 0
    fitted: tuple[MetricError, ...] = ()
    held_out: tuple[MetricError, ...] = ()

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What it is for; a later one of the same key replaces it."""
        return self.model.lower(), self.device.lower(), self.engine, self.load

    @property
    def helps(self) -> bool:
        """Whether it predicts what it was not fitted on no worse than the shipped constants do, on the whole.

        Where nothing was left out (one configuration) no metric of the fit may be worse: constants that buy one metric
        with another fit a run of something else, another device or layout than stated.
        """
        if not self.held_out:
            return all(error.after <= max(error.before, SCATTER) for error in self.fitted)
        return sum(math.log(max(error.after, 1e-4) / max(error.before, 1e-4)) for error in self.held_out) <= 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "constants": dict(self.constants)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Calibration:
        """Return the calibration of plain values.

        Raises:
            InvalidRequestError: They are not those of a calibration.
        """
        try:
            calibration = cls(
                **{name: str(values[name]) for name in ("model", "device", "engine", "load")},
                constants=_checked_constants(values["constants"]),
                anchors=tuple(Anchor(**anchor) for anchor in values["anchors"]),
                num_points=int(values["num_points"]),
                fitted=tuple(MetricError(**error) for error in values["fitted"]),
                held_out=tuple(MetricError(**error) for error in values["held_out"]),
            )
        except (KeyError, TypeError, ValueError) as problem:
            raise InvalidRequestError(f"not a calibration: {problem}", {"field": "calibration"}) from problem
        return calibration


def _checked_constants(values: Mapping[str, Any]) -> dict[str, float]:
    known = {f.name for f in fields(StepConstants)}
    checked = {name: float(value) for name, value in values.items() if name in known}
    for name, value in checked.items():
        low, high = bounds_of(name)
        if not low <= value <= high:  # NaN fails too
            raise InvalidRequestError(f"constant {name} = {value:g} is outside {low:g} to {high:g}", {"field": name})
    return checked


def bounds_of(name: str) -> tuple[float, float]:
    """Return the least and the largest value of a constant."""
    if name in _OWN_BOUNDS:
        return _OWN_BOUNDS[name]
    low, high = BOUNDS[name]
    return (low / 10, max(high, _LARGEST_EFFICIENCY)) if name.endswith("efficiency") else (low / 10, high)


def _spread(name: str) -> float:
    if name in _ROWS:
        return _ROWS_SPREAD
    if name == "half_rate_tokens":
        return _RAMP_SPREAD
    return _EFFICIENCY_SPREAD if name.endswith(("efficiency", "evenness", "tokens", "rows")) else _OVERHEAD_SPREAD


@dataclass(frozen=True, slots=True)
class Observation:
    """One measured run.

    Attributes:
        anchor: Load and lengths.
        identity: Equal for repeats of the same configuration.
        measured: By the names of a prediction's fields.
        requests: How many the replay plays: what one prediction costs.
    """

    anchor: Anchor
    identity: Hashable
    measured: Mapping[str, float]
    requests: float = 1.0


@dataclass(frozen=True, slots=True)
class FittedConstantSet:
    """What a fit found: constants, and errors in the sample and on what was left out."""

    constants: dict[str, float]
    fitted: tuple[MetricError, ...]
    held_out: tuple[MetricError, ...]


def fit_constants(observed: Sequence[Observation], shipped: StepConstants, predict: Predict) -> FittedConstantSet:
    """Fit the constants that the observations determine.

    Args:
        observed: Measured runs of one model, device and engine.
        shipped: Where the prior pulls to.
        predict: Constants, indices of observations -> one prediction each, in order.

    Raises:
        InvalidRequestError: Nothing was observed that a prediction can be compared with.
    """
    problem = _FitProblem(observed, shipped, predict)
    if not problem.targets.size:
        raise InvalidRequestError("no run states TTFT, TPOT or output tokens/s", {"field": "metrics"})
    chosen = _subset(problem.groups, np.array([item.requests for item in observed]))
    first = problem.fit(problem.determined(chosen, {}), chosen)
    names = problem.determined(chosen, first)
    constants = problem.fit(names, chosen, near=first, rounds=_MAX_ROUNDS)
    held_out = _held_out_predictions(problem, names, constants, chosen)
    before, after = problem.predictions({}), problem.predictions(constants)
    left_out = _error_table(observed, before, held_out) if held_out else ()
    return FittedConstantSet(constants, _error_table(observed, before, after), left_out)


def _subset(groups: NDArray[np.int64], requests: FloatArray) -> NDArray[np.bool_]:
    """Return the runs to fit on: all, or those of evenly spaced configurations where all would take too long.

    Args:
        groups: Configuration of each run.
        requests: What predicting each run costs.
    """
    count = int(groups.max()) + 1
    cost = np.array([requests[groups == group].max() for group in range(count)])
    for size in range(min(count, MAX_FITTED_CONFIGURATIONS), 0, -1):
        kept = np.unique(np.linspace(0, count - 1, size).round().astype(np.int64))
        if cost[kept].sum() <= MAX_FITTED_REQUESTS:
            return np.isin(groups, kept)
    return np.isin(groups, [int(cost.argmin())])


class _FitProblem:
    """Measured figures beside predicted ones, as functions of the constants."""

    def __init__(self, observed: Sequence[Observation], shipped: StepConstants, predict: Predict) -> None:
        self._observed, self._shipped, self._predict = observed, shipped, predict
        identities = {identity: index for index, identity in enumerate(dict.fromkeys(o.identity for o in observed))}
        self.groups = np.array([identities[o.identity] for o in observed], dtype=np.int64)
        rows = [
            (index, metric, math.log(item.measured[metric]))
            for index, item in enumerate(observed)
            for choice in _FITTED_METRICS
            for metric in [next((name for name in choice if name in item.measured), None)]
            if metric is not None
        ]
        self._rows = [(index, metric) for index, metric, _ in rows]
        self._row_run = np.array([index for index, _ in self._rows], dtype=np.int64)
        self.targets = np.array([target for _, _, target in rows])

    def predictions(self, constants: Mapping[str, float]) -> Sequence[Prediction | Infeasible]:
        """Return one prediction per observation."""
        return self._predict(constants, range(len(self._observed)))

    def misfit(self, constants: Mapping[str, float], runs: NDArray[np.bool_]) -> FloatArray:
        """Return log(predicted / measured) of the figures of ``runs``; 0 where there is no prediction."""
        asked = np.flatnonzero(runs).tolist()
        answers = dict(zip(asked, self._predict(constants, asked), strict=True))
        used = runs[self._row_run]
        values = np.zeros(len(self._rows))
        for at in np.flatnonzero(used):
            index, metric = self._rows[at]
            answer = answers[index]
            if isinstance(answer, Prediction) and (value := getattr(answer, metric)) > 0:
                values[at] = math.log(value) - self.targets[at]
        return values[used]

    def start(self, names: Sequence[str]) -> FloatArray:
        """Return the logarithms of the shipped constants, inside their bounds."""
        logs = np.log([max(getattr(self._shipped, name), 1e-12) for name in names])
        low, high = _log_bounds(names)
        return np.clip(logs, low + 1e-6, high - 1e-6)

    def determined(self, runs: NDArray[np.bool_], around: Mapping[str, float]) -> list[str]:
        """Return the constants whose prior spread moves some figure by a good part of its scatter.

        Args:
            runs: Which runs count.
            around: Constants fitted so far: far from the truth everything else is hidden behind what is most wrong.
        """
        names = [name for name in (*BOUNDS, *_OWN_BOUNDS) if name not in _INDISTINCT]
        start = np.log([around.get(name, math.exp(at)) for name, at in zip(names, self.start(names), strict=True)])
        base = self.misfit(around, runs)
        kept = list(around)
        for at, name in enumerate(names):
            if name in around:
                continue
            low, high = (math.log(bound) for bound in bounds_of(name))
            step = -_spread(name) if start[at] + _spread(name) > high else _spread(name)
            moved = math.exp(min(max(start[at] + step, low), high))
            if np.abs(self.misfit({**around, name: moved}, runs) - base).max(initial=0.0) > _TELLING * SCATTER:
                kept.append(name)
        return kept

    def fit(
        self,
        names: Sequence[str],
        runs: NDArray[np.bool_],
        near: Mapping[str, float] | None = None,
        rounds: int = _MAX_ROUNDS,
    ) -> dict[str, float]:
        """Return fitted values of ``names``; from ``near`` where it is given, else from two starts, the better one."""
        if not names:
            return {}
        prior, low, high = self.start(names), *_log_bounds(names)
        spread = np.array([_spread(name) for name in names])

        def residuals(x: FloatArray) -> FloatArray:
            misfit = self.misfit(dict(zip(names, np.exp(x).tolist(), strict=True)), runs)
            return np.concatenate([misfit / SCATTER, (x - prior) / spread])

        starts = [prior]
        if near is not None:
            starts = [np.log([near.get(name, math.exp(at)) for name, at in zip(names, prior, strict=True)])]
        elif "half_rate_tokens" in names:  # a second valley: small cores have no tiles to fill
            starts.append(np.where(np.array(names) == "half_rate_tokens", math.log(5.0), prior))
        found = [
            least_squares(
                residuals, np.clip(start, low + 1e-6, high - 1e-6), bounds=(low, high), diff_step=_DIVISION,
                x_scale=spread, max_nfev=rounds,
            )
            for start in starts
        ]  # fmt: skip
        best = min(found, key=lambda result: float(result.cost))
        return {name: float(f"{value:.6g}") for name, value in zip(names, np.exp(best.x).tolist(), strict=True)}


def _log_bounds(names: Sequence[str]) -> tuple[FloatArray, FloatArray]:
    low, high = zip(*(bounds_of(name) for name in names), strict=True)
    return np.log(low), np.log(high)


def _held_out_predictions(
    problem: _FitProblem, names: Sequence[str], constants: Mapping[str, float], chosen: NDArray[np.bool_]
) -> list[Prediction | Infeasible]:
    """Return each run's prediction by constants fitted without its configuration; empty with one configuration."""
    count = int(problem.groups.max()) + 1
    if count < 2:
        return []
    folds = count if count <= _LEAVE_ONE_OUT_UP_TO else _FOLDS
    answers: list[Prediction | Infeasible] = [Infeasible("left_out", "not predicted")] * problem.groups.size
    for fold in range(folds):
        out = problem.groups % folds == fold
        fitted = problem.fit(names, chosen & ~out, near=constants, rounds=_MAX_ROUNDS_OF_A_FOLD)
        predicted = problem.predictions(fitted)
        for index in np.flatnonzero(out).tolist():
            answers[index] = predicted[index]
    return answers


def _error_table(
    observed: Sequence[Observation],
    before: Sequence[Prediction | Infeasible],
    after: Sequence[Prediction | Infeasible],
) -> tuple[MetricError, ...]:
    table = []
    for metric in COMPARED:
        pairs = [
            (abs(getattr(b, metric) / item.measured[metric] - 1), abs(getattr(a, metric) / item.measured[metric] - 1))
            for item, b, a in zip(observed, before, after, strict=True)
            if metric in item.measured and isinstance(a, Prediction) and isinstance(b, Prediction)
        ]
        if pairs:
            old, new = (np.sort(side) for side in zip(*pairs, strict=True))
            rank = min(len(pairs), math.ceil(0.8 * (len(pairs) + 1)))
            table.append(
                MetricError(metric, len(pairs), float(np.median(old)), float(np.median(new)), float(new[rank - 1]))
            )
    return tuple(table)


def basis_of(calibration: Calibration, asked: Anchor) -> str:
    """Return ``measured`` where a run had this load and these lengths, ``interpolated`` between or near runs."""
    values = [(a.concurrency, a.isl, a.osl) for a in calibration.anchors]
    wanted = (asked.concurrency, asked.isl, asked.osl)
    if any(all(w / _SAME <= v <= w * _SAME for v, w in zip(anchor, wanted, strict=True)) for anchor in values):
        return "measured"
    columns = zip(*values, strict=True)
    within = all(min(c) / _NEAR <= w <= max(c) * _NEAR for c, w in zip(columns, wanted, strict=True))
    return "interpolated" if values and within else "extrapolated"
