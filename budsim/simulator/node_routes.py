"""Routes for deployments on chosen nodes: which layouts are possible, and one stated layout, ready to launch."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field

from budsim.commons.catalogs import hardware_catalog
from budsim.commons.errors import UnavailableError
from budsim.engine_ops.lookup import look_up_engines
from budsim.perf_model.workload import Workload
from budsim.simulator import node_configurations as nodes
from budsim.simulator.request_schemas import MAX_INTEGER, RequestModel
from budsim.simulator.routes import service_of
from budsim.simulator.schemas import FIELD_ERRORS, ErrorResponse, NodeGroupConfiguration, ResponseModel
from budsim.simulator.search_backend import resolve_model
from budsim.simulator.services import SimulationService
from budsim.simulator.simulation_request import MAX_CONCURRENCY, MAX_TOKENS

MAX_HOSTS = 10_000

router = APIRouter(
    prefix="/simulator",
    tags=["simulator"],
    responses={
        400: {"model": ErrorResponse, "description": "The request cannot be served; the message says why."},
        401: {"model": ErrorResponse, "description": "No token, or a wrong one."},
        **FIELD_ERRORS,
        503: {"model": ErrorResponse, "description": "No cluster is known, or their store does not answer."},
    },
)


class NodeQuery(RequestModel):
    """A model and a load on chosen nodes of one cluster."""

    model_id: str = Field(
        min_length=1,
        max_length=1024,
        description="The caller's id of the model: a UUID that PUT /models mapped, a hub id or a folder.",
        examples=["0b4a1c5e-1d0f-4a86-9d1e-0a4f5a1c9b11"],
    )
    cluster_id: UUID = Field(description="The cluster.", examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"])
    hostnames: list[str] = Field(
        min_length=1, max_length=MAX_HOSTS, description="Nodes, by name or id.", examples=[["gpu-1"]]
    )
    hardware_mode: Literal["dedicated", "shared"] = Field(
        "dedicated", description="Whole devices, or what is left.", examples=["dedicated"]
    )
    input_tokens: int = Field(1024, ge=1, le=MAX_TOKENS, description="Mean prompt length, tokens.", examples=[1024])
    output_tokens: int = Field(512, ge=1, le=MAX_TOKENS, description="Mean answer length, tokens.", examples=[512])
    concurrency: int = Field(10, ge=1, le=MAX_CONCURRENCY, description="Requests in flight at once.", examples=[10])
    model_max_context_length: int | None = Field(
        None, ge=1, le=MAX_TOKENS, description="Longest sequence to serve, tokens.", examples=[8192]
    )
    model_endpoints: str | None = Field(
        None, max_length=255, description="Comma list of EMBEDDING, LLM, AUDIO, CLASSIFY, RERANK.", examples=["LLM"]
    )


class NodeConfigurationsRequest(NodeQuery):
    """Which layouts are possible."""

    model_uri: str | None = Field(
        None,
        min_length=1,
        max_length=1024,
        description="Hub id or folder; null = what ``model_id`` is mapped to.",
        examples=["Qwen/Qwen3-8B"],
    )


class BenchmarkConfigRequest(NodeQuery):
    """One stated layout."""

    model_uri: str = Field(min_length=1, max_length=1024, description="Hub id or folder.", examples=["Qwen/Qwen3-8B"])
    device_type: str = Field(
        min_length=1, max_length=20, description="cuda, rocm, hpu, cpu or cpu_high.", examples=["cuda"]
    )
    tp_size: int = Field(ge=1, le=MAX_INTEGER, description="Tensor parallel devices of one stage.", examples=[2])
    pp_size: int = Field(1, ge=1, le=MAX_INTEGER, description="Pipeline stages of one replica.", examples=[1])
    replicas: int = Field(1, ge=1, le=MAX_INTEGER, description="Replicas.", examples=[1])


class NodeModelInfo(ResponseModel):
    """The model that is placed."""

    model_id: str = Field(description="The caller's id.", examples=["0b4a1c5e-1d0f-4a86-9d1e-0a4f5a1c9b11"])
    model_name: str | None = Field(None, description="As the catalogue calls it.", examples=["Qwen/Qwen3-8B"])
    model_uri: str | None = Field(None, description="Hub id or folder.", examples=["Qwen/Qwen3-8B"])
    estimated_weight_memory_gb: float = Field(description="All weights, GB.", examples=[16.4])
    min_tp_for_model: int = Field(1, description="Least tensor parallel devices over the device types.", examples=[1])


class LayoutOption(ResponseModel):
    """One layout that fits."""

    tp_size: int = Field(description="Tensor parallel devices of one stage.", examples=[2])
    pp_size: int = Field(description="Pipeline stages.", examples=[1])
    max_replicas: int = Field(description="Replicas that can be placed at once.", examples=[4])
    total_devices_needed: int = Field(description="Devices of one replica.", examples=[2])
    description: str = Field(description="In words.", examples=["TP 2, PP 1: 2 devices a replica"])
    replicas_for_concurrency: int | None = Field(
        description="Fewest replicas whose memory holds the concurrency; null = all of them do not.", examples=[1]
    )


class NodeDeviceConfiguration(ResponseModel):
    """The layouts of one group of equal devices."""

    device_type: str = Field(description="Device type.", examples=["cuda"])
    device_name: str = Field(description="As the cluster calls it.", examples=["NVIDIA-A100-SXM4-80GB"])
    device_model: str | None = Field(None, description="Model of the device.", examples=["A100"])
    total_devices: int = Field(description="Free devices on the nodes.", examples=[8])
    nodes_count: int = Field(description="Nodes that have one.", examples=[1])
    max_devices_per_node: int = Field(description="Free devices of the best node.", examples=[8])
    memory_per_device_gb: float = Field(description="Usable memory of one device, GB.", examples=[80.0])
    tp_pp_options: list[LayoutOption] = Field(description="Layouts that fit.")
    min_tp_required: int = Field(1, description="Least tensor parallel devices of these.", examples=[1])
    supports_pipeline_parallelism: bool = Field(
        description="The engine splits this model into stages there.", examples=[True]
    )


class NodeConfigurationsResponse(ResponseModel):
    """What may be deployed on the nodes."""

    object: Literal["node_configurations"] = Field(
        "node_configurations", description="Kind of object.", examples=["node_configurations"]
    )
    cluster_id: str = Field(description="The cluster.", examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"])
    model_info: NodeModelInfo = Field(description="The model.")
    device_configurations: list[NodeDeviceConfiguration] = Field(description="By group of equal devices.")
    selected_nodes: list[str] = Field(description="The active nodes among those named.", examples=[["gpu-1"]])
    hardware_mode: str = Field(description="dedicated or shared.", examples=["dedicated"])
    left_out: list[str] = Field(
        description="Hosts and devices that were left out, and why.", examples=[["gpu-2: not active."]]
    )


class BenchmarkConfigResponse(ResponseModel):
    """One deployment, ready to launch; its performance is what the benchmark is to find out."""

    model_config = ConfigDict(protected_namespaces=())

    object: Literal["benchmark_config"] = Field(
        "benchmark_config", description="Kind of object.", examples=["benchmark_config"]
    )
    cluster_id: str = Field(description="The cluster.", examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"])
    model_id: str = Field(
        description="The caller's id of the model.", examples=["0b4a1c5e-1d0f-4a86-9d1e-0a4f5a1c9b11"]
    )
    node_groups: list[NodeGroupConfiguration] = Field(description="One group.")


def _question(service: SimulationService, body: NodeQuery, model_uri: str | None) -> nodes.NodeQuestion:
    """Return the question that a body asks.

    Raises:
        BudSimError: The model or the cluster is not known.
    """
    mapped = service.model_target(body.model_id)
    name = model_uri or mapped
    clusters, problems = service.clusters.load(service.principal).parsed()
    if not clusters and not problems:
        raise UnavailableError("No cluster is known; import them with PUT /clusters.", {"field": "cluster_id"})
    config = service.config
    arch = resolve_model([name])
    found = look_up_engines(config.bud_connect_url, arch.architectures, name, body.model_endpoints)
    return nodes.NodeQuestion(
        model_id=body.model_id,
        model_name=name,
        arch=arch,
        cluster=nodes.find_cluster(clusters, str(body.cluster_id)),
        hostnames=tuple(dict.fromkeys(body.hostnames)),
        workload=Workload(body.input_tokens, body.output_tokens, concurrency=body.concurrency),
        hardware_mode=body.hardware_mode,
        max_context_tokens=body.model_max_context_length,
        skip_master_node_for_cpu=config.skip_master_node_for_cpu,
        images=config.engine_images(),
        looked_up=found.options,
    )


@router.post("/node-configurations", summary="Layouts that fit on chosen nodes")
def node_configurations(request: Request, body: NodeConfigurationsRequest) -> NodeConfigurationsResponse:
    """Return every TP x PP that fits the free devices of the nodes, and how many replicas of each."""
    question = _question(service_of(request), body, body.model_uri)
    found: dict[str, Any] = nodes.node_configurations(question, hardware_catalog())
    return NodeConfigurationsResponse.model_validate(found)


@router.post("/benchmark-config", summary="One stated deployment on chosen nodes")
def benchmark_config(request: Request, body: BenchmarkConfigRequest) -> BenchmarkConfigResponse:
    """Return what launches the deployment, once it is known to fit."""
    question = _question(service_of(request), body, body.model_uri)
    found = nodes.benchmark_configuration(
        question,
        hardware_catalog(),
        device_type=body.device_type,
        tp_size=body.tp_size,
        pp_size=body.pp_size,
        replicas=body.replicas,
    )
    return BenchmarkConfigResponse.model_validate(found)
