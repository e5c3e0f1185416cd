"""SGLang: versions and their defaults. Pure.

Source: ``server_args.py`` of 0.5 (``_handle_gpu_memory_settings``). It is predicted, not deployed yet.
"""

from __future__ import annotations

import math

from budsim.engine_ops.base import DefaultsQuery, EngineDefaults, EngineProfile

MIB = float(2**20)

SGLANG_META_MIB = 512.0
SGLANG_MIB_PER_CHUNK_TOKEN = 1.5
SGLANG_MIB_PER_GRAPH_SEQUENCE = 2.0
SGLANG_LARGE_DEVICE_MIB, SGLANG_LARGE_RESERVE_MIB = 60 * 1024, 10 * 1024
# (device memory below, MiB) -> (chunk, captured batch at TP < 4, captured batch at TP >= 4)
SGLANG_BY_MEMORY = (
    (20 * 1024, 2048, 8, 8),
    (35 * 1024, 2048, 24, 80),
    (60 * 1024, 4096, 32, 160),
    (160 * 1024, 8192, 256, 512),
    (math.inf, 16384, 512, 512),
)
SGLANG_MAX_RUNNING = 2048  # floor of max_total_tokens / context_len x 512, capped at 4096
SGLANG_FRACTION_WITHOUT_MEMORY = 0.88


def sglang_defaults(query: DefaultsQuery) -> EngineDefaults:
    """SGLang 0.5: chunk, captured batch and memory fraction by device memory (``server_args.py``).

    ``gpu_memory_utilization`` carries ``mem_fraction_static``: the share for weights and KV cache together.
    Radix caching is on; page size is 1 token.
    """
    if query.device_memory_bytes is None:
        return EngineDefaults(SGLANG_MAX_RUNNING, 4096, SGLANG_FRACTION_WITHOUT_MEMORY, 1, True, True)
    memory = query.device_memory_bytes / MIB
    _, chunk, small, large = next(row for row in SGLANG_BY_MEMORY if memory < row[0])
    graph_batch = small if query.plan.tp_size < 4 else large
    reserve = SGLANG_META_MIB + chunk * SGLANG_MIB_PER_CHUNK_TOKEN + graph_batch * SGLANG_MIB_PER_GRAPH_SEQUENCE
    reserve += query.plan.tp_size * query.plan.pp_size / 8 * 1024
    if query.plan.dp_attention:
        per_sequence = 4.5 if graph_batch > 300 else 3.0
        reserve += graph_batch * query.plan.attention_copies * per_sequence
    if memory > SGLANG_LARGE_DEVICE_MIB:
        reserve = max(reserve, SGLANG_LARGE_RESERVE_MIB)
    return EngineDefaults(SGLANG_MAX_RUNNING, chunk, round((memory - reserve) / memory, 3), 1, True, True)


PROFILE = EngineProfile(
    name="sglang",
    aliases=("sglang",),
    versions=((0, 4), (0, 5)),
    default_version="0.5.23",
    device_types=("cuda", "rocm"),
    defaults=sglang_defaults,
    images={"cuda": "lmsysorg/sglang:latest", "rocm": "lmsysorg/sglang:latest"},
)
