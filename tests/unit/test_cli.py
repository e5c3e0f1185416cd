"""What scripts read: with --json every answer on stdout is JSON, the errors among them."""

import json

import click
import pytest
from click.testing import CliRunner

from budsim.cli import main


@pytest.mark.parametrize(
    ("words", "code", "field"),
    [
        (["models", "show", "nobody/nothing", "--json"], 2, "model"),
        (["hardware", "show", "Nobody 9000", "--json"], 2, None),
        (["simulate", "Qwen/Qwen3-8B", "--concurrency", "0", "--json"], 2, None),
        (["clusters", "list", "--server", "http://127.0.0.1:1", "--json"], 5, None),
    ],
)
def test_with_json_an_error_is_an_object_on_stdout_and_a_line_on_stderr(words, code, field):
    found = CliRunner().invoke(main, words)
    assert found.exit_code == code
    error = json.loads(found.stdout)
    assert set(error) == {"object", "message", "type", "param", "code"}
    assert error["object"] == "error"
    assert error["message"] in found.stderr.replace("\n", " ") or error["message"] in found.stderr
    if field:
        assert error["param"]["field"] == field


def test_without_json_stdout_stays_empty():
    found = CliRunner().invoke(main, ["models", "show", "nobody/nothing"])
    assert (found.exit_code, found.stdout) == (2, "")
    assert "nobody/nothing" in found.stderr


def float_options(command, path=()):
    """Every option of every command that takes a number with a point."""
    for name, inner in getattr(command, "commands", {}).items():
        yield from float_options(inner, (*path, name))
    for option in command.params:
        if isinstance(option.type, click.FloatRange | click.types.FloatParamType):
            yield pytest.param(option, id=" ".join((*path, option.name)))


@pytest.mark.parametrize("option", list(float_options(main)))
@pytest.mark.parametrize("value", ["nan", "inf"])
def test_no_option_takes_what_is_no_number(option, value):
    with pytest.raises(click.BadParameter):
        option.type.convert(value, option, None)
