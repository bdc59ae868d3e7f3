"""What was acknowledged is found once, is lost, or is there twice."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from loadtests.ledger import Kept, LedgerFile, acknowledged_events, compare_events, price_is_lost, read_ledger

YUAN = {"amount": "9.90", "currency": "CNY"}


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    with LedgerFile(path) as ledger:
        ledger.add_events([{"id": "a", "type": "login"}, {"id": "b"}])
        ledger.add_events([])
        ledger.add_price("p1", YUAN, 3)
        ledger.add_price("p1", YUAN | {"amount": "1.00"}, 2)  # an answer that came late
        ledger.add_events([{"id": "c", "search": {"query": "牛奶"}}])
    read = read_ledger(path)
    assert list(read.events) == ["a", "b", "c"]
    assert read.events["c"] == {"id": "c", "search": {"query": "牛奶"}}
    assert read.prices == {"p1": {"product": "p1", "amount": "9.90", "currency": "CNY", "version": 3}}


def test_a_line_that_is_cut_off_is_no_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_bytes(b'{"events": [{"id"')
    with pytest.raises(orjson.JSONDecodeError):
        read_ledger(path)


def test_only_stored_and_duplicate_are_acknowledgements() -> None:
    sent = [{"id": name} for name in ("s", "d", "r", "silent")]
    verdicts = [{"id": "s", "status": "stored"}, {"id": "d", "status": "duplicate"}, {"id": "r", "status": "rejected"}]
    assert acknowledged_events(sent, {"verdicts": verdicts}) == [{"id": "s"}, {"id": "d"}]


@pytest.mark.parametrize(
    ("stored", "lost", "doubled"),
    [
        ({"a": 1, "b": 1}, 0, 0),
        ({"a": 1}, 1, 0),
        ({}, 2, 0),
        ({"a": 3, "b": 1}, 0, 2),
        ({"a": 1, "b": 1, "never answered": 1}, 0, 0),
        ({"a": 1, "b": 1, "never answered": 2}, 0, 1),
    ],
)
def test_every_acknowledged_event_must_be_there_exactly_once(stored: dict[str, int], lost: int, doubled: int) -> None:
    assert compare_events(["a", "b"], stored, "log") == Kept(2, lost, doubled, "log")


@pytest.mark.parametrize(
    ("product", "lost"),
    [
        ({"version": 3, "price": YUAN}, False),
        ({"version": "3", "price": YUAN}, False),
        ({"version": 3, "price": YUAN | {"amount": "9.80"}}, True),
        ({"version": 2, "price": YUAN}, True),
        ({"version": 4, "price": YUAN | {"amount": "1.00"}}, False),
    ],
)
def test_a_price_is_lost_when_its_version_is_not_there_or_says_otherwise(product: dict[str, Any], lost: bool) -> None:
    assert price_is_lost({"product": "p1", "version": 3, **YUAN}, product) is lost
