"""Check what a new model needs, and write its entry for the catalogue.

Reads a config.json (a file, a folder or a hub id), says which fields were used, what is missing, how the computed
parameters compare with the published ones, and prints the entry for ``model_catalog_additions.json``. ``--write`` adds
it there; ``scripts/build_model_catalog.py`` then builds the catalogue.

Usage: python scripts/add_model_support.py --model MODEL [--name HUB_ID] [--published TOTAL] [--write]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from budsim.commons.config import settings
from budsim.commons.errors import BudSimError, InvalidRequestError
from budsim.model_ops.analysis import summarize
from budsim.model_ops.catalog import packaged_catalog
from budsim.model_ops.class_defaults import read_with_class_defaults
from budsim.model_ops.hub import HubConfigs, read_config_file

ADDITIONS = Path(__file__).with_name("model_catalog_additions.json")
TOLERANCE = 1e-3
# Fields of a config that no memory or time depends on.
_NOT_KEPT = frozenset(
    {"_name_or_path", "auto_map", "transformers_version", "use_cache", "bos_token_id", "eos_token_id"}
)


def config_of(model: str) -> dict[str, Any]:
    """Return the config.json of a file, a folder or a hub id."""
    path = Path(model).expanduser()
    if path.is_dir():
        path /= "config.json"
    if path.is_file():
        return read_config_file(path, model)
    config = settings()
    token = config.hf_token.get_secret_value() if config.hf_token else None
    return HubConfigs(None, token, config.hub_offline, config.hub_timeout_seconds).config(model)


def entry_of(config: dict[str, Any], source: str, published: int | None) -> dict[str, Any]:
    """Return the catalogue entry of a config."""
    kept = {key: value for key, value in config.items() if key not in _NOT_KEPT}
    return {"config": kept, "source": source} | ({"published": published} if published else {})


def add_entry(name: str, entry: dict[str, Any]) -> None:
    """Add an entry as the first line of the additions' models; the other lines stay as they are.

    Raises:
        InvalidRequestError: The additions have this model.
    """
    text, head = ADDITIONS.read_text(encoding="utf-8"), '"models": {\n'
    if name in json.loads(text)["models"]:
        raise InvalidRequestError(f"{ADDITIONS.name} has '{name}' already", {"field": "name"})
    before, _, after = text.partition(head)
    ADDITIONS.write_text(f"{before}{head}{json.dumps(name)}: {json.dumps(entry)},\n{after}", encoding="utf-8")


def report(config: dict[str, Any], name: str, published: int | None) -> bool:
    """Print what the model is taken for; whether its count agrees with the published one."""
    summary = summarize(read_with_class_defaults(config, name))
    for field in ("model_type", "attention_type", "parameters", "parameters_active", "layers_by_kind",
                  "kv_bytes_per_token", "state_bytes_per_sequence", "precision", "missing_facts"):  # fmt: skip
        print(f"{field:26} {summary[field]}")
    if not published:
        print("published                  not given: the count is not checked")
        return True
    remainder = published / summary["parameters"] - 1
    print(f"published                  {published} ({remainder:+.3%})")
    return abs(remainder) <= TOLERANCE


def main() -> int:
    """Check one model; 0 = supported and the count agrees, 1 = the count differs, 2 = not supported."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", required=True, help="config.json, folder or hub id")
    parser.add_argument("--name", help="hub id of the entry (default: MODEL)")
    parser.add_argument("--published", type=int, help="published total of parameters")
    parser.add_argument("--write", action="store_true", help="add the entry to model_catalog_additions.json")
    options = parser.parse_args()
    name = options.name or options.model
    try:
        known = packaged_catalog().match(name)
        if known is not None:
            print(f"already answered: {known.reason} ({known.entry_id})")
        config = config_of(options.model)
        agrees = report(config, name, options.published)
    except BudSimError as problem:
        print(f"not supported: {problem.message}", file=sys.stderr)
        return 2
    if not agrees:
        print("the count differs from the published one: name the cause before adding it", file=sys.stderr)
        return 1
    entry = entry_of(config, "publisher's config.json", options.published)
    if options.write:
        try:
            add_entry(name, entry)
        except InvalidRequestError as problem:
            print(problem.message, file=sys.stderr)
            return 2
        print(f"added to {ADDITIONS.name}: build the catalogue, then tests/golden with scripts/catalog_golden.py")
    else:
        print(json.dumps({name: entry}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
