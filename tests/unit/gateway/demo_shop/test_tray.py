"""The tray: a ticket for each order, whole or not there, bounded."""

from pathlib import Path

import pytest

from gateway.demo_shop import tray as tray_module
from gateway.demo_shop.tray import Ticket, Tray


def test_a_ticket_comes_back_as_it_was_laid_down(tmp_path: Path) -> None:
    tray, ticket = Tray(tmp_path), Ticket("o-1", seconds=12.0, late=True)
    assert tray.orders() == []
    assert tray.put(ticket)
    assert tray.orders() == ["o-1"]
    assert tray.ticket("o-1") == ticket


def test_a_later_ticket_of_an_order_takes_the_place_of_the_earlier(tmp_path: Path) -> None:
    tray = Tray(tmp_path)
    tray.put(Ticket("o-1", seconds=None))
    tray.put(Ticket("o-1", seconds=9.0))
    assert tray.orders() == ["o-1"]
    assert tray.ticket("o-1") == Ticket("o-1", seconds=9.0)


def test_what_is_cleared_is_gone_and_clearing_again_changes_nothing(tmp_path: Path) -> None:
    tray = Tray(tmp_path)
    tray.put(Ticket("o-1"))
    tray.clear("o-1")
    tray.clear("o-1")
    assert tray.orders() == []
    assert tray.ticket("o-1") is None


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"order": "o-1"}', b'{"order_id": "o-1", "pace": 2}'])
def test_a_file_that_is_no_ticket_is_none(tmp_path: Path, content: bytes) -> None:
    tray = Tray(tmp_path)
    tray.folder.mkdir(parents=True)
    (tray.folder / "o-1.json").write_bytes(content)
    assert tray.ticket("o-1") is None


def test_a_full_tray_takes_no_more_but_of_what_lies_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tray_module, "TRAY_LIMIT", 2)
    tray = Tray(tmp_path)
    assert [tray.put(Ticket(f"o-{number}")) for number in range(3)] == [True, True, False]
    assert tray.put(Ticket("o-1", late=False))
    assert tray.orders() == ["o-0", "o-1"]
