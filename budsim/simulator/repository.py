"""All SQL of the simulator. Every method works inside the session it was given; none commits.

Every query is limited to what the caller may see: runs and rows of its projects, clusters and rows of its clusters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, cast, delete, func, select, text, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from budsim.commons.access import SERVICE, Principal
from budsim.simulator.models import (
    Base,
    ExcludedConfiguration,
    ModelAlias,
    SimulationResult,
    StoredCluster,
    WorkflowRun,
    WorkflowStep,
)

UNFINISHED = ("PENDING", "RUNNING", "SUSPENDED")
ACTIVE = ("PENDING", "RUNNING")
# Steps that are recorded for the service itself; progress does not show them.
TASK_STEP = "performance_estimation.task"
METADATA_STEP = "workflow_metadata"

# Statements on tables, not on mapped classes, where no object is wanted back: half the work for the same rows.
_RUNS, _STEPS = Base.metadata.tables["workflow_runs"], Base.metadata.tables["workflow_steps"]
_RESULT_COLUMNS = frozenset(SimulationResult.__table__.columns.keys())


class Repository:
    """Queries and changes of one session, on behalf of one caller."""

    def __init__(self, session: Session, principal: Principal = SERVICE) -> None:
        self.session = session
        self.principal = principal

    def _in_projects(self, project_id: Any) -> ColumnElement[bool]:
        return true() if self.principal.is_service else project_id.in_(self.principal.projects)

    def _in_clusters(self, cluster_id: Any) -> ColumnElement[bool]:
        return true() if self.principal.is_service else cluster_id.in_(self.principal.clusters)

    def _visible_row(self) -> ColumnElement[bool]:
        return and_(self._in_projects(SimulationResult.project_id), self._in_clusters(SimulationResult.cluster_id))

    # ------------------------------------------------------------------------------------------------------------ runs
    def add_run(
        self, workflow_id: UUID, name: str, question: Mapping[str, Any], timeout_s: float, project_id: str | None
    ) -> bool:
        """Record that a run was asked for, unless it is recorded already; return whether it was new."""
        row = {
            "workflow_id": workflow_id,
            "workflow_name": name,
            "status": "PENDING",
            "input": dict(question),
            "deadline_at": datetime.now(UTC) + timedelta(seconds=timeout_s),
            "project_id": project_id,
        }
        statement = insert(_RUNS).values(row).on_conflict_do_nothing(index_elements=["workflow_id"])
        return self.session.scalar(statement.returning(_RUNS.c.id)) is not None

    def run(self, workflow_id: UUID, *, lock: bool = False) -> WorkflowRun | None:
        """Return one run, locked against changes by others when asked."""
        query = select(WorkflowRun).where(
            WorkflowRun.workflow_id == workflow_id, self._in_projects(WorkflowRun.project_id)
        )
        return self.session.scalar(query.with_for_update() if lock else query)

    def history(self, offset: int, limit: int) -> tuple[list[WorkflowRun], int]:
        """Return some of the caller's runs, newest first, and how many there are in all."""
        visible = self._in_projects(WorkflowRun.project_id)
        page = select(WorkflowRun).where(visible).order_by(WorkflowRun.id.desc()).offset(offset).limit(limit)
        total = self.session.scalar(select(func.count()).select_from(WorkflowRun).where(visible))
        return list(self.session.scalars(page)), int(total or 0)

    def status(self, workflow_id: UUID) -> str | None:
        """Return where one run stands."""
        visible = self._in_projects(WorkflowRun.project_id)
        return self.session.scalar(select(WorkflowRun.status).where(WorkflowRun.workflow_id == workflow_id, visible))

    def unfinished_runs(self) -> list[WorkflowRun]:
        """Return the runs that are waiting or running, oldest first."""
        visible = self._in_projects(WorkflowRun.project_id)
        query = select(WorkflowRun).where(WorkflowRun.status.in_(ACTIVE), visible).order_by(WorkflowRun.id)
        return list(self.session.scalars(query))

    def count_active(self) -> int:
        """Return how many runs are waiting or running."""
        visible = self._in_projects(WorkflowRun.project_id)
        return self.session.scalar(select(func.count()).where(WorkflowRun.status.in_(ACTIVE), visible)) or 0

    def change_status(self, workflow_id: UUID, to: str, allowed: Sequence[str], **values: Any) -> bool:
        """Move a run to another status if it is in one of ``allowed``; return whether it was."""
        change = (
            update(_RUNS)
            .where(
                _RUNS.c.workflow_id == workflow_id,
                _RUNS.c.status.in_(allowed),
                self._in_projects(_RUNS.c.project_id),
            )
            .values(status=to, modified_at=func.now(), **values)
            .returning(_RUNS.c.id)
        )
        return self.session.scalar(change) is not None

    def extend_deadline(self, workflow_id: UUID, timeout_s: float, *, anew: bool = False) -> None:
        """Give a run its whole time again, counted from now; ``anew``: it also starts now."""
        deadline = datetime.now(UTC) + timedelta(seconds=timeout_s)
        change = update(WorkflowRun).where(WorkflowRun.workflow_id == workflow_id)
        self.session.execute(change.values(deadline_at=deadline, **({"started_at": func.now()} if anew else {})))

    # ----------------------------------------------------------------------------------------------------------- steps
    def add_step(self, workflow_id: UUID, event_key: str, notification: Mapping[str, Any], **columns: str) -> bool:
        """Record an event unless it is recorded already; return whether it was new."""
        row = {"workflow_id": workflow_id, "event_key": event_key, "notification": dict(notification), **columns}
        statement = insert(_STEPS).values(row).on_conflict_do_nothing().returning(_STEPS.c.id)
        return self.session.scalar(statement) is not None

    def steps(self, workflow_id: UUID) -> list[WorkflowStep]:
        """Return the events of a run, in order."""
        query = select(WorkflowStep).where(WorkflowStep.workflow_id == workflow_id).order_by(WorkflowStep.id)
        if not self.principal.is_service:
            own = select(WorkflowRun.workflow_id).where(self._in_projects(WorkflowRun.project_id))
            query = query.where(WorkflowStep.workflow_id.in_(own))
        return list(self.session.scalars(query))

    def task_timings(self, method: str, limit: int = 50) -> list[tuple[int, float]]:
        """Return candidates and seconds of the latest searches of one method, newest last.

        Those of all projects: they say how fast this installation is, and nothing of what was asked.
        """
        query = (
            select(WorkflowStep.notification)
            .where(WorkflowStep.step_id == TASK_STEP, WorkflowStep.notification["method"].astext == method)
            .order_by(WorkflowStep.id.desc())
            .limit(limit)
        )
        found = list(self.session.scalars(query))[::-1]
        return [(int(row["num_evaluated"]), float(row["seconds"])) for row in found]

    # --------------------------------------------------------------------------------------------------------- results
    def replace_rows(self, workflow_id: UUID, task_key: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Store the rows of one search in place of any it stored before; return how many."""
        key = f"{workflow_id}/{task_key}"
        self.session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": key})
        self.session.execute(
            delete(SimulationResult).where(
                SimulationResult.workflow_id == workflow_id, SimulationResult.task_key == task_key
            )
        )
        distinct = {row["config_hash"]: row for row in reversed(list(rows))}
        ordered = list(reversed(distinct.values()))
        fresh = {"workflow_id": workflow_id, "task_key": task_key}
        self.session.add_all(
            SimulationResult(**{name: value for name, value in row.items() if name in _RESULT_COLUMNS}, **fresh)
            for row in ordered
        )
        return len(ordered)

    def keep_rows(self, workflow_id: UUID, task_keys: Sequence[str]) -> None:
        """Forget the rows of every search but these: an earlier attempt's."""
        earlier = SimulationResult.task_key.not_in(list(task_keys))
        self.session.execute(delete(SimulationResult).where(SimulationResult.workflow_id == workflow_id, earlier))

    def delete_steps(self, workflow_id: UUID) -> None:
        """Forget the events of a run."""
        self.session.execute(delete(WorkflowStep).where(WorkflowStep.workflow_id == workflow_id))

    def rows(self, workflow_id: UUID, cluster_id: str | None = None) -> list[dict[str, Any]]:
        """Return what a run found and feedback has not excluded, in an order that does not depend on who was faster."""
        in_cluster: ColumnElement[bool] = SimulationResult.cluster_id == cluster_id if cluster_id else true()
        query = select(SimulationResult.__table__).where(
            SimulationResult.workflow_id == workflow_id,
            SimulationResult.is_blacklisted.is_(False),
            in_cluster,
            self._visible_row(),
        )
        ordered = query.order_by(SimulationResult.cluster_id, SimulationResult.task_key, SimulationResult.id)
        return [dict(row) for row in self.session.execute(ordered).mappings()]

    def failed_ids(self, workflow_id: UUID, cluster_id: str | None = None) -> list[int]:
        """Return the rows of a run that feedback has excluded."""
        query = select(SimulationResult.id).where(
            SimulationResult.workflow_id == workflow_id,
            SimulationResult.is_blacklisted.is_(True),
            SimulationResult.cluster_id == cluster_id if cluster_id else true(),
            self._visible_row(),
        )
        return list(self.session.scalars(query.order_by(SimulationResult.id)))

    def rows_by_id(self, workflow_id: UUID, row_ids: Sequence[int]) -> dict[int, SimulationResult]:
        """Return rows of one run by their ids."""
        query = select(SimulationResult).where(
            SimulationResult.workflow_id == workflow_id, SimulationResult.id.in_(list(row_ids)), self._visible_row()
        )
        return {row.id: row for row in self.session.scalars(query)}

    # -------------------------------------------------------------------------------------------------------- feedback
    def exclude(self, row: SimulationResult, reason: str | None, out_of_memory: bool, expires_at: datetime) -> None:
        """Remember that a configuration failed, so that later runs leave it out."""
        values = {
            **_exclusion_key(row),
            "reason": reason,
            "out_of_memory": out_of_memory,
            "memory_headroom_bytes": int((row.top_k_configs or {}).get("memory_headroom") or 0),
            "expires_at": expires_at,
        }
        statement = insert(ExcludedConfiguration).values(values)
        changed = {name: values[name] for name in ("reason", "out_of_memory", "memory_headroom_bytes", "expires_at")}
        self.session.execute(statement.on_conflict_do_update(index_elements=list(_exclusion_key(row)), set_=changed))

    def readmit(self, row: SimulationResult) -> None:
        """Forget that a configuration failed."""
        conditions = [getattr(ExcludedConfiguration, name) == value for name, value in _exclusion_key(row).items()]
        self.session.execute(delete(ExcludedConfiguration).where(*conditions))

    def exclusions(self, model_name: str, project_id: str | None) -> list[ExcludedConfiguration]:
        """Return a model's configurations that failed in one project (None = outside of any) and have not expired."""
        query = select(ExcludedConfiguration).where(
            ExcludedConfiguration.model_name == model_name,
            ExcludedConfiguration.project_id == (project_id or ""),
            ExcludedConfiguration.expires_at > func.now(),
        )
        return list(self.session.scalars(query))

    # ---------------------------------------------------------------------------------------------- models and clusters
    def map_model(self, model_id: str, target: str, project_id: str = "") -> None:
        """Let an id stand for a hub id or a path in one project; '' = wherever a project has no target of its own."""
        values = {"model_id": _canonical(model_id), "project_id": project_id, "target": target}
        statement = insert(ModelAlias).values(values)
        key = ["model_id", "project_id"]
        self.session.execute(statement.on_conflict_do_update(index_elements=key, set_={"target": target}))

    def model_target(self, name: str, projects: Iterable[str] = ()) -> str:
        """Return what a model id stands for in these projects; a name that is not mapped stands for itself."""
        query = (
            select(ModelAlias.target)
            .where(ModelAlias.model_id == _canonical(name), ModelAlias.project_id.in_(["", *projects]))
            .order_by(ModelAlias.project_id == "", ModelAlias.project_id)
            .limit(1)
        )
        return self.session.scalar(query) or name

    def replace_clusters(self, clusters: Iterable[Mapping[str, Any]], *, is_example: bool = False) -> int:
        """Store these clusters in place of all others that the caller sees; return how many."""
        self.session.execute(delete(StoredCluster).where(self._in_clusters(StoredCluster.cluster_id)))
        rows = [
            StoredCluster(
                cluster_id=str(cluster["id"]),
                name=None if cluster.get("name") is None else str(cluster["name"])[:255],
                topology=dict(cluster),
                is_example=is_example,
            )
            for cluster in clusters
        ]
        self.session.add_all(rows)
        return len(rows)

    def clusters(self) -> list[StoredCluster]:
        """Return the stored clusters by id."""
        visible = select(StoredCluster).where(self._in_clusters(StoredCluster.cluster_id))
        return list(self.session.scalars(visible.order_by(cast(StoredCluster.cluster_id, Text))))


def _canonical(model_id: str) -> str:
    """Return a UUID in its usual spelling, anything else unchanged."""
    try:
        return str(UUID(model_id))
    except ValueError:
        return model_id


def _exclusion_key(row: SimulationResult) -> dict[str, str]:
    return {
        "project_id": row.project_id or "",
        "model_name": row.model_name,
        "cluster_id": row.cluster_id,
        "engine": row.engine,
        "engine_version": row.engine_version or "",
        "device_name": row.device_name,
        "config_hash": row.config_hash or "",
    }
