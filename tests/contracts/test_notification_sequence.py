"""Events come in the platform's order and shape, each once, and tell who asked to be told."""

import time

import pytest
from service_doubles import platform_body
from sqlalchemy import select

from budsim.simulator.models import WorkflowStep

pytestmark = pytest.mark.integration

METADATA = {
    "name": "bud-internal",
    "workflow_id": "callers-own-id",
    "subscriber_ids": "user-1",
    "notification_type": "event",
    "category": "internal",
}
GOOD_RUN = [
    ("validation", "STARTED"),
    ("eta", "RUNNING"),
    ("validation", "COMPLETED"),
    ("performance_estimation", "STARTED"),
    ("performance_estimation", "COMPLETED"),
    ("ranking", "STARTED"),
    ("ranking", "COMPLETED"),
    ("results", "COMPLETED"),
]


@pytest.fixture
def scheduled():
    """What a broker would have got when a run was scheduled."""
    return []


@pytest.fixture
def sent(service, monkeypatch, scheduled):
    """What a broker would have got: (audience, notification, event id, event type)."""
    found = []

    def publish(audience, message, *rest):
        if message.get("payload", {}).get("workflow_id") == METADATA["workflow_id"]:
            found.append((audience, message, *rest))
        elif message.get("object") == "workflow_metadata":
            scheduled.append((audience, message, *rest))

    monkeypatch.setattr(
        service.engine._activities["publish_events"].__wrapped__.__self__._publisher, "publish", publish, raising=False
    )
    return found


def run_to_the_end(client, **changes):
    body = platform_body(source_topic=["budAppMessages", "other"], notification_metadata=METADATA, **changes)
    workflow_id = client.post("/simulator/run", json=body).json()["workflow_id"]
    deadline = time.monotonic() + 20
    while client.get(f"/simulator/status/{workflow_id}").json()["status"] in ("PENDING", "RUNNING"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return workflow_id


def contents(sent):
    return [(message["payload"]["event"], message["payload"]["content"]["status"]) for _, message, _, _ in sent]


def test_a_good_run_tells_its_steps_in_order(client, sent):
    run_to_the_end(client)
    assert contents(sent) == GOOD_RUN


def test_the_callers_topics_learn_the_steps_first(client, sent, scheduled):
    workflow_id = run_to_the_end(client)
    audience, message, _, event_type = next(each for each in scheduled if each[1]["workflow_id"] == workflow_id)
    assert event_type == "workflow_metadata"
    assert not audience.notify
    assert list(audience.source_topics) == ["budAppMessages", "other"]
    assert [step["id"] for step in message["steps"]] == ["validation", "performance_estimation", "ranking"]


def test_events_have_the_platforms_shape(client, sent):
    workflow_id = run_to_the_end(client)
    audience, first, _, event_type = sent[0]
    assert audience.notify
    assert list(audience.source_topics) == ["budAppMessages", "other"]
    assert event_type == "get_cluster_recommendations"
    assert set(first) == {
        "notification_type", "name", "subscriber_ids", "actor", "topic_keys", "payload", "source", "source_topic",
        "type",
    }  # fmt: skip
    assert first["name"] == "bud-internal"
    assert set(first["payload"]) == {"category", "type", "event", "workflow_id", "source", "content"}
    assert first["payload"]["workflow_id"] == "callers-own-id"
    assert set(first["payload"]["content"]) == {
        "title", "message", "status", "result", "primary_action", "secondary_action",
    }  # fmt: skip
    last = sent[-1][1]["payload"]["content"]
    assert last["result"]["object"] == "cluster_recommendations"
    assert last["result"]["workflow_id"] == workflow_id
    assert last["result"]["recommendations"]


def test_the_eta_is_whole_minutes_as_text(client, sent):
    run_to_the_end(client)
    message = next(message for _, message, _, _ in sent if message["payload"]["event"] == "eta")
    content = message["payload"]["content"]
    assert content["title"] == "Estimated time to completion"
    assert int(content["message"]) >= 1


def test_every_event_has_an_id_of_its_own(client, sent):
    run_to_the_end(client)
    assert len({event_id for _, _, event_id, _ in sent}) == len(sent)


def test_a_failure_names_its_step_and_ends_the_sequence(client, sent):
    run_to_the_end(client, pretrained_model_uri="nobody/knows-this")
    assert contents(sent) == [("validation", "STARTED"), ("validation", "FAILED")]
    content = sent[-1][1]["payload"]["content"]
    assert content["primary_action"] == "retry"
    assert "nobody/knows-this" in content["message"]


def test_targets_out_of_reach_fail_the_ranking(client, sent):
    run_to_the_end(client, target_ttft=0.001, target_throughput_per_user=1e6, target_e2e_latency=1e-6)
    assert contents(sent)[-1] == ("ranking", "FAILED")


def test_what_a_broker_refuses_is_sent_again_under_the_same_id(client, service, sent, monkeypatch):
    from budsim.commons.errors import UnavailableError

    publisher = service.engine._activities["publish_events"].__wrapped__.__self__._publisher
    take = publisher.publish
    refused = []

    def refuse_first(*message):
        if not refused and message[1].get("payload", {}).get("workflow_id") == METADATA["workflow_id"]:
            refused.append(message)
            raise UnavailableError("busy")
        take(*message)

    monkeypatch.setattr(publisher, "publish", refuse_first, raising=False)
    run_to_the_end(client)
    assert contents(sent) == GOOD_RUN
    assert sent[0][2] == refused[0][2]


def test_events_are_kept_with_the_run(client, service, sent):
    workflow_id = run_to_the_end(client)
    with service.database.transaction() as session:
        query = select(WorkflowStep.notification).where(WorkflowStep.workflow_id == workflow_id)
        stored = [row for row in session.scalars(query.order_by(WorkflowStep.id)) if "payload" in row]
    assert [row["payload"]["event"] for row in stored] == [event for event, _ in GOOD_RUN]
