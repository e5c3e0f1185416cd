"""Engines of published measurements that BudSim predicts and never deploys: their defaults. Pure."""

from __future__ import annotations

import math

from budsim.engine_ops.base import DefaultsQuery, EngineDefaults, EngineProfile


def static_batch_defaults(query: DefaultsQuery) -> EngineDefaults:
    """Frameworks without a serving scheduler: the whole batch is one step, the cache is allocated up front."""
    batch = max(1, query.workload.concurrency or 1)
    return EngineDefaults(batch, max(2048, math.ceil(query.workload.isl) * batch), 0.95, 1, False, False)


def mii_defaults(query: DefaultsQuery) -> EngineDefaults:
    """DeepSpeed-MII: dynamic split-fuse with 2048 tokens a step, 512 sequences, 64-token blocks."""
    return EngineDefaults(512, 2048, 0.9, 64, True, False)


def llama_cpp_defaults(query: DefaultsQuery) -> EngineDefaults:
    """llama.cpp: logical batch 2048; parallel slots as many as the load asks for (its own default is 1)."""
    return EngineDefaults(max(1, query.workload.concurrency or 1), 2048, 0.95, 1, True, False)


def openvino_defaults(query: DefaultsQuery) -> EngineDefaults:
    """OpenVINO model server: max_num_batched_tokens 256, max_num_seqs 256, dynamic split-fuse on, 32-token blocks."""
    return EngineDefaults(256, 256, 0.9, 32, True, False)


PROFILES = (
    EngineProfile(
        name="deepspeed-mii",
        aliases=("deepspeed-mii", "mii"),
        versions=(),
        default_version="0.3",
        device_types=("cuda", "rocm"),
        defaults=mii_defaults,
    ),
    EngineProfile(
        name="deepspeed",
        aliases=("deepspeed", "deepspeed(optimum-habana)"),
        versions=(),
        default_version="0.14",
        device_types=("cuda", "rocm", "hpu"),
        defaults=static_batch_defaults,
    ),
    EngineProfile(
        name="optimum-habana",
        aliases=("optimum-habana", "optimum_habana"),
        versions=(),
        default_version="1.18",
        device_types=("hpu",),
        defaults=static_batch_defaults,
    ),
    EngineProfile(
        name="llama.cpp",
        aliases=("llama.cpp", "llama-cpp", "llamacpp"),
        versions=(),
        default_version="b4000",
        device_types=("cuda", "rocm", "cpu", "cpu_high"),
        defaults=llama_cpp_defaults,
    ),
    EngineProfile(
        name="openvino",
        aliases=("openvino", "ovms", "openvino-genai"),
        versions=(),
        default_version="2025.0",
        device_types=("cpu", "cpu_high"),
        defaults=openvino_defaults,
    ),
    EngineProfile(
        name="unstated",
        aliases=("unstated", "unknown"),
        versions=(),
        default_version="0.0",
        device_types=("cuda", "rocm", "hpu", "cpu", "cpu_high"),
        defaults=static_batch_defaults,
    ),
)
