"""Which price a device gets, and what decides it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from search_doubles import GPU, catalog, cluster, gpu_device, node, spec, tiny_arch

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.workload import Workload
from budsim.simulator.cluster_document import parse_clusters
from budsim.simulator.hardware import HOURS_PER_YEAR, OnPremTerms, Price, device_usd_per_hour
from budsim.simulator.pricing import LivePrices
from budsim.simulator.simulation import plan_tasks
from budsim.simulator.simulation_request import SimulationRequest

RENTED = replace(GPU, price_usd=43_800.0, tdp_watts=1000.0, rates_usd_per_hour={"reserved_1y": 1.5, "spot": 0.5})
BOUGHT = replace(spec("Bought 24GB", memory_gb=24), usd_per_hour=None, price_usd=8760.0)


def planned(*entries, basis="auto", on_prem=None, live=None):
    clusters, problems = parse_clusters(list(entries))
    assert not problems
    request = SimulationRequest(
        model_id="m", workload=Workload(64, 16, concurrency=1), price_basis=basis, on_prem=on_prem or OnPremTerms()
    )
    plan = plan_tasks(request, clusters, arch=tiny_arch(), catalog=catalog(RENTED, BOUGHT), live_prices=live)
    return plan, {task.group.cluster_id: (task.usd_per_device_hour, task.price_basis) for task in plan.tasks}


def rented(name="rented", **fields):
    return {**cluster(node("n", gpu_device()), name=name), **fields}


def bought(name="bought"):
    return cluster(node("n", gpu_device(name="Bought 24GB", memory_gb=24)), name=name)


@pytest.mark.parametrize(
    ("basis", "usd"), [("on_demand", 2.0), ("reserved_1y", 1.5), ("spot", 0.5), ("on_prem", 1.0), ("reserved_3y", None)]
)
def test_a_stated_basis_never_depends_on_the_company(basis, usd):
    alone, beside = planned(rented(), basis=basis)[1], planned(rented(), bought(), basis=basis)[1]
    assert alone["rented"] == beside["rented"] == (usd, basis if usd else None)


def test_auto_takes_the_basis_that_all_have():
    assert planned(rented())[1]["rented"] == (2.0, "on_demand")
    plan, prices = planned(rented(), bought())
    assert prices["rented"] == (1.0, "on_prem")
    assert plan.assumptions["price_basis"] == "on_prem"


def test_a_cluster_with_its_own_basis_or_prices_has_no_say_in_what_auto_means():
    own = {**bought(), "usd_per_device_hour": {"Bought 24GB": 0.1}}
    prices = planned(rented(), own)[1]
    assert prices == {"rented": (2.0, "on_demand"), "bought": (0.1, "override")}
    assert planned(rented(price_basis="spot"), bought())[1]["rented"] == (0.5, "spot")


def test_the_clusters_own_price_comes_before_the_live_one_and_that_before_the_catalogue():
    live = LivePrices({("spot", RENTED.name): Price(0.3, "live", False, "live")}, "1 price")
    plan, prices = planned(rented("a"), rented("b", usd_per_device_hour={"cuda": 0.9}), basis="spot", live=live)
    assert prices == {"a": (0.3, "live"), "b": (0.9, "override")}
    assert plan.assumptions["live_prices"] == "1 price"


def test_a_missing_price_says_which_others_there_are():
    plan, _ = planned(rented(), basis="reserved_3y")
    assert "reserved_3y" in plan.tasks[0].price_source
    assert "spot" in plan.tasks[0].price_source


def test_power_and_idle_hours_are_paid_by_the_hours_of_use():
    plain = device_usd_per_hour(RENTED, basis="on_prem").usd_per_hour
    half = device_usd_per_hour(RENTED, basis="on_prem", on_prem=OnPremTerms(utilization=0.5)).usd_per_hour
    terms = OnPremTerms(usd_per_kwh=0.1, pue=1.5)
    powered = device_usd_per_hour(RENTED, basis="on_prem", on_prem=terms).usd_per_hour
    assert half == pytest.approx(2 * plain)
    assert powered == pytest.approx(plain + 1.0 * 1.5 * 0.1)
    assert device_usd_per_hour(BOUGHT, basis="on_prem", on_prem=terms) is None  # its power is not known


@given(st.floats(1, 20), st.floats(0.05, 1), st.floats(0, 1))
def test_a_bought_device_earns_back_its_price_over_its_hours_of_use(years, utilization, usd_per_kwh):
    terms = OnPremTerms(years, utilization, usd_per_kwh, 1.0)
    hourly = device_usd_per_hour(RENTED, basis="on_prem", on_prem=terms).usd_per_hour
    hours = years * HOURS_PER_YEAR * utilization
    assert hourly * hours == pytest.approx(RENTED.price_usd + hours * usd_per_kwh * RENTED.tdp_watts / 1000)


@pytest.mark.parametrize(
    "terms", [{"utilization": 0}, {"utilization": 1.1}, {"amortisation_years": 0}, {"pue": 0.5}, {"usd_per_kwh": -1}]
)
def test_terms_that_cannot_be_name_their_field(terms):
    with pytest.raises(InvalidRequestError) as caught:
        planned(rented(), on_prem=OnPremTerms(**terms))
    assert next(iter(terms)) in caught.value.param["field"]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"usd_per_device_hour": {"x": 0}}, "usd_per_device_hour.x"),
        ({"usd_per_device_hour": [1]}, "usd_per_device_hour"),
        ({"price_basis": "gift"}, "price_basis"),
        ({"on_prem": {"pue": 0.2}}, "on_prem.pue"),
    ],
)
def test_a_cluster_documents_own_prices_are_checked(fields, path):
    clusters, problems = parse_clusters([rented(**fields)])
    assert not clusters
    assert path in problems[0].path
