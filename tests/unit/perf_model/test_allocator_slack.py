"""Rounding of the caching allocator: laws, and logged weights that nothing else explains."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budsim.model_ops.catalog import packaged_catalog
from budsim.perf_model.allocator_slack import LARGEST_KEPT_BYTES, MIB, SEGMENT_STEP_BYTES, tensor_slack_bytes
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.rank_weights import stage_weight_bytes

GIB = 2**30


def published(name: str) -> ModelArchitecture:
    match = packaged_catalog().match(name)
    assert match is not None
    return packaged_catalog().architecture(match, name)


@given(st.integers(0, 10**10))
def test_slack_fills_a_segment_or_is_split_off(size: int) -> None:
    slack = tensor_slack_bytes(size)
    assert 0 <= slack <= LARGEST_KEPT_BYTES
    if slack:
        assert (size + slack) % SEGMENT_STEP_BYTES == 0


def test_a_whole_segment_has_no_slack_and_a_split_one_neither() -> None:
    assert tensor_slack_bytes(250 * MIB) == 0
    assert tensor_slack_bytes(249 * MIB) == MIB
    assert tensor_slack_bytes(248.5 * MIB) == 0
    assert tensor_slack_bytes(9 * MIB) == 0  # shares a segment


@pytest.mark.parametrize(
    ("name", "tp", "logged_gib"),  # "Model loading took" of vLLM 0.19 and earlier; printed with two digits
    [("Qwen/Qwen2.5-7B-Instruct", 1, 14.25), ("Qwen/Qwen2.5-7B-Instruct", 2, 7.12), ("Qwen/Qwen3-32B", 1, 61.03),
     ("Qwen/Qwen3-32B", 2, 30.59), ("Qwen/Qwen3-8B", 1, 15.27), ("google/gemma-3-27b-it", 1, 51.45),
     ("google/gemma-2-27b-it", 1, 50.72), ("microsoft/phi-2", 1, 5.19)],
)  # fmt: skip
def test_stored_weights_tables_and_rounding_are_what_the_engine_logs(name: str, tp: int, logged_gib: float) -> None:
    arch = published(name)
    computed = stage_weight_bytes(arch, resolve_precision(None, arch, None), ParallelPlan(tp))[0]
    assert computed / GIB == pytest.approx(logged_gib, abs=0.016)
