"""The door: who calls, how often, and how large a request may be, all before anything else reads it."""

from __future__ import annotations

import base64
import binascii
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from budsim.commons.access import NOBODY, SERVICE, Authoriser, Principal, may_wait
from budsim.commons.config import AppSettings
from budsim.commons.errors import (
    BudSimError,
    InvalidRequestError,
    PayloadTooLargeError,
    TooManyRequestsError,
    UnauthorizedError,
)
from budsim.commons.http_errors import error_response

OPEN_PATHS = frozenset({"/health", "/ready"})
PAGE_PATH = "/ui"
_SERVICE_PATHS = frozenset({"/metrics"})  # figures of all projects together
_MAX_BUCKETS = 10_000  # callers remembered by the rate limit; some 2 MB


def require_safe_host(host: str, config: AppSettings) -> None:
    """Refuse to listen beyond this machine while nothing protects the service.

    Raises:
        InvalidRequestError: ``host`` is not a loopback address and no token is configured.
    """
    if config.requires_token or host == "localhost":
        return
    try:
        is_loopback = ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise InvalidRequestError(
            f"Refusing to listen on {host} without a token. Set APP_API_TOKEN, DAPR_API_TOKEN or a JWT key, "
            "or bind 127.0.0.1.",
            {"field": "APP_HOST"},
        )


def bearer_of_basic(authorization: str | None) -> str | None:
    """Return the header of a token that a browser sent as the password of any user, or the header as it is."""
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return authorization
    try:
        _, _, token = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return f"Bearer {token}"


def _is_page(scope: Scope) -> bool:
    path: str = scope["path"]
    return path == PAGE_PATH or path.startswith(f"{PAGE_PATH}/")


def _from_own_page(headers: Headers) -> bool:
    """Whether a browser's connection comes from a page of this very host, and not from somebody else's."""
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


class RateLimit:
    """A token bucket for every caller: a minute's requests at once, refilled evenly. Each process counts for itself."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with full buckets.

        Args:
            per_minute: Requests a minute; 0 = no limit.
            clock: Seconds that only grow.
        """
        self._per_minute = per_minute
        self._clock = clock
        self._guard = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> None:
        """Count one request.

        Raises:
            TooManyRequestsError: The caller's bucket is empty.
        """
        if not self._per_minute:
            return
        now = self._clock()
        with self._guard:
            left, seen = self._buckets.pop(caller, (float(self._per_minute), now))
            left = min(float(self._per_minute), left + (now - seen) * self._per_minute / 60.0)
            allowed = left >= 1.0
            self._buckets[caller] = (left - 1.0 if allowed else left, now)
            if len(self._buckets) > _MAX_BUCKETS:
                self._buckets.popitem(last=False)
        if not allowed:
            wait_s = math.ceil((1.0 - left) * 60.0 / self._per_minute)
            raise TooManyRequestsError(
                f"More than {self._per_minute} requests a minute (RATE_LIMIT_PER_MINUTE); try again in {wait_s} s.",
                wait_s,
            )


class AccessMiddleware:
    """Finds out who calls before anything else reads the request, and answers 401 or 429 to whoever may not.

    The caller is left in the scope's state as ``principal``. ``OPEN_PATHS`` and ``also_open`` need no token, and the
    former are not counted, so that probes are always answered.
    """

    def __init__(
        self,
        app: ASGIApp,
        authoriser: Authoriser | None,
        also_open: frozenset[str] = frozenset(),
        rate_limit: RateLimit | None = None,
    ) -> None:
        self.app = app
        self.authoriser = authoriser
        self.open_paths = OPEN_PATHS | also_open
        self.rate_limit = rate_limit or RateLimit(0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, or answer it."""
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
            return
        if scope["type"] == "http":
            try:
                scope.setdefault("state", {})["principal"] = await self._caller(scope)
            except BudSimError as error:
                answer = error_response(error)
                if isinstance(error, UnauthorizedError) and _is_page(scope):
                    answer.headers["WWW-Authenticate"] = 'Basic realm="BudSim: any user name, the token as password"'
                await answer(scope, receive, send)
                return
        await self.app(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the page's own connection pass, and close every other one."""
        try:
            if not _is_page(scope) or not _from_own_page(Headers(scope=scope)):
                raise UnauthorizedError("Only the page opens a connection.")
            scope.setdefault("state", {})["principal"] = await self._caller(scope)
        except BudSimError:
            await send({"type": "websocket.close", "code": 1008})
            return
        await self.app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Principal:
        address = f"address {(scope.get('client') or ('unknown',))[0]}"
        if scope["path"] in OPEN_PATHS:
            return NOBODY
        if self.authoriser is None or scope["path"] in self.open_paths:
            self.rate_limit.take(address)
            return SERVICE if self.authoriser is None else NOBODY
        try:
            headers = Headers(scope=scope)
            if _is_page(scope) and (token := bearer_of_basic(headers.get("authorization"))):
                headers = Headers({**headers, "authorization": token})
            principal = await self._authorised(self.authoriser, headers)
            if scope["path"] in _SERVICE_PATHS:
                require_service_token(principal)
        except UnauthorizedError:
            self.rate_limit.take(address)  # whoever guesses is slowed down too
            raise
        self.rate_limit.take(principal.name or address)
        return principal

    async def _authorised(self, authoriser: Authoriser, headers: Headers) -> Principal:
        if may_wait(authoriser):
            return await run_in_threadpool(authoriser.authorise, headers)
        return authoriser.authorise(headers)


def principal_of(request: Request) -> Principal:
    """Return who calls; nobody unless ``AccessMiddleware`` has let somebody in."""
    principal: Principal = getattr(request.state, "principal", NOBODY)
    return principal


def require_service(request: Request) -> None:
    """Refuse callers that see only some projects: a dependency of routes that concern all of them.

    Raises:
        UnauthorizedError: The token is a project's.
    """
    require_service_token(principal_of(request))


def require_service_token(principal: Principal) -> None:
    """Refuse a caller that is no service.

    Raises:
        UnauthorizedError: The token is a project's.
    """
    if not principal.is_service:
        raise UnauthorizedError("This needs the token of a service (APP_API_TOKEN or DAPR_API_TOKEN), not a project's.")


class BodyLimitMiddleware:
    """Reads a request body up to a limit and answers 413 beyond it, before any parser sees a byte."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app = app
        self.max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass with its body read, or answer it."""
        if scope["type"] != "http" or scope["method"] in {"GET", "HEAD", "OPTIONS"}:
            await self.app(scope, receive, send)
            return
        try:
            body = await self._read(Headers(scope=scope), receive)
        except BudSimError as error:
            await error_response(error)(scope, receive, send)
            return
        await self.app(scope, _replay(body, receive), send)

    async def _read(self, headers: Headers, receive: Receive) -> bytes:
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > self.max_bytes:
            raise self._too_large()
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self.max_bytes:
                raise self._too_large()
            chunks.append(chunk)
            if not message.get("more_body", False):
                break
        return b"".join(chunks)

    def _too_large(self) -> PayloadTooLargeError:
        return PayloadTooLargeError(f"The body is larger than {self.max_bytes} bytes (MAX_BODY_BYTES).")


class JsonBodyMiddleware:
    """Reads what ``curl -d`` sends as JSON: curl calls a body a form unless it is told otherwise.

    Only with a bearer token or Dapr's: a page of another site cannot send these without asking, but it can send a form
    to a service on the reader's own machine.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, as JSON where its caller is no form of a page; else say what to send."""
        headers = Headers(scope=scope) if scope["type"] == "http" and not _is_page(scope) else Headers({})
        if _is_form(headers):
            if "dapr-api-token" not in headers and not headers.get("authorization", "").lower().startswith("bearer "):
                problem = InvalidRequestError(
                    "A body is JSON: send it with 'Content-Type: application/json'.", {"field": "Content-Type"}
                )
                await error_response(problem)(scope, receive, send)
                return
            others = [pair for pair in scope["headers"] if pair[0].lower() != b"content-type"]
            scope = {**scope, "headers": [*others, (b"content-type", b"application/json")]}
        await self.app(scope, receive, send)


def _is_form(headers: Headers) -> bool:
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    return has_body and headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded")


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        message: dict[str, Any] = {"type": "http.request", "body": body, "more_body": False}
        return message

    return replay
