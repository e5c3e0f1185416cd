"""Parameter counts and weight bytes against published totals, and their laws."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from budsim.model_ops.catalog import packaged_catalog
from budsim.model_ops.model_catalog_format import expand_config
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.parameters import count_parameters, weight_bytes
from budsim.perf_model.precision import Precision, resolve_precision

GIB = 2**30
GOLDEN = Path(__file__).parents[2] / "golden" / "model_parameters.csv"
BF16 = Precision("bf16", 2.0, 2.0, "bf16")


def from_config(model: str) -> ModelArchitecture:
    """Read the catalogued config alone: nothing but the formulas."""
    return ModelArchitecture.from_config(expand_config(packaged_catalog().models[model]["config"]), model)


def golden_rows() -> list[tuple[str, int]]:
    with GOLDEN.open(encoding="utf-8") as file:
        return [(row["model"], int(row["published_parameters"])) for row in csv.DictReader(file)]


@pytest.mark.parametrize(("model", "published"), golden_rows())
def test_formulas_reproduce_published_totals(model: str, published: int) -> None:
    assert from_config(model).params_total == pytest.approx(published, rel=1e-3)


@pytest.mark.parametrize(
    ("model", "total", "active"),
    [
        ("meta-llama/Llama-3.1-8B", 8_030_261_248, 8_030_261_248),
        ("Qwen/Qwen3-30B-A3B", 30_532_122_624, 3_353_032_704),
        ("Qwen/Qwen3-235B-A22B", 235_093_634_560, 22_190_763_520),
        ("mistralai/Mixtral-8x7B-v0.1", 46_702_792_704, 12_879_925_248),
        ("deepseek-ai/DeepSeek-V3", 671_026_419_200, 37_552_297_472),
    ],
)
def test_totals_and_active_parameters_are_exact(model: str, total: int, active: int) -> None:
    arch = from_config(model)
    assert (arch.params_total, arch.params_active) == (total, active)


def test_active_never_exceeds_total_for_every_catalogued_model() -> None:
    catalog = packaged_catalog()
    for name, entry in catalog.models.items():
        if entry["config"]["model_type"] in {"clip", "siglip", "rwkv5"}:
            continue
        counts = count_parameters(from_config(name))
        assert 0 < counts.active <= counts.total, name


def test_components_add_up_to_the_total() -> None:
    for model in ("openai/gpt-oss-120b", "zai-org/GLM-4.5", "Qwen/Qwen3-VL-2B-Instruct", "ai21labs/Jamba-v0.1"):
        counts = count_parameters(from_config(model))
        names = ("embedding", "lm_head", "attention", "linear_mixer", "dense_mlp", "experts", "shared_experts",
                 "router", "norms", "vision", "other")  # fmt: skip
        assert sum(getattr(counts, name) for name in names) == counts.total


def test_a_tied_head_is_counted_once() -> None:
    arch = from_config("meta-llama/Llama-3.1-8B")
    tied = replace(arch, tie_word_embeddings=True)
    assert count_parameters(arch).total - count_parameters(tied).total == arch.vocab_size * arch.hidden_size
    assert weight_bytes(tied, BF16).lm_head == 0


def test_bf16_bytes_are_twice_the_parameters() -> None:
    for model in (
        "meta-llama/Llama-3.1-8B",
        "openai/gpt-oss-20b",
        "tiiuae/Falcon-H1-7B-Instruct",
        "openai/whisper-base",
    ):
        arch = from_config(model)
        assert weight_bytes(arch, BF16).total == pytest.approx(2 * arch.params_total, rel=1e-9)


def test_layer_bytes_and_tables_add_up_to_the_total() -> None:
    arch = from_config("Qwen/Qwen3-30B-A3B")
    whole = weight_bytes(arch, BF16)
    outside = whole.embedding + whole.lm_head + 2 * arch.hidden_size
    assert sum(whole.layers) + outside == pytest.approx(whole.total, rel=1e-9)
    assert len(whole.layers) == arch.num_layers


@pytest.mark.parametrize(("precision", "gib"), [("bf16", 14.958), ("fp8", 8.458), ("w8a8", 8.458), ("w4a16", 5.33)])
def test_llama_8b_weighs_what_engines_load(precision: str, gib: float) -> None:
    arch = from_config("meta-llama/Llama-3.1-8B")
    assert weight_bytes(arch, resolve_precision(precision, arch, None)).total / GIB == pytest.approx(gib, rel=5e-3)


def test_gpt_oss_mxfp4_weighs_60_77_gib_and_padding_adds_a_fifteenth_of_the_experts() -> None:
    arch = from_config("openai/gpt-oss-120b")
    own = resolve_precision(None, arch, None)
    assert weight_bytes(arch, own).total / GIB == pytest.approx(60.77, rel=2e-3)
    assert weight_bytes(arch, own, expert_pad_multiple=256).total / GIB == pytest.approx(64.4, rel=5e-3)


@pytest.mark.parametrize("precision", ["fp8", "w8a8", "w4a16", "awq", "nvfp4", "mxfp4", "bnb-4bit", "Q4_K_M"])
def test_quantised_weights_are_smaller_than_16_bit_ones(precision: str) -> None:
    arch = from_config("Qwen/Qwen3-30B-A3B")
    assert weight_bytes(arch, resolve_precision(precision, arch, None)).total < weight_bytes(arch, BF16).total


def test_moe_memory_counts_every_expert() -> None:
    arch = from_config("mistralai/Mixtral-8x7B-v0.1")
    assert weight_bytes(arch, BF16).total > 3 * 2 * arch.params_active


def test_exempt_attention_stays_16_bit() -> None:
    arch = replace(from_config("meta-llama/Llama-3.1-8B"), quantization="fp8")
    exempt = replace(arch, quantization_exempt=("attn",))
    own = resolve_precision(None, arch, None)
    assert weight_bytes(exempt, own).attention_per_layer == 2 * weight_bytes(arch, own).attention_per_layer


def test_nas_layers_without_attention_have_none() -> None:
    arch = from_config("nvidia/Llama-3_3-Nemotron-Super-49B-v1")
    whole = weight_bytes(arch, BF16)
    assert whole.num_attention_layers < arch.num_layers
    assert whole.num_attention_layers == arch.num_attention_layers
