"""Every weight, wait and chance of the load in one place."""

from collections.abc import Mapping
from typing import Final

# One request a second of each user, so that as many users as a shape has are as many requests a second.
REQUESTS_PER_USER_PER_S: Final = 1.0
# Of a hundred users.
WEIGHTS: Final[Mapping[str, int]] = {"shopper": 91, "partner": 5, "merchandiser": 3, "pr": 1}

# Shoppers, by chance at each step of a visit; the language is that of the query (0.55 Chinese).
STARTS_AT_HOME: Final = 0.4
TYPES_SLOWLY: Final = 0.35  # asks for suggestions while typing
NEXT_PAGE: Final = 0.08
CLICKS: Final = 2  # results looked at, at most
CLICK: Final = 0.6
CLICK_DECAY: Final = 0.7  # a result's chance by its place
ADDS_TO_CART: Final = 0.35
BUYS: Final = 0.3  # of those who look at a filled cart
SEARCH_PAGE: Final = 24
SLOTS: Final = 12

# A shop's own systems: batches from the tills.
BATCH_EVENTS: Final = 20
LINES_PER_ORDER: Final = 4

# Merchandisers.
EDITS: Final = 0.4  # of their steps; the others read
PRODUCTS_EACH: Final = 8
MERCHANDISERS_LIMIT: Final = 16  # who edit, apart, so that an edit is overwritten by its own author alone
PRICE_FACTORS: Final = (0.9, 0.95, 1.05, 1.1)

# PR staff.
FILTERS: Final = 0.5  # of their looks at mentions are at one tone
