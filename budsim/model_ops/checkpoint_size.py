"""Exact bytes and number formats of a checkpoint from the headers of its safetensors files; no weights are read.

Format: 8 bytes length (little endian), that many bytes of JSON: tensor name -> dtype, shape, data_offsets
(huggingface/safetensors, README "Format").
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from budsim.commons.errors import PayloadTooLargeError, UnavailableError, UnsupportedModelError

MAX_HEADER_BYTES = 25_000_000  # the largest published ones (100,000 expert tensors in one file) take about 15 MB
MAX_FILES = 2000
_LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True)
class CheckpointSize:
    """What a checkpoint stores.

    Attributes:
        total_bytes: All tensors.
        bytes_by_dtype: By the format's own names: ``BF16``, ``F8_E4M3``, ``I32`` ….
        tensors: Number of tensors.
        files: Number of files.
    """

    total_bytes: int
    bytes_by_dtype: Mapping[str, int]
    tensors: int
    files: int


def read_header(file: BinaryIO, name: str) -> dict[str, Any]:
    """Read the header of one safetensors file.

    Args:
        file: Opened at its start.
        name: What error messages call it.

    Raises:
        UnsupportedModelError: Not a safetensors file.
        PayloadTooLargeError: The header is larger than the limit.
    """
    length = int.from_bytes(file.read(_LENGTH_BYTES), "little")
    if length > MAX_HEADER_BYTES:
        text = f"{name}: a header of {length} bytes is above the limit of {MAX_HEADER_BYTES}, or no safetensors file"
        raise PayloadTooLargeError(text, {"field": "model"})
    raw = file.read(length)
    try:
        header = json.loads(raw) if len(raw) == length and length else None
    except (ValueError, RecursionError) as problem:
        raise UnsupportedModelError(f"{name} is not a safetensors file", {"field": "model"}) from problem
    if not isinstance(header, dict):
        raise UnsupportedModelError(f"{name} is not a safetensors file", {"field": "model"})
    return header


def tensor_bytes(header: Mapping[str, Any], name: str) -> list[tuple[str, int]]:
    """Return the format and the bytes of every tensor that a header lists.

    Raises:
        UnsupportedModelError: An entry is not a tensor's.
    """
    found = []
    for tensor, entry in header.items():
        if tensor == "__metadata__":
            continue
        try:
            start, end = entry["data_offsets"]
            dtype = entry["dtype"]
        except (KeyError, TypeError, ValueError) as problem:
            text = f"{name}: tensor {tensor[:80]!r} has no dtype and data_offsets"
            raise UnsupportedModelError(text, {"field": "model"}) from problem
        if not (isinstance(dtype, str) and isinstance(start, int) and isinstance(end, int) and 0 <= start <= end):
            raise UnsupportedModelError(f"{name}: tensor {tensor[:80]!r} has impossible offsets", {"field": "model"})
        found.append((dtype, end - start))
    return found


def size_of(files: Iterable[list[tuple[str, int]]]) -> CheckpointSize:
    """Return the sum over files."""
    by_dtype: Counter[str] = Counter()
    tensors = count = 0
    for entries in files:
        count += 1
        tensors += len(entries)
        for dtype, size in entries:
            by_dtype[dtype] += size
    return CheckpointSize(sum(by_dtype.values()), dict(sorted(by_dtype.items())), tensors, count)


def local_checkpoint_size(folder: Path) -> CheckpointSize | None:
    """Return what the safetensors files of a folder store; None when it has none.

    Raises:
        UnsupportedModelError: A file is not a safetensors file.
        PayloadTooLargeError: A header or the number of files is above its limit.
        UnavailableError: A file cannot be read.
    """
    paths = sorted(folder.glob("*.safetensors"))
    if len(paths) > MAX_FILES:
        raise PayloadTooLargeError(f"{folder} has {len(paths)} safetensors files, the limit is {MAX_FILES}")
    sizes = []
    for path in paths:
        try:
            with path.open("rb") as file:
                sizes.append(tensor_bytes(read_header(file, path.name), path.name))
        except OSError as problem:
            raise UnavailableError(f"{path.name} cannot be read: {problem.strerror}") from problem
    return size_of(sizes) if sizes else None
