"""Golden predictions: what both methods answer to about sixty configurations, so that every change is a reviewed diff.

    python scripts/prediction_golden.py            # prints what has changed
    python scripts/prediction_golden.py --write    # replaces tests/golden/predictions.csv

Run it with ``--write`` after a change of physics or of the trained models that is meant, and review the difference.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from budsim.simulator.points_table import predict

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden" / "predictions.csv"
METHODS = ("regressor", "heuristic")
FIGURES = ("ttft_ms_mean", "ttft_ms_p99", "tpot_ms_mean", "e2e_s_mean", "output_tps", "e2e_s_mean_lo", "e2e_s_mean_hi")
DIGITS = 5

# model, hardware, engine, precision, tp
DEPLOYMENTS = (
    ("meta-llama/Llama-3.1-8B-Instruct", "H100-SXM-80GB", "vllm", "bf16", 1),
    ("meta-llama/Llama-3.1-8B-Instruct", "A100-SXM-80GB", "vllm", "bf16", 1),
    ("meta-llama/Llama-3.1-8B-Instruct", "L40S", "vllm", "fp8", 1),
    ("meta-llama/Llama-3.1-8B-Instruct", "H100-SXM-80GB", "trtllm", "fp8", 1),
    ("meta-llama/Llama-3.3-70B-Instruct", "H100-SXM-80GB", "vllm", "fp8", 4),
    ("meta-llama/Llama-3.3-70B-Instruct", "H200-141GB", "sglang", "fp8", 2),
    ("meta-llama/Llama-3.3-70B-Instruct", "MI300X", "vllm", "bf16", 2),
    ("Qwen/Qwen3-32B", "H100-SXM-80GB", "vllm", "fp8", 2),
    ("Qwen/Qwen3-32B", "H100-SXM-80GB", "sglang", "bf16", 4),
    ("Qwen/Qwen3-30B-A3B", "H200-141GB", "vllm", "bf16", 1),
    ("openai/gpt-oss-120b", "H200-141GB", "vllm", "mxfp4", 2),
    ("openai/gpt-oss-120b", "B200", "trtllm", "mxfp4", 2),
    ("deepseek-ai/DeepSeek-R1", "B200", "sglang", "fp8", 8),
    ("Qwen/Qwen3-8B", "Xeon-6767P", "vllm", "bf16", 1),
    ("mistralai/Mistral-7B-v0.1", "Gaudi2", "vllm", "bf16", 1),
)
# load_mode, concurrency, request_rate, isl, osl
LOADS = (
    ("closed_loop", 1, None, 1024, 128),
    ("closed_loop", 32, None, 1024, 512),
    ("static_batch", 8, None, 512, 256),
    ("poisson", None, 0.5, 2048, 256),
)


def configurations() -> pd.DataFrame:
    """Return the configurations, one a row, in the columns of the batch interface."""
    rows = [(*deployment, *load) for deployment in DEPLOYMENTS for load in LOADS]
    names = ["model", "hardware", "engine", "precision", "tp", "load_mode", "concurrency", "request_rate", "isl", "osl"]
    return pd.DataFrame(rows, columns=names).assign(num_devices=lambda table: table["tp"])


def golden_table() -> pd.DataFrame:
    """Return what both methods answer, figures rounded to five digits."""
    asked = configurations()
    parts = []
    for method in METHODS:
        answered = predict(asked, method=method)
        figures = answered[list(FIGURES)].astype(float).map(lambda value: float(f"{value:.{DIGITS}g}"))
        parts.append(pd.concat([asked, answered[["status", "basis"]], figures], axis=1).assign(method=method))
    return pd.concat(parts, ignore_index=True)


def main() -> None:
    """Print or write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    found = golden_table()
    if arguments.write:
        found.to_csv(GOLDEN, index=False, lineterminator="\n")
        print(f"{GOLDEN}: {len(found)} rows")
        return
    stored = pd.read_csv(GOLDEN)
    for name in FIGURES:
        change = (found[name] / stored[name] - 1).abs()
        print(f"{name}: {int((change > 5e-4).sum())} of {len(found)} changed, largest {change.max():.2%}")


if __name__ == "__main__":
    main()
