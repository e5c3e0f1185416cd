"""What the simulator answers. Units on the wire: TTFT in ms, other latencies in s, memory in GB (1e9), money in USD."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from budsim.simulator.cost_schemas import TokenCosts
from budsim.simulator.request_schemas import (
    ClusterRecommendationRequest,
    DeploymentConfigurationRequest,
    FeedbackItem,
    HardwareRunRequest,
    NotificationMetadata,
    RunBody,
)

__all__ = [
    "ClusterRecommendationRequest",
    "DeploymentConfigurationRequest",
    "FeedbackItem",
    "HardwareRunRequest",
    "NotificationMetadata",
    "RunBody",
]

BINDING_TEXT = (
    "What limits it: the target missed most, else the tightest of the targets, ``budget`` and ``memory`` (where half "
    "as many devices would not hold it, or one device not twice the load); null = nothing does."
)
NO_PP_ON_CPU = "Pipeline parallelism (PP) is not supported for CPU devices"
PP_NEEDS_CUDA = "Multi-node pipeline parallelism requires CUDA devices"
NEITHER_NODES_NOR_GROUPS = "Either nodes or node_groups must be provided"


class ResponseModel(BaseModel):
    """A response body."""

    model_config = ConfigDict(protected_namespaces=())


class ErrorResponse(ResponseModel):
    """The envelope of every error."""

    object: Literal["error"] = Field("error", description="Always ``error``.")
    message: str | None = Field(
        description="What is wrong, and what to do about it.", examples=["concurrency must be at least 1."]
    )
    type: str = Field(description="Kind of error.", examples=["BadRequestError"])
    param: dict[str, Any] | None = Field(None, description="Machine-readable context.", examples=[{"field": "model"}])
    code: int = Field(description="The HTTP status.", examples=[400])


class FieldProblem(ResponseModel):
    """One field that is missing, unknown or malformed."""

    type: str = Field(description="Kind of problem.", examples=["greater_than_equal"])
    loc: list[str | int] = Field(description="Where it is.", examples=[["body", "concurrency"]])
    msg: str = Field(description="What is wrong.", examples=["Input should be greater than or equal to 1"])


class FieldErrorResponse(ErrorResponse):
    """The envelope of a request with malformed fields, with the framework's own list beside it."""

    detail: list[FieldProblem] = Field(description="Every problem that was found, at most 50.")


FIELD_ERRORS: dict[int | str, dict[str, Any]] = {
    422: {
        "model": FieldErrorResponse,
        "description": "A field is missing, unknown or malformed; ``param.field`` names the first, ``param.fields`` "
        "all of them.",
    }
}


class Miss(ResponseModel):
    """One target that is not met."""

    target: str = Field(description="Name of the target.", examples=["ttft"])
    wanted: float = Field(description="The target, in its own unit.", examples=[100.0])
    predicted: float = Field(description="What is predicted instead, same unit.", examples=[140.0])
    relative_miss: float = Field(description="By how much of the target it is missed.", examples=[0.4])


class Refusal(ResponseModel):
    """A search that recommends nothing, or less than it was asked for."""

    cluster_id: str = Field(description="Cluster.", examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"])
    device_type: str = Field(description="Device type.", examples=["cuda"])
    device_name: str = Field(description="Device.", examples=["NVIDIA A100 80GB"])
    engine: str = Field(description="Engine.", examples=["vllm"])
    code: str = Field(description="Machine-readable cause.", examples=["memory"])
    reason: str = Field(
        description="What does not hold, with figures.", examples=["weights of 131.4 GiB on one device with 79.2 GiB"]
    )
    count: int = Field(1, description="Configurations with this cause.", examples=[3])
    field: str | None = Field(
        None,
        description="Field of the request that it is about; null = none.",
        examples=["constraints.max_cost_per_hour"],
    )


class DeviceTypeMetrics(ResponseModel):
    """One kind of device within a recommendation."""

    device_type: str = Field(description="cuda, rocm, hpu, cpu or cpu_high.", examples=["cuda"])
    num_replicas: int = Field(description="Replicas on it.", examples=[2])
    concurrency: int = Field(description="Requests in flight on these replicas.", examples=[10])
    cost_per_million_tokens: float = Field(
        description="USD per million output tokens; 0 where no price is known.", examples=[0.25]
    )


class PrefillPoolMetrics(ResponseModel):
    """The pool that prefills, of a disaggregated deployment; the replicas are the pool that decodes."""

    instances: int = Field(description="Instances that prefill.", examples=[1])
    tp_size: int = Field(description="Tensor parallel devices of one.", examples=[2])
    pp_size: int = Field(description="Pipeline stages of one.", examples=[1])
    num_devices: int = Field(description="Devices of all of them.", examples=[2])
    memory_gb_per_device: float = Field(description="Memory to allocate on one device, GB.", examples=[21.4])


class SimulationMetrics(ResponseModel):
    """What a recommended deployment is predicted to do."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    device_types: list[DeviceTypeMetrics] = Field(description="Its devices.")
    replica: int = Field(description="Replicas in all.", examples=[2])
    concurrency: int = Field(description="Requests in flight it carries.", examples=[10])
    ttft: float = Field(description="Median time to first token, ms.", examples=[85.5])
    throughput_per_user: float = Field(description="Output tokens/s of one request.", examples=[55.2])
    e2e_latency: float = Field(description="Median end-to-end latency, s.", examples=[4.2])
    error_rate: float = Field(description="Mean relative miss of the targets, 0 = all met.", examples=[0.0])
    cost_per_million_tokens: float = Field(
        description="USD per million output tokens; 0 with cost_known false where no price is known.", examples=[0.25]
    )
    cost_known: bool = Field(True, description="Whether the cost is a price, not a blank.", examples=[True])
    cost_source: str | None = Field(
        None, description="Where the price comes from.", examples=["on-demand price of the catalogue"]
    )
    cost_per_hour_usd: float | None = Field(
        None, description="USD per hour of all replicas; null = no price known.", examples=[3.29]
    )
    costs: TokenCosts | None = Field(None, description="What tokens cost, in and out, in money and in energy.")
    meets_targets: bool = Field(True, description="Whether every target is met.", examples=[True])
    misses: list[Miss] = Field(default_factory=list, description="The targets that are not met.")
    binding: str | None = Field(None, description=BINDING_TEXT, examples=["memory"])
    reason: str | None = Field(
        None,
        description="Why it is recommended: what it is best at, the next best layout, what binds.",
        examples=["TP 1 x PP 1 x 2: the cheapest per token of 84 configurations that meet every target; memory binds."],
    )
    device_name: str | None = Field(
        None, description="Device, as the cluster calls it.", examples=["NVIDIA-A100-SXM4-80GB"]
    )
    catalogue_name: str | None = Field(
        None, description="Device, as the hardware catalogue calls it.", examples=["NVIDIA A100 SXM4 80GB"]
    )
    tp_size: int | None = Field(None, description="Tensor parallel devices of one stage.", examples=[1])
    pp_size: int | None = Field(None, description="Pipeline stages of one replica.", examples=[1])
    prefill: PrefillPoolMetrics | None = Field(
        None, description="The pool that prefills, where the replicas only decode; null = every replica does both."
    )
    concurrency_per_replica: int | None = Field(None, description="Requests in flight on one replica.", examples=[5])
    memory_gb_per_device: float | None = Field(
        None, description="Memory to allocate on one device, GB.", examples=[31.3]
    )
    output_tps: float | None = Field(None, description="Output tokens/s of the whole deployment.", examples=[552.0])
    precision: str | None = Field(None, description="Weight format.", examples=["bf16"])
    hardware_mode: str | None = Field(None, description="dedicated or shared.", examples=["dedicated"])
    confidence: float | None = Field(None, description="0 to 1; null = not calibrated for this case.", examples=[0.92])
    basis: str | None = Field(
        None,
        description="What the figures rest on: measured, interpolated, extrapolated, analytic.",
        examples=["analytic"],
    )
    intervals: dict[str, list[float]] = Field(
        default_factory=dict,
        description="80 % intervals of mean TTFT (ms), TPOT (ms), E2E (s) and of the deployment's output tokens/s.",
        examples=[{"ttft_ms_mean": [70.1, 101.9], "output_tps": [501.0, 603.5]}],
    )
    performance_known: bool = Field(
        True, description="False: latencies and throughputs of 0 stand for not predicted.", examples=[True]
    )
    job: dict[str, Any] | None = Field(
        None,
        description="What is placed instead of a served checkpoint: a proxy with its prices, or a quantisation with "
        "its hours (assumed or given), devices and cost in USD.",
        examples=[{"kind": "quantization", "method": "AWQ", "hours": 1.33, "hours_basis": "assumed", "cost_usd": 4.4}],
    )


class ClusterMetrics(ResponseModel):
    """The recommendation for one cluster."""

    cluster_id: str = Field(description="The cluster.", examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"])
    cluster_name: str | None = Field(
        None, description="Its name, where the cluster document gives one.", examples=["h100-2x8"]
    )
    metrics: SimulationMetrics = Field(description="The deployment as asked.")
    quantized_metrics: SimulationMetrics | None = Field(None, description="A quantised deployment, where asked for.")
    alternatives: list[SimulationMetrics] = Field(
        default_factory=list, description="The best deployment on each other device of the cluster, best first."
    )
    engine: str | None = Field(None, description="Engine.", examples=["vllm"])
    engine_version: str | None = Field(None, description="Engine version.", examples=["0.32.0"])
    tool_calling_parser_type: str | None = Field(
        None, description="Tool-call parser to launch with.", examples=["llama3_json"]
    )
    reasoning_parser_type: str | None = Field(
        None, description="Reasoning parser to launch with.", examples=["deepseek_r1"]
    )
    architecture_family: str | None = Field(None, description="Family of the model's architecture.", examples=["llama"])
    chat_template: str | None = Field(
        None, description="Chat template to launch with.", examples=["examples/tool_chat_template_llama3.1_json.jinja"]
    )
    supports_lora: bool | None = Field(
        None, description="The engine serves LoRA adapters of this model.", examples=[True]
    )
    supports_pipeline_parallelism: bool | None = Field(
        None, description="The engine can split this model into stages.", examples=[True]
    )


class Remedy(ResponseModel):
    """A change that would let the targets be met."""

    kind: str = Field(description="Kind of change.", examples=["add_devices"])
    text: str = Field(description="The change, with figures.", examples=["Relax ttft from 100 to 150 ms."])
    changes: dict[str, Any] = Field(
        default_factory=dict, description="The change as fields.", examples=[{"ttft": 150.0}]
    )
    cluster_id: str | None = Field(
        None, description="The cluster it is about.", examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"]
    )
    device_type: str | None = Field(None, description="The device type it is about.", examples=["cuda"])
    device_name: str | None = Field(None, description="The device it is about.", examples=["NVIDIA-L40S"])
    catalogue_name: str | None = Field(
        None, description="The hardware catalogue's name of it.", examples=["NVIDIA L40S"]
    )
    engine: str | None = Field(None, description="The engine it is about.", examples=["vllm"])


class ParetoPoint(ResponseModel):
    """A deployment that no other beats in cost, latency and throughput at once."""

    cluster_id: str = Field(description="Cluster.", examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"])
    device_type: str = Field(description="Device type.", examples=["cuda"])
    device_name: str = Field(description="Device.", examples=["NVIDIA-L40S"])
    catalogue_name: str | None = Field(
        None, description="The hardware catalogue's name of it.", examples=["NVIDIA L40S"]
    )
    engine: str = Field(description="Engine.", examples=["vllm"])
    tp_size: int = Field(description="Tensor parallel size.", examples=[2])
    pp_size: int = Field(description="Pipeline stages.", examples=[1])
    ep_size: int = Field(description="Expert parallel ranks; 1 = experts are split like other weights.", examples=[1])
    replicas: int = Field(description="Replicas.", examples=[2])
    concurrency_per_replica: int = Field(description="Requests that one replica carries at once.", examples=[25])
    precision: str = Field(description="Weight format.", examples=["bf16"])
    kv_cache_dtype: str = Field(description="Format of the KV cache.", examples=["bf16"])
    max_num_batched_tokens: int = Field(description="Tokens that one step may hold.", examples=[8192])
    prefill_instances: int = Field(
        0, description="Instances that prefill for the replicas, which then only decode; 0 = replicas do both.",
        examples=[0],
    )  # fmt: skip
    num_devices: int = Field(description="Devices of all replicas.", examples=[4])
    ttft: float = Field(description="Median time to first token, ms.", examples=[350.5])
    e2e_latency: float = Field(description="Median end-to-end latency, s.", examples=[8.4])
    throughput_per_user: float = Field(description="Output tokens/s of one request.", examples=[60.6])
    output_tps: float = Field(description="Output tokens/s of the deployment.", examples=[3880.0])
    cost_per_million_tokens: float | None = Field(
        description="USD per million output tokens; null without a price.", examples=[0.025]
    )
    meets_targets: bool = Field(description="Every target that was set is met.", examples=[True])
    binding: str | None = Field(None, description=BINDING_TEXT, examples=["memory"])
    reason: str = Field(description="Why it is on the front.", examples=["the cheapest per token on the front"])


class MixedGroup(ResponseModel):
    """The part of a mixed deployment on one kind of device."""

    device_type: str = Field(description="Device type.", examples=["cuda"])
    device_name: str = Field(description="Device.", examples=["NVIDIA-L40S"])
    engine: str = Field(description="Engine.", examples=["vllm"])
    engine_version: str | None = Field(None, description="Engine version.", examples=["0.32.0"])
    concurrency: int = Field(description="Requests that this part carries at once.", examples=[96])
    traffic_share: float = Field(description="The same as a share of all: the weight of the router.", examples=[0.375])
    tp_size: int = Field(description="Tensor parallel size.", examples=[2])
    pp_size: int = Field(description="Pipeline stages.", examples=[1])
    ep_size: int = Field(description="Expert parallel ranks; 1 = experts are split like other weights.", examples=[1])
    dp_size: int = Field(description="Data-parallel ranks inside one replica.", examples=[1])
    replicas: int = Field(description="Replicas.", examples=[4])
    num_devices: int = Field(description="Devices of all its replicas.", examples=[8])
    devices_by_node: dict[str, int] = Field(description="Devices that it uses, by node.", examples=[{"gpu-1": 8}])
    ttft: float = Field(description="Median time to first token, ms.", examples=[350.5])
    e2e_latency: float = Field(description="Median end-to-end latency, s.", examples=[8.4])
    throughput_per_user: float = Field(description="Output tokens/s of one request.", examples=[60.6])
    output_tps: float = Field(description="Output tokens/s of this part.", examples=[3880.0])
    cost_per_hour_usd: float | None = Field(description="USD per hour; null without a price.", examples=[8.0])
    args: dict[str, Any] = Field(description="Arguments of the engine.", examples=[{"tensor-parallel-size": 2}])
    envs: dict[str, Any] = Field(description="Environment of the engine.", examples=[{"VLLM_TARGET_DEVICE": "cuda"}])


class MixedDeployment(ResponseModel):
    """Several kinds of devices of one cluster together: it meets the targets at the whole load."""

    cluster_id: str = Field(description="Cluster.", examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"])
    cluster_name: str | None = Field(None, description="Its name.", examples=["mixed"])
    concurrency: int = Field(description="Requests that it carries at once.", examples=[256])
    num_devices: int = Field(description="Devices of all parts.", examples=[24])
    ttft: float = Field(description="Median time to first token of its slowest part, ms.", examples=[350.5])
    e2e_latency: float = Field(description="Median end-to-end latency of its slowest part, s.", examples=[8.4])
    throughput_per_user: float = Field(
        description="Output tokens/s of one request in its slowest part.", examples=[60.6]
    )
    output_tps: float = Field(description="Output tokens/s of all parts.", examples=[9880.0])
    cost_per_hour_usd: float | None = Field(description="USD per hour; null without a price.", examples=[28.0])
    cost_per_million_tokens: float | None = Field(
        description="USD per million output tokens; null without a price.", examples=[0.79]
    )
    reason: str = Field(
        description="Who carries what, and why it is told.",
        examples=["160 on 8 x H100 (2 of TP 4 x PP 1), 96 on 8 x L40S (4 of TP 2 x PP 1): no kind … alone"],
    )
    groups: list[MixedGroup] = Field(description="Its parts, cheapest per token first.")


class Explanation(ResponseModel):
    """What a run took for granted, could not use, and suggests."""

    assumptions: dict[str, Any] = Field(
        default_factory=dict,
        description="Every default that the answer rests on.",
        examples=[{"optimization_target": "cost"}],
    )
    reasons: list[str] = Field(
        default_factory=list,
        description="Why a cluster has no recommendation.",
        examples=[["Cluster l40s: no devices are free in dedicated mode"]],
    )
    refusals: list[Refusal] = Field(default_factory=list, description="What cannot be deployed, and why.")
    remedies: list[Remedy] = Field(default_factory=list, description="What would let the targets be met.")
    mixed_deployments: list[MixedDeployment] = Field(
        default_factory=list,
        description="Per cluster, several kinds of devices together, where no kind alone is enough or as cheap.",
    )
    pareto: list[ParetoPoint] = Field(
        default_factory=list, description="The front of cost, latency and throughput over all clusters, cheapest first."
    )


class ClusterRecommendationResponse(Explanation):
    """The answer to the platform's body: the best deployment of each cluster, best first."""

    object: Literal["cluster_recommendations"] = Field("cluster_recommendations", description="Kind of object.")
    workflow_id: UUID = Field(description="The run.", examples=["8900717f-3ec0-4df8-8993-54083b020c69"])
    recommendations: list[ClusterMetrics] = Field(description="One per cluster.")
    created: int = Field(description="When, seconds since the epoch.", examples=[1706000000])
    status: str = Field("COMPLETED", description="How the run ended.", examples=["COMPLETED"])


class WorkflowStepInfo(ResponseModel):
    """One step of a run."""

    id: str = Field(description="Name that events carry.", examples=["validation"])
    title: str = Field(description="For people.", examples=["Ranking clusters"])
    description: str = Field(description="For people.", examples=["Picks the best deployment of each cluster"])
    payload: dict[str, Any] = Field(default_factory=dict, description="Filled by the platform.", examples=[{}])


class WorkflowMetadataResponse(ResponseModel):
    """A run that was started and goes on by itself."""

    object: Literal["workflow_metadata"] = Field("workflow_metadata", description="Kind of object.")
    workflow_id: UUID = Field(description="The run.", examples=["8900717f-3ec0-4df8-8993-54083b020c69"])
    workflow_name: str = Field("run_simulation", description="Name of the workflow.", examples=["run_simulation"])
    steps: list[WorkflowStepInfo] = Field(description="Its steps, in order.")
    status: str = Field("PENDING", description="Its status.", examples=["COMPLETED"])
    eta: int = Field(description="Minutes until it is expected to end, at least 1.", examples=[1])
    eta_seconds: float = Field(description="The same in seconds.", examples=[2.5])
    status_url: str = Field(description="Where to ask for progress.", examples=["/simulator/status/…/progress"])


class PaginatedRecommendations(ResponseModel):
    """Stored recommendations, one per cluster, best first."""

    object: Literal["cluster_recommendations"] = Field("cluster_recommendations", description="Kind of object.")
    page: int = Field(description="This page, from 1.", examples=[1])
    limit: int = Field(description="Items a page.", examples=[20])
    total_items: int = Field(description="Items in all.", examples=[7])
    total_pages: int = Field(description="Pages in all.", examples=[1])
    items: list[ClusterMetrics] = Field(description="The items of this page.")


class NodeGroupConfiguration(ResponseModel):
    """Everything that is needed to launch the replicas of one device group."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    config_id: str = Field(description="Identifies the configuration in feedback.", examples=["17"])
    name: str = Field(description="Device name.", examples=["NVIDIA-A100-SXM4-80GB"])
    labels: dict[str, str] = Field(
        default_factory=dict,
        description="Labels; ``concurrency`` as text.",
        examples=[{"device_name": "NVIDIA-A100-SXM4-80GB", "concurrency": "10"}],
    )
    type: Literal["cpu", "cpu_high", "cuda", "hpu", "rocm"] = Field(description="Device type.")
    engine_type: str = Field("vllm", description="Engine.", examples=["vllm"])
    tp_size: int = Field(1, ge=1, description="Tensor parallel devices of one stage.", examples=[1])
    pp_size: int = Field(1, ge=1, description="Pipeline stages of one replica.", examples=[1])
    envs: dict[str, Any] = Field(
        default_factory=dict,
        description="Environment variables of the engine.",
        examples=[{"VLLM_TARGET_DEVICE": "cuda"}],
    )
    args: dict[str, Any] = Field(
        default_factory=dict,
        description="Arguments of the engine.",
        examples=[{"tensor-parallel-size": 1, "max-num-seqs": 64}],
    )
    replicas: int = Field(1, ge=0, description="Replicas.", examples=[2])
    image: str = Field(description="Container image.", examples=["budecosystem/bud-runtime-cuda:latest"])
    memory: float = Field(ge=0, description="Memory to allocate on one device, GB.", examples=[31.3])
    hardware_mode: str = Field("dedicated", description="dedicated or shared.", examples=["dedicated"])
    ttft: float = Field(description="Median time to first token, ms.", examples=[85.5])
    throughput_per_user: float = Field(description="Output tokens/s of one request.", examples=[55.2])
    e2e_latency: float = Field(description="Median end-to-end latency, s.", examples=[4.2])
    error_rate: float = Field(description="Mean relative miss of the targets.", examples=[0.0])
    cost_per_million_tokens: float | None = Field(
        description="USD per million output tokens; null = no price known.", examples=[0.25]
    )
    device_name: str | None = Field(None, description="As the cluster calls it.", examples=["NVIDIA-A100-SXM4-80GB"])
    device_model: str | None = Field(None, description="Model of the device.", examples=["A100"])
    raw_name: str | None = Field(None, description="As the driver calls it.", examples=["NVIDIA-A100-SXM4-80GB"])
    engine_version: str | None = Field(None, description="Engine version.", examples=["0.32.0"])
    tool_calling_parser_type: str | None = Field(None, description="Tool-call parser.", examples=["llama3_json"])
    reasoning_parser_type: str | None = Field(None, description="Reasoning parser.", examples=["deepseek_r1"])
    architecture_family: str | None = Field(None, description="Family of the architecture.", examples=["llama"])
    chat_template: str | None = Field(
        None, description="Chat template.", examples=["examples/tool_chat_template_llama3.1_json.jinja"]
    )
    supports_lora: bool | None = Field(None, description="LoRA adapters can be served.", examples=[True])
    supports_pipeline_parallelism: bool | None = Field(None, description="Stages are possible.", examples=[True])
    weight_memory_gb: float | None = Field(None, description="Weights on one device, GB.", examples=[16.1])
    kv_cache_memory_gb: float | None = Field(None, description="KV cache on one device, GB.", examples=[14.7])
    cores: int | None = Field(None, description="CPU cores, for CPU types.", examples=[112])
    max_loras: int | None = Field(None, description="LoRA adapters that fit beside the load.", examples=[5])
    nodes_spanned: int = Field(1, ge=1, description="Nodes that one replica lies on.", examples=[1])
    pods_per_replica: int = Field(
        1,
        ge=1,
        description="Equal processes that one replica is started as, each of whole stages on one node.",
        examples=[1],
    )
    role: Literal["prefill", "decode"] | None = Field(
        None, description="Pool of a disaggregated deployment; null = its replicas do both.", examples=[None]
    )
    available_devices: int | None = Field(None, exclude=True, description="Free devices, for the check below.")

    @model_validator(mode="after")
    def _placeable(self) -> NodeGroupConfiguration:
        if self.pp_size > 1 and self.type.startswith("cpu"):
            raise ValueError(NO_PP_ON_CPU)
        if self.pp_size > 1 and self.type not in ("cuda", "rocm"):
            raise ValueError(PP_NEEDS_CUDA)
        needed = self.tp_size * self.pp_size
        if self.available_devices is not None and needed > self.available_devices:
            raise ValueError(
                f"Required devices ({needed} = {self.tp_size}*{self.pp_size}) exceeds available devices "
                f"({self.available_devices})"
            )
        return self


class DeviceConfiguration(ResponseModel):
    """One device of the older answer shape."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    config_id: str = Field(description="Configuration.", examples=["17"])
    name: str = Field(description="Device name.", examples=["NVIDIA-A100-SXM4-80GB"])
    type: str = Field(description="Device type.", examples=["cuda"])
    image: str = Field(description="Container image.", examples=["budecosystem/bud-runtime-cuda:latest"])
    memory: float = Field(description="GB on one device.", examples=[31.3])
    num_cpus: int = Field(-1, description="CPUs; -1 = not limited.", examples=[-1])
    args: dict[str, Any] = Field(
        default_factory=dict, description="Arguments.", examples=[{"tensor-parallel-size": 1, "max-num-seqs": 64}]
    )
    envs: dict[str, Any] = Field(
        default_factory=dict, description="Environment.", examples=[{"VLLM_TARGET_DEVICE": "cuda"}]
    )
    tp_size: int = Field(1, description="Tensor parallel devices.", examples=[1])
    replica: int = Field(description="Replicas.", examples=[2])
    concurrency: int = Field(description="Requests in flight.", examples=[10])
    ttft: float = Field(description="ms.", examples=[85.5])
    throughput_per_user: float = Field(description="tokens/s.", examples=[55.2])
    e2e_latency: float = Field(description="s.", examples=[4.2])
    error_rate: float = Field(description="Mean relative miss.", examples=[0.0])
    cost_per_million_tokens: float | None = Field(None, description="USD.", examples=[0.25])


class NodeConfiguration(ResponseModel):
    """One node of the older answer shape, kept readable."""

    id: str = Field(description="Node id.", examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"])
    name: str = Field(description="Node name.", examples=["node-1"])
    devices: list[DeviceConfiguration] = Field(description="Its devices.")


class DeploymentConfigurationResponse(ResponseModel):
    """The deployment to launch on one cluster."""

    object: Literal["deployment_configuration"] = Field("deployment_configuration", description="Kind of object.")
    id: str = Field(description="Cluster id.", examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"])
    nodes: list[NodeConfiguration] | None = Field(None, description="Older shape; not filled.")
    node_groups: list[NodeGroupConfiguration] | None = Field(None, description="Groups to launch.")
    replica: int = Field(description="Replicas in all.", examples=[2])
    concurrency: int = Field(description="Requests in flight it carries.", examples=[10])
    ttft: float = Field(description="Median time to first token, ms.", examples=[85.5])
    throughput_per_user: float = Field(description="Output tokens/s of one request.", examples=[55.2])
    e2e_latency: float = Field(description="Median end-to-end latency, s.", examples=[4.2])
    error_rate: float = Field(description="Mean relative miss of the targets.", examples=[0.0])
    cost_per_million_tokens: float | None = Field(
        description="USD per million output tokens; null = no price known.", examples=[0.25]
    )
    engine_version: str | None = Field(None, description="Engine version.", examples=["0.32.0"])
    tool_calling_parser_type: str | None = Field(None, description="Tool-call parser.", examples=["llama3_json"])
    reasoning_parser_type: str | None = Field(None, description="Reasoning parser.", examples=["deepseek_r1"])
    architecture_family: str | None = Field(None, description="Family of the architecture.", examples=["llama"])
    chat_template: str | None = Field(
        None, description="Chat template.", examples=["examples/tool_chat_template_llama3.1_json.jinja"]
    )
    supports_lora: bool | None = Field(None, description="LoRA adapters can be served.", examples=[True])
    supports_pipeline_parallelism: bool | None = Field(None, description="Stages are possible.", examples=[True])

    @model_validator(mode="after")
    def _not_empty(self) -> DeploymentConfigurationResponse:
        if self.nodes is None and self.node_groups is None:
            raise ValueError(NEITHER_NODES_NOR_GROUPS)
        return self
