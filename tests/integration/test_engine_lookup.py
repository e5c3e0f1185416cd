"""Where the platform's engine lookup is configured, library, command line and node routes deploy what it names."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner
from service_doubles import CLUSTER_A

import budsim
from budsim.cli import main
from budsim.commons.config import settings

pytestmark = pytest.mark.integration

MODEL = "Qwen/Qwen3-8B"
ANSWER = {
    "compatible_engines": [
        {
            "engine": "vllm",
            "device_architecture": "CUDA",
            "container_image": "registry.example/vllm:own",
            "version": "0.24.0",
            "tool_calling_parser_type": "hermes",
            "supports_lora": True,
            "supports_pipeline_parallelism": True,
        }
    ]
}


@pytest.fixture
def lookup():
    """A lookup service; ``asked`` is what it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append({name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()})
            content = json.dumps(ANSWER).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_words):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = asked
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def configured(lookup, monkeypatch):
    monkeypatch.setenv("BUD_CONNECT_URL", lookup.url)
    settings.cache_clear()
    yield lookup
    settings.cache_clear()


def test_the_library_deploys_what_the_lookup_names(configured):
    outcome = budsim.simulate(MODEL, clusters="examples/h100.json", model_endpoints="LLM")
    assert {row["engine_image"] for row in outcome.rows} == {"registry.example/vllm:own"}
    assert {row["engine_version"] for row in outcome.rows} == {"0.24.0"}
    assert configured.asked == [
        {"model_architecture": "Qwen3ForCausalLM", "model_uri": MODEL, "model_endpoints": "LLM"},
    ]


def test_the_command_line_does_so_too(configured):
    words = ["deploy", "render", MODEL, "--clusters", "examples/h100.json", "--format", "compose"]
    found = CliRunner().invoke(main, words)
    assert found.exit_code == 0, found.output
    assert "registry.example/vllm:own" in found.output


def test_a_lookup_that_is_away_is_said_and_the_shipped_tables_serve(monkeypatch):
    monkeypatch.setenv("BUD_CONNECT_URL", "http://127.0.0.1:1")
    settings.cache_clear()
    try:
        outcome = budsim.simulate(MODEL, clusters="examples/h100.json")
    finally:
        settings.cache_clear()
    assert outcome.recommendations
    assert "did not answer" in outcome.assumptions["engines"]


def test_the_node_routes_do_so_too(client, service, lookup, monkeypatch):
    monkeypatch.setattr(service.config, "bud_connect_url", lookup.url)
    body = {
        "model_id": "0b4a1c5e-1d0f-4a86-9d1e-0a4f5a1c9b11",
        "cluster_id": CLUSTER_A,
        "hostnames": ["a-1"],
        "model_uri": MODEL,
        "model_endpoints": "LLM",
    }
    answer = client.post("/simulator/benchmark-config", json={**body, "device_type": "cuda", "tp_size": 1})
    assert answer.status_code == 200, answer.text
    assert answer.json()["node_groups"][0]["image"] == "registry.example/vllm:own"
    assert client.post("/simulator/node-configurations", json=body).status_code == 200
    assert [asked["model_endpoints"] for asked in lookup.asked] == ["LLM", "LLM"]
