"""Which search goes with which method. Pure."""

from __future__ import annotations

from budsim.simulator.candidate import Predictor
from budsim.simulator.direct_search import ProgressReport, StopSignal, search
from budsim.simulator.disaggregated_search import with_pools
from budsim.simulator.evolution import EvolutionOutcome, evolve
from budsim.simulator.ranking import pareto_front
from budsim.simulator.search_space import EvolutionParameters, SearchCase


def search_by(
    method: str,
    case: SearchCase,
    predictor: Predictor,
    *,
    parameters: EvolutionParameters | None = None,
    seed: int = 0,
    should_stop: StopSignal | None = None,
    on_progress: ProgressReport | None = None,
) -> EvolutionOutcome:
    """Return what a method's search finds, best first, with its Pareto front; pools too where the case allows them.

    Args:
        method: ``heuristic`` = direct search over TP x PP x concurrency x replicas with the engine's own values;
            ``regressor`` = genetic search over every parameter.
        case: Model, devices, engine, load, targets.
        predictor: Performance model.
        parameters: Of the genetic search; None = the defaults.
        seed: Of the genetic search.
        should_stop: True ends the search with the best so far.
        on_progress: Told the share of the search that is over.

    Raises:
        InvalidRequestError: The load's sequences are longer than the model's context.
    """
    if method == "regressor":
        evolved = evolve(
            case, predictor, parameters=parameters, seed=seed, should_stop=should_stop, on_progress=on_progress
        )
        return with_pools(evolved, case, predictor, should_stop)
    found = search(case, predictor, should_stop=should_stop, on_progress=on_progress)
    least = [item for item in found.evaluations if item.meets_targets] or found.evaluations
    direct = EvolutionOutcome(
        found.evaluations,
        found.rejections,
        found.num_evaluated,
        found.is_complete,
        front=tuple(pareto_front(least)),
    )
    return with_pools(direct, case, predictor, should_stop)
