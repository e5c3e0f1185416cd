"""How device names are taken apart: what the device is, which form factor, how much memory the name states.

Clusters, datasheets, ``nvidia-smi``, ``rocm-smi``, ``hl-smi`` and ``lscpu`` spell one device in many ways. A name is
split into a *family* (what must agree exactly: ``a100``, ``rtx4090laptop``, ``xeon8480+``) and *qualifiers* that only
choose among the variants of a family (form factor, memory). Words that carry no identity (vendor, marketing words,
memory technology) are dropped. A word that is not known stays in the family, so an unknown device never matches a
known one: ``H1000`` is not ``H100`` and ``RTX 4090 Laptop`` is not ``RTX 4090``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_NAME_CHARS = 200

_VENDOR_WORDS = {
    "nvidia": "NVIDIA",
    "tesla": "NVIDIA",
    "geforce": "NVIDIA",
    "amd": "AMD",
    "ati": "AMD",
    "instinct": "AMD",
    "radeon": "AMD",
    "epyc": "AMD",
    "intel": "Intel",
    "habana": "Intel",
    "habanalabs": "Intel",
    "xeon": "Intel",
    "google": "Google",
    "aws": "AWS",
}
_IDENTITY_WORDS = frozenset({"epyc", "xeon"})  # name the vendor and the product line: stay in the family
_KIND_WORDS = {"gpu", "gpus", "cpu", "processor", "graphics", "accelerator", "card", "superchip", "module"}
_MARKETING_WORDS = {"r", "tm", "tensor", "core", "generation", "edition", "data", "center", "datacenter"}
_COMPANY_WORDS = {"corporation", "corp", "inc", "ltd"}
_MEMORY_WORDS = {"hbm2", "hbm2e", "hbm3", "hbm3e", "gddr6", "gddr6x", "gddr7", "ddr5"}
_SHARING_WORDS = {"shared"}  # NVIDIA's device plugin appends it to a time-sliced device
_NOISE_WORDS = frozenset(_KIND_WORDS | _MARKETING_WORDS | _COMPANY_WORDS | _MEMORY_WORDS | _SHARING_WORDS)
_XEON_TIERS = frozenset({"platinum", "gold", "silver", "bronze", "scalable"})
_FORM_WORDS = {"sxm": "sxm", "hgx": "sxm", "dgx": "sxm", "pcie": "pcie", "nvl": "nvl", "oam": "oam"}

_COUNT_BEFORE = re.compile(r"^\s*\d{1,3}\s*[x×*]\s*(?=\S)", re.IGNORECASE)
_COUNT_AFTER = re.compile(r"\s[x×*]\s?\d{1,4}\s*$", re.IGNORECASE)
_CLOCK = re.compile(r"@?\s*\d+(\.\d+)?\s*ghz", re.IGNORECASE)
_CORE_COUNT = re.compile(r"\b\d+[- ]cores?\b", re.IGNORECASE)
_GLUED_FORM = re.compile(r"(?<=\d)(sxm\d?|pcie|oam)\b")
_TOKEN = re.compile(r"\d+\.\d+[a-z]*|[a-z0-9]+(?:\.\d+xlarge)?\+?")
_MEMORY = re.compile(r"^(\d+(?:\.\d+)?)(gb|gib|g|mb|mib)$")
_MEMORY_UNITS = frozenset({"gb", "gib", "mb", "mib"})
_MB_PER_GB = {"gb": 1.0, "gib": 1.0, "g": 1.0, "mb": 1 / 1000, "mib": 1 / 1024}


@dataclass(frozen=True, slots=True)
class DeviceName:
    """A device name taken apart.

    Attributes:
        compact: The whole name without case, spaces and punctuation: what an alias must equal.
        family: What the device is, qualifiers removed; "" when the name says nothing (``GPU``).
        forms: Form factors that the name states: ``sxm pcie nvl oam``.
        memory_gb: Memory that the name states, GB or GiB (names mix the two); None when it states none.
        vendors: Vendors that the name states.
    """

    compact: str
    family: str
    forms: frozenset[str] = frozenset()
    memory_gb: float | None = None
    vendors: frozenset[str] = frozenset()


def compact_name(text: str) -> str:
    """Return ``text`` in lower case with only letters, digits and ``+``; trademark signs and a count are dropped."""
    return "".join(_tokens(text))


def parse_device_name(text: str) -> DeviceName:
    """Take a device name apart; see the module's docstring."""
    tokens = _tokens(text)
    vendors = frozenset(_VENDOR_WORDS[token] for token in tokens if token in _VENDOR_WORDS)
    family: list[str] = []
    forms: set[str] = set()
    memory_gb: float | None = None
    for token in _join_memory_units(tokens):
        stated = _MEMORY.match(token)
        form = _FORM_WORDS.get(token.rstrip("0123456789") if token.startswith("sxm") else token)
        if stated and memory_gb is None:
            memory_gb = float(stated[1]) * _MB_PER_GB[stated[2]]
        elif form:
            forms.add(form)
        elif token not in _NOISE_WORDS and (token not in _VENDOR_WORDS or token in _IDENTITY_WORDS):
            family.append(token)
    return DeviceName("".join(tokens), _family_key(family), frozenset(forms), memory_gb, vendors)


def trailing_memory(name: DeviceName, text: str) -> DeviceName | None:
    """Read a last bare number as memory (``A100-80``); None when the name does not end in one."""
    words = _tokens(text)
    if len(words) < 2 or not words[-1].isdigit() or name.memory_gb is not None:
        return None
    family = name.family.removesuffix(words[-1])
    return DeviceName(name.compact, family, name.forms, float(words[-1]), name.vendors) if family else None


def without_trailing_count(text: str) -> str:
    """Drop a count at the end (``H100 x8``); it may also be the name itself, so try the whole name first."""
    return _COUNT_AFTER.sub("", text)


def normalize_pci_id(text: str) -> str | None:
    """Return a PCI id as ``vendor:device`` in lower case hex; None when it is not one.

    ``10de:2330``, ``0x10DE:0x2330`` and ``nvidia-smi``'s ``0x233010DE`` (device, then vendor) are understood.
    """
    plain = text.strip().lower().replace("0x", "")
    if re.fullmatch(r"[0-9a-f]{4}[:\-/ ][0-9a-f]{4}", plain):
        return f"{plain[:4]}:{plain[5:]}"
    if re.fullmatch(r"[0-9a-f]{8}", plain):
        return f"{plain[4:]}:{plain[:4]}"
    return None


def _tokens(text: str) -> list[str]:
    plain = text[:MAX_NAME_CHARS].lower().replace("(r)", " ").replace("(tm)", " ").replace("®", " ").replace("™", " ")
    plain = _CORE_COUNT.sub(" ", _CLOCK.sub(" ", _COUNT_BEFORE.sub("", plain)))
    return _TOKEN.findall(_GLUED_FORM.sub(r" \1", plain))


def _join_memory_units(tokens: list[str]) -> list[str]:
    """Put a number and the unit after it together: ``80 gb`` -> ``80gb``."""
    joined: list[str] = []
    for token in tokens:
        if token in _MEMORY_UNITS and joined and joined[-1].isdigit():
            joined[-1] += token
        else:
            joined.append(token)
    return joined


def _family_key(words: list[str]) -> str:
    tiers = [word for word in words if word in _XEON_TIERS]
    rest = [word for word in words if word not in _XEON_TIERS]
    if tiers and "xeon" not in rest:
        rest.insert(0, "xeon")
    if rest[:2] == ["xeon", "6"] and len(rest) > 2:  # Xeon 6 6767P: the 6 is the generation
        del rest[1]
    return "".join(rest)
