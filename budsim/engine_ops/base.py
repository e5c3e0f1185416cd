"""What BudSim knows of a serving engine: versions, devices, defaults, searchable parameters.

Pure values. One file per engine fills them in; ``engine_ops`` itself is the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from budsim.commons.errors import UnsupportedError
from budsim.perf_model.engine_settings import EngineSettings, version_numbers
from budsim.perf_model.hardware_catalog import DeviceSpec
from budsim.perf_model.model_architecture import ModelArchitecture
from budsim.perf_model.parallelism import ParallelPlan
from budsim.perf_model.precision import Precision
from budsim.perf_model.workload import Workload

ArgumentValue = str | int | float | bool


def base_device_type(device_type: str) -> str:
    """Return the device type that images and engines know: ``cpu`` for ``cpu_high``."""
    return "cpu" if device_type.startswith("cpu") else device_type


def require_device_type(engine: str, known: Sequence[str], device_type: str) -> None:
    """Refuse a device type that an engine does not run on.

    Raises:
        UnsupportedError: Names those it does run on.
    """
    if device_type not in known:
        text = f"{engine} runs on {', '.join(known)}, not on {device_type}."
        raise UnsupportedError(text, {"field": "device_type"})


@dataclass(frozen=True, slots=True)
class EngineOption:
    """One engine that serves a model on one device type.

    Attributes:
        image: Container image, never empty.
        tool_calling_parser_type: Name that the engine's ``--tool-call-parser`` takes, or None.
        reasoning_parser_type: Name that the engine's ``--reasoning-parser`` takes, or None.
        chat_template: A template to pass because the tokenizer's own does not do; None = the tokenizer's own.
    """

    engine: str
    version: str
    device_type: str
    image: str
    tool_calling_parser_type: str | None = None
    reasoning_parser_type: str | None = None
    architecture_family: str | None = None
    chat_template: str | None = None
    supports_lora: bool = False
    supports_pipeline_parallelism: bool = False


@dataclass(frozen=True, slots=True)
class EngineParameter:
    """One launch parameter that a search may vary.

    Attributes:
        name: Field of ``EngineSettings`` (or of ``ParallelPlan``).
        flag: Launch flag without its leading dashes.
        kind: ``int``, ``float``, ``bool`` or ``choice``.
        default: The version's own value; None = depends on model and device.
        low: Smallest value, numbers only.
        high: Largest value, numbers only.
        step: Grid of the search, numbers only.
        choices: Allowed values, ``choice`` only.
    """

    name: str
    flag: str
    kind: str
    default: ArgumentValue | None = None
    low: float | None = None
    high: float | None = None
    step: float | None = None
    choices: tuple[ArgumentValue, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineDefaults:
    """Values an engine version takes when the caller does not say."""

    max_num_seqs: int
    max_num_batched_tokens: int
    gpu_memory_utilization: float
    block_size: int = 16
    enable_chunked_prefill: bool = True
    enable_prefix_caching: bool = False
    cpu_kvcache_bytes: float | None = None


@dataclass(frozen=True, slots=True)
class DefaultsQuery:
    """What an engine's defaults depend on.

    Attributes:
        version: Numbers of the table that serves the asked version.
        device_memory_bytes: Memory of one device, None for hosts that do not state it.
        max_model_len: Longest sequence, already resolved.
    """

    version: tuple[int, ...]
    arch: ModelArchitecture
    device: DeviceSpec
    device_memory_bytes: float | None
    workload: Workload
    plan: ParallelPlan
    max_model_len: int


@dataclass(frozen=True, slots=True)
class LaunchQuery:
    """What the launch arguments of one replica depend on.

    Attributes:
        model: Hub id or path.
        version: Engine version; None = that of the settings, else the engine's default.
        arch: Model shape; None = nothing is known of the checkpoint.
        device: Datasheet of the device; None = a device of its type with a fast link.
    """

    settings: EngineSettings
    plan: ParallelPlan
    precision: Precision
    model: str
    device_type: str
    version: str | None = None
    arch: ModelArchitecture | None = None
    device: DeviceSpec | None = None


LaunchArguments = tuple[dict[str, ArgumentValue], dict[str, str]]


@dataclass(frozen=True, slots=True)
class ParserQuery:
    """What is switched on beside the replica itself.

    Attributes:
        version: Engine version; None = the engine's default.
        max_loras: LoRA adapters served at once; None = none.
        max_lora_rank: Largest rank of them.
    """

    version: str | None = None
    tool_call_parser: str | None = None
    reasoning_parser: str | None = None
    chat_template: str | None = None
    max_loras: int | None = None
    max_lora_rank: int = 256


@dataclass(frozen=True, slots=True)
class NodePlace:
    """One process of a replica that is started once on each of several nodes.

    Attributes:
        rank: Number of the process, from 0 (the head, which serves requests), or the variable that holds it.
        num_nodes: Processes of the replica.
        head_address: Address of the head's node, or the variable that holds it.
    """

    rank: int | str
    num_nodes: int
    head_address: str
    is_head: bool


# Public images whose tags are the releases, ``v`` first.
RELEASE_TAGGED_IMAGES = frozenset({"vllm/vllm-openai", "lmsysorg/sglang"})


def image_of_version(image: str, version: str | None, device_type: str) -> str:
    """Return an image with the tag of the asked version, where the image is public, tagged by release and ``latest``.

    Arguments are written for a version, so the image must be of that version too. Other images are the caller's: which
    version they hold is theirs to say.
    """
    repository, _, tag = image.partition(":")
    numbers = version_numbers(version)
    if numbers is None or tag != "latest" or repository not in RELEASE_TAGGED_IMAGES or device_type != "cuda":
        return image
    return f"{repository}:v{'.'.join(map(str, numbers))}"


@dataclass(frozen=True, slots=True)
class EngineProfile:
    """One engine.

    Attributes:
        name: Canonical name, as ``EngineSettings.engine``.
        aliases: Other spellings, lower case.
        versions: Versions with a table of their own, oldest first; empty = one set of values for all.
        predicted_versions: Older versions whose defaults are known and whose arguments are not: predicted only.
        default_version: What a blank version means.
        device_types: Device types the engine runs on.
        defaults: The values of one version on one device.
        images: Default container image by device type.
        deployable: BudSim writes launch arguments for it; the others are only predicted.
        foreign_versions: Beginnings (lower case) of a version text that states another product's version.
        purpose: ``serving``, ``embedding``, ``proxy`` (other providers' models) or ``quantization``.
        option: How the engine serves a model on a device type; (model, device type, images, version). None = not at
            all.
        refusal: Why the engine does not serve a model on a device type, or None; (model, device type, version).
        launch: Arguments and environment of one replica.
        parameters: What a search may vary; (device type, version).
        extras: Arguments for parsers, chat template and LoRA.
        command: The whole command line; (arguments, version).
        node_command: The command line of one of the nodes that a replica spans; (arguments, place, version). None =
            a replica starts on one node only.
    """

    name: str
    aliases: tuple[str, ...]
    versions: tuple[tuple[int, ...], ...]
    default_version: str
    device_types: tuple[str, ...]
    defaults: Callable[[DefaultsQuery], EngineDefaults]
    images: Mapping[str, str] = field(default_factory=dict)
    deployable: bool = False
    foreign_versions: tuple[str, ...] = ()
    predicted_versions: tuple[tuple[int, ...], ...] = ()
    purpose: str = "serving"
    option: Callable[[ModelArchitecture, str, Mapping[str, str], str | None], EngineOption | None] | None = None
    refusal: Callable[[ModelArchitecture, str, str | None], str | None] | None = None
    launch: Callable[[LaunchQuery], LaunchArguments] | None = None
    parameters: Callable[[str, str | None], Sequence[EngineParameter]] | None = None
    extras: Callable[[ParserQuery], dict[str, ArgumentValue]] | None = None
    command: Callable[[Mapping[str, ArgumentValue], str | None], list[str]] | None = None
    node_command: Callable[[Mapping[str, ArgumentValue], NodePlace, str | None], list[str]] | None = None

    def settings_version(self, version: str | None) -> tuple[int, ...]:
        """Return ``table_version`` among the versions that are predicted, those without known arguments included.

        Raises:
            UnsupportedError: As ``table_version``.
        """
        return replace(self, versions=(*self.predicted_versions, *self.versions)).table_version(version)

    def table_version(self, version: str | None) -> tuple[int, ...]:
        """Return the version whose table serves ``version``: the nearest one that is not newer.

        A blank version, and one without numbers (``nightly-5b8c30d``, ``main``), takes ``default_version``.

        Raises:
            UnsupportedError: The version is older than the first table or a later release series than the last.
        """
        if not self.versions:
            return (0,)
        foreign = (version or "").strip().lower().startswith(self.foreign_versions) if self.foreign_versions else False
        numbers = None if foreign else version_numbers(version)
        if numbers is None:
            numbers = version_numbers(self.default_version) or self.versions[-1]
        older = [table for table in self.versions if table <= numbers]
        newest = self.versions[-1]
        if not older or numbers[: len(newest)] > newest:
            known = ", ".join(".".join(map(str, table)) for table in self.versions)
            raise UnsupportedError(
                f"{self.name} {version} is outside the versions that are simulated ({known} and their patches): "
                "give a version in between, or leave engine_version blank.",
                {"field": "engine_version"},
            )
        return older[-1]
