"""The answer to "what serves this use case": models by size, batch sizes, hardware. Pure.

For each model and batch size: devices by fewest chips, then by utilisation; the first that pass the filters are
predicted and shown. The batch's own figures are those of the first shown option that keeps the SLO, else of the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from budsim.commons.errors import BudSimError
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.serving_point import Infeasible
from budsim.recommender.sizing import SizingCase
from budsim.simulator.hardware import PriceBasis
from budsim.usecases.advisor import BatchRanking, HardwareAdvisor
from budsim.usecases.options import HardwareOption, shown
from budsim.usecases.use_case import UseCase


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
    price_basis: PriceBasis | None = "cloud"
    hardware: HardwareFilter = field(default_factory=HardwareFilter)
    custom_devices: tuple[DeviceSpec, ...] = ()
    max_options: int = 5
    slo_only: bool = False


@dataclass(frozen=True, slots=True)
class _Batch:
    """One batch size of one model; ``places`` of its ranking may be shown, in order."""

    case: SizingCase
    size: int
    ranking: BatchRanking
    wanted: HardwareFilter

    def places(self) -> Iterator[int]:
        """Yield the places that pass the utilisation floor and the filters, best first."""
        floor = self.wanted.min_utilization
        for place, entry in enumerate(self.ranking.devices):
            filled = entry.utilization is None or entry.utilization >= floor
            if filled and self.wanted.allows(entry.device):
                yield place


def recommend_models(
    use_case: UseCase, models: Sequence[CategoryModel], question: Question, advisor: HardwareAdvisor
) -> list[dict[str, Any]]:
    """Return ``recommendations``: one entry per category, in the order of the models.

    Args:
        use_case: Lengths and bounds.
        models: Models by category; one that could not be resolved carries its error and is told as skipped.
        question: The caller's wishes.
        advisor: Sizes and predicts.

    Raises:
        BudSimError: The precision fits no format.
    """
    planned = [(model, _batches(use_case, model, question, advisor)) for model in models]
    advisor.predict_ranked(
        (batch.case, batch.size, batch.ranking, list(islice(batch.places(), question.max_options)))
        for _, batches in planned
        for batch in batches
    )
    answer: dict[str, dict[str, Any]] = {}
    for model, batches in planned:
        entry = answer.setdefault(
            model.category, {"model_category": model.category, "recommended_models": [], "skipped_models": []}
        )
        if isinstance(model.arch, BudSimError):
            entry["skipped_models"].append({"model_id": model.model_id, "reason": model.arch.message})
            continue
        configurations = [_batch_answer(use_case, batch, question, advisor) for batch in batches]
        entry["recommended_models"].append(_model_answer(model, model.arch, configurations))
    return list(answer.values())


def _batches(use_case: UseCase, model: CategoryModel, question: Question, advisor: HardwareAdvisor) -> list[_Batch]:
    if isinstance(model.arch, BudSimError):
        return []
    case = SizingCase(model.arch, use_case.isl, use_case.osl, question.precision)
    rankings = advisor.rankings(case, question.batch_sizes, question.custom_devices)
    return [_Batch(case, size, rankings[size], question.hardware) for size in question.batch_sizes]


def _batch_answer(use_case: UseCase, batch: _Batch, question: Question, advisor: HardwareAdvisor) -> dict[str, Any]:
    options, refused = _options(use_case, batch, question, advisor)
    listed = [shown(option, use_case, question.price_basis) for option in options]
    best = next((entry for entry in listed if entry["meets_slo"]), listed[0] if listed else None)
    return {
        "batch_size": batch.size,
        "memory_required_gb": batch.ranking.memory_required_gb,
        "meets_slo": best is not None and best["meets_slo"],
        "estimated_ttft": None if best is None else best["estimated_ttft"],
        "estimated_e2e": None if best is None else best["estimated_e2e"],
        "estimated_on": None if best is None else best["hardware_name"],
        "hardware_options": listed,
        "reason": None if listed else _why_none(batch, refused),
    }


def _options(
    use_case: UseCase, batch: _Batch, question: Question, advisor: HardwareAdvisor
) -> tuple[list[HardwareOption], str]:
    """Return what is shown of a batch size, and why the last option that is not shown was refused."""
    chosen: list[HardwareOption] = []
    refused = ""
    places = batch.places()
    while len(chosen) < question.max_options and (part := list(islice(places, question.max_options))):
        advisor.predict_ranked([(batch.case, batch.size, batch.ranking, part)])
        for place in part:
            option = batch.ranking.options[place]
            if isinstance(option, Infeasible):
                refused = option.reason
            elif question.slo_only and not option.slo(use_case).meets_slo:
                refused = "no device that holds the batch keeps the use case's bounds"
            elif not _is_affordable(option, question):
                refused = "no device that holds the batch has a known price within max_price_per_hour"
            else:
                chosen.append(option)
    return chosen[: question.max_options], refused


def _is_affordable(option: HardwareOption, question: Question) -> bool:
    limit = question.hardware.max_usd_per_hour
    if limit is None:
        return True
    price = option.usd_per_hour(question.price_basis or "cloud")
    return price is not None and price <= limit


def _why_none(batch: _Batch, refused: str) -> str:
    ranking, floor = batch.ranking, batch.wanted.min_utilization
    filled = [entry for entry in ranking.devices if entry.utilization is None or entry.utilization >= floor]
    excluded = sum(not batch.wanted.allows(entry.device) for entry in filled)
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


def _model_answer(
    model: CategoryModel, arch: ModelArchitecture, configurations: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        "model_id": model.model_id,
        "checkpoint": model.checkpoint,
        "parameter_count": arch.params_total,
        "model_type": arch.model_type,
        "attention_type": arch.attention_type,
        "batch_size_advice": batch_size_advice(configurations),
        "batch_configurations": configurations,
    }


def batch_size_advice(configurations: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the batch size to run: the cheapest tokens within the SLO, else the most tokens a second; None if none.

    Args:
        configurations: ``batch_configurations`` as answered.
    """
    kept = [
        (entry["batch_size"], option)
        for entry in configurations
        for option in entry["hardware_options"]
        if option["meets_slo"]
    ]
    if not kept:
        return None
    priced = [item for item in kept if item[1]["cost_per_million_tokens_usd"] is not None]
    if priced:
        size, option = min(priced, key=lambda item: (item[1]["cost_per_million_tokens_usd"], item[0]))
        cost = option["cost_per_million_tokens_usd"]
        reason = f"cheapest output within the bounds: {cost:.3g} USD per million tokens"
    else:
        size, option = max(kept, key=lambda item: (item[1]["performance"]["output_tps"], -item[0]))
        reason = f"most output within the bounds: {option['performance']['output_tps']:.4g} tokens/s"
    return {
        "batch_size": size,
        "hardware_name": option["hardware_name"],
        "nodes_required": option["nodes_required"],
        "cost_per_million_tokens_usd": option["cost_per_million_tokens_usd"],
        "reason": reason,
    }
