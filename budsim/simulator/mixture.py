"""One deployment over several kinds of devices of a cluster, where no kind alone is enough or as cheap. Pure.

Every part is a deployment that meets the targets at its own load: a kind's best row, or, for a kind that cannot carry
all of it, the row at the largest load that it can (``remedies.largest_share``). Parts are filled to the brim in order
of cost per token, and the last one keeps only the replicas that the rest of the load needs, each under no more load
than it was judged at. So every percentile of the whole is at most the worst part's, and the targets are met.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from budsim.perf_model.workload import LoadMode
from budsim.simulator.hardware import cost_per_million_tokens_usd
from budsim.simulator.objective import Objective
from budsim.simulator.ranking import sorted_rows
from budsim.simulator.simulation_request import SimulationRequest

Json = dict[str, Any]
Row = Mapping[str, Any]
# A mixture is told beside a single kind that suffices only where it saves more than this share of the cost.
SAVING = 0.01


def mixed_deployments(rows: Sequence[Row], partial_rows: Iterable[Row], request: SimulationRequest) -> list[Json]:
    """Return at most one mixed deployment per cluster, cheapest first.

    Args:
        rows: Rows of ``simulation_results`` of one run.
            Disaggregated rows are not mixed: their pools do not shrink replica by replica.
        partial_rows: For kinds that cannot carry the whole load: the row at the largest load that meets the targets.
        request: What the run was asked.
    """
    is_open_loop = request.workload.load_mode is LoadMode.POISSON
    if request.job is not None or is_open_loop or not request.workload.concurrency:
        return []
    kinds: dict[str, dict[tuple[Any, ...], Row]] = {}
    for row in [*sorted_rows(rows), *partial_rows]:
        stored = row["top_k_configs"]
        if stored["meets_targets"] and not stored.get("prefill") and not row.get("is_blacklisted"):
            kinds.setdefault(row["cluster_id"], {}).setdefault(_kind(row), row)
    mixed = [_mixed(list(found.values()), request) for found in kinds.values() if len(found) > 1]
    return sorted((item for item in mixed if item is not None), key=_cost_order)


def trimmed(row: Row, load: int) -> Json:
    """Return a row with the replicas that ``load`` requests need, each under at most the load that it was judged at."""
    stored = row["top_k_configs"]
    replicas = math.ceil(load / stored["concurrency"]) + stored["spare_replicas"]
    share = replicas / stored["replicas"]
    hourly = None if stored["cost_per_hour_usd"] is None else stored["cost_per_hour_usd"] * share
    output_tps = stored["prediction"]["output_tps"] * load / stored["concurrency"]
    placement = [stage for stage in stored["placement"] if stage["replica"] < replicas]
    by_node: dict[str, int] = {}
    for stage in placement:
        by_node[stage["node_id"]] = by_node.get(stage["node_id"], 0) + stage["count"]
    changed = {
        "replicas": replicas,
        "num_devices": round(stored["num_devices"] * share),
        "placement": placement,
        "devices_by_node": by_node,
        "cost_per_hour_usd": hourly,
        "output_tps": output_tps,
        "cost_per_million_tokens": cost_per_million_tokens_usd(hourly, output_tps),
    }
    return {**row, "target_concurrency": load, "top_k_configs": {**stored, **changed}}


def _kind(row: Row) -> tuple[Any, ...]:
    return row["device_type"], row["device_name"], row["mem_per_gpu_in_gb"]


def _carried(row: Row) -> int:
    """Return the requests that a row was judged to carry."""
    return int(row["target_concurrency"])


def _cost_order(item: Mapping[str, Any]) -> tuple[bool, float, int]:
    cost = item["cost_per_million_tokens"]
    return cost is None, cost or 0.0, item["num_devices"]


def _mixed(kinds: Sequence[Row], request: SimulationRequest) -> Json | None:
    """Return the mixture of one cluster's kinds, None where it is not possible or not worth it."""
    ordered = sorted(kinds, key=lambda row: _cost_order(row["top_k_configs"]))
    left, parts = request.workload.concurrency or 1, []
    for row in ordered:
        load = min(left, _carried(row))
        parts.append(trimmed(row, load))
        left -= load
        if not left:
            break
    whole = [row for row in kinds if _carried(row) >= (request.workload.concurrency or 1)]
    if left or len(parts) < 2 or (whole and request.objective != Objective.COST.value):
        return None
    mixture = _combined(parts, request, whole)
    return mixture if _is_allowed(mixture, request) and _is_worth_it(mixture, whole) else None


def _is_allowed(mixture: Json, request: SimulationRequest) -> bool:
    limits, targets = request.limits, request.targets
    bounds = [bound for bound in (limits.max_usd_per_hour, targets.cost_per_hour_usd) if bound]
    hourly = mixture["cost_per_hour_usd"]
    replicas = sum(part["replicas"] for part in mixture["groups"])
    return (
        not (bounds and (hourly is None or hourly > min(bounds)))
        and (limits.max_replicas is None or replicas <= limits.max_replicas)
        and (not targets.output_tps or mixture["output_tps"] >= targets.output_tps)
    )


def _is_worth_it(mixture: Json, whole: Sequence[Row]) -> bool:
    if not whole:
        return True
    single = [row["top_k_configs"]["cost_per_million_tokens"] for row in whole]
    known = [cost for cost in single if cost is not None]
    cost = mixture["cost_per_million_tokens"]
    return len(known) == len(single) and cost is not None and cost < min(known) * (1 - SAVING)


def _combined(parts: Sequence[Json], request: SimulationRequest, whole: Sequence[Row]) -> Json:
    stored = [part["top_k_configs"] for part in parts]
    costs = [item["cost_per_hour_usd"] for item in stored]
    hourly = None if None in costs else sum(costs)
    output_tps = sum(item["output_tps"] for item in stored)
    groups = [_group(part, request.workload.concurrency or 1) for part in parts]
    shares = ", ".join(
        f"{group['concurrency']} on {group['num_devices']} x {group['catalogue_name']} ({group['replicas']} of "
        f"TP {group['tp_size']} x PP {group['pp_size']})"
        for group in groups
    )
    why = "cheaper than any one kind of device" if whole else "no kind of device carries all of it alone"
    return {
        "cluster_id": parts[0]["cluster_id"],
        "cluster_name": stored[0].get("cluster_name"),
        "concurrency": request.workload.concurrency,
        "num_devices": sum(item["num_devices"] for item in stored),
        "ttft": max(item["ttft"] for item in stored),
        "e2e_latency": max(item["e2e_latency"] for item in stored),
        "throughput_per_user": min(item["throughput_per_user"] for item in stored),
        "output_tps": output_tps,
        "cost_per_hour_usd": hourly,
        "cost_per_million_tokens": cost_per_million_tokens_usd(hourly, output_tps),
        "reason": f"{shares}: {why}, and together they meet the targets",
        "groups": groups,
    }


def _group(part: Json, concurrency: int) -> Json:
    stored = part["top_k_configs"]
    names = ("tp_size", "pp_size", "ep_size", "dp_size", "replicas", "num_devices", "devices_by_node", "ttft")
    figures = ("e2e_latency", "throughput_per_user", "output_tps", "cost_per_hour_usd")
    return {
        **{name: part.get(name) for name in ("device_type", "device_name", "engine", "engine_version")},
        "catalogue_name": stored.get("catalogue_name") or part["device_name"],
        "concurrency": part["target_concurrency"],
        "traffic_share": part["target_concurrency"] / concurrency,
        **{name: stored[name] for name in (*names, *figures)},
        "args": dict(stored["launch"]["args"]),
        "envs": dict(stored["launch"]["envs"]),
    }
