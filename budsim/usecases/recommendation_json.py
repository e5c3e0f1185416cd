"""Recommendations as JSON: an option's figures are encoded once, every answer is put together anew."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from pydantic_core import to_json

from budsim.commons.errors import BudSimError
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.simulator.hardware import PriceBasis
from budsim.usecases.recommendations import BatchAnswer, ModelAnswer
from budsim.usecases.use_case import SloCheck

_STATES = (True, False, None)
# The end of an option by which bounds hold: all 27 cases.
_SLO_ENDS = {
    slo: b',"meets_slo":' + to_json(slo.meets_slo) + b',"slo":' + to_json(slo._asdict()) + b"},"
    for slo in (SloCheck(*states) for states in product(_STATES, repeat=3))
}


def encoded_answer(head: dict[str, Any], models: Sequence[ModelAnswer], basis: PriceBasis | None) -> bytes:
    """Return the whole answer: some 600 pieces, joined once.

    Args:
        head: Everything beside ``recommendations``.
        models: Answers in the order of their categories.
        basis: Prices to show; None = none.
    """
    categories: dict[str, list[ModelAnswer]] = {}
    for answer in models:
        categories.setdefault(answer.model.category, []).append(answer)
    pieces = [to_json(head)[:-1], b',"recommendations":[']
    for name, answers in categories.items():
        _add_category(pieces, name, answers, basis)
    _close_list(pieces)
    pieces.append(b"}")
    return b"".join(pieces)


def _close_list(pieces: list[bytes]) -> None:
    """Put a list's end in the place of the comma after its last entry."""
    pieces[-1] = pieces[-1].removesuffix(b",") + b"]"


def _add_category(pieces: list[bytes], name: str, answers: Sequence[ModelAnswer], basis: PriceBasis | None) -> None:
    pieces += (b'{"model_category":', to_json(name), b',"recommended_models":[')
    skipped = []
    for answer in answers:
        if isinstance(answer.model.arch, BudSimError):
            skipped.append({"model_id": answer.model.model_id, "reason": answer.model.arch.message})
        else:
            _add_model(pieces, answer, answer.model.arch, basis)
    _close_list(pieces)
    pieces += (b',"skipped_models":', to_json(skipped), b"},")


def _add_model(pieces: list[bytes], answer: ModelAnswer, arch: ModelArchitecture, basis: PriceBasis | None) -> None:
    model, advice = answer.model, answer.advice
    fields = {
        "model_id": model.model_id,
        "checkpoint": model.checkpoint,
        "parameter_count": arch.params_total,
        "model_type": arch.model_type,
        "attention_type": arch.attention_type,
        "batch_size_advice": advice
        and {
            "batch_size": advice.batch_size,
            "hardware_name": advice.option.device.name,
            "nodes_required": advice.option.num_devices,
            "cost_per_million_tokens_usd": advice.option.usd_per_million_tokens(basis),
            "reason": advice.reason,
        },
    }
    pieces += (to_json(fields)[:-1], b',"batch_configurations":[')
    for batch in answer.batches:
        _add_batch(pieces, batch, basis)
    _close_list(pieces)
    pieces.append(b"},")


def _add_batch(pieces: list[bytes], batch: BatchAnswer, basis: PriceBasis | None) -> None:
    best = None if batch.best is None else batch.options[batch.best]
    fields = {
        "batch_size": batch.size,
        "memory_required_gb": batch.memory_required_gb,
        "meets_slo": best is not None and best[1].meets_slo,
        "estimated_ttft": None if best is None else best[0].ttft_s,
        "estimated_e2e": None if best is None else best[0].e2e_s,
        "estimated_on": None if best is None else best[0].device.name,
        "reason": batch.reason,
    }
    pieces += (to_json(fields)[:-1], b',"hardware_options":[')
    for option, slo in batch.options:
        pieces += (option.encoded(basis), _SLO_ENDS[slo])
    _close_list(pieces)
    pieces.append(b"},")
