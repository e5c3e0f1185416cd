"""The devices of the catalogue, to search and to compare, and one of them in full."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import Request
from nicegui import ui

from budsim.dashboard.frame import figure, heading, page_frame, rest_of, show_empty, show_error
from budsim.dashboard.rest import AnswerError
from budsim.dashboard.tables import Column, list_table
from budsim.dashboard.wording import NOT_KNOWN, device_type_name, number, price_basis, usd

_MOST = 1000
_COLUMNS = (
    Column("name", "Device"),
    Column("maker", "Maker"),
    Column("kind", "Kind", on_phone=False),
    Column("memory_size", "Memory, GB", is_figure=True),
    Column("memory_bw", "Bandwidth, GB/s", is_figure=True),
    Column("flops", "bf16 TFLOPS", is_figure=True),
    Column("icn", "Link, GB/s", is_figure=True),
    Column("power", "Power, W", is_figure=True),
    Column("price_per_hour", "USD/h", is_figure=True),
    Column("basis", "Price is"),
)
_OFFER_COLUMNS = (
    Column("cloud", "Cloud"),
    Column("instance", "Instance"),
    Column("low", "USD/h from", is_figure=True),
    Column("high", "to", is_figure=True),
)
_KINDS = {"cpu": "CPU", "gpu": "GPU"}


def table_row(device: dict[str, Any]) -> dict[str, Any]:
    """Return one device as a line of the table."""
    by = {key: device[key] for key in ("memory_size", "memory_bw", "flops", "icn", "power", "price_per_hour")}
    return {
        "id": device["name"],
        "href": f"hardware?device={quote(device['name'], safe='')}",
        "name": device["name"],
        "maker": device["manufacturer"],
        "kind": _KINDS.get(device["type"], device["type"].capitalize()),
        **{key: number(value, 4) for key, value in by.items()},
        "price_per_hour": usd(device["price_per_hour"]),
        "basis": price_basis(device["price_basis"]),
        "by": by,
    }


def offer_rows(device: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the clouds that rent a device out, cheapest first."""
    return [
        {
            "id": f"{cloud['name']} {index}",
            "cloud": cloud["name"],
            "instance": instance["name"] or NOT_KNOWN,
            "low": usd(instance["price_lower"]),
            "high": usd(instance["price_upper"]),
            "by": {"low": instance["price_lower"], "high": instance["price_upper"]},
        }
        for cloud in device["clouds"]
        for index, instance in enumerate(cloud["instances"])
    ]


async def hardware_page(request: Request) -> None:
    """Draw the chosen device, the table and its filters."""
    rest = rest_of(request)
    chosen = request.query_params.get("device", "")[:200]
    with page_frame("hardware", "Hardware"):
        heading("Hardware")
        try:
            devices = (await rest.get("/api/hardware", limit=_MOST))["hardware"]
            devices.sort(key=lambda known: -(known["flops"] or 0.0))
            device = await rest.get(f"/api/hardware/{quote(chosen, safe='')}") if chosen else None
        except AnswerError as error:
            show_error(error)
            ui.link("All devices", "/hardware")
            return
        if device is None:
            _list(devices)
        else:
            ui.link("All devices", "/hardware")
            _show_device(device)


def _list(devices: list[dict[str, Any]]) -> None:
    chosen: dict[str, Any] = {"text": "", "makers": []}
    with ui.row().classes("w-full items-center gap-3"):
        ui.input("Search", on_change=lambda: redraw()).bind_value(chosen, "text").props(
            'debounce=200 clearable aria-label="Search the devices"'
        ).style("flex:2 1 240px")
        ui.select(
            sorted({device["manufacturer"] for device in devices}),
            label="Maker",
            multiple=True,
            value=[],
            on_change=lambda: redraw(),
        ).bind_value(chosen, "makers").props('use-chips aria-label="Maker"').style("flex:1 1 200px")
    count = ui.label().classes("bud-muted text-sm").props("role=status")
    empty = ui.column().classes("w-full")
    table = list_table(_COLUMNS, [], title="name", note=("maker",), page_size=15, mark="devices")

    def redraw() -> None:
        words = (chosen["text"] or "").lower().split()
        kept = [
            device
            for device in devices
            if all(word in _text_of(device) for word in words)
            and (not chosen["makers"] or device["manufacturer"] in chosen["makers"])
        ]
        table.rows = [table_row(device) for device in kept]
        table.set_visibility(bool(kept))
        count.set_text(f"{number(len(kept))} of {number(len(devices))} devices")
        empty.clear()
        if not kept:
            with empty:
                show_empty("No device passes these filters.", "POST /api/hardware adds one of your own.")

    redraw()


def _text_of(device: dict[str, Any]) -> str:
    return " ".join((device["name"], device["manufacturer"], device["architecture"], *device["aliases"])).lower()


def _show_device(device: dict[str, Any]) -> None:
    with ui.card().classes("bud-card"):
        heading(device["name"], 2)
        kind = f"{device['manufacturer']} · {device['architecture']} · {device_type_name(device['device_type'])}"
        ui.label(f"{kind} · {device['release_date']}" if device["release_date"] else kind).classes("bud-muted")
        with ui.row().classes("w-full gap-3 items-stretch"):
            memory = f"{number(device['memory_size'], 4)} GB" if device["memory_size"] else "the host's"
            figure("Memory", memory, f"{number(device['memory_bw'], 4)} GB/s")
            for name in ("bf16", "fp8", "fp4"):
                if name in device["peak_tflops"]:
                    figure(f"{name}, dense", f"{number(device['peak_tflops'][name], 4)} TFLOPS")
            if device["icn"]:
                figure("Link", f"{number(device['icn'], 4)} GB/s", device["link_type"] or "")
            figure("Power", f"{number(device['power'])} W" if device["power"] else NOT_KNOWN)
            figure("Price per hour", usd(device["price_per_hour"]), price_basis(device["price_basis"]))
            figure("To buy", usd(device["price_usd"]), "estimate" if device["price_is_estimate"] else "")
        offers = offer_rows(device)
        if offers:
            heading("To rent", 2)
            list_table(_OFFER_COLUMNS, offers, title="cloud", note=("instance",), mark="offers")
        with ui.expansion("Where these figures come from").classes("w-full"):
            for name, source in device["sources"].items():
                ui.label(source if name == "*" else f"{name}: {source}").classes("text-sm bud-wrap")
            for name, text in device["conflicts"].items():
                ui.label(f"Sources differ on {name}: {text}").classes("text-sm bud-wrap")
            if device["aliases"]:
                ui.label(f"Also called {', '.join(device['aliases'])}").classes("text-sm bud-wrap")
