"""Recommendations on the wire: seconds for latencies as the document has them, GB = 1e9 bytes, GiB = 2**30, USD."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from budsim.simulator.hardware import PriceBasis
from budsim.usecases.schemas import UseCaseResponse

CATEGORIES = ("3B", "8B", "32B", "72B", "200B+")
MAX_BATCH = 100_000
BatchSize = Annotated[int, Field(ge=1, le=MAX_BATCH)]
Name = Annotated[str, Field(min_length=1, max_length=512)]
DeviceType = Literal["cuda", "rocm", "hpu", "cpu"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class _HardwareWishes(_Body):
    precision: str | None = Field(
        "fp16", max_length=64, description="format of the weights; null = the checkpoint's own", examples=["fp16"]
    )
    include_pricing: bool = Field(True, description="show prices", examples=[True])
    price_basis: PriceBasis = Field(
        "on_demand",
        description="on_demand, reserved_1y, reserved_3y, spot, on_prem (price over five years), or auto = on_demand, "
        "else on_prem.",
        examples=["on_demand"],
    )  # fmt: skip
    device_types: list[DeviceType] = Field(
        default_factory=list, max_length=4, description="only these; empty = all", examples=[["cuda", "rocm"]]
    )
    manufacturers: list[Annotated[str, Field(max_length=100)]] = Field(
        default_factory=list, max_length=20, description="only these, any case; empty = all", examples=[["NVIDIA"]]
    )
    hardware: list[Annotated[str, Field(max_length=200)]] = Field(
        default_factory=list, max_length=100, description="only these devices; empty = all", examples=[["H100", "L40S"]]
    )
    custom_hardware: list[dict[str, Any]] = Field(
        default_factory=list, max_length=20,
        description="devices of your own for this question, as POST /api/hardware takes them",
        examples=[[{"name": "Acme X1", "device_type": "cuda", "memory_gb": 96, "memory_bandwidth_gb_s": 4000,
                    "bf16_tflops": 800, "usd_per_hour": 2.5}]],
    )  # fmt: skip
    max_price_per_hour: float | None = Field(
        None, gt=0, le=1e9, description="USD per hour of a replica at most; null = any", examples=[20.0]
    )


class RecommendationQuery(_HardwareWishes):
    """What to recommend for a use case; an empty body asks the document's question."""

    batch_sizes: list[BatchSize] = Field(
        default=[1, 8, 16, 32, 64], min_length=1, max_length=12, description="concurrent requests of a replica",
        examples=[[1, 8, 16, 32, 64]],
    )  # fmt: skip
    model_categories: list[Literal["3B", "8B", "32B", "72B", "200B+"]] = Field(
        default=["3B", "8B", "32B", "72B", "200B+"],
        max_length=5,
        description="size categories",
        examples=[["8B", "72B"]],
    )
    models: list[Name] = Field(
        default_factory=list, max_length=10, description="models of your own instead of the categories'",
        examples=[["Qwen/Qwen3-8B"]],
    )  # fmt: skip
    models_per_category: int = Field(2, ge=1, le=10, description="models shown of each category", examples=[2])
    max_hardware_options: int = Field(5, ge=1, le=50, description="hardware shown of each batch size", examples=[5])
    min_utilization: float = Field(
        10.0, ge=0, le=100, description="percent of a device's memory to be used at least", examples=[10.0]
    )
    slo_only: bool = Field(False, description="show only what keeps the SLO", examples=[False])


class OptimizeQuery(_HardwareWishes):
    """What to optimise for a use case."""

    batch_sizes: list[BatchSize] | Literal["auto"] = Field(
        default=[1, 4, 8, 16], description="concurrent requests of a replica; auto = powers of two up to 256",
        examples=[[1, 4, 8, 16]],
    )  # fmt: skip
    model_sizes: list[Literal["1B", "3B", "8B", "32B", "70B"]] = Field(
        default=["1B", "3B", "8B", "32B", "70B"], max_length=5, description="sizes of models", examples=[["8B"]]
    )
    models: list[Name] = Field(
        default_factory=list, max_length=10, description="models of your own instead of the sizes'",
        examples=[["Qwen/Qwen3-8B"]],
    )  # fmt: skip
    max_results: int = Field(10, ge=1, le=50, description="configurations shown", examples=[10])
    optimization_mode: Literal["cost", "performance", "balanced"] = Field(
        "balanced", description="what the first configuration is best at", examples=["balanced"]
    )


class SloAnswer(_Body):
    """Which bounds hold; null = there is no such bound."""

    ttft: bool | None = Field(description="TTFT p50 <= ttft_max", examples=[True])
    e2e: bool | None = Field(description="E2E latency p50 <= e2e_max", examples=[True])
    inter_token: bool | None = Field(
        description="TPOT mean <= inter_token_max; told, not part of meets_slo", examples=[None]
    )


class Performance(_Body):
    """What ``budsim predict`` says for ``point``."""

    ttft_ms_p50: float = Field(description="time to first token, median, ms", examples=[88.4])
    ttft_ms_p95: float = Field(description="95th percentile, ms", examples=[142.0])
    ttft_ms_p99: float = Field(description="99th percentile, ms", examples=[160.3])
    tpot_ms_mean: float = Field(description="time per output token after the first, ms", examples=[12.1])
    itl_ms_p99: float = Field(description="gap between tokens, 99th percentile, ms", examples=[31.0])
    e2e_s_p50: float = Field(description="end-to-end latency, median, s", examples=[1.62])
    e2e_s_p99: float = Field(description="99th percentile, s", examples=[1.74])
    output_tps: float = Field(description="output tokens/s of the replica", examples=[632.0])
    tps_per_user: float = Field(description="output tokens/s of one request", examples=[79.0])
    request_throughput: float = Field(description="requests/s of the replica", examples=[4.9])
    confidence: float | None = Field(description="0 to 1; null where the method gives none", examples=[None])
    basis: str = Field(description="measured, interpolated, extrapolated or analytic", examples=["analytic"])
    intervals: dict[str, list[float]] = Field(
        description="low and high of a metric, where the method gives them", examples=[{"ttft_ms_mean": [70.0, 110.0]}]
    )


class Memory(_Body):
    """What ``budsim memory`` says for ``point``, per fullest device."""

    model_loading_gib: float = Field(description="weights, GiB", examples=[14.96])
    activation_gib: float = Field(description="activations, GiB", examples=[1.2])
    non_torch_gib: float = Field(description="the engine's own, GiB", examples=[0.6])
    available_kv_gib: float = Field(description="left for the KV cache, GiB", examples=[54.1])
    kv_cache_tokens: int = Field(description="tokens that the replica's KV cache holds", examples=[443_000])
    max_concurrency: float = Field(description="sequences of max_model_len that it holds", examples=[108.2])


class HardwareOptionAnswer(_Body):
    """One device type, the replica on it, and its figures."""

    hardware_name: str = Field(description="device", examples=["NVIDIA L40S"])
    manufacturer: str = Field(description="maker", examples=["NVIDIA"])
    device_type: str = Field(description="cuda, rocm, hpu or cpu", examples=["cuda"])
    is_custom: bool = Field(description="described by a user", examples=[False])
    nodes_required: int = Field(description="chips of one replica (the document's nodes)", examples=[1])
    servers_required: int = Field(description="servers that hold these chips", examples=[1])
    tensor_parallel: int = Field(description="TP", examples=[1])
    pipeline_parallel: int = Field(description="PP", examples=[1])
    memory_per_chip: float | None = Field(description="GB of one chip; null = the host's, not stated", examples=[48.0])
    memory_required_gb_per_chip: float = Field(
        description="GB that the load takes of the fullest chip", examples=[21.5]
    )
    utilization: float | None = Field(description="percent of the chip's memory that the load takes", examples=[44.5])
    optimality: Literal["optimal", "good", "ok"] = Field(
        description="optimal from 80 %, good from 60 % of memory used", examples=["ok"]
    )
    power_watts: float | None = Field(description="TDP of all chips, W", examples=[350.0])
    estimated_ttft: float = Field(description="time to first token, median, s", examples=[0.088])
    estimated_e2e: float = Field(description="end-to-end latency, median, s", examples=[1.62])
    performance: Performance = Field(description="the prediction")
    memory: Memory = Field(description="the engine's memory")
    point: dict[str, Any] = Field(
        description="the row to give to budsim predict and budsim memory",
        examples=[{"model": "Qwen/Qwen3-8B", "tp": 1}],
    )
    meets_slo: bool = Field(description="TTFT and E2E latency are within the bounds", examples=[True])
    slo: SloAnswer = Field(description="bound by bound")
    price_per_hour: float | None = Field(
        description="USD/h of one chip; null = not known or not asked", examples=[1.95]
    )
    total_cost_per_hour: float | None = Field(description="USD/h of all chips", examples=[1.95])
    price_index: float | None = Field(description="the platform's old relative index, not USD", examples=[2.63])
    price_basis: str | None = Field(description="Basis of the price.", examples=["on_demand"])
    price_is_estimate: bool | None = Field(description="not an offer for this very device", examples=[False])
    cost_per_million_tokens_usd: float | None = Field(description="USD per million output tokens", examples=[0.86])
    cost_per_request_usd: float | None = Field(description="USD of one request at this load", examples=[0.00011])


class BatchConfiguration(_Body):
    """One batch size: its memory, its best option, and the options."""

    batch_size: int = Field(description="concurrent requests of a replica", examples=[8])
    memory_required_gb: float = Field(
        description="weights, activations and KV cache on one device, GB", examples=[19.4]
    )
    meets_slo: bool = Field(description="an option shown keeps the SLO", examples=[True])
    estimated_ttft: float | None = Field(description="s, of estimated_on", examples=[0.088])
    estimated_e2e: float | None = Field(description="s, of estimated_on", examples=[1.62])
    estimated_on: str | None = Field(
        description="first option that keeps the SLO, else the first", examples=["NVIDIA L40S"]
    )
    hardware_options: list[HardwareOptionAnswer] = Field(description="fewest chips first, then the fullest")
    reason: str | None = Field(description="why there is no option", examples=[None])


class BatchSizeAdvice(_Body):
    """The batch size to run."""

    batch_size: int = Field(description="concurrent requests of a replica", examples=[16])
    hardware_name: str = Field(description="on this device", examples=["NVIDIA L40S"])
    nodes_required: int = Field(description="chips", examples=[1])
    cost_per_million_tokens_usd: float | None = Field(description="USD per million output tokens", examples=[0.43])
    reason: str = Field(description="why", examples=["cheapest output within the bounds"])


class RecommendedModel(_Body):
    """One model."""

    model_id: str = Field(description="as the category names it", examples=["google/gemma-3-4B"])
    checkpoint: str = Field(description="the published checkpoint that it means", examples=["google/gemma-3-4b-it"])
    parameter_count: int = Field(description="parameters", examples=[4_299_915_632])
    model_type: str = Field(description="model_type of its config", examples=["gemma3"])
    attention_type: str = Field(description="mha, gqa, mqa, mla or none", examples=["gqa"])
    batch_size_advice: BatchSizeAdvice | None = Field(description="null = nothing shown keeps the SLO")
    batch_configurations: list[BatchConfiguration] = Field(description="in the order asked")


class SkippedModel(_Body):
    """A model of the category that cannot be read."""

    model_id: str = Field(description="as the category names it", examples=["acme/unknown"])
    reason: str = Field(description="why", examples=["unknown model"])


class CategoryRecommendation(_Body):
    """One size category."""

    model_category: str = Field(description="the category", examples=["8B"])
    recommended_models: list[RecommendedModel] = Field(description="its models")
    skipped_models: list[SkippedModel] = Field(description="models that cannot be read, with the reason")


class RecommendationAnswer(_Body):
    """What serves a use case."""

    usecase: UseCaseResponse = Field(description="the use case")
    recommendations: list[CategoryRecommendation] = Field(description="by size category")
    method: str = Field(description="prediction method", examples=["heuristic"])
    category_source: Literal["table", "parameter ranges", "request"] = Field(
        description="where the models come from", examples=["table"]
    )
    assumptions: list[str] = Field(description="what was decided for the caller", examples=[["prices: cloud"]])


class OptimizedConfiguration(_Body):
    """One model on one replica under one batch size."""

    model_id: str = Field(description="model as asked", examples=["meta-llama/Llama-3.1-8B"])
    checkpoint: str = Field(description="published checkpoint", examples=["meta-llama/Llama-3.1-8B"])
    model_size: str = Field(description="size as asked; custom = named by the caller", examples=["8B"])
    hardware_type: str = Field(description="device", examples=["NVIDIA H100 SXM 80GB"])
    num_nodes: int = Field(description="chips of one replica", examples=[1])
    parallelism: str = Field(description="TP and PP", examples=["TP1 PP1"])
    batch_size: int = Field(description="concurrent requests of a replica", examples=[16])
    achieved_ttft: float = Field(description="median TTFT, s", examples=[0.21])
    achieved_e2e: float = Field(description="median E2E latency, s", examples=[3.4])
    achieved_inter_token: float = Field(description="mean TPOT, s", examples=[0.011])
    required_ttft: float | None = Field(description="ttft_max of the use case, s", examples=[1.0])
    required_e2e: float | None = Field(description="e2e_max of the use case, s", examples=[12.0])
    required_inter_token: float | None = Field(description="inter_token_max of the use case, s", examples=[0.04])
    meets_slo: bool = Field(description="TTFT and E2E latency are within the bounds", examples=[True])
    cost_per_hour: float | None = Field(description="USD/h of the replica; null = not known", examples=[3.29])
    cost_per_request: float | None = Field(description="USD of one request at this load", examples=[0.0002])
    cost_per_million_tokens_usd: float | None = Field(description="USD per million output tokens", examples=[0.6])
    throughput: float = Field(description="output tokens/s of the replica", examples=[1500.0])
    utilization: float | None = Field(description="percent of a chip's memory that the load takes", examples=[41.0])
    efficiency_score: float | None = Field(
        description="what balanced minimises: USD per request x (1 - mean headroom below the TTFT and E2E bounds / 2); "
        "lower is better; null = no price",
        examples=[0.00016],
    )
    option: HardwareOptionAnswer = Field(description="every figure of the replica")


class OptimizeSummary(_Body):
    """What was tried."""

    optimization_mode: str = Field(description="cost, performance or balanced", examples=["balanced"])
    evaluated: int = Field(description="configurations that were predicted", examples=[180])
    meeting_slo: int = Field(description="of them within the bounds", examples=[96])
    shown: int = Field(description="in the answer", examples=[10])
    best: str | None = Field(description="device of the first configuration", examples=["NVIDIA L40S"])
    reason: str | None = Field(description="why there is none", examples=[None])


class OptimizeAnswer(_Body):
    """Configurations, best first; the best of every model comes before the second of any."""

    usecase: UseCaseResponse = Field(description="the use case")
    method: str = Field(description="prediction method", examples=["heuristic"])
    configurations: list[OptimizedConfiguration] = Field(description="best first")
    summary: OptimizeSummary = Field(description="what was tried")
    assumptions: list[str] = Field(description="what was decided for the caller", examples=[["prices: cloud"]])


class QuickOptimizeAnswer(_Body):
    """The best configuration of every mode."""

    usecase: UseCaseResponse = Field(description="the use case")
    method: str = Field(description="prediction method", examples=["heuristic"])
    cost: OptimizedConfiguration | None = Field(description="cheapest output within the bounds")
    performance: OptimizedConfiguration | None = Field(description="shortest E2E latency")
    balanced: OptimizedConfiguration | None = Field(description="lowest efficiency_score")
    summary: OptimizeSummary = Field(description="what was tried")
    assumptions: list[str] = Field(description="what was decided for the caller", examples=[["prices: cloud"]])
