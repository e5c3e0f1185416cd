"""Recommendations: from a request to the pure core, with the models of the tables and of the library."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from budsim.commons.errors import BudSimError
from budsim.model_ops.services import ModelLibrary
from budsim.perf_model.custom_devices import custom_device_entries, parse_custom_device
from budsim.perf_model.hardware_catalog import DeviceSpec, HardwareCatalog
from budsim.perf_model.hardware_names import compact_name
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.precision import canonical_precision
from budsim.usecases import optimization
from budsim.usecases.advisor import CurrentAdvisor, HardwareAdvisor, NotRememberedError
from budsim.usecases.recommendation_json import encoded_answer
from budsim.usecases.recommendation_schemas import CATEGORIES, OptimizeQuery, RecommendationQuery
from budsim.usecases.recommendations import CategoryModel, HardwareFilter, Question, recommend_models
from budsim.usecases.schemas import UseCaseResponse
from budsim.usecases.seeds import model_sizes, parameter_ranges
from budsim.usecases.services import UseCaseService
from budsim.usecases.use_case import UseCase

ResolveModel = Callable[[str], ModelArchitecture]
CategoryRows = Sequence[tuple[str, str, str | None]]
_QUICK_SIZES = ("3B", "8B")
_SHOWN_AT_ONCE = 500  # options of one answer: twice what the default question shows


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about one use case, and what it rests on: nothing is left to be read.

    Attributes:
        head: The answer without its recommendations.
    """

    use_case: UseCase
    models: list[CategoryModel]
    question: Question
    advisor: CurrentAdvisor
    head: dict[str, Any]

    def recommend(self) -> bytes:
        """Return the recommendations as JSON.

        Raises:
            BudSimError: The precision fits no format.
        """
        return self._answer(self.advisor)

    def recommend_at_once(self) -> bytes | None:
        """Return the recommendations as JSON if that is a matter of a millisecond, else None.

        Raises:
            BudSimError: The precision fits no format.
        """
        shown = len(self.models) * len(self.question.batch_sizes) * self.question.max_options
        if shown > _SHOWN_AT_ONCE:
            return None
        try:
            return self._answer(self.advisor.remembered())
        except NotRememberedError:
            return None

    def _answer(self, advisor: CurrentAdvisor) -> bytes:
        answers = recommend_models(self.use_case, self.models, self.question, advisor)
        return encoded_answer(self.head, answers, self.question.price_basis)


class RecommendationService:
    """Answers for one use case at a time."""

    def __init__(
        self, use_cases: UseCaseService, advisor: HardwareAdvisor, library: ModelLibrary, resolve_named: ResolveModel
    ) -> None:
        """Wire the service.

        Args:
            use_cases: Where use cases and categories are stored.
            advisor: Sizes and predicts.
            library: Models of the catalogue, by their published names.
            resolve_named: From a name that a caller gives, mapped names included, to a model's shape.
        """
        self._use_cases = use_cases
        self._advisor = advisor
        self._library = library
        self._resolve_named = resolve_named

    def read(self, unique_id: str, body: RecommendationQuery) -> Asked:
        """Return a question with everything that has to be read or waited for.

        Raises:
            NotFoundError: There is no such use case.
            BudSimError: The precision, a device or a model of the request is not known.
        """
        fields, use_case, rows = self._use_cases.question(unique_id)
        advisor = self._advisor.now()
        question = self._question(
            body, advisor.catalog, tuple(dict.fromkeys(body.batch_sizes)), body.max_hardware_options,
            min_utilization=body.min_utilization / 100.0, slo_only=body.slo_only,
        )  # fmt: skip
        if body.models:
            models, source = self._named([("custom", name) for name in body.models]), "request"
        else:
            models, source = self._of_categories(rows, body)
        head = {
            "usecase": _wire(fields),
            "method": advisor.basis.method,
            "category_source": source,
            "assumptions": _assumptions(use_case, question),
        }
        return Asked(use_case, models, question, advisor, head)

    def optimize(self, unique_id: str, body: OptimizeQuery) -> dict[str, Any]:
        """Return the best configurations of a use case.

        Raises:
            NotFoundError: There is no such use case.
            BudSimError: The precision, a device or a model of the request is not known.
        """
        fields, use_case, _ = self._use_cases.question(unique_id)
        advisor = self._advisor.now()
        sizes = optimization.AUTO_BATCH_SIZES if body.batch_sizes == "auto" else tuple(dict.fromkeys(body.batch_sizes))
        question = self._question(body, advisor.catalog, tuple(int(size) for size in sizes), 5)
        found = optimization.evaluate(use_case, self._sized(body.models, body.model_sizes), question, advisor)
        answer = optimization.optimized(use_case, found, question, body.optimization_mode, body.max_results)
        return {
            "usecase": _wire(fields),
            "method": advisor.basis.method,
            **answer,
            "assumptions": _assumptions(use_case, question),
        }

    def quick(self, unique_id: str, model: str | None) -> dict[str, Any]:
        """Return the best configuration of every mode, at the batch size that suits it.

        Args:
            unique_id: The use case.
            model: Only this model; None = one of 3e9 and one of 8e9 parameters.
        """
        fields, use_case, _ = self._use_cases.question(unique_id)
        advisor = self._advisor.now()
        body = OptimizeQuery(batch_sizes="auto")
        question = self._question(body, advisor.catalog, optimization.AUTO_BATCH_SIZES, 5)
        models = self._sized([model] if model else [], _QUICK_SIZES)
        found = optimization.evaluate(use_case, models, question, advisor)
        best = {mode: optimization.optimized(use_case, found, question, mode, 1) for mode in optimization.MODES}
        return {
            "usecase": _wire(fields),
            "method": advisor.basis.method,
            **{mode: (answer["configurations"] or [None])[0] for mode, answer in best.items()},
            "summary": best["balanced"]["summary"],
            "assumptions": _assumptions(use_case, question),
        }

    # --------------------------------------------------------------------------------------------------------- models
    def _of_categories(self, rows: CategoryRows, body: RecommendationQuery) -> tuple[list[CategoryModel], str]:
        source = "table" if rows else "parameter ranges"
        stored = rows or self._by_parameters(body.models_per_category)
        models = []
        for category in body.model_categories:
            own = [(model_id, checkpoint) for name, model_id, checkpoint in stored if name == category]
            for model_id, checkpoint in own[: body.models_per_category]:
                models.append(self._resolved(category, model_id, checkpoint or model_id))
        return models, source

    def _by_parameters(self, wanted: int) -> CategoryRows:
        """Return the first models of the catalogue in each parameter range: what is left without the table."""
        ranges = parameter_ranges()
        found: dict[str, list[tuple[str, str, str | None]]] = {name: [] for name in CATEGORIES}
        for name in self._library.known():
            try:
                arch = self._library.resolve(name)
            except BudSimError:
                continue
            for category, (low, high) in ranges.items():
                fits = low <= arch.params_total and (high is None or arch.params_total < high)
                if fits and arch.task == "generate" and len(found[category]) < wanted:
                    found[category].append((category, name, None))
            if all(len(models) >= wanted for models in found.values()):
                break
        return [row for rows in found.values() for row in rows]

    def _resolved(self, category: str, model_id: str, checkpoint: str) -> CategoryModel:
        try:
            arch: ModelArchitecture | BudSimError = self._library.resolve(checkpoint)
        except BudSimError as error:
            arch = error
        return CategoryModel(category, model_id, checkpoint, arch)

    def _named(self, names: Sequence[tuple[str, str]]) -> list[CategoryModel]:
        """Return models that a caller names: one that is not known stops the answer."""
        return [CategoryModel(category, name, name, self._resolve_named(name)) for category, name in names]

    def _sized(self, models: Sequence[str], sizes: Sequence[str]) -> list[CategoryModel]:
        if models:
            return self._named([("custom", name) for name in models])
        shipped = model_sizes()
        return [self._resolved(size, shipped[size], shipped[size]) for size in sizes]

    # -------------------------------------------------------------------------------------------------------- wishes
    def _question(
        self,
        body: RecommendationQuery | OptimizeQuery,
        catalog: HardwareCatalog,
        batch_sizes: tuple[int, ...],
        max_options: int,
        min_utilization: float = 0.0,
        slo_only: bool = False,
    ) -> Question:
        if body.precision is not None:
            canonical_precision(body.precision)
        custom = _custom_devices(body.custom_hardware, catalog)
        by_name = {compact_name(device.name): device.name for device in custom}
        names = [by_name.get(compact_name(name)) or catalog.match(name).spec.name for name in body.hardware]
        wanted = HardwareFilter(
            device_types=frozenset(body.device_types),
            manufacturers=frozenset(name.strip().lower() for name in body.manufacturers),
            names=frozenset(names),
            min_utilization=min_utilization,
            max_usd_per_hour=body.max_price_per_hour,
        )
        basis = body.price_basis if body.include_pricing else None
        return Question(batch_sizes, body.precision, basis, wanted, custom, max_options, slo_only)


def _wire(fields: dict[str, Any]) -> dict[str, Any]:
    return UseCaseResponse.model_validate(fields).model_dump(mode="json")


def _custom_devices(entries: Sequence[dict[str, Any]], catalog: HardwareCatalog) -> tuple[DeviceSpec, ...]:
    """Return the caller's own devices.

    Raises:
        InvalidRequestError: A field is wrong, or a name is taken.
    """
    if not entries:
        return ()
    devices = tuple(parse_custom_device(entry) for entry in custom_device_entries(list(entries)))
    HardwareCatalog([*catalog.devices, *devices], catalog.rules)  # names must be unique over everything
    return devices


def _assumptions(use_case: UseCase, question: Question) -> list[str]:
    told = [
        f"load: closed loop of batch_size clients, {use_case.isl} input and {use_case.osl} output tokens "
        "(the use case's largest)",
        "SLO: median TTFT and median E2E latency against ttft_max and e2e_max; a missing bound holds",
    ]
    if question.price_basis is not None:
        told.append(f"prices: {question.price_basis} (USD per hour); price_index is the platform's relative index")
    return told
