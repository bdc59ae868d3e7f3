"""Everything that an answer is made from, as it stands now. Parts are replaced whole, so a request sees one state."""

from dataclasses import dataclass, field

from services.recommendation.store.aisles import Aisles
from services.recommendation.store.ledger import Ledger
from services.recommendation.store.people import People
from services.recommendation.store.serving import ServingModel
from services.recommendation.store.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Board:
    """What is popular now: product ids with their score, best first; at most BOARD_LIMIT."""

    product_ids: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()


BOARD_LIMIT = 1_000


@dataclass(slots=True)
class World:
    """The copies, the model in force (None before the first), the popular board, and the categories in its order."""

    ledger: Ledger = field(default_factory=Ledger)
    people: People = field(default_factory=People)
    shelf: Shelf = field(default_factory=Shelf)
    model: ServingModel | None = None
    board: Board = field(default_factory=Board)
    aisles: Aisles = field(default_factory=Aisles)
