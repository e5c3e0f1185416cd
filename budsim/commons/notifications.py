"""Progress events of a run: their order, their shape on the wire, and who gets them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

EVENT_TYPE = "get_cluster_recommendations"
SOURCE = "budsim"
_EVENT_NAMESPACE = uuid.UUID("6f1a1f5e-7a0c-4f0e-9a57-0d9d5b1f3c11")


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """One thing that happened in a run.

    Attributes:
        key: Unique within the run; the same event sent again has the same key.
        event: validation | eta | performance_estimation | ranking | results.
        status: STARTED | RUNNING | COMPLETED | FAILED | TERMINATED.
        primary_action: ``retry`` where trying again can help.
    """

    key: str
    event: str
    status: str
    title: str
    message: str
    result: Mapping[str, Any] | None = None
    primary_action: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the event as plain JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Audience:
    """Who asked to be told, as the request said it."""

    metadata: Mapping[str, Any] | None
    source: str | None
    source_topics: Sequence[str]

    @property
    def notify(self) -> bool:
        """Whether the notification service has somebody to tell."""
        return bool(self.metadata and (self.metadata.get("subscriber_ids") or self.metadata.get("topic_keys")))


class Publisher(Protocol):
    """Sends one CloudEvent to everybody in the audience; may send it twice, never silently not at all."""

    def publish(self, audience: Audience, notification: Mapping[str, Any], event_id: str, event_type: str) -> None:
        """Send the notification.

        Raises:
            UnavailableError: The broker does not take it.
        """
        ...


class RecordedOnly:
    """The publisher of a service without a broker: events are stored with the run, and progress shows them."""

    def publish(self, audience: Audience, notification: Mapping[str, Any], event_id: str, event_type: str) -> None:
        """Send nothing."""


def event_id(workflow_id: str, key: str) -> str:
    """Return the event's CloudEvent id: the same whenever it is sent again, so that receivers can drop repeats."""
    return str(uuid.uuid5(_EVENT_NAMESPACE, f"{workflow_id}/{key}"))


def notification(workflow_id: str, event: Mapping[str, Any], audience: Audience) -> dict[str, Any]:
    """Return the event in the platform's shape (contract, section 2.3)."""
    metadata = dict(audience.metadata or {})
    return {
        "notification_type": metadata.get("notification_type", "event"),
        "name": metadata.get("name"),
        "subscriber_ids": metadata.get("subscriber_ids"),
        "actor": metadata.get("actor"),
        "topic_keys": metadata.get("topic_keys"),
        "payload": {
            "category": metadata.get("category", "internal"),
            "type": EVENT_TYPE,
            "event": event["event"],
            "workflow_id": metadata.get("workflow_id") or workflow_id,
            "source": SOURCE,
            "content": {
                "title": event["title"],
                "message": event["message"],
                "status": event["status"],
                "result": event.get("result"),
                "primary_action": event.get("primary_action"),
                "secondary_action": None,
            },
        },
        "source": SOURCE,
        "source_topic": list(audience.source_topics) or None,
        "type": EVENT_TYPE,
    }
