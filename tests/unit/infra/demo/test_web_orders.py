"""The few orders that the demo takes for orders of its web shop."""

import csv
from collections import Counter
from datetime import timedelta
from io import StringIO

import pytest

from infra.demo.orders import order_csv, order_lines
from infra.demo.products import CatalogItem
from infra.demo.source import ShopYear
from infra.demo.web_orders import MADE_TO_ORDER, OF_A_GUEST, RECENT, web_baskets


def test_they_are_the_latest_of_the_guests_and_the_latest_with_something_made(
    tiny_year: ShopYear, tiny_items: list[CatalogItem]
) -> None:
    chosen = web_baskets(tiny_year.lines, tiny_items, [2])
    assert [int(basket) for basket in chosen["basket"]] == [1003, 1002]  # 1003 holds a cake, 1002 is of the guest
    assert chosen["household"].to_list() == [3, 2]


def test_without_guests_and_goods_made_to_order_there_are_none(
    tiny_year: ShopYear, tiny_items: list[CatalogItem]
) -> None:
    plain = [item for item in tiny_items if not item.made_to_order]
    assert web_baskets(tiny_year.lines, plain, []).is_empty()


def test_their_channel_is_the_web_and_nothing_else_of_them_changes(
    tiny_year: ShopYear, tiny_items: list[CatalogItem]
) -> None:
    web = web_baskets(tiny_year.lines, tiny_items, [2])["basket"]
    texts = [b"".join(order_csv(tiny_year.lines, shop="demo", weeks=0, web=each)).decode() for each in (None, web)]
    plain, told = (list(csv.DictReader(StringIO(text))) for text in texts)
    assert {row["order_number"] for row in told if row["channel"] == "web"} == {"1002", "1003"}
    assert [{**row, "channel": ""} for row in told] == [{**row, "channel": ""} for row in plain]


@pytest.mark.data
def test_of_the_real_year_they_are_few_and_recent(real_year: ShopYear, real_items: list[CatalogItem]) -> None:
    lines = order_lines(real_year, real_year.households)
    chosen = web_baskets(lines, real_items, [1, 2, 3])
    by_guest = Counter(household for household in chosen["household"].to_list() if household in (1, 2, 3))
    assert all(count >= OF_A_GUEST for count in by_guest.values())
    assert 3 * OF_A_GUEST <= chosen.height <= 3 * OF_A_GUEST + MADE_TO_ORDER
    newest = lines["time"].max()
    others = [time for household, _, time in chosen.iter_rows() if household not in (1, 2, 3)]
    assert others
    assert all(newest - time < RECENT < timedelta(days=30) for time in others)  # type: ignore[operator]
