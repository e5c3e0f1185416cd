"""Laws of prices and costs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.simulator.hardware import (
    cost_per_million_tokens_usd,
    device_usd_per_hour,
    missing_price_reason,
    purchase_price_usd,
)

CARD = DeviceSpec(
    name="Acme X1",
    vendor="Acme",
    device_type="cuda",
    architecture="X",
    memory_bytes=80 * 2**30,
    memory_bandwidth_bytes_per_s=3e12,
    peak_flops={"bf16": 1e15},
    aliases=("X1",),
)


def test_on_demand_price_comes_before_purchase_price():
    price = device_usd_per_hour(replace(CARD, usd_per_hour=3.0, price_usd=30_000))
    assert (price.usd_per_hour, price.basis, price.is_estimate) == (3.0, "on_demand", False)


def test_purchase_price_is_spread_over_five_years():
    price = device_usd_per_hour(replace(CARD, price_usd=43_800))  # 5 x 8760 h = 43,800 h
    assert price.usd_per_hour == pytest.approx(1.0)
    assert price.is_estimate
    assert "5 years" in price.source


def test_the_caller_can_fix_the_basis():
    spec = replace(CARD, usd_per_hour=3.0, price_usd=43_800)
    assert device_usd_per_hour(spec, basis="on_prem").usd_per_hour == pytest.approx(1.0)
    assert device_usd_per_hour(replace(CARD, price_usd=43_800), basis="on_demand") is None


def test_another_devices_price_is_an_estimate():
    assert device_usd_per_hour(replace(CARD, usd_per_hour=3.0, price_is_estimate=True)).is_estimate


def test_a_device_without_a_price_has_none_and_says_what_to_do():
    assert device_usd_per_hour(CARD) is None
    assert "Acme X1" in missing_price_reason(CARD)


def test_the_clusters_own_price_wins_by_name_before_type():
    spec = replace(CARD, usd_per_hour=3.0)
    assert device_usd_per_hour(spec, {"cuda": 2.0}).usd_per_hour == 2.0
    price = device_usd_per_hour(spec, {"cuda": 2.0, "x-1": 1.5})
    assert (price.usd_per_hour, price.basis, price.is_estimate) == (1.5, "override", False)
    assert device_usd_per_hour(spec, {"rocm": 1.0}).usd_per_hour == 3.0


@pytest.mark.parametrize("usd", [0, -1, math.nan, math.inf, True, "2"])
def test_a_price_that_cannot_be_is_refused_by_name(usd):
    with pytest.raises(InvalidRequestError) as caught:
        device_usd_per_hour(CARD, {"cuda": usd})
    assert caught.value.param["field"] == "usd_per_hour"


def test_a_million_tokens_cost_what_the_hours_cost():
    assert cost_per_million_tokens_usd(3.6, 1000) == pytest.approx(1.0)  # 1000 s at 0.001 USD/s


@pytest.mark.parametrize("output_tps", [0, -5, None, math.nan, math.inf])
def test_without_throughput_there_is_no_cost(output_tps):
    assert cost_per_million_tokens_usd(3.0, output_tps) is None


def test_without_a_price_there_is_no_cost_and_a_bad_price_is_an_error():
    assert cost_per_million_tokens_usd(None, 100) is None
    for usd in (-1, math.nan, math.inf):
        with pytest.raises(InvalidRequestError):
            cost_per_million_tokens_usd(usd, 100)


@given(st.floats(0.01, 1e4), st.floats(0.1, 1e6), st.floats(1.01, 100))
def test_cost_falls_with_throughput_and_rises_with_price(usd_per_hour, output_tps, factor):
    cost = cost_per_million_tokens_usd(usd_per_hour, output_tps)
    assert cost_per_million_tokens_usd(usd_per_hour, output_tps * factor) < cost
    assert cost_per_million_tokens_usd(usd_per_hour * factor, output_tps) > cost


def test_twice_the_replicas_cost_the_same_per_token():
    assert cost_per_million_tokens_usd(6.0, 200) == pytest.approx(cost_per_million_tokens_usd(3.0, 100))


def test_purchase_price_is_known_only_when_every_part_is():
    bought = replace(CARD, price_usd=100.0)
    assert purchase_price_usd([(bought, 3), (bought, 2)]) == 500.0
    assert purchase_price_usd([(bought, 3), (CARD, 1)]) is None
