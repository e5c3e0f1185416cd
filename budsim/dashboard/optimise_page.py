"""The first page: choose model and cluster, method and targets, and start a run."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from math import isfinite
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from nicegui import ui

from budsim.dashboard.frame import heading, page_frame, rest_of, show_empty, show_error
from budsim.dashboard.rest import AnswerError, Rest
from budsim.dashboard.wording import number

ALL_CLUSTERS = ""
METHODS = {"regressor": "REGRESSOR", "heuristic": "HEURISTIC"}
METHOD_TEXT = {
    "regressor": "Learned predictor with genetic search over all engine parameters: for production deployments.",
    "heuristic": "Memory and roofline arithmetic over every layout: for quick estimates.",
}
OBJECTIVES = {
    "cost": "Lowest cost",
    "throughput": "Most throughput",
    "latency": "Lowest latency",
    "balanced": "Balanced",
}
_MAX_LISTED_MODELS = 2000
_CHOICES: dict[str, Collection[str]] = {
    "method": METHODS, "objective": OBJECTIVES, "hardware_mode": ("dedicated", "shared"),
}  # fmt: skip
_AMOUNTS = ("input_tokens", "output_tokens", "concurrency", "ttft_ms", "throughput_per_user", "e2e_s")


@dataclass
class Question:
    """What the form asks."""

    model: str | None = None
    cluster_id: str = ALL_CLUSTERS
    method: str = "regressor"
    objective: str = "cost"
    input_tokens: float | None = 1024
    output_tokens: float | None = 512
    concurrency: float | None = 10
    ttft_ms: float | None = 1000
    throughput_per_user: float | None = 20
    e2e_s: float | None = 0
    hardware_mode: str = "dedicated"
    allow_disaggregated: bool = False
    errors: dict[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return the body of ``POST /simulator/run``."""
        return {
            "pretrained_model_uri": (self.model or "").strip(),
            "is_proprietary_model": False,
            "input_tokens": _whole(self.input_tokens),
            "output_tokens": _whole(self.output_tokens),
            "concurrency": _whole(self.concurrency),
            "target_ttft": self.ttft_ms or 0,
            "target_throughput_per_user": self.throughput_per_user or 0,
            "target_e2e_latency": self.e2e_s or 0,
            "cluster_id": self.cluster_id or None,
            "simulation_method": self.method,
            "optimization_target": self.objective,
            "hardware_mode": self.hardware_mode,
            "allow_disaggregated": self.allow_disaggregated,
        }

    def query(self) -> str:
        """Return the choices as the query of a link that opens the form with them."""
        chosen = {name: getattr(self, name) for name in (*_CHOICES, *_AMOUNTS, "model", "cluster_id")}
        if self.allow_disaggregated:
            chosen["allow_disaggregated"] = "true"
        return urlencode({name: value for name, value in chosen.items() if value not in (None, "")})

    def read(self, query: Mapping[str, str], clusters: Mapping[str, str]) -> None:
        """Take over what a link says; what cannot be chosen is left as it is."""
        self.model = query.get("model", "")[:1024] or None
        if query.get("cluster_id", "") in clusters:
            self.cluster_id = query["cluster_id"]
        for name, known in _CHOICES.items():
            if query.get(name, "").lower() in known:
                setattr(self, name, query[name].lower())
        self.allow_disaggregated = query.get("allow_disaggregated", "").lower() == "true"
        for name in _AMOUNTS:
            with suppress(KeyError, ValueError):
                value = float(query[name])
                if isfinite(value) and value >= 0:
                    setattr(self, name, _whole(value))


def _whole(value: float | None) -> int | float | None:
    return int(value) if value is not None and value == int(value) else value


async def optimise_page(request: Request) -> None:
    """Draw the form."""
    rest, question = rest_of(request), Question()
    with page_frame("", "Optimise"):
        heading("Find a deployment that meets your targets")
        ui.label(
            "Choose a model and where it may run, say what it has to achieve, and compare what BudSim finds."
        ).classes("bud-muted")
        try:
            models = (await rest.get("/models", limit=_MAX_LISTED_MODELS))["models"]
            clusters = await _clusters(rest)
        except AnswerError as error:
            show_error(error)
            return
        question.read(request.query_params, clusters)
        with ui.row().classes("w-full gap-4 items-stretch"):
            with ui.card().classes("bud-card").style("flex:1 1 340px"):
                _model_part(rest, question, models)
                ui.separator()
                _cluster_part(rest, question, clusters)
            with ui.card().classes("bud-card").style("flex:1 1 340px"):
                _method_part(question)
                ui.separator()
                _target_part(question)
        problem = ui.column().classes("w-full")
        with ui.row().classes("w-full justify-end"):
            button = ui.button("Optimise", icon="rocket_launch").props("size=lg unelevated").mark("optimise")

        async def start() -> None:
            button.props("loading")
            await _start(rest, question, problem)
            button.props(remove="loading")

        button.on_click(start)


async def _clusters(rest: Rest) -> dict[str, str]:
    try:
        known = await rest.get("/clusters")
    except AnswerError as error:
        if error.status != 503:  # none is known yet
            raise
        return {}
    return {str(item["id"]): f"{item.get('name') or item['id']} ({len(item.get('nodes') or [])} nodes)"
            for item in known["clusters"] if isinstance(item, dict) and item.get("id")}  # fmt: skip


def _model_part(rest: Rest, question: Question, models: list[str]) -> None:
    heading("1. Model", 2)
    facts = ui.label("Choose from the list, or type any Hugging Face id.").classes("bud-muted text-sm")

    async def tell() -> None:
        if not question.model:
            return
        try:
            known = await rest.get(f"/models/{question.model}/info")
        except AnswerError as error:
            facts.set_text(error.message)
            return
        facts.set_text(model_facts(known))

    listed = models if question.model in (None, *models) else [question.model, *models]
    ui.select(
        listed, label="Model", with_input=True, new_value_mode="add-unique", clearable=True, on_change=tell
    ).bind_value(question, "model").classes("w-full").props('aria-label="Model" input-debounce=0').mark("model")
    if question.model:
        ui.timer(0.1, tell, once=True)


def model_facts(known: dict[str, Any]) -> str:
    """Return a model's summary in one line."""
    parts = [f"{number(known['parameters'] / 1e9)} B parameters" if known.get("parameters") else ""]
    if known.get("max_context_tokens"):
        parts.append(f"{known['max_context_tokens']:,} tokens of context")
    if known.get("kv_bytes_per_token"):
        parts.append(f"{known['kv_bytes_per_token'] / 1024:.0f} KiB of KV cache per token")
    return ", ".join(part for part in parts if part) or "Known."


def _cluster_part(rest: Rest, question: Question, clusters: dict[str, str]) -> None:
    heading("2. Cluster", 2)
    if not clusters:
        show_empty("No cluster is known yet.", "Paste a cluster document below.")
    select = (
        ui.select({ALL_CLUSTERS: "All clusters", **clusters}, label="Cluster")
        .bind_value(question, "cluster_id")
        .classes("w-full")
        .props('aria-label="Cluster"')
        .mark("cluster")
    )
    with ui.expansion("Replace the clusters").classes("w-full"):
        text = ui.textarea("Cluster document (JSON)").classes("w-full").props('aria-label="Cluster document" outlined')
        answer = ui.column().classes("w-full")

        async def store() -> None:
            answer.clear()
            with answer:
                try:
                    await rest.put("/clusters", json.loads(text.value or ""))
                except ValueError as error:
                    show_error(f"This is not JSON: {error}")
                    return
                except AnswerError as error:
                    show_error(error)
                    return
                found = await _clusters(rest)
                select.set_options({ALL_CLUSTERS: "All clusters", **found}, value=ALL_CLUSTERS)
                ui.label(f"{len(found)} clusters stored.").props("role=status")

        ui.button("Store", on_click=store).props("outline")


def _method_part(question: Question) -> None:
    heading("3. Method", 2)
    with ui.element("div").props('role=group aria-label="Method"'):
        ui.toggle(METHODS).bind_value(question, "method").props("unelevated no-caps").mark("method")
    ui.label().classes("bud-muted text-sm").bind_text_from(question, "method", lambda name: METHOD_TEXT[name])
    ui.select(OBJECTIVES, label="Best answer has the").bind_value(question, "objective").classes("w-full").props(
        'aria-label="Objective"'
    )
    ui.checkbox("Also try separate pools for prefill and decode").bind_value(question, "allow_disaggregated").mark(
        "allow_disaggregated"
    )


def _target_part(question: Question) -> None:
    heading("4. Load and targets", 2)
    with ui.row().classes("w-full gap-2"):
        _amount(question, "input_tokens", "Prompt tokens", least=1)
        _amount(question, "output_tokens", "Answer tokens", least=1)
        _amount(question, "concurrency", "Requests in flight", least=1)
    with ui.row().classes("w-full gap-2"):
        _amount(question, "ttft_ms", "Max. TTFT, ms")
        _amount(question, "throughput_per_user", "Min. tokens/s per user")
        _amount(question, "e2e_s", "Max. E2E, s")
    ui.label("0 or empty: no such target.").classes("bud-muted text-xs")


def _amount(question: Question, name: str, label: str, least: float = 0) -> None:
    ui.number(
        label, min=least, validation={"A number, please": lambda value: value is None or value >= least}
    ).bind_value(question, name).style("flex:1 1 120px").props(f'aria-label="{label}" hide-bottom-space').mark(name)


async def _start(rest: Rest, question: Question, problem: ui.column) -> None:
    problem.clear()
    if not (question.model or "").strip():
        with problem:
            show_error("Choose a model first.")
        return
    try:
        started = await rest.post("/simulator/run", question.body(), Prefer="wait=0")
    except AnswerError as error:
        with problem:
            show_error(error)
        return
    ui.navigate.history.replace(f"?{question.query()}")  # going back finds the form as it was
    ui.navigate.to(f"/runs/{started['workflow_id']}")
