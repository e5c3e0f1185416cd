"""Points that the tests of the serving model share: one dense model, one MoE, one windowed, datasheet devices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from budsim.perf_model.engine_settings import EngineSettings
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.serving_point import ServingPoint
from budsim.perf_model.workload import LoadMode, Workload

H100 = DeviceSpec(
    name="H100 SXM", vendor="NVIDIA", device_type="cuda", architecture="Hopper", memory_bytes=85_520_809_984,
    memory_bandwidth_bytes_per_s=3.35e12,
    peak_flops={"bf16": 989.4e12, "fp16": 989.4e12, "fp8": 1978.9e12, "fp32": 67e12},
    link_bytes_per_s=450e9, pcie_bytes_per_s=64e9, num_units=132,
)  # fmt: skip
XEON = DeviceSpec(
    name="Xeon 6767P", vendor="Intel", device_type="cpu", architecture="Granite Rapids", memory_bytes=256 * 2**30,
    memory_bandwidth_bytes_per_s=409.6e9, peak_flops={"bf16": 314.6e12, "fp32": 9.8e12}, num_units=64,
)  # fmt: skip
LLAMA_8B = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
    "max_position_embeddings": 131072, "tie_word_embeddings": False, "torch_dtype": "bfloat16", "rms_norm_eps": 1e-5,
}  # fmt: skip
MIXTRAL = LLAMA_8B | {
    "architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": 2,
    "vocab_size": 32000, "max_position_embeddings": 32768, "sliding_window": None,
}  # fmt: skip
WINDOWED = LLAMA_8B | {
    "architectures": ["MistralForCausalLM"], "model_type": "mistral", "sliding_window": 1024, "vocab_size": 32000,
}  # fmt: skip


def architecture(config: dict[str, Any] | None = None) -> ModelArchitecture:
    """Return the architecture of a config, Llama 3.1 8B by default."""
    return ModelArchitecture.from_config(config or LLAMA_8B, "sample")


def settings(**changes: Any) -> EngineSettings:
    """Return vLLM's settings on a large GPU."""
    base = EngineSettings("vllm", "0.19.0", 1024, 8192, 32768, 0.9, "bf16")
    return replace(base, **changes)


def workload(**changes: Any) -> Workload:
    """Return a closed loop of 16 clients, 1024 in, 128 out."""
    return replace(Workload(1024, 128, LoadMode.CLOSED_LOOP, concurrency=16), **changes)


def point(
    config: dict[str, Any] | None = None,
    device: DeviceSpec = H100,
    plan: ParallelPlan | None = None,
    precision: str = "bf16",
    load: Workload | None = None,
    engine: EngineSettings | None = None,
) -> ServingPoint:
    """Return a serving point, Llama 3.1 8B on one H100 by default."""
    arch = architecture(config)
    return ServingPoint(
        arch,
        device,
        plan or ParallelPlan(),
        resolve_precision(precision, arch, device),
        engine or settings(),
        load or workload(),
    )


def cpu_point(cpu_cores: float | None = None) -> ServingPoint:
    """Return the same model on one CPU socket."""
    return replace(point(device=XEON, engine=settings(cpu_kvcache_bytes=64 * 2**30)), cpu_cores=cpu_cores)
