"""LatentBud: the platform's server of embedding models. Pure. Facts: contract, section 5."""

from __future__ import annotations

import math
from collections.abc import Mapping

from budsim.commons.errors import InvalidRequestError
from budsim.engine_ops.arguments import ArgumentFact, command_words, names, parser_problems
from budsim.engine_ops.base import (
    ArgumentValue,
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
IMAGES = {"cuda": "budecosystem/latentbud:cuda-latest", "cpu": "budecosystem/latentbud:cpu-latest"}
BATCH_TOKENS, LEAST_BATCH_TOKENS, MOST_BATCH_TOKENS, BATCH_TOKENS_STEP = 16384, 4096, 32768, 1024
STRATEGIES = ("tokens", "requests")
ARCHITECTURES = names(
    """
    NomicBertModel BertModel BertForMaskedLM BertForSequenceClassification RobertaModel RobertaForMaskedLM
    RobertaForSequenceClassification XLMRobertaModel XLMRobertaForMaskedLM XLMRobertaForSequenceClassification
    MPNetModel MPNetForMaskedLM DistilBertModel DistilBertForMaskedLM BgeModel NewModel GteModel GteNewModel
    T5EncoderModel
    """
)
FACTS = {
    fact.flag: fact
    for fact in (
        ArgumentFact("model-id", "str", (0,)),
        ArgumentFact("max-batch-tokens", "int", (0,), low=LEAST_BATCH_TOKENS, high=MOST_BATCH_TOKENS),
        ArgumentFact("batch-strategy", "choice", (0,), choices=STRATEGIES),
        ArgumentFact("lengths-via-tokenize", "choice", (0,), choices=("true", "false")),
    )
}


def defaults(query: DefaultsQuery) -> EngineDefaults:
    """Return one batch of whole inputs a step: the token limit of a batch, and as many inputs as the load brings."""
    tokens = max(LEAST_BATCH_TOKENS, min(BATCH_TOKENS, MOST_BATCH_TOKENS))
    batch = max(1, math.floor(tokens / max(1.0, query.workload.isl)))
    return EngineDefaults(batch, tokens, 0.9, 16, False, False)


def served_architecture(arch: ModelArchitecture) -> str | None:
    """Return the architecture name under which LatentBud serves a model, or None."""
    return next((name for name in arch.architectures if name in ARCHITECTURES), None)


def option(
    arch: ModelArchitecture, device_type: str, images: Mapping[str, str], version: str | None = None
) -> EngineOption | None:
    """Return how LatentBud serves a model on a device type, or None when it does not."""
    if device_type not in DEVICE_TYPES or served_architecture(arch) is None:
        return None
    base = base_device_type(device_type)
    image = images.get(f"latentbud_{base}") or IMAGES[base]
    return EngineOption("latentbud", version or PROFILE.default_version, device_type, image)


def refusal(arch: ModelArchitecture, device_type: str, version: str | None = None) -> str | None:
    """Return why LatentBud does not serve a model on a device type, or None when it does."""
    if device_type not in DEVICE_TYPES:
        return f"latentbud runs on {', '.join(DEVICE_TYPES)}, not on {device_type}"
    if served_architecture(arch) is None:
        name = ", ".join(arch.architectures) or f"model_type {arch.model_type}"
        return f"latentbud serves embedding models only, not {name}"
    return None


def parameters(device_type: str, version: str | None = None) -> tuple[EngineParameter, ...]:
    """Return the launch parameters a search may vary.

    Raises:
        UnsupportedError: Not on this device type.
    """
    require_device_type("latentbud", DEVICE_TYPES, device_type)
    bounds = (float(LEAST_BATCH_TOKENS), float(MOST_BATCH_TOKENS), float(BATCH_TOKENS_STEP))
    return (
        EngineParameter("max_num_batched_tokens", "max-batch-tokens", "int", BATCH_TOKENS, *bounds),
        EngineParameter("batch_strategy", "batch-strategy", "choice", "tokens", choices=STRATEGIES),
    )


def launch(query: LaunchQuery) -> LaunchArguments:
    """Return launch arguments (flags without their dashes) and environment of one replica.

    Raises:
        InvalidRequestError: More than one device, a device type it does not run on, or a batch out of bounds.
    """
    tokens = query.settings.max_num_batched_tokens // BATCH_TOKENS_STEP * BATCH_TOKENS_STEP
    args: dict[str, ArgumentValue] = {
        "model-id": query.model,
        "max-batch-tokens": max(LEAST_BATCH_TOKENS, tokens),
        "batch-strategy": "tokens",
        "lengths-via-tokenize": "true",
    }
    problems = parser_problems(args, FACTS, "latentbud")
    if query.device_type not in DEVICE_TYPES:
        problems.append(f"latentbud does not run on {query.device_type}")
    if query.plan.num_devices > 1:
        problems.append(f"one device a replica, not {query.plan.num_devices}")
    if problems:
        raise InvalidRequestError(f"latentbud refuses these arguments: {'; '.join(problems)}.", {"field": "args"})
    return args, {"LATENTBUD_DEVICE": base_device_type(query.device_type)}


def command(args: Mapping[str, ArgumentValue], version: str | None = None) -> list[str]:
    """Return the whole command."""
    return ["latentbud", *command_words(args, FACTS)]


PROFILE = EngineProfile(
    name="latentbud",
    aliases=("latentbud",),
    versions=(),
    default_version="1.0",
    device_types=DEVICE_TYPES,
    defaults=defaults,
    images=IMAGES,
    deployable=True,
    purpose="embedding",
    option=option,
    refusal=refusal,
    launch=launch,
    parameters=parameters,
    command=command,
)
