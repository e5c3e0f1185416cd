"""How one replica is spread over devices, and which layouts an engine can start.

Pure arithmetic. Sources of the rules: the argument and shape checks of vLLM (``verify_with_parallel_config``,
``pad_vocab_size``, ``get_pp_indices``, the block checks of its fp8 and AWQ layers) and the platform's own texts for
pipeline parallelism.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.model_architecture import LayerKind, ModelArchitecture

if TYPE_CHECKING:
    from budsim.perf_model.serving_point import Infeasible

VOCAB_PADDING = 64  # vLLM's DEFAULT_VOCAB_PADDING_SIZE
# Width of one scale group along a sharded dimension: a rank must own whole groups.
# fp8_block: DeepSeek-V3 report section 3.3 (128 x 128). awq, gptq: group_size of the published checkpoints.
SCALE_GROUP_BY_QUANTIZATION = {"fp8_block": 128, "awq": 128, "gptq": 128}
PP_DEVICE_TYPES = frozenset({"cuda", "rocm"})


@dataclass(frozen=True, slots=True)
class ParallelPlan:
    """Sizes of one replica group.

    Attributes:
        tp_size: Tensor parallel ranks of one stage.
        pp_size: Pipeline stages.
        ep_size: Expert parallel ranks; 1 = experts are sharded like other weights. Uses the TP x DP devices, adds
            none.
        dp_size: Copies of the attention (and dense) weights behind one scheduler set; multiplies devices.
        dp_attention: Attention is data parallel over the TP ranks (SGLang's ``--enable-dp-attention``): uses tp
            devices.
    """

    tp_size: int = 1
    pp_size: int = 1
    ep_size: int = 1
    dp_size: int = 1
    dp_attention: bool = False

    @property
    def num_devices(self) -> int:
        """Devices of one replica; DP attention lives inside the TP group."""
        return self.tp_size * self.pp_size * (1 if self.dp_attention else self.dp_size)

    @property
    def attention_tp_size(self) -> int:
        """Ranks that share one sequence's heads: TP, unless attention is data parallel inside the TP group.

        SGLang's ``--dp-size`` divides the TP group; without one, every rank is a copy of its own.
        """
        if not self.dp_attention:
            return self.tp_size
        return max(1, self.tp_size // self.dp_size) if self.dp_size > 1 else 1

    @property
    def attention_copies(self) -> int:
        """KV caches of one replica that hold different sequences."""
        return self.tp_size // self.attention_tp_size if self.dp_attention else self.dp_size

    @property
    def expert_ranks(self) -> int:
        """Devices of one stage that share the experts: the TP group, times DP where DP adds devices."""
        return self.tp_size * (1 if self.dp_attention else self.dp_size)


@lru_cache(maxsize=4096)
def stage_layer_ranges(num_layers: int, pp_size: int) -> tuple[range, ...]:
    """Return the layers of each pipeline stage, in order, as vLLM splits them.

    Layers that do not divide evenly go to the stages before the last, from the back: the last stage has the head
    and the sampler, the first one the embedding.

    Args:
        num_layers: Layers of the model, >= pp_size.
        pp_size: Stages, >= 1.
    """
    sizes = [num_layers // pp_size] * pp_size
    for extra in range(num_layers % pp_size):
        sizes[-(extra + 2) % pp_size] += 1
    starts = [sum(sizes[:stage]) for stage in range(pp_size)]
    return tuple(range(start, start + size) for start, size in zip(starts, sizes, strict=True))


def check_plan(
    arch: ModelArchitecture, plan: ParallelPlan, device: DeviceSpec, quantization: str | None = None
) -> Infeasible | None:
    """Return why no engine starts this layout, or None when the layout is legal.

    Memory is not looked at (``memory.estimate_memory``), nor whether the nodes have the devices (``topology``).

    Args:
        arch: Model shape.
        plan: Layout of one replica.
        device: Device that every rank runs on.
        quantization: Weight format; None = the checkpoint's own.

    Raises:
        InvalidRequestError: A size is below 1.
    """
    for field in ("tp_size", "pp_size", "ep_size", "dp_size"):
        if getattr(plan, field) < 1:
            raise InvalidRequestError(f"{field} must be at least 1, got {getattr(plan, field)}.", {"field": field})
    broken = (
        _pipeline_problem(arch, plan, device)
        or _head_problem(arch, plan)
        or _width_problem(arch, plan, quantization or arch.quantization)
        or _expert_problem(arch, plan)
    )
    if broken is None:
        return None
    # Local: serving_point needs ParallelPlan from here.
    from budsim.perf_model.serving_point import Infeasible

    return Infeasible(*broken)


def _pipeline_problem(arch: ModelArchitecture, plan: ParallelPlan, device: DeviceSpec) -> tuple[str, str] | None:
    if plan.pp_size == 1:
        return None
    if device.device_type.startswith("cpu"):
        return "pp_device", "Pipeline parallelism (PP) is not supported for CPU devices"
    if device.device_type not in PP_DEVICE_TYPES:
        return "pp_device", "Multi-node pipeline parallelism requires CUDA devices"
    if plan.pp_size > arch.num_layers:
        return "pp_layers", f"pp_size {plan.pp_size} is more than the {arch.num_layers} layers of {arch.name}."
    return None


def _head_problem(arch: ModelArchitecture, plan: ParallelPlan) -> tuple[str, str] | None:
    tp = plan.attention_tp_size
    if plan.dp_attention and plan.dp_size > 1 and plan.tp_size % plan.dp_size:
        return "dp_attention", f"dp_size {plan.dp_size} must divide tp_size {plan.tp_size} with DP attention."
    if tp == 1 or all(kind in (LayerKind.LINEAR, LayerKind.NONE) for kind in arch.layer_kinds):
        return None
    if arch.num_heads % tp:
        return "tp_heads", f"tp_size {tp} must divide the {arch.num_heads} attention heads of {arch.name}."
    if not arch.is_mla and arch.num_kv_heads % tp and tp % arch.num_kv_heads:
        return "tp_heads", (
            f"tp_size {tp} neither divides the {arch.num_kv_heads} key/value heads of {arch.name} nor is a multiple "
            "of them, so they cannot be split or copied evenly."
        )
    return None


def _width_problem(arch: ModelArchitecture, plan: ParallelPlan, quantization: str | None) -> tuple[str, str] | None:
    tp = plan.tp_size
    if tp == 1:
        return None
    padded_vocab = math.ceil(arch.vocab_size / VOCAB_PADDING) * VOCAB_PADDING
    if padded_vocab % tp:
        return "tp_vocab", f"tp_size {tp} must divide the padded vocabulary ({padded_vocab}) of {arch.name}."
    group = SCALE_GROUP_BY_QUANTIZATION.get(quantization or "", 1)
    widths = {}
    if not arch.is_moe or arch.moe_layers < arch.num_layers:
        widths["intermediate_size"] = arch.intermediate_size
    if arch.is_moe and plan.ep_size == 1:
        widths["moe_intermediate_size"] = arch.moe_intermediate_size
    for field, width in widths.items():
        if width % tp:
            return "tp_width", f"tp_size {tp} must divide {field} {width} of {arch.name}."
        if group > 1 and width % group == 0 and (width // tp) % group:
            return "tp_quant_group", (
                f"{field} {width} / tp_size {tp} = {width // tp} is not a multiple of the {group}-wide scale groups of "
                f"{quantization}: use a smaller tp_size{' or expert parallelism' if field.startswith('moe') else ''}."
            )
    return None


def _expert_problem(arch: ModelArchitecture, plan: ParallelPlan) -> tuple[str, str] | None:
    if plan.ep_size == 1:
        return None
    if not arch.is_moe:
        return "ep_dense", f"ep_size {plan.ep_size} needs experts; {arch.name} has none."
    if plan.ep_size > plan.expert_ranks:
        return "ep_devices", f"ep_size {plan.ep_size} is more than the {plan.expert_ranks} devices of a stage."
    if arch.num_experts % plan.ep_size:
        return "ep_experts", f"ep_size {plan.ep_size} must divide the {arch.num_experts} experts of {arch.name}."
    return None
