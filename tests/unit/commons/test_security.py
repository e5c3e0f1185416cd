"""Nothing but loopback without a token, and no body beyond its limit, however it is sent."""

import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from budsim.commons import security
from budsim.commons.access import StaticTokens, configured_authoriser
from budsim.commons.config import AppSettings
from budsim.commons.errors import InvalidRequestError, TooManyRequestsError, UnauthorizedError
from budsim.commons.security import (
    AccessMiddleware,
    BodyLimitMiddleware,
    JsonBodyMiddleware,
    RateLimit,
    require_safe_host,
)


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


@pytest.fixture
def typed():
    async def content_type(request):
        return PlainTextResponse(request.headers.get("content-type", ""))

    routes = [Route(path, content_type, methods=["GET", "POST"]) for path in ("/", "/ui/login")]
    app = Starlette(routes=routes)
    app.add_middleware(JsonBodyMiddleware)
    return TestClient(app)


FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("token", [{"authorization": "Bearer t"}, {"dapr-api-token": "t"}])
def test_what_curl_calls_a_form_is_json_with_a_token(typed, token):
    assert typed.post("/", content=b"{}", headers={**FORM, **token}).text == "application/json"


@pytest.mark.parametrize("token", [{}, {"authorization": "Basic dDp0"}])
def test_a_form_that_a_page_could_send_is_refused_with_what_to_send(typed, token):
    answer = typed.post("/", content=b"{}", headers={**FORM, **token})
    assert answer.status_code == 400
    assert "application/json" in answer.json()["message"]


def test_other_bodies_and_the_page_are_left_alone(typed):
    assert typed.post("/", content=b"{}", headers={"content-type": "application/json"}).text == "application/json"
    assert typed.post("/ui/login", content=b"a=b", headers=FORM).text == FORM["content-type"]
    assert typed.post("/", headers=FORM).status_code == 200
    assert typed.get("/").status_code == 200


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


def test_a_bucket_lets_a_minutes_requests_through_and_refills_evenly():
    now = [0.0]
    limit = RateLimit(6, clock=lambda: now[0])

    def passes(caller="a"):
        try:
            limit.take(caller)
        except TooManyRequestsError as refused:
            return refused.retry_after_s
        return True

    assert [passes() for _ in range(7)] == [True] * 6 + [10]
    assert passes("b") is True
    now[0] = 9.0
    assert passes() == 1
    now[0] = 10.0
    assert [passes(), passes()] == [True, 10]
    now[0] = 10_000.0
    assert [passes() for _ in range(7)] == [True] * 6 + [10]


def test_no_limit_means_none_and_many_callers_cost_bounded_memory(monkeypatch):
    RateLimit(0).take("a")
    monkeypatch.setattr(security, "_MAX_BUCKETS", 3)
    limit = RateLimit(1)
    for number in range(100):
        limit.take(f"caller {number}")
    assert len(limit._buckets) == 3


def test_a_websocket_is_closed():
    app = Starlette()
    app.add_middleware(AccessMiddleware, authoriser=None)
    with pytest.raises(WebSocketDisconnect), TestClient(app).websocket_connect("/"):
        pass


@pytest.mark.parametrize("presented", ["", "s", "secre", "secret ", "secret\x00", "Secret", "sécret"])
def test_a_token_that_is_almost_right_is_wrong(presented):
    authoriser = StaticTokens([b"secret", b"other"])
    assert authoriser.authorise(Headers({"dapr-api-token": "secret"})).is_service
    assert authoriser.authorise(Headers({"authorization": "bearer other"})).is_service
    with pytest.raises(UnauthorizedError):
        authoriser.authorise(Headers(raw=[(b"dapr-api-token", presented.encode("latin-1"))]))
