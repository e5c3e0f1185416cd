"""The trained models as files: UBJSON trees and manifests, verified before anything is used. Nothing is unpickled.

    <root>/manifest.json                                version, feature version, SHA-256 of every cell's manifest
    <root>/<engine>/<device type>/manifest.json         what was trained on what, errors, SHA-256 of every file
    <root>/<engine>/<device type>/regressor_<metric>.ubj
    <root>/versions/<version>/…                         other versions, the same layout

``root`` is ``BENCHMARK_PREDICTOR_MODELS_DIR``, else the folder that ships with the package. ``REGRESSOR_MODEL_VERSION``
chooses the version that answers unless a request names one: that is also how a version is rolled back.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from budsim.commons.config import settings
from budsim.commons.errors import InvalidRequestError, UnavailableError
from budsim.commons.resources import shipped_path
from budsim.perf_model.case_widths import CaseWidths
from budsim.perf_model.novelty import KnownCases
from budsim.perf_model.residual_features import FEATURE_VERSION, FEATURES, FloatArray
from budsim.simulator.regressor import METHODS, WIDTH_METRICS, CellModels, PretrainedModels, levels_of

MANIFEST = "manifest.json"
VERSIONS = "versions"
WIDTH_NAMES = tuple(f"{method}_{metric}" for method in METHODS for metric in WIDTH_METRICS)
_MAX_FILE_BYTES = 8_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class ModelFilesError(UnavailableError):
    """Trained models are missing, damaged or made for another release; the message says which file and what to do."""


class UbjTrees:
    """Trees that XGBoost saved as UBJSON.

    Args:
        content: The file's bytes.

    Raises:
        ValueError: They are no such trees, or trees of other features.
    """

    def __init__(self, content: bytes) -> None:
        import xgboost

        self._booster = xgboost.Booster({"nthread": 1})
        try:
            self._booster.load_model(bytearray(content))
        except xgboost.core.XGBoostError as error:
            raise ValueError("is not a model in XGBoost's UBJSON format") from error
        if self._booster.num_features() != len(FEATURES):
            raise ValueError(f"has {self._booster.num_features()} features, not {len(FEATURES)}")
        self._booster.set_param({"nthread": 1})

    def predict(self, features: FloatArray) -> FloatArray:
        """Return one value per row; shape (n, len(FEATURES)) in, (n,) out."""
        rows = np.ascontiguousarray(features, dtype=np.float32)
        return np.asarray(self._booster.inplace_predict(rows, validate_features=False), dtype=np.float64)


def models_root() -> Path:
    """Return the folder that the models are read from."""
    return settings().benchmark_predictor_models_dir or shipped_path("cache") / "pretrained_models"


def _problem(path: Path, what: str) -> ModelFilesError:
    remedy = "restore it, run scripts/train_performance_models.py, or use method heuristic"
    return ModelFilesError(f"{path}: {what}; {remedy}.", {"field": "method"})


def _content(path: Path, sha256: str | None) -> bytes:
    """Return a file's bytes, checked against its digest."""
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise _problem(path, f"is larger than {_MAX_FILE_BYTES // 10**6} MB")
        content = path.read_bytes()
    except OSError as error:
        raise _problem(path, f"cannot be read ({error.strerror})") from error
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise _problem(path, "does not match the SHA-256 in its manifest")
    return content


def _manifest(path: Path, sha256: str | None = None) -> dict[str, Any]:
    try:
        stored = json.loads(_content(path, sha256))
    except (ValueError, RecursionError) as error:
        raise _problem(path, "is not JSON") from error
    if not isinstance(stored, dict):
        raise _problem(path, "is not a manifest")
    if stored.get("feature_version") != FEATURE_VERSION:
        told = f"was made for features of version {stored.get('feature_version')}, this release has {FEATURE_VERSION}"
        raise _problem(path, told)
    return stored


def _cell(folder: Path, stored: Mapping[str, Any], spare: Mapping[str, FloatArray]) -> CellModels:
    """Return the models that a cell's manifest lists.

    Args:
        folder: Of the manifest.
        stored: The manifest.
        spare: Factors of the intervals that the cell has no measurements for.

    Raises:
        KeyError, TypeError, ValueError: The manifest does not say what is needed.
    """
    trees: dict[str, dict[str, UbjTrees]] = {"residuals": {}, "widths": {}}
    read: dict[str, UbjTrees] = {}
    for role, kept in trees.items():
        for name, artefact in stored.get(role, {}).items():
            if not _NAME.fullmatch(artefact["file"]):
                raise ValueError(f"{role}.{name}: a file name has no folders")
            path, digest = folder / artefact["file"], str(artefact["sha256"])
            if digest not in read:  # a cell without a residual has the same widths by both methods
                try:
                    read[digest] = UbjTrees(_content(path, digest))
                except ValueError as error:
                    raise _problem(path, str(error)) from error
            kept[name] = read[digest]
    return CellModels(
        residuals=trees["residuals"],
        widths=trees["widths"],
        factors={**spare, **{name: levels_of(table) for name, table in stored["factors"].items()}},
        shrink={name: levels_of(table) for name, table in stored.get("shrink", {}).items()},
        trust={name: float(weight) for name, weight in stored["trust"].items()},
        cases=KnownCases.from_dict(stored["cases"]),
        case_widths=CaseWidths.from_dict(stored["case_widths"]) if "case_widths" in stored else CaseWidths(),
    )


def read_models(root: Path) -> PretrainedModels:
    """Read and verify every model of one version.

    Raises:
        ModelFilesError: A file is missing, was changed, or belongs to another release.
    """
    top = root / MANIFEST
    stored = _manifest(top)
    cells: dict[tuple[str, str], CellModels] = {}
    path = top
    try:
        fallback = _cell(root, stored["fallback"], {})
        missing = set(WIDTH_NAMES) - set(fallback.factors)
        if missing:
            raise ValueError(f"fallback.factors: {', '.join(sorted(missing))} missing")
        for name, digest in stored["cells"].items():
            engine, _, device_type = name.partition("/")
            if not (_NAME.fullmatch(engine) and _NAME.fullmatch(device_type)):
                raise ValueError(f"'{name}' is not engine/device type")
            path = root / engine / device_type / MANIFEST
            cells[engine, device_type] = _cell(path.parent, _manifest(path, str(digest)), fallback.factors)
        return PretrainedModels(str(stored["model_version"]), cells, fallback)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _problem(path, f"does not say what a manifest must ({error})") from error


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version on disk.

    Attributes:
        version: As requests name it.
        root: Its folder.
        is_current: It answers unless a request names another.
    """

    version: str
    root: Path
    is_current: bool


def versions() -> list[ModelVersion]:
    """Return the versions on disk, the current one first.

    Raises:
        ModelFilesError: There are none, or the one that ``REGRESSOR_MODEL_VERSION`` names is not among them.
    """
    root = models_root()
    found = {str(_manifest(root / MANIFEST).get("model_version")): root}
    for folder in sorted((root / VERSIONS).glob("*")) if (root / VERSIONS).is_dir() else []:
        if (folder / MANIFEST).is_file():
            found.setdefault(str(_manifest(folder / MANIFEST).get("model_version")), folder)
    chosen = settings().regressor_model_version or next(iter(found))
    if chosen not in found:
        known = ", ".join(found)
        text = f"REGRESSOR_MODEL_VERSION '{chosen[:64]}' is not among the versions in {root}: {known}."
        raise ModelFilesError(text, {"field": "REGRESSOR_MODEL_VERSION"})
    ordered = [chosen, *(name for name in found if name != chosen)]
    return [ModelVersion(name, found[name], name == chosen) for name in ordered]


def find_version(version: str | None = None) -> ModelVersion:
    """Return a version on disk; None = the current one.

    Raises:
        InvalidRequestError: There is no such version.
        ModelFilesError: There are none.
    """
    known = versions()
    for item in known:
        if version in (None, item.version):
            return item
    names = ", ".join(item.version for item in known)
    text = f"model_version '{str(version)[:64]}' is not installed: {names}."
    raise InvalidRequestError(text, {"field": "model_version"})


def installed_models(version: str | None = None) -> PretrainedModels:
    """Return the verified models of a version, read once per process and again when its manifest changes.

    Args:
        version: As ``versions`` lists them; None = the current one.

    Raises:
        InvalidRequestError: There is no such version.
        ModelFilesError: Its files cannot be used.
    """
    chosen = find_version(version)
    return _read_once(chosen.root, (chosen.root / MANIFEST).stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read_once(root: Path, changed_ns: int) -> PretrainedModels:
    return read_models(root)


def cache_status() -> dict[str, Any]:
    """Return what is installed, verified: versions, their cells, what each cell was trained on and how far it is off.

    A version that cannot be used is listed with the reason.
    """
    listed: list[dict[str, Any]] = []
    answer: dict[str, Any] = {"root": str(models_root()), "feature_version": FEATURE_VERSION, "versions": listed}
    try:
        known = versions()
    except ModelFilesError as error:
        return {**answer, "usable": False, "reason": error.message}
    for item in known:
        entry: dict[str, Any] = {"version": item.version, "is_current": item.is_current, "usable": True, "reason": ""}
        try:
            read_models(item.root)
            entry["cells"] = [
                _cell_status(item.root / name / MANIFEST) for name in _manifest(item.root / MANIFEST)["cells"]
            ]
        except ModelFilesError as error:
            entry |= {"usable": False, "reason": error.message, "cells": []}
        listed.append(entry)
    return {**answer, "usable": bool(listed[0]["usable"]), "reason": listed[0]["reason"]}


def _cell_status(path: Path) -> dict[str, Any]:
    stored = _manifest(path)
    files = [artefact["file"] for role in ("residuals", "widths") for artefact in stored.get(role, {}).values()]
    kept = ("engine", "device_type", "status", "reason", "training", "errors")
    return {**{name: stored.get(name) for name in kept}, "files": files}
