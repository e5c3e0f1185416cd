"""Answers are remembered by keys: what can change an answer changes the key."""

from dataclasses import fields, replace

import pytest
from serving_samples import point

from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.serving_point import ReplicaKeys, ServingPoint

CHANGED = {
    "plan": ParallelPlan(2, 1),
    "devices_per_node": 4,
    "inter_node_bytes_per_s": 1.0,
    "device_memory_bytes": 1.0,
    "cpu_cores": 3.0,
    "nodes_spanned": 2,
}
OF_THE_LOAD = {"settings", "workload"}


@pytest.mark.parametrize("name", [field.name for field in fields(ServingPoint)])
def test_every_field_of_a_replica_is_in_its_key(name):
    keys, asked = ReplicaKeys(), point()
    value = getattr(asked, name)
    other = replace(asked, **{name: CHANGED[name] if name in CHANGED else replace(value, **_renamed(value))})
    assert (keys.of(other) == keys.of(asked)) == (name in OF_THE_LOAD)
    assert keys.of(replace(asked)) == keys.of(asked)


def _renamed(value):
    return {"name": "another"} if hasattr(value, "name") else {}


def test_no_later_object_takes_the_place_of_one_that_a_key_names():
    keys, asked = ReplicaKeys(), point()
    seen = {keys.of(replace(asked, arch=replace(asked.arch, name=str(index)))) for index in range(50)}
    assert len(seen) == 50
