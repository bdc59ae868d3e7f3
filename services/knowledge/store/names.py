"""Who is called how: an index of names, each by its hash, out of customer-claims; what else is said is not here."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

from services.chassis.documents.port import Collection, DocumentStore, Index
from services.chassis.eventlog.generations import Generations, Resolve
from services.chassis.eventlog.port import Event
from services.chassis.eventlog.projection import KeyedProjection, live_body
from services.kits.times import micros
from services.knowledge.domain.finding import NAME, name_key
from services.knowledge.domain.identifiers import own_customer_id
from services.knowledge.domain.statements import records_of_event

BY_NAME: Final = "name"
NAMES: Final = Collection("customer_names", (Index(BY_NAME, ("name_hash",)),))
NAMED: Final = "customer-names"

Body = dict[str, Any]


class NameStore:
    """Read side of the projection ``customer-names``."""

    def __init__(self, documents: DocumentStore, generations: Generations) -> None:
        self._documents, self._generations = documents, generations

    async def called(self, name: str, limit: int) -> tuple[str, ...]:
        """Return identifiers of which the latest word is that they are called so."""
        page = await self._documents.find(
            self._generations.resolve(NAMES), BY_NAME, {"name_hash": _hashed(name)}, limit=limit
        )
        bodies = (live_body(document) for document in page.documents)
        return tuple(str(body["identifier"]) for body in bodies if body is not None)


def name_generations(documents: DocumentStore) -> Generations:
    """Return the generations of the index of names."""
    return Generations(documents, NAMED, (NAMES,))


def names_projection(documents: DocumentStore, name: str, resolve: Resolve) -> KeyedProjection:
    """Return what folds customer-claims into the index."""
    return KeyedProjection(documents, resolve(NAMES), name=name, keys=_keys, fold=_fold)


def _keys(event: Event) -> Sequence[str]:
    return [own_customer_id(identifier) for identifier, *_ in _names_in(event)]


def _fold(key: str, body: Body | None, event: Event) -> Body | None:
    identifier, time_us, source, value = next(each for each in _names_in(event) if own_customer_id(each[0]) == key)
    if body is not None and [time_us, source] < [body["time_us"], body["source"]]:
        return None
    name_hash = _hashed(value) if value else None
    return {"identifier": identifier, "name_hash": name_hash, "time_us": time_us, "source": source}


def _names_in(event: Event) -> list[tuple[str, int, str, str]]:
    """Return (identifier, time, source, name) of each name that the event states; "" takes one back."""
    if NAME not in event.payload.get("claims", ()):  # what else is stated names nobody
        return []
    found = []
    for identifier, record in records_of_event(event.type, event.payload, micros(event.occurred_time)).items():
        statements = record.said.claims.get(NAME, ())
        if statements:
            latest = max(statements)
            found.append((identifier, latest.time_us, latest.source, latest.value))
    return found


def _hashed(name: str) -> str:
    """Return what a name is found by; whatever its length, and nobody reads it out of the index."""
    return blake2b(name_key(name).encode(), digest_size=16).hexdigest()
