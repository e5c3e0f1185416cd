"""Bodies of the model routes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ModelTarget(BaseModel):
    """A UUID or short name, and the hub id or path that it stands for."""

    model_config = ConfigDict(extra="forbid")

    model_id: str = Field(
        min_length=1,
        max_length=512,
        description="UUID or short name",
        examples=["8900717f-3ec0-4df8-8993-54083b020c69"],
    )
    target: str = Field(
        min_length=1,
        max_length=512,
        description="hub id, or a folder with a config.json",
        examples=["meta-llama/Llama-3.1-8B"],
    )


class ModelQuery(BaseModel):
    """Which model to look at."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: str = Field(
        min_length=1,
        max_length=512,
        description="hub id, alias, repack, folder, UUID or mapped name",
        examples=["meta-llama/Llama-3.1-8B"],
    )


class ModelSummary(BaseModel):
    """A model in a few figures; bytes are plain bytes, counts are of the whole model."""

    model_config = ConfigDict(protected_namespaces=())

    model: str = Field(description="Hub id, or the folder's path.", examples=["Qwen/Qwen3-30B-A3B"])
    model_type: str = Field(description="``model_type`` of its config.", examples=["qwen3_moe"])
    architectures: list[str] = Field(description="``architectures`` of its config.", examples=[["Qwen3MoeForCausalLM"]])
    task: str = Field(
        description="What it is for: generate, embed, rerank, classify or transcribe.", examples=["generate"]
    )
    parameters: int = Field(description="Parameters of the whole model.", examples=[30_532_122_624])
    parameters_active: int = Field(
        description="Parameters that one token passes, embeddings included.", examples=[3_353_032_704]
    )
    parameters_published: int | None = Field(
        description="The publisher's own count, where there is one.", examples=[30_532_122_624]
    )
    parameters_by_component: dict[str, int] = Field(
        description="Parameters by component.", examples=[{"embedding": 311_164_928, "experts": 28_991_029_248}]
    )
    num_layers: int = Field(description="Layers.", examples=[48])
    layers_by_kind: dict[str, int] = Field(
        description="Layers by what they keep per sequence.", examples=[{"full": 48}]
    )
    hidden_size: int = Field(description="Width of the residual stream, elements.", examples=[2048])
    num_attention_heads: int = Field(description="Query heads.", examples=[32])
    num_kv_heads: int = Field(description="Key and value heads.", examples=[4])
    head_dim: int = Field(description="Width of one head, elements.", examples=[128])
    attention_type: str = Field(description="mha, gqa, mqa or mla.", examples=["gqa"])
    sliding_window: int | None = Field(
        description="Window of its sliding layers, tokens; null = none.", examples=[None]
    )
    num_experts: int = Field(description="Routed experts of one layer; 0 = dense.", examples=[128])
    experts_per_token: int = Field(description="Experts that one token passes in a layer.", examples=[8])
    vocab_size: int = Field(description="Entries of the vocabulary.", examples=[151_936])
    max_context_tokens: int = Field(description="Longest sequence by its config, tokens.", examples=[40_960])
    precision: str = Field(description="Format of the checkpoint's weights.", examples=["bf16"])
    kv_bytes_per_token: float = Field(
        description="KV cache of one token in 16 bit over all layers, bytes.", examples=[98_304.0]
    )
    kv_bytes_per_token_long_context: float = Field(
        description="The same far beyond every window, bytes: only full layers still grow.", examples=[98_304.0]
    )
    state_bytes_per_sequence: float = Field(
        description="State of fixed size that one sequence keeps, bytes.", examples=[0.0]
    )
    weight_bytes_by_precision: dict[str, float] = Field(
        description="Weights by format, bytes.", examples=[{"bf16": 61_064_245_248.0}]
    )
    missing_facts: list[str] = Field(description="Config fields that are not known for sure.", examples=[[]])
