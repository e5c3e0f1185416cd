"""What a serving engine says of its memory when it starts: vLLM (V0, V1, CPU, HPU, ROCm), SGLang, TensorRT-LLM.

Pure text in, facts out. Prefixes (time stamps, process tags, container names) are skipped, not anchored. A log may hold
several starts: the last one counts. Figures are per rank; engines that write "GB" in these lines mean GiB.

Sources: the log calls in vLLM (``v1/worker/gpu_worker.py``, ``v1/core/kv_cache_utils.py``, ``worker/worker.py``,
``worker/hpu_worker.py``, ``v1/worker/cpu_worker.py``), SGLang (``model_executor/model_runner.py``,
``mem_cache/memory_pool.py``) and TensorRT-LLM's memory document.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.startup_log_lines import (
    DEVICE_MARKS,
    ENGINE_MARKS,
    FLAG_LINE,
    FLAGS,
    START_MARK,
    SUCCESS,
    VERSIONS,
    StartupFailure,
    failure_in,
    figures_in,
    flags_in,
)

MAX_LOG_CHARACTERS = 50_000_000
_MAX_LINE_CHARACTERS = 20_000
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_RANK = re.compile(
    r"\(((?:[A-Za-z]*Worker|EngineCore)[^()]{0,60}?) pid=\d+|\[[-\d: ]{19} ((?:(?:DP|PP|TP|EP)\d+ ?)+)\]"
)
_DATA_PARALLEL = re.compile(r"DP(\d+)")
# Tokens of a block where the log does not say: vLLM's defaults, HPU fork included.
_BLOCK_TOKENS = {"hpu": 128}
_DEFAULT_BLOCK_TOKENS = 16


@dataclass(frozen=True, slots=True)
class StartupLog:
    """Facts of one start; None where the log does not say. Bytes are of one rank, the fullest one.

    Attributes:
        engine: ``vllm``, ``sglang`` or ``trtllm``.
        engine_version: As the engine prints it.
        generation: ``V0`` or ``V1`` of vLLM.
        device_type: ``cuda``, ``rocm``, ``hpu`` or ``cpu`` where a line tells.
        model: As it was launched: a hub id or a path.
        flags: Launch parameters that the log states, by vLLM's names.
        total_bytes: Device memory that the engine sees.
        free_bytes: Device memory free before the weights are loaded.
        requested_bytes: Share that the engine takes.
        used_bytes: Everything but the cache, where only the sum is stated.
        kv_cache_tokens: Of the whole replica: the smallest rank, summed over data-parallel engines.
        max_concurrency: Sequences of ``max_model_len``, of the whole replica.
        started: The engine said that it serves.
        failure: Why it did not.
    """

    engine: str
    engine_version: str | None = None
    generation: str | None = None
    device_type: str | None = None
    model: str | None = None
    flags: Mapping[str, str] = field(default_factory=dict)
    total_bytes: float | None = None
    free_bytes: float | None = None
    requested_bytes: float | None = None
    used_bytes: float | None = None
    weight_bytes: float | None = None
    activation_bytes: float | None = None
    non_torch_bytes: float | None = None
    cuda_graph_bytes: float | None = None
    available_kv_bytes: float | None = None
    kv_cache_blocks: int | None = None
    kv_cache_tokens: int | None = None
    max_concurrency: float | None = None
    started: bool = False
    failure: StartupFailure | None = None

    def integer(self, flag: str) -> int | None:
        """Return a launch parameter as a whole number; None when absent or not one."""
        text = self.flags.get(flag, "")
        return int(text) if re.fullmatch(r"\d{1,12}", text) else None

    def number(self, flag: str) -> float | None:
        """Return a launch parameter as a number; None when absent or not one."""
        text = self.flags.get(flag, "")
        return float(text) if re.fullmatch(r"\d{1,12}(\.\d{0,12})?", text) else None


class _Collector:
    """Facts of one start, line by line."""

    def __init__(self) -> None:
        self.engine: str | None = None
        self.version: str | None = None
        self.generation: str | None = None
        self.device_type: str | None = None
        self.flags: dict[str, str] = {}
        self.readings: dict[str, dict[str, float]] = {}
        self.started = False
        self.failure: StartupFailure | None = None

    @property
    def is_over(self) -> bool:
        """Whether this start has come to its end, good or bad."""
        return self.started or self.failure is not None or "kv_cache_tokens" in self.readings

    def read(self, line: str) -> None:
        self.engine = self.engine or next((name for name, mark in ENGINE_MARKS.items() if mark.search(line)), None)
        for pattern in VERSIONS:
            if found := pattern.search(line):
                self.version = self.version or found["version"]
                if "generation" in pattern.groupindex:  # engines before 0.7.3 had one generation and did not say it
                    self.generation = found["generation"] or "V0"
        self._device(line)
        if FLAG_LINE.search(line):
            # The engine's own resolved configuration comes after the arguments and wins over them.
            self.flags.update(flags_in(line))
        for name, pattern in FLAGS.items():
            if found := pattern.search(line):
                value = next(text for text in found.groups() if text is not None)
                self.flags[name] = value.replace(",", "")
        self._figures(line)
        self.started = self.started or SUCCESS.search(line) is not None
        if not self.started:
            cause = failure_in(line)
            if cause and (self.failure is None or self.failure.rank > cause.rank):
                self.failure = cause

    def _device(self, line: str) -> None:
        if self.device_type in (None, "cuda"):
            found = next((name for name, mark in DEVICE_MARKS.items() if mark.search(line)), None)
            self.device_type = found or self.device_type

    def _figures(self, line: str) -> None:
        tag = _RANK.search(line)
        rank = (tag[1] or tag[2]) if tag else ""
        for name, value in figures_in(line).items():
            self._keep(name, rank, value)

    def _keep(self, name: str, rank: str, value: float) -> None:
        """Keep the latest figure of a rank; ranks without a tag overwrite only to the worse."""
        known = self.readings.setdefault(name, {})
        if not rank and rank in known and name in ("kv_cache_tokens", "kv_cache_blocks", "available_kv_bytes"):
            value = value if self.engine == "trtllm" else min(known[rank], value)
        known[rank] = value


def parse_startup_log(text: str) -> StartupLog:
    """Read the last start that a log tells of.

    Args:
        text: The log, with or without prefixes and colours.

    Returns:
        The facts; fields that the log does not state are None.

    Raises:
        InvalidRequestError: Too long, or no line of an engine that is known.
    """
    if len(text) > MAX_LOG_CHARACTERS:
        message = f"the log has {len(text)} characters, the limit is {MAX_LOG_CHARACTERS}: cut it to one start"
        raise InvalidRequestError(message, {"field": "log"})
    current = _Collector()
    for raw in text.splitlines():
        line = _COLOUR.sub("", raw[:_MAX_LINE_CHARACTERS])
        if START_MARK.search(line) and current.is_over and not _only_host_kill(current):
            current = _Collector()
        current.read(line)
    if current.engine is None or not (current.readings or current.version or current.failure):
        message = (
            "no start-up line of vLLM, SGLang or TensorRT-LLM was found: give the engine's own log, from its start"
        )
        raise InvalidRequestError(message, {"field": "log"})
    return _log(current, current.engine)


def _only_host_kill(current: _Collector) -> bool:
    """A container runtime's headline about the kill stands above the log that it belongs to."""
    return current.failure is not None and current.failure.code == "host_memory" and not current.readings


def _log(found: _Collector, engine: str) -> StartupLog:
    blocks, tokens = _lowest(found, "kv_cache_blocks"), _over_engines(found, "kv_cache_tokens")
    block_size = found.flags.get("block_size", "")
    device_type = found.device_type
    if tokens is None and blocks is not None:
        default = _BLOCK_TOKENS.get(device_type or "", _DEFAULT_BLOCK_TOKENS)
        tokens = blocks * (int(block_size) if block_size.isdigit() else default)
    binding = _binding_rank(found)
    weights = _of_rank(found, "weight_bytes", binding)
    if weights is None and _most(found, "load_begin_bytes") is not None:
        weights = (_most(found, "load_begin_bytes") or 0.0) - (_lowest(found, "load_end_bytes") or 0.0)
    return StartupLog(
        engine=engine,
        engine_version=found.version,
        generation=found.generation,
        device_type=device_type,
        model=_model(found.flags),
        flags={name: value for name, value in found.flags.items() if name not in ("model", "model_tag")},
        total_bytes=_most(found, "total_bytes"),
        free_bytes=_lowest(found, "load_begin_bytes") or _lowest(found, "free_bytes"),
        requested_bytes=_most(found, "requested_bytes"),
        used_bytes=_most(found, "used_bytes"),
        weight_bytes=weights,
        activation_bytes=_activation(found, binding, weights),
        non_torch_bytes=_of_rank(found, "non_torch_bytes", binding),
        cuda_graph_bytes=_of_rank(found, "cuda_graph_bytes", binding),
        available_kv_bytes=_available(found),
        kv_cache_blocks=None if blocks is None else int(blocks),
        kv_cache_tokens=None if tokens is None else int(tokens),
        max_concurrency=_over_engines(found, "max_concurrency"),
        started=found.started,
        failure=None if found.started else found.failure,
    )


def _activation(found: _Collector, rank: str | None, weight_bytes: float | None) -> float | None:
    """Return what the profiling step took beside the weights: stated, or the peak less the weights (0.6.4)."""
    stated, peak = _of_rank(found, "activation_bytes", rank), _of_rank(found, "peak_torch_bytes", rank)
    if stated is None and peak is not None and weight_bytes is not None:
        return max(0.0, peak - weight_bytes)
    return stated


def _model(flags: Mapping[str, str]) -> str | None:
    return flags.get("model_tag") or flags.get("model")


def _available(found: _Collector) -> float | None:
    stated = _lowest(found, "available_kv_bytes")
    keys, values = _lowest(found, "k_bytes"), _lowest(found, "v_bytes")
    return keys + values if stated is None and keys is not None and values is not None else stated


def _lowest(found: _Collector, name: str) -> float | None:
    return min(found.readings.get(name, {}).values(), default=None)


def _most(found: _Collector, name: str) -> float | None:
    return max(found.readings.get(name, {}).values(), default=None)


def _binding_rank(found: _Collector) -> str | None:
    available = found.readings.get("available_kv_bytes", {})
    return min(available, key=lambda rank: available[rank], default=None)


def _of_rank(found: _Collector, name: str, rank: str | None) -> float | None:
    """Return a figure of the rank with the smallest cache, or the largest of all where that rank does not print it."""
    known = found.readings.get(name, {})
    return known[rank] if rank in known else max(known.values(), default=None)


def _over_engines(found: _Collector, name: str) -> float | None:
    """Return the smallest figure of each data-parallel engine, summed: each engine prints its own cache."""
    smallest: dict[str, float] = {}
    for rank, value in found.readings.get(name, {}).items():
        copy = _DATA_PARALLEL.search(rank)
        key = copy[1] if copy else ""
        smallest[key] = min(value, smallest.get(key, value))
    return sum(smallest.values()) if smallest else None
