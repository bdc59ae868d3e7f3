"""What MongoDB adds to the port: a server that goes and comes, replicas, real indexes, and what the driver is asked."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import monitoring

from services.chassis.documents import mongo as adapter
from services.chassis.documents.mongo import MongoDocuments, database_name
from services.chassis.documents.port import (
    BODY_LIMIT_BYTES,
    Collection,
    DeclarationError,
    DocumentStore,
    Index,
    KeyTakenError,
    Range,
    RevisionMismatchError,
    StoreUnavailableError,
)
from tests.contract.conftest import DocumentsAdapter, open_mongo
from tests.fakes.wire_server import WireServer

pytestmark = pytest.mark.real

THINGS = Collection("things", (Index("by_a", ("a",)), Index("once", ("u", "v"), unique=True)))
PROMPT = "?serverSelectionTimeoutMS=500&heartbeatFrequencyMS=500&socketTimeoutMS=1000&connectTimeoutMS=500"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WireServer]:
    running = WireServer(tmp_path)
    running.start()
    yield running
    running.kill()


@pytest.fixture
async def store(mongodb_here: str, tmp_path: Path) -> AsyncIterator[MongoDocuments]:
    opened = open_mongo(tmp_path)
    await opened.declare(THINGS)
    yield opened
    await opened.close()


@pytest.fixture
def database(mongodb_here: str, store: MongoDocuments, tmp_path: Path) -> Iterator[Any]:
    """The database of ``store`` as its operator sees it."""
    with pymongo.MongoClient(mongodb_here) as client:
        yield client[store.database_name]


async def answers_again(store: DocumentStore) -> None:
    """Wait as a caller with back-off does."""
    for _ in range(100):
        try:
            await store.ping()
        except StoreUnavailableError:
            await asyncio.sleep(0.05)
        else:
            return
    pytest.fail("the store stays away")


@pytest.mark.slow
async def test_while_the_server_is_down_every_call_says_so_and_after_it_all_that_was_acknowledged_is_there(
    server: WireServer,
) -> None:
    store = MongoDocuments.open(server.address + "/" + PROMPT, "restarts")
    await answers_again(store)
    await store.declare(THINGS)
    acknowledged: dict[str, int] = {}
    for round_ in range(3):
        for number in range(20):
            key = f"k{round_}-{number}"
            await store.insert(THINGS, key, {"a": number})
            acknowledged[key] = (await store.replace(THINGS, key, {"a": -1}, expected_revision=1)).revision
        server.kill()
        for attempt in (
            store.ping(),
            store.get(THINGS, "k0-0"),
            store.insert(THINGS, f"lost{round_}", {}),
            store.find(THINGS, "by_a", {}),
            store.declare(THINGS),
        ):
            with pytest.raises(StoreUnavailableError) as caught:
                await attempt
            assert "127.0.0.1" not in caught.value.message
        server.start()
        await answers_again(store)
    found = (await store.scan(THINGS, limit=1_000)).documents
    assert {document.key: document.revision for document in found} == acknowledged
    await store.close()


@pytest.mark.slow
async def test_a_write_that_the_server_took_and_never_answered_is_not_acknowledged_and_repeating_it_is_safe(
    server: WireServer,
) -> None:
    store = MongoDocuments.open(server.address + "/" + PROMPT, "paused")
    await answers_again(store)
    await store.declare(THINGS)
    await store.insert(THINGS, "k", {"a": 1})
    server.pause()
    with pytest.raises(StoreUnavailableError):
        await store.insert(THINGS, "new", {"a": 1})
    with pytest.raises(StoreUnavailableError):
        await store.replace(THINGS, "k", {"a": 2}, expected_revision=1)
    server.resume()
    await answers_again(store)
    # Whether the two took effect is open; under the same key and revision each happens once.
    try:
        await store.insert(THINGS, "new", {"a": 1})
    except KeyTakenError as taken:
        assert taken.index == "key"
    try:
        await store.replace(THINGS, "k", {"a": 2}, expected_revision=1)
    except RevisionMismatchError as lost:
        assert lost.actual == 2
    document = await store.get(THINGS, "k")
    assert document is not None
    assert (document.body, document.revision) == ({"a": 2}, 2)
    assert await store.count(THINGS) == 2
    await store.close()


@pytest.mark.slow
async def test_who_finds_no_connection_free_is_told_so_and_nothing_queues_for_ever(server: WireServer) -> None:
    small = "?maxPoolSize=1&waitQueueTimeoutMS=100&socketTimeoutMS=20000"
    store = MongoDocuments.open(f"{server.address}/{small}", "pool")
    await answers_again(store)
    await store.declare(THINGS)
    server.pause()
    holding = asyncio.create_task(store.get(THINGS, "k"))
    await asyncio.sleep(0.2)
    with pytest.raises(StoreUnavailableError) as caught:
        await store.get(THINGS, "k")
    assert caught.value.metadata["cause"] == "WaitQueueTimeoutError"
    server.resume()
    assert await holding is None
    assert await store.get(THINGS, "k") is None, "the connection is free again"
    await store.close()


async def test_a_server_that_takes_connections_and_says_nothing_is_away(mongodb_here: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = MongoDocuments.open(f"mongodb://127.0.0.1:{silent.getsockname()[1]}/{PROMPT}", "silent")
        with pytest.raises(StoreUnavailableError) as caught:
            await store.ping()
        assert caught.value.metadata["cause"] == "ServerSelectionTimeoutError"
        await store.close()


@pytest.mark.slow
async def test_a_server_of_a_version_that_the_driver_does_not_speak_is_named(tmp_path: Path) -> None:
    old = WireServer(tmp_path, options="-Dwire=6")
    old.start()
    try:
        store = MongoDocuments.open(old.address, "old")
        with pytest.raises(StoreUnavailableError) as caught:
            await store.declare(THINGS)
        assert caught.value.metadata["cause"] == "ConfigurationError"
        await store.close()
    finally:
        old.kill()


async def test_replicas_that_declare_at_once_share_one_collection(
    shared_documents_adapter: DocumentsAdapter, tmp_path: Path
) -> None:
    replicas = [shared_documents_adapter.open(tmp_path) for _ in range(6)]
    await asyncio.gather(*(replica.declare(THINGS, Collection("more")) for replica in replicas))
    for number, replica in enumerate(replicas):
        await replica.insert(THINGS, f"k{number}", {"u": number, "v": 0})
    for replica in replicas:
        assert await replica.count(THINGS) == len(replicas)
        with pytest.raises(KeyTakenError) as caught:
            await replica.insert(THINGS, "other", {"u": 0, "v": 0})
        assert caught.value.index == "once"
    for replica in replicas:
        await replica.close()


async def test_what_a_replica_writes_into_a_dropped_collection_reaches_no_later_one_and_is_swept(
    shared_documents_adapter: DocumentsAdapter, tmp_path: Path
) -> None:
    one, other = shared_documents_adapter.open(tmp_path), shared_documents_adapter.open(tmp_path)
    await one.declare(THINGS)
    await other.declare(THINGS)
    await one.drop(THINGS)
    await other.insert(THINGS, "late", {"a": 1})
    with pytest.raises(DeclarationError):
        await other.find(THINGS, "by_a", {"a": 1})
    await one.declare(THINGS)
    assert await one.count(THINGS) == 0
    third = shared_documents_adapter.open(tmp_path)
    await third.declare(THINGS)
    assert await third.count(THINGS) == 0
    for each in (one, other, third):
        await each.close()


async def test_leftovers_of_dropped_collections_are_removed_at_the_next_start(
    store: MongoDocuments, database: Any, tmp_path: Path
) -> None:
    before = set(database.list_collection_names())
    database["documents.things.0123456789abcdef01234567"].insert_one({"_id": "late"})
    database["somebody elses"].insert_one({"_id": 1})
    again = open_mongo(tmp_path)
    await again.declare(THINGS)
    await again.close()
    assert set(database.list_collection_names()) == before | {"somebody elses"}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda real: real.drop_index("i0.by_a"), "lacks the index by_a"),
        (lambda real: real.drop_index("i1.once"), "lacks the index once"),
        (lambda real: real.create_index([("b", 1)], name="for reports"), "has a foreign index for reports; drop it"),
        (
            lambda real: (real.drop_index("i1.once"), real.create_index([("i1", 1)], name="i1.once")),
            "has another index under the name of once",
        ),
        (
            lambda real: (real.drop_index("i0.by_a"), real.create_index([("i0", -1)], name="i0.by_a")),
            "has another index under the name of by_a",
        ),
        (lambda real: real.drop(), "is gone from the database"),
    ],
)
async def test_indexes_that_are_not_the_declared_ones_are_a_clear_error_at_start(
    store: MongoDocuments, database: Any, tmp_path: Path, change: Any, what: str
) -> None:
    (real,) = [name for name in database.list_collection_names() if name.startswith("documents.things")]
    change(database[real])
    again = open_mongo(tmp_path)
    with pytest.raises(DeclarationError, match=f"collection things .*{what}"):
        await again.declare(THINGS)
    await again.close()


async def test_a_start_that_died_between_entry_and_indexes_is_finished_by_the_next(
    store: MongoDocuments, database: Any, tmp_path: Path
) -> None:
    (real,) = [name for name in database.list_collection_names() if name.startswith("documents.things")]
    database[real].drop_index("i1.once")
    database["catalog"].update_one({"_id": "things"}, {"$set": {"ready": False}})
    again = open_mongo(tmp_path)
    await again.declare(THINGS)
    assert "i1.once" in database[real].index_information()
    await again.close()


@pytest.mark.slow
async def test_a_batch_that_the_driver_sends_in_several_messages_keeps_its_order_and_names_the_place(
    store: MongoDocuments,
) -> None:
    padding = "x" * (BODY_LIMIT_BYTES - 1_000)
    items: list[tuple[str, dict[str, Any]]] = [(f"k{place}", {"u": place, "v": 0, "p": padding}) for place in range(8)]
    await store.insert(THINGS, "holder", {"u": 7, "v": 0})
    with pytest.raises(KeyTakenError) as caught:
        await store.insert_many(THINGS, items)
    assert (caught.value.position, caught.value.key, caught.value.index) == (7, "k7", "once")
    assert [document.key for document in (await store.scan(THINGS, limit=2)).documents] == ["holder", "k0"]
    assert await store.count(THINGS) == 8


async def test_what_bson_cannot_hold_or_would_change_comes_back_as_it_went_in(store: MongoDocuments) -> None:
    body = {
        "$set": {"a.b": 1, "": None},
        "nul\u0000name": "nul\u0000text",
        "large": 2**64 - 1,
        "one": 1,
        "one as float": 1.0,
        "minus zero": -0.0,
        "tiny": 5e-324,
        "_id": "mine",
        "r": 9,
        "i0": "not a place",
        "order": {"z": 1, "a": 2},
    }
    await store.insert(THINGS, "k", body)
    document = await store.get(THINGS, "k")
    assert document is not None
    assert document.body == body
    assert [type(document.body[name]) for name in ("one", "one as float")] == [int, float]
    assert str(document.body["minus zero"]) == "-0.0"
    assert list(document.body["order"]) == ["z", "a"]


class Commands(monitoring.CommandListener):
    """What the driver was heard to send."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.sent.append({"name": event.command_name, **event.command})

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Nothing."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Nothing."""


async def test_every_write_asks_for_a_journaled_majority_and_every_read_for_what_a_majority_holds(
    store: MongoDocuments, mongodb_here: str
) -> None:
    heard = Commands()
    listened = MongoDocuments(AsyncIOMotorClient(mongodb_here, event_listeners=[heard]), store.database_name)
    await listened.declare(THINGS, Collection("more", (Index("by_b", ("b",)),)))
    await listened.insert(THINGS, "k", {"a": 1})
    await listened.insert_many(THINGS, [("l", {"a": 2}), ("m", {"a": 3})])
    await listened.replace(THINGS, "k", {"a": 2}, expected_revision=1)
    await listened.get(THINGS, "k")
    await listened.get_many(THINGS, ["k", "l"])
    await listened.scan(THINGS)
    await listened.find(THINGS, "by_a", {"a": 2}, range_=None)
    await listened.find(THINGS, "once", {}, range_=Range(at_least=1), descending=True)
    await listened.count(THINGS)
    await listened.count(THINGS, "by_a", {"a": 2})
    await listened.delete(THINGS, "k")
    await listened.drop(Collection("more"))
    await listened.close()
    writes = [each for each in heard.sent if each["name"] in {"insert", "update", "delete", "findAndModify"}]
    reads = [each for each in heard.sent if each["name"] in {"find", "aggregate"}]
    assert len(writes) == 7
    assert len(reads) >= 8
    for each in writes:
        assert each["writeConcern"] == {"w": "majority", "j": True, "wtimeout": adapter.WRITE_TIMEOUT_MS}
    for each in reads:
        assert each["readConcern"]["level"] == "majority"
    for each in reads:  # by key, or in the bounds of the index that it names
        if each["name"] == "find" and each["find"].startswith("documents."):
            fields = set(each["filter"])
            assert fields == {"_id"} or (each["hint"].startswith(f"{fields.pop()}.") and each["sort"])


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("mongodb://db", "zhike_search"),
        ("mongodb://db/", "zhike_search"),
        ("mongodb://db/shop", "shop_search"),
        ("mongodb://u:p@a,b:1/shop?replicaSet=rs", "shop_search"),
        ("mongodb+srv://db.example/shop", "shop_search"),
        ("mongodb://db/sh%C3%B6p", "shöp_search"),
    ],
)
def test_each_service_has_a_database_of_its_own(address: str, name: str) -> None:
    assert database_name(address, "search") == name
