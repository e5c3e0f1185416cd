"""A query parameter that a route does not have is never ignored."""

import uuid

import pytest

pytestmark = pytest.mark.integration
RUN = str(uuid.uuid4())


def get_paths(client):
    """Every GET route with its path filled in, but health and docs, which take whatever probes send."""
    filled = {"{workflow_id}": RUN, "{config_id}": "1"}
    open_paths = {"/", "/health", "/ready", "/metrics", "/docs", "/sync/configurations", "/sync/secrets", "/register"}
    for path, item in client.app.openapi()["paths"].items():
        if "get" in item and path not in open_paths:
            for name, value in filled.items():
                path = path.replace(name, value)
            yield path.replace("{unique_id}", "uc_001").split("{")[0]


def test_every_get_refuses_a_parameter_that_it_does_not_have(client):
    paths = list(get_paths(client))
    assert "/simulator/recommendations" in paths
    assert "/api/usecases/uc_001/quick-optimization" in paths
    for path in paths:
        answer = client.get(path, params={"surprise": 1})
        assert answer.status_code == 422, path
        assert "surprise" in answer.json()["param"]["fields"], path


@pytest.mark.parametrize("name", ["workflow_id", "cluster_id", "concurrency", "error_rate_threshold", "page", "limit"])
def test_the_platforms_parameters_are_the_ones_that_are_named(client, name):
    known = {
        "workflow_id": RUN,
        "limit": 20,
        "page": 1,
        "error_rate_threshold": 0.5,
        "concurrency": 1,
        "cluster_id": "c",
    }
    assert client.get("/simulator/recommendations", params=known).status_code == 200
    answer = client.get("/simulator/recommendations", params={**known, "Limit": 20})
    assert answer.json()["param"]["field"] == "Limit"
    assert name in answer.json()["message"]


def test_parameters_of_dependencies_count(client):
    assert (
        client.get("/api/usecases/search", params={"query": "chat", "tags": ["a"], "batch_size": 1}).status_code == 200
    )
    assert client.get("/api/hardware/filter", params={"type": "gpu", "min_memory": 80}).status_code == 200


def test_what_probes_and_bodies_say_is_left_alone(client):
    assert client.get("/health", params={"t": 1}).status_code == 200
