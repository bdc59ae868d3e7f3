"""The demo shop's guests come out of the data directory."""

from pathlib import Path

import orjson

from gateway.demo_shop.personas import PERSONAS_FILE, PERSONAS_LIMIT, load_personas

ROW = {
    "id": "h1",
    "sign": "林",
    "name": {"en": "Lin"},
    "text": {"en": "weekly"},
    "identifiers": ["card:1", "login:lin"],
}


def _write(data: Path, rows: list[dict[str, object]]) -> None:
    (data / PERSONAS_FILE).parent.mkdir(parents=True)
    (data / PERSONAS_FILE).write_bytes(orjson.dumps(rows))


def test_there_are_no_guests_before_the_demo_is_loaded(tmp_path: Path) -> None:
    assert load_personas(tmp_path) == ()


def test_guests_are_read_with_all_their_names(tmp_path: Path) -> None:
    _write(tmp_path, [ROW])
    assert load_personas(tmp_path)[0].identifiers == ("card:1", "login:lin")


def test_no_more_guests_than_the_switcher_can_hold(tmp_path: Path) -> None:
    _write(tmp_path, [ROW | {"id": str(number)} for number in range(PERSONAS_LIMIT + 1)])
    assert len(load_personas(tmp_path)) == PERSONAS_LIMIT


def test_a_guest_may_have_orders_from_before_which_the_page_is_not_told(tmp_path: Path) -> None:
    _write(tmp_path, [ROW, ROW | {"orders": ["o-1"]}])
    none, some = load_personas(tmp_path)
    assert (none.orders, some.orders) == ((), ("o-1",))
    assert "orders" not in some.as_json()
