"""From a serving point to TTFT, TPOT, ITL, E2E and throughput: the load meets the engine's scheduler.

Runs are finite, as benchmarks are: the first wave of a closed loop or a burst arrives at t = 0 and is part of the
means. Lengths and Poisson gaps are drawn from a fixed seed, the same for every point, so that two points differ by
what they are and not by luck.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.engine_constants import StepConstants
from budsim.perf_model.engine_settings import EngineSettings, version_numbers
from budsim.perf_model.metrics import request_throughput_in_closed_loop, tpot_s
from budsim.perf_model.replay import (
    MIXED,
    PREFILL_FIRST,
    SchedulerSetup,
    StepCoefficients,
    play,
)
from budsim.perf_model.replay_summary import GAP_BINS, GAP_LOW_LOG, GAP_STEP_LOG, SUMMARY, summarise
from budsim.perf_model.serving_point import Prediction, ServingPoint
from budsim.perf_model.speculation import (
    acceptance,
    decode_steps,
    draft_passes,
    expected_decode_steps,
    tokens_per_step,
)
from budsim.perf_model.step_time import StepWork, attention_ranks, attention_window, draft_coefficients, step_times
from budsim.perf_model.workload import LoadMode, Workload

SEED = 20_240_229
# Requests of a closed-loop run where the caller names none: ten waves, as the public benchmarks do, within these
# limits.
WAVES = 10
MIN_REQUESTS = 32
MAX_REQUESTS = 2_000
# What is replayed of a longer queue: past some fills of the server the throughput is constant and only the wait grows
# (``_longer_queue``). Measured on two shared cores, three requests per client: 4,096 clients whose prompts fit into one
# step take 10 to 60 ms, 256 clients with prompts of 60 steps 130 ms.
FILLS = 2
MIN_CLIENTS_LIMIT = 256
CHUNKS_LIMIT = 4_096
MAX_CLIENTS_LIMIT = 16_384
_POISSON_MIN_REQUESTS = 400
# TGI, TensorRT-LLM set the whole answer aside; SGLang's new_token_ratio starts at 0.7 and decays; vLLM reserves
# nothing.
_RESERVED_OUTPUT = {"trtllm": 1.0, "tgi": 1.0, "sglang": 0.4}
_PREFILL_FIRST_ENGINES = frozenset({"sglang", "tgi"})
# Decode steps between two looks of SGLang's scheduler at new requests (``--scheduler-recv-interval``, default 1). The
# public launch recipes that stream in intervals set it by the clients that they expect: (fewer than, steps).
_RECEIVE_STEPS = ((16, 10), (math.inf, 30))
_TUNED_STREAMING = 10  # tokens: the shortest interval in which those recipes stream
# Steps that TensorRT-LLM's prompts wait until every attention rank has one (``attention_dp_config``: ``enable_balance``
# with ``timeout_iters`` 60 and no ``batching_wait_iters``, as its own deployment guides launch attention DP).
_BALANCE_STEPS = 60
_FIRST_MIXED_VLLM = (0, 8)  # V1 is the default engine from 0.8 on

# First version whose scheduler works one step ahead by default: vLLM ``--async-scheduling`` (release notes of 0.14),
# SGLang's overlap schedule (0.4), the overlap scheduler of TensorRT-LLM's PyTorch backend (default from 1.0 on).
_FIRST_AHEAD = {"vllm": (0, 14), "sglang": (0, 4), "trtllm": (1, 0)}


def plays_v0(settings: EngineSettings) -> bool:
    """Whether the engine is a vLLM whose default scheduler is V0."""
    version = version_numbers(settings.engine_version)
    return settings.engine == "vllm" and version is not None and version < _FIRST_MIXED_VLLM


def schedules_ahead(point: ServingPoint) -> bool:
    """Whether the engine plans a step while the one before it runs, so that the host's work is hidden.

    What arrives during a step then misses the next one, too. vLLM does so from 0.14 on, but not on a CPU and not with
    pipeline stages.
    """
    first = _FIRST_AHEAD.get(point.settings.engine)
    if first is None or point.plan.pp_size > 1 or point.device.device_type.startswith("cpu"):
        return False
    version = version_numbers(point.settings.engine_version)
    return version is None or version >= first


def _policy(point: ServingPoint) -> int:
    """Return how the engine mixes prompts and decode; what is not named here mixes them in one step.

    vLLM V1, V0 with chunked prefill, TensorRT-LLM in flight, DeepSpeed-MII's split-fuse, OpenVINO and llama.cpp mix.
    """
    settings = point.settings
    if settings.engine in _PREFILL_FIRST_ENGINES:
        return PREFILL_FIRST
    return PREFILL_FIRST if plays_v0(settings) and not settings.enable_chunked_prefill else MIXED


def mean_tokens_per_step(point: ServingPoint) -> float:
    """Return the tokens that one decode step gives a sequence on average, 1 without speculation."""
    return tokens_per_step(point.settings.speculative_tokens, acceptance(point.settings, point.workload))


def steps_per_chunk(point: ServingPoint) -> int:
    """Return the decode steps that fill one streamed chunk.

    The first token goes out alone, an answer's end is not waited for, and what one step accepts goes out together.
    """
    tokens = max(1, min(point.settings.stream_interval, math.ceil(point.workload.osl) - 1))
    return math.ceil(tokens / mean_tokens_per_step(point))


def _receive_steps(point: ServingPoint) -> int:
    """Return the decode steps between two looks of the scheduler at new requests.

    SGLang skips none under dp_attention. A launch that does not stream in long intervals is a default one.
    """
    settings = point.settings
    if settings.engine != "sglang" or settings.stream_interval < _TUNED_STREAMING or point.plan.dp_attention:
        return 1
    clients = point.workload.concurrency or settings.max_num_seqs
    return next(steps for limit, steps in _RECEIVE_STEPS if clients < limit)


def scheduler_setup(point: ServingPoint, constants: StepConstants, kv_tokens: float) -> SchedulerSetup:
    """Return what the engine's scheduler obeys.

    Args:
        point: Replica, engine and load.
        constants: For the arrival lag.
        kv_tokens: KV capacity of the replica in tokens of sequences of the load's mean length.
    """
    settings, load = point.settings, point.workload
    ranks = attention_ranks(point)
    closed = load.load_mode is LoadMode.CLOSED_LOOP
    return SchedulerSetup(
        policy=_policy(point),
        max_num_seqs=max(1, settings.max_num_seqs * ranks),
        token_budget=max(1, settings.max_num_batched_tokens * ranks),
        chunked=bool(settings.enable_chunked_prefill),
        kv_tokens=float(kv_tokens),
        reserve_share=_RESERVED_OUTPUT.get(settings.engine, 0.0),
        window=attention_window(point.arch),
        cached_share=float(load.prefix_cache_hit_rate),
        closed_loop=closed,
        concurrency=int(load.concurrency or 1),
        steps_per_chunk=steps_per_chunk(point),
        arrival_lag_steps=float(constants.arrival_lag_steps),  # one type, so that numba compiles once
        draft_tokens=settings.speculative_tokens,
        draft_passes=draft_passes(settings.speculative_method, settings.speculative_tokens),
        receive_steps=_receive_steps(point),
        ranks=ranks,
        cold_step_s=float(constants.cold_step_s) if load.num_warmups == 0 else 0.0,
        cold_chunk_s=float(constants.cold_chunk_s) if load.num_warmups == 0 else 0.0,
        balance_steps=_BALANCE_STEPS if settings.engine == "trtllm" and ranks > 1 else 0,
        steps_ahead=int(schedules_ahead(point)),
    )


def length_bounds(length_dist: str) -> tuple[float, float]:
    """Return (low, high) of a length relative to its nominal value.

    Raises:
        InvalidRequestError: Neither ``fixed`` nor ``uniform_A_B`` with 0 < A <= B.
    """
    if length_dist == "fixed":
        return 1.0, 1.0
    parts = length_dist.split("_")
    if len(parts) == 3 and parts[0] == "uniform":
        try:
            low, high = float(parts[1]), float(parts[2])
        except ValueError:
            low, high = 0.0, -1.0
        if 0 < low <= high < math.inf:
            return low, high
    raise InvalidRequestError(
        f"length_dist '{length_dist[:40]}': use 'fixed' or 'uniform_A_B' with 0 < A <= B", {"field": "length_dist"}
    )


@lru_cache(maxsize=1024)
def unit_draws(count: int, stream: int) -> NDArray[np.float64]:
    """Return ``count`` even draws from [0, 1), the same for every point; ``stream`` tells one use from another."""
    draws = np.random.default_rng((SEED, stream)).random(count)
    draws.setflags(write=False)
    return draws


@lru_cache(maxsize=1024)
def request_lengths(mean: float, count: int, length_dist: str, stream: int) -> NDArray[np.int64]:
    """Return ``count`` whole lengths, at least 1, with (about) the given mean."""
    low, high = length_bounds(length_dist)
    nominal = mean / ((low + high) / 2)
    # Antithetic pairs: the sample mean is the mean, whatever the number of requests.
    half = unit_draws((count + 1) // 2, stream)
    unit = np.empty(count)
    unit[0::2] = half
    unit[1::2] = 1.0 - half[: count // 2]
    lengths = np.maximum(1, np.rint(nominal * (low + (high - low) * unit))).astype(np.int64)
    lengths.setflags(write=False)
    return lengths


def _clients_limit(run: _Run) -> int:
    """Return the longest queue that is replayed: some fills of the server, more where a prompt takes few steps."""
    seats = min(float(run.setup.max_num_seqs), run.setup.kv_tokens / run.load.isl)
    chunks_per_prompt = max(1.0, run.load.isl / run.setup.token_budget)
    return int(min(max(FILLS * seats, CHUNKS_LIMIT / chunks_per_prompt, MIN_CLIENTS_LIMIT), MAX_CLIENTS_LIMIT))


def _longer_queue(seconds: dict[str, float], more_s: float, grows_evenly: bool) -> dict[str, float]:
    """Return latencies of a full server whose queue is longer than the replayed one.

    Args:
        seconds: Of the replay, by the names of SUMMARY.
        more_s: Seconds in which the server finishes what the replay left out.
        grows_evenly: Every request waits ``more_s`` longer (a closed loop), else the wait grows along the run from 0 to
            ``more_s`` (everybody came at once, or faster than the server).
    """
    share = {"mean": 0.5, "p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
    waits = [name for name in seconds if name.startswith(("ttft_", "e2e_"))]
    longer = {name: seconds[name] + more_s * (1.0 if grows_evenly else share[name.split("_")[1]]) for name in waits}
    return seconds | longer


def closed_loop_requests(load: Workload, concurrency: int) -> int:
    """Return how many requests of a closed loop of ``concurrency`` clients are replayed."""
    if load.num_prompts:
        # A run of many waves is in its steady state long before it ends.
        # Where not all clients are replayed, the replayed ones send as many requests each.
        clients = min(load.concurrency or 1, load.num_prompts)
        prompts = load.num_prompts if clients <= concurrency else math.ceil(load.num_prompts / clients * concurrency)
        if load.num_warmups == 0:  # a cold first wave weighs as much as its share of the run
            return min(prompts, MAX_CLIENTS_LIMIT)
        return min(prompts, max(WAVES * 2 * concurrency, 64), max(3 * concurrency, 2 * MAX_REQUESTS))
    return max(3 * concurrency, min(max(WAVES * concurrency, MIN_REQUESTS), MAX_REQUESTS))


def _steps_of_one_request(
    point: ServingPoint, c: StepCoefficients, running: float, draft: StepCoefficients | None
) -> tuple[float, float]:
    """Return the seconds in which ``running`` sequences get a token each, and what one prompt adds to the replica's.

    Without speculation the former is one decode step.
    """
    load, window = point.workload, attention_window(point.arch)
    context = load.isl + load.osl / 2
    chunk = min(load.isl, float(point.settings.max_num_batched_tokens))
    prompt = load.isl * (1 - load.prefix_cache_hit_rate)
    batch = max(1.0, point.settings.max_num_batched_tokens / load.isl)
    decode, mixed = step_times(
        c,
        [
            StepWork(decoding=running, decode_context=context),
            StepWork(batch * chunk, batch, (prompt - chunk) / 2 if prompt > chunk else 0.0, running, context),
        ],
        window,
        draft,
    )
    return float(decode) / mean_tokens_per_step(point), float(mixed - decode) * prompt / (batch * chunk)


def capacity_requests_per_s(
    point: ServingPoint, c: StepCoefficients, kv_tokens: float, draft: StepCoefficients | None = None
) -> float:
    """Return the arrival rate at which the replica is always full: nothing above it can be served for long."""
    load = point.workload
    seats = point.settings.max_num_seqs * attention_ranks(point)
    running = max(1.0, min(float(seats), kv_tokens / (load.isl + load.osl)))
    decode, prompt = _steps_of_one_request(point, c, running, draft)
    return running / (load.osl * decode + running * prompt)


def _poisson_requests(point: ServingPoint, c: StepCoefficients, draft: StepCoefficients | None) -> int:
    load = point.workload
    if load.num_prompts:
        return load.num_prompts
    decode, prompt = _steps_of_one_request(point, c, 8.0, draft)
    in_flight = (load.request_rate or 0.0) * (load.osl * decode + prompt)
    return int(min(max(_POISSON_MIN_REQUESTS, 10 * in_flight), 2 * MAX_REQUESTS))


def _static_batch(point: ServingPoint, c: StepCoefficients, draft: StepCoefficients | None) -> Prediction:
    """One prefill of the whole batch, then decode steps of the whole batch: no scheduler, no queue.

    Under speculation every sequence takes the mean number of steps.
    """
    load, window = point.workload, attention_window(point.arch)
    batch = float(load.concurrency or 1)
    prompt = load.isl * (1 - load.prefix_cache_hit_rate)
    prefill, decode, last = step_times(
        c,
        [
            StepWork(batch * prompt, batch, load.isl - prompt),
            StepWork(decoding=batch, decode_context=load.isl + (load.osl - 1) / 2),
            StepWork(decoding=batch, decode_context=load.isl + load.osl - 1),
        ],
        window,
        draft,
    )
    tokens = max(0.0, load.osl - 1)
    steps = expected_decode_steps(tokens, point.settings.speculative_tokens, acceptance(point.settings, load))
    ttft = float(prefill)
    gap = float(decode) * (steps / tokens) if tokens > 0 else 0.0
    e2e = ttft + gap * tokens
    return prediction_of(
        dict.fromkeys(("ttft_mean", "ttft_p50", "ttft_p90", "ttft_p95", "ttft_p99"), ttft)
        | dict.fromkeys(("e2e_mean", "e2e_p50", "e2e_p95", "e2e_p99"), e2e)
        | {
            "tpot_mean": tpot_s(e2e, ttft, load.osl),
            "tpot_p99": gap,
            "itl_p99": float(last) * steps_per_chunk(point) if load.osl > 1 else 0.0,
        },
        request_throughput=batch / e2e,
        osl=load.osl,
        saturated=False,
    )


def prediction_of(seconds: dict[str, float], request_throughput: float, osl: float, saturated: bool) -> Prediction:
    """Return the metrics of a replay; ``seconds`` by the names of SUMMARY."""
    return Prediction(
        ttft_ms_mean=seconds["ttft_mean"] * 1e3,
        ttft_ms_p50=seconds["ttft_p50"] * 1e3,
        ttft_ms_p90=seconds["ttft_p90"] * 1e3,
        ttft_ms_p95=seconds["ttft_p95"] * 1e3,
        ttft_ms_p99=seconds["ttft_p99"] * 1e3,
        tpot_ms_mean=seconds["tpot_mean"] * 1e3,
        tpot_ms_p99=seconds["tpot_p99"] * 1e3,
        itl_ms_p99=seconds["itl_p99"] * 1e3,
        e2e_s_mean=seconds["e2e_mean"],
        e2e_s_p50=seconds["e2e_p50"],
        e2e_s_p95=seconds["e2e_p95"],
        e2e_s_p99=seconds["e2e_p99"],
        output_tps=request_throughput * osl,
        tps_per_user=osl / seconds["e2e_mean"],
        request_throughput=request_throughput,
        saturated=saturated,
        kv_cache_tokens=0,
        max_concurrency=0.0,
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """What a replay needs besides its requests."""

    setup: SchedulerSetup
    coefficients: StepCoefficients
    draft: StepCoefficients | None
    load: Workload
    acceptance: float
    arrival_delay_s: float

    def play(self, count: int, arrival: NDArray[np.float64], skip: int = 0) -> dict[str, float]:
        """Serve ``count`` requests; the first ``skip`` are not measured. Returns seconds by the names of SUMMARY."""
        load = self.load
        isl = request_lengths(load.isl, count, load.length_dist, 1)
        osl = request_lengths(load.osl, count, load.length_dist, 2)
        delay = self.arrival_delay_s * unit_delays(count)
        first_token, finish, gaps = np.empty(count), np.empty(count), np.zeros(GAP_BINS)
        steps, per_step = self._steps(osl)
        draft = self.draft or self.coefficients
        play(self.coefficients, draft, self.setup, isl, steps, per_step, arrival, delay, first_token, finish, gaps)
        seconds = summarise(osl, arrival, first_token, finish, gaps, GAP_LOW_LOG, GAP_STEP_LOG, skip)
        return dict(zip(SUMMARY, seconds.tolist(), strict=True), osl_mean=float(osl.mean()))

    def _steps(self, osl: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return each request's steps with output, its prompt's among them, and the tokens of one decode step."""
        count = len(osl)
        if not self.setup.draft_tokens:
            return osl, np.ones(count)
        tokens = osl - 1
        steps = decode_steps(tokens, self.setup.draft_tokens, self.acceptance, _normal_draws(count))
        return steps + 1, tokens / np.maximum(steps, 1)


@lru_cache(maxsize=1024)
def _normal_draws(count: int) -> NDArray[np.float64]:
    """Return standard normal draws in antithetic pairs: their mean is 0, whatever the number of requests."""
    half = np.random.default_rng((SEED, 5)).standard_normal(count // 2)
    draws = np.zeros(count)
    draws[0 : 2 * len(half) : 2] = half
    draws[1 : 2 * len(half) : 2] = -half
    draws.setflags(write=False)
    return draws


@lru_cache(maxsize=1024)
def unit_delays(count: int) -> NDArray[np.float64]:
    """Return exponential delays of mean 1: transport and tokenising spread requests that were sent together."""
    delays = -np.log1p(-unit_draws(count, 4))
    delays.setflags(write=False)
    return delays


def _finite(seconds: dict[str, float], count: int, wall_s: float) -> Prediction:
    """Return the metrics of a run of ``count`` requests that ends: rates are what was made over its wall time."""
    return prediction_of(seconds, count / wall_s, seconds["osl_mean"], saturated=False)


def _serve_burst(run: _Run) -> Prediction:
    load = run.load
    count = int(load.num_prompts or load.concurrency or 1)
    if load.load_mode is LoadMode.STATIC_BATCH:
        count = int(load.concurrency or 1)
    played = min(count, 2 * _clients_limit(run))
    seconds = run.play(played, np.zeros(played))
    if played == count:
        return _finite(seconds, count, seconds["wall"])
    # The later half of the run is a full server's pace, without its first fill.
    half = played // 2
    pace_s = (seconds["wall"] - run.play(half, np.zeros(half))["wall"]) / (played - half)
    more_s = (count - played) * pace_s
    return _finite(_longer_queue(seconds, more_s, grows_evenly=False), count, seconds["wall"] + more_s)


def _serve_poisson(point: ServingPoint, run: _Run) -> Prediction:
    load = point.workload
    rate = float(load.request_rate or 0.0)
    capacity = capacity_requests_per_s(point, run.coefficients, run.setup.kv_tokens, run.draft)
    saturated = rate > capacity
    count = _poisson_requests(point, run.coefficients, run.draft)
    played = min(count, 2 * _clients_limit(run))
    arrival = np.cumsum(-np.log1p(-unit_draws(played, 3))) / rate
    arrival -= arrival[0]
    seconds = run.play(played, arrival, 0 if load.num_prompts else played // 5)
    more = count - played
    if saturated:
        seconds = _longer_queue(seconds, more * (1 / capacity - 1 / rate), grows_evenly=False)
        return prediction_of(seconds, capacity, load.osl, saturated=True)
    if not load.num_prompts:
        return prediction_of(seconds, rate, load.osl, saturated=False)
    return _finite(seconds, count, seconds["wall"] + more / rate)


def _serve_closed_loop(run: _Run) -> Prediction:
    load = run.load
    clients = min(run.setup.concurrency, load.num_prompts or run.setup.concurrency)
    played = min(clients, _clients_limit(run))
    if played < clients:
        run = replace(run, setup=run.setup._replace(concurrency=played))
    count = closed_loop_requests(load, run.setup.concurrency)
    seconds = run.play(count, np.zeros(count))
    rate = request_throughput_in_closed_loop(played, seconds["e2e_mean"])
    if played < clients:
        seconds = _longer_queue(seconds, (clients - played) / rate, grows_evenly=True)
    return prediction_of(seconds, rate, load.osl, saturated=False)


def with_time_shares(
    point: ServingPoint, c: StepCoefficients, answer: Prediction, draft: StepCoefficients | None = None
) -> Prediction:
    """Return an answer with the shares of the replica's time that go into prompts, and into work at all.

    A request costs the replica what its prompt adds to the steps, and its part of ``osl`` decode steps; how many others
    share those steps is the mean number of sequences that decode at once (Little's law).
    """
    decoding_s = max(0.0, answer.e2e_s_mean - answer.ttft_ms_mean / 1e3)
    running = max(1.0, answer.request_throughput * decoding_s)
    decode, prompt = _steps_of_one_request(point, c, running, draft)
    prompt_s, answer_s = max(0.0, prompt), max(0.0, point.workload.osl - 1) * decode / running
    busy_s = prompt_s + answer_s
    if not (math.isfinite(busy_s) and busy_s > 0):
        return answer
    is_full = answer.saturated or point.workload.load_mode is not LoadMode.POISSON
    busy = 1.0 if is_full else min(1.0, answer.request_throughput * busy_s)
    return replace(answer, prefill_time_share=prompt_s / busy_s, busy_share=busy)


def serve(point: ServingPoint, c: StepCoefficients, constants: StepConstants, kv_tokens: float) -> Prediction:
    """Predict the serving metrics of one replica under its load.

    Args:
        point: Replica, engine and load.
        c: What each unit of work costs (``step_coefficients``).
        constants: Arrival delays of the engine.
        kv_tokens: KV capacity in tokens of sequences of the load's mean length.

    Returns:
        Metrics with the replica's time shares; ``kv_cache_tokens`` and ``max_concurrency`` are left to the caller. Past
        the capacity of a Poisson load ``saturated`` is True, the rates are the capacity, and the latencies are those of
        this finite run.
    """
    draft = draft_coefficients(point, constants)
    return with_time_shares(point, c, _serve(point, c, draft, constants, kv_tokens), draft)


def _serve(
    point: ServingPoint,
    c: StepCoefficients,
    draft: StepCoefficients | None,
    constants: StepConstants,
    kv_tokens: float,
) -> Prediction:
    load = point.workload
    setup = scheduler_setup(point, constants, kv_tokens)
    played = _Run(setup, c, draft, load, acceptance(point.settings, load), constants.arrival_delay_s)
    if load.load_mode is LoadMode.STATIC_BATCH:
        batch = load.concurrency or 1
        if batch <= setup.max_num_seqs and batch * (load.isl + load.osl) <= kv_tokens:
            return _static_batch(point, c, draft)
        return _serve_burst(played)  # the engine has to run it in waves
    if load.load_mode is LoadMode.BURST:
        return _serve_burst(played)
    if load.load_mode is LoadMode.POISSON:
        return _serve_poisson(point, played)
    return _serve_closed_loop(played)


def share_of_load(workload: Workload, replicas: int) -> Workload:
    """Return the load that the busiest of ``replicas`` independent copies carries."""
    if replicas <= 1:
        return workload
    return replace(
        workload,
        concurrency=math.ceil(workload.concurrency / replicas) if workload.concurrency else None,
        request_rate=workload.request_rate / replicas if workload.request_rate else None,
        num_prompts=math.ceil(workload.num_prompts / replicas) if workload.num_prompts else None,
    )
