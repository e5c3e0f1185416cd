"""Compile the scheduler replay once, so that the first prediction of an installation is as quick as the next.

numba keeps what it compiles beside the code (or in ``NUMBA_CACHE_DIR``); without this the first run takes 20 s more.
"""

import pandas as pd

import budsim

LOADS = ("closed_loop", "static_batch", "burst", "poisson")

points = pd.DataFrame(
    {
        "model": "meta-llama/Llama-3.1-8B",
        "hardware": "NVIDIA H100 SXM 80GB",
        "load_mode": LOADS,
        "concurrency": [4, 4, None, None],
        "num_prompts": [None, None, 8, 8],
        "request_rate": [None, None, None, 1.0],
        "isl": 128,
        "osl": 16,
    }
)
statuses = list(budsim.predict(points)["status"])
if statuses != ["ok"] * len(LOADS):
    raise SystemExit(f"the predictor does not work here: {statuses}")
