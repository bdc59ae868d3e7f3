"""Recent popularity: how many different people bought an item lately. The yardstick that a model has to beat."""

import numpy as np
import numpy.typing as npt

from services.recommendation.domain.interactions import Interactions, Kind, decayed

# Chosen on Complete Journey among 7, 14, 21, 28, 42 days on two windows before those that are reported: 28 was best,
# which makes it the hardest yardstick. Counting lines instead of people was worse at every half-life (.048 to .056).
POPULARITY_HALF_LIFE_DAYS = 28.0


def recent_popularity(
    rows: Interactions, *, now_s: int, half_life_days: float = POPULARITY_HALF_LIFE_DAYS
) -> npt.NDArray[np.float64]:
    """Return a score per item: the sum over its buyers of 2^(-age of the buyer's last purchase / half-life).

    Anonymous orders count as a buyer each. Shape (items,). The sums are exact, so buyers come in any order.
    """
    bought = rows.where(rows.kind == Kind.PURCHASE)
    anonymous = bought.person < 0
    buyer = np.where(anonymous, rows.persons + bought.basket.astype(np.int64), bought.person.astype(np.int64))
    pair = buyer * rows.items + bought.item
    order = np.lexsort((bought.time_s, pair))
    pair, time_s = pair[order], bought.time_s[order]
    is_last = np.ones(len(pair), dtype=bool)
    is_last[:-1] = pair[1:] != pair[:-1]
    weights = decayed(time_s[is_last], now_s=now_s, half_life_days=half_life_days)
    scores: npt.NDArray[np.float64] = np.bincount(  # type: ignore[assignment]  # floats, as there are weights
        pair[is_last] % max(1, rows.items), weights=weights, minlength=rows.items
    )
    return scores
