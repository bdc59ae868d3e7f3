"""Exports of persons' data: where each archive lies and when it goes."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from services.chassis.documents.port import Collection, DocumentStore, Index, KeyTakenError, Range

BY_EXPIRY: Final = "expiry"
EXPORTS: Final = Collection("person_exports", (Index(BY_EXPIRY, ("expire_us",)),))
EXPIRED_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class PersonExport:
    """An archive. ``identifiers``: of the person when it was made."""

    id: str
    identifiers: tuple[str, ...]
    digest: str
    size_bytes: int
    files: tuple[str, ...]
    truncated: bool
    create_us: int
    expire_us: int


class ExportStore:
    """The archives that are kept."""

    def __init__(self, documents: DocumentStore) -> None:
        self._documents = documents

    async def declare(self) -> None:
        """Create the collection."""
        await self._documents.declare(EXPORTS)

    async def insert(self, export: PersonExport) -> None:
        """Store; the same export again is the same."""
        with suppress(KeyTakenError):
            await self._documents.insert(EXPORTS, export.id, _body(export))

    async def get(self, export_id: str) -> PersonExport | None:
        """Return it or None."""
        document = await self._documents.get(EXPORTS, export_id)
        return None if document is None else _export(document.key, document.body)

    async def expired(self, now_us: int) -> list[PersonExport]:
        """Return those whose time is over, at most EXPIRED_PAGE."""
        page = await self._documents.find(
            EXPORTS, BY_EXPIRY, {}, range_=Range(at_least=0, below=now_us + 1), limit=EXPIRED_PAGE
        )
        return [_export(document.key, document.body) for document in page.documents]

    async def delete(self, export_id: str) -> None:
        """Forget it."""
        await self._documents.delete(EXPORTS, export_id)

    async def named_blobs(self) -> frozenset[str]:
        """Return the blobs that exports name."""
        digests: set[str] = set()
        after: str | None = None
        while True:
            page = await self._documents.scan(EXPORTS, after=after, limit=EXPIRED_PAGE)
            digests.update(document.body["digest"] for document in page.documents)
            after = page.next_after
            if after is None:
                return frozenset(digests)


def _body(export: PersonExport) -> dict[str, Any]:
    return {
        "identifiers": list(export.identifiers),
        "digest": export.digest,
        "size_bytes": export.size_bytes,
        "files": list(export.files),
        "truncated": export.truncated,
        "create_us": export.create_us,
        "expire_us": export.expire_us,
    }


def _export(key: str, body: Mapping[str, Any]) -> PersonExport:
    return PersonExport(
        key,
        tuple(body["identifiers"]),
        body["digest"],
        body["size_bytes"],
        tuple(body["files"]),
        body["truncated"],
        body["create_us"],
        body["expire_us"],
    )
