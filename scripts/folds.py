"""Which measured points are held out together: the one definition of every grouped figure.

    from folds import fold_labels
    labels = fold_labels(read_measurements(folder), "model_family")

Neighbours of one sweep leak almost everything, so whole groups are held out:

    unseen_configuration    5 folds of whole groups (model x hardware x engine x precision x tp x isl x osl)
    model_family            one fold per family of models
    hardware                one fold per device
"""

from __future__ import annotations

import hashlib
import re

import pandas as pd

SCHEMES = ("unseen_configuration", "model_family", "hardware")
CONFIGURATION_FOLDS = 5
CONFIGURATION_KEY = ("model", "hardware", "engine", "precision", "tp", "isl", "osl")
# First match counts; names of derived models (Deci, OpenHermes, CodeLlama) go with what they derive from.
_FAMILIES = (
    ("gpt-oss", r"gpt-oss"),
    ("kimi", r"kimi|moonlight"),
    ("minimax", r"minimax"),
    ("deepseek", r"deepseek"),
    ("mixtral", r"mixtral"),
    ("mistral", r"mistral|openhermes"),
    ("llama", r"llama|decilm|vicuna"),
    ("qwen", r"qwen|qwq"),
    ("gemma", r"gemma"),
    ("falcon", r"falcon"),
    ("bloom", r"bloom"),
    ("gpt-j", r"gpt-j|gpt-neo|gpt2"),
    ("opt", r"/opt-"),
    ("starcoder", r"starcoder|codegen"),
    ("mpt", r"mpt-"),
    ("nemotron", r"nemotron"),
)


def model_family(model: str) -> str:
    """Return the family that a model is held out with; an unlisted one is its publisher's name and first word."""
    name = model.lower()
    for family, pattern in _FAMILIES:
        if re.search(pattern, name):
            return family
    return re.split(r"[-_.\d]", name.rpartition("/")[2])[0] or name


def configuration_key(table: pd.DataFrame, columns: tuple[str, ...] = CONFIGURATION_KEY) -> pd.Series:
    """Return one text per row that equal configurations share.

    Args:
        table: ``read_measurements``.
        columns: What makes a configuration; numbers compare by value.
    """
    parts = [
        table[name].map(lambda value: f"{value:g}" if isinstance(value, int | float) else str(value))
        for name in columns
    ]
    return parts[0].str.cat(parts[1:], sep="|")


def stable_fold(key: str) -> str:
    """Return the fold of a key; it depends on the key alone, so new rows move no old one."""
    return str(int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) % CONFIGURATION_FOLDS)


def fold_labels(table: pd.DataFrame, scheme: str) -> pd.Series:
    """Return the label of the fold in which each row is held out, as text, with the table's index.

    Args:
        table: ``read_measurements``.
        scheme: One of ``SCHEMES``.

    Raises:
        ValueError: The scheme does not exist.
    """
    if scheme == "unseen_configuration":
        return configuration_key(table).map(stable_fold)
    if scheme == "model_family":
        return table["model"].map(model_family)
    if scheme == "hardware":
        return table["hardware"].astype(str)
    raise ValueError(f"scheme {scheme!r}: use one of {', '.join(SCHEMES)}")


def is_population(table: pd.DataFrame) -> pd.Series:
    """Return the rows that the accuracy targets are stated on: served, plainly labelled, with known launch flags."""
    known = table["source"].ne("inferencex") | table["match_quality"].isin(["exact", "near"])
    sources = table["source"].isin(["inferencex", "nvidia-aic-gap", "bud-xeon6767p-vllm"])
    plain = ~table["speculative"].astype(bool) & ~table["repeated"] & ~table["stalled"]
    return sources & known & plain & table["serving_mode"].eq("agg")
