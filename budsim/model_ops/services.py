"""From a model's name, folder or UUID to its architecture."""

from __future__ import annotations

import json
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from pathlib import Path

from budsim.commons.errors import InvalidRequestError, UnavailableError, UnknownModelError
from budsim.model_ops.catalog import ModelCatalog, packaged_catalog
from budsim.model_ops.checkpoint_size import CheckpointSize, local_checkpoint_size
from budsim.model_ops.class_defaults import read_with_class_defaults
from budsim.model_ops.hub import HubConfigs, read_config_file
from budsim.model_ops.startup_calibration import CalibrationStore
from budsim.perf_model.memory import CorrectionOf
from budsim.perf_model.model_architecture import ModelArchitecture

MAX_NAME_LENGTH = 512
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")
# A mapped name may point to another mapped name, not in circles.
_MAX_INDIRECTIONS = 4
_CACHED_ARCHITECTURES = 1024


class ModelLibrary:
    """Resolves model names: mapped names, local folders, the packaged catalogue, then the hub.

    Args:
        registry_dir: Folder of local models; a relative name that is a folder in it wins over everything else.
        cache_dir: Download cache of the hub; None = its own default.
        hub_token: Access token for gated repositories.
        offline: Never ask the network.
        timeout_s: Longest wait for the hub.
        allow_local_paths: Absolute paths outside ``registry_dir`` are served (the CLI); a service refuses them.
        targets: Mapping of UUIDs and short names to hub ids or paths; a service passes its own table.
        targets_file: Where ``add`` keeps the mapping; None = in memory only.
        catalog: Facts of published models; None = the packaged ones.
    """

    def __init__(
        self,
        registry_dir: Path | None = None,
        cache_dir: Path | None = None,
        hub_token: str | None = None,
        offline: bool = False,
        timeout_s: float = 10.0,
        *,
        allow_local_paths: bool = False,
        targets: MutableMapping[str, str] | None = None,
        targets_file: Path | None = None,
        catalog: ModelCatalog | None = None,
    ) -> None:
        self._registry_dir = registry_dir
        self._allow_local_paths = allow_local_paths
        self._targets_file = targets_file
        self._targets: MutableMapping[str, str] = self._stored_targets() if targets is None else targets
        self._catalog = catalog
        self._hub = HubConfigs(cache_dir, hub_token, offline, timeout_s)
        self._resolved: OrderedDict[str, ModelArchitecture] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def catalog(self) -> ModelCatalog:
        """The catalogue in use, read on first need."""
        return self._catalog if self._catalog is not None else packaged_catalog()

    @property
    def targets(self) -> Mapping[str, str]:
        """Mapped names and what they stand for."""
        return dict(self._targets)

    def resolve(self, model_id: str) -> ModelArchitecture:
        """Return the architecture that a name means.

        Args:
            model_id: UUID or mapped name, folder with a config.json, hub id, alias or repack.

        Raises:
            UnknownModelError: Nothing that can be asked has this name (a hub that is gated, away or slow is named); the
                message lists near names.
            UnsupportedModelError: The model is known, but a needed field is missing or not supported.
            InvalidRequestError: Not a usable name.
        """
        name = self._target_of(_checked_name(model_id))
        folder = self._local_folder(name)
        if folder is not None:
            return read_with_class_defaults(read_config_file(folder / "config.json", name), name)
        with self._lock:
            if name in self._resolved:
                self._resolved.move_to_end(name)
                return self._resolved[name]
        arch = self._published(name)
        with self._lock:
            self._resolved[name] = arch
            while len(self._resolved) > _CACHED_ARCHITECTURES:
                self._resolved.popitem(last=False)
        return arch

    def checkpoint_size(self, model_id: str) -> CheckpointSize | None:
        """Return the exact bytes that a model's checkpoint stores, from its headers; None when they cannot be had.

        Args:
            model_id: As for ``resolve``; folders are read, hub ids are asked for (never offline).

        Raises:
            UnknownModelError: The hub has no such model.
            UnsupportedModelError: A file is not a safetensors file.
            UnavailableError: The hub does not answer.
        """
        name = self._target_of(_checked_name(model_id))
        folder = self._local_folder(name)
        if folder is not None:
            return local_checkpoint_size(folder)
        return self._hub.checkpoint_size(name) if _HUB_ID.fullmatch(name) else None

    def _published(self, name: str) -> ModelArchitecture:
        match = self.catalog.match(name)
        if match is not None:
            return self.catalog.architecture(match, name)
        if not _HUB_ID.fullmatch(name):
            raise self._unknown(name, "no catalogue entry, folder or mapped name is called that")
        try:
            config = self._hub.config(name)
        except UnknownModelError as problem:
            raise self._unknown(name, problem.message) from problem
        except UnavailableError as problem:  # nobody vouches for the name: what the caller can mend is said first
            raise self._unknown(name, f"the catalogue does not have it, and {problem.message}") from problem
        return read_with_class_defaults(config, name)

    def _unknown(self, name: str, why: str) -> UnknownModelError:
        near = self.catalog.near(name)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        own = "For a model of your own: `budsim models add NAME FOLDER`."
        return UnknownModelError(
            f"Unknown model '{name}': {why.rstrip('.')}.{hint} {own}", {"field": "model", "near": near}
        )

    def _target_of(self, name: str) -> str:
        for _ in range(_MAX_INDIRECTIONS):
            target = self._targets.get(name) or self._targets.get(name.lower())
            if target is None or target == name:
                return name
            name = _checked_name(target)
        raise InvalidRequestError(f"the mapped name '{name}' points in a circle", {"field": "model"})

    def _local_folder(self, name: str) -> Path | None:
        """Return the folder that a name means, or None when it is no path.

        Raises:
            InvalidRequestError: The path leaves the registry and may not.
            UnknownModelError: The path is plainly a local one and has no config.json.
        """
        looks_local = name.startswith(("/", "./", "../", "~", ".\\"))
        if ".." in name.split("/"):
            raise InvalidRequestError(f"'{name}' may not contain '..'", {"field": "model"})
        if self._registry_dir is not None and not name.startswith("~"):
            inside = os.path.join(self._registry_dir, name)
            if os.path.isfile(f"{inside}/config.json"):
                self._check_containment(Path(inside))
                return Path(inside)
        if not looks_local:
            return None
        folder = Path(name).expanduser()
        if not self._allow_local_paths:
            self._check_containment(folder)
        if not (folder / "config.json").is_file():
            raise UnknownModelError(f"there is no config.json in '{name}'", {"field": "model"})
        return folder

    def _check_containment(self, folder: Path) -> None:
        if self._allow_local_paths:
            return
        root = self._registry_dir.resolve() if self._registry_dir is not None else None
        target = (folder / "config.json").resolve()
        if root is None or not target.is_relative_to(root):
            raise InvalidRequestError(
                "local paths are served from MODEL_REGISTRY_DIR only: name a folder inside it", {"field": "model"}
            )

    def add(self, name: str, target: str) -> None:
        """Map a UUID or short name to a hub id or path, and keep it.

        Raises:
            InvalidRequestError: Either is not a usable name, or they are the same.
        """
        name, target = _checked_name(name), _checked_name(target)
        if name == target:
            raise InvalidRequestError("a model cannot stand for itself", {"field": "model"})
        self._targets[name] = target
        self._store_targets()

    def remove(self, name: str) -> bool:
        """Forget a mapped name; whether it was there."""
        found = self._targets.pop(name, None) is not None
        if found:
            self._store_targets()
        return found

    def search(self, text: str, limit: int = 20) -> list[str]:
        """Return names that contain every word of a text, entries before aliases, mapped names first."""
        words = text.lower().split()
        names = [*self._targets, *self.catalog.names]
        listed = {name.lower() for name in names}
        names += [name for name in self.catalog.all_names() if name.lower() not in listed]
        found = [name for name in names if all(word in name.lower() for word in words)]
        return found[: max(0, limit)]

    def known(self, limit: int | None = None) -> list[str]:
        """Return mapped names and catalogue entries, in order."""
        return [*self._targets, *self.catalog.names][:limit]

    def _stored_targets(self) -> dict[str, str]:
        if self._targets_file is None or not self._targets_file.is_file():
            return {}
        try:
            stored = json.loads(self._targets_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as problem:
            raise UnavailableError(f"the model list {self._targets_file} cannot be read: {problem}") from problem
        if not isinstance(stored, dict):
            raise UnavailableError(f"the model list {self._targets_file} must hold a JSON object")
        return {str(key): str(value) for key, value in stored.items()}

    def _store_targets(self) -> None:
        if self._targets_file is None:
            return
        self._targets_file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._targets_file.with_suffix(f".{os.getpid()}.tmp")
        draft.write_text(json.dumps(dict(self._targets), indent=1, sort_keys=True), encoding="utf-8")
        draft.replace(self._targets_file)


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not name.strip():
        raise InvalidRequestError("a model name is needed: a hub id, a folder or a mapped name", {"field": "model"})
    text = name.strip().rstrip("/")
    if len(text) > MAX_NAME_LENGTH or not text.isprintable():
        raise InvalidRequestError(
            f"a model name has at most {MAX_NAME_LENGTH} printable characters", {"field": "model"}
        )
    if not text:
        raise InvalidRequestError("'/' is not a model", {"field": "model"})
    return text


@lru_cache(maxsize=1)
def default_library() -> ModelLibrary:
    """Return the library that the settings describe; paths of the local machine are allowed."""
    return _library(allow_local_paths=True)


@lru_cache(maxsize=1)
def service_library() -> ModelLibrary:
    """Return the library behind the API: a caller's path is served from MODEL_REGISTRY_DIR only."""
    return _library(allow_local_paths=False)


def _library(allow_local_paths: bool) -> ModelLibrary:
    from budsim.commons.config import settings

    config = settings()
    return ModelLibrary(
        registry_dir=config.model_registry_dir,
        hub_token=config.hf_token.get_secret_value() if config.hf_token else None,
        offline=config.hub_offline,
        timeout_s=config.hub_timeout_seconds,
        allow_local_paths=allow_local_paths,
        targets_file=config.data_dir / "models.json",
    )


def calibration_store() -> CalibrationStore:
    """Return the store of what start-up logs measured, in the data folder."""
    from budsim.commons.config import settings

    return CalibrationStore(settings().data_dir / "calibrations.json")


def memory_corrections() -> CorrectionOf:
    """Return what answers "what did logs measure of this point?" from what is kept now."""
    return calibration_store().snapshot()


def memory_basis(model: str) -> dict[str, str]:
    """Return what memory answers about a model rest on beside the config: nothing, or the logs that were imported."""
    known = [item for item in calibration_store().all() if item.model.lower() == model.lower()]
    if not known:
        return {}
    layouts = sorted({f"{item.device} at TP {item.tp_size}, PP {item.pp_size} ({item.engine})" for item in known})
    return {"memory": f"start-up logs of {model} are applied: {', '.join(layouts)}"}
