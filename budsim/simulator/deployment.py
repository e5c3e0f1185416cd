"""From a chosen evaluation to what the platform stores and deploys.

Three shapes: the row of ``simulation_results`` (one per distinct configuration), the ``NodeGroupConfiguration`` that
budcluster deploys, and the ``ClusterMetrics`` that callers see. Stored memory is in bytes, memory on the wire in GB
(1e9), TTFT in ms, end-to-end latency in s. Cost per million tokens is of the whole deployment, so it is not multiplied
by the replicas.

Text that is longer than its column is cut to the column's length: identifiers at the end, model names (which are paths)
at the front, so that the telling part stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from budsim.commons.errors import NoDeviceError
from budsim.engine_ops import EngineOption, LaunchQuery, launch_args
from budsim.engine_ops.disaggregation import DECODE, PREFILL, role_arguments, role_environment
from budsim.perf_model.workload import SloTargets, Workload
from budsim.simulator.candidate import Candidate, Evaluation, PrefillPool, StagePlacement
from budsim.simulator.costs import deployment_costs
from budsim.simulator.direct_search import candidate_hash, memory_headroom_bytes
from budsim.simulator.objective import adapters
from budsim.simulator.placement import (
    devices_by_node,
    max_replicas,
    nodes_spanned,
    place,
    place_pools,
    pods_per_replica,
)
from budsim.simulator.plain_json import to_plain
from budsim.simulator.search_space import SearchCase
from budsim.simulator.topology import DeviceGroup

GB = 1e9
TERA = 1e12
# Lengths of the low-level design's columns (section 4.1.1).
COLUMN_LENGTHS = {
    "model_name": 255,
    "model_version": 50,
    "cluster_id": 255,
    "node_id": 255,
    "node_name": 255,
    "device_id": 255,
    "device_name": 255,
    "device_type": 10,
    "device_model": 255,
    "raw_name": 255,
    "engine": 255,
    "engine_image": 255,
    "engine_version": 50,
    "tool_calling_parser_type": 100,
    "reasoning_parser_type": 100,
    "architecture_family": 100,
    "chat_template": 500,
}
_KEEP_END = frozenset({"model_name"})
# Lowest latency of one message on the fast link, s: the platform's own default; kept for its column, used by no
# prediction here.
MESSAGE_LATENCY_S = 8e-6
_ENGINE_FIELDS = (
    "tool_calling_parser_type",
    "reasoning_parser_type",
    "architecture_family",
    "chat_template",
    "supports_lora",
    "supports_pipeline_parallelism",
)


def result_row(evaluation: Evaluation, case: SearchCase, *, model_name: str, search_step: int = 0) -> dict[str, Any]:
    """Return one row of ``simulation_results``, without ids and time stamps.

    Args:
        evaluation: A feasible candidate.
        case: The search it comes from.
        model_name: As the caller named the model.
        search_step: Its position in the ranked answer of its group, from 0.
    """
    placement = placement_of(evaluation.candidate, case)
    row: dict[str, Any] = {
        **question_columns(model_name, case.workload, case.targets, case.concurrency),
        **group_columns(case.group, placement[0].node_id),
        **engine_columns(case.engine),
        "config_hash": candidate_hash(evaluation.candidate, case),
        "top_k_configs": stored_configuration(evaluation, case, model_name=model_name, search_step=search_step),
    }
    return fit_columns(row)


def question_columns(model_name: str, workload: Workload, targets: SloTargets, concurrency: int) -> dict[str, Any]:
    """Return the columns of a row that say what was asked."""
    return {
        "model_name": model_name,
        "model_version": "main",
        "input_tokens": round(workload.isl),
        "output_tokens": round(workload.osl),
        "target_concurrency": concurrency,
        "target_ttft": targets.ttft_ms or 0.0,
        "target_throughput_per_user": targets.throughput_per_user_tps or 0.0,
        "target_e2e_latency": targets.e2e_latency_s or 0.0,
    }


def group_columns(group: DeviceGroup, first_node_id: str) -> dict[str, Any]:
    """Return the columns of a row that describe its devices; ``first_node_id`` is a node that it uses."""
    spec = group.spec
    node = next(node for node in group.nodes if node.node_id == first_node_id)
    return {
        "cluster_id": group.cluster_id,
        "node_id": node.node_id,
        "node_name": node.node_name,
        "device_id": node.device_id or node.node_id,
        "device_name": group.device_name,
        "device_type": group.device_type,
        "device_model": group.device_model,
        "raw_name": group.raw_name,
        "available_count": group.total_devices,
        "cores": _cores(group),
        "mem_per_gpu_in_gb": group.memory_bytes_per_device / GB,
        "hbm_bandwidth_in_gb_per_sec": spec.memory_bandwidth_bytes_per_s / GB,
        "intra_node_bandwidth_in_gb_per_sec": (spec.link_bytes_per_s or spec.pcie_bytes_per_s or 0.0) / GB,
        "intra_node_min_message_latency": MESSAGE_LATENCY_S,
        "peak_fp16_tflops": _peak_tflops(group, "fp16", "bf16", "fp32"),
        "peak_i8_tflops": _peak_tflops(group, "int8", "fp8", "fp16"),
        "peak_i4_tflops": _peak_tflops(group, "int4", "fp4", "int8", "fp8", "fp16"),
        "inter_node_bandwidth_in_gb_per_sec": group.inter_node_bytes_per_s / GB,
        "is_blacklisted": False,
    }


def engine_columns(engine: EngineOption) -> dict[str, Any]:
    """Return the columns of a row that say what is launched."""
    return {
        "engine": engine.engine,
        "engine_image": engine.image or "",
        "engine_version": engine.version,
        **{name: getattr(engine, name) for name in _ENGINE_FIELDS},
    }


def fit_columns(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row whose text fits its columns."""
    return {name: fit_column(name, value) for name, value in row.items()}


def placement_of(candidate: Candidate, case: SearchCase) -> tuple[StagePlacement, ...]:
    """Return where every stage of a feasible candidate lies; of two pools the one that decodes."""
    if candidate.prefill is not None:
        return pool_placements(candidate, candidate.prefill, case)[0]
    placed = place(case.group, candidate.plan, candidate.replicas, allow_intra_node_pp=case.limits.allow_intra_node_pp)
    if placed is None:
        text = f"{candidate.replicas} replicas of {candidate.plan.num_devices} devices do not fit the free devices."
        raise NoDeviceError(text, {"field": "clusters"})
    return placed


def pool_placements(
    candidate: Candidate, prefill: PrefillPool, case: SearchCase
) -> tuple[tuple[StagePlacement, ...], ...]:
    """Return where the decode pool and the prefill pool of a feasible candidate lie."""
    pools = ((candidate.plan, candidate.replicas), (prefill.plan, prefill.instances))
    placed = place_pools(case.group, pools, allow_intra_node_pp=case.limits.allow_intra_node_pp)
    if placed is None:
        raise NoDeviceError(f"{candidate.layout} does not fit the free devices together.", {"field": "clusters"})
    return placed


def fit_column(column: str, value: Any) -> Any:
    """Return ``value`` cut to its column's length, if it is text and too long."""
    limit = COLUMN_LENGTHS.get(column)
    if limit is None or not isinstance(value, str) or len(value) <= limit:
        return value
    return value[-limit:] if column in _KEEP_END else value[:limit]


def _cores(group: DeviceGroup) -> int | None:
    """Return the CPU cores of one node of the group: every socket's."""
    if group.cores_per_device is None:
        return None
    return max(1, round(group.cores_per_device * group.max_devices_per_node))


def _peak_tflops(group: DeviceGroup, *formats: str) -> float:
    """Return the peak of the first format the device has: what a kernel falls back to."""
    peaks = group.spec.peak_flops
    return next((peaks[name] / TERA for name in formats if name in peaks), 0.0)


def stored_configuration(
    evaluation: Evaluation, case: SearchCase, *, model_name: str, search_step: int
) -> dict[str, Any]:
    """Return the ``top_k_configs`` object of a row: the platform's keys, then BudSim's; memory in bytes."""
    candidate, prediction = evaluation.candidate, evaluation.prediction
    args, envs = launch(candidate, case, model_name)
    placement = placement_of(candidate, case)
    most = candidate.replicas
    if candidate.prefill is None:
        most = max_replicas(case.group, candidate.plan, allow_intra_node_pp=case.limits.allow_intra_node_pp)
    return {
        "config": {
            "model": model_name,
            "target_device": case.group.device_type,
            "tensor_parallel_size": candidate.plan.tp_size,
            "pipeline_parallel_size": candidate.plan.pp_size,
            "concurrency": candidate.concurrency_per_replica,
            "precision": candidate.precision.name,
            **to_plain(candidate.settings),
        },
        "total_memory": evaluation.total_bytes_per_device,
        "weight_memory": evaluation.weight_bytes_per_device,
        "kv_cache_memory": evaluation.kv_cache_bytes_per_device,
        "ttft": prediction.ttft_ms_p50,
        "e2e_latency": prediction.e2e_s_p50,
        "throughput_per_user": prediction.tps_per_user,
        "concurrency": candidate.concurrency_per_replica,
        "error_rate": evaluation.error_rate,
        "cost_per_million_tokens": evaluation.cost_per_million_tokens_usd,
        "hardware_mode": case.group.hardware_mode,
        "performance_penalty": evaluation.error_rate,
        "meets_targets": evaluation.meets_targets,
        "search_step": search_step,
        "max_loras": adapters(evaluation, case),
        # Beyond the platform's keys.
        "cluster_name": case.group.cluster_name,
        "catalogue_name": case.group.spec.name,
        "objective": case.objective,
        "tp_size": candidate.plan.tp_size,
        "pp_size": candidate.plan.pp_size,
        "ep_size": candidate.plan.ep_size,
        "dp_size": candidate.plan.dp_size,
        "num_devices": candidate.num_devices,
        "replicas": candidate.replicas,
        "max_replicas": most,
        "spare_replicas": case.limits.spare_replicas,
        "cost_per_hour_usd": evaluation.cost_per_hour_usd,
        "cost_source": case.price_source,
        "costs": costs_of(evaluation, case),
        "output_tps": evaluation.output_tps,
        "binding": evaluation.binding,
        "misses": to_plain(evaluation.misses),
        "prediction": to_plain(prediction),
        "placement": to_plain(placement),
        "nodes_spanned": nodes_spanned(placement),
        "pods_per_replica": pods_per_replica(placement),
        "devices_by_node": devices_by_node(placement),
        "memory_headroom": memory_headroom_bytes(evaluation, case.group),
        "match_reason": case.group.match_reason,
        "launch": {"args": args, "envs": envs},
        "prefill": _stored_prefill(evaluation, case, model_name),
    }


def _stored_prefill(evaluation: Evaluation, case: SearchCase, model_name: str) -> dict[str, Any] | None:
    """Return the pool that prefills, memory in bytes; None where every replica does both."""
    candidate, allocation = evaluation.candidate, evaluation.prefill_allocation
    pool = candidate.prefill
    if pool is None or allocation is None:
        return None
    args, envs = launch(candidate, case, model_name, PREFILL)
    placement = pool_placements(candidate, pool, case)[1]
    return {
        "instances": pool.instances,
        "tp_size": pool.plan.tp_size,
        "pp_size": pool.plan.pp_size,
        "num_devices": pool.plan.num_devices * pool.instances,
        "config": to_plain(pool.settings),
        "total_memory": allocation.total_bytes_per_device,
        "weight_memory": allocation.weight_bytes_per_device,
        "kv_cache_memory": allocation.kv_cache_bytes_per_device,
        "placement": to_plain(placement),
        "nodes_spanned": nodes_spanned(placement),
        "pods_per_replica": pods_per_replica(placement),
        "devices_by_node": devices_by_node(placement),
        "launch": {"args": args, "envs": envs},
    }


def costs_of(evaluation: Evaluation, case: SearchCase) -> dict[str, Any]:
    """Return what the tokens of a deployment cost, in and out, in money and in energy."""
    candidate = evaluation.candidate
    return deployment_costs(
        evaluation.prediction,
        case.workload,
        output_tps=evaluation.output_tps,
        num_devices=candidate.num_devices,
        usd_per_hour=evaluation.cost_per_hour_usd,
        tdp_watts=case.group.spec.tdp_watts,
        price_basis=case.price_basis,
        price_source=case.price_source,
    )


def launch(
    candidate: Candidate, case: SearchCase, model_name: str, role: str = DECODE
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the engine's arguments and environment for one replica; of two pools for an instance of a role."""
    pool = candidate if candidate.prefill is None or role == DECODE else candidate.prefill
    query = LaunchQuery(
        pool.settings,
        pool.plan,
        candidate.precision,
        model_name,
        case.group.device_type,
        case.engine.version,
        case.arch,
        case.group.spec,
    )
    args, envs = launch_args(case.engine.engine, query)
    if candidate.prefill is None:
        return dict(args), dict(envs)
    engine = case.engine.engine
    return {**args, **role_arguments(engine, role)}, {**envs, **role_environment(engine)}


def node_group_configuration(
    row: Mapping[str, Any], config_id: str | int, replicas: int | None = None
) -> dict[str, Any]:
    """Return the ``NodeGroupConfiguration`` that budcluster deploys.

    Args:
        row: A row of ``simulation_results``.
        config_id: Its id, by which feedback names it.
        replicas: Replicas to deploy; None = as stored.
    """
    stored = row["top_k_configs"]
    return {
        "config_id": str(config_id),
        "name": row["device_name"],
        "labels": {"device_name": str(row["device_name"]), "concurrency": str(stored["concurrency"])},
        "type": row["device_type"],
        "engine_type": row["engine"],
        "tp_size": stored["tp_size"],
        "pp_size": stored["pp_size"],
        "envs": dict(stored["launch"]["envs"]),
        "args": dict(stored["launch"]["args"]),
        "replicas": stored["replicas"] if replicas is None else replicas,
        "image": row["engine_image"],
        "memory": stored["total_memory"] / GB,
        "hardware_mode": stored["hardware_mode"],
        "ttft": stored["ttft"],
        "throughput_per_user": stored["throughput_per_user"],
        "e2e_latency": stored["e2e_latency"],
        "error_rate": stored["error_rate"],
        "cost_per_million_tokens": stored["cost_per_million_tokens"],
        "device_name": row["device_name"],
        "device_model": row.get("device_model"),
        "raw_name": row.get("raw_name"),
        "engine_version": row.get("engine_version"),
        **{name: row.get(name) for name in _ENGINE_FIELDS},
        "weight_memory_gb": stored["weight_memory"] / GB,
        "kv_cache_memory_gb": stored["kv_cache_memory"] / GB,
        "cores": row.get("cores"),
        "max_loras": stored.get("max_loras"),
        "nodes_spanned": stored.get("nodes_spanned", 1),
        "pods_per_replica": stored.get("pods_per_replica", 1),
        "role": DECODE if stored.get("prefill") else None,
    }


def node_group_configurations(
    row: Mapping[str, Any], config_id: str | int, replicas: int | None = None
) -> list[dict[str, Any]]:
    """Return the groups that budcluster deploys for one row: one, or the decode pool and the prefill pool."""
    group = node_group_configuration(row, config_id, replicas)
    pool = row["top_k_configs"].get("prefill")
    if not pool:
        return [group]
    prefill = {
        **group,
        "role": PREFILL,
        "tp_size": pool["tp_size"],
        "pp_size": pool["pp_size"],
        "envs": dict(pool["launch"]["envs"]),
        "args": dict(pool["launch"]["args"]),
        "replicas": pool["instances"],
        "memory": pool["total_memory"] / GB,
        "weight_memory_gb": pool["weight_memory"] / GB,
        "kv_cache_memory_gb": pool["kv_cache_memory"] / GB,
        "nodes_spanned": pool["nodes_spanned"],
        "pods_per_replica": pool["pods_per_replica"],
        "max_loras": None,
    }
    return [group, prefill]


def deployment_configuration(
    row: Mapping[str, Any], config_id: str | int, replicas: int | None = None
) -> dict[str, Any]:
    """Return the body of ``POST /simulator/configurations`` for one row, without the envelope's ``object``."""
    groups = node_group_configurations(row, config_id, replicas)
    group = groups[0]
    repeated = ("ttft", "throughput_per_user", "e2e_latency", "error_rate", "cost_per_million_tokens", "engine_version")
    return {
        "id": row["cluster_id"],
        "nodes": None,
        "node_groups": groups,
        "replica": group["replicas"],
        "concurrency": carried_concurrency(row, group["replicas"]),
        **{name: group[name] for name in (*repeated, *_ENGINE_FIELDS)},
    }


def carried_concurrency(row: Mapping[str, Any], replicas: int) -> int:
    """Return the concurrent requests that ``replicas`` of a row carry together."""
    return int(replicas) * int(row["top_k_configs"]["concurrency"])


def cluster_metrics(
    row: Mapping[str, Any],
    replicas: int | None = None,
    others: Sequence[tuple[Mapping[str, Any], int]] = (),
) -> dict[str, Any]:
    """Return the ``ClusterMetrics`` object of one row: the platform's keys, then ours beside them.

    Args:
        row: The row that is recommended.
        replicas: Its replicas; None = as stored.
        others: The best row and its replicas of each other device of the cluster.
    """
    return {
        "cluster_id": row["cluster_id"],
        "cluster_name": row["top_k_configs"].get("cluster_name"),
        "metrics": simulation_metrics(row, replicas),
        "quantized_metrics": _quantized_metrics(row),
        "alternatives": [simulation_metrics(other, count) for other, count in others],
        "engine": row["engine"],
        "engine_version": row.get("engine_version"),
        **{name: row.get(name) for name in _ENGINE_FIELDS},
    }


def _quantized_metrics(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the figures of the deployment that a quantisation job makes possible; None without one."""
    deployed = (row["top_k_configs"].get("quantized") or {}).get("row")
    return None if deployed is None else simulation_metrics(deployed)


def simulation_metrics(row: Mapping[str, Any], replicas: int | None = None) -> dict[str, Any]:
    """Return the figures of one row: the platform's keys, then ours."""
    stored = row["top_k_configs"]
    count = stored["replicas"] if replicas is None else replicas
    concurrency = carried_concurrency(row, count)
    # The platform's schema wants a number: 0 with ``cost_known`` false where no price is known.
    cost = stored["cost_per_million_tokens"]
    hourly = stored["cost_per_hour_usd"]
    return {
        "device_types": [
            {
                "device_type": row["device_type"],
                "num_replicas": count,
                "concurrency": concurrency,
                "cost_per_million_tokens": cost or 0.0,
            }
        ],
        "replica": count,
        "concurrency": concurrency,
        "ttft": stored["ttft"],
        "throughput_per_user": stored["throughput_per_user"],
        "e2e_latency": stored["e2e_latency"],
        "error_rate": stored["error_rate"],
        "cost_per_million_tokens": cost or 0.0,
        "cost_known": cost is not None,
        "cost_per_hour_usd": None if hourly is None else hourly * count / stored["replicas"],
        "cost_source": stored.get("cost_source"),
        "costs": stored.get("costs"),
        "meets_targets": stored["meets_targets"],
        "misses": list(stored["misses"]),
        "binding": stored["binding"],
        "reason": stored.get("reason"),
        "device_name": row["device_name"],
        "catalogue_name": stored.get("catalogue_name"),
        "tp_size": stored["tp_size"],
        "pp_size": stored["pp_size"],
        "prefill": prefill_metrics(stored),
        "concurrency_per_replica": stored["concurrency"],
        "memory_gb_per_device": stored["total_memory"] / GB,
        "output_tps": stored["output_tps"],
        "precision": stored["config"]["precision"],
        "hardware_mode": stored["hardware_mode"],
        "confidence": stored["prediction"].get("confidence"),
        "basis": stored["prediction"].get("basis"),
        "intervals": deployment_intervals(stored),
        "performance_known": stored.get("performance_known", True),
        "job": _job(stored),
    }


def prefill_metrics(stored: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the pool that prefills as callers see it; None where every replica does both."""
    pool = stored.get("prefill")
    if not pool:
        return None
    shown = {name: pool[name] for name in ("instances", "tp_size", "pp_size", "num_devices")}
    return {**shown, "memory_gb_per_device": pool["total_memory"] / GB}


def _job(stored: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what is said of a job, with the reason where what it makes cannot be deployed on its devices."""
    job = stored.get("job")
    reason = (stored.get("quantized") or {}).get("reason")
    return job if job is None or reason is None else {**job, "quantized_reason": reason}


def deployment_intervals(stored: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return the 80 % intervals of a stored row; that of the throughput is the whole deployment's."""
    prediction = stored["prediction"]
    intervals = {name: [float(low), float(high)] for name, (low, high) in (prediction.get("intervals") or {}).items()}
    if "output_tps" in intervals and prediction.get("output_tps"):
        share = stored["output_tps"] / prediction["output_tps"]
        intervals["output_tps"] = [bound * share for bound in intervals["output_tps"]]
    return intervals


def distinct_rows(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows without repeated configurations of the same cluster, first one kept."""
    seen: dict[tuple[str, str], Mapping[str, Any]] = {}
    for row in rows:
        seen.setdefault((row["cluster_id"], row["config_hash"]), row)
    return list(seen.values())
