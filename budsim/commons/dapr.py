"""The Dapr sidecar behind three small things: state, pub/sub and what it says of itself. Plain HTTP.

A missing sidecar is an ``UnavailableError`` with its address, never a silent default.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import httpx

from budsim.commons.config import AppSettings
from budsim.commons.errors import OutageError, UnavailableError
from budsim.commons.notifications import SOURCE, Audience
from budsim.commons.telemetry import current_traceparent

logger = logging.getLogger(__name__)

_TIMEOUT_S = 10.0
_METADATA_KEY = "__metadata__"


class Sidecar:
    """One Dapr sidecar, by its HTTP port."""

    def __init__(self, config: AppSettings) -> None:
        self._config = config
        headers = {"dapr-api-token": config.dapr_api_token.get_secret_value()} if config.dapr_api_token else {}
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{config.dapr_http_port}", headers=headers, timeout=_TIMEOUT_S
        )

    def wait_until_ready(self, seconds: float) -> bool:
        """Whether the sidecar answers within ``seconds``."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if self._client.get("/v1.0/healthz/outbound", timeout=1.0).is_success:
                    return True
            except httpx.HTTPError:
                pass
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.2)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            traceparent = current_traceparent()
            headers = {"traceparent": traceparent} if traceparent else None
            response = self._client.request(method, path, headers=headers, **arguments)
        except httpx.HTTPError as error:
            raise OutageError(f"The Dapr sidecar does not answer at {self._client.base_url}: {error}") from error
        if response.is_error and response.status_code != 404:
            refusal = OutageError if response.is_server_error else UnavailableError
            raise refusal(f"The Dapr sidecar refused {method} {path}: {response.status_code} {response.text[:200]}")
        return response

    @cached_property
    def components(self) -> dict[str, str]:
        """Names of the sidecar's components by kind: ``state``, ``pubsub``, ``configuration``, ``secretstores`` …."""
        found: dict[str, str] = {}
        for component in self._call("GET", "/v1.0/metadata").json().get("components", []):
            found.setdefault(str(component["type"]).partition(".")[0], str(component["name"]))
        return found

    def reports_workers(self) -> bool:
        """Whether this sidecar's version tells how many workflow workers are connected (seen with 1.18)."""
        version = str(self._call("GET", "/v1.0/metadata").json().get("runtimeVersion", ""))
        parts = version.split(".")[:2]
        return len(parts) == 2 and all(part.isdigit() for part in parts) and tuple(map(int, parts)) >= (1, 18)

    def connected_workers(self) -> int | None:
        """Return how many workflow workers of this application are connected, None while the sidecar is away."""
        try:
            metadata = self._call("GET", "/v1.0/metadata").json()
        except UnavailableError:
            return None
        return int(metadata.get("workflows", {}).get("connectedWorkers", 0))

    def shut_down(self) -> None:
        """Ask the sidecar to end; whoever runs it starts it again."""
        try:
            self._call("POST", "/v1.0/shutdown")
        except UnavailableError as error:
            logger.warning("%s", error)

    def _component(self, kind: str, named: str | None) -> str:
        name = named or self.components.get(kind)
        if name is None:
            raise UnavailableError(f"The Dapr sidecar has no {kind} component.")
        return name

    @property
    def statestore(self) -> str:
        """Name of the state store."""
        return self._component("state", self._config.statestore_name)

    @property
    def pubsub(self) -> str:
        """Name of the pub/sub component."""
        return self._component("pubsub", self._config.pubsub_name)

    def state(self, key: str) -> Any:
        """Return the value of a state key, None when there is none."""
        response = self._call("GET", f"/v1.0/state/{self.statestore}/{key}", params={"consistency": "strong"})
        if response.status_code == 404 or not response.content:
            return None
        try:
            return response.json()
        except json.JSONDecodeError:
            return response.text

    def save_state(self, key: str, value: Any) -> None:
        """Set a state key."""
        self._call("POST", f"/v1.0/state/{self.statestore}", json=[{"key": key, "value": value}])

    def secret(self, store: str, name: str) -> dict[str, str]:
        """Return the values of one secret by their keys.

        Raises:
            UnavailableError: There is no such store or secret, or this application may not read it.
        """
        response = self._call("GET", f"/v1.0/secrets/{store}/{name}")
        found = response.json() if response.is_success and response.content else {}
        return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else {}

    def register(self, topic: str = "budSimMessages", dead_letter: str = "poisonMessages") -> None:
        """Save this service's record, by which other services find its topic."""
        kinds = self.components
        record = {
            "app_name": self._config.app_name,
            "configstore": kinds.get("configuration"),
            "secretstore": kinds.get("secretstores"),
            "statestore": kinds.get("state"),
            "pubsub": kinds.get("pubsub"),
            "topic": topic,
            "deadletter": dead_letter,
            "crypto": kinds.get("crypto"),
        }
        self.save_state(f"{_METADATA_KEY}{self._config.app_id}", json.dumps(record))

    def topic_of(self, app_id: str) -> str | None:
        """Return the topic that another service registered, None when it did not."""
        record = self.state(f"{_METADATA_KEY}{app_id}")
        record = json.loads(record) if isinstance(record, str) else record
        return record.get("topic") if isinstance(record, Mapping) else None

    def publish_event(self, topic: str, body: Mapping[str, Any], event_id: str, event_type: str) -> None:
        """Publish one CloudEvent."""
        metadata = {
            "metadata.cloudevent.id": event_id,
            "metadata.cloudevent.source": SOURCE,
            "metadata.cloudevent.type": event_type,
        }
        self._call("POST", f"/v1.0/publish/{self.pubsub}/{topic}", params=metadata, json=dict(body))


class DaprPublisher:
    """Tells the notification service and the caller's own topics."""

    def __init__(self, sidecar: Sidecar, config: AppSettings) -> None:
        self._sidecar = sidecar
        self._config = config

    def publish(self, audience: Audience, notification: Mapping[str, Any], event_id: str, event_type: str) -> None:
        """Send one notification wherever it belongs."""
        if audience.notify and (topic := self._notify_topic()):
            self._sidecar.publish_event(topic, notification, event_id, "notification")
        for topic in self._caller_topics(audience):
            self._sidecar.publish_event(topic, notification, event_id, event_type)

    def _notify_topic(self) -> str | None:
        return self._config.notify_service_topic or self._sidecar.topic_of(self._config.notify_service_name)

    def _caller_topics(self, audience: Audience) -> list[str]:
        if audience.source_topics:
            return list(audience.source_topics)
        topic = self._sidecar.topic_of(audience.source) if audience.source else None
        return [topic] if topic else []
