"""Whatever dies while runs are in flight: every run finishes exactly once, and nothing is lost."""

import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from dapr_parts import CALLER_TOPIC, run_body, wait_for

RUNS = 8
CLUSTERS = 6  # a search each


@pytest.fixture(autouse=True, scope="module")
def fan_out(stack):
    stack.set_clusters(CLUSTERS)
    yield
    stack.set_clusters(1)


@pytest.fixture
def second(stack):
    """A second replica's sidecar; the service is started by the test."""
    replica = stack.add_replica()
    yield replica
    replica.remove()
    stack.replicas.remove(replica)


def start_runs(replica, count=RUNS, first_length=32):
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda index: replica.rest(output_tokens=first_length + index), range(count)))


def known_runs(stack):
    return {row[0] for row in stack.postgres.run("SELECT workflow_id::text FROM workflow_runs")}


def wait_for_fan_out(stack, workflow_ids):
    """Return when some searches of these runs are stored, and others are not."""

    def searching():
        searched, ended = stack.postgres.run(
            "SELECT (SELECT count(DISTINCT (workflow_id, task_key)) FROM simulation_results"
            " WHERE workflow_id::text = ANY(%s)),"
            " (SELECT count(*) FROM workflow_runs WHERE status = 'COMPLETED' AND workflow_id::text = ANY(%s))",
            (workflow_ids, workflow_ids),
        )[0]
        assert ended < len(workflow_ids), "nothing was left to break"
        return searched >= 1

    wait_for(searching, 60, 0.02)


@contextmanager
def broken(what):
    """Say what is broken, and how long it took to be over."""
    began = time.monotonic()
    yield
    print(f"\n{what}: over after {time.monotonic() - began:.1f} s")


def test_killed_service_in_mid_fan_out(stack):
    workflow_ids = start_runs(stack.first)
    wait_for_fan_out(stack, workflow_ids)
    stack.first.kill()
    with broken("kill -9 of the service"):
        stack.first.start()
        stack.assert_each_finished_once(workflow_ids)


def test_killed_sidecar_in_mid_fan_out(stack):
    workflow_ids = start_runs(stack.first, first_length=50)
    wait_for_fan_out(stack, workflow_ids)
    stack.first.kill_sidecar()
    with broken("kill -9 of daprd"):
        stack.assert_each_finished_once(workflow_ids)


def test_redis_that_dies_and_comes_back(stack):
    workflow_ids = start_runs(stack.first, first_length=70)
    wait_for_fan_out(stack, workflow_ids)
    with broken("kill -9 of Redis, away for 2 s"):
        stack.restart_redis()
        stack.assert_each_finished_once(workflow_ids)
    wait_for(stack.first.sidecar_is_ready, 60)


@pytest.mark.timeout(400)
def test_database_that_is_away_for_half_a_minute(stack):
    workflow_ids = start_runs(stack.first, first_length=90)
    wait_for_fan_out(stack, workflow_ids)
    before = known_runs(stack)
    event_id = str(uuid.uuid4())
    with broken("PostgreSQL away for 30 s"):
        stack.postgres.stop()
        ended = time.monotonic() + 30
        assert stack.first.ask("/ready").status_code == 503
        assert stack.first.ask("/health").status_code == 200
        assert stack.first.ask(f"/simulator/status/{workflow_ids[0]}").status_code == 503
        stack.first.publish(event_id, run_body(output_tokens=99, source_topic=CALLER_TOPIC))
        time.sleep(max(0.0, ended - time.monotonic()))
        stack.postgres.start()
        stack.assert_each_finished_once(workflow_ids, 150)
        come = wait_for(lambda: known_runs(stack) - before, 90)
        stack.assert_each_finished_once(come)
    assert len(come) == 1, "a message that came meanwhile"
    assert not [event for event in stack.caller.poison if event["id"] == event_id]


def test_message_that_comes_while_the_service_is_away_waits_for_it(stack):
    before = known_runs(stack)
    event_id = str(uuid.uuid4())
    stack.first.kill()
    stack.first.publish(event_id, run_body(output_tokens=101, source_topic=CALLER_TOPIC))
    time.sleep(3)
    stack.first.start()

    with broken("a message to a service that was away"):
        stack.assert_each_finished_once(wait_for(lambda: known_runs(stack) - before, 90))
    assert not [event for event in stack.caller.poison if event["id"] == event_id]


def test_events_that_come_again_and_in_any_order_start_one_run_each(stack):
    before = known_runs(stack)
    events = {str(uuid.uuid4()): run_body(output_tokens=110 + index, source_topic=CALLER_TOPIC) for index in range(6)}
    order = list(events) * 4
    random.Random(7).shuffle(order)  # noqa: S311 - any order will do
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda event_id: stack.first.publish(event_id, events[event_id]), order))

    def new():
        found = known_runs(stack) - before
        return found if len(found) >= len(events) else None

    started = wait_for(new, 60)
    with broken("24 deliveries of 6 events"):
        stack.assert_each_finished_once(started)
    for event_id in events:
        stack.first.publish(event_id, events[event_id])
    time.sleep(3)
    assert len(new()) == len(events)
    assert not {event["id"] for event in stack.caller.poison} & set(events)


@pytest.mark.parametrize(
    "body",
    [
        {"pretrained_model_uri": "model", "input_tokens": "many"},
        run_body(concurrency=-1),
        run_body(target_ttft="soon"),
    ],
)
def test_poison_goes_to_the_dead_letters_and_what_comes_after_it_is_served(stack, body):
    event_id = str(uuid.uuid4())
    before = known_runs(stack)
    stack.first.publish(event_id, body)
    stack.first.publish(str(uuid.uuid4()), run_body(source_topic=CALLER_TOPIC))
    wait_for(lambda: [event for event in stack.caller.poison if (event["id"], event["data"]) == (event_id, body)], 30)

    come = wait_for(lambda: known_runs(stack) - before, 30)
    assert len(come) == 1
    stack.assert_each_finished_once(come)


def test_second_replica_that_joins_takes_its_share(stack, second):
    workflow_ids = start_runs(stack.first, 16, first_length=130)
    wait_for_fan_out(stack, workflow_ids)
    second.start()
    workflow_ids += start_runs(second, 16, first_length=150)
    with broken("a second replica that joined"):
        stack.assert_each_finished_once(workflow_ids)
    shares = stack.postgres.run(
        "SELECT replica, count(DISTINCT (workflow_id, key)) FROM trace WHERE what = 'rows'"
        " AND workflow_id::text = ANY(%s) GROUP BY 1",
        (workflow_ids,),
    )
    print(f"searches by replica: {dict(shares)}")
    assert {name for name, _ in shares} == {"replica-1", second.name}


@pytest.mark.timeout(400)
def test_rolling_restart_under_load(stack, second):
    second.start()
    replicas, workflow_ids, over = [stack.first, second], [], threading.Event()

    def load():
        index = 0
        while not over.is_set():
            index += 1
            for replica in (replicas[index % 2], replicas[(index + 1) % 2]):  # what a load balancer does
                try:
                    workflow_ids.append(replica.rest(output_tokens=170 + index))
                    break
                except (httpx.HTTPError, AssertionError):
                    continue
            over.wait(0.4)

    caller = threading.Thread(target=load)
    caller.start()
    with broken("rolling restart under load"):
        for replica in replicas:
            wait_for(lambda: len(workflow_ids) > 3, 30)
            time.sleep(1)
            replica.stop()
            replica.start()
        over.set()
        caller.join()
        stack.assert_each_finished_once(workflow_ids, 180)
    print(f"{len(workflow_ids)} runs accepted meanwhile")
    assert len(workflow_ids) > 10
