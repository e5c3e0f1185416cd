"""What budcluster is told to deploy is checked before it is told."""

import pytest
from pydantic import ValidationError

from budsim.simulator.schemas import DeploymentConfigurationResponse, NodeGroupConfiguration


def group(**changes):
    return {
        "config_id": "1",
        "name": "NVIDIA-A100-SXM4-80GB",
        "labels": {"device_name": "NVIDIA-A100-SXM4-80GB", "concurrency": "16"},
        "type": "cuda",
        "image": "image",
        "memory": 20.5,
        "ttft": 50.0,
        "throughput_per_user": 30.0,
        "e2e_latency": 4.0,
        "error_rate": 0.0,
        "cost_per_million_tokens": 0.3,
        **changes,
    }


def message_of(**changes):
    with pytest.raises(ValidationError) as caught:
        NodeGroupConfiguration(**group(**changes))
    return str(caught.value)


def test_a_gpu_group_may_use_tensor_parallelism():
    parsed = NodeGroupConfiguration(**group(tp_size=2))
    assert (parsed.tp_size, parsed.pp_size, parsed.engine_type, parsed.hardware_mode) == (2, 1, "vllm", "dedicated")


def test_cuda_may_use_pipeline_parallelism():
    assert NodeGroupConfiguration(**group(pp_size=4)).pp_size == 4


@pytest.mark.parametrize("device_type", ["cpu", "cpu_high"])
def test_cpus_have_no_pipeline_parallelism(device_type):
    assert "Pipeline parallelism (PP) is not supported for CPU devices" in message_of(type=device_type, pp_size=2)


def test_gaudi_has_no_pipeline_parallelism():
    assert "Multi-node pipeline parallelism requires CUDA devices" in message_of(type="hpu", pp_size=2)


@pytest.mark.parametrize("name", ["tp_size", "pp_size"])
def test_sizes_start_at_one(name):
    assert "greater than or equal to 1" in message_of(**{name: 0})


def test_a_group_cannot_need_more_devices_than_there_are():
    text = message_of(tp_size=4, pp_size=3, available_devices=8)
    assert "Required devices (12 = 4*3) exceeds available devices (8)" in text


def test_unknown_fields_are_refused():
    assert "Extra inputs are not permitted" in message_of(surprise=1)


def test_a_deployment_names_nodes_or_groups():
    head = {"id": "c", "replica": 1, "concurrency": 1, "ttft": 1, "throughput_per_user": 1, "e2e_latency": 1}
    head |= {"error_rate": 0, "cost_per_million_tokens": 0}
    with pytest.raises(ValidationError, match="Either nodes or node_groups must be provided"):
        DeploymentConfigurationResponse(**head)
    assert DeploymentConfigurationResponse(**head, node_groups=[group()]).node_groups[0].config_id == "1"


def test_the_older_shape_stays_readable():
    device = {**group(), "replica": 1, "concurrency": 4}
    node = {"id": "n", "name": "n", "devices": [device]}
    head = {"id": "c", "replica": 1, "concurrency": 4, "ttft": 1, "throughput_per_user": 1, "e2e_latency": 1}
    parsed = DeploymentConfigurationResponse(**head, error_rate=0, cost_per_million_tokens=0, nodes=[node])
    assert parsed.nodes[0].devices[0].num_cpus == -1
