"""Model routes: what a model id stands for, and what is known of a model."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from budsim.model_ops.analysis import summarize
from budsim.model_ops.schemas import ModelQuery, ModelSummary, ModelTarget
from budsim.simulator.request_schemas import storable
from budsim.simulator.routes import service_of
from budsim.simulator.schemas import ErrorResponse
from budsim.simulator.search_backend import resolve_model

_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorResponse, "description": "The model is not known or not supported; the message says why."},
    401: {"model": ErrorResponse, "description": "No token, or a wrong one."},
    422: {"model": ErrorResponse, "description": "A field is missing, unknown or malformed."},
}

router = APIRouter(prefix="/models", tags=["models"], responses=_ERRORS)
Text = AfterValidator(storable)
Storable = BeforeValidator(storable)


class ModelMappingResponse(BaseModel):
    """What a model id stands for from now on."""

    object: str = Field("model_mapping", description="Kind of object.", examples=["model_mapping"])
    model_id: str = Field(description="The id.", examples=["0b4a1c5e-1d0f-4a86-9d1e-0a4f5a1c9b11"])
    target: str = Field(description="The hub id or folder.", examples=["Qwen/Qwen3-8B"])

    model_config = {"protected_namespaces": ()}


@router.put("", summary="Let a model id stand for a hub id or a folder")
def put_model(request: Request, body: Annotated[ModelTarget, Storable]) -> ModelMappingResponse:
    """Store the mapping; every ``model`` field accepts the id afterwards."""
    service_of(request).map_model(body.model_id, body.target)
    return ModelMappingResponse(object="model_mapping", model_id=body.model_id, target=body.target)


@router.get("/{model_id:path}/info", summary="A model in a few figures")
def model_info(
    request: Request, model_id: Annotated[str, Path(description="Hub id, mapped id or folder.", max_length=512), Text]
) -> ModelSummary:
    """Return its shape, its parameters and its memory."""
    return _summary(request, model_id)


@router.post("/analyze", summary="A model in a few figures")
def analyze_model(request: Request, body: Annotated[ModelQuery, Storable]) -> ModelSummary:
    """Return its shape, its parameters and its memory."""
    return _summary(request, body.model)


def _summary(request: Request, model: str) -> ModelSummary:
    target = service_of(request).model_target(model)
    return ModelSummary.model_validate({"model": model, **summarize(resolve_model([target]))})
