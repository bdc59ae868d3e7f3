"""What a product lets us promise before it is bought: what orders keeps of the catalogue, and the question for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from services.orders.domain.promise import Estimate, Question
from services.orders.domain.stage_catalog import StageCatalog

STOCK_NOT_KEPT: Final = -1
OUT_OF_STOCK: Final = "out-of-stock"


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """A product of the catalogue, as far as a promise goes. ``family`` "": it is sold from stock."""

    id: str
    family: str = ""
    available_quantity: int = STOCK_NOT_KEPT
    is_sold: bool = True
    version: int = 0

    def has(self, quantity: int) -> bool:
        """Whether so many pieces can be had: made to order always, from stock as far as it is known to reach."""
        if not self.is_sold:
            return False
        return bool(self.family) or self.available_quantity == STOCK_NOT_KEPT or self.available_quantity >= quantity


@dataclass(frozen=True, slots=True)
class Offer:
    """The promise of a product before it is bought. ``estimate`` None: so many pieces cannot be had now."""

    product_id: str
    quantity: int
    destination: str
    made_to_order: bool
    estimate: Estimate | None


def product_facts(payload: Mapping[str, Any], catalog: StageCatalog) -> ProductFacts:
    """Read the public Product of a ``ProductChanged`` event."""
    family = catalog.family_of(payload.get("attributes") or {}, payload.get("tags") or ())
    quantity = payload.get("available_quantity")
    sold_out = payload.get("availability") == OUT_OF_STOCK and not family
    return ProductFacts(
        id=payload["id"],
        family=family,
        available_quantity=int(quantity) if quantity is not None else STOCK_NOT_KEPT,
        is_sold=not payload.get("withdrawn") and not sold_out,
        version=int(payload.get("version") or 0),
    )


def question_of(product: ProductFacts, quantity: int, destination: str, catalog: StageCatalog) -> Question:
    """Return what is asked before a purchase. Raises ValueError for a quantity outside 1 to MAX_LINE_QUANTITY."""
    return Question(
        quantity=quantity,
        family=product.family,
        template=catalog.template(product.family),
        destination=destination,
    )
