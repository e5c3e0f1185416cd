"""Recommendations with their performance: filters, orders, a table, a dictionary."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from budsim.recommender.performance import PerformanceEstimate
from budsim.recommender.recommendation import GPURecommendation, filter_recommendations_by_budget

_WIDTH = 80
_COLUMNS = (
    "#", "GPU", "TP", "PP", "DP", "Model Memory (GB/GPU)", "Available for KV Cache (GB)", "Max Concurrent Requests",
    "Fits Memory", "TTFT (ms)", "ITL (ms)", "Throughput (tok/s)", "USD/h", "Power (W)",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RecommendationWithPerformance:
    """A layout, and what it does; ``performance`` None = not asked for."""

    recommendation: GPURecommendation
    performance: PerformanceEstimate | None = None


@dataclass(slots=True)
class RecommendationResult:
    """All layouts for one model and load. Filters return a new result, sorts change this one and return it."""

    model_name: str
    precision: str | None
    input_length: int
    output_length: int
    batch_size: int = 1
    context_length: int | None = None
    recommendations: list[RecommendationWithPerformance] = field(default_factory=list)

    def add_recommendation(
        self, recommendation: GPURecommendation, performance: PerformanceEstimate | None = None
    ) -> None:
        """Add a layout."""
        self.recommendations.append(RecommendationWithPerformance(recommendation, performance))

    # ------------------------------------------------------------------------------------------------------- filters
    def _kept(self, keep: Callable[[RecommendationWithPerformance], bool]) -> RecommendationResult:
        return replace(self, recommendations=[item for item in self.recommendations if keep(item)])

    def filter_fitting_only(self) -> RecommendationResult:
        """Return what fits in memory."""
        return self._kept(lambda item: item.recommendation.fits_in_memory)

    def filter_by_gpu_name(self, gpu_name: str) -> RecommendationResult:
        """Return what is on GPUs whose name contains a text, any case."""
        text = gpu_name.lower()
        return self._kept(
            lambda item: (
                text in item.recommendation.gpu_spec.name.lower()
                or text in item.recommendation.gpu_spec.device.name.lower()
            )
        )

    def filter_by_manufacturer(self, manufacturer: str) -> RecommendationResult:
        """Return what is on GPUs of a maker, any case."""
        return self._kept(lambda item: item.recommendation.gpu_spec.manufacturer.lower() == manufacturer.lower())

    def filter_by_budget(
        self,
        max_gpus: int | None = None,
        max_memory_gb: float | None = None,
        *,
        max_usd_per_hour: float | None = None,
        max_power_watts: float | None = None,
    ) -> RecommendationResult:
        """Return what is within every budget given; see ``filter_recommendations_by_budget``."""
        own = [item.recommendation for item in self.recommendations]
        kept = filter_recommendations_by_budget(
            own, max_gpus, max_memory_gb, max_usd_per_hour=max_usd_per_hour, max_power_watts=max_power_watts
        )
        left = {id(recommendation) for recommendation in kept}
        return self._kept(lambda item: id(item.recommendation) in left)

    # --------------------------------------------------------------------------------------------------------- orders
    def _sorted(self, key: Callable[[RecommendationWithPerformance], float]) -> RecommendationResult:
        def order(item: RecommendationWithPerformance) -> tuple[bool, float, str, int]:
            own = item.recommendation
            return (not own.fits_in_memory, key(item), own.gpu_spec.name, own.num_gpus)

        self.recommendations.sort(key=order)
        return self

    def sort_by_cost(self) -> RecommendationResult:
        """Sort by GPU count x memory of one GPU, the document's measure of cost; what does not fit comes last."""
        return self._sorted(lambda item: item.recommendation.num_gpus * item.recommendation.gpu_spec.memory_gb)

    def sort_by_price(self) -> RecommendationResult:
        """Sort by USD per hour; unknown prices come after known ones."""
        return self._sorted(lambda item: _or_last(item.recommendation.usd_per_hour))

    def sort_by_performance(self) -> RecommendationResult:
        """Sort by TTFT; layouts without an estimate come after those with one."""
        return self._sorted(
            lambda item: _or_last(item.performance.time_to_first_token_ms if item.performance else None)
        )

    def sort_by_throughput(self) -> RecommendationResult:
        """Sort by output tokens per second, the most first."""
        return self._sorted(
            lambda item: -(item.performance.throughput_tokens_per_second or 0.0) if item.performance else 0.0
        )

    # --------------------------------------------------------------------------------------------------------- output
    def summary(self) -> str:
        """Return the report as text."""
        fitting = sum(item.recommendation.fits_in_memory for item in self.recommendations)
        lines = [
            "=" * _WIDTH,
            "GPU Recommendation Report",
            "=" * _WIDTH,
            f"Model: {self.model_name}",
            f"Precision: {self.precision or 'as stored'}",
            f"Input Length: {self.input_length} tokens",
            f"Output Length: {self.output_length} tokens",
            f"Batch Size: {self.batch_size}",
            "",
            f"Found {len(self.recommendations)} viable configurations ({fitting} fit in memory)",
            "",
            "Recommendations:",
        ]
        rows = [_row(place, item) for place, item in enumerate(self.recommendations, start=1)]
        return "\n".join([*lines, _grid(_COLUMNS, rows)]) if rows else "\n".join([*lines, "none: nothing was tried"])

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return {
            "model": self.model_name,
            "precision": self.precision,
            "input_length": self.input_length,
            "output_length": self.output_length,
            "batch_size": self.batch_size,
            "context_length": self.context_length,
            "recommendations": [_as_dict(item) for item in self.recommendations],
        }


def _or_last(value: float | None) -> float:
    return math.inf if value is None else value


def _row(place: int, item: RecommendationWithPerformance) -> tuple[str, ...]:
    own, speed = item.recommendation, item.performance
    return (
        str(place),
        own.gpu_spec.name,
        str(own.tensor_parallel_size),
        str(own.pipeline_parallel_size),
        str(own.data_parallel_size),
        f"{own.memory_per_gpu_gb:.2f}",
        f"{own.available_kv_cache_gb:.2f}",
        str(own.max_concurrent_requests),
        "YES" if own.fits_in_memory else "NO",
        _figure(speed and speed.time_to_first_token_ms),
        _figure(speed and speed.inter_token_latency_ms),
        _figure(speed and speed.throughput_tokens_per_second),
        _figure(own.usd_per_hour, 2),
        _figure(own.power_watts, 0),
    )


def _figure(value: Any, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _grid(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in the document's frame; long headings are broken at spaces."""
    headings = [_broken(text, max(12, *(len(row[place]) for row in rows))) for place, text in enumerate(header)]
    columns = [[*headings[place], *(row[place] for row in rows)] for place in range(len(header))]
    widths = [max(map(len, cells)) for cells in columns]
    height = max(len(lines) for lines in headings)
    heads = [[lines[line] if line < len(lines) else "" for lines in headings] for line in range(height)]

    def frame(left: str, middle: str, right: str, fill: str) -> str:
        return left + middle.join(fill * (width + 2) for width in widths) + right

    def line(cells: Sequence[str]) -> str:
        return "│" + "│".join(f" {cell:^{width}} " for cell, width in zip(cells, widths, strict=True)) + "│"

    top, middle, bottom = frame("╒", "╤", "╕", "═"), frame("╞", "╪", "╡", "═"), frame("└", "┴", "┘", "─")
    return "\n".join([top, *map(line, heads), middle, *map(line, rows), bottom])


def _broken(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _as_dict(item: RecommendationWithPerformance) -> dict[str, Any]:
    own, speed = item.recommendation, item.performance
    return {
        "gpu": own.gpu_spec.name,
        "device": own.gpu_spec.device.name,
        "manufacturer": own.gpu_spec.manufacturer,
        "gpu_memory_gb": own.gpu_spec.memory_gb,
        "tensor_parallel_size": own.tensor_parallel_size,
        "pipeline_parallel_size": own.pipeline_parallel_size,
        "data_parallel_size": own.data_parallel_size,
        "expert_parallel_size": own.expert_parallel_size,
        "num_gpus": own.num_gpus,
        "num_nodes": own.num_nodes,
        "crosses_nodes": own.crosses_nodes,
        "network_gb_s": own.network_gb_s,
        "memory_per_gpu_gb": own.memory_per_gpu_gb,
        "available_kv_cache_gb": own.available_kv_cache_gb,
        "max_concurrent_requests": own.max_concurrent_requests,
        "fits_in_memory": own.fits_in_memory,
        "reason": own.reason or None,
        "usd_per_hour": own.usd_per_hour,
        "power_watts": own.power_watts,
        "engine_parameters": dict(own.engine_parameters),
        "performance": None
        if speed is None
        else {
            "time_to_first_token_ms": speed.time_to_first_token_ms,
            "inter_token_latency_ms": speed.inter_token_latency_ms,
            "throughput_tokens_per_second": speed.throughput_tokens_per_second,
            "end_to_end_latency_s": speed.end_to_end_latency_s,
            "max_batch_size": speed.max_batch_size,
            "max_concurrent_requests": speed.max_concurrent_requests,
            "cost_per_million_tokens_usd": speed.cost_per_million_tokens_usd,
            "intervals": {name: list(bounds) for name, bounds in speed.intervals.items()},
            "confidence": speed.confidence,
            "error": speed.error,
        },
    }
