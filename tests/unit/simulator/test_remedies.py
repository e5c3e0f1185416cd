"""What is told as verified is true, and finding it costs a fraction of a search."""

from dataclasses import replace

import pytest
from search_doubles import AnalyticPredictor, group, search_case, spec

from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.workload import LoadMode, SloTargets, Workload
from budsim.simulator.candidate import Rejection
from budsim.simulator.direct_search import SearchOutcome, search
from budsim.simulator.remedies import remedies
from budsim.simulator.search_space import SearchLimits
from budsim.simulator.topology import NodeDevices


class Counting:
    """Counts the points that a predictor is asked for."""

    def __init__(self):
        self.inner, self.num_points = AnalyticPredictor(), 0

    def predict(self, points):
        self.num_points += len(points)
        return self.inner.predict(points)


def missed_case(nodes, concurrency, share):
    """A case whose target lies beyond what its fastest candidate reaches by a share."""
    device = spec("Round 80GB", fp8=True)
    case = search_case(group(*[4] * nodes, device=device), concurrency)
    best = search(replace(case, objective="latency"), AnalyticPredictor()).best.prediction
    return replace(case, targets=SloTargets(throughput_per_user_tps=share * best.tps_per_user))


def followed(case, remedy):
    """The case with a remedy's change made."""
    changes = remedy.changes
    match remedy.kind:
        case "concurrency":
            return replace(case, workload=replace(case.workload, concurrency=changes["concurrency"]))
        case "precision":
            return replace(case, precisions=(resolve_precision(changes["precision"], case.arch, case.group.spec),))
        case "budget":
            return replace(case, limits=replace(case.limits, max_usd_per_hour=changes["max_cost_per_hour"]))
        case "max_replicas":
            return replace(case, limits=replace(case.limits, max_replicas=changes["max_replicas"]))
        case "max_devices_per_replica":
            bound = changes["max_gpus_per_replica"]
            return replace(case, limits=replace(case.limits, max_devices_per_replica=bound))
        case "high_availability":
            return replace(case, limits=replace(case.limits, spare_replicas=0))
    size = case.group.max_devices_per_node
    extra = tuple(NodeDevices(f"x{index}", f"x{index}", size) for index in range(changes["nodes"]))
    return replace(case, group=replace(case.group, nodes=case.group.nodes + extra))


@pytest.mark.parametrize("share", [1.05, 1.3, 1.8])
@pytest.mark.parametrize(("nodes", "concurrency"), [(1, 64), (2, 200), (6, 500)])
def test_what_is_told_as_verified_holds_when_it_is_done_and_searched(nodes, concurrency, share):
    case = missed_case(nodes, concurrency, share)
    found = remedies(case, search(case, AnalyticPredictor()), AnalyticPredictor())
    told = [remedy for remedy in found if remedy.is_verified]
    assert told
    for remedy in told:
        assert search(followed(case, remedy), AnalyticPredictor()).meets_targets, remedy


BOUNDS = [
    (SearchLimits(max_usd_per_hour=0.5), 0.99, {"budget"}),
    (SearchLimits(max_replicas=1, spare_replicas=1), 0.3, {"max_replicas", "high_availability"}),
    (SearchLimits(max_replicas=1), 0.99, {"max_replicas"}),
    (SearchLimits(max_devices_per_replica=1), 0.99, {"max_devices_per_replica"}),
]


@pytest.mark.parametrize(("limits", "share", "kinds"), BOUNDS)
def test_a_bound_that_alone_is_in_the_way_is_named_with_what_it_has_to_become(limits, share, kinds):
    free = search_case(group(4, 4), 256, usd_per_device_hour=2.0)
    best = search(replace(free, objective="latency"), AnalyticPredictor()).best.prediction
    case = replace(free, limits=limits, targets=SloTargets(throughput_per_user_tps=share * best.tps_per_user))
    outcome = search(case, AnalyticPredictor())
    assert not outcome.meets_targets
    found = {item.kind: item for item in remedies(case, outcome, AnalyticPredictor()) if item.kind in kinds}
    assert found.keys() == kinds
    for remedy in found.values():
        assert search(followed(case, remedy), AnalyticPredictor()).meets_targets, remedy


def test_a_bound_that_is_not_in_the_way_is_not_blamed():
    case = missed_case(2, 200, 1.3)
    bound = replace(case, limits=SearchLimits(max_usd_per_hour=1e6, max_replicas=1000), usd_per_device_hour=2.0)
    kinds = {item.kind for item in remedies(bound, search(bound, AnalyticPredictor()), AnalyticPredictor())}
    assert not kinds & {"budget", "max_replicas", "high_availability"}


def test_remedies_cost_less_than_two_searches():
    case = missed_case(16, 500, 1.3)
    searching, helping = Counting(), Counting()
    outcome = search(case, searching)
    assert {"concurrency", "add_devices"} <= {remedy.kind for remedy in remedies(case, outcome, helping)}
    assert helping.num_points < 2 * searching.num_points


def test_a_configuration_that_failed_before_is_no_remedy():
    case = missed_case(1, 64, 1.3)
    outcome = search(case, AnalyticPredictor())
    roomy = replace(case, exclusions=replace(case.exclusions, headroom_bytes=case.group.memory_bytes_per_device))
    assert not [item for item in remedies(roomy, outcome, AnalyticPredictor()) if item.is_verified]


def test_arrivals_that_nothing_keeps_up_with_are_no_lack_of_memory():
    load = Workload(512, 128, LoadMode.POISSON, request_rate=1e9)
    case = search_case(group(2), workload=load)
    few = ParallelPlan(1, 1)
    rejections = (
        Rejection(few, "saturated", "slow"),
        Rejection(few, "saturated", "slow"),
        Rejection(few, "memory", "no room"),
    )
    outcome = SearchOutcome((), rejections, 3)
    assert "memory" not in {item.kind for item in remedies(case, outcome, AnalyticPredictor())}
    told = remedies(case, replace(outcome, rejections=rejections[2:]), AnalyticPredictor())
    assert "memory" in {item.kind for item in told}
