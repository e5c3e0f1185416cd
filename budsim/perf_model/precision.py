"""Number formats: bytes per weight, per activation, per cached element, and the format that multiplies.

Pure values. Bytes per weight include the scales that travel with a group of weights.

Sources:
    mxfp4           OCP Microscaling Formats 1.0: 32 elements of 4 bit share one 8-bit scale.
    nvfp4           NVIDIA: 16 elements of 4 bit share one fp8 scale (plus one fp32 per tensor, not counted).
    fp8_block       DeepSeek-V3 report, arXiv:2412.19437 section 3.3: one fp32 scale per 128 x 128 weights.
    w4a16, AWQ, GPTQ  arXiv:2306.00978, arXiv:2210.17323: one fp16 scale and one 4-bit zero per group of 128.
    bnb 4 bit       arXiv:2305.14314: block of 64 with a doubly quantised scale, 0.127 bit per weight.
    GGUF            llama.cpp block layouts: Q4_K 144 B, Q5_K 176 B, Q6_K 210 B per 256 weights, Q8_0 34 B per 32.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from budsim.commons.errors import InvalidRequestError

if TYPE_CHECKING:
    from budsim.perf_model.hardware_catalog import DeviceSpec
    from budsim.perf_model.model_architecture import ModelArchitecture


@dataclass(frozen=True, slots=True)
class Precision:
    """Formats of one deployment.

    Attributes:
        name: As the field spells it: ``bf16``, ``fp8``, ``nvfp4``, ``mxfp4``, ``awq`` (w4a16) ….
        weight_bytes: Bytes per quantised weight, group scales included.
        activation_bytes: Bytes per activation element.
        compute_format: Key of ``DeviceSpec.peak_flops`` in which matrix products run when the device has it.
        unquantized_bytes: Bytes per weight that the scheme leaves alone (embeddings, norms, router, often the head).
        quantizes_embeddings: The scheme also covers the embedding table and the head (GGUF).
        honours_exemptions: The checkpoint's own list of unquantised modules applies.
        exempt: Components that a conversion to this scheme usually leaves alone (see ``quantization_exempt``); used
            when the checkpoint's own list does not apply.
        reason: What was changed against the name because the device lacks the format; empty = nothing.
    """

    name: str
    weight_bytes: float
    activation_bytes: float
    compute_format: str
    unquantized_bytes: float = 2.0
    quantizes_embeddings: bool = False
    honours_exemptions: bool = True
    exempt: tuple[str, ...] = ()
    reason: str = ""

    @property
    def weight_only(self) -> bool:
        """Whether weights are stored narrower than the format that multiplies them."""
        return self.weight_bytes < bytes_per_element(self.compute_format) * 0.99


@dataclass(frozen=True, slots=True)
class _Scheme:
    """Weight format, and the format that multiplies (None = 16 bit, weight-only)."""

    weight_bytes: float
    compute_format: str | None
    activation_bytes: float = 2.0
    quantizes_embeddings: bool = False


_GROUP_128_INT4 = 0.5 + (2 + 0.5) / 128  # fp16 scale + 4-bit zero per 128 weights
_GROUP_32_INT4 = 0.5 + 2 / 32  # compressed-tensors group 32, symmetric: no zero

_SCHEMES: dict[str, _Scheme] = {
    "fp8": _Scheme(1.0, "fp8"),
    "fp8_block": _Scheme(1.0 + 4 / (128 * 128), "fp8"),
    "w8a8": _Scheme(1.0, "int8"),
    "w8a16": _Scheme(1.0 + 2 / 128, None),
    "w4a16": _Scheme(_GROUP_128_INT4, None),
    "w4a16_g32": _Scheme(_GROUP_32_INT4, None),
    "awq": _Scheme(_GROUP_128_INT4, None),
    "gptq": _Scheme(_GROUP_128_INT4, None),
    "gptq_int8": _Scheme(1.0 + 3 / 128, None),
    "gptq_int3": _Scheme(0.375 + (2 + 0.375) / 128, None),
    "gptq_int2": _Scheme(0.25 + (2 + 0.25) / 128, None),
    "w4a8": _Scheme(_GROUP_128_INT4, "fp8"),
    "nvfp4": _Scheme(0.5 + 1 / 16, "fp4"),
    "nvfp4_w4a16": _Scheme(0.5 + 1 / 16, None),
    # Activations stay 16 bit in the checkpoints that exist; engines multiply in fp8 or bf16 (gpt-oss).
    "mxfp4": _Scheme(0.5 + 1 / 32, None),
    "mxfp8": _Scheme(1.0 + 1 / 32, "fp8"),
    "bnb-4bit": _Scheme(0.5 + 0.127 / 8, None),
    "bnb-8bit": _Scheme(1.0, None),
    "gguf_q2": _Scheme(84 / 256, None, quantizes_embeddings=True),
    "gguf_q3": _Scheme(110 / 256, None, quantizes_embeddings=True),
    "gguf_q4": _Scheme(144 / 256, None, quantizes_embeddings=True),
    "gguf_q5": _Scheme(176 / 256, None, quantizes_embeddings=True),
    "gguf_q6": _Scheme(210 / 256, None, quantizes_embeddings=True),
    "gguf_q8": _Scheme(34 / 32, None, quantizes_embeddings=True),
    "bitnet": _Scheme(0.25, None),
}

_WIDTHS: dict[str, float] = {"fp32": 4.0, "tf32": 4.0, "bf16": 2.0, "fp16": 2.0, "fp8": 1.0, "int8": 1.0, "fp4": 0.5}

# Spelling -> canonical name. Keys are lower case with every separator removed.
_ALIASES: dict[str, str] = {
    "bf16": "bf16", "bfloat16": "bf16", "torchbfloat16": "bf16", "16bit": "bf16",
    "fp16": "fp16", "float16": "fp16", "half": "fp16", "torchfloat16": "fp16", "f16": "fp16",
    "fp32": "fp32", "float32": "fp32", "float": "fp32", "torchfloat32": "fp32", "f32": "fp32", "tf32": "fp32",
    "fp8": "fp8", "fp8e4m3": "fp8", "e4m3": "fp8", "float8": "fp8", "float8e4m3fn": "fp8", "fp8dynamic": "fp8",
    "fp8static": "fp8", "fp8pertensor": "fp8", "w8a8fp8": "fp8", "modeloptfp8": "fp8", "ptpcfp8": "fp8",
    "fbgemmfp8": "fp8", "fp8e5m2": "fp8",
    "fp8block": "fp8_block", "fp8blockwise": "fp8_block", "blockfp8": "fp8_block",
    "int8": "w8a8", "w8a8": "w8a8", "w8a8int8": "w8a8", "i8": "w8a8", "smoothquant": "w8a8", "quantizedw8a8": "w8a8",
    "intw8a8": "w8a8", "int8w8a8": "w8a8", "int8sq": "w8a8",
    "w8a16": "w8a16", "int8wo": "w8a16", "quantizedw8a16": "w8a16",
    "w4a16": "w4a16", "int4": "w4a16", "i4": "w4a16", "int4wo": "w4a16", "intw4a16": "w4a16", "quantizedw4a16": "w4a16",
    "int4w4a16": "w4a16", "4bit": "w4a16", "int4autoround": "w4a16", "int4autoroundinc": "w4a16", "autoround": "w4a16",
    "8bit": "w8a16", "w4a16g128": "w4a16", "w4a16g32": "w4a16_g32",
    "awq": "awq", "awqint4": "awq", "awq4bit": "awq", "awqmarlin": "awq",
    "gptq": "gptq", "gptqint4": "gptq", "gptq4bit": "gptq", "gptqmarlin": "gptq", "marlin": "gptq",
    "gptqint8": "gptq_int8", "gptq8bit": "gptq_int8", "gptqint3": "gptq_int3", "gptqint2": "gptq_int2",
    "w4a8": "w4a8", "w4afp8": "w4a8", "qserve": "w4a8",
    "nvfp4": "nvfp4", "fp4": "nvfp4", "modeloptfp4": "nvfp4", "modeloptnvfp4": "nvfp4", "nvfp4w4a4": "nvfp4",
    "w4a4": "nvfp4", "nvfp4a16": "nvfp4_w4a16", "nvfp4w4a16": "nvfp4_w4a16",
    "mxfp4": "mxfp4", "mxfp8": "mxfp8",
    "bnb4bit": "bnb-4bit", "bnb": "bnb-4bit", "bitsandbytes": "bnb-4bit", "bitsandbytes4bit": "bnb-4bit",
    "nf4": "bnb-4bit", "bnbnf4": "bnb-4bit", "bnb8bit": "bnb-8bit", "bitsandbytes8bit": "bnb-8bit",
    "gguf": "gguf_q4", "gguf_q4": "gguf_q4", "bitnet": "bitnet", "158bit": "bitnet",
}  # fmt: skip

_GGUF = re.compile(r"^(?:gguf)?i?q([234568])(?:[0k]|xs|xxs|s|m|nl)?[0-9smlx]*$")

# What the caller may write; shown in the error message.
KNOWN_PRECISIONS: tuple[str, ...] = ("fp32", "bf16", "fp16", *_SCHEMES)


def canonical_precision(name: str) -> str:
    """Return the canonical name of a precision as the field spells it.

    Args:
        name: ``bfloat16``, ``FP8 dynamic``, ``bfloat16+fp8``, ``mxfp4 (Marlin)``, ``Q4_K_M`` ….

    Returns:
        One of ``KNOWN_PRECISIONS``.

    Raises:
        InvalidRequestError: The name fits no format.
    """
    # "bfloat16+fp8": activation dtype and weight scheme; "mxfp4 (Marlin)": the kernel in brackets changes no bytes.
    spelled = re.sub(r"\(.*?\)", "", name).strip().lower()
    for part in reversed(spelled.split("+")):
        key = re.sub(r"[^a-z0-9]", "", part)
        if key in _ALIASES:
            return _ALIASES[key]
        if re.sub(r"[^a-z0-9]", "_", part.strip()) in _SCHEMES:
            return re.sub(r"[^a-z0-9]", "_", part.strip())
        if match := _GGUF.match(key):
            return f"gguf_q{match.group(1)}"
    known = ", ".join(KNOWN_PRECISIONS)
    raise InvalidRequestError(f"unknown precision '{name[:64]}': use one of {known}", {"field": "precision"})


def bytes_per_element(number_format: str) -> float:
    """Return the bytes of one element of a plain number format, as KV caches and activations store it.

    Args:
        number_format: ``bf16``, ``fp16``, ``fp32``, ``fp8``, ``fp8_e4m3``, ``fp8_e5m2``, ``int8``, ``fp4`` …

    Raises:
        InvalidRequestError: Not a number format (``auto`` must be resolved before).
    """
    key = number_format.strip().lower()
    if key in _WIDTHS:
        return _WIDTHS[key]
    if key.startswith(("fp8", "float8", "e4m3", "e5m2", "int8", "u8", "i8")):
        return 1.0
    if key in {"nvfp4", "mxfp4", "int4", "u4", "i4"}:
        return 0.5
    aliased = _ALIASES.get(re.sub(r"[^a-z0-9]", "", key))
    if aliased in _WIDTHS:
        return _WIDTHS[aliased]
    raise InvalidRequestError(
        f"unknown number format '{number_format[:64]}': use one of {', '.join(_WIDTHS)}", {"field": "kv_cache_dtype"}
    )


def _sixteen_bit(preferred: str, device: DeviceSpec | None) -> tuple[str, str]:
    """Return the 16-bit format that a device multiplies in, and why it is not the preferred one."""
    if device is None or not device.peak_flops or preferred in device.peak_flops:
        return preferred, ""
    other = "fp16" if preferred == "bf16" else "bf16"
    if other in device.peak_flops:
        return other, f"{device.name} has no {preferred}: the engine runs in {other}"
    return "fp32", f"{device.name} has no 16-bit arithmetic: products run in fp32, weights stay {preferred}"


def _compute_format(name: str, device: DeviceSpec | None) -> str | None:
    """Return the format a scheme multiplies in where the device has it; None = 16 bit."""
    if name == "mxfp4" and device is not None and "fp4" in device.peak_flops:
        # Blackwell: mxfp8 activations against mxfp4 weights, at fp8 rate (FlashInfer kernels of vLLM 0.11 on).
        return "fp8"
    return _SCHEMES[name].compute_format


def _scheme_precision(
    name: str, dtype: str, device: DeviceSpec | None, stored: bool, exempt: tuple[str, ...]
) -> Precision:
    """Return the formats of a quantisation scheme on a device."""
    scheme = _SCHEMES[name]
    base = "bf16" if dtype == "fp32" else dtype
    sixteen, reason = _sixteen_bit(base, device)
    compute = _compute_format(name, device)
    if compute is not None and device is not None and device.peak_flops and compute not in device.peak_flops:
        # Marlin kernels (vLLM): weights stay narrow, products run in 16 bit.
        wide = f"{device.name} has no {compute} arithmetic: weights stay {name}, products run in {sixteen}"
        compute, reason = None, wide
    return Precision(
        name=name,
        weight_bytes=scheme.weight_bytes,
        activation_bytes=scheme.activation_bytes,
        compute_format=compute or sixteen,
        unquantized_bytes=2.0,
        quantizes_embeddings=scheme.quantizes_embeddings,
        honours_exemptions=stored,
        exempt=exempt,
        reason=reason,
    )


def _checkpoint_precision(arch: ModelArchitecture) -> str:
    return canonical_precision(arch.quantization or arch.torch_dtype)


def _agrees_with_checkpoint(wanted: str, own: str) -> bool:
    """Whether a coarse name ("fp8", "fp4", "int4") means the checkpoint's own finer scheme."""
    families = (
        {"fp8", "fp8_block", "mxfp8"},
        {"nvfp4", "mxfp4", "nvfp4_w4a16"},
        {"w4a16", "w4a16_g32", "awq", "gptq", "bnb-4bit", "gguf_q4"},
        {"w8a8", "w8a16", "gptq_int8", "bnb-8bit"},
    )
    return wanted == own or any(wanted in family and own in family for family in families)


def resolve_precision(name: str | None, arch: ModelArchitecture, device: DeviceSpec | None) -> Precision:
    """Resolve a precision name for a model on a device.

    A coarse name that agrees with the checkpoint's own scheme means that scheme (``fp8`` for DeepSeek-V3 is its
    block-wise fp8; ``fp4`` for gpt-oss is mxfp4). A 16-bit name for a quantised checkpoint names the activations, as
    engines' ``--dtype`` does, and leaves the weights as they are stored.

    Args:
        name: As the caller spells it; None or blank = the checkpoint's own.
        arch: The model.
        device: Where it runs; None = a device that has every format.

    Returns:
        Formats; ``reason`` says what the device forced.

    Raises:
        InvalidRequestError: The name fits no format.
    """
    own = _checkpoint_precision(arch)
    if own == "fp32" and device is not None:  # engines load fp32 checkpoints in 16 bit unless told otherwise
        own = "bf16"
    wanted = canonical_precision(name) if name and name.strip().lower() not in {"auto", "none"} else own
    if name and name.strip().lower() == "fp4" and device is not None and device.device_type == "rocm":
        wanted = "mxfp4"  # AMD has the OCP format only
    dtype = arch.torch_dtype
    stored_note = ""
    if wanted in ("bf16", "fp16") and own in _SCHEMES and name is not None:
        stored_note = f"precision {wanted} names the activations: the checkpoint's weights stay {own}"
        dtype, wanted = wanted, own
    if _agrees_with_checkpoint(wanted, own):
        wanted = own
    if wanted in _SCHEMES:
        # Conversions of MLA models keep attention at 16 bit (ignore lists of nvidia/DeepSeek-R1-NVFP4 and its like).
        exempt = ("attn",) if arch.is_mla and wanted == "nvfp4" else ()
        found = _scheme_precision(wanted, dtype, device, wanted == own, exempt)
        return replace(found, reason="; ".join(filter(None, (stored_note, found.reason))))
    if wanted == "fp32":
        return Precision("fp32", 4.0, 4.0, "fp32", unquantized_bytes=4.0)
    compute, reason = _sixteen_bit(wanted, device)
    return Precision(wanted, 2.0, 2.0, compute, unquantized_bytes=2.0, reason=reason)
