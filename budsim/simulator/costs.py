"""What a deployment's tokens cost, in and out, in money and in energy. Pure.

The hour's price and the hour's energy are split between input and output by the replica's own time: what its prompts
take of the time in which it works pays for the input, the rest for the output. Both together are the whole price:

    usd_per_million_input x input tokens + usd_per_million_output x output tokens = USD of the hour
"""

from __future__ import annotations

import math
from typing import Any

from budsim.perf_model.serving_point import Prediction
from budsim.perf_model.workload import Workload
from budsim.simulator.hardware import cost_per_million_tokens_usd

SPLIT_RULE = "by the time that prompts and answers take of the replica's working time"
ENERGY_RULE = "the devices' TDP in the share of the time in which they work; host, cooling and idle power not counted"


def deployment_costs(
    prediction: Prediction,
    workload: Workload,
    *,
    output_tps: float,
    num_devices: int,
    usd_per_hour: float | None,
    tdp_watts: float | None,
    price_basis: str | None,
    price_source: str | None,
) -> dict[str, Any]:
    """Return what tokens cost; what cannot be worked out is None.

    Args:
        prediction: Of one replica.
        workload: Lengths of the load.
        output_tps: Output tokens/s of the whole deployment.
        num_devices: Of the whole deployment.
        usd_per_hour: Of the whole deployment; None = no price known.
        tdp_watts: Of one device; None = not known.
        price_basis: What the price is.
        price_source: Where it comes from, or why there is none.
    """
    share, busy = prediction.prefill_time_share, prediction.busy_share
    known = output_tps > 0 and math.isfinite(output_tps)
    input_tps = output_tps * workload.isl / workload.osl if known else 0.0
    watts = None if tdp_watts is None or busy is None else tdp_watts * busy * num_devices
    split = share is not None and known
    return {
        "price_basis": price_basis,
        "price_source": price_source,
        "usd_per_hour": usd_per_hour,
        "usd_per_million_input_tokens": _per_million(usd_per_hour, share, input_tps) if split else None,
        "usd_per_million_output_tokens": _per_million(usd_per_hour, _rest(share), output_tps) if split else None,
        "joules_per_input_token": _joules(watts, share, input_tps) if split else None,
        "joules_per_output_token": _joules(watts, _rest(share), output_tps) if split else None,
        "busy_share": busy,
        "prefill_time_share": share,
        "split_rule": SPLIT_RULE,
        "energy_rule": ENERGY_RULE,
    }


def _rest(share: float | None) -> float | None:
    return None if share is None else 1.0 - share


def _per_million(usd_per_hour: float | None, share: float | None, tokens_per_s: float) -> float | None:
    if usd_per_hour is None or share is None:
        return None
    return cost_per_million_tokens_usd(usd_per_hour * share, tokens_per_s)


def _joules(watts: float | None, share: float | None, tokens_per_s: float) -> float | None:
    return None if watts is None or share is None else watts * share / tokens_per_s
