"""JSON Web Tokens: signature, times, audience and issuer checked; the claims say what the caller may see."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from starlette.datastructures import Headers

from budsim.commons.access import MAX_TOKEN_BYTES, TOKEN_HEADER, Principal, bearer_token, digest_name, refusal
from budsim.commons.config import AppSettings
from budsim.commons.errors import InvalidRequestError, UnavailableError

logger = logging.getLogger(__name__)

_SECRET_ALGORITHMS = frozenset({"HS256", "HS384", "HS512"})
_KEY_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
_MIN_SECRET_BYTES = 32  # RFC 7518, section 3.2: at least the size of the hash
_MIN_RSA_BITS = 2048  # RFC 7518, section 3.3
_MAX_JWKS_BYTES = 1_000_000
_MIN_REFETCH_S = 10.0  # an unknown key id asks for the keys again, but no flood of such ids makes a flood of requests
_MAX_CLAIM_ITEMS = 10_000


class KeySource(Protocol):
    """Where the keys are that sign tokens; ``is_remote``: asking may take as long as a network does."""

    is_remote: bool

    def keys(self, key_id: str | None) -> Sequence[Any]:
        """Return the keys that may have signed a token of this key id.

        Raises:
            UnavailableError: They cannot be had now.
        """
        ...


class FixedKey:
    """One configured key."""

    is_remote = False

    def __init__(self, key: Any) -> None:
        self._key = key

    def keys(self, key_id: str | None) -> Sequence[Any]:
        """Return the key, whatever the token calls it."""
        return (self._key,)


class JwkSet:
    """The keys of a JWKS file or URL, read again when they are old or when a token names one that is not among them.

    Keys that were read once stay in use while the source is away, but no longer than ``max_age_s`` since they were
    read: a key that was withdrawn meanwhile opens nothing for ever.
    """

    def __init__(self, location: str, lifetime_s: float, timeout_s: float, max_age_s: float) -> None:
        self._location = location
        self.is_remote = location.startswith(("http://", "https://"))
        self._lifetime_s = lifetime_s
        self._timeout_s = timeout_s
        self._max_age_s = max(max_age_s, lifetime_s)
        self._guard = threading.Lock()
        self._keys: tuple[jwt.PyJWK, ...] = ()
        self._read_at = float("-inf")
        self._tried_at = float("-inf")

    def keys(self, key_id: str | None) -> Sequence[Any]:
        """Return the key of this id, or every key for a token without one."""
        wanted = self._matching(key_id)
        if (not wanted or time.monotonic() - self._read_at > self._lifetime_s) and self._may_try():
            # Whoever has keys does not wait for another's attempt to get new ones.
            if self._guard.acquire(blocking=not self._keys or self._are_too_old()):
                try:
                    self._refresh()
                finally:
                    self._guard.release()
            wanted = self._matching(key_id)
        if not self._keys or self._are_too_old():
            raise UnavailableError("The keys that tokens are checked against cannot be read now; try again.")
        return wanted

    def _are_too_old(self) -> bool:
        return time.monotonic() - self._read_at > self._max_age_s

    def _may_try(self) -> bool:
        return time.monotonic() - self._tried_at > _MIN_REFETCH_S

    def _matching(self, key_id: str | None) -> tuple[jwt.PyJWK, ...]:
        return tuple(key for key in self._keys if key_id is None or key.key_id == key_id)

    def _refresh(self) -> None:
        if not self._may_try():
            return  # another did while this one waited
        try:
            self._keys = _usable_keys(json.loads(self._text()))
            self._read_at = time.monotonic()
        except (OSError, ValueError, httpx.HTTPError, jwt.PyJWTError) as error:
            logger.warning("The JWKS %s cannot be read: %s", self._location, error)
        finally:
            self._tried_at = time.monotonic()

    def _text(self) -> str | bytes:
        if not self.is_remote:
            return Path(self._location).read_bytes()
        body, deadline = b"", time.monotonic() + self._timeout_s
        with httpx.stream("GET", self._location, timeout=self._timeout_s, follow_redirects=False) as response:
            response.raise_for_status()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _MAX_JWKS_BYTES or time.monotonic() > deadline:
                    raise ValueError(f"more than {_MAX_JWKS_BYTES} bytes or {self._timeout_s:g} s")
        return body


def _usable_keys(document: Any) -> tuple[jwt.PyJWK, ...]:
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("no list called keys")
    public = [entry for entry in entries if isinstance(entry, dict) and entry.get("kty") in {"RSA", "EC", "OKP"}]
    signing = [entry for entry in public if entry.get("use", "sig") == "sig"]
    found: list[jwt.PyJWK] = []
    for entry in signing:
        try:
            found.append(jwt.PyJWK.from_dict(entry))
        except jwt.PyJWTError as error:
            logger.warning("A key of the JWKS is left out: %s", error)
    if not found:
        raise ValueError("no key that can check a signature")
    return tuple(found)


class JwtAuthoriser:
    """Reads ``Authorization: Bearer`` as a JWT with the claims ``projects`` and ``clusters``; none is an empty one."""

    def __init__(
        self,
        keys: KeySource,
        algorithms: Sequence[str],
        audience: str | None = None,
        issuer: str | None = None,
        leeway_s: float = 30.0,
    ) -> None:
        """Fix what is accepted.

        Args:
            keys: Where the keys are.
            algorithms: Signature algorithms; a token never chooses another.
            audience: Value that ``aud`` must hold; None = not checked.
            issuer: Value that ``iss`` must have; None = not checked.
            leeway_s: Difference of clocks to allow for ``exp`` and ``nbf``.
        """
        self._keys = keys
        self.may_wait = keys.is_remote
        self._algorithms = list(algorithms)
        self._audience = audience
        self._issuer = issuer
        self._leeway_s = leeway_s

    def authorise(self, headers: Headers) -> Principal:
        """Return the caller that the token names.

        A request with the sidecar's header is the sidecar's: a wrong token there is not made good by another.
        """
        token = bearer_token(headers)
        if not token or len(token) > MAX_TOKEN_BYTES or headers.get(TOKEN_HEADER):
            raise refusal()
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise refusal() from error
        if header.get("alg") not in self._algorithms:
            raise refusal()
        claims = self._claims(token, header.get("kid"))
        who = digest_name(f"{claims.get('iss')}/{claims['sub']}" if claims.get("sub") else token)
        return Principal(_names(claims, "projects"), _names(claims, "clusters"), name=f"token {who}")

    def _claims(self, token: str, key_id: Any) -> dict[str, Any]:
        for key in self._keys.keys(key_id if isinstance(key_id, str) else None):
            try:
                return jwt.decode(
                    token,
                    key,
                    algorithms=self._algorithms,
                    audience=self._audience,
                    issuer=self._issuer,
                    leeway=self._leeway_s,
                    options={
                        "require": ["exp"],
                        "verify_aud": self._audience is not None,
                        "verify_iss": self._issuer is not None,
                    },
                )
            except (jwt.PyJWTError, ValueError, TypeError):  # TypeError: a key of another kind than the algorithm's
                continue
        raise refusal()


def _names(claims: dict[str, Any], claim: str) -> frozenset[str]:
    """Return a claim as a set of names: a list of texts, or one text."""
    value = claims.get(claim) or []
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or len(items) > _MAX_CLAIM_ITEMS or not all(isinstance(item, str) for item in items):
        raise refusal()
    return frozenset(item for item in items if item and "\x00" not in item)


def jwt_authoriser(config: AppSettings) -> JwtAuthoriser:
    """Return the authoriser of the ``JWT_...`` settings.

    Raises:
        InvalidRequestError: They contradict each other, or the key cannot be read.
    """
    given = [
        name
        for name, value in (
            ("JWT_SECRET", config.jwt_secret),
            ("JWT_PUBLIC_KEY", config.jwt_public_key),
            ("JWT_JWKS", config.jwt_jwks),
        )
        if value is not None
    ]
    if len(given) > 1:
        raise InvalidRequestError(f"Set one of {', '.join(given)}, not several.", {"field": given[1]})
    usual: tuple[str, ...]
    source: KeySource
    if config.jwt_secret is not None:
        source, possible, usual = _secret(config.jwt_secret.get_secret_value()), _SECRET_ALGORITHMS, ("HS256",)
    elif config.jwt_public_key is not None:
        source, usual = _public_key(config.jwt_public_key)
        possible = _KEY_ALGORITHMS
    else:
        source, possible, usual = _jwk_set(config), _KEY_ALGORITHMS, ("RS256", "ES256")
    algorithms = [name.strip() for name in (config.jwt_algorithms or "").split(",") if name.strip()] or list(usual)
    if wrong := sorted(set(algorithms) - possible):
        raise InvalidRequestError(
            f"JWT_ALGORITHMS: {', '.join(wrong)} does not go with {given[0]}; possible: {', '.join(sorted(possible))}.",
            {"field": "JWT_ALGORITHMS"},
        )
    return JwtAuthoriser(source, algorithms, config.jwt_audience, config.jwt_issuer, config.jwt_leeway_seconds)


def _secret(secret: str) -> KeySource:
    if len(secret.encode()) < _MIN_SECRET_BYTES:
        raise InvalidRequestError(f"JWT_SECRET needs at least {_MIN_SECRET_BYTES} bytes.", {"field": "JWT_SECRET"})
    return FixedKey(secret)


def _public_key(spelling: str) -> tuple[KeySource, tuple[str, ...]]:
    """Return the key of a PEM text or file, and the algorithm that usually goes with it."""
    try:
        pem = spelling if "-----BEGIN" in spelling else Path(spelling).read_text(encoding="ascii")
        key = load_pem_public_key(pem.replace("\\n", "\n").encode())
    except (OSError, ValueError) as error:
        raise InvalidRequestError(
            "JWT_PUBLIC_KEY must be a public key in PEM, or the path of one.", {"field": "JWT_PUBLIC_KEY"}
        ) from error
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _MIN_RSA_BITS:
        return FixedKey(key), ("RS256",)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return FixedKey(key), ({256: "ES256", 384: "ES384", 521: "ES512"}.get(key.curve.key_size, "ES256"),)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return FixedKey(key), ("EdDSA",)
    raise InvalidRequestError(
        f"JWT_PUBLIC_KEY must be RSA of {_MIN_RSA_BITS} bits or more, EC or Ed25519.", {"field": "JWT_PUBLIC_KEY"}
    )


def _jwk_set(config: AppSettings) -> KeySource:
    location = config.jwt_jwks or ""
    parts = urlsplit(location)
    if parts.scheme == "http" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise InvalidRequestError("JWT_JWKS must be an https URL, or a file.", {"field": "JWT_JWKS"})
    if parts.scheme not in {"http", "https"} and not Path(location).is_file():
        raise InvalidRequestError("JWT_JWKS names no file and is no https URL.", {"field": "JWT_JWKS"})
    return JwkSet(
        location, config.jwt_jwks_lifetime_seconds, config.jwt_jwks_timeout_seconds, config.jwt_jwks_max_age_seconds
    )
