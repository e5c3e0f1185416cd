"""The load a deployment must carry and the targets it must meet.

Lengths are tokens, times are seconds unless the name says ``_ms``; rates are per second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class LoadMode(StrEnum):
    """How requests arrive."""

    CLOSED_LOOP = "closed_loop"  # a new request is sent whenever one of `concurrency` clients gets its answer
    STATIC_BATCH = "static_batch"  # one batch, prefilled and decoded together, no scheduler
    BURST = "burst"  # `num_prompts` requests at t = 0, the server queues them
    POISSON = "poisson"  # exponential gaps at `request_rate`


@dataclass(frozen=True, slots=True)
class Workload:
    """One traffic pattern.

    Attributes:
        isl: Mean input length, tokens, >= 1.
        osl: Mean output length, tokens, >= 1.
        load_mode: Arrival process.
        concurrency: Closed loop: clients. Static batch: batch size. Burst: prompts if ``num_prompts`` is not set.
        request_rate: Poisson arrivals per second over the whole deployment.
        num_prompts: Requests of one run; None lets the replay choose enough for stable percentiles.
        num_warmups: Requests served before the measured ones; 0 = the server is cold, None = it is warm.
        length_dist: ``fixed``, or ``uniform_A_B``: each length uniform in [A, B] x nominal; isl and osl are the means.
        prefix_cache_hit_rate: Share of input tokens found in the prefix cache, in [0, 1).
        acceptance_rate: Probability in [0, 1] that a draft token is accepted where those before it were; it depends on
            the text. None = the default of the method. Without speculation it has no effect.
    """

    isl: float
    osl: float
    load_mode: LoadMode = LoadMode.CLOSED_LOOP
    concurrency: int | None = None
    request_rate: float | None = None
    num_prompts: int | None = None
    num_warmups: int | None = None
    length_dist: str = "fixed"
    prefix_cache_hit_rate: float = 0.0
    acceptance_rate: float | None = None


WITHOUT_DECODING = "{model} makes one pass over the input: osl counts as 1, TTFT and E2E are those of the pass"


def one_pass(load: Workload) -> Workload:
    """Return a load without decoding, as embedding, reranking and classifying models have it: one output a request."""
    return replace(load, osl=1.0)


@dataclass(frozen=True, slots=True)
class SloTargets:
    """What the caller wants; None (or 0 on the wire) is not set.

    Attributes:
        ttft_ms: Upper bound of TTFT at ``ttft_percentile``.
        throughput_per_user_tps: Lower bound of osl / E2E of one request, tokens/s.
        e2e_latency_s: Upper bound of the median E2E latency, seconds.
        e2e_p99_s: Upper bound of the 99th percentile E2E latency, seconds.
        e2e_p95_s: Upper bound of the 95th percentile E2E latency, seconds.
        output_tps: Lower bound of output tokens/s of the whole deployment.
        cost_per_hour_usd: Upper bound of the deployment's price.
        ttft_percentile: 50, 90, 95 or 99.
    """

    ttft_ms: float | None = None
    throughput_per_user_tps: float | None = None
    e2e_latency_s: float | None = None
    e2e_p95_s: float | None = None
    e2e_p99_s: float | None = None
    output_tps: float | None = None
    cost_per_hour_usd: float | None = None
    ttft_percentile: int = 50

    @property
    def is_any_set(self) -> bool:
        """Whether there is any target."""
        return replace(self, ttft_percentile=50) != SloTargets()
