"""The best configurations of a use case by cost, by performance, or balanced. Pure.

For each model and batch size a few promising replicas are predicted: the cheapest by price, the fastest by memory
bandwidth, and the smallest; each device with its smallest layout and with more tensor parallelism, which buys latency.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from budsim.perf_model.parallelism import ParallelPlan, check_plan
from budsim.recommender.sizing import SizingCase
from budsim.simulator.hardware import PriceBasis, device_usd_per_hour
from budsim.usecases.advisor import CurrentAdvisor, OptionQuery, RankedDevice
from budsim.usecases.options import HardwareOption, shown
from budsim.usecases.recommendations import CategoryModel, HardwareFilter, Question
from budsim.usecases.use_case import UseCase

Mode = Literal["cost", "performance", "balanced"]
MODES: tuple[Mode, ...] = ("cost", "performance", "balanced")
AUTO_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_PROMISING = 4  # replicas by each of price, bandwidth and size
_TP_FACTORS = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class Configuration:
    """One model on one replica under one batch size."""

    model: CategoryModel
    batch_size: int
    option: HardwareOption
    meets_slo: bool
    usd_per_hour: float | None
    usd_per_million_tokens: float | None
    efficiency_score: float | None

    def figure(self, mode: Mode) -> float:
        """Return what a mode minimises; infinite where its price is not known.

        cost: USD per million output tokens. performance: E2E seconds. balanced: the efficiency score.
        """
        if mode == "performance":
            return self.option.e2e_s
        value = self.usd_per_million_tokens if mode == "cost" else self.efficiency_score
        return math.inf if value is None else value


def efficiency_score(use_case: UseCase, option: HardwareOption, basis: PriceBasis) -> float | None:
    """Return USD per request, less up to half of it for headroom below the bounds; lower is better, None = no price.

    The platform's definition: cost per request x (1 - mean headroom / 2), where the headroom of TTFT and of E2E is the
    share of its bound that is left, and 0 where there is no bound. Above a bound it is negative and the score dearer.
    """
    usd: float | None = option.priced(basis)["cost_per_request_usd"]
    if usd is None:
        return None
    bounds = ((use_case.ttft_max, option.ttft_s), (use_case.e2e_max, option.e2e_s))
    headroom = sum((bound - value) / bound if bound else 0.0 for bound, value in bounds) / len(bounds)
    return usd * (1.0 - headroom / 2.0)


def evaluate(
    use_case: UseCase, models: Sequence[CategoryModel], question: Question, advisor: CurrentAdvisor
) -> list[Configuration]:
    """Return every configuration that was predicted.

    Args:
        use_case: Lengths and bounds.
        models: Models that could be resolved.
        question: Batch sizes, precision, filters.
        advisor: Sizes and predicts.
    """
    basis: PriceBasis = question.price_basis or "on_demand"
    asked: list[tuple[CategoryModel, OptionQuery]] = []
    for model in models:
        if isinstance(model.arch, Exception):
            continue
        case = SizingCase(model.arch, use_case.isl, use_case.osl, question.precision)
        rankings = advisor.rankings(case, question.batch_sizes, question.custom_devices)
        for size in question.batch_sizes:
            entries = _allowed(rankings[size].devices, question.hardware)
            asked += [(model, query) for query in _promising(case, size, entries, basis)]
    options = advisor.options([query for _, query in asked]) if asked else []
    found = []
    for (model, query), option in zip(asked, options, strict=True):
        if isinstance(option, HardwareOption):
            hourly, tokens = option.usd_per_hour(basis), option.usd_per_million_tokens(basis)
            if question.hardware.max_usd_per_hour is None or (
                hourly is not None and hourly <= question.hardware.max_usd_per_hour
            ):
                meets = option.slo(use_case).meets_slo
                score = efficiency_score(use_case, option, basis)
                found.append(Configuration(model, query.batch_size, option, meets, hourly, tokens, score))
    return found


def _allowed(entries: Sequence[RankedDevice], wanted: HardwareFilter) -> list[RankedDevice]:
    floor = wanted.min_utilization
    return [e for e in entries if (e.utilization is None or e.utilization >= floor) and wanted.allows(e.device)]


def _promising(
    case: SizingCase, batch_size: int, entries: Sequence[RankedDevice], basis: PriceBasis
) -> list[OptionQuery]:
    """Return a few replicas of which the best of every mode is likely one."""

    def usd(entry: RankedDevice) -> float:
        price = device_usd_per_hour(entry.device, basis=basis)
        return math.inf if price is None else price.usd_per_hour * entry.num_devices

    def bandwidth(entry: RankedDevice) -> float:
        return entry.device.memory_bandwidth_bytes_per_s * entry.plan.tp_size

    cheap = sorted((entry for entry in entries if usd(entry) < math.inf), key=lambda e: (usd(e), e.device.name))
    thrifty = sorted(cheap, key=lambda e: (usd(e) / bandwidth(e), e.device.name))
    fast = sorted(entries, key=lambda e: (-bandwidth(e), e.device.name))
    picks = [*cheap[:_PROMISING], *thrifty[:_PROMISING], *fast[:_PROMISING], *entries[:_PROMISING]]
    chosen = {entry.device.name: entry for entry in picks}
    queries = []
    for entry in chosen.values():
        for factor in _TP_FACTORS:
            plan = ParallelPlan(entry.plan.tp_size * factor, entry.plan.pp_size)
            if plan.tp_size <= entry.device.devices_per_node_typical and not check_plan(case.arch, plan, entry.device):
                queries.append(OptionQuery(case, entry.device, plan, batch_size))
    return queries


def best_first(configurations: Sequence[Configuration], mode: Mode) -> list[Configuration]:
    """Return configurations that keep the SLO first, then by the mode's figure; names settle ties."""
    return sorted(
        configurations,
        key=lambda item: (
            not item.meets_slo, item.figure(mode), item.option.num_devices, item.option.device.name, item.batch_size,
            item.model.checkpoint,
        ),
    )  # fmt: skip


def spread_over_models(ranked: Sequence[Configuration], wanted: int) -> list[Configuration]:
    """Return the best of every model before the second of any, so that small models do not crowd out large ones."""
    by_model: dict[str, list[Configuration]] = {}
    for item in ranked:
        by_model.setdefault(item.model.checkpoint, []).append(item)
    chosen: list[Configuration] = []
    for place in range(max((len(items) for items in by_model.values()), default=0)):
        chosen += [items[place] for items in by_model.values() if place < len(items)]
        if len(chosen) >= wanted:
            break
    kept = {id(item) for item in chosen[:wanted]}
    return [item for item in ranked if id(item) in kept]


def configuration_answer(item: Configuration, use_case: UseCase, question: Question) -> dict[str, Any]:
    """Return a configuration as the API shows it.

    Args:
        item: The configuration.
        use_case: Whose bounds are shown.
        question: Prices to show.
    """
    option = item.option
    details = shown(option, use_case, question.price_basis)
    return {
        "model_id": item.model.model_id,
        "checkpoint": item.model.checkpoint,
        "model_size": item.model.category,
        "hardware_type": option.device.name,
        "num_nodes": option.num_devices,
        "parallelism": f"TP{details['tensor_parallel']} PP{details['pipeline_parallel']}",
        "batch_size": item.batch_size,
        "achieved_ttft": option.ttft_s,
        "achieved_e2e": option.e2e_s,
        "achieved_inter_token": option.inter_token_s,
        "required_ttft": use_case.ttft_max,
        "required_e2e": use_case.e2e_max,
        "required_inter_token": use_case.inter_token_max,
        "meets_slo": item.meets_slo,
        "cost_per_hour": details["total_cost_per_hour"],
        "cost_per_request": details["cost_per_request_usd"],
        "cost_per_million_tokens_usd": details["cost_per_million_tokens_usd"],
        "throughput": option.output_tps,
        "utilization": details["utilization"],
        "efficiency_score": None if question.price_basis is None else item.efficiency_score,
        "option": details,
    }


def optimized(
    use_case: UseCase, configurations: Sequence[Configuration], question: Question, mode: Mode, wanted: int
) -> dict[str, Any]:
    """Return ``configurations`` and ``summary`` of one mode.

    Args:
        use_case: Lengths and bounds.
        configurations: What ``evaluate`` returned.
        question: Prices to show.
        mode: What the first configuration is best at.
        wanted: Configurations shown at most.
    """
    chosen = spread_over_models(best_first(configurations, mode), wanted)
    rows = [configuration_answer(item, use_case, question) for item in chosen]
    meeting = sum(item.meets_slo for item in configurations)
    return {
        "configurations": rows,
        "summary": {
            "optimization_mode": mode,
            "evaluated": len(configurations),
            "meeting_slo": meeting,
            "shown": len(rows),
            "best": rows[0]["hardware_type"] if rows else None,
            "reason": None if rows else "no hardware is left: nothing that passes the filters holds the load",
        },
    }
