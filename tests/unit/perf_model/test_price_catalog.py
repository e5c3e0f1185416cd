"""Published prices of reserved and interruptible devices."""

import re

import pytest

from budsim.commons.catalogs import hardware_catalog, rate_offers
from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.price_catalog import RATE_BASES, RateOffer, parse_rate_offers, with_rates


def test_every_published_price_names_terms_source_and_date():
    assert len(rate_offers()) > 30
    for offer in rate_offers():
        assert offer.terms
        assert re.search(r"(\d{4}-\d{2}-\d{2}|undated)$", offer.source), offer


def test_a_longer_commitment_of_one_provider_never_costs_more():
    years = {(o.device, o.provider, o.basis): o.usd_per_hour for o in rate_offers()}
    pairs = [(years[d, p, "reserved_1y"], usd) for (d, p, basis), usd in years.items() if basis == "reserved_3y"]
    assert pairs
    assert all(three <= one for one, three in pairs)


def test_a_device_without_a_published_price_has_none():
    gaudi = hardware_catalog().get("Intel Gaudi3 HL-325L (OAM)")
    assert gaudi.rates_usd_per_hour == {}


def test_the_rate_is_the_low_median_of_what_is_published():
    h100 = hardware_catalog().get("NVIDIA H100 SXM 80GB")
    listed = sorted(o.usd_per_hour for o in rate_offers() if o.device == h100.name and o.basis == "spot")
    assert h100.rates_usd_per_hour["spot"] == listed[(len(listed) - 1) // 2]
    assert set(h100.rates_usd_per_hour) <= set(RATE_BASES)


def entry(**changes):
    return {
        "device": "d",
        "basis": "spot",
        "provider": "p",
        "usd_per_hour": 1.0,
        "terms": "t",
        "source": "s",
        **changes,
    }


@pytest.mark.parametrize(
    "change", [{"basis": "gift"}, {"usd_per_hour": 0}, {"usd_per_hour": float("nan")}, {"source": "hearsay"}]
)
def test_what_is_no_price_is_refused(change):
    with pytest.raises(InvalidRequestError):
        parse_rate_offers({"sources": {"s": {"text": "x", "dated": "2026-01-01"}}, "offers": [entry(**change)]})


def test_a_price_of_an_unknown_device_is_refused():
    with pytest.raises(InvalidRequestError, match="Nobody's"):
        with_rates([], [RateOffer("Nobody's", "spot", "p", 1.0, "t", "s")])
