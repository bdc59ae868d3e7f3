"""Which collections stand in a MongoDB database, under which names, and that their indexes are the declared ones.

The catalog is a collection of its own: name -> {collection, declaration, ready}. A declared collection gets a real one
under a name that is never used again, so what a replica still writes into a dropped collection (MongoDB creates it
anew) reaches no later one; ``sweep`` removes such leftovers. Replicas may declare at the same time: the catalog's key
is the arbiter, and whoever finds an entry that is not ready finishes it.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson
from bson import ObjectId
from pymongo import ASCENDING, IndexModel
from pymongo.errors import CollectionInvalid, DuplicateKeyError, OperationFailure

from services.chassis.documents.port import Collection, DeclarationError, Index, StoreUnavailableError
from services.chassis.documents.query import check_declared

CATALOG = "catalog"
PREFIX = "documents."
NAME_LIMIT = 120  # characters of a spelt name; a namespace of MongoDB holds 255 bytes in all
DECLARE_TRIES = 40
DECLARE_WAIT_S = 0.05  # an entry that another replica is writing is visible once a majority holds it
NAMESPACE_EXISTS = 48


@dataclass(frozen=True, slots=True)
class Entry:
    """A collection's entry in the catalog."""

    collection: Collection
    real_name: str
    ready: bool


def index_field(place: int) -> str:
    """Return the field that holds a document's place in the index declared at ``place``."""
    return f"i{place}"


def index_name(collection: Collection, place: int) -> str:
    """Return the real index's name."""
    return f"i{place}.{_spelt(collection.indexes[place].name)}"


async def declare(database: Any, collection: Collection) -> Entry:
    """Create the collection with its indexes or check that it stands as declared; raises DeclarationError."""
    entry = await _entry(database, collection)
    check_declared(collection, entry.collection)
    if entry.ready:
        await _check_indexes(database, entry)
    elif not await _create(database, entry):  # another replica dropped it meanwhile
        return await declare(database, collection)
    return entry


async def drop(database: Any, name: str) -> None:
    """Remove a collection, its entry first: whoever declares it again gets another real one."""
    removed = await database[CATALOG].find_one_and_delete({"_id": name})
    if removed is not None:
        await database[removed["collection"]].drop()


async def standing(database: Any) -> tuple[Collection, ...]:
    """Return every collection that was declared to its end, in name order."""
    entries = [entry async for entry in database[CATALOG].find({"ready": True})]
    return tuple(sorted((_collection_of(entry) for entry in entries), key=lambda each: each.name))


async def sweep(database: Any) -> list[str]:
    """Drop real collections that no entry names, and return them.

    An entry is written before its collection is created and names are never used again, so a collection that was
    there before the catalog was read, and is not in it, is one that was dropped.
    """
    standing = await database.list_collection_names(filter={"name": {"$regex": "^documents[.]"}})
    named = {entry["collection"] async for entry in database[CATALOG].find({}, {"collection": 1})}
    leftovers = [name for name in standing if name.startswith(PREFIX) and name not in named]
    for name in leftovers:
        await database[name].drop()
    return leftovers


async def _entry(database: Any, collection: Collection) -> Entry:
    for _ in range(DECLARE_TRIES):
        found = await database[CATALOG].find_one({"_id": collection.name})
        if found is not None:
            return Entry(_collection_of(found), found["collection"], found["ready"])
        written = {
            "_id": collection.name,
            "collection": f"{PREFIX}{_spelt(collection.name)}.{ObjectId()}",
            "declaration": _declaration_of(collection),
            "ready": False,
        }
        try:
            await database[CATALOG].insert_one(written)
        except DuplicateKeyError:  # another replica was first
            await asyncio.sleep(DECLARE_WAIT_S)
            continue
        return Entry(collection, str(written["collection"]), ready=False)
    raise StoreUnavailableError(f"the entry of collection {collection.name} stays invisible", cause="catalog")


async def _create(database: Any, entry: Entry) -> bool:
    try:
        await database.create_collection(entry.real_name, check_exists=False)
    except CollectionInvalid:
        pass
    except OperationFailure as error:
        if error.code != NAMESPACE_EXISTS:
            raise
    if entry.collection.indexes:
        await database[entry.real_name].create_indexes(
            [
                # Sparse: a document that lacks a unique field has no place and stays out.
                IndexModel(
                    [(index_field(place), ASCENDING)],
                    name=index_name(entry.collection, place),
                    unique=index.unique,
                    sparse=index.unique,
                )
                for place, index in enumerate(entry.collection.indexes)
            ]
        )
    finished = await database[CATALOG].update_one(
        {"_id": entry.collection.name, "collection": entry.real_name}, {"$set": {"ready": True}}
    )
    return bool(finished.matched_count)


async def _check_indexes(database: Any, entry: Entry) -> None:
    """Raise DeclarationError that names the first index that is missing, different or not ours."""
    found = await database[entry.real_name].index_information()
    if not found:
        raise _broken(entry, "is gone from the database")
    found.pop("_id_", None)
    for place, index in enumerate(entry.collection.indexes):
        name = index_name(entry.collection, place)
        if name not in found:
            raise _broken(entry, f"lacks the index {index.name} ({name})")
        if _form(found.pop(name)) != _declared_form(place, index):
            raise _broken(entry, f"has another index under the name of {index.name} ({name})")
    for name in found:
        raise _broken(entry, f"has a foreign index {name}; drop it")


def _broken(entry: Entry, what: str) -> DeclarationError:
    return DeclarationError(
        f"collection {entry.collection.name} ({entry.real_name}) {what}", collection=entry.collection.name
    )


def _declared_form(place: int, index: Index) -> tuple[Any, ...]:
    return ((index_field(place), ASCENDING),), index.unique, index.unique, False, ()


def _form(found: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what makes an index answer as it does: key, unique, sparse, and options that none of ours has."""
    strange = [name for name in ("partialFilterExpression", "expireAfterSeconds", "collation") if name in found]
    key = tuple((field, int(direction)) for field, direction in found["key"])
    hidden = bool(found.get("hidden", False))
    return key, bool(found.get("unique", False)), bool(found.get("sparse", False)), hidden, tuple(strange)


def _spelt(name: str) -> str:
    """Return a name with only letters, digits, "_", "~" and "-" left as they are: MongoDB gives . and $ a meaning."""
    spelt = quote(name, safe="~").replace(".", "%2E")
    return spelt if len(spelt) <= NAME_LIMIT else "%" + hashlib.sha256(name.encode()).hexdigest()


def _declaration_of(collection: Collection) -> str:
    return orjson.dumps([[index.name, list(index.fields), index.unique] for index in collection.indexes]).decode()


def _collection_of(entry: Mapping[str, Any]) -> Collection:
    indexes: list[Any] = orjson.loads(entry["declaration"])
    return Collection(entry["_id"], tuple([Index(name, tuple(fields), unique) for name, fields, unique in indexes]))
