"""Work done before somebody waits for it: compiled code, catalogues, the predictions of stored use cases."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections.abc import Callable, Iterable
from functools import lru_cache

from budsim.commons.catalogs import hardware_catalog
from budsim.commons.errors import BudSimError
from budsim.library import current_basis
from budsim.model_ops.services import ModelLibrary, service_library
from budsim.usecases.advisor import HardwareAdvisor
from budsim.usecases.recommendation_schemas import CATEGORIES, RecommendationQuery
from budsim.usecases.recommendations import CategoryModel, Question, recommend_models
from budsim.usecases.seeds import shipped_categories
from budsim.usecases.use_case import UseCase

logger = logging.getLogger(__name__)

_FIRST = UseCase("warm_up", "Warm-up", input_tokens_max=1024, output_tokens_max=256)


@lru_cache(maxsize=1)
def shared_advisor() -> HardwareAdvisor:
    """Return the advisor of this process."""
    return HardwareAdvisor(hardware_catalog, current_basis)


class WarmUp:
    """Prepares recommendations in the background.

    Args:
        advisor: Keeps what is worked out.
        library: Models by name.
    """

    def __init__(self, advisor: HardwareAdvisor, library: ModelLibrary) -> None:
        self._advisor = advisor
        self._library = library
        self._once = threading.Lock()
        self._begun = False

    def prepare(self) -> threading.Thread:
        """Load and compile what any recommendation needs; returns the thread that does it."""
        thread = threading.Thread(target=self._work_out, args=(_FIRST,), name="warm-up", daemon=True)
        thread.start()
        return thread

    def follow_up(self, use_cases: Callable[[], Iterable[UseCase]]) -> None:
        """Work out stored use cases after the first question, half the time, so that requests are hardly slowed.

        Args:
            use_cases: Returns them; called in the background, once in a process.
        """
        with self._once:
            if self._begun:
                return
            self._begun = True
        threading.Thread(target=self._sweep, args=(use_cases,), name="follow-up", daemon=True).start()

    def _sweep(self, use_cases: Callable[[], Iterable[UseCase]]) -> None:
        started = time.perf_counter()
        for use_case in use_cases():
            took = self._work_out(use_case)
            time.sleep(min(took, 1.0))
        gc.freeze()  # what is remembered stays: a full collection that walks it stops every request for half a second
        logger.info("Recommendations of stored use cases are prepared after %.0f s", time.perf_counter() - started)

    def _work_out(self, use_case: UseCase) -> float:
        """Work out the default question of a use case; return the seconds it took."""
        started = time.perf_counter()
        asked = RecommendationQuery()
        models = [model for name in CATEGORIES for model in self._models(name, asked.models_per_category)]
        recommend_models(use_case, models, Question(), self._advisor.now())
        return time.perf_counter() - started

    def _models(self, category: str, wanted: int) -> list[CategoryModel]:
        found = []
        for row in [row for row in shipped_categories() if row["category"] == category][:wanted]:
            checkpoint = row["checkpoint"] or row["model_id"]
            try:
                found.append(CategoryModel(category, row["model_id"], checkpoint, self._library.resolve(checkpoint)))
            except BudSimError as error:
                logger.info("%s is not prepared: %s", checkpoint, error.message)
        return found


def warm_up() -> WarmUp:
    """Return the warm-up of this process's service."""
    return WarmUp(shared_advisor(), service_library())
