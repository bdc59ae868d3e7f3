"""A process that writes to a SqliteDocuments store and says on standard output what was acknowledged, line by line.

Run as ``python -m tests.contract.documents.writing_process MODE FOLDER …``; the tests kill it or cut its power.
"""

import asyncio
import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from services.chassis.documents.port import Collection, Index, StoreUnavailableError
from services.chassis.documents.sqlite import SqliteDocuments
from tests.fakes.synced_images import SyncedImages

ITEMS = Collection("items", (Index("by_n", ("n",)), Index("once", ("writer", "n"), unique=True)))
BATCH = 7
WRITERS = 8
SPARE_BYTES = 256 * 1024


def say(*words: object) -> None:
    # One write call: a line is whole or absent, whenever the process dies.
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


async def write(store: SqliteDocuments, writer: int, rounds: int) -> None:
    """Insert, replace, insert a batch, delete; tell each acknowledgement."""
    for n in range(rounds):
        key = f"w{writer}-{n}"
        await store.insert(ITEMS, key, {"writer": writer, "n": n, "v": 1, "text": "知客" * 40})
        say("has", key, 1)
        await store.replace(ITEMS, key, {"writer": writer, "n": n, "v": 2}, expected_revision=1)
        say("has", key, 2)
        batch = [(f"{key}-{place}", {"n": n, "v": 1}) for place in range(BATCH)]
        await store.insert_many(ITEMS, batch)
        for batch_key, _ in batch:
            say("has", batch_key, 1)
        if n % 3 == 0:
            say("deleting", f"{key}-0")
            await store.delete(ITEMS, f"{key}-0")
            say("gone", f"{key}-0")


async def write_until_killed(folder: Path) -> None:
    store = SqliteDocuments.open(folder / "documents.sqlite")
    await store.declare(ITEMS)
    start = await store.count(ITEMS)
    await asyncio.gather(*(write(store, os.getpid() * WRITERS + writer, 1_000_000) for writer in range(WRITERS)))
    say("never", start)


async def write_and_lose_power(folder: Path, synchronous: str) -> None:
    images = SyncedImages(folder / "images", lambda number: say("image", number))
    images.install()
    store = SqliteDocuments.open(folder / "documents.sqlite")
    await store._writer.submit(lambda connection: connection.execute("PRAGMA wal_autocheckpoint = 20"), alone=True)
    await store._writer.submit(lambda connection: connection.execute(f"PRAGMA synchronous = {synchronous}"), alone=True)
    await store.declare(ITEMS)
    say("declared")
    await asyncio.gather(*(write(store, writer, 6) for writer in range(3)))
    os._exit(0)  # no close: the power is gone


async def fill_the_disk(folder: Path) -> None:
    store = SqliteDocuments.open(folder / "documents.sqlite")
    await store.declare(ITEMS)
    for n in range(20):
        await store.insert(ITEMS, f"before-{n}", {"n": n, "text": "a" * 2_000})
    wal = folder / "documents.sqlite-wal"
    _, hard_limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal.stat().st_size + SPARE_BYTES, hard_limit))

    async def attempt(key: str, size_bytes: int) -> bool:
        try:
            await store.insert(ITEMS, key, {"n": 0, "text": "a" * size_bytes})
        except StoreUnavailableError:
            return False
        return True

    # Committed together: one that does not fit beside nine that do.
    results = await asyncio.gather(
        *(attempt(f"together-{n}", 10 * SPARE_BYTES if n == 4 else 100) for n in range(10)),
    )
    say("together", *(int(result) for result in results))
    filled = 0
    while await attempt(f"filling-{filled}", 2_000):
        filled += 1
    say("filled", filled)
    say("full", *[int(await attempt(f"full-{n}", 2_000)) for n in range(3)])
    say("batch", *(await refused_batch(store)))
    say("reads", await store.count(ITEMS), (await store.get(ITEMS, "before-7")).revision)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard_limit))
    say("after", *[int(await attempt(f"after-{n}", 2_000)) for n in range(3)])
    await store.close()


async def refused_batch(store: SqliteDocuments) -> Sequence[object]:
    try:
        await store.insert_many(ITEMS, [(f"batch-{n}", {"n": n, "text": "a" * 2_000}) for n in range(50)])
    except StoreUnavailableError as error:
        return (error.reason, error.metadata["cause"])
    return ("stored",)


async def hold(folder: Path) -> None:
    store = SqliteDocuments.open(folder / "documents.sqlite")
    say("open", os.getpid())
    await asyncio.to_thread(sys.stdin.read)
    await store.close()


MODES = {"kill": write_until_killed, "power": write_and_lose_power, "full": fill_the_disk, "hold": hold}

if __name__ == "__main__":
    asyncio.run(MODES[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:]))
