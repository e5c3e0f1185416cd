"""``config.json`` and checkpoint headers from the Hugging Face hub, with a limit on size and on the whole wait.

No weights and no code are fetched, and nothing is run. ``huggingface_hub`` is imported when it is needed.
"""

from __future__ import annotations

import importlib
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from budsim.commons.errors import BudSimError, UnavailableError, UnknownModelError, UnsupportedModelError
from budsim.model_ops.checkpoint_size import CheckpointSize, size_of

MAX_CONFIG_BYTES = 8 * 1024 * 1024
_FRESH_S = 24 * 3600  # a cached config is not asked for again within a day
_T = TypeVar("_T")


def read_config_file(path: Path, model: str) -> dict[str, Any]:
    """Read and parse one config.json.

    Raises:
        UnsupportedModelError: Too large, not JSON, or not an object.
        UnavailableError: The file cannot be read.
    """
    try:
        size = path.stat().st_size
        if size > MAX_CONFIG_BYTES:
            raise UnsupportedModelError(
                f"{model}: config.json has {size} bytes, the limit is {MAX_CONFIG_BYTES}", {"field": "model"}
            )
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise UnavailableError(f"{model}: config.json cannot be read: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise UnsupportedModelError(f"{model}: config.json is not UTF-8", {"field": "model"}) from problem
    try:
        config = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as problem:
        raise UnsupportedModelError(f"{model}: config.json is not valid JSON", {"field": "model"}) from problem
    if not isinstance(config, dict):
        raise UnsupportedModelError(f"{model}: config.json must hold a JSON object", {"field": "model"})
    return config


def _transport_error() -> type[Exception]:
    """Return the root of the errors of the hub client's own HTTP library, which differs between its versions."""
    from huggingface_hub import get_session

    library = importlib.import_module(type(get_session()).__module__.partition(".")[0])
    error: type[Exception] = getattr(library, "HTTPError", OSError)
    return error


@dataclass
class _Answer(Generic[_T]):
    """What the asking thread leaves behind."""

    value: _T | None = None
    error: BudSimError | None = None
    done: threading.Event = field(default_factory=threading.Event)


class HubConfigs:
    """Fetches ``config.json`` and checkpoint headers of hub repositories.

    A config in the cache is used as it is for a day, then checked against the hub by its ETag; where the hub does not
    answer, the cached one is used on.

    Args:
        cache_dir: Download cache; None = huggingface_hub's own.
        token: Access token for gated repositories.
        offline: Read the cache only.
        timeout_s: Longest wait for one repository, all requests together.
    """

    def __init__(self, cache_dir: Path | None, token: str | None, offline: bool, timeout_s: float) -> None:
        self._cache_dir = str(cache_dir) if cache_dir else None
        self._token = token
        self._offline = offline
        self._timeout_s = timeout_s

    def config(self, repo_id: str) -> dict[str, Any]:
        """Return the parsed config.json of a repository.

        Raises:
            UnknownModelError: No such repository, or it has no config.json.
            UnavailableError: Gated, offline, unreachable or too slow.
            UnsupportedModelError: The file is too large or not a JSON object.
        """
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(repo_id, "config.json", cache_dir=self._cache_dir)
        cached = Path(found) if isinstance(found, str) else None
        if cached is not None and (self._offline or _is_fresh(cached)):
            return read_config_file(cached, repo_id)
        self._require_online(repo_id)
        try:
            path = self._ask(repo_id, self._download)
        except UnavailableError:
            if cached is None:
                raise
            path = cached
        else:
            with suppress(OSError):  # a cache of somebody else's stays as it is
                path.touch()  # checked now
        return read_config_file(path, repo_id)

    def checkpoint_size(self, repo_id: str) -> CheckpointSize | None:
        """Return what the checkpoint of a repository stores, from its headers; None when it has no safetensors files.

        Raises:
            UnknownModelError: No such repository.
            UnavailableError: Gated, offline, unreachable or too slow.
        """
        self._require_online(repo_id)
        return self._ask(repo_id, self._headers)

    def _require_online(self, repo_id: str) -> None:
        if self._offline:
            raise UnknownModelError(
                f"{repo_id} is neither in the catalogue nor in the download cache, and the hub is switched off",
                {"field": "model"},
            )

    def _ask(self, repo_id: str, action: Callable[[str], _T]) -> _T:
        """Run a request and give it the whole of the timeout, no more."""
        answer: _Answer[_T] = _Answer()
        # A daemon: a connection that hangs must neither hold the caller nor the end of the process.
        threading.Thread(target=self._run, args=(repo_id, action, answer), daemon=True).start()
        if not answer.done.wait(self._timeout_s):
            raise UnavailableError(f"the hub did not answer for '{repo_id}' within {self._timeout_s:g} s")
        if answer.error is not None:
            raise answer.error
        return cast("_T", answer.value)

    def _run(self, repo_id: str, action: Callable[[str], _T], answer: _Answer[_T]) -> None:
        try:
            answer.value = _translated(repo_id, action)
        except BudSimError as problem:
            answer.error = problem
        finally:
            answer.done.set()

    def _download(self, repo_id: str) -> Path:
        from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

        url = hf_hub_url(repo_id, "config.json")
        size = get_hf_file_metadata(url, token=self._token, timeout=self._timeout_s).size
        if size is not None and size > MAX_CONFIG_BYTES:
            raise UnsupportedModelError(f"{repo_id}: config.json has {size} bytes, the limit is {MAX_CONFIG_BYTES}")
        path = hf_hub_download(
            repo_id, "config.json", cache_dir=self._cache_dir, token=self._token, etag_timeout=self._timeout_s
        )
        return Path(path)

    def _headers(self, repo_id: str) -> CheckpointSize | None:
        from huggingface_hub import get_safetensors_metadata
        from huggingface_hub.errors import NotASafetensorsRepoError, SafetensorsParsingError

        try:
            metadata = get_safetensors_metadata(repo_id, token=self._token)
        except NotASafetensorsRepoError:
            return None
        except SafetensorsParsingError as problem:
            raise UnsupportedModelError(f"{repo_id}: its safetensors headers cannot be read") from problem
        return size_of(
            [(tensor.dtype, tensor.data_offsets[1] - tensor.data_offsets[0]) for tensor in file.tensors.values()]
            for file in metadata.files_metadata.values()
        )


def _is_fresh(path: Path) -> bool:
    return time.time() - path.stat().st_mtime < _FRESH_S


def _translated(repo_id: str, action: Callable[[str], _T]) -> _T:
    """Run a request; what the hub's client raises becomes an error that names the remedy."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )

    try:
        return action(repo_id)
    except GatedRepoError as problem:
        raise UnavailableError(
            f"'{repo_id}' is gated: accept its terms on the hub and set HF_TOKEN to a token that may read it"
        ) from problem
    except (RepositoryNotFoundError, HFValidationError) as problem:
        raise UnknownModelError(f"the hub has no public model '{repo_id}'", {"field": "model"}) from problem
    except (LocalEntryNotFoundError, OfflineModeIsEnabled) as problem:
        raise UnavailableError(f"the hub cannot be reached for '{repo_id}'") from problem
    except EntryNotFoundError as problem:
        raise UnknownModelError(f"'{repo_id}' has no config.json", {"field": "model"}) from problem
    except (HfHubHTTPError, _transport_error(), OSError, ValueError) as problem:
        raise UnavailableError(f"the hub cannot be reached for '{repo_id}': {type(problem).__name__}") from problem
