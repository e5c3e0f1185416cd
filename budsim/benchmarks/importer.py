"""Files of benchmark tools in, measured points out: one table of formats, tried in order.

A file may hold one run, several (JSON Lines, appended objects, lists, sweeps, merged summaries) or a table. A run that
cannot be used is refused with its reason and stops no other; a file of which nothing can be used is an error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from budsim.benchmarks import client_runs, guidellm, inferencex, llmperf, nvidia_perf, points_csv
from budsim.benchmarks.measured_point import MeasuredPoint, completed_point
from budsim.benchmarks.run_fields import RunFields
from budsim.commons.errors import InvalidRequestError, PayloadTooLargeError

# Reports with every request of a long run take tens of megabytes.
MAX_FILE_BYTES = 100_000_000
_MAX_YAML_BYTES = 5_000_000  # the parser takes seconds per megabyte
_MAX_RUNS = 100_000
_MAX_DEPTH = 4
_TOOLS = (
    "vllm bench serve, SGLang bench_serving, GuideLLM, AIPerf, GenAI-Perf, InferenceX, LLMPerf, or a CSV whose columns "
    "are those of `budsim predict` and measured metrics (ttft_ms_mean, tpot_ms_mean, output_tps ...)"
)


@dataclass(frozen=True, slots=True)
class RunFormat:
    """How one kind of run is told from others and read."""

    tool: str
    recognises: Callable[[RunFields], bool]
    read: Callable[[RunFields], MeasuredPoint]


FORMATS = (
    RunFormat("inferencex", inferencex.is_inferencex, inferencex.read_inferencex),
    RunFormat("llmperf", llmperf.is_llmperf, llmperf.read_llmperf),
    RunFormat("guidellm", guidellm.is_guidellm_benchmark, guidellm.read_guidellm),
    RunFormat("aiperf", nvidia_perf.is_nvidia_perf, nvidia_perf.read_nvidia_perf),
    RunFormat("sglang-bench", client_runs.is_sglang_bench, client_runs.read_sglang_bench),
    RunFormat("vllm-bench", client_runs.is_vllm_bench, client_runs.read_vllm_bench),
)


@dataclass(frozen=True, slots=True)
class RefusedRun:
    """A run that was not taken."""

    position: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportedRuns:
    """What a file held."""

    points: tuple[MeasuredPoint, ...]
    refused: tuple[RefusedRun, ...] = ()


def import_runs(content: bytes | str) -> ImportedRuns:
    """Return every run of a benchmark tool's file.

    Args:
        content: The file.

    Raises:
        PayloadTooLargeError: It is larger than ``MAX_FILE_BYTES``.
        InvalidRequestError: It is of no known tool, not readable, or none of its runs can be used.
    """
    text = decoded_text(content)
    points: list[MeasuredPoint] = []
    refused: list[RefusedRun] = []
    first_error: InvalidRequestError | None = None
    for run in _runs(text):
        if len(points) + len(refused) >= _MAX_RUNS:
            raise InvalidRequestError(f"the file holds more than {_MAX_RUNS} runs: split it", {"field": "file"})
        try:
            points.append(_read(run))
        except InvalidRequestError as error:
            first_error = first_error or error
            refused.append(RefusedRun(run.position, error.message))
    if first_error is not None and not points:
        raise first_error
    if not points:
        raise InvalidRequestError("the file holds no run", {"field": "file"})
    return ImportedRuns(tuple(points), tuple(refused))


def _read(run: RunFields) -> MeasuredPoint:
    problem = run.get(_PROBLEM)
    if problem is not None:
        raise InvalidRequestError(f"{run.position}: {problem}", {"field": "file", "position": run.position})
    if run.get(_CSV):
        return completed_point(points_csv.read_points_csv(RunFields(run.document[_CSV], run.position)))
    for known in FORMATS:
        if known.recognises(run):
            return completed_point(known.read(run))
    raise _unknown(run)


_PROBLEM, _CSV = "_problem", "_csv"


def _unknown(run: RunFields) -> InvalidRequestError:
    """Return the error of an object that no tool in the table writes."""
    keys = ", ".join(sorted(map(str, run.document))[:8])[:200]
    where = f"{run.position}: " if run.position else ""
    if run.get("results") is not None and run.get("config_general") is not None:
        return InvalidRequestError(
            f"{where}this is a file of an accuracy evaluation, not of serving", {"field": "file"}
        )
    if "engine" in run.document and "request_info" in run.document:
        return InvalidRequestError(f"{where}reports of trtllm-bench are not read: use {_TOOLS}", {"field": "file"})
    if "experiments" in run.document and "service_kind" in run.document:
        text = f"{where}this is the raw profile_export.json: give profile_export_genai_perf.json or ..._aiperf.json"
        return InvalidRequestError(text, {"field": "file"})
    text = f"{where}no benchmark tool is recognised by these keys: {keys or 'none'}. Files of {_TOOLS} are read."
    return InvalidRequestError(text, {"field": "file"})


# ---------------------------------------------------------------------------------------------------- text to documents
def decoded_text(content: bytes | str) -> str:
    """Return a file's text.

    Raises:
        PayloadTooLargeError: It is larger than ``MAX_FILE_BYTES``.
        InvalidRequestError: It is empty, compressed, or no text.
    """
    if isinstance(content, str):
        content = content.encode()
    if len(content) > MAX_FILE_BYTES:
        limit = MAX_FILE_BYTES // 10**6
        raise PayloadTooLargeError(f"the file is larger than {limit} MB: drop its per-request lists", {"field": "file"})
    if content.startswith(b"\x1f\x8b") or content.startswith(b"PK\x03\x04"):
        raise InvalidRequestError("the file is compressed: unpack it", {"field": "file"})
    encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = content.decode(encoding).strip()
    except UnicodeDecodeError as problem:
        text = f"the file is not text: byte {problem.start} is not {encoding}"
        raise InvalidRequestError(text, {"field": "file"}) from problem
    if not text:
        raise InvalidRequestError("the file is empty", {"field": "file"})
    return text


def _runs(text: str) -> Iterator[RunFields]:
    """Yield the runs of a file, each with its place in it."""
    if text[0] in "{[":
        documents = list(_json_documents(text))
        for position, document in documents:
            yield from _runs_of(document, position if len(documents) > 1 else "", _MAX_DEPTH)
        return
    first = text.splitlines()[0]
    if "MLPerf Results Summary" in text[:2000]:
        reason = (
            "this is a summary of MLPerf LoadGen: it states no model, device, lengths or concurrency, and offline runs "
            f"no latency per token. Files of {_TOOLS} are read."
        )
        raise InvalidRequestError(reason, {"field": "file"})
    if points_csv.is_points_csv(first):
        for position, cells in points_csv.rows_of(text):
            yield RunFields({_PROBLEM: cells} if isinstance(cells, str) else {_CSV: cells}, position)
        return
    if first.startswith(("benchmarks:", "metadata:", "args:", "config:", "---")):
        yield from _runs_of(_yaml_document(text), "", _MAX_DEPTH)
        return
    raise InvalidRequestError(f"the file is of no known tool: files of {_TOOLS} are read", {"field": "file"})


def _json_documents(text: str) -> Iterator[tuple[str, Any]]:
    """Yield JSON values that follow each other, with or without line breaks; NaN and Infinity are numbers here."""
    decoder, at, count = json.JSONDecoder(), 0, 0
    while at < len(text):
        count += 1
        try:
            document, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as problem:
            yield f"run {count}", {_PROBLEM: _json_problem(text, problem)}
            return
        yield f"run {count}", document
        at = end
        while at < len(text) and (text[at].isspace() or text[at] == ","):
            at += 1


def _json_problem(text: str, problem: Exception) -> str:
    if isinstance(problem, RecursionError):
        return "the JSON is nested too deeply"
    if isinstance(problem, json.JSONDecodeError):
        cut = problem.pos >= len(text) - 1 or problem.msg.startswith("Unterminated")
        where = f"line {problem.lineno}, column {problem.colno}"
        return (
            f"the JSON ends in the middle of a value: the file is cut ({where})"
            if cut
            else (f"not JSON at {where}: {problem.msg}")
        )
    return f"not JSON: {str(problem)[:100]}"


def _runs_of(document: Any, position: str, depth: int) -> Iterator[RunFields]:
    """Yield the runs inside a document: itself, or those of its list, report or dictionary of runs."""
    if isinstance(document, list):
        for index, item in enumerate(document):
            yield from _runs_of(item, f"{position}[{index}]", depth - 1)
        return
    if not isinstance(document, dict):
        yield RunFields({_PROBLEM: f"a run is an object, not {str(document)[:40]!r}"}, position)
        return
    run = RunFields(document, position)
    if guidellm.is_guidellm_report(run):
        yield from guidellm.benchmarks_of(run)
        return
    inner = document.get("benchmarks")
    if depth > 0 and isinstance(inner, list) and inner:
        yield from _runs_of(inner, f"{position}.benchmarks" if position else "benchmarks", depth - 1)
        return
    values = list(document.values())
    merged = values and all(isinstance(value, dict) for value in values)
    if depth > 0 and merged and not any(known.recognises(run) for known in FORMATS):
        known_inside = [v for v in values if any(f.recognises(RunFields(v)) for f in FORMATS)]
        if known_inside:
            for key, value in document.items():
                yield from _runs_of(value, f"{position}.{key}" if position else str(key)[:60], depth - 1)
            return
    yield run


class _NoAliases(yaml.SafeLoader):
    """A loader that refuses anchors: a few lines of them can stand for gigabytes."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("anchors are not read")
        return super().compose_node(parent, index)


def _yaml_document(text: str) -> Any:
    if len(text) > _MAX_YAML_BYTES:
        limit = _MAX_YAML_BYTES // 10**6
        raise PayloadTooLargeError(f"a YAML report may have {limit} MB: export it as JSON", {"field": "file"})
    try:
        return yaml.load(text, Loader=_NoAliases)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, RecursionError, ValueError) as problem:
        reason = str(problem).replace("\n", " ")[:200]
        raise InvalidRequestError(f"the file is not readable YAML: {reason}", {"field": "file"}) from problem
