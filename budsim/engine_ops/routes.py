"""Engine routes: which engines are known, and what may be set on them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, Field

from budsim.commons.errors import NotFoundError, UnsupportedError
from budsim.engine_ops import PROFILES, engine_profile
from budsim.engine_ops.base import EngineProfile, base_device_type
from budsim.simulator.schemas import FIELD_ERRORS, ErrorResponse

router = APIRouter(
    prefix="/engines",
    tags=["engines"],
    responses={401: {"model": ErrorResponse, "description": "No token, or a wrong one."}, **FIELD_ERRORS},
)


class EngineInfo(BaseModel):
    """One engine."""

    name: str = Field(description="Name.", examples=["vllm"])
    default_version: str = Field(description="The version that a blank one stands for.", examples=["0.32.0"])
    versions: list[str] = Field(
        description="Versions with a table of their own; empty = one table for all.", examples=[["0.32"]]
    )
    device_types: list[str] = Field(description="Device types it runs on.", examples=[["cuda", "rocm"]])
    deployable: bool = Field(
        description="Launch arguments can be written for it; others are only predicted.", examples=[True]
    )
    purpose: str = Field(description="serving, embedding, proxy or quantization.", examples=["serving"])
    images: dict[str, str] = Field(
        description="Container image by device type, as set (VLLM_CUDA_IMAGE …) or the public one.",
        examples=[{"cuda": "budecosystem/bud-runtime-cuda:latest"}],
    )


class EngineList(BaseModel):
    """The engines."""

    object: str = Field("engines", description="Kind of object.", examples=["engines"])
    engines: list[EngineInfo] = Field(description="The engines.")


class EngineConfiguration(BaseModel):
    """What may be set on an engine."""

    object: str = Field("engine_configuration", description="Kind of object.", examples=["engine_configuration"])
    engine: EngineInfo = Field(description="The engine.")
    device_type: str = Field(description="Device type.", examples=["cuda"])
    parameters: list[dict[str, Any]] = Field(
        description="Parameters that a search may vary: name, flag, kind, bounds.",
        examples=[[{"name": "max-num-seqs", "type": "int", "default": 256}]],
    )


def _info(profile: EngineProfile, images: dict[str, str]) -> EngineInfo:
    """Return what is known of an engine.

    Args:
        profile: The engine.
        images: The settings' images by ``<engine>_<device type>``.
    """
    configured = "quantization" if profile.name == "llmc" else profile.name
    shown = {
        kind: images.get(f"{configured}_{kind}") or profile.images.get(base_device_type(kind))
        for kind in profile.device_types
    }
    return EngineInfo(
        name=profile.name,
        default_version=profile.default_version,
        versions=[".".join(map(str, version)) for version in profile.versions],
        device_types=list(profile.device_types),
        deployable=profile.deployable,
        purpose=profile.purpose,
        images={kind: image for kind, image in shown.items() if image},
    )


@router.get("", summary="The engines that are known")
def list_engines(request: Request) -> EngineList:
    """Return every engine."""
    images = request.app.state.service.config.engine_images()
    return EngineList(object="engines", engines=[_info(profile, images) for profile in PROFILES])


@router.get(
    "/{name}/config",
    summary="What may be set on an engine",
    responses={
        400: {"model": ErrorResponse, "description": "Not on this device type, or not this version."},
        404: {"model": ErrorResponse, "description": "No engine has this name."},
    },
)
def engine_configuration(
    request: Request,
    name: Annotated[str, Path(description="Engine.", max_length=60, examples=["vllm"])],
    device_type: Annotated[
        str, Query(description="cuda, rocm, hpu, cpu or cpu_high.", max_length=20, examples=["cuda"])
    ] = "cuda",
    version: Annotated[str | None, Query(description="Engine version.", max_length=50, examples=["0.32.0"])] = None,
) -> EngineConfiguration:
    """Return the parameters that a search may vary; an engine that is only predicted has none."""
    try:
        profile = engine_profile(name)
    except UnsupportedError as error:
        raise NotFoundError(error.message, error.param) from error
    found = profile.parameters(device_type, version) if profile.parameters else ()
    return EngineConfiguration(
        object="engine_configuration",
        engine=_info(profile, request.app.state.service.config.engine_images()),
        device_type=device_type,
        parameters=[asdict(parameter) for parameter in found],
    )
