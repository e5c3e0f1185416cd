"""How near the genetic search comes to the true optimum. Prints, asserts nothing.

    python tests/performance/benchmark_evolution.py [--problems N] [--variants V] [--seed S] [--first K]
        [--largest C] [--method M]

Problems are drawn from a seeded generator: models x device types x clusters x loads x targets x objectives, each of
5,000 to 100,000 distinct configurations over every parameter of the search space. Every configuration is scored once by
the real predictor, which shares step times and replays between configurations that it cannot tell apart, and serves
``--variants`` problems, which differ in targets and objective; the genetic search then has its default budget, and a
predictor that remembers nothing.
"""

import argparse
import random
import statistics
import time
from dataclasses import replace

import numpy as np

from budsim.commons.catalogs import hardware_catalog
from budsim.engine_ops import compatible_engines
from budsim.model_ops.services import default_library
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.workload import LoadMode, SloTargets, Workload
from budsim.simulator.candidate import Evaluation
from budsim.simulator.direct_search import search
from budsim.simulator.evolution import evolve, figures
from budsim.simulator.hardware import device_usd_per_hour
from budsim.simulator.objective import (
    CaseEvaluator,
    Objective,
    best_first,
    error_rate,
    missed,
    objective_value,
    target_checks,
)
from budsim.simulator.parameter_space import ParameterSpace
from budsim.simulator.pareto import hypervolume
from budsim.simulator.predictors import make_predictor
from budsim.simulator.search_space import EvolutionParameters, SearchCase
from budsim.simulator.topology import DeviceGroup, NodeDevices

MODELS = (
    "meta-llama/Llama-3.1-8B-Instruct",
    "meta-llama/Llama-3.1-70B-Instruct",
    "mistralai/Mistral-7B-Instruct-v0.3",
    "Qwen/Qwen2.5-32B-Instruct",
    "Qwen/Qwen3-30B-A3B",
    "mistralai/Mixtral-8x7B-Instruct-v0.1",
    "google/gemma-2-9b-it",
)
DEVICES = (
    "NVIDIA-H100-80GB-HBM3",
    "NVIDIA-A100-SXM4-80GB",
    "NVIDIA-L40S",
    "NVIDIA-H200",
    "NVIDIA-B200",
    "AMD-Instinct-MI300X-OAM",
    "NVIDIA-L4",
    "Tesla-V100-SXM2-32GB",
)
FEWEST, MOST = 5_000, 100_000
CHUNK = 2_000


def draw(rng, library, catalog):
    """One problem, or None where the draw serves nothing."""
    model, device = rng.choice(MODELS), rng.choice(DEVICES)
    arch, spec = library.resolve(model), catalog.match(device).spec
    options = compatible_engines(arch, [spec.device_type], {})
    engine = rng.choice([option for option in options if option.engine in ("vllm", "sglang")] or [None])
    if engine is None:
        return None
    sizes = [rng.choice((1, 2, 4, 8, 8)) for _ in range(rng.choice((1, 1, 2, 2, 3, 4)))]
    nodes = tuple(NodeDevices(f"n{index}", f"n{index}", size) for index, size in enumerate(sizes))
    group = DeviceGroup("c", spec.device_type, spec, spec.name, nodes, spec.memory_bytes * 0.99)
    isl, osl = rng.choice(((256, 128), (1024, 512), (512, 1024), (4096, 256), (2048, 2048), (8000, 500)))
    if isl + osl > (arch.max_position_embeddings or isl + osl):
        return None
    hit_rate = rng.choice((0.0, 0.0, 0.0, 0.5))
    if rng.random() < 0.85:
        load = Workload(
            isl, osl, concurrency=rng.choice((4, 16, 32, 64, 128, 256, 500)), prefix_cache_hit_rate=hit_rate
        )
    else:
        load = Workload(
            isl, osl, LoadMode.POISSON, request_rate=rng.choice((0.2, 1.0, 4.0, 10.0)), prefix_cache_hit_rate=hit_rate
        )
    names = [None] if arch.quantization or rng.random() < 0.7 else [None, "fp8"]
    precisions = tuple(resolve_precision(name, arch, spec) for name in names)
    price = device_usd_per_hour(spec)
    case = SearchCase(
        arch=arch,
        group=group,
        engine=engine,
        workload=load,
        precisions=precisions,
        targets=SloTargets(),
        usd_per_device_hour=price.usd_per_hour if price else None,
    )
    users = load.concurrency or f"{load.request_rate}/s"
    text = f"{model.split('/')[1]} {engine.engine} {sizes} x {spec.name} {isl}/{osl} {users}"
    return case, text


def count_configurations(space):
    if not space.plans or space.size < FEWEST or space.size > 20 * MOST:
        return 0
    count = 0
    for count, _ in enumerate(space.genomes(), 1):
        if count > MOST:
            return count
    return count


def enumerate_all(case, space, method):
    """Every configuration's evaluation, by the real predictor; those that cannot run are left out."""
    evaluator, found = CaseEvaluator(case, make_predictor(method)), []
    chunk = []
    for _, candidate in space.genomes():
        chunk.append(candidate)
        if len(chunk) == CHUNK:
            found += [answer for answer in evaluator.evaluate(chunk) if isinstance(answer, Evaluation)]
            chunk.clear()
    return found + [answer for answer in evaluator.evaluate(chunk) if isinstance(answer, Evaluation)]


def with_targets(case, everything, tightness):
    """Targets at a quantile of what is reachable, so that some are loose, some tight and some cannot all be met."""
    if not everything:
        return case
    ttft = np.array([item.prediction.ttft_ms_p50 for item in everything])
    user = np.array([item.prediction.tps_per_user for item in everything])
    e2e = np.array([item.prediction.e2e_s_p50 for item in everything])
    quantile = [
        None if share is None else float(np.quantile(values, share if low else 1 - share))
        for values, share, low in zip((ttft, user, e2e), tightness, (True, False, True), strict=True)
    ]
    return replace(case, targets=SloTargets(quantile[0], quantile[1], quantile[2]))


def rejudged(everything, case):
    """The same evaluations under other targets."""
    judged = []
    for item in everything:
        checks = target_checks(
            item.prediction, case.targets, output_tps=item.output_tps, cost_per_hour_usd=item.cost_per_hour_usd
        )
        misses = missed(checks)
        judged.append(replace(item, error_rate=error_rate(checks), meets_targets=not misses, misses=misses))
    return judged


def front_points(evaluations):
    """Figures of those that miss least, without what others dominate; rows of cost, latency, minus throughput."""
    least = min(0.0 if item.meets_targets else item.error_rate for item in evaluations)
    kept = [item for item in evaluations if (0.0 if item.meets_targets else item.error_rate) <= least]
    points = np.unique(np.array([figures(item) for item in kept]), axis=0)
    front = []
    for point in points:  # in order of cost
        if not any((other <= point).all() for other in front):
            front.append(point)
    return np.array(front)


def volume_ratio(found, true):
    """Hypervolume of the found front over that of the true one, each figure scaled by the true front's range."""
    low, high = true.min(axis=0), true.max(axis=0)
    span = np.where(high > low, high - low, np.maximum(np.abs(low), 1e-12))

    def volume(points):
        scaled = (points - low) / span
        return hypervolume(scaled.tolist(), (1.1, 1.1, 1.1))

    return volume(found) / volume(true)


def gap(best, optimum, objective):
    """How far the found best is from the optimum: error rate first, then the objective, as a share."""
    missed = best.error_rate - optimum.error_rate
    if best.meets_targets != optimum.meets_targets or missed > 1e-9:
        return missed if missed <= 0.01 and best.meets_targets == optimum.meets_targets else max(missed, 0.02)
    mine, ideal = objective_value(best, objective), objective_value(optimum, objective)
    if objective == Objective.BALANCED.value:
        return mine - ideal  # a difference of logarithms is a relative gap
    return (mine - ideal) / abs(ideal)


def wishes(seed, draw_number, variants):
    """Different pairs of tightness and objective for one enumeration."""
    rng, drawn = random.Random(f"{seed}/{draw_number}/wishes"), []  # noqa: S311 - a benchmark's draws
    while len(drawn) < variants:
        tightness = tuple(rng.choice((None, None, 0.1, 0.3, 0.6)) for _ in range(3))
        wish = (tightness, rng.choice([item.value for item in Objective]))
        if wish not in drawn:
            drawn.append(wish)
    return drawn


def problems(seed, first, count, method, largest=MOST, variants=1):
    """Yield (number, text, case, every evaluation, number of configurations, seconds) of the drawn problems.

    ``first`` counts enumerations; ``number`` counts problems.
    """
    library, catalog = default_library(), hardware_catalog()
    number, draws = 0, 0
    while number < first + -(-count // variants):
        drawn = draw(random.Random(f"{seed}/{draws}"), library, catalog)  # noqa: S311 - a benchmark's draws
        draws += 1
        if drawn is None:
            continue
        case, text = drawn
        space = ParameterSpace(case)
        if space.size < FEWEST:
            continue
        size = count_configurations(space)
        if not FEWEST <= size <= largest or not runs_at_all(case):
            continue
        number += 1
        if number <= first:
            continue
        started = time.perf_counter()
        everything = enumerate_all(case, space, method)
        seconds = time.perf_counter() - started
        if not everything:
            continue
        for variant, (tightness, objective) in enumerate(wishes(seed, draws, variants)):
            wanted = with_targets(replace(case, objective=objective), everything, tightness)
            problem = (number - 1) * variants + variant + 1
            yield problem, text, wanted, rejudged(everything, wanted), size, seconds


def runs_at_all(case):
    """Whether the direct search finds anything: a model that fits nowhere is no problem."""
    return search(case, make_predictor("heuristic")).best is not None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--problems", type=int, default=20)
    parser.add_argument("--variants", type=int, default=1, help="targets and objectives asked of one enumeration")
    parser.add_argument("--first", type=int, default=0, help="enumerations to leave out")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--budget", type=int, default=EvolutionParameters().max_evaluations)
    parser.add_argument("--largest", type=int, default=MOST, help="configurations of a problem at most")
    parser.add_argument("--method", choices=("heuristic", "regressor"), default="regressor", help="the predictor")
    asked = parser.parse_args()
    gaps, ratios, calls, converged, sizes, seconds = [], [], [], [], [], []
    for number, text, case, judged, size, enumerated_s in problems(
        asked.seed, asked.first, asked.problems, asked.method, asked.largest, asked.variants
    ):
        optimum = best_first(judged, case.objective)[0]
        started = time.perf_counter()
        parameters = EvolutionParameters(max_evaluations=asked.budget)
        outcome = evolve(case, make_predictor(asked.method), parameters=parameters, seed=number)
        seconds.append(time.perf_counter() - started)
        generation = outcome.convergence_generation
        gaps.append(gap(outcome.best, optimum, case.objective) if outcome.best else 1.0)
        ratios.append(volume_ratio(front_points(outcome.evaluations), front_points(judged)) if outcome.best else 0.0)
        calls.append(outcome.num_evaluated)
        converged.append(100 if generation is None else min(100, generation))
        sizes.append(size)
        print(
            f"{number:3d} {text} {case.objective}: {size} configurations ({len(judged)} run, {enumerated_s:.1f} s), "
            f"gap {100 * gaps[-1]:.3f} %, hypervolume {ratios[-1]:.4f}, {calls[-1]} calls, "
            f"generation {converged[-1]} of {len(outcome.generations)}, {seconds[-1]:.2f} s",
            flush=True,
        )
    near = sum(value <= 0.01 for value in gaps)
    print(
        f"\n{len(gaps)} problems of {min(sizes)} to {max(sizes)} configurations: within 1 % of the optimum "
        f"{near} ({100 * near / len(gaps):.1f} %), worst gap {100 * max(gaps):.2f} %; hypervolume ratio median "
        f"{statistics.median(ratios):.4f}, lowest {min(ratios):.4f}; calls median {statistics.median(calls):.0f}, most "
        f"{max(calls)}; convergence generation median {statistics.median(converged):.0f}; search median "
        f"{statistics.median(seconds):.2f} s"
    )


if __name__ == "__main__":
    main()
