"""Measured runs and tracked accuracy over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BeforeValidator

from budsim.benchmarks.schemas import (
    AccuracyReport,
    BenchmarkDeleted,
    BenchmarkImport,
    BenchmarkList,
    BenchmarkUpload,
    GroupAccuracyView,
)
from budsim.benchmarks.services import BenchmarkService
from budsim.commons.access import SERVICE
from budsim.commons.catalogs import device_label
from budsim.simulator.request_schemas import MAX_INTEGER, storable
from budsim.simulator.routes import service_of
from budsim.simulator.schemas import FIELD_ERRORS, ErrorResponse

_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {
        "model": ErrorResponse,
        "description": "The file cannot be used; the message names the field.",
    },
    401: {"model": ErrorResponse, "description": "No token, or a wrong one."},
    404: {"model": ErrorResponse, "description": "There is no such file or project, or it is not the caller's."},
    413: {"model": ErrorResponse, "description": "The file is larger than the service takes."},
    **FIELD_ERRORS,
    503: {"model": ErrorResponse, "description": "The database does not answer."},
}
router = APIRouter(prefix="/api", tags=["benchmarks"], responses=_ERRORS)
Storable = BeforeValidator(storable)
BenchmarkId = Annotated[int, Path(description="The file.", ge=1, le=MAX_INTEGER, examples=[7])]
Page = Annotated[int, Query(description="Page, from 1.", ge=1, le=MAX_INTEGER, examples=[1])]
Limit = Annotated[int, Query(description="Items a page.", ge=1, le=1000, examples=[20])]


def benchmarks(request: Request) -> BenchmarkService:
    """Return the measured runs as the caller sees them."""
    return BenchmarkService(service_of(request))


@router.post("/benchmarks", summary="Hand in measured runs; later predictions learn from them")
def add_benchmark(request: Request, body: Annotated[BenchmarkUpload, Storable]) -> BenchmarkImport:
    """Read a benchmark tool's file, compare it with what is predicted, and calibrate.

    Files of vllm bench serve, SGLang, GuideLLM, AIPerf, GenAI-Perf, InferenceX, LLMPerf and CSV tables are read. The
    calibration of each model, device and engine is fitted to all runs of the project and used at once.
    """
    answer = BenchmarkImport(**benchmarks(request).add(body))
    show_gauges(request)
    return answer


@router.get("/benchmarks", summary="Files that were handed in")
def list_benchmarks(request: Request, page: Page = 1, limit: Limit = 20) -> BenchmarkList:
    """Return the files that the caller sees, newest first."""
    return BenchmarkList(**benchmarks(request).page(page, limit))


@router.get("/benchmarks/{benchmark_id}", summary="One file with its runs")
def get_benchmark(request: Request, benchmark_id: BenchmarkId) -> BenchmarkImport:
    """Return measured beside predicted of every run, and the calibrations in use."""
    return BenchmarkImport(**benchmarks(request).show(benchmark_id))


@router.delete("/benchmarks/{benchmark_id}", summary="Forget a file")
def delete_benchmark(request: Request, benchmark_id: BenchmarkId) -> BenchmarkDeleted:
    """Remove a file's runs; calibrations are fitted anew from what is left."""
    answer = BenchmarkDeleted(**benchmarks(request).remove(benchmark_id))
    show_gauges(request)
    return answer


@router.get("/accuracy", summary="Predicted against measured")
def accuracy(request: Request) -> AccuracyReport:
    """Return the errors of predictions made before each run was known, per model, device and engine."""
    groups, in_use = benchmarks(request).accuracy()
    items = [
        GroupAccuracyView(
            **dict(zip(("model", "device", "engine", "load"), group.key, strict=True))
            | {"device": device_label(group.key[1])},
            count=group.count,
            metrics=[asdict(metric) for metric in group.metrics],
            calibration=in_use.get(group.key),
        )
        for group in groups
    ]
    return AccuracyReport(total_runs=sum(group.count for group in groups), items=items)


def show_gauges(request: Request) -> None:
    """Bring the Prometheus gauges up to date; they count every project's runs."""
    groups, _ = BenchmarkService(service_of(request).seen_by(SERVICE)).accuracy()
    request.app.state.metrics.show_accuracy(groups)
