"""What the service desk reads and writes of contacts and of finding customers."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.schemas.forms import Money, Read, RequestId, Shown

ContactKindWord = Literal["telephone", "email", "mail", "visit"]
PurposeWord = Literal["care", "service"]
OutcomeWord = Literal["reached", "not-reached", "declined"]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", examples=["2026-12-03"])]
Note = Annotated[str, Field(max_length=2_000)]


class Contact(Shown):
    """A planned contact."""

    id: str
    customer: str
    shop: str
    kind: ContactKindWord
    purpose: PurposeWord
    state: Literal["planned", "done", "cancelled"]
    day: str
    owner: str
    note: str
    outcome: str
    outcome_note: str
    done_time: datetime | None
    done_by: str
    planned_by: Annotated[str, Field(description='"plan" for the plan of the class.')]
    planned_time: datetime
    abc_class: str
    blocked: Annotated[bool, Field(description="The customer has said no since it was planned.")]
    version: int


class Contacts(Shown):
    """A page of contacts."""

    contacts: list[Contact]
    next_page_token: str


class ContactDay(Shown):
    """What a day of the calendar holds."""

    day: str
    planned: int
    done: int
    workday: bool
    holiday: str


class ContactDays(Shown):
    """Days of the calendar."""

    days: list[ContactDay]
    today: str
    overdue: int


class ContactRequest(Read):
    """A contact to plan."""

    customer: Annotated[str, Field(min_length=3, max_length=260, description="Customer id or identifier.")]
    kind: ContactKindWord
    purpose: Annotated[PurposeWord, Field(description="care needs consent to marketing, service needs none.")]
    day: Day
    owner: Annotated[str, Field(max_length=128)] = ""
    note: Note = ""
    shop: Annotated[str, Field(max_length=64, description="By default the key's.")] = ""
    request_id: RequestId = ""


class CompleteContact(Read):
    """What came of a contact."""

    outcome: OutcomeWord
    note: Note = ""


class CompletedContact(Shown):
    """The contact, and the next one that its plan brings."""

    contact: Contact
    next: Contact | None


class MoveContact(Read):
    """Another day or other hands."""

    day: Day | None = None
    owner: Annotated[str | None, Field(max_length=128, description="Empty: nobody's.")] = None


class CancelContact(Read):
    """Why a contact is taken off."""

    note: Note = ""


class PlanContacts(Read):
    """A class to plan contacts for."""

    abc_class: Literal["A", "B", "C"]
    limit: Annotated[int, Field(ge=1, le=500, description="Customers to look at.")] = 200
    after: Annotated[str, Field(max_length=64, description="next_after of the planning before.")] = ""
    shop: Annotated[str, Field(max_length=64)] = ""


class PlannedContacts(Shown):
    """What a planning brought."""

    planned: int
    had_one: int
    not_consented: int
    not_reachable: int
    next_after: str


class CustomerHit(Shown):
    """A customer who was found."""

    customer_id: str
    name: str
    matched_by: Literal["id", "identifier", "order", "name"]
    identifiers: list[str]


class CustomerHits(Shown):
    """Who was found, the most certain first."""

    hits: list[CustomerHit]


class PurchaseMonth(Shown):
    """What was bought in a month of the shop."""

    month: str
    orders: int
    spend: Money | None


class PurchasedOrder(Shown):
    """An order."""

    shop: str
    number: str
    kind: Literal["sale", "return"]
    time: datetime
    channel: str
    total: Money | None
    lines: int
    product_ids: list[str]


class PurchaseHistory(Shown):
    """What a person bought."""

    customer_id: str
    months: list[PurchaseMonth]
    orders: list[PurchasedOrder]
