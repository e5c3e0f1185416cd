"""A core for service tests: real planning, search and ranking over a predictor that costs nothing and can be slowed."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from search_doubles import tiny_arch

from budsim.commons.catalogs import hardware_catalog
from budsim.commons.errors import SimulationTimeoutError, UnknownModelError
from budsim.commons.search_pool import SearchStoppedError
from budsim.perf_model.serving_point import Prediction
from budsim.simulator.group_task import GroupTask
from budsim.simulator.simulation import plan_tasks, search_group
from budsim.simulator.simulation_request import JobKind

CLUSTER_A = "11111111-1111-4111-8111-111111111111"
CLUSTER_B = "22222222-2222-4222-8222-222222222222"
MODEL = "tests/one-billion"


def a100(available=8):
    return {
        "type": "cuda",
        "name": "NVIDIA-A100-SXM4-80GB",
        "raw_name": "NVIDIA-A100-SXM4-80GB",
        "mem_per_GPU_in_GB": 80,
        "available_count": available,
        "total_count": 8,
    }


def clusters():
    """Two clusters of A100: one node, and two nodes."""

    def node(name):
        return {"id": name, "name": name, "status": True, "is_master": False, "devices": [a100()]}

    return [
        {"id": CLUSTER_A, "name": "a", "nodes": [node("a-1")]},
        {"id": CLUSTER_B, "name": "b", "nodes": [node("b-1"), node("b-2")]},
    ]


class RoundPredictor:
    """Latency grows with the load and shrinks with TP; 100 ms to the first token and 10 ms a token for one user."""

    def predict(self, points):
        return [self._one(point) for point in points]

    def _one(self, point):
        users = point.workload.concurrency or 1
        slowness = (1 + users / 32) / point.plan.tp_size
        ttft_s, tpot_s = 0.1 * slowness, 0.01 * slowness
        e2e_s = ttft_s + tpot_s * (point.workload.osl - 1)
        return Prediction(
            ttft_ms_mean=1e3 * ttft_s, ttft_ms_p50=1e3 * ttft_s, ttft_ms_p90=1.2e3 * ttft_s, ttft_ms_p95=1.3e3 * ttft_s,
            ttft_ms_p99=1.5e3 * ttft_s, tpot_ms_mean=1e3 * tpot_s, tpot_ms_p99=1e3 * tpot_s, itl_ms_p99=1e3 * tpot_s,
            e2e_s_mean=e2e_s, e2e_s_p50=e2e_s, e2e_s_p95=1.1 * e2e_s, e2e_s_p99=1.2 * e2e_s,
            output_tps=users * point.workload.osl / e2e_s, tps_per_user=point.workload.osl / e2e_s,
            request_throughput=users / e2e_s, saturated=False, kv_cache_tokens=100_000, max_concurrency=100.0,
        )  # fmt: skip


@dataclass
class InProcessBackend:
    """The ``SearchBackend`` of these tests.

    ``gate`` is open unless a test closes it; ``failures`` are raised by the next searches, in order.
    """

    workers: int = 2
    gate: threading.Event = field(default_factory=threading.Event)
    failures: list = field(default_factory=list)
    searches: list = field(default_factory=list)

    def __post_init__(self):
        self.gate.set()

    def plan(self, request, known, models):
        if request.job is None and not models[0].startswith("tests/"):
            raise UnknownModelError(f"No model is called {models[0]!r}.", {"field": "model"})
        parsed, problems = known.parsed()
        proprietary = request.job is not None and request.job.kind is JobKind.PROPRIETARY
        arch = None if proprietary else tiny_arch(models[0])
        plan = plan_tasks(request, parsed, arch=arch, catalog=hardware_catalog())
        return plan, [f"{problem.path}: {problem.reason}" for problem in problems]

    def search(self, task, method, timeout_s, *, is_over=lambda: False, **_watch):
        self.searches.append(task["task_key"])
        started = time.perf_counter()
        while not self.gate.wait(min(0.1, timeout_s)):
            if is_over():
                raise SearchStoppedError("stopped")
            if time.perf_counter() - started >= min(timeout_s, 30):
                raise SimulationTimeoutError("too late")
        if self.failures:
            raise self.failures.pop(0)
        outcome = search_group(GroupTask.from_dict(task), predictor=RoundPredictor()).to_dict()
        return {**outcome, "seconds": time.perf_counter() - started}


def platform_body(**changes):
    return {
        "pretrained_model_uri": MODEL,
        "is_proprietary_model": False,
        "input_tokens": 512,
        "output_tokens": 128,
        "concurrency": 16,
        "target_ttft": 1000.0,
        "target_throughput_per_user": 20.0,
        "target_e2e_latency": 10.0,
        **changes,
    }


def readme_body(**changes):
    return {
        "model_name": MODEL,
        "hardware_type": "cuda",
        "optimization_target": "throughput",
        "constraints": {"max_batch_size": 32, "max_memory_gb": 24, "min_throughput_tokens_per_second": 100},
        "engine_preferences": ["vllm", "sglang"],
        "quantization_options": ["none", "int8", "int4"],
        **changes,
    }
