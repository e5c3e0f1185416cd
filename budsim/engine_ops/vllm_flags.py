"""Flags of ``vllm serve`` that BudSim may emit, by the version whose argument parser was read.

A fact table, not the whole parser: 0.32.0 was read from the package's own argument file.
"""

from __future__ import annotations

FLAGS_0_32 = frozenset(
    {
        "async-scheduling",
        "attention-backend",
        "block-size",
        "chat-template",
        "data-parallel-size",
        "distributed-executor-backend",
        "dtype",
        "enable-auto-tool-choice",
        "enable-chunked-prefill",
        "enable-expert-parallel",
        "enable-lora",
        "enable-prefix-caching",
        "enforce-eager",
        "gpu-memory-utilization",
        "kv-cache-dtype",
        "max-lora-rank",
        "max-loras",
        "max-model-len",
        "max-num-batched-tokens",
        "max-num-seqs",
        "model",
        "pipeline-parallel-size",
        "quantization",
        "reasoning-parser",
        "served-model-name",
        "stream-interval",
        "tensor-parallel-size",
        "tool-call-parser",
        "trust-remote-code",
    }
)

# Flags of older versions that 0.32 no longer has -> first version without them.
REMOVED_IN = {"scheduler-delay-factor": (0, 9), "num-scheduler-steps": (0, 10), "swap-space": (0, 24)}
