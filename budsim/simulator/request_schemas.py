"""What callers send to the simulator, checked once at the door.

Names and units on the wire are the platform's. Three bodies start a run: the platform's, the same wrapped in a
CloudEvent, and the service README's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from budsim.commons.field_errors import fields_disagree
from budsim.simulator.cost_schemas import PRICE_BASIS_TEXT
from budsim.simulator.hardware import PriceBasis
from budsim.simulator.simulation_request import MAX_CONCURRENCY, MAX_TOKENS

# PostgreSQL's integer.
MAX_INTEGER = 2**31 - 1
ENDPOINTS = ("EMBEDDING", "LLM", "AUDIO", "CLASSIFY", "RERANK")
_MAX_DEPTH = 40

HardwareMode = Literal["dedicated", "shared"]
SimulationMethod = Literal["regressor", "heuristic"]


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


# In any case, as the user guide writes it in capitals.
MethodField = Annotated[SimulationMethod | None, BeforeValidator(_lower)]

# What a CloudEvent carries beside its data; accepted, and not needed.
_EVENT_FIELDS = ("specversion", "topic", "pubsubname", "source", "data", "traceid", "tracestate", "traceparent", "type",
                 "time", "id", "datacontenttype", "subject", "dataschema")  # fmt: skip


def storable(value: Any) -> Any:
    """Return ``value`` unless it holds what no database can store.

    Raises:
        PydanticCustomError: A NUL or half a surrogate pair in a text, NaN or an infinity, or nesting beyond reason. It
            is a ValueError whose context has the ``path`` to the fault.
    """
    _check_storable(value, ())
    return value


def _check_storable(value: Any, path: tuple[str | int, ...]) -> None:
    if len(path) > _MAX_DEPTH:
        raise _unstorable(path[:1], f"nested more than {_MAX_DEPTH} levels deep")
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise _unstorable(path, "text must not contain NUL or unpaired surrogate characters")
    elif isinstance(value, float) and not math.isfinite(value):
        raise _unstorable(path, "numbers must be finite")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _check_storable(key, path)
            _check_storable(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_storable(item, (*path, index))


def _unstorable(path: tuple[str | int, ...], reason: str) -> PydanticCustomError:
    return PydanticCustomError("unstorable", "{reason}", {"reason": reason, "path": list(path)})


def named_devices(value: list[str] | None) -> list[str] | None:
    """Return names of devices, None = all.

    Raises:
        ValueError: One of them is blank, and would be part of every name.
    """
    if value is not None and not all(name.strip() for name in value):
        raise ValueError("every device needs a name; leave the field out to allow all")
    return value


class RequestModel(BaseModel):
    """A request body: unknown fields, NaN, infinities and unstorable text are errors."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, str_max_length=4096, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        return storable(value)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_as_number(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, bool) and info.field_name and cls.model_fields[info.field_name].annotation is not bool:
            raise ValueError("true and false are not values of this field")
        return value


class NotificationMetadata(RequestModel):
    """Whom to tell about the progress of a run."""

    model_config = ConfigDict(extra="ignore")

    notification_type: Literal["event", "topic", "broadcast"] = Field(
        "event", description="How the platform delivers it.", examples=["event"]
    )
    name: str | None = Field(
        None, description="Name of the platform's notification workflow.", examples=["bud-internal"]
    )
    workflow_id: str | None = Field(
        None,
        description="The caller's own workflow id, repeated in every event.",
        examples=["8900717f-3ec0-4df8-8993-54083b020c69"],
    )
    subscriber_ids: str | list[str] | None = Field(None, description="Users to tell.", examples=["user-1"])
    actor: str | None = Field(None, description="Who caused it.", examples=["alice"])
    topic_keys: str | list[str] | None = Field(None, description="Topics to tell.", examples=["team-a"])
    category: Literal["inapp", "internal", "email"] = Field(
        "internal", description="Kind of notification.", examples=["internal"]
    )


class RunRequest(RequestModel):
    """What every way of starting a run shares."""

    source: str | None = Field(
        None, description="App id of the caller; its topic gets the events.", examples=["budapp"]
    )
    source_topic: str | list[str] | None = Field(
        None,
        description="Topics that get the progress events. Naming one makes the call asynchronous.",
        examples=["budAppMessages"],
    )
    notification_metadata: NotificationMetadata | None = Field(
        None,
        description="Whom to notify. Naming somebody makes the call asynchronous.",
        examples=[{"name": "bud-internal", "subscriber_ids": "user-1"}],
    )
    debug: bool = Field(False, description="Wait for the answer even if events were asked for.", examples=[False])
    project_id: str | None = Field(
        None, max_length=255, description="Project that the run belongs to.", examples=["project-7"]
    )
    price_basis: PriceBasis | None = Field(None, description=PRICE_BASIS_TEXT, examples=["on_demand"])
    allow_disaggregated: bool = Field(
        False,
        description="Also try deployments of two pools, one that prefills and one that decodes (vllm 0.9, sglang).",
        examples=[False],
    )

    @property
    def wants_events(self) -> bool:
        """Whether the caller asked for events instead of waiting."""
        return bool(self.source_topic or self.notification_metadata) and not self.debug

    @property
    def source_topics(self) -> list[str]:
        """The topics as a list."""
        return [self.source_topic] if isinstance(self.source_topic, str) else list(self.source_topic or [])


class ClusterRecommendationRequest(RunRequest):
    """The platform's body: which deployment of this model, on which cluster, meets these targets?"""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "pretrained_model_uri": "meta-llama/Llama-3.1-8B-Instruct",
                "is_proprietary_model": False,
                "input_tokens": 1024,
                "output_tokens": 512,
                "concurrency": 10,
                "target_ttft": 1000.0,
                "target_throughput_per_user": 20.0,
                "target_e2e_latency": 30.0,
                "hardware_mode": "dedicated",
            }
        }
    )

    pretrained_model_uri: str = Field(
        min_length=1,
        max_length=1024,
        description="Hub id, local folder, or a UUID that PUT /models mapped.",
        examples=["meta-llama/Llama-3.1-8B-Instruct"],
    )
    model_uri: str | None = Field(
        None,
        max_length=1024,
        description="Hub id, when the first field is a folder.",
        examples=["meta-llama/Llama-3.1-8B"],
    )
    is_proprietary_model: bool = Field(
        description="A model behind somebody's API: nothing to place, only to price.", examples=[False]
    )
    input_tokens: int = Field(ge=1, le=MAX_TOKENS, description="Mean prompt length, tokens.", examples=[1024])
    output_tokens: int = Field(ge=1, le=MAX_TOKENS, description="Mean answer length, tokens.", examples=[512])
    concurrency: int = Field(ge=1, le=MAX_CONCURRENCY, description="Requests in flight at once.", examples=[10])
    target_ttft: float | None = Field(
        None, ge=0, description="Upper bound of median TTFT, ms; 0 = none.", examples=[1000.0]
    )
    target_throughput_per_user: float | None = Field(
        None, ge=0, description="Lower bound of output tokens/s of one request; 0 = none.", examples=[20.0]
    )
    target_e2e_latency: float | None = Field(
        None, ge=0, description="Upper bound of median end-to-end latency, s; 0 = none.", examples=[30.0]
    )
    cluster_id: UUID | None = Field(
        None, description="Look at this cluster only.", examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"]
    )
    is_quantization: bool = Field(
        False, description="Price a quantisation job instead of a deployment.", examples=[False]
    )
    quantization_method: str | None = Field(None, max_length=50, description="RTN, AWQ …", examples=["AWQ"])
    quantization_type: str | None = Field(
        None, max_length=50, description="bf16, INT8, INT4 or INT2, any case.", examples=["INT8"]
    )
    quantization_hours: float | None = Field(
        None, gt=0, le=8760, description="How long the quantisation job takes, h; assumed unless given.", examples=[1.5]
    )
    usd_per_million_input_tokens: float | None = Field(
        None, ge=0, le=1e6, description="Price of a proprietary model; the list price unless given.", examples=[2.5]
    )
    usd_per_million_output_tokens: float | None = Field(
        None, ge=0, le=1e6, description="Price of a proprietary model; the list price unless given.", examples=[10.0]
    )
    simulation_method: MethodField = Field(
        None, description="regressor or heuristic; DEFAULT_SIMULATION_METHOD unless given.", examples=["heuristic"]
    )
    model_version: str | None = Field(
        None,
        max_length=64,
        description="Version of the trained models, as /models/cache/status lists them; the current one unless given.",
        examples=["f1-0a1b2c3d"],
    )
    hardware_mode: HardwareMode | None = Field(
        "dedicated", description="Idle devices, or what is left of used ones.", examples=["dedicated"]
    )
    model_endpoints: str | None = Field(
        None, max_length=255, description="Comma list of EMBEDDING, LLM, AUDIO, CLASSIFY, RERANK.", examples=["LLM"]
    )
    model_max_context_length: int | None = Field(
        None, ge=1, le=MAX_TOKENS, description="Longest sequence to serve, tokens.", examples=[8192]
    )
    optimization_target: Literal["throughput", "latency", "cost", "balanced"] | None = Field(
        None, description="What the best answer is best at; cost unless given.", examples=["cost"]
    )

    @field_validator("model_endpoints")
    @classmethod
    def _known_endpoints(cls, value: str | None) -> str | None:
        """Return the list in upper case without blanks."""
        names = [name.strip().upper() for name in (value or "").split(",") if name.strip()]
        unknown = [name for name in names if name not in ENDPOINTS]
        if unknown:
            raise ValueError(f"{unknown[0][:40]!r} is none of {', '.join(ENDPOINTS)}")
        return ",".join(names) or None

    @model_validator(mode="after")
    def _targets_given(self) -> ClusterRecommendationRequest:
        names = ("target_ttft", "target_throughput_per_user", "target_e2e_latency")
        missing = [name for name in names if getattr(self, name) is None]
        if missing and not self.is_proprietary_model:
            raise fields_disagree(
                missing[0],
                "target_ttft, target_throughput_per_user and target_e2e_latency are required for a model that is not "
                "proprietary; 0 means that there is no such target",
            )
        return self


class RunConstraints(RequestModel):
    """Bounds of the service README's body."""

    max_batch_size: int | None = Field(
        None, ge=1, le=MAX_CONCURRENCY, description="Most requests in flight.", examples=[32]
    )
    max_memory_gb: float | None = Field(
        None, gt=0, description="Most memory used on one device, GB (1e9).", examples=[24]
    )
    min_throughput_tokens_per_second: float | None = Field(
        None, ge=0, description="Least output tokens/s of the whole deployment.", examples=[100]
    )


class RunWorkload(RequestModel):
    """The load, for bodies whose own fields do not state it."""

    input_tokens: int | None = Field(
        None, ge=1, le=MAX_TOKENS, description="Mean prompt length, tokens.", examples=[1024]
    )
    output_tokens: int | None = Field(
        None, ge=1, le=MAX_TOKENS, description="Mean answer length, tokens.", examples=[512]
    )
    concurrency: int | None = Field(None, ge=1, le=MAX_CONCURRENCY, description="Requests in flight.", examples=[10])


class HardwareRunRequest(RunRequest):
    """The service README's body: the best configuration of this model on this kind of hardware."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "model_name": "meta-llama/Llama-2-7b-hf",
                "hardware_type": "cuda",
                "optimization_target": "throughput",
                "constraints": {"max_batch_size": 32, "max_memory_gb": 24, "min_throughput_tokens_per_second": 100},
                "engine_preferences": ["vllm", "sglang"],
                "quantization_options": ["none", "int8", "int4"],
            }
        }
    )

    model_name: str = Field(
        min_length=1,
        max_length=1024,
        description="Hub id, local folder or mapped UUID.",
        examples=["meta-llama/Llama-2-7b-hf"],
    )
    hardware_type: str = Field(
        min_length=1, max_length=50, description="Device type: cuda, rocm, hpu, cpu or cpu_high.", examples=["cuda"]
    )
    optimization_target: Literal["throughput", "latency", "cost", "balanced"] = Field(
        "throughput", description="What the best answer is best at.", examples=["throughput"]
    )
    constraints: RunConstraints = Field(
        default_factory=RunConstraints,
        description="Bounds.",
        examples=[{"max_batch_size": 32, "max_memory_gb": 24, "min_throughput_tokens_per_second": 100}],
    )
    engine_preferences: list[str] = Field(
        default_factory=list,
        max_length=20,
        description="Engines to look at; empty = all.",
        examples=[["vllm", "sglang"]],
    )
    quantization_options: list[str] = Field(
        default_factory=lambda: ["none"], max_length=20, description="Formats to look at.", examples=[["none", "int8"]]
    )
    workload: RunWorkload = Field(
        default_factory=RunWorkload,
        description="The load; defaults are named in the answer.",
        examples=[{"input_tokens": 1024, "output_tokens": 512, "concurrency": 10}],
    )
    simulation_method: MethodField = Field(None, description="As in the platform's body.", examples=["heuristic"])
    model_version: str | None = Field(
        None, max_length=64, description="As in the platform's body.", examples=["f1-0a1b2c3d"]
    )
    cluster_id: UUID | None = Field(
        None, description="Look at this cluster only.", examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"]
    )


def unwrapped(value: Any) -> Any:
    """Return a run body without its CloudEvent: the data's keys at the top, the event's own fields dropped."""
    if not isinstance(value, Mapping):
        return value
    body = dict(storable(value))
    payload = body.get("data")
    if isinstance(payload, Mapping) and not {"pretrained_model_uri", "model_name"} & body.keys():
        body.update(payload)
    source = body.get("source")
    for name in _EVENT_FIELDS:
        body.pop(name, None)
    return {**body, "source": source} if isinstance(source, str) else body


def _kind_of_body(value: Any) -> str:
    if isinstance(value, HardwareRunRequest):
        return "hardware"
    has = value if isinstance(value, Mapping) else {}
    return "hardware" if "model_name" in has and "pretrained_model_uri" not in has else "platform"


RunBody = Annotated[
    Annotated[ClusterRecommendationRequest, Tag("platform")] | Annotated[HardwareRunRequest, Tag("hardware")],
    Discriminator(_kind_of_body),
    BeforeValidator(unwrapped),
]


class FeedbackItem(RequestModel):
    """How one configuration fared when it was deployed."""

    config_id: str = Field(
        min_length=1, max_length=64, description="Of the node group that was deployed.", examples=["1"]
    )
    failed: bool = Field(description="False lifts an earlier failure.", examples=[True])
    reason: str | None = Field(
        None, description="What happened; an out-of-memory text excludes more.", examples=["OOM"]
    )


class DeploymentConfigurationRequest(RequestModel):
    """Which configuration of a finished run to deploy, with feedback on those tried."""

    workflow_id: UUID = Field(description="The run.", examples=["8900717f-3ec0-4df8-8993-54083b020c69"])
    cluster_id: str | None = Field(
        None,
        max_length=255,
        description="The cluster; the best one unless given.",
        examples=["49ec33d5-a86b-4e03-8a4f-156a260c93e5"],
    )
    error_rate_threshold: float = Field(
        0.5, ge=0, description="Mean relative miss of the targets to accept, 0 to 1.", examples=[0.5]
    )
    concurrency: int | None = Field(
        None, ge=1, le=MAX_CONCURRENCY, description="Load to carry; the run's unless given.", examples=[10]
    )
    feedback: list[FeedbackItem] | None = Field(
        None,
        max_length=1000,
        description="On configurations already tried.",
        examples=[[{"config_id": "1", "failed": True, "reason": "OOM"}]],
    )
