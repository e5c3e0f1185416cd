"""What every page shares: header, navigation, colours, and how errors and empty places look."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import Request
from nicegui import app, ui

from budsim.dashboard.rest import AnswerError, Rest

PAGES = (
    ("", "Optimise", "tune"),
    ("runs", "Runs", "history"),
    ("use-cases", "Use cases", "category"),
    ("models", "Models", "hub"),
    ("hardware", "Hardware", "memory"),
    ("accuracy", "Accuracy", "insights"),
)
_STYLE = Path(__file__).with_name("style.css").read_text()
_THEME = """
(() => { const stored = localStorage.getItem('budsim-theme');
  if (stored !== null) window.addEventListener('load', () => setTimeout(
    () => Quasar.Dark.set(stored === 'dark'), 0)); })();
"""


def rest_of(request: Request) -> Rest:
    """Return the REST interface with the visitor's rights."""
    return Rest(app.state.budsim, request.headers.get("authorization"))


@contextmanager
def page_frame(current: str | None, title: str) -> Iterator[ui.dark_mode]:
    """Draw header and navigation; what is drawn inside is the page's main part.

    Args:
        current: Path of the page that is marked in the navigation; None = of none.
        title: Title of the browser's tab.
    """
    ui.page_title(f"{title} · BudSim")
    ui.add_css(_STYLE)
    ui.add_head_html(f"<script>{_THEME}</script>")
    dark = ui.dark_mode(value=None)
    ui.colors(primary="#1d4ed8", positive="#047857", negative="#b91c1c")
    with ui.header(elevated=False).classes("bud-header items-center").style("background:#1e3a8a;color:#fff"):
        ui.html('<a class="bud-skip" href="#main">Skip to content</a>', sanitize=False)
        ui.link("BudSim", "/").classes("bud-brand text-h6 text-white no-underline").props(
            'aria-label="BudSim, start page"'
        )
        with ui.element("nav").classes("bud-nav").props('aria-label="Pages"'):
            for path, name, _icon in PAGES:
                here = ' aria-current="page"' if path == current else ""
                ui.link(name, f"/{path}").props(here)
        ui.button(icon="contrast", on_click=lambda: _toggle(dark)).props(
            'flat round color=white aria-label="Switch between light and dark"'
        )
    with (
        ui.element("div")
        .props('id=main tabindex="-1"')
        .classes("w-full q-mx-auto q-pa-md column gap-4")
        .style("max-width:1280px")
    ):
        yield dark


def _toggle(dark: ui.dark_mode) -> None:
    ui.run_javascript(
        "Quasar.Dark.toggle(); localStorage.setItem('budsim-theme', Quasar.Dark.isActive ? 'dark' : 'light');"
        "window.dispatchEvent(new Event('budsim-theme'));"
    )


async def is_dark() -> bool:
    """Return whether the visitor's page is dark now."""
    return bool(await ui.run_javascript("Quasar.Dark.isActive", timeout=5.0))


def heading(text: str, level: int = 1) -> ui.element:
    """Draw a heading that screen readers find."""
    element = ui.element(f"h{level}")
    with element:
        ui.label(text)
    return element


def figure(title: str, value: str, note: str = "", *, good: bool | None = None) -> None:
    """Draw one figure with its title."""
    with ui.card().classes("bud-card").style("min-width:130px;flex:1 1 0;width:auto;padding:12px"):
        ui.label(title).classes("bud-muted text-sm")
        tone = "" if good is None else " bud-good" if good else " bud-bad"
        ui.label(value).classes(f"bud-figure{tone}")
        if note:
            ui.label(note).classes("bud-muted text-xs")


def show_error(error: AnswerError | str) -> None:
    """Draw an error where its answer would have been."""
    text = error if isinstance(error, str) else error.message
    field = None if isinstance(error, str) else error.field
    with ui.card().classes("bud-card").props("role=alert").style("border-color:#dc2626"):
        with ui.row().classes("items-center no-wrap"):
            ui.icon("error", color="negative", size="md").props("aria-hidden=true")
            ui.label(text).classes("text-base").style("overflow-wrap:anywhere")
        if field:
            ui.label(f"Field: {field}").classes("bud-muted text-sm")


def show_empty(text: str, hint: str = "") -> None:
    """Draw what stands where there is nothing to show."""
    with ui.card().classes("bud-card items-center q-pa-lg"):
        ui.icon("inbox", size="xl").classes("bud-muted").props("aria-hidden=true")
        ui.label(text).classes("text-base")
        if hint:
            ui.label(hint).classes("bud-muted text-sm text-center")
