"""From candidates to evaluations: feasibility first, then targets, cost and rank.

Feasible means that the engine starts and holds the load in its KV cache **and** that the platform's own allocation fits
the device; what fails is rejected with every reason that applies, and is never given a number. The predictor sees only
what the platform could deploy, a whole batch at once.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from budsim.perf_model.disaggregated import DisaggregatedPoint
from budsim.perf_model.engine_settings import EngineSettings
from budsim.perf_model.memory import (
    PlatformAllocation,
    estimate_memory,
    platform_allocation,
    platform_sequence_length,
)
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import Precision
from budsim.perf_model.serving_point import Infeasible, Prediction, ServingPoint
from budsim.perf_model.workload import LoadMode, SloTargets, Workload
from budsim.simulator.candidate import Candidate, Evaluation, Predictor, PrefillPool, Rejection, TargetMiss
from budsim.simulator.disaggregated import DisaggregatedPredictor
from budsim.simulator.hardware import cost_per_million_tokens_usd
from budsim.simulator.lora import max_loras
from budsim.simulator.placement import max_replicas, place_pools, spanned_nodes
from budsim.simulator.search_space import SearchCase, serving_point

# Floating-point noise is not a missed target.
MISS_TOLERANCE = 1e-9


class Objective(StrEnum):
    """What the best answer is best at, among those that meet every target."""

    COST = "cost"  # USD per million output tokens; devices where no price is known
    THROUGHPUT = "throughput"  # output tokens/s of the whole deployment
    LATENCY = "latency"  # median end-to-end latency of one request
    BALANCED = "balanced"  # product of cost and latency over throughput: scale-free


@dataclass(frozen=True, slots=True)
class TargetCheck:
    """One set target against its prediction."""

    target: str
    wanted: float
    predicted: float
    is_upper_bound: bool

    @property
    def relative_miss(self) -> float:
        """Return how far the prediction is past the target, as a share of it; <= 0 = met."""
        if self.is_upper_bound:
            return self.predicted / self.wanted - 1.0
        return 1.0 - self.predicted / self.wanted


def target_checks(
    prediction: Prediction, targets: SloTargets, *, output_tps: float, cost_per_hour_usd: float | None
) -> tuple[TargetCheck, ...]:
    """Return every target that is set (not None, not 0), with what is predicted for it.

    A cost target without a known price cannot be checked and is left out; the caller is told by ``cost_per_hour_usd``
    None.
    """
    ttft_ms = {50: prediction.ttft_ms_p50, 90: prediction.ttft_ms_p90, 95: prediction.ttft_ms_p95}
    compared: tuple[tuple[str, float | None, float | None, bool], ...] = (
        ("ttft", targets.ttft_ms, ttft_ms.get(targets.ttft_percentile, prediction.ttft_ms_p99), True),
        ("throughput_per_user", targets.throughput_per_user_tps, prediction.tps_per_user, False),
        ("e2e_latency", targets.e2e_latency_s, prediction.e2e_s_p50, True),
        ("e2e_p95", targets.e2e_p95_s, prediction.e2e_s_p95, True),
        ("e2e_p99", targets.e2e_p99_s, prediction.e2e_s_p99, True),
        ("output_throughput", targets.output_tps, output_tps, False),
        ("cost_per_hour", targets.cost_per_hour_usd, cost_per_hour_usd, True),
    )
    return tuple(
        TargetCheck(name, wanted, predicted, upper)
        for name, wanted, predicted, upper in compared
        if wanted and predicted is not None
    )


def error_rate(checks: Sequence[TargetCheck]) -> float:
    """Return the mean over the set targets of the relative miss, each clipped to [0, 1]; 0 = all met."""
    if not checks:
        return 0.0
    return sum(min(1.0, max(0.0, check.relative_miss)) for check in checks) / len(checks)


def missed(checks: Sequence[TargetCheck]) -> tuple[TargetMiss, ...]:
    """Return the targets that are not met."""
    return tuple(
        TargetMiss(check.target, check.wanted, check.predicted, check.relative_miss)
        for check in checks
        if check.relative_miss > MISS_TOLERANCE
    )


def deployment_output_tps(prediction: Prediction, candidate: Candidate, workload: Workload, spare: int = 0) -> float:
    """Return output tokens per second of all replicas together.

    Closed loop: the load is the stated concurrency, not the room the replicas have, so C users at the busiest replica's
    pace. Open loop: each replica serves its share, ``spare`` of them none.
    """
    if workload.load_mode is LoadMode.POISSON or not workload.concurrency:
        return prediction.output_tps * max(1, candidate.replicas - spare)
    return prediction.output_tps * workload.concurrency / candidate.concurrency_per_replica


def evaluate(proposed: Sequence[Candidate], case: SearchCase, predictor: Predictor) -> list[Evaluation | Rejection]:
    """Return an evaluation or a rejection per candidate, in order; one call of the predictor for all."""
    return CaseEvaluator(case, predictor).evaluate(proposed)


# What differs between the points of one case; the rest of a point is not hashable (datasheets hold mappings).
_Question = tuple[ParallelPlan, Precision, EngineSettings, Workload, int | None, PrefillPool | None, int]


class CaseEvaluator:
    """Evaluates batches of candidates of one case, and remembers what it has worked out.

    Attributes:
        num_predicted: Points that the predictor was asked for.
    """

    def __init__(self, case: SearchCase, predictor: Predictor) -> None:
        self.case = case
        self.num_predicted = 0
        self._predictor = predictor
        self._pools = DisaggregatedPredictor()
        self._most: dict[ParallelPlan, int] = {}
        self._spanned: dict[tuple[ParallelPlan, int], int] = {}
        self._allocations: dict[Hashable, PlatformAllocation] = {}
        self._answers: dict[_Question, Prediction | Infeasible] = {}
        self._alike: dict[EngineSettings, EngineSettings] = {}
        self._looked_at: dict[Candidate, _Screened | Rejection] = {}  # but not evaluated yet

    def evaluate(self, proposed: Sequence[Candidate]) -> list[Evaluation | Rejection]:
        """Return an evaluation or a rejection per candidate, in order; at most one call of the predictor.

        Candidates that ask the predictor the same question (equal replica, equal load) share its answer, in this batch
        and in later ones.
        """
        screened = [
            self._looked_at.pop(candidate) if candidate in self._looked_at else self._screen(candidate)
            for candidate in proposed
        ]
        points: dict[_Question, ServingPoint | DisaggregatedPoint] = {}
        for found in screened:
            if isinstance(found, _Screened) and found.question not in self._answers:
                points.setdefault(found.question, found.point)
        if points:
            self.num_predicted += len(points)
            replicas = {asked: point for asked, point in points.items() if isinstance(point, ServingPoint)}
            pools = {asked: point for asked, point in points.items() if isinstance(point, DisaggregatedPoint)}
            if replicas:
                self._answers |= zip(replicas, self._predictor.predict(list(replicas.values())), strict=True)
            self._answers |= zip(pools, self._pools.predict(list(pools.values())), strict=True)
        return [
            _judge(candidate, found, self._answers[found.question], self.case)
            if isinstance(found, _Screened)
            else found
            for candidate, found in zip(proposed, screened, strict=True)
        ]

    def fits_platform(self, candidate: Candidate) -> bool:
        """Return whether the platform can place and allocate a candidate; the predictor is not asked."""
        if candidate not in self._looked_at:
            self._looked_at[candidate] = self._screen(candidate)
        return isinstance(self._looked_at[candidate], _Screened)

    def most_replicas(self, plan: ParallelPlan) -> int:
        """Return how many replicas of a layout the group holds at once."""
        if plan not in self._most:
            intra = self.case.limits.allow_intra_node_pp
            self._most[plan] = max_replicas(self.case.group, plan, allow_intra_node_pp=intra)
        return self._most[plan]

    def _screen(self, candidate: Candidate) -> _Screened | Rejection:
        case, plan = self.case, candidate.plan
        if not 1 <= candidate.replicas <= self.most_replicas(plan):
            text = f"{candidate.replicas} replicas of {plan.num_devices} devices do not fit the free devices."
            return Rejection(plan, "placement", text)
        if over := self._over_budget(candidate):
            return Rejection(plan, "budget", over)
        point = serving_point(case, candidate, self._nodes_spanned(plan, candidate.replicas))
        same = (plan, candidate.precision, candidate.settings, point.workload, point.nodes_spanned)
        question = (*same, candidate.prefill, candidate.replicas if candidate.prefill else 0)
        allocation = self._allocation(point, candidate)
        available = available_bytes(case)
        if allocation.fits(available):
            if candidate.prefill is not None:
                return self._screen_pools(candidate, candidate.prefill, question, allocation, available)
            return _Screened(point, question, allocation)
        reasons = [_allocation_text(allocation.total_bytes_per_device, available, candidate)]
        engine = estimate_memory(point)
        if isinstance(engine, Infeasible):
            reasons.append(engine.reason)
        return Rejection(plan, "platform_memory", " ".join(reasons))

    def _screen_pools(
        self,
        candidate: Candidate,
        prefill: PrefillPool,
        question: _Question,
        allocation: PlatformAllocation,
        available: float,
    ) -> _Screened | Rejection:
        """Return the question to both pools, or why they cannot be placed or the prefill pool not allocated."""
        intra = self.case.limits.allow_intra_node_pp
        pools = ((candidate.plan, candidate.replicas), (prefill.plan, prefill.instances))
        placed = place_pools(self.case.group, pools, allow_intra_node_pp=intra)
        if placed is None:
            text = f"{candidate.layout} does not fit the free devices together."
            return Rejection(candidate.plan, "placement", text)
        crosses = len({stage.node_id for pool in placed for stage in pool}) > 1
        point = pools_point(self.case, candidate, prefill, crosses)
        prompts = prompts_at_once(self.case, prefill)
        seq_len = platform_sequence_length(self.case.workload.isl, 1, prefill.settings.max_model_len)
        prefill_allocation = platform_allocation(point.prefill, prompts, seq_len)
        if prefill_allocation.fits(available):
            return _Screened(point, question, allocation, prefill_allocation)
        text = f"A prefill instance: {prefill_allocation.reason(available)}"
        return Rejection(candidate.plan, "platform_memory", text)

    def _over_budget(self, candidate: Candidate) -> str | None:
        budget, price = self.case.limits.max_usd_per_hour, self.case.usd_per_device_hour
        if budget is None:
            return None
        if price is None:
            return f"A budget cannot be kept: {self.case.price_source or 'no price is known'}."
        devices = candidate.num_devices
        if price * devices <= budget:
            return None
        if price > budget:
            return f"One {self.case.group.spec.name} costs {price:.4g} USD/h; the budget is {budget:.4g}."
        return f"{devices} devices at {price:.4g} USD/h cost {price * devices:.4g} USD/h; the budget is {budget:.4g}."

    def _nodes_spanned(self, plan: ParallelPlan, replicas: int) -> int | None:
        # One stage in one node is the common case: None lets equal replicas share a prediction whatever the group's
        # layout.
        if plan.num_devices == plan.tp_size:
            return None
        if (plan, replicas) not in self._spanned:
            intra = self.case.limits.allow_intra_node_pp
            found = spanned_nodes(self.case.group, plan, replicas, allow_intra_node_pp=intra)
            self._spanned[plan, replicas] = found
        return self._spanned[plan, replicas]

    def _allocation(self, point: ServingPoint, candidate: Candidate) -> PlatformAllocation:
        """Return what the platform reserves; settings that do not change it share an answer."""
        alike = self._alike.get(point.settings)
        if alike is None:
            alike = replace(point.settings, gpu_memory_utilization=1.0, enable_chunked_prefill=True)
            self._alike[point.settings] = alike
        key = (point.plan, point.precision, alike, point.workload, candidate.concurrency_per_replica)
        if key not in self._allocations:
            load = self.case.workload
            seq_len = platform_sequence_length(load.isl, load.osl, candidate.settings.max_model_len)
            self._allocations[key] = platform_allocation(point, candidate.concurrency_per_replica, seq_len)
        return self._allocations[key]


@dataclass(frozen=True, slots=True)
class _Screened:
    """A candidate that the platform can place and allocate."""

    point: ServingPoint | DisaggregatedPoint
    question: _Question
    allocation: PlatformAllocation
    prefill_allocation: PlatformAllocation | None = None


def pools_point(
    case: SearchCase, candidate: Candidate, prefill: PrefillPool, crosses_nodes: bool
) -> DisaggregatedPoint:
    """Return the question to the performance model: both pools, without their spare instances, under the whole load."""
    spare = case.limits.spare_replicas
    decode = serving_point(case, candidate, None)
    cached = decode.workload.prefix_cache_hit_rate
    decode = replace(decode, workload=replace(case.workload, prefix_cache_hit_rate=cached))
    return DisaggregatedPoint(
        prefill=replace(decode, plan=prefill.plan, settings=prefill.settings),
        decode=decode,
        prefill_instances=max(1, prefill.instances - spare),
        decode_instances=max(1, candidate.replicas - spare),
        crosses_nodes=crosses_nodes,
    )


def prompts_at_once(case: SearchCase, prefill: PrefillPool) -> int:
    """Return the prompts of mean length in the cache of a prefill instance: those of a step, and one more."""
    return min(
        prefill.settings.max_num_seqs, 1 + math.ceil(prefill.settings.max_num_batched_tokens / case.workload.isl)
    )


def available_bytes(case: SearchCase) -> float:
    """Return the memory of one device that the platform may allocate from."""
    return min(case.group.memory_bytes_per_device, case.limits.max_memory_bytes_per_device or math.inf)


def adapters(evaluation: Evaluation, case: SearchCase) -> int | None:
    """Return the most LoRA adapters that fit beside a candidate's load; None = none, or the engine serves none."""
    if not case.engine.supports_lora:
        return None
    candidate = evaluation.candidate
    point = serving_point(case, candidate, None)
    seq_len = platform_sequence_length(case.workload.isl, case.workload.osl, candidate.settings.max_model_len)
    allocation = platform_allocation(point, candidate.concurrency_per_replica, seq_len)
    available = available_bytes(case)
    return max_loras(case.arch, candidate.plan, allocation, available, point)


def _allocation_text(required_bytes: float, available_bytes: float, candidate: Candidate) -> str:
    available_gb, buffer_gb = available_bytes / 1e9, 1 if required_bytes <= 10e9 else 2
    allowed_gb = max(0.0, available_gb - buffer_gb) * 0.95
    return (
        f"TP {candidate.plan.tp_size} x PP {candidate.plan.pp_size} at {candidate.concurrency_per_replica} requests "
        f"per replica needs {required_bytes / 1e9:.1f} GB per device; the platform allows "
        f"({available_gb:.1f} - {buffer_gb}) x 0.95 = {allowed_gb:.1f} GB."
    )


def of_one_instance(prediction: Prediction, candidate: Candidate, case: SearchCase) -> Prediction:
    """Return the answer of two pools with rates and cache of one decode instance, as every other answer's are."""
    serving = max(1, candidate.replicas - case.limits.spare_replicas)
    whole = deployment_output_tps(
        replace(prediction, output_tps=1.0), candidate, case.workload, case.limits.spare_replicas
    )
    intervals = dict(prediction.intervals)
    if "output_tps" in intervals:
        low, high = intervals["output_tps"]
        intervals["output_tps"] = (low / whole, high / whole)
    return replace(
        prediction,
        output_tps=prediction.output_tps / whole,
        request_throughput=prediction.request_throughput / whole,
        kv_cache_tokens=prediction.kv_cache_tokens // serving,
        max_concurrency=prediction.max_concurrency / serving,
        intervals=intervals,
    )


def _judge(
    candidate: Candidate, found: _Screened, prediction: Prediction | Infeasible, case: SearchCase
) -> Evaluation | Rejection:
    if isinstance(prediction, Infeasible):
        return Rejection(candidate.plan, prediction.code, prediction.reason)
    if candidate.prefill is not None:
        prediction = of_one_instance(prediction, candidate, case)
    is_open_loop = case.workload.load_mode is LoadMode.POISSON
    if is_open_loop and prediction.saturated:
        rate = (case.workload.request_rate or 0.0) / max(1, candidate.replicas - case.limits.spare_replicas)
        text = f"A replica cannot keep up with {rate:.3g} requests/s: its queue grows without end."
        return Rejection(candidate.plan, "saturated", text)
    if not is_open_loop and prediction.max_concurrency < candidate.concurrency_per_replica:
        text = (
            f"The KV cache of a replica (TP {candidate.plan.tp_size} x PP {candidate.plan.pp_size}) holds "
            f"{prediction.max_concurrency:.1f} requests of {candidate.settings.max_model_len} tokens; "
            f"{candidate.concurrency_per_replica} are needed."
        )
        return Rejection(candidate.plan, "kv_capacity", text)
    return _evaluation(candidate, found, prediction, case)


def _evaluation(candidate: Candidate, found: _Screened, prediction: Prediction, case: SearchCase) -> Evaluation:
    allocation = found.allocation
    output_tps = deployment_output_tps(prediction, candidate, case.workload, case.limits.spare_replicas)
    devices = candidate.num_devices
    hourly = None if case.usd_per_device_hour is None else case.usd_per_device_hour * devices
    checks = target_checks(prediction, case.targets, output_tps=output_tps, cost_per_hour_usd=hourly)
    misses = missed(checks)
    # Shared devices carry other load as well: the platform reports the figures there and enforces none.
    enforced = not case.group.is_shared
    return Evaluation(
        candidate=candidate,
        prediction=prediction,
        error_rate=error_rate(checks) if enforced else 0.0,
        meets_targets=not misses or not enforced,
        misses=misses,
        cost_per_hour_usd=hourly,
        cost_per_million_tokens_usd=cost_per_million_tokens_usd(hourly, output_tps),
        weight_bytes_per_device=allocation.weight_bytes_per_device,
        kv_cache_bytes_per_device=allocation.kv_cache_bytes_per_device,
        total_bytes_per_device=allocation.total_bytes_per_device,
        binding=binding(checks, _other_slack(candidate, found, prediction, hourly, case)),
        output_tps=output_tps,
        prefill_allocation=found.prefill_allocation,
    )


def binding(checks: Sequence[TargetCheck], slack: Mapping[str, float]) -> str | None:
    """Return what holds the answer back: the worst missed target, else the constraint with the least relative slack.

    Args:
        checks: The set targets.
        slack: Of the other constraints by name, as shares of what is allowed.

    Returns:
        None where there is no constraint.
    """
    known = {check.target: -check.relative_miss for check in checks} | dict(slack)
    return min(known, key=lambda name: (known[name], name), default=None)


def _other_slack(
    candidate: Candidate, found: _Screened, prediction: Prediction, hourly: float | None, case: SearchCase
) -> dict[str, float]:
    """Return the slack of the budget, and of memory where it is in the way.

    It is where half the devices would not hold the load: half the replicas, each with twice the load; of one replica,
    half its devices, each with twice the bytes; of one device, that itself with twice the load.
    """
    slack: dict[str, float] = {}
    if case.limits.max_usd_per_hour is not None and hourly is not None:
        slack["budget"] = 1.0 - hourly / case.limits.max_usd_per_hour
    allocation = found.allocation
    available = available_bytes(case)
    is_split = candidate.replicas == 1 and candidate.plan.num_devices > 1
    more = allocation.total_bytes_per_device if is_split else allocation.kv_cache_bytes_per_device
    doubled = replace(allocation, total_bytes_per_device=allocation.total_bytes_per_device + more)
    is_full = prediction.max_concurrency < 2 * candidate.concurrency_per_replica
    if is_full or not doubled.fits(available):
        slack["memory"] = 1.0 - allocation.total_bytes_per_device / available
    return slack


def objective_value(evaluation: Evaluation, objective: str) -> float:
    """Return the figure to minimise for an objective.

    Without a price the devices stand for the cost: their hours per million tokens rank the same within one device type.
    """
    prediction, output_tps = evaluation.prediction, evaluation.output_tps
    match Objective(objective):
        case Objective.COST:
            return _cost_value(evaluation, output_tps)
        case Objective.THROUGHPUT:
            return -output_tps
        case Objective.LATENCY:
            return prediction.e2e_s_p50
        case Objective.BALANCED:
            cost = max(_cost_value(evaluation, output_tps), 1e-12)
            return math.log(cost) + math.log(max(prediction.e2e_s_p50, 1e-12)) - math.log(max(output_tps, 1e-12))


def _cost_value(evaluation: Evaluation, output_tps: float) -> float:
    if evaluation.cost_per_million_tokens_usd is not None:
        return evaluation.cost_per_million_tokens_usd
    return num_devices(evaluation) / output_tps


def num_devices(evaluation: Evaluation) -> int:
    """Return the devices of all replicas."""
    return evaluation.candidate.num_devices


def rank_key(evaluation: Evaluation, objective: str) -> tuple[float | int | str, ...]:
    """Return the sort key, best first: targets met, then error rate, then the objective, then fewest devices.

    The rest of the key names the candidate, so that ties fall the same way on every run.
    """
    candidate = evaluation.candidate
    return (
        0 if evaluation.meets_targets else 1,
        0.0 if evaluation.meets_targets else evaluation.error_rate,
        objective_value(evaluation, objective),
        num_devices(evaluation),
        evaluation.prediction.e2e_s_p50,
        candidate.plan.pp_size,
        candidate.plan.tp_size,
        candidate.concurrency_per_replica,
        candidate.precision.name,
        candidate.prefill.instances if candidate.prefill else 0,
        candidate.prefill.plan.tp_size if candidate.prefill else 0,
    )


def best_first(evaluations: Sequence[Evaluation], objective: str) -> list[Evaluation]:
    """Return the evaluations by ``rank_key``."""
    return sorted(evaluations, key=lambda evaluation: rank_key(evaluation, objective))


def rejection_counts(rejections: Sequence[Rejection]) -> Iterator[tuple[str, int, str]]:
    """Yield (code, how many, one telling reason) per cause, most frequent first."""
    by_code: dict[str, list[str]] = {}
    for rejection in rejections:
        by_code.setdefault(rejection.code, []).append(rejection.reason)
    for code in sorted(by_code, key=lambda code: (-len(by_code[code]), code)):
        yield code, len(by_code[code]), by_code[code][-1]
