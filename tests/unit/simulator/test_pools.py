"""Rows that state two pools: what is read, what is refused, and that other rows do not notice."""

import pandas as pd
import pytest

from budsim.simulator.points_table import estimate_memory, predict
from budsim.simulator.pools_reader import read_pools

ROW = {
    "model": "meta-llama/Llama-3.1-8B-Instruct", "hardware": "H100-SXM-80GB", "engine": "vllm", "isl": 4096, "osl": 128,
    "concurrency": 16, "prefill_instances": 1, "prefill_tp": 1, "decode_instances": 1, "decode_tp": 1,
}  # fmt: skip
PLAIN = {name: cell for name, cell in ROW.items() if not name.startswith(("prefill", "decode"))} | {"tp": 2}


def table(*rows):
    return pd.DataFrame(list(rows), dtype=object)


def one(**changes):
    return predict(table(ROW | changes), "heuristic").iloc[0]


def test_a_row_of_two_pools_is_answered_with_intervals_and_what_it_rests_on():
    answer = one()
    assert answer["status"] == "ok", answer["reason"]
    assert answer["basis"] == "extrapolated"
    assert answer["ttft_ms_mean_lo"] < answer["ttft_ms_mean"] < answer["ttft_ms_mean_hi"]
    assert answer["confidence"] < 0.5


def test_both_methods_say_the_same_of_pools():
    assert predict(table(ROW), "regressor").equals(predict(table(ROW), "heuristic"))


def test_other_rows_keep_their_answers_and_their_places():
    mixed = predict(table(PLAIN, ROW, PLAIN | {"concurrency": 4}, ROW | {"concurrency": 2}), "heuristic")
    plain = predict(table(PLAIN, PLAIN | {"concurrency": 4}), "heuristic")
    for at, alone in ((0, 0), (2, 1)):
        assert mixed.iloc[at]["ttft_ms_mean"] == plain.iloc[alone]["ttft_ms_mean"]
    assert mixed.iloc[1]["ttft_ms_mean"] == one()["ttft_ms_mean"]
    assert mixed.iloc[3]["ttft_ms_mean"] == one(concurrency=2)["ttft_ms_mean"]


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({"decode_instances": None}, "invalid", "decode_instances"),
        ({"tp": 2}, "invalid", "prefill_tp"),
        ({"prefill_instances": 0}, "invalid", "prefill_instances"),
        ({"prefill_tp": -1}, "invalid", "prefill_tp"),
        ({"num_devices": 3}, "invalid", "pools use 2"),
        ({"prefill_tp": 4}, "unsupported", "multiple"),
        ({"engine": "tgi"}, "unsupported", "tgi"),
        ({"hardware": "nothing of this name"}, "unknown_hardware", ""),
        ({"model": "meta-llama/Llama-3.1-70B-Instruct"}, "infeasible", "prefill instance"),
        ({"isl": 130_000, "osl": 5_000}, "infeasible", "max_model_len"),
        ({"isl": float("nan")}, "invalid", "isl"),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_says_why(changes, status, word):
    answer = one(**changes)
    assert answer["status"] == status, answer["reason"]
    assert word in answer["reason"]


def test_a_deployment_that_fits_a_node_does_not_cross_it():
    near, far = (read_pools(table(ROW | {"decode_instances": count}))[0].point for count in (1, 8))
    assert not near.crosses_nodes
    assert far.crosses_nodes


def test_prefill_may_run_on_another_device():
    answer = one(prefill_hardware="A100-SXM-80GB")
    assert answer["status"] == "ok"
    assert answer["ttft_ms_mean"] > one()["ttft_ms_mean"]
    assert answer["basis"] == "analytic"


def test_memory_is_asked_pool_by_pool():
    answer = estimate_memory(table(ROW, PLAIN))
    assert answer["status"].tolist() == ["unsupported", "ok"]


def test_past_capacity_latencies_are_left_empty():
    answer = one(concurrency=None, request_rate=500.0)
    assert answer["saturated"]
    assert pd.isna(answer["ttft_ms_mean"])
    assert answer["request_throughput"] < 50
