"""The products of a category in the order in which they are offered: the most bought lately first, then by id."""

from services.recommendation.store.shelf import Shelf

REMEMBERED_LIMIT = 2_000  # categories in order; a shop has some hundreds


class Aisles:
    """Sorted when first asked for, and again when a category gained or lost a product or other things are popular.

    Whether a product may be shown is not looked at here: that is for the answer's own moment.
    """

    def __init__(self) -> None:
        self._shelf: Shelf | None = None
        self._popular: tuple[str, ...] = ()
        self._changes = 0
        self._rank: dict[str, int] = {}
        self._ranked: dict[tuple[str, ...], tuple[str, ...]] = {}

    @property
    def remembered(self) -> int:
        """How many categories are kept in order."""
        return len(self._ranked)

    def ranked(self, shelf: Shelf, popular: tuple[str, ...], path: tuple[str, ...]) -> tuple[str, ...]:
        """Return the ids of all products whose category is ``path`` or lies below it; ``popular``: best first."""
        if shelf is not self._shelf or popular is not self._popular or shelf.aisle_changes != self._changes:
            self._shelf, self._popular, self._changes = shelf, popular, shelf.aisle_changes
            self._rank = {product_id: place for place, product_id in enumerate(popular)}
            self._ranked = {}
        ranked = self._ranked.get(path)
        if ranked is None:
            if len(self._ranked) >= REMEMBERED_LIMIT:
                self._ranked.clear()
            rank, last = self._rank, len(self._rank)
            ranked = tuple(sorted(shelf.aisle(path), key=lambda each: (rank.get(each, last), each)))
            self._ranked[path] = ranked
        return ranked
