"""Where pipeline stages and replicas lie: packing by free devices per node.

A stage needs ``tp_size`` free devices on one node. A node with f free devices therefore has floor(f / tp) stage slots,
all alike; a replica needs ``pp_size`` (times its data-parallel copies) slots. By default slots of one node may serve
several stages of one replica; the stricter rule of the low-level design gives every stage a node of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from heapq import heapify, heappop, heappush

from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.serving_point import Infeasible
from budsim.simulator.candidate import StagePlacement
from budsim.simulator.topology import DeviceGroup, NodeDevices


def stages_per_replica(plan: ParallelPlan) -> int:
    """Return the tensor-parallel groups of one replica: pipeline stages times data-parallel copies."""
    return plan.num_devices // plan.tp_size


def stage_slots(nodes: Sequence[NodeDevices], tp_size: int) -> int:
    """Return how many stages of ``tp_size`` devices the nodes hold together; the upper bound of PP."""
    return sum(node.free_devices // tp_size for node in nodes)


def max_replicas(group: DeviceGroup, plan: ParallelPlan, *, allow_intra_node_pp: bool = True) -> int:
    """Return how many replicas of ``plan`` the group holds at once.

    With stages sharing nodes, slots are interchangeable and the count is exactly floor(slots / stages). With one stage
    per node, r replicas fit iff sum over nodes of min(slots, r) >= r * stages: each node serves a replica at most once.
    """
    stages = stages_per_replica(plan)
    slots = [node.free_devices // plan.tp_size for node in group.nodes]
    if allow_intra_node_pp or stages == 1:
        return sum(slots) // stages
    # What fits r times fits r - 1 times, so the largest count is found by halving.
    low, high = 0, sum(slots) // stages
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(count, middle) for count in slots) >= middle * stages:
            low = middle
        else:
            high = middle - 1
    return low


def check_placement(group: DeviceGroup, plan: ParallelPlan, *, allow_intra_node_pp: bool = True) -> Infeasible | None:
    """Return why not even one replica of ``plan`` can be placed, or None."""
    if plan.tp_size > group.max_devices_per_node:
        return Infeasible(
            "placement_tp",
            f"TP {plan.tp_size} needs {plan.tp_size} free devices on one node; "
            f"the best node has {group.max_devices_per_node}.",
        )
    if plan.num_devices > group.total_devices:
        return Infeasible(
            "placement_devices",
            f"Required devices ({plan.num_devices} = {plan.tp_size}*{stages_per_replica(plan)}) "
            f"exceeds available devices ({group.total_devices})",
        )
    if max_replicas(group, plan, allow_intra_node_pp=allow_intra_node_pp) > 0:
        return None
    stages = stages_per_replica(plan)
    if allow_intra_node_pp:
        slots = stage_slots(group.nodes, plan.tp_size)
        text = f"{stages} stages of {plan.tp_size} devices do not fit: the nodes hold {slots} such stages."
    else:
        wide = sum(node.free_devices >= plan.tp_size for node in group.nodes)
        text = f"{stages} stages need {stages} nodes with {plan.tp_size} free devices each; {wide} have them."
    return Infeasible("placement_pp", text)


def place(
    group: DeviceGroup, plan: ParallelPlan, replicas: int, *, allow_intra_node_pp: bool = True
) -> tuple[StagePlacement, ...] | None:
    """Return where every stage lies, or None if ``replicas`` do not fit.

    Deterministic. A replica goes to one node if any holds it whole, the tightest such node, so that big holes stay for
    later replicas; otherwise it takes the nodes with most free slots, so that it spans few.
    """
    if replicas < 1 or replicas > max_replicas(group, plan, allow_intra_node_pp=allow_intra_node_pp):
        return None
    nodes = _nodes_of_replicas(group, plan, replicas, allow_intra_node_pp)
    return tuple(
        StagePlacement(replica, stage, node_id, plan.tp_size)
        for replica, stages in enumerate(nodes)
        for stage, node_id in enumerate(stages)
    )


def place_pools(
    group: DeviceGroup, pools: Sequence[tuple[ParallelPlan, int]], *, allow_intra_node_pp: bool = True
) -> tuple[tuple[StagePlacement, ...], ...] | None:
    """Return where the replicas of several pools lie, pool by pool, or None if they do not fit together.

    The widest stages first: where every TP size divides the next larger one that finds a place whenever there is one.
    """
    placed: dict[int, tuple[StagePlacement, ...]] = {}
    free = {node.node_id: node.free_devices for node in group.nodes}
    for index in sorted(range(len(pools)), key=lambda index: (-pools[index][0].tp_size, index)):
        nodes = tuple(replace(node, free_devices=free[node.node_id]) for node in group.nodes if free[node.node_id])
        plan, replicas = pools[index]
        found = place(replace(group, nodes=nodes), plan, replicas, allow_intra_node_pp=allow_intra_node_pp)
        if found is None:
            return None
        placed[index] = found
        for stage in found:
            free[stage.node_id] -= stage.count
    return tuple(placed[index] for index in range(len(pools)))


def spanned_nodes(group: DeviceGroup, plan: ParallelPlan, replicas: int, *, allow_intra_node_pp: bool = True) -> int:
    """Return the nodes that the widest of ``replicas`` touches, as ``place`` would lay them; they must fit."""
    if stages_per_replica(plan) == 1:
        return 1
    return max(len(set(nodes)) for nodes in _nodes_of_replicas(group, plan, replicas, allow_intra_node_pp))


def _nodes_of_replicas(
    group: DeviceGroup, plan: ParallelPlan, replicas: int, allow_intra_node_pp: bool
) -> list[list[str]]:
    """Return one node id per stage of every replica."""
    stages = stages_per_replica(plan)
    slots = {node.node_id: node.free_devices // plan.tp_size for node in group.nodes}
    placed: list[list[str]] = []
    if allow_intra_node_pp or stages == 1:
        # The tightest node that holds a replica whole stays the tightest until it holds none any more.
        for node_id in sorted(slots, key=lambda node_id: (slots[node_id], node_id)):
            whole = min(slots[node_id] // stages, replicas - len(placed))
            slots[node_id] -= whole * stages
            placed += [[node_id] * stages] * whole
    # Fullest first is what keeps the one-stage-per-node packing feasible to the last replica (greedy on what is left).
    fullest = [(-count, node_id) for node_id, count in slots.items() if count]
    heapify(fullest)
    while len(placed) < replicas:
        placed.append(_split_replica(fullest, stages, allow_intra_node_pp))
    return placed


def _split_replica(fullest: list[tuple[int, str]], stages: int, allow_intra_node_pp: bool) -> list[str]:
    """Take the slots of a replica that no node holds whole off a heap of (-slots, node id); return a node per stage."""
    nodes: list[str] = []
    rest: list[tuple[int, str]] = []
    while len(nodes) < stages:
        negative, node_id = heappop(fullest)
        take = min(-negative, stages - len(nodes)) if allow_intra_node_pp else 1
        nodes += [node_id] * take
        if negative + take:
            rest.append((negative + take, node_id))
    for item in rest:
        heappush(fullest, item)
    return nodes


def nodes_spanned(placement: Sequence[StagePlacement]) -> int:
    """Return the nodes of the replica that touches most: it sets the pace that the deployment is sized for."""
    touched: dict[int, set[str]] = {}
    for stage in placement:
        touched.setdefault(stage.replica, set()).add(stage.node_id)
    return max((len(nodes) for nodes in touched.values()), default=0)


def pods_per_replica(placement: Sequence[StagePlacement]) -> int:
    """Return into how many equal parts, of whole stages each, a replica is cut so that each lies on one node.

    The parts of every replica are alike, whatever nodes it lies on: as large as divides each node's stages.
    """
    stages: dict[tuple[int, str], int] = {}
    for stage in placement:
        place_of = (stage.replica, stage.node_id)
        stages[place_of] = stages.get(place_of, 0) + 1
    first = sum(1 for stage in placement if stage.replica == placement[0].replica) if placement else 1
    return first // (math.gcd(*stages.values()) or 1)


def devices_by_node(placement: Sequence[StagePlacement]) -> dict[str, int]:
    """Return the devices a placement uses, by node id, in order of first use."""
    used: dict[str, int] = {}
    for stage in placement:
        used[stage.node_id] = used.get(stage.node_id, 0) + stage.count
    return used
