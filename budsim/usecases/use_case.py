"""A use case as a value: lengths in tokens, service levels in seconds. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

# The contract's profile bounds: end-to-end seconds, input tokens.
_LATENCY_PROFILES = ((2.0, "real-time"), (5.0, "interactive"), (10.0, "responsive"))
_LENGTH_PROFILES = ((1_000, "short"), (10_000, "medium"))


@dataclass(frozen=True, slots=True)
class UseCase:
    """Lengths and service levels of one kind of request; None = no bound."""

    unique_id: str
    name: str
    input_tokens_max: int
    output_tokens_max: int
    ttft_max: float | None = None
    e2e_max: float | None = None
    inter_token_max: float | None = None

    @property
    def isl(self) -> int:
        """Input tokens to plan for: the largest stated, at least one."""
        return max(1, self.input_tokens_max)

    @property
    def osl(self) -> int:
        """Output tokens to plan for: the largest stated, at least one (an embedding still takes a step)."""
        return max(1, self.output_tokens_max)


def latency_profile(e2e_max: float | None) -> str | None:
    """Return real-time (<= 2 s), interactive (<= 5 s), responsive (<= 10 s) or batch; None without a bound."""
    if e2e_max is None:
        return None
    return next((name for bound, name in _LATENCY_PROFILES if e2e_max <= bound), "batch")


def input_length_profile(input_tokens_max: int) -> str:
    """Return short (<= 1000 tokens), medium (<= 10,000) or long."""
    return next((name for bound, name in _LENGTH_PROFILES if input_tokens_max <= bound), "long")


class SloCheck(NamedTuple):
    """Whether a prediction keeps the bounds; None = there is no such bound, which passes."""

    ttft: bool | None
    e2e: bool | None
    inter_token: bool | None

    @property
    def meets_slo(self) -> bool:
        """The document's rule: TTFT and E2E latency must both hold; a missing bound holds."""
        return self.ttft is not False and self.e2e is not False


# All 27 of them: an answer checks some 200 options.
_CHECKS = {states: SloCheck(*states) for states in product((None, True, False), repeat=3)}


def check_slo(use_case: UseCase, ttft_s: float, e2e_s: float, inter_token_s: float) -> SloCheck:
    """Return which bounds of a use case a prediction keeps (``<=``, as the document writes them)."""
    return _CHECKS[
        None if use_case.ttft_max is None else ttft_s <= use_case.ttft_max,
        None if use_case.e2e_max is None else e2e_s <= use_case.e2e_max,
        None if use_case.inter_token_max is None else inter_token_s <= use_case.inter_token_max,
    ]
