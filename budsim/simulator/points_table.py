"""The batch interface: a table of configurations in, the same table with predictions out.

One row is one replica group under load. A missing column or an empty cell means the default or "not known"; a row
that cannot be answered gets a ``status`` and a ``reason`` and never stops the table. Row order, index and foreign
columns are kept; a foreign column that bears the name of an output comes back as ``<name>_input``.

A Poisson rate above capacity has no steady latency: without ``num_prompts`` the latency cells are empty, with it they
are those of that finite run. Throughput is the capacity in both cases.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from budsim.commons.errors import BudSimError
from budsim.perf_model.memory import CorrectionOf, MemoryEstimate
from budsim.perf_model.memory import estimate_memory as estimate_replica_memory
from budsim.perf_model.parallelism import check_plan
from budsim.perf_model.serving_point import Infeasible, Prediction, ServingPoint
from budsim.perf_model.speculation import acceptance
from budsim.perf_model.workload import Workload
from budsim.simulator.candidate import Predictor
from budsim.simulator.disaggregated import DisaggregatedPredictor
from budsim.simulator.point_columns import INPUT_COLUMNS
from budsim.simulator.points_reader import ReadRow, RowRefusal, read_rows, refusal_of
from budsim.simulator.pools_reader import ReadPools, is_disaggregated, read_pools
from budsim.simulator.predictors import make_predictor
from budsim.simulator.table_cells import number_cell

__all__ = ["INPUT_COLUMNS", "LATENCY_COLUMNS", "MEMORY_COLUMNS", "PREDICTION_COLUMNS", "estimate_memory", "predict"]

LATENCY_COLUMNS = (
    "ttft_ms_mean", "ttft_ms_p50", "ttft_ms_p90", "ttft_ms_p95", "ttft_ms_p99", "tpot_ms_mean", "tpot_ms_p99",
    "itl_ms_p99",
    "e2e_s_mean", "e2e_s_p50", "e2e_s_p95", "e2e_s_p99",
)  # fmt: skip
INTERVAL_METRICS = ("ttft_ms_mean", "tpot_ms_mean", "e2e_s_mean", "output_tps")
PREDICTION_COLUMNS = (
    "status", "reason", *LATENCY_COLUMNS, "output_tps", "tps_per_user", "request_throughput", "saturated",
    "kv_cache_tokens", "max_concurrency", "confidence", "basis",
    *(f"{name}_{end}" for name in INTERVAL_METRICS for end in ("lo", "hi")),
)  # fmt: skip
_LATENCY_INTERVALS = tuple(
    f"{name}_{end}" for name in INTERVAL_METRICS if name in LATENCY_COLUMNS for end in ("lo", "hi")
)
MEMORY_COLUMNS = (
    "status", "reason", "model_loading_gib", "activation_gib", "non_torch_gib", "available_kv_gib", "kv_cache_tokens",
    "max_concurrency",
)  # fmt: skip
GIB = float(2**30)
_POOLS_HAVE_TWO = RowRefusal(
    "unsupported", "two pools have two answers: give an instance of each pool a row of its own"
)


def _infeasible_status(answer: Infeasible) -> str:
    return "unsupported" if answer.code == "unsupported" else "infeasible"


def _prediction_row(answer: Prediction | Infeasible | RowRefusal, asked: ReadRow | ReadPools) -> dict[str, Any]:
    if isinstance(answer, RowRefusal):
        return {"status": answer.status, "reason": answer.reason}
    if isinstance(answer, Infeasible):
        return {"status": _infeasible_status(answer), "reason": answer.reason}
    row: dict[str, Any] = {
        name: getattr(answer, name)
        for name in PREDICTION_COLUMNS
        if hasattr(answer, name) and name not in {"status", "reason"}
    }
    for name, (low, high) in answer.intervals.items():
        row[f"{name}_lo"], row[f"{name}_hi"] = low, high
    notes = [*asked.notes, *_acceptance_note(asked.point)]
    if answer.saturated and not isinstance(asked.point, RowRefusal):
        notes.insert(0, _saturation_reason(asked.point.workload, answer))
        if not asked.point.workload.num_prompts:
            row |= dict.fromkeys((*LATENCY_COLUMNS, "tps_per_user", *_LATENCY_INTERVALS))
    return {**row, "status": "ok", "reason": "; ".join(notes)}


def _acceptance_note(point: object) -> tuple[str, ...]:
    """Return which acceptance was taken where the row drafts and states none."""
    if not isinstance(point, ServingPoint) or not point.settings.speculative_tokens:
        return ()
    if point.workload.acceptance_rate is not None:
        return ()
    rate, method = acceptance(point.settings, point.workload), point.settings.speculative_method
    return (f"acceptance_rate: {rate:g} per draft token, the default of {method}, was taken; it depends on the text",)


def _saturation_reason(load: Workload, answer: Prediction) -> str:
    rate = load.request_rate or 0.0
    text = f"saturated: {rate:g} requests/s arrive, {answer.request_throughput:.3g} can be served"
    if load.num_prompts:
        return f"{text}; latencies are those of this run of {load.num_prompts} prompts"
    return f"{text}; latency grows without bound, so it is left empty"


def _joined(frame: pd.DataFrame, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    """Return the input columns (renamed where the output owns the name), then ``columns`` in order."""
    answers = (
        pd.DataFrame(rows, index=frame.index, columns=list(columns)) if rows else pd.DataFrame(columns=list(columns))
    )
    kept = frame.rename(columns={name: f"{name}_input" for name in frame.columns if name in columns})
    return pd.concat([kept, answers.set_axis(frame.index)], axis=1)


def predict(
    frame: pd.DataFrame,
    method: str | None = None,
    predictor: Predictor | None = None,
    model_version: str | None = None,
    correction_of: CorrectionOf | None = None,
) -> pd.DataFrame:
    """Predict every row of a table of configurations.

    Rows that state pools (``POOL_COLUMNS``) are predicted from physics whatever the method.

    Args:
        frame: Columns of ``INPUT_COLUMNS`` and ``POOL_COLUMNS``; cells may be text (a CSV read as text) or numbers.
        method: ``regressor`` or ``heuristic``; None = ``DEFAULT_SIMULATION_METHOD``.
        predictor: For tests and searches; None = one of ``method``.
        model_version: Version of the trained models; None = the current one.
        correction_of: What start-up logs measured of a point's memory, to say so in ``reason``.

    Returns:
        The input columns, then ``PREDICTION_COLUMNS``; same rows, same order.

    Raises:
        InvalidRequestError: The method or the version does not exist.
        ModelFilesError: The trained models are damaged or missing.
    """
    chosen = predictor or make_predictor(method, model_version)
    pooled = is_disaggregated(frame)
    pools = iter(_pool_rows(frame[pooled], correction_of) if any(pooled) else ())
    asked = [_with_basis(row, correction_of) for row in read_rows(frame[[not cell for cell in pooled]])]
    known = [row.point for row in asked if isinstance(row.point, ServingPoint)]
    answers = iter(chosen.predict(known))
    plain = (_prediction_row(row.point if isinstance(row.point, RowRefusal) else next(answers), row) for row in asked)
    return _joined(frame, [next(pools) if cell else next(plain) for cell in pooled], PREDICTION_COLUMNS)


def _pool_rows(frame: pd.DataFrame, correction_of: CorrectionOf | None) -> list[dict[str, Any]]:
    asked = read_pools(frame)
    answers = iter(
        DisaggregatedPredictor(correction_of=correction_of).predict(
            [row.point for row in asked if not isinstance(row.point, RowRefusal)]
        )
    )
    return [_prediction_row(row.point if isinstance(row.point, RowRefusal) else next(answers), row) for row in asked]


def _with_basis(asked: ReadRow, correction_of: CorrectionOf | None) -> ReadRow:
    """Return the row with what its memory was calibrated by among its notes."""
    if correction_of is None or not isinstance(asked.point, ServingPoint):
        return asked
    correction = correction_of(asked.point)
    return replace(asked, notes=(*asked.notes, correction.note)) if correction and correction.note else asked


def estimate_memory(frame: pd.DataFrame, correction_of: CorrectionOf | None = None) -> pd.DataFrame:
    """Estimate the memory of every row's replica, per fullest device; load and lengths are optional.

    Args:
        frame: Columns of ``INPUT_COLUMNS``; an optional ``model_loading_gib`` replaces the computed weights.
        correction_of: What start-up logs measured of a point; None = computed figures alone.

    Returns:
        The input columns, then ``MEMORY_COLUMNS`` (GiB per device; tokens and sequences per replica).
    """
    asked = [
        ReadRow(_POOLS_HAVE_TWO) if pooled else row
        for row, pooled in zip(read_rows(frame, needs_load=False), is_disaggregated(frame), strict=True)
    ]
    loaded = frame["model_loading_gib"].tolist() if "model_loading_gib" in frame.columns else [None] * len(frame)
    rows = [_memory_row(row, cell, correction_of) for row, cell in zip(asked, loaded, strict=True)]
    return _joined(frame, rows, MEMORY_COLUMNS)


def _memory_row(asked: ReadRow, loaded_gib: Any, correction_of: CorrectionOf | None) -> dict[str, Any]:
    point = asked.point
    if isinstance(point, RowRefusal):
        return {"status": point.status, "reason": point.reason}
    try:
        loaded = number_cell({"model_loading_gib": loaded_gib}, "model_loading_gib", 0.0, above=True)
        answer: MemoryEstimate | Infeasible = check_plan(
            point.arch, point.plan, point.device
        ) or estimate_replica_memory(
            point, None if loaded is None else loaded * GIB, correction_of(point) if correction_of else None
        )
    except BudSimError as error:
        refusal = refusal_of(error)
        return {"status": refusal.status, "reason": refusal.reason}
    if isinstance(answer, Infeasible):
        return {"status": _infeasible_status(answer), "reason": answer.reason}
    return {
        "status": "ok",
        "reason": "; ".join((*asked.notes, *answer.notes)),
        "model_loading_gib": answer.model_loading_bytes / GIB,
        "activation_gib": answer.activation_bytes / GIB,
        "non_torch_gib": answer.non_torch_bytes / GIB,
        "available_kv_gib": answer.available_kv_bytes / GIB,
        "kv_cache_tokens": answer.kv_cache_tokens,
        "max_concurrency": answer.max_concurrency,
    }
