"""Every engine names its devices, its models and its refusals."""

from __future__ import annotations

from typing import Any

import pytest

from budsim.commons.errors import InvalidRequestError, UnsupportedError
from budsim.engine_ops import (
    EngineOption,
    LaunchQuery,
    ParserQuery,
    by_platform_priority,
    command_line,
    compatible_engines,
    extra_args,
    latentbud,
    launch_args,
    litellm,
    llmc,
    refusals,
    sglang,
    vllm,
)
from budsim.engine_ops.vllm_models import _FAMILIES, REASONING_PARSERS, SERVED_BY_VERSION, TOOL_PARSERS
from budsim.perf_model.engine_settings import EngineSettings
from budsim.perf_model.hardware_catalog import DeviceSpec
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


def device(link: float | None) -> DeviceSpec:
    return DeviceSpec(
        name="d", vendor="NVIDIA", device_type="cuda", architecture="Ampere", memory_bytes=48e9,
        memory_bandwidth_bytes_per_s=9e11, peak_flops={"bf16": 1e14}, link_bytes_per_s=link,
    )  # fmt: skip


def query(engine: str = "sglang", plan: ParallelPlan | None = None, **changes: Any) -> LaunchQuery:
    fields: dict[str, Any] = {
        "engine": engine, "engine_version": None, "max_num_seqs": 64, "max_num_batched_tokens": 8192,
        "max_model_len": 4096, "gpu_memory_utilization": 0.85, "kv_cache_dtype": "bf16", "block_size": 1,
        "enable_prefix_caching": True,
    }  # fmt: skip
    beside = {name: changes.pop(name) for name in ("version", "arch", "device", "device_type") if name in changes}
    settings = EngineSettings(**(fields | changes))
    beside.setdefault("device_type", "cuda")
    return LaunchQuery(settings, plan or ParallelPlan(), beside.pop("precision", BF16), "org/model", **beside)


def test_sglang_has_its_own_flag_names() -> None:
    args, envs = launch_args("sglang", query(plan=ParallelPlan(tp_size=2, pp_size=2)))
    assert args == {
        "model-path": "org/model", "tp-size": 2, "pp-size": 2, "context-length": 4096, "max-running-requests": 64,
        "chunked-prefill-size": 8192, "mem-fraction-static": 0.85, "dtype": "bfloat16",
    }  # fmt: skip
    assert envs == {}


def test_what_is_off_in_sglang_is_switched_off_and_nothing_else_is_said() -> None:
    args, _ = launch_args(
        "sglang", query(enable_chunked_prefill=False, enable_prefix_caching=False, enforce_eager=True)
    )
    assert args["chunked-prefill-size"] == -1
    assert args["disable-radix-cache"] is True
    assert args["disable-cuda-graph"] is True
    assert launch_args("sglang", query(kv_cache_dtype="fp8"))[0]["kv-cache-dtype"] == "fp8_e4m3"


def test_custom_all_reduce_is_disabled_only_for_tensor_parallelism_without_a_direct_link() -> None:
    def disabled(tp: int, link: float | None) -> bool:
        args, _ = launch_args("sglang", query(plan=ParallelPlan(tp_size=tp), device=device(link)))
        return "disable-custom-all-reduce" in args

    assert disabled(2, None)
    assert not disabled(2, 300e9)
    assert not disabled(1, None)


def test_sglang_before_the_version_that_was_read_is_not_deployed() -> None:
    with pytest.raises(UnsupportedError, match="predicted only"):
        launch_args("sglang", query(version="0.4.6"))
    with pytest.raises(UnsupportedError, match="outside the versions"):
        launch_args("sglang", query(version="0.9.0"))


@pytest.mark.parametrize(
    ("args", "word"),
    [
        ({"tp-size": 0}, "at least 1"),
        ({"mem-fraction-static": 1.0}, "mem-fraction-static"),
        ({"chunked-prefill-size": 1000, "page-size": 64}, "multiple of page-size"),
        ({"tp-size": 4, "attn-dp-size": 3}, "divide"),
        ({"attn-dp-size": 2, "dp-size": 2, "tp-size": 2}, "exclude"),
    ],
)
def test_what_sglang_refuses_is_named(args: dict[str, Any], word: str) -> None:
    assert word in "; ".join(sglang.argument_problems(args, "cuda"))


def test_a_value_the_parser_does_not_take_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="kv-cache-dtype int3 is not one of"):
        launch_args("sglang", query(kv_cache_dtype="int3"))
    with pytest.raises(InvalidRequestError, match="kv-cache-dtype nvfp4 is not one of"):
        launch_args("vllm", query("vllm", kv_cache_dtype="nvfp4", block_size=16, version="0.11.0"))


def test_every_parser_of_the_table_exists_in_the_newest_version() -> None:
    newest = max(SERVED_BY_VERSION)
    for prefix, facts in _FAMILIES.items():
        if not any(name.startswith(prefix) for name in SERVED_BY_VERSION[newest]):
            continue
        assert facts.tool_calling_parser_type in {None, *TOOL_PARSERS[newest]}, prefix
        assert facts.reasoning_parser_type in {None, *REASONING_PARSERS[newest]}, prefix


def test_every_sglang_option_names_parsers_that_sglang_has() -> None:
    for architecture in sglang.tables.SGLANG_ARCHITECTURES:
        found = sglang.option(model(architecture), "cuda", {})
        assert found is not None
        names = ParserQuery(None, found.tool_calling_parser_type, found.reasoning_parser_type, found.chat_template)
        extra_args("sglang", names)
        assert found.chat_template is None or found.chat_template in sglang.tables.SGLANG_CHAT_TEMPLATES


def test_an_old_vllm_has_fewer_parsers_and_models_and_says_which_versions_serve_it() -> None:
    qwen = model("Qwen3ForCausalLM")
    old, new = vllm.option(qwen, "cuda", {}, "0.8.5"), vllm.option(qwen, "cuda", {})
    assert old is not None
    assert new is not None
    assert (old.reasoning_parser_type, new.reasoning_parser_type) == (None, "qwen3")
    assert old.image.endswith("latest") is False
    assert "0.11, 0.19, 0.24, 0.32 do" in str(vllm.refusal(model("GptOssForCausalLM"), "cuda", "0.8.5"))
    assert "0.8, 0.11, 0.19 do" in str(vllm.refusal(model("QWenLMHeadModel"), "cuda"))
    with pytest.raises(InvalidRequestError, match="no reasoning parser"):
        extra_args("vllm", ParserQuery("0.8.5", reasoning_parser="qwen3"))
    assert extra_args("vllm", ParserQuery("0.8.5", reasoning_parser="deepseek_r1"))["enable-reasoning"] is True


def test_false_is_written_only_where_the_parser_has_a_word_for_it() -> None:
    args = {"model": "m", "enforce-eager": False, "enable-prefix-caching": False}
    assert command_line("vllm", args, "0.8.5") == ["vllm", "serve", "m", "--no-enable-prefix-caching"]
    assert command_line("vllm", args, "0.11.0")[3:] == ["--no-enforce-eager", "--no-enable-prefix-caching"]


def test_vllm_comes_first_and_the_platforms_order_is_there_when_asked_for() -> None:
    options = compatible_engines(model("BertModel", task="embed"), ["cuda"], {})
    assert [option.engine for option in options] == ["vllm", "sglang", "latentbud"]
    small = [option.engine for option in by_platform_priority(options, 1e8)]
    large = [option.engine for option in by_platform_priority(options, 5e9)]
    assert small == ["latentbud", "sglang", "vllm"]
    assert large == ["vllm", "sglang", "latentbud"]


def test_latentbud_serves_embedding_models_one_device_a_replica() -> None:
    args, envs = launch_args("latentbud", query("latentbud", max_num_batched_tokens=16384))
    assert args == {
        "model-id": "org/model", "max-batch-tokens": 16384, "batch-strategy": "tokens", "lengths-via-tokenize": "true",
    }  # fmt: skip
    assert envs == {"LATENTBUD_DEVICE": "cuda"}
    assert launch_args("latentbud", query("latentbud", device_type="cpu_high"))[1] == {"LATENTBUD_DEVICE": "cpu"}
    with pytest.raises(InvalidRequestError, match="one device"):
        launch_args("latentbud", query("latentbud", plan=ParallelPlan(tp_size=2)))
    with pytest.raises(InvalidRequestError, match="at most 32768"):
        launch_args("latentbud", query("latentbud", max_num_batched_tokens=65536))
    assert latentbud.option(model("LlamaForCausalLM"), "cuda", {}) is None


def test_the_proxy_and_the_quantiser_serve_no_checkpoint() -> None:
    assert litellm.proxy_option("cpu", {}) == EngineOption("litellm", "1.0", "cpu", litellm.IMAGE)
    assert litellm.proxy_option("cuda", {}) is None
    assert launch_args("litellm", query("litellm")) == ({"model": "org/model"}, {"NUM_CPUS": "1"})
    job = llmc.job_option(model("LlamaForCausalLM"), "cuda", {"quantization_cuda": "own:1"})
    assert job is not None
    assert job.image == "own:1"
    assert llmc.job_option(model("MambaForCausalLM"), "cuda", {}) is None
    assert launch_args("llmc", query("llmc", device_type="cpu_high"))[1] == {"TARGET_DEVICE": "cpu"}


def test_every_refusal_has_a_reason() -> None:
    reasons = refusals(model("MadeUpForCausalLM"), "hpu", ["vllm", "sglang", "latentbud", "litellm", "tgi", "nope"])
    assert len(reasons) == 6
    assert all(len(reason) > 15 for reason in reasons)


@pytest.mark.parametrize("flag", ["enable-lora", "max-loras", "max-lora-rank"])
def test_adapters_are_switched_on_with_every_version(flag: str) -> None:
    for version in ("0.8.5", "0.11.0", "0.19.0", "0.24.0", "0.32.0"):
        assert flag in extra_args("vllm", ParserQuery(version, max_loras=2))
    assert "max-loras-per-batch" in extra_args("sglang", ParserQuery(max_loras=2))


def test_an_engine_without_an_image_for_a_device_is_not_offered_there_and_says_what_to_set():
    arch = model("LlamaForCausalLM")
    assert [option.engine for option in compatible_engines(arch, ["rocm"], {})] == ["vllm"]
    assert refusals(arch, "rocm", ["sglang"]) == ["sglang has no image of its own for rocm: set SGLANG_ROCM_IMAGE"]
    images = {"sglang_rocm": "own/sglang:v0.5.23-rocm"}
    offered = {option.engine: option.image for option in compatible_engines(arch, ["rocm"], images)}
    assert offered["sglang"] == "own/sglang:v0.5.23-rocm"
    assert refusals(arch, "rocm", ["sglang"], images=images) == []


def test_what_drafts_is_predicted_and_not_deployed() -> None:
    with pytest.raises(UnsupportedError, match="predicted only"):
        launch_args("sglang", query(speculative_tokens=3, speculative_method="eagle"))
