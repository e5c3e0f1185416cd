"""Retries follow the low-level design, and errors keep their meaning through plain JSON."""

import json

import pytest

from budsim.commons import errors
from budsim.commons.workflow_engine import (
    ActivityError,
    RetryPolicy,
    error_from_failure,
    failure_of,
    is_permanent,
)


def test_the_pauses_are_the_designs():
    own = RetryPolicy()
    assert own.pauses() == [1.0, 2.0]
    assert (own.max_attempts, own.backoff, own.max_interval_s, own.timeout_s) == (3, 2.0, 10.0, 100.0)


def test_pauses_are_capped_and_end_with_the_budget():
    policy = RetryPolicy(first_interval_s=1, max_attempts=50, backoff=2, max_interval_s=10, timeout_s=100)
    pauses = policy.pauses()
    assert pauses[:5] == [1, 2, 4, 8, 10]
    assert max(pauses) == 10
    assert sum(pauses) <= 100


@pytest.mark.parametrize(
    "error",
    [
        errors.InvalidRequestError("bad", {"field": "x"}),
        errors.UnknownModelError("who"),
        errors.InsufficientMemoryError("full", {"reasons": ["a"]}),
        errors.UnavailableError("away"),
        errors.SimulationTimeoutError("late"),
        errors.UnknownHardwareError("what", near=("A100",)),
    ],
)
def test_an_error_survives_plain_json(error):
    failure = json.loads(json.dumps(failure_of(error)))
    back = error_from_failure(failure)
    assert type(back) is type(error)
    assert (back.message, back.param, back.http_status) == (error.message, error.param, error.http_status)


def test_what_nobody_foresaw_keeps_its_text_to_itself():
    failure = failure_of(RuntimeError("password=hunter2"))
    assert "hunter2" not in json.dumps(failure)
    assert error_from_failure(failure).http_status == 500


def test_a_forged_type_is_just_an_error():
    assert type(error_from_failure({"type": "__doc__", "message": "x"})) is errors.BudSimError


def test_an_activity_error_is_its_own_failure():
    failure = failure_of(errors.ConflictError("no"))
    assert failure_of(ActivityError(failure)) == failure


def test_only_faulty_input_is_permanent():
    assert is_permanent(errors.InvalidRequestError("x"))
    assert not is_permanent(errors.UnavailableError("x"))
    assert is_permanent(errors.NoDeviceError("x"))
    assert not is_permanent(OSError())
