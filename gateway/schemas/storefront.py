"""What a shop's front end reads and writes."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.schemas.forms import IdentifierText, Language, Money, Read, Shown

Availability = Literal["in-stock", "out-of-stock", "backorder"]


class ProductCard(Shown):
    """A product as lists show it."""

    id: str
    title: Annotated[str, Field(description="In the language asked for.")]
    titles: dict[str, str]
    brand: str
    price: Money | None
    original_price: Money | None
    availability: Availability | str
    category: str
    tags: list[str]
    attributes: dict[str, list[str]]
    image: str


class HighlightPart(Shown):
    """A piece of the title."""

    text: str
    hit: bool


class SearchResult(Shown):
    """One hit."""

    product: ProductCard
    highlight: list[HighlightPart]
    position: Annotated[int, Field(description="1-based over the whole search; send it with the click.")]


class FacetValue(Shown):
    """A value and how many products have it."""

    value: Annotated[str, Field(description="Usable in a filter.")]
    label: str
    count: int


class Facet(Shown):
    """Counts of one field."""

    field: str
    values: list[FacetValue]


class SearchAnswer(Shown):
    """What was found."""

    results: list[SearchResult]
    facets: list[Facet]
    total_size: int
    next_page_token: str
    attribution_token: Annotated[str, Field(description="Send it with every event that follows from this answer.")]
    corrected_query: str
    matched_terms: Literal["all", "any", "none"] | str
    engine_us: int
    redirect_url: Annotated[str, Field(description="Where a Control sends the shopper instead: a path or page.")]
    stale: Annotated[bool, Field(description="Kept from before: the search service is down or late.")] = False


class Suggestion(Shown):
    """One completion."""

    text: str
    kind: Literal["query", "category", "brand", "product"] | str
    product_id: str
    price: Money | None


class SuggestAnswer(Shown):
    """Completions."""

    suggestions: list[Suggestion]


class Slot(Shown):
    """One product in a placement."""

    product: ProductCard
    reason: Annotated[str, Field(description="In the language asked for.")]
    reason_code: str
    reason_params: dict[str, str]
    source: str
    score: Annotated[float, Field(description="Comparable within one answer only.")]


class RecommendationAnswer(Shown):
    """A filled placement."""

    slots: list[Slot]
    placement: str
    source: str
    model_version: str
    fallback_reason: Annotated[str, Field(description="Why it is not personal; empty when it is.")]
    attribution_token: str
    engine_us: int


class CartLine(Shown):
    """One line."""

    product: ProductCard
    quantity: int


class Cart(Shown):
    """A cart, derived from events."""

    lines: list[CartLine]
    total: Money | None
    as_of_time: datetime


class Product(Shown):
    """A product of the catalogue."""

    id: str
    title: dict[str, str]
    description: dict[str, str]
    categories: list[dict[str, str]]
    brands: list[str]
    price: Money | None
    original_price: Money | None = None
    available_quantity: int
    availability: Availability | str
    attributes: dict[str, list[str]]
    tags: list[str]
    uri: str
    images: list[str]
    shop: str
    version: Annotated[int, Field(description="The ETag.")]
    update_time: datetime | None
    withdrawn: bool = False


class ShopperTokenRequest(Read):
    """Whom the token speaks for."""

    identifiers: Annotated[list[IdentifierText], Field(min_length=1, max_length=8, description="The strongest first.")]
    life_s: Annotated[int, Field(ge=60, le=3_600, description="Seconds until it ends.")] = 3_600


class ShopperTokenAnswer(Shown):
    """A token for a browser or app."""

    token: str
    expire_time: datetime
    identifiers: Annotated[list[str], Field(description="In their normal form.")]


class EventProduct(Shown):
    """A product in an event; of an order, a line."""

    id: str
    quantity: int = 1
    price: Money | None = None
    discount: Money | None = None
    coupon_discount: Money | None = None
    line: str = ""
    kind: Literal["goods", "charge"] = "goods"


class EventSearch(Shown):
    """What was searched."""

    query: str
    attribution_token: str = ""


class EventOrder(Shown):
    """An order."""

    number: str
    total: Money | None = None
    kind: Literal["sale", "return"] = "sale"


class UserEvent(Shown):
    """Something that a shopper did."""

    id: Annotated[str, Field(min_length=1, max_length=128, description="The client's own; a retry repeats it.")]
    type: Literal[
        "search",
        "detail-page-view",
        "add-to-cart",
        "remove-from-cart",
        "purchase-complete",
        "home-page-view",
        "category-page-view",
        "shopping-cart-page-view",
        "impression",
        "login",
    ]
    time: datetime
    visitor_id: str = ""
    identifiers: list[IdentifierText] = []
    shop: str = ""
    channel: Literal["web", "app", "store", "phone", "social"] | str = ""
    language: Language | str = ""
    products: list[EventProduct] = []
    search: EventSearch | None = None
    attribution_token: str = ""
    position: int | None = None
    placement: str = ""
    order: EventOrder | None = None
    attributes: dict[str, str] = {}


class EventBatch(Shown):
    """Events of one request."""

    events: Annotated[list[UserEvent], Field(min_length=1, max_length=500)]


class VerdictError(Shown):
    """Why an event was refused."""

    reason: str
    message: str
    field: str = ""


class Verdict(Shown):
    """What became of one event."""

    id: str
    status: Literal["stored", "duplicate", "rejected"]
    error: VerdictError | None = None


class EventVerdicts(Shown):
    """One verdict for each event, in order; stored ones are durable."""

    verdicts: list[Verdict]
    stored: int
    duplicate: int
    rejected: int
