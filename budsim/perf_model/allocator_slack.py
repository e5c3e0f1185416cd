"""What PyTorch's caching allocator rounds onto the weights of one rank.

Pure arithmetic, bytes. A tensor of 10 MiB or more gets a segment of its own in steps of 2 MiB; the rest of the segment
is split off and used for something else only if it is larger than 1 MiB, else it stays with the tensor and counts as
allocated (PyTorch, ``c10/cuda/CUDACachingAllocator.cpp``: kMinLargeAlloc, kRoundLarge, ``should_split``; HIP the same).
Qwen2.5-7B: 2 MiB in each of 28 layers and 1 MiB of the tables, 57 MiB: logged 14.25 GiB, stored 14.19 + 0.01 of rope
tables. Smaller tensors share segments; what they leave is not modelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from budsim.perf_model.model_architecture import LayerKind, ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan

MIB = 2**20
OWN_SEGMENT_BYTES = 10 * MIB
SEGMENT_STEP_BYTES = 2 * MIB
LARGEST_KEPT_BYTES = MIB


class Rounding(Enum):
    """What counts: the tensors alone, their blocks (vLLM asks the allocator), or segments (SGLang asks the driver)."""

    NONE = "none"
    BLOCKS = "blocks"
    SEGMENTS = "segments"


def tensor_slack_bytes(tensor_bytes: float, rounding: Rounding = Rounding.BLOCKS) -> float:
    """Return what is taken beside a tensor of this size."""
    if rounding is Rounding.NONE or tensor_bytes < OWN_SEGMENT_BYTES:
        return 0.0
    rest = -tensor_bytes % SEGMENT_STEP_BYTES
    return rest if rounding is Rounding.SEGMENTS or rest <= LARGEST_KEPT_BYTES else 0.0


def layer_slack_bytes(
    arch: ModelArchitecture,
    plan: ParallelPlan,
    kind: LayerKind,
    bytes_per_parameter: Mapping[str, float],
    rounding: Rounding = Rounding.BLOCKS,
) -> dict[str, float]:
    """Return the slack of one layer's fused tensors on one rank, by component.

    Args:
        arch: Model shape.
        plan: Layout.
        kind: Kind of the layer's attention.
        bytes_per_parameter: Stored bytes of one parameter, by component.
        rounding: What counts as taken.
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
    found = {}
    for name, sizes in rows.items():
        row_bytes = (expert_hidden if name == "experts" else hidden) * _whole(bytes_per_parameter.get(name, 0.0))
        found[name] = sum(tensor_slack_bytes(count * row_bytes, rounding) for count in sizes)
    return found


def _attention_rows(arch: ModelArchitecture, attention_tp: int, kind: LayerKind) -> list[float]:
    """Return the rows of the fused query-key-value matrix and the columns of the output matrix, of one rank."""
    shape = arch.attention_shape(kind)
    heads = max(1, -(-shape.num_kv_heads // attention_tp))
    key_value = heads * (shape.qk_head_dim + (0 if shape.shared_kv else shape.v_head_dim))
    query = (shape.num_heads * shape.qk_head_dim + arch.attention_gate_dim) / attention_tp
    return [query + key_value, shape.num_heads * shape.v_head_dim / attention_tp]


def _whole(bytes_per_parameter: float) -> float:
    """Return the bytes of a value without its scales, which are tensors of their own."""
    return round(2 * bytes_per_parameter) / 2
