"""Write ``budsim/engine_ops/argument_tables.py`` from the argument files of released engine packages.

The packages are read, never imported or installed. Fetch them first, without their dependencies:

    pip download --no-deps vllm==0.8.5 vllm==0.11.0 ... sglang==0.5.23 -d FOLDER
    python scripts/build_engine_args.py FOLDER/*.whl

Only flags that BudSim may write are kept (``FLAGS``): name, type, choices, bounds, and the versions that have them.
Parser names and, for SGLang, the architectures it serves are kept whole. With ``--check FILE.json`` (a list of the
flags that the engine's own parser printed) the kept flags are compared with it.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OUTPUT = Path(__file__).resolve().parents[1] / "budsim" / "engine_ops" / "argument_tables.py"
FLAGS = {
    "vllm": """
        model served-model-name host port dtype quantization kv-cache-dtype max-model-len max-num-seqs
        max-num-batched-tokens block-size gpu-memory-utilization enable-chunked-prefill enable-prefix-caching
        enforce-eager stream-interval tensor-parallel-size pipeline-parallel-size data-parallel-size
        enable-expert-parallel distributed-executor-backend enable-lora max-loras max-lora-rank
        enable-auto-tool-choice tool-call-parser reasoning-parser enable-reasoning chat-template trust-remote-code
        async-scheduling scheduler-delay-factor num-scheduler-steps swap-space device task runner
        nnodes node-rank master-addr headless kv-transfer-config
    """,
    "sglang": """
        model-path served-model-name host port dtype quantization kv-cache-dtype context-length max-running-requests
        chunked-prefill-size max-prefill-tokens page-size mem-fraction-static disable-radix-cache disable-cuda-graph
        disable-custom-all-reduce stream-interval tp-size pp-size dp-size ep-size enable-dp-attention enable-lora
        max-loras-per-batch max-lora-rank tool-call-parser reasoning-parser chat-template trust-remote-code
        is-embedding device attn-dp-size
        nnodes node-rank dist-init-addr disaggregation-mode disaggregation-transfer-backend
        disaggregation-bootstrap-port
    """,
}


@dataclass(frozen=True)
class Fact:
    """What one version says of one flag."""

    flag: str
    kind: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    negatable: bool = False


class Package:
    """The Python sources of one wheel, parsed on demand."""

    def __init__(self, wheel: Path) -> None:
        self.engine, self.version = wheel.name.split("-")[:2]
        self._zip = zipfile.ZipFile(wheel)
        self.names = [name for name in self._zip.namelist() if name.endswith(".py")]
        self._trees: dict[str, ast.Module] = {}

    def tree(self, name: str) -> ast.Module:
        """Return a file, parsed."""
        if name not in self._trees:
            self._trees[name] = ast.parse(self._zip.read(name).decode("utf-8"))
        return self._trees[name]

    def matching(self, pattern: str) -> list[str]:
        """Return the files whose path matches."""
        return [name for name in self.names if re.search(pattern, name)]


def literal_values(node: ast.expr) -> list[object]:
    """Return the constants of a literal or a sequence of them."""
    items = node.elts if isinstance(node, ast.Tuple | ast.List) else [node]
    return [item.value for item in items if isinstance(item, ast.Constant)]


class Annotations:
    """Type aliases and dataclass fields of a set of files."""

    def __init__(self, trees: list[ast.Module]) -> None:
        self.aliases: dict[str, ast.expr] = {}
        self.classes: dict[str, ast.ClassDef] = {}
        for tree in trees:
            for node in tree.body:
                if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
                    self.aliases.setdefault(node.targets[0].id, node.value)
                if isinstance(node, ast.ClassDef):
                    self.classes.setdefault(node.name, node)

    def fields(self, class_name: str) -> dict[str, ast.AnnAssign]:
        """Return the annotated fields of a class and of what it inherits."""
        node = self.classes.get(class_name)
        if node is None:
            return {}
        found: dict[str, ast.AnnAssign] = {}
        for base in node.bases:
            if isinstance(base, ast.Name):
                found |= self.fields(base.id)
        for item in node.body:
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                found[item.target.id] = item
        return found

    def hints(self, node: ast.expr, depth: int = 0) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield (type name, literal choices) of every member of a union."""
        if depth > 8:
            return
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from self.hints(ast.parse(node.value, mode="eval").body, depth + 1)
        elif isinstance(node, ast.BinOp):
            yield from self.hints(node.left, depth + 1)
            yield from self.hints(node.right, depth + 1)
        elif isinstance(node, ast.Subscript):
            name = ast.unparse(node.value).split(".")[-1]
            if name == "Literal":
                yield "Literal", tuple(str(value) for value in literal_values(node.slice) if value is not None)
                for part in node.slice.elts if isinstance(node.slice, ast.Tuple) else []:
                    if isinstance(part, ast.Name):  # an alias inside a Literal adds its members
                        yield from self.hints(part, depth + 1)
            elif name in ("Optional", "Union", "SkipValidation", "Annotated", "A"):
                parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
                for part in parts[:1] if name in ("Annotated", "A", "SkipValidation") else parts:
                    yield from self.hints(part, depth + 1)
            else:
                yield name, ()
        elif isinstance(node, ast.Name) and node.id in self.aliases:
            yield from self.hints(self.aliases[node.id], depth + 1)
        else:
            yield ast.unparse(node).split(".")[-1], ()


def bounds(value: ast.expr | None) -> tuple[float | None, float | None, bool]:
    """Return (low, high, low is excluded) of a pydantic ``Field``."""
    low = high = None
    excluded = False
    if isinstance(value, ast.Call):
        for keyword in value.keywords:
            if keyword.arg in ("gt", "ge", "le", "lt") and isinstance(keyword.value, ast.Constant):
                number = float(keyword.value.value)
                if keyword.arg in ("gt", "ge"):
                    low, excluded = number, keyword.arg == "gt"
                else:
                    high = number
    return low, high, excluded


_LIST_TYPES = {"list", "List", "tuple", "Tuple"}


def field_fact(flag: str, field: ast.AnnAssign, known: Annotations) -> Fact:
    """Return what vLLM's ``get_kwargs`` makes of a dataclass field."""
    hints = list(known.hints(field.annotation))
    names = {name for name, _ in hints}
    low, high, excluded = bounds(field.value)
    if "bool" in names:
        return Fact(flag, "bool", negatable=True)
    choices = tuple(choice for name, found in hints if name == "Literal" for choice in found)
    if choices and "str" not in names:
        return Fact(flag, "choice", choices)
    if names & _LIST_TYPES:
        return Fact(flag, "list")
    for kind in ("int", "float"):
        if kind in names:
            return Fact(flag, kind, (), low, high, excluded)
    return Fact(flag, "str")


def call_fact(flag: str, call: ast.Call, groups: dict[str, str], known: Annotations) -> Fact:
    """Return what one ``add_argument`` call says."""
    fact = Fact(flag, "str")
    explicit = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    for keyword in call.keywords:
        if keyword.arg is not None:
            continue
        for part in ast.walk(keyword.value):
            if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name) and part.value.id in groups:
                name = part.slice.value if isinstance(part.slice, ast.Constant) else ""
                field = known.fields(groups[part.value.id]).get(str(name))
                if field is not None:
                    fact = field_fact(flag, field, known)
                break
    if "action" in explicit:
        text = ast.unparse(explicit["action"])
        if "store_true" in text or "Boolean" in text:
            return Fact(flag, "bool", negatable="Boolean" in text)
    listed = explicit.get("choices")
    if isinstance(listed, ast.List) and not any(isinstance(item, ast.Starred) for item in listed.elts):
        return Fact(flag, "choice", tuple(str(value) for value in literal_values(listed) if value is not None))
    if "type" in explicit and fact.kind == "str":
        text = ast.unparse(explicit["type"])
        kind = next((kind for kind in ("int", "float") if kind in text), "str")
        fact = Fact(flag, kind)
    return fact


def vllm_facts(package: Package) -> dict[str, Fact]:
    """Return the flags of ``vllm serve`` of one version."""
    cli_files = package.matching(r"entrypoints/(openai|launchers)/cli_args\.py$")
    engine_file = "vllm/engine/arg_utils.py"
    trees = [
        package.tree(name) for name in (*package.matching(r"^vllm/config(\.py|/.*\.py)$"), engine_file, *cli_files)
    ]
    known = Annotations(trees)
    found: dict[str, Fact] = {}
    for name in (engine_file, *cli_files):
        tree = package.tree(name)
        groups = {
            node.targets[0].id: ast.unparse(node.value.args[0])
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Call)
            and ast.unparse(node.value.func).endswith("get_kwargs")
            and node.value.args
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument":
                for word in node.args:
                    if isinstance(word, ast.Constant) and str(word.value).startswith("--"):
                        flag = str(word.value)[2:]
                        found[flag] = call_fact(flag, node, groups, known)
    for field_name, field in known.fields("FrontendArgs").items():  # every field of it becomes a flag
        flag = field_name.replace("_", "-")
        found.setdefault(flag, field_fact(flag, field, known))
    return found


def sglang_facts(package: Package) -> dict[str, Fact]:
    """Return the flags of SGLang's server: annotated fields, and aliases in their ``Arg``."""
    names = package.matching(r"^sglang/srt/(server_args\.py|arg_groups/.*\.py)$")
    known = Annotations([package.tree(name) for name in names])
    found: dict[str, Fact] = {}
    for name in package.matching(r"^sglang/srt/(server_args\.py|arg_groups/fields/.*\.py)$"):
        for node in ast.walk(package.tree(name)):
            if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
                continue
            flag = node.target.id.replace("_", "-")
            fact = field_fact(flag, node, known)
            fact = Fact(flag, "bool") if fact.kind == "bool" else fact
            choices = _arg_choices(node.annotation, known)
            found[flag] = Fact(flag, "choice", choices) if choices and fact.kind in ("str", "choice") else fact
    return found


def _arg_choices(annotation: ast.expr, known: Annotations) -> tuple[str, ...]:
    for part in ast.walk(annotation):
        if isinstance(part, ast.Call) and ast.unparse(part.func).endswith("Arg"):
            for keyword in part.keywords:
                if keyword.arg == "choices":
                    value = keyword.value
                    if isinstance(value, ast.Name):
                        value = known.aliases.get(value.id, value)
                    if isinstance(value, ast.List):
                        return tuple(str(item.value) for item in value.elts if isinstance(item, ast.Constant))
    return ()


def registered_names(package: Package, pattern: str, table: str) -> list[str]:
    """Return parser names: keys of a table, or arguments of ``register_module`` decorators."""
    found: set[str] = set()
    for name in package.matching(pattern):
        for node in ast.walk(package.tree(name)):
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            is_table = isinstance(target, ast.Name) and target.id == table
            if is_table and isinstance(getattr(node, "value", None), ast.Dict):
                found |= {str(key.value) for key in node.value.keys if isinstance(key, ast.Constant)}
            if isinstance(node, ast.ClassDef):
                for call in node.decorator_list:
                    if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("register_module") and call.args:
                        found |= {str(value) for value in literal_values(call.args[0])}
    return sorted(found)


_NOT_SERVED = ("_SPECULATIVE_DECODING_MODELS", "_PREVIOUSLY_SUPPORTED_MODELS", "_OOT_SUPPORTED_MODELS")


def vllm_architectures(package: Package) -> dict[str, str]:
    """Return the architectures of vLLM's registry, and the class that serves each."""
    found: dict[str, str] = {}
    for node in package.tree("vllm/model_executor/models/registry.py").body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if not (isinstance(target, ast.Name) and target.id.endswith("_MODELS") and isinstance(value, ast.Dict)):
            continue
        if target.id in _NOT_SERVED:
            continue
        for key, item in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(item, ast.Tuple):
                found[str(key.value)] = str(literal_values(item)[-1])
    return found


class ModelClasses:
    """The classes of an engine's model files: what they inherit and what their bodies name."""

    def __init__(self, package: Package, pattern: str) -> None:
        self._classes: dict[str, ast.ClassDef] = {}
        for name in package.matching(pattern):
            for node in package.tree(name).body:
                if isinstance(node, ast.ClassDef):
                    self._classes.setdefault(node.name, node)

    def ancestors(self, name: str) -> Iterator[ast.ClassDef]:
        """Yield a class and everything it inherits from, as far as the files say."""
        waiting, seen = [name], set()
        while waiting:
            current = waiting.pop()
            node = self._classes.get(current)
            if current in seen or node is None:
                continue
            seen.add(current)
            yield node
            waiting += [ast.unparse(base).split(".")[-1] for base in node.bases]

    def inherits(self, name: str, base: str) -> bool:
        """Return whether a class has a base, directly or not."""
        return any(node.name == base for node in self.ancestors(name)) or any(
            ast.unparse(parent).split(".")[-1].split("[")[0] == base
            for node in self.ancestors(name)
            for parent in node.bases
        )

    def takes(self, name: str, argument: str) -> bool:
        """Return whether ``forward`` of the class or of what it inherits has an argument."""
        for node in self.ancestors(name):
            for item in node.body:
                if isinstance(item, ast.FunctionDef) and item.name == "forward":
                    named = [*item.args.args, *item.args.kwonlyargs]
                    return any(found.arg == argument for found in named)
        return False

    def states(self, name: str, attribute: str) -> bool:
        """Return whether a class body or an inherited one names an attribute."""
        return any(attribute in ast.unparse(item) for node in self.ancestors(name) for item in node.body)


def sglang_architectures(package: Package) -> list[str]:
    """Return the class names that SGLang's model files export."""
    found: set[str] = set()
    for name in package.matching(r"^sglang/srt/models/[^/]+\.py$"):
        for node in package.tree(name).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EntryClass":
                found |= {part.id for part in ast.walk(node.value) if isinstance(part, ast.Name)}
    return sorted(found)


def conversation_names(package: Package) -> list[str]:
    """Return the chat templates that SGLang knows by name."""
    found: set[str] = set()
    for name in package.matching(r"^sglang/srt/parser/conversation\.py$"):
        for node in ast.walk(package.tree(name)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Conversation":
                found |= {
                    str(item.value.value)
                    for item in node.keywords
                    if item.arg == "name" and isinstance(item.value, ast.Constant)
                }
    return sorted(found)


def spans(tables: dict[tuple[int, ...], dict[str, Fact]], flags: list[str]) -> list[tuple[Fact, str, str]]:
    """Return each flag's facts with the version that has them first, and the one that has them no more."""
    versions = sorted(tables)
    rows: list[tuple[Fact, str, str]] = []
    for flag in flags:
        current: Fact | None = None
        since: tuple[int, ...] = ()
        for version in (*versions, None):
            fact = tables[version].get(flag) if version else None
            if current is not None and (fact != current or version is None):
                rows.append((current, repr(since), repr(version)))
            if fact is not None and fact != current:
                since = version
            current = fact
    return rows


def wrapped(name: str, values: list[str]) -> str:
    """Return a named set of words as source text."""
    lines, line = [], "   "
    for value in values:
        if len(line) + len(value) > 112:
            lines.append(line)
            line = "   "
        line += f" {value}"
    body = "\n".join([*lines, line])
    return f'{name} = names(\n    """\n{body}\n    """\n)\n' if values else f'{name} = names("")\n'


def main() -> int:
    """Read the wheels and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheels", nargs="+", type=Path)
    parser.add_argument("--check", nargs="*", type=Path, default=[])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    packages = [Package(wheel) for wheel in options.wheels]
    tables: dict[str, dict[tuple[int, ...], dict[str, Fact]]] = {"vllm": {}, "sglang": {}}
    parsers: list[str] = []
    served: dict[tuple[int, ...], dict[str, str]] = {}
    without: dict[str, dict[str, bool]] = {"LORA": {}, "STAGES": {}}
    for package in sorted(packages, key=lambda item: [int(part) for part in item.version.split(".")]):
        version = tuple(int(part) for part in package.version.split(".")[:2])
        label = "_".join(map(str, version))
        if package.engine == "vllm":
            tables["vllm"][version] = vllm_facts(package)
            tools = registered_names(package, r"/tool_parsers/.*\.py$", "_TOOL_PARSERS_TO_REGISTER")
            reasons = registered_names(package, r"^vllm/reasoning/.*\.py$", "_REASONING_PARSERS_TO_REGISTER")
            served[version] = vllm_architectures(package)
            classes = ModelClasses(package, r"^vllm/(model_executor/models|models)/.*\.py$")
            for name, class_name in served[version].items():  # the newest release that serves it has the last word
                without["LORA"][name] = not classes.inherits(class_name, "SupportsLoRA")
                without["STAGES"][name] = not classes.inherits(class_name, "SupportsPP")
        else:
            tables["sglang"][version] = sglang_facts(package)
            tools = registered_names(package, r"function_call_parser\.py$", "ToolCallParserEnum")
            reasons = registered_names(package, r"reasoning_parser\.py$", "DetectorMap")
            names = sglang_architectures(package)
            classes = ModelClasses(package, r"^sglang/srt/models/.*\.py$")
            staged = [name for name in names if classes.takes(name, "pp_proxy_tensors")]
            adapted = [name for name in names if classes.states(name, "supported_lora_modules")]
            parsers.append(wrapped("SGLANG_ARCHITECTURES", names))
            parsers.append(wrapped("SGLANG_WITH_STAGES", staged))
            parsers.append(wrapped("SGLANG_WITH_LORA_MODULES", adapted))
            templates = conversation_names(package)
            parsers.append(wrapped("SGLANG_CHAT_TEMPLATES", templates))
        parsers.append(wrapped(f"{package.engine.upper()}_TOOL_PARSERS_{label}", tools))
        parsers.append(wrapped(f"{package.engine.upper()}_REASONING_PARSERS_{label}", reasons))
    previous: set[str] = set()
    for version in sorted(served):
        label = "_".join(map(str, version))
        names = set(served[version])
        parsers.append(wrapped(f"VLLM_ARCHITECTURES_SINCE_{label}", sorted(names - previous)))
        parsers.append(wrapped(f"VLLM_ARCHITECTURES_UNTIL_{label}", sorted(previous - names)))
        previous = names
    for name, flags in without.items():
        parsers.append(wrapped(f"VLLM_WITHOUT_{name}", sorted(arch for arch, missing in flags.items() if missing)))
    for path in options.check:
        report(json.loads(path.read_text()), tables)
    options.output.write_text(render(tables, parsers, packages))
    print(f"{options.output}: {sum(len(table) for engine in tables.values() for table in engine.values())} flags read")
    return 0


def report(reference: dict, tables: dict) -> None:
    """Say where a list of flags, printed by an engine, and what was read disagree."""
    version = tuple(int(part) for part in reference["version"].split(".")[:2])
    read = tables[reference["engine"]][version]
    listed = {flag[2:]: item for item in reference["args"] for flag in item["flags"] if not flag.startswith("--no-")}
    for flag in FLAGS[reference["engine"]].split():
        ours, theirs = read.get(flag), listed.get(flag)
        if (ours is None) != (theirs is None):
            print(f"{reference['engine']} {flag}: read {ours}, listed {theirs}")
        elif ours and theirs and theirs.get("choices") and set(theirs["choices"]) - {"None"} != set(ours.choices):
            print(f"{reference['engine']} {flag}: choices differ: {ours.choices} {theirs['choices']}")


def render(tables: dict, parsers: list[str], packages: list[Package]) -> str:
    """Return the module's text."""
    sources = ", ".join(sorted(f"{package.engine} {package.version}" for package in packages))
    lines = [
        '"""Flags, parser names and architectures of engine releases. Written by ``scripts/build_engine_args.py``.',
        "",
        "Read from the argument files of these packages:",
        f"{sources}.",
        "Only flags that BudSim may write; a fact holds from ``since`` up to, not including, ``until`` (None: it still",
        "holds in the newest release that was read).",
        '"""',
        "",
        "from __future__ import annotations",
        "",
        "from budsim.engine_ops.arguments import ArgumentFact, names",
        "",
    ]
    for engine, by_version in tables.items():
        lines.append(f"{engine.upper()}_ARGUMENTS: tuple[ArgumentFact, ...] = (")
        for fact, since, until in spans(by_version, sorted(FLAGS[engine].split())):
            words = [repr(fact.flag), repr(fact.kind), f"since={since}"]
            words += [f"until={until}"] if until != "None" else []
            words += [f"choices={fact.choices!r}"] if fact.choices else []
            words += [f"low={fact.low!r}"] if fact.low is not None else []
            words += [f"high={fact.high!r}"] if fact.high is not None else []
            words += ["low_is_excluded=True"] if fact.open_low else []
            words += ["negatable=True"] if fact.negatable else []
            lines.append(f"    ArgumentFact({', '.join(words)}),")
        lines += [")", ""]
    return "\n".join([*lines, *parsers])


if __name__ == "__main__":
    sys.exit(main())
