"""Corrects a prediction so that its figures still belong together, and puts error bars on it.

The learned residual gives factors for TTFT, TPOT and E2E separately. They are first reconciled (E2E is TTFT plus
decoding), then applied to every figure at once: percentiles move with their mean, throughput by Little's law, and no
latency falls below what the datasheet allows.

Source of the reconciliation: weighted least squares on the identity, as in Wickramasuriya, Athanasopoulos, Hyndman
2019, "Optimal forecast reconciliation", JASA 114.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from budsim.perf_model.residual_features import FloatArray
from budsim.perf_model.serving_point import Prediction
from budsim.perf_model.workload import LoadMode, Workload

# 80 % intervals whose half width is this many natural-log units or less mean a confidence of 0.9 or more: four in five
# such answers lie within 10 %.
_TENTH = math.log(1.1)
_CONFIDENCE_AT_A_TENTH = 0.9


def reconcile(
    ttft: FloatArray, tpot: FloatArray, e2e: FloatArray, ttft_share: FloatArray, weights: Mapping[str, float]
) -> tuple[FloatArray, FloatArray]:
    """Return log factors of TTFT and of decoding that agree best with three separate estimates.

    Args:
        ttft: Log factor of TTFT, shape (n,).
        tpot: Log factor of TPOT.
        e2e: Log factor of E2E.
        ttft_share: TTFT / E2E before correction, in [0, 1].
        weights: Trust in each, by the names ``ttft``, ``tpot``, ``e2e``; > 0 for the first two.
    """
    s, r = ttft_share, 1.0 - ttft_share
    missing = e2e - (s * ttft + r * tpot)
    gain = weights["e2e"] / (1.0 + weights["e2e"] * (s * s / weights["ttft"] + r * r / weights["tpot"]))
    return ttft + gain * missing * s / weights["ttft"], tpot + gain * missing * r / weights["tpot"]


@dataclass(frozen=True, slots=True)
class Correction:
    """What is changed in one prediction.

    Attributes:
        ttft: Factor on TTFT.
        decode: Factor on TPOT and decoding.
        ttft_p99: Further factor on the 99th percentile of TTFT.
        ttft_floor_ms: TTFT is not below this.
        tpot_floor_ms: TPOT is not below this.
    """

    ttft: float = 1.0
    decode: float = 1.0
    ttft_p99: float = 1.0
    ttft_floor_ms: float = 0.0
    tpot_floor_ms: float = 0.0


def _kept_above(value: float, factor: float, floor: float) -> float:
    """Return the factor that leaves ``value * factor`` at or above ``floor``; a value already below stays."""
    return max(factor, min(1.0, floor / value)) if value > 0 else 1.0


def corrected(answer: Prediction, change: Correction, load: Workload) -> Prediction:
    """Return the prediction with its latencies multiplied and everything that depends on them moved along.

    Args:
        answer: By physics.
        change: Factors and floors.
        load: What was served.
    """
    a = _kept_above(answer.ttft_ms_mean, change.ttft, change.ttft_floor_ms)
    b = _kept_above(answer.tpot_ms_mean, change.decode, change.tpot_floor_ms)
    if abs(a - 1.0) + abs(b - 1.0) + abs(change.ttft_p99 - 1.0) < 1e-12:
        return answer

    def both(e2e_s: float, ttft_ms: float) -> float:
        prompt = min(e2e_s, ttft_ms / 1e3)
        return a * prompt + b * (e2e_s - prompt)

    e2e = both(answer.e2e_s_mean, answer.ttft_ms_mean)
    p50 = both(answer.e2e_s_p50, answer.ttft_ms_p50)
    p95 = max(p50, both(answer.e2e_s_p95, answer.ttft_ms_p95))
    longer = e2e / answer.e2e_s_mean
    rate = _rate(answer, load, longer, b)
    ttft_p95 = a * answer.ttft_ms_p95
    return replace(
        answer,
        ttft_ms_mean=a * answer.ttft_ms_mean,
        ttft_ms_p50=a * answer.ttft_ms_p50,
        ttft_ms_p90=a * answer.ttft_ms_p90,
        ttft_ms_p95=ttft_p95,
        ttft_ms_p99=max(ttft_p95, a * answer.ttft_ms_mean, a * change.ttft_p99 * answer.ttft_ms_p99),
        tpot_ms_mean=b * answer.tpot_ms_mean,
        tpot_ms_p99=b * answer.tpot_ms_p99,
        itl_ms_p99=b * answer.itl_ms_p99,
        e2e_s_mean=e2e,
        e2e_s_p50=p50,
        e2e_s_p95=p95,
        e2e_s_p99=max(p95, e2e, both(answer.e2e_s_p99, answer.ttft_ms_p99)),
        output_tps=answer.output_tps * rate / answer.request_throughput,
        tps_per_user=answer.tps_per_user / longer,
        request_throughput=rate,
    )


def _rate(answer: Prediction, load: Workload, longer: float, slower_decode: float) -> float:
    """Return the request rate of a corrected prediction: arrivals decide an open loop below its capacity."""
    if load.load_mode is not LoadMode.POISSON:
        return answer.request_throughput / longer
    if not answer.saturated:
        return answer.request_throughput
    return min(answer.request_throughput / slower_decode, float(load.request_rate or math.inf))


@dataclass(frozen=True, slots=True)
class HalfWidths:
    """Half widths of the 80 % intervals, natural-log units."""

    ttft: float
    tpot: float
    e2e: float


def confidence(ttft_half_width: float, tpot_half_width: float) -> float:
    """Return the confidence that the wider of two intervals deserves, in (0, 1]; 0.9 at plus or minus 10 %.

    Args:
        ttft_half_width: Of the 80 % interval, natural-log units.
        tpot_half_width: The same for TPOT.
    """
    wider = max(ttft_half_width, tpot_half_width)
    return math.exp(wider / _TENTH * math.log(_CONFIDENCE_AT_A_TENTH))


def with_intervals(
    answer: Prediction, widths: HalfWidths, load: Workload, basis: str, floors_ms: tuple[float, float]
) -> Prediction:
    """Return the prediction with intervals, confidence and basis.

    The interval of E2E lies inside what the intervals of TTFT and TPOT allow; that of the throughput is its mirror.

    Args:
        answer: Corrected prediction.
        widths: Of its intervals.
        load: What was served.
        basis: measured | interpolated | extrapolated | analytic.
        floors_ms: What TTFT and TPOT cannot be below.
    """
    ttft = _around(answer.ttft_ms_mean, widths.ttft, floors_ms[0])
    tpot = _around(answer.tpot_ms_mean, widths.tpot, floors_ms[1])
    prompt = answer.ttft_ms_mean / 1e3
    decode = max(0.0, answer.e2e_s_mean - prompt)
    steps = decode / answer.tpot_ms_mean if answer.tpot_ms_mean > 0 else 0.0
    low, high = _around(answer.e2e_s_mean, widths.e2e, 0.0)
    e2e = (
        min(answer.e2e_s_mean, max(low, ttft[0] / 1e3 + steps * tpot[0])),
        max(answer.e2e_s_mean, min(high, ttft[1] / 1e3 + steps * tpot[1])),
    )
    tps = answer.output_tps
    steady = load.load_mode is LoadMode.POISSON and not answer.saturated
    rate = (tps, tps) if steady else (tps * answer.e2e_s_mean / e2e[1], tps * answer.e2e_s_mean / e2e[0])
    intervals = {"ttft_ms_mean": ttft, "tpot_ms_mean": tpot, "e2e_s_mean": e2e, "output_tps": rate}
    trust = confidence(widths.ttft, widths.tpot if load.osl > 1 else 0.0)
    return replace(answer, intervals=intervals, confidence=trust, basis=basis)


def _around(value: float, half_width: float, floor: float) -> tuple[float, float]:
    factor = float(np.exp(half_width))
    return max(value / factor, min(value, floor)), value * factor
