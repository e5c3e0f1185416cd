"""Several kinds of devices together: what the mixture says can be deployed, meets the targets, and is worth it."""

from dataclasses import replace

import pytest
from feasibility import free_devices, violations
from search_doubles import AnalyticPredictor, catalog, cluster, gpu_device, node, tiny_arch

from budsim.perf_model.workload import LoadMode, SloTargets, Workload
from budsim.simulator.mixture import mixed_deployments, trimmed
from budsim.simulator.search_space import SearchLimits
from budsim.simulator.simulation import simulate
from budsim.simulator.simulation_request import SimulationRequest
from budsim.simulator.topology import parse_clusters

MODEL = tiny_arch(num_hidden_layers=4, vocab_size=32000)
DOCUMENT = cluster(
    node("n0", gpu_device(2)),
    node("n1", gpu_device(3, name="Round 24GB", memory_gb=24)),
)
TARGETS = SloTargets(throughput_per_user_tps=150.0)


def asked(concurrency, **changes):
    request = SimulationRequest("tiny", Workload(256, 64, concurrency=concurrency), TARGETS)
    return replace(request, **changes)


def found(concurrency, document=DOCUMENT, **changes):
    clusters, problems = parse_clusters([document])
    assert not problems
    return simulate(
        asked(concurrency, **changes),
        clusters,
        resolve_model=lambda _: MODEL,
        catalog=catalog(),
        predictor=AnalyticPredictor(),
    )


def carried_alone():
    """The largest load that each kind of device meets the targets at, by halving over whole searches."""
    edges = []
    for name in ("Round 80GB", "Round 24GB"):
        low, high = 0, 4096
        while high - low > 1:
            middle = (low + high) // 2
            met = any(group.meets_targets for group in found(middle, device_names=(name,), explain=False).groups)
            low, high = (middle, high) if met else (low, middle)
        edges.append(low)
    return edges


@pytest.fixture(scope="module")
def edges():
    alone = carried_alone()
    assert min(alone) > 4
    return alone


@pytest.fixture(scope="module")
def outcome(edges):
    return found(max(edges) + min(edges) // 2)


def parts_of(outcome):
    """The parts as rows, trimmed to the loads that the mixture tells."""
    rows = {group.device_name: group.partial_row for group in outcome.groups}
    return [trimmed(rows[part["device_name"]], part["concurrency"]) for part in outcome.mixed_deployments[0]["groups"]]


def test_kinds_that_do_not_suffice_alone_do_together(outcome):
    assert not any(group.meets_targets for group in outcome.groups)
    (mixture,) = outcome.mixed_deployments
    assert len(mixture["groups"]) == 2
    assert sum(part["concurrency"] for part in mixture["groups"]) == mixture["concurrency"]
    assert sum(part["traffic_share"] for part in mixture["groups"]) == pytest.approx(1.0)
    assert mixture["throughput_per_user"] >= TARGETS.throughput_per_user_tps
    assert "alone" in mixture["reason"]


def test_every_part_can_be_deployed(outcome):
    for part in parts_of(outcome):
        assert part["top_k_configs"]["meets_targets"]
        assert violations(part, DOCUMENT) == []


def test_no_device_is_used_twice(outcome):
    for part in outcome.mixed_deployments[0]["groups"]:
        free = free_devices(DOCUMENT, part["device_type"], part["device_name"])
        assert all(count <= free[name] for name, count in part["devices_by_node"].items())
        assert sum(part["devices_by_node"].values()) == part["num_devices"]


def test_the_whole_is_the_sum_and_the_worst_of_its_parts(outcome):
    (mixture,) = outcome.mixed_deployments
    parts = mixture["groups"]
    assert mixture["num_devices"] == sum(part["num_devices"] for part in parts)
    assert mixture["output_tps"] == pytest.approx(sum(part["output_tps"] for part in parts))
    assert mixture["cost_per_hour_usd"] == pytest.approx(sum(part["cost_per_hour_usd"] for part in parts))
    assert mixture["ttft"] == max(part["ttft"] for part in parts)
    per_million = mixture["cost_per_hour_usd"] / 3600 / mixture["output_tps"] * 1e6
    assert mixture["cost_per_million_tokens"] == pytest.approx(per_million)


def test_more_than_all_kinds_carry_together_is_not_told(edges):
    assert found(4 * sum(edges)).mixed_deployments == ()


def test_one_kind_that_suffices_and_is_cheapest_is_not_mixed(edges):
    assert found(min(edges)).mixed_deployments == ()


@pytest.mark.parametrize(
    "bounds", [SearchLimits(max_usd_per_hour=2.1), SearchLimits(max_replicas=1)], ids=["budget", "replicas"]
)
def test_bounds_hold_for_the_whole(edges, bounds):
    told = found(max(edges) + min(edges) // 2, limits=bounds).mixed_deployments
    for mixture in told:
        assert mixture["cost_per_hour_usd"] <= (bounds.max_usd_per_hour or 1e9)
        assert sum(part["replicas"] for part in mixture["groups"]) <= (bounds.max_replicas or 1e9)


def priced(name, cost, load, meets=True):
    placement = [{"replica": index, "stage": 0, "node_id": name, "count": 1} for index in range(4)]
    stored = {
        "meets_targets": meets, "error_rate": 0.0 if meets else 0.4, "concurrency": load / 4, "replicas": 4,
        "spare_replicas": 0, "num_devices": 4, "tp_size": 1, "pp_size": 1, "ep_size": 1, "dp_size": 1, "ttft": 1.0,
        "e2e_latency": 1.0, "throughput_per_user": 200.0, "output_tps": 200.0 * load, "placement": placement,
        "cost_per_hour_usd": cost * 200.0 * load * 3600 / 1e6, "cost_per_million_tokens": cost, "devices_by_node": {},
        "prediction": {"output_tps": 50.0 * load}, "launch": {"args": {}, "envs": {}},
    }  # fmt: skip
    return {
        "cluster_id": "c", "device_type": "cuda", "device_name": name, "mem_per_gpu_in_gb": 80, "engine": "vllm",
        "target_concurrency": load, "top_k_configs": stored,
    }  # fmt: skip


def test_a_cheap_kind_that_carries_half_makes_a_dear_one_cheaper():
    (mixture,) = mixed_deployments([priced("dear", 1.0, 80)], [priced("cheap", 0.5, 40)], asked(80))
    assert [part["device_name"] for part in mixture["groups"]] == ["cheap", "dear"]
    assert [part["replicas"] for part in mixture["groups"]] == [4, 2]
    assert mixture["cost_per_million_tokens"] == pytest.approx(0.75)
    assert "cheaper" in mixture["reason"]


def test_what_saves_nothing_is_not_told():
    assert mixed_deployments([priced("a", 1.0, 80)], [priced("b", 0.999, 40)], asked(80)) == []
    assert mixed_deployments([priced("a", 1.0, 80)], [priced("b", 0.5, 40)], asked(80, objective="latency")) == []


def test_arrival_rates_and_rows_that_miss_are_not_mixed():
    rows, open_loop = (
        [priced("a", 1.0, 40), priced("b", 1.0, 40, meets=False)],
        Workload(8, 8, LoadMode.POISSON, request_rate=1.0),
    )
    assert mixed_deployments(rows, [], asked(80)) == []
    assert mixed_deployments([], [priced("a", 1.0, 40), priced("b", 1.0, 40)], asked(80, workload=open_loop)) == []
