"""Write ``tests/golden/model_catalog.csv``: what the catalogue answers for every model, for a reviewer to read.

One row per model: parameters computed and published, the remainder with its cause, attention, KV bytes per token at the
checkpoint's own 16-bit format. ``--summary`` prints the remainders by cause instead.

Usage: python scripts/catalog_golden.py [--summary]
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

from budsim.commons.errors import UnsupportedModelError
from budsim.model_ops.analysis import summarize
from budsim.model_ops.catalog import packaged_catalog
from budsim.perf_model.model_architecture import ModelArchitecture

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "model_catalog.csv"
COLUMNS = (
    "model", "model_type", "attention", "layers", "parameters", "published", "remainder_percent", "remainder_cause",
    "kv_bytes_per_token", "kv_bytes_per_token_long_context", "state_bytes_per_sequence",
)  # fmt: skip
WORTH_A_CAUSE = 1e-3

MTP = "multi-token-prediction head in the published total; it is not loaded for plain serving"
MTP_AND_SCALES = "multi-token-prediction head and quantisation scales in the published total"
HEAD_COPY = "output head stored beside the embedding it is tied to"
MASKS = "causal-mask buffers stored in the checkpoint"
MATRICES_ONLY = "the published figure leaves out position embeddings, biases and norms"
PAPER = "the published figure is the paper's, of three digits"
VISION = "vision tower in the published total, not in the text facts"
UNEXPLAINED = "not explained"

# By prefix of the hub id; the longest prefix wins. Rules below come first.
CAUSES = {
    "adept/fuyu-8b": "projection of image patches (2700 x 4096 and a bias)",
    "adept/persimmon": "the published total lacks the output head",
    "databricks/dbrx": HEAD_COPY, "dots-studio/dots3": HEAD_COPY, "mistralai/Mistral-Small-4": HEAD_COPY,
    "xai-org/grok-2": HEAD_COPY, "XiaomiMiMo/MiMo-V2-Flash": HEAD_COPY,
    "deepseek-ai/DeepSeek-R1": MTP, "deepseek-ai/DeepSeek-V3": MTP, "deepseek-ai/DeepSeek-V4": MTP_AND_SCALES,
    "nvidia/NVIDIA-Nemotron-3-Super": MTP, "nvidia/NVIDIA-Nemotron-3-Ultra": MTP_AND_SCALES,
    "Qwen/Qwen3-Next": MTP, "Qwen/Qwen3.5": MTP, "Qwen/Qwen3.6": MTP, "XiaomiMiMo/MiMo-7B": MTP,
    "zai-org/GLM-4": MTP, "zai-org/GLM-5": MTP,
    "facebook/opt": MATRICES_ONLY, "microsoft/biogpt": MATRICES_ONLY, "intfloat/multilingual-e5-small": MATRICES_ONLY,
    "sentence-transformers/all-MiniLM": MATRICES_ONLY,
    "facebook/opt-350m": "tied head stored twice; position embeddings, biases and norms left out",
    "openai/whisper": PAPER, "huggyllama/llama-65b": PAPER,
    "hpcai-tech/grok-1": "announced as 314B, the config's shapes add up to 315.7e9; the difference is not explained",
    "stepfun-ai/Step-3.7": "three multi-token-prediction layers with an embedding and a head of their own (3 x 1.18e9)",
    "allenai/Molmo2": "the last two of the vision tower's 27 layers are not kept (2 x 15.2e6)",
    "mistralai/Devstral-2": "123B by its name, the config's shapes add up to 125.0e9; the difference is not explained",
    "mistralai/Mistral-Medium-3.5": VISION,
}  # fmt: skip


def remainder_cause(arch: ModelArchitecture, computed: int) -> str:
    """Return why the published total differs; empty when it does not."""
    published = arch.params_published
    if not published or abs(computed / published - 1) <= WORTH_A_CAUSE:
        return ""
    missing = published - computed
    tied_head = arch.vocab_size * arch.hidden_size
    if arch.tie_word_embeddings and abs(missing - tied_head) <= WORTH_A_CAUSE * published:
        return HEAD_COPY
    mask = arch.max_position_embeddings**2
    stored = round(missing / mask) if mask else 0
    masked = arch.model_type in {"gpt2", "gpt_neo", "gpt_neox"} and 0 < stored <= arch.num_layers
    if masked and abs(missing - stored * mask) <= WORTH_A_CAUSE * published:
        return MASKS
    prefixes = [prefix for prefix in CAUSES if arch.name.startswith(prefix)]
    return CAUSES[max(prefixes, key=len)] if prefixes else UNEXPLAINED


def rows() -> list[dict[str, Any]]:
    """Return one row per model of the catalogue, in its order."""
    catalog, found = packaged_catalog(), []
    for name in catalog.names:
        match = catalog.match(name)
        if match is None:
            continue
        try:
            arch = catalog.architecture(match, name)
        except UnsupportedModelError as refusal:
            found.append({"model": name, "remainder_cause": f"refused: {refusal.message.partition(': ')[2]}"})
            continue
        summary = summarize(arch)
        computed, published = summary["parameters"], arch.params_published
        found.append(
            {
                "model": name,
                "model_type": arch.model_type,
                "attention": summary["attention_type"],
                "layers": "+".join(f"{count} {kind}" for kind, count in summary["layers_by_kind"].items()),
                "parameters": computed,
                "published": published or "",
                "remainder_percent": f"{100 * (published / computed - 1):+.3f}" if published else "",
                "remainder_cause": remainder_cause(arch, computed),
                "kv_bytes_per_token": f"{summary['kv_bytes_per_token']:.10g}",
                "kv_bytes_per_token_long_context": f"{summary['kv_bytes_per_token_long_context']:.10g}",
                "state_bytes_per_sequence": f"{summary['state_bytes_per_sequence']:.12g}",
            }
        )
    return found


def main() -> None:
    """Write the file, or print the summary."""
    table = rows()
    if "--summary" in sys.argv[1:]:
        by_cause = defaultdict(list)
        for row in table:
            if row.get("remainder_cause"):
                by_cause[row["remainder_cause"]].append(f"{row['model']} {row.get('remainder_percent', '')}".strip())
        for cause, models in sorted(by_cause.items(), key=lambda item: -len(item[1])):
            print(f"{len(models):4}  {cause}: {'; '.join(models)}")
        return
    with GOLDEN.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    print(f"{GOLDEN}: {len(table)} models")


if __name__ == "__main__":
    main()
