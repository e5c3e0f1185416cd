"""Liveness, readiness and metrics."""

from __future__ import annotations

import time
from collections.abc import Sequence

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from budsim.benchmarks.accuracy import GroupAccuracy
from budsim.commons.errors import UnavailableError

router = APIRouter(tags=["service"])

_SHOWN_GROUPS = 100  # each has up to eight series
_RUN_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class InfoResponse(BaseModel):
    """A plain acknowledgement."""

    object: str = Field("info", description="Always ``info``.", examples=["info"])
    message: str | None = Field(description="What there is to say.", examples=["ack"])
    param: dict[str, str] | None = Field(None, description="Machine-readable detail.", examples=[{"database": "ok"}])


class Metrics:
    """Counters of one application; a registry of their own, so that several applications may live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "budsim_http_requests_total",
            "Requests by method, route and status.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self.request_seconds = Histogram(
            "budsim_http_request_seconds", "Time to answer.", ["method", "route"], registry=self.registry
        )
        self.runs = Counter("budsim_runs_total", "Runs that ended, by status.", ["status"], registry=self.registry)
        self.runs_active = Gauge("budsim_runs_active", "Runs that are not over.", registry=self.registry)
        self.run_seconds = Histogram(
            "budsim_run_seconds", "Time from start to end of a run.", buckets=_RUN_SECONDS, registry=self.registry
        )
        self.prediction_error = Gauge(
            "budsim_prediction_error_ratio",
            "Median absolute relative error of predictions whose run was measured afterwards.",
            ["model", "device", "engine", "metric"],
            registry=self.registry,
        )
        self.prediction_coverage = Gauge(
            "budsim_prediction_interval_coverage_ratio",
            "Share of measured runs inside the predicted 80 % interval.",
            ["model", "device", "engine", "metric"],
            registry=self.registry,
        )

    def show_accuracy(self, groups: Sequence[GroupAccuracy]) -> None:
        """Set the gauges of predicted against measured; those of the groups with the most runs."""
        self.prediction_error.clear()
        self.prediction_coverage.clear()
        for group in groups[:_SHOWN_GROUPS]:
            model, device, engine, load = group.key
            for metric in group.metrics:
                labels = (model, device, engine if load == "served" else f"{engine} {load}", metric.metric)
                self.prediction_error.labels(*labels).set(metric.median_ape)
                if metric.coverage is not None:
                    self.prediction_coverage.labels(*labels).set(metric.coverage)


class MetricsMiddleware:
    """Counts every request under its route's template, so that ids do not multiply the series."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note what became of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def noting_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting_send)
        finally:
            method, route = scope["method"], getattr(scope.get("route"), "path", "unmatched")
            self.metrics.requests.labels(method, route, str(status)).inc()
            self.metrics.request_seconds.labels(method, route).observe(time.perf_counter() - started)


@router.get("/", summary="What this is")
async def service_info(request: Request) -> InfoResponse:
    """Return the service's name and version."""
    return InfoResponse(object="info", message=f"{request.app.title} {request.app.version}", param={"docs": "/docs"})


@router.get("/health", summary="Liveness: the process answers")
async def health() -> InfoResponse:
    """Return at once, whatever the database does."""
    return InfoResponse(object="info", message="ack", param=None)


@router.get("/ready", summary="Readiness: the database answers too", responses={503: {"description": "It does not."}})
async def ready(request: Request) -> InfoResponse:
    """Ask the database, and answer 503 while it is away."""
    service = request.app.state.service
    if not await run_in_threadpool(service.database.is_alive):
        raise UnavailableError("The database does not answer.", {"database": "unavailable"})
    return InfoResponse(object="info", message="ready", param={"database": "ok", "workflows": service.engine.name})


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Return the counters in Prometheus' text format."""
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)
