"""A writer that never finds a free number stops asking."""

from random import Random

import pytest

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import KeyTakenError
from services.chassis.errors import ErrorKind
from services.chassis.eventlog import partition_writer
from services.chassis.eventlog.errors import LogContendedError
from services.chassis.eventlog.partition_writer import ATTEMPT_LIMIT, Entry, PartitionWriter
from services.chassis.eventlog.record import EVENTS, LOGS, PLACE


class Taken(MemoryDocuments):
    """Every number is taken by another replica just before."""

    attempts = 0

    async def insert_many(self, collection, items):
        self.attempts += 1
        raise KeyTakenError(collection.name, key=items[0][0], index=PLACE)


class Quick(Random):
    """Waits of no length."""

    def uniform(self, a, b):
        return 0.0


async def test_a_writer_that_is_always_beaten_gives_up_with_an_error_that_may_be_retried():
    documents = Taken()
    await documents.declare(EVENTS, LOGS)
    writer = PartitionWriter(documents, "log", 0, rng=Quick(), on_stored=lambda: None)
    with pytest.raises(LogContendedError) as caught:
        await writer.submit([Entry("k", "f", {})])
    assert caught.value.kind is ErrorKind.UNAVAILABLE
    assert documents.attempts == ATTEMPT_LIMIT == partition_writer.ATTEMPT_LIMIT
