"""What other services are told of an identifier: whose it is, who else that person is, what was agreed to."""

from collections.abc import Sequence
from typing import Any

from services.knowledge.domain.facts import (
    DENIED,
    GRANTED,
    PUBLISHED_FACTS,
    SaidOf,
    account_in_force,
    consents_in_force,
    facts_in_force,
)
from services.knowledge.domain.identifiers import account_id
from services.knowledge.domain.identity import Person

Payload = dict[str, Any]


def resolution_of(person: Person, said: Sequence[SaidOf]) -> Payload:
    """Return what is published of each member, but for the identifier itself and the version."""
    account = account_in_force(said)
    return {
        "customer_id": person.id,
        "account_id": account_id(account) if account else "",
        "members": list(person.identifiers),
        "consents": {
            purpose: GRANTED if statement.granted else DENIED for purpose, statement in consents_in_force(said).items()
        },
        "facts": {fact.field: fact.value for fact in facts_in_force(said) if fact.field in PUBLISHED_FACTS},
    }


def goes_without_saying(payload: Payload) -> bool:
    """Tell whether it is what everyone takes an identifier for of which nothing was published."""
    alone = len(payload["members"]) == 1
    return alone and not (payload["account_id"] or payload["consents"] or payload["facts"])
