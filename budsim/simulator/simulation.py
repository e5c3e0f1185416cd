"""One simulation from request to ranked deployments, without a database.

    clusters -> groups of equal devices -> one task per (cluster, group, engine) -> search -> rows -> one answer per
    cluster

``simulate`` runs everything for the library and the command line; workflows run ``plan_tasks``, then ``search_group``
once per activity, then ``ranking.cluster_recommendations`` over the stored rows. Tasks and their outcomes are plain
JSON on request (``to_dict`` / ``from_dict``). What fails for one task is told in its outcome and never stops another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from budsim.commons.errors import BudSimError, InvalidRequestError, UnsupportedError
from budsim.engine_ops import SERVING_ENGINES, EngineOption, compatible_engines, merged_options, options_on, refusals
from budsim.engine_ops.disaggregation import PREFILL
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.serving_point import Infeasible
from budsim.perf_model.workload import one_pass
from budsim.simulator import jobs
from budsim.simulator.candidate import Evaluation, Predictor, Rejection
from budsim.simulator.deployment import cluster_metrics, launch, result_row
from budsim.simulator.direct_search import ProgressReport, SearchOutcome, StopSignal
from budsim.simulator.explanation import changed_parameters, front_points, winning_reason
from budsim.simulator.group_task import GroupOutcome, GroupTask, RejectionSummary
from budsim.simulator.mixture import mixed_deployments
from budsim.simulator.objective import rejection_counts
from budsim.simulator.plain_json import to_plain
from budsim.simulator.pricing import LivePrices, Pricing, decided_pricing
from budsim.simulator.ranking import cluster_recommendations, missed_reasons, top_k
from budsim.simulator.remedies import Remedy, largest_share, remedies
from budsim.simulator.search_methods import search_by
from budsim.simulator.search_space import Exclusions, SearchCase
from budsim.simulator.simulation_request import JobKind, SimulationRequest, check_request
from budsim.simulator.topology import (
    Cluster,
    ClusterProblem,
    DeviceGroup,
    DroppedDevice,
    TopologyOutcome,
    group_devices,
)

if TYPE_CHECKING:
    from budsim.perf_model.hardware_catalog import HardwareCatalog

MAX_TASK_KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """The searches of one request, and everything that needs none.

    Attributes:
        tasks: One per cluster x group x engine.
        dropped: Devices left out, by cluster id.
        reasons: Why a cluster has no task.
        assumptions: What the plan took for granted, by subject.
    """

    tasks: tuple[GroupTask, ...]
    dropped: Mapping[str, tuple[DroppedDevice, ...]]
    reasons: tuple[str, ...]
    assumptions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SimulationOutcome:
    """The answer.

    Attributes:
        recommendations: ``ClusterMetrics`` objects, one per cluster, best first.
        groups: What each task found.
        reasons: Why a cluster, or everything, has no recommendation.
        assumptions: Defaults that were used.
        mixed_deployments: Per cluster, several kinds of devices together, where no kind alone is enough or as cheap.
    """

    recommendations: tuple[dict[str, Any], ...]
    groups: tuple[GroupOutcome, ...]
    dropped: Mapping[str, tuple[DroppedDevice, ...]]
    problems: tuple[ClusterProblem, ...]
    reasons: tuple[str, ...]
    assumptions: Mapping[str, Any]
    mixed_deployments: tuple[dict[str, Any], ...] = ()

    @property
    def rows(self) -> list[dict[str, Any]]:
        """All rows of all groups."""
        return [row for group in self.groups for row in group.rows]

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as plain JSON values."""
        plain: dict[str, Any] = to_plain(self)
        return plain


def plan_tasks(
    request: SimulationRequest,
    clusters: Sequence[Cluster],
    *,
    arch: ModelArchitecture | None,
    catalog: HardwareCatalog,
    images: Mapping[str, str] | None = None,
    exclusions: Mapping[str, Exclusions] | None = None,
    looked_up: Sequence[EngineOption] = (),
    live_prices: LivePrices | None = None,
) -> TaskPlan:
    """Return the searches that a request needs.

    Args:
        request: A checked request.
        clusters: Parsed clusters.
        arch: The request's model; None where its job needs none.
        catalog: Device datasheets.
        images: Container image by ``<engine>_<device type>`` key; None = the engines' own.
        exclusions: What feedback excludes, by cluster id.
        looked_up: Engines that the platform's lookup named for the model; empty = the shipped tables decide.
        live_prices: What a provider of live prices says.

    Raises:
        InvalidRequestError: A value of the request cannot be served.
    """
    check_request(request)
    chosen: list[tuple[Cluster, TopologyOutcome, list[DeviceGroup]]] = []
    reasons: list[str] = []
    wanted = [cluster for cluster in clusters if request.cluster_id in (None, cluster.cluster_id)]
    if not wanted:
        reasons.append(f"Cluster {request.cluster_id} is not known." if request.cluster_id else "No cluster is known.")
    for cluster in wanted:
        topology = group_devices(
            cluster,
            hardware_mode=request.hardware_mode,
            skip_master_node_for_cpu=request.skip_master_node_for_cpu,
            catalog=catalog,
        )
        chosen.append((cluster, topology, [group for group in topology.groups if _is_wanted(group, request)]))
    pricing, told = decided_pricing(
        request.price_basis,
        request.on_prem,
        live_prices or LivePrices(),
        [(cluster, [group.spec for group in groups]) for cluster, _, groups in chosen],
    )
    tasks: list[GroupTask] = []
    for cluster, topology, groups in chosen:
        found = [
            task
            for group in groups
            for task in group_tasks(request, arch, group, images, exclusions or {}, (pricing, cluster), looked_up)
        ]
        if not found:
            reasons.append(_no_task_reason(cluster, topology.groups, groups, topology.dropped, request, arch, images))
        tasks += found
    if tasks:
        reasons += _unmatched_names(request, [group for _, _, groups in chosen for group in groups])
        unknown = [name for name in request.engines if name not in SERVING_ENGINES]
        reasons += [f"No engine that can be deployed is called {', '.join(unknown)}."] if unknown else []
    dropped = {cluster.cluster_id: topology.dropped for cluster, topology, _ in chosen}
    taken = {} if request.job is None else jobs.assumptions(request.job)
    priced = tasks and not (request.job and request.job.kind is JobKind.PROPRIETARY)
    return TaskPlan(tuple(tasks), dropped, tuple(reasons), {**told, **taken} if priced else taken)


def _is_wanted(group: DeviceGroup, request: SimulationRequest) -> bool:
    if request.device_types and not any(_same_type(wanted, group.device_type) for wanted in request.device_types):
        return False
    return not request.device_names or any(_is_called(group, name) for name in request.device_names)


def _is_called(group: DeviceGroup, name: str) -> bool:
    return name.lower() in f"{group.device_name} {group.raw_name or ''} {group.spec.name}".lower()


def _unmatched_names(request: SimulationRequest, groups: Sequence[DeviceGroup]) -> list[str]:
    """Return that some of the devices asked for are nowhere, where others are."""
    nowhere = [name for name in request.device_names if not any(_is_called(group, name) for group in groups)]
    return [f"No device of the clusters is called {', '.join(nowhere)}: the others were looked at."] if nowhere else []


def _same_type(wanted: str, device_type: str) -> bool:
    """Return whether a wanted type covers a group's: ``cpu`` covers ``cpu_high``, ``gpu`` covers cuda and rocm."""
    wanted = wanted.lower()
    return (
        wanted == device_type
        or (wanted == "cpu" and device_type == "cpu_high")
        or (wanted == "gpu" and device_type in ("cuda", "rocm"))
    )


def group_tasks(
    request: SimulationRequest,
    arch: ModelArchitecture | None,
    group: DeviceGroup,
    images: Mapping[str, str] | None,
    exclusions: Mapping[str, Exclusions],
    priced: tuple[Pricing, Cluster],
    looked_up: Sequence[EngineOption],
) -> list[GroupTask]:
    """Return the searches of one device group: one for the engine that is used on it, none where no engine serves."""
    options = _options(request, arch, group, images or {}, looked_up)
    price, source, _ = priced[0].of(group.spec, priced[1])
    return [
        GroupTask(
            task_key=_task_key(group, option),
            request=request,
            arch=arch,
            group=group,
            engine=replace(option, version=request.engine_version or option.version),
            usd_per_device_hour=None if price is None else price.usd_per_hour,
            price_source=source,
            price_basis=None if price is None else price.basis,
            exclusions=exclusions.get(group.cluster_id, Exclusions()),
        )
        for option in options
    ]


def _options(
    request: SimulationRequest,
    arch: ModelArchitecture | None,
    group: DeviceGroup,
    images: Mapping[str, str],
    looked_up: Sequence[EngineOption],
) -> list[EngineOption]:
    """Return the engine that is used on a group: the most preferred that serves the model, or does the job."""
    if request.job is not None or arch is None:
        found = jobs.option(request, arch, group.device_type, images)
        return [] if found is None else [found]
    shipped = compatible_engines(arch, [group.device_type], images, request.engine_version)
    options = merged_options(options_on(looked_up, group.device_type), shipped)
    if request.engines:
        options = [option for name in request.engines for option in options if option.engine == name]
    return options[:1]


def _task_key(group: DeviceGroup, option: EngineOption) -> str:
    """Return a name of a task that is unique within a run and the same on every run."""
    memory_gb = f"{group.memory_bytes_per_device / 1e9:.2f}GB"
    key = "/".join((group.cluster_id, group.device_type, group.spec.name, memory_gb, option.engine))
    return key if len(key) <= MAX_TASK_KEY_LENGTH else hashlib.sha256(key.encode()).hexdigest()


def _no_task_reason(
    cluster: Cluster,
    groups: Sequence[DeviceGroup],
    wanted: Sequence[DeviceGroup],
    dropped: Sequence[DroppedDevice],
    request: SimulationRequest,
    arch: ModelArchitecture | None,
    images: Mapping[str, str] | None,
) -> str:
    name = f"Cluster {cluster.name}"
    if wanted and (request.job is not None or arch is None):
        types = sorted({group.device_type for group in wanted})
        return f"{name}: {'; '.join(dict.fromkeys(jobs.refusal(request, arch, kind) for kind in types))}."
    if wanted and arch is not None:
        devices = ", ".join(sorted({group.spec.name for group in wanted}))
        engines = ", ".join(request.engines) or "engine"
        types = sorted({group.device_type for group in wanted})
        refused = [
            text for kind in types for text in refusals(arch, kind, request.engines, request.engine_version, images)
        ]
        why = f" ({'; '.join(dict.fromkeys(refused))})" if refused else ""
        return f"{name}: no {engines} serves this model on {devices}{why}."
    if groups and request.job is not None:
        return f"{name}: has {', '.join(group.label for group in groups)}; litellm runs on cpu only."
    if groups:
        asked = ", ".join([*request.device_types, *request.device_names])
        there = ", ".join(group.label for group in groups)
        return f"{name}: has {there}, {NOT_WANTED} ({asked})."
    causes = "; ".join(dict.fromkeys(item.reason.rstrip(".") for item in dropped)) or "it has no nodes with devices"
    if dropped and all(is_unknown_device(item.reason) for item in dropped):
        return f"{name}: {NOT_SIMULATED}: {causes}."
    return f"{name}: no devices are free in {request.hardware_mode} mode: {causes}."


NOT_SIMULATED = "none of its devices can be simulated"
NOT_WANTED = "none of them is one that was asked for"


def is_unknown_device(reason: str) -> bool:
    """Return whether a device was dropped for what it is, rather than for what it is doing."""
    return reason.startswith("Unknown hardware") or "not simulated" in reason


def search_case(task: GroupTask) -> SearchCase:
    """Return the search that a task stands for.

    Raises:
        BudSimError: A precision is unknown or not possible on this device.
    """
    request = task.request
    if task.arch is None:
        raise InvalidRequestError(f"The shape of {request.model_id} is not known.", {"field": "model"})
    precisions = [resolve_precision(name, task.arch, task.group.spec) for name in request.precisions]
    return SearchCase(
        arch=task.arch,
        group=task.group,
        engine=task.engine,
        workload=one_pass(request.workload) if task.arch.is_one_pass else request.workload,
        precisions=tuple({precision.name: precision for precision in precisions}.values()),
        targets=request.targets,
        objective=request.objective,
        usd_per_device_hour=task.usd_per_device_hour,
        price_source=task.price_source,
        price_basis=task.price_basis,
        max_context_tokens=request.max_context_tokens,
        engine_overrides=tuple(sorted(request.engine_overrides.items())),
        limits=request.limits,
        exclusions=task.exclusions,
    )


def search_group(
    task: GroupTask,
    *,
    predictor: Predictor,
    method: str = "heuristic",
    should_stop: StopSignal | None = None,
    on_progress: ProgressReport | None = None,
) -> GroupOutcome:
    """Search one task. What cannot be searched is an outcome with its reason, not an exception.

    Args:
        task: One device group, one engine.
        predictor: Performance model.
        method: ``heuristic`` = direct search over layouts; ``regressor`` = genetic search over every parameter.
        should_stop: True ends the search with the best so far, and skips the remedies.
        on_progress: Told the share of the search that is over.
    """
    found = _group_outcome(task, predictor, method, should_stop, on_progress)
    return replace(found, catalogue_name=task.group.spec.name, cluster_name=task.group.cluster_name)


def _group_outcome(
    task: GroupTask,
    predictor: Predictor,
    method: str,
    should_stop: StopSignal | None,
    on_progress: ProgressReport | None,
) -> GroupOutcome:
    head = (task.task_key, task.group.cluster_id, task.group.device_type, task.group.device_name, task.engine.engine)
    if task.request.job is not None:
        return _job_outcome(task, head, predictor)
    try:
        case = search_case(task)
        found = search_by(
            method,
            case,
            predictor,
            parameters=task.request.evolution,
            seed=task.request.seed,
            should_stop=should_stop,
            on_progress=on_progress,
        )
        kept, refused = _launchable(found.evaluations, case, task.request)
        helps = remedies(case, found, predictor) if task.request.explain and found.is_complete else ()
        partial_row = _partial_row(case, found, predictor, helps, task.request.model_id)
        rows = _rows(kept, found, case, task.request.model_id)
    except BudSimError as error:
        return GroupOutcome(*head, error=error.message, error_field=(error.param or {}).get("field"))
    return GroupOutcome(
        *head,
        rows=rows,
        num_evaluated=found.num_evaluated,
        num_feasible=len(found.evaluations),
        meets_targets=found.meets_targets,
        is_complete=found.is_complete,
        rejections=tuple(RejectionSummary(*item) for item in rejection_counts([*found.rejections, *refused])),
        remedies=helps,
        front=front_points(found.front, case.objective),
        num_generations=len(found.generations),
        convergence_generation=found.convergence_generation,
        partial_row=partial_row,
    )


def _partial_row(
    case: SearchCase, found: SearchOutcome, predictor: Predictor, helps: Sequence[Remedy], model_id: str
) -> dict[str, Any] | None:
    """Return the row at the largest load that meets the targets; None where all of it does, or nothing."""
    share = largest_share(case, found, predictor, helps)
    if share is None or _launch_problem(share[1], share[0], model_id) is not None:
        return None
    return result_row(share[1], share[0], model_name=model_id)


def _job_outcome(task: GroupTask, head: tuple[str, str, str, str, str], predictor: Predictor) -> GroupOutcome:
    found = jobs.job_row(
        task.request,
        task.arch,
        task.group,
        task.engine,
        task.usd_per_device_hour,
        task.price_source,
        task.exclusions.config_hashes,
    )
    if isinstance(found, Infeasible):
        return GroupOutcome(*head, num_evaluated=1, rejections=(RejectionSummary(found.code, 1, found.reason),))
    if task.request.job is not None and task.request.job.kind is JobKind.QUANTIZATION:
        found["top_k_configs"]["quantized"] = _quantized_deployment(task, predictor)
    meets = bool(found["top_k_configs"]["meets_targets"])
    return GroupOutcome(*head, rows=(found,), num_evaluated=1, num_feasible=1, meets_targets=meets)


def _quantized_deployment(task: GroupTask, predictor: Predictor) -> dict[str, Any]:
    """Return the best deployment of what a quantisation job makes, on the same devices: a row, or why there is none."""
    request, arch = task.request, task.arch
    number_format = request.job.number_format if request.job else None
    engines = compatible_engines(arch, [task.group.device_type], {}) if arch is not None else []
    if not engines or number_format is None:
        return {"row": None, "reason": f"no engine serves it on {task.group.device_type}"}
    served = replace(request, job=None, precisions=(number_format.lower(),))
    try:
        case = search_case(replace(task, request=served, engine=engines[0], exclusions=Exclusions()))
        found = search_by("heuristic", case, predictor)
        kept, refused = _launchable(found.evaluations, case, replace(served, top_k=1))
        rows = _rows(kept, found, case, request.model_id)
        if rows:
            return {"row": rows[0], "reason": None}
        causes = [RejectionSummary(*item) for item in rejection_counts([*found.rejections, *refused])]
        reason = causes[0].reason if causes else "no candidate"
    except BudSimError as error:
        reason = error.message
    return {"row": None, "reason": reason}


def _launchable(
    evaluations: Sequence[Evaluation], case: SearchCase, request: SimulationRequest
) -> tuple[Sequence[Evaluation], list[Rejection]]:
    """Return the best evaluations whose arguments the engine takes, and the others that were in their way."""
    remaining: list[Evaluation] = list(evaluations)
    refused: list[Rejection] = []
    while True:
        kept = top_k(remaining, request.top_k)
        problems = [(item, _launch_problem(item, case, request.model_id)) for item in kept]
        wrong = [(item, problem) for item, problem in problems if problem is not None]
        if not wrong:
            return kept, refused
        refused += [Rejection(item.candidate.plan, "arguments", problem) for item, problem in wrong]
        remaining = [item for item in remaining if all(item is not bad for bad, _ in wrong)]


def _launch_problem(evaluation: Evaluation, case: SearchCase, model_id: str) -> str | None:
    try:
        launch(evaluation.candidate, case, model_id)
        if evaluation.candidate.prefill is not None:
            launch(evaluation.candidate, case, model_id, PREFILL)
    except UnsupportedError:  # holds for every candidate: the task's error
        raise
    except InvalidRequestError as error:
        return error.message
    return None


def _rows(
    kept: Sequence[Evaluation], found: SearchOutcome, case: SearchCase, model_id: str
) -> tuple[dict[str, Any], ...]:
    rows = []
    for step, item in enumerate(kept):
        row = result_row(item, case, model_name=model_id, search_step=step)
        changed = changed_parameters(item.candidate, case)
        row["top_k_configs"]["changed_parameters"] = changed
        row["top_k_configs"]["reason"] = winning_reason(
            item, found.evaluations, case.objective, changed, has_targets=case.targets.is_any_set
        )
        rows.append(row)
    return tuple(rows)


def simulate(
    request: SimulationRequest,
    clusters: Sequence[Cluster],
    *,
    resolve_model: Callable[[str], ModelArchitecture],
    catalog: HardwareCatalog,
    predictor: Predictor,
    method: str = "heuristic",
    images: Mapping[str, str] | None = None,
    exclusions: Mapping[str, Exclusions] | None = None,
    looked_up: Sequence[EngineOption] = (),
    live_prices: LivePrices | None = None,
    problems: Sequence[ClusterProblem] = (),
    should_stop: StopSignal | None = None,
) -> SimulationOutcome:
    """Return ranked deployments for a request.

    Args:
        request: What the caller wants.
        clusters: Parsed clusters (``topology.parse_clusters``).
        resolve_model: Model id to architecture.
        catalog: Device datasheets.
        predictor: Performance model.
        method: ``heuristic`` or ``regressor``; see ``search_group``.
        images: Container images by engine and device type.
        exclusions: What feedback excludes, by cluster id.
        looked_up: As ``plan_tasks``.
        live_prices: As ``plan_tasks``.
        problems: Clusters that could not be read; they come back in the answer.
        should_stop: True ends the searches with the best so far.

    Raises:
        InvalidRequestError: A value of the request cannot be served, or the model is not known.
    """
    check_request(request)
    keeps_model = request.job is not None and request.job.kind is JobKind.PROPRIETARY
    arch = None if keeps_model else resolve_model(request.model_id)
    plan = plan_tasks(
        request,
        clusters,
        arch=arch,
        catalog=catalog,
        images=images,
        exclusions=exclusions,
        looked_up=looked_up,
        live_prices=live_prices,
    )
    groups = tuple(
        search_group(task, predictor=predictor, method=method, should_stop=should_stop) for task in plan.tasks
    )
    return assemble(request, plan, groups, problems)


def assemble(
    request: SimulationRequest, plan: TaskPlan, groups: Sequence[GroupOutcome], problems: Sequence[ClusterProblem] = ()
) -> SimulationOutcome:
    """Return the answer from what the tasks found."""
    rows = [row for group in groups for row in group.rows]
    chosen = cluster_recommendations(rows, request.error_rate_threshold, None, request.objective)
    recommended = {found.row["cluster_id"] for found in chosen}
    reasons = [*plan.reasons, *(f"{problem.path}: {problem.reason}" for problem in problems)]
    reasons += [
        group.why_nothing for group in groups if group.why_nothing is not None and group.cluster_id not in recommended
    ]
    reasons += missed_reasons(rows, chosen, request.error_rate_threshold)
    partial_rows = [group.partial_row for group in groups if group.partial_row is not None]
    return SimulationOutcome(
        recommendations=tuple(cluster_metrics(found.row, found.replicas, found.others) for found in chosen),
        groups=tuple(groups),
        dropped=plan.dropped,
        problems=tuple(problems),
        reasons=tuple(reasons),
        assumptions={**request.assumptions, **plan.assumptions},
        mixed_deployments=tuple(mixed_deployments(rows, partial_rows, request)),
    )
