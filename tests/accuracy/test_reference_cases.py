"""Closed-form memory cases that lie beside the checkout (run by ``make accuracy``)."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path
from typing import Any

import pytest

from budsim.model_ops.analysis import kv_bytes_per_token
from budsim.model_ops.services import default_library
from budsim.perf_model.kv_cache import kv_cache_layout
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.parameters import count_parameters
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.rank_weights import stage_weight_bytes

pytestmark = pytest.mark.accuracy

GIB = 2**30
DATA = os.environ.get("BUDSIM_ACCURACY_DATA")
SHARED = Path(DATA).parent if DATA else Path(__file__).parents[2] / ".." / "shared"
CASES: list[dict[str, Any]] = (
    json.loads((SHARED / "reference" / "memory_reference_cases.json").read_text())
    if (SHARED / "reference" / "memory_reference_cases.json").is_file()
    else []
)
# Short names of the cases that are no catalogue names by themselves.
NAMES = {
    "DeepSeek-V3/R1": "deepseek-ai/DeepSeek-V3", "GLM-5.1 / DSA": "zai-org/GLM-5.1",
    "Kimi-VL-A3B": "Kimi-VL-A3B-Instruct",
    "Llama-4-Scout": "Llama-4-Scout-17B-16E-Instruct", "Qwen3-Next-80B-A3B": "Qwen3-Next-80B-A3B-Instruct",
    "Jamba-v0.1": "ai21labs/Jamba-v0.1", "Llama-3.3-70B": "Llama-3.3-70B-Instruct",
    "Qwen3-Coder-480B-A35B": "Qwen3-Coder-480B-A35B-Instruct", "Mixtral-8x7B": "mistralai/Mixtral-8x7B-v0.1",
    "DeepSeek-V3 (main)": "deepseek-ai/DeepSeek-V3", "gemma-3-27b (text+SigLIP)": "google/gemma-3-27b-it",
    "Llama-3.1-8B w8a8": "Llama-3.1-8B", "Llama-3.1-8B w4a16 g128": "Llama-3.1-8B",
    "Llama-3.3-70B fp8-dynamic": "Llama-3.3-70B-Instruct",
}  # fmt: skip
PRECISIONS = {"int8": "w8a8", "int4+fp16": "w4a16"}


def cases(kind: str) -> list[Any]:
    return [
        pytest.param(case, id=f"{case['model']} {case.get('precision', '')}") for case in CASES if case["case"] == kind
    ]


def model(case: dict[str, Any]) -> ModelArchitecture:
    name = re.sub(r" (?:\(MLA.*|fp8|TP\d.*|bf16.*)$", "", case["model"]).strip()
    name = re.sub(r" (?:\(MLA.*|TP\d.*)$", "", name)
    return default_library().resolve(NAMES.get(name, name))


@pytest.mark.parametrize("case", cases("kv_bytes_per_token"))
def test_cache_bytes_of_a_token_are_exact(case: dict[str, Any]) -> None:
    assert kv_bytes_per_token(model(case), case["dtype"].partition("+")[0]) == case["value"]


@pytest.mark.parametrize("case", cases("param_count"))
def test_parameters_are_within_a_thousandth(case: dict[str, Any]) -> None:
    assert count_parameters(model(case)).total == pytest.approx(case["value"], rel=1e-3)


@pytest.mark.parametrize("case", cases("weights_gib_per_gpu"))
def test_measured_weights_are_within_one_and_a_half_percent(case: dict[str, Any]) -> None:
    arch, found = model(case), re.search(r"TP(\d+)", f"{case['model']} {case['precision']} {case.get('note', '')}")
    tp = int(case.get("tp") or (found[1] if found else 1))
    name = case["precision"].split()[0]
    name = PRECISIONS.get(name, name)
    precision = resolve_precision(None if arch.quantization else name, arch, None)
    weights = stage_weight_bytes(arch, precision, ParallelPlan(tp))[0] / GIB
    assert weights == pytest.approx(case["measured"] or case["analytic"], rel=0.015)


@pytest.mark.parametrize("case", cases("hybrid_swa_tokens") + cases("hybrid_chunked_local"))
def test_windowed_models_hold_what_the_engine_logged(case: dict[str, Any]) -> None:
    arch, found = model(case), re.search(r"TP(\d+)", case["model"])
    tp = int(found[1]) if found else 1
    layout = kv_cache_layout(arch, tp, "bf16", 16, 8192, range(arch.num_layers))
    blocks = layout.num_blocks(case["avail_gib"] * GIB)
    assert layout.num_groups == case["groups"]
    assert blocks // layout.num_groups * 16 == pytest.approx(case["value"], rel=3e-4)
    concurrency = blocks / layout.blocks_per_sequence(8192)
    assert concurrency == pytest.approx(case["max_concurrency_8192"], rel=2e-3)


@pytest.mark.parametrize("case", cases("hybrid_linear") + cases("hybrid_mamba"))
def test_state_models_keep_their_state_beside_the_cache(case: dict[str, Any]) -> None:
    arch = model(case)
    assert kv_bytes_per_token(arch, "bf16") == case["kv_bytes_per_token"]
    if "state_bytes_per_layer_bf16" in case:
        assert arch.linear_state_bytes == case["state_bytes_per_layer_bf16"]
        layout = kv_cache_layout(arch, 1, "bf16", 16, 8192, range(arch.num_layers))
        assert layout.block_size == case["attention_block_size"]
    else:
        assert math.isclose(arch.linear_state_bytes, 2 * case["mamba1_state_elems_per_layer"], rel_tol=1e-6)
