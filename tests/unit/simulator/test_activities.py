"""An activity outlasts what is away for a while, and nothing else."""

from threading import Event

import pytest
from sqlalchemy.exc import OperationalError, ProgrammingError

from budsim.commons.errors import InvalidRequestError, OutageError, UnavailableError
from budsim.simulator.activities import outlasting_outages


def failing(errors):
    """Return an activity that raises ``errors`` one after the other before it answers, and what it was called with."""
    left, calls = list(errors), []

    def activity(payload):
        calls.append(payload)
        if left:
            raise left.pop(0)
        return {"answer": payload["question"]}

    return activity, calls


def test_an_outage_of_database_or_broker_is_outlasted():
    activity, calls = failing([OperationalError("SELECT 1", {}, Exception("gone")), OutageError("no broker")])
    assert outlasting_outages(activity, Event(), 5.0, 0.0)({"question": 1}) == {"answer": 1}
    assert len(calls) == 3


def test_an_outage_longer_than_the_patience_is_raised():
    activity, calls = failing([OutageError("no broker")] * 2)
    with pytest.raises(OutageError):
        outlasting_outages(activity, Event(), 0.0, 0.0)({"question": 1})
    assert len(calls) == 1


def test_nothing_is_waited_for_once_the_service_stops():
    activity, calls = failing([OperationalError("SELECT 1", {}, Exception("closed"))] * 2)
    stopping = Event()
    stopping.set()
    with pytest.raises(OperationalError):
        outlasting_outages(activity, stopping, 60.0, 60.0)({"question": 1})
    assert len(calls) == 1


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequestError("wrong"),
        UnavailableError("no cluster is known"),
        ProgrammingError("SELECT nothing", {}, Exception("no such column")),
        ValueError("a mistake"),
    ],
)
def test_what_waiting_cannot_help_is_raised_at_once(error):
    activity, calls = failing([error])
    with pytest.raises(type(error)):
        outlasting_outages(activity, Event(), 5.0, 0.0)({"question": 1})
    assert len(calls) == 1


def test_an_activity_keeps_its_name():
    activity, _ = failing([])
    assert outlasting_outages(activity, Event()).__name__ == "activity"
