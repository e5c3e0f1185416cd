"""Keeps the workflow worker connected to its sidecar.

A sidecar of Dapr 1.18 can wedge when a worker dies with workflow steps in flight: it waits, with a lock held, for
answers that will never come, and the next worker's connection waits for that lock, although the worker believes itself
connected. Only the sidecar's own metadata tells, and only a new sidecar helps; whoever runs it starts it again, and
workflows go on from their stored state (measured: deploy/dapr/README.md).
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Protocol, Self

from budsim.commons.errors import UnavailableError

logger = logging.getLogger(__name__)

_PATIENCE_S = 10.0  # a healthy worker is connected within 4 s of its start (deploy/dapr/README.md)
_MAX_PATIENCE_S = 300.0
_LOOK_EVERY_S = 1.0


class WorkerHost(Protocol):
    """What a sidecar says and does about the workflow workers of its application."""

    def connected_workers(self) -> int | None:
        """Return how many are connected, None when the sidecar does not say."""

    def shut_down(self) -> None:
        """Ask the sidecar to end."""


class WorkerWatch:
    """Asks for a new sidecar when no worker has been connected for longer than ``patience_s``.

    Each request that did not help doubles the patience, up to five minutes.
    """

    def __init__(self, host: WorkerHost, patience_s: float = _PATIENCE_S) -> None:
        self._host = host
        self._base_patience_s = patience_s
        self._patience_s = patience_s
        self._missing_since: float | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="dapr-worker-watch", daemon=True)

    def look(self, now_s: float) -> bool:
        """Look once, act if patience is over, and return whether a worker is connected."""
        count = self._host.connected_workers()
        if count is None or count > 0:
            self._missing_since = None
            if count:
                self._patience_s = self._base_patience_s
            return bool(count)
        if self._missing_since is None:
            self._missing_since = now_s
        elif now_s - self._missing_since >= self._patience_s:
            logger.warning("The sidecar has had no workflow worker for %.0f s; asking for a new one", self._patience_s)
            self._host.shut_down()
            self._patience_s = min(2 * self._patience_s, _MAX_PATIENCE_S)
            self._missing_since = None
        return False

    def wait_until_connected(self, seconds: float) -> None:
        """Return when a worker is connected.

        Raises:
            UnavailableError: None is within ``seconds``.
        """
        deadline = time.monotonic() + seconds
        while not self.look(time.monotonic()):
            if time.monotonic() >= deadline:
                raise UnavailableError(
                    f"No workflow worker got through to the Dapr sidecar within {seconds:.0f} s. Restart the sidecar, "
                    "and check that its state store has actorStateStore set and that placement and scheduler answer."
                )
            time.sleep(0.1)

    def __enter__(self) -> Self:
        """Go on looking in the background."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop looking."""
        self._stopped.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopped.wait(_LOOK_EVERY_S):
            self.look(time.monotonic())
