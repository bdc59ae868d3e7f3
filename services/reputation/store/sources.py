"""Keeps sources, how fetching them goes, and brands: what people edit, by compare and set."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from services.chassis.documents.port import (
    BATCH_LIMIT,
    PAGE_LIMIT,
    Collection,
    Document,
    DocumentStore,
    KeyTakenError,
    Range,
    RevisionMismatchError,
)
from services.kits.times import micros
from services.reputation.domain.brands import MAX_BRANDS, Brand
from services.reputation.domain.errors import (
    BrandNotFoundError,
    SourceNotFoundError,
    SourceTakenError,
    TooManyError,
    VersionMismatchError,
)
from services.reputation.domain.sources import MAX_SOURCES, Source, SourceKind, Standing
from services.reputation.store.bodies import (
    brand_body,
    brand_from_body,
    source_body,
    source_from_body,
    standing_body,
    standing_from_body,
)
from services.reputation.store.collections import BRANDS, BY_NEXT, SOURCES, STANDINGS

ANY_VERSION: Final = 0


@dataclass(frozen=True, slots=True)
class StoredStanding:
    """A standing with its place in the store."""

    source_id: str
    standing: Standing
    revision: int


class SourceStore:
    """Sources by id, and the standing of each."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def declare(self) -> None:
        """Create the collections."""
        await self._documents.declare(SOURCES, STANDINGS)

    async def get(self, source_id: str) -> Source:
        """Return a source. Raises SourceNotFoundError."""
        return source_from_body(source_id, (await self._document(source_id)).body)

    async def all(self) -> tuple[Source, ...]:
        """Return all sources in the order of their ids."""
        documents = await _all(self._documents, SOURCES)
        return tuple(source_from_body(each.key, each.body) for each in documents)

    async def page(self, *, after: str | None, limit: int) -> tuple[tuple[Source, ...], str | None]:
        """Return the next sources in the order of their ids, and where the page after begins."""
        page = await self._documents.scan(SOURCES, after=after, limit=limit)
        return tuple(source_from_body(each.key, each.body) for each in page.documents), page.next_after

    async def create(self, source: Source, now: datetime) -> Source:
        """Keep a new source; a feed is due at once. The same one again is a success.

        Raises SourceTakenError, TooManyError.
        """
        known = await self._documents.get(SOURCES, source.id)
        if known is None and await self._documents.count(SOURCES) >= MAX_SOURCES:
            raise TooManyError(f"there are {MAX_SOURCES} sources; remove one first", limit=MAX_SOURCES)
        try:
            await self._documents.insert(SOURCES, source.id, source_body(source))
        except KeyTakenError:
            known = await self._documents.get(SOURCES, source.id)
            if known is None or known.body != source_body(source):
                raise SourceTakenError("another source has this id", id=source.id) from None
            return source
        if source.kind is SourceKind.FEED:
            await self.wake(source.id, now)
        return source

    async def replace(self, source: Source, *, expected_version: int = ANY_VERSION) -> Source:
        """Keep a source as it is now, under the next version. Raises SourceNotFoundError, VersionMismatchError."""
        document = await self._document(source.id)
        body = await _replace(self._documents, SOURCES, document, source_body(source), expected_version)
        return source_from_body(source.id, body)

    async def delete(self, source_id: str, *, expected_version: int = ANY_VERSION) -> None:
        """Forget a source; what it said stays. Raises SourceNotFoundError, VersionMismatchError."""
        document = await self._document(source_id)
        _check_version(document, expected_version)
        try:
            await self._documents.delete(SOURCES, source_id, expected_revision=document.revision)
        except RevisionMismatchError:
            raise VersionMismatchError("the source was edited meanwhile", id=source_id) from None
        await self._documents.delete(STANDINGS, source_id)

    async def wake(self, source_id: str, now: datetime, *, anew: bool = False) -> None:
        """Have a feed fetched as soon as possible; ``anew``: nothing of earlier fetches holds for it any more."""
        document = await self._documents.get(STANDINGS, source_id)
        try:
            if document is None:
                await self._documents.insert(STANDINGS, source_id, standing_body(Standing(now)))
            else:
                before = standing_from_body(document.body)
                standing = Standing(now) if anew else replace(before, next_time=now)
                await self._documents.replace(
                    STANDINGS, source_id, standing_body(standing), expected_revision=document.revision
                )
        except (KeyTakenError, RevisionMismatchError):  # it is being fetched at this moment
            return

    async def standings(self, source_ids: Sequence[str]) -> dict[str, Standing]:
        """Return those that exist, by source."""
        found: dict[str, Standing] = {}
        for start in range(0, len(source_ids), BATCH_LIMIT):
            documents = await self._documents.get_many(STANDINGS, source_ids[start : start + BATCH_LIMIT])
            found |= {key: standing_from_body(document.body) for key, document in documents.items()}
        return found

    async def due(self, now: datetime, limit: int) -> tuple[StoredStanding, ...]:
        """Return the standings whose next time has come, longest due first."""
        page = await self._documents.find(
            STANDINGS, BY_NEXT, {}, range_=Range(at_least=0, below=micros(now) + 1), limit=limit
        )
        return tuple(StoredStanding(each.key, standing_from_body(each.body), each.revision) for each in page.documents)

    async def save_standing(self, stored: StoredStanding) -> bool:
        """Keep how a fetch went; False when somebody else changed the standing meanwhile, or took it away."""
        try:
            await self._documents.replace(
                STANDINGS, stored.source_id, standing_body(stored.standing), expected_revision=stored.revision
            )
        except RevisionMismatchError:
            return False
        return True

    async def forget_standing(self, source_id: str) -> None:
        """Remove the standing of a source that is not there any more."""
        await self._documents.delete(STANDINGS, source_id)

    async def _document(self, source_id: str) -> Document:
        document = await self._documents.get(SOURCES, source_id) if source_id else None
        if document is None:
            raise SourceNotFoundError("there is no source of this id", resource="source", id=source_id)
        return document


class BrandStore:
    """Brands by id."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def declare(self) -> None:
        """Create the collection."""
        await self._documents.declare(BRANDS)

    async def all(self) -> tuple[Brand, ...]:
        """Return all brands in the order of their ids."""
        return tuple(brand_from_body(each.key, each.body) for each in await _all(self._documents, BRANDS))

    async def put(self, brand: Brand, *, expected_version: int = ANY_VERSION) -> Brand:
        """Keep a brand, new or under its next version. Raises VersionMismatchError, TooManyError."""
        document = await self._documents.get(BRANDS, brand.id)
        if document is not None:
            body = await _replace(self._documents, BRANDS, document, brand_body(brand), expected_version)
            return brand_from_body(brand.id, body)
        if expected_version != ANY_VERSION:
            raise VersionMismatchError("there is no such version of the brand", id=brand.id)
        if await self._documents.count(BRANDS) >= MAX_BRANDS:
            raise TooManyError(f"there are {MAX_BRANDS} brands; remove one first", limit=MAX_BRANDS)
        first = replace(brand, version=1)
        try:
            await self._documents.insert(BRANDS, brand.id, brand_body(first))
        except KeyTakenError:
            raise VersionMismatchError("the brand was made meanwhile", id=brand.id) from None
        return first

    async def delete(self, brand_id: str, *, expected_version: int = ANY_VERSION) -> None:
        """Forget a brand; what was counted for it stays. Raises BrandNotFoundError, VersionMismatchError."""
        document = await self._documents.get(BRANDS, brand_id) if brand_id else None
        if document is None:
            raise BrandNotFoundError("there is no brand of this id", resource="brand", id=brand_id)
        _check_version(document, expected_version)
        try:
            await self._documents.delete(BRANDS, brand_id, expected_revision=document.revision)
        except RevisionMismatchError:
            raise VersionMismatchError("the brand was edited meanwhile", id=brand_id) from None


async def _all(documents: DocumentStore, collection: Collection) -> list[Document]:
    found: list[Document] = []
    after: str | None = None
    while True:
        page = await documents.scan(collection, after=after, limit=PAGE_LIMIT)
        found += page.documents
        after = page.next_after
        if after is None:
            return found


async def _replace(
    documents: DocumentStore, collection: Collection, document: Document, body: dict[str, Any], expected_version: int
) -> dict[str, Any]:
    """Save under the next version; what says nothing new is not saved. Raises VersionMismatchError."""
    _check_version(document, expected_version)
    version = document.body["version"]
    if {**body, "version": version} == document.body:
        return document.body
    body = {**body, "version": version + 1}
    try:
        await documents.replace(collection, document.key, body, expected_revision=document.revision)
    except RevisionMismatchError:
        raise VersionMismatchError("it was edited meanwhile; read it again", id=document.key) from None
    return body


def _check_version(document: Document, expected_version: int) -> None:
    if expected_version not in (ANY_VERSION, document.body["version"]):
        message = f"the version is {document.body['version']}, not {expected_version}; read it again"
        raise VersionMismatchError(message, id=document.key)
