"""The runs so far."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from nicegui import ui

from budsim.dashboard.frame import heading, page_frame, rest_of, show_empty, show_error
from budsim.dashboard.rest import AnswerError
from budsim.dashboard.tables import Column, list_table
from budsim.dashboard.wording import number, seconds, when

_PAGE_SIZE = 50
_COLUMNS = (
    Column("model", "Model"),
    Column("status", "Status"),
    Column("method", "Method"),
    Column("load", "Load"),
    Column("asked", "Asked", is_figure=True),
    Column("took", "Took", is_figure=True),
)


def table_row(item: dict[str, Any]) -> dict[str, Any]:
    """Return one run as a line of the table."""
    return {
        "id": item["workflow_id"],
        "href": f"runs/{item['workflow_id']}",
        "model": item["model"],
        "status": item["status"].capitalize().replace("_", " "),
        "method": item["method"].upper(),
        "load": f"{number(item['input_tokens'], 4)} in, {number(item['output_tokens'], 4)} out, "
        f"{number(item['concurrency'], 4)} at once",
        "asked": when(item["created"]),
        "took": seconds(item["duration_seconds"]),
        "by": {"asked": item["created"], "took": item["duration_seconds"]},
    }


async def history_page(request: Request) -> None:
    """Draw the newest runs, each a link to its result."""
    rest = rest_of(request)
    page = max(1, int(text)) if (text := request.query_params.get("page", "1")).isdecimal() and len(text) < 6 else 1
    with page_frame("runs", "Runs"):
        heading("Runs")
        try:
            found = await rest.get("/simulator/runs", page=page, limit=_PAGE_SIZE)
        except AnswerError as error:
            show_error(error)
            return
        if not found["items"]:
            show_empty("No run yet." if page == 1 else "No more runs.", "Start one on the first page.")
            ui.link("Find a deployment", "/")
            return
        list_table(
            _COLUMNS,
            map(table_row, found["items"]),
            title="model",
            note=("load",),
            page_size=_PAGE_SIZE,
            mark="history",
        )
        with ui.row():
            if page > 1:
                ui.link("Newer", f"/runs?page={page - 1}")
            if page < found["total_pages"]:
                ui.link("Older", f"/runs?page={page + 1}")
