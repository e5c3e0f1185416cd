"""What the Dapr sidecar calls: which topic we listen to, and the events that arrive on it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID, uuid5

from fastapi import APIRouter, Body, Depends, Request
from pydantic import TypeAdapter, ValidationError

from budsim.commons.errors import BudSimError, UnavailableError
from budsim.commons.health import InfoResponse
from budsim.commons.security import require_service
from budsim.simulator.request_schemas import ClusterRecommendationRequest, HardwareRunRequest, RunBody, unwrapped
from budsim.simulator.routes import service_of
from budsim.simulator.schemas import FIELD_ERRORS, ErrorResponse

logger = logging.getLogger(__name__)

TOPIC = "budSimMessages"
DEAD_LETTER_TOPIC = "poisonMessages"
EVENT_ROUTE = "/notifications"
_RUN_NAMESPACE = UUID("0f9b3c53-7a55-4f07-8d6e-2d8d7c0b5a11")

event_router = APIRouter(tags=["events"], dependencies=[Depends(require_service)], responses=FIELD_ERRORS)
_BODY: TypeAdapter[ClusterRecommendationRequest | HardwareRunRequest] = TypeAdapter(RunBody)


_NO_STORE: dict[int | str, dict[str, Any]] = {
    503: {"model": ErrorResponse, "description": "There is no sidecar, or it does not answer."}
}


def _run_id(event: Any) -> UUID | None:
    """Return the id of the run that an event starts: the same when the event is delivered again."""
    event_id = event.get("id") if isinstance(event, Mapping) else None
    source = event.get("source") if isinstance(event, Mapping) else None
    return uuid5(_RUN_NAMESPACE, f"{source}/{event_id}") if isinstance(event_id, str) and event_id else None


@event_router.get("/dapr/subscribe", summary="Topics this service listens to")
def subscriptions(request: Request) -> list[dict[str, str]]:
    """Return the subscription; without a sidecar there is none."""
    pubsub = service_of(request).pubsub
    if pubsub is None:
        return []
    return [{"pubsubname": pubsub, "topic": TOPIC, "route": EVENT_ROUTE, "deadLetterTopic": DEAD_LETTER_TOPIC}]


def _required_sidecar(request: Request) -> None:
    """Check that there is a sidecar.

    Raises:
        UnavailableError: There is none.
    """
    if service_of(request).pubsub is None:
        raise UnavailableError("The store is missing: this service runs without a Dapr sidecar (DAPR_HTTP_PORT).")


@event_router.get("/sync/configurations", summary="Read the configuration store again", responses=_NO_STORE)
def sync_configurations(request: Request) -> InfoResponse:
    """Acknowledge: BudSim reads its settings from the environment once, and nothing from the store."""
    _required_sidecar(request)
    return InfoResponse(object="info", message="Nothing is read from the configuration store.", param=None)


@event_router.get("/sync/secrets", summary="Read the secret store again", responses=_NO_STORE)
def sync_secrets(request: Request) -> InfoResponse:
    """Acknowledge: BudSim reads its secrets from the environment once, and nothing from the store."""
    _required_sidecar(request)
    return InfoResponse(object="info", message="Nothing is read from the secret store.", param=None)


@event_router.get("/register", summary="Tell other services where this one listens", responses=_NO_STORE)
def register(request: Request) -> InfoResponse:
    """Save the record by which other services find this one's topic; it is saved at every start too."""
    _required_sidecar(request)
    service_of(request).clusters.register()
    return InfoResponse(object="info", message="ack", param={"topic": TOPIC})


@event_router.post(EVENT_ROUTE, summary="An event of the platform")
async def take_event(request: Request, event: Annotated[Any, Body()]) -> dict[str, str]:
    """Start a run for an event that asks for one; acknowledge any other, so that it is not sent again.

    A request that can never be served is dropped (``DROP`` sends it to the dead letter topic); one that cannot be
    served now is asked for again (``RETRY``).
    """
    try:
        body = unwrapped(event)
    except ValueError as error:
        logger.warning("An event cannot be read: %s", error)
        return {"status": "DROP"}
    if not isinstance(body, Mapping) or not {"pretrained_model_uri", "model_name"} & body.keys():
        return {"status": "SUCCESS"}
    try:
        wanted = _BODY.validate_python(event)
        started = await asyncio.to_thread(service_of(request).start_run, wanted, _run_id(event))
    except ValidationError as error:
        logger.warning("An event asks for a run that is malformed in %d places", error.error_count())
        return {"status": "DROP"}
    except BudSimError as error:
        logger.warning("An event asks for a run that cannot be started: %s", error.message)
        return {"status": "DROP" if error.http_status < 500 else "RETRY"}
    logger.info("Run %s started by an event", started.workflow_id)
    return {"status": "SUCCESS"}
