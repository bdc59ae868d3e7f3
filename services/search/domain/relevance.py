"""Owns how products are ranked: every constant of the ranking has its name, its reason and its place here.

All were chosen by reasoning before any judged query was looked at; benchmarks/search.py holds them to a judged set.
"""

import math
from typing import Final

# What a word's match is worth by field, as factors on BM25. The title says what a product is; brand and category do so
# in fewer words, whose matches BM25 already values higher, hence a little less; the rest mentions much that it is not.
TITLE_WEIGHT: Final = 1.0
BRAND_WEIGHT: Final = 0.8
CATEGORY_WEIGHT: Final = 0.8
DETAIL_WEIGHT: Final = 0.3
# A word is scored by its best field plus this share of the others: a brand that is repeated in the title is no second
# piece of evidence, or "hp laptop" would rank HP's mice above other makers' laptops.
TIE: Final = 0.3
# A compound's atoms in a row stand for the compound; words inside a longer word stand for part of it.
PARTS_WEIGHT: Final = 0.9
INNER_WEIGHT: Final = 0.5
CHARACTER_WEIGHT: Final = 0.6
# The query's words in one piece in the title.
PHRASE_WEIGHT: Final = 0.5

# Below so many products with all the words (and no filter that explains it) products with some of them follow.
RELAX_BELOW: Final = 10

# Popularity may lift a product by at most half, at a tenth of that for one purchase a week; what is sold out sinks.
POPULARITY_WEIGHT: Final = 0.5
POPULARITY_PIVOT: Final = 9_000.0
POPULARITY_SCALE: Final = 1_000
IN_STOCK_WEIGHT: Final = 0.5


def words_required(words: int) -> int:
    """Return how many of ``words`` a product must have once not all are asked for: more than half, one of two."""
    return max(1, math.ceil(words / 2))
