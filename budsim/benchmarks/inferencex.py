"""InferenceX (InferenceMAX) aggregated results: flat, or nested for agentic scenarios. Every latency is in seconds.

Throughput is stated per GPU: the system's is that times the GPUs. ``*_intvty`` is 1000 / TPOT and not read.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from budsim.benchmarks.measured_point import MeasuredPoint
from budsim.benchmarks.run_fields import RunFields
from budsim.perf_model.workload import LoadMode

_LATENCIES = {"ttft_ms": ("ttft", 1e3), "tpot_ms": ("tpot", 1e3), "itl_ms": ("itl", 1e3), "e2e_s": ("e2el", 1.0)}
_FLAT = {"mean": "mean", "p50": "median", "p90": "p90", "p95": "p95", "p99": "p99"}
_NESTED = {"mean": "mean", "p50": "p50", "p90": "p90", "p95": "p95", "p99": "p99"}
# A record whose throughput is off the concurrency by more counts its devices otherwise than it says.
_THROUGHPUT_AGREEMENT = 2.0
# What a runner's name says after the device: ``cluster:h100-dgxc``, ``b200-trt``.
_RUNNER = re.compile(r"^(?:cluster:)?([A-Za-z0-9.]+)")


def is_inferencex(document: RunFields) -> bool:
    """Whether an object is an aggregated result of InferenceX."""
    names = document.document.keys()
    return {"hw", "conc"} <= names and ("infmax_model_prefix" in names or "tput_per_gpu" in names)


def read_inferencex(run: RunFields) -> MeasuredPoint:
    """Return one record.

    Raises:
        InvalidRequestError: A value cannot be.
    """
    nested = run.at("request_metrics")
    tokens = nested.at("tokens")
    agentic = bool(nested.document)
    asked, completed = run.count("num_requests_total"), run.count("num_requests_successful")
    speculative = run.text("spec_decoding") or "none"
    reasons = [
        *([f"speculative decoding ({speculative[:40]})"] if speculative.lower() not in ("none", "off") else []),
        *(["prefill and decode on devices of their own"] if run.flag("disagg") else []),
        *(["an agentic trace: lengths and arrivals are those of its sessions"] if agentic else []),
    ]
    dp_attention = run.flag("dp_attention")
    hardware = run.text("hw")
    runner = _RUNNER.match(hardware) if hardware else None
    point = MeasuredPoint(
        tool="inferencex",
        position=run.position,
        model=run.text("model"),
        hardware=runner[1] if runner else hardware,
        engine=_engine(run.text("framework")),
        precision=run.text("precision"),
        load_mode=LoadMode.CLOSED_LOOP if run.count("conc") else None,
        concurrency=run.count("conc") or None,
        num_prompts=asked,
        completed=completed,
        failed=run.at("request_accounting").count("records_error_dropped"),
        isl=tokens.positive("input", "mean"),
        osl=tokens.positive("output_actual", "mean"),
        nominal_isl=run.positive("isl"),
        nominal_osl=run.positive("osl"),
        settings=_settings(run, dp_attention),
        metrics=_latencies(nested.at("latency"), _NESTED, "{metric}", "{statistic}")
        if agentic
        else _latencies(run, _FLAT, "{statistic}_{metric}"),
        not_predictable="; ".join(reasons),
    )
    return _with_throughput(point, run, nested)


def _engine(framework: str | None) -> str | None:
    """Return the engine of ``framework``: ``trt`` is TensorRT-LLM, ``dynamo-trt`` too."""
    if framework is None:
        return None
    text = framework.lower()
    return next(
        (name for key, name in (("trt", "trtllm"), ("sglang", "sglang"), ("vllm", "vllm")) if key in text), text
    )


def _settings(run: RunFields, dp_attention: bool | None) -> dict[str, Any]:
    sizes = {name: run.count(name) for name in ("tp", "pp", "ep")}
    stated: dict[str, Any] = {name: size for name, size in sizes.items() if size}
    if dp_attention:
        stated["dp_attention"] = True
    return stated


def _latencies(run: RunFields, statistics: dict[str, str], *pattern: str) -> dict[str, float]:
    found = {}
    for name, (metric, scale) in _LATENCIES.items():
        for statistic, word in statistics.items():
            path = [part.format(metric=metric, statistic=word) for part in pattern]
            value = run.positive(*path, zero_is_missing=name == "itl_ms")
            if value is not None:
                found[f"{name}_{statistic}"] = value * scale
    return found


def _with_throughput(point: MeasuredPoint, run: RunFields, nested: RunFields) -> MeasuredPoint:
    """Return the point with the system's output tokens per second, where it can be told."""
    stated = nested.positive("throughput", "output", "tokens_per_second") if nested.document else None
    if stated is not None:
        return replace(point, metrics={**point.metrics, "output_tps": stated})
    per_gpu = run.positive("output_tput_per_gpu")
    gpus = run.count("num_gpus")
    if not gpus and not run.flag("is_multinode"):
        gpus = (run.count("tp") or 1) * (run.count("pp") or 1) * (run.count("pcp_size") or 1)
    if per_gpu is None or not gpus:
        note = "the throughput is stated per GPU and the GPUs are not: it is left out" if per_gpu else ""
        return replace(point, notes=(*point.notes, note)) if note else point
    output_tps, e2e = per_gpu * gpus, point.metrics.get("e2e_s_mean")
    if e2e and point.concurrency and point.nominal_osl:
        expected = point.concurrency * point.nominal_osl / e2e
        if not 1 / _THROUGHPUT_AGREEMENT <= output_tps / expected <= _THROUGHPUT_AGREEMENT:
            note = (
                f"{per_gpu:.4g} tokens/s per GPU on {gpus} GPUs is not what concurrency and E2E make "
                f"({expected:.4g} tokens/s): the throughput is left out"
            )
            return replace(point, notes=(*point.notes, note))
    metrics = {**point.metrics, "output_tps": output_tps}
    return replace(point, metrics=metrics, derived=(*point.derived, "output_tps"))
