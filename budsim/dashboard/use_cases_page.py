"""Use cases: choose one, and see which models on which hardware keep its bounds, filtered as you look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from fastapi import Request
from nicegui import ui

from budsim.dashboard.frame import figure, heading, page_frame, rest_of, show_empty, show_error
from budsim.dashboard.rest import AnswerError, Rest
from budsim.dashboard.tables import Column, list_table
from budsim.dashboard.wording import NOT_KNOWN, number, percent, seconds, usd

Json = dict[str, Any]
_MOST = 1000
_MOST_OPTIONS = 25
_COLUMNS = (
    Column("slo", "SLO"),
    Column("model", "Model"),
    Column("category", "Size", on_phone=False),
    Column("batch", "Batch", is_figure=True),
    Column("hardware", "Hardware"),
    Column("layout", "Nodes × TP"),
    Column("utilization", "Memory", is_figure=True),
    Column("ttft", "TTFT p50", is_figure=True),
    Column("e2e", "E2E p50", is_figure=True),
    Column("tps", "Tokens/s", is_figure=True),
    Column("price", "USD/h", is_figure=True),
    Column("confidence", "Confidence", is_figure=True),
)
_CARDS_AT_ONCE = 24  # six rows of four
_MARKS = {True: "✓ kept", False: "✗ missed", None: "– no bound"}


@dataclass
class Filters:
    """What the visitor wants to see; an empty choice is all of them."""

    categories: list[str] = field(default_factory=list)
    batch_sizes: list[int] = field(default_factory=list)
    manufacturers: list[str] = field(default_factory=list)
    slo_only: bool = False

    def keep(self, option: Mapping[str, Any]) -> bool:
        """Whether one option passes."""
        return (
            (not self.categories or option["category"] in self.categories)
            and (not self.batch_sizes or option["batch"] in self.batch_sizes)
            and (not self.manufacturers or option["manufacturer"] in self.manufacturers)
            and (not self.slo_only or option["meets_slo"] is True)
        )


def options_of(answer: Mapping[str, Any]) -> Iterator[Json]:
    """Return every hardware option of an answer, flat: its model, category and batch size beside it."""
    for category in answer["recommendations"]:
        for model in category["recommended_models"]:
            for batch in model["batch_configurations"]:
                for option in batch["hardware_options"]:
                    known = {"category": category["model_category"], "model": model["model_id"]}
                    yield {**known, "batch": batch["batch_size"], **option}


def table_rows(options: Iterable[Mapping[str, Any]]) -> list[Json]:
    """Return options as lines of the table."""
    return [_table_row(index, option) for index, option in enumerate(options)]


def _table_row(index: int, option: Mapping[str, Any]) -> Json:
    performance = option["performance"]
    by = {
        "batch": option["batch"], "utilization": option["utilization"], "ttft": option["estimated_ttft"],
        "e2e": option["estimated_e2e"], "tps": performance["output_tps"], "price": option["total_cost_per_hour"],
        "confidence": performance["confidence"],
    }  # fmt: skip
    return {
        "id": index,
        "slo": _MARKS[option["meets_slo"]],
        "model": option["model"],
        "category": option["category"],
        "batch": number(option["batch"]),
        "hardware": option["hardware_name"],
        "href": f"hardware?device={quote(option['hardware_name'], safe='')}",
        "layout": f"{option['nodes_required']} × {option['tensor_parallel']}",
        "utilization": NOT_KNOWN if option["utilization"] is None else percent(option["utilization"] / 100),
        "ttft": seconds(option["estimated_ttft"]),
        "e2e": seconds(option["estimated_e2e"]),
        "tps": number(performance["output_tps"]),
        "price": usd(option["total_cost_per_hour"]),
        "confidence": percent(performance["confidence"]),
        "by": by,
    }


def cheapest_kept(options: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any] | None]:
    """Return for each model size the cheapest deployment that keeps every bound, None where none with a price does."""
    found: dict[str, Mapping[str, Any] | None] = {}
    for option in options:
        best = found.setdefault(option["category"], None)
        price = option["total_cost_per_hour"]
        if option["meets_slo"] and price is not None and (best is None or price < best["total_cost_per_hour"]):
            found[option["category"]] = option
    return found


def left_out(answer: Mapping[str, Any]) -> list[str]:
    """Return why models and batch sizes have nothing to show, one line each."""
    lines: list[str] = []
    for category in answer["recommendations"]:
        lines += [f"{item['model_id']}: {item['reason']}" for item in category["skipped_models"]]
        for model in category["recommended_models"]:
            empty = [batch for batch in model["batch_configurations"] if not batch["hardware_options"]]
            lines += [f"{model['model_id']}, batch size {batch['batch_size']}: {batch['reason']}" for batch in empty]
    return lines


def bound(low: float | None, high: float | None) -> str:
    """Return a bound in words."""
    return f"≤ {seconds(high)}" if high else f"about {seconds(low)}" if low else NOT_KNOWN


async def use_cases_page(request: Request) -> None:
    """Draw the choice, and the recommendations of the chosen use case."""
    rest = rest_of(request)
    chosen = request.query_params.get("id", "")[:255]
    with page_frame("use-cases", "Use cases"):
        heading("From a use case to hardware")
        try:
            known = (await rest.get("/api/usecases", limit=_MOST))["usecases"]
        except AnswerError as error:
            show_error(error)
            return
        if not known:
            show_empty("No use case is stored.", "POST /api/usecases stores one.")
            return
        titles = {item["unique_id"]: f"{item['name']} · {item['industry']}" for item in known}
        if chosen:
            ui.link("All use cases", "/use-cases")
        ui.select(
            titles,
            label="Use case",
            value=chosen if chosen in titles else None,
            with_input=True,
            on_change=lambda event: ui.navigate.to(f"/use-cases?id={quote(event.value, safe='')}"),
        ).classes("w-full").props('aria-label="Use case"').mark("use-case")
        if not chosen:
            _cards(known)
        elif chosen not in titles:
            show_error(f"There is no use case {chosen!r}. Choose one above.")
        else:
            await _recommendations(rest, next(item for item in known if item["unique_id"] == chosen))


def _cards(known: list[Json]) -> None:
    chosen: Json = {"text": "", "industries": [], "all": False}
    with ui.row().classes("w-full items-center gap-3"):
        ui.input("Search", on_change=lambda: redraw()).bind_value(chosen, "text").props(
            'debounce=200 clearable aria-label="Search the use cases"'
        ).style("flex:2 1 240px")
        industries = sorted({item["industry"] for item in known})
        ui.select(industries, label="Industry", multiple=True, value=[], on_change=lambda: redraw()).bind_value(
            chosen, "industries"
        ).style("flex:1 1 200px").props('use-chips aria-label="Industry"')
    count = ui.label().classes("bud-muted text-sm").props("role=status")
    place = ui.element("div").classes("bud-list")
    more = ui.button("Show all", on_click=lambda: redraw(everything=True)).props("outline")

    def redraw(*, everything: bool = False) -> None:
        words = (chosen["text"] or "").lower().split()
        kept = [
            item
            for item in known
            if all(word in _text_of(item) for word in words)
            and (not chosen["industries"] or item["industry"] in chosen["industries"])
        ]
        shown = kept if everything else kept[:_CARDS_AT_ONCE]
        count.set_text(f"{number(len(shown))} of {number(len(known))} use cases")
        more.set_visibility(len(shown) < len(kept))
        place.clear()
        with place:
            for item in shown:
                _card(item)
            if not kept:
                show_empty("No use case is like that.", "Take a word or an industry away.")

    redraw()


def _text_of(item: Json) -> str:
    return " ".join((item["name"], item["industry"], item["description"] or "", *(item["tags"] or ()))).lower()


def _card(item: Json) -> None:
    with ui.card().classes("bud-card"):
        ui.link(item["name"], f"/use-cases?id={quote(item['unique_id'], safe='')}").classes("font-bold bud-wrap")
        ui.label(item["description"] or "").classes("text-sm bud-wrap")
        ui.label(item["industry"]).classes("bud-muted text-xs")


async def _recommendations(rest: Rest, use_case: Json) -> None:
    with ui.card().classes("bud-card"):
        ui.label(use_case["description"] or "")
        with ui.row().classes("w-full gap-3 items-stretch"):
            figure("Prompt", f"{use_case['input_tokens_min']:,} – {use_case['input_tokens_max']:,}", "tokens")
            figure("Answer", f"{use_case['output_tokens_min']:,} – {use_case['output_tokens_max']:,}", "tokens")
            figure("TTFT", bound(use_case["ttft_min"], use_case["ttft_max"]))
            figure("End to end", bound(use_case["e2e_min"], use_case["e2e_max"]))
            figure("Between tokens", bound(use_case["inter_token_min"], use_case["inter_token_max"]))
        if use_case["assumptions"]:
            ui.label(use_case["assumptions"]).classes("bud-muted text-xs")
    waiting = ui.row().classes("items-center").props("role=status")
    with waiting:
        ui.spinner(size="lg")
        ui.label("Predicting every model on every device …")
    place = ui.column().classes("w-full gap-4")

    async def load() -> None:
        try:
            path = f"/api/usecases/{quote(use_case['unique_id'], safe='')}/recommendations"
            answer = await rest.post(path, {"max_hardware_options": _MOST_OPTIONS})
        except AnswerError as error:
            waiting.delete()
            with place:
                show_error(error)
            return
        waiting.delete()
        with place:
            _filtered(list(options_of(answer)), answer)

    ui.timer(0.05, load, once=True)


def _show_cheapest(options: list[Json]) -> None:
    with ui.card().classes("bud-card"):
        heading("Cheapest that keeps the SLO, by model size", 2)
        with ui.row().classes("w-full gap-3 items-stretch"):
            for category, option in cheapest_kept(options).items():
                if option is None:
                    figure(category, NOT_KNOWN, "none with a known price keeps it")
                    continue
                where = f"{option['nodes_required']} × {option['hardware_name']}, batch {option['batch']}"
                figure(category, f"{usd(option['total_cost_per_hour'])}/h", f"{option['model']} on {where}")


def _filtered(options: list[Json], answer: Json) -> None:
    filters = Filters()
    _show_cheapest(options)
    choices = {
        "categories": ("Model size", list(dict.fromkeys(option["category"] for option in options))),
        "batch_sizes": ("Batch size", sorted({option["batch"] for option in options})),
        "manufacturers": ("Manufacturer", sorted({option["manufacturer"] for option in options})),
    }
    with ui.card().classes("bud-card"):
        heading("Models and hardware", 2)
        with ui.row().classes("w-full items-center gap-3"):
            for name, (title, values) in choices.items():
                ui.select(values, label=title, multiple=True, value=[], on_change=lambda: redraw()).bind_value(
                    filters, name
                ).style("flex:1 1 180px").props(f'use-chips aria-label="{title}"').mark(name)
            ui.switch("Keeps the SLO", on_change=lambda: redraw()).bind_value(filters, "slo_only").mark("slo_only")
        count = ui.label().classes("bud-muted text-sm").props("role=status")
        empty = ui.column().classes("w-full")
        table = list_table(_COLUMNS, [], title="hardware", note=("model", "layout"), mark="options")
        for text in answer.get("assumptions") or []:
            ui.label(text[:1].upper() + text[1:]).classes("bud-muted text-xs")
    reasons = left_out(answer)
    if reasons:
        with ui.expansion(f"Left out ({len(reasons)})").classes("w-full bud-card"):
            for text in reasons:
                ui.label(text).classes("text-sm bud-wrap")

    def redraw() -> None:
        kept = [option for option in options if filters.keep(option)]
        table.rows = table_rows(kept)
        table.set_visibility(bool(kept))
        count.set_text(f"{len(kept):,} of {len(options):,} deployments")
        empty.clear()
        if not kept:
            with empty:
                show_empty("No deployment passes these filters.", "Take one of them away.")

    redraw()
