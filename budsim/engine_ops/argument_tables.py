"""Flags, parser names and architectures of engine releases. Written by ``scripts/build_engine_args.py``.

Read from the argument files of these packages:
sglang 0.5.23, vllm 0.11.0, vllm 0.19.0, vllm 0.24.0, vllm 0.32.0, vllm 0.8.5.
Only flags that BudSim may write; a fact holds from ``since`` up to, not including, ``until`` (None: it still
holds in the newest release that was read).
"""

from __future__ import annotations

from budsim.engine_ops.arguments import ArgumentFact, names

VLLM_ARGUMENTS: tuple[ArgumentFact, ...] = (
    ArgumentFact("async-scheduling", "bool", since=(0, 11), negatable=True),
    ArgumentFact("block-size", "choice", since=(0, 8), until=(0, 19), choices=("1", "8", "16", "32", "64", "128")),
    ArgumentFact("block-size", "int", since=(0, 19), until=(0, 24)),
    ArgumentFact("block-size", "int", since=(0, 24), low=0.0, low_is_excluded=True),
    ArgumentFact("chat-template", "str", since=(0, 8)),
    ArgumentFact("data-parallel-size", "int", since=(0, 8), until=(0, 24)),
    ArgumentFact("data-parallel-size", "int", since=(0, 24), low=1.0),
    ArgumentFact(
        "device", "choice", since=(0, 8), until=(0, 11), choices=("auto", "cuda", "neuron", "cpu", "tpu", "xpu", "hpu")
    ),
    ArgumentFact(
        "distributed-executor-backend",
        "choice",
        since=(0, 8),
        until=(0, 11),
        choices=("ray", "mp", "uni", "external_launcher"),
    ),
    ArgumentFact("distributed-executor-backend", "str", since=(0, 11)),
    ArgumentFact("dtype", "choice", since=(0, 8), choices=("auto", "half", "float16", "bfloat16", "float", "float32")),
    ArgumentFact("enable-auto-tool-choice", "bool", since=(0, 8), until=(0, 11)),
    ArgumentFact("enable-auto-tool-choice", "bool", since=(0, 11), negatable=True),
    ArgumentFact("enable-chunked-prefill", "bool", since=(0, 8), negatable=True),
    ArgumentFact("enable-expert-parallel", "bool", since=(0, 8), negatable=True),
    ArgumentFact("enable-lora", "bool", since=(0, 8), negatable=True),
    ArgumentFact("enable-prefix-caching", "bool", since=(0, 8), negatable=True),
    ArgumentFact("enable-reasoning", "bool", since=(0, 8), until=(0, 11)),
    ArgumentFact("enforce-eager", "bool", since=(0, 8), until=(0, 11)),
    ArgumentFact("enforce-eager", "bool", since=(0, 11), negatable=True),
    ArgumentFact("gpu-memory-utilization", "float", since=(0, 8), until=(0, 19)),
    ArgumentFact("gpu-memory-utilization", "float", since=(0, 19), low=0.0, high=1.0, low_is_excluded=True),
    ArgumentFact("headless", "bool", since=(0, 11)),
    ArgumentFact("host", "str", since=(0, 8)),
    ArgumentFact(
        "kv-cache-dtype", "choice", since=(0, 8), until=(0, 11), choices=("auto", "fp8", "fp8_e4m3", "fp8_e5m2")
    ),
    ArgumentFact(
        "kv-cache-dtype",
        "choice",
        since=(0, 11),
        until=(0, 19),
        choices=("auto", "bfloat16", "fp8", "fp8_e4m3", "fp8_e5m2", "fp8_inc"),
    ),
    ArgumentFact(
        "kv-cache-dtype",
        "choice",
        since=(0, 19),
        until=(0, 24),
        choices=("auto", "float16", "bfloat16", "fp8", "fp8_e4m3", "fp8_e5m2", "fp8_inc", "fp8_ds_mla"),
    ),
    ArgumentFact(
        "kv-cache-dtype",
        "choice",
        since=(0, 24),
        until=(0, 32),
        choices=(
            "auto",
            "float16",
            "bfloat16",
            "fp8",
            "fp8_e4m3",
            "fp8_e5m2",
            "fp8_inc",
            "fp8_ds_mla",
            "turboquant_k8v4",
            "turboquant_4bit_nc",
            "turboquant_k3v4_nc",
            "turboquant_3bit_nc",
            "int8_per_token_head",
            "fp8_per_token_head",
            "nvfp4",
        ),
    ),
    ArgumentFact(
        "kv-cache-dtype",
        "choice",
        since=(0, 32),
        choices=(
            "auto",
            "float16",
            "bfloat16",
            "fp8",
            "fp8_e4m3",
            "fp8_e5m2",
            "fp8_inc",
            "fp8_ds_mla",
            "nvfp4_ds_mla",
            "turboquant_k8v4",
            "turboquant_4bit_nc",
            "turboquant_k3v4_nc",
            "turboquant_3bit_nc",
            "ultraquant_4bit",
            "int4_per_token_head",
            "int8_per_token_head",
            "fp8_per_token_head",
            "nvfp4",
            "nvfp4_4over6",
        ),
    ),
    ArgumentFact("kv-transfer-config", "str", since=(0, 8)),
    ArgumentFact("master-addr", "str", since=(0, 19)),
    ArgumentFact("max-lora-rank", "int", since=(0, 8), until=(0, 19)),
    ArgumentFact(
        "max-lora-rank", "choice", since=(0, 19), choices=("1", "8", "16", "32", "64", "128", "256", "320", "512")
    ),
    ArgumentFact("max-loras", "int", since=(0, 8), until=(0, 19)),
    ArgumentFact("max-loras", "int", since=(0, 19), low=1.0),
    ArgumentFact("max-model-len", "int", since=(0, 8)),
    ArgumentFact("max-num-batched-tokens", "int", since=(0, 8), until=(0, 19)),
    ArgumentFact("max-num-batched-tokens", "int", since=(0, 19), low=1.0),
    ArgumentFact("max-num-seqs", "int", since=(0, 8), until=(0, 19)),
    ArgumentFact("max-num-seqs", "int", since=(0, 19), low=1.0),
    ArgumentFact("model", "str", since=(0, 8)),
    ArgumentFact("nnodes", "int", since=(0, 19), until=(0, 24)),
    ArgumentFact("nnodes", "int", since=(0, 24), low=1.0),
    ArgumentFact("node-rank", "int", since=(0, 19), until=(0, 24)),
    ArgumentFact("node-rank", "int", since=(0, 24), low=0.0),
    ArgumentFact("num-scheduler-steps", "int", since=(0, 8), until=(0, 11)),
    ArgumentFact("pipeline-parallel-size", "int", since=(0, 8), until=(0, 24)),
    ArgumentFact("pipeline-parallel-size", "int", since=(0, 24), low=1.0),
    ArgumentFact("port", "int", since=(0, 8)),
    ArgumentFact("quantization", "str", since=(0, 8)),
    ArgumentFact("reasoning-parser", "str", since=(0, 8)),
    ArgumentFact("runner", "choice", since=(0, 11), choices=("auto", "generate", "pooling", "draft")),
    ArgumentFact("scheduler-delay-factor", "float", since=(0, 8), until=(0, 11)),
    ArgumentFact("served-model-name", "str", since=(0, 8), until=(0, 11)),
    ArgumentFact("served-model-name", "list", since=(0, 11)),
    ArgumentFact("stream-interval", "int", since=(0, 19), low=1.0),
    ArgumentFact("swap-space", "float", since=(0, 8), until=(0, 19)),
    ArgumentFact("task", "str", since=(0, 8), until=(0, 11)),
    ArgumentFact(
        "task",
        "choice",
        since=(0, 11),
        until=(0, 19),
        choices=("auto", "generate", "embedding", "embed", "classify", "score", "reward", "transcription", "draft"),
    ),
    ArgumentFact("tensor-parallel-size", "int", since=(0, 8), until=(0, 24)),
    ArgumentFact("tensor-parallel-size", "int", since=(0, 24), low=1.0),
    ArgumentFact("tool-call-parser", "str", since=(0, 8)),
    ArgumentFact("trust-remote-code", "bool", since=(0, 8), until=(0, 11)),
    ArgumentFact("trust-remote-code", "bool", since=(0, 11), negatable=True),
)

SGLANG_ARGUMENTS: tuple[ArgumentFact, ...] = (
    ArgumentFact("attn-dp-size", "int", since=(0, 5)),
    ArgumentFact("chat-template", "str", since=(0, 5)),
    ArgumentFact("chunked-prefill-size", "int", since=(0, 5)),
    ArgumentFact("context-length", "int", since=(0, 5)),
    ArgumentFact("device", "str", since=(0, 5)),
    ArgumentFact("disable-cuda-graph", "bool", since=(0, 5)),
    ArgumentFact("disable-custom-all-reduce", "bool", since=(0, 5)),
    ArgumentFact("disable-radix-cache", "bool", since=(0, 5)),
    ArgumentFact("disaggregation-bootstrap-port", "int", since=(0, 5)),
    ArgumentFact("disaggregation-mode", "choice", since=(0, 5), choices=("null", "prefill", "decode")),
    ArgumentFact("disaggregation-transfer-backend", "str", since=(0, 5)),
    ArgumentFact("dist-init-addr", "str", since=(0, 5)),
    ArgumentFact("dp-size", "int", since=(0, 5)),
    ArgumentFact("dtype", "choice", since=(0, 5), choices=("auto", "half", "float16", "bfloat16", "float", "float32")),
    ArgumentFact("enable-dp-attention", "bool", since=(0, 5)),
    ArgumentFact("enable-lora", "bool", since=(0, 5)),
    ArgumentFact("ep-size", "int", since=(0, 5)),
    ArgumentFact("host", "str", since=(0, 5)),
    ArgumentFact("is-embedding", "bool", since=(0, 5)),
    ArgumentFact(
        "kv-cache-dtype",
        "choice",
        since=(0, 5),
        choices=("auto", "fp8_e5m2", "fp8_e4m3", "mxfp8", "bf16", "bfloat16", "nvfp4", "fp4_mx_block16"),
    ),
    ArgumentFact("max-lora-rank", "int", since=(0, 5)),
    ArgumentFact("max-loras-per-batch", "int", since=(0, 5)),
    ArgumentFact("max-prefill-tokens", "int", since=(0, 5)),
    ArgumentFact("max-running-requests", "int", since=(0, 5)),
    ArgumentFact("mem-fraction-static", "float", since=(0, 5)),
    ArgumentFact("model-path", "str", since=(0, 5)),
    ArgumentFact("nnodes", "int", since=(0, 5)),
    ArgumentFact("node-rank", "int", since=(0, 5)),
    ArgumentFact("page-size", "int", since=(0, 5)),
    ArgumentFact("port", "int", since=(0, 5)),
    ArgumentFact("pp-size", "int", since=(0, 5)),
    ArgumentFact(
        "quantization",
        "choice",
        since=(0, 5),
        choices=(
            "awq",
            "fp8",
            "mxfp8",
            "gptq",
            "gptq_marlin",
            "awq_marlin",
            "bitsandbytes",
            "gguf",
            "modelopt",
            "modelopt_fp8",
            "modelopt_fp4",
            "nvfp4_online",
            "modelopt_mixed",
            "petit_nvfp4",
            "w8a8_int8",
            "w8a8_fp8",
            "moe_wna16",
            "w4afp8",
            "mxfp4",
            "auto-round",
            "auto-round-int8",
            "compressed-tensors",
            "modelslim",
            "mxfp_w4a8",
            "quark",
            "quark_int4fp8_moe",
            "quark_mxfp4",
            "mlx_q4",
            "mlx_q8",
            "unquant",
            "humming",
        ),
    ),
    ArgumentFact("reasoning-parser", "str", since=(0, 5)),
    ArgumentFact("served-model-name", "str", since=(0, 5)),
    ArgumentFact("stream-interval", "int", since=(0, 5)),
    ArgumentFact("tool-call-parser", "str", since=(0, 5)),
    ArgumentFact("tp-size", "int", since=(0, 5)),
    ArgumentFact("trust-remote-code", "bool", since=(0, 5)),
)

SGLANG_ARCHITECTURES = names(
    """
    AfmoeForCausalLM ApertusForCausalLM ArceeForCausalLM BaichuanForCausalLM
    BailingMM2NativeForConditionalGeneration BailingMMNativeForConditionalGeneration BailingMoEForCausalLM
    BailingMoeForCausalLM BailingMoeForCausalLMNextN BailingMoeV2ForCausalLM BailingMoeV2_5ForCausalLM
    BailingMoeV3ForCausalLM BailingMoeV3VLForConditionalGeneration BeamForCausalLM BertForSequenceClassification
    BertModel CLIPModel ChatGLMModel Cohere2ForCausalLM Cohere2MoeForCausalLM
    Cohere2VisionForConditionalGeneration CohereForCausalLM Contriever Cosmos3EdgeForConditionalGeneration
    Cosmos3ForConditionalGeneration DFlash2BeamDraftModel DFlash2DraftModel DFlashDraftModel
    DFlashLagunaForCausalLM DSparkDraftModel DSparkMiniMaxDraftModel DbrxForCausalLM DeciLMForCausalLM
    DeepseekForCausalLM DeepseekOCRForCausalLM DeepseekV2ForCausalLM DeepseekV32ForCausalLM DeepseekV3ForCausalLM
    DeepseekV3ForCausalLMNextN DeepseekV4ForCausalLM DeepseekV4ForCausalLMDSpark DeepseekV4ForCausalLMNextN
    DeepseekVL2ForCausalLM DiffusionGemmaForBlockDiffusion Dots3NoteForCausalLM Dots3NoteForCausalLMNextN
    DotsOCRForCausalLM DotsVLMForCausalLM Eagle3DeepseekV2ForCausalLM EmbeddingGemma2Model EmbeddingGemmaModel
    Ernie4_5_ForCausalLM Ernie4_5_MoeForCausalLM Ernie4_5_MoeForCausalLMMTP
    Ernie4_5_VLMoeForConditionalGeneration Exaone4ForCausalLM ExaoneForCausalLM ExaoneMoEForCausalLM
    ExaoneMoEForCausalLMMTP ExaoneMoeForCausalLM FalconH1ForCausalLM FalconMambaForCausalLM GPT2LMHeadModel
    GPTBigCodeForCausalLM GPTJForCausalLM Gemma2ForCausalLM Gemma2ForSequenceClassification Gemma3ForCausalLM
    Gemma3ForConditionalGeneration Gemma3nForCausalLM Gemma3nForConditionalGeneration Gemma4AssistantForCausalLM
    Gemma4ForCausalLM Gemma4ForConditionalGeneration Gemma4UnifiedAssistantForCausalLM
    Gemma4UnifiedForConditionalGeneration GemmaForCausalLM GigaChat35ForCausalLM GigaChat35ForCausalLMNextN
    Glm4ForCausalLM Glm4MoeForCausalLM Glm4MoeForCausalLMNextN Glm4MoeLiteForCausalLM Glm4MoeLiteForCausalLMNextN
    Glm4vForConditionalGeneration Glm4vMoeForConditionalGeneration Glm5NextForConditionalGeneration
    Glm5NextForConditionalGenerationNextN GlmAsrForConditionalGeneration GlmImageForConditionalGeneration
    GlmMoeDsaForCausalLM GlmMoeDsaForCausalLMNextN GlmOcrForConditionalGeneration
    GlmOcrForConditionalGenerationNextN GptOssForCausalLM GraniteForCausalLM GraniteMoeForCausalLM
    GraniteMoeHybridForCausalLM GraniteMoeSWAForCausalLM GraniteMoeSharedForCausalLM GraniteSWAForCausalLM
    Grok1ForCausalLM Grok1ModelForCausalLM HYV3ForCausalLM HYV3ForCausalLMNextN HYV4ForCausalLM
    HYV4ForCausalLMNextN HrmTextForCausalLM HunYuanDenseV1ForCausalLM HunYuanMoEV1ForCausalLM
    IQuestCoderForCausalLM IQuestLoopCoderForCausalLM IQuestQ1ForCausalLM IQuestQ1MTP
    InklingForConditionalGeneration InklingForConditionalGenerationMTP InternLM2ForCausalLM
    InternLM2ForRewardModel InternLM3ForCausalLM InternS1ForConditionalGeneration
    InternS1ProForConditionalGeneration InternS2MobiusForConditionalGeneration
    InternS2PreviewForConditionalGeneration InternVLChatModel JetNemotronForCausalLM
    JetVLMForConditionalGeneration K2HorizonForCausalLM KimiK25ForConditionalGeneration
    KimiK3ForConditionalGeneration KimiK3LinearForCausalLM KimiLinearForCausalLM KimiVLForConditionalGeneration
    LLaDA2MoeModelLM LagunaForCausalLM Lfm2BidirectionalModel Lfm2DSparkDraftModel Lfm2ForCausalLM
    Lfm2MoeForCausalLM Lfm2VlForConditionalGeneration LiLiCorrDraftModel LightOnOCRForConditionalGeneration
    LingDSparkModel Llama4ForCausalLM Llama4ForConditionalGeneration LlamaEmbeddingModel LlamaForCausalLM
    LlamaForCausalLMEagle LlamaForCausalLMEagle3 LlamaForClassification LlamaForSequenceClassification
    LlamaForSequenceClassificationWithNormal_Weights LlavaForConditionalGeneration LlavaLlamaForCausalLM
    LlavaMistralForCausalLM LlavaQwenForCausalLM LlavaVidForCausalLM LocateAnythingForConditionalGeneration
    LongcatFlashForCausalLM LongcatFlashForCausalLMNextN Mamba2ForCausalLM MambaForCausalLM MellumForCausalLM
    MiDashengLMModel MiMoForCausalLM MiMoMTP MiMoV2ASRForCausalLM MiMoV2FlashForCausalLM MiMoV2ForCausalLM
    MiMoV2MTP MindSporeForCausalLM MiniCPM3ForCausalLM MiniCPMForCausalLM MiniCPMO MiniCPMSALAForCausalLM
    MiniCPMV MiniCPMV4_6ForConditionalGeneration MiniCPMV4_7ForConditionalGeneration MiniMaxDFlash2DraftModel
    MiniMaxM2ForCausalLM MiniMaxM3SparseForCausalLM MiniMaxM3SparseForConditionalGeneration Ministral3ForCausalLM
    Mistral3ForConditionalGeneration MistralForCausalLM MistralForCausalLMEagle MistralLarge3ForCausalLM
    MistralLarge3ForCausalLMEagle MistralModel MixtralForCausalLM MllamaForConditionalGeneration
    MossVLForConditionalGeneration MultiModalityCausalLM MuseGlimmerAssistantModel MuseGlimmerForCausalLM
    MuseGlimmerForConditionalGeneration MuseSparkForConditionalGeneration NVILAForConditionalGeneration
    NVILALiteForConditionalGeneration NanbeigeForCausalLM NanbeigeForSequenceClassification NemotronHForCausalLM
    NemotronHForCausalLMMTP NemotronHPuzzleForCausalLM NemotronH_Nano_Omni_Reasoning_V3 NemotronH_Nano_VL_V2
    NemotronH_Omni_Reasoning_V3 OPTForCausalLM Olmo2ForCausalLM OlmoForCausalLM OlmoeForCausalLM OrionForCausalLM
    POINTSV15ChatModel PaddleOCRVLForConditionalGeneration PersimmonForCausalLM Phi3ForCausalLM
    Phi3SmallForCausalLM Phi4MMForCausalLM PhiForCausalLM PhiMoEForCausalLM PixtralForConditionalGeneration
    PixtralVisionModel QWenLMHeadModel QuantMixtralForCausalLM Qwen2AudioForConditionalGeneration
    Qwen2ForCausalLM Qwen2ForCausalLMEagle Qwen2ForRewardModel Qwen2ForSequenceClassification Qwen2MoeForCausalLM
    Qwen2VLForConditionalGeneration Qwen2_5_VLForConditionalGeneration Qwen3ASRForConditionalGeneration
    Qwen3DSparkModel Qwen3ForCausalLM Qwen3ForRewardModel Qwen3ForSequenceClassification Qwen3Model
    Qwen3MoeForCausalLM Qwen3MoeForCausalLMMTP Qwen3NextForCausalLM Qwen3NextForCausalLMMTP
    Qwen3OmniMoeForConditionalGeneration Qwen3VLForConditionalGeneration Qwen3VLMoeForConditionalGeneration
    Qwen3_5ForCausalLM Qwen3_5ForCausalLMMTP Qwen3_5ForConditionalGeneration Qwen3_5MoeForCausalLM
    Qwen3_5MoeForConditionalGeneration Qwen4ExpForCausalLMMTP Qwen4ExpForConditionalGeneration SDARForCausalLM
    SDARMoeForCausalLM Sarashina2VisionForCausalLM SarvamMLAForCausalLM SarvamMoEForCausalLM SolarForCausalLM
    Spark2_5ForCausalLM StableLmForCausalLM Starcoder2ForCausalLM Step3VLForConditionalGeneration
    Step3p5ForCausalLM Step3p5MTP Step3p7ForConditionalGeneration StepVLForConditionalGeneration
    TeleFLMForCausalLM TorchNativeLlamaForCausalLM TorchNativePhi3ForCausalLM TransformersEmbeddingModel
    TransformersForCausalLM TransformersForSequenceClassification TransformersMoEEmbeddingModel
    TransformersMoEForCausalLM TransformersMoEForSequenceClassification TransformersMultiModalEmbeddingModel
    TransformersMultiModalForCausalLM TransformersMultiModalForSequenceClassification
    TransformersMultiModalMoEEmbeddingModel TransformersMultiModalMoEForCausalLM
    TransformersMultiModalMoEForSequenceClassification UnlimitedOCRForCausalLM VoxtralForConditionalGeneration
    WhisperForConditionalGeneration XLMRobertaForSequenceClassification XLMRobertaModel XllmForCausalLM
    XverseForCausalLM XverseMoeForCausalLM YiVLForCausalLM ZayaForCausalLM
    """
)

SGLANG_WITH_STAGES = names(
    """
    ApertusForCausalLM ArceeForCausalLM BailingMM2NativeForConditionalGeneration
    BailingMMNativeForConditionalGeneration BailingMoEForCausalLM BailingMoeForCausalLM BailingMoeV2ForCausalLM
    BailingMoeV2_5ForCausalLM BailingMoeV3ForCausalLM BailingMoeV3VLForConditionalGeneration BeamForCausalLM
    Cosmos3EdgeForConditionalGeneration Cosmos3ForConditionalGeneration DFlash2BeamDraftModel DFlash2DraftModel
    DFlashDraftModel DFlashLagunaForCausalLM DSparkDraftModel DSparkMiniMaxDraftModel DeciLMForCausalLM
    DeepseekV2ForCausalLM DeepseekV32ForCausalLM DeepseekV3ForCausalLM DeepseekV3ForCausalLMNextN
    DeepseekV4ForCausalLM DeepseekV4ForCausalLMDSpark DotsVLMForCausalLM Eagle3DeepseekV2ForCausalLM
    Exaone4ForCausalLM ExaoneMoEForCausalLM ExaoneMoeForCausalLM Gemma4ForCausalLM Gemma4ForConditionalGeneration
    GigaChat35ForCausalLM Glm4ForCausalLM Glm4MoeForCausalLM Glm4MoeLiteForCausalLM Glm4vForConditionalGeneration
    Glm4vMoeForConditionalGeneration Glm5NextForConditionalGeneration Glm5NextForConditionalGenerationNextN
    GlmMoeDsaForCausalLM GlmMoeDsaForCausalLMNextN GlmOcrForConditionalGeneration GptOssForCausalLM
    GraniteMoeHybridForCausalLM IQuestCoderForCausalLM InternLM3ForCausalLM InternS1ProForConditionalGeneration
    InternS2MobiusForConditionalGeneration InternS2PreviewForConditionalGeneration K2HorizonForCausalLM
    KimiK25ForConditionalGeneration KimiK3ForConditionalGeneration KimiK3LinearForCausalLM KimiLinearForCausalLM
    LLaDA2MoeModelLM LagunaForCausalLM Lfm2DSparkDraftModel LiLiCorrDraftModel LingDSparkModel Llama4ForCausalLM
    LlamaForCausalLM LlamaForCausalLMEagle LlamaForCausalLMEagle3 LlavaForConditionalGeneration MellumForCausalLM
    MiMoV2ASRForCausalLM MiMoV2FlashForCausalLM MiMoV2ForCausalLM MiniMaxDFlash2DraftModel MiniMaxM2ForCausalLM
    MiniMaxM3SparseForCausalLM MiniMaxM3SparseForConditionalGeneration Ministral3ForCausalLM
    Mistral3ForConditionalGeneration MistralForCausalLM MistralForCausalLMEagle MistralLarge3ForCausalLM
    MistralLarge3ForCausalLMEagle MixtralForCausalLM MossVLForConditionalGeneration MuseGlimmerAssistantModel
    NanbeigeForCausalLM NemotronHForCausalLM NemotronHPuzzleForCausalLM OPTForCausalLM Phi3ForCausalLM
    Qwen2ForCausalLM Qwen2ForCausalLMEagle Qwen2MoeForCausalLM Qwen2_5_VLForConditionalGeneration
    Qwen3DSparkModel Qwen3ForCausalLM Qwen3Model Qwen3MoeForCausalLM Qwen3VLForConditionalGeneration
    Qwen3VLMoeForConditionalGeneration Qwen3_5ForCausalLM Qwen3_5ForConditionalGeneration Qwen3_5MoeForCausalLM
    Qwen3_5MoeForConditionalGeneration Qwen4ExpForConditionalGeneration SDARForCausalLM SDARMoeForCausalLM
    SarvamMLAForCausalLM SarvamMoEForCausalLM SolarForCausalLM Spark2_5ForCausalLM Step3p5ForCausalLM
    TeleFLMForCausalLM TransformersEmbeddingModel TransformersForCausalLM TransformersForSequenceClassification
    TransformersMoEEmbeddingModel TransformersMoEForCausalLM TransformersMoEForSequenceClassification
    TransformersMultiModalEmbeddingModel TransformersMultiModalForCausalLM
    TransformersMultiModalForSequenceClassification TransformersMultiModalMoEEmbeddingModel
    TransformersMultiModalMoEForCausalLM TransformersMultiModalMoEForSequenceClassification XllmForCausalLM
    ZayaForCausalLM
    """
)

SGLANG_WITH_LORA_MODULES = names(
    """
    BaichuanForCausalLM ChatGLMModel DeciLMForCausalLM EmbeddingGemmaModel GPTBigCodeForCausalLM
    Gemma2ForCausalLM Gemma3ForCausalLM Gemma3ForConditionalGeneration Gemma3nForCausalLM
    Gemma3nForConditionalGeneration Gemma4ForConditionalGeneration Gemma4UnifiedForConditionalGeneration
    GemmaForCausalLM InklingForConditionalGeneration InternS2MobiusForConditionalGeneration
    InternS2PreviewForConditionalGeneration MiniCPMV MiniCPMV4_6ForConditionalGeneration
    MiniCPMV4_7ForConditionalGeneration NemotronHForCausalLM NemotronHForCausalLMMTP NemotronHPuzzleForCausalLM
    NemotronH_Nano_Omni_Reasoning_V3 NemotronH_Nano_VL_V2 NemotronH_Omni_Reasoning_V3 Qwen3_5ForCausalLM
    Qwen3_5ForConditionalGeneration Qwen3_5MoeForCausalLM Qwen3_5MoeForConditionalGeneration
    """
)

SGLANG_CHAT_TEMPLATES = names(
    """
    chatml chatml-llava deepseek-ocr deepseek-vl2 devstral gemma-it gme-qwen2-vl internlm2-chat internvl-2-5
    janus-pro kimi-vl llama-2 llama-4 llama_3_vision llava_llama_3 minicpmo minicpmv mistral moss-vl paddle-ocr
    phi-4-mm points-v15-chat qwen2-audio qwen2-vl unlimited-ocr vicuna_v1.1 whisper
    """
)

SGLANG_TOOL_PARSERS_0_5 = names(
    """
    apertus2509 beam cohere_command4 deepseekv3 deepseekv31 deepseekv32 deepseekv4 deepseekv41 dots gemma4
    gigachat3 gigachat35 glm glm45 glm47 gpt-oss hermes hunyuan inkling interns1 iquest_q1 k2_horizon kimi_k2
    kimi_k3 lfm2 ling3 llama3 mimo minicpm5 minimax-m2 minimax-m3 mistral muse nanbeige poolside_v1 pythonic qwen
    qwen25 qwen3_coder response_template spark25 step3 step3p5 trinity
    """
)

SGLANG_REASONING_PARSERS_0_5 = names(
    """
    apertus2509 beam cohere_command4 deepseek-r1 deepseek-v3 deepseek-v4 deepseek-v41 dots gemma4 gigachat35
    glm45 gpt-oss granite_thinking_parser hunyuan inkling interns1 iquest_q1 k2_horizon kimi kimi_k2 kimi_k3
    ling3 mimo minimax minimax-append-think minimax-m3 mistral muse nanbeige nemotron_3 poolside_v1 qwen3
    qwen3-thinking response_template step3 step3p5
    """
)

VLLM_TOOL_PARSERS_0_8 = names(
    """
    granite granite-20b-fc hermes internlm jamba llama3_json llama4_json mistral phi4_mini_json pythonic
    """
)

VLLM_REASONING_PARSERS_0_8 = names(
    """
    deepseek_r1 granite
    """
)

VLLM_TOOL_PARSERS_0_11 = names(
    """
    deepseek_v3 deepseek_v31 glm45 granite granite-20b-fc hermes hunyuan_a13b internlm jamba kimi_k2 llama3_json
    llama4_json llama4_pythonic longcat minimax mistral openai phi4_mini_json pythonic qwen3_coder qwen3_xml
    seed_oss step3 xlam
    """
)

VLLM_REASONING_PARSERS_0_11 = names(
    """
    deepseek_r1 glm45 granite hunyuan_a13b mistral openai_gptoss qwen3 seed_oss step3
    """
)

VLLM_TOOL_PARSERS_0_19 = names(
    """
    deepseek_v3 deepseek_v31 deepseek_v32 ernie45 functiongemma gemma4 gigachat3 glm45 glm47 granite
    granite-20b-fc granite4 hermes hunyuan_a13b internlm jamba kimi_k2 llama3_json llama4_json llama4_pythonic
    longcat minimax minimax_m2 mistral olmo3 openai phi4_mini_json pythonic qwen3_coder qwen3_xml seed_oss step3
    step3p5 xlam
    """
)

VLLM_REASONING_PARSERS_0_19 = names(
    """
    deepseek_r1 deepseek_v3 ernie45 gemma4 glm45 granite holo2 hunyuan_a13b kimi_k2 minimax_m2
    minimax_m2_append_think mistral nemotron_v3 olmo3 openai_gptoss qwen3 seed_oss step3 step3p5
    """
)

VLLM_TOOL_PARSERS_0_24 = names(
    """
    apertus cohere_command3 cohere_command4 deepseek_v3 deepseek_v31 deepseek_v32 deepseek_v4 ernie45
    functiongemma gemma4 gigachat3 glm45 glm47 granite granite-20b-fc granite4 hermes hunyuan_a13b hy_v3 internlm
    jamba kimi_k2 lfm2 llama3_json llama4_json llama4_pythonic longcat mimo minicpm5 minimax_m2 minimax_m3
    mistral olmo3 openai phi4_mini_json poolside_v1 pythonic qwen3_coder qwen3_xml seed_oss step3 step3p5 xlam
    """
)

VLLM_REASONING_PARSERS_0_24 = names(
    """
    cohere_command3 cohere_command4 deepseek_r1 deepseek_v3 deepseek_v4 ernie45 gemma4 glm45 glm47 granite holo2
    hunyuan_a13b hy_v3 kimi_k2 mimo minimax_m2 minimax_m2_append_think minimax_m3 mistral nemotron_v3 olmo3
    openai_gptoss poolside_v1 qwen3 seed_oss step3 step3p5
    """
)

VLLM_TOOL_PARSERS_0_32 = names(
    """
    apertus cohere_command3 cohere_command4 deepseek_v3 deepseek_v31 deepseek_v32 deepseek_v4 deepseek_v41 dots
    ernie45 functiongemma gemma4 gigachat3 glm45 glm47 granite granite-20b-fc granite4 hermes hf hunyuan_a13b
    hy_v3 hy_v4 inkling internlm jamba k2_horizon kimi_k2 kimi_k3 lfm2 ling3 llama3_json llama4_json
    llama4_pythonic longcat mimo minicpm5 minimax_m2 minimax_m3 mistral muse_glimmer olmo3 openai phi4_mini_json
    plamo3 poolside_v1 pythonic qwen3_coder qwen3_json qwen3_xml seed_oss step3 step3p5 xlam
    """
)

VLLM_REASONING_PARSERS_0_32 = names(
    """
    cohere_command3 cohere_command4 deepseek_r1 deepseek_v3 deepseek_v4 deepseek_v41 ernie45 gemma4 glm45 glm47
    granite granite_thinking_parser hf holo2 hunyuan_a13b hy_v3 hy_v4 inkling k2_horizon kimi_k2 kimi_k3 ling3
    mimo minicpmv minimax_m2 minimax_m2_append_think minimax_m3 mistral muse_glimmer nemotron_v3 olmo3
    openai_gptoss plamo3 poolside_v1 qwen3 seed_oss step3 step3p5
    """
)

VLLM_ARCHITECTURES_SINCE_0_8 = names(
    """
    AquilaForCausalLM AquilaModel ArcticForCausalLM AriaForConditionalGeneration
    AyaVisionForConditionalGeneration BaiChuanForCausalLM BaichuanForCausalLM BambaForCausalLM
    BartForConditionalGeneration BartModel BertForSequenceClassification BertModel Blip2ForConditionalGeneration
    BloomForCausalLM ChameleonForConditionalGeneration ChatGLMForConditionalGeneration ChatGLMModel
    Cohere2ForCausalLM CohereForCausalLM DbrxForCausalLM DeciLMForCausalLM DeepseekForCausalLM
    DeepseekV2ForCausalLM DeepseekV3ForCausalLM DeepseekVLV2ForCausalLM ExaoneForCausalLM
    Fairseq2LlamaForCausalLM FalconForCausalLM FalconMambaForCausalLM Florence2ForConditionalGeneration
    FuyuForCausalLM GLM4VForCausalLM GPT2LMHeadModel GPTBigCodeForCausalLM GPTJForCausalLM GPTNeoXForCausalLM
    Gemma2ForCausalLM Gemma2Model Gemma3ForCausalLM Gemma3ForConditionalGeneration GemmaForCausalLM
    Glm4ForCausalLM GlmForCausalLM GraniteForCausalLM GraniteMoeForCausalLM GraniteMoeSharedForCausalLM
    GraniteSpeechForConditionalGeneration GritLM Grok1ModelForCausalLM GteModel H2OVLChatModel
    Idefics3ForConditionalGeneration InternLM2ForCausalLM InternLM2ForRewardModel InternLM2VEForCausalLM
    InternLM3ForCausalLM InternLMForCausalLM InternVLChatModel JAISLMHeadModel JambaForCausalLM
    JambaForSequenceClassification KimiVLForConditionalGeneration LLaMAForCausalLM Llama4ForConditionalGeneration
    LlamaForCausalLM LlamaModel LlavaForConditionalGeneration LlavaNextForConditionalGeneration
    LlavaNextVideoForConditionalGeneration LlavaOnevisionForConditionalGeneration MPTForCausalLM
    Mamba2ForCausalLM MambaForCausalLM MantisForConditionalGeneration MiniCPM3ForCausalLM MiniCPMForCausalLM
    MiniCPMO MiniCPMV MiniMaxText01ForCausalLM Mistral3ForConditionalGeneration MistralForCausalLM MistralModel
    MixtralForCausalLM MllamaForConditionalGeneration ModernBertForSequenceClassification MolmoForCausalLM
    MptForCausalLM NVLM_D NemotronForCausalLM NomicBertModel OPTForCausalLM Olmo2ForCausalLM OlmoForCausalLM
    OlmoeForCausalLM OrionForCausalLM PaliGemmaForConditionalGeneration PersimmonForCausalLM Phi3ForCausalLM
    Phi3SmallForCausalLM Phi3VForCausalLM Phi4MMForCausalLM PhiForCausalLM PhiMoEForCausalLM
    PixtralForConditionalGeneration Plamo2ForCausalLM PrithviGeoSpatialMAE QWenLMHeadModel
    QuantMixtralForCausalLM Qwen2AudioForConditionalGeneration Qwen2ForCausalLM Qwen2ForProcessRewardModel
    Qwen2ForRewardModel Qwen2ForSequenceClassification Qwen2Model Qwen2MoeForCausalLM
    Qwen2VLForConditionalGeneration Qwen2_5OmniModel Qwen2_5_VLForConditionalGeneration Qwen3ForCausalLM
    Qwen3MoeForCausalLM QwenVLForConditionalGeneration RWForCausalLM RobertaForMaskedLM
    RobertaForSequenceClassification RobertaModel SkyworkR1VChatModel SmolVLMForConditionalGeneration
    SolarForCausalLM StableLMEpochForCausalLM StableLmForCausalLM Starcoder2ForCausalLM TeleChat2ForCausalLM
    TeleFLMForCausalLM TransformersForCausalLM UltravoxModel WhisperForConditionalGeneration
    XLMRobertaForSequenceClassification XLMRobertaModel XverseForCausalLM Zamba2ForCausalLM
    """
)

VLLM_ARCHITECTURES_UNTIL_0_8 = names("")

VLLM_ARCHITECTURES_SINCE_0_11 = names(
    """
    ApertusForCausalLM ArceeForCausalLM BailingMoeForCausalLM BailingMoeV2ForCausalLM BertForTokenClassification
    Cohere2VisionForConditionalGeneration CwmForCausalLM DeepseekV32ForCausalLM Dots1ForCausalLM
    DotsOCRForCausalLM Emu3ForConditionalGeneration Ernie4_5ForCausalLM Ernie4_5_MoeForCausalLM
    Ernie4_5_VLMoeForConditionalGeneration Exaone4ForCausalLM FalconH1ForCausalLM GPT2ForSequenceClassification
    Gemma3TextModel Gemma3nForCausalLM Gemma3nForConditionalGeneration Glm4MoeForCausalLM
    Glm4vForConditionalGeneration Glm4vMoeForConditionalGeneration GptOssForCausalLM GraniteMoeHybridForCausalLM
    GteNewForSequenceClassification GteNewModel HCXVisionForCausalLM HunYuanDenseV1ForCausalLM
    HunYuanMoEV1ForCausalLM InternS1ForConditionalGeneration InternVLForConditionalGeneration JinaVLForRanking
    KeyeForConditionalGeneration KeyeVL1_5ForConditionalGeneration Lfm2ForCausalLM Llama4ForCausalLM
    Llama_Nemotron_Nano_VL LongcatFlashForCausalLM MiDashengLMModel MiMoForCausalLM MiniMaxForCausalLM
    MiniMaxM1ForCausalLM MiniMaxVL01ForConditionalGeneration ModernBertModel MotifForCausalLM
    NemotronHForCausalLM NemotronH_Nano_VL_V2 Olmo3ForCausalLM Ovis Ovis2_5 Phi4MultimodalForCausalLM
    Qwen2_5OmniForConditionalGeneration Qwen3NextForCausalLM Qwen3VLForConditionalGeneration
    Qwen3VLMoeForConditionalGeneration RForConditionalGeneration SeedOssForCausalLM SmolLM3ForCausalLM
    Step3TextForCausalLM Step3VLForConditionalGeneration Tarsier2ForConditionalGeneration
    TarsierForConditionalGeneration Terratorch TransformersForMultimodalLM TransformersModel
    VoxtralForConditionalGeneration
    """
)

VLLM_ARCHITECTURES_UNTIL_0_11 = names(
    """
    BartForConditionalGeneration BartModel Florence2ForConditionalGeneration MllamaForConditionalGeneration
    Phi3SmallForCausalLM QuantMixtralForCausalLM Qwen2ForSequenceClassification
    """
)

VLLM_ARCHITECTURES_SINCE_0_19 = names(
    """
    AXK1ForCausalLM AfmoeForCausalLM AudioFlamingo3ForConditionalGeneration BagelForConditionalGeneration
    BailingMoeV2_5ForCausalLM BeeForConditionalGeneration BertSpladeSparseEmbeddingModel BgeM3EmbeddingModel
    CLIPModel CohereAsrForConditionalGeneration ColBERTJinaRobertaModel ColBERTLfm2Model ColBERTModernBertModel
    ColModernVBertForRetrieval ColPaliForRetrieval ColQwen3 ColQwen3_5 DeepseekOCR2ForCausalLM
    DeepseekOCRForCausalLM Eagle2_5_VLForConditionalGeneration ErnieForSequenceClassification
    ErnieForTokenClassification ErnieModel ExaoneMoEForCausalLM FireRedASR2ForConditionalGeneration
    FlexOlmoForCausalLM FunASRForConditionalGeneration FunAudioChatForConditionalGeneration Gemma4ForCausalLM
    Gemma4ForConditionalGeneration Glm4MoeLiteForCausalLM GlmAsrForConditionalGeneration GlmMoeDsaForCausalLM
    GlmOcrForConditionalGeneration Grok1ForCausalLM HCXVisionV2ForCausalLM HF_ColBERT
    HunYuanVLForConditionalGeneration HyperCLOVAXForCausalLM IQuestCoderForCausalLM IQuestLoopCoderForCausalLM
    InternS1ProForConditionalGeneration IsaacForConditionalGeneration Jais2ForCausalLM
    KananaVForConditionalGeneration KimiK25ForConditionalGeneration KimiLinearForCausalLM Lfm2MoeForCausalLM
    Lfm2VlForConditionalGeneration LightOnOCRForConditionalGeneration LlamaBidirectionalForSequenceClassification
    LlamaBidirectionalModel LlamaNemotronVLForSequenceClassification LlamaNemotronVLModel MiMoV2FlashForCausalLM
    MiniMaxM2ForCausalLM MistralLarge3ForCausalLM ModernBertForTokenClassification Molmo2ForConditionalGeneration
    MoonshotKimiaForCausalLM MusicFlamingoForConditionalGeneration NemotronHPuzzleForCausalLM
    NemotronParseForConditionalGeneration OlmoHybridForCausalLM OpenCUAForConditionalGeneration
    OpenPanguVLForConditionalGeneration OpsColQwen3Model OuroForCausalLM Ovis2_6ForCausalLM
    Ovis2_6_MoeForCausalLM PaddleOCRVLForConditionalGeneration PanguEmbeddedForCausalLM PanguProMoEV2ForCausalLM
    PanguUltraMoEForCausalLM Plamo3ForCausalLM Qwen3ASRForConditionalGeneration
    Qwen3ASRForcedAlignerForTokenClassification Qwen3ASRRealtimeGeneration Qwen3OmniMoeForConditionalGeneration
    Qwen3VLNemotronEmbedModel Qwen3_5ForConditionalGeneration Qwen3_5MoeForConditionalGeneration
    SarvamMLAForCausalLM SarvamMoEForCausalLM SiglipModel Step1ForCausalLM Step3p5ForCausalLM
    StepVLForConditionalGeneration TeleChatForCausalLM TransformersEmbeddingModel
    TransformersForSequenceClassification TransformersMoEEmbeddingModel TransformersMoEForCausalLM
    TransformersMoEForSequenceClassification TransformersMultiModalEmbeddingModel
    TransformersMultiModalForCausalLM TransformersMultiModalForSequenceClassification
    TransformersMultiModalMoEForCausalLM VoxtralRealtimeGeneration VoyageQwen3BidirectionalEmbedModel
    """
)

VLLM_ARCHITECTURES_UNTIL_0_19 = names(
    """
    MotifForCausalLM Phi4MultimodalForCausalLM TransformersForMultimodalLM TransformersModel
    """
)

VLLM_ARCHITECTURES_SINCE_0_24 = names(
    """
    Cheers CheersForConditionalGeneration Cohere2MoeForCausalLM Cosmos3ForConditionalGeneration
    DeepseekV4ForCausalLM DiffusionGemmaForBlockDiffusion Exaone4_5_ForConditionalGeneration
    FireRedLIDForConditionalGeneration Gemma4UnifiedForConditionalGeneration
    Granite4VisionForConditionalGeneration GraniteSpeechPlusForConditionalGeneration HYV3ForCausalLM HfMoondream
    HrmTextForCausalLM InternS2PreviewForConditionalGeneration JinaEmbeddingsV5Model JinaForRanking
    LagunaForCausalLM MellumForCausalLM MiMoV2ForCausalLM MiMoV2OmniForCausalLM
    MiniCPMV4_6ForConditionalGeneration MiniMaxM3SparseForCausalLM MiniMaxM3SparseForConditionalGeneration
    Ministral3ForCausalLM Moondream3ForCausalLM MossAudioModel NemotronH_Nano_Omni_Reasoning_V3
    NemotronH_Super_Omni_Reasoning_V3 OpenVLAForActionPrediction Param2MoEForCausalLM Phi4ForCausalLMV
    QianfanOCRForConditionalGeneration Rnj1ForCausalLM Step3p7ForConditionalGeneration TeleChat3ForCausalLM
    """
)

VLLM_ARCHITECTURES_UNTIL_0_24 = names(
    """
    BambaForCausalLM Dots1ForCausalLM ErnieForSequenceClassification ErnieForTokenClassification ErnieModel
    InternLM2VEForCausalLM InternLMForCausalLM JAISLMHeadModel MiniMaxForCausalLM MiniMaxM1ForCausalLM
    MiniMaxText01ForCausalLM MiniMaxVL01ForConditionalGeneration QWenLMHeadModel QwenVLForConditionalGeneration
    XverseForCausalLM
    """
)

VLLM_ARCHITECTURES_SINCE_0_32 = names(
    """
    BailingMoeV3ForCausalLM BailingMoeV3VLForConditionalGeneration BertForMaskedLM ClefOmniForJointSchema
    CohereCompassForConditionalGeneration Cosmos3EdgeForConditionalGeneration DeepseekV3BidirectionalModel
    DeepseekV41ForCausalLM DeepseekV4ForConditionalGeneration Dots3NoteForCausalLM EmbeddingGemma2Model
    ExaoneMoeForCausalLM Glm5NextForCausalLM Glm5NextForConditionalGeneration GraniteMoeSWAForCausalLM
    GraniteSWAForCausalLM HYV4ForCausalLM InklingForCausalLM InklingForConditionalGeneration
    InternS2MobiusForConditionalGeneration K2HorizonForCausalLM KimiK3ForConditionalGeneration
    LlavaOnevision2ForConditionalGeneration LongcatFlashNgramForCausalLM MiniCPMV4_7ForConditionalGeneration
    MossTranscribeDiarizeForConditionalGeneration MuseGlimmerForCausalLM MuseGlimmerForConditionalGeneration
    NanbeigeForCausalLM NemotronH_Omni_Reasoning_V3 OpenAIPrivacyFilterForTokenClassification Qwen3_5ForCausalLM
    Qwen3_5MoeForCausalLM Qwen4ExpForCausalLM Qwen4ExpForConditionalGeneration RobertaForTokenClassification
    UnlimitedOCRForCausalLM VaultGemmaForCausalLM VibeVoiceAsrForConditionalGeneration
    XLMRobertaForTokenClassification
    """
)

VLLM_ARCHITECTURES_UNTIL_0_32 = names(
    """
    AquilaForCausalLM AquilaModel ArcticForCausalLM AyaVisionForConditionalGeneration BaiChuanForCausalLM
    BaichuanForCausalLM ChameleonForConditionalGeneration Cheers CheersForConditionalGeneration
    Fairseq2LlamaForCausalLM FireRedLIDForConditionalGeneration FuyuForCausalLM GritLM Grok1ForCausalLM
    Grok1ModelForCausalLM HCXVisionForCausalLM MPTForCausalLM MantisForConditionalGeneration MptForCausalLM
    MusicFlamingoForConditionalGeneration OuroForCausalLM PersimmonForCausalLM Plamo2ForCausalLM
    PrithviGeoSpatialMAE RWForCausalLM StableLMEpochForCausalLM Tarsier2ForConditionalGeneration
    TarsierForConditionalGeneration TeleChatForCausalLM
    """
)

VLLM_WITHOUT_LORA = names(
    """
    ArcticForCausalLM AriaForConditionalGeneration AyaVisionForConditionalGeneration BailingMoeV2_5ForCausalLM
    BailingMoeV3ForCausalLM BailingMoeV3VLForConditionalGeneration BartForConditionalGeneration BartModel
    BeeForConditionalGeneration BertForMaskedLM BertForSequenceClassification BertForTokenClassification
    BloomForCausalLM CLIPModel ChameleonForConditionalGeneration Cohere2MoeForCausalLM
    Cohere2VisionForConditionalGeneration CohereAsrForConditionalGeneration ColBERTJinaRobertaModel
    ColBERTLfm2Model ColBERTModernBertModel ColModernVBertForRetrieval Cosmos3EdgeForConditionalGeneration
    DbrxForCausalLM DeepseekV32ForCausalLM DeepseekV41ForCausalLM DeepseekV4ForCausalLM
    DeepseekV4ForConditionalGeneration DeepseekVLV2ForCausalLM DiffusionGemmaForBlockDiffusion
    Dots3NoteForCausalLM EmbeddingGemma2Model ErnieForSequenceClassification ErnieForTokenClassification
    ErnieModel FalconForCausalLM FalconMambaForCausalLM FireRedASR2ForConditionalGeneration
    FireRedLIDForConditionalGeneration Florence2ForConditionalGeneration FunASRForConditionalGeneration
    FunAudioChatForConditionalGeneration FuyuForCausalLM GPT2ForSequenceClassification GPT2LMHeadModel
    GPTJForCausalLM Gemma3TextModel Gemma3nForCausalLM Gemma3nForConditionalGeneration Glm5NextForCausalLM
    GlmMoeDsaForCausalLM GteModel GteNewForSequenceClassification GteNewModel HCXVisionForCausalLM
    HCXVisionV2ForCausalLM HfMoondream HrmTextForCausalLM IQuestLoopCoderForCausalLM JAISLMHeadModel
    JinaForRanking KananaVForConditionalGeneration KimiK25ForConditionalGeneration KimiK3ForConditionalGeneration
    KimiLinearForCausalLM KimiVLForConditionalGeneration LlamaBidirectionalForSequenceClassification
    LlamaBidirectionalModel LlavaOnevision2ForConditionalGeneration LlavaOnevisionForConditionalGeneration
    MPTForCausalLM Mamba2ForCausalLM MambaForCausalLM MiDashengLMModel MiMoV2FlashForCausalLM MiMoV2ForCausalLM
    MiMoV2OmniForCausalLM MiniMaxForCausalLM MiniMaxM1ForCausalLM MiniMaxM3SparseForCausalLM
    MiniMaxM3SparseForConditionalGeneration MiniMaxText01ForCausalLM MiniMaxVL01ForConditionalGeneration
    MllamaForConditionalGeneration ModernBertForSequenceClassification ModernBertForTokenClassification
    Moondream3ForCausalLM MoonshotKimiaForCausalLM MossTranscribeDiarizeForConditionalGeneration MptForCausalLM
    NemotronParseForConditionalGeneration NomicBertModel OpenAIPrivacyFilterForTokenClassification
    OpenVLAForActionPrediction OrionForCausalLM Ovis Ovis2_5 Ovis2_6ForCausalLM Ovis2_6_MoeForCausalLM
    PaddleOCRVLForConditionalGeneration PersimmonForCausalLM Phi3SmallForCausalLM Phi3VForCausalLM
    Phi4ForCausalLMV PrithviGeoSpatialMAE Qwen2AudioForConditionalGeneration RForConditionalGeneration
    RWForCausalLM RobertaForTokenClassification SiglipModel SkyworkR1VChatModel StableLMEpochForCausalLM
    StableLmForCausalLM Step1ForCausalLM Step3TextForCausalLM Step3VLForConditionalGeneration Step3p5ForCausalLM
    Step3p7ForConditionalGeneration StepVLForConditionalGeneration TarsierForConditionalGeneration Terratorch
    XLMRobertaForTokenClassification Zamba2ForCausalLM
    """
)

VLLM_WITHOUT_STAGES = names(
    """
    AriaForConditionalGeneration BartForConditionalGeneration BartModel BertForMaskedLM
    BertForSequenceClassification BertForTokenClassification BertModel BertSpladeSparseEmbeddingModel
    BgeM3EmbeddingModel CLIPModel CohereAsrForConditionalGeneration ColBERTJinaRobertaModel ColBERTLfm2Model
    ColBERTModernBertModel ColModernVBertForRetrieval DeepseekV32ForCausalLM DeepseekV4ForConditionalGeneration
    DiffusionGemmaForBlockDiffusion EmbeddingGemma2Model ErnieForSequenceClassification
    ErnieForTokenClassification ErnieModel FireRedASR2ForConditionalGeneration FireRedLIDForConditionalGeneration
    Florence2ForConditionalGeneration FunASRForConditionalGeneration GPT2ForSequenceClassification
    Gemma3TextModel Gemma3nForCausalLM Gemma3nForConditionalGeneration GlmMoeDsaForCausalLM GteModel
    GteNewForSequenceClassification GteNewModel HF_ColBERT HrmTextForCausalLM IQuestLoopCoderForCausalLM
    Idefics3ForConditionalGeneration JinaForRanking LlamaBidirectionalForSequenceClassification
    LlamaBidirectionalModel Mamba2ForCausalLM MiniMaxForCausalLM MiniMaxM1ForCausalLM MiniMaxText01ForCausalLM
    MllamaForConditionalGeneration ModernBertForSequenceClassification ModernBertForTokenClassification
    ModernBertModel NemotronH_Nano_Omni_Reasoning_V3 NemotronH_Nano_VL_V2 NemotronH_Omni_Reasoning_V3
    NemotronH_Super_Omni_Reasoning_V3 NemotronParseForConditionalGeneration NomicBertModel
    OpenAIPrivacyFilterForTokenClassification OuroForCausalLM PaddleOCRVLForConditionalGeneration
    Phi4MMForCausalLM Phi4MultimodalForCausalLM PrithviGeoSpatialMAE RobertaForMaskedLM
    RobertaForSequenceClassification RobertaForTokenClassification RobertaModel SiglipModel
    SmolVLMForConditionalGeneration Terratorch VoyageQwen3BidirectionalEmbedModel WhisperForConditionalGeneration
    XLMRobertaForSequenceClassification XLMRobertaForTokenClassification XLMRobertaModel Zamba2ForCausalLM
    """
)
