"""Where the clusters come from: the platform's state store, a file, or what callers sent."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic_core import PydanticCustomError

from budsim.commons.access import SERVICE, Principal
from budsim.commons.database import Database
from budsim.commons.errors import ConflictError, InvalidRequestError, NotFoundError, UnavailableError
from budsim.commons.resources import shipped_path
from budsim.simulator.cluster_document import (
    MAX_TEXT_LENGTH,
    Cluster,
    ClusterProblem,
    cluster_entries,
    parse_clusters,
)
from budsim.simulator.repository import Repository
from budsim.simulator.request_schemas import storable
from budsim.simulator.simulation import is_unknown_device
from budsim.simulator.topology import group_devices

if TYPE_CHECKING:
    from budsim.perf_model.hardware_catalog import HardwareCatalog

logger = logging.getLogger(__name__)

MAX_PROBLEMS = 100  # of devices that are told; the same mistake is usually made on every node


@dataclass(frozen=True, slots=True)
class KnownClusters:
    """Clusters and where they come from."""

    origin: str
    document: Any
    remedy: str = "Send them with PUT /clusters, or start with `budsim serve --import-clusters`."

    def parsed(self) -> tuple[tuple[Cluster, ...], tuple[ClusterProblem, ...]]:
        """Return them as typed values, and what is wrong with those that cannot be read."""
        return parse_clusters(self.document)

    def limited_to(self, cluster_ids: Collection[str] | None) -> KnownClusters:
        """Return those of these ids, None = all; what is wrong with others is not told either."""
        if cluster_ids is None:
            return self
        wanted = set(cluster_ids)
        named = [entry for entry in cluster_entries(self.document or []) if isinstance(entry, Mapping)]
        own = [entry for entry in named if isinstance(entry.get("id"), str) and entry["id"] in wanted]
        return replace(self, document=own)


class StateStore(Protocol):
    """The platform's state store, as far as clusters need it."""

    def state(self, key: str) -> Any:
        """Return the value of a key, None when there is none."""
        ...

    def register(self) -> None:
        """Save this service's record."""
        ...


class ClusterSource:
    """The clusters that runs look at: state store before file before database."""

    def __init__(
        self,
        database: Database,
        file: Path | None = None,
        state: StateStore | None = None,
        state_key: str = "cluster_info",
    ) -> None:
        self._database = database
        self._file = file
        self._state = state
        self._state_key = state_key

    def load(self, principal: Principal = SERVICE) -> KnownClusters:
        """Return the clusters that a caller sees; none at all is an empty list.

        Raises:
            UnavailableError: The file or the state store cannot be read.
        """
        known = self._load(principal)
        return known if principal.is_service else known.limited_to(principal.clusters)

    def _load(self, principal: Principal) -> KnownClusters:
        if self._state is not None:
            document = self._state.state(self._state_key) or []
            remedy = "The platform writes that key; scripts/seed_states.py does it from a file."
            return KnownClusters(f"state store, key {self._state_key}", document, remedy)
        if self._file is not None:
            return KnownClusters(f"file {self._file}", read_document(self._file), "Write them into that file.")
        with self._database.transaction() as session:
            return KnownClusters("database", [row.topology for row in Repository(session, principal).clusters()])

    def register(self) -> None:
        """Save this service's record in the state store, if there is one."""
        if self._state is not None:
            self._state.register()

    def replace(self, document: Any, principal: Principal = SERVICE) -> int:
        """Store these clusters in place of all others that the caller sees; return how many.

        Raises:
            ConflictError: The clusters come from elsewhere, so storing them would change nothing.
            NotFoundError: A cluster is not the caller's.
            InvalidRequestError: A cluster cannot be read.
        """
        if self._state is not None or self._file is not None:
            raise ConflictError(f"The clusters come from the {self.load(principal).origin}; change them there.")
        entries = checked_entries(document)
        foreign = [] if principal.is_service else [entry for entry in entries if entry["id"] not in principal.clusters]
        if foreign:
            names = ", ".join(str(entry["id"]) for entry in foreign[:10])
            raise NotFoundError(f"There is no cluster {names}.", {"field": "clusters"})
        with self._database.transaction() as session:
            return Repository(session, principal).replace_clusters(entries)


def checked_entries(document: Any) -> Sequence[dict[str, Any]]:
    """Return a cluster document's entries if every one of them can be read.

    Raises:
        InvalidRequestError: Names every problem by its path.
    """
    try:
        storable(document)
    except PydanticCustomError as error:
        path = "clusters" + "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}"[:MAX_TEXT_LENGTH]
            for part in (error.context or {}).get("path", ())
        )
        text = f"The cluster document cannot be stored: {path}: {error}."
        raise InvalidRequestError(text, {"field": path}) from error
    _, problems = parse_clusters(document)
    if problems:
        texts = [f"{problem.path}: {problem.reason}" for problem in problems]
        raise InvalidRequestError("; ".join(texts[:10]), {"field": problems[0].path, "problems": texts})
    if isinstance(document, str):
        document = json.loads(document)
    if isinstance(document, dict):
        document = document.get("clusters", [document])
    entries: list[dict[str, Any]] = list(document)
    return entries


def device_problems(clusters: Sequence[Cluster], catalog: HardwareCatalog) -> list[str]:
    """Return what no run can use in clusters that can be read: no nodes, no devices, unknown types and hardware.

    What is merely busy now is left out.
    """
    found: dict[str, None] = {}
    for cluster in clusters:
        if not any(node.devices for node in cluster.nodes):
            found[f"Cluster {cluster.name}: it has no nodes with devices."] = None
        topology = group_devices(cluster, skip_master_node_for_cpu=False, catalog=catalog)
        for dropped in topology.dropped:
            if dropped.device and is_unknown_device(dropped.reason):
                reason = dropped.reason.rstrip(".")
                found[f"Cluster {cluster.name}, node {dropped.node}, {dropped.device}: {reason}."] = None
            if len(found) >= MAX_PROBLEMS:
                return list(found)
    return list(found)


def read_document(path: Path) -> Any:
    """Return the JSON of a file.

    Raises:
        UnavailableError: It is not there, or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnavailableError(f"The cluster file {path} cannot be read: {error}") from error


def example_clusters() -> KnownClusters:
    """Return the clusters that ship with BudSim, for looking around."""
    path = shipped_path("examples") / "clusters.json"
    return KnownClusters("shipped examples", read_document(path))
