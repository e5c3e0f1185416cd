"""The composition behind ``import budsim``: catalogues, model lookup and predictor, without server or database."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from budsim.benchmarks.calibration_store import FILE_NAME as CALIBRATIONS
from budsim.benchmarks.calibration_store import with_user_calibrations
from budsim.commons.catalogs import hardware_catalog
from budsim.commons.config import settings
from budsim.commons.errors import InvalidRequestError, NotFoundError, PayloadTooLargeError
from budsim.commons.resources import shipped_path
from budsim.engine_ops.lookup import look_up_engines
from budsim.model_ops.services import default_library, memory_basis, memory_corrections
from budsim.perf_model.memory import CorrectionOf
from budsim.perf_model.workload import LoadMode, SloTargets, Workload
from budsim.simulator import simulation
from budsim.simulator.candidate import Predictor
from budsim.simulator.cluster_document import Cluster, ClusterProblem, parse_clusters
from budsim.simulator.hardware import PriceBasis
from budsim.simulator.predictors import chosen_method, make_predictor
from budsim.simulator.pricing import LivePrices
from budsim.simulator.questions import on_prem_terms
from budsim.simulator.search_space import EvolutionParameters, SearchLimits
from budsim.simulator.simulation_request import SimulationRequest
from budsim.simulator.topology import group_devices

if TYPE_CHECKING:
    import pandas as pd

ClusterSource = str | Path | Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

_MAX_CLUSTER_FILE_BYTES = 50_000_000  # 10,000 devices of the platform's flattened shape take about 10 MB


def simulate(
    model: str,
    *,
    clusters: ClusterSource = None,
    cluster_id: str | None = None,
    input_tokens: int = 1024,
    output_tokens: int = 512,
    concurrency: int = 10,
    ttft_ms: float | None = None,
    throughput_per_user: float | None = None,
    e2e_s: float | None = None,
    objective: str = "cost",
    hardware_mode: str = "dedicated",
    method: str | None = None,
    top_k: int = 5,
    engines: Sequence[str] = (),
    engine_version: str | None = None,
    model_endpoints: str | None = None,
    model_version: str | None = None,
    price_basis: PriceBasis | None = None,
    allow_disaggregated: bool = False,
) -> simulation.SimulationOutcome:
    """Return ranked deployments of one model on the caller's clusters.

    Args:
        model: Hub id, alias, or a folder with a config.json.
        clusters: A cluster file, or its content. None: ``CLUSTER_INFO_FILE``, else the shipped examples; the answer's
            ``assumptions`` say so.
        cluster_id: Only this cluster.
        input_tokens: Mean input length, tokens.
        output_tokens: Mean output length, tokens.
        concurrency: Concurrent requests that the deployment carries.
        ttft_ms: Target: median time to first token, ms; None or 0 = none.
        throughput_per_user: Target: output tokens/s of one request; None or 0 = none.
        e2e_s: Target: end-to-end latency of one request, s; None or 0 = none.
        objective: cost | throughput | latency | balanced: what the best answer is best at.
        hardware_mode: dedicated | shared.
        method: ``regressor`` or ``heuristic``; None = the default method.
        top_k: Configurations kept per device group.
        engines: Engines to use, most preferred first; empty = the default order.
        engine_version: Version of the engine; None = its default one.
        model_endpoints: Comma list of EMBEDDING, LLM, AUDIO, CLASSIFY, RERANK, for the engine lookup of
            ``BUD_CONNECT_URL``; None = whatever the model is for.
        model_version: Version of the trained models; None = the current one.
        price_basis: auto | on_demand | reserved_1y | reserved_3y | spot | on_prem: prices that costs rest on; None =
            ``PRICE_BASIS``.
        allow_disaggregated: Also try deployments of two pools, one that prefills and one that decodes.

    Raises:
        BudSimError: A value cannot be served; the message names the field and the remedy.
    """
    predictor = make_predictor(method, model_version)
    known, problems, assumptions = load_clusters(clusters)
    if not known:
        told = "; ".join(f"{problem.path}: {problem.reason}" for problem in problems) or "the list is empty"
        raise InvalidRequestError(f"there is no usable cluster: {told}.", {"field": "clusters"})
    if cluster_id is not None and cluster_id not in {cluster.cluster_id for cluster in known}:
        raise NotFoundError(f"cluster_id {cluster_id} is not among the clusters given.", {"field": "cluster_id"})
    arch = default_library().resolve(model)
    found = look_up_engines(settings().bud_connect_url, arch.architectures, model, model_endpoints)
    if found.note is not None:
        assumptions = {**assumptions, "engines": found.note}
    request = SimulationRequest(
        model_id=model,
        workload=Workload(input_tokens, output_tokens, LoadMode.CLOSED_LOOP, concurrency=concurrency),
        targets=SloTargets(
            ttft_ms=ttft_ms or None, throughput_per_user_tps=throughput_per_user or None, e2e_latency_s=e2e_s or None
        ),
        objective=objective,
        cluster_id=cluster_id,
        hardware_mode=hardware_mode,
        top_k=top_k,
        engines=tuple(engines),
        engine_version=engine_version,
        model_version=model_version,
        skip_master_node_for_cpu=settings().skip_master_node_for_cpu,
        assumptions=assumptions | memory_basis(arch.name),
        model_endpoints=model_endpoints,
        evolution=EvolutionParameters(
            population_size=settings().population_size, generations=settings().max_evolution_generations
        ),
        price_basis=price_basis or settings().price_basis,
        on_prem=on_prem_terms(settings()),
        limits=SearchLimits(allow_disaggregated=allow_disaggregated),
    )
    return simulation.simulate(
        request,
        known,
        resolve_model=lambda _name: arch,
        catalog=hardware_catalog(),
        predictor=with_user_calibrations(predictor),
        method=chosen_method(method),
        images=settings().engine_images(),
        looked_up=found.options,
        live_prices=live_prices(request.price_basis),
        problems=problems,
    )


def live_prices(basis: PriceBasis) -> LivePrices:
    """Return prices of today, where ``PRICE_SERVICE_URL`` names somebody who knows them."""
    if not settings().price_service_url:
        return LivePrices()
    from budsim.simulator.live_prices import price_provider

    config = settings()
    provider = price_provider(
        config.price_service_url, config.price_service_timeout_seconds, config.price_service_cache_seconds
    )
    return provider.prices(basis, hardware_catalog())


def predict(points: pd.DataFrame, method: str | None = None, model_version: str | None = None) -> pd.DataFrame:
    """Return serving metrics for a table of points; this user's calibrations are used."""
    from budsim.simulator import points_table

    predictor = with_user_calibrations(make_predictor(method, model_version))
    return points_table.predict(points, predictor=predictor, correction_of=memory_corrections())


@dataclass(frozen=True, slots=True)
class PredictionBasis:
    """What answers the points of ``predict`` and ``budsim memory``.

    Attributes:
        predictor: By the default method, with this user's calibrations.
        correction_of: What this user's start-up logs measured of a point's memory.
        method: The default method.
    """

    predictor: Predictor
    correction_of: CorrectionOf
    method: str


def current_basis() -> PredictionBasis:
    """Return what predicts now: the same object, with what it remembers, until calibrations or logs change."""
    return _basis(tuple(_stamp(settings().data_dir / name) for name in (CALIBRATIONS, "calibrations.json")))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=1)
def _basis(_stamps: tuple[tuple[int, int], ...]) -> PredictionBasis:
    return PredictionBasis(with_user_calibrations(make_predictor()), memory_corrections(), chosen_method(None))


def load_clusters(source: ClusterSource) -> tuple[tuple[Cluster, ...], tuple[ClusterProblem, ...], dict[str, str]]:
    """Return clusters, what is wrong with the unreadable ones, and what was assumed."""
    if source is None:
        path = settings().cluster_info_file or shipped_path("examples") / "clusters.json"
        clusters, problems = parse_clusters(_read_json(path))
        return clusters, problems, {"clusters": f"no cluster given: those of {path.name} were used"}
    document = _read_json(Path(source)) if isinstance(source, str | Path) else source
    clusters, problems = parse_clusters(document)
    return clusters, problems, {}


def _read_json(path: Path) -> Any:
    try:
        if path.stat().st_size > _MAX_CLUSTER_FILE_BYTES:
            text = f"{path} is larger than {_MAX_CLUSTER_FILE_BYTES // 10**6} MB; split it."
            raise PayloadTooLargeError(text, {"field": "clusters"})
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidRequestError(f"cannot read {path}: {error.strerror}.", {"field": "clusters"}) from error
    except (ValueError, RecursionError) as error:
        raise InvalidRequestError(f"{path} is not JSON: {error}.", {"field": "clusters"}) from error


def describe_clusters(clusters: ClusterSource = None, *, hardware_mode: str = "dedicated") -> dict[str, Any]:
    """Return each cluster's device groups and the devices left out, as plain values."""
    known, problems, _ = load_clusters(clusters)
    catalog = hardware_catalog()
    views = []
    for cluster in known:
        outcome = group_devices(
            cluster,
            hardware_mode=hardware_mode,
            skip_master_node_for_cpu=settings().skip_master_node_for_cpu,
            catalog=catalog,
        )
        views.append(
            {
                "cluster_id": cluster.cluster_id,
                "name": cluster.name,
                "groups": [
                    {
                        "device_type": group.device_type,
                        "device_name": group.device_name,
                        "matched": group.spec.name,
                        "matched_by": group.match_reason,
                        "devices_by_node": {node.node_name: node.free_devices for node in group.nodes},
                        "memory_gb_per_device": round(group.memory_bytes_per_device / 1e9, 3),
                    }
                    for group in outcome.groups
                ],
                "dropped": [
                    {"node": item.node, "device": item.device, "reason": item.reason} for item in outcome.dropped
                ],
            }
        )
    return {"clusters": views, "problems": [f"{item.path}: {item.reason}" for item in problems]}
