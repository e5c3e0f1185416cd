"""Held-out errors of the physics alone: every constant was fitted without the fold that it predicts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("BUDSIM_ACCURACY_DATA") or ROOT.parent / "shared" / "data")
sys.path.insert(0, str(ROOT / "scripts"))

pytestmark = pytest.mark.accuracy

# Medians of docs/accuracy.md plus a tenth.
LIMITS = {
    "unseen_configuration": {"tpot": 7.5, "ttft": 15.5},
    "model_family": {"tpot": 8.5, "ttft": 18.0},
    "hardware": {"tpot": 7.9, "ttft": 17.6},
}


@pytest.fixture(scope="module")
def population():
    from folds import is_population
    from serving_measurements import read_measurements

    table = read_measurements(DATA)
    return table[is_population(table)]


@pytest.mark.parametrize("scheme", sorted(LIMITS))
def test_physics_fitted_without_a_fold_predicts_it(scheme, population):
    from fold_constants import fold_constants
    from folds import fold_labels
    from serving_measurements import absolute_percentage_error

    from budsim.simulator.heuristic import HeuristicPredictor
    from budsim.simulator.points_table import predict

    labels = fold_labels(population, scheme)
    constants = {fold: fold_constants(scheme, fold) for fold in labels.unique()}
    assert all(constants.values())
    out = pd.concat(
        predict(rows, "heuristic", HeuristicPredictor(constants[fold])) for fold, rows in population.groupby(labels)
    )
    for metric, predicted in (("tpot", "tpot_ms_mean"), ("ttft", "ttft_ms_mean")):
        error = absolute_percentage_error(out[predicted], out[f"measured_{metric}_ms"])
        assert error.median() <= LIMITS[scheme][metric], (scheme, metric)
