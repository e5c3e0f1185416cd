"""Why a configuration is recommended, in words with figures. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from budsim.simulator.candidate import Candidate, Evaluation
from budsim.simulator.objective import Objective, num_devices, objective_value
from budsim.simulator.search_space import SearchCase, engine_settings

Json = dict[str, Any]
# Points of a Pareto front that an answer carries.
MAX_FRONT_POINTS = 12
# Figures that differ by no more are told as one point: well within what predictions are off by (README, Accuracy).
SAME_FIGURE = 0.01

_BEST_AT = {
    Objective.COST: "the cheapest per token",
    Objective.LATENCY: "the lowest latency",
    Objective.THROUGHPUT: "the highest throughput",
    Objective.BALANCED: "the best balance of cost, latency and throughput",
}


def front_points(front: Sequence[Evaluation], objective: str, limit: int = MAX_FRONT_POINTS) -> tuple[Json, ...]:
    """Return the points of a Pareto front with the reason why each is on it, cheapest first.

    The best by the stated objective is one of them; the others are better than it and than each other in cost, latency
    or throughput by more than ``SAME_FIGURE``.

    Args:
        front: Evaluations that none of the others beats in cost, latency and throughput at once.
        objective: What the caller asked for.
        limit: Points to keep: what is best at something, and the others evenly over the range of cost.
    """
    return tuple(_reasoned([_front_point(item) for item in front], Objective(objective), limit))


def merged_front(fronts: Sequence[Sequence[Json]], objective: str, limit: int = MAX_FRONT_POINTS) -> list[Json]:
    """Return the front of several searches together: their points without those that another one beats."""
    points = [point for front in fronts for point in front]
    points = [point for point in points if point["meets_targets"]] or points
    figures = [_figures(point) for point in points]
    kept = [
        point
        for point, mine in zip(points, figures, strict=True)
        if not any(other != mine and all(a <= b for a, b in zip(other, mine, strict=True)) for other in figures)
    ]
    return _reasoned(kept, Objective(objective), limit)


def _front_point(item: Evaluation) -> Json:
    candidate = item.candidate
    return {
        "tp_size": candidate.plan.tp_size,
        "pp_size": candidate.plan.pp_size,
        "ep_size": candidate.plan.ep_size,
        "replicas": candidate.replicas,
        "concurrency_per_replica": candidate.concurrency_per_replica,
        "precision": candidate.precision.name,
        "kv_cache_dtype": candidate.settings.kv_cache_dtype,
        "max_num_batched_tokens": candidate.settings.max_num_batched_tokens,
        "prefill_instances": candidate.prefill.instances if candidate.prefill else 0,
        "num_devices": num_devices(item),
        "ttft": item.prediction.ttft_ms_p50,
        "e2e_latency": item.prediction.e2e_s_p50,
        "throughput_per_user": item.prediction.tps_per_user,
        "output_tps": item.output_tps,
        "cost_per_million_tokens": item.cost_per_million_tokens_usd,
        "meets_targets": item.meets_targets,
        "binding": item.binding,
    }


_UNPRICED = 1e15  # USD per million tokens of one device at one token/s: beyond any price


def _figures(point: Json) -> tuple[float, float, float]:
    """Return cost, latency, minus throughput; unpriced points come after all priced ones, by devices per token."""
    cost = point["cost_per_million_tokens"]
    unpriced = _UNPRICED * point["num_devices"] / max(point["output_tps"], 1e-12)
    return (unpriced if cost is None else cost), point["e2e_latency"], -point["output_tps"]


def _value(point: Json, objective: Objective) -> float:
    cost, latency, throughput = _figures(point)
    match objective:
        case Objective.COST:
            return cost
        case Objective.LATENCY:
            return latency
        case Objective.THROUGHPUT:
            return throughput
        case Objective.BALANCED:
            return max(cost, 1e-12) * latency / max(-throughput, 1e-12)


def _reasoned(points: Sequence[Json], objective: Objective, limit: int) -> list[Json]:
    if not points:
        return []
    ordered = _distinct(sorted(points, key=lambda point: (*_figures(point), point["num_devices"])), objective)
    best = {name: min(ordered, key=lambda point: _value(point, name)) for name in _BEST_AT}
    must = {id(point) for point in best.values()}
    others = [point for point in ordered if id(point) not in must]
    room = max(0, limit - len(must))
    kept = must | {id(others[index * len(others) // room]) for index in range(room) if others}
    return [{**point, "reason": _front_reason(point, best)} for point in ordered if id(point) in kept]


def _distinct(ordered: Sequence[Json], objective: Objective) -> list[Json]:
    """Return the points of which each is better than any other in some figure by more than ``SAME_FIGURE``, in order.

    The best by the objective stays in any case; of the others those with the better balance do.
    """
    best = min(ordered, key=lambda point: _value(point, objective))
    balanced = sorted(ordered, key=lambda point: (point is not best, _value(point, Objective.BALANCED)))
    kept = [best]
    for point in balanced[1:]:
        rivals = (other for other in kept if not _is_better(point, other) or not _is_better(other, point))
        if all(other is best and _is_better(point, best) for other in rivals):
            kept.append(point)
    identities = {id(point) for point in kept}
    return [point for point in ordered if id(point) in identities]


def _is_better(point: Json, other: Json) -> bool:
    """Return whether a point is better than another in some figure by more than ``SAME_FIGURE``."""
    cost, latency, throughput = _figures(point)
    its_cost, its_latency, its_throughput = _figures(other)
    margin = 1 + SAME_FIGURE
    return cost * margin < its_cost or latency * margin < its_latency or throughput < its_throughput * margin


def _front_reason(point: Json, best: Mapping[Objective, Json]) -> str:
    titles = [text for name, text in _BEST_AT.items() if best[name] is point]
    if titles:
        return f"{' and '.join(titles)} on the front"
    cheapest, fastest = best[Objective.COST], best[Objective.LATENCY]
    cost, latency, throughput = _figures(point)
    low_cost, its_latency, its_throughput = _figures(cheapest)
    high_cost = max(_figures(fastest)[0], 1e-12)
    return (
        f"{_percent(latency / its_latency - 1)} latency and {_percent(throughput / its_throughput - 1)} throughput for "
        f"{_percent(cost / max(low_cost, 1e-12) - 1)} cost against the cheapest; "
        f"{_percent(cost / high_cost - 1)} cost against the fastest"
    )


def _percent(change: float) -> str:
    return f"{100 * change:+.0f} %"


def changed_parameters(candidate: Candidate, case: SearchCase) -> dict[str, Any]:
    """Return the engine parameters of a candidate that are not the engine's own for its load, with their values."""
    own = engine_settings(case, candidate.plan, candidate.precision, candidate.concurrency_per_replica)
    values, chosen = asdict(own), asdict(candidate.settings)
    return {name: chosen[name] for name in values if chosen[name] != values[name]}


def winning_reason(
    item: Evaluation,
    evaluations: Sequence[Evaluation],
    objective: str,
    changed: Mapping[str, Any] | None = None,
    *,
    has_targets: bool = True,
) -> str:
    """Return why a configuration ranks where it does: what it is best at, what holds it back, what comes after it.

    Args:
        item: One of the evaluations.
        evaluations: All of them, best first.
        objective: What the caller asked for.
        changed: Its engine parameters that are not the engine's own.
        has_targets: Whether the caller set any.
    """
    meeting = sum(other.meets_targets for other in evaluations)
    candidate = item.candidate
    if not item.meets_targets:
        misses = ", ".join(f"{miss.target} {miss.predicted:.4g} against {miss.wanted:.4g}" for miss in item.misses)
        return f"No configuration meets every target; this one misses least: {misses}."
    place = next(index for index, other in enumerate(evaluations) if other is item)
    rank = _BEST_AT[Objective(objective)] if place == 0 else f"number {place + 1} by {objective}"
    many, one = ("meet every target", "meets every target") if has_targets else ("run (no target is set)", "runs")
    parts = [f"{rank} of {meeting} configurations that {many}" if meeting > 1 else f"the only one that {one}"]
    other = next((o for o in evaluations[place + 1 :] if o.meets_targets and _layout(o) != _layout(item)), None)
    if other is not None:
        gap = _gap(item, other, objective)
        parts.append(f"the next layout ({other.candidate.layout}) is {gap}")
    if item.binding:
        parts.append(f"{item.binding} binds")
    if changed:
        parts.append("set " + ", ".join(f"{name} {value}" for name, value in changed.items()))
    text = "; ".join(parts)
    return f"{candidate.layout}: {text}."


def _layout(item: Evaluation) -> tuple[Any, ...]:
    return (item.candidate.plan, item.candidate.replicas, item.candidate.prefill)


def _gap(item: Evaluation, other: Evaluation, objective: str) -> str:
    mine, theirs = objective_value(item, objective), objective_value(other, objective)
    match Objective(objective):
        case Objective.COST:
            return f"{_percent(theirs / mine - 1) if mine else '+0 %'} dearer per token"
        case Objective.LATENCY:
            return f"{_percent(theirs / mine - 1)} slower"
        case Objective.THROUGHPUT:
            return f"{_percent(theirs / mine - 1)} in throughput"
        case Objective.BALANCED:
            return f"{theirs - mine:.3f} worse in ln(cost x latency / throughput)"
