"""A product as its owner has it now, with the price and the stock to change."""

import asyncio
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import orjson
from google.protobuf.field_mask_pb2 import FieldMask
from pydantic import Field
from zhike.search.v1 import product_pb2, product_service_pb2
from zhike.type.v1 import answer_pb2

from gateway.clients import GET_PRODUCT, UPDATE_PRODUCT
from gateway.console.cells import Cell, Chip, Moment, Money
from gateway.console.pages import Flash, Form, FormModel, Page, Redirect, View
from gateway.console.staffing import EVERYBODY, StaffRole
from gateway.console.visit import Visit
from gateway.parameters import LANGUAGES
from gateway.public_form import money_from_json
from services.chassis.errors import NotFoundError, ZhikeError

ID_LIMIT: Final = 128
TITLES_LIMIT: Final = 100  # of one page
AVAILABILITY_TONES: Final = {"in_stock": "good", "out_of_stock": "bad", "backorder": "warn"}
_AVAILABILITY: Final = {
    "in_stock": product_pb2.AVAILABILITY_IN_STOCK,
    "out_of_stock": product_pb2.AVAILABILITY_OUT_OF_STOCK,
    "backorder": product_pb2.AVAILABILITY_BACKORDER,
}


class Edit(FormModel):
    """What the shop changes by hand; all else comes with the catalogue."""

    price: Annotated[Decimal, Field(gt=0, le=1_000_000, decimal_places=2)]
    available_quantity: Annotated[int, Field(ge=0, le=1_000_000_000)]
    availability: Literal["in_stock", "out_of_stock", "backorder"]


def titled(product: dict[str, Any], language: str) -> str:
    """Return a product's title in a language, else in the other, else its id."""
    title = product.get("title") or {}
    if not isinstance(title, dict):
        return str(title)
    return next((title[each] for each in (language, *LANGUAGES) if title.get(each)), str(product["id"]))


async def read(visit: Visit) -> dict[str, Any]:
    """Return the product that the address names. Raises NotFoundError."""
    product_id = visit.path["id"]
    if not 0 < len(product_id) <= ID_LIMIT:
        raise NotFoundError("there is no product of this id", resource="product")
    request = product_service_pb2.GetProductRequest(id=product_id, format=answer_pb2.ANSWER_FORMAT_JSON)
    product: dict[str, Any] = orjson.loads((await visit.ask(GET_PRODUCT, request)).json)
    return product


async def titles_of(visit: Visit, product_ids: Iterable[str]) -> Mapping[str, str]:
    """Return the titles of those products that there are, in the reader's language; of at most TITLES_LIMIT."""
    asked = list(dict.fromkeys(product_ids))[:TITLES_LIMIT]

    async def title(product_id: str) -> str:
        request = product_service_pb2.GetProductRequest(id=product_id, format=answer_pb2.ANSWER_FORMAT_JSON)
        try:
            product = orjson.loads((await GET_PRODUCT.briefly(visit.parts.caller, request)).json)
        except ZhikeError:
            return ""
        return titled(product, visit.language)

    titles = await asyncio.gather(*map(title, asked))
    return {product_id: found for product_id, found in zip(asked, titles, strict=True) if found}


def availability_of(product: dict[str, Any]) -> str:
    """Return whether it can be bought, as forms and words name it: the public word has hyphens."""
    return str(product.get("availability", "")).replace("-", "_")


async def show(visit: Visit) -> View:
    """Show it in both languages."""
    product = await read(visit)
    price = product.get("price") or {}
    availability = availability_of(product)
    visit.form(
        "edit",
        {
            "price": price.get("amount", ""),
            "available_quantity": product.get("available_quantity", 0),
            "availability": availability,
        },
        product.get("version", ""),
    )
    return {"product": product, "name": titled(product, visit.language), "facts": _facts(visit, product, availability)}


def _facts(visit: Visit, product: dict[str, Any], availability: str) -> list[tuple[str, Cell]]:
    words, language = visit.words, visit.language
    categories = [each.get(language) or next(iter(each.values()), "") for each in product.get("categories", ())]
    facts: list[tuple[str, Cell]] = [
        (words("goods.id"), product["id"]),
        (words("goods.price"), Money(product.get("price"))),
        (words("goods.stock"), product.get("available_quantity", 0)),
    ]
    if words.has(f"goods.availability.{availability}"):
        chip = Chip(words(f"goods.availability.{availability}"), AVAILABILITY_TONES.get(availability, "plain"))
        facts.append((words("goods.available"), chip))
    facts += [
        (words("goods.categories"), " / ".join(filter(None, categories))),
        (words("goods.brands"), ", ".join(product.get("brands", ()))),
        (words("goods.tags"), tuple(Chip(each) for each in product.get("tags", ()))),
        (words("goods.updated"), Moment(product.get("update_time"))),
    ]
    facts += [(name, ", ".join(values)) for name, values in sorted(product.get("attributes", {}).items())]
    return [(name, value) for name, value in facts if value not in ("", ())]


async def save(visit: Visit, edit: Edit) -> Redirect:
    """Change it at its owner; an edit on an older version is refused."""
    before = await read(visit)
    product = product_pb2.Product(
        id=before["id"],
        available_quantity=edit.available_quantity,
        availability=_AVAILABILITY[edit.availability],
    )
    currency = (before.get("price") or {}).get("currency", "CNY")
    product.price.CopyFrom(money_from_json(f"{edit.price:.2f}", currency, field="price"))
    request = product_service_pb2.UpdateProductRequest(
        product=product,
        update_mask=FieldMask(paths=["price", "available_quantity", "availability"]),
        expected_version=visit.expected_version,
        request_id=visit.submit_id,
    )
    await visit.ask(UPDATE_PRODUCT, request)
    changed = {"price": f"{edit.price:.2f}", "stock": edit.available_quantity, "availability": edit.availability}
    was = {
        "price": (before.get("price") or {}).get("amount", ""),
        "stock": before.get("available_quantity"),
        "availability": before.get("availability"),
    }
    await visit.record("product.edit", "product", before["id"], before=was, after=changed)
    return Redirect(visit.link("/products/{id}", id=before["id"]), Flash("goods.saved"))


PAGE: Final = Page(
    path="/products/{id}",
    roles=EVERYBODY,
    title="goods.product",
    template="goods/product.html",
    show=show,
    help="goods.product_help",
    forms=(Form("edit", Edit, save, frozenset({StaffRole.MERCHANDISER})),),
)
