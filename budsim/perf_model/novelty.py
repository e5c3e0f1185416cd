"""How far a point lies from what was measured: known case, recombination, new model, new device, or both new.

A case is a model's shape, the formats of its weights and cache, a device, and whether the load is served or one static
batch. All of it is read from the columns of ``residual_features``, so a renamed checkpoint is the case that it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from budsim.perf_model.residual_features import FEATURES, FloatArray

LEVELS = ("known", "recombined", "new_model", "new_hardware", "new_both")
KNOWN, RECOMBINED, NEW_MODEL, NEW_HARDWARE, NEW_BOTH = range(len(LEVELS))
_MODEL = (
    "static_batch", "log_experts", "latent_attention", "windowed_share", "log_hidden_size", "log_active_parameters",
    "log_heads_per_kv_head",
)  # fmt: skip
_DEVICE = ("static_batch", "log_bandwidth", "log_link_bandwidth")
_FORMAT = ("bytes_per_parameter", "kv_element_bytes", "log_flops_per_byte")
_RANGE = ("log_isl", "log_osl", "log_running", "log_tp")
IDENTITY = tuple(dict.fromkeys((*_MODEL, *_DEVICE, *_FORMAT)))
# Equal within rounding: two figures of one datasheet differ by more.
TOLERANCE = 0.01
# Of a measured point: the same lengths and layout, the load within a tenth.
_SAME_POINT = 0.1

IntArray = NDArray[np.int64]


def _columns(names: Sequence[str]) -> list[int]:
    return [FEATURES.index(name) for name in names]


def _within(values: FloatArray, known: FloatArray) -> NDArray[np.bool_]:
    """Return whether each row of ``values`` (n, k) equals each row of ``known`` (c, k): shape (n, c)."""
    equal: NDArray[np.bool_] = np.all(np.abs(values[:, None, :] - known[None, :, :]) <= TOLERANCE, axis=2)
    return equal


@dataclass(frozen=True, slots=True)
class Novelty:
    """Distance of n points from the measured cases.

    Attributes:
        levels: Index into LEVELS, shape (n,).
        excess: Natural-log units by which lengths, load and TP leave the ranges of the case, shape (n,); 0 where the
            case is not known.
    """

    levels: IntArray
    excess: FloatArray


@dataclass(frozen=True)
class KnownCases:
    """The measured cases of one cell.

    Attributes:
        identity: What makes a case, shape (c, len(IDENTITY)).
        low: Smallest value of each range column, shape (c, 4).
        high: Largest, shape (c, 4).
    """

    identity: FloatArray
    low: FloatArray
    high: FloatArray

    @classmethod
    def of(cls, features: FloatArray) -> KnownCases:
        """Return the cases of measured points.

        Args:
            features: Shape (n, len(FEATURES)), n >= 0.
        """
        keys = np.round(features[:, _columns(IDENTITY)] / TOLERANCE).astype(np.int64)
        _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        ranged = features[:, _columns(_RANGE)]
        members = [inverse.ravel() == case for case in range(len(first))]
        low = np.array([ranged[rows].min(axis=0) for rows in members]).reshape(-1, len(_RANGE))
        high = np.array([ranged[rows].max(axis=0) for rows in members]).reshape(-1, len(_RANGE))
        return cls(features[first][:, _columns(IDENTITY)], low, high)

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> KnownCases:
        """Return the cases that ``to_dict`` wrote.

        Raises:
            ValueError: The lists do not fit each other.
        """
        shapes = {"identity": len(IDENTITY), "low": len(_RANGE), "high": len(_RANGE)}
        arrays = {name: np.asarray(stored[name], dtype=np.float64).reshape(-1, width) for name, width in shapes.items()}
        if len({len(values) for values in arrays.values()}) != 1:
            raise ValueError("cases: identity, low and high differ in length")
        return cls(**arrays)

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists."""
        return {name: getattr(self, name).round(6).tolist() for name in ("identity", "low", "high")}

    def novelty(self, features: FloatArray) -> Novelty:
        """Return how far each point lies from the cases.

        Args:
            features: Shape (n, len(FEATURES)).
        """
        count = len(features)
        if not len(self.identity):
            return Novelty(np.full(count, NEW_BOTH), np.zeros(count))
        place = {name: index for index, name in enumerate(IDENTITY)}
        known_model, known_device = (
            _within(features[:, _columns(names)], self.identity[:, [place[name] for name in names]]).any(axis=1)
            for names in (_MODEL, _DEVICE)
        )
        same = _within(features[:, _columns(IDENTITY)], self.identity)
        ranged = features[:, _columns(_RANGE)][:, None, :]
        outside = (np.maximum(0.0, self.low - ranged) + np.maximum(0.0, ranged - self.high)).sum(axis=2)
        excess = np.where(same, outside, np.inf).min(axis=1)
        levels = np.select(
            [np.isfinite(excess), known_model & known_device, known_device, known_model],
            [KNOWN, RECOMBINED, NEW_MODEL, NEW_HARDWARE],
            NEW_BOTH,
        )
        return Novelty(levels.astype(np.int64), np.where(np.isfinite(excess), excess, 0.0))


def between(novelty: Novelty, by_level: FloatArray) -> FloatArray:
    """Return each point's value of a table by level; beyond its ranges a known case fades into a recombination.

    Args:
        novelty: Of n points.
        by_level: One value per level, shape (5,).
    """
    fade = np.exp(-novelty.excess)
    plain = by_level[novelty.levels]
    return np.where(
        novelty.levels == KNOWN, by_level[RECOMBINED] + (by_level[KNOWN] - by_level[RECOMBINED]) * fade, plain
    )


def basis(novelty: Novelty, has_measurements: bool) -> list[str]:
    """Return on what each answer rests: measured | interpolated | extrapolated | analytic.

    Args:
        novelty: Of n points.
        has_measurements: Whether the engine was measured on this type of device at all.
    """
    words = []
    for level, excess in zip(novelty.levels, novelty.excess, strict=True):
        if level == NEW_BOTH or not has_measurements:
            words.append("analytic")
        elif level != KNOWN or excess > _SAME_POINT:
            words.append("extrapolated")
        else:
            words.append("interpolated")
    return words
