"""Models, devices and points that the memory tests share. Dimensions are those of the published configs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from budsim.perf_model.engine_settings import EngineSettings
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.model_architecture import LayerKind, ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import Precision
from budsim.perf_model.serving_point import ServingPoint
from budsim.perf_model.workload import Workload

GIB = 2**30
BF16 = Precision("bf16", 2.0, 2.0, "bf16")
FP8 = Precision("fp8", 1.0, 2.0, "fp8")
FP32 = Precision("fp32", 4.0, 4.0, "fp32", unquantized_bytes=4.0)
H100 = DeviceSpec("NVIDIA H100 SXM 80GB", "NVIDIA", "cuda", "Hopper", 81559 * 2**20, 3.35e12, {"bf16": 989e12})
XEON = DeviceSpec("Xeon 8480+", "Intel", "cpu", "SapphireRapids", None, 307e9, {"bf16": 57e12})
GAUDI2 = DeviceSpec("Gaudi2", "Intel", "hpu", "Gaudi2", 96 * GIB, 2.46e12, {"bf16": 432e12})


def arch(name: str = "llama-8b", **changes: Any) -> ModelArchitecture:
    """Llama-3.1-8B with changed fields."""
    fields: dict[str, Any] = {
        "model_type": "llama",
        "architectures": ("LlamaForCausalLM",),
        "num_layers": 32,
        "hidden_size": 4096,
        "num_heads": 32,
        "num_kv_heads": 8,
        "head_dim": 128,
        "intermediate_size": 14336,
        "vocab_size": 128256,
        "tie_word_embeddings": False,
        "max_position_embeddings": 131072,
    } | changes
    kinds = fields.pop("layer_kinds", (LayerKind.FULL,) * fields["num_layers"])
    return ModelArchitecture(name=name, layer_kinds=kinds, **fields)


def kinds(full: int, other: int, kind: LayerKind) -> tuple[LayerKind, ...]:
    return (LayerKind.FULL,) * full + (kind,) * other


LLAMA_8B = arch()
QWEN3_06B = arch(
    "qwen3-0.6b", num_layers=28, hidden_size=1024, num_heads=16, num_kv_heads=8, head_dim=128, intermediate_size=3072,
    vocab_size=151936, tie_word_embeddings=True, max_position_embeddings=40960,
)  # fmt: skip
GEMMA3_27B = arch(
    "gemma-3-27b", num_layers=62, hidden_size=5376, num_heads=32, num_kv_heads=16, head_dim=128,
    intermediate_size=21504, vocab_size=262208, tie_word_embeddings=True, sliding_window=1024,
    layer_kinds=kinds(10, 52, LayerKind.SLIDING),
)  # fmt: skip
GEMMA2_9B = arch(
    "gemma-2-9b", num_layers=42, hidden_size=3584, num_heads=16, num_kv_heads=8, head_dim=256, intermediate_size=14336,
    vocab_size=256000, tie_word_embeddings=True, max_position_embeddings=8192, sliding_window=4096,
    layer_kinds=kinds(21, 21, LayerKind.SLIDING),
)  # fmt: skip
GPT_OSS_20B = arch(
    "gpt-oss-20b", num_layers=24, hidden_size=2880, num_heads=64, num_kv_heads=8, head_dim=64, intermediate_size=2880,
    vocab_size=201088, num_experts=32, experts_per_token=4, moe_intermediate_size=2880, moe_layers=24,
    sliding_window=128, layer_kinds=kinds(12, 12, LayerKind.SLIDING), quantization="mxfp4",
)  # fmt: skip
LLAMA4_SCOUT = arch(
    "llama-4-scout", num_layers=48, hidden_size=5120, num_heads=40, num_kv_heads=8, head_dim=128,
    intermediate_size=16384,
    vocab_size=202048, num_experts=16, experts_per_token=1, moe_intermediate_size=8192,
    shared_expert_intermediate_size=8192, moe_layers=48, attention_chunk_size=8192,
    layer_kinds=kinds(12, 36, LayerKind.CHUNKED),
)  # fmt: skip
QWEN3_NEXT = arch(
    "qwen3-next-80b", num_layers=48, hidden_size=2048, num_heads=16, num_kv_heads=2, head_dim=256,
    intermediate_size=5120,
    vocab_size=151936, num_experts=512, experts_per_token=10, moe_intermediate_size=512, moe_layers=48,
    linear_state_bytes=1097728.0, layer_kinds=kinds(12, 36, LayerKind.LINEAR),
)  # fmt: skip
DEEPSEEK_V3 = arch(
    "deepseek-v3", num_layers=61, hidden_size=7168, num_heads=128, num_kv_heads=128, head_dim=192,
    intermediate_size=18432, vocab_size=129280, q_lora_rank=1536, kv_lora_rank=512, qk_nope_head_dim=128,
    qk_rope_head_dim=64, v_head_dim=128, num_experts=256, experts_per_token=8, moe_intermediate_size=2048,
    shared_expert_intermediate_size=2048, moe_layers=58, max_position_embeddings=163840,
)  # fmt: skip
DEEPSEEK_V2_LITE = arch(
    "deepseek-v2-lite", num_layers=27, hidden_size=2048, num_heads=16, num_kv_heads=16, head_dim=192,
    intermediate_size=10944, vocab_size=102400, kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64,
    v_head_dim=128, num_experts=64, experts_per_token=6, moe_intermediate_size=1408,
    shared_expert_intermediate_size=2816, moe_layers=26, max_position_embeddings=163840,
)  # fmt: skip


def settings(**changes: Any) -> EngineSettings:
    """vLLM 0.19.0 as it starts on an H100, with 0.95 of the memory and 8192 tokens a sequence."""
    base = EngineSettings("vllm", "0.19.0", 1024, 8192, 8192, 0.95, "bf16")
    return replace(base, **changes)


def point(
    model: ModelArchitecture = LLAMA_8B,
    plan: ParallelPlan | None = None,
    precision: Precision = BF16,
    device: DeviceSpec = H100,
    device_memory_bytes: float | None = None,
    **changes: Any,
) -> ServingPoint:
    return ServingPoint(
        model, device, plan or ParallelPlan(), precision, settings(**changes), Workload(1024, 256, concurrency=8),
        device_memory_bytes=device_memory_bytes,
    )  # fmt: skip
