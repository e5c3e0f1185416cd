"""Measured runs behind the routes: take a file, predict it, calibrate, track."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from budsim.benchmarks import worker
from budsim.benchmarks.accuracy import GroupAccuracy, TrackedPoint, accuracy_of
from budsim.benchmarks.importer import ImportedRuns, import_runs
from budsim.benchmarks.measured_point import MeasuredPoint, point_of_row, run_fingerprint, with_stated
from budsim.benchmarks.models import BenchmarkPoint, BenchmarkRun, StoredCalibration
from budsim.benchmarks.repository import BenchmarkRepository, Key
from budsim.benchmarks.schemas import BenchmarkUpload
from budsim.commons.errors import InvalidRequestError, NotFoundError, SimulationTimeoutError
from budsim.simulator.services import SimulationService

logger = logging.getLogger(__name__)

Json = dict[str, Any]
MAX_RUNS_PER_FILE = 2_000
_MAX_FITTED_POINTS = 500
MAX_TRACKED_POINTS = 20_000
_STATED = ("model", "hardware", "engine", "engine_version", "precision")


class BenchmarkService:
    """Measured runs as one caller sees them.

    Args:
        service: The running service, limited to the caller.
    """

    def __init__(self, service: SimulationService) -> None:
        self._service = service
        self._database = service.database

    def add(self, body: BenchmarkUpload) -> Json:
        """Store a file's runs with what was predicted for them so far, and let later predictions learn from them.

        Raises:
            BudSimError: The file is of no known tool, nothing of it can be used, or the project is not the caller's.
        """
        project_id = self._service.project_of(body.project_id) or ""
        runs = _imported(body)
        points = [self._with_model(with_stated(point, _stated(body))) for point in runs.points]
        marks = [run_fingerprint(point, project_id) for point in points]
        with self._database.reading() as session:
            earlier = BenchmarkRepository(session).stored_in(marks)
        new: dict[str, MeasuredPoint] = {}
        for mark, point in zip(marks, points, strict=True):
            if mark not in earlier:
                new.setdefault(mark, point)
        rows = self._assessed(new, project_id, calibrates=body.calibrate)
        refused = [{"position": run.position, "reason": run.reason} for run in runs.refused]
        with self._database.transaction() as session:
            repository = BenchmarkRepository(session)
            changed = repository.learn_from(list(earlier), learns=body.calibrate)
            if rows:
                repository.add(project_id, body.file_name, refused, rows)
            stored = repository.stored_in(marks)
        run_id = max(stored.values())
        if body.calibrate:
            changed += [(row["model_name"], row["device_name"], row["engine"], row["load_kind"]) for row in rows]
        try:
            self._refit(project_id, dict.fromkeys(key for key in changed if key[0]))
        except SimulationTimeoutError as error:  # the runs are stored; the next file tries again
            logger.warning("No calibration of benchmark %d: %s", run_id, error.message)
        return {**self.show(run_id), "known": _known_runs(points, marks, stored, new)}

    def _assessed(self, new: Mapping[str, MeasuredPoint], project_id: str, *, calibrates: bool) -> list[Json]:
        """Return the rows of runs by fingerprint, with what is predicted for them now."""
        if not new:
            return []
        with self._database.reading() as session:
            contents = [row.content for row in BenchmarkRepository(session).calibrations([project_id])]
        assessed = self._service.compute(worker.assess, list(new.values()), contents)
        return [
            _point_values(point, mark, found, calibrates)
            for (mark, point), found in zip(new.items(), assessed, strict=True)
        ]

    def _with_model(self, point: MeasuredPoint) -> MeasuredPoint:
        """Return the point with a mapped model id replaced by what it stands for."""
        return point if point.model is None else with_stated(point, {"model": self._service.model_target(point.model)})

    def _refit(self, project_id: str, keys: Iterable[Key]) -> None:
        """Fit the calibrations of a project anew, from all that it measured."""
        for key in keys:
            with self._database.reading() as session:
                stored = BenchmarkRepository(session).points_of_key(project_id, key, _MAX_FITTED_POINTS)
                newest = max((row.id for row in stored), default=0)
                points = [point_of_row(row.tool, row.configuration, row.measured) for row in stored if not row.ignored]
            fitted = self._service.compute(worker.fit, points) if points else []
            with self._database.transaction() as session:
                repository = BenchmarkRepository(session)
                if not fitted:
                    repository.remove_calibration(project_id, key)
                for content in fitted:
                    repository.keep_calibration(project_id, key, newest, content)

    def show(self, run_id: int) -> Json:
        """Return one file with its runs and the calibrations in use of what it is about.

        Raises:
            NotFoundError: There is none that the caller sees.
        """
        with self._database.reading() as session:
            repository = BenchmarkRepository(session, self._service.principal)
            run = _required(repository, run_id)
            points = repository.points([run_id])
            known = repository.calibrations([run.project_id])
            return {**_summary(run), **_content(run, points), "calibrations": _in_use(known, map(_key_of, points))}

    def page(self, page: int, limit: int) -> Json:
        """Return the files of one page."""
        with self._database.reading() as session:
            repository = BenchmarkRepository(session, self._service.principal)
            total, runs = repository.runs(page, limit)
            points: dict[int, list[BenchmarkPoint]] = {run.id: [] for run in runs}
            for point in repository.points(list(points)):
                points[point.run_id].append(point)
            items = [
                {
                    **_summary(run),
                    "num_runs": len(points[run.id]),
                    "num_refused": len(run.refused),
                    "models": sorted({point.model_name for point in points[run.id] if point.model_name}),
                }
                for run in runs
            ]
        pages = -(-total // limit)
        return {"page": page, "limit": limit, "total_items": total, "total_pages": pages, "items": items}

    def remove(self, run_id: int) -> Json:
        """Remove a file; what it calibrated is fitted anew from what is left.

        Raises:
            NotFoundError: There is none that the caller sees.
        """
        with self._database.transaction() as session:
            repository = BenchmarkRepository(session, self._service.principal)
            run = _required(repository, run_id)
            project_id = run.project_id
            keys = list(dict.fromkeys(key for key in map(_key_of, repository.points([run_id])) if key[0]))
            repository.remove(run)
            for key in keys:
                repository.remove_calibration(project_id, key)
        self._refit(project_id, keys)
        with self._database.reading() as session:
            known = BenchmarkRepository(session).calibrations([project_id])
            return {"id": run_id, "calibrations": _in_use(known, keys)}

    def accuracy(self) -> tuple[list[GroupAccuracy], dict[Key, Json]]:
        """Return how well the newest runs had been predicted, and the calibrations in use by key."""
        principal = self._service.principal
        with self._database.reading() as session:
            repository = BenchmarkRepository(session, principal)
            rows = repository.predicted_points(MAX_TRACKED_POINTS)
            tracked = [TrackedPoint(_key_of(row), row.measured, row.predicted) for row in rows]
            known = repository.calibrations(() if principal.is_service else sorted(principal.projects))
            in_use: dict[Key, Json] = {_key_of(row): row.content for row in known}
        return accuracy_of(tracked), in_use


def _imported(body: BenchmarkUpload) -> ImportedRuns:
    text = body.content if isinstance(body.content, str) else json.dumps(body.content)
    runs = import_runs(text)
    if len(runs.points) > MAX_RUNS_PER_FILE:
        text = f"the file holds {len(runs.points)} runs; at most {MAX_RUNS_PER_FILE} at once"
        raise InvalidRequestError(text, {"field": "content"})
    return runs


def _stated(body: BenchmarkUpload) -> Json:
    return {**body.settings, **{name: value for name in _STATED if (value := getattr(body, name))}}


def _known_runs(
    points: Sequence[MeasuredPoint], marks: Sequence[str], stored: Mapping[str, int], new: Mapping[str, MeasuredPoint]
) -> list[Json]:
    """Return the runs of an upload that an earlier upload, or an earlier run of this one, has stored."""
    return [
        {"position": point.position[:100], "benchmark_id": stored[mark]}
        for point, mark in zip(points, marks, strict=True)
        if new.get(mark) is not point
    ]


def _point_values(point: MeasuredPoint, mark: str, found: Json, calibrates: bool) -> Json:
    key = found["key"] or ("", "", "", "")
    columns = dict(zip(("model_name", "device_name", "engine", "load_kind"), key, strict=True))
    return {
        **columns,
        "position": point.position[:100],
        "tool": point.tool,
        "configuration": point.row(),
        "measured": dict(point.metrics),
        "derived": list(point.derived),
        "notes": list(point.notes),
        "predicted": found["predicted"] or {},
        "reason": found["reason"],
        "fingerprint": mark,
        "ignored": not calibrates,
    }


def _required(repository: BenchmarkRepository, run_id: int) -> BenchmarkRun:
    run = repository.run(run_id)
    if run is None:
        raise NotFoundError(f"There is no benchmark {run_id}.", {"field": "benchmark_id"})
    return run


def _key_of(row: BenchmarkPoint | StoredCalibration) -> Key:
    return row.model_name, row.device_name, row.engine, row.load_kind


def _summary(run: BenchmarkRun) -> Json:
    return {
        "id": run.id,
        "file_name": run.file_name,
        "project_id": run.project_id or None,
        "created_at": run.created_at,
    }


def _content(run: BenchmarkRun, points: Sequence[BenchmarkPoint]) -> Json:
    shown = ("position", "tool", "configuration", "measured", "derived", "reason", "notes")
    rows = [
        {**{name: getattr(point, name) for name in shown}, "predicted": point.predicted or None} for point in points
    ]
    return {"runs": rows, "refused": run.refused}


def _in_use(known: Iterable[StoredCalibration], keys: Iterable[Key]) -> list[Json]:
    """Return the calibrations of ``keys``; a project's own in place of everybody's."""
    wanted = set(keys)
    return list({_key_of(row): row.content for row in known if _key_of(row) in wanted}.values())
