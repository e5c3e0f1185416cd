"""Recommendations as JSON: an option's figures are encoded once, every answer is put together anew."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from pydantic_core import to_json

from budsim.commons.errors import BudSimError
from budsim.simulator.hardware import PriceBasis
from budsim.usecases.recommendations import BatchAnswer, ModelAnswer
from budsim.usecases.use_case import SloCheck

_STATES = (True, False, None)
# The end of an option by which bounds hold: all 27 cases.
_SLO_ENDS = {
    slo: b',"meets_slo":' + to_json(slo.meets_slo) + b',"slo":' + to_json(slo._asdict()) + b"}"
    for slo in (SloCheck(*states) for states in product(_STATES, repeat=3))
}


def encoded_answer(head: dict[str, Any], models: Sequence[ModelAnswer], basis: PriceBasis | None) -> bytes:
    """Return the whole answer.

    Args:
        head: Everything beside ``recommendations``.
        models: Answers in the order of their categories.
        basis: Prices to show; None = none.
    """
    categories: dict[str, tuple[list[bytes], list[dict[str, str]]]] = {}
    for answer in models:
        found, skipped = categories.setdefault(answer.model.category, ([], []))
        if isinstance(answer.model.arch, BudSimError):
            skipped.append({"model_id": answer.model.model_id, "reason": answer.model.arch.message})
        else:
            found.append(_model(answer, basis))
    listed = b",".join(
        b'{"model_category":%b,"recommended_models":[%b],"skipped_models":%b}'
        % (to_json(name), b",".join(found), to_json(skipped))
        for name, (found, skipped) in categories.items()
    )
    return to_json(head)[:-1] + b',"recommendations":[' + listed + b"]}"


def _model(answer: ModelAnswer, basis: PriceBasis | None) -> bytes:
    model, advice = answer.model, answer.advice
    if isinstance(model.arch, BudSimError):
        raise model.arch
    fields = {
        "model_id": model.model_id,
        "checkpoint": model.checkpoint,
        "parameter_count": model.arch.params_total,
        "model_type": model.arch.model_type,
        "attention_type": model.arch.attention_type,
        "batch_size_advice": advice
        and {
            "batch_size": advice.batch_size,
            "hardware_name": advice.option.device.name,
            "nodes_required": advice.option.num_devices,
            "cost_per_million_tokens_usd": advice.option.usd_per_million_tokens(basis),
            "reason": advice.reason,
        },
    }
    batches = b",".join(_batch(batch, basis) for batch in answer.batches)
    return to_json(fields)[:-1] + b',"batch_configurations":[' + batches + b"]}"


def _batch(batch: BatchAnswer, basis: PriceBasis | None) -> bytes:
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
    options = b",".join(option.encoded(basis) + _SLO_ENDS[slo] for option, slo in batch.options)
    return to_json(fields)[:-1] + b',"hardware_options":[' + options + b"]}"
