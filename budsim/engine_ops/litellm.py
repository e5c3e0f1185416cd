"""LiteLLM: a proxy to models that other providers run. Pure.

It holds no weights: no memory, no parallelism, nothing to predict. The platform puts it on CPU nodes for proprietary
models (contract, section 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from budsim.commons.errors import UnsupportedError
from budsim.engine_ops.arguments import command_words
from budsim.engine_ops.base import (
    ArgumentValue,
    DefaultsQuery,
    EngineDefaults,
    EngineOption,
    EngineParameter,
    EngineProfile,
    LaunchArguments,
    LaunchQuery,
    require_device_type,
)
from budsim.perf_model.model_architecture import ModelArchitecture

DEVICE_TYPES = ("cpu", "cpu_high")
IMAGE = "ghcr.io/berriai/litellm:main-latest"
MAX_CONCURRENCY = 100  # requests of one proxy, the platform's own limit
NUM_CPUS = 1
# The name of the secret that holds the vendors' keys as variables (OPENAI_API_KEY …).
KEYS_SECRET = "litellm-keys"  # noqa: S105 - a name


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """What a vendor charges for a million tokens, USD, and where and when that was read."""

    usd_per_million_input: float
    usd_per_million_output: float
    source: str


def defaults(query: DefaultsQuery) -> EngineDefaults:
    """Refuse: a proxy has no steps, no cache and no memory of its own to predict.

    Raises:
        UnsupportedError: Always.
    """
    text = "litellm forwards requests to other providers; the performance of their models is not predicted."
    raise UnsupportedError(text, {"field": "engine"})


def refusal(arch: ModelArchitecture, device_type: str, version: str | None = None) -> str | None:
    """Return why LiteLLM does not serve a model: it holds no weights."""
    return f"litellm forwards to other providers and serves no weights of its own ({arch.name})"


def proxy_option(device_type: str, images: Mapping[str, str], version: str | None = None) -> EngineOption | None:
    """Return the proxy for a proprietary model on a device type, or None where it does not run."""
    if device_type not in DEVICE_TYPES:
        return None
    return EngineOption("litellm", version or PROFILE.default_version, device_type, images.get("litellm_cpu") or IMAGE)


def launch_proxy(model: str) -> LaunchArguments:
    """Return arguments and environment of one proxy; ``model`` as LiteLLM names it (``openai/gpt-4o``)."""
    return {"model": model}, {"NUM_CPUS": str(NUM_CPUS)}


def launch(query: LaunchQuery) -> LaunchArguments:
    """Return arguments and environment of one proxy; see ``launch_proxy``."""
    return launch_proxy(query.model)


def command(args: Mapping[str, ArgumentValue], version: str | None = None) -> list[str]:
    """Return the whole command."""
    return ["litellm", *command_words(args, {})]


def parameters(device_type: str, version: str | None = None) -> tuple[EngineParameter, ...]:
    """Return nothing: there is nothing to search.

    Raises:
        UnsupportedError: Not on this device type.
    """
    require_device_type("litellm", DEVICE_TYPES, device_type)
    return ()


PROFILE = EngineProfile(
    name="litellm",
    aliases=("litellm",),
    versions=(),
    default_version="1.0",
    device_types=DEVICE_TYPES,
    defaults=defaults,
    images={"cpu": IMAGE},
    deployable=True,
    purpose="proxy",
    refusal=refusal,
    launch=launch,
    parameters=parameters,
    command=command,
)
