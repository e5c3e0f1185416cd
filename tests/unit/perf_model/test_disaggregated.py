"""Laws of two pools: no better than ideal, no prefill in the way of decoding, nothing lost, more never carries less."""

import itertools
import math
from dataclasses import replace

import pytest
from serving_samples import H100, MIXTRAL, WINDOWED, point, settings, workload

from budsim.perf_model.disaggregated import (
    DisaggregatedPoint,
    PoolCosts,
    capacity_of_pools,
    serve_disaggregated,
)
from budsim.perf_model.engine_constants import DEFAULTS
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.serving import serve
from budsim.perf_model.serving_point import Infeasible
from budsim.perf_model.step_time import StepWork, step_coefficients, step_times
from budsim.perf_model.workload import LoadMode

CONSTANTS = DEFAULTS["hopper"]
KV_TOKENS = 400_000.0


def pools(prefill=1, decode=1, tp=(1, 1), config=None, engine=None, crosses_nodes=True, **load):
    asked = workload(**({"isl": 2048, "osl": 128} | load))
    instances = [point(config, plan=ParallelPlan(size), load=asked, engine=engine) for size in tp]
    return DisaggregatedPoint(*instances, prefill, decode, crosses_nodes)


def costs(instance, kv_tokens=KV_TOKENS):
    return PoolCosts(step_coefficients(instance, CONSTANTS), CONSTANTS, kv_tokens)


def run(deployment, kv_tokens=KV_TOKENS):
    return serve_disaggregated(deployment, costs(deployment.prefill), costs(deployment.decode, kv_tokens))


def capacity(deployment, kv_tokens=KV_TOKENS):
    return capacity_of_pools(deployment, costs(deployment.prefill), costs(deployment.decode, kv_tokens))


def poisson(rate, **more):
    return {"load_mode": LoadMode.POISSON, "concurrency": None, "request_rate": rate} | more


def faster_links(deployment, bytes_per_s):
    device = replace(H100, link_bytes_per_s=bytes_per_s)
    sides = [
        replace(side, device=device, inter_node_bytes_per_s=bytes_per_s)
        for side in (deployment.prefill, deployment.decode)
    ]
    return replace(deployment, prefill=sides[0], decode=sides[1])


@pytest.mark.parametrize("config", [None, MIXTRAL, WINDOWED])
@pytest.mark.parametrize("load", [{"concurrency": 1}, {"concurrency": 64}, poisson(4.0)])
def test_no_links_and_no_number_of_instances_beat_an_idle_pair(config, load):
    deployment = faster_links(pools(64, 64, config=config, **load), 1e18)
    answer = run(deployment)
    c, window = step_coefficients(deployment.decode, CONSTANTS), 1024.0 if config is WINDOWED else math.inf
    prefill, decode = step_times(c, [StepWork(2048, 1), StepWork(decoding=1, decode_context=2048)], window)
    assert answer.ttft_ms_mean * 1e-3 >= prefill + decode
    assert answer.tpot_ms_mean * 1e-3 >= decode * 0.999
    assert answer.e2e_s_mean >= prefill + 128 * decode


@pytest.mark.parametrize("load", [{"concurrency": 32}, poisson(4.0)])
def test_a_slower_link_is_a_later_first_token_and_nothing_else(load):
    times = [run(faster_links(pools(2, 2, **load), rate)) for rate in (1e18, 50e9, 10e9)]
    assert [t.ttft_ms_mean for t in times] == sorted(t.ttft_ms_mean for t in times)
    bytes_sent = 2048 * 131_072
    assert times[2].ttft_ms_mean - times[0].ttft_ms_mean > bytes_sent / 10e9 * 1e3
    assert times[2].tpot_ms_mean == pytest.approx(times[0].tpot_ms_mean, rel=0.05)


def test_a_link_that_is_too_slow_saturates():
    slow = faster_links(pools(4, 4, **poisson(4.0)), 0.2e9)
    answer = run(slow)
    assert answer.saturated
    assert answer.request_throughput == pytest.approx(capacity(slow)["transfer"])


@pytest.mark.parametrize("rate", [1.0, 3.0])
def test_ttft_does_not_depend_on_the_decode_pool_while_it_keeps_up(rate):
    small, large = run(pools(2, 2, **poisson(rate))), run(pools(2, 8, **poisson(rate)))
    # What differs is the first step and the wait for the one before it.
    assert 0 <= small.ttft_ms_mean - large.ttft_ms_mean + 1.0 <= 1.0 + 2 * small.tpot_ms_mean
    assert small.ttft_ms_mean == pytest.approx(large.ttft_ms_mean, rel=0.05)


@pytest.mark.parametrize("config", [None, MIXTRAL])
@pytest.mark.parametrize("clients", [4, 16, 64])
def test_decoding_without_prefill_in_the_way_is_never_slower(config, clients):
    deployment = pools(8, 1, config=config, concurrency=clients)
    apart = run(deployment)
    together = serve(deployment.decode, step_coefficients(deployment.decode, CONSTANTS), CONSTANTS, KV_TOKENS)
    assert apart.tpot_ms_mean <= together.tpot_ms_mean
    assert apart.tpot_ms_p99 <= together.tpot_ms_p99 * 1.001
    assert apart.itl_ms_p99 < together.itl_ms_p99 or clients == 4


@pytest.mark.parametrize("sizes", [(1, 1), (1, 3), (4, 1), (3, 2)])
@pytest.mark.parametrize("dist", ["fixed", "uniform_0.8_1.0"])
@pytest.mark.parametrize("clients", [1, 12, 96])
def test_tokens_in_flight_and_tokens_out_agree(sizes, dist, clients):
    answer = run(pools(*sizes, concurrency=clients, length_dist=dist))
    assert answer.request_throughput * answer.e2e_s_mean == pytest.approx(clients, rel=1e-9)
    assert answer.output_tps == pytest.approx(answer.request_throughput * 128, rel=1e-9)
    assert answer.e2e_s_mean == pytest.approx((answer.ttft_ms_mean + 127 * answer.tpot_ms_mean) / 1e3, rel=0.02)


def test_both_pools_see_the_same_requests_in_a_closed_loop():
    """The prefill pool's own rate, by Little's law over its clients, is the decode pool's."""
    for clients in (8, 64, 256):
        deployment = pools(1, 2, concurrency=clients)
        assert run(deployment).request_throughput <= min(capacity(deployment).values()) * 1.1


def test_poisson_output_is_the_arrivals_until_capacity_and_capacity_from_there():
    deployment = pools(1, 1, **poisson(1.0))
    most = min(capacity(deployment).values())
    below, above = run(pools(1, 1, **poisson(0.8 * most))), run(pools(1, 1, **poisson(1.5 * most)))
    assert not below.saturated
    assert below.request_throughput == pytest.approx(0.8 * most)
    assert above.saturated
    assert above.request_throughput == pytest.approx(most)


def test_another_instance_never_lowers_the_capacity():
    for prefill, decode in itertools.product((1, 2, 4), (1, 2, 4)):
        here = capacity(pools(prefill, decode))
        for more in (capacity(pools(prefill + 1, decode)), capacity(pools(prefill, decode + 1))):
            assert min(more.values()) >= min(here.values()) * (1 - 1e-12)


@pytest.mark.parametrize("clients", [8, 64, 200])
def test_another_instance_never_lowers_the_throughput_of_a_closed_loop(clients):
    base = run(pools(2, 2, concurrency=clients)).output_tps
    assert run(pools(3, 2, concurrency=clients)).output_tps >= base * 0.99
    assert run(pools(2, 3, concurrency=clients)).output_tps >= base * 0.99


@pytest.mark.parametrize("osl", [2, 10, 50])
def test_a_link_that_binds_a_closed_loop_holds_its_rate_however_many_prefill(osl):
    rates = []
    for prefill in (2, 3, 4, 6):
        deployment = pools(prefill, 1, isl=5000, osl=osl, concurrency=40)
        answer, most = run(deployment), min(capacity(deployment).values())
        assert 0.8 * most <= answer.request_throughput <= 1.12 * most
        rates.append(answer.request_throughput)
    assert all(more >= 0.98 * less for less, more in itertools.pairwise(rates))


def test_the_decode_cache_admits_no_more_than_it_holds():
    roomy, tight = (run(pools(4, 1, concurrency=64), kv) for kv in (KV_TOKENS, 8 * 2176.0))
    assert tight.ttft_ms_mean > 3 * roomy.ttft_ms_mean
    assert tight.tpot_ms_mean < roomy.tpot_ms_mean
    decoding = tight.request_throughput * (tight.e2e_s_mean - tight.ttft_ms_mean / 1e3)
    assert decoding <= 8.0 * 1.05  # the first wave waits less, and is part of the means


def test_the_sequence_limit_of_a_decode_instance_holds():
    limited = run(pools(4, 1, engine=settings(max_num_seqs=4), concurrency=64))
    assert limited.request_throughput * (limited.e2e_s_mean - limited.ttft_ms_mean / 1e3) <= 4.0 * 1.05


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
@pytest.mark.parametrize("mode", [{"concurrency": 24}, poisson(3.0), {"load_mode": LoadMode.BURST, "num_prompts": 50}])
def test_the_same_question_has_the_same_finite_answer(engine, mode):
    asked = pools(2, 3, engine=settings(engine=engine), **mode)
    first, again = run(asked), run(asked)
    assert first == again
    figures = [value for value in (getattr(first, n) for n in first.__slots__) if isinstance(value, float)]
    assert all(math.isfinite(value) and value >= 0 for value in figures)
    assert first.ttft_ms_p50 <= first.ttft_ms_p90 <= first.ttft_ms_p95 <= first.ttft_ms_p99
    assert first.e2e_s_p50 <= first.e2e_s_p95 <= first.e2e_s_p99


def test_one_output_token_is_prefill_transfer_and_one_step():
    answer = run(pools(1, 1, osl=1, concurrency=4))
    assert answer.tpot_ms_mean == 0.0
    assert answer.e2e_s_mean == pytest.approx(answer.ttft_ms_mean / 1e3)


def test_a_run_of_stated_prompts_counts_them():
    burst = run(pools(1, 1, load_mode=LoadMode.BURST, concurrency=None, num_prompts=40))
    assert burst.request_throughput == pytest.approx(burst.output_tps / 128)
    assert burst.ttft_ms_p99 > burst.ttft_ms_p50


def test_more_clients_than_are_played_is_said():
    answer = run(pools(1, 1, concurrency=100_000))
    assert isinstance(answer, Infeasible)
    assert "16384" in answer.reason


def test_the_input_pays_for_the_prefill_pool():
    assert run(pools(1, 3, concurrency=8)).prefill_time_share == pytest.approx(0.25)
    assert run(pools(1, 1, tp=(4, 1), concurrency=8)).prefill_time_share == pytest.approx(0.8)
