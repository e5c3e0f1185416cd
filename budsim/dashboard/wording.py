"""How figures read on the page. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

NOT_KNOWN = "–"
_ENGINES = {
    "vllm": "vLLM", "sglang": "SGLang", "trtllm": "TensorRT-LLM", "litellm": "LiteLLM", "tgi": "TGI",
    "deepspeed": "DeepSpeed", "deepspeed-mii": "DeepSpeed-MII", "unstated": "Unstated engine",
}  # fmt: skip
_DEVICE_TYPES = {
    "cuda": "NVIDIA GPUs", "rocm": "AMD GPUs", "hpu": "Gaudi", "cpu": "CPUs", "cpu_high": "CPUs with AMX",
}  # fmt: skip
_BASES = {
    "on_demand": "on demand", "reserved_1y": "reserved for a year", "reserved_3y": "reserved for three years",
    "spot": "spot", "on_prem": "bought",
}  # fmt: skip


def number(value: float | None, digits: int = 3) -> str:
    """Return a figure with a few significant digits and thousands apart."""
    if value is None:
        return NOT_KNOWN
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def milliseconds(value: float | None) -> str:
    """Return a time that is given in ms: in ms below ten seconds, in s from there."""
    if value is None:
        return NOT_KNOWN
    return f"{number(value / 1000.0)} s" if value >= 10_000 else f"{number(value)} ms"


def seconds(value: float | None) -> str:
    """Return a time that is given in s: in ms below a second."""
    if value is None:
        return NOT_KNOWN
    return f"{number(value * 1000.0)} ms" if value < 1 else f"{number(value)} s"


def usd(value: float | None) -> str:
    """Return an amount of money."""
    if value is None:
        return NOT_KNOWN
    if value >= 1000:
        return f"${value:,.0f}"
    return f"${value:,.2f}" if value >= 0.1 or value == 0 else f"${value:.3g}"


def percent(value: float | None) -> str:
    """Return a share as a percentage."""
    return NOT_KNOWN if value is None else f"{value:.0%}"


def confidence_word(value: float | None) -> str:
    """Return what a confidence means, as the user guide has it."""
    if value is None:
        return "not calibrated"
    if value > 0.9:
        return "high: production ready"
    return "moderate: validate in staging" if value >= 0.7 else "low: measure first"


def engine_name(key: str) -> str:
    """Return an engine as its makers write it."""
    return _ENGINES.get(key, key)


def device_type_name(key: str) -> str:
    """Return a kind of device in words."""
    return _DEVICE_TYPES.get(key, key)


def price_basis(key: str | None) -> str:
    """Return how devices are paid for; nothing where that is not known."""
    return _BASES.get(key or "", "")


def when(epoch_s: float) -> str:
    """Return a moment in UTC."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%d %H:%M UTC")


def layout(metrics: dict[str, Any]) -> str:
    """Return the layout of a deployment: replicas, TP and PP, and the pool that prefills where there is one."""
    pp = metrics.get("pp_size") or 1
    stages = f" × PP {pp}" if pp > 1 else ""
    pool = metrics.get("prefill")
    prefill = f" + {pool['instances']} × TP {pool['tp_size']} prefill" if pool else ""
    return f"{metrics['replica']} × TP {metrics.get('tp_size') or 1}{stages}{prefill}"
