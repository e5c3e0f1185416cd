"""Laws of the KV cache. Expected figures: arithmetic spelled out beside each, and what vLLM 0.19.0 logged for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_cases import (
    DEEPSEEK_V2_LITE,
    DEEPSEEK_V3,
    GEMMA2_9B,
    GEMMA3_27B,
    GIB,
    GPT_OSS_20B,
    LLAMA4_SCOUT,
    LLAMA_8B,
    QWEN3_06B,
    QWEN3_NEXT,
    arch,
    kinds,
)

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.kv_cache import KvCacheLayout, kv_bytes_per_token, kv_cache_layout, kv_element_bytes
from budsim.perf_model.model_architecture import LayerKind, ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan


def layout(
    model: ModelArchitecture, tp: int = 1, dtype: str = "bf16", budget: int = 8192, **extra: object
) -> KvCacheLayout:
    return kv_cache_layout(model, tp, dtype, 16, budget, range(model.num_layers), **extra)


ONE = ParallelPlan()


@pytest.mark.parametrize(
    ("model", "element_bytes", "expected"),
    [
        (LLAMA_8B, 2, 32 * 2 * 8 * 128 * 2),  # 131,072 B
        (LLAMA_8B, 1, 65_536),
        (arch("qwen3-8b", num_layers=36), 2, 147_456),
        (arch("llama-70b", num_layers=80, num_heads=64), 2, 327_680),
        (arch("qwen3-30b-a3b", num_layers=48, num_kv_heads=4), 2, 98_304),
        (arch("qwen3-235b", num_layers=94, num_heads=64, num_kv_heads=4), 2, 192_512),
        (arch("qwen3-coder-480b", num_layers=62, num_heads=96), 2, 253_952),
        (DEEPSEEK_V3, 2, 61 * (512 + 64) * 2),  # 70,272 B
        (DEEPSEEK_V3, 1, 35_136),
        (DEEPSEEK_V2_LITE, 2, 27 * 576 * 2),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_bytes_per_token_are_the_closed_form(model: ModelArchitecture, element_bytes: float, expected: int) -> None:
    assert kv_bytes_per_token(model, ONE, element_bytes) == expected


def test_dsa_adds_its_fp8_indexer_key_and_scale() -> None:
    glm = arch(
        "glm-5.1", num_layers=78, kv_lora_rank=512, qk_rope_head_dim=64, qk_nope_head_dim=192, v_head_dim=256,
        num_heads=64, indexer_bytes_per_token=132.0,
    )  # fmt: skip
    assert kv_bytes_per_token(glm, ONE, 2) == 78 * (576 * 2 + 128 + 4) == 100_152


def test_an_explicit_head_dim_counts_not_hidden_over_heads() -> None:
    # Qwen3-0.6B: head_dim 128 although 1024 / 16 = 64; ignoring it halves the cache.
    assert kv_bytes_per_token(QWEN3_06B, ONE, 2) == 28 * 2 * 8 * 128 * 2 == 114_688


def test_an_mla_latent_is_copied_on_every_tp_rank() -> None:
    eight = kv_bytes_per_token(DEEPSEEK_V3, ParallelPlan(tp_size=8), 2)
    assert eight == kv_bytes_per_token(DEEPSEEK_V3, ONE, 2) == 70_272


def test_mla_caches_the_latent_not_the_heads() -> None:
    as_heads = 61 * 2 * 128 * 192 * 2
    assert kv_bytes_per_token(DEEPSEEK_V3, ONE, 2) < as_heads / 50


def test_tp_divides_kv_heads_until_one_is_left_then_copies_it() -> None:
    per_rank = [kv_bytes_per_token(LLAMA_8B, ParallelPlan(tp_size=tp), 2) for tp in (1, 2, 4, 8, 16)]
    assert per_rank == [131_072, 65_536, 32_768, 16_384, 16_384]


def test_pp_charges_the_largest_stage() -> None:
    model = arch("seven", num_layers=7)
    assert kv_bytes_per_token(model, ParallelPlan(pp_size=3), 2) == 3 * 2 * 8 * 128 * 2


@pytest.mark.parametrize(
    ("gib", "dtype", "logged_tokens"),
    [(58.11, "bf16", 476_016), (58.11, "fp8", 952_032)],
)
def test_llama_8b_tokens_match_the_logged_ones(gib: float, dtype: str, logged_tokens: int) -> None:
    full = layout(LLAMA_8B, dtype=dtype)
    tokens = full.num_blocks(gib * GIB) * 16
    assert tokens == pytest.approx(logged_tokens, rel=2e-4)  # the log rounds to 0.01 GiB


@pytest.mark.parametrize(
    ("model", "tp", "gib", "group_size", "groups", "tokens", "concurrency"),
    [
        # 10 full and 52 sliding layers -> groups of 10: 1 + ceil(52 / 10) = 7
        (GEMMA3_27B, 1, 19.53, 10, 7, 36_560, 4.46),
        (GEMMA2_9B, 1, 54.12, 21, 2, 168_880, 20.6),
        (GPT_OSS_20B, 2, 59.32, 12, 2, 2_591_776, 316.07),
        # chunked-local: 12 full, 36 chunked -> 1 + 3
        (LLAMA4_SCOUT, 4, 16.75, 12, 4, 365_968, 44.68),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_window_models_match_logged_tokens_and_concurrency(
    model: ModelArchitecture, tp: int, gib: float, group_size: int, groups: int, tokens: int, concurrency: float
) -> None:
    hybrid = layout(model, tp)
    page = 16 * 2 * max(1, model.num_kv_heads // tp) * model.head_dim * 2
    blocks = hybrid.num_blocks(gib * GIB)
    assert hybrid.bytes_per_block == group_size * page
    assert hybrid.num_groups == groups
    assert blocks // groups * 16 == pytest.approx(tokens, rel=4e-4)
    assert blocks / hybrid.blocks_per_sequence(8192) == pytest.approx(concurrency, rel=1e-3)


def test_sliding_layers_are_neither_free_nor_full() -> None:
    length = 131_072
    hybrid = layout(GEMMA3_27B).bytes_per_sequence(length)
    per_layer = 2 * 16 * 128 * 2 * length
    assert 10 * per_layer < hybrid < 62 * per_layer


def test_a_sliding_layer_keeps_its_window_and_one_chunk_of_prefill() -> None:
    group = next(group for group in layout(GEMMA3_27B, budget=2048).groups if group.kind is LayerKind.SLIDING)
    # min(1024 - 1 + 2048, 100000) = 3071 tokens -> 192 blocks, one more because a window straddles block edges
    assert group.blocks(100_000, 2048) == 192 + 1


def test_engines_without_hybrid_allocation_charge_every_layer_fully() -> None:
    whole = layout(GEMMA3_27B, windows_are_saved=False)
    assert whole.bytes_per_sequence(16_384) == 62 * 2 * 16 * 128 * 2 * 16_384


def test_a_hybrid_model_raises_its_block_until_a_page_holds_a_state() -> None:
    # 1,097,728 B of state over 2,048 B per token and layer = 536 tokens -> next multiple of 16 = 544 (as vLLM logs)
    hybrid = layout(QWEN3_NEXT)
    assert hybrid.block_size == 544
    page = 544 * 2 * 2 * 256 * 2
    assert hybrid.bytes_per_block == 12 * page
    assert (page - 1_097_728) / page == pytest.approx(0.0149, abs=2e-4)  # vLLM logs 1.49 % padding


def test_a_state_takes_one_block_whatever_the_length() -> None:
    hybrid = layout(QWEN3_NEXT)
    growth = hybrid.blocks_per_sequence(54_400) - hybrid.blocks_per_sequence(544)
    assert growth == 100 - 1


def test_a_pure_state_model_costs_the_same_at_any_length() -> None:
    mamba = arch("mamba", num_layers=64, linear_state_bytes=1e6, layer_kinds=(LayerKind.LINEAR,) * 64)
    assert layout(mamba).bytes_per_sequence(100) == layout(mamba).bytes_per_sequence(100_000) == 64e6


def test_unequal_head_shapes_share_pages_of_one_size() -> None:
    from budsim.perf_model.model_architecture import AttentionShape

    model = arch(
        "gemma-4", num_layers=30, num_kv_heads=4, head_dim=512, sliding_window=1024,
        sliding_attention=AttentionShape(32, 16, 256, 256), layer_kinds=kinds(5, 25, LayerKind.SLIDING),
    )  # fmt: skip
    full, sliding = layout(model).groups
    # 2 x 4 x 512 = 4096 against 2 x 16 x 256 = 8192 elements a token: full layers take twice the tokens per block
    assert (full.tokens_per_block, sliding.tokens_per_block) == (32, 16)


@given(st.integers(1, 200_000), st.integers(1, 200_000))
def test_a_longer_sequence_never_needs_fewer_blocks(a: int, b: int) -> None:
    short, long = sorted((a, b))
    for model in (LLAMA_8B, GEMMA3_27B, LLAMA4_SCOUT, QWEN3_NEXT):
        assert layout(model).blocks_per_sequence(short) <= layout(model).blocks_per_sequence(long)


def test_an_encoder_caches_nothing() -> None:
    bert = arch("bge", model_type="bert", task="embed")
    assert layout(bert).bytes_per_sequence(512) == 0


def test_no_memory_means_no_blocks_never_negative_ones() -> None:
    assert layout(LLAMA_8B).num_blocks(-1e9) == 0


def test_an_unknown_cache_format_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequestError, match="kv_cache_dtype 'fp7'"):
        kv_element_bytes("fp7")
