"""Whatever is emitted starts: 500 random models, devices, engines and versions, each accepted or refused with a reason.

The parser here is an argparse of its own, built from the table of flags that were read from the packages.
"""

from __future__ import annotations

import argparse
import random
import shlex
from dataclasses import dataclass, field

import pytest

from budsim.commons.catalogs import hardware_catalog
from budsim.commons.errors import BudSimError
from budsim.engine_ops import (
    LaunchQuery,
    NodePlace,
    ParserQuery,
    command_line,
    engine_profile,
    extra_args,
    launch_args,
    node_command_line,
    resolve_engine_settings,
)
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
    spanning: int = 0
    seen: set = field(default_factory=set)


REPACKS = ("AWQ", "GPTQ-Int4", "FP8", "FP8-dynamic", "quantized.w8a8", "quantized.w4a16", "NVFP4", "MXFP4")
PLANS = (
    *[ParallelPlan(tp_size=tp) for tp in (1, 1, 1, 2, 4, 8, 16)],
    *[ParallelPlan(tp_size=tp, pp_size=pp) for tp in (1, 2, 8) for pp in (2, 3, 4)],
    ParallelPlan(4, ep_size=4), ParallelPlan(2, pp_size=2, ep_size=2), ParallelPlan(2, dp_size=2),
    ParallelPlan(1, ep_size=8, dp_size=8), ParallelPlan(8, dp_attention=True),
    ParallelPlan(8, dp_size=4, dp_attention=True),
)  # fmt: skip
OVERRIDES = (
    {}, {}, {}, {"kv_cache_dtype": "fp8"}, {"kv_cache_dtype": "fp8_e4m3"}, {"kv_cache_dtype": "fp8_e5m2"},
    {"kv_cache_dtype": "bf16"}, {"kv_cache_dtype": "nvfp4"}, {"enable_prefix_caching": False}, {"enforce_eager": True},
    {"gpu_memory_utilization": 0.8}, {"stream_interval": 10}, {"max_num_seqs": 64}, {"enable_chunked_prefill": False},
    {"block_size": 32}, {"max_num_batched_tokens": 4096},
)  # fmt: skip


def catalogued_models():
    """Every model of the catalogue by task, and repacks of some of them by other organisations."""
    catalog, found = packaged_catalog(), {"generate": [], "repack": [], "encode": [], "transcribe": []}
    names = sorted(catalog.names)
    repacks = [f"acme/{name.rpartition('/')[2]}-{REPACKS[index % len(REPACKS)]}" for index, name in enumerate(names)]
    for name in (*names, *repacks[::3]):
        match = catalog.match(name)
        if match is None:
            continue
        try:
            arch = catalog.architecture(match, name)
        except BudSimError:  # its own tests look at what it says
            continue
        kind = "repack" if name.startswith("acme/") else "encode"
        kind = arch.task if kind == "encode" and arch.task in ("generate", "transcribe") else kind
        found[kind].append((name, arch))
    return found


def combination(draw, models, devices):
    kind = draw.choice(["generate"] * 5 + ["repack"] * 3 + ["encode", "transcribe"])
    name, arch = draw.choice(models[kind])
    engine, version = draw.choice(ENGINE_VERSIONS[:-1] if kind != "encode" else ENGINE_VERSIONS[-3:])
    device_type = draw.choice(["cuda", "cuda", "cuda", "rocm", "cpu", "hpu"])
    return {
        "name": name,
        "arch": arch,
        "device": draw.choice([device for device in devices if device.device_type == device_type]),
        "engine": engine,
        "version": version,
        "plan": draw.choice(PLANS if kind != "encode" else PLANS[:5]),
        "precision": draw.choice([None, None, None, "fp8", "bf16"]),
        "workload": Workload(draw.choice([128, 1024, 8192]), draw.choice([64, 512]), concurrency=draw.choice([1, 32])),
        "overrides": draw.choice(OVERRIDES),
        "loras": draw.choice([None, None, 1, 4]),
    }


def attempt(case):
    """Return (memory, arguments) of a configuration that is emitted, or the reason why there is none."""
    profile = engine_profile(case["engine"])
    arch, device, plan, version = case["arch"], case["device"], case["plan"], case["version"]
    reason = profile.refusal(arch, device.device_type, version)
    if reason:
        return reason
    option = profile.option(arch, device.device_type, {"sglang_rocm": "own/sglang:rocm"}, version)
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
            version,
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
        query = LaunchQuery(settings, plan, precision, "org/model", device.device_type, version, arch, device)
        args, _ = launch_args(profile.name, query)
        wanted = ParserQuery(
            version=version,
            tool_call_parser=option.tool_calling_parser_type,
            reasoning_parser=option.reasoning_parser_type,
            chat_template=option.chat_template,
            max_loras=case["loras"] if option.supports_lora else None,
        )
        args |= extra_args(profile.name, wanted)
    except BudSimError as error:
        return error.message
    return memory, args


def check_words(case, args, words):
    """The parser takes a command, and reads from it what was meant."""
    parsed = parse(case["engine"], case["version"], words)
    assert ("scheduler_delay_factor" in parsed) == (case["engine"] == "vllm" and case["version"] == "0.8.5")
    wanted = {flag.replace("-", "_"): value for flag, value in args.items() if value is not False}
    wanted.pop("model", None)
    assert {name: str(parsed[name]) for name in wanted} == {name: str(value) for name, value in wanted.items()}


def check_nodes(case, args):
    """The parsers of every node of a replica that spans nodes take its command, by whatever starts it there."""
    engine, version, pods = case["engine"], case["version"], case["plan"].pp_size
    for rank in range(pods):
        words = node_command_line(engine, args, NodePlace(rank, pods, "10.0.0.1", rank == 0), version)
        if words[0] == "sh":  # Ray: the head serves, the others only join
            assert (" vllm serve " in words[2]) == (rank == 0)
            words = shlex.split(words[2].rpartition("exec ")[2]) if rank == 0 else []
        if words:
            check_words(case, args, words)


def tried(draw, count):
    """Draw combinations until ``count`` of them are emitted; every refusal has a reason."""
    models, devices, tally = catalogued_models(), list(hardware_catalog().devices), Tally()
    while tally.emitted < count:
        case = combination(draw, models, devices)
        found = attempt(case)
        if isinstance(found, str):
            assert len(found) > MIN_REASON, (case["name"], found)
            tally.refused += 1
            continue
        memory, args = found
        assert isinstance(memory, MemoryEstimate)
        assert memory.max_concurrency >= 1 or case["arch"].task not in ("generate", "transcribe")
        check_words(case, args, command_line(case["engine"], args, case["version"]))
        if case["plan"].pp_size > 1 and case["engine"] != "latentbud":
            check_nodes(case, args)
            tally.spanning += 1
        tally.emitted += 1
        tally.seen |= {case["engine"], case["device"].device_type, case["arch"].task}
        tally.seen |= {"quantised"} if case["arch"].quantization else set()
        tally.seen |= {"lora"} if args.keys() & {"max-loras", "max-loras-per-batch"} else set()
        tally.seen |= {f"kv {args['kv-cache-dtype']}"} if "kv-cache-dtype" in args else set()
        tally.seen |= {"ep"} if case["plan"].ep_size > 1 else set()
        tally.seen |= {"dp"} if case["plan"].dp_size > 1 else set()
    return tally


def test_500_random_combinations_are_accepted_or_refused_with_a_reason():
    tally = tried(random.Random(20260), 500)  # noqa: S311 - a repeatable draw
    assert tally.refused > 0
    assert tally.spanning > 20
    assert {
        "vllm",
        "sglang",
        "latentbud",
        "cuda",
        "rocm",
        "cpu",
        "hpu",
        "generate",
        "transcribe",
        "embed",
    } <= tally.seen
    assert {"quantised", "lora", "kv fp8", "ep", "dp"} <= tally.seen


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
