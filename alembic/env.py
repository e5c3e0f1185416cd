"""Alembic entry point: uses the connection it is given, else the database of the settings."""

from alembic import context

from budsim.benchmarks import models as _benchmark_models  # noqa: F401 - registers its tables
from budsim.commons.config import settings
from budsim.commons.database import Database, database_url
from budsim.simulator.models import Base
from budsim.usecases import models as _usecase_models  # noqa: F401 - registers its tables


def _migrate(connection):
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


def _run_alone():
    with database_url(settings()) as url:
        database = Database(url)
        try:
            with database.engine.begin() as connection:
                _migrate(connection)
        finally:
            database.close()


if context.is_offline_mode():
    context.configure(dialect_name="postgresql", target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
elif (given := context.config.attributes.get("connection")) is not None:
    _migrate(given)
else:
    _run_alone()
