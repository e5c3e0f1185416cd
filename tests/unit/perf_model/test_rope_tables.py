"""Rows of the rotary tables by scaling: what engines allocate at load time."""

from typing import Any

import pytest

from budsim.perf_model.config_reader import read_architecture

LLAMA = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 1024, "intermediate_size": 2048,
    "num_hidden_layers": 2, "num_attention_heads": 8, "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 1000,
    "max_position_embeddings": 4096, "tie_word_embeddings": False,
}  # fmt: skip


def elements(**changes: Any) -> int | None:
    return read_architecture({**LLAMA, **changes}, "m").rope_elements


@pytest.mark.parametrize(
    ("scaling", "rows"),
    [
        (None, 4096),
        ({"rope_type": "llama3", "factor": 8.0, "original_max_position_embeddings": 1024}, 4096),
        ({"rope_type": "linear", "factor": 8.0}, 8 * 4096),
        ({"type": "dynamic", "factor": 2.0}, 2 * 4096),
        ({"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 2048}, 8192),
        ({"rope_type": "longrope", "original_max_position_embeddings": 1024}, 4096 + 1024),
        ({"rope_type": "default", "mrope_section": [16, 24, 24]}, 4 * 4096),
        ({"full_attention": {"rope_type": "linear", "factor": 8.0}, "sliding_attention": {}}, 9 * 4096),
        ({"rope_type": "linear", "factor": "eight"}, 4096),  # not a number: the plain table
    ],
)
def test_rows_follow_the_scaling(scaling: dict[str, Any] | None, rows: int) -> None:
    assert elements(rope_scaling=scaling) == rows * 128


def test_only_the_rotated_part_of_a_head_is_tabled() -> None:
    assert elements(partial_rotary_factor=0.25) == 4096 * 32
    assert elements(rotary_dim=64) == 4096 * 64


def test_gemma_3_has_a_table_for_its_windowed_layers() -> None:
    scaled = {"rope_type": "linear", "factor": 8.0}
    changes = {"model_type": "gemma3_text", "sliding_window": 512, "num_hidden_layers": 6, "rope_scaling": scaled}
    assert elements(**changes) == (8 + 1) * 4096 * 128


def test_learned_positions_have_no_table() -> None:
    gpt2 = {"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4, "vocab_size": 100, "n_positions": 128}
    assert read_architecture(gpt2, "m").rope_elements is None
