"""Spans and their export: the part that needs the extra ``telemetry``. Imported only when tracing is configured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from sqlalchemy import event
from sqlalchemy.engine import Engine

_OPEN_SPANS = "budsim_open_spans"
_MAX_STATEMENT = 2000  # characters of a statement that its span keeps; values are never part of it


def new_provider(service_name: str) -> TracerProvider:
    """Return a provider that follows its caller's decision to sample, and samples whatever begins here."""
    return TracerProvider(resource=Resource.create({"service.name": service_name}))


def exporting_provider(endpoint: str, service_name: str) -> TracerProvider:
    """Return this process's provider, which exports to ``endpoint`` (its base, or the whole path of traces)."""
    url = endpoint if endpoint.endswith("/v1/traces") else f"{endpoint.rstrip('/')}/v1/traces"
    provider = new_provider(service_name)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    trace.set_tracer_provider(provider)
    return provider


def trace_queries(engine: Engine) -> Callable[[], None]:
    """Make a span of every statement that is part of traced work; return what undoes it.

    OpenTelemetry's own instrumentation refuses SQLAlchemy 2.1 (its bound is < 2.1.0, version 0.66b1).
    """
    tracer = trace.get_tracer("budsim")

    def begin(connection: Any, _cursor: Any, statement: str, _values: Any, _context: Any, _many: bool) -> None:
        if not trace.get_current_span().get_span_context().is_valid:
            return  # a probe, a migration: no work of anybody's
        operation = (statement.split(maxsplit=1) or ["SQL"])[0].upper()[:20]
        attributes = {
            "db.system.name": "postgresql",
            "db.operation.name": operation,
            "db.query.text": statement[:_MAX_STATEMENT],
            "db.namespace": engine.url.database or "",
        }
        span = tracer.start_span(operation, kind=SpanKind.CLIENT, attributes=attributes)
        connection.info.setdefault(_OPEN_SPANS, []).append(span)

    def finish(connection: Any, *_rest: Any) -> None:
        if span := _taken(connection):
            span.end()

    def fail(failure: Any) -> None:
        if failure.connection is not None and (span := _taken(failure.connection)):
            span.set_status(Status(StatusCode.ERROR, type(failure.original_exception).__name__))
            span.end()

    listeners = (("before_cursor_execute", begin), ("after_cursor_execute", finish), ("handle_error", fail))
    for name, listener in listeners:
        event.listen(engine, name, listener)

    def undo() -> None:
        for name, listener in listeners:
            event.remove(engine, name, listener)

    return undo


def _taken(connection: Any) -> Span | None:
    spans: list[Span] = connection.info.get(_OPEN_SPANS, [])
    return spans.pop() if spans else None
