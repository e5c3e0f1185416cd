"""Bodies of the calculator and of the start-up log import."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from budsim.model_ops.schemas import ModelSummary

DEVICES = ("A100-80GB", "H100", "H200", "B200", "L4", "L40S", "MI300X", "Gaudi3")
MAX_LOG_CHARACTERS = 8_000_000
_MODEL = "hub id, alias, repack, folder, UUID or mapped name"


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class AnalyzeQuery(_Body):
    """Which model to look at, and on which devices."""

    model: str = Field(min_length=1, max_length=512, description=_MODEL)
    devices: list[str] = Field(default=list(DEVICES), max_length=20, description="device names")
    precision: str | None = Field(None, max_length=64, description="format of the weights; null = the checkpoint's own")
    tp_sizes: list[int] = Field(default=[1, 2, 4, 8], min_length=1, max_length=8, description="tried in this order")
    max_model_len: int | None = Field(
        None, ge=1, le=100_000_000, description="length that concurrency is counted at; null = the longest that fits"
    )


class DeviceFit(_Body):
    """One replica of the model on one device type, at the smallest TP size that starts."""

    device: str
    tp_size: int | None
    starts: bool
    reason: str | None = Field(description="why it does not start")
    weight_bytes_per_device: float | None = None
    activation_bytes_per_device: float | None = None
    available_kv_bytes_per_device: float | None = None
    kv_cache_tokens: int | None = None
    max_context_tokens: int | None = Field(None, description="longest sequence that fits, up to the model's own limit")
    sequence_tokens: int | None = Field(None, description="length that max_concurrency is counted at")
    max_concurrency: float | None = None
    max_concurrency_short: float | None = Field(None, description="at 2048 tokens")


class SweepRow(_Body):
    """One sequence by its length, all devices together."""

    sequence_tokens: int
    kv_cache_bytes: float
    weights_and_cache_bytes: float


class ModelAnalysis(ModelSummary):
    """A model in a few figures, on devices and over lengths."""

    attention_rating: str = Field(description="excellent, good or moderate: how sparing the cache is")
    memory_by_device: list[DeviceFit]
    sequence_sweep: list[SweepRow]


class ModelSource(_Body):
    """A model by name, or its config.json itself."""

    model_id: str | None = Field(None, min_length=1, max_length=512, description=_MODEL)
    config: dict[str, Any] | None = Field(None, description="content of a config.json")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.model_id is None) == (self.config is None):
            raise ValueError("give model_id or config")
        return self


class _Case(_Body):
    precision: str | None = Field(None, max_length=64, description="format of the weights; null = the checkpoint's own")
    batch_size: int = Field(1, ge=1, le=1_000_000)
    seq_length: int = Field(2048, ge=1, le=100_000_000, description="input tokens of one sequence")
    decode_length: int = Field(0, ge=0, le=100_000_000, description="output tokens on top")
    tensor_parallel: int = Field(1, ge=1, le=1024)
    num_images: int = Field(0, ge=0, le=10_000, description="images of one sequence")
    image_resolution: int = Field(1024, ge=16, le=16_384)
    include_gradients: bool = Field(False, description="one gradient per parameter")
    kv_cache_dtype: str | None = Field(None, max_length=32)


class CalculateQuery(ModelSource, _Case):
    """One model and one case."""


class CompareQuery(_Case):
    """Several models and one case."""

    models: list[str] = Field(min_length=1, max_length=20)


class ValidationAnswer(_Body):
    """Whether a model can be served, and why not."""

    valid: bool
    model_id: str
    model_type: str | None = None
    architectures: list[str] = []
    attention_type: str | None = None
    parameter_count: int | None = None
    missing_facts: list[str] = []
    error_code: str | None = Field(None, description="class of the error")
    error: str | None = None


class ImportLogQuery(_Body):
    """A start-up log and what it is of."""

    log: str = Field(min_length=1, max_length=MAX_LOG_CHARACTERS, description="the engine's log, one start")
    model: str | None = Field(None, min_length=1, max_length=512, description="what the log's model is called here")
    hardware: str | None = Field(None, min_length=1, max_length=200, description="device; no log names it")
    calibrate: bool = Field(True, description="keep what was measured for memory estimates of the CLI")
