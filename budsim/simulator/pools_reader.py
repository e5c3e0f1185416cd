"""Rows of a table that state two pools → disaggregated points, or why a row has none.

A row is disaggregated where ``prefill_instances`` or ``decode_instances`` is filled. Then ``prefill_tp``,
``prefill_pp`` and ``decode_tp`` say how the instances are laid out (1 where blank), ``prefill_hardware`` on what
prefill runs where that differs, and ``tp``, ``pp`` and ``dp`` stay blank. Every other column is of both pools; ``ep``
above 1 spreads the experts over all devices of an instance. The load is that of the whole deployment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from budsim.commons.errors import BudSimError, InvalidRequestError
from budsim.perf_model.disaggregated import DisaggregatedPoint
from budsim.perf_model.serving_point import ServingPoint
from budsim.simulator.point_columns import INPUT_COLUMNS, POOL_COLUMNS
from budsim.simulator.points_reader import RowRefusal, read_rows, refusal_of
from budsim.simulator.table_cells import count_cell, is_blank

_BOTH_POOLS_NOTE = "both pools run with the engine parameters that the row states"


@dataclass(frozen=True, slots=True)
class ReadPools:
    """What a row asks of two pools, and what had to be decided to ask it."""

    point: DisaggregatedPoint | RowRefusal
    notes: tuple[str, ...] = ()


def is_disaggregated(frame: pd.DataFrame) -> list[bool]:
    """Return for every row whether it states pools."""
    stated = [frame[name].tolist() for name in ("prefill_instances", "decode_instances") if name in frame.columns]
    return [any(not is_blank(cell) for cell in cells) for cells in zip(*stated, strict=True)] or [False] * len(frame)


def read_pools(frame: pd.DataFrame) -> list[ReadPools]:
    """Return what every disaggregated row asks, or why it cannot be asked."""
    columns = [name for name in (*INPUT_COLUMNS, *POOL_COLUMNS) if name in frame.columns]
    rows = [dict(zip(columns, cells, strict=True)) for cells in frame[columns].itertuples(index=False, name=None)]
    sizes = [_sizes(row) for row in rows]
    pools = [
        read_rows(pd.DataFrame([_pool_row(row, size, role) for row, size in zip(rows, sizes, strict=True)]))
        for role in ("prefill", "decode")
    ]
    answers = []
    for row, size, prefill, decode in zip(rows, sizes, *pools, strict=True):
        if isinstance(size, RowRefusal):
            answers.append(ReadPools(size))
        elif isinstance(prefill.point, RowRefusal) or isinstance(decode.point, RowRefusal):
            refused = prefill.point if isinstance(prefill.point, RowRefusal) else decode.point
            answers.append(ReadPools(refused if isinstance(refused, RowRefusal) else RowRefusal("invalid", "")))
        else:
            notes = tuple(dict.fromkeys((*decode.notes, *prefill.notes, _BOTH_POOLS_NOTE)))
            answers.append(_checked(row, disaggregated_point(prefill.point, decode.point, *size[:2]), notes))
    return answers


def disaggregated_point(
    prefill: ServingPoint, decode: ServingPoint, prefill_instances: int, decode_instances: int
) -> DisaggregatedPoint:
    """Return two pools of instances, on one node (or in one NVLink domain) where all of them fit.

    Args:
        prefill: One prefill instance.
        decode: One decode instance.
        prefill_instances: Instances that prefill.
        decode_instances: Instances that decode.
    """
    point = DisaggregatedPoint(prefill, decode, prefill_instances, decode_instances)
    is_alike = prefill.device.name == decode.device.name
    return replace(point, crosses_nodes=not is_alike or point.num_devices > decode.devices_per_node)


# Prefill instances, decode instances, prefill TP, prefill PP, decode TP.
_Sizes = tuple[int, int, int, int, int]


def _sizes(row: dict[str, Any]) -> _Sizes | RowRefusal:
    try:
        for name in ("tp", "pp", "dp"):
            if not is_blank(row.get(name)):
                text = f"{name} is of one replica: with pools give prefill_tp, prefill_pp and decode_tp instead"
                raise InvalidRequestError(text, {"field": name})
        found = [count_cell(row, name) for name in ("prefill_instances", "decode_instances")]
        for name, count in zip(("prefill_instances", "decode_instances"), found, strict=True):
            if count is None:
                raise InvalidRequestError(f"{name} is missing: both pools need instances", {"field": name})
        layout = [count_cell(row, name) or 1 for name in ("prefill_tp", "prefill_pp", "decode_tp")]
    except BudSimError as error:
        return refusal_of(error)
    return found[0] or 1, found[1] or 1, layout[0], layout[1], layout[2]


def _pool_row(row: dict[str, Any], sizes: _Sizes | RowRefusal, role: str) -> dict[str, Any]:
    """Return the row of one instance of a pool, as an aggregated one states it."""
    if isinstance(sizes, RowRefusal):
        return {}
    _, _, prefill_tp, prefill_pp, decode_tp = sizes
    tp, pp = (prefill_tp, prefill_pp) if role == "prefill" else (decode_tp, 1)
    other = row.get("prefill_hardware")
    spreads_experts = not is_blank(row.get("ep")) and str(row["ep"]).strip() not in ("0", "1", "1.0", "0.0")
    return {
        **{name: cell for name, cell in row.items() if name in INPUT_COLUMNS},
        "tp": tp,
        "pp": pp,
        "num_devices": None,
        "dp": None,
        "ep": tp if spreads_experts else None,
        "hardware": row.get("hardware") if role == "decode" or is_blank(other) else other,
    }


def _checked(row: dict[str, Any], point: DisaggregatedPoint, notes: tuple[str, ...]) -> ReadPools:
    try:
        devices = count_cell(row, "num_devices")
    except BudSimError as error:
        return ReadPools(refusal_of(error))
    if devices is not None and devices != point.num_devices:
        text = f"num_devices = {devices}, but the pools use {point.num_devices}"
        return ReadPools(RowRefusal("invalid", text))
    return ReadPools(point, notes)
