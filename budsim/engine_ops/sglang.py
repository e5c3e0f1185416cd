"""SGLang: versions and their defaults, devices, models, searchable parameters, launch arguments. Pure.

Sources: ``server_args.py`` of 0.5 (``_handle_gpu_memory_settings``) for the defaults; the argument files, model files
and parser maps of the 0.5.23 package (``argument_tables``) for everything that is emitted. Older releases are
predicted, not deployed: their argument files were not read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from budsim.commons.errors import InvalidRequestError, UnsupportedError
from budsim.engine_ops import argument_tables as tables
from budsim.engine_ops.arguments import ArgumentFact, command_words, facts_of, parser_problems
from budsim.engine_ops.base import (
    ArgumentValue,
    DefaultsQuery,
    EngineDefaults,
    EngineOption,
    EngineParameter,
    EngineProfile,
    LaunchArguments,
    LaunchQuery,
    NodePlace,
    ParserQuery,
    image_of_version,
)
from budsim.engine_ops.sglang_models import chat_template, family_facts, serves_lora
from budsim.engine_ops.vllm_models import model_variant
from budsim.perf_model.engine_settings import version_numbers
from budsim.perf_model.model_architecture import ModelArchitecture

MIB = float(2**20)

DEFAULT_VERSION = "0.5.23"
ARGUMENTS_FROM = (0, 5, 23)
TABLE_VERSIONS = ((0, 4), (0, 5))
DEVICE_TYPES = ("cuda", "rocm")
# ``latest`` is CUDA. ROCm images have no such tag: each is of one release, one ROCm and one family of GPUs
# (lmsysorg/sglang:v0.4.5-rocm630, rocm/sgl-dev:v0.5.13.post1-ubuntu24.04-py3.14-rocm7.14), so the caller names his.
IMAGES = {"cuda": "lmsysorg/sglang:latest"}

SGLANG_META_MIB = 512.0
SGLANG_MIB_PER_CHUNK_TOKEN = 1.5
SGLANG_MIB_PER_GRAPH_SEQUENCE = 2.0
SGLANG_LARGE_DEVICE_MIB, SGLANG_LARGE_RESERVE_MIB = 60 * 1024, 10 * 1024
# (device memory below, MiB) -> (chunk, captured batch at TP < 4, captured batch at TP >= 4)
SGLANG_BY_MEMORY = (
    (20 * 1024, 2048, 8, 8),
    (35 * 1024, 2048, 24, 80),
    (60 * 1024, 4096, 32, 160),
    (160 * 1024, 8192, 256, 512),
    (math.inf, 16384, 512, 512),
)
SGLANG_MAX_RUNNING = 2048  # floor of max_total_tokens / context_len x 512, capped at 4096
SGLANG_FRACTION_WITHOUT_MEMORY = 0.88
VIT_L_PARAMETERS = 12 * 24 * 1024**2  # ViT-L/14: 24 layers of 1024
RENDEZVOUS_PORT = 20000  # where the nodes of a replica meet
NO_CHUNKING = -1  # --chunked-prefill-size that turns chunking off

_DTYPE_FLAG = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
_KV_FLAG = {"fp8": "fp8_e4m3"}
_SIXTEEN_OR_MORE = frozenset({"auto", "bf16", "fp16", "fp32"})


def sglang_defaults(query: DefaultsQuery) -> EngineDefaults:
    """SGLang 0.5: chunk, captured batch and memory fraction by device memory (``server_args.py``).

    ``gpu_memory_utilization`` carries ``mem_fraction_static``: the share for weights and KV cache together.
    Radix caching is on; page size is 1 token.
    """
    if query.device_memory_bytes is None:
        return EngineDefaults(SGLANG_MAX_RUNNING, 4096, SGLANG_FRACTION_WITHOUT_MEMORY, 1, True, True)
    memory = query.device_memory_bytes / MIB
    _, chunk, small, large = next(row for row in SGLANG_BY_MEMORY if memory < row[0])
    graph_batch = small if query.plan.tp_size < 4 else large
    reserve = SGLANG_META_MIB + chunk * SGLANG_MIB_PER_CHUNK_TOKEN + graph_batch * SGLANG_MIB_PER_GRAPH_SEQUENCE
    reserve += query.plan.tp_size * query.plan.pp_size / 8 * 1024
    if query.plan.dp_attention:
        per_sequence = 4.5 if graph_batch > 300 else 3.0
        reserve += graph_batch * query.plan.attention_copies * per_sequence
    if memory > SGLANG_LARGE_DEVICE_MIB:
        reserve = max(reserve, SGLANG_LARGE_RESERVE_MIB)
    share = round(round((memory - reserve) / memory, 3) * _vision_factor(query.arch), 4)
    return EngineDefaults(SGLANG_MAX_RUNNING, chunk, share, 1, True, True)


def _vision_factor(arch: ModelArchitecture) -> float:
    """Return what SGLang keeps of its default share for models with a vision tower, whose encoder runs outside it.

    5 % less, and 0.1 of it for every tower of ViT-L's size more (``server_args.py``, ``adjust_mem_fraction_for_vlm``);
    it counts layers x width squared, of which a tower's parameters are 12 times as many.
    """
    if not arch.params_vision:
        return 1.0
    towers = arch.params_vision / VIT_L_PARAMETERS
    return 0.95 * max(0.8, min(1.05, 1.0 - 0.1 * (towers - 1.0)))


def served_architecture(arch: ModelArchitecture) -> str | None:
    """Return the architecture name under which SGLang serves a model, or None."""
    return next((name for name in arch.architectures if name in tables.SGLANG_ARCHITECTURES), None)


def option(
    arch: ModelArchitecture, device_type: str, images: Mapping[str, str], version: str | None = None
) -> EngineOption | None:
    """Return how SGLang serves a model on a device type, or None when it does not.

    Args:
        arch: Model shape; its architecture name decides.
        device_type: cuda or rocm.
        images: Container images by ``sglang_<device type>``; a missing one falls back to the public image,
            of which there is none for rocm.
        version: SGLang version; None = the default one.
    """
    architecture = served_architecture(arch)
    image = images.get(f"sglang_{device_type}") or IMAGES.get(device_type)
    if architecture is None or device_type not in DEVICE_TYPES or image is None:
        return None
    facts = family_facts(architecture, model_variant(arch, architecture))
    generates = arch.task == "generate"
    return EngineOption(
        engine="sglang",
        version=version or DEFAULT_VERSION,
        device_type=device_type,
        image=image_of_version(image, version, device_type),
        tool_calling_parser_type=facts.tool_calling_parser_type if generates else None,
        reasoning_parser_type=facts.reasoning_parser_type if generates else None,
        architecture_family=facts.architecture_family,
        chat_template=chat_template(architecture),
        supports_lora=generates and serves_lora(architecture),
        supports_pipeline_parallelism=architecture in tables.SGLANG_WITH_STAGES,
    )


def refusal(arch: ModelArchitecture, device_type: str, version: str | None = None) -> str | None:
    """Return why SGLang does not serve a model on a device type, or None when it does."""
    if device_type not in DEVICE_TYPES:
        return f"sglang runs on {', '.join(DEVICE_TYPES)}, not on {device_type}"
    if served_architecture(arch) is None:
        name = ", ".join(arch.architectures) or f"model_type {arch.model_type}"
        return f"sglang {version or DEFAULT_VERSION} does not serve {name}"
    return None


def arguments_of(version: str | None = None) -> dict[str, ArgumentFact]:
    """Return the flags that a version's parser has, by name.

    Raises:
        UnsupportedError: The version is older than the argument file that was read.
    """
    table = PROFILE.table_version(version)
    numbers = version_numbers(version or DEFAULT_VERSION)
    if numbers is not None and numbers < ARGUMENTS_FROM:
        raise UnsupportedError(
            f"sglang {version} is predicted only: the arguments of {DEFAULT_VERSION} and later are known. "
            "Leave engine_version blank, or deploy that version.",
            {"field": "engine_version"},
        )
    return facts_of(tables.SGLANG_ARGUMENTS, table)


def parameters(device_type: str, version: str | None = None) -> tuple[EngineParameter, ...]:
    """Return the launch parameters a search may vary on a device type.

    Raises:
        UnsupportedError: SGLang does not run on the device type, or the version's arguments are not known.
    """
    arguments_of(version)
    if device_type not in DEVICE_TYPES:
        raise UnsupportedError(
            f"sglang runs on {', '.join(DEVICE_TYPES)}, not on {device_type}.", {"field": "device_type"}
        )
    chunks = (2048, 4096, 8192, 16384)
    return (
        EngineParameter("max_num_seqs", "max-running-requests", "int", None, 8, 4096, 8),
        EngineParameter("max_num_batched_tokens", "chunked-prefill-size", "choice", None, choices=chunks),
        EngineParameter("gpu_memory_utilization", "mem-fraction-static", "float", None, 0.6, 0.95, 0.01),
        EngineParameter("kv_cache_dtype", "kv-cache-dtype", "choice", "auto", choices=("auto", "fp8_e4m3")),
        EngineParameter("tp_size", "tp-size", "int", 1, 1, 64, 1),
        EngineParameter("pp_size", "pp-size", "int", 1, 1, 16, 1),
    )


def launch(query: LaunchQuery) -> LaunchArguments:
    """Return launch arguments (flags without their dashes) and environment of one replica.

    ``disable-custom-all-reduce`` goes with tensor parallelism over devices without a direct link: the one-shot kernel
    needs peer access, which PCIe roots do not promise.

    Raises:
        UnsupportedError: The version's arguments are not known.
        InvalidRequestError: Arguments that the engine refuses; the message names them.
    """
    settings, plan = query.settings, query.plan
    version = query.version or settings.engine_version
    facts = arguments_of(version)
    args: dict[str, ArgumentValue] = {
        "model-path": query.model,
        "tp-size": plan.tp_size,
        "pp-size": plan.pp_size,
        "context-length": settings.max_model_len,
        "max-running-requests": settings.max_num_seqs,
        "chunked-prefill-size": settings.max_num_batched_tokens if settings.enable_chunked_prefill else NO_CHUNKING,
        "mem-fraction-static": settings.gpu_memory_utilization,
    }
    if plan.dp_attention:
        args["attn-dp-size"] = plan.attention_copies
    elif plan.dp_size > 1:
        args["dp-size"] = plan.dp_size
    if plan.ep_size > 1:
        args["ep-size"] = plan.ep_size
    if settings.block_size > 1:
        args["page-size"] = settings.block_size
    args |= _format_args(query)
    switches = {
        "disable-radix-cache": not settings.enable_prefix_caching,
        "disable-cuda-graph": settings.enforce_eager,
        "disable-custom-all-reduce": plan.tp_size > 1
        and query.device is not None
        and query.device.link_bytes_per_s is None,
        "is-embedding": query.arch is not None and query.arch.task not in ("generate", "transcribe"),
    }
    args |= {flag: True for flag, wanted in switches.items() if wanted}
    if settings.stream_interval > 1:
        args["stream-interval"] = settings.stream_interval
    problems = argument_problems(args, query.device_type)
    problems += parser_problems(args, facts, f"sglang {version or DEFAULT_VERSION}")
    if problems:
        raise InvalidRequestError(f"sglang refuses these arguments: {'; '.join(problems)}.", {"field": "args"})
    return args, {}


def _format_args(query: LaunchQuery) -> dict[str, ArgumentValue]:
    args: dict[str, ArgumentValue] = {}
    quantized = query.arch is not None and query.arch.quantization is not None
    if query.precision.name in _DTYPE_FLAG and not quantized:
        args["dtype"] = _DTYPE_FLAG[query.precision.name]
    if query.precision.name == "fp8" and not quantized:
        args["quantization"] = "fp8"
    kv_format = query.settings.kv_cache_dtype
    if kv_format not in _SIXTEEN_OR_MORE:
        args["kv-cache-dtype"] = _KV_FLAG.get(kv_format, kv_format)
    return args


def argument_problems(args: Mapping[str, ArgumentValue], device_type: str) -> list[str]:
    """Return what SGLang itself refuses in a set of launch arguments that its parser takes; empty = nothing."""
    if device_type not in DEVICE_TYPES:
        return [f"sglang does not run on {device_type}"]
    problems = []
    for flag in ("tp-size", "pp-size", "dp-size", "ep-size", "attn-dp-size", "context-length", "max-running-requests"):
        value = args.get(flag, 1)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            problems.append(f"{flag} must be a whole number of at least 1, got {value}")
    share = args.get("mem-fraction-static", 0.5)
    if not isinstance(share, int | float) or not 0 < share < 1:
        problems.append(f"mem-fraction-static must lie in (0, 1), got {share}")
    chunk, page = args.get("chunked-prefill-size", NO_CHUNKING), args.get("page-size", 1)
    if isinstance(chunk, int) and isinstance(page, int) and chunk > 0 and page > 0 and chunk % page:
        problems.append(f"chunked-prefill-size {chunk} must be a multiple of page-size {page}")
    tp, copies = args.get("tp-size", 1), args.get("attn-dp-size", 1)
    if isinstance(tp, int) and isinstance(copies, int) and copies > 0 and tp % copies:
        problems.append(f"attn-dp-size {copies} must divide tp-size {tp}")
    if args.get("attn-dp-size", 1) != 1 and args.get("dp-size", 1) != 1:
        problems.append("dp-size and attn-dp-size exclude each other")
    return problems


def extras(query: ParserQuery) -> dict[str, ArgumentValue]:
    """Return the arguments that switch parsers, a chat template and LoRA adapters on.

    Raises:
        InvalidRequestError: SGLang has no such parser.
        UnsupportedError: The version's arguments are not known.
    """
    version = f"sglang {query.version or DEFAULT_VERSION}"
    args: dict[str, ArgumentValue] = {}
    for flag, name, known in (
        ("tool-call-parser", query.tool_call_parser, tables.SGLANG_TOOL_PARSERS_0_5),
        ("reasoning-parser", query.reasoning_parser, tables.SGLANG_REASONING_PARSERS_0_5),
    ):
        if name and name not in known:
            text = f"{version} has no {flag} {name!r}; it has {', '.join(sorted(known))}."
            raise InvalidRequestError(text, {"field": flag})
        if name:
            args[flag] = name
    if query.chat_template:
        args["chat-template"] = query.chat_template
    if query.max_loras:
        args |= {"enable-lora": True, "max-loras-per-batch": query.max_loras, "max-lora-rank": query.max_lora_rank}
    problems = parser_problems(args, arguments_of(query.version), version)
    if problems:
        raise InvalidRequestError(f"sglang refuses these arguments: {'; '.join(problems)}.", {"field": "args"})
    return args


def command(args: Mapping[str, ArgumentValue], version: str | None = None) -> list[str]:
    """Return the whole command."""
    return ["python3", "-m", "sglang.launch_server", *command_words(args, arguments_of(version))]


def node_command(args: Mapping[str, ArgumentValue], place: NodePlace, version: str | None = None) -> list[str]:
    """Return the command of one of the nodes that a replica spans."""
    nodes: dict[str, ArgumentValue] = {
        "nnodes": place.num_nodes,
        "node-rank": place.rank,
        "dist-init-addr": f"{place.head_address}:{RENDEZVOUS_PORT}",
    }
    return command({**args, **nodes}, version)


PROFILE = EngineProfile(
    name="sglang",
    aliases=("sglang",),
    versions=TABLE_VERSIONS,
    default_version=DEFAULT_VERSION,
    device_types=DEVICE_TYPES,
    defaults=sglang_defaults,
    images=IMAGES,
    deployable=True,
    option=option,
    refusal=refusal,
    launch=launch,
    parameters=parameters,
    extras=extras,
    command=command,
    node_command=node_command,
)
