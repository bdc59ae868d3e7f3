"""Reads what is known of identifiers, who they are together, and what they bought."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.chassis.documents.port import BATCH_LIMIT, PAGE_LIMIT, Collection, DocumentStore
from services.chassis.eventlog.generations import Generations
from services.chassis.eventlog.projection import live_body
from services.kits.purchases import SALE, order_key
from services.kits.text.identifiers import is_anonymous
from services.knowledge.domain.classes import Tally
from services.knowledge.domain.identifiers import own_customer_id
from services.knowledge.domain.identity import (
    IdentityRules,
    Node,
    Person,
    Refusal,
    Refused,
    people_of,
    reached,
    wanted_identifiers,
)
from services.knowledge.domain.purchases import Order
from services.knowledge.domain.statements import Record, empty_record, merged_record
from services.knowledge.store.bodies import (
    activity_from_body,
    bought_from_body,
    is_placed,
    record_from_body,
    tally_order_body,
)
from services.knowledge.store.collections import ACTIVITY, BY_ACCOUNT, BY_SUBJECT, ORDERS, OWN_LABEL, STATEMENTS

PERSON_ORDERS_LIMIT = 20_000  # the latest of one person that are read
ACCOUNT_MEMBERS_LIMIT = 1_000  # identifiers of one account that are read
CLOSURE_LIMIT = 20_000  # identifiers loaded to tell who a few are; beyond it nobody believes the chain


@dataclass(frozen=True, slots=True)
class Closure:
    """The part of the identity graph that says who some identifiers are. ``core``: those whose people are exact."""

    records: Mapping[str, Record]
    people: Mapping[str, Person]
    core: frozenset[str]

    def said_of(self, person: Person) -> list[Record]:
        """Return the members' records."""
        return [self.records[identifier] for identifier in person.identifiers]


class CustomerStore:
    """Read side of the projections ``shopping``, ``statements`` and ``own-label``."""

    def __init__(
        self,
        documents: DocumentStore,
        rules: IdentityRules,
        *,
        shopping: Generations,
        statements: Generations,
        own_label: Generations,
    ) -> None:
        self._documents = documents
        self._rules = rules
        self._shopping, self._statements, self._own_label = shopping, statements, own_label

    async def records(self, identifiers: Sequence[str]) -> dict[str, Record]:
        """Return what is known of each; an identifier of which nothing is known has an empty record."""
        keys = {own_customer_id(identifier): identifier for identifier in identifiers}
        seen, stated = await asyncio.gather(
            self._get_all(self._shopping.resolve(ACTIVITY), list(keys)),
            self._get_all(self._statements.resolve(STATEMENTS), list(keys)),
        )
        records: dict[str, Record] = {}
        for key, identifier in keys.items():
            record = empty_record(identifier)
            if key in stated:
                record = record_from_body(stated[key])
            if key in seen:
                activity = activity_from_body(seen[key])
                record = merged_record(record, activity) if key in stated else activity
            records[identifier] = record
        return records

    async def is_known(self, identifier: str) -> bool:
        """Tell whether anything was ever seen or said of the identifier."""
        return await self.identifier_of(own_customer_id(identifier)) is not None

    async def identifier_of(self, own_id: str) -> str | None:
        """Return the identifier whose own customer id this is, None when it was never met."""
        for collection in (self._statements.resolve(STATEMENTS), self._shopping.resolve(ACTIVITY)):
            document = await self._documents.get(collection, own_id)
            if document is not None:
                return str(document.body["identifier"])
        return None

    async def closure(self, starts: Iterable[str]) -> Closure:
        """Return who the starts are, with everything that says so."""
        asked = list(dict.fromkeys(starts))
        records: dict[str, Record] = {}
        nodes: dict[str, Node] = {}
        wanted: set[str] = set(asked)
        while wanted:
            if len(nodes) + len(wanted) > max(CLOSURE_LIMIT, 2 * len(asked)):
                return await self._closure_in_parts(asked)
            found = await self.records(sorted(wanted))
            records.update(found)
            nodes.update((identifier, record.node) for identifier, record in found.items())
            wanted = wanted_identifiers(nodes, asked, self._rules)
        return Closure(records, people_of(nodes, self._rules), frozenset(reached(nodes, asked, self._rules)))

    async def orders_of(self, identifiers: Iterable[str]) -> list[Order]:
        """Return what a person bought, of the latest PERSON_ORDERS_LIMIT orders of each identifier.

        Without what was cancelled before it was sent; an order that was cancelled whole is none.
        """
        found: list[Order] = []
        for identifier in identifiers:
            after: str | None = None
            read = 0
            while read < PERSON_ORDERS_LIMIT:
                page = await self._documents.find(
                    self._shopping.resolve(ORDERS),
                    BY_SUBJECT,
                    {"subject": identifier},
                    after=after,
                    limit=PAGE_LIMIT,
                    descending=True,
                )
                bought = [bought_from_body(document.body) for document in page.documents]
                found.extend(order for order in bought if order is not None)
                read += len(page.documents)
                after = page.next_after
                if after is None:
                    break
        return found

    async def buyer_of_order(self, shop: str, number: str) -> str | None:
        """Return the strongest identifier of who placed the order of this number, None when nobody told of it."""
        document = await self._documents.get(self._shopping.resolve(ORDERS), order_key(shop, SALE, number))
        body = None if document is None else live_body(document)
        return str(body["subject"]) if body is not None and is_placed(body) else None

    async def own_label_among(self, product_ids: Iterable[str]) -> frozenset[str]:
        """Return which of the products are of the shop's own label."""
        found = await self._get_all(self._own_label.resolve(OWN_LABEL), list(dict.fromkeys(product_ids)))
        return frozenset(key for key, body in found.items() if _is_own_label(body))

    async def own_label(self) -> frozenset[str]:
        """Return all products of the shop's own label."""
        found: set[str] = set()
        after: str | None = None
        while True:
            page = await self._documents.scan(self._own_label.resolve(OWN_LABEL), after=after, limit=PAGE_LIMIT)
            found.update(document.key for document in page.documents if _is_own_label(live_body(document)))
            after = page.next_after
            if after is None:
                return frozenset(found)

    async def tallies(self, own_label: frozenset[str]) -> dict[str, Tally]:
        """Count every order by its identifier, in one pass; orders of nobody are left out."""
        tallies: dict[str, Tally] = {}
        after: str | None = None
        while True:
            page = await self._documents.scan(self._shopping.resolve(ORDERS), after=after, limit=PAGE_LIMIT // 4)
            for document in page.documents:
                subject = document.body["subject"] if is_placed(document.body) else ""
                if subject and not is_anonymous(subject):
                    tally_order_body(tallies.setdefault(subject, Tally()), document.body, own_label)
            after = page.next_after
            if after is None:
                return tallies
            await asyncio.sleep(0)  # others are served between two pages

    async def sizes(self) -> dict[str, int]:
        """Return how much there is, for an operator."""
        orders, seen, stated = await asyncio.gather(
            self._documents.count(self._shopping.resolve(ORDERS)),
            self._documents.count(self._shopping.resolve(ACTIVITY)),
            self._documents.count(self._statements.resolve(STATEMENTS)),
        )
        return {"orders": orders, "identifiers_seen": seen, "identifiers_stated": stated}

    async def account_identifiers(self, account_id: str) -> list[str]:
        """Return the identifiers that were said to belong to the account."""
        page = await self._documents.find(
            self._statements.resolve(STATEMENTS), BY_ACCOUNT, {"account_id": account_id}, limit=ACCOUNT_MEMBERS_LIMIT
        )
        return [document.body["identifier"] for document in page.documents]

    async def identifiers_from(self, after: str) -> AsyncIterator[list[tuple[str, str]]]:
        """Yield (own customer id, identifier) in batches in id order, of all identifiers with an id after ``after``."""
        position: str | None = after or None
        while True:
            # Asked anew for every page: a generation that was replaced meanwhile is soon gone.
            collections = (self._statements.resolve(STATEMENTS), self._shopping.resolve(ACTIVITY))
            pages = await asyncio.gather(
                *(self._documents.scan(each, after=position, limit=PAGE_LIMIT // 4) for each in collections)
            )
            # What lies beyond the end of a page that goes on may be missing from the other side: leave it for later.
            ends = [page.next_after for page in pages if page.next_after is not None]
            end = min(ends) if ends else None
            batch = {
                document.key: str(document.body["identifier"])
                for page in pages
                for document in page.documents
                if end is None or document.key <= end
            }
            yield sorted(batch.items())
            if end is None:
                return
            position = end

    async def _closure_in_parts(self, asked: Sequence[str]) -> Closure:
        if len(asked) > 1:
            middle = len(asked) // 2
            one, two = await self.closure(asked[:middle]), await self.closure(asked[middle:])
            # The part in which an identifier was asked for speaks for it.
            return Closure(
                {**one.records, **two.records},
                {
                    **two.people,
                    **one.people,
                    **{each: one.people[each] for each in asked[:middle]},
                    **{each: two.people[each] for each in asked[middle:]},
                },
                one.core | two.core,
            )
        alone = asked[0]
        found = await self.records([alone])
        person = people_of({alone: found[alone].node}, self._rules)[alone]
        chain = Refusal(alone, Refused.SHARED, CLOSURE_LIMIT)
        return Closure(found, {alone: Person(person.id, person.members, (chain,))}, frozenset([alone]))

    async def _get_all(self, collection: Collection, keys: Sequence[str]) -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = {}
        for start in range(0, len(keys), BATCH_LIMIT):
            documents = await self._documents.get_many(collection, keys[start : start + BATCH_LIMIT])
            for key, document in documents.items():
                body = live_body(document)
                if body is not None:
                    found[key] = body
        return found


def _is_own_label(body: Mapping[str, object] | None) -> bool:
    return body is not None and body.get("own_label", True) is True
