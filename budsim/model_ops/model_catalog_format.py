"""How the packaged model catalogue writes a config.json compactly, and how it is read back.

Lists with one entry per layer repeat; they are stored as their shortest period. Pure; no I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from typing import Any

# Entries of these lists are per layer, and long.
LAYER_LISTS = frozenset(
    {
        "layer_types", "layers_block_type", "mlp_layer_types", "attn_type_list", "hybrid_layer_pattern",
        "moe_layer_freq", "no_rope_layers", "compress_ratios", "block_configs", "moe_layers", "intermediate_size",
        "full_attn_layers", "kda_layers", "indexer_types",
    }
)  # fmt: skip


def compact_list(values: Sequence[Any]) -> Any:
    """Return ``{"every": period, "of": length}`` or runs ``{"runs": [[value, count], …]}``, or the list itself."""
    length = len(values)
    for period in range(1, length // 2 + 1):
        if all(values[i] == values[i % period] for i in range(length)):
            return {"every": list(values[:period]), "of": length}
    runs: list[list[Any]] = []
    for value in values:
        if runs and runs[-1][0] == value:
            runs[-1][1] += 1
        else:
            runs.append([value, 1])
    return {"runs": runs} if len(runs) < length // 2 else list(values)


def expand_list(stored: Any) -> Any:
    """Return the list that ``compact_list`` was given; other values unchanged."""
    if isinstance(stored, Mapping) and "every" in stored:
        return list(islice(cycle(stored["every"]), stored["of"]))
    if isinstance(stored, Mapping) and "runs" in stored:
        return [value for value, count in stored["runs"] for _ in range(count)]
    return stored


def _walk(config: Mapping[str, Any], pack: bool) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in config.items():
        if key in LAYER_LISTS:
            result[key] = (compact_list(value) if isinstance(value, list) else value) if pack else expand_list(value)
        else:
            result[key] = _walk(value, pack) if isinstance(value, Mapping) else value
    return result


def compact_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with its per-layer lists shortened."""
    return _walk(config, pack=True)


def expand_config(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config that ``compact_config`` was given."""
    return _walk(stored, pack=False)
