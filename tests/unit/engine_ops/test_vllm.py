from __future__ import annotations

from typing import Any

import pytest

from budsim.commons.errors import InvalidRequestError, UnsupportedError
from budsim.engine_ops import sglang, vllm
from budsim.engine_ops.vllm_flags import FLAGS_0_32, REMOVED_IN
from budsim.engine_ops.vllm_models import SUPPORTED_ARCHITECTURES, family_facts, served_architecture
from budsim.perf_model.engine_settings import EngineSettings
from budsim.perf_model.model_architecture import LayerKind, ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import Precision

BF16 = Precision("bf16", 2.0, 2.0, "bf16")
FP8 = Precision("fp8", 1.0, 2.0, "fp8")


def model(*architectures: str, **changes: Any) -> ModelArchitecture:
    fields: dict[str, Any] = {
        "name": "m", "model_type": "llama", "architectures": architectures, "num_layers": 2, "hidden_size": 64,
        "num_heads": 4, "num_kv_heads": 4, "head_dim": 16, "intermediate_size": 128, "vocab_size": 1000,
        "tie_word_embeddings": False, "max_position_embeddings": 4096, "layer_kinds": (LayerKind.FULL,) * 2,
    }  # fmt: skip
    return ModelArchitecture(**(fields | changes))


def settings(version: str | None = "0.32.0", **changes: Any) -> EngineSettings:
    fields: dict[str, Any] = {
        "engine": "vllm", "engine_version": version, "max_num_seqs": 256, "max_num_batched_tokens": 8192,
        "max_model_len": 8192, "gpu_memory_utilization": 0.92, "kv_cache_dtype": "bf16",
    }  # fmt: skip
    return EngineSettings(**(fields | changes))


@pytest.mark.parametrize("device_type", ["cuda", "rocm", "cpu", "cpu_high", "hpu"])
@pytest.mark.parametrize("plan", [ParallelPlan(), ParallelPlan(tp_size=4), ParallelPlan(dp_size=2, ep_size=2)])
def test_every_flag_it_emits_exists_in_0_32(device_type: str, plan: ParallelPlan) -> None:
    hpu = {"enable_chunked_prefill": False, "block_size": 128} if device_type == "hpu" else {}
    args, _ = vllm.launch_args(settings(stream_interval=10, **hpu), plan, FP8, "org/model", device_type)
    assert set(args) <= FLAGS_0_32


def test_every_parameter_of_the_newest_version_is_a_flag_of_it() -> None:
    for device_type in ("cuda", "rocm", "cpu", "hpu"):
        assert {parameter.flag for parameter in vllm.parameters(device_type)} <= FLAGS_0_32


def test_the_scheduler_delay_exists_only_where_the_old_scheduler_does() -> None:
    old, _ = vllm.launch_args(settings("0.8.5"), ParallelPlan(), BF16, "m", "cuda", scheduler_delay_factor=0.5)
    new, _ = vllm.launch_args(settings("0.11.0"), ParallelPlan(), BF16, "m", "cuda")
    assert old["scheduler-delay-factor"] == 0.5
    assert "scheduler-delay-factor" not in new
    assert "scheduler-delay-factor" in REMOVED_IN
    assert "scheduler_delay_factor" in {p.name for p in vllm.parameters("cuda", "0.8.4")}
    assert "scheduler_delay_factor" not in {p.name for p in vllm.parameters("cuda", "0.19.0")}


def test_the_plan_and_the_settings_reach_the_arguments() -> None:
    args, envs = vllm.launch_args(settings(max_num_seqs=64), ParallelPlan(4, 2), BF16, "org/model", "cuda")
    assert args["model"] == "org/model"
    assert (args["tensor-parallel-size"], args["pipeline-parallel-size"], args["max-num-seqs"]) == (4, 2, 64)
    assert args["dtype"] == "bfloat16"
    assert envs == {"VLLM_TARGET_DEVICE": "cuda"}


def test_cpu_high_targets_cpu_and_states_its_cache_in_gib() -> None:
    args, envs = vllm.launch_args(settings(cpu_kvcache_bytes=40 * 2**30), ParallelPlan(), BF16, "m", "cpu_high")
    assert envs == {"VLLM_TARGET_DEVICE": "cpu", "VLLM_CPU_KVCACHE_SPACE": "40"}
    assert "gpu-memory-utilization" not in args
    assert args["enforce-eager"] is True


def test_fp8_is_asked_for_only_when_the_checkpoint_is_not_quantised() -> None:
    runtime, _ = vllm.launch_args(settings(), ParallelPlan(), FP8, "m", "cuda", arch=model("LlamaForCausalLM"))
    stored, _ = vllm.launch_args(
        settings(), ParallelPlan(), FP8, "m", "cuda", arch=model("LlamaForCausalLM", quantization="fp8")
    )
    assert runtime["quantization"] == "fp8"
    assert "quantization" not in stored


def test_pipeline_stages_on_cpu_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="pipeline-parallel-size must be 1 on cpu"):
        vllm.launch_args(settings(), ParallelPlan(pp_size=2), BF16, "m", "cpu")


@pytest.mark.parametrize(
    ("args", "device_type", "word"),
    [
        ({"block-size": 8}, "cuda", "multiple of 16"),
        ({"block-size": 17}, "rocm", "not one of"),
        ({"tensor-parallel-size": 0}, "cuda", "at least 1"),
        ({"tensor-parallel-size": 1.5}, "cuda", "whole number"),
        ({"kv-cache-dtype": "fp8"}, "cpu", "auto on CPU"),
        ({"enable-prefix-caching": True, "enable-chunked-prefill": True}, "hpu", "excludes"),
        ({"max-num-batched-tokens": 64, "max-num-seqs": 128}, "cuda", "at least max-num-seqs"),
        ({}, "tpu", "does not run on tpu"),
    ],
)
def test_what_a_device_refuses_is_named(args: dict[str, Any], device_type: str, word: str) -> None:
    assert word in "; ".join(vllm.argument_problems(args, device_type))


def test_prefix_caching_with_sliding_windows_is_refused_on_hpu_only() -> None:
    args = {"enable-prefix-caching": True}
    assert vllm.argument_problems(args, "hpu", sliding_window=True)
    assert not vllm.argument_problems(args, "cuda", sliding_window=True)


def test_booleans_become_flags_of_either_sense() -> None:
    words = vllm.command_line({"model": "m", "enable-prefix-caching": False, "enforce-eager": True, "block-size": 16})
    assert words == ["--model", "m", "--no-enable-prefix-caching", "--enforce-eager", "--block-size", "16"]


def test_an_option_never_lacks_an_image() -> None:
    for device_type in ("cuda", "rocm", "hpu", "cpu", "cpu_high"):
        option = vllm.option(model("LlamaForCausalLM"), device_type, {})
        assert option is not None
        assert option.image
    given = vllm.option(model("LlamaForCausalLM"), "cpu_high", {"vllm_cpu": "registry/own:1"})
    assert given is not None
    assert given.image == "registry/own:1"


@pytest.mark.parametrize(
    ("architecture", "tool", "reasoning", "family"),
    [
        ("LlamaForCausalLM", "llama3_json", None, "llama"),
        ("Llama4ForConditionalGeneration", "llama4_pythonic", None, "llama4"),
        ("Qwen2ForCausalLM", "hermes", None, "qwen2"),
        ("Qwen3MoeForCausalLM", "hermes", "qwen3", "qwen3"),
        ("DeepseekV3ForCausalLM", "deepseek_v3", "deepseek_r1", "deepseek"),
        ("GptOssForCausalLM", "openai", "openai_gptoss", "gpt_oss"),
        ("FalconForCausalLM", None, None, "falcon"),
    ],
)
def test_parsers_follow_the_family(architecture: str, tool: str | None, reasoning: str | None, family: str) -> None:
    option = vllm.option(model(architecture), "cuda", {})
    assert option is not None
    assert option.tool_calling_parser_type == tool
    assert option.reasoning_parser_type == reasoning
    assert option.architecture_family == family


@pytest.mark.parametrize(
    ("architecture", "name", "tools", "reasoning"),
    [  # (vLLM, SGLang) parsers
        ("DeepseekV3ForCausalLM", "deepseek-ai/DeepSeek-R1-0528", ("deepseek_v3", "deepseekv3"),
         ("deepseek_r1", "deepseek-r1")),
        ("DeepseekV3ForCausalLM", "deepseek-ai/DeepSeek-V3-0324", ("deepseek_v3", "deepseekv3"), (None, None)),
        ("DeepseekV3ForCausalLM", "deepseek-ai/DeepSeek-V3.1", ("deepseek_v31", "deepseekv31"),
         ("deepseek_v3", "deepseek-v3")),
        ("DeepseekV3ForCausalLM", "moonshotai/Kimi-K2-Instruct-0905", ("kimi_k2", "kimi_k2"), (None, None)),
        ("DeepseekV3ForCausalLM", "moonshotai/Kimi-K2-Thinking", ("kimi_k2", "kimi_k2"), ("kimi_k2", "kimi_k2")),
        ("Qwen3MoeForCausalLM", "Qwen/Qwen3-30B-A3B", ("hermes", "qwen"), ("qwen3", "qwen3")),
        ("Qwen3MoeForCausalLM", "Qwen/Qwen3-30B-A3B-Thinking-2507", ("hermes", "qwen"), ("qwen3", "qwen3")),
        ("Qwen3MoeForCausalLM", "Qwen/Qwen3-30B-A3B-Instruct-2507", ("hermes", "qwen"), (None, None)),
        ("Qwen3MoeForCausalLM", "Qwen/Qwen3-Coder-480B-A35B-Instruct", ("qwen3_coder", "qwen3_coder"), (None, None)),
    ],
)  # fmt: skip
def test_models_of_one_architecture_have_parsers_of_their_own(
    architecture: str, name: str, tools: tuple[str, str], reasoning: tuple[str | None, str | None]
) -> None:
    options = [engine.option(model(architecture, name=name), "cuda", {}) for engine in (vllm, sglang)]
    assert [option and option.tool_calling_parser_type for option in options] == list(tools)
    assert [option and option.reasoning_parser_type for option in options] == list(reasoning)


def test_stages_are_for_cuda_and_rocm_and_models_that_split() -> None:
    def stages(architecture: str, device_type: str) -> bool:
        option = vllm.option(model(architecture), device_type, {})
        return option is not None and option.supports_pipeline_parallelism

    assert stages("LlamaForCausalLM", "cuda")
    assert stages("LlamaForCausalLM", "rocm")
    assert not stages("LlamaForCausalLM", "cpu")
    assert not stages("LlamaForCausalLM", "hpu")
    assert not stages("WhisperForConditionalGeneration", "cuda")


@pytest.mark.parametrize(
    "name", ["Qwen2ForCausalLM", "LlamaForCausalLM", "WhisperForConditionalGeneration", "BertModel"]
)
def test_the_usual_models_are_served(name: str) -> None:
    assert name in SUPPORTED_ARCHITECTURES


def test_an_unknown_architecture_is_not_served() -> None:
    assert vllm.option(model("MadeUpForCausalLM"), "cuda", {}) is None


def test_a_config_without_architectures_is_found_by_its_model_type() -> None:
    assert served_architecture(model(model_type="qwen3_moe")) == "Qwen3MoeForCausalLM"
    assert served_architecture(model(model_type="nothing_known")) is None


def test_an_unlisted_family_has_no_parsers_and_its_own_name() -> None:
    facts = family_facts("BloomForCausalLM")
    assert (facts.architecture_family, facts.tool_calling_parser_type) == ("bloom", None)


def test_devices_vllm_does_not_run_on_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="not on tpu"):
        vllm.parameters("tpu")


def test_attention_that_is_data_parallel_inside_a_group_is_not_vllms() -> None:
    with pytest.raises(InvalidRequestError, match="data parallel inside"):
        vllm.launch_args(settings(), ParallelPlan(8, dp_attention=True), BF16, "m", "cuda")
