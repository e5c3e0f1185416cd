"""Model routes: what a model id stands for, and what is known of a model."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from budsim.commons.catalogs import hardware_catalog
from budsim.model_ops.analysis import summarize
from budsim.model_ops.calculator import attention_rating, fit_on_device, sequence_sweep
from budsim.model_ops.calculator_schemas import AnalyzeQuery, DeviceFit, ModelAnalysis, SweepRow
from budsim.model_ops.schemas import ModelSummary, ModelTarget
from budsim.model_ops.services import memory_corrections, service_library
from budsim.perf_model.precision import resolve_precision
from budsim.simulator.request_schemas import storable
from budsim.simulator.routes import service_of
from budsim.simulator.schemas import FIELD_ERRORS, ErrorResponse
from budsim.simulator.search_backend import resolve_model

_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorResponse, "description": "The model is not known or not supported; the message says why."},
    401: {"model": ErrorResponse, "description": "No token, or a wrong one."},
    **FIELD_ERRORS,
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


class ModelList(BaseModel):
    """Models that are known without asking the hub."""

    object: str = Field("models", description="Kind of object.", examples=["models"])
    models: list[str] = Field(
        description="Hub ids, the best match first.", examples=[["meta-llama/Llama-3.1-8B-Instruct"]]
    )
    total_items: int = Field(description="Models that are known in all.", examples=[579])


@router.get("", summary="Search the models that are known")
def list_models(
    search: Annotated[str, Query(description="Part of a name.", max_length=256, examples=["llama 3.1"]), Text] = "",
    limit: Annotated[int, Query(description="Most models to return.", ge=1, le=2000, examples=[20])] = 20,
) -> ModelList:
    """Return hub ids of the catalogue and of the mapped models."""
    library = service_library()
    found = library.search(search, limit) if search.strip() else library.known(limit)
    return ModelList(object="models", models=found, total_items=len(library.known()))


@router.get("/{model_id:path}/info", summary="A model in a few figures")
def model_info(
    request: Request,
    model_id: Annotated[
        str,
        Path(description="Hub id, mapped id or folder.", max_length=512, examples=["meta-llama/Llama-3.1-8B"]),
        Text,
    ],
) -> ModelSummary:
    """Return its shape, its parameters and its memory."""
    return _summary(request, model_id)


@router.post("/analyze", summary="A model in figures: memory, devices, lengths")
def analyze_model(request: Request, body: Annotated[AnalyzeQuery, Storable]) -> ModelAnalysis:
    """Return its shape, its memory, what devices hold of it, and its cache by the length of a sequence."""
    arch = resolve_model([service_of(request).model_target(body.model)])
    devices = [hardware_catalog().match(name).spec for name in body.devices]
    known = memory_corrections()
    fits = [
        fit_on_device(
            arch,
            device,
            precision=body.precision,
            max_model_len=body.max_model_len,
            tp_sizes=body.tp_sizes,
            correction_of=known,
        )
        for device in devices
    ]
    kv_format = "bf16" if arch.torch_dtype == "fp32" else arch.torch_dtype
    sweep = sequence_sweep(arch, resolve_precision(body.precision, arch, None), kv_format)
    return ModelAnalysis.model_validate(
        {
            "attention_rating": attention_rating(arch),
            "memory_by_device": [DeviceFit.model_validate(fit) for fit in fits],
            "sequence_sweep": [SweepRow.model_validate(row) for row in sweep],
            **summarize(arch),
            "model": body.model,
        }
    )


def _summary(request: Request, model: str) -> ModelSummary:
    target = service_of(request).model_target(model)
    return ModelSummary.model_validate({"model": model, **summarize(resolve_model([target]))})
