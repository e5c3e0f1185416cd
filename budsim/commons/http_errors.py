"""How an error looks on the wire: one envelope for everything, whoever found the mistake."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import DataError, DBAPIError
from starlette.exceptions import HTTPException

from budsim.commons.database import is_outage
from budsim.commons.errors import BudSimError, TooManyRequestsError, UnauthorizedError
from budsim.commons.field_errors import FIELDS_DISAGREE

logger = logging.getLogger(__name__)

_ALTERNATIVES = frozenset({"platform", "hardware"})  # tags of the bodies of POST /simulator/run
# Types of errors that a check of a whole body raises: their context has the path to the fault.
_WITH_PATH = frozenset({"unstorable", FIELDS_DISAGREE})
_MAX_SHOWN = 200  # characters of a caller's own text that an error repeats


def error_type(code: int) -> str:
    """Return the envelope's type of an HTTP status: 404 is ``NotFoundError``, what has no phrase is internal."""
    try:
        phrase = HTTPStatus(code).phrase
    except ValueError:
        phrase = HTTPStatus.INTERNAL_SERVER_ERROR.phrase
    words = "".join(word[:1].upper() + word[1:] for word in phrase.replace("-", " ").split())
    return words if words.endswith("Error") else f"{words}Error"


def envelope(code: int, message: str | None, param: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the error object of the contract, section 1.0."""
    return {"object": "error", "message": message, "type": error_type(code), "param": param, "code": code}


def error_response(error: BudSimError) -> JSONResponse:
    """Return the response of an error that BudSim raised on purpose."""
    headers: dict[str, str] = {}
    if isinstance(error, UnauthorizedError):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, TooManyRequestsError):
        headers["Retry-After"] = str(error.retry_after_s)
    return JSONResponse(envelope(error.http_status, error.message, error.param), error.http_status, headers)


def _location(item: Mapping[str, Any]) -> list[int | str]:
    """Return where an error is, without the name of the alternative that a body was checked against.

    What a check of the whole body finds has the path to it in its context. Of text that is no JSON,
    the position in it is no place in the body.
    """
    raw = item["loc"]
    if item["type"] == "json_invalid":
        return list(raw[:1])
    known = [part for index, part in enumerate(raw) if not (index == 1 and part in _ALTERNATIVES)]
    known += (item.get("ctx") or {}).get("path", ()) if item["type"] in _WITH_PATH else ()
    return [part if isinstance(part, int) else str(part)[:_MAX_SHOWN] for part in known]


def _text(item: Mapping[str, Any]) -> str:
    if item["type"] == "json_invalid":
        cause = (item.get("ctx") or {}).get("error", "malformed")
        return f"The body is not JSON: {cause} at character {item['loc'][-1]}"[:_MAX_SHOWN]
    return str(item["msg"])[:_MAX_SHOWN]


def _field_name(location: Sequence[int | str]) -> str:
    return ".".join(str(part) for part in location if part not in ("body", "query", "path", "header"))


def validation_envelope(errors: list[Any]) -> dict[str, Any]:
    """Return FastAPI's 422 body with the envelope's keys beside ``detail``, so that either kind of caller can read it.

    The offending values are left out: they may be large, secret, or not representable in JSON.
    """
    detail = [
        {
            "type": item["type"],
            "loc": _location(item),
            "msg": _text(item),
        }
        for item in errors[:50]
    ]
    fields = {_field_name(item["loc"]) or "body": item["msg"] for item in detail}
    message = "; ".join(f"{name}: {text}" for name, text in list(fields.items())[:5])
    return {"detail": detail, **envelope(422, message, {"field": next(iter(fields), None), "fields": fields})}


async def _on_budsim_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, BudSimError):
        raise error
    if error.http_status >= 500:
        logger.warning("%s %s: %s", request.method, request.url.path, error.message)
    return error_response(error)


async def _on_validation_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    return JSONResponse(validation_envelope(list(error.errors())), 422)


async def _on_http_exception(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse(envelope(error.status_code, str(error.detail)), error.status_code, error.headers)


async def _on_database_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, DBAPIError):
        raise error
    if is_outage(error):
        logger.error("%s %s: the database does not answer: %s", request.method, request.url.path, error.orig)
        return JSONResponse(envelope(503, "The database does not answer; try again in a moment."), 503)
    if isinstance(error, DataError):
        logger.warning("%s %s: the database refuses a value: %s", request.method, request.url.path, error.orig)
        return JSONResponse(envelope(400, "A value of the request is beyond what can be stored."), 400)
    return await _on_anything(request, error)


async def _on_anything(request: Request, error: Exception) -> JSONResponse:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return JSONResponse(envelope(500, "BudSim made a mistake; its log says which."), 500)


def install_error_handlers(app: FastAPI) -> None:
    """Give every failure the envelope. The handler of last resort says nothing of the cause to the caller."""
    app.add_exception_handler(BudSimError, _on_budsim_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(DBAPIError, _on_database_error)
    app.add_exception_handler(Exception, _on_anything)
