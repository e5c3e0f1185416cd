"""Defaults of the engines that BudSim predicts but does not deploy yet.

Pure. Each function states where its numbers come from.
"""

from __future__ import annotations

import math

from budsim.engine_ops.base import DefaultsQuery, EngineDefaults, EngineProfile

GIB = float(2**30)
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


def trtllm_defaults(query: DefaultsQuery) -> EngineDefaults:
    """TensorRT-LLM: BuildConfig's max_batch_size 2048 and max_num_tokens 8192, KV cache 0.9 of what is free.

    ``gpu_memory_utilization`` carries ``free_gpu_memory_fraction``. Chunked context is off by default, so a step must
    hold a whole prompt: the budget is raised to ``max_model_len``. Block reuse is on from 1.0; 32 tokens per block
    (64 before 1.0).
    """
    modern = query.version >= (1, 0)
    return EngineDefaults(2048, max(8192, query.max_model_len), 0.9, 32 if modern else 64, False, modern)


def tgi_defaults(query: DefaultsQuery) -> EngineDefaults:
    """Text Generation Inference and IBM's fork: 4096 prefill tokens a batch, 128 concurrent requests, no chunking.

    The launcher raises the prefill budget to the longest input it accepts.
    """
    return EngineDefaults(128, max(4096, query.max_model_len), 0.95, 16, False, False)


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


OTHER_PROFILES = (
    EngineProfile(
        name="sglang",
        aliases=("sglang",),
        versions=((0, 4), (0, 5)),
        default_version="0.5.23",
        device_types=("cuda", "rocm"),
        defaults=sglang_defaults,
        images={"cuda": "lmsysorg/sglang:latest", "rocm": "lmsysorg/sglang:latest"},
    ),
    EngineProfile(
        name="trtllm",
        aliases=("trtllm", "trt-llm", "tensorrt-llm", "tensorrt_llm", "tensorrtllm"),
        versions=((0, 5), (1, 0), (1, 3)),
        default_version="1.2.0",
        device_types=("cuda",),
        defaults=trtllm_defaults,
        foreign_versions=("tensorrt ",),  # the kernel library's version, not TensorRT-LLM's
    ),
    EngineProfile(
        name="tgi",
        aliases=("tgi", "tgis", "text-generation-inference"),
        versions=(),
        default_version="2.0",
        device_types=("cuda", "rocm", "hpu"),
        defaults=tgi_defaults,
    ),
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
