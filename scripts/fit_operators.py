"""Fits compact efficiency curves to the operator tables of ``aiconfigurator-core`` (training-time source, Apache-2.0).

    python scripts/fit_operators.py FOLDER [--output docs/operator_curves.csv]

FOLDER is ``aiconfigurator_core/systems/data`` of the unpacked package (0.12.0; needs pyarrow). Per device, engine,
version and format it fits, by least squares on the logarithm of measured time:

    gemm        t0 + ridge(bytes / (bandwidth e_memory), 2 (m + h) n k / (peak e_compute))
    prefill     t0 + ridge(4 B n^2/2 heads head_dim / (peak e_compute) (1 + h / n), bytes / (0.7 bandwidth))
    decode      t0 + ridge(cache bytes / (bandwidth e_memory), flops / (peak e_compute))
    moe         t0 + ridge(active experts' bytes / (bandwidth e_memory) + copies, flops / (peak e_compute)),
                active = E (1 - (1 - k/E)^(1 + evenness (T - 1))), flops of T k rows and a tile per active expert
    all_reduce  t0 (1 + l log2 n) + 2 (n-1)/n bytes / (link e_memory)

with ridge the 4-norm and peaks of dense arithmetic. Half of the rows are fitted, the error is the median on the other
half. The defaults of ``engine_constants.DEFAULTS`` are medians over engines of the newest versions, rounded. The
defective fp8_block GEMM rows of vLLM 0.24.0 are left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from numpy.typing import NDArray
from scipy.optimize import least_squares

Floats = NDArray[np.float64]
Curve = tuple[str, Floats, float, int]
DEVICES = ("a100_sxm", "h100_sxm", "h200_sxm", "b200_sxm", "b300_sxm", "gb200", "l40s", "rtx_pro_6000_server")
MAX_ROWS = 2500
# Bytes per weight with its scales, and the peak that multiplies it.
FORMATS = {
    "bfloat16": (2.0, "bfloat16_tc_flops"),
    "float16": (2.0, "bfloat16_tc_flops"),
    "fp8": (1.0, "fp8_tc_flops"),
    "fp8_block": (1.0, "fp8_tc_flops"),
    "nvfp4": (0.5625, "fp4_tc_flops"),
    "w4a16_mxfp4": (0.53, "bfloat16_tc_flops"),
    "w4a8_mxfp4_mxfp8": (0.53, "fp8_tc_flops"),
    "int4_wo": (0.53, "bfloat16_tc_flops"),
}
CACHE_BYTES = {"bfloat16": 2.0, "float16": 2.0, "fp8": 1.0}


def ridge(a: Floats, b: Floats) -> Floats:
    """Return the 4-norm."""
    return (a**4 + b**4) ** 0.25


def fit(
    model: Callable[[Floats, pd.DataFrame], Floats], rows: pd.DataFrame, start: list[float]
) -> tuple[Floats, float]:
    """Return the constants that fit even rows best, and the median error in percent on the odd ones."""
    rows = rows.sample(min(len(rows), MAX_ROWS), random_state=0)
    fitted, tested = rows.iloc[::2], rows.iloc[1::2]

    def residual(logs: Floats) -> Floats:
        return np.log(model(np.exp(logs), fitted) / (fitted["latency"].to_numpy(float) * 1e-3))

    found = np.exp(least_squares(residual, np.log(start), loss="soft_l1", f_scale=0.2).x)
    errors = model(found, tested) / (tested["latency"].to_numpy(float) * 1e-3) - 1.0
    return found, float(100 * np.median(np.abs(errors)))


def gemm_curves(table: pd.DataFrame, gpu: dict[str, float]) -> Iterator[Curve]:
    """Yield (format, constants, held-out error, rows)."""
    table = table[
        table[["n", "k"]].min(axis=1).ge(512) & table[["n", "k"]].max(axis=1).le(20_000) & table["m"].le(16_384)
    ]
    for name, rows in table.groupby("gemm_dtype"):
        if name not in FORMATS:
            continue
        weight, peak = FORMATS[name][0], gpu.get(FORMATS[name][1]) or gpu["bfloat16_tc_flops"]
        rows = rows.groupby(["m", "n", "k"], as_index=False)["latency"].min()

        def model(p: Floats, r: pd.DataFrame, weight: float = weight, peak: float = peak) -> Floats:
            m, n, k = (r[c].to_numpy(float) for c in ("m", "n", "k"))
            moved = n * k * weight + m * k * min(weight, 2.0) + 2 * m * n
            return p[0] + ridge(moved / (gpu["mem_bw"] * p[1]), 2 * (m + p[3]) * n * k / (peak * p[2]))

        constants, error = fit(model, rows, [4e-6, 0.7, 0.6, 32.0])
        yield name, constants, error, len(rows)


def attention_curves(table: pd.DataFrame, gpu: dict[str, float], prefill: bool) -> Iterator[Curve]:
    """Yield (head width and cache format, constants, held-out error, rows)."""
    for name in ("kv_cache_dtype", "attn_dtype"):
        table[name] = table.get(name, "bfloat16")
    table["window_size"] = table.get("window_size", 0)
    kv_heads = table["num_key_value_heads"].where(table["num_key_value_heads"] > 0, table["num_heads"])
    table = table.assign(kv_heads=kv_heads)[(table["window_size"] == 0) & table["head_dim"].isin([64, 128])]
    if prefill:
        table = table[table["isl"].ge(128) & (table["batch_size"] * table["isl"]).le(65_536) & table["num_heads"].ge(4)]
    else:
        table = table[
            table["kv_heads"].le(8) & (table["num_heads"] / table["kv_heads"]).le(16) & table["num_heads"].ge(4)
        ]
    for (width, cache, arithmetic), rows in table.groupby(["head_dim", "kv_cache_dtype", "attn_dtype"]):

        def model(p: Floats, r: pd.DataFrame, width: float = width, cache: str = cache) -> Floats:
            b, n, h, kv = (r[c].to_numpy(float) for c in ("batch_size", "isl", "num_heads", "kv_heads"))
            if prefill:
                compute = 2 * b * n * n * h * width / (gpu["bfloat16_tc_flops"] * p[2]) * (1 + p[3] / n)
                return p[0] + ridge(compute, 4 * b * n * (h + kv) * width / (gpu["mem_bw"] * 0.7))
            context = r["step"].to_numpy(float) + 1
            moved = 2 * b * context * kv * width * CACHE_BYTES[cache] / (gpu["mem_bw"] * p[1])
            return p[0] + ridge(moved, 4 * b * context * h * width / (gpu["bfloat16_tc_flops"] * p[2]))

        if len(rows) >= 100:
            constants, error = fit(model, rows, [8e-6, 0.7, 0.5, 300.0])
            yield f"{width} {cache} cache, {arithmetic}", constants, error, len(rows)


def moe_curves(table: pd.DataFrame, gpu: dict[str, float]) -> Iterator[Curve]:
    """Yield (format and kernel, constants with evenness and tile, held-out error, rows)."""
    skewed = table["distribution"].str.contains("1.2")
    table = table[skewed if skewed.any() else table["distribution"].notna()]
    table = table[table["moe_ep_size"].eq(1) & table["moe_tp_size"].le(8) & table["num_experts"].ge(32)]
    table = table[(table["inter_size"] / table["moe_tp_size"]).ge(128) & table["hidden_size"].ge(2048)]
    for (name, kernel), rows in table.groupby(["moe_dtype", "kernel_source"]):
        if name not in FORMATS or len(rows) < 100:
            continue
        weight, peak = FORMATS[name][0], gpu.get(FORMATS[name][1]) or gpu["bfloat16_tc_flops"]

        def model(p: Floats, r: pd.DataFrame, weight: float = weight, peak: float = peak) -> Floats:
            t, hidden, k, e = (r[c].to_numpy(float) for c in ("num_tokens", "hidden_size", "topk", "num_experts"))
            inner = r["inter_size"].to_numpy(float) / r["moe_tp_size"].to_numpy(float)
            active = e * (1 - (1 - k / e) ** (1 + p[4] * np.maximum(0.0, t - 1)))
            moved = active * 3 * hidden * inner * weight / (gpu["mem_bw"] * p[1])
            moved += t * k * (2 * hidden + 3 * inner) * 2 / (gpu["mem_bw"] * 0.7)
            return p[0] + ridge(moved, 6 * hidden * inner * (t * k + active * p[3]) / (peak * p[2]))

        constants, error = fit(model, rows, [30e-6, 0.7, 0.4, 40.0, 0.7])
        yield f"{name} {kernel}", constants, error, len(rows)


def all_reduce_curves(table: pd.DataFrame, link: float) -> Iterator[Curve]:
    """Yield (kernel, constants, held-out error, rows); message sizes are elements of 16 bit."""
    table = table[table["op_name"].eq("all_reduce") & table["num_gpus"].le(8) & table["message_size"].le(2**27)]
    for kernel, rows in table.groupby("kernel_source"):

        def model(p: Floats, r: pd.DataFrame) -> Floats:
            n, size = r["num_gpus"].to_numpy(float), r["message_size"].to_numpy(float) * 2
            return p[0] * (1 + p[3] * np.log2(n)) + 2 * (n - 1) / n * size / (link * p[1])

        if len(rows) >= 40:
            constants, error = fit(model, rows, [5e-6, 0.6, 1.0, 0.2])
            yield str(kernel), constants, error, len(rows)


def curves(folder: Path, device: str) -> Iterator[dict[str, object]]:
    """Yield one row per fitted curve of a device."""
    datasheet = yaml.safe_load((folder.parent / f"{device}.yaml").read_text())
    gpu, link = datasheet["gpu"], datasheet["node"]["intra_node_bw"]
    kinds: list[tuple[str, str, Callable[[pd.DataFrame], Iterator[Curve]]]] = [
        ("gemm", "gemm/*/*/gemm_perf", lambda t: gemm_curves(t, gpu)),
        ("prefill", "attention/*/*/context_attention_perf", lambda t: attention_curves(t, gpu, True)),
        ("decode", "attention/*/*/generation_attention_perf", lambda t: attention_curves(t, gpu, False)),
        ("moe", "moe/*/*/moe_perf", lambda t: moe_curves(t, gpu)),
        ("all_reduce", "comm/*/*/custom_allreduce_perf", lambda t: all_reduce_curves(t, link)),
    ]
    for operator, pattern, found in kinds:
        for path in sorted((folder / device).glob(pattern + ".parquet")):
            engine, version = path.parts[-3:-1]
            table = pd.read_parquet(path)
            if operator == "gemm" and (engine, version) == ("vllm", "0.24.0"):
                table = table[table["gemm_dtype"] != "fp8_block"]
            for name, p, error, rows in found(table):
                row: dict[str, object] = {"device": device, "operator": operator, "engine": engine, "version": version}
                row |= {"kind": name, "t0_us": p[0] * 1e6, "e_memory": p[1], "e_compute": p[2], "h_or_tile": p[3]}
                yield row | {"evenness": p[4] if p.size > 4 else None, "held_out_error_percent": error, "rows": rows}


def main() -> None:
    """Fit all devices and write the curves."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, default=Path("docs/operator_curves.csv"))
    arguments = parser.parse_args()
    found = pd.DataFrame([row for device in DEVICES for row in curves(arguments.folder, device)])
    found.to_csv(arguments.output, index=False, float_format="%.3g")
    print(found.groupby("operator")["held_out_error_percent"].describe().round(1).to_string())


if __name__ == "__main__":
    main()
