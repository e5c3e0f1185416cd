"""Which price every device group of a simulation gets. Pure.

In this order: the cluster's own price of the device; the live price, where a provider answers; the catalogue's. The
basis is the cluster's, else the request's; only ``auto`` looks at the other clusters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from budsim.simulator.hardware import (
    PRICE_BASIS_TEXTS,
    OnPremTerms,
    Price,
    PriceBasis,
    common_price_basis,
    device_usd_per_hour,
    missing_price_reason,
)

if TYPE_CHECKING:
    from budsim.perf_model.hardware_catalog import DeviceSpec
    from budsim.simulator.cluster_document import Cluster


@dataclass(frozen=True, slots=True)
class LivePrices:
    """What a provider of live prices knows.

    Attributes:
        prices: By (basis, catalogue name).
        note: Why there are none, or how old they are; None = no provider is configured.
    """

    prices: Mapping[tuple[str, str], Price] = field(default_factory=dict)
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Pricing:
    """How one simulation prices its devices.

    Attributes:
        basis: What the request states; ``auto`` is decided.
        on_prem: Terms of bought devices.
    """

    basis: PriceBasis
    on_prem: OnPremTerms = field(default_factory=OnPremTerms)
    live: LivePrices = field(default_factory=LivePrices)

    def of(self, spec: DeviceSpec, cluster: Cluster | None = None) -> tuple[Price | None, str, PriceBasis]:
        """Return the price of a device in a cluster, its source or why there is none, and the basis asked for."""
        own = cluster.pricing if cluster is not None else None
        basis = (own.price_basis if own is not None else None) or self.basis
        terms = (own.on_prem if own is not None else None) or self.on_prem
        overrides = dict(own.usd_per_device_hour) if own is not None else {}
        price = device_usd_per_hour(spec, overrides, basis=basis, on_prem=terms)
        if price is None or price.basis != "override":
            wanted = "on_demand" if basis == "auto" else basis
            price = self.live.prices.get((wanted, spec.name)) or price
        return price, missing_price_reason(spec, basis) if price is None else price.source, basis


def decided_pricing(
    basis: PriceBasis,
    on_prem: OnPremTerms,
    live: LivePrices,
    chosen: Sequence[tuple[Cluster, Sequence[DeviceSpec]]],
) -> tuple[Pricing, dict[str, str]]:
    """Return how a simulation prices its devices, and what its answer says about it.

    Args:
        basis: As the request states it.
        on_prem: Terms of bought devices.
        live: Live prices.
        chosen: The clusters that take part, with the datasheets of their groups.
    """
    # A cluster that states its basis, or a device that has a price of its own, has no say in what auto means.
    undecided = [
        spec
        for cluster, specs in chosen
        if cluster.pricing.price_basis is None
        for spec in specs
        if (found := device_usd_per_hour(spec, dict(cluster.pricing.usd_per_device_hour))) is None
        or found.basis != "override"
    ]
    decided = common_price_basis(undecided) if basis == "auto" else basis
    told = {"price": PRICE_BASIS_TEXTS[decided], "price_basis": decided}
    own = [cluster.name for cluster, _ in chosen if cluster.pricing.price_basis or cluster.pricing.usd_per_device_hour]
    if own:
        told["price"] += f"; {', '.join(own[:20])}: prices as the cluster document states them"
    if decided == "on_prem":
        power = "without power" if on_prem.usd_per_kwh is None else f"power at {on_prem.usd_per_kwh:g} USD/kWh"
        told["price"] += f" ({on_prem.amortisation_years:g} years, {power}, hosting and interest not counted)"
    if live.note is not None:
        told["live_prices"] = live.note
    return Pricing(decided, on_prem, live), told
