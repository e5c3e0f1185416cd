from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_cases import DEEPSEEK_V3, GAUDI2, GPT_OSS_20B, H100, LLAMA_8B, XEON, arch

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.parallelism import ParallelPlan, check_plan, stage_layer_ranges

QWEN2_7B = arch("qwen2-7b", num_layers=28, hidden_size=3584, num_heads=28, num_kv_heads=4, intermediate_size=18944)
QWEN3_235B = arch(
    "qwen3-235b-fp8", num_heads=64, num_kv_heads=4, num_experts=128, experts_per_token=8, moe_intermediate_size=1536,
    moe_layers=32, quantization="fp8_block",
)  # fmt: skip


def code(*args: object, **kwargs: object) -> str | None:
    problem = check_plan(*args, **kwargs)
    return problem.code if problem else None


@pytest.mark.parametrize("tp", [1, 2, 4, 8, 16])
def test_tp_may_split_or_copy_kv_heads(tp: int) -> None:
    assert check_plan(LLAMA_8B, ParallelPlan(tp_size=tp), H100) is None


def test_tp_must_divide_the_attention_heads() -> None:
    problem = check_plan(QWEN2_7B, ParallelPlan(tp_size=8), H100)
    assert problem is not None
    assert problem.code == "tp_heads"
    assert "28 attention heads" in problem.reason


def test_tp_must_divide_or_be_divided_by_the_kv_heads() -> None:
    model = arch("odd", num_heads=24, num_kv_heads=6)
    assert code(model, ParallelPlan(tp_size=4), H100) == "tp_heads"


def test_mla_has_no_kv_heads_to_divide() -> None:
    assert check_plan(DEEPSEEK_V3, ParallelPlan(tp_size=16), H100) is None


def test_tp_must_divide_the_padded_vocabulary() -> None:
    # 32,001 is padded to 32,064: divisible by 2, not by 5
    model = arch("v", vocab_size=32001, num_heads=40, num_kv_heads=40, intermediate_size=12800)
    assert check_plan(model, ParallelPlan(tp_size=2), H100) is None
    assert code(model, ParallelPlan(tp_size=5), H100) == "tp_vocab"


def test_block_scaled_experts_must_not_be_cut_inside_a_block() -> None:
    # 1536 / 8 = 192 is not a multiple of 128; 1536 / 4 = 384 is. Whole experts (EP) are not cut at all.
    assert code(QWEN3_235B, ParallelPlan(tp_size=8), H100) == "tp_quant_group"
    assert check_plan(QWEN3_235B, ParallelPlan(tp_size=4), H100) is None
    assert check_plan(QWEN3_235B, ParallelPlan(tp_size=8, ep_size=8), H100) is None
    assert check_plan(QWEN3_235B, ParallelPlan(tp_size=8), H100, "bf16") is None


def test_group_quantised_mlp_must_not_be_cut_inside_a_group() -> None:
    # The known case: 29,568 = 231 x 128, so two ranks would get 115.5 groups each.
    model = arch("qwen2-72b-awq", num_heads=64, intermediate_size=29568, quantization="awq")
    assert code(model, ParallelPlan(tp_size=2), H100) == "tp_quant_group"
    assert check_plan(model, ParallelPlan(tp_size=1), H100) is None


def test_cpus_refuse_pipeline_stages_with_the_platform_text() -> None:
    problem = check_plan(LLAMA_8B, ParallelPlan(pp_size=2), XEON)
    assert problem is not None
    assert problem.reason == "Pipeline parallelism (PP) is not supported for CPU devices"


def test_gaudi_refuses_pipeline_stages_with_the_platform_text() -> None:
    problem = check_plan(LLAMA_8B, ParallelPlan(pp_size=2), GAUDI2)
    assert problem is not None
    assert problem.reason == "Multi-node pipeline parallelism requires CUDA devices"


def test_there_are_no_more_stages_than_layers() -> None:
    assert code(arch("tiny", num_layers=2), ParallelPlan(pp_size=3), H100) == "pp_layers"


def test_expert_parallelism_needs_experts_that_divide_and_devices_to_hold_them() -> None:
    assert code(LLAMA_8B, ParallelPlan(tp_size=2, ep_size=2), H100) == "ep_dense"
    assert code(GPT_OSS_20B, ParallelPlan(tp_size=2, ep_size=4), H100) == "ep_devices"
    assert code(GPT_OSS_20B, ParallelPlan(tp_size=1, dp_size=3, ep_size=3), H100) == "ep_experts"
    assert check_plan(GPT_OSS_20B, ParallelPlan(tp_size=2, dp_size=2, ep_size=4), H100) is None


def test_dp_attention_leaves_heads_whole() -> None:
    model = arch("heads-28", num_heads=28, num_kv_heads=4, intermediate_size=18944)
    assert check_plan(model, ParallelPlan(tp_size=8, dp_attention=True), H100) is None


@pytest.mark.parametrize("field", ["tp_size", "pp_size", "ep_size", "dp_size"])
def test_a_size_below_one_is_an_invalid_request_that_names_the_field(field: str) -> None:
    with pytest.raises(InvalidRequestError, match=field):
        check_plan(LLAMA_8B, ParallelPlan(**{field: 0}), H100)


def test_devices_multiply_except_for_attention_dp_inside_tp() -> None:
    assert ParallelPlan(2, 2, 4, 2).num_devices == 8
    assert ParallelPlan(8, dp_attention=True).num_devices == 8
    assert ParallelPlan(8, dp_size=4, dp_attention=True).attention_tp_size == 2
    assert ParallelPlan(8, dp_size=4, dp_attention=True).attention_copies == 4


def test_left_over_layers_go_before_the_last_stage() -> None:
    assert [len(stage) for stage in stage_layer_ranges(61, 4)] == [15, 15, 16, 15]
    assert [len(stage) for stage in stage_layer_ranges(30, 4)] == [7, 8, 8, 7]


@given(st.integers(1, 130), st.integers(1, 16))
def test_stages_cover_every_layer_once_and_differ_by_at_most_one(layers: int, stages: int) -> None:
    if stages > layers:
        return
    ranges = stage_layer_ranges(layers, stages)
    assert [layer for stage in ranges for layer in stage] == list(range(layers))
    assert max(map(len, ranges)) - min(map(len, ranges)) <= 1
