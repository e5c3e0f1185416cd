"""Keys and algorithms are configured, never chosen by a token; keys of a JWKS rotate without a restart."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import SecretStr
from starlette.datastructures import Headers

from budsim.commons import jwt_access
from budsim.commons.access import configured_authoriser
from budsim.commons.config import AppSettings
from budsim.commons.errors import InvalidRequestError, UnauthorizedError, UnavailableError

RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def pem(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def config(**values):
    return AppSettings(_env_file=None, **{"app_api_token": None, "dapr_api_token": None, **values})


def signed(key, algorithm, key_id=None, **claims):
    headers = {"kid": key_id} if key_id else None
    return jwt.encode({"exp": time.time() + 60, "projects": ["p"], **claims}, key, algorithm, headers)


def asked(authoriser, token):
    return authoriser.authorise(Headers({"authorization": f"Bearer {token}"}))


def jwks(**keys):
    entries = []
    for key_id, key in keys.items():
        kind = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
        entries.append({**json.loads(kind.to_jwk(key.public_key())), "kid": key_id, "use": "sig"})
    return {"keys": entries}


@pytest.mark.parametrize(("key", "algorithm"), [(RSA_KEY, "RS256"), (EC_KEY, "ES256")], ids=["rsa", "ec"])
def test_a_public_key_checks_its_own_algorithm(key, algorithm):
    authoriser = configured_authoriser(config(jwt_public_key=pem(key)))
    seen = asked(authoriser, signed(key, algorithm, clusters=["c", "c"], sub="me"))
    assert (seen.projects, seen.clusters, seen.is_service) == (frozenset("p"), frozenset("c"), False)
    assert "me" not in seen.name
    other = ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else rsa.generate_private_key(65537, 2048)
    with pytest.raises(UnauthorizedError):
        asked(authoriser, signed(other, algorithm))


def test_a_public_key_is_never_used_as_a_secret():
    authoriser = configured_authoriser(config(jwt_public_key=pem(RSA_KEY)))
    encode = lambda part: base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()  # noqa: E731
    head, body = encode({"alg": "HS256", "typ": "JWT"}), encode({"exp": time.time() + 60, "projects": ["p"]})
    import hashlib
    import hmac

    signature = hmac.new(pem(RSA_KEY).encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    forged = f"{head}.{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
    with pytest.raises(UnauthorizedError):
        asked(authoriser, forged)


def test_a_key_file_serves_as_well(tmp_path):
    file = tmp_path / "key.pem"
    file.write_text(pem(EC_KEY))
    assert asked(configured_authoriser(config(jwt_public_key=str(file))), signed(EC_KEY, "ES256")).projects == {"p"}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"jwt_secret": SecretStr("short")}, "JWT_SECRET"),
        ({"jwt_public_key": "nonsense"}, "JWT_PUBLIC_KEY"),
        ({"jwt_public_key": pem(rsa.generate_private_key(65537, 1024))}, "JWT_PUBLIC_KEY"),  # noqa: S505
        ({"jwt_jwks": "http://example.org/keys"}, "JWT_JWKS"),
        ({"jwt_jwks": "/no/such/file"}, "JWT_JWKS"),
        ({"jwt_public_key": pem(RSA_KEY), "jwt_algorithms": "HS256"}, "JWT_ALGORITHMS"),
        ({"jwt_secret": SecretStr("s" * 40), "jwt_algorithms": "none"}, "JWT_ALGORITHMS"),
        ({"jwt_secret": SecretStr("s" * 40), "jwt_public_key": pem(RSA_KEY)}, "JWT_PUBLIC_KEY"),
    ],
    ids=str,
)
def test_settings_that_would_be_unsafe_are_refused_at_the_start(values, field):
    with pytest.raises(InvalidRequestError) as refused:
        configured_authoriser(config(**values))
    assert refused.value.param == {"field": field}
    assert "short" not in refused.value.message


def test_a_jwt_key_alone_protects_the_service():
    assert config(jwt_secret=SecretStr("s" * 40)).requires_token
    assert config(jwt_secret=SecretStr("s" * 40)).listen_host == "0.0.0.0"  # noqa: S104
    assert not config().requires_token
    assert configured_authoriser(config()) is None


def test_a_jwks_file_is_read_and_an_unknown_key_id_is_refused(tmp_path):
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(jwks(a=RSA_KEY, b=EC_KEY)))
    authoriser = configured_authoriser(config(jwt_jwks=str(file)))
    assert asked(authoriser, signed(RSA_KEY, "RS256", "a")).projects == {"p"}
    assert asked(authoriser, signed(EC_KEY, "ES256", "b")).projects == {"p"}
    assert asked(authoriser, signed(EC_KEY, "ES256")).projects == {"p"}
    for wrong in (signed(EC_KEY, "ES256", "c"), signed(RSA_KEY, "RS256", "b")):
        with pytest.raises(UnauthorizedError):
            asked(authoriser, wrong)


@pytest.fixture
def key_server():
    state = {"keys": jwks(a=EC_KEY), "asked": 0, "broken": False}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            state["asked"] += 1
            self.send_response(500 if state["broken"] else 200)
            self.end_headers()
            self.wfile.write(json.dumps(state["keys"]).encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/keys", state
    server.shutdown()
    server.server_close()


def test_a_jwks_url_is_asked_once_and_again_for_a_new_key(key_server, monkeypatch):
    url, state = key_server
    authoriser = configured_authoriser(config(jwt_jwks=url))
    for _ in range(20):
        asked(authoriser, signed(EC_KEY, "ES256", "a"))
    assert state["asked"] == 1
    new = ec.generate_private_key(ec.SECP256R1())
    state["keys"] = jwks(n=new)
    for number in range(20):  # unknown ids: no flood of requests
        with pytest.raises(UnauthorizedError):
            asked(authoriser, signed(new, "ES256", f"unknown {number}"))
    assert state["asked"] == 1
    monkeypatch.setattr(jwt_access, "_MIN_REFETCH_S", 0.0)
    assert asked(authoriser, signed(new, "ES256", "n")).projects == {"p"}
    assert state["asked"] == 2


def test_known_keys_outlive_an_outage_and_unknown_ones_are_a_503(key_server, monkeypatch):
    url, state = key_server
    monkeypatch.setattr(jwt_access, "_MIN_REFETCH_S", 0.0)
    authoriser = configured_authoriser(config(jwt_jwks=url, jwt_jwks_lifetime_seconds=0.001))
    asked(authoriser, signed(EC_KEY, "ES256", "a"))
    state["broken"] = True
    assert asked(authoriser, signed(EC_KEY, "ES256", "a")).projects == {"p"}
    fresh = configured_authoriser(config(jwt_jwks=url))
    with pytest.raises(UnavailableError):
        asked(fresh, signed(EC_KEY, "ES256", "a"))


def test_no_key_is_trusted_beyond_its_greatest_age_while_its_source_is_away(key_server, monkeypatch):
    url, state = key_server
    monkeypatch.setattr(jwt_access, "_MIN_REFETCH_S", 0.0)
    now = [1000.0]
    monkeypatch.setattr(jwt_access.time, "monotonic", lambda: now[0])
    authoriser = configured_authoriser(
        config(jwt_jwks=url, jwt_jwks_lifetime_seconds=300, jwt_jwks_max_age_seconds=3600)
    )
    asked(authoriser, signed(EC_KEY, "ES256", "a"))
    state["broken"] = True
    now[0] += 3599
    assert asked(authoriser, signed(EC_KEY, "ES256", "a")).projects == {"p"}
    now[0] += 2
    with pytest.raises(UnavailableError):
        asked(authoriser, signed(EC_KEY, "ES256", "a"))
    state["broken"] = False
    now[0] += 1
    assert asked(authoriser, signed(EC_KEY, "ES256", "a")).projects == {"p"}
