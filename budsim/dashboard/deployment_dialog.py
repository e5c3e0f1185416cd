"""The deployment of one configuration, in every form that launches it, to copy."""

from __future__ import annotations

import json
from typing import Any

from nicegui import ui

from budsim.commons.errors import BudSimError
from budsim.dashboard.charts import configuration_title
from budsim.dashboard.frame import heading, show_error
from budsim.dashboard.rest import AnswerError, Rest
from budsim.simulator.pool_manifests import render_deployment

FORMS = {
    "command": "Command line",
    "kubernetes": "Kubernetes",
    "kserve": "KServe",
    "llm-d": "llm-d",
    "compose": "Compose",
    "json": "JSON",
}


def deployment_text(groups: list[dict[str, Any]], form: str) -> str:
    """Return the node groups of a deployment in one form.

    Raises:
        BudSimError: This form cannot express it.
    """
    if form == "json":
        return json.dumps(groups[0] if len(groups) == 1 else groups, indent=2) + "\n"
    return render_deployment(groups, form)


async def show_deployment(rest: Rest, workflow_id: str, item: dict[str, Any]) -> None:
    """Open the dialog."""
    try:
        answer = await rest.get(f"/simulator/results/{workflow_id}/configurations/{item['config_id']}")
    except AnswerError as error:
        ui.notify(error.message, type="negative")
        return
    groups = answer["node_groups"]
    with (
        ui.dialog().props('aria-label="Deployment"') as dialog,
        ui.card().classes("bud-card").style("width:min(900px,94vw);max-width:none"),
    ):
        heading(configuration_title(item), 2)
        with ui.tabs().props("no-caps inline-label align=left outside-arrows mobile-arrows") as tabs:
            for form, title in FORMS.items():
                ui.tab(form, label=title)
        with ui.tab_panels(tabs, value="command").classes("w-full"):
            for form in FORMS:
                with ui.tab_panel(form):
                    _panel(groups, form)
        with ui.row().classes("w-full justify-end"):
            ui.button("Close", on_click=dialog.close).props("flat")
    dialog.open()


def _panel(groups: list[dict[str, Any]], form: str) -> None:
    try:
        text = deployment_text(groups, form)
    except BudSimError as error:
        show_error(str(error))
        return
    code = (
        ui.element("pre").classes("bud-code").props(f'tabindex=0 aria-label="{FORMS[form]}"').mark(f"deployment-{form}")
    )
    with code:
        ui.label(text).style("white-space:pre-wrap;overflow-wrap:anywhere" if form == "command" else "white-space:pre")

    def copy() -> None:
        ui.clipboard.write(text)
        ui.notify("Copied", type="positive")

    ui.button("Copy", icon="content_copy", on_click=copy).props("unelevated").mark(f"copy-{form}")
