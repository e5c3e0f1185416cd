"""The scheduler of an engine, played request by request in compiled code.

One replica serves a list of requests. Every engine step costs ``step_seconds``; the scheduler decides what is in it.
Runs of identical decode steps are advanced at once up to the next event (a completion, an arrival, a full KV cache),
with the mean context of the run: a thousand requests cost about a millisecond. No randomness: lengths and arrival
times come in as arrays. Step time and scheduler are compiled in this one file, because numba's on-disk cache watches
the file of the outermost function only.

Sources:
    continuous batching   Yu et al. 2022, Orca, OSDI.
    mixed chunked prefill Agrawal et al. 2024, Sarathi-Serve, arXiv:2403.02310; vLLM V1 scheduler.
    prefill-first         SGLang ``Scheduler.get_next_batch_to_run``: new prefill batches go before decode.
    planning ahead        Zhu et al. 2024, NanoFlow, arXiv:2408.12757; SGLang ``event_loop_overlap``, vLLM
                          ``EngineCore.step_with_batch_queue``, TensorRT-LLM ``PyExecutor._executor_loop_overlap``:
                          while a step runs the host plans and launches the next one.
    full reservation      TensorRT-LLM ``GUARANTEED_NO_EVICT``: a request is admitted when its last token will fit.
    recompute preemption  vLLM ``Scheduler.schedule``: where no block is free the latest sequence loses its cache and is
                          prefilled again, with what it had generated; SGLang ``retract_decode``.
    speculation           Leviathan et al. 2023, arXiv:2211.17192: a decode step verifies the draft tokens of every
                          sequence beside its last one; ``speculation.py`` says how many steps an answer then takes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from budsim.perf_model.replay_heap import pop, push, remove_latest
from budsim.perf_model.replay_summary import record_gaps, record_last_gap

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Called from compiled code only: without the wrappers for Python the first compilation takes half as long.
_inner = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)

# Called once, with every coefficient: as calls of their own they take a tenth of the replay's time.
_inlined = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True)

MIXED = 0  # prefill chunks ride in the same step as decode (vLLM V1, TensorRT-LLM in-flight batching)
PREFILL_FIRST = 1  # steps are either prefill or decode, prefill wins (SGLang, vLLM V0)


class StepCoefficients(NamedTuple):
    """Seconds per unit of work of one replica, summed over its layers; efficiencies are folded in (``step_time.py``).

    ``*_read_s``: reading all weights of the part once. ``*_token_s``: arithmetic of one token. ``*_pair_s``: one
    query-key pair.
    """

    attention_ranks: float  # groups that each hold whole attention weights and their own sequences
    pp_size: float
    decode_rows: float  # tokens of a decoding sequence in one step: its last one and the draft tokens to verify
    attention_read_s: float
    attention_token_s: float
    dense_read_s: float
    dense_token_s: float
    expert_read_s: float
    expert_token_s: float
    expert_copy_s: float  # moving one token's copies to its experts and back
    expert_share: float  # experts per token / experts
    routing_evenness: float  # tokens of a step that choose experts independently of the others
    expert_spread: float  # share by which the fullest EP rank exceeds the mean, per standard deviation
    expert_tile_tokens: float  # an active expert computes at least this many rows
    half_rate_tokens: float  # tokens at which a GEMM reaches half of its best rate
    elementwise_token_s: float
    kv_full_s: float  # one cached token read by one decode step, full-attention layers
    kv_window_s: float  # the same, windowed layers
    state_sequence_s: float  # fixed-size state of linear layers, per decoding sequence
    pair_full_s: float
    pair_window_s: float
    pair_ramp_s: float  # one prompt token: kernels start slowly on short prompts
    head_read_s: float
    head_token_s: float
    collective_step_s: float
    collective_token_s: float
    pipeline_send_s: float
    step_overhead_s: float
    prefill_overhead_s: float
    prefill_launch_s: float  # host time of one step without CUDA graphs; overlaps with the device's work
    sequence_overhead_s: float
    two_rows_factor: float  # skinny GEMMs: time of the weights-bound part at 2, 4, 8, 16 rows over the roofline's
    four_rows_factor: float
    eight_rows_factor: float
    sixteen_rows_factor: float


class SchedulerSetup(NamedTuple):
    """What the engine's scheduler obeys and how requests reach it."""

    policy: int
    max_num_seqs: int
    token_budget: int
    chunked: bool
    kv_tokens: float  # of the whole replica, in tokens of sequences of the mean length
    reserve_share: float  # share of the outstanding output tokens set aside at admission
    window: float  # attention window of windowed layers, tokens; inf = none
    cached_share: float  # prompt tokens found in the prefix cache
    closed_loop: bool
    concurrency: int
    steps_per_chunk: int  # decode steps that the engine collects before it streams their tokens
    arrival_lag_steps: float  # further wait, in decode steps, until the scheduler looks at new arrivals
    draft_tokens: int  # verified per sequence and decode step; each holds a token of the step's budget and of the cache
    draft_passes: int  # runs of the draft model per step, one after the other; 0 = drafts cost the device nothing
    receive_steps: int  # decode steps between two looks at new arrivals; a prompt's step is followed by one
    ranks: int  # attention ranks, each with its own sequences
    cold_step_s: float  # added to the first step of prompts; 0 = the server is warm
    cold_chunk_s: float  # added to the first step of prompts that fills the token budget; 0 = the server is warm
    balance_steps: int  # steps that prompts wait at most until every rank has one; 0 = they do not wait for each other
    steps_ahead: int  # 1: a step is scheduled when the one before it starts, not when that one ends


class _Requests(NamedTuple):
    """Per-request arrays of one run, index = order of arrival."""

    isl: IntArray
    arrival: FloatArray
    delay: FloatArray  # client -> scheduler
    visible: FloatArray
    queue: IntArray  # requests on their way or waiting, in the order in which the scheduler sees them
    prompt: IntArray  # tokens to prefill: isl, plus what was generated before a preemption
    context: IntArray  # tokens prefilled so far
    left: IntArray  # steps with output still to come
    tokens_per_step: FloatArray  # output tokens of one such step, 1 without speculation
    last_step: IntArray  # decode-step number of the last token
    first_token: FloatArray
    finish: FloatArray
    heap: IntArray
    prefilling: IntArray  # admitted, prompt not finished; a queue
    preempted: IntArray  # a stack
    rank: IntArray  # attention rank that serves the request
    rank_load: IntArray  # per rank: requests that it was given and has not finished
    rank_waiting: IntArray  # of these, not admitted yet
    rank_running: IntArray  # of these, decoding


class _Counters(NamedTuple):
    """Scalars of one run, each an array of one element because numba passes numbers by value."""

    now: FloatArray
    steps: IntArray  # decode steps so far
    head: IntArray  # next request to admit
    issued: IntArray  # requests that have arrived or have a known arrival time
    active: IntArray
    heap_size: IntArray  # decoding sequences
    prefill_size: IntArray
    preempted_size: IntArray
    preemptions: IntArray
    done: IntArray
    chunk_steps: IntArray  # of the streamed chunk that is being filled
    unseen_steps: IntArray  # decode steps since the scheduler last looked at new arrivals
    assigned: IntArray  # requests of the queue that have a rank
    closed_steps: IntArray  # steps since prompts were last let in together
    context_sum: FloatArray  # tokens in the caches of decoding sequences
    decode_rate: FloatArray  # tokens that all decoding sequences gain in one step
    left_sum: FloatArray  # output tokens outstanding of admitted requests
    kv_used: FloatArray
    chunk_seconds: FloatArray
    stall: FloatArray  # prefill time since the last decode step (PREFILL_FIRST)
    decode_dt: FloatArray  # of the last step without prompts (before it: of a lone sequence)
    received: FloatArray  # when the scheduler last looked at new arrivals
    cold: FloatArray  # seconds that the first step of prompts will take longer
    cold_chunk: FloatArray  # seconds that the first full step of prompts will take longer


@_inner
def _ridge(a: float, b: float) -> float:
    """Smooth maximum (4-norm): never below either bound, 19 % above both where they are equal."""
    a2 = a * a
    b2 = b * b
    return np.sqrt(np.sqrt(a2 * a2 + b2 * b2))


@_inner
def _skinny_factor(c: StepCoefficients, rows: float) -> float:
    """Factor of a GEMM of few rows on the roofline: linear in log2 between its knots, 1 at one and from 32 rows on."""
    if rows <= 1.0 or rows >= 32.0:
        return 1.0
    place = np.log2(rows)
    if place < 1.0:
        low, high = 1.0, c.two_rows_factor
    elif place < 2.0:
        low, high = c.two_rows_factor, c.four_rows_factor
    elif place < 3.0:
        low, high = c.four_rows_factor, c.eight_rows_factor
    elif place < 4.0:
        low, high = c.eight_rows_factor, c.sixteen_rows_factor
    else:
        low, high = c.sixteen_rows_factor, 1.0
    return low + (high - low) * (place - np.floor(place))


@_inner
def _layers_seconds(c: StepCoefficients, tokens: float, rank_tokens: float) -> float:
    """Weights-bound part of one step: projections, MLPs, experts, elementwise work, collectives."""
    ramp = c.half_rate_tokens
    t = _ridge(c.attention_read_s, c.attention_token_s * (rank_tokens + ramp))
    if c.dense_read_s > 0.0:
        t += _ridge(c.dense_read_s, c.dense_token_s * (tokens + ramp))
    if c.expert_read_s > 0.0:
        active = 1.0 - (1.0 - c.expert_share) ** (1.0 + c.routing_evenness * max(0.0, tokens - 1.0))
        fullest = min(1.0, active + c.expert_spread * np.sqrt(active * (1.0 - active)))
        rows = tokens + active * c.expert_tile_tokens / c.expert_share
        t += _ridge(c.expert_read_s * fullest, c.expert_token_s * rows) + c.expert_copy_s * tokens
    t *= _skinny_factor(c, tokens)
    return t + c.elementwise_token_s * rank_tokens + c.collective_step_s + c.collective_token_s * tokens


@_inner
def step_seconds(
    c: StepCoefficients,
    prefill_tokens: float,
    prefill_sequences: float,
    pairs_full: float,
    pairs_window: float,
    sampled: float,
    decoding: float,
    context_sum: float,
    window_sum: float,
) -> float:
    """Seconds of one engine step.

    Args:
        c: StepCoefficients.
        prefill_tokens: Prompt tokens in the step.
        prefill_sequences: Sequences they belong to.
        pairs_full: Query-key pairs of those tokens (causal), full-attention layers.
        pairs_window: The same for windowed layers.
        sampled: Positions that go through the LM head.
        decoding: Sequences that decode, ``decode_rows`` tokens each.
        context_sum: Cached tokens of the decoding sequences together.
        window_sum: The same, each capped at the window.
    """
    ranks = c.attention_ranks
    micro = c.pp_size
    busy = min(ranks, max(1.0, prefill_sequences))
    decode_ranks = min(ranks, max(1.0, decoding))
    rows = c.decode_rows * decoding
    tokens = (prefill_tokens + rows) / micro
    rank_tokens = (prefill_tokens / busy + rows / decode_ranks) / micro
    t = _layers_seconds(c, tokens, rank_tokens)
    if micro > 1.0 and prefill_tokens > 0.0:
        t *= (2.0 * micro - 1.0) / micro  # fill and drain of the pipeline around one chunk
    t += (context_sum * c.kv_full_s + window_sum * c.kv_window_s + decoding * c.state_sequence_s) / decode_ranks
    t += (pairs_full * c.pair_full_s + pairs_window * c.pair_window_s + prefill_tokens * c.pair_ramp_s) / busy
    t += _skinny_factor(c, sampled) * _ridge(c.head_read_s, c.head_token_s * (sampled + c.half_rate_tokens))
    if prefill_tokens > 0.0:
        t = _ridge(t, c.prefill_launch_s) + c.prefill_overhead_s
    return t + c.pipeline_send_s + c.step_overhead_s + c.sequence_overhead_s * (decoding + prefill_sequences)


@_inner
def _draft_seconds(draft: StepCoefficients, passes: int, work: FloatArray) -> float:
    """Seconds of the draft model in one step: its first pass fills its cache with the step's prompts, too.

    Args:
        draft: StepCoefficients.
        passes: One after the other, >= 1.
        work: Arguments of ``step_seconds`` in order, as the target has them but for ``sampled``: one per sequence.
    """
    drafting, context, window = work[4], work[6], work[7]
    first = step_seconds(draft, work[0], work[1], work[2], work[3], drafting, work[5], context, window)
    if drafting <= 0.0 or passes <= 1:
        return first
    return first + (passes - 1) * step_seconds(draft, 0.0, 0.0, 0.0, 0.0, drafting, drafting, context, window)


@njit(cache=True)
def step_seconds_array(
    c: StepCoefficients, draft: StepCoefficients, passes: int, work: FloatArray, out: FloatArray
) -> None:
    """``step_seconds`` for the rows of ``work`` (n x 8, arguments in order), and ``passes`` of the draft model."""
    for i in range(work.shape[0]):
        w = work[i]
        out[i] = step_seconds(c, w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7])
        if passes > 0:
            w[4] -= (c.decode_rows - 1.0) * w[5]
            out[i] += _draft_seconds(draft, passes, w)


@_inner
def _issue(s: SchedulerSetup, r: _Requests, k: _Counters, i: int) -> None:
    """Put the successor ``i`` into the queue at the place that its delay and the scheduler's polling give it.

    Polling is a number of decode steps: prompts in the last step do not stretch it.
    """
    r.visible[i] = r.arrival[i] + r.delay[i] + s.arrival_lag_steps * k.decode_dt[0]
    place = k.issued[0]
    while place > k.head[0] and r.visible[r.queue[place - 1]] > r.visible[i]:
        r.queue[place] = r.queue[place - 1]
        place -= 1
    r.queue[place] = i
    k.issued[0] += 1


@_inner
def _complete(s: SchedulerSetup, r: _Requests, k: _Counters, i: int, at: float) -> None:
    """Close request ``i``; in a closed loop its client sends the next one at once."""
    r.finish[i] = at
    k.done[0] += 1
    k.active[0] -= 1
    if s.balance_steps > 0:
        r.rank_load[r.rank[i]] -= 1
        r.rank_running[r.rank[i]] -= 1
    if s.closed_loop and k.issued[0] < r.isl.size:
        j = k.issued[0]
        r.arrival[j] = at
        _issue(s, r, k, j)


@_inner
def _fits(s: SchedulerSetup, r: _Requests, k: _Counters, i: int) -> bool:
    """Whether request ``i`` may join: a free slot, and KV blocks for its prompt and its share of reserved output."""
    if k.active[0] >= s.max_num_seqs:
        return False
    need = r.prompt[i] + s.reserve_share * r.left[i] * r.tokens_per_step[i] + s.draft_tokens * (k.active[0] + 1)
    return k.active[0] == 0 or k.kv_used[0] + s.reserve_share * k.left_sum[0] + need <= s.kv_tokens


@_inner
def _next_waiting(s: SchedulerSetup, r: _Requests, k: _Counters) -> int:
    """Index of the request at the head of the queue that may be admitted now, or -1."""
    if k.preempted_size[0] > 0:
        i = r.preempted[k.preempted_size[0] - 1]
    elif k.head[0] < k.issued[0] and r.visible[r.queue[k.head[0]]] <= k.received[0]:
        i = r.queue[k.head[0]]
    else:
        return -1
    return i if _fits(s, r, k, i) else -1


@_inner
def _admit(s: SchedulerSetup, r: _Requests, k: _Counters, i: int) -> None:
    if k.preempted_size[0] > 0:
        k.preempted_size[0] -= 1
    else:
        k.head[0] += 1
    k.active[0] += 1
    r.context[i] = np.int64(s.cached_share * r.prompt[i])
    k.kv_used[0] += r.prompt[i]
    k.left_sum[0] += r.left[i] * r.tokens_per_step[i]
    r.prefilling[k.prefill_size[0]] = i
    k.prefill_size[0] += 1


@_inner
def _take_chunk(s: SchedulerSetup, r: _Requests, i: int, room: int, work: FloatArray) -> int:
    """Put as much of prompt ``i`` as fits (all of it without chunking) into the step. Returns tokens taken."""
    todo = r.prompt[i] - r.context[i]
    chunk = min(todo, room) if s.chunked else todo
    middle = r.context[i] + 0.5 * chunk
    work[0] += chunk
    work[1] += 1
    work[2] += chunk * middle
    work[3] += chunk * min(middle, s.window)
    if chunk == todo:
        work[4] += 1
    r.context[i] += chunk
    return chunk


@_inner
def _assign_ranks(s: SchedulerSetup, r: _Requests, k: _Counters) -> None:
    """Give every request that the scheduler has seen to the rank with the fewest."""
    while k.assigned[0] < k.issued[0] and r.visible[r.queue[k.assigned[0]]] <= k.received[0]:
        rank = np.argmin(r.rank_load)
        r.rank[r.queue[k.assigned[0]]] = rank
        r.rank_load[rank] += 1
        r.rank_waiting[rank] += 1
        k.assigned[0] += 1


@_inner
def _lets_prompts_in(s: SchedulerSetup, r: _Requests, k: _Counters) -> bool:
    """Whether prompts may start now: every rank has one, or a rank is idle, or they have waited long enough."""
    if r.rank_waiting.min() > 0:
        k.closed_steps[0] = 0
        return True
    k.closed_steps[0] += 1
    if k.closed_steps[0] < s.balance_steps and r.rank_running.min() > 0:
        return False
    k.closed_steps[0] = 0
    return True


@_inner
def _schedule_balanced(s: SchedulerSetup, r: _Requests, k: _Counters, left: int, work: FloatArray) -> None:
    """Start waiting prompts on all ranks together, each within its share of the ``left`` token budget."""
    _assign_ranks(s, r, k)
    if k.assigned[0] == k.head[0] or not _lets_prompts_in(s, r, k):
        return
    room = np.full(s.ranks, left // s.ranks)
    place = k.head[0]
    while place < k.assigned[0]:
        i = r.queue[place]
        rank = r.rank[i]
        todo = r.prompt[i] - np.int64(s.cached_share * r.prompt[i])
        if room[rank] > 0 and (s.chunked or todo <= room[rank] or work[0] == 0.0):
            if not _fits(s, r, k, i):
                return
            for q in range(place, k.head[0], -1):
                r.queue[q] = r.queue[q - 1]
            r.queue[k.head[0]] = i
            _admit(s, r, k, i)
            r.rank_waiting[rank] -= 1
            room[rank] -= _take_chunk(s, r, i, room[rank], work)
        place += 1


@_inner
def _schedule_prefill(s: SchedulerSetup, r: _Requests, k: _Counters, work: FloatArray) -> None:
    """Fill the step's token budget with prompts: started ones first, then the queue in order of arrival.

    Without chunked prefill a prompt waits until all of it fits; one longer than the whole budget runs in a step of its
    own.
    """
    work[:] = 0.0
    room = s.token_budget
    if s.policy == MIXED:
        room -= k.heap_size[0] * (1 + s.draft_tokens)
    for q in range(k.prefill_size[0]):
        if room <= 0:
            return
        room -= _take_chunk(s, r, r.prefilling[q], room, work)
    if s.balance_steps > 0:
        _schedule_balanced(s, r, k, room, work)
        return
    while room > 0:
        i = _next_waiting(s, r, k)
        if i < 0:
            return
        todo = r.prompt[i] - np.int64(s.cached_share * r.prompt[i])
        if todo > room and not s.chunked and (work[0] > 0.0 or todo <= s.token_budget):
            return
        _admit(s, r, k, i)
        room -= _take_chunk(s, r, i, room, work)


@_inner
def _finish_prefills(s: SchedulerSetup, r: _Requests, k: _Counters) -> None:
    """Give every sequence whose prompt is complete its token; the rest stays queued."""
    kept = 0
    for q in range(k.prefill_size[0]):
        i = r.prefilling[q]
        if r.context[i] < r.prompt[i]:
            r.prefilling[kept] = i
            kept += 1
            continue
        if s.balance_steps > 0:
            r.rank_running[r.rank[i]] += 1
        if r.first_token[i] < 0.0:
            r.first_token[i] = k.now[0]
        r.left[i] -= 1
        k.left_sum[0] -= r.tokens_per_step[i]
        if r.left[i] <= 0:
            k.kv_used[0] -= r.prompt[i]
            _complete(s, r, k, i, k.now[0])
            continue
        r.last_step[i] = k.steps[0] + r.left[i]
        k.context_sum[0] += r.prompt[i]
        k.decode_rate[0] += r.tokens_per_step[i]
        push(r.heap, r.last_step, k.heap_size, i)
    k.prefill_size[0] = kept


@_inner
def _finish_decodes(s: SchedulerSetup, r: _Requests, k: _Counters, hist: FloatArray) -> None:
    """Take out the sequences whose last token came in the step just played."""
    while k.heap_size[0] > 0 and r.last_step[r.heap[0]] <= k.steps[0]:
        i = pop(r.heap, r.last_step, k.heap_size)
        cached = r.prompt[i] + r.left[i] * r.tokens_per_step[i]
        k.context_sum[0] -= cached
        k.decode_rate[0] -= r.tokens_per_step[i]
        k.kv_used[0] -= cached
        r.left[i] = 0
        _complete(s, r, k, i, k.now[0])
    if k.heap_size[0] == 0:
        record_last_gap(hist, k.chunk_steps, k.chunk_seconds)


@_inner
def _preempt_until_room(s: SchedulerSetup, r: _Requests, k: _Counters) -> None:
    """Recompute-preempt the latest sequences while the next decode step would overflow the KV cache."""
    while k.heap_size[0] > 1 and k.kv_used[0] + k.heap_size[0] * (1 + s.draft_tokens) > s.kv_tokens:
        i, key = remove_latest(r.heap, r.last_step, k.heap_size)
        remaining = key - k.steps[0]
        cached = r.prompt[i] + (r.left[i] - remaining) * r.tokens_per_step[i]
        k.context_sum[0] -= cached
        k.decode_rate[0] -= r.tokens_per_step[i]
        k.kv_used[0] -= cached
        k.left_sum[0] -= remaining * r.tokens_per_step[i]
        r.prompt[i] = np.int64(np.rint(cached))
        r.left[i] = remaining
        k.active[0] -= 1
        k.preemptions[0] += 1
        r.preempted[k.preempted_size[0]] = i
        k.preempted_size[0] += 1


@_inner
def _jump_length(s: SchedulerSetup, r: _Requests, k: _Counters, dt: float) -> int:
    """Decode steps that can be played at once before anything changes."""
    n = r.last_step[r.heap[0]] - k.steps[0]
    spare = k.heap_size[0] * (1 + s.draft_tokens) - k.decode_rate[0]  # slots of a step that rejected drafts leave
    free = (s.kv_tokens - k.kv_used[0] - spare) / k.decode_rate[0]
    if free < n:
        n = max(np.int64(free), 1)
    next_seen = k.head[0]
    if s.balance_steps > 0:
        next_seen = k.assigned[0]
        if k.assigned[0] > k.head[0]:
            n = min(n, max(s.balance_steps - k.closed_steps[0], 1))
    if k.preempted_size[0] == 0 and k.active[0] < s.max_num_seqs and next_seen < k.issued[0]:
        wait = r.visible[r.queue[next_seen]] - k.received[0]
        if wait > 0.0:
            until = np.int64(np.ceil((wait + k.received[0] - k.now[0]) / dt)) + s.steps_ahead
            steps = max(until, 1) + k.unseen_steps[0]
            looks = (steps + s.receive_steps - 1) // s.receive_steps
            n = min(n, looks * s.receive_steps - k.unseen_steps[0])
    return n


@_inner
def _receive(s: SchedulerSetup, k: _Counters, n: int, dt: float) -> None:
    """Look at new arrivals as often as ``n`` decode steps of ``dt`` seconds allow."""
    k.unseen_steps[0] += n
    if k.unseen_steps[0] >= s.receive_steps:
        k.unseen_steps[0] %= s.receive_steps
        k.received[0] = k.now[0] - (k.unseen_steps[0] + s.steps_ahead) * dt


@_inner
def _round_seconds(
    c: StepCoefficients, draft: StepCoefficients, passes: int, decoding: float, context_sum: float, window_sum: float
) -> float:
    """Seconds of one pure decode step: ``passes`` runs of the draft model, then the target verifies."""
    rows = c.decode_rows * decoding
    t = step_seconds(c, 0.0, 0.0, 0.0, 0.0, rows, decoding, context_sum, window_sum)
    if passes > 0:
        t += passes * step_seconds(draft, 0.0, 0.0, 0.0, 0.0, decoding, decoding, context_sum, window_sum)
    return t


@_inner
def _decode_seconds(
    c: StepCoefficients, draft: StepCoefficients, s: SchedulerSetup, k: _Counters, ahead: float
) -> float:
    """Seconds of one pure decode step, ``ahead`` steps from now."""
    d = k.heap_size[0]
    context = k.context_sum[0] + k.decode_rate[0] * ahead
    window = min(context, d * s.window)
    return _round_seconds(c, draft, s.draft_passes, float(d), float(context), float(window))


@_inlined
def _advance_decode(
    c: StepCoefficients, draft: StepCoefficients, s: SchedulerSetup, r: _Requests, k: _Counters, hist: FloatArray
) -> None:
    """Play a run of pure decode steps."""
    d = k.heap_size[0]
    first = _decode_seconds(c, draft, s, k, 0.0)
    n = _jump_length(s, r, k, first)
    dt = first if n == 1 else _decode_seconds(c, draft, s, k, 0.5 * (n - 1))
    gained = n * k.decode_rate[0]
    k.now[0] += n * dt
    k.decode_dt[0] = dt
    _receive(s, k, n, dt)
    if s.balance_steps > 0:
        k.closed_steps[0] = (k.closed_steps[0] + n - 1) % s.balance_steps
    k.steps[0] += n
    k.context_sum[0] += gained
    k.kv_used[0] += gained
    k.left_sum[0] -= gained
    record_gaps(hist, s.steps_per_chunk, k.chunk_steps, k.chunk_seconds, n, dt, k.stall[0], d)
    k.stall[0] = 0.0
    _finish_decodes(s, r, k, hist)


@_inlined
def _advance_prefill(
    c: StepCoefficients,
    draft: StepCoefficients,
    s: SchedulerSetup,
    r: _Requests,
    k: _Counters,
    work: FloatArray,
    hist: FloatArray,
) -> None:
    """Play one step that holds prompt tokens (and, under MIXED, every decoding sequence)."""
    d = k.heap_size[0] if s.policy == MIXED else 0
    context = k.context_sum[0] if d > 0 else 0.0
    window = min(context, d * s.window) if d > 0 else 0.0
    sampled = work[4] + c.decode_rows * d
    dt = step_seconds(c, work[0], work[1], work[2], work[3], sampled, float(d), float(context), float(window))
    if s.draft_passes > 0:
        work[4] += d
        work[5], work[6], work[7] = d, context, window
        dt += _draft_seconds(draft, s.draft_passes, work)
    dt += k.cold[0]
    k.cold[0] = 0.0
    if work[0] + d >= s.token_budget:
        dt += k.cold_chunk[0]
        k.cold_chunk[0] = 0.0
    k.now[0] += dt
    k.received[0], k.unseen_steps[0] = k.now[0] - s.steps_ahead * dt, 0
    if d > 0:
        k.steps[0] += 1
        k.context_sum[0] += k.decode_rate[0]
        k.kv_used[0] += k.decode_rate[0]
        k.left_sum[0] -= k.decode_rate[0]
        record_gaps(hist, s.steps_per_chunk, k.chunk_steps, k.chunk_seconds, 1, dt, 0.0, d)
    elif k.heap_size[0] > 0:
        k.stall[0] += dt
    _finish_decodes(s, r, k, hist)
    _finish_prefills(s, r, k)


@njit(cache=True)
def play(
    c: StepCoefficients,
    draft: StepCoefficients,
    s: SchedulerSetup,
    isl: IntArray,
    steps: IntArray,
    tokens_per_step: FloatArray,
    arrival: FloatArray,
    delay: FloatArray,
    first_token: FloatArray,
    finish: FloatArray,
    hist: FloatArray,
) -> int:
    """Serve all requests; fills ``first_token`` and ``finish`` (seconds from the start) and the gap histogram.

    Args:
        c: StepCoefficients.
        draft: Of the model that drafts; read only where ``s.draft_passes`` > 0.
        s: SchedulerSetup.
        isl: Prompt tokens per request (int64).
        steps: Steps that give a request output (int64), >= 1: its prompt's and its decode steps. Without speculation
            its output tokens.
        tokens_per_step: Output tokens of one decode step of a request, in [1, 1 + ``s.draft_tokens``].
        arrival: Arrival times; in a closed loop all but the first ``concurrency`` are overwritten.
        delay: Seconds from the client to the scheduler's queue.
        first_token: Output.
        finish: Output.
        hist: Output, GAP_BINS counts of gaps between streamed chunks, logarithmic.

    Returns:
        Preemptions.
    """
    n = isl.size
    first_token[:] = -1.0
    requests = _Requests(
        isl,
        arrival,
        delay,
        np.zeros(n),
        np.zeros(n, np.int64),
        isl.copy(),
        np.zeros(n, np.int64),
        steps.copy(),
        tokens_per_step,
        np.zeros(n, np.int64),
        first_token,
        finish,
        np.zeros(n, np.int64),
        np.zeros(n, np.int64),
        np.zeros(n, np.int64),
        np.zeros(n, np.int64),
        np.zeros(s.ranks, np.int64),
        np.zeros(s.ranks, np.int64),
        np.zeros(s.ranks, np.int64),
    )
    whole = np.zeros((13, 1), np.int64)
    real = np.zeros((11, 1))
    k = _Counters(
        real[0], whole[0], whole[1], whole[2], whole[3], whole[4], whole[5], whole[6], whole[7], whole[8],
        whole[9], whole[10], whole[11], whole[12], real[1], real[2], real[3], real[4], real[5], real[6],
        real[7], real[8], real[9], real[10],
    )  # fmt: skip
    k.cold[0], k.cold_chunk[0] = s.cold_step_s, s.cold_chunk_s
    k.issued[0] = min(s.concurrency, n) if s.closed_loop else n
    requests.visible[:] = arrival + delay
    requests.queue[: k.issued[0]] = np.argsort(requests.visible[: k.issued[0]], kind="mergesort")
    alone = float(isl[0])
    k.decode_dt[0] = _round_seconds(c, draft, s.draft_passes, 1.0, alone, min(alone, s.window))
    work = np.zeros(8)
    while k.done[0] < n:
        _schedule_prefill(s, requests, k, work)
        if work[0] > 0.0:
            _advance_prefill(c, draft, s, requests, k, work, hist)
        elif k.heap_size[0] > 0:
            _preempt_until_room(s, requests, k)
            _advance_decode(c, draft, s, requests, k, hist)
        else:
            k.now[0] = k.received[0] = max(k.now[0], requests.visible[requests.queue[k.head[0]]])
            k.unseen_steps[0] = 0
    return k.preemptions[0]
