from hypothesis import given
from hypothesis import strategies as st
from search_doubles import AnalyticPredictor, group, search_case

from budsim.simulator.direct_search import search
from budsim.simulator.objective import Objective, objective_value
from budsim.simulator.ranking import (
    cluster_recommendations,
    missed_reasons,
    pareto_front,
    replicas_needed,
    sorted_rows,
    top_k,
)


def row(cluster="a", cost=1.0, error=0.0, concurrency=10, replicas=1, most=4, row_id=0, **fields):
    stored = {
        "error_rate": error,
        "meets_targets": error == 0.0,
        "cost_per_million_tokens": cost,
        "output_tps": fields.pop("output_tps", 1000.0),
        "e2e_latency": fields.pop("e2e", 2.0),
        "concurrency": concurrency,
        "replicas": replicas,
        "max_replicas": most,
        "tp_size": 1,
        "pp_size": 1,
    }
    device = {"device_type": "cuda", "device_name": "gpu"}
    return {"id": row_id, "cluster_id": cluster, "is_blacklisted": False, "top_k_configs": stored, **device, **fields}


def chosen(rows, *args, **options):
    return [(found.row["id"], found.replicas) for found in cluster_recommendations(rows, *args, **options)]


def test_one_recommendation_per_cluster_cheapest_first():
    rows = [row("a", 3, row_id=1), row("b", 2, row_id=2), row("a", 1, row_id=3), row("c", 5, row_id=4)]
    assert chosen(rows) == [(3, 1), (2, 1), (4, 1)]


def test_the_best_row_of_each_other_device_of_a_cluster_comes_along():
    rows = [row("a", 1, row_id=1), row("a", 2, row_id=2), row("a", 3, row_id=3, device_name="other")]
    (found,) = cluster_recommendations(rows)
    assert found.row["id"] == 1
    assert [(other["id"], replicas) for other, replicas in found.others] == [(3, 1)]


def test_rows_that_meet_their_targets_come_before_cheaper_ones_that_do_not():
    rows = [row("a", 1, error=0.1, row_id=1), row("a", 9, row_id=2), row("b", 0.5, error=0.3, row_id=3)]
    assert chosen(rows) == [(2, 1), (3, 1)]


def test_the_rest_is_ordered_by_error_rate_and_ends_at_the_threshold():
    rows = [
        row("a", 1, 0.4, row_id=1),
        row("b", 9, 0.2, row_id=2),
        row("c", 1, 0.6, row_id=3),
        row("d", 1, 0.5, row_id=4),
    ]
    assert chosen(rows) == [(2, 1), (1, 1), (4, 1)]
    assert chosen(rows, 0.3) == [(2, 1)]
    assert chosen(rows, 0.0) == []


def test_equal_rows_are_ordered_by_all_their_devices_data_parallel_ones_too():
    spread_out, small = row("a", row_id=1), row("a", row_id=2)
    spread_out["top_k_configs"]["num_devices"], small["top_k_configs"]["num_devices"] = 4, 2
    assert [item["id"] for item in sorted_rows([spread_out, small])] == [2, 1]


def test_blacklisted_rows_make_way_for_the_next():
    rows = [row("a", 1, row_id=1, is_blacklisted=True), row("a", 2, row_id=2)]
    assert chosen(rows) == [(2, 1)]
    assert chosen([rows[0]]) == []


def test_a_row_that_cannot_carry_the_concurrency_is_passed_over():
    rows = [row("a", 1, most=2, row_id=1), row("a", 2, most=8, row_id=2), row("b", 1, most=1, row_id=3)]
    assert chosen(rows, concurrency=35) == [(2, 4)]


def test_replicas_are_as_few_as_carry_the_load():
    assert replicas_needed(row(concurrency=10, most=4), 31) == 4
    assert replicas_needed(row(concurrency=10, most=4), 40) == 4
    assert replicas_needed(row(concurrency=10, most=4), 41) is None
    assert replicas_needed(row(concurrency=10, replicas=3), None) == 3
    assert replicas_needed(row(concurrency=10), 1) == 1


def test_ties_keep_their_order():
    rows = [row("a", 1, row_id=index) for index in range(5)]
    assert [item["id"] for item in sorted_rows(rows)] == [0, 1, 2, 3, 4]
    assert chosen(rows) == [(0, 1)]


def test_an_unknown_price_ranks_after_every_known_one():
    rows = [row("a", None, row_id=1), row("b", 1e6, row_id=2)]
    assert chosen(rows) == [(2, 1), (1, 1)]


def test_the_objective_decides_among_those_that_meet():
    rows = [
        row("a", 1, e2e=3.0, output_tps=10.0, row_id=1),
        row("b", 5, e2e=1.0, output_tps=20.0, row_id=2),
        row("c", 3, e2e=2.0, output_tps=90.0, row_id=3),
    ]
    assert [found[0] for found in chosen(rows)] == [1, 3, 2]
    assert [found[0] for found in chosen(rows, objective="latency")] == [2, 3, 1]
    assert [found[0] for found in chosen(rows, objective="throughput")] == [3, 2, 1]
    assert [found[0] for found in chosen(rows, objective="balanced")] == [3, 2, 1]


def test_rows_remember_the_objective_they_were_searched_for():
    slow, fast = row("a", 1, e2e=9.0, row_id=1), row("b", 9, e2e=1.0, row_id=2)
    for item in (slow, fast):
        item["top_k_configs"]["objective"] = "latency"
    assert [found[0] for found in chosen([slow, fast])] == [2, 1]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 5), st.sampled_from([0.0, 0.2, 0.7])), max_size=12))
def test_no_cluster_is_named_twice_and_none_is_forgotten(entries):
    rows = [row(name, cost, error, row_id=index) for index, (name, cost, error) in enumerate(entries)]
    found = cluster_recommendations(rows)
    names = [item.row["cluster_id"] for item in found]
    assert len(set(names)) == len(names)
    assert set(names) == {item["cluster_id"] for item in rows if item["top_k_configs"]["error_rate"] <= 0.5}


def searched():
    return search(search_case(group(4, 4), 12), AnalyticPredictor()).evaluations


def test_top_k_keeps_the_best_of_distinct_configurations():
    found = searched()
    assert top_k(found, 3) == list(found[:3])
    assert top_k([*found[:2], *found], 3) == list(found[:3])
    assert top_k(found, 10_000) == list(found)


def test_nothing_on_the_pareto_front_is_beaten_and_everything_off_it_is():
    found = searched()
    front = pareto_front(found)
    figures = {id(item): [objective_value(item, name) for name in ("cost", "latency", "throughput")] for item in found}

    def beats(first, second):
        pairs = list(zip(figures[id(first)], figures[id(second)], strict=True))
        return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)

    kept = {id(item) for item in front}
    for item in found:
        assert (id(item) in kept) == (not any(beats(other, item) for other in found))
    for objective in (Objective.COST, Objective.LATENCY, Objective.THROUGHPUT):
        assert min(objective_value(item, objective) for item in front) == min(
            objective_value(item, objective) for item in found
        )


def test_every_cluster_left_out_for_its_misses_says_which_and_by_how_much():
    rows = [row("a", 1), row("b", 1, error=0.7), row("b", 2, error=0.6), row("c", 1, error=0.9, device_name="slow")]
    for item in rows:
        item["top_k_configs"] |= {"misses": [{"target": "ttft"}], "cluster_name": f"name-{item['cluster_id']}"}
    told = missed_reasons(rows, cluster_recommendations(rows), 0.5)
    assert told == [
        "Cluster name-b: gpu (cuda): best error rate 0.60 is over the threshold 0.5 (misses ttft).",
        "Cluster name-c: slow (cuda): best error rate 0.90 is over the threshold 0.5 (misses ttft).",
    ]
    assert missed_reasons(rows, cluster_recommendations(rows, 1.0), 1.0) == []
