"""The models that are known, and one of them in figures."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import Request
from nicegui import ui

from budsim.dashboard.frame import figure, heading, page_frame, rest_of, show_empty, show_error
from budsim.dashboard.rest import AnswerError
from budsim.dashboard.tables import Column, list_table
from budsim.dashboard.wording import NOT_KNOWN, number

_MOST = 60
_DEVICES = (
    "NVIDIA-H100-SXM5-80GB", "NVIDIA-H200", "NVIDIA-A100-SXM4-80GB", "NVIDIA-L40S", "NVIDIA-L4",
    "AMD-Instinct-MI300X-OAM", "HL-325L",
)  # fmt: skip
_COLUMNS = (
    Column("device", "Device"),
    Column("starts", "Starts on one", on_phone=False),
    Column("weights", "Weights, GB", is_figure=True),
    Column("activations", "Activations, GB", is_figure=True),
    Column("cache", "KV cache, GB", is_figure=True),
    Column("tokens", "KV cache, tokens", is_figure=True),
    Column("full", "Requests of full context", is_figure=True),
    Column("short", "of 2,048 tokens", is_figure=True),
)
_BYTES = {
    "weights": "weight_bytes_per_device",
    "activations": "activation_bytes_per_device",
    "cache": "available_kv_bytes_per_device",
}


def table_row(fit: dict[str, Any]) -> dict[str, Any]:
    """Return how a model sits on one device as a line of the table."""
    by = {key: None if fit[name] is None else fit[name] / 1e9 for key, name in _BYTES.items()}
    by |= {"tokens": fit["kv_cache_tokens"], "full": fit["max_concurrency"], "short": fit["max_concurrency_short"]}
    return {
        "id": fit["device"],
        "device": fit["device"],
        "starts": "✓ yes" if fit["starts"] else "✗ no",
        **{key: number(value, 4) for key, value in by.items()},
        "by": by,
    }


async def models_page(request: Request) -> None:
    """Draw the model that was chosen, or the search."""
    rest = rest_of(request)
    chosen = request.query_params.get("model", "")[:512]
    with page_frame("models", "Models"):
        heading("Models")
        if chosen:
            ui.link("All models", "/models")
            try:
                known = await rest.post("/models/analyze", {"model": chosen, "devices": list(_DEVICES)})
            except AnswerError as error:
                show_error(error)
            else:
                _show_model(chosen, known)
            return
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
                ui.label(f"{number(len(found['models']))} of {number(found['total_items'])} models").classes(
                    "bud-muted text-sm"
                ).props("role=status")
                with ui.element("div").classes("bud-list"):
                    for name in found["models"]:
                        ui.link(name, f"/models?model={quote(name, safe='')}").classes("text-sm bud-wrap")

        ui.input("Search", on_change=lambda event: search(event.value or "")).props(
            'debounce=250 clearable aria-label="Search the models"'
        ).classes("w-full").mark("search")
        await search("")
        found_place.move(target_index=-1)


def _show_model(name: str, known: dict[str, Any]) -> None:
    with ui.card().classes("bud-card"):
        with ui.row().classes("w-full items-center justify-between"):
            heading(name, 2).classes("bud-wrap")
            ui.link("Optimise this model", f"/?model={quote(name, safe='')}")
        with ui.row().classes("w-full gap-3 items-stretch"):
            active = known["parameters_active"]
            figure(
                "Parameters",
                f"{number(known['parameters'] / 1e9)} B",
                f"{number(active / 1e9)} B for each token" if active != known["parameters"] else "",
            )
            figure("Attention", str(known["attention_type"]).upper(), f"{known['num_layers']} layers")
            context = known.get("max_context_tokens")
            figure("Context", f"{context:,}" if context else NOT_KNOWN, "tokens")
            figure("KV cache", f"{known['kv_bytes_per_token'] / 1024:.0f} KiB", "per token")
            figure("Checkpoint", str(known["precision"]), known["model_type"])
        fits = known.get("memory_by_device") or []
        if fits:
            heading("On one device", 2)
            list_table(_COLUMNS, map(table_row, fits), title="device", note=("starts",), mark="fits")
            for fit in fits:
                if fit["reason"]:
                    ui.label(fit["reason"]).classes("bud-muted text-sm bud-wrap")
