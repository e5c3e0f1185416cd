"""The residual is applied where it was proven and nowhere else; intervals cover what they say."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from interval_widths import COVERAGE, Widths, case_factors, level_factors
from residual_shares import NO_HARM, answered, error_of, shrink_tables
from residual_training import may_be_covered

from budsim.perf_model.novelty import KNOWN, LEVELS, NEW_HARDWARE, RECOMBINED, Novelty, between
from budsim.simulator.regressor import RESIDUAL_METRICS


def records(bias_of_device, seed=3):
    """Held-out records of devices whose truth is ``raw`` plus a bias: known in one scheme, new in the other."""
    random = np.random.default_rng(seed)
    parts = []
    for scheme, level in (("unseen_configuration", KNOWN), ("hardware", NEW_HARDWARE)):
        row = 0
        for device, bias in bias_of_device.items():
            raw = random.normal(0.3, 0.05, 60)
            wrong = bias if level == NEW_HARDWARE else 0.0
            for metric in RESIDUAL_METRICS:
                sign = -1.0 if metric == "tps_per_user" else 1.0
                columns = {
                    "row": row + np.arange(60), "scheme": scheme, "label": device, "metric": metric, "level": level,
                    "excess": 0.0, "raw": sign * raw, "truth": sign * (raw + wrong), "ttft_share": 0.2, "static": False,
                    "fold_model_family": "one", "fold_hardware": device,
                }  # fmt: skip
                parts.append(pd.DataFrame(columns))
            row += 60
    return pd.concat(parts, ignore_index=True)


def test_what_holds_for_every_left_out_device_is_applied_to_new_ones():
    tables = shrink_tables(records({"a": 0.0, "b": 0.02, "c": -0.02}))
    assert tables["tpot_ms_mean"]["known"] > 0.8
    assert tables["tpot_ms_mean"]["new_hardware"] > 0.5


def test_no_left_out_device_is_harmed_beyond_the_limit():
    tried = records({"a": 0.0, "b": 0.0, "c": -0.6})
    tables = shrink_tables(tried)
    moved = pd.Series(error_of(answered(tried, tables)), tried.index)
    plain = pd.Series(error_of(-tried["truth"]), tried.index)
    for _, own in tried[tried["scheme"].eq("hardware")].groupby(["label", "metric"]):
        assert moved[own.index].median() <= NO_HARM * plain[own.index].median()
    assert tables["tpot_ms_mean"]["known"] > 0.8


def test_physics_alone_is_left_as_it_is():
    tried = records({"a": 0.1})
    assert answered(tried, {}) == pytest.approx(-tried["truth"].to_numpy())


def test_reconciled_estimates_that_agree_stay():
    tried = records({"a": 0.0})
    own = tried[tried["scheme"].eq("unseen_configuration")]
    full = {metric: dict.fromkeys(LEVELS, 1.0) for metric in RESIDUAL_METRICS}
    assert np.abs(answered(own, full)).max() < 0.01


@pytest.mark.parametrize("furthest", [0.0, 1.0])
def test_four_in_five_known_records_are_covered_however_far_they_fade(furthest):
    random = np.random.default_rng(5)
    count = 4000
    levels = np.where(np.arange(count) % 2 == 0, KNOWN, RECOMBINED)
    excess = np.where(levels == KNOWN, random.uniform(0, furthest, count), 0.0)
    scores = np.abs(random.normal(0, np.where(levels == KNOWN, 1.0, 3.0)))
    novelty = Novelty(levels, excess)
    factors = level_factors(novelty, np.ones(count, dtype=bool), scores)
    widths = between(novelty, np.array([factors[name] for name in LEVELS]))
    for level in (KNOWN, RECOMBINED):
        assert (scores <= widths)[levels == level].mean() == pytest.approx(COVERAGE, abs=0.01)
    assert list(factors.values()) == sorted(factors.values())


def test_cases_that_err_more_than_their_kind_get_wider_intervals():
    random = np.random.default_rng(7)
    scales = {(1,): 0.4, (2,): 1.0, (3,): 2.2}
    keys = [key for key in scales for _ in range(200)]
    scores = np.concatenate([np.abs(random.normal(0, 0.78 * scale, 200)) for scale in scales.values()])
    factors = case_factors(scores, keys)
    assert factors[1,] < factors[2,] < factors[3,]
    for key in scales:
        covered = scores[[own == key for own in keys]] <= factors[key]
        assert covered.mean() == pytest.approx(COVERAGE, abs=0.05)


def test_a_case_of_few_records_stays_near_the_others():
    random = np.random.default_rng(9)
    scores = np.concatenate([np.abs(random.normal(0, 0.78, 400)), [9.0, 9.0]])
    factors = case_factors(scores, [(1,)] * 400 + [(2,)] * 2)
    assert 1.0 <= factors[2,] < 1.6


def test_e2e_is_coverable_where_the_intervals_of_its_parts_allow_it():
    tried = records({"a": 0.0})
    errors = pd.Series(0.0, tried.index)
    e2e = tried[tried["metric"].eq("e2e_s_mean")]
    errors[e2e.index[:10]] = 0.15
    parts = {
        metric: Widths(None, dict.fromkeys(LEVELS, 1.0), pd.Series(0.1, tried.index))
        for metric in ("ttft_ms_mean", "tpot_ms_mean")
    }
    allowed = may_be_covered(tried, errors, e2e, parts)
    assert not allowed[:10].any()
    assert allowed[10:].all()
    assert may_be_covered(tried, errors, e2e, dict.fromkeys(parts)).all()
