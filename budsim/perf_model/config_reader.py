"""From a Hugging Face ``config.json`` to a ``ModelArchitecture``.

Pure: no file and no network is touched. Field names are those of ``transformers`` and of the publishers' own files;
a needed field that is missing, or a value that cannot be, is an ``UnsupportedModelError`` that names the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from budsim.commons.errors import UnsupportedModelError
from budsim.perf_model.checkpoint_format import read_cache_format, read_quantization
from budsim.perf_model.config_fields import MAX_LAYERS, MAX_TOKENS, MAX_VOCABULARY, MAX_WIDTH, ConfigFields
from budsim.perf_model.layer_pattern import hybrid_pattern, layer_kinds, mlp_kinds
from budsim.perf_model.linear_mixers import linear_mixer
from budsim.perf_model.model_architecture import (
    AttentionShape,
    LayerKind,
    LayerOverride,
    MlpKind,
    ModelArchitecture,
)
from budsim.perf_model.model_families import FamilyTraits, family_of
from budsim.perf_model.parameters import count_parameters
from budsim.perf_model.rope_tables import rope_table_elements
from budsim.perf_model.special_layouts import SPECIAL_LAYOUTS
from budsim.perf_model.vision_tower import tower_parameters

_TEXT_SECTIONS = ("text_config", "llm_config", "language_config", "thinker_config", "language_model", "text_model")
_OUTER_FIELDS = (
    "tie_word_embeddings", "quantization_config", "torch_dtype", "dtype", "architectures", "vocab_size",
    "max_position_embeddings",
)  # fmt: skip
_DTYPES = {
    "bfloat16": "bf16", "bf16": "bf16", "float16": "fp16", "fp16": "fp16", "half": "fp16", "float32": "fp32",
    "fp32": "fp32", "float": "fp32", "auto": "bf16",
}  # fmt: skip
_NOT_LANGUAGE_MODELS = {
    "clip": "an image-text encoder, not a language model",
    "siglip": "an image-text encoder, not a language model",
    "siglip2": "an image-text encoder, not a language model",
    "rwkv": "RWKV layers are not modelled",
    "rwkv5": "RWKV layers are not modelled",
    "rwkv6": "RWKV layers are not modelled",
    "rwkv7": "RWKV layers are not modelled",
    "xlstm": "xLSTM layers are not modelled",
    "diffusion": "a diffusion model, not a language model",
}
_UNGATED_ACTIVATIONS = frozenset({"relu2", "relu", "xielu"})
# The state of linear mixers is kept in the model's 16-bit dtype (vLLM's default ``mamba_cache_dtype=auto``).
_STATE_ELEMENT_BYTES = 2
# fp8 key of 128 elements and one fp32 scale per token and layer (vLLM's DeepSeek-V3.2 indexer cache).
_INDEXER_SCALE_BYTES = 4
# Default of Gemma 4's configuration class.
_GEMMA4_GLOBAL_HEAD_DIM = 512
_CONTEXT_FIELDS = (
    "max_position_embeddings", "n_positions", "n_ctx", "seq_length", "max_seq_len", "max_sequence_length",
    "max_target_positions", "model_max_length",
)  # fmt: skip


def _text_fields(config: Mapping[str, Any], model: str) -> tuple[ConfigFields, ConfigFields]:
    """Return (outer fields, fields of the language model), nested sections walked through."""
    outer = ConfigFields(config, model)
    section: Mapping[str, Any] = config
    prefix = ""
    for _ in range(4):
        current = ConfigFields(section, model, prefix)
        name = next((name for name in _TEXT_SECTIONS if isinstance(section.get(name), Mapping)), None)
        if name is None:
            break
        inner = current.section(name) or {}
        kept = {key: section[key] for key in _OUTER_FIELDS if section.get(key) is not None and key not in inner}
        if section.get("tie_word_embeddings") is not None:
            kept["tie_word_embeddings"] = section["tie_word_embeddings"]
        section = {**kept, **inner} if section is config else {**inner, **kept}
        prefix = f"{prefix}{name}."
    return outer, ConfigFields(section, model, prefix)


def _head_dim(fields: ConfigFields, hidden: int, heads: int) -> int:
    names = ("head_dim", "attention_head_dim", "kv_channels", "head_size", "d_kv")
    if fields.raw(*names) is not None:
        return fields.integer(*names, high=65536)
    if hidden % heads:
        raise fields.fail(
            "head_dim", f"is missing, and hidden_size {hidden} is not divisible by {heads} attention heads: add it"
        )
    return hidden // heads


def _kv_heads(fields: ConfigFields, heads: int) -> int:
    attention = fields.section("attn_config")
    if attention is not None and attention.get("kv_n_heads") is not None:
        inner = ConfigFields(attention, fields.model, f"{fields.prefix}attn_config.")
        kv_heads = inner.integer("kv_n_heads")
    elif fields.text("model_type") in {"falcon", "RefinedWeb", "RefinedWebModel"}:
        new = fields.boolean("new_decoder_architecture", default=False)
        multi_query = fields.boolean("multi_query", default=True)
        stated = fields.integer("num_kv_heads", "n_head_kv", default=heads)
        kv_heads = stated if new else (1 if multi_query else heads)
    elif fields.boolean("multi_query", default=False):
        kv_heads = 1
    else:
        grouped = "multi_query_group_num" if fields.boolean("multi_query_attention", default=False) else "-"
        kv_heads = fields.integer("num_key_value_heads", "num_kv_heads", "n_head_kv", grouped, default=heads)
    if kv_heads > heads or heads % kv_heads:
        raise fields.fail("num_key_value_heads", f"is {kv_heads}, which does not divide {heads} attention heads")
    return kv_heads


def _intermediate_size(fields: ConfigFields, hidden: int, layers: int) -> int:
    names = ("intermediate_size", "n_inner", "ffn_hidden_size", "ffn_dim", "d_ff", "decoder_ffn_dim")
    value = fields.raw("intermediate_size")
    if isinstance(value, list):  # Gemma 3n, OpenELM: one entry per layer
        return max(fields.integers("intermediate_size", layers) or [0])
    if fields.text("model_type").startswith("llama4"):
        return fields.integer("intermediate_size_mlp", "intermediate_size")
    if fields.has("dense_intermediate_size"):  # MiniMax-M3: intermediate_size is the experts'
        return fields.integer("dense_intermediate_size")
    if fields.raw(*names) is not None:
        width = fields.integer(*names, low=0)
        return width // 2 if fields.text("model_type") == "qwen" else width
    ffn = fields.section("ffn_config")
    if ffn is not None and ffn.get("ffn_hidden_size") is not None:
        return ConfigFields(ffn, fields.model, f"{fields.prefix}ffn_config.").integer("ffn_hidden_size")
    if fields.has("expansion_ratio"):
        return hidden * fields.integer("expansion_ratio")
    if fields.text("model_type") in {"gpt2", "gptj", "gpt_neo", "gpt_bigcode", "bloom", "falcon", "codegen"}:
        return 4 * hidden
    if fields.raw("moe_intermediate_size", "hybrid_override_pattern", "block_configs", "state_size") is not None:
        return 0
    if fields.raw("shared_intermediate_size") is not None:
        return fields.integer("shared_intermediate_size")
    return fields.integer(*names)


def _experts(fields: ConfigFields) -> dict[str, Any]:
    """Return the mixture-of-experts fields of the architecture."""
    ffn = fields.section("ffn_config") or {}
    inner = ConfigFields(ffn, fields.model, f"{fields.prefix}ffn_config.")
    names = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
    experts = fields.integer(*names, default=inner.integer("moe_num_experts", default=0, low=0), low=0, high=2**20)
    if experts <= 1:
        return {}
    active_names = (
        "num_experts_per_tok", "num_experts_per_token", "moe_k", "moe_topk", "top_k_experts", "moe_top_k",
        "num_selected_experts",
    )  # fmt: skip
    listed = next((name for name in active_names if isinstance(fields.values.get(name), list)), None)
    if listed:  # Hunyuan: one entry per layer
        per_token = max(fields.integers(listed) or [0])
        if not per_token:
            raise fields.fail(listed, "must hold whole numbers above 0")
    else:
        default = inner.integer("moe_top_k", default=0, low=0) or None
        per_token = fields.integer(*active_names, default=default, high=2**20)
    if per_token > experts:
        raise fields.fail("num_experts_per_tok", f"is {per_token}, more than the {experts} experts")
    return {"num_experts": experts, "experts_per_token": per_token, **_expert_widths(fields, inner)}


def _expert_widths(fields: ConfigFields, ffn: ConfigFields) -> dict[str, Any]:
    raw_width = fields.raw("moe_intermediate_size")
    if isinstance(raw_width, list):  # ERNIE 4.5 VL: [text, vision] experts
        width = (fields.integers("moe_intermediate_size") or [0])[0]
        if not width:
            raise fields.fail("moe_intermediate_size", "must hold whole numbers above 0")
    else:
        default = ffn.integer("ffn_hidden_size", default=0, low=0) or None
        width = fields.integer(
            "moe_intermediate_size", "expert_intermediate_size", "intermediate_size", default=default
        )
    shared_count = fields.integer(
        "n_shared_experts", "num_shared_experts", "moe_num_shared_experts", "num_shared_expert", default=0, low=0
    )
    one = fields.integer(
        "moe_shared_expert_intermediate_size", "share_expert_dim", "shared_intermediate_size", default=width, low=0
    )
    shared = shared_count * one
    if fields.has("shared_expert_intermediate_size"):
        shared = fields.integer("shared_expert_intermediate_size", low=0)
    elif fields.has("shared_intermediate_size") and not shared_count:
        shared = fields.integer("shared_intermediate_size", low=0)
    elif fields.text("model_type").startswith("llama4"):
        shared = fields.integer("intermediate_size")
    return {
        "moe_intermediate_size": width,
        "shared_expert_intermediate_size": shared,
        "moe_latent_size": fields.integer("moe_latent_size", default=0, low=0),
    }


def _mla(fields: ConfigFields, hidden: int, heads: int) -> dict[str, Any]:
    """Return the fields of multi-head latent attention, and of the DSA indexer where there is one."""
    if fields.raw("kv_lora_rank") is None or fields.boolean("use_mla", default=True) is False:
        return {}
    rope = fields.integer("qk_rope_head_dim", low=0)
    nope = fields.integer("qk_nope_head_dim")
    index_heads = fields.integer("index_n_heads", default=0, low=0)
    index_dim = fields.integer("index_head_dim", default=128)
    return {
        "kv_lora_rank": fields.integer("kv_lora_rank"),
        "q_lora_rank": fields.integer("q_lora_rank", default=0, low=0),
        "qk_nope_head_dim": nope,
        "qk_rope_head_dim": rope,
        "v_head_dim": fields.integer("v_head_dim", default=hidden // heads if hidden % heads == 0 else None),
        "head_dim": nope + rope,
        "index_heads": index_heads,
        "index_head_dim": index_dim if index_heads else 0,
        "index_topk": fields.integer("index_topk", default=0, low=0),
        "indexer_bytes_per_token": float(index_dim + _INDEXER_SCALE_BYTES) if index_heads else 0.0,
    }


def _biases(fields: ConfigFields, traits: FamilyTraits) -> dict[str, Any]:
    stated = fields.boolean("attention_bias", "use_bias", "use_qkv_bias", "qkv_bias", "bias", default=False)
    qkv = stated if traits.qkv_bias is None else traits.qkv_bias
    output = qkv if traits.output_bias is None else traits.output_bias
    mlp = fields.boolean("mlp_bias", "use_bias", default=False) if traits.mlp_bias is None else traits.mlp_bias
    qk_norm = traits.qk_norm
    if fields.has("use_qk_norm") and not fields.text("model_type").startswith("llama4"):
        qk_norm = (qk_norm or "head") if fields.boolean("use_qk_norm", default=False) else ""
    elif fields.text("model_type") in {"cohere", "glm4_moe"}:
        qk_norm = ""
    return {
        "attention_bias": qkv,
        "attention_output_bias": output,
        "mlp_bias": mlp,
        "qk_norm": qk_norm,
        "lm_head_bias": traits.head_bias,
        "attention_sinks": traits.sinks,
        "norms_per_layer": traits.norms,
        "norm_bias": traits.norm_bias,
        "final_norm": traits.final_norm,
        "shared_expert_gate": traits.shared_expert_gate,
    }


def _gated(fields: ConfigFields, traits: FamilyTraits) -> bool:
    if traits.gated is not None:
        return traits.gated
    if fields.has("feed_forward_proj"):
        return fields.text("feed_forward_proj").startswith("gated")
    activation = fields.text("hidden_act", "hidden_activation", "mlp_hidden_act", "activation_function")
    return activation not in _UNGATED_ACTIVATIONS


def _dtype(fields: ConfigFields, outer: ConfigFields) -> str:
    value = fields.raw("torch_dtype", "dtype") or outer.raw("torch_dtype", "dtype")
    if value is None:
        return "bf16"
    key = str(value).removeprefix("torch.").lower()
    # A checkpoint kept in fp32 is served in 16 bit by default (vLLM's dtype=auto).
    if key not in _DTYPES:
        return "bf16"
    return _DTYPES[key]


def _gate_dim(fields: ConfigFields, traits: FamilyTraits, heads: int, head_dim: int) -> int:
    """Return extra outputs that gate the attention: one per element, one per head, or none."""
    if fields.boolean("attn_output_gate", default=traits.query_gate):
        return heads * head_dim
    return heads if traits.head_gate else 0


def _window_fields(fields: ConfigFields, kinds: tuple[LayerKind, ...], base: dict[str, Any]) -> dict[str, Any]:
    """Return window sizes, and the shape of windowed layers where it differs (MiMo-V2, Gemma 4)."""
    result: dict[str, Any] = {}
    if LayerKind.SLIDING in kinds:
        result["sliding_window"] = fields.integer("sliding_window", "window_size", high=MAX_TOKENS)
    if LayerKind.CHUNKED in kinds:
        result["attention_chunk_size"] = fields.integer("attention_chunk_size", high=MAX_TOKENS)
    if fields.has("swa_num_key_value_heads"):
        result["v_head_dim"] = fields.integer("v_head_dim", default=base["head_dim"])
        width = fields.integer("swa_head_dim", default=base["head_dim"])
        result["sliding_attention"] = AttentionShape(
            fields.integer("swa_num_attention_heads", default=base["num_heads"]),
            fields.integer("swa_num_key_value_heads"),
            width,
            fields.integer("swa_v_head_dim", default=width),
        )
    if fields.has("global_head_dim") or fields.text("model_type") == "gemma4_text":
        local = AttentionShape(base["num_heads"], base["num_kv_heads"], base["head_dim"], base["head_dim"])
        result["sliding_attention"] = local
        result["head_dim"] = fields.integer("global_head_dim", default=_GEMMA4_GLOBAL_HEAD_DIM)
        same = fields.boolean("attention_k_eq_v", default=False)
        result["key_as_value"] = same
        if same:
            result["num_kv_heads"] = fields.integer("num_global_key_value_heads", default=base["num_kv_heads"])
    return result


def _overrides(fields: ConfigFields, layers: int, heads: int, hidden: int) -> tuple[LayerOverride, ...]:
    """Return the layers that differ: ``block_configs`` of Nemotron-NAS, widths stated layer by layer."""
    if isinstance(fields.raw("intermediate_size"), list):
        widths = fields.integers("intermediate_size", layers) or []
        kv_heads = _kv_heads(fields, heads)
        return tuple(LayerOverride(i, kv_heads, width) for i, width in enumerate(widths) if width != max(widths))
    blocks = fields.sequence("block_configs", layers)
    if blocks is None:
        return ()
    found: list[LayerOverride] = []
    for index, block in enumerate(blocks):
        if not isinstance(block, Mapping):
            raise fields.fail(f"block_configs[{index}]", "must be an object")
        inner = ConfigFields(block, fields.model, f"{fields.prefix}block_configs[{index}].")
        attention = ConfigFields(inner.section("attention") or {}, fields.model, inner.prefix + "attention.")
        mlp = ConfigFields(inner.section("ffn") or {}, fields.model, inner.prefix + "ffn.")
        group = 0 if attention.boolean("no_op", "replace_with_linear", default=False) else 1
        if group:
            group = attention.integer("n_heads_in_group", default=1)
        width = 0
        if not mlp.boolean("no_op", "replace_with_linear", default=False):
            multiple = mlp.number("ffn_mult", 0, 0, 64)
            if not multiple:
                raise mlp.fail("ffn_mult", "must be above 0")
            # DeciLM: two thirds of ffn_mult x hidden, rounded up to 256.
            width = -(-int(2 * multiple * hidden / 3) // 256) * 256
        found.append(LayerOverride(index, heads // group if group else 0, width))
    return tuple(found)


def _kinds_with_overrides(kinds: tuple[LayerKind, ...], overrides: tuple[LayerOverride, ...]) -> tuple[LayerKind, ...]:
    dropped = {item.layer for item in overrides if not item.num_kv_heads}
    return tuple(LayerKind.NONE if i in dropped else kind for i, kind in enumerate(kinds))


def _sizes(fields: ConfigFields) -> dict[str, Any]:
    """Return the sizes every model needs."""
    pattern = hybrid_pattern(fields)
    decoder = next((name for name in ("decoder_layers", "num_decoder_layers") if fields.has(name)), None)
    names = (decoder,) if decoder else ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
    layers = fields.integer(
        *names, default=len(pattern[0]) if pattern else None, high=MAX_LAYERS,
    )  # fmt: skip
    hidden = fields.integer("hidden_size", "n_embd", "d_model", high=MAX_WIDTH)
    stateful = fields.text("model_type") in {"mamba", "mamba2", "falcon_mamba"}
    heads = fields.integer(
        "num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads", "decoder_attention_heads",
        default=1 if stateful else None, high=65536,
    )  # fmt: skip
    return {
        "num_layers": layers,
        "hidden_size": hidden,
        "num_heads": heads,
        "num_kv_heads": _kv_heads(fields, heads),
        "head_dim": hidden if stateful else _head_dim(fields, hidden, heads) if not fields.has("kv_lora_rank") else 0,
        "intermediate_size": 0 if stateful else _intermediate_size(fields, hidden, layers),
        "vocab_size": fields.integer(
            "padded_vocab_size" if fields.has("padded_vocab_size") else "vocab_size", high=MAX_VOCABULARY
        ),
    }


def _context(fields: ConfigFields, outer: ConfigFields) -> int:
    stated = fields if fields.raw(*_CONTEXT_FIELDS) is not None else outer
    if stated.raw(*_CONTEXT_FIELDS) is None and fields.text("model_type") in {"mamba", "mamba2", "falcon_mamba"}:
        return MAX_TOKENS  # no positions at all: the context has no bound
    return stated.integer(*_CONTEXT_FIELDS, high=MAX_TOKENS)


def _layers(
    fields: ConfigFields, sizes: dict[str, Any], experts: int, traits: FamilyTraits, context: int
) -> tuple[tuple[LayerKind, ...], tuple[MlpKind, ...]]:
    layers = int(sizes["num_layers"])
    pattern = hybrid_pattern(fields)
    if pattern is not None:
        if len(pattern[0]) != layers:
            raise fields.fail("hybrid_override_pattern", f"has {len(pattern[0])} layers, num_hidden_layers is {layers}")
        return pattern
    kinds = layer_kinds(fields, layers, traits, context)
    shared = fields.integer("num_kv_shared_layers", default=0, low=0, high=layers - 1)
    if shared:
        kinds = kinds[: layers - shared] + (LayerKind.NONE,) * shared
    mlp = mlp_kinds(fields, layers, experts)
    if not sizes["intermediate_size"] and MlpKind.DENSE in mlp and not fields.has("block_configs"):
        mlp = tuple(MlpKind.NONE if kind is MlpKind.DENSE else kind for kind in mlp)
    return kinds, mlp


def _task(architectures: tuple[str, ...], traits: FamilyTraits) -> str:
    names = " ".join(architectures)
    if "Reward" in names or "SequenceClassification" in names:
        return "classify"
    return traits.task


def _architectures(fields: ConfigFields, outer: ConfigFields) -> tuple[str, ...]:
    source = outer if outer.has("architectures") else fields
    names = source.sequence("architectures") or ()
    if len(names) > 16 or not all(isinstance(name, str) and len(name) <= 200 for name in names):
        raise source.fail("architectures", "must be a list of class names")
    return tuple(names)


def _refuse_other_models(outer: ConfigFields, fields: ConfigFields) -> None:
    """Refuse models that no formula here describes, by their type."""
    for source in (outer, fields):
        model_type = source.text("model_type")
        if model_type in _NOT_LANGUAGE_MODELS:
            raise source.fail("model_type", f"is '{model_type}': {_NOT_LANGUAGE_MODELS[model_type]}")


def read_architecture(config: Mapping[str, Any], name: str = "model") -> ModelArchitecture:
    """Read a config; see ``ModelArchitecture.from_config``.

    Raises:
        UnsupportedModelError: A needed field is missing or has an impossible value; the message names it.
    """
    if not isinstance(config, Mapping):
        raise UnsupportedModelError(f"{name}: config must be a JSON object, not {type(config).__name__}")
    outer, fields = _text_fields(config, name)
    _refuse_other_models(outer, fields)
    model_type = outer.text("model_type", default=fields.text("model_type"))
    traits = family_of(fields.text("model_type", default=model_type))
    sizes = _sizes(fields)
    experts = _experts(fields)
    mla = _mla(fields, sizes["hidden_size"], sizes["num_heads"])
    if not mla and not sizes["head_dim"]:
        sizes["head_dim"] = _head_dim(fields, sizes["hidden_size"], sizes["num_heads"])
    context = _context(fields, outer)
    kinds, mlp = _layers(fields, sizes, experts.get("num_experts", 0), traits, context)
    overrides = _overrides(fields, sizes["num_layers"], sizes["num_heads"], sizes["hidden_size"])
    if overrides:
        sizes["num_kv_heads"] = max(item.num_kv_heads for item in overrides) or 1
        kinds = _kinds_with_overrides(kinds, overrides)
    architectures = _architectures(fields, outer)
    quantized = fields.values if fields.has("quantization_config") else config
    scheme, exempt = read_quantization(quantized, name, len(kinds))
    router_bias = traits.router_bias or fields.boolean(
        "moe_router_enable_expert_bias", "use_routing_bias", default=False
    )
    values: dict[str, Any] = {
        **sizes,
        **experts,
        **mla,
        **_biases(fields, traits),
        **_window_fields(fields, kinds, sizes),
        "name": name,
        "model_type": model_type,
        "architectures": architectures,
        "tie_word_embeddings": fields.boolean("tie_word_embeddings", default=traits.tied),
        "max_position_embeddings": context,
        "layer_kinds": kinds,
        "mlp_kinds": mlp,
        "moe_layers": sum(kind is MlpKind.MOE for kind in mlp),
        "gated_mlp": _gated(fields, traits),
        "expert_bias": traits.expert_bias,
        "router_bias": router_bias,
        "balanced_router": router_bias and not traits.linear_router,
        "mtp_layers": fields.integer("num_nextn_predict_layers", "mtp_num_hidden_layers", default=0, low=0, high=64),
        "kv_shared_layers": fields.integer("num_kv_shared_layers", default=0, low=0),
        "layer_overrides": overrides,
        "torch_dtype": _dtype(fields, outer),
        "quantization": scheme,
        "quantization_exempt": exempt,
        "cache_format": read_cache_format(quantized, name),
        "task": _task(architectures, traits),
        "attention_gate_dim": _gate_dim(fields, traits, sizes["num_heads"], sizes["head_dim"]),
        "position_embeddings": context + traits.position_offset if traits.positions else 0,
        "type_vocab_size": fields.integer("type_vocab_size", default=0, low=0),
    }
    if LayerKind.LINEAR in kinds:
        mixer = linear_mixer(fields, sizes["hidden_size"], sizes["num_heads"], values["head_dim"])
        values["linear_mixer_params"] = mixer.params
        values["linear_state_bytes"] = float(mixer.state_elements * _STATE_ELEMENT_BYTES)
    arch = ModelArchitecture(**values)
    if not arch.position_embeddings:
        width = arch.qk_rope_head_dim or arch.head_dim
        arch = replace(arch, rope_elements=rope_table_elements(fields, model_type, kinds, context, width))
    if layout := SPECIAL_LAYOUTS.get(fields.text("model_type", default=model_type)):
        arch = replace(arch, **layout(fields, arch))
    if traits.encoder:
        # Nothing is cached; BERT and RoBERTa end in a dense layer over the first token.
        pooler = arch.hidden_size * (arch.hidden_size + 1) if traits.pooler else 0
        arch = replace(arch, encoder_only=True, params_other=arch.params_other + pooler)
    arch = replace(arch, params_vision=tower_parameters(config, name, arch.hidden_size))
    return with_counts(arch)


def with_counts(arch: ModelArchitecture) -> ModelArchitecture:
    """Return the architecture with its parameter counts filled in."""
    counts = count_parameters(arch)
    return replace(
        arch,
        params_total=counts.total,
        params_active=counts.active,
        params_embedding=counts.embedding,
        params_experts=counts.experts,
    )
