"""Trained models: verified before use, refused with the reason when touched, side by side by version."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from budsim.commons.config import settings
from budsim.commons.errors import InvalidRequestError
from budsim.commons.resources import shipped_path
from budsim.perf_model.residual_features import FEATURE_VERSION, FEATURES
from budsim.simulator.heuristic import HeuristicPredictor
from budsim.simulator.model_cache import (
    MANIFEST,
    ModelFilesError,
    cache_status,
    find_version,
    installed_models,
    read_models,
)
from budsim.simulator.predictors import make_predictor
from budsim.simulator.regressor import RegressorPredictor

SHIPPED = shipped_path("cache") / "pretrained_models"


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the shipped models, as ``MODEL_CACHE_DIR``."""
    root = tmp_path / "models"
    shutil.copytree(SHIPPED, root)
    monkeypatch.setenv("MODEL_CACHE_DIR", str(root))
    settings.cache_clear()
    yield root
    settings.cache_clear()


def rewrite(path: Path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def a_cell(root: Path) -> Path:
    return sorted(root.glob("*/*/regressor_tpot_ms_mean.ubj"))[0].parent


def test_everything_shipped_is_verified_and_small():
    models = read_models(SHIPPED)
    assert ("vllm", "cuda") in models.cells
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*")) < 20_000_000
    assert not list(SHIPPED.rglob("*.pkl"))


def test_a_cell_with_too_little_data_ships_no_residual():
    for path in SHIPPED.glob("*/*/manifest.json"):
        manifest = json.loads(path.read_text())
        earned = manifest["training"]["points"] >= 200 and manifest["training"]["model_families"] >= 3
        assert manifest["status"] == ("residual" if earned else "physics"), path
        assert bool(manifest["residuals"]) == earned
        assert bool(list(path.parent.glob("regressor_*.ubj"))) == earned
        assert manifest["training"]["predicted_points"] == 0


def test_what_a_cell_never_measured_has_the_error_bars_of_the_unmeasured():
    models = read_models(SHIPPED)
    batches_only = models.cells["vllm", "rocm"]
    for metric in ("ttft_ms_mean", "tpot_ms_mean"):
        name = f"regressor_{metric}"
        assert name not in batches_only.widths
        np.testing.assert_array_equal(batches_only.factors[name], models.fallback.factors[name])
    own = "regressor_static_e2e_s"
    assert (batches_only.factors[own] != models.fallback.factors[own]).any()


def test_a_fallback_that_lacks_a_metric_is_refused(copy):
    fallback = json.loads((copy / MANIFEST).read_text())["fallback"]
    fallback["factors"].pop("regressor_tpot_ms_mean")
    rewrite(copy / MANIFEST, fallback=fallback)
    with pytest.raises(ModelFilesError, match="regressor_tpot_ms_mean missing"):
        installed_models()


def test_a_tampered_file_is_named(copy):
    path = a_cell(copy) / "regressor_tpot_ms_mean.ubj"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelFilesError, match=r"regressor_tpot_ms_mean\.ubj.*SHA-256"):
        installed_models()


def test_a_changed_manifest_is_named(copy):
    rewrite(a_cell(copy) / MANIFEST, shrink={})
    with pytest.raises(ModelFilesError, match=r"manifest\.json.*SHA-256"):
        installed_models()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"feature_version": FEATURE_VERSION + 1}, f"version {FEATURE_VERSION + 1}.*has {FEATURE_VERSION}"),
        ({"cells": {"../../etc": "0"}}, "engine/device type"),
        ({"cells": {"vllm/nothing": "0"}}, "cannot be read"),
        ({"cells": 7}, "manifest"),
        ({"fallback": {}}, "manifest"),
    ],
)
def test_a_wrong_top_manifest_is_refused(copy, changes, told):
    rewrite(copy / MANIFEST, **changes)
    with pytest.raises(ModelFilesError, match=told):
        installed_models()


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000])
def test_a_manifest_that_is_none_is_refused(copy, content):
    (copy / MANIFEST).write_text(content)
    with pytest.raises(ModelFilesError):
        installed_models()


def test_a_missing_folder_is_an_error_for_the_regressor_and_the_heuristic_answers_without_intervals(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("BENCHMARK_PREDICTOR_MODELS_DIR", str(tmp_path / "nothing"))
    settings.cache_clear()
    try:
        with pytest.raises(ModelFilesError, match="heuristic"):
            make_predictor("regressor")
        assert isinstance(make_predictor("heuristic"), HeuristicPredictor)
        status = cache_status()
        assert (status["usable"], status["versions"]) == (False, [])
    finally:
        settings.cache_clear()


def test_versions_lie_side_by_side_and_a_setting_rolls_back(copy, monkeypatch):
    current = find_version().version
    older = copy / "versions" / "older"
    shutil.copytree(SHIPPED, older)
    rewrite(older / MANIFEST, model_version="f1-older")
    assert find_version().version == current
    assert find_version("f1-older").root == older
    assert isinstance(make_predictor("regressor", "f1-older"), RegressorPredictor)
    monkeypatch.setenv("REGRESSOR_MODEL_VERSION", "f1-older")
    settings.cache_clear()
    assert [item.version for item in map(find_version, (None, current))] == ["f1-older", current]
    assert [entry["is_current"] for entry in cache_status()["versions"]] == [True, False]
    monkeypatch.setenv("REGRESSOR_MODEL_VERSION", "f1-gone")
    settings.cache_clear()
    with pytest.raises(ModelFilesError, match="f1-gone"):
        find_version()


def test_an_unknown_version_names_the_known_ones():
    with pytest.raises(InvalidRequestError, match=find_version().version):
        find_version("f0-never")


def test_loaded_trees_answer_the_same_in_any_batch():
    cell = installed_models().cells["vllm", "cuda"]
    features = np.random.default_rng(1).normal(size=(50, len(FEATURES)))
    trees = cell.residuals["tpot_ms_mean"]
    whole = trees.predict(features)
    assert whole.tolist() == [float(trees.predict(row[None, :])[0]) for row in features]
