"""The runs so far."""

from __future__ import annotations

from fastapi import Request
from nicegui import ui

from budsim.dashboard.frame import heading, page_frame, rest_of, show_empty, show_error
from budsim.dashboard.rest import AnswerError
from budsim.dashboard.wording import number, seconds, when

_PAGE_SIZE = 50


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
            return
        columns = [
            {"name": name, "label": label, "field": name, "align": "left", "sortable": True}
            for name, label in (
                ("model", "Model"), ("status", "Status"), ("method", "Method"), ("load", "Load"), ("asked", "Asked"),
                ("took", "Took"),
            )
        ]  # fmt: skip
        rows = [
            {
                "id": item["workflow_id"],
                "model": item["model"],
                "status": item["status"].capitalize().replace("_", " "),
                "method": item["method"].upper(),
                "load": f"{number(item['input_tokens'], 4)} in, {number(item['output_tokens'], 4)} out, "
                f"{number(item['concurrency'], 4)} at once",
                "asked": when(item["created"]),
                "took": seconds(item["duration_seconds"]),
            }
            for item in found["items"]
        ]
        table = (
            ui.table(columns=columns, rows=rows, row_key="id")
            .classes("w-full")
            .props('flat :grid="Quasar.Screen.lt.md"')
            .mark("history")
        )
        table.add_slot(
            "body-cell-model",
            '<q-td :props="props"><a :href="\'/ui/runs/\' + props.row.id">{{ props.row.model }}</a></q-td>',
        )
        table.add_slot(
            "item",
            '<div class="q-pa-xs col-12"><q-card flat bordered class="q-pa-md">'
            "<a :href=\"'/ui/runs/' + props.row.id\">{{ props.row.model }}</a>"
            "<div>{{ props.row.status }}, {{ props.row.method }}</div><div>{{ props.row.load }}</div>"
            "<div>{{ props.row.asked }}, {{ props.row.took }}</div></q-card></div>",
        )
        with ui.row():
            if page > 1:
                ui.link("Newer", f"/runs?page={page - 1}")
            if page < found["total_pages"]:
                ui.link("Older", f"/runs?page={page + 1}")
