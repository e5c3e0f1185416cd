"""The engine parameters that change time or memory, fully resolved (no 'auto' left)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Launch parameters of one engine process group. ``engine_ops`` fills in the version's own defaults.

    Attributes:
        engine: ``vllm``, ``sglang``, ``trtllm``, ``tgi`` ….
        engine_version: Dotted version, or None when the caller did not say.
        max_num_seqs: Sequences in one step.
        max_num_batched_tokens: Token budget of one step.
        max_model_len: Longest sequence, tokens.
        gpu_memory_utilization: Share of physical device memory the engine may use.
        kv_cache_dtype: ``auto`` is resolved: ``bf16``, ``fp16``, ``fp32``, ``fp8`` ….
        block_size: Tokens per KV block.
        enable_chunked_prefill: Prefill may be split over steps and mixed with decode.
        enable_prefix_caching: Shared prefixes are reused.
        enforce_eager: CUDA graphs off.
        stream_interval: Tokens per streamed chunk.
        speculative_tokens: Draft tokens per sequence and step; 0 = off.
        speculative_method: ``mtp``, ``eagle`` or ``ngram``; empty where nothing is drafted.
        cpu_kvcache_bytes: CPU engines: bytes reserved for the KV cache; None on accelerators.
    """

    engine: str
    engine_version: str | None
    max_num_seqs: int
    max_num_batched_tokens: int
    max_model_len: int
    gpu_memory_utilization: float
    kv_cache_dtype: str
    block_size: int = 16
    enable_chunked_prefill: bool = True
    enable_prefix_caching: bool = False
    enforce_eager: bool = False
    stream_interval: int = 1
    speculative_tokens: int = 0
    speculative_method: str = ""
    cpu_kvcache_bytes: float | None = None


@lru_cache(maxsize=256)
def version_numbers(version: str | None) -> tuple[int, ...] | None:
    """Return the dotted numbers of a version: ``0.24.0+cpu`` -> (0, 24, 0); None where there are none.

    Args:
        version: As a log, an image tag or a caller spells it; words around the numbers are dropped.
    """
    match = re.search(r"\d+(?:\.\d+)+", version or "")
    return tuple(int(part) for part in match.group().split(".")) if match else None
