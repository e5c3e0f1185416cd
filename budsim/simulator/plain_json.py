"""Frozen dataclasses ↔ plain JSON values, by their type hints.

Workflow activities pass only what JSON can carry. Unknown keys are ignored, so that a run recorded by a newer version
can still be read; a missing key takes the field's default or is an error that names it.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, cast

from budsim.commons.errors import InvalidRequestError

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """Return ``value`` as dicts, lists, text, numbers and None."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, frozenset | set):
        return sorted(to_plain(item) for item in value)
    return value


def from_plain(kind: type[T], document: Mapping[str, Any]) -> T:
    """Build a dataclass of type ``kind`` from what ``to_plain`` made of it.

    Raises:
        InvalidRequestError: A field without a default is missing.
    """
    hints = _hints(cast("Any", kind))
    arguments: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name in document:
            arguments[field.name] = _revive(hints[field.name], document[field.name])
        elif field.default is MISSING and field.default_factory is MISSING:
            raise InvalidRequestError(f"{kind.__name__}.{field.name} is missing.", {"field": field.name})
    return kind(**arguments)


@lru_cache(maxsize=256)
def _hints(kind: Hashable) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _revive(hint: Any, value: Any) -> Any:
    """Return ``value`` as ``hint`` wants it: the containers and classes that JSON lost."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        options = [option for option in arguments if option is not type(None)]
        return value if value is None or len(options) != 1 else _revive(options[0], value)
    if isinstance(hint, type) and is_dataclass(hint) and isinstance(value, Mapping):
        return from_plain(hint, value)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    if origin is tuple:
        items = arguments if arguments and arguments[-1] is not Ellipsis else (arguments[0],) * len(value)
        return tuple(_revive(item, element) for item, element in zip(items, value, strict=True))
    if origin is frozenset:
        return frozenset(_revive(arguments[0], element) for element in value)
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping) and isinstance(value, Mapping):
        return {key: _revive(arguments[1], item) for key, item in value.items()}
    return value
