"""The user guide's ``/api/optimize``: from its body to the question, and from stored rows to its answer. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from budsim.commons.config import AppSettings
from budsim.perf_model.workload import LoadMode, SloTargets, Workload
from budsim.simulator.deployment import deployment_intervals
from budsim.simulator.optimize_schemas import LaunchedShape, OptimizeRequest, OptimizeWorkload
from budsim.simulator.questions import (
    DEFAULT_CONCURRENCY,
    DEFAULT_INPUT_TOKENS,
    DEFAULT_OBJECTIVE,
    DEFAULT_OUTPUT_TOKENS,
    evolution_parameters,
    on_prem_terms,
    weight_format,
)
from budsim.simulator.ranking import sorted_rows
from budsim.simulator.search_space import SearchLimits
from budsim.simulator.simulation_request import SimulationRequest

Json = dict[str, Any]
NUM_ALTERNATIVES = 5
_MS = 1000.0
_SETTINGS = [name for name in LaunchedShape.model_fields if not name.endswith("_parallel_size")]


def optimize_question(body: OptimizeRequest, config: AppSettings) -> SimulationRequest:
    """Return the question of the user guide's body, with every default that was used."""
    assumptions: Json = {} if body.optimization_target else {"optimization_target": DEFAULT_OBJECTIVE}
    bounds, wanted = body.constraints, body.targets
    for name in ("max_replicas", "max_gpus_per_replica"):
        if name not in bounds.model_fields_set:
            assumptions[name] = getattr(bounds, name)
    return SimulationRequest(
        model_id=body.model_id,
        model_version=body.model_version,
        workload=workload_of(body.workload, assumptions),
        targets=SloTargets(
            ttft_ms=wanted.max_ttft_ms or None,
            e2e_p99_s=wanted.max_latency_ms / _MS if wanted.max_latency_ms else None,
            output_tps=wanted.min_throughput_tps or None,
            cost_per_hour_usd=wanted.max_cost_per_hour or None,
        ),
        objective=body.optimization_target or DEFAULT_OBJECTIVE,
        cluster_id=str(body.cluster_id) if body.cluster_id else None,
        engines=tuple(dict.fromkeys(name.strip().lower() for name in body.engines)),
        precisions=tuple(dict.fromkeys(weight_format(name) for name in body.quantization_options)) or (None,),
        device_names=tuple(dict.fromkeys(name.strip() for name in bounds.allowed_gpu_types or ())),
        limits=SearchLimits(
            max_replicas=bounds.max_replicas,
            max_devices_per_replica=bounds.max_gpus_per_replica,
            max_usd_per_hour=bounds.max_cost_per_hour,
            spare_replicas=1 if bounds.require_high_availability else 0,
            allow_disaggregated=body.allow_disaggregated,
        ),
        skip_master_node_for_cpu=config.skip_master_node_for_cpu,
        evolution=evolution_parameters(config),
        assumptions=assumptions,
        price_basis=body.price_basis or config.price_basis,
        on_prem=body.on_prem.terms() if body.on_prem else on_prem_terms(config),
    )


def workload_of(load: OptimizeWorkload, assumptions: Json) -> Workload:
    """Return a load; what it leaves open takes a default, named under ``assumptions``."""

    def default(name: str, given: int | None, value: int) -> int:
        if given is None:
            assumptions[name] = value
        return value if given is None else given

    isl = default("input_tokens", load.input_tokens, DEFAULT_INPUT_TOKENS)
    osl = default("output_tokens", load.output_tokens, DEFAULT_OUTPUT_TOKENS)
    if load.request_rate is not None:
        return Workload(isl, osl, LoadMode.POISSON, concurrency=load.concurrency, request_rate=load.request_rate)
    return Workload(isl, osl, concurrency=default("concurrency", load.concurrency, DEFAULT_CONCURRENCY))


def optimize_answer(
    workflow_id: str,
    rows: Sequence[Mapping[str, Any]],
    told: Mapping[str, Any],
    *,
    method: str,
    metadata: Mapping[str, Any],
    status: str,
) -> Json:
    """Return ``OptimizeResponse`` as JSON.

    Args:
        workflow_id: The run.
        rows: What it kept; not empty.
        told: Assumptions, reasons, refusals, remedies, the Pareto front.
        method: How it was searched.
        metadata: Its effort.
        status: How it ended.
    """
    ranked = sorted_rows(rows)
    return {
        "object": "optimization",
        "workflow_id": workflow_id,
        "status": status,
        "method": method.upper(),
        **optimized_point(ranked[0]),
        "alternatives": [optimized_point(row) for row in ranked[1 : 1 + NUM_ALTERNATIVES]],
        "metadata": dict(metadata),
        **told,
    }


def _prefill(stored: Mapping[str, Any]) -> Json | None:
    """Return the pool that prefills; None where every replica does both."""
    pool = stored.get("prefill")
    if not pool:
        return None
    return {"instances": pool["instances"], **_launched_shape(pool)}


def _launched_shape(stored: Mapping[str, Any]) -> Json:
    """Return ``LaunchedShape`` of a stored row or pool."""
    return {
        "tensor_parallel_size": stored["tp_size"],
        "pipeline_parallel_size": stored["pp_size"],
        **{name: stored["config"].get(name) for name in _SETTINGS},
    }


def optimized_point(row: Mapping[str, Any]) -> Json:
    """Return one stored row as the user guide shows a deployment."""
    stored, figures = row["top_k_configs"], row["top_k_configs"]["prediction"]
    return {
        "optimal_config": {
            **_launched_shape(stored),
            "expert_parallel_size": stored["ep_size"],
            "data_parallel_size": stored["dp_size"],
            "replicas": stored["replicas"],
            "prefill": _prefill(stored),
            "engine": row["engine"],
            "engine_version": row.get("engine_version"),
            "precision": stored["config"]["precision"],
            "device_name": row["device_name"],
            "num_devices": stored["num_devices"],
            "cluster_id": row["cluster_id"],
            "config_id": str(row["id"]),
        },
        "predicted_metrics": {
            "ttft_p50_ms": figures["ttft_ms_p50"],
            "ttft_p99_ms": figures["ttft_ms_p99"],
            "latency_p50_ms": figures["e2e_s_p50"] * _MS,
            "latency_p99_ms": figures["e2e_s_p99"] * _MS,
            "tpot_ms": figures["tpot_ms_mean"],
            "throughput_tps": stored["output_tps"],
            "throughput_per_user_tps": stored["throughput_per_user"],
            "cost_per_hour": stored["cost_per_hour_usd"],
            "cost_per_million_tokens": stored["cost_per_million_tokens"],
            "costs": stored.get("costs"),
        },
        "confidence": figures.get("confidence"),
        "basis": figures.get("basis"),
        "intervals": deployment_intervals(stored),
        "meets_targets": stored["meets_targets"],
        "misses": list(stored["misses"]),
        "binding": stored["binding"],
        "reason": stored.get("reason"),
    }
