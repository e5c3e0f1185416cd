"""Parameters of vision and audio towers, from their config sections.

A tower's weights count towards memory; nothing of it runs during decoding. Shapes as in ``transformers`` 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from budsim.perf_model.config_fields import ConfigFields


def _side(fields: ConfigFields, name: str, default: int) -> int:
    """Return a size that may be written as ``448`` or ``[448, 448]``."""
    if isinstance(fields.raw(name), list):
        return (fields.integers(name) or [default])[0] or default
    return fields.integer(name, default=default)


def _vit_layers(fields: ConfigFields, hidden: int, gated: bool, biased: bool) -> int:
    layers = fields.integer("num_hidden_layers", "depth", "layers", default=24)
    width = fields.integer("intermediate_size", default=round(hidden * fields.number("mlp_ratio", 4, 0.1, 64)))
    attention = 4 * hidden * hidden + (4 * hidden if biased else 0)
    mlp = (3 if gated else 2) * hidden * width + (((2 if gated else 1) * width + hidden) if biased else 0)
    norms = (4 if biased and not gated else 2) * hidden
    return layers * (attention + mlp + norms)


def _qwen_merger(fields: ConfigFields, hidden: int, text_hidden: int, qwen3: bool) -> int:
    """Return the patch merger, and in Qwen3-VL one more of it per deep-stack level."""
    merged = hidden * fields.integer("spatial_merge_size", default=2) ** 2
    merger = merged * merged + merged + merged * text_hidden + text_hidden
    if not qwen3:
        # Qwen2-VL norms have a bias, Qwen2.5-VL's do not.
        return merger + hidden * (1 if fields.has("out_hidden_size") else 2)
    levels = len(fields.sequence("deepstack_visual_indexes") or ())
    positions = fields.integer("num_position_embeddings", default=2304) * hidden
    return merger + 2 * hidden + levels * (merger + 2 * merged) + positions


def _qwen_tower(fields: ConfigFields, text_hidden: int) -> int:
    """Return the vision tower of Qwen2-VL, Qwen2.5-VL, Qwen3-VL and Qwen3.5."""
    hidden = fields.integer("embed_dim", "hidden_size")
    patch = fields.integer("patch_size", default=14)
    patches = 3 * fields.integer("temporal_patch_size", default=2) * patch * patch * hidden
    qwen3 = fields.has("num_position_embeddings")
    qwen25 = not qwen3 and not fields.has("embed_dim")
    if qwen25:
        layers = fields.integer("depth", default=32)
        width = fields.integer("intermediate_size")
        block = 4 * hidden * hidden + 4 * hidden + 3 * hidden * width + 2 * width + hidden + 2 * hidden
        return patches + layers * block + _qwen_merger(fields, hidden, text_hidden, qwen3=False)
    return (
        patches
        + (hidden if qwen3 else 0)
        + _vit_layers(fields, hidden, gated=False, biased=True)
        + _qwen_merger(fields, hidden, text_hidden, qwen3)
    )


def _plain_tower(fields: ConfigFields, text_hidden: int) -> int:
    """Return a ViT with a two-layer projector (LLaVA, SigLIP, InternViT and most others)."""
    hidden = fields.integer("hidden_size", "width", "embed_dim", default=1024)
    patch = _side(fields, "patch_size", 14)
    image = _side(fields, "image_size", 0)
    model_type = fields.text("model_type")
    pixtral = model_type == "pixtral"
    positions = 0 if pixtral or not image else (image // patch) ** 2 * hidden
    patches = 3 * patch * patch * hidden + hidden
    tower = patches + positions + _vit_layers(fields, hidden, gated=pixtral, biased=not pixtral) + 2 * hidden
    if model_type.startswith("siglip"):
        return tower + hidden * text_hidden + hidden  # Gemma 3's projection: one matrix and a norm
    return tower + hidden * text_hidden + text_hidden * text_hidden + 2 * text_hidden


def _gemma4_tower(fields: ConfigFields, text_hidden: int) -> int:
    """Return Gemma 4's tower: gated MLPs, four norms, head norms, two position tables."""
    hidden, layers = fields.integer("hidden_size"), fields.integer("num_hidden_layers")
    head_dim = fields.integer("head_dim", default=64)
    block = 4 * hidden * hidden + 3 * hidden * fields.integer("intermediate_size") + 4 * hidden + 2 * head_dim
    patch = fields.integer("patch_size", default=16)
    positions = 2 * fields.integer("position_embedding_size", default=10240) * hidden
    return layers * block + 3 * patch * patch * hidden + positions + hidden * text_hidden


def tower_parameters(config: Mapping[str, Any], model: str, text_hidden: int) -> int:
    """Return the parameters of the vision tower that a config describes, 0 when it has none.

    Args:
        config: The outer config.
        model: Name for error messages.
        text_hidden: Width of the language model, where projectors end.
    """
    section = ConfigFields(config, model).section("vision_config")
    if not section:
        return 0
    fields = ConfigFields(section, model, "vision_config.")
    if fields.text("model_type") == "gemma4_vision":
        return _gemma4_tower(fields, text_hidden)
    if fields.has("depth") and fields.raw("hidden_size", "embed_dim") is not None:
        return _qwen_tower(fields, text_hidden)
    if fields.raw("hidden_size", "width", "embed_dim") is None:
        return 0
    return _plain_tower(fields, text_hidden)
