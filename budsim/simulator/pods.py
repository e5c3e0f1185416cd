"""What launches a deployment, and the pod of one replica, whatever form it is written in. Pure.

Input is what BudSim answers: a ``NodeGroupConfiguration`` (``deployment.node_group_configuration``, or an entry of
``node_groups`` from the service). Everything else (ports, probes, volumes) is the engines' and the platforms' own
convention: vLLM's and SGLang's ``/health``, a memory-backed ``/dev/shm`` for the workers' shared memory, device
resources by the names of the vendors' device plugins.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from budsim.commons.errors import InvalidRequestError, UnsupportedError
from budsim.engine_ops import ParserQuery, command_line, extra_args, litellm
from budsim.engine_ops.base import ArgumentValue

PORTS = {"vllm": 8000, "sglang": 30000, "latentbud": 8000, "litellm": 4000}
DEVICE_RESOURCES = {"cuda": "nvidia.com/gpu", "rocm": "amd.com/gpu", "hpu": "habana.ai/gaudi"}
# Host memory beside the device: pinned buffers and the Python workers; at least the shared memory below.
HOST_GIB_PER_DEVICE = 16
SHARED_MEMORY_GIB = 8
CPU_OVERHEAD_SHARE = 1.1  # a CPU engine's process beside weights and cache
# A model of a hundred GB takes many minutes to load; until then the pod is starting, not broken.
STARTUP_SECONDS, PROBE_PERIOD_SECONDS = 3600, 10
TOKEN_SECRET = "hf-token"  # noqa: S105 - the name of a secret, not one
MAX_NAME = 52  # of a DNS label's 63, so that what controllers append still fits
ADAPTER_RANK = 256  # the rank that ``max_loras`` was counted for

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that launching needs.

    Attributes:
        name: A DNS label.
        command: Words of the command of a replica on one node; empty = the image's own entry point.
        args: The engine's arguments behind the command.
        devices: Devices of one replica; 0 on CPU.
        pods: Equal processes, each on one node, that one replica is started as.
        nodes: Nodes that one replica lies on.
        memory_gb: Memory of one device that is needed, GB.
        cores: CPU cores of one replica; None = not limited.
    """

    name: str
    engine: str
    model: str
    image: str
    command: tuple[str, ...]
    envs: Mapping[str, str]
    device_type: str
    devices: int
    tp_size: int
    pp_size: int
    replicas: int
    port: int
    memory_gb: float
    cores: int | None = None
    args: Mapping[str, ArgumentValue] = field(default_factory=dict)
    version: str | None = None
    pods: int = 1
    nodes: int = 1

    @property
    def devices_per_pod(self) -> int:
        """Devices that one pod asks for."""
        return self.devices // self.pods

    @property
    def is_cpu(self) -> bool:
        """Whether replicas run on CPU sockets."""
        return self.device_type.startswith("cpu")


def deployment_of(group: Mapping[str, Any], *, with_parsers: bool = True, with_loras: bool = False) -> Deployment:
    """Return the deployment of a node group.

    Args:
        group: A ``NodeGroupConfiguration``.
        with_parsers: Switch the tool-call and reasoning parsers and the chat template on that go with the model.
        with_loras: Switch LoRA on, for as many adapters as fit.

    Raises:
        InvalidRequestError: No image or no model is named, or the engine refuses an argument.
    """
    engine, args = str(group["engine_type"]), dict(group["args"])
    model = args.get("model") or args.get("model-path") or args.get("model-id")
    if engine == "llmc":
        text = "A quantisation job is started by the platform; there is no server to render."
        raise UnsupportedError(text, {"field": "engine_type"})
    if not group.get("image"):
        raise InvalidRequestError("The configuration names no container image.", {"field": "image"})
    if not model:
        raise InvalidRequestError("The configuration names no model.", {"field": "args"})
    version = group.get("engine_version")
    port = PORTS.get(engine, 8000)
    if engine in ("vllm", "sglang"):
        args |= extra_args(engine, _wanted_extras(group, with_parsers, with_loras))
        args |= {"host": "0.0.0.0", "port": port, "served-model-name": str(model)}  # noqa: S104 - inside a container
    if engine == "litellm":
        args["port"] = port
    devices = 0 if str(group["type"]).startswith("cpu") else group["tp_size"] * group["pp_size"]
    return Deployment(
        name=dns_label(str(model)),
        engine=engine,
        model=str(model),
        image=str(group["image"]),
        command=tuple(command_line(engine, args, version)),
        envs={name: str(value) for name, value in group["envs"].items()},
        device_type=str(group["type"]),
        devices=devices,
        tp_size=group["tp_size"],
        pp_size=group["pp_size"],
        replicas=group["replicas"],
        port=port,
        memory_gb=float(group["memory"]),
        cores=group.get("cores"),
        args=args,
        version=version,
        pods=_pods(group),
        nodes=int(group.get("nodes_spanned") or 1),
    )


def _pods(group: Mapping[str, Any]) -> int:
    """Return the pods of a replica; a group that only says how many nodes it spans gets one a stage."""
    pods = int(group.get("pods_per_replica") or 1)
    if pods == 1 and int(group.get("nodes_spanned") or 1) > 1:
        return int(group["pp_size"])
    return pods


def _wanted_extras(group: Mapping[str, Any], with_parsers: bool, with_loras: bool) -> ParserQuery:
    parsers = group if with_parsers else {}
    return ParserQuery(
        version=group.get("engine_version"),
        tool_call_parser=parsers.get("tool_calling_parser_type"),
        reasoning_parser=parsers.get("reasoning_parser_type"),
        chat_template=parsers.get("chat_template"),
        max_loras=group.get("max_loras") if with_loras else None,
        max_lora_rank=ADAPTER_RANK,
    )


def pod_labels(deployment: Deployment) -> dict[str, str]:
    """Return the labels of every object and pod of a deployment."""
    return {"app.kubernetes.io/name": deployment.name, "app.kubernetes.io/managed-by": "budsim"}


def dns_label(text: str) -> str:
    """Return a Kubernetes name from a model's: the part after the organisation, lower case, letters, digits, dashes."""
    tail = text.rstrip("/").rsplit("/", 1)[-1].lower()
    label = re.sub(r"[^a-z0-9]+", "-", tail)[:MAX_NAME].strip("-")
    return label if label[:1].isalpha() else f"model-{label}".rstrip("-")


def pod_spec(
    deployment: Deployment,
    container_name: str | None = None,
    command: Sequence[str] | None = None,
    *,
    serves: bool = True,
) -> Manifest:
    """Return the pod of one replica, or of a part of it.

    Args:
        deployment: What it runs.
        container_name: None = the engine's name.
        command: None = the deployment's own.
        serves: It answers requests: it has the port and the probes.
    """
    container: Manifest = {
        "name": container_name or deployment.engine,
        "image": deployment.image,
        "env": [*({"name": name, "value": value} for name, value in deployment.envs.items()), _token()],
        "resources": resources(deployment),
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],  # noqa: S108 - of the container
    }
    if deployment.engine == "litellm":
        container["envFrom"] = [{"secretRef": {"name": litellm.KEYS_SECRET, "optional": True}}]
    if serves:
        probe = _probe(deployment.engine)
        container |= {
            "ports": [{"name": "http", "containerPort": deployment.port, "protocol": "TCP"}],
            "startupProbe": {**probe, "failureThreshold": STARTUP_SECONDS // PROBE_PERIOD_SECONDS},
            "readinessProbe": probe,
            "livenessProbe": {**probe, "failureThreshold": 6},
        }
    words = list(deployment.command if command is None else command)
    if words:
        container["command"] = words
    shared = {"medium": "Memory", "sizeLimit": f"{SHARED_MEMORY_GIB}Gi"}
    return {"containers": [container], "volumes": [{"name": "shm", "emptyDir": shared}]}


def _token() -> Manifest:
    source = {"secretKeyRef": {"name": TOKEN_SECRET, "key": "token", "optional": True}}
    return {"name": "HF_TOKEN", "valueFrom": source}


def health_path(engine: str) -> str:
    """Return where an engine says that it lives. LiteLLM's ``/health`` calls the vendor, at its price."""
    return "/health/liveliness" if engine == "litellm" else "/health"


def _probe(engine: str) -> Manifest:
    get = {"path": health_path(engine), "port": "http"}
    return {"httpGet": get, "periodSeconds": PROBE_PERIOD_SECONDS, "timeoutSeconds": 5}


def resources(deployment: Deployment) -> Manifest:
    """Return requests and limits of one pod: whole devices, or the memory and cores of a CPU replica."""
    if deployment.is_cpu:
        gib = math.ceil(deployment.memory_gb * deployment.tp_size * 1e9 / 2**30 * CPU_OVERHEAD_SHARE)
        memory = {"memory": f"{gib + SHARED_MEMORY_GIB}Gi"}
        cores = {"cpu": str(deployment.cores)} if deployment.cores else {}
        return {"requests": {**cores, **memory}, "limits": {**cores, **memory}}
    memory = {"memory": f"{HOST_GIB_PER_DEVICE * deployment.devices_per_pod + SHARED_MEMORY_GIB}Gi"}
    devices = {DEVICE_RESOURCES[deployment.device_type]: str(deployment.devices_per_pod)}
    return {"requests": {**memory, **devices}, "limits": devices}
