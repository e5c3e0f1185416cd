"""What tokens cost, in and out."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_doubles import AnalyticPredictor, search_case

from budsim.perf_model.workload import LoadMode, Workload
from budsim.simulator.costs import deployment_costs
from budsim.simulator.heuristic import HeuristicPredictor
from budsim.simulator.objective import evaluate
from budsim.simulator.search_space import candidates

BASE = AnalyticPredictor()


def predicted(**fields):
    case = search_case()
    answer = next(item for item in evaluate(candidates(case)[0], case, BASE) if hasattr(item, "prediction")).prediction
    return replace(answer, **fields)


PREDICTION = predicted()


def costs(share=0.25, busy=1.0, usd=3.6, tdp=700.0, isl=1000, osl=100, output_tps=50.0, devices=2):
    return deployment_costs(
        replace(PREDICTION, prefill_time_share=share, busy_share=busy),
        Workload(isl, osl),
        output_tps=output_tps,
        num_devices=devices,
        usd_per_hour=usd,
        tdp_watts=tdp,
        price_basis="spot",
        price_source="s",
    )


@given(st.floats(0, 1), st.floats(0.1, 1e4), st.integers(1, 100_000), st.integers(1, 10_000), st.floats(0.1, 1e5))
def test_input_and_output_together_pay_the_hour_and_its_energy(share, usd, isl, osl, output_tps):
    found = costs(share=share, usd=usd, isl=isl, osl=osl, output_tps=output_tps)
    output_per_hour = output_tps * 3600
    input_per_hour = output_per_hour * isl / osl
    paid = (
        found["usd_per_million_input_tokens"] * input_per_hour
        + found["usd_per_million_output_tokens"] * output_per_hour
    ) / 1e6
    joules = found["joules_per_input_token"] * input_per_hour + found["joules_per_output_token"] * output_per_hour
    assert paid == pytest.approx(usd)
    assert joules == pytest.approx(700.0 * 2 * 3600)


def test_what_is_not_known_is_none_and_never_zero():
    found = costs(usd=None, tdp=None)
    assert found["usd_per_million_input_tokens"] is None
    assert found["joules_per_output_token"] is None
    assert costs(share=None)["usd_per_million_output_tokens"] is None
    assert costs(output_tps=0.0)["joules_per_input_token"] is None


def test_energy_counts_the_time_in_which_devices_work():
    assert costs(busy=0.5)["joules_per_output_token"] == pytest.approx(costs()["joules_per_output_token"] / 2)


def real(isl, osl, **load):
    case = search_case(workload=Workload(isl, osl, **load))
    return evaluate(candidates(case)[0][:1], case, HeuristicPredictor())[0].prediction


def test_longer_prompts_take_more_of_the_time_and_longer_answers_less():
    even = real(512, 128, concurrency=8)
    assert 0 < even.prefill_time_share < real(4096, 128, concurrency=8).prefill_time_share < 1
    assert real(512, 512, concurrency=8).prefill_time_share < even.prefill_time_share
    assert even.busy_share == 1.0


def test_a_replica_works_more_of_the_time_the_more_requests_arrive():
    few, many = (real(512, 64, load_mode=LoadMode.POISSON, request_rate=rate) for rate in (0.2, 2.0))
    assert 0 < few.busy_share < many.busy_share <= 1
