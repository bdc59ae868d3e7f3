"""Carries the names of erased persons over a restore, and finds them in what was restored.

A receipt that is done names nobody, and neither does the list of refused names: it holds keyed hashes. But a backup of
before holds the names, so every text in it is hashed with the key and looked up in the list.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.chassis.documents.port import BATCH_LIMIT, Collection, Document, DocumentStore, KeyTakenError
from services.chassis.erasure.subjects import DEPTH_LIMIT, keyed_hash, names_inside
from services.chassis.erasure.suppression import CURRENT, ERASURE_KEYS, SUPPRESSED
from services.chassis.eventlog.record import LOGS

SCAN_PAGE: Final = 500
NAME_LIMIT: Final = 512  # characters; no name is longer
TRIED_LIMIT: Final = 200_000  # texts that are remembered, so that none of them is hashed twice
_BARE_KINDS: Final = ("phone:", "email:")  # of these the value alone names the person as well
_NAMELESS: Final = frozenset({SUPPRESSED.name, ERASURE_KEYS.name, LOGS.name, "leases"})


@dataclass(frozen=True, slots=True)
class Refused:
    """The names that a service refused. ``names``: their documents by keyed hash."""

    service: str
    key: str
    names: Mapping[str, Mapping[str, Any]]

    def of_erasures(self, erasure_ids: frozenset[str]) -> dict[str, str]:
        """Return the receipt by hash, of these receipts alone."""
        return {digest: body["erasure"] for digest, body in self.names.items() if body["erasure"] in erasure_ids}


async def read_refused(documents: DocumentStore, service: str) -> Refused | None:
    """Return the names that a store refuses; None for one that never refused any."""
    declared = {each.name for each in await documents.collections()}
    if not {SUPPRESSED.name, ERASURE_KEYS.name} <= declared:
        return None
    await documents.declare(SUPPRESSED, ERASURE_KEYS)
    key = await documents.get(ERASURE_KEYS, CURRENT)
    if key is None:
        return None
    names = {document.key: document.body for document in await all_documents(documents, SUPPRESSED)}
    return Refused(service, key.body["key"], names)


async def all_documents(documents: DocumentStore, collection: Collection) -> list[Document]:
    """Return every document of a collection that fits into memory."""
    found: list[Document] = []
    after: str | None = None
    while True:
        page = await documents.scan(collection, after=after, limit=SCAN_PAGE)
        found.extend(page.documents)
        after = page.next_after
        if after is None:
            return found


async def refuse_also(documents: DocumentStore, carried: Refused) -> bool:
    """Have a store refuse these names as well; False where its own hashes are of another key."""
    await documents.declare(SUPPRESSED, ERASURE_KEYS)
    key = await documents.get(ERASURE_KEYS, CURRENT)
    if key is None:
        await documents.insert(ERASURE_KEYS, CURRENT, {"key": carried.key})
    elif key.body["key"] != carried.key:
        return False
    items = sorted(carried.names.items())
    while items:
        done = len(items[:BATCH_LIMIT])
        try:
            await documents.insert_many(SUPPRESSED, items[:BATCH_LIMIT])
        except KeyTakenError as taken:
            done = taken.position + 1
        items = items[done:]
    return True


class NameFinder:
    """Looks for the names behind keyed hashes. ``wanted``: for each key the receipt by hash."""

    def __init__(self, wanted: Sequence[tuple[str, Mapping[str, str]]]) -> None:
        self._wanted = [(bytes.fromhex(key), receipts) for key, receipts in wanted if receipts]
        self._tried: set[str] = set()
        self.found: dict[str, set[str]] = {}  # by receipt

    async def search(self, documents: DocumentStore) -> None:
        """Look through all that a store holds."""
        if not self._wanted:
            return
        for collection in await documents.collections():
            if collection.name in _NAMELESS:
                continue
            await documents.declare(collection)
            after: str | None = None
            while True:
                page = await documents.scan(collection, after=after, limit=SCAN_PAGE)
                for document in page.documents:
                    self.look_at(document.key)
                    self.look_at(document.body)
                after = page.next_after
                if after is None:
                    break

    def look_at(self, value: Any, depth: int = 0) -> None:
        """Look through a value of a body, the names of its fields as well."""
        if isinstance(value, str):
            self._look_at_text(value)
        elif depth > DEPTH_LIMIT:
            return
        elif isinstance(value, Mapping):
            for key, each in value.items():
                self._look_at_text(key)
                self.look_at(each, depth + 1)
        elif isinstance(value, list | tuple):
            for each in value:
                self.look_at(each, depth + 1)

    def _look_at_text(self, text: str) -> None:
        if len(text) <= NAME_LIMIT:
            self._try(text)
        for name in names_inside(text):
            self._try(name)

    def _try(self, text: str) -> None:
        if text in self._tried:
            return
        if len(self._tried) >= TRIED_LIMIT:
            self._tried.clear()
        self._tried.add(text)
        for key, receipts in self._wanted:
            receipt = receipts.get(keyed_hash(key, text))
            if receipt is None:
                continue
            self.found.setdefault(receipt, set()).add(text)
            if not text.startswith(_BARE_KINDS):  # a bare number or address stands for the one with its kind
                for kind in _BARE_KINDS:
                    if receipts.get(keyed_hash(key, kind + text)) == receipt:
                        self.found[receipt].add(kind + text)
