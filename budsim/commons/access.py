"""Who calls, and what a caller may see: static tokens for services, JWTs with claims for everybody else."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.datastructures import Headers

from budsim.commons.config import AppSettings
from budsim.commons.errors import UnauthorizedError

TOKEN_HEADER = "dapr-api-token"  # noqa: S105 - the name of a header
MAX_TOKEN_BYTES = 16_384  # servers take headers of 8 to 64 KiB; a JWT with hundreds of projects stays below


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller.

    Attributes:
        projects: Projects whose runs it sees; for a service without meaning.
        clusters: Clusters that it sees and that take part in its runs; for a service without meaning.
        is_service: It sees everything.
        name: Tells callers apart for rate limits; never holds a token.
    """

    projects: frozenset[str] = frozenset()
    clusters: frozenset[str] = frozenset()
    is_service: bool = False
    name: str = ""


NOBODY = Principal()
SERVICE = Principal(is_service=True, name="service")


class Authoriser(Protocol):
    """Tells who calls. ``main.create_app`` is given the one to use; ``configured_authoriser`` builds the usual one."""

    def authorise(self, headers: Headers) -> Principal:
        """Return the caller.

        Raises:
            UnauthorizedError: Nobody we know.
            UnavailableError: It cannot be told now: the keys are away.
        """
        ...


def may_wait(authoriser: Authoriser) -> bool:
    """Whether asking an authoriser may take long; one that does not say so in ``may_wait`` may."""
    return bool(getattr(authoriser, "may_wait", True))


def bearer_token(headers: Headers) -> str:
    """Return the token of ``Authorization: Bearer``, empty when there is none."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def refusal() -> UnauthorizedError:
    """Return the error of a caller without a valid token; it never says what is wrong with one."""
    return UnauthorizedError("A valid token is needed: header dapr-api-token or Authorization: Bearer.")


class StaticTokens:
    """Services that share a secret with this one, the sidecar among them."""

    may_wait = False

    def __init__(self, tokens: Sequence[bytes]) -> None:
        self._tokens = tuple(tokens)

    def authorise(self, headers: Headers) -> Principal:
        """Return the service whose token is in the sidecar's header or the bearer's."""
        presented = (headers.get(TOKEN_HEADER) or bearer_token(headers)).encode()
        matches = [hmac.compare_digest(presented, token) for token in self._tokens]  # all of them: constant time
        if not any(matches):
            raise refusal()
        return Principal(is_service=True, name=f"service {matches.index(True)}")


class FirstThatKnows:
    """Several authorisers; the first one that knows the caller decides."""

    def __init__(self, authorisers: Sequence[Authoriser]) -> None:
        self._authorisers = tuple(authorisers)
        self.may_wait = any(may_wait(authoriser) for authoriser in self._authorisers)

    def authorise(self, headers: Headers) -> Principal:
        """Return the caller as the first authoriser that knows it does."""
        for authoriser in self._authorisers:
            try:
                return authoriser.authorise(headers)
            except UnauthorizedError:
                continue
        raise refusal()


def accepted_tokens(config: AppSettings) -> tuple[bytes, ...]:
    """Return every configured static token."""
    secrets = (config.app_api_token, config.dapr_api_token)
    return tuple(secret.get_secret_value().encode() for secret in secrets if secret is not None)


def configured_authoriser(config: AppSettings) -> Authoriser | None:
    """Return what the settings ask for, None when nothing is configured and the service is open.

    Raises:
        InvalidRequestError: The settings of JWTs contradict each other, or their key cannot be read.
    """
    authorisers: list[Authoriser] = []
    if tokens := accepted_tokens(config):
        authorisers.append(StaticTokens(tokens))
    if config.checks_jwt:
        from budsim.commons.jwt_access import jwt_authoriser

        authorisers.append(jwt_authoriser(config))
    return FirstThatKnows(authorisers) if authorisers else None


def digest_name(text: str) -> str:
    """Return a short name for a caller that says nothing of ``text``."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
