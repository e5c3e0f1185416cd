"""AIPerf and GenAI-Perf exports (``profile_export_aiperf.json``, ``profile_export_genai_perf.json``).

Each metric is an object with its own unit. ``inter_token_latency`` is (E2E - TTFT) / (output tokens - 1), which vLLM
calls TPOT; the gaps between chunks are ``inter_chunk_latency``. ``output_token_throughput_per_user`` is 1 / TPOT and no
throughput of the system. Requests that failed are left out of all of them.
"""

from __future__ import annotations

from typing import Any

from budsim.benchmarks.measured_point import MeasuredPoint, measured_error
from budsim.benchmarks.run_fields import RunFields
from budsim.perf_model.workload import LoadMode

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "seconds": 1.0}
_RATE_UNITS = frozenset({"tokens/sec", "requests/sec", "tokens/s", "requests/s", "per_second"})
_LATENCIES = {
    "ttft_ms": ("time_to_first_token", 1e3),
    "tpot_ms": ("inter_token_latency", 1e3),
    "itl_ms": ("inter_chunk_latency", 1e3),
    "e2e_s": ("request_latency", 1.0),
}
_PLACES = {  # where the releases keep what was asked for, newest first
    "concurrency": (("loadgen", "concurrency"), ("perf_analyzer", "stimulus", "concurrency"), ("concurrency",)),
    "request_rate": (("loadgen", "request_rate"), ("perf_analyzer", "stimulus", "request_rate"), ("request_rate",)),
    "num_prompts": (("loadgen", "request_count"), ("num_prompts",), ("request_count",)),
    "nominal_isl": (("input", "prompt", "input_tokens", "mean"), ("input", "synthetic_tokens", "mean"),
                    ("synthetic_input_tokens_mean",)),
    "nominal_osl": (("input", "prompt", "output_tokens", "mean"), ("input", "output_tokens", "mean"),
                    ("output_tokens_mean",)),
}  # fmt: skip


def is_nvidia_perf(document: RunFields) -> bool:
    """Whether an object is an export of AIPerf or GenAI-Perf."""
    latency = document.get("request_latency")
    return isinstance(latency, dict) and "avg" in latency and "unit" in latency and isinstance(
        document.get("request_throughput"), dict
    )  # fmt: skip


def read_nvidia_perf(run: RunFields) -> MeasuredPoint:
    """Return the run of one export.

    Raises:
        InvalidRequestError: Nothing succeeded, or a value or a unit cannot be.
    """
    asked = run.at("input_config")
    completed = run.count("request_count", "avg")
    if run.flag("was_cancelled"):
        raise measured_error(run.position, "was_cancelled", "is true: the run was stopped, its figures are of a part")
    newer = run.get("aiperf_version") is not None or run.get("benchmark_duration") is not None
    lengths: dict[str, Any] = {
        name: None if run.get(f"{kind}_sequence_length") is None else run.positive(f"{kind}_sequence_length", "avg")
        for name, kind in (("isl", "input"), ("osl", "output"))
    }
    return MeasuredPoint(
        tool="aiperf" if newer else "genai-perf",
        tool_version=run.text("aiperf_version"),
        position=run.position,
        model=_model(asked),
        **_hardware(run),
        completed=completed,
        failed=run.count("error_request_count", "avg"),
        **lengths,
        nominal_isl=_asked(asked, "nominal_isl"),
        nominal_osl=_asked(asked, "nominal_osl"),
        **_load(asked),
        metrics=_metrics(run, lengths["osl"]),
    )


def _asked(asked: RunFields, name: str) -> float | None:
    for place in _PLACES[name]:
        value = asked.get(*place)
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            return asked.positive(*place, zero_is_missing=True)
    return None


def _model(asked: RunFields) -> str | None:
    for place in (("endpoint", "model_names"), ("model_names",), ("model",), ("models",), ("model_selection", "model")):
        if names := asked.texts(*place):
            return names[0]
    return None


def _hardware(run: RunFields) -> dict[str, Any]:
    """Return the devices that telemetry saw; the same device is often exported at several addresses."""
    found: dict[str, str] = {}
    endpoints = run.get("telemetry_data", "endpoints")
    for endpoint in endpoints.values() if isinstance(endpoints, dict) else ():
        gpus = endpoint.get("gpus") if isinstance(endpoint, dict) else None
        for key, gpu in gpus.items() if isinstance(gpus, dict) else ():
            fields = RunFields(gpu if isinstance(gpu, dict) else {})
            if name := fields.text("gpu_name"):
                found[fields.text("gpu_uuid") or str(key)] = name
    names = sorted(set(found.values()))
    if not names:
        return {}
    if len(names) > 1:
        return {"notes": (f"telemetry saw several kinds of devices ({', '.join(names)[:200]}): say which one served",)}
    return {"hardware": names[0]}


def _load(asked: RunFields) -> dict[str, Any]:
    clients, rate = _asked(asked, "concurrency"), _asked(asked, "request_rate")
    prompts = _asked(asked, "num_prompts")
    load: dict[str, Any] = {"num_prompts": round(prompts) if prompts else None}
    if rate:
        return {**load, "load_mode": LoadMode.POISSON, "request_rate": rate}
    if clients:
        return {**load, "load_mode": LoadMode.CLOSED_LOOP, "concurrency": round(clients)}
    return load


def _metrics(run: RunFields, osl: float | None) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, (metric, scale) in _LATENCIES.items():
        if run.get(metric) is None:
            continue
        factor = scale * _unit(run, metric)
        no_gap = name == "itl_ms" or (name == "tpot_ms" and osl is not None and osl <= 1)
        for statistic, key in {"mean": "avg", "p50": "p50", "p90": "p90", "p95": "p95", "p99": "p99"}.items():
            value = run.positive(metric, key, zero_is_missing=no_gap)
            if value is not None:
                found[f"{name}_{statistic}"] = value * factor
    for name, metric in (("output_tps", "output_token_throughput"), ("request_throughput", "request_throughput")):
        value = None if run.get(metric) is None else run.positive(metric, "avg")
        unit = run.text(metric, "unit")
        if value is not None and unit is not None and unit.lower() not in _RATE_UNITS:
            raise measured_error(run.position, f"{metric}.unit", f"= {unit[:20]!r}: use one of {sorted(_RATE_UNITS)}")
        if value is not None:
            found[name] = value
    return found


def _unit(run: RunFields, metric: str) -> float:
    unit = run.text(metric, "unit")
    if unit is None or unit.lower() not in _SECONDS:
        raise measured_error(run.position, f"{metric}.unit", f"= {str(unit)[:20]!r}: use one of {', '.join(_SECONDS)}")
    return _SECONDS[unit.lower()]
