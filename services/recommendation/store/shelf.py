"""The copy of products: what a slot shows of each, and which may be shown at all."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson

from services.chassis.eventlog.port import Event
from services.recommendation.domain.catalog import LEVEL_SEPARATOR, Product, product_card
from services.recommendation.domain.errors import SnapshotUnreadableError

LOG, OWNER = "products", "search"
CHANGED_TYPE = "ProductChanged"
AISLE_LANGUAGE = "en"  # categories are compared in one language: the one that the model's levels are made of
CHANGES_LIMIT = 100_000  # ids kept for those who follow; a follower that is further behind looks at everything


class Shelf:
    """Every product by id: a state of the chassis's snapshots. ``follow`` tells what changed."""

    name, form = "shelf", "shelf-1"

    def __init__(self) -> None:
        self._products: dict[str, Product] = {}
        self._ids: tuple[str, ...] = ()
        self._sellable: set[str] = set()
        self._aisles: dict[tuple[str, ...], set[str]] = {}
        self.aisle_changes = 0  # grows when a category gains or loses a product
        self._cards: dict[tuple[str, str], bytes] = {}
        self._changes: list[str] = []
        self._forgotten = 0  # changes that are no longer kept

    def __len__(self) -> int:
        return len(self._products)

    @property
    def position(self) -> int:
        """How many changes there were; where a follower stands when it has seen all."""
        return self._forgotten + len(self._changes)

    def apply(self, event: Event) -> None:
        """Apply one event, or raise before anything is changed; an older version of a product changes nothing."""
        if event.type == CHANGED_TYPE:
            self._take(product_from_payload(event.payload))

    def get(self, product_id: str) -> Product | None:
        """Return a product, None where it was never imported."""
        return self._products.get(product_id)

    @property
    def sellable_ids(self) -> Collection[str]:
        """The ids that ``sellable`` is true of; they move with the shelf."""
        return self._sellable

    def sellable(self, product_id: str) -> bool:
        """Tell whether a slot may show it: known, not withdrawn, not sold out."""
        return product_id in self._sellable

    def aisle(self, path: tuple[str, ...]) -> Collection[str]:
        """Return the ids of all products whose category (its English path) is ``path`` or lies below it."""
        return self._aisles.get(path, ())

    def top_aisles(self) -> tuple[str, ...]:
        """Return the English names of the top-level categories, sorted."""
        return tuple(sorted(path[0] for path in self._aisles if len(path) == 1))

    def ids(self) -> tuple[str, ...]:
        """Return every product id, sorted; sorted anew only when there are more."""
        if len(self._ids) != len(self._products):
            self._ids = tuple(sorted(self._products))
        return self._ids

    def card(self, product_id: str, language: str) -> bytes:
        """Return the product's public card as JSON; written once per change."""
        card = self._cards.get((product_id, language))
        if card is None:
            card = orjson.dumps(product_card(self._products[product_id], language))
            self._cards[product_id, language] = card
        return card

    def follow(self, after: int) -> Sequence[str] | None:
        """Return the ids that changed after a position, None when that is too long ago to know."""
        if after < self._forgotten:
            return None
        return self._changes[after - self._forgotten :]

    def dump(self) -> bytes:
        """Return the whole state."""
        return orjson.dumps({"form": self.form, "products": tuple(self._products.values())})

    def load(self, content: bytes) -> None:
        """Take over a dumped state. Raises SnapshotUnreadableError."""
        try:
            body = orjson.loads(content)
            if body["form"] != self.form:
                raise SnapshotUnreadableError(f"this is another form than {self.form}")
            products = {each["id"]: _product_from_body(each) for each in body["products"]}
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            raise SnapshotUnreadableError(f"this is no {self.form}") from error
        self.clear()
        self._products = products
        for product in products.values():
            self._place(product)

    def clear(self) -> None:
        """Begin anew, empty; whoever follows looks at everything again."""
        self._forgotten = self.position + 1
        self._products, self._sellable, self._cards, self._changes = {}, set(), {}, []
        self._ids, self._aisles = (), {}
        self.aisle_changes += 1

    def _take(self, product: Product) -> None:
        known = self._products.get(product.id)
        if known is not None and known.version >= product.version > 0:
            return
        self._products[product.id] = product
        if known is not None and known.category(AISLE_LANGUAGE) != product.category(AISLE_LANGUAGE):
            self._take_out(known)
        self._place(product)
        for language in ("zh", "en"):
            self._cards.pop((product.id, language), None)
        self._changes.append(product.id)
        if len(self._changes) > CHANGES_LIMIT:
            dropped = len(self._changes) // 2
            del self._changes[:dropped]
            self._forgotten += dropped

    def _place(self, product: Product) -> None:
        """Enter a product into what is looked up: what may be shown, and its category with all that are above it."""
        if product.sellable:
            self._sellable.add(product.id)
        else:
            self._sellable.discard(product.id)
        path = product.category(AISLE_LANGUAGE)
        if path and product.id not in self._aisles.get(path, ()):
            for depth in range(1, len(path) + 1):
                self._aisles.setdefault(path[:depth], set()).add(product.id)
            self.aisle_changes += 1

    def _take_out(self, product: Product) -> None:
        path = product.category(AISLE_LANGUAGE)
        for depth in range(1, len(path) + 1):
            aisle = self._aisles[path[:depth]]
            aisle.discard(product.id)
            if not aisle:
                del self._aisles[path[:depth]]
        self.aisle_changes += 1


def product_from_payload(payload: Mapping[str, Any]) -> Product:
    """Read the public Product of a ``ProductChanged`` event."""
    categories = payload.get("categories") or [{}]
    images, brands = payload.get("images") or [], payload.get("brands") or []
    return Product(
        id=payload["id"],
        titles=dict(payload.get("title") or {}),
        brand=brands[0] if brands else "",
        price=payload.get("price"),
        original_price=payload.get("original_price"),
        availability=payload.get("availability") or "in-stock",
        category_levels={
            language: tuple(part.strip() for part in path.split(LEVEL_SEPARATOR.strip()) if part.strip())
            for language, path in categories[-1].items()
        },
        tags=tuple(payload.get("tags") or ()),
        attributes={name: tuple(values) for name, values in (payload.get("attributes") or {}).items()},
        image=images[0] if images else "",
        shop=payload.get("shop") or "",
        version=int(payload.get("version") or 0),
        withdrawn=bool(payload.get("withdrawn")),
    )


def _product_from_body(body: dict[str, Any]) -> Product:
    return Product(
        **{
            **body,
            "tags": tuple(body["tags"]),
            "category_levels": {name: tuple(levels) for name, levels in body["category_levels"].items()},
            "attributes": {name: tuple(values) for name, values in body["attributes"].items()},
        }
    )
