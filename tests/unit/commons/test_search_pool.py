"""Searches survive the death of their worker, end with their time, and never outlive the service."""

import os
import signal
import threading
import time

import psutil
import pytest
from pool_jobs import end_worker, raise_any, raise_ours, sleep_and_return

from budsim.commons import search_pool
from budsim.commons.errors import InvalidRequestError, SimulationTimeoutError, UnavailableError
from budsim.commons.search_pool import SearchFailedError, SearchPool, WorkerLostError


@pytest.fixture(scope="module")
def pool():
    running = SearchPool(1)
    running.start()
    yield running
    running.stop()


def test_work_is_done_in_another_process(pool):
    assert pool.run(os.getpid) != os.getpid()


def test_an_error_of_ours_comes_back_as_it_was(pool):
    with pytest.raises(InvalidRequestError) as caught:
        pool.run(raise_ours)
    assert caught.value.param == {"field": "x"}


def test_any_other_error_names_its_kind_only(pool):
    with pytest.raises(SearchFailedError, match="ZeroDivisionError") as caught:
        pool.run(raise_any)
    assert "hunter2" not in caught.value.message


def test_work_of_a_killed_worker_is_done_again(pool):
    pool.run(os.getpid)

    def kill_soon():
        time.sleep(0.2)
        for worker in pool.worker_ids():
            os.kill(worker, signal.SIGKILL)

    threading.Thread(target=kill_soon).start()
    assert pool.run(sleep_and_return, 0.6) == 0.6


def test_work_that_kills_every_worker_is_given_up(pool):
    with pytest.raises(WorkerLostError):
        pool.run(end_worker)
    assert pool.run(pow, 2, 3) == 8


def test_work_past_its_time_is_abandoned_and_ended_after_its_grace(pool, monkeypatch):
    monkeypatch.setattr(search_pool, "GRACE_S", 0.1)
    pool.run(os.getpid)
    worker = psutil.Process(pool.worker_ids()[0])
    with pytest.raises(SimulationTimeoutError):
        pool.run(sleep_and_return, 20, timeout_s=0.1)
    worker.wait(timeout=5)
    assert pool.run(pow, 2, 3) == 8


def test_a_stopped_pool_takes_no_work():
    stopped = SearchPool(1)
    stopped.start()
    workers = [psutil.Process(worker) for worker in stopped.worker_ids()]
    stopped.stop()
    with pytest.raises(UnavailableError, match="stopping"):
        stopped.run(pow, 2, 3)
    for worker in workers:
        worker.wait(timeout=5)
