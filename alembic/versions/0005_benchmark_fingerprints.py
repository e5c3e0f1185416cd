"""A measured run that is handed in twice counts once

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade():
    op.add_column("benchmark_points", sa.Column("fingerprint", sa.String(length=64), nullable=True))
    op.create_index("uq_benchmark_points_fingerprint", "benchmark_points", ["fingerprint"], unique=True)


def downgrade():
    op.drop_index("uq_benchmark_points_fingerprint", "benchmark_points")
    op.drop_column("benchmark_points", "fingerprint")
