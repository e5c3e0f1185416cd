"""Puts the page into the application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from nicegui import app as page_app
from nicegui import ui

from budsim.dashboard.accuracy_page import accuracy_page
from budsim.dashboard.hardware_page import hardware_page
from budsim.dashboard.history_page import history_page
from budsim.dashboard.models_page import models_page
from budsim.dashboard.optimise_page import optimise_page
from budsim.dashboard.run_page import run_page
from budsim.dashboard.use_cases_page import use_cases_page

PREFIX = "/ui"
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
        for path, draw in _PAGES.items():
            ui.page(path, response_timeout=30.0)(draw)
    page_app.state.budsim = app
    ui.run_with(app, mount_path=PREFIX, title="BudSim", language="en-US", show_welcome_message=False)
