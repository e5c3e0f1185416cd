"""The shape of a model, as far as bytes and FLOPs depend on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class LayerKind(StrEnum):
    """What a layer keeps per sequence."""

    FULL = "full"  # attention over the whole context
    SLIDING = "sliding"  # attention over the last `sliding_window` tokens
    CHUNKED = "chunked"  # attention inside chunks of `attention_chunk_size` tokens (Llama 4)
    LINEAR = "linear"  # state of fixed size: Mamba, gated delta net, linear attention
    NONE = "none"  # no mixer state (a pure MLP layer of hybrids)


@dataclass(frozen=True, slots=True)
class ModelArchitecture:
    """Everything the performance model needs to know of a model; build it with ``from_config``.

    Attributes:
        layer_kinds: One entry per layer, ``num_layers`` long.
        kv_lora_rank: MLA latent width; 0 = not MLA. The cached vector is ``kv_lora_rank + qk_rope_head_dim`` wide.
        num_experts: Routed experts; 0 = dense.
        moe_layers: Number of layers that have experts.
        shared_expert_intermediate_size: Total width of the always-active experts of one MoE layer.
        linear_state_bytes: State bytes of one LINEAR layer and sequence (whole model, before TP).
        quantization: The checkpoint's own format (``quantization_config``), normalised name, or None.
        quantization_exempt: Module classes the checkpoint leaves unquantised: any of ``attn embed head router``.
        torch_dtype: ``bf16``, ``fp16`` or ``fp32``.
    """

    name: str
    model_type: str
    architectures: tuple[str, ...]
    num_layers: int
    hidden_size: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    intermediate_size: int
    vocab_size: int
    tie_word_embeddings: bool
    max_position_embeddings: int
    layer_kinds: tuple[LayerKind, ...]
    gated_mlp: bool = True
    attention_bias: bool = False
    sliding_window: int | None = None
    attention_chunk_size: int | None = None
    q_lora_rank: int = 0
    kv_lora_rank: int = 0
    qk_nope_head_dim: int = 0
    qk_rope_head_dim: int = 0
    v_head_dim: int = 0
    num_experts: int = 0
    experts_per_token: int = 0
    moe_intermediate_size: int = 0
    shared_expert_intermediate_size: int = 0
    moe_layers: int = 0
    linear_state_bytes: float = 0.0
    indexer_bytes_per_token: float = 0.0
    params_total: int = 0
    params_active: int = 0
    params_embedding: int = 0
    params_vision: int = 0
    params_experts: int = 0
    torch_dtype: str = "bf16"
    quantization: str | None = None
    quantization_exempt: tuple[str, ...] = ()
    task: str = "generate"  # generate | embed | rerank | classify | transcribe

    @property
    def is_moe(self) -> bool:
        """Whether any layer routes tokens to experts."""
        return self.num_experts > 0

    @property
    def is_mla(self) -> bool:
        """Whether attention caches one latent vector instead of K and V heads."""
        return self.kv_lora_rank > 0
