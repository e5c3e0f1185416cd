"""The hub client against a local server that speaks the hub's protocol: every answer it may give, good or bad."""

from __future__ import annotations

import hashlib
import json
import struct
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from budsim.commons.errors import UnknownModelError, UnsupportedModelError
from budsim.model_ops.hub import MAX_CONFIG_BYTES
from budsim.model_ops.services import ModelLibrary

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LLAMA = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 128,
    "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100,
    "max_position_embeddings": 256, "tie_word_embeddings": False,
}  # fmt: skip
TENSORS = {"a.weight": ("BF16", [4, 8], 64), "b.weight": ("F8_E4M3", [16], 16), "b.scale": ("F32", [2], 8)}


def checkpoint() -> bytes:
    header: dict[str, Any] = {}
    end = 0
    for name, (dtype, shape, size) in TENSORS.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


FILES = {
    "acme/Tiny-7B": {"config.json": json.dumps(LLAMA).encode(), "model.safetensors": checkpoint()},
    "acme/Locked-7B": {"config.json": json.dumps(LLAMA).encode()},
    "acme/Odd-7B": {
        "config.json": json.dumps({**LLAMA, "model_type": "nobody_knows_it", "hidden_size": None}).encode()
    },
    "acme/Partial-7B": {"config.json": json.dumps({"model_type": "acme_unheard", "hidden_size": 64}).encode()},
    "acme/NotJson-7B": {"config.json": b"<html>sign in</html>"},
    "acme/Bare-7B": {},
}
RENAMED = {"acme/Old-7B": "acme/Tiny-7B"}


class FakeHub(BaseHTTPRequestHandler):
    """Answers ``/{org}/{name}/resolve/main/{file}`` as the hub does."""

    asked: list[tuple[str, str]]
    release: threading.Event

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, with_body: bool) -> None:
        self.asked.append((self.command, self.path))
        repo, _, rest = self.path.lstrip("/").partition("/resolve/")
        name = rest.partition("/")[2].partition("?")[0]
        if repo in RENAMED:
            return self._plain(307, {"Location": f"/{RENAMED[repo]}/resolve/{rest}"})
        if repo == "acme/Hangs-7B":
            self.release.wait(20)
            return self._plain(503, {})
        if repo == "acme/Gated-7B":
            return self._plain(403, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted."})
        if repo == "acme/Locked-7B" and "Bearer good" not in self.headers.get("Authorization", ""):
            return self._plain(401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted."})
        if repo == "acme/Huge-7B":
            return self._plain(200, {"Content-Length": str(40 * 2**20), "ETag": '"huge"', "X-Repo-Commit": COMMIT})
        if repo not in FILES:
            return self._plain(404, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
        if name not in FILES[repo]:
            return self._plain(404, {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"})
        return self._file(FILES[repo][name], with_body)

    def _plain(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": "0", **headers}.items():
            self.send_header(key, value)
        self.end_headers()

    def _file(self, content: bytes, with_body: bool) -> None:
        wanted = self.headers.get("Range", "")
        part = content
        if wanted.startswith("bytes="):
            first, last = wanted.removeprefix("bytes=").split("-")
            part = content[int(first) : int(last or len(content) - 1) + 1]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()[:40]}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if with_body:
            self.wfile.write(part)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeHub]]:
    import huggingface_hub.hf_api
    from huggingface_hub import constants

    handler = type("Hub", (FakeHub,), {"asked": [], "release": threading.Event()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(huggingface_hub.hf_api.api, "endpoint", url)
    yield handler
    handler.release.set()
    server.shutdown()
    server.server_close()


def library(tmp_path: Path, **changes: Any) -> ModelLibrary:
    return ModelLibrary(tmp_path / "registry", tmp_path / "cache", **{"timeout_s": 5.0, **changes})


def test_a_config_is_fetched_once_and_then_read_from_the_cache(tmp_path: Path, hub: type[FakeHub]) -> None:
    assert library(tmp_path).resolve("acme/Tiny-7B").num_layers == 2
    asked = len(hub.asked)
    assert asked > 0
    assert library(tmp_path, offline=True).resolve("acme/Tiny-7B").num_layers == 2
    assert len(hub.asked) == asked


def test_headers_give_exact_bytes_without_the_weights(tmp_path: Path, hub: type[FakeHub]) -> None:
    size = library(tmp_path).checkpoint_size("acme/Tiny-7B")
    assert size is not None
    assert size.total_bytes == sum(tensor[2] for tensor in TENSORS.values())


def test_a_renamed_repository_is_followed(tmp_path: Path, hub: type[FakeHub]) -> None:
    assert library(tmp_path).resolve("acme/Old-7B").hidden_size == 64


def test_a_token_opens_a_gated_repository_and_none_is_told_what_to_do(tmp_path: Path, hub: type[FakeHub]) -> None:
    with pytest.raises(UnknownModelError, match="HF_TOKEN"):
        library(tmp_path).resolve("acme/Locked-7B")
    assert library(tmp_path, hub_token="good").resolve("acme/Locked-7B").num_layers == 2


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("acme/Gated-7B", UnknownModelError, "gated.*HF_TOKEN"),
        ("acme/Nobody-7B", UnknownModelError, "the hub has no public model"),
        ("acme/Bare-7B", UnknownModelError, r"has no config\.json"),
        ("acme/Huge-7B", UnsupportedModelError, f"41943040 bytes, the limit is {MAX_CONFIG_BYTES}"),
        ("acme/NotJson-7B", UnsupportedModelError, "not valid JSON"),
        ("acme/Partial-7B", UnsupportedModelError, "num_"),
        ("acme/Odd-7B", UnsupportedModelError, "hidden_size"),
    ],
)
def test_each_answer_of_the_hub_is_a_clear_error(
    tmp_path: Path, hub: type[FakeHub], name: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        library(tmp_path).resolve(name)


def test_a_40_mb_config_is_not_fetched(tmp_path: Path, hub: type[FakeHub]) -> None:
    with pytest.raises(UnsupportedModelError):
        library(tmp_path).resolve("acme/Huge-7B")
    assert {method for method, _ in hub.asked} == {"HEAD"}


def test_a_hub_that_hangs_ends_within_the_timeout(tmp_path: Path, hub: type[FakeHub]) -> None:
    start = time.monotonic()
    with pytest.raises(UnknownModelError, match=r"did not answer|reached"):
        library(tmp_path, timeout_s=0.5).resolve("acme/Hangs-7B")
    assert time.monotonic() - start < 3


def test_the_command_line_names_the_remedy_and_ends_with_code_2(
    tmp_path: Path, hub: type[FakeHub], monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from budsim.cli import main
    from budsim.model_ops import services

    monkeypatch.setattr(services, "default_library", lambda: library(tmp_path))
    for name, words in (("acme/Gated-7B", "HF_TOKEN"), ("acme/Nobody-7B", "no public model")):
        result = CliRunner().invoke(main, ["models", "show", name])
        assert result.exit_code == 2, result.output
        assert words in " ".join(result.output.split())
