"""How many LoRA adapters fit beside a model.

The platform's rule: adapters of rank 256 on attention and MLP, five of them if they fit the device beside everything
else, otherwise as many as do. An adapter of a projection in -> out adds A (rank x in, copied to every TP rank) and B
(rank x out, split over them), as vLLM lays them out without fully sharded adapters.

Source: Hu et al. 2021, arXiv:2106.09685 section 4.1, for A and B.
"""

from __future__ import annotations

import math
from dataclasses import replace

from budsim.perf_model.memory import MemoryCorrection, PlatformAllocation, estimate_memory
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.serving_point import Infeasible, ServingPoint

# The platform's constants: largest count it offers, the rank and the format it reserves for.
MOST_ADAPTERS = 5
ADAPTER_RANK = 256
ADAPTER_BYTES_PER_ELEMENT = 2


def adapter_bytes_per_device(arch: ModelArchitecture, plan: ParallelPlan) -> float:
    """Return the bytes of one adapter on the fullest device.

    Dense layers carry adapters on attention and MLP; layers with experts on attention only.

    Args:
        arch: Model shape.
        plan: TP splits B; PP splits the layers.
    """
    layers = math.ceil(arch.num_layers / plan.pp_size)
    dense_layers = math.ceil((arch.num_layers - arch.moe_layers) / plan.pp_size)
    hidden, heads_width, kv_width = arch.hidden_size, arch.num_heads * arch.head_dim, arch.num_kv_heads * arch.head_dim
    attention = [(hidden, heads_width), (hidden, kv_width), (hidden, kv_width), (heads_width, hidden)]
    mlp = [(hidden, arch.intermediate_size)] * (2 if arch.gated_mlp else 1) + [(arch.intermediate_size, hidden)]
    elements = layers * _elements(attention, plan.tp_size) + dense_layers * _elements(mlp, plan.tp_size)
    return elements * ADAPTER_BYTES_PER_ELEMENT


def _elements(projections: list[tuple[int, int]], tp_size: int) -> float:
    return sum(ADAPTER_RANK * (width_in + width_out / tp_size) for width_in, width_out in projections)


def engine_holds(point: ServingPoint, adapters_bytes: float) -> bool:
    """Whether the engine still starts, and holds the load as far as it did, when adapters take this off its cache.

    Args:
        point: Replica, engine and load.
        adapters_bytes: All adapters, on the fullest device.
    """
    plain, beside = (
        estimate_memory(point, correction=MemoryCorrection(non_torch_bytes=taken)) for taken in (0.0, adapters_bytes)
    )
    if isinstance(plain, Infeasible) or isinstance(beside, Infeasible):
        return False
    isl, osl = point.workload.isl, point.workload.osl
    wanted = min(point.workload.concurrency or 1, plain.concurrent_sequences(isl, osl))
    return beside.concurrent_sequences(isl, osl) >= wanted


def max_loras(
    arch: ModelArchitecture,
    plan: ParallelPlan,
    allocation: PlatformAllocation,
    available_bytes: float,
    point: ServingPoint | None = None,
) -> int | None:
    """Return the most adapters, up to ``MOST_ADAPTERS``, that fit; None if not even one does.

    Args:
        arch: Model shape.
        plan: Layout of the replica.
        allocation: What the platform reserves without adapters.
        available_bytes: Memory of one device.
        point: The engine must hold them too; None = only the platform's rule.
    """
    adapter = adapter_bytes_per_device(arch, plan)
    for count in range(MOST_ADAPTERS, 0, -1):
        total = allocation.total_bytes_per_device + count * adapter
        fits = replace(allocation, total_bytes_per_device=total).fits(available_bytes)
        if fits and (point is None or engine_holds(point, count * adapter)):
            return count
    return None
