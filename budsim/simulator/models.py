"""Database tables. Names and types of ``simulation_results`` are the low-level design's, section 4.1."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, DateTime, Float, ForeignKey, Index, Integer, String, Text, Uuid, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Metadata of every table that BudSim owns."""


class Timestamps:
    """When a row was written and last changed."""

    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), nullable=False)
    modified_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), onupdate=func.now(), nullable=False
    )


class SimulationResult(Timestamps, Base):
    """One configuration that a run found for one device group of one cluster and one engine.

    Beyond the design's columns: ``project_id`` (who may see it), ``config_hash`` (identity for feedback) and
    ``task_key`` (the activity that wrote it, so that a repeated activity replaces its rows).
    """

    __tablename__ = "simulation_results"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    workflow_id: Mapped[UUID] = mapped_column(Uuid, nullable=False)
    model_name: Mapped[str] = mapped_column(String(255))
    model_version: Mapped[str] = mapped_column(String(50))
    input_tokens: Mapped[int] = mapped_column(Integer)
    output_tokens: Mapped[int] = mapped_column(Integer)
    target_concurrency: Mapped[int] = mapped_column(Integer)
    target_ttft: Mapped[float] = mapped_column(Float)
    target_throughput_per_user: Mapped[float] = mapped_column(Float)
    target_e2e_latency: Mapped[float] = mapped_column(Float)
    cluster_id: Mapped[str] = mapped_column(String(255))
    node_id: Mapped[str] = mapped_column(String(255))
    node_name: Mapped[str] = mapped_column(String(255))
    device_id: Mapped[str] = mapped_column(String(255))
    device_name: Mapped[str] = mapped_column(String(255))
    device_type: Mapped[str] = mapped_column(String(10))
    device_model: Mapped[str | None] = mapped_column(String(255))
    raw_name: Mapped[str | None] = mapped_column(String(255))
    available_count: Mapped[int] = mapped_column(Integer)
    cores: Mapped[int | None] = mapped_column(Integer)
    mem_per_gpu_in_gb: Mapped[float] = mapped_column(Float)
    hbm_bandwidth_in_gb_per_sec: Mapped[float] = mapped_column(Float)
    intra_node_bandwidth_in_gb_per_sec: Mapped[float] = mapped_column(Float)
    intra_node_min_message_latency: Mapped[float] = mapped_column(Float)
    peak_fp16_tflops: Mapped[float] = mapped_column(Float)
    peak_i8_tflops: Mapped[float] = mapped_column(Float)
    peak_i4_tflops: Mapped[float] = mapped_column(Float)
    inter_node_bandwidth_in_gb_per_sec: Mapped[float] = mapped_column(Float)
    engine: Mapped[str] = mapped_column(String(255))
    engine_image: Mapped[str] = mapped_column(String(255))
    engine_version: Mapped[str | None] = mapped_column(String(50))
    tool_calling_parser_type: Mapped[str | None] = mapped_column(String(100))
    reasoning_parser_type: Mapped[str | None] = mapped_column(String(100))
    architecture_family: Mapped[str | None] = mapped_column(String(100))
    chat_template: Mapped[str | None] = mapped_column(String(500))
    supports_lora: Mapped[bool | None] = mapped_column(Boolean)
    supports_pipeline_parallelism: Mapped[bool | None] = mapped_column(Boolean)
    top_k_configs: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    is_blacklisted: Mapped[bool] = mapped_column(Boolean, server_default=text("false"), default=False)
    project_id: Mapped[str | None] = mapped_column(String(255))
    config_hash: Mapped[str | None] = mapped_column(String(64))
    task_key: Mapped[str | None] = mapped_column(String(255))

    __table_args__ = (
        Index("idx_simulation_results_workflow_id", "workflow_id"),
        Index("idx_simulation_results_cluster_id", "cluster_id"),
        Index("idx_simulation_results_workflow_cluster", "workflow_id", "cluster_id"),
        Index(
            "idx_simulation_results_topk_cost",
            "top_k_configs",
            postgresql_using="gin",
            postgresql_ops={"top_k_configs": "jsonb_path_ops"},
        ),
        Index("uq_simulation_results_task_config", "workflow_id", "task_key", "config_hash", unique=True),
    )


class WorkflowRun(Timestamps, Base):
    """One run: what was asked, where it stands, how it ended."""

    __tablename__ = "workflow_runs"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    workflow_id: Mapped[UUID] = mapped_column(Uuid, nullable=False, unique=True)
    workflow_name: Mapped[str] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(String(20))
    input: Mapped[dict[str, Any]] = mapped_column(JSONB)
    output: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    progress: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"), default=dict)
    project_id: Mapped[str | None] = mapped_column(String(255))
    started_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), nullable=False)
    deadline_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    __table_args__ = (Index("idx_workflow_runs_status", "status"), Index("idx_workflow_runs_project", "project_id"))


class WorkflowStep(Timestamps, Base):
    """One progress event of a run, in order; ``event_key`` makes a repeated activity write it once."""

    __tablename__ = "workflow_steps"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    workflow_id: Mapped[UUID] = mapped_column(
        Uuid, ForeignKey("workflow_runs.workflow_id", ondelete="CASCADE"), nullable=False
    )
    step_id: Mapped[str] = mapped_column(String(100))
    event_key: Mapped[str] = mapped_column(String(255))
    status: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(Text)
    message: Mapped[str] = mapped_column(Text)
    notification: Mapped[dict[str, Any]] = mapped_column(JSONB)

    __table_args__ = (Index("uq_workflow_steps_event", "workflow_id", "event_key", unique=True),)


class ModelAlias(Timestamps, Base):
    """An id, a UUID or a short name, that stands for a hub id or a path, in one project or ('') in all."""

    __tablename__ = "model_aliases"

    model_id: Mapped[str] = mapped_column(String(512), primary_key=True)
    project_id: Mapped[str] = mapped_column(String(255), primary_key=True, server_default=text("''"), default="")
    target: Mapped[str] = mapped_column(String(1024))


class StoredCluster(Timestamps, Base):
    """A cluster's topology as its caller sent it, for installations without the platform's state store."""

    __tablename__ = "clusters"

    cluster_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    name: Mapped[str | None] = mapped_column(String(255))
    topology: Mapped[dict[str, Any]] = mapped_column(JSONB)
    is_example: Mapped[bool] = mapped_column(Boolean, server_default=text("false"), default=False)


class ExcludedConfiguration(Timestamps, Base):
    """A configuration that failed when it was deployed; later runs of its project leave it out until it expires."""

    __tablename__ = "excluded_configurations"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    model_name: Mapped[str] = mapped_column(String(255))
    cluster_id: Mapped[str] = mapped_column(String(255))
    engine: Mapped[str] = mapped_column(String(255))
    engine_version: Mapped[str] = mapped_column(String(50), server_default=text("''"), default="")
    device_name: Mapped[str] = mapped_column(String(255))
    config_hash: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str | None] = mapped_column(Text)
    out_of_memory: Mapped[bool] = mapped_column(Boolean, server_default=text("false"), default=False)
    memory_headroom_bytes: Mapped[int | None] = mapped_column(BigInteger)
    project_id: Mapped[str] = mapped_column(String(255), server_default=text("''"), default="")
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        Index(
            "uq_excluded_configurations",
            *("project_id", "model_name", "cluster_id", "engine", "engine_version", "device_name", "config_hash"),
            unique=True,
        ),
    )
