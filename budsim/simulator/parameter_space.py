"""Every engine parameter that a search may vary: the values of each, and what a choice of them means.

A genome is one index per dimension. ``decode`` turns it into the nearest legal candidate, and into the one genome that
stands for that candidate, so that two genomes of one configuration are the same to whoever remembers them. What changes
nothing for the predictors is no dimension but a note in ``fixed``.

Sources: the engines' own parameter tables (``engine_ops``: range, step and choices by version and device type), the
layout rules (``parallelism``), the load (``search_space.replica_loads``).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from budsim.engine_ops import engine_profile
from budsim.engine_ops.base import EngineParameter
from budsim.perf_model.engine_settings import EngineSettings
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import Precision
from budsim.perf_model.workload import LoadMode
from budsim.simulator.candidate import Candidate, Rejection
from budsim.simulator.placement import max_replicas, stage_slots
from budsim.simulator.search_space import (
    OPEN_LOOP_SEQUENCES,
    SearchCase,
    engine_settings,
    plan_problem,
    replica_loads,
    tensor_sizes,
)

Genome = tuple[int, ...]

# Of a continuous share only these are tried: it matters by the cache that it leaves, and 0.05 of a device is more than
# the engine's own step of 0.01 can decide.
UTILIZATION_STEP = 0.05
# Data-parallel copies of attention beside expert parallelism; all copies of a replica share a node.
DATA_PARALLEL_SIZES = (2, 4, 8)
# Genes of the layout: TP, PP, variant, replicas, precision. The engine's parameters come after them.
LAYOUT_GENES = 5
REPLICA_GENE = 3
_REASONS = {
    "scheduler_delay_factor": "no predictor knows it; the engine's own value (0) is kept",
    "enable_prefix_caching": "no prompt of this load shares a prefix; the engine's own value is kept",
    "max_num_seqs": "the load of a replica is the limit: more is idle room, less would not carry it",
    "kv_cache_dtype": "this device has no fp8 arithmetic, or its engine needs calibrated scales",
    "block_size": "the kernels of latent attention set it",
    "data_parallel": "the platform deploys TP x PP devices per replica; allow_data_parallel lets it be tried",
}


@dataclass(frozen=True, slots=True)
class Variant:
    """How a replica's experts and attention are spread beside TP and PP."""

    expert_parallel: bool = False
    dp_size: int = 1
    dp_attention: bool = False

    def plan(self, tp_size: int, pp_size: int) -> ParallelPlan:
        """Return the layout: expert ranks are all devices of a stage, as engines set them."""
        ranks = tp_size * (1 if self.dp_attention else self.dp_size)
        return ParallelPlan(tp_size, pp_size, ranks if self.expert_parallel else 1, self.dp_size, self.dp_attention)


@dataclass(frozen=True, slots=True)
class Dimension:
    """One parameter of the search.

    Attributes:
        values: Ascending where ``is_ordered``.
        is_ordered: Neighbouring values are alike, and moves go to neighbours; else any value may follow any other.
    """

    name: str
    values: tuple[Any, ...]
    is_ordered: bool


_PlanKey = tuple[int, int, Variant]


class ParameterSpace:
    """The choices of one case.

    Attributes:
        dimensions: In the order of a genome's genes: tp_size, pp_size, variant, replicas, precision, then the engine's.
        loads: Replicas and concurrency per replica, fewest replicas first.
        plans: Legal layouts by (TP, PP, variant), with the replicas that the group holds of each.
        rejections: Layouts that were left out, one per TP size and variant.
        fixed: Parameters that are not varied, with the reason.
    """

    def __init__(self, case: SearchCase) -> None:
        self.case = case
        self.plans, self.rejections = _legal_plans(case)
        self.fixed: dict[str, str] = {}
        self._bases: dict[tuple[ParallelPlan, Precision, int], EngineSettings] = {}
        self._nearest: dict[_PlanKey, _PlanKey | None] = {}
        self.loads = _replica_values(case, max((most for _, most in self.plans.values()), default=0))
        self.dimensions = self._layout_dimensions() + self._engine_dimensions() if self.plans else ()
        self._place = {dimension.name: place for place, dimension in enumerate(self.dimensions)}
        self._engine_names = tuple(dimension.name for dimension in self.dimensions[LAYOUT_GENES:])

    @property
    def size(self) -> int:
        """Genomes; several may stand for one configuration."""
        return math.prod(len(dimension.values) for dimension in self.dimensions) if self.plans else 0

    def decode(self, genome: Sequence[int]) -> tuple[Genome, Candidate] | None:
        """Return the genome's canonical form and its candidate; None when no layout near it is legal."""
        tp_size, pp_size, variant, _, precision = (
            d.values[gene] for d, gene in zip(self.dimensions[:LAYOUT_GENES], genome[:LAYOUT_GENES], strict=True)
        )
        key = self._nearest_plan((tp_size, pp_size, variant))
        if key is None:
            return None
        plan, most = self.plans[key]
        genes = list(genome)
        for place, value in enumerate(key):
            genes[place] = self._index(place, value, genes[place])
        while self.loads[genes[3]][0] > most and genes[3] > 0:
            genes[3] -= 1
        replicas, load = self.loads[genes[3]]
        settings = self._settings(plan, precision, load, genes)
        if "max_num_seqs" in self._place:
            load = settings.max_num_seqs
        return tuple(genes), Candidate(plan, precision, settings, load, replicas)

    def encode(
        self, key: _PlanKey, replicas: int, precision: Precision, engine: Mapping[str, Any] | None = None
    ) -> Genome:
        """Return the genome of a layout, with the engine's own value of every parameter that ``engine`` leaves out."""
        plan = self.plans[key][0]
        pair = next(pair for pair in reversed(self.loads) if pair[0] <= replicas)
        base = self._base(plan, precision, pair[1])
        genes = [self._index(place, value) for place, value in enumerate((*key, pair, precision))]
        for name in self._engine_names:
            own = None if name == "kv_cache_dtype" else getattr(base, name)
            wanted = (engine or {}).get(name, own)
            values = self.dimensions[self._place[name]].values
            nearest = min(values, key=lambda value: abs(value - wanted)) if isinstance(wanted, int | float) else wanted
            genes.append(values.index(nearest))
        return tuple(genes)

    def genomes(self) -> Iterator[tuple[Genome, Candidate]]:
        """Yield every distinct configuration once, in a fixed order."""
        seen: set[Genome] = set()
        for genome in itertools.product(*(range(len(d.values)) for d in self.dimensions)):
            found = self.decode(genome) if self.plans else None
            if found is not None and found[0] not in seen:
                seen.add(found[0])
                yield found

    def neighbours(self, genome: Genome, reach: int | None = 1, from_gene: int = 0) -> Iterator[Genome]:
        """Yield the genomes that differ in one gene.

        Args:
            genome: Where to start.
            reach: Steps on ordered grids; None = any. Elsewhere every other choice is a neighbour.
            from_gene: Genes before this one stay.
        """
        for place, (dimension, gene) in enumerate(zip(self.dimensions, genome, strict=True)):
            if place < from_gene:
                continue
            for other in range(len(dimension.values)):
                is_near = reach is None or not dimension.is_ordered or abs(other - gene) <= reach
                if other != gene and is_near:
                    yield (*genome[:place], other, *genome[place + 1 :])

    def leaner(self, genome: Genome) -> Iterator[Genome]:
        """Yield the same layout with engine values that need less and less memory.

        A smaller cache per token and all the memory that the engine may take come first, then the smallest steps, then
        fewer sequences at once where they are a choice.
        """
        genes = list(genome)
        for name, end in (("kv_cache_dtype", -1), ("gpu_memory_utilization", -1), ("max_num_batched_tokens", 0)):
            if name in self._place:
                place = self._place[name]
                genes[place] = (len(self.dimensions[place].values) + end) if end else 0
            if name != "kv_cache_dtype" and tuple(genes) != genome:
                yield tuple(genes)
        if "max_num_seqs" in self._place:
            for gene in reversed(range(genes[self._place["max_num_seqs"]])):
                genes[self._place["max_num_seqs"]] = gene
                yield tuple(genes)

    def changed_parameters(self, candidate: Candidate) -> tuple[str, ...]:
        """Return the engine parameters whose values are not the engine's own."""
        load = self._load_of(candidate)
        base = self._base(candidate.plan, candidate.precision, load)
        return tuple(n for n in self._engine_names if getattr(base, n) != getattr(candidate.settings, n))

    def _load_of(self, candidate: Candidate) -> int:
        return next(load for replicas, load in self.loads if replicas == candidate.replicas)

    def _index(self, place: int, value: Any, hint: int = -1) -> int:
        values = self.dimensions[place].values
        return hint if hint >= 0 and values[hint] == value else values.index(value)

    def _nearest_plan(self, key: _PlanKey) -> _PlanKey | None:
        """Return the legal layout of this TP nearest to the one asked for: fewer stages first, then other variants."""
        if key in self.plans:
            return key
        if key not in self._nearest:
            tp_size, pp_size, variant = key
            legal = [found for found in self.plans if found[0] == tp_size]
            order = sorted(legal, key=lambda found: (found[2] != variant, abs(found[1] - pp_size), found[1]))
            self._nearest[key] = order[0] if order else None
        return self._nearest[key]

    def _base(self, plan: ParallelPlan, precision: Precision, load: int) -> EngineSettings:
        key = (plan, precision, load)
        if key not in self._bases:
            self._bases[key] = engine_settings(self.case, plan, precision, load)
        return self._bases[key]

    def _settings(self, plan: ParallelPlan, precision: Precision, load: int, genes: list[int]) -> EngineSettings:
        """Return the engine's settings, and make ``genes`` say what they became."""
        base = self._base(plan, precision, load)
        changed = {n: self.dimensions[self._place[n]].values[genes[self._place[n]]] for n in self._engine_names}
        if changed.get("kv_cache_dtype") in (None, base.kv_cache_dtype) and "kv_cache_dtype" in changed:
            genes[self._place["kv_cache_dtype"]] = 0
            del changed["kv_cache_dtype"]
        if "max_num_batched_tokens" in changed:
            sequences = changed.get("max_num_seqs", base.max_num_seqs)
            whole_prompts = not changed.get("enable_chunked_prefill", base.enable_chunked_prefill)
            least = max(sequences, base.max_model_len if whole_prompts else 0)
            place = self._place["max_num_batched_tokens"]
            budgets = self.dimensions[place].values
            while budgets[genes[place]] < least and genes[place] < len(budgets) - 1:
                genes[place] += 1
            changed["max_num_batched_tokens"] = max(budgets[genes[place]], least)
        return replace(base, **changed)

    def _layout_dimensions(self) -> tuple[Dimension, ...]:
        variants = sorted({key[2] for key in self.plans}, key=lambda v: (v.expert_parallel, v.dp_size, v.dp_attention))
        return (
            Dimension("tp_size", tuple(sorted({key[0] for key in self.plans})), is_ordered=True),
            Dimension("pp_size", tuple(sorted({key[1] for key in self.plans})), is_ordered=True),
            Dimension("variant", tuple(variants), is_ordered=False),
            Dimension("replicas", self.loads, is_ordered=True),
            Dimension("precision", self.case.precisions, is_ordered=False),
        )

    def _engine_dimensions(self) -> tuple[Dimension, ...]:
        case, overridden = self.case, {name for name, _ in self.case.engine_overrides}
        profile = engine_profile(case.engine.engine)
        parameters = profile.parameters(case.group.device_type, case.engine.version) if profile.parameters else ()
        found = []
        if case.arch.is_moe and not case.limits.allow_data_parallel:
            self.fixed["data_parallel"] = _REASONS["data_parallel"]
        for parameter in parameters:
            name = parameter.name
            if name in ("tp_size", "pp_size"):
                continue
            if name in overridden:
                self.fixed[name] = "the caller fixed it"
            elif not _matters(name, case):
                self.fixed[name] = _REASONS.get(name, "no predictor knows it; the engine's own value is kept")
            else:
                found.append(_dimension(parameter, self._own_values(name)))
        return tuple(dimension for dimension in found if len(dimension.values) > 1)

    def _own_values(self, name: str) -> set[Any]:
        """Return the engine's own values of a parameter over the layouts; SGLang's and the CPU's depend on them."""
        if name in ("kv_cache_dtype", "max_num_seqs"):
            return set()
        first = {key[0]: plan for key, (plan, _) in reversed(self.plans.items())}
        load = self.loads[0][1]
        return {getattr(self._base(plan, self.case.precisions[0], load), name) for plan in first.values()}


def _dimension(parameter: EngineParameter, own: set[Any]) -> Dimension:
    """Return the values to try: the table's, and what the engine itself takes on this device."""
    name = parameter.name
    if parameter.kind == "bool":
        return Dimension(name, (False, True), is_ordered=False)
    if name == "kv_cache_dtype":
        return Dimension(name, (None, "fp8"), is_ordered=False)  # None: the format of the activations
    if parameter.kind == "choice":
        return Dimension(name, tuple(sorted({*parameter.choices, *own})), is_ordered=True)
    low, high = parameter.low or 0.0, parameter.high or 0.0
    if name == "max_num_seqs":
        powers = (1 << power for power in range(round(math.log2(low)), int(math.log2(high)) + 1))
        return Dimension(name, tuple(powers), is_ordered=True)
    steps = round((high - low) / UTILIZATION_STEP)
    shares = {round(high - step * UTILIZATION_STEP, 4) for step in range(steps + 1)}
    return Dimension(name, tuple(sorted(shares | own)), is_ordered=True)


def _matters(name: str, case: SearchCase) -> bool:
    """Whether a parameter can change a prediction of this case."""
    if name not in EngineSettings.__dataclass_fields__:
        return False
    if name == "enable_prefix_caching":
        return case.workload.prefix_cache_hit_rate > 0
    if name == "max_num_seqs":
        return case.workload.load_mode is LoadMode.POISSON and not case.workload.concurrency
    if name == "kv_cache_dtype":
        return case.group.device_type in ("cuda", "rocm") and "fp8" in case.group.spec.peak_flops
    return not (name == "block_size" and case.arch.is_mla)


def _variants(case: SearchCase) -> tuple[Variant, ...]:
    """Return how experts and attention may be spread; dense models have one way."""
    arch, engine = case.arch, case.engine.engine
    if not arch.is_moe or engine not in ("vllm", "sglang"):
        return (Variant(),)
    found = [Variant(), Variant(expert_parallel=True)]
    if engine == "sglang" and arch.is_mla:
        found += [Variant(dp_attention=True), Variant(expert_parallel=True, dp_attention=True)]
    if case.limits.allow_data_parallel and engine == "vllm":
        found += [Variant(expert_parallel=True, dp_size=size) for size in DATA_PARALLEL_SIZES]
    return tuple(found)


def _legal_plans(case: SearchCase) -> tuple[dict[_PlanKey, tuple[ParallelPlan, int]], tuple[Rejection, ...]]:
    plans: dict[_PlanKey, tuple[ParallelPlan, int]] = {}
    rejected: list[Rejection] = []
    limits, group = case.limits, case.group
    for variant, tp_size in itertools.product(_variants(case), tensor_sizes(group)):
        if tp_size == 1 and (variant.dp_attention or (variant.expert_parallel and variant.dp_size == 1)):
            continue  # nothing to spread over
        if tp_size * variant.dp_size > max(1, group.max_devices_per_node):
            continue
        for pp_size in range(1, max(1, stage_slots(group.nodes, tp_size)) + 1):
            plan = variant.plan(tp_size, pp_size)
            problem = plan_problem(case, plan)
            if problem is not None:
                rejected.append(Rejection(plan, problem.code, problem.reason))
                break  # wrong with every larger PP too
            most = max_replicas(group, plan, allow_intra_node_pp=limits.allow_intra_node_pp)
            plans[tp_size, pp_size, variant] = (plan, min(most, limits.max_replicas or most))
    return {key: found for key, found in plans.items() if found[1] > 0}, tuple(rejected)


def _replica_values(case: SearchCase, most: int) -> tuple[tuple[int, int], ...]:
    """Return (replicas, concurrency per replica), fewest replicas first; see ``search_space.replica_loads``."""
    if case.workload.load_mode is not LoadMode.POISSON:
        return tuple(replica_loads(case.concurrency, most, case.limits.spare_replicas))
    stated, spare = case.workload.concurrency, case.limits.spare_replicas
    return tuple(
        (count + spare, math.ceil(stated / count) if stated else OPEN_LOOP_SEQUENCES)
        for count in range(1, most - spare + 1)
    )
