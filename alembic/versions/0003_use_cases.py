"""Use cases, and the models that each size category recommends

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _now(name):
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)


def _seconds(name):
    return sa.Column(name, sa.Float(), nullable=True)


def upgrade():
    op.create_table(
        "use_cases",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("unique_id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("industry", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("assumptions", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("batch_size", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("beam_size", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("input_tokens_min", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens_max", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens_min", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens_max", sa.BigInteger(), nullable=False),
        _seconds("ttft_min"),
        _seconds("ttft_max"),
        _seconds("e2e_min"),
        _seconds("e2e_max"),
        _seconds("inter_token_min"),
        _seconds("inter_token_max"),
        sa.Column(
            "tags", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        _now("created_at"),
        _now("updated_at"),
        sa.CheckConstraint("input_tokens_max >= input_tokens_min", name="ck_use_cases_input_tokens"),
        sa.CheckConstraint("output_tokens_max >= output_tokens_min", name="ck_use_cases_output_tokens"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("unique_id"),
    )
    op.create_index("idx_use_cases_industry", "use_cases", ["industry"])
    op.create_index("idx_use_cases_tags", "use_cases", ["tags"], postgresql_using="gin")
    op.create_table(
        "model_recommendation_categories",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("category", sa.String(length=10), nullable=False),
        sa.Column("model_id", sa.String(length=255), nullable=False),
        sa.Column("checkpoint", sa.String(length=255), nullable=True),
        sa.Column("display_order", sa.Integer(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        _now("created_at"),
        _now("updated_at"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("category", "model_id", name="uq_model_recommendation_categories"),
    )


def downgrade():
    op.drop_table("model_recommendation_categories")
    op.drop_index("idx_use_cases_tags", table_name="use_cases", postgresql_using="gin")
    op.drop_index("idx_use_cases_industry", table_name="use_cases")
    op.drop_table("use_cases")
