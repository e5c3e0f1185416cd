"""Cells of a table as typed values: numbers, counts, flags, text; empty cells are None."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from budsim.commons.errors import InvalidRequestError

Row = Mapping[str, Any]

_BLANKS = frozenset({"", "nan", "none", "null", "na", "n/a", "<na>", "nat"})
_TRUE = frozenset({"true", "1", "1.0", "yes", "on", "t", "y"})
_FALSE = frozenset({"false", "0", "0.0", "no", "off", "f", "n"})
LARGEST_COUNT = 10**9


def is_blank(value: Any) -> bool:
    """Whether a cell is empty: None, NaN, blank text or a spelling of "not available"."""
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    if isinstance(value, float):
        return math.isnan(value)
    return isinstance(value, str) and value.strip().lower() in _BLANKS


def text_cell(row: Row, field: str) -> str | None:
    """Return a cell as stripped text, None when blank."""
    value = row.get(field)
    return None if is_blank(value) else str(value).strip()


def number_cell(row: Row, field: str, low: float, high: float = math.inf, above: bool = False) -> float | None:
    """Return a cell as a number in [low, high] (or above low), None when blank.

    Raises:
        InvalidRequestError: Not a number, or out of range; the message names the field.
    """
    value: Any = row.get(field)
    if is_blank(value):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    bad = math.isnan(number) or math.isinf(number) or number > high or (number <= low if above else number < low)
    if bad:
        bounds = f"{'above' if above else 'at least'} {low:g}" + (f" and at most {high:g}" if high < math.inf else "")
        raise InvalidRequestError(f"{field} = '{str(value)[:40]}': must be a number {bounds}", {"field": field})
    return number


def count_cell(row: Row, field: str, low: int = 1) -> int | None:
    """Return a cell as a whole number of at least ``low``, None when blank."""
    number = number_cell(row, field, low, LARGEST_COUNT)
    if number is not None and number != int(number):
        raise InvalidRequestError(f"{field} = {number:g}: must be a whole number", {"field": field})
    return None if number is None else int(number)


def flag_cell(row: Row, field: str) -> bool | None:
    """Return a cell as true or false, None when blank."""
    text = text_cell(row, field)
    if text is None:
        return None
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise InvalidRequestError(f"{field} = '{text[:40]}': must be true or false", {"field": field})
