"""What ``quantization_config`` says about the stored weights.

Sources: the config files that AutoAWQ, GPTQModel, llm-compressor, ModelOpt, bitsandbytes and the publishers write;
field names as ``transformers`` 5 and vLLM read them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.config_fields import ConfigFields
from budsim.perf_model.precision import canonical_precision

# Word in an ignore list -> what stays at 16 bit. "mlp" with a projection name means the dense MLPs (Kimi K2.5).
_EXEMPT_PATTERNS: tuple[tuple[str, str], ...] = (
    ("attn", r"attn|attention"),
    ("shared_experts", r"shared_expert"),
    ("dense_mlp", r"mlp\\?\.\(?(gate_?\|)?(gate|up|down)"),
    ("linear", r"linear_attn|mamba|mixer"),
    ("router", r"router|mlp\.gate$|\bgate$"),
    ("embed", r"embed"),
    ("head", r"lm_head"),
)
# Ignore lists that name single layers only ("model.layers.0.self_attn.q_proj") leave the others quantised.
_WHOLE_MODEL_SHARE = 0.5


def exempt_modules(names: Sequence[Any], layers: int) -> tuple[str, ...]:
    """Return the components that an ignore list leaves unquantised throughout the model.

    Args:
        names: Module names, globs or ``re:`` patterns.
        layers: Number of layers; a component listed layer by layer counts once half the layers are listed.
    """
    exempt: list[str] = []
    texts = [str(name)[:200] for name in names[:100_000]]
    for word, pattern in _EXEMPT_PATTERNS:
        hits = [text for text in texts if re.search(pattern, text)]
        if not hits:
            continue
        numbered = {match.group(1) for text in hits if (match := re.search(r"layers\.(\d+)\.", text))}
        general = any(re.search(r"layers\.\d+\.", text) is None for text in hits)
        if general or len(numbered) >= _WHOLE_MODEL_SHARE * layers:
            exempt.append(word)
    return tuple(exempt)


def _compressed_tensors(section: Mapping[str, Any], fields: ConfigFields) -> str:
    """Return the scheme of the first weight group of a compressed-tensors config."""
    groups = section.get("config_groups")
    group = next(iter(groups.values()), None) if isinstance(groups, Mapping) else None
    if not isinstance(group, Mapping) or not isinstance(group.get("weights"), Mapping):
        raise fields.fail("config_groups", "has no group with a 'weights' object")
    weights, inputs = group["weights"], group.get("input_activations")
    bits, kind = weights.get("num_bits"), weights.get("type")
    input_bits = inputs.get("num_bits") if isinstance(inputs, Mapping) else None
    layout = str(group.get("format") or section.get("format") or "")
    if kind == "float" and bits == 8:
        return "fp8_block" if weights.get("strategy") == "block" else "fp8"
    if kind == "float" and bits == 4:
        if "mxfp4" in layout or weights.get("group_size") == 32:
            return "mxfp4"
        return "nvfp4" if input_bits == 4 else "nvfp4_w4a16"
    if kind == "int" and bits == 8:
        return "w8a8" if input_bits == 8 else "w8a16"
    if kind == "int" and bits == 4:
        if input_bits == 8:
            return "w4a8"
        return "w4a16_g32" if weights.get("group_size") == 32 else "w4a16"
    raise fields.fail("config_groups", f"has the unknown weight format {str(kind)[:20]} {str(bits)[:8]} bit")


def _by_bits(fields: ConfigFields, table: Mapping[int, str]) -> str:
    bits = fields.integer("bits", "w_bit", default=4, high=64)
    if bits not in table:
        raise fields.fail("bits", f"must be one of {sorted(table)}, not {bits}")
    return table[bits]


def _modelopt(section: Mapping[str, Any], fields: ConfigFields) -> str:
    inner = section.get("quantization")
    algorithm = section.get("quant_algo") or (inner.get("quant_algo") if isinstance(inner, Mapping) else None)
    if algorithm is None:
        return _compressed_tensors(section, fields)
    return _named(str(algorithm), fields, "quant_algo")


def _named(name: str, fields: ConfigFields, field: str) -> str:
    if name.upper() == "MIXED_PRECISION":
        return "nvfp4"  # ModelOpt's mixed checkpoints: experts in NVFP4, the rest in fp8
    try:
        return canonical_precision(name.lower().replace("modelopt_", ""))
    except InvalidRequestError:
        raise fields.fail(field, f"names the unknown scheme {name[:40]!r}") from None


def _scheme(section: Mapping[str, Any], fields: ConfigFields) -> str:
    method = fields.text("quant_method").lower().replace("_", "-")
    if method in {"", "modelopt", "modelopt-fp4", "modelopt-mixed"} and not fields.has("load_in_4bit"):
        return _modelopt(section, fields)
    if method == "fp8":
        return "fp8_block" if fields.has("weight_block_size") else "fp8"
    if method in {"awq", "awq-marlin"}:
        return _by_bits(fields, {4: "awq", 8: "w8a16"})
    if method in {"gptq", "gptq-marlin", "auto-round", "intel/auto-round", "autoround"}:
        return _by_bits(fields, {2: "gptq_int2", 3: "gptq_int3", 4: "gptq", 8: "gptq_int8"})
    if method in {"compressed-tensors", "compressed-tensor"}:
        return _compressed_tensors(section, fields)
    if method in {"bitsandbytes", "bnb"} or fields.has("load_in_4bit"):
        eight = fields.boolean("load_in_8bit", "_load_in_8bit", default=False)
        return "bnb-8bit" if eight else "bnb-4bit"
    return _named(method, fields, "quant_method")


def read_quantization(config: Mapping[str, Any], model: str, layers: int) -> tuple[str | None, tuple[str, ...]]:
    """Return the checkpoint's scheme and what it leaves unquantised.

    Args:
        config: The (sub-)config that may hold ``quantization_config``.
        model: Name for error messages.
        layers: Number of layers.

    Returns:
        ``(canonical scheme or None, exempt components)``.

    Raises:
        UnsupportedModelError: The section is there, but names no known scheme.
    """
    outer = ConfigFields(config, model)
    section = outer.section("quantization_config", "compression_config")
    if not section:
        return None, ()
    fields = ConfigFields(section, model, "quantization_config.")
    scheme = _scheme(section, fields)
    listed: list[Any] = []
    for name in ("modules_to_not_convert", "ignore", "exclude_modules", "ignored_layers", "llm_int8_skip_modules"):
        listed += list(fields.sequence(name) or ())
    exempt = exempt_modules(listed, layers)
    if scheme == "mxfp4" and not listed:
        exempt = ("attn", "router", "embed", "head")  # gpt-oss: only expert weights are mxfp4
    return scheme, exempt


def read_cache_format(config: Mapping[str, Any], model: str) -> str | None:
    """Return the format that a checkpoint's makers chose for the KV cache.

    Sources: ``kv_cache_quant_algo`` of ModelOpt, ``kv_cache_scheme`` of compressed-tensors and ModelOpt.

    Args:
        config: The (sub-)config that may hold ``quantization_config``.
        model: Name for error messages.

    Returns:
        ``fp8``; ``auto`` where the checkpoint is quantised and leaves the cache alone; None where nothing is said.
    """
    section = ConfigFields(config, model).section("quantization_config", "compression_config")
    if not section:
        return None
    inner = section.get("quantization")
    algorithm = section.get("kv_cache_quant_algo") or (
        inner.get("kv_cache_quant_algo") if isinstance(inner, Mapping) else None
    )
    scheme = section.get("kv_cache_scheme")
    bits = scheme.get("num_bits") if isinstance(scheme, Mapping) else None
    return "fp8" if str(algorithm).upper() == "FP8" or bits == 8 else "auto"
