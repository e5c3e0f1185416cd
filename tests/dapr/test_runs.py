"""A run by each of the ways in, from the request to the rows in the database and the events at the caller's app."""

import uuid

import httpx
import pytest
from dapr_parts import APP_HEADERS, CALLER_TOPIC, EVENT_ORDER, cluster_id, run_body, wait_for


def by_invocation(stack):
    return stack.first.invoke()


def by_rest(stack):
    return stack.first.rest()


def by_message(stack):
    before = {row[0] for row in stack.postgres.run("SELECT workflow_id::text FROM workflow_runs")}
    stack.first.publish(str(uuid.uuid4()), run_body(source_topic=CALLER_TOPIC))

    def new():
        return {row[0] for row in stack.postgres.run("SELECT workflow_id::text FROM workflow_runs")} - before

    (workflow_id,) = wait_for(new, 30)
    return workflow_id


@pytest.mark.parametrize("start", [by_invocation, by_rest, by_message])
def test_a_run_ends_with_its_rows_and_the_contract_s_events_in_order(stack, start):
    workflow_id = start(stack)
    stack.assert_each_finished_once([workflow_id], 60)

    rows = stack.postgres.run(
        "SELECT cluster_id::text, engine, device_name, top_k_configs->>'ttft' FROM simulation_results"
        " WHERE workflow_id = %s",
        (workflow_id,),
    )
    assert {row[0] for row in rows} == {cluster_id(0)}
    assert all(float(row[3]) > 0 for row in rows)

    told = stack.caller.told(workflow_id)
    assert [event["type"] for event in told] == ["workflow_metadata"] + ["get_cluster_recommendations"] * len(
        EVENT_ORDER
    )
    assert {event["source"] for event in told} == {"budsim"}
    result = told[-1]["data"]["payload"]["content"]["result"]
    assert result["workflow_id"] == workflow_id
    assert [each["cluster_id"] for each in result["recommendations"]] == [cluster_id(0)]
    answered = stack.first.ask("/simulator/recommendations", params={"workflow_id": workflow_id}).json()
    assert [item["cluster_id"] for item in answered["items"]] == [cluster_id(0)]


def test_a_caller_s_own_workflow_id_names_the_run_in_every_notification(stack):
    own = str(uuid.uuid4())
    metadata = {"workflow_id": own, "name": "bud", "subscriber_ids": "user-1", "type": "event"}
    body = run_body(source_topic=CALLER_TOPIC, notification_metadata=metadata)
    answer = httpx.post(f"{stack.first.url}/simulator/run", json=body, headers=APP_HEADERS, timeout=60)
    assert answer.status_code == 200, answer.text
    wait_for(lambda: stack.caller.steps(own) == EVENT_ORDER, 60)
    result = stack.caller.told(own)[-1]["data"]["payload"]["content"]["result"]
    assert result["workflow_id"] == answer.json()["workflow_id"]


def test_a_run_that_cannot_succeed_tells_so_and_ends_once(stack):
    workflow_id = stack.first.rest(pretrained_model_uri="no-such-model-anywhere")
    assert set(stack.wait_until_over([workflow_id], 60).values()) == {"FAILED"}
    wait_for(lambda: len(stack.caller.steps(workflow_id)) >= 2, 30)
    assert stack.caller.steps(workflow_id) == [("validation", "STARTED"), ("validation", "FAILED")]
    assert stack.number_of_rows(workflow_id) == 0
