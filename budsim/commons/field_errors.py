"""The error of a check that looks at several fields of a body together."""

from __future__ import annotations

from pydantic_core import PydanticCustomError

FIELDS_DISAGREE = "fields_disagree"


def fields_disagree(field: str, reason: str) -> PydanticCustomError:
    """Return what such a check raises: an error of the field that is to change, not of the whole body."""
    return PydanticCustomError(FIELDS_DISAGREE, "{reason}", {"reason": reason, "path": [field]})
