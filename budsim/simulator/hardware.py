"""What a device costs per hour, and what a million tokens cost on it. Pure arithmetic, USD.

Sources, in this order unless the caller fixes a basis:
    cloud     the catalogue's on-demand price of one device (low median of the offers that it lists)
    purchase  the purchase price over five years of 8760 hours, as the platform amortises it; no power, hosting or
              interest on top

The two are far apart (an H100: 3.29 against 0.68 USD/h), so costs are comparable only on one basis.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.hardware_names import compact_name

AMORTISATION_YEARS = 5  # the platform's rule
HOURS_PER_YEAR = 8760
_SECONDS_PER_HOUR = 3600
_TOKENS_PER_MILLION = 1_000_000

PriceBasis = Literal["auto", "cloud", "purchase"]

PRICE_BASIS_TEXTS: dict[PriceBasis, str] = {
    "cloud": "costs are the catalogue's on-demand cloud prices",
    "purchase": f"costs are catalogue purchase prices over {AMORTISATION_YEARS} years, without power and hosting",
    "auto": "costs are cloud prices where the catalogue has them, else purchase prices over "
    f"{AMORTISATION_YEARS} years: compare them between devices with care",
}


@dataclass(frozen=True, slots=True)
class Price:
    """What one device costs.

    Attributes:
        usd_per_hour: Of one device; finite, positive.
        source: Where it comes from, for the reader.
        is_estimate: Derived from a purchase price, or another device's; not an offer for this device.
        basis: ``override``, ``cloud`` or ``purchase``.
    """

    usd_per_hour: float
    source: str
    is_estimate: bool
    basis: str = "cloud"


def device_usd_per_hour(
    spec: DeviceSpec, overrides: Mapping[str, float] | None = None, *, basis: PriceBasis = "auto"
) -> Price | None:
    """Return what one device costs per hour, or None when nothing is known (:func:`missing_price_reason`).

    Args:
        spec: The device (for a CPU, one socket).
        overrides: The cluster's own USD per hour of one device, by device name, alias or device type; the name wins.
        basis: ``auto`` takes the cloud price and else the purchase price; the others take theirs or nothing.

    Raises:
        InvalidRequestError: An override is not a finite number above 0.
    """
    own = _override(spec, overrides or {})
    if own is not None:
        return own
    if basis in {"auto", "cloud"} and spec.usd_per_hour is not None:
        return Price(spec.usd_per_hour, spec.sources.get("usd_per_hour", "catalogue"), spec.price_is_estimate, "cloud")
    if basis in {"auto", "purchase"} and spec.price_usd is not None:
        usd_per_hour = spec.price_usd / (AMORTISATION_YEARS * HOURS_PER_YEAR)
        bought = spec.sources.get("price_usd", "catalogue")
        source = f"{spec.price_usd:g} USD over {AMORTISATION_YEARS} years ({bought})"
        return Price(usd_per_hour, source, is_estimate=True, basis="purchase")
    return None


def common_price_basis(specs: Sequence[DeviceSpec]) -> PriceBasis:
    """Return the basis on which the most devices can be compared.

    ``cloud`` when every device has a cloud price, else ``purchase`` when every device has a purchase price; ``auto``,
    which mixes them, only when neither covers all.
    """
    if all(spec.usd_per_hour is not None for spec in specs):
        return "cloud"
    if all(spec.price_usd is not None for spec in specs):
        return "purchase"
    return "auto"


def missing_price_reason(spec: DeviceSpec, basis: PriceBasis = "auto") -> str:
    """Return why :func:`device_usd_per_hour` has no answer for a device, and what to do about it."""
    kind = {"auto": "cloud or purchase", "cloud": "cloud", "purchase": "purchase"}[basis]
    return f"the catalogue has no {kind} price for {spec.name}; give its USD per hour with the cluster"


def purchase_price_usd(specs: Sequence[tuple[DeviceSpec, int]]) -> float | None:
    """Return what ``(device, count)`` pairs cost to buy; None when one of them has no price."""
    prices = [(spec.price_usd, count) for spec, count in specs]
    if any(usd is None for usd, _ in prices):
        return None
    return math.fsum(usd * count for usd, count in prices if usd is not None)


def cost_per_million_tokens_usd(usd_per_hour: float | None, output_tps: float | None) -> float | None:
    """Return USD per million output tokens of a deployment.

    Args:
        usd_per_hour: Of the whole deployment: all devices of all replicas.
        output_tps: Output tokens per second of the same deployment.

    Returns:
        None when the price is not known, or the throughput is not a finite number above 0.

    Raises:
        InvalidRequestError: The price is negative or not finite.
    """
    if usd_per_hour is not None and not (math.isfinite(usd_per_hour) and usd_per_hour >= 0):
        msg = f"usd_per_hour must be a finite number of at least 0, not {usd_per_hour}"
        raise InvalidRequestError(msg, {"field": "usd_per_hour"})
    if usd_per_hour is None or output_tps is None or not (math.isfinite(output_tps) and output_tps > 0):
        return None
    cost_usd = usd_per_hour / (output_tps * _SECONDS_PER_HOUR) * _TOKENS_PER_MILLION
    return cost_usd if math.isfinite(cost_usd) else None


def _override(spec: DeviceSpec, overrides: Mapping[str, float]) -> Price | None:
    """Return the cluster's own price: by name or alias first, then by device type."""
    names = {compact_name(spelling) for spelling in (spec.name, *spec.aliases)}
    by_name = [key for key in overrides if compact_name(key) in names]
    for key in [*sorted(by_name), spec.device_type]:
        if key not in overrides:
            continue
        usd = overrides[key]
        if isinstance(usd, bool) or not isinstance(usd, (int, float)) or not (math.isfinite(usd) and usd > 0):
            msg = f"the price {usd!r:.40} of {key!r} must be a finite number of USD per hour above 0"
            raise InvalidRequestError(msg, {"field": "usd_per_hour", "device": key})
        return Price(float(usd), f"given for {key}", is_estimate=False, basis="override")
    return None
