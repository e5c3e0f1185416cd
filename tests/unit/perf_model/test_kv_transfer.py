"""Laws of moving a prompt's cache: bytes by layout, time by bytes and links."""

from dataclasses import replace

import pytest
from serving_samples import LLAMA_8B, WINDOWED, architecture, point

from budsim.perf_model.engine_constants import DEFAULTS
from budsim.perf_model.kv_transfer import kv_transfer, prompt_cache, sending_devices
from budsim.perf_model.parallelism import ParallelPlan

CONSTANTS = DEFAULTS["hopper"]
# DeepSeek-V3's attention on a model of three layers: a latent of 512 + 64 values per token and layer.
LATENT = LLAMA_8B | {
    "architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "num_hidden_layers": 3,
    "num_attention_heads": 16, "num_key_value_heads": 16, "kv_lora_rank": 512, "q_lora_rank": 1536,
    "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "n_routed_experts": 8,
    "num_experts_per_tok": 2, "moe_intermediate_size": 512, "first_k_dense_replace": 3, "n_shared_experts": 1,
}  # fmt: skip


def link(prefill_tp=1, decode_tp=1, crosses_nodes=True, config=None, **changes):
    prefill, decode = (point(config, plan=ParallelPlan(tp)) for tp in (prefill_tp, decode_tp))
    pair = replace(prefill, **changes), replace(decode, **changes)
    return kv_transfer(*pair, CONSTANTS, CONSTANTS, crosses_nodes)


def test_a_token_of_llama_8b_weighs_128_kib():
    assert link().received.bytes_of(1) == 2 * 32 * 8 * 128 * 2 == 131_072


def test_tensor_parallel_decoding_splits_the_heads_until_one_is_left():
    assert link(decode_tp=4).received.bytes_of(100) == link().received.bytes_of(100) / 4
    assert link(decode_tp=16).received.bytes_of(100) == link(decode_tp=8).received.bytes_of(100)


def test_a_latent_is_one_vector_per_token_and_layer_however_many_devices_decode():
    arch = architecture(LATENT)
    for tp in (1, 2, 8):
        assert prompt_cache(arch, tp, "bf16", range(3)).bytes_of(1000) == 3 * 576 * 2 * 1000


def test_a_window_is_sent_and_not_what_lies_before_it():
    cache = link(config=WINDOWED).received
    assert cache.bytes_of(1024) == 1024 * 131_072
    assert cache.bytes_of(30_000) == cache.bytes_of(1024)


@pytest.mark.parametrize("config", [None, WINDOWED, LATENT])
def test_time_grows_with_the_prompt_and_falls_with_the_link(config):
    slow, fast = (link(config=config, inter_node_bytes_per_s=rate) for rate in (1e9, 50e9))
    times = [slow.seconds(tokens) for tokens in (1, 128, 1024, 8192)]
    assert times == sorted(times)
    assert all(fast.seconds(tokens) < slow.seconds(tokens) for tokens in (1, 128, 1024, 8192))


def test_time_is_never_below_bytes_over_the_line_rate():
    transfer = link(inter_node_bytes_per_s=25e9)
    assert transfer.seconds(8192) > transfer.received.bytes_of(8192) / 25e9


def test_a_pair_on_one_node_uses_the_devices_own_link():
    assert link(crosses_nodes=False).seconds(8192) < link(crosses_nodes=True).seconds(8192) / 5


def test_few_senders_hold_up_many_readers():
    one, four = link(1, 4), link(4, 4)
    assert one.sending_seconds(8192) > 3.5 * four.sending_seconds(8192)
    assert one.seconds(8192) == one.sending_seconds(8192) > one.receiving_seconds(8192)


def test_senders_are_the_devices_that_hold_a_part():
    llama, latent = (lambda tp: point(plan=ParallelPlan(tp))), (lambda tp: point(LATENT, plan=ParallelPlan(tp)))
    assert sending_devices(llama(4), llama(8)) == 4
    assert sending_devices(llama(16), llama(2)) == 8  # eight K/V heads: the other eight devices hold copies
    assert sending_devices(latent(8), latent(1)) == 1
    assert sending_devices(latent(8), latent(4)) == 4
    assert sending_devices(point(plan=ParallelPlan(2, 2)), llama(2)) == 4
