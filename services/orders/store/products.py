"""The copy of the catalogue that promises need, out of search's log ``products``."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from services.chassis.documents.port import BATCH_LIMIT, Collection, DocumentStore
from services.chassis.eventlog.generations import Generations, Resolve
from services.chassis.eventlog.port import Event
from services.chassis.eventlog.projection import KeyedProjection, live_body
from services.orders.domain.offers import ProductFacts, product_facts
from services.orders.domain.stage_catalog import StageCatalog

LOG, OWNER = "products", "search"
CHANGED_TYPE: Final = "ProductChanged"
PRODUCT_PROJECTION: Final = "order-products"
PRODUCTS: Final = Collection("order_products")


def product_generations(documents: DocumentStore) -> Generations:
    """Return the generations of the copy."""
    return Generations(documents, PRODUCT_PROJECTION, (PRODUCTS,))


def product_projection(documents: DocumentStore, catalog: StageCatalog, name: str, resolve: Resolve) -> KeyedProjection:
    """Return the projection of one generation."""

    def fold(_key: str, body: Mapping[str, Any] | None, event: Event) -> Mapping[str, Any] | None:
        product = product_facts(event.payload, catalog)
        if body is not None and body["version"] >= product.version > 0:
            return None
        return asdict(product)

    return KeyedProjection(documents, resolve(PRODUCTS), name=name, keys=_keys, fold=fold)


class ProductCopies:
    """Reads the copy."""

    def __init__(self, documents: DocumentStore, generations: Generations) -> None:
        self._documents, self._generations = documents, generations

    async def get(self, product_id: str) -> ProductFacts | None:
        """Return a product, None for one that the catalogue never had."""
        return (await self.get_many([product_id])).get(product_id)

    async def get_many(self, product_ids: Sequence[str]) -> dict[str, ProductFacts]:
        """Return those that are known, by id."""
        found: dict[str, ProductFacts] = {}
        ids = list(dict.fromkeys(product_ids))
        for start in range(0, len(ids), BATCH_LIMIT):
            documents = await self._documents.get_many(
                self._generations.resolve(PRODUCTS), ids[start : start + BATCH_LIMIT]
            )
            for key, document in documents.items():
                body = live_body(document)
                if body is not None:
                    found[key] = ProductFacts(**body)
        return found


def _keys(event: Event) -> Sequence[str]:
    return (event.payload["id"],) if event.type == CHANGED_TYPE else ()
