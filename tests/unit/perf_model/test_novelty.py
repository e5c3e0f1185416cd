"""Known, recombined, new: novelty is judged by shape and datasheet, and what is new is never called known."""

import numpy as np
import pytest

from budsim.perf_model.novelty import (
    KNOWN,
    NEW_BOTH,
    NEW_HARDWARE,
    NEW_MODEL,
    RECOMBINED,
    KnownCases,
    Novelty,
    basis,
    between,
)
from budsim.perf_model.residual_features import FEATURES


def rows(*changes):
    table = np.ones((len(changes), len(FEATURES)))
    for row, change in zip(table, changes, strict=True):
        for name, value in change.items():
            row[FEATURES.index(name)] = value
    return table


MEASURED = rows(
    {"log_hidden_size": 8.0, "log_bandwidth": 28.0, "log_isl": 5.0},
    {"log_hidden_size": 8.0, "log_bandwidth": 28.0, "log_isl": 9.0},
    {"log_hidden_size": 9.0, "log_bandwidth": 29.0, "log_isl": 7.0},
)
CASES = KnownCases.of(MEASURED)


@pytest.mark.parametrize(
    ("change", "level"),
    [
        ({"log_hidden_size": 8.0, "log_bandwidth": 28.0, "log_isl": 7.0}, KNOWN),
        ({"log_hidden_size": 9.0, "log_bandwidth": 28.0, "log_isl": 7.0}, RECOMBINED),
        ({"log_hidden_size": 8.0, "log_bandwidth": 28.0, "bytes_per_parameter": 0.5}, RECOMBINED),
        ({"log_hidden_size": 8.5, "log_bandwidth": 28.0}, NEW_MODEL),
        ({"log_hidden_size": 8.0, "log_bandwidth": 28.5}, NEW_HARDWARE),
        ({"log_hidden_size": 8.5, "log_bandwidth": 28.5}, NEW_BOTH),
        ({"log_hidden_size": 8.0, "log_bandwidth": 28.0, "static_batch": 0.0}, NEW_BOTH),
    ],
)
def test_levels(change, level):
    assert CASES.novelty(rows(change)).levels[0] == level


def test_a_known_case_beyond_its_lengths_fades_into_a_recombination():
    asked = rows(*({"log_hidden_size": 8.0, "log_bandwidth": 28.0, "log_isl": isl} for isl in (7.0, 9.5, 15.0)))
    found = CASES.novelty(asked)
    assert found.excess.tolist() == pytest.approx([0.0, 0.5, 6.0])
    shares = between(found, np.array([1.0, 0.2, 0.0, 0.0, 0.0]))
    assert shares[0] == 1.0
    assert 1.0 > shares[1] > shares[2] > 0.2
    assert basis(found, has_measurements=True) == ["interpolated", "extrapolated", "extrapolated"]
    assert basis(found, has_measurements=False) == ["analytic"] * 3


def test_without_measurements_everything_is_new():
    empty = KnownCases.of(np.empty((0, len(FEATURES))))
    assert set(empty.novelty(MEASURED).levels) == {NEW_BOTH}
    assert between(Novelty(np.array([4]), np.zeros(1)), np.arange(5.0)).tolist() == [4.0]


def test_cases_survive_storage():
    again = KnownCases.from_dict(CASES.to_dict())
    np.testing.assert_allclose(again.identity, CASES.identity)
    assert again.novelty(MEASURED).levels.tolist() == [KNOWN] * 3
    with pytest.raises(ValueError, match="differ in length"):
        KnownCases.from_dict({**CASES.to_dict(), "low": []})
