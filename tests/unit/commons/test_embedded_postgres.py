"""The embedded PostgreSQL is shared within a process, exclusive between processes, and taken over after a crash."""

import os
import subprocess
import sys
import textwrap

import pytest
from sqlalchemy import create_engine, text

from budsim.commons import embedded_postgres
from budsim.commons.embedded_postgres import EmbeddedPostgres
from budsim.commons.errors import UnavailableError

pytestmark = pytest.mark.integration


def ask(server, query):
    engine = create_engine(server.url(), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            result = connection.execute(text(query))
            return result.scalar() if result.returns_rows else None
    finally:
        engine.dispose()


@pytest.fixture(scope="module")
def folder(database_folder):
    """A long path with spaces, quotes, what a shell would expand, and letters beyond ASCII."""
    return database_folder / 'it\'s a "long" $HOME `id` päth' / ("x" * 120) / "data dir"


def test_one_server_serves_a_process_and_stops_with_its_last_user(folder):
    first = EmbeddedPostgres.acquire(folder)
    second = EmbeddedPostgres.acquire(folder)
    assert first is second
    ask(first, "CREATE TABLE IF NOT EXISTS kept (n int)")
    ask(first, "INSERT INTO kept VALUES (1)")
    first.release()
    assert ask(second, "SELECT count(*) FROM kept") == 1
    socket_dir = second.socket_dir
    second.release()
    second.release()
    assert not socket_dir.exists()
    assert not (folder / "postgres" / "postmaster.pid").exists()


def test_what_was_written_is_there_at_the_next_start(folder):
    server = EmbeddedPostgres.acquire(folder)
    assert ask(server, "SELECT count(*) FROM kept") == 1
    server.release()


def test_it_listens_on_a_private_socket_only(folder):
    server = EmbeddedPostgres.acquire(folder)
    try:
        assert ask(server, "SHOW listen_addresses") == ""
        assert server.socket_dir.stat().st_mode & 0o077 == 0
    finally:
        server.release()


def test_another_process_is_told_who_has_it(folder):
    server = EmbeddedPostgres.acquire(folder)
    try:
        code = "from pathlib import Path\nfrom budsim.commons.embedded_postgres import EmbeddedPostgres\n"
        code += f"EmbeddedPostgres.acquire(Path({str(folder)!r}))"
        other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert other.returncode != 0
        assert f"in use by another BudSim (process {os.getpid()})" in other.stderr
    finally:
        server.release()


def test_a_server_left_by_a_killed_process_is_taken_over(folder):
    code = textwrap.dedent(f"""
        import os, signal
        from pathlib import Path
        from budsim.commons.embedded_postgres import EmbeddedPostgres
        EmbeddedPostgres.acquire(Path({str(folder)!r}))
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    subprocess.run([sys.executable, "-c", code], check=False)
    left = int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    server = EmbeddedPostgres.acquire(folder)
    try:
        assert int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0]) == left
        assert ask(server, "SELECT count(*) FROM kept") == 1
    finally:
        server.release()


def test_a_start_killed_while_it_built_the_files_is_repeated(database_folder):
    folder = database_folder / "half done"
    folder.mkdir()
    (folder / "postgres.new").mkdir()
    (folder / "postgres.new" / "half").write_text("done")
    (folder / "postgres").mkdir()
    server = EmbeddedPostgres.acquire(folder)
    try:
        assert ask(server, "SELECT 1") == 1
    finally:
        server.release()


def test_files_of_another_version_are_left_alone(tmp_path):
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(UnavailableError, match=r"PostgreSQL 9\.6"):
        EmbeddedPostgres.acquire(tmp_path)
    assert (tmp_path / "postgres" / "PG_VERSION").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UnavailableError, match="BUDSIM_DATA_DIR"):
        EmbeddedPostgres.acquire(tmp_path / "file" / "below")


def test_a_long_temporary_folder_does_not_make_the_socket_path_too_long(tmp_path, monkeypatch):
    monkeypatch.setattr(embedded_postgres.tempfile, "gettempdir", lambda: str(tmp_path / ("y" * 150)))
    account = embedded_postgres._server_account()
    made = embedded_postgres._new_socket_dir(account)
    assert len(str(made / ".s.PGSQL.5432")) < 104
    made.rmdir()
