"""The whole customer: a pure function of the member identifiers and their facts, with a hash that proves it.

Classes and comparisons rest on all other customers as well; they are shown beside the profile and stay out of its hash.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import tzinfo
from hashlib import sha256
from typing import Any

from services.chassis.canonical import canonical_json
from services.knowledge.domain.classes import (
    SHARES,
    ClassBasis,
    ComparedShare,
    CustomerClass,
    classes_of,
    compared_share,
    figures_of,
)
from services.knowledge.domain.facts import (
    ConsentState,
    Fact,
    SaidOf,
    account_in_force,
    consent_states,
    facts_in_force,
    interactions_by_channel,
)
from services.knowledge.domain.identifiers import account_id
from services.knowledge.domain.identity import Person
from services.knowledge.domain.purchases import Order, PurchaseSummary, summarise_purchases


@dataclass(frozen=True, slots=True)
class Customer:
    """One person across all channels."""

    person: Person
    account: str  # external id, "" without one
    facts: tuple[Fact, ...]
    consents: tuple[ConsentState, ...]
    purchases: PurchaseSummary
    promotions: Mapping[str, ComparedShare]
    classes: tuple[CustomerClass, ...]
    first_seen_us: int | None
    last_seen_us: int | None
    interactions_by_channel: Mapping[str, int]
    profile_hash: str

    @property
    def id(self) -> str:
        """Return the customer id."""
        return self.person.id

    @property
    def account_id(self) -> str:
        """Return the account's id, "" without one."""
        return account_id(self.account) if self.account else ""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a profile is shown against: the other customers, own-label products, the shop's zone."""

    basis: ClassBasis | None
    own_label: frozenset[str]
    zone: tzinfo


def customer_profile(person: Person, said: Sequence[SaidOf], orders: Sequence[Order], beside: Surroundings) -> Customer:
    """Fold everything known of the members into one customer; the order of the arguments' items does not count."""
    seen = [each for each in said if each.first_seen_us is not None]
    channels = interactions_by_channel(said)
    facts = facts_in_force(sorted(said, key=lambda each: each.identifier))
    consents = consent_states(said)
    purchases = summarise_purchases(orders, beside.zone)
    first_seen_us = min((each.first_seen_us for each in seen if each.first_seen_us is not None), default=None)
    last_seen_us = max((each.last_seen_us for each in seen if each.last_seen_us is not None), default=None)
    figures = figures_of(orders, beside.own_label)
    account = account_in_force(said)
    hashed = {
        "person": asdict(person),
        "account": account,
        "facts": [asdict(fact) for fact in facts],
        "consents": [asdict(consent) for consent in consents],
        "purchases": asdict(purchases),
        "lines": figures.lines,
        "lines_by_share": {name: figures.lines_by_share.get(name, 0) for name in ("discount", "coupon")},
        "seen": [first_seen_us, last_seen_us],
        "channels": channels,
    }
    return Customer(
        person=person,
        account=account,
        facts=facts,
        consents=consents,
        purchases=purchases,
        promotions={name: compared_share(figures, name, beside.basis) for name in SHARES},
        classes=classes_of(figures, beside.basis),
        first_seen_us=first_seen_us,
        last_seen_us=last_seen_us,
        interactions_by_channel=channels,
        profile_hash=profile_hash(hashed),
    )


def profile_hash(profile: Mapping[str, Any]) -> str:
    """Return the lower-case hex SHA-256 of the canonical JSON."""
    return sha256(canonical_json(profile)).hexdigest()
