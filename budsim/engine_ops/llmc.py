"""LLMC: quantisation jobs. It writes a quantised checkpoint and serves nothing. Pure. Facts: contract, section 5."""

from __future__ import annotations

from collections.abc import Mapping

from budsim.commons.errors import UnsupportedError
from budsim.engine_ops.arguments import names
from budsim.engine_ops.base import (
    DefaultsQuery,
    EngineDefaults,
    EngineOption,
    EngineParameter,
    EngineProfile,
    LaunchArguments,
    LaunchQuery,
    base_device_type,
    require_device_type,
)
from budsim.perf_model.model_architecture import ModelArchitecture

DEVICE_TYPES = ("cuda", "cpu", "cpu_high")
IMAGES = {"cuda": "budecosystem/quantization:cuda-latest", "cpu": "budecosystem/quantization:cpu-latest"}
# The platform's catalogue and its rule (contract, section 5): minutes by method, times a factor by device type.
CPU_METHODS = frozenset({"rtn", "awq"})
METHOD_MINUTES, OTHER_MINUTES = {"rtn": 10, "awq": 20}, 20
DEVICE_FACTORS = {"cuda": 4}
NUMBER_FORMATS = ("bf16", "INT8", "INT4", "INT2")
ARCHITECTURES = names(
    """
    BloomForCausalLM ChatGLMModel ChatGLMForConditionalGeneration DeepseekForCausalLM DeepseekV2ForCausalLM
    DeepseekV3ForCausalLM FalconForCausalLM Gemma2ForCausalLM InternLM2ForCausalLM LlamaForCausalLM
    LlavaForConditionalGeneration LlavaLlamaForCausalLM MiniCPMForCausalLM MiniCPM3ForCausalLM MistralForCausalLM
    MixtralForCausalLM MllamaForConditionalGeneration OPTForCausalLM PhiForCausalLM Phi3ForCausalLM Qwen2ForCausalLM
    Qwen2MoeForCausalLM Qwen2VLForConditionalGeneration StableLmForCausalLM Starcoder2ForCausalLM
    """
)


def defaults(query: DefaultsQuery) -> EngineDefaults:
    """Refuse: a quantisation job serves no requests.

    Raises:
        UnsupportedError: Always.
    """
    raise UnsupportedError("llmc quantises checkpoints and serves no requests.", {"field": "engine"})


def refusal(arch: ModelArchitecture, device_type: str, version: str | None = None) -> str | None:
    """Return why LLMC does not quantise a model on a device type, or None when it does."""
    if device_type not in DEVICE_TYPES:
        return f"llmc runs on {', '.join(DEVICE_TYPES)}, not on {device_type}"
    if not ARCHITECTURES.intersection(arch.architectures):
        return f"llmc does not quantise {', '.join(arch.architectures) or arch.model_type}"
    return None


def job_option(
    arch: ModelArchitecture, device_type: str, images: Mapping[str, str], version: str | None = None
) -> EngineOption | None:
    """Return what quantises a model on a device type, or None."""
    if refusal(arch, device_type) is not None:
        return None
    base = base_device_type(device_type)
    image = images.get(f"quantization_{base}") or IMAGES[base]
    return EngineOption("llmc", version or PROFILE.default_version, device_type, image)


def method_refusal(method: str, device_type: str) -> str | None:
    """Return why a method does not run on a device type, or None."""
    if device_type.startswith("cpu") and method.lower() not in CPU_METHODS:
        return f"{method} runs on cuda only; on {device_type} there are RTN and AWQ"
    return None


def assumed_hours(method: str, device_type: str) -> float:
    """Return how long a job takes by the platform's own rule. It knows neither the model's size nor the device."""
    return METHOD_MINUTES.get(method.lower(), OTHER_MINUTES) * DEVICE_FACTORS.get(device_type, 1) / 60


def launch_job(device_type: str) -> LaunchArguments:
    """Return no arguments, and the environment of one job.

    Raises:
        UnsupportedError: Not on this device type.
    """
    require_device_type("llmc", DEVICE_TYPES, device_type)
    return {}, {"TARGET_DEVICE": base_device_type(device_type)}


def launch(query: LaunchQuery) -> LaunchArguments:
    """Return no arguments, and the environment of one job; see ``launch_job``."""
    return launch_job(query.device_type)


def parameters(device_type: str, version: str | None = None) -> tuple[EngineParameter, ...]:
    """Return nothing: there is nothing to search.

    Raises:
        UnsupportedError: Not on this device type.
    """
    require_device_type("llmc", DEVICE_TYPES, device_type)
    return ()


PROFILE = EngineProfile(
    name="llmc",
    aliases=("llmc",),
    versions=(),
    default_version="1.0",
    device_types=DEVICE_TYPES,
    defaults=defaults,
    images=IMAGES,
    purpose="quantization",
    refusal=refusal,
    launch=launch,
    parameters=parameters,
)
