"""Predicted against measured, per model, device and engine. Pure arithmetic on stored figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from budsim.benchmarks.measured_point import COMPARED_METRICS


@dataclass(frozen=True, slots=True)
class TrackedPoint:
    """One measured run and what had been predicted for it.

    Attributes:
        key: Model, device, engine, kind of load.
        measured: Metrics.
        predicted: Metrics, and ``intervals`` by metric.
    """

    key: tuple[str, str, str, str]
    measured: Mapping[str, float]
    predicted: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MetricAccuracy:
    """Absolute percentage errors of one metric, as shares; ``coverage`` of the 80 % intervals, None without them."""

    metric: str
    count: int
    median_ape: float
    mean_ape: float
    coverage: float | None


@dataclass(frozen=True, slots=True)
class GroupAccuracy:
    """How well one model on one device under one engine was predicted."""

    key: tuple[str, str, str, str]
    count: int
    metrics: tuple[MetricAccuracy, ...]


def accuracy_of(points: Iterable[TrackedPoint]) -> list[GroupAccuracy]:
    """Return the errors per model, device, engine and kind of load, those with the most runs first."""
    groups: dict[tuple[str, str, str, str], list[TrackedPoint]] = {}
    for point in points:
        groups.setdefault(point.key, []).append(point)
    found = [GroupAccuracy(key, len(items), tuple(_metrics(items))) for key, items in groups.items()]
    return sorted(found, key=lambda group: (-group.count, group.key))


def _metrics(points: list[TrackedPoint]) -> Iterable[MetricAccuracy]:
    for metric in COMPARED_METRICS:
        both = [p for p in points if p.measured.get(metric) and p.predicted.get(metric) is not None]
        if not both:
            continue
        errors = [abs(p.predicted[metric] / p.measured[metric] - 1) for p in both]
        covered = [
            low <= p.measured[metric] <= high
            for p in both
            if (interval := p.predicted.get("intervals", {}).get(metric)) is not None
            for low, high in [interval]
        ]
        yield MetricAccuracy(metric, len(both), median(errors), fmean(errors), fmean(covered) if covered else None)
