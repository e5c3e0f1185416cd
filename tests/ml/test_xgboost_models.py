"""The trained models that ship: real trees, sound answers, and copies that are what was copied."""

import importlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import xgboost
from test_heuristic import serving_point

from budsim.commons.config import settings
from budsim.commons.resources import shipped_path
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.residual_features import FEATURES, PointDescriber
from budsim.perf_model.workload import LoadMode, Workload
from budsim.simulator.heuristic import HeuristicPredictor
from budsim.simulator.model_cache import MANIFEST, VERSIONS, read_models, versions
from budsim.simulator.predictors import make_predictor

ROOT = Path(__file__).parents[2]
SHIPPED = shipped_path("cache") / "pretrained_models"
TREES = sorted(SHIPPED.glob("*/*/regressor_*.ubj"))
LLAMA_70B = "meta-llama/Llama-3.1-70B-Instruct"
POINTS = [
    serving_point(load=Workload(isl, osl, concurrency=users), engine=engine, hardware=hardware)
    for engine, hardware in (("vllm", "H100 SXM 80GB"), ("trtllm", "H200 SXM 141GB"), ("sglang", "MI300X"))
    for isl, osl, users in ((1024, 1024, 1), (1024, 256, 32), (8192, 512, 8))
] + [
    serving_point(LLAMA_70B, plan=ParallelPlan(tp_size=8), load=Workload(512, 128, LoadMode.POISSON, request_rate=1.0)),
    serving_point(load=Workload(512, 1, concurrency=4)),
]


@pytest.fixture(scope="module")
def answers():
    return make_predictor("regressor").predict(POINTS)


@pytest.fixture(scope="module")
def described():
    return PointDescriber().describe(POINTS, HeuristicPredictor().predict(POINTS))


def test_the_three_metrics_of_the_design_have_trees():
    """TTFT, throughput per user and end-to-end latency, as UBJSON: nothing that has to be unpickled."""
    names = {path.name for path in TREES if path.parts[-3:-1] == ("vllm", "cuda")}
    assert {"regressor_ttft_ms_mean.ubj", "regressor_tps_per_user.ubj", "regressor_e2e_s_mean.ubj"} <= names


@pytest.mark.parametrize("path", TREES, ids=lambda path: "/".join(path.parts[-3:]))
def test_every_file_is_an_ensemble_of_these_features_with_finite_answers(path, described):
    booster = xgboost.Booster(model_file=str(path))
    assert booster.num_features() == len(FEATURES)
    assert booster.num_boosted_rounds() > 0
    values = booster.inplace_predict(described.features.astype(np.float32))
    assert np.isfinite(values).all()
    assert np.abs(values).max() < np.log(50)  # the log of measured over physics


def test_answers_respect_the_datasheet(answers, described):
    for index, (point, answer) in enumerate(zip(POINTS, answers, strict=True)):
        assert answer.ttft_ms_mean >= described.ttft_floor_ms[index]
        if point.workload.osl > 1:
            assert answer.tpot_ms_mean >= described.tpot_floor_ms[index]


def test_answers_keep_the_identities_of_a_serving(answers):
    for point, answer in zip(POINTS, answers, strict=True):
        load = point.workload
        decode_s = max(0, load.osl - 1) * answer.tpot_ms_mean / 1e3 if load.osl > 1 else 0.0
        assert answer.e2e_s_mean == pytest.approx(answer.ttft_ms_mean / 1e3 + decode_s, rel=1e-6)
        if load.load_mode is LoadMode.CLOSED_LOOP:
            assert answer.request_throughput * answer.e2e_s_mean == pytest.approx(load.concurrency, rel=1e-6)
        assert answer.output_tps == pytest.approx(answer.request_throughput * load.osl, rel=1e-6)


def test_every_answer_has_an_interval_around_it_and_a_confidence(answers):
    for answer in answers:
        assert 0 < answer.confidence <= 1
        assert answer.basis in {"measured", "interpolated", "extrapolated", "analytic"}
        for name, (low, high) in answer.intervals.items():
            assert low <= getattr(answer, name) <= high, name
        assert {"ttft_ms_mean", "e2e_s_mean"} <= answer.intervals.keys()


def test_the_residual_moves_a_measured_case_and_leaves_a_stranger_to_physics():
    known = serving_point("Qwen/Qwen3-32B", plan=ParallelPlan(tp_size=4), load=Workload(1024, 1024, concurrency=16))
    stranger = serving_point("google/gemma-2-9b-it", hardware="Tesla T4", plan=ParallelPlan(tp_size=2))
    physics = HeuristicPredictor().predict([known, stranger])
    learnt = make_predictor("regressor").predict([known, stranger])
    assert learnt[0].tpot_ms_mean != pytest.approx(physics[0].tpot_ms_mean, rel=1e-9)
    assert learnt[1].tpot_ms_mean == pytest.approx(physics[1].tpot_ms_mean, rel=1e-9)
    assert learnt[0].confidence > learnt[1].confidence


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a script's ``main`` with words and, as ``MODEL_CACHE_DIR``, a folder; returns its code and what it said."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))

    def once(name, *words, folder=None):
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, words)])
        monkeypatch.delenv("BENCHMARK_PREDICTOR_MODELS_DIR", raising=False)
        monkeypatch.setenv("MODEL_CACHE_DIR", "" if folder is None else str(folder))
        settings.cache_clear()
        return importlib.import_module(name).main(), "".join(capsys.readouterr())

    yield once
    settings.cache_clear()


@pytest.fixture
def few(tmp_path):
    """A version of one cell, so that reading it is quick."""
    root, cell = tmp_path / "few", "trtllm/cuda"
    stored = json.loads((SHIPPED / MANIFEST).read_text())
    shutil.copytree(SHIPPED / cell, root / cell)
    (root / MANIFEST).write_text(json.dumps(stored | {"cells": {cell: stored["cells"][cell]}, "model_version": "few"}))
    for path in SHIPPED.glob("*.ubj"):
        shutil.copy(path, root)
    return root


def test_an_export_is_what_was_exported_and_can_be_installed_beside_another_version(run, few, tmp_path):
    code, said = run("export_models", "--output", tmp_path / "out", folder=few)
    assert (not code, "few" in said) == (True, True)
    copied, original = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "out" / "few", few)
    )
    assert copied == original
    other = tmp_path / "other"
    shutil.copytree(few, other)
    stored = json.loads((other / MANIFEST).read_text())
    (other / MANIFEST).write_text(json.dumps(stored | {"model_version": "other"}))
    assert run("load_pretrained_models", "--from", tmp_path / "out" / "few", folder=other)[0] == 0
    assert read_models(other / VERSIONS / "few").version == "few"
    assert [item.version for item in versions()] == ["other", "few"]


def test_damaged_models_are_told_and_not_installed(run, few, tmp_path):
    (few / "trtllm/cuda" / MANIFEST).write_text("{}")
    assert run("load_pretrained_models", folder=few)[0] == 2
    good = tmp_path / "good"
    good.mkdir()
    code, said = run("load_pretrained_models", "--from", few, folder=good)
    assert (code, "manifest.json" in said) == (2, True)
    assert not list(good.rglob(MANIFEST))


def test_without_a_folder_the_models_that_ship_are_verified(run):
    code, said = run("load_pretrained_models")
    assert (code, "verified" in said) == (0, True)
