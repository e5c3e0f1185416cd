"""Laws of name resolution."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from budsim.commons.errors import (
    InvalidRequestError,
    UnavailableError,
    UnknownModelError,
    UnsupportedModelError,
)
from budsim.model_ops.hub import MAX_CONFIG_BYTES, HubConfigs
from budsim.model_ops.services import ModelLibrary

TINY: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "vocab_size": 100,
    "max_position_embeddings": 128,
}
UUID = "4b8f0c1e-8f57-4c1c-9c6b-0f2f3b1f7d11"


@pytest.fixture
def library(tmp_path: Path) -> ModelLibrary:
    return ModelLibrary(tmp_path / "registry", tmp_path / "cache", offline=True, timeout_s=0.5)


def write_model(folder: Path, config: Any = TINY) -> Path:
    folder.mkdir(parents=True)
    text = config if isinstance(config, str) else json.dumps(config)
    (folder / "config.json").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("name", "same_shape_as", "quantization"),
    [
        ("meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-8B", None),
        ("META-LLAMA/llama-3.1-8b", "meta-llama/Llama-3.1-8B", None),
        ("meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-8B", None),
        ("Qwen3-32B", "Qwen/Qwen3-32B", None),
        ("someone/Llama-3.1-8B-Instruct-AWQ", "meta-llama/Llama-3.1-8B", "awq"),
        ("RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16", "meta-llama/Llama-3.1-8B", "w4a16"),
        ("RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", "meta-llama/Llama-3.1-70B", "fp8"),
        ("nvidia/Llama-3.3-70B-Instruct-NVFP4", "meta-llama/Llama-3.1-70B", "nvfp4"),
        ("Qwen/Qwen3-8B-FP8", "Qwen/Qwen3-8B", "fp8_block"),
        ("unsloth/Qwen3-8B-unsloth-bnb-4bit", "Qwen/Qwen3-8B", "bnb-4bit"),
        ("unsloth/gpt-oss-20b-BF16", "openai/gpt-oss-20b", None),
        ("openai/gpt-oss-20b", "openai/gpt-oss-20b", "mxfp4"),
    ],
)
def test_a_name_means_the_shape_it_is_a_copy_of(
    library: ModelLibrary, name: str, same_shape_as: str, quantization: str | None
) -> None:
    arch = library.resolve(name)
    assert arch.params_total == library.resolve(same_shape_as).params_total
    assert arch.quantization == quantization
    assert arch.name == name


@pytest.mark.parametrize("name", ["acme/Foo-7B", "Foo-7B", "acme/Foo-7B-FP8", "Qwen/Qwen3-9000B"])
def test_an_unknown_name_is_refused_and_never_guessed(library: ModelLibrary, name: str) -> None:
    with pytest.raises(UnknownModelError, match="Unknown model"):
        library.resolve(name)


def test_an_unknown_name_comes_with_near_ones(library: ModelLibrary) -> None:
    with pytest.raises(UnknownModelError, match="Qwen/Qwen3-8B"):
        library.resolve("Qwen/Qwen3-8C")


@pytest.mark.parametrize("name", ["", "  ", "a" * 600, "a\x00b", "/", None, 3])
def test_an_unusable_name_is_an_invalid_request(library: ModelLibrary, name: Any) -> None:
    with pytest.raises(InvalidRequestError):
        library.resolve(name)


def test_nvfp4_repacks_of_mla_models_keep_attention_at_16_bit(library: ModelLibrary) -> None:
    assert "attn" in library.resolve("nvidia/DeepSeek-R1-NVFP4").quantization_exempt


def test_a_relative_name_is_found_in_the_registry_first(tmp_path: Path, library: ModelLibrary) -> None:
    write_model(tmp_path / "registry" / "Qwen" / "Qwen3-8B")
    assert library.resolve("Qwen/Qwen3-8B").num_layers == 2


def test_an_absolute_path_inside_the_registry_is_served(tmp_path: Path, library: ModelLibrary) -> None:
    folder = write_model(tmp_path / "registry" / "mine")
    assert library.resolve(str(folder)).num_layers == 2


def test_a_path_outside_the_registry_needs_permission(tmp_path: Path, library: ModelLibrary) -> None:
    folder = write_model(tmp_path / "elsewhere")
    with pytest.raises(InvalidRequestError, match="MODEL_REGISTRY_DIR"):
        library.resolve(str(folder))
    assert ModelLibrary(tmp_path, offline=True, allow_local_paths=True).resolve(str(folder)).num_layers == 2


def test_a_link_out_of_the_registry_is_refused(tmp_path: Path, library: ModelLibrary) -> None:
    target = write_model(tmp_path / "elsewhere")
    (tmp_path / "registry").mkdir()
    (tmp_path / "registry" / "link").symlink_to(target)
    with pytest.raises(InvalidRequestError):
        library.resolve("link")


@pytest.mark.parametrize("name", ["../secret", "a/../../b", "/etc/../etc"])
def test_path_traversal_is_refused(library: ModelLibrary, name: str) -> None:
    with pytest.raises(InvalidRequestError):
        library.resolve(name)


def test_a_folder_without_config_is_unknown(tmp_path: Path) -> None:
    library = ModelLibrary(tmp_path, offline=True, allow_local_paths=True)
    with pytest.raises(UnknownModelError, match=r"config\.json"):
        library.resolve(str(tmp_path / "empty"))


@pytest.mark.parametrize("text", ["{", "[1]", "null", '"x"', "[" * 100_000])
def test_a_broken_config_is_unsupported(tmp_path: Path, library: ModelLibrary, text: str) -> None:
    write_model(tmp_path / "registry" / "broken", text)
    with pytest.raises(UnsupportedModelError, match=r"config\.json"):
        library.resolve("broken")


def test_a_config_over_the_limit_is_refused_unread(tmp_path: Path, library: ModelLibrary) -> None:
    folder = write_model(tmp_path / "registry" / "huge")
    with (folder / "config.json").open("ab") as file:
        file.truncate(MAX_CONFIG_BYTES + 1)
    with pytest.raises(UnsupportedModelError, match="limit"):
        library.resolve("huge")


def test_an_edited_config_is_read_again(tmp_path: Path, library: ModelLibrary) -> None:
    folder = write_model(tmp_path / "registry" / "mine")
    assert library.resolve("mine").num_layers == 2
    (folder / "config.json").write_text(json.dumps({**TINY, "num_hidden_layers": 3}))
    assert library.resolve("mine").num_layers == 3


def test_needed_fields_that_are_absent_take_the_class_default_and_say_so(tmp_path: Path, library: ModelLibrary) -> None:
    config = {key: value for key, value in TINY.items() if key != "max_position_embeddings"}
    write_model(tmp_path / "registry" / "short", config)
    arch = library.resolve("short")
    assert arch.max_position_embeddings == 2048
    assert arch.missing_facts == ("max_position_embeddings",)


def test_no_default_exists_for_a_type_that_nobody_knows(tmp_path: Path, library: ModelLibrary) -> None:
    config = {key: value for key, value in TINY.items() if key != "hidden_size"}
    write_model(tmp_path / "registry" / "odd", {**config, "model_type": "my_own_net"})
    with pytest.raises(UnsupportedModelError, match="hidden_size"):
        library.resolve("odd")


def test_a_mapped_uuid_means_its_target_and_survives_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "data" / "models.json"
    ModelLibrary(offline=True, targets_file=file).add(UUID, "Qwen/Qwen3-8B")
    again = ModelLibrary(offline=True, targets_file=file)
    assert again.resolve(UUID).num_layers == 36
    assert again.remove(UUID)
    assert not again.remove(UUID)
    with pytest.raises(UnknownModelError):
        again.resolve(UUID)


def test_names_that_point_in_a_circle_are_refused(library: ModelLibrary) -> None:
    library.add("a", "b")
    library.add("b", "a")
    with pytest.raises(InvalidRequestError, match="circle"):
        library.resolve("a")


def test_a_broken_model_list_is_said(tmp_path: Path) -> None:
    (tmp_path / "models.json").write_text("{")
    with pytest.raises(UnavailableError, match=r"models\.json"):
        ModelLibrary(targets_file=tmp_path / "models.json")


def test_search_needs_every_word(library: ModelLibrary) -> None:
    found = library.search("qwen3 32b", limit=5)
    assert "Qwen/Qwen3-32B" in found
    assert len(found) <= 5
    assert library.search("no such words at all") == []
    assert len(library.known(10)) == 10


def test_the_same_name_gives_the_same_object(library: ModelLibrary) -> None:
    assert library.resolve("Qwen/Qwen3-8B") is library.resolve("Qwen/Qwen3-8B")


def test_a_hub_that_hangs_is_given_up_after_the_timeout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(HubConfigs, "_download", lambda self, repo_id: release.wait(30))
    library = ModelLibrary(tmp_path, tmp_path / "cache", timeout_s=0.2)
    start = time.monotonic()
    with pytest.raises(UnknownModelError, match=r"0\.2 s"):
        library.resolve("acme/Unheard-7B")
    assert time.monotonic() - start < 5
    release.set()


def test_the_hub_is_asked_only_for_names_outside_the_catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def download(self: HubConfigs, repo_id: str) -> Path:
        asked.append(repo_id)
        return write_model(tmp_path / "downloaded") / "config.json"

    monkeypatch.setattr(HubConfigs, "_download", download)
    library = ModelLibrary(tmp_path / "registry", tmp_path / "cache")
    library.resolve("Qwen/Qwen3-8B")
    assert library.resolve("acme/Unheard-7B").num_layers == 2
    assert library.resolve("acme/Unheard-7B").num_layers == 2
    assert asked == ["acme/Unheard-7B"]


def test_a_gated_repository_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx
    import huggingface_hub
    from huggingface_hub.errors import GatedRepoError

    def refuse(*_: object, **__: object) -> None:
        raise GatedRepoError("gated", response=httpx.Response(403, request=httpx.Request("HEAD", "https://hub.test")))

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", refuse)
    with pytest.raises(UnknownModelError, match="HF_TOKEN"):
        ModelLibrary(tmp_path, tmp_path / "cache").resolve("acme/Gated-7B")


def test_a_name_that_only_an_absent_hub_could_know_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def refuse(*_: object, **__: object) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", refuse)
    with pytest.raises(UnknownModelError, match=r"catalogue does not have it.*reached"):
        ModelLibrary(tmp_path, tmp_path / "cache").resolve("acme/Unheard-7B")
