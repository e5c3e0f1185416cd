"""Model architectures that vLLM serves, by task, and what goes with a family: parsers, LoRA, pipeline stages.

Architectures, LoRA and stages are read from the packages' model registries and classes (``argument_tables``), which
parser goes with which family from vLLM's documentation of tool calling and reasoning outputs. Names are those of a
config's ``architectures``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from budsim.engine_ops import argument_tables as tables
from budsim.perf_model.model_architecture import ModelArchitecture

SERVED_BY_VERSION: dict[tuple[int, ...], frozenset[str]] = {}
_names: frozenset[str] = frozenset()
for _version, _added, _removed in (
    ((0, 8), tables.VLLM_ARCHITECTURES_SINCE_0_8, tables.VLLM_ARCHITECTURES_UNTIL_0_8),
    ((0, 11), tables.VLLM_ARCHITECTURES_SINCE_0_11, tables.VLLM_ARCHITECTURES_UNTIL_0_11),
    ((0, 19), tables.VLLM_ARCHITECTURES_SINCE_0_19, tables.VLLM_ARCHITECTURES_UNTIL_0_19),
    ((0, 24), tables.VLLM_ARCHITECTURES_SINCE_0_24, tables.VLLM_ARCHITECTURES_UNTIL_0_24),
    ((0, 32), tables.VLLM_ARCHITECTURES_SINCE_0_32, tables.VLLM_ARCHITECTURES_UNTIL_0_32),
):
    _names = (_names | _added) - _removed
    SERVED_BY_VERSION[_version] = _names

NEWEST = max(SERVED_BY_VERSION)
SUPPORTED_ARCHITECTURES = frozenset().union(*SERVED_BY_VERSION.values())
WITHOUT_PIPELINE_STAGES = tables.VLLM_WITHOUT_STAGES
WITHOUT_LORA = tables.VLLM_WITHOUT_LORA

TOOL_PARSERS: dict[tuple[int, ...], frozenset[str]] = {
    (0, 8): tables.VLLM_TOOL_PARSERS_0_8,
    (0, 11): tables.VLLM_TOOL_PARSERS_0_11,
    (0, 19): tables.VLLM_TOOL_PARSERS_0_19,
    (0, 24): tables.VLLM_TOOL_PARSERS_0_24,
    (0, 32): tables.VLLM_TOOL_PARSERS_0_32,
}
REASONING_PARSERS: dict[tuple[int, ...], frozenset[str]] = {
    (0, 8): tables.VLLM_REASONING_PARSERS_0_8,
    (0, 11): tables.VLLM_REASONING_PARSERS_0_11,
    (0, 19): tables.VLLM_REASONING_PARSERS_0_19,
    (0, 24): tables.VLLM_REASONING_PARSERS_0_24,
    (0, 32): tables.VLLM_REASONING_PARSERS_0_32,
}


@dataclass(frozen=True, slots=True)
class FamilyFacts:
    """What goes with a model family in vLLM: parser names, as its command line takes them."""

    architecture_family: str
    tool_calling_parser_type: str | None = None
    reasoning_parser_type: str | None = None


# Prefix of the architecture name -> facts; the longest matching prefix counts.
_FAMILIES = {
    "Llama": FamilyFacts("llama", "llama3_json"),
    "Llama4": FamilyFacts("llama4", "llama4_pythonic"),
    "LLaMA": FamilyFacts("llama"),
    "Mistral": FamilyFacts("mistral", "mistral"),
    "Mixtral": FamilyFacts("mistral", "mistral"),
    "Pixtral": FamilyFacts("mistral", "mistral"),
    "Qwen2": FamilyFacts("qwen2", "hermes"),
    "Qwen3": FamilyFacts("qwen3", "hermes", "qwen3"),
    "Qwen3_5": FamilyFacts("qwen3", "qwen3_coder", "qwen3"),
    "QWen": FamilyFacts("qwen"),
    "DeepseekV2": FamilyFacts("deepseek"),
    "DeepseekV3": FamilyFacts("deepseek", "deepseek_v3", "deepseek_r1"),
    "DeepseekV32": FamilyFacts("deepseek", "deepseek_v32", "deepseek_v3"),
    "Deepseek": FamilyFacts("deepseek"),
    "GptOss": FamilyFacts("gpt_oss", "openai", "openai_gptoss"),
    "Glm4": FamilyFacts("glm"),
    "Glm4Moe": FamilyFacts("glm", "glm45", "glm45"),
    "Glm4v": FamilyFacts("glm", "glm45", "glm45"),
    "GlmMoeDsa": FamilyFacts("glm", "glm47", "glm45"),
    "Kimi": FamilyFacts("kimi", "kimi_k2", "kimi_k2"),
    "MiniMaxM1": FamilyFacts("minimax", "minimax"),
    "MiniMaxM2": FamilyFacts("minimax", "minimax_m2", "minimax_m2"),
    "Granite": FamilyFacts("granite", "granite", "granite"),
    "InternLM2": FamilyFacts("internlm", "internlm"),
    "Jamba": FamilyFacts("jamba", "jamba"),
    "Phi4MM": FamilyFacts("phi", "phi4_mini_json"),
    "Phi": FamilyFacts("phi"),
    "Gemma": FamilyFacts("gemma"),
    "Gemma3": FamilyFacts("gemma", "pythonic"),
    "SeedOss": FamilyFacts("seed_oss", "seed_oss", "seed_oss"),
    "HunYuanMoE": FamilyFacts("hunyuan", "hunyuan_a13b", "hunyuan_a13b"),
    "Ernie4_5": FamilyFacts("ernie", "ernie45", "ernie45"),
    "Step3": FamilyFacts("step", "step3", "step3"),
    "Olmo3": FamilyFacts("olmo", "olmo3", "olmo3"),
}

# Models that share an architecture and not its parsers, by name and ``model_type``; the first match counts. A reasoning
# parser on a model that does not reason takes its whole answer for a thought.
_VARIANTS = (
    ("DeepseekV3", re.compile(r"kimi.*thinking"), "kimi_k2_thinking"),
    ("DeepseekV3", re.compile(r"kimi"), "kimi_k2"),
    ("DeepseekV3", re.compile(r"deepseek-v3\.1"), "deepseek_v31"),
    ("DeepseekV3", re.compile(r"deepseek-v3|moonlight"), "deepseek_v3"),
    ("Qwen3", re.compile(r"qwen3-coder"), "qwen3_coder"),
    ("Qwen3", re.compile(r"qwen3-.*instruct"), "qwen3_instruct"),
)
_VARIANT_PARSERS: dict[str, tuple[str | None, str | None]] = {
    "kimi_k2_thinking": ("kimi_k2", "kimi_k2"),
    "kimi_k2": ("kimi_k2", None),
    "deepseek_v31": ("deepseek_v31", "deepseek_v3"),
    "deepseek_v3": ("deepseek_v3", None),
    "qwen3_coder": ("qwen3_coder", None),
    "qwen3_instruct": ("hermes", None),
}

_SUFFIXES = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel", "Model")


def served_architecture(arch: ModelArchitecture, version: tuple[int, ...] | None = None) -> str | None:
    """Return the architecture name under which a table version of vLLM serves a model, or None.

    A config without ``architectures`` is looked up by its ``model_type`` (``qwen3_moe`` is Qwen3MoeForCausalLM).

    Args:
        arch: Model shape.
        version: A key of ``SERVED_BY_VERSION``; None = any of them.
    """
    served = SUPPORTED_ARCHITECTURES if version is None else SERVED_BY_VERSION[version]
    for name in arch.architectures:
        if name in served:
            return name
    if arch.architectures:
        return None
    wanted = arch.model_type.replace("_", "").replace("-", "").lower()
    found = _BY_MODEL_TYPE.get(wanted)
    return found if found in served else None


def versions_serving(arch: ModelArchitecture) -> list[tuple[int, ...]]:
    """Return the table versions that serve a model, oldest first."""
    return [version for version in sorted(SERVED_BY_VERSION) if served_architecture(arch, version)]


def family_facts(architecture: str, variant: str | None = None) -> FamilyFacts:
    """Return parsers and family of an architecture; an unlisted one has its own name as family and no parsers.

    Args:
        architecture: Name as the engine serves it.
        variant: Which of the models that share it, see ``model_variant``.
    """
    prefixes = [prefix for prefix in _FAMILIES if architecture.startswith(prefix)]
    facts = _FAMILIES[max(prefixes, key=len)] if prefixes else FamilyFacts(_stem(architecture))
    if variant is None:
        return facts
    tool, reasoning = _VARIANT_PARSERS[variant]
    return replace(facts, tool_calling_parser_type=tool, reasoning_parser_type=reasoning)


def model_variant(arch: ModelArchitecture, architecture: str) -> str | None:
    """Return which of the models that share an architecture one is, None when its name does not tell."""
    text = f"{arch.model_type} {arch.name}".lower()
    return next(
        (name for prefix, pattern, name in _VARIANTS if architecture.startswith(prefix) and pattern.search(text)), None
    )


def _stem(architecture: str) -> str:
    for suffix in _SUFFIXES:
        if architecture.endswith(suffix):
            return architecture.removesuffix(suffix).lower()
    return architecture.lower()


_BY_MODEL_TYPE = {_stem(name).replace("_", ""): name for name in sorted(SUPPORTED_ARCHITECTURES, reverse=True)}
