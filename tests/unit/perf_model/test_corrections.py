"""A corrected prediction is still one: identities, order of percentiles, Little's law, floors, nested intervals."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from budsim.perf_model.corrections import Correction, HalfWidths, confidence, corrected, reconcile, with_intervals
from budsim.perf_model.serving_point import Prediction
from budsim.perf_model.workload import LoadMode, Workload

LOAD = Workload(1024, 101, LoadMode.CLOSED_LOOP, concurrency=8)
# TTFT 100 ms, 100 gaps of 10 ms: E2E 1.1 s; 8 clients.
PLAIN = Prediction(
    ttft_ms_mean=100.0, ttft_ms_p50=80.0, ttft_ms_p90=190.0, ttft_ms_p95=220.0, ttft_ms_p99=300.0, tpot_ms_mean=10.0,
    tpot_ms_p99=12.0, itl_ms_p99=20.0, e2e_s_mean=1.1, e2e_s_p50=1.08, e2e_s_p95=1.3, e2e_s_p99=1.4,
    output_tps=8 * 101 / 1.1, tps_per_user=101 / 1.1, request_throughput=8 / 1.1, saturated=False,
    kv_cache_tokens=100_000, max_concurrency=10.0,
)  # fmt: skip
FACTOR = st.floats(0.25, 4.0)


@given(FACTOR, FACTOR, FACTOR)
def test_identities_hold_after_any_correction(ttft, decode, p99):
    moved = corrected(PLAIN, Correction(ttft, decode, p99), LOAD)
    assert moved.ttft_ms_mean == pytest.approx(100 * ttft)
    assert moved.tpot_ms_mean == pytest.approx(10 * decode)
    assert moved.e2e_s_mean == pytest.approx(moved.ttft_ms_mean / 1e3 + 100 * moved.tpot_ms_mean / 1e3)
    assert moved.request_throughput * moved.e2e_s_mean == pytest.approx(8)
    assert moved.output_tps == pytest.approx(101 * moved.request_throughput)
    assert moved.tps_per_user == pytest.approx(101 / moved.e2e_s_mean)
    percentiles = [moved.ttft_ms_p50, moved.ttft_ms_p90, moved.ttft_ms_p95, moved.ttft_ms_p99]
    assert percentiles == sorted(percentiles)
    assert moved.e2e_s_p50 <= moved.e2e_s_p95 <= moved.e2e_s_p99
    assert moved.ttft_ms_p99 >= moved.ttft_ms_mean
    assert moved.e2e_s_p99 >= max(moved.e2e_s_mean, moved.ttft_ms_p99 / 1e3 - 1e-12) or p99 > 1


def test_no_change_leaves_the_prediction_as_it_is():
    assert corrected(PLAIN, Correction(), LOAD) is PLAIN


def test_latencies_never_fall_below_their_floors():
    moved = corrected(PLAIN, Correction(0.3, 0.3, ttft_floor_ms=60.0, tpot_floor_ms=9.0), LOAD)
    assert moved.ttft_ms_mean == pytest.approx(60.0)
    assert moved.tpot_ms_mean == pytest.approx(9.0)


def test_below_capacity_the_arrivals_decide_the_rate():
    open_loop = Workload(1024, 101, LoadMode.POISSON, request_rate=PLAIN.request_throughput)
    assert corrected(PLAIN, Correction(2.0, 2.0), open_loop).request_throughput == PLAIN.request_throughput
    full = replace(PLAIN, saturated=True)
    beyond = replace(open_loop, request_rate=20.0)
    assert corrected(full, Correction(1.0, 2.0), beyond).request_throughput == pytest.approx(4 / 1.1)
    assert corrected(full, Correction(1.0, 0.1), beyond).request_throughput == 20.0


@given(st.floats(0, 1), FACTOR, FACTOR, FACTOR)
def test_reconciled_factors_agree_with_three_estimates_that_agree(share, ttft, tpot, weight):
    a, b = np.log([ttft]), np.log([tpot])
    s = np.array([share])
    weights = {"ttft": 1.0, "tpot": 2.0, "e2e": weight}
    moved = reconcile(a, b, s * a + (1 - s) * b, s, weights)
    np.testing.assert_allclose(moved, (a, b), atol=1e-12)


def test_a_trusted_e2e_pulls_the_larger_part_along():
    ttft, tpot = reconcile(
        np.zeros(1), np.zeros(1), np.array([0.2]), np.array([0.1]), {"ttft": 1.0, "tpot": 1.0, "e2e": 1e9}
    )
    assert 0.1 * ttft[0] + 0.9 * tpot[0] == pytest.approx(0.2, rel=1e-6)
    assert tpot[0] > ttft[0] > 0


@given(st.floats(0.01, 2), st.floats(0.01, 2), st.floats(0.01, 2))
def test_intervals_hold_the_value_and_each_other(ttft, tpot, e2e):
    answer = with_intervals(PLAIN, HalfWidths(ttft, tpot, e2e), LOAD, "interpolated", (60.0, 9.0))
    for name, (low, high) in answer.intervals.items():
        assert low <= getattr(answer, name) <= high
    assert answer.intervals["ttft_ms_mean"][0] >= 60.0
    assert answer.intervals["tpot_ms_mean"][0] >= 9.0
    slowest = answer.intervals["ttft_ms_mean"][1] / 1e3 + 100 * answer.intervals["tpot_ms_mean"][1] / 1e3
    assert answer.intervals["e2e_s_mean"][1] <= slowest + 1e-9
    assert answer.intervals["output_tps"][0] == pytest.approx(8 * 101 / answer.intervals["e2e_s_mean"][1])
    assert 0 < answer.confidence <= 1


def test_confidence_is_nine_tenths_at_ten_percent_and_falls_with_the_wider_interval():
    assert confidence(math.log(1.1), 0.0) == pytest.approx(0.9)
    assert confidence(0.0, 0.0) == 1.0
    assert confidence(0.3, 0.1) == confidence(0.1, 0.3) < confidence(0.2, 0.1)
