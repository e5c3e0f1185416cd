"""One deployment in the forms that launch it: a command line, docker compose, Kubernetes, KServe, llm-d. Pure.

What is launched, and the pod of a replica: ``pods``. Replicas that span nodes: ``multi_node``.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from budsim.commons.errors import InvalidRequestError, UnsupportedError
from budsim.simulator import multi_node
from budsim.simulator.pods import (
    PROBE_PERIOD_SECONDS,
    STARTUP_SECONDS,
    TOKEN_SECRET,
    Deployment,
    Manifest,
    deployment_of,
    health_path,
    pod_labels,
    pod_spec,
    resources,
)


def shell_command(deployment: Deployment) -> str:
    """Return the command line of one replica, with its environment; one for each node that it spans.

    Raises:
        UnsupportedError: The engine starts with its image's own entry point.
    """
    if deployment.pods > 1:
        return multi_node.shell_commands(deployment)
    if not deployment.command:
        text = f"{deployment.engine} has no command line; use compose or kubernetes."
        raise UnsupportedError(text, {"field": "format"})
    envs = [f"{name}={shlex.quote(value)}" for name, value in deployment.envs.items()]
    return " ".join([*envs, shlex.join(deployment.command)]) + "\n"


def compose_service(deployment: Deployment) -> Manifest:
    """Return a docker compose file with one service for each replica, on devices and a host port of its own.

    A replica that spans nodes is one service for each part, on the host's network and behind its profile:
    ``docker compose --profile node-1 up`` on the node of part 1. Further replicas are the same file on other nodes.
    """
    if deployment.pods > 1:
        services = _services_by_node(deployment)
    else:
        services = {}
        for replica in range(deployment.replicas):
            name = deployment.name if deployment.replicas == 1 else f"{deployment.name}-{replica}"
            service = container_service(deployment, deployment.command, replica)
            ports = [f"{deployment.port + replica}:{deployment.port}"]
            services[name] = {**service, "ports": ports, "healthcheck": health_check(deployment)}
    return {"services": services, "volumes": {"huggingface": {}}}


def _services_by_node(deployment: Deployment) -> Manifest:
    services: Manifest = {}
    parts_on_a_node = math.ceil(deployment.pods / deployment.nodes)
    for rank, words in enumerate(multi_node.commands(deployment, multi_node.COMPOSE_HEAD)):
        service = container_service(deployment, words, rank % parts_on_a_node)
        service |= {"network_mode": "host", "profiles": [f"node-{rank}"]}
        health = {"healthcheck": health_check(deployment)} if rank == 0 else {}
        services[f"{deployment.name}-node-{rank}"] = {**service, **health}
    return services


# What makes a container see some devices only, where the device plugin is a variable.
_VISIBLE_DEVICES = {"rocm": "HIP_VISIBLE_DEVICES", "hpu": "HABANA_VISIBLE_DEVICES"}


def container_service(deployment: Deployment, command: Sequence[str], place: int, first_device: int = 0) -> Manifest:
    """Return the service of the ``place``-th container of a host, counted from 0: it takes the devices next in line.

    By number: a mere count gives every container the same first devices.

    Args:
        deployment: What it runs.
        command: Words of its command.
        place: Containers of this deployment before it.
        first_device: Devices of the host that others have.
    """
    count = deployment.devices_per_pod
    first = first_device + place * count
    devices = [str(device) for device in range(first, first + count)]
    service: Manifest = {
        "image": deployment.image,
        "environment": {**deployment.envs, "HF_TOKEN": "${HF_TOKEN:-}"},
        "ipc": "host",
        "volumes": ["huggingface:/root/.cache/huggingface"],
    }
    if command:
        service["entrypoint"] = list(command)
    if deployment.device_type == "cuda":
        reserved = [{"driver": "nvidia", "device_ids": devices, "capabilities": ["gpu"]}]
        service["deploy"] = {"resources": {"reservations": {"devices": reserved}}}
    if deployment.device_type in _VISIBLE_DEVICES:
        service["environment"][_VISIBLE_DEVICES[deployment.device_type]] = ",".join(devices)
    if deployment.device_type == "rocm":
        service |= {"devices": ["/dev/kfd", "/dev/dri"], "group_add": ["video"]}
    if deployment.device_type == "hpu":
        service |= {"runtime": "habana", "cap_add": ["SYS_NICE"]}
    return service


def health_check(deployment: Deployment) -> Manifest:
    """Return compose's question whether a server lives."""
    url = f"http://127.0.0.1:{deployment.port}{health_path(deployment.engine)}"
    return {
        "test": ["CMD", "python3", "-c", f"import urllib.request as u; u.urlopen('{url}')"],
        "interval": f"{PROBE_PERIOD_SECONDS}s",
        "start_period": f"{STARTUP_SECONDS}s",
    }


def kubernetes_objects(deployment: Deployment) -> list[Manifest]:
    """Return a Deployment and its Service; a LeaderWorkerSet and its leaders' Service where a replica spans nodes."""
    labels = pod_labels(deployment)
    selector = {"app.kubernetes.io/name": deployment.name}
    workload = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": deployment.name, "labels": labels},
        "spec": {
            "replicas": deployment.replicas,
            "selector": {"matchLabels": selector},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec(deployment)},
        },
    }
    if deployment.pods > 1:
        workload = multi_node.leader_worker_set(deployment)
        selector |= multi_node.LEADER_LABEL
    return [
        workload,
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
        UnsupportedError: A replica spans nodes.
    """
    if deployment.pods > 1:
        text = (
            f"KServe starts a replica on several nodes only with its own Hugging Face runtime, whose image is not that "
            f"of this configuration ({deployment.image}). Use kubernetes (LeaderWorkerSet) or llm-d."
        )
        raise UnsupportedError(text, {"field": "format"})
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


def llmd_values(deployment: Deployment) -> Manifest:
    """Return Helm values for llm-d's model service chart: decode workers only, no separate prefill.

    Raises:
        UnsupportedError: Not vLLM, or on CPU: llm-d's chart starts vLLM on accelerators.
    """
    if deployment.engine != "vllm" or deployment.is_cpu:
        text = f"llm-d serves vLLM on accelerators, not {deployment.engine} on {deployment.device_type}."
        raise UnsupportedError(text, {"field": "format"})
    accelerators = {"cuda": "nvidia", "rocm": "amd", "hpu": "intel-gaudi"}
    spans_nodes = deployment.pods > 1
    words = multi_node.one_command_for_all(deployment) if spans_nodes else list(deployment.command)
    container = {
        "name": "vllm",
        "image": deployment.image,
        "modelCommand": "custom",
        "command": words[:2],
        "args": words[2:],
        "env": [{"name": name, "value": value} for name, value in deployment.envs.items()],
        "ports": [{"containerPort": deployment.port, "protocol": "TCP"}],
        "resources": resources(deployment),
        "mountModelVolume": True,
    }
    return {
        "fullnameOverride": deployment.name,
        "multinode": spans_nodes,
        "accelerator": {"type": accelerators[deployment.device_type]},
        "modelArtifacts": {
            "name": deployment.model,
            "uri": f"hf://{deployment.model}",
            "size": f"{math.ceil(2 * deployment.memory_gb * max(1, deployment.devices))}Gi",
            "authSecretName": TOKEN_SECRET,
            "labels": {"llm-d.ai/inferenceServing": "true", "llm-d.ai/model": deployment.name},
        },
        # The proxy is for separate prefill; switched on it would listen on the engine's own port.
        "routing": {"servicePort": deployment.port, "proxy": {"enabled": False}},
        "decode": {
            "create": True,
            "replicas": deployment.replicas,
            "parallelism": {"tensor": deployment.tp_size, "data": 1, "dataLocal": 1, "workers": deployment.pods},
            "containers": [container],
        },
        "prefill": {"create": False},
    }


def yaml_text(*documents: Manifest) -> str:
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
    "compose": lambda deployment: yaml_text(compose_service(deployment)),
    "kubernetes": lambda deployment: yaml_text(*kubernetes_objects(deployment)),
    "kserve": lambda deployment: yaml_text(kserve_object(deployment)),
    "llm-d": lambda deployment: yaml_text(llmd_values(deployment)),
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
    return FORMATS[form](deployment)
