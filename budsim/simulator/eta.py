"""How long a run will still take.

    seconds left = sum over the steps left of their time
    time of performance_estimation = max(largest N_task, sum over tasks of N_task / workers) * s
                                     s: time of one candidate, N: candidates of the task

s comes from measured tasks: the median over the latest ones of the same method. Until there are any it is a shipped
figure, and the first task of a process, which reads and compiles, is waited for once. No randomness, no clock: the
caller measures, this computes. Once a fifth of a run is over, its own pace tells more (``time_left``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

SECONDS_PER_MINUTE = 60.0
STEPS = ("validation", "performance_estimation", "ranking")
# Assumed until runs are measured: reading clusters and model, writing rows and notifications; the arithmetic is
# milliseconds.
VALIDATION_S = 1.0
RANKING_S = 1.0
# Measured by tests/performance/benchmark_heuristic.py (2 cores, Llama-3.1-70B, 8 nodes x 8 GPUs): 0.9 ms per candidate
# warm, 2 s for the first task of a process, which compiles the replay. The regressor's: benchmark_speed.py, seconds of
# one core over predictor calls.
START_S = 2.0
CANDIDATE_S = {"heuristic": 0.001, "regressor": 0.0011}
# Until the candidates of a task are known: those of 8 nodes x 8 devices at 100 requests (the same two benchmarks).
UNKNOWN_CANDIDATES = {"heuristic": 375, "regressor": 1075}
# Share of a run after which its own pace is the better guess of what is left.
TRUSTED_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class MeasuredRun:
    """One finished task: how many candidates it evaluated, and in what time."""

    num_candidates: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Eta:
    """Time left: exact seconds, and whole minutes (at least 1) as the platform shows them."""

    seconds: float
    minutes: int


def estimate_eta(
    step: str = "validation",
    *,
    task_candidates: Sequence[int] = (),
    method: str = "heuristic",
    history: Sequence[MeasuredRun] = (),
    workers: int = 1,
    done_share: float = 0.0,
) -> Eta:
    """Return the time left when ``step`` begins.

    Args:
        step: validation | performance_estimation | ranking; an unknown step counts as the first.
        task_candidates: Candidates of each task (``search_space.candidates``); empty = one task of unknown size.
        method: heuristic | regressor.
        history: Finished tasks of the same method, newest last.
        workers: Tasks that run at once.
        done_share: Share of the current step that is done, in [0, 1].
    """
    tasks = tuple(task_candidates) or (usual_candidates(history, method),)
    searching = max(max(tasks), sum(tasks) / max(1, workers)) * seconds_per_candidate(history, method)
    step_seconds = {
        "validation": VALIDATION_S,
        "performance_estimation": searching if history else START_S + searching,
        "ranking": RANKING_S,
    }
    start = STEPS.index(step) if step in STEPS else 0
    left = [step_seconds[name] for name in STEPS[start:]]
    left[0] *= 1.0 - min(1.0, max(0.0, done_share))
    return eta_of(sum(left))


def eta_of(seconds: float) -> Eta:
    """Return an ETA of ``seconds``: the minutes are rounded up and never below 1."""
    seconds = max(0.0, seconds)
    return Eta(seconds, max(1, math.ceil(seconds / SECONDS_PER_MINUTE)))


def seconds_per_candidate(history: Sequence[MeasuredRun], method: str) -> float:
    """Return the median measured time of one candidate, or the shipped measurement when no run is known."""
    measured = [run.seconds / run.num_candidates for run in history if run.num_candidates > 0]
    return median(measured) if measured else CANDIDATE_S.get(method, max(CANDIDATE_S.values()))


def usual_candidates(history: Sequence[MeasuredRun], method: str) -> int:
    """Return the median of the candidates of finished tasks, or the shipped figure when none is known."""
    counts = [run.num_candidates for run in history if run.num_candidates > 0]
    return round(median(counts)) if counts else UNKNOWN_CANDIDATES.get(method, max(UNKNOWN_CANDIDATES.values()))


def time_left(expected_s: float, elapsed_s: float, searched_share: float) -> float:
    """Return the seconds that a run still takes.

    Args:
        expected_s: What the whole run was expected to take when it was planned.
        elapsed_s: Seconds since it began.
        searched_share: Of its searches, in [0, 1].
    """
    if searched_share >= TRUSTED_SHARE:
        return elapsed_s * (1.0 - min(1.0, searched_share)) / searched_share + RANKING_S
    return max(0.0, expected_s - elapsed_s)
