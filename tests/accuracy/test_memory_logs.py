"""KV tokens, weights and concurrency against vLLM's own start-up lines (run by ``make accuracy``).

The measurements lie beside the checkout, not in it. Rows count that state KV tokens, utilisation and maximum length
and name the model, the GPU and a released version.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from budsim.perf_model.memory import MemoryEstimate, estimate_memory

if TYPE_CHECKING:
    from memory_leave_one_out import LoggedStart

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("BUDSIM_ACCURACY_DATA") or ROOT.parent / "shared" / "data")
sys.path.insert(0, str(ROOT / "scripts"))

pytestmark = pytest.mark.accuracy

GIB = 2**30
# Reached on 42 rows: tokens median 0.06 %, 90th percentile 0.18 %, worst 0.5 % (gemma-3-27b).
MEDIAN_ERROR, P90_ERROR, WORST_ERROR = 0.001, 0.003, 0.006
# Every fitted constant fitted without the model: median 0.04 %, 90th percentile 0.16 %, worst 0.7 % (gemma-3-27b).
HELD_OUT_MEDIAN, HELD_OUT_P90, HELD_OUT_WORST = 0.001, 0.003, 0.01


@pytest.fixture(scope="module")
def starts() -> list[LoggedStart]:
    from memory_leave_one_out import logged_starts

    return logged_starts(DATA / "vllm_memory_logs.csv")


@pytest.fixture(scope="module")
def rows(starts: list[LoggedStart]) -> pd.DataFrame:
    records = []
    for start in starts:
        row, point = start.row, start.point
        computed, given = estimate_memory(point), estimate_memory(point, row.model_loading_gib * GIB)
        assert isinstance(computed, MemoryEstimate), computed
        assert isinstance(given, MemoryEstimate), given
        records.append(
            {
                "model": row.model,
                "tokens": abs(computed.kv_cache_tokens / row.kv_cache_tokens - 1),
                "tokens_given_weights": abs(given.kv_cache_tokens / row.kv_cache_tokens - 1),
                "concurrency": abs(computed.max_concurrency / row.max_concurrency - 1),
                "weights_gib": abs(computed.model_loading_bytes / GIB - row.model_loading_gib),
            }
        )
    return pd.DataFrame(records)


def test_cache_size_of_a_model_that_no_constant_saw(starts: list[LoggedStart]) -> None:
    from memory_leave_one_out import held_out_errors

    size = held_out_errors(starts).held_out.abs()
    print(f"\nheld out: median {size.median():.3%}, p90 {size.quantile(0.9):.3%}, max {size.max():.3%}")
    assert size.median() <= HELD_OUT_MEDIAN
    assert size.quantile(0.9) <= HELD_OUT_P90
    assert size.max() <= HELD_OUT_WORST


def test_enough_rows_are_compared(rows: pd.DataFrame) -> None:
    assert len(rows) >= 42


@pytest.mark.parametrize("column", ["tokens", "tokens_given_weights", "concurrency"])
def test_cache_size_is_what_the_engine_logs(rows: pd.DataFrame, column: str) -> None:
    print(
        f"\n{column}: median {rows[column].median():.3%}, p90 {rows[column].quantile(0.9):.3%}, "
        f"max {rows[column].max():.3%}"
    )
    assert rows[column].median() <= MEDIAN_ERROR
    assert rows[column].quantile(0.9) <= P90_ERROR
    assert rows[column].max() <= WORST_ERROR


def test_weights_are_what_the_engine_logs(rows: pd.DataFrame) -> None:
    print(f"\nweights: median {rows.weights_gib.median():.3f} GiB, max {rows.weights_gib.max():.3f} GiB")
    assert rows.weights_gib.median() <= 0.005
    assert rows.weights_gib.max() <= 0.04
