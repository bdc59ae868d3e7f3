"""What PR staff read and write of alerts and silences."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.schemas.forms import Read, RequestId, Shown, Time

AlertStateWord = Literal["open", "acknowledged", "mitigating", "resolved", "closed"]
AlertKindWord = Literal["shop", "brand", "product", "source"]
LevelWord = Literal["I", "II", "III", "IV"]
Comment = Annotated[str, Field(max_length=2_000, description="Why, in plain text.")]
Person = Annotated[str, Field(max_length=128)]


class AlertTerm(Shown):
    """One part of a level."""

    name: Annotated[str, Field(examples=["volume", "negative-share", "reach", "grave-aspects"])]
    value: Annotated[float | None, Field(description="null: not known; then it gives no points.")]
    points: int
    step: Annotated[float | None, Field(description="The step that it reached.")]
    explanation: Annotated[dict[str, str], Field(description="In words, by language.")]


class AlertAssessment(Shown):
    """A level with every term."""

    level: LevelWord
    points: int
    terms: list[AlertTerm]
    floor: Annotated[str, Field(description="The term that holds the level up whatever the sum is.")]


class AlertSignal(Shown):
    """A series that burst, with the terms at its height."""

    series: Literal["volume", "negative"]
    first_time: datetime
    last_time: datetime
    count: Annotated[int, Field(description="Mentions within 15 minutes.")]
    rate: float
    usual_rate: Annotated[float, Field(description="The median of the trailing 14 days.")]
    bar_rate: Annotated[float, Field(description="The bar that it passed.")]
    times_usual: float
    history_buckets: Annotated[int, Field(description="Five-minute buckets in the history; 4,032 are 14 days.")]
    share: float
    usual_share: float


class AlertEvidence(Shown):
    """A mention that speaks for the alert; `GET /v1/mentions/{mention_id}` has its words."""

    mention_id: str
    cluster_id: str
    source: str
    url: str
    tone: str
    reach: int
    published_time: datetime


class WithheldPage(Shown):
    """A page that is owed."""

    cause: str
    by: Annotated[str, Field(examples=["silence:sil_1", "alert:7f-1", "hold"])]
    until_time: datetime | None


class AlertEntry(Shown):
    """One thing that happened."""

    number: int
    kind: Annotated[
        str,
        Field(
            description="raised, reopened, level-raised, recurred, acknowledged, handed-over, mitigating, commented, "
            "resolved, closed, notified or withheld."
        ),
    ]
    time: datetime
    actor: Annotated[str, Field(description='"system" for the clock and the judging.')]
    comment: str
    owner: str
    level: str
    cause: str
    by: str


class Alert(Shown):
    """An alert."""

    id: str
    alertname: Annotated[str, Field(examples=["MentionBurst", "SourceSilent"])]
    shop: str
    kind: AlertKindWord
    subject: str
    brand: str
    number: int
    state: AlertStateWord
    level: LevelWord
    level_name: dict[str, str]
    owner: str
    summary: dict[str, str]
    starts_time: datetime
    last_time: datetime
    raised_time: datetime
    paged_time: datetime | None
    resolved_time: datetime | None
    closed_time: datetime | None
    life: int
    escalated: int
    withheld: list[WithheldPage]
    assessment: AlertAssessment
    peak: AlertAssessment
    signals: list[AlertSignal]
    evidence: list[AlertEvidence]
    history: Annotated[list[AlertEntry], Field(description="Empty in lists.")]
    version: int


class Alerts(Shown):
    """A page of alerts, the latest raised first."""

    alerts: list[Alert]
    next_page_token: str


class AcknowledgeAlert(Read):
    """Takes an alert in hand."""

    owner: Annotated[Person, Field(description="Who has it in hand from now on; by default who asks.")] = ""
    comment: Comment = ""


class ChangeAlert(Read):
    """Takes an alert to its next state."""

    comment: Comment = ""


class CommentAlert(Read):
    """Something to say about an alert."""

    comment: Annotated[str, Field(min_length=1, max_length=2_000, description="In plain text.")]
    request_id: RequestId = ""


class SilenceMatcher(Read):
    """A label and its value."""

    name: Literal["alertname", "shop", "kind", "subject", "brand", "level"]
    value: Annotated[str, Field(min_length=1, max_length=256)]
    is_not: Annotated[bool, Field(description="The label must have another value.")] = False


class SilenceRequest(Read):
    """A silence to set."""

    matchers: Annotated[list[SilenceMatcher], Field(min_length=1, max_length=8, description="All hold together.")]
    reason: Annotated[str, Field(min_length=1, max_length=500)]
    starts_time: Annotated[Time | None, Field(description="By default now.")] = None
    ends_time: Annotated[Time, Field(description="At most 30 days after its beginning.")]
    request_id: RequestId = ""


class Silence(Shown):
    """A silence."""

    id: str
    matchers: list[SilenceMatcher]
    reason: str
    created_by: str
    starts_time: datetime
    ends_time: datetime
    active: bool


class Silences(Shown):
    """A page of silences, the last to end first."""

    silences: list[Silence]
    next_page_token: str
