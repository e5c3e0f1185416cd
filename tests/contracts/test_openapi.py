"""The OpenAPI page documents every field: what it is, in which unit, with an example."""

import pytest
from service_doubles import InProcessBackend

from budsim.main import create_app

METHODS = {"get", "put", "post", "delete", "patch"}


@pytest.fixture(scope="module")
def document():
    return create_app(backend=InProcessBackend()).openapi()


@pytest.fixture(scope="module")
def operations(document):
    return {
        f"{method.upper()} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


@pytest.fixture(scope="module")
def fields(document):
    return [
        (schema, name, described, whole)
        for schema, whole in document["components"]["schemas"].items()
        for name, described in whole.get("properties", {}).items()
    ]


def schemas_named(part):
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"].rpartition("/")[2]
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from schemas_named(item)


@pytest.fixture(scope="module")
def body_schemas(document, operations):
    """Every schema that a request body is made of."""
    found, left = set(), [name for item in operations.values() for name in schemas_named(item.get("requestBody", {}))]
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += schemas_named(document["components"]["schemas"][name])
    return found


def refers_to_another_schema(described):
    parts = [described, described.get("items", {}), described.get("additionalProperties", {})]
    parts += [part for option in described.get("anyOf", []) for part in (option, option.get("items", {}))]
    return any("$ref" in part for part in parts if isinstance(part, dict))


def has_example(name, described, whole):
    if any(key in described for key in ("examples", "example", "const", "enum")) or refers_to_another_schema(described):
        return True
    return any(name in example for example in [*whole.get("examples", []), whole.get("example", {})])


def test_every_field_says_what_it_is(fields):
    silent = [item for item in fields if not item[2].get("description")]
    assert [f"{schema}.{name}" for schema, name, _, _ in silent] == []


def test_every_field_has_an_example(fields):
    missing = [item for item in fields if not has_example(*item[1:])]
    assert [f"{schema}.{name}" for schema, name, _, _ in missing] == []


def test_every_field_of_a_body_has_an_example_of_its_own(fields, body_schemas):
    assert {"ClusterRecommendationRequest", "HardwareRunRequest", "FeedbackItem"} <= body_schemas
    missing = [
        f"{schema}.{name}"
        for schema, name, described, _ in fields
        if schema in body_schemas and not {"example", "examples"} & described.keys()
    ]
    assert missing == []


def test_every_parameter_says_what_it_is_with_an_example(operations):
    missing = [
        f"{name} {parameter['name']}"
        for name, operation in operations.items()
        for parameter in operation.get("parameters", [])
        if not parameter.get("description")
        or not {"example", "examples"} & (parameter.keys() | parameter["schema"].keys())
    ]
    assert missing == []


def test_a_422_is_documented_as_it_is_answered(document, operations):
    assert not {"HTTPValidationError", "ValidationError"} & document["components"]["schemas"].keys()
    for name, operation in operations.items():
        if operation.get("parameters") or operation.get("requestBody"):
            content = operation["responses"]["422"]["content"]["application/json"]["schema"]
            assert list(schemas_named(content)) == ["FieldErrorResponse"], name
    answered = document["components"]["schemas"]["FieldErrorResponse"]["properties"]
    assert set(answered) == {"object", "message", "type", "param", "code", "detail"}
