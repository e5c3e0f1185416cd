"""LLMPerf summaries (``version: 2023-08-31``): seconds, one closed loop per file.

Its inter-token latency divides by all tokens, the first included, so it is neither ITL nor TPOT and is left out.
"""

from __future__ import annotations

from budsim.benchmarks.measured_point import MeasuredPoint
from budsim.benchmarks.run_fields import RunFields
from budsim.perf_model.workload import LoadMode

_STATISTICS = {"mean": "mean", "p50": "quantiles_p50", "p90": "quantiles_p90", "p95": "quantiles_p95",
               "p99": "quantiles_p99"}  # fmt: skip


def is_llmperf(document: RunFields) -> bool:
    """Whether an object is a summary of LLMPerf."""
    return {"num_concurrent_requests", "results_ttft_s_mean"} <= document.document.keys()


def read_llmperf(run: RunFields) -> MeasuredPoint:
    """Return the run of one summary.

    Raises:
        InvalidRequestError: Nothing completed, or a value cannot be.
    """
    started, errors = run.count("results_num_requests_started"), run.count("results_number_errors")
    completed = run.count("results_num_completed_requests")
    if completed is None and started is not None:
        completed = started - (errors or 0)
    clients = run.count("num_concurrent_requests")
    metrics: dict[str, float] = {}
    if completed != 0:
        for name, metric, scale in (("ttft_ms", "ttft_s", 1e3), ("e2e_s", "end_to_end_latency_s", 1.0)):
            for statistic, key in _STATISTICS.items():
                value = run.positive(f"results_{metric}_{key}")
                if value is not None:
                    metrics[f"{name}_{statistic}"] = value * scale
        throughput = run.positive("results_mean_output_throughput_token_per_s")
        per_minute = run.positive("results_num_completed_requests_per_min")
        metrics |= {"output_tps": throughput} if throughput else {}
        metrics |= {"request_throughput": per_minute / 60} if per_minute else {}
    return MeasuredPoint(
        tool="llmperf",
        tool_version=run.text("version"),
        position=run.position,
        model=run.text("model"),
        load_mode=LoadMode.CLOSED_LOOP if clients else None,
        concurrency=clients or None,
        num_prompts=started,
        completed=completed,
        failed=errors,
        isl=run.positive("results_number_input_tokens_mean") if completed else None,
        osl=run.positive("results_number_output_tokens_mean") if completed else None,
        nominal_isl=run.positive("mean_input_tokens"),
        nominal_osl=run.positive("mean_output_tokens"),
        metrics=metrics,
        notes=("its inter-token latency counts the first token too: TPOT is left out",),
    )
