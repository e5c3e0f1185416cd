"""What a project learned or named is its own: its id is part of the keys of exclusions and model names

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_PLACE = ["model_name", "cluster_id", "engine", "engine_version", "device_name", "config_hash"]


def upgrade():
    op.execute("UPDATE excluded_configurations SET project_id = '' WHERE project_id IS NULL")
    op.alter_column(
        "excluded_configurations",
        "project_id",
        existing_type=sa.String(length=255),
        nullable=False,
        server_default=sa.text("''"),
    )
    op.drop_index("uq_excluded_configurations", table_name="excluded_configurations")
    op.create_index("uq_excluded_configurations", "excluded_configurations", ["project_id", *_PLACE], unique=True)
    op.add_column(
        "model_aliases",
        sa.Column("project_id", sa.String(length=255), server_default=sa.text("''"), nullable=False),
    )
    op.drop_constraint("model_aliases_pkey", "model_aliases", type_="primary")
    op.create_primary_key("model_aliases_pkey", "model_aliases", ["model_id", "project_id"])


def downgrade():
    op.drop_constraint("model_aliases_pkey", "model_aliases", type_="primary")
    op.execute("DELETE FROM model_aliases WHERE project_id <> ''")
    op.drop_column("model_aliases", "project_id")
    op.create_primary_key("model_aliases_pkey", "model_aliases", ["model_id"])
    op.drop_index("uq_excluded_configurations", table_name="excluded_configurations")
    op.execute("DELETE FROM excluded_configurations WHERE project_id <> ''")
    op.create_index("uq_excluded_configurations", "excluded_configurations", _PLACE, unique=True)
    op.alter_column(
        "excluded_configurations",
        "project_id",
        existing_type=sa.String(length=255),
        nullable=True,
        server_default=None,
    )
