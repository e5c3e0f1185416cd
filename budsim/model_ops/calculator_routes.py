"""The calculator under ``/api``: validate, calculate, compare; and the start-up log import."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BeforeValidator

from budsim.commons.catalogs import hardware_catalog
from budsim.commons.errors import BudSimError
from budsim.model_ops import calculator
from budsim.model_ops.calculator_schemas import (
    CalculateQuery,
    CompareQuery,
    ImportLogQuery,
    ModelSource,
    ValidationAnswer,
)
from budsim.model_ops.class_defaults import read_with_class_defaults
from budsim.model_ops.services import calibration_store
from budsim.model_ops.startup_import import import_startup_log
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.simulator.request_schemas import storable
from budsim.simulator.routes import service_of
from budsim.simulator.schemas import FIELD_ERRORS, ErrorResponse
from budsim.simulator.search_backend import resolve_model

_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorResponse, "description": "Not known or not supported; the message says what and why."},
    401: {"model": ErrorResponse, "description": "No token, or a wrong one."},
    413: {"model": ErrorResponse, "description": "The body is larger than the service takes."},
    **FIELD_ERRORS,
    503: {"model": ErrorResponse, "description": "The hub would have to be asked and does not answer."},
}
_REFERENCE_DEVICE = "H100"  # the calculator's rules are those of an engine on an accelerator
_SOURCE_FIELDS = {"model_id", "config"}

router = APIRouter(prefix="/api", tags=["calculator"], responses=_ERRORS)
Storable = BeforeValidator(storable)


def architecture(request: Request, source: ModelSource) -> ModelArchitecture:
    """Return the architecture that a body names or brings.

    Raises:
        BudSimError: It is not known or not supported.
    """
    if source.config is not None:
        return read_with_class_defaults(source.config, "config")
    return named(request, source.model_id or "")


def named(request: Request, name: str) -> ModelArchitecture:
    """Return the architecture of a name, mapped names included."""
    return resolve_model([service_of(request).model_target(name)])


@router.post("/models/validate", summary="Whether a model can be served")
def validate(request: Request, body: Annotated[ModelSource, Storable]) -> ValidationAnswer:
    """Return what a model is, or why it cannot be served."""
    name = body.model_id or "config"
    try:
        arch = architecture(request, body)
    except BudSimError as problem:
        return ValidationAnswer(valid=False, model_id=name, error_code=type(problem).__name__, error=problem.message)
    return ValidationAnswer(
        valid=True,
        model_id=name,
        model_type=arch.model_type,
        architectures=list(arch.architectures),
        attention_type=arch.attention_type,
        parameter_count=arch.params_total,
        missing_facts=list(arch.missing_facts),
    )


@router.post("/models/calculate", summary="Memory of a model for a batch and a length")
def calculate(request: Request, body: Annotated[CalculateQuery, Storable]) -> dict[str, Any]:
    """Return memory per device in GB (1e9 bytes), by what takes it, and the cards that hold it."""
    case = calculator.CalculationCase(**body.model_dump(exclude=_SOURCE_FIELDS))
    device = hardware_catalog().match(_REFERENCE_DEVICE).spec
    return calculator.calculate(architecture(request, body), case, device)


@router.post("/models/compare", summary="Memory of several models side by side")
def compare(request: Request, body: Annotated[CompareQuery, Storable]) -> dict[str, Any]:
    """Return the calculation of each model; one that cannot be read carries its reason and stops no other."""
    case = calculator.CalculationCase(**body.model_dump(exclude={"models"}))
    archs: dict[str, ModelArchitecture | BudSimError] = {}
    for name in body.models:
        try:
            archs[name] = named(request, name)
        except BudSimError as problem:
            archs[name] = problem
    return calculator.compare(archs, case, hardware_catalog().match(_REFERENCE_DEVICE).spec)


@router.post("/memory/import-log", summary="Read a start-up log of an engine")
def import_log(request: Request, body: Annotated[ImportLogQuery, Storable]) -> dict[str, Any]:
    """Return what a start-up log says beside what was predicted, and keep the calibration (a service token's only)."""
    keeps = body.calibrate and service_of(request).principal.is_service
    store = calibration_store() if keeps else None
    return import_startup_log(
        body.log,
        resolve_model=lambda name: named(request, name),
        match_device=lambda name: hardware_catalog().match(name).spec,
        model=body.model,
        hardware=body.hardware,
        store=store,
    )
