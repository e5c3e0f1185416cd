"""What the routes ask for: start a run, wait for it, read what it found, act on feedback."""

from __future__ import annotations

import asyncio
import copy
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from budsim.commons.access import SERVICE, Principal
from budsim.commons.config import AppSettings
from budsim.commons.database import Database
from budsim.commons.errors import (
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    UnavailableError,
)
from budsim.commons.telemetry import current_traceparent, run_payload
from budsim.commons.workflow_engine import Json, WorkflowEngine, error_from_failure
from budsim.simulator import answers
from budsim.simulator.cluster_source import ClusterSource
from budsim.simulator.deployment import deployment_configuration
from budsim.simulator.eta import MeasuredRun, estimate_eta
from budsim.simulator.history import found_configurations, run_summary
from budsim.simulator.model_cache import find_version
from budsim.simulator.models import WorkflowRun
from budsim.simulator.optimization import optimize_question
from budsim.simulator.optimize_schemas import OptimizeRequest
from budsim.simulator.progress import progress_of
from budsim.simulator.questions import choose_method, hardware_question, platform_question
from budsim.simulator.repository import ACTIVE, UNFINISHED, Repository
from budsim.simulator.request_schemas import (
    MAX_INTEGER,
    ClusterRecommendationRequest,
    DeploymentConfigurationRequest,
    FeedbackItem,
    HardwareRunRequest,
)
from budsim.simulator.simulation_request import check_request
from budsim.simulator.visibility import seen_answer, seen_failure, seen_progress, sees_whole_run
from budsim.simulator.workflows import RUN_SIMULATION

logger = logging.getLogger(__name__)

_POLL_S = 0.5
# Beyond a run's own time: the activities around the searches, and a queue of other runs.
_WAIT_MARGIN_S = 60.0
_OUT_OF_MEMORY_WORDS = ("oom", "out of memory", "outofmemory", "out-of-memory", "insufficient memory")


# (function, arguments) -> its result
Compute = Callable[..., Any]


def _compute_here(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


class RunWaiters:
    """Wakes whoever waits for a run in this process."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._waiting: dict[str, list[Callable[[], None]]] = {}

    def add(self, workflow_id: str, wake: Callable[[], None]) -> None:
        """Call ``wake`` when the run ends."""
        with self._guard:
            self._waiting.setdefault(workflow_id, []).append(wake)

    def remove(self, workflow_id: str, wake: Callable[[], None]) -> None:
        """Do not call it any more."""
        with self._guard:
            waiting = self._waiting.get(workflow_id, [])
            if wake in waiting:
                waiting.remove(wake)
            if not waiting:
                self._waiting.pop(workflow_id, None)

    def wake(self, workflow_id: str) -> None:
        """The run ended."""
        with self._guard:
            waiting = self._waiting.pop(workflow_id, [])
        for wake in waiting:
            wake()


@dataclass(frozen=True, slots=True)
class StartedRun:
    """A run that was scheduled."""

    workflow_id: UUID
    eta_minutes: int
    eta_seconds: float


class SimulationService:
    """Runs, their results and the feedback on them."""

    def __init__(
        self,
        config: AppSettings,
        database: Database,
        engine: WorkflowEngine,
        clusters: ClusterSource,
        waiters: RunWaiters,
        workers: int,
        pubsub: str | None = None,
        compute: Compute = _compute_here,
    ) -> None:
        """Wire the service.

        Args:
            config: The settings.
            database: Where runs are stored.
            engine: What runs them.
            clusters: Where clusters come from.
            waiters: Whom to wake when a run ends.
            workers: Searches that run at once.
            pubsub: Component whose events this service listens to; None = there is none.
            compute: Calls a function of importable name, such as in a worker process.
        """
        self.config = config
        self.database = database
        self.engine = engine
        self.clusters = clusters
        self.pubsub = pubsub
        self.principal = SERVICE
        self.compute = compute
        self._waiters = waiters
        self._workers = workers

    # ------------------------------------------------------------------------------------------------------- who asks
    def seen_by(self, principal: Principal) -> SimulationService:
        """Return this service as one caller sees it: its projects, its clusters, and nothing else."""
        if principal == self.principal:
            return self
        limited = copy.copy(self)
        limited.principal = principal
        return limited

    def project_of(self, project_id: str | None) -> str | None:
        """Return the project that a run of this caller belongs to.

        Raises:
            NotFoundError: The caller has no such project.
            InvalidRequestError: It has several, or none, and names none.
        """
        projects = self.principal.projects
        if self.principal.is_service or project_id in projects:
            return project_id
        if project_id is not None:
            raise NotFoundError(f"There is no project {project_id}.", {"field": "project_id"})
        if len(projects) != 1:
            why = "names several projects: say which one in project_id" if projects else "names no project"
            raise InvalidRequestError(f"The token's claim projects {why}.", {"field": "project_id"})
        return next(iter(projects))

    def _scope(self) -> list[str] | None:
        """Return the clusters that take part in this caller's runs, None = all."""
        return None if self.principal.is_service else sorted(self.principal.clusters)

    # ---------------------------------------------------------------------------------------------------- start, resume
    def start_run(
        self, body: ClusterRecommendationRequest | HardwareRunRequest | OptimizeRequest, workflow_id: UUID | None = None
    ) -> StartedRun:
        """Store a run and schedule it.

        Args:
            body: The request.
            workflow_id: Id of the run; one that exists is not started again, unless the engine never got it (its
                first start may have found the sidecar away). None = a new one.

        Raises:
            BudSimError: The request cannot be served at all.
        """
        project_id = self.project_of(body.project_id)
        traceparent = current_traceparent()
        asked = {**self._asked(body), "clusters": self._scope(), "traceparent": traceparent}
        with self.database.transaction() as session:
            repository = Repository(session, self.principal)
            workflow_id = workflow_id or uuid4()
            seconds = self.config.default_timeout_seconds
            if not repository.add_run(workflow_id, RUN_SIMULATION, asked, seconds, project_id):
                known = repository.run(workflow_id)
                if known is None or known.status != "PENDING" or self.engine.knows(str(workflow_id)):
                    return StartedRun(workflow_id, 1, 0.0)
            history = [MeasuredRun(*timing) for timing in repository.task_timings(asked["method"])]
        self.engine.schedule(RUN_SIMULATION, str(workflow_id), run_payload(str(workflow_id), traceparent))
        eta = estimate_eta(method=asked["method"], history=history, workers=self._workers)
        return StartedRun(workflow_id, eta.minutes, eta.seconds)

    def _asked(self, body: ClusterRecommendationRequest | HardwareRunRequest | OptimizeRequest) -> Json:
        """Return everything that a run needs to know of its request, as JSON."""
        if isinstance(body, ClusterRecommendationRequest):
            kind, models = "platform", [body.pretrained_model_uri, *([body.model_uri] if body.model_uri else [])]
            request = platform_question(body, body.pretrained_model_uri, self.config)
        elif isinstance(body, OptimizeRequest):
            kind, models = "optimize", [body.model_id]
            request = optimize_question(body, self.config)
        else:
            kind, models = "hardware", [body.model_name]
            request = hardware_question(body, body.model_name, self.config)
        check_request(request)
        assumptions = dict(request.assumptions)
        method = choose_method(body.simulation_method, self.config, assumptions)
        if method == "regressor" or body.model_version:
            assumptions["prediction_model_version"] = find_version(body.model_version).version
        metadata = body.notification_metadata.model_dump() if body.notification_metadata else None
        return {
            "kind": kind,
            "models": models,
            "method": method,
            "endpoints": getattr(body, "model_endpoints", None),
            "assumptions": assumptions,
            "question": replace(request, assumptions={}).to_dict(),
            "audience": {"metadata": metadata, "source": body.source, "source_topics": body.source_topics},
        }

    def recover(self) -> int:
        """Let every unfinished run of this database go on, with its whole time again; return how many there are."""
        with self.database.transaction() as session:
            repository = Repository(session, self.principal)
            waiting = {str(run.workflow_id): run.input.get("traceparent") for run in repository.unfinished_runs()}
            for workflow_id in waiting:
                repository.extend_deadline(UUID(workflow_id), self.config.default_timeout_seconds)
        for workflow_id, traceparent in waiting.items():
            if not self.engine.knows(workflow_id) and self.run(UUID(workflow_id)).status in ACTIVE:
                self.engine.schedule(RUN_SIMULATION, workflow_id, run_payload(workflow_id, traceparent))
        return len(waiting)

    # ------------------------------------------------------------------------------------------------------------- wait
    async def wait(self, workflow_id: UUID, seconds: float | None = None) -> WorkflowRun | None:
        """Return the run when it has ended, None when ``seconds`` are over first.

        Without ``seconds`` the wait is as long as a run may take.
        """
        limit = self.config.default_timeout_seconds + _WAIT_MARGIN_S if seconds is None else seconds
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(ended.set)

        self._waiters.add(str(workflow_id), wake)
        deadline = loop.time() + limit
        try:
            while True:
                run = await asyncio.to_thread(self.run, workflow_id)
                if run.status not in UNFINISHED:
                    return run
                left = deadline - loop.time()
                if left <= 0:
                    return None
                try:
                    await asyncio.wait_for(ended.wait(), min(left, _POLL_S))
                except TimeoutError:
                    continue
        finally:
            self._waiters.remove(str(workflow_id), wake)

    def answer_of(self, run: WorkflowRun) -> Json:
        """Return the answer of a run that has ended, in the shape that its caller asked in.

        Raises:
            BudSimError: The run failed, was stopped, or passed its time.
        """
        answer, failure = (run.output or {}).get(run.input["kind"]), run.error
        if not sees_whole_run(self.principal, run):
            answer, failure = seen_answer(run, self._rows(run.workflow_id)), seen_failure(failure)
        if answer is not None:
            answer = answers.in_order(answer, run.input["kind"])
        if run.status in ("COMPLETED", "TERMINATED") and answer is not None:
            return answer
        if run.status == "TIMED_OUT":
            raise answers.timed_out(run, answer, failure)
        if run.status == "FAILED" and failure:
            raise error_from_failure(failure)
        raise ConflictError(f"The run is {run.status}.", {"workflow_id": str(run.workflow_id), "status": run.status})

    # ------------------------------------------------------------------------------------------------------------- read
    def run(self, workflow_id: UUID) -> WorkflowRun:
        """Return one run.

        Raises:
            NotFoundError: There is none.
        """
        with self.database.reading() as session:
            run = Repository(session, self.principal).run(workflow_id)
            if run is None:
                raise NotFoundError(f"There is no run {workflow_id}.", {"field": "workflow_id"})
            return run

    def history(self, page: int, limit: int) -> tuple[list[Json], int]:
        """Return one page of the caller's runs, newest first, and how many there are in all."""
        with self.database.transaction() as session:
            runs, total = Repository(session, self.principal).history((page - 1) * limit, limit)
            return [run_summary(run) for run in runs], total

    def asked(self, workflow_id: UUID) -> Json:
        """Return one run of the history.

        Raises:
            NotFoundError: There is no such run.
        """
        return run_summary(self.run(workflow_id))

    def found(self, workflow_id: UUID) -> list[Json]:
        """Return every configuration that a run kept, best first.

        Raises:
            NotFoundError: There is no such run.
        """
        self.run(workflow_id)
        return found_configurations(self._rows(workflow_id))

    def launch_of(self, workflow_id: UUID, config_id: int) -> Json:
        """Return how to launch one kept configuration of a run.

        Raises:
            NotFoundError: There is no such run, or it kept no such configuration.
        """
        self.run(workflow_id)
        for row in self._rows(workflow_id):
            if row["id"] == config_id:
                return deployment_configuration(row, config_id)
        raise NotFoundError(f"Run {workflow_id} kept no configuration {config_id}.", {"field": "config_id"})

    def progress(self, workflow_id: UUID) -> Json:
        """Return how far a run is."""
        run = self.run(workflow_id)
        with self.database.reading() as session:
            steps = Repository(session, self.principal).steps(workflow_id)
        progress = progress_of(run, steps, estimate_eta(method=run.input["method"], workers=self._workers).seconds)
        return progress if sees_whole_run(self.principal, run) else seen_progress(progress)

    def status(self, workflow_id: UUID) -> Json:
        """Return where a run stands."""
        run = self.run(workflow_id)
        return {
            "object": "simulation_status",
            "workflow_id": str(workflow_id),
            "status": run.status,
            "created": int(run.created_at.timestamp()),
            "duration_seconds": ((run.finished_at or datetime.now(UTC)) - run.started_at).total_seconds(),
            "error": run.error if sees_whole_run(self.principal, run) else seen_failure(run.error),
        }

    def count_active(self) -> int:
        """Return how many runs are waiting or running."""
        with self.database.reading() as session:
            return Repository(session, self.principal).count_active()

    def map_model(self, model_id: str, target: str) -> None:
        """Let an id stand for a hub id or a path: in every project of the caller, for a service in all."""
        projects = [""] if self.principal.is_service else sorted(self.principal.projects)
        if not projects:
            raise InvalidRequestError("The token's claim projects names no project.", {"field": "model_id"})
        with self.database.transaction() as session:
            for project_id in projects:
                Repository(session, self.principal).map_model(model_id, target, project_id)

    def model_target(self, model_id: str) -> str:
        """Return what a model id stands for; what is not mapped stands for itself."""
        with self.database.reading() as session:
            return Repository(session, self.principal).model_target(model_id, self.principal.projects)

    def recommendations(
        self, workflow_id: UUID, cluster_id: str | None, concurrency: int | None, threshold: float
    ) -> list[Json]:
        """Return the best sufficient row of every cluster of a run; a run that is not known has none.

        Raises:
            NotFoundError: The caller sees some projects only, and this run is in none of them.
        """
        self._require_own(workflow_id)
        rows = self._rows(workflow_id, cluster_id)
        return [answers.metrics_of(found) for found in answers.recommend(rows, threshold, None, concurrency)]

    def _rows(self, workflow_id: UUID, cluster_id: str | None = None) -> list[Json]:
        with self.database.reading() as session:
            return Repository(session, self.principal).rows(workflow_id, cluster_id)

    def _require_own(self, workflow_id: UUID) -> None:
        """Answer 404 to a project's token for whatever is not its own, whether it exists or not."""
        if not self.principal.is_service:
            self.run(workflow_id)

    # --------------------------------------------------------------------------------------------- deploy and learn
    def configuration(self, wanted: DeploymentConfigurationRequest) -> Json:
        """Note the feedback and return the best configuration that is left.

        Raises:
            InvalidRequestError: Feedback names a row that is not of this run, or nothing is left.
            NotFoundError: The run is not the caller's.
        """
        self._require_own(wanted.workflow_id)
        with self.database.transaction() as session:
            repository = Repository(session, self.principal)
            self._note_feedback(repository, wanted.workflow_id, wanted.feedback or [])
            session.flush()
            rows = repository.rows(wanted.workflow_id, wanted.cluster_id)
            failed = repository.failed_ids(wanted.workflow_id, wanted.cluster_id)
        chosen = answers.recommend(rows, wanted.error_rate_threshold, None, wanted.concurrency)
        if not chosen:
            raise answers.no_configuration(wanted, rows, failed)
        best = chosen[0]
        return {
            "object": "deployment_configuration",
            **deployment_configuration(best.row, best.row["id"], best.replicas),
        }

    def _note_feedback(self, repository: Repository, workflow_id: UUID, feedback: list[FeedbackItem]) -> None:
        by_id = {_row_id(item): item for item in feedback}
        rows = repository.rows_by_id(workflow_id, list(by_id))
        missing = sorted(set(by_id) - set(rows))
        if missing:
            raise InvalidRequestError(
                f"config_id {', '.join(map(str, missing))} is not a configuration of run {workflow_id}.",
                {"field": "feedback.config_id"},
            )
        expires = datetime.now(UTC) + timedelta(days=self.config.feedback_expiry_days)
        for row_id, item in by_id.items():
            row = rows[row_id]
            row.is_blacklisted = item.failed
            if item.failed:
                repository.exclude(row, item.reason, _is_out_of_memory(item.reason), expires)
            else:
                repository.readmit(row)

    # ----------------------------------------------------------------------------------------------------- control
    def control(self, workflow_id: UUID, action: str) -> str:
        """Stop, pause, resume or restart a run; return its status afterwards.

        Raises:
            NotFoundError: There is no such run.
            ConflictError: Its status does not allow it.
        """
        allowed, to = _CONTROLS[action]
        status = self.run(workflow_id).status
        if status not in allowed:
            raise ConflictError(
                f"A run that is {status} cannot be told to {action}; it must be {' or '.join(allowed)}.",
                {"status": status},
            )
        finished = datetime.now(UTC) if action == "stop" else None
        with self.database.transaction() as session:
            repository = Repository(session, self.principal)
            if action == "restart":
                repository.delete_steps(workflow_id)
                self._rescope(repository, workflow_id)
            # The earlier answer and its rows stay until the new run has its own: stopping it then loses nothing.
            cleared: Mapping[str, Any] = {"error": None, "progress": {}} if action == "restart" else {}
            if not repository.change_status(workflow_id, to, allowed, finished_at=finished, **cleared):
                raise ConflictError("The run has just changed its status; ask again.")
            if action in ("resume", "restart"):
                repository.extend_deadline(workflow_id, self.config.default_timeout_seconds, anew=action == "restart")
        self._tell_engine(str(workflow_id), action)
        if action == "stop":
            self._waiters.wake(str(workflow_id))
        return to

    def _rescope(self, repository: Repository, workflow_id: UUID) -> None:
        """Let a run that a project's token starts again look at that token's clusters only."""
        run = repository.run(workflow_id, lock=True)
        if run is not None and not self.principal.is_service:
            run.input = {**run.input, "clusters": self._scope()}

    def _tell_engine(self, workflow_id: str, action: str) -> None:
        payload = run_payload(workflow_id, current_traceparent())
        if action == "restart":
            self.engine.restart(RUN_SIMULATION, workflow_id, payload)
        elif not self.engine.knows(workflow_id):
            raise UnavailableError("The workflow engine does not know this run; restart it.")
        else:
            {"stop": self.engine.terminate, "pause": self.engine.pause, "resume": self.engine.resume}[action](
                workflow_id
            )


_ENDED = ("COMPLETED", "FAILED", "TIMED_OUT", "TERMINATED")
_CONTROLS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "stop": (UNFINISHED, "TERMINATED"),
    "pause": (ACTIVE, "SUSPENDED"),
    "resume": (("SUSPENDED",), "RUNNING"),
    "restart": (_ENDED, "PENDING"),
}


def _row_id(item: FeedbackItem) -> int:
    text = item.config_id.strip()
    if not text.isascii() or not text.isdecimal() or int(text) > MAX_INTEGER:
        raise InvalidRequestError(
            f"config_id {item.config_id!r} is not a whole number.", {"field": "feedback.config_id"}
        )
    return int(text)


def _is_out_of_memory(reason: str | None) -> bool:
    return reason is not None and any(word in reason.lower() for word in _OUT_OF_MEMORY_WORDS)
