"""Routes about the trained models: which versions are installed, what they were trained on, how far they are off."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from budsim.simulator.model_cache import cache_status
from budsim.simulator.schemas import ErrorResponse, ResponseModel

router = APIRouter(
    prefix="/models/cache",
    tags=["models"],
    responses={401: {"model": ErrorResponse, "description": "No token, or a wrong one."}},
)


class CellStatus(ResponseModel):
    """The models of one engine on one type of device."""

    engine: str = Field(description="Engine.", examples=["vllm"])
    device_type: str = Field(description="cuda, rocm, hpu or cpu.", examples=["cuda"])
    status: str = Field(
        description="residual, or physics where too little was measured for a residual.", examples=["residual"]
    )
    reason: str = Field("", description="Why there is no residual.", examples=[""])
    files: list[str] = Field(description="Files, verified.", examples=[["regressor_ttft_ms_mean.ubj"]])
    training: dict[str, Any] = Field(
        description="Measured points by source, model and device.",
        examples=[{"points": 1437, "predicted_points": 0, "model_families": 7}],
    )
    errors: dict[str, Any] = Field(
        description="Held-out errors in percent by fold scheme and metric.",
        examples=[{"model_family": {"tpot_ms_mean": {"points": 628, "regressor_median_percent": 7.6}}}],
    )


class VersionStatus(ResponseModel):
    """One version of the trained models."""

    version: str = Field(description="As ``model_version`` of a request names it.", examples=["f1-0a1b2c3d"])
    is_current: bool = Field(description="It answers unless a request names another.", examples=[True])
    usable: bool = Field(description="Every file matches its manifest.", examples=[True])
    reason: str = Field("", description="What is wrong with it.", examples=[""])
    cells: list[CellStatus] = Field(description="Its models by engine and type of device.")


class CacheStatus(ResponseModel):
    """The trained models of this installation."""

    model_config = ConfigDict(protected_namespaces=())

    object: str = Field("model_cache_status", description="Kind of object.", examples=["model_cache_status"])
    usable: bool = Field(description="The current version can answer.", examples=[True])
    reason: str = Field("", description="Why it cannot.", examples=[""])
    feature_version: int = Field(description="Features that this release computes.", examples=[1])
    versions: list[VersionStatus] = Field(description="Versions on disk, the current one first.")


@router.get("/status", summary="Trained models: versions, files, training data, errors")
def models_cache_status() -> CacheStatus:
    """Verify every file and say what is installed; a version that cannot be used is listed with the reason."""
    return CacheStatus.model_validate({**cache_status(), "object": "model_cache_status"})
