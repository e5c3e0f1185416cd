"""Stored runs in the columns that training reads: measured points, and the protocol they were measured under.

The arrival processes are spelt as ``scripts/serving_measurements.py`` reads them. Only what was measured goes out:
nothing derived from a prediction, and no run that cannot be predicted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SOURCE = "own"
_ARRIVAL = {"closed_loop": "closed_loop", "static_batch": "static", "burst": "burst", "poisson": "poisson"}
_LOAD_MODE = {"closed_loop": "closed_loop", "static_batch": "offline_batch", "burst": "closed_loop",
              "poisson": "poisson_rate"}  # fmt: skip
_MEASURED = {
    "ttft_ms_mean": "ttft_ms_mean", "ttft_ms_p50": "ttft_ms_p50", "ttft_ms_p99": "ttft_ms_p99",
    "itl_or_tpot_ms_mean": "tpot_ms_mean", "itl_or_tpot_ms_p50": "tpot_ms_p50", "e2e_s_mean": "e2e_s_mean",
    "tps_output_total": "output_tps",
}  # fmt: skip
_PLAIN = ("model", "hardware", "num_devices", "engine", "engine_version", "precision", "tp", "pp", "ep", "dp", "isl",
          "osl", "request_rate")  # fmt: skip
_PROTOCOL = (
    "num_prompts", "num_warmups", "request_rate", "length_dist", "max_num_seqs", "max_num_batched_tokens",
    "max_model_len", "gpu_memory_utilization", "kv_cache_dtype", "enable_prefix_caching", "enable_chunked_prefill",
    "stream_interval", "dp_attention", "ep",
)  # fmt: skip


def training_row(point_id: int, configuration: Mapping[str, Any], measured: Mapping[str, float],
                 derived: list[str]) -> dict[str, Any]:  # fmt: skip
    """Return the measured point of one run; metrics that were worked out are left empty."""
    row = {name: configuration.get(name) for name in _PLAIN}
    concurrency = configuration.get("concurrency") or configuration.get("num_prompts")
    figures = {column: measured.get(metric) for column, metric in _MEASURED.items() if metric not in derived}
    return {
        "row_id": f"{SOURCE}-{point_id}",
        "source": SOURCE,
        **row,
        "concurrency_or_batch": concurrency,
        "load_mode": _LOAD_MODE.get(str(configuration.get("load_mode"))),
        **dict.fromkeys(_MEASURED),
        **figures,
        "serving_mode": "aggregated",
        "spec_decode": "none",
        "date": None,
        "derived_fields": ",".join(derived),
    }


def protocol_row(point_id: int, configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return the protocol of one run."""
    return {
        "row_id": f"{SOURCE}-{point_id}",
        "arrival": _ARRIVAL.get(str(configuration.get("load_mode"))),
        **{name: configuration.get(name) for name in _PROTOCOL},
        "spec_decode": "none",
        "match_quality": "exact",
    }
