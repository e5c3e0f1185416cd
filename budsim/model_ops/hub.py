"""``config.json`` from the Hugging Face hub, with a limit on size and on the whole wait.

Only ``config.json`` is fetched and nothing of it is run. ``huggingface_hub`` is imported when it is needed.
"""

from __future__ import annotations

import importlib
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from budsim.commons.errors import BudSimError, UnavailableError, UnknownModelError, UnsupportedModelError

MAX_CONFIG_BYTES = 8 * 1024 * 1024


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
class _Download:
    """What the fetching thread leaves behind."""

    path: Path | None = None
    error: BudSimError | None = None
    done: threading.Event = field(default_factory=threading.Event)


class HubConfigs:
    """Fetches ``config.json`` of hub repositories.

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

        cached = try_to_load_from_cache(repo_id, "config.json", cache_dir=self._cache_dir)
        if isinstance(cached, str):
            return read_config_file(Path(cached), repo_id)
        if self._offline:
            raise UnknownModelError(
                f"'{repo_id}' is not in the catalogue nor in the download cache, and the hub is switched off",
                {"field": "model"},
            )
        download = _Download()
        # A daemon: a connection that hangs must neither hold the caller nor the end of the process.
        threading.Thread(target=self._fetch, args=(repo_id, download), daemon=True).start()
        if not download.done.wait(self._timeout_s):
            raise UnavailableError(f"the hub did not answer for '{repo_id}' within {self._timeout_s:g} s")
        if download.error is not None:
            raise download.error
        if download.path is None:
            raise UnavailableError(f"config.json of '{repo_id}' could not be fetched")
        return read_config_file(download.path, repo_id)

    def _fetch(self, repo_id: str, download: _Download) -> None:
        try:
            download.path = self._download(repo_id)
        except BudSimError as problem:
            download.error = problem
        finally:
            download.done.set()

    def _download(self, repo_id: str) -> Path:
        from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
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
            url = hf_hub_url(repo_id, "config.json")
            size = get_hf_file_metadata(url, token=self._token, timeout=self._timeout_s).size
            if size is not None and size > MAX_CONFIG_BYTES:
                raise UnsupportedModelError(f"{repo_id}: config.json has {size} bytes, the limit is {MAX_CONFIG_BYTES}")
            path = hf_hub_download(
                repo_id, "config.json", cache_dir=self._cache_dir, token=self._token, etag_timeout=self._timeout_s
            )
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
        return Path(path)
