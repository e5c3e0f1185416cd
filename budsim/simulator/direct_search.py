"""Exhaustive search over TP x PP x concurrency x replicas for one device group.

Complete: every layout the group allows, every replica count that is not dominated (``search_space``), every precision
asked for, evaluated in one batch. The space is small (about 500 candidates on 8 nodes of 8 devices), so nothing is
sampled and nothing stops early; the answer is the optimum of the stated objective under the predictor, and a test
compares it with the brute force over every concurrency.

A caller with a time budget passes ``should_stop``: the search then goes in batches, simplest layouts first, and ends
between two of them with the best so far.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from budsim.simulator.candidate import Candidate, Evaluation, Predictor, Rejection
from budsim.simulator.objective import CaseEvaluator, best_first
from budsim.simulator.plain_json import to_plain
from budsim.simulator.search_space import Exclusions, SearchCase, candidates

if TYPE_CHECKING:
    from budsim.simulator.topology import DeviceGroup


# Candidates between two looks at the clock: about a quarter of a second.
BATCH_SIZE = 256

FAILED_BEFORE = "This configuration failed in an earlier deployment; feedback with failed: false takes that back."

StopSignal = Callable[[], bool]
ProgressReport = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """What a search found.

    Attributes:
        evaluations: Every feasible candidate, best first.
        rejections: Every layout or candidate that cannot run, with its reason.
        num_evaluated: Candidates looked at.
        is_complete: False = stopped before every candidate was looked at; the best so far may not be the best.
    """

    evaluations: tuple[Evaluation, ...]
    rejections: tuple[Rejection, ...]
    num_evaluated: int
    is_complete: bool = True

    @property
    def best(self) -> Evaluation | None:
        """The best feasible candidate, whether or not it meets the targets."""
        return self.evaluations[0] if self.evaluations else None

    @property
    def meets_targets(self) -> bool:
        """Whether any candidate meets every target."""
        return bool(self.evaluations) and self.evaluations[0].meets_targets


def search(
    case: SearchCase,
    predictor: Predictor,
    *,
    should_stop: StopSignal | None = None,
    on_progress: ProgressReport | None = None,
) -> SearchOutcome:
    """Evaluate every candidate of a case and return them best first.

    Args:
        case: Model, devices, engine, load, targets.
        predictor: Performance model.
        should_stop: Asked between batches; True ends the search with what it has.
        on_progress: Told the share of candidates evaluated, in (0, 1], after each batch.

    Raises:
        InvalidRequestError: The load's sequences are longer than the model's context.
    """
    proposed, rejected = candidates(case)
    allowed: list[Candidate] = []
    for candidate in proposed:
        if is_excluded(candidate, case):
            rejected.append(Rejection(candidate.plan, "excluded", FAILED_BEFORE))
        else:
            allowed.append(candidate)
    evaluator = CaseEvaluator(case, predictor)
    evaluations: list[Evaluation] = []
    looked_at = len(proposed) - len(allowed)
    for batch in _batches(allowed, should_stop is not None or on_progress is not None):
        if should_stop is not None and should_stop():
            break
        _sort_answers(evaluator.evaluate(batch), case, evaluations, rejected)
        looked_at += len(batch)
        if on_progress is not None:
            on_progress(looked_at / len(proposed))
    ranked = tuple(best_first(evaluations, case.objective))
    return SearchOutcome(ranked, tuple(rejected), looked_at, is_complete=looked_at == len(proposed))


def _batches(allowed: Sequence[Candidate], is_watched: bool) -> Iterator[Sequence[Candidate]]:
    size = BATCH_SIZE if is_watched else max(1, len(allowed))
    for start in range(0, len(allowed), size):
        yield allowed[start : start + size]


def _sort_answers(
    answers: Sequence[Evaluation | Rejection],
    case: SearchCase,
    evaluations: list[Evaluation],
    rejected: list[Rejection],
) -> None:
    for answer in answers:
        problem = answer if isinstance(answer, Rejection) else headroom_problem(answer, case.group, case.exclusions)
        if problem is not None:
            rejected.append(problem)
        elif isinstance(answer, Evaluation):
            evaluations.append(answer)


def memory_headroom_bytes(evaluation: Evaluation, group: DeviceGroup) -> float:
    """Return what the platform's allocation leaves free on one device."""
    return group.memory_bytes_per_device - evaluation.total_bytes_per_device


def headroom_problem(evaluation: Evaluation, group: DeviceGroup, exclusions: Exclusions) -> Rejection | None:
    """Return why a candidate is excluded by what ran out of memory before, or None."""
    headroom = memory_headroom_bytes(evaluation, group)
    if exclusions.headroom_bytes is None or headroom > exclusions.headroom_bytes:
        return None
    text = (
        f"A configuration with {exclusions.headroom_bytes / 1e9:.2f} GB of headroom per device ran out of memory in an "
        f"earlier deployment; this one has {headroom / 1e9:.2f} GB."
    )
    return Rejection(evaluation.candidate.plan, "excluded_memory", text)


def candidate_hash(candidate: Candidate, case: SearchCase) -> str:
    """Return the identity of a configuration for feedback: SHA-256 of what one replica runs.

    Replicas are left out: a replica that fails, fails in any number.
    """
    identity = {
        "engine": case.engine.engine,
        "engine_version": case.engine.version,
        "device": case.group.spec.name,
        "plan": to_plain(candidate.plan),
        "precision": candidate.precision.name,
        "settings": to_plain(candidate.settings),
        "concurrency": candidate.concurrency_per_replica,
    }
    if candidate.prefill is not None:
        pool = candidate.prefill
        identity["prefill"] = {"plan": to_plain(pool.plan), "settings": to_plain(pool.settings)}
    return hashlib.sha256(json.dumps(identity, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def is_excluded(candidate: Candidate, case: SearchCase) -> bool:
    """Return whether an equal configuration failed before."""
    hashes = case.exclusions.config_hashes
    return bool(hashes) and candidate_hash(candidate, case) in hashes


def nearest(outcome: SearchOutcome, count: int = 3) -> Sequence[Evaluation]:
    """Return the candidates that miss the targets least; empty when some candidate meets them."""
    return () if outcome.meets_targets else outcome.evaluations[:count]
