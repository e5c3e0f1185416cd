"""The fit of the constants: its sample stands for all rows, and it goes on from where the last one stopped."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from fit_step_time import STATIC_ROWS, Levels, sample_of

CELLS = [("trtllm", "hopper", "served"), ("trtllm", "hopper", "static"), ("vllm", "cdna", "static")]


def static_rows(count, batches):
    sizes = np.resize(batches, count)
    columns = {"engine": "vllm", "hardware": "MI300X", "model": "m", "precision": "fp16", "tp": 1, "osl": 128}
    return pd.DataFrame({**columns, "isl": np.arange(count), "concurrency": sizes})


def test_the_sample_holds_every_batch_size_whatever_the_period_of_the_table():
    for batches in ([1, 16, 32, 64], [64, 1], [1, 2, 4, 8, 16, 32]):
        table = static_rows(720, batches)
        drawn = table[sample_of(table)]
        assert len(drawn) == STATIC_ROWS
        assert drawn["concurrency"].value_counts().eq(STATIC_ROWS // len(batches)).all()


def test_the_sample_does_not_depend_on_the_order_of_the_rows():
    table = static_rows(300, [1, 16, 32])
    mixed = table.sample(frac=1.0, random_state=3)
    assert set(table.index[sample_of(table)]) == set(mixed.index[sample_of(mixed)])


def test_a_fit_starts_where_the_last_one_stopped():
    levels = Levels(CELLS[:1])
    theta = np.random.default_rng(2).normal(0, 0.02, len(levels.sigma))
    stored = levels.tables(theta)
    assert levels.start(stored) == pytest.approx(theta, abs=2e-3)  # they are written with four digits
    again = levels.constants(levels.start(stored))[CELLS[0]]
    for name, value in stored[CELLS[0]].items():
        assert getattr(again, name) == pytest.approx(value, rel=1e-3)


def test_what_the_second_stage_wrote_is_no_start():
    levels = Levels(CELLS)
    stored = levels.tables(np.zeros(len(levels.sigma)))
    stored["vllm", "cdna", "static"] = dict.fromkeys(stored["vllm", "cdna", "static"], 0.5)
    assert levels.start(stored) == pytest.approx(np.zeros(len(levels.sigma)), abs=2e-3)
