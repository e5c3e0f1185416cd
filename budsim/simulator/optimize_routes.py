"""The user guide's route."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Header, Request, Response

from budsim.simulator.optimize_schemas import OptimizeRequest, OptimizeResponse
from budsim.simulator.routes import error_answers, start_and_wait
from budsim.simulator.schemas import WorkflowMetadataResponse

router = APIRouter(prefix="/api", tags=["optimize"], responses=error_answers(401, 429))


@router.post(
    "/optimize",
    summary="The best deployment of a model on a cluster",
    response_model=None,
    responses={
        200: {
            "model": OptimizeResponse | WorkflowMetadataResponse,
            "description": "The answer; or, where the caller asked for events, the started run.",
        },
        202: {"model": WorkflowMetadataResponse, "description": "``Prefer: wait`` is over, the run goes on."},
        **error_answers(400, 404, 408, 413, 503),
    },
)
async def optimize(
    request: Request,
    body: Annotated[OptimizeRequest, Body()],
    prefer: Annotated[
        str | None, Header(description="``wait=N``: answer within N seconds.", examples=["wait=30"])
    ] = None,
) -> Response:
    """Search for the deployment that meets the targets within the constraints, and say why it wins."""
    return await start_and_wait(request, body, prefer)
