"""Genetic search over every engine parameter: NSGA-II with a local search, scored in whole generations.

    first generation   what ``direct_search`` would look at, thinned out: TP x PP x replicas with the engine's defaults
    each generation    offspring of the population (crossover, mutation) and unseen neighbours of the best
    then               the engine's parameters of the best and of the front on every layout that runs
    the end            no improvement for ``patience`` generations, or the budget is spent; what is left of the budget
                       goes to the neighbours of the best and of the Pareto front, until none of them is better

Three objectives are minimised: cost, median end-to-end latency, minus throughput. What misses targets is dominated by
what misses them less (constraint domination, Deb et al. 2002, NSGA-II, section VI); what cannot run is no parent. The
best by any stated objective lies on the front that meets the targets, because each grows with all three.

Plain NSGA-II finds the best too, but loses points of narrow fronts; the transplants and the local search bring them
back (figures: docs/adr/0009). Everything random comes from the request's seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from deap import base, tools

from budsim.simulator.candidate import Candidate, Evaluation, Predictor, Rejection
from budsim.simulator.direct_search import (
    FAILED_BEFORE,
    ProgressReport,
    SearchOutcome,
    StopSignal,
    headroom_problem,
    is_excluded,
)
from budsim.simulator.first_generation import evenly, leaner, seed_layouts
from budsim.simulator.objective import CaseEvaluator, Objective, objective_value, rank_key
from budsim.simulator.parameter_space import LAYOUT_GENES, REPLICA_GENE, Genome, ParameterSpace
from budsim.simulator.pareto import ParetoFront
from budsim.simulator.search_space import EvolutionParameters, SearchCase

FIGURES = (Objective.COST, Objective.LATENCY, Objective.THROUGHPUT)
# Share of the budget that the first generation may take, and that is kept back for the local search at the end.
SEED_SHARE = 0.3
# Share of the budget for layouts that run only with leaner values than the engine's own, and what tells that they do.
LEAN_SHARE = 0.1
LACKS_MEMORY = ("memory", "kv_capacity")
# Share of a generation that is neighbours of the best instead of offspring.
LOCAL_SHARE = 0.5
# Share of the budget in which the engine's parameters of so many good configurations are tried on other layouts.
TRANSPLANT_SHARE = 0.2
TRANSPLANTED = 4
# Layouts whose engine parameters are tuned in the end.
CONTENDERS = 12
# A smaller gain of the best or of the front is no improvement.
IMPROVEMENT = 1e-3
_TRIES = 8


@dataclass(frozen=True, slots=True)
class Generation:
    """What the search knew after one generation.

    Attributes:
        num_predicted: Points that the predictor was asked for so far.
        error_rate: Of the best; 0 = it meets every target.
        objective: The stated objective of the best, to be minimised.
    """

    num_predicted: int
    error_rate: float
    objective: float


@dataclass(frozen=True, slots=True)
class EvolutionOutcome(SearchOutcome):
    """What the genetic search found; ``num_evaluated`` counts the points that the predictor was asked for.

    Attributes:
        front: Evaluations that no other beats in cost, latency and throughput at once, among those that miss least.
        generations: One entry per generation, the first one included.
        is_exhaustive: Every configuration was looked at: the best is the optimum.
    """

    front: tuple[Evaluation, ...] = ()
    generations: tuple[Generation, ...] = ()
    is_exhaustive: bool = False

    @property
    def convergence_generation(self) -> int | None:
        """The first generation whose best is within 1 % of the final one; None when nothing was found."""
        if not self.generations or math.isinf(self.generations[-1].objective):
            return None
        last = self.generations[-1]
        for index, generation in enumerate(self.generations):
            near = abs(generation.objective - last.objective) <= 0.01 * abs(last.objective)
            if near and generation.error_rate - last.error_rate <= 0.01:
                return index
        return None


class _Fitness(base.Fitness):  # type: ignore[misc]
    """Three objectives to minimise, after the targets: less violation dominates."""

    weights = (-1.0, -1.0, -1.0)

    def __init__(self, values: Sequence[float] = (), violation: float = 0.0) -> None:
        super().__init__(values)
        self.violation = violation

    def dominates(self, other: Any, obj: slice = slice(None)) -> bool:
        if self.violation != other.violation:
            return bool(self.violation < other.violation)
        mine, theirs = self.wvalues, other.wvalues
        return bool(mine != theirs and mine[0] >= theirs[0] and mine[1] >= theirs[1] and mine[2] >= theirs[2])

    def __hash__(self) -> int:
        return hash((self.wvalues, self.violation))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Fitness) and self.wvalues == other.wvalues and self.violation == other.violation


class _Individual:
    """One configuration of the population, as DEAP's selection wants it."""

    def __init__(self, genome: Genome, evaluation: Evaluation) -> None:
        self.genome = genome
        violation = 0.0 if evaluation.meets_targets else evaluation.error_rate
        self.fitness = _Fitness(figures(evaluation), violation)


def figures(evaluation: Evaluation) -> tuple[float, float, float]:
    """Return what is minimised: cost, latency, minus throughput."""
    cost, latency, throughput = (objective_value(evaluation, name) for name in FIGURES)
    return cost, latency, throughput


def evolve(
    case: SearchCase,
    predictor: Predictor,
    *,
    parameters: EvolutionParameters | None = None,
    seed: int = 0,
    should_stop: StopSignal | None = None,
    on_progress: ProgressReport | None = None,
) -> EvolutionOutcome:
    """Search every parameter of a case and return what was evaluated, best first.

    Args:
        case: Model, devices, engine, load, targets.
        predictor: Performance model; asked for a whole generation at once.
        parameters: None = the defaults.
        seed: Same seed, same answer.
        should_stop: Asked between generations; True ends the search with what it has.
        on_progress: Told the share of the search that is over, in (0, 1], after each generation.

    Raises:
        InvalidRequestError: The load's sequences are longer than the model's context.
    """
    search = _Search(case, predictor, parameters or EvolutionParameters(), seed, should_stop, on_progress)
    search.run()
    return search.outcome()


class _Search:
    """The state of one search."""

    def __init__(
        self,
        case: SearchCase,
        predictor: Predictor,
        parameters: EvolutionParameters,
        seed: int,
        should_stop: StopSignal | None,
        on_progress: ProgressReport | None,
    ) -> None:
        self.case, self.parameters = case, parameters
        self.rng = Random(seed)  # noqa: S311 - a search, not a secret
        self.space = ParameterSpace(case)
        self.evaluator = CaseEvaluator(case, predictor)
        self.decoded: dict[Genome, tuple[Genome, Candidate] | None] = {}
        self.known: dict[Genome, Evaluation | Rejection] = {}
        self.keys: dict[Genome, tuple[Any, ...]] = {}  # of feasible configurations, best = smallest
        self.front = ParetoFront()
        self.best: Genome | None = None
        self.seeds: list[Genome] = []
        self.failed_before: list[Genome] = []
        self.trace: list[Generation] = []
        self.is_stopped = self.is_exhaustive = False
        self._should_stop, self._on_progress = should_stop, on_progress

    @property
    def left(self) -> int:
        """Points that the predictor may still be asked for."""
        return self.parameters.max_evaluations - self.evaluator.num_predicted

    def run(self) -> None:
        """Search until nothing improves or the budget is spent."""
        if not self.space.plans:
            return
        if self.space.size <= self.parameters.max_evaluations:
            self.generation(genome for genome, _ in self.space.genomes())
            self.is_exhaustive = not self.is_stopped
            return
        self.generation(self.first_genomes())
        self.generation(self.leaner_genomes())
        self.evolve()
        self.transplant()
        self.polish()

    def evolve(self) -> None:
        """Run the generations of NSGA-II."""
        settings = self.parameters
        population = self.select([], self.keys)
        idle, reserve = 0, settings.max_evaluations * SEED_SHARE
        for _ in range(settings.generations):
            if self.is_stopped or self.left <= reserve or idle >= settings.patience:
                return
            before = self.merit()
            size = round(settings.population_size * (1 - settings.elite_share))
            local = list(self.unseen(self.near_the_best(), round(size * LOCAL_SHARE)))
            offspring = self.offspring(population, size - len(local))
            if not local and not offspring:
                return
            fresh = self.generation([*local, *offspring])
            population = self.select(population, fresh)
            idle = 0 if self.improved(before) else idle + 1

    def transplant(self) -> None:
        """Try the engine's parameters of the best and of the front on every layout that is known to run.

        A layout that misses the targets with the engine's own values may meet them with others, and no step in one
        parameter leads from one layout to the next.
        """
        best = self.best_of_layouts()
        ranked = sorted(best, key=lambda layout: self.keys[best[layout]])
        donors = [] if self.best is None else [self.best, *self.front.genomes()]
        engines = list(dict.fromkeys(genome[LAYOUT_GENES:] for genome in donors))[:TRANSPLANTED]
        limit = round(self.parameters.max_evaluations * TRANSPLANT_SHARE)
        pairs = ((*layout, *engine) for engine in engines for layout in ranked)
        self.generation(list(self.unseen(pairs, limit)))

    def polish(self) -> None:
        """Look at the neighbours of the best, then of the front, until none is better or the budget is spent."""
        size = self.parameters.population_size
        while not self.is_stopped and self.left > 0:
            genomes = list(self.unseen(self.around_the_best(), size))
            if not genomes:
                return
            self.generation(genomes)

    def generation(self, genomes: Iterable[Genome]) -> list[Genome]:
        """Evaluate unknown genomes at once; return those that are feasible, and note what is known now."""
        if self._should_stop is not None and self._should_stop():
            self.is_stopped = True
            return []
        asked: dict[Genome, Candidate] = {}
        for genome in genomes:
            found = self.decode(genome)
            if found is None or found[0] in self.known or found[0] in asked:
                continue
            if is_excluded(found[1], self.case):
                self.known[found[0]] = Rejection(found[1].plan, "excluded", FAILED_BEFORE)
                self.failed_before.append(found[0])
                continue
            asked[found[0]] = found[1]
        fresh = self.evaluate(asked)
        best = self.known[self.best] if self.best is not None else None
        value = objective_value(best, self.case.objective) if isinstance(best, Evaluation) else math.inf
        rate = best.error_rate if isinstance(best, Evaluation) else math.inf
        self.trace.append(Generation(self.evaluator.num_predicted, rate, value))
        if self._on_progress is not None:
            self._on_progress(self.share_done())
        return fresh

    def evaluate(self, asked: dict[Genome, Candidate]) -> list[Genome]:
        fresh: list[Genome] = []
        waiting = list(asked)
        while waiting and self.left > 0:
            batch, waiting = waiting[: self.left], waiting[self.left :]
            answers = self.evaluator.evaluate([asked[genome] for genome in batch])
            for genome, answer in zip(batch, answers, strict=True):
                if isinstance(answer, Evaluation):
                    answer = headroom_problem(answer, self.case.group, self.case.exclusions) or answer
                self.known[genome] = answer
                if isinstance(answer, Evaluation):
                    self.note(genome, answer)
                    fresh.append(genome)
        return fresh

    def note(self, genome: Genome, evaluation: Evaluation) -> None:
        changes = len(self.space.changed_parameters(evaluation.candidate))
        self.keys[genome] = (*rank_key(evaluation, self.case.objective), changes, genome)
        if self.best is None or self.keys[genome] < self.keys[self.best]:
            self.best = genome
        violation = 0.0 if evaluation.meets_targets else evaluation.error_rate
        self.front.add(genome, figures(evaluation), violation)

    def share_done(self) -> float:
        """Return how much of the search is over: the larger of the shares of budget and of generations."""
        spent = 1.0 - max(0, self.left) / self.parameters.max_evaluations
        return min(1.0, max(spent, len(self.trace) / (self.parameters.generations + 1)))

    def merit(self) -> tuple[tuple[Any, ...] | None, float]:
        """Return what has to grow for a generation to count as an improvement."""
        return (None if self.best is None else self.keys[self.best]), self.front.volume()

    def improved(self, before: tuple[tuple[Any, ...] | None, float]) -> bool:
        """Return whether the best or the front gained by more than ``IMPROVEMENT`` since ``before``."""
        key, volume = before
        if self.best is None:
            return False
        if key is None or self.front.volume() > volume * (1 + IMPROVEMENT):
            return True
        now = self.keys[self.best]
        return now[:2] < key[:2] or (now[:2] == key[:2] and key[2] - now[2] > IMPROVEMENT * abs(key[2]))

    # Genomes

    def first_genomes(self) -> list[Genome]:
        """Return the direct search's candidates, thinned out to the share of the budget that they may take.

        The platform's own memory rule is asked first: layouts that it refuses cost nothing.
        """
        limit = round(self.parameters.max_evaluations * SEED_SHARE)
        self.seeds = list(dict.fromkeys(seed_layouts(self.space, self._fits)))
        return evenly([genome for genome in self.seeds if self._fits(genome)], limit)

    def leaner_genomes(self) -> list[Genome]:
        """Return leaner forms of the layouts that did not run with the engine's own values."""
        limit = round(self.parameters.max_evaluations * LEAN_SHARE)
        refused = [genome for genome in self.seeds if not self._fits(genome) or self._lacks_memory(genome)]
        return evenly(list(dict.fromkeys(leaner(self.space, refused, self._fits))), limit)

    def _lacks_memory(self, genome: Genome) -> bool:
        found = self.decode(genome)
        answer = None if found is None else self.known.get(found[0])
        return isinstance(answer, Rejection) and answer.code in LACKS_MEMORY

    def _fits(self, genome: Genome) -> bool:
        found = self.decode(genome)
        return found is not None and self.evaluator.fits_platform(found[1])

    def decode(self, genome: Genome) -> tuple[Genome, Candidate] | None:
        """Return what ``ParameterSpace.decode`` says; parents' children and neighbours come up again and again."""
        if genome not in self.decoded:
            self.decoded[genome] = self.space.decode(genome)
        return self.decoded[genome]

    def random_genomes(self, count: int) -> list[Genome]:
        """Return genomes drawn evenly from every dimension."""
        lengths = [len(dimension.values) for dimension in self.space.dimensions]
        return [tuple(self.rng.randrange(length) for length in lengths) for _ in range(count)]

    def offspring(self, population: Sequence[_Individual], count: int) -> list[Genome]:
        """Return up to ``count`` unknown genomes made from the population."""
        if len(population) < 2:
            return list(self.unseen(iter(self.random_genomes(count * _TRIES)), count))
        return list(self.unseen(self._children(population, count * _TRIES), count))

    def _children(self, population: Sequence[_Individual], tries: int) -> Iterator[Genome]:
        for _ in range(tries):
            child = self._parent(population).genome
            if self.rng.random() < self.parameters.crossover_probability:
                other = self._parent(population).genome
                child = tuple(
                    mine if self.rng.random() < 0.5 else theirs for mine, theirs in zip(child, other, strict=True)
                )
            yield self.mutated(child)

    def _parent(self, population: Sequence[_Individual]) -> _Individual:
        """Return the winner of a tournament: the population is in order of front and crowding."""
        size = self.parameters.tournament_size
        return population[min(self.rng.randrange(len(population)) for _ in range(size))]

    def mutated(self, genome: Genome) -> Genome:
        """Return a genome with some genes moved: a step or two on ordered grids, any other choice elsewhere."""
        genes = list(genome)
        for place, dimension in enumerate(self.space.dimensions):
            last = len(dimension.values) - 1
            if last == 0 or self.rng.random() >= self.parameters.mutation_probability:
                continue
            if dimension.is_ordered:
                step = self.rng.choice((1, 1, 2)) * self.rng.choice((-1, 1))
                genes[place] = min(last, max(0, genes[place] + step))
            else:
                genes[place] = self.rng.choice([gene for gene in range(last + 1) if gene != genes[place]])
        return tuple(genes)

    def select(self, population: Sequence[_Individual], fresh: Iterable[Genome]) -> list[_Individual]:
        """Return the next population: the elite by the stated objective, the rest by NSGA-II.

        Configurations that the predictor cannot tell apart count once, by their simplest one.
        """
        size = self.parameters.population_size
        pool = [individual.genome for individual in population] + list(fresh)
        distinct: dict[_Fitness, _Individual] = {}
        for genome in sorted(pool, key=lambda genome: self.keys[genome]):
            individual = _Individual(genome, self.known[genome])  # type: ignore[arg-type]
            distinct.setdefault(individual.fitness, individual)
        ranked = list(distinct.values())
        elite = ranked[: round(size * self.parameters.elite_share)]
        chosen = tools.selNSGA2(ranked, min(size, len(ranked))) if ranked else []
        return list(dict.fromkeys([*chosen[: size - len(elite)], *elite]))

    def unseen(self, genomes: Iterator[Genome], count: int) -> Iterator[Genome]:
        """Yield the first ``count`` genomes that stand for configurations not looked at yet."""
        given: set[Genome] = set()
        for genome in genomes:
            if len(given) >= count:
                return
            found = self.decode(genome)
            if found is not None and found[0] not in self.known and found[0] not in given:
                given.add(found[0])
                yield found[0]

    def near_the_best(self) -> Iterator[Genome]:
        """Yield neighbours to look at within a generation: of what failed before, of the best, of the front."""
        for genome in self.failed_before:
            yield from self.space.neighbours(genome)
        ranked = sorted(self.keys, key=self.keys.__getitem__)[:3]
        for genome in ranked:
            yield from self.space.neighbours(genome)
        yield from self._around_the_front(1)

    def around_the_best(self) -> Iterator[Genome]:
        """Yield neighbours to look at in the end: of the best, of the best of other layouts, of the front."""
        if self.best is None:
            return
        yield from self.space.neighbours(self.best, None)
        for genome in self.contenders():
            yield from self.space.neighbours(genome, None, from_gene=REPLICA_GENE)
        yield from self._around_the_front(1)

    def contenders(self) -> list[Genome]:
        """Return the best configuration of each of the most promising layouts.

        First those that would be on the front if they met the targets as well as it does, by how little they miss.
        """
        ranked = sorted(self.best_of_layouts().values(), key=lambda genome: self.keys[genome])
        beaten = {genome for genome in ranked if self.front.covers(figures(self.known[genome]))}  # type: ignore[arg-type]
        return sorted(ranked, key=lambda genome: genome in beaten)[:CONTENDERS]

    def best_of_layouts(self) -> dict[Genome, Genome]:
        """Return the best configuration that is known of every layout that runs."""
        found: dict[Genome, Genome] = {}
        for genome, key in self.keys.items():
            layout = genome[:LAYOUT_GENES]
            if layout not in found or key < self.keys[found[layout]]:
                found[layout] = genome
        return found

    def _around_the_front(self, reach: int) -> Iterator[Genome]:
        genomes = self.front.genomes()
        self.rng.shuffle(genomes)
        for genome in genomes:
            yield from self.space.neighbours(genome, reach)

    def outcome(self) -> EvolutionOutcome:
        """Return what was found."""
        ranked = sorted(self.keys, key=self.keys.__getitem__)
        evaluations = [answer for genome in ranked if isinstance(answer := self.known[genome], Evaluation)]
        on_front = set(self.front.genomes())
        return EvolutionOutcome(
            evaluations=tuple(evaluations),
            rejections=(
                *self.space.rejections,
                *(answer for answer in self.known.values() if isinstance(answer, Rejection)),
            ),
            num_evaluated=self.evaluator.num_predicted,
            is_complete=not self.is_stopped,
            front=tuple(
                answer
                for genome in ranked
                if genome in on_front and isinstance(answer := self.known[genome], Evaluation)
            ),
            generations=tuple(self.trace),
            is_exhaustive=self.is_exhaustive,
        )
