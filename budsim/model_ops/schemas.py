"""Bodies of the model routes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ModelTarget(BaseModel):
    """A UUID or short name, and the hub id or path that it stands for."""

    model_config = ConfigDict(extra="forbid")

    model_id: str = Field(min_length=1, max_length=512, description="UUID or short name")
    target: str = Field(min_length=1, max_length=512, description="hub id, or a folder with a config.json")


class ModelQuery(BaseModel):
    """Which model to look at."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: str = Field(min_length=1, max_length=512, description="hub id, alias, repack, folder, UUID or mapped name")


class ModelSummary(BaseModel):
    """A model in a few figures; bytes are plain bytes, counts are of the whole model."""

    model_config = ConfigDict(protected_namespaces=())

    model: str
    model_type: str
    architectures: list[str]
    task: str
    parameters: int
    parameters_active: int
    parameters_published: int | None
    parameters_by_component: dict[str, int]
    num_layers: int
    layers_by_kind: dict[str, int]
    hidden_size: int
    num_attention_heads: int
    num_kv_heads: int
    head_dim: int
    attention_type: str
    sliding_window: int | None
    num_experts: int
    experts_per_token: int
    vocab_size: int
    max_context_tokens: int
    precision: str
    kv_bytes_per_token: float
    kv_bytes_per_token_long_context: float
    state_bytes_per_sequence: float
    weight_bytes_by_precision: dict[str, float]
    missing_facts: list[str]
