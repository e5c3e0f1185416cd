"""Fits the widths of the 80 % intervals to held-out errors; records are those of ``residual_training.cell_records``.

Three layers: trees predict the 80 % quantile of a point's error; a conformal factor per level of novelty makes the
share come true; within the known ones a factor per measured case and number of devices makes it come true there too.
The interval of E2E is also cut to what those of TTFT and TPOT allow, and calibrated as it is cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import xgboost
from residual_shares import JUDGED_GROUP, novelty_of

from budsim.perf_model.case_widths import CaseWidths, case_keys
from budsim.perf_model.novelty import KNOWN, LEVELS, RECOMBINED, Novelty, between

SEED = 7
WIDTH_TREES = {
    "objective": "reg:quantileerror", "quantile_alpha": 0.8, "eta": 0.15, "max_depth": 4, "min_child_weight": 8,
    "subsample": 0.8, "colsample_bynode": 0.6, "reg_lambda": 3.0, "nthread": 1, "seed": SEED, "tree_method": "hist",
    "max_bin": 64,
}  # fmt: skip
WIDTH_ROUNDS = 60
WIDTH_TREES_FROM = 100  # points; below, the intervals of a level are equally wide
COVERAGE = 0.8
# A case's own errors count against this many that are like everybody's (docs/accuracy.md).
CASE_PRIOR = 15.0
_SMALLEST_CASE_FACTOR, _LARGEST_CASE_FACTOR = 1 / 3, 3.0
_NARROWEST = 0.01


def fit_trees(
    features: np.ndarray,
    target: np.ndarray,
    parameters: Mapping[str, object],
    rounds: int,
    weights: np.ndarray | None = None,
) -> xgboost.Booster:
    """Return boosted trees; the same data give the same trees."""
    return xgboost.train(dict(parameters), xgboost.DMatrix(features, target, weight=weights), rounds)


def tree_values(trees: xgboost.Booster, features: np.ndarray) -> np.ndarray:
    """Return the trees' value of each row."""
    return np.asarray(trees.inplace_predict(np.ascontiguousarray(features, dtype=np.float32)), dtype=np.float64)


@dataclass
class Widths:
    """Intervals of one method and metric: trees (None = constant), a factor by level, and one by case.

    ``base`` is the width of each record (by its index) before the level's factor, by trees and case factors that have
    not seen its configuration.
    """

    trees: xgboost.Booster | None
    factors: dict[str, float]
    base: pd.Series
    cases: dict[tuple[int, ...], float] = field(default_factory=dict)


def fit_widths(features: np.ndarray, records: pd.DataFrame, sizes: np.ndarray, allowed: np.ndarray) -> Widths:
    """Return the widths that cover four fifths of the held-out errors of each level, and of each case about as many.

    Args:
        features: Of each record, shape (n, len(FEATURES)).
        records: Of one metric.
        sizes: |log error| of each record, NaN where nothing was measured.
        allowed: Whether an interval may be wide enough at all to hold the measured value.
    """
    measured = np.isfinite(sizes)
    own = records["scheme"].eq("unseen_configuration").to_numpy() & measured
    labels = records["fold_unseen_configuration"].to_numpy()
    base, trees = np.ones(len(records)), None
    if own.sum() >= WIDTH_TREES_FROM:
        trees = fit_trees(features[own], sizes[own], WIDTH_TREES, WIDTH_ROUNDS)
        for label in np.unique(labels):
            learnt, judged = own & (labels != label), labels == label
            fold_trees = fit_trees(features[learnt], sizes[learnt], WIDTH_TREES, WIDTH_ROUNDS)
            base[judged] = tree_values(fold_trees, features[judged])
    base = np.maximum(base, _NARROWEST)
    novelty = novelty_of(records)
    scores = np.where(allowed, sizes / base, np.inf)
    plain = level_factors(_of(novelty, measured), own[measured], scores[measured])
    known = own & (novelty.levels == KNOWN)
    relative = scores / between(novelty, np.array([plain[name] for name in LEVELS]))
    keys = [tuple(key) for key in case_keys(features).tolist()]
    cases = case_factors(relative[known], [keys[i] for i in np.flatnonzero(known)])
    logs = np.zeros(len(records))
    for label in np.unique(labels[known]):
        learnt, judged = np.flatnonzero(known & (labels != label)), np.flatnonzero(known & (labels == label))
        seen = case_factors(relative[learnt], [keys[i] for i in learnt])
        logs[judged] = [np.log(seen.get(keys[i], 1.0)) for i in judged]
    base *= np.exp(logs * np.exp(-novelty.excess))
    scores = np.where(allowed, sizes / base, np.inf)
    factors = level_factors(_of(novelty, measured), own[measured], scores[measured])
    return Widths(trees, factors, pd.Series(base, records.index), cases)


def _of(novelty: Novelty, rows: np.ndarray) -> Novelty:
    return Novelty(novelty.levels[rows], novelty.excess[rows])


def case_factors(scores: np.ndarray, keys: list[tuple[int, ...]]) -> dict[tuple[int, ...], float]:
    """Return the factor of each case: the quantile of its own scores, mixed with those of all cases.

    Args:
        scores: |log error| over the width of each record, about ``COVERAGE`` of them below 1, shape (n,).
        keys: The case of each record.
    """
    everybody = np.sort(scores)
    found = {}
    members = pd.Series(range(len(keys)), dtype=int).groupby(pd.Series(keys, dtype=object)).indices if keys else {}
    for key, rows in members.items():
        values = np.concatenate([scores[rows], everybody])
        weights = np.concatenate([np.ones(len(rows)), np.full(len(everybody), CASE_PRIOR / len(everybody))])
        order = np.argsort(values, kind="stable")
        reached = np.cumsum(weights[order]) >= COVERAGE * weights.sum()
        found[key] = float(np.clip(values[order][reached.argmax()], _SMALLEST_CASE_FACTOR, _LARGEST_CASE_FACTOR))
    return found


def half_widths(widths: Widths, records: pd.DataFrame) -> np.ndarray:
    """Return the half widths of records of one metric, natural-log units."""
    table = np.array([widths.factors[name] for name in LEVELS])
    return widths.base.loc[records.index].to_numpy() * between(novelty_of(records), table)


def stored_cases(widths: Mapping[str, Widths]) -> CaseWidths:
    """Return the case factors of all widths of a cell as requests use them."""
    keys = sorted({key for kept in widths.values() for key in kept.cases})
    if not keys:
        return CaseWidths()
    factors = {
        name: np.array([kept.cases.get(key, 1.0) for key in keys]) for name, kept in widths.items() if kept.cases
    }
    return CaseWidths(np.array(keys, dtype=np.int64), factors)


def _conformal(scores: np.ndarray) -> float:
    """Return the finite-sample quantile ceil((n + 1) x coverage) / n, or the largest score that a width can reach.

    Source: Vovk, Gammerman, Shafer 2005, "Algorithmic Learning in a Random World".
    """
    ordered = np.sort(scores)
    reached = float(ordered[min(len(ordered) - 1, int(np.ceil((len(ordered) + 1) * COVERAGE)) - 1)])
    return reached if np.isfinite(reached) else float(np.max(ordered, where=np.isfinite(ordered), initial=1.0))


def level_factors(novelty: Novelty, own_fold: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Return the conformal factor of each level: a level with few records takes that of the next more novel one.

    Args:
        novelty: Of n records.
        own_fold: Whether only the record's configuration was held out, shape (n,): a known case is no more than that.
        scores: |log error| / width before the factor, shape (n,).
    """
    factors: dict[str, float] = {}
    last = np.nan
    for level in reversed(range(RECOMBINED, len(LEVELS))):
        own = scores[novelty.levels == level]
        last = _conformal(own) if len(own) >= JUDGED_GROUP else last
        factors[LEVELS[level]] = last
    known = (novelty.levels == KNOWN) & own_fold
    if known.sum() >= JUDGED_GROUP:
        # Beyond its ranges a known case fades into a recombination (``between``): what the factor must be for each
        # record to be covered all the same.
        beyond = _conformal(scores[known]) if np.isnan(last) else last
        fade = np.exp(-novelty.excess[known])
        needed = beyond + (scores[known] - beyond) / fade
        last = min(max(_conformal(needed), 0.0), _conformal(scores[known]))
    factors[LEVELS[KNOWN]] = last
    ordered = pd.Series([factors[name] for name in LEVELS]).ffill().bfill().fillna(1.0)
    # What is less known is never surer.
    widest = np.maximum.accumulate(ordered.to_numpy()[[KNOWN, RECOMBINED]])
    rest = np.maximum(ordered.to_numpy()[2:], widest[-1])
    rest[-1] = rest.max()
    return dict(zip(LEVELS, [float(v) for v in (*widest, *rest)], strict=True))
