"""Let the real engines parse what BudSim emits, where they are installed.

    make engine-check

For vLLM and SGLang, whichever this Python can import: the arguments of every device type and a few layouts, of the
installed version, go through the engine's own parser. An engine that is not installed is said, not skipped in silence.
Exit code 0: nothing was refused (or no engine is installed), 1: an argument was refused.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable, Iterator

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
)
from budsim.perf_model.engine_settings import EngineSettings
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import Precision

DISTRIBUTIONS = {"vllm": "vllm", "sglang": "sglang"}
PRECISIONS = (Precision("bf16", 2.0, 2.0, "bf16"), Precision("fp8", 1.0, 2.0, "fp8"))
PLANS = (ParallelPlan(), ParallelPlan(tp_size=4), ParallelPlan(tp_size=2, pp_size=2), ParallelPlan(2, ep_size=2))
PROGRAM_WORDS = {"vllm": 2, "sglang": 3}  # "vllm serve", "python3 -m sglang.launch_server"


def commands(engine: str, version: str) -> Iterator[list[str]]:
    """Yield the commands that BudSim emits for a version of an engine."""
    for device_type in engine_profile(engine).device_types:
        for plan in PLANS:
            for precision in PRECISIONS:
                settings = EngineSettings(
                    engine, version, 256, 8192, 8192, 0.9, "fp8" if precision.name == "fp8" else "bf16",
                    block_size=128 if device_type == "hpu" else 16 if engine == "vllm" else 1,
                    enable_chunked_prefill=device_type != "hpu", enforce_eager=plan.tp_size == 4, stream_interval=4,
                )  # fmt: skip
                query = LaunchQuery(settings, plan, precision, "org/model", device_type, version)
                try:
                    args, _ = launch_args(engine, query)
                except BudSimError as error:
                    print(f"  not emitted ({device_type}, {plan.tp_size}x{plan.pp_size}): {error.message}")
                    continue
                args |= extra_args(engine, ParserQuery(version=version, max_loras=2))
                yield command_line(engine, args, version)
                for rank in range(plan.pp_size if plan.pp_size > 1 else 0):
                    place = NodePlace(rank, plan.pp_size, "10.0.0.1", rank == 0)
                    words = node_command_line(engine, args, place, version)
                    if words[0] != "sh":  # a shell starts Ray; the server behind it has the command above
                        yield words


def vllm_parser() -> argparse.ArgumentParser:
    """Return the parser of the installed ``vllm serve``."""
    module = next(
        name
        for name in ("vllm.entrypoints.openai.cli_args", "vllm.entrypoints.launchers.cli_args")
        if importlib.util.find_spec(name) is not None
    )
    flexible = next(
        name
        for name in ("vllm.utils.argparse_utils", "vllm.utils")
        if hasattr(importlib.import_module(name), "FlexibleArgumentParser")
    )
    parser: argparse.ArgumentParser = importlib.import_module(flexible).FlexibleArgumentParser()
    found: argparse.ArgumentParser = importlib.import_module(module).make_arg_parser(parser)
    if not any(action.dest == "model_tag" for action in found._actions):  # 0.8: "vllm serve" itself adds it
        found.add_argument("model_tag", nargs="?")
    return found


def sglang_parser() -> argparse.ArgumentParser:
    """Return the parser of the installed SGLang server."""
    parser = argparse.ArgumentParser()
    importlib.import_module("sglang.srt.server_args").ServerArgs.add_cli_args(parser)
    return parser


PARSERS: dict[str, Callable[[], argparse.ArgumentParser]] = {"vllm": vllm_parser, "sglang": sglang_parser}


def check(engine: str) -> int:
    """Return how many commands the installed engine refuses; 0 where it is not installed."""
    try:
        version = importlib.metadata.version(DISTRIBUTIONS[engine])
    except importlib.metadata.PackageNotFoundError:
        print(
            f"{engine}: not installed here; its parser was not asked (the tables of argument_tables.py were, in tests)"
        )
        return 0
    print(f"{engine} {version}: asking its own parser")
    parser, refused, asked = PARSERS[engine](), 0, 0
    for words in commands(engine, version):
        asked += 1
        try:
            parser.parse_args(words[PROGRAM_WORDS[engine] :])
        except SystemExit:
            refused += 1
            print(f"  REFUSED: {' '.join(words)}")
    print(f"{engine} {version}: {asked} commands asked, {refused} refused")
    return refused


def main() -> int:
    """Check every engine."""
    return 1 if sum(check(engine) for engine in PARSERS) else 0


if __name__ == "__main__":
    sys.exit(main())
