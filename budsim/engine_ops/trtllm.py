"""TensorRT-LLM: versions and their defaults. Pure. It is predicted, not deployed yet."""

from __future__ import annotations

from budsim.engine_ops.base import DefaultsQuery, EngineDefaults, EngineProfile


def trtllm_defaults(query: DefaultsQuery) -> EngineDefaults:
    """TensorRT-LLM: BuildConfig's max_batch_size 2048 and max_num_tokens 8192, KV cache 0.9 of what is free.

    ``gpu_memory_utilization`` carries ``free_gpu_memory_fraction``. Chunked context is off by default, so a step must
    hold a whole prompt: the budget is raised to ``max_model_len``. Block reuse is on from 1.0; 32 tokens per block
    (64 before 1.0).
    """
    modern = query.version >= (1, 0)
    return EngineDefaults(2048, max(8192, query.max_model_len), 0.9, 32 if modern else 64, False, modern)


PROFILE = EngineProfile(
    name="trtllm",
    aliases=("trtllm", "trt-llm", "tensorrt-llm", "tensorrt_llm", "tensorrtllm"),
    versions=((0, 5), (1, 0), (1, 3)),
    default_version="1.2.0",
    device_types=("cuda",),
    defaults=trtllm_defaults,
    foreign_versions=("tensorrt ",),  # the kernel library's version, not TensorRT-LLM's
)
