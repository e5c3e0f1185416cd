"""The device catalogue over HTTP: find devices, their prices, and keep your own."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import AfterValidator, BeforeValidator

from budsim.commons.catalogs import cloud_offers, hardware_catalog, remove_custom_device, store_custom_devices
from budsim.commons.errors import ConflictError, InvalidRequestError, NotFoundError, UnknownHardwareError
from budsim.commons.security import require_service
from budsim.hardware_ops.device_view import (
    DeviceFilter,
    clouds,
    device_view,
    recommend_by_memory,
    sorted_views,
    vendors,
)
from budsim.hardware_ops.schemas import (
    CloudsOfDevice,
    CustomDevice,
    Device,
    DeviceList,
    HardwareNeed,
    HardwareRecommendation,
    Kind,
    NamedCount,
    RemovedDevice,
    VendorsOfDevice,
)
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.hardware_names import compact_name
from budsim.simulator.request_schemas import MAX_INTEGER, storable
from budsim.simulator.schemas import FIELD_ERRORS, ErrorResponse

_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorResponse, "description": "A figure cannot be; the message says which."},
    401: {"model": ErrorResponse, "description": "No token, a wrong one, or a project's where a service's is needed."},
    404: {"model": ErrorResponse, "description": "There is no such device; near names are listed."},
    409: {"model": ErrorResponse, "description": "The device ships with BudSim, or exists already."},
    **FIELD_ERRORS,
}

router = APIRouter(prefix="/api/hardware", tags=["hardware"], responses=_ERRORS)
Text = AfterValidator(storable)
Storable = BeforeValidator(storable)
Name = Annotated[
    str, Path(description="Any spelling of a device.", max_length=200, examples=["NVIDIA H100 SXM 80GB"]), Text
]
WRITES = [Depends(require_service)]
Sort = Literal["name", "flops", "memory_size", "memory_bw", "power", "price", "perf_per_watt", "perf_per_dollar"]
Limit = Annotated[int, Query(description="Items a page.", ge=1, le=1000, examples=[100])]
Offset = Annotated[int, Query(description="Items left out before the page.", ge=0, le=MAX_INTEGER, examples=[0])]
_TOP = 1e9


def _bound(what: str, example: float) -> Any:
    return Query(description=what, ge=0, le=_TOP, allow_inf_nan=False, examples=[example])


def _named(name: str) -> DeviceSpec:
    """Return the device that a name means.

    Raises:
        NotFoundError: None; near names are told.
    """
    try:
        return hardware_catalog().match(name).spec
    except UnknownHardwareError as error:
        raise NotFoundError(error.message, {"field": "name", "near": list(error.near)}) from error


def _view(device: DeviceSpec) -> dict[str, Any]:
    return device_view(device, cloud_offers().get(device.name))


def device_filter(
    query: Annotated[
        str | None, Query(description="Words in name, maker, alias or PCI id.", max_length=200, examples=["h100"]), Text
    ] = None,
    kind: Annotated[Kind | None, Query(alias="type", description="Kind of hardware.", examples=["gpu"])] = None,
    device_type: Annotated[
        Literal["cuda", "rocm", "hpu", "cpu", "xpu", "tpu"] | None,
        Query(description="How engines see it.", examples=["cuda"]),
    ] = None,
    manufacturer: Annotated[
        str | None, Query(description="Maker, any case.", max_length=100, examples=["AMD"]), Text
    ] = None,
    is_custom: Annotated[bool | None, Query(description="Your own, or shipped.", examples=[False])] = None,
) -> DeviceFilter:
    """Return the filters that every list takes."""
    return DeviceFilter(query=query, kind=kind, device_type=device_type, manufacturer=manufacturer, is_custom=is_custom)


def range_filter(
    listed: Annotated[DeviceFilter, Depends(device_filter)],
    min_flops: Annotated[float | None, _bound("TFLOPS at least.", 300)] = None,
    max_flops: Annotated[float | None, _bound("TFLOPS at most.", 1000)] = None,
    min_memory: Annotated[float | None, _bound("GB at least.", 40)] = None,
    max_memory: Annotated[float | None, _bound("GB at most.", 96)] = None,
    min_memory_bw: Annotated[float | None, _bound("GB/s at least.", 1000)] = None,
    max_memory_bw: Annotated[float | None, _bound("GB/s at most.", 4000)] = None,
    min_power: Annotated[float | None, _bound("W at least.", 100)] = None,
    max_power: Annotated[float | None, _bound("W at most.", 700)] = None,
    min_price: Annotated[float | None, _bound("USD/h at least.", 0.5)] = None,
    max_price: Annotated[float | None, _bound("USD/h at most.", 4)] = None,
) -> DeviceFilter:
    """Return the filters with ranges.

    Raises:
        InvalidRequestError: A range is empty.
    """
    ranges = {
        "flops": (min_flops, max_flops),
        "memory_size": (min_memory, max_memory),
        "memory_bw": (min_memory_bw, max_memory_bw),
        "power": (min_power, max_power),
        "price_per_hour": (min_price, max_price),
    }
    for name, (low, high) in ranges.items():
        if low is not None and high is not None and low > high:
            raise InvalidRequestError(f"the range of {name} is empty: {low:g} to {high:g}", {"field": name})
    return DeviceFilter(listed.query, listed.kind, listed.device_type, listed.manufacturer, listed.is_custom, ranges)


def _page(wanted: DeviceFilter, sort_by: str, descending: bool, limit: int, offset: int) -> DeviceList:
    views = [view for view in map(_view, hardware_catalog().devices) if wanted.allows(view)]
    page = sorted_views(views, sort_by, descending)[offset : offset + limit]
    return DeviceList.model_validate({"hardware": page, "total": len(views), "limit": limit, "offset": offset})


@router.get("", summary="List devices")
def list_devices(
    wanted: Annotated[DeviceFilter, Depends(device_filter)], limit: Limit = 100, offset: Offset = 0
) -> DeviceList:
    """Return a page by name: shipped devices and your own."""
    return _page(wanted, "name", False, limit, offset)


@router.get("/filter", summary="Filter and sort devices")
def filter_devices(
    wanted: Annotated[DeviceFilter, Depends(range_filter)],
    sort_by: Annotated[Sort, Query(description="Field to sort by.", examples=["memory_bw"])] = "name",
    sort_order: Annotated[Literal["asc", "desc"], Query(description="Direction.", examples=["desc"])] = "asc",
    limit: Limit = 100,
    offset: Offset = 0,
) -> DeviceList:
    """Return a page; devices without a figure do not pass a range on it and come last when sorted by it."""
    return _page(wanted, sort_by, sort_order == "desc", limit, offset)


@router.get("/search", summary="Search devices")
def search_devices(
    query: Annotated[
        str,
        Query(description="Words in name, maker, alias or PCI id.", min_length=1, max_length=200, examples=["h100"]),
        Text,
    ],
    limit: Limit = 100,
    offset: Offset = 0,
) -> DeviceList:
    """Return a page of what bears every word."""
    return _page(DeviceFilter(query=query), "name", False, limit, offset)


@router.get("/vendors", summary="Makers")
def list_vendors() -> list[NamedCount]:
    """Return every maker with its devices."""
    counts = Counter(device.vendor for device in hardware_catalog().devices)
    return [NamedCount(name=name, count=count) for name, count in sorted(counts.items())]


@router.get("/clouds", summary="Providers")
def list_clouds() -> list[NamedCount]:
    """Return every provider with the devices it offers on demand."""
    counts = Counter(provider for offers in cloud_offers().values() for provider in offers)
    return [NamedCount(name=name, count=count) for name, count in sorted(counts.items())]


@router.get("/vendors/{name:path}", summary="Purchase prices of a device")
def vendors_of_device(name: Name) -> VendorsOfDevice:
    """Return who sells it, for how much, and where the price comes from."""
    device = _named(name)
    return VendorsOfDevice.model_validate({"hardware_name": device.name, "on_prem_vendors": vendors(device)})


@router.get("/clouds/{name:path}", summary="On-demand offers of a device")
def clouds_of_device(name: Name) -> CloudsOfDevice:
    """Return who rents it out, cheapest first."""
    device = _named(name)
    offers = clouds(cloud_offers().get(device.name, {}))
    return CloudsOfDevice.model_validate({"hardware_name": device.name, "clouds": offers})


@router.post("/recommend", summary="Devices that hold so much memory")
def recommend_hardware(body: Annotated[HardwareNeed, Storable]) -> HardwareRecommendation:
    """Return devices by fewest chips, then by utilisation, from memory alone."""
    found = recommend_by_memory(hardware_catalog().devices, body.total_memory_gb, body.model_params_b)
    return HardwareRecommendation.model_validate(found)


@router.post("", status_code=201, summary="Add a device of your own", dependencies=WRITES)
def add_device(body: Annotated[CustomDevice, Storable]) -> Device:
    """Add it to the catalogue: every command and route knows it afterwards.

    A name that exists is a 409; PUT replaces a device of your own.
    """
    if any(compact_name(device.name) == compact_name(body.name) for device in hardware_catalog().devices):
        raise ConflictError(f"{body.name} exists already; PUT replaces a device of your own.", {"field": "name"})
    return _stored(body)


@router.get("/{name:path}", summary="A device")
def get_device(name: Name) -> Device:
    """Return the device that a name means, in any spelling, and how it was matched."""
    device = _named(name)
    return Device.model_validate({**_view(device), "matched_by": hardware_catalog().match(name).reason})


@router.put("/{name:path}", summary="Replace a device of your own", dependencies=WRITES)
def replace_device(name: Name, body: Annotated[CustomDevice, Storable]) -> Device:
    """Replace it; shipped devices stay as they are."""
    if compact_name(name) != compact_name(body.name):
        raise InvalidRequestError(f"the body names {body.name}, the path {name}: they must agree", {"field": "name"})
    _require_custom(name)
    return _stored(body)


@router.delete("/{name:path}", summary="Remove a device of your own", dependencies=WRITES)
def delete_device(name: Name) -> RemovedDevice:
    """Remove it; shipped devices stay."""
    device = _require_custom(name)
    if not remove_custom_device(device.name):
        raise NotFoundError(f"There is no device {name}.", {"field": "name"})
    return RemovedDevice(name=device.name)


def _stored(body: CustomDevice) -> Device:
    (name,) = store_custom_devices([body.entry()])
    return Device.model_validate(_view(hardware_catalog().get(name)))


def _require_custom(name: str) -> DeviceSpec:
    """Return one of the user's own devices.

    Raises:
        NotFoundError: There is none of this name.
        ConflictError: It ships with BudSim.
    """
    found = [device for device in hardware_catalog().devices if compact_name(device.name) == compact_name(name)]
    if not found:
        raise NotFoundError(f"There is no device {name}.", {"field": "name"})
    if not found[0].is_custom:
        text = f"{found[0].name} ships with BudSim and cannot be changed; add a device under a name of your own."
        raise ConflictError(text, {"field": "name"})
    return found[0]
