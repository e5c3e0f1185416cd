"""How well predictions held: held-out errors of what ships, and the installation's own measurements."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from nicegui import events, ui

from budsim.benchmarks.importer import decoded_text
from budsim.commons.errors import BudSimError
from budsim.dashboard.charts import predicted_measured_options
from budsim.dashboard.frame import heading, is_dark, page_frame, rest_of, show_empty, show_error
from budsim.dashboard.rest import AnswerError, Rest
from budsim.dashboard.tables import Column, list_table
from budsim.dashboard.wording import NOT_KNOWN, device_type_name, engine_name, number, percent

_SCHEMES = {
    "unseen_configuration": "new configuration",
    "model_family": "new model family",
    "hardware": "new hardware",
}
_METRICS = {
    "ttft_ms_mean": ("ttft", "TTFT"), "tpot_ms_mean": ("tpot", "TPOT"), "e2e_s_mean": ("e2e", "E2E"),
    "output_tps": ("tps", "Tokens/s"),
}  # fmt: skip
_SHIPPED_COLUMNS = (
    Column("serving", "Serving"),
    Column("scheme", "Held out"),
    Column("points", "Points", is_figure=True),
    *(Column(key, title, is_figure=True) for key, title in _METRICS.values() if key != "tps"),
)
_OWN_COLUMNS = (
    Column("model", "Model"),
    Column("device", "Device"),
    Column("engine", "Engine"),
    Column("metric", "Figure"),
    Column("count", "Runs", is_figure=True),
    Column("median", "Median error before", is_figure=True),
    Column("coverage", "In the 80 % interval", is_figure=True),
    Column("calibrated", "Calibrated"),
)
_MAX_FILE_BYTES = 8_000_000
_KINDS = ".json,.jsonl,.csv,.txt,.yaml,.yml"
_FILES_PLOTTED = 20


async def accuracy_page(request: Request) -> None:
    """Draw both."""
    rest = rest_of(request)
    with page_frame("accuracy", "Accuracy"):
        heading("Predicted against measured")
        try:
            status = await rest.get("/models/cache/status")
            report = await rest.get("/api/accuracy")
        except AnswerError as error:
            show_error(error)
            return
        _shipped(status)
        own = ui.column().classes("w-full gap-4")
        with own:
            await _own(rest, report)
        _upload(rest, own)


def shipped_rows(status: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the held-out errors of the current version: a line per engine, device type and what was held out."""
    current = next((version for version in status["versions"] if version["is_current"]), None)
    cells = sorted((current or {"cells": []})["cells"], key=lambda cell: -(cell["training"].get("points") or 0))
    return [
        _shipped_row(cell, scheme)
        for cell in cells
        for scheme in _SCHEMES
        if any(isinstance(cell["errors"].get(scheme, {}).get(metric), dict) for metric in _METRICS)
    ]


def _shipped_row(cell: dict[str, Any], scheme: str) -> dict[str, Any]:
    found = {
        key: figures for metric, (key, _) in _METRICS.items()
        if isinstance(figures := cell["errors"][scheme].get(metric), dict)
    }  # fmt: skip
    medians = {key: _either(figures, "median_percent") for key, figures in found.items()}
    shown = {key: f"{_digit(medians[key])} / {_digit(_either(found[key], 'mean_percent'))} %" for key in found}
    points = max((figures.get("points") or 0 for figures in found.values()), default=0)
    return {
        "id": f"{cell['engine']} {cell['device_type']} {scheme}",
        "serving": f"{engine_name(cell['engine'])} on {device_type_name(cell['device_type'])}",
        "scheme": _SCHEMES[scheme],
        "points": number(points),
        **{key: shown.get(key, NOT_KNOWN) for key, _ in _METRICS.values()},
        "by": {"points": points, **medians},
    }


def _either(figures: dict[str, Any], name: str) -> float | None:
    """Return an error of the trees, else of the physics, where no trees were fitted."""
    value: float | None = figures.get(f"regressor_{name}", figures.get(f"physics_{name}"))
    return value


def _digit(value: float | None) -> str:
    return NOT_KNOWN if value is None else f"{value:.1f}"


def _shipped(status: dict[str, Any]) -> None:
    rows = shipped_rows(status)
    with ui.card().classes("bud-card"):
        heading("What ships: errors on measured points that no fit had seen", 2)
        if not rows:
            show_empty("No trained models are installed; predictions are physics alone.")
            return
        ui.label(
            "Absolute percentage errors, median / mean; constants were refitted without the group that was held out."
        ).classes("bud-muted")
        list_table(_SHIPPED_COLUMNS, rows, title="serving", note=("scheme",), mark="shipped")


async def _own(rest: Rest, report: dict[str, Any]) -> None:
    with ui.card().classes("bud-card"):
        heading("Your own measurements", 2)
        if not report["items"]:
            show_empty(
                "Nothing was measured here yet.",
                "Hand in a file of vllm bench, SGLang, GuideLLM, AIPerf, llmperf or a CSV: predictions learn from it.",
            )
            return
        points = await _measured_points(rest)
        plot = predicted_measured_options(points, "ttft_ms_mean", dark=await is_dark())
        ui.echart(plot).classes("w-full").style("height:360px").props(
            'role=img aria-label="Predicted against measured time to first token; the table below has the errors"'
        )
        rows = [_own_row(group, metric) for group in report["items"] for metric in group["metrics"]]
        list_table(_OWN_COLUMNS, rows, title="model", note=("device", "engine"), mark="own")


def _own_row(group: dict[str, Any], metric: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{group['model']} {group['device']} {group['engine']} {metric['metric']}",
        "model": group["model"],
        "device": group["device"],
        "engine": engine_name(group["engine"]),
        "metric": _METRICS.get(metric["metric"], ("", metric["metric"]))[1],
        "count": number(metric["count"]),
        "median": percent(metric["median_ape"]),
        "coverage": percent(metric["coverage"]),
        "calibrated": "yes" if group["calibration"] else "no",
        "by": {"count": metric["count"], "median": metric["median_ape"], "coverage": metric["coverage"]},
    }


async def _measured_points(rest: Rest) -> list[dict[str, Any]]:
    """Return the runs of the newest files, each with what was predicted for it."""
    listed = (await rest.get("/api/benchmarks", limit=_FILES_PLOTTED))["items"]
    files = [await rest.get(f"/api/benchmarks/{item['id']}") for item in listed]
    return [run for file in files for run in file["runs"] if run["predicted"]]


def upload_text(answer: dict[str, Any]) -> str:
    """Return what became of a file in one line."""
    known, refused = len(answer["known"]), len(answer["refused"])
    if known and all(run["benchmark_id"] == answer["id"] for run in answer["known"]) and known >= len(answer["runs"]):
        return "These runs were handed in before: they count once."
    taken, compared = len(answer["runs"]), sum(bool(run["predicted"]) for run in answer["runs"])
    parts = [f"{taken:,} {'run' if taken == 1 else 'runs'} taken"]
    parts += [f"{taken - compared:,} without a prediction to compare"] if compared < taken else []
    parts += [f"{known:,} were known already"] if known else []
    parts += [f"{refused:,} refused"] if refused else []
    return ", ".join(parts) + "."


def _upload(rest: Rest, own: ui.column) -> None:
    with ui.card().classes("bud-card"):
        heading("Hand in a benchmark", 2)
        given: dict[str, str | None] = {"model": None, "hardware": None, "engine": None}
        with ui.row().classes("w-full gap-2"):
            for name, label in (("model", "Model"), ("hardware", "Hardware"), ("engine", "Engine")):
                ui.input(f"{label}, if the file does not say").bind_value(given, name).style("flex:1 1 200px").props(
                    f'aria-label="{label} of the benchmark"'
                )
        told = ui.column().classes("w-full").props("role=status")

        async def take(event: events.UploadEventArguments) -> None:
            told.clear()
            upload.reset()  # it would turn away the same file, handed in again with what was missing
            stated = {"file_name": event.file.name[:255], **{k: v.strip() for k, v in given.items() if v and v.strip()}}
            with told:
                try:
                    body = {"content": decoded_text(await event.file.read()), **stated}
                    answer = await rest.post("/api/benchmarks", body)
                except BudSimError as error:
                    show_error(error.message)
                    return
                except AnswerError as error:
                    show_error(error)
                    return
                ui.label(upload_text(answer))
                reasons = [run["reason"] for run in (*answer["refused"], *answer["runs"]) if run.get("reason")]
                for reason in list(dict.fromkeys(reasons))[:20]:
                    ui.label(reason).classes("text-sm bud-bad")
            own.clear()
            with own:
                await _own(rest, await rest.get("/api/accuracy"))

        def refuse() -> None:
            told.clear()
            with told:
                show_error(
                    f"Not taken: the file is larger than {_MAX_FILE_BYTES / 1e6:.0f} MB, or not one of {_KINDS}. "
                    "Split it, or leave out what each request did."
                )

        # The component nests its field inside a button; a plain button opens the same choice.
        upload = (
            ui.upload(
                on_upload=take,
                auto_upload=True,
                max_file_size=_MAX_FILE_BYTES,
                on_rejected=refuse,
            )
            .classes("hidden")
            .props(f'accept="{_KINDS}"')
        )
        ui.button("Choose a file", icon="upload_file").props("unelevated").on(
            "click", js_handler=f"() => getElement({upload.id}).$refs.qRef.pickFiles()"
        )
