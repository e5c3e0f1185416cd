"""The devices of the catalogue, to search and to compare."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from nicegui import ui

from budsim.dashboard.frame import heading, page_frame, rest_of, show_empty, show_error
from budsim.dashboard.rest import AnswerError
from budsim.dashboard.wording import number, usd

_MOST = 1000
_COLUMNS = (
    ("name", "Device"),
    ("manufacturer", "Maker"),
    ("type", "Kind"),
    ("memory_size", "Memory, GB"),
    ("memory_bw", "Bandwidth, GB/s"),
    ("flops", "bf16 TFLOPS"),
    ("icn", "Link, GB/s"),
    ("power", "Power, W"),
    ("price", "USD/h"),
)


def table_row(device: dict[str, Any]) -> dict[str, Any]:
    """Return one device as a line of the table; figures stay numbers, so that they sort."""
    figures = {key: device[key] for key in ("memory_size", "memory_bw", "flops", "icn", "power")}
    texts = {key: device[key] for key in ("name", "manufacturer", "type")}
    return {**texts, **figures, "price": device["price_per_hour"], "price_text": usd(device["price_per_hour"])}


async def hardware_page(request: Request) -> None:
    """Draw the table and its filters."""
    rest = rest_of(request)
    with page_frame("hardware", "Hardware"):
        heading("Hardware")
        try:
            devices = (await rest.get("/api/hardware", limit=_MOST))["hardware"]
        except AnswerError as error:
            show_error(error)
            return
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
        columns = [
            {"name": key, "label": title, "field": key, "align": "left", "sortable": True} for key, title in _COLUMNS
        ]
        for column in columns[3:]:
            column[":format"] = "value => value === null ? '–' : value.toLocaleString('en', {maximumFractionDigits: 2})"
        table = (
            ui.table(columns=columns, rows=[], row_key="name", pagination=25)
            .classes("w-full")
            .props('flat :grid="Quasar.Screen.lt.md"')
            .mark("devices")
        )

        def redraw() -> None:
            words = (chosen["text"] or "").lower().split()
            kept = [
                device
                for device in devices
                if all(
                    word in f"{device['name']} {device['manufacturer']} {device['architecture']}".lower()
                    for word in words
                )
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
