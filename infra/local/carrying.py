"""What must outlive the data that a restore replaces: who was erased (docs/consistency.md, rule 14).

Read before the first byte is replaced, kept in the marker until the restore has ended, then put into the restored data:
its services refuse these names from their first moment, and knowledge begins the rounds of the erased again.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

import orjson

from infra.local.plan import GATEWAY
from services.chassis.backup.archive import Manifest
from services.chassis.backup.marks import AWAITED, MARKER, is_half_restored
from services.chassis.backup.refused_names import NameFinder, Refused, all_documents, read_refused, refuse_also
from services.chassis.backup.sqlite_copies import translated
from services.chassis.documents.lock import StoreInUseError
from services.chassis.documents.port import Body, Document, DocumentStore
from services.chassis.documents.sqlite import SqliteDocuments
from services.chassis.errors import ZhikeError
from services.chassis.eventlog.record import micros_from_time
from services.chassis.settings import ChassisSettings
from services.knowledge.store.erasures import ERASURES, ErasureStore, erasure_of
from services.knowledge.usecases.repeating import Receipts, begin_again

KNOWLEDGE: Final = "knowledge"  # it alone keeps the receipts
DOCUMENTS_FILE: Final = "documents.sqlite"


@dataclass(frozen=True, slots=True)
class Carried:
    """The refused names of every service and the receipts. ``known``: the replaced data told who was erased."""

    known: bool
    refused: tuple[Refused, ...] = ()
    erasures: Mapping[str, Body] | None = None

    def and_also(self, other: "Carried") -> "Carried":
        """Return both; the receipts of ``other`` are the later ones."""
        return Carried(
            self.known or other.known,
            (*self.refused, *other.refused),
            {**(self.erasures or {}), **(other.erasures or {})},
        )

    def to_bytes(self) -> bytes:
        """Return it as the marker keeps it."""
        refused = [[each.service, each.key, dict(each.names)] for each in self.refused]
        return orjson.dumps({"known": self.known, "refused": refused, "erasures": self.erasures or {}})


def carried_from(content: bytes) -> Carried:
    """Return what a marker keeps."""
    said = orjson.loads(content)
    return Carried(said["known"], tuple(Refused(*each) for each in said["refused"]), said["erasures"])


async def read_carried(data: Path, settings: Mapping[str, ChassisSettings]) -> Carried:
    """Return what stands in the data directory, in the databases, and in the marker of a restore that was broken off.

    A file that cannot be read tells nothing. Raises StoreInUseError, StoreUnavailableError of a server.
    """
    carried = Carried(known=False)
    for service, own in settings.items():
        path = data / service / DOCUMENTS_FILE
        if path.exists():
            carried = carried.and_also(await _of_file(path, service))
        if not own.embedded:
            async with AsyncExitStack() as opened:
                store = await _opened(own, service, data, opened)
                stands = await _of_store(store, service)
                carried = carried.and_also(replace(stands, known=stands.known and not await is_half_restored(store)))
    marker = data / MARKER
    if not marker.exists():
        return carried
    before = carried_from(marker.read_bytes())
    return replace(carried.and_also(before), known=before.known)  # what stands beside a marker is half of a backup


@asynccontextmanager
async def restored_stores(
    folder: Path, settings: Mapping[str, ChassisSettings]
) -> AsyncIterator[dict[str, DocumentStore]]:
    """Open the stores of all services, embedded ones in a folder, and close them at the end of the block."""
    async with AsyncExitStack() as opened:
        yield {service: await _opened(own, service, folder, opened) for service, own in settings.items()}


async def repeat_erasures(
    stores: Mapping[str, DocumentStore], carried: Carried, manifest: Manifest, new_id: Callable[[], str]
) -> int:
    """Have restored stores refuse whom the replaced ones refused, and begin the erasures again that the backup lacks.

    Returns how many persons are erased again. The gateway answers nobody until these receipts are done.
    """
    foreign: list[Refused] = []
    for refused in carried.refused:
        store = stores.get(refused.service)
        if store is not None and not await refuse_also(store, refused):
            foreign.append(refused)
    knowledge = stores.get(KNOWLEDGE)
    if knowledge is None:
        return 0
    erasures = ErasureStore(knowledge)
    await erasures.declare()
    receipts = Receipts(
        in_backup={each.id: each for each in await erasures.everything()},
        replaced={key: erasure_of(Document(key, dict(body), 0)) for key, body in (carried.erasures or {}).items()},
        since_us=_begun_us(manifest),
    )
    finder = await _finder(knowledge, foreign, frozenset(each.id for each in receipts.to_repeat()))
    for store in stores.values():
        await finder.search(store)
    ids = await begin_again(receipts, finder.found, erasures, new_id)
    await _await(stores.get(GATEWAY), ids)
    return len(ids)


def _begun_us(manifest: Manifest) -> int:
    return min(micros_from_time(datetime.fromisoformat(each.snapshot_time)) for each in manifest.services)


async def _finder(knowledge: DocumentStore, foreign: Sequence[Refused], erasure_ids: frozenset[str]) -> NameFinder:
    own = await read_refused(knowledge, KNOWLEDGE)
    lists = [each for each in (own, *foreign) if each is not None and each.service == KNOWLEDGE]
    return NameFinder([(each.key, each.of_erasures(erasure_ids)) for each in lists])


async def _await(gateway: DocumentStore | None, ids: Sequence[str]) -> None:
    if gateway is None:
        return
    await gateway.declare(AWAITED)
    for document in await all_documents(gateway, AWAITED):
        await gateway.delete(AWAITED, document.key)
    for each in ids:
        await gateway.insert(AWAITED, each, {})


async def _of_file(path: Path, service: str) -> Carried:
    try:
        store = SqliteDocuments.open(path)
    except StoreInUseError:
        raise
    except ZhikeError:
        return Carried(known=False)
    try:
        with translated():
            return await _of_store(store, service)
    except ZhikeError:
        return Carried(known=False)
    finally:
        await store.close()


async def _of_store(store: DocumentStore, service: str) -> Carried:
    refused = await read_refused(store, service)
    erasures: dict[str, Body] = {}
    declared = {each.name for each in await store.collections()}
    if service == KNOWLEDGE and ERASURES.name in declared:
        await store.declare(ERASURES)
        erasures = {each.key: each.body for each in await all_documents(store, ERASURES)}
    known = service == KNOWLEDGE and refused is not None
    return Carried(known, () if refused is None else (refused,), erasures)


async def _opened(settings: ChassisSettings, service: str, folder: Path, opened: AsyncExitStack) -> DocumentStore:
    store: DocumentStore
    if settings.embedded:
        store = SqliteDocuments.open(folder / service / DOCUMENTS_FILE)
    else:
        from services.chassis.documents.mongo import MongoDocuments  # a driver that most restores do without

        store = MongoDocuments.open(settings.documents, service)
    opened.push_async_callback(store.close)
    return store
