"""The shape of a model, as far as bytes and FLOPs depend on it.

Pure values. ``from_config`` delegates to ``config_reader``; parameter counts come from ``parameters``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class LayerKind(StrEnum):
    """What a layer keeps per sequence."""

    FULL = "full"  # attention over the whole context
    SLIDING = "sliding"  # attention over the last `sliding_window` tokens
    CHUNKED = "chunked"  # attention inside chunks of `attention_chunk_size` tokens (Llama 4)
    LINEAR = "linear"  # state of fixed size: Mamba, gated delta net, linear attention
    NONE = "none"  # no mixer state (a pure MLP layer of hybrids)


ATTENTION_KINDS = frozenset({LayerKind.FULL, LayerKind.SLIDING, LayerKind.CHUNKED})


class MlpKind(StrEnum):
    """Which feed-forward block a layer has."""

    DENSE = "dense"
    MOE = "moe"
    NONE = "none"  # the layer is a mixer only (Nemotron-H, Mamba)


@dataclass(frozen=True, slots=True)
class AttentionShape:
    """Heads and widths of one attention block, before TP.

    Attributes:
        qk_head_dim: Width of one query or key head.
        v_head_dim: Width of one value head.
        shared_kv: Keys are used as values: one tensor is computed (Gemma 4's global layers); both are cached.
    """

    num_heads: int
    num_kv_heads: int
    qk_head_dim: int
    v_head_dim: int
    shared_kv: bool = False

    @property
    def kv_elements_per_token(self) -> int:
        """Cached elements of one token in one layer: the K heads and the V heads."""
        return self.num_kv_heads * (self.qk_head_dim + self.v_head_dim)


@dataclass(frozen=True, slots=True)
class LayerOverride:
    """Sizes of one layer that differ from the rest of the model (Nemotron-NAS, Gemma 3n).

    Attributes:
        num_kv_heads: 0 = the layer has no attention.
        intermediate_size: 0 = the layer has no MLP.
    """

    layer: int
    num_kv_heads: int
    intermediate_size: int


@dataclass(frozen=True, slots=True)
class ModelArchitecture:
    """Everything the performance model needs to know of a model; build it with ``from_config``.

    Attributes:
        layer_kinds: One entry per layer, ``num_layers`` long.
        mlp_kinds: One entry per layer; empty = dense layers first, then ``moe_layers`` layers with experts.
        head_dim: Width of a query head; MLA: ``qk_nope_head_dim + qk_rope_head_dim``.
        attention_bias: Biases on the Q, K and V projections.
        attention_output_bias: A bias on the output projection.
        attention_gate_dim: Extra output columns of the query projection (output gates).
        attention_sinks: One learned sink logit per head and layer.
        qk_norm: ``""`` none, ``head`` two vectors of ``head_dim``, ``heads`` one of each head's own, ``full`` one
            vector over all Q and all K heads, normalised together.
        norms_per_layer: Norm vectors of ``hidden_size`` in one layer.
        norm_bias: Norms are LayerNorms with a bias.
        final_norm: A norm follows the last layer.
        sliding_window: Tokens a SLIDING layer attends to.
        sliding_attention: Shape of SLIDING layers where it differs from the full ones.
        kv_shared_layers: The last so many layers reuse the cache of earlier ones; their kind is NONE.
        cross_attention_layers: Decoder layers with a second attention over ``cross_attention_tokens`` encoder tokens.
        kv_lora_rank: MLA latent width; 0 = not MLA. The cached vector is ``kv_lora_rank + qk_rope_head_dim`` wide.
        v_head_dim: Width of a value head; 0 = ``head_dim``.
        index_heads: Heads of the sparse-attention indexer (DSA); 0 = none.
        num_experts: Routed experts; 0 = dense.
        moe_layers: Number of layers that have experts.
        shared_expert_intermediate_size: Total width of the always-active experts of one MoE layer.
        dense_residual_size: Width of a dense MLP beside the experts of a MoE layer (Arctic, Gemma 4, Grok 2).
        router_bias: One bias per expert.
        balanced_router: That bias is a correction that keeps the experts evenly loaded (aux-loss-free balancing).
        extra_embedding_params: Further look-up tables (Gemma 3n's per-layer embeddings).
        attention_params_by_layer: Attention matrices of each layer where no formula above holds (DeepSeek-V4, Zamba).
        kv_token_ratios: Tokens that share one cached entry, by layer (DeepSeek-V4); empty = 1 everywhere.
        linear_state_bytes: State bytes of one LINEAR layer and sequence (whole model, before TP).
        linear_mixer_params: Parameters of one linear mixer.
        parallel_linear: Attention layers also have a linear mixer and its state (Falcon-H1, Zamba).
        encoder_only: Bidirectional (BERT): nothing is cached between steps.
        quantization: The checkpoint's own format (``quantization_config``), normalised name, or None.
        quantization_exempt: What the checkpoint leaves unquantised: any of
            ``attn linear dense_mlp shared_experts experts embed head router``.
        cache_format: KV format that the checkpoint asks for: ``fp8``, ``auto`` = none, None = its config is not known.
        torch_dtype: ``bf16``, ``fp16`` or ``fp32``.
        params_total: Parameters of the served model (no multi-token-prediction head), computed.
        params_published: Total of the published checkpoint; 0 = not known.
        params_other: Parameters that no formula explains, carried openly (published minus computed).
        mtp_layers: Multi-token-prediction layers of the checkpoint, each one more layer; loaded for speculation only.
        missing_facts: Facts that are known to exist upstream and are not in the source; answers say so.
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
    cache_format: str | None = None
    task: str = "generate"  # generate | embed | rerank | classify | transcribe
    mlp_kinds: tuple[MlpKind, ...] = ()
    attention_output_bias: bool = False
    attention_gate_dim: int = 0
    attention_sinks: bool = False
    qk_norm: str = ""
    mlp_bias: bool = False
    expert_bias: bool = False
    norms_per_layer: int = 2
    norm_bias: bool = False
    final_norm: bool = True
    lm_head_bias: bool = False
    position_embeddings: int = 0
    type_vocab_size: int = 0
    sliding_attention: AttentionShape | None = None
    kv_shared_layers: int = 0
    cross_attention_layers: int = 0
    cross_attention_tokens: int = 0
    index_heads: int = 0
    index_head_dim: int = 0
    index_topk: int = 0
    dense_residual_size: int = 0
    moe_latent_size: int = 0
    router_bias: bool = False
    balanced_router: bool = False
    shared_expert_gate: bool = False
    extra_embedding_params: int = 0
    attention_params_by_layer: tuple[int, ...] = ()
    kv_token_ratios: tuple[int, ...] = ()
    linear_mixer_params: int = 0
    parallel_linear: bool = False
    encoder_only: bool = False
    params_other: int = 0
    params_published: int = 0
    layer_overrides: tuple[LayerOverride, ...] = ()
    key_as_value: bool = False
    missing_facts: tuple[str, ...] = ()
    mtp_layers: int = 0
    rope_elements: int | None = None

    @classmethod
    def from_config(cls, config: Mapping[str, Any], name: str = "model") -> ModelArchitecture:
        """Read a Hugging Face ``config.json``.

        Args:
            config: The parsed file.
            name: What error messages and answers call the model.

        Returns:
            The architecture, its parameter counts filled in.

        Raises:
            UnsupportedModelError: A needed field is missing or has an impossible value; the message names it.
        """
        from budsim.perf_model.config_reader import read_architecture

        return read_architecture(config, name)

    @property
    def is_moe(self) -> bool:
        """Whether any layer routes tokens to experts."""
        return self.num_experts > 0

    @property
    def is_mla(self) -> bool:
        """Whether attention caches one latent vector instead of K and V heads."""
        return self.kv_lora_rank > 0

    @property
    def is_one_pass(self) -> bool:
        """Whether a request is one pass over its input, without decoding: embeddings, scores, classes."""
        return self.task in ("embed", "rerank", "classify")

    @property
    def attention_type(self) -> str:
        """``mla``, ``mqa``, ``gqa``, ``mha`` or ``none`` (no attention layer at all)."""
        if not any(kind in ATTENTION_KINDS for kind in self.layer_kinds):
            return "none"
        if self.is_mla:
            return "mla"
        if self.num_kv_heads == self.num_heads:
            return "mha"
        return "mqa" if self.num_kv_heads == 1 else "gqa"

    @property
    def num_attention_layers(self) -> int:
        """Layers that keep keys and values."""
        return sum(kind in ATTENTION_KINDS for kind in self.layer_kinds)

    def attention_shape(self, kind: LayerKind = LayerKind.FULL) -> AttentionShape:
        """Return heads and widths of the attention layers of one kind (not meaningful for MLA caches)."""
        if kind is LayerKind.SLIDING and self.sliding_attention is not None:
            return self.sliding_attention
        return AttentionShape(
            self.num_heads, self.num_kv_heads, self.head_dim, self.v_head_dim or self.head_dim, self.key_as_value
        )

    def mlp_kind(self, layer: int) -> MlpKind:
        """Return the feed-forward kind of one layer."""
        if self.mlp_kinds:
            return self.mlp_kinds[layer]
        return MlpKind.MOE if self.is_moe and layer >= self.num_layers - self.moe_layers else MlpKind.DENSE
