"""``budsim deploy render``: one command from a model to what launches it."""

import pytest
import yaml
from click.testing import CliRunner

from budsim.cli import main

MODEL = "Qwen/Qwen3-8B"


def run(*words):
    return CliRunner().invoke(main, ["deploy", "render", *words])


def test_a_model_becomes_a_command():
    found = run(MODEL)
    assert found.exit_code == 0, found.output
    assert f"vllm serve {MODEL} --tensor-parallel-size" in found.output
    assert found.output.count("\n") == 1


@pytest.mark.parametrize("form", ["compose", "kubernetes", "kserve", "llm-d"])
def test_every_form_is_yaml(form):
    found = run(MODEL, "--format", form)
    assert found.exit_code == 0, found.output
    assert all(yaml.safe_load_all(found.output))


def test_an_engine_and_its_version_can_be_chosen():
    assert "sglang.launch_server" in run(MODEL, "--engine", "sglang").output
    old = run(MODEL, "--engine", "vllm", "--engine-version", "0.8.5").output
    assert "--scheduler-delay-factor" in old
    assert "--scheduler-delay-factor" not in run(MODEL).output


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((), "Name a MODEL"),
        ((MODEL, "--workflow-id", "1"), "without MODEL"),
        ((MODEL, "--server", "http://127.0.0.1:1"), "workflow-id"),
        ((MODEL, "--engine", "tgi"), "predicted only"),
    ],
)
def test_what_cannot_be_rendered_is_told_with_exit_code_2(words, text):
    found = run(*words)
    assert found.exit_code == 2
    assert text in found.output


def test_a_server_that_does_not_answer_is_exit_code_5():
    found = run("--server", "http://127.0.0.1:1", "--workflow-id", "00000000-0000-0000-0000-000000000001")
    assert found.exit_code == 5
