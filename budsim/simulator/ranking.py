"""Which of the stored rows a caller sees: one per cluster, best first.

Rows that meet every target come first, by the stated objective; then, up to the threshold, the rest by error rate,
which say themselves that they miss targets. A row that cannot reach the concurrency asked for is passed over for the
next one of its cluster; a cluster without any suitable row is left out and never affects the others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from budsim.simulator.candidate import Evaluation
from budsim.simulator.objective import Objective, objective_value
from budsim.simulator.pareto import unbeaten


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The row a cluster is recommended with, and how many replicas carry the concurrency asked for.

    Attributes:
        others: The best sufficient rows of the cluster's other devices, best first, with their replicas.
    """

    row: Mapping[str, Any]
    replicas: int
    others: tuple[tuple[Mapping[str, Any], int], ...] = ()


def cluster_recommendations(
    rows: Iterable[Mapping[str, Any]],
    error_rate_threshold: float = 0.5,
    concurrency: int | None = None,
    objective: str | None = None,
) -> list[Recommendation]:
    """Return at most one recommendation per cluster, best cluster first.

    Args:
        rows: Rows of ``simulation_results`` of one run.
        error_rate_threshold: Rows above it are left out.
        concurrency: Requests to carry; None = what each row was sized for.
        objective: Ranks rows; None = the one stored in each row (``cost`` if none is).
    """
    by_cluster: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        if not row.get("is_blacklisted") and row["top_k_configs"]["error_rate"] <= error_rate_threshold:
            by_cluster.setdefault(row["cluster_id"], []).append(row)
    best = [_first_sufficient(sorted_rows(members, objective), concurrency) for members in by_cluster.values()]
    chosen = {id(found.row): found for found in best if found is not None}
    return [chosen[id(row)] for row in sorted_rows([found.row for found in chosen.values()], objective)]


def _first_sufficient(rows: Sequence[Mapping[str, Any]], concurrency: int | None) -> Recommendation | None:
    best_of_device: dict[tuple[str, str], tuple[Mapping[str, Any], int]] = {}
    for row in rows:
        replicas = replicas_needed(row, concurrency)
        if replicas is not None:
            best_of_device.setdefault((row["device_type"], row["device_name"]), (row, replicas))
    if not best_of_device:
        return None
    (row, replicas), *others = best_of_device.values()
    return Recommendation(row, replicas, tuple(others))


def missed_reasons(
    rows: Iterable[Mapping[str, Any]], chosen: Iterable[Recommendation], error_rate_threshold: float
) -> list[str]:
    """Return why clusters that have configurations are not recommended: by how much the best of each device misses.

    Args:
        rows: Rows of ``simulation_results`` of one run.
        chosen: What is recommended of them.
        error_rate_threshold: What rows may miss the targets by.
    """
    recommended = {found.row["cluster_id"] for found in chosen}
    best: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for row in sorted_rows(list(rows)):
        if row["cluster_id"] not in recommended:
            best.setdefault((row["cluster_id"], row["device_type"], row["device_name"]), row)
    return [_missed_reason(row, error_rate_threshold) for row in best.values()]


def _missed_reason(row: Mapping[str, Any], threshold: float) -> str:
    stored = row["top_k_configs"]
    targets = ", ".join(str(miss["target"]) for miss in stored["misses"])
    cluster, device = (
        stored.get("cluster_name") or row["cluster_id"],
        stored.get("catalogue_name") or row["device_name"],
    )
    return (
        f"Cluster {cluster}: {device} ({row['device_type']}): "
        f"best error rate {stored['error_rate']:.2f} is over the threshold {threshold:g}"
        f"{f' (misses {targets})' if targets else ''}."
    )


def replicas_needed(row: Mapping[str, Any], concurrency: int | None) -> int | None:
    """Return how many replicas of a row carry ``concurrency`` requests, or None if its devices cannot hold them."""
    stored = row["top_k_configs"]
    if concurrency is None:
        return int(stored["replicas"])
    needed = math.ceil(max(1, concurrency) / stored["concurrency"]) + stored.get("spare_replicas", 0)
    if stored.get("prefill"):  # both pools were sized for each other
        return int(stored["replicas"]) if needed <= stored["replicas"] else None
    return needed if needed <= stored["max_replicas"] else None


def sorted_rows(rows: Sequence[Mapping[str, Any]], objective: str | None = None) -> list[Mapping[str, Any]]:
    """Return rows best first; ties keep their order."""
    return sorted(rows, key=lambda row: row_key(row, objective))


def row_key(row: Mapping[str, Any], objective: str | None = None) -> tuple[float, ...]:
    """Return the sort key of a stored row: targets met, error rate, objective, devices. Unknown cost sorts last."""
    stored = row["top_k_configs"]
    meets = bool(stored["meets_targets"])
    # Jobs have no ranks of other kinds than TP, and do not state their devices.
    devices = stored.get("num_devices", stored["tp_size"] * stored["pp_size"] * stored["replicas"])
    return (
        0.0 if meets else 1.0,
        0.0 if meets else stored["error_rate"],
        _row_objective(stored, Objective(objective or stored.get("objective") or Objective.COST), devices),
        float(devices),
    )


def _row_objective(stored: Mapping[str, Any], objective: Objective, devices: int) -> float:
    cost, output_tps = stored["cost_per_million_tokens"], stored["output_tps"]
    if stored.get("job") is not None and stored["job"].get("cost_usd") is not None:
        return float(stored["job"]["cost_usd"])  # a job has a price, and no tokens
    # Devices without a price come after all priced ones, among themselves by devices per token.
    cost = _UNPRICED + devices / max(output_tps, _TINY) if cost is None else cost
    match objective:
        case Objective.COST:
            return float(cost)
        case Objective.THROUGHPUT:
            return -float(output_tps)
        case Objective.LATENCY:
            return float(stored["e2e_latency"])
        case Objective.BALANCED:
            product = max(cost, _TINY) * max(stored["e2e_latency"], _TINY) / max(output_tps, _TINY)
            return math.log(product)


_UNPRICED = 1e12
_TINY = 1e-12


def top_k(evaluations: Sequence[Evaluation], count: int) -> list[Evaluation]:
    """Return the first ``count`` of evaluations that are already best first, one per layout and load."""
    seen: set[tuple[object, ...]] = set()
    kept: list[Evaluation] = []
    for evaluation in evaluations:
        candidate = evaluation.candidate
        load = (candidate.concurrency_per_replica, candidate.replicas, candidate.prefill)
        identity = (candidate.plan, candidate.precision.name, *load)
        if identity not in seen and len(kept) < count:
            seen.add(identity)
            kept.append(evaluation)
    return kept


def pareto_front(evaluations: Sequence[Evaluation]) -> list[Evaluation]:
    """Return the evaluations that no other beats in cost, latency and throughput at once, in their order.

    One beats another when it is no worse in all three and better in at least one.
    """
    names = (Objective.COST, Objective.LATENCY, Objective.THROUGHPUT)
    figures = [[objective_value(item, name) for name in names] for item in evaluations]
    return [item for item, best in zip(evaluations, unbeaten(figures), strict=True) if best]
