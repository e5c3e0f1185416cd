"""Runs of the two engines' own clients: ``vllm bench serve`` (``benchmark_serving.py``) and SGLang's.

Both write one flat object per run, latencies in ms, and TPOT as (E2E - TTFT) / (output tokens - 1). ``backend`` and
``endpoint_type`` name the protocol that the client speaks, not the server's engine: vLLM's is used against others too.
SGLang's own protocol (``backend: sglang``) is answered by SGLang only. The forks that TensorRT-LLM and InferenceX keep
of vLLM's client write the same keys.
"""

from __future__ import annotations

from typing import Any

from budsim.benchmarks.measured_point import MeasuredPoint, measured_error
from budsim.benchmarks.run_fields import RunFields, per_request, whole
from budsim.perf_model.workload import LoadMode

_VLLM_LATENCIES = {"ttft_ms": ("ttft_ms", 1.0), "tpot_ms": ("tpot_ms", 1.0), "itl_ms": ("itl_ms", 1.0),
                   "e2e_s": ("e2el_ms", 1e-3)}  # fmt: skip
_SGLANG_LATENCIES = {**_VLLM_LATENCIES, "e2e_s": ("e2e_latency_ms", 1e-3)}
# ``vllm bench sweep`` adds the server's arguments that it swept.
_SWEPT = ("max_num_seqs", "max_num_batched_tokens", "max_model_len", "gpu_memory_utilization")


def is_vllm_bench(document: RunFields) -> bool:
    """Whether an object is a run of ``vllm bench serve``."""
    names = document.document.keys()
    return {"num_prompts", "completed", "request_throughput"} <= names and (
        "model_id" in names or "tokenizer_id" in names
    ) and "total_output_tokens_retokenized" not in names  # fmt: skip


def is_sglang_bench(document: RunFields) -> bool:
    """Whether an object is a run of SGLang's ``bench_serving``."""
    names = document.document.keys()
    return "completed" in names and (
        "total_output_tokens_retokenized" in names
        or {"sharegpt_output_len", "random_input_len"} <= names
        or "mean_e2e_latency_ms" in names
    )


def read_vllm_bench(run: RunFields) -> MeasuredPoint:
    """Return one run of ``vllm bench serve``.

    Raises:
        InvalidRequestError: It failed, or a value cannot be.
    """
    asked, completed = run.count("num_prompts"), run.count("completed")
    failed = run.count("failed")
    if failed is None and asked is not None and completed is not None:
        failed = max(0, asked - completed)
    settings = {name: run.positive(name) for name in _SWEPT if run.get(name) is not None}
    settings |= {name: whole(value) for name, value in settings.items() if name != "gpu_memory_utilization"}
    return MeasuredPoint(
        tool="vllm-bench",
        position=run.position,
        model=run.text("model_id"),
        completed=completed,
        failed=failed,
        settings={name: value for name, value in settings.items() if value is not None},
        **_sizes(run, completed),
        **{"num_prompts": asked, **_load(run, asked)},
        metrics=_metrics(run, _VLLM_LATENCIES, run.get("total_output_tokens"), completed),
    )


def read_sglang_bench(run: RunFields) -> MeasuredPoint:
    """Return one run of SGLang's ``bench_serving``; the number of prompts asked for is not in it.

    Raises:
        InvalidRequestError: It failed, or a value cannot be.
    """
    completed = run.count("completed")
    server = run.at("server_info")
    own = run.text("backend") == "sglang" or server.text("model_path") is not None
    stated = {"tp": server.count("tp_size"), "pp": server.count("pp_size")}
    return MeasuredPoint(
        tool="sglang-bench",
        position=run.position,
        model=server.text("model_path") or server.text("served_model_name"),
        engine="sglang" if own else None,
        engine_version=server.text("version") if own else None,
        completed=completed,
        nominal_isl=run.positive("random_input_len", zero_is_missing=True),
        nominal_osl=run.positive("random_output_len", zero_is_missing=True),
        settings={name: value for name, value in stated.items() if value},
        **_sizes(run, completed),
        **_load(run, completed),
        metrics=_metrics(run, _SGLANG_LATENCIES, run.get("total_output_tokens"), completed),
    )


def _sizes(run: RunFields, completed: int | None) -> dict[str, Any]:
    """Return the mean lengths of the requests that ended.

    Raises:
        InvalidRequestError: Nothing was generated.
    """
    if completed == 0:
        raise measured_error(run.position, "completed", "is 0: the run failed, there is nothing to learn from it")
    if run.count("total_output_tokens") == 0:
        text = f"is 0 after {completed} completed requests: the run failed, there is nothing to learn from it"
        raise measured_error(run.position, "total_output_tokens", text)
    return {
        "isl": per_request(run.positive("total_input_tokens", zero_is_missing=True), completed),
        "osl": per_request(run.positive("total_output_tokens", zero_is_missing=True), completed),
        "derived": ("isl", "osl"),
    }


def _load(run: RunFields, prompts: int | None) -> dict[str, Any]:
    """Return the load: ``request_rate`` without limit and ``max_concurrency`` are a closed loop, alone a burst."""
    clients, notes = run.count("max_concurrency"), []
    if isinstance(run.get("request_rate"), str) and run.text("request_rate") == "trace":
        return {"notes": ("requests came at the times of a trace: their rate is not stated",)}
    rate = run.rate("request_rate")
    burstiness = run.positive("burstiness")
    if rate is None:
        if clients:
            load = {"load_mode": LoadMode.CLOSED_LOOP, "concurrency": min(clients, prompts or clients)}
        else:
            load = {"load_mode": LoadMode.BURST if prompts else None, "num_prompts": prompts}
        return load
    if burstiness is not None and burstiness != 1.0:
        notes.append(f"burstiness {burstiness:g}: gaps between requests were not those of a Poisson process")
    if clients:
        notes.append(f"max_concurrency {clients} may have held requests of the rate back")
    return {"load_mode": LoadMode.POISSON, "request_rate": rate, "notes": tuple(notes)}


def _metrics(
    run: RunFields, latencies: dict[str, tuple[str, float]], tokens: Any, completed: int | None
) -> dict[str, float]:
    single = bool(completed) and tokens == completed
    found: dict[str, float] = {}
    for name, (key, scale) in latencies.items():
        no_gap = name == "itl_ms" or (name == "tpot_ms" and single)  # one token: there is no second
        for statistic, prefix in {
            "mean": "mean_",
            "p50": "median_",
            "p90": "p90_",
            "p95": "p95_",
            "p99": "p99_",
        }.items():
            value = run.positive(f"{prefix}{key}", zero_is_missing=no_gap)
            if value is None and statistic == "p50":
                value = run.positive(f"p50_{key}", zero_is_missing=no_gap)
            if value is not None:
                found[f"{name}_{statistic}"] = value * scale
    for name in ("output_throughput", "request_throughput"):
        value = run.positive(name)
        if value is not None:
            found["output_tps" if name == "output_throughput" else name] = value
    return found
