"""The front: nothing on it is beaten, and its volume is the volume."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budsim.simulator.pareto import ParetoFront, hypervolume

figure = st.integers(0, 6).map(float)
points = st.lists(st.tuples(figure, figure, figure), max_size=12)


def volume_by_counting(members, reference):
    """Unit cells below the reference that some member dominates: exact for whole figures."""
    return sum(
        any(member[0] <= x and member[1] <= y and member[2] <= z for member in members)
        for x in range(int(reference[0]))
        for y in range(int(reference[1]))
        for z in range(int(reference[2]))
    )


@given(points)
def test_the_volume_is_that_of_the_cells_that_are_dominated(members):
    assert hypervolume(members, (7, 7, 7)) == pytest.approx(volume_by_counting(members, (7, 7, 7)))


def test_points_beyond_the_reference_add_nothing():
    assert hypervolume([(1.0, 1.0, 1.0), (0.0, 9.0, 0.0)], (2, 2, 2)) == 1.0
    assert hypervolume([], (2, 2, 2)) == 0.0


@given(points, st.randoms(use_true_random=False))
def test_the_front_does_not_depend_on_the_order_of_arrival(members, rng: random.Random):
    def front(order):
        found = ParetoFront()
        for member in order:
            found.add(tuple(int(value) for value in member), member, 0.0)
        return set(found.genomes())

    shuffled = list(members)
    rng.shuffle(shuffled)
    kept = front(members)
    assert kept == front(shuffled)
    for member in members:
        beaten = any(all(a <= b for a, b in zip(other, member, strict=True)) and other != member for other in members)
        assert (tuple(int(value) for value in member) in kept) == (not beaten)


def test_who_misses_less_clears_the_front():
    front = ParetoFront()
    front.add((1,), (1.0, 1.0, 1.0), 0.3)
    front.add((2,), (9.0, 9.0, 9.0), 0.1)
    front.add((3,), (0.0, 0.0, 0.0), 0.2)
    assert front.genomes() == [(2,)]
