"""Published prices of reserved and interruptible devices (``price_catalog.yaml``), joined to the datasheets."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.hardware_catalog import DeviceSpec

RATE_BASES = ("reserved_1y", "reserved_3y", "spot")


@dataclass(frozen=True, slots=True)
class RateOffer:
    """One published price.

    Attributes:
        device: Catalogue name.
        basis: ``reserved_1y``, ``reserved_3y`` or ``spot``.
        usd_per_hour: Of one device.
        terms: Instance, region, contract.
        source: Where it was published, and the day that the source states.
    """

    device: str
    basis: str
    provider: str
    usd_per_hour: float
    terms: str
    source: str


def parse_rate_offers(document: Mapping[str, Any]) -> tuple[RateOffer, ...]:
    """Read the loaded ``price_catalog.yaml``.

    Raises:
        InvalidRequestError: An entry lacks a field, names no source, or is not a price above 0.
    """
    sources = {key: f"{value['text']}, {value['dated']}" for key, value in document["sources"].items()}
    offers = []
    for entry in document["offers"]:
        try:
            usd = float(entry["usd_per_hour"])
            offer = RateOffer(
                entry["device"], entry["basis"], entry["provider"], usd, entry["terms"], sources[entry["source"]]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidRequestError(f"price catalogue: {entry!r:.120}: {error!r}", {"field": "offers"}) from error
        if offer.basis not in RATE_BASES or not (math.isfinite(usd) and usd > 0):
            raise InvalidRequestError(f"price catalogue: {entry!r:.120} is no price", {"field": "offers"})
        offers.append(offer)
    return tuple(offers)


def with_rates(devices: Iterable[DeviceSpec], offers: Iterable[RateOffer]) -> list[DeviceSpec]:
    """Return devices with the low median of their offers on each basis, and where it comes from.

    Raises:
        InvalidRequestError: An offer is for a device that is not among them.
    """
    by_device: dict[str, dict[str, list[RateOffer]]] = {}
    for offer in offers:
        by_device.setdefault(offer.device, {}).setdefault(offer.basis, []).append(offer)
    joined = [_with_rates(spec, by_device.pop(spec.name, {})) for spec in devices]
    if by_device:
        raise InvalidRequestError(f"price catalogue: no device {', '.join(sorted(by_device))}", {"field": "offers"})
    return joined


def _with_rates(spec: DeviceSpec, offers: Mapping[str, list[RateOffer]]) -> DeviceSpec:
    if not offers:
        return spec
    rates: dict[str, float] = {}
    sources = dict(spec.sources)
    for basis, listed in offers.items():
        ordered = sorted(listed, key=lambda offer: (offer.usd_per_hour, offer.provider))
        rates[basis] = ordered[(len(ordered) - 1) // 2].usd_per_hour
        told = "; ".join(f"{offer.provider} {offer.usd_per_hour:g} ({offer.terms}; {offer.source})" for offer in listed)
        sources[f"usd_per_hour.{basis}"] = f"{told if len(listed) == 1 else f'low median of {told}'}"
    return replace(spec, rates_usd_per_hour=rates, sources=sources)
