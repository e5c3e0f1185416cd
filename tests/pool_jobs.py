"""What the tests of the search pool have its workers do; a module of its own, because workers import it by name."""

import os
import signal
import time

from budsim.commons.errors import InvalidRequestError


def raise_ours():
    raise InvalidRequestError("bad input", {"field": "x"})


def raise_any():
    raise ZeroDivisionError("password=hunter2")


def end_worker():
    os.kill(os.getpid(), signal.SIGKILL)


def sleep_and_return(seconds):
    time.sleep(seconds)
    return seconds
