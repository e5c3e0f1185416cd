"""Where the genetic search starts: the layouts of the direct search, thinned out. Pure.

Every layout starts with the engine's own values. One that does not fit with them may fit with leaner ones, and no step
in one parameter leads there from a layout that fits: it starts with the least change that makes it fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from budsim.simulator.parameter_space import Genome, ParameterSpace, Variant

# Replica counts and pipeline depths of the first generation: at most so many of each, evenly spread.
SEED_VALUES = 8

FitTest = Callable[[Genome], bool]


def seed_layouts(space: ParameterSpace, fits: FitTest) -> Iterator[Genome]:
    """Yield layouts with the engine's own values, fitting or not: TP x variant x precision x depths x replica counts.

    Args:
        space: Choices of one case.
        fits: Whether the platform can place and allocate a genome.
    """
    for precision in space.case.precisions:
        for (tp_size, variant), depths in sorted(_depths(space).items(), key=_depth_order):
            fitting = _shallowest(space, fits, tp_size, variant, depths, precision)
            for pp_size in sorted({*spread(depths, SEED_VALUES), *fitting}):
                most = space.plans[tp_size, pp_size, variant][1]
                counts = [replicas for replicas, _ in space.loads if replicas <= most]
                for replicas in spread(counts, SEED_VALUES):
                    yield space.encode((tp_size, pp_size, variant), replicas, precision)


def leaner(space: ParameterSpace, genomes: Iterable[Genome], fits: FitTest) -> Iterator[Genome]:
    """Yield for each genome the first of its leaner forms that fits; nothing where none does.

    Args:
        space: Choices of one case.
        genomes: Configurations that need more memory than there is.
        fits: Whether the platform can place and allocate a genome.
    """
    for genome in genomes:
        forms = list(space.leaner(genome))
        if forms and fits(forms[-1]):
            yield next(form for form in forms if fits(form))


def evenly(genomes: Sequence[Genome], count: int) -> list[Genome]:
    """Return at most ``count`` of the genomes, evenly over their order."""
    if len(genomes) <= count:
        return list(genomes)
    return [genomes[index * len(genomes) // count] for index in range(count)]


def spread(values: Sequence[int], count: int) -> list[int]:
    """Return at most ``count`` of ascending values, both ends among them, evenly on a logarithmic scale."""
    if len(values) <= count:
        return list(values)
    low, high = math.log(values[0]), math.log(values[-1])
    marks = [math.exp(low + (high - low) * step / (count - 1)) for step in range(count)]
    return sorted({min(values, key=lambda value: (abs(value - mark), value)) for mark in marks})


def _shallowest(
    space: ParameterSpace, fits: FitTest, tp_size: int, variant: Variant, depths: Sequence[int], precision: Any
) -> list[int]:
    """Return the fewest stages at which the platform can allocate one replica's share of the load."""
    for pp_size in depths:
        most = space.plans[tp_size, pp_size, variant][1]
        if fits(space.encode((tp_size, pp_size, variant), most, precision)):
            return [pp_size]
    return []


def _depths(space: ParameterSpace) -> dict[tuple[int, Variant], list[int]]:
    """Return the legal numbers of stages by TP size and variant, ascending."""
    depths: dict[tuple[int, Variant], list[int]] = {}
    for tp_size, pp_size, variant in space.plans:
        depths.setdefault((tp_size, variant), []).append(pp_size)
    return {key: sorted(found) for key, found in depths.items()}


def _depth_order(item: tuple[tuple[int, Variant], list[int]]) -> tuple[Any, ...]:
    (tp_size, variant), _ = item
    return (variant.expert_parallel, variant.dp_attention, variant.dp_size, tp_size)
