"""SQL of measured runs and calibrations; every query is limited to what the caller sees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from budsim.benchmarks.models import BenchmarkPoint, BenchmarkRun, StoredCalibration
from budsim.commons.access import SERVICE, Principal

Key = tuple[str, str, str, str]
_KEY = (BenchmarkPoint.model_name, BenchmarkPoint.device_name, BenchmarkPoint.engine, BenchmarkPoint.load_kind)
_CALIBRATION_KEY = ("model_name", "device_name", "engine", "load_kind")


class BenchmarkRepository:
    """Measured runs in one session.

    Args:
        session: Of one transaction.
        principal: Who asks.
    """

    def __init__(self, session: Session, principal: Principal = SERVICE) -> None:
        self.session = session
        self.principal = principal

    def _visible(self, project_id: Any) -> ColumnElement[bool]:
        return true() if self.principal.is_service else project_id.in_(self.principal.projects)

    def add(self, project_id: str, file_name: str, refused: list[Any], points: Sequence[Mapping[str, Any]]) -> None:
        """Store the runs of a file that are not stored yet; without any, nothing is stored."""
        run = BenchmarkRun(project_id=project_id, file_name=file_name, refused=refused)
        self.session.add(run)
        self.session.flush()
        rows = [{"run_id": run.id, **values} for values in points]
        statement = insert(BenchmarkPoint).on_conflict_do_nothing(index_elements=["fingerprint"])
        if not rows or not self.session.scalars(statement.returning(BenchmarkPoint.id), rows).all():
            self.remove(run)

    def stored_in(self, fingerprints: Iterable[str]) -> dict[str, int]:
        """Return the file that each of these runs is stored with; runs that are not stored are left out."""
        query = select(BenchmarkPoint.fingerprint, BenchmarkPoint.run_id)
        rows = self.session.execute(query.where(BenchmarkPoint.fingerprint.in_(list(fingerprints))))
        return {fingerprint: run_id for fingerprint, run_id in rows if fingerprint is not None}

    def learn_from(self, fingerprints: Sequence[str], *, learns: bool) -> list[Key]:
        """Note whether stored runs are learnt from; return the keys of those for which that changes."""
        statement = (
            update(BenchmarkPoint)
            .where(BenchmarkPoint.fingerprint.in_(fingerprints), BenchmarkPoint.ignored == learns)
            .values(ignored=not learns)
            .returning(*_KEY)
        )
        return [(row[0], row[1], row[2], row[3]) for row in self.session.execute(statement)]

    def runs(self, page: int, limit: int) -> tuple[int, list[BenchmarkRun]]:
        """Return how many files there are, and those of one page, newest first."""
        visible = self._visible(BenchmarkRun.project_id)
        total = self.session.scalar(select(func.count()).select_from(BenchmarkRun).where(visible)) or 0
        query = select(BenchmarkRun).where(visible).order_by(BenchmarkRun.id.desc())
        return total, list(self.session.scalars(query.offset((page - 1) * limit).limit(limit)))

    def run(self, run_id: int) -> BenchmarkRun | None:
        """Return one file, None where there is none that the caller sees."""
        query = select(BenchmarkRun).where(BenchmarkRun.id == run_id, self._visible(BenchmarkRun.project_id))
        return self.session.scalar(query)

    def points(self, run_ids: Sequence[int]) -> list[BenchmarkPoint]:
        """Return the measured runs of files, in order."""
        query = select(BenchmarkPoint).where(BenchmarkPoint.run_id.in_(run_ids)).order_by(BenchmarkPoint.id)
        return list(self.session.scalars(query))

    def points_of_key(self, project_id: str, key: Key, limit: int) -> list[BenchmarkPoint]:
        """Return the newest measured runs of one project that one calibration is fitted to, oldest first."""
        query = (
            select(BenchmarkPoint)
            .join(BenchmarkRun, BenchmarkRun.id == BenchmarkPoint.run_id)
            .where(BenchmarkRun.project_id == project_id, *(c == v for c, v in zip(_KEY, key, strict=True)))
            .order_by(BenchmarkPoint.id.desc())
            .limit(limit)
        )
        return list(self.session.scalars(query))[::-1]

    def predicted_points(self, limit: int) -> list[BenchmarkPoint]:
        """Return the newest measured runs that had a prediction."""
        query = (
            select(BenchmarkPoint)
            .join(BenchmarkRun, BenchmarkRun.id == BenchmarkPoint.run_id)
            .where(self._visible(BenchmarkRun.project_id), BenchmarkPoint.model_name != "")
            .order_by(BenchmarkPoint.id.desc())
            .limit(limit)
        )
        return list(self.session.scalars(query))

    def remove(self, run: BenchmarkRun) -> None:
        """Remove a file and its runs."""
        self.session.execute(delete(BenchmarkRun).where(BenchmarkRun.id == run.id))

    # --------------------------------------------------------------------------------------------------- calibrations
    def calibrations(self, projects: Iterable[str] = (), model: str | None = None) -> list[StoredCalibration]:
        """Return the calibrations for everybody and of projects; a project's own come last, so that they count.

        Args:
            projects: Whose, besides everybody's.
            model: Only those of this model, any case; None = all.
        """
        own = StoredCalibration.project_id
        query = select(StoredCalibration).where(own.in_(["", *projects])).order_by(own != "", StoredCalibration.id)
        if model is not None:
            query = query.where(StoredCalibration.model_name == model.lower())
        return list(self.session.scalars(query))

    def keep_calibration(self, project_id: str, key: Key, newest_point: int, content: Mapping[str, Any]) -> None:
        """Keep a calibration in place of one that knew no newer run."""
        values = {"project_id": project_id, **dict(zip(_CALIBRATION_KEY, key, strict=True))}
        changed = {"newest_point": newest_point, "content": dict(content)}
        statement = insert(StoredCalibration).values(**values, **changed)
        self.session.execute(
            statement.on_conflict_do_update(
                index_elements=["project_id", *_CALIBRATION_KEY],
                set_={**changed, "created_at": func.now()},
                where=StoredCalibration.newest_point <= newest_point,
            )
        )

    def remove_calibration(self, project_id: str, key: Key) -> None:
        """Remove a calibration."""
        columns = [getattr(StoredCalibration, name) for name in _CALIBRATION_KEY]
        same = [column == value for column, value in zip(columns, key, strict=True)]
        self.session.execute(delete(StoredCalibration).where(StoredCalibration.project_id == project_id, *same))
