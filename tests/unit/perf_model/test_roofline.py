"""Laws of the roofline: nothing is faster than compute or memory allow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving_samples import cpu_point, point

from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.roofline import device_rates, operator_seconds

amounts = st.floats(1e3, 1e18)
rates = st.floats(1e9, 1e16)


@given(flops=amounts, traffic=amounts, peak=rates, bandwidth=rates)
def test_operator_is_never_faster_than_compute_or_memory(flops, traffic, peak, bandwidth):
    seconds = operator_seconds(flops, traffic, peak, bandwidth)
    assert seconds >= max(flops / peak, traffic / bandwidth) * (1 - 1e-12)
    assert seconds <= 1.19 * max(flops / peak, traffic / bandwidth) * (1 + 1e-9)


def test_far_from_the_ridge_one_side_decides():
    # A matrix-vector product of 1 GB on 1 TB/s takes 1 ms however fast the arithmetic is.
    assert operator_seconds(1e9, 1e9, 1e15, 1e12) == pytest.approx(1e-3, rel=1e-6)


def test_narrow_formats_take_their_own_peak_where_the_device_has_one():
    assert device_rates(point(precision="fp8")).gemm_flops == point().device.peak_flops["fp8"]
    assert device_rates(point(precision="bf16")).gemm_flops == point().device.peak_flops["bf16"]


def test_cpu_cores_scale_compute_and_bound_bandwidth():
    whole, few = device_rates(cpu_point(cpu_cores=None)), device_rates(cpu_point(cpu_cores=2))
    assert few.wide_flops == pytest.approx(whole.wide_flops * 2 / 64)
    assert few.bandwidth_bytes_per_s == pytest.approx(2 * 28e9)
    assert whole.bandwidth_bytes_per_s == 409.6e9


def test_a_device_without_flops_is_refused_by_name():
    bare = DeviceSpec("Nothing 1", "x", "cuda", "Hopper", 10**9, 1e9, {})
    with pytest.raises(Exception, match="Nothing 1"):
        device_rates(point(device=bare))
