"""Sizing both ways: laws of the smallest deployment and of the largest load."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from search_doubles import CPU, GPU, SMALL_GPU, AnalyticPredictor, engine_option, group, tiny_arch

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.workload import LoadMode, SloTargets, Workload
from budsim.simulator.candidate import Evaluation
from budsim.simulator.capacity import capacity, capacity_of
from budsim.simulator.direct_search import candidate_hash
from budsim.simulator.group_task import GroupTask
from budsim.simulator.heuristic import HeuristicPredictor
from budsim.simulator.load_search import candidate_of, judged, largest, layouts, meets, smallest
from budsim.simulator.objective import num_devices
from budsim.simulator.search_space import Exclusions, SearchLimits
from budsim.simulator.simulation import search_case
from budsim.simulator.simulation_request import SimulationRequest
from budsim.simulator.sizing import device_group, size, sized

ARCH = tiny_arch()
BASE = AnalyticPredictor()
QUICK = settings(max_examples=25, deadline=None)


def task(devices, concurrency=64, usd=2.0, exclusions=None, limits=None, workload=None, **targets):
    request = SimulationRequest(
        model_id="m",
        workload=workload or Workload(512, 128, concurrency=concurrency),
        targets=SloTargets(**targets),
        limits=limits or SearchLimits(),
    )
    engine = engine_option(devices.spec.device_type)
    return GroupTask("t", request, ARCH, devices, engine, usd, "given", "override", exclusions or Exclusions())


def needed(max_devices=64, spec=GPU, **fields):
    return sized(task(device_group(spec, max_devices), **fields), BASE)


def devices_of(answer):
    return answer.deployment["num_devices"] if answer.deployment else float("inf")


def most(*free, **fields):
    return capacity_of(task(group(*free), **fields), BASE, is_rate=False)


# ------------------------------------------------------------------------------------------------------------- the edge
@given(st.integers(0, 3000), st.integers(1, 3000))
def test_the_largest_that_passes_is_found(edge, limit):
    assert largest(lambda number: number <= edge, limit) == min(edge, limit)


@given(st.integers(1, 3000), st.integers(1, 3000))
def test_the_smallest_that_passes_is_found(edge, limit):
    assert smallest(lambda number: number >= edge, limit) == (edge if edge <= limit else None)


@given(st.integers(0, 100_000), st.floats(0, 0.1))
def test_an_edge_within_tolerance_always_passes_and_is_short_by_no_more(edge, tolerance):
    found = largest(lambda number: number <= edge, 100_000, tolerance)
    assert found <= edge
    assert edge - found <= max(1, found * tolerance)


# ---------------------------------------------------------------------------------------------------- how many devices
@pytest.mark.parametrize("ttft_ms", [30.0, 60.0, 120.0])
@pytest.mark.parametrize("spare", [0, 1])
def test_no_layout_of_any_number_of_replicas_has_fewer_devices(ttft_ms, spare):
    asked = task(device_group(GPU, 32), limits=SearchLimits(spare_replicas=spare), ttft_ms=ttft_ms)
    case = search_case(asked)
    best = float("inf")
    for plan, precision in layouts(case, BASE)[0]:
        for serving in range(1, 32 // plan.num_devices - spare + 1):
            load = -(-64 // serving)
            verdict = judged(case, candidate_of(case, plan, precision, load, serving + spare), BASE)
            if isinstance(verdict, Evaluation) and meets(verdict):
                best = min(best, num_devices(verdict))
    assert devices_of(sized(asked, BASE)) == best


@QUICK
@given(st.floats(10, 400), st.floats(1.0, 3.0), st.integers(1, 400))
def test_tighter_targets_never_take_fewer_devices(ttft_ms, looser, concurrency):
    tight = needed(ttft_ms=ttft_ms, concurrency=concurrency)
    loose = needed(ttft_ms=ttft_ms * looser, concurrency=concurrency)
    assert devices_of(tight) >= devices_of(loose)


@QUICK
@given(st.floats(10, 400), st.integers(1, 300), st.integers(0, 300))
def test_more_traffic_never_takes_fewer_devices(ttft_ms, concurrency, more):
    few, many = (needed(ttft_ms=ttft_ms, concurrency=users) for users in (concurrency, concurrency + more))
    assert devices_of(many) >= devices_of(few)


@QUICK
@given(st.floats(10, 200), st.floats(2, 60), st.floats(0, 60), st.integers(1, 64), st.integers(0, 64))
def test_more_budget_or_devices_never_worsen_the_answer(ttft_ms, budget, more_usd, count, more):
    poor = needed(count, ttft_ms=ttft_ms, limits=SearchLimits(max_usd_per_hour=budget))
    rich = needed(count + more, ttft_ms=ttft_ms, limits=SearchLimits(max_usd_per_hour=budget + more_usd))
    assert devices_of(rich) <= devices_of(poor)
    if poor.deployment:
        assert poor.deployment["costs"]["usd_per_hour"] <= budget


@QUICK
@given(st.floats(20, 400), st.integers(1, 200))
def test_a_spare_replica_costs_at_least_one_more(ttft_ms, concurrency):
    plain = needed(ttft_ms=ttft_ms, concurrency=concurrency)
    safe = needed(ttft_ms=ttft_ms, concurrency=concurrency, limits=SearchLimits(spare_replicas=1))
    if safe.deployment:
        assert devices_of(safe) > devices_of(plain)
        assert safe.deployment["replicas"] >= 2


def test_the_answer_says_what_a_smaller_one_fails_by():
    found = needed(ttft_ms=40.0)
    assert found.deployment["replicas"] > 1
    assert found.binding == "ttft"
    assert "ttft is" in found.reason


def test_what_cannot_be_met_says_what_comes_nearest():
    found = needed(ttft_ms=0.001)
    assert found.deployment is None
    assert found.nearest["misses"][0]["target"] == "ttft"
    assert "64 devices are not enough" in found.reason


def test_ten_thousand_devices_are_sized_at_once():
    found = needed(10_000, concurrency=100_000, ttft_ms=30.0)
    assert 1_000 < devices_of(found) <= 10_000


def test_a_budget_below_one_device_is_told():
    found = needed(limits=SearchLimits(max_usd_per_hour=0.5))
    assert (found.deployment, found.binding) == (None, "budget")


def test_a_cpu_has_no_memory_of_its_own():
    with pytest.raises(InvalidRequestError, match="no memory of its own"):
        device_group(CPU, 8)


def test_devices_are_ranked_by_price_or_number_and_unpriced_ones_come_last():
    tasks = [
        task(device_group(GPU, 64), usd=9.0, ttft_ms=60.0),
        task(device_group(SMALL_GPU, 64), usd=0.1, ttft_ms=60.0),
        task(device_group(replace(GPU, name="Round 81GB"), 64), usd=None, ttft_ms=60.0),
    ]
    cheapest = [item["device_name"] for item in size(tasks, BASE)["deployments"]]
    assert cheapest == ["Round 24GB", "Round 80GB", "Round 81GB"]
    fewest = [item["device_name"] for item in size(tasks[::-1], BASE, goal="fewest")["deployments"]]
    assert fewest == ["Round 80GB", "Round 81GB", "Round 24GB"]
    with pytest.raises(InvalidRequestError):
        size(tasks, BASE, goal="prettiest")


# ---------------------------------------------------------------------------------------------------- how much traffic
@QUICK
@given(st.floats(10, 400), st.lists(st.integers(1, 8), min_size=1, max_size=4), st.integers(1, 8))
def test_capacity_never_falls_with_devices(ttft_ms, nodes, more):
    assert most(*nodes, more, ttft_ms=ttft_ms)["load"] >= most(*nodes, ttft_ms=ttft_ms)["load"]


@QUICK
@given(st.floats(10, 400), st.floats(1, 3))
def test_capacity_never_rises_with_tighter_targets(ttft_ms, looser):
    # Concurrency is exact to 0.5 %.
    assert most(4, 4, ttft_ms=ttft_ms)["load"] <= most(4, 4, ttft_ms=ttft_ms * looser)["load"] * 1.006 + 8


@QUICK
@given(st.floats(20, 400), st.floats(4, 60), st.floats(0, 60))
def test_more_budget_never_carries_less(ttft_ms, budget, more):
    poor, rich = (
        most(8, 8, ttft_ms=ttft_ms, limits=SearchLimits(max_usd_per_hour=usd)) for usd in (budget, budget + more)
    )
    assert rich["load"] >= poor["load"]
    if poor["deployment"]:
        assert poor["deployment"]["costs"]["usd_per_hour"] <= budget * (1 + 1e-9)


def test_the_largest_load_meets_the_targets_and_the_next_one_does_not():
    found = most(4, 4, ttft_ms=60.0)
    assert found["deployment"]["meets_targets"]
    assert found["deployment"]["ttft_p50_ms"] <= 60
    assert found["binding"] == "ttft"
    carried = found["deployment"]["concurrency_per_replica"] * found["deployment"]["replicas"]
    assert found["load"] == carried


def test_a_spare_replica_carries_nothing():
    plain, safe = most(8, ttft_ms=60.0), most(8, ttft_ms=60.0, limits=SearchLimits(spare_replicas=1))
    assert 0 < safe["load"] < plain["load"]
    serving = safe["deployment"]["replicas"] - 1
    assert safe["load"] == safe["deployment"]["concurrency_per_replica"] * serving


@pytest.mark.parametrize("users", [7, 100, 400])
def test_what_a_traffic_was_sized_for_carries_that_traffic(users):
    sizing = needed(ttft_ms=60.0, concurrency=users)
    nodes = device_group(GPU, devices_of(sizing)).nodes
    assert most(*(node.free_devices for node in nodes), ttft_ms=60.0)["load"] >= users * 0.99


def test_what_failed_before_is_passed_over_and_nothing_is_left_when_all_did():
    asked = task(group(8), ttft_ms=60.0)
    best = most(8, ttft_ms=60.0)["deployment"]
    case = search_case(asked)
    plans, _ = layouts(case, BASE)
    tried = [
        candidate_hash(candidate_of(case, plan, precision, load, 1), case) for plan, precision in plans for load in (1,)
    ]
    none = capacity_of(replace(asked, exclusions=Exclusions(frozenset(tried))), BASE, is_rate=False)
    assert (none["load"], none["binding"]) == (0, "excluded")
    assert best is not None
    memory = capacity_of(replace(asked, exclusions=Exclusions(headroom_bytes=1e15)), BASE, is_rate=False)
    assert (memory["load"], memory["binding"]) == (0, "excluded_memory")


def test_impossible_targets_carry_nothing_and_say_what_even_one_request_gets():
    found = most(8, ttft_ms=0.001)
    assert (found["load"], found["deployment"], found["binding"]) == (0, None, "ttft")
    assert found["nearest"]["concurrency_per_replica"] == 1


def test_clusters_and_groups_come_best_first_and_ties_keep_their_order():
    tasks = []
    for name, free in (("a", 2), ("b", 8), ("c", 8)):
        devices = replace(group(free), cluster_id=name)
        tasks.append(task(devices, ttft_ms=60.0))
    found = capacity(tasks, BASE)
    assert [item["cluster_id"] for item in found["clusters"]] == ["b", "c", "a"]
    assert found["unit"] == "concurrency"


def test_ten_thousand_devices_carry_what_ten_thousand_devices_can():
    found = most(*[8] * 1250, ttft_ms=60.0)
    assert found["load"] == 1250 / 2 * most(8, 8, ttft_ms=60.0)["load"]


# ---------------------------------------------------------------------------------------------- with the real predictor
def test_request_rates_end_where_the_queue_or_a_target_does():
    asked = task(group(2, device=GPU), ttft_ms=500.0)
    found = capacity_of(asked, HeuristicPredictor(), is_rate=True)
    assert found["load"] > 0
    assert found["binding"] in {"saturated", "ttft"}
    both = capacity_of(task(group(2, 2), ttft_ms=500.0), HeuristicPredictor(), is_rate=True)
    assert both["load"] == pytest.approx(2 * found["load"])


def test_arrivals_are_sized_too():
    arrivals = Workload(512, 128, LoadMode.POISSON, request_rate=50.0)
    asked = task(device_group(GPU, 64), ttft_ms=500.0, workload=arrivals)
    found = sized(asked, HeuristicPredictor())
    assert found.deployment["meets_targets"]
    assert found.deployment["throughput_tps"] == pytest.approx(50 * 128, rel=0.05)
