"""The schema that the scripts build is the schema that the code expects, and every step of it can be undone."""

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from budsim.benchmarks import models as _benchmark_models  # noqa: F401 - registers its tables
from budsim.commons.database import Database, migration_config
from budsim.commons.embedded_postgres import EmbeddedPostgres
from budsim.simulator.models import Base
from budsim.usecases import models as _usecase_models  # noqa: F401 - registers its tables

pytestmark = pytest.mark.integration

# Low-level design, section 4.1.1: column, type, nullable.
DESIGNED_COLUMNS = """
id INTEGER no | workflow_id UUID no | model_name VARCHAR(255) no | model_version VARCHAR(50) no
input_tokens INTEGER no | output_tokens INTEGER no | target_concurrency INTEGER no | target_ttft DOUBLE PRECISION no
target_throughput_per_user DOUBLE PRECISION no | target_e2e_latency DOUBLE PRECISION no | cluster_id VARCHAR(255) no
node_id VARCHAR(255) no | node_name VARCHAR(255) no | device_id VARCHAR(255) no | device_name VARCHAR(255) no
device_type VARCHAR(10) no | device_model VARCHAR(255) yes | raw_name VARCHAR(255) yes | available_count INTEGER no
cores INTEGER yes | mem_per_gpu_in_gb DOUBLE PRECISION no | hbm_bandwidth_in_gb_per_sec DOUBLE PRECISION no
intra_node_bandwidth_in_gb_per_sec DOUBLE PRECISION no | intra_node_min_message_latency DOUBLE PRECISION no
peak_fp16_tflops DOUBLE PRECISION no | peak_i8_tflops DOUBLE PRECISION no | peak_i4_tflops DOUBLE PRECISION no
inter_node_bandwidth_in_gb_per_sec DOUBLE PRECISION no | engine VARCHAR(255) no | engine_image VARCHAR(255) no
engine_version VARCHAR(50) yes | tool_calling_parser_type VARCHAR(100) yes | reasoning_parser_type VARCHAR(100) yes
architecture_family VARCHAR(100) yes | chat_template VARCHAR(500) yes | supports_lora BOOLEAN yes
supports_pipeline_parallelism BOOLEAN yes | top_k_configs JSONB yes | is_blacklisted BOOLEAN no
created_at TIMESTAMP no | modified_at TIMESTAMP no
"""
DESIGNED_INDEXES = {
    "idx_simulation_results_workflow_id",
    "idx_simulation_results_cluster_id",
    "idx_simulation_results_workflow_cluster",
    "idx_simulation_results_topk_cost",
}


@pytest.fixture
def database(client, service_settings):
    """A database of this test's own on the server that the other tests use."""
    server = EmbeddedPostgres.acquire(service_settings.data_dir)
    admin = Database(server.url())
    with admin.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("DROP DATABASE IF EXISTS migrations WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE migrations"))
    admin.close()
    own = Database(server.url(database="migrations"))
    yield own
    own.close()
    server.release()


def drift(database):
    with database.engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), Base.metadata)


def downgrade(database, revision):
    with database.engine.begin() as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def test_the_scripts_build_what_the_models_describe(database):
    database.migrate()
    assert drift(database) == []


def test_migrations_go_down_and_up_again(database):
    database.migrate()
    downgrade(database, "base")
    assert set(inspect(database.engine).get_table_names()) <= {"alembic_version"}
    database.migrate()
    assert drift(database) == []


def test_migrating_twice_changes_nothing(database):
    database.migrate()
    database.migrate()
    assert drift(database) == []


def test_simulation_results_is_the_designed_table(database):
    database.migrate()
    inspected = inspect(database.engine)
    columns = {column["name"]: column for column in inspected.get_columns("simulation_results")}
    for line in DESIGNED_COLUMNS.replace("|", "\n").strip().splitlines():
        name, *kind, nullable = line.split()
        assert str(columns[name]["type"]) == " ".join(kind), name
        assert columns[name]["nullable"] == (nullable == "yes"), name
    assert {index["name"] for index in inspected.get_indexes("simulation_results")} >= DESIGNED_INDEXES
    assert columns["project_id"]["nullable"]
