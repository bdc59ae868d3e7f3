"""The catalogue in memory as Controls see it."""

from collections.abc import Iterable, Sequence

from services.kits.controls.catalogue import ProductFacts
from services.search.store.catalog_memory import CatalogMemory


class CatalogFacts:
    """A catalogue for Controls."""

    def __init__(self, memory: CatalogMemory) -> None:
        self._memory = memory

    @property
    def position(self) -> int:
        return self._memory.changes

    def follow(self, after: int) -> Sequence[str] | None:
        return self._memory.changed_after(after)

    def facts(self, product_id: str) -> ProductFacts | None:
        return self._memory.facts(product_id)

    def ids(self) -> Iterable[str]:
        return self._memory.ids()
