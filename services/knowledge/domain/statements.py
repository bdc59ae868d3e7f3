"""What sources state about people: claims, joins and partings by hand, consent; each one event of the claims log.

A statement is read per identifier: ``records_of_…`` return what it says of each, and records merge in any order.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

from services.chassis.erasure.subjects import is_erased_name
from services.chassis.errors import InvalidArgumentError
from services.kits.text.identifiers import CARD, EMAIL, LOGIN, PHONE, VISITOR, kind_of, parse_identifier
from services.knowledge.domain.facts import (
    DENIED,
    GRANTED,
    PURPOSES,
    AccountStatement,
    ConsentStatement,
    SaidOf,
    Statement,
    kept_statements,
)
from services.knowledge.domain.identifiers import parse_account
from services.knowledge.domain.identity import CLAIM, MANUAL, VERIFIED_EMAIL, VERIFIED_PHONE, Link, Node, merged_node

CLAIMS_WRITTEN: Final = "ClaimsWritten"
IDENTIFIERS_JOINED: Final = "IdentifiersJoined"
IDENTIFIERS_PARTED: Final = "IdentifiersParted"
CONSENT_STATED: Final = "ConsentStated"

MAX_IDENTIFIERS: Final = 8
MAX_CLAIMS: Final = 50
MAX_VALUE_CHARACTERS: Final = 1_000
MAX_SOURCE_CHARACTERS: Final = 128
MAX_REASON_CHARACTERS: Final = 500
_FIELD: Final = re.compile(r"[a-z][a-z0-9_.]{0,63}", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# A source that names a card, a login or a browser has it from its own books; phones and addresses are only typed in.
_VOUCHED: Final = frozenset({CARD, LOGIN, VISITOR})


@dataclass(frozen=True, slots=True)
class ClaimedIdentifier:
    """An identifier that a source names for a person; ``verified``: the source knows that it is the person's."""

    identifier: str
    verified: bool

    @property
    def joins(self) -> bool:
        """Tell whether it joins others."""
        return self.verified or kind_of(self.identifier) in _VOUCHED


@dataclass(frozen=True, slots=True)
class ClaimsStatement:
    """One source's word about one person. Claims, a yes and the account are said of the first identifier."""

    identifiers: tuple[ClaimedIdentifier, ...]
    claims: Mapping[str, str] = field(default_factory=dict)
    consents: Mapping[str, bool] = field(default_factory=dict)
    account: str = ""
    source: str = ""
    evidence: str = CLAIM
    denied_for: tuple[str, ...] = ()  # who else the person was when saying no

    def payload(self) -> dict[str, Any]:
        """Write down for the log."""
        return {
            "identifiers": [[each.identifier, each.verified] for each in self.identifiers],
            "claims": dict(self.claims),
            "consents": {purpose: GRANTED if granted else DENIED for purpose, granted in self.consents.items()},
            "account": self.account,
            "source": self.source,
            "evidence": self.evidence,
            "denied_for": list(self.denied_for),
        }


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of one identifier: its edges, and what was said of it."""

    node: Node
    said: SaidOf

    @property
    def identifier(self) -> str:
        """Return the text form."""
        return self.node.identifier


def empty_record(identifier: str) -> Record:
    """Return the record of an identifier of which nothing is known."""
    return Record(Node(identifier), SaidOf(identifier))


def merged_record(first: Record, second: Record) -> Record:
    """Return what two partial records of one identifier say together; neither order nor repetition counts."""
    one, two = first.said, second.said
    claims = {
        name: kept_statements((*one.claims.get(name, ()), *two.claims.get(name, ())))
        for name in one.claims.keys() | two.claims.keys()
    }
    consents = dict(one.consents)
    for purpose, statement in two.consents.items():
        if purpose not in consents or statement.outranks(consents[purpose]):
            consents[purpose] = statement
    accounts = [each for each in (one.account, two.account) if each is not None]
    return Record(
        merged_node(first.node, second.node),
        SaidOf(
            first.identifier,
            claims,
            consents,
            max(accounts) if accounts else None,
            min((each for each in (one.first_seen_us, two.first_seen_us) if each is not None), default=None),
            max((each for each in (one.last_seen_us, two.last_seen_us) if each is not None), default=None),
            one.channels or two.channels,
        ),
    )


def check_statement(
    identifiers: Sequence[tuple[str, bool]],
    *,
    claims: Mapping[str, str],
    consents: Mapping[str, str],
    account: str,
    source: str,
    evidence: str = CLAIM,
) -> ClaimsStatement:
    """Return the normalised statement. Raises InvalidArgumentError, IdentifierInvalidError."""
    if not 1 <= len(identifiers) <= MAX_IDENTIFIERS:
        raise InvalidArgumentError(f"1 to {MAX_IDENTIFIERS} identifiers", field="identifiers")
    if len(claims) > MAX_CLAIMS:
        raise InvalidArgumentError(f"at most {MAX_CLAIMS} claims", field="claims")
    known: dict[str, bool] = {}
    for text, verified in identifiers:
        identifier = parse_identifier(text)
        known[identifier] = known.get(identifier, False) or verified
    return ClaimsStatement(
        tuple(ClaimedIdentifier(identifier, verified) for identifier, verified in known.items()),
        {checked_field(name): checked_text(value, MAX_VALUE_CHARACTERS, "claims") for name, value in claims.items()},
        {checked_purpose(purpose): checked_state(state) for purpose, state in consents.items()},
        parse_account(account)[1] if account else "",
        checked_text(source, MAX_SOURCE_CHARACTERS, "source"),
        evidence,
    )


def checked_field(name: str) -> str:
    """Return the name of a fact; raises InvalidArgumentError."""
    if not _FIELD.fullmatch(name):
        raise InvalidArgumentError("a fact's name is 1 to 64 of a-z 0-9 _ . and begins with a letter", field="claims")
    return name


def checked_purpose(purpose: str) -> str:
    """Return a purpose that exists; raises InvalidArgumentError."""
    if purpose not in PURPOSES:
        raise InvalidArgumentError(f"a purpose is one of {', '.join(PURPOSES)}", field="purpose")
    return purpose


def checked_state(state: str) -> bool:
    """Return True for granted, False for denied; raises InvalidArgumentError."""
    if state not in (GRANTED, DENIED):
        raise InvalidArgumentError(f"consent is {GRANTED} or {DENIED}", field="consents")
    return state == GRANTED


def checked_text(text: str, limit: int, where: str) -> str:
    """Return the text without surrounding space; raises InvalidArgumentError: too long, control characters."""
    stripped = text.strip()
    if len(stripped) > limit:
        raise InvalidArgumentError(f"{where}: at most {limit} characters", field=where)
    if not stripped.isprintable() and _CONTROL.search(stripped):
        raise InvalidArgumentError(f"{where} holds a control character", field=where)
    return stripped


def records_of_event(event_type: str, payload: Mapping[str, Any], time_us: int) -> dict[str, Record]:
    """Return what an event of the claims log says of each identifier that it names; {} for a type of later versions."""
    reader = _READERS.get(event_type)
    if reader is None:
        return {}
    records: dict[str, Record] = {}
    for record in reader(payload, time_us):
        known = records.get(record.identifier)
        records[record.identifier] = record if known is None else merged_record(known, record)
    return records


def _of_claims(payload: Mapping[str, Any], time_us: int) -> Iterable[Record]:
    named = [ClaimedIdentifier(identifier, verified) for identifier, verified in payload["identifiers"]]
    if not named:  # all of them were erased
        return
    source, first = payload["source"], named[0].identifier
    for each in named:
        yield empty_record(each.identifier)
    joining = [each.identifier for each in named if each.joins]
    for one, two in combinations(joining, 2):
        yield from _edge(one, two, Link(_evidence(one, two, payload["evidence"]), source, time_us))
    for each in named:
        if not each.joins:
            told = Link(payload["evidence"], source, time_us)
            yield from (Record(Node(other, unverified={each.identifier: told}), SaidOf(other)) for other in joining)
    claims = {name: (Statement(time_us, source, value),) for name, value in payload["claims"].items()}
    account = AccountStatement(time_us, payload["account"]) if payload["account"] else None
    yield Record(Node(first), SaidOf(first, claims, account=account))
    for purpose, state in payload["consents"].items():
        statement = ConsentStatement(state == GRANTED, time_us, source)
        spoken_for = [first] if statement.granted else [first, *joining, *payload["denied_for"]]
        yield from _consent(spoken_for, purpose, statement)


def _of_join(payload: Mapping[str, Any], time_us: int) -> Iterable[Record]:
    if len(payload["identifiers"]) != 2:  # one of them was erased
        return
    one, two = payload["identifiers"]
    yield from _edge(one, two, Link(MANUAL, payload["source"], time_us))
    for identifier, partings in payload["lifted"].items():
        yield Record(Node(identifier, lifted=frozenset(partings)), SaidOf(identifier))


def _of_parting(payload: Mapping[str, Any], _time_us: int) -> Iterable[Record]:
    for side, group in enumerate(payload["groups"]):
        for identifier in group:
            yield Record(Node(identifier, partings={payload["parting"]: side}), SaidOf(identifier))


def _of_consent(payload: Mapping[str, Any], time_us: int) -> Iterable[Record]:
    statement = ConsentStatement(payload["state"] == GRANTED, time_us, payload["source"])
    if is_erased_name(payload["identifier"]):
        return
    spoken_for = [payload["identifier"]] if statement.granted else [payload["identifier"], *payload["denied_for"]]
    yield from _consent(spoken_for, payload["purpose"], statement)


def _edge(one: str, two: str, link: Link) -> Iterable[Record]:
    yield Record(Node(one, links={two: link}), SaidOf(one))
    yield Record(Node(two, links={one: link}), SaidOf(two))


def _consent(identifiers: Iterable[str], purpose: str, statement: ConsentStatement) -> Iterable[Record]:
    for identifier in dict.fromkeys(identifiers):
        yield Record(Node(identifier), SaidOf(identifier, consents={purpose: statement}))


def _evidence(one: str, two: str, evidence: str) -> str:
    kinds = {kind_of(one), kind_of(two)}
    if PHONE in kinds:
        return VERIFIED_PHONE
    return VERIFIED_EMAIL if EMAIL in kinds else evidence


_READERS: Final = {
    CLAIMS_WRITTEN: _of_claims,
    IDENTIFIERS_JOINED: _of_join,
    IDENTIFIERS_PARTED: _of_parting,
    CONSENT_STATED: _of_consent,
}
