"""The envelope's types follow the HTTP phrases, and a validation error repeats nothing that could hurt."""

import json

import pytest

from budsim.commons.errors import InvalidRequestError, UnauthorizedError
from budsim.commons.http_errors import envelope, error_response, error_type, validation_envelope


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (400, "BadRequestError"), (401, "UnauthorizedError"), (404, "NotFoundError"), (405, "MethodNotAllowedError"),
        (408, "RequestTimeoutError"), (409, "ConflictError"), (422, "UnprocessableEntityError"),
        (500, "InternalServerError"), (502, "BadGatewayError"), (503, "ServiceUnavailableError"),
        (799, "InternalServerError"),
    ],
)  # fmt: skip
def test_types_are_the_phrases_in_pascal_case(code, name):
    if code == 422:
        assert error_type(code) in (name, "UnprocessableContentError")
    else:
        assert error_type(code) == name


def test_an_error_of_ours_becomes_its_status():
    response = error_response(InvalidRequestError("no", {"field": "x"}))
    assert response.status_code == 400
    assert json.loads(response.body) == envelope(400, "no", {"field": "x"})
    assert error_response(UnauthorizedError("no")).headers["www-authenticate"] == "Bearer"


def test_values_are_not_repeated_and_texts_are_cut():
    bad = {
        "type": "t",
        "loc": ("body", "platform", "name" * 200),
        "msg": "m" * 999,
        "input": float("nan"),
        "ctx": {"e": 1},
    }
    body = validation_envelope([bad] * 80)
    text = json.dumps(body, allow_nan=False)
    assert len(body["detail"]) == 50
    assert len(text) < 50_000
    assert "platform" not in text
