"""Entries are read once from the newest state, and from none after that more than needed."""

from pathlib import Path
from typing import Any

import pytest
import tantivy

from services.chassis.searchindex.port import Entry, IndexSchema, Put, TextField
from services.chassis.searchindex.tantivy_branch import Branch
from services.chassis.searchindex.tantivy_state import State

SCHEMA = IndexSchema("things", (TextField("title"),))


class Counting:
    """A searcher that counts the documents that are read from it."""

    def __init__(self, searcher: tantivy.Searcher) -> None:
        self.read = 0
        self._searcher = searcher

    def doc(self, address: tantivy.DocAddress) -> tantivy.Document:
        self.read += 1
        return self._searcher.doc(address)


@pytest.fixture
def branch(tmp_path: Path) -> Branch:
    branch = Branch(tmp_path, SCHEMA)
    branch.apply([Put(Entry("a", 1, {"title": "milk"}, b"first"))])
    branch.commit()
    return branch


def counted(branch: Branch, **options: Any) -> tuple[State, Counting, tantivy.DocAddress]:
    searcher = branch.state().searcher
    counting = Counting(searcher)
    (hit,) = searcher.search(tantivy.Query.all_query(), limit=1).hits
    return State(searcher, counting, **options), counting, hit[1]  # type: ignore[arg-type]


def test_an_entry_is_read_once(branch: Branch) -> None:
    state, counting, address = counted(branch)
    assert [state.entry(address) for _ in range(3)] == [("a", b"first")] * 3
    assert state.id_of(address) == "a"
    assert counting.read == 1


def test_an_entry_past_the_bound_is_read_again(branch: Branch) -> None:
    state, counting, address = counted(branch, kept_bytes=100)
    assert [state.entry(address) for _ in range(2)] == [("a", b"first")] * 2
    assert counting.read == 2


def test_an_id_asked_for_alone_is_not_remembered(branch: Branch) -> None:
    state, counting, address = counted(branch)
    assert [state.id_of(address) for _ in range(2)] == ["a", "a"]
    assert counting.read == 2


def test_a_state_answers_as_before_once_it_is_not_the_newest(branch: Branch) -> None:
    before = branch.state()
    (hit,) = before.searcher.search(tantivy.Query.all_query(), limit=1).hits
    assert before.entry(hit[1]) == ("a", b"first")
    branch.apply([Put(Entry("a", 2, {"title": "milk"}, b"second"))])
    branch.commit()
    assert before.entry(hit[1]) == ("a", b"first")
    (hit,) = branch.state().searcher.search(tantivy.Query.all_query(), limit=1).hits
    assert branch.state().entry(hit[1]) == ("a", b"second")
