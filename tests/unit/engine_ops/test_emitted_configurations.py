"""Whatever is emitted starts: 500 random models, devices, engines and versions, each accepted or refused with a reason.

The parser here is an argparse of its own, built from the table of flags that were read from the packages.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass

import pytest

from budsim.commons.catalogs import hardware_catalog
from budsim.commons.errors import BudSimError, UnsupportedModelError
from budsim.engine_ops import LaunchQuery, command_line, engine_profile, launch_args, resolve_engine_settings
from budsim.engine_ops.argument_tables import SGLANG_ARGUMENTS, VLLM_ARGUMENTS
from budsim.engine_ops.latentbud import FACTS as LATENTBUD_ARGUMENTS
from budsim.model_ops.catalog import packaged_catalog
from budsim.perf_model.memory import MemoryEstimate, estimate_memory
from budsim.perf_model.parallelism import ParallelPlan, check_plan
from budsim.perf_model.precision import resolve_precision
from budsim.perf_model.serving_point import Infeasible, ServingPoint
from budsim.perf_model.workload import Workload

ENGINE_VERSIONS = (
    ("vllm", "0.8.5"), ("vllm", "0.11.0"), ("vllm", "0.19.0"), ("vllm", "0.24.0"), ("vllm", "0.32.0"),
    ("sglang", "0.5.23"), ("latentbud", None),
)  # fmt: skip
MIN_REASON = 20  # characters: a code alone is no reason


class StrictParser(argparse.ArgumentParser):
    def error(self, message):
        raise ValueError(message)


def strict_parser(engine, version):
    """An argparse that knows the flags of one version and nothing else."""
    if engine == "latentbud":
        facts = list(LATENTBUD_ARGUMENTS.values())
    else:
        numbers = tuple(int(part) for part in version.split(".")[:2])
        table = VLLM_ARGUMENTS if engine == "vllm" else SGLANG_ARGUMENTS
        facts = [fact for fact in table if fact.since <= numbers and (fact.until is None or numbers < fact.until)]
    parser = StrictParser(allow_abbrev=False, add_help=False)
    if engine == "vllm":
        parser.add_argument("serve", choices=["serve"])
        parser.add_argument("model_tag")
    for fact in facts:
        if fact.kind == "bool":
            action = argparse.BooleanOptionalAction if fact.negatable else "store_true"
            parser.add_argument(f"--{fact.flag}", action=action, default=None)
            continue
        kind = {"int": int, "float": float}.get(fact.kind, str)
        parser.add_argument(f"--{fact.flag}", type=kind, choices=fact.choices or None)
    return parser, {fact.flag.replace("-", "_"): fact for fact in facts}


def parse(engine, version, words):
    parser, facts = strict_parser(engine, version)
    skipped = {"vllm": 1, "sglang": 3, "latentbud": 1}[engine]  # the program itself
    parsed = vars(parser.parse_args(words[skipped:]))
    for name, value in parsed.items():
        fact = facts.get(name)
        if fact is None or value is None or fact.kind not in ("int", "float"):
            continue
        assert fact.low is None or value > fact.low or (value == fact.low and not fact.low_is_excluded), (name, value)
        assert fact.high is None or value <= fact.high, (name, value)
    return {name: value for name, value in parsed.items() if value is not None}


@dataclass
class Tally:
    emitted: int = 0
    refused: int = 0


def catalogued_models():
    catalog, found = packaged_catalog(), []
    for name in sorted(catalog.names):
        try:
            found.append((name, catalog.architecture(catalog.match(name), name)))
        except UnsupportedModelError:  # its own tests look at what it says
            continue
    return found


def combination(draw, models, devices):
    name, arch = draw.choice(models)
    engine, version = draw.choice(ENGINE_VERSIONS)
    return {
        "name": name,
        "arch": arch,
        "device": draw.choice(devices),
        "engine": engine,
        "version": version,
        "plan": ParallelPlan(tp_size=draw.choice([1, 1, 2, 4, 8]), pp_size=draw.choice([1, 1, 1, 2])),
        "precision": draw.choice([None, None, "fp8"]),
        "workload": Workload(draw.choice([128, 1024, 8192]), draw.choice([64, 512]), concurrency=draw.choice([1, 32])),
        "overrides": draw.choice(
            [
                {},
                {},
                {"kv_cache_dtype": "fp8"},
                {"enable_prefix_caching": False},
                {"enforce_eager": True},
                {"gpu_memory_utilization": 0.8},
                {"stream_interval": 10},
                {"max_num_seqs": 64},
            ]
        ),
    }


def attempt(case):
    """Return (point, words, args) of a configuration that is emitted, or the reason why there is none."""
    profile = engine_profile(case["engine"])
    arch, device, plan = case["arch"], case["device"], case["plan"]
    reason = profile.refusal(arch, device.device_type, case["version"])
    if reason:
        return reason
    option = profile.option(arch, device.device_type, {}, case["version"])
    assert option is not None, case["name"]
    assert option.image
    if plan.pp_size > 1 and not option.supports_pipeline_parallelism:
        return f"{profile.name} has no pipeline stages for {case['name']} on {device.device_type}"
    try:
        precision = resolve_precision(case["precision"], arch, device)
        problem = check_plan(arch, plan, device)
        if problem is not None:
            return problem.reason
        settings = resolve_engine_settings(
            profile.name,
            case["version"],
            arch=arch,
            device=device,
            workload=case["workload"],
            plan=plan,
            precision=precision,
            overrides=case["overrides"],
        )
        point = ServingPoint(arch, device, plan, precision, settings, case["workload"])
        memory = estimate_memory(point)
        if isinstance(memory, Infeasible):
            return memory.reason
        query = LaunchQuery(settings, plan, precision, "org/model", device.device_type, case["version"], arch, device)
        args, _ = launch_args(profile.name, query)
    except BudSimError as error:
        return error.message
    return memory, command_line(profile.name, args, case["version"]), args


def test_500_random_combinations_are_accepted_or_refused_with_a_reason():
    draw = random.Random(20260)  # noqa: S311 - a repeatable draw
    models, devices, tally = catalogued_models(), list(hardware_catalog().devices), Tally()
    while tally.emitted < 500:
        case = combination(draw, models, devices)
        found = attempt(case)
        if isinstance(found, str):
            assert len(found) > MIN_REASON, (case["name"], found)
            tally.refused += 1
            continue
        memory, words, args = found
        assert isinstance(memory, MemoryEstimate)
        assert memory.max_concurrency >= 1 or case["arch"].task not in ("generate", "transcribe")
        parsed = parse(case["engine"], case["version"], words)
        assert ("scheduler_delay_factor" in parsed) == (case["engine"] == "vllm" and case["version"] == "0.8.5")
        wanted = {flag.replace("-", "_"): value for flag, value in args.items() if value is not False}
        wanted.pop("model", None)
        assert {name: str(parsed[name]) for name in wanted} == {name: str(value) for name, value in wanted.items()}
        tally.emitted += 1
    assert tally.refused > 0


@pytest.mark.parametrize(("engine", "version"), ENGINE_VERSIONS)
def test_every_parameter_that_may_be_searched_is_a_flag_within_its_bounds(engine, version):
    _, facts = strict_parser(engine, version)
    for parameter in engine_profile(engine).parameters("cuda", version):
        fact = facts[parameter.flag.replace("-", "_")]
        values = [*parameter.choices, *(value for value in (parameter.low, parameter.high) if value is not None)]
        for value in values:
            typed = int(value) if fact.kind == "int" and parameter.kind != "bool" else value
            text = str(value) if fact.kind == "choice" else typed
            assert fact.problem(text) is None, (parameter.flag, value)
