"""Compile the scheduler replay once, so that the first prediction of an installation is as quick as the next.

numba keeps what it compiles beside the code (or in ``NUMBA_CACHE_DIR``); without this the first run takes 20 s more.
"""

import pandas as pd

import budsim

LOADS = (
    {"load_mode": "closed_loop", "concurrency": 4},
    {"load_mode": "closed_loop", "concurrency": 4, "length_dist": "uniform_0.8_1.0"},
    {"load_mode": "static_batch", "concurrency": 4},
    {"load_mode": "static_batch", "concurrency": 4000},
    {"load_mode": "burst", "num_prompts": 8},
    {"load_mode": "poisson", "request_rate": 1.0},
    {"load_mode": "poisson", "request_rate": 1.0, "num_prompts": 8},
)

points = pd.DataFrame(LOADS, dtype=object).assign(model="meta-llama/Llama-3.1-8B", hardware="H100", isl=128, osl=16)
statuses = list(budsim.predict(points)["status"])
if statuses != ["ok"] * len(LOADS):
    raise SystemExit(f"the predictor does not work here: {statuses}")
