"""Families whose layers are put together in a way of their own, and the fields that only they have.

Each function returns the ``ModelArchitecture`` fields to replace. Shapes as in ``transformers`` 5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from budsim.perf_model.config_fields import ConfigFields
from budsim.perf_model.linear_mixers import linear_mixer
from budsim.perf_model.model_architecture import LayerKind, LayerOverride, MlpKind, ModelArchitecture


def _deepseek_v4(fields: ConfigFields, arch: ModelArchitecture) -> dict[str, Any]:
    """DeepSeek-V4: one cached vector per compressed token, grouped output projection, hyper-connections.

    ``compress_ratios`` has one entry per layer (and one for the prediction layer): 4 = compressed sparse attention
    with an indexer, 128 = heavily compressed attention, 0 = only the window.
    """
    hidden, width, heads = arch.hidden_size, arch.head_dim, arch.num_heads
    q_rank, o_rank = fields.integer("q_lora_rank"), fields.integer("o_lora_rank")
    groups = fields.integer("o_groups")
    index_heads, index_dim = fields.integer("index_n_heads"), fields.integer("index_head_dim")
    ratios = fields.integers("compress_ratios")
    if ratios is None or len(ratios) < arch.num_layers:
        raise fields.fail("compress_ratios", f"must have an entry for each of the {arch.num_layers} layers")
    ratios = ratios[: arch.num_layers]
    base = hidden * q_rank + q_rank * heads * width + hidden * width + heads * width * o_rank + groups * o_rank * hidden
    compressed = 4 * hidden * width + 4 * hidden * index_dim + q_rank * index_heads * index_dim + hidden * index_heads
    streams = fields.integer("hc_mult", default=1)
    mixing = (streams * streams + 2 * streams) * streams * hidden
    extra = {0: 0, 4: compressed, 128: 2 * hidden * width}
    if set(ratios) - set(extra):
        raise fields.fail("compress_ratios", f"may hold {sorted(extra)}, not {sorted(set(ratios) - set(extra))}")
    rope = fields.integer("qk_rope_head_dim")
    return {
        "attention_params_by_layer": tuple(base + extra[ratio] + 2 * mixing for ratio in ratios),
        "layer_kinds": tuple(LayerKind.FULL if ratio else LayerKind.SLIDING for ratio in ratios),
        "sliding_window": fields.integer("sliding_window"),
        "kv_token_ratios": tuple(max(ratio, 1) for ratio in ratios),
        "kv_lora_rank": width - rope,
        "qk_rope_head_dim": rope,
        "qk_nope_head_dim": width - rope,
        "v_head_dim": width,
        "q_lora_rank": q_rank,
        "index_topk": fields.integer("index_topk", default=0, low=0),
    }


def _falcon_h1(fields: ConfigFields, arch: ModelArchitecture) -> dict[str, Any]:
    """Falcon-H1: Mamba-2 beside attention in every layer."""
    mixer = linear_mixer(fields, arch.hidden_size, arch.num_heads, arch.head_dim)
    return {
        "parallel_linear": True,
        "linear_mixer_params": mixer.params,
        "linear_state_bytes": float(mixer.state_elements * 2),
    }


def _zamba(fields: ConfigFields, arch: ModelArchitecture) -> dict[str, Any]:
    """Zamba: Mamba everywhere; some layers also run one shared transformer block over twice the width."""
    mixer = linear_mixer(fields, arch.hidden_size, arch.num_heads, arch.head_dim)
    width = 2 * arch.hidden_size
    inner = arch.num_heads * arch.head_dim
    block = 3 * width * inner + inner * arch.hidden_size
    hybrids = [i for i, kind in enumerate(arch.layer_kinds) if kind is LayerKind.FULL]
    matrices = [0] * arch.num_layers
    for index in hybrids:
        matrices[index] = arch.hidden_size**2  # the projection after the shared block
    if hybrids:
        matrices[hybrids[0]] += block + 3 * arch.hidden_size * arch.intermediate_size
    return {
        "parallel_linear": True,
        "linear_mixer_params": mixer.params,
        "linear_state_bytes": float(mixer.state_elements * 2),
        "attention_params_by_layer": tuple(matrices),
        "mlp_kinds": (MlpKind.NONE,) * arch.num_layers,
    }


def _per_layer_inputs(fields: ConfigFields, arch: ModelArchitecture) -> dict[str, Any]:
    """Return Gemma 3n's and small Gemma 4's per-layer embeddings and their projections."""
    width = fields.integer("hidden_size_per_layer_input", default=0, low=0)
    if not width:
        return {}
    rows = fields.integer("vocab_size_per_layer_input", default=arch.vocab_size)
    projections = arch.hidden_size * arch.num_layers * width
    per_layer = 2 * arch.hidden_size * width + arch.hidden_size
    return {
        "extra_embedding_params": rows * arch.num_layers * width,
        "params_other": projections + width + arch.num_layers * per_layer,
    }


def _gemma3n(fields: ConfigFields, arch: ModelArchitecture) -> dict[str, Any]:
    """Gemma 3n: per-layer embeddings, AltUp streams, low-rank LAuReL residuals, layers that reuse a cache."""
    values = _per_layer_inputs(fields, arch)
    hidden, streams = arch.hidden_size, fields.integer("altup_num_inputs", default=4)
    rank = fields.integer("laurel_rank", default=64)
    altup = streams * streams + streams**3 + hidden * streams + 2 * hidden
    laurel = 2 * hidden * rank + hidden
    other = values.get("params_other", 0) + arch.num_layers * (altup + laurel) + 2 * (streams - 1) * hidden**2
    return {**values, "params_other": other, "attention_params_by_layer": _query_only(arch)}


def _query_only(arch: ModelArchitecture) -> tuple[int, ...]:
    """Return attention matrices when the last layers reuse a cache and have no K and V projections."""
    first_shared = arch.num_layers - arch.kv_shared_layers
    matrices: list[int] = []
    for index, kind in enumerate(arch.layer_kinds):
        shape = arch.attention_shape(kind)
        size = arch.hidden_size * shape.num_heads * (shape.qk_head_dim + shape.v_head_dim)
        if index < first_shared:
            values = 0 if shape.shared_kv else shape.v_head_dim
            size += arch.hidden_size * shape.num_kv_heads * (shape.qk_head_dim + values)
        matrices.append(size)
    return tuple(matrices)


def _gemma4(fields: ConfigFields, arch: ModelArchitecture) -> dict[str, Any]:
    """Gemma 4: wider global heads, experts beside a dense MLP, per-layer embeddings in the small ones."""
    values = _per_layer_inputs(fields, arch)
    if arch.is_moe and fields.boolean("enable_moe_block", default=False):
        values |= {"dense_residual_size": arch.intermediate_size, "norms_per_layer": 8}
    elif arch.is_moe:
        values |= {"num_experts": 0, "moe_layers": 0, "mlp_kinds": (MlpKind.DENSE,) * arch.num_layers}
    if arch.kv_shared_layers:
        names = fields.sequence("layer_types", arch.num_layers) or ()
        local, full = arch.attention_shape(LayerKind.SLIDING), arch.attention_shape()
        first = arch.num_layers - arch.kv_shared_layers
        wide = fields.boolean("use_double_wide_mlp", default=False)
        matrices = [
            arch.hidden_size * shape.qk_head_dim * (2 * shape.num_heads + (2 * shape.num_kv_heads if i < first else 0))
            for i, name in enumerate(names)
            for shape in [local if name == "sliding_attention" else full]
        ]
        values["attention_params_by_layer"] = tuple(matrices)
        if wide:
            values["layer_overrides"] = tuple(
                LayerOverride(i, full.num_kv_heads, 2 * arch.intermediate_size) for i in range(first, arch.num_layers)
            )
    return values


def _arctic(fields: ConfigFields, arch: ModelArchitecture) -> dict[str, Any]:
    """Arctic: a dense residual MLP as wide as the model beside the experts."""
    return {"dense_residual_size": arch.hidden_size}


def _grok2(fields: ConfigFields, arch: ModelArchitecture) -> dict[str, Any]:
    """Grok-2: a dense MLP of ``intermediate_size`` beside the experts (``residual_moe``)."""
    return {"dense_residual_size": arch.intermediate_size if fields.boolean("residual_moe", default=False) else 0}


def _encoder_block(hidden: int, width: int, inner: int, biased: bool, gated: bool) -> int:
    attention = 4 * hidden * inner + (3 * inner + hidden if biased else 0)
    mlp = (3 if gated else 2) * hidden * width + (width + hidden if biased else 0)
    return attention + mlp + (4 if biased else 2) * hidden


def _whisper(fields: ConfigFields, arch: ModelArchitecture) -> dict[str, Any]:
    """Whisper: a convolutional front end and an encoder; every decoder layer attends to 1,500 encoder frames."""
    layers, width = fields.integer("encoder_layers"), fields.integer("encoder_ffn_dim")
    frames = fields.integer("max_source_positions", default=1500)
    hidden, mels = arch.hidden_size, fields.integer("num_mel_bins", default=80)
    front = 3 * hidden * mels + hidden + 3 * hidden * hidden + hidden + frames * hidden + 2 * hidden
    block = _encoder_block(hidden, width, hidden, biased=True, gated=False)
    return {
        "params_other": front + layers * block,
        "cross_attention_layers": arch.num_layers,
        "cross_attention_tokens": frames,
    }


def _bart(fields: ConfigFields, arch: ModelArchitecture) -> dict[str, Any]:
    """BART: an encoder beside the decoder, each with position embeddings and a norm over the embeddings."""
    layers, width = fields.integer("encoder_layers"), fields.integer("encoder_ffn_dim")
    block = _encoder_block(arch.hidden_size, width, arch.hidden_size, biased=True, gated=False)
    positions = (arch.max_position_embeddings + 2) * arch.hidden_size
    return {
        "params_other": layers * block + positions + 2 * arch.hidden_size,
        "cross_attention_layers": arch.num_layers,
        "cross_attention_tokens": arch.max_position_embeddings,
    }


def _t5(fields: ConfigFields, arch: ModelArchitecture) -> dict[str, Any]:
    """T5: encoder and decoder without biases; one table of relative positions each."""
    encoder_layers = fields.integer("num_layers")
    decoder_layers = fields.integer("num_decoder_layers", default=encoder_layers)
    inner = arch.num_heads * arch.head_dim
    block = _encoder_block(arch.hidden_size, arch.intermediate_size, inner, biased=False, gated=arch.gated_mlp)
    buckets = fields.integer("relative_attention_num_buckets", default=32)
    return {
        "num_layers": decoder_layers,
        "layer_kinds": (LayerKind.FULL,) * decoder_layers,
        "mlp_kinds": (MlpKind.DENSE,) * decoder_layers,
        "params_other": encoder_layers * block + arch.hidden_size + 2 * buckets * arch.num_heads,
        "cross_attention_layers": decoder_layers,
        "cross_attention_tokens": arch.max_position_embeddings,
    }


def _mllama(fields: ConfigFields, arch: ModelArchitecture) -> dict[str, Any]:
    """Llama 3.2 Vision: some layers attend to the image instead of to the text."""
    listed = set(fields.integers("cross_attention_layers") or ())
    kinds = tuple(LayerKind.NONE if i in listed else kind for i, kind in enumerate(arch.layer_kinds))
    return {"layer_kinds": kinds, "cross_attention_layers": len(listed)}


def _opt(fields: ConfigFields, arch: ModelArchitecture) -> dict[str, Any]:
    """OPT: embeddings may be narrower than the model (350M), which then has no final norm."""
    width = fields.integer("word_embed_proj_dim", default=arch.hidden_size)
    if width == arch.hidden_size:
        return {}
    change = (width - arch.hidden_size) * arch.vocab_size + 2 * width * arch.hidden_size
    return {"extra_embedding_params": change, "final_norm": False}


SPECIAL_LAYOUTS: dict[str, Callable[[ConfigFields, ModelArchitecture], dict[str, Any]]] = {
    "deepseek_v4": _deepseek_v4,
    "falcon_h1": _falcon_h1,
    "zamba": _zamba,
    "gemma3n_text": _gemma3n,
    "gemma4_text": _gemma4,
    "gemma4": _gemma4,
    "arctic": _arctic,
    "grok-2": _grok2,
    "whisper": _whisper,
    "bart": _bart,
    "t5": _t5,
    "umt5": _t5,
    "mt5": _t5,
    "mllama_text_model": _mllama,
    "opt": _opt,
}
