"""From a request body to the one question that the core answers, with every default that was used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from budsim.commons.config import AppSettings
from budsim.commons.device_utils import KNOWN_DEVICE_TYPES
from budsim.commons.errors import InvalidRequestError, UnsupportedError
from budsim.engine_ops import llmc
from budsim.engine_ops.litellm import TokenPrice
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.workload import SloTargets, Workload
from budsim.simulator.hardware import OnPremTerms
from budsim.simulator.request_schemas import ClusterRecommendationRequest, HardwareRunRequest
from budsim.simulator.search_space import EvolutionParameters, SearchLimits
from budsim.simulator.simulation_request import Job, JobKind, SimulationRequest

DEFAULT_INPUT_TOKENS = 1024
DEFAULT_OUTPUT_TOKENS = 512
DEFAULT_OBJECTIVE = "cost"
DEFAULT_CONCURRENCY = 10
DEFAULT_METHOD, DEFAULT_NUMBER_FORMAT = "RTN", "INT8"  # of a quantisation job that does not say
DEVICE_TYPES = (*KNOWN_DEVICE_TYPES, "gpu")  # gpu = cuda and rocm
_GB = 1e9


def choose_method(asked: str | None, config: AppSettings, assumptions: dict[str, Any]) -> str:
    """Return the prediction method of a run; a default is named under ``assumptions``."""
    if asked is not None:
        return asked
    assumptions["simulation_method"] = config.default_simulation_method
    return config.default_simulation_method


def platform_question(body: ClusterRecommendationRequest, model: str, config: AppSettings) -> SimulationRequest:
    """Return the question of the platform's body.

    Raises:
        InvalidRequestError: A proprietary model is to be quantised.
    """
    assumptions = {} if body.optimization_target else {"optimization_target": DEFAULT_OBJECTIVE}
    return SimulationRequest(
        model_id=model,
        workload=Workload(isl=body.input_tokens, osl=body.output_tokens, concurrency=body.concurrency),
        targets=SloTargets(
            ttft_ms=body.target_ttft or None,
            throughput_per_user_tps=body.target_throughput_per_user or None,
            e2e_latency_s=body.target_e2e_latency or None,
        ),
        objective=body.optimization_target or DEFAULT_OBJECTIVE,
        cluster_id=str(body.cluster_id) if body.cluster_id else None,
        hardware_mode=body.hardware_mode or "dedicated",
        max_context_tokens=body.model_max_context_length,
        limits=SearchLimits(allow_disaggregated=body.allow_disaggregated),
        skip_master_node_for_cpu=config.skip_master_node_for_cpu,
        engine_overrides=_batch_limit(config.max_batch_size, body.concurrency),
        evolution=evolution_parameters(config),
        assumptions=assumptions,
        device_types=("cpu",) if body.is_proprietary_model else (),
        job=_job(body, assumptions),
        model_endpoints=body.model_endpoints,
        model_version=body.model_version,
        price_basis=body.price_basis or config.price_basis,
        on_prem=on_prem_terms(config),
    )


def _job(body: ClusterRecommendationRequest, assumptions: dict[str, Any]) -> Job | None:
    """Return what is placed instead of a served checkpoint, None = the model is served."""
    if body.is_proprietary_model and body.is_quantization:
        text = "A proprietary model cannot be quantised: its weights are the vendor's. Set one of the two to false."
        raise InvalidRequestError(text, {"field": "is_quantization"})
    if body.is_proprietary_model:
        given, made = body.usd_per_million_input_tokens, body.usd_per_million_output_tokens
        return Job(JobKind.PROPRIETARY, usd_per_million_input=given, usd_per_million_output=made)
    if not body.is_quantization:
        return None
    number_format = body.quantization_type or DEFAULT_NUMBER_FORMAT
    known = {name.lower(): name for name in llmc.NUMBER_FORMATS}
    if number_format.lower() not in known:
        text = f"quantization_type must be one of {', '.join(llmc.NUMBER_FORMATS)}, not {number_format!r}."
        raise InvalidRequestError(text, {"field": "quantization_type"})
    for name, said, default in (
        ("quantization_method", body.quantization_method, DEFAULT_METHOD),
        ("quantization_type", body.quantization_type, DEFAULT_NUMBER_FORMAT),
    ):
        assumptions.update({} if said else {name: default})
    return Job(
        JobKind.QUANTIZATION,
        method=body.quantization_method or DEFAULT_METHOD,
        number_format=known[number_format.lower()],
        hours=body.quantization_hours,
    )


def priced(job: Job, model: str, prices: Mapping[str, TokenPrice]) -> Job:
    """Return a job with its vendor's prices: the caller's where given, else the catalogue's.

    Args:
        job: Of any kind; only a proxy has prices.
        model: As the caller names it, with or without the vendor (``openai/gpt-4o``).
        prices: By ``vendor/model`` and by ``model`` where only one vendor has it, lower case.
    """
    if job.kind is not JobKind.PROPRIETARY:
        return job
    given, made = job.usd_per_million_input, job.usd_per_million_output
    listed = prices.get(model.strip().lower())
    if given is not None and made is not None:
        return replace(job, price_source="given with the request")
    if listed is None:
        text = f"no price of {model[:80]} is known: give usd_per_million_input_tokens and usd_per_million_output_tokens"
        return replace(job, price_source=text)
    source = f"list price, {listed.source}" + ("" if given is None and made is None else ", where not given")
    return replace(
        job,
        usd_per_million_input=listed.usd_per_million_input if given is None else given,
        usd_per_million_output=listed.usd_per_million_output if made is None else made,
        price_source=source,
    )


def hardware_question(body: HardwareRunRequest, model: str, config: AppSettings) -> SimulationRequest:
    """Return the question of the service README's body.

    Raises:
        InvalidRequestError: Its ``hardware_type`` is none.
    """
    hardware_type = body.hardware_type.strip().lower()
    if hardware_type not in DEVICE_TYPES:
        text = f"hardware_type must be one of {', '.join(DEVICE_TYPES)}, not {hardware_type!r}."
        raise InvalidRequestError(text, {"field": "hardware_type"})
    assumptions: dict[str, Any] = {}
    load, bounds = body.workload, body.constraints

    def default(name: str, given: int | None, value: int) -> int:
        if given is None:
            assumptions[name] = value
        return value if given is None else given

    concurrency = default("concurrency", load.concurrency, bounds.max_batch_size or DEFAULT_CONCURRENCY)
    batch_limits = [limit for limit in (bounds.max_batch_size, config.max_batch_size) if limit]
    return SimulationRequest(
        model_id=model,
        workload=Workload(
            isl=default("input_tokens", load.input_tokens, DEFAULT_INPUT_TOKENS),
            osl=default("output_tokens", load.output_tokens, DEFAULT_OUTPUT_TOKENS),
            concurrency=concurrency,
        ),
        targets=SloTargets(output_tps=bounds.min_throughput_tokens_per_second or None),
        objective=body.optimization_target,
        cluster_id=str(body.cluster_id) if body.cluster_id else None,
        engines=tuple(dict.fromkeys(name.strip().lower() for name in body.engine_preferences)),
        precisions=tuple(dict.fromkeys(weight_format(name) for name in body.quantization_options)) or (None,),
        device_types=(hardware_type,),
        limits=SearchLimits(
            max_memory_bytes_per_device=bounds.max_memory_gb * _GB if bounds.max_memory_gb else None,
            allow_disaggregated=body.allow_disaggregated,
        ),
        skip_master_node_for_cpu=config.skip_master_node_for_cpu,
        engine_overrides=_batch_limit(min(batch_limits, default=None), concurrency),
        evolution=evolution_parameters(config),
        assumptions=assumptions,
        model_version=body.model_version,
        price_basis=body.price_basis or config.price_basis,
        on_prem=on_prem_terms(config),
    )


def on_prem_terms(config: AppSettings) -> OnPremTerms:
    """Return what owning devices costs, as the settings say."""
    return OnPremTerms(
        config.on_prem_amortisation_years,
        config.on_prem_utilization,
        config.electricity_usd_per_kwh,
        config.data_center_pue,
    )


def evolution_parameters(config: AppSettings) -> EvolutionParameters:
    """Return how the genetic search goes: the defaults, with the population and the generations that are set."""
    return EvolutionParameters(population_size=config.population_size, generations=config.max_evolution_generations)


def weight_format(name: str) -> str | None:
    """Return a weight format as the core knows it; None = the checkpoint's own."""
    plain = name.strip().lower()
    return None if plain in ("", "none") else plain


def _batch_limit(limit: int | None, concurrency: int) -> dict[str, Any]:
    return {"max_num_seqs": limit} if limit is not None and limit < concurrency else {}


# What a model's task (``ModelArchitecture.task``, read off its class names) lets it answer.
_ENDPOINTS_BY_TASK = {
    "embed": frozenset({"EMBEDDING"}),
    "rerank": frozenset({"RERANK", "CLASSIFY"}),
    "classify": frozenset({"CLASSIFY", "RERANK"}),  # the hub's class of both is ForSequenceClassification
    "transcribe": frozenset({"AUDIO"}),
}
# Models of a generating class that were trained for something else are known by their names alone.
_ENDPOINTS_BY_NAME: tuple[tuple[tuple[str, ...], frozenset[str]], ...] = (
    (("rerank",), frozenset({"RERANK", "CLASSIFY"})),
    (("embed", "bge-", "gte-", "e5-"), frozenset({"EMBEDDING"})),
)
_AUDIO_CLASSES = ("Audio", "Voxtral", "Ultravox", "Omni", "Speech")


def served_endpoints(arch: ModelArchitecture) -> frozenset[str]:
    """Return the endpoints that a model can answer, by its task and, for retrieval models, by its own name."""
    if arch.task in _ENDPOINTS_BY_TASK:
        return _ENDPOINTS_BY_TASK[arch.task]
    tail = arch.name.lower().rpartition("/")[2]
    for words, endpoints in _ENDPOINTS_BY_NAME:
        if any(word in tail for word in words):
            return endpoints
    if any(word in name for name in arch.architectures for word in _AUDIO_CLASSES):
        return frozenset({"LLM", "AUDIO"})
    return frozenset({"LLM"})


def check_endpoints(asked: str | None, arch: ModelArchitecture) -> None:
    """Refuse endpoints that a model cannot answer.

    Args:
        asked: Comma list of the contract's names; None or empty = whatever the model is for.
        arch: The model.

    Raises:
        UnsupportedError: Names the endpoint and what the model is for.
    """
    served = served_endpoints(arch)
    for endpoint in (asked or "").split(","):
        if endpoint and endpoint not in served:
            kind = "only generates text" if served == {"LLM"} else f"is for {', '.join(sorted(served))}"
            raise UnsupportedError(
                f"{arch.name} {kind}: it does not serve {endpoint}.",
                {"field": "model_endpoints", "served": sorted(served)},
            )
