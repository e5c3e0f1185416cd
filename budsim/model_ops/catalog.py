"""The packaged catalogue of model facts, and how names are matched to it.

A name matches exactly, ignoring case, by a listed alias, as a repack (``*/Name-FP8``, ``-AWQ``, ``-quantized.w4a16`` …)
of a listed name, or by its last part when that is unambiguous. Anything else is unknown: never guessed.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Any

from budsim.commons.errors import InvalidRequestError
from budsim.model_ops.model_catalog_format import expand_config
from budsim.perf_model.config_reader import with_counts
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.precision import canonical_precision

# Organisations that were renamed: old -> new, lower case.
_RENAMED_ORGANISATIONS = {
    "cohereforai": "coherelabs",
    "thudm": "zai-org",
    "neuralmagic": "redhatai",
    "thukeg": "zai-org",
    "lgai": "lgai-exaone",
}
# A repack's name ends in up to this many hyphenated words: "-unsloth-bnb-4bit".
_MAX_SUFFIX_WORDS = 3
# A published name that states what the model is for.
_TASK_WORDS = {
    "rerank": "rerank", "ms-marco": "rerank", "embedding": "embed", "-embed-": "embed", "e5-mistral": "embed",
    "gte-qwen2": "embed",
}  # fmt: skip
_SIXTEEN_BIT = frozenset({"bf16", "fp16", "fp32"})


@dataclass(frozen=True, slots=True)
class CatalogMatch:
    """One catalogue entry and what the asked name changes in it.

    Attributes:
        entry_id: Hub id of the entry.
        changes: What differs from the entry: ``quantization``, ``max_position_embeddings``, ``vocab_size``,
            ``architectures``, ``quantization_exempt``.
        reason: How the name was matched.
    """

    entry_id: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    reason: str = "exact"


def split_repack(basename: str) -> tuple[str, str] | None:
    """Split ``Name-FP8`` into ``("Name", "fp8")``; None when the name does not end in a precision.

    Args:
        basename: The part of a hub id after the organisation.
    """
    words = re.sub(r"(?i)(-preview|-v\d+)+$", "", basename).split("-")
    for count in range(min(_MAX_SUFFIX_WORDS, len(words) - 1), 0, -1):
        suffix = "-".join(words[-count:])
        if re.fullmatch(r"\d+(\.\d+)?[bm]", suffix.lower()):
            continue
        try:
            scheme = canonical_precision(suffix.lower().removeprefix("unsloth-").removesuffix("-kv"))
        except InvalidRequestError:
            continue
        return "-".join(words[:-count]), scheme
    return None


def repack_exemptions(arch: ModelArchitecture, scheme: str) -> tuple[str, ...]:
    """Return what repacks of a scheme usually leave at 16 bit.

    NVFP4 repacks of MLA models keep attention unquantised (the ignore lists of nvidia/DeepSeek-R1-NVFP4 and its like);
    Kimi's int4 checkpoints quantise the routed experts only (``quantization_config`` of Kimi-K2.5).
    """
    kept: tuple[str, ...] = ()
    if arch.is_mla and scheme == "nvfp4":
        kept = ("attn",)
    elif arch.is_mla and scheme == "w4a16_g32":
        kept = ("attn", "shared_experts", "dense_mlp")
    return (*kept, "router", "embed", "head")


class ModelCatalog:
    """Facts of published models by hub id.

    Args:
        models: The ``models`` object of the catalogue file.
    """

    def __init__(self, models: Mapping[str, Mapping[str, Any]]) -> None:
        self.models = models
        self._by_name: dict[str, CatalogMatch] = {}
        self._by_basename: dict[str, list[str]] = {}
        for entry_id, entry in models.items():
            self._index(entry_id, CatalogMatch(entry_id))
            for alias, changes in entry.get("aliases", {}).items():
                self._index(alias, CatalogMatch(entry_id, changes, f"same shape as {entry_id}"))

    def _index(self, name: str, match: CatalogMatch) -> None:
        key = name.lower()
        # An entry of its own wins over an alias of another entry.
        if match.reason == "exact" or key not in self._by_name:
            self._by_name[key] = match
        names = self._by_basename.setdefault(key.rpartition("/")[2], [])
        if key not in names:
            names.append(key)

    @property
    def names(self) -> list[str]:
        """Hub ids of all entries."""
        return list(self.models)

    def all_names(self) -> Iterable[str]:
        """Yield entries and aliases."""
        for entry_id, entry in self.models.items():
            yield entry_id
            yield from entry.get("aliases", {})

    def _known(self, name: str) -> CatalogMatch | None:
        """Match by full name or by unambiguous last part."""
        key = name.lower()
        organisation, _, base = key.rpartition("/")
        if key in self._by_name:
            return self._by_name[key]
        renamed = f"{_RENAMED_ORGANISATIONS.get(organisation, organisation)}/{base}"
        if renamed in self._by_name:
            return self._by_name[renamed]
        for spelling in (base, f"{base}-hf", base.removeprefix("meta-"), f"meta-{base}"):
            found = self._unambiguous(spelling, self._by_basename.get(spelling, []))
            if found:
                return found
        return None

    def _unambiguous(self, spelling: str, names: list[str]) -> CatalogMatch | None:
        matches = [self._by_name[name] for name in names]
        if not matches:
            return None
        entries = {match.entry_id for match in matches}
        own = [match for match in matches if match.entry_id.lower().endswith(f"/{spelling}")]
        if len(entries) == 1:
            chosen = (own or sorted(matches, key=lambda match: len(match.changes)))[0]
        elif len(own) == 1:
            chosen = own[0]
        else:
            return None
        return replace(chosen, reason=f"named like {chosen.entry_id}")

    def match(self, name: str) -> CatalogMatch | None:
        """Return the entry that a name means, or None."""
        known = self._known(name)
        if known is not None:
            return known
        organisation, _, basename = name.rpartition("/")
        repack = split_repack(basename)
        if repack is None:
            return None
        base = self._known(f"{organisation}/{repack[0]}" if organisation else repack[0])
        if base is None:
            return None
        changes = {**base.changes, "quantization": "none" if repack[1] in _SIXTEEN_BIT else repack[1]}
        if repack[1] == "fp8" and organisation.lower() == "qwen":
            changes["quantization"] = "fp8_block"
        return CatalogMatch(base.entry_id, changes, f"{repack[1]} repack of {base.entry_id}")

    def near(self, name: str, limit: int = 5) -> list[str]:
        """Return names that look like an unknown one, the likeliest first."""
        wanted = name.lower().rpartition("/")[2]
        containing = sorted((base for base in self._by_basename if len(wanted) > 2 and wanted in base), key=len)
        similar = difflib.get_close_matches(wanted, list(self._by_basename), n=limit, cutoff=0.6)
        close = list(dict.fromkeys([*containing, *similar]))[:limit]
        spelled = {key: full for full in self.all_names() for key in [full.lower()]}
        return [spelled[self._by_basename[base][0]] for base in close]

    def architecture(self, match: CatalogMatch, name: str) -> ModelArchitecture:
        """Build the architecture of a match.

        Raises:
            UnsupportedModelError: The entry describes a model that nothing here serves.
        """
        entry = self.models[match.entry_id]
        config = expand_config(entry["config"])
        for key in ("max_position_embeddings", "vocab_size"):
            if key in match.changes:
                target = config.get("text_config", config)
                target[key] = match.changes[key]
        if "architectures" in match.changes:
            config["architectures"] = match.changes["architectures"]
        arch = ModelArchitecture.from_config(config, name)
        arch = replace(
            arch,
            params_vision=entry.get("vision", arch.params_vision),
            params_other=arch.params_other + entry.get("other", 0),
            params_published=entry.get("published", 0),
            missing_facts=tuple(entry.get("missing", ())),
        )
        if task := next((task for word, task in _TASK_WORDS.items() if word in name.lower()), None):
            arch = replace(arch, task=task)
        scheme = match.changes.get("quantization")
        if scheme == "none":
            arch = replace(arch, quantization=None, quantization_exempt=(), cache_format=None)
        elif scheme and scheme != arch.quantization:
            stated = match.changes.get("quantization_exempt")  # by the repack's own list
            exempt = (*stated, "router", "embed", "head") if stated else repack_exemptions(arch, scheme)
            arch = replace(arch, quantization=scheme, quantization_exempt=exempt, cache_format=None)
        return with_counts(arch)


@cache
def packaged_catalog() -> ModelCatalog:
    """Return the catalogue that ships with the package, read once."""
    text = resources.files("budsim.model_ops").joinpath("model_catalog.json").read_text(encoding="utf-8")
    return ModelCatalog(json.loads(text)["models"])
