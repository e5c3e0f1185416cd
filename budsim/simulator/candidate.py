"""What the search proposes and what the predictor makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from budsim.perf_model.engine_settings import EngineSettings
from budsim.perf_model.memory import PlatformAllocation
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import Precision
from budsim.perf_model.serving_point import Infeasible, Prediction, ServingPoint


class Predictor(Protocol):
    """Serving metrics for a batch of points. Same points, same answers, in the same order."""

    def predict(self, points: Sequence[ServingPoint]) -> list[Prediction | Infeasible]:
        """Return one prediction, or the reason there is none, per point."""
        ...


@dataclass(frozen=True, slots=True)
class PrefillPool:
    """The instances of a disaggregated deployment that prefill; what decodes is the candidate itself."""

    plan: ParallelPlan
    settings: EngineSettings
    instances: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """One deployment the search may propose: a replica layout, the load on each replica, the number of replicas.

    Attributes:
        prefill: The pool that prefills; the replicas then are the decode pool. None = every replica does both.
    """

    plan: ParallelPlan
    precision: Precision
    settings: EngineSettings
    concurrency_per_replica: int
    replicas: int
    prefill: PrefillPool | None = None

    @property
    def num_devices(self) -> int:
        """Devices of all replicas, and of the prefill pool."""
        prefill = self.prefill.plan.num_devices * self.prefill.instances if self.prefill else 0
        return self.plan.num_devices * self.replicas + prefill

    @property
    def layout(self) -> str:
        """Short text: the layout and the number of replicas, pool by pool."""
        text = f"TP {self.plan.tp_size} x PP {self.plan.pp_size} x {self.replicas}"
        if self.prefill is None:
            return text
        plan = self.prefill.plan
        return f"prefill TP {plan.tp_size} x PP {plan.pp_size} x {self.prefill.instances}, decode {text}"


@dataclass(frozen=True, slots=True)
class StagePlacement:
    """``count`` devices of one node serving one pipeline stage of one replica."""

    replica: int
    stage: int
    node_id: str
    count: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A feasible candidate with its figures.

    Attributes:
        prediction: Metrics of one replica.
        error_rate: Mean over the set targets of clip01(relative miss); 0 = all met.
        misses: Per missed target: name, target, predicted, relative miss.
        cost_per_hour_usd: All replicas; None when no price is known.
        cost_per_million_tokens_usd: Per million output tokens of the whole deployment; None when no price is known.
        weight_bytes_per_device: Weights on the fullest device.
        kv_cache_bytes_per_device: KV bytes that the target concurrency needs on the fullest device.
        total_bytes_per_device: What the platform must allocate on one device.
        binding: What binds the answer: ``memory``, ``budget``, or a target: ``ttft``, ``throughput_per_user``,
            ``e2e_latency``, ``cost_per_hour`` …; None = nothing does.
        output_tps: Output tokens per second of all replicas together, under the stated load.
        prefill_allocation: What the platform must allocate on one device of the prefill pool; None = no such pool.
    """

    candidate: Candidate
    prediction: Prediction
    error_rate: float
    meets_targets: bool
    misses: tuple[TargetMiss, ...]
    cost_per_hour_usd: float | None
    cost_per_million_tokens_usd: float | None
    weight_bytes_per_device: float
    kv_cache_bytes_per_device: float
    total_bytes_per_device: float
    binding: str | None = None
    output_tps: float = 0.0
    prefill_allocation: PlatformAllocation | None = None


@dataclass(frozen=True, slots=True)
class TargetMiss:
    """One target that a candidate does not meet."""

    target: str
    wanted: float
    predicted: float
    relative_miss: float


@dataclass(frozen=True, slots=True)
class Rejection:
    """A candidate (or a family of them) that cannot run, and why."""

    plan: ParallelPlan
    code: str
    reason: str
