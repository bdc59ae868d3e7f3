"""Owns contacts as documents; every save is a compare and set."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from services.chassis.documents.port import (
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    Range,
    RevisionMismatchError,
    Scalar,
)
from services.kits.times import micros, time_of
from services.knowledge.domain.contacts import Contact, ContactKind, ContactState, Outcome, Purpose

BY_DAY: Final = "day"
BY_STATE: Final = "state"
BY_CUSTOMER: Final = "customer"
CONTACTS: Final = Collection(
    "contacts",
    (
        Index(BY_DAY, ("day", "state", "kind")),
        Index(BY_STATE, ("state", "day")),
        Index(BY_CUSTOMER, ("customer", "state", "day")),
    ),
)


@dataclass(frozen=True, slots=True)
class StoredContact:
    """A contact with its place in the store."""

    contact: Contact
    revision: int


class ContactStore:
    """Contacts by id. ``declare()`` before use."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def declare(self) -> None:
        """Create the collection."""
        await self._documents.declare(CONTACTS)

    async def get(self, contact_id: str) -> StoredContact | None:
        """Return the contact or None."""
        document = await self._documents.get(CONTACTS, contact_id) if contact_id else None
        return None if document is None else _stored(document)

    async def insert(self, contact: Contact) -> Contact | None:
        """Store a new contact; None when its id is taken."""
        contact = replace(contact, version=1)
        try:
            return _stored(await self._documents.insert(CONTACTS, contact.id, _body(contact))).contact
        except KeyTakenError:
            return None

    async def save(self, before: StoredContact, after: Contact) -> Contact | None:
        """Replace what was read; None when another was faster."""
        after = replace(after, version=before.contact.version + 1)
        try:
            document = await self._documents.replace(
                CONTACTS, after.id, _body(after), expected_revision=before.revision
            )
        except RevisionMismatchError:
            return None
        return _stored(document).contact

    async def of_day(
        self, day: date, state: ContactState | None, *, after: str | None, limit: int
    ) -> tuple[tuple[Contact, ...], str | None]:
        """Return the contacts of a day, by state and kind."""
        equals: dict[str, Scalar] = {"day": day.isoformat()}
        if state is not None:
            equals["state"] = state.value
        return await self._page(BY_DAY, equals, None, after, limit)

    async def overdue(self, today: date, *, after: str | None, limit: int) -> tuple[tuple[Contact, ...], str | None]:
        """Return what was planned for days before today, the oldest first."""
        range_ = Range(below=today.isoformat())
        return await self._page(BY_STATE, {"state": ContactState.PLANNED.value}, range_, after, limit)

    async def of_customer(self, identifier: str, state: ContactState, limit: int) -> tuple[Contact, ...]:
        """Return the contacts of an identifier in a state: planned ones the next first, others the latest first."""
        page = await self._documents.find(
            CONTACTS,
            BY_CUSTOMER,
            {"customer": identifier, "state": state.value},
            limit=limit,
            descending=state is not ContactState.PLANNED,
        )
        return tuple(_stored(document).contact for document in page.documents)

    async def count(self, day: date, state: ContactState) -> int:
        """Count the contacts of a day in a state."""
        return await self._documents.count(CONTACTS, BY_DAY, {"day": day.isoformat(), "state": state.value})

    async def count_all(self) -> int:
        """Count all contacts."""
        return await self._documents.count(CONTACTS)

    async def _page(
        self, index: str, equals: Mapping[str, Scalar], range_: Range | None, after: str | None, limit: int
    ) -> tuple[tuple[Contact, ...], str | None]:
        page = await self._documents.find(CONTACTS, index, equals, range_=range_, after=after, limit=limit)
        return tuple(_stored(document).contact for document in page.documents), page.next_after


def _body(contact: Contact) -> dict[str, Any]:
    return {
        "id": contact.id,
        "customer": contact.customer,
        "shop": contact.shop,
        "kind": contact.kind.value,
        "purpose": contact.purpose.value,
        "state": contact.state.value,
        "day": contact.day.isoformat(),
        "owner": contact.owner,
        "note": contact.note,
        "outcome": "" if contact.outcome is None else contact.outcome.value,
        "outcome_note": contact.outcome_note,
        "done_us": None if contact.done_time is None else micros(contact.done_time),
        "done_by": contact.done_by,
        "planned_by": contact.planned_by,
        "planned_us": micros(contact.planned_time),
        "abc_class": contact.abc_class,
        "asked": contact.asked,
        "version": contact.version,
    }


def _stored(document: Document) -> StoredContact:
    body = document.body
    return StoredContact(
        Contact(
            id=body["id"],
            customer=body["customer"],
            shop=body["shop"],
            kind=ContactKind(body["kind"]),
            purpose=Purpose(body["purpose"]),
            state=ContactState(body["state"]),
            day=date.fromisoformat(body["day"]),
            owner=body["owner"],
            note=body["note"],
            outcome=Outcome(body["outcome"]) if body["outcome"] else None,
            outcome_note=body["outcome_note"],
            done_time=None if body["done_us"] is None else time_of(body["done_us"]),
            done_by=body["done_by"],
            planned_by=body["planned_by"],
            planned_time=time_of(body["planned_us"]),
            abc_class=body["abc_class"],
            asked=body["asked"],
            version=body["version"],
        ),
        document.revision,
    )
