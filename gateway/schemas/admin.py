"""What the operator reads and writes."""

from datetime import datetime
from typing import Annotated, Any, Literal

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
    gain_low: Annotated[float, Field(description="Bootstrap 95 % interval of the difference.")]
    gain_high: float
    item_to_item_ndcg_at_10: float


class Model(Shown):
    """One version."""

    version: str
    promoted: bool
    verdict: Annotated[str, Field(description="Why it was or was not put in force.")]
    verdict_words: Annotated[dict[str, str], Field(description="What the held-out windows say, by language: zh, en.")]
    windows: list[WindowResult]
    trained_through: dict[str, int]
    parameters: dict[str, float]
    engine: str
    create_time: datetime | None
    blobs: dict[str, str]
    actor: Annotated[str, Field(description="Who had it trained; empty for the schedule.")]
    earned: Annotated[bool, Field(description="Whether the held-out windows speak for it.")]


class Promotion(Shown):
    """A version was put in force."""

    number: int
    version: str
    ranker: Literal["als", "item-to-item"] | str
    reason: str
    actor: Annotated[str, Field(description="Who; empty when the evidence decided.")]
    time: datetime | None


class Models(Shown):
    """A page of versions, newest first, and what was put in force by whom."""

    models: list[Model]
    next_page_token: str
    promotions: Annotated[list[Promotion], Field(description="The present one first; at most 8.")]
    training: Annotated[str, Field(description="The operation of the training that runs now; empty without one.")]


class TrainRequest(Read):
    """How to train."""

    engine: Literal["ray", "local"] = "ray"
    sweep: Annotated[bool, Field(description="Search the parameters again.")] = False
    dry_run: Annotated[bool, Field(description="Judge, do not promote.")] = False
    request_id: RequestId = ""


class ScoreRequest(Read):
    """How to score."""

    engine: Literal["ray", "local"] = "ray"
    count: Annotated[int, Field(ge=1, le=100, description="Products for each customer.")] = 20
    request_id: RequestId = ""


class PromoteRequest(Read):
    """Why by hand."""

    reason: Annotated[str, Field(min_length=1, max_length=512, description="Who and why.")]


class RebuildRequest(Read):
    """Nothing but an idempotency key."""

    request_id: RequestId = ""


class RedriveRequest(Read):
    """Which dead letters to redrive."""

    ids: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=64)]],
        Field(max_length=100, description="None means all of the projection that wait."),
    ] = []
    request_id: RequestId = ""


class DeadLetterEvent(Shown):
    """What the event says; it may hold personal data."""

    shop: str
    channel: str
    subject: str
    occurred_time: datetime
    recorded_time: datetime
    payload: dict[str, Any]


class DeadLetter(Shown):
    """An event that a reader could not apply and set aside. The last three only with ``payload``."""

    id: Annotated[str, Field(description="The event's identity, which its redrives keep.")]
    projection: str
    log: str
    log_owner: Annotated[str, Field(description="The service that keeps the log.")]
    partition: int
    seq: Annotated[int, Field(description="The event's number in the partition.")]
    type: str
    reason: Annotated[str, Field(description="Why the last try failed.", examples=["KeyError"])]
    tries: Annotated[int, Field(description="How often it was tried in all.")]
    redrives: Annotated[int, Field(description="How often it was redriven and set aside again.")]
    fail_time: datetime | None
    message: Annotated[str, Field(description="What the failure said.")] = ""
    event: DeadLetterEvent | None = None
    event_problem: Annotated[str, Field(description="Why the event cannot be shown; empty when it is.")] = ""


class DeadLetters(Shown):
    """A page of what waits for a redrive, by projection."""

    dead_letters: list[DeadLetter]
    next_page_token: str


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
    version: Annotated[str, Field(description="Of the software that the process runs.")] = ""
    facts: dict[str, str] = {}
    degraded: Annotated[dict[str, str], Field(description="Parts that do not work, each with the cause.")] = {}


class GatewayStatus(Shown):
    """How this process stands."""

    pid: int
    start_time: datetime
    version: str
    degraded: Annotated[dict[str, str], Field(description="Parts that do not work, each with the cause.")]


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
    degraded: Annotated[
        dict[str, dict[str, str]],
        Field(
            description="By process, parts that it must do without, each with the cause; empty when all work.",
            examples=[{"knowledge": {"document-writes": "OutOfDiskSpace"}}],
        ),
    ]
