"""Owns what a product is and its public JSON form (docs/architecture.md), read strictly and written exactly."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from services.kits.money import Money, amount_text, money_from_text
from services.kits.text.language import Language, language_of
from services.search.domain.errors import ProductFieldError

ID_LIMIT: Final = 128
TITLE_LIMIT: Final = 1_000
DESCRIPTION_LIMIT: Final = 10_000
CATEGORIES_LIMIT: Final = 20
CATEGORY_LIMIT: Final = 512
BRANDS_LIMIT: Final = 20
TAGS_LIMIT: Final = 50
WORD_LIMIT: Final = 128  # characters of a brand or tag
ATTRIBUTES_LIMIT: Final = 50
ATTRIBUTE_NAME_LIMIT: Final = 64
ATTRIBUTE_VALUES_LIMIT: Final = 20
ATTRIBUTE_VALUE_LIMIT: Final = 256
IMAGES_LIMIT: Final = 10
URI_LIMIT: Final = 2_048
QUANTITY_LIMIT: Final = 2**40
SHOP_LIMIT: Final = 64
STOCK_NOT_KEPT: Final = -1
CATEGORY_SEPARATOR: Final = " > "

_ID: Final = re.compile(r"[^\s?#\x00-\x1f\x7f]+")
_LANGUAGES: Final = frozenset({"zh", "en"})
FIELDS: Final = frozenset(
    {
        "id",
        "title",
        "description",
        "categories",
        "brands",
        "price",
        "original_price",
        "available_quantity",
        "availability",
        "attributes",
        "tags",
        "uri",
        "images",
        "shop",
        "version",
        "update_time",
        "withdrawn",
    }
)


class Availability(StrEnum):
    """Whether a product can be bought now, spelled as in the public JSON."""

    IN_STOCK = "in-stock"
    OUT_OF_STOCK = "out-of-stock"
    BACKORDER = "backorder"


Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Product:
    """A product of the catalogue. ``version`` grows with every edit. Texts are by language ("zh", "en")."""

    id: str
    title: Texts
    description: Texts = field(default_factory=dict)
    categories: tuple[Texts, ...] = ()
    brands: tuple[str, ...] = ()
    price: Money | None = None
    original_price: Money | None = None
    available_quantity: int = STOCK_NOT_KEPT
    availability: Availability = Availability.IN_STOCK
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    uri: str = ""
    images: tuple[str, ...] = ()
    shop: str = ""
    version: int = 0
    update_time: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    withdrawn: bool = False

    def text(self, texts: Texts, language: str) -> str:
        """Return a text in ``language``, or in any other that there is."""
        return texts.get(language) or next(iter(texts.values()), "")


def availability_of(quantity: int) -> Availability:
    """Derive availability from the units on hand."""
    return Availability.OUT_OF_STOCK if quantity == 0 else Availability.IN_STOCK


def product_from_json(row: Mapping[str, Any], *, shop: str) -> Product:
    """Read the public form; ``version`` and ``update_time`` in it are ignored, they belong to the catalogue.

    ``shop`` is taken where the row names none. Raises ProductFieldError for the first field that cannot be kept.
    """
    unknown = sorted(set(row) - FIELDS)
    if unknown:
        raise ProductFieldError("UNKNOWN_FIELD", f"a product has no field {unknown[0][:64]!r}", field=unknown[0][:64])
    quantity = _whole(row, "available_quantity", default=STOCK_NOT_KEPT)
    title = _texts(row.get("title"), "title", TITLE_LIMIT)
    if not title:
        raise ProductFieldError("MISSING_FIELD", "a product needs a title", field="title")
    return Product(
        id=_product_id(row.get("id")),
        title=title,
        description=_texts(row.get("description"), "description", DESCRIPTION_LIMIT),
        categories=tuple(_category(value) for value in _items(row.get("categories"), "categories", CATEGORIES_LIMIT)),
        brands=_words(row.get("brands"), "brands", BRANDS_LIMIT, WORD_LIMIT),
        price=_money(row.get("price"), "price"),
        original_price=_money(row.get("original_price"), "original_price"),
        available_quantity=quantity,
        availability=_availability(row.get("availability"), quantity),
        attributes=_attributes(row.get("attributes")),
        tags=_words(row.get("tags"), "tags", TAGS_LIMIT, WORD_LIMIT),
        uri=_line(row.get("uri"), "uri", URI_LIMIT),
        images=_words(row.get("images"), "images", IMAGES_LIMIT, URI_LIMIT),
        shop=_line(row.get("shop"), "shop", SHOP_LIMIT) or shop,
        withdrawn=_flag(row.get("withdrawn"), "withdrawn"),
    )


def stored_product(row: Mapping[str, Any]) -> Product:
    """Read what ``product_to_json`` wrote, with its version and time."""
    quantity = row["available_quantity"]
    return Product(
        id=row["id"],
        title=row["title"],
        description=row["description"],
        categories=tuple(row["categories"]),
        brands=tuple(row["brands"]),
        price=_stored_money(row["price"]),
        original_price=_stored_money(row["original_price"]),
        available_quantity=quantity,
        availability=Availability(row["availability"]),
        attributes={name: tuple(values) for name, values in row["attributes"].items()},
        tags=tuple(row["tags"]),
        uri=row["uri"],
        images=tuple(row["images"]),
        shop=row["shop"],
        version=row["version"],
        update_time=datetime.fromisoformat(row["update_time"]),
        withdrawn=row["withdrawn"],
    )


def product_to_json(product: Product) -> dict[str, Any]:
    """Write the public form, every field present."""
    return {
        "id": product.id,
        "title": dict(product.title),
        "description": dict(product.description),
        "categories": [dict(category) for category in product.categories],
        "brands": list(product.brands),
        "price": money_to_json(product.price),
        "original_price": money_to_json(product.original_price),
        "available_quantity": product.available_quantity,
        "availability": product.availability.value,
        "attributes": {name: list(values) for name, values in product.attributes.items()},
        "tags": list(product.tags),
        "uri": product.uri,
        "images": list(product.images),
        "shop": product.shop,
        "version": product.version,
        "update_time": time_text(product.update_time),
        "withdrawn": product.withdrawn,
    }


def money_to_json(money: Money | None) -> dict[str, str] | None:
    """Write money as decimal text with its currency; None stays null."""
    return None if money is None else {"amount": amount_text(money), "currency": money.currency}


def time_text(moment: datetime) -> str:
    """Write an aware time exactly, as RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def same_content(left: Product, right: Product) -> bool:
    """Tell whether two products differ in nothing but version and time of edit."""
    moving = {"version", "update_time"}
    return all(getattr(left, name) == getattr(right, name) for name in Product.__slots__ if name not in moving)


def _product_id(value: Any) -> str:
    if value is None or value == "":
        raise ProductFieldError("MISSING_FIELD", "a product needs an id", field="id")
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not _ID.fullmatch(text) or len(text) > ID_LIMIT or not text.isprintable():
        raise ProductFieldError(
            "INVALID_ID", f"an id is 1 to {ID_LIMIT} printable characters without spaces, ? or #", field="id"
        )
    return text


def _texts(value: Any, name: str, limit: int) -> dict[str, str]:
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        language = Language.CHINESE if language_of(value) is Language.CHINESE else Language.ENGLISH
        value = {language.value: value}
    if not isinstance(value, Mapping) or not set(value) <= _LANGUAGES:
        raise ProductFieldError("INVALID_TEXT", f"{name} is a text, or texts by zh and en", field=name)
    texts = {language: _text(text, f"{name}.{language}", limit) for language, text in value.items() if text is not None}
    return {language: text for language, text in sorted(texts.items()) if text}


def _category(value: Any) -> dict[str, str]:
    texts = _texts(value, "categories", CATEGORY_LIMIT)
    paths = {
        language: CATEGORY_SEPARATOR.join(level.strip() for level in path.split(">") if level.strip())
        for language, path in texts.items()
    }
    if not paths or not all(paths.values()):
        raise ProductFieldError("INVALID_TEXT", "a category is empty", field="categories")
    return paths


def _text(value: Any, name: str, limit: int) -> str:
    if not isinstance(value, str):
        raise ProductFieldError("INVALID_TEXT", f"{name} is not a text", field=name)
    if len(value) > limit:
        raise ProductFieldError("TOO_LONG", f"{name} is longer than {limit} characters", field=name)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ProductFieldError("INVALID_TEXT", f"{name} holds half a character", field=name) from None
    return value.strip()


def _line(value: Any, name: str, limit: int) -> str:
    return "" if value is None else _text(value, name, limit)


def _items(value: Any, name: str, limit: int) -> Sequence[Any]:
    if value is None or value == "":
        return ()
    items = [value] if isinstance(value, str | Mapping) else value
    if not isinstance(items, list | tuple):
        raise ProductFieldError("INVALID_LIST", f"{name} is not a list", field=name)
    if len(items) > limit:
        raise ProductFieldError("TOO_MANY", f"{name} has more than {limit} items", field=name)
    return items


def _words(value: Any, name: str, count_limit: int, limit: int) -> tuple[str, ...]:
    words = (_text(item, name, limit) for item in _items(value, name, count_limit))
    return tuple(dict.fromkeys(word for word in words if word))


def _attributes(value: Any) -> dict[str, tuple[str, ...]]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ProductFieldError("INVALID_ATTRIBUTES", "attributes are an object", field="attributes")
    if len(value) > ATTRIBUTES_LIMIT:
        raise ProductFieldError("TOO_MANY", f"more than {ATTRIBUTES_LIMIT} attributes", field="attributes")
    found: dict[str, tuple[str, ...]] = {}
    for name, values in value.items():
        key = _text(name, "attributes", ATTRIBUTE_NAME_LIMIT)
        kept = _words(values, f"attributes.{key}", ATTRIBUTE_VALUES_LIMIT, ATTRIBUTE_VALUE_LIMIT)
        if key and kept:
            found[key] = kept
    return found


def _money(value: Any, name: str) -> Money | None:
    if value is None:
        return None
    amount, currency = (value.get("amount"), value.get("currency")) if isinstance(value, Mapping) else (None, None)
    if not isinstance(amount, str) or not isinstance(currency, str):
        message = f'{name} is written {{"amount": "19.90", "currency": "CNY"}}'
        raise ProductFieldError("INVALID_MONEY", message, field=name)
    try:
        money = money_from_text(amount, currency)
    except ValueError as error:
        raise ProductFieldError("INVALID_MONEY", str(error), field=name) from None
    if money.amount_minor < 0:
        raise ProductFieldError("NEGATIVE_PRICE", f"{name} is below zero", field=name)
    return money


def _stored_money(value: Mapping[str, str] | None) -> Money | None:
    return None if value is None else money_from_text(value["amount"], value["currency"])


def _whole(row: Mapping[str, Any], name: str, *, default: int) -> int:
    value = row.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not STOCK_NOT_KEPT <= value <= QUANTITY_LIMIT:
        raise ProductFieldError("INVALID_QUANTITY", f"{name} is a whole number from -1 (not kept)", field=name)
    return value


def _availability(value: Any, quantity: int) -> Availability:
    if value is None or value == "":
        return availability_of(quantity)
    try:
        return Availability(value)
    except ValueError:
        allowed = ", ".join(Availability)
        raise ProductFieldError("INVALID_AVAILABILITY", f"availability is {allowed}", field="availability") from None


def _flag(value: Any, name: str) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise ProductFieldError("INVALID_FLAG", f"{name} is true or false", field=name)
    return value
