"""The genetic search as the documents state it: parameter sets, ranges, fitness, elites, early end.

Its quality against the enumerated truth: ``tests/unit/simulator/test_evolution.py``.
"""

from dataclasses import replace
from statistics import median

import pytest
from search_doubles import AnalyticPredictor, engine_option, group, search_case, spec

from budsim.commons.config import AppSettings
from budsim.perf_model.workload import SloTargets
from budsim.simulator.evolution import evolve, figures
from budsim.simulator.parameter_space import ParameterSpace
from budsim.simulator.questions import evolution_parameters
from budsim.simulator.search_space import README_EVOLUTION, EvolutionParameters, SearchLimits

FP8_GPU = spec("Round fp8", fp8=True)


def test_the_defaults_are_the_low_level_designs():
    own = EvolutionParameters()
    assert (own.population_size, own.generations, own.elite_share) == (50, 30, 0.2)
    assert (own.crossover_probability, own.mutation_probability, own.patience) == (0.7, 0.2, 10)


def test_the_service_readmes_set_is_a_preset():
    own = README_EVOLUTION
    assert (own.population_size, own.generations) == (100, 50)
    assert (own.crossover_probability, own.mutation_probability, own.tournament_size) == (0.8, 0.2, 3)
    assert round(own.population_size * own.elite_share) == 10


def test_the_environment_sets_population_and_generations(monkeypatch):
    monkeypatch.setenv("POPULATION_SIZE", "200")
    monkeypatch.setenv("MAX_EVOLUTION_GENERATIONS", "100")
    asked = evolution_parameters(AppSettings(_env_file=None))
    assert (asked.population_size, asked.generations) == (200, 100)


def values(case):
    space = ParameterSpace(case)
    return {dimension.name: dimension.values for dimension in space.dimensions}, space.fixed


def test_ranges_are_those_of_the_devices_and_the_engine():
    found, fixed = values(search_case(group(4, 4, device=FP8_GPU), 64))
    assert found["tp_size"] == (1, 2, 4)
    assert max(found["pp_size"]) == 8  # stages of TP 1 may share a node
    assert set(found["block_size"]) <= {8, 16, 32}
    assert found["enable_chunked_prefill"] == (False, True)
    assert all(0.8 <= share <= 0.95 for share in found["gpu_memory_utilization"])
    assert "prefix" in fixed["enable_prefix_caching"]


def test_the_designs_stricter_rules_allow_one_stage_per_node():
    strict = search_case(group(4, 4), 64, limits=SearchLimits(allow_intra_node_pp=False))
    assert all(plan.pp_size <= 2 for plan, most in ParameterSpace(strict).plans.values() if most)


def test_shared_prompts_make_prefix_caching_a_choice():
    case = search_case(group(2, device=FP8_GPU), 16)
    shared = replace(case, workload=replace(case.workload, prefix_cache_hit_rate=0.5))
    assert values(shared)[0]["enable_prefix_caching"] == (False, True)


@pytest.mark.parametrize("device_type", ["cpu", "hpu"])
def test_only_gpus_get_pipeline_stages(device_type):
    devices = group(4, 4, device=spec(f"Round {device_type}", device_type=device_type))
    case = search_case(devices, 8, engine=engine_option(device_type))
    assert {plan.pp_size for plan, _ in ParameterSpace(case).plans.values()} == {1}


def test_fitness_is_error_rate_first_then_cost_latency_and_throughput():
    free = evolve(search_case(group(4, 4), 64), AnalyticPredictor())
    middle = median(item.prediction.ttft_ms_p50 for item in free.evaluations)
    found = evolve(search_case(group(4, 4), 64, targets=SloTargets(ttft_ms=middle)), AnalyticPredictor())
    assert {item.meets_targets for item in found.evaluations} == {True, False}
    met = [item.meets_targets for item in found.evaluations]
    assert met == sorted(met, reverse=True)
    rates = [item.error_rate for item in found.evaluations if not item.meets_targets]
    assert rates == sorted(rates)
    cost, latency, throughput = figures(found.best)
    assert cost > 0
    assert latency > 0
    assert throughput == pytest.approx(-found.best.output_tps)


def test_it_ends_after_the_stated_generations_without_improvement():
    case = search_case(group(8, 8, device=FP8_GPU), 200)
    impatient = EvolutionParameters(population_size=20, generations=60, patience=2, max_evaluations=5000)
    found = evolve(case, AnalyticPredictor(), parameters=impatient)
    assert len(found.generations) - 1 < 60


def test_it_converges_within_the_designs_thirty_generations():
    case = search_case(group(8, 8, 4, device=FP8_GPU), 200, targets=SloTargets(e2e_latency_s=0.3))
    found = evolve(case, AnalyticPredictor())
    assert found.convergence_generation < 30
    assert found.num_evaluated <= EvolutionParameters().max_evaluations
