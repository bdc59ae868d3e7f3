"""Makes the titles of a catalogue differ from one another, in each language, with as few words more as will do."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from infra.demo.products import CatalogItem
from infra.demo.sizes import SizeWords
from infra.demo.wording import Words, title_of

# Where two sizes are the same in metric (16 oz and 1 lb), the Chinese title names the US size as well.
_US_UNIT_WORDS: Final = {
    " fl oz": "液量盎司",
    " oz": "盎司",
    " lb": "磅",
    " gal": "加仑",
    " qt": "夸脱",
    " pt": "品脱",
    " sq ft": "平方英尺",
    " count": "件",
    "-pack": "连包",
}
_US_UNITS: Final = re.compile("|".join(_US_UNIT_WORDS))


def told_apart(items: Sequence[CatalogItem]) -> list[CatalogItem]:
    """Return the items with titles that differ in each language: by maker, US size, category, shipping case, number."""
    for more in (_by_maker, _by_us_size, _by_category, _by_case):
        items = _apart_by(items, more)
    seen, numbered = Counter[str](), []
    for item in items:
        number = max(seen[item.title.en], seen[item.title.zh]) + 1
        seen.update((item.title.en, item.title.zh))
        if number > 1:
            item = replace(item, title=Words(f"{item.title.en}, no. {number}", f"{item.title.zh} {number}号"))
        numbered.append(item)
    return numbered


def _apart_by(items: Sequence[CatalogItem], more: Callable[[CatalogItem], tuple[str, Words]]) -> list[CatalogItem]:
    """Give items of one title the title that ``more`` returns, where what it tells (its first value) differs."""
    told: defaultdict[str, set[str]] = defaultdict(set)
    for item in items:
        for title in (item.title.en, item.title.zh):
            told[title].add(more(item)[0])
    return [
        replace(item, title=more(item)[1])
        if more(item)[0] and (len(told[item.title.en]) > 1 or len(told[item.title.zh]) > 1)
        else item
        for item in items
    ]


def _by_maker(item: CatalogItem) -> tuple[str, Words]:
    if item.maker is None:
        return "", item.title
    return item.maker.en, title_of(item.name, item.maker, SizeWords(item.size.en, item.size.zh))


def _by_us_size(item: CatalogItem) -> tuple[str, Words]:
    chinese = _US_UNITS.sub(lambda unit: _US_UNIT_WORDS[unit[0]], item.size.en)
    return item.size.en, Words(item.title.en, f"{item.title.zh}（{chinese}）")


def _by_category(item: CatalogItem) -> tuple[str, Words]:
    names = item.category.names
    return names.en, Words(f"{item.title.en} ({names.en})", f"{item.title.zh}（{names.zh}）")


def _by_case(item: CatalogItem) -> tuple[str, Words]:
    case = item.shipping_case
    return case.en, Words(f"{item.title.en} ({case.en} case)", f"{item.title.zh}（{case.zh}箱）")
