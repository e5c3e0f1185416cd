"""Metric definitions against hand-worked numbers."""

from dataclasses import replace

import pytest

from budsim.perf_model.metrics import (
    clip01,
    error_rate,
    goodput,
    relative_misses,
    request_throughput_in_closed_loop,
    tpot_s,
    ttft_at_percentile,
)
from budsim.perf_model.serving_point import Prediction
from budsim.perf_model.workload import SloTargets

ANSWER = Prediction(
    ttft_ms_mean=110, ttft_ms_p50=100, ttft_ms_p90=200, ttft_ms_p95=250, ttft_ms_p99=400, tpot_ms_mean=10,
    tpot_ms_p99=12, itl_ms_p99=30, e2e_s_mean=2.1, e2e_s_p50=2.0, e2e_s_p95=3.0, e2e_s_p99=4.0, output_tps=1000,
    tps_per_user=50, request_throughput=5, saturated=False, kv_cache_tokens=100_000, max_concurrency=10,
)  # fmt: skip


def test_tpot_leaves_the_first_token_out():
    assert tpot_s(e2e_s=2.1, ttft_s=0.1, osl=101) == pytest.approx(0.02)
    assert tpot_s(e2e_s=2.1, ttft_s=2.1, osl=1) == 0.0


def test_littles_law_gives_the_throughput_of_a_closed_loop():
    assert request_throughput_in_closed_loop(concurrency=16, e2e_s=4.0) == 4.0


@pytest.mark.parametrize(("value", "clipped"), [(-1.0, 0.0), (0.3, 0.3), (7.0, 1.0)])
def test_clip01(value, clipped):
    assert clip01(value) == clipped


def test_error_rate_is_the_mean_of_clipped_misses_over_the_set_targets():
    # TTFT 100 against 80 misses by 0.25, throughput 50 against 100 by 0.5, E2E 2 against 3 is met: mean 0.25.
    targets = SloTargets(ttft_ms=80, throughput_per_user_tps=100, e2e_latency_s=3)
    assert error_rate(ANSWER, targets) == pytest.approx((0.25 + 0.5 + 0.0) / 3)


def test_a_miss_counts_at_most_one():
    assert error_rate(ANSWER, SloTargets(ttft_ms=1)) == 1.0
    assert relative_misses(ANSWER, SloTargets(ttft_ms=1))["ttft_ms"] == (1, 100, 99.0)


def test_null_and_zero_targets_are_not_set():
    assert error_rate(ANSWER, SloTargets()) == 0.0
    assert relative_misses(ANSWER, SloTargets(ttft_ms=0, e2e_latency_s=0.0)) == {}


def test_cost_counts_only_where_a_price_is_known():
    targets = SloTargets(cost_per_hour_usd=10)
    assert error_rate(ANSWER, targets, cost_per_hour_usd=None) == 0.0
    assert error_rate(ANSWER, targets, cost_per_hour_usd=15) == 0.5


def test_the_percentile_of_the_ttft_target_can_be_named():
    assert [ttft_at_percentile(ANSWER, p) for p in (50, 90, 95, 99, 75)] == [100, 200, 250, 400, 200]
    assert error_rate(ANSWER, SloTargets(ttft_ms=200, ttft_percentile=99)) == 1.0


def test_deployment_throughput_is_compared_when_given():
    assert error_rate(ANSWER, SloTargets(output_tps=2000), output_tps=2000) == 0.0
    assert error_rate(ANSWER, SloTargets(output_tps=2000)) == 0.5


def test_goodput_counts_requests_known_to_meet_every_target():
    assert goodput(ANSWER, SloTargets()) == 5
    assert goodput(ANSWER, SloTargets(ttft_ms=400, e2e_p99_s=4.0)) == 5
    assert goodput(ANSWER, SloTargets(ttft_ms=200)) == pytest.approx(4.5)
    assert goodput(ANSWER, SloTargets(ttft_ms=50)) == 0.0
    assert goodput(replace(ANSWER, request_throughput=0.0), SloTargets()) == 0.0
