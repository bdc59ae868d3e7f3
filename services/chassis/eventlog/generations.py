"""Which generation of a projection's collections is in force (rule 10): one document per projection, moved by compare
and set. The first generation has the collections' own names, a later one carries its number behind them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.chassis.documents.port import (
    Collection,
    Document,
    DocumentStore,
    KeyTakenError,
    RevisionMismatchError,
)
from services.chassis.errors import ErrorKind, ZhikeError

GENERATIONS = Collection("projection_generations")
FIRST = 1

Resolve = Callable[[Collection], Collection]


class RebuildSupersededError(ZhikeError):
    """Another rebuild of the same projection was promoted or abandoned meanwhile."""

    kind = ErrorKind.ABORTED
    reason = "REBUILD_SUPERSEDED"


class Generations:
    """The generations of one projection. ``await open()`` before use."""

    def __init__(self, documents: DocumentStore, projection: str, collections: Sequence[Collection]) -> None:
        self.active = FIRST
        self.documents = documents
        self.projection = projection
        self._collections = tuple(collections)
        self._declared = 0  # the active generation whose collections this process has declared
        self._resolved: dict[tuple[str, int], Collection] = {}

    async def open(self) -> None:
        """Learn which generation is active and declare its collections."""
        await self.documents.declare(GENERATIONS)
        await self.refresh()

    async def refresh(self) -> int:
        """Read which generation is active, as another replica may have promoted one; declare it, then go over to it."""
        active = (await self._body())["active"]
        if active != self._declared:
            await self.declare(active)
            self._declared = self.active = active
        return self.active

    def resolve(self, collection: Collection) -> Collection:
        """Return the collection that is in force now: what every read goes to."""
        return self.at(self.active, collection)

    def resolver(self, generation: int) -> Resolve:
        """Return what names the collections of one generation."""
        return lambda collection: self.at(generation, collection)

    def at(self, generation: int, collection: Collection) -> Collection:
        """Return the collection of a generation."""
        if generation == FIRST:
            return collection
        place = (collection.name, generation)
        if place not in self._resolved:
            self._resolved[place] = Collection(f"{collection.name}.g{generation}", collection.indexes)
        return self._resolved[place]

    def projection_name(self, generation: int) -> str:
        """Return the name under which a generation keeps its cursors and dead letters."""
        return self.projection if generation == FIRST else f"{self.projection}.g{generation}"

    async def declare(self, generation: int) -> None:
        """Create the collections of a generation."""
        await self.documents.declare(*(self.at(generation, each) for each in self._collections))

    async def drop(self, generation: int) -> None:
        """Remove the collections of a generation with all that is in them."""
        for collection in self._collections:
            await self.documents.drop(self.at(generation, collection))

    async def begin(self) -> int:
        """Return the generation being built: a new one, or the one that a crash left unfinished."""

        def change(body: Mapping[str, Any]) -> dict[str, Any]:
            if body["building"]:
                return dict(body)
            return {**body, "building": body["latest"] + 1, "latest": body["latest"] + 1}

        return int((await self._change(change))["building"])

    async def promote(self, generation: int) -> None:
        """Put a built generation in force; the one before retires. Again, by whomever, is the same."""

        def change(body: Mapping[str, Any]) -> dict[str, Any]:
            if body["active"] == generation:
                return dict(body)
            if body["building"] != generation:
                raise RebuildSupersededError(f"generation {generation} of {self.projection} is no longer being built")
            retiring = [*body["retiring"], body["active"]]
            return {**body, "active": generation, "building": 0, "retiring": retiring}

        self.active = self._declared = (await self._change(change))["active"]

    async def abandon(self, generation: int) -> None:
        """Give up a generation that cannot be finished; it is removed with the retired ones."""

        def change(body: Mapping[str, Any]) -> dict[str, Any]:
            if body["building"] != generation:
                return dict(body)
            return {**body, "building": 0, "retiring": [*body["retiring"], generation]}

        await self._change(change)

    async def retiring(self) -> tuple[int, ...]:
        """Return the generations that wait to be removed."""
        return tuple((await self._body())["retiring"])

    async def retired(self, generation: int) -> None:
        """Note that nothing of the generation is left."""

        def change(body: Mapping[str, Any]) -> dict[str, Any]:
            return {**body, "retiring": [each for each in body["retiring"] if each != generation]}

        await self._change(change)

    async def _body(self) -> dict[str, Any]:
        document = await self.documents.get(GENERATIONS, self.projection)
        return document.body if document is not None else _beginning()

    async def _change(self, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        while True:
            document = await self.documents.get(GENERATIONS, self.projection)
            body = change(document.body if document is not None else _beginning())
            try:
                await self._save(document, body)
            except (KeyTakenError, RevisionMismatchError):
                continue
            return body

    async def _save(self, document: Document | None, body: dict[str, Any]) -> None:
        if document is None:
            await self.documents.insert(GENERATIONS, self.projection, body)
        elif document.body != body:
            await self.documents.replace(GENERATIONS, self.projection, body, expected_revision=document.revision)


def _beginning() -> dict[str, Any]:
    return {"active": FIRST, "building": 0, "latest": FIRST, "retiring": []}
