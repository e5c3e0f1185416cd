"""Bodies: what is accepted, what is lifted out of an event, what is refused at any depth."""

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from budsim.simulator.request_schemas import (
    ClusterRecommendationRequest,
    HardwareRunRequest,
    RunBody,
    storable,
    unwrapped,
)

BODY = TypeAdapter(RunBody)
PLATFORM = {
    "pretrained_model_uri": "m", "is_proprietary_model": False, "input_tokens": 1, "output_tokens": 1, "concurrency": 1,
    "target_ttft": 0, "target_throughput_per_user": 0, "target_e2e_latency": 0,
}  # fmt: skip
README = {"model_name": "m", "hardware_type": "cuda"}

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def test_the_two_shapes_are_told_apart_by_their_model_field():
    assert isinstance(BODY.validate_python(PLATFORM), ClusterRecommendationRequest)
    assert isinstance(BODY.validate_python(README), HardwareRunRequest)
    assert isinstance(BODY.validate_python({**PLATFORM, "source_topic": "t"}), ClusterRecommendationRequest)


def test_the_platforms_defaults():
    body = BODY.validate_python(PLATFORM)
    assert (body.hardware_mode, body.simulation_method, body.is_quantization) == ("dedicated", None, False)
    assert not body.wants_events


def test_a_proprietary_model_needs_no_targets_and_any_other_does():
    without = {name: value for name, value in PLATFORM.items() if not name.startswith("target_")}
    assert BODY.validate_python({**without, "is_proprietary_model": True}).is_proprietary_model
    with pytest.raises(ValidationError, match="target_ttft"):
        BODY.validate_python(without)


def test_methods_are_read_in_any_case():
    assert BODY.validate_python({**PLATFORM, "simulation_method": "REGRESSOR"}).simulation_method == "regressor"


@pytest.mark.parametrize(
    ("extra", "wants"),
    [
        ({"source_topic": "t"}, True),
        ({"source_topic": ["a", "b"]}, True),
        ({"notification_metadata": {"workflow_id": "w"}}, True),
        ({"source_topic": "t", "debug": True}, False),
        ({"source": "budapp"}, False),
        ({}, False),
    ],
)
def test_who_names_somebody_to_tell_wants_events(extra, wants):
    assert BODY.validate_python({**PLATFORM, **extra}).wants_events is wants


def test_an_event_is_its_data():
    event = {"specversion": "1.0", "id": "1", "datacontenttype": "application/json", "source": "budapp", "topic": "t"}
    assert BODY.validate_python({**event, "pubsubname": "p", "data": PLATFORM}).source == "budapp"
    assert unwrapped({**event, "data": README}) == {**README, "source": "budapp"}


def test_what_callers_add_to_notification_metadata_does_no_harm():
    body = BODY.validate_python({**PLATFORM, "notification_metadata": {"workflow_id": "w", "later": {"x": 1}}})
    assert body.notification_metadata.workflow_id == "w"


@given(values)
def test_no_body_breaks_the_parser(value):
    with suppress(ValidationError):
        BODY.validate_python(value)


@given(st.dictionaries(st.sampled_from([*PLATFORM, *README, "constraints", "workload", "surprise"]), values))
def test_no_field_breaks_the_parser(changes):
    try:
        body = BODY.validate_python({**PLATFORM, **changes})
    except ValidationError:
        return
    storable(body.model_dump(mode="json"))


@pytest.mark.parametrize("bad", ["a\x00", "\ud800", math.nan, math.inf, -math.inf])
def test_what_no_database_can_store_is_found_at_any_depth(bad):
    for value in (bad, [bad], {"a": [{"b": bad}]}):
        with pytest.raises(ValueError, match=r"must|nested"):
            storable(value)
    if isinstance(bad, str):
        with pytest.raises(ValueError, match="must"):
            storable({bad: 1})


def test_nesting_has_an_end():
    value = 1
    for _ in range(60):
        value = [value]
    with pytest.raises(ValueError, match="nested"):
        storable(value)
