"""The activities of a run. Each is one idempotent step: it reads, works, and writes in one transaction.

An activity may run again after a crash, or beside a slow first attempt. What it writes therefore replaces what it wrote
before, and a run that is over is never changed.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import wraps
from time import monotonic
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError

from budsim.benchmarks.repository import BenchmarkRepository
from budsim.commons.catalogs import token_prices
from budsim.commons.database import Database, is_outage
from budsim.commons.errors import (
    IncompatibleEngineError,
    InvalidRequestError,
    NoDeviceError,
    NotFoundError,
    OutageError,
    SimulationTimeoutError,
    UnavailableError,
    UnknownHardwareError,
)
from budsim.commons.notifications import Audience, ProgressEvent, Publisher, event_id, notification
from budsim.commons.search_pool import SearchFailedError, SearchStoppedError
from budsim.commons.workflow_engine import Activity, Json, RetryPolicy, error_from_failure, failure_of
from budsim.simulator import answers
from budsim.simulator.body_fields import field_of, rename_field
from budsim.simulator.cluster_source import ClusterSource, KnownClusters, example_clusters
from budsim.simulator.eta import MeasuredRun, estimate_eta, usual_candidates
from budsim.simulator.group_task import GroupTask
from budsim.simulator.models import WorkflowRun
from budsim.simulator.optimization import optimize_answer
from budsim.simulator.questions import check_endpoints, priced
from budsim.simulator.ranking import missed_reasons
from budsim.simulator.repository import ACTIVE, METADATA_STEP, TASK_STEP, Repository
from budsim.simulator.search_space import Exclusions
from budsim.simulator.simulation import NOT_SIMULATED, NOT_WANTED, TaskPlan
from budsim.simulator.simulation_request import SimulationRequest
from budsim.simulator.workflows import workflow_metadata

logger = logging.getLogger(__name__)

RESULTS = "results"
_WATCH_S = 0.5  # a stopped run's searches go on for about this long
_FORGET_S = 60.0
_OUTAGE_PATIENCE_S = RetryPolicy().timeout_s
_OUTAGE_PAUSE_S = 1.0


class SearchBackend(Protocol):
    """The core, as far as a run needs it."""

    def plan(
        self, request: SimulationRequest, known: KnownClusters, models: Sequence[str]
    ) -> tuple[TaskPlan, Sequence[str]]:
        """Return the searches of a request, and what is wrong with clusters that cannot be read.

        Raises:
            BudSimError: The model is not known, or the request cannot be served.
        """
        ...

    def search(
        self,
        task: Json,
        method: str,
        timeout_s: float,
        *,
        run_id: str,
        is_over: Callable[[], bool],
        on_progress: Callable[[float], None],
    ) -> Json:
        """Return the ``GroupOutcome`` of one task, with ``seconds``; after ``timeout_s`` what was found by then.

        Args:
            task: A ``GroupTask``.
            method: Prediction method.
            timeout_s: Seconds that are left.
            run_id: The run; its searches take turns with those of others.
            is_over: Whether the run was stopped or paused meanwhile; the search then ends.
            on_progress: Told the share of the search that is over, after each generation.

        Raises:
            SimulationTimeoutError: ``timeout_s`` were over before anything was found.
            SearchStoppedError: ``is_over``.
            SearchFailedError: The search raised something unforeseen, or its worker died again and again.
        """
        ...

    @property
    def workers(self) -> int:
        """Searches that run at once."""
        ...


class RunWatch:
    """Tells searches whether their run was stopped or paused, by whichever process; asks the database now and then."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._guard = threading.Lock()
        self._seen: dict[UUID, tuple[float, bool]] = {}

    def is_over(self, workflow_id: UUID) -> bool:
        """Whether the run is no longer active; at most ``_WATCH_S`` old. A database that is away says nothing."""
        now = time.monotonic()
        with self._guard:
            asked_at, over = self._seen.get(workflow_id, (-math.inf, False))
            if now - asked_at < _WATCH_S:
                return over
            self._seen = {run: seen for run, seen in self._seen.items() if now - seen[0] < _FORGET_S}
            self._seen[workflow_id] = (now, over)
        try:
            with self._database.reading() as session:
                over = Repository(session).status(workflow_id) not in ACTIVE
        except SQLAlchemyError as error:
            logger.warning("Whether run %s goes on cannot be read: %s", workflow_id, error)
        with self._guard:
            self._seen[workflow_id] = (now, over)
        return over


class RunActivities:
    """Every activity of ``run_simulation``, with what they work on."""

    def __init__(
        self,
        database: Database,
        backend: SearchBackend,
        clusters: ClusterSource,
        publisher: Publisher,
        on_end: Callable[[str, str, float], None],
    ) -> None:
        """Wire the activities.

        Args:
            database: Where runs are stored.
            backend: The core.
            clusters: Where clusters come from.
            publisher: Who sends events.
            on_end: Called after a run ended, with its id, status and seconds.
        """
        self._database = database
        self._backend = backend
        self._clusters = clusters
        self._publisher = publisher
        self._on_end = on_end
        self._watch = RunWatch(database)
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Let nothing wait any more for what it needs: the service is about to close it."""
        self._stopping.set()

    def by_name(self) -> dict[str, Activity]:
        """Return the activities under the names that the orchestrator uses."""
        activities: tuple[Activity, ...] = (
            self.begin_run, self.publish_events, self.plan_run, self.search_group, self.rank_run, self.complete_run,
            self.fail_run,
        )  # fmt: skip
        return {activity.__name__: outlasting_outages(activity, self._stopping) for activity in activities}

    def begin_run(self, payload: Json) -> Json:
        """Mark the run as running, and tell the caller's topics its steps."""
        with self._database.transaction() as session:
            repository = Repository(session)
            run = _required_run(repository, payload["workflow_id"])
            repository.change_status(run.workflow_id, "RUNNING", ACTIVE)
            eta = estimate_eta(method=run.input["method"], workers=self._backend.workers)
            message = workflow_metadata(str(run.workflow_id), eta.minutes, eta.seconds)
            columns = {"status": "PENDING", "title": "Run scheduled", "message": f"{eta.minutes} min"}
            if repository.add_step(run.workflow_id, METADATA_STEP, message, step_id=METADATA_STEP, **columns):
                audience = replace(Audience(**run.input["audience"]), metadata=None)
                self._publisher.publish(audience, message, event_id(str(run.workflow_id), METADATA_STEP), METADATA_STEP)
        return {}

    def publish_events(self, payload: Json) -> Json:
        """Record events and send those that were not recorded yet."""
        with self._database.transaction() as session:
            repository = Repository(session)
            run = _required_run(repository, payload["workflow_id"])
            for event in payload["events"]:
                self._record_and_send(repository, run, event)
        return {}

    def _record_and_send(self, repository: Repository, run: WorkflowRun, event: Mapping[str, Any]) -> None:
        workflow_id = str(run.workflow_id)
        audience = Audience(**run.input["audience"])
        message = notification(workflow_id, event, audience)
        columns = {name: str(event[name]) for name in ("status", "title", "message")}
        if repository.add_step(run.workflow_id, event["key"], message, step_id=event["event"], **columns):
            self._publisher.publish(audience, message, event_id(workflow_id, event["key"]), message["type"])

    def plan_run(self, payload: Json) -> Json:
        """Find what is to be searched."""
        workflow_id = payload["workflow_id"]
        with self._database.transaction() as session:
            repository = Repository(session)
            run = _required_run(repository, workflow_id)
            asked = run.input
            request = SimulationRequest.from_dict(asked["question"])
            projects = [run.project_id] if run.project_id else []
            models = [repository.model_target(name, projects) for name in asked["models"]]
            # Rows, launch arguments and feedback name the model itself, not the id by which somebody called it.
            request = replace(request, model_id=models[0])
            if request.job is not None:
                request = replace(request, job=priced(request.job, models[0], token_prices()))
            excluded = exclusions_of(repository, request.model_id, run.project_id)
            history = [MeasuredRun(*timing) for timing in repository.task_timings(asked["method"])]
        assumptions = dict(asked["assumptions"])
        known = self._known_clusters(asked, assumptions)
        plan, problems = self._backend.plan(request, known, models)
        if not plan.tasks:
            raise nothing_to_search(request, [*plan.reasons, *problems], asked["kind"])
        if plan.tasks[0].arch is not None:
            check_endpoints(asked.get("endpoints"), plan.tasks[0].arch)
        tasks = [with_exclusions(task, excluded).to_dict() for task in plan.tasks]
        arch = plan.tasks[0].arch
        if arch is not None and (known_constants := self._calibrations(arch.name, run.project_id, assumptions)):
            tasks = [{**task, "calibrations": known_constants} for task in tasks]
        eta = estimate_eta(
            "performance_estimation",
            task_candidates=[usual_candidates(history, asked["method"])] * len(tasks),
            method=asked["method"],
            history=history,
            workers=self._backend.workers,
        )
        with self._database.transaction() as session:
            run = _required_run(Repository(session), workflow_id)
            run.progress = {"num_tasks": len(tasks), "eta_seconds": eta.seconds}
        return {
            "tasks": tasks,
            "method": asked["method"],
            "reasons": [*plan.reasons, *problems],
            "assumptions": {**assumptions, **plan.assumptions},
            "eta_minutes": eta.minutes,
            "eta_seconds": eta.seconds,
        }

    def _calibrations(self, model: str, project_id: str | None, assumptions: Json) -> list[Json]:
        """Return what was measured of a model, for everybody or in a run's project, and say so."""
        with self._database.reading() as session:
            rows = BenchmarkRepository(session).calibrations([project_id or ""], model)
            found = {(row.device_name, row.engine, row.load_kind): row.content for row in rows}
        if found:
            places = ", ".join(sorted({f"{item['device']} ({item['engine']})" for item in found.values()}))
            assumptions["calibration"] = f"step constants fitted to measured runs on {places}"
        return list(found.values())

    def _known_clusters(self, asked: Json, assumptions: Json) -> KnownClusters:
        known = self._clusters.load().limited_to(asked.get("clusters"))
        if known.document:
            return known
        if asked["kind"] != "hardware":
            raise NoDeviceError(f"No cluster is known ({known.origin}). {known.remedy}")
        examples = example_clusters()
        assumptions["clusters"] = examples.origin
        return examples

    def search_group(self, payload: Json) -> Json:
        """Search one group of devices and store what was found."""
        workflow_id, task = UUID(payload["workflow_id"]), payload["task"]
        seconds_left = self._seconds_left(workflow_id)
        try:
            if seconds_left <= 0:
                raise SimulationTimeoutError("The time of the run was over before this search began.")
            outcome = self._backend.search(
                task,
                payload["method"],
                seconds_left,
                run_id=str(workflow_id),
                is_over=lambda: self._watch.is_over(workflow_id),
                on_progress=lambda share: self._note_progress(workflow_id, task["task_key"], share),
            )
            outcome["timed_out"] = not outcome["is_complete"]
        except SearchStoppedError as error:
            outcome = {**_place(task), "rows": [], "num_evaluated": 0, "seconds": 0.0, "error": error.message}
        except (SimulationTimeoutError, SearchFailedError) as error:
            outcome = {**_place(task), "rows": [], "num_evaluated": 0, "seconds": 0.0, "error": error.message}
            outcome["timed_out"] = isinstance(error, SimulationTimeoutError)
        try:
            return self._store_outcome(workflow_id, task, payload["method"], outcome)
        except DataError as error:
            logger.error("What was found for %s cannot be stored: %s", task["task_key"], error.orig)
            outcome = {**outcome, "rows": [], "error": "a figure of this group is beyond what can be stored"}
            return self._store_outcome(workflow_id, task, payload["method"], outcome)

    def _note_progress(self, workflow_id: UUID, task_key: str, share: float) -> None:
        """Store how much of a search is over; a database that is away misses it."""
        try:
            with self._database.transaction() as session:
                run = Repository(session).run(workflow_id, lock=True)
                if run is not None and run.status in ACTIVE:
                    searching = {**run.progress.get("searching", {}), task_key: round(share, 3)}
                    run.progress = {**run.progress, "searching": searching}
        except SQLAlchemyError as error:
            logger.warning("The progress of run %s cannot be written: %s", workflow_id, error)

    def _store_outcome(self, workflow_id: UUID, task: Json, method: str, found: Json) -> Json:
        outcome = {name: value for name, value in found.items() if name != "rows"}
        rows = found["rows"]
        with self._database.transaction() as session:
            repository = Repository(session)
            run = repository.run(workflow_id, lock=True)
            if run is not None and run.status == "SUSPENDED":
                raise UnavailableError("The run is held; this search is made when it goes on.")
            if run is None or run.status not in ACTIVE:
                return {**outcome, "num_rows": 0}
            rows = [{**row, "project_id": run.project_id} for row in rows]
            stored = repository.replace_rows(workflow_id, task["task_key"], rows)
            timing = {"method": method, **{name: outcome[name] for name in ("num_evaluated", "seconds")}}
            key = f"search:{task['task_key']}"
            columns = {"step_id": TASK_STEP, "status": "COMPLETED", "title": "Searched", "message": task["task_key"]}
            if outcome["num_evaluated"]:
                repository.add_step(workflow_id, key[:255], timing, **columns)
        return {**outcome, "num_rows": stored}

    def _seconds_left(self, workflow_id: UUID) -> float:
        with self._database.reading() as session:
            run = _required_run(Repository(session), str(workflow_id))
            if run.deadline_at is None:
                return float("inf")
            return (run.deadline_at - datetime.now(UTC)).total_seconds()

    def rank_run(self, payload: Json) -> Json:
        """Choose the best deployment of every cluster and write the answer."""
        plan, outcomes = payload["plan"], payload["outcomes"]
        with self._database.transaction() as session:
            repository = Repository(session)
            run = _required_run(repository, payload["workflow_id"])
            repository.keep_rows(run.workflow_id, [outcome["task_key"] for outcome in outcomes])
            rows = repository.rows(run.workflow_id)
        request, kind = SimulationRequest.from_dict(run.input["question"]), run.input["kind"]
        chosen = answers.recommend(rows, request.error_rate_threshold, request.objective)
        missed = missed_reasons(rows, chosen, request.error_rate_threshold)
        mixed = answers.mixed(outcomes, rows, request)
        told = answers.explanation(
            outcomes, [*plan["reasons"], *missed], plan["assumptions"], mixed, request.objective, kind
        )
        timed_out = any(outcome.get("timed_out") for outcome in outcomes)
        status = "TIMED_OUT" if timed_out else "COMPLETED"
        if not chosen and not timed_out:
            raise answers.no_recommendation(rows, told, request.error_rate_threshold, kind)
        if not rows:
            raise SimulationTimeoutError("The run found nothing within its time.", {"reasons": told["reasons"]})
        created = int(run.created_at.timestamp())
        output = answers.platform_answer(str(run.workflow_id), chosen, told, created, status)
        if not chosen:
            output["nearest"] = answers.nearest_rows(rows)
        answer = {"platform": output}
        metadata = {
            "duration_seconds": (datetime.now(UTC) - run.started_at).total_seconds(),
            "generations_evolved": max((outcome.get("num_generations", 0) for outcome in outcomes), default=0),
            "models_evaluated": sum(outcome["num_evaluated"] for outcome in outcomes),
        }
        if run.input["kind"] == "hardware":
            answer["hardware"] = answers.hardware_answer(str(run.workflow_id), rows, told, metadata, status)
        elif run.input["kind"] == "optimize":
            answer["optimize"] = optimize_answer(
                str(run.workflow_id),
                rows,
                told,
                method=run.input["method"],
                metadata=metadata,
                status=status,
            )
        return {"status": status, "output": answer, "num_clusters": len(chosen)}

    def complete_run(self, payload: Json) -> Json:
        """End the run with its answer, once."""
        result = payload["output"]["platform"]
        found = f"Found {payload['num_clusters']} suitable cluster(s)"
        event = ProgressEvent(f"{RESULTS}:COMPLETED", RESULTS, "COMPLETED", "Simulation finished", found, result)
        return self._end(payload["workflow_id"], payload["status"], event, output=payload["output"])

    def fail_run(self, payload: Json) -> Json:
        """End the run with its error, once."""
        failure, step = payload["failure"], payload["step"]
        error = error_from_failure(failure)
        with self._database.reading() as session:
            kind = _required_run(Repository(session), payload["workflow_id"]).input["kind"]
        rename_field(kind, error)
        status = "TIMED_OUT" if isinstance(error, SimulationTimeoutError) else "FAILED"
        action = None if (failure.get("param") or {}).get("field") == "clusters" else "retry"
        event = ProgressEvent(f"{step}:FAILED", step, "FAILED", "Simulation failed", error.message, None, action)
        return self._end(payload["workflow_id"], status, event, error=failure_of(error), output=None)

    def _end(self, workflow_id: str, status: str, event: ProgressEvent, **values: Any) -> Json:
        now = datetime.now(UTC)
        with self._database.transaction() as session:
            repository = Repository(session)
            run = _required_run(repository, workflow_id)
            ended = repository.change_status(run.workflow_id, status, ACTIVE, finished_at=now, **values)
            if ended:
                self._record_and_send(repository, run, event.to_dict())
        if ended:
            self._on_end(workflow_id, status, (now - run.started_at).total_seconds())
        return {"status": status}


def outlasting_outages(
    activity: Activity,
    stopping: threading.Event,
    patience_s: float = _OUTAGE_PATIENCE_S,
    pause_s: float = _OUTAGE_PAUSE_S,
) -> Activity:
    """Return an activity that tries again while database, broker or sidecar are away, up to ``patience_s``.

    The engines' own attempts are over within seconds (``RetryPolicy``), and then the run could not even be failed.
    While the service stops, what is away does not come back: the activity is made again at the next start.
    """

    @wraps(activity)
    def run(payload: Json) -> Json:
        deadline = monotonic() + patience_s
        while True:
            try:
                return activity(payload)
            except (OutageError, DBAPIError) as error:
                is_away = isinstance(error, OutageError) or is_outage(error)
                if not is_away or stopping.is_set() or monotonic() >= deadline:
                    raise
                logger.warning("%s waits for what it needs: %s", activity.__name__, str(error).splitlines()[0])
            stopping.wait(pause_s)

    return run


def _required_run(repository: Repository, workflow_id: str) -> WorkflowRun:
    run = repository.run(UUID(workflow_id))
    if run is None:
        raise NotFoundError(f"There is no run {workflow_id}.")
    return run


def exclusions_of(
    repository: Repository, model_name: str, project_id: str | None
) -> dict[tuple[str, str, str], Exclusions]:
    """Return what feedback excludes, by cluster, engine and device."""
    grouped: dict[tuple[str, str, str], list[Any]] = {}
    for row in repository.exclusions(model_name, project_id):
        grouped.setdefault((row.cluster_id, row.engine, row.device_name), []).append(row)
    return {
        place: Exclusions(
            config_hashes=frozenset(row.config_hash for row in rows),
            headroom_bytes=max(
                (row.memory_headroom_bytes for row in rows if row.out_of_memory and row.memory_headroom_bytes),
                default=None,
            ),
        )
        for place, rows in grouped.items()
    }


def with_exclusions(task: GroupTask, excluded: Mapping[tuple[str, str, str], Exclusions]) -> GroupTask:
    """Return a task that knows what feedback excludes on its devices."""
    place = (task.group.cluster_id, task.engine.engine, task.group.device_name)
    return replace(task, exclusions=excluded[place]) if place in excluded else task


def _place(task: Mapping[str, Any]) -> Json:
    group = task["group"]
    return {
        "task_key": task["task_key"],
        "cluster_id": group["cluster_id"],
        "device_type": group["device_type"],
        "device_name": group["device_name"],
        "catalogue_name": group["spec"]["name"],
        "cluster_name": group["cluster_name"],
        "engine": task["engine"]["engine"],
    }


def nothing_to_search(request: SimulationRequest, reasons: Sequence[str], kind: str) -> Exception:
    """Return the error of a request for which no device and engine are left.

    Args:
        request: What was asked.
        reasons: Why nothing is left, cluster by cluster.
        kind: Kind of its body, which has its own names of fields.
    """
    text = " ".join(reasons) or "There is nothing to search."
    param = {"reasons": list(reasons)}
    cannot = ("serves this model",) if request.job is None else ("litellm", "llmc")
    if any(word in reason for reason in reasons for word in cannot):
        field = field_of(kind, ["engines"]) if request.engines else None
        return IncompatibleEngineError(text, {"field": field, **param} if field else param)
    if any(NOT_WANTED in reason for reason in reasons):
        asked = [name for name in ("device_names", "device_types") if getattr(request, name)]
        return InvalidRequestError(text, {"field": field_of(kind, asked) or "clusters", **param})
    if request.cluster_id and any(reason.endswith("is not known.") for reason in reasons):
        return NotFoundError(text, {"field": "cluster_id", **param})
    if reasons and all(NOT_SIMULATED in reason for reason in reasons):
        return UnknownHardwareError(text, param={"field": "clusters", **param})
    return NoDeviceError(text, {"field": "clusters", **param})
