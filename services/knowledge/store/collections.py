"""The collections of knowledge and the projections that fill them."""

from typing import Final

from services.chassis.documents.port import Collection, Index
from services.chassis.eventlog.outbox import OUTBOX_INDEX

USER_EVENTS: Final = "user-events"
CUSTOMERS: Final = "customers"
CUSTOMER_CLAIMS: Final = "customer-claims"
PRODUCTS: Final = "products"

BY_SUBJECT: Final = "subject"
BY_ACCOUNT: Final = "account"

# Projection "shopping", from user-events and order-events. ACTIVITY and STATEMENTS are keyed by the own customer id of
# the identifier.
ORDERS: Final = Collection("orders", (Index(BY_SUBJECT, ("subject", "time_us")),))
ACTIVITY: Final = Collection("activity")
SHOPPING: Final = "shopping"

# Projection "statements", from customer-claims.
STATEMENTS: Final = Collection("statements", (Index(BY_ACCOUNT, ("account_id",)),))
STATED: Final = "statements"

# Projection "own-label", from products.
OWN_LABEL: Final = Collection("own_label_products")
OWN_LABEL_GOODS: Final = "own-label"

# What was last published of each identifier, with an outbox.
RESOLUTIONS: Final = Collection("resolutions", (OUTBOX_INDEX,))

ANNOUNCED_RULES: Final = Collection("announced_rules")

# The basis of classes, and who is of which class, in chunks.
CLASS_BASIS: Final = Collection("class_basis")
CLASS_MEMBERS: Final = Collection("class_members")
