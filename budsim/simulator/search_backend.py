"""The core behind a run: models and datasheets from the catalogues, searches in worker processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from budsim.commons.config import AppSettings
from budsim.commons.errors import UnknownModelError
from budsim.commons.search_pool import SearchPool, default_workers
from budsim.commons.telemetry import record_span
from budsim.engine_ops.lookup import look_up_engines
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.simulator import search_worker
from budsim.simulator.cluster_source import KnownClusters
from budsim.simulator.hardware import PriceBasis
from budsim.simulator.live_prices import price_provider
from budsim.simulator.pricing import LivePrices
from budsim.simulator.simulation import TaskPlan, plan_tasks
from budsim.simulator.simulation_request import JobKind, SimulationRequest

COMPUTE_SECONDS = 240.0  # a fit of many runs of long prompts at high concurrency


class CoreBackend:
    """The ``SearchBackend`` of the service."""

    def __init__(self, config: AppSettings) -> None:
        self._config = config
        self.workers = config.search_workers or default_workers()
        self._prices = price_provider(
            config.price_service_url, config.price_service_timeout_seconds, config.price_service_cache_seconds
        )
        self._pool = SearchPool(self.workers, search_worker.PRELOAD)

    def start(self) -> None:
        """Start the workers; they warm up while the service goes on."""
        self._pool.start(search_worker.warm_up)

    def stop(self) -> None:
        """End the workers."""
        self._pool.stop()

    def worker_ids(self) -> list[int]:
        """Return the process ids of the workers."""
        return self._pool.worker_ids()

    def plan(
        self, request: SimulationRequest, known: KnownClusters, models: Sequence[str]
    ) -> tuple[TaskPlan, Sequence[str]]:
        """Return the searches of a request, and what is wrong with clusters that cannot be read."""
        from budsim.commons.catalogs import hardware_catalog
        from budsim.model_ops.services import memory_basis

        proprietary = request.job is not None and request.job.kind is JobKind.PROPRIETARY
        arch = None if proprietary else resolve_model(models)
        clusters, problems = known.parsed()
        # The last name is the hub's, where the first is a folder.
        url = self._config.bud_connect_url if arch is not None and request.job is None else None
        found = look_up_engines(url, arch.architectures if arch else (), models[-1], request.model_endpoints)
        plan = plan_tasks(
            request,
            clusters,
            arch=arch,
            catalog=hardware_catalog(),
            images=self._config.engine_images(),
            looked_up=found.options,
            live_prices=self.live_prices(request.price_basis),
        )
        if arch is not None:
            plan = replace(plan, assumptions={**plan.assumptions, **memory_basis(arch.name)})
        if found.note is not None:
            plan = replace(plan, assumptions={**plan.assumptions, "engines": found.note})
        return plan, [f"{problem.path}: {problem.reason}" for problem in problems]

    def live_prices(self, basis: PriceBasis) -> LivePrices:
        """Return prices of today, as far as somebody is configured who knows them."""
        from budsim.commons.catalogs import hardware_catalog

        return self._prices.prices(basis, hardware_catalog())

    def search(
        self,
        task: dict[str, Any],
        method: str,
        timeout_s: float,
        *,
        run_id: str,
        is_over: Callable[[], bool],
        on_progress: Callable[[float], None],
    ) -> dict[str, Any]:
        """Return the outcome of one task, computed in a worker."""
        found = self._pool.run(
            search_worker.search,
            task,
            method,
            timeout_s=timeout_s,
            key=run_id,
            is_over=is_over,
            on_progress=on_progress,
        )
        record_span("search", **found.pop("work"), task_key=str(task["task_key"]), candidates=found["num_evaluated"])
        return found

    def compute(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return ``function(*arguments)``, computed in a worker.

        Raises:
            SimulationTimeoutError: It took longer than ``COMPUTE_SECONDS``.
        """
        return self._pool.run(function, *arguments, timeout_s=COMPUTE_SECONDS)


def resolve_model(names: Sequence[str]) -> ModelArchitecture:
    """Return the architecture of the first name that is known.

    Raises:
        BudSimError: None of them is; the first name's reason.
    """
    from budsim.model_ops.services import service_library

    library = service_library()
    first_error: UnknownModelError | None = None
    for name in names:
        try:
            return library.resolve(name)
        except UnknownModelError as error:
            first_error = first_error or error
    raise first_error or UnknownModelError("No model is named.", {"field": "model"})
