"""Which hardware serves which model for which load: sizes, ranks, then predicts what is shown.

The order of devices needs memory alone, so a whole catalogue is ranked without a prediction, and only the options that
are shown are predicted, all of one question in one call of the predictor. What was worked out for a model, its lengths
and a batch size is kept (values of the pure core, never answers), within limits.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, NamedTuple, Protocol, TypeVar

from budsim.model_ops.calculator import CalculationCase, calculate
from budsim.perf_model.hardware_catalog import DeviceSpec, HardwareCatalog
from budsim.perf_model.memory import CorrectionOf
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.serving_point import Infeasible
from budsim.recommender.sizing import DeviceSizing, ReplicaSize, SizingCase
from budsim.simulator.candidate import Predictor
from budsim.usecases.options import HardwareOption, hardware_option

SIMULATED_TYPES = frozenset({"cuda", "rocm", "hpu", "cpu"})
# The document's CPU filter: larger models are not recommended on CPUs.
CPU_MAX_PARAMETERS = 14e9
CPU_MAX_MEMORY_GB = 40.0
_MAX_RANKINGS = 10_000  # of one model, one pair of lengths and one batch size: 100 devices take about 12 kB
_MAX_OPTIONS = 40_000  # an option takes about 4 kB

Value = TypeVar("Value")


class Basis(Protocol):
    """What predicts, and what start-up logs measured of memory."""

    @property
    def predictor(self) -> Predictor:
        """Predicts serving points."""
        ...

    @property
    def correction_of(self) -> CorrectionOf:
        """Measured against computed memory of a point."""
        ...

    @property
    def method(self) -> str:
        """Name of the method."""
        ...


class RankedDevice(NamedTuple):
    """The smallest replica on one device."""

    device: DeviceSpec
    plan: ParallelPlan
    num_devices: int
    utilization: float | None


@dataclass(frozen=True, slots=True)
class BatchRanking:
    """Devices that hold one batch size, in the document's order.

    Attributes:
        memory_required_gb: The calculator's total for the batch on one device, GB.
        devices: Fewest chips first, then the fullest.
        too_large: Devices on which no legal layout holds it.
        unsuitable: Devices left out by the CPU filter.
        reason: One telling reason of a device that does not hold it; empty when all do.
        options: What is known of ``devices`` by place; filled by ``CurrentAdvisor.predict_ranked``.
    """

    memory_required_gb: float
    devices: tuple[RankedDevice, ...]
    too_large: int
    unsuitable: int
    reason: str
    options: dict[int, HardwareOption | Infeasible] = field(default_factory=dict, compare=False, repr=False)


class _Kept(Generic[Value]):
    """The most recently used values, up to a limit; what a key names by identity is kept with its value."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[Hashable, tuple[Value, tuple[object, ...]]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, keys: Iterable[Hashable]) -> list[Value | None]:
        """Return what is kept under each key, None where nothing is."""
        found: list[Value | None] = []
        with self._lock:
            for key in keys:
                kept = self._values.get(key)
                if kept is not None:
                    self._values.move_to_end(key)
                found.append(kept and kept[0])
        return found

    def put(self, key: Hashable, value: Value, *owners: object) -> None:
        with self._lock:
            self._values[key] = (value, owners)
            while len(self._values) > self._limit:
                self._values.popitem(last=False)


@dataclass(frozen=True, slots=True)
class OptionQuery:
    """One option to predict."""

    case: SizingCase
    device: DeviceSpec
    plan: ParallelPlan
    batch_size: int


class NotRememberedError(Exception):
    """A figure would have to be worked out, and the asker does not want to wait for that."""


class _Memory:
    """What was worked out, and whose turn it is to work out more."""

    def __init__(self) -> None:
        self.rankings: _Kept[BatchRanking] = _Kept(_MAX_RANKINGS)
        self.options: _Kept[HardwareOption | Infeasible] = _Kept(_MAX_OPTIONS)
        self.turn = threading.RLock()


class HardwareAdvisor:
    """Remembers what was worked out for any catalogue and predictor; safe to use from several threads.

    Args:
        catalog: Returns the devices as they are now.
        basis: Returns what predicts now; the same object while nothing changes.
    """

    def __init__(self, catalog: Callable[[], HardwareCatalog], basis: Callable[[], Basis]) -> None:
        self._catalog = catalog
        self._basis = basis
        self._memory = _Memory()

    def now(self) -> CurrentAdvisor:
        """Return the advisor on the devices and by the predictor of this moment, which a whole answer rests on."""
        return CurrentAdvisor(self._catalog(), self._basis(), self._memory)


@dataclass(frozen=True, slots=True)
class CurrentAdvisor:
    """Sizes and predicts for one catalogue by one predictor.

    Attributes:
        catalog: The devices.
        basis: What predicts.
        only_remembered: Raise ``NotRememberedError`` instead of working something out.
    """

    catalog: HardwareCatalog
    basis: Basis
    _memory: _Memory = field(repr=False)
    only_remembered: bool = False

    def remembered(self) -> CurrentAdvisor:
        """Return the same advisor for who cannot wait."""
        return replace(self, only_remembered=True)

    def rankings(
        self, case: SizingCase, batch_sizes: Sequence[int], extra: Sequence[DeviceSpec] = ()
    ) -> dict[int, BatchRanking]:
        """Return the ranking of every batch size over the catalogue and the caller's own devices.

        Args:
            case: Model and lengths.
            batch_sizes: Concurrent requests.
            extra: Devices of the caller, beside the catalogue's.

        Raises:
            BudSimError: The precision fits no format.
            NotRememberedError: One is not known, and nothing may be worked out.
        """
        catalog, kept = self.catalog, self._memory.rankings
        case_key = (*_case_key(case), id(catalog), id(self.basis))
        found: dict[int, BatchRanking] = {}
        if not extra:
            known = zip(batch_sizes, kept.get([(case_key, size) for size in batch_sizes]), strict=True)
            found = {size: ranking for size, ranking in known if ranking is not None}
        missing = [size for size in dict.fromkeys(batch_sizes) if size not in found]
        if not missing:
            return found
        self._require_time()
        with self._memory.turn:
            devices = [*(spec for spec in catalog.devices if spec.device_type in SIMULATED_TYPES), *extra]
            sizings = [DeviceSizing(case, device, self.basis.correction_of) for device in devices]
            reference = catalog.match("H100").spec
            for size in missing:
                found[size] = _ranking(case, size, sizings, reference)
                if not extra:
                    kept.put((case_key, size), found[size], catalog, case.arch, self.basis)
        return found

    def _require_time(self) -> None:
        if self.only_remembered:
            raise NotRememberedError

    def options(self, queries: Sequence[OptionQuery]) -> list[HardwareOption | Infeasible]:
        """Return an option per query, in order; what is not known yet is predicted in one call.

        Raises:
            NotRememberedError: One is not known, and nothing may be worked out.
        """
        keys = [(*_option_key(query), id(self.basis)) for query in queries]
        found: dict[Hashable, HardwareOption | Infeasible] = {}
        missing: dict[Hashable, OptionQuery] = {}
        for key, query, kept in zip(keys, queries, self._memory.options.get(keys), strict=True):
            if kept is None:
                missing[key] = query
            else:
                found[key] = kept
        if missing:
            self._require_time()
            with self._memory.turn:
                found |= self._predicted(missing)
        return [found[key] for key in keys]

    def _predicted(self, missing: dict[Hashable, OptionQuery]) -> dict[Hashable, HardwareOption | Infeasible]:
        basis = self.basis
        sizings: dict[Hashable, DeviceSizing] = {}
        sized: dict[Hashable, ReplicaSize | Infeasible] = {}
        for key, query in missing.items():
            sizing_key = (*_case_key(query.case), id(query.device))
            sizing = sizings.setdefault(sizing_key, DeviceSizing(query.case, query.device, basis.correction_of))
            sized[key] = sizing.of_plan(query.plan, query.batch_size)
        known = {key: size for key, size in sized.items() if isinstance(size, ReplicaSize)}
        answers = dict(zip(known, basis.predictor.predict([size.point for size in known.values()]), strict=True))
        found: dict[Hashable, HardwareOption | Infeasible] = {}
        for key, size in sized.items():
            if isinstance(size, Infeasible):
                found[key] = size
            elif isinstance(answer := answers[key], Infeasible):
                found[key] = answer
            else:
                found[key] = hardware_option(size, answer)
            self._memory.options.put(key, found[key], missing[key].device, missing[key].case.arch, basis)
        return found

    def predict_ranked(self, wanted: Iterable[tuple[SizingCase, int, BatchRanking, Sequence[int]]]) -> None:
        """Fill in the options of rankings, all that are missing in one call of the predictor.

        Args:
            wanted: Case, batch size, ranking, and the places in ``ranking.devices``.

        Raises:
            NotRememberedError: One is not known, and nothing may be worked out.
        """
        places = [
            (ranking, place, OptionQuery(case, ranking.devices[place].device, ranking.devices[place].plan, size))
            for case, size, ranking, chosen in wanted
            for place in chosen
            if place not in ranking.options
        ]
        if not places:
            return
        found = self.options([query for _, _, query in places])
        for (ranking, place, _), option in zip(places, found, strict=True):
            ranking.options[place] = option


def _case_key(case: SizingCase) -> tuple[Hashable, ...]:
    return (
        case.arch.name, id(case.arch), case.isl, case.osl, case.precision, case.engine, case.engine_version,
        case.max_devices, case.max_tensor_parallel, case.allow_pipeline,
    )  # fmt: skip


def _option_key(query: OptionQuery) -> tuple[Hashable, ...]:
    return (*_case_key(query.case), query.device.name, id(query.device), query.plan, query.batch_size)


def _ranking(case: SizingCase, batch_size: int, sizings: Sequence[DeviceSizing], reference: DeviceSpec) -> BatchRanking:
    memory_gb = required_memory_gb(case, batch_size, reference)
    allows_cpu = case.arch.params_total <= CPU_MAX_PARAMETERS and memory_gb <= CPU_MAX_MEMORY_GB
    ranked: list[RankedDevice] = []
    reason, too_large, unsuitable = "", 0, 0
    for sizing in sizings:
        if sizing.device.device_type == "cpu" and not allows_cpu:
            unsuitable += 1
            continue
        size = sizing.smallest(batch_size)
        if isinstance(size, Infeasible):
            too_large += 1
            reason = size.reason
        else:
            ranked.append(RankedDevice(sizing.device, size.point.plan, size.num_devices, size.utilization))
    ranked.sort(key=lambda entry: (entry.num_devices, -(entry.utilization or 0.0), entry.device.name))
    return BatchRanking(memory_gb, tuple(ranked), too_large, unsuitable, reason)


def required_memory_gb(case: SizingCase, batch_size: int, reference: DeviceSpec) -> float:
    """Return weights, activations and the cache of a batch at its full lengths on one device, GB, as /api/models says.

    Args:
        case: Model, lengths, precision.
        batch_size: Sequences at once.
        reference: Device whose engine rules count; never its size.
    """
    asked = CalculationCase(
        precision=case.precision, batch_size=batch_size, seq_length=int(case.isl), decode_length=int(case.osl)
    )
    total: float = calculate(case.arch, asked, reference)["total_memory_gb"]
    return total
