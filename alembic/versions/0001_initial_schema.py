"""initial schema

Revision ID: 0001
Revises:
Create Date: 2026-11-21 13:58:20.899809
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():

    op.create_table(
        "clusters",
        sa.Column("cluster_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("topology", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("is_example", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("cluster_id"),
    )
    op.create_table(
        "excluded_configurations",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("model_name", sa.String(length=255), nullable=False),
        sa.Column("cluster_id", sa.String(length=255), nullable=False),
        sa.Column("engine", sa.String(length=255), nullable=False),
        sa.Column("engine_version", sa.String(length=50), server_default=sa.text("''"), nullable=False),
        sa.Column("device_name", sa.String(length=255), nullable=False),
        sa.Column("config_hash", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("out_of_memory", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("memory_headroom_bytes", sa.BigInteger(), nullable=True),
        sa.Column("project_id", sa.String(length=255), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "uq_excluded_configurations",
        "excluded_configurations",
        ["model_name", "cluster_id", "engine", "engine_version", "device_name", "config_hash"],
        unique=True,
    )
    op.create_table(
        "model_aliases",
        sa.Column("model_id", sa.String(length=512), nullable=False),
        sa.Column("target", sa.String(length=1024), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("model_id"),
    )
    op.create_table(
        "simulation_results",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("workflow_id", sa.Uuid(), nullable=False),
        sa.Column("model_name", sa.String(length=255), nullable=False),
        sa.Column("model_version", sa.String(length=50), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("target_concurrency", sa.Integer(), nullable=False),
        sa.Column("target_ttft", sa.Float(), nullable=False),
        sa.Column("target_throughput_per_user", sa.Float(), nullable=False),
        sa.Column("target_e2e_latency", sa.Float(), nullable=False),
        sa.Column("cluster_id", sa.String(length=255), nullable=False),
        sa.Column("node_id", sa.String(length=255), nullable=False),
        sa.Column("node_name", sa.String(length=255), nullable=False),
        sa.Column("device_id", sa.String(length=255), nullable=False),
        sa.Column("device_name", sa.String(length=255), nullable=False),
        sa.Column("device_type", sa.String(length=10), nullable=False),
        sa.Column("device_model", sa.String(length=255), nullable=True),
        sa.Column("raw_name", sa.String(length=255), nullable=True),
        sa.Column("available_count", sa.Integer(), nullable=False),
        sa.Column("cores", sa.Integer(), nullable=True),
        sa.Column("mem_per_gpu_in_gb", sa.Float(), nullable=False),
        sa.Column("hbm_bandwidth_in_gb_per_sec", sa.Float(), nullable=False),
        sa.Column("intra_node_bandwidth_in_gb_per_sec", sa.Float(), nullable=False),
        sa.Column("intra_node_min_message_latency", sa.Float(), nullable=False),
        sa.Column("peak_fp16_tflops", sa.Float(), nullable=False),
        sa.Column("peak_i8_tflops", sa.Float(), nullable=False),
        sa.Column("peak_i4_tflops", sa.Float(), nullable=False),
        sa.Column("inter_node_bandwidth_in_gb_per_sec", sa.Float(), nullable=False),
        sa.Column("engine", sa.String(length=255), nullable=False),
        sa.Column("engine_image", sa.String(length=255), nullable=False),
        sa.Column("engine_version", sa.String(length=50), nullable=True),
        sa.Column("tool_calling_parser_type", sa.String(length=100), nullable=True),
        sa.Column("reasoning_parser_type", sa.String(length=100), nullable=True),
        sa.Column("architecture_family", sa.String(length=100), nullable=True),
        sa.Column("chat_template", sa.String(length=500), nullable=True),
        sa.Column("supports_lora", sa.Boolean(), nullable=True),
        sa.Column("supports_pipeline_parallelism", sa.Boolean(), nullable=True),
        sa.Column("top_k_configs", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("is_blacklisted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=True),
        sa.Column("config_hash", sa.String(length=64), nullable=True),
        sa.Column("task_key", sa.String(length=255), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("idx_simulation_results_cluster_id", "simulation_results", ["cluster_id"], unique=False)
    op.create_index(
        "idx_simulation_results_topk_cost",
        "simulation_results",
        ["top_k_configs"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"top_k_configs": "jsonb_path_ops"},
    )
    op.create_index(
        "idx_simulation_results_workflow_cluster", "simulation_results", ["workflow_id", "cluster_id"], unique=False
    )
    op.create_index("idx_simulation_results_workflow_id", "simulation_results", ["workflow_id"], unique=False)
    op.create_index(
        "uq_simulation_results_task_config",
        "simulation_results",
        ["workflow_id", "task_key", "config_hash"],
        unique=True,
    )
    op.create_table(
        "workflow_runs",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("workflow_id", sa.Uuid(), nullable=False),
        sa.Column("workflow_name", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("input", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("output", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("error", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "progress", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'::jsonb"), nullable=False
        ),
        sa.Column("project_id", sa.String(length=255), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("deadline_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workflow_id"),
    )
    op.create_index("idx_workflow_runs_project", "workflow_runs", ["project_id"], unique=False)
    op.create_index("idx_workflow_runs_status", "workflow_runs", ["status"], unique=False)
    op.create_table(
        "workflow_steps",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("workflow_id", sa.Uuid(), nullable=False),
        sa.Column("step_id", sa.String(length=100), nullable=False),
        sa.Column("event_key", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("notification", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("modified_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["workflow_id"], ["workflow_runs.workflow_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("uq_workflow_steps_event", "workflow_steps", ["workflow_id", "event_key"], unique=True)


def downgrade():

    op.drop_index("uq_workflow_steps_event", table_name="workflow_steps")
    op.drop_table("workflow_steps")
    op.drop_index("idx_workflow_runs_status", table_name="workflow_runs")
    op.drop_index("idx_workflow_runs_project", table_name="workflow_runs")
    op.drop_table("workflow_runs")
    op.drop_index("uq_simulation_results_task_config", table_name="simulation_results")
    op.drop_index("idx_simulation_results_workflow_id", table_name="simulation_results")
    op.drop_index("idx_simulation_results_workflow_cluster", table_name="simulation_results")
    op.drop_index(
        "idx_simulation_results_topk_cost",
        table_name="simulation_results",
        postgresql_using="gin",
        postgresql_ops={"top_k_configs": "jsonb_path_ops"},
    )
    op.drop_index("idx_simulation_results_cluster_id", table_name="simulation_results")
    op.drop_table("simulation_results")
    op.drop_table("model_aliases")
    op.drop_index("uq_excluded_configurations", table_name="excluded_configurations")
    op.drop_table("excluded_configurations")
    op.drop_table("clusters")
