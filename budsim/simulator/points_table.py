"""The batch interface: a table of configurations in, the same table with predictions out.

One row is one replica group under load. A missing column or an empty cell means the default or "not known"; a row
that cannot be answered gets a ``status`` and a ``reason`` and never stops the table. Row order, index and foreign
columns are kept.

Rules that the columns alone do not say:
    load       ``load_mode`` blank: ``poisson`` when only ``request_rate`` is given, ``burst`` when only ``num_prompts``
               is, else ``closed_loop``. A load without its number is ``invalid``.
    devices    ``tp`` blank: ``num_devices / (pp x dp)``; ``dp`` blank: ``num_devices / (tp x pp)``. A product that is
               not ``num_devices`` is ``invalid``, except: DP attention shares the TP devices (``dp`` is then its size),
               and on CPUs ``num_devices`` counts sockets while ``tp`` may count NUMA domains.
    saturated  A Poisson rate above capacity has no steady latency: without ``num_prompts`` the latency cells are
               empty, with it they are those of that finite run. Throughput is the capacity in both cases.
    warm-ups   ``num_warmups`` are served before the run and leave no queue behind: they change nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from budsim.commons.catalogs import hardware_catalog
from budsim.commons.errors import (
    BudSimError,
    IncompatibleEngineError,
    InvalidRequestError,
    UnavailableError,
    UnknownHardwareError,
    UnknownModelError,
    UnsupportedError,
    UnsupportedModelError,
)
from budsim.engine_ops import MIN_MODEL_LEN, engine_profile, longest_sequence, resolve_engine_settings
from budsim.model_ops.services import default_library
from budsim.perf_model.engine_settings import EngineSettings
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.memory import MemoryCorrection, MemoryEstimate
from budsim.perf_model.memory import estimate_memory as estimate_replica_memory
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan, check_plan
from budsim.perf_model.precision import Precision, resolve_precision
from budsim.perf_model.serving import length_bounds
from budsim.perf_model.serving_point import Infeasible, Prediction, ServingPoint
from budsim.perf_model.workload import LoadMode, Workload
from budsim.simulator.heuristic import HeuristicPredictor
from budsim.simulator.table_cells import LARGEST_COUNT, Row, count_cell, flag_cell, is_blank, number_cell, text_cell

INPUT_COLUMNS = (
    "model", "hardware", "num_devices", "engine", "engine_version", "precision", "kv_cache_dtype", "tp", "pp", "ep",
    "dp",
    "load_mode", "concurrency", "request_rate", "num_prompts", "isl", "osl", "max_num_seqs",
    "max_num_batched_tokens", "max_model_len", "gpu_memory_utilization", "enable_prefix_caching",
    "prefix_cache_hit_rate", "enable_chunked_prefill",
    "stream_interval", "dp_attention", "speculative_tokens", "num_warmups", "length_dist",
)  # fmt: skip
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
MEMORY_COLUMNS = (
    "status", "reason", "model_loading_gib", "activation_gib", "non_torch_gib", "available_kv_gib", "kv_cache_tokens",
    "max_concurrency",
)  # fmt: skip
METHODS = ("heuristic", "regressor")
GIB = float(2**30)

_LENGTH_CHECKING_ENGINES = frozenset({"vllm", "sglang"})


@dataclass(frozen=True, slots=True)
class RowRefusal:
    """Status and reason of a row that has no numbers."""

    status: str
    reason: str


def _load_mode(row: Row) -> LoadMode:
    text = text_cell(row, "load_mode")
    if text is None:
        if is_blank(row.get("concurrency")):
            if not is_blank(row.get("request_rate")):
                return LoadMode.POISSON
            if not is_blank(row.get("num_prompts")):
                return LoadMode.BURST
        return LoadMode.CLOSED_LOOP
    try:
        return LoadMode(text.lower())
    except ValueError:
        known = ", ".join(mode.value for mode in LoadMode)
        raise InvalidRequestError(f"load_mode '{text[:40]}': use one of {known}", {"field": "load_mode"}) from None


def _required(field: str, why: str) -> InvalidRequestError:
    return InvalidRequestError(f"{field} is missing: {why}", {"field": field})


def _workload(row: Row) -> Workload:
    """Read the load of one row.

    Raises:
        InvalidRequestError: A length or the load's own number is missing or impossible.
    """
    isl, osl = number_cell(row, "isl", 1, LARGEST_COUNT), number_cell(row, "osl", 1, LARGEST_COUNT)
    if isl is None:
        raise _required("isl", "give the mean input length in tokens")
    if osl is None:
        raise _required("osl", "give the mean output length in tokens")
    mode = _load_mode(row)
    concurrency, prompts = count_cell(row, "concurrency"), count_cell(row, "num_prompts")
    rate = number_cell(row, "request_rate", 0.0, above=True) if mode is LoadMode.POISSON else None
    if mode is LoadMode.POISSON and rate is None:
        raise _required("request_rate", "a poisson load needs requests per second")
    if mode in (LoadMode.CLOSED_LOOP, LoadMode.STATIC_BATCH) and concurrency is None:
        raise _required("concurrency", f"a {mode.value} load needs it (or give request_rate for a poisson load)")
    if mode is LoadMode.BURST and concurrency is None and prompts is None:
        raise _required("num_prompts", "a burst needs the number of prompts")
    length_dist = text_cell(row, "length_dist") or "fixed"
    length_bounds(length_dist)
    return Workload(
        isl=isl,
        osl=osl,
        load_mode=mode,
        concurrency=concurrency,
        request_rate=rate,
        num_prompts=prompts,
        num_warmups=count_cell(row, "num_warmups", 0) or 0,
        length_dist=length_dist,
        prefix_cache_hit_rate=number_cell(row, "prefix_cache_hit_rate", 0.0, 0.999) or 0.0,
    )


def _divided(devices: int | None, by: int, default: int) -> int:
    return devices // by if devices and devices % by == 0 else default


def _plan(row: Row, device: DeviceSpec) -> tuple[ParallelPlan, DeviceSpec]:
    """Read the layout; on CPUs also cut the socket into the share that one rank gets.

    Raises:
        InvalidRequestError: The sizes contradict ``num_devices``.
    """
    devices, tp, pp = count_cell(row, "num_devices"), count_cell(row, "tp"), count_cell(row, "pp") or 1
    dp, ep, dp_attention = count_cell(row, "dp"), count_cell(row, "ep", 0) or 1, bool(flag_cell(row, "dp_attention"))
    tp = tp or _divided(devices, pp * (1 if dp_attention else dp or 1), 1)
    if dp_attention:
        plan = _dp_attention_plan(tp, pp, ep, dp or tp, devices)
    else:
        plan = ParallelPlan(tp, pp, ep, dp or _divided(devices, tp * pp, 1))
    if devices is None or plan.num_devices == devices:
        return plan, device
    if device.device_type.startswith("cpu") and plan.num_devices > devices:
        return plan, _socket_share(device, devices / plan.num_devices)
    raise InvalidRequestError(
        f"num_devices = {devices}, but tp {plan.tp_size} x pp {plan.pp_size} x dp {plan.dp_size} "
        f"uses {plan.num_devices}: "
        "one row is one replica group of exactly its devices (prefill-decode split deployments are not modelled)",
        {"field": "num_devices"},
    )


def _dp_attention_plan(tp: int, pp: int, ep: int, dp: int, devices: int | None) -> ParallelPlan:
    """Return the layout of DP attention: SGLang counts dp inside tp, vLLM multiplies tp with dp."""
    if dp > 1 and dp != tp and devices == tp * pp * dp:
        return ParallelPlan(tp, pp, ep, dp)
    if tp > dp > 1 and tp % dp == 0:
        return ParallelPlan(tp // dp, pp, ep, dp)
    if tp == 1:
        return ParallelPlan(tp, pp, ep, dp)
    return ParallelPlan(tp, pp, ep, 1, dp_attention=True)


def _socket_share(device: DeviceSpec, share: float) -> DeviceSpec:
    """Return the datasheet of a NUMA domain: its share of cores, FLOP/s and memory channels."""
    return replace(
        device,
        memory_bandwidth_bytes_per_s=device.memory_bandwidth_bytes_per_s * share,
        peak_flops={name: value * share for name, value in device.peak_flops.items()},
        num_units=max(1, round(device.num_units * share)) if device.num_units else None,
        memory_bytes=int(device.memory_bytes * share) if device.memory_bytes else None,
    )


def _overrides(row: Row) -> dict[str, Any]:
    """Return the engine parameters that the row states."""
    stated: dict[str, Any] = {
        "max_num_seqs": count_cell(row, "max_num_seqs"),
        "max_num_batched_tokens": count_cell(row, "max_num_batched_tokens"),
        "max_model_len": count_cell(row, "max_model_len"),
        "gpu_memory_utilization": number_cell(row, "gpu_memory_utilization", 0.0, 1.0, above=True),
        "enable_prefix_caching": flag_cell(row, "enable_prefix_caching"),
        "enable_chunked_prefill": flag_cell(row, "enable_chunked_prefill"),
        "stream_interval": count_cell(row, "stream_interval"),
        "speculative_tokens": count_cell(row, "speculative_tokens", 0),
        "kv_cache_dtype": text_cell(row, "kv_cache_dtype"),
    }
    return {name: value for name, value in stated.items() if value is not None}


class _PointReader:
    """Turns rows into serving points; models and devices are resolved once per table."""

    def __init__(self) -> None:
        self._catalog = hardware_catalog()
        self._library = default_library()
        self._known: dict[tuple[str, str], Any] = {}

    def _once(self, kind: str, name: str, resolve: Callable[[str], Any]) -> Any:
        """Resolve a name once; an error is remembered too."""
        key = (kind, name)
        if key not in self._known:
            try:
                self._known[key] = resolve(name)
            except BudSimError as error:
                self._known[key] = error
        value = self._known[key]
        if isinstance(value, BudSimError):
            raise value
        return value

    def architecture(self, row: Row) -> ModelArchitecture:
        name = text_cell(row, "model")
        if name is None:
            raise _required("model", "give a hub id, an alias or a folder with a config.json")
        arch: ModelArchitecture = self._once("model", name, self._library.resolve)
        return arch

    def device(self, row: Row) -> DeviceSpec:
        name = text_cell(row, "hardware")
        if name is None:
            raise _required("hardware", "give a device name")
        spec: DeviceSpec = self._once("hardware", name, lambda text: self._catalog.match(text).spec)
        return spec

    def point(self, row: Row, workload: Workload) -> ServingPoint:
        """Return the serving point of one row.

        Raises:
            BudSimError: The row cannot be served; the class decides the status.
        """
        arch, whole = self.architecture(row), self.device(row)
        plan, device = _plan(row, whole)
        precision = resolve_precision(text_cell(row, "precision"), arch, device)
        settings = _settings(row, arch, device, workload, plan, precision)
        return ServingPoint(
            arch=arch,
            device=device,
            plan=plan,
            precision=precision,
            settings=settings,
            workload=workload,
            devices_per_node=device.devices_per_node_typical,
        )


def _settings(
    row: Row, arch: ModelArchitecture, device: DeviceSpec, workload: Workload, plan: ParallelPlan, precision: Precision
) -> EngineSettings:
    """Return the row's engine parameters; what it leaves open is the engine's own default.

    Only vLLM and SGLang refuse sequences beyond the model's position limit; the others are built for the length they
    serve.
    """
    engine, overrides = text_cell(row, "engine"), _overrides(row)
    if engine_profile(engine).name not in _LENGTH_CHECKING_ENGINES:
        overrides.setdefault("max_model_len", max(MIN_MODEL_LEN, longest_sequence(workload)))
    return resolve_engine_settings(
        engine,
        text_cell(row, "engine_version"),
        arch=arch,
        device=device,
        workload=workload,
        overrides=overrides,
        plan=plan,
        precision=precision,
    )


def _refusal(error: BudSimError) -> RowRefusal:
    if isinstance(
        error, (UnknownModelError, UnavailableError)
    ):  # the hub cannot be asked: nothing is known of the model
        return RowRefusal("unknown_model", error.message)
    if isinstance(error, UnknownHardwareError):
        near = f" Near names: {', '.join(error.near)}." if error.near and error.near[0] not in error.message else ""
        return RowRefusal("unknown_hardware", error.message + near)
    if isinstance(error, (UnsupportedError, UnsupportedModelError, IncompatibleEngineError)):
        return RowRefusal("unsupported", error.message)
    return RowRefusal("invalid", error.message)


def read_points(frame: pd.DataFrame, needs_load: bool = True) -> list[ServingPoint | RowRefusal]:
    """Return the serving point of every row, or why there is none. Rows that say the same share one point."""
    reader = _PointReader()
    columns = [name for name in (*INPUT_COLUMNS, "model_loading_gib") if name in frame.columns]
    seen: dict[tuple[Hashable, ...], ServingPoint | RowRefusal] = {}
    answers = []
    for cells in zip(*(frame[name].tolist() for name in columns), strict=True) if columns else [()] * len(frame):
        key = tuple(cell if isinstance(cell, Hashable) else str(cell) for cell in cells)
        if key not in seen:
            seen[key] = _read_row(reader, dict(zip(columns, cells, strict=True)), needs_load)
        answers.append(seen[key])
    return answers


def _read_row(reader: _PointReader, row: Row, needs_load: bool) -> ServingPoint | RowRefusal:
    try:
        workload = _workload(row) if needs_load else _any_workload(row)
        return reader.point(row, workload)
    except BudSimError as error:
        return _refusal(error)


def _any_workload(row: Row) -> Workload:
    """Return the load for a memory question, where lengths are optional."""
    filled = dict(row)
    for field in ("isl", "osl", "concurrency"):
        if is_blank(filled.get(field)):
            filled[field] = 1
    if is_blank(filled.get("request_rate")):
        filled["load_mode"] = LoadMode.CLOSED_LOOP.value
    return _workload(filled)


def _infeasible_status(answer: Infeasible) -> str:
    return "unsupported" if answer.code == "unsupported" else "infeasible"


def _prediction_row(answer: Prediction | Infeasible | RowRefusal, point: ServingPoint | None) -> dict[str, Any]:
    if isinstance(answer, RowRefusal):
        return {"status": answer.status, "reason": answer.reason}
    if isinstance(answer, Infeasible):
        return {"status": _infeasible_status(answer), "reason": answer.reason}
    row: dict[str, Any] = {
        name: getattr(answer, name)
        for name in PREDICTION_COLUMNS
        if hasattr(answer, name) and name not in {"status", "reason"}
    }
    row |= {"status": "ok", "reason": ""}
    for name, (low, high) in answer.intervals.items():
        row[f"{name}_lo"], row[f"{name}_hi"] = low, high
    if answer.saturated and point is not None:
        row["reason"] = _saturation_reason(point, answer)
        if not point.workload.num_prompts:
            row |= dict.fromkeys((*LATENCY_COLUMNS, "tps_per_user"))
    return row


def _saturation_reason(point: ServingPoint, answer: Prediction) -> str:
    rate = point.workload.request_rate or 0.0
    text = f"saturated: {rate:g} requests/s arrive, {answer.request_throughput:.3g} can be served"
    if point.workload.num_prompts:
        return f"{text}; latencies are those of this run of {point.workload.num_prompts} prompts"
    return f"{text}; latency grows without bound, so it is left empty"


def _joined(frame: pd.DataFrame, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    """Return the input columns (but those the output owns), then ``columns`` in order."""
    answers = (
        pd.DataFrame(rows, index=frame.index, columns=list(columns)) if rows else pd.DataFrame(columns=list(columns))
    )
    kept = frame[[name for name in frame.columns if name not in columns]]
    return pd.concat([kept, answers.set_axis(frame.index)], axis=1)


def predict(
    frame: pd.DataFrame, method: str | None = None, predictor: HeuristicPredictor | None = None
) -> pd.DataFrame:
    """Predict every row of a table of configurations.

    Args:
        frame: Columns of ``INPUT_COLUMNS``; cells may be text (a CSV read as text) or numbers.
        method: ``heuristic``; None = the best that is installed. ``regressor`` marks every row unsupported until its
            trained
            models are installed.
        predictor: For tests and searches; None = a new ``HeuristicPredictor``.

    Returns:
        The input columns, then ``PREDICTION_COLUMNS``; same rows, same order.

    Raises:
        InvalidRequestError: The method does not exist.
    """
    chosen = (method or "heuristic").lower()
    if chosen not in METHODS:
        raise InvalidRequestError(f"method '{chosen[:40]}': use one of {', '.join(METHODS)}", {"field": "method"})
    if chosen == "regressor":
        reason = "method regressor: its trained models are not installed; use method heuristic"
        return _joined(frame, [{"status": "unsupported", "reason": reason}] * len(frame), PREDICTION_COLUMNS)
    points = read_points(frame)
    known = [point for point in points if isinstance(point, ServingPoint)]
    answers = iter((predictor or HeuristicPredictor()).predict(known))
    rows = [
        _prediction_row(point, None) if isinstance(point, RowRefusal) else _prediction_row(next(answers), point)
        for point in points
    ]
    return _joined(frame, rows, PREDICTION_COLUMNS)


def estimate_memory(
    frame: pd.DataFrame, correction_of: Callable[[ServingPoint], MemoryCorrection | None] | None = None
) -> pd.DataFrame:
    """Estimate the memory of every row's replica, per fullest device; load and lengths are optional.

    Args:
        frame: Columns of ``INPUT_COLUMNS``; an optional ``model_loading_gib`` replaces the computed weights.
        correction_of: What start-up logs measured of a point; None = computed figures alone.

    Returns:
        The input columns, then ``MEMORY_COLUMNS`` (GiB per device; tokens and sequences per replica).
    """
    points = read_points(frame, needs_load=False)
    loaded = frame["model_loading_gib"].tolist() if "model_loading_gib" in frame.columns else [None] * len(frame)
    return _joined(
        frame, [_memory_row(p, cell, correction_of) for p, cell in zip(points, loaded, strict=True)], MEMORY_COLUMNS
    )


def _memory_row(
    point: ServingPoint | RowRefusal,
    loaded_gib: Any,
    correction_of: Callable[[ServingPoint], MemoryCorrection | None] | None,
) -> dict[str, Any]:
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
        refusal = _refusal(error)
        return {"status": refusal.status, "reason": refusal.reason}
    if isinstance(answer, Infeasible):
        return {"status": _infeasible_status(answer), "reason": answer.reason}
    return {
        "status": "ok",
        "reason": "; ".join(answer.notes),
        "model_loading_gib": answer.model_loading_bytes / GIB,
        "activation_gib": answer.activation_bytes / GIB,
        "non_torch_gib": answer.non_torch_bytes / GIB,
        "available_kv_gib": answer.available_kv_bytes / GIB,
        "kv_cache_tokens": answer.kv_cache_tokens,
        "max_concurrency": answer.max_concurrency,
    }
