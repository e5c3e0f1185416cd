"""Laws of the step time: never below the roofline, monotone in work, TP and experts as physics has them."""

import math
from dataclasses import replace

import numpy as np
import pytest
from serving_samples import H100, MIXTRAL, WINDOWED, XEON, point, settings

from budsim.perf_model.engine_constants import BOUNDS, DEFAULTS, StepConstants, device_family, step_constants
from budsim.perf_model.fitted_constants import FITTED
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.parameters import count_parameters
from budsim.perf_model.step_time import StepWork, attention_ranks, attention_window, step_coefficients, step_times

CONSTANTS = DEFAULTS["hopper"]


def seconds(serving_point, *work, constants=CONSTANTS):
    return step_times(step_coefficients(serving_point, constants), list(work), attention_window(serving_point.arch))


def test_decode_step_reads_all_weights_and_the_cache():
    (step,) = seconds(point(), StepWork(decoding=1, decode_context=2048))
    weights = 2 * (count_parameters(point().arch).total - 128256 * 4096)  # one embedding row only
    cache = 2048 * 2 * 32 * 8 * 128 * 2
    assert step > (weights + cache) / 3.35e12


def test_prefill_is_never_faster_than_peak_flops():
    (step,) = seconds(point(), StepWork(8192, 1))
    flops = 2 * (count_parameters(point().arch).total - 2 * 128256 * 4096) * 8192
    flops += 32 * 2 * 2 * 32 * 128 * 8192**2 / 2
    assert step > flops / 989.4e12


@pytest.mark.parametrize("config", [None, MIXTRAL, WINDOWED])
@pytest.mark.parametrize("tp", [1, 4])
def test_more_work_never_takes_less_time(config, tp):
    p = point(config, plan=ParallelPlan(tp))
    batches = seconds(p, *[StepWork(decoding=n, decode_context=1000) for n in (1, 2, 8, 64, 256, 1024)])
    contexts = seconds(p, *[StepWork(decoding=8, decode_context=n) for n in (1, 100, 1000, 10_000, 100_000)])
    chunks = seconds(p, *[StepWork(n, 1, 0, 8, 1000) for n in (1, 16, 512, 2048, 8192)])
    for series in (batches, contexts, chunks):
        assert (np.diff(series) >= 0).all()


def test_windowed_layers_stop_paying_for_context_beyond_the_window():
    short, long, longer = seconds(
        point(WINDOWED), *[StepWork(decoding=8, decode_context=n) for n in (512, 1024, 30_000)]
    )
    assert short < long
    assert longer == pytest.approx(long)


def test_few_tokens_read_few_experts():
    # Two of eight experts for one token: the step reads a quarter of the expert weights, many tokens read all.
    p = point(MIXTRAL, plan=ParallelPlan(4))
    c = step_coefficients(p, CONSTANTS)
    assert c.expert_share == 0.25
    one, many = seconds(p, StepWork(decoding=1, decode_context=1), StepWork(decoding=64, decode_context=1))
    assert many - one > 0.7 * c.expert_read_s


def test_tensor_parallel_divides_weights_and_adds_collectives():
    one, eight = (step_coefficients(point(plan=ParallelPlan(tp)), CONSTANTS) for tp in (1, 8))
    assert eight.attention_read_s == pytest.approx(one.attention_read_s / 8)
    assert eight.dense_token_s == pytest.approx(one.dense_token_s / 8)
    assert one.collective_step_s == one.collective_token_s == 0.0
    assert eight.collective_step_s >= 2 * 32 * CONSTANTS.collective_latency_s


def test_kv_heads_are_copied_beyond_their_number():
    eight, sixteen = (step_coefficients(point(plan=ParallelPlan(tp)), CONSTANTS).kv_full_s for tp in (8, 16))
    assert sixteen == pytest.approx(eight, rel=0.01)


def test_dp_attention_keeps_whole_attention_on_every_rank():
    plan = ParallelPlan(4, ep_size=4, dp_attention=True)
    assert attention_ranks(point(MIXTRAL, plan=plan)) == 4
    shared = step_coefficients(point(MIXTRAL, plan=plan), CONSTANTS)
    split = step_coefficients(point(MIXTRAL, plan=ParallelPlan(4)), CONSTANTS)
    assert shared.attention_read_s == pytest.approx(4 * split.attention_read_s)
    assert shared.expert_read_s == pytest.approx(split.expert_read_s)


def test_expert_parallel_waits_for_the_fullest_rank():
    spread = step_coefficients(point(MIXTRAL, plan=ParallelPlan(4, ep_size=4)), CONSTANTS)
    assert spread.expert_spread > 0
    assert step_coefficients(point(MIXTRAL, plan=ParallelPlan(4)), CONSTANTS).expert_spread == 0.0


@pytest.mark.parametrize("ranks", [2, 4, 8, 16, 64])
def test_the_fullest_rank_is_as_full_as_the_largest_of_so_many_draws(ranks):
    p = replace(
        point(MIXTRAL), arch=replace(point(MIXTRAL).arch, num_experts=256), plan=ParallelPlan(ranks, ep_size=ranks)
    )
    drawn = np.random.default_rng(0).standard_normal((200_000 // ranks, ranks)).max(axis=1).mean()
    assert step_coefficients(p, CONSTANTS).expert_spread == pytest.approx(drawn * math.sqrt(ranks / 256), rel=0.05)


def test_pipeline_stages_wait_for_each_other_in_prefill():
    flat, deep = (point(plan=plan) for plan in (ParallelPlan(1), ParallelPlan(1, pp_size=2)))
    one, two = (seconds(p, StepWork(8192, 1))[0] for p in (flat, deep))
    assert two > one / 2


def test_fp8_weights_are_read_in_half_the_time():
    wide, narrow = (step_coefficients(point(precision=name), CONSTANTS) for name in ("bf16", "fp8"))
    assert narrow.dense_read_s == pytest.approx(wide.dense_read_s / 2, rel=0.01)


def test_constants_respect_physics():
    for values in (*FITTED.values(), *[{n: getattr(d, n) for n in BOUNDS} for d in DEFAULTS.values()]):
        for name, value in values.items():
            low, high = BOUNDS[name]
            assert low <= value <= high * 1.0001, name
    assert all(high <= 1.0 for name, (_, high) in BOUNDS.items() if name.endswith("efficiency"))


def test_every_device_has_a_family_and_unknown_engines_take_its_values():
    assert device_family(H100) == "hopper"
    assert device_family(XEON) == "cpu"
    assert isinstance(step_constants("no-such-engine", H100), StepConstants)


def test_the_most_specific_entry_that_names_a_constant_wins():
    fitted = {
        ("*", "*", "served"): {"memory_efficiency": 0.5, "kv_efficiency": 0.5, "layer_overhead_s": 1e-5},
        ("*", "hopper", "served"): {"memory_efficiency": 0.6, "kv_efficiency": 0.6},
        ("vllm", "hopper", "served"): {"memory_efficiency": 0.7},
        ("vllm", "hopper", "static"): {"memory_efficiency": 0.8},
    }
    served, static = (step_constants("vllm", H100, load, fitted) for load in ("served", "static"))
    assert (served.memory_efficiency, served.kv_efficiency, served.layer_overhead_s) == (0.7, 0.6, 1e-5)
    assert (static.memory_efficiency, static.kv_efficiency) == (0.8, 0.6)
    assert served.compute_efficiency == DEFAULTS["hopper"].compute_efficiency
    assert step_constants("vllm", XEON, "served", fitted).memory_efficiency == 0.5


def test_a_skinny_factor_scales_the_gemms_of_its_row_count_and_no_others():
    p = point()
    calibrated = replace(CONSTANTS, two_rows_factor=1.5, four_rows_factor=0.5)
    work = [StepWork(decoding=n, decode_context=0) for n in (1, 2, 3, 4, 8, 32, 256)]
    ratio = seconds(p, *work, constants=calibrated) / seconds(p, *work, constants=CONSTANTS)
    assert ratio[1] > 1.2
    assert ratio[3] < 0.8
    assert ratio[3] < ratio[2] < ratio[1]  # between two knots, between their factors
    assert ratio[[0, 4, 5, 6]] == pytest.approx(1.0)


def test_without_a_ramp_prefill_time_is_proportional_where_arithmetic_binds():
    flat = replace(
        CONSTANTS, half_rate_tokens=0.0, layer_overhead_s=0, step_overhead_s=0, prefill_overhead_s=0,
        sequence_overhead_s=0,
    )  # fmt: skip
    short, long = seconds(point(), StepWork(4096, 4), StepWork(8192, 8), constants=flat)
    assert long / short == pytest.approx(2, rel=0.02)


def kernel_seconds(**changes):
    """Return the part of a step that depends on neither tokens nor bytes, one device."""
    p = point(changes.pop("config", None), plan=ParallelPlan(changes.pop("tp", 1)), precision=changes.pop("p", "bf16"))
    c = step_coefficients(replace(p, arch=replace(p.arch, **changes)), CONSTANTS)
    return c.step_overhead_s + c.collective_step_s


def test_norms_of_queries_and_keys_add_kernels():
    plain, by_head, together = (kernel_seconds(qk_norm=kind) for kind in ("", "head", "full"))
    assert plain < by_head < together
    assert together - plain < 32 * CONSTANTS.layer_overhead_s / 2


def test_a_norm_over_all_heads_needs_the_other_devices_and_a_norm_per_head_does_not():
    def added(kind, tp):
        return kernel_seconds(qk_norm=kind, tp=tp) - kernel_seconds(tp=tp)

    assert added("head", 8) == pytest.approx(added("head", 1))
    assert added("heads", 8) == pytest.approx(added("head", 8))
    assert added("full", 8) > added("full", 1) + 32 * CONSTANTS.collective_latency_s


def test_more_norms_of_the_hidden_vector_take_more_kernels():
    one, two, four = (kernel_seconds(norms_per_layer=n) for n in (1, 2, 4))
    assert one < two < four


def test_a_narrow_format_quantises_the_input_of_every_projection():
    # Operator tables: 3-5 us for each of the four projections of a layer.
    added = kernel_seconds(p="fp8") - kernel_seconds()
    assert 32 * 4 * 3e-6 < added < 32 * 4 * 5.5e-6


def test_experts_quantise_within_their_own_kernels():
    dense = kernel_seconds(p="fp8") - kernel_seconds()
    experts = kernel_seconds(config=MIXTRAL, p="fp8") - kernel_seconds(config=MIXTRAL)
    assert experts == pytest.approx(dense / 2)


@pytest.mark.parametrize(("precision", "name"), [("int4", "expert_packed_tile_rows"), ("bf16", "expert_tile_rows")])
def test_the_rows_that_an_expert_computes_at_least_follow_its_kernel(precision, name):
    constants = replace(CONSTANTS, expert_tile_rows=7.0, expert_packed_tile_rows=5.0, expert_block_tile_rows=3.0)
    c = step_coefficients(point(MIXTRAL, precision=precision), constants)
    assert c.expert_tile_tokens == getattr(constants, name)


def test_few_rows_of_unpacked_experts_cost_reading_not_arithmetic():
    # Operator tables: int4 experts on one H100 take the time of reading them up to some dozen rows each.
    c = step_coefficients(point(MIXTRAL, precision="int4"), CONSTANTS)
    rows = 4 + c.expert_tile_tokens / c.expert_share
    assert c.expert_token_s * rows < 2 * c.expert_read_s


MANY_EXPERTS = MIXTRAL | {"num_local_experts": 128, "num_experts_per_tok": 4, "intermediate_size": 2048}


def expert_coefficients(balanced, **changes):
    p = point(MANY_EXPERTS, **changes)
    return step_coefficients(replace(p, arch=replace(p.arch, balanced_router=balanced)), CONSTANTS)


def test_a_router_that_repeats_itself_reads_fewer_experts_of_a_few_tokens_and_as_many_of_one_and_of_all():
    p = point(MANY_EXPERTS)
    batches = [StepWork(decoding=n, decode_context=1) for n in (1, 32, 4096)]
    even, skewed = (
        seconds(replace(p, arch=replace(p.arch, balanced_router=balanced)), *batches) for balanced in (True, False)
    )
    assert skewed[1] < 0.8 * even[1]
    assert skewed[[0, 2]] == pytest.approx(even[[0, 2]])


@pytest.mark.parametrize("balanced", [True, False])
def test_the_fullest_of_more_ep_ranks_computes_longer_than_their_mean(balanced):
    # Arithmetic of one token on one device, times the devices: without EP every device does the same.
    per_ranks = [
        ranks * expert_coefficients(balanced, plan=ParallelPlan(ranks, ep_size=ranks)).expert_token_s
        for ranks in (1, 2, 4, 8)
    ]
    whole = 8 * expert_coefficients(balanced, plan=ParallelPlan(8)).expert_token_s
    assert whole == pytest.approx(per_ranks[0])
    assert (np.diff(per_ranks) > 0).all()
    assert per_ranks[-1] < 2 * whole


def test_experts_of_balanced_routers_keep_ep_ranks_more_even():
    even, skewed = (
        expert_coefficients(balanced, plan=ParallelPlan(8, ep_size=8)).expert_token_s for balanced in (True, False)
    )
    assert even < skewed


def test_mxfp4_experts_on_hopper_run_in_other_kernels_than_int4_ones():
    # Operator tables of H100 and H200: Triton computes more rows per expert and faster than marlin.
    mxfp4, int4 = (step_coefficients(point(MIXTRAL, precision=p), CONSTANTS) for p in ("mxfp4", "int4"))
    assert mxfp4.expert_token_s < int4.expert_token_s
    assert mxfp4.expert_tile_tokens * mxfp4.expert_token_s > int4.expert_tile_tokens * int4.expert_token_s
    assert 49 <= mxfp4.expert_tile_tokens <= 64


def test_tensorrt_llm_reduces_small_messages_faster():
    steps = [
        step_coefficients(point(plan=ParallelPlan(8), engine=settings(engine=engine)), CONSTANTS)
        for engine in ("trtllm", "vllm")
    ]
    assert steps[0].collective_step_s < 0.8 * steps[1].collective_step_s
    assert steps[0].collective_token_s == steps[1].collective_token_s
