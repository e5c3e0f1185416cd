"""The genetic search without a service: an example cluster, the shipped catalogues and trained models."""

import json
import time
from pathlib import Path

import pytest
from feasibility import violations

import budsim
from budsim.simulator.search_space import EvolutionParameters

EXAMPLE = Path(__file__).parents[1] / "examples" / "h100.json"
MODEL = "meta-llama/Llama-3.1-8B-Instruct"
ASKED = {"clusters": EXAMPLE, "concurrency": 32, "ttft_ms": 1000, "e2e_s": 40}


def searched(method):
    start = time.perf_counter()
    return budsim.simulate(MODEL, method=method, **ASKED), time.perf_counter() - start


@pytest.fixture(scope="module")
def genetic():
    return searched("regressor")


@pytest.fixture(scope="module")
def direct():
    return searched("heuristic")


def test_every_row_can_be_deployed(genetic):
    parsed = json.loads(EXAMPLE.read_text())
    by_id = {document["id"]: document for document in (parsed if isinstance(parsed, list) else [parsed])}
    outcome, _ = genetic
    assert outcome.rows
    for row in outcome.rows:
        assert violations(row, by_id[row["cluster_id"]]) == []


def test_the_search_keeps_to_its_budget_and_the_designs_generations(genetic):
    for group in genetic[0].groups:
        assert group.is_complete
        assert group.num_evaluated <= EvolutionParameters().max_evaluations
        assert group.convergence_generation < 30


def test_it_looks_at_more_than_the_direct_search_and_at_its_candidates_too(genetic, direct):
    for mine, plain in zip(genetic[0].groups, direct[0].groups, strict=True):
        assert mine.num_evaluated > plain.num_evaluated
        assert mine.meets_targets >= plain.meets_targets


def test_the_same_question_has_the_same_answer(genetic):
    assert searched("regressor")[0].rows == genetic[0].rows


@pytest.mark.parametrize(("method", "limit_s"), [("regressor", 60), ("heuristic", 10)])
def test_a_simulation_keeps_the_designs_time(method, limit_s, genetic, direct):
    assert {"regressor": genetic, "heuristic": direct}[method][1] < limit_s
