"""Pages that a script writes say what the code says; what the conformance page names exists."""

import ast
import importlib
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from budsim.cli import main as cli
from budsim.commons.config import AppSettings
from budsim.main import create_app

ROOT = Path(__file__).parents[1]
CONFORMANCE = ROOT / "docs" / "conformance.md"
# Lines of each source document.
DOCUMENTS = {
    "user-guide.md": 188,
    "service-readme.md": 491,
    "low-level-design.md": 687,
    "recommendations-summary.md": 174,
    "gpu-recommender-summary.md": 327,
}
FOLDERS = tuple(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("."))
TOP_FILE = re.compile(r"[\w-]+\.(md|toml|txt|yml|ini)|\.[\w.-]+|Makefile|Dockerfile|LICENSE")


@pytest.mark.parametrize("script", ["build_engine_docs.py"])
def test_a_generated_page_is_what_its_script_writes_today(script):
    command = [sys.executable, str(ROOT / "scripts" / script), "--check"]
    known = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run(command, cwd=ROOT, env=known, capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr


def tables():
    """Yield (document, first line, last line, cells) of every row of the conformance page."""
    for section in re.split(r"^## ", CONFORMANCE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        document = section.split(" ", 1)[0]
        for line in section.splitlines():
            row = re.fullmatch(r"\| (\d+)(?:–(\d+))? \| (.*) \|", line)
            if row:
                first = int(row[1])
                yield document, first, int(row[2] or first), [cell.strip() for cell in row[3].split(" | ")]


ROWS = list(tables())


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_line_of_a_source_document_is_walked_once(document):
    end = 0
    for name, first, last, _ in ROWS:
        if name == document:
            assert first == end + 1, f"{document}: after line {end}"
            end = last
    assert end == DOCUMENTS[document]


@cache
def defined_in(file):
    """Names of a test module's functions and classes, methods as ``Class::method``."""
    names = set()
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef):
            names |= {node.name, *(f"{node.name}::{item.name}" for item in node.body if hasattr(item, "name"))}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
    return names


@pytest.fixture(scope="module")
def operations():
    """Method and path of every operation, and of the page."""
    paths = create_app(AppSettings(_env_file=None)).openapi()["paths"]
    return {f"{method.upper()} {path}" for path, found in paths.items() for method in found}


def variables():
    for name, field in AppSettings.model_fields.items():
        yield from (str(choice).upper() for choice in getattr(field.validation_alias, "choices", None) or [name])


VARIABLES = set(variables())
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def attribute(dotted):
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)


def is_there(word, operations):
    """Whether what a word names exists; None = it names nothing of ours."""
    file, _, test = word.removeprefix("python ").partition("::")
    if re.match(r"(GET|PUT|POST|DELETE) /", word):
        return word in operations
    if word.startswith("make "):
        return word.removeprefix("make ") in TARGETS
    if word.startswith("budsim "):
        return word.split()[1] in cli.commands
    if re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+", word):
        return word in VARIABLES
    if re.fullmatch(r"budsim(\.\w+)+", word):
        return attribute(word) is not None
    if test:
        return (ROOT / file).is_file() and test in defined_in(file)
    if re.fullmatch(r"[\w./-]+", file) and (file.split("/")[0] in FOLDERS or TOP_FILE.fullmatch(file)):
        return (ROOT / file).exists()
    return None


def test_every_test_file_route_command_and_variable_that_is_named_exists(operations):
    missing = [
        f"{document}:{first} {word}"
        for document, first, _, cells in ROWS
        for word in re.findall(r"`([^`]+)`", " ".join(cells[1:]))
        if is_there(word, operations) is False
    ]
    assert missing == []


@pytest.mark.parametrize(
    "word",
    [
        "tests/test_docs.py::test_no_such",
        "tests/no_such.py",
        "GET /no/such",
        "NO_SUCH_VARIABLE",
        "make no-such",
        "budsim no-such",
        "scripts/no_such.py",
    ],
)
def test_what_does_not_exist_is_found(word, operations):
    assert is_there(word, operations) is False


def test_every_row_says_what_and_points_at_something_that_exists(operations):
    for document, first, _, cells in ROWS:
        assert len(cells) >= 2, (document, first)
        assert cells[0], (document, first)
        assert any(is_there(word, operations) for word in re.findall(r"`([^`]+)`", cells[1])), (document, first)
