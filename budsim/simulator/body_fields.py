"""Which field of a caller's body holds what the core refuses. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

# Kind of body -> what the core refuses (codes of rejections, names of targets, filters of devices) -> the field.
_FIELDS: Mapping[str, Mapping[str, str]] = {
    "platform": {
        "ttft": "target_ttft",
        "throughput_per_user": "target_throughput_per_user",
        "e2e_latency": "target_e2e_latency",
    },
    "hardware": {
        "device_types": "hardware_type",
        "output_throughput": "constraints.min_throughput_tokens_per_second",
    },
    "optimize": {
        "device_names": "constraints.allowed_gpu_types",
        "budget": "constraints.max_cost_per_hour",
        "high_availability": "constraints.require_high_availability",
        "max_devices_per_replica": "constraints.max_gpus_per_replica",
        "ttft": "targets.max_ttft_ms",
        "e2e_p99": "targets.max_latency_ms",
        "output_throughput": "targets.min_throughput_tps",
        "cost_per_hour": "targets.max_cost_per_hour",
    },
    "capacity": {"device_names": "devices"},
}


def field_of(kind: str, refused: Iterable[str]) -> str | None:
    """Return the field of the first thing refused that the body has one for; None = it has none.

    Args:
        kind: platform | hardware | optimize | capacity.
        refused: Codes of rejections, names of targets, ``device_types`` or ``device_names``; the weightiest first.
    """
    fields = _FIELDS[kind]
    return next((fields[name] for name in refused if name in fields), None)
