"""Logs over whatever document store the run is parameterised with."""

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from services.chassis.clock import SystemClock
from services.chassis.documents.port import DocumentStore
from services.chassis.eventlog.documents_log import DocumentsLog
from tests.fakes.projections import SUBJECTS


@pytest.fixture(params=[1, 8], ids=["1-partition", "8-partitions"])
def partitions(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def make_log(documents: DocumentStore, partitions: int) -> Callable[..., Any]:
    """Return opened logs; several over one store are several replicas."""

    async def make(store: DocumentStore = documents, *, name: str = "user-events", seed: int = 1) -> DocumentsLog:
        log = DocumentsLog(store, name, partitions, SystemClock(), Random(seed))
        await log.open()
        return log

    return make


@pytest.fixture
async def log(make_log: Callable[..., Any]) -> DocumentsLog:
    return await make_log()


@pytest.fixture
async def subjects(documents: DocumentStore) -> DocumentStore:
    """The store with the tally projection's collection."""
    await documents.declare(SUBJECTS)
    return documents
