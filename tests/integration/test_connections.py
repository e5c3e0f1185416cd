"""Connections to PostgreSQL: reads and work do not wait for each other, and a dead connection is replaced unseen."""

import threading

import pytest
from sqlalchemy import text

from budsim.commons import database as module
from budsim.commons.database import Database

END_THE_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND pid = :pid"


@pytest.fixture
def database(service):
    opened = Database(service.database.url, pool_size=1)
    yield opened
    opened.close()


def backend_of(opened):
    with opened() as session:
        return session.scalar(text("SELECT pg_backend_pid()"))


def end_backend(service, pid):
    with service.database.transaction() as session:
        session.execute(text(END_THE_OTHERS), {"pid": pid})


@pytest.mark.parametrize("kind", ["transaction", "reading"])
def test_an_idle_connection_that_the_server_ended_is_replaced_unseen(service, database, kind, monkeypatch):
    opened = getattr(database, kind)
    earlier = backend_of(opened)
    monkeypatch.setattr(module, "_TRUSTED_S", -1.0)
    end_backend(service, earlier)
    assert backend_of(opened) != earlier


@pytest.mark.parametrize(("trusted_s", "tries"), [(60.0, 0), (-1.0, 1)])
def test_only_a_connection_that_was_idle_is_tried_before_it_is_used(database, trusted_s, tries, monkeypatch):
    dialect, tried = database.reading_engine.dialect, []
    ping = dialect.do_ping
    monkeypatch.setattr(dialect, "do_ping", lambda connection: (tried.append(1), ping(connection))[1])
    first = backend_of(database.reading)
    tried.clear()
    monkeypatch.setattr(module, "_TRUSTED_S", trusted_s)
    assert backend_of(database.reading) == first
    assert len(tried) == tries


def test_a_read_leaves_no_transaction_open(service, database):
    pid = backend_of(database.reading)
    with service.database.transaction() as session:
        state = session.scalar(text("SELECT state FROM pg_stat_activity WHERE pid = :pid"), {"pid": pid})
    assert state == "idle"


def test_reads_and_readiness_do_not_wait_while_work_holds_every_connection(database):
    holding, over = threading.Event(), threading.Event()

    def hold():
        with database.transaction() as session:
            session.scalar(text("SELECT 1"))
            holding.set()
            over.wait(10)

    workers = [threading.Thread(target=hold) for _ in range(2)]  # the pool and its overflow
    for worker in workers:
        worker.start()
        assert holding.wait(5)
        holding.clear()
    try:
        assert database.is_alive()
        assert backend_of(database.reading)
        assert not over.is_set()
    finally:
        over.set()
        for worker in workers:
            worker.join()
