"""How much of the residual is applied: chosen on held-out records by metric and novelty, and never where it harms.

Records are those of ``residual_training.cell_records``: one row per scheme, held-out point and metric with its level
and excess of novelty, the trees' value ``raw``, ``truth`` = log(measured / physics), the share of TTFT in E2E, whether
it is one static batch, and its family and hardware.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from budsim.perf_model.corrections import reconcile
from budsim.perf_model.novelty import KNOWN, LEVELS, NEW_BOTH, Novelty, between
from budsim.simulator.regressor import STATIC_WIDTH

_SHRINKS = np.linspace(0.0, 1.0, 11)
# A residual that is to be used where it has not been proven must gain this much where it was tried.
_WORTHWHILE = 0.97
JUDGED_GROUP = 30
NO_HARM = 1.02  # of the physics' median, for every left-out family and hardware
_HARM_CHOSEN = 1.018  # when shares are chosen: the floors of the datasheet, applied later, get the rest
# Beside the median the quartiles: a family is left out of all cells of an engine at once, and its median over them all
# lies anywhere in a single one.
_HARM_QUANTILES = [0.25, 0.5, 0.75]
JUDGED_METRICS = ("ttft_ms_mean", "tpot_ms_mean", "e2e_s_mean")


def error_of(log_error: pd.Series | np.ndarray) -> np.ndarray:
    """Return absolute percentage errors of log(predicted / measured)."""
    return np.abs(np.expm1(np.asarray(log_error, dtype=float))) * 100.0


def novelty_of(records: pd.DataFrame) -> Novelty:
    """Return the novelty columns of records."""
    return Novelty(records["level"].to_numpy(dtype=np.int64), records["excess"].to_numpy(dtype=float))


def _judged_groups(records: pd.DataFrame) -> list[np.ndarray]:
    """Return the places of every left-out family's and hardware's records where there are enough."""
    return [
        places
        for by in ("fold_model_family", "fold_hardware")
        for places in records.groupby(by).indices.values()
        if len(places) >= JUDGED_GROUP
    ]


def best_shrink(records: pd.DataFrame, must_not_harm: bool) -> float:
    """Return the share of the residual that has the lowest held-out median error.

    Args:
        records: Of one metric and level.
        must_not_harm: Where a case is new: no left-out family or hardware may lose, the gain must be worthwhile, and a
            share chosen without a group must not harm that group; else 0.
    """
    if records.empty:
        return 0.0
    found = _lowest(records, must_not_harm)
    if not must_not_harm or found == 0.0:
        return found
    for by in ("fold_model_family", "fold_hardware"):
        for _, own in records.groupby(by):
            rest = records.drop(own.index)
            shrink = _lowest(rest, must_not_harm) if len(rest) else 0.0
            plain, moved = (np.median(error_of(part * own["raw"] - own["truth"])) for part in (0.0, shrink))
            if len(own) >= JUDGED_GROUP and moved > plain * NO_HARM:
                return 0.0
    return found


def _lowest(records: pd.DataFrame, must_not_harm: bool) -> float:
    plain = error_of(-records["truth"])
    best, lowest = 0.0, float(np.median(plain))
    groups = _judged_groups(records) if must_not_harm else []
    if must_not_harm:
        lowest *= _WORTHWHILE
    for shrink in _SHRINKS[1:]:
        moved = error_of(shrink * records["raw"] - records["truth"])
        median = float(np.median(moved))
        if median < lowest and all(np.median(moved[own]) <= np.median(plain[own]) for own in groups):
            best, lowest = float(shrink), median
    return best


def shrink_tables(records: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the share of the residual to apply, by metric and level; where nothing was tried it is 0.

    Static batches, of which E2E alone is measured, have shares of their own (``STATIC_WIDTH``): what harms a served
    family takes nothing from them, nor they from it.
    """
    static = records["static"].to_numpy(dtype=bool)
    tables = _unharmed(records[~static], {})
    return tables | _unharmed(records[static], {"e2e_s_mean": STATIC_WIDTH, "tps_per_user": STATIC_WIDTH})


def _unharmed(records: pd.DataFrame, renamed: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Return the shares of one kind of load.

    The figures of one answer are reconciled, so one metric's share moves the others: as long as a left-out family or
    device is harmed in a metric, first that metric, then E2E, then all get nothing at the levels of the harmed points.
    """
    tried = records[np.isfinite(records["truth"])]
    tables: dict[str, dict[str, float]] = {}
    if tried.empty:
        return tables
    for metric, own in tried.groupby("metric", sort=True):
        name = renamed.get(str(metric), str(metric))
        if name not in tables:
            tables[name] = {
                level: best_shrink(own[own["level"].eq(i)], must_not_harm=i != KNOWN) if i != NEW_BOTH else 0.0
                for i, level in enumerate(LEVELS)
            }
    for cleared in (set(), {"e2e_s_mean", "tps_per_user"}, set(tables)):
        for metric, levels in harmed_metrics(records, tables).items():
            for name in ({renamed.get(metric, metric)} | cleared) & set(tables):
                tables[name] |= dict.fromkeys(levels - {LEVELS[KNOWN]}, 0.0)
    return tables


def harmed_metrics(records: pd.DataFrame, shrink: Mapping[str, Mapping[str, float]]) -> dict[str, set[str]]:
    """Return the metrics in which a left-out family or device is worse off with the residual, with its levels."""
    errors = records.assign(plain=error_of(-records["truth"]), moved=error_of(answered(records, shrink)))
    left_out = errors["scheme"].isin(["model_family", "hardware"]) & errors["metric"].isin(JUDGED_METRICS)
    judged = errors[left_out & np.isfinite(errors["truth"])]
    harmed: dict[str, set[str]] = {}
    for (_, _, metric), own in judged.groupby(["scheme", "label", "metric"]):
        plain, moved = (own[name].quantile(_HARM_QUANTILES).to_numpy() for name in ("plain", "moved"))
        if len(own) >= JUDGED_GROUP and (moved > plain * _HARM_CHOSEN).any():
            harmed.setdefault(str(metric), set()).update(LEVELS[level] for level in own["level"].unique())
    return harmed


def applied(records: pd.DataFrame, shrink: Mapping[str, Mapping[str, float]]) -> np.ndarray:
    """Return log(predicted / measured) of records with the residual shrunk, every metric on its own."""
    return _moved(records, shrink) - records["truth"].to_numpy()


def _moved(records: pd.DataFrame, shrink: Mapping[str, Mapping[str, float]]) -> np.ndarray:
    out = np.empty(len(records))
    for (metric, static), rows in records.groupby(["metric", "static"]).indices.items():
        own = records.iloc[rows]
        shares = shrink.get(STATIC_WIDTH if static else metric, {})
        table = np.array([shares.get(name, 0.0) for name in LEVELS])
        out[rows] = own["raw"] * between(novelty_of(own), table)
    return out


def answered(records: pd.DataFrame, shrink: Mapping[str, Mapping[str, float]]) -> np.ndarray:
    """Return log(predicted / measured) as requests are answered: shrunk and reconciled.

    Args:
        records: All metrics of every row.
        shrink: By metric and level; empty = physics alone.
    """
    if not shrink:
        return -records["truth"].to_numpy()
    place = ["scheme", "row"]
    log = records.assign(moved=_moved(records, shrink)).set_index([*place, "metric"])["moved"].unstack("metric")  # noqa: PD010
    facts = records.drop_duplicates(place).set_index(place).loc[log.index]
    share, static = facts["ttft_share"].to_numpy(), facts["static"].to_numpy()
    e2e = ((log["e2e_s_mean"] - log["tps_per_user"]) / 2).to_numpy()
    served = reconcile(
        log["ttft_ms_mean"].to_numpy(), log["tpot_ms_mean"].to_numpy(), e2e, share, trust_of(records, shrink)
    )
    ttft, decode = (np.where(static, e2e, value) for value in served)
    whole = np.log(share * np.exp(ttft) + (1 - share) * np.exp(decode))
    final = {
        "ttft_ms_mean": ttft,
        "tpot_ms_mean": decode,
        "e2e_s_mean": whole,
        "tps_per_user": -whole,
        "ttft_ms_p99": ttft + np.where(static, 0.0, log["ttft_ms_p99"] - log["ttft_ms_mean"]),
    }
    places = log.index.get_indexer(pd.MultiIndex.from_frame(records[place]))
    out = np.empty(len(records))
    for metric, rows in records.groupby("metric").indices.items():
        out[rows] = final[str(metric)][places[rows]]
    return out - records["truth"].to_numpy()


def trust_of(records: pd.DataFrame, shrink: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return the weights of the reconciliation: the inverse squared median error of each held-out metric."""
    if not shrink:
        return {"ttft": 1.0, "tpot": 1.0, "e2e": 1.0}
    served = records["scheme"].eq("unseen_configuration") & ~records["static"].astype(bool)
    own = records[np.isfinite(records["truth"]) & served]
    sizes = pd.Series(np.abs(applied(own, shrink)), own.index).groupby(own["metric"]).median()
    names = {"ttft": "ttft_ms_mean", "tpot": "tpot_ms_mean", "e2e": "e2e_s_mean"}
    return {short: round(float(max(0.01, sizes.get(metric, 1.0)) ** -2), 3) for short, metric in names.items()}
