"""Puts the page into the application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from nicegui import Client, ui
from nicegui import app as page_app
from nicegui.page import page
from starlette.exceptions import HTTPException

from budsim.dashboard.accuracy_page import accuracy_page
from budsim.dashboard.frame import heading, page_frame, show_error
from budsim.dashboard.hardware_page import hardware_page
from budsim.dashboard.history_page import history_page
from budsim.dashboard.models_page import models_page
from budsim.dashboard.optimise_page import optimise_page
from budsim.dashboard.run_page import run_page
from budsim.dashboard.use_cases_page import use_cases_page

PREFIX = "/ui"
RECONNECT_SECONDS = 30.0  # a browser that is busy for longer than this loses what its page held
_PAGES: dict[str, Callable[..., Awaitable[Any]]] = {
    "/": optimise_page,
    "/runs": history_page,
    "/runs/{workflow_id}": run_page,
    "/models": models_page,
    "/hardware": hardware_page,
    "/use-cases": use_cases_page,
    "/accuracy": accuracy_page,
}


def mount_dashboard(app: FastAPI) -> None:
    """Serve the pages below ``/ui``. They ask ``app``; a process has one application with pages."""
    if not hasattr(page_app.state, "budsim"):
        _set_look()
        for path, draw in _PAGES.items():
            ui.page(path, response_timeout=30.0)(draw)
        page_app.exception_handler(404)(_not_found)
    page_app.state.budsim = app
    ui.run_with(
        app,
        mount_path=PREFIX,
        title="BudSim",
        language="en-US",
        show_welcome_message=False,
        reconnect_timeout=RECONNECT_SECONDS,
    )


def _set_look() -> None:
    ui.button.default_props("no-caps unelevated")
    ui.toggle.default_props("no-caps unelevated")
    for field in (ui.input, ui.number, ui.select, ui.textarea):
        field.default_props("outlined dense")


async def _not_found(request: Request, error: HTTPException) -> Response:
    """Answer a page that is not there with one that leads on; files are told as the rest of the service does."""
    if "/_nicegui" in request.url.path:
        return await http_exception_handler(request, error)
    with Client(page(""), request=request) as client, page_frame(None, "Not found"):
        heading("There is no such page")
        show_error("Nothing is served at this address. The pages above are all there are.")
    answer: Response = client.build_response(request, 404)
    return answer
