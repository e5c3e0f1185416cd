"""Searches survive the death of their worker, end with their time, and never outlive the service."""

import os
import signal
import threading
import time

import psutil
import pytest
from pool_jobs import end_worker, raise_any, raise_ours, sleep_and_return, work_and_report, work_until_told

from budsim.commons import search_pool
from budsim.commons.errors import InvalidRequestError, SimulationTimeoutError, UnavailableError
from budsim.commons.search_pool import SearchFailedError, SearchPool, SearchStoppedError, WorkerLostError


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


def test_work_that_looks_ends_with_its_time_and_says_how_far_it_came(pool):
    pool.run(os.getpid)
    worker = pool.worker_ids()
    assert 0.2 <= pool.run(work_until_told, 20, timeout_s=0.3) < 2
    assert pool.worker_ids() == worker


def test_work_that_nobody_wants_any_more_ends_within_a_second(pool):
    over = threading.Event()
    threading.Timer(0.3, over.set).start()
    started = time.monotonic()
    assert pool.run(work_until_told, 20, is_over=over.is_set) < 1.5
    assert time.monotonic() - started < 1.5
    assert pool.run(work_until_told, 0.1) >= 0.1


def test_work_that_does_not_look_is_ended_when_nobody_wants_it(pool, monkeypatch):
    monkeypatch.setattr(search_pool, "GRACE_S", 0.1)
    with pytest.raises(SearchStoppedError):
        pool.run(sleep_and_return, 20, is_over=lambda: True)
    assert pool.run(pow, 2, 3) == 8


def test_ending_one_search_leaves_the_others_alone(monkeypatch):
    monkeypatch.setattr(search_pool, "GRACE_S", 0.1)
    two = SearchPool(2)
    two.start()
    two.run(pow, 2, 3)
    answers = []
    neighbour = threading.Thread(target=lambda: answers.append(two.run(sleep_and_return, 1.0)))
    neighbour.start()
    with pytest.raises(SimulationTimeoutError):
        two.run(sleep_and_return, 20, timeout_s=0.3)
    neighbour.join(timeout=10)
    two.stop()
    assert answers == [1.0]


def test_a_run_with_many_searches_does_not_keep_another_waiting(pool):
    order = []

    def search(key, seconds):
        pool.run(sleep_and_return, seconds, key=key)
        order.append(key)

    many = [threading.Thread(target=search, args=("many", 0.2)) for _ in range(6)]
    for thread in many:
        thread.start()
    time.sleep(0.05)
    one = threading.Thread(target=search, args=("one", 0.01))
    one.start()
    for thread in [*many, one]:
        thread.join(timeout=10)
    assert order.index("one") <= 2


def test_a_stopped_pool_takes_no_work():
    stopped = SearchPool(1)
    stopped.start()
    workers = [psutil.Process(worker) for worker in stopped.worker_ids()]
    stopped.stop()
    with pytest.raises(UnavailableError, match="stopping"):
        stopped.run(pow, 2, 3)
    for worker in workers:
        worker.wait(timeout=5)


def test_a_search_gives_way_to_whoever_waits_for_an_answer(pool):
    assert pool.run(os.nice, 0) == min(19, os.nice(0) + search_pool.NICENESS)


def test_the_share_that_is_over_is_told_as_it_grows(pool):
    told = []
    assert pool.run(work_and_report, [0.25, 0.75], on_progress=told.append) == [0.25, 0.75]
    assert told == [0.25, 0.75]
    assert pool.run(sleep_and_return, 0.4, on_progress=told.append) == 0.4
    assert told == [0.25, 0.75]
