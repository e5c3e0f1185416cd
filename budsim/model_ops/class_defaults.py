"""Fills fields that a config.json leaves to its class.

``transformers`` reads an absent field as the default of the model type's configuration class; engines do the same, so
the default is the truth for that file. Only a field that is needed and absent is filled, and it is recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from budsim.commons.errors import UnsupportedModelError
from budsim.perf_model.model_architecture import ModelArchitecture

_MAX_FILLED = 12


def _class_defaults(model_type: str) -> Mapping[str, Any]:
    """Return the default fields of a model type, {} when the installed library does not know it."""
    from transformers import AutoConfig

    try:
        defaults: Mapping[str, Any] = AutoConfig.for_model(model_type).to_dict()
    except (ValueError, KeyError, TypeError, ImportError):
        return {}
    return defaults


def _default_of(config: Mapping[str, Any], path: list[str]) -> Any:
    """Return the class default of one field by its path, or None."""
    section: Any = config
    for name in path[:-1]:
        section = section.get(name, {})
    own_type = section.get("model_type") if isinstance(section, Mapping) else None
    if isinstance(own_type, str) and (found := _class_defaults(own_type).get(path[-1])) is not None:
        return found
    outer_type = config.get("model_type")
    defaults: Any = _class_defaults(outer_type) if isinstance(outer_type, str) else {}
    for name in path:
        defaults = defaults.get(name) if isinstance(defaults, Mapping) else None
    return defaults


def read_with_class_defaults(config: Mapping[str, Any], name: str) -> ModelArchitecture:
    """Read a config; needed fields that are absent take the default of the model type's class.

    Args:
        config: Parsed config.json.
        name: What answers call the model.

    Returns:
        The architecture; ``missing_facts`` lists the filled fields.

    Raises:
        UnsupportedModelError: A field is wrong, or absent without a class default.
    """
    filled: list[str] = []
    working: dict[str, Any] = dict(config)
    while True:
        try:
            arch = ModelArchitecture.from_config(working, name)
        except UnsupportedModelError as problem:
            field = str((problem.param or {}).get("field", ""))
            if not (problem.param or {}).get("missing") or field in filled or len(filled) >= _MAX_FILLED:
                raise
            path = field.split(".")
            value = _default_of(working, path)
            if value is None:
                raise
            working = deepcopy(working)
            section = working
            for part in path[:-1]:
                section = section.setdefault(part, {})
            section[path[-1]] = value
            filled.append(field)
            continue
        return replace(arch, missing_facts=(*arch.missing_facts, *filled)) if filled else arch
