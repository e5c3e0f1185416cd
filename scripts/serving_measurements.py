"""Reads measured serving points and maps them to the columns of the batch interface.

Used by ``fit_step_time.py``, ``accuracy_report.py`` and ``tests/accuracy``. The measurements lie beside the checkout,
in a folder
with ``serving_train.csv`` and ``train_protocol.csv`` (joined on ``row_id``); they are read, never copied.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

ARRIVALS = {"closed_loop": "closed_loop", "burst": "burst", "static": "static_batch", "poisson": "poisson"}
# What the protocol file knows better than the data file.
PROTOCOL_COLUMNS = (
    "num_prompts", "num_warmups", "max_num_seqs", "max_num_batched_tokens", "max_model_len", "gpu_memory_utilization",
    "kv_cache_dtype", "enable_prefix_caching", "enable_chunked_prefill", "stream_interval", "dp_attention",
)  # fmt: skip
PLAIN_COLUMNS = (
    "model", "hardware", "num_devices", "engine", "engine_version", "precision", "tp", "pp", "dp", "isl", "osl",
)  # fmt: skip
MEASURED_COLUMNS = {
    "ttft_ms_mean": "measured_ttft_ms",
    "ttft_ms_p99": "measured_ttft_p99_ms",
    "itl_or_tpot_ms_mean": "measured_tpot_ms",
    "e2e_s_mean": "measured_e2e_s",
    "tps_output_total": "measured_output_tps",
}
COVERED_ENGINES = ("vllm", "sglang", "trtllm")
CORE_SOURCES = ("inferencex", "nvidia-aic-gap", "bud-xeon6767p-vllm")


def read_measurements(folder: Path) -> pd.DataFrame:
    """Return one row per measured point: interface columns, ``measured_*`` columns and what grouping needs.

    Args:
        folder: Holds ``serving_train.csv`` and ``train_protocol.csv``.
    """
    points = pd.read_csv(folder / "serving_train.csv", low_memory=False)
    protocol = pd.read_csv(folder / "train_protocol.csv", low_memory=False)
    joined = points.merge(protocol, on="row_id", how="left", suffixes=("", "_launched"))
    table = joined[["row_id", "source", "serving_mode", *PLAIN_COLUMNS]].copy()
    for name in PROTOCOL_COLUMNS:
        table[name] = joined[name]
    table["load_mode"] = joined["arrival"].map(ARRIVALS)
    table["concurrency"] = joined["concurrency_or_batch"]
    poisson = table["load_mode"].eq("poisson")
    table["request_rate"] = joined["request_rate"].where(poisson)
    table["concurrency"] = table["concurrency"].mask(poisson)
    table["ep"] = joined["ep_launched"].fillna(joined["ep"]).replace(0, 1)
    table["match_quality"] = joined["match_quality"]
    dist = joined["length_dist"].astype("string")
    table["length_dist"] = dist.where(dist.eq("fixed") | dist.str.startswith("uniform_"))
    table["max_num_batched_tokens"] = table["max_num_batched_tokens"].fillna(_generated_budget(joined))
    for name, target in MEASURED_COLUMNS.items():
        table[target] = joined[name]
    table["measured_e2e_s"] = table["measured_e2e_s"].mask(joined["source"].isin(["inferencex", "nvidia-aic-gap"]))
    table["speculative"] = joined["spec_decode_launched"].astype("string").str.startswith("mtp").fillna(False)
    table["repeated"] = joined["source"].eq("nvidia-aic-gap") & joined["model"].str.contains("Kimi")
    table["stalled"] = _cold_start_stall(joined)
    table["held_back"] = (  # launched with batch_wait_timeout_iters: prefill waits on purpose, and no column says so
        joined["source"].eq("inferencex")
        & joined["engine"].eq("trtllm")
        & joined["model"].str.contains("Llama")
        & joined["isl"].lt(1500)
        & joined["osl"].lt(1500)
        & joined["tp"].lt(8)
    )
    return table


def _generated_budget(joined: pd.DataFrame) -> pd.Series:
    """Return the token budget that one tool's generator launches: batch + prompt + 1500 (SGLang: prompt + 1500).

    The batch it chose is not published; it cannot be less than the concurrency that was held.
    """
    batch = joined["concurrency_or_batch"].where(joined["engine"].ne("sglang"), 0)
    return (batch + joined["isl"] + 1500).where(joined["source"].eq("nvidia-aic-gap"))


def _cold_start_stall(joined: pd.DataFrame) -> pd.Series:
    """Return which rows hold the 50-80 s stall in the first wave of one night's runs."""
    return (
        joined["source"].eq("inferencex")
        & joined["engine"].eq("sglang")
        & joined["date"].astype("string").str.startswith("2025-11-10")
        & joined["isl"].gt(4000)
        & joined["ttft_ms_mean"].gt(4000)
    )


def is_core(table: pd.DataFrame) -> pd.Series:
    """Return the rows whose latencies judge the model: aggregated serving, plainly labelled, measured once."""
    return (
        table["source"].isin(CORE_SOURCES)
        & table["serving_mode"].eq("agg")
        & ~table["speculative"].astype(bool)
        & ~table["repeated"]
        & ~table["stalled"]
    )


def is_fully_stated(table: pd.DataFrame) -> pd.Series:
    """Return the aggregated vLLM, SGLang and TensorRT-LLM rows that state lengths, TP and a load."""
    stated = table[["isl", "osl", "tp"]].notna().all(axis=1)
    loaded = table["concurrency"].notna() | table["request_rate"].notna()
    return table["engine"].isin(COVERED_ENGINES) & table["serving_mode"].eq("agg") & stated & loaded


def absolute_percentage_error(predicted: pd.Series, measured: pd.Series) -> pd.Series:
    """Return |predicted / measured - 1| x 100, NaN where either is missing."""
    return (predicted.astype(float) / measured.where(measured > 0) - 1.0).abs() * 100.0


def group_key(table: pd.DataFrame) -> pd.Series:
    """Return model x hardware x engine x precision: neighbours inside leak, so they are held out together."""
    parts = [table[name].astype("string").fillna("") for name in ("model", "hardware", "engine", "precision")]
    return parts[0].str.cat(parts[1:], sep="|")


def is_ambiguous_hardware(table: pd.DataFrame) -> pd.Series:
    """Return the rows whose source does not say what a device is: a MI250 card, or one of its two dies."""
    return table["hardware"].eq("MI250")
