"""Tables of use cases and of the models that each size category recommends."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    DateTime,
    Float,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from budsim.simulator.models import Base


class UseCaseRow(Base):
    """One use case: lengths, service levels in seconds, tags."""

    __tablename__ = "use_cases"
    __table_args__ = (
        CheckConstraint("input_tokens_max >= input_tokens_min", name="ck_use_cases_input_tokens"),
        CheckConstraint("output_tokens_max >= output_tokens_min", name="ck_use_cases_output_tokens"),
        Index("idx_use_cases_industry", "industry"),
        Index("idx_use_cases_tags", "tags", postgresql_using="gin"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    unique_id: Mapped[str] = mapped_column(String(100), unique=True)
    name: Mapped[str] = mapped_column(String(255))
    industry: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(Text, server_default=text("''"))
    assumptions: Mapped[str] = mapped_column(Text, server_default=text("''"))
    batch_size: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    beam_size: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    input_tokens_min: Mapped[int] = mapped_column(BigInteger)
    input_tokens_max: Mapped[int] = mapped_column(BigInteger)
    output_tokens_min: Mapped[int] = mapped_column(BigInteger)
    output_tokens_max: Mapped[int] = mapped_column(BigInteger)
    ttft_min: Mapped[float | None] = mapped_column(Float)
    ttft_max: Mapped[float | None] = mapped_column(Float)
    e2e_min: Mapped[float | None] = mapped_column(Float)
    e2e_max: Mapped[float | None] = mapped_column(Float)
    inter_token_min: Mapped[float | None] = mapped_column(Float)
    inter_token_max: Mapped[float | None] = mapped_column(Float)
    tags: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    source: Mapped[str] = mapped_column(String(20))
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    is_active: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class ModelRecommendationCategory(Base):
    """One model of a size category, as the recommendations document lists them.

    Beyond the document's columns: ``checkpoint``, the published checkpoint that a name which is no hub id stands for.
    """

    __tablename__ = "model_recommendation_categories"
    __table_args__ = (UniqueConstraint("category", "model_id", name="uq_model_recommendation_categories"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    category: Mapped[str] = mapped_column(String(10))
    model_id: Mapped[str] = mapped_column(String(255))
    checkpoint: Mapped[str | None] = mapped_column(String(255))
    display_order: Mapped[int] = mapped_column(Integer)
    is_active: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
