"""The collections of reputation's hearing and the projections that fill them."""

from typing import Final

from services.chassis.documents.port import Collection, Index

MENTIONS_LOG: Final = "mentions"
PRODUCTS_LOG: Final = "products"

BY_TIME: Final = "time"
BY_SOURCE: Final = "source"
BY_TONE: Final = "tone"
BY_CLUSTER: Final = "cluster"
BY_SCOPE: Final = "scope"
BY_DAY: Final = "day"
BY_USE: Final = "use"
BY_CHANGE: Final = "change"
BY_NEXT: Final = "next"

# Projection "hearing", from the log of mentions. MENTIONS are keyed by the event's identity.
HEARING: Final = "hearing"
MENTIONS: Final = Collection(
    "mentions",
    (
        Index(BY_TIME, ("shop", "published_us")),
        Index(BY_SOURCE, ("shop", "source", "published_us")),
        Index(BY_TONE, ("shop", "tone", "published_us")),
        Index(BY_CLUSTER, ("cluster_id", "published_us")),
    ),
)
# Where a mention stands among those of a brand or product, of which it may name several.
MENTION_PLACES: Final = Collection("mention_places", (Index(BY_SCOPE, ("scope", "published_us")),))
CLUSTERS: Final = Collection("clusters", (Index(BY_TIME, ("shop", "last_us")),))
# What leads to a cluster: exact texts, bands, references (services/reputation/domain/clusters.py).
CLUSTER_KEYS: Final = Collection("cluster_keys", (Index(BY_USE, ("used_us",)),))
# One document for each scope and UTC day; its 5-minute buckets within.
COUNTERS: Final = Collection("mention_counters", (Index(BY_SCOPE, ("scope", "day")), Index(BY_DAY, ("day", "scope"))))

# Projection "product-names", from the log of products.
PRODUCT_NAMES: Final = Collection("product_names", (Index(BY_CHANGE, ("changed_us",)),))
NAMES: Final = "product-names"

# What people edit.
BRANDS: Final = Collection("brands")
SOURCES: Final = Collection("sources")
# How fetching each source goes.
STANDINGS: Final = Collection("source_standings", (Index(BY_NEXT, ("next_us",)),))
