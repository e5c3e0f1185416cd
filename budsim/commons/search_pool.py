"""Worker processes for searches: CPU-bound work that must not block the event loop or share its interpreter lock."""

from __future__ import annotations

import importlib
import itertools
import logging
import math
import multiprocessing
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any, TypeVar

from budsim.commons.errors import BudSimError, SimulationTimeoutError, UnavailableError

logger = logging.getLogger(__name__)

T = TypeVar("T")
_ATTEMPTS = 3
# How long a search that was told to end may go on before its worker is ended. It looks between two predictions, which
# take milliseconds; a single one of the largest load takes longer.
GRACE_S = 2.0
# Whoever waits for an answer of the service goes before a search, which has seconds: with 200 runs in flight on two
# cores, reads and steps of other runs would otherwise wait for a time slice of a search.
NICENESS = 5
_POLL_S = 0.2


def default_workers() -> int:
    """Return one worker per CPU that this process may use."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class SearchFailedError(UnavailableError):
    """A search raised something that nobody foresaw."""


class WorkerLostError(SearchFailedError):
    """The worker of a search died, again and again."""


class SearchStoppedError(UnavailableError):
    """Nobody wants the answer of a search any more."""


class _Worker:
    """One process that does one search at a time, and is started anew when it had to be ended."""

    def __init__(self, preload: Sequence[str]) -> None:
        self._preload = tuple(preload)
        self._warm_up: Callable[[], None] | None = None
        self._executor: ProcessPoolExecutor | None = None
        self._flag: Any = None
        self._is_retired = False

    def start(self, warm_up: Callable[[], None] | None = None) -> None:
        self._warm_up = warm_up
        self._opened()

    def submit(self, deadline: float, function: Callable[..., T], arguments: Sequence[Any]) -> Future[T]:
        executor = self._opened()
        self._flag.value = 0
        self._share.value = 0.0
        return executor.submit(_call, deadline, function, *arguments)

    @property
    def share_done(self) -> float:
        """Share of the search that the worker says is over."""
        return float(self._share.value)

    def tell_to_stop(self) -> None:
        self._flag.value = 1

    def end(self) -> None:
        executor, self._executor = self._executor, None
        if executor is not None:
            _end(executor)

    def retire(self) -> None:
        """End for good: who got hold of this worker a moment ago cannot start it anew."""
        self._is_retired = True
        self.end()

    def process_ids(self) -> list[int]:
        return [] if self._executor is None else list(self._executor._processes or {})

    def _opened(self) -> ProcessPoolExecutor:
        if self._is_retired:
            raise UnavailableError("The service is stopping.")
        if self._executor is None:
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["budsim.commons.search_pool", *self._preload])
            self._flag, self._share = context.RawValue("b", 0), context.RawValue("d", 0.0)
            watched = (self._flag, self._share)
            self._executor = ProcessPoolExecutor(1, context, initializer=_begin_worker, initargs=watched)
            self._executor.submit(_import_all, self._preload)
            if self._warm_up is not None:
                self._executor.submit(self._warm_up)
        return self._executor


@dataclass(eq=False, slots=True)
class _Ticket:
    """Somebody who waits for a worker."""

    key: str
    number: int


class SearchPool:
    """Worker processes that start warm, are replaced one by one when they die, and end with their owner.

    The next free worker goes to whoever has the fewest searches running, and among these was served longest ago: a run
    with many searches does not keep the others waiting until it is through.

    Args:
        workers: Number of processes.
        preload: Modules that every worker imports before it takes work.
    """

    def __init__(self, workers: int, preload: Sequence[str] = ()) -> None:
        self._changed = threading.Condition()
        self._workers = [_Worker(preload) for _ in range(workers)]
        self._idle = list(self._workers)
        self._waiting: list[_Ticket] = []
        self._running: Counter[str] = Counter()
        self._served: dict[str, int] = {}
        self._numbers = itertools.count()
        self._stopped = False

    def start(self, warm_up: Callable[[], None] | None = None) -> None:
        """Start the workers; they import their modules and run ``warm_up`` while the caller goes on."""
        for worker in self._workers:
            worker.start(warm_up)

    def run(
        self,
        function: Callable[..., T],
        *arguments: Any,
        timeout_s: float | None = None,
        key: str = "",
        is_over: Callable[[], bool] | None = None,
        on_progress: Callable[[float], None] | None = None,
    ) -> T:
        """Return ``function(*arguments)``, computed in a worker.

        Work that asks ``should_stop`` ends by itself when its time is over or nobody wants it any more, and what it
        then returns is returned. Work that goes on for ``GRACE_S`` is ended with its worker. A worker that dies is
        replaced, and the work tried again.

        Args:
            function: What to compute, by its importable name.
            arguments: Its arguments.
            timeout_s: Seconds from now until the work is to end; None = no limit.
            key: On whose behalf; workers are shared out between keys.
            is_over: Asked several times a second; True ends the work.
            on_progress: Told the share that is over, in (0, 1], when the work has reported a larger one.

        Raises:
            SimulationTimeoutError: Nothing came back in time.
            SearchStoppedError: ``is_over``, and nothing came back.
            WorkerLostError: The worker died at every attempt.
            SearchFailedError: ``function`` raised something that is not a ``BudSimError``; those come as they are.
        """
        deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
        for _ in range(_ATTEMPTS):
            worker = self._taken(key, deadline, is_over)
            try:
                future = worker.submit(deadline, function, arguments)
                raised: BaseException | None = self._ended(worker, future, deadline, is_over, on_progress)
                if isinstance(raised, BrokenProcessPool):
                    worker.end()
            except (BrokenProcessPool, CancelledError) as error:
                raised = error
                worker.end()
            finally:
                self._give_back(worker, key)
            if raised is None:
                return future.result()
            if not isinstance(raised, BrokenProcessPool | CancelledError):
                raise _understood(raised)
            logger.warning("A search worker died; starting a new one")
        raise WorkerLostError("The search worker died again and again; it may need more memory.")

    def _taken(self, key: str, deadline: float, is_over: Callable[[], bool] | None) -> _Worker:
        """Return a worker that is this caller's alone, as soon as it is its turn."""
        ticket = _Ticket(key, next(self._numbers))
        with self._changed:
            self._waiting.append(ticket)
        try:
            while True:
                with self._changed:
                    if self._stopped:
                        raise UnavailableError("The service is stopping.")
                    if self._idle and self._first_in_line() is ticket:
                        self._running[key] += 1
                        self._served[key] = next(self._numbers)
                        return self._idle.pop()
                    left = deadline - time.monotonic()
                    if left > 0:
                        self._changed.wait(min(left, _POLL_S))
                if left <= 0:
                    raise SimulationTimeoutError("The time of the run was over before this search began.")
                if is_over is not None and is_over():
                    raise SearchStoppedError("The run was stopped before this search began.")
        finally:
            with self._changed:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def _first_in_line(self) -> _Ticket:
        def turn(ticket: _Ticket) -> tuple[int, int, int]:
            return self._running.get(ticket.key, 0), self._served.get(ticket.key, -1), ticket.number

        return min(self._waiting, key=turn)

    def _give_back(self, worker: _Worker, key: str) -> None:
        with self._changed:
            self._running[key] -= 1
            if not self._running[key]:
                del self._running[key]
                if all(ticket.key != key for ticket in self._waiting):
                    self._served.pop(key, None)
            self._idle.append(worker)
            self._changed.notify_all()

    def _ended(
        self,
        worker: _Worker,
        future: Future[Any],
        deadline: float,
        is_over: Callable[[], bool] | None,
        on_progress: Callable[[float], None] | None,
    ) -> BaseException | None:
        """Wait for the end of a search; return what it raised."""
        told = 0.0
        while time.monotonic() < deadline:
            try:
                return future.exception(timeout=min(_POLL_S, max(0.0, deadline - time.monotonic())))
            except TimeoutError:
                if is_over is not None and is_over():
                    break
                if on_progress is not None and worker.share_done > told:
                    told = worker.share_done
                    on_progress(told)
        worker.tell_to_stop()
        try:
            return future.exception(timeout=GRACE_S)
        except TimeoutError:
            logger.warning("A search did not end %.0f s after it was told to; ending its worker", GRACE_S)
            worker.end()
        if time.monotonic() >= deadline:
            return SimulationTimeoutError("The time of the run was over before this search ended.")
        return SearchStoppedError("The run was stopped before this search ended.")

    def stop(self) -> None:
        """End the workers now."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for worker in self._workers:
            worker.retire()

    def worker_ids(self) -> list[int]:
        """Return the process ids of the workers."""
        return [process_id for worker in self._workers for process_id in worker.process_ids()]


# In a worker: whether the search that it does is to end, and when it has to.
_stop_flag: Any = None
_share: Any = None
_deadline = math.inf


def should_stop() -> bool:
    """In a worker: whether the search that it does is to end, because its time is over or nobody wants it."""
    return time.monotonic() >= _deadline or bool(_stop_flag is not None and _stop_flag.value)


def report_progress(share: float) -> None:
    """In a worker: say which share of the search is over."""
    if _share is not None:
        _share.value = share


def _call(deadline: float, function: Callable[..., T], *arguments: Any) -> T:
    """In a worker: do one search."""
    global _deadline
    _deadline = deadline  # the monotonic clock is one for all processes of a machine
    return function(*arguments)


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


def _begin_worker(stop_flag: Any, share: Any) -> None:
    """In a worker: exit when the service dies, even by a signal that it cannot catch."""
    global _stop_flag, _share
    _stop_flag, _share = stop_flag, share
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    owner = multiprocessing.parent_process()
    if owner is None:
        return

    def watch() -> None:
        wait([owner.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="owner-watch", daemon=True).start()
