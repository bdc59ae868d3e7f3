"""Puts a backup back: documents and blobs as they were, every log under a new generation (docs/consistency.md, rule 7).

A new generation makes every reader build its projections anew from the logs, so what one service had already read of
another's events that the backup does not hold leaves no trace. Where the profile restored to keeps a log in another
number of partitions, its events are dealt out anew: subjects stay together, order within them stays.
"""

import heapq
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from services.chassis.artifacts.port import ArtifactStore
from services.chassis.backup.archive import BackupDamagedError, ServiceCopy, Show, path_in
from services.chassis.backup.marks import RESTORES
from services.chassis.backup.sqlite_archived import ArchivedDocuments
from services.chassis.documents.port import (
    BATCH_LIMIT,
    Body,
    Collection,
    Document,
    DocumentStore,
)
from services.chassis.eventlog.documents_log import GENERATION_BITS
from services.chassis.eventlog.record import EVENTS, LOGS, partition_of

BATCH_BYTES: Final = 4 * 1024 * 1024
NOT_RESTORED: Final = frozenset({"leases", RESTORES.name})


@dataclass(slots=True)
class _Batch:
    """Documents on their way into a store, few enough for one insert."""

    store: DocumentStore
    collection: Collection
    items: list[tuple[str, Body]] = field(default_factory=list)
    size_bytes: int = 0

    async def add(self, key: str, body: Body) -> None:
        self.items.append((key, body))
        self.size_bytes += len(str(body))
        if len(self.items) >= BATCH_LIMIT or self.size_bytes >= BATCH_BYTES:
            await self.flush()

    async def flush(self) -> None:
        await self.store.insert_many(self.collection, self.items)
        self.items, self.size_bytes = [], 0


async def restore_documents(
    folder: Path, copy: ServiceCopy, store: DocumentStore, *, partitions: int, rng: Random, show: Show
) -> None:
    """Write a service's documents into an empty store, its logs in ``partitions`` partitions."""
    total, done = sum(copy.collections.values()), 0
    with ArchivedDocuments(path_in(folder, copy.documents.path)) as archived:
        for collection in archived.collections:
            await store.declare(collection)
            if collection.name in NOT_RESTORED:
                continue
            batch = _Batch(store, collection)
            for document in _documents(archived, collection, partitions, rng):
                await batch.add(document.key, document.body)
                done += 1
                if not batch.items:
                    show(f"documents {copy.service}", done, total)
            await batch.flush()
            show(f"documents {copy.service}", done, total)


async def begin_anew(store: DocumentStore, rng: Random) -> None:
    """Give every log of a store whose file was copied as it is a new generation."""
    await store.declare(LOGS)
    for document in (await store.scan(LOGS, limit=1_000)).documents:
        body = {**document.body, "generation": new_generation(rng)}
        await store.replace(LOGS, document.key, body, expected_revision=document.revision)


async def restore_blobs(folder: Path, copy: ServiceCopy, artifacts: ArtifactStore, show: Show) -> None:
    """Put back a service's blobs; each is hashed on its way."""
    done, total = 0, sum(copy.blobs.values())
    for digest, size_bytes in copy.blobs.items():
        blob = await artifacts.put_file(path_in(folder, f"blobs/{digest[:2]}/{digest}"))
        if blob.digest != digest:
            raise BackupDamagedError(f"blob {digest} hashes to {blob.digest}")
        done += size_bytes
        show(f"artifacts {copy.service}", done, total)


def restore_files(folder: Path, copy: ServiceCopy, data: Path) -> None:
    """Put back the secrets beside a service's documents."""
    for file in copy.files:
        target = data / copy.service / Path(file.path).name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        target.touch(mode=0o600)
        shutil.copyfile(path_in(folder, file.path), target)


def keeps_partitions(copy: ServiceCopy, partitions: int) -> bool:
    """Tell whether a service's logs already have this number of partitions, so that its file serves as it is."""
    return all(len(log.seqs) == partitions for log in copy.logs)


def new_generation(rng: Random) -> str:
    """Return a generation that no log had."""
    return f"{rng.getrandbits(GENERATION_BITS):016x}"


def _documents(archived: ArchivedDocuments, collection: Collection, partitions: int, rng: Random) -> Iterator[Document]:
    if collection.name == EVENTS.name:
        for log in archived.logs():
            yield from dealt_out(archived, log.name, len(log.seqs), partitions)
        return
    for page in archived.pages(collection):
        for document in page:
            if collection.name == LOGS.name:
                body = {**document.body, "partitions": partitions, "generation": new_generation(rng)}
                yield Document(document.key, body, 1)
            else:
                yield document


def dealt_out(archived: ArchivedDocuments, log: str, before: int, after: int) -> Iterator[Document]:
    """Yield a log's events in the order in which they were recorded, with their places among ``after`` partitions."""
    streams: Sequence[Iterator[Document]] = [archived.events(log, partition) for partition in range(before)]
    last = [0] * after
    for event in heapq.merge(*streams, key=_recorded) if before != after else _one_by_one(streams):
        place = event.body["partition"] if before == after else partition_of(event.body["subject"], after)
        last[place] += 1
        yield Document(event.key, {**event.body, "partition": place, "seq": last[place]}, 1)


def _one_by_one(streams: Sequence[Iterator[Document]]) -> Iterator[Document]:
    for stream in streams:
        yield from stream


def _recorded(event: Document) -> tuple[Any, ...]:
    return event.body["recorded_time_us"], event.body["partition"], event.body["seq"]
