"""What the tests of the search pool have its workers do; a module of its own, because workers import it by name."""

import os
import signal
import time

from budsim.commons.errors import InvalidRequestError
from budsim.commons.search_pool import report_progress, should_stop


def raise_ours():
    raise InvalidRequestError("bad input", {"field": "x"})


def raise_any():
    raise ZeroDivisionError("password=hunter2")


def end_worker():
    os.kill(os.getpid(), signal.SIGKILL)


def sleep_and_return(seconds):
    time.sleep(seconds)
    return seconds


def work_until_told(seconds):
    """Work as a search does: look between two small pieces whether to stop; return how long it went on."""
    started = time.monotonic()
    while not should_stop() and time.monotonic() - started < seconds:
        time.sleep(0.01)
    return time.monotonic() - started


def work_and_report(shares):
    for share in shares:
        report_progress(share)
        time.sleep(0.5)
    return shares
