"""vLLM: versions and their defaults, devices, searchable parameters, launch arguments.

Pure. What the parsers of the versions take: ``argument_tables`` and ``vllm_models``. Sources of the defaults: vLLM's
``engine/arg_utils.py`` (``get_batch_defaults``), ``config`` and platform files at 0.8, 0.11, 0.19, 0.24 and 0.32, those
of 0.4 to 0.7 for V0, and the argument file of the 0.32 package; they are those of the OpenAI API server
(``UsageContext.OPENAI_API_SERVER``), which differ from the offline ``LLM`` class.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping

from budsim.commons.errors import InvalidRequestError, UnsupportedError
from budsim.engine_ops.argument_tables import VLLM_ARGUMENTS
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
    base_device_type,
    image_of_version,
    require_device_type,
)
from budsim.engine_ops.vllm_models import (
    REASONING_PARSERS,
    TOOL_PARSERS,
    WITHOUT_LORA,
    WITHOUT_PIPELINE_STAGES,
    family_facts,
    model_variant,
    served_architecture,
    versions_serving,
)
from budsim.perf_model.engine_settings import EngineSettings
from budsim.perf_model.model_architecture import LayerKind, ModelArchitecture
from budsim.perf_model.parallelism import PP_DEVICE_TYPES, ParallelPlan
from budsim.perf_model.precision import Precision

GIB = float(2**30)
DEFAULT_VERSION = "0.32.0"
TABLE_VERSIONS = ((0, 8), (0, 11), (0, 19), (0, 24), (0, 32))
V0_VERSIONS = ((0, 4), (0, 7))  # the V0 scheduler: prompts before decode, in steps of their own
DEVICE_TYPES = ("cuda", "rocm", "hpu", "cpu", "cpu_high")

IMAGES = {
    "cuda": "vllm/vllm-openai:latest",
    "rocm": "vllm/vllm-openai-rocm:latest",
    "hpu": "budecosystem/bud-runtime-hpu:latest",
    "cpu": "budecosystem/bud-runtime-cpu:latest",
}

# V0 splits prompts by itself only where sequences may be longer, then with 512 tokens a step and from 0.7 on 2,048.
V0_CHUNKS_FROM = 32_768
LARGE_DEVICE_BYTES = 70 * GIB  # from here on 8192 tokens and 1024 sequences a step, else 2048 and 256
A100_IS_SMALL_FROM = (0, 11)  # vllm pull request 17885: large budgets cost throughput on A100
UTILIZATION_0_92_FROM = (0, 24)
CPU_AUTO_KV_FROM = (0, 24)
CPU_KV_SPACE_BYTES = 4 * GIB  # VLLM_CPU_KVCACHE_SPACE before it became automatic
CPU_BLOCK_128_FROM = (0, 11)
HPU_BLOCK_SIZE = 128
SCHEDULER_DELAY_BEFORE = (0, 9)  # --scheduler-delay-factor went with the V0 scheduler

POOLING_RUNNER_FROM = (0, 11)  # --runner pooling; before it --task
# From 0.19 the package no longer brings Ray, and its own processes span nodes (--nnodes); before, Ray is the only way.
OWN_NODES_FROM = (0, 19)
RAY_PORT = 6379
REASONING_SWITCH_BEFORE = (0, 11)  # --enable-reasoning went: a reasoning parser switches it on

_SIXTEEN_OR_MORE = frozenset({"auto", "bf16", "fp16", "fp32"})
_DTYPE_FLAG = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
_BLOCK_SIZES = {"cuda": (16, 32), "rocm": (16, 32), "hpu": (128,), "cpu": (16, 32, 128)}


def defaults(query: DefaultsQuery) -> EngineDefaults:
    """Return what ``vllm serve`` takes on this device when the caller does not say."""
    device_type = base_device_type(query.device.device_type)
    utilization = 0.92 if query.version >= UTILIZATION_0_92_FROM else 0.9
    pooling = query.arch.task not in ("generate", "transcribe")
    if query.version < TABLE_VERSIONS[0] and device_type in ("cuda", "rocm"):
        return _v0_defaults(query)
    if device_type == "cpu":
        return _cpu_defaults(query, utilization)
    if device_type == "hpu":
        # The Gaudi fork prefills whole prompts in buckets; it has no chunked prefill, and no prefix cache with windows.
        cached = not pooling and not query.arch.sliding_window
        return EngineDefaults(256, max(query.max_model_len, 2048), utilization, HPU_BLOCK_SIZE, False, cached)
    large = (query.device_memory_bytes or 0.0) >= LARGE_DEVICE_BYTES
    if query.version >= A100_IS_SMALL_FROM and "a100" in query.device.name.lower():
        large = False
    sequences, tokens = (1024, 8192) if large else (256, 2048)
    if pooling and not _is_decoder(query.arch):
        return EngineDefaults(sequences, max(tokens, query.max_model_len), utilization, 16, False, False)
    states = LayerKind.LINEAR in query.arch.layer_kinds
    return EngineDefaults(sequences, tokens, utilization, 16, True, not states)


def _v0_defaults(query: DefaultsQuery) -> EngineDefaults:
    """Return the defaults of V0 on a GPU: whole prompts, 256 sequences, no prefix cache."""
    if query.max_model_len > V0_CHUNKS_FROM and not query.arch.sliding_window:
        return EngineDefaults(256, 2048 if query.version >= (0, 7) else 512, 0.9, 16, True, False)
    return EngineDefaults(256, max(query.max_model_len, 2048), 0.9, 16, False, False)


def _cpu_defaults(query: DefaultsQuery, utilization: float) -> EngineDefaults:
    ranks = query.plan.tp_size * query.plan.pp_size
    block_size = 128 if query.version >= CPU_BLOCK_128_FROM else 16
    if query.version < A100_IS_SMALL_FROM:
        return EngineDefaults(256, max(query.max_model_len, 2048), 0.9, block_size, False, False, CPU_KV_SPACE_BYTES)
    kv_space = None if query.version >= CPU_AUTO_KV_FROM else CPU_KV_SPACE_BYTES
    return EngineDefaults(128 * ranks, 2048 * ranks, utilization, block_size, True, True, kv_space)


def _is_decoder(arch: ModelArchitecture) -> bool:
    return arch.type_vocab_size == 0 and not arch.position_embeddings


def parameters(device_type: str, version: str | None = None) -> tuple[EngineParameter, ...]:
    """Return the launch parameters a search may vary on a device type.

    Args:
        device_type: cuda, rocm, hpu, cpu or cpu_high.
        version: vLLM version; None = the default one.

    Raises:
        UnsupportedError: vLLM does not run on the device type, or the version is outside the tables.
    """
    table = PROFILE.table_version(version)
    base = base_device_type(device_type)
    require_device_type("vllm", DEVICE_TYPES, device_type)
    found = [
        EngineParameter("max_num_seqs", "max-num-seqs", "int", None, 8, 1024, 8),
        EngineParameter("block_size", "block-size", "choice", _BLOCK_SIZES[base][0], choices=_BLOCK_SIZES[base]),
        EngineParameter("enable_prefix_caching", "enable-prefix-caching", "bool", True),
        EngineParameter("tp_size", "tensor-parallel-size", "int", 1, 1, 64, 1),
    ]
    if base in PP_DEVICE_TYPES:
        found.append(EngineParameter("pp_size", "pipeline-parallel-size", "int", 1, 1, 16, 1))
    if base != "hpu":
        budgets = (2048, 4096, 8192, 16384)
        found.append(
            EngineParameter("max_num_batched_tokens", "max-num-batched-tokens", "choice", None, choices=budgets)
        )
        found.append(EngineParameter("enable_chunked_prefill", "enable-chunked-prefill", "bool", True))
    if base != "cpu":
        found.append(
            EngineParameter("gpu_memory_utilization", "gpu-memory-utilization", "float", None, 0.8, 0.95, 0.01)
        )
        found.append(EngineParameter("kv_cache_dtype", "kv-cache-dtype", "choice", "auto", choices=("auto", "fp8")))
    if table < SCHEDULER_DELAY_BEFORE:
        found.append(EngineParameter("scheduler_delay_factor", "scheduler-delay-factor", "float", 0.0, 0.0, 1.0, 0.1))
    return tuple(found)


def option(
    arch: ModelArchitecture, device_type: str, images: Mapping[str, str], version: str | None = None
) -> EngineOption | None:
    """Return how vLLM serves a model on a device type, or None when it does not.

    Args:
        arch: Model shape; its architecture name decides.
        device_type: cuda, rocm, hpu, cpu or cpu_high.
        images: Container images by ``vllm_<device type>``; a missing one falls back to the public image.
        version: vLLM version; None = the default one. It decides on architectures and parser names.
    """
    table = _table_or_newest(version)
    architecture = served_architecture(arch, table)
    base = base_device_type(device_type)
    if architecture is None or base not in IMAGES:
        return None
    facts = family_facts(architecture, model_variant(arch, architecture))
    generates = arch.task == "generate"
    tool, reasoning = facts.tool_calling_parser_type, facts.reasoning_parser_type
    return EngineOption(
        engine="vllm",
        version=version or DEFAULT_VERSION,
        device_type=device_type,
        image=image_of_version(images.get(f"vllm_{base}") or IMAGES[base], version, base),
        tool_calling_parser_type=tool if generates and tool in TOOL_PARSERS[table] else None,
        reasoning_parser_type=reasoning if generates and reasoning in REASONING_PARSERS[table] else None,
        architecture_family=facts.architecture_family,
        chat_template=None,
        supports_lora=generates and architecture not in WITHOUT_LORA,
        supports_pipeline_parallelism=base in PP_DEVICE_TYPES and architecture not in WITHOUT_PIPELINE_STAGES,
    )


def refusal(arch: ModelArchitecture, device_type: str, version: str | None = None) -> str | None:
    """Return why vLLM does not serve a model on a device type, or None when it does."""
    if base_device_type(device_type) not in IMAGES:
        return f"vllm runs on {', '.join(DEVICE_TYPES)}, not on {device_type}"
    if served_architecture(arch, _table_or_newest(version)) is not None:
        return None
    name = ", ".join(arch.architectures) or f"model_type {arch.model_type}"
    others = [".".join(map(str, found)) for found in versions_serving(arch)]
    hint = f"; of the versions that are known, {', '.join(others)} do" if others else ""
    return f"vllm {version or DEFAULT_VERSION} does not serve {name}{hint}"


def _table_or_newest(version: str | None) -> tuple[int, ...]:
    """Return the table of a version; one outside the tables takes the newest and is refused when settings are made."""
    try:
        return PROFILE.table_version(version)
    except UnsupportedError:
        return TABLE_VERSIONS[-1]


def arguments_of(version: str | None = None) -> dict[str, ArgumentFact]:
    """Return the flags that a version's parser has, by name.

    Raises:
        UnsupportedError: The version is outside the tables.
    """
    return facts_of(VLLM_ARGUMENTS, PROFILE.table_version(version))


def launch_args(
    settings: EngineSettings,
    plan: ParallelPlan,
    precision: Precision,
    model: str,
    device_type: str,
    version: str | None = None,
    *,
    arch: ModelArchitecture | None = None,
    scheduler_delay_factor: float = 0.0,
) -> tuple[dict[str, ArgumentValue], dict[str, str]]:
    """Return launch arguments and environment of one replica.

    Args:
        settings: Resolved engine parameters.
        plan: Parallel layout.
        precision: Weight format; an fp8 request for an unquantised checkpoint quantises at load time.
        model: Hub id or path.
        device_type: cuda, rocm, hpu, cpu or cpu_high.
        version: vLLM version; None = that of the settings, else the default one.
        arch: Model shape: says whether the checkpoint is quantised already and has sliding windows; None = neither.
        scheduler_delay_factor: Emitted for versions that have it (0.8).

    Returns:
        Flags without their dashes, and environment variables.

    Raises:
        UnsupportedError: The version is outside the tables.
        InvalidRequestError: Arguments that this device or version refuses; the message names them.
    """
    version = version or settings.engine_version
    table = PROFILE.table_version(version)
    base = base_device_type(device_type)
    args: dict[str, ArgumentValue] = {
        "model": model,
        "tensor-parallel-size": plan.tp_size,
        "pipeline-parallel-size": plan.pp_size,
        "max-model-len": settings.max_model_len,
        "max-num-seqs": settings.max_num_seqs,
        "max-num-batched-tokens": settings.max_num_batched_tokens,
        "block-size": settings.block_size,
        "enable-chunked-prefill": settings.enable_chunked_prefill,
        "enable-prefix-caching": settings.enable_prefix_caching,
    }
    if plan.dp_size > 1:
        args["data-parallel-size"] = plan.dp_size
    if plan.ep_size > 1:
        args["enable-expert-parallel"] = True
    if base != "cpu":
        args["gpu-memory-utilization"] = settings.gpu_memory_utilization
    args |= _format_args(settings, precision, arch.quantization if arch else None)
    if settings.enforce_eager or base == "cpu":
        args["enforce-eager"] = True
    if settings.stream_interval > 1 and table >= (0, 19):
        args["stream-interval"] = settings.stream_interval
    if table < SCHEDULER_DELAY_BEFORE:
        args["scheduler-delay-factor"] = scheduler_delay_factor
    if arch is not None and arch.task not in ("generate", "transcribe"):
        args |= _pooling_args(arch.task, table)
    problems = argument_problems(args, device_type, bool(arch and arch.sliding_window))
    if plan.dp_attention:
        problems.append("attention cannot be data parallel inside the tensor-parallel group, as SGLang's can")
    problems += parser_problems(args, facts_of(VLLM_ARGUMENTS, table), f"vllm {version or DEFAULT_VERSION}")
    if problems:
        raise InvalidRequestError(f"vllm refuses these arguments: {'; '.join(problems)}.", {"field": "args"})
    return args, _environment(settings, base)


def _format_args(
    settings: EngineSettings, precision: Precision, checkpoint_quantization: str | None
) -> dict[str, ArgumentValue]:
    args: dict[str, ArgumentValue] = {}
    if precision.name in _DTYPE_FLAG and checkpoint_quantization is None:
        args["dtype"] = _DTYPE_FLAG[precision.name]
    if precision.name == "fp8" and checkpoint_quantization is None:
        args["quantization"] = "fp8"
    if settings.kv_cache_dtype not in _SIXTEEN_OR_MORE:  # what is left is auto: the format of the activations
        args["kv-cache-dtype"] = settings.kv_cache_dtype
    return args


def _pooling_args(task: str, table: tuple[int, ...]) -> dict[str, ArgumentValue]:
    """Return what makes a pooling server of a model whose name alone may say otherwise (Qwen3-Embedding)."""
    if table >= POOLING_RUNNER_FROM:
        return {"runner": "pooling"}
    return {"task": {"embed": "embed", "rerank": "score"}.get(task, "classify")}


def _environment(settings: EngineSettings, base_type: str) -> dict[str, str]:
    envs = {"VLLM_TARGET_DEVICE": base_type}
    if base_type == "cpu" and settings.cpu_kvcache_bytes is not None:
        envs["VLLM_CPU_KVCACHE_SPACE"] = str(max(1, math.floor(settings.cpu_kvcache_bytes / GIB)))
    return envs


def argument_problems(args: Mapping[str, ArgumentValue], device_type: str, sliding_window: bool = False) -> list[str]:
    """Return what a device refuses in a set of launch arguments; empty = nothing.

    Args:
        args: Flags without their dashes.
        device_type: cuda, rocm, hpu, cpu or cpu_high.
        sliding_window: The model has sliding-window layers.
    """
    base = base_device_type(device_type)
    problems = []
    if base not in _BLOCK_SIZES:
        return [f"vllm does not run on {device_type}"]
    for flag in ("tensor-parallel-size", "pipeline-parallel-size", "max-num-seqs", "max-num-batched-tokens"):
        value = args.get(flag, 1)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            problems.append(f"{flag} must be a whole number of at least 1, got {value}")
    block = args.get("block-size", _BLOCK_SIZES[base][0])
    if not isinstance(block, int) or block not in (1, 8, 16, 32, 64, 128, 256):
        problems.append(f"block-size {block} is not one of 8, 16, 32, 64, 128, 256")
    elif base == "cuda" and block % 16:
        problems.append(f"block-size {block} must be a multiple of 16 for FlashAttention")
    if base not in PP_DEVICE_TYPES and args.get("pipeline-parallel-size", 1) != 1:
        problems.append(f"pipeline-parallel-size must be 1 on {device_type}")
    if base == "cpu" and str(args.get("kv-cache-dtype", "auto")) not in ("auto", "fp8_e5m2"):
        problems.append("kv-cache-dtype must be auto on CPU")
    if base == "hpu" and args.get("enable-prefix-caching") and (sliding_window or args.get("enable-chunked-prefill")):
        problems.append("enable-prefix-caching excludes sliding windows and chunked prefill on HPU")
    tokens, sequences = args.get("max-num-batched-tokens"), args.get("max-num-seqs")
    if isinstance(tokens, int) and isinstance(sequences, int) and tokens < sequences:
        problems.append(f"max-num-batched-tokens {tokens} must be at least max-num-seqs {sequences}")
    return problems


def command_line(args: Mapping[str, ArgumentValue], version: str | None = None) -> list[str]:
    """Return launch arguments as ``vllm serve`` of a version takes them, booleans as ``--flag`` or ``--no-flag``."""
    return command_words(args, arguments_of(version))


def command(args: Mapping[str, ArgumentValue], version: str | None = None) -> list[str]:
    """Return the whole command; the model comes first, since ``--model`` is on its way out of ``vllm serve``."""
    rest = {flag: value for flag, value in args.items() if flag != "model"}
    return ["vllm", "serve", str(args["model"]), *command_line(rest, version)]


def extras(query: ParserQuery) -> dict[str, ArgumentValue]:
    """Return the arguments that switch parsers, a chat template and LoRA adapters on.

    Raises:
        InvalidRequestError: The version has no such parser, or takes no such value.
    """
    table = PROFILE.table_version(query.version)
    args: dict[str, ArgumentValue] = {}
    for kind, name, known in (
        ("tool-call", query.tool_call_parser, TOOL_PARSERS[table]),
        ("reasoning", query.reasoning_parser, REASONING_PARSERS[table]),
    ):
        if name and name not in known:
            engine = f"vllm {query.version or DEFAULT_VERSION}"
            text = f"{engine} has no {kind} parser {name!r}; it has {', '.join(sorted(known))}."
            raise InvalidRequestError(text, {"field": f"{kind}-parser"})
    if query.tool_call_parser:
        args |= {"enable-auto-tool-choice": True, "tool-call-parser": query.tool_call_parser}
    if query.reasoning_parser:
        args |= {"enable-reasoning": True} if table < REASONING_SWITCH_BEFORE else {}
        args["reasoning-parser"] = query.reasoning_parser
    if query.chat_template:
        args["chat-template"] = query.chat_template
    if query.max_loras:
        args |= {"enable-lora": True, "max-loras": query.max_loras, "max-lora-rank": query.max_lora_rank}
    problems = parser_problems(args, facts_of(VLLM_ARGUMENTS, table), f"vllm {query.version or DEFAULT_VERSION}")
    if problems:
        raise InvalidRequestError(f"vllm refuses these arguments: {'; '.join(problems)}.", {"field": "args"})
    return args


def node_command(args: Mapping[str, ArgumentValue], place: NodePlace, version: str | None = None) -> list[str]:
    """Return the command of one of the nodes that a replica spans.

    vLLM numbers its ranks stage by stage, so equal nodes in order of their rank hold whole stages.

    Raises:
        UnsupportedError: The version is outside the tables.
    """
    if PROFILE.table_version(version) < OWN_NODES_FROM:
        return ["sh", "-c", _ray_script(args, place, version)]
    nodes: dict[str, ArgumentValue] = {
        "distributed-executor-backend": "mp",
        "nnodes": place.num_nodes,
        "node-rank": place.rank,
        "master-addr": place.head_address,
    }
    return command({**args, **nodes, **({} if place.is_head else {"headless": True})}, version)


def _ray_script(args: Mapping[str, ArgumentValue], place: NodePlace, version: str | None) -> str:
    """Return what a shell runs: a Ray node, and on the head, once all have joined, the server."""
    if not place.is_head:
        return f"exec ray start --address={place.head_address}:{RAY_PORT} --block"
    alive = "sum(node['Alive'] for node in ray.nodes())"
    joined = f"import ray, sys; ray.init(address='auto'); sys.exit({alive} < {place.num_nodes})"
    serve = shlex.join(command({**args, "distributed-executor-backend": "ray"}, version))
    return f'ray start --head --port={RAY_PORT} && until python3 -c "{joined}"; do sleep 5; done; exec {serve}'


def launch(query: LaunchQuery) -> LaunchArguments:
    """Return arguments and environment of one replica; see ``launch_args``."""
    return launch_args(
        query.settings,
        query.plan,
        query.precision,
        query.model,
        query.device_type,
        query.version,
        arch=query.arch,
    )


PROFILE = EngineProfile(
    name="vllm",
    aliases=("vllm", "vllm(ray-serve)", "vllm(nm-vllm)", "nm-vllm", "vllm-openai"),
    versions=TABLE_VERSIONS,
    predicted_versions=V0_VERSIONS,
    default_version=DEFAULT_VERSION,
    device_types=DEVICE_TYPES,
    defaults=defaults,
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
