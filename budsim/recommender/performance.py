"""How fast a recommended layout serves: the house's predictor, for exactly the layout that was recommended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from budsim.library import current_basis
from budsim.perf_model.serving_point import Infeasible, Prediction
from budsim.recommender.recommendation import GPURecommendation
from budsim.simulator.candidate import Predictor
from budsim.simulator.hardware import cost_per_million_tokens_usd


@dataclass(frozen=True, slots=True)
class PerformanceEstimate:
    """What serving a load is like; None where there is no figure, ``error`` says why.

    Attributes:
        time_to_first_token_ms: Median TTFT.
        inter_token_latency_ms: Mean time per output token after the first.
        throughput_tokens_per_second: Output tokens per second of all copies.
        max_batch_size: Sequences that the engine runs in one step.
        max_concurrent_requests: Sequences of the longest admitted length that the KV cache holds.
        end_to_end_latency_s: Median.
        cost_per_million_tokens_usd: Per million output tokens; None where no price is known.
        intervals: Low and high of a metric, where the method gives them.
        confidence: 0 to 1; None where the method gives none.
    """

    time_to_first_token_ms: float | None = None
    inter_token_latency_ms: float | None = None
    throughput_tokens_per_second: float | None = None
    max_batch_size: int | None = None
    max_concurrent_requests: int | None = None
    end_to_end_latency_s: float | None = None
    cost_per_million_tokens_usd: float | None = None
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    confidence: float | None = None
    error: str | None = None


def estimate_performance(recommendation: GPURecommendation, predictor: Predictor | None = None) -> PerformanceEstimate:
    """Return what one layout does under the load that it was recommended for; it never raises for one that cannot run.

    Args:
        recommendation: As found.
        predictor: None = that of ``budsim.predict``.
    """
    return estimate_performance_batch([recommendation], predictor)[0]


def estimate_performance_batch(
    recommendations: Sequence[GPURecommendation], predictor: Predictor | None = None
) -> list[PerformanceEstimate]:
    """Return one estimate per layout, in order, from one call of the predictor.

    Args:
        recommendations: As found.
        predictor: None = that of ``budsim.predict``.
    """
    points = [item.size.point for item in recommendations if item.size is not None]
    answers = iter((predictor or current_basis().predictor).predict(points))
    return [
        _estimate(item, next(answers))
        if item.size is not None
        else PerformanceEstimate(error=item.reason or "does not fit")
        for item in recommendations
    ]


def _estimate(item: GPURecommendation, answer: Prediction | Infeasible) -> PerformanceEstimate:
    if isinstance(answer, Infeasible):
        return PerformanceEstimate(error=answer.reason)
    return PerformanceEstimate(
        time_to_first_token_ms=answer.ttft_ms_p50,
        inter_token_latency_ms=answer.tpot_ms_mean,
        throughput_tokens_per_second=answer.output_tps,
        max_batch_size=item.size.point.settings.max_num_seqs if item.size else None,
        max_concurrent_requests=int(answer.max_concurrency),
        end_to_end_latency_s=answer.e2e_s_p50,
        cost_per_million_tokens_usd=cost_per_million_tokens_usd(item.usd_per_hour, answer.output_tps),
        intervals=answer.intervals,
        confidence=answer.confidence,
    )
