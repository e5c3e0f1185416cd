"""The GPUs that are recommended: short names for rows of the one catalogue, and libraries of a user's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from budsim.commons.catalogs import hardware_catalog, read_device_file
from budsim.commons.errors import InvalidRequestError
from budsim.perf_model.custom_devices import parse_custom_device
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.hardware_names import compact_name
from budsim.recommender.device_figures import bf16_tflops, compute_capability, memory_gb
from budsim.simulator.hardware import device_usd_per_hour


@dataclass(frozen=True, slots=True)
class GPUSpec:
    """A GPU as the recommender shows it; figures of one device.

    Attributes:
        name: Short name in the library, else the catalogue's name.
        memory_gb: GB on the label.
        tflops: Dense 16-bit TFLOPS.
        compute_capability: Of CUDA devices.
        usd_per_hour: On demand in a cloud; None where no offer is known.
        device: The catalogue's datasheet, from which everything else is computed.
    """

    name: str
    memory_gb: float
    tflops: float
    compute_capability: str | None
    release_year: int | None
    manufacturer: str
    memory_bandwidth_gb_s: float
    link_gb_s: float | None
    tdp_watts: float | None
    usd_per_hour: float | None
    device: DeviceSpec = field(repr=False, compare=False)

    @classmethod
    def of_device(cls, device: DeviceSpec, name: str | None = None) -> GPUSpec:
        """Return the view of a catalogue row.

        Raises:
            InvalidRequestError: It is no accelerator with a known memory.
        """
        capacity_gb, tflops = memory_gb(device), bf16_tflops(device)
        if capacity_gb is None or tflops is None:
            text = f"{device.name} has no memory or no 16-bit peak of its own: it is no GPU to recommend"
            raise InvalidRequestError(text, {"field": "gpus"})
        year = re.match(r"\d{4}", device.release_date or "")
        price = device_usd_per_hour(device, basis="on_demand")
        return cls(
            name=name or device.name,
            memory_gb=capacity_gb,
            tflops=tflops,
            compute_capability=compute_capability(device),
            release_year=int(year.group()) if year else None,
            manufacturer=device.vendor,
            memory_bandwidth_gb_s=device.memory_bandwidth_bytes_per_s / 1e9,
            link_gb_s=None if device.link_bytes_per_s is None else device.link_bytes_per_s / 1e9,
            tdp_watts=device.tdp_watts,
            usd_per_hour=None if price is None else price.usd_per_hour,
            device=device,
        )


class _ShippedLibrary(Mapping[str, GPUSpec]):
    """``GPU_LIBRARY``: read from the catalogue when it is asked."""

    def __getitem__(self, name: str) -> GPUSpec:
        return GPUSpec.of_device(hardware_catalog().get(_shipped_names()[name]), name)

    def __iter__(self) -> Iterator[str]:
        return iter(_shipped_names())

    def __len__(self) -> int:
        return len(_shipped_names())


GPU_LIBRARY: Mapping[str, GPUSpec] = _ShippedLibrary()


@lru_cache(maxsize=1)
def _shipped_names() -> dict[str, str]:
    text = files("budsim.recommender").joinpath("gpu_library.yaml").read_bytes()
    return dict(yaml.safe_load(text)["gpus"])


def list_available_gpus(library: Mapping[str, GPUSpec] | None = None) -> list[str]:
    """Return the names of a library's GPUs; None = the shipped library."""
    return list(GPU_LIBRARY if library is None else library)


def get_gpu_spec(gpu_name: str, library: Mapping[str, GPUSpec] | None = None) -> GPUSpec:
    """Return a GPU by its short name, or by any spelling that the catalogue knows.

    Args:
        gpu_name: As in ``list_available_gpus``, or as a datasheet, a driver or a cloud spells it.
        library: Where short names are looked up first; None = the shipped library.

    Raises:
        UnknownHardwareError: Nothing is called that; near names are told.
        InvalidRequestError: It is no GPU.
    """
    known = GPU_LIBRARY if library is None else library
    for name in known:
        if compact_name(name) == compact_name(gpu_name):
            return known[name]
    device = hardware_catalog().match(gpu_name).spec
    return GPUSpec.of_device(device)


def load_gpu_library(path: str | Path) -> dict[str, GPUSpec]:
    """Read a GPU library from YAML or JSON.

    ``gpus:`` maps short names to names of the catalogue (``H100: NVIDIA H100 SXM 80GB``), or lists such names;
    ``devices:`` lists devices of your own, as for ``budsim hardware add``. A file may have both.

    Args:
        path: The file, at most 1 MB.

    Raises:
        InvalidRequestError: The file or one of its fields is wrong.
        UnknownHardwareError: A name is not in the catalogue.
    """
    document = read_device_file(Path(path))
    if not isinstance(document, Mapping) or not document.keys() & {"gpus", "devices"}:
        raise InvalidRequestError(f"{path} must have gpus: (names) or devices: (figures)", {"field": "file"})
    named, devices = document.get("gpus") or {}, document.get("devices") or []
    pairs = named.items() if isinstance(named, Mapping) else ((name, name) for name in _texts(named))
    library = {
        str(name): GPUSpec.of_device(hardware_catalog().match(str(target)).spec, str(name)) for name, target in pairs
    }
    for entry in _entries(devices):
        device = parse_custom_device(entry)
        library[device.name] = GPUSpec.of_device(device)
    return library


def _texts(values: Any) -> Sequence[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise InvalidRequestError("gpus must map short names to devices, or list names", {"field": "gpus"})
    return values


def _entries(values: Any) -> Sequence[Mapping[str, Any]]:
    if not isinstance(values, list) or not all(isinstance(value, Mapping) for value in values):
        raise InvalidRequestError("devices must be a list of devices with their figures", {"field": "devices"})
    return values
