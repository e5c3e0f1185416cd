"""Writes docs/engine-compatibility.md from the engine profiles and the model catalogue.

    python scripts/build_engine_docs.py [--check]

``--check`` compares instead of writing, and fails where the page is not what the code says.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path

from budsim.commons.errors import UnsupportedError, UnsupportedModelError
from budsim.engine_ops import PROFILES, compatible_engines
from budsim.engine_ops.base import EngineProfile
from budsim.engine_ops.vllm_models import versions_serving
from budsim.model_ops.catalog import packaged_catalog
from budsim.perf_model.model_architecture import ModelArchitecture

PAGE = Path(__file__).resolve().parents[1] / "docs" / "engine-compatibility.md"
DEVICE_TYPES = ("cuda", "rocm", "hpu", "cpu")
INTRODUCTION = """# Engine compatibility

Written by `python scripts/build_engine_docs.py` from `budsim/engine_ops` and the model catalogue; a test compares.
What an engine takes is read from the packages' own argument files and model registries
(`scripts/build_engine_args.py`). `GET /engines` and `GET /engines/{name}/config` answer the same. A version between
two tables takes the older one; a version outside is `unsupported`.
"""


def version_text(version: tuple[int, ...]) -> str:
    """Return a version with its dots."""
    return ".".join(map(str, version))


def table(titles: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def engine_table() -> str:
    """Return what engines there are."""
    rows = [
        [
            f"`{profile.name}`",
            profile.purpose,
            "yes" if profile.deployable else "predicted only",
            ", ".join(profile.device_types),
            ", ".join(map(version_text, profile.versions)) or "one table for all",
            profile.default_version,
        ]
        for profile in PROFILES
    ]
    return table(
        ["engine", "purpose", "launch arguments", "device types", "versions with a table", "a blank version"], rows
    )


def parameter_table(profile: EngineProfile) -> str:
    """Return the parameters that a search may vary, by the versions that have them."""
    if profile.parameters is None:
        return ""
    versions = profile.versions or ((),)
    device_type = profile.device_types[0]
    known: dict[str, list[str]] = defaultdict(list)
    readable = []
    shape: dict[str, tuple[str, str]] = {}
    for version in versions:
        text = version_text(version) if version else profile.default_version
        if profile.default_version.startswith(f"{text}."):
            text = profile.default_version
        try:
            listed = profile.parameters(device_type, text if version else None)
        except UnsupportedError:  # predicted only
            continue
        readable.append(text)
        for parameter in listed:
            known[parameter.flag].append(text)
            bounds = (
                ", ".join(map(str, parameter.choices)) or f"{parameter.low:g} to {parameter.high:g}"
                if (parameter.choices or parameter.low is not None)
                else ""
            )
            shape[parameter.flag] = (parameter.kind, bounds)
    if not known:
        return ""
    rows = [
        [f"`{flag}`", *shape[flag], "all" if len(found) == len(readable) else ", ".join(found)]
        for flag, found in sorted(known.items())
    ]
    return f"### {profile.name} on {device_type}\n\n" + table(["flag", "kind", "searched within", "versions"], rows)


def model_tables() -> str:
    """Return which engines serve the catalogue's models, by the class of the model."""
    catalog = packaged_catalog()
    by_class: dict[str, list[ModelArchitecture]] = defaultdict(list)
    for name in catalog.names:
        found = catalog.match(name)
        if found is None:
            raise SystemExit(f"{name} is listed and not found")
        try:
            arch = catalog.architecture(found, name)
        except UnsupportedModelError:  # known, and known not to be a language model
            continue
        by_class[arch.architectures[0] if arch.architectures else arch.model_type].append(arch)
    rows = []
    for name, members in sorted(by_class.items()):
        arch = members[0]
        served = {device: {o.engine for o in compatible_engines(arch, [device], {})} for device in DEVICE_TYPES}
        cells = [" ".join(sorted(served[device])) or "–" for device in DEVICE_TYPES]
        since = versions_serving(arch)
        rows.append([f"`{name}`", str(len(members)), *cells, version_text(since[0]) if since else "–"])
    return table(["class of the model", "in the catalogue", *DEVICE_TYPES, "vLLM since"], rows)


def page() -> str:
    """Return the whole page."""
    searched = "\n".join(part for profile in PROFILES if (part := parameter_table(profile)))
    return "\n".join(
        [
            INTRODUCTION,
            "## Engines\n",
            engine_table(),
            "## Parameters that a search may vary\n",
            searched,
            "## Models\n",
            model_tables(),
        ]
    )


def main() -> None:
    """Write the page, or compare it."""
    text = page()
    if "--check" in sys.argv[1:]:
        if PAGE.read_text() != text:
            sys.exit("docs/engine-compatibility.md is not what the code says: run scripts/build_engine_docs.py.")
        return
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
