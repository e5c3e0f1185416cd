"""``budsim.size`` and ``budsim.capacity``: sizing both ways without server or database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from budsim.benchmarks.calibration_store import with_user_calibrations
from budsim.commons.catalogs import hardware_catalog
from budsim.commons.config import settings
from budsim.commons.errors import InvalidRequestError, NotFoundError
from budsim.library import ClusterSource, live_prices, load_clusters
from budsim.model_ops.services import default_library, memory_basis
from budsim.perf_model.workload import LoadMode, SloTargets, Workload
from budsim.simulator import capacity as capacity_search
from budsim.simulator import sizing as size_search
from budsim.simulator.predictors import make_predictor
from budsim.simulator.questions import on_prem_terms
from budsim.simulator.search_space import SearchLimits
from budsim.simulator.simulation import plan_tasks
from budsim.simulator.simulation_request import SimulationRequest
from budsim.simulator.sizing_questions import DEFAULT_DEVICES, plan_sizing

Json = dict[str, Any]


def size(
    model: str,
    *,
    devices: Sequence[str] | None = None,
    concurrency: int | None = None,
    request_rate: float | None = None,
    goal: str = "cheapest",
    max_devices: int = 1024,
    method: str | None = None,
    **question: Any,
) -> Json:
    """Return the smallest deployment of ``model`` that meets the targets, on every device type, best first.

    Args:
        model: Hub id, alias, or a folder with a config.json.
        devices: Devices to compare, in any spelling; None = the usual data-centre devices.
        concurrency: Requests in flight; 10 if neither is given.
        request_rate: Requests per second (Poisson arrivals) instead.
        goal: ``cheapest`` or ``fewest``.
        max_devices: Most devices of one type.
        method: ``regressor`` or ``heuristic``; None = the default method.
        question: See ``_question``.

    Returns:
        ``deployments``, ``not_met``, ``assumptions``, ``reasons``.

    Raises:
        BudSimError: A value cannot be served; the message names the field and the remedy.
    """
    if concurrency is not None and request_rate is not None:
        raise InvalidRequestError("Give concurrency or request_rate, not both.", {"field": "request_rate"})
    if not 1 <= max_devices <= size_search.MAX_DEVICES:
        text = f"max_devices must be between 1 and {size_search.MAX_DEVICES}, not {max_devices}."
        raise InvalidRequestError(text, {"field": "max_devices"})
    users = None if request_rate is not None else 10 if concurrency is None else concurrency
    request = _question(model, users, request_rate, question)
    predictor = make_predictor(method, request.model_version)
    arch, catalog = default_library().resolve(model), hardware_catalog()
    plan = plan_sizing(
        request,
        arch,
        [catalog.match(name).spec for name in devices or DEFAULT_DEVICES],
        max_devices,
        images=settings().engine_images(),
        live_prices=live_prices(request.price_basis),
    )
    found = size_search.size(plan.tasks, with_user_calibrations(predictor), goal=goal)
    return {**found, "assumptions": {**memory_basis(arch.name), **plan.assumptions}, "reasons": list(plan.reasons)}


def capacity(
    model: str,
    *,
    clusters: ClusterSource = None,
    cluster_id: str | None = None,
    load: str = "concurrency",
    method: str | None = None,
    hardware_mode: str = "dedicated",
    devices: Sequence[str] = (),
    **question: Any,
) -> Json:
    """Return the most traffic of every cluster that meets the targets, best first.

    Args:
        model: Hub id, alias, or a folder with a config.json.
        clusters: As ``budsim.simulate``.
        cluster_id: Only this cluster.
        load: ``concurrency`` or ``request_rate``: what is counted.
        method: ``regressor`` or ``heuristic``; None = the default method.
        hardware_mode: dedicated | shared.
        devices: Only devices with one of these in their name.
        question: See ``_question``.

    Returns:
        ``unit``, ``clusters``, ``assumptions``, ``reasons``.

    Raises:
        BudSimError: A value cannot be served; the message names the field and the remedy.
    """
    if load not in ("concurrency", "request_rate"):
        raise InvalidRequestError("load must be concurrency or request_rate.", {"field": "load"})
    known, problems, assumptions = load_clusters(clusters)
    told = [f"{problem.path}: {problem.reason}" for problem in problems]
    if not known:
        why = "; ".join(told) or "the list is empty"
        raise InvalidRequestError(f"there is no usable cluster: {why}.", {"field": "clusters"})
    if cluster_id is not None and cluster_id not in {cluster.cluster_id for cluster in known}:
        raise NotFoundError(f"cluster_id {cluster_id} is not among the clusters given.", {"field": "cluster_id"})
    extra = {"cluster_id": cluster_id, "hardware_mode": hardware_mode, "device_names": tuple(devices)}
    request = _question(model, 1, None, question, extra)
    predictor = make_predictor(method, request.model_version)
    arch = default_library().resolve(model)
    plan = plan_tasks(
        request,
        known,
        arch=arch,
        catalog=hardware_catalog(),
        images=settings().engine_images(),
        live_prices=live_prices(request.price_basis),
    )
    found = capacity_search.capacity(plan.tasks, with_user_calibrations(predictor), is_rate=load == "request_rate")
    basis = {**assumptions, **memory_basis(arch.name), **plan.assumptions}
    return {**found, "assumptions": basis, "reasons": [*plan.reasons, *told]}


_TARGETS = ("ttft_ms", "ttft_percentile", "throughput_per_user_tps", "e2e_latency_s", "e2e_p99_s", "output_tps")


def _question(
    model: str,
    concurrency: int | None,
    rate: float | None,
    given: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
) -> SimulationRequest:
    """Return the question of both.

    Keywords: ``input_tokens`` (1024), ``output_tokens`` (512); targets ``ttft_ms`` at ``ttft_percentile``,
    ``throughput_per_user_tps``, ``e2e_latency_s`` (median), ``e2e_p99_s``, ``output_tps``; ``high_availability``
    (one replica may be lost), ``max_usd_per_hour``, ``max_devices_per_replica``, ``max_replicas``, ``price_basis``,
    ``engines``, ``engine_version``, ``precisions``, ``model_version``.

    Raises:
        InvalidRequestError: There is no such keyword.
    """
    rest = dict(given)
    lengths = (rest.pop("input_tokens", 1024), rest.pop("output_tokens", 512))
    mode = LoadMode.CLOSED_LOOP if rate is None else LoadMode.POISSON
    targets = SloTargets(**{name: rest.pop(name) for name in _TARGETS if rest.get(name)})
    limits = {name: rest.pop(name, None) for name in ("max_usd_per_hour", "max_devices_per_replica", "max_replicas")}
    spare = 1 if rest.pop("high_availability", False) else 0
    stated = {name: rest.pop(name) for name in ("engine_version", "model_version") if rest.get(name)}
    for name in ("engines", "precisions"):
        if rest.get(name):
            stated[name] = tuple(rest.pop(name))
    basis = rest.pop("price_basis", None) or settings().price_basis
    unknown = sorted(name for name, value in rest.items() if value not in (None, 0, ()) or name not in _KNOWN)
    if unknown:
        raise InvalidRequestError(f"unknown: {', '.join(unknown)}.", {"field": unknown[0]})
    if limits["max_usd_per_hour"] is not None and not limits["max_usd_per_hour"] > 0:
        text = f"max_usd_per_hour must be above 0, not {limits['max_usd_per_hour']:g}: nothing is free."
        raise InvalidRequestError(text, {"field": "max_usd_per_hour"})
    return SimulationRequest(
        model_id=model,
        workload=Workload(*lengths, mode, concurrency=concurrency, request_rate=rate),
        targets=targets,
        limits=SearchLimits(spare_replicas=spare, **limits),
        price_basis=basis,
        on_prem=on_prem_terms(settings()),
        skip_master_node_for_cpu=settings().skip_master_node_for_cpu,
        **stated,
        **(extra or {}),
    )


_KNOWN = frozenset((*_TARGETS, "engines", "precisions", "engine_version", "model_version"))
