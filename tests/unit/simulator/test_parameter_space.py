"""What the search may propose: every genome stands for one legal configuration, and no parameter varies for nothing."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_doubles import CPU, GAUDI, GPU, SMALL_GPU, engine_option, group, search_case, spec, tiny_arch

from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.workload import LoadMode, Workload
from budsim.simulator.parameter_space import ParameterSpace
from budsim.simulator.placement import max_replicas
from budsim.simulator.search_space import SearchLimits

FP8_GPU = spec("Round fp8", fp8=True)
MOE = tiny_arch(model_type="mixtral", architectures=["MixtralForCausalLM"], num_local_experts=8, num_experts_per_tok=2)


def values(space):
    return {dimension.name: dimension.values for dimension in space.dimensions}


def plans(space):
    return {plan for plan, _ in space.plans.values()}


SPACES = [
    ParameterSpace(search_case(group(8, 4, device=FP8_GPU), 24)),
    ParameterSpace(search_case(group(4, 4), 16, arch=MOE, limits=SearchLimits(allow_data_parallel=True))),
    ParameterSpace(search_case(group(4), workload=Workload(512, 128, LoadMode.POISSON, request_rate=2.0))),
    ParameterSpace(search_case(group(2, device=CPU, device_type="cpu"), 4)),
    ParameterSpace(search_case(group(8, device=GAUDI), 8)),
]


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(SPACES))
def test_every_genome_stands_for_one_legal_configuration(data, space):
    genome = tuple(data.draw(st.integers(0, len(d.values) - 1)) for d in space.dimensions)
    canonical, candidate = space.decode(genome)
    assert space.decode(canonical) == (canonical, candidate)
    case = space.case
    assert 1 <= candidate.replicas <= max_replicas(case.group, candidate.plan)
    chosen = candidate.settings
    assert chosen.max_num_seqs >= candidate.concurrency_per_replica
    assert chosen.max_num_batched_tokens >= chosen.max_num_seqs
    if not chosen.enable_chunked_prefill:
        assert chosen.max_num_batched_tokens >= chosen.max_model_len
    if case.workload.load_mode is LoadMode.CLOSED_LOOP:
        assert (candidate.replicas - 1) * candidate.concurrency_per_replica < case.concurrency
        assert candidate.replicas * candidate.concurrency_per_replica >= case.concurrency


@pytest.mark.parametrize("space", SPACES)
def test_no_configuration_comes_twice(space):
    found = list(space.genomes())
    assert len({genome for genome, _ in found}) == len(found)
    assert len({(c.plan, c.precision, c.settings, c.concurrency_per_replica, c.replicas) for _, c in found}) == len(
        found
    )
    assert len(found) <= space.size


@pytest.mark.parametrize("space", SPACES)
def test_the_engines_own_configuration_is_one_of_them(space):
    for key in space.plans:
        genome = space.encode(key, 1, space.case.precisions[0])
        canonical, candidate = space.decode(genome)
        assert canonical == genome
        assert candidate.plan == space.plans[key][0]
        assert set(space.changed_parameters(candidate)) <= {"max_num_seqs"}


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_a_neighbour_is_one_step_away_in_one_parameter(data):
    space = SPACES[0]
    genome = tuple(data.draw(st.integers(0, len(d.values) - 1)) for d in space.dimensions)
    for other in space.neighbours(genome):
        moved = [(d, a, b) for d, a, b in zip(space.dimensions, genome, other, strict=True) if a != b]
        assert len(moved) == 1
        assert not moved[0][0].is_ordered or abs(moved[0][1] - moved[0][2]) == 1
    assert len(list(space.neighbours(genome, None))) == sum(len(d.values) - 1 for d in space.dimensions)


def test_values_lie_on_the_engines_own_grid():
    found = values(SPACES[0])
    assert set(found["max_num_batched_tokens"]) == {2048, 4096, 8192, 16384}
    assert set(found["block_size"]) == {16, 32}
    assert all(
        0.8 <= share <= 0.95 and round(share * 100) == pytest.approx(share * 100)
        for share in found["gpu_memory_utilization"]
    )
    assert found["tp_size"] == (1, 2, 4, 8)


def test_what_changes_no_prediction_does_not_multiply_the_space():
    plain, shared = (
        ParameterSpace(search_case(group(4), workload=Workload(512, 128, concurrency=8, prefix_cache_hit_rate=rate)))
        for rate in (0.0, 0.4)
    )
    assert "enable_prefix_caching" in plain.fixed
    assert "enable_prefix_caching" in values(shared)
    assert shared.size == 2 * plain.size
    assert "max_num_seqs" in plain.fixed
    assert "kv_cache_dtype" in plain.fixed  # no fp8 arithmetic


def test_old_engines_parameters_belong_to_old_engines():
    old, new = (
        ParameterSpace(search_case(group(4), engine=replace(engine_option(), version=version)))
        for version in ("0.8.5", "0.11.0")
    )
    assert "scheduler_delay_factor" in old.fixed
    assert "scheduler_delay_factor" not in new.fixed


def test_what_the_caller_fixes_is_not_varied():
    case = search_case(group(4), engine_overrides=(("block_size", 32), ("max_num_batched_tokens", 4096)))
    space = ParameterSpace(case)
    assert not {"block_size", "max_num_batched_tokens"} & set(values(space))
    assert {candidate.settings.block_size for _, candidate in space.genomes()} == {32}


def test_experts_are_spread_only_where_there_are_any():
    assert all(plan.ep_size == plan.dp_size == 1 for plan in plans(SPACES[0]))
    found = plans(SPACES[1])
    assert ParallelPlan(4, 1, ep_size=4) in found
    assert ParallelPlan(2, 1, ep_size=4, dp_size=2) in found
    assert all(plan.tp_size * plan.dp_size <= 4 for plan in found)


def test_data_parallel_replicas_need_the_callers_leave():
    space = ParameterSpace(search_case(group(4, 4), 16, arch=MOE))
    assert all(plan.dp_size == 1 for plan in plans(space))
    assert "data_parallel" in space.fixed


def test_open_loop_load_searches_the_sequence_limit():
    limits = values(SPACES[2])["max_num_seqs"]
    assert limits[0] == 8
    assert limits[-1] == 1024


def test_no_devices_no_space():
    space = ParameterSpace(search_case(group()))
    assert space.size == 0
    assert list(space.genomes()) == []
    assert space.rejections


def test_small_devices_have_the_same_values_as_large_ones():
    """So that memory never takes a choice away."""
    small, large = (values(ParameterSpace(search_case(group(2, device=device), 4))) for device in (SMALL_GPU, GPU))
    assert set(small["max_num_batched_tokens"]) == set(large["max_num_batched_tokens"])
