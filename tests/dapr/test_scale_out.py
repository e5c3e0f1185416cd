"""Two replicas under one Dapr share the searches of one run; nothing of ours places them."""

import os
import time

import pytest

CLUSTERS, NODES = 100, 8  # of 8 GPUs each: a search of a third of a second
REQUEST = {"concurrency": 128, "target_ttft": 500}
IDLE_LOAD = 0.5  # load average below which the machine is taken for idle
SPEED_UP = 1.6


@pytest.fixture(scope="module")
def pinned(stack):
    """Two replicas with one core each, the second not started; the first of the stack rests."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        pytest.skip("needs two cores")
    stack.first.stop()
    first, second = stack.first, stack.add_replica(cores[1])
    first.core = cores[0]
    first.start()
    yield first, second
    second.remove()
    stack.replicas.remove(second)
    first.core = None
    first.stop()
    stack.set_clusters(1)
    first.start()


def warm_up(stack, replica, output_tokens):
    """Let a replica do a little of everything once."""
    stack.set_clusters(8)
    stack.assert_each_finished_once([replica.rest(output_tokens=output_tokens)])
    stack.set_clusters(CLUSTERS, NODES)


def timed_run(stack, replica, output_tokens):
    """Return a run's id and its seconds, from the database's own clock."""
    workflow_id = replica.rest(output_tokens=output_tokens, **REQUEST)
    stack.assert_each_finished_once([workflow_id], 200)
    ((seconds,),) = stack.postgres.run(
        "SELECT extract(epoch FROM finished_at - started_at)::float FROM workflow_runs WHERE workflow_id = %s",
        (workflow_id,),
    )
    return workflow_id, seconds


def searches(stack, workflow_id):
    """Return by replica the searches that it stored, and how often each was stored."""
    return stack.postgres.run(
        "SELECT key, count(DISTINCT transaction), min(replica) FROM trace"
        " WHERE what = 'rows' AND workflow_id = %s GROUP BY 1",
        (workflow_id,),
    )


@pytest.mark.timeout(600)
def test_second_replica_shares_a_run_of_a_hundred_clusters(stack, pinned):
    first, second = pinned
    idle = os.getloadavg()[0] < IDLE_LOAD
    warm_up(stack, first, 400)
    _, alone_s = timed_run(stack, first, 401)
    second.start()
    warm_up(stack, second, 402)
    workflow_id, shared_s = timed_run(stack, first, 403)

    stored = searches(stack, workflow_id)
    by_replica = {name: sum(1 for row in stored if row[2] == name) for name in (first.name, second.name)}
    print(
        f"\n{CLUSTERS} clusters of {NODES} nodes: alone {alone_s:.1f} s, shared {shared_s:.1f} s,"
        f" {alone_s / shared_s:.2f} times as fast; {by_replica}; load {os.getloadavg()[0]:.1f} at"
        f" {time.strftime('%H:%M:%S')}, idle before: {idle}"
    )
    assert all(by_replica.values()), by_replica
    assert [row for row in stored if row[1] != 1] == []
    assert len(stored) >= CLUSTERS
    if idle:
        assert alone_s / shared_s >= SPEED_UP
