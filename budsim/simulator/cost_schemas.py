"""Prices on the wire: how a caller states them, and what tokens cost. USD, joules."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from budsim.simulator.hardware import AMORTISATION_YEARS, DEFAULT_PUE, OnPremTerms

PRICE_BASIS_TEXT = (
    "Prices that costs rest on: on_demand, reserved_1y, reserved_3y, spot, on_prem, or auto = the one that all "
    "clusters have; PRICE_BASIS unless given."
)


class OnPremFields(BaseModel):
    """What owning the devices costs beside their price."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    amortisation_years: float = Field(
        AMORTISATION_YEARS, gt=0, le=100, description="Years of service of a device.", examples=[5]
    )
    utilization: float = Field(
        1.0, gt=0, le=1, description="Share of the hours in which the devices are used.", examples=[0.7]
    )
    usd_per_kwh: float | None = Field(
        None, ge=0, le=1000, description="Price of electricity; null = power is not counted.", examples=[0.12]
    )
    pue: float = Field(DEFAULT_PUE, ge=1, le=10, description="Power usage effectiveness.", examples=[1.3])

    def terms(self) -> OnPremTerms:
        """Return them as the core knows them."""
        return OnPremTerms(self.amortisation_years, self.utilization, self.usd_per_kwh, self.pue)


class TokenCosts(BaseModel):
    """What a deployment's tokens cost, in and out."""

    price_basis: str | None = Field(
        None,
        description="override (the cluster's own price), live, on_demand, reserved_1y, reserved_3y, spot or on_prem; "
        "null = no price known.",
        examples=["on_demand"],
    )
    price_source: str | None = Field(
        None, description="Where the price comes from, or why there is none.", examples=["low median of offers"]
    )
    usd_per_hour: float | None = Field(None, description="Of all devices; null = no price known.", examples=[3.29])
    usd_per_million_input_tokens: float | None = Field(
        None, description="USD per million input tokens; see ``split_rule``.", examples=[0.02]
    )
    usd_per_million_output_tokens: float | None = Field(
        None, description="USD per million output tokens; see ``split_rule``.", examples=[0.2]
    )
    joules_per_input_token: float | None = Field(
        None, description="Energy of an input token, J; see ``energy_rule``.", examples=[0.03]
    )
    joules_per_output_token: float | None = Field(
        None, description="Energy of an output token, J; see ``energy_rule``.", examples=[0.3]
    )
    busy_share: float | None = Field(None, description="Share of the time in which devices work.", examples=[1.0])
    prefill_time_share: float | None = Field(
        None, description="Share of the working time that goes into prompts.", examples=[0.18]
    )
    split_rule: str = Field(
        "", description="How price and energy are split between input and output.", examples=["by working time"]
    )
    energy_rule: str = Field("", description="What the energy counts.", examples=["TDP while working"])
