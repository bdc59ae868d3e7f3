"""What the operator reads and writes."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.schemas.forms import Read, RequestId, Shown


class KeyRequest(Read):
    """A new key. A second live key of a name must equal the first in everything, so that it can take its place."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$", examples=["web-shop"])]
    kind: Literal["publishable", "secret"]
    scope: Annotated[
        Literal["shop", "staff", "load"] | None, Field(description="Of a secret key; a publishable one has none.")
    ] = None
    shop: Annotated[str, Field(max_length=64, description="Shop of what names none.")] = ""
    channel: Annotated[
        Literal["", "web", "app", "store", "phone", "social"], Field(description="Channel of what names none.")
    ] = ""
    owner: Annotated[
        str,
        Field(
            pattern=r"^([a-z0-9][a-z0-9-]{0,39})?$",
            description="Whose writes these are; part of each event's identity. By default the name.",
        ),
    ] = ""


class Key(Shown):
    """A key without its secret."""

    id: Annotated[str, Field(description="<name>.<number>", examples=["web-shop.1"])]
    name: str
    kind: Literal["publishable", "secret"]
    scope: Literal["shop", "staff", "load"] | None
    shop: str
    channel: str
    owner: str
    create_time: datetime
    revoke_time: datetime | None


class NewKey(Key):
    """A key with its text, which is shown this once."""

    key: str


class Keys(Shown):
    """All keys, revoked ones too."""

    keys: list[Key]


class WindowResult(Shown):
    """One held-out window of 4 weeks."""

    start_time: datetime | None
    ndcg_at_10: float
    popularity_ndcg_at_10: float
    customers: int
    gain_low: float
    gain_high: float


class Model(Shown):
    """One version."""

    version: str
    promoted: bool
    verdict: str
    windows: list[WindowResult]
    trained_through: dict[str, int]
    parameters: dict[str, float]
    engine: str
    create_time: datetime | None
    blobs: dict[str, str]


class Models(Shown):
    """A page of versions, newest first."""

    models: list[Model]
    next_page_token: str


class TrainRequest(Read):
    """How to train."""

    engine: Literal["ray", "local"] = "ray"
    sweep: Annotated[bool, Field(description="Search the parameters again.")] = False
    dry_run: Annotated[bool, Field(description="Judge, do not promote.")] = False
    request_id: RequestId = ""


class PromoteRequest(Read):
    """Why by hand."""

    reason: Annotated[str, Field(min_length=1, max_length=512, description="Who and why.")]


class RebuildRequest(Read):
    """Nothing but an idempotency key."""

    request_id: RequestId = ""


class Reader(Shown):
    """A reader of a log."""

    projection: str
    log: str
    lag_events: int
    staleness_s: float
    dead_letters: int
    applied: int


class Job(Shown):
    """A background job."""

    name: str
    state: str
    last_error: str


class ServiceStatus(Shown):
    """How a service stands; only the first three when it cannot be reached."""

    service: str
    ready: bool
    reason: Annotated[str, Field(description="Why nothing else is known; empty when it is.")]
    readers: list[Reader] = []
    jobs: list[Job] = []
    start_time: datetime | None = None
    pid: int = 0
    facts: dict[str, str] = {}


class GatewayStatus(Shown):
    """How this process stands."""

    pid: int
    start_time: datetime
    version: str


class System(Shown):
    """How the whole platform stands."""

    ready: bool
    services: list[ServiceStatus]
    gateway: GatewayStatus


class Health(Shown):
    """The process answers."""

    status: Literal["ok"]


class Readiness(Shown):
    """Every service is ready."""

    status: Literal["ready"]
    services: dict[str, Literal["serving"]]
