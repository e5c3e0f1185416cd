"""The models that are known, and one of them in figures."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import Request
from nicegui import ui

from budsim.dashboard.frame import figure, heading, page_frame, rest_of, show_empty, show_error
from budsim.dashboard.rest import AnswerError
from budsim.dashboard.wording import number

_MOST = 60
_DEVICES = ("NVIDIA-H100-SXM5-80GB", "NVIDIA-A100-SXM4-80GB", "NVIDIA-L40S", "AMD-Instinct-MI300X-OAM")


async def models_page(request: Request) -> None:
    """Draw the search and the model that was chosen."""
    rest = rest_of(request)
    chosen = request.query_params.get("model", "")[:512]
    with page_frame("models", "Models"):
        heading("Models")
        found_place = ui.column().classes("w-full")

        async def search(text: str) -> None:
            found_place.clear()
            with found_place:
                try:
                    found = await rest.get("/models", search=text[:256], limit=_MOST)
                except AnswerError as error:
                    show_error(error)
                    return
                if not found["models"]:
                    show_empty("No model of that name is known offline.", "A Hugging Face id works all the same.")
                    return
                ui.label(f"{len(found['models'])} shown, {found['total_items']} known").classes(
                    "bud-muted text-sm"
                ).props("role=status")
                with ui.row().classes("gap-2"):
                    for name in found["models"]:
                        ui.link(name, f"/models?model={quote(name, safe='')}").classes("text-sm bud-card q-px-sm")

        ui.input("Search", on_change=lambda event: search(event.value or "")).props(
            'debounce=250 clearable aria-label="Search the models"'
        ).classes("w-full").mark("search")
        if chosen:
            with ui.column().classes("w-full gap-4"):
                try:
                    known = await rest.post("/models/analyze", {"model": chosen, "devices": list(_DEVICES)})
                except AnswerError as error:
                    show_error(error)
                else:
                    _show_model(chosen, known)
        await search("")
        found_place.move(target_index=-1)


def _show_model(name: str, known: dict[str, Any]) -> None:
    with ui.card().classes("bud-card"):
        with ui.row().classes("w-full items-center justify-between"):
            heading(name, 2)
            ui.link("Optimise this model", f"/?model={quote(name, safe='')}")
        with ui.row().classes("w-full gap-3"):
            figure(
                "Parameters",
                f"{number(known['parameters'] / 1e9)} B",
                f"{number(known['parameters_active'] / 1e9)} B active",
            )
            figure("Attention", str(known["attention_type"]).upper(), f"{known['num_layers']} layers")
            figure("Context", f"{known['max_context_tokens']:,}" if known.get("max_context_tokens") else "–", "tokens")
            figure("KV cache", f"{known['kv_bytes_per_token'] / 1024:.0f} KiB", "per token")
            figure("Checkpoint", str(known["precision"]))
        fits = known.get("memory_by_device") or []
        if fits:
            heading("On one kind of device", 2)
            keys = [key for key, value in fits[0].items() if isinstance(value, str | int | float | type(None))]
            columns = [{"name": key, "label": key.replace("_", " "), "field": key, "align": "left"} for key in keys]
            rows = [
                {
                    key: number(value, 4) if isinstance(value, float) else value
                    for key, value in fit.items()
                    if key in keys
                }
                for fit in fits
            ]
            ui.table(columns=columns, rows=rows, row_key=keys[0]).classes("w-full").props(
                'flat wrap-cells :grid="Quasar.Screen.lt.md"'
            )
