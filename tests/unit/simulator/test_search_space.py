import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_doubles import CPU, GAUDI, engine_option, group, search_case, tiny_arch

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.workload import LoadMode, Workload
from budsim.simulator.search_space import (
    SearchLimits,
    candidates,
    legal_plans,
    model_length,
    replica_loads,
    sequence_limit,
    tensor_sizes,
)


@given(st.integers(1, 400), st.integers(1, 100))
def test_replica_loads_keep_one_smallest_replica_count_per_load(concurrency, most):
    pairs = replica_loads(concurrency, most)
    assert len({load for _, load in pairs}) == len(pairs)
    for replicas, load in pairs:
        assert replicas * load >= concurrency
        assert replicas <= most
        assert replicas == 1 or math.ceil(concurrency / (replicas - 1)) > load
    every_load = {math.ceil(concurrency / replicas) for replicas in range(1, min(most, concurrency) + 1)}
    assert {load for _, load in pairs} == every_load


@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 3))
def test_with_spare_replicas_lost_the_others_still_carry_the_whole_load(concurrency, most, spare):
    pairs = replica_loads(concurrency, most, spare)
    assert bool(pairs) == (most > spare)
    for replicas, load in pairs:
        assert spare < replicas <= most
        assert (replicas - spare) * load >= concurrency


@given(st.integers(1, 5000))
def test_sequence_limits_cover_the_load_and_little_more(load):
    limit = sequence_limit(load)
    assert load <= limit < load + 8
    assert limit % 8 == 0 or limit in (1, 2, 4)


@pytest.mark.parametrize(
    ("free", "sizes"),
    [((8,), [1, 2, 4, 8]), ((6, 2), [1, 2, 4, 6]), ((3,), [1, 2, 3]), ((1,), [1]), ((16,), [1, 2, 4, 8, 16])],
)
def test_tp_sizes_are_powers_of_two_and_the_whole_node(free, sizes):
    assert tensor_sizes(group(*free)) == sizes


def test_model_length_has_ten_percent_room_in_whole_blocks():
    assert model_length(search_case(isl=1024, osl=512)) == 1696  # int(1536 x 1.1) = 1689 -> 106 blocks of 16
    assert model_length(search_case(isl=1, osl=1)) == 16


def test_model_length_is_capped_by_the_model_and_the_caller():
    arch = tiny_arch(max_position_embeddings=1600)
    assert model_length(search_case(isl=1024, osl=512, arch=arch)) == 1600
    assert model_length(search_case(isl=1024, osl=512, max_context_tokens=1550)) == 1550


def test_a_load_longer_than_the_context_is_refused_by_name():
    with pytest.raises(InvalidRequestError, match="context length 1000") as caught:
        model_length(search_case(isl=900, osl=200, max_context_tokens=1000))
    assert caught.value.param == {"field": "input_tokens"}


def test_spread_lengths_fit_their_longest_request():
    load = Workload(1000, 200, concurrency=4, length_dist="uniform_0.5_1.5")
    assert model_length(search_case(workload=load)) >= 1800


def test_every_layout_that_fits_is_legal():
    plans, rejected = legal_plans(search_case(group(4, 4)))
    found = {(plan.tp_size, plan.pp_size) for plan in plans}
    assert found == {(1, pp) for pp in range(1, 9)} | {(2, pp) for pp in range(1, 5)} | {(4, 1), (4, 2)}
    assert rejected == []


def test_strict_rules_give_every_stage_a_node():
    plans, _ = legal_plans(search_case(group(4, 4), limits=SearchLimits(allow_intra_node_pp=False)))
    assert {(plan.tp_size, plan.pp_size) for plan in plans} == {(tp, pp) for tp in (1, 2, 4) for pp in (1, 2)}


@pytest.mark.parametrize(
    ("device", "kind", "text"),
    [
        (CPU, "cpu", "Pipeline parallelism (PP) is not supported for CPU devices"),
        (CPU, "cpu_high", "Pipeline parallelism (PP) is not supported for CPU devices"),
        (GAUDI, "hpu", "Multi-node pipeline parallelism requires CUDA devices"),
    ],
)
def test_pipelines_are_refused_off_cuda_in_the_platforms_words(device, kind, text):
    case = search_case(group(2, 2, device=device, device_type=kind), engine=engine_option(kind))
    plans, rejected = legal_plans(case)
    assert {plan.pp_size for plan in plans} == {1}
    assert {item.reason for item in rejected} == {text}


def test_an_engine_without_pipelines_gets_none():
    case = search_case(group(4), engine=engine_option(supports_pipeline_parallelism=False))
    plans, rejected = legal_plans(case)
    assert {plan.pp_size for plan in plans} == {1}
    assert {item.code for item in rejected} == {"pp_engine"}


def test_tp_must_divide_the_heads():
    plans, rejected = legal_plans(search_case(group(6)))
    assert 6 not in {plan.tp_size for plan in plans}
    assert [item.code for item in rejected if item.plan == ParallelPlan(6, 1)] == ["tp_heads"]


def test_shared_devices_run_one_device_replicas():
    plans, _ = legal_plans(search_case(group(4, hardware_mode="shared")))
    assert plans == [ParallelPlan(1, 1)]


def test_limits_bound_replicas_and_devices():
    case = search_case(group(8, 8), concurrency=32, limits=SearchLimits(max_replicas=2, max_devices_per_replica=4))
    found, rejected = candidates(case)
    assert max(item.replicas for item in found) == 2
    assert max(item.plan.num_devices for item in found) == 4
    assert "max_devices_per_replica" in {item.code for item in rejected}


def test_candidates_carry_the_load_and_are_distinct():
    found, _ = candidates(search_case(group(8, 8), concurrency=50))
    assert all(item.replicas * item.concurrency_per_replica >= 50 for item in found)
    assert all(item.settings.max_num_seqs >= item.concurrency_per_replica for item in found)
    assert len({(item.plan, item.concurrency_per_replica) for item in found}) == len(found)


def test_open_loads_try_every_replica_count():
    load = Workload(512, 128, LoadMode.POISSON, request_rate=4.0)
    found, _ = candidates(search_case(group(3), workload=load))
    assert sorted(item.replicas for item in found if item.plan == ParallelPlan(1, 1)) == [1, 2, 3]
