"""Which values an engine runs with when the caller does not say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from budsim.commons.errors import InvalidRequestError, UnsupportedError
from budsim.engine_ops import (
    compatible_engines,
    engine_names,
    engine_profile,
    longest_sequence,
    resolve_engine_settings,
)
from budsim.perf_model.engine_settings import EngineSettings, version_numbers
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.model_architecture import LayerKind, ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import Precision
from budsim.perf_model.workload import Workload

MIB = 2**20
LLAMA = ModelArchitecture(
    "llama-8b",
    "llama",
    ("LlamaForCausalLM",),
    32,
    4096,
    32,
    8,
    128,
    14336,
    128256,
    False,
    131072,
    (LayerKind.FULL,) * 32,
)
H100 = DeviceSpec(
    "NVIDIA H100 SXM 80GB", "NVIDIA", "cuda", "Hopper", 81559 * MIB, 3.35e12, {"bf16": 1e15, "fp16": 1e15}
)
A100 = DeviceSpec("NVIDIA A100 SXM4 80GB", "NVIDIA", "cuda", "Ampere", 81920 * MIB, 2e12, {"bf16": 3e14, "fp16": 3e14})
T4 = DeviceSpec("Tesla T4", "NVIDIA", "cuda", "Turing", 15360 * MIB, 3.2e11, {"fp16": 6.5e13})
XEON = DeviceSpec("Xeon 8480+", "Intel", "cpu", "SapphireRapids", None, 3e11, {"bf16": 5.7e13})
GAUDI = DeviceSpec("Gaudi2", "Intel", "hpu", "Gaudi2", 96 * 2**30, 2.46e12, {"bf16": 4.3e14})
LOAD = Workload(1024, 1024, concurrency=16)


def resolve(
    engine: str | None = "vllm", version: str | None = None, device: DeviceSpec = H100, **kwargs: Any
) -> EngineSettings:
    kwargs = {"arch": LLAMA, "workload": LOAD, "overrides": {}} | kwargs
    return resolve_engine_settings(engine, version, device=device, **kwargs)


@pytest.mark.parametrize(
    ("device", "version", "sequences", "tokens"),
    [
        (H100, "0.19.0", 1024, 8192),
        (A100, "0.19.0", 256, 2048),
        (A100, "0.8.5", 1024, 8192),  # before A100 was taken out of the large class
        (T4, "0.19.0", 256, 2048),
    ],
)
def test_vllm_batch_limits_follow_device_memory(device: DeviceSpec, version: str, sequences: int, tokens: int) -> None:
    settings = resolve(device=device, version=version)
    assert (settings.max_num_seqs, settings.max_num_batched_tokens) == (sequences, tokens)


@pytest.mark.parametrize(
    ("version", "share"), [("0.8.5", 0.9), ("0.19.1", 0.9), ("0.24.0", 0.92), ("0.32.0", 0.92), (None, 0.92)]
)
def test_vllm_takes_0_92_of_the_device_in_new_versions(version: str | None, share: float) -> None:
    assert resolve(version=version).gpu_memory_utilization == share


def test_the_nearest_older_table_serves_a_version_between() -> None:
    profile = engine_profile("vllm")
    assert profile.table_version("0.15.1") == (0, 11)
    assert profile.table_version("0.24.0+cpu") == (0, 24)
    assert profile.table_version("v0.32.4") == (0, 32)


@pytest.mark.parametrize("version", ["0.3.3", "vLLM 0.2.7+rocm614", "0.33.0", "1.0"])
def test_versions_outside_the_tables_are_unsupported(version: str) -> None:
    with pytest.raises(UnsupportedError, match="outside the versions"):
        resolve(version=version)


@pytest.mark.parametrize("version", [None, "", "nightly-5b8c30d62b754b57", "main"])
def test_a_version_without_numbers_means_the_default_one(version: str | None) -> None:
    assert engine_profile("vllm").table_version(version) == (0, 32)


def test_version_numbers_are_read_out_of_any_spelling() -> None:
    assert version_numbers("0.24.0+cpu") == (0, 24, 0)
    assert version_numbers("v0.8.5.post1") == (0, 8, 5)
    assert version_numbers("nightly") is None
    assert version_numbers(None) is None


@pytest.mark.parametrize(
    ("spelling", "name"),
    [("vLLM", "vllm"), ("vllm(ray-serve)", "vllm"), ("TensorRT-LLM", "trtllm"), ("tgis(ibm-tgi)", "tgi"),
     ("deepspeed-mii", "deepspeed-mii"), ("deepspeed(optimum-habana)", "deepspeed"),
     ("ovms(openvino-genai)", "openvino"),
     ("llama.cpp", "llama.cpp"), ("optimum-habana", "optimum-habana"), ("unstated", "unstated"), (None, "vllm")],
)  # fmt: skip
def test_engines_are_found_by_every_spelling_of_the_data(spelling: str | None, name: str) -> None:
    assert engine_profile(spelling).name == name


def test_an_unknown_engine_is_unsupported_and_the_known_ones_are_listed() -> None:
    with pytest.raises(UnsupportedError, match="engine 'madeup' is not simulated") as caught:
        resolve("madeup")
    assert all(name in caught.value.message for name in engine_names())


def test_an_engine_on_a_device_it_does_not_run_on_is_unsupported() -> None:
    with pytest.raises(UnsupportedError, match="not on cpu"):
        resolve("trtllm", device=XEON)


def test_what_the_caller_says_wins_and_blanks_do_not_count() -> None:
    settings = resolve(
        overrides={"max_num_seqs": 64, "max_num_batched_tokens": None, "gpu_memory_utilization": float("nan"),
                   "enable_prefix_caching": "false", "kv_cache_dtype": "fp8_e4m3"}
    )  # fmt: skip
    assert settings.max_num_seqs == 64
    assert settings.max_num_batched_tokens == 8192
    assert settings.gpu_memory_utilization == 0.92
    assert settings.enable_prefix_caching is False
    assert settings.kv_cache_dtype == "fp8"


@pytest.mark.parametrize(
    ("overrides", "field"),
    [({"max_num_seqs": 0}, "max_num_seqs"), ({"max_num_seqs": "many"}, "max_num_seqs"), ({"nonsense": 1}, "nonsense"),
     ({"gpu_memory_utilization": 1.5}, "gpu_memory_utilization"), ({"block_size": -1}, "block_size"),
     ({"enable_chunked_prefill": "maybe"}, "enable_chunked_prefill"),
     ({"max_model_len": float("inf")}, "max_model_len")],
)  # fmt: skip
def test_a_wrong_override_names_its_field(overrides: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        resolve(overrides=overrides)
    assert caught.value.param == {"field": field}


def test_a_blank_model_length_is_what_the_load_needs_not_the_models_limit() -> None:
    assert resolve().max_model_len == 2560  # 2048 x 1.25
    assert resolve(workload=Workload(10, 10)).max_model_len == 2048
    assert resolve(workload=Workload(200_000, 1000)).max_model_len == 131072


def test_the_longest_request_counts_where_lengths_vary() -> None:
    # uniform in [0.8, 1.0] x nominal with mean 0.9 x nominal: nominal 2048 -> isl = osl = 1843.2
    assert longest_sequence(Workload(1843.2, 1843.2, length_dist="uniform_0.8_1.0")) == 4096
    assert longest_sequence(Workload(1000, 24)) == 1024


def test_auto_cache_format_is_the_activations_format_on_this_device() -> None:
    assert resolve().kv_cache_dtype == "bf16"
    assert resolve(device=T4).kv_cache_dtype == "fp16"
    assert resolve(precision=Precision("fp32", 4.0, 4.0, "fp32")).kv_cache_dtype == "fp32"
    assert resolve("trtllm", precision=Precision("nvfp4", 0.5625, 2.0, "fp4")).kv_cache_dtype == "fp8"


def test_vllm_takes_the_cache_format_of_the_checkpoint_since_it_reads_it() -> None:
    nvfp4 = Precision("nvfp4", 0.5625, 2.0, "fp4")
    assert resolve("vllm", "0.17.0", precision=nvfp4).kv_cache_dtype == "fp8"
    assert resolve("vllm", "0.12.0", precision=nvfp4).kv_cache_dtype == "bf16"
    assert resolve("sglang", precision=nvfp4).kv_cache_dtype == "bf16"
    assert resolve("vllm", precision=Precision("fp8", 1.0, 2.0, "fp8")).kv_cache_dtype == "bf16"
    assert resolve("vllm", precision=nvfp4, overrides={"kv_cache_dtype": "bf16"}).kv_cache_dtype == "bf16"
    plain = replace(LLAMA, quantization="nvfp4", cache_format="auto")
    assert resolve("vllm", precision=nvfp4, arch=plain).kv_cache_dtype == "bf16"


def test_sglang_reserves_memory_by_chunk_and_graphs() -> None:
    # H100: 512 + 8192 x 1.5 + 256 x 2 + 1024 / 8 = 13,440 MiB of 81,559 -> 0.835
    settings = resolve("sglang")
    assert settings.max_num_batched_tokens == 8192
    assert settings.gpu_memory_utilization == 0.835
    b200 = DeviceSpec("B200", "NVIDIA", "cuda", "Blackwell", 183359 * MIB, 8e12, {"bf16": 2e15})
    large = resolve("sglang", device=b200, plan=ParallelPlan(tp_size=8))
    assert large.max_num_batched_tokens == 16384
    assert large.gpu_memory_utilization == round((183359 - 512 - 24576 - 1024 - 1024) / 183359, 3)


def test_without_chunking_a_step_holds_a_whole_prompt() -> None:
    settings = resolve("trtllm", workload=Workload(20_000, 1000))
    assert settings.enable_chunked_prefill is False
    assert settings.max_num_batched_tokens >= settings.max_model_len
    assert resolve("trtllm").gpu_memory_utilization == 0.9


def test_a_negative_sglang_chunk_turns_chunking_off() -> None:
    settings = resolve("sglang", overrides={"max_num_batched_tokens": -1}, workload=Workload(20_000, 1000))
    assert settings.enable_chunked_prefill is False
    assert settings.max_num_batched_tokens >= settings.max_model_len


def test_tensorrt_versions_are_not_taken_for_those_of_the_engine() -> None:
    assert resolve("trtllm", "TensorRT 10.2.0, CUDA 12.4").max_num_seqs == 2048


def test_gaudi_prefills_whole_prompts_in_large_blocks() -> None:
    settings = resolve(device=GAUDI)
    assert settings.block_size == 128
    assert settings.enable_chunked_prefill is False


def test_cpu_cache_space_is_four_gib_until_it_became_automatic() -> None:
    assert resolve(device=XEON, version="0.19.0").cpu_kvcache_bytes == 4 * 2**30
    assert resolve(device=XEON, version="0.32.0").cpu_kvcache_bytes is None


def test_static_batches_are_one_step_wide() -> None:
    settings = resolve("optimum-habana", device=GAUDI, workload=Workload(512, 128, concurrency=64))
    assert settings.max_num_seqs == 64
    assert settings.max_num_batched_tokens == 512 * 64


@pytest.mark.parametrize("engine", engine_names())
def test_every_engine_gives_full_settings_on_its_devices(engine: str) -> None:
    for device in (H100, GAUDI, XEON):
        if device.device_type not in engine_profile(engine).device_types:
            continue
        settings = resolve(engine, device=device)
        assert 1 <= settings.max_num_seqs <= settings.max_num_batched_tokens
        assert settings.kv_cache_dtype != "auto"


def test_each_device_type_gets_its_own_option() -> None:
    options = compatible_engines(LLAMA, ["cuda", "cpu", "cpu_high", "cuda", "tpu"], {"vllm_cuda": "own:1"})
    assert [(o.engine, o.device_type) for o in options] == [
        ("vllm", "cuda"), ("sglang", "cuda"), ("vllm", "cpu"), ("vllm", "cpu_high"),
    ]  # fmt: skip
    assert options[0].image == "own:1"


def test_a_model_no_engine_serves_has_no_option() -> None:
    strange = ModelArchitecture("x", "x", ("StrangeForCausalLM",), 1, 8, 1, 1, 8, 8, 8, False, 8, (LayerKind.FULL,))
    assert compatible_engines(strange, ["cuda"], {}) == []


@pytest.mark.parametrize(
    ("version", "length", "expected"),
    [
        ("0.6.3", None, (256, 2560, False)),
        ("vLLM 0.4.3+rocm614", 16384, (256, 16384, False)),
        ("0.6.3", 65536, (256, 512, True)),
        ("0.7.3", 65536, (256, 2048, True)),
    ],
)
def test_v0_prefills_whole_prompts_but_of_long_sequences(version, length, expected):
    found = resolve(version=version, overrides={"max_model_len": length})
    assert (found.max_num_seqs, found.max_num_batched_tokens, found.enable_chunked_prefill) == expected
    assert not found.enable_prefix_caching


def test_v0_versions_are_predicted_and_not_deployed():
    assert engine_profile("vllm").settings_version("0.6.3") == (0, 4)
    with pytest.raises(UnsupportedError, match="outside the versions"):
        engine_profile("vllm").table_version("0.6.3")


def test_drafts_have_a_method_and_nothing_drafted_has_none():
    assert resolve().speculative_method == ""
    assert resolve(overrides={"speculative_tokens": 0, "speculative_method": "ngram"}).speculative_method == ""
    drafted = resolve(overrides={"speculative_tokens": 3})
    assert (drafted.speculative_tokens, drafted.speculative_method) == (3, "eagle")
    assert resolve(overrides={"speculative_tokens": 5, "speculative_method": "ngram"}).speculative_method == "ngram"
    own = replace(LLAMA, mtp_layers=1)
    assert resolve(arch=own, overrides={"speculative_tokens": 1}).speculative_method == "mtp"
