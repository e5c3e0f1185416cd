"""A sidecar that has lost the worker is replaced once patience is over; one that is away or connected is left alone."""

import time
from types import SimpleNamespace

import grpc
import httpx
import pytest
from dapr.ext.workflow import WorkflowStatus

from budsim.commons import dapr_workflows
from budsim.commons.config import AppSettings
from budsim.commons.dapr import Sidecar
from budsim.commons.dapr_watch import WorkerWatch
from budsim.commons.errors import UnavailableError


class Host:
    """A sidecar whose answers are given; a new one, when asked for, has ``after_restart`` workers."""

    def __init__(self, workers, after_restart=0):
        self.workers = workers
        self.after_restart = after_restart
        self.ended = 0

    def connected_workers(self):
        return self.workers

    def shut_down(self):
        self.ended += 1
        self.workers = self.after_restart


def endings(host, seconds, patience_s=10.0):
    """Return the moments at which the watch asks for a new sidecar, looking once a second."""
    watch = WorkerWatch(host, patience_s)
    moments = []
    for now in range(seconds):
        before = host.ended
        watch.look(float(now))
        if host.ended > before:
            moments.append(now)
    return moments


@pytest.mark.parametrize("workers", [1, 3, None])
def test_connected_or_absent_sidecar_is_left_alone(workers):
    assert endings(Host(workers), 100) == []


def test_worker_that_stays_away_costs_the_sidecar_its_life_after_patience_not_before():
    assert endings(Host(0, after_restart=1), 100) == [10]


def test_each_vain_restart_doubles_the_patience():
    assert endings(Host(0), 80) == [10, 31, 72]


def test_patience_never_grows_beyond_five_minutes():
    moments = endings(Host(0), 4000)
    assert moments[-1] - moments[-2] == 301


def test_worker_that_came_back_in_time_starts_the_clock_anew():
    host = Host(0)
    watch = WorkerWatch(host, 10.0)
    watch.look(0.0)
    host.workers = 1
    assert watch.look(9.0)
    host.workers = 0
    watch.look(10.0)
    watch.look(19.0)
    assert host.ended == 0


def test_start_goes_on_when_the_new_sidecar_takes_the_worker():
    host = Host(0, after_restart=1)
    WorkerWatch(host, patience_s=0.1).wait_until_connected(5.0)
    assert host.ended == 1


def test_start_fails_with_what_to_check_when_no_sidecar_takes_the_worker():
    with pytest.raises(UnavailableError, match="actorStateStore"):
        WorkerWatch(Host(0)).wait_until_connected(0.2)


def test_watch_ends_with_its_block():
    with WorkerWatch(Host(1)) as watch:
        pass
    started = time.monotonic()
    assert not watch._thread.is_alive()
    assert time.monotonic() - started < 1


def sidecar(metadata):
    found = Sidecar(AppSettings(_env_file=None, dapr_http_port=3500))
    found._client = httpx.Client(base_url="http://sidecar", transport=httpx.MockTransport(metadata))
    return found


@pytest.mark.parametrize(
    ("version", "reports"),
    [("1.18.1", True), ("1.20.0", True), ("2.0.0", True), ("1.17.9", False), ("edge", False), ("", False)],
)
def test_only_versions_that_are_known_to_tell_are_believed(version, reports):
    assert sidecar(lambda request: httpx.Response(200, json={"runtimeVersion": version})).reports_workers() is reports


def test_workers_are_counted_from_the_sidecar_s_metadata():
    assert (
        sidecar(lambda request: httpx.Response(200, json={"workflows": {"connectedWorkers": 2}})).connected_workers()
        == 2
    )
    assert sidecar(lambda request: httpx.Response(200, json={})).connected_workers() == 0


def test_sidecar_that_does_not_answer_has_an_unknown_number_of_workers_and_may_be_asked_to_end():
    def away(request):
        raise httpx.ConnectError("refused")

    assert sidecar(away).connected_workers() is None
    sidecar(away).shut_down()


class Reads(grpc.RpcError):
    """An error of one read."""


def engine_with_client(client, monkeypatch):
    monkeypatch.setattr(dapr_workflows, "_READ_PAUSE_S", 0.0)
    monkeypatch.setattr(dapr_workflows, "_READ_PATIENCE_S", 0.05)
    engine = dapr_workflows.DaprWorkflowEngine(AppSettings(_env_file=None))
    engine._client = client
    return engine


class Client:
    """A workflow client that fails ``failures`` times before it answers."""

    def __init__(self, failures, answer):
        self.failures = failures
        self.answer = answer

    def get_workflow_state(self, workflow_id, fetch_payloads):
        self.failures -= 1
        if self.failures >= 0:
            raise Reads("inbox key declared in metadata but missing from state store")
        return self.answer


def state(status):
    return SimpleNamespace(runtime_status=status)


@pytest.mark.parametrize(
    ("answer", "known"),
    [
        (state(WorkflowStatus.RUNNING), True),
        (state(WorkflowStatus.PENDING), True),
        (state(WorkflowStatus.SUSPENDED), True),
        (state(WorkflowStatus.FAILED), False),
        (state(WorkflowStatus.COMPLETED), False),
        (None, False),
    ],
)
def test_read_that_fails_for_a_moment_is_tried_again(answer, known, monkeypatch):
    assert engine_with_client(Client(3, answer), monkeypatch).knows("id") is known


def test_read_that_keeps_failing_is_an_unavailable_sidecar_not_an_unknown_workflow(monkeypatch):
    with pytest.raises(UnavailableError, match="tells nothing about id"):
        engine_with_client(Client(10**9, None), monkeypatch).knows("id")
