"""Disaggregated serving: one pool of instances prefills prompts, another one decodes, the KV cache travels between.

Both pools are played by the replay that serves aggregated replicas. One instance of each pool is played with its share
of the load; what a request goes through in the other pool is the delay with which it reaches this one's queue:

    prefill   prompts only, each answered after one token. In a closed loop a client's next prompt comes when its answer
              is complete: the time at the decode pool is its time to think.
    decode    every prompt is in the cache but for its last token, as engines have it: the step that takes a sequence in
              computes one token of it and nothing else. A sequence joins when its cache has arrived and its last token
              will fit; none is put back, because nothing here could prefill it again.

In a closed loop the two depend on each other, so they are played in turns until the answer stays (``ROUNDS``). Requests
go round the instances of a pool; transfers over one device's link wait for each other.

TTFT is what a client of vLLM's proxy or of SGLang's router sees: the queue and the prefill, the transfer, and the first
step of the decode instance. (SGLang sends the token that the prefill instance sampled, up to one step earlier.)

Sources: Zhong et al. 2024, DistServe, arXiv:2401.09670; Patel et al. 2024, Splitwise, arXiv:2311.18677; vLLM's
NixlConnector (a decode instance recomputes the last prompt token); SGLang's PD disaggregation guide.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from budsim.perf_model.engine_constants import StepConstants
from budsim.perf_model.kv_transfer import kv_transfer
from budsim.perf_model.metrics import request_throughput_in_closed_loop
from budsim.perf_model.replay import MIXED, SchedulerSetup, StepCoefficients, play
from budsim.perf_model.replay_summary import GAP_BINS, GAP_LOW_LOG, GAP_STEP_LOG, SUMMARY, summarise
from budsim.perf_model.serving import (
    MAX_CLIENTS_LIMIT,
    closed_loop_requests,
    length_bounds,
    prediction_of,
    request_lengths,
    scheduler_setup,
    share_of_load,
    unit_delays,
    unit_draws,
)
from budsim.perf_model.serving_point import Infeasible, Prediction, ServingPoint
from budsim.perf_model.step_time import StepWork, attention_ranks, attention_window, step_times
from budsim.perf_model.workload import LoadMode, Workload

FloatArray = NDArray[np.float64]

# Turns of a closed loop at most, and the change of the mean latency at which they end. Of 48 loads of 4 to 256 clients
# over four pairs of pools the sixth turn lay within 0.5 % of the twelfth, most within 0.02 %.
ROUNDS = 6
SETTLED = 2e-3
# A link that is busy for less of the time makes nobody wait.
IDLE_LINK = 0.05
# Poisson arrivals at one decode instance, the first fifth of them not measured; at least so many, at most so many at
# one instance of either pool.
POISSON_REQUESTS = 400
MOST_REQUESTS = 20_000
WARM_UP_SHARE = 0.2
# Prompts of a backlog by which the pace of a prefill instance is measured.
BACKLOG = 64
# What passes between the pools beside the cache. At most engines the router sends the request on to the decode instance
# (the engine's own arrival delay). SGLang's router sends it to both at once, but the prompt waits until the decode
# instance has told where its cache goes: fitted, the median of what TTFT lacks in 22 measured SGLang rows of at most
# 16 clients (scripts/compare_disaggregated.py); with each of three devices left out, 0.08 to 0.18 s.
HANDSHAKE_S = {"sglang": 0.15}


@dataclass(frozen=True, slots=True)
class DisaggregatedPoint:
    """Two pools under one load.

    Attributes:
        prefill: One prefill instance.
        decode: One decode instance; its workload is the load on the whole deployment.
        prefill_instances: Instances that prefill.
        decode_instances: Instances that decode.
        crosses_nodes: An instance's counterpart lies on another node.
    """

    prefill: ServingPoint
    decode: ServingPoint
    prefill_instances: int
    decode_instances: int
    crosses_nodes: bool = True

    @property
    def workload(self) -> Workload:
        """The load on the whole deployment."""
        return self.decode.workload

    @property
    def num_devices(self) -> int:
        """Devices of both pools."""
        prefill = self.prefill_instances * self.prefill.plan.num_devices
        return prefill + self.decode_instances * self.decode.plan.num_devices


@dataclass(frozen=True, slots=True)
class PoolCosts:
    """What one instance of a pool costs and holds.

    Attributes:
        coefficients: Seconds per unit of work.
        constants: Arrival delays, share of the link rate.
        kv_tokens: KV capacity, in tokens of sequences as the pool holds them.
    """

    coefficients: StepCoefficients
    constants: StepConstants
    kv_tokens: float


def serve_disaggregated(point: DisaggregatedPoint, prefill: PoolCosts, decode: PoolCosts) -> Prediction | Infeasible:
    """Predict the serving metrics of two pools under a load.

    Args:
        point: Both pools and the load on the deployment.
        prefill: Costs of one prefill instance.
        decode: Costs of one decode instance.

    Returns:
        Metrics of the whole deployment; ``kv_cache_tokens`` and ``max_concurrency`` are left to the caller. Past the
        capacity of a Poisson load ``saturated`` is True and the rates are the capacity, that of the slowest of prefill
        pool, links and decode pool.
    """
    load = point.workload
    clients = math.ceil((load.concurrency or 1) / min(point.prefill_instances, point.decode_instances))
    if load.load_mode is LoadMode.CLOSED_LOOP and clients > MAX_CLIENTS_LIMIT:
        text = f"{clients} clients at one instance are more than the {MAX_CLIENTS_LIMIT} that are played: use more."
        return Infeasible("unsupported", text)
    run = _Run(point, prefill, decode)
    match load.load_mode:
        case LoadMode.CLOSED_LOOP:
            return run.closed_loop()
        case LoadMode.POISSON:
            return run.poisson()
        case _:
            return run.burst()


def capacity_of_pools(point: DisaggregatedPoint, prefill: PoolCosts, decode: PoolCosts) -> dict[str, float]:
    """Return the requests per second that each part of a deployment can take: prefill, transfer, decode."""
    return _Run(point, prefill, decode).capacities()


@dataclass(frozen=True, slots=True)
class _Prefilled:
    """Prompts of one prefill instance, in order of arrival, seconds.

    Attributes:
        ready: When the cache is complete, from the start of the run.
        latency: From the client's sending to that moment.
    """

    ready: FloatArray
    latency: FloatArray


@dataclass(frozen=True, slots=True)
class _Decoded:
    """Answers of one decode instance, in order of arrival, seconds from the start of the run."""

    osl: NDArray[np.int64]
    arrival: FloatArray
    first_token: FloatArray
    finish: FloatArray
    gaps: FloatArray

    def summary(self, skip: int = 0) -> dict[str, float]:
        """Return seconds by the names of SUMMARY; the first ``skip`` requests are not measured."""
        seconds = summarise(
            self.osl, self.arrival, self.first_token, self.finish, self.gaps, GAP_LOW_LOG, GAP_STEP_LOG, skip
        )
        return dict(zip(SUMMARY, seconds.tolist(), strict=True))


class _Run:
    """One deployment under its load: an instance of either pool, and the link between them."""

    def __init__(self, point: DisaggregatedPoint, prefill: PoolCosts, decode: PoolCosts) -> None:
        self.point, self.load = point, point.workload
        self.prefill, self.decode = prefill, decode
        self.transfer = kv_transfer(
            point.prefill, point.decode, prefill.constants, decode.constants, point.crosses_nodes
        )
        # A prefill instance has no decode steps in which an arrival could go unseen.
        self.prefill_setup = scheduler_setup(point.prefill, prefill.constants, prefill.kv_tokens)._replace(
            reserve_share=0.0, steps_per_chunk=1, arrival_lag_steps=0.0, receive_steps=1
        )
        self.decode_setup = _decode_setup(point.decode, decode)
        self.prefill_coefficients = _host_per_rank(prefill.coefficients)
        self.decode_coefficients = _decode_only(_host_per_rank(decode.coefficients))
        engine = point.decode.settings.engine
        self.hop_s = HANDSHAKE_S.get(engine, decode.constants.arrival_delay_s)

    def closed_loop(self) -> Prediction:
        """Play the pools in turns; the last turn's decode instance is the answer."""
        load, point = self.load, self.point
        clients = min(load.concurrency or 1, load.num_prompts or load.concurrency or 1)
        here, there = (math.ceil(clients / pool) for pool in (point.decode_instances, point.prefill_instances))
        count = max(here, closed_loop_requests(share_of_load(load, point.decode_instances), here))
        prompts = max(there, round(count * there / here))
        elsewhere = np.full(count, load.osl * self._decode_step_s(float(here)))
        waits = np.zeros(count)
        seconds: dict[str, float] = {"e2e_mean": 0.0}
        for _ in range(ROUNDS):
            think = np.zeros(prompts)
            think[there:] = _spread(elsewhere, prompts)[: prompts - there]
            prefilled = self._play_prefill(np.zeros(prompts), think, there)
            latency = _spread(prefilled.latency, count)
            waits = self._waits_in_turn(latency, latency + elsewhere - waits, here, there)
            answers = self._play_decode(np.zeros(count), latency + waits + self._moving_s(count), here)
            elsewhere = answers.finish - answers.arrival - latency
            before, seconds = seconds["e2e_mean"], answers.summary()
            if abs(seconds["e2e_mean"] - before) <= SETTLED * before:
                break
        rate = request_throughput_in_closed_loop(clients, seconds["e2e_mean"])
        return self._prediction(seconds, rate, load.osl, saturated=False)

    def poisson(self) -> Prediction:
        """Play the arrivals that reach one instance of either pool."""
        load, point = self.load, self.point
        rate = float(load.request_rate or 0.0)
        in_flight = rate / point.decode_instances * load.osl * self._decode_step_s(8.0)
        total = load.num_prompts or max(POISSON_REQUESTS, 10 * in_flight) * point.decode_instances
        count, prompts = (
            int(min(max(1, math.ceil(total / pool)), MOST_REQUESTS))
            for pool in (point.decode_instances, point.prefill_instances)
        )
        prefilled = self._play_prefill(_arrivals(prompts, rate / point.prefill_instances), np.zeros(prompts))
        sent = _arrivals(count, rate / point.decode_instances)
        answers = self._play_decode(sent, self._delay(prefilled, sent))
        seconds = answers.summary(0 if load.num_prompts else int(count * WARM_UP_SHARE))
        most = min(self.capacities().values())
        if rate > most:
            return self._prediction(seconds, most, load.osl, saturated=True)
        if load.num_prompts:
            return self._prediction(seconds, load.num_prompts / seconds["wall"], float(answers.osl.mean()), False)
        return self._prediction(seconds, rate, load.osl, saturated=False)

    def burst(self) -> Prediction:
        """Play prompts that all come at once."""
        load, point = self.load, self.point
        total = int(load.num_prompts or load.concurrency or 1)
        if load.load_mode is LoadMode.STATIC_BATCH:
            total = int(load.concurrency or 1)
        count, prompts = (math.ceil(total / pool) for pool in (point.decode_instances, point.prefill_instances))
        prefilled = self._play_prefill(np.zeros(prompts), np.zeros(prompts))
        answers = self._play_decode(np.zeros(count), self._delay(prefilled, np.zeros(count)))
        seconds = answers.summary()
        return self._prediction(seconds, total / seconds["wall"], float(answers.osl.mean()), saturated=False)

    def capacities(self) -> dict[str, float]:
        """Return requests per second that each part takes: ``prefill``, ``transfer``, ``decode``."""
        load, point = self.load, self.point
        backlog = self._play_prefill(np.zeros(BACKLOG), np.zeros(BACKLOG), delayed=False)
        seats = point.decode.settings.max_num_seqs * attention_ranks(point.decode)
        running = max(1.0, min(float(seats), self.decode.kv_tokens / (load.isl + load.osl)))
        sending, receiving = self._link_seconds()
        return {
            "prefill": point.prefill_instances * BACKLOG / float(backlog.ready.max()),
            "transfer": min(point.prefill_instances / sending, point.decode_instances / receiving),
            "decode": point.decode_instances * running / (load.osl * self._decode_step_s(running)),
        }

    def _link_seconds(self) -> tuple[float, float]:
        """Return how long a prompt of mean length keeps the links of a prefill and of a decode instance busy.

        Ranks with sequences of their own have links of their own.
        """
        sending, receiving = (
            self.transfer.sending_seconds(self.load.isl),
            self.transfer.receiving_seconds(self.load.isl),
        )
        return sending / attention_ranks(self.point.prefill), receiving / attention_ranks(self.point.decode)

    def _decode_step_s(self, running: float) -> float:
        context = self.load.isl + self.load.osl / 2
        work = StepWork(decoding=running, decode_context=context)
        return float(step_times(self.decode_coefficients, [work], attention_window(self.point.decode.arch))[0])

    def _play_prefill(
        self, arrival: FloatArray, think: FloatArray, clients: int | None = None, delayed: bool = True
    ) -> _Prefilled:
        """Prefill ``arrival.size`` prompts on one instance; ``think`` is the time at the other pool before each."""
        count = arrival.size
        isl = request_lengths(self.load.isl, count, self.load.length_dist, 1)
        on_the_way = self.prefill.constants.arrival_delay_s * unit_delays(count) if delayed else np.zeros(count)
        setup = self.prefill_setup._replace(closed_loop=clients is not None, concurrency=clients or 1)
        first_token, finish, gaps = np.empty(count), np.empty(count), np.zeros(GAP_BINS)
        one = np.ones(count, np.int64)
        arrival = arrival.copy()
        c, delay = self.prefill_coefficients, on_the_way + think
        play(c, c, setup, isl, one, np.ones(count), arrival, delay, first_token, finish, gaps)
        return _Prefilled(first_token, first_token - arrival - think)

    def _moving_s(self, count: int) -> FloatArray:
        """Return what the cache of each of ``count`` requests takes on idle links, and the request's own way."""
        isl = request_lengths(self.load.isl, count, self.load.length_dist, 1)
        seconds = {tokens: self.transfer.seconds(float(tokens)) for tokens in np.unique(isl).tolist()}
        return np.array([seconds[tokens] + self.hop_s for tokens in isl.tolist()])

    def _is_sender_busier(self) -> bool:
        sending, receiving = self._link_seconds()
        return sending / self.point.prefill_instances > receiving / self.point.decode_instances

    def _delay(self, prefilled: _Prefilled, sent: FloatArray) -> FloatArray:
        """Return seconds from a client's sending at ``sent`` to the decode instance's queue.

        On the busier end of the links transfers wait for each other.
        """
        count = sent.size
        latency = _spread(prefilled.latency, count)
        sending, receiving = self._link_seconds()
        if self._is_sender_busier():
            waits = _spread(_link_waits(prefilled.ready, sending), count)
        else:
            waits = _link_waits(sent + latency, receiving)
        delay: FloatArray = latency + waits + self._moving_s(count)
        return delay

    def _waits_in_turn(self, first: FloatArray, cycle: FloatArray, here: int, there: int) -> FloatArray:
        """Return how long transfers of a closed loop wait for each other on the busier end of the links.

        Args:
            first: Seconds until each request's cache is ready; of the first wave those from the start of the run.
            cycle: Seconds of each request without that wait.
            here: Clients of a decode instance.
            there: Clients of a prefill instance.
        """
        sending, receiving = self._link_seconds()
        busy, clients = (sending, there) if self._is_sender_busier() else (receiving, here)
        if clients * busy < IDLE_LINK * float(cycle.mean()):
            return np.zeros(first.size)
        return _closed_link_waits(first, cycle - busy, busy, clients)

    def _play_decode(self, arrival: FloatArray, delay: FloatArray, clients: int | None = None) -> _Decoded:
        """Decode ``arrival.size`` answers on one instance."""
        count = arrival.size
        isl = request_lengths(self.load.isl, count, self.load.length_dist, 1)
        osl = request_lengths(self.load.osl, count, self.load.length_dist, 2)
        setup = self.decode_setup._replace(closed_loop=clients is not None, concurrency=clients or 1)
        first_token, finish, gaps = np.empty(count), np.empty(count), np.zeros(GAP_BINS)
        arrival = arrival.copy()
        c = self.decode_coefficients
        play(c, c, setup, isl, osl, np.ones(count), arrival, delay, first_token, finish, gaps)
        return _Decoded(osl, arrival, first_token, finish, gaps)

    def _prediction(self, seconds: dict[str, float], rate: float, osl: float, saturated: bool) -> Prediction:
        """Return the metrics, with the devices' time split by pool: what prefills is paid by the input."""
        answer = prediction_of(seconds, rate, osl, saturated)
        prefill = self.point.prefill_instances * self.point.prefill.plan.num_devices
        return replace(answer, prefill_time_share=prefill / self.point.num_devices)


def _decode_setup(point: ServingPoint, costs: PoolCosts) -> SchedulerSetup:
    """Return the scheduler of a decode instance: prompts are cached but for a token, and nothing is put back."""
    setup = scheduler_setup(point, costs.constants, costs.kv_tokens)
    longest = point.workload.isl * length_bounds(point.workload.length_dist)[1] * 2 + 1
    return setup._replace(
        policy=MIXED,
        chunked=True,
        token_budget=max(setup.token_budget, 2 * setup.max_num_seqs),
        reserve_share=1.0,
        balance_steps=0,
        cached_share=1.0 - 0.5 / longest,
    )


def _host_per_rank(c: StepCoefficients) -> StepCoefficients:
    """Return costs where every rank with sequences of its own also has a scheduler of its own, as engines do."""
    return c._replace(sequence_overhead_s=c.sequence_overhead_s / c.attention_ranks)


def _decode_only(c: StepCoefficients) -> StepCoefficients:
    """Return costs of steps in which a joining sequence is one more decoding one: captured graphs, cache reads."""
    return c._replace(
        prefill_overhead_s=0.0,
        prefill_launch_s=0.0,
        pair_full_s=c.kv_full_s,
        pair_window_s=c.kv_window_s,
        pair_ramp_s=0.0,
    )


def _arrivals(count: int, rate: float) -> FloatArray:
    """Return ``count`` Poisson arrivals at ``rate`` per second, the first at 0."""
    gaps: FloatArray = -np.log1p(-unit_draws(count, 3)) / rate
    times: FloatArray = np.cumsum(gaps) - gaps[0]
    return times


def _spread(values: FloatArray, count: int) -> FloatArray:
    """Return ``count`` values with the order and the distribution of ``values``: what one instance saw, for another."""
    taken: FloatArray = values[np.arange(count) * values.size // count]
    return taken


def _closed_link_waits(first: FloatArray, elsewhere: FloatArray, busy_s: float, clients: int) -> FloatArray:
    """Return how long each transfer of a closed loop waits for those before it on a link, in their order.

    Args:
        first: When the caches of the first wave are ready.
        elsewhere: Seconds from the end of a client's transfer to its next one.
        busy_s: Seconds that a transfer keeps the link busy.
        clients: Of the instance that the link is at.
    """
    ready = first[np.arange(min(clients, first.size))].tolist()
    heapq.heapify(ready)
    gaps, free = np.maximum(0.0, elsewhere).tolist(), 0.0
    waits = np.empty(first.size)
    for place in range(first.size):
        start = max(free, at := heapq.heappop(ready))
        waits[place], free = start - at, start + busy_s
        heapq.heappush(ready, free + gaps[place])
    return waits


def _link_waits(ready: FloatArray, busy_s: float) -> FloatArray:
    """Return how long each transfer waits for those before it on a link that each keeps busy for ``busy_s``."""
    order = np.argsort(ready, kind="mergesort")
    turn = np.arange(ready.size) * busy_s
    start: FloatArray = np.maximum.accumulate(ready[order] - turn) + turn
    waits: FloatArray = np.empty(ready.size)
    waits[order] = start - ready[order]
    return waits
