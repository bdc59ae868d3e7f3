"""What every document store promises.

A collection is declared with its indexes; every read is by key, by a declared index or a scan in key order, so nothing
scans by accident and all adapters answer alike. One document is the unit of atomicity; there are no multi-document
transactions. An acknowledged write is durable. Bodies are JSON objects (str keys; str, int, float, bool, None, list,
dict values). Indexed values are str or int (a bool is an int); a path may be dotted (``person.card``). A document that
lacks an indexed field is in the index under None, except in a unique index, where it is left out. Order: None, then
numbers, then text bytewise by UTF-8; a range holds values of its bounds' type only, so never None. Where several unique
values are taken, an error names the key first, then the indexes in declared order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from services.chassis.errors import ErrorKind, ZhikeError

Body = Mapping[str, Any]
Scalar = str | int | None

KEY_LIMIT_BYTES = 512
BODY_LIMIT_BYTES = 8 * 1024 * 1024
INDEXED_LIMIT_BYTES = 1_024
PAGE_LIMIT = 1_000
BATCH_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class Index:
    """An ordered index over one or more fields; a find names a prefix by equality and at most one range after it."""

    name: str
    fields: tuple[str, ...]
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Collection:
    """A named set of documents and the only ways to read it."""

    name: str
    indexes: tuple[Index, ...] = ()

    def index(self, name: str) -> Index:
        """Return the declared index ``name``; raises UnknownIndexError."""
        for index in self.indexes:
            if index.name == name:
                return index
        raise UnknownIndexError(f"collection {self.name} declares no index {name}", collection=self.name, index=name)


@dataclass(frozen=True, slots=True)
class Document:
    """A stored body. ``revision`` starts at 1 and grows with every write; it is internal, never a public ETag."""

    key: str
    body: dict[str, Any]
    revision: int


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds on the first index field after the equal ones: ``at_least <= value < below``; either may be open."""

    at_least: str | int | None = None
    below: str | int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Documents in index (or key) order and the position after the last, None at the end."""

    documents: tuple[Document, ...]
    next_after: str | None


class KeyTakenError(ZhikeError):
    """An insert met a key or unique value that exists. ``position``: place in the batch, ``index``: "key" or a name."""

    kind = ErrorKind.CONFLICT
    reason = "KEY_TAKEN"

    def __init__(self, collection: str, *, key: str, index: str, position: int = 0) -> None:
        super().__init__(f"{collection}: {index} of {key!r} is taken", collection=collection, index=index)
        self.key, self.index, self.position = key, index, position


class RevisionMismatchError(ZhikeError):
    """A compare and set lost: the document has another revision (``actual`` None: it does not exist)."""

    kind: ClassVar[ErrorKind] = ErrorKind.ABORTED
    reason = "REVISION_MISMATCH"

    def __init__(self, collection: str, *, key: str, expected: int, actual: int | None) -> None:
        super().__init__(f"{collection}: {key!r} changed meanwhile", collection=collection)
        self.key, self.expected, self.actual = key, expected, actual


class UnknownIndexError(ZhikeError):
    """A query that no declared index serves; a defect of the caller."""

    kind = ErrorKind.INTERNAL
    reason = "UNKNOWN_INDEX"


class DeclarationError(ZhikeError):
    """A collection used before it was declared (or after its drop), or declared otherwise than it is stored."""

    kind = ErrorKind.INTERNAL
    reason = "COLLECTION_DECLARATION"


class DocumentFormError(ZhikeError):
    """A body that is no JSON object, an indexed value that is neither str nor int, or a cursor of another query."""

    kind = ErrorKind.INVALID
    reason = "DOCUMENT_FORM"


class DocumentLimitError(ZhikeError):
    """A key, indexed text, body, batch or page past its bound."""

    kind = ErrorKind.INVALID
    reason = "DOCUMENT_LIMIT"


class StoreUnavailableError(ZhikeError):
    """The store cannot answer now (disk full, server away, closed). Nothing was acknowledged."""

    kind = ErrorKind.UNAVAILABLE
    reason = "STORE_UNAVAILABLE"


class DocumentStore(Protocol):
    """The port. ``declare`` every collection once before use; it creates or checks the indexes."""

    async def declare(self, *collections: Collection) -> None:
        """Create the collections and their indexes; raises DeclarationError if one is stored with other indexes."""

    async def get(self, collection: Collection, key: str) -> Document | None:
        """Return the document or None."""

    async def get_many(self, collection: Collection, keys: Sequence[str]) -> dict[str, Document]:
        """Return those that exist, by key. At most BATCH_LIMIT keys."""

    async def insert(self, collection: Collection, key: str, body: Body) -> Document:
        """Store a new document at revision 1. Raises KeyTakenError."""

    async def insert_many(self, collection: Collection, items: Sequence[tuple[str, Body]]) -> None:
        """Store in order; stop at the first taken key or unique value: what came before it stays.

        Raises KeyTakenError naming position and index. At most BATCH_LIMIT items.
        """

    async def replace(self, collection: Collection, key: str, body: Body, *, expected_revision: int) -> Document:
        """Compare and set. Raises RevisionMismatchError, KeyTakenError (unique value of another document)."""

    async def delete(self, collection: Collection, key: str, *, expected_revision: int | None = None) -> bool:
        """Remove; True if it was there. Raises RevisionMismatchError when a revision is expected and differs."""

    async def find(
        self,
        collection: Collection,
        index: str,
        equals: Mapping[str, Scalar],
        *,
        range_: Range | None = None,
        after: str | None = None,
        limit: int = 100,
        descending: bool = False,
    ) -> Page:
        """Return documents whose leading index fields equal ``equals`` (in declared order), in index order then key.

        ``after`` is a previous page's ``next_after`` of the same query. 1 <= limit <= PAGE_LIMIT.
        """

    async def scan(self, collection: Collection, *, after: str | None = None, limit: int = 100) -> Page:
        """Return documents in key order (bytewise). ``after`` is a key (it need not exist); ``next_after`` is one."""

    async def count(
        self, collection: Collection, index: str | None = None, equals: Mapping[str, Scalar] | None = None
    ) -> int:
        """Count all documents, or those whose leading index fields equal ``equals``."""

    async def drop(self, collection: Collection) -> None:
        """Remove the collection and everything in it; silent when absent. Used when a rebuilt generation retires."""

    async def collections(self) -> tuple[Collection, ...]:
        """Return all that was ever declared here and not dropped, by whichever process, in name order.

        For a walk over the whole store (a backup); to read them, declare what was returned.
        """

    async def leave_no_trace(self) -> None:
        """Return when no file of the store holds deleted or replaced content any more (erasure).

        An embedded store is copied whole, meanwhile writes wait; nothing to do where a server keeps the files.
        """

    async def ping(self) -> None:
        """Return when the store can answer; raises StoreUnavailableError."""

    async def close(self) -> None:
        """Finish what was accepted, then release the store."""
