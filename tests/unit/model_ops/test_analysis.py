"""Laws of the model summary."""

from __future__ import annotations

import pytest

from budsim.model_ops.analysis import kv_bytes_per_token, long_context_kv_bytes_per_token, summarize
from budsim.model_ops.schemas import ModelSummary
from budsim.model_ops.services import ModelLibrary

LIBRARY = ModelLibrary(offline=True)


@pytest.mark.parametrize(
    ("model", "kv_dtype", "value"),
    [
        ("meta-llama/Llama-3.1-8B", "bf16", 131_072),
        ("meta-llama/Llama-3.1-8B", "fp8", 65_536),
        ("meta-llama/Llama-3.3-70B-Instruct", "bf16", 327_680),
        ("Qwen/Qwen3-32B", "bf16", 262_144),
        ("Qwen/Qwen3-8B", "bf16", 147_456),
        ("Qwen/Qwen3-30B-A3B", "bf16", 98_304),
        ("Qwen/Qwen3-Coder-480B-A35B-Instruct", "bf16", 253_952),
        ("deepseek-ai/DeepSeek-V3", "bf16", 70_272),
        ("deepseek-ai/DeepSeek-V3", "fp8", 35_136),
        ("deepseek-ai/DeepSeek-V2-Lite", "bf16", 31_104),
        ("zai-org/GLM-5.1", "bf16", 100_152),
        ("Qwen/Qwen3-Next-80B-A3B-Instruct", "bf16", 24_576),
        ("ai21labs/Jamba-v0.1", "bf16", 16_384),
    ],
)
def test_kv_bytes_per_token_are_what_engines_log(model: str, kv_dtype: str, value: float) -> None:
    assert kv_bytes_per_token(LIBRARY.resolve(model), kv_dtype) == value


def test_windows_stop_growing_with_a_long_context() -> None:
    gemma = LIBRARY.resolve("google/gemma-3-27b-it")
    whole, growing = kv_bytes_per_token(gemma, "bf16"), long_context_kv_bytes_per_token(gemma, "bf16")
    assert growing / whole == pytest.approx(10 / 62)


def test_an_encoder_caches_nothing() -> None:
    assert kv_bytes_per_token(LIBRARY.resolve("BAAI/bge-base-en-v1.5"), "bf16") == 0


def test_explicit_head_dim_doubles_the_cache_of_qwen3_0_6b() -> None:
    arch = LIBRARY.resolve("Qwen/Qwen3-0.6B")
    assert arch.head_dim == 2 * arch.hidden_size // arch.num_heads
    assert kv_bytes_per_token(arch, "bf16") == 28 * 2 * 8 * 128 * 2


@pytest.mark.parametrize(
    ("model", "attention"),
    [
        ("meta-llama/Llama-2-7b-hf", "mha"),
        ("meta-llama/Llama-3.1-8B", "gqa"),
        ("bigcode/starcoder", "mqa"),
        ("deepseek-ai/DeepSeek-R1", "mla"),
        ("state-spaces/mamba-2.8b-hf", "none"),
    ],
)
def test_attention_types_are_named(model: str, attention: str) -> None:
    assert summarize(LIBRARY.resolve(model))["attention_type"] == attention


@pytest.mark.parametrize("model", ["openai/gpt-oss-120b", "Qwen/Qwen3.5-397B-A17B", "openai/whisper-large-v3"])
def test_a_summary_fits_its_schema_and_its_laws(model: str) -> None:
    summary = ModelSummary(**summarize(LIBRARY.resolve(model)))
    assert summary.parameters_active <= summary.parameters
    assert sum(summary.layers_by_kind.values()) == summary.num_layers
    assert sum(summary.parameters_by_component.values()) == summary.parameters
    weights = summary.weight_bytes_by_precision
    assert weights["w4a16"] < weights["fp8"] < weights["bf16"]
