"""What an operator reads and writes of webhooks."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from gateway.schemas.forms import Read, RequestId, Shown

Url = Annotated[
    str,
    Field(
        min_length=1,
        max_length=2_048,
        description="https to a public address, or what ZHIKE_WEBHOOK_ALLOWED_HOSTS names.",
        examples=["https://erp.example/hooks/zhike"],
    ),
]
EventTypes = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=64)]],
    Field(
        max_length=32, description="What the target listens to; none means everything.", examples=[["order.delayed"]]
    ),
]
Owner = Annotated[str, Field(max_length=64, description="Whose endpoint it is, in words.")]


class WebhookTargetRequest(Read):
    """A new target."""

    url: Url
    event_types: EventTypes = []
    owner: Owner = ""
    request_id: RequestId = ""


class WebhookTargetPatch(Read):
    """New values; a field that is absent stays."""

    url: Url | None = None
    event_types: EventTypes | None = None
    owner: Owner | None = None
    state: Literal["enabled", "disabled"] | None = None


class RotateSecretRequest(Read):
    """How to change to a new secret."""

    overlap_s: Annotated[
        int,
        Field(
            ge=0,
            le=604_800,
            description="How long the secret before it signs beside the new one; 0 ends all older ones at once.",
        ),
    ] = 86_400
    request_id: RequestId = ""


class WebhookTestRequest(Read):
    """Nothing but an idempotency key."""

    request_id: RequestId = ""


class ReplayRequest(Read):
    """Which deliveries to begin anew."""

    ids: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=64)]],
        Field(max_length=500, description="None means the dead ones, the longest dead first, 500 at once."),
    ] = []
    request_id: RequestId = ""


class WebhookSecret(Shown):
    """A secret that signs, without its text."""

    create_time: datetime
    end_time: Annotated[datetime | None, Field(description="From then on it signs nothing; null for the newest.")]


class WebhookTarget(Shown):
    """Somebody's endpoint."""

    id: Annotated[str, Field(examples=["wht_5f1c0d"])]
    url: str
    event_types: list[str]
    owner: str
    state: Literal["enabled", "disabled"]
    disable_cause: Annotated[
        Literal["", "operator", "gone", "backlog"],
        Field(description="gone: it answered 410; backlog: too much waited for it."),
    ]
    secrets: Annotated[list[WebhookSecret], Field(description="The newest first; each call is signed with all.")]
    create_time: datetime
    update_time: datetime


class NewWebhookTarget(WebhookTarget):
    """A target with its newest secret, which is shown this once."""

    secret: Annotated[str, Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])]


class WebhookTargets(Shown):
    """Every target of a service, the oldest first."""

    targets: list[WebhookTarget]
    event_types: Annotated[list[str], Field(description="What this service sends.")]


class WebhookAttempt(Shown):
    """One try."""

    start_time: datetime
    duration_ms: int
    outcome: Literal[
        "delivered",
        "refused",
        "gone",
        "throttled",
        "broken",
        "timeout",
        "unreachable",
        "blocked",
        "interrupted",
    ]
    status: Annotated[int, Field(description="HTTP status; 0 without an answer.")]
    response: Annotated[str, Field(description="How the answer began; without one, what went wrong.")]


class WebhookDelivery(Shown):
    """An event on its way to a target."""

    id: Annotated[str, Field(description="The webhook-id of every try.", examples=["msg_4b1d"])]
    event_type: str
    state: Literal["waiting", "sending", "delivered", "dead", "cancelled"]
    tries: int
    replays: Annotated[int, Field(description="How often it was begun anew.")]
    create_time: datetime
    next_try_time: Annotated[datetime | None, Field(description="While it waits.")]
    end_time: datetime | None
    attempts: Annotated[list[WebhookAttempt], Field(description="The latest 20, in order.")]
    body: Annotated[dict[str, Any] | None, Field(description="What is sent; null unless asked for.")]


class WebhookDeliveries(Shown):
    """A page of deliveries, the latest first."""

    deliveries: list[WebhookDelivery]
    next_page_token: str


class Replayed(Shown):
    """What was begun anew."""

    replayed: Annotated[int, Field(description="What is on its way already is left as it is.")]
    more: Annotated[bool, Field(description="There may be more for another request.")]
