"""What was said of a person: claims with sources, consent per purpose, the account. The latest wins in any order.

A yes belongs to the identifier that it was said of; a no is written to every identifier that the person had when saying
it, so that parting the identifiers later never turns a no into silence.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

PERSONALIZATION: Final = "personalization"
MARKETING: Final = "marketing"
PURPOSES: Final = (PERSONALIZATION, MARKETING)
GRANTED: Final = "granted"
DENIED: Final = "denied"
DEFAULT: Final = "default"

SUPERSEDED_SHOWN: Final = 5
STATEMENTS_KEPT: Final = 12  # of one field of one identifier
# Facts that other services may copy; everything else stays here.
PUBLISHED_FACTS: Final = ("language",)


@dataclass(frozen=True, slots=True, order=True)
class Statement:
    """One source's word on one field; an empty value takes that source's word back. Ordered: the later is greater."""

    time_us: int
    source: str
    value: str


@dataclass(frozen=True, slots=True)
class ConsentStatement:
    """A yes or no to a purpose."""

    granted: bool
    time_us: int
    source: str

    def outranks(self, other: "ConsentStatement") -> bool:
        """Tell whether this one is in force: the later, on a tie the no, then the source's text."""
        return self._rank() > other._rank()

    def _rank(self) -> tuple[int, bool, str]:
        return (self.time_us, not self.granted, self.source)


@dataclass(frozen=True, slots=True, order=True)
class AccountStatement:
    """Membership of a household or organisation, by its external id ("household:208")."""

    time_us: int
    external_id: str


@dataclass(frozen=True, slots=True)
class SaidOf:
    """All that was said of one identifier, and when it was seen."""

    identifier: str
    claims: Mapping[str, tuple[Statement, ...]] = field(default_factory=dict)
    consents: Mapping[str, ConsentStatement] = field(default_factory=dict)
    account: AccountStatement | None = None
    first_seen_us: int | None = None
    last_seen_us: int | None = None
    # Events by channel, and there by the stronger identifiers that each also carried: a person counts an event once,
    # under the strongest of its own identifiers.
    channels: Mapping[str, Mapping[tuple[str, ...], int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fact:
    """A value in force, who said it and when, and what lost against it, newest first."""

    field: str
    value: str
    source: str
    time_us: int
    identifier: str
    superseded_values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConsentState:
    """Where a purpose stands: granted, denied, or default when nobody has said."""

    purpose: str
    state: str
    source: str = ""
    time_us: int | None = None


def kept_statements(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    """Return the newest statements, each once, newest first; a set of statements always keeps the same ones."""
    return tuple(sorted(set(statements), reverse=True)[:STATEMENTS_KEPT])


def facts_in_force(people: Iterable[SaidOf]) -> tuple[Fact, ...]:
    """Return the facts of a person whose identifiers these are, by field name."""
    said: dict[str, list[tuple[Statement, str]]] = {}
    for each in people:
        for name, statements in each.claims.items():
            said.setdefault(name, []).extend((statement, each.identifier) for statement in statements)
    found = (_fact(name, sorted(statements, reverse=True)) for name, statements in sorted(said.items()))
    return tuple(fact for fact in found if fact is not None)


def consents_in_force(people: Iterable[SaidOf]) -> dict[str, ConsentStatement]:
    """Return the statement in force for each purpose that anybody spoke on."""
    best: dict[str, ConsentStatement] = {}
    for each in people:
        for purpose, statement in each.consents.items():
            if purpose not in best or statement.outranks(best[purpose]):
                best[purpose] = statement
    return dict(sorted(best.items()))


def consent_states(people: Iterable[SaidOf]) -> tuple[ConsentState, ...]:
    """Return where each known purpose stands."""
    best = consents_in_force(people)
    return tuple(
        ConsentState(purpose, GRANTED if best[purpose].granted else DENIED, best[purpose].source, best[purpose].time_us)
        if purpose in best
        else ConsentState(purpose, DEFAULT)
        for purpose in PURPOSES
    )


def interactions_by_channel(people: Iterable[SaidOf]) -> dict[str, int]:
    """Return a person's events by channel, each event once however many of its identifiers are the person's."""
    known = list(people)
    members = {each.identifier for each in known}
    counts: dict[str, int] = {}
    for each in known:
        for channel, by_stronger in each.channels.items():
            own = sum(count for stronger, count in by_stronger.items() if members.isdisjoint(stronger))
            if own:
                counts[channel] = counts.get(channel, 0) + own
    return dict(sorted(counts.items()))


def account_in_force(people: Iterable[SaidOf]) -> str:
    """Return the external id of the person's account, "" without one."""
    statements = [each.account for each in people if each.account is not None]
    return max(statements).external_id if statements else ""


def _fact(name: str, statements: list[tuple[Statement, str]]) -> Fact | None:
    """Return the fact of one field; ``statements`` newest first. Each source is heard by its latest word."""
    latest: dict[str, tuple[Statement, str]] = {}
    for statement, identifier in statements:
        latest.setdefault(statement.source, (statement, identifier))
    standing = [entry for entry in latest.values() if entry[0].value]
    if not standing:
        return None
    statement, identifier = max(standing)
    lost = dict.fromkeys(each.value for each, _ in statements if each.value not in ("", statement.value))
    return Fact(name, statement.value, statement.source, statement.time_us, identifier, tuple(lost)[:SUPERSEDED_SHOWN])
