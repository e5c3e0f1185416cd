"""What is told as verified is true, and finding it costs a fraction of a search."""

from dataclasses import replace

import pytest
from search_doubles import AnalyticPredictor, group, search_case, spec

from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.workload import SloTargets
from budsim.simulator.direct_search import search
from budsim.simulator.remedies import remedies
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
