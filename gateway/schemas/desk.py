"""What the service desk reads and writes about customers."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.schemas.forms import IdentifierText, Money, Read, RequestId, Shown

ConsentState = Literal["granted", "denied"]


class MemberIdentifier(Shown):
    """An identifier of the person with why it is one."""

    identifier: str
    joined_to: str
    evidence: str
    source: str
    joined_time: datetime | None


class Fact(Shown):
    """A value with where it came from."""

    field: str
    value: str
    source: str
    claim_time: datetime | None
    identifier: str
    superseded_values: list[str]


class Consent(Shown):
    """A purpose and whether the person agrees."""

    purpose: str
    state: Literal["granted", "denied", "default"]
    source: str
    claim_time: datetime | None


class HabitualProduct(Shown):
    """A product that is bought again and again."""

    product_id: str
    orders: int
    quantity: int
    median_interval_days: float
    last_time: datetime | None


class PurchaseSummary(Shown):
    """What the person buys."""

    orders: int
    spend: Money | None
    average_order: Money | None
    median_interval_days: float
    orders_per_30_days: float
    median_lines: float
    first_order_time: datetime | None
    last_order_time: datetime | None
    usual_hour: int
    usual_weekday: int
    habits: list[HabitualProduct]
    returned_units: int


class ComparedShare(Shown):
    """A share and where it stands among others."""

    share: float
    percentile: float
    median: float


class PromotionAttitude(Shown):
    """Attitude to promotions, compared with all customers of the shop."""

    discount_share: ComparedShare | None
    coupon_share: ComparedShare | None
    own_label_share: ComparedShare | None


class CustomerClass(Shown):
    """A class with why."""

    scheme: str
    value: str
    explanation: dict[str, str]
    terms: dict[str, float]
    as_of_time: datetime | None


class RefusedIdentifier(Shown):
    """An identifier that joins nobody, and why."""

    identifier: str
    reason: str
    explanation: str


class Customer(Shown):
    """One person across all channels."""

    id: str
    identifiers: list[MemberIdentifier]
    account_id: str
    facts: list[Fact]
    consents: list[Consent]
    purchases: PurchaseSummary | None
    promotions: PromotionAttitude | None
    classes: list[CustomerClass]
    refused_identifiers: list[RefusedIdentifier]
    profile_hash: str
    first_seen_time: datetime | None
    last_seen_time: datetime | None
    interactions_by_channel: dict[str, int]


class CustomerReceipt(Shown):
    """What became of a statement; the customer's record itself is for the desk."""

    id: str
    account_id: str
    consents: list[Consent]
    refused_identifiers: list[RefusedIdentifier]


class ClaimedIdentifier(Read):
    """An identifier that the source names for the person."""

    identifier: IdentifierText
    verified: Annotated[
        bool, Field(description="The source has verified that it is theirs; cards and logins count as verified.")
    ] = False


class Claim(Read):
    """A statement."""

    field: Annotated[str, Field(min_length=1, max_length=64)]
    value: Annotated[str, Field(max_length=1_024, description="Empty takes the field back.")]


class ClaimsRequest(Read):
    """Claims of one source about one person."""

    identifiers: Annotated[
        list[ClaimedIdentifier],
        Field(min_length=1, max_length=8, description="Everything that names the person; claims are of the first."),
    ]
    claims: Annotated[list[Claim], Field(max_length=50)] = []
    source: Annotated[str, Field(min_length=1, max_length=64, examples=["crm"])]
    account: Annotated[str, Field(max_length=128, examples=["household:208"], description="Empty leaves it.")] = ""
    consents: Annotated[dict[str, ConsentState], Field(max_length=10)] = {}
    request_id: RequestId = ""


class MergeRequest(Read):
    """Joins by hand."""

    ids: Annotated[list[str], Field(min_length=2, max_length=2, description="Two ids or identifiers.")]
    reason: Annotated[str, Field(min_length=1, max_length=512, description="Who and why.")]
    request_id: RequestId = ""


class UnmergeRequest(Read):
    """Parts a customer into two groups that never join again by themselves."""

    identifiers: Annotated[
        list[IdentifierText], Field(min_length=1, max_length=200, description="The first group; the rest is the other.")
    ]
    reason: Annotated[str, Field(min_length=1, max_length=512, description="Who and why.")]
    request_id: RequestId = ""


class UnmergeAnswer(Shown):
    """The two customers after it."""

    customers: list[Customer]


class ConsentRequest(Read):
    """Yes or no to a purpose."""

    granted: bool
    source: Annotated[str, Field(min_length=1, max_length=64, examples=["preference-centre"])]
    request_id: RequestId = ""
