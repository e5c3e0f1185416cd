"""What a model family fixes in code rather than in config.json: biases, norms, gating, defaults.

Facts of the reference implementations in ``transformers`` 5 (``modeling_<type>.py``) or of the publisher's own code,
checked by parameter counts against published totals (``tests/golden/model_parameters.csv``). A family that is not
listed is read with the conventions of Llama, which nearly every new decoder follows.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FamilyTraits:
    """Structure that config.json does not state.

    Attributes:
        qkv_bias: None = the config's ``attention_bias``.
        output_bias: None = as ``qkv_bias``.
        gated: The MLP has three matrices; None = three unless the activation says otherwise.
        mlp_bias: None = the config's ``mlp_bias``.
        norms: Norm vectors in one layer.
        norm_bias: Norms carry a bias.
        final_norm: One more norm after the last layer.
        qk_norm: ``head``, ``heads``, ``full`` or ``""``; ``use_qk_norm`` (or alike) false switches it off.
        tied: Default of ``tie_word_embeddings``.
        head_bias: The output projection has a bias.
        positions: Learned position embeddings; ``position_offset`` more than ``max_position_embeddings``.
        alternate_sliding: Every n-th layer attends fully, the others in the window; 0 = all or none.
        router_bias: One bias per expert.
        linear_router: That bias is the router's own, not a correction that keeps the experts evenly loaded.
        expert_bias: Experts have biases.
        sinks: One sink logit per head.
        shared_expert_gate: The shared expert's output has a gate of its own.
        query_gate: The query projection is twice as wide: its other half gates the attention output.
        head_gate: One gate value per head.
        pooler: A dense layer over the first token follows the encoder.
        encoder: Bidirectional: nothing is cached.
    """

    qkv_bias: bool | None = None
    output_bias: bool | None = None
    gated: bool | None = None
    mlp_bias: bool | None = None
    norms: int = 2
    norm_bias: bool = False
    final_norm: bool = True
    qk_norm: str = ""
    tied: bool = False
    head_bias: bool = False
    positions: bool = False
    position_offset: int = 0
    alternate_sliding: int = 0
    router_bias: bool = False
    linear_router: bool = False
    expert_bias: bool = False
    sinks: bool = False
    shared_expert_gate: bool = False
    query_gate: bool = False
    head_gate: bool = False
    pooler: bool = False
    encoder: bool = False
    task: str = "generate"


_LLAMA = FamilyTraits()
_QWEN2 = FamilyTraits(qkv_bias=True, output_bias=False)
_QWEN3 = FamilyTraits(qk_norm="head")
_QWEN3_5 = FamilyTraits(qk_norm="head", shared_expert_gate=True, query_gate=True)
_OLD_GPT = FamilyTraits(qkv_bias=True, gated=False, mlp_bias=True, norm_bias=True, tied=True, positions=True)
_BERT = FamilyTraits(
    qkv_bias=True, gated=False, mlp_bias=True, norm_bias=True, final_norm=True, tied=True, positions=True,
    encoder=True, pooler=True, task="embed",
)  # fmt: skip
_DEEPSEEK_V3 = FamilyTraits(router_bias=True)
_GEMMA3 = FamilyTraits(norms=4, qk_norm="head", tied=True, alternate_sliding=6)
_NEMOTRON_H = FamilyTraits(gated=False, norms=1, router_bias=True)

FAMILIES: dict[str, FamilyTraits] = {
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "ministral3": _LLAMA,
    "mistral4": _LLAMA,
    "mixtral": _LLAMA,
    "qwen": _QWEN2,
    "qwen2": _QWEN2,
    "qwen2_vl": _QWEN2,
    "qwen2_5_vl": _QWEN2,
    "qwen2_moe": FamilyTraits(qkv_bias=True, output_bias=False, shared_expert_gate=True),
    "qwen2_5_omni_text": _QWEN2,
    "qwen2_audio": _QWEN2,
    "mimo": _QWEN2,
    "qwen3": _QWEN3,
    "qwen3_moe": _QWEN3,
    "qwen3_vl": _QWEN3,
    "qwen3_vl_moe": _QWEN3,
    "qwen3_omni_moe_text": _QWEN3,
    "qwen3_next": _QWEN3_5,
    "qwen3_5": _QWEN3_5,
    "qwen3_5_moe": _QWEN3_5,
    "molmo2": _QWEN3,
    "gemma": FamilyTraits(tied=True),
    "gemma2": FamilyTraits(norms=4, tied=True, alternate_sliding=2),
    "gemma3": _GEMMA3,
    "gemma3n": FamilyTraits(norms=4, qk_norm="head", tied=True, alternate_sliding=5),
    "gemma4": FamilyTraits(norms=4, qk_norm="head", tied=True, alternate_sliding=6),
    "phi": FamilyTraits(qkv_bias=True, gated=False, mlp_bias=True, norms=1, norm_bias=True, head_bias=True),
    "phi3": _LLAMA,
    "phi3_v": _LLAMA,
    "phimoe": FamilyTraits(norm_bias=True, qkv_bias=True, head_bias=True),
    "olmo": FamilyTraits(norms=0, final_norm=False),
    "olmo2": FamilyTraits(qk_norm="full"),
    "olmo3": FamilyTraits(qk_norm="full", alternate_sliding=4),
    "olmo_hybrid": FamilyTraits(qk_norm="full"),
    "olmoe": FamilyTraits(qk_norm="full"),
    "flex_olmo": FamilyTraits(qk_norm="full"),
    "cohere": FamilyTraits(norms=1, qk_norm="heads", tied=True),
    "cohere2": FamilyTraits(norms=1, tied=True, alternate_sliding=4),
    "starcoder2": FamilyTraits(qkv_bias=True, gated=False, mlp_bias=True, norm_bias=True, tied=True),
    "gpt_neox": FamilyTraits(qkv_bias=True, gated=False, mlp_bias=True, norm_bias=True),
    "gpt2": _OLD_GPT,
    "gpt_bigcode": _OLD_GPT,
    "gptj": FamilyTraits(qkv_bias=False, gated=False, mlp_bias=True, norms=1, norm_bias=True, head_bias=True),
    "codegen": FamilyTraits(qkv_bias=False, gated=False, mlp_bias=True, norms=1, norm_bias=True, head_bias=True),
    "gpt_neo": FamilyTraits(
        qkv_bias=False, output_bias=True, gated=False, mlp_bias=True, norm_bias=True, tied=True, positions=True,
        alternate_sliding=-2,
    ),
    "opt": FamilyTraits(
        qkv_bias=True, gated=False, mlp_bias=True, norm_bias=True, tied=True, positions=True, position_offset=2
    ),
    "biogpt": FamilyTraits(
        qkv_bias=True, gated=False, mlp_bias=True, norm_bias=True, tied=True, positions=True, position_offset=2
    ),
    "xglm": FamilyTraits(qkv_bias=True, gated=False, mlp_bias=True, norm_bias=True, tied=True),
    "bloom": FamilyTraits(qkv_bias=True, gated=False, mlp_bias=True, norm_bias=True, tied=True),
    "mpt": FamilyTraits(qkv_bias=False, gated=False, mlp_bias=False, tied=True),
    "falcon": FamilyTraits(qkv_bias=False, gated=False, mlp_bias=False, norms=1, norm_bias=True, tied=True),
    "chatglm": FamilyTraits(qkv_bias=True, output_bias=False),
    "glm": FamilyTraits(output_bias=False),
    "glm4": FamilyTraits(norms=4, output_bias=False),
    "glm4v": FamilyTraits(norms=4, qkv_bias=True, output_bias=False),
    "glm4_moe": FamilyTraits(output_bias=False, router_bias=True, qk_norm="head"),
    "glm4v_moe": FamilyTraits(output_bias=False, router_bias=True),
    "glm4_moe_lite": _DEEPSEEK_V3,
    "glm_moe_dsa": _DEEPSEEK_V3,
    "solar_open": FamilyTraits(router_bias=True, output_bias=False),
    "baichuan": _LLAMA,
    "stablelm": FamilyTraits(norm_bias=True, output_bias=False),
    "persimmon": FamilyTraits(qkv_bias=True, gated=False, mlp_bias=True, norm_bias=True, qk_norm="head"),
    "nemotron": FamilyTraits(gated=False, norm_bias=True),
    "nemotron_h": _NEMOTRON_H,
    "nemotron-nas": _LLAMA,
    "granite": FamilyTraits(tied=True),
    "granite_swa": FamilyTraits(tied=True),
    "granitemoe": FamilyTraits(tied=True),
    "granitemoeshared": FamilyTraits(tied=True),
    "granitemoehybrid": FamilyTraits(tied=True),
    "exaone": _LLAMA,
    "exaone4": FamilyTraits(qk_norm="head"),
    "apertus": FamilyTraits(qk_norm="head", gated=False),
    "arcee": FamilyTraits(gated=False),
    "seed_oss": FamilyTraits(qkv_bias=True, output_bias=False),
    "smollm3": FamilyTraits(tied=True),
    "hunyuan_v1_dense": FamilyTraits(qk_norm="head", tied=True),
    "hunyuan_v1_moe": FamilyTraits(qk_norm="head", tied=True),
    "internlm2": _LLAMA,
    "minicpm": _LLAMA,
    "minicpm3": FamilyTraits(tied=True),
    "ernie4_5": FamilyTraits(tied=True),
    "ernie4_5_moe": FamilyTraits(tied=True, router_bias=True),
    "ernie4_5_vl_moe": FamilyTraits(tied=True, router_bias=True),
    "dbrx": FamilyTraits(qkv_bias=False),
    "deepseek": _LLAMA,
    "deepseek_v2": _LLAMA,
    "deepseek_v3": _DEEPSEEK_V3,
    "deepseek_v32": _DEEPSEEK_V3,
    "kimi_k2": _DEEPSEEK_V3,
    "kimi_linear": _DEEPSEEK_V3,
    "dots1": FamilyTraits(router_bias=True, qk_norm="head"),
    "dots3_note": FamilyTraits(router_bias=True, head_gate=True),
    "bailing_moe": FamilyTraits(qk_norm="head"),
    "minimax_m2": FamilyTraits(qk_norm="full", router_bias=True),
    "minimax_m3": FamilyTraits(qk_norm="head", router_bias=True),
    "arctic": FamilyTraits(norms=3),
    "grok-1": FamilyTraits(norms=4, tied=True),
    "grok-2": FamilyTraits(norms=4, tied=True),
    "gpt_oss": FamilyTraits(
        qkv_bias=True, router_bias=True, linear_router=True, expert_bias=True, sinks=True, alternate_sliding=2
    ),
    "mimo_v2_flash": FamilyTraits(router_bias=True),
    "mimo_v2": FamilyTraits(router_bias=True),
    "step3p7": FamilyTraits(router_bias=True, qk_norm="head", head_gate=True),
    "muse_glimmer": FamilyTraits(norms=4, query_gate=True),
    "deepseek_v4": FamilyTraits(sinks=True),
    "zamba": FamilyTraits(norms=1, tied=True),
    "jais2": FamilyTraits(gated=False, norm_bias=True, qkv_bias=True, mlp_bias=True),
    "orion": FamilyTraits(norm_bias=True),
    "bitnet": FamilyTraits(tied=True, norms=3, gated=True),
    "lfm2": FamilyTraits(tied=True, qk_norm="head"),
    "lfm2_moe": FamilyTraits(tied=True, qk_norm="head", router_bias=True),
    "jamba": _LLAMA,
    "mamba": FamilyTraits(norms=1, tied=True),
    "mamba2": FamilyTraits(norms=1),
    "falcon_mamba": FamilyTraits(norms=1),
    "bert": _BERT,
    "roberta": _BERT,
    "xlm-roberta": _BERT,
    "jina_embeddings_v3": FamilyTraits(
        qkv_bias=True, gated=False, mlp_bias=True, norm_bias=True, tied=True, encoder=True, task="embed"
    ),
    "nomic_bert": FamilyTraits(
        qkv_bias=False, gated=True, mlp_bias=False, norm_bias=True, tied=True, encoder=True, task="embed"
    ),
    "modernbert": FamilyTraits(
        qkv_bias=False, gated=True, mlp_bias=False, tied=True, encoder=True, task="embed"
    ),
    "t5": FamilyTraits(qkv_bias=False, mlp_bias=False, tied=True),
    "bart": FamilyTraits(
        qkv_bias=True, gated=False, mlp_bias=True, norm_bias=True, tied=True, positions=True, position_offset=2
    ),
    "whisper": FamilyTraits(
        qkv_bias=True, gated=False, mlp_bias=True, norm_bias=True, tied=True, positions=True, task="transcribe"
    ),
}  # fmt: skip

# Spellings of one structure: nested text models, wrappers, renamed copies.
_SAME_AS: dict[str, str] = {
    "xlm-roberta-xl": "xlm-roberta",
    "camembert": "roberta",
    "gpt2-xl": "gpt2",
    "RefinedWeb": "falcon",
    "RefinedWebModel": "falcon",
    "bailing_moe_v2": "bailing_moe",
    "bailing_moe_linear": "bailing_moe",
    "deci": "nemotron-nas",
    "umt5": "t5",
    "mt5": "t5",
    "glm46v": "glm4v_moe",
    "grok-1.5": "grok-1",
}


def family_of(model_type: str) -> FamilyTraits:
    """Return the traits of a ``model_type``; suffixes of nested text configs (``_text``) are dropped."""
    key = _SAME_AS.get(model_type, model_type)
    if key not in FAMILIES:
        key = key.removesuffix("_text").removesuffix("_text_model")
    return FAMILIES.get(key, _LLAMA)
