"""One run is one trace: its request, its activities and its statements share the caller's trace id."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from fastapi.testclient import TestClient
from service_doubles import MODEL, InProcessBackend, clusters, platform_body

from budsim.commons import telemetry
from budsim.commons.health import Metrics
from budsim.main import OpenService, create_app
from budsim.simulator.cluster_source import KnownClusters
from budsim.simulator.questions import platform_question
from budsim.simulator.request_schemas import ClusterRecommendationRequest
from budsim.simulator.search_backend import CoreBackend

pytestmark = pytest.mark.integration

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def exporter():
    """Every span of this process while this module's tests run."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from budsim.commons.tracing import new_provider

    provider, memory = new_provider("budsim-tests"), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    trace.set_tracer_provider(provider)  # once per process, by OpenTelemetry's rule; no other test does it
    yield memory
    provider.shutdown()


@pytest.fixture
def traced_client(client, service_settings, exporter):
    from budsim.commons.tracing import trace_queries

    service = client.app.state.service
    undo = trace_queries(service.database.engine)
    app = create_app(service_settings, InProcessBackend(), OpenService(service, Metrics()))
    telemetry.trace_requests(app)
    with TestClient(app) as running:
        yield running
    undo()


def test_one_runs_spans_share_the_callers_trace_id(traced_client, exporter):
    exporter.clear()
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    answer = traced_client.post("/simulator/run", json=platform_body(), headers=headers)
    assert answer.status_code == 200
    ours = [span for span in exporter.get_finished_spans() if span.context.trace_id == int(TRACE, 16)]
    names = [span.name for span in ours]
    request = next(span for span in ours if span.name == "POST /simulator/run")
    assert request.parent.span_id == int(SPAN, 16)
    activities = [span for span in ours if span.name.startswith("activity ")]
    assert {"begin_run", "plan_run", "search_group", "publish_events", "rank_run", "complete_run"} == {
        span.attributes["budsim.activity"] for span in activities
    }
    assert sum(name == "activity search_group" for name in names) == 2  # one for each cluster
    assert {span.attributes["budsim.workflow_id"] for span in activities} == {answer.json()["workflow_id"]}
    assert {span.parent.span_id for span in activities} == {request.context.span_id}
    parents = {span.context.span_id for span in (request, *activities)}
    statements = [span for span in ours if span.name.startswith(("SELECT", "INSERT", "UPDATE"))]
    assert any(span.parent.span_id in {each.context.span_id for each in activities} for span in statements)
    assert all(span.parent.span_id in parents for span in statements)
    texts = " ".join(span.attributes["db.query.text"] for span in statements)
    assert "workflow_runs" in texts
    assert answer.json()["workflow_id"] not in texts  # statements, never their values


def test_probes_and_work_of_nobody_make_no_spans(traced_client, exporter):
    exporter.clear()
    assert traced_client.get("/health").status_code == 200
    assert traced_client.app.state.service.database.is_alive()
    assert exporter.get_finished_spans() == ()


def test_a_search_in_a_worker_process_has_its_span_in_the_run_s_trace(exporter, service_settings):
    exporter.clear()
    core = CoreBackend(service_settings.model_copy(update={"search_workers": 1}))
    core.start()
    try:
        body = ClusterRecommendationRequest.model_validate(platform_body())
        question = platform_question(body, MODEL, service_settings)
        plan, _ = InProcessBackend().plan(question, KnownClusters("test", clusters()), [MODEL])
        task = plan.tasks[0].to_dict()

        def search(payload):
            return core.search(
                task, "heuristic", 60.0, run_id="w-1", is_over=lambda: False, on_progress=lambda _share: None
            )

        found = telemetry.traced("search_group", search)(telemetry.run_payload("w-1", f"00-{TRACE}-{SPAN}-01"))
        assert found["rows"]
        assert "work" not in found
        (worker,) = core.worker_ids()
    finally:
        core.stop()
    work, activity = exporter.get_finished_spans()
    assert (work.name, activity.name) == ("search", "activity search_group")
    assert work.parent.span_id == activity.context.span_id
    assert work.context.trace_id == int(TRACE, 16)
    assert activity.start_time <= work.start_time < work.end_time <= activity.end_time
    assert work.attributes["budsim.process_id"] == worker
    assert work.attributes["budsim.task_key"] == task["task_key"]


def test_spans_leave_by_otlp_over_http():
    received = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    script = f"""
from budsim.commons.config import AppSettings
from budsim.commons.telemetry import exported_traces, run_payload, traced
config = AppSettings(_env_file=None, otel_exporter_otlp_endpoint="http://127.0.0.1:{server.server_port}")
with exported_traces(config) as made:
    assert made
    traced("plan_run", lambda payload: {{}})(run_payload("w-1", "00-{TRACE}-{SPAN}-01"))
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    server.shutdown()
    server.server_close()
    assert [path for path, _ in received] == ["/v1/traces"]
    assert b"activity plan_run" in received[0][1]
    assert bytes.fromhex(TRACE) in received[0][1]
    assert json.dumps("budsim").strip('"').encode() in received[0][1]
