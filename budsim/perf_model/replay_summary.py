"""Gaps, means and percentiles of one replayed run, compiled: a search reduces thousands of them."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

GAP_BINS = 512
GAP_LOW_LOG = np.log(1e-5)
GAP_STEP_LOG = np.log(1e8) / GAP_BINS  # 10 us ... 1000 s

# Columns of ``summarise``.
SUMMARY = (
    "ttft_mean", "ttft_p50", "ttft_p90", "ttft_p95", "ttft_p99", "tpot_mean", "tpot_p99", "itl_p99",
    "e2e_mean", "e2e_p50", "e2e_p95", "e2e_p99", "wall",
)  # fmt: skip


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _record_gap(hist: FloatArray, seconds: float, count: float) -> None:
    b = int((np.log(max(seconds, 1e-9)) - GAP_LOW_LOG) / GAP_STEP_LOG)
    hist[min(max(b, 0), hist.size - 1)] += count


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def record_gaps(
    hist: FloatArray,
    steps_per_chunk: int,
    chunk_steps: IntArray,
    chunk_seconds: FloatArray,
    steps: int,
    dt: float,
    stall: float,
    sequences: float,
) -> None:
    """Count the gaps between streamed chunks that ``steps`` decode steps of ``dt`` seconds complete.

    Chunks are those of the step clock, not of each sequence: where a sequence's chunks begin does not change how long
    its gaps are on average.

    Args:
        hist: GAP_BINS counts, added to.
        steps_per_chunk: Decode steps that the engine collects before it sends their tokens.
        chunk_steps: Steps in the open chunk (one element), updated.
        chunk_seconds: Seconds in the open chunk (one element), updated.
        steps: Decode steps.
        dt: Seconds of each.
        stall: Further seconds before the first of them.
        sequences: Decoding sequences.
    """
    missing = steps_per_chunk - chunk_steps[0]
    if steps < missing:
        chunk_steps[0] += steps
        chunk_seconds[0] += stall + steps * dt
        return
    _record_gap(hist, chunk_seconds[0] + stall + missing * dt, sequences)
    whole = (steps - missing) // steps_per_chunk
    if whole > 0:
        _record_gap(hist, steps_per_chunk * dt, whole * sequences)
    chunk_steps[0] = steps - missing - whole * steps_per_chunk
    chunk_seconds[0] = chunk_steps[0] * dt


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def record_last_gap(hist: FloatArray, chunk_steps: IntArray, chunk_seconds: FloatArray) -> None:
    """Count the open chunk of the last sequence: what is left goes out with its end."""
    if chunk_steps[0] > 0:
        _record_gap(hist, chunk_seconds[0], 1.0)
    chunk_steps[0] = 0
    chunk_seconds[0] = 0.0


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _quantile(ordered: FloatArray, q: float) -> float:
    """Linear interpolation between order statistics, as ``numpy.percentile``."""
    place = q * (ordered.size - 1)
    low = int(place)
    high = min(low + 1, ordered.size - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _gap_quantile(hist: FloatArray, q: float, low_log: float, step_log: float) -> float:
    total = hist.sum()
    if total <= 0.0:
        return 0.0
    below = 0.0
    for b in range(hist.size):
        if below + hist[b] >= q * total:
            inside = (q * total - below) / hist[b]
            return np.exp(low_log + (b + inside) * step_log)
        below += hist[b]
    return np.exp(low_log + hist.size * step_log)


@njit(cache=True)
def summarise(
    osl: IntArray,
    arrival: FloatArray,
    first_token: FloatArray,
    finish: FloatArray,
    hist: FloatArray,
    low_log: float,
    step_log: float,
    skip: int,
) -> FloatArray:
    """Return the columns of SUMMARY in seconds; the first ``skip`` requests are left out.

    Args:
        osl: Output tokens per request.
        arrival: Seconds from the start of the run.
        first_token: Seconds from the start of the run.
        finish: Seconds from the start of the run.
        hist: Counts of inter-token gaps in logarithmic bins.
        low_log: Logarithm of the lower edge of the first bin.
        step_log: Width of a bin, logarithm.
        skip: Requests at the start that are not measured.
    """
    out = np.empty(13)
    ttft = first_token[skip:] - arrival[skip:]
    e2e = finish[skip:] - arrival[skip:]
    tpot = np.zeros(ttft.size)
    for i in range(ttft.size):
        gaps = osl[skip + i] - 1
        tpot[i] = (e2e[i] - ttft[i]) / gaps if gaps > 0 else 0.0
    out[0] = ttft.mean()
    out[5] = tpot.mean()
    out[8] = e2e.mean()
    out[12] = finish.max() - arrival.min()
    ttft.sort()
    tpot.sort()
    e2e.sort()
    out[1], out[2], out[3], out[4] = (
        _quantile(ttft, 0.5),
        _quantile(ttft, 0.9),
        _quantile(ttft, 0.95),
        _quantile(ttft, 0.99),
    )
    out[6], out[7] = _quantile(tpot, 0.99), _gap_quantile(hist, 0.99, low_log, step_log)
    out[9], out[10], out[11] = _quantile(e2e, 0.5), _quantile(e2e, 0.95), _quantile(e2e, 0.99)
    return out
