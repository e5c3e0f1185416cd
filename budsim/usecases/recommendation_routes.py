"""Recommendations of a use case over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import Response
from pydantic_core import to_json
from starlette.concurrency import run_in_threadpool

from budsim.model_ops.services import service_library
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.simulator.body_fields import fields_of
from budsim.simulator.routes import service_of
from budsim.simulator.search_backend import resolve_model
from budsim.usecases.advisor import HardwareAdvisor
from budsim.usecases.recommendation_schemas import (
    OptimizeAnswer,
    OptimizeQuery,
    QuickOptimizeAnswer,
    RecommendationAnswer,
    RecommendationQuery,
)
from budsim.usecases.recommendation_services import RecommendationService
from budsim.usecases.routes import _ERRORS, Storable, Text, UniqueIdPath
from budsim.usecases.services import UseCaseService

router = APIRouter(prefix="/api/usecases", tags=["recommendations"], responses=_ERRORS)

# Threads that read for recommendations: enough to keep a database busy. Each that waits for its turn at the interpreter
# asks for it every millisecond; 20 at once cost a request half as much again (benchmark_recommendations.py).
READERS = 4


def recommendations(request: Request) -> RecommendationService:
    """Return the recommendations of the running service, with the models that the caller sees."""
    service = service_of(request)
    advisor: HardwareAdvisor = request.app.state.advisor

    def resolve_named(name: str) -> ModelArchitecture:
        return resolve_model([service.model_target(name)])

    return RecommendationService(UseCaseService(service.database), advisor, service_library(), resolve_named)


def _json(answer: dict[str, Any]) -> Response:
    return Response(to_json(answer), media_type="application/json")


@router.post(
    "/{unique_id}/recommendations",
    summary="Models and hardware for a use case",
    response_model=None,
    responses={200: {"model": RecommendationAnswer, "description": "By size category, batch size and hardware."}},
)
async def recommend(
    request: Request,
    unique_id: UniqueIdPath,
    body: Annotated[RecommendationQuery | None, Storable, Body(examples=[{"batch_sizes": [1, 8, 16]}])] = None,
) -> Response:
    """Return what serves the use case; an empty body asks for all categories and batch sizes 1 to 64."""
    wanted = body or RecommendationQuery()
    limiter = None if wanted.models else request.app.state.readers  # a name may have to be asked for at the hub
    with fields_of("recommendations"):
        asked = await to_thread.run_sync(recommendations(request).read, unique_id, wanted, limiter=limiter)
    answer = asked.recommend_at_once()  # here: a thread of its own would wait longer for its turn than this takes
    if answer is None:
        answer = await run_in_threadpool(asked.recommend)
    if request.app.state.warm_up is not None:
        request.app.state.warm_up.follow_up(UseCaseService(service_of(request).database).values)
    return Response(answer, media_type="application/json")


@router.post(
    "/{unique_id}/optimize-hardware",
    summary="The best configurations for a use case",
    response_model=None,
    responses={200: {"model": OptimizeAnswer, "description": "Best first, by the mode asked for."}},
)
def optimize_hardware(
    request: Request,
    unique_id: UniqueIdPath,
    body: Annotated[OptimizeQuery | None, Storable, Body(examples=[{"optimization_mode": "cost"}])] = None,
) -> Response:
    """Return configurations by cost, performance or both."""
    with fields_of("recommendations"):
        return _json(recommendations(request).optimize(unique_id, body or OptimizeQuery()))


@router.get(
    "/{unique_id}/quick-optimization",
    summary="The best configuration of every mode",
    response_model=None,
    responses={200: {"model": QuickOptimizeAnswer, "description": "By cost, by performance, and balanced."}},
)
def quick_optimization(
    request: Request,
    unique_id: UniqueIdPath,
    model: Annotated[
        str | None,
        Query(description="Only this model.", min_length=1, max_length=512, examples=["Qwen/Qwen3-8B"]),
        Text,
    ] = None,
) -> Response:
    """Return three configurations at the batch sizes that suit them."""
    return _json(recommendations(request).quick(unique_id, model))
