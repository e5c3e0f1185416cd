"""``POST /api/sizing`` and ``POST /api/capacity``. TTFT and latencies in ms, money in USD."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import Field, field_validator

from budsim.simulator.cost_schemas import PRICE_BASIS_TEXT, OnPremFields, TokenCosts
from budsim.simulator.hardware import PriceBasis
from budsim.simulator.optimize_schemas import MAX_NAMES, OptimizeWorkload
from budsim.simulator.request_schemas import MethodField, RequestModel, named_devices
from budsim.simulator.schemas import Miss, ResponseModel
from budsim.simulator.simulation_request import MAX_TOKENS
from budsim.simulator.sizing import MAX_DEVICES

MAX_SIZED = 40
DEFAULT_MAX_DEVICES = 1024


class ServiceTargets(RequestModel):
    """What every request is to get; null or 0 = no such target."""

    max_ttft_ms: float | None = Field(
        None, ge=0, description="Upper bound of the time to first token at ``ttft_percentile``, ms.", examples=[2000]
    )
    ttft_percentile: Literal[50, 90, 95, 99] = Field(50, description="Percentile of that bound.", examples=[95])
    min_throughput_per_user_tps: float | None = Field(
        None, ge=0, description="Lower bound of output tokens/s of one request.", examples=[20]
    )
    max_latency_ms: float | None = Field(
        None, ge=0, description="Upper bound of the 99th percentile end-to-end latency, ms.", examples=[30000]
    )
    max_median_latency_ms: float | None = Field(
        None, ge=0, description="Upper bound of the median end-to-end latency, ms.", examples=[20000]
    )


class SizingTargets(ServiceTargets):
    """The same, and what the whole deployment is to do."""

    min_throughput_tps: float | None = Field(
        None, ge=0, description="Lower bound of output tokens/s of the whole deployment.", examples=[500]
    )


class SizingRun(RequestModel):
    """What both questions share."""

    model_id: str = Field(
        min_length=1,
        max_length=1024,
        description="Hub id, local folder, or a UUID that PUT /models mapped.",
        examples=["meta-llama/Llama-3.1-8B-Instruct"],
    )
    method: MethodField = Field(None, description="REGRESSOR or HEURISTIC.", examples=["HEURISTIC"])
    model_version: str | None = Field(
        None, max_length=64, description="Version of the trained models.", examples=["f1-0a1b2c3d"]
    )
    engines: list[str] = Field(
        default_factory=list, max_length=20, description="Engines; empty = the preferred one.", examples=[["vllm"]]
    )
    quantization_options: list[str] = Field(
        default_factory=lambda: ["none"], max_length=20, description="Weight formats.", examples=[["none", "fp8"]]
    )
    require_high_availability: bool = Field(
        False, description="One replica may be lost, and the others still meet the targets (N+1).", examples=[False]
    )
    max_gpus_per_replica: int | None = Field(
        None, ge=1, le=1024, description="Most devices of one replica.", examples=[8]
    )
    max_cost_per_hour: float | None = Field(
        None, gt=0, description="Budget, USD per hour; a deployment above it is never answered.", examples=[50]
    )
    price_basis: PriceBasis | None = Field(None, description=PRICE_BASIS_TEXT, examples=["on_demand"])
    on_prem: OnPremFields | None = Field(None, description="Terms of bought devices.", examples=[{"usd_per_kwh": 0.1}])
    project_id: str | None = Field(
        None, max_length=255, description="Project whose calibrations and feedback count.", examples=["project-7"]
    )


class SizingRequest(SizingRun):
    """This traffic and these targets: which devices, and how many?"""

    workload: OptimizeWorkload = Field(
        default_factory=OptimizeWorkload,
        description="The load of the whole deployment.",
        examples=[{"input_tokens": 1024, "output_tokens": 512, "concurrency": 200}],
    )
    targets: SizingTargets = Field(
        default_factory=SizingTargets, description="Targets.", examples=[{"max_ttft_ms": 2000}]
    )
    devices: list[str] | None = Field(
        None,
        min_length=1,
        max_length=MAX_SIZED,
        description="Devices to compare, in any spelling; null = the usual data-centre devices.",
        examples=[["H100", "L40S"]],
    )
    goal: Literal["cheapest", "fewest"] = Field(
        "cheapest", description="Order of the answers: USD per hour, or devices.", examples=["cheapest"]
    )
    max_devices: int = Field(
        DEFAULT_MAX_DEVICES, ge=1, le=MAX_DEVICES, description="Most devices of one type.", examples=[64]
    )


class CapacityRequest(SizingRun):
    """This cluster: how much traffic?"""

    cluster_id: UUID | None = Field(
        None, description="Look at this cluster only.", examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"]
    )
    load: Literal["concurrency", "request_rate"] = Field(
        "concurrency",
        description="What is counted: requests in flight, or requests per second (Poisson arrivals).",
        examples=["concurrency"],
    )
    input_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS, description="Mean input length.", examples=[1024])
    output_tokens: int | None = Field(None, ge=1, le=MAX_TOKENS, description="Mean output length.", examples=[512])
    targets: ServiceTargets = Field(
        default_factory=ServiceTargets, description="Targets.", examples=[{"max_ttft_ms": 2000}]
    )
    devices: list[str] | None = Field(
        None, max_length=MAX_NAMES, description="Devices by any part of their name; null = all.", examples=[["H100"]]
    )
    max_replicas: int | None = Field(None, ge=1, le=100_000, description="Most replicas.", examples=[16])
    hardware_mode: Literal["dedicated", "shared"] = Field(
        "dedicated", description="Whole devices, or what is left.", examples=["dedicated"]
    )

    @field_validator("devices")
    @classmethod
    def _named(cls, value: list[str] | None) -> list[str] | None:
        return named_devices(value)


class SizedDeployment(ResponseModel):
    """One deployment with its figures under the stated load."""

    device_name: str = Field(description="Device.", examples=["NVIDIA H100 SXM 80GB"])
    device_type: str = Field(description="cuda, rocm, hpu, cpu …", examples=["cuda"])
    num_devices: int = Field(description="Devices of all replicas.", examples=[4])
    replicas: int = Field(description="Replicas, the spare ones included.", examples=[4])
    spare_replicas: int = Field(description="Replicas that may be lost.", examples=[0])
    tensor_parallel_size: int = Field(description="Devices of one stage.", examples=[1])
    pipeline_parallel_size: int = Field(description="Stages of one replica.", examples=[1])
    precision: str = Field(description="Weight format.", examples=["bf16"])
    engine: str = Field(description="Engine.", examples=["vllm"])
    engine_version: str | None = Field(description="Engine version.", examples=["0.32.0"])
    max_num_seqs: int = Field(description="Sequences in one step at most.", examples=[64])
    max_model_len: int = Field(description="Longest sequence, tokens.", examples=[1696])
    concurrency_per_replica: int = Field(description="Requests in flight on one replica.", examples=[50])
    ttft_p50_ms: float = Field(description="Median time to first token, ms.", examples=[400])
    ttft_p99_ms: float = Field(description="99th percentile of the same.", examples=[900])
    tpot_ms: float = Field(description="Mean time per output token after the first, ms.", examples=[14.2])
    latency_p50_ms: float = Field(description="Median end-to-end latency, ms.", examples=[8000])
    latency_p99_ms: float = Field(description="99th percentile of the same.", examples=[9500])
    throughput_per_user_tps: float = Field(description="Output tokens/s of one request.", examples=[60])
    throughput_tps: float = Field(description="Output tokens/s of the whole deployment.", examples=[12000])
    basis: str | None = Field(description="What the figures rest on.", examples=["interpolated"])
    confidence: float | None = Field(description="0 to 1; null = not calibrated.", examples=[0.9])
    meets_targets: bool = Field(description="Whether every target is met.", examples=[True])
    misses: list[Miss] = Field(description="The targets that are not met.")
    costs: TokenCosts = Field(description="What tokens cost, in and out, in money and in energy.")
    launch: dict[str, Any] = Field(description="Arguments and environment of one replica.", examples=[{"args": {}}])


class SizedChoice(SizedDeployment):
    """The smallest deployment on one device type."""

    binding: str = Field(description="What a smaller one fails by.", examples=["ttft"])
    reason: str = Field(
        description="The same with figures.", examples=["with fewer replicas: ttft is 2400 against 2000"]
    )


class UnmetDevice(ResponseModel):
    """A device type on which nothing meets the targets."""

    device_name: str = Field(description="Device.", examples=["Tesla T4"])
    binding: str = Field(description="What stands in the way.", examples=["throughput_per_user"])
    reason: str = Field(description="The same with figures.", examples=["throughput_per_user is 12 against 20"])
    nearest: SizedDeployment | None = Field(description="What misses least; null = nothing starts.")


class SizingAnswer(ResponseModel):
    """What both answers share."""

    model_id: str = Field(description="The model.", examples=["meta-llama/Llama-3.1-8B-Instruct"])
    method: str = Field(description="REGRESSOR or HEURISTIC.", examples=["HEURISTIC"])
    meets_targets: bool = Field(description="Whether anything meets every target.", examples=[True])
    assumptions: dict[str, Any] = Field(
        description="Defaults that were used, and the prices.", examples=[{"price_basis": "on_demand"}]
    )
    reasons: list[str] = Field(description="What could not be looked at, and why.", examples=[[]])
    seconds: float = Field(description="Time that the search took.", examples=[1.4])


class SizingResponse(SizingAnswer):
    """The smallest deployment of every device type."""

    object: Literal["sizing"] = Field("sizing", description="Kind of object.", examples=["sizing"])
    goal: str = Field(description="Order of the answers.", examples=["cheapest"])
    deployments: list[SizedChoice] = Field(description="Best first; empty = nothing meets the targets.")
    not_met: list[UnmetDevice] = Field(description="Device types that cannot meet the targets.")


class GroupCapacity(ResponseModel):
    """The most traffic of one group of equal devices."""

    cluster_id: str = Field(description="The cluster.", examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"])
    cluster_name: str | None = Field(description="Its name.", examples=["h100-2x8"])
    device_name: str = Field(description="Device, as the cluster calls it.", examples=["NVIDIA-H100-80GB-HBM3"])
    device_type: str = Field(description="cuda, rocm, hpu, cpu …", examples=["cuda"])
    engine: str = Field(description="Engine.", examples=["vllm"])
    num_devices: int = Field(description="Free devices.", examples=[16])
    load: float = Field(description="Largest load that meets the targets, in ``unit``; 0 = none.", examples=[4416])
    binding: str = Field(description="What a larger load fails by.", examples=["throughput_per_user"])
    reason: str = Field(description="The same with figures.", examples=["at 4432 requests in flight: …"])
    deployment: SizedDeployment | None = Field(description="How it is carried; null = no load meets the targets.")
    nearest: SizedDeployment | None = Field(description="What misses least, where no load meets them.")


class ClusterCapacity(ResponseModel):
    """The most traffic of one cluster."""

    cluster_id: str = Field(description="The cluster.", examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"])
    cluster_name: str | None = Field(description="Its name.", examples=["h100-2x8"])
    load: float = Field(description="Of its best group of equal devices, in ``unit``.", examples=[4416])
    load_of_all_groups: float = Field(description="Of all its groups side by side.", examples=[5328])
    groups: list[GroupCapacity] = Field(description="Its groups, best first.")


class CapacityResponse(SizingAnswer):
    """The most traffic of every cluster."""

    object: Literal["capacity"] = Field("capacity", description="Kind of object.", examples=["capacity"])
    unit: Literal["concurrency", "requests_per_second"] = Field(
        description="What loads count.", examples=["concurrency"]
    )
    clusters: list[ClusterCapacity] = Field(description="Best first.")
