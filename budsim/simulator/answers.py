"""From what the searches of one run found to what its caller reads. Pure: rows and outcomes in, JSON out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from budsim.commons.errors import (
    BudSimError,
    IncompatibleEngineError,
    InsufficientMemoryError,
    InvalidRequestError,
    SimulationTimeoutError,
)
from budsim.simulator.body_fields import field_of
from budsim.simulator.deployment import cluster_metrics, prefill_metrics
from budsim.simulator.explanation import merged_front
from budsim.simulator.mixture import mixed_deployments
from budsim.simulator.models import WorkflowRun
from budsim.simulator.objective import Objective
from budsim.simulator.optimize_schemas import OptimizeResponse
from budsim.simulator.ranking import Recommendation, cluster_recommendations, sorted_rows
from budsim.simulator.request_schemas import DeploymentConfigurationRequest
from budsim.simulator.run_schemas import HardwareRunResponse
from budsim.simulator.schemas import ClusterRecommendationResponse, Explanation
from budsim.simulator.simulation import NOT_WANTED
from budsim.simulator.simulation_request import SimulationRequest

Json = dict[str, Any]
_GB = 1e9
_MEMORY_CODES = frozenset({"memory", "kv_capacity", "allocation", "excluded_memory", "memory_limit", "platform_memory"})
MAX_ALTERNATIVES = 5
NEAREST = 3


def metrics_of(found: Recommendation) -> Json:
    """Return one recommendation as the platform reads it."""
    return cluster_metrics(found.row, found.replicas, found.others)


def nearest_rows(rows: Sequence[Mapping[str, Any]], count: int = NEAREST) -> list[Json]:
    """Return the stored configurations that miss the targets least, whatever the threshold."""
    return [cluster_metrics(row) for row in sorted_rows(rows)[:count]]


def explanation(
    outcomes: Sequence[Mapping[str, Any]],
    plan_reasons: Sequence[str],
    assumptions: Json,
    mixed_deployments: Sequence[Json] = (),
    objective: str = Objective.COST.value,
    kind: str = "platform",
) -> Json:
    """Return what a run took for granted, could not use, and suggests.

    Args:
        outcomes: What its searches found.
        plan_reasons: Why clusters have no search.
        assumptions: Defaults that were used.
        mixed_deployments: What ``mixed`` returned.
        objective: What the caller asked for.
        kind: Kind of its body, which has its own names of fields.
    """
    reasons = list(plan_reasons)
    refusals: list[Json] = []
    remedies: list[Json] = []
    for outcome in outcomes:
        place = {name: outcome[name] for name in ("cluster_id", "device_type", "device_name", "engine")}
        causes = outcome.get("rejections", ())
        refusals += [{**place, **cause, "field": field_of(kind, [cause["code"]])} for cause in causes]
        if outcome.get("error"):
            field = field_of(kind, [outcome.get("error_field") or ""])
            refusals.append({**place, "code": "not_searched", "reason": outcome["error"], "count": 1, "field": field})
        elif outcome.get("timed_out"):
            reason = f"The time was over after {outcome['num_evaluated']} configurations; these are the best of them."
            refusals.append({**place, "code": "partly_searched", "reason": reason, "count": 1})
        if not outcome.get("num_rows") and (why := _why_nothing(outcome)):
            reasons.append(why)
        remedies += [
            {
                **{name: remedy[name] for name in ("kind", "text", "changes")},
                **place,
                "catalogue_name": outcome.get("catalogue_name"),
            }
            for remedy in outcome.get("remedies", ())
        ]
    return {
        "assumptions": assumptions,
        "reasons": reasons,
        "refusals": refusals,
        "remedies": remedies,
        "mixed_deployments": list(mixed_deployments),
        "pareto": merged_front([_placed_front(outcome) for outcome in outcomes], objective),
    }


def _placed_front(outcome: Mapping[str, Any]) -> list[Json]:
    place = {name: outcome[name] for name in ("cluster_id", "device_type", "device_name", "engine")}
    return [{**place, **point} for point in outcome.get("front", ())]


def _device(item: Mapping[str, Any]) -> str:
    """Return the name of a device for people: the catalogue's."""
    return str(item.get("catalogue_name") or item["device_name"])


def _why_nothing(outcome: Mapping[str, Any]) -> str:
    place = f"{_device(outcome)} ({outcome['device_type']}) with {outcome['engine']}"
    causes = outcome.get("rejections") or [{"reason": "no candidate"}]
    cluster = outcome.get("cluster_name") or outcome["cluster_id"]
    return f"Cluster {cluster}: {place}: {outcome.get('error') or causes[0]['reason']}"


def mixed(
    outcomes: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], request: SimulationRequest
) -> list[Json]:
    """Return the mixed deployments of a run."""
    partial_rows = [outcome["partial_row"] for outcome in outcomes if outcome.get("partial_row")]
    return mixed_deployments(rows, partial_rows, request)


def no_recommendation(
    rows: Sequence[Mapping[str, Any]], told: Mapping[str, Any], threshold: float, kind: str
) -> BudSimError:
    """Return the error of a run that can recommend nothing; its param carries the reasons and the nearest misses.

    Args:
        rows: What the run kept, all beyond the threshold.
        told: What it says beside its rows.
        threshold: Mean relative miss of the targets that is still recommended.
        kind: Kind of its body; ``field`` names what of it stands in the way most.
    """
    param: Json = {name: told[name] for name in ("reasons", "refusals", "remedies", "mixed_deployments")}
    leading = _leading_causes(told["refusals"])
    if field := _in_the_way(rows, leading, told["remedies"], kind):
        param["field"] = field
    helps = first_remedy(told, sorted_rows(rows))
    if rows:
        param["nearest"] = nearest_rows(rows)
        best = min(row["top_k_configs"]["error_rate"] for row in rows)
        return InvalidRequestError(
            f"No configuration comes near the targets: the best misses them by {best:.0%} on average, and "
            f"{threshold:.0%} is the most that is recommended.{helps}",
            param,
        )
    causes = [refusal["code"] for refusal in leading]
    searched = [reason for reason in told["reasons"] if NOT_WANTED not in reason] or told["reasons"]
    why = "; ".join(reason.rstrip(".") for reason in searched) or "no device is available"
    alike = {cause["reason"].rstrip(".") for cause in leading if cause["code"] == "not_searched"}
    if len(alike) == 1 and len(leading) > 1 and causes.count("not_searched") == len(causes):
        why = alike.pop()  # the same everywhere: a value of the request
    if any(code in _MEMORY_CODES for code in causes):
        return InsufficientMemoryError(f"No configuration fits the memory there is: {why}.{helps}", param)
    if not causes and any("serves this model" in reason for reason in told["reasons"]):
        return IncompatibleEngineError(f"No engine serves this model here: {why}", param)
    return InvalidRequestError(f"No configuration can run: {why}.{helps}", param)


def _leading_causes(refusals: Sequence[Json]) -> list[Json]:
    """Return why most configurations of each search cannot run, the most frequent first."""
    leading: dict[tuple[Any, ...], Json] = {}
    for cause in sorted(refusals, key=lambda cause: -cause["count"]):
        leading.setdefault((*_place(cause), cause["engine"]), cause)
    return list(leading.values())


def _in_the_way(
    rows: Sequence[Mapping[str, Any]], leading: Sequence[Json], remedies: Sequence[Json], kind: str
) -> str | None:
    """Return the field of the target that the nearest row misses most; without rows, of what keeps everything out."""
    if rows:
        misses = sorted_rows(rows)[0]["top_k_configs"]["misses"]
        return field_of(kind, [miss["target"] for miss in sorted(misses, key=lambda miss: -miss["relative_miss"])])
    told = [cause["field"] for cause in leading if cause["field"]]
    return told[0] if told else field_of(kind, [remedy["kind"] for remedy in remedies])


def no_configuration(
    wanted: DeploymentConfigurationRequest, rows: Sequence[Mapping[str, Any]], failed: Sequence[int]
) -> BudSimError:
    """Return the error of a run that has no configuration to deploy (any more), with the reason and the remedy.

    Args:
        wanted: What was asked for.
        rows: What the run kept there and feedback has not excluded.
        failed: Ids of what feedback has excluded.
    """
    param: Json = {"workflow_id": str(wanted.workflow_id)}
    threshold = wanted.error_rate_threshold
    within = [row for row in rows if row["top_k_configs"]["error_rate"] <= threshold]
    if within:
        param["field"] = "concurrency"
        why = f"none of {len(within)} carries {wanted.concurrency} requests at once. Run again with that concurrency."
    elif rows:
        param["field"] = "error_rate_threshold"
        best = min(row["top_k_configs"]["error_rate"] for row in rows)
        why = f"the best misses the targets by {best:.0%} on average; error_rate_threshold is {threshold:.0%}."
    elif failed:
        param |= {"field": "feedback", "failed_config_ids": [str(row_id) for row_id in failed]}
        why = (
            f"all {len(failed)} of this run were reported as failed. Feedback with failed: false takes one back; a new "
            "run of the same request looks for others."
        )
    else:
        param["field"] = "cluster_id" if wanted.cluster_id else "workflow_id"
        why = "the run is not known, is not over, or kept none" + (" on this cluster." if wanted.cluster_id else ".")
    return InvalidRequestError(f"No deployment configuration found: {why}", param)


def first_remedy(told: Mapping[str, Any], ranked: Sequence[Mapping[str, Any]]) -> str:
    """Return what would help on the devices that come nearest, else on any."""
    if told["mixed_deployments"]:
        return f" Several kinds of devices together: {told['mixed_deployments'][0]['reason']}."
    remedies = told["remedies"]
    nearest = [item for item in remedies if ranked and _place(item) == _place(ranked[0])]
    found = (nearest or remedies)[:1]
    return "".join(f" What would help on {_device(item)}: {item['text']}" for item in found)


def _place(item: Mapping[str, Any]) -> tuple[Any, ...]:
    return item["cluster_id"], item["device_type"], item["device_name"]


def platform_answer(
    workflow_id: str, chosen: Sequence[Recommendation], told: Mapping[str, Any], created: int, status: str
) -> Json:
    """Return ``ClusterRecommendationResponse`` as JSON."""
    return {
        "object": "cluster_recommendations",
        "workflow_id": workflow_id,
        "recommendations": [metrics_of(found) for found in chosen],
        "created": created,
        "status": status,
        **told,
    }


def hardware_answer(
    workflow_id: str, rows: Sequence[Mapping[str, Any]], told: Mapping[str, Any], metadata: Json, status: str
) -> Json:
    """Return ``HardwareRunResponse`` as JSON; ``rows`` is not empty."""
    ranked = sorted_rows(rows)
    best = ranked[0]
    return {
        "simulation_id": workflow_id,
        "status": status.lower(),
        "optimal_configuration": _configuration(best),
        "predicted_performance": _performance(best),
        "meets_targets": best["top_k_configs"]["meets_targets"],
        "misses": list(best["top_k_configs"]["misses"]),
        "alternative_configurations": [
            {
                "configuration": _configuration(row),
                "predicted_performance": _performance(row),
                "meets_targets": row["top_k_configs"]["meets_targets"],
            }
            for row in ranked[1 : 1 + MAX_ALTERNATIVES]
        ],
        "simulation_metadata": metadata,
        **told,
    }


def _configuration(row: Mapping[str, Any]) -> Json:
    stored = row["top_k_configs"]
    on_cpu = str(row["device_type"]).startswith("cpu")
    return {
        "engine": row["engine"],
        "batch_size": stored["concurrency"],
        "quantization": stored["config"]["precision"],
        "num_replicas": stored["replicas"],
        "tensor_parallel_size": stored["tp_size"],
        "pipeline_parallel_size": stored["pp_size"],
        "prefill": prefill_metrics(stored),
        "hardware_allocation": {
            "gpu_memory_gb": None if on_cpu else stored["total_memory"] / _GB,
            "cpu_cores": row["cores"] if on_cpu else None,
            "device_name": row["device_name"],
            "devices_per_replica": stored["tp_size"] * stored["pp_size"],
            "cluster_id": row["cluster_id"],
        },
    }


def _performance(row: Mapping[str, Any]) -> Json:
    stored = row["top_k_configs"]
    memory = row["mem_per_gpu_in_gb"] * _GB
    return {
        "throughput_tokens_per_second": stored["output_tps"],
        "time_to_first_token_ms": stored["ttft"],
        "p95_latency_ms": stored["prediction"]["e2e_s_p95"] * 1000.0,
        "memory_utilization_percent": 100.0 * stored["total_memory"] / memory if memory else None,
    }


def recommend(
    rows: Sequence[Mapping[str, Any]], threshold: float, objective: str | None, concurrency: int | None = None
) -> list[Recommendation]:
    """Return the best sufficient row of every cluster, best cluster first."""
    return cluster_recommendations(rows, threshold, concurrency, objective)


_ANSWER_SHAPES: Mapping[str, type[Explanation]] = {
    "platform": ClusterRecommendationResponse,
    "hardware": HardwareRunResponse,
    "optimize": OptimizeResponse,
}


def in_order(answer: Mapping[str, Any], kind: str) -> Json:
    """Return an answer with its fields in the order of the documentation (PostgreSQL keeps none)."""
    fields = _ANSWER_SHAPES[kind].model_validate(answer).model_dump(mode="json")
    told = {name: fields.pop(name) for name in Explanation.model_fields}
    nearest = {"nearest": answer["nearest"]} if "nearest" in answer else {}  # of a run that ended with nothing better
    return {**fields, **nearest, **told}


def timed_out(run: WorkflowRun, answer: Json | None, failure: Mapping[str, Any] | None) -> SimulationTimeoutError:
    """Return the error of a run that passed its time, with the best that it had found by then."""
    allowed = "its time"
    if run.deadline_at is not None:
        allowed = f"its {round((run.deadline_at - run.started_at).total_seconds(), 1):g} s"
    best = {"best": answer} if answer else dict((failure or {}).get("param") or {})
    found = "param.best is the best found by then" if answer else "nothing was found by then"
    message = (
        f"The simulation passed {allowed} (DEFAULT_TIMEOUT_SECONDS); {found}. One cluster_id or the heuristic method "
        f"takes less time; POST /workflow/{run.workflow_id}/restart tries again."
    )
    return SimulationTimeoutError(message, {"workflow_id": str(run.workflow_id), **best})
