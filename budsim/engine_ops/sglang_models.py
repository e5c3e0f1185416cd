"""What goes with a model family in SGLang: parsers, chat template, LoRA. Pure.

Parser and template names are those of the 0.5.23 package (``argument_tables``); which family takes which is from
SGLang's documentation of its tool and reasoning parsers.
"""

from __future__ import annotations

from budsim.engine_ops import argument_tables as tables
from budsim.engine_ops.arguments import names
from budsim.engine_ops.vllm_models import FamilyFacts
from budsim.engine_ops.vllm_models import family_facts as common_facts

# Prefix of the architecture name -> (tool-call parser, reasoning parser); the longest matching prefix counts.
_PARSERS: dict[str, tuple[str | None, str | None]] = {
    "Llama": ("llama3", None),
    "Llama4": ("pythonic", None),
    "Mistral": ("mistral", None),
    "Mixtral": ("mistral", None),
    "Pixtral": ("mistral", None),
    "Qwen2": ("qwen", None),
    "Qwen3": ("qwen", "qwen3"),
    "Qwen3Next": ("qwen", None),
    "Qwen3_5": ("qwen3_coder", "qwen3"),
    "DeepseekV3": ("deepseekv3", "deepseek-r1"),
    "DeepseekV32": ("deepseekv32", "deepseek-v3"),
    "DeepseekV4": ("deepseekv4", "deepseek-v4"),
    "GptOss": ("gpt-oss", "gpt-oss"),
    "Glm4Moe": ("glm45", "glm45"),
    "Glm4vMoe": ("glm45", "glm45"),
    "GlmMoeDsa": ("glm47", "glm45"),
    "Kimi": ("kimi_k2", "kimi_k2"),
    "KimiK3": ("kimi_k3", "kimi_k3"),
    "MiniMaxM2": ("minimax-m2", "minimax"),
    "MiniMaxM3": ("minimax-m3", "minimax-m3"),
    "Step3": ("step3", "step3"),
    "Step3p5": ("step3p5", "step3p5"),
    "HunYuan": ("hunyuan", "hunyuan"),
    "Gemma4": ("gemma4", "gemma4"),
    "Lfm2": ("lfm2", None),
    "InternS1": ("interns1", "interns1"),
    "Granite": (None, None),
}
_VARIANT_PARSERS: dict[str, tuple[str | None, str | None]] = {
    "kimi_k2_thinking": ("kimi_k2", "kimi_k2"),
    "kimi_k2": ("kimi_k2", None),
    "deepseek_v31": ("deepseekv31", "deepseek-v3"),
    "deepseek_v3": ("deepseekv3", None),
    "qwen3_coder": ("qwen3_coder", None),
    "qwen3_instruct": ("qwen", None),
}

# Models whose tokenizer has no chat template of its own: SGLang's name for the right one.
_CHAT_TEMPLATES = {
    "LlavaLlamaForCausalLM": "vicuna_v1.1",
    "LlavaQwenForCausalLM": "chatml-llava",
    "DeepseekVL2ForCausalLM": "deepseek-vl2",
    "MultiModalityCausalLM": "janus-pro",
}

# Families of SGLang's own LoRA tests whose classes need no special module names.
_PLAIN_LORA = names(
    "LlamaForCausalLM MistralForCausalLM Qwen2ForCausalLM Qwen3ForCausalLM Qwen3MoeForCausalLM Phi3ForCausalLM"
)


def family_facts(architecture: str, variant: str | None = None) -> FamilyFacts:
    """Return family and parsers of an architecture, or of a variant of it (``vllm_models.model_variant``)."""
    prefixes = [prefix for prefix in _PARSERS if architecture.startswith(prefix)]
    tool, reasoning = _PARSERS[max(prefixes, key=len)] if prefixes else (None, None)
    if variant is not None:
        tool, reasoning = _VARIANT_PARSERS[variant]
    return FamilyFacts(common_facts(architecture).architecture_family, tool, reasoning)


def chat_template(architecture: str) -> str | None:
    """Return the chat template to name, or None when the tokenizer has its own."""
    return _CHAT_TEMPLATES.get(architecture)


def serves_lora(architecture: str) -> bool:
    """Return whether LoRA adapters of an architecture are served."""
    return architecture in tables.SGLANG_WITH_LORA_MODULES or architecture in _PLAIN_LORA
