"""What a worker does for sizing and capacity: tasks in, plain JSON out. The predictor is imported where it is used."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from budsim.commons.search_pool import should_stop
from budsim.simulator.capacity import capacity
from budsim.simulator.group_task import GroupTask
from budsim.simulator.search_worker import calibrated, predictor
from budsim.simulator.sizing import size

Json = dict[str, Any]


def size_devices(tasks: Sequence[GroupTask], method: str, goal: str, calibrations: Sequence[Json] = ()) -> Json:
    """Return the smallest deployment of every device type (``sizing.size``), and the seconds it took."""
    started = time.perf_counter()
    inner = calibrated(predictor(method, tasks[0].request.model_version if tasks else None), calibrations)
    found = size(tasks, inner, goal=goal, should_stop=should_stop)
    return {**found, "seconds": time.perf_counter() - started}


def cluster_capacity(tasks: Sequence[GroupTask], method: str, is_rate: bool, calibrations: Sequence[Json] = ()) -> Json:
    """Return the most traffic of every cluster (``capacity.capacity``), and the seconds it took."""
    started = time.perf_counter()
    inner = calibrated(predictor(method, tasks[0].request.model_version if tasks else None), calibrations)
    found = capacity(tasks, inner, is_rate=is_rate, should_stop=should_stop)
    return {**found, "seconds": time.perf_counter() - started}
