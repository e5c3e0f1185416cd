"""This traffic and these targets: the fewest, or the cheapest, devices of every kind. Pure.

Each device type is tried alone, on as many of its usual nodes as ``max_devices`` allows. For every layout that starts
the smallest number of replicas that meets the targets is searched by doubling and halving (``load_search``); of all
layouts the one with the fewest devices wins, which on one device type is the cheapest one too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from budsim.commons.errors import BudSimError, InvalidRequestError
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import Precision
from budsim.perf_model.workload import LoadMode
from budsim.simulator.candidate import Evaluation, Predictor, Rejection
from budsim.simulator.group_task import GroupTask
from budsim.simulator.load_search import (
    Json,
    Verdict,
    candidate_of,
    deployment_view,
    edge_text,
    judged,
    layouts,
    meets,
    most_replicas,
    smallest,
)
from budsim.simulator.objective import best_first, num_devices
from budsim.simulator.search_space import OPEN_LOOP_SEQUENCES, SearchCase
from budsim.simulator.simulation import search_case
from budsim.simulator.topology import DeviceGroup, NodeDevices

GOALS = ("cheapest", "fewest")
MAX_DEVICES = 100_000
StopSignal = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class SizedDevice:
    """What one device type needs.

    Attributes:
        deployment: The smallest deployment that meets every target; None = there is none.
        reason: Why there is none, or what holds a smaller one back.
        nearest: The deployment that misses least, where none meets the targets.
    """

    device_name: str
    deployment: Json | None
    reason: str
    binding: str
    nearest: Json | None = None


def device_group(spec: DeviceSpec, max_devices: int) -> DeviceGroup:
    """Return at most ``max_devices`` devices on their usual nodes.

    Raises:
        InvalidRequestError: The memory of a device is not its own: a CPU's is its node's.
    """
    if spec.memory_bytes is None:
        text = f"{spec.name} has no memory of its own: ask for the capacity of a cluster of such nodes instead."
        raise InvalidRequestError(text, {"field": "devices"})
    per_node = max(1, min(spec.devices_per_node_typical, max_devices))
    counts = [per_node] * (max_devices // per_node)
    if rest := max_devices - sum(counts):
        counts.append(rest)
    nodes = tuple(NodeDevices(f"node-{index:06d}", f"node-{index}", count) for index, count in enumerate(counts))
    return DeviceGroup("sizing", spec.device_type, spec, spec.name, nodes, float(spec.memory_bytes))


def sized(task: GroupTask, predictor: Predictor, should_stop: StopSignal | None = None) -> SizedDevice:
    """Return the smallest deployment of one device type; what cannot be searched has its reason."""
    name = task.group.spec.name
    try:
        case = search_case(task)
        return _sized(case, task.request.model_id, predictor, should_stop)
    except BudSimError as error:
        return SizedDevice(name, None, error.message, "not_searched")


def _sized(case: SearchCase, model_id: str, predictor: Predictor, should_stop: StopSignal | None) -> SizedDevice:
    plans, rejected = layouts(case, predictor)
    found: list[Evaluation] = []
    failed: list[Verdict] = list(rejected)
    for plan, precision in plans:
        if should_stop is not None and should_stop():
            break
        best, worse = _fewest_replicas(case, plan, precision, predictor, found)
        found += [best] if best is not None else []
        failed += worse
    name = case.group.spec.name
    if not found:
        nearest = best_first([item for item in failed if isinstance(item, Evaluation)], case.objective)
        # The cheapest layout that runs, where the budget is in the way; else the largest, which holds most.
        paid = [item for item in failed if isinstance(item, Rejection) and item.code == "budget"][:1]
        last = next(iter([*nearest, *paid, *failed[::-1]]), None)
        binding, text = edge_text(last) if last is not None else ("none", "no layout")
        view = deployment_view(nearest[0], case, model_id) if nearest else None
        most = f"{case.group.total_devices} devices are not enough: " if nearest else ""
        return SizedDevice(name, None, most + text, binding, view)
    least = min(num_devices(item) for item in found)
    winner = best_first([item for item in found if num_devices(item) == least], case.objective)[0]
    binding, text = _why_not_fewer(winner, failed)
    return SizedDevice(name, deployment_view(winner, case, model_id), text, binding)


def _fewest_replicas(
    case: SearchCase, plan: ParallelPlan, precision: Precision, predictor: Predictor, found: Sequence[Evaluation]
) -> tuple[Evaluation | None, list[Verdict]]:
    """Return the smallest deployment of one layout, and what is told of the ones that fail.

    Layouts that cannot have fewer devices than what was found are left out.
    """
    spare = case.limits.spare_replicas
    placed = most_replicas(case, plan)
    if isinstance(placed, Rejection):
        return None, [placed]
    limit = min([placed, *(num_devices(item) // plan.num_devices for item in found)]) - spare
    if case.workload.load_mode is not LoadMode.POISSON:
        limit = min(limit, case.concurrency)  # more would leave some of them idle
    if limit < 1:
        return None, []
    verdicts: dict[int, Verdict] = {}

    def passes(serving: int) -> bool:
        if serving not in verdicts:
            verdicts[serving] = _with_replicas(case, plan, precision, predictor, serving)
        return meets(verdicts[serving])

    least = smallest(passes, limit) if passes(limit) else None
    best = verdicts[least] if least is not None else None
    worse = [verdict for _, verdict in sorted(verdicts.items()) if not meets(verdict)]
    return best if isinstance(best, Evaluation) else None, worse[-1:]


def _with_replicas(
    case: SearchCase, plan: ParallelPlan, precision: Precision, predictor: Predictor, serving: int
) -> Verdict:
    stated, is_open = case.workload.concurrency, case.workload.load_mode is LoadMode.POISSON
    load = OPEN_LOOP_SEQUENCES if is_open and not stated else math.ceil((stated or 1) / serving)
    candidate = candidate_of(case, plan, precision, load, serving + case.limits.spare_replicas)
    return judged(case, candidate, predictor)


def _why_not_fewer(winner: Evaluation, failed: Sequence[Verdict]) -> tuple[str, str]:
    """Return what a smaller deployment of the winning layout fails by."""
    plan = winner.candidate.plan
    same = [item for item in failed if _plan(item) == plan]
    if not same:
        return "devices", "no layout that starts has fewer devices"
    binding, text = edge_text(same[-1])
    return binding, f"with fewer replicas: {text}"


def _plan(verdict: Verdict) -> ParallelPlan:
    return verdict.plan if isinstance(verdict, Rejection) else verdict.candidate.plan


def size(
    tasks: Sequence[GroupTask],
    predictor: Predictor,
    *,
    goal: str = "cheapest",
    should_stop: StopSignal | None = None,
) -> Json:
    """Return the smallest deployment of every device type, best first.

    Args:
        tasks: One per device type (``device_group``), all with the same load and targets.
        predictor: Performance model.
        goal: ``cheapest`` ranks by USD per hour, devices without a price last; ``fewest`` by devices.
        should_stop: True ends the search between two layouts with what there is.

    Raises:
        InvalidRequestError: There is no such goal.
    """
    if goal not in GOALS:
        raise InvalidRequestError(f"goal must be one of {', '.join(GOALS)}, not {goal!r:.40}", {"field": "goal"})
    answers = [sized(replace(task), predictor, should_stop) for task in tasks]
    met = [answer for answer in answers if answer.deployment is not None]
    met.sort(key=lambda answer: size_key(answer.deployment or {}, goal))
    return {
        "deployments": [{**(item.deployment or {}), "binding": item.binding, "reason": item.reason} for item in met],
        "not_met": [
            {"device_name": item.device_name, "binding": item.binding, "reason": item.reason, "nearest": item.nearest}
            for item in answers
            if item.deployment is None
        ],
    }


def size_key(deployment: Json, goal: str) -> tuple[Any, ...]:
    """Return the sort key of a deployment; the device's name makes ties fall the same way on every run."""
    hourly = deployment["costs"]["usd_per_hour"]
    cost = (hourly is None, hourly or 0.0)
    count = deployment["num_devices"]
    return (
        (*cost, count, deployment["device_name"]) if goal == "cheapest" else (count, *cost, deployment["device_name"])
    )
