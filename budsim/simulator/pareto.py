"""The front of what nothing else beats in three figures at once, all to be minimised. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from budsim.simulator.parameter_space import Genome


class ParetoFront:
    """The configurations that nothing seen so far dominates."""

    def __init__(self) -> None:
        self._members: list[tuple[float, tuple[float, float, float], Genome]] = []
        self._reference: tuple[float, float, float] | None = None
        self._violation = math.inf

    def add(self, genome: Genome, values: tuple[float, float, float], violation: float) -> None:
        """Take a configuration in if nothing dominates or equals it, and drop what it dominates."""
        if violation > self._violation:
            return
        if violation < self._violation:
            self._violation, self._members, self._reference = violation, [], None
        if any(_covers(other, values) for _, other, _ in self._members):
            return
        self._members = [item for item in self._members if not _covers(values, item[1])]
        self._members.append((violation, values, genome))

    def covers(self, values: tuple[float, float, float]) -> bool:
        """Return whether a member is at least as good in all three figures; violations are not looked at."""
        return any(_covers(member, values) for _, member, _ in self._members)

    def genomes(self) -> list[Genome]:
        """Return the members in order of arrival."""
        return [genome for _, _, genome in self._members]

    def volume(self) -> float:
        """Return the hypervolume up to a reference just beyond the worst figures of the first front."""
        if not self._members:
            return 0.0
        points = [values for _, values, _ in self._members]
        if self._reference is None:
            worst = [max(values[axis] for values in points) for axis in range(3)]
            self._reference = (worst[0] * 1.1, worst[1] * 1.1, worst[2] * 0.9)
        return hypervolume(points, self._reference)


def hypervolume(points: Sequence[Sequence[float]], reference: Sequence[float]) -> float:
    """Return the volume that points dominate up to a reference, three figures to be minimised.

    Sweep over the third figure: between two of its values the dominated area is a staircase of the first two.
    """
    inside = sorted(
        (tuple(point) for point in points if all(a < b for a, b in zip(point, reference, strict=True))),
        key=lambda point: point[2],
    )
    volume = area = 0.0
    stairs: list[tuple[float, float]] = []
    for index, (x, y, z) in enumerate(inside):
        if not any(a <= x and b <= y for a, b in stairs):
            stairs = sorted([(a, b) for a, b in stairs if not (x <= a and y <= b)] + [(x, y)])
            ends = [a for a, _ in stairs[1:]] + [reference[0]]
            area = sum((end - a) * (reference[1] - b) for (a, b), end in zip(stairs, ends, strict=True))
        above = inside[index + 1][2] if index + 1 < len(inside) else reference[2]
        volume += area * (above - z)
    return volume


def unbeaten(figures: Sequence[Sequence[float]]) -> list[bool]:
    """Return for every point whether no other is at least as good in all figures and better in one.

    Args:
        figures: Shape (points, figures), all to be minimised.
    """
    points = np.array(figures, dtype=float)
    return [not ((points <= mine).all(axis=1) & (points < mine).any(axis=1)).any() for mine in points]


def _covers(first: Sequence[float], second: Sequence[float]) -> bool:
    return first[0] <= second[0] and first[1] <= second[1] and first[2] <= second[2]
