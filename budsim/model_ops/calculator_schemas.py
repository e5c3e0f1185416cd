"""Bodies of the calculator and of the start-up log import."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from budsim.commons.field_errors import fields_disagree
from budsim.model_ops.schemas import ModelSummary

DEVICES = ("A100-80GB", "H100", "H200", "B200", "L4", "L40S", "MI300X", "Gaudi3")
MAX_LOG_CHARACTERS = 8_000_000
_MODEL = "hub id, alias, repack, folder, UUID or mapped name"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class AnalyzeQuery(_Body):
    """Which model to look at, and on which devices."""

    model: str = Field(min_length=1, max_length=512, description=_MODEL, examples=["meta-llama/Llama-3.1-8B"])
    devices: list[str] = Field(
        default=list(DEVICES), max_length=20, description="device names", examples=[["H100", "L40S"]]
    )
    precision: str | None = Field(
        None, max_length=64, description="format of the weights; null = the checkpoint's own", examples=["bf16"]
    )
    tp_sizes: list[int] = Field(
        default=[1, 2, 4, 8], min_length=1, max_length=8, description="tried in this order", examples=[[1, 2, 4, 8]]
    )
    max_model_len: int | None = Field(
        None,
        ge=1,
        le=100000000,
        description="length that concurrency is counted at; null = the longest that fits",
        examples=[8192],
    )


class DeviceFit(_Body):
    """One replica of the model on one device type, at the smallest TP size that starts."""

    device: str = Field(description="device", examples=["NVIDIA H100 SXM 80GB"])
    tp_size: int | None = Field(description="smallest TP size that starts; null = none does", examples=[1])
    starts: bool = Field(description="whether the engine starts", examples=[True])
    reason: str | None = Field(description="why it does not start", examples=["weights 131.4 GiB do not fit 79.2 GiB"])
    weight_bytes_per_device: float | None = Field(
        None, description="weights, bytes per device", examples=[16_060_522_496.0]
    )
    activation_bytes_per_device: float | None = Field(
        None, description="activations, bytes per device", examples=[2_046_000_000.0]
    )
    available_kv_bytes_per_device: float | None = Field(
        None, description="left for the KV cache, bytes per device", examples=[58_850_000_000.0]
    )
    kv_cache_tokens: int | None = Field(None, description="tokens that the KV cache holds", examples=[448_992])
    max_context_tokens: int | None = Field(
        None, description="longest sequence that fits, up to the model's own limit", examples=[131_072]
    )
    sequence_tokens: int | None = Field(None, description="length that max_concurrency is counted at", examples=[8192])
    max_concurrency: float | None = Field(
        None, description="sequences of sequence_tokens that fit at once", examples=[3.4]
    )
    max_concurrency_short: float | None = Field(None, description="at 2048 tokens", examples=[219.2])
    calibration: str | None = Field(
        None,
        description="start-up logs that the figures rest on; null = the config alone",
        examples=["calibrated by a start-up log of vllm 0.19.0 on NVIDIA H100 SXM 80GB"],
    )


class SweepRow(_Body):
    """One sequence by its length, all devices together."""

    sequence_tokens: int = Field(description="tokens of the sequence", examples=[8192])
    kv_cache_bytes: float = Field(description="its KV cache, bytes", examples=[1_073_741_824.0])
    weights_and_cache_bytes: float = Field(description="weights and its cache, bytes", examples=[17_134_264_320.0])


class ModelAnalysis(ModelSummary):
    """A model in a few figures, on devices and over lengths."""

    attention_rating: str = Field(
        description="excellent, good or moderate: how sparing the cache is", examples=["good"]
    )
    memory_by_device: list[DeviceFit] = Field(description="one entry per device asked for")
    sequence_sweep: list[SweepRow] = Field(description="memory over sequence lengths")


class ModelSource(_Body):
    """A model by name, or its config.json itself."""

    model_id: str | None = Field(
        None, min_length=1, max_length=512, description=_MODEL, examples=["meta-llama/Llama-3.1-8B"]
    )
    config: dict[str, Any] | None = Field(
        None, description="content of a config.json", examples=[{"model_type": "llama", "hidden_size": 4096}]
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.model_id is None) == (self.config is None):
            raise fields_disagree("model_id", "give model_id or config, and not both")
        return self


class _Case(_Body):
    precision: str | None = Field(
        None, max_length=64, description="format of the weights; null = the checkpoint's own", examples=["bf16"]
    )
    batch_size: int = Field(1, ge=1, le=1000000, description="sequences at once", examples=[1])
    seq_length: int = Field(2048, ge=1, le=100000000, description="input tokens of one sequence", examples=[2048])
    decode_length: int = Field(0, ge=0, le=100000000, description="output tokens on top", examples=[512])
    tensor_parallel: int = Field(1, ge=1, le=1024, description="TP ranks", examples=[1])
    num_images: int = Field(0, ge=0, le=10000, description="images of one sequence", examples=[0])
    image_resolution: int = Field(1024, ge=16, le=16384, description="pixels of one side of an image", examples=[1024])
    include_gradients: bool = Field(False, description="one gradient per parameter", examples=[False])
    kv_cache_dtype: str | None = Field(
        None, max_length=32, description="format of the KV cache; null = that of the activations", examples=["fp8"]
    )


class CalculateQuery(ModelSource, _Case):
    """One model and one case."""


class CompareQuery(_Case):
    """Several models and one case."""

    models: list[str] = Field(
        min_length=1,
        max_length=20,
        description="hub ids or other names",
        examples=[["meta-llama/Llama-3.1-8B", "Qwen/Qwen3-8B"]],
    )


class ValidationAnswer(_Body):
    """Whether a model can be served, and why not."""

    valid: bool = Field(description="whether BudSim can read and predict it", examples=[True])
    model_id: str = Field(description="as asked", examples=["meta-llama/Llama-3.1-8B"])
    model_type: str | None = Field(None, description="model_type of its config", examples=["llama"])
    architectures: list[str] = Field(
        default_factory=list, description="architectures of its config", examples=[["LlamaForCausalLM"]]
    )
    attention_type: str | None = Field(None, description="mha, gqa, mqa or mla", examples=["gqa"])
    parameter_count: int | None = Field(None, description="parameters of the whole model", examples=[8_030_261_248])
    missing_facts: list[str] = Field(
        default_factory=list, description="config fields that are not known for sure", examples=[["sliding_window"]]
    )
    error_code: str | None = Field(None, description="class of the error", examples=["UnsupportedModelError"])
    error: str | None = Field(
        None, description="what is wrong, and what to do about it", examples=["config.json has no hidden_size"]
    )


class ImportLogQuery(_Body):
    """A start-up log and what it is of."""

    log: str = Field(
        min_length=1,
        max_length=MAX_LOG_CHARACTERS,
        description="the engine's log, one start",
        examples=["INFO … Available KV cache memory: 58.11 GiB"],
    )
    model: str | None = Field(
        None,
        min_length=1,
        max_length=512,
        description="what the log's model is called here",
        examples=["meta-llama/Llama-3.1-8B"],
    )
    hardware: str | None = Field(
        None, min_length=1, max_length=200, description="device; no log names it", examples=["H100"]
    )
    calibrate: bool = Field(True, description="keep what was measured for memory estimates of the CLI", examples=[True])
