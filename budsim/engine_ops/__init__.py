"""Engines: which one serves a model on a device, with which settings and arguments. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from budsim.commons.errors import InvalidRequestError, UnsupportedError
from budsim.engine_ops import latentbud, litellm, llmc, measured_engines, sglang, tgi, trtllm, vllm
from budsim.engine_ops.base import (
    ArgumentValue,
    DefaultsQuery,
    EngineDefaults,
    EngineOption,
    EngineProfile,
    LaunchArguments,
    LaunchQuery,
    NodePlace,
    ParserQuery,
    base_device_type,
)
from budsim.perf_model.engine_settings import EngineSettings, version_numbers
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import Precision
from budsim.perf_model.speculation import check_draft_tokens, draft_method
from budsim.perf_model.workload import Workload

__all__ = [
    "EngineOption",
    "EngineProfile",
    "LaunchQuery",
    "NodePlace",
    "ParserQuery",
    "by_platform_priority",
    "command_line",
    "compatible_engines",
    "engine_names",
    "engine_profile",
    "extra_args",
    "launch_args",
    "longest_sequence",
    "merged_options",
    "node_command_line",
    "options_on",
    "refusals",
    "resolve_engine_settings",
]

_FP8_CACHES = {("trtllm", "fp8"), ("trtllm", "nvfp4"), ("optimum-habana", "fp8")}
_VLLM_READS_CACHE_FORMAT = (0, 13)

PROFILES: tuple[EngineProfile, ...] = (
    vllm.PROFILE,
    sglang.PROFILE,
    trtllm.PROFILE,
    tgi.PROFILE,
    latentbud.PROFILE,
    litellm.PROFILE,
    llmc.PROFILE,
    *measured_engines.PROFILES,
)
_BY_NAME = {alias: profile for profile in PROFILES for alias in (profile.name, *profile.aliases)}

DEFAULT_ENGINE = "vllm"
# Engines that serve a checkpoint, most preferred first. The platform's own priority (``by_platform_priority``) puts
# latentbud and sglang before vllm; here vllm comes first, because its predictions rest on most measurements, and a
# caller's ``engines`` decide otherwise.
SERVING_ENGINES = ("vllm", "sglang", "latentbud")
LARGE_MODEL_PARAMETERS = 5e9  # the platform serves embedding models from here on with vllm rather than latentbud
MODEL_LEN_HEADROOM = 1.25
MIN_MODEL_LEN = 2048
_SETTING_FIELDS = frozenset(field.name for field in fields(EngineSettings)) - {"engine", "engine_version"}
_KV_SPELLINGS = {"bfloat16": "bf16", "float16": "fp16", "half": "fp16", "float32": "fp32", "fp8_e4m3": "fp8"}


def engine_names() -> tuple[str, ...]:
    """Return the canonical names of all engines that can be predicted."""
    return tuple(profile.name for profile in PROFILES if profile.purpose in ("serving", "embedding"))


def engine_profile(engine: str | None) -> EngineProfile:
    """Return an engine by name or alias, any case; blank means vLLM.

    Raises:
        UnsupportedError: No engine has this name; the message lists those there are.
    """
    name = (engine or DEFAULT_ENGINE).strip().lower()
    profile = _BY_NAME.get(name) or _BY_NAME.get(re.sub(r"\(.*\)", "", name).strip())
    if profile is None:
        raise UnsupportedError(
            f"engine '{name[:60]}' is not simulated; known engines: {', '.join(engine_names())}.", {"field": "engine"}
        )
    return profile


def compatible_engines(
    arch: ModelArchitecture, device_types: Sequence[str], images: Mapping[str, str], engine_version: str | None = None
) -> list[EngineOption]:
    """Return the engines that BudSim can deploy for a model, one entry per engine and device type.

    Args:
        arch: Model shape.
        device_types: Device types of the clusters, as their groups spell them (cpu and cpu_high stay apart).
        images: Container images by ``<engine>_<device type>`` (``vllm_cuda``); missing ones take the public image.
        engine_version: Version asked for; None = each engine's default one.

    Returns:
        Options in the order of ``device_types``, per device type in the order of ``SERVING_ENGINES``; empty when no
        engine serves the model there.
    """
    found = []
    for device_type in dict.fromkeys(device_types):
        for name in SERVING_ENGINES:
            make = _BY_NAME[name].option
            option = make(arch, device_type, images, engine_version) if make else None
            if option is not None:
                found.append(option)
    return found


def options_on(found: Sequence[EngineOption], device_type: str) -> list[EngineOption]:
    """Return the options of a device type: the type's own, and for ``cpu_high`` those of ``cpu``."""
    own = base_device_type(device_type)
    return [replace(option, device_type=device_type) for option in found if option.device_type in (device_type, own)]


def merged_options(looked_up: Sequence[EngineOption], shipped: Sequence[EngineOption]) -> list[EngineOption]:
    """Return the platform's options in BudSim's order of engines; without any, the shipped ones.

    Args:
        looked_up: What the platform's lookup named for one device type.
        shipped: What the shipped tables name for it.
    """
    known = {option.engine: option for option in reversed(looked_up) if _BY_NAME[option.engine].launch is not None}
    if not known:
        return list(shipped)
    return [known[name] for name in SERVING_ENGINES if name in known]


def by_platform_priority(options: Sequence[EngineOption], num_parameters: float) -> list[EngineOption]:
    """Return options in the platform's order: latentbud, sglang, vllm, litellm.

    Where latentbud and vllm both serve a model of 5e9 parameters or more: vllm, sglang, latentbud, litellm.

    Args:
        options: Options of one device type.
        num_parameters: Parameters of the model.
    """
    names = {option.engine for option in options}
    order = ["latentbud", "sglang", "vllm", "litellm"]
    if {"latentbud", "vllm"} <= names and num_parameters >= LARGE_MODEL_PARAMETERS:
        order = ["vllm", "sglang", "latentbud", "litellm"]
    return sorted(options, key=lambda option: order.index(option.engine) if option.engine in order else len(order))


def refusals(
    arch: ModelArchitecture,
    device_type: str,
    engines: Sequence[str] = (),
    engine_version: str | None = None,
    images: Mapping[str, str] | None = None,
) -> list[str]:
    """Return why engines do not serve a model on a device type, one sentence each; engines that do are left out.

    Args:
        arch: Model shape.
        device_type: cuda, rocm, hpu, cpu or cpu_high.
        engines: Names; empty = every engine that serves checkpoints.
        engine_version: Version asked for; None = each engine's default one.
        images: As ``compatible_engines``.
    """
    reasons = []
    for name in engines or SERVING_ENGINES:
        profile = _BY_NAME.get(name.strip().lower())
        if profile is None:
            reason: str | None = f"{name} is not known: use one of {', '.join(SERVING_ENGINES)}"
        elif profile.refusal is None:
            reason = f"{profile.name} is predicted only, not deployed"
        else:
            reason = profile.refusal(arch, device_type, engine_version)
            if (
                reason is None
                and profile.option
                and not profile.option(arch, device_type, images or {}, engine_version)
            ):
                variable = f"{profile.name}_{device_type}_image".upper()
                reason = f"{profile.name} has no image of its own for {device_type}: set {variable}"
        if reason is not None:
            reasons.append(reason)
    return reasons


def launch_args(engine: str, query: LaunchQuery) -> LaunchArguments:
    """Return the launch arguments (flags without their dashes) and environment of one replica.

    Raises:
        UnsupportedError: The engine, its version or speculative decoding is only predicted.
        InvalidRequestError: Arguments that the engine refuses; the message names them.
    """
    profile = engine_profile(engine)
    if profile.launch is None:
        raise UnsupportedError(f"{profile.name} is predicted only: no launch arguments are known.", {"field": "engine"})
    if query.settings.speculative_tokens:
        raise UnsupportedError(
            "speculative decoding is predicted only: which draft model is started is not known.",
            {"field": "speculative_tokens"},
        )
    return profile.launch(query)


def extra_args(engine: str, query: ParserQuery) -> dict[str, ArgumentValue]:
    """Return the arguments that switch parsers, a chat template and LoRA adapters on; none where the engine has none.

    Raises:
        BudSimError: The version has no such parser.
    """
    make = engine_profile(engine).extras
    return make(query) if make else {}


def command_line(engine: str, args: Mapping[str, ArgumentValue], version: str | None = None) -> list[str]:
    """Return the command that starts one replica; empty where the container's own entry point does.

    Raises:
        UnsupportedError: The version is outside the tables.
    """
    make = engine_profile(engine).command
    return make(args, version) if make else []


def node_command_line(
    engine: str, args: Mapping[str, ArgumentValue], place: NodePlace, version: str | None = None
) -> list[str]:
    """Return the command that starts one node's part of a replica.

    Raises:
        UnsupportedError: The engine's replicas do not span nodes, or the version is outside the tables.
    """
    profile = engine_profile(engine)
    if profile.node_command is None:
        text = f"A replica of {profile.name} starts on one node only; choose one that needs no pipeline stages."
        raise UnsupportedError(text, {"field": "pp_size"})
    return profile.node_command(args, place, version)


def resolve_engine_settings(
    engine: str | None,
    engine_version: str | None,
    *,
    arch: ModelArchitecture,
    device: DeviceSpec,
    workload: Workload,
    overrides: Mapping[str, Any] | None = None,
    plan: ParallelPlan | None = None,
    precision: Precision | None = None,
    device_memory_bytes: float | None = None,
) -> EngineSettings:
    """Return every engine parameter, the caller's where given, else the version's own default.

    A blank ``max_model_len`` is what the load needs, not the model's limit, so that long-context models start where
    vLLM itself would refuse: the longest sequence of the length distribution x 1.25, at least 2048, at most the
    model's ``max_position_embeddings``.

    Args:
        engine: Name or alias; blank = vLLM.
        engine_version: Dotted version; blank or without numbers = the engine's default version.
        arch: Model shape.
        device: Device that every rank runs on.
        workload: Load, for ``max_model_len`` and for engines that size their batch by it.
        overrides: Fields of ``EngineSettings`` by name; None, NaN and empty text mean "not said".
        plan: Layout; SGLang's memory fraction and vLLM's CPU limits depend on it. None = one device.
        precision: Formats; decides what ``kv_cache_dtype`` ``auto`` is. None = the checkpoint's dtype.
        device_memory_bytes: Memory of one device; None = the datasheet's.

    Raises:
        UnsupportedError: Unknown engine, version outside the tables, or a device type the engine does not run on.
        InvalidRequestError: An override that is no engine parameter, or not a number of the right sign.
    """
    profile = engine_profile(engine)
    table = profile.settings_version(engine_version)
    if device.device_type not in profile.device_types:
        raise UnsupportedError(
            f"{profile.name} runs on {', '.join(profile.device_types)}, not on {device.device_type} ({device.name}).",
            {"field": "engine"},
        )
    given = _given(overrides or {})
    max_model_len = _positive_int("max_model_len", given.pop("max_model_len", _default_model_len(arch, workload)))
    memory = device_memory_bytes if device_memory_bytes is not None else device.memory_bytes
    query = DefaultsQuery(table, arch, device, memory, workload, plan or ParallelPlan(), max_model_len)
    defaults = profile.defaults(query)
    wanted = str(given.pop("kv_cache_dtype", "auto"))
    kv_cache_dtype = _kv_format(profile, engine_version, wanted, arch, device, precision)
    chunked = _boolean("enable_chunked_prefill", given.pop("enable_chunked_prefill", defaults.enable_chunked_prefill))
    max_num_seqs = _positive_int("max_num_seqs", given.pop("max_num_seqs", defaults.max_num_seqs))
    tokens = given.pop("max_num_batched_tokens", None)
    if tokens is None or _number("max_num_batched_tokens", tokens) <= 0:  # SGLang's -1 turns chunking off
        chunked = chunked and tokens is None
        tokens = _default_budget(profile.name, defaults, chunked, max_model_len)
    return EngineSettings(
        engine=profile.name,
        engine_version=engine_version or profile.default_version,
        max_num_seqs=min(max_num_seqs, _positive_int("max_num_batched_tokens", tokens)),
        max_num_batched_tokens=_positive_int("max_num_batched_tokens", tokens),
        max_model_len=max_model_len,
        gpu_memory_utilization=_share(given.pop("gpu_memory_utilization", defaults.gpu_memory_utilization)),
        kv_cache_dtype=kv_cache_dtype,
        block_size=_positive_int("block_size", given.pop("block_size", defaults.block_size)),
        enable_chunked_prefill=chunked,
        enable_prefix_caching=_boolean(
            "enable_prefix_caching", given.pop("enable_prefix_caching", defaults.enable_prefix_caching)
        ),
        enforce_eager=_boolean("enforce_eager", given.pop("enforce_eager", False)),
        stream_interval=_positive_int("stream_interval", given.pop("stream_interval", 1)),
        **_speculation(given.pop("speculative_tokens", 0), given.pop("speculative_method", None), arch),
        cpu_kvcache_bytes=_optional_number(
            "cpu_kvcache_bytes", given.pop("cpu_kvcache_bytes", defaults.cpu_kvcache_bytes)
        ),
    )


def _speculation(tokens: Any, method: Any, arch: ModelArchitecture) -> dict[str, Any]:
    """Return the fields of ``EngineSettings`` that say what is drafted."""
    count = check_draft_tokens(int(_number("speculative_tokens", tokens)))
    drafts = bool(count) and arch.task == "generate"
    return {
        "speculative_tokens": count if drafts else 0,
        "speculative_method": draft_method(None if method is None else str(method), arch).value if drafts else "",
    }


def longest_sequence(workload: Workload) -> int:
    """Return input plus output tokens of the longest request of a load.

    ``uniform_A_B`` draws each length from [A, B] x nominal; ``isl`` and ``osl`` are the means.
    """
    stretch = 1.0
    match = re.fullmatch(r"uniform_([0-9.]+)_([0-9.]+)", workload.length_dist)
    if match:
        low, high = float(match.group(1)), float(match.group(2))
        stretch = high / ((low + high) / 2) if low + high > 0 else 1.0
    return math.ceil((workload.isl + workload.osl) * stretch)


def _default_model_len(arch: ModelArchitecture, workload: Workload) -> int:
    wanted = max(math.ceil(longest_sequence(workload) * MODEL_LEN_HEADROOM), MIN_MODEL_LEN)
    return min(wanted, arch.max_position_embeddings or wanted)


def _default_budget(engine: str, defaults: EngineDefaults, chunked: bool, max_model_len: int) -> int:
    """Return the token budget of a step; without chunking a step must hold a whole prompt."""
    if chunked or engine in ("llama.cpp", "openvino"):
        return defaults.max_num_batched_tokens
    return max(defaults.max_num_batched_tokens, max_model_len)


def _given(overrides: Mapping[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(overrides) - _SETTING_FIELDS)
    if unknown:
        raise InvalidRequestError(
            f"not an engine parameter: {', '.join(unknown)}; known: {', '.join(sorted(_SETTING_FIELDS))}.",
            {"field": unknown[0]},
        )
    return {name: value for name, value in overrides.items() if not _is_blank(value)}


def _is_blank(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def _checkpoint_cache(
    profile: EngineProfile, version: str | None, arch: ModelArchitecture, precision: Precision | None
) -> str | None:
    """Return the cache format that the engine takes from the checkpoint; None = it looks at nothing.

    ModelOpt, which makes the nvfp4 checkpoints that are published for serving, calibrates an fp8 cache with them.
    TensorRT-LLM obeys, for its fp8 checkpoints too; vLLM does from 0.13 on (pull request 29980: ``auto`` reads
    ``kv_cache_quant_algo``). Optimum Habana quantises with Intel Neural Compressor, whose fp8 recipes hold the cache
    (``KVCache`` among its supported modules); the batches that Intel publishes fit in no 16-bit one.
    """
    if precision is None:
        return None
    is_own = arch.quantization == precision.name and arch.cache_format is not None
    if (profile.name, precision.name) in _FP8_CACHES:
        return "fp8"
    if profile.name != "vllm" or precision.name != "nvfp4":
        return None
    numbers = version_numbers(version) or version_numbers(profile.default_version)
    reads_it = numbers is None or numbers >= _VLLM_READS_CACHE_FORMAT
    return "fp8" if reads_it and (not is_own or arch.cache_format == "fp8") else None


def _kv_format(
    profile: EngineProfile,
    version: str | None,
    wanted: str,
    arch: ModelArchitecture,
    device: DeviceSpec,
    precision: Precision | None,
) -> str:
    """Return the cache format; ``auto`` is what the checkpoint asks for, else the activations' on this device."""
    name = wanted.strip().lower()
    if name != "auto":
        return _KV_SPELLINGS.get(name, name)
    if precision is not None and precision.activation_bytes >= 4:
        return "fp32"
    stored = _checkpoint_cache(profile, version, arch, precision)
    if stored is not None:
        return stored
    sixteen = precision.name if precision is not None and precision.name in ("bf16", "fp16") else arch.torch_dtype
    if sixteen == "fp32":  # engines load fp32 checkpoints in 16 bit unless told otherwise
        sixteen = "bf16"
    if sixteen == "bf16" and device.peak_flops and "bf16" not in device.peak_flops and "fp16" in device.peak_flops:
        return "fp16"
    return sixteen


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InvalidRequestError(f"{name} must be a number, got {str(value)[:40]!r}.", {"field": name}) from None
    if not math.isfinite(number):
        raise InvalidRequestError(f"{name} must be a finite number.", {"field": name})
    return number


def _optional_number(name: str, value: Any) -> float | None:
    return None if value is None else _number(name, value)


def _positive_int(name: str, value: Any) -> int:
    number = int(_number(name, value))
    if number < 1:
        raise InvalidRequestError(f"{name} must be at least 1, got {number}.", {"field": name})
    return number


def _share(value: Any) -> float:
    number = _number("gpu_memory_utilization", value)
    if not 0 < number <= 1:
        raise InvalidRequestError(
            f"gpu_memory_utilization must lie in (0, 1], got {number}.", {"field": "gpu_memory_utilization"}
        )
    return number


def _boolean(name: str, value: Any) -> bool:
    if isinstance(value, str):
        word = value.strip().lower()
        if word in ("true", "1", "1.0", "yes", "on"):
            return True
        if word in ("false", "0", "0.0", "no", "off"):
            return False
        raise InvalidRequestError(f"{name} must be true or false, got {value[:40]!r}.", {"field": name})
    return bool(value)
