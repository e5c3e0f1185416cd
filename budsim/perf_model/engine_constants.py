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
        kv_narrow_efficiency: Further factor on reading a cache of 8 bit.
        latent_efficiency: Further factor on reading the latent cache of MLA.
        compute_efficiency: Large GEMMs in 16 bit.
        narrow_efficiency: Further factor for fp8 and int8 GEMMs.
        fp4_efficiency: Further factor for fp4 GEMMs.
        packed_efficiency: Further factor on reading weights that are unpacked to 16 bit (AWQ, GPTQ, mxfp4 without fp4
            units).
        expert_memory_efficiency: Reading the experts that a step selects.
        expert_compute_efficiency: Grouped GEMMs in 16 bit.
        expert_narrow_efficiency: The same in fp8 and int8, and of mxfp4 weights with 8-bit activations.
        expert_block_efficiency: The same in fp8 with scales per block.
        expert_fp4_efficiency: The same in fp4.
        expert_packed_efficiency: The same where weights are unpacked to 16 bit.
        routing_evenness: Share of a step's tokens that choose experts independently: real routers repeat themselves.
        expert_tile_rows: Rows that an active expert computes at least.
        expert_block_tile_rows: The same in fp8 with scales per block.
        expert_packed_tile_rows: The same where weights are unpacked to 16 bit: kernels for few rows.
        half_rate_tokens: Rows at which a GEMM reaches half of its rate.
        attention_efficiency: Prefill attention in 16 bit, heads of 128.
        attention_half_tokens: Prompt length at which prefill attention reaches half of its rate.
        latent_decode_efficiency: Absorbed products of MLA in decode attention, share of the 16-bit rate.
        link_efficiency: Share of the link's rate that large all-reduces reach.
        collective_latency_s: One all-reduce of two devices.
        layer_overhead_s: Shortest time of one dense layer's kernels in one step, gaps included.
        moe_overhead_s: What routing, permuting and combining experts add to it.
        mla_overhead_s: What low-rank projections and absorbed products add to it.
        step_overhead_s: Scheduling, sampling and host work of one decode step.
        prefill_overhead_s: What a step with prompt tokens costs on top (input preparation).
        prefill_launch_s: Host time that launches one dense layer's kernels where no CUDA graph does; it overlaps with
            the device's work.
        sequence_overhead_s: Host work per sequence and step.
        arrival_delay_s: From the client to the scheduler's queue: HTTP, tokenising.
        arrival_lag_steps: Decode steps that pass until the scheduler looks at a new arrival, besides the one that runs
            and, where the engine plans ahead, the next.
        cold_step_s: What the first step of prompts waits for kernels to be compiled, on a server without warm-ups.
        cold_chunk_s: What the first step of prompts that fills the token budget waits besides.
        two_rows_factor: Time of GEMMs of 2 rows over the roofline's, where that of 1 row is exact. This and the three
            below are 1 but for calibrations: kernels for few rows differ, and decode need not grow with the batch.
        four_rows_factor: The same for 4 rows.
        eight_rows_factor: The same for 8 rows.
        sixteen_rows_factor: The same for 16 rows; from 32 rows on the factor is 1.
    """

    memory_efficiency: float = 0.82
    kv_efficiency: float = 0.8
    kv_narrow_efficiency: float = 0.8
    latent_efficiency: float = 0.9
    compute_efficiency: float = 0.75
    narrow_efficiency: float = 0.7
    fp4_efficiency: float = 0.5
    packed_efficiency: float = 0.8
    expert_memory_efficiency: float = 0.88
    expert_compute_efficiency: float = 0.42
    expert_narrow_efficiency: float = 0.31
    expert_block_efficiency: float = 0.24
    expert_fp4_efficiency: float = 0.3
    expert_packed_efficiency: float = 0.25
    routing_evenness: float = 0.75
    expert_tile_rows: float = 55.0
    expert_block_tile_rows: float = 31.0
    expert_packed_tile_rows: float = 16.0
    half_rate_tokens: float = 40.0
    attention_efficiency: float = 0.6
    attention_half_tokens: float = 1000.0
    latent_decode_efficiency: float = 0.6
    link_efficiency: float = 0.62
    collective_latency_s: float = 5e-6
    layer_overhead_s: float = 33e-6
    moe_overhead_s: float = 32e-6
    mla_overhead_s: float = 20e-6
    step_overhead_s: float = 0.8e-3
    prefill_overhead_s: float = 4e-3
    prefill_launch_s: float = 80e-6
    sequence_overhead_s: float = 5e-6
    arrival_delay_s: float = 5e-3
    arrival_lag_steps: float = 0.1
    cold_step_s: float = 0.005
    cold_chunk_s: float = 0.02
    two_rows_factor: float = 1.0
    four_rows_factor: float = 1.0
    eight_rows_factor: float = 1.0
    sixteen_rows_factor: float = 1.0


# What belongs to the device and its kernels; the rest is the engine's host side.
KERNEL_CONSTANTS = tuple(f.name for f in fields(StepConstants))[:27]
HOST_CONSTANTS = tuple(f.name for f in fields(StepConstants))[27:35]

# Starting points by family, from the operator tables of aiconfigurator-core 0.12.0 (``scripts/fit_operators.py``; its
# output and errors: docs/accuracy.md). ``layer_overhead_s`` adds what four GEMMs, decode attention, norms, rotary
# embedding and activation take with next to no work there (3.4 us a GEMM, 7-13 us attention), ``moe_overhead_s`` what a
# grouped GEMM and the router take more than a dense MLP (25-46 us on Hopper, 17-30 us on Blackwell). Where it has no
# table (cdna, gaudi, cpu, turing): shares that stream-like and BLAS kernels reach on such devices.
DEFAULTS: dict[str, StepConstants] = {
    "hopper": StepConstants(),
    "blackwell": StepConstants(
        memory_efficiency=0.77, kv_efficiency=0.87, kv_narrow_efficiency=0.95, latent_efficiency=0.73,
        compute_efficiency=0.7, narrow_efficiency=0.75, expert_compute_efficiency=0.45, expert_narrow_efficiency=0.4,
        expert_block_efficiency=0.17, expert_packed_efficiency=0.15, expert_tile_rows=65.0, expert_block_tile_rows=40.0,
        expert_packed_tile_rows=20.0, routing_evenness=0.65,
        half_rate_tokens=90.0, attention_efficiency=0.54, attention_half_tokens=1300.0, latent_decode_efficiency=0.95,
        link_efficiency=0.5,
        collective_latency_s=6e-6, layer_overhead_s=24e-6, moe_overhead_s=18e-6,
    ),
    "ampere": StepConstants(
        memory_efficiency=0.77, kv_efficiency=0.67, compute_efficiency=0.78, half_rate_tokens=78.0,
        attention_efficiency=0.55, attention_half_tokens=450.0, link_efficiency=0.57,
    ),
    "ada": StepConstants(
        kv_efficiency=0.87, compute_efficiency=0.6, expert_block_tile_rows=98.0,
        expert_packed_tile_rows=28.0, half_rate_tokens=100.0, attention_efficiency=0.48,
        attention_half_tokens=250.0, link_efficiency=0.4, collective_latency_s=7e-6,
    ),
    "turing": StepConstants(
        memory_efficiency=0.65, kv_efficiency=0.6, compute_efficiency=0.4, attention_efficiency=0.3,
        link_efficiency=0.4, attention_half_tokens=250.0, collective_latency_s=7e-6,
    ),
    "cdna": StepConstants(
        expert_memory_efficiency=0.6, expert_compute_efficiency=0.25,
        memory_efficiency=0.6, kv_efficiency=0.6, compute_efficiency=0.45, attention_efficiency=0.25,
        layer_overhead_s=35e-6, step_overhead_s=3e-3,
    ),
    "gaudi": StepConstants(
        memory_efficiency=0.65, kv_efficiency=0.6, compute_efficiency=0.6, attention_efficiency=0.4,
        layer_overhead_s=30e-6, step_overhead_s=3e-3,
    ),
    "cpu": StepConstants(
        expert_memory_efficiency=0.5, expert_compute_efficiency=0.15,
        memory_efficiency=0.6, kv_efficiency=0.3, compute_efficiency=0.25, attention_efficiency=0.08,
        attention_half_tokens=50.0, half_rate_tokens=20.0, link_efficiency=0.8, collective_latency_s=60e-6,
        layer_overhead_s=60e-6, step_overhead_s=5e-3, prefill_overhead_s=5e-3, sequence_overhead_s=50e-6,
    ),
    "other": StepConstants(memory_efficiency=0.6, compute_efficiency=0.45, narrow_efficiency=0.6),
}  # fmt: skip
# Heads narrower than 128 keep the exponential unit busy before the matrix unit: rate x (width / 128) ** exponent.
_NARROW_HEAD_EXPONENT = {"blackwell": 0.75}
_NARROW_HEAD_EXPONENT_ELSEWHERE = 0.3

_FAMILY_BY_ARCHITECTURE = {
    "hopper": "hopper", "blackwell": "blackwell", "ampere": "ampere", "ada": "ada", "turing": "turing",
    "volta": "turing",
    "pascal": "turing", "cdna": "cdna", "rdna": "other", "gaudi": "gaudi",
}  # fmt: skip

_SHARE, _FACTOR = (0.03, 0.95), (0.1, 1.0)
BOUNDS: dict[str, tuple[float, float]] = {
    "memory_efficiency": (0.15, 0.95), "kv_efficiency": _SHARE, "kv_narrow_efficiency": _FACTOR,
    "latent_efficiency": _FACTOR, "compute_efficiency": (0.02, 0.95), "narrow_efficiency": _FACTOR,
    "fp4_efficiency": _FACTOR, "packed_efficiency": (0.2, 1.0), "expert_memory_efficiency": (0.1, 0.98),
    "expert_compute_efficiency": _SHARE, "expert_narrow_efficiency": _SHARE, "expert_block_efficiency": _SHARE,
    "expert_fp4_efficiency": _SHARE, "expert_packed_efficiency": _SHARE, "routing_evenness": (0.1, 1.0),
    "expert_tile_rows": (4.0, 256.0), "expert_block_tile_rows": (4.0, 256.0),
    "expert_packed_tile_rows": (2.0, 128.0), "half_rate_tokens": (1.0, 400.0), "attention_efficiency": (0.02, 0.95),
    "attention_half_tokens": (1.0, 6000.0), "latent_decode_efficiency": _SHARE, "link_efficiency": (0.05, 0.95),
    "collective_latency_s": (1e-6, 3e-4), "layer_overhead_s": (1e-6, 5e-4), "moe_overhead_s": (1e-7, 5e-4),
    "mla_overhead_s": (1e-7, 5e-4), "step_overhead_s": (5e-5, 0.1), "prefill_overhead_s": (1e-4, 0.3),
    "prefill_launch_s": (1e-6, 3e-3), "sequence_overhead_s": (1e-7, 2e-3), "arrival_delay_s": (1e-4, 0.3),
    "arrival_lag_steps": (0.01, 20.0), "cold_step_s": (1e-3, 30.0), "cold_chunk_s": (1e-3, 200.0),
}  # fmt: skip


def narrow_head_share(device: DeviceSpec, head_dim: float) -> float:
    """Return the share of the attention rate that heads of ``head_dim`` reach, 1 from 128 on."""
    exponent = _NARROW_HEAD_EXPONENT.get(device_family(device), _NARROW_HEAD_EXPONENT_ELSEWHERE)
    return float(min(1.0, (head_dim / 128.0) ** exponent))


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
