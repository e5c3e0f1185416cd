"""One run: its progress while it works, then what it found, compared, plotted, and ready to deploy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Request
from nicegui import ui

from budsim.dashboard.charts import AXES, configuration_title, device_of, pareto_options
from budsim.dashboard.deployment_dialog import show_deployment
from budsim.dashboard.frame import figure, heading, is_dark, page_frame, rest_of, show_empty, show_error
from budsim.dashboard.optimise_page import Question
from budsim.dashboard.rest import AnswerError, Rest
from budsim.dashboard.tables import Column, list_table
from budsim.dashboard.wording import (
    confidence_word,
    engine_name,
    layout,
    milliseconds,
    number,
    percent,
    price_basis,
    seconds,
    usd,
    when,
)

ENDED = ("COMPLETED", "FAILED", "TIMED_OUT", "TERMINATED")
_POLL_S = 0.4
_COLUMNS = (
    Column("device", "Device"),
    Column("cluster", "Cluster"),
    Column("engine", "Engine"),
    Column("layout", "Replicas × TP"),
    Column("precision", "Weights", on_phone=False),
    Column("ttft", "TTFT p50", is_figure=True),
    Column("e2e", "E2E p50", is_figure=True),
    Column("tps", "Tokens/s", is_figure=True),
    Column("user", "Per user", is_figure=True),
    Column("cost", "USD / M tokens", is_figure=True),
    Column("confidence", "Confidence", is_figure=True),
    Column("targets", "Targets"),
)
_COMPARED = (
    ("Deployment", configuration_title),
    ("Cluster", lambda item: item.get("cluster_name") or item["cluster_id"]),
    ("TTFT p50", lambda item: milliseconds(item["metrics"]["ttft"])),
    ("E2E p50", lambda item: seconds(item["metrics"]["e2e_latency"])),
    ("Output tokens/s", lambda item: number(item["metrics"]["output_tps"])),
    ("Tokens/s per user", lambda item: number(item["metrics"]["throughput_per_user"])),
    ("Memory planned per device", lambda item: f"{number(item['metrics']['memory_gb_per_device'])} GB"),
    ("USD per hour", lambda item: usd(item["metrics"]["cost_per_hour_usd"])),
    ("USD per million tokens", lambda item: usd(cost_of(item))),
    ("Confidence", lambda item: confidence_word(item["metrics"]["confidence"])),
    ("Limited by", lambda item: item["metrics"]["binding"] or "–"),
)


def cost_of(item: dict[str, Any]) -> float | None:
    """Return USD per million tokens, None where no price is known."""
    return item["metrics"]["cost_per_million_tokens"] if item["metrics"]["cost_known"] else None


def table_row(item: dict[str, Any]) -> dict[str, Any]:
    """Return one configuration as a line of the table."""
    metrics = item["metrics"]
    by = {
        "ttft": metrics["ttft"], "e2e": metrics["e2e_latency"], "tps": metrics["output_tps"],
        "user": metrics["throughput_per_user"], "cost": cost_of(item), "confidence": metrics["confidence"],
    }  # fmt: skip
    return {
        "id": item["config_id"],
        "cluster": item.get("cluster_name") or item["cluster_id"],
        "device": device_of(metrics),
        "engine": f"{engine_name(item['engine'])} {item.get('engine_version') or ''}".strip(),
        "layout": layout(metrics),
        "precision": metrics["precision"],
        "ttft": milliseconds(metrics["ttft"]),
        "e2e": seconds(metrics["e2e_latency"]),
        "tps": number(metrics["output_tps"]),
        "user": number(metrics["throughput_per_user"]),
        "cost": usd(cost_of(item)),
        "confidence": percent(metrics["confidence"]),
        "targets": "✓ met" if metrics["meets_targets"] else f"✗ missed by {percent(metrics['error_rate'])}",
        "by": by,
    }


async def run_page(request: Request, workflow_id: str) -> None:
    """Draw a run."""
    rest = rest_of(request)
    with page_frame("runs", "Run"):
        try:
            asked = await rest.get(f"/simulator/runs/{workflow_id}")
            ui.page_title(f"{asked['model']} · BudSim")
            heading(asked["model"]).style("overflow-wrap:anywhere")
            with ui.row().classes("w-full items-baseline justify-between gap-2"):
                ui.label(question_text(asked)).classes("bud-muted")
                ui.link("Change the request", f"/?{question_of(asked).query()}")
            progress = await rest.get(f"/simulator/status/{workflow_id}/progress")
        except AnswerError as error:
            heading("Run")
            show_error(error if error.status not in (404, 422) else f"There is no run {workflow_id[:100]!r}.")
            ui.link("All runs", "/runs")
            return
        live, result = ui.column().classes("w-full"), ui.column().classes("w-full gap-4")
        if progress["status"] in ENDED:
            await _show_result(rest, workflow_id, result)
            return
        await _follow(rest, workflow_id, live, result, progress)


def question_of(asked: Mapping[str, Any]) -> Question:
    """Return the form that a run was asked with."""
    return Question(
        model=asked["model"],
        cluster_id=asked["cluster_id"] or "",
        method=asked["method"].lower(),
        objective=asked["objective"] or "cost",
        input_tokens=asked["input_tokens"],
        output_tokens=asked["output_tokens"],
        concurrency=asked["concurrency"],
        ttft_ms=asked["target_ttft"] or 0,
        throughput_per_user=asked["target_throughput_per_user"] or 0,
        e2e_s=asked["target_e2e_latency"] or 0,
        hardware_mode=asked["hardware_mode"] or "dedicated",
        allow_disaggregated=asked["allow_disaggregated"],
    )


def question_text(asked: Mapping[str, Any]) -> str:
    """Return what a run was asked, in one line."""
    targets = [
        f"TTFT ≤ {milliseconds(asked['target_ttft'])}" if asked["target_ttft"] else "",
        f"≥ {number(asked['target_throughput_per_user'])} tokens/s per user"
        if asked["target_throughput_per_user"]
        else "",
        f"E2E ≤ {seconds(asked['target_e2e_latency'])}" if asked["target_e2e_latency"] else "",
    ]
    load = (
        f"{number(asked['input_tokens'], 4)} tokens in, {number(asked['output_tokens'], 4)} out, "
        f"{number(asked['concurrency'], 4)} requests at once"
    )
    named = ", ".join(target for target in targets if target) or "no targets"
    return f"{asked['method'].upper()} · {load} · {named} · {when(asked['created'])}"


async def _follow(rest: Rest, workflow_id: str, live: ui.column, result: ui.column, progress: dict[str, Any]) -> None:
    with live, ui.card().classes("bud-card"):
        state = ui.label(_state_text(progress)).props("role=status aria-live=polite").classes("text-base")
        bar = ui.linear_progress(value=progress["percent"] / 100, show_value=False).props('aria-label="Progress"')
        steps = ui.column().classes("bud-muted text-sm gap-0")
        ui.button("Stop", icon="stop", on_click=lambda: _stop(rest, workflow_id)).props("outline")

    async def poll() -> None:
        try:
            now = await rest.get(f"/simulator/status/{workflow_id}/progress")
        except AnswerError as error:
            timer.cancel()
            live.clear()
            with result:
                show_error(error)
            return
        state.set_text(_state_text(now))
        bar.set_value(now["percent"] / 100)
        steps.clear()
        with steps:
            for text in step_texts(now["steps"]):
                ui.label(text)
        if now["status"] in ENDED:
            timer.cancel()
            live.clear()
            await _show_result(rest, workflow_id, result)

    timer = ui.timer(_POLL_S, poll)


def step_texts(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the steps so far in words: each once, with what came of it as soon as that is known."""
    newest = {step["step"]: step for step in steps if step["step"] != "eta"}
    return [
        f"{step['title']} …" if step["status"] == "STARTED" else f"✓ {step['title']}: {step['message']}"
        for step in newest.values()
    ]


def _state_text(progress: dict[str, Any]) -> str:
    left = f", about {progress['eta_seconds']:.0f} s left" if progress["eta_seconds"] >= 1 else ""
    return f"{progress['status'].capitalize()}: {progress['percent']:.0f} % done{left}"


async def _stop(rest: Rest, workflow_id: str) -> None:
    try:
        await rest.delete(f"/workflow/{workflow_id}/stop")
    except AnswerError as error:
        ui.notify(error.message, type="negative")


async def _show_result(rest: Rest, workflow_id: str, place: ui.column) -> None:
    with place:
        try:
            answer = await rest.get(f"/simulator/results/{workflow_id}")
        except AnswerError as error:
            if (await rest.get(f"/simulator/runs/{workflow_id}"))["status"] == "TERMINATED":
                show_empty("This run was stopped before it had an answer.", "Change the request to start it again.")
                return
            show_error(error)
            _show_reasons(error.param)
            return
        found = (await rest.get(f"/simulator/results/{workflow_id}/configurations"))["items"]
        if not found:
            show_empty("This run kept no configuration.")
            return
        _show_best(rest, workflow_id, found[0])
        await _show_plot(found)
        _show_table(rest, workflow_id, found)
        _show_reasons(answer)


def _show_best(rest: Rest, workflow_id: str, best: dict[str, Any]) -> None:
    metrics = best["metrics"]
    with ui.card().classes("bud-card"):
        with ui.row().classes("w-full items-center justify-between"):
            heading(f"Best: {configuration_title(best)}", 2)
            ui.button(
                "Deployment", icon="content_copy", on_click=lambda: show_deployment(rest, workflow_id, best)
            ).props("unelevated").mark("deployment")
        ui.label(metrics["reason"] or "").classes("bud-muted text-sm bud-wrap")
        with ui.row().classes("w-full gap-3 items-stretch"):
            figure("TTFT p50", milliseconds(metrics["ttft"]), _interval(best, "ttft_ms_mean", "ms, mean"))
            figure("E2E p50", seconds(metrics["e2e_latency"]), _interval(best, "e2e_s_mean", "s, mean"))
            figure("Output", f"{number(metrics['output_tps'])} tok/s", _interval(best, "output_tps", "tok/s"))
            figure("Per million tokens", usd(cost_of(best)), _hourly(metrics))
            meets = metrics["meets_targets"]
            figure("Targets", "met" if meets else "missed", _misses(metrics), good=meets)
            figure("Confidence", percent(metrics["confidence"]), confidence_word(metrics["confidence"]))


def _hourly(metrics: dict[str, Any]) -> str:
    basis = price_basis((metrics.get("costs") or {}).get("price_basis"))
    return f"{usd(metrics['cost_per_hour_usd'])} per hour{f', {basis}' if basis else ''}"


def _interval(item: dict[str, Any], name: str, unit: str) -> str:
    low_high = (item.get("intervals") or {}).get(name)
    return f"80 %: {number(low_high[0])} – {number(low_high[1])} {unit}" if low_high else ""


def _misses(metrics: dict[str, Any]) -> str:
    return "; ".join(
        f"{miss['target']} {number(miss['predicted'])} instead of {number(miss['wanted'])}"
        for miss in metrics["misses"]
    )


async def _show_plot(found: list[dict[str, Any]]) -> None:
    dark = await is_dark()
    choice = {"x": "e2e_latency", "y": "output_tps"}
    titles = {key: axis.title for key, axis in AXES.items()}
    with ui.card().classes("bud-card"):
        heading("Latency, throughput and cost", 2)
        ui.label("Diamonds: no other configuration is better in everything.").classes("bud-muted text-sm")

        async def redraw() -> None:
            plot.options.clear()
            plot.options.update(pareto_options(found, choice["x"], choice["y"], dark=await is_dark()))
            plot.update()

        with ui.row().classes("w-full"):
            for axis, label in (("x", "Horizontal"), ("y", "Vertical")):
                ui.select(titles, label=label, on_change=redraw).bind_value(choice, axis).style(
                    "min-width:210px"
                ).props(f'aria-label="{label} axis"')
        plot = (
            ui.echart(pareto_options(found, choice["x"], choice["y"], dark=dark))
            .classes("w-full")
            .style("height:420px")
            .props('role=img aria-label="Scatter plot of the configurations; the table below has the same figures"')
        )
        ui.on("budsim_theme", redraw)


def _show_table(rest: Rest, workflow_id: str, found: list[dict[str, Any]]) -> None:
    by_id = {item["config_id"]: item for item in found}
    with ui.card().classes("bud-card"):
        heading("Configurations", 2)
        rows = [table_row(item) for item in found]
        table = list_table(
            _COLUMNS, rows, title="device", note=("cluster", "engine", "layout"), page_size=10, selection=True,
            mark="configurations",
        )  # fmt: skip

        def compare() -> None:
            compared.clear()
            chosen = [by_id[row["id"]] for row in table.selected]
            with compared:
                if not chosen:
                    show_empty("Tick two or more configurations to compare them.")
                    return
                _comparison(chosen)

        async def deployment() -> None:
            chosen = [by_id[row["id"]] for row in table.selected]
            if len(chosen) != 1:
                ui.notify("Tick one configuration.", type="warning")
                return
            await show_deployment(rest, workflow_id, chosen[0])

        with ui.row():
            ui.button("Compare", icon="compare_arrows", on_click=compare).props("outline").mark("compare")
            ui.button("Deployment", icon="content_copy", on_click=deployment).props("outline")
        compared = ui.column().classes("w-full")


def _comparison(chosen: list[dict[str, Any]]) -> None:
    columns = [{"name": "figure", "label": "Figure", "field": "figure", "align": "left"}] + [
        {"name": f"c{i}", "label": f"No. {i + 1}", "field": f"c{i}", "align": "left"} for i in range(len(chosen))
    ]
    rows = [{"figure": title, **{f"c{i}": text(item) for i, item in enumerate(chosen)}} for title, text in _COMPARED]
    ui.table(columns=columns, rows=rows, row_key="figure").classes("w-full").props("flat dense wrap-cells").mark(
        "comparison"
    )


def _show_reasons(told: dict[str, Any]) -> None:
    parts = (
        ("What would help", [item["text"] for item in told.get("remedies") or []]),
        ("Why not elsewhere", list(told.get("reasons") or [])),
        (
            "What cannot be deployed",
            [f"{item['device_name']}, {item['engine']}: {item['reason']}" for item in told.get("refusals") or []],
        ),
        ("Taken for granted", [f"{name} = {value}" for name, value in (told.get("assumptions") or {}).items()]),
    )
    for title, texts in parts:
        if texts:
            with ui.expansion(f"{title} ({len(texts)})").classes("w-full bud-card"):
                for text in texts:
                    ui.label(text).classes("text-sm").style("overflow-wrap:anywhere")
