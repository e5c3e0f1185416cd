"""What a worker process does: one search, from plain JSON to plain JSON.

The predictor compiles code when it is imported. Only workers need it, so it is imported inside the functions: the
service, which merely names them, starts without it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from budsim.commons.search_pool import report_progress, should_stop
from budsim.perf_model.engine_settings import EngineSettings
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.model_architecture import LayerKind, ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import Precision
from budsim.perf_model.serving_point import Infeasible, Prediction, ServingPoint
from budsim.perf_model.workload import Workload
from budsim.simulator.group_task import GroupTask
from budsim.simulator.simulation import search_group

if TYPE_CHECKING:
    from budsim.simulator.candidate import Predictor

# What a worker imports before it takes work.
PRELOAD = ("budsim.simulator.search_worker", "budsim.simulator.predictors", "xgboost", "budsim.engine_ops")


def predictor(method: str, model_version: str | None = None) -> Predictor:
    """Return a predictor of one method. It is made for one search: what it remembers belongs to that search's model."""
    from budsim.simulator.predictors import make_predictor

    return make_predictor(method, model_version)


class UntilTold:
    """A predictor that answers until the search is to end, and then says of every further point that it did not."""

    def __init__(self, inner: Predictor) -> None:
        self._inner = inner
        self.num_skipped = 0
        self._batch_size = 8

    def predict(self, points: Sequence[ServingPoint]) -> list[Prediction | Infeasible]:
        """Return a prediction of each point, in order, as far as there is time."""
        answers: list[Prediction | Infeasible] = []
        while len(answers) < len(points):
            batch = points[len(answers) : len(answers) + self._batch_size]
            if should_stop():
                self.num_skipped += len(points) - len(answers)
                return answers + [_NOT_REACHED] * (len(points) - len(answers))
            started = time.perf_counter()
            answers += self._inner.predict(batch)
            # Trained models answer whole batches; how many points make half a second depends on the load.
            is_quick = time.perf_counter() - started < SECONDS_BETWEEN_LOOKS
            self._batch_size = min(2 * self._batch_size, 1024) if is_quick else max(1, self._batch_size // 2)
        return answers


SECONDS_BETWEEN_LOOKS = 0.5
_NOT_REACHED = Infeasible("not_reached", "The time of the run was over before this configuration was looked at.")


def search(task: dict[str, Any], method: str) -> dict[str, Any]:
    """Return the outcome of one ``GroupTask``, with ``seconds`` it took and ``work``: who did it, and when.

    A search whose time is over returns the best so far, with ``is_complete`` false.
    """
    started, began_ns = time.perf_counter(), time.time_ns()
    group_task = GroupTask.from_dict(task)
    watched = UntilTold(calibrated(predictor(method, group_task.request.model_version), task.get("calibrations") or ()))
    outcome = search_group(
        group_task, predictor=watched, method=method, should_stop=should_stop, on_progress=report_progress
    ).to_dict()
    if watched.num_skipped:
        outcome |= {"is_complete": False, "remedies": []}
    work = {"began_ns": began_ns, "ended_ns": time.time_ns(), "process_id": os.getpid()}
    return {**outcome, "seconds": time.perf_counter() - started, "work": work}


def calibrated(inner: Predictor, calibrations: Sequence[dict[str, Any]]) -> Predictor:
    """Return a predictor that knows what was calibrated; itself where nothing was."""
    if not calibrations:
        return inner
    from budsim.perf_model.calibration import Calibration
    from budsim.simulator.calibrated import CalibratedPredictor

    return CalibratedPredictor(inner, [Calibration.from_dict(content) for content in calibrations])


def warm_up() -> None:
    """Predict one small point, so that what is compiled on first use is ready before the first request."""
    arch = ModelArchitecture(
        name="warm-up",
        model_type="llama",
        architectures=("LlamaForCausalLM",),
        num_layers=1,
        hidden_size=64,
        num_heads=4,
        num_kv_heads=4,
        head_dim=16,
        intermediate_size=128,
        vocab_size=256,
        tie_word_embeddings=False,
        max_position_embeddings=2048,
        layer_kinds=(LayerKind.FULL,),
    )
    device = DeviceSpec(
        name="warm-up",
        vendor="NVIDIA",
        device_type="cuda",
        architecture="hopper",
        memory_bytes=80_000_000_000,
        memory_bandwidth_bytes_per_s=3.35e12,
        peak_flops={"bf16": 989.5e12},
    )
    settings = EngineSettings("vllm", None, 8, 2048, 1024, 0.9, "bf16")
    point = ServingPoint(
        arch, device, ParallelPlan(), Precision("bf16", 2.0, 2.0, "bf16"), settings, Workload(16, 8, concurrency=2)
    )
    predictor("heuristic").predict([point])
