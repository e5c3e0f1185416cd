"""Laws of serving: Little's law, monotone load, no free lunch above the roofline, policies of schedulers,
determinism."""

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest
from serving_samples import H100, MIXTRAL, WINDOWED, XEON, point, settings, workload

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model import serving
from budsim.perf_model.engine_constants import DEFAULTS
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.parameters import count_parameters
from budsim.perf_model.replay import MIXED, PREFILL_FIRST
from budsim.perf_model.serving import (
    capacity_requests_per_s,
    length_bounds,
    scheduler_setup,
    schedules_ahead,
    serve,
    share_of_load,
)
from budsim.perf_model.step_time import step_coefficients
from budsim.perf_model.workload import LoadMode

CONSTANTS = DEFAULTS["hopper"]
LOADS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def run(serving_point, kv_tokens=400_000.0, constants=CONSTANTS):
    return serve(serving_point, step_coefficients(serving_point, constants), constants, kv_tokens)


def closed(clients, engine="vllm", config=None, plan=None, **changes):
    chunked = engine != "trtllm"
    load = workload(concurrency=clients, **changes)
    return run(point(config, plan=plan, load=load, engine=settings(engine=engine, enable_chunked_prefill=chunked)))


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
@pytest.mark.parametrize("lengths", [(1024, 128), (128, 1024), (8000, 64)])
def test_littles_law_holds_in_a_closed_loop(engine, lengths):
    for clients in (1, 8, 64):
        answer = closed(clients, engine, isl=lengths[0], osl=lengths[1])
        assert answer.request_throughput * answer.e2e_s_mean == pytest.approx(clients, rel=1e-6)
        assert answer.output_tps == pytest.approx(answer.request_throughput * lengths[1], rel=1e-6)


def test_closed_loop_throughput_agrees_with_the_wall_clock_of_a_long_run():
    load = workload(concurrency=16, num_prompts=320, length_dist="uniform_0.5_1.5")
    answer = run(point(load=load))
    burst = run(point(load=workload(load_mode=LoadMode.BURST, num_prompts=320), engine=settings(max_num_seqs=16)))
    assert answer.output_tps == pytest.approx(burst.output_tps, rel=0.12)


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
@pytest.mark.parametrize("dist", ["fixed", "uniform_0.8_1.0"])
@pytest.mark.parametrize("lengths", [(1024, 128), (4096, 512), (200, 300)])
def test_latency_does_not_fall_with_load(engine, dist, lengths):
    answers = [closed(n, engine, isl=lengths[0], osl=lengths[1], length_dist=dist) for n in LOADS]
    for less, more in itertools.pairwise(answers):
        assert more.ttft_ms_mean >= less.ttft_ms_mean * 0.98
        assert more.tpot_ms_mean >= less.tpot_ms_mean * 0.98
        assert more.output_tps >= less.output_tps * 0.98


@pytest.mark.parametrize("config", [None, MIXTRAL, WINDOWED])
def test_no_replica_beats_the_roofline(config):
    p = point(config, plan=ParallelPlan(2), load=workload(concurrency=64))
    answer = run(p)
    active = count_parameters(p.arch).active
    per_token = 2 * (active - 128256 * 4096)
    total_tokens_per_s = answer.request_throughput * (1024 + 128)
    assert total_tokens_per_s * per_token < 2 * 989.4e12
    assert answer.tpot_ms_mean * 1e-3 > 2 * per_token / 2 / (2 * 3.35e12)


def test_one_request_alone_waits_for_nothing():
    answer = closed(1)
    assert answer.ttft_ms_p99 < 1.5 * answer.ttft_ms_p50
    assert answer.e2e_s_mean == pytest.approx((answer.ttft_ms_mean + 127 * answer.tpot_ms_mean) / 1e3, rel=1e-6)


def test_static_batch_has_no_queue():
    answer = run(point(load=workload(load_mode=LoadMode.STATIC_BATCH, concurrency=32)))
    assert answer.ttft_ms_p99 == answer.ttft_ms_mean == answer.ttft_ms_p50
    assert answer.e2e_s_p99 == answer.e2e_s_mean


def test_static_batch_beyond_the_cache_runs_in_waves():
    load = workload(load_mode=LoadMode.STATIC_BATCH, concurrency=64)
    fits, waves = run(point(load=load)), run(point(load=load), kv_tokens=16 * 1152)
    assert waves.ttft_ms_p99 > 3 * fits.ttft_ms_p99
    assert waves.output_tps < fits.output_tps


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_a_small_cache_means_queueing(engine):
    load = workload(concurrency=64, isl=1024, osl=512)
    p = point(load=load, engine=settings(engine=engine))
    roomy, tight = run(p), run(p, kv_tokens=10 * 1536)
    assert tight.ttft_ms_mean > 5 * roomy.ttft_ms_mean
    assert tight.output_tps < roomy.output_tps


def test_max_num_seqs_means_queueing():
    load = workload(concurrency=64)
    free, limited = run(point(load=load)), run(point(load=load, engine=settings(max_num_seqs=8)))
    assert limited.ttft_ms_mean > 3 * free.ttft_ms_mean
    assert limited.tpot_ms_mean < free.tpot_ms_mean


def test_prefill_first_lengthens_gaps_of_running_sequences():
    load = {"isl": 8000, "osl": 64, "length_dist": "uniform_0.5_1.5"}
    mixed, first = closed(32, "vllm", **load), closed(32, "sglang", **load)
    assert first.itl_ms_p99 > mixed.itl_ms_p99


def test_a_smaller_chunk_budget_shortens_gaps_and_lengthens_ttft():
    def with_budget(tokens, clients):
        load = workload(concurrency=clients, isl=8000, osl=256)
        return run(point(load=load, engine=settings(max_num_batched_tokens=tokens)))

    assert with_budget(1024, 16).itl_ms_p99 < with_budget(16384, 16).itl_ms_p99
    assert with_budget(1024, 1).ttft_ms_mean > with_budget(16384, 1).ttft_ms_mean


def test_prefix_cache_hits_shorten_ttft():
    values = [run(point(load=workload(isl=8000, prefix_cache_hit_rate=h))).ttft_ms_mean for h in (0.0, 0.5, 0.9)]
    assert values == sorted(values, reverse=True)


def test_burst_serves_everybody_from_time_zero():
    answer = run(point(load=workload(load_mode=LoadMode.BURST, num_prompts=100, concurrency=None)))
    assert answer.ttft_ms_p99 > answer.ttft_ms_p50 > 0
    assert answer.request_throughput == pytest.approx(100 / answer.e2e_s_p99, rel=0.05)


def poisson(rate, **changes):
    return run(point(load=workload(load_mode=LoadMode.POISSON, concurrency=None, request_rate=rate, **changes)))


def test_poisson_latency_grows_with_the_rate_and_throughput_follows_it():
    answers = [poisson(rate) for rate in (0.5, 1, 2, 4, 8)]
    for rate, answer in zip((0.5, 1, 2, 4, 8), answers, strict=True):
        assert not answer.saturated
        assert answer.request_throughput == rate
    for less, more in itertools.pairwise(answers):
        assert more.ttft_ms_mean >= 0.98 * less.ttft_ms_mean
        assert more.tpot_ms_mean >= 0.98 * less.tpot_ms_mean


def test_a_rate_above_capacity_is_saturated_and_serves_the_capacity():
    p = point(load=workload(load_mode=LoadMode.POISSON, concurrency=None, request_rate=1.0))
    capacity = capacity_requests_per_s(p, step_coefficients(p, CONSTANTS), 400_000.0)
    below, above = poisson(0.7 * capacity), poisson(2 * capacity)
    assert not below.saturated
    assert above.saturated
    assert above.request_throughput == pytest.approx(capacity)
    assert above.ttft_ms_mean > 3 * below.ttft_ms_mean


def test_capacity_is_what_a_full_closed_loop_reaches():
    p = point(load=workload(concurrency=300))
    reached = run(p, kv_tokens=340_000.0).request_throughput
    assert capacity_requests_per_s(p, step_coefficients(p, CONSTANTS), 340_000.0) == pytest.approx(reached, rel=0.25)


def test_a_closed_loop_is_never_saturated():
    assert not closed(4096).saturated


def test_one_output_token_has_no_tpot():
    for mode in (LoadMode.CLOSED_LOOP, LoadMode.STATIC_BATCH):
        answer = run(point(load=workload(osl=1, load_mode=mode)))
        assert answer.tpot_ms_mean == answer.tpot_ms_p99 == 0.0
        assert answer.e2e_s_mean * 1e3 == pytest.approx(answer.ttft_ms_mean)


@pytest.mark.parametrize("config", [None, MIXTRAL, WINDOWED])
@pytest.mark.parametrize("mode", list(LoadMode))
def test_same_question_same_answer_and_never_nan(config, mode):
    load = workload(load_mode=mode, request_rate=3.0, num_prompts=40, length_dist="uniform_0.5_1.5")
    first, second = (run(point(config, load=load)) for _ in range(2))
    assert first == second
    numbers = [v for v in (getattr(first, f) for f in first.__dataclass_fields__) if isinstance(v, float)]
    assert np.isfinite(numbers).all()
    assert first.ttft_ms_p50 <= first.ttft_ms_p90 <= first.ttft_ms_p95 <= first.ttft_ms_p99
    assert first.e2e_s_p50 <= first.e2e_s_p95 <= first.e2e_s_p99


def test_dp_ranks_bring_their_own_seats_and_budget():
    p = point(MIXTRAL, plan=ParallelPlan(4, ep_size=4, dp_attention=True))
    setup = scheduler_setup(p, CONSTANTS, 1e6)
    assert setup.max_num_seqs == 4 * 1024
    assert setup.token_budget == 4 * 8192


def test_a_scheduler_that_looks_rarely_lets_successors_wait_half_its_interval():
    def answer(engine, interval, **changes):
        load = workload(concurrency=8, isl=256, osl=256, length_dist="uniform_0.5_1.5", num_prompts=400, **changes)
        return run(point(load=load, engine=settings(engine=engine, stream_interval=interval)))

    each, tenth = answer("sglang", 1), answer("sglang", 10)
    waited_steps = (tenth.ttft_ms_mean - each.ttft_ms_mean) / each.tpot_ms_mean
    assert 2.0 < waited_steps < 9.0  # ten decode steps between two looks; a prompt's step is followed by a look
    assert tenth.ttft_ms_p99 - each.ttft_ms_p50 < 25 * each.tpot_ms_mean
    assert answer("vllm", 10).ttft_ms_mean == answer("vllm", 1).ttft_ms_mean
    alone = workload(concurrency=1, isl=256, osl=256)
    engines = [settings(engine="sglang", stream_interval=interval) for interval in (1, 10)]
    first, second = (run(point(load=alone, engine=engine)) for engine in engines)
    assert first.ttft_ms_mean == second.ttft_ms_mean  # an idle scheduler looks all the time


def planned(version, clients, device=H100, plan=None, **changes):
    load = workload(concurrency=clients, num_prompts=400, length_dist="uniform_0.5_1.5", **changes)
    engine = settings(engine_version=version, cpu_kvcache_bytes=64 * 2**30 if device is XEON else None)
    return run(point(device=device, plan=plan, load=load, engine=engine))


def test_who_arrives_while_the_next_step_is_planned_misses_it():
    before, ahead = planned("0.13.0", 4, osl=512), planned("0.14.0", 4, osl=512)
    missed_steps = (ahead.ttft_ms_mean - before.ttft_ms_mean) / before.tpot_ms_mean
    assert 0.8 < missed_steps < 2.5  # one decode step, at times a longer one with another prompt
    assert ahead.tpot_ms_mean == pytest.approx(before.tpot_ms_mean, rel=0.02)
    assert planned("0.14.0", 1).ttft_ms_mean == planned("0.13.0", 1).ttft_ms_mean  # an idle engine plans at once


@pytest.mark.parametrize("osl", [1, 2, 64])
@pytest.mark.parametrize("clients", [1, 2, 3, 8, 64])
def test_planning_ahead_answers_nobody_earlier(osl, clients):
    before, ahead = planned("0.13.0", clients, osl=osl), planned("0.14.0", clients, osl=osl)
    assert ahead.ttft_ms_mean >= 0.99 * before.ttft_ms_mean


@pytest.mark.parametrize(("device", "plan"), [(XEON, ParallelPlan()), (H100, ParallelPlan(1, pp_size=2))])
def test_vllm_plans_no_step_ahead_on_a_cpu_nor_across_pipeline_stages(device, plan):
    assert planned("0.14.0", 4, device, plan) == planned("0.13.0", 4, device, plan)


def test_each_engine_plans_ahead_from_its_version_on():
    def ahead(engine, version):
        return schedules_ahead(point(engine=settings(engine=engine, engine_version=version)))

    assert [ahead("vllm", v) for v in ("0.6.3", "0.13.0", "0.14.0", "0.19.1", None)] == [False, False, True, True, True]
    assert [ahead("trtllm", v) for v in ("0.12.0", "1.0.0rc3", None)] == [False, True, True]
    assert [ahead("sglang", v) for v in ("0.3.6", "0.5.1.post1", None)] == [False, True, True]
    assert not ahead("tgi", None)


def test_only_a_cold_server_compiles_and_only_when_a_first_wave_fills_its_budget():
    def ttft_s(warmups, clients=64, prompts=640, step_s=0.0):
        load = workload(concurrency=clients, num_prompts=prompts, num_warmups=warmups)
        constants = replace(CONSTANTS, cold_step_s=step_s, cold_chunk_s=50.0)
        return run(point(load=load), constants=constants).ttft_ms_mean / 1e3

    assert ttft_s(None) == ttft_s(1) == ttft_s(128)
    assert ttft_s(0) - ttft_s(None) == pytest.approx(50.0 * 64 / 640, rel=0.05)  # the first wave waits, nobody else
    assert ttft_s(0, prompts=3200) - ttft_s(None, prompts=3200) == pytest.approx(50.0 / 50, rel=0.05)
    few = {"clients": 4, "prompts": 40}  # 4 x 1024 of 8192 tokens
    assert ttft_s(0, **few) == ttft_s(None, **few)
    assert ttft_s(0, step_s=3.0, **few) - ttft_s(None, **few) == pytest.approx(0.3, rel=0.05)


def balanced(clients, ranks=4, **changes):
    plan = ParallelPlan(ranks, ep_size=ranks, dp_attention=True)
    load = workload(concurrency=clients, length_dist="uniform_0.5_1.5", **changes)
    return run(point(MIXTRAL, plan=plan, load=load, engine=settings(engine="trtllm", enable_chunked_prefill=False)))


def test_prompts_wait_for_other_attention_ranks_but_not_for_ever(monkeypatch):
    load = {"isl": 2048, "osl": 512, "num_prompts": 320}
    together = balanced(32, **load)
    monkeypatch.setattr(serving, "_BALANCE_STEPS", 0)
    at_once = balanced(32, **load)
    waited_steps = (together.ttft_ms_mean - at_once.ttft_ms_mean) / together.tpot_ms_mean
    assert 5.0 < waited_steps < 60.0
    assert together.tpot_ms_mean < at_once.tpot_ms_mean  # prompts that start together share a step
    assert together.request_throughput == pytest.approx(at_once.request_throughput, rel=0.3)


@pytest.mark.parametrize("clients", [1, 3, 4, 9, 200])
def test_every_prompt_starts_however_few_ranks_have_one(clients):
    answer = balanced(clients, isl=512, osl=32)
    assert answer.request_throughput * answer.e2e_s_mean == pytest.approx(clients, rel=1e-6)
    if clients == 1:  # idle ranks hold nothing up
        assert answer.ttft_ms_mean < 10 * answer.tpot_ms_mean


def test_load_is_shared_by_replicas():
    assert share_of_load(workload(concurrency=17), 4).concurrency == 5
    assert share_of_load(workload(load_mode=LoadMode.POISSON, request_rate=6.0), 3).request_rate == 2.0
    single = workload()
    assert share_of_load(single, 1) is single


@pytest.mark.parametrize(
    "text", ["uniform", "uniform_1", "uniform_2_1", "uniform_0_1", "uniform_a_b", "normal_1_2", "uniform_nan_1"]
)
def test_unknown_length_distributions_are_refused(text):
    with pytest.raises(InvalidRequestError, match="length_dist"):
        length_bounds(text)


def test_drawn_lengths_keep_the_stated_mean():
    wide = run(point(load=workload(length_dist="uniform_0.2_1.8")))
    fixed = run(point(load=workload()))
    assert wide.output_tps == pytest.approx(fixed.output_tps, rel=0.25)
    assert replace(wide, ttft_ms_mean=0.0) != replace(fixed, ttft_ms_mean=0.0)


LATENCIES = (
    "ttft_ms_mean", "ttft_ms_p50", "ttft_ms_p90", "ttft_ms_p95", "ttft_ms_p99", "e2e_s_mean", "e2e_s_p50", "e2e_s_p95",
    "e2e_s_p99",
)  # fmt: skip


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_any_number_of_clients_is_answered_and_past_a_full_server_only_the_wait_grows(engine):
    full = closed(4096, engine, isl=128, osl=16)
    answers = [closed(clients, engine, isl=128, osl=16) for clients in (5000, 99_999, 10**6, 10**9)]
    for less, more in itertools.pairwise([full, *answers]):
        assert all(getattr(more, name) > getattr(less, name) for name in LATENCIES)
        assert more.request_throughput == pytest.approx(full.request_throughput, rel=1e-9)
        assert more.tpot_ms_mean == pytest.approx(full.tpot_ms_mean)
    for clients, answer in zip((5000, 99_999, 10**6, 10**9), answers, strict=True):
        assert answer.request_throughput * answer.e2e_s_mean == pytest.approx(clients, rel=1e-9)
        assert answer.ttft_ms_p50 <= answer.ttft_ms_p90 <= answer.ttft_ms_p95 <= answer.ttft_ms_p99


LONGEST = [
    {"concurrency": 10**9},
    {"concurrency": 10**9, "num_prompts": 10**9},
    {"load_mode": LoadMode.BURST, "num_prompts": 10**9},
    {"load_mode": LoadMode.STATIC_BATCH, "concurrency": 10**9},
    {"load_mode": LoadMode.POISSON, "request_rate": 3.0, "num_prompts": 10**9},
    {"load_mode": LoadMode.POISSON, "request_rate": 1e6, "num_prompts": 10**9},
]


@pytest.mark.parametrize("load", LONGEST)
def test_the_longest_loads_take_no_longer_than_a_full_server(load):
    closed(8)  # compiles
    start = time.perf_counter()
    answer = run(point(load=workload(**load)))
    assert time.perf_counter() - start < 1.0  # 0.05 s on an idle machine; replaying them would take hours
    assert np.isfinite([getattr(answer, name) for name in (*LATENCIES, "output_tps")]).all()
    assert answer.e2e_s_p50 <= answer.e2e_s_p95 <= answer.e2e_s_p99


@pytest.mark.parametrize("mode", [LoadMode.CLOSED_LOOP, LoadMode.BURST, LoadMode.STATIC_BATCH])
def test_what_is_not_replayed_is_what_a_replay_gives(mode, monkeypatch):
    p = point(load=workload(load_mode=mode, concurrency=12_000, isl=512, osl=64))
    short = run(p, kv_tokens=100_000.0)
    monkeypatch.setattr(serving, "_clients_limit", lambda _: 10**9)
    whole = run(p, kv_tokens=100_000.0)
    assert short != whole
    assert short.request_throughput == pytest.approx(whole.request_throughput, rel=0.03)
    assert short.e2e_s_mean == pytest.approx(whole.e2e_s_mean, rel=0.03)
    assert short.e2e_s_p99 == pytest.approx(whole.e2e_s_p99, rel=0.15)


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm", "tgi"])
@pytest.mark.parametrize("family", ["hopper", "blackwell", "cdna", "gaudi"])
@pytest.mark.parametrize("lag_steps", [0.5, 20.0])
def test_more_output_never_ends_sooner(engine, family, lag_steps):
    constants = replace(DEFAULTS[family], arrival_lag_steps=lag_steps)
    for clients, isl in itertools.product((1, 4, 16, 64), (1024, 4096)):
        loads = [workload(concurrency=clients, isl=isl, osl=osl) for osl in (1, 2, 4)]
        answers = [run(point(load=load, engine=settings(engine=engine)), constants=constants) for load in loads]
        for less, more in itertools.pairwise(answers):
            assert more.e2e_s_mean >= less.e2e_s_mean
            assert more.request_throughput <= less.request_throughput


def test_rates_of_a_run_that_ends_are_its_work_over_its_wall_time():
    def finite(prompts, rate=2.0):
        return poisson(rate, num_prompts=prompts, isl=1024, osl=128)

    alone = finite(1)
    assert alone.request_throughput == pytest.approx(1 / alone.e2e_s_mean)
    assert alone.output_tps == pytest.approx(128 / alone.e2e_s_mean)
    assert finite(10).request_throughput < 2.0
    assert finite(4000).request_throughput == pytest.approx(2.0, rel=0.03)
    assert finite(10**6).request_throughput == pytest.approx(2.0, rel=1e-3)
    burst = run(point(load=workload(load_mode=LoadMode.BURST, num_prompts=4, concurrency=None)))
    assert burst.output_tps == pytest.approx(4 * 128 / burst.e2e_s_p99, rel=0.01)


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_streaming_in_chunks_changes_the_gap_that_the_client_sees_and_nothing_else(engine):
    def streamed(interval, clients, **changes):
        chunked = settings(engine=engine, stream_interval=interval)
        return run(point(load=workload(concurrency=clients, **changes), engine=chunked))

    for clients in (1, 32):
        each, four = streamed(1, clients), streamed(4, clients)
        assert replace(four, itl_ms_p99=each.itl_ms_p99) == each
        assert four.itl_ms_p99 > each.itl_ms_p99
    assert streamed(4, 1).itl_ms_p99 == pytest.approx(4 * streamed(1, 1).itl_ms_p99, rel=0.05)
    whole_answer = streamed(1000, 1)
    assert whole_answer.itl_ms_p99 == pytest.approx(127 * whole_answer.tpot_ms_mean, rel=0.07)
    for interval in (1, 7, 1000):
        assert streamed(interval, 4, osl=1).itl_ms_p99 == 0.0
    batch = {"load_mode": LoadMode.STATIC_BATCH}
    assert streamed(5, 8, **batch).itl_ms_p99 == pytest.approx(5 * streamed(1, 8, **batch).itl_ms_p99)


def test_v0_prefills_before_it_decodes_and_v1_mixes():
    def setup(version, engine="vllm", chunked=False):
        asked = point(engine=settings(engine=engine, engine_version=version, enable_chunked_prefill=chunked))
        return scheduler_setup(asked, CONSTANTS, 1e6).policy

    assert setup("0.6.3") == setup("0.7.3") == setup("0.5.9", "sglang", True) == setup("2.0", "tgi") == PREFILL_FIRST
    assert setup("0.6.3", chunked=True) == setup("0.8.0") == setup("0.32.0", chunked=True) == MIXED
    assert setup("1.0", "trtllm") == setup("0.3", "deepspeed-mii", True) == MIXED


def test_prompts_stall_the_decode_of_v0():
    load = workload(concurrency=16, isl=2048, osl=256, length_dist="uniform_0.5_1.5")
    old = run(point(load=load, engine=settings(engine_version="0.6.3", enable_chunked_prefill=False)))
    new = run(point(load=load))
    assert old.itl_ms_p99 > new.itl_ms_p99
    assert old.output_tps == pytest.approx(new.output_tps, rel=0.25)
    assert old.request_throughput * old.e2e_s_mean == pytest.approx(16, rel=1e-6)


def test_a_cache_that_fills_up_in_decode_preempts_and_recomputes():
    load = workload(concurrency=16, isl=256, osl=512, num_prompts=64)
    roomy, tight = (run(point(load=load), kv_tokens) for kv_tokens in (100_000.0, 6_000.0))
    reserved = run(point(load=load, engine=settings(engine="trtllm", enable_chunked_prefill=False)), 6_000.0)
    assert tight.e2e_s_mean > roomy.e2e_s_mean
    assert tight.output_tps > reserved.output_tps * 0.8
    assert tight.ttft_ms_mean < reserved.ttft_ms_mean  # vLLM admits what TensorRT-LLM holds back
