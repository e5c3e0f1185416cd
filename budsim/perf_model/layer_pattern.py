"""Which layer attends how, and which has experts, read from the fields that families use for it.

Sources: the configuration classes of ``transformers`` 5 and the publishers' own config files.
"""

from __future__ import annotations

from budsim.perf_model.config_fields import ConfigFields
from budsim.perf_model.model_architecture import LayerKind, MlpKind
from budsim.perf_model.model_families import FamilyTraits

_KIND_WORDS: dict[str, LayerKind] = {
    "full_attention": LayerKind.FULL,
    "full": LayerKind.FULL,
    "attention": LayerKind.FULL,
    "global": LayerKind.FULL,
    "global_attention": LayerKind.FULL,
    "indexed_attention": LayerKind.FULL,
    "hybrid": LayerKind.FULL,
    "deepseek_sparse_attention": LayerKind.FULL,
    "sparse_attention": LayerKind.FULL,
    "sliding_attention": LayerKind.SLIDING,
    "reference_sliding_attention": LayerKind.SLIDING,
    "sliding_window": LayerKind.SLIDING,
    "local": LayerKind.SLIDING,
    "local_attention": LayerKind.SLIDING,
    "chunked_attention": LayerKind.CHUNKED,
    "linear_attention": LayerKind.LINEAR,
    "mamba": LayerKind.LINEAR,
    "mamba2": LayerKind.LINEAR,
    "conv": LayerKind.LINEAR,
    "recurrent": LayerKind.LINEAR,
    "mlp": LayerKind.NONE,
    "moe": LayerKind.NONE,
}

# Nemotron-H's pattern letters: M Mamba-2, * attention, - MLP, E experts.
_HYBRID_LETTERS: dict[str, tuple[LayerKind, MlpKind]] = {
    "M": (LayerKind.LINEAR, MlpKind.NONE),
    "*": (LayerKind.FULL, MlpKind.NONE),
    "-": (LayerKind.NONE, MlpKind.DENSE),
    "E": (LayerKind.NONE, MlpKind.MOE),
}

_PURE_STATE_MODELS = frozenset({"mamba", "mamba2", "falcon_mamba"})


def hybrid_pattern(fields: ConfigFields) -> tuple[tuple[LayerKind, ...], tuple[MlpKind, ...]] | None:
    """Return layer and MLP kinds of a Nemotron-H ``hybrid_override_pattern`` or ``layers_block_type``, or None."""
    letters = fields.text("hybrid_override_pattern") if fields.has("hybrid_override_pattern") else ""
    words = fields.sequence("layers_block_type")
    if not letters and words and {str(word) for word in words} & {"mlp", "moe"}:
        table = {"mamba": "M", "attention": "*", "mlp": "-", "moe": "E", "linear_attention": "M", "full_attention": "*"}
        letters = "".join(table.get(str(word), "?") for word in words)
    if not letters:
        return None
    unknown = sorted(set(letters) - set(_HYBRID_LETTERS))
    if unknown:
        raise fields.fail("hybrid_override_pattern", f"has unknown letters {unknown}")
    pairs = [_HYBRID_LETTERS[letter] for letter in letters]
    return tuple(kind for kind, _ in pairs), tuple(mlp for _, mlp in pairs)


def _named_kinds(fields: ConfigFields, names: list[str], field: str) -> tuple[LayerKind, ...]:
    for name in names:
        if not isinstance(name, str) or name not in _KIND_WORDS:
            raise fields.fail(field, f"has the unknown layer kind {str(name)[:40]!r}")
    return tuple(_KIND_WORDS[name] for name in names)


def _periodic(fields: ConfigFields, layers: int) -> tuple[LayerKind, ...] | None:
    """Return kinds stated by a period or by index lists, or None."""
    if fields.has("attn_layer_period"):  # Jamba, Zamba
        period = fields.integer("attn_layer_period")
        offset = fields.integer("attn_layer_offset", default=0, low=0)
        return tuple(LayerKind.FULL if i % period == offset else LayerKind.LINEAR for i in range(layers))
    if fields.has("attn_layer_indices"):  # Bamba
        attention = set(fields.integers("attn_layer_indices") or ())
        return tuple(LayerKind.FULL if i in attention else LayerKind.LINEAR for i in range(layers))
    if fields.has("full_attention_interval"):  # Qwen3-Next, Qwen3.5
        every = fields.integer("full_attention_interval")
        return tuple(LayerKind.FULL if (i + 1) % every == 0 else LayerKind.LINEAR for i in range(layers))
    if fields.has("full_attn_idxs"):  # LFM2
        attention = set(fields.integers("full_attn_idxs") or ())
        return tuple(LayerKind.FULL if i in attention else LayerKind.LINEAR for i in range(layers))
    if (kda := fields.section("linear_attn_config")) is not None:  # Kimi Linear counts layers from 1
        full = ConfigFields(kda, fields.model, f"{fields.prefix}linear_attn_config.").integers("full_attn_layers")
        if full is not None:
            return tuple(LayerKind.FULL if i + 1 in full else LayerKind.LINEAR for i in range(layers))
    if (types := fields.integers("attn_type_list", layers)) is not None:  # MiniMax: 1 = softmax, 0 = lightning
        return tuple(LayerKind.FULL if kind else LayerKind.LINEAR for kind in types)
    if (pattern := fields.integers("hybrid_layer_pattern", layers)) is not None:  # MiMo-V2: 1 = window
        return tuple(LayerKind.SLIDING if local else LayerKind.FULL for local in pattern)
    return None


def _chunked(fields: ConfigFields, layers: int) -> tuple[LayerKind, ...] | None:
    """Return Llama 4's kinds: layers without rotary embedding attend fully, the others inside chunks."""
    if not fields.has("attention_chunk_size") or fields.has("hybrid_layer_pattern"):
        return None
    rope = fields.integers("no_rope_layers")
    if not rope:
        step = fields.integer("no_rope_layer_interval", default=4)
        rope = [int((i + 1) % step != 0) for i in range(layers)]
    if len(rope) != layers:
        raise fields.fail("no_rope_layers", f"has {len(rope)} entries, but the model has {layers} layers")
    return tuple(LayerKind.CHUNKED if local else LayerKind.FULL for local in rope)


def _windowed(fields: ConfigFields, layers: int, traits: FamilyTraits, max_position: int) -> tuple[LayerKind, ...]:
    """Return kinds from the sliding-window fields."""
    full = (LayerKind.FULL,) * layers
    window = fields.integer("sliding_window", "window_size", default=0, low=0, high=2**40)
    if not window or window >= max_position or not fields.boolean("use_sliding_window", default=True):
        return full
    if fields.has("use_sliding_window"):
        # Qwen2: layers below max_window_layers attend fully.
        first = fields.integer("max_window_layers", default=layers, low=0)
        return tuple(LayerKind.SLIDING if i >= first else LayerKind.FULL for i in range(layers))
    every = fields.raw("sliding_window_pattern", "_sliding_window_pattern")
    if isinstance(every, str) and every:  # EXAONE 4: "LLLG"
        return tuple(LayerKind.FULL if every[i % len(every)] == "G" else LayerKind.SLIDING for i in range(layers))
    period = fields.integer(
        "sliding_window_pattern", "_sliding_window_pattern", default=max(traits.alternate_sliding, 0), low=0
    )
    if period <= 1:
        return (LayerKind.SLIDING,) * layers
    return tuple(LayerKind.FULL if (i + 1) % period == 0 else LayerKind.SLIDING for i in range(layers))


def layer_kinds(fields: ConfigFields, layers: int, traits: FamilyTraits, max_position: int) -> tuple[LayerKind, ...]:
    """Return what each layer keeps.

    Args:
        fields: The text section.
        layers: Number of layers.
        traits: Family defaults.
        max_position: Context length; a window at least as long is no window.

    Raises:
        UnsupportedModelError: An unknown layer kind, or a list of the wrong length.
    """
    if fields.text("model_type") in _PURE_STATE_MODELS:
        return (LayerKind.LINEAR,) * layers
    for field in ("layer_types", "layers_block_type"):
        names = fields.sequence(field)
        if names is not None:
            if len(names) != layers:
                raise fields.fail(field, f"has {len(names)} entries, but the model has {layers} layers")
            return _without_idle_windows(fields, _named_kinds(fields, list(names), field), max_position)
    periodic = _periodic(fields, layers)
    if periodic is not None:
        return periodic
    return _chunked(fields, layers) or _windowed(fields, layers, traits, max_position)


def _without_idle_windows(
    fields: ConfigFields, kinds: tuple[LayerKind, ...], max_position: int
) -> tuple[LayerKind, ...]:
    """Check that window and chunk sizes exist, and read windows longer than the context as full attention."""
    if LayerKind.CHUNKED in kinds:
        fields.integer("attention_chunk_size")
    if LayerKind.SLIDING in kinds:
        window = fields.integer("sliding_window", "window_size", high=2**40)
        if window >= max_position:
            return tuple(LayerKind.FULL if kind is LayerKind.SLIDING else kind for kind in kinds)
    return kinds


def mlp_kinds(fields: ConfigFields, layers: int, experts: int) -> tuple[MlpKind, ...]:
    """Return the feed-forward kind of each layer.

    Args:
        fields: The text section.
        layers: Number of layers.
        experts: Routed experts; 0 = dense everywhere.
    """
    if not experts:
        return (MlpKind.DENSE,) * layers
    named = fields.sequence("mlp_layer_types", layers)
    if named is not None:
        return tuple(MlpKind.MOE if name == "sparse" else MlpKind.DENSE for name in named)
    return tuple(MlpKind.MOE if sparse else MlpKind.DENSE for sparse in _sparse_layers(fields, layers))


def _sparse_layers(fields: ConfigFields, layers: int) -> list[bool]:
    """Return for every layer whether it has experts."""
    if isinstance(fields.raw("moe_layer_freq"), list):
        return [bool(flag) for flag in fields.integers("moe_layer_freq", layers) or ()]
    if (listed := fields.integers("moe_layers")) is not None:  # Llama 4
        return [i in set(listed) for i in range(layers)]
    if fields.has("interleave_moe_layer_step"):
        step = fields.integer("interleave_moe_layer_step")
        return [(i + 1) % step == 0 for i in range(layers)]
    if fields.has("expert_layer_period"):  # Jamba
        period = fields.integer("expert_layer_period")
        offset = fields.integer("expert_layer_offset", default=0, low=0)
        return [i % period == offset for i in range(layers)]
    if fields.has("moe_layer_start_index"):  # ERNIE 4.5
        start = fields.integer("moe_layer_start_index", low=0)
        end = fields.integer("moe_layer_end_index", default=layers - 1, low=-1)
        step = fields.integer("moe_layer_interval", default=1)
        return [start <= i <= (end if end >= 0 else layers - 1) and (i + 1) % step == 0 for i in range(layers)]
    dense_first = fields.integer("first_k_dense_replace", "num_dense_layers", default=0, low=0)
    every = fields.integer("decoder_sparse_step", "moe_layer_freq", default=1)
    plain = set(fields.integers("mlp_only_layers") or ())
    if fields.has("decoder_sparse_step"):
        return [i >= dense_first and (i + 1) % every == 0 and i not in plain for i in range(layers)]
    return [i >= dense_first and i % every == 0 and i not in plain for i in range(layers)]
