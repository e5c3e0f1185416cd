"""The embedded workflow engine: orchestrators on ``dbos``, in the service's own PostgreSQL.

Every activity is a step whose outcome is recorded before the orchestrator goes on. After a crash the orchestrator runs
again from its start and is fed the recorded outcomes; only what was not recorded runs again, so activities must be
idempotent. Values are stored as JSON: nothing in the database is ever unpickled.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
import socket
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from dbos import DBOS, DBOSConfig, Serializer, SetWorkflowID, StepOptions, error
from sqlalchemy.engine import URL

from budsim.commons.errors import UnavailableError
from budsim.commons.workflow_engine import (
    Activity,
    ActivityError,
    Json,
    Orchestrator,
    RetryPolicy,
    failure_of,
    is_permanent,
)

logger = logging.getLogger(__name__)

# Unfinished runs are resumed by a process of the same version only: raise it when an orchestrator's yields change.
ORCHESTRATION_VERSION = "budsim-orchestration-1"
SYSTEM_SCHEMA = "dbos"
_POOL_SIZE = 8
_THREADS = 64  # activities of one kind at once; they wait for a worker process or for the database most of their time
_FAILURE_KEY = "budsim_failure"


class JsonSerializer(Serializer):  # type: ignore[misc]
    """Stores values as JSON, an activity's exception as the plain description that ``failure_of`` gives."""

    def name(self) -> str:
        """Return the name under which rows are marked."""
        return "budsim_json"

    def serialize(self, data: Any) -> str:
        """Return ``data`` as JSON text."""
        if isinstance(data, BaseException):
            data = {_FAILURE_KEY: _activity_failure(data).failure}
        return json.dumps(data, default=str)

    def deserialize(self, serialized_data: str) -> Any:
        """Return the value of a JSON text."""
        value = json.loads(serialized_data)
        if isinstance(value, dict) and _FAILURE_KEY in value:
            return ActivityError(value[_FAILURE_KEY])
        return value


def _activity_failure(raised: BaseException) -> ActivityError:
    """Return what a step raised as the error of its activity; what ends the workflow itself is raised on."""
    if isinstance(raised, ActivityError):
        return raised
    if isinstance(raised, error.DBOSMaxStepRetriesExceeded):
        return ActivityError(failure_of(raised.errors[-1]))
    return ActivityError(failure_of(raised))


def _is_not_about_cancellation(record: logging.LogRecord) -> bool:
    """Leave out the tracebacks by which dbos reports that somebody paused or stopped a workflow."""
    raised = record.exc_info[1] if record.exc_info else None
    return not isinstance(raised, error.DBOSAwaitedWorkflowCancelledError | error.DBOSWorkflowCancelledError)


@dataclass(frozen=True, slots=True)
class _ActivityCall:
    name: str
    payload: Json


@dataclass(frozen=True, slots=True)
class _All:
    calls: tuple[_ActivityCall, ...]


@dataclass(frozen=True, slots=True)
class _DurableContext:
    instance_id: str

    def call_activity(self, name: str, payload: Json) -> _ActivityCall:
        return _ActivityCall(name, payload)

    def when_all(self, tasks: Sequence[_ActivityCall]) -> _All:
        return _All(tuple(tasks))


class EmbeddedWorkflowEngine:
    """A ``WorkflowEngine`` on dbos. dbos is one per process, and so is this."""

    name = "embedded"
    _active: EmbeddedWorkflowEngine | None = None

    def __init__(self, url: URL, *, exclusive: bool, retry_policy: RetryPolicy | None = None) -> None:
        """Prepare the engine; ``start`` opens it.

        Args:
            url: Database that holds the workflow history, in a schema of its own.
            exclusive: No other process uses this database, so every unfinished workflow is ours to resume. Otherwise
                only those of the same host are.
            retry_policy: Of every activity.
        """
        self._url = url.set(drivername="postgresql+psycopg")
        self._executor_id = "embedded" if exclusive else socket.gethostname()
        self._retry_policy = retry_policy or RetryPolicy()
        self._orchestrators: dict[str, Orchestrator] = {}
        self._activities: dict[str, Activity] = {}
        self._threads: dict[str, ThreadPoolExecutor] = {}

    def start(self, orchestrators: Mapping[str, Orchestrator], activities: Mapping[str, Activity]) -> None:
        """Launch dbos; it resumes what an earlier process left unfinished."""
        if EmbeddedWorkflowEngine._active is not None:
            raise UnavailableError("This process runs a BudSim service already; stop it before starting another.")
        self._orchestrators = dict(orchestrators)
        self._activities = dict(activities)
        self._threads = {name: ThreadPoolExecutor(_THREADS, f"activity-{name}") for name in activities}
        EmbeddedWorkflowEngine._active = self
        config: DBOSConfig = {
            "name": "budsim",
            "system_database_url": self._url.render_as_string(hide_password=False),
            "sys_db_pool_size": _POOL_SIZE,
            "dbos_system_schema": SYSTEM_SCHEMA,
            "application_version": ORCHESTRATION_VERSION,
            "executor_id": self._executor_id,
            "serializer": JsonSerializer(),
            "log_level": "ERROR",
            "enable_otlp": False,
        }
        logging.getLogger("dbos").addFilter(_is_not_about_cancellation)
        try:
            DBOS(config=config)
            DBOS.launch()
        except (error.DBOSException, OSError) as failure:
            self.stop()
            raise UnavailableError(f"The workflow engine did not start: {failure}") from failure

    def stop(self) -> None:
        """Shut dbos down without waiting for workflows; they are resumed at the next start."""
        DBOS.destroy()
        for threads in self._threads.values():
            threads.shutdown(wait=False, cancel_futures=True)
        EmbeddedWorkflowEngine._active = None

    def schedule(self, workflow_name: str, workflow_id: str, payload: Json) -> None:
        """Start a workflow; the same id twice is one workflow."""
        with SetWorkflowID(workflow_id):
            DBOS.start_workflow(_drive, workflow_name, payload)

    def knows(self, workflow_id: str) -> bool:
        """Whether dbos has a record of this id."""
        return DBOS.get_workflow_status(workflow_id) is not None

    def terminate(self, workflow_id: str) -> None:
        """Cancel the workflow: running activities are abandoned, the rest never starts."""
        DBOS.cancel_workflow(workflow_id)

    def pause(self, workflow_id: str) -> None:
        """Cancel the workflow; its recorded activities stay, so that ``resume`` goes on from there."""
        DBOS.cancel_workflow(workflow_id)

    def resume(self, workflow_id: str) -> None:
        """Go on after the last recorded activity."""
        DBOS.resume_workflow(workflow_id)

    def restart(self, workflow_name: str, workflow_id: str, payload: Json) -> None:
        """Delete the recorded history and start anew."""
        DBOS.delete_workflow(workflow_id)
        self.schedule(workflow_name, workflow_id, payload)

    async def run(self, workflow_name: str, payload: Json) -> Json | None:
        """Drive one orchestrator to its end; called by dbos."""
        workflow_id = DBOS.workflow_id
        orchestration = self._orchestrators[workflow_name](_DurableContext(str(workflow_id)), payload)
        try:
            return await self._drive(orchestration)
        finally:
            orchestration.close()

    async def _drive(self, orchestration: Generator[Any, Any, Json | None]) -> Json | None:
        answer: Any = None
        failure: ActivityError | None = None
        while True:
            try:
                wanted = orchestration.throw(failure) if failure else orchestration.send(answer)
            except StopIteration as end:
                result: Json | None = end.value
                return result
            answer, failure = None, None
            try:
                answer = await (self._all(wanted.calls) if isinstance(wanted, _All) else self._one(wanted))
            except ActivityError as error:
                failure = error

    async def _one(self, call: _ActivityCall) -> Json:
        (answer,) = await self._all((call,))
        return answer

    async def _all(self, calls: Sequence[_ActivityCall]) -> list[Json]:
        # Step numbers are drawn before anything runs, so that a replay numbers them alike whatever finishes first.
        reserved = [(DBOS.reserve_step(), call) for call in calls]
        outcomes = await asyncio.gather(
            *(step.run_async(self._options(call), self._perform, call.name, call.payload) for step, call in reserved),
            return_exceptions=True,
        )
        answers: list[Json] = []
        for outcome in outcomes:
            if isinstance(outcome, asyncio.CancelledError | error.DBOSWorkflowCancelledError):
                raise outcome
            if isinstance(outcome, error.DBOSMaxStepRetriesExceeded):
                logger.error("Activity %s failed for good", outcome.step_name, exc_info=outcome.errors[-1])
            if isinstance(outcome, BaseException):
                raise _activity_failure(outcome)
            answers.append(outcome)
        return answers

    def _options(self, call: _ActivityCall) -> StepOptions:
        policy = self._retry_policy
        return {
            "name": call.name,
            "retries_allowed": True,
            "max_attempts": policy.max_attempts,
            "interval_seconds": policy.first_interval_s,
            "backoff_rate": policy.backoff,
            "should_retry": lambda raised: not is_permanent(raised),
            "preemptible": True,
        }

    async def _perform(self, name: str, payload: Json) -> Json:
        """Run one activity in a thread of its kind: searches that wait for a worker keep no other step waiting."""
        call = partial(contextvars.copy_context().run, self._activities[name], payload)
        return await asyncio.get_running_loop().run_in_executor(self._threads[name], call)


@DBOS.workflow(name="budsim.orchestration")  # type: ignore[untyped-decorator]
async def _drive(workflow_name: str, payload: Json) -> Json | None:
    engine = EmbeddedWorkflowEngine._active
    if engine is None:
        raise UnavailableError("No workflow engine is running.")
    return await engine.run(workflow_name, payload)
