"""Laws of the packaged catalogue."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budsim.commons.catalogs import hardware_catalog
from budsim.commons.errors import UnsupportedModelError
from budsim.model_ops.catalog import ModelCatalog, packaged_catalog, split_repack
from budsim.model_ops.model_catalog_format import compact_list, expand_list
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.rank_weights import stage_weight_bytes

NOT_SERVED = {"google/siglip-base-patch16-224", "openai/clip-vit-base-patch32", "RWKV/rwkv-5-world-3b"}


def test_every_entry_and_alias_becomes_an_architecture_or_is_refused_by_type() -> None:
    catalog = packaged_catalog()
    refused = set()
    for name in catalog.all_names():
        match = catalog.match(name)
        assert match is not None
        try:
            arch = catalog.architecture(match, name)
        except UnsupportedModelError:
            refused.add(name)
            continue
        assert len(arch.layer_kinds) == arch.num_layers
        assert arch.params_total > 0
    assert refused == NOT_SERVED


def test_counts_of_the_catalogue_agree_with_published_totals() -> None:
    """The published total also holds prediction heads, scales or a stored copy of the head in some checkpoints."""
    catalog = packaged_catalog()
    differing = []
    for name, entry in catalog.models.items():
        if "published" not in entry or name in NOT_SERVED:
            continue
        match = catalog.match(name)
        assert match is not None
        total = catalog.architecture(match, name).params_total
        if abs(total / entry["published"] - 1) > 0.005:
            differing.append(name)
    assert len(differing) < 0.12 * len(catalog.models)


@given(st.lists(st.sampled_from(["full_attention", "sliding_attention", "mamba"]), max_size=90))
def test_layer_lists_survive_compaction(values: list[str]) -> None:
    assert expand_list(compact_list(values)) == values


@pytest.mark.parametrize(
    ("basename", "split"),
    [
        ("Qwen3-8B-FP8", ("Qwen3-8B", "fp8")),
        ("Llama-3.1-8B-Instruct-quantized.w4a16", ("Llama-3.1-8B-Instruct", "w4a16")),
        ("Qwen3-8B-GPTQ-Int4", ("Qwen3-8B", "gptq")),
        ("Qwen3-8B-unsloth-bnb-4bit", ("Qwen3-8B", "bnb-4bit")),
        ("Llama-3.3-70B-Instruct-FP8-KV", ("Llama-3.3-70B-Instruct", "fp8")),
        ("DeepSeek-R1-0528-NVFP4-v2", ("DeepSeek-R1-0528", "nvfp4")),
        ("Qwen3-8B", None),
        ("Llama-3.1-8B-Instruct", None),
        ("Qwen3-4B", None),
    ],
)
def test_precision_suffixes_are_split_off(basename: str, split: tuple[str, str] | None) -> None:
    assert split_repack(basename) == split


def test_a_last_part_that_two_models_share_is_ambiguous() -> None:
    config = {"model_type": "llama"}
    catalog = ModelCatalog({"a/Twin": {"config": config}, "b/Twin": {"config": config}})
    assert catalog.match("Twin") is None
    assert catalog.match("c/Twin") is None
    assert catalog.match("a/twin") is not None


def test_an_alias_keeps_its_own_context_length() -> None:
    catalog = packaged_catalog()
    match = catalog.match("aisingapore/Llama-SEA-LION-v3.5-8B-R")
    assert match is not None
    assert catalog.architecture(match, "x").max_position_embeddings == 1_048_576


@pytest.mark.parametrize(
    ("name", "task"),
    [("Qwen/Qwen3-Reranker-8B", "rerank"), ("Qwen/Qwen3-Embedding-8B", "embed"), ("BAAI/bge-m3", "embed"),
     ("openai/whisper-large-v3", "transcribe"), ("Qwen/Qwen3-8B", "generate")],
)  # fmt: skip
def test_tasks_follow_family_and_published_name(name: str, task: str) -> None:
    catalog = packaged_catalog()
    match = catalog.match(name)
    assert match is not None
    assert catalog.architecture(match, name).task == task


def test_the_hub_and_transformers_are_not_imported_without_need() -> None:
    code = (
        "import sys; from budsim.model_ops.services import ModelLibrary; ModelLibrary().resolve('Qwen/Qwen3-8B');"
        "print([m for m in ('transformers', 'huggingface_hub', 'torch', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "entry", "precision"),
    [
        ("Intel/Qwen3-8B-int4-AutoRound-inc", "Qwen/Qwen3-8B", "w4a16"),
        ("Intel/DeepSeek-R1-0528-int4-AutoRound", "deepseek-ai/DeepSeek-R1", "w4a16"),
        ("mlx-community/Llama-3.2-3B-Instruct-8bit", "meta-llama/Llama-3.2-3B", "w8a16"),
        ("moonshotai/Kimi-K2.6", "moonshotai/Kimi-K2.6", "w4a16_g32"),  # its release is int4, like K2.5's
        ("cyankiwi/Kimi-Linear-48B-A3B-Instruct-AWQ-4bit", "moonshotai/Kimi-Linear-48B-A3B-Instruct", "awq"),
        ("amd/Llama-3.1-405B-Instruct-FP8-KV", "meta-llama/Llama-3.1-405B", "fp8"),
        ("ggml-org/gpt-oss-20b-GGUF", "openai/gpt-oss-20b", "gguf_q4"),
    ],
)
def test_a_repack_has_the_shape_of_its_base_and_its_own_precision(name: str, entry: str, precision: str) -> None:
    match = packaged_catalog().match(name)
    assert match is not None
    assert match.entry_id == entry
    assert resolve_precision(None, packaged_catalog().architecture(match, name), None).name == precision


@pytest.mark.parametrize("name", ["nobody/Totally-Invented-7B", "someone/Qwen9-900B", "nvidia/gpt-oss-120b-Eagle3"])
def test_a_name_that_fits_nothing_is_not_matched(name: str) -> None:
    assert packaged_catalog().match(name) is None


@pytest.mark.parametrize(
    ("name", "task"),
    [("intfloat/e5-mistral-7b-instruct", "embed"), ("thenlper/gte-large", "embed"),
     ("cross-encoder/ms-marco-MiniLM-L-6-v2", "rerank"), ("BAAI/bge-reranker-base", "rerank")],
)  # fmt: skip
def test_retrieval_models_are_served_by_the_embedding_engine(name: str, task: str) -> None:
    match = packaged_catalog().match(name)
    assert match is not None
    arch = packaged_catalog().architecture(match, name)
    assert arch.task == task
    assert arch.architectures


def test_an_fp32_checkpoint_is_loaded_in_16_bit_on_a_device() -> None:
    match = packaged_catalog().match("allenai/OLMo-2-0325-32B-Instruct")
    assert match is not None
    arch = packaged_catalog().architecture(match, "olmo")
    device = hardware_catalog().match("H100").spec
    assert resolve_precision(None, arch, device).weight_bytes == 2
    assert resolve_precision("fp32", arch, device).weight_bytes == 4


@pytest.mark.parametrize(
    ("name", "gib", "tolerance"),
    [
        ("nvidia/Gemma-4-31B-IT-NVFP4", 31.18, 0.01),  # "Model loading took" on an H100 (robotmunki.com)
        ("nvidia/Kimi-K2.6-NVFP4", 550.0, 0.01),  # the files of another NVFP4 repack of the same layers
    ],
)
def test_a_repack_that_lists_what_it_leaves_at_16_bit_weighs_what_was_logged(
    name: str, gib: float, tolerance: float
) -> None:
    match = packaged_catalog().match(name)
    assert match is not None
    arch = packaged_catalog().architecture(match, name)
    loaded = stage_weight_bytes(arch, resolve_precision(None, arch, None), ParallelPlan())[0]
    assert loaded / 2**30 == pytest.approx(gib, rel=tolerance)
