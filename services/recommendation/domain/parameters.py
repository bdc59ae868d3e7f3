"""Shipped parameters, each with where it comes from, so that a shop trains without a search of its own."""

from collections.abc import Iterator
from itertools import product

from services.recommendation.domain.model import AlsParameters

# Best mean NDCG@10 on new items over the two 4-week windows of Complete Journey that lie before the three reported
# ones, of SWEEP below: `python -m benchmarks.recommendation --sweep-journey`.
SHIPPED = AlsParameters(factors=32, regularization=40.0, alpha=2.0, iterations=15, half_life_days=84.0)

# EASE on Complete Journey baskets, last 4 weeks held out. NDCG@10 of the rest of a basket from one item: .112 at 300,
# .115 at 1,000, .121 at 3,000; of one item from the rest of the basket: .105, .098, .091 (co-counts: .066).
EASE_REGULARIZATION = 1_000.0

SEED = 20_171  # any fixed number: the same rows train the same model, on every engine
SWEEP_SEEDS = (1, 2)

_FACTORS = (16, 24, 32, 48)
_REGULARIZATIONS = (10.0, 20.0, 40.0, 80.0)
_ALPHAS = (1.0, 2.0, 4.0, 8.0)
_HALF_LIVES_DAYS = (56.0, 84.0)


def sweep() -> Iterator[AlsParameters]:
    """Yield the grid that a sweep tries, in a fixed order."""
    for factors, regularization, alpha, half_life_days in product(
        _FACTORS, _REGULARIZATIONS, _ALPHAS, _HALF_LIVES_DAYS
    ):
        yield AlsParameters(factors, regularization, alpha, SHIPPED.iterations, half_life_days)
