"""Every field that a refusal names is a field of the body that was sent."""

import pytest
from pydantic import BaseModel

from budsim.simulator.body_fields import _FIELDS, field_of
from budsim.simulator.optimize_schemas import OptimizeRequest
from budsim.simulator.request_schemas import ClusterRecommendationRequest, HardwareRunRequest
from budsim.simulator.sizing_schemas import CapacityRequest, SizingRequest
from budsim.usecases.recommendation_schemas import RecommendationQuery

BODIES = {
    "platform": ClusterRecommendationRequest,
    "hardware": HardwareRunRequest,
    "optimize": OptimizeRequest,
    "sizing": SizingRequest,
    "capacity": CapacityRequest,
    "recommendations": RecommendationQuery,
}


def has_field(body: type[BaseModel], path: str) -> bool:
    name, _, rest = path.partition(".")
    if name not in body.model_fields:
        return False
    return not rest or has_field(body.model_fields[name].annotation, rest)


@pytest.mark.parametrize("kind", list(BODIES))
def test_the_fields_are_those_of_the_body(kind):
    assert [field for field in _FIELDS[kind].values() if not has_field(BODIES[kind], field)] == []


def test_the_first_thing_that_has_a_field_is_named():
    assert field_of("optimize", ["memory", "budget", "max_replicas"]) == "constraints.max_cost_per_hour"
    assert field_of("platform", ["budget"]) is None
    assert field_of("platform", []) is None
