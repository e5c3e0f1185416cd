"""Which field of a caller's body holds what the core refuses. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from budsim.commons.errors import BudSimError

_LOAD = {name: f"workload.{name}" for name in ("input_tokens", "output_tokens", "concurrency")}
_FORMATS = {"precision": "quantization_options"}
# Kind of body -> what the core refuses (its own fields, codes of rejections, kinds of remedies, names of targets,
# filters of devices) -> the field. A name that is not here is the body's own.
_FIELDS: Mapping[str, Mapping[str, str]] = {
    "platform": {
        "model": "pretrained_model_uri",
        "input_tokens": "input_tokens",
        "concurrency": "concurrency",
        "ttft": "target_ttft",
        "throughput_per_user": "target_throughput_per_user",
        "e2e_latency": "target_e2e_latency",
    },
    "hardware": {
        **_LOAD,
        **_FORMATS,
        "model": "model_name",
        "engines": "engine_preferences",
        "device_types": "hardware_type",
        "output_throughput": "constraints.min_throughput_tokens_per_second",
    },
    "optimize": {
        **_LOAD,
        **_FORMATS,
        "model": "model_id",
        "engines": "engines",
        "request_rate": "workload.request_rate",
        "saturated": "workload.request_rate",
        "device_names": "constraints.allowed_gpu_types",
        "budget": "constraints.max_cost_per_hour",
        "high_availability": "constraints.require_high_availability",
        "max_replicas": "constraints.max_replicas",
        "max_devices_per_replica": "constraints.max_gpus_per_replica",
        "ttft": "targets.max_ttft_ms",
        "e2e_p99": "targets.max_latency_ms",
        "output_throughput": "targets.min_throughput_tps",
        "cost_per_hour": "targets.max_cost_per_hour",
    },
    "sizing": {**_LOAD, **_FORMATS, "model": "model_id", "engines": "engines", "hardware": "devices"},
    "recommendations": {"model": "models"},
    "capacity": {**_FORMATS, "model": "model_id", "engines": "engines", "device_names": "devices"},
}


def field_of(kind: str, refused: Iterable[str]) -> str | None:
    """Return the field of the first thing refused that the body has one for; None = it has none.

    Args:
        kind: platform | hardware | optimize | sizing | capacity | recommendations.
        refused: Names of what the core refuses, the weightiest first.
    """
    fields = _FIELDS[kind]
    return next((fields[name] for name in refused if name in fields), None)


@contextmanager
def fields_of(kind: str) -> Iterator[None]:
    """Let an error that names a field by the core's name of it leave with the body's."""
    try:
        yield
    except BudSimError as error:
        rename_field(kind, error)
        raise


def rename_field(kind: str, error: BudSimError) -> None:
    """Let an error that names a field by the core's name of it name the body's."""
    if error.param and (field := field_of(kind, [str(error.param.get("field"))])):
        error.param["field"] = field
