"""Error of the memory model on models that none of its fitted constants saw.

For each model of the start-up logs, every fitted constant of ``engine_reserve.ReserveConstants`` is fitted again on the
other models' logged activations and non-torch memory, and the model's KV tokens are predicted from its config alone.

Usage: ``python scripts/memory_leave_one_out.py [LOGS.csv]``; the columns are those of ``vllm_memory_logs.csv``.
"""

from __future__ import annotations

import re
import sys
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import least_squares

from budsim.commons.catalogs import hardware_catalog
from budsim.engine_ops import resolve_engine_settings
from budsim.model_ops.services import default_library
from budsim.perf_model.engine_reserve import FITTED, ReserveConstants, engine_reserve
from budsim.perf_model.memory import MemoryCorrection, MemoryEstimate, estimate_memory
from budsim.perf_model.parallelism import ParallelPlan, stage_layer_ranges
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.serving_point import ServingPoint
from budsim.perf_model.workload import Workload

GIB = 2**30
LOGS = Path(__file__).resolve().parents[2] / "shared" / "data" / "vllm_memory_logs.csv"
# Where a fit starts and what holds it where no log of the others speaks: round figures, not fitted ones.
PRIOR = ReserveConstants(4.0, 1.0, 12.0, 36.0, 2.0, 6.0, (0.2, 1.0, 1.0))
PRIOR_WEIGHT = 0.02  # GiB that a constant may cost by lying at twice its prior


@dataclass(frozen=True)
class LoggedStart:
    """One row of the logs and the serving point that it is of."""

    row: Any
    point: ServingPoint

    @property
    def family(self) -> str:
        """The model whatever its precision: repacks of one model are left out together."""
        name = self.row.model.rpartition("/")[2].lower().removeprefix("meta-")
        return re.sub(r"(-instruct|-quantized\.w8a8|-fp8-dynamic|-it)+$", "", name)


def serving_point(row: Any) -> ServingPoint:
    """Return the serving point of a row."""
    arch = default_library().resolve(row.model)
    device = hardware_catalog().match(re.sub(r"^\d+x", "", row.hardware)).spec
    name = re.sub(r"\+compressed-tensors", "", row.precision)
    precision = resolve_precision(None if "compressed" in row.precision else name, arch, device)
    plan = ParallelPlan(int(row.tp), int(row.pp) if row.pp > 0 else 1)
    workload = Workload(1024, 1024)
    overrides = {
        "max_model_len": row.max_model_len,
        "gpu_memory_utilization": row.gpu_memory_utilization,
        "kv_cache_dtype": row.kv_dtype,
    }
    settings = resolve_engine_settings(
        "vllm", row.engine, arch=arch, device=device, workload=workload, overrides=overrides, precision=precision,
        plan=plan,
    )  # fmt: skip
    return ServingPoint(arch, device, plan, precision, settings, workload)


def logged_starts(path: Path) -> list[LoggedStart]:
    """Return the rows that state KV tokens, utilisation, maximum length, and a released version."""
    logs = pd.read_csv(path)
    needed = ["kv_cache_tokens", "gpu_memory_utilization", "max_model_len", "available_kv_gib"]
    logs = logs[logs[needed].notna().all(axis=1) & logs.engine.str.match(r"vllm 0\.\d+\.\d+$")]
    return [LoggedStart(row, serving_point(row)) for row in logs.itertuples(index=False)]


def _constants(values: NDArray[np.float64]) -> ReserveConstants:
    return ReserveConstants(*values[:6].tolist(), tuple(values[6:].tolist()))


def _values(constants: ReserveConstants) -> NDArray[np.float64]:
    *scalars, non_torch = astuple(constants)
    return np.array([*scalars, *non_torch])


def refit(starts: list[LoggedStart]) -> ReserveConstants:
    """Return the constants that explain the logged activations and non-torch memory of ``starts`` best.

    The log states them for rank 0, which is the first stage.
    """
    prior = _values(PRIOR)

    def misses(values: NDArray[np.float64]) -> NDArray[np.float64]:
        constants = _constants(values)
        found = [PRIOR_WEIGHT * (values / prior - 1)]
        for start in starts:
            layers = stage_layer_ranges(start.point.arch.num_layers, start.point.plan.pp_size)[0]
            reserve = engine_reserve(start.point, 0, len(layers), constants)
            logged = start.row.activation_gib, start.row.non_torch_gib
            computed = reserve.activation_bytes / GIB, reserve.non_torch_bytes / GIB
            found.append(np.array([(a - b) if b == b else 0.0 for a, b in zip(computed, logged, strict=True)]))
        return np.concatenate(found)

    return _constants(least_squares(misses, prior, loss="soft_l1", f_scale=0.05).x)


def token_error(start: LoggedStart, constants: ReserveConstants) -> float:
    """Return predicted over logged KV tokens minus one, from the config alone.

    A pipeline's last stage decides; its constants differ from the packaged ones by one correction.
    """
    point = start.point
    last = point.plan.pp_size - 1
    layers = stage_layer_ranges(point.arch.num_layers, point.plan.pp_size)[last]
    packaged, refitted = (engine_reserve(point, last, len(layers), item) for item in (FITTED, constants))
    correction = MemoryCorrection(
        activation_bytes=refitted.activation_bytes - packaged.activation_bytes,
        non_torch_bytes=refitted.non_torch_bytes - packaged.non_torch_bytes,
    )
    answer = estimate_memory(point, correction=correction)
    return answer.kv_cache_tokens / start.row.kv_cache_tokens - 1 if isinstance(answer, MemoryEstimate) else np.inf


def held_out_errors(starts: list[LoggedStart]) -> pd.DataFrame:
    """Return model, held-out and in-sample relative error of the KV tokens of every start."""
    rows = []
    for family in sorted({start.family for start in starts}):
        constants = refit([start for start in starts if start.family != family])
        rows += [
            {
                "model": start.row.model,
                "tp": start.point.plan.tp_size,
                "pp": start.point.plan.pp_size,
                "held_out": token_error(start, constants),
                "in_sample": token_error(start, FITTED),
            }
            for start in starts
            if start.family == family
        ]
    return pd.DataFrame(rows)


def main() -> None:
    """Print the errors by model and over all."""
    errors = held_out_errors(logged_starts(Path(sys.argv[1]) if len(sys.argv) > 1 else LOGS))
    print(errors.to_string(float_format=lambda value: f"{value:+.3%}"))
    for column in ("held_out", "in_sample"):
        size = errors[column].abs()
        tail = f"p90 {size.quantile(0.9):.3%}, max {size.max():.3%}"
        print(f"{column}: {len(size)} starts, median {size.median():.3%}, {tail}")


if __name__ == "__main__":
    main()
