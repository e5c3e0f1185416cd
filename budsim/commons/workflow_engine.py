"""What a durable workflow needs from whatever runs it, in three small shapes.

An orchestrator is a generator in Dapr's style: it yields ``ctx.call_activity(...)`` or ``ctx.when_all([...])`` and gets
the results back. It only yields; everything with a side effect is an activity, so replaying it is safe. Two engines run
it: the embedded one on our own PostgreSQL (``durable.py``) and Dapr's (``dapr_workflows.py``). ``main.py`` chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from budsim.commons import errors
from budsim.commons.errors import BudSimError

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a failed activity is tried again; the values are the low-level design's, section 11.2."""

    first_interval_s: float = 1.0
    max_attempts: int = 3
    backoff: float = 2.0
    max_interval_s: float = 10.0
    timeout_s: float = 100.0

    def pauses(self) -> list[float]:
        """Return the pauses between attempts, seconds, as far as they fit into ``timeout_s``."""
        waits: list[float] = []
        interval = self.first_interval_s
        for _ in range(self.max_attempts - 1):
            pause = min(interval, self.max_interval_s)
            if sum(waits) + pause > self.timeout_s:
                break
            waits.append(pause)
            interval *= self.backoff
        return waits


class WorkflowContext(Protocol):
    """What an orchestrator may ask for."""

    @property
    def instance_id(self) -> str:
        """The workflow's id."""
        ...

    def call_activity(self, name: str, payload: Json) -> Any:
        """Return a task for one activity; yield it to get the activity's result."""
        ...

    def when_all(self, tasks: Sequence[Any]) -> Any:
        """Return a task that is done when all of ``tasks`` are; yield it to get their results in order."""
        ...


Orchestrator = Callable[[WorkflowContext, Json], Generator[Any, Any, Json | None]]
Activity = Callable[[Json], Json]


class WorkflowEngine(Protocol):
    """Runs orchestrators durably. All methods block; a web handler calls them in a thread."""

    @property
    def name(self) -> str:
        """``embedded`` or ``dapr``."""
        ...

    def start(self, orchestrators: Mapping[str, Orchestrator], activities: Mapping[str, Activity]) -> None:
        """Begin to work; runs that an earlier process left unfinished go on."""
        ...

    def stop(self) -> None:
        """Stop working; what is unfinished goes on at the next start."""
        ...

    def schedule(self, workflow_name: str, workflow_id: str, payload: Json) -> None:
        """Start a workflow under ``workflow_id``; a second call with the same id changes nothing."""
        ...

    def knows(self, workflow_id: str) -> bool:
        """Whether a workflow is scheduled under this id; one that is over may count or not."""
        ...

    def terminate(self, workflow_id: str) -> None:
        """End a workflow; what runs is abandoned."""
        ...

    def pause(self, workflow_id: str) -> None:
        """Hold a workflow before its next activity."""
        ...

    def resume(self, workflow_id: str) -> None:
        """Let a paused workflow go on."""
        ...

    def restart(self, workflow_name: str, workflow_id: str, payload: Json) -> None:
        """Forget a finished workflow's history and run it again under the same id."""
        ...


class ActivityError(Exception):
    """An activity failed for good. Carries the error as plain JSON, as it was recorded.

    Args:
        failure: ``{"type", "message", "param", "http_status"}``.
    """

    def __init__(self, failure: Mapping[str, Any]) -> None:
        super().__init__(failure.get("message"))
        self.failure = dict(failure)


def failure_of(error: BaseException) -> Json:
    """Return an exception as plain JSON; what BudSim did not raise on purpose keeps its text to itself."""
    if isinstance(error, ActivityError):
        return error.failure
    if isinstance(error, BudSimError):
        return {
            "type": type(error).__name__,
            "message": error.message,
            "param": error.param,
            "http_status": error.http_status,
        }
    return {
        "type": "BudSimError",
        "message": f"The simulation failed unexpectedly ({type(error).__name__}); the log says more.",
        "param": None,
        "http_status": 500,
    }


def error_from_failure(failure: Mapping[str, Any]) -> BudSimError:
    """Return the exception that ``failure_of`` described."""
    known = getattr(errors, str(failure.get("type")), None)
    error_class = known if isinstance(known, type) and issubclass(known, BudSimError) else BudSimError
    error = error_class(str(failure.get("message") or "The simulation failed."), param=failure.get("param"))
    if error_class is BudSimError:
        error.http_status = int(failure.get("http_status") or 500)
    return error


def is_permanent(error: BaseException) -> bool:
    """Whether trying again cannot help: the input is at fault, or there is nothing to search on."""
    return isinstance(error, errors.NoDeviceError) or (isinstance(error, BudSimError) and error.http_status < 500)
