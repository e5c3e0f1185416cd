"""Prints how predictions of disaggregated serving compare with the measured rows of it.

    python scripts/compare_disaggregated.py --data ../shared/data [--json FILE]

Nothing is fitted here: the constants are those of aggregated serving, but for SGLang's handshake. A row's decode
worker is in its columns; the number of workers and what is known of the prefill worker are in its notes. Speculative
rows are left out. Where a note does not say what a prefill worker was launched with, the engine's own values are
taken, which the figures by ``match_quality`` show.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent))
from serving_measurements import read_measurements

from budsim.perf_model.serving_point import Prediction, ServingPoint
from budsim.simulator.disaggregated import DisaggregatedPredictor
from budsim.simulator.points_reader import read_rows
from budsim.simulator.pools_reader import disaggregated_point

_WORKERS = re.compile(r"prefill (\d+)x decode (\d+)")
_ANYSCALE = re.compile(r"_(\d+)xtp(\d+)-(\d+)xtp(\d+)")
_BUDGET = re.compile(r"(?:max_num_tokens|max-num-batched-tokens|chunked-prefill-size)=(\d+)")
_SEQUENCES = re.compile(r"(?:max_batch_size|max-num-seqs|max-running-requests)=(\d+)")
_SHARE = re.compile(r"(?:free_frac|mem-fraction)=([0-9.]+)")
_SPREAD = re.compile(r"(?:attention_dp=True|dp-attention=True|dp=\d+)")


def workers(row: pd.Series) -> tuple[int, int, int, int] | None:
    """Return prefill workers, their devices each, decode workers, their devices each; None = not stated."""
    found = _ANYSCALE.search(str(row["source_ref"]))
    if found:
        prefill, prefill_devices, decode, decode_devices = map(int, found.groups())
        return prefill, prefill_devices, decode, decode_devices
    found = _WORKERS.search(f"{row['notes']}; {row['notes_launched']}")
    if not found:
        return None
    prefill, decode = map(int, found.groups())
    decode_devices = int(max(row["tp"] * max(1, row["dp"] or 1), row["ep"]))
    left = row["num_devices"] - decode * decode_devices
    if left <= 0 or left % prefill:
        return None
    return prefill, int(left // prefill), decode, decode_devices


def pool_rows(row: pd.Series) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return one row of the batch interface for an instance of the prefill and of the decode pool."""
    _, prefill_devices, _, decode_devices = row["workers"]
    notes = str(row["notes_launched"]).rsplit("prefill: ", 1)[-1] if "prefill: " in str(row["notes_launched"]) else ""
    engine = "vllm" if str(row["engine"]).startswith("vllm") else row["engine"]
    is_moe = row["ep"] > 1
    common = {name: row[name] for name in ("model", "hardware", "engine_version", "precision", "kv_cache_dtype",
                                           "isl", "osl", "concurrency", "num_prompts", "length_dist",
                                           "max_model_len")}  # fmt: skip
    common |= {"engine": engine, "load_mode": "closed_loop"}
    decode = common | {
        "tp": decode_devices, "ep": decode_devices if is_moe else 1, "num_devices": decode_devices,
        "dp_attention": bool(row["dp_attention"]) and decode_devices > 1, "max_num_seqs": row["max_num_seqs"],
        "gpu_memory_utilization": row["gpu_memory_utilization"], "stream_interval": row["stream_interval"],
    }  # fmt: skip
    prefill = common | {
        "tp": prefill_devices, "ep": prefill_devices if is_moe else 1, "num_devices": prefill_devices,
        "dp_attention": bool(_SPREAD.search(notes)) and prefill_devices > 1,
    }  # fmt: skip
    for name, pattern in (("max_num_batched_tokens", _BUDGET), ("max_num_seqs", _SEQUENCES),
                          ("gpu_memory_utilization", _SHARE)):  # fmt: skip
        stated = pattern.search(notes)
        prefill[name] = float(stated.group(1)) if stated else None
    if engine == "trtllm" and prefill["max_num_batched_tokens"]:
        prefill["enable_chunked_prefill"] = False
    return prefill, decode


def compare(folder: Path) -> pd.DataFrame:
    """Return the disaggregated rows with predictions and log ratios predicted over measured."""
    raw = pd.read_csv(folder / "serving_train.csv", low_memory=False)
    notes = pd.read_csv(folder / "train_protocol.csv", low_memory=False)[["row_id", "notes"]]
    table = read_measurements(folder).merge(raw[["row_id", "source_ref", "notes"]], on="row_id")
    table = table.merge(notes.rename(columns={"notes": "notes_launched"}), on="row_id")
    table = table[table["serving_mode"].eq("disagg") & ~table["speculative"]].reset_index(drop=True)
    table["workers"] = [workers(row) for _, row in table.iterrows()]
    table["status"] = np.where(table["workers"].isna(), "workers are not stated", "ok")
    for name in ("ttft", "tpot"):
        table[f"predicted_{name}"] = np.nan
    known = table[table["workers"].notna()]
    pairs = [pool_rows(row) for _, row in known.iterrows()]
    prefills = read_rows(pd.DataFrame([prefill for prefill, _ in pairs]))
    decodes = read_rows(pd.DataFrame([decode for _, decode in pairs]))
    predictor = DisaggregatedPredictor()
    for index, prefill, decode in zip(known.index, prefills, decodes, strict=True):
        if not (isinstance(prefill.point, ServingPoint) and isinstance(decode.point, ServingPoint)):
            refused = decode.point if isinstance(prefill.point, ServingPoint) else prefill.point
            table.loc[index, "status"] = refused.reason
            continue
        count, _, others, _ = table.loc[index, "workers"]
        answer = predictor.predict([disaggregated_point(prefill.point, decode.point, count, others)])[0]
        if isinstance(answer, Prediction):
            table.loc[index, ["predicted_ttft", "predicted_tpot"]] = answer.ttft_ms_mean, answer.tpot_ms_mean
        else:
            table.loc[index, "status"] = answer.reason
    for name in ("ttft", "tpot"):
        table[f"{name}_log"] = np.log(table[f"predicted_{name}"] / table[f"measured_{name}_ms"])
    return table


def summary(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return counts, median absolute percentage errors and the median ratio predicted over measured."""
    groups = table.groupby(by)
    columns = {"n": groups.size()}
    for name in ("tpot", "ttft"):
        error = (np.exp(table[f"{name}_log"]) - 1).abs() * 100
        columns[f"{name} median %"] = error.groupby([table[key] for key in by]).median().round(1)
        columns[f"{name} mean %"] = error.groupby([table[key] for key in by]).mean().round(1)
        columns[f"{name} ratio"] = np.exp(groups[f"{name}_log"].median()).round(2)
    return pd.DataFrame(columns)


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with serving_train.csv")
    parser.add_argument("--json", type=Path, help="write every row's log ratios here")
    options = parser.parse_args()
    table = compare(options.data)
    answered = table[table["predicted_tpot"].notna()]
    print(f"{len(answered)} of {len(table)} rows answered")
    print(table.loc[table["predicted_tpot"].isna(), "status"].str.slice(0, 110).value_counts().to_string())
    pd.set_option("display.width", 200)
    for by in (["source", "engine"], ["engine", "hardware"], ["match_quality"], ["serving_mode"]):
        print(summary(answered, by).to_string())
    for name in ("tpot", "ttft"):
        quantiles = answered[f"{name}_log"].abs().quantile([0.5, 0.8, 0.9]).round(3).tolist()
        print(name, "quantiles of |log ratio| at 50, 80, 90 %:", quantiles)
    if options.json:
        kept = ["row_id", "engine", "hardware", "model", "concurrency", "isl", "measured_ttft_ms", "predicted_ttft",
                "measured_tpot_ms", "predicted_tpot", "workers", "match_quality"]  # fmt: skip
        options.json.write_text(json.dumps(answered[kept].to_dict(orient="records"), default=str))


if __name__ == "__main__":
    main()
