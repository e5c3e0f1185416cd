"""Laws of number formats."""

from __future__ import annotations

import pytest

from budsim.commons.errors import InvalidRequestError
from budsim.model_ops.catalog import packaged_catalog
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.precision import (
    KNOWN_PRECISIONS,
    bytes_per_element,
    canonical_precision,
    resolve_precision,
)


def device(name: str, *formats: str) -> DeviceSpec:
    return DeviceSpec(name, "NVIDIA", "cuda", "x", 80 * 10**9, 2e12, dict.fromkeys(formats, 1e15))


H100 = device("H100", "fp32", "tf32", "bf16", "fp16", "fp8", "int8")
A100 = device("A100", "fp32", "tf32", "bf16", "fp16", "int8")
V100 = device("V100", "fp32", "fp16")
B200 = device("B200", "fp32", "bf16", "fp16", "fp8", "int8", "fp4")


def model(name: str) -> ModelArchitecture:
    catalog = packaged_catalog()
    match = catalog.match(name)
    assert match is not None
    return catalog.architecture(match, name)


LLAMA = model("meta-llama/Llama-3.1-8B")
GPT_OSS = model("openai/gpt-oss-20b")
DEEPSEEK = model("deepseek-ai/DeepSeek-V3")


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("bfloat16", "bf16"), ("float16", "fp16"), ("half", "fp16"), ("FP32", "fp32"), ("16-bit", "bf16"),
        ("fp8", "fp8"), ("FP8 dynamic", "fp8"), ("bfloat16+fp8", "fp8"), ("int8", "w8a8"), ("w8a8-int8", "w8a8"),
        ("INT W4A16", "w4a16"), ("int4", "w4a16"), ("AWQ INT4", "awq"), ("GPTQ INT4", "gptq"),
        ("gptq_int8", "gptq_int8"),
        ("nvfp4", "nvfp4"), ("fp4", "nvfp4"), ("mxfp4 (Marlin)", "mxfp4"), ("bitsandbytes 4-bit", "bnb-4bit"),
        ("bnb-4bit", "bnb-4bit"), ("quantized.w8a8", "w8a8"), ("Q4_K_M", "gguf_q4"), ("Q8_0", "gguf_q8"),
    ],
)  # fmt: skip
def test_spellings_of_the_field_mean_one_format(spelling: str, name: str) -> None:
    assert canonical_precision(spelling) == name


@pytest.mark.parametrize("name", KNOWN_PRECISIONS)
def test_every_known_name_means_itself(name: str) -> None:
    assert canonical_precision(name) == name


@pytest.mark.parametrize("name", ["", "fp7", "7", "int5", "bf16; drop", "ü"])
def test_an_unknown_precision_is_refused_with_the_list(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="nvfp4"):
        canonical_precision(name)


def test_group_scales_are_counted() -> None:
    assert resolve_precision("nvfp4", LLAMA, None).weight_bytes == 0.5 + 1 / 16
    assert resolve_precision("mxfp4", LLAMA, None).weight_bytes == 0.5 + 1 / 32
    assert resolve_precision("fp8_block", LLAMA, None).weight_bytes == 1 + 4 / 128**2
    assert 0.5 < resolve_precision("w4a16", LLAMA, None).weight_bytes < 0.53


def test_no_name_means_the_checkpoint_s_own_format() -> None:
    assert resolve_precision(None, LLAMA, H100).name == "bf16"
    assert resolve_precision("", DEEPSEEK, H100).name == "fp8_block"
    assert resolve_precision("auto", GPT_OSS, H100).name == "mxfp4"


def test_a_coarse_name_that_agrees_means_the_checkpoint_s_scheme() -> None:
    assert resolve_precision("fp8", DEEPSEEK, H100).name == "fp8_block"
    assert resolve_precision("fp4", GPT_OSS, B200).name == "mxfp4"


def test_a_16_bit_name_leaves_stored_weights_as_they_are() -> None:
    assert resolve_precision("bf16", GPT_OSS, H100).weight_bytes < 1


def test_fp8_on_a_device_without_it_is_weight_only() -> None:
    on_a100 = resolve_precision("fp8", LLAMA, A100)
    assert (on_a100.weight_bytes, on_a100.compute_format) == (1.0, "bf16")
    assert on_a100.weight_only
    assert "A100" in on_a100.reason
    on_h100 = resolve_precision("fp8", LLAMA, H100)
    assert on_h100.compute_format == "fp8"
    assert not on_h100.reason


def test_bf16_on_a_device_without_it_runs_in_fp16_and_says_so() -> None:
    precision = resolve_precision("bf16", LLAMA, V100)
    assert precision.compute_format == "fp16"
    assert "V100" in precision.reason


def test_nvfp4_multiplies_in_fp4_only_where_the_device_does() -> None:
    assert resolve_precision("nvfp4", LLAMA, B200).compute_format == "fp4"
    assert resolve_precision("nvfp4", LLAMA, H100).compute_format == "bf16"


def test_mxfp4_runs_in_16_bit_before_blackwell_and_in_fp8_there() -> None:
    assert resolve_precision(None, GPT_OSS, H100).compute_format == "bf16"
    assert resolve_precision(None, GPT_OSS, B200).compute_format == "fp8"


def test_converting_an_mla_model_to_nvfp4_leaves_attention_alone() -> None:
    assert resolve_precision("nvfp4", DEEPSEEK, B200).exempt == ("attn",)
    assert resolve_precision("nvfp4", LLAMA, B200).exempt == ()


def test_weight_only_schemes_multiply_in_16_bit() -> None:
    for name in ("w4a16", "awq", "gptq", "bnb-4bit"):
        assert resolve_precision(name, LLAMA, B200).compute_format == "bf16"


def test_weight_bytes_fall_with_the_width() -> None:
    sizes = [resolve_precision(name, LLAMA, None).weight_bytes for name in ("fp32", "bf16", "fp8", "nvfp4", "gguf_q3")]
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize(
    ("number_format", "size"),
    [("bf16", 2), ("fp16", 2), ("float16", 2), ("fp32", 4), ("fp8", 1), ("fp8_e4m3", 1), ("fp8_e5m2", 1), ("int8", 1),
     ("nvfp4", 0.5)],
)  # fmt: skip
def test_cache_elements_have_their_format_s_width(number_format: str, size: float) -> None:
    assert bytes_per_element(number_format) == size


def test_an_unresolved_cache_format_is_refused() -> None:
    with pytest.raises(InvalidRequestError):
        bytes_per_element("auto")
