"""One way to serve a load on one device type, with every figure of it. Pure.

Figures are the predictor's and the memory engine's for exactly the ``point`` that is shown beside them: ``budsim
predict`` and ``budsim memory`` give the same for that row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.serving_point import Prediction
from budsim.recommender.device_figures import memory_gb, price_index
from budsim.recommender.sizing import ReplicaSize, point_row
from budsim.simulator.hardware import PriceBasis, cost_per_million_tokens_usd, device_usd_per_hour
from budsim.usecases.use_case import SloCheck, UseCase, check_slo

GIB = float(2**30)
# Percent of the devices' memory from which the document calls an option optimal or good.
_OPTIMALITY = ((80.0, "optimal"), (60.0, "good"))


@dataclass(frozen=True, slots=True)
class HardwareOption:
    """A replica, its load and what is predicted of it.

    Attributes:
        figures: Everything that does not depend on who asks, as the API shows it.
    """

    device: DeviceSpec
    num_devices: int
    utilization: float | None
    ttft_s: float
    e2e_s: float
    inter_token_s: float
    output_tps: float
    request_throughput: float
    figures: Mapping[str, Any]
    _priced: dict[str | None, Mapping[str, Any]] = field(default_factory=dict, compare=False, repr=False)
    _encoded: dict[str | None, bytes] = field(default_factory=dict, compare=False, repr=False)

    def priced(self, basis: PriceBasis | None) -> Mapping[str, Any]:
        """Return the prices on one basis as the API shows them; None = not asked for."""
        if basis not in self._priced:
            self._priced[basis] = _prices(self, basis)
        return self._priced[basis]

    def encoded(self, basis: PriceBasis | None) -> bytes:
        """Return figures and prices as an open JSON object: what depends on the use case is for the caller to add."""
        if basis not in self._encoded:
            self._encoded[basis] = to_json({**self.figures, **self.priced(basis)})[:-1]
        return self._encoded[basis]

    def slo(self, use_case: UseCase) -> SloCheck:
        """Return which bounds of a use case hold."""
        return check_slo(use_case, self.ttft_s, self.e2e_s, self.inter_token_s)

    def usd_per_hour(self, basis: PriceBasis | None) -> float | None:
        """Return the price of all devices; None when it is not known."""
        usd: float | None = self.priced(basis)["total_cost_per_hour"]
        return usd

    def usd_per_million_tokens(self, basis: PriceBasis | None) -> float | None:
        """Return USD per million output tokens; None when the price is not known."""
        usd: float | None = self.priced(basis)["cost_per_million_tokens_usd"]
        return usd


def optimality(utilization_percent: float | None) -> str:
    """Return optimal (>= 80 % of memory used), good (>= 60 %) or ok, the document's words."""
    if utilization_percent is None:
        return "ok"
    return next((name for bound, name in _OPTIMALITY if utilization_percent >= bound), "ok")


def hardware_option(size: ReplicaSize, prediction: Prediction) -> HardwareOption:
    """Return the option of a sized replica and its prediction."""
    device = size.point.device
    utilization = size.utilization
    return HardwareOption(
        device=device,
        num_devices=size.num_devices,
        utilization=utilization,
        ttft_s=prediction.ttft_ms_p50 / 1e3,
        e2e_s=prediction.e2e_s_p50,
        inter_token_s=prediction.tpot_ms_mean / 1e3,
        output_tps=prediction.output_tps,
        request_throughput=prediction.request_throughput,
        figures={
            "hardware_name": device.name,
            "manufacturer": device.vendor,
            "device_type": device.device_type,
            "is_custom": device.is_custom,
            "nodes_required": size.num_devices,
            "servers_required": size.num_nodes,
            "tensor_parallel": size.point.plan.tp_size,
            "pipeline_parallel": size.point.plan.pp_size,
            "memory_per_chip": memory_gb(device),
            "memory_required_gb_per_chip": size.required_bytes_per_device / 1e9,
            "utilization": None if utilization is None else 100.0 * utilization,
            "optimality": optimality(None if utilization is None else 100.0 * utilization),
            "power_watts": None if device.tdp_watts is None else device.tdp_watts * size.num_devices,
            "estimated_ttft": prediction.ttft_ms_p50 / 1e3,
            "estimated_e2e": prediction.e2e_s_p50,
            "performance": _performance(prediction),
            "memory": _memory(size),
            "point": point_row(size),
        },
    )


def _performance(prediction: Prediction) -> dict[str, Any]:
    return {
        "ttft_ms_p50": prediction.ttft_ms_p50,
        "ttft_ms_p95": prediction.ttft_ms_p95,
        "ttft_ms_p99": prediction.ttft_ms_p99,
        "tpot_ms_mean": prediction.tpot_ms_mean,
        "itl_ms_p99": prediction.itl_ms_p99,
        "e2e_s_p50": prediction.e2e_s_p50,
        "e2e_s_p99": prediction.e2e_s_p99,
        "output_tps": prediction.output_tps,
        "tps_per_user": prediction.tps_per_user,
        "request_throughput": prediction.request_throughput,
        "confidence": prediction.confidence,
        "basis": prediction.basis,
        "intervals": {name: list(bounds) for name, bounds in prediction.intervals.items()},
    }


def _memory(size: ReplicaSize) -> dict[str, Any]:
    memory = size.memory
    return {
        "model_loading_gib": memory.model_loading_bytes / GIB,
        "activation_gib": memory.activation_bytes / GIB,
        "non_torch_gib": memory.non_torch_bytes / GIB,
        "available_kv_gib": memory.available_kv_bytes / GIB,
        "kv_cache_tokens": memory.kv_cache_tokens,
        "max_concurrency": memory.max_concurrency,
    }


def shown(option: HardwareOption, use_case: UseCase, basis: PriceBasis | None) -> dict[str, Any]:
    """Return an option as the API answers it.

    Args:
        option: The option.
        use_case: Whose bounds are checked.
        basis: Prices to show; None = none.
    """
    slo = option.slo(use_case)
    return {
        **option.figures,
        **option.priced(basis),
        "meets_slo": slo.meets_slo,
        "slo": {"ttft": slo.ttft, "e2e": slo.e2e, "inter_token": slo.inter_token},
    }


def _prices(option: HardwareOption, basis: PriceBasis | None) -> dict[str, Any]:
    price = None if basis is None else device_usd_per_hour(option.device, basis=basis)
    hourly = None if price is None else price.usd_per_hour * option.num_devices
    per_request = None
    if hourly is not None and option.request_throughput > 0:
        per_request = hourly / 3600.0 / option.request_throughput
    return {
        "price_per_hour": None if price is None else price.usd_per_hour,
        "total_cost_per_hour": hourly,
        "price_index": None if basis is None else price_index(option.device),
        "price_basis": None if price is None else price.basis,
        "price_is_estimate": None if price is None else price.is_estimate,
        "cost_per_million_tokens_usd": cost_per_million_tokens_usd(hourly, option.output_tps),
        "cost_per_request_usd": per_request,
    }
