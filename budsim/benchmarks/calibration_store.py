"""Calibrations of step constants in one JSON file of the user's data folder."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from budsim.commons.config import settings
from budsim.commons.errors import BudSimError, UnavailableError
from budsim.perf_model.calibration import Calibration
from budsim.simulator.calibrated import CalibratedPredictor
from budsim.simulator.candidate import Predictor

FILE_NAME = "step_calibrations.json"
_MAX_CALIBRATIONS = 2000
_MAX_BYTES = 20_000_000


class CalibrationFile:
    """Calibrations, one per model, device, engine and kind of load.

    Args:
        path: The file; created when the first one is kept.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> list[Calibration]:
        """Return what is kept, oldest first.

        Raises:
            UnavailableError: The file cannot be read.
        """
        try:
            if self._path.stat().st_size > _MAX_BYTES:
                raise UnavailableError(f"{self._path} is larger than {_MAX_BYTES} bytes: remove it")
            return [Calibration.from_dict(item) for item in json.loads(self._path.read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []
        except UnavailableError:
            raise
        except (OSError, ValueError, TypeError, BudSimError) as problem:
            raise UnavailableError(f"the calibrations in {self._path} cannot be read: {problem}") from problem

    def keep(self, calibrations: Iterable[Calibration]) -> None:
        """Keep calibrations; older ones of the same keys are replaced.

        Raises:
            UnavailableError: The file cannot be read or written.
        """
        known = {item.key: item for item in self.all()}
        for item in calibrations:
            known.pop(item.key, None)
            known[item.key] = item
        self._write(list(known.values())[-_MAX_CALIBRATIONS:])

    def remove(self, model: str, device: str | None = None, engine: str | None = None) -> list[Calibration]:
        """Remove those of a model (on one device, under one engine where they are named); return them."""
        known = self.all()
        gone = [
            item
            for item in known
            if item.model.lower() == model.lower()
            and device in (None, item.device)
            and (engine is None or item.engine == engine.lower())
        ]
        if gone:
            self._write([item for item in known if item not in gone])
        return gone

    def _write(self, calibrations: list[Calibration]) -> None:
        draft = self._path.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps([item.to_dict() for item in calibrations], indent=1), encoding="utf-8")
            draft.replace(self._path)
        except OSError as problem:
            raise UnavailableError(f"{self._path} cannot be written: {problem.strerror}") from problem


def with_user_calibrations(predictor: Predictor) -> Predictor:
    """Return a predictor that also knows this user's calibrations; itself where there are none."""
    known = user_calibrations().all()
    return CalibratedPredictor(predictor, known) if known else predictor


def user_calibrations() -> CalibrationFile:
    """Return the file of this user."""
    return CalibrationFile(settings().data_dir / FILE_NAME)
