"""The demo shop's product and its line in the NDJSON file that ``zhike import products`` reads."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from infra.demo.makers import MakerName, maker_name
from infra.demo.wording import Category, Department, Words

CURRENCY: Final = "USD"
OWN_LABEL_TAG: Final = "own-label"
MADE_TO_ORDER_TAG: Final = "made-to-order"
UNTRANSLATED_TAG: Final = "untranslated"
PROGRESS_EVERY: Final = 1_000

# Told of how much is done and how much there is.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class CatalogItem:
    """One product. ``item``: the data's number; prices in cents; ``households`` bought it within the year.

    ``family``: of what is made to order, by whose stages it is made (simulated); else "".
    """

    item: int
    title: Words
    name: Words
    department: Department
    category: Category
    size: Words
    shipping_case: Words
    maker: MakerName | None
    maker_number: int
    own_label: bool
    family: str
    translated: bool
    price_cents: int
    original_cents: int | None
    stock: int
    households: int
    lines: int

    @property
    def made_to_order(self) -> bool:
        """Whether it is made once it was ordered."""
        return bool(self.family)

    @property
    def id(self) -> str:
        """The shop's id of the product."""
        return product_id(self.item)


def product_id(item: int) -> str:
    """Return the shop's id of an item; items outside the catalogue have one too, so that order totals stay true."""
    return f"p{item}"


def product_lines(items: Sequence[CatalogItem], progress: Progress | None = None) -> Iterator[bytes]:
    """Yield one NDJSON line per product, newline included."""
    for done, item in enumerate(items, start=1):
        yield orjson.dumps(product_json(item), option=orjson.OPT_APPEND_NEWLINE)
        if progress is not None and (done % PROGRESS_EVERY == 0 or done == len(items)):
            progress(done, len(items))


def product_json(item: CatalogItem) -> dict[str, Any]:
    """Return a product as the importer reads it."""
    department, category = item.department.names, item.category.names
    path = (department,) if department == category else (department, category)
    product: dict[str, Any] = {
        "id": item.id,
        "title": {"en": item.title.en, "zh": item.title.zh},
        "description": _description(item),
        "categories": [{"en": " > ".join(step.en for step in path), "zh": " > ".join(step.zh for step in path)}],
        "brands": [item.maker.brand] if item.maker else [],
        "price": _money(item.price_cents),
        "available_quantity": item.stock,
        "attributes": _attributes(item),
        "tags": _tags(item),
    }
    if item.original_cents is not None:
        product["original_price"] = _money(item.original_cents)
    return product


def _attributes(item: CatalogItem) -> dict[str, list[str]]:
    invented = item.maker is not None and item.maker == maker_name(item.maker_number)
    simulated = ["stock", "maker-name"] if invented else ["stock"]
    if item.family:
        simulated.append("production")
    attributes = {
        "department": [item.department.names.en],
        "department_zh": [item.department.names.zh],
        "type": [item.name.en],
        "type_zh": [item.name.zh],
        "maker_number": [str(item.maker_number)],
        "households": [str(item.households)],
        "picture": [item.department.names.en.lower().replace(" ", "-")],
        "picture_hue": [str(item.department.hue)],
        "picture_icon": [item.category.icon],
        "source": ["complete-journey"],
        "simulated": simulated,
    }
    if item.family:
        attributes["production_family"] = [item.family]
    if item.size.en:
        attributes |= {"size": [item.size.en], "size_zh": [item.size.zh]}
    return attributes


def _description(item: CatalogItem) -> dict[str, str]:
    return {
        "en": f"{item.category.names.en}. Bought by {item.households:,} of 2,469 households within the year.",
        "zh": f"{item.category.names.zh}。全年2,469户家庭中有{item.households:,}户购买过。",
    }


def _tags(item: CatalogItem) -> list[str]:
    flags = (
        (OWN_LABEL_TAG, item.own_label),
        (MADE_TO_ORDER_TAG, item.made_to_order),
        (UNTRANSLATED_TAG, not item.translated),
    )
    return [tag for tag, holds in flags if holds]


def _money(cents: int) -> dict[str, str]:
    return {"amount": f"{cents // 100}.{cents % 100:02d}", "currency": CURRENCY}
