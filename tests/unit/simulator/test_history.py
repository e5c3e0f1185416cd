"""What the history shows."""

from hypothesis import given
from hypothesis import strategies as st

from budsim.simulator.deployment import deployment_intervals
from budsim.simulator.history import figures_of
from budsim.simulator.pareto import unbeaten

points = st.lists(st.tuples(*[st.integers(0, 6)] * 3), min_size=1, max_size=20)


@given(points)
def test_some_point_is_always_unbeaten_and_every_beaten_point_is_beaten_by_an_unbeaten_one(figures):
    marks = unbeaten(figures)
    front = [figure for figure, mark in zip(figures, marks, strict=True) if mark]
    assert front
    for figure, mark in zip(figures, marks, strict=True):
        if not mark:
            assert any(all(a <= b for a, b in zip(best, figure, strict=True)) and best != figure for best in front)


@given(points)
def test_the_best_in_any_single_figure_has_an_unbeaten_point_of_that_value(figures):
    marks = unbeaten(figures)
    for axis in range(3):
        least = min(figure[axis] for figure in figures)
        assert any(mark and figure[axis] == least for figure, mark in zip(figures, marks, strict=True))


def test_a_configuration_without_a_price_never_counts_as_free():
    stored = {"e2e_latency": 2.0, "output_tps": 500.0, "cost_per_million_tokens": None}
    assert figures_of(stored) == (2.0, -500.0, float("inf"))


@given(st.integers(1, 64))
def test_the_interval_of_the_throughput_is_that_of_all_replicas_as_the_throughput_is(replicas):
    prediction = {"output_tps": 100.0, "intervals": {"ttft_ms_mean": [1.0, 2.0], "output_tps": [80.0, 125.0]}}
    intervals = deployment_intervals({"output_tps": 100.0 * replicas, "prediction": prediction})
    assert intervals["ttft_ms_mean"] == [1.0, 2.0]
    assert intervals["output_tps"] == [80.0 * replicas, 125.0 * replicas]
