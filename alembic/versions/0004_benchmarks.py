"""Measured runs, and the calibrations that follow from them

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEY = ["model_name", "device_name", "engine", "load_kind"]


def _id():
    return sa.Column("id", sa.Integer(), autoincrement=True, nullable=False)


def _now():
    return sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def _text(name, length, default=True):
    kind = sa.String(length=length) if length else sa.Text()
    return sa.Column(name, kind, server_default=sa.text("''") if default else None, nullable=False)


def _json(name, default=None):
    kind = postgresql.JSONB(astext_type=sa.Text())
    return sa.Column(name, kind, server_default=sa.text(f"'{default}'::jsonb") if default else None, nullable=False)


def upgrade():
    op.create_table(
        "benchmark_runs",
        _id(),
        _text("project_id", 255),
        _text("file_name", 255),
        _json("refused", "[]"),
        _now(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("idx_benchmark_runs_project", "benchmark_runs", ["project_id"])
    op.create_table(
        "benchmark_points",
        _id(),
        sa.Column("run_id", sa.Integer(), nullable=False),
        _text("position", 100),
        _text("tool", 20, default=False),
        _text("model_name", 512),
        _text("device_name", 255),
        _text("engine", 50),
        _text("load_kind", 20),
        _json("configuration"),
        _json("measured"),
        _json("derived", "[]"),
        _json("notes", "[]"),
        _json("predicted", "{}"),
        _text("reason", None),
        sa.Column("ignored", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        _now(),
        sa.ForeignKeyConstraint(["run_id"], ["benchmark_runs.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("idx_benchmark_points_run", "benchmark_points", ["run_id"])
    op.create_index("idx_benchmark_points_key", "benchmark_points", _KEY)
    op.create_table(
        "calibrations",
        _id(),
        _text("project_id", 255),
        _text("model_name", 512, default=False),
        _text("device_name", 255, default=False),
        _text("engine", 50, default=False),
        _text("load_kind", 20, default=False),
        sa.Column("newest_point", sa.Integer(), nullable=False),
        _json("content"),
        _now(),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("uq_calibrations", "calibrations", ["project_id", *_KEY], unique=True)


def downgrade():
    op.drop_table("calibrations")
    op.drop_table("benchmark_points")
    op.drop_table("benchmark_runs")
