"""Build ``budsim/model_ops/model_catalog.json`` from a reference file of published model facts.

Usage: ``python scripts/build_model_catalog.py REFERENCE.json`` where the reference maps hub ids to ``config``,
``params_total``, ``params_computed``, ``source``, ``verified`` and ``aliases``. Facts that the reference lacks come
from ``model_catalog_additions.json`` beside this script. Prints how many parameter counts agree with a published one.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from budsim.commons.errors import BudSimError
from budsim.model_ops.model_catalog_format import compact_config
from budsim.perf_model.config_reader import read_architecture
from budsim.perf_model.precision import canonical_precision

HERE = Path(__file__).parent
TARGET = HERE.parent / "budsim" / "model_ops" / "model_catalog.json"

# Change neither bytes nor FLOPs.
DROPPED_FIELDS = {
    "_sliding_window_pattern", "rotary_pct", "image_seq_length",
    "vision_feature_layer", "mm_tokens_per_image", "vision_soft_tokens_per_image", "projection_dim",
    "hidden_activation", "clip_qkv", "kda_layers", "n_group", "topk_group", "compress_rope_theta",
}  # fmt: skip
# Published totals of these hold towers that the config does not describe.
TOWERS_IN_PUBLISHED = {
    "google/gemma-4-E2B-it", "google/gemma-4-E4B-it", "google/gemma-3n-E4B-it",
    # 34 layers of 1408 x 5632 with biases, 577 positions, pixel-shuffle MLP, projector: 871,932,416, to the parameter
    "meta-llama/Llama-4-Maverick-17B-128E-Instruct", "meta-llama/Llama-4-Scout-17B-16E",
    "meta-llama/Llama-4-Scout-17B-16E-Instruct",
}  # fmt: skip
MULTIMODAL_WITHOUT_CONFIG = {"qwen3_5", "internvl", "phi3_v", "gemma3n", "kimi_k25", "kimi_k3", "llama4"}
AGREES = 2e-4
EXACT = 1e-6
MAX_OTHER_SHARE = 0.06


# Of a rope section only what the size of its tables depends on.
ROPE_SECTIONS = ("rope_scaling", "rope_parameters")
ROPE_FIELDS = ("rope_type", "type", "factor", "original_max_position_embeddings", "mrope_section")


def without(config: dict[str, Any]) -> dict[str, Any]:
    """Drop fields that nothing here reads."""
    kept = {}
    for key, value in config.items():
        if key in ROPE_SECTIONS:
            if rope := {name: value[name] for name in ROPE_FIELDS if name in (value or {})}:
                kept[key] = rope
            continue
        if key in DROPPED_FIELDS and not (key == "hidden_activation" and "hidden_act" not in config):
            continue
        kept[key] = without(value) if isinstance(value, dict) else value
    return kept


def fill(config: dict[str, Any], facts: dict[str, Any]) -> None:
    """Set facts by dotted path."""
    for path, value in facts.items():
        if path == "reason":
            continue
        section = config
        *parents, last = path.split(".")
        for parent in parents:
            section = section.setdefault(parent, {})
        section[last] = value


def has_context(config: dict[str, Any]) -> bool:
    """Whether some field states the context length."""
    names = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "max_target_positions", "n_ctx")
    return any(f'"{name}"' in json.dumps(config) for name in names) or "mamba" in str(config.get("model_type"))


def class_default_context(model_type: str) -> int:
    """Return what the configuration class assumes when the field is absent."""
    from transformers import AutoConfig

    try:
        return int(AutoConfig.for_model(model_type).max_position_embeddings)
    except (ValueError, AttributeError, TypeError):
        return 4096


def short_source(text: str) -> str:
    """Return a source without internal file numbers."""
    text = re.sub(r"\(code index files? [^)]*\)", "", text)
    text = re.sub(r"@[0-9a-f]{6,}", "", text).replace("(embedded model list)", "")
    return re.sub(r"\s+", " ", text).replace(" ,", ",").replace(" ;", ";").strip()[:160]


def doubts(facts: dict[str, Any]) -> list[str]:
    """Return what the reference itself doubts, in a few words."""
    text = str(facts["verified"])
    found = []
    for pattern, words in (
        ("sources differ on max_position", "sources differ on max_position_embeddings"),
        ("not checked", "no published total to check the count against"),
        ("derived from the count|derived from the pa", "tie_word_embeddings derived from the published count"),
        ("were assumed", "some sizes were inferred from the published count"),
        ("lacked the output head", "the published total seems to lack the output head"),
    ):
        if re.search(pattern, text) or re.search(pattern, str(facts["source"])):
            found.append(words)
    return found


def reconcile(name: str, entry: dict[str, Any], facts: dict[str, Any]) -> float | None:
    """Record vision and unexplained parameters; return the final relative error, or None without a reference."""
    config = entry["config"]
    arch = read_architecture(config, name)
    published, computed = facts.get("params_total"), facts.get("params_computed")
    reference = published if name in TOWERS_IN_PUBLISHED or not computed else computed
    if not reference:
        return None
    if published and abs(arch.params_total / published - 1) < EXACT:
        return arch.params_total / published - 1
    text = arch.params_total - arch.params_vision
    rest = reference - text
    multimodal = "vision_config" in config or config.get("model_type") in MULTIMODAL_WITHOUT_CONFIG
    if multimodal and 0 < rest < 0.4 * reference:
        entry["vision"] = rest
        return 0.0
    error = arch.params_total / reference - 1
    if AGREES < -error < MAX_OTHER_SHARE:
        entry["other"] = reference - arch.params_total
        entry.setdefault("doubts", []).append(f"{100 * -error:.2f} % of the published parameters are not explained")
        return 0.0
    return error


def alias_changes(alias: dict[str, Any]) -> dict[str, Any]:
    """Return what differs from the base, with a canonical precision name."""
    changes = {key: value for key, value in alias.items() if key not in ("id", "quantization")}
    scheme = alias.get("quantization")
    if scheme:
        changes["quantization"] = "nvfp4" if scheme == "MIXED_PRECISION" else canonical_precision(scheme)
        if scheme in ("FP8", "fp8") and alias["id"].lower().startswith("qwen/"):
            changes["quantization"] = "fp8_block"
    return changes


def build(reference: dict[str, Any], additions: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the catalogue's models and a report."""
    models: dict[str, Any] = {}
    report: list[str] = []
    exact = close = checked = 0
    for name, facts in reference.items():
        config = without(facts["config"])
        entry: dict[str, Any] = {"config": config, "source": short_source(facts["source"])}
        missing = [field for field in facts.get("missing_fields") or [] if field != "layer_types"]
        filled = additions["filled_facts"].get(name)
        if filled:
            fill(config, filled)
            entry["filled"] = sorted(filled)
            missing = [m for m in missing if m not in filled and not (m == "linear_*" or m == "vision_config")]
        derived = additions["derived_facts"].get(name)
        if derived:
            fill(config, derived)
            entry.setdefault("doubts", []).append(derived["reason"])
        if not has_context(config):
            config["max_position_embeddings"] = class_default_context(str(config.get("model_type")))
            missing.append("max_position_embeddings")
        if facts.get("params_total"):
            entry["published"] = facts["params_total"]
        entry["doubts"] = entry.get("doubts", []) + doubts(facts)
        if missing:
            entry["missing"] = missing
        try:
            error = reconcile(name, entry, facts)
        except BudSimError as problem:
            report.append(f"unsupported  {problem.message}")
            error = None
        if error is not None:
            checked += 1
            close += abs(error) <= 0.005
            exact += abs(error) <= EXACT
            if abs(error) > 0.005:
                report.append(f"differs {100 * error:+.2f} %  {name}")
                entry["doubts"].append(f"our count differs from the published one by {100 * error:+.1f} %")
        entry["config"] = compact_config(config)
        entry["aliases"] = {alias["id"]: alias_changes(alias) for alias in facts.get("aliases") or []}
        entry["aliases"] |= additions["aliases"].get(name, {})
        models[name] = {key: value for key, value in entry.items() if value not in ([], {})}
    for name, entry in additions["models"].items():
        read_architecture(entry["config"], name)
        models[name] = {**entry, "config": compact_config(entry["config"])}
    report.append(f"{len(models)} models; {checked} checked, {close} within 0.5 %, {exact} to 1e-6")
    return models, report


def main() -> None:
    """Write the catalogue, one line per model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reference", type=Path)
    parser.add_argument("--target", type=Path, default=TARGET)
    arguments = parser.parse_args()
    reference = json.loads(arguments.reference.read_text())
    additions = json.loads((HERE / "model_catalog_additions.json").read_text())
    models, report = build(reference, additions)
    lines = [f"{json.dumps(name)}: {json.dumps(entry, separators=(',', ':'))}" for name, entry in models.items()]
    arguments.target.write_text('{"models": {\n' + ",\n".join(lines) + "\n}}\n")
    print("\n".join(report))


if __name__ == "__main__":
    main()
