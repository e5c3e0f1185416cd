"""What goes back into training is what was measured, in the words that training reads."""

from budsim.benchmarks.training_rows import protocol_row, training_row

CONFIGURATION = {"model": "m", "hardware": "H100", "engine": "vllm", "load_mode": "static_batch", "concurrency": 8,
                 "isl": 128, "osl": 64, "tp": 2, "max_num_seqs": 16, "num_prompts": 8}  # fmt: skip
MEASURED = {"ttft_ms_mean": 50.0, "tpot_ms_mean": 9.0, "e2e_s_mean": 0.6, "output_tps": 800.0}


def test_a_row_holds_the_run_in_training_columns():
    row = training_row(7, CONFIGURATION, MEASURED, ["isl"])
    assert (row["row_id"], row["model"], row["tp"], row["concurrency_or_batch"]) == ("own-7", "m", 2, 8)
    assert (row["load_mode"], row["serving_mode"]) == ("offline_batch", "aggregated")
    assert (row["itl_or_tpot_ms_mean"], row["tps_output_total"]) == (9.0, 800.0)
    protocol = protocol_row(7, CONFIGURATION)
    assert (protocol["row_id"], protocol["arrival"], protocol["max_num_seqs"]) == ("own-7", "static", 16)


def test_figures_that_were_worked_out_teach_nothing():
    row = training_row(7, CONFIGURATION, MEASURED, ["e2e_s_mean", "output_tps"])
    assert row["e2e_s_mean"] is None
    assert row["tps_output_total"] is None
    assert row["ttft_ms_mean"] == 50.0
