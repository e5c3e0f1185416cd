"""What sizing and capacity share: which layouts to try, and how the edge of what is met is found. Pure.

Both rest on one law: at the same layout no figure gets better when the load of a replica grows. So the edge between
what meets the targets and what does not is found by doubling and halving, with the real predictor at every step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import Precision
from budsim.perf_model.workload import SloTargets
from budsim.simulator.candidate import Candidate, Evaluation, Predictor, Rejection
from budsim.simulator.deployment import costs_of, launch
from budsim.simulator.direct_search import FAILED_BEFORE, headroom_problem, is_excluded
from budsim.simulator.objective import evaluate, num_devices
from budsim.simulator.placement import max_replicas, stage_slots
from budsim.simulator.plain_json import to_plain
from budsim.simulator.search_space import SearchCase, engine_settings, plan_problem, tensor_sizes

Json = dict[str, Any]
Verdict = Evaluation | Rejection
Probe = Callable[[int], bool]
# A replica of more stages than this is no answer to a question of size.
MAX_STAGES = 64
_MS = 1000.0
# What says that a replica does not start, whatever the load.
_MEMORY_CODES = frozenset({"memory", "kv_capacity", "platform_memory", "max_model_len"})


def judged(case: SearchCase, candidate: Candidate, predictor: Predictor) -> Verdict:
    """Return what becomes of one candidate; what feedback excludes is rejected like what does not fit."""
    if is_excluded(candidate, case):
        return Rejection(candidate.plan, "excluded", FAILED_BEFORE)
    answer = evaluate([candidate], case, predictor)[0]
    if isinstance(answer, Rejection):
        return answer
    return headroom_problem(answer, case.group, case.exclusions) or answer


def meets(verdict: Verdict) -> bool:
    """Return whether a candidate runs and meets every target."""
    return isinstance(verdict, Evaluation) and verdict.meets_targets


def candidate_of(
    case: SearchCase, plan: ParallelPlan, precision: Precision, concurrency_per_replica: int, replicas: int
) -> Candidate:
    """Return a candidate with the engine's own settings for its load."""
    settings = engine_settings(case, plan, precision, concurrency_per_replica)
    return Candidate(plan, precision, settings, concurrency_per_replica, replicas)


def layouts(case: SearchCase, predictor: Predictor) -> tuple[list[tuple[ParallelPlan, Precision]], list[Rejection]]:
    """Return the layouts to try, and why others are not: per TP size the fewest stages that start, and twice as many.

    They depend on the model and on a device, not on how many devices there are: more devices never take a layout away.
    """
    found: list[tuple[ParallelPlan, Precision]] = []
    rejected: list[Rejection] = []
    alone = replace(case, targets=SloTargets(), limits=replace(case.limits, max_usd_per_hour=None, spare_replicas=0))
    for tp_size in tensor_sizes(case.group):
        most = min(MAX_STAGES, max(1, stage_slots(case.group.nodes, tp_size)))
        for precision in case.precisions:
            fewest = _fewest_stages(alone, predictor, tp_size, precision, most)
            if isinstance(fewest, Rejection):
                rejected.append(fewest)
                continue
            for pp_size in dict.fromkeys((fewest, fewest if fewest == 1 else 2 * fewest)):
                plan = ParallelPlan(tp_size=tp_size, pp_size=pp_size)
                problem = plan_problem(case, plan)
                if problem is None:
                    found.append((plan, precision))
                elif pp_size == fewest:
                    rejected.append(Rejection(plan, problem.code, problem.reason))
    return found, rejected


def _fewest_stages(
    case: SearchCase, predictor: Predictor, tp_size: int, precision: Precision, most: int
) -> int | Rejection:
    last: Rejection | None = None
    for pp_size in range(1, most + 1):
        plan = ParallelPlan(tp_size=tp_size, pp_size=pp_size)
        problem = plan_problem(case, plan)
        if problem is not None:
            return Rejection(plan, problem.code, problem.reason)
        lightest = replace(case, workload=replace(case.workload, concurrency=1))
        verdict = evaluate([candidate_of(lightest, plan, precision, 1, 1)], lightest, predictor)[0]
        if isinstance(verdict, Evaluation) or verdict.code not in _MEMORY_CODES:
            return pp_size
        last = verdict
    return last or Rejection(ParallelPlan(tp_size=tp_size), "placement", "No replica can be placed.")


def most_replicas(case: SearchCase, plan: ParallelPlan) -> int | Rejection:
    """Return how many replicas of a layout may be placed: all that fit, within the caller's bounds and budget.

    Less than one that serves beside the spare ones is a rejection.
    """
    limits, needed = case.limits, 1 + case.limits.spare_replicas
    replicas = max_replicas(case.group, plan, allow_intra_node_pp=limits.allow_intra_node_pp)
    if limits.max_replicas is not None:
        replicas = min(replicas, limits.max_replicas)
    if replicas < needed:
        return Rejection(
            plan, "high_availability", f"{needed} replicas of {plan.num_devices} devices are needed; {replicas} fit."
        )
    if limits.max_usd_per_hour is None:
        return replicas
    if case.usd_per_device_hour is None:
        text = f"A budget cannot be kept: {case.price_source or 'no price is known'}."
        return Rejection(plan, "budget", text)
    # The very comparison by which candidates are judged: no rounding may tell them apart.
    each = case.usd_per_device_hour * plan.num_devices
    paid = min(replicas, math.ceil(limits.max_usd_per_hour / each) + 1)
    while paid and case.usd_per_device_hour * (plan.num_devices * paid) > limits.max_usd_per_hour:
        paid -= 1
    if paid < needed:
        count = f"{needed} x {plan.num_devices}" if needed > 1 else str(plan.num_devices)
        text = f"{count} device{'s' if count != '1' else ''} cost {each * needed:.4g} USD/h; the budget is "
        return Rejection(plan, "budget", f"{text}{limits.max_usd_per_hour:.4g}.")
    return paid


def largest(passes: Probe, limit: int, tolerance: float = 0.0) -> int:
    """Return the largest number in [1, limit] that passes, 0 if 1 does not; what passes stops passing once.

    Args:
        passes: Asked about 2 log2(limit) times.
        limit: Upper bound.
        tolerance: The answer may be short by this share.
    """
    low, high = 0, limit + 1
    while low < limit and high == limit + 1:
        step = min(limit, max(1, 2 * low))
        if passes(step):
            low = step
        else:
            high = step
    while high - low > max(1, math.floor(low * tolerance)):
        middle = (low + high) // 2
        if passes(middle):
            low = middle
        else:
            high = middle
    return low


def smallest(passes: Probe, limit: int) -> int | None:
    """Return the smallest number in [1, limit] that passes, None if ``limit`` does not; what passes goes on passing."""
    high, low = 1, 0
    while not passes(high):
        if high >= limit:
            return None
        low, high = high, min(limit, 2 * high)
    while high - low > 1:
        middle = (low + high) // 2
        if passes(middle):
            high = middle
        else:
            low = middle
    return high


def edge_text(verdict: Verdict) -> tuple[str, str]:
    """Return what a candidate fails by: a name, and a sentence with figures."""
    if isinstance(verdict, Rejection):
        return verdict.code, verdict.reason
    worst = max(verdict.misses, key=lambda miss: miss.relative_miss, default=None)
    if worst is None:
        return verdict.binding or "none", "every target is met"
    return worst.target, f"{worst.target} is {worst.predicted:.4g} against {worst.wanted:.4g}"


def deployment_view(evaluation: Evaluation, case: SearchCase, model_id: str) -> Json:
    """Return a deployment as sizing and capacity answer it."""
    candidate, prediction = evaluation.candidate, evaluation.prediction
    args, envs = launch(candidate, case, model_id)
    return {
        "device_name": case.group.spec.name,
        "device_type": case.group.device_type,
        "num_devices": num_devices(evaluation),
        "replicas": candidate.replicas,
        "spare_replicas": case.limits.spare_replicas,
        "tensor_parallel_size": candidate.plan.tp_size,
        "pipeline_parallel_size": candidate.plan.pp_size,
        "precision": candidate.precision.name,
        "engine": case.engine.engine,
        "engine_version": case.engine.version,
        "max_num_seqs": candidate.settings.max_num_seqs,
        "max_model_len": candidate.settings.max_model_len,
        "concurrency_per_replica": candidate.concurrency_per_replica,
        "ttft_p50_ms": prediction.ttft_ms_p50,
        "ttft_p99_ms": prediction.ttft_ms_p99,
        "tpot_ms": prediction.tpot_ms_mean,
        "latency_p50_ms": prediction.e2e_s_p50 * _MS,
        "latency_p99_ms": prediction.e2e_s_p99 * _MS,
        "throughput_per_user_tps": prediction.tps_per_user,
        "throughput_tps": evaluation.output_tps,
        "basis": prediction.basis,
        "confidence": prediction.confidence,
        "meets_targets": evaluation.meets_targets,
        "misses": to_plain(evaluation.misses),
        "costs": costs_of(evaluation, case),
        "launch": {"args": args, "envs": envs},
    }
