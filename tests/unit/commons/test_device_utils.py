"""Device-type words."""

from __future__ import annotations

import pytest

from budsim.commons.device_utils import KNOWN_DEVICE_TYPES, matches_device_type, normalize_device_type
from budsim.commons.errors import InvalidRequestError


@pytest.mark.parametrize(
    ("word", "device_type"),
    [
        ("cuda", "cuda"),
        (" CUDA ", "cuda"),
        ("NVIDIA", "cuda"),
        ("ROCm", "rocm"),
        ("amd", "rocm"),
        ("HPU", "hpu"),
        ("gaudi", "hpu"),
        ("cpu", "cpu"),
        ("CPU_HIGH", "cpu_high"),
        ("cpu-high", "cpu_high"),
        ("cpu_amx", "cpu"),
        ("xpu", "xpu"),
        ("tpu", "tpu"),
    ],
)
def test_words_of_clusters_become_device_types(word, device_type):
    assert normalize_device_type(word) == device_type


@pytest.mark.parametrize("device_type", KNOWN_DEVICE_TYPES)
def test_normalising_twice_changes_nothing(device_type):
    assert normalize_device_type(device_type) == device_type


@pytest.mark.parametrize(
    ("vendor", "device_type"),
    [
        ("NVIDIA", "cuda"),
        ("NVIDIA Corporation", "cuda"),
        ("amd", "rocm"),
        ("ATI", "rocm"),
        ("Intel", "hpu"),
        ("10de", "cuda"),
        ("0x1002", "rocm"),
        ("1da3", "hpu"),
        (None, "cuda"),
        ("somebody", "cuda"),
    ],
)
def test_a_generic_gpu_is_of_its_vendors_type(vendor, device_type):
    assert normalize_device_type("gpu", vendor) == device_type


@pytest.mark.parametrize("word", ["", "npu", "cud", "quantum", "hpu2"])
def test_an_unknown_type_is_an_error_that_names_the_field(word):
    with pytest.raises(InvalidRequestError) as caught:
        normalize_device_type(word)
    assert caught.value.param == {"field": "device_type"}


def test_engines_for_cpus_run_on_every_cpu_type_and_on_nothing_else():
    assert matches_device_type("cpu", "cpu_high")
    assert matches_device_type("cpu_high", "cpu")
    assert not matches_device_type("cpu", "cuda")


@pytest.mark.parametrize("one", KNOWN_DEVICE_TYPES)
@pytest.mark.parametrize("other", KNOWN_DEVICE_TYPES)
def test_matching_is_symmetric(one, other):
    assert matches_device_type(one, other) == matches_device_type(other, one)
