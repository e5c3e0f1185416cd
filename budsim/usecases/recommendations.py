"""The answer to "what serves this use case": models by size, batch sizes, hardware. Pure.

For each model and batch size: devices by fewest chips, then by utilisation; the first that pass the filters are
predicted and shown. The batch's own figures are those of the first shown option that keeps the SLO, else of the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from budsim.commons.errors import BudSimError
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.serving_point import Infeasible
from budsim.recommender.sizing import SizingCase
from budsim.simulator.hardware import PriceBasis
from budsim.usecases.advisor import BatchRanking, CurrentAdvisor
from budsim.usecases.options import HardwareOption
from budsim.usecases.use_case import SloCheck, UseCase


@dataclass(frozen=True, slots=True)
class HardwareFilter:
    """Which devices may be recommended; empty = all.

    Attributes:
        names: Catalogue names.
        min_utilization: Share of a device's memory that the load must take at least.
        max_usd_per_hour: Of the whole replica; devices without a price do not pass.
    """

    device_types: frozenset[str] = frozenset()
    manufacturers: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    min_utilization: float = 0.1
    max_usd_per_hour: float | None = None

    @property
    def takes_all(self) -> bool:
        """Whether no device is excluded by what it is."""
        return not (self.device_types or self.manufacturers or self.names)

    def allows(self, device: DeviceSpec) -> bool:
        """Whether a device is of a type, a maker and a name that are wanted."""
        return (
            (not self.device_types or device.device_type in self.device_types)
            and (not self.manufacturers or device.vendor.lower() in self.manufacturers)
            and (not self.names or device.name in self.names)
        )


@dataclass(frozen=True, slots=True)
class CategoryModel:
    """A model of a category: as the table names it, and what it resolved to."""

    category: str
    model_id: str
    checkpoint: str
    arch: ModelArchitecture | BudSimError


@dataclass(frozen=True, slots=True)
class Question:
    """What a caller asks beside the use case.

    Attributes:
        precision: Format of the weights; None = the checkpoint's own.
        price_basis: Prices to show; None = none.
        max_options: Hardware options shown of one batch size.
        slo_only: Leave out options that miss the SLO.
    """

    batch_sizes: tuple[int, ...] = (1, 8, 16, 32, 64)
    precision: str | None = "fp16"
    price_basis: PriceBasis | None = "on_demand"
    hardware: HardwareFilter = field(default_factory=HardwareFilter)
    custom_devices: tuple[DeviceSpec, ...] = ()
    max_options: int = 5
    slo_only: bool = False


class _Batch(NamedTuple):
    """One batch size of one model.

    Attributes:
        first: Places of the ranking to show first, best first.
        further: The places after them.
    """

    case: SizingCase
    size: int
    ranking: BatchRanking
    first: list[int]
    further: Iterator[int]


def _places(ranking: BatchRanking, wanted: HardwareFilter) -> Iterator[int]:
    """Yield the places that pass the utilisation floor and the filters, best first."""
    floor, takes_all = wanted.min_utilization, wanted.takes_all
    for place, entry in enumerate(ranking.devices):
        filled = entry.utilization is None or entry.utilization >= floor
        if filled and (takes_all or wanted.allows(entry.device)):
            yield place


class BatchAnswer(NamedTuple):
    """What serves one batch size.

    Attributes:
        options: Shown hardware with what holds of the bounds, best first.
        best: Place of the first option that keeps the SLO, else the first; None without options.
        reason: Why there is no option; None where there is one.
    """

    size: int
    memory_required_gb: float
    options: tuple[tuple[HardwareOption, SloCheck], ...]
    best: int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class BatchSizeAdvice:
    """The batch size to run, on which option, and why."""

    batch_size: int
    option: HardwareOption
    reason: str


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """One model and what serves it."""

    model: CategoryModel
    batches: tuple[BatchAnswer, ...]
    advice: BatchSizeAdvice | None


def recommend_models(
    use_case: UseCase, models: Sequence[CategoryModel], question: Question, advisor: CurrentAdvisor
) -> list[ModelAnswer]:
    """Return what serves each model, in their order; one that could not be resolved has no batches.

    Args:
        use_case: Lengths and bounds.
        models: Models by category.
        question: The caller's wishes.
        advisor: Sizes and predicts.

    Raises:
        BudSimError: The precision fits no format.
        NotRememberedError: Something is not known, and ``advisor`` works nothing out.
    """
    planned = [(model, _batches(use_case, model, question, advisor)) for model in models]
    advisor.predict_ranked(
        (batch.case, batch.size, batch.ranking, batch.first) for _, batches in planned for batch in batches
    )
    answers = []
    for model, batches in planned:
        answered = tuple(_batch_answer(use_case, batch, question, advisor) for batch in batches)
        answers.append(ModelAnswer(model, answered, batch_size_advice(answered, question.price_basis)))
    return answers


def _batches(use_case: UseCase, model: CategoryModel, question: Question, advisor: CurrentAdvisor) -> list[_Batch]:
    if isinstance(model.arch, BudSimError):
        return []
    case = SizingCase(model.arch, use_case.isl, use_case.osl, question.precision)
    rankings = advisor.rankings(case, question.batch_sizes, question.custom_devices)
    batches = []
    for size in question.batch_sizes:
        places = _places(rankings[size], question.hardware)
        batches.append(_Batch(case, size, rankings[size], list(islice(places, question.max_options)), places))
    return batches


def _batch_answer(use_case: UseCase, batch: _Batch, question: Question, advisor: CurrentAdvisor) -> BatchAnswer:
    chosen, refused = _options(use_case, batch, question, advisor)
    options = tuple([(option, option.slo(use_case)) for option in chosen])
    best = next((place for place, (_, slo) in enumerate(options) if slo.meets_slo), 0) if options else None
    reason = None if options else _why_none(batch, question.hardware, refused)
    return BatchAnswer(batch.size, batch.ranking.memory_required_gb, options, best, reason)


def _options(
    use_case: UseCase, batch: _Batch, question: Question, advisor: CurrentAdvisor
) -> tuple[list[HardwareOption], str]:
    """Return what is shown of a batch size, and why the last option that is not shown was refused."""
    chosen: list[HardwareOption] = []
    refused = ""
    part = batch.first
    takes_any = not question.slo_only and question.hardware.max_usd_per_hour is None
    while part and len(chosen) < question.max_options:
        for place in part:
            option = batch.ranking.options[place]
            if isinstance(option, Infeasible):
                refused = option.reason
            elif takes_any:
                chosen.append(option)
            elif question.slo_only and not option.slo(use_case).meets_slo:
                refused = "no device that holds the batch keeps the use case's bounds"
            elif not _is_affordable(option, question):
                refused = "no device that holds the batch has a known price within max_price_per_hour"
            else:
                chosen.append(option)
        if len(chosen) < question.max_options:
            part = list(islice(batch.further, question.max_options))
            advisor.predict_ranked([(batch.case, batch.size, batch.ranking, part)])
    return chosen[: question.max_options], refused


def _is_affordable(option: HardwareOption, question: Question) -> bool:
    limit = question.hardware.max_usd_per_hour
    if limit is None:
        return True
    price = option.usd_per_hour(question.price_basis or "on_demand")
    return price is not None and price <= limit


def _why_none(batch: _Batch, wanted: HardwareFilter, refused: str) -> str:
    ranking, floor = batch.ranking, wanted.min_utilization
    filled = [entry for entry in ranking.devices if entry.utilization is None or entry.utilization >= floor]
    excluded = sum(not wanted.allows(entry.device) for entry in filled)
    told = [f"no hardware is left for batch size {batch.size}"]
    if ranking.too_large:
        told.append(f"{ranking.too_large} devices do not hold it, such as: {ranking.reason}")
    if ranking.unsuitable:
        told.append(f"{ranking.unsuitable} CPUs are left out (over 14e9 parameters or 40 GB)")
    if len(filled) < len(ranking.devices):
        told.append(f"{len(ranking.devices) - len(filled)} devices would be used below {100 * floor:g} %")
    if excluded:
        told.append(f"{excluded} are excluded by your filters")
    if refused:
        told.append(refused)
    return "; ".join(told)


def batch_size_advice(batches: Sequence[BatchAnswer], basis: PriceBasis | None) -> BatchSizeAdvice | None:
    """Return the batch size to run: the cheapest tokens within the SLO, else the most tokens a second; None if none.

    Args:
        batches: Of one model.
        basis: Prices to compare; None = none.
    """
    kept = [(batch.size, option) for batch in batches for option, slo in batch.options if slo.meets_slo]
    if not kept:
        return None
    priced = [(usd, size, option) for size, option in kept if (usd := option.usd_per_million_tokens(basis)) is not None]
    if priced:
        usd, size, option = min(priced, key=lambda item: item[:2])
        return BatchSizeAdvice(size, option, f"cheapest output within the bounds: {usd:.3g} USD per million tokens")
    size, option = max(kept, key=lambda item: (item[1].output_tps, -item[0]))
    return BatchSizeAdvice(size, option, f"most output within the bounds: {option.output_tps:.4g} tokens/s")
