"""One measured serving run, whatever tool wrote it: units, load and metrics as ``vllm bench serve`` defines them.

Unit and meaning come from the format, never from the size of a number. What a file does not state stays empty and is
listed in ``missing``; what was worked out from other figures of the same file is listed in ``derived``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.workload import LoadMode
from budsim.simulator.point_columns import INPUT_COLUMNS

_PERCENTILES = ("p50", "p90", "p95", "p99")
LATENCY_METRICS = tuple(
    f"{name}_{statistic}" for name in ("ttft_ms", "tpot_ms", "itl_ms", "e2e_s") for statistic in ("mean", *_PERCENTILES)
)
RATE_METRICS = ("output_tps", "request_throughput")
METRICS = (*LATENCY_METRICS, *RATE_METRICS)
# What predictions are compared in.
COMPARED_METRICS = ("ttft_ms_mean", "tpot_ms_mean", "e2e_s_mean", "output_tps")
_OWN_COLUMNS = ("model", "hardware", "engine", "engine_version", "precision", "isl", "osl")
_CONTEXT = ("model", "hardware", "engine", "isl", "osl", "load")
# Mean E2E is TTFT + TPOT x (OSL - 1) up to the correlation of lengths and pace; a wrong unit is a factor of 1000.
_AGREEMENT = 5.0
# In a closed loop requests/s x E2E is the concurrency (Little 1961); ramps of short runs stay well within this.
_LITTLE_AGREEMENT = 2.0


@dataclass(frozen=True, slots=True)
class MeasuredPoint:
    """One run of a benchmark.

    Attributes:
        tool: What wrote the file: ``vllm-bench``, ``sglang-bench``, ``guidellm``, ``aiperf``, ``genai-perf``,
            ``inferencex``, ``llmperf`` or ``csv``.
        tool_version: As the file states it.
        position: Where in the file: ``line 3``, ``benchmarks[1]``; empty for the only run.
        model: As the file names it; a folder of the machine that ran it is kept as written.
        hardware: Device name where the file states one.
        engine: Engine of the server, never the client's protocol.
        engine_version: Its version.
        precision: Format of the weights.
        load_mode: How requests arrived; None = the file does not tell.
        concurrency: Clients of a closed loop.
        request_rate: Requests per second of an open loop.
        num_prompts: Requests asked for.
        completed: Requests that ended well; all metrics are over these.
        failed: Requests that did not.
        isl: Mean input tokens, counted; the nominal length where nothing was counted.
        osl: Mean output tokens, the same.
        nominal_isl: Input tokens asked for.
        nominal_osl: Output tokens asked for.
        settings: Further columns of the prediction interface (tp, max_num_seqs ...), as stated.
        metrics: By the names of ``METRICS``: ms, s, tokens/s, requests/s.
        derived: Metrics and lengths that were worked out and not measured.
        missing: What a prediction needs and the file does not state.
        notes: What is odd about this run.
        not_predictable: Why no prediction can be compared with it (speculation, prefill/decode split); empty = it can.
    """

    tool: str
    tool_version: str | None = None
    position: str = ""
    model: str | None = None
    hardware: str | None = None
    engine: str | None = None
    engine_version: str | None = None
    precision: str | None = None
    load_mode: LoadMode | None = None
    concurrency: int | None = None
    request_rate: float | None = None
    num_prompts: int | None = None
    completed: int | None = None
    failed: int | None = None
    isl: float | None = None
    osl: float | None = None
    nominal_isl: float | None = None
    nominal_osl: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    derived: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    not_predictable: str = ""

    def row(self) -> dict[str, Any]:
        """Return the columns of the prediction interface that this run states."""
        stated = {
            "model": self.model,
            "hardware": self.hardware,
            "engine": self.engine,
            "engine_version": self.engine_version,
            "precision": self.precision,
            "load_mode": self.load_mode.value if self.load_mode else None,
            "concurrency": self.concurrency,
            "request_rate": self.request_rate,
            "num_prompts": self.num_prompts,
            "isl": self.isl,
            "osl": self.osl,
            **self.settings,
        }
        return {name: value for name, value in stated.items() if value is not None}


def run_fingerprint(point: MeasuredPoint, owner: str = "") -> str:
    """Return the same text for the same run of the same owner, whatever file it comes in: SHA-256 in hexadecimal.

    Two runs measured apart differ in the digits of their figures.

    Args:
        point: The run.
        owner: The project that it belongs to.
    """
    text = json.dumps([owner, point.row(), dict(point.metrics)], sort_keys=True, default=str)
    return sha256(text.encode()).hexdigest()


def with_stated(point: MeasuredPoint, stated: Mapping[str, Any]) -> MeasuredPoint:
    """Return a run with what its owner says of it in place of what the file says.

    Args:
        point: As read.
        stated: Columns of the prediction interface; None and empty = not said.

    Raises:
        InvalidRequestError: A column does not exist.
    """
    said = {name: value for name, value in stated.items() if value not in (None, "")}
    unknown = sorted(said.keys() - set(INPUT_COLUMNS))
    if unknown:
        text = f"{unknown[0]} is not a column of the prediction interface; use one of {', '.join(INPUT_COLUMNS)}"
        raise InvalidRequestError(text, {"field": unknown[0]})
    own = {name: said.pop(name) for name in _OWN_COLUMNS if name in said}
    changed = replace(point, **own, settings={**point.settings, **said})
    return replace(changed, missing=missing_context(changed))


def point_of_row(tool: str, row: Mapping[str, Any], metrics: Mapping[str, float]) -> MeasuredPoint:
    """Return the point that ``row`` was made of, as far as a prediction needs it.

    Args:
        tool: What measured it.
        row: As ``MeasuredPoint.row`` returns it.
        metrics: By the names of ``METRICS``.
    """
    own = {name: row[name] for name in (*_OWN_COLUMNS, "concurrency", "request_rate", "num_prompts") if name in row}
    mode = LoadMode(row["load_mode"]) if "load_mode" in row else None
    settings = {name: value for name, value in row.items() if name not in own and name != "load_mode"}
    point = MeasuredPoint(tool, **own, load_mode=mode, settings=settings, metrics=dict(metrics))
    return replace(point, missing=missing_context(point))


def completed_point(point: MeasuredPoint) -> MeasuredPoint:
    """Return a read point with what follows from its figures, what is missing, and what is odd.

    Raises:
        InvalidRequestError: The run failed, measured nothing, or its figures contradict each other.
    """
    if point.completed == 0:
        raise measured_error(point.position, "completed", "is 0: the run failed, there is nothing to learn from it")
    point = _with_lengths(point)
    metrics, derived = dict(point.metrics), list(point.derived)
    _check_agreement(point)
    osl, ttft, tpot, e2e = point.osl, *(metrics.get(f"{n}_mean") for n in ("ttft_ms", "tpot_ms", "e2e_s"))
    if osl and osl > 1 and ttft and tpot and not e2e:
        metrics["e2e_s_mean"] = (ttft + tpot * (osl - 1)) / 1e3
        derived.append("e2e_s_mean")
    if point.osl and "output_tps" not in metrics and "request_throughput" in metrics:
        metrics["output_tps"] = metrics["request_throughput"] * point.osl
        derived.append("output_tps")
    if point.osl and "request_throughput" not in metrics and "output_tps" in metrics:
        metrics["request_throughput"] = metrics["output_tps"] / point.osl
        derived.append("request_throughput")
    if not metrics.keys() & set(COMPARED_METRICS):
        names = ", ".join(COMPARED_METRICS)
        raise measured_error(point.position, "metrics", f"none of {names} can be read from this run")
    point = replace(point, metrics=metrics, derived=tuple(derived))
    return replace(point, missing=missing_context(point), notes=(*point.notes, *_oddities(point)))


def _with_lengths(point: MeasuredPoint) -> MeasuredPoint:
    nominal = [name for name in ("isl", "osl") if getattr(point, name) is None and getattr(point, f"nominal_{name}")]
    return replace(
        point,
        isl=point.isl if point.isl is not None else point.nominal_isl,
        osl=point.osl if point.osl is not None else point.nominal_osl,
        notes=(*point.notes, *(f"{name} is the length asked for, not counted" for name in nominal)),
    )


def missing_context(point: MeasuredPoint) -> tuple[str, ...]:
    """Return what a prediction of this run needs and does not have."""
    absent = [name for name in _CONTEXT if name != "load" and getattr(point, name) is None]
    if point.load_mode is None and not {"concurrency", "request_rate"} & point.settings.keys():
        absent.append("load")
    return tuple(absent)


def _check_agreement(point: MeasuredPoint) -> None:
    """Check that TTFT, TPOT and E2E are of one run and one unit.

    Raises:
        InvalidRequestError: They are not.
    """
    ttft, tpot, e2e = (point.metrics.get(f"{name}_mean") for name in ("ttft_ms", "tpot_ms", "e2e_s"))
    if point.osl and ttft and tpot and e2e:
        expected = (ttft + tpot * max(0.0, point.osl - 1)) / 1e3
        if not 1 / _AGREEMENT <= e2e / expected <= _AGREEMENT:
            text = (
                f"mean E2E is {e2e:.4g} s, but TTFT {ttft:.4g} ms and TPOT {tpot:.4g} ms for {point.osl:g} output "
                f"tokens make {expected:.4g} s: the units of this file are not those of its format"
            )
            raise measured_error(point.position, "e2e_s_mean", text)
    if ttft and e2e and ttft / 1e3 > 1.05 * e2e:
        text = f"mean TTFT of {ttft:.4g} ms is longer than the mean E2E of {e2e:.4g} s"
        raise measured_error(point.position, "ttft_ms_mean", text)


def _oddities(point: MeasuredPoint) -> list[str]:
    notes = []
    if point.failed and point.completed:
        notes.append(f"{point.failed} of {point.failed + point.completed} requests failed; the metrics are of the rest")
    rate, e2e, clients = point.metrics.get("request_throughput"), point.metrics.get("e2e_s_mean"), point.concurrency
    if point.load_mode is LoadMode.CLOSED_LOOP and rate and e2e and clients:
        in_flight = rate * e2e
        if in_flight > _LITTLE_AGREEMENT * clients or in_flight * _LITTLE_AGREEMENT < min(
            clients, point.num_prompts or clients
        ):
            notes.append(f"requests/s x E2E is {in_flight:.3g}, not the concurrency of {clients}: check the file")
    return notes


def measured_error(position: str, name: str, what: str) -> InvalidRequestError:
    """Return the error of a benchmark file's field."""
    where = f"{position}: " if position else ""
    return InvalidRequestError(f"{where}{name} {what}", {"field": name, **({"position": position} if position else {})})
