"""One search of a run, and what it found; both are plain JSON on request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from budsim.engine_ops import EngineOption
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.simulator.plain_json import from_plain, to_plain
from budsim.simulator.remedies import Remedy
from budsim.simulator.search_space import Exclusions
from budsim.simulator.simulation_request import SimulationRequest
from budsim.simulator.topology import DeviceGroup


@dataclass(frozen=True, slots=True)
class GroupTask:
    """One search: a device group of one cluster, and one engine; all that an activity needs.

    Attributes:
        arch: The model; None where the request's job needs none.
    """

    task_key: str
    request: SimulationRequest
    arch: ModelArchitecture | None
    group: DeviceGroup
    engine: EngineOption
    usd_per_device_hour: float | None = None
    price_source: str | None = None
    price_basis: str | None = None
    exclusions: Exclusions = field(default_factory=Exclusions)

    def to_dict(self) -> dict[str, Any]:
        """Return the task as plain JSON values."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> GroupTask:
        """Read what ``to_dict`` wrote."""
        return from_plain(cls, document)


@dataclass(frozen=True, slots=True)
class RejectionSummary:
    """One cause for which layouts or candidates were rejected."""

    code: str
    count: int
    reason: str


@dataclass(frozen=True, slots=True)
class GroupOutcome:
    """What one task found.

    Attributes:
        rows: Rows of ``simulation_results``, best first.
        rejections: Causes, most frequent first, each with one telling reason.
        remedies: What would let the targets be met; empty when they are.
        is_complete: False = the search was stopped; rows are the best so far.
        error: Why the task could not be searched at all.
        error_field: Field of the request that this is about.
        catalogue_name: The catalogue's name of the device, for people; ``device_name`` is the cluster's own.
        front: Points of the Pareto front of cost, latency and throughput, each with its reason.
        num_generations: Of the genetic search; 0 = the direct search made it.
        convergence_generation: First generation within 1 % of the final best.
        partial_row: Where no row meets the targets: the row at the largest load that does, for mixed deployments.
    """

    task_key: str
    cluster_id: str
    device_type: str
    device_name: str
    engine: str
    rows: tuple[dict[str, Any], ...] = ()
    num_evaluated: int = 0
    num_feasible: int = 0
    meets_targets: bool = False
    is_complete: bool = True
    rejections: tuple[RejectionSummary, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    error: str | None = None
    front: tuple[dict[str, Any], ...] = ()
    num_generations: int = 0
    convergence_generation: int | None = None
    partial_row: dict[str, Any] | None = None
    error_field: str | None = None
    catalogue_name: str = ""
    cluster_name: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as plain JSON values."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> GroupOutcome:
        """Read what ``to_dict`` wrote."""
        return from_plain(cls, document)

    @property
    def why_nothing(self) -> str | None:
        """One sentence on why there is no row, or None when there is one."""
        if self.rows:
            return None
        cause = self.error or (self.rejections[0].reason if self.rejections else "no candidate")
        return f"{self.catalogue_name or self.device_name} ({self.device_type}) with {self.engine}: {cause}"
