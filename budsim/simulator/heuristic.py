"""The analytic predictor: plan check, memory, step times, scheduler replay. No I/O, no training data at run time."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import replace

from budsim.commons.errors import UnsupportedError
from budsim.perf_model.engine_constants import FittedConstants, StepConstants, step_constants
from budsim.perf_model.fitted_constants import FITTED
from budsim.perf_model.memory import CorrectionOf, MemoryEstimate, estimate_memory
from budsim.perf_model.parallelism import check_plan
from budsim.perf_model.replay import StepCoefficients
from budsim.perf_model.serving import length_bounds, serve, share_of_load
from budsim.perf_model.serving_point import Infeasible, Prediction, ReplicaKeys, ServingPoint
from budsim.perf_model.step_time import step_coefficients
from budsim.perf_model.workload import LoadMode, Workload

_MEMO_LIMIT = 50_000


class HeuristicPredictor:
    """Predicts serving points from physics and fitted engine constants; remembers what it has worked out.

    Args:
        fitted: Constants by (engine, device family, load); None = the package's. Those of a fold or of a calibration
            are given as ``{**FITTED, **changed}`` or alone.
        correction_of: What start-up logs measured of a point's memory; None = computed figures alone.
    """

    def __init__(self, fitted: FittedConstants | None = None, correction_of: CorrectionOf | None = None) -> None:
        self._correction_of = correction_of
        self._fitted = FITTED if fitted is None else fitted
        self._coefficients: dict[Hashable, tuple[StepCoefficients, StepConstants]] = {}
        self._memory: dict[Hashable, MemoryEstimate | Infeasible] = {}
        self._answers: dict[Hashable, Prediction | Infeasible] = {}
        self._replays: dict[Hashable, Prediction] = {}
        self._keys = ReplicaKeys()

    def with_constants(self, fitted: FittedConstants) -> HeuristicPredictor:
        """Return a predictor of other constants that shares what is known of memory, which constants do not change."""
        other = HeuristicPredictor(fitted, self._correction_of)
        other._memory, other._keys = self._memory, self._keys
        return other

    def predict(self, points: Sequence[ServingPoint]) -> list[Prediction | Infeasible]:
        """Return one prediction, or the reason there is none, per point; same points, same answers, same order."""
        return [self._predict_one(point) for point in points]

    def _predict_one(self, point: ServingPoint) -> Prediction | Infeasible:
        base = self._keys.of(point)
        key = (base, point.settings, point.workload)
        if key not in self._answers:
            if len(self._answers) >= _MEMO_LIMIT:
                self._answers.clear()
            self._answers[key] = self._evaluate(point, base)
        return self._answers[key]

    def _evaluate(self, point: ServingPoint, base: tuple[Hashable, ...]) -> Prediction | Infeasible:
        refused = refusal(point)
        if refused:
            return refused
        memory_key = (base, point.settings)
        if memory_key not in self._memory:
            correction = self._correction_of(point) if self._correction_of else None
            self._memory[memory_key] = estimate_memory(point, correction=correction)
        memory = self._memory[memory_key]
        if isinstance(memory, Infeasible):
            return memory
        load = point.workload
        kv_tokens = memory.kv_tokens_for_lengths(load.isl, load.osl)
        if kv_tokens < load.isl + load.osl:
            return Infeasible(
                "kv_capacity",
                f"One sequence of isl + osl = {load.isl + load.osl:.0f} tokens does not fit into the KV cache of "
                f"{memory.kv_cache_tokens} tokens: use more devices, a smaller kv_cache_dtype or shorter lengths.",
            )
        try:
            coefficients, constants = self._costs(point, base)
        except UnsupportedError as error:
            return Infeasible("unsupported", error.message)
        answer = self._served(point, base, coefficients, constants, kv_tokens)
        return replace(answer, kv_cache_tokens=memory.kv_cache_tokens, max_concurrency=memory.max_concurrency)

    def _served(
        self,
        point: ServingPoint,
        base: tuple[Hashable, ...],
        coefficients: StepCoefficients,
        constants: StepConstants,
        kv_tokens: float,
    ) -> Prediction:
        """Return the replay of a load; points that differ by what the replay does not see share one."""
        point, kv_tokens = _as_replayed(point, kv_tokens)
        key = (base, point.settings, point.workload, kv_tokens)
        if key not in self._replays:
            if len(self._replays) >= _MEMO_LIMIT:
                self._replays.clear()
            self._replays[key] = _serve_replicas(point, coefficients, constants, kv_tokens)
        return self._replays[key]

    def _costs(self, point: ServingPoint, base: tuple[Hashable, ...]) -> tuple[StepCoefficients, StepConstants]:
        static = point.workload.load_mode is LoadMode.STATIC_BATCH
        settings = point.settings
        key = (base, settings.engine, settings.kv_cache_dtype, settings.speculative_tokens, static)
        if key not in self._coefficients:
            constants = step_constants(settings.engine, point.device, "static" if static else "served", self._fitted)
            self._coefficients[key] = (step_coefficients(_one_copy(point), constants), constants)
        return self._coefficients[key]


def _as_replayed(point: ServingPoint, kv_tokens: float) -> tuple[ServingPoint, float]:
    """Return a point and its cache without what no replay can tell apart.

    How large the cache is, and how many tokens a step may hold, matters in a closed loop up to what all its clients
    fill together: every sequence at its full length.
    """
    load, settings = point.workload, point.settings
    tokens = settings.max_num_batched_tokens
    if load.load_mode is LoadMode.CLOSED_LOOP and not _is_independent_copies(point):
        low, high = length_bounds(load.length_dist)
        longest = sum(math.ceil(length * high / ((low + high) / 2)) for length in (load.isl, load.osl)) + 2
        longest += 2 * settings.speculative_tokens
        filled = (load.concurrency or 1) * longest
        kv_tokens, tokens = min(kv_tokens, float(filled)), min(tokens, filled)
    settings = replace(
        settings,
        max_num_batched_tokens=tokens,
        gpu_memory_utilization=1.0,
        block_size=1,
        enable_prefix_caching=False,
        cpu_kvcache_bytes=None,
    )
    return replace(point, settings=settings), kv_tokens


def _is_independent_copies(point: ServingPoint) -> bool:
    """Whether DP ranks share nothing: a dense model's copies never wait for each other."""
    return point.plan.dp_size > 1 and not point.plan.dp_attention and not point.arch.is_moe


def _one_copy(point: ServingPoint) -> ServingPoint:
    if not _is_independent_copies(point):
        return point
    return replace(point, plan=replace(point.plan, dp_size=1))


def _carried(load: Workload) -> float:
    """Return the requests of a load that its rates are counted from: of the run, or in flight in a closed loop."""
    if load.load_mode is LoadMode.STATIC_BATCH:
        return float(load.concurrency or 1)
    if load.load_mode is LoadMode.CLOSED_LOOP:
        clients = load.concurrency or 1
        return float(min(clients, load.num_prompts or clients))
    return float(load.num_prompts or load.concurrency or 1)


def _serve_replicas(
    point: ServingPoint, coefficients: StepCoefficients, constants: StepConstants, kv_tokens: float
) -> Prediction:
    """Serve the load; independent copies each carry their share.

    The answer is the busiest copy's, which ends last. Rates are those of the whole load over the busiest copy's time,
    so an uneven share does not count copies as full that are not.
    """
    if not _is_independent_copies(point):
        return serve(point, coefficients, constants, kv_tokens)
    copies = point.plan.dp_size
    load, share = point.workload, share_of_load(point.workload, copies)
    answer = serve(replace(_one_copy(point), workload=share), coefficients, constants, kv_tokens / copies)
    open_ended = load.load_mode is LoadMode.POISSON and (answer.saturated or not load.num_prompts)
    copies_worth = float(copies) if open_ended else _carried(load) / _carried(share)
    return replace(
        answer,
        output_tps=answer.output_tps * copies_worth,
        request_throughput=answer.request_throughput * copies_worth,
    )


def refusal(point: ServingPoint) -> Infeasible | None:
    """Return why the point is outside what is modelled, if it is."""
    if point.arch.task != "generate" and not point.arch.is_one_pass:
        return Infeasible("unsupported", f"{point.arch.name} does not generate text (task {point.arch.task}).")
    if point.device.device_type not in {"cuda", "rocm", "hpu", "cpu", "cpu_high"}:
        return Infeasible("unsupported", f"{point.device.device_type} devices are listed and priced, not simulated.")
    load = point.workload
    length, limit = point.settings.max_model_len, point.arch.max_position_embeddings
    if load.isl + load.osl > length + 1:
        remedy = "raise it" if length < limit else "it is the model's own limit"
        reason = f"isl + osl = {load.isl + load.osl:.0f} exceeds max_model_len {length}: {remedy}."
        return Infeasible("max_model_len", reason)
    return check_plan(point.arch, point.plan, point.device)
