"""Which predictor answers: the method and model version asked for, else those of the settings."""

from __future__ import annotations

from budsim.commons.config import settings
from budsim.commons.errors import InvalidRequestError
from budsim.model_ops.services import memory_corrections
from budsim.simulator.candidate import Predictor
from budsim.simulator.heuristic import HeuristicPredictor
from budsim.simulator.model_cache import ModelFilesError, installed_models
from budsim.simulator.regressor import METHODS, RegressorPredictor


def chosen_method(method: str | None) -> str:
    """Return the method's own spelling; None = ``DEFAULT_SIMULATION_METHOD``.

    Raises:
        InvalidRequestError: The method does not exist.
    """
    chosen = (method or settings().default_simulation_method).lower()
    if chosen not in METHODS:
        raise InvalidRequestError(f"method '{chosen[:40]}': use one of {', '.join(METHODS)}", {"field": "method"})
    return chosen


def make_predictor(method: str | None = None, model_version: str | None = None) -> Predictor:
    """Return a new predictor; what it remembers belongs to its caller.

    Args:
        method: ``regressor`` or ``heuristic``; None = ``DEFAULT_SIMULATION_METHOD``.
        model_version: Version of the trained models; None = the current one.

    Raises:
        InvalidRequestError: No such method or version.
        ModelFilesError: The trained models cannot be used. ``heuristic`` then answers without intervals.
    """
    chosen = chosen_method(method)
    physics = HeuristicPredictor(correction_of=memory_corrections())
    try:
        models = installed_models(model_version)
    except ModelFilesError:
        if chosen == "heuristic":
            return physics
        raise
    return RegressorPredictor(models, physics, method=chosen)
