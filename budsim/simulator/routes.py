"""The simulator's HTTP interface: parse, call the service, answer. Nothing is decided here."""

from __future__ import annotations

import asyncio
import math
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Header, Path, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator

from budsim.commons.catalogs import hardware_catalog
from budsim.commons.errors import InvalidRequestError
from budsim.commons.security import principal_of
from budsim.commons.workflow_engine import Json
from budsim.simulator.cluster_source import device_problems
from budsim.simulator.models import WorkflowRun
from budsim.simulator.optimize_schemas import OptimizeRequest, OptimizeResponse
from budsim.simulator.request_schemas import (
    MAX_INTEGER,
    ClusterRecommendationRequest,
    DeploymentConfigurationRequest,
    HardwareRunRequest,
    RunBody,
    storable,
)
from budsim.simulator.run_schemas import (
    HardwareRunResponse,
    SimulationProgressResponse,
    SimulationStatusResponse,
    StoredClusters,
    WorkflowControlResponse,
)
from budsim.simulator.schemas import (
    FIELD_ERRORS,
    ClusterRecommendationResponse,
    DeploymentConfigurationResponse,
    ErrorResponse,
    PaginatedRecommendations,
    WorkflowMetadataResponse,
)
from budsim.simulator.services import SimulationService, StartedRun
from budsim.simulator.simulation_request import MAX_CONCURRENCY
from budsim.simulator.workflows import workflow_metadata

MAX_PAGE_SIZE = 1000


def error_answers(*codes: int) -> dict[int | str, dict[str, Any]]:
    """Return the documentation of error answers."""
    texts = {
        400: "The request cannot be served; the message says why and what would help.",
        401: "No token, or a wrong one.",
        404: "There is no such run, project or cluster, or it is not the caller's.",
        408: "The run passed its time; ``param.best`` is the best that was found.",
        409: "The run's status does not allow it.",
        413: "The body is too large.",
        429: "Too many requests; ``Retry-After`` says when to come back.",
        503: "No cluster is known, none is free, or the database does not answer.",
    }
    return {code: {"model": ErrorResponse, "description": texts[code]} for code in codes} | FIELD_ERRORS


router = APIRouter(prefix="/simulator", tags=["simulator"], responses=error_answers(401, 429))
workflow_router = APIRouter(prefix="/workflow", tags=["workflow"], responses=error_answers(401, 404, 409, 429))
cluster_router = APIRouter(tags=["clusters"], responses=error_answers(401, 429))

Text = AfterValidator(storable)
WorkflowId = Annotated[UUID, Path(description="The run.", examples=["8900717f-3ec0-4df8-8993-54083b020c69"])]


def service_of(request: Request) -> SimulationService:
    """Return the application's service as the caller sees it."""
    service: SimulationService = request.app.state.service
    return service.seen_by(principal_of(request))


def _preferred_wait(prefer: str | None) -> float | None:
    """Return the seconds of ``Prefer: wait=N`` (RFC 7240), None when the caller states none."""
    for preference in (prefer or "").split(","):
        name, _, value = preference.strip().partition("=")
        if name.strip().lower() == "wait":
            seconds = value.strip().strip('"')
            if not (seconds.isascii() and seconds.isdecimal() and len(seconds) < 10):
                raise InvalidRequestError("Prefer: wait needs whole seconds, such as wait=30.", {"field": "Prefer"})
            return float(seconds)
    return None


def _metadata(started: StartedRun, status: str = "PENDING") -> Json:
    return workflow_metadata(str(started.workflow_id), started.eta_minutes, started.eta_seconds, status)


def _answer(service: SimulationService, run: WorkflowRun) -> JSONResponse:
    return JSONResponse(service.answer_of(run))


@router.post(
    "/run",
    summary="Find the deployments of a model that meet the targets",
    response_model=None,
    responses={
        200: {
            "model": ClusterRecommendationResponse | HardwareRunResponse | WorkflowMetadataResponse,
            "description": "The answer; or, where the caller asked for events, the started run.",
        },
        202: {"model": WorkflowMetadataResponse, "description": "``Prefer: wait`` is over, the run goes on."},
        **error_answers(400, 404, 408, 413, 503),
    },
)
async def run_simulation(
    request: Request,
    body: Annotated[RunBody, Body()],
    prefer: Annotated[
        str | None, Header(description="``wait=N``: answer within N seconds.", examples=["wait=30"])
    ] = None,
) -> Response:
    """Start a run.

    A caller who names ``source_topic`` or ``notification_metadata`` (and not ``debug: true``) gets the run's metadata
    at once and events later. Everybody else waits for the answer.
    """
    return await start_and_wait(request, body, prefer)


async def start_and_wait(
    request: Request, body: ClusterRecommendationRequest | HardwareRunRequest | OptimizeRequest, prefer: str | None
) -> Response:
    """Start a run and answer as its caller wants it: with its answer, or with its metadata.

    Raises:
        BudSimError: It cannot be started, or has failed.
    """
    service = service_of(request)
    patience = _preferred_wait(prefer)
    started = await asyncio.to_thread(service.start_run, body)
    if body.wants_events:
        return JSONResponse(_metadata(started))
    run = await service.wait(started.workflow_id, patience)
    if run is None:
        headers = {"Location": f"/simulator/status/{started.workflow_id}/progress"}
        if patience is not None:
            headers["Preference-Applied"] = f"wait={patience:.0f}"
        return JSONResponse(_metadata(started, "RUNNING"), 202, headers)
    return _answer(service, run)


@router.get("/recommendations", summary="What a run recommends, cluster by cluster", responses=error_answers(404))
def recommendations(
    request: Request,
    workflow_id: Annotated[UUID, Query(description="The run.", examples=["8900717f-3ec0-4df8-8993-54083b020c69"])],
    cluster_id: Annotated[
        str | None,
        Query(description="This cluster only.", max_length=255, examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"]),
        Text,
    ] = None,
    concurrency: Annotated[
        int | None, Query(description="Load to carry.", ge=1, le=MAX_CONCURRENCY, examples=[10])
    ] = None,
    error_rate_threshold: Annotated[
        float,
        Query(description="Mean relative miss of the targets to accept.", ge=0, allow_inf_nan=False, examples=[0.5]),
    ] = 0.5,
    page: Annotated[int, Query(description="From 1.", ge=1, le=MAX_INTEGER, examples=[1])] = 1,
    limit: Annotated[int, Query(description="Items a page.", ge=1, le=MAX_PAGE_SIZE, examples=[20])] = 1,
) -> PaginatedRecommendations:
    """Return one page; a run that is not known has no items, and is a 404 to the token of a project."""
    found = service_of(request).recommendations(workflow_id, cluster_id, concurrency, error_rate_threshold)
    return PaginatedRecommendations.model_validate(
        {
            "page": page,
            "limit": limit,
            "total_items": len(found),
            "total_pages": math.ceil(len(found) / limit),
            "items": found[(page - 1) * limit : page * limit],
        }
    )


@router.post("/configurations", summary="What to deploy, after feedback", responses=error_answers(400, 404, 413))
def configurations(request: Request, body: DeploymentConfigurationRequest) -> DeploymentConfigurationResponse:
    """Note which configurations failed, and return the best one that is left."""
    return DeploymentConfigurationResponse.model_validate(service_of(request).configuration(body))


@router.get("/status/{workflow_id}", summary="Where a run stands", responses=error_answers(404))
def status(request: Request, workflow_id: WorkflowId) -> SimulationStatusResponse:
    """Return the run's status."""
    return SimulationStatusResponse.model_validate(service_of(request).status(workflow_id))


@router.get("/status/{workflow_id}/progress", summary="How far a run is", responses=error_answers(404))
def progress(request: Request, workflow_id: WorkflowId) -> SimulationProgressResponse:
    """Return percent, step, time left and the events so far."""
    return SimulationProgressResponse.model_validate(service_of(request).progress(workflow_id))


@router.get(
    "/results/{workflow_id}",
    summary="The answer of a run",
    response_model=None,
    responses={
        200: {
            "model": ClusterRecommendationResponse | HardwareRunResponse | OptimizeResponse,
            "description": "As it was asked for.",
        },
        202: {"model": SimulationProgressResponse, "description": "The run is not over."},
        **error_answers(400, 404, 408, 409),
    },
)
def results(request: Request, workflow_id: WorkflowId) -> Response:
    """Return the answer, or how far the run is."""
    service = service_of(request)
    run = service.run(workflow_id)
    if run.status in ("PENDING", "RUNNING", "SUSPENDED"):
        return JSONResponse(service.progress(workflow_id), 202)
    return _answer(service, run)


@workflow_router.get("/{workflow_id}/status", summary="Status of a workflow")
def workflow_status(request: Request, workflow_id: WorkflowId) -> WorkflowControlResponse:
    """Return the status alone."""
    return WorkflowControlResponse(
        object="info", message="ack", param={"status": service_of(request).run(workflow_id).status}
    )


def _control(request: Request, workflow_id: UUID, action: str) -> WorkflowControlResponse:
    to = service_of(request).control(workflow_id, action)
    return WorkflowControlResponse(object="info", message="ack", param={"status": to})


@workflow_router.delete("/{workflow_id}/stop", summary="End a run")
def stop(request: Request, workflow_id: WorkflowId) -> WorkflowControlResponse:
    """End it for good. A run that was started again keeps the answer that it had before."""
    return _control(request, workflow_id, "stop")


@workflow_router.post("/{workflow_id}/pause", summary="Hold a run")
def pause(request: Request, workflow_id: WorkflowId) -> WorkflowControlResponse:
    """Hold it before its next activity."""
    return _control(request, workflow_id, "pause")


@workflow_router.post("/{workflow_id}/resume", summary="Let a run go on")
def resume(request: Request, workflow_id: WorkflowId) -> WorkflowControlResponse:
    """Let it go on where it was held."""
    return _control(request, workflow_id, "resume")


@workflow_router.post("/{workflow_id}/restart", summary="Run it again")
def restart(request: Request, workflow_id: WorkflowId) -> WorkflowControlResponse:
    """Run it again under the same id; its earlier answer stays until there is a new one."""
    return _control(request, workflow_id, "restart")


@cluster_router.get("/clusters", summary="The clusters that runs look at", responses=error_answers(503))
def get_clusters(request: Request) -> StoredClusters:
    """Return the clusters as they were sent, and what is wrong with any."""
    service = service_of(request)
    known = service.clusters.load(service.principal)
    readable, problems = known.parsed()
    document = known.document if isinstance(known.document, list) else [{"id": item.cluster_id} for item in readable]
    return StoredClusters(
        object="clusters",
        source=known.origin,
        clusters=document,
        problems=[
            *(f"{problem.path}: {problem.reason}" for problem in problems),
            *device_problems(readable, hardware_catalog()),
        ],
    )


@cluster_router.put("/clusters", summary="Replace the clusters", responses=error_answers(400, 404, 409, 413))
def put_clusters(request: Request, document: Annotated[Any, Body(description="A list of clusters.")]) -> StoredClusters:
    """Store these clusters in place of all others."""
    service = service_of(request)
    service.clusters.replace(document, service.principal)
    return get_clusters(request)
