"""Which devices dedicated and shared mode accept: the platform's rules, with values from its own scenarios."""

import pytest

from budsim.perf_model.hardware_catalog import DeviceSpec, HardwareCatalog
from budsim.simulator.topology import group_devices, parse_clusters

CATALOG = HardwareCatalog(
    [
        DeviceSpec("Test GPU", "NVIDIA", "cuda", "Ampere", 80 * 10**9, 2e12, {"bf16": 3e14, "fp16": 3e14}),
        DeviceSpec("Test CPU", "Intel", "cpu", "Sapphire Rapids", None, 3e11, {"bf16": 5e13, "fp32": 1e13}),
    ]
)


def gpu(**fields):
    return {"type": "cuda", "name": "Test GPU", "mem_per_GPU_in_GB": 80, "available_count": 1, **fields}


def cpu(kind="cpu_high", **fields):
    defaults = {"type": kind, "name": "Test CPU", "mem_per_GPU_in_GB": 256, "available_count": 1, "socket_count": 1}
    return {**defaults, **fields}


def kept(*devices, mode):
    document = [{"id": "c", "nodes": [{"id": "n", "name": "n", "status": True, "devices": list(devices)}]}]
    clusters, problems = parse_clusters(document)
    assert problems == ()
    outcome = group_devices(clusters[0], hardware_mode=mode, catalog=CATALOG)
    assert all(item.reason for item in outcome.dropped)
    return max((group.total_devices for group in outcome.groups), default=0)


@pytest.mark.parametrize(
    ("core", "memory", "available", "expected"),
    [(0, 0, 1, 1), (50, 60, 1, 0), (0, 10, 1, 0), (10, 0, 1, 0), (None, None, 1, 1), (None, None, 0, 0), (0, 0, 0, 0)],
)
def test_dedicated_gpus_must_be_idle_and_available(core, memory, available, expected):
    device = gpu(core_utilization_percent=core, memory_utilization_percent=memory, available_count=available)
    assert kept(device, mode="dedicated") == expected


def test_dedicated_leaves_out_only_the_busy_gpu():
    idle = gpu(core_utilization_percent=0, memory_utilization_percent=0)
    busy = gpu(core_utilization_percent=94, memory_utilization_percent=94.345)
    assert kept(idle, idle, busy, mode="dedicated") == 2


@pytest.mark.parametrize(
    ("utilized", "cores", "expected"),
    [(0.2, 48, 1), (9.9, 96, 0), (5.0, 100, 0), (4.9, 100, 1), (None, 96, 1), (0.0, 0, 0)],
)
def test_dedicated_cpu_high_needs_less_than_five_percent_busy_cores(utilized, cores, expected):
    assert kept(cpu(utilized_cores=utilized, cores=cores), mode="dedicated") == expected


@pytest.mark.parametrize(("available", "expected"), [(1, 1), (0, 0)])
def test_dedicated_plain_cpus_are_judged_by_availability_alone(available, expected):
    device = cpu("cpu", utilized_cores=20, cores=48, available_count=available)
    assert kept(device, mode="dedicated") == expected


@pytest.mark.parametrize(
    ("allocated", "available", "expected"), [(20, 1, 1), (None, 1, 0), (80, 1, 0), (75, 0, 1), (0, 1, 1)]
)
def test_shared_gpus_need_reported_and_free_memory(allocated, available, expected):
    assert kept(gpu(memory_allocated_gb=allocated, available_count=available), mode="shared") == expected


@pytest.mark.parametrize(("used", "expected"), [(0, 1), (255, 1), (256, 0), (300, 0)])
def test_shared_cpus_need_free_memory_and_count_once(used, expected):
    device = cpu(memory_gb=256, utilized_memory_gb=used, cores=64, utilized_cores=60, socket_count=2)
    assert kept(device, mode="shared") == expected


def test_shared_memory_is_reduced_once():
    device = gpu(memory_allocated_gb=24, memory_utilization_percent=30, hardware_mode="time-slicing")
    document = [{"id": "c", "nodes": [{"id": "n", "status": True, "devices": [device]}]}]
    outcome = group_devices(parse_clusters(document)[0][0], hardware_mode="shared", catalog=CATALOG)
    assert outcome.groups[0].memory_bytes_per_device == pytest.approx(56e9)


def test_dedicated_cpu_memory_is_what_the_node_has_free():
    device = cpu(memory_gb=251.57, mem_per_GPU_in_GB=251.57, utilized_memory_gb=0.5, cores=48, utilized_cores=0.2)
    document = [{"id": "c", "nodes": [{"id": "n", "status": True, "devices": [device]}]}]
    outcome = group_devices(parse_clusters(document)[0][0], hardware_mode="dedicated", catalog=CATALOG)
    assert outcome.groups[0].memory_bytes_per_device == pytest.approx(251.07e9)
    assert outcome.groups[0].cores_per_device == 47
