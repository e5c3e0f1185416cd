"""The physics' constants fitted without each fold, as ``fit_folds.py`` stores them."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from budsim.perf_model.engine_constants import FittedConstants

STORED = Path(__file__).resolve().parents[1] / "tests" / "accuracy" / "fold_constants.json"


@lru_cache(maxsize=1)
def _stored() -> dict[str, Any]:
    return json.loads(STORED.read_text(encoding="utf-8")) if STORED.is_file() else {}


def fold_constants(scheme: str, label: str) -> FittedConstants | None:
    """Return the constants by (engine, family, load) that were fitted without one fold; None = not fitted.

    They hold the cells of the held-out rows and what all cells share, so they serve to predict those rows only.
    """
    found = _stored().get(scheme, {}).get(label)
    return None if found is None else {tuple(key.split("|")): values for key, values in found.items()}
