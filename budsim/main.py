"""The composition root: which adapters the service runs on is decided here and nowhere else."""

from __future__ import annotations

import gc
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from anyio import CapacityLimiter
from fastapi import Depends, FastAPI
from sqlalchemy.engine import URL
from starlette.concurrency import run_in_threadpool

from budsim.benchmarks.routes import router as benchmark_router
from budsim.benchmarks.services import BenchmarkService
from budsim.commons import health, security, telemetry
from budsim.commons.access import Authoriser, configured_authoriser
from budsim.commons.api_docs import serve_docs
from budsim.commons.config import AppSettings, settings
from budsim.commons.database import open_database
from budsim.commons.errors import UnavailableError
from budsim.commons.http_errors import install_error_handlers
from budsim.commons.logs import configure_logging
from budsim.commons.notifications import Publisher, RecordedOnly
from budsim.commons.query_fields import known_query_fields
from budsim.commons.workflow_engine import WorkflowEngine
from budsim.engine_ops.routes import router as engine_router
from budsim.hardware_ops.routes import router as hardware_router
from budsim.model_ops.calculator_routes import router as calculator_router
from budsim.model_ops.routes import router as model_router
from budsim.simulator.activities import RunActivities, SearchBackend
from budsim.simulator.cluster_document import parse_clusters
from budsim.simulator.cluster_source import ClusterSource, read_document
from budsim.simulator.event_routes import event_router
from budsim.simulator.history_routes import router as history_router
from budsim.simulator.live_prices import price_provider
from budsim.simulator.model_routes import router as model_cache_router
from budsim.simulator.node_routes import router as node_router
from budsim.simulator.optimize_routes import router as optimize_router
from budsim.simulator.routes import cluster_router, router, workflow_router
from budsim.simulator.search_backend import CoreBackend
from budsim.simulator.services import RunWaiters, SimulationService
from budsim.simulator.sizing_routes import router as sizing_router
from budsim.simulator.workflows import RUN_SIMULATION, run_simulation
from budsim.usecases.recommendation_routes import READERS
from budsim.usecases.recommendation_routes import router as recommendation_router
from budsim.usecases.routes import router as use_case_router
from budsim.usecases.seeds import store_shipped
from budsim.usecases.warm_up import shared_advisor, warm_up

if TYPE_CHECKING:
    from budsim.commons.dapr import Sidecar

logger = logging.getLogger(__name__)

# How long a thread may keep the interpreter to itself while others want it; Python's own 5 ms is what every wait of a
# request costs while many workflow steps run beside it.
_SWITCH_S = 0.001
_WARM_UP_WAIT_S = 15.0  # several times what it takes; requests that come sooner do the work themselves
_WORKER_WAIT_S = 60.0  # twice what a wedged sidecar takes to be noticed, ended, started again and connected


@dataclass(frozen=True, slots=True)
class OpenService:
    """A service that runs, and its counters."""

    service: SimulationService
    metrics: health.Metrics


@contextmanager
def open_service(
    config: AppSettings, metrics: health.Metrics, backend: SearchBackend | None = None
) -> Iterator[SimulationService]:
    """Start everything behind the routes, and stop it afterwards.

    Args:
        config: The settings.
        metrics: Counters.
        backend: The core; None = the real one, with its worker processes.
    """
    _require_readable_clusters(config)
    core: CoreBackend | None = None
    with ExitStack() as stack:
        if backend is None:
            backend = core = CoreBackend(config)
            stack.callback(core.stop)
        database = stack.enter_context(open_database(config))
        store_shipped(database)
        if stack.enter_context(telemetry.exported_traces(config)):
            from budsim.commons.tracing import trace_queries

            for pool in (database.engine, database.reading_engine):
                stack.callback(trace_queries(pool))
        sidecar = _sidecar(config, stack)
        publisher = _publisher(config, sidecar)
        clusters = ClusterSource(database, config.cluster_info_file, sidecar, config.cluster_info_state_key)
        waiters = RunWaiters()

        def on_end(workflow_id: str, status: str, seconds: float) -> None:
            metrics.runs.labels(status).inc()
            metrics.run_seconds.observe(seconds)
            logger.info("Run %s: %s after %.1f s", workflow_id, status, seconds)
            waiters.wake(workflow_id)

        pubsub = sidecar.components.get("pubsub") if sidecar is not None else None
        activities = RunActivities(database, backend, clusters, publisher, on_end)
        engine = _workflow_engine(config, sidecar, database.url)
        elsewhere = {} if core is None else {"compute": core.compute}
        service = SimulationService(config, database, engine, clusters, waiters, backend.workers, pubsub, **elsewhere)
        metrics.runs_active.set_function(service.count_active)
        metrics.show_accuracy(BenchmarkService(service).accuracy()[0])
        by_name = {name: telemetry.traced(name, activity) for name, activity in activities.by_name().items()}
        engine.start({RUN_SIMULATION: run_simulation}, by_name)
        stack.callback(engine.stop)
        stack.callback(activities.stop)
        _watch_workers(sidecar, stack)
        if waiting := service.recover():
            logger.info("%d unfinished runs go on", waiting)
        if core is not None:
            core.start()
        yield service


def _publisher(config: AppSettings, sidecar: Sidecar | None) -> Publisher:
    if sidecar is None:
        return RecordedOnly()
    from budsim.commons.dapr import DaprPublisher

    return DaprPublisher(sidecar, config)


def _sidecar(config: AppSettings, stack: ExitStack) -> Sidecar | None:
    """Return the Dapr sidecar, None where there is none.

    Raises:
        UnavailableError: ``WORKFLOW_ENGINE=dapr`` and it does not answer.
    """
    required = config.workflow_engine == "dapr"
    if required and config.dapr_http_port is None:
        raise UnavailableError("WORKFLOW_ENGINE=dapr needs DAPR_HTTP_PORT.", {"field": "DAPR_HTTP_PORT"})
    if config.dapr_http_port is None or config.workflow_engine == "embedded":
        return None
    from budsim.commons.dapr import Sidecar

    sidecar = Sidecar(config)
    stack.callback(sidecar.close)
    if sidecar.wait_until_ready(60.0 if required else config.dapr_wait_seconds):
        sidecar.register()
        return sidecar
    if required:
        raise UnavailableError(f"The Dapr sidecar does not answer on port {config.dapr_http_port}.")
    logger.warning("No Dapr sidecar answers on port %s; going on without it", config.dapr_http_port)
    return None


def _workflow_engine(config: AppSettings, sidecar: Sidecar | None, url: URL) -> WorkflowEngine:
    if sidecar is not None:
        from budsim.commons.dapr_workflows import DaprWorkflowEngine

        return DaprWorkflowEngine(config)
    from budsim.commons.durable import EmbeddedWorkflowEngine

    return EmbeddedWorkflowEngine(url, exclusive=config.uses_embedded_postgres)


def _watch_workers(sidecar: Sidecar | None, stack: ExitStack) -> None:
    """See to it that the sidecar has this process's workflow worker, now and later.

    Raises:
        UnavailableError: It does not take the worker, nor does a new sidecar.
    """
    if sidecar is None or not sidecar.reports_workers():
        return
    from budsim.commons.dapr_watch import WorkerWatch

    watch = WorkerWatch(sidecar)
    watch.wait_until_connected(_WORKER_WAIT_S)
    stack.enter_context(watch)


def create_app(
    config: AppSettings | None = None,
    backend: SearchBackend | None = None,
    opened: OpenService | None = None,
    authoriser: Authoriser | None = None,
) -> FastAPI:
    """Return the application.

    Args:
        config: The settings; None = of this process.
        backend: The core; None = the real one.
        opened: A service that runs already; None = one starts and stops with the application.
        authoriser: Who tells callers apart; None = what the settings say.

    Raises:
        InvalidRequestError: The settings of access cannot be used.
    """
    config = config or settings()
    authoriser = authoriser or configured_authoriser(config)
    metrics = opened.metrics if opened else health.Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if opened is not None:
            app.state.service = opened.service
            yield
            return
        with ExitStack() as stack:
            app.state.service = await run_in_threadpool(stack.enter_context, open_service(config, metrics, backend))
            yield
            await run_in_threadpool(stack.close)

    app = FastAPI(
        title=config.app_name,
        version=version("budsim"),
        description="Predicts how an LLM deployment will perform, and finds the one that meets your targets.",
        lifespan=lifespan,
        openapi_url="/openapi.json" if config.namespace.upper() != "PRODUCTION" or config.debug else None,
        docs_url=None,
        redoc_url=None,
        servers=[{"url": "."}],  # relative to this document, so behind a proxy's prefix as well
    )
    if app.openapi_url is not None:
        serve_docs(app)
    app.state.metrics = metrics
    app.state.advisor = shared_advisor()
    app.state.warm_up = None
    app.state.readers = CapacityLimiter(READERS)
    app.state.prices = price_provider(
        config.price_service_url, config.price_service_timeout_seconds, config.price_service_cache_seconds
    )
    install_error_handlers(app)
    app.add_middleware(security.JsonBodyMiddleware)
    app.add_middleware(security.BodyLimitMiddleware, max_bytes=config.max_body_bytes)
    also_open = frozenset() if config.metrics_need_token else frozenset({"/metrics"})
    rate_limit = security.RateLimit(config.rate_limit_per_minute)
    app.add_middleware(security.AccessMiddleware, authoriser=authoriser, also_open=also_open, rate_limit=rate_limit)
    app.add_middleware(health.MetricsMiddleware, metrics=metrics)
    app.add_middleware(telemetry.RequestContextMiddleware)
    if config.otel_exporter_otlp_endpoint is not None:
        telemetry.trace_requests(app)
    simulator_routers = (
        router,
        optimize_router,
        sizing_router,
        history_router,
        node_router,
        workflow_router,
        cluster_router,
        event_router,
    )
    model_routers = (model_cache_router, model_router, calculator_router)
    use_case_routers = (use_case_router, hardware_router, benchmark_router)
    # The largest answers come first: a request is compared with one path after another until one fits.
    app.include_router(health.router)
    for included in (
        recommendation_router,
        *simulator_routers,
        *model_routers,
        engine_router,
        *use_case_routers,
    ):
        app.include_router(included, dependencies=[Depends(known_query_fields)])
    if config.dashboard:
        from budsim.dashboard.mount import mount_dashboard

        mount_dashboard(app)
    return app


def run_server(host: str | None = None, port: int | None = None, clusters_file: Path | None = None) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        BudSimError: The settings do not allow it, or something it needs is not there.
    """
    configure_logging(settings())
    config = _configured()
    host, port = host or config.listen_host, port or config.app_port
    security.require_safe_host(host, config)
    authoriser = configured_authoriser(config)
    require_free_port(host, port)
    signal.signal(signal.SIGTERM, _exit)  # what is open closes on the way out, whenever the signal comes
    sys.setswitchinterval(_SWITCH_S)
    metrics = health.Metrics()
    preparation = warm_up()
    prepared = preparation.prepare()  # while the database starts
    with open_service(config, metrics) as service:
        if clusters_file is not None:
            count = service.clusters.replace(read_document(clusters_file))
            logger.info("%d clusters imported from %s", count, clusters_file)
        app = create_app(config, opened=OpenService(service, metrics), authoriser=authoriser)
        app.state.warm_up = preparation
        prepared.join(_WARM_UP_WAIT_S)
        gc.freeze()  # what is loaded stays: no collection has to walk it again
        logger.info("BudSim %s on http://%s:%d", app.version, host, port)
        uvicorn.run(app, host=host, port=port, log_config=None, access_log=config.debug)


def _configured() -> AppSettings:
    """Return the settings, completed from Dapr's secret store where they say so."""
    if settings().dapr_secrets is None:
        return settings()
    from budsim.commons.dapr_secrets import settings_with_secrets

    return settings_with_secrets()


def require_free_port(host: str, port: int) -> None:
    """Check that this address can be listened on, before anything is started for it.

    Raises:
        UnavailableError: Somebody else listens there, or the address is not of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise UnavailableError(
            f"Cannot listen on {host}:{port}: {error.strerror or error}. Stop what listens there, or choose another "
            "port with --port or APP_PORT.",
            {"field": "APP_PORT"},
        ) from error


def _require_readable_clusters(config: AppSettings) -> None:
    """Check the file that clusters are to come from.

    Raises:
        BudSimError: It is not there, cannot be read, or is no cluster document.
    """
    if config.cluster_info_file is not None:
        parse_clusters(read_document(config.cluster_info_file))


def _exit(_signal: int, _frame: object) -> None:
    sys.exit(0)


if __name__ == "__main__":
    run_server()
