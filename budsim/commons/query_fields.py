"""Query parameters that a route does not have are refused, as unknown fields of a body are."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError


async def known_query_fields(request: Request) -> None:
    """Refuse a GET whose query names what its route does not take.

    Other methods say what they want in their body.

    Raises:
        RequestValidationError: Names the parameter and those that there are.
    """
    if request.method != "GET" or not request.query_params:
        return
    taken = list(_query_names(request.scope["route"].dependant))
    text = f"there is no such parameter; there {'is ' + ', '.join(taken) if taken else 'are none'}"
    unknown = [name for name in dict.fromkeys(request.query_params) if name not in taken]
    if unknown:
        raise RequestValidationError(
            [{"type": "extra_forbidden", "loc": ("query", name), "msg": text, "input": None} for name in unknown]
        )


def _query_names(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _query_names(inner)
