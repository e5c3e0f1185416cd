"""Write ``budsim/engine_ops/token_prices.csv``: what vendors charge for a million tokens of their own models.

The list prices are read from the table that LiteLLM's Python package carries; the package is never imported:

    pip download --no-deps litellm -d FOLDER
    python scripts/build_token_prices.py FOLDER/litellm-*.whl 2026-11
"""

from __future__ import annotations

import csv
import json
import sys
import zipfile
from pathlib import Path

OUTPUT = Path(__file__).resolve().parents[1] / "budsim" / "engine_ops" / "token_prices.csv"
TABLE = "litellm/model_prices_and_context_window_backup.json"
# Vendors of models that nobody else serves, under the names by which LiteLLM calls them.
VENDORS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "mistral": "mistral",
    "cohere_chat": "cohere",
    "deepseek": "deepseek",
    "xai": "xai",
}


def main() -> None:
    """Write the prices of one wheel, read in one month."""
    wheel, month = Path(sys.argv[1]), sys.argv[2]
    release = "-".join(wheel.name.split("-")[:2])
    table = json.loads(zipfile.ZipFile(wheel).read(TABLE))
    prices: dict[tuple[str, str], tuple[float, float]] = {}
    for name, facts in table.items():
        vendor = VENDORS.get(facts.get("litellm_provider", ""))
        given, made = facts.get("input_cost_per_token"), facts.get("output_cost_per_token")
        if vendor is None or facts.get("mode") not in ("chat", "responses") or not given or not made or ":" in name:
            continue
        model = name.rsplit("/", 1)[-1]
        prices.setdefault((vendor, model), (round(given * 1e6, 6), round(made * 1e6, 6)))
    with OUTPUT.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["vendor", "model", "usd_per_million_input", "usd_per_million_output", "source"])
        for (vendor, model), (given, made) in sorted(prices.items()):
            writer.writerow([vendor, model, f"{given:g}", f"{made:g}", f"{release} {month}"])
    print(f"{OUTPUT}: {len(prices)} models")


if __name__ == "__main__":
    main()
