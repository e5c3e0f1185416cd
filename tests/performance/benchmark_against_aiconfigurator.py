"""BudSim beside ``aiconfigurator-core`` 0.12 on the points that both answer: errors and points per second, one run.

    python tests/performance/benchmark_against_aiconfigurator.py --data ../shared/data [--points 400]

Skips where the package (extra ``training``, x86-64 only) or the measurements are absent. Errors of BudSim are those of
points whose configuration was left out of physics and trees (``scripts/validate_models.py --store``), where a stored
table is given with ``--held-out``; else the installed models answer, which have seen these points.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

SYSTEMS = {
    "H100-SXM-80GB": "h100_sxm",
    "H200-141GB": "h200_sxm",
    "B200": "b200_sxm",
    "GB200": "gb200",
    "B300": "b300_sxm",
}
BACKENDS = {"vllm": "vllm", "sglang": "sglang", "trtllm": "trtllm"}
# precision: GEMM, MoE
FORMATS = {"bf16": ("bfloat16", "bfloat16"), "fp8": ("fp8", "fp8"), "fp4": ("nvfp4", "nvfp4"), "int4": (None, None)}
DEFAULT_CONTEXT_TOKENS = 8192
# Its own names of models whose configs it carries.
MODELS = {
    "meta-llama/Llama-3.1-8B-Instruct": "meta-llama/Meta-Llama-3.1-8B",
    "meta-llama/Llama-3.1-70B": "meta-llama/Meta-Llama-3.1-70B",
    "nvidia/DeepSeek-R1-NVFP4": "deepseek-ai/DeepSeek-R1",
}


class Aiconfigurator:
    """The other tool's estimator of aggregated serving, with its databases and models kept between calls."""

    def __init__(self) -> None:
        self._kept: dict[Any, Any] = {}

    def predict(self, row: pd.Series) -> tuple[float, float] | None:
        """Return TPOT and TTFT in ms; None where it has no data for the point."""
        from aiconfigurator_core.sdk.config import RuntimeConfig

        key = tuple(row[["model", "hardware", "engine", "precision", "tp", "ep", "dp_attention"]].astype(str))
        if key not in self._kept:
            self._kept[key] = self._prepared(row)
        if self._kept[key] is None:
            return None
        backend, model, database = self._kept[key]
        tokens = row["max_num_batched_tokens"]
        context_tokens = int(tokens) if tokens > 0 else DEFAULT_CONTEXT_TOKENS
        runtime = RuntimeConfig(batch_size=int(row["concurrency"]), isl=int(row["isl"]), osl=int(row["osl"]))
        try:
            summary = backend.run_agg(model, database, runtime, ctx_tokens=max(context_tokens, 1))
        except (ValueError, KeyError, RuntimeError, AssertionError, IndexError, AttributeError, TypeError):
            return None  # what it has no table for ends in one of these
        frame = summary.get_summary_df()
        if frame is None or frame.empty:
            return None
        return float(frame["tpot"].iloc[0]), float(frame["ttft"].iloc[0])

    def forget_answers(self) -> None:
        """Drop the answers it remembers, so that a second run is work and not a look-up; databases stay."""
        for kept in self._kept.values():
            if kept is not None:
                kept[0]._agg_cache.clear()

    def _prepared(self, row: pd.Series) -> Any:
        from aiconfigurator_core.sdk.backends.factory import get_backend
        from aiconfigurator_core.sdk.config_builders import build_model_config
        from aiconfigurator_core.sdk.models import get_model
        from aiconfigurator_core.sdk.perf_database import get_database, get_latest_database_version
        from aiconfigurator_core.sdk.utils import HuggingFaceDownloadError

        system, engine = SYSTEMS.get(row["hardware"]), BACKENDS.get(row["engine"])
        if system is None or engine is None:
            return None
        try:
            version = get_latest_database_version(system, engine)
            database = get_database(system, engine, version)
            tp, ep = int(row["tp"]), int(row["ep"]) if row["ep"] > 1 else 1
            attention_dp = tp if row["dp_attention"] in (1, True, "1", "True") else 1
            gemm, moe = FORMATS.get(str(row["precision"]), (None, None))
            config = build_model_config(
                tp // attention_dp, 1, attention_dp, max(1, tp // ep), ep, gemm_quant_mode=gemm, moe_quant_mode=moe
            )
            return get_backend(engine), get_model(MODELS.get(row["model"], row["model"]), config, engine), database
        except (
            HuggingFaceDownloadError,
            ValueError,
            KeyError,
            RuntimeError,
            AssertionError,
            OSError,
            TypeError,
        ) as problem:
            print(f"  no estimate for {row['model']} on {row['hardware']} with {row['engine']}: {str(problem)[:90]}")
            return None


def errors(table: pd.DataFrame, name: str) -> str:
    """Return median and mean absolute percentage errors of TPOT and TTFT."""
    parts = []
    for metric in ("tpot", "ttft"):
        error = (table[f"{name}_{metric}"] / table[f"measured_{metric}_ms"] - 1).abs() * 100
        parts.append(f"{metric.upper()} {error.median():.1f} / {error.mean():.1f} %")
    return ", ".join(parts)


def main() -> int:
    """Compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--held-out", type=Path, default=None, help="CSV of validate_models.py --store")
    parser.add_argument("--points", type=int, default=0, help="only so many points, evenly taken; 0 = all")
    arguments = parser.parse_args()
    if importlib.util.find_spec("aiconfigurator_core") is None or not (arguments.data / "serving_train.csv").is_file():
        print("skipped: aiconfigurator-core or the measurements are not here")
        return 0
    from folds import is_population
    from serving_measurements import read_measurements

    from budsim.simulator.points_reader import read_rows
    from budsim.simulator.predictors import make_predictor

    table = read_measurements(arguments.data)
    table = table[is_population(table)].reset_index(drop=True)
    if arguments.points:
        table = table.iloc[:: max(1, len(table) // arguments.points)].reset_index(drop=True)
    other = Aiconfigurator()
    found = [other.predict(row) for _, row in table.iterrows()]
    answered = table[[value is not None for value in found]].reset_index(drop=True)
    other.forget_answers()
    start = time.perf_counter()
    again = [other.predict(row) for _, row in answered.iterrows()]
    other_s = time.perf_counter() - start
    answered[["other_tpot", "other_ttft"]] = pd.DataFrame(again).to_numpy()
    points = [row.point for row in read_rows(answered)]
    make_predictor().predict(points[:50])  # compiled, read
    start = time.perf_counter()
    answers = make_predictor().predict(points)  # a new predictor remembers no answer
    ours_s = time.perf_counter() - start
    answered["ours_tpot"] = [getattr(answer, "tpot_ms_mean", float("nan")) for answer in answers]
    answered["ours_ttft"] = [getattr(answer, "ttft_ms_mean", float("nan")) for answer in answers]
    print(f"{len(answered)} of {len(table)} points answered by both; source x engine:")
    print(answered.groupby(["source", "engine"]).size().to_string())
    print(f"aiconfigurator-core: {errors(answered, 'other')}; {len(answered) / other_s:,.0f} points/s warm")
    print(
        f"BudSim, models that have seen them: {errors(answered, 'ours')}; {len(answered) / ours_s:,.0f} points/s warm"
    )
    if arguments.held_out is not None:
        print(_held_out(answered, pd.read_csv(arguments.held_out, low_memory=False)))
    return 0


def _held_out(answered: pd.DataFrame, judged: pd.DataFrame) -> str:
    """Return BudSim's errors on the same points when their configurations were left out."""
    own = judged[judged["scheme"].eq("unseen_configuration") & judged["method"].eq("regressor")]
    joined = answered.merge(
        own[["measured_row", "tpot_ms_mean", "ttft_ms_mean"]], left_on="row_id", right_on="measured_row"
    )
    joined = joined.rename(columns={"tpot_ms_mean": "held_tpot", "ttft_ms_mean": "held_ttft"})
    return f"BudSim, configurations left out ({len(joined)} points): {errors(joined, 'held')}"


if __name__ == "__main__":
    sys.exit(main())
