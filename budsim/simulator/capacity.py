"""This cluster: the most traffic that meets the targets. Pure.

For every layout that starts on a device group all replicas that fit are placed, and the largest load of one replica
that meets the targets is searched by doubling and halving (``load_search``). Concurrency is exact to 0.5 %, request
rates to 1 % of what the replica serves at most. Spare replicas (N+1) are placed and carry nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from budsim.commons.errors import BudSimError
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import Precision
from budsim.perf_model.serving_point import Prediction
from budsim.perf_model.workload import LoadMode, Workload
from budsim.simulator.candidate import Evaluation, Predictor, Rejection
from budsim.simulator.group_task import GroupTask
from budsim.simulator.load_search import (
    Json,
    Verdict,
    candidate_of,
    deployment_view,
    edge_text,
    judged,
    largest,
    layouts,
    meets,
    most_replicas,
)
from budsim.simulator.objective import best_first, num_devices
from budsim.simulator.search_space import OPEN_LOOP_SEQUENCES, SearchCase, serving_point
from budsim.simulator.simulation import search_case

# Requests in flight on one replica that are looked at; no engine's own limit is higher.
MAX_PER_REPLICA = 16_384
CONCURRENCY_TOLERANCE = 0.005
RATE_STEPS = 100
# Above what a full closed loop serves nothing can be kept up; replays of random arrivals come a little above it.
_RATE_MARGIN = 1.1
_FULL_RATE = 1e6
StopSignal = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class _Edge:
    """The largest load of one layout, and what the next larger one fails by."""

    case: SearchCase
    best: Evaluation
    load: float
    next_load: float | None
    next_verdict: Verdict | None


def capacity_of(task: GroupTask, predictor: Predictor, is_rate: bool, should_stop: StopSignal | None = None) -> Json:
    """Return the largest load of one device group, how it is deployed, and what binds."""
    place = {
        "cluster_id": task.group.cluster_id,
        "cluster_name": task.group.cluster_name or None,
        "device_name": task.group.device_name,
        "device_type": task.group.device_type,
        "engine": task.engine.engine,
        "num_devices": task.group.total_devices,
    }
    nothing: Json = {**place, "load": 0, "deployment": None, "nearest": None}
    try:
        case = search_case(task)
        edges, failed = _edges(case, predictor, is_rate, should_stop)
        if not edges:
            return {**nothing, **_why_nothing(case, failed, task.request.model_id)}
        edge = min(edges, key=_edge_key)
        view = deployment_view(edge.best, edge.case, task.request.model_id)
    except BudSimError as error:
        return {**nothing, "binding": "not_searched", "reason": error.message}
    binding, reason = _why_not_more(edge, is_rate)
    return {
        **place,
        "load": edge.load if is_rate else round(edge.load),
        "deployment": view,
        "nearest": None,
        "binding": binding,
        "reason": reason,
    }


def _why_nothing(case: SearchCase, failed: Sequence[Verdict], model_id: str) -> Json:
    tried = best_first([item for item in failed if isinstance(item, Evaluation)], case.objective)
    last = tried[0] if tried else next(iter(failed[::-1]), None)
    binding, reason = edge_text(last) if last is not None else ("none", "no layout can be placed")
    view = deployment_view(tried[0], case, model_id) if tried else None
    return {"binding": binding, "reason": f"even the lightest load: {reason}" if tried else reason, "nearest": view}


def _edge_key(edge: _Edge) -> tuple[float | int, ...]:
    plan = edge.best.candidate.plan
    return (-edge.load, num_devices(edge.best), edge.best.prediction.e2e_s_p50, plan.pp_size, plan.tp_size)


def _why_not_more(edge: _Edge, is_rate: bool) -> tuple[str, str]:
    unit = "requests/s" if is_rate else "requests in flight"
    if edge.next_verdict is None or edge.next_load is None:
        return "limit", f"more than {edge.load:.4g} {unit} were not looked at"
    binding, text = edge_text(edge.next_verdict)
    return binding, f"at {edge.next_load:.4g} {unit}: {text}"


def _edges(
    case: SearchCase, predictor: Predictor, is_rate: bool, should_stop: StopSignal | None
) -> tuple[list[_Edge], list[Verdict]]:
    # What bounds the whole deployment from below says nothing about the most it can carry.
    case = replace(case, targets=replace(case.targets, output_tps=None))
    lightest = replace(case, workload=replace(case.workload, load_mode=LoadMode.CLOSED_LOOP, concurrency=1))
    plans, rejected = layouts(lightest, predictor)
    edges: list[_Edge] = []
    failed: list[Verdict] = list(rejected)
    for plan, precision in plans:
        if should_stop is not None and should_stop():
            break
        replicas = most_replicas(case, plan)
        if isinstance(replicas, Rejection):
            failed.append(replicas)
            continue
        find = _rate_edge if is_rate else _concurrency_edge
        found = find(case, plan, precision, replicas, predictor)
        if isinstance(found, _Edge):
            edges.append(found)
        elif found is not None:
            failed.append(found)
    return edges, failed


def _concurrency_edge(
    case: SearchCase, plan: ParallelPlan, precision: Precision, replicas: int, predictor: Predictor
) -> _Edge | Verdict | None:
    serving = replicas - case.limits.spare_replicas
    seen: dict[int, tuple[SearchCase, Verdict]] = {}

    def passes(load: int) -> bool:
        if load not in seen:
            loaded = replace(
                case, workload=replace(case.workload, load_mode=LoadMode.CLOSED_LOOP, concurrency=load * serving)
            )
            seen[load] = (loaded, judged(loaded, candidate_of(loaded, plan, precision, load, replicas), predictor))
        return meets(seen[load][1])

    return _edge_of(largest(passes, MAX_PER_REPLICA, CONCURRENCY_TOLERANCE), seen, float(serving))


def _rate_edge(
    case: SearchCase, plan: ParallelPlan, precision: Precision, replicas: int, predictor: Predictor
) -> _Edge | Verdict | None:
    serving = replicas - case.limits.spare_replicas
    most = _served_at_most(case, plan, precision, predictor)
    if most is None:
        return None
    step = most * _RATE_MARGIN / RATE_STEPS * serving
    seen: dict[int, tuple[SearchCase, Verdict]] = {}

    def passes(steps: int) -> bool:
        if steps not in seen:
            loaded = replace(case, workload=_arrivals(case, steps * step))
            candidate = candidate_of(loaded, plan, precision, OPEN_LOOP_SEQUENCES, replicas)
            seen[steps] = (loaded, judged(loaded, candidate, predictor))
        return meets(seen[steps][1])

    return _edge_of(largest(passes, RATE_STEPS), seen, step)


def _edge_of(found: int, seen: dict[int, tuple[SearchCase, Verdict]], unit: float) -> _Edge | Verdict | None:
    if not found:
        return seen[1][1]
    above = min((load for load, (_, verdict) in seen.items() if load > found and not meets(verdict)), default=None)
    case, best = seen[found]
    if not isinstance(best, Evaluation):
        return best
    if above is None:
        return _Edge(case, best, found * unit, None, None)
    return _Edge(case, best, found * unit, above * unit, seen[above][1])


def _arrivals(case: SearchCase, rate: float) -> Workload:
    return replace(case.workload, load_mode=LoadMode.POISSON, concurrency=None, request_rate=rate)


def _served_at_most(case: SearchCase, plan: ParallelPlan, precision: Precision, predictor: Predictor) -> float | None:
    """Return the requests/s that one replica completes when far more arrive; None where it does not run."""
    full = replace(case, workload=_arrivals(case, _FULL_RATE), limits=replace(case.limits, spare_replicas=0))
    candidate = candidate_of(full, plan, precision, OPEN_LOOP_SEQUENCES, 1)
    answer = predictor.predict([serving_point(full, candidate, None)])[0]
    return answer.request_throughput if isinstance(answer, Prediction) else None


def capacity(
    tasks: Sequence[GroupTask],
    predictor: Predictor,
    *,
    is_rate: bool = False,
    should_stop: StopSignal | None = None,
) -> Json:
    """Return the most traffic of every cluster, best first, and of each of its device groups.

    Args:
        tasks: One per cluster x device group x engine; their workload's load is not looked at.
        predictor: Performance model.
        is_rate: Search requests per second (Poisson arrivals) instead of requests in flight.
        should_stop: True ends the search between two layouts with what there is.
    """
    groups = [capacity_of(task, predictor, is_rate, should_stop) for task in tasks]
    by_cluster: dict[str, list[Json]] = {}
    for group in groups:
        by_cluster.setdefault(group["cluster_id"], []).append(group)
    clusters = []
    for cluster_id, members in by_cluster.items():
        # Stable: equal loads keep the order of the groups.
        ordered = sorted(members, key=lambda group: -group["load"])
        clusters.append(
            {
                "cluster_id": cluster_id,
                "cluster_name": ordered[0]["cluster_name"],
                "load": ordered[0]["load"],
                "load_of_all_groups": sum(group["load"] for group in ordered),
                "groups": ordered,
            }
        )
    return {
        "unit": "requests_per_second" if is_rate else "concurrency",
        "clusters": sorted(clusters, key=lambda item: -item["load"]),
    }
