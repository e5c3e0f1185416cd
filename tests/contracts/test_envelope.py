"""Every failure, whoever finds it, has the same envelope; the service routes say what they promise."""

import pytest
from fastapi.testclient import TestClient
from service_doubles import InProcessBackend, clusters, platform_body
from sqlalchemy.exc import DataError, OperationalError

from budsim.commons.health import Metrics
from budsim.main import OpenService, create_app

pytestmark = pytest.mark.integration

ENVELOPE = {"object", "message", "type", "param", "code"}


def test_an_unknown_path_has_the_envelope(client):
    answer = client.get("/nothing/here")
    assert answer.status_code == 404
    assert set(answer.json()) == ENVELOPE
    assert answer.json() == {
        "object": "error",
        "message": "Not Found",
        "type": "NotFoundError",
        "param": None,
        "code": 404,
    }


def test_a_wrong_method_has_the_envelope(client):
    answer = client.get("/simulator/run")
    assert answer.status_code == 405
    assert answer.json()["type"] == "MethodNotAllowedError"


def test_a_422_can_be_read_both_ways(client):
    body = client.post("/simulator/run", json={}).json()
    assert set(body) > ENVELOPE
    assert body["detail"][0]["loc"][0] == "body"
    assert "pretrained_model_uri" in body["param"]["fields"]


def test_a_mistake_of_ours_is_a_500_that_says_nothing_of_it(client, service, monkeypatch):
    def broken(*_arguments):
        raise RuntimeError("secret detail")

    monkeypatch.setattr(service, "start_run", broken)
    answer = client.post("/simulator/run", json=platform_body())
    assert answer.status_code == 500
    assert answer.json()["type"] == "InternalServerError"
    assert "secret" not in answer.text


def test_a_database_that_is_away_is_a_503(client, service, monkeypatch):
    def away(*_arguments):
        raise OperationalError("SELECT 1", {}, Exception("connection refused to secret-host"))

    monkeypatch.setattr(service, "status", away)
    answer = client.get("/simulator/status/00000000-0000-4000-8000-000000000000")
    assert answer.status_code == 503
    assert "secret-host" not in answer.text


def test_liveness_does_not_ask_the_database_and_readiness_does(client, service, monkeypatch):
    assert client.get("/health").json() == {"object": "info", "message": "ack", "param": None}
    assert client.get("/ready").status_code == 200
    monkeypatch.setattr(service.database, "is_alive", lambda: False)
    assert client.get("/health").status_code == 200
    assert client.get("/ready").status_code == 503


def test_metrics_count_by_route_not_by_id(client):
    client.get("/simulator/status/00000000-0000-4000-8000-000000000000")
    text = client.get("/metrics").text
    assert 'route="/simulator/status/{workflow_id}"' in text
    assert "00000000-0000" not in text
    for name in ("budsim_http_requests_total", "budsim_runs_total", "budsim_runs_active", "budsim_run_seconds_bucket"):
        assert name in text


def test_the_root_says_what_this_is(client):
    assert client.get("/").json()["object"] == "info"


@pytest.fixture
def guarded(service, service_settings):
    """The same service behind a token."""
    config = service_settings.model_copy(
        update={"app_api_token": Secret("letmein"), "dapr_api_token": Secret("sidecar")}
    )
    app = create_app(config, InProcessBackend(), OpenService(service, Metrics()))
    with TestClient(app, raise_server_exceptions=False) as running:
        yield running


def Secret(text):
    from pydantic import SecretStr

    return SecretStr(text)


@pytest.mark.parametrize(
    "path", ["/", "/metrics", "/docs", "/openapi.json", "/clusters", "/simulator/status/x", "/nothing"]
)
def test_with_a_token_every_path_needs_it(guarded, path):
    answer = guarded.get(path)
    assert answer.status_code == 401
    assert set(answer.json()) == ENVELOPE
    assert answer.json()["type"] == "UnauthorizedError"


@pytest.mark.parametrize("path", ["/health", "/ready"])
def test_probes_need_no_token(guarded, path):
    assert guarded.get(path).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"dapr-api-token": "letmein"},
        {"dapr-api-token": "sidecar"},
        {"Authorization": "Bearer letmein"},
        {"authorization": "bearer sidecar"},
    ],
)
def test_either_token_in_either_header_opens(guarded, headers):
    assert guarded.get("/clusters", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"dapr-api-token": "wrong"},
        {"Authorization": "Basic letmein"},
        {"Authorization": "Bearer"},
        {"dapr-api-token": ""},
    ],
)
def test_anything_else_does_not(guarded, headers):
    assert guarded.get("/clusters", headers=headers).status_code == 401


def test_clusters_are_replaced_as_a_whole_and_checked(client):
    kept = client.get("/clusters").json()
    assert kept["object"] == "clusters"
    assert kept["source"] == "database"
    for bad in ([{"id": "c", "nodes": "none"}], [{"nodes": []}], 5, None, "text", [{"id": "a\x00", "nodes": []}]):
        answer = client.put("/clusters", json=bad)
        assert answer.status_code in (400, 422), (bad, answer.text)
        assert answer.json()["object"] == "error"
    assert client.get("/clusters").json()["clusters"] == kept["clusters"]
    try:
        assert len(client.put("/clusters", json=clusters()[:1]).json()["clusters"]) == 1
    finally:
        assert client.put("/clusters", json=clusters()).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("available_count", 1e12), ("available_count", 1025), ("mem_per_GPU_in_GB", 1e9), ("cores", 10**15),
        ("socket_count", 1e6), ("memory_allocated_gb", 1e300), ("peak_fp16_TFLOPS", 1e12),
        ("hbm_bandwidth_in_GB_per_sec", 1e12), ("core_utilization_percent", 1e9),
    ],
)  # fmt: skip
def test_a_figure_that_no_machine_has_is_refused_by_its_path(client, field, value):
    document = clusters()
    document[1]["nodes"][0]["devices"][0][field] = value
    answer = client.put("/clusters", json=document)
    assert answer.status_code == 400
    path = f"clusters[1].nodes[0].devices[0].{field}"
    assert answer.json()["param"]["field"] == path
    assert path in answer.json()["message"]
    assert client.get("/clusters").json()["problems"] == []


def test_devices_that_no_run_can_use_are_told_when_clusters_are_sent(client):
    document = clusters()
    document[0]["nodes"][0]["devices"][0].update(name="Frobnicator 9000", raw_name="Frobnicator 9000")
    document[1]["nodes"][0]["devices"][0]["type"] = "quantum"
    document[1]["nodes"][1]["devices"][0]["available_count"] = 0
    document.append({"id": "empty", "name": "empty", "nodes": []})
    try:
        answer = client.put("/clusters", json=document)
    finally:
        client.put("/clusters", json=clusters())
    assert answer.status_code == 200
    problems = answer.json()["problems"]
    assert len(problems) == 3
    for words in ("Frobnicator 9000", "quantum", "Cluster empty: it has no nodes"):
        assert sum(words in problem for problem in problems) == 1


@pytest.mark.parametrize("path", ["/sync/configurations", "/sync/secrets", "/register"])
def test_without_a_sidecar_there_is_no_store(client, path):
    answer = client.get(path)
    assert answer.status_code == 503
    assert set(answer.json()) == ENVELOPE
    assert "store is missing" in answer.json()["message"]


def test_a_figure_that_is_none_is_refused_by_its_path(client):
    import json

    document = clusters()
    document[1]["nodes"][0]["devices"][0]["available_count"] = float("nan")
    answer = client.put("/clusters", content=json.dumps(document), headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["param"]["field"] == "clusters[1].nodes[0].devices[0].available_count"


def test_a_value_beyond_the_databases_range_is_a_bad_request(client, service, monkeypatch):
    def refused(*_arguments):
        raise DataError("INSERT", {}, Exception("integer out of range"))

    monkeypatch.setattr(service, "status", refused)
    answer = client.get("/simulator/status/00000000-0000-4000-8000-000000000000")
    assert answer.status_code == 400
    assert answer.json()["object"] == "error"


def test_the_documentation_explains_every_field(client):
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    for name in (
        "ClusterRecommendationRequest", "HardwareRunRequest", "DeploymentConfigurationRequest", "SimulationMetrics",
        "ClusterRecommendationResponse", "HardwareRunResponse", "NodeGroupConfiguration", "WorkflowMetadataResponse",
        "ErrorResponse",
    ):  # fmt: skip
        for field, schema in schemas[name]["properties"].items():
            assert schema.get("description") or "$ref" in schema, f"{name}.{field}"
    operation = client.get("/openapi.json").json()["paths"]["/simulator/run"]["post"]
    assert {"200", "202", "400", "401", "408", "413", "422", "503"} <= set(operation["responses"])
    text = str(operation["requestBody"])
    assert "ClusterRecommendationRequest" in text
    assert "HardwareRunRequest" in text


def test_models_can_be_looked_at(client):
    answer = client.get("/models/meta-llama/Llama-3.1-8B-Instruct/info")
    assert answer.status_code == 200
    assert answer.json()["parameters"] == pytest.approx(8.03e9, rel=0.01)
    assert client.get("/models/nobody%2Fknows/info").status_code == 400
    assert client.get("/models/a%00b/info").status_code == 422
    assert client.post("/models/analyze", json={"model": "a\x00"}).status_code == 422
    assert client.put("/models", json={"model_id": "a\x00", "target": "b"}).status_code == 422
