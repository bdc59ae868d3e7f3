"""Searches under Controls: what is found, in what order, on which page, and where the shopper is sent."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.kits.controls.control import Action, ActionType, Condition, Control, Pin, Target
from services.kits.controls.live_controls import ControlSet
from services.search.store.catalog_facts import CatalogFacts
from services.search.usecases.controlled import variants_of
from tests.strategies.controls import control
from tests.unit.services.search.shop import Shop, open_shop, row

CHEESE = 12


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path) as opened:
        products = [
            row(
                f"c{number:02}",
                f"奶酪 {number:02} 号",
                f"cheese number {number:02}",
                brands=["Milka" if number % 2 else "Alpo"],
            )
            for number in range(CHEESE)
        ]
        await opened.stock(*products, row("tea", "绿茶", "green tea"), row("spud", "马铃薯", "potato"))
        yield opened


def live(shop: Shop, *controls: Control) -> None:
    found = ControlSet(controls, CatalogFacts(shop.memory))
    shop.searching = replace(shop.searching, controls=lambda: found)


async def ids(shop: Shop, query: str, **rest: Any) -> list[str]:
    return [found.product_id for found in (await shop.search(query, **rest)).results]


async def test_exclude_and_filter_are_counted_in_the_total(shop: Shop) -> None:
    live(shop, control(1, Action(ActionType.EXCLUDE, Target(brands=("Milka",)))))
    answer = await shop.search("奶酪")
    assert {found.product_id for found in answer.results} == {f"c{n:02}" for n in range(0, CHEESE, 2)}
    assert answer.total_size == CHEESE // 2
    live(shop, control(1, Action(ActionType.FILTER, Target(product_ids=("c03", "tea")))))
    assert await ids(shop, "奶酪") == ["c03"]


async def test_an_exclusion_of_several_fields_leaves_out_what_has_all_of_them(shop: Shop) -> None:
    live(shop, control(1, Action(ActionType.EXCLUDE, Target(product_ids=("c01", "c02"), brands=("Milka",)))))
    found = await ids(shop, "奶酪")
    assert "c01" not in found
    assert "c02" in found


async def test_a_pin_stands_in_its_place_and_exclude_beats_it(shop: Shop) -> None:
    pin = control(1, Action(ActionType.PIN, pins=(Pin("tea", 1), Pin("c09", 2))), Condition(queries=("奶酪",)))
    live(shop, pin)
    answer = await shop.search("奶酪")
    assert [found.product_id for found in answer.results][:2] == ["tea", "c09"]
    assert answer.total_size == CHEESE + 1
    assert "tea" not in await ids(shop, "奶酪 号")
    live(shop, pin, control(2, Action(ActionType.EXCLUDE, Target(product_ids=("tea",)))))
    assert "tea" not in await ids(shop, "奶酪")


async def test_pages_of_an_arranged_search_fit_together(shop: Shop) -> None:
    live(
        shop,
        control(1, Action(ActionType.PIN, pins=(Pin("tea", 3),)), Condition(terms=("奶酪",))),
        control(2, Action(ActionType.BOOST, Target(product_ids=("c11",)), strength=9)),
    )
    whole = await ids(shop, "奶酪")
    pages: list[str] = []
    token, turns = "", 0
    while turns == 0 or token:
        answer = await shop.search("奶酪", limit=5, page_token=token)
        assert [found.position for found in answer.results] == list(
            range(len(pages) + 1, len(pages) + len(answer.results) + 1)
        )
        pages += [found.product_id for found in answer.results]
        token, turns = answer.next_page_token, turns + 1
    assert pages == whole
    assert (len(whole), whole[2], turns) == (CHEESE + 1, "tea", 3)


async def test_a_walk_through_the_pool_goes_on_in_it_when_no_control_applies_any_more(shop: Shop) -> None:
    live(shop, control(1, Action(ActionType.PIN, pins=(Pin("tea", 3),)), Condition(queries=("奶酪",))))
    first = await shop.search("奶酪", limit=5)
    live(shop)
    pages, token = [found.product_id for found in first.results], first.next_page_token
    while token:
        answer = await shop.search("奶酪", limit=5, page_token=token)
        pages, token = [*pages, *(found.product_id for found in answer.results)], answer.next_page_token
    assert len(pages) == len(set(pages)) == CHEESE


async def test_hits_and_the_pins_of_several_controls_all_have_a_place(shop: Shop) -> None:
    await shop.stock(*(row(f"w{number:02}", f"红酒 {number:02}") for number in range(30)))
    pins = [
        control(which, Action(ActionType.PIN, pins=tuple(Pin(f"w{which * 15 + at:02}", at + 1) for at in range(15))))
        for which in range(2)
    ]
    live(shop, *pins)
    answer = await shop.search("奶酪", limit=100)
    found = [each.product_id for each in answer.results]
    assert (len(found), len(set(found)), answer.total_size) == (CHEESE + 30, CHEESE + 30, CHEESE + 30)
    live(shop, control(1, Action(ActionType.PIN, pins=(Pin("w00", 50),)), Condition(queries=("奶酪",))))
    assert (await ids(shop, "奶酪"))[-1] == "w00", "too few others: it moves up"


async def test_what_is_sold_out_is_not_pinned_and_stands_where_it_is_found(shop: Shop) -> None:
    await shop.stock(
        row("c00", "奶酪 00 号", available_quantity=0),
        *(row(f"n{number:03}", f"饼干 {number:03} 号", available_quantity=1) for number in range(103)),
        row("n103", "饼干 103 号", available_quantity=0),
    )
    live(shop, control(1, Action(ActionType.PIN, pins=(Pin("c00", 1), Pin("n103", 2), Pin("n050", 3)))))
    in_the_pool = await ids(shop, "奶酪")
    assert (in_the_pool[2], in_the_pool[-1]) == ("n050", "c00")
    pages, token, turns = list[str](), "", 0
    while turns == 0 or token:
        answer = await shop.search("饼干", limit=40, page_token=token)
        pages, token, turns = [*pages, *(each.product_id for each in answer.results)], answer.next_page_token, turns + 1
    assert sorted(pages) == sorted(f"n{number:03}" for number in range(104)), "each once, beyond the pool too"
    assert pages.index("n050") == 2
    assert pages[-1] == "n103"


async def test_any_number_of_exclusions_is_a_search_that_the_index_takes(shop: Shop) -> None:
    brands = [Action(ActionType.EXCLUDE, Target(brands=(f"Brand {number}",))) for number in range(69)]
    wide = [
        Action(ActionType.EXCLUDE, Target(product_ids=(f"c{number:02}",), brands=("Alpo",))) for number in range(CHEESE)
    ]
    filters = [Action(ActionType.FILTER, Target(brands=("Milka", "Alpo", f"Brand {number}"))) for number in range(70)]
    last = Action(ActionType.EXCLUDE, Target(brands=("Milka",)))
    for actions in ([*brands, last], [*wide, last], [*filters, *brands, *wide, last]):
        live(shop, *(control(number, action) for number, action in enumerate(actions)))
        expected = [] if wide[0] in actions else [f"c{number:02}" for number in range(0, CHEESE, 2)]
        assert sorted(await ids(shop, "奶酪")) == expected


async def test_facets_count_nothing_that_controls_leave_out(shop: Shop) -> None:
    live(shop, control(1, Action(ActionType.EXCLUDE, Target(brands=("Milka",)))))
    for filters in ((), ("brand:Alpo",), ("brand:Milka",)):
        answer = await shop.search("奶酪", facets=("brand",), filters=filters)
        assert [(value.value, value.count) for value in dict(answer.facets)["brand"]] == [("Alpo", CHEESE // 2)]


async def test_an_order_that_the_shopper_chose_is_the_shoppers(shop: Shop) -> None:
    before = await ids(shop, "奶酪", order_by="newest")
    live(shop, control(1, Action(ActionType.PIN, pins=(Pin("c09", 1),))))
    assert await ids(shop, "奶酪", order_by="newest") == before


async def test_synonyms_find_what_is_called_otherwise(shop: Shop) -> None:
    assert await ids(shop, "土豆") == []
    live(shop, control(1, Action(ActionType.SYNONYMS, words=("土豆", "马铃薯"))))
    assert await ids(shop, "土豆") == ["spud"]


async def test_long_queries_with_many_synonyms_are_still_a_search_that_the_index_takes(shop: Shop) -> None:
    words = "土豆 马铃薯 巧克力 羽毛球 电视机 洗衣机 笔记本 打印机"
    words += " 充电器 吹风机 热水器 剃须刀 电冰箱 微波炉 洗碗机 加湿器"
    live(shop, control(1, Action(ActionType.SYNONYMS, words=tuple(words.split()))))
    await shop.search(words)
    assert await ids(shop, "土豆") == ["spud"]


async def test_a_redirect_is_told_on_the_first_page(shop: Shop) -> None:
    live(shop, control(1, Action(ActionType.REDIRECT, url="/sale"), Condition(queries=("奶酪",))))
    first = await shop.search("奶酪", limit=5)
    assert first.redirect_url == "/sale"
    assert (await shop.search("奶酪", limit=5, page_token=first.next_page_token)).redirect_url == ""
    assert (await shop.search("绿茶")).redirect_url == ""


def test_one_way_synonyms_replace_their_terms_only() -> None:
    one_way = control(1, Action(ActionType.SYNONYMS, words=("sneakers",)), Condition(terms=("trainers",)))
    assert variants_of([one_way], "red trainers") == ("red sneakers",)
    assert variants_of([one_way], "red sneakers") == ()
    assert variants_of([one_way], "strainers trainers") == ("strainers sneakers",), "where it stands alone"
    both = control(2, Action(ActionType.SYNONYMS, words=("trainers", "sneakers", "球鞋")))
    assert variants_of([both], "red sneakers") == ("red trainers", "red 球鞋")
