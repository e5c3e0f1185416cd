"""Model architectures that vLLM serves, by task, and what goes with a family: parsers, LoRA, pipeline stages.

Facts read from vLLM's model registry and its parser lists (0.8 to 0.32). Names are those of a config's
``architectures``.
"""

from __future__ import annotations

from dataclasses import dataclass

from budsim.perf_model.model_architecture import ModelArchitecture


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


TEXT_GENERATION = _names(
    """
    AfmoeForCausalLM ApertusForCausalLM AquilaModel AquilaForCausalLM ArceeForCausalLM ArcticForCausalLM
    BaiChuanForCausalLM BaichuanForCausalLM BailingMoeForCausalLM BailingMoeV2ForCausalLM BambaForCausalLM
    BloomForCausalLM ChatGLMModel ChatGLMForConditionalGeneration CohereForCausalLM Cohere2ForCausalLM CwmForCausalLM
    DbrxForCausalLM DeciLMForCausalLM DeepseekForCausalLM DeepseekV2ForCausalLM DeepseekV3ForCausalLM
    DeepseekV32ForCausalLM DeepseekV4ForCausalLM Dots1ForCausalLM Ernie4_5ForCausalLM Ernie4_5_MoeForCausalLM
    ExaoneForCausalLM Exaone4ForCausalLM FalconForCausalLM FalconMambaForCausalLM FalconH1ForCausalLM
    FlexOlmoForCausalLM GemmaForCausalLM Gemma2ForCausalLM Gemma3ForCausalLM Gemma3nForCausalLM GlmForCausalLM
    Glm4ForCausalLM Glm4MoeForCausalLM Glm4MoeLiteForCausalLM GlmMoeDsaForCausalLM GptOssForCausalLM GPT2LMHeadModel
    GPTBigCodeForCausalLM GPTJForCausalLM GPTNeoXForCausalLM GraniteForCausalLM GraniteMoeForCausalLM
    GraniteMoeHybridForCausalLM GraniteMoeSharedForCausalLM Grok1ModelForCausalLM Grok1ForCausalLM
    HunYuanMoEV1ForCausalLM HunYuanDenseV1ForCausalLM InternLMForCausalLM InternLM2ForCausalLM InternLM2VEForCausalLM
    InternLM3ForCausalLM JAISLMHeadModel Jais2ForCausalLM JambaForCausalLM KimiLinearForCausalLM Lfm2ForCausalLM
    Lfm2MoeForCausalLM LlamaForCausalLM LLaMAForCausalLM Llama4ForCausalLM LongcatFlashForCausalLM MambaForCausalLM
    Mamba2ForCausalLM MiniCPMForCausalLM MiniCPM3ForCausalLM MiniMaxForCausalLM MiniMaxText01ForCausalLM
    MiniMaxM1ForCausalLM MiniMaxM2ForCausalLM MiniMaxM3ForCausalLM MistralForCausalLM MistralLarge3ForCausalLM
    MixtralForCausalLM MptForCausalLM MPTForCausalLM MiMoForCausalLM MiMoV2FlashForCausalLM NemotronForCausalLM
    NemotronHForCausalLM OlmoForCausalLM Olmo2ForCausalLM Olmo3ForCausalLM OlmoeForCausalLM OPTForCausalLM
    OrionForCausalLM OuroForCausalLM PanguEmbeddedForCausalLM PanguUltraMoEForCausalLM PersimmonForCausalLM
    PhiForCausalLM Phi3ForCausalLM PhiMoEForCausalLM Plamo2ForCausalLM Plamo3ForCausalLM QWenLMHeadModel
    Qwen2ForCausalLM Qwen2MoeForCausalLM Qwen3ForCausalLM Qwen3MoeForCausalLM Qwen3NextForCausalLM RWForCausalLM
    SeedOssForCausalLM SmolLM3ForCausalLM SolarForCausalLM StableLMEpochForCausalLM StableLmForCausalLM
    Starcoder2ForCausalLM Step3TextForCausalLM Step3p7FlashForCausalLM TeleChatForCausalLM TeleChat2ForCausalLM
    TeleFLMForCausalLM XverseForCausalLM Zamba2ForCausalLM
    """
)

MULTIMODAL = _names(
    """
    AriaForConditionalGeneration AyaVisionForConditionalGeneration Blip2ForConditionalGeneration
    ChameleonForConditionalGeneration Cohere2VisionForConditionalGeneration DeepseekVLV2ForCausalLM
    DeepseekOCRForCausalLM DotsOCRForCausalLM Ernie4_5_VLMoeForConditionalGeneration FuyuForCausalLM
    Gemma3ForConditionalGeneration Gemma3nForConditionalGeneration Gemma4ForConditionalGeneration GLM4VForCausalLM
    Glm4vForConditionalGeneration Glm4vMoeForConditionalGeneration GraniteSpeechForConditionalGeneration
    H2OVLChatModel HCXVisionForCausalLM HunYuanVLForConditionalGeneration Idefics3ForConditionalGeneration
    InternS1ForConditionalGeneration InternVLChatModel InternVLForConditionalGeneration KeyeForConditionalGeneration
    KimiVLForConditionalGeneration KimiK25ForConditionalGeneration KimiK3ForConditionalGeneration
    Llama4ForConditionalGeneration LlavaForConditionalGeneration LlavaNextForConditionalGeneration
    LlavaNextVideoForConditionalGeneration LlavaOnevisionForConditionalGeneration MiDashengLMModel MiniCPMO MiniCPMV
    MiniMaxVL01ForConditionalGeneration Mistral3ForConditionalGeneration MllamaForConditionalGeneration
    MolmoForCausalLM NemotronH_Nano_VL_V2 NVLM_D Ovis Ovis2_5 PaliGemmaForConditionalGeneration Phi3VForCausalLM
    Phi4MMForCausalLM PixtralForConditionalGeneration QwenVLForConditionalGeneration Qwen2VLForConditionalGeneration
    Qwen2_5_VLForConditionalGeneration Qwen2AudioForConditionalGeneration Qwen2_5OmniModel
    Qwen3OmniMoeForConditionalGeneration Qwen3VLForConditionalGeneration Qwen3VLMoeForConditionalGeneration
    Qwen3_5ForConditionalGeneration Qwen3_5MoeForConditionalGeneration RForConditionalGeneration SkyworkR1VChatModel
    SmolVLMForConditionalGeneration Step3VLForConditionalGeneration TarsierForConditionalGeneration UltravoxModel
    VoxtralForConditionalGeneration WhisperForConditionalGeneration
    """
)

POOLING = _names(
    """
    BertModel BertForMaskedLM BertSpladeSparseEmbeddingModel CLIPModel Gemma2Model Gemma3TextModel GritLM GteModel
    GteNewModel InternLM2ForRewardModel LlamaModel LlamaBidirectionalModel MistralModel ModernBertModel NomicBertModel
    Qwen2Model Qwen2ForRewardModel Qwen2ForProcessRewardModel Qwen3Model RobertaForMaskedLM RobertaModel SiglipModel
    XLMRobertaModel BertForSequenceClassification BertForTokenClassification GemmaForSequenceClassification
    GteNewForSequenceClassification JambaForSequenceClassification JinaVLForRanking
    LlamaBidirectionalForSequenceClassification LlamaForSequenceClassification ModernBertForSequenceClassification
    Qwen2ForSequenceClassification Qwen3ForSequenceClassification RobertaForSequenceClassification
    XLMRobertaForSequenceClassification
    """
)

SUPPORTED_ARCHITECTURES = TEXT_GENERATION | MULTIMODAL | POOLING

# vLLM's own lists name the few that lack a feature; the rest have it.
WITHOUT_PIPELINE_STAGES = _names(
    """
    WhisperForConditionalGeneration MllamaForConditionalGeneration BertModel BertForMaskedLM RobertaModel
    RobertaForMaskedLM XLMRobertaModel ModernBertModel NomicBertModel GteModel GteNewModel CLIPModel SiglipModel
    BertForSequenceClassification RobertaForSequenceClassification XLMRobertaForSequenceClassification
    ModernBertForSequenceClassification Gemma3nForConditionalGeneration Gemma3nForCausalLM
    """
)
WITHOUT_LORA = _names(
    """
    ArcticForCausalLM BloomForCausalLM CohereForConditionalGeneration DbrxForCausalLM FalconMambaForCausalLM
    GPT2LMHeadModel GPTJForCausalLM GPTNeoXForCausalLM Grok1ModelForCausalLM Grok1ForCausalLM JAISLMHeadModel
    MambaForCausalLM Mamba2ForCausalLM MPTForCausalLM MptForCausalLM OLMoForCausalLM OPTForCausalLM
    PersimmonForCausalLM QWenLMHeadModel StableLmForCausalLM StableLMEpochForCausalLM
    """
)


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

_SUFFIXES = ("ForCausalLM", "ForConditionalGeneration", "LMHeadModel", "Model")


def served_architecture(arch: ModelArchitecture) -> str | None:
    """Return the architecture name under which vLLM serves a model, or None.

    A config without ``architectures`` is looked up by its ``model_type`` (``qwen3_moe`` is Qwen3MoeForCausalLM).
    """
    for name in arch.architectures:
        if name in SUPPORTED_ARCHITECTURES:
            return name
    if arch.architectures:
        return None
    wanted = arch.model_type.replace("_", "").replace("-", "").lower()
    return _BY_MODEL_TYPE.get(wanted)


def family_facts(architecture: str) -> FamilyFacts:
    """Return parsers and family of an architecture; an unlisted one has its own name as family and no parsers."""
    prefixes = [prefix for prefix in _FAMILIES if architecture.startswith(prefix)]
    if prefixes:
        return _FAMILIES[max(prefixes, key=len)]
    return FamilyFacts(_stem(architecture))


def _stem(architecture: str) -> str:
    for suffix in _SUFFIXES:
        if architecture.endswith(suffix):
            return architecture.removesuffix(suffix).lower()
    return architecture.lower()


_BY_MODEL_TYPE = {_stem(name).replace("_", ""): name for name in sorted(SUPPORTED_ARCHITECTURES, reverse=True)}
