"""Spans and their export: the part that needs the extra ``telemetry``. Imported only when tracing is configured."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes
from sqlalchemy.engine import Engine


class WorkOnly(Sampler):
    """Leaves out statements that belong to no work, such as those by which the workflow engine looks for some."""

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Drop a root span of kind client, take any other."""
        if kind is SpanKind.CLIENT:
            return SamplingResult(Decision.DROP)
        return ALWAYS_ON.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """Return the sampler's name."""
        return "WorkOnly"


def new_provider(service_name: str) -> TracerProvider:
    """Return a provider that follows the caller's decision to sample, and samples all work of unknown callers."""
    return TracerProvider(sampler=ParentBased(WorkOnly()), resource=Resource.create({"service.name": service_name}))


def exporting_provider(endpoint: str, service_name: str) -> TracerProvider:
    """Return this process's provider, which exports to ``endpoint`` (its base, or the whole path of traces)."""
    url = endpoint if endpoint.endswith("/v1/traces") else f"{endpoint.rstrip('/')}/v1/traces"
    provider = new_provider(service_name)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    trace.set_tracer_provider(provider)
    return provider


def trace_queries(engine: Engine) -> Callable[[], None]:
    """Make a span of every statement of one engine; return what undoes it."""
    instrumentor = SQLAlchemyInstrumentor()
    instrumentor.instrument(engine=engine)

    def undo() -> None:
        instrumentor.uninstrument()

    return undo
