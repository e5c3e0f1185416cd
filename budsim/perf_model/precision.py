"""Number formats: bytes per weight, per activation, per cached element, and the format that multiplies."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Precision:
    """Formats of one deployment.

    Attributes:
        name: As the field spells it: ``bf16``, ``fp8``, ``nvfp4``, ``mxfp4``, ``awq`` (w4a16) ….
        weight_bytes: Bytes per quantised weight, group scales included.
        activation_bytes: Bytes per activation element.
        compute_format: Key of ``DeviceSpec.peak_flops`` in which matrix products run when the device has it.
        unquantized_bytes: Bytes per weight that the scheme leaves alone (embeddings, norms, router, often the head).
    """

    name: str
    weight_bytes: float
    activation_bytes: float
    compute_format: str
    unquantized_bytes: float = 2.0
