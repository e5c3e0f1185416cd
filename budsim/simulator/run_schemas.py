"""What the simulator answers about a run, and to the service README's body."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from budsim.simulator.schemas import Explanation, Miss, PrefillPoolMetrics, ResponseModel


class HardwareAllocation(ResponseModel):
    """Hardware of one replica."""

    gpu_memory_gb: float | None = Field(
        description="Memory to allocate on one device, GB; null on CPUs.", examples=[20.0]
    )
    cpu_cores: int | None = Field(description="CPU cores; null where the device is not a CPU.", examples=[8])
    device_name: str = Field(description="Device.", examples=["NVIDIA A100 80GB"])
    devices_per_replica: int = Field(description="Devices of one replica.", examples=[1])
    cluster_id: str = Field(description="Cluster it was found on.", examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"])


class HardwareConfiguration(ResponseModel):
    """One configuration of the service README's answer."""

    engine: str = Field(description="Engine.", examples=["vllm"])
    batch_size: int = Field(description="Requests in flight on one replica.", examples=[16])
    quantization: str = Field(description="Weight format; none = the checkpoint's own.", examples=["int8"])
    num_replicas: int = Field(description="Replicas.", examples=[2])
    tensor_parallel_size: int = Field(description="Devices of one stage.", examples=[1])
    pipeline_parallel_size: int = Field(description="Stages of one replica.", examples=[1])
    prefill: PrefillPoolMetrics | None = Field(
        None, description="The pool that prefills; the replicas then decode. Null = every replica does both."
    )
    hardware_allocation: HardwareAllocation = Field(description="Hardware.")


class PredictedPerformance(ResponseModel):
    """What that configuration is predicted to do."""

    throughput_tokens_per_second: float = Field(
        description="Output tokens/s of the whole deployment.", examples=[125.5]
    )
    time_to_first_token_ms: float = Field(description="Median time to first token, ms.", examples=[45.2])
    p95_latency_ms: float = Field(
        description="95th percentile end-to-end latency of one request, ms.", examples=[5120.8]
    )
    memory_utilization_percent: float | None = Field(
        description="Share of a device's memory that is used.", examples=[85.0]
    )


class AlternativeConfiguration(ResponseModel):
    """Another configuration worth knowing."""

    configuration: HardwareConfiguration = Field(description="The configuration.")
    predicted_performance: PredictedPerformance = Field(description="Its figures.")
    meets_targets: bool = Field(description="Whether every bound is met.", examples=[True])


class SimulationMetadata(ResponseModel):
    """How the answer came about."""

    duration_seconds: float = Field(description="From start to end.", examples=[2.5])
    generations_evolved: int = Field(
        description="Generations of the genetic search; 0 where every case was looked at.", examples=[0]
    )
    models_evaluated: int = Field(description="Configurations that were predicted.", examples=[150])


class HardwareRunResponse(Explanation):
    """The answer to the service README's body."""

    simulation_id: UUID = Field(description="The run.", examples=["8900717f-3ec0-4df8-8993-54083b020c69"])
    status: str = Field(description="completed, timed_out …", examples=["completed"])
    optimal_configuration: HardwareConfiguration = Field(description="The best configuration.")
    predicted_performance: PredictedPerformance = Field(description="Its figures.")
    meets_targets: bool = Field(description="Whether every bound is met.", examples=[True])
    misses: list[Miss] = Field(default_factory=list, description="The bounds that are not met.")
    alternative_configurations: list[AlternativeConfiguration] = Field(description="Others, best first.")
    simulation_metadata: SimulationMetadata = Field(description="Time and effort that the answer took.")


RunStatus = Literal["PENDING", "RUNNING", "COMPLETED", "FAILED", "TIMED_OUT", "TERMINATED", "SUSPENDED"]


class SimulationStatusResponse(ResponseModel):
    """Where a run stands."""

    object: Literal["simulation_status"] = Field("simulation_status", description="Kind of object.")
    workflow_id: UUID = Field(description="The run.", examples=["8900717f-3ec0-4df8-8993-54083b020c69"])
    status: RunStatus = Field(description="Its status.")
    created: int = Field(description="When it was asked for, seconds since the epoch.", examples=[1706000000])
    duration_seconds: float = Field(description="How long it has run, or ran.", examples=[0.92])
    error: dict[str, Any] | None = Field(
        None,
        description="Why it failed.",
        examples=[{"message": "No configuration fits the memory there is", "code": 400}],
    )


class ProgressStep(ResponseModel):
    """One event of a run."""

    step: str = Field(description="Name of the step.", examples=["validation"])
    status: str = Field(description="STARTED, RUNNING, COMPLETED or FAILED.", examples=["STARTED"])
    title: str = Field(description="For people.", examples=["Ranking clusters"])
    message: str = Field(
        description="For people.", examples=["14 groups of devices to search: one kind of device in one cluster each"]
    )


class SimulationProgressResponse(ResponseModel):
    """How far a run is."""

    object: Literal["simulation_progress"] = Field("simulation_progress", description="Kind of object.")
    workflow_id: UUID = Field(description="The run.", examples=["8900717f-3ec0-4df8-8993-54083b020c69"])
    status: RunStatus = Field(description="Its status.", examples=["COMPLETED"])
    percent: float = Field(description="How much is done, 0 to 100.", examples=[45.0])
    step: str | None = Field(description="The step it is in.", examples=["performance_estimation"])
    eta: int = Field(description="Whole minutes until it is expected to end; 0 once it has.", examples=[1])
    eta_seconds: float = Field(description="The same in seconds.", examples=[2.5])
    steps: list[ProgressStep] = Field(description="Its events, in order.")


class WorkflowControlResponse(ResponseModel):
    """The answer of the workflow routes."""

    object: Literal["info"] = Field("info", description="Kind of object.")
    message: str = Field("ack", description="Acknowledgement.", examples=["ack"])
    param: dict[str, str] = Field(description="Its status.", examples=[{"status": "RUNNING"}])


class StoredClusters(ResponseModel):
    """The clusters that runs look at."""

    object: Literal["clusters"] = Field("clusters", description="Kind of object.")
    source: str = Field(description="Where they come from.", examples=["database"])
    clusters: list[dict[str, Any]] = Field(
        description="As they were sent.",
        examples=[[{"id": "49ec33d5-a86b-4e03-8a4f-156a260c93e5", "name": "h100-2x8", "nodes": []}]],
    )
    problems: list[str] = Field(
        default_factory=list,
        description="Clusters that could not be read and devices that no run can use, and why.",
        examples=[["clusters[0].nodes[1]: status is missing"]],
    )
