"""Who may call: one shared token, checked before anything else reads the request, and a limit on its size."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from budsim.commons.config import AppSettings
from budsim.commons.errors import BudSimError, InvalidRequestError, PayloadTooLargeError, UnauthorizedError
from budsim.commons.http_errors import error_response

OPEN_PATHS = frozenset({"/health", "/ready"})
TOKEN_HEADER = "dapr-api-token"  # noqa: S105 - the name of a header


def accepted_tokens(config: AppSettings) -> tuple[bytes, ...]:
    """Return every configured token."""
    secrets = (config.app_api_token, config.dapr_api_token)
    return tuple(secret.get_secret_value().encode() for secret in secrets if secret is not None)


def presented_token(headers: Headers) -> bytes:
    """Return the token of the sidecar's header or of ``Authorization: Bearer``, empty when there is none."""
    if token := headers.get(TOKEN_HEADER):
        return token.encode()
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip().encode() if scheme.lower() == "bearer" else b""


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
            f"Refusing to listen on {host} without a token. Set APP_API_TOKEN (or DAPR_API_TOKEN), or bind 127.0.0.1.",
            {"field": "APP_HOST"},
        )


class TokenMiddleware:
    """Answers 401 to every HTTP request without a valid token; ``OPEN_PATHS`` and ``also_open`` need none."""

    def __init__(self, app: ASGIApp, tokens: Sequence[bytes], also_open: frozenset[str] = frozenset()) -> None:
        self.app = app
        self.tokens = tuple(tokens)
        self.open_paths = OPEN_PATHS | also_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, or answer it."""
        if scope["type"] == "http" and self.tokens and scope["path"] not in self.open_paths:
            presented = presented_token(Headers(scope=scope))
            matches = sum(hmac.compare_digest(presented, token) for token in self.tokens)  # all of them: constant time
            if not matches:
                error = UnauthorizedError("A valid token is needed: header dapr-api-token or Authorization: Bearer.")
                await error_response(error)(scope, receive, send)
                return
        await self.app(scope, receive, send)


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
