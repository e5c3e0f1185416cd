"""Plain CSV of measured points: columns of the prediction interface beside measured metrics, one run a row."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from budsim.benchmarks.measured_point import METRICS, MeasuredPoint, measured_error
from budsim.benchmarks.run_fields import RunFields
from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.workload import LoadMode

_MAX_ROWS = 100_000
_BLANK = frozenset({"", "nan", "none", "null", "na", "n/a"})
# Other spellings of columns; a metric without a statistic is the mean.
_ALIASES = {
    **{name: f"{name}_mean" for name in ("ttft_ms", "tpot_ms", "itl_ms", "e2e_s")},
    "ttft_s": "ttft_ms_mean", "ttft_s_mean": "ttft_ms_mean", "tpot_s": "tpot_ms_mean", "tpot_s_mean": "tpot_ms_mean",
    "itl_s": "itl_ms_mean", "itl_s_mean": "itl_ms_mean", "e2e_ms": "e2e_s_mean", "e2e_ms_mean": "e2e_s_mean",
    "output_throughput": "output_tps", "version": "engine_version", "n_req": "num_prompts",
    "input_tokens": "isl", "output_tokens": "osl", "device": "hardware", "dtype": "precision",
    "chunked_prefill": "enable_chunked_prefill",
}  # fmt: skip
_SCALES = {"ttft_s": 1e3, "ttft_s_mean": 1e3, "tpot_s": 1e3, "tpot_s_mean": 1e3, "itl_s": 1e3, "itl_s_mean": 1e3,
           "e2e_ms": 1e-3, "e2e_ms_mean": 1e-3}  # fmt: skip
_TEXTS = ("model", "hardware", "engine", "engine_version", "precision")
_COUNTS = ("concurrency", "num_prompts", "completed", "failed")
_NUMBERS = ("isl", "osl")
_SETTINGS = (
    "num_devices", "kv_cache_dtype", "tp", "pp", "ep", "dp", "max_num_seqs", "max_num_batched_tokens", "max_model_len",
    "gpu_memory_utilization", "enable_prefix_caching", "prefix_cache_hit_rate", "enable_chunked_prefill",
    "stream_interval", "dp_attention", "speculative_tokens", "num_warmups", "length_dist",
)  # fmt: skip


def is_points_csv(header: str) -> bool:
    """Whether the first line of a file names metrics and lengths as columns."""
    names = {_canonical(name) for name in header.split(",")}
    return bool(names & set(METRICS)) and bool(names & {"isl", "osl", "concurrency", "request_rate", "model"})


def rows_of(text: str) -> list[tuple[str, Mapping[str, str] | str]]:
    """Return (position, cells) of every row; a malformed row is its reason instead of its cells.

    Raises:
        InvalidRequestError: The header names a column twice, or the file is no table.
    """
    try:
        lines = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as problem:
        raise InvalidRequestError(f"the file is not a CSV table: {problem}", {"field": "file"}) from problem
    header, *body = [line for line in lines if line]
    if len(body) > _MAX_ROWS:
        raise InvalidRequestError(f"the file has {len(body)} rows; at most {_MAX_ROWS}", {"field": "file"})
    names = [_canonical(name) for name in header]
    repeated = sorted({name for name in names if name and names.count(name) > 1})
    if repeated:
        raise InvalidRequestError(f"the file names a column twice: {', '.join(repeated)}", {"field": repeated[0]})
    scales = [_SCALES.get(name.strip().lower(), 1.0) for name in header]
    rows: list[tuple[str, Mapping[str, str] | str]] = []
    for index, cells in enumerate(body):
        position = f"row {index + 1}"
        if len(cells) > len(names):
            rows.append((position, f"the row has {len(cells)} cells, the header names {len(names)} columns"))
            continue
        rows.append((position, {n: _scaled(c, s, n, position) for n, c, s in zip(names, cells, scales, strict=False)}))
    return rows


def _canonical(name: str) -> str:
    key = name.strip().strip('"').lower()
    return _ALIASES.get(key, key)


def _scaled(cell: str, scale: float, name: str, position: str) -> str:
    if scale == 1.0 or cell.strip().lower() in _BLANK:
        return cell.strip()
    try:
        return repr(float(cell) * scale)
    except ValueError:
        raise measured_error(position, name, f"= {cell[:40]!r}: must be a number") from None


def read_points_csv(run: RunFields) -> MeasuredPoint:
    """Return the run of one row.

    Raises:
        InvalidRequestError: A value cannot be; NaN in a metric is one, an empty cell is not.
    """
    stated = {name: value for name, value in run.document.items() if str(value).lower() not in _BLANK - {"nan"}}
    row = RunFields({n: v for n, v in stated.items() if n in METRICS or str(v).lower() != "nan"}, run.position)
    rate = row.rate("request_rate")
    metrics = {
        name: value for name in METRICS if (value := row.positive(name, zero_is_missing=_no_second_token(row, name)))
    }
    point: dict[str, Any] = {name: row.text(name) for name in _TEXTS}
    point |= {name: row.count(name) for name in _COUNTS} | {name: row.positive(name) for name in _NUMBERS}
    return MeasuredPoint(
        tool="csv",
        position=run.position,
        **{**point, "concurrency": point["concurrency"] or None},
        load_mode=_load_mode(row, rate),
        request_rate=rate,
        settings={name: row.text(name) for name in _SETTINGS if row.text(name) is not None},
        metrics=metrics,
        not_predictable="speculative decoding" if (row.positive("speculative_tokens", zero_is_missing=True)) else "",
    )


def _no_second_token(row: RunFields, name: str) -> bool:
    return name.startswith("itl_ms") or (name.startswith("tpot_ms") and row.positive("osl") == 1)


def _load_mode(row: RunFields, rate: float | None) -> LoadMode | None:
    text = row.text("load_mode")
    if text is not None:
        aliases = {"offline_batch": "static_batch", "poisson_rate": "poisson"}
        try:
            return LoadMode(aliases.get(text.lower(), text.lower()))
        except ValueError:
            known = ", ".join(mode.value for mode in LoadMode)
            raise measured_error(row.position, "load_mode", f"= {text[:40]!r}: use one of {known}") from None
    if row.count("concurrency"):
        return LoadMode.CLOSED_LOOP
    if rate is not None:
        return LoadMode.POISSON
    return LoadMode.BURST if row.count("num_prompts") else None
