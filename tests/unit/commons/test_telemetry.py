"""Every log line says to which request, run and trace it belongs, with or without OpenTelemetry."""

import json
import logging
import subprocess
import sys

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from budsim.commons.logs import JsonFormatter
from budsim.commons.telemetry import (
    RequestContextMiddleware,
    current_traceparent,
    log_fields,
    run_payload,
    traced,
    valid_traceparent,
)

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{SPAN}-00"


async def show(_request):
    return JSONResponse(log_fields())


@pytest.fixture
def client():
    app = Starlette(routes=[Route("/", show)])
    app.add_middleware(RequestContextMiddleware)
    return TestClient(app)


@pytest.mark.parametrize(
    "text", [None, "", "nonsense", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", TRACEPARENT + "\n"]
)
def test_only_a_whole_traceparent_is_carried_on(text):
    assert valid_traceparent(text) is None
    assert valid_traceparent(TRACEPARENT) == TRACEPARENT


def test_a_request_keeps_its_callers_ids(client):
    answer = client.get("/", headers={"traceparent": TRACEPARENT, "x-request-id": "abc-1"})
    assert answer.json() == {"request_id": "abc-1", "trace_id": TRACE, "span_id": SPAN}
    assert answer.headers["x-request-id"] == "abc-1"


def test_a_request_without_ids_gets_new_ones(client):
    first, second = client.get("/"), client.get("/", headers={"x-request-id": "two words", "traceparent": "x"})
    assert first.json()["request_id"] == first.headers["x-request-id"]
    assert second.json()["request_id"] not in ("two words", first.json()["request_id"])
    assert first.json()["trace_id"] != second.json()["trace_id"]


def test_an_activity_works_under_the_trace_of_its_run():
    seen = traced("search_group", lambda payload: {**log_fields(), "carried": current_traceparent()})(
        run_payload("w-1", TRACEPARENT)
    )
    assert (seen["workflow_id"], seen["trace_id"]) == ("w-1", TRACE)
    assert seen["carried"].split("-")[1] == TRACE
    assert log_fields() == {}
    alone = traced("plan_run", lambda payload: log_fields())(run_payload("w-2", None))
    assert alone["workflow_id"] == "w-2"
    assert alone.get("trace_id") != TRACE


def test_a_json_line_carries_the_ids():
    record = logging.LogRecord("budsim.x", logging.INFO, __file__, 1, "hello %s", ("you",), None)
    inside = traced("plan_run", lambda payload: json.loads(JsonFormatter().format(record)))
    line = inside(run_payload("w-1", TRACEPARENT))
    assert (line["message"], line["workflow_id"], line["trace_id"]) == ("hello you", "w-1", TRACE)
    assert "trace_id" not in json.loads(JsonFormatter().format(record))


def test_without_opentelemetry_the_ids_are_carried_all_the_same():
    script = f"""
import sys
for name in ("opentelemetry", "opentelemetry.trace", "opentelemetry.sdk"):
    sys.modules[name] = None
from budsim.commons.config import AppSettings
from budsim.commons.telemetry import current_traceparent, exported_traces, run_payload, traced
seen = traced("a", lambda payload: {{"carried": current_traceparent()}})(run_payload("w", "{TRACEPARENT}"))
assert seen == {{"carried": "{TRACEPARENT}"}}, seen
with exported_traces(AppSettings(_env_file=None, otel_exporter_otlp_endpoint="http://127.0.0.1:1")) as made:
    assert made is False
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
