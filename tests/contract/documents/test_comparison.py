"""Random programs of operations answer alike on the memory adapter and on every other one."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from services.chassis.documents.memory import MemoryDocuments
from services.chassis.documents.port import (
    Collection,
    Document,
    DocumentStore,
    Index,
    KeyTakenError,
    Range,
    RevisionMismatchError,
)
from services.chassis.errors import ZhikeError
from tests.contract.conftest import DocumentsAdapter

THINGS = Collection(
    "things",
    (Index("plain", ("a", "b.c")), Index("once", ("u",), unique=True), Index("pair", ("a", "u"), unique=True)),
)

KEYS = st.sampled_from(["", "a", "b", "客", "🙂", "é", "a\u0000", "k" * 512, "k" * 513])
VALUES = st.sampled_from([None, True, -1, 0, 1, 2, 2**63 - 1, 2**63, "", "a", "b", "客", "🙂", 1.5, ["a"]])
BODIES = st.fixed_dictionaries(
    {}, optional={"a": VALUES, "u": VALUES, "b": st.fixed_dictionaries({}, optional={"c": VALUES}) | VALUES}
)
BOUNDS = st.none() | VALUES


async def outcome(call: Awaitable[Any]) -> Any:
    """Return what a call answers or which error it raises, with all that a caller may read from it."""
    try:
        return await call
    except KeyTakenError as error:
        return (error.reason, error.key, error.index, error.position)
    except RevisionMismatchError as error:
        return (error.reason, error.key, error.expected, error.actual)
    except ZhikeError as error:
        return (error.reason, error.message)


class Comparison(RuleBasedStateMachine):
    """Drives two stores; ``open_other`` and ``durable`` are set by the test."""

    open_other: Callable[[Path], DocumentStore]
    durable: bool

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.model = MemoryDocuments()
        self.other = self._open()
        self.cursors: list[str | None] = [None]
        self.both(lambda store: store.declare(THINGS))

    def _open(self) -> DocumentStore:
        async def opened() -> DocumentStore:
            return type(self).open_other(Path(self.folder.name))

        return self.runner.run(opened())

    def both(self, call: Callable[[DocumentStore], Awaitable[Any]]) -> Any:
        async def compared() -> Any:
            expected, actual = await outcome(call(self.model)), await outcome(call(self.other))
            assert actual == expected
            return expected

        return self.runner.run(compared())

    @rule(key=KEYS, body=BODIES)
    def insert(self, key: str, body: dict[str, Any]) -> None:
        self.both(lambda store: store.insert(THINGS, key, body))

    @rule(items=st.lists(st.tuples(KEYS, BODIES), max_size=6))
    def insert_many(self, items: list[tuple[str, dict[str, Any]]]) -> None:
        self.both(lambda store: store.insert_many(THINGS, items))

    @rule(key=KEYS, body=BODIES, revision=st.integers(0, 4))
    def replace(self, key: str, body: dict[str, Any], revision: int) -> None:
        self.both(lambda store: store.replace(THINGS, key, body, expected_revision=revision))

    @rule(key=KEYS, body=BODIES)
    def replace_what_is_there(self, key: str, body: dict[str, Any]) -> None:
        document = self.both(lambda store: store.get(THINGS, key))
        if isinstance(document, Document):
            self.replace(key, body, document.revision)

    @rule(key=KEYS, revision=st.none() | st.integers(0, 3))
    def delete(self, key: str, revision: int | None) -> None:
        self.both(lambda store: store.delete(THINGS, key, expected_revision=revision))

    @rule(
        index=st.sampled_from(THINGS.indexes),
        equal_count=st.integers(0, 2),
        values=st.tuples(VALUES, VALUES),
        bounds=st.tuples(BOUNDS, BOUNDS),
        limit=st.integers(1, 4) | st.just(1_000),
        descending=st.booleans(),
        cursor=st.integers(0, 5),
    )
    def find(
        self,
        index: Index,
        equal_count: int,
        values: tuple[Any, ...],
        bounds: tuple[Any, Any],
        limit: int,
        descending: bool,
        cursor: int,
    ) -> None:
        equals = dict(zip(index.fields[:equal_count], values, strict=False))
        page = self.both(
            lambda store: store.find(
                THINGS,
                index.name,
                equals,
                range_=Range(*bounds),
                limit=limit,
                descending=descending,
                after=self.cursors[cursor % len(self.cursors)],
            )
        )
        if not isinstance(page, tuple) and page.next_after is not None:
            self.cursors.append(page.next_after)
        self.both(lambda store: store.count(THINGS, index.name, equals))

    @rule(after=st.none() | KEYS, limit=st.integers(1, 4))
    def scan(self, after: str | None, limit: int) -> None:
        self.both(lambda store: store.scan(THINGS, after=after, limit=limit))

    @rule(keys=st.lists(KEYS.filter(lambda key: 0 < len(key) < 513), max_size=150))
    def get_many(self, keys: list[str]) -> None:
        self.both(lambda store: store.get_many(THINGS, keys))

    @rule()
    def drop(self) -> None:
        self.both(lambda store: store.drop(THINGS))
        self.both(lambda store: store.count(THINGS))
        self.both(lambda store: store.declare(THINGS))

    @precondition(lambda self: self.durable)
    @rule()
    def open_again(self) -> None:
        self.runner.run(self.other.close())
        self.other = self._open()
        self.runner.run(self.other.declare(THINGS))

    def teardown(self) -> None:
        self.both(lambda store: store.scan(THINGS, limit=1_000))
        for index in THINGS.indexes:
            self.both(lambda store, name=index.name: store.find(THINGS, name, {}, limit=1_000))
        self.runner.run(self.other.close())
        self.runner.close()
        self.folder.cleanup()


@pytest.mark.timeout(300)
def test_random_programs_answer_alike(durable_documents_adapter: DocumentsAdapter) -> None:
    machine = type(
        f"Comparison_{durable_documents_adapter.name}",
        (Comparison,),
        {"open_other": staticmethod(durable_documents_adapter.open), "durable": durable_documents_adapter.durable},
    )
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=120, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
