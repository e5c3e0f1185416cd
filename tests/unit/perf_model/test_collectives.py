"""Laws of collectives: alone is free, more ranks and slower links cost more, golden values from the ring formula."""

import pytest
from serving_samples import H100, XEON

from budsim.perf_model.collectives import (
    Fabric,
    all_reduce_seconds_per_byte,
    all_to_all_seconds_per_byte,
    collective_latency_s,
    link_bytes_per_s,
    send_seconds,
)

NVLINK = Fabric(link_bytes_per_s=450e9, inter_node_bytes_per_s=25e9, devices_per_node=8, latency_s=8e-6, efficiency=0.8)


def test_one_rank_exchanges_nothing():
    assert all_reduce_seconds_per_byte(NVLINK, 1) == 0.0
    assert all_to_all_seconds_per_byte(NVLINK, 1) == 0.0
    assert collective_latency_s(NVLINK, 1) == 0.0


def test_ring_moves_two_n_minus_one_over_n_of_the_message():
    # Thakur et al. 2005: 2 (n - 1) / n; 8 ranks move 1.75 times the message over each link.
    assert all_reduce_seconds_per_byte(NVLINK, 8) == pytest.approx(1.75 / (450e9 * 0.8))


@pytest.mark.parametrize("cost", [all_reduce_seconds_per_byte, all_to_all_seconds_per_byte, collective_latency_s])
def test_more_ranks_never_cost_less(cost):
    values = [cost(NVLINK, n) for n in (1, 2, 4, 8, 16, 32)]
    assert values == sorted(values)


def test_leaving_the_node_costs_network_time():
    inside, across = all_reduce_seconds_per_byte(NVLINK, 8), all_reduce_seconds_per_byte(NVLINK, 16)
    assert across > inside + 0.9 / 8 / 25e9
    assert collective_latency_s(NVLINK, 16) > collective_latency_s(NVLINK, 8) + 1e-5
    assert send_seconds(NVLINK, 1e6, crosses_nodes=True) > 10 * (send_seconds(NVLINK, 1e6, crosses_nodes=False) - 8e-6)


def test_slower_links_cost_more():
    slow = Fabric(32e9, 25e9, 8, 8e-6, 0.8)
    assert all_reduce_seconds_per_byte(slow, 4) == pytest.approx(all_reduce_seconds_per_byte(NVLINK, 4) * 450 / 32)


def test_latency_grows_little_through_a_switch_and_with_the_group_elsewhere():
    # Operator tables: 4.4 and 4.9 us of 2 and 8 H100 on NVLink, 7 and 27 us of 2 and 8 L40S on PCIe.
    pcie = Fabric(32e9, 25e9, 8, 8e-6, 0.8, switched=False)
    assert collective_latency_s(NVLINK, 8) < 1.3 * collective_latency_s(NVLINK, 2)
    assert collective_latency_s(pcie, 8) == pytest.approx(4 * collective_latency_s(pcie, 2))


def test_link_falls_back_to_what_the_device_has():
    assert link_bytes_per_s(H100) == 450e9
    assert link_bytes_per_s(XEON) == 48e9
