"""About sixty configurations answer what the reviewed file says: a change of any prediction is a change of that file.

``python scripts/prediction_golden.py --write`` writes it anew; the difference is for a reviewer to read.
"""

import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))

from prediction_golden import FIGURES, GOLDEN, METHODS, golden_table  # noqa: E402

TOLERANCE = 1e-3  # one machine's sums are not another's to the last digit


@pytest.fixture(scope="module")
def tables():
    return pd.read_csv(GOLDEN), golden_table()


def test_every_configuration_has_an_answer_by_both_methods(tables):
    stored, _ = tables
    assert len(stored) == 120
    assert set(stored["method"]) == set(METHODS)
    assert stored["status"].eq("ok").all()
    assert stored[list(FIGURES)].notna().all().all()


def test_predictions_are_those_of_the_reviewed_file(tables):
    stored, found = tables
    assert stored["basis"].tolist() == found["basis"].tolist()
    for name in FIGURES:
        change = (found[name] / stored[name] - 1).abs()
        worst = stored.loc[change.idxmax()]
        assert change.max() <= TOLERANCE, (
            f"{name} of {worst.model} on {worst.hardware} ({worst.method}) moved by {change.max():.2%}: if that is "
            "meant, run python scripts/prediction_golden.py --write and review the difference"
        )
