"""A model version ready to answer: its arrays, lined up with the ledger's numbering and the shelf's present state."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from services.recommendation.domain.catalog import Product
from services.recommendation.domain.fold_in import ItemFactors, item_factors
from services.recommendation.domain.interactions import Bools, Floats, Ints
from services.recommendation.domain.model import Ranker
from services.recommendation.domain.ranking import Head
from services.recommendation.domain.repurchase import DEFAULT_INTERVAL_DAYS
from services.recommendation.store.blobs import ModelArrays
from services.recommendation.store.ledger import Ledger
from services.recommendation.store.shelf import AISLE_LANGUAGE, Shelf

ALIKE_LIMIT = 2_000  # products whose likes are kept ranked; about 9 kB each
LEVELS = 3  # category levels that similarity looks at
NO_CATEGORY = -1


@dataclass(frozen=True, slots=True)
class Columns:
    """What is true of the model's items now: which may be shown, and their category codes by level: (LEVELS, n)."""

    sellable: Bools
    levels: Ints


class ServingModel:
    """One version in memory. Its numbering is the training set's: ``product_ids[place]``."""

    def __init__(self, version: str, ranker: Ranker, arrays: ModelArrays) -> None:
        self.version, self.ranker = version, ranker
        self.arrays = arrays
        self.anchor_s = arrays.anchor_s
        self.half_life_days = arrays.parameters.half_life_days
        self.product_ids = arrays.product_ids
        self.factors: ItemFactors = item_factors(
            arrays.factors, regularization=arrays.parameters.regularization, alpha=arrays.parameters.alpha
        )
        self._places = {product_id: place for place, product_id in enumerate(arrays.product_ids)}
        self._lined_up: tuple[Ledger, int] | None = None
        self._of_ledger: Ints = np.empty(0, dtype=np.int32)
        self._intervals: Floats = np.empty(0, dtype=np.float32)
        self._shelf: Shelf | None = None
        self._shelf_position = 0
        self._category_codes: dict[tuple[str, ...], int] = {}
        self._alike: dict[int, Head] = {}
        self._columns = Columns(
            np.zeros(len(self), dtype=bool), np.full((LEVELS, len(self)), NO_CATEGORY, dtype=np.int32)
        )

    def __len__(self) -> int:
        return len(self.product_ids)

    def place(self, product_id: str) -> int:
        """Return a product's place in the model, -1 for one that it does not know."""
        return self._places.get(product_id, -1)

    def places_of_ledger(self, ledger: Ledger) -> Ints:
        """Return, by the ledger's item number, the place in the model (-1: unknown to it)."""
        self._line_up(ledger)
        return self._of_ledger

    def intervals_of_ledger(self, ledger: Ledger) -> Floats:
        """Return, by the ledger's item number, the usual days between two purchases."""
        self._line_up(ledger)
        return self._intervals

    def columns(self, shelf: Shelf) -> Columns:
        """Return what is true of the items now; looks only at products that changed since the last call."""
        changed = shelf.follow(self._shelf_position) if shelf is self._shelf else None
        if changed is None:
            changed = self.product_ids
        for product_id in changed:
            place = self.place(product_id)
            if place >= 0:
                self._see(place, shelf.get(product_id))
        self._shelf, self._shelf_position = shelf, shelf.position
        return self._columns

    def alike(self, place: int, ranked: Callable[[int], Head]) -> Head:
        """Return what ``ranked`` makes of a place from this model and the category levels; kept until these change.

        Call ``columns`` before, so that the changes of the shelf have been seen.
        """
        head = self._alike.get(place)
        if head is None:
            if len(self._alike) >= ALIKE_LIMIT:
                self._alike.clear()
            head = self._alike[place] = ranked(place)
        return head

    def category_levels(self, product: Product) -> Ints:
        """Return the codes of a product's category levels, NO_CATEGORY where it has fewer: shape (LEVELS,)."""
        path = product.category(AISLE_LANGUAGE)[:LEVELS]
        codes = np.full(LEVELS, NO_CATEGORY, dtype=np.int32)
        for depth in range(len(path)):
            codes[depth] = self._category_codes.setdefault(path[: depth + 1], len(self._category_codes))
        return codes

    def _see(self, place: int, product: Product | None) -> None:
        self._columns.sellable[place] = product is not None and product.sellable
        if product is not None:
            levels = self.category_levels(product)
            if not np.array_equal(self._columns.levels[:, place], levels):
                self._columns.levels[:, place] = levels
                self._alike.clear()

    def _line_up(self, ledger: Ledger) -> None:
        if self._lined_up != (ledger, ledger.epoch):
            self._lined_up = (ledger, ledger.epoch)
            self._of_ledger = np.empty(0, dtype=np.int32)
        known, ids = len(self._of_ledger), ledger.item_ids
        if known == len(ids):
            return
        fresh = np.fromiter((self.place(each) for each in ids[known:]), dtype=np.int32, count=len(ids) - known)
        self._of_ledger = np.concatenate([self._of_ledger, fresh])
        usual = self.arrays.intervals[np.maximum(self._of_ledger, 0)] if len(self) else np.zeros(len(ids))
        self._intervals = np.where(self._of_ledger >= 0, usual, DEFAULT_INTERVAL_DAYS).astype(np.float32)
