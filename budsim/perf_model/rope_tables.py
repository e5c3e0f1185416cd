"""Cosine and sine tables of rotary embeddings: engines keep one per distinct rotation, for every position.

Pure arithmetic, elements. Source of the row counts: the rotary classes of vLLM (``layers/rotary_embedding``). Plain and
llama3 tables have ``max_position_embeddings`` rows, linear and dynamic ones that many times the factor, yarn ones the
original length times the factor, longrope ones both lengths, multimodal ones (mrope) four times as many. Gemma 3 27B:
8 x 131072 rows of its global and 131072 of its local layers, 128 wide: 0.28 GiB.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from budsim.perf_model.config_fields import ConfigFields
from budsim.perf_model.model_architecture import ATTENTION_KINDS, LayerKind

# Rotary share of a head where the config leaves it to its class (transformers 5).
_PARTIAL_BY_FAMILY = {"qwen3_next": 0.25, "qwen3_5": 0.25, "qwen3_5_moe": 0.25, "glm4_moe": 0.5}
# Families that number positions in three dimensions although their catalogue entries may not say so.
_MROPE_FAMILIES = frozenset(
    {"qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5", "qwen3_5_moe", "glm4v", "glm4v_moe"}
)
_MROPE_ROWS = 4
# Families whose windowed layers rotate on a table of their own.
_LOCAL_TABLE_FAMILIES = frozenset({"gemma3", "gemma3n", "gemma4"})


def rope_table_elements(
    fields: ConfigFields, outer_type: str, kinds: tuple[LayerKind, ...], positions: int, width: int
) -> int:
    """Return the elements of all tables of a model; one without attention rotates nothing.

    Args:
        fields: The text config.
        outer_type: ``model_type`` of the whole model.
        kinds: Layer kinds; windowed ones may have a table of their own.
        positions: ``max_position_embeddings``.
        width: Rotary width of a head where all of it is rotated.
    """
    if ATTENTION_KINDS.isdisjoint(kinds):
        return 0
    stated = fields.section("rope_scaling") or fields.section("rope_parameters") or {}
    by_kind = {name: part for name, part in stated.items() if isinstance(part, Mapping)}
    tables = list(by_kind.values()) or [stated]
    family = fields.text("model_type").removesuffix("_text")
    if not by_kind and family in _LOCAL_TABLE_FAMILIES and LayerKind.SLIDING in kinds:
        tables.append({})
    mrope = outer_type.removesuffix("_text") in _MROPE_FAMILIES
    share = fields.number("partial_rotary_factor", _PARTIAL_BY_FAMILY.get(family, 1.0), 0.0, 1.0)
    rotated = fields.integer("rotary_dim", default=round(width * share), low=0)
    return sum(_rows(table, positions, mrope) for table in tables) * min(rotated, width)


def _rows(table: Mapping[str, Any], positions: int, mrope: bool) -> int:
    kind = str(table.get("rope_type") or table.get("type") or "default")
    factor = _number(table.get("factor"), 1.0)
    original = _number(table.get("original_max_position_embeddings"), 0.0)
    if mrope or "mrope_section" in table:
        return positions * _MROPE_ROWS
    if kind in ("linear", "dynamic"):
        return round(positions * max(1.0, factor))
    if kind in ("yarn", "deepseek_yarn") and original:
        return round(original * max(1.0, factor))
    if kind in ("longrope", "su"):
        return positions + round(original)
    return positions


def _number(value: Any, default: float) -> float:
    is_usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1e9
    return float(value) if is_usable else default
