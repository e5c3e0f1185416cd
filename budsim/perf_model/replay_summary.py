"""Means and percentiles of one replayed run, compiled: a search reduces thousands of them."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Columns of ``summarise``.
SUMMARY = (
    "ttft_mean", "ttft_p50", "ttft_p90", "ttft_p95", "ttft_p99", "tpot_mean", "tpot_p99", "itl_p99",
    "e2e_mean", "e2e_p50", "e2e_p95", "e2e_p99", "wall",
)  # fmt: skip


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
