"""The demo's Controls: a few that are live, one that is scheduled, one draft for each service."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from infra.demo.products import MADE_TO_ORDER_TAG, OWN_LABEL_TAG

SCHEDULED_IN: Final = timedelta(days=7)
SCHEDULED_FOR: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class DemoControl:
    """A Control and what is done with it: ``step`` "" leaves a draft. ``key``: loading again makes no second one."""

    service: str
    key: str
    content: Mapping[str, Any]
    step: str = ""


def demo_controls(products: Path, now: datetime) -> tuple[DemoControl, ...]:
    """Return the Controls for what the catalogue has."""
    categories, tags = _seen(products)
    found = [
        _control("search", "potatoes", "土豆 = 马铃薯 · Potatoes by any name", "launch",
                 {"type": "synonyms", "words": ["土豆", "马铃薯", "potato", "potatoes"]}),
        _control("search", "my-orders", "“我的订单”直达订单页 · “My orders” opens them", "launch",
                 {"type": "redirect", "url": "/shop/orders"},
                 queries=["我的订单", "订单", "my orders", "where is my order"]),
        _control("recommendation", "variety", "每类最多 4 个 · At most four of a kind", "launch",
                 {"type": "cap", "maximum": 4, "per": "category"}, placements=["recommended-for-you"]),
    ]  # fmt: skip
    if OWN_LABEL_TAG in tags:
        own_label = {"tags": [OWN_LABEL_TAG]}
        found += [
            _control("search", "own-label-milk", "牛奶：自有品牌靠前 · Milk: own label first", "launch",
                     {"type": "boost", "target": own_label, "strength": 2}, terms=["牛奶", "milk"]),
            _control("recommendation", "own-label-new", "新客先看自有品牌 · Own label for new shoppers", "launch",
                     {"type": "boost", "target": own_label, "strength": 1}, placements=["similar-items"],
                     segments=["new"]),
        ]  # fmt: skip
    if MADE_TO_ORDER_TAG in tags:
        target = {"tags": [MADE_TO_ORDER_TAG]}
        dates = {"start_time": now + SCHEDULED_IN, "end_time": now + SCHEDULED_FOR}
        found.append(
            _control("recommendation", "party-week", "聚会周：定制餐盘和蛋糕 · Party week: trays and cakes", "schedule",
                     {"type": "boost", "target": target, "strength": 5}, dates, placements=["recommended-for-you"])
        )  # fmt: skip
    if categories:
        exclude = {"type": "exclude", "target": {"categories": [categories[0]]}}
        title = f"首页不放 {categories[0]} · No {categories[0]} on the start page"
        found.append(_control("recommendation", "not-here", title, "", exclude, placements=["popular"]))
        bury = {"type": "bury", "target": {"categories": [categories[0]]}, "strength": 3}
        found.append(_control("search", "later", f"{categories[0]} 靠后 · {categories[0]} further down", "", bury))
    return tuple(found)


def _control(
    service: str,
    key: str,
    title: str,
    step: str,
    action: Mapping[str, Any],
    dates: Mapping[str, datetime] | None = None,
    **condition: Any,
) -> DemoControl:
    times = {name: time.isoformat() for name, time in (dates or {}).items()}
    content = {"title": title, "action": action, "condition": condition, **times}
    return DemoControl(service, f"demo-control-{key}", content, step)


def _seen(products: Path) -> tuple[list[str], frozenset[str]]:
    """Return the categories in English, those with the fewest products of at least ten first, and all tags."""
    counts: Counter[str] = Counter()
    tags: set[str] = set()
    for row in _rows(products):
        tags.update(row.get("tags") or ())
        path = (row.get("categories") or [{}])[-1].get("en", "")
        counts[path.rpartition(" > ")[2]] += 1
    several = [name for name, count in counts.items() if name and count >= 10]
    return sorted(several, key=lambda name: (counts[name], name)), frozenset(tags)


def _rows(products: Path) -> Iterable[dict[str, Any]]:
    with products.open("rb") as lines:
        for line in lines:
            yield orjson.loads(line)
