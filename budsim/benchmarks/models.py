"""Tables of measured runs and of the calibrations that follow from them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, DateTime, ForeignKey, Index, Integer, String, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from budsim.simulator.models import Base

_EMPTY_LIST, _EMPTY_OBJECT = text("'[]'::jsonb"), text("'{}'::jsonb")


def _now() -> Mapped[datetime]:
    return mapped_column(DateTime(timezone=True), server_default=func.now(), nullable=False)


class BenchmarkRun(Base):
    """One file of a benchmark tool that somebody handed in."""

    __tablename__ = "benchmark_runs"
    __table_args__ = (Index("idx_benchmark_runs_project", "project_id"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    project_id: Mapped[str] = mapped_column(String(255), server_default=text("''"), default="")
    file_name: Mapped[str] = mapped_column(String(255), server_default=text("''"), default="")
    refused: Mapped[list[Any]] = mapped_column(JSONB, server_default=_EMPTY_LIST, default=list)
    created_at: Mapped[datetime] = _now()


class BenchmarkPoint(Base):
    """One measured run of such a file, and what was predicted for it before it was known.

    ``model_name``, ``device_name``, ``engine`` and ``load_kind`` are the key of its calibration; empty where it cannot
    be predicted, and ``reason`` then says why. ``ignored`` runs are tracked, not learnt from. ``fingerprint`` keeps a
    run that a project hands in twice from counting twice.
    """

    __tablename__ = "benchmark_points"
    __table_args__ = (
        Index("idx_benchmark_points_run", "run_id"),
        Index("idx_benchmark_points_key", "model_name", "device_name", "engine", "load_kind"),
        Index("uq_benchmark_points_fingerprint", "fingerprint", unique=True),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    run_id: Mapped[int] = mapped_column(Integer, ForeignKey("benchmark_runs.id", ondelete="CASCADE"), nullable=False)
    position: Mapped[str] = mapped_column(String(100), server_default=text("''"), default="")
    tool: Mapped[str] = mapped_column(String(20))
    model_name: Mapped[str] = mapped_column(String(512), server_default=text("''"), default="")
    device_name: Mapped[str] = mapped_column(String(255), server_default=text("''"), default="")
    engine: Mapped[str] = mapped_column(String(50), server_default=text("''"), default="")
    load_kind: Mapped[str] = mapped_column(String(20), server_default=text("''"), default="")
    configuration: Mapped[dict[str, Any]] = mapped_column(JSONB)
    measured: Mapped[dict[str, Any]] = mapped_column(JSONB)
    derived: Mapped[list[Any]] = mapped_column(JSONB, server_default=_EMPTY_LIST, default=list)
    notes: Mapped[list[Any]] = mapped_column(JSONB, server_default=_EMPTY_LIST, default=list)
    predicted: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=_EMPTY_OBJECT, default=dict)
    reason: Mapped[str] = mapped_column(Text, server_default=text("''"), default="")
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    ignored: Mapped[bool] = mapped_column(Boolean, server_default=text("false"), default=False)
    created_at: Mapped[datetime] = _now()


class StoredCalibration(Base):
    """Constants of one model on one device under one engine, in one project or ('') in all.

    ``newest_point`` is the last measured run that it knows: an older fit never replaces a newer one.
    """

    __tablename__ = "calibrations"
    __table_args__ = (
        Index("uq_calibrations", "project_id", "model_name", "device_name", "engine", "load_kind", unique=True),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    project_id: Mapped[str] = mapped_column(String(255), server_default=text("''"), default="")
    model_name: Mapped[str] = mapped_column(String(512))
    device_name: Mapped[str] = mapped_column(String(255))
    engine: Mapped[str] = mapped_column(String(50))
    load_kind: Mapped[str] = mapped_column(String(20))
    newest_point: Mapped[int] = mapped_column(Integer)
    content: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = _now()
