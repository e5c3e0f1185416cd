"""Use cases on the wire: tokens, and seconds for every latency."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from budsim.commons.field_errors import fields_disagree
from budsim.simulator.request_schemas import MAX_INTEGER
from budsim.simulator.simulation_request import MAX_TOKENS

MAX_IMPORTED = 2_000
MAX_SECONDS = 10_000_000.0  # four months: beyond any batch window
SortField = Literal[
    "unique_id", "name", "industry", "e2e_max", "ttft_max", "input_tokens_max", "output_tokens_max", "created_at"
]
UniqueId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
ShortText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]
Industry = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
_RANGES = ("input_tokens", "output_tokens", "ttft", "e2e", "inter_token")


def _seconds(what: str, example: float) -> float | None:
    field: float | None = Field(
        None, ge=0, le=MAX_SECONDS, description=f"{what}, s; null = no bound", examples=[example]
    )
    return field


class UseCaseFields(BaseModel):
    """What a use case is: lengths, service levels, where it belongs."""

    model_config = ConfigDict(extra="forbid")

    name: ShortText = Field(description="name", examples=["Support chat"])
    industry: Industry = Field(description="industry", examples=["Customer Support"])
    description: str = Field("", max_length=4000, description="what is asked and answered", examples=["A help desk."])
    assumptions: str = Field(
        "", max_length=4000, description="where lengths and bounds come from", examples=["MLPerf server bounds"]
    )
    batch_size: int = Field(1, ge=1, le=1_000_000, description="requests of one caller at once", examples=[1])
    beam_size: int = Field(1, ge=1, le=1_000, description="beams of one answer", examples=[1])
    input_tokens_min: int = Field(ge=0, le=MAX_TOKENS, description="shortest input, tokens", examples=[500])
    input_tokens_max: int = Field(ge=0, le=MAX_TOKENS, description="longest input, tokens", examples=[2048])
    output_tokens_min: int = Field(ge=0, le=MAX_TOKENS, description="shortest output, tokens", examples=[50])
    output_tokens_max: int = Field(ge=0, le=MAX_TOKENS, description="longest output, tokens", examples=[300])
    ttft_min: float | None = _seconds("time to first token that is good", 0.5)
    ttft_max: float | None = _seconds("time to first token at most", 1.0)
    e2e_min: float | None = _seconds("end-to-end latency that is good", 5.0)
    e2e_max: float | None = _seconds("end-to-end latency at most", 12.0)
    inter_token_min: float | None = _seconds("time between tokens that is good", 0.02)
    inter_token_max: float | None = _seconds("time between tokens at most", 0.05)
    tags: list[Tag] = Field(default_factory=list, max_length=50, description="tags", examples=[["chat"]])

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in _RANGES:
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if low is not None and high is not None and high < low:
                raise fields_disagree(f"{name}_max", f"must be at least {name}_min ({low:g}), not {high:g}")
        self.tags = list(dict.fromkeys(self.tags))
        return self


class UseCaseCreate(UseCaseFields):
    """A new use case."""

    unique_id: UniqueId = Field(description="id of your own: letters, digits, . _ -", examples=["chat_support"])


class UseCaseUpdate(UseCaseFields):
    """The whole use case as it shall be; ``version`` guards against somebody else's change."""

    version: int | None = Field(
        None,
        ge=1,
        le=MAX_INTEGER,
        description="version that was read; another one by now is answered 409; null = do not check",
        examples=[1],
    )
    is_active: bool = Field(True, description="false = hidden from lists", examples=[True])


class UseCaseResponse(UseCaseFields):
    """A stored use case."""

    id: int = Field(description="row", examples=[1])
    unique_id: str = Field(description="its id", examples=["chat_support"])
    source: Literal["json_import", "manual", "api"] = Field(description="how it came", examples=["api"])
    version: int = Field(description="counts changes", examples=[1])
    is_active: bool = Field(description="false = deleted, but kept", examples=[True])
    latency_profile: Literal["real-time", "interactive", "responsive", "batch"] | None = Field(
        description="by e2e_max: <= 2, 5, 10 s, else batch", examples=["interactive"]
    )
    input_length_profile: Literal["short", "medium", "long"] = Field(
        description="by input_tokens_max: <= 1000, 10,000, else long", examples=["medium"]
    )
    created_at: datetime = Field(description="when it was made", examples=["2026-01-15T09:30:00Z"])
    updated_at: datetime = Field(description="when it was last changed", examples=["2026-01-15T09:30:00Z"])


class UseCaseList(BaseModel):
    """A page of use cases."""

    usecases: list[UseCaseResponse] = Field(description="the page")
    total: int = Field(description="matches over all pages", examples=[66])
    limit: int = Field(description="page size", examples=[100])
    offset: int = Field(description="matches left out before the page", examples=[0])


class TagCount(BaseModel):
    """A tag and how often it is used."""

    tag: str = Field(description="the tag", examples=["chat"])
    count: int = Field(description="active use cases that bear it", examples=[7])


class UseCaseStats(BaseModel):
    """Counts of the active use cases."""

    total_usecases: int = Field(description="active use cases", examples=[66])
    by_industry: dict[str, int] = Field(description="by industry", examples=[{"General": 12}])
    by_latency_profile: dict[str, int] = Field(description="by latency profile", examples=[{"interactive": 20}])
    popular_tags: list[TagCount] = Field(description="the twenty most used tags")


class UseCaseImport(BaseModel):
    """Use cases to store, all or none."""

    model_config = ConfigDict(extra="forbid")

    usecases: list[UseCaseCreate] = Field(min_length=1, max_length=MAX_IMPORTED, description="the use cases", examples=[
        [{"unique_id": "chat_support", "name": "Support chat", "industry": "Customer Support", "input_tokens_min": 500,
          "input_tokens_max": 2048, "output_tokens_min": 50, "output_tokens_max": 300}]])  # fmt: skip
    on_conflict: Literal["fail", "skip", "replace"] = Field(
        "fail", description="what happens to ids that exist: nothing is stored, they stay, they are replaced",
        examples=["skip"],
    )  # fmt: skip


class ImportResponse(BaseModel):
    """What an import did."""

    created: int = Field(description="new use cases", examples=[3])
    replaced: int = Field(description="replaced ones", examples=[0])
    skipped: list[str] = Field(description="ids that existed and stayed", examples=[["chat_support"]])


class UseCaseExport(BaseModel):
    """Use cases as ``/import`` takes them."""

    usecases: list[UseCaseCreate] = Field(description="the use cases")


class DeletedResponse(BaseModel):
    """What was deleted."""

    unique_id: str = Field(description="its id", examples=["chat_support"])
    hard_delete: bool = Field(description="true = the row is gone; false = it is kept, inactive", examples=[False])
