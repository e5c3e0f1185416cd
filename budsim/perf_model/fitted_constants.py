"""Constants found by ``scripts/fit_step_time.py``."""

from __future__ import annotations

FITTED: dict[tuple[str, str, str], dict[str, float]] = {}
