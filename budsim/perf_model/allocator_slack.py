"""What PyTorch's caching allocator rounds onto the weights of one rank.

Pure arithmetic, bytes. A tensor of 10 MiB or more gets a segment of its own in steps of 2 MiB; the rest of the segment
is split off and used for something else only if it is larger than 1 MiB, else it stays with the tensor and counts as
allocated (PyTorch, ``c10/cuda/CUDACachingAllocator.cpp``: kMinLargeAlloc, kRoundLarge, ``should_split``; HIP the same).
Qwen2.5-7B: 2 MiB in each of 28 layers and 1 MiB of the tables, 57 MiB: logged 14.25 GiB, stored 14.19 + 0.01 of rope
tables. Smaller tensors share segments; what they leave is not modelled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from budsim.perf_model.model_architecture import LayerKind, ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan

MIB = 2**20
OWN_SEGMENT_BYTES = 10 * MIB
SEGMENT_STEP_BYTES = 2 * MIB
LARGEST_KEPT_BYTES = MIB


def tensor_slack_bytes(tensor_bytes: float) -> float:
    """Return what the allocator keeps with a tensor of this size."""
    if tensor_bytes < OWN_SEGMENT_BYTES:
        return 0.0
    rest = -tensor_bytes % SEGMENT_STEP_BYTES
    return rest if rest <= LARGEST_KEPT_BYTES else 0.0


def layer_slack_bytes(
    arch: ModelArchitecture, plan: ParallelPlan, kind: LayerKind, bytes_per_parameter: Mapping[str, float]
) -> dict[str, float]:
    """Return the slack of one layer's fused tensors on one rank, by component.

    Args:
        arch: Model shape.
        plan: Layout.
        kind: Kind of the layer's attention.
        bytes_per_parameter: Stored bytes of one parameter, by component.
    """
    hidden, tp = arch.hidden_size, plan.tp_size
    expert_hidden = arch.moe_latent_size or hidden
    up = 2 if arch.gated_mlp else 1
    local_experts = arch.num_experts * arch.moe_intermediate_size / plan.expert_ranks
    rows = {
        "attention": [] if arch.is_mla else _attention_rows(arch, plan.attention_tp_size, kind),
        "dense_mlp": [up * arch.intermediate_size / tp, arch.intermediate_size / tp],
        "shared_experts": [
            up * arch.shared_expert_intermediate_size / tp, arch.shared_expert_intermediate_size / tp,
        ],
        "experts": [up * local_experts, local_experts],
    }  # fmt: skip
    return {
        name: _total(sizes, (expert_hidden if name == "experts" else hidden) * _whole(bytes_per_parameter.get(name, 0)))
        for name, sizes in rows.items()
    }


def _attention_rows(arch: ModelArchitecture, attention_tp: int, kind: LayerKind) -> list[float]:
    """Return the rows of the fused query-key-value matrix and the columns of the output matrix, of one rank."""
    shape = arch.attention_shape(kind)
    heads = max(1, -(-shape.num_kv_heads // attention_tp))
    key_value = heads * (shape.qk_head_dim + (0 if shape.shared_kv else shape.v_head_dim))
    query = (shape.num_heads * shape.qk_head_dim + arch.attention_gate_dim) / attention_tp
    return [query + key_value, shape.num_heads * shape.v_head_dim / attention_tp]


def _total(rows: Iterable[float], bytes_per_row: float) -> float:
    return sum(tensor_slack_bytes(count * bytes_per_row) for count in rows)


def _whole(bytes_per_parameter: float) -> float:
    """Return the bytes of a value without its scales, which are tensors of their own."""
    return round(2 * bytes_per_parameter) / 2
