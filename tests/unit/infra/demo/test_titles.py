"""Titles that differ, with as few words more as will do."""

from dataclasses import replace

from infra.demo.makers import maker_name
from infra.demo.products import CatalogItem
from infra.demo.titles import told_apart
from infra.demo.wording import SizeWords, Words, title_of


def _twin(item: CatalogItem, number: int, **changes: object) -> CatalogItem:
    return replace(item, item=number, **changes)  # type: ignore[arg-type]


def _plain(items: list[CatalogItem]) -> CatalogItem:
    item = items[2]
    return replace(item, size=Words("16 oz", "454克"), title=title_of(item.name, None, SizeWords("16 oz", "454克")))


def test_titles_that_differ_stay_as_they_are(tiny_items: list[CatalogItem]) -> None:
    assert told_apart(tiny_items) == tiny_items


def test_makers_tell_apart_first(tiny_items: list[CatalogItem]) -> None:
    item = _plain(tiny_items)
    twins = [_twin(item, 1, maker=maker_name(5)), _twin(item, 2, maker=maker_name(6))]
    assert [each.title.en.split()[0] for each in told_apart(twins)] == [maker_name(5).en, maker_name(6).en]


def test_sizes_that_are_one_in_metric_name_the_us_size_in_chinese(tiny_items: list[CatalogItem]) -> None:
    item = _plain(tiny_items)
    pound = _twin(item, 2, size=Words("1 lb", "454克"), title=Words("Bananas, 1 lb", item.title.zh))
    assert [each.title for each in told_apart([item, pound])] == [
        Words("Bananas, 16 oz", "香蕉 454克（16盎司）"),
        Words("Bananas, 1 lb", "香蕉 454克（1磅）"),
    ]


def test_categories_tell_apart_next(tiny_items: list[CatalogItem]) -> None:
    item = _plain(tiny_items)
    twins = told_apart([item, _twin(item, 2, category=tiny_items[3].category)])
    assert [each.title.en for each in twins] == ["Bananas, 16 oz (Tropical fruit)", "Bananas, 16 oz (Cakes)"]


def test_shipping_cases_tell_loose_goods_apart(tiny_items: list[CatalogItem]) -> None:
    item = tiny_items[2]
    twins = told_apart([item, _twin(item, 2, shipping_case=Words("20 lb", "9.07千克"))])
    assert [each.title.en for each in twins] == ["Bananas, loose (40 lb case)", "Bananas, loose (20 lb case)"]
    assert twins[1].title.zh == "香蕉 散装（9.07千克箱）"


def test_a_number_is_the_last_resort(tiny_items: list[CatalogItem]) -> None:
    item = _plain(tiny_items)
    twins = told_apart([item, _twin(item, 2), _twin(item, 3)])
    assert [each.title.en for each in twins] == ["Bananas, 16 oz", "Bananas, 16 oz, no. 2", "Bananas, 16 oz, no. 3"]
    assert [each.title.zh for each in twins] == ["香蕉 454克", "香蕉 454克 2号", "香蕉 454克 3号"]
