"""What a device costs per hour, and what a million tokens cost on it. Pure arithmetic, USD.

Bases (``docs/adr/0013-prices-on-one-basis.md``):
    on_demand     the catalogue's price of one device (low median of the offers that it lists)
    reserved_1y   the same with a commitment of one year, reserved_3y of three
    spot          the same for interruptible capacity
    on_prem       the purchase price over its years of service, and the power that the caller gives a price for
    auto          one of the above for everything that is compared: see :func:`common_price_basis`

They are far apart (an H100 SXM: 3.29 on demand, 1.25 spot, 0.68 USD/h bought), so costs are comparable only on one
basis. A price that nobody published is absent, never derived from another one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.hardware_names import compact_name

AMORTISATION_YEARS = 5.0  # the platform's rule
HOURS_PER_YEAR = 8760
DEFAULT_PUE = 1.58  # average of the Uptime Institute's Global Data Center Survey 2023
_SECONDS_PER_HOUR = 3600
_TOKENS_PER_MILLION = 1_000_000

PriceBasis = Literal["auto", "on_demand", "reserved_1y", "reserved_3y", "spot", "on_prem"]
PRICE_BASES: tuple[PriceBasis, ...] = ("auto", "on_demand", "reserved_1y", "reserved_3y", "spot", "on_prem")

PRICE_BASIS_TEXTS: dict[PriceBasis, str] = {
    "on_demand": "costs are the catalogue's on-demand prices",
    "reserved_1y": "costs are published prices of a reservation for one year",
    "reserved_3y": "costs are published prices of a reservation for three years",
    "spot": "costs are published prices of interruptible capacity",
    "on_prem": "costs are purchase prices over their years of service",
    "auto": "costs are on-demand prices where the catalogue has them, else purchase prices: compare them between "
    "devices with care",
}


@dataclass(frozen=True, slots=True)
class OnPremTerms:
    """What owning a device costs beside its price.

    Attributes:
        amortisation_years: Years of service.
        utilization: Share of the hours in which the device is used, in (0, 1]; the others are paid by these.
        usd_per_kwh: Price of electricity; None = power is not counted.
        pue: Power usage effectiveness of the building: its power over that of its computers.
    """

    amortisation_years: float = AMORTISATION_YEARS
    utilization: float = 1.0
    usd_per_kwh: float | None = None
    pue: float = DEFAULT_PUE


@dataclass(frozen=True, slots=True)
class Price:
    """What one device costs.

    Attributes:
        usd_per_hour: Of one device; finite, positive.
        source: Where it comes from, for the reader.
        is_estimate: Derived from a purchase price, or another device's; not an offer for this device.
        basis: ``override`` (the cluster's own), ``live``, or one of ``PRICE_BASES`` but ``auto``.
    """

    usd_per_hour: float
    source: str
    is_estimate: bool
    basis: str = "on_demand"


def device_usd_per_hour(
    spec: DeviceSpec,
    overrides: Mapping[str, float] | None = None,
    *,
    basis: PriceBasis = "auto",
    on_prem: OnPremTerms | None = None,
) -> Price | None:
    """Return what one device costs per hour, or None when nothing is known (:func:`missing_price_reason`).

    Args:
        spec: The device (for a CPU, one socket).
        overrides: The cluster's own USD per hour of one device, by device name, alias or device type; the name wins.
        basis: ``auto`` takes the on-demand price and else the purchase price; the others take theirs or nothing.
        on_prem: Terms of a bought device; None = the defaults.

    Raises:
        InvalidRequestError: An override is not a finite number above 0, or the terms are not possible.
    """
    own = _override(spec, overrides or {})
    if own is not None:
        return own
    if basis in {"auto", "on_demand"} and spec.usd_per_hour is not None:
        source = spec.sources.get("usd_per_hour", "catalogue")
        return Price(spec.usd_per_hour, source, spec.price_is_estimate, "on_demand")
    if basis in {"auto", "on_prem"} and spec.price_usd is not None:
        return _on_prem(spec, spec.price_usd, on_prem or OnPremTerms())
    if basis in spec.rates_usd_per_hour:
        source = spec.sources.get(f"usd_per_hour.{basis}", "catalogue")
        return Price(spec.rates_usd_per_hour[basis], source, is_estimate=False, basis=basis)
    return None


def _on_prem(spec: DeviceSpec, price_usd: float, terms: OnPremTerms) -> Price | None:
    """Return the price of one hour of use; None where power is to be counted and the device's is not known."""
    check_on_prem(terms)
    hours = terms.amortisation_years * HOURS_PER_YEAR * terms.utilization
    bought = spec.sources.get("price_usd", "catalogue")
    source = f"{price_usd:g} USD over {terms.amortisation_years:g} years"
    if terms.utilization < 1:
        source += f", used {terms.utilization:.0%} of the time"
    if terms.usd_per_kwh is None:
        return Price(price_usd / hours, f"{source}, without power ({bought})", is_estimate=True, basis="on_prem")
    if spec.tdp_watts is None:
        return None
    power_usd = spec.tdp_watts / 1000 * terms.pue * terms.usd_per_kwh
    source += f", {spec.tdp_watts:g} W x PUE {terms.pue:g} at {terms.usd_per_kwh:g} USD/kWh ({bought})"
    return Price(price_usd / hours + power_usd, source, is_estimate=True, basis="on_prem")


def check_on_prem(terms: OnPremTerms) -> None:
    """Refuse terms that are not possible.

    Raises:
        InvalidRequestError: Names the field.
    """
    limits = (
        ("amortisation_years", terms.amortisation_years, 0.0, 100.0),
        ("utilization", terms.utilization, 0.0, 1.0),
        ("pue", terms.pue, 0.999999, 10.0),
        ("usd_per_kwh", 1.0 if terms.usd_per_kwh is None else terms.usd_per_kwh + 1e-12, 0.0, 1000.0),
    )
    for name, value, above, most in limits:
        if isinstance(value, bool) or not (math.isfinite(value) and above < value <= most):
            text = f"on_prem.{name} must be above {above:g} and at most {most:g}, not {value:g}"
            raise InvalidRequestError(text, {"field": f"on_prem.{name}"})


def common_price_basis(specs: Sequence[DeviceSpec]) -> PriceBasis:
    """Return the basis on which the most devices can be compared; what ``auto`` stands for.

    ``on_demand`` when every device has such a price, else ``on_prem`` when every device has a purchase price; ``auto``,
    which mixes them, only when neither covers all. It depends on all of ``specs``: whoever wants a price that does not
    states a basis.
    """
    if all(spec.usd_per_hour is not None for spec in specs):
        return "on_demand"
    if all(spec.price_usd is not None for spec in specs):
        return "on_prem"
    return "auto"


def missing_price_reason(spec: DeviceSpec, basis: PriceBasis = "auto") -> str:
    """Return why :func:`device_usd_per_hour` has no answer for a device, and what to do about it."""
    kind = "on-demand or purchase" if basis == "auto" else "purchase" if basis == "on_prem" else basis
    known = ", ".join(name for name in PRICE_BASES[1:] if device_usd_per_hour(spec, basis=name) is not None)
    others = f" (it has {known})" if known else ""
    return f"the catalogue has no {kind} price for {spec.name}{others}; give its USD per hour with the cluster"


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
