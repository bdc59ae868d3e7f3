"""The two kinds of form, and the small ones that many use."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Shown(BaseModel):
    """A form that is only shown in the OpenAPI document; answers are never built from it."""


class Read(BaseModel):
    """A form that a request body is read into; a field that it does not have is an error, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Language = Literal["zh", "en"]
Time = AwareDatetime
IdentifierText = Annotated[
    str, Field(min_length=3, max_length=260, examples=["card:1000231"], description="type:value")
]
RequestId = Annotated[
    str, Field(max_length=255, description="The same as the header Idempotency-Key, for clients that cannot set one.")
]


class Money(Read):
    """An amount as decimal text, with as many places as the currency has."""

    amount: Annotated[str, Field(max_length=20, examples=["19.90"], pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,4})?$")]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["CNY"])]


class FieldProblem(Shown):
    """What is wrong with one field."""

    field: str
    message: str


class Problem(Shown):
    """A refusal (RFC 9457)."""

    type: Annotated[str, Field(examples=["urn:zhike:problem:key-revoked"])]
    title: str
    status: int
    detail: Annotated[str, Field(description="For a person. INTERNAL ones say nothing.")]
    reason: Annotated[str, Field(description="Stable, UPPER_SNAKE; docs/api.md lists them.", examples=["KEY_REVOKED"])]
    domain: Annotated[str, Field(description="Who said so.", examples=["gateway.zhike"])]
    request_id: str
    metadata: dict[str, str]
    errors: list[FieldProblem] = Field(default=[], description="One for each wrong field.")


class RowProblem(Shown):
    """Why a row of an import was refused."""

    row: Annotated[int, Field(description="1-based, the header not counted.")]
    reason: str
    message: str
    field: str


class Progress(Shown):
    """Counters of an operation; rows = accepted + duplicate + rejected when it is done."""

    rows: int
    accepted: int
    duplicate: int
    rejected: int
    rejected_by_reason: dict[str, int]
    accepted_by_kind: dict[str, int]
    errors: Annotated[list[RowProblem], Field(description="The first 100; all of them at /errors.")]
    error_file: Annotated[str, Field(description="Digest of the error file, empty without one.")]
    result_file: Annotated[str, Field(description="Digest of what the operation made, at /result; empty without.")]
    total_bytes: int
    done_bytes: int
    start_time: datetime | None
    end_time: datetime | None


class OperationError(Shown):
    """Why an operation failed."""

    reason: str
    message: str
    domain: str
    metadata: dict[str, str]


class Operation(Shown):
    """Work that outlives the request."""

    id: Annotated[str, Field(description="The part before the point names the service.", examples=["search.5f1c"])]
    done: bool
    progress: Progress | None
    error: OperationError | None = None


AnyObject = dict[str, Any]
