"""The use cases and model categories that ship with BudSim, read from the package's YAML."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml

from budsim.commons.database import Database
from budsim.usecases.repository import UseCaseRepository
from budsim.usecases.schemas import UseCaseCreate

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_COLUMNS = (
    "unique_id", "name", "industry", "input_tokens_min", "input_tokens_max", "output_tokens_min", "output_tokens_max",
    "service_level", "lengths", "tags", "description",
)  # fmt: skip
_BOUNDS = ("ttft_min", "ttft_max", "e2e_max", "inter_token_min", "inter_token_max")


@lru_cache(maxsize=2)
def _document(name: str) -> Mapping[str, Any]:
    text = files("budsim.usecases").joinpath(name).read_bytes()
    document: Mapping[str, Any] = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    return document


def shipped_use_cases() -> list[UseCaseCreate]:
    """Return the shipped use cases; what the user may not wait for longer is counted from the pace of its class."""
    document = _document("use_cases.yaml")
    return [_use_case(dict(zip(_COLUMNS, row, strict=True)), document) for row in document["use_cases"]]


def _use_case(entry: dict[str, Any], document: Mapping[str, Any]) -> UseCaseCreate:
    level_name, lengths = entry.pop("service_level"), entry.pop("lengths")
    level = document["service_levels"][level_name]
    bounds = {name: level[name] for name in _BOUNDS if name in level}
    if "inter_token_max" in bounds:
        for end in ("min", "max"):
            tokens = max(0, entry[f"output_tokens_{end}"] - 1)
            bounds[f"e2e_{end}"] = round(bounds[f"ttft_{end}"] + tokens * bounds[f"inter_token_{end}"], 3)
    assumptions = f"Bounds ({level_name}): {level['source']}. Lengths: {document['length_sources'][lengths]}."
    return UseCaseCreate(**entry, **bounds, assumptions=assumptions)


def shipped_categories() -> list[dict[str, Any]]:
    """Return the document's models by size category, as rows of the table."""
    rows = _document("model_categories.yaml")["categories"]
    return [{"checkpoint": None, **row, "display_order": order} for order, row in enumerate(rows)]


def parameter_ranges() -> dict[str, tuple[float, float | None]]:
    """Return parameters from (included) to (excluded) of each size category."""
    found = _document("model_categories.yaml")["parameter_ranges"]
    return {name: (low * 1e9, None if high is None else high * 1e9) for name, (low, high) in found.items()}


def model_sizes() -> dict[str, str]:
    """Return one published model of each size."""
    return dict(_document("model_categories.yaml")["model_sizes"])


def store_shipped(database: Database) -> None:
    """Store what ships and is not there; what a user has changed or hidden stays as it is."""
    with database.transaction() as session:
        repository = UseCaseRepository(session)
        repository.add_new({**case.model_dump(), "source": "json_import"} for case in shipped_use_cases())
        repository.seed_categories(shipped_categories())
