"""The Dapr workflow engine: the same orchestrators and activities, run by the sidecar's durable task hub."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc
from dapr.ext import workflow as dapr

from budsim.commons.config import AppSettings
from budsim.commons.errors import BudSimError, UnavailableError
from budsim.commons.search_pool import default_workers
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

# Steps at once. Most of them wait for PostgreSQL, the sidecar or a search, and more threads only wait for each other:
# six instead of three on two cores made reads 1.6 times slower (deploy/dapr/README.md). No more are taken from the
# sidecar's stream than there are threads: what waits there is another worker's at once when this one stops, and what
# waits here would first have to be done.
_THREADS = max(3, 1 + default_workers())
_MAX_MESSAGE_BYTES = 64 * 2**20
_READY_TIMEOUT_S = 30.0
_READ_PATIENCE_S = 5.0  # a new sidecar answers within 3.3 s (deploy/dapr/README.md)
_READ_PAUSE_S = 0.2
_OVER = (dapr.WorkflowStatus.COMPLETED, dapr.WorkflowStatus.FAILED, dapr.WorkflowStatus.TERMINATED)


def _retry_policy(policy: RetryPolicy) -> Any:
    return dapr.RetryPolicy(
        first_retry_interval=timedelta(seconds=policy.first_interval_s),
        max_number_of_attempts=policy.max_attempts,
        backoff_coefficient=policy.backoff,
        max_retry_interval=timedelta(seconds=policy.max_interval_s),
        retry_timeout=timedelta(seconds=policy.timeout_s),
    )


@dataclass(frozen=True, slots=True)
class _Context:
    """What an orchestrator sees of Dapr's context."""

    inner: Any
    retry_policy: Any

    @property
    def instance_id(self) -> str:
        return str(self.inner.instance_id)

    def call_activity(self, name: str, payload: Json) -> Any:
        return self.inner.call_activity(name, input=payload, retry_policy=self.retry_policy)

    def when_all(self, tasks: Sequence[Any]) -> Any:
        return dapr.when_all(list(tasks))


def as_dapr_activity(name: str, activity: Activity) -> Any:
    """Return an activity in Dapr's shape. What trying again cannot help comes back as a value, so it is not retried."""

    def run(_context: Any, payload: Json) -> Json:
        try:
            return {"answer": activity(payload), "failure": None}
        except BudSimError as error:
            if not is_permanent(error):
                raise
            return {"answer": None, "failure": failure_of(error)}

    run.__name__ = name
    return run


def as_dapr_workflow(orchestrator: Orchestrator, retry_policy: Any) -> Any:
    """Return an orchestrator in Dapr's shape, with failures given to it as ``ActivityError``."""

    def run(context: Any, payload: Json) -> Generator[Any, Any, Json | None]:
        inner = orchestrator(_Context(context, retry_policy), payload)
        answer: Any = None
        failure: ActivityError | None = None
        while True:
            try:
                wanted = inner.throw(failure) if failure else inner.send(answer)
            except StopIteration as end:
                result: Json | None = end.value
                return result
            answer, failure = None, None
            try:
                answer = yield wanted
            except dapr.TaskFailedError as error:
                logger.error("An activity failed for good: %s", error)
                failure = ActivityError(failure_of(error))
                continue
            answer, failure = _unwrapped(answer)

    return run


def _unwrapped(outcome: Any) -> tuple[Any, ActivityError | None]:
    outcomes = outcome if isinstance(outcome, list) else [outcome]
    for each in outcomes:
        if each["failure"] is not None:
            return None, ActivityError(each["failure"])
    answers = [each["answer"] for each in outcomes]
    return (answers if isinstance(outcome, list) else answers[0]), None


class DaprWorkflowEngine:
    """A ``WorkflowEngine`` on the Dapr sidecar."""

    name = "dapr"

    def __init__(self, config: AppSettings, retry_policy: RetryPolicy | None = None) -> None:
        self._port = str(config.dapr_grpc_port or 50001)
        self._retry_policy = _retry_policy(retry_policy or RetryPolicy())
        self._runtime: Any = None
        self._client: Any = None

    def start(self, orchestrators: Mapping[str, Orchestrator], activities: Mapping[str, Activity]) -> None:
        """Connect the worker; the sidecar hands it what is unfinished."""
        self._runtime = dapr.WorkflowRuntime(
            host="127.0.0.1",
            port=self._port,
            maximum_concurrent_activity_work_items=_THREADS,
            maximum_thread_pool_workers=_THREADS,
        )
        for name, activity in activities.items():
            self._runtime.register_activity(as_dapr_activity(name, activity), name=name)
        for name, orchestrator in orchestrators.items():
            workflow = as_dapr_workflow(orchestrator, self._retry_policy)
            workflow.__name__ = name
            self._runtime.register_workflow(workflow, name=name)
        self._runtime.start()
        if not self._runtime.wait_for_worker_ready(timeout=_READY_TIMEOUT_S):
            raise UnavailableError(f"The Dapr workflow runtime does not answer on port {self._port}.")
        self._client = dapr.DaprWorkflowClient(
            host="127.0.0.1", port=self._port, max_grpc_message_length=_MAX_MESSAGE_BYTES
        )

    def stop(self) -> None:
        """Disconnect the worker; what is unfinished goes on with the next one."""
        if self._runtime is not None:
            self._runtime.shutdown()
        if self._client is not None:
            self._client.close()

    def schedule(self, workflow_name: str, workflow_id: str, payload: Json) -> None:
        """Start a workflow; the same id twice is one workflow."""
        try:
            self._client.schedule_new_workflow(workflow_name, input=payload, instance_id=workflow_id)
        except grpc.RpcError as error:
            if not self.knows(workflow_id):
                raise UnavailableError(f"The Dapr sidecar did not take the workflow: {error}") from error

    def knows(self, workflow_id: str) -> bool:
        """Whether the sidecar has a workflow of this id that is not over.

        One that is over although its run is not (its last step could not be written) is as good as none: scheduled
        again, it goes on from what the run has stored.

        A read may fall between two writes of a workflow that moves ("declared in metadata but missing from state
        store"), or into the start of a new sidecar; both pass.

        Raises:
            UnavailableError: The sidecar does not say.
        """
        deadline = time.monotonic() + _READ_PATIENCE_S
        while True:
            try:
                state = self._client.get_workflow_state(workflow_id, fetch_payloads=False)
                return state is not None and state.runtime_status not in _OVER
            except grpc.RpcError as error:
                if time.monotonic() >= deadline:
                    raise UnavailableError(f"The Dapr sidecar tells nothing about {workflow_id}: {error}") from error
            time.sleep(_READ_PAUSE_S)

    def terminate(self, workflow_id: str) -> None:
        """End the workflow."""
        self._client.terminate_workflow(workflow_id)

    def pause(self, workflow_id: str) -> None:
        """Hold the workflow before its next activity."""
        self._client.pause_workflow(workflow_id)

    def resume(self, workflow_id: str) -> None:
        """Let it go on."""
        self._client.resume_workflow(workflow_id)

    def restart(self, workflow_name: str, workflow_id: str, payload: Json) -> None:
        """Forget its history and run it again."""
        self._client.purge_workflow(workflow_id)
        self.schedule(workflow_name, workflow_id, payload)
