"""KV tokens, weights and concurrency against vLLM's own start-up lines (run by ``make accuracy``).

The measurements lie beside the checkout, not in it. Rows count that state KV tokens, utilisation and maximum length
and name the model, the GPU and a released version.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pandas as pd
import pytest

from budsim.commons.catalogs import hardware_catalog
from budsim.engine_ops import resolve_engine_settings
from budsim.model_ops.services import default_library
from budsim.perf_model.memory import MemoryEstimate, estimate_memory
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.serving_point import ServingPoint
from budsim.perf_model.workload import Workload

pytestmark = pytest.mark.accuracy

GIB = 2**30
DATA = Path(os.environ.get("BUDSIM_ACCURACY_DATA") or Path(__file__).parents[2] / ".." / "shared" / "data")
# Reached on 42 rows: tokens median 0.05 %, 90th percentile 0.18 %, worst 2.1 % (gemma-3-27b, its vision tower).
MEDIAN_ERROR, P90_ERROR, WORST_ERROR = 0.001, 0.003, 0.022


def _point(row: pd.Series) -> ServingPoint:
    arch = default_library().resolve(row.model)
    device = hardware_catalog().match(re.sub(r"^\d+x", "", row.hardware)).spec
    name = re.sub(r"\+compressed-tensors", "", row.precision)
    precision = resolve_precision(None if "compressed" in row.precision else name, arch, device)
    plan = ParallelPlan(int(row.tp), int(row.pp) if row.pp > 0 else 1)
    workload = Workload(1024, 1024)
    overrides = {
        "max_model_len": row.max_model_len,
        "gpu_memory_utilization": row.gpu_memory_utilization,
        "kv_cache_dtype": row.kv_dtype,
    }
    settings = resolve_engine_settings(
        "vllm",
        row.engine,
        arch=arch,
        device=device,
        workload=workload,
        overrides=overrides,
        precision=precision,
        plan=plan,
    )
    return ServingPoint(arch, device, plan, precision, settings, workload)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    logs = pd.read_csv(DATA / "vllm_memory_logs.csv")
    stated = (
        logs[["kv_cache_tokens", "gpu_memory_utilization", "max_model_len", "available_kv_gib"]].notna().all(axis=1)
    )
    logs = logs[stated & logs.engine.str.match(r"vllm 0\.\d+\.\d+$")]
    records = []
    for row in logs.itertuples(index=False):
        point = _point(pd.Series(row._asdict()))
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
    assert rows.weights_gib.median() <= 0.03
    assert rows.weights_gib.max() <= 0.35
