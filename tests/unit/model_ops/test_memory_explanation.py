"""The explanation carries the numbers of the estimate, and adds up."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from budsim.cli import main
from budsim.commons.catalogs import hardware_catalog
from budsim.engine_ops import resolve_engine_settings
from budsim.model_ops.catalog import packaged_catalog
from budsim.model_ops.memory_explanation import explain
from budsim.perf_model.memory import MemoryCorrection
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.serving_point import ServingPoint
from budsim.perf_model.workload import Workload


def point(model: str, device: str, tp: int = 1, version: str | None = None) -> ServingPoint:
    match = packaged_catalog().match(model)
    assert match is not None
    arch, spec = packaged_catalog().architecture(match, model), hardware_catalog().match(device).spec
    precision, workload = resolve_precision(None, arch, spec), Workload(1024, 1024)
    settings = resolve_engine_settings(
        "vllm", version, arch=arch, device=spec, workload=workload, plan=ParallelPlan(tp), precision=precision
    )
    return ServingPoint(arch, spec, ParallelPlan(tp), precision, settings, workload)


@pytest.mark.parametrize("version", ["0.19.0", "0.32.0"])
def test_the_terms_add_up_to_the_share_that_the_engine_takes(version: str) -> None:
    asked = point("meta-llama/Llama-3.1-8B", "H100", version=version)
    terms = explain(asked)["terms"]
    graphs = terms["cuda_graph_bytes"] if version == "0.32.0" else 0
    used = terms["weight_bytes"] + terms["activation_bytes"] + terms["non_torch_bytes"] + graphs
    share = terms["device_bytes"] * asked.settings.gpu_memory_utilization
    assert used + terms["kv_cache_bytes"] == pytest.approx(share)


def test_a_small_model_takes_a_whole_device_and_the_text_says_why() -> None:
    text = "\n".join(explain(point("mistralai/Mistral-7B-v0.1", "H100"))["lines"])
    assert "Needed to serve one such sequence" in text
    assert "fills its share of the device with KV cache" in text
    assert "131,072 bytes: 32 layers x 8 KV heads x (128 + 128) x 2 bytes" in text


def test_what_does_not_start_says_so_with_the_remedy() -> None:
    answer = explain(point("meta-llama/Llama-3.1-70B", "H100"))
    assert not answer["starts"]
    assert "tp_size" in answer["lines"][-1]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("openai/gpt-oss-120b", "Left to itself the engine takes the model's own 131,072 tokens: it would not start"),
        ("mistralai/Mistral-7B-v0.1", "the model's own 32,768 tokens: "),
    ],
)  # fmt: skip
def test_a_length_that_was_not_stated_is_compared_with_the_engines_default(model: str, words: str) -> None:
    assert words in "\n".join(explain(point(model, "H100"), length_stated=False)["lines"])
    assert "is assumed" not in "\n".join(explain(point(model, "H100"))["lines"])


@pytest.mark.parametrize("model", ["state-spaces/mamba-2.8b-hf", "BAAI/bge-m3"])
def test_what_caches_nothing_per_token_has_no_length_to_compare(model: str) -> None:
    assert "is assumed" not in "\n".join(explain(point(model, "H100"), length_stated=False)["lines"])


def test_a_shape_that_no_engine_knows_and_a_field_left_to_its_class_are_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUDSIM_DATA_DIR", str(tmp_path))
    config = {
        "architectures": ["FooBarForCausalLM"], "model_type": "llama", "hidden_size": 4096, "num_hidden_layers": 32,
        "num_attention_heads": 32, "vocab_size": 128256, "max_position_embeddings": 8192,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    result = CliRunner().invoke(main, ["memory", "--explain", str(tmp_path), "--hardware", "H100"])
    assert result.exit_code == 0, result.output
    assert "does not serve FooBarForCausalLM" in result.output
    assert "does not state intermediate_size" in result.output


def test_latents_states_shared_entries_and_encoders_have_their_own_words() -> None:
    def words(model: str, device: str, tp: int = 1) -> str:
        return "\n".join(explain(point(model, device, tp))["lines"])

    assert "512 latent + 64 rope" in words("deepseek-ai/DeepSeek-V3", "H200", 8)
    assert "bytes of state" in words("tiiuae/Falcon-H1-7B-Instruct", "H100")
    assert "several tokens" in words("deepseek-ai/DeepSeek-V4-Flash", "H200", 4)
    assert "Nothing is cached per token" in words("BAAI/bge-large-en-v1.5", "L4")


def test_a_calibration_is_said() -> None:
    correction = MemoryCorrection(weight_factor=1.1, note="calibrated by a log")
    plain, corrected = (
        explain(point("meta-llama/Llama-3.1-8B", "H100")),
        explain(point("meta-llama/Llama-3.1-8B", "H100"), correction),
    )
    assert corrected["terms"]["weight_bytes"] == pytest.approx(1.1 * plain["terms"]["weight_bytes"])
    assert corrected["lines"][-1] == "calibrated by a log"


def test_a_device_of_unknown_memory_is_explained_without_a_number() -> None:
    asked = point("meta-llama/Llama-3.1-8B", "Xeon 8480+")
    answer = explain(replace(asked, device_memory_bytes=None))
    json.dumps(answer, allow_nan=False)


@pytest.mark.parametrize(
    "arguments",
    [["memory"], ["memory", "--explain", "x"], ["memory", "--input", __file__],
     ["memory", "--explain", "nobody-knows-this", "--hardware", "H100"],
     ["memory", "--explain", "meta-llama/Llama-3.1-8B", "--hardware", "NoSuchCard 9"],
     ["memory", "--import-log", __file__]],
)  # fmt: skip
def test_a_wrong_question_ends_with_code_2_and_one_message(
    arguments: list[str], tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUDSIM_DATA_DIR", str(tmp_path))
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2, result.output
