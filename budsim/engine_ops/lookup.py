"""The platform's lookup of engines by model architecture (contract, 2.7), asked where ``BUD_CONNECT_URL`` is set.

What it answers is what the platform deploys: image, version, parsers. When it does not answer, or not usefully, the
tables shipped here do, and the answer says so.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from budsim.engine_ops import PROFILES
from budsim.engine_ops.base import EngineOption

logger = logging.getLogger(__name__)

TIMEOUT_S = 30.0
MAX_ANSWER_BYTES = 5_000_000
_TEXT_LIMIT = 500
_TEXTS = ("tool_calling_parser_type", "reasoning_parser_type", "architecture_family", "chat_template")
_KNOWN = {alias: profile.name for profile in PROFILES for alias in (profile.name, *profile.aliases)}


@dataclass(frozen=True, slots=True)
class LookupAnswer:
    """What the service knows.

    Attributes:
        options: Engines by device type; empty = use the shipped tables.
        note: Why the shipped tables are used; None when they are not.
    """

    options: tuple[EngineOption, ...]
    note: str | None = None


def look_up_engines(
    base_url: str | None,
    architectures: Sequence[str],
    model_uri: str | None = None,
    model_endpoints: str | None = None,
    *,
    transport: httpx.BaseTransport | None = None,
) -> LookupAnswer:
    """Return the engines that the platform has for a model: the first architecture for which it has any.

    Args:
        base_url: ``BUD_CONNECT_URL``; None = no lookup is configured, and nobody is asked.
        architectures: The config's ``architectures``.
        model_uri: Hub id or path.
        model_endpoints: Comma list of EMBEDDING, LLM, AUDIO, CLASSIFY, RERANK.
        transport: For tests; None = the network.
    """
    if not base_url:
        return LookupAnswer(())
    url = f"{base_url.rstrip('/')}/engine/get-compatible-engines"
    try:
        with httpx.Client(timeout=TIMEOUT_S, transport=transport) as client:
            for architecture in architectures:
                asked = {
                    "model_architecture": architecture,
                    "model_uri": model_uri,
                    "model_endpoints": model_endpoints,
                }
                response = client.get(url, params={name: value for name, value in asked.items() if value})
                response.raise_for_status()
                options = _options(response)
                if options:
                    return LookupAnswer(options)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        logger.warning("The engine lookup does not answer: %s", type(error).__name__)
        return LookupAnswer((), f"the engine lookup did not answer ({type(error).__name__}): shipped tables were used")
    return LookupAnswer((), "the engine lookup knows no engine for this model: shipped tables were used")


def _options(response: httpx.Response) -> tuple[EngineOption, ...]:
    """Return the usable entries of an answer.

    Raises:
        ValueError: It is no JSON object of the agreed shape, or too large.
    """
    if len(response.content) > MAX_ANSWER_BYTES:
        raise ValueError("answer too large")
    document = response.json()
    entries = document.get("compatible_engines") if isinstance(document, Mapping) else None
    if not isinstance(entries, list):
        raise ValueError("no compatible_engines")
    found = [_option(entry) for entry in entries if isinstance(entry, Mapping)]
    return tuple(option for option in found if option is not None)


def _option(entry: Mapping[str, Any]) -> EngineOption | None:
    """Return one entry as an option; None when its engine is not known here, or it names no image or device."""
    engine = _KNOWN.get(str(entry.get("engine") or "").strip().lower())
    device_type = str(entry.get("device_architecture") or "").strip().lower()
    image, version = entry.get("container_image"), entry.get("version")
    if engine is None or not device_type or not isinstance(image, str) or not image:
        return None
    profile = next(profile for profile in PROFILES if profile.name == engine)
    texts: dict[str, Any] = {
        name: entry[name][:_TEXT_LIMIT] for name in _TEXTS if isinstance(entry.get(name), str) and entry[name]
    }
    return EngineOption(
        engine=engine,
        version=str(version) if version else profile.default_version,
        device_type=device_type,
        image=image,
        **texts,
        supports_lora=entry.get("supports_lora") is True,
        supports_pipeline_parallelism=entry.get("supports_pipeline_parallelism") is True,
    )
