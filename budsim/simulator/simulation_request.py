"""What a caller wants to know, and which values of it no search can serve."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.workload import LoadMode, SloTargets, Workload
from budsim.simulator.hardware import PRICE_BASES, OnPremTerms, PriceBasis, check_on_prem
from budsim.simulator.objective import Objective
from budsim.simulator.plain_json import from_plain, to_plain
from budsim.simulator.search_space import EvolutionParameters, SearchLimits
from budsim.simulator.topology import HardwareMode

MAX_TOP_K = 50
# Upper bounds of one request: far beyond any real load, low enough that no single request ties the service up.
MAX_CONCURRENCY = 100_000
MAX_TOKENS = 10_000_000


class JobKind(StrEnum):
    """What is placed instead of a served checkpoint."""

    PROPRIETARY = "proprietary"
    QUANTIZATION = "quantization"


@dataclass(frozen=True, slots=True)
class Job:
    """A run that serves no checkpoint: a proxy to a vendor's model, or the quantisation of a checkpoint.

    Attributes:
        usd_per_million_input: Vendor's price of a million tokens in; None = not known.
        usd_per_million_output: Vendor's price of a million tokens out; None = not known.
        price_source: Where the prices come from, or why there are none.
        method: Quantisation method.
        number_format: What the weights become.
        hours: The caller's own duration of the job; None = the assumed one.
    """

    kind: JobKind
    usd_per_million_input: float | None = None
    usd_per_million_output: float | None = None
    price_source: str | None = None
    method: str | None = None
    number_format: str | None = None
    hours: float | None = None


@dataclass(frozen=True, slots=True)
class SimulationRequest:
    """What the caller wants to know.

    Attributes:
        model_id: Hub id, alias, UUID or path, as the caller wrote it.
        workload: Load on the whole deployment.
        objective: cost | throughput | latency | balanced.
        cluster_id: Only this cluster.
        engines: Engines to use, in order of preference; empty = the most preferred one that serves the model.
        precisions: Weight formats to try; None stands for the checkpoint's own.
        error_rate_threshold: Rows above it are not recommended.
        top_k: Configurations kept per task.
        device_types: cuda, rocm, hpu, cpu, cpu_high; empty = all.
        device_names: Only devices with one of these in their name; empty = all.
        max_context_tokens: Caps the sequence length, beside the model's own.
        engine_overrides: Engine parameters that the caller fixes.
        assumptions: Defaults that were used because the caller did not say; they come back in the answer.
        seed: Of everything random in the search: same seed, same answer.
        evolution: How the genetic search of method ``regressor`` goes.
        explain: Search for remedies when no candidate meets the targets.
        job: What is placed instead of a served checkpoint; None = the model is served.
        model_endpoints: Comma list of EMBEDDING, LLM, AUDIO, CLASSIFY, RERANK for the platform's engine lookup; None =
            whatever the model is for.
        model_version: Version of the trained models that answers; None = the current one.
        price_basis: On which prices costs rest; ``auto`` = the one that the clusters have in common.
        on_prem: Terms of bought devices.
    """

    model_id: str
    workload: Workload
    targets: SloTargets = field(default_factory=SloTargets)
    objective: str = Objective.COST.value
    cluster_id: str | None = None
    hardware_mode: str = HardwareMode.DEDICATED.value
    engines: tuple[str, ...] = ()
    engine_version: str | None = None
    precisions: tuple[str | None, ...] = (None,)
    error_rate_threshold: float = 0.5
    top_k: int = 5
    seed: int = 0
    device_types: tuple[str, ...] = ()
    device_names: tuple[str, ...] = ()
    max_context_tokens: int | None = None
    limits: SearchLimits = field(default_factory=SearchLimits)
    skip_master_node_for_cpu: bool = True
    engine_overrides: Mapping[str, Any] = field(default_factory=dict)
    assumptions: Mapping[str, Any] = field(default_factory=dict)
    explain: bool = True
    job: Job | None = None
    model_endpoints: str | None = None
    evolution: EvolutionParameters = field(default_factory=EvolutionParameters)
    model_version: str | None = None
    price_basis: PriceBasis = "auto"
    on_prem: OnPremTerms = field(default_factory=OnPremTerms)

    def to_dict(self) -> dict[str, Any]:
        """Return the request as plain JSON values."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> SimulationRequest:
        """Read what ``to_dict`` wrote."""
        return from_plain(cls, document)


def check_request(request: SimulationRequest) -> None:
    """Reject values that no search can serve.

    Raises:
        InvalidRequestError: Names the field.
    """
    load = request.workload
    for name, value, limit in (("input_tokens", load.isl, MAX_TOKENS), ("output_tokens", load.osl, MAX_TOKENS)):
        if not 1 <= value <= limit:
            raise InvalidRequestError(f"{name} must be between 1 and {limit}, not {value:g}.", {"field": name})
    if load.load_mode is LoadMode.POISSON and not load.request_rate:
        raise InvalidRequestError("A Poisson load needs request_rate > 0.", {"field": "request_rate"})
    if load.load_mode is not LoadMode.POISSON and not load.concurrency:
        raise InvalidRequestError("concurrency must be at least 1.", {"field": "concurrency"})
    _check_positive("request_rate", load.request_rate)
    for target in fields(request.targets):
        _check_positive(target.name, getattr(request.targets, target.name))
    _check_positive("max_usd_per_hour", request.limits.max_usd_per_hour)
    if load.concurrency is not None and not 1 <= load.concurrency <= MAX_CONCURRENCY:
        text = f"concurrency must be between 1 and {MAX_CONCURRENCY}, not {load.concurrency}."
        raise InvalidRequestError(text, {"field": "concurrency"})
    if not 1 <= request.top_k <= MAX_TOP_K:
        raise InvalidRequestError(f"top_k must be between 1 and {MAX_TOP_K}, not {request.top_k}.", {"field": "top_k"})
    for name, text, allowed in (
        ("objective", request.objective, [item.value for item in Objective]),
        ("hardware_mode", request.hardware_mode, [item.value for item in HardwareMode]),
        ("price_basis", request.price_basis, list(PRICE_BASES)),
    ):
        if text not in allowed:
            raise InvalidRequestError(f"{name} must be one of {', '.join(allowed)}, not {text!r}.", {"field": name})
    check_on_prem(request.on_prem)


def _check_positive(name: str, value: float | None) -> None:
    """Refuse a bound that no figure can be compared with: NaN would be met by everything."""
    if value is not None and not (math.isfinite(value) and value > 0):
        text = f"{name} must be a finite number above 0, not {value:g}; leave it out for no such bound."
        raise InvalidRequestError(text, {"field": name})
