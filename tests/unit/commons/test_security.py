"""Nothing but loopback without a token, and no body beyond its limit, however it is sent."""

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from budsim.commons.access import configured_authoriser
from budsim.commons.config import AppSettings
from budsim.commons.errors import InvalidRequestError
from budsim.commons.security import AccessMiddleware, BodyLimitMiddleware, require_safe_host


def config(**values):
    return AppSettings(_env_file=None, **{"app_api_token": None, "dapr_api_token": None, **values})


async def echo_length(request):
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
def limited():
    app = Starlette(routes=[Route("/", echo_length, methods=["GET", "POST"])])
    app.add_middleware(BodyLimitMiddleware, max_bytes=100)
    return TestClient(app)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.8.8"])
def test_loopback_is_safe(host):
    require_safe_host(host, config())


@pytest.mark.parametrize("host", ["192.168.0.1", "::", "10.0.0.1", "example.org", ""])
def test_anything_else_needs_a_token(host):
    with pytest.raises(InvalidRequestError, match="APP_API_TOKEN"):
        require_safe_host(host, config())
    require_safe_host(host, config(app_api_token=SecretStr("t")))


def test_a_body_at_the_limit_passes(limited):
    assert limited.post("/", content=b"x" * 100).text == "100"


def test_a_body_over_the_limit_is_refused(limited):
    answer = limited.post("/", content=b"x" * 101)
    assert answer.status_code == 413
    assert answer.json()["object"] == "error"


def test_a_body_of_undeclared_length_is_refused_as_well(limited):
    assert limited.post("/", content=(b"x" * 30 for _ in range(4))).status_code == 413
    assert limited.post("/", content=(b"x" * 30 for _ in range(3))).text == "90"


def test_a_lying_length_does_not_help(limited):
    assert limited.post("/", content=b"x" * 200, headers={"content-length": "5"}).status_code == 413


def test_an_absurd_length_is_refused(limited):
    assert limited.post("/", content=b"x", headers={"content-length": "9" * 400}).status_code == 413


def test_without_tokens_everything_is_open():
    app = Starlette(routes=[Route("/", echo_length)])
    app.add_middleware(AccessMiddleware, authoriser=configured_authoriser(config()))
    assert TestClient(app).get("/").status_code == 200


def test_a_refusal_says_how_to_come_in():
    app = Starlette(routes=[Route("/", echo_length)])
    app.add_middleware(AccessMiddleware, authoriser=configured_authoriser(config(app_api_token=SecretStr("t"))))
    answer = TestClient(app).get("/")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "dapr-api-token" in answer.json()["message"]
