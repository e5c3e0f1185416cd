"""Use cases over HTTP: create, find, change, import, export."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import AfterValidator, BeforeValidator

from budsim.commons.errors import InvalidRequestError
from budsim.commons.security import require_service
from budsim.simulator.request_schemas import MAX_INTEGER, storable
from budsim.simulator.routes import service_of
from budsim.simulator.schemas import FIELD_ERRORS, ErrorResponse
from budsim.simulator.simulation_request import MAX_TOKENS
from budsim.usecases.repository import UseCaseFilter
from budsim.usecases.schemas import (
    MAX_SECONDS,
    DeletedResponse,
    ImportResponse,
    SortField,
    TagCount,
    UseCaseCreate,
    UseCaseExport,
    UseCaseImport,
    UseCaseList,
    UseCaseResponse,
    UseCaseStats,
    UseCaseUpdate,
)
from budsim.usecases.services import UseCaseService

_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorResponse, "description": "It cannot be stored or served; the message says why."},
    401: {"model": ErrorResponse, "description": "No token, a wrong one, or a project's where a service's is needed."},
    404: {"model": ErrorResponse, "description": "There is no such use case."},
    409: {"model": ErrorResponse, "description": "Somebody else changed it meanwhile."},
    413: {"model": ErrorResponse, "description": "The body is larger than the service takes."},
    **FIELD_ERRORS,
}

router = APIRouter(prefix="/api/usecases", tags=["use cases"], responses=_ERRORS)
Text = AfterValidator(storable)
Storable = BeforeValidator(storable)
UniqueIdPath = Annotated[str, Path(description="The use case.", max_length=200, examples=["chat_support"]), Text]
WRITES = [Depends(require_service)]  # use cases are everybody's: a project's token reads them only


def use_cases(request: Request) -> UseCaseService:
    """Return the use cases of the running service."""
    return UseCaseService(service_of(request).database)


Industry = Annotated[str | None, Query(description="Industry, any case.", max_length=100, examples=["Finance"]), Text]
Words = Annotated[
    str | None,
    Query(description="Text in id, name, description or industry.", max_length=200, examples=["chat"]),
    Text,
]
Tags = Annotated[
    list[str] | None, Query(description="Tags; all of them must be there.", max_length=50, examples=[["chat"]])
]
MaxE2e = Annotated[float | None, Query(description="e2e_max at most, s.", gt=0, le=MAX_SECONDS, examples=[5.0])]
MaxTtft = Annotated[float | None, Query(description="ttft_max at most, s.", gt=0, le=MAX_SECONDS, examples=[1.0])]
MinInput = Annotated[int | None, Query(description="input_tokens_max at least.", ge=0, le=MAX_TOKENS, examples=[100])]
MaxInput = Annotated[int | None, Query(description="input_tokens_max at most.", ge=0, le=MAX_TOKENS, examples=[8000])]
MinOutput = Annotated[int | None, Query(description="output_tokens_max at least.", ge=0, le=MAX_TOKENS, examples=[50])]
MaxOutput = Annotated[int | None, Query(description="output_tokens_max at most.", ge=0, le=MAX_TOKENS, examples=[500])]
BatchSize = Annotated[int | None, Query(description="batch_size exactly.", ge=1, le=MAX_INTEGER, examples=[1])]


def list_filter(
    industry: Industry = None,
    max_e2e_latency: MaxE2e = None,
    max_ttft: MaxTtft = None,
    min_input_tokens: MinInput = None,
    max_input_tokens: MaxInput = None,
) -> UseCaseFilter:
    """Return the filters that every list takes."""
    return UseCaseFilter(
        industry=industry,
        max_e2e_latency=max_e2e_latency,
        max_ttft=max_ttft,
        min_input_tokens=min_input_tokens,
        max_input_tokens=max_input_tokens,
    )


def search_filter(
    listed: Annotated[UseCaseFilter, Depends(list_filter)],
    query: Words = None,
    tags: Tags = None,
    min_output_tokens: MinOutput = None,
    max_output_tokens: MaxOutput = None,
    batch_size: BatchSize = None,
) -> UseCaseFilter:
    """Return the filters of a search.

    Raises:
        InvalidRequestError: A tag holds what no text may.
    """
    if any("\x00" in tag for tag in tags or []):
        raise InvalidRequestError("a tag must not contain NUL characters", {"field": "tags"})
    return replace(
        listed,
        query=query,
        tags=tuple(tags or ()),
        min_output_tokens=min_output_tokens,
        max_output_tokens=max_output_tokens,
        batch_size=batch_size,
    )


Limit = Annotated[int, Query(description="Items a page.", ge=1, le=1000, examples=[100])]
Offset = Annotated[int, Query(description="Items left out before the page.", ge=0, le=MAX_INTEGER, examples=[0])]


@router.post("", status_code=201, summary="Store a use case", dependencies=WRITES)
def create_use_case(request: Request, body: Annotated[UseCaseCreate, Storable]) -> UseCaseResponse:
    """Store a new use case; an id that exists is a 400."""
    return UseCaseResponse.model_validate(use_cases(request).create(body))


@router.get("", summary="List use cases")
def list_use_cases(
    request: Request, wanted: Annotated[UseCaseFilter, Depends(list_filter)], limit: Limit = 100, offset: Offset = 0
) -> UseCaseList:
    """Return a page by id."""
    return UseCaseList.model_validate(use_cases(request).find(wanted, limit=limit, offset=offset))


@router.get("/search", summary="Search use cases")
def search_use_cases(
    request: Request,
    wanted: Annotated[UseCaseFilter, Depends(search_filter)],
    sort_by: Annotated[SortField, Query(description="Field to sort by.", examples=["e2e_max"])] = "unique_id",
    sort_order: Annotated[Literal["asc", "desc"], Query(description="Direction.", examples=["asc"])] = "asc",
    limit: Limit = 100,
    offset: Offset = 0,
) -> UseCaseList:
    """Return a page of what fits every filter; use cases without the sorted field come last."""
    found = use_cases(request).find(
        wanted, sort_by=sort_by, descending=sort_order == "desc", limit=limit, offset=offset
    )
    return UseCaseList.model_validate(found)


@router.get("/stats", summary="Counts of use cases")
def use_case_stats(request: Request) -> UseCaseStats:
    """Return counts by industry, latency profile and tag."""
    return UseCaseStats.model_validate(use_cases(request).stats())


@router.get("/industries/list", summary="Industries that are used")
def list_industries(request: Request) -> list[str]:
    """Return the industries by name."""
    return list(use_cases(request).stats()["by_industry"])


@router.get("/tags/list", summary="Tags that are used")
def list_tags(request: Request) -> list[TagCount]:
    """Return every tag with its count, by name."""
    return [TagCount(tag=tag, count=count) for tag, count in use_cases(request).stats()["tags"].items()]


@router.post("/import", summary="Store many use cases", dependencies=WRITES)
def import_use_cases(request: Request, body: Annotated[UseCaseImport, Storable]) -> ImportResponse:
    """Store use cases from the body, all or none; server files are never read."""
    return ImportResponse.model_validate(use_cases(request).load(body))


@router.get("/export", summary="Use cases as an import takes them")
def export_use_cases(request: Request, wanted: Annotated[UseCaseFilter, Depends(search_filter)]) -> UseCaseExport:
    """Return the use cases that fit the filters; server files are never written."""
    return UseCaseExport.model_validate(use_cases(request).dump(wanted))


@router.post("/export", summary="Use cases as an import takes them")
def export_use_cases_by_post(
    request: Request, wanted: Annotated[UseCaseFilter, Depends(search_filter)]
) -> UseCaseExport:
    """Return the same as ``GET /export``: the platform asks with POST."""
    return UseCaseExport.model_validate(use_cases(request).dump(wanted))


@router.get("/{unique_id}", summary="A use case")
def get_use_case(request: Request, unique_id: UniqueIdPath) -> UseCaseResponse:
    """Return an active use case."""
    return UseCaseResponse.model_validate(use_cases(request).get(unique_id))


@router.put("/{unique_id}", summary="Change a use case", dependencies=WRITES)
def update_use_case(
    request: Request, unique_id: UniqueIdPath, body: Annotated[UseCaseUpdate, Storable]
) -> UseCaseResponse:
    """Replace its fields."""
    return UseCaseResponse.model_validate(use_cases(request).update(unique_id, body))


@router.delete("/{unique_id}", summary="Delete a use case", dependencies=WRITES)
def delete_use_case(
    request: Request,
    unique_id: UniqueIdPath,
    hard_delete: Annotated[bool, Query(description="Remove the row; else hide it.", examples=[False])] = False,
) -> DeletedResponse:
    """Hide it, or remove it for good."""
    use_cases(request).delete(unique_id, hard_delete=hard_delete)
    return DeletedResponse(unique_id=unique_id, hard_delete=hard_delete)
