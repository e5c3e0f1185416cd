"""Measured runs with speculative decoding beside predictions; how the default acceptance of MTP was found.

    python scripts/speculation_report.py FOLDER

FOLDER holds ``serving_train.csv`` and ``train_protocol.csv``, whose notes state the launched number of draft tokens.
A pair is a speculative run and the plain run of the same layout and load: the plain run's own error is taken out of it,
so that what is left is what drafting does.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from serving_measurements import read_measurements

from budsim.simulator.points_table import predict

ACCEPTANCES = np.round(np.arange(0.3, 1.0001, 0.02), 2)
_PAIRED = ["engine", "precision", "tp", "ep", "dp_attention", "concurrency", "isl", "osl"]
_LAUNCHED = r'(?:"num_nextn_predict_layers": |speculative-num-steps=)(\d+)'


def speculative_rows(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the aggregated rows that drafted, with ``speculative_tokens``, and the plain ones of the same shape."""
    table = read_measurements(folder)
    notes = pd.read_csv(folder / "train_protocol.csv", low_memory=False).set_index("row_id")["notes"].astype("string")
    table["speculative_tokens"] = table["row_id"].map(notes.str.extract(_LAUNCHED)[0]).astype(float)
    table["dp_attention"], table["ep"] = table["dp_attention"].fillna(0), table["ep"].fillna(1)
    aggregated, drafted = table["serving_mode"].eq("agg"), table["speculative"].astype(bool)
    rows = table[aggregated & drafted & table["speculative_tokens"].gt(0)].reset_index(drop=True)
    plain = table[aggregated & ~drafted & table["source"].eq("inferencex")].assign(speculative_tokens=np.nan)
    # Plain runs of DeepSeek-R1 are listed as DeepSeek-V3 as well: one shape, the same weights to multiply.
    same_shape = plain["model"].str.startswith("deepseek-ai/DeepSeek-")
    return rows, plain[same_shape & plain["hardware"].isin(rows["hardware"])]


def error_table(rows: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return errors in percent by engine, draft tokens and DP attention, with the default acceptance."""
    answered = predict(rows, method=method)
    found = rows[["engine", "speculative_tokens", "dp_attention"]].copy()
    plain = predict(rows.drop(columns="speculative_tokens"), method=method)
    for name in ("tpot", "ttft"):
        ratio = answered[f"{name}_ms_mean"].astype(float) / rows[f"measured_{name}_ms"]
        found[name], found[f"{name}_ratio"] = (ratio - 1).abs() * 100, ratio
        low, high = (answered[f"{name}_ms_mean_{end}"].astype(float) for end in ("lo", "hi"))
        found[f"{name}_inside"] = rows[f"measured_{name}_ms"].between(low, high) * 100.0
    found["tpot_as_plain"] = (plain["tpot_ms_mean"].astype(float) / rows["measured_tpot_ms"] - 1).abs() * 100
    grouped = found.groupby(["engine", "speculative_tokens", "dp_attention"])
    figures = grouped[["tpot", "ttft", "tpot_as_plain", "tpot_ratio", "ttft_ratio"]].median()
    means = grouped[["tpot", "ttft", "tpot_inside", "ttft_inside"]].mean().add_suffix("_mean")
    return pd.concat([grouped.size().rename("rows"), figures, means], axis=1).round(2)


def _log_ratios(rows: pd.DataFrame, plain: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the pairs and log(predicted / measured) of each at each of ACCEPTANCES, plain errors taken out."""
    known = plain.groupby(_PAIRED)["measured_tpot_ms"].median().rename("plain_ms")
    pairs = rows.join(known, on=_PAIRED).dropna(subset="plain_ms").reset_index(drop=True)
    base = predict(pairs.drop(columns="speculative_tokens"), method="heuristic")["tpot_ms_mean"].astype(float)
    measured = pairs["measured_tpot_ms"] / pairs["plain_ms"]
    columns = [
        np.log(predict(pairs.assign(acceptance_rate=rate), method="heuristic")["tpot_ms_mean"].astype(float) / base)
        for rate in ACCEPTANCES
    ]
    return pairs, np.array(columns).T - np.log(measured.to_numpy())[:, None]


def acceptance_table(rows: pd.DataFrame, plain: pd.DataFrame) -> pd.DataFrame:
    """Return the acceptance of least mean error and its error on the group of pairs that was left out of it."""
    pairs, errors = _log_ratios(rows, plain)
    groups = {"nothing": np.zeros(len(pairs), dtype=int)}
    groups["engine x precision"] = pairs.groupby(["engine", "precision"]).ngroup().to_numpy()
    groups["engine x precision x lengths"] = pairs.groupby(["engine", "precision", "isl", "osl"]).ngroup().to_numpy()
    lines = []
    for name, group in groups.items():
        chosen = np.zeros(len(pairs), dtype=int)
        for member in np.unique(group):
            kept = group != member if name != "nothing" else group == member
            chosen[group == member] = np.abs(errors[kept]).mean(axis=0).argmin()
        left = np.abs(np.expm1(errors[np.arange(len(pairs)), chosen])) * 100
        span = f"{ACCEPTANCES[chosen.min()]:.2f} to {ACCEPTANCES[chosen.max()]:.2f}"
        lines.append((name, len(pairs), span, round(float(np.median(left)), 1), round(float(left.mean()), 1)))
    return pd.DataFrame(lines, columns=["left out", "pairs", "acceptance", "TPOT median %", "mean %"])


def main() -> None:
    """Print errors by method, then the fit of the acceptance."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    rows, plain = speculative_rows(parser.parse_args().folder)
    for method in ("heuristic", "regressor"):
        print(f"{method}\n{error_table(rows, method).to_string()}\n")
    print(acceptance_table(rows, plain).to_string(index=False))


if __name__ == "__main__":
    main()
