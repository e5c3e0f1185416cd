"""Disaggregated deployments of one case: which are tried, and how they join what a search found. Pure.

Tried are all pairs of TP sizes that the engine can join (``engine_ops.disaggregation``), one pipeline stage each, with
numbers of instances from ``COUNTS``: of decode instances those that no other number dominates (``replica_loads``), of
prefill instances those whose pool can take between ``LEAST_BALANCE`` and ``MOST_BALANCE`` times what the decode pool
can, and the next smaller one. More prefill than that waits for work, less keeps the decode pool waiting. Engine
parameters are the engine's own. The set does not depend on how many devices there are but by what fits, so that more
devices never take an answer away.

Both methods try the same set: after the direct search, and after the genetic one, whose genomes describe one replica.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from budsim.engine_ops.disaggregation import DEPLOYED_ENGINES, disaggregation_problem
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import Precision
from budsim.perf_model.serving_point import Infeasible
from budsim.perf_model.workload import LoadMode
from budsim.simulator.candidate import Candidate, Evaluation, Predictor, PrefillPool, Rejection
from budsim.simulator.direct_search import StopSignal, headroom_problem, is_excluded
from budsim.simulator.disaggregated import DisaggregatedPredictor
from budsim.simulator.evolution import EvolutionOutcome
from budsim.simulator.objective import CaseEvaluator, best_first, pools_point
from budsim.simulator.placement import max_replicas
from budsim.simulator.ranking import pareto_front
from budsim.simulator.search_space import (
    OPEN_LOOP_SEQUENCES,
    SearchCase,
    engine_settings,
    plan_problem,
    replica_loads,
    tensor_sizes,
)

COUNTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 128)
# Candidates between two looks at the clock: about half a second.
BATCH_SIZE = 16
LEAST_BALANCE, MOST_BALANCE = 0.7, 2.5


def with_pools(
    outcome: EvolutionOutcome, case: SearchCase, predictor: Predictor, should_stop: StopSignal | None = None
) -> EvolutionOutcome:
    """Return what a search found together with the disaggregated deployments of its case, best first.

    Args:
        outcome: Of the direct or the genetic search.
        case: Model, devices, engine, load, targets.
        predictor: Performance model of the search; pools are predicted from physics.
        should_stop: Asked between batches; True ends the search with what it has.
    """
    if not case.limits.allow_disaggregated:
        return outcome
    problem = _never(case)
    if problem is not None:
        return replace(outcome, rejections=(*outcome.rejections, problem))
    evaluator = CaseEvaluator(case, predictor)
    proposed = list(pool_candidates(case))
    evaluations: list[Evaluation] = list(outcome.evaluations)
    rejections: list[Rejection] = list(outcome.rejections)
    looked_at = 0
    for start in range(0, len(proposed), BATCH_SIZE):
        if should_stop is not None and should_stop():
            break
        batch = proposed[start : start + BATCH_SIZE]
        looked_at += len(batch)
        for answer in evaluator.evaluate(batch):
            kept = answer
            if isinstance(answer, Evaluation):
                kept = headroom_problem(answer, case.group, case.exclusions) or answer
            if isinstance(kept, Evaluation):
                evaluations.append(kept)
            else:
                rejections.append(kept)
    ranked = best_first(evaluations, case.objective)
    least = [item for item in ranked if item.meets_targets] or ranked
    return replace(
        outcome,
        evaluations=tuple(ranked),
        rejections=tuple(rejections),
        num_evaluated=outcome.num_evaluated + looked_at,
        is_complete=outcome.is_complete and looked_at == len(proposed),
        front=tuple(pareto_front(least)),
    )


def _never(case: SearchCase) -> Rejection | None:
    """Return why no pair of pools can serve this case, if so."""
    plan, engine = ParallelPlan(), case.engine
    if engine.engine not in DEPLOYED_ENGINES:
        text = f"{engine.engine} is not started with prefill and decode apart; {', '.join(DEPLOYED_ENGINES)} are."
        return Rejection(plan, "disaggregated", text)
    if case.group.is_shared:
        return Rejection(plan, "disaggregated", "Pools of prefill and decode need devices of their own.")
    side = (plan, case.group.device_type)
    text = disaggregation_problem(engine.engine, engine.version, case.arch, side, side) or ""
    return Rejection(plan, "disaggregated", text) if text else None


def pool_candidates(case: SearchCase) -> Iterator[Candidate]:
    """Yield every disaggregated deployment that is tried, few devices per instance first; none twice."""
    plans = [
        plan for size in tensor_sizes(case.group) if plan_problem(case, plan := ParallelPlan(tp_size=size)) is None
    ]
    predictor = DisaggregatedPredictor()
    for precision in case.precisions:
        for decode in plans:
            for prefill in plans:
                sides = [(plan, case.group.device_type) for plan in (prefill, decode)]
                names = (case.engine.engine, case.engine.version)
                if disaggregation_problem(*names, case.arch, sides[0], sides[1]) is None:
                    yield from _of_layouts(case, precision, prefill, decode, predictor)


def _of_layouts(
    case: SearchCase,
    precision: Precision,
    prefill: ParallelPlan,
    decode: ParallelPlan,
    predictor: DisaggregatedPredictor,
) -> Iterator[Candidate]:
    spare, devices = case.limits.spare_replicas, case.group.total_devices
    most_instances = case.limits.max_replicas or devices
    for replicas, load in _decode_loads(case, decode):
        left = devices - replicas * decode.num_devices
        most = min(left // prefill.num_devices, most_instances - replicas) - spare
        if most < 1:
            continue
        settings = engine_settings(case, decode, precision, load)
        alone = Candidate(decode, precision, settings, load, replicas)
        for serving in _balanced_counts(case, alone, prefill, most, predictor):
            share = -(-load * (replicas - spare) // serving)
            pool = PrefillPool(prefill, engine_settings(case, prefill, precision, share), serving + spare)
            candidate = replace(alone, prefill=pool)
            if not is_excluded(candidate, case):
                yield candidate


def _decode_loads(case: SearchCase, plan: ParallelPlan) -> list[tuple[int, int]]:
    """Return (decode instances, requests of each) that are tried, the spare ones among the instances."""
    spare = case.limits.spare_replicas
    most = max_replicas(case.group, plan, allow_intra_node_pp=case.limits.allow_intra_node_pp)
    if case.workload.load_mode is not LoadMode.POISSON:
        pairs = replica_loads(case.concurrency, most, spare)
    else:
        stated = case.workload.concurrency
        pairs = [
            (count + spare, -(-stated // count) if stated else OPEN_LOOP_SEQUENCES)
            for count in range(1, most - spare + 1)
        ]
    return [pair for pair in pairs if pair[0] - spare in COUNTS]


def _balanced_counts(
    case: SearchCase, alone: Candidate, prefill: ParallelPlan, most: int, predictor: DisaggregatedPredictor
) -> list[int]:
    """Return the numbers of prefill instances that are tried with a decode pool; all where capacity has no answer."""
    counts = [count for count in COUNTS if count <= most]
    pool = PrefillPool(prefill, engine_settings(case, prefill, alone.precision, 1), 1)
    point = replace(pools_point(case, alone, pool, crosses_nodes=True), prefill_instances=1)
    found = predictor.capacity(point)
    if isinstance(found, Infeasible):
        return counts[:1]  # one candidate, that its rejection is told
    balance = found["prefill"] / found["decode"]
    kept = [count for count in counts if LEAST_BALANCE <= count * balance <= MOST_BALANCE]
    below = [less for less, more in pairwise(counts) if less * balance < LEAST_BALANCE <= more * balance]
    return sorted({*kept, *below}) or ([1] if balance > MOST_BALANCE else counts[-1:])
