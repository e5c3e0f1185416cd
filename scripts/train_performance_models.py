"""Trains the residual models and their intervals from measured points and writes them with their manifests.

    python scripts/train_performance_models.py --data ../shared/data [--hardware cuda] [--engine vllm] [--output FOLDER]

Every cell (engine x type of device) with measured points gets a folder under ``cache/pretrained_models``; one with
fewer than 200 points or 3 model families gets intervals but no residual, and its manifest says ``physics``. The same
points and constants give the same files, byte for byte. ``--hardware`` and ``--engine`` leave the other cells as they
are.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent))
from fold_constants import fold_constants
from folds import SCHEMES
from interval_widths import stored_cases
from residual_shares import applied, error_of
from residual_training import (
    MIN_POINTS,
    Calibration,
    Cell,
    Constants,
    calibrate,
    cell_records,
    fit_residual,
    load_cells,
    training_view,
)

from budsim.perf_model.novelty import LEVELS, KnownCases
from budsim.perf_model.residual_features import FEATURE_VERSION, FEATURES
from budsim.simulator.model_cache import MANIFEST, read_models
from budsim.simulator.regressor import RESIDUAL_METRICS, STATIC_WIDTH, WIDTH_METRICS

OUTPUT = Path(__file__).resolve().parents[1] / "cache" / "pretrained_models"
_DEVICE_LEFT_OUT = ("hardware", "family_and_hardware")


def write_json(path: Path, content: dict[str, Any]) -> str:
    """Write a manifest and return its SHA-256."""
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    text = re.sub(r"\[[-+\d.,\se]+\]", lambda row: " ".join(row[0].split()), text)  # a row of numbers on one line
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()


def write_trees(folder: Path, name: str, trees: Any) -> dict[str, Any]:
    """Write trees as UBJSON and return what the manifest says of the file."""
    folder.mkdir(parents=True, exist_ok=True)
    content = bytes(trees.save_raw(raw_format="ubj"))
    (folder / name).write_bytes(content)
    return {"file": name, "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def residual_files(cell: Cell, folder: Path, constants: Constants) -> dict[str, Any]:
    """Fit the residual of every metric on all points of a cell and write it."""
    written = {}
    for metric in RESIDUAL_METRICS:
        fitted = fit_residual(cell, metric, constants, lambda of: np.ones(len(of.table), dtype=bool))
        if fitted is not None and fitted[1] >= MIN_POINTS:
            written[metric] = {**write_trees(folder, f"regressor_{metric}.ubj", fitted[0]), "points": fitted[1]}
    return written


def grouped_errors(records: pd.DataFrame, shrink: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Return held-out errors in percent by scheme and metric, with and without the residual."""
    judged = records[np.isfinite(records["truth"]) & records["scheme"].isin(SCHEMES)]
    judged = judged.assign(physics=error_of(-judged["truth"]), regressor=error_of(applied(judged, shrink)))
    answer: dict[str, Any] = {}
    for (scheme, metric), own in judged.groupby(["scheme", "metric"]):
        answer.setdefault(str(scheme), {})[str(metric)] = {
            "points": len(own),
            **{
                f"{name}_{kind}_percent": round(float(getattr(own[name], kind)()), 2)
                for name in ("physics", "regressor")
                for kind in ("median", "mean")
            },
        }
    return answer


def width_files(folder: Path, calibration: Calibration) -> tuple[dict[str, Any], dict[str, dict[str, float]]]:
    """Write the intervals of both methods; return the files and the factors by level."""
    files: dict[str, Any] = {}
    written: dict[int, dict[str, Any]] = {}
    for name, widths in sorted(calibration.widths.items()):
        if widths.trees is not None:
            if id(widths.trees) not in written:
                written[id(widths.trees)] = write_trees(folder, f"width_{name}.ubj", widths.trees)
            files[name] = written[id(widths.trees)]
    factors = {
        name: {level: round(value, 5) for level, value in widths.factors.items()}
        for name, widths in calibration.widths.items()
    }
    return files, factors


def counts(cell: Cell) -> dict[str, Any]:
    """Return what a cell was trained on."""
    table = cell.table
    return {
        "points": len(table),
        "predicted_points": 0,
        "model_families": int(table["fold_model_family"].nunique()),
        "by_source": table["source"].value_counts().to_dict(),
        "by_model": table["model"].value_counts().to_dict(),
        "by_hardware": table["hardware"].value_counts().to_dict(),
        "by_load_mode": table["load_mode"].value_counts().to_dict(),
    }


def train_cell(cell: Cell, folder: Path, constants: Constants) -> tuple[str, pd.DataFrame]:
    """Train one cell and write its folder; return the SHA-256 of its manifest and its held-out records."""
    for old in folder.glob("*.ubj"):
        old.unlink()
    records = cell_records(cell, constants)
    earned, calibration = cell.earns_residual(), calibrate(cell, records, constants)
    residuals = residual_files(cell, folder, constants) if earned else {}
    files, factors = width_files(folder, calibration)
    families = cell.table["fold_model_family"].nunique()
    reason = "" if earned else f"{len(cell.table)} points of {families} model families; 200 and 3 are needed"
    manifest = {
        "feature_version": FEATURE_VERSION,
        "features": list(FEATURES),
        "engine": cell.engine,
        "device_type": cell.device_type,
        "status": "residual" if earned else "physics",
        "reason": reason,
        "residuals": residuals,
        "widths": files,
        "factors": factors,
        "shrink": calibration.shrink,
        "trust": calibration.trust,
        "cases": KnownCases.of(training_view(cell, constants).described.features).to_dict(),
        "case_widths": stored_cases(calibration.widths).to_dict(),
        "training": counts(cell),
        "errors": grouped_errors(records, calibration.shrink),
    }
    return write_json(folder / MANIFEST, manifest), records


def fallback(records: list[pd.DataFrame]) -> dict[str, Any]:
    """Return the widths of what was never measured: errors of physics where a device was left out, cells alike."""
    factors = {}
    for metric in WIDTH_METRICS:
        measured = "e2e_s_mean" if metric == STATIC_WIDTH else metric
        judged = (r[r["scheme"].isin(_DEVICE_LEFT_OUT) & r["metric"].eq(measured)]["truth"].dropna() for r in records)
        sizes = [float(np.quantile(np.abs(own), 0.8)) for own in judged if len(own)]
        for method in ("heuristic", "regressor"):
            factors[f"{method}_{metric}"] = dict.fromkeys(LEVELS, round(float(np.mean(sizes)), 5))
    cases = KnownCases.from_dict({"identity": [], "low": [], "high": []}).to_dict()
    return {"factors": factors, "trust": {"ttft": 1.0, "tpot": 1.0, "e2e": 1.0}, "cases": cases}


def main() -> None:
    """Train the cells asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder with serving_train.csv")
    parser.add_argument("--hardware", default=None, help="only this type of device: cuda, rocm, cpu, hpu")
    parser.add_argument("--engine", default=None, help="only this engine")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    top = arguments.output / MANIFEST
    partial = arguments.hardware or arguments.engine
    stored = json.loads(top.read_text()) if partial and top.is_file() else {"cells": {}}
    every = []
    for (engine, device_type), cell in load_cells(arguments.data).items():
        if arguments.hardware not in (None, device_type) or arguments.engine not in (None, engine):
            continue
        start = time.perf_counter()
        digest, records = train_cell(cell, arguments.output / engine / device_type, fold_constants)
        stored["cells"][f"{engine}/{device_type}"] = digest
        every.append(records)
        print(f"{engine}/{device_type}: {len(cell.table)} points, {time.perf_counter() - start:.0f} s", flush=True)
    if not every:
        parser.error("no measured points for this engine and hardware")
    stored["fallback"] = stored.get("fallback") if partial and "fallback" in stored else fallback(every)
    stored["feature_version"] = FEATURE_VERSION
    digest = hashlib.sha256("".join(f"{k}{v}" for k, v in sorted(stored["cells"].items())).encode()).hexdigest()
    stored["model_version"] = f"f{FEATURE_VERSION}-{digest[:8]}"
    write_json(top, stored)
    models = read_models(arguments.output)
    print(f"version {models.version}: {len(models.cells)} cells written to {arguments.output} and read back")


if __name__ == "__main__":
    main()
