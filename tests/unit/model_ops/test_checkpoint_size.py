"""Checkpoint headers give exact bytes; what is no checkpoint is refused in bounded memory."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from budsim.commons.errors import BudSimError, PayloadTooLargeError, UnavailableError, UnsupportedModelError
from budsim.model_ops import hub
from budsim.model_ops.checkpoint_size import local_checkpoint_size, read_header
from budsim.model_ops.hub import HubConfigs
from budsim.model_ops.services import ModelLibrary


def safetensors(tensors: dict[str, Any]) -> bytes:
    header = json.dumps({"__metadata__": {"format": "pt"}, **tensors}).encode()
    return len(header).to_bytes(8, "little") + header


def tensor(dtype: str, start: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": [end - start], "data_offsets": [start, end]}


def test_bytes_are_summed_by_format_over_all_files(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(
        safetensors({"w": tensor("F8_E4M3", 0, 100), "s": tensor("F32", 100, 108)})
    )
    (tmp_path / "b.safetensors").write_bytes(safetensors({"e": tensor("BF16", 0, 64)}))
    size = local_checkpoint_size(tmp_path)
    assert size is not None
    assert (size.total_bytes, size.tensors, size.files) == (172, 3, 2)
    assert size.bytes_by_dtype == {"BF16": 64, "F32": 8, "F8_E4M3": 100}


def test_a_folder_without_safetensors_has_no_size(tmp_path: Path) -> None:
    assert local_checkpoint_size(tmp_path) is None


@pytest.mark.parametrize(
    "content",
    [
        b"", b"abc", (0).to_bytes(8, "little"), (10).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"[]",
        (4).to_bytes(8, "little") + b"\xff\xfe\xfd\xfc", safetensors({"w": {"dtype": "BF16"}}),
        safetensors({"w": tensor("BF16", 9, 3)}), safetensors({"w": [1, 2]}),
    ],
)  # fmt: skip
def test_what_is_no_safetensors_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(UnsupportedModelError, match=r"model\.safetensors"):
        local_checkpoint_size(tmp_path)


def test_a_header_that_claims_exabytes_is_not_read() -> None:
    with pytest.raises(PayloadTooLargeError):
        read_header(io.BytesIO(b"\xff" * 8 + b"{}"), "evil")


def test_a_library_reads_folders_of_its_registry_only(tmp_path: Path) -> None:
    inside = tmp_path / "registry" / "mine"
    inside.mkdir(parents=True)
    (inside / "config.json").write_text("{}")
    (inside / "model.safetensors").write_bytes(safetensors({"w": tensor("BF16", 0, 10)}))
    library = ModelLibrary(registry_dir=tmp_path / "registry", offline=True)
    size = library.checkpoint_size("mine")
    assert size is not None
    assert size.total_bytes == 10
    with pytest.raises(BudSimError):
        library.checkpoint_size("/etc")


def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age_s: float) -> Path:
    import huggingface_hub

    path = tmp_path / "config.json"
    path.write_text('{"cached": true}')
    os.utime(path, (path.stat().st_mtime - age_s,) * 2)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_args, **_kwargs: str(path))
    return path


def test_a_fresh_config_is_not_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached(tmp_path, monkeypatch, 60)
    configs = HubConfigs(None, None, False, 1.0)
    monkeypatch.setattr(configs, "_download", lambda _repo: pytest.fail("asked"))
    assert configs.config("a/b") == {"cached": True}


def test_an_old_config_is_checked_once_and_used_on_where_the_hub_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cached(tmp_path, monkeypatch, 10 * 24 * 3600)
    configs, asked = HubConfigs(None, None, False, 1.0), []

    def away(repo_id: str) -> Path:
        asked.append(repo_id)
        raise UnavailableError("away")

    monkeypatch.setattr(configs, "_download", away)
    assert configs.config("a/b") == {"cached": True}
    monkeypatch.setattr(configs, "_download", lambda _repo: path)
    assert configs.config("a/b") == {"cached": True}
    monkeypatch.setattr(configs, "_download", away)
    assert configs.config("a/b") == {"cached": True}
    assert asked == ["a/b"]


def test_headers_of_the_hub_are_summed(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.utils import SafetensorsFileMetadata, SafetensorsRepoMetadata, TensorInfo

    info = TensorInfo(dtype="BF16", shape=[4], data_offsets=(0, 8))
    file = SafetensorsFileMetadata(metadata={}, tensors={"w": info})
    repo = SafetensorsRepoMetadata(metadata=None, sharded=False, weight_map={"w": "m"}, files_metadata={"m": file})
    monkeypatch.setattr(huggingface_hub, "get_safetensors_metadata", lambda *_args, **_kwargs: repo)
    size = HubConfigs(None, None, False, 5.0).checkpoint_size("a/b")
    assert size is not None
    assert (size.total_bytes, dict(size.bytes_by_dtype)) == (8, {"BF16": 8})


def test_headers_from_a_hub_that_hangs_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    configs, release = HubConfigs(None, None, False, 0.05), threading.Event()
    monkeypatch.setattr(configs, "_headers", lambda _repo: release.wait(5))
    with pytest.raises(UnavailableError, match="within"):
        configs.checkpoint_size("a/b")
    release.set()


def test_a_cached_config_lives_for_a_day() -> None:
    assert hub._FRESH_S == 24 * 3600
