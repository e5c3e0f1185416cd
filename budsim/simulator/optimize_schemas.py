"""``POST /api/optimize``: the user guide's request and answer."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, field_validator

from budsim.simulator.cost_schemas import OnPremFields, TokenCosts
from budsim.simulator.request_schemas import (
    MethodField,
    RequestModel,
    RunRequest,
    RunWorkload,
    SimulationMethod,
    named_devices,
)
from budsim.simulator.schemas import BINDING_TEXT, Explanation, Miss, ResponseModel

MAX_REPLICAS, MAX_GPUS_PER_REPLICA = 10, 8  # the user guide's defaults
MAX_NAMES = 50


class OptimizeTargets(RequestModel):
    """What the deployment has to achieve; null or 0 = no such target."""

    max_latency_ms: float | None = Field(
        None, ge=0, description="Upper bound of the 99th percentile end-to-end latency, ms.", examples=[2000]
    )
    min_throughput_tps: float | None = Field(
        None, ge=0, description="Lower bound of output tokens/s of the whole deployment.", examples=[100]
    )
    max_ttft_ms: float | None = Field(
        None, ge=0, description="Upper bound of the median time to first token, ms.", examples=[500]
    )
    max_cost_per_hour: float | None = Field(
        None, ge=0, description="Upper bound of USD per hour of the whole deployment.", examples=[50]
    )


class OptimizeConstraints(RequestModel):
    """Bounds on the deployment itself."""

    max_replicas: int = Field(
        MAX_REPLICAS,
        ge=1,
        le=10_000,
        description="Most replicas of the deployment: of all its pools, or of all its kinds of devices, together.",
        examples=[4],
    )
    max_gpus_per_replica: int = Field(
        MAX_GPUS_PER_REPLICA, ge=1, le=1024, description="Most devices of one replica.", examples=[8]
    )
    allowed_gpu_types: list[str] | None = Field(
        None, max_length=MAX_NAMES, description="Devices by any part of their name; null = all.", examples=[["H100"]]
    )
    require_high_availability: bool = Field(
        False, description="One replica may be lost, and the others still meet the targets (N+1).", examples=[False]
    )
    max_cost_per_hour: float | None = Field(
        None, gt=0, description="Budget, USD per hour; a deployment above it is never recommended.", examples=[50]
    )

    @field_validator("allowed_gpu_types")
    @classmethod
    def _named(cls, value: list[str] | None) -> list[str] | None:
        return named_devices(value)


class OptimizeWorkload(RunWorkload):
    """The load; what is missing takes a default that the answer names under ``assumptions``."""

    request_rate: float | None = Field(
        None,
        gt=0,
        le=100_000,
        description="Requests per second of all users together (Poisson arrivals) instead of ``concurrency``.",
        examples=[4.0],
    )


class OptimizeRequest(RunRequest):
    """The user guide's body: the best deployment of a model on a cluster."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "model_id": "meta-llama/Llama-3.1-8B-Instruct",
                "cluster_id": None,
                "method": "REGRESSOR",
                "targets": {"max_latency_ms": 20000, "min_throughput_tps": 100},
                "constraints": {"max_replicas": 4, "max_cost_per_hour": 50},
            }
        }
    )

    model_id: str = Field(
        min_length=1,
        max_length=1024,
        description="Hub id, local folder, or a UUID that PUT /models mapped.",
        examples=["meta-llama/Llama-3.1-8B-Instruct"],
    )
    cluster_id: UUID | None = Field(
        None, description="Look at this cluster only.", examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"]
    )
    method: MethodField = Field(None, description="REGRESSOR or HEURISTIC.", examples=["REGRESSOR"])
    model_version: str | None = Field(
        None, max_length=64, description="Version of the trained models; the current one unless given.",
        examples=["f1-0a1b2c3d"],
    )  # fmt: skip
    optimization_target: Literal["throughput", "latency", "cost", "balanced"] | None = Field(
        None, description="What the best answer is best at; cost unless given.", examples=["cost"]
    )
    targets: OptimizeTargets = Field(
        default_factory=OptimizeTargets, description="Targets.", examples=[{"max_latency_ms": 2000}]
    )
    constraints: OptimizeConstraints = Field(
        default_factory=OptimizeConstraints, description="Bounds.", examples=[{"max_replicas": 4}]
    )
    workload: OptimizeWorkload = Field(
        default_factory=OptimizeWorkload,
        description="The load.",
        examples=[{"input_tokens": 1024, "output_tokens": 512, "concurrency": 10}],
    )
    engines: list[str] = Field(
        default_factory=list, max_length=20, description="Engines to look at; empty = the preferred one.",
        examples=[["vllm"]],
    )  # fmt: skip
    on_prem: OnPremFields | None = Field(None, description="Terms of bought devices.", examples=[{"usd_per_kwh": 0.1}])
    quantization_options: list[str] = Field(
        default_factory=lambda: ["none"], max_length=20, description="Weight formats to look at.",
        examples=[["none", "fp8"]],
    )  # fmt: skip

    @property
    def simulation_method(self) -> SimulationMethod | None:
        """The method under the name that the other bodies have for it."""
        return self.method


class LaunchedShape(ResponseModel):
    """What one replica, or one instance of a pool, is launched with."""

    tensor_parallel_size: int = Field(description="Devices of one stage.", examples=[2])
    pipeline_parallel_size: int = Field(description="Pipeline stages of one replica or instance.", examples=[1])
    max_num_seqs: int = Field(description="Sequences in one step at most.", examples=[128])
    max_num_batched_tokens: int | None = Field(description="Tokens in one step at most.", examples=[8192])
    max_model_len: int = Field(description="Longest sequence, tokens.", examples=[8192])
    gpu_memory_utilization: float | None = Field(description="Share of the memory that is used.", examples=[0.9])
    kv_cache_dtype: str | None = Field(description="Format of the KV cache.", examples=["auto"])
    enable_prefix_caching: bool | None = Field(description="Prefix caching.", examples=[True])
    enable_chunked_prefill: bool | None = Field(description="Chunked prefill.", examples=[True])
    block_size: int | None = Field(description="Tokens of one cache block.", examples=[16])


class OptimalPrefillPool(LaunchedShape):
    """The instances that prefill, where the replicas only decode."""

    instances: int = Field(description="Instances.", examples=[1])


class OptimalConfiguration(LaunchedShape):
    """What to launch."""

    expert_parallel_size: int = Field(description="Devices that experts are spread over; 1 = not spread.", examples=[1])
    data_parallel_size: int = Field(description="Data-parallel ranks inside one replica.", examples=[1])
    replicas: int = Field(description="Replicas.", examples=[2])
    prefill: OptimalPrefillPool | None = Field(
        None, description="The pool that prefills; the replicas then decode. Null = every replica does both."
    )
    engine: str = Field(description="Engine.", examples=["vllm"])
    engine_version: str | None = Field(description="Engine version.", examples=["0.32.0"])
    precision: str = Field(description="Weight format.", examples=["bf16"])
    device_name: str = Field(description="Device.", examples=["NVIDIA-H100-80GB-HBM3"])
    num_devices: int = Field(description="Devices of all replicas.", examples=[4])
    cluster_id: str = Field(description="Cluster.", examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"])
    config_id: str = Field(description="Identifies it in feedback.", examples=["17"])


class OptimizeMetrics(ResponseModel):
    """What it is predicted to do, under the stated load."""

    ttft_p50_ms: float = Field(description="Median time to first token, ms.", examples=[150])
    ttft_p99_ms: float = Field(description="99th percentile of the same.", examples=[400])
    latency_p50_ms: float = Field(description="Median end-to-end latency, ms.", examples=[1500])
    latency_p99_ms: float = Field(description="99th percentile of the same.", examples=[1900])
    tpot_ms: float = Field(description="Mean time per output token after the first, ms.", examples=[11.4])
    throughput_tps: float = Field(description="Output tokens/s of the whole deployment.", examples=[120])
    throughput_per_user_tps: float = Field(description="Output tokens/s of one request.", examples=[60])
    cost_per_hour: float | None = Field(description="USD per hour; null = no price known.", examples=[35])
    cost_per_million_tokens: float | None = Field(
        description="USD per million output tokens; null = no price known.", examples=[0.25]
    )
    costs: TokenCosts | None = Field(None, description="What tokens cost, in and out, in money and in energy.")


class OptimizedPoint(ResponseModel):
    """One deployment with its figures."""

    optimal_config: OptimalConfiguration = Field(description="The configuration to launch.")
    predicted_metrics: OptimizeMetrics = Field(description="Its predicted figures.")
    confidence: float | None = Field(description="0 to 1; null = not calibrated for this case.", examples=[0.92])
    basis: str | None = Field(description="What the figures rest on.", examples=["interpolated"])
    intervals: dict[str, tuple[float, float]] = Field(
        description="80 % intervals of mean TTFT (ms), TPOT (ms), E2E (s) and of the deployment's output tokens/s.",
        examples=[{"ttft_ms_mean": [120.0, 190.0]}],
    )
    meets_targets: bool = Field(description="Whether every target is met.", examples=[True])
    misses: list[Miss] = Field(description="The targets that are not met.")
    binding: str | None = Field(description=BINDING_TEXT, examples=["memory"])
    reason: str | None = Field(description="Why it stands where it does.", examples=["the cheapest per token of 41 …"])


class OptimizeResponse(OptimizedPoint, Explanation):
    """The user guide's answer, with what it rests on."""

    object: Literal["optimization"] = Field("optimization", description="Kind of object.")
    workflow_id: UUID = Field(description="The run.", examples=["8900717f-3ec0-4df8-8993-54083b020c69"])
    status: str = Field(description="How the run ended.", examples=["COMPLETED"])
    method: str = Field(description="REGRESSOR or HEURISTIC.", examples=["REGRESSOR"])
    alternatives: list[OptimizedPoint] = Field(description="The next best, best first.")
    metadata: dict[str, Any] = Field(
        description="Effort: seconds, configurations predicted, generations.",
        examples=[{"duration_seconds": 2.5, "models_evaluated": 640, "generations_evolved": 14}],
    )
