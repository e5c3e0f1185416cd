"""Runs that were asked for, and everything that one of them found."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field

from budsim.simulator.request_schemas import MAX_INTEGER
from budsim.simulator.routes import WorkflowId, error_answers, service_of
from budsim.simulator.run_schemas import RunStatus
from budsim.simulator.schemas import ClusterMetrics, DeploymentConfigurationResponse, ResponseModel

MAX_RUNS_A_PAGE = 200

router = APIRouter(prefix="/simulator", tags=["simulator"], responses=error_answers(401, 429))


class RunSummary(ResponseModel):
    """One run in the history."""

    workflow_id: UUID = Field(description="The run.", examples=["8900717f-3ec0-4df8-8993-54083b020c69"])
    status: RunStatus = Field(description="Its status.", examples=["COMPLETED"])
    created: int = Field(description="When it was asked for, seconds since the epoch.", examples=[1706000000])
    duration_seconds: float = Field(description="How long it has run, or ran.", examples=[0.92])
    model: str = Field(description="Model, as the caller named it.", examples=["meta-llama/Llama-3.1-8B-Instruct"])
    method: str = Field(description="regressor or heuristic.", examples=["heuristic"])
    objective: str | None = Field(description="What the best answer is best at.", examples=["cost"])
    input_tokens: float | None = Field(description="Mean prompt length, tokens.", examples=[1024])
    output_tokens: float | None = Field(description="Mean answer length, tokens.", examples=[512])
    concurrency: int | None = Field(description="Requests in flight.", examples=[10])
    cluster_id: str | None = Field(description="The only cluster that was asked about; null = all.", examples=[None])
    hardware_mode: str | None = Field(description="dedicated or shared.", examples=["dedicated"])
    allow_disaggregated: bool = Field(
        False, description="Deployments of two pools, prefill and decode, were looked at too.", examples=[False]
    )
    target_ttft: float | None = Field(description="TTFT at most, ms.", examples=[500])
    target_throughput_per_user: float | None = Field(description="Tokens/s of one user at least.", examples=[20])
    target_e2e_latency: float | None = Field(description="End-to-end latency at most, s.", examples=[30])
    project_id: str | None = Field(description="Project that it belongs to.", examples=["project-7"])


class RunHistory(ResponseModel):
    """One page of the history, newest first."""

    object: Literal["run_history"] = Field("run_history", description="Kind of object.")
    page: int = Field(description="This page, from 1.", examples=[1])
    limit: int = Field(description="Items a page.", examples=[20])
    total_items: int = Field(description="Items in all.", examples=[7])
    total_pages: int = Field(description="Pages in all.", examples=[1])
    items: list[RunSummary] = Field(description="The runs of this page.")


class FoundConfiguration(ClusterMetrics):
    """One configuration that a run found and kept."""

    config_id: str = Field(description="Identifies the configuration in feedback.", examples=["17"])
    pareto: bool = Field(
        description="No other configuration of the run is at least as good in latency, throughput and cost at once.",
        examples=[True],
    )
    intervals: dict[str, tuple[float, float]] = Field(
        default_factory=dict,
        description="80 % intervals by figure: ttft_ms_mean, tpot_ms_mean, e2e_s_mean, output_tps.",
        examples=[{"ttft_ms_mean": [70.1, 103.0]}],
    )


class FoundConfigurations(ResponseModel):
    """Everything that a run found and kept."""

    object: Literal["configurations"] = Field("configurations", description="Kind of object.")
    workflow_id: UUID = Field(description="The run.", examples=["8900717f-3ec0-4df8-8993-54083b020c69"])
    items: list[FoundConfiguration] = Field(description="Best first.")


@router.get("/runs", summary="The runs so far, newest first")
def runs(
    request: Request,
    page: Annotated[int, Query(description="From 1.", ge=1, le=MAX_INTEGER // MAX_RUNS_A_PAGE, examples=[1])] = 1,
    limit: Annotated[int, Query(description="Items a page.", ge=1, le=MAX_RUNS_A_PAGE, examples=[20])] = 20,
) -> RunHistory:
    """Return one page of the caller's runs."""
    items, total = service_of(request).history(page, limit)
    page_of: dict[str, Any] = {"page": page, "limit": limit, "total_items": total, "items": items}
    return RunHistory.model_validate({**page_of, "total_pages": math.ceil(total / limit)})


@router.get("/runs/{workflow_id}", summary="What a run was asked", responses=error_answers(404))
def one_run(request: Request, workflow_id: WorkflowId) -> RunSummary:
    """Return one line of the history."""
    return RunSummary.model_validate(service_of(request).asked(workflow_id))


@router.get(
    "/results/{workflow_id}/configurations",
    summary="Every configuration that a run kept",
    responses=error_answers(404),
)
def found_configurations(request: Request, workflow_id: WorkflowId) -> FoundConfigurations:
    """Return the kept configurations, best first, with those marked that no other beats."""
    items = service_of(request).found(workflow_id)
    return FoundConfigurations.model_validate({"workflow_id": workflow_id, "items": items})


@router.get(
    "/results/{workflow_id}/configurations/{config_id}",
    summary="How to launch one configuration that a run kept",
    responses=error_answers(404),
)
def launch_of(
    request: Request,
    workflow_id: WorkflowId,
    config_id: Annotated[
        int, Path(description="As in the list of the run's configurations.", ge=1, le=MAX_INTEGER, examples=[17])
    ],
) -> DeploymentConfigurationResponse:
    """Return its node groups, as ``POST /simulator/configurations`` does for the best one."""
    return DeploymentConfigurationResponse.model_validate(service_of(request).launch_of(workflow_id, config_id))
