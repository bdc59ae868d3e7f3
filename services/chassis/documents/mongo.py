"""Documents in MongoDB: the distributed adapter, one database for each service, any number of replicas on it.

The only file that imports Motor (ADR 0009). A document is {_id: key, r: revision, b: body as JSON, i0, i1, ...: its
place in each declared index (mongo_places)}: the body is text, so it comes back as it went in, whatever BSON holds.
Writes are acknowledged by a majority and from the journal; reads come from the primary and see only what a majority
holds. The driver retries a write once under a transaction number where the server is a replica set; what fails beyond
that is StoreUnavailableError and may or may not have taken effect, which is what callers' ids and revisions are for.
"""

import asyncio
import warnings
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorGridFSBucket
from pymongo import ASCENDING, DESCENDING, ReadPreference, WriteConcern
from pymongo.errors import ConfigurationError, PyMongoError
from pymongo.read_concern import ReadConcern

from services.chassis.documents import mongo_catalog
from services.chassis.documents.mongo_catalog import index_field, index_name
from services.chassis.documents.mongo_errors import closed, duplicate, is_closed, is_missing_index, unavailable
from services.chassis.documents.mongo_places import Bounds, bounds_of, equal_bounds, is_beyond, place_of
from services.chassis.documents.port import (
    Body,
    Collection,
    Document,
    DocumentFormError,
    KeyTakenError,
    Page,
    Range,
    RevisionMismatchError,
    Scalar,
)
from services.chassis.documents.query import (
    INTEGER_HIGHEST,
    check_batch,
    check_collection,
    check_declared,
    check_key,
    check_page_limit,
    check_text,
    encode_body,
    plan_equals,
    plan_find,
    undeclared,
    write_cursor,
)
from services.chassis.logs import get_log

# Defaults of the client; the same options in the address win over them.
CLIENT_OPTIONS = {
    # A call's own deadline is seconds: better a clear error now than an answer that nobody awaits. A new primary is
    # elected within about 12 s; until then callers see StoreUnavailableError and come again.
    "serverSelectionTimeoutMS": 3_000,
    "connectTimeoutMS": 2_000,
    # Longer than the longest honest answer (a majority that lags, see WRITE_TIMEOUT_MS; a count of millions).
    "socketTimeoutMS": 20_000,
    # How soon a server that came back is seen by whoever is not already waiting for it.
    "heartbeatFrequencyMS": 2_000,
    # Motor runs an operation in one of (5 x cores) threads, so more connections would stand idle on small machines.
    "maxPoolSize": 64,
    "waitQueueTimeoutMS": 3_000,
}
WRITE_TIMEOUT_MS = 10_000  # how long a majority may take to acknowledge; after it the outcome is unknown
DATABASE_LIMIT_BYTES = 63  # of a database's name
DEFAULT_DATABASE = "zhike"

log = get_log("documents")


@dataclass(frozen=True, slots=True)
class _Table:
    """A declared collection and the real one."""

    collection: Collection
    real: Any

    def stored(self, key: str, body: Body, encoded: bytes, *, revision: int) -> dict[str, Any]:
        """Return a document as it is stored; an index that leaves it out has no field."""
        document: dict[str, Any] = {"_id": key, "r": revision, "b": encoded.decode()}
        for place, index in enumerate(self.collection.indexes):
            value = place_of(index, key, body)
            if value is not None:
                document[index_field(place)] = value
        return document

    def index(self, name: str) -> tuple[str, str]:
        """Return the field of an index and its real name."""
        place = next(place for place, index in enumerate(self.collection.indexes) if index.name == name)
        return index_field(place), index_name(self.collection, place)


class MongoDocuments:
    """Keeps the DocumentStore port. For one event loop; several stores on one database are several replicas."""

    def __init__(self, client: Any, database_name: str) -> None:
        self.database_name = database_name
        self._client = client
        self._database = client.get_database(
            database_name,
            write_concern=WriteConcern(w="majority", j=True, wtimeout=WRITE_TIMEOUT_MS),
            read_concern=ReadConcern("majority"),
            read_preference=ReadPreference.PRIMARY,
        )
        self._tables: dict[str, _Table] = {}
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._swept = False
        self._closed = False

    @classmethod
    def open(cls, address: str, service: str) -> Self:
        """Return a store on the service's database; it connects with the first operation.

        Raises DocumentFormError for an address that names no server or no possible database.
        """
        try:
            name = database_name(address, service)
            given = {option.lower() for option, _ in parse_qsl(urlsplit(address).query)}
            options: dict[str, Any] = {
                option: value for option, value in CLIENT_OPTIONS.items() if option.lower() not in given
            }
            with warnings.catch_warnings():
                # The driver only warns of an option that it cannot read, and goes on without (say) tls.
                warnings.simplefilter("error", UserWarning)
                client: Any = AsyncIOMotorClient(address, appname=f"zhike-{service}", retryWrites=True, **options)
        except (ConfigurationError, ValueError, UserWarning) as error:  # the text of the error may hold the password
            raise DocumentFormError(f"not the address of a MongoDB: {type(error).__name__}") from None
        return cls(client, name)

    async def declare(self, *collections: Collection) -> None:
        for collection in collections:
            check_collection(collection)
        async with self._operation():
            for collection in collections:
                entry = await mongo_catalog.declare(self._database, collection)
                self._tables[collection.name] = _Table(collection, self._database[entry.real_name])
            if not self._swept:
                self._swept = True
                leftovers = await mongo_catalog.sweep(self._database)
                if leftovers:
                    log.info("leftovers of dropped collections removed", count=len(leftovers))

    async def get(self, collection: Collection, key: str) -> Document | None:
        table = self._table(collection)
        check_key(key)
        async with self._operation():
            found = await table.real.find_one({"_id": key}, {"r": 1, "b": 1})
        return None if found is None else _document(found)

    async def get_many(self, collection: Collection, keys: Sequence[str]) -> dict[str, Document]:
        table = self._table(collection)
        check_batch(keys)
        for key in keys:
            check_key(key)
        if not keys:
            return {}
        async with self._operation():
            asked = {"_id": {"$in": list(dict.fromkeys(keys))}}
            found = await table.real.find(asked, {"r": 1, "b": 1}, batch_size=len(keys) + 1).to_list(None)
        by_key = {document["_id"]: _document(document) for document in found}
        return {key: by_key[key] for key in keys if key in by_key}

    async def insert(self, collection: Collection, key: str, body: Body) -> Document:
        table = self._table(collection)
        check_key(key)
        encoded = encode_body(body)
        await self._write(table, [table.stored(key, body, encoded, revision=1)])
        return Document(key, orjson.loads(encoded), 1)

    async def insert_many(self, collection: Collection, items: Sequence[tuple[str, Body]]) -> None:
        table = self._table(collection)
        check_batch(items)
        documents = []
        for key, body in items:
            check_key(key)
            documents.append(table.stored(key, body, encode_body(body), revision=1))
        if documents:
            await self._write(table, documents)

    async def replace(self, collection: Collection, key: str, body: Body, *, expected_revision: int) -> Document:
        table = self._table(collection)
        check_key(key)
        encoded = encode_body(body)
        document = table.stored(key, body, encoded, revision=expected_revision + 1)
        async with self._operation():
            try:
                replaced = (
                    0 < expected_revision < INTEGER_HIGHEST
                    and (await table.real.replace_one({"_id": key, "r": expected_revision}, document)).matched_count
                )
            except PyMongoError as error:
                taken = duplicate(error)
                if taken is None:
                    raise
                raise await self._taken(table, document, taken, position=0) from error
            if not replaced:
                raise await self._mismatch(table, key, expected_revision)
        return Document(key, orjson.loads(encoded), expected_revision + 1)

    async def delete(self, collection: Collection, key: str, *, expected_revision: int | None = None) -> bool:
        table = self._table(collection)
        check_key(key)
        async with self._operation():
            if expected_revision is None:
                return bool((await table.real.delete_one({"_id": key})).deleted_count)
            possible = 0 < expected_revision <= INTEGER_HIGHEST
            if possible and (await table.real.delete_one({"_id": key, "r": expected_revision})).deleted_count:
                return True
            raise await self._mismatch(table, key, expected_revision)

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
        table = self._table(collection)
        find = plan_find(collection, index, equals, range_=range_, after=after, limit=limit, descending=descending)
        field, name = table.index(index)
        bounds = bounds_of(find)
        if not bounds.low <= bounds.high:
            return Page((), None)
        direction = DESCENDING if descending else ASCENDING
        count = limit + 1 + (after is not None)  # one tells whether a page follows, one may stand on the position
        async with self._operation(collection):
            found = await table.real.find(
                {field: _between(bounds)},
                {"r": 1, "b": 1, field: 1},
                sort=[(field, direction)],
                hint=name,
                limit=count,
                batch_size=count + 1,
            ).to_list(None)
        documents = [_document(each) for each in found if is_beyond(find, each[field], each["_id"])]
        if len(documents) <= limit:
            return Page(tuple(documents), None)
        last = documents[limit - 1]
        return Page(tuple(documents[:limit]), write_cursor(find, last.key, last.body))

    async def scan(self, collection: Collection, *, after: str | None = None, limit: int = 100) -> Page:
        table = self._table(collection)
        check_page_limit(limit)
        check_text(after or "")
        async with self._operation():
            found = await table.real.find(
                {"_id": {"$gt": after or ""}},
                {"r": 1, "b": 1},
                sort=[("_id", ASCENDING)],
                limit=limit + 1,
                batch_size=limit + 2,
            ).to_list(None)
        documents = [_document(each) for each in found]
        return Page(tuple(documents[:limit]), documents[limit - 1].key if len(documents) > limit else None)

    async def count(
        self, collection: Collection, index: str | None = None, equals: Mapping[str, Scalar] | None = None
    ) -> int:
        table = self._table(collection)
        if index is None and not equals:
            field, name, bounds = "_id", "_id_", None
        else:
            planned, values = plan_equals(collection, index, equals or {})
            field, name = table.index(planned.name)
            bounds = equal_bounds(values)
        query = {field: {"$gt": ""} if bounds is None else _between(bounds)}
        async with self._operation(collection):
            return int(await table.real.count_documents(query, hint=name))

    async def drop(self, collection: Collection) -> None:
        self._check_open()
        table = self._tables.pop(collection.name, None)  # what is asked from now on meets a dropped collection
        try:
            async with self._operation():
                await mongo_catalog.drop(self._database, collection.name)
        except BaseException:
            if table is not None:
                self._tables.setdefault(collection.name, table)
            raise

    async def collections(self) -> tuple[Collection, ...]:
        async with self._operation():
            return await mongo_catalog.standing(self._database)

    async def leave_no_trace(self) -> None:
        """Nothing that this process could empty: the journal and the oplog turn over by themselves (ADR 0009)."""
        await self.ping()

    async def ping(self) -> None:
        async with self._operation():
            await self._database.command("ping")

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._idle.wait()
        self._client.close()

    def blob_bucket(self, name: str) -> tuple[Any, Any, Any]:
        """Return a GridFS bucket in this database with its collections of files and chunks (artifacts.gridfs)."""
        bucket: Any = AsyncIOMotorGridFSBucket(self._database, bucket_name=name)
        return bucket, self._database[f"{name}.files"], self._database[f"{name}.chunks"]

    def _table(self, collection: Collection) -> _Table:
        self._check_open()
        table = self._tables.get(collection.name)
        if table is None:
            raise undeclared(collection)
        check_declared(collection, table.collection)
        return table

    def _check_open(self) -> None:
        if self._closed:
            raise closed()

    @asynccontextmanager
    async def _operation(self, collection: Collection | None = None) -> AsyncIterator[None]:
        """Translate the driver's errors, say once when they begin and end, and let close() wait for what runs."""
        self._check_open()
        self._in_flight += 1
        self._idle.clear()
        try:
            yield
        except PyMongoError as error:
            if collection is not None and is_missing_index(error):
                raise undeclared(collection) from error
            if is_closed(error):
                raise closed() from error
            raise unavailable(error) from error
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    async def _write(self, table: _Table, documents: Sequence[dict[str, Any]]) -> None:
        async with self._operation():
            try:
                if len(documents) == 1:
                    await table.real.insert_one(documents[0])
                else:
                    await table.real.insert_many(documents, ordered=True)
            except PyMongoError as error:
                taken = duplicate(error)
                if taken is None:
                    raise
                position = int(taken.get("index", 0))
                raise await self._taken(table, documents[position], taken, position=position) from error

    async def _taken(
        self, table: _Table, document: Mapping[str, Any], told: Mapping[str, Any], *, position: int
    ) -> KeyTakenError:
        """Return which value was taken. A server names one of several: the key first, then whichever it met first."""
        fields = list(told.get("keyPattern", {"_id": 1}))
        name = "key"
        if fields != ["_id"]:
            for place, index in enumerate(table.collection.indexes):
                name, field = index.name, index_field(place)
                if fields == [field]:
                    break
                if index.unique and field in document:
                    holders = {field: document[field], "_id": {"$ne": document["_id"]}}
                    if await table.real.find_one(holders, {"_id": 1}) is not None:
                        break
        return KeyTakenError(table.collection.name, key=document["_id"], index=name, position=position)

    async def _mismatch(self, table: _Table, key: str, expected: int) -> RevisionMismatchError:
        found = await table.real.find_one({"_id": key}, {"r": 1})
        actual = None if found is None else int(found["r"])
        return RevisionMismatchError(table.collection.name, key=key, expected=expected, actual=actual)


def database_name(address: str, service: str) -> str:
    """Return the database of a service: the one that the address names (zhike without one), "_" and the service.

    Raises ValueError for a name that MongoDB does not allow.
    """
    base = unquote(urlsplit(address).path.lstrip("/")) or DEFAULT_DATABASE
    name = f"{base}_{service}"
    if set(name) & set('/\\. "$*<>:|?\0') or len(name.encode()) > DATABASE_LIMIT_BYTES:
        raise ValueError("no name of a database")
    return name


def _between(bounds: Bounds) -> dict[str, str]:
    return {"$gte": bounds.low, "$lte" if bounds.closed else "$lt": bounds.high}


def _document(stored: Mapping[str, Any]) -> Document:
    return Document(stored["_id"], orjson.loads(stored["b"]), int(stored["r"]))
