"""With tokens configured nothing answers without one, and a project's token sees nothing of another project."""

import re
import time
from uuid import UUID, uuid4

import jwt
import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from service_doubles import CLUSTER_A, CLUSTER_B, MODEL, InProcessBackend, clusters, platform_body, readme_body
from starlette.routing import Route

from budsim.commons.health import Metrics
from budsim.main import OpenService, create_app
from budsim.simulator.models import WorkflowRun

pytestmark = pytest.mark.integration

SECRET = "a secret of this test that has enough bytes"
ENVELOPE = {"object", "message", "type", "param", "code"}
ALICE, BOB = "project-alice", "project-bob"


def token(projects=(), clusters=(CLUSTER_A, CLUSTER_B), secret=SECRET, algorithm="HS256", **claims):
    content = {"exp": time.time() + 600, "aud": "budsim", "iss": "tests", "projects": list(projects),
               "clusters": list(clusters), **claims}  # fmt: skip
    return jwt.encode({name: value for name, value in content.items() if value is not None}, secret, algorithm)


def bearer(*arguments, **changes):
    return {"authorization": f"Bearer {token(*arguments, **changes)}"}


@pytest.fixture(scope="module")
def jwt_settings(service_settings):
    return service_settings.model_copy(
        update={
            "app_api_token": SecretStr("app-token"),
            "jwt_secret": SecretStr(SECRET),
            "jwt_audience": "budsim",
            "jwt_issuer": "tests",
        }
    )


@pytest.fixture(scope="module")
def guarded(client, jwt_settings):
    """The shared service behind JWTs and one static token."""
    app = create_app(jwt_settings, InProcessBackend(), OpenService(client.app.state.service, Metrics()))
    with TestClient(app, raise_server_exceptions=False) as running:
        yield running
        assert running.put("/clusters", json=clusters(), headers=SERVICE).status_code == 200


SERVICE = {"dapr-api-token": "app-token"}
FROM_ALICE = bearer([ALICE])
FROM_BOB = bearer([BOB])


@pytest.fixture(scope="module")
def run_of_alice(guarded):
    answer = guarded.post("/simulator/run", json=platform_body(), headers=FROM_ALICE)
    assert answer.status_code == 200, answer.text
    return answer.json()["workflow_id"]


def every_route(app):
    """Method and path of every route, those of included routers among them, with ids filled in."""

    def walk(routes):
        for route in routes:
            inner = getattr(route, "routes", None) or getattr(getattr(route, "original_router", None), "routes", None)
            if isinstance(route, Route):
                for method in route.methods:
                    yield method, route.path
            elif inner:
                yield from walk(inner)

    fillings = {"workflow_id": str(uuid4()), "model_id:path": "tests/x", "name": "vllm"}
    for method, path in walk(app.routes):
        for name, value in fillings.items():
            path = path.replace(f"{{{name}}}", value)
        yield method, path


def test_every_route_but_the_probes_needs_a_token(guarded):
    listed = list(every_route(guarded.app))
    documented = {
        (method.upper(), path)
        for path, methods in guarded.get("/openapi.json", headers=SERVICE).json()["paths"].items()
        for method in methods
    }
    assert len(listed) >= len(documented) >= 20  # nothing is missed, however routers are nested
    for headers in ({}, {"dapr-api-token": "wrong"}, {"authorization": "Bearer wrong"}, {"authorization": "Basic x"}):
        for method, path in listed:
            answer = guarded.request(method, path, headers=headers)
            if path in ("/health", "/ready"):
                assert answer.status_code == 200, (method, path)
            else:
                assert answer.status_code == 401, (method, path)
                assert method == "HEAD" or set(answer.json()) == ENVELOPE


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": 1},
        {"exp": None},
        {"nbf": time.time() + 3600},
        {"aud": "another service"},
        {"aud": None},
        {"iss": "somebody"},
        {"secret": "another secret that is just as long as this"},
        {"algorithm": "HS512"},
        {"algorithm": "none", "secret": None},
        {"projects": {"a": 1}},
        {"clusters": [1]},
    ],
    ids=str,
)
def test_a_token_that_is_wrong_in_one_thing_opens_nothing(guarded, wrong):
    projects = wrong.get("projects", [ALICE])
    rest = {name: value for name, value in wrong.items() if name != "projects"}
    claims = {"projects": projects} if isinstance(projects, dict) else {}
    content = {"exp": time.time() + 600, "aud": "budsim", "iss": "tests", "projects": [ALICE], "clusters": [], **claims}
    content |= {name: value for name, value in rest.items() if name not in ("secret", "algorithm")}
    content = {name: value for name, value in content.items() if value is not None}
    signed = jwt.encode(content, rest.get("secret", SECRET), rest.get("algorithm", "HS256"))
    assert guarded.get("/", headers={"authorization": f"Bearer {signed}"}).status_code == 401


def test_a_wrong_sidecar_token_is_not_made_good_by_another(guarded):
    assert guarded.get("/", headers={**FROM_ALICE, "dapr-api-token": "wrong"}).status_code == 401


def test_the_claimed_project_sees_its_run(guarded, run_of_alice):
    for path in (f"/simulator/status/{run_of_alice}", f"/simulator/status/{run_of_alice}/progress",
                 f"/simulator/results/{run_of_alice}", f"/workflow/{run_of_alice}/status",
                 f"/simulator/recommendations?workflow_id={run_of_alice}"):  # fmt: skip
        assert guarded.get(path, headers=FROM_ALICE).status_code == 200, path
        assert guarded.get(path, headers=SERVICE).status_code == 200, path
    page = guarded.get(f"/simulator/recommendations?workflow_id={run_of_alice}", headers=FROM_ALICE).json()
    assert page["total_items"] == 2


def calls_with(document, name, value):
    """Every documented call that names a thing, in its path, its query or its body, with what it needs besides."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            given = {each["name"]: each for each in operation.get("parameters", [])}
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            body = body_with(document, schema)
            if body is not None and name in body:
                yield method.upper(), path, body | {name: value}
            elif name in given:
                place = f"?{name}={value}" if given[name]["in"] == "query" else ""
                named = path.replace(f"{{{name}}}", value)
                for other in re.findall(r"{(\w+)}", named):
                    named = named.replace(f"{{{other}}}", str(given[other]["schema"]["examples"][0]))
                yield method.upper(), named + place, body


def body_with(document, schema):
    """The example of every field of a body that is one object, None for any other body."""
    properties = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {}).get("properties")
    return properties and {field: said["examples"][0] for field, said in properties.items() if said.get("examples")}


def test_another_projects_run_answers_as_one_that_does_not_exist(guarded, run_of_alice, service):
    nowhere = str(uuid4())
    document = guarded.get("/openapi.json", headers=SERVICE).json()
    foreign, unknown = (list(calls_with(document, "workflow_id", each)) for each in (run_of_alice, nowhere))
    assert len(foreign) >= 10
    for (method, path, body), (_, other_path, other_body) in zip(foreign, unknown, strict=True):
        for headers in (FROM_BOB, bearer([]), bearer([ALICE.upper(), "", "%"])):
            seen = guarded.request(method, path, json=body, headers=headers)
            never = guarded.request(method, other_path, json=other_body, headers=headers)
            assert seen.status_code == never.status_code == 404, (method, path)
            assert seen.text.replace(run_of_alice, nowhere) == never.text
    assert service.run(UUID(run_of_alice)).status == "COMPLETED"


def test_a_cluster_beyond_the_claim_answers_as_one_that_does_not_exist(guarded, service):
    nowhere = str(uuid4())
    document = guarded.get("/openapi.json", headers=SERVICE).json()
    foreign, unknown = (list(calls_with(document, "cluster_id", each)) for each in (CLUSTER_A, nowhere))
    named = [call for call in foreign if "workflow_id" not in (call[2] or call[1])]  # a run's own are filtered by it
    assert named
    for (method, path, body), (_, other_path, other_body) in zip(foreign, unknown, strict=True):
        headers = bearer([BOB], clusters=[CLUSTER_B])
        seen = guarded.request(method, path, json=body, headers=headers)
        never = guarded.request(method, other_path, json=other_body, headers=headers)
        assert seen.status_code == never.status_code, (method, path, seen.text, never.text)
        assert 400 <= seen.status_code < 500 or seen.json().get("items") == [], (method, path, seen.text)
        assert seen.text.replace(CLUSTER_A, nowhere) == never.text, (method, path)


def test_a_run_belongs_to_the_callers_only_project(guarded, run_of_alice, service):
    assert service.run(UUID(run_of_alice)).project_id == ALICE


def test_of_several_projects_one_must_be_named(guarded, service):
    both = bearer([ALICE, BOB])
    refused = guarded.post("/simulator/run", json=platform_body(), headers=both)
    assert (refused.status_code, refused.json()["param"]) == (400, {"field": "project_id"})
    accepted = guarded.post("/simulator/run", json=platform_body(project_id=BOB), headers=both)
    assert accepted.status_code == 200
    workflow_id = accepted.json()["workflow_id"]
    assert service.run(UUID(workflow_id)).project_id == BOB
    assert guarded.get(f"/simulator/status/{workflow_id}", headers=FROM_ALICE).status_code == 404
    assert guarded.get(f"/simulator/status/{workflow_id}", headers=FROM_BOB).status_code == 200


def test_a_run_cannot_be_put_into_another_project_nor_into_none(guarded):
    foreign = guarded.post("/simulator/run", json=platform_body(project_id=BOB), headers=FROM_ALICE)
    assert (foreign.status_code, foreign.json()["param"]) == (404, {"field": "project_id"})
    nowhere = guarded.post("/simulator/run", json=platform_body(), headers=bearer([]))
    assert (nowhere.status_code, nowhere.json()["param"]) == (400, {"field": "project_id"})


def test_a_services_run_without_a_project_is_no_projects(guarded):
    workflow_id = guarded.post("/simulator/run", json=platform_body(), headers=SERVICE).json()["workflow_id"]
    assert guarded.get(f"/simulator/status/{workflow_id}", headers=FROM_ALICE).status_code == 404


def test_only_the_claimed_clusters_take_part(guarded):
    only_b = bearer([ALICE], clusters=[CLUSTER_B])
    answer = guarded.post("/simulator/run", json=platform_body(), headers=only_b).json()
    assert [found["cluster_id"] for found in answer["recommendations"]] == [CLUSTER_B]
    assert CLUSTER_A not in guarded.get(f"/simulator/results/{answer['workflow_id']}", headers=SERVICE).text
    other = guarded.post("/simulator/run", json=platform_body(cluster_id=CLUSTER_A), headers=only_b)
    unknown = guarded.post("/simulator/run", json=platform_body(cluster_id=str(uuid4())), headers=only_b)
    assert other.status_code == unknown.status_code >= 400
    assert guarded.post("/simulator/run", json=platform_body(), headers=bearer([ALICE], clusters=[])).status_code == 503


@pytest.mark.parametrize("body", [platform_body(), readme_body()], ids=["platform", "readme"])
def test_a_run_on_more_clusters_than_claimed_shows_those_only(guarded, body):
    whole = guarded.post("/simulator/run", json=body, headers=FROM_ALICE)
    assert whole.status_code == 200
    workflow_id = whole.json().get("workflow_id") or whole.json()["simulation_id"]
    only_b = bearer([ALICE], clusters=[CLUSTER_B])
    paths = [f"/simulator/results/{workflow_id}", f"/simulator/status/{workflow_id}/progress",
             f"/simulator/recommendations?workflow_id={workflow_id}&limit=10"]  # fmt: skip
    for path in paths:
        seen = guarded.get(path, headers=only_b)
        assert seen.status_code == 200, seen.text
        assert CLUSTER_A not in seen.text
        assert CLUSTER_B in seen.text or "progress" in path
    config = guarded.post("/simulator/configurations", json={"workflow_id": workflow_id}, headers=only_b)
    assert config.json()["id"] == CLUSTER_B if "id" in config.json() else CLUSTER_A not in config.text


def test_clusters_are_listed_and_replaced_within_the_claim(guarded):
    only_b = bearer([ALICE], clusters=[CLUSTER_B, "new"])
    assert [entry["id"] for entry in guarded.get("/clusters", headers=only_b).json()["clusters"]] == [CLUSTER_B]
    refused = guarded.put("/clusters", json=clusters(), headers=only_b)
    absent = guarded.put("/clusters", json=[{**clusters()[0], "id": "absent"}], headers=only_b)
    assert refused.status_code == absent.status_code == 404
    replaced = guarded.put("/clusters", json=[{**clusters()[1], "id": "new"}], headers=only_b)
    assert [entry["id"] for entry in replaced.json()["clusters"]] == ["new"]
    everything = guarded.get("/clusters", headers=SERVICE).json()["clusters"]
    assert {entry["id"] for entry in everything} == {CLUSTER_A, "new"}
    assert guarded.put("/clusters", json=clusters(), headers=SERVICE).status_code == 200


def test_feedback_of_one_project_says_nothing_to_another(guarded):
    def best(headers):
        answer = guarded.post("/simulator/run", json=platform_body(), headers=headers).json()
        workflow_id = answer["workflow_id"]
        found = guarded.post("/simulator/configurations", json={"workflow_id": workflow_id}, headers=headers).json()
        return workflow_id, found

    def recommended(headers):
        return guarded.post("/simulator/run", json=platform_body(), headers=headers).json()["recommendations"]

    before = recommended(FROM_BOB)
    for _ in range(3):  # whatever Alice's runs come to recommend fails
        workflow_id, found = best(FROM_ALICE)
        ids = [group["config_id"] for group in found["node_groups"]]
        feedback = [{"config_id": str(config_id), "failed": True, "reason": "OOM"} for config_id in ids]
        body = {"workflow_id": workflow_id, "feedback": feedback}
        guarded.post("/simulator/configurations", json=body, headers=FROM_ALICE)
    assert recommended(FROM_BOB) == before


def test_model_names_of_one_project_mean_nothing_to_another(guarded):
    name = str(uuid4())
    mapped = guarded.put("/models", json={"model_id": name, "target": MODEL}, headers=FROM_ALICE)
    assert mapped.status_code == 200
    body = platform_body(pretrained_model_uri=name)
    assert guarded.post("/simulator/run", json=body, headers=FROM_ALICE).status_code == 200
    foreign = guarded.post("/simulator/run", json=body, headers=FROM_BOB)
    assert foreign.status_code == 400
    assert MODEL not in foreign.text
    guarded.put("/models", json={"model_id": name, "target": MODEL}, headers=SERVICE)
    assert guarded.post("/simulator/run", json=body, headers=FROM_BOB).status_code == 200


def test_restarting_a_wide_run_narrows_it_to_the_callers_clusters(guarded, service):
    workflow_id = guarded.post("/simulator/run", json=platform_body(), headers=FROM_ALICE).json()["workflow_id"]
    only_b = bearer([ALICE], clusters=[CLUSTER_B])
    assert guarded.post(f"/workflow/{workflow_id}/restart", headers=only_b).status_code == 200
    with service.database.transaction() as session:
        run = session.query(WorkflowRun).filter_by(workflow_id=UUID(workflow_id)).one()
        assert run.input["clusters"] == [CLUSTER_B]
    deadline = time.monotonic() + 30
    while guarded.get(f"/simulator/status/{workflow_id}", headers=only_b).json()["status"] in ("PENDING", "RUNNING"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert CLUSTER_A not in guarded.get(f"/simulator/results/{workflow_id}", headers=SERVICE).text


def test_events_and_metrics_are_for_services_only(guarded):
    assert guarded.post("/notifications", json={}, headers=FROM_ALICE).status_code == 401
    assert guarded.get("/dapr/subscribe", headers=FROM_ALICE).status_code == 401
    assert guarded.get("/metrics", headers=FROM_ALICE).status_code == 401
    assert guarded.post("/notifications", json={}, headers=SERVICE).status_code == 200
    assert guarded.get("/metrics", headers=SERVICE).status_code == 200


def test_an_authoriser_of_ones_own_decides(client, service_settings):
    from budsim.commons.access import Principal

    class Everybody:
        def authorise(self, headers):
            return Principal(frozenset({headers["x-project"]}), frozenset({CLUSTER_A}))

    opened = OpenService(client.app.state.service, Metrics())
    with TestClient(create_app(service_settings, InProcessBackend(), opened, Everybody())) as running:
        answer = running.post("/simulator/run", json=platform_body(), headers={"x-project": "p"}).json()
        assert [found["cluster_id"] for found in answer["recommendations"]] == [CLUSTER_A]
        path = f"/simulator/status/{answer['workflow_id']}"
        assert running.get(path, headers={"x-project": "p"}).status_code == 200
        assert running.get(path, headers={"x-project": "q"}).status_code == 404


def test_too_many_requests_are_told_when_to_come_back(client, jwt_settings):
    config = jwt_settings.model_copy(update={"rate_limit_per_minute": 3})
    app = create_app(config, InProcessBackend(), OpenService(client.app.state.service, Metrics()))
    with TestClient(app, raise_server_exceptions=False) as running:
        assert [running.get("/", headers=FROM_ALICE).status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = running.get("/", headers=FROM_ALICE)
        assert set(refused.json()) == ENVELOPE
        assert refused.json()["type"] == "TooManyRequestsError"
        assert 1 <= int(refused.headers["retry-after"]) <= 20
        assert running.get("/", headers=FROM_BOB).status_code == 200  # each caller by itself
        assert [running.get("/").status_code for _ in range(5)] == [401, 401, 401, 429, 429]  # guessing is counted too
        assert all(running.get("/health").status_code == 200 for _ in range(10))
