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
from budsim.dashboard.wording import percent

_SCHEMES = {
    "unseen_configuration": "new configuration",
    "model_family": "new model family",
    "hardware": "new hardware",
}
_METRICS = {"ttft_ms_mean": "TTFT", "tpot_ms_mean": "TPOT", "e2e_s_mean": "E2E", "output_tps": "tokens/s"}
_MAX_FILE_BYTES = 8_000_000
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
    """Return the held-out errors of the current version, one line per engine, device type, scheme and metric."""
    current = next((version for version in status["versions"] if version["is_current"]), None)
    return [
        {
            "id": f"{cell['engine']} {cell['device_type']} {scheme} {metric}",
            "engine": cell["engine"],
            "device": cell["device_type"],
            "scheme": _SCHEMES.get(scheme, scheme),
            "metric": _METRICS.get(metric, metric),
            "points": figures.get("points"),
            "median": figures.get("regressor_median_percent", figures.get("physics_median_percent")),
            "mean": figures.get("regressor_mean_percent", figures.get("physics_mean_percent")),
        }
        for cell in sorted((current or {"cells": []})["cells"], key=lambda cell: -(cell["training"].get("points") or 0))
        for scheme, by_metric in cell["errors"].items()
        if scheme in _SCHEMES
        for metric, figures in by_metric.items()
        if metric in _METRICS and isinstance(figures, dict)
    ]


def _table(columns: list[tuple[str, str]], rows: list[dict[str, Any]], key: str, label: str) -> None:
    ui.table(
        columns=[{"name": n, "label": t, "field": n, "align": "left", "sortable": True} for n, t in columns],
        rows=rows,
        row_key=key,
        pagination=12,
    ).classes("w-full").props('flat :grid="Quasar.Screen.lt.md"').mark(label)


def _shipped(status: dict[str, Any]) -> None:
    rows = shipped_rows(status)
    with ui.card().classes("bud-card"):
        heading("What ships: errors on measured points that no fit had seen", 2)
        if not rows:
            show_empty("No trained models are installed; predictions are physics alone.")
            return
        ui.label("Absolute percentage errors; every constant refitted without the held-out group.").classes("bud-muted")
        shown = [{**row, "median": _share(row["median"]), "mean": _share(row["mean"])} for row in rows]
        columns = [
            ("engine", "Engine"), ("device", "Devices"), ("scheme", "Held out"), ("metric", "Figure"),
            ("points", "Points"), ("median", "Median error"), ("mean", "Mean error"),
        ]  # fmt: skip
        _table(columns, shown, "id", "shipped")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} %"


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
        rows = [
            {
                "id": f"{group['model']} {group['device']} {group['engine']} {metric['metric']}",
                "model": group["model"],
                "device": group["device"],
                "engine": group["engine"],
                "metric": _METRICS.get(metric["metric"], metric["metric"]),
                "count": metric["count"],
                "median": percent(metric["median_ape"]),
                "coverage": percent(metric["coverage"]),
                "calibrated": "yes" if group["calibration"] else "no",
            }
            for group in report["items"]
            for metric in group["metrics"]
        ]
        columns = [
            ("model", "Model"), ("device", "Device"), ("engine", "Engine"), ("metric", "Figure"), ("count", "Runs"),
            ("median", "Median error before"), ("coverage", "In the 80 % interval"), ("calibrated", "Calibrated"),
        ]  # fmt: skip
        _table(columns, rows, "id", "own")


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
    parts = [f"{len(answer['runs']):,} runs taken"]
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
                for refused in answer["refused"][:20]:
                    ui.label(refused["reason"]).classes("text-sm bud-bad")
            own.clear()
            with own:
                await _own(rest, await rest.get("/api/accuracy"))

        # The component nests its field inside a button; a plain button opens the same choice.
        upload = (
            ui.upload(
                on_upload=take,
                auto_upload=True,
                max_file_size=_MAX_FILE_BYTES,
                on_rejected=lambda: ui.notify("The file is too large.", type="negative"),
            )
            .classes("hidden")
            .props('accept=".json,.jsonl,.csv,.txt,.yaml,.yml"')
        )
        ui.button("Choose a file", icon="upload_file").props("unelevated").on(
            "click", js_handler=f"() => getElement({upload.id}).$refs.qRef.pickFiles()"
        )
