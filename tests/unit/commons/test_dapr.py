"""The sidecar's API as it is called, and what happens when it does not answer."""

import json

import httpx
import pytest

from budsim.commons import dapr_workflows
from budsim.commons.config import AppSettings
from budsim.commons.dapr import DaprPublisher, Sidecar
from budsim.commons.dapr_secrets import _wanted
from budsim.commons.errors import InvalidRequestError, UnavailableError
from budsim.commons.notifications import Audience
from budsim.commons.telemetry import run_payload, traced
from budsim.commons.workflow_engine import ActivityError

COMPONENTS = [
    {"name": "statestore", "type": "state.redis"},
    {"name": "pubsub-redis", "type": "pubsub.redis"},
    {"name": "configstore", "type": "configuration.redis"},
]


class Wire:
    """A sidecar that remembers what it was asked."""

    def __init__(self, state=None, status=200):
        self.state = state or {}
        self.status = status
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        path = request.url.path
        if self.status != 200:
            return httpx.Response(self.status, text="broken")
        if path == "/v1.0/metadata":
            return httpx.Response(200, json={"components": COMPONENTS})
        if path.startswith("/v1.0/state/statestore/"):
            key = path.rpartition("/")[2]
            return httpx.Response(200, json=self.state[key]) if key in self.state else httpx.Response(204)
        return httpx.Response(204)

    def published(self):
        prefix = "/v1.0/publish/pubsub-redis/"
        return [
            (request.url.path.removeprefix(prefix), dict(request.url.params), json.loads(request.content))
            for request in self.requests
            if request.url.path.startswith(prefix)
        ]


def sidecar(wire, **values):
    config = AppSettings(_env_file=None, dapr_http_port=3510, **values)
    found = Sidecar(config)
    headers = found._client.headers
    found._client = httpx.Client(transport=httpx.MockTransport(wire), base_url="http://sidecar", headers=headers)
    return found


def test_state_is_read_from_the_store_that_the_sidecar_names():
    clusters = [{"id": "c"}]
    assert sidecar(Wire({"cluster_info": json.dumps(clusters)})).state("cluster_info") == json.dumps(clusters)
    assert sidecar(Wire({"cluster_info": clusters})).state("cluster_info") == clusters
    assert sidecar(Wire()).state("cluster_info") is None


def test_the_services_record_names_its_components_and_topic():
    wire = Wire()
    sidecar(wire).register()
    (saved,) = json.loads(wire.requests[-1].content)
    record = json.loads(saved["value"])
    assert saved["key"] == "__metadata__budsim"
    assert record["topic"] == "budSimMessages"
    assert record["statestore"] == "statestore"
    assert record["pubsub"] == "pubsub-redis"


def test_the_token_goes_to_the_sidecar():
    wire = Wire()
    sidecar(wire, dapr_api_token="letmein").state("x")
    assert {request.headers.get("dapr-api-token") for request in wire.requests} == {"letmein"}


@pytest.mark.parametrize("status", [400, 401, 500])
def test_a_refusal_is_an_unavailable_sidecar(status):
    with pytest.raises(UnavailableError, match=str(status)):
        sidecar(Wire(status=status)).state("x")


def test_no_answer_is_an_unavailable_sidecar():
    def refuse(_request):
        raise httpx.ConnectError("refused")

    with pytest.raises(UnavailableError, match="does not answer"):
        sidecar(refuse).state("x")
    assert not sidecar(refuse).wait_until_ready(0)


@pytest.mark.parametrize(
    ("audience", "topics"),
    [
        (Audience(None, None, []), []),
        (Audience(None, None, ["a", "b"]), ["a", "b"]),
        (Audience(None, "budapp", []), ["budAppMessages"]),
        (Audience(None, "unknown", []), []),
        (Audience({"subscriber_ids": "u"}, None, ["a"]), ["notifyTopic", "a"]),
        (Audience({"subscriber_ids": None}, None, ["a"]), ["a"]),
    ],
)
def test_events_go_to_whoever_asked(audience, topics):
    wire = Wire(
        {
            "__metadata__budapp": json.dumps({"topic": "budAppMessages"}),
            "__metadata__notify": json.dumps({"topic": "notifyTopic"}),
        }
    )
    found = sidecar(wire)
    DaprPublisher(found, found._config).publish(audience, {"payload": {"type": "x"}}, "event-1", "recommendations")
    assert [topic for topic, _, _ in wire.published()] == topics
    for topic, parameters, body in wire.published():
        assert parameters["metadata.cloudevent.id"] == "event-1"
        assert parameters["metadata.cloudevent.type"] == (
            "notification" if topic == "notifyTopic" else "recommendations"
        )
        assert body == {"payload": {"type": "x"}}


class FakeDapr:
    """Dapr's context as far as an orchestrator uses it."""

    instance_id = "w"

    def call_activity(self, name, input, retry_policy):  # noqa: A002 - Dapr's own name
        return (name, input)


def orchestrator(ctx, payload):
    first = yield ctx.call_activity("a", {"n": 1})
    try:
        yield ctx.call_activity("b", {"n": 2})
    except ActivityError as error:
        return {"first": first, "caught": error.failure["message"]}
    return {"first": first}


def test_an_orchestrator_sees_answers_and_failures_not_envelopes():
    run = dapr_workflows.as_dapr_workflow(orchestrator, None)(FakeDapr(), {})
    assert next(run) == ("a", {"n": 1})
    assert run.send({"answer": {"x": 1}, "failure": None}) == ("b", {"n": 2})
    with pytest.raises(StopIteration) as end:
        run.send({"answer": None, "failure": {"message": "no"}})
    assert end.value.value == {"first": {"x": 1}, "caught": "no"}


def test_faulty_input_is_a_value_and_an_outage_is_tried_again():
    def faulty(_payload):
        raise InvalidRequestError("bad", {"field": "x"})

    def away(_payload):
        raise UnavailableError("away")

    assert dapr_workflows.as_dapr_activity("f", faulty)(None, {})["failure"]["param"] == {"field": "x"}
    with pytest.raises(UnavailableError):
        dapr_workflows.as_dapr_activity("a", away)(None, {})
    assert dapr_workflows.as_dapr_activity("g", lambda payload: payload)(None, {"n": 1}) == {
        "answer": {"n": 1}, "failure": None,
    }  # fmt: skip


def test_the_sidecar_is_told_which_trace_a_call_belongs_to():
    wire, traceparent = Wire(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    publisher = sidecar(wire)

    def publish(payload):
        publisher.publish_event("topic", {}, "id", "kind")
        return {}

    traced("publish_events", publish)(run_payload("w", traceparent))
    assert wire.requests[-1].headers["traceparent"].split("-")[1] == traceparent.split("-")[1]
    publisher.publish_event("topic", {}, "id", "kind")
    assert "traceparent" not in wire.requests[-1].headers


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"dapr_secrets": "PATH", "dapr_secret_store": "s", "dapr_http_port": 1}, "DAPR_SECRETS"),
        ({"dapr_secrets": "JWT_SECRET", "dapr_http_port": 1}, "DAPR_SECRET_STORE"),
        ({"dapr_secrets": "JWT_SECRET", "dapr_secret_store": "s"}, "DAPR_HTTP_PORT"),
    ],
)
def test_secrets_need_a_store_a_sidecar_and_names_that_are_settings(values, field):
    with pytest.raises(InvalidRequestError) as caught:
        _wanted(AppSettings(_env_file=None, **values))
    assert caught.value.param == {"field": field}


def test_what_is_configured_already_is_not_read_from_a_store():
    config = AppSettings(
        _env_file=None,
        dapr_http_port=1,
        dapr_secret_store="s",
        dapr_secrets="jwt_secret, PSQL_PASSWORD",
        jwt_secret="x",
    )
    assert _wanted(config) == ["PSQL_PASSWORD"]
