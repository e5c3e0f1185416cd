"""GuideLLM reports (0.2 to 0.8): one benchmark of a report is one run.

``time_per_output_token_ms`` counts the first token too, so ``inter_token_latency_ms`` is what vLLM calls TPOT. Rates
are the means: the medians are of a distribution weighted by time. ``request_latency`` is in seconds. Only requests
that succeeded count; ``incomplete`` ones were running when the time was over and are no errors.
"""

from __future__ import annotations

import re
from typing import Any

from budsim.benchmarks.measured_point import MeasuredPoint
from budsim.benchmarks.run_fields import RunFields, whole
from budsim.perf_model.workload import LoadMode

_LATENCIES = {
    "ttft_ms": "time_to_first_token_ms",
    "tpot_ms": "inter_token_latency_ms",
    "e2e_s": "request_latency",
}
_RATES = {"output_tps": "output_tokens_per_second", "request_throughput": "requests_per_second"}
_NOMINAL = {"nominal_isl": "prompt_tokens", "nominal_osl": "output_tokens"}


def is_guidellm_report(document: RunFields) -> bool:
    """Whether an object is a report of GuideLLM."""
    runs = document.get("benchmarks")
    return isinstance(runs, list) and any(
        is_guidellm_benchmark(RunFields(run)) for run in runs if isinstance(run, dict)
    )


def is_guidellm_benchmark(document: RunFields) -> bool:
    """Whether an object is one benchmark of such a report."""
    return document.get("metrics", "time_to_first_token_ms") is not None and (
        document.get("metrics", "output_token_count") is not None or document.text("type_") == "generative_benchmark"
    )


def benchmarks_of(report: RunFields) -> list[RunFields]:
    """Return the runs of a report, each with the report's model, version and lengths asked for."""
    runs = []
    for index, run in enumerate(report.get("benchmarks")):
        if isinstance(run, dict):
            whole_run = {**run, "_report": {name: report.get(name) for name in ("metadata", "config", "args")}}
            runs.append(RunFields(whole_run, f"benchmarks[{index}]"))
    return runs


def read_guidellm(run: RunFields) -> MeasuredPoint:
    """Return one benchmark.

    Raises:
        InvalidRequestError: No request succeeded, or a value cannot be.
    """
    totals = run.at("metrics", "request_totals")
    if not totals.document:
        totals = run.at("request_totals")
    completed = totals.count("successful")
    counts: dict[str, Any] = {
        "completed": completed,
        "failed": totals.count("errored"),
        "num_prompts": totals.count("total"),
    }
    return MeasuredPoint(
        tool="guidellm",
        tool_version=run.text("_report", "metadata", "guidellm_version"),
        position=run.position,
        model=_model(run),
        isl=_successful(run, "prompt_token_count", "mean"),
        osl=_successful(run, "output_token_count", "mean"),
        **counts,
        **_nominal(run),
        **_load(run),
        metrics={} if completed == 0 else _metrics(run),
    )


def _successful(run: RunFields, metric: str, *path: str, zero_is_missing: bool = False) -> float | None:
    return run.positive("metrics", metric, "successful", *path, zero_is_missing=zero_is_missing)


def _metrics(run: RunFields) -> dict[str, float]:
    found: dict[str, float | None] = {}
    osl = _successful(run, "output_token_count", "mean")
    for name, metric in _LATENCIES.items():
        single = metric == "inter_token_latency_ms" and osl is not None and osl <= 1
        found[f"{name}_mean"] = _successful(run, metric, "mean", zero_is_missing=single)
        for percentile in ("p50", "p90", "p95", "p99"):
            value = _successful(run, metric, "percentiles", percentile, zero_is_missing=True)
            found[f"{name}_{percentile}"] = value
        found[f"{name}_p50"] = found[f"{name}_p50"] or _successful(run, metric, "median", zero_is_missing=True)
    found |= {name: _successful(run, metric, "mean") for name, metric in _RATES.items()}
    return {name: value for name, value in found.items() if value is not None}


def _model(run: RunFields) -> str | None:
    places = (("worker", "backend_model"), ("_report", "config", "spec", "backend", "model"),
              ("_report", "args", "model"), ("config", "backend", "model"),
              ("_report", "args", "backend_kwargs", "model"))  # fmt: skip
    return next((name for place in places if (name := run.text(*place))), None)


def _nominal(run: RunFields) -> dict[str, Any]:
    """Return the lengths asked for: a text ``prompt_tokens=128,output_tokens=128``, or an object."""
    found: dict[str, float] = {}
    for source in (run.get("request_loader", "data"), run.get("_report", "args", "data"),
                   run.get("_report", "config", "spec", "data")):  # fmt: skip
        first: Any = source[0] if isinstance(source, list) and source else source
        for name, key in _NOMINAL.items():
            if isinstance(first, dict) and (value := RunFields(first).positive(key)):
                found[name] = value
            elif isinstance(first, str) and (match := re.search(rf"\b{key}=(\d{{1,9}})\b", first)) and int(match[1]):
                found[name] = float(match[1])
    return found


def _load(run: RunFields) -> dict[str, Any]:
    strategy = next((s for s in (run.at("config", "strategy"), run.at("args", "strategy"),
                                 run.at("scheduler", "strategy")) if s.document), RunFields({}))  # fmt: skip
    kind = strategy.text("type_") or strategy.text("kind") or ""
    if kind == "synchronous":
        return {"load_mode": LoadMode.CLOSED_LOOP, "concurrency": 1}
    if kind in ("concurrent", "throughput"):
        clients = strategy.count("streams") or strategy.count("max_concurrency")
        if kind == "concurrent" and clients:
            return {"load_mode": LoadMode.CLOSED_LOOP, "concurrency": clients}
        held = whole(_successful(run, "request_concurrency", "mean", zero_is_missing=True))
        why = "all requests were sent as fast as the client could: the concurrency is the measured mean"
        return {"load_mode": LoadMode.CLOSED_LOOP, "concurrency": held, "notes": (why,)} if held else {}
    rate = strategy.rate("rate") or strategy.rate("initial_rate")
    if kind in ("constant", "poisson", "async") and rate:
        note = ("requests came at even gaps: queues are shorter than a Poisson process makes them",)
        return {"load_mode": LoadMode.POISSON, "request_rate": rate, "notes": () if kind == "poisson" else note}
    return {"notes": (f"load of strategy {kind[:40] or 'unknown'} is not read",)}
