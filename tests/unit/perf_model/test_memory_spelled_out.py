"""Memory of one model of each kind of cache, every number written out from its published config."""

from __future__ import annotations

import math

import pytest

from budsim.commons.catalogs import hardware_catalog
from budsim.commons.errors import UnsupportedModelError
from budsim.engine_ops import resolve_engine_settings
from budsim.model_ops.catalog import packaged_catalog
from budsim.perf_model.memory import MemoryEstimate, estimate_memory
from budsim.perf_model.model_architecture import LayerKind, ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.parameters import count_parameters
from budsim.perf_model.precision import Precision, resolve_precision
from budsim.perf_model.rank_weights import stage_weight_bytes
from budsim.perf_model.serving_point import ServingPoint
from budsim.perf_model.workload import Workload

GIB = 2**30
BLOCK = 16


def model(name: str) -> ModelArchitecture:
    match = packaged_catalog().match(name)
    assert match is not None
    return packaged_catalog().architecture(match, name)


def estimate(name: str, device: str, tp: int, max_model_len: int, **overrides: object) -> MemoryEstimate:
    arch, spec, plan = model(name), hardware_catalog().match(device).spec, ParallelPlan(tp)
    precision = resolve_precision(None, arch, spec)
    settings = resolve_engine_settings(
        "vllm", "0.24.0", arch=arch, device=spec, workload=Workload(1024, 1024), plan=plan, precision=precision,
        overrides={"max_model_len": max_model_len, "max_num_batched_tokens": 8192, **overrides},
    )  # fmt: skip
    answer = estimate_memory(ServingPoint(arch, spec, plan, precision, settings, Workload(1024, 1024)))
    assert isinstance(answer, MemoryEstimate), answer
    return answer


def test_deepseek_v3_on_eight_h200() -> None:
    found = estimate("deepseek-ai/DeepSeek-V3", "H200", 8, 131072)
    hidden, layers, moe_layers, tp = 7168, 61, 58, 8
    # Down-projections of queries and latent are whole on every rank, what belongs to heads is split.
    attention = hidden * 1536 + hidden * 576 + (1536 * 128 * 192 + 512 * 128 * 256 + 128 * 128 * hidden) / tp
    expert = 3 * hidden * 2048
    fp8 = layers * attention + (moe_layers * (256 + 1) * expert + 3 * 3 * hidden * 18432) / tp
    router = moe_layers * 256 * hidden
    embedding_and_head = 2 * 129280 * hidden / tp
    # Besides the checkpoint's, the engine keeps the up-projections of keys and values in bf16, absorbed into decoding.
    absorbed = layers * 2 * 512 * 128 * 128 / tp
    weights = fp8 * (1 + 4 / 128**2) + 2 * (router + embedding_and_head + absorbed)
    assert found.model_loading_bytes == pytest.approx(weights, rel=0.002)
    # One latent of 512 and 64 rotary values per token and layer, in bf16, the same on all eight ranks.
    token = layers * (512 + 64) * 2
    assert token == 70_272
    assert found.num_blocks == math.floor(found.available_kv_bytes / (BLOCK * token))
    assert found.max_concurrency == pytest.approx(found.num_blocks * BLOCK / 131072)
    used = found.model_loading_bytes + found.activation_bytes + found.non_torch_bytes + found.cuda_graph_bytes
    assert found.available_kv_bytes == pytest.approx(found.requested_bytes - used)


def test_gemma_3_keeps_a_window_and_a_chunk_in_five_of_six_layers() -> None:
    found = estimate("google/gemma-3-27b-it", "H100", 1, 32768)
    # 10 full and 52 sliding layers: groups of 10, so 1 full group and 6 sliding ones, the last with 2 layers.
    page = BLOCK * 16 * (128 + 128) * 2
    assert found.layout.bytes_per_block == 10 * page
    full_blocks = 32768 / BLOCK
    sliding_blocks = math.ceil((1024 - 1 + 8192) / BLOCK) + 1
    assert found.layout.blocks_per_sequence(32768) == full_blocks + 6 * sliding_blocks
    assert found.max_concurrency == pytest.approx(found.num_blocks / (full_blocks + 6 * sliding_blocks))


def test_gpt_oss_alternates_windows_of_128() -> None:
    found = estimate("openai/gpt-oss-120b", "H100", 2, 131072)
    # 18 full and 18 sliding layers, 8 heads over 2 ranks, 64 + 64 wide, bf16
    assert found.layout.bytes_per_block == 18 * BLOCK * 4 * (64 + 64) * 2
    blocks = 131072 / BLOCK + math.ceil((128 - 1 + 8192) / BLOCK) + 1
    assert found.layout.blocks_per_sequence(131072) == blocks
    experts = 36 * 128 * (3 * 2880 * 2880) / 2  # values on one rank, 4 bit and one scale byte per 32
    assert found.model_loading_bytes > experts * (0.5 + 1 / 32)
    assert found.model_loading_bytes < experts * (0.5 + 1 / 32) * 1.15


def test_llama_4_chunks_stop_growing_at_8192() -> None:
    found = estimate("meta-llama/Llama-4-Scout-17B-16E-Instruct", "H200", 4, 131072)
    # 12 full and 36 chunked layers: 1 and 3 groups of 12; 8 heads over 4 ranks
    assert found.layout.bytes_per_block == 12 * BLOCK * 2 * (128 + 128) * 2
    assert found.layout.blocks_per_sequence(131072) == 131072 / BLOCK + 3 * 8192 / BLOCK
    assert found.layout.blocks_per_sequence(4096) == 4 * 4096 / BLOCK


def test_qwen3_next_raises_its_block_until_a_page_holds_a_state() -> None:
    found = estimate("Qwen/Qwen3-Next-80B-A3B-Instruct", "H200", 2, 32768)
    # Gated DeltaNet: 32 value heads x 128 x 128, and a convolution of 3 x (2 x 2048 + 4096), in bf16
    state = (32 * 128 * 128 + 3 * (2 * 2048 + 4096)) * 2
    assert model("Qwen/Qwen3-Next-80B-A3B-Instruct").linear_state_bytes == state == 1_097_728
    token = 1 * (256 + 256) * 2  # one of two KV heads
    block = 16 * math.ceil(state / 2 / (16 * token))
    assert block == 544
    assert found.layout.block_size == block
    assert found.layout.bytes_per_block == 12 * block * token
    assert found.layout.blocks_per_sequence(32768) == math.ceil(32768 / block) + 36 / 12


def test_a_parallel_mamba_hybrid_keeps_a_state_beside_the_cache_of_every_layer() -> None:
    name = "tiiuae/Falcon-H1-7B-Instruct"
    found, arch = estimate(name, "H100", 1, 8192), model(name)
    token = 2 * (128 + 128) * 2
    block = 16 * math.ceil(arch.linear_state_bytes / (16 * token))
    assert found.layout.block_size == block
    # 44 attention layers and 44 states: one group of each
    assert found.layout.bytes_per_block == 44 * block * token
    assert found.layout.blocks_per_sequence(8192) == math.ceil(8192 / block) + 1


def test_an_interleaved_mamba_hybrid_caches_in_its_attention_layers_only() -> None:
    name = "nvidia/NVIDIA-Nemotron-Nano-9B-v2"
    arch, found = model(name), estimate(name, "H100", 1, 8192)
    counts = {kind: arch.layer_kinds.count(kind) for kind in set(arch.layer_kinds)}
    assert counts == {LayerKind.LINEAR: 27, LayerKind.NONE: 25, LayerKind.FULL: 4}
    token = 8 * (128 + 128) * 2
    block = 16 * math.ceil(arch.linear_state_bytes / (16 * token))
    assert found.layout.blocks_per_sequence(8192) == math.ceil(8192 / block) + math.ceil(27 / 4)


def test_deepseek_v4_layers_share_entries_between_tokens() -> None:
    found = estimate("deepseek-ai/DeepSeek-V4-Flash", "H200", 4, 131072)
    # one sequence: 21 layers keep an entry for 4 tokens, 20 one for 128, 2 a window of 128 and a chunk
    entries = 21 * 131072 / 4 + 20 * 131072 / 128 + 2 * (128 + 8192)
    assert found.layout.bytes_per_sequence(131072) == pytest.approx(entries * 512 * 2, rel=0.25)


def test_an_encoder_has_no_cache_whatever_the_length() -> None:
    found = estimate("BAAI/bge-large-en-v1.5", "L4", 1, 512)
    assert found.layout.groups == ()
    assert found.layout.bytes_per_sequence(512) == 0


def test_a_model_without_attention_loads_its_parameters_and_holds_states_only() -> None:
    found = estimate("state-spaces/mamba-2.8b-hf", "H100", 1, 2048)
    hidden, layers, inner, state, conv, rank = 2560, 64, 5120, 16, 4, 160
    mixer = hidden * 2 * inner + inner * conv + inner + inner * (rank + 2 * state) + rank * inner + inner
    mixer += inner * state + inner + inner * hidden + hidden  # A, D, output projection, norm
    parameters = layers * mixer + 50280 * hidden + hidden
    assert parameters == 2_768_345_600
    assert found.model_loading_bytes == pytest.approx(2 * parameters, rel=0.002)
    # 16 values of state and 3 of the convolution for each of 5120 channels, in 16 bit.
    per_sequence = layers * inner * (state + conv - 1) * 2
    assert found.max_concurrency == pytest.approx(found.available_kv_bytes / per_sequence, rel=0.01)


def test_no_model_of_the_catalogue_loads_more_than_its_parameters_and_tables() -> None:
    bf16 = Precision("bf16", 2.0, 2.0, "bf16")
    heavy = {}
    for name in packaged_catalog().names:
        try:
            arch = model(name)
        except UnsupportedModelError:
            continue
        ratio = stage_weight_bytes(arch, bf16, ParallelPlan(1))[0] / count_parameters(arch).total
        if not 1.9 < ratio < 2.6:
            heavy[name] = ratio
    assert heavy == {}
