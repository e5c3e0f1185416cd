"""What a search may propose: legal layouts, and the replica counts worth trying.

For a target concurrency C the only per-replica concurrency worth trying with r replicas is ceil(C / r): more would be
idle room on the same devices, less would not carry the load. And of all r with the same ceil(C / r) only the smallest
is worth
trying: the others spend more devices on the same load per replica. Latency does not fall when load rises, so everything
else is dominated; ``tests/unit/simulator/test_direct_search.py`` checks this against every concurrency from 1 to C.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from budsim.commons.errors import InvalidRequestError
from budsim.engine_ops import EngineOption, longest_sequence, resolve_engine_settings
from budsim.perf_model.engine_settings import EngineSettings
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan, check_plan
from budsim.perf_model.precision import Precision
from budsim.perf_model.serving_point import Infeasible, ServingPoint
from budsim.perf_model.workload import LoadMode, SloTargets, Workload
from budsim.simulator.candidate import Candidate, Rejection
from budsim.simulator.placement import check_placement, max_replicas, stage_slots
from budsim.simulator.topology import DeviceGroup

# Room for sequences longer than the mean: the platform's own factor (memory rule of the low-level design, section 6.4).
LENGTH_MARGIN = 1.1
# Tokens per KV block that every engine here divides evenly.
LENGTH_STEP = 16
# Sequence limits above 8 go in steps of 8, as engines capture CUDA graphs.
SEQUENCE_STEP = 8
# Sequence limit for open-loop load without a stated concurrency: vLLM's default.
OPEN_LOOP_SEQUENCES = 256


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """Bounds that the caller sets on every candidate; None = none.

    Attributes:
        allow_intra_node_pp: Pipeline stages may share a node; False = the four stricter rules of the low-level design.
        allow_data_parallel: Replicas of several data-parallel copies may be proposed (mixtures of experts). The
            platform's own deployments know TP and PP only.
        max_usd_per_hour: Budget of the whole deployment.
        spare_replicas: Replicas that may be lost while the others still carry the whole load (N+1: 1).
        allow_disaggregated: Deployments of two pools, one that prefills and one that decodes, may be proposed.
    """

    max_replicas: int | None = None
    max_devices_per_replica: int | None = None
    max_memory_bytes_per_device: float | None = None
    allow_intra_node_pp: bool = True
    allow_data_parallel: bool = False
    spare_replicas: int = 0
    max_usd_per_hour: float | None = None
    allow_disaggregated: bool = False


@dataclass(frozen=True, slots=True)
class EvolutionParameters:
    """How the genetic search goes; the defaults are the low-level design's (section 6.2).

    Attributes:
        population_size: Individuals of a generation.
        generations: Generations after the first.
        elite_share: Share of the population, best by the stated objective, that no selection drops.
        crossover_probability: Share of offspring that mix two parents.
        mutation_probability: Chance of each gene to move.
        tournament_size: Individuals that compete to become a parent.
        patience: Generations without improvement after which the search ends.
        max_evaluations: Points that the predictor is asked for at most, the first generation's included.
    """

    population_size: int = 50
    generations: int = 30
    elite_share: float = 0.2
    crossover_probability: float = 0.7
    mutation_probability: float = 0.2
    tournament_size: int = 2
    patience: int = 10
    max_evaluations: int = 1500


# The service README's set.
README_EVOLUTION = EvolutionParameters(100, 50, 0.1, 0.8, 0.2, tournament_size=3)


@dataclass(frozen=True, slots=True)
class Exclusions:
    """What earlier deployments of this model on this cluster taught.

    Attributes:
        config_hashes: Configurations that failed.
        headroom_bytes: Free memory per device of the roomiest configuration that ran out of memory; candidates with no
            more headroom are excluded. None = none did.
    """

    config_hashes: frozenset[str] = frozenset()
    headroom_bytes: float | None = None


@dataclass(frozen=True, slots=True)
class SearchCase:
    """Everything that stays the same during one search: one model, one device group, one engine, one load.

    Attributes:
        workload: Load on the whole deployment.
        precisions: Weight formats to try.
        usd_per_device_hour: None = no price known.
        price_source: Where the price comes from, for the reader.
        price_basis: ``override``, ``live``, or the basis of the catalogue's price; None = no price known.
        max_context_tokens: The caller's cap on the sequence length, beside the model's own.
        engine_overrides: Engine parameters that the caller fixes.
    """

    arch: ModelArchitecture
    group: DeviceGroup
    engine: EngineOption
    workload: Workload
    precisions: tuple[Precision, ...]
    targets: SloTargets = field(default_factory=SloTargets)
    objective: str = "cost"
    usd_per_device_hour: float | None = None
    price_source: str | None = None
    price_basis: str | None = None
    max_context_tokens: int | None = None
    engine_overrides: tuple[tuple[str, object], ...] = ()
    limits: SearchLimits = field(default_factory=SearchLimits)
    exclusions: Exclusions = field(default_factory=Exclusions)

    @property
    def concurrency(self) -> int:
        """Concurrent requests the whole deployment must carry."""
        return self.workload.concurrency or 1


def model_length(case: SearchCase) -> int:
    """Return ``max_model_len``: 1.1 x (input + output) in whole KV blocks, capped by the model and the caller.

    Loads with a spread of lengths get at least their longest request.

    Raises:
        InvalidRequestError: The load's own sequences are longer than the cap.
    """
    needed = longest_sequence(case.workload)
    mean = case.workload.isl + case.workload.osl
    caps = [cap for cap in (case.arch.max_position_embeddings, case.max_context_tokens) if cap]
    cap = min(caps, default=None)
    if cap is not None and needed > cap:
        whose = f"of {case.arch.name}" if cap == case.arch.max_position_embeddings else "that the request allows"
        text = f"{needed} tokens per request (input + output) are over the context length {cap} {whose}."
        raise InvalidRequestError(text, {"field": "input_tokens"})
    rounded = math.ceil(max(needed, int(mean * LENGTH_MARGIN)) / LENGTH_STEP) * LENGTH_STEP
    return max(1, rounded if cap is None else min(rounded, cap))


def sequence_limit(concurrency_per_replica: int) -> int:
    """Return ``max_num_seqs``: the load rounded up to a power of two up to 8, above that to a multiple of 8."""
    if concurrency_per_replica <= SEQUENCE_STEP:
        return 1 << max(0, concurrency_per_replica - 1).bit_length()
    return math.ceil(concurrency_per_replica / SEQUENCE_STEP) * SEQUENCE_STEP


def replica_loads(concurrency: int, most_replicas: int, spare: int = 0) -> list[tuple[int, int]]:
    """Return the pairs (replicas, concurrency per replica) that no other pair dominates, fewest replicas first.

    With ``spare`` replicas lost the others carry all of it; that is the load they are judged under.
    """
    pairs: list[tuple[int, int]] = []
    for serving in range(1, min(most_replicas - spare, concurrency) + 1):
        load = math.ceil(concurrency / serving)
        if not pairs or load < pairs[-1][1]:
            pairs.append((serving + spare, load))
    return pairs


def tensor_sizes(group: DeviceGroup) -> list[int]:
    """Return TP sizes to try: powers of two up to the best node's free devices, and every node's own count.

    Every node's, not only the best one's: a larger node beside it must not take a layout away.
    """
    most = 1 if group.is_shared else max(1, group.max_devices_per_node)
    sizes = {1 << power for power in range(most.bit_length()) if 1 << power <= most}
    if not group.is_shared:
        sizes |= {node.free_devices for node in group.nodes}
    return sorted(sizes | {most})


def plan_problem(case: SearchCase, plan: ParallelPlan) -> Infeasible | None:
    """Return why a layout cannot be used in this case, or None. Memory is not looked at."""
    limits = case.limits
    if case.group.is_shared and plan.num_devices > 1:
        return Infeasible("shared_mode", "Shared devices run one replica each: TP and PP must be 1.")
    if limits.max_devices_per_replica is not None and plan.num_devices > limits.max_devices_per_replica:
        text = f"{plan.num_devices} devices per replica are over the limit of {limits.max_devices_per_replica}."
        return Infeasible("max_devices_per_replica", text)
    # The plan before the engine: what the device type rules out is told in the platform's own words.
    problem = check_plan(case.arch, plan, case.group.spec)
    if problem is None and plan.pp_size > 1 and not case.engine.supports_pipeline_parallelism:
        text = f"{case.engine.engine} {case.engine.version} does not support pipeline parallelism for this model."
        problem = Infeasible("pp_engine", text)
    problem = problem or check_placement(case.group, plan, allow_intra_node_pp=limits.allow_intra_node_pp)
    return problem or (_availability_problem(case, plan) if limits.spare_replicas else None)


def _availability_problem(case: SearchCase, plan: ParallelPlan) -> Infeasible | None:
    limits = case.limits
    most = max_replicas(case.group, plan, allow_intra_node_pp=limits.allow_intra_node_pp)
    needed = limits.spare_replicas + 1
    if most < needed:
        text = f"High availability needs {needed} replicas of {plan.num_devices} devices; {most} can be placed."
    elif limits.max_replicas is not None and limits.max_replicas < needed:
        text = f"High availability needs {needed} replicas; {limits.max_replicas} is the most that is allowed."
    else:
        return None
    return Infeasible("high_availability", text)


def legal_plans(case: SearchCase) -> tuple[list[ParallelPlan], list[Rejection]]:
    """Return every layout the group, the model and the engine allow, and one rejection per TP size that ends early."""
    legal: list[ParallelPlan] = []
    rejected: list[Rejection] = []
    for tp_size in tensor_sizes(case.group):
        for pp_size in range(1, max(1, stage_slots(case.group.nodes, tp_size)) + 1):
            plan = ParallelPlan(tp_size=tp_size, pp_size=pp_size)
            problem = plan_problem(case, plan)
            if problem is None:
                legal.append(plan)
                continue
            rejected.append(Rejection(plan, problem.code, problem.reason))
            # What is wrong with this PP is wrong with every larger one too (and what is wrong with TP, with every PP).
            break
    return legal, rejected


def engine_settings(
    case: SearchCase, plan: ParallelPlan, precision: Precision, concurrency_per_replica: int
) -> EngineSettings:
    """Return the engine's own defaults with the sequence limit and length of this load."""
    overrides = {
        "max_num_seqs": sequence_limit(concurrency_per_replica),
        "max_model_len": model_length(case),
        **dict(case.engine_overrides),
    }
    return resolve_engine_settings(
        case.engine.engine,
        case.engine.version,
        arch=case.arch,
        device=case.group.spec,
        workload=replica_workload(case, 1, concurrency_per_replica),
        overrides=overrides,
        plan=plan,
        precision=precision,
        device_memory_bytes=case.group.memory_bytes_per_device,
    )


def replica_workload(case: SearchCase, replicas: int, concurrency_per_replica: int) -> Workload:
    """Return the share of the load that the busiest replica carries, with the spare ones lost."""
    load, serving = case.workload, max(1, replicas - case.limits.spare_replicas)
    return replace(
        load,
        concurrency=concurrency_per_replica,
        request_rate=None if load.request_rate is None else load.request_rate / serving,
        num_prompts=None if load.num_prompts is None else math.ceil(load.num_prompts / serving),
    )


def candidates(case: SearchCase) -> tuple[list[Candidate], list[Rejection]]:
    """Return every candidate that no other dominates, and the layouts that were left out."""
    plans, rejected = legal_plans(case)
    found: list[Candidate] = []
    for plan in plans:
        found += layout_candidates(case, plan)
    # Simplest layouts first: what a search that is stopped early has seen is what most deployments use.
    found.sort(key=lambda candidate: (candidate.plan.pp_size, candidate.plan.tp_size, candidate.replicas))
    return found, rejected


def layout_candidates(case: SearchCase, plan: ParallelPlan, most_counts: int | None = None) -> list[Candidate]:
    """Return the candidates of one legal layout, fewest replicas first, with the engine's own values.

    Args:
        case: Model, devices, engine, load.
        plan: The layout.
        most_counts: Replica counts, at least 2, evenly over all, both ends among them; None = every one.
    """
    most = max_replicas(case.group, plan, allow_intra_node_pp=case.limits.allow_intra_node_pp)
    if case.limits.max_replicas is not None:
        most = min(most, case.limits.max_replicas)
    loads = list(_loads(case, most))
    if most_counts is not None and len(loads) > most_counts:
        loads = [loads[step * (len(loads) - 1) // (most_counts - 1)] for step in range(most_counts)]
    return [
        Candidate(plan, precision, engine_settings(case, plan, precision, load), load, replicas)
        for replicas, load in loads
        for precision in case.precisions
    ]


def _loads(case: SearchCase, most_replicas: int) -> Iterator[tuple[int, int]]:
    if case.workload.load_mode is not LoadMode.POISSON:
        yield from replica_loads(case.concurrency, most_replicas, case.limits.spare_replicas)
        return
    # Open loop: every replica takes its share of the arrivals, so each count is a load of its own.
    stated, spare = case.workload.concurrency, case.limits.spare_replicas
    for serving in range(1, most_replicas - spare + 1):
        yield serving + spare, math.ceil(stated / serving) if stated else OPEN_LOOP_SEQUENCES


def serving_point(case: SearchCase, candidate: Candidate, nodes_spanned: int | None) -> ServingPoint:
    """Return the question to the performance model: the busiest replica of a candidate.

    Without prefix caching nothing is found in the cache, whatever the load's hit rate.
    """
    group = case.group
    load = replica_workload(case, candidate.replicas, candidate.concurrency_per_replica)
    if load.prefix_cache_hit_rate and not candidate.settings.enable_prefix_caching:
        load = replace(load, prefix_cache_hit_rate=0.0)
    return ServingPoint(
        arch=case.arch,
        device=group.spec,
        plan=candidate.plan,
        precision=candidate.precision,
        settings=candidate.settings,
        workload=load,
        devices_per_node=max(1, group.max_devices_per_node),
        inter_node_bytes_per_s=group.inter_node_bytes_per_s,
        device_memory_bytes=group.memory_bytes_per_device,
        cpu_cores=group.cores_per_device,
        nodes_spanned=nodes_spanned,
    )
