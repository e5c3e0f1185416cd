"""Metric definitions, once, as ``vllm bench serve`` has them.

TTFT        Request sent to first token, queueing included.
TPOT        (E2E - TTFT) / (OSL - 1) of one request; 0 where OSL is 1, because there is no second token.
ITL         One gap of one request as the client sees it: between two chunks of ``stream_interval`` tokens.
E2E         Request sent to last token.
throughput  Output tokens of all requests per second of the run's wall time. In a closed loop it is concurrency x OSL /
            mean E2E (Little's law); of Poisson arrivals without end the rate, or the capacity where that is less.
per user    OSL / E2E of one request.
goodput     Requests per second that meet every target.
"""

from __future__ import annotations

from budsim.perf_model.serving_point import Prediction
from budsim.perf_model.workload import SloTargets


def tpot_s(e2e_s: float, ttft_s: float, osl: float) -> float:
    """Return seconds per output token after the first; 0 for a single token."""
    return (e2e_s - ttft_s) / (osl - 1) if osl > 1 else 0.0


def request_throughput_in_closed_loop(concurrency: float, e2e_s: float) -> float:
    """Return requests per second of ``concurrency`` clients that each wait for their answer (Little 1961)."""
    return concurrency / e2e_s


def clip01(value: float) -> float:
    """Return ``value`` limited to [0, 1]."""
    return min(1.0, max(0.0, value))


def ttft_at_percentile(prediction: Prediction, percentile: int) -> float:
    """Return TTFT in ms at 50, 90, 95 or 99; any other percentile takes the next one that is known."""
    known = {
        50: prediction.ttft_ms_p50,
        90: prediction.ttft_ms_p90,
        95: prediction.ttft_ms_p95,
        99: prediction.ttft_ms_p99,
    }
    return known[min((p for p in known if p >= percentile), default=99)]


def upper_bound_miss(predicted: float, target: float) -> float:
    """Return by which share ``predicted`` is above ``target``; 0 when met."""
    return max(0.0, predicted / target - 1.0)


def lower_bound_miss(predicted: float, target: float) -> float:
    """Return by which share ``predicted`` is below ``target``; 0 when met."""
    return max(0.0, 1.0 - predicted / target)


def relative_misses(
    prediction: Prediction, targets: SloTargets, output_tps: float | None = None, cost_per_hour_usd: float | None = None
) -> dict[str, tuple[float, float, float]]:
    """Return (target, predicted, relative miss) of every target that is set.

    A target that is None or 0 is not set; so is a cost target where no price is known.

    Args:
        prediction: Of one replica.
        targets: What the caller wants.
        output_tps: Of the whole deployment; None = of this replica.
        cost_per_hour_usd: Of the whole deployment; None = not known.
    """
    upper = {
        "ttft_ms": (targets.ttft_ms, ttft_at_percentile(prediction, targets.ttft_percentile)),
        "e2e_latency_s": (targets.e2e_latency_s, prediction.e2e_s_p50),
        "e2e_p95_s": (targets.e2e_p95_s, prediction.e2e_s_p95),
        "e2e_p99_s": (targets.e2e_p99_s, prediction.e2e_s_p99),
        "cost_per_hour_usd": (targets.cost_per_hour_usd, cost_per_hour_usd),
    }
    lower = {
        "throughput_per_user_tps": (targets.throughput_per_user_tps, prediction.tps_per_user),
        "output_tps": (targets.output_tps, prediction.output_tps if output_tps is None else output_tps),
    }
    misses = {}
    for name, (target, predicted) in upper.items():
        if target and predicted is not None:
            misses[name] = (target, predicted, upper_bound_miss(predicted, target))
    for name, (target, predicted) in lower.items():
        if target:
            misses[name] = (target, predicted, lower_bound_miss(predicted, target))
    return misses


def error_rate(
    prediction: Prediction, targets: SloTargets, output_tps: float | None = None, cost_per_hour_usd: float | None = None
) -> float:
    """Return the mean over the set targets of clip01(relative miss); 0 = all met, or none set."""
    misses = relative_misses(prediction, targets, output_tps, cost_per_hour_usd)
    if not misses:
        return 0.0
    return sum(clip01(miss) for _, _, miss in misses.values()) / len(misses)


def goodput(prediction: Prediction, targets: SloTargets) -> float:
    """Return a lower bound of the requests per second that meet the TTFT and E2E targets.

    The share that meets one target is the highest percentile known to meet it; the shares of several targets are
    joined by
    the union bound (at worst the misses fall on different requests).
    """
    share = 1.0
    ttft = {
        50: prediction.ttft_ms_p50,
        90: prediction.ttft_ms_p90,
        95: prediction.ttft_ms_p95,
        99: prediction.ttft_ms_p99,
    }
    e2e = {50: prediction.e2e_s_p50, 95: prediction.e2e_s_p95, 99: prediction.e2e_s_p99}
    e2e_targets = [t for t in (targets.e2e_latency_s, targets.e2e_p95_s, targets.e2e_p99_s) if t]
    for target, known in ((targets.ttft_ms, ttft), (min(e2e_targets, default=None), e2e)):
        if target:
            met = max((p for p, value in known.items() if value <= target), default=0)
            share -= 0.0 if met == 99 else 1.0 - met / 100
    return prediction.request_throughput * max(0.0, share)
