"""The chart without Helm: the documents' values, and every environment variable it sets is one the service reads."""

import json
import re
from pathlib import Path

import pytest
import yaml

from budsim.commons.config import AppSettings

CHART = Path(__file__).parents[2] / "charts" / "budsim"


@pytest.fixture(scope="module")
def values():
    return yaml.safe_load((CHART / "values.yaml").read_text())


def test_resources_and_probes_are_those_of_the_design(values):
    assert values["resources"] == {
        "requests": {"cpu": "500m", "memory": "2Gi"},
        "limits": {"cpu": "2", "memory": "8Gi"},
    }
    liveness, readiness = values["probes"]["liveness"], values["probes"]["readiness"]
    assert (liveness["httpGet"]["path"], liveness["initialDelaySeconds"], liveness["periodSeconds"]) == (
        "/health",
        30,
        10,
    )
    assert (readiness["httpGet"]["path"], readiness["initialDelaySeconds"], readiness["periodSeconds"]) == (
        "/ready",
        5,
        5,
    )


def test_pod_has_no_rights_it_does_not_need(values):
    assert values["podSecurityContext"]["runAsNonRoot"] is True
    assert values["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_every_default_value_is_known_to_the_schema(values):
    schema = json.loads((CHART / "values.schema.json").read_text())

    def unknown(part, node, path):
        known = node.get("properties")
        if not isinstance(part, dict) or known is None:
            return []
        missing = [f"{path}.{name}" for name in part if name not in known]
        return missing + [
            found
            for name, inner in part.items()
            if name in known
            for found in unknown(inner, known[name], f"{path}.{name}")
        ]

    assert unknown(values, schema, "") == []
    assert schema["additionalProperties"] is False
    assert schema["properties"]["budsim"] == {"$ref": "#"}


def test_every_variable_the_chart_sets_is_one_the_service_reads(values):
    known = set()
    for name, field in AppSettings.model_fields.items():
        choices = getattr(field.validation_alias, "choices", None) or [name]
        known |= {str(choice).upper() for choice in choices}
    fixed = set(re.findall(r'^\s*"([A-Z_]+)" ', (CHART / "templates" / "configmap.yaml").read_text(), re.M))
    fixed |= set(re.findall(r'set \$fixed "([A-Z_]+)"', (CHART / "templates" / "configmap.yaml").read_text()))
    named = set(re.findall(r"- name: ([A-Z_]+)$", (CHART / "templates" / "deployment.yaml").read_text(), re.M))
    assert fixed >= {"APP_PORT", "WORKFLOW_ENGINE"}
    assert named >= {"APP_API_TOKEN", "DATABASE_URL"}
    assert (fixed | named | set(values["config"])) - known == set()
