"""How the desk's things look in tables and lists: chips, links, who somebody is."""

from collections.abc import Mapping
from typing import Any, Final

from zhike.knowledge.v1 import case_pb2, contact_pb2

from gateway.console.cells import Chip, Link
from gateway.console.staffing import StaffRole
from gateway.console.visit import Visit
from gateway.public_form import enum_word

DESK: Final = frozenset({StaffRole.DESK})
STAFF_PREFIX: Final = "staff:"
CAUSES: Final = ("expectation-gap", "product-quality", "staff-service")
WAYS: Final = ("telephone", "email", "mail", "visit")
OUTCOMES: Final = ("reached", "not-reached", "declined")
CHANNELS: Final = ("phone", "web", "app", "store", "social")
KIND_TONES: Final[Mapping[str, str]] = {"complaint": "bad", "question": "info", "suggestion": "plain"}
STATE_TONES: Final[Mapping[str, str]] = {"open": "warn", "answered": "good", "closed": "plain"}


def kind_of(case: case_pb2.Case) -> str:
    """Return complaint, question or suggestion."""
    return enum_word(case_pb2.CaseKind.DESCRIPTOR, case.kind)


def state_of(case: case_pb2.Case) -> str:
    """Return open, answered or closed."""
    return enum_word(case_pb2.CaseState.DESCRIPTOR, case.state)


def kind_chip(visit: Visit, case: case_pb2.Case) -> Chip:
    """Return what the customer wants."""
    word = kind_of(case)
    return Chip(visit.words(f"cases.kind.{word}"), KIND_TONES.get(word, "plain"))


def state_chip(visit: Visit, case: case_pb2.Case) -> Chip:
    """Return where a case stands."""
    word = state_of(case)
    return Chip(visit.words(f"cases.state.{word}"), STATE_TONES.get(word, "plain"))


def clock_chip(visit: Visit, case: case_pb2.Case) -> Chip:
    """Return how the answer clock stands: running, nearly over, late, or how it ended."""
    if case.state == case_pb2.CASE_STATE_OPEN:
        word = "late" if case.breached else "due"
        tone = "bad" if case.breached else "warn" if case.warned else "info"
        return Chip(visit.words(f"cases.{word}", time=visit.formats.ago(case.due_time)), tone)
    if not case.HasField("answered_time"):
        return Chip(visit.words("cases.unanswered"), "bad" if case.breached else "plain")
    return Chip(
        visit.words("cases.in_time" if not case.breached else "cases.was_late"), "bad" if case.breached else "good"
    )


def case_link(visit: Visit, case: case_pb2.Case) -> Link:
    """Return the way to a case."""
    return Link(case.title, visit.link("/cases/{id}", id=case.id), f"{short_id(case.id)} · {case.customer}")


def customer_link(visit: Visit, identifier: str) -> Link:
    """Return the way to a customer."""
    return Link(identifier, visit.link("/customers/{id}", id=identifier))


def short_id(case_id: str) -> str:
    """Return as much of an id as people say on the phone."""
    return case_id[:10]


def person(visit: Visit, actor: str) -> str:
    """Return who somebody is: a colleague's sign-in name, the customer, the clock."""
    if actor in ("customer", "system", "plan"):
        return visit.words(f"desk.who.{actor}")
    return actor.removeprefix(STAFF_PREFIX)


def way_of(contact: contact_pb2.Contact) -> str:
    """Return telephone, email, mail or visit."""
    return enum_word(contact_pb2.ContactKind.DESCRIPTOR, contact.kind)


def contact_state(visit: Visit, contact: contact_pb2.Contact) -> Chip:
    """Return where a contact stands, and what came of it."""
    if contact.blocked:
        return Chip(visit.words("contacts.blocked"), "bad")
    if contact.state == contact_pb2.CONTACT_STATE_PLANNED:
        return Chip(visit.words("contacts.state.planned"), "info")
    if contact.state == contact_pb2.CONTACT_STATE_CANCELLED:
        return Chip(visit.words("contacts.state.cancelled"))
    word = enum_word(contact_pb2.ContactOutcome.DESCRIPTOR, contact.outcome)
    return Chip(visit.words(f"contacts.outcome.{word}"), "good" if word == "reached" else "warn")


def options(visit: Visit, prefix: str, words: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return choices for a select, in words."""
    return [(word, visit.words(f"{prefix}.{word}")) for word in words]


def facts_of(**facts: Any) -> dict[str, object]:
    """Return what the audit trail keeps of a change, without what is empty."""
    return {name: value for name, value in facts.items() if value not in ("", None)}
