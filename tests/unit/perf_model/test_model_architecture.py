"""Laws of reading a config.json."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budsim.commons.errors import UnsupportedModelError
from budsim.perf_model.model_architecture import LayerKind, MlpKind, ModelArchitecture

LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
DEEPSEEK_V3: dict[str, Any] = {
    "model_type": "deepseek_v3",
    "hidden_size": 7168,
    "intermediate_size": 18432,
    "moe_intermediate_size": 2048,
    "num_hidden_layers": 61,
    "first_k_dense_replace": 3,
    "n_routed_experts": 256,
    "n_shared_experts": 1,
    "num_experts_per_tok": 8,
    "num_attention_heads": 128,
    "num_key_value_heads": 128,
    "q_lora_rank": 1536,
    "kv_lora_rank": 512,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
    "vocab_size": 129280,
    "max_position_embeddings": 163840,
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
}
NEEDED = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "intermediate_size")


def read(config: dict[str, Any], **changes: Any) -> ModelArchitecture:
    return ModelArchitecture.from_config({**config, **changes}, "test/model")


def kinds(arch: ModelArchitecture) -> Counter[LayerKind]:
    return Counter(arch.layer_kinds)


def test_a_plain_decoder_attends_fully_in_every_layer() -> None:
    arch = read(LLAMA)
    assert kinds(arch) == {LayerKind.FULL: 32}
    assert (arch.head_dim, arch.attention_type, arch.torch_dtype) == (128, "gqa", "bf16")


@pytest.mark.parametrize("field", NEEDED)
def test_a_missing_needed_field_is_named(field: str) -> None:
    config = {key: value for key, value in LLAMA.items() if key != field}
    with pytest.raises(UnsupportedModelError, match=field):
        read(config)


@pytest.mark.parametrize("field", [*NEEDED, "num_key_value_heads", "max_position_embeddings"])
@pytest.mark.parametrize("value", ["4096", -1, 0.5, math.nan, math.inf, [1], {"a": 1}, True, 10**40])
def test_an_impossible_value_is_an_error_that_names_the_field(field: str, value: Any) -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        read(LLAMA, **{field: value})
    assert field in str(caught.value)


@pytest.mark.parametrize("field", ["hidden_size", "num_attention_heads", "num_hidden_layers"])
def test_zero_sizes_are_refused(field: str) -> None:
    with pytest.raises(UnsupportedModelError, match=field):
        read(LLAMA, **{field: 0})


def test_a_head_width_that_does_not_divide_needs_an_explicit_head_dim() -> None:
    with pytest.raises(UnsupportedModelError, match="head_dim"):
        read(LLAMA, hidden_size=4100)
    assert read(LLAMA, hidden_size=4100, head_dim=128).head_dim == 128


def test_explicit_head_dim_wins_over_the_quotient() -> None:
    arch = read(LLAMA, model_type="qwen3", hidden_size=1024, num_attention_heads=16, head_dim=128)
    assert arch.head_dim == 128


def test_kv_heads_must_divide_the_heads() -> None:
    with pytest.raises(UnsupportedModelError, match="num_key_value_heads"):
        read(LLAMA, num_key_value_heads=5)


def test_a_list_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="layer_types"):
        read(LLAMA, layer_types=["full_attention"] * 31)


def test_an_unknown_layer_kind_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="layer_types"):
        read(LLAMA, layer_types=["quantum_attention"] * 32)


@pytest.mark.parametrize("config", [None, [], "config", 3])
def test_a_config_that_is_no_object_is_refused(config: Any) -> None:
    with pytest.raises(UnsupportedModelError):
        ModelArchitecture.from_config(config)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_FIELDS = st.sampled_from(
    sorted(
        {
            *LLAMA, *DEEPSEEK_V3, "sliding_window", "use_sliding_window", "layer_types", "moe_layer_freq",
            "text_config", "vision_config", "ffn_config", "attn_config", "mlp_only_layers", "rope_scaling",
            "num_experts", "linear_attn_config", "attention_chunk_size", "no_rope_layers",
            "hybrid_override_pattern", "block_configs",
            "full_attention_interval", "decoder_sparse_step", "max_window_layers", "sliding_window_pattern",
        }
    )
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(base=st.sampled_from([LLAMA, DEEPSEEK_V3]), changes=st.dictionaries(_FIELDS, _JSON, max_size=3))
def test_any_json_is_read_or_refused_with_a_clear_error(base: dict[str, Any], changes: dict[str, Any]) -> None:
    try:
        arch = read(base, **changes)
    except UnsupportedModelError:
        return
    assert 0 < arch.params_active <= arch.params_total


def test_mla_is_recognised_and_its_head_is_nope_plus_rope() -> None:
    arch = read(DEEPSEEK_V3)
    assert arch.is_mla
    assert arch.attention_type == "mla"
    assert arch.head_dim == 192
    assert arch.kv_lora_rank + arch.qk_rope_head_dim == 576


def test_first_layers_of_deepseek_are_dense() -> None:
    arch = read(DEEPSEEK_V3)
    assert [arch.mlp_kind(i) for i in (0, 2, 3, 60)] == [MlpKind.DENSE, MlpKind.DENSE, MlpKind.MOE, MlpKind.MOE]
    assert arch.moe_layers == 58


def test_a_sparse_indexer_adds_132_bytes_per_token_and_layer() -> None:
    arch = read(DEEPSEEK_V3, model_type="deepseek_v32", index_n_heads=64, index_head_dim=128, index_topk=2048)
    assert arch.indexer_bytes_per_token == 132


def test_mistral_slides_in_every_layer() -> None:
    arch = read(LLAMA, model_type="mistral", sliding_window=4096)
    assert kinds(arch) == {LayerKind.SLIDING: 32}


def test_a_window_as_long_as_the_context_is_no_window() -> None:
    assert kinds(read(LLAMA, model_type="phi3", sliding_window=131072)) == {LayerKind.FULL: 32}


def test_use_sliding_window_false_switches_the_window_off() -> None:
    arch = read(LLAMA, model_type="qwen2", sliding_window=4096, use_sliding_window=False, max_window_layers=20)
    assert kinds(arch) == {LayerKind.FULL: 32}


def test_layers_from_max_window_layers_on_slide() -> None:
    arch = read(LLAMA, model_type="qwen2", sliding_window=4096, use_sliding_window=True, max_window_layers=20)
    assert arch.layer_kinds[:20] == (LayerKind.FULL,) * 20
    assert kinds(arch)[LayerKind.SLIDING] == 12


@pytest.mark.parametrize(
    ("model_type", "full", "layers"),
    [("gemma2", 21, 42), ("gemma3_text", 10, 62), ("cohere2", 9, 36), ("olmo3", 8, 32)],
)
def test_families_alternate_windows_as_published(model_type: str, full: int, layers: int) -> None:
    arch = read(LLAMA, model_type=model_type, num_hidden_layers=layers, sliding_window=4096)
    assert kinds(arch)[LayerKind.FULL] == full


def test_a_stated_pattern_wins_over_the_family() -> None:
    arch = read(LLAMA, model_type="gemma3_text", sliding_window=1024, sliding_window_pattern=4)
    assert kinds(arch)[LayerKind.FULL] == 8


def test_llama4_attends_in_chunks_except_without_rope() -> None:
    text = {
        **LLAMA, "model_type": "llama4_text", "num_hidden_layers": 48, "attention_chunk_size": 8192,
        "num_local_experts": 16, "num_experts_per_tok": 1, "intermediate_size_mlp": 16384,
        "interleave_moe_layer_step": 2,
    }  # fmt: skip
    arch = ModelArchitecture.from_config({"model_type": "llama4", "text_config": text})
    assert kinds(arch) == {LayerKind.CHUNKED: 36, LayerKind.FULL: 12}
    assert arch.moe_layers == 24
    assert arch.attention_chunk_size == 8192


@pytest.mark.parametrize("wrapper", ["text_config", "llm_config", "language_config"])
def test_nested_text_models_are_found(wrapper: str) -> None:
    arch = ModelArchitecture.from_config({"model_type": "some_vlm", "architectures": ["SomeVLM"], wrapper: LLAMA})
    assert (arch.num_layers, arch.architectures) == (32, ("SomeVLM",))


def test_thinker_models_are_found_two_levels_down() -> None:
    arch = ModelArchitecture.from_config({"model_type": "omni", "thinker_config": {"text_config": LLAMA}})
    assert arch.hidden_size == 4096


def test_gpt2_names_are_read() -> None:
    arch = ModelArchitecture.from_config(
        {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "n_positions": 1024, "vocab_size": 50257}
    )
    assert (arch.hidden_size, arch.num_layers, arch.intermediate_size, arch.attention_type) == (768, 12, 3072, "mha")
    assert arch.tie_word_embeddings


def test_falcon_has_one_kv_head_unless_it_is_the_new_architecture() -> None:
    old = {"model_type": "falcon", "hidden_size": 4544, "num_hidden_layers": 32, "num_attention_heads": 71,
           "vocab_size": 65024, "max_position_embeddings": 2048}  # fmt: skip
    assert ModelArchitecture.from_config(old).attention_type == "mqa"
    new = {**old, "hidden_size": 8192, "num_attention_heads": 128, "num_kv_heads": 8, "new_decoder_architecture": True}
    assert ModelArchitecture.from_config(new).num_kv_heads == 8


def test_gated_delta_net_state_is_what_vllm_logs() -> None:
    arch = read(
        LLAMA, model_type="qwen3_next", num_hidden_layers=48, hidden_size=2048, num_attention_heads=16,
        num_key_value_heads=2, head_dim=256, full_attention_interval=4, linear_num_key_heads=16,
        linear_num_value_heads=32, linear_key_head_dim=128, linear_value_head_dim=128, linear_conv_kernel_dim=4,
    )  # fmt: skip
    assert kinds(arch) == {LayerKind.LINEAR: 36, LayerKind.FULL: 12}
    assert arch.linear_state_bytes == 1_097_728


def test_jamba_mixes_mamba_and_attention_by_period() -> None:
    arch = read(
        LLAMA, model_type="jamba", attn_layer_period=8, attn_layer_offset=4, expert_layer_period=2,
        expert_layer_offset=1, num_experts=16, num_experts_per_tok=2, mamba_d_state=16, mamba_d_conv=4, mamba_expand=2,
        mamba_dt_rank=256,
    )  # fmt: skip
    assert kinds(arch) == {LayerKind.LINEAR: 28, LayerKind.FULL: 4}
    assert arch.linear_state_bytes == 155_648 * 2
    assert arch.moe_layers == 16


def test_nemotron_h_letters_become_layers() -> None:
    arch = read(
        LLAMA, model_type="nemotron_h", num_hidden_layers=4, hybrid_override_pattern="M-*-", mamba_num_heads=128,
        mamba_head_dim=64, ssm_state_size=128, n_groups=8, conv_kernel=4,
    )  # fmt: skip
    assert arch.layer_kinds == (LayerKind.LINEAR, LayerKind.NONE, LayerKind.FULL, LayerKind.NONE)
    assert [arch.mlp_kind(i) for i in range(4)] == [MlpKind.NONE, MlpKind.DENSE, MlpKind.NONE, MlpKind.DENSE]


def test_linear_layers_without_a_known_mixer_are_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="linear_num_value_heads"):
        read(LLAMA, layer_types=["linear_attention"] * 32)


def test_models_without_a_formula_are_refused_by_type() -> None:
    with pytest.raises(UnsupportedModelError, match="RWKV"):
        read(LLAMA, model_type="rwkv5")


@pytest.mark.parametrize(
    ("section", "scheme"),
    [
        ({"quant_method": "fp8"}, "fp8"),
        ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8_block"),
        ({"quant_method": "awq", "bits": 4}, "awq"),
        ({"quant_method": "gptq", "bits": 8}, "gptq_int8"),
        ({"quant_method": "mxfp4"}, "mxfp4"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "bnb-4bit"),
        ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "bnb-8bit"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4"),
        ({"quant_method": "modelopt", "quantization": {"quant_algo": "FP8"}}, "fp8"),
    ],
)
def test_quantization_configs_are_recognised(section: dict[str, Any], scheme: str) -> None:
    assert read(LLAMA, quantization_config=section).quantization == scheme


@pytest.mark.parametrize(
    ("weights", "inputs", "scheme"),
    [
        ({"num_bits": 8, "type": "float"}, {"num_bits": 8}, "fp8"),
        ({"num_bits": 8, "type": "int"}, {"num_bits": 8}, "w8a8"),
        ({"num_bits": 4, "type": "int", "group_size": 128}, None, "w4a16"),
        ({"num_bits": 4, "type": "float", "group_size": 16}, {"num_bits": 4}, "nvfp4"),
    ],
)
def test_compressed_tensors_schemes_are_recognised(weights: dict[str, Any], inputs: Any, scheme: str) -> None:
    groups = {"group_0": {"weights": weights, "input_activations": inputs}}
    section = {"quant_method": "compressed-tensors", "config_groups": groups}
    assert read(LLAMA, quantization_config=section).quantization == scheme


@pytest.mark.parametrize(
    ("section", "cache"),
    [
        ({"quant_method": "modelopt", "quant_algo": "NVFP4", "kv_cache_quant_algo": "FP8"}, "fp8"),
        ({"quant_method": "modelopt", "quantization": {"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}}, "fp8"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4", "kv_cache_scheme": {"num_bits": 8}}, "fp8"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4", "kv_cache_quant_algo": None}, "auto"),
        ({"quant_method": "awq", "bits": 4}, "auto"),
    ],
)
def test_the_cache_format_is_what_the_checkpoints_makers_chose(section: dict[str, Any], cache: str) -> None:
    assert read(LLAMA, quantization_config=section).cache_format == cache
    assert read(LLAMA).cache_format is None


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(UnsupportedModelError, match="quant"):
        read(LLAMA, quantization_config={"quant_method": "dream", "bits": 3})


def test_modules_listed_throughout_the_model_stay_unquantised() -> None:
    everywhere = {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn", "lm_head"]}
    assert "attn" in read(LLAMA, quantization_config=everywhere).quantization_exempt
    one_layer = {"quant_method": "fp8", "ignored_layers": ["model.layers.0.self_attn.q_proj"]}
    assert "attn" not in read(LLAMA, quantization_config=one_layer).quantization_exempt


@pytest.mark.parametrize(
    ("model_type", "bias", "balanced"),
    [("mixtral", None, False), ("mixtral", True, True), ("gpt_oss", None, False), ("minimax_m2", None, True)],
)
def test_only_a_correction_bias_balances_a_router(model_type: str, bias: bool | None, balanced: bool) -> None:
    # gpt-oss routes with a linear layer that has a bias of its own; DeepSeek-V3's kind corrects the scores.
    config = (
        LLAMA
        | {"num_local_experts": 8, "num_experts_per_tok": 2}
        | {"model_type": model_type}
        | ({} if bias is None else {"use_routing_bias": bias})
    )
    assert ModelArchitecture.from_config(config, "sample").balanced_router is balanced
