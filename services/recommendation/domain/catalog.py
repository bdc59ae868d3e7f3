"""The few facts of a product that a slot needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OUT_OF_STOCK = "out-of-stock"
LEVEL_SEPARATOR = " > "
OTHER_LANGUAGE = {"zh": "en", "en": "zh"}


@dataclass(frozen=True, slots=True)
class Product:
    """A copy of a product. ``category_levels``: the most specific path, by language, split into levels."""

    id: str
    titles: Mapping[str, str]
    brand: str = ""
    price: Mapping[str, str] | None = None
    original_price: Mapping[str, str] | None = None
    availability: str = "in-stock"
    category_levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    image: str = ""
    shop: str = ""
    version: int = 0
    withdrawn: bool = False

    @property
    def sellable(self) -> bool:
        """Whether a slot may show it."""
        return not self.withdrawn and self.availability != OUT_OF_STOCK

    def title(self, language: str) -> str:
        """Return the title in the language, else in the other one, else the id."""
        return self.titles.get(language) or self.titles.get(OTHER_LANGUAGE[language]) or self.id

    def category(self, language: str) -> tuple[str, ...]:
        """Return the levels of the most specific category in the language, else in the other one."""
        return self.category_levels.get(language) or self.category_levels.get(OTHER_LANGUAGE[language]) or ()


def product_card(product: Product, language: str) -> dict[str, Any]:
    """Return the public card of a product (docs/architecture.md, "Product card")."""
    return {
        "id": product.id,
        "title": product.title(language),
        "titles": dict(product.titles),
        "brand": product.brand,
        "price": product.price,
        "original_price": product.original_price,
        "availability": product.availability,
        "category": LEVEL_SEPARATOR.join(product.category(language)),
        "tags": list(product.tags),
        "attributes": {name: list(values) for name, values in product.attributes.items()},
        "image": product.image,
    }
