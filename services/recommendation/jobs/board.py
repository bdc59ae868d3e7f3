"""Keeps the popular board: who sells now, recounted in a thread when purchases were added."""

import asyncio

import numpy as np

from services.chassis.clock import Clock
from services.recommendation.domain.interactions import DAY_S
from services.recommendation.domain.popularity import POPULARITY_HALF_LIFE_DAYS, recent_popularity
from services.recommendation.domain.ranking import best
from services.recommendation.store.ledger import LedgerSnapshot
from services.recommendation.store.world import BOARD_LIMIT, Board, World

HALF_LIVES_COUNTED = 6  # older purchases weigh less than a 64th


class BoardKeeper:
    """A job of every replica: ``refresh`` at intervals."""

    def __init__(self, world: World, clock: Clock) -> None:
        self._world, self._clock = world, clock
        self._counted: tuple[object, int, int] | None = None

    async def refresh(self) -> None:
        """Recount if something was bought since the last count."""
        ledger = self._world.ledger
        state = (ledger, ledger.purchases, ledger.changes)
        if state == self._counted:
            return
        now_s = int(self._clock.now().timestamp())
        self._world.board = await asyncio.to_thread(count_board, ledger.snapshot(), now_s)
        self._counted = state


def count_board(snapshot: LedgerSnapshot, now_s: int) -> Board:
    """Return the board of a moment: decayed distinct buyers, counted back from the last purchase.

    Counting back from the last purchase rather than from now keeps the order of a shop that was closed for a while.
    """
    rows, product_ids = snapshot.interactions(None, None)
    purchases = rows.purchases()
    if not len(purchases.item):
        return Board()
    present_s = min(now_s, int(purchases.time_s.max()))
    oldest_s = present_s - round(HALF_LIVES_COUNTED * POPULARITY_HALF_LIFE_DAYS * DAY_S)
    scores = recent_popularity(purchases.where(purchases.time_s >= oldest_s), now_s=present_s)
    scores = np.where(scores > 0, scores, -np.inf)
    top = best(scores, BOARD_LIMIT).tolist()
    return Board(tuple(product_ids[place] for place in top), tuple(float(scores[place]) for place in top))
