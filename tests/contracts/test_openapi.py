"""The OpenAPI page documents every field: what it is, in which unit, with an example."""

import pytest
from service_doubles import InProcessBackend

from budsim.main import create_app

FRAMEWORK_SCHEMAS = {"HTTPValidationError", "ValidationError"}


@pytest.fixture(scope="module")
def fields():
    document = create_app(backend=InProcessBackend()).openapi()
    return [
        (schema, name, described, whole)
        for schema, whole in document["components"]["schemas"].items()
        if schema not in FRAMEWORK_SCHEMAS
        for name, described in whole.get("properties", {}).items()
    ]


def refers_to_another_schema(described):
    parts = [described, described.get("items", {}), described.get("additionalProperties", {})]
    parts += [part for option in described.get("anyOf", []) for part in (option, option.get("items", {}))]
    return any("$ref" in part for part in parts if isinstance(part, dict))


def has_example(name, described, whole):
    if any(key in described for key in ("examples", "example", "const", "enum")) or refers_to_another_schema(described):
        return True
    return any(name in example for example in [*whole.get("examples", []), whole.get("example", {})])


def test_every_field_says_what_it_is(fields):
    silent = [item for item in fields if not item[2].get("description") and "$ref" not in item[2]]
    assert [f"{schema}.{name}" for schema, name, _, _ in silent] == []


def test_every_field_has_an_example(fields):
    missing = [item for item in fields if not has_example(*item[1:])]
    assert [f"{schema}.{name}" for schema, name, _, _ in missing] == []
