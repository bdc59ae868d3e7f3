"""When goods will be there, and how far those made to order are."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.schemas.forms import Shown

TwoLanguages = Annotated[
    dict[str, str], Field(description="By language: zh, en.", examples=[{"zh": "12月3日", "en": "3 Dec"}])
]


class EstimateReason(Shown):
    """Why an estimate is what it is."""

    reason: Annotated[str, Field(examples=["few-observations", "calendar-not-published", "rework"])]
    words: TwoLanguages


class Estimate(Shown):
    """When something will be there."""

    likely_time: Annotated[datetime, Field(description="Half of all such cases are there by then.")]
    earliest_time: Annotated[datetime, Field(description="One in ten is earlier: the 80 % band begins here …")]
    latest_time: Annotated[datetime, Field(description="… and ends here: nine in ten are there.")]
    promise_time: Annotated[datetime, Field(description="The end of the day on which nine in ten are there.")]
    promise_day_words: TwoLanguages
    confidence: Literal["low", "medium", "high"]
    confidence_words: TwoLanguages
    reasons: Annotated[list[EstimateReason], Field(description="The gravest first.")]
    samples: Annotated[int, Field(description="Observations of the least known part of the way.")]
    method: Annotated[str, Field(examples=["lane-quantiles/1"])]


class ProductPromise(Shown):
    """When so many pieces would be there, were they ordered now."""

    product_id: str
    quantity: int
    destination: str
    made_to_order: bool
    available: Annotated[bool, Field(description="Whether so many pieces can be had now.")]
    estimate: Estimate | None


class PromiseVersion(Shown):
    """One estimate of an order as it was made."""

    number: int
    make_time: datetime
    estimate: Estimate
    cause_type: Annotated[str, Field(description="The type of the fact that caused it; empty: time passed.")]
    cause_event_id: str


class DelayNotice(Shown):
    """A promise that will not be kept, told once."""

    slip: int
    tell_time: datetime
    broken_time: datetime
    promised_time: datetime
    reason: str
    words: TwoLanguages | None
    late: Annotated[bool, Field(description="It was told when the promise was broken already.")]


class LateOrder(Shown):
    """An order whose delay was told and that is not there yet."""

    id: str
    shop: str
    number: str
    broken_time: Annotated[datetime, Field(description="What was promised first.")]
    promised_time: Annotated[datetime, Field(description="What is promised by now.")]
    likely_time: datetime
    slips: Annotated[int, Field(description="How often its promise was put off.")]
    reason: EstimateReason


class LateOrders(Shown):
    """A page of late orders."""

    orders: list[LateOrder]
    next_page_token: str
    total: Annotated[int, Field(description="In all.")]


class OrderPromise(Shown):
    """What is promised of an order."""

    held_time: Annotated[datetime, Field(description="The first promise, or that of the last delay notice.")]
    held_day_words: TwoLanguages
    estimate: Annotated[Estimate, Field(description="The latest; it may be earlier than what is held.")]
    versions: list[PromiseVersion]
    notices: list[DelayNotice]


class LineStage(Shown):
    """A stage of a line's template."""

    stage: str
    words: TwoLanguages
    done: Annotated[int, Field(description="Pieces that have it behind them.")]


class ProductionRemark(Shown):
    """Something about a line's production that deserves a word."""

    kind: Literal["rework", "loop", "unknown-stage"]
    words: TwoLanguages
    time: datetime


class LineProgress(Shown):
    """How far a line is that is made to order."""

    family: str
    family_words: TwoLanguages | None
    stage: Annotated[str, Field(description="Where work was last seen.")]
    stage_words: TwoLanguages | None
    since_time: datetime | None
    share: Annotated[float, Field(ge=0, le=1, description="Of the furthest piece; it never falls.")]
    stages: list[LineStage]
    reworks: int
    remarks: list[ProductionRemark]


class CarrierAcknowledgement(Shown):
    """What the sender takes for an acknowledgement; empty but for the aggregators, which expect a form of their own."""
