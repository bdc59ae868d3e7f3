"""The adapters of the documents port. A new adapter adds one entry here and every suite runs on it."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import DocumentStore
from services.chassis.documents.sqlite import SqliteDocuments


@dataclass(frozen=True)
class DocumentsAdapter:
    """How a test opens a store. ``durable``: what was acknowledged is there after closing and opening again."""

    name: str
    open: Callable[[Path], DocumentStore]
    durable: bool


DOCUMENTS_ADAPTERS = (
    DocumentsAdapter("memory", lambda folder: MemoryDocuments(), durable=False),
    DocumentsAdapter("sqlite", lambda folder: SqliteDocuments.open(folder / "documents.sqlite"), durable=True),
)


@pytest.fixture(params=DOCUMENTS_ADAPTERS, ids=lambda adapter: adapter.name)
def documents_adapter(request: pytest.FixtureRequest) -> DocumentsAdapter:
    return request.param


@pytest.fixture(params=[each for each in DOCUMENTS_ADAPTERS if each.durable], ids=lambda adapter: adapter.name)
def durable_documents_adapter(request: pytest.FixtureRequest) -> DocumentsAdapter:
    return request.param


@pytest.fixture
async def documents(documents_adapter: DocumentsAdapter, tmp_path: Path) -> AsyncIterator[DocumentStore]:
    store = documents_adapter.open(tmp_path)
    yield store
    await store.close()
