"""The catalogues as files: the shipped device datasheets and the devices that a user has added."""

from __future__ import annotations

import csv
import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from budsim.commons.errors import InvalidRequestError, PayloadTooLargeError, UnknownHardwareError
from budsim.engine_ops.litellm import TokenPrice
from budsim.perf_model.custom_devices import custom_device_entries, parse_custom_device
from budsim.perf_model.hardware_catalog import HardwareCatalog, parse_catalog, parse_match_rules
from budsim.perf_model.hardware_names import compact_name
from budsim.perf_model.price_catalog import RateOffer, parse_rate_offers, with_rates

CUSTOM_DEVICES_FILE = "custom_devices.yaml"
MAX_CUSTOM_FILE_BYTES = 1_000_000
_MAX_NESTING = 6  # mapping of a list of mappings of lists needs 4
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def hardware_catalog() -> HardwareCatalog:
    """Return the shipped devices and the user's own; read once, and again when the user's file changes.

    Raises:
        InvalidRequestError: The user's file cannot be read.
    """
    path = custom_devices_path()
    try:
        status = path.stat()
    except OSError:
        return _catalog(None, 0, 0)
    return _catalog(path, status.st_mtime_ns, status.st_size)


def device_label(name: str) -> str:
    """Return the catalogue's own spelling of a device's name; a name that it does not have stays as it is."""
    try:
        return hardware_catalog().get(name).name
    except UnknownHardwareError:
        return name


def custom_devices_path() -> Path:
    """Return where the user's own devices are kept."""
    from budsim.commons.config import settings

    return settings().data_dir / CUSTOM_DEVICES_FILE


def add_custom_devices(path: str | Path) -> list[str]:
    """Add the devices of a YAML or JSON file to the user's own; a custom device of the same name is replaced.

    A smallest file, of which :mod:`budsim.perf_model.custom_devices` lists all fields::

        devices:
        - name: Acme X1
          device_type: cuda
          memory_gb: 96
          memory_bandwidth_gb_s: 4000
          bf16_tflops: 800

    Args:
        path: The file, at most 1 MB.

    Returns:
        The names that were added or replaced.

    Raises:
        InvalidRequestError: The file or one of its fields is wrong, or a name belongs to another device; nothing was
            added.
        PayloadTooLargeError: The file is over its limit.
    """
    return store_custom_devices(_read_entries(Path(path)))


def store_custom_devices(entries: list[Mapping[str, Any]]) -> list[str]:
    """Add devices to the user's own; a custom device of the same name is replaced.

    Args:
        entries: As in a file for ``add_custom_devices``.

    Returns:
        The names that were added or replaced.

    Raises:
        InvalidRequestError: A field is wrong, or a name belongs to another device; nothing was added.
    """
    specs = [parse_custom_device(entry) for entry in entries]
    new_names = {compact_name(spec.name) for spec in specs}
    with _changed_custom_devices() as stored:
        stored[:] = [entry for entry in stored if compact_name(str(entry["name"])) not in new_names]
        stored += entries
    return [spec.name for spec in specs]


def remove_custom_device(name: str) -> bool:
    """Forget one of the user's own devices; whether it was there."""
    with _changed_custom_devices() as stored:
        kept = [entry for entry in stored if compact_name(str(entry["name"])) != compact_name(name)]
        found = len(kept) < len(stored)
        stored[:] = kept
    return found


@contextmanager
def _changed_custom_devices() -> Iterator[list[Mapping[str, Any]]]:
    """Yield the user's own devices to be changed; check and write them when the block ends, others wait.

    Raises:
        InvalidRequestError: Names and aliases would not be unique over everything; nothing was written.
    """
    target = custom_devices_path()
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.with_suffix(".lock")):
        entries = _read_entries(target) if target.exists() else []
        yield entries
        _build_catalog(entries)
        if entries:
            _replace_file(target, yaml.safe_dump({"devices": [dict(entry) for entry in entries]}, sort_keys=False))
        else:
            target.unlink(missing_ok=True)


def cloud_offers() -> Mapping[str, Mapping[str, float]]:
    """Return on-demand USD per hour of one device, by catalogue name and provider."""
    return _shipped_offers()


@lru_cache(maxsize=1)
def _shipped_offers() -> Mapping[str, Mapping[str, float]]:
    devices = _shipped_document()["devices"]
    return {entry["name"]: dict(entry["offers_usd_per_hour"]) for entry in devices if entry.get("offers_usd_per_hour")}


def rate_offers() -> Sequence[RateOffer]:
    """Return every published price of reserved and interruptible devices."""
    return _shipped_rates()


@lru_cache(maxsize=1)
def _shipped_rates() -> tuple[RateOffer, ...]:
    text = files("budsim.perf_model").joinpath("price_catalog.yaml").read_bytes()
    return parse_rate_offers(yaml.load(text, Loader=_Loader))  # noqa: S506 - a safe loader


@lru_cache(maxsize=2)
def _catalog(path: Path | None, mtime_ns: int, size: int) -> HardwareCatalog:
    if path is None:
        return _build_catalog([])
    try:
        return _build_catalog(_read_entries(path))
    except InvalidRequestError as error:
        msg = f"{path}: {error.message}; correct this file of custom devices or remove it"
        raise InvalidRequestError(msg, error.param) from error


@lru_cache(maxsize=1)
def _shipped_document() -> Mapping[str, Any]:
    text = files("budsim.perf_model").joinpath("hardware_catalog.yaml").read_bytes()
    document: Mapping[str, Any] = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    return document


def _build_catalog(custom_entries: list[Mapping[str, Any]]) -> HardwareCatalog:
    document = _shipped_document()
    custom = [parse_custom_device(entry) for entry in custom_entries]
    shipped = with_rates(parse_catalog(document), _shipped_rates())
    return HardwareCatalog([*shipped, *custom], parse_match_rules(document))


def _read_entries(path: Path) -> list[Mapping[str, Any]]:
    return custom_device_entries(read_device_file(path))


def read_device_file(path: Path) -> Any:
    """Return what a YAML or JSON file of devices holds.

    Raises:
        InvalidRequestError: It cannot be read, or is neither YAML nor JSON.
        PayloadTooLargeError: It is over its limit.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_CUSTOM_FILE_BYTES + 1)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise InvalidRequestError(msg, {"field": "file"}) from error
    if len(text) > MAX_CUSTOM_FILE_BYTES:
        msg = f"{path} is over {MAX_CUSTOM_FILE_BYTES} bytes; split it"
        raise PayloadTooLargeError(msg, {"field": "file"})
    try:
        _check_shape(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError) as error:
        msg = f"{path} is neither YAML nor JSON: {' '.join(str(error).split())[:300]}"
        raise InvalidRequestError(msg, {"field": "file"}) from error


def _check_shape(text: bytes) -> None:
    """Refuse deep nesting and YAML aliases before anything is built: both can blow a small file up."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_NESTING or isinstance(event, yaml.AliasEvent):
            msg = "a file of devices has no YAML aliases and no deep nesting"
            raise InvalidRequestError(msg, {"field": "file"})


def _replace_file(target: Path, text: str) -> None:
    """Write ``target`` so that a reader sees the old or the new content, never a part."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as folder:
        complete = Path(folder) / target.name
        with complete.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        complete.replace(target)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on ``path`` among processes."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@lru_cache(maxsize=1)
def token_prices() -> Mapping[str, TokenPrice]:
    """Return vendors' list prices by ``vendor/model``, and by ``model`` where only one vendor has it; lower case."""
    found: dict[str, TokenPrice] = {}
    vendors: dict[str, set[str]] = {}
    with files("budsim.engine_ops").joinpath("token_prices.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            price = TokenPrice(float(row["usd_per_million_input"]), float(row["usd_per_million_output"]), row["source"])
            model = row["model"].lower()
            found[f"{row['vendor']}/{model}"] = found[model] = price
            vendors.setdefault(model, set()).add(row["vendor"])
    return {name: price for name, price in found.items() if len(vendors.get(name, ())) <= 1}
