"""``budsim calibrate``: measurements in, later predictions nearer to them; what cannot be used is said and not kept."""

import json

import pandas as pd
import pytest
from click.testing import CliRunner

import budsim
from budsim.cli import main
from budsim.commons.config import settings
from budsim.perf_model.fitted_constants import FITTED
from budsim.simulator import points_table
from budsim.simulator.heuristic import HeuristicPredictor

MODEL, HARDWARE = "Qwen/Qwen3-0.6B", "NVIDIA H100 SXM 80GB"
LOADS = [(1, 128, 32), (1, 2048, 32), (8, 512, 32)]
COLUMNS = ["ttft_ms_mean", "tpot_ms_mean", "output_tps"]
# What the device "really" does here: shipped constants with a slower memory and a slower host.
REAL = {("vllm", "hopper", "served"): {**FITTED[("vllm", "hopper", "served")], "memory_efficiency": 0.4,
                                       "step_overhead_s": 0.012}}  # fmt: skip


def points(loads):
    rows = [{"model": MODEL, "hardware": HARDWARE, "engine": "vllm", "concurrency": c, "isl": i, "osl": o,
             "num_prompts": 3 * c} for c, i, o in loads]  # fmt: skip
    return pd.DataFrame(rows)


def measured(loads):
    truth = points_table.predict(points(loads), predictor=HeuristicPredictor({**FITTED, **REAL}))
    return pd.concat([points(loads), truth[COLUMNS]], axis=1)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("BUDSIM_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    yield lambda *arguments: CliRunner().invoke(main, ["calibrate", *map(str, arguments)])
    settings.cache_clear()


def test_predictions_use_what_was_calibrated_until_it_is_removed(run, tmp_path):
    file, others = tmp_path / "runs.csv", [(4, 256, 32), (2, 1024, 32)]
    measured(LOADS).drop(columns=["hardware", "engine"]).to_csv(file, index=False)
    truth, shipped = measured(others), budsim.predict(points(others))
    done = run(file, "--hardware", HARDWARE, "--engine", "vllm")
    assert done.exit_code == 0, done.output
    assert "each configuration left out" in done.output
    assert "kept" in done.output
    calibrated = budsim.predict(points(others))
    for name in COLUMNS:
        assert calibrated[name].to_numpy() == pytest.approx(truth[name].to_numpy(), rel=0.1)
    assert ((shipped["tpot_ms_mean"] / truth["tpot_ms_mean"] - 1).abs() > 0.3).all()
    assert set(calibrated["basis"]) == {"interpolated"}
    assert (calibrated["tpot_ms_mean_lo"] < calibrated["tpot_ms_mean"]).all()
    listed = json.loads(run("--list", "--json").output)
    assert [(item["model"], item["device"], item["engine"]) for item in listed] == [(MODEL, HARDWARE, "vllm")]
    assert run("--remove", "--model", MODEL).exit_code == 0
    pd.testing.assert_frame_equal(budsim.predict(points(others)), shipped)


def test_a_dry_run_keeps_nothing(run, tmp_path):
    file = tmp_path / "runs.csv"
    measured(LOADS).to_csv(file, index=False)
    answer = run(file, "--dry-run", "--json")
    assert answer.exit_code == 0, answer.output
    document = json.loads(answer.output)
    assert document["calibrations"][0]["kept"] is False
    assert len(document["runs"]) == len(LOADS)
    assert all(row["before"]["tpot_ms_mean"] != row["after"]["tpot_ms_mean"] for row in document["runs"])
    assert "nothing is kept" in run("--list").output


def test_what_the_file_does_not_state_is_asked_for(run, tmp_path):
    file = tmp_path / "runs.csv"
    measured(LOADS).drop(columns=["hardware", "engine"]).to_csv(file, index=False)
    answer = run(file)
    assert answer.exit_code == 3
    assert "hardware, engine missing" in answer.output


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ('{"hello": 1}', [], "hello"),
        ("", [], "empty"),
        ("model,isl,osl,concurrency,ttft_ms_mean\nx,1,1,1,nan\n", [], "ttft_ms_mean"),
        ("model,isl,osl,concurrency,ttft_ms_mean\nx,1,1,1,5\n", ["--set", "colour=red"], "colour"),
        ("model,isl,osl,concurrency,ttft_ms_mean\nx,1,1,1,5\n", ["--set", "colour"], "COLUMN=VALUE"),
    ],
)
def test_wrong_input_ends_with_2_and_names_the_field(run, tmp_path, content, options, words):
    file = tmp_path / "runs.json"
    file.write_text(content)
    answer = run(file, *options)
    assert answer.exit_code == 2
    assert words in answer.output


def test_without_a_file_it_says_what_it_needs(run):
    assert run().exit_code == 2
    assert run("--remove").exit_code == 2


def test_a_file_given_twice_counts_once(run, tmp_path):
    file, copy = tmp_path / "runs.csv", tmp_path / "copy.csv"
    for path in (file, copy):
        measured(LOADS).to_csv(path, index=False)
    done = run(file, copy, "--dry-run", "--json")
    answer = json.loads(done.output)
    assert [item["num_points"] for item in answer["calibrations"]] == [len(LOADS)]
    assert len(answer["refused"]) == len(LOADS)
    assert all("counts once" in reason for reason in answer["refused"])
