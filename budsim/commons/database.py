"""Engine, sessions and migrations. A session lives for one request or one activity, and only this module commits."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    DisconnectionError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.orm import Session, sessionmaker

from budsim.commons.config import AppSettings
from budsim.commons.embedded_postgres import EmbeddedPostgres
from budsim.commons.errors import InvalidRequestError, UnavailableError
from budsim.commons.resources import shipped_path

logger = logging.getLogger(__name__)

_CONNECT_TIMEOUT_S = 5
# A connection that was used this long ago is tried before it is used again; one used since is taken as it is, which
# saves a round trip. If it is dead all the same, one request fails (503) and the whole pool is made anew.
_TRUSTED_S = 1.0
_MIGRATION_LOCK = 0x42534D47  # any number; the same in every process of one database


class Database:
    """The connections of one process: one pool for work, one for reads, which wait neither for work nor for each other.

    Each grows to twice ``pool_size`` when it must.
    """

    def __init__(self, url: URL, pool_size: int = 10) -> None:
        self.url = url
        self.engine = _pool(url, pool_size)
        self.reading_engine = _pool(
            url, pool_size, isolation_level="AUTOCOMMIT", pool_reset_on_return=None, skip_autocommit_rollback=True
        )
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._readers = sessionmaker(self.reading_engine)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Yield a session; commit when the block ends, roll back when it raises."""
        with self._sessions() as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a session for one query: without a transaction around it, so that it is a single round trip."""
        with self._readers() as session:
            yield session

    def is_alive(self) -> bool:
        """Whether the database answers a query now."""
        try:
            with self.reading_engine.connect() as connection:
                return connection.execute(text("SELECT 1")).scalar() == 1
        except SQLAlchemyError:
            return False

    def migrate(self, revision: str = "head") -> None:
        """Bring the schema to ``revision``; processes that start together take turns.

        Raises:
            UnavailableError: The database does not answer.
        """
        try:
            with self.engine.begin() as connection:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
                config = migration_config()
                config.attributes["connection"] = connection
                command.upgrade(config, revision)
        except SQLAlchemyError as error:
            raise UnavailableError(
                f"The database {self.url.render_as_string(hide_password=True)} is not usable: "
                f"{str(error).splitlines()[0]}. Check DATABASE_URL, or unset it to use the embedded PostgreSQL."
            ) from error

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()
        self.reading_engine.dispose()


def _pool(url: URL, size: int, **options: Any) -> Engine:
    arguments = {"connect_timeout": _CONNECT_TIMEOUT_S}
    engine = create_engine(
        url, pool_size=size, max_overflow=size, pool_use_lifo=True, connect_args=arguments, **options
    )
    _try_idle_connections(engine)
    return engine


def _try_idle_connections(engine: Engine) -> None:
    """Let the pool try connections that nobody has used for a while; a dead one is replaced unseen."""

    def note_return(_connection: Any, record: Any) -> None:
        record.info["returned_at"] = time.monotonic()

    def try_if_idle(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info.get("returned_at", time.monotonic()) <= _TRUSTED_S:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise DisconnectionError from error

    event.listen(engine, "checkin", note_return)
    event.listen(engine, "checkout", try_if_idle)


def migration_config() -> Config:
    """Return the Alembic configuration, with neither a URL nor an ini file.

    The scripts lie in ``alembic/`` of a checkout; a wheel carries them inside the package.
    """
    config = Config()
    config.set_main_option("script_location", str(shipped_path("alembic")).replace("%", "%%"))
    return config


def is_outage(error: BaseException) -> bool:
    """Whether an error means that the database is away, not that the statement is wrong."""
    if not isinstance(error, DBAPIError):
        return False
    return isinstance(error, OperationalError | InterfaceError) or error.connection_invalidated


@contextmanager
def database_url(config: AppSettings) -> Iterator[URL]:
    """Yield the URL of the configured database, or of the embedded one, which runs until the block ends."""
    configured = configured_database_url(config)
    if configured is not None:
        yield configured
        return
    server = EmbeddedPostgres.acquire(config.data_dir)
    try:
        yield server.url()
    finally:
        server.release()


@contextmanager
def open_database(config: AppSettings) -> Iterator[Database]:
    """Yield the configured database, or the embedded one, migrated; close (and stop) it afterwards."""
    with database_url(config) as url:
        database = Database(url, config.database_pool_size)
        try:
            database.migrate()
            yield database
        finally:
            database.close()


def configured_database_url(config: AppSettings) -> URL | None:
    """Return the SQLAlchemy URL of the configured database, or None for the embedded one.

    Raises:
        InvalidRequestError: ``DATABASE_URL`` is not the URL of a PostgreSQL database.
    """
    if config.database_url is not None:
        return _postgres_url(config.database_url.get_secret_value())
    if config.psql_host is None:
        return None
    password = config.psql_password.get_secret_value() if config.psql_password else None
    return URL.create(
        "postgresql+psycopg2", config.psql_user, password, config.psql_host, config.psql_port, config.psql_db_name
    )


def _postgres_url(spelling: str) -> URL:
    try:
        url = make_url(spelling)
    except ArgumentError:
        url = None
    if url is None or url.get_backend_name() not in ("postgresql", "postgres"):
        raise InvalidRequestError(
            "DATABASE_URL must look like postgresql://user:password@host:5432/name.", {"field": "DATABASE_URL"}
        )
    return url.set(drivername="postgresql+psycopg2")
