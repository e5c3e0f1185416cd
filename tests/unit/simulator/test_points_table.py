"""The batch interface: columns, order, statuses; a bad row never stops the table."""

import json

import numpy as np
import pandas as pd
import pytest

from budsim.commons.errors import InvalidRequestError
from budsim.simulator.points_table import INPUT_COLUMNS, LATENCY_COLUMNS, PREDICTION_COLUMNS, estimate_memory, predict

GOOD = {
    "model": "meta-llama/Llama-3.1-8B-Instruct",
    "hardware": "H100-SXM-80GB",
    "isl": 1024,
    "osl": 128,
    "concurrency": 8,
}


def table(*rows, **common):
    return pd.DataFrame([GOOD | common | row for row in rows])


def answer(**changes):
    return predict(table(changes)).iloc[0]


def test_output_is_the_input_then_the_prediction_columns_in_order():
    frame = table({"note": "kept"}, {"note": "too"})
    out = predict(frame)
    assert tuple(out.columns) == (*frame.columns, *PREDICTION_COLUMNS)
    assert list(out["note"]) == ["kept", "too"]
    assert (out["status"] == "ok").all()
    assert out[list(LATENCY_COLUMNS)].notna().all().all()


def test_rows_and_index_keep_their_order():
    frame = table(*({"concurrency": n} for n in (64, 1, 16)))
    frame.index = [7, 3, 5]
    out = predict(frame)
    assert list(out.index) == [7, 3, 5]
    assert list(out["concurrency"]) == [64, 1, 16]
    assert out["tpot_ms_mean"].loc[3] < out["tpot_ms_mean"].loc[5] < out["tpot_ms_mean"].loc[7]


def test_text_cells_mean_the_same_as_numbers():
    numbers = table({"tp": 2, "num_devices": 2, "enable_chunked_prefill": True, "gpu_memory_utilization": 0.9})
    pd.testing.assert_frame_equal(
        predict(numbers)[list(LATENCY_COLUMNS)], predict(numbers.astype(str))[list(LATENCY_COLUMNS)]
    )


@pytest.mark.parametrize("blank", [None, np.nan, "", " ", pd.NA, "nan"])
def test_an_empty_cell_is_a_missing_column(blank):
    full = {name: blank for name in INPUT_COLUMNS if name not in GOOD}
    assert answer(**full)["ttft_ms_mean"] == answer()["ttft_ms_mean"]


@pytest.mark.parametrize(
    ("change", "status", "word"),
    [
        ({"model": "no-such-org/no-such-model-xyz"}, "unknown_model", "no-such-model-xyz"),
        ({"model": None}, "invalid", "model"),
        ({"hardware": "Quantum 9000"}, "unknown_hardware", "Quantum 9000"),
        ({"hardware": ""}, "invalid", "hardware"),
        ({"engine": "warpdrive"}, "unsupported", "warpdrive"),
        ({"engine_version": "99.0"}, "unsupported", "99"),
        ({"precision": "fp7"}, "invalid", "precision"),
        ({"isl": None}, "invalid", "isl"),
        ({"osl": "many"}, "invalid", "osl"),
        ({"isl": -1}, "invalid", "isl"),
        ({"isl": 0}, "invalid", "isl"),
        ({"isl": "inf"}, "invalid", "isl"),
        ({"concurrency": None}, "invalid", "concurrency"),
        ({"concurrency": 0}, "invalid", "concurrency"),
        ({"concurrency": 2.5}, "invalid", "concurrency"),
        ({"concurrency": 1e30}, "invalid", "concurrency"),
        ({"load_mode": "poisson"}, "invalid", "request_rate"),
        ({"load_mode": "poisson", "request_rate": 0}, "invalid", "request_rate"),
        ({"load_mode": "sometimes"}, "invalid", "load_mode"),
        ({"load_mode": "burst", "concurrency": None}, "invalid", "num_prompts"),
        ({"length_dist": "zipf"}, "invalid", "length_dist"),
        ({"tp": -2}, "invalid", "tp"),
        ({"tp": 4, "num_devices": 6}, "invalid", "num_devices"),
        ({"dp_attention": "maybe"}, "invalid", "dp_attention"),
        ({"gpu_memory_utilization": 1.5}, "invalid", "gpu_memory_utilization"),
        ({"prefix_cache_hit_rate": 1.0}, "invalid", "prefix_cache_hit_rate"),
        ({"speculative_tokens": -1}, "invalid", "speculative_tokens"),
        ({"speculative_tokens": 99}, "invalid", "speculative_tokens"),
        ({"speculative_tokens": 2.5}, "invalid", "speculative_tokens"),
        ({"speculative_tokens": 3, "acceptance_rate": 1.2}, "invalid", "acceptance_rate"),
        ({"speculative_tokens": 3, "acceptance_rate": -0.1}, "invalid", "acceptance_rate"),
        ({"speculative_tokens": 3, "speculative_method": "medusa"}, "invalid", "speculative_method"),
        ({"speculative_tokens": 3, "speculative_method": "mtp"}, "invalid", "eagle or ngram"),
        ({"max_model_len": 600}, "infeasible", "max_model_len"),
        ({"model": "meta-llama/Llama-3.1-70B-Instruct"}, "infeasible", "GiB"),
        ({"tp": 3}, "infeasible", "3"),
    ],
)
def test_a_bad_row_says_what_is_wrong_and_stops_nothing(change, status, word):
    out = predict(pd.concat([table({}), table(change), table({})], ignore_index=True))
    assert list(out["status"]) == ["ok", status, "ok"]
    assert word in out["reason"].iloc[1]
    assert out.loc[1, list(LATENCY_COLUMNS)].isna().all()


def test_an_empty_table_has_all_columns_and_no_rows():
    out = predict(pd.DataFrame(columns=list(GOOD)))
    assert len(out) == 0
    assert tuple(out.columns)[-len(PREDICTION_COLUMNS) :] == PREDICTION_COLUMNS


def test_load_mode_follows_from_the_numbers_given():
    assert answer(concurrency=None, request_rate=2.0)["request_throughput"] == 2.0
    burst = answer(concurrency=None, num_prompts=16)
    assert burst["ttft_ms_mean"] == answer(load_mode="burst", num_prompts=16)["ttft_ms_mean"]


def test_devices_fill_in_tp_and_dp():
    assert answer(num_devices=4)["tpot_ms_mean"] == answer(tp=4)["tpot_ms_mean"]
    assert answer(num_devices=4, tp=1)["tpot_ms_mean"] == answer(num_devices=4, tp=1, dp=4)["tpot_ms_mean"]


def test_on_cpus_tp_may_count_numa_domains():
    row = {"hardware": "Xeon 6767P", "num_devices": 2}
    two, four = answer(tp=2, **row), answer(tp=4, **row)
    assert (two["status"], four["status"]) == ("ok", "ok")
    # The same silicon in smaller pieces: weights are read at the same total rate.
    assert four["tpot_ms_mean"] == pytest.approx(two["tpot_ms_mean"], rel=0.3)


def test_a_rate_beyond_capacity_has_throughput_but_no_latency():
    overload = {"load_mode": "poisson", "request_rate": 500.0, "concurrency": None}
    endless, finite = answer(**overload), answer(num_prompts=200, **overload)
    assert endless["saturated"]
    assert finite["saturated"]
    assert pd.isna(endless["ttft_ms_mean"])
    assert finite["ttft_ms_mean"] > 0
    assert endless["output_tps"] == finite["output_tps"] > 0
    assert "saturated" in endless["reason"]


def test_the_regressor_is_the_default_and_an_unknown_method_is_refused():
    frame = table({})
    assert predict(frame, method="REGRESSOR").equals(predict(frame))
    assert not predict(frame, method="heuristic").equals(predict(frame))
    with pytest.raises(InvalidRequestError, match="method"):
        predict(frame, method="oracle")
    with pytest.raises(InvalidRequestError, match="model_version"):
        predict(frame, model_version="f0-never")


@pytest.mark.parametrize("method", ["regressor", "heuristic"])
def test_both_methods_carry_intervals_confidence_and_basis(method):
    row = predict(table({}), method=method).iloc[0]
    for name in ("ttft_ms_mean", "tpot_ms_mean", "e2e_s_mean", "output_tps"):
        assert 0 < row[f"{name}_lo"] < row[name] < row[f"{name}_hi"]
    assert 0 < row["confidence"] < 1
    assert row["basis"] in {"measured", "interpolated", "extrapolated", "analytic"}


def test_a_folder_with_a_config_is_a_model(tmp_path):
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 1024, "intermediate_size": 4096,
        "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 8, "vocab_size": 32000,
        "max_position_embeddings": 4096, "torch_dtype": "bfloat16", "tie_word_embeddings": False,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert answer(model=str(tmp_path))["status"] == "ok"


def test_predictions_repeat_exactly():
    frame = table(*({"concurrency": n, "length_dist": "uniform_0.8_1.0"} for n in (1, 8, 64)))
    pd.testing.assert_frame_equal(predict(frame), predict(frame))


def test_memory_needs_no_load_and_honours_stated_weights():
    frame = pd.DataFrame(
        [{"model": GOOD["model"], "hardware": GOOD["hardware"], "model_loading_gib": g} for g in ("", "20", "-1")]
    )
    out = estimate_memory(frame)
    assert list(out["status"]) == ["ok", "ok", "invalid"]
    assert out["model_loading_gib"].iloc[0] == pytest.approx(14.96, rel=0.02)  # 8.03e9 bf16 weights
    assert out["model_loading_gib"].iloc[1] == 20
    assert out["available_kv_gib"].iloc[0] - out["available_kv_gib"].iloc[1] == pytest.approx(
        20 - out["model_loading_gib"].iloc[0]
    )


def test_drafts_are_predicted_and_a_default_acceptance_is_said():
    plain, stated, default = (
        answer(concurrency=1, speculative_tokens=k, acceptance_rate=rate) for k, rate in ((0, None), (3, 0.6), (3, ""))
    )
    assert stated["tpot_ms_mean"] < plain["tpot_ms_mean"]
    assert stated["output_tps"] == pytest.approx(stated["request_throughput"] * 128, rel=1e-6)
    assert "acceptance_rate" in default["reason"]
    assert "eagle" in default["reason"]
    assert "acceptance_rate" not in stated["reason"]
    assert stated["basis"] in {"extrapolated", "analytic"}


def test_no_drafts_leave_every_figure_as_it_is():
    plain = answer()
    for change in ({"speculative_tokens": 0}, {"acceptance_rate": 0.9}, {"speculative_method": "ngram"}):
        other = answer(**change)
        assert all(other[name] == plain[name] for name in PREDICTION_COLUMNS if name not in {"reason"})
    assert "not used" in answer(acceptance_rate=0.9)["reason"]


def test_the_model_that_drafts_takes_memory():
    plain, eagle, ngram = (
        estimate_memory(table({"speculative_tokens": k, "speculative_method": method})).iloc[0]
        for k, method in ((0, ""), (3, "eagle"), (3, "ngram"))
    )
    assert eagle["model_loading_gib"] > plain["model_loading_gib"] + 0.5
    assert eagle["kv_cache_tokens"] < plain["kv_cache_tokens"] == ngram["kv_cache_tokens"]


@pytest.mark.parametrize("hardware", ["GB200", "GB300"])
def test_devices_of_one_nvlink_domain_split_a_model_without_the_network(hardware):
    frame = table(
        *({"tp": tp} for tp in (4, 8)), model="meta-llama/Llama-3.3-70B-Instruct", hardware=hardware, concurrency=32
    )
    four, eight = predict(frame)["tpot_ms_mean"]
    assert eight < four
