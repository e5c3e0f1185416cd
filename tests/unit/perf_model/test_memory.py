"""Laws of a replica's memory. Golden figures: vLLM 0.19.0 start-up lines on an H100 (79.19 GiB visible)."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from memory_cases import (
    BF16,
    DEEPSEEK_V3,
    FP8,
    GAUDI2,
    GEMMA3_27B,
    GIB,
    GPT_OSS_20B,
    H100,
    LLAMA_8B,
    XEON,
    arch,
    point,
)

from budsim.perf_model.allocator_slack import tensor_slack_bytes
from budsim.perf_model.engine_reserve import visible_memory_bytes
from budsim.perf_model.memory import (
    MemoryEstimate,
    PlatformAllocation,
    estimate_memory,
    platform_allocation,
    platform_sequence_length,
)
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import Precision
from budsim.perf_model.rank_weights import stage_weight_bytes
from budsim.perf_model.serving_point import Infeasible

LLAMA_70B = arch("llama-70b", num_layers=80, hidden_size=8192, num_heads=64, intermediate_size=28672)
QWEN3_30B = arch(
    "qwen3-30b-a3b", num_layers=48, hidden_size=2048, num_kv_heads=4, intermediate_size=6144, vocab_size=151936,
    num_experts=128, experts_per_token=8, moe_intermediate_size=768, moe_layers=48, max_position_embeddings=40960,
    qk_norm="head",
)  # fmt: skip
GPT_OSS_120B = arch(
    "gpt-oss-120b", num_layers=36, hidden_size=2880, num_heads=64, num_kv_heads=8, head_dim=64, intermediate_size=2880,
    vocab_size=201088, num_experts=128, experts_per_token=4, moe_intermediate_size=2880, moe_layers=36,
    quantization="mxfp4", quantization_exempt=("attn", "embed", "head", "router"), attention_bias=True,
    expert_bias=True, attention_output_bias=True,
)  # fmt: skip
MXFP4 = Precision("mxfp4", 0.53125, 2.0, "bf16")


def feasible(*args: object, **kwargs: object) -> MemoryEstimate:
    answer = estimate_memory(point(*args, **kwargs))
    assert isinstance(answer, MemoryEstimate), answer
    return answer


def refused(*args: object, **kwargs: object) -> Infeasible:
    answer = estimate_memory(point(*args, **kwargs))
    assert isinstance(answer, Infeasible), answer
    return answer


@pytest.mark.parametrize(
    ("architecture", "mib", "gib"),
    [("Hopper", 81559, 79.19), ("Ampere", 81920, 79.2), ("Ada Lovelace", 46068, 44.35), ("Ada Lovelace", 24564, 23.57)],
)
def test_an_80_gb_card_has_79_2_gib_not_80(architecture: str, mib: int, gib: float) -> None:
    visible = visible_memory_bytes(point(device=replace(H100, architecture=architecture, memory_bytes=mib * 2**20)))
    assert visible is not None
    assert visible / GIB == pytest.approx(gib, abs=0.07)


@pytest.mark.parametrize(
    ("plan", "loaded", "activation", "non_torch", "tokens", "concurrency"),
    [
        (ParallelPlan(), 14.99, 1.89, 0.25, 476_016, 58.11),
        (ParallelPlan(tp_size=2), 7.51, 1.89, 2.07, 1_044_688, 127.53),
        (ParallelPlan(tp_size=4), 3.77, 1.89, 2.13, 2_209_792, 269.75),
        (ParallelPlan(pp_size=2), 7.51, 1.89, 0.2, 1_075_312, 131.26),
        (ParallelPlan(pp_size=4), 4.26, 1.89, 0.2, 2_257_264, 275.54),
    ],
)
def test_llama_8b_on_h100_matches_the_logged_figures(
    plan: ParallelPlan, loaded: float, activation: float, non_torch: float, tokens: int, concurrency: float
) -> None:
    estimate = feasible(plan=plan)
    assert estimate.model_loading_bytes / GIB == pytest.approx(loaded, abs=0.02)
    assert estimate.activation_bytes / GIB == pytest.approx(activation, abs=0.03)
    assert estimate.non_torch_bytes / GIB == pytest.approx(non_torch, abs=0.03)
    assert estimate.kv_cache_tokens == pytest.approx(tokens, rel=2e-3)
    assert estimate.max_concurrency == pytest.approx(concurrency, rel=2e-3)


def test_the_parts_add_up_to_the_requested_share() -> None:
    e = feasible()
    assert e.requested_bytes == pytest.approx(0.95 * e.total_bytes)
    assert e.model_loading_bytes + e.activation_bytes + e.non_torch_bytes + e.available_kv_bytes == pytest.approx(
        e.requested_bytes
    )


def test_graphs_come_off_the_cache_from_0_21_on() -> None:
    before, after = feasible(engine_version="0.20.0"), feasible(engine_version="0.21.0")
    assert before.cuda_graph_bytes == after.cuda_graph_bytes > 0
    assert before.available_kv_bytes - after.available_kv_bytes == pytest.approx(after.cuda_graph_bytes)


def test_eager_mode_captures_nothing() -> None:
    assert feasible(enforce_eager=True).cuda_graph_bytes == 0


def test_the_sampler_profile_shrank_in_0_17() -> None:
    # Qwen3-14B: 5.64 GiB up to 0.16, 2.23 GiB from 0.17 (version sweep on one machine)
    qwen = arch("qwen3-14b", num_layers=40, hidden_size=5120, num_heads=40, intermediate_size=17408, vocab_size=151936)
    assert feasible(qwen, engine_version="0.16.0").activation_bytes / GIB == pytest.approx(5.64, abs=0.05)
    assert feasible(qwen, engine_version="0.17.0").activation_bytes / GIB == pytest.approx(2.23, abs=0.05)


def test_activation_follows_vocabulary_and_batch_not_the_architecture_name() -> None:
    small = feasible(arch("small-vocab", vocab_size=32000)).activation_bytes
    assert small < 0.5 * feasible().activation_bytes
    assert feasible(max_num_seqs=256).activation_bytes < feasible().activation_bytes


def test_what_tokens_mean_changed_in_0_21_for_window_models() -> None:
    old, new = feasible(GEMMA3_27B, engine_version="0.19.0"), feasible(GEMMA3_27B, engine_version="0.24.0")
    assert old.kv_cache_tokens == old.num_blocks // 7 * 16
    assert new.kv_cache_tokens == int(new.max_concurrency * 8192)


def test_given_weights_replace_computed_ones() -> None:
    answer = estimate_memory(point(), model_loading_bytes=20 * GIB)
    assert isinstance(answer, MemoryEstimate)
    assert answer.model_loading_bytes == 20 * GIB


@pytest.mark.parametrize(
    ("model", "precision", "gib"),
    [
        (LLAMA_8B, BF16, 14.99),
        (LLAMA_8B, FP8, 8.49),
        (QWEN3_30B, BF16, 56.88),
        (GPT_OSS_120B, MXFP4, 64.38),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_weights_on_one_device_match_the_logged_ones(model: object, precision: Precision, gib: float) -> None:
    assert stage_weight_bytes(model, precision, ParallelPlan())[0] / GIB == pytest.approx(gib, rel=5e-3)


@pytest.mark.parametrize(("tp", "gib"), [(2, 33.88), (4, 16.96)])
def test_fp8_70b_weights_match_the_logged_ones(tp: int, gib: float) -> None:
    assert stage_weight_bytes(LLAMA_70B, FP8, ParallelPlan(tp_size=tp))[0] / GIB == pytest.approx(gib, abs=0.05)


def test_moe_memory_comes_from_all_experts_not_from_the_active_ones() -> None:
    loaded = stage_weight_bytes(QWEN3_30B, BF16, ParallelPlan())[0]
    assert loaded > 9 * 2 * 3.35e9 * 0.9  # 30.5 B stored against 3.35 B active


def test_kv_projections_are_copied_once_tp_exceeds_the_kv_heads() -> None:
    eight, sixteen = (stage_weight_bytes(LLAMA_8B, BF16, ParallelPlan(tp_size=tp))[0] for tp in (8, 16))
    whole = stage_weight_bytes(LLAMA_8B, BF16, ParallelPlan())[0]
    assert sixteen > whole / 16
    # What halving TP's share does not halve: one K and one V head a layer, the rotary table, the norms.
    copied = (32 * 2 * 4096 * 128 + 131072 * 128 + 65 * 4096) * 2
    rounding = 2 * tensor_slack_bytes(128256 * 4096 * 2 / 8)  # both tables at TP 8; none at TP 16
    assert sixteen - (eight - rounding) / 2 == pytest.approx(copied / 2, rel=1e-3)


def test_first_stage_has_the_embedding_last_the_head_middle_neither() -> None:
    stages = stage_weight_bytes(LLAMA_8B, BF16, ParallelPlan(pp_size=4))
    table = 128256 * 4096 * 2
    assert stages[0] - stages[1] == pytest.approx(table, rel=1e-3)
    assert stages[3] - stages[1] == pytest.approx(table, rel=1e-3)


def test_tied_embeddings_count_once_on_one_stage_and_twice_over_two() -> None:
    tied, free = arch("tied", tie_word_embeddings=True), arch("free")
    table = 128256 * 4096 * 2
    one = [stage_weight_bytes(model, BF16, ParallelPlan())[0] for model in (tied, free)]
    assert one[1] - one[0] == pytest.approx(table, rel=1e-3)
    assert sum(stage_weight_bytes(tied, BF16, ParallelPlan(pp_size=2))) == pytest.approx(
        sum(stage_weight_bytes(free, BF16, ParallelPlan(pp_size=2))), rel=1e-6
    )


def test_experts_are_shared_by_all_devices_of_a_stage() -> None:
    tp8 = stage_weight_bytes(DEEPSEEK_V3, FP8, ParallelPlan(tp_size=8))[0]
    ep8 = stage_weight_bytes(DEEPSEEK_V3, FP8, ParallelPlan(dp_size=8, ep_size=8))[0]
    assert tp8 < ep8 < 1.3 * tp8  # the experts are the bulk; attention is copied under DP


def test_more_tp_never_loads_more_per_device() -> None:
    for model in (LLAMA_8B, QWEN3_30B, DEEPSEEK_V3, GPT_OSS_20B):
        loaded = [stage_weight_bytes(model, BF16, ParallelPlan(tp_size=tp))[0] for tp in (1, 2, 4, 8)]
        assert loaded == sorted(loaded, reverse=True)


def test_deepseek_on_eight_devices_holds_what_one_copy_of_the_latent_allows() -> None:
    h200 = 139.8 * GIB
    estimate = feasible(DEEPSEEK_V3, ParallelPlan(tp_size=8), FP8, device_memory_bytes=h200)
    assert estimate.kv_cache_tokens == pytest.approx(estimate.available_kv_bytes / 70_272, rel=1e-2)


def test_dp_copies_hold_different_sequences() -> None:
    one = feasible(plan=ParallelPlan())
    two = feasible(plan=ParallelPlan(dp_size=2))
    assert two.kv_cache_tokens == 2 * one.kv_cache_tokens


def test_dp_attention_multiplies_the_sequences_of_an_mla_model() -> None:
    h200 = 139.8 * GIB
    tp = feasible(DEEPSEEK_V3, ParallelPlan(tp_size=8), FP8, device_memory_bytes=h200)
    dpa = feasible(DEEPSEEK_V3, ParallelPlan(tp_size=8, dp_attention=True), FP8, device_memory_bytes=h200)
    assert dpa.kv_cache_tokens > 5 * tp.kv_cache_tokens


def test_what_leaves_no_cache_is_infeasible_with_figures_and_remedies() -> None:
    problem = refused(LLAMA_70B)
    assert problem.code == "memory"
    for word in ("131.", "79.2 GiB", "tp_size x pp_size of at least 2", "fp8", "short"):
        assert word in problem.reason


def test_one_sequence_that_does_not_fit_is_infeasible_and_names_the_length_that_does() -> None:
    problem = refused(LLAMA_70B, ParallelPlan(tp_size=2), max_model_len=131072)
    assert problem.code == "kv_capacity"
    length = int(problem.reason.split("max_model_len up to ")[1].split(",")[0])
    assert isinstance(estimate_memory(point(LLAMA_70B, ParallelPlan(tp_size=2), max_model_len=length)), MemoryEstimate)
    assert isinstance(estimate_memory(point(LLAMA_70B, ParallelPlan(tp_size=2), max_model_len=length + 32)), Infeasible)


def test_the_length_that_would_fit_is_never_above_the_models_own() -> None:
    reason = refused(max_model_len=1_000_000).reason
    assert int(reason.split("max_model_len up to ")[1].split(",")[0]) == 131072


def test_fp8_cache_doubles_the_tokens() -> None:
    assert feasible(kv_cache_dtype="fp8").kv_cache_tokens == pytest.approx(2 * feasible().kv_cache_tokens, rel=1e-4)


def test_sequences_at_given_lengths_follow_the_blocks() -> None:
    estimate = feasible()
    assert estimate.concurrent_sequences(1024, 256) == estimate.num_blocks // 80
    assert estimate.kv_tokens_for_lengths(1024, 256) == pytest.approx(estimate.num_blocks * 16)


def test_a_window_model_holds_more_tokens_of_long_sequences() -> None:
    estimate = feasible(GEMMA3_27B, max_num_batched_tokens=2048)
    assert estimate.kv_tokens_for_lengths(30_000, 2_000) > 2 * estimate.kv_tokens_for_lengths(1_000, 200)


def test_sglang_fraction_covers_weights_and_cache_together() -> None:
    # QwQ-32B on 4 x L4: fraction 0.85 of 21.63 GiB less 15.54 GiB of weights -> 2.84 GiB of K and V (start-up log)
    qwq = arch("qwq-32b", num_layers=64, hidden_size=5120, num_heads=40, intermediate_size=27648, vocab_size=152064)
    estimate = estimate_memory(
        point(
            qwq, ParallelPlan(tp_size=4), engine="sglang", gpu_memory_utilization=0.85, block_size=1,
            max_num_batched_tokens=2048, device_memory_bytes=(21.63 + 2.1) * GIB,  # the device of these cases is Hopper
        ),
        model_loading_bytes=15.54 * GIB,
    )  # fmt: skip
    assert isinstance(estimate, MemoryEstimate)
    assert estimate.available_kv_bytes / GIB == pytest.approx(2.845, abs=0.02)
    assert estimate.kv_cache_tokens == pytest.approx(46_611, rel=5e-3)


def test_trtllm_fraction_is_of_what_is_left_after_weights() -> None:
    low = feasible(engine="trtllm", gpu_memory_utilization=0.45)
    high = feasible(engine="trtllm", gpu_memory_utilization=0.9)
    assert high.available_kv_bytes == pytest.approx(2 * low.available_kv_bytes)


def test_gaudi_reserves_for_graphs_out_of_what_is_free() -> None:
    full = feasible(device=GAUDI2, gpu_memory_utilization=1.0, block_size=128)
    free = full.total_bytes - full.model_loading_bytes - full.activation_bytes - full.non_torch_bytes
    assert full.total_bytes / GIB == pytest.approx(94.62)
    assert full.available_kv_bytes == pytest.approx(0.9 * free)


def test_a_cpu_cache_is_the_space_that_was_given() -> None:
    estimate = feasible(device=XEON, cpu_kvcache_bytes=4 * GIB, device_memory_bytes=256 * GIB, block_size=128)
    assert estimate.available_kv_bytes == 4 * GIB
    assert estimate.cuda_graph_bytes == 0


def test_a_cpu_without_room_for_weights_and_cache_is_refused() -> None:
    problem = refused(device=XEON, cpu_kvcache_bytes=40 * GIB, device_memory_bytes=16 * GIB)
    assert problem.code == "memory"


def test_a_host_of_unknown_memory_is_said_to_be_unchecked() -> None:
    estimate = feasible(device=XEON, max_num_seqs=4)
    assert "not stated" in estimate.notes[0]
    assert estimate.max_concurrency >= 4


@pytest.mark.parametrize(
    ("required_gb", "available_gb", "fits"),
    [(50, 80, True), (50, 4.5, False), (10, 11.6, True), (10, 11.5, False), (74.1, 80, False), (74.0, 80, True)],
)
def test_the_platform_adds_its_buffer_and_five_percent(required_gb: float, available_gb: float, fits: bool) -> None:
    # up to 10 GB required: (available - 1 GB) x 0.95; above: (available - 2 GB) x 0.95; 0.95 x 78 = 74.1, strict
    allocation = PlatformAllocation(required_gb * 1e9, required_gb * 1e9, 0.0, 0.0)
    assert allocation.fits(available_gb * 1e9) is fits


def test_the_platform_reserves_for_the_load_not_for_the_device() -> None:
    few, many = (platform_allocation(point(), concurrency, 1408) for concurrency in (1, 101))
    assert many.weight_bytes_per_device == few.weight_bytes_per_device
    assert many.kv_cache_bytes_per_device == 101 * few.kv_cache_bytes_per_device
    assert few.kv_cache_bytes_per_device == 1408 * 131_072
    assert many.total_bytes_per_device == pytest.approx(
        many.weight_bytes_per_device + many.kv_cache_bytes_per_device + many.activation_bytes_per_device
    )


def test_the_platform_plans_ten_percent_more_tokens_up_to_the_limit() -> None:
    assert platform_sequence_length(1024, 512, 8192) == int(1536 * 1.1) == 1689
    assert platform_sequence_length(8000, 512, 8192) == 8192


def test_the_platform_reason_states_all_figures() -> None:
    reason = PlatformAllocation(60e9, 40e9, 18e9, 2e9).reason(50e9)
    assert "60.0 GB" in reason
    assert "does not fit" in reason


def test_an_encoder_takes_as_many_sequences_as_the_engine_admits() -> None:
    estimate = feasible(arch("bge", model_type="bert", task="embed"), max_num_seqs=256)
    assert estimate.max_concurrency == 256


def test_the_same_point_gives_the_same_estimate() -> None:
    assert feasible() == feasible()


def test_a_search_can_afford_it() -> None:
    points = [point(plan=ParallelPlan(tp_size=tp), max_num_seqs=n) for tp in (1, 2, 4, 8) for n in range(8, 408, 8)]
    for each in points:
        estimate_memory(each)
    start = time.perf_counter()
    for each in points:
        estimate_memory(each)
    assert (time.perf_counter() - start) / len(points) < 1e-3  # 0.05 ms on an idle machine


def test_h100_is_the_device_of_these_cases() -> None:
    assert H100.memory_bytes == 81559 * 2**20
