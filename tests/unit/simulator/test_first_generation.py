"""Where the genetic search starts: layouts that run only with leaner values than the engine's own are among them."""

import pytest
from search_doubles import AnalyticPredictor, group, search_case, spec, tiny_arch

from budsim.simulator.candidate import Evaluation
from budsim.simulator.evolution import evolve
from budsim.simulator.first_generation import evenly, leaner, seed_layouts, spread
from budsim.simulator.objective import CaseEvaluator
from budsim.simulator.parameter_space import LAYOUT_GENES, ParameterSpace
from budsim.simulator.search_space import EvolutionParameters

FP8_GPU = spec("Round fp8", fp8=True)
MODEL = tiny_arch(num_hidden_layers=4, vocab_size=32000)
CONCURRENCY = 1000


def case_of(memory_gb, objective="throughput"):
    return search_case(
        group(8, 4, device=FP8_GPU, memory_bytes_per_device=memory_gb * 1e9), CONCURRENCY, MODEL, objective=objective
    )


def fits_of(space):
    evaluator = CaseEvaluator(space.case, AnalyticPredictor())
    return lambda genome: evaluator.fits_platform(space.decode(genome)[1])


def platform_bytes(space, genome):
    candidate = space.decode(genome)[1]
    found = CaseEvaluator(space.case, AnalyticPredictor()).evaluate([candidate])[0]
    return found.total_bytes_per_device


def test_leaner_forms_keep_the_layout_and_need_ever_less_memory():
    space = ParameterSpace(case_of(80))
    start = next(seed_layouts(space, fits_of(space)))
    forms = list(space.leaner(start))
    assert forms
    assert all(form[:LAYOUT_GENES] == start[:LAYOUT_GENES] for form in forms)
    needed = [platform_bytes(space, genome) for genome in (start, *forms)]
    assert needed == sorted(needed, reverse=True)
    assert needed[-1] < needed[0]


def test_what_does_not_fit_starts_with_the_least_change_that_makes_it_fit():
    space = ParameterSpace(case_of(3))
    fits = fits_of(space)
    refused = [genome for genome in seed_layouts(space, fits) if not fits(genome)]
    found = list(leaner(space, refused, fits))
    assert refused
    assert 0 < len(found) <= len(refused)
    for genome in found:
        assert fits(genome)
        origin = next(start for start in refused if start[:LAYOUT_GENES] == genome[:LAYOUT_GENES])
        forms = list(space.leaner(origin))
        assert not any(fits(form) for form in forms[: forms.index(genome)])


@pytest.mark.parametrize("memory_gb", [2.2, 2.6, 3.0])
def test_layouts_that_run_only_with_leaner_values_are_looked_at(memory_gb):
    case = case_of(memory_gb)
    space, evaluator = ParameterSpace(case), CaseEvaluator(case, AnalyticPredictor())

    def layout_runs(genome):
        forms = [space.decode(form)[1] for form in (genome, *space.leaner(genome))]
        return any(isinstance(answer, Evaluation) for answer in evaluator.evaluate(forms))

    wanted = {genome[:LAYOUT_GENES] for genome in seed_layouts(space, fits_of(space)) if layout_runs(genome)}
    few = EvolutionParameters(generations=1, patience=1, max_evaluations=600)
    found = evolve(case, AnalyticPredictor(), parameters=few).evaluations
    looked_at = {(item.candidate.plan, item.candidate.replicas) for item in found}
    assert wanted
    for layout in wanted:
        candidate = space.decode((*layout, *[0] * (len(space.dimensions) - LAYOUT_GENES)))[1]
        assert (candidate.plan, candidate.replicas) in looked_at


def test_thinning_keeps_both_ends_of_a_spread_and_the_order():
    assert spread([1, 2, 3], 8) == [1, 2, 3]
    found = spread(list(range(1, 101)), 8)
    assert (found[0], found[-1]) == (1, 100)
    assert found == sorted(found)
    assert len(found) <= 8
    assert evenly([(index,) for index in range(10)], 5) == [(0,), (2,), (4,), (6,), (8,)]
