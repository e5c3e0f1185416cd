"""Disaggregated points from physics: layouts, memory of either pool, then both pools under the load. Pure.

Nothing is learned for them: both methods answer with the same figures. What the intervals rest on:
``docs/accuracy.md``, "Disaggregated serving".
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

from budsim.commons.errors import UnsupportedError
from budsim.engine_ops.disaggregation import disaggregation_problem
from budsim.perf_model.corrections import HalfWidths, with_intervals
from budsim.perf_model.disaggregated import (
    DisaggregatedPoint,
    PoolCosts,
    capacity_of_pools,
    serve_disaggregated,
)
from budsim.perf_model.engine_constants import FittedConstants, device_family, step_constants
from budsim.perf_model.fitted_constants import FITTED
from budsim.perf_model.memory import CorrectionOf, MemoryEstimate, estimate_memory
from budsim.perf_model.serving_point import Infeasible, Prediction, ReplicaKeys, ServingPoint
from budsim.perf_model.step_time import step_coefficients
from budsim.simulator.heuristic import refusal

_MEMO_LIMIT = 20_000
_Pool = tuple[PoolCosts, MemoryEstimate]
# Half widths of the 80 % intervals, natural-log units: within them lie 90 % of the 195 measured rows that are answered
# (scripts/compare_disaggregated.py), because those rows are of three models and vary less than what may be asked. With
# an engine x device left out, the others' widths cover 62 to 100 % of its rows, but 17 % of TPOT with Ray Serve. Device
# families without a measured row get half as much again.
WIDTHS = HalfWidths(ttft=1.61, tpot=0.32, e2e=0.37)
WIDER = HalfWidths(ttft=2.42, tpot=0.48, e2e=0.56)
MEASURED_FAMILIES = frozenset({"hopper", "blackwell"})


class DisaggregatedPredictor:
    """Predicts disaggregated points; remembers what it has worked out of pools and of points.

    Args:
        fitted: Constants by (engine, device family, load); None = the package's.
        correction_of: What start-up logs measured of an instance's memory; None = computed figures alone.
    """

    def __init__(self, fitted: FittedConstants | None = None, correction_of: CorrectionOf | None = None) -> None:
        self._fitted = FITTED if fitted is None else fitted
        self._correction_of = correction_of
        self._pools: dict[Hashable, _Pool | Infeasible] = {}
        self._answers: dict[Hashable, Prediction | Infeasible] = {}
        self._keys = ReplicaKeys()

    def predict(self, points: Sequence[DisaggregatedPoint]) -> list[Prediction | Infeasible]:
        """Return one prediction of the whole deployment, or the reason there is none, per point, in order."""
        return [self._predict_one(point) for point in points]

    def capacity(self, point: DisaggregatedPoint) -> dict[str, float] | Infeasible:
        """Return the requests per second that each part takes (``capacity_of_pools``), or why there is no answer."""
        pools = self._both_pools(point)
        return pools if isinstance(pools, Infeasible) else capacity_of_pools(point, pools[0][0], pools[1][0])

    def _predict_one(self, point: DisaggregatedPoint) -> Prediction | Infeasible:
        pools = (point.prefill_instances, point.decode_instances, point.crosses_nodes)
        key = (self._key(point.prefill), self._key(point.decode), *pools)
        if key not in self._answers:
            if len(self._answers) >= _MEMO_LIMIT:
                self._answers.clear()
                self._pools.clear()
            self._answers[key] = self._evaluate(point)
        return self._answers[key]

    def _key(self, point: ServingPoint) -> tuple[Hashable, ...]:
        """Return what identifies an instance and its load."""
        return self._keys.of(point), point.settings, point.workload

    def _evaluate(self, point: DisaggregatedPoint) -> Prediction | Infeasible:
        pools = self._both_pools(point)
        if isinstance(pools, Infeasible):
            return pools
        (prefill, _), (decode, memory) = pools
        answer = serve_disaggregated(point, prefill, decode)
        if isinstance(answer, Infeasible):
            return answer
        count = point.decode_instances
        held = replace(
            answer,
            kv_cache_tokens=memory.kv_cache_tokens * count,
            max_concurrency=memory.max_concurrency * count,
        )
        families = {device_family(pool.device) for pool in (point.prefill, point.decode)}
        basis, widths = ("extrapolated", WIDTHS) if families <= MEASURED_FAMILIES else ("analytic", WIDER)
        return with_intervals(held, widths, point.workload, basis, (0.0, 0.0))

    def _both_pools(self, point: DisaggregatedPoint) -> tuple[_Pool, _Pool] | Infeasible:
        """Return an instance of either pool, prefill first, or why the engine does not serve the two."""
        settings, arch = point.decode.settings, point.decode.arch
        if settings.speculative_tokens or point.prefill.settings.speculative_tokens:
            return Infeasible("unsupported", "speculative_tokens: not modelled together with separate pools.")
        layouts = [(pool.plan, pool.device.device_type) for pool in (point.prefill, point.decode)]
        problem = disaggregation_problem(settings.engine, settings.engine_version, arch, layouts[0], layouts[1])
        if problem:
            return Infeasible("unsupported", problem)
        prefill, decode = self._pool(point.prefill, 1.0), self._pool(point.decode, point.workload.osl)
        if isinstance(prefill, Infeasible):
            return Infeasible(prefill.code, f"A prefill instance: {prefill.reason}")
        if isinstance(decode, Infeasible):
            return Infeasible(decode.code, f"A decode instance: {decode.reason}")
        return prefill, decode

    def _pool(self, point: ServingPoint, osl: float) -> _Pool | Infeasible:
        key = (self._key(point), osl)
        if key not in self._pools:
            self._pools[key] = self._pool_costs(point, osl)
        return self._pools[key]

    def _pool_costs(self, point: ServingPoint, osl: float) -> _Pool | Infeasible:
        """Return what an instance costs and holds, or why it does not start or holds no request of this length."""
        refused = refusal(point)
        if refused:
            return refused
        memory = estimate_memory(point, correction=self._correction_of(point) if self._correction_of else None)
        if isinstance(memory, Infeasible):
            return memory
        isl = point.workload.isl
        kv_tokens = memory.kv_tokens_for_lengths(isl, osl)
        if kv_tokens < isl + osl:
            text = f"A sequence of {isl + osl:.0f} tokens does not fit into its KV cache of {memory.kv_cache_tokens}."
            return Infeasible("kv_capacity", f"{text} Use more devices, a smaller kv_cache_dtype or shorter lengths.")
        try:
            constants = step_constants(point.settings.engine, point.device, "served", self._fitted)
            return PoolCosts(step_coefficients(point, constants), constants, kv_tokens), memory
        except UnsupportedError as error:
            return Infeasible("unsupported", error.message)
