"""Predictions against measured serving points beside the checkout (run by ``make accuracy``)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("BUDSIM_ACCURACY_DATA") or ROOT.parent / "shared" / "data")
sys.path.insert(0, str(ROOT / "scripts"))

pytestmark = pytest.mark.accuracy

# Medians reached by the fit of docs/accuracy.md, plus a tenth.
LIMITS = {"tpot": 7.1, "ttft": 15.0}


@pytest.fixture(scope="module")
def compared():
    from accuracy_report import compare

    return compare(DATA)


def test_nearly_every_fully_stated_row_is_predicted(compared):
    from accuracy_report import coverage

    assert coverage(compared) >= 0.95


def test_every_row_without_a_prediction_says_why(compared):
    refused = compared[compared["status"].ne("ok")]
    assert refused["reason"].str.len().gt(15).all()
    assert set(compared["status"]) <= {
        "ok",
        "infeasible",
        "unknown_model",
        "unknown_hardware",
        "unsupported",
        "invalid",
    }


@pytest.mark.parametrize("metric", ["tpot", "ttft"])
def test_median_error_of_the_core_rows_stays_at_the_baseline(compared, metric):
    from accuracy_report import core_medians

    assert core_medians(compared)[metric] <= LIMITS[metric]


def test_prefill_decode_split_rows_are_refused_not_guessed(compared):
    split = compared[
        compared["serving_mode"].eq("disagg") & (compared["num_devices"] > compared["tp"] * compared["dp"])
    ]
    assert len(split) > 100
    assert split["status"].eq("invalid").all()
