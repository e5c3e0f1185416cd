"""SQL of use cases and model categories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, func, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by, insert
from sqlalchemy.orm import Session

from budsim.usecases.models import ModelRecommendationCategory, UseCaseRow
from budsim.usecases.schemas import UseCaseFields
from budsim.usecases.use_case import latency_profile

FIELDS = tuple(UseCaseFields.model_fields)
_POPULAR_TAGS = 20
_ESCAPE = str.maketrans({"\\": r"\\", "%": r"\%", "_": r"\_"})


@dataclass(frozen=True, slots=True)
class UseCaseFilter:
    """Which use cases; None or empty = any.

    Attributes:
        query: Text in id, name, description or industry, any case.
        tags: All of them.
    """

    query: str | None = None
    industry: str | None = None
    tags: tuple[str, ...] = ()
    max_e2e_latency: float | None = None
    max_ttft: float | None = None
    min_input_tokens: int | None = None
    max_input_tokens: int | None = None
    min_output_tokens: int | None = None
    max_output_tokens: int | None = None
    batch_size: int | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the SQL conditions; a bound that a use case does not have never excludes it from a limit on it."""
        row = UseCaseRow
        found: list[ColumnElement[bool]] = [row.is_active.is_(True)]
        if self.query:
            pattern = f"%{self.query.translate(_ESCAPE)}%"
            columns = (row.unique_id, row.name, row.description, row.industry)
            found.append(or_(*(column.ilike(pattern, escape="\\") for column in columns)))
        if self.industry:
            found.append(func.lower(row.industry) == self.industry.lower())
        if self.tags:
            found.append(row.tags.contains(list(self.tags)))
        limits: Sequence[tuple[Any, Any, bool]] = (
            (row.e2e_max, self.max_e2e_latency, True),
            (row.ttft_max, self.max_ttft, True),
            (row.input_tokens_max, self.min_input_tokens, False),
            (row.input_tokens_max, self.max_input_tokens, True),
            (row.output_tokens_max, self.min_output_tokens, False),
            (row.output_tokens_max, self.max_output_tokens, True),
        )
        for column, limit, is_upper in limits:
            if limit is not None:
                found.append(column <= limit if is_upper else column >= limit)
        if self.batch_size is not None:
            found.append(row.batch_size == self.batch_size)
        return found


def _question() -> Select[Any]:
    """Return the statement of ``read_question``; built once, because building takes longer than asking."""
    row = ModelRecommendationCategory
    named = func.json_build_array(row.category, row.model_id, row.checkpoint)
    listed = func.json_agg(aggregate_order_by(named, row.display_order, row.id))
    categories = select(listed).where(row.is_active.is_(True)).scalar_subquery().label("categories")
    return select(*UseCaseRow.__table__.columns, categories).where(
        UseCaseRow.unique_id == bindparam("asked"), UseCaseRow.is_active.is_(True)
    )


_QUESTION = _question()


def read_question(connection: Connection, unique_id: str) -> Mapping[str, Any] | None:
    """Return an active use case's columns and ``categories``, in one statement; None where there is none.

    Args:
        connection: For reading.
        unique_id: The use case.
    """
    row = connection.execute(_QUESTION, {"asked": unique_id}).mappings().first()
    return None if row is None else dict(row)


class UseCaseRepository:
    """Use cases of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, unique_id: str, *, for_update: bool = False) -> UseCaseRow | None:
        """Return a use case, active or not; ``for_update`` makes others wait until this transaction ends."""
        query = select(UseCaseRow).where(UseCaseRow.unique_id == unique_id)
        return self._session.scalar(query.with_for_update() if for_update else query)

    def find(
        self, wanted: UseCaseFilter, *, sort_by: str = "unique_id", descending: bool = False, limit: int, offset: int
    ) -> tuple[list[UseCaseRow], int]:
        """Return one page and the number of all matches."""
        conditions = wanted.conditions()
        total = self._session.scalar(select(func.count()).select_from(UseCaseRow).where(*conditions)) or 0
        column = getattr(UseCaseRow, sort_by)
        order = column.desc().nulls_last() if descending else column.asc().nulls_last()
        query = select(UseCaseRow).where(*conditions).order_by(order, UseCaseRow.unique_id)
        return list(self._session.scalars(query.limit(limit).offset(offset))), total

    def add_new(self, rows: Iterable[dict[str, Any]]) -> set[str]:
        """Store rows whose id does not exist; return the ids that were stored."""
        values = list(rows)
        if not values:
            return set()
        statement = insert(UseCaseRow).values(values).on_conflict_do_nothing(index_elements=["unique_id"])
        return set(self._session.scalars(statement.returning(UseCaseRow.unique_id)))

    def replace(self, row: UseCaseRow, fields: dict[str, Any]) -> None:
        """Write fields over a row and count its version."""
        for name, value in fields.items():
            setattr(row, name, value)
        row.version += 1
        row.updated_at = func.now()
        self._session.flush()
        self._session.refresh(row)

    def existing(self, unique_ids: Sequence[str]) -> dict[str, UseCaseRow]:
        """Return the stored rows among ids, locked in the order of their ids so that two imports cannot block."""
        query = (
            select(UseCaseRow)
            .where(UseCaseRow.unique_id.in_(unique_ids))
            .order_by(UseCaseRow.unique_id)
            .with_for_update()
        )
        return {row.unique_id: row for row in self._session.scalars(query)}

    def remove(self, unique_id: str) -> None:
        """Delete the row itself."""
        self._session.execute(delete(UseCaseRow).where(UseCaseRow.unique_id == unique_id))

    def stats(self) -> dict[str, Any]:
        """Return counts of the active use cases by industry, latency profile and tag."""
        query = select(UseCaseRow.industry, UseCaseRow.e2e_max, UseCaseRow.tags).where(UseCaseRow.is_active.is_(True))
        industries: dict[str, int] = {}
        profiles: dict[str, int] = {}
        tags: dict[str, int] = {}
        total = 0
        for industry, e2e_max, own_tags in self._session.execute(query):
            total += 1
            industries[industry] = industries.get(industry, 0) + 1
            profile = latency_profile(e2e_max) or "unbounded"
            profiles[profile] = profiles.get(profile, 0) + 1
            for tag in own_tags:
                tags[tag] = tags.get(tag, 0) + 1
        popular = sorted(tags.items(), key=lambda item: (-item[1], item[0]))
        return {
            "total_usecases": total,
            "by_industry": dict(sorted(industries.items())),
            "by_latency_profile": dict(sorted(profiles.items())),
            "popular_tags": [{"tag": tag, "count": count} for tag, count in popular[:_POPULAR_TAGS]],
            "tags": dict(sorted(tags.items())),
        }

    # ------------------------------------------------------------------------------------------------------ categories
    def seed_categories(self, rows: Sequence[dict[str, Any]]) -> None:
        """Store the shipped categories that are not there."""
        statement = insert(ModelRecommendationCategory).values(list(rows))
        self._session.execute(statement.on_conflict_do_nothing(constraint="uq_model_recommendation_categories"))
