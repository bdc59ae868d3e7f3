"""What is read and written of cases."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.schemas.forms import IdentifierText, Read, RequestId, Shown, Time

CaseKindWord = Literal["complaint", "question", "suggestion"]
CaseStateWord = Literal["open", "answered", "closed"]
CauseWord = Literal["expectation-gap", "product-quality", "staff-service"]
Words = Annotated[str, Field(min_length=1, max_length=8_000, description="Plain text; line breaks stay.")]
OptionalWords = Annotated[str, Field(max_length=8_000)]


WhenIt = Annotated[
    Time | None, Field(description="When it happened, of what is taken over from another desk; the operator alone.")
]


class CaseEntry(Shown):
    """One thing that happened to a case."""

    number: int
    kind: Annotated[
        str,
        Field(
            description="opened, replied, wrote (the customer), noted, assigned, closed, reopened, warned or breached."
        ),
    ]
    time: datetime
    actor: Annotated[str, Field(description='"customer" for the customer, "system" for the clock.')]
    text: str
    owner: str
    cause: str


class Case(Shown):
    """A case."""

    id: str
    kind: CaseKindWord
    state: CaseStateWord
    customer: Annotated[str, Field(description="The identifier that it came with, normalised.")]
    shop: str
    channel: str
    order_number: str
    product_id: str
    title: str
    text: str
    owner: Annotated[str, Field(description="Empty: nobody yet. A shopper is not shown it.")]
    cause: Annotated[str, Field(description="Why the customer had to complain; empty until it is closed.")]
    opened_time: datetime
    due_time: Annotated[datetime, Field(description="When the customer must have an answer, in the present life.")]
    warn_time: datetime | None
    answered_time: datetime | None
    closed_time: datetime | None
    warned: bool
    breached: bool
    life: int
    history: Annotated[list[CaseEntry], Field(description="Empty in lists.")]
    version: int
    entries: int
    due_estimated: Annotated[
        bool, Field(description="The due time rests on days whose holidays no government has published yet.")
    ]


class Cases(Shown):
    """A page of cases."""

    cases: list[Case]
    next_page_token: str


class CaseStanding(Shown):
    """How the desk stands."""

    open: int
    unassigned: int
    due_soon: int
    breached: int
    answered: int
    closed: int


class OwnCaseRequest(Read):
    """A case that a shopper opens."""

    kind: CaseKindWord
    text: Words
    title: Annotated[str, Field(max_length=200, description="Without one, the beginning of the text.")] = ""
    order_number: Annotated[str, Field(max_length=64)] = ""
    product_id: Annotated[str, Field(max_length=128)] = ""
    request_id: RequestId = ""


class CaseRequest(OwnCaseRequest):
    """A case to open for a customer."""

    customer: IdentifierText
    channel: Annotated[str, Field(max_length=32, examples=["phone"])] = ""
    shop: Annotated[str, Field(max_length=64, description="By default the key's.")] = ""
    time: WhenIt = None


class CaseWords(Read):
    """What is said in a case."""

    text: Words
    request_id: RequestId = ""


class DatedWords(CaseWords):
    """What is said in a case, perhaps some time ago."""

    time: WhenIt = None


class AssignCase(Read):
    """Gives a case into somebody's hands."""

    owner: Annotated[str, Field(max_length=128, description="Empty: nobody's.")]
    request_id: RequestId = ""


class CloseCase(Read):
    """Ends a case."""

    cause: Annotated[CauseWord | None, Field(description="Needed for a complaint.")] = None
    text: OptionalWords = ""
    time: WhenIt = None
    request_id: RequestId = ""


class ReopenCase(Read):
    """Opens a case again."""

    text: OptionalWords = ""
    request_id: RequestId = ""
