"""Typed access to the fields of one run: a value that cannot be is an error that names the field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from budsim.benchmarks.measured_point import measured_error

# Tools write "no limit" as Infinity, "inf" or a number beyond what any client sends.
UNLIMITED_RATE = 1e6
_MAX_TEXT = 500
_MAX_NUMBER = 1e15


@dataclass(frozen=True, slots=True)
class RunFields:
    """One run's document.

    Attributes:
        document: JSON object.
        position: Where it stands in the file.
    """

    document: Mapping[str, Any]
    position: str = ""

    def get(self, *path: str) -> Any:
        """Return the value under a path, None where a part of it is missing."""
        value: Any = self.document
        for key in path:
            if not isinstance(value, Mapping):
                return None
            value = value.get(key)
        return value

    def at(self, *path: str) -> RunFields:
        """Return the fields of a nested object; empty where there is none."""
        value = self.get(*path)
        return RunFields(value if isinstance(value, Mapping) else {}, self._name(path))

    def _name(self, path: tuple[str, ...]) -> str:
        return ".".join((self.position, *path)) if self.position else ".".join(path)

    def _number(self, path: tuple[str, ...]) -> float | None:
        value = self.get(*path)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise measured_error(self.position, ".".join(path), f"= {str(value)[:40]!r}: must be a number")
        try:
            return float(value)
        except (ValueError, OverflowError):
            raise measured_error(self.position, ".".join(path), f"= {str(value)[:40]!r}: must be a number") from None

    def positive(self, *path: str, zero_is_missing: bool = False) -> float | None:
        """Return a number above 0, None where the field is missing or null.

        Args:
            path: The field.
            zero_is_missing: 0 says that nothing was measured, as ITL of tokens that arrive together.

        Raises:
            InvalidRequestError: NaN, infinite, negative, zero or not a number.
        """
        number = self._number(path)
        if number is None or (number == 0 and zero_is_missing):
            return None
        if not 0 < number <= _MAX_NUMBER:  # NaN fails too
            raise measured_error(self.position, ".".join(path), f"= {number:g}: must be a finite number above 0")
        return number

    def count(self, *path: str) -> int | None:
        """Return a whole number of at least 0, None where the field is missing or null.

        Raises:
            InvalidRequestError: Anything else.
        """
        number = self._number(path)
        if number is None:
            return None
        if not 0 <= number <= _MAX_NUMBER or number != int(number):
            raise measured_error(self.position, ".".join(path), f"= {number:g}: must be a whole number of at least 0")
        return int(number)

    def rate(self, *path: str) -> float | None:
        """Return requests per second; None where the field is missing or says "no limit".

        Raises:
            InvalidRequestError: NaN, negative, zero or not a number.
        """
        number = self._number(path)
        if number is None or number >= UNLIMITED_RATE:
            return None
        if math.isnan(number) or number <= 0:
            raise measured_error(self.position, ".".join(path), f"= {number:g}: must be requests per second above 0")
        return number

    def text(self, *path: str) -> str | None:
        """Return a text, None where the field is missing, null, empty or something else."""
        value = self.get(*path)
        if not isinstance(value, str) or not value.strip():
            return None
        return value.strip()[:_MAX_TEXT]

    def flag(self, *path: str) -> bool | None:
        """Return true or false, also where it is written as a text; None where the field is missing."""
        value = self.get(*path)
        if isinstance(value, str):
            value = {"true": True, "false": False}.get(value.strip().lower())
        return value if isinstance(value, bool) else None

    def texts(self, *path: str) -> tuple[str, ...]:
        """Return the texts of a list, or one text as a list of it."""
        value = self.get(*path)
        values = value if isinstance(value, list) else [value]
        return tuple(item.strip()[:_MAX_TEXT] for item in values if isinstance(item, str) and item.strip())


def per_request(total: float | None, completed: int | None) -> float | None:
    """Return a mean per request, None where nothing was counted."""
    return total / completed if total and completed else None


def whole(number: float | None) -> int | None:
    """Return the nearest whole number of at least 1, None for None."""
    return None if number is None else max(1, round(number))
