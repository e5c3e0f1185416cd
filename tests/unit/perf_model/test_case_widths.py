"""Error bars of single cases: a case's own factor goes to it alone, on its number of devices, and nothing else."""

import json

import numpy as np
import pytest

from budsim.perf_model.case_widths import CaseWidths, case_keys
from budsim.perf_model.residual_features import FEATURES


def rows(*changes):
    table = np.ones((len(changes), len(FEATURES)))
    for row, change in zip(table, changes, strict=True):
        for name, value in change.items():
            row[FEATURES.index(name)] = value
    return table


KNOWN = rows({"log_hidden_size": 8.0, "log_tp": 0.0}, {"log_hidden_size": 8.0, "log_tp": np.log(2)})
WIDTHS = CaseWidths(case_keys(KNOWN), {"regressor_tpot_ms_mean": np.array([0.5, 2.0])})


def test_each_case_gets_its_factor_whatever_its_lengths_and_load():
    asked = rows(
        {"log_hidden_size": 8.0, "log_tp": np.log(2), "log_isl": 9.0, "log_running": 5.0},
        {"log_hidden_size": 8.0, "log_tp": 0.0, "log_osl": 3.0},
    )
    assert np.exp(WIDTHS.log_factor("regressor_tpot_ms_mean", asked)) == pytest.approx([2.0, 0.5])


@pytest.mark.parametrize("change", [{"log_tp": np.log(4)}, {"log_hidden_size": 8.1}, {"log_bandwidth": 1.5}])
def test_other_cases_and_other_metrics_have_none(change):
    asked = rows({"log_hidden_size": 8.0, "log_tp": 0.0, **change})
    assert WIDTHS.log_factor("regressor_tpot_ms_mean", asked) == pytest.approx([0.0])
    assert WIDTHS.log_factor("regressor_ttft_ms_mean", KNOWN) == pytest.approx([0.0, 0.0])
    assert CaseWidths().log_factor("regressor_tpot_ms_mean", KNOWN) == pytest.approx([0.0, 0.0])


def test_what_is_stored_comes_back():
    read = CaseWidths.from_dict(json.loads(json.dumps(WIDTHS.to_dict())))
    assert read.log_factor("regressor_tpot_ms_mean", KNOWN) == pytest.approx(np.log([0.5, 2.0]))


@pytest.mark.parametrize("values", [[1.0], [1.0, 0.0], [1.0, -2.0], [1.0, float("nan")], [1.0, float("inf")]])
def test_factors_that_no_width_can_have_are_refused(values):
    stored = {**WIDTHS.to_dict(), "factors": {"regressor_tpot_ms_mean": values}}
    with pytest.raises(ValueError, match="regressor_tpot_ms_mean"):
        CaseWidths.from_dict(stored)
