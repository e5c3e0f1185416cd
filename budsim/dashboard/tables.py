"""One table for every list: sorts by figures and not by their texts, and is a list of small cards on a phone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from nicegui import ui

Row = dict[str, Any]
_TONE = "{'bud-good': String(VALUE).startsWith('✓'), 'bud-bad': String(VALUE).startsWith('✗')}"


@dataclass(frozen=True, slots=True)
class Column:
    """One column; ``is_figure``: a row's ``by`` has the number to sort by; ``on_phone``: shown in its card as well."""

    key: str
    title: str
    is_figure: bool = False
    on_phone: bool = True


def quasar_column(column: Column) -> Row:
    """Return a column as Quasar wants it; what is not known sorts behind all that is."""
    known: Row = {
        "name": column.key,
        "label": column.title,
        "field": column.key,
        "sortable": True,
        "align": "right" if column.is_figure else "left",
    }
    if column.is_figure:
        known[":sort"] = (
            f"(a, b, x, y) => {{ const p = x.by.{column.key} ?? Infinity, q = y.by.{column.key} ?? Infinity; "
            "return p === q ? 0 : p < q ? -1 : 1; }"
        )
    return known


def list_table(
    columns: Sequence[Column],
    rows: Iterable[Row],
    *,
    title: str,
    note: Sequence[str] = (),
    page_size: int = 12,
    selection: bool = False,
    mark: str = "",
) -> ui.table:
    """Draw a table.

    Args:
        columns: Its columns.
        rows: Texts by column; ``id`` is unique, ``by`` has the numbers of figures, ``href`` is where the title leads.
        title: Column that heads a card on a phone, and is the link.
        note: Columns in the card's second line; the others that are ``on_phone`` are its figures.
        page_size: Rows of a page.
        selection: Whether rows can be ticked.
        mark: Name for tests.
    """
    table = (
        ui.table(
            columns=[quasar_column(column) for column in columns],
            rows=list(rows),
            row_key="id",
            selection="multiple" if selection else None,
            pagination=page_size,
        )
        .classes("w-full bud-table")
        .props('flat dense :grid="Quasar.Screen.lt.md"')
        .mark(mark)
    )
    table.add_slot("body-cell", _cell(title))
    if selection:
        table.add_slot(
            "header-selection", '<q-checkbox dense v-model="props.selected" aria-label="All of this page" />'
        )
        table.add_slot("body-selection", _tick(title, note))
    figures = [column.key for column in columns if column.on_phone and column.key not in (title, *note)]
    table.add_slot("item", _card(title, note, figures, selection))
    return table


def _cell(title: str) -> str:
    return (
        f'<q-td :props="props" :class="{_TONE.replace("VALUE", "props.value")}">'
        f'<a v-if="props.row.href && props.col.name === \'{title}\'" :href="props.row.href">'
        "{{ props.value }}</a><template v-else>{{ props.value }}</template></q-td>"
    )


def _tick(title: str, note: Sequence[str]) -> str:
    name = " + ', ' + ".join(f"props.row.{key}" for key in (title, *note))
    return f'<q-checkbox dense v-model="props.selected" :aria-label="{name}" />'


def _card(title: str, note: Sequence[str], figures: Sequence[str], selection: bool) -> str:
    tick = _tick(title, note) if selection else ""
    second = " · ".join(f"{{{{ props.row.{key} }}}}" for key in note)
    shown = "[" + ",".join(f"'{key}'" for key in figures) + "].includes(col.name)"
    return (
        f'<div class="bud-item"><div class="bud-item-head">{tick}'
        f'<a v-if="props.row.href" :href="props.row.href">{{{{ props.row.{title} }}}}</a>'
        f"<span v-else>{{{{ props.row.{title} }}}}</span></div>"
        f'<div class="bud-muted text-sm">{second}</div>'
        f'<dl><div v-for="col in props.cols.filter(col => {shown})" :key="col.name"><dt>{{{{ col.label }}}}</dt>'
        f'<dd :class="{_TONE.replace("VALUE", "col.value")}">{{{{ col.value }}}}</dd></div></dl></div>'
    )
