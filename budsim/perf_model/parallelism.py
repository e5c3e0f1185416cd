"""How one replica is spread over devices."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ParallelPlan:
    """Sizes of one replica group.

    Attributes:
        tp_size: Tensor parallel ranks of one stage.
        pp_size: Pipeline stages.
        ep_size: Expert parallel ranks; 1 = experts are sharded like other weights. Uses the TP x DP devices, adds none.
        dp_size: Copies of the attention (and dense) weights behind one scheduler set; multiplies devices.
        dp_attention: Attention is data parallel over the TP ranks (SGLang's ``--enable-dp-attention``): uses tp devices.
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
