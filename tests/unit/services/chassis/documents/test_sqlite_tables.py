"""Every find is one seek in its index: no sort, no scan past what it returns, on the first page and on the next."""

import itertools
import sqlite3

import pytest

from services.chassis.documents.port import Collection, Index, Range
from services.chassis.documents.query import plan_find
from services.chassis.documents.sqlite_tables import Query, Table, collection_of, declaration_of

SALES = Collection(
    "sales", (Index("plain", ("shop", "day", "p.total")), Index("once", ("shop", "number"), unique=True))
)
DOCUMENTS = 3_000
LIMIT = 10


@pytest.fixture(scope="module")
def table() -> Table:
    return Table(SALES, 7)


@pytest.fixture(scope="module")
def connection(table: Table):
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in table.schema:
        connection.execute(statement)
    rows = [
        table.row(f"k{n:05}", {"shop": f"s{n % 2}", "day": n // 100, "p": {"total": n % 7 or None}, "number": n})
        for n in range(DOCUMENTS)
    ]
    connection.executemany(table.insert_sql, [row.bindings for row in rows])
    yield connection
    connection.close()


def plan_of(connection: sqlite3.Connection, query: Query) -> list[str]:
    return [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + query.sql, query.parameters)]


def steps_of(connection: sqlite3.Connection, query: Query) -> int:
    """Return how many of SQLite's instructions the statement takes, in tens."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.set_progress_handler(count, 10)
    connection.execute(query.sql, query.parameters).fetchall()
    connection.set_progress_handler(None, 0)
    return steps


EQUALS = [{}, {"shop": "s1"}, {"shop": "s1", "day": 5}, {"shop": "s1", "day": 5, "p.total": None}]
RANGES = [None, Range(at_least=3), Range(below=20), Range(at_least=3, below=20), Range(at_least="s1")]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("cursor", [False, True])
def test_every_shape_of_find_is_served_by_its_index_alone(
    connection: sqlite3.Connection, table: Table, cursor: bool, descending: bool
) -> None:
    for equals, range_ in itertools.product(EQUALS, RANGES):
        rest = 3 - len(equals)
        if range_ is not None and not rest:
            continue
        after = f'[{"10," * rest}"k01000"]' if cursor else None
        find = plan_find(SALES, "plain", equals, range_=range_, after=after, limit=LIMIT, descending=descending)
        query = table.find(find)
        (step,) = plan_of(connection, query)
        assert "USING INDEX c7i0" in step
        assert step.startswith("SEARCH" if equals or range_ or cursor else "SCAN")
        # A statement, a seek, and a constant a document: nowhere near one pass over the 3,000.
        assert steps_of(connection, query) < 60, (equals, range_, query.sql)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("after", [None, '[700,"k00700"]'])
def test_a_unique_index_serves_its_finds_alone_too(
    connection: sqlite3.Connection, table: Table, after: str | None, descending: bool
) -> None:
    for range_ in (None, Range(at_least=500), Range(at_least=500, below=900)):
        find = plan_find(SALES, "once", {"shop": "s1"}, range_=range_, after=after, limit=LIMIT, descending=descending)
        query = table.find(find)
        (step,) = plan_of(connection, query)
        assert step.startswith("SEARCH") and "USING INDEX c7i1" in step
        assert steps_of(connection, query) < 60, query.sql


def test_a_deep_page_costs_what_the_first_costs(connection: sqlite3.Connection, table: Table) -> None:
    def steps(after: str | None) -> int:
        find = plan_find(SALES, "plain", {}, range_=None, after=after, limit=LIMIT, descending=False)
        return steps_of(connection, table.find(find))

    assert steps('["s1",29,6,"k02990"]') <= 2 * steps(None)


def test_scan_get_and_count_use_an_index(connection: sqlite3.Connection, table: Table) -> None:
    (step,) = plan_of(connection, table.scan("k01000", LIMIT))
    assert step.startswith("SEARCH") and "USING INDEX c7key" in step
    assert steps_of(connection, table.scan("k01000", LIMIT)) < 60
    (step,) = plan_of(connection, Query(table.get_sql, ("k1",)))
    assert "USING INDEX c7key" in step
    (step,) = plan_of(connection, table.count(SALES.index("plain"), ["s1", 5]))
    assert "USING COVERING INDEX c7i0 (f0=? AND f1=?)" in step


def test_a_declaration_reads_back_as_the_collection() -> None:
    assert collection_of("sales", declaration_of(SALES)) == SALES
