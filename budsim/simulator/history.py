"""What the history shows of runs and of everything they found. Pure: rows in, JSON out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from budsim.simulator.deployment import cluster_metrics, deployment_intervals
from budsim.simulator.models import WorkflowRun
from budsim.simulator.pareto import unbeaten
from budsim.simulator.ranking import sorted_rows

Json = dict[str, Any]


def run_summary(run: WorkflowRun, now: datetime | None = None) -> Json:
    """Return one line of the history.

    Args:
        run: A stored run.
        now: Ends the duration of a run that goes on; None = the clock.
    """
    question = run.input.get("question") or {}
    workload, targets = question.get("workload") or {}, question.get("targets") or {}
    return {
        "workflow_id": run.workflow_id,
        "status": run.status,
        "created": int(run.created_at.timestamp()),
        "duration_seconds": ((run.finished_at or now or datetime.now(UTC)) - run.started_at).total_seconds(),
        "model": question.get("model_id") or next(iter(run.input.get("models") or [""])),
        "method": run.input.get("method") or "",
        "objective": question.get("objective"),
        "input_tokens": workload.get("isl"),
        "output_tokens": workload.get("osl"),
        "concurrency": workload.get("concurrency"),
        "cluster_id": question.get("cluster_id"),
        "hardware_mode": question.get("hardware_mode"),
        "allow_disaggregated": bool((question.get("limits") or {}).get("allow_disaggregated")),
        "target_ttft": targets.get("ttft_ms"),
        "target_throughput_per_user": targets.get("throughput_per_user_tps"),
        "target_e2e_latency": targets.get("e2e_latency_s"),
        "project_id": run.project_id,
    }


def found_configurations(rows: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Return stored configurations best first, those marked that no other beats in latency, throughput and cost."""
    ranked = sorted_rows(rows)
    best = unbeaten([figures_of(row["top_k_configs"]) for row in ranked])
    return [
        {
            **cluster_metrics(row),
            "config_id": str(row["id"]),
            "pareto": pareto,
            "intervals": deployment_intervals(row["top_k_configs"]),
        }
        for row, pareto in zip(ranked, best, strict=True)
    ]


def figures_of(stored: Mapping[str, Any]) -> tuple[float, float, float]:
    """Return latency (s), throughput (negative tokens/s) and cost (USD per million tokens), the less the better."""
    cost = stored["cost_per_million_tokens"]
    return stored["e2e_latency"], -stored["output_tps"], float("inf") if cost is None else cost
