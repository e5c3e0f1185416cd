"""Use cases: one transaction per call."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from budsim.commons.database import Database
from budsim.commons.errors import ConflictError, InvalidRequestError, NotFoundError
from budsim.usecases.models import UseCaseRow
from budsim.usecases.repository import FIELDS, UseCaseFilter, UseCaseRepository, read_question
from budsim.usecases.schemas import UseCaseCreate, UseCaseImport, UseCaseUpdate
from budsim.usecases.use_case import UseCase, input_length_profile, latency_profile

MAX_EXPORTED = 10_000


_STORED = ("id", "unique_id", *FIELDS, "source", "version", "is_active", "created_at", "updated_at")
_QUESTION_FIELDS = tuple(field.name for field in dataclasses.fields(UseCase))


def use_case_fields(row: UseCaseRow | Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as the API shows it."""
    stored = {name: row[name] if isinstance(row, Mapping) else getattr(row, name) for name in _STORED}
    return {
        **stored,
        "latency_profile": latency_profile(stored["e2e_max"]),
        "input_length_profile": input_length_profile(stored["input_tokens_max"]),
    }


class UseCaseService:
    """Reads and writes use cases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, body: UseCaseCreate) -> dict[str, Any]:
        """Store a new use case.

        Raises:
            InvalidRequestError: Its id exists.
        """
        with self._database.transaction() as session:
            repository = UseCaseRepository(session)
            if not repository.add_new([{**body.model_dump(), "source": "api"}]):
                raise _duplicate([body.unique_id])
            return use_case_fields(_required(repository, body.unique_id))

    def get(self, unique_id: str) -> dict[str, Any]:
        """Return an active use case.

        Raises:
            NotFoundError: There is none.
        """
        with self._database.transaction() as session:
            return use_case_fields(_required(UseCaseRepository(session), unique_id))

    def find(
        self, wanted: UseCaseFilter, *, sort_by: str = "unique_id", descending: bool = False, limit: int, offset: int
    ) -> dict[str, Any]:
        """Return a page."""
        with self._database.transaction() as session:
            rows, total = UseCaseRepository(session).find(
                wanted, sort_by=sort_by, descending=descending, limit=limit, offset=offset
            )
            found = [use_case_fields(row) for row in rows]
        return {"usecases": found, "total": total, "limit": limit, "offset": offset}

    def update(self, unique_id: str, body: UseCaseUpdate) -> dict[str, Any]:
        """Replace a use case's fields; those who change it at the same time take turns.

        Raises:
            NotFoundError: There is none.
            ConflictError: ``version`` is given and is not the stored one.
        """
        with self._database.transaction() as session:
            repository = UseCaseRepository(session)
            row = repository.get(unique_id, for_update=True)
            if row is None:
                raise _missing(unique_id)
            if body.version is not None and body.version != row.version:
                raise ConflictError(
                    f"Use case {unique_id} is at version {row.version}, not {body.version}: somebody changed it. "
                    "Read it again and repeat your change.",
                    {"field": "version", "version": row.version},
                )
            repository.replace(row, body.model_dump(exclude={"version"}))
            return use_case_fields(row)

    def delete(self, unique_id: str, *, hard_delete: bool) -> None:
        """Hide a use case, or remove its row.

        Raises:
            NotFoundError: There is none, or it is hidden already and shall only be hidden.
        """
        with self._database.transaction() as session:
            repository = UseCaseRepository(session)
            row = repository.get(unique_id, for_update=True)
            if row is None or (not row.is_active and not hard_delete):
                raise _missing(unique_id)
            if hard_delete:
                repository.remove(unique_id)
            else:
                repository.replace(row, {"is_active": False})

    def stats(self) -> dict[str, Any]:
        """Return counts."""
        with self._database.transaction() as session:
            return UseCaseRepository(session).stats()

    def load(self, body: UseCaseImport) -> dict[str, Any]:
        """Store an import, all of it or nothing.

        Raises:
            InvalidRequestError: An id comes twice, or exists and ``on_conflict`` is ``fail``.
        """
        ids = [item.unique_id for item in body.usecases]
        twice = sorted({name for name in ids if ids.count(name) > 1}) if len(set(ids)) < len(ids) else []
        if twice:
            raise InvalidRequestError(f"ids come twice: {', '.join(twice[:10])}", {"field": "usecases"})
        rows = {item.unique_id: {**item.model_dump(), "source": "json_import"} for item in body.usecases}
        with self._database.transaction() as session:
            repository = UseCaseRepository(session)
            known = repository.existing(ids)
            if known and body.on_conflict == "fail":
                raise _duplicate(sorted(known))
            if body.on_conflict == "replace":
                for name, row in known.items():
                    repository.replace(row, {**rows[name], "is_active": True})
            stored = repository.add_new(rows[name] for name in ids if name not in known)
            late = [name for name in ids if name not in known and name not in stored]
            if late and body.on_conflict != "skip":  # somebody else stored them meanwhile: nothing of this import stays
                raise _duplicate(late)
        skipped = [name for name in ids if name in known or name in late] if body.on_conflict == "skip" else []
        replaced = len(known) if body.on_conflict == "replace" else 0
        return {"created": len(stored), "replaced": replaced, "skipped": skipped}

    def dump(self, wanted: UseCaseFilter) -> dict[str, Any]:
        """Return use cases as ``load`` takes them."""
        with self._database.transaction() as session:
            rows, _ = UseCaseRepository(session).find(wanted, limit=MAX_EXPORTED, offset=0)
            return {"usecases": [{name: getattr(row, name) for name in ("unique_id", *FIELDS)} for row in rows]}

    def values(self) -> list[UseCase]:
        """Return the active use cases as values, by id."""
        with self._database.transaction() as session:
            rows, _ = UseCaseRepository(session).find(UseCaseFilter(), limit=MAX_EXPORTED, offset=0)
            return [UseCase(**{name: getattr(row, name) for name in _QUESTION_FIELDS}) for row in rows]

    def question(self, unique_id: str) -> tuple[dict[str, Any], UseCase, list[tuple[str, str, str | None]]]:
        """Return a use case as shown, as a value, and the models of each size category.

        Raises:
            NotFoundError: There is no such use case.
        """
        with self._database.reading_engine.connect() as connection:
            row = read_question(connection, unique_id)
        if row is None:
            raise _missing(unique_id)
        use_case = UseCase(**{name: row[name] for name in _QUESTION_FIELDS})
        return use_case_fields(row), use_case, [tuple(entry) for entry in row["categories"] or []]


def _required(repository: UseCaseRepository, unique_id: str) -> UseCaseRow:
    row = repository.get(unique_id)
    if row is None or not row.is_active:
        raise _missing(unique_id)
    return row


def _missing(unique_id: str) -> NotFoundError:
    return NotFoundError(
        f"There is no use case {unique_id[:100]}; GET /api/usecases lists them.", {"field": "unique_id"}
    )


def _duplicate(unique_ids: list[str]) -> InvalidRequestError:
    text = f"use cases exist already: {', '.join(unique_ids[:10])}. Choose other ids, or PUT or import with replace."
    return InvalidRequestError(text, {"field": "unique_id", "existing": unique_ids[:100]})
