"""Worker processes for searches: CPU-bound work that must not block the event loop or share its interpreter lock."""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import Any, TypeVar

from budsim.commons.errors import BudSimError, SimulationTimeoutError, UnavailableError

logger = logging.getLogger(__name__)

T = TypeVar("T")
_ATTEMPTS = 3
# How long a search may go on after its run's time, before its worker (and its neighbours' work) is ended.
GRACE_S = 30.0


def default_workers() -> int:
    """Return one worker per CPU that this process may use."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class SearchFailedError(UnavailableError):
    """A search raised something that nobody foresaw."""


class WorkerLostError(SearchFailedError):
    """The worker of a search died, again and again."""


class SearchPool:
    """A process pool that starts warm, is rebuilt when a worker dies, and ends with its owner however that ends.

    Args:
        workers: Number of processes.
        preload: Modules that every worker imports before it takes work.
    """

    def __init__(self, workers: int, preload: Sequence[str] = ()) -> None:
        self._workers = workers
        self._preload = tuple(preload)
        self._guard = threading.Lock()
        self._executor: ProcessPoolExecutor | None = None
        self._stopped = False

    def start(self, warm_up: Callable[[], None] | None = None) -> None:
        """Start the workers; they import their modules and run ``warm_up`` while the caller goes on."""
        executor = self._current()
        for _ in range(self._workers):
            executor.submit(_import_all, self._preload)
            if warm_up is not None:
                executor.submit(warm_up)

    def run(self, function: Callable[..., T], *arguments: Any, timeout_s: float | None = None) -> T:
        """Return ``function(*arguments)``, computed in a worker.

        A worker that dies takes the whole pool with it; the work is tried again on a new one.

        Raises:
            SimulationTimeoutError: No answer within ``timeout_s``. Work that had begun gets ``GRACE_S`` to end by
                itself before its worker is ended.
            WorkerLostError: The worker died at every attempt.
            SearchFailedError: ``function`` raised something that is not a ``BudSimError``; those come as they are.
        """
        for _ in range(_ATTEMPTS):
            executor = self._current()
            try:
                future: Future[T] = executor.submit(function, *arguments)
                raised = future.exception(timeout=timeout_s)
            except BrokenProcessPool as error:
                raised = error
            except TimeoutError as error:
                if not future.cancel():
                    self._end_later(executor, future)
                raise SimulationTimeoutError("The time of the run was over before this search ended.") from error
            if raised is None:
                return future.result()
            if not isinstance(raised, BrokenProcessPool):
                raise _understood(raised)
            logger.warning("A search worker died; starting new ones")
            self._discard(executor)
        raise WorkerLostError("The search worker died again and again; it may need more memory.")

    def _end_later(self, executor: ProcessPoolExecutor, future: Future[Any]) -> None:
        def end() -> None:
            if not future.done():
                logger.warning("A search did not end %.0f s after its time; ending its worker", GRACE_S)
                self._discard(executor)

        timer = threading.Timer(GRACE_S, end)
        timer.daemon = True
        timer.start()

    def stop(self) -> None:
        """End the workers now."""
        with self._guard:
            executor, self._executor = self._executor, None
            self._stopped = True
        if executor is not None:
            _end(executor)

    def worker_ids(self) -> list[int]:
        """Return the process ids of the workers."""
        with self._guard:
            return [] if self._executor is None else list(self._executor._processes)

    def _current(self) -> ProcessPoolExecutor:
        with self._guard:
            if self._stopped:
                raise UnavailableError("The service is stopping.")
            if self._executor is None:
                context = multiprocessing.get_context("forkserver")
                context.set_forkserver_preload(["budsim.commons.search_pool", *self._preload])
                self._executor = ProcessPoolExecutor(self._workers, context, initializer=_end_with_owner)
            return self._executor

    def _discard(self, broken: ProcessPoolExecutor) -> None:
        with self._guard:
            if self._executor is broken:
                self._executor = None
        _end(broken)


def _understood(raised: BaseException) -> BudSimError:
    if isinstance(raised, BudSimError):
        return raised
    logger.error("A search failed", exc_info=raised)
    return SearchFailedError(f"The search failed unexpectedly ({type(raised).__name__}); the log says more.")


def _end(executor: ProcessPoolExecutor) -> None:
    processes = list((executor._processes or {}).values())
    executor.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.kill()


def _import_all(modules: Sequence[str]) -> None:
    for name in modules:
        importlib.import_module(name)


def _end_with_owner() -> None:
    """In a worker: exit when the service dies, even by a signal that it cannot catch."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    owner = multiprocessing.parent_process()
    if owner is None:
        return

    def watch() -> None:
        wait([owner.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="owner-watch", daemon=True).start()
