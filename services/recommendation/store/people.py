"""The copy of who is whom and who consented: one entry per identifier, resolved at read (consistency rules 13, 15)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from services.chassis.eventlog.port import Event
from services.recommendation.domain.errors import SnapshotUnreadableError
from services.recommendation.domain.interactions import Ints
from services.recommendation.domain.prediction import GRANTED, PERSONALIZATION

LOG, OWNER = "customers", "knowledge"
RESOLVED_TYPE = "IdentityResolved"
MEMBERS_LIMIT = 200  # identifiers of one person; more would be a shared one that knowledge has cut loose


@dataclass(frozen=True, slots=True)
class Member:
    """What one identifier resolves to. ``consent``: True, False, or None where the person never said."""

    customer_id: str
    members: tuple[str, ...]
    consent: bool | None
    version: int


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a request is about: every identifier of the person and whether personal answers are allowed."""

    identifiers: tuple[str, ...]
    consented: bool


class People:
    """Identity and consent of every identifier that knowledge resolved: a state of the chassis's snapshots."""

    name, form = "people", "people-1"

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}

    def __len__(self) -> int:
        return len(self._members)

    def apply(self, event: Event) -> None:
        """Apply one event, or raise before anything is changed; an older version of an identifier changes nothing."""
        if event.type == RESOLVED_TYPE:
            self._take(event.payload)

    def dump(self) -> bytes:
        """Return the whole state."""
        rows = [[name, m.customer_id, m.members, m.consent, m.version] for name, m in self._members.items()]
        return orjson.dumps({"form": self.form, "members": rows})

    def load(self, content: bytes) -> None:
        """Take over a dumped state. Raises SnapshotUnreadableError."""
        try:
            body = orjson.loads(content)
            if body["form"] != self.form:
                raise SnapshotUnreadableError(f"this is another form than {self.form}")
            self._members = {
                identifier: Member(customer_id, tuple(members), consent, version)
                for identifier, customer_id, members, consent, version in body["members"]
            }
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise SnapshotUnreadableError(f"this is no {self.form}") from error

    def clear(self) -> None:
        """Begin anew, empty."""
        self._members = {}

    def resolve(self, identifiers: Sequence[str], *, default_consent: bool) -> Person:
        """Return the person behind ``identifiers``: all members of all of them.

        Consent needs every identifier that knowledge knows to agree, so that joining never widens what was allowed.
        """
        found: dict[str, None] = {}
        consented = bool(identifiers)
        for identifier in identifiers:
            found[identifier] = None
            member = self._members.get(identifier)
            consent = member.consent if member is not None else None
            consented = consented and (default_consent if consent is None else consent)
            if member is not None:
                found.update(dict.fromkeys(member.members[:MEMBERS_LIMIT]))
        return Person(tuple(found), consented)

    def persons_of(self, identifiers: Sequence[str]) -> Ints:
        """Return a person's number for each identifier: members of one customer share one. Shape (identifiers,)."""
        numbers: dict[str, int] = {}
        persons = np.empty(len(identifiers), dtype=np.int32)
        for place, identifier in enumerate(identifiers):
            member = self._members.get(identifier)
            name = member.customer_id if member is not None else identifier
            persons[place] = numbers.setdefault(name, len(numbers))
        return persons

    def shown(self, identifier: str) -> tuple[str, tuple[str, ...]]:
        """Return the customer's id ("" for one that knowledge never resolved) and all identifiers, sorted."""
        member = self._members.get(identifier)
        return ("", (identifier,)) if member is None else (member.customer_id, tuple(sorted(member.members)))

    def _take(self, payload: Mapping[str, Any]) -> None:
        identifier, version = payload["identifier"], int(payload["version"])
        known = self._members.get(identifier)
        if known is not None and known.version >= version:
            return
        said = (payload.get("consents") or {}).get(PERSONALIZATION)
        self._members[identifier] = Member(
            customer_id=payload["customer_id"],
            members=tuple(payload["members"]),
            consent=None if said is None else said == GRANTED,
            version=version,
        )
