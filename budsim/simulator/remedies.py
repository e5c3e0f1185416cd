"""When no candidate meets the targets: what would change that.

Every remedy but one is tried before it is told: some candidate of the changed case meets the targets by the same
predictor. Relaxing a target needs no search, because the nearest candidate already says what it reaches.

Layouts are probed, not searched: what came nearest in the search, and each tensor size at a few depths. A remedy that
only another layout would bear out is not found; one that is told is true.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from budsim.commons.errors import BudSimError
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.workload import LoadMode
from budsim.simulator.candidate import Candidate, Evaluation, Predictor, TargetMiss
from budsim.simulator.direct_search import SearchOutcome, headroom_problem, is_excluded
from budsim.simulator.objective import CaseEvaluator, best_first, num_devices, rejection_counts
from budsim.simulator.search_space import SearchCase, layout_candidates, plan_problem, tensor_sizes
from budsim.simulator.topology import DeviceGroup, NodeDevices

# Nodes to add when looking for the fewest that help.
ADDED_NODES = (1, 2, 4, 8)
# What is probed of a changed case: layouts that came nearest before, depths of each tensor size, replica counts of each
# layout; and how many candidates the predictor is asked for at once, before it is looked whether one meets the targets.
NEAREST_LAYOUTS = 6
DEPTHS = (1, 2, 4, 8)  # where nothing runs; otherwise one stage, and the depths of what came nearest
REPLICA_COUNTS = 4
BATCH_SIZE = 16
# Resolution of the largest concurrency that still meets the targets: a sixteenth of it.
CONCURRENCY_STEPS = 16
# Significant digits of a relaxed target; rounded to the side that is met.
TARGET_DIGITS = 3

_UNITS = {
    "ttft": "ms",
    "throughput_per_user": "tokens/s",
    "e2e_latency": "s",
    "e2e_p95": "s",
    "e2e_p99": "s",
    "output_throughput": "tokens/s",
    "cost_per_hour": "USD/h",
}
_LOWER_BOUNDS = frozenset({"throughput_per_user", "output_throughput"})


@dataclass(frozen=True, slots=True)
class Remedy:
    """One change that makes the request feasible.

    Attributes:
        kind: relax_targets | budget | max_replicas | max_devices_per_replica | high_availability | precision |
            concurrency | add_devices | memory.
        text: For people, with the figures.
        changes: The change as fields, for programs.
        is_verified: A candidate of the changed case meets the targets; False = a figure read off the nearest answer.
    """

    kind: str
    text: str
    changes: dict[str, float | int | str]
    is_verified: bool = True


def remedies(case: SearchCase, outcome: SearchOutcome, predictor: Predictor) -> tuple[Remedy, ...]:
    """Return what would let the targets be met; empty when they are met.

    Args:
        case: The case as asked.
        outcome: What its search found.
        predictor: The one that the search used.
    """
    if outcome.meets_targets:
        return ()
    probe = _Probe(outcome, predictor)
    found = [_relax_targets(outcome), *_lifted_bounds(case, probe), _use_fp8(case, probe)]
    # Where a single request is too slow already, neither fewer requests nor more replicas make it faster.
    if case.targets.output_tps or not probe.is_too_slow(replace(case, workload=replace(case.workload, concurrency=1))):
        found += [_fewer_users(case, probe), _add_nodes(case, probe)]
    found.append(_more_memory(outcome))
    return tuple(remedy for remedy in found if remedy is not None)


class _Probe:
    """Looks for a candidate of a changed case that meets the targets.

    Args:
        outcome: What the search of the case as asked found.
        predictor: The one that the search used.
    """

    def __init__(self, outcome: SearchOutcome, predictor: Predictor) -> None:
        plans = (item.candidate.plan for item in outcome.evaluations)
        self._nearest = list(dict.fromkeys(plans))[:NEAREST_LAYOUTS]
        self._predictor = predictor

    def meeting(self, case: SearchCase) -> Evaluation | None:
        """Return the best of the first candidates that meet the targets; None = no probed one does."""
        for feasible in self._batches(case):
            meeting = [item for item in feasible if item.meets_targets]
            if meeting:
                return best_first(meeting, case.objective)[0]
        return None

    def cheapest_meeting(self, case: SearchCase) -> Evaluation | None:
        """Return what meets the targets with the fewest devices of all that is probed; None = nothing does."""
        meeting = [item for feasible in self._batches(case) for item in feasible if item.meets_targets]
        return min(meeting, key=lambda item: (num_devices(item), item.candidate.replicas), default=None)

    def is_too_slow(self, case: SearchCase) -> bool:
        """Return whether probed candidates run and none meets the targets."""
        runs = False
        for feasible in self._batches(case):
            if any(item.meets_targets for item in feasible):
                return False
            runs = runs or bool(feasible)
        return runs

    def _batches(self, case: SearchCase) -> Iterator[list[Evaluation]]:
        """Yield what can run of one batch of candidates after the other."""
        evaluator = CaseEvaluator(case, self._predictor)
        proposed = self._candidates(case)
        for start in range(0, len(proposed), BATCH_SIZE):
            yield [
                answer
                for answer in evaluator.evaluate(proposed[start : start + BATCH_SIZE])
                if isinstance(answer, Evaluation) and headroom_problem(answer, case.group, case.exclusions) is None
            ]

    def _candidates(self, case: SearchCase) -> Sequence[Candidate]:
        depths = DEPTHS[:1] if self._nearest else DEPTHS
        plain = [ParallelPlan(tp, pp) for pp in depths for tp in reversed(tensor_sizes(case.group))]
        plans = [plan for plan in dict.fromkeys([*self._nearest, *plain]) if plan_problem(case, plan) is None]
        found = [item for plan in plans for item in layout_candidates(case, plan, REPLICA_COUNTS)]
        return [item for item in found if not is_excluded(item, case)]


def _relax_targets(outcome: SearchOutcome) -> Remedy | None:
    if outcome.best is None:
        return None
    relaxed = {miss.target: _reachable(miss) for miss in outcome.best.misses}
    parts = [
        f"{miss.target} from {miss.wanted:g} to {relaxed[miss.target]:g} {_UNITS.get(miss.target, '')}".strip()
        for miss in outcome.best.misses
    ]
    changes: dict[str, float | int | str] = dict(relaxed)
    return Remedy("relax_targets", f"Relax {', '.join(parts)}.", changes, is_verified=False)


def _reachable(miss: TargetMiss) -> float:
    """Return the prediction rounded to the side on which it still meets the target."""
    return _rounded(miss.predicted, math.floor if miss.target in _LOWER_BOUNDS else math.ceil)


def _rounded(figure: float, to: Callable[[float], int]) -> float:
    if figure <= 0:
        return 0.0
    scale = 10.0 ** (TARGET_DIGITS - 1 - math.floor(math.log10(figure)))
    return to(figure * scale) / scale


def _lifted_bounds(case: SearchCase, probe: _Probe) -> Iterator[Remedy]:
    """Yield each of the caller's bounds that alone is in the way, with what it has to become."""
    limits = case.limits
    if limits.max_usd_per_hour is not None and case.usd_per_device_hour is not None:
        best = probe.cheapest_meeting(replace(case, limits=replace(limits, max_usd_per_hour=None)))
        if best is not None and best.cost_per_hour_usd is not None:
            needed = _rounded(best.cost_per_hour_usd, math.ceil)
            text = f"Allow {needed:g} USD/h instead of {limits.max_usd_per_hour:g}: {_layout(best)}."
            yield Remedy("budget", text, {"max_cost_per_hour": needed})
    if limits.max_replicas is not None:
        best = probe.cheapest_meeting(replace(case, limits=replace(limits, max_replicas=None)))
        if best is not None:
            count = best.candidate.replicas
            text = f"Allow {count} replicas instead of {limits.max_replicas}: {_layout(best)}."
            yield Remedy("max_replicas", text, {"max_replicas": count})
    if limits.max_devices_per_replica is not None:
        best = probe.cheapest_meeting(replace(case, limits=replace(limits, max_devices_per_replica=None)))
        if best is not None:
            count = best.candidate.plan.num_devices
            text = f"Allow {count} devices per replica instead of {limits.max_devices_per_replica}: {_layout(best)}."
            yield Remedy("max_devices_per_replica", text, {"max_gpus_per_replica": count})
    if limits.spare_replicas:
        best = probe.cheapest_meeting(replace(case, limits=replace(limits, spare_replicas=0)))
        if best is not None:
            text = f"Do without high availability: {_layout(best)}."
            yield Remedy("high_availability", text, {"require_high_availability": False})


def _use_fp8(case: SearchCase, probe: _Probe) -> Remedy | None:
    if "fp8" not in case.group.spec.peak_flops or any(precision.weight_bytes <= 1.1 for precision in case.precisions):
        return None
    try:
        fp8 = resolve_precision("fp8", case.arch, case.group.spec)
    except BudSimError:
        return None  # this model or device has no fp8 path: nothing to offer
    best = probe.meeting(replace(case, precisions=(fp8,)))
    if best is None:
        return None
    return Remedy("precision", f"Use fp8 weights on {_layout(best)}.", {"precision": "fp8"})


def _fewer_users(case: SearchCase, probe: _Probe) -> Remedy | None:
    """Find the largest concurrency that meets the targets, by halving and then closing in."""
    if case.concurrency <= 1 or case.workload.load_mode is LoadMode.POISSON:
        return None
    low, high = 0, case.concurrency
    while high - low > max(1, low // CONCURRENCY_STEPS):
        middle = (low + high) // 2
        fewer = replace(case, workload=replace(case.workload, concurrency=middle))
        if probe.meeting(fewer) is None:
            high = middle
        else:
            low = middle
    if low == 0:
        return None
    text = f"Serve {low} concurrent requests instead of {case.concurrency}."
    return Remedy("concurrency", text, {"concurrency": low})


def largest_share(
    case: SearchCase, outcome: SearchOutcome, predictor: Predictor, found: Sequence[Remedy]
) -> tuple[SearchCase, Evaluation] | None:
    """Return the case with the largest load that meets the targets, and its deployment; None where there is none.

    Args:
        case: The case as asked.
        outcome: What its search found.
        predictor: The one that the search used.
        found: What ``remedies`` returned.
    """
    users = next((remedy.changes["concurrency"] for remedy in found if remedy.kind == "concurrency"), None)
    if users is None:
        return None
    fewer = replace(case, workload=replace(case.workload, concurrency=int(users)))
    best = _Probe(outcome, predictor).meeting(fewer)
    return None if best is None else (fewer, best)


def _add_nodes(case: SearchCase, probe: _Probe) -> Remedy | None:
    if not case.group.nodes:
        return None
    for added in ADDED_NODES:
        best = probe.meeting(replace(case, group=_with_nodes(case.group, added)))
        if best is not None:
            count = added * case.group.max_devices_per_node
            nodes = f"{added} more node{'s' if added > 1 else ''} like the largest"
            text = f"Add {count} x {case.group.spec.name} ({nodes}): {_layout(best)}."
            return Remedy("add_devices", text, {"devices": count, "nodes": added, "device_name": case.group.spec.name})
    return None


def _with_nodes(group: DeviceGroup, added: int) -> DeviceGroup:
    size = group.max_devices_per_node
    extra = tuple(NodeDevices(f"~added-{index}", f"added-{index}", size) for index in range(added))
    return replace(group, nodes=group.nodes + extra)


def _more_memory(outcome: SearchOutcome) -> Remedy | None:
    """Tell what memory lacks, when it is why nothing is feasible at all."""
    if outcome.evaluations:
        return None
    causes = list(rejection_counts(outcome.rejections))
    if causes and causes[0][0] == "saturated":
        return None  # what runs has the memory, and not the speed
    for code, count, reason in causes:
        if "memory" in code or code == "kv_capacity":
            text = f"Use devices with more memory, or more of them per replica ({count} candidates): {reason}"
            return Remedy("memory", text, {"code": code}, is_verified=False)
    return None


def _layout(evaluation: Evaluation) -> str:
    candidate = evaluation.candidate
    replicas = f"{candidate.replicas} replica{'s' if candidate.replicas > 1 else ''}"
    return f"{replicas} of TP {candidate.plan.tp_size} x PP {candidate.plan.pp_size}"
