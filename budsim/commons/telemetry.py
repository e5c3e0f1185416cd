"""Which request, run and trace a piece of work belongs to: for log lines, and for OpenTelemetry where it is installed.

Trace ids go by W3C Trace Context: from the caller's ``traceparent`` through the route and the run's payload into every
activity, and on to the sidecar. Without OpenTelemetry's SDK (extra ``telemetry``) the ids are still carried and logged;
spans are made and exported only with it, when ``OTEL_EXPORTER_OTLP_ENDPOINT`` is set.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from budsim.commons.workflow_engine import Activity, Json

if TYPE_CHECKING:
    from fastapi import FastAPI

    from budsim.commons.config import AppSettings

logger = logging.getLogger(__name__)

REQUEST_ID_HEADER = "x-request-id"
_PROBES = "/health$,/ready$,/metrics$"
# https://www.w3.org/TR/trace-context/#traceparent-header, version 00; ids of nothing but zeros are invalid
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")

_request_id: ContextVar[str | None] = ContextVar("budsim_request_id", default=None)
_workflow_id: ContextVar[str | None] = ContextVar("budsim_workflow_id", default=None)
_carried: ContextVar[str | None] = ContextVar("budsim_traceparent", default=None)


def valid_traceparent(text: str | None) -> str | None:
    """Return a ``traceparent`` that can be used, None for any other text."""
    return text if text and _TRACEPARENT.fullmatch(text) else None


def current_traceparent() -> str | None:
    """Return the ``traceparent`` to hand on: of the current span, else the one that came with the work."""
    try:
        from opentelemetry import trace
    except ImportError:
        return _carried.get()
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return _carried.get()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def log_fields() -> dict[str, str]:
    """Return the ids of the current work, for a log line; what is not known is left out."""
    found = {"request_id": _request_id.get(), "workflow_id": _workflow_id.get()}
    if traceparent := current_traceparent():
        _, found["trace_id"], found["span_id"], _ = traceparent.split("-")
    return {name: value for name, value in found.items() if value}


class RequestContextMiddleware:
    """Gives every request an id, its caller's or a new one, answers it back, and notes the trace that it belongs to."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        asked = headers.get(REQUEST_ID_HEADER, "")
        request_id = asked if _REQUEST_ID.fullmatch(asked) else str(uuid4())
        traceparent = valid_traceparent(headers.get("traceparent"))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        request_token = _request_id.set(request_id)
        carried_token = _carried.set(traceparent or f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00")
        try:
            await self.app(scope, receive, send_with_id)
        finally:
            _carried.reset(carried_token)
            _request_id.reset(request_token)


def run_payload(workflow_id: str, traceparent: str | None) -> Json:
    """Return what an orchestrator is started with."""
    return {"workflow_id": workflow_id, **({"traceparent": traceparent} if traceparent else {})}


def traced(name: str, activity: Activity) -> Activity:
    """Return an activity that works, logs and makes its span under the trace that its payload names."""

    @wraps(activity)
    def run(payload: Json) -> Json:
        with _work_of(name, payload):
            return activity(payload)

    return run


@contextmanager
def _work_of(name: str, payload: Json) -> Iterator[None]:
    traceparent = valid_traceparent(payload.get("traceparent"))
    workflow_token = _workflow_id.set(str(payload.get("workflow_id")))
    carried_token = _carried.set(traceparent)
    try:
        with _span(name, payload, traceparent):
            yield
    finally:
        _carried.reset(carried_token)
        _workflow_id.reset(workflow_token)


@contextmanager
def _span(name: str, payload: Json, traceparent: str | None) -> Iterator[None]:
    try:
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    except ImportError:
        yield
        return
    parent = TraceContextTextMapPropagator().extract({"traceparent": traceparent} if traceparent else {})
    attributes = {"budsim.workflow_id": str(payload.get("workflow_id")), "budsim.activity": name}
    task = payload.get("task")
    if isinstance(task, dict):
        attributes["budsim.task_key"] = str(task.get("task_key"))
    tracer = trace.get_tracer("budsim")
    with tracer.start_as_current_span(f"activity {name}", context=parent, attributes=attributes):
        yield


def record_span(name: str, began_ns: int, ended_ns: int, **attributes: str | int) -> None:
    """Make a span, under the current one, of work that another process did and timed.

    Worker processes are ended without notice, so they export nothing themselves.

    Args:
        name: What was done.
        began_ns: Wall clock at its start, nanoseconds since 1970.
        ended_ns: Wall clock at its end.
        attributes: Attributes of the span, without the prefix ``budsim.``.
    """
    try:
        from opentelemetry import trace
    except ImportError:
        return
    named = {f"budsim.{key}": value for key, value in attributes.items()}
    trace.get_tracer("budsim").start_span(name, start_time=began_ns, attributes=named).end(end_time=ended_ns)


@contextmanager
def exported_traces(config: AppSettings) -> Iterator[bool]:
    """Export spans by OTLP over HTTP until the block ends, if that is configured; yield whether spans are made."""
    if config.otel_exporter_otlp_endpoint is None:
        yield False
        return
    try:
        from budsim.commons.tracing import exporting_provider
    except ImportError as error:
        logger.warning("OTEL_EXPORTER_OTLP_ENDPOINT is set, but %s is missing: install budsim[telemetry]", error.name)
        yield False
        return
    provider = exporting_provider(config.otel_exporter_otlp_endpoint, config.otel_service_name)
    try:
        yield True
    finally:
        provider.shutdown()


def trace_requests(app: FastAPI) -> None:
    """Make a span of every request but the probes, where OpenTelemetry is installed."""
    try:
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    except ImportError:
        return
    FastAPIInstrumentor.instrument_app(app, excluded_urls=_PROBES, exclude_spans=["receive", "send"])
