"""The adapters of the documents port. A new adapter adds one entry here and every suite runs on it."""

import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pymongo
import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.mongo import MongoDocuments, database_name
from services.chassis.documents.port import DocumentStore
from services.chassis.documents.sqlite import SqliteDocuments
from tests.conftest import missing

MONGODB_VARIABLE = "ZHIKE_TEST_MONGODB"

_opened_databases: set[str] = set()


@dataclass(frozen=True)
class DocumentsAdapter:
    """How a test opens a store. ``durable``: what was acknowledged is there after closing and opening again.

    ``shared``: several may be open on one folder, as replicas are.
    """

    name: str
    open: Callable[[Path], DocumentStore]
    durable: bool
    shared: bool = False


def mongodb_address() -> str:
    """Return the address of the server that the tests may use, or skip the test."""
    address = os.environ.get(MONGODB_VARIABLE, "")
    if not address:
        missing(f"a MongoDB (or a server of its protocol) that {MONGODB_VARIABLE} names")
    return address


def open_mongo(folder: Path) -> MongoDocuments:
    """Open a store on the database that belongs to the folder; it is dropped after the test."""
    address = mongodb_address()
    service = "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:24]
    _opened_databases.add(database_name(address, service))
    return MongoDocuments.open(address, service)


DOCUMENTS_ADAPTERS = (
    DocumentsAdapter("memory", lambda folder: MemoryDocuments(), durable=False),
    DocumentsAdapter("sqlite", lambda folder: SqliteDocuments.open(folder / "documents.sqlite"), durable=True),
    DocumentsAdapter("mongodb", open_mongo, durable=True, shared=True),
)


def _parameter(adapter: DocumentsAdapter) -> object:
    return pytest.param(adapter, marks=[pytest.mark.real] if adapter.shared else [], id=adapter.name)


def _present(adapter: DocumentsAdapter) -> DocumentsAdapter:
    """Skip here, in a fixture without an event loop, where the adapter's server is missing."""
    if adapter.shared:
        mongodb_address()
    return adapter


@pytest.fixture
def mongodb_here() -> str:
    """Skip a test that needs the server itself where it is missing."""
    return mongodb_address()


@pytest.fixture
def mongodb_deployment(mongodb_here: str) -> Iterator[str]:
    """Return the address of a deployment that no other test has; the databases of its services are dropped after it."""
    base = f"t{uuid4().hex[:16]}"
    yield f"{mongodb_here.rstrip('/')}/{base}"
    with pymongo.MongoClient(mongodb_here, serverSelectionTimeoutMS=10_000) as client:
        for name in client.list_database_names():
            if name.startswith(base):
                client.drop_database(name)


@pytest.fixture(params=[_parameter(each) for each in DOCUMENTS_ADAPTERS])
def documents_adapter(request: pytest.FixtureRequest) -> DocumentsAdapter:
    return _present(request.param)


@pytest.fixture(params=[_parameter(each) for each in DOCUMENTS_ADAPTERS if each.durable])
def durable_documents_adapter(request: pytest.FixtureRequest) -> DocumentsAdapter:
    return _present(request.param)


@pytest.fixture(params=[_parameter(each) for each in DOCUMENTS_ADAPTERS if each.shared])
def shared_documents_adapter(request: pytest.FixtureRequest) -> DocumentsAdapter:
    return _present(request.param)


@pytest.fixture
async def documents(documents_adapter: DocumentsAdapter, tmp_path: Path) -> AsyncIterator[DocumentStore]:
    store = documents_adapter.open(tmp_path)
    yield store
    await store.close()


@pytest.fixture(autouse=True)
def _leave_no_databases() -> Iterator[None]:
    """Drop what the test created on a server that may be somebody's own."""
    yield
    if _opened_databases:
        with pymongo.MongoClient(mongodb_address(), serverSelectionTimeoutMS=10_000) as client:
            while _opened_databases:
                client.drop_database(_opened_databases.pop())
