"""Rows of a table of configurations → serving points, or why a row has none.

Rules that the columns alone do not say:
    load       ``load_mode`` blank: ``poisson`` when only ``request_rate`` is given, ``burst`` when only ``num_prompts``
               is, else ``closed_loop``. A load without its number is ``invalid``.
    devices    ``tp`` blank: ``num_devices / (pp x dp)``; ``dp`` blank: ``num_devices / (tp x pp)``. A product that is
               not ``num_devices`` is ``invalid``, except: DP attention shares the TP devices (``dp`` is then its size),
               and on CPUs ``num_devices`` counts sockets while ``tp`` may count NUMA domains.
    drafting   ``speculative_tokens`` blank or 0: nothing is drafted, method and acceptance have no effect.
    caching    ``enable_prefix_caching`` false: the hit rate is 0, whatever the row says.
    warm-ups   ``num_warmups`` are served before the run and leave no queue behind; 0 = the run meets a cold server.

What was decided for the caller (a default variant, a format the device lacks) is a note of the row.
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
from budsim.perf_model.hardware_catalog import DeviceMatch, DeviceSpec
from budsim.perf_model.kv_cache import kv_element_bytes
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import Precision, resolve_precision
from budsim.perf_model.serving import length_bounds, plays_v0
from budsim.perf_model.serving_point import ServingPoint
from budsim.perf_model.workload import WITHOUT_DECODING, LoadMode, Workload, one_pass
from budsim.simulator.point_columns import INPUT_COLUMNS
from budsim.simulator.table_cells import LARGEST_COUNT, Row, count_cell, flag_cell, is_blank, number_cell, text_cell

_LENGTH_CHECKING_ENGINES = frozenset({"vllm", "sglang", "latentbud"})


@dataclass(frozen=True, slots=True)
class RowRefusal:
    """Status and reason of a row that has no numbers."""

    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReadRow:
    """What a row asks, and what had to be decided to ask it."""

    point: ServingPoint | RowRefusal
    notes: tuple[str, ...] = ()


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
        num_warmups=count_cell(row, "num_warmups", 0),
        length_dist=length_dist,
        prefix_cache_hit_rate=_hit_rate(row),
        acceptance_rate=number_cell(row, "acceptance_rate", 0.0, 1.0),
    )


def _hit_rate(row: Row) -> float:
    rate = number_cell(row, "prefix_cache_hit_rate", 0.0, 0.999) or 0.0
    return 0.0 if flag_cell(row, "enable_prefix_caching") is False else rate


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
        "one row is one replica group of exactly its devices (pools: prefill_instances and decode_instances)",
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
        "speculative_method": text_cell(row, "speculative_method"),
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

    def device(self, row: Row) -> DeviceMatch:
        name = text_cell(row, "hardware")
        if name is None:
            raise _required("hardware", "give a device name")
        match: DeviceMatch = self._once("hardware", name, self._catalog.match)
        return match

    def read(self, row: Row, workload: Workload) -> ReadRow:
        """Return the serving point of one row.

        Raises:
            BudSimError: The row cannot be served; the class decides the status.
        """
        arch, match = self.architecture(row), self.device(row)
        notes: tuple[str, ...] = ()
        if arch.is_one_pass:
            workload, notes = one_pass(workload), (WITHOUT_DECODING.format(model=arch.name),)
        plan, device = _plan(row, match.spec)
        precision = resolve_precision(text_cell(row, "precision"), arch, device)
        settings = _settings(row, arch, device, workload, plan, precision)
        kv_element_bytes(settings.kv_cache_dtype)
        point = ServingPoint(
            arch=arch,
            device=device,
            plan=plan,
            precision=precision,
            settings=settings,
            workload=workload,
            devices_per_node=max(device.devices_per_node_typical, device.link_group_size or 1),
        )
        return ReadRow(point, (*_notes(row, match, precision, workload, settings), *_model_notes(point), *notes))


def _notes(
    row: Row, match: DeviceMatch, precision: Precision, workload: Workload, settings: EngineSettings
) -> tuple[str, ...]:
    notes = [] if match.exact else [match.reason]
    if precision.reason:
        notes.append(precision.reason)
    if not workload.prefix_cache_hit_rate and number_cell(row, "prefix_cache_hit_rate", 0.0, 0.999):
        notes.append("prefix_cache_hit_rate counts as 0: prefix caching is off")
    if not settings.speculative_tokens and workload.acceptance_rate is not None:
        notes.append("acceptance_rate is not used: speculative_tokens is 0")
    if workload.load_mode is LoadMode.POISSON and not is_blank(row.get("concurrency")):
        notes.append("concurrency is not used: a poisson load has no limit of clients")
    return tuple(notes)


def _model_notes(point: ServingPoint) -> tuple[str, ...]:
    """Return what the engine or the config lacks: the figures are those of the shape all the same."""
    arch, settings, notes = point.arch, point.settings, []
    if plays_v0(settings):
        notes.append(
            f"vllm {settings.engine_version}: the V0 scheduler is played; what its host takes per step was not "
            "measured, that of later versions was taken"
        )
    refusal = engine_profile(settings.engine).refusal
    refused = refusal(arch, point.device.device_type, settings.engine_version) if refusal else None
    if refused:
        notes.append(f"{refused}: the figures are those of a model of its shape")
    if arch.missing_facts:
        notes.append(f"config.json does not state {', '.join(arch.missing_facts)}: the default of its class was taken")
    return tuple(notes)


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
    settings = resolve_engine_settings(
        engine,
        text_cell(row, "engine_version"),
        arch=arch,
        device=device,
        workload=workload,
        overrides=overrides,
        plan=plan,
        precision=precision,
    )
    _check_budget(settings, overrides, workload)
    return settings


def _check_budget(settings: EngineSettings, stated: dict[str, Any], workload: Workload) -> None:
    """Refuse a token budget that a whole prompt never fits.

    Raises:
        InvalidRequestError: A step cannot hold a whole prompt (vLLM: ``max_model_len``) and may not split it.
    """
    if settings.enable_chunked_prefill or "max_num_batched_tokens" not in stated:
        return
    needed = (
        float(settings.max_model_len) if settings.engine == "vllm" and stated.get("max_model_len") else workload.isl
    )
    if settings.max_num_batched_tokens < needed:
        raise InvalidRequestError(
            f"max_num_batched_tokens = {settings.max_num_batched_tokens} is below {needed:g} without chunked prefill: "
            "a prompt of that length is never scheduled; raise it or enable chunked prefill",
            {"field": "max_num_batched_tokens"},
        )


def refusal_of(error: BudSimError) -> RowRefusal:
    """Return the status that an error means for a row."""
    if isinstance(error, (UnknownModelError, UnavailableError)):  # the hub cannot be asked: the model is not known
        return RowRefusal("unknown_model", error.message)
    if isinstance(error, UnknownHardwareError):
        near = f" Near names: {', '.join(error.near)}." if error.near and error.near[0] not in error.message else ""
        return RowRefusal("unknown_hardware", error.message + near)
    if isinstance(error, (UnsupportedError, UnsupportedModelError, IncompatibleEngineError)):
        return RowRefusal("unsupported", error.message)
    return RowRefusal("invalid", error.message)


def read_rows(frame: pd.DataFrame, needs_load: bool = True) -> list[ReadRow]:
    """Return what every row asks, or why it cannot be asked. Rows that say the same share one point."""
    reader = _PointReader()
    columns = [name for name in (*INPUT_COLUMNS, "model_loading_gib") if name in frame.columns]
    seen: dict[tuple[Hashable, ...], ReadRow] = {}
    answers = []
    for cells in zip(*(frame[name].tolist() for name in columns), strict=True) if columns else [()] * len(frame):
        key = tuple(cell if isinstance(cell, Hashable) else str(cell) for cell in cells)
        if key not in seen:
            seen[key] = _read_row(reader, dict(zip(columns, cells, strict=True)), needs_load)
        answers.append(seen[key])
    return answers


def _read_row(reader: _PointReader, row: Row, needs_load: bool) -> ReadRow:
    try:
        workload = _workload(row) if needs_load else _any_workload(row)
        return reader.read(row, workload)
    except BudSimError as error:
        return ReadRow(refusal_of(error))


def _any_workload(row: Row) -> Workload:
    """Return the load for a memory question, where lengths are optional."""
    filled = dict(row)
    for field in ("isl", "osl", "concurrency"):
        if is_blank(filled.get(field)):
            filled[field] = 1
    if is_blank(filled.get("request_rate")):
        filled["load_mode"] = LoadMode.CLOSED_LOOP.value
    return _workload(filled)
