"""Efficiencies and overheads of engines on device families: defaults from physics, values from measurements.

``DEFAULTS`` holds the starting point of every family and says where it comes from. ``fitted_constants.FITTED`` holds
what
``scripts/fit_step_time.py`` found per engine and family; it starts from these defaults and is drawn back to them where
measurements are few. An engine or family without measurements takes the defaults of its family.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from budsim.perf_model.fitted_constants import FITTED
from budsim.perf_model.hardware_catalog import DeviceSpec

# By (engine, device family, load), ``*`` for any engine or any family.
FittedConstants = Mapping[tuple[str, str, str], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class StepConstants:
    """What physics does not give. Efficiencies are shares of the datasheet, in (0, 1].

    Attributes:
        memory_efficiency: Reading weights.
        kv_efficiency: Reading the KV cache in decode attention.
        compute_efficiency: Large GEMMs in 16 bit.
        narrow_efficiency: Further factor for fp8, int8 and fp4 GEMMs.
        packed_efficiency: Further factor on reading weights that are unpacked to 16 bit (AWQ, GPTQ, mxfp4 without fp4
            units).
        expert_memory_efficiency: Further factor on reading the experts that a step selects.
        expert_compute_efficiency: Further factor on grouped GEMMs.
        routing_evenness: Share of a step's tokens that choose experts independently: real routers repeat themselves.
        attention_efficiency: Prefill attention in 16 bit.
        collective_latency_s: One all-reduce of two devices.
        layer_overhead_s: Kernel launches and gaps of one dense layer in one step (other layers by their kernels).
        launch_variety: Share of the further kernels of MoE and MLA layers that the engine does not fuse away.
        step_overhead_s: Scheduling, sampling and host work of one decode step.
        prefill_overhead_s: What a step with prompt tokens costs on top (no CUDA graph, input preparation).
        sequence_overhead_s: Host work per sequence and step.
        arrival_delay_s: From the client to the scheduler's queue: HTTP, tokenising.
        arrival_lag_steps: Steps that pass until the scheduler looks at a new arrival.
        half_rate_tokens: Rows at which a GEMM reaches half of its best rate: a tensor-core tile has 64 to 128 rows.
        two_rows_factor: Time of GEMMs of 2 rows over the roofline's, where that of 1 row is exact. This and the three
            below are 1 but for calibrations: kernels for few rows differ, and decode need not grow with the batch.
        four_rows_factor: The same for 4 rows.
        eight_rows_factor: The same for 8 rows.
        sixteen_rows_factor: The same for 16 rows; from 32 rows on the factor is 1.
    """

    memory_efficiency: float = 0.75
    kv_efficiency: float = 0.6
    compute_efficiency: float = 0.65
    narrow_efficiency: float = 0.75
    packed_efficiency: float = 0.8
    expert_memory_efficiency: float = 0.8
    expert_compute_efficiency: float = 0.6
    routing_evenness: float = 0.8
    attention_efficiency: float = 0.4
    collective_latency_s: float = 8e-6
    layer_overhead_s: float = 20e-6
    launch_variety: float = 0.5
    step_overhead_s: float = 1.5e-3
    prefill_overhead_s: float = 8e-3
    sequence_overhead_s: float = 5e-6
    arrival_delay_s: float = 5e-3
    arrival_lag_steps: float = 0.5
    half_rate_tokens: float = 48.0
    two_rows_factor: float = 1.0
    four_rows_factor: float = 1.0
    eight_rows_factor: float = 1.0
    sixteen_rows_factor: float = 1.0


# Starting points by family. Memory: 70-80 % of the datasheet is what stream-like kernels reach on HBM. Compute: cuBLAS
# reaches 60-70 % of dense peak on Hopper (power-limited), flash attention 3 about 75 %, 2 about 40 %
# (arXiv:2407.08608).
DEFAULTS: dict[str, StepConstants] = {
    "hopper": StepConstants(),
    "blackwell": StepConstants(compute_efficiency=0.6, narrow_efficiency=0.6, attention_efficiency=0.35),
    "ampere": StepConstants(compute_efficiency=0.7, attention_efficiency=0.5),
    "ada": StepConstants(compute_efficiency=0.6, collective_latency_s=20e-6),
    "turing": StepConstants(memory_efficiency=0.65, compute_efficiency=0.4, collective_latency_s=20e-6),
    "cdna": StepConstants(
        memory_efficiency=0.6, compute_efficiency=0.45, attention_efficiency=0.25, layer_overhead_s=35e-6,
        step_overhead_s=3e-3,
    ),
    "gaudi": StepConstants(
        memory_efficiency=0.65, compute_efficiency=0.6, layer_overhead_s=30e-6, step_overhead_s=3e-3
    ),
    "cpu": StepConstants(
        memory_efficiency=0.6, kv_efficiency=0.3, compute_efficiency=0.25, attention_efficiency=0.08,
        collective_latency_s=60e-6,
        layer_overhead_s=60e-6, step_overhead_s=5e-3, prefill_overhead_s=5e-3, sequence_overhead_s=50e-6,
    ),
    "other": StepConstants(memory_efficiency=0.6, compute_efficiency=0.45, narrow_efficiency=0.6),
}  # fmt: skip

_FAMILY_BY_ARCHITECTURE = {
    "hopper": "hopper", "blackwell": "blackwell", "ampere": "ampere", "ada": "ada", "turing": "turing",
    "volta": "turing",
    "pascal": "turing", "cdna": "cdna", "rdna": "other", "gaudi": "gaudi",
}  # fmt: skip

BOUNDS: dict[str, tuple[float, float]] = {
    "memory_efficiency": (0.15, 0.95), "kv_efficiency": (0.05, 0.95), "compute_efficiency": (0.02, 0.9),
    "narrow_efficiency": (0.15, 1.0), "packed_efficiency": (0.2, 1.0), "expert_memory_efficiency": (0.1, 1.0),
    "expert_compute_efficiency": (0.05, 1.0), "routing_evenness": (0.2, 1.0), "attention_efficiency": (0.02, 0.9),
    "collective_latency_s": (1e-6, 3e-4), "layer_overhead_s": (1e-6, 5e-4), "launch_variety": (0.01, 2.0),
    "step_overhead_s": (5e-5, 0.1),
    "prefill_overhead_s": (1e-4, 0.3), "sequence_overhead_s": (1e-7, 2e-3), "arrival_delay_s": (1e-4, 0.3),
    "arrival_lag_steps": (0.01, 20.0),
}  # fmt: skip


def device_family(device: DeviceSpec) -> str:
    """Return the family whose constants a device takes."""
    if device.device_type.startswith("cpu"):
        return "cpu"
    name = device.architecture.lower().replace(" ", "")
    for prefix, family in _FAMILY_BY_ARCHITECTURE.items():
        if name.startswith(prefix):
            return family
    return "gaudi" if device.device_type == "hpu" else "cdna" if device.device_type == "rocm" else "other"


def step_constants(
    engine: str, device: DeviceSpec, load: str = "served", fitted: FittedConstants = FITTED
) -> StepConstants:
    """Return the constants of an engine on a device: each from the most specific entry that names it.

    Args:
        engine: ``vllm``, ``sglang``, ``trtllm`` …; what is not known of it comes from its family's pooled values, then
            from the defaults.
        device: The device.
        load: ``served`` (client, scheduler) or ``static`` (offline batch through the engine's own loop).
        fitted: Other constants than the package's, such as those of a calibration.
    """
    family = device_family(device)
    known = {f.name for f in fields(StepConstants)}
    values: dict[str, float] = {}
    for scope in (("*", "*"), ("*", family), (engine, "*"), (engine, family)):
        for kind in dict.fromkeys(("served", load)):
            values.update(fitted.get((*scope, kind), {}))
    return replace(DEFAULTS[family], **{name: value for name, value in values.items() if name in known})
