"""One deployment in the forms that launch it: a command line, docker compose, Kubernetes, KServe, llm-d. Pure.

Input is what BudSim answers: a ``NodeGroupConfiguration`` (``deployment.node_group_configuration``, or an entry of
``node_groups`` from the service). Everything else (ports, probes, volumes) is the engines' and the platforms' own
convention: vLLM's and SGLang's ``/health``, a memory-backed ``/dev/shm`` for the workers' shared memory, device
resources by the names of the vendors' device plugins.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from budsim.commons.errors import InvalidRequestError, UnsupportedError
from budsim.engine_ops import ParserQuery, command_line, extra_args

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
        command: Words of the command; empty = the image's own entry point.
        devices: Devices of one replica; 0 on CPU.
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
    if not group.get("image"):
        raise InvalidRequestError("The configuration names no container image.", {"field": "image"})
    if not model:
        raise InvalidRequestError("The configuration names no model.", {"field": "args"})
    version = group.get("engine_version")
    port = PORTS.get(engine, 8000)
    if engine in ("vllm", "sglang"):
        args |= extra_args(engine, _wanted_extras(group, with_parsers, with_loras))
        args |= {"host": "0.0.0.0", "port": port, "served-model-name": str(model)}  # noqa: S104 - inside a container
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
    )


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


def dns_label(text: str) -> str:
    """Return a Kubernetes name from a model's: the part after the organisation, lower case, letters, digits, dashes."""
    tail = text.rstrip("/").rsplit("/", 1)[-1].lower()
    label = re.sub(r"[^a-z0-9]+", "-", tail)[:MAX_NAME].strip("-")
    return label if label[:1].isalpha() else f"model-{label}".rstrip("-")


def shell_command(deployment: Deployment) -> str:
    """Return the command line of one replica, with its environment.

    Raises:
        UnsupportedError: The engine starts with its image's own entry point.
    """
    if not deployment.command:
        text = f"{deployment.engine} has no command line; use compose or kubernetes."
        raise UnsupportedError(text, {"field": "format"})
    envs = [f"{name}={shlex.quote(value)}" for name, value in deployment.envs.items()]
    return " ".join([*envs, shlex.join(deployment.command)]) + "\n"


def compose_service(deployment: Deployment) -> Manifest:
    """Return a docker compose file with the deployment as its only service.

    Several replicas leave the host port to Docker; each replica reserves its own devices.
    """
    service: Manifest = {
        "image": deployment.image,
        "environment": {**deployment.envs, "HF_TOKEN": "${HF_TOKEN:-}"},
        "ipc": "host",
        "ports": [f"{deployment.port}:{deployment.port}" if deployment.replicas == 1 else str(deployment.port)],
        "volumes": ["huggingface:/root/.cache/huggingface"],
        "healthcheck": {
            "test": ["CMD", "python3", "-c", _HEALTH.format(port=deployment.port)],
            "interval": f"{PROBE_PERIOD_SECONDS}s",
            "start_period": f"{STARTUP_SECONDS}s",
        },
    }
    if deployment.command:
        service["entrypoint"] = list(deployment.command)
    deploy: Manifest = {"replicas": deployment.replicas}
    if deployment.device_type == "cuda":
        reserved = [{"driver": "nvidia", "count": deployment.devices, "capabilities": ["gpu"]}]
        deploy["resources"] = {"reservations": {"devices": reserved}}
    elif deployment.device_type == "rocm":
        service |= {"devices": ["/dev/kfd", "/dev/dri"], "group_add": ["video"]}
    elif deployment.device_type == "hpu":
        service |= {"runtime": "habana", "cap_add": ["SYS_NICE"]}
    return {
        "services": {deployment.name: {**service, "deploy": deploy}},
        "volumes": {"huggingface": {}},
    }


_HEALTH = "import urllib.request as u; u.urlopen('http://127.0.0.1:{port}/health')"


def kubernetes_objects(deployment: Deployment) -> list[Manifest]:
    """Return a Deployment and its Service.

    Raises:
        UnsupportedError: A replica has pipeline stages on several nodes, which one pod cannot have.
    """
    labels = {"app.kubernetes.io/name": deployment.name, "app.kubernetes.io/managed-by": "budsim"}
    selector = {"app.kubernetes.io/name": deployment.name}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": deployment.name, "labels": labels},
            "spec": {
                "replicas": deployment.replicas,
                "selector": {"matchLabels": selector},
                "template": {"metadata": {"labels": labels}, "spec": pod_spec(deployment)},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": deployment.name, "labels": labels},
            "spec": {"selector": selector, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
        },
    ]


def kserve_object(deployment: Deployment) -> Manifest:
    """Return a KServe InferenceService whose predictor is the engine's own container.

    Raises:
        UnsupportedError: As ``kubernetes_objects``.
    """
    spec = pod_spec(deployment, container_name="kserve-container")
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": deployment.name,
            "labels": {"app.kubernetes.io/managed-by": "budsim"},
            "annotations": {"serving.kserve.io/deploymentMode": "RawDeployment"},
        },
        "spec": {
            "predictor": {"minReplicas": deployment.replicas, "maxReplicas": deployment.replicas, **spec},
        },
    }


def pod_spec(deployment: Deployment, container_name: str | None = None) -> Manifest:
    """Return the pod of one replica.

    Raises:
        UnsupportedError: A replica needs several pods.
    """
    container: Manifest = {
        "name": container_name or deployment.engine,
        "image": deployment.image,
        "env": [*({"name": name, "value": value} for name, value in deployment.envs.items()), _token()],
        "ports": [{"name": "http", "containerPort": deployment.port, "protocol": "TCP"}],
        "resources": _resources(deployment),
        "startupProbe": {**_probe(), "failureThreshold": STARTUP_SECONDS // PROBE_PERIOD_SECONDS},
        "readinessProbe": _probe(),
        "livenessProbe": {**_probe(), "failureThreshold": 6},
        "volumeMounts": [{"name": "shm", "mountPath": "/dev/shm"}],  # noqa: S108 - of the container
    }
    if deployment.command:
        container["command"] = list(deployment.command)
    shared = {"medium": "Memory", "sizeLimit": f"{SHARED_MEMORY_GIB}Gi"}
    return {"containers": [container], "volumes": [{"name": "shm", "emptyDir": shared}]}


def _token() -> Manifest:
    source = {"secretKeyRef": {"name": TOKEN_SECRET, "key": "token", "optional": True}}
    return {"name": "HF_TOKEN", "valueFrom": source}


def _probe() -> Manifest:
    return {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": PROBE_PERIOD_SECONDS, "timeoutSeconds": 5}


def _resources(deployment: Deployment) -> Manifest:
    """Return requests and limits: whole devices, or the memory and cores of a CPU replica."""
    if deployment.is_cpu:
        gib = math.ceil(deployment.memory_gb * deployment.tp_size * 1e9 / 2**30 * CPU_OVERHEAD_SHARE)
        memory = {"memory": f"{gib + SHARED_MEMORY_GIB}Gi"}
        cores = {"cpu": str(deployment.cores)} if deployment.cores else {}
        return {"requests": {**cores, **memory}, "limits": {**cores, **memory}}
    memory = {"memory": f"{HOST_GIB_PER_DEVICE * deployment.devices + SHARED_MEMORY_GIB}Gi"}
    devices = {DEVICE_RESOURCES[deployment.device_type]: str(deployment.devices)}
    return {"requests": {**memory, **devices}, "limits": devices}


def llmd_values(deployment: Deployment) -> Manifest:
    """Return Helm values for llm-d's model service chart: decode workers only, no separate prefill.

    Raises:
        UnsupportedError: Not vLLM, or on CPU: llm-d's chart starts vLLM on accelerators.
    """
    if deployment.engine != "vllm" or deployment.is_cpu:
        text = f"llm-d serves vLLM on accelerators, not {deployment.engine} on {deployment.device_type}."
        raise UnsupportedError(text, {"field": "format"})
    accelerators = {"cuda": "nvidia", "rocm": "amd", "hpu": "intel-gaudi"}
    container = {
        "name": "vllm",
        "image": deployment.image,
        "modelCommand": "custom",
        "command": list(deployment.command[:2]),
        "args": list(deployment.command[2:]),
        "env": [{"name": name, "value": value} for name, value in deployment.envs.items()],
        "ports": [{"containerPort": deployment.port, "protocol": "TCP"}],
        "resources": _resources(deployment),
        "mountModelVolume": True,
    }
    return {
        "fullnameOverride": deployment.name,
        "accelerator": {"type": accelerators[deployment.device_type]},
        "modelArtifacts": {
            "name": deployment.model,
            "uri": f"hf://{deployment.model}",
            "size": f"{math.ceil(2 * deployment.memory_gb * max(1, deployment.devices))}Gi",
            "authSecretName": TOKEN_SECRET,
        },
        "routing": {"servicePort": deployment.port},
        "decode": {
            "create": True,
            "replicas": deployment.replicas,
            "parallelism": {"tensor": deployment.tp_size, "data": 1},
            "containers": [container],
        },
        "prefill": {"create": False},
    }


def _yaml(*documents: Manifest) -> str:
    """Return YAML documents. JSON strings are YAML scalars, so that no word can be misread as another type."""
    return "---\n".join("\n".join(_lines(document, 0)) + "\n" for document in documents)


def _lines(value: Any, depth: int) -> list[str]:
    pad = "  " * depth
    if isinstance(value, Mapping) and value:
        lines: list[str] = []
        for key, item in value.items():
            nested = isinstance(item, Mapping | list) and bool(item)
            lines.append(f"{pad}{_scalar(key)}:" + ("" if nested else f" {_scalar(item)}"))
            lines += _lines(item, depth + 1) if nested else []
        return lines
    if isinstance(value, list) and value:
        lines = []
        for item in value:
            inner = _lines(item, depth + 1)
            lines += [f"{pad}- {inner[0].lstrip()}", *inner[1:]]
        return lines
    return [pad + _scalar(value)]


_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*")
_RESERVED = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _RESERVED:
        return value
    return json.dumps(value)


FORMATS: dict[str, Callable[[Deployment], str]] = {
    "command": shell_command,
    "compose": lambda deployment: _yaml(compose_service(deployment)),
    "kubernetes": lambda deployment: _yaml(*kubernetes_objects(deployment)),
    "kserve": lambda deployment: _yaml(kserve_object(deployment)),
    "llm-d": lambda deployment: _yaml(llmd_values(deployment)),
}


def render(group: Mapping[str, Any], form: str, *, with_parsers: bool = True, with_loras: bool = False) -> str:
    """Return a node group's deployment as text.

    Args:
        group: A ``NodeGroupConfiguration``.
        form: A key of ``FORMATS``.
        with_parsers: As ``deployment_of``.
        with_loras: As ``deployment_of``.

    Raises:
        InvalidRequestError: No such form, or a configuration that the engine refuses.
        UnsupportedError: The form cannot express the deployment.
    """
    if form not in FORMATS:
        text = f"format must be one of {', '.join(FORMATS)}, not {form[:40]!r}."
        raise InvalidRequestError(text, {"field": "format"})
    deployment = deployment_of(group, with_parsers=with_parsers, with_loras=with_loras)
    nodes = int(group.get("nodes_spanned") or 1)
    if nodes > 1:
        text = (
            f"A replica spans {nodes} nodes (TP {deployment.tp_size} x PP {deployment.pp_size}), which {form} cannot "
            "start; choose a configuration whose replica fits one node."
        )
        raise UnsupportedError(text, {"field": "format"})
    return FORMATS[form](deployment)
