"""A disaggregated deployment in the forms that launch it: both pools, and the router in front of them. Pure.

Every server of either pool has an address of its own, because a router sends each request to a pair that it chooses,
and a decode server asks the prefill server for the cache: named hosts in commands, services in compose, pods of a
StatefulSet behind a headless service in Kubernetes.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from budsim.commons.errors import InvalidRequestError, UnsupportedError
from budsim.engine_ops.disaggregation import (
    DECODE,
    PREFILL,
    ROUTER_PORT,
    ServerAddress,
    router_command,
    router_image,
)
from budsim.simulator import manifests
from budsim.simulator.pods import Deployment, Manifest, deployment_of, pod_labels, pod_spec

SIDE_CHANNEL_HOST = "VLLM_NIXL_SIDE_CHANNEL_HOST"
_ROLE_LABEL = "app.kubernetes.io/component"


def render_deployment(
    groups: Sequence[Mapping[str, Any]], form: str, *, with_parsers: bool = True, with_loras: bool = False
) -> str:
    """Return a deployment as text, whether its replicas do both or it has a pool for each.

    Args:
        groups: The ``NodeGroupConfiguration``s of one deployment: one, or one for each role.
        form: A key of ``manifests.FORMATS``.
        with_parsers: As ``deployment_of``.
        with_loras: As ``deployment_of``.

    Raises:
        InvalidRequestError: No such form, a role is missing, or a configuration that the engine refuses.
        UnsupportedError: The form cannot express the deployment.
    """
    if len(groups) == 1 and not groups[0].get("role"):
        return manifests.render(groups[0], form, with_parsers=with_parsers, with_loras=with_loras)
    by_role = {group.get("role"): group for group in groups}
    if set(by_role) != {PREFILL, DECODE}:
        text = "A disaggregated deployment has one group with role prefill and one with role decode."
        raise InvalidRequestError(text, {"field": "node_groups"})
    forms = {"command": _shell_commands, "compose": _compose, "kubernetes": _kubernetes}
    if form not in manifests.FORMATS:
        text = f"format must be one of {', '.join(manifests.FORMATS)}, not {form[:40]!r}."
        raise InvalidRequestError(text, {"field": "format"})
    if form not in forms:
        text = f"{form} has no form for two pools here; use {', '.join(forms)}."
        raise UnsupportedError(text, {"field": "format"})
    pools = {
        role: _pool(deployment_of(by_role[role], with_parsers=with_parsers, with_loras=with_loras), role)
        for role in (PREFILL, DECODE)
    }
    return forms[form](pools[PREFILL], pools[DECODE])


def _pool(deployment: Deployment, role: str) -> Deployment:
    """Return one pool under a name of its own.

    Raises:
        UnsupportedError: An instance spans nodes.
    """
    if deployment.pods > 1:
        text = "Instances of a disaggregated deployment are written for one node each; this one spans several."
        raise UnsupportedError(text, {"field": "nodes_spanned"})
    return replace(deployment, name=f"{deployment.name}-{role}")


def _router_name(decode: Deployment) -> str:
    return decode.name.removesuffix(f"-{DECODE}") + "-router"


def _addresses(pool: Deployment, domain: str = "") -> list[ServerAddress]:
    return [ServerAddress(f"{pool.name}-{index}{domain}", pool.port) for index in range(pool.replicas)]


def _router(prefill: Deployment, decode: Deployment, domains: tuple[str, str] = ("", "")) -> list[str]:
    return router_command(decode.engine, _addresses(prefill, domains[0]), _addresses(decode, domains[1]))


def _shell_commands(prefill: Deployment, decode: Deployment) -> str:
    """Return the command of every server on the host of its name, then the router's."""
    lines = []
    for pool in (prefill, decode):
        for server in _addresses(pool):
            envs = {**pool.envs, **_side_channel(pool, server.host)}
            words = [f"{name}={shlex.quote(value)}" for name, value in envs.items()]
            lines.append(f"# on host {server.host} ({pool.devices} devices)")
            lines.append(" ".join([*words, shlex.join(pool.command)]))
    return "\n".join([*lines, "# the router, which clients ask", shlex.join(_router(prefill, decode))]) + "\n"


def _compose(prefill: Deployment, decode: Deployment) -> str:
    """Return one compose file of all servers on one host, each on devices of its own, and the router."""
    services: Manifest = {}
    taken = 0
    for pool in (prefill, decode):
        for server in _addresses(pool):
            container = replace(pool, envs={**pool.envs, **_side_channel(pool, server.host)})
            service = manifests.container_service(container, pool.command, 0, first_device=taken)
            services[server.host] = {**service, "healthcheck": manifests.health_check(pool)}
            taken += pool.devices
    router: Manifest = {
        "image": router_image(decode.engine, {"engine": decode.image}),
        "entrypoint": _router(prefill, decode),
        "ports": [f"{ROUTER_PORT}:{ROUTER_PORT}"],
        "depends_on": {name: {"condition": "service_healthy"} for name in services},
    }
    return manifests.yaml_text({"services": {**services, _router_name(decode): router}, "volumes": {"huggingface": {}}})


def _side_channel(pool: Deployment, host: str) -> dict[str, str]:
    return {SIDE_CHANNEL_HOST: host} if pool.engine == "vllm" else {}


def _kubernetes(prefill: Deployment, decode: Deployment) -> str:
    """Return a StatefulSet and its headless Service for each pool, and the router with the Service that clients ask."""
    name = _router_name(decode)
    labels = pod_labels(replace(decode, name=name))
    words = _router(prefill, decode, (f".{prefill.name}", f".{decode.name}"))
    container = {
        "name": "router",
        "image": router_image(decode.engine, {"engine": decode.image}),
        "command": words,
        "ports": [{"name": "http", "containerPort": ROUTER_PORT, "protocol": "TCP"}],
    }
    selector = {"app.kubernetes.io/name": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    router = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {"replicas": 1, "selector": {"matchLabels": selector}, "template": template},
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": labels},
        "spec": {"selector": selector, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]},
    }
    pools = [item for pool, role in ((prefill, PREFILL), (decode, DECODE)) for item in _stateful_set(pool, role)]
    return manifests.yaml_text(*pools, router, service)


def _stateful_set(pool: Deployment, role: str) -> list[Manifest]:
    labels = pod_labels(pool) | {_ROLE_LABEL: role}
    selector = {"app.kubernetes.io/name": pool.name}
    spec = pod_spec(pool)
    if pool.engine == "vllm":
        own_address = {"name": SIDE_CHANNEL_HOST, "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
        spec["containers"][0]["env"].append(own_address)
    metadata = {"name": pool.name, "labels": labels}
    workload = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": metadata,
        "spec": {
            "serviceName": pool.name,
            "replicas": pool.replicas,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": selector},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }
    ports = [{"name": "http", "port": pool.port, "targetPort": "http"}]
    headless = {"clusterIP": "None", "publishNotReadyAddresses": True, "selector": selector, "ports": ports}
    return [workload, {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": headless}]
