"""Checked access to the fields of a config.json: a wrong type or range names the field, never a TypeError."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from budsim.commons.errors import UnsupportedModelError

# Far above any model that exists; keeps sums exact and lists short.
MAX_LAYERS = 4096
MAX_WIDTH = 2**24
MAX_VOCABULARY = 2**27
MAX_TOKENS = 2**40


class ConfigFields:
    """Read-only view of one (sub-)config that validates what it hands out.

    Args:
        values: The parsed section.
        model: Name for error messages.
        prefix: Where the section sits, e.g. ``text_config.``.
    """

    def __init__(self, values: Mapping[str, Any], model: str, prefix: str = "") -> None:
        self.values = values
        self.model = model
        self.prefix = prefix

    def fail(self, field: str, problem: str, *, missing: bool = False) -> UnsupportedModelError:
        """Return the error that names a field; the caller raises it.

        Args:
            field: Name inside this section.
            problem: What is wrong, as the rest of a sentence.
            missing: The field is absent, so that a default of the model's class could stand in.
        """
        where = f"{self.prefix}{field}"
        param: dict[str, Any] = {"field": where} | ({"missing": True} if missing else {})
        return UnsupportedModelError(f"{self.model}: config field '{where}' {problem}", param)

    def has(self, field: str) -> bool:
        """Whether a field is present and not null."""
        return self.values.get(field) is not None

    def raw(self, *names: str) -> Any:
        """Return the first present value of several spellings, unchecked, or None."""
        for name in names:
            value = self.values.get(name)
            if value is not None:
                return value
        return None

    def integer(self, *names: str, default: int | None = None, low: int = 1, high: int = MAX_WIDTH) -> int:
        """Return the first present field as an integer.

        Args:
            names: Spellings, the usual one first; errors name the one that is present, or the usual one.
            default: Value when none is present; None = the field is needed.
            low: Smallest legal value.
            high: Largest legal value.

        Raises:
            UnsupportedModelError: Missing, not a whole number, or out of range.
        """
        for name in names:
            if self.has(name):
                return self._whole(name, self.values[name], low, high)
        if default is None:
            also = f" (also read as {', '.join(names[1:])})" if len(names) > 1 else ""
            raise self.fail(names[0], f"is missing{also}: add it to config.json", missing=True)
        return default

    def _whole(self, name: str, value: Any, low: int, high: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fail(name, f"must be a whole number, not {type(value).__name__}")
        if not math.isfinite(value) or value != int(value):
            raise self.fail(name, f"must be a whole number, not {value}")
        if not low <= value <= high:
            raise self.fail(name, f"must be between {low} and {high}, not {str(value)[:40]}")
        return int(value)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """Return a field as a finite number between two bounds."""
        value = self.values.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.fail(name, f"must be a number between {low:g} and {high:g}, not {str(value)[:40]!r}")
        return float(value)

    def boolean(self, *names: str, default: bool) -> bool:
        """Return the first present field as a boolean."""
        for name in names:
            if self.has(name):
                value = self.values[name]
                if isinstance(value, bool) or value in (0, 1):
                    return bool(value)
                raise self.fail(name, f"must be true or false, not {str(value)[:40]!r}")
        return default

    def text(self, *names: str, default: str = "") -> str:
        """Return the first present field as a short string."""
        for name in names:
            if self.has(name):
                value = self.values[name]
                if not isinstance(value, str) or len(value) > 200:
                    raise self.fail(name, "must be a short string")
                return value
        return default

    def section(self, *names: str) -> Mapping[str, Any] | None:
        """Return the first present field as a mapping, or None."""
        for name in names:
            if self.has(name):
                value = self.values[name]
                if not isinstance(value, Mapping):
                    raise self.fail(name, f"must be an object, not {type(value).__name__}")
                return value
        return None

    def sequence(self, name: str, length: int | None = None) -> Sequence[Any] | None:
        """Return a list field, or None when absent.

        Raises:
            UnsupportedModelError: Not a list, or not of the wanted length.
        """
        if not self.has(name):
            return None
        value = self.values[name]
        if not isinstance(value, list | tuple):
            raise self.fail(name, f"must be a list, not {type(value).__name__}")
        if length is not None and len(value) != length:
            raise self.fail(name, f"has {len(value)} entries, but the model has {length} layers")
        return value

    def integers(self, name: str, length: int | None = None, high: int = MAX_WIDTH) -> list[int] | None:
        """Return a list of whole numbers, or None when absent."""
        values = self.sequence(name, length)
        if values is None:
            return None
        if len(values) > MAX_LAYERS:
            raise self.fail(name, f"has {len(values)} entries, more than {MAX_LAYERS}")
        return [
            self._whole(f"{name}[{i}]", int(v) if isinstance(v, bool) else v, 0, high) for i, v in enumerate(values)
        ]
