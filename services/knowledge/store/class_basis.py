"""The basis of classes, and the customers of each ABC class, as they were at one moment."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from services.chassis.documents.port import Collection, DocumentStore, KeyTakenError, RevisionMismatchError
from services.knowledge.domain.classes import ClassBasis, CurrencyBasis
from services.knowledge.store.collections import CLASS_BASIS, CLASS_MEMBERS

CURRENT = "current"
CHUNK_CUSTOMERS = 5_000
ABC = ("A", "B", "C")


class ClassStore:
    """Written by one job, read by everyone."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def declare(self) -> None:
        """Create the collections."""
        await self._documents.declare(CLASS_BASIS, CLASS_MEMBERS)

    async def basis(self) -> ClassBasis | None:
        """Return the basis, None before the first."""
        document = await self._documents.get(CLASS_BASIS, CURRENT)
        return None if document is None else _basis_from_body(document.body)

    async def basis_head(self) -> Sequence[int]:
        """Return how far the logs were read that the basis was computed from."""
        document = await self._documents.get(CLASS_BASIS, CURRENT)
        return () if document is None else tuple(document.body["head"])

    async def save(self, basis: ClassBasis, members: Mapping[str, Sequence[str]], head: Sequence[int]) -> None:
        """Put a basis in force, with the sorted customer ids of each ABC class, the members first."""
        for abc in ABC:
            ids = members.get(abc, ())
            chunks = [ids[start : start + CHUNK_CUSTOMERS] for start in range(0, len(ids), CHUNK_CUSTOMERS)]
            for place, chunk in enumerate(chunks):
                await self._put(CLASS_MEMBERS, _chunk_key(abc, place), {"ids": list(chunk)})
            place = len(chunks)
            while await self._documents.delete(CLASS_MEMBERS, _chunk_key(abc, place)):
                place += 1
        await self._put(CLASS_BASIS, CURRENT, _basis_body(basis, head))

    async def members_after(self, abc: str, after: str, limit: int) -> list[str]:
        """Return the next customer ids of a class, in id order, as of the basis."""
        found: list[str] = []
        place = 0
        while len(found) < limit:
            document = await self._documents.get(CLASS_MEMBERS, _chunk_key(abc, place))
            if document is None:
                break
            ids = document.body["ids"]
            found.extend(ids[bisect_right(ids, after) :][: limit - len(found)])
            place += 1
        return found

    async def _put(self, collection: Collection, key: str, body: dict[str, Any]) -> None:
        """Write; where two holders of the job meet, either's result will do."""
        document = await self._documents.get(collection, key)
        try:
            if document is None:
                await self._documents.insert(collection, key, body)
            else:
                await self._documents.replace(collection, key, body, expected_revision=document.revision)
        except (KeyTakenError, RevisionMismatchError):
            return


def _chunk_key(abc: str, place: int) -> str:
    return f"{abc}/{place:06d}"


def _basis_body(basis: ClassBasis, head: Sequence[int]) -> dict[str, Any]:
    return {
        "as_of_us": basis.as_of_us,
        "by_currency": {
            currency: [
                each.customers,
                each.spend_minor,
                each.a_from_minor,
                each.b_from_minor,
                list(each.recency_cuts),
                list(each.frequency_cuts),
                list(each.monetary_cuts),
            ]
            for currency, each in basis.by_currency.items()
        },
        "quantiles": {name: list(values) for name, values in basis.quantiles.items()},
        "compared": basis.compared,
        "head": list(head),
    }


def _basis_from_body(body: Mapping[str, Any]) -> ClassBasis:
    return ClassBasis(
        body["as_of_us"],
        {
            currency: CurrencyBasis(each[0], each[1], each[2], each[3], tuple(each[4]), tuple(each[5]), tuple(each[6]))
            for currency, each in body["by_currency"].items()
        },
        {name: tuple(values) for name, values in body["quantiles"].items()},
        body["compared"],
    )
