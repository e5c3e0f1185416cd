import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_doubles import GPU

from budsim.perf_model.parallelism import ParallelPlan
from budsim.simulator.placement import (
    check_placement,
    devices_by_node,
    max_replicas,
    nodes_spanned,
    place,
    stage_slots,
)
from budsim.simulator.topology import DeviceGroup, NodeDevices


def group(*free):
    nodes = tuple(NodeDevices(f"n{index}", f"n{index}", count) for index, count in enumerate(free))
    return DeviceGroup("c", "cuda", GPU, "gpu", nodes, 80e9)


def most_replicas_by_trying(free, tp, stages, one_stage_per_node):
    """Ground truth by exhaustive assignment: how many replicas of ``stages`` stages the slots hold."""
    slots = tuple(count // tp for count in free)

    def fit(left):
        best = 0
        for used in itertools.product(*(range(min(count, 1 if one_stage_per_node else stages) + 1) for count in left)):
            if sum(used) == stages:
                best = max(best, 1 + fit(tuple(count - taken for count, taken in zip(left, used, strict=True))))
        return best

    return fit(slots)


small_clusters = st.lists(st.integers(0, 6), min_size=1, max_size=3)


@settings(max_examples=60, deadline=None)
@given(small_clusters, st.sampled_from([1, 2, 3, 4]), st.integers(1, 4), st.booleans())
def test_the_replica_count_is_the_true_maximum(free, tp, pp, one_stage_per_node):
    found = max_replicas(group(*free), ParallelPlan(tp, pp), allow_intra_node_pp=not one_stage_per_node)
    assert found == most_replicas_by_trying(free, tp, pp, one_stage_per_node)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=5), st.integers(1, 8), st.integers(1, 6), st.booleans())
def test_a_placement_never_uses_a_device_twice_and_keeps_its_stages_whole(free, tp, pp, intra):
    cluster, plan = group(*free), ParallelPlan(tp, pp)
    most = max_replicas(cluster, plan, allow_intra_node_pp=intra)
    assert place(cluster, plan, most + 1, allow_intra_node_pp=intra) is None
    for replicas in range(1, most + 1):
        placement = place(cluster, plan, replicas, allow_intra_node_pp=intra)
        assert placement == place(cluster, plan, replicas, allow_intra_node_pp=intra)
        assert {(item.replica, item.stage) for item in placement} == set(itertools.product(range(replicas), range(pp)))
        assert all(item.count == tp for item in placement)
        for node_id, used in devices_by_node(placement).items():
            assert used <= cluster.node_distribution[node_id]
        if not intra:
            assert len({(item.replica, item.node_id) for item in placement}) == len(placement)


def test_uneven_nodes_hold_fewer_replicas_than_their_sum_says():
    assert max_replicas(group(3, 3), ParallelPlan(2, 1)) == 2


def test_two_by_two_gpus_can_run_tp2_pp2():
    placement = place(group(2, 2), ParallelPlan(2, 2), 1)
    assert nodes_spanned(placement) == 2
    assert devices_by_node(placement) == {"n0": 2, "n1": 2}


def test_a_replica_is_kept_on_one_node_when_any_node_holds_it():
    placement = place(group(2, 8, 4), ParallelPlan(2, 2), 1)
    assert devices_by_node(placement) == {"n2": 4}


def test_stages_may_share_a_node_unless_the_strict_rules_are_asked_for():
    assert max_replicas(group(8), ParallelPlan(2, 4)) == 1
    assert max_replicas(group(8), ParallelPlan(2, 4), allow_intra_node_pp=False) == 0
    assert stage_slots(group(8, 3).nodes, 2) == 5


@pytest.mark.parametrize(
    ("free", "plan", "intra", "code"),
    [
        ((8, 4), ParallelPlan(16, 1), True, "placement_tp"),
        ((4, 4), ParallelPlan(4, 3), True, "placement_devices"),
        ((5, 5), ParallelPlan(4, 2), True, None),
        ((3, 3, 3), ParallelPlan(2, 4), True, "placement_pp"),
        ((8, 8), ParallelPlan(2, 3), False, "placement_pp"),
        ((8, 1, 1), ParallelPlan(4, 2), False, "placement_pp"),
        ((1,), ParallelPlan(1, 1), False, None),
        ((), ParallelPlan(1, 1), True, "placement_tp"),
    ],
)
def test_what_cannot_be_placed_says_which_rule_it_breaks(free, plan, intra, code):
    problem = check_placement(group(*free), plan, allow_intra_node_pp=intra)
    assert (problem.code if problem else None) == code


def test_too_many_devices_is_told_in_the_platforms_words():
    problem = check_placement(group(4, 4), ParallelPlan(4, 3))
    assert problem.reason == "Required devices (12 = 4*3) exceeds available devices (8)"


def test_data_parallel_copies_take_stages_of_their_own():
    assert max_replicas(group(8), ParallelPlan(2, 1, dp_size=2)) == 2
    placement = place(group(4, 4), ParallelPlan(2, 1, dp_size=4), 1)
    assert sum(devices_by_node(placement).values()) == 8
