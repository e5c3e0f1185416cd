"""Error bars of single measured cases: how much wider or narrower than those of its kind a case's own errors ask for.

Conformal intervals hold on average over all points; a case whose errors are larger than its features tell would be
covered too seldom. So each measured case on each number of devices has factors of its own (Mondrian calibration), drawn
to 1 where few of its errors are known. Source: Vovk, Gammerman, Shafer 2005, "Algorithmic Learning in a Random World",
chapter 4.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from budsim.perf_model.novelty import IDENTITY, TOLERANCE
from budsim.perf_model.residual_features import FEATURES, FloatArray

_COLUMNS = [FEATURES.index(name) for name in (*IDENTITY, "log_tp")]


def case_keys(features: FloatArray) -> NDArray[np.int64]:
    """Return what makes the case of each point and its number of devices, shape (n, k), comparable as it is.

    Args:
        features: Shape (n, len(FEATURES)).
    """
    return np.round(features[:, _COLUMNS] / TOLERANCE).astype(np.int64)


@dataclass(frozen=True)
class CaseWidths:
    """Factors on half widths.

    Attributes:
        keys: Cases as ``case_keys`` writes them, shape (c, k).
        factors: By ``<method>_<metric>``, one per case, shape (c,).
    """

    keys: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, len(_COLUMNS)), dtype=np.int64))
    factors: Mapping[str, FloatArray] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> CaseWidths:
        """Return the factors that ``to_dict`` wrote.

        Raises:
            ValueError: The lists do not fit each other, or a factor is no number > 0.
        """
        keys = np.asarray(stored["keys"], dtype=np.int64).reshape(-1, len(_COLUMNS))
        factors = {str(name): np.asarray(values, dtype=np.float64) for name, values in stored["factors"].items()}
        for name, values in factors.items():
            if values.shape != (len(keys),) or not (np.isfinite(values) & (values > 0)).all():
                raise ValueError(f"case_widths.{name}: needs a number > 0 for each of {len(keys)} cases")
        return cls(keys, factors)

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists."""
        return {
            "keys": self.keys.tolist(),
            "factors": {name: values.round(4).tolist() for name, values in self.factors.items()},
        }

    def log_factor(self, name: str, features: FloatArray) -> FloatArray:
        """Return the logarithm of each point's factor, 0 where its case has none.

        Args:
            name: ``<method>_<metric>``.
            features: Shape (n, len(FEATURES)).
        """
        if name not in self.factors or not len(self.keys):
            return np.zeros(len(features))
        asked, members = np.unique(case_keys(features), axis=0, return_inverse=True)
        # Rounding may tip at an edge: one unit of tolerance apart is the same case.
        same = (np.abs(asked[:, None, :] - self.keys[None, :, :]) <= 1).all(axis=2)
        logs = np.where(same.any(axis=1), np.log(self.factors[name])[same.argmax(axis=1)], 0.0)
        return np.asarray(logs[members.ravel()], dtype=np.float64)
