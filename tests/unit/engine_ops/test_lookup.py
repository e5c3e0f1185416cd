"""The platform's lookup decides where it answers; where it does not, the shipped tables do and that is said."""

from __future__ import annotations

import httpx
import pytest

from budsim.engine_ops import merged_options, options_on, sglang, vllm
from budsim.engine_ops.lookup import look_up_engines

ENTRY = {
    "engine": "vLLM", "device_architecture": "CUDA", "container_image": "registry/vllm:1", "version": "0.19.0",
    "tool_calling_parser_type": "hermes", "reasoning_parser_type": None, "architecture_family": "qwen",
    "chat_template": "", "supports_lora": True, "supports_pipeline_parallelism": None,
}  # fmt: skip


def service(*answers: httpx.Response, seen: list[httpx.URL] | None = None) -> httpx.MockTransport:
    waiting = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request.url)
        return waiting.pop(0)

    return httpx.MockTransport(answer)


def entries(*found: object) -> httpx.Response:
    return httpx.Response(200, json={"compatible_engines": list(found)})


def test_the_first_architecture_that_is_known_decides() -> None:
    seen: list[httpx.URL] = []
    transport = service(entries(), entries(ENTRY), seen=seen)
    answer = look_up_engines("http://connect/", ["A", "B"], "org/m", "LLM", transport=transport)
    (option,) = answer.options
    assert (option.engine, option.device_type, option.image, option.version) == (
        "vllm", "cuda", "registry/vllm:1", "0.19.0",
    )  # fmt: skip
    assert (option.supports_lora, option.supports_pipeline_parallelism, option.chat_template) == (True, False, None)
    assert answer.note is None
    assert [url.path for url in seen] == ["/engine/get-compatible-engines"] * 2
    assert dict(seen[1].params) == {"model_architecture": "B", "model_uri": "org/m", "model_endpoints": "LLM"}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"compatible_engines": 5}),
        entries({**ENTRY, "engine": "unheard-of"}),
        entries({**ENTRY, "container_image": None}),
        entries(5),
    ],
)
def test_a_useless_answer_leaves_the_shipped_tables_and_says_so(answer: httpx.Response) -> None:
    found = look_up_engines("http://connect", ["A"], transport=service(answer))
    assert found.options == ()
    assert "shipped tables" in (found.note or "")


def test_a_lookup_that_hangs_up_leaves_the_shipped_tables() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("late")

    found = look_up_engines("http://connect", ["A"], transport=httpx.MockTransport(refuse))
    assert "ConnectTimeout" in (found.note or "")


def test_an_option_for_cpu_serves_cpu_high_and_what_was_looked_up_replaces_the_tables() -> None:
    entry = {**ENTRY, "device_architecture": "cpu"}
    (option,) = look_up_engines("http://connect", ["A"], transport=service(entries(entry))).options
    assert [found.device_type for found in options_on([option], "cpu_high")] == ["cpu_high"]
    assert options_on([option], "cuda") == []
    assert merged_options([option], []) == [option]
    assert [vllm.PROFILE.name, sglang.PROFILE.name] == ["vllm", "sglang"]
