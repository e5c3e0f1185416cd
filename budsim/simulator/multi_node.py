"""A replica that lies on several nodes: one process on each, the head of which serves requests. Pure.

Kubernetes starts such groups of pods with LeaderWorkerSet (``leaderworkerset.x-k8s.io/v1``), which gives each pod the
variables ``LWS_LEADER_ADDRESS``, ``LWS_GROUP_SIZE`` and ``LWS_WORKER_INDEX``; llm-d's chart uses the same set with one
template for all pods. Elsewhere the caller says where the head is, in ``HEAD_ADDRESS``.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from budsim.engine_ops import NodePlace, node_command_line
from budsim.simulator.pods import Deployment, Manifest, pod_labels, pod_spec

# Kubernetes replaces $(NAME) in a command; a shell replaces $NAME; compose stops without a value for ${NAME:?}.
SET_HEAD, SET_RANK = "$(LWS_LEADER_ADDRESS)", "$(LWS_WORKER_INDEX)"
SHELL_HEAD = "$HEAD_ADDRESS"
COMPOSE_HEAD = "${HEAD_ADDRESS:?}"
LEADER_LABEL = {"leaderworkerset.sigs.k8s.io/worker-index": "0"}


def command(deployment: Deployment, rank: int | str, head_address: str, *, is_head: bool) -> list[str]:
    """Return the words that start one node's part of a replica.

    Raises:
        UnsupportedError: The engine's replicas do not span nodes.
    """
    place = NodePlace(rank, deployment.pods, head_address, is_head)
    return node_command_line(deployment.engine, deployment.args, place, deployment.version)


def commands(deployment: Deployment, head_address: str) -> list[list[str]]:
    """Return the words of every node's part, the head first."""
    return [command(deployment, rank, head_address, is_head=rank == 0) for rank in range(deployment.pods)]


def shell_commands(deployment: Deployment) -> str:
    """Return one command line for each node, each behind a comment that says which."""
    envs = [f"{name}={shlex.quote(value)}" for name, value in deployment.envs.items()]
    lines = []
    for rank, words in enumerate(commands(deployment, SHELL_HEAD)):
        role = "head, serves requests" if rank == 0 else "worker"
        lines.append(
            f"# node {rank} of {deployment.pods} ({role}; {deployment.devices_per_pod} devices): "
            "export HEAD_ADDRESS, the address of node 0, first"
        )
        lines.append(" ".join([*envs, _joined(words)]))
    return "\n".join(lines) + "\n"


def _joined(words: Sequence[str]) -> str:
    """Return words as a shell takes them, with their variables left to it."""
    plain = [f'"{word}"' if "$" in word and " " not in word else shlex.quote(word) for word in words]
    return " ".join(plain)


def one_command_for_all(deployment: Deployment) -> list[str]:
    """Return a command that does each pod's part, for a set whose pods have one template."""
    head = _joined(command(deployment, 0, "$LWS_LEADER_ADDRESS", is_head=True))
    worker = _joined(command(deployment, "$LWS_WORKER_INDEX", "$LWS_LEADER_ADDRESS", is_head=False))
    return ["sh", "-c", f'if [ "$LWS_WORKER_INDEX" = 0 ]; then exec {head}; else exec {worker}; fi']


def leader_worker_set(deployment: Deployment) -> Manifest:
    """Return the LeaderWorkerSet whose groups are the replicas."""
    labels = pod_labels(deployment)
    head = command(deployment, 0, SET_HEAD, is_head=True)
    worker = command(deployment, SET_RANK, SET_HEAD, is_head=False)
    return {
        "apiVersion": "leaderworkerset.x-k8s.io/v1",
        "kind": "LeaderWorkerSet",
        "metadata": {"name": deployment.name, "labels": labels},
        "spec": {
            "replicas": deployment.replicas,
            "leaderWorkerTemplate": {
                "size": deployment.pods,
                "restartPolicy": "RecreateGroupOnPodRestart",  # the engines cannot replace one rank
                "leaderTemplate": {"metadata": {"labels": labels}, "spec": pod_spec(deployment, command=head)},
                "workerTemplate": {
                    "metadata": {"labels": labels},
                    "spec": pod_spec(deployment, command=worker, serves=False),
                },
            },
        },
    }
