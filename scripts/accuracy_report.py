"""Prints how predictions compare with measured serving points.

    python scripts/accuracy_report.py --data ../shared/data

Maps every measured row to the columns of the batch interface, predicts, and prints: the statuses per source with the
most frequent reasons, and the median errors of TPOT, TTFT and E2E per source and engine. Measured values that the
source derived (E2E of closed loops from TTFT and TPOT) are not judged.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent))
from serving_measurements import (
    absolute_percentage_error,
    is_ambiguous_hardware,
    is_core,
    is_fully_stated,
    read_measurements,
)

from budsim.simulator.points_table import predict

METRICS = {
    "tpot": ("tpot_ms_mean", "measured_tpot_ms"),
    "ttft": ("ttft_ms_mean", "measured_ttft_ms"),
    "e2e": ("e2e_s_mean", "measured_e2e_s"),
}


def compare(folder: Path, method: str | None = None) -> pd.DataFrame:
    """Return measured points with predictions and ``<metric>_error`` columns (absolute percent)."""
    table = read_measurements(folder)
    out = predict(table, method)
    for name, (predicted, measured) in METRICS.items():
        out[f"{name}_error"] = absolute_percentage_error(out[predicted], out[measured])
    return out


def coverage(out: pd.DataFrame) -> float:
    """Return the share of ok among fully stated vLLM, SGLang and TensorRT-LLM rows of aggregated serving."""
    return float(out.loc[is_fully_stated(out), "status"].eq("ok").mean())


def core_medians(out: pd.DataFrame) -> dict[str, float]:
    """Return the median TPOT and TTFT errors over the core rows."""
    core = out[is_core(out) & out["status"].eq("ok")]
    return {name: float(core[f"{name}_error"].median()) for name in ("tpot", "ttft")}


def status_table(out: pd.DataFrame) -> pd.DataFrame:
    """Return counts per source and status."""
    return pd.crosstab(out["source"], out["status"])


def reason_table(out: pd.DataFrame, top: int = 15) -> pd.DataFrame:
    """Return the most frequent reasons of rows without a prediction."""
    refused = out[out["status"].ne("ok")].assign(reason=out["reason"].str.slice(0, 110))
    counts = refused.groupby(["status", "reason"]).size().sort_values(ascending=False)
    return counts.head(top).rename("rows").reset_index()


def error_table(out: pd.DataFrame) -> pd.DataFrame:
    """Return median errors and counts per source and engine, of rows whose source says what its device is."""
    answered = out[out["status"].eq("ok") & ~is_ambiguous_hardware(out)]
    columns = [f"{name}_error" for name in METRICS]
    return answered.groupby(["source", "engine"])[columns].agg(["median", "count"]).round(1)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with serving_train.csv and train_protocol.csv")
    parser.add_argument("--method", default=None)
    arguments = parser.parse_args()
    start = time.perf_counter()
    out = compare(arguments.data, arguments.method)
    seconds = time.perf_counter() - start
    pd.set_option("display.width", 200, "display.max_columns", 30, "display.max_colwidth", 115)
    print(
        f"{len(out)} points in {seconds:.1f} s\n\n{status_table(out)}\n\n{reason_table(out).to_string(index=False)}\n"
    )
    print(f"ok among fully stated rows: {coverage(out):.1%}")
    print(f"core rows, median error in percent: {core_medians(out)}\n\n{error_table(out).to_string()}")


if __name__ == "__main__":
    main()
