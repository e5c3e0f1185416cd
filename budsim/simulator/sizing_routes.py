"""Sizing both ways: devices for a traffic, and traffic for a cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi import APIRouter, Request

from budsim.benchmarks.repository import BenchmarkRepository
from budsim.commons.catalogs import hardware_catalog
from budsim.commons.errors import IncompatibleEngineError, InvalidRequestError, NoDeviceError
from budsim.engine_ops.lookup import LookupAnswer, look_up_engines
from budsim.model_ops.services import memory_basis
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.simulator.activities import exclusions_of, nothing_to_search, with_exclusions
from budsim.simulator.body_fields import fields_of
from budsim.simulator.live_prices import PriceProvider
from budsim.simulator.model_cache import find_version
from budsim.simulator.questions import choose_method
from budsim.simulator.repository import Repository
from budsim.simulator.routes import error_answers, service_of
from budsim.simulator.search_backend import resolve_model
from budsim.simulator.services import SimulationService
from budsim.simulator.simulation import TaskPlan, plan_tasks
from budsim.simulator.simulation_request import SimulationRequest
from budsim.simulator.sizing_questions import DEFAULT_DEVICES, capacity_question, plan_sizing, sizing_question
from budsim.simulator.sizing_schemas import CapacityRequest, CapacityResponse, SizingRequest, SizingResponse, SizingRun
from budsim.simulator.sizing_worker import cluster_capacity, size_devices

Json = dict[str, Any]
router = APIRouter(prefix="/api", tags=["optimize"], responses=error_answers(400, 401, 404, 408, 413, 429, 503))


class _Asked:
    """What both routes look up before anything is searched."""

    def __init__(self, request: Request, body: SizingRun, question: SimulationRequest) -> None:
        self.service: SimulationService = service_of(request)
        self.prices: PriceProvider = request.app.state.prices
        self.project_id = self.service.project_of(body.project_id)
        model = self.service.model_target(body.model_id)
        self.question = replace(question, model_id=model)
        self.arch: ModelArchitecture = resolve_model([model])
        self.images = self.service.config.engine_images()
        self.assumptions: Json = {**question.assumptions, **memory_basis(self.arch.name)}
        self.method = choose_method(body.method, self.service.config, self.assumptions)
        if self.method == "regressor" or body.model_version:
            self.assumptions["prediction_model_version"] = find_version(body.model_version).version
        url = self.service.config.bud_connect_url
        self.engines: LookupAnswer = look_up_engines(url, self.arch.architectures, model)
        if self.engines.note is not None:
            self.assumptions["engines"] = self.engines.note

    def calibrations(self) -> list[Json]:
        """Return what was measured of the model, and say so."""
        with self.service.database.reading() as session:
            rows = BenchmarkRepository(session).calibrations([self.project_id or ""], self.arch.name)
            found = {(row.device_name, row.engine, row.load_kind): row.content for row in rows}
        if found:
            places = ", ".join(sorted({f"{item['device']} ({item['engine']})" for item in found.values()}))
            self.assumptions["calibration"] = f"step constants fitted to measured runs on {places}"
        return list(found.values())

    def told(self, plan: TaskPlan, reasons: list[str]) -> Json:
        """Return what every answer says beside its figures."""
        return {
            "model_id": self.question.model_id,
            "method": self.method.upper(),
            "assumptions": {**self.assumptions, **plan.assumptions},
            "reasons": reasons,
        }


@router.post("/sizing", summary="The fewest or cheapest devices for a traffic and its targets")
def sizing(request: Request, body: SizingRequest) -> SizingResponse:
    """Return the smallest deployment that meets the targets on every device type, best first, and what binds it."""
    catalog = hardware_catalog()
    with fields_of("sizing"):
        asked = _Asked(request, body, sizing_question(body, request.app.state.service.config))
        devices = [catalog.match(name).spec for name in body.devices or DEFAULT_DEVICES]
    plan = plan_sizing(
        asked.question,
        asked.arch,
        devices,
        body.max_devices,
        images=asked.images,
        looked_up=asked.engines.options,
        live_prices=asked.prices.prices(asked.question.price_basis, catalog),
    )
    if not plan.tasks:
        kind = IncompatibleEngineError if "no engine" in " ".join(plan.reasons) else InvalidRequestError
        raise kind(" ".join(plan.reasons), {"field": "devices", "reasons": list(plan.reasons)})
    found = asked.service.compute(size_devices, plan.tasks, asked.method, body.goal, asked.calibrations())
    told = asked.told(plan, list(plan.reasons))
    return SizingResponse.model_validate(
        {**found, **told, "goal": body.goal, "meets_targets": bool(found["deployments"])}
    )


@router.post("/capacity", summary="The most traffic of a cluster that meets the targets")
def capacity(request: Request, body: CapacityRequest) -> CapacityResponse:
    """Return the largest load of every cluster and of each of its device groups, how it is deployed, what binds it."""
    with fields_of("capacity"):
        asked = _Asked(request, body, capacity_question(body, request.app.state.service.config))
    known = asked.service.clusters.load(asked.service.principal)
    if not known.document:
        raise NoDeviceError(f"No cluster is known ({known.origin}). {known.remedy}", {"field": "clusters"})
    clusters, problems = known.parsed()
    plan = plan_tasks(
        asked.question,
        clusters,
        arch=asked.arch,
        catalog=hardware_catalog(),
        images=asked.images,
        looked_up=asked.engines.options,
        live_prices=asked.prices.prices(asked.question.price_basis, hardware_catalog()),
    )
    reasons = [*plan.reasons, *(f"{problem.path}: {problem.reason}" for problem in problems)]
    if not plan.tasks:
        raise nothing_to_search(asked.question, reasons, "capacity")
    with asked.service.database.reading() as session:
        repository = Repository(session, asked.service.principal)
        excluded = exclusions_of(repository, asked.question.model_id, asked.project_id)
    tasks = [with_exclusions(task, excluded) for task in plan.tasks]
    found = asked.service.compute(
        cluster_capacity, tasks, asked.method, body.load == "request_rate", asked.calibrations()
    )
    meets = any(cluster["load"] for cluster in found["clusters"])
    return CapacityResponse.model_validate({**found, **asked.told(plan, reasons), "meets_targets": meets})
