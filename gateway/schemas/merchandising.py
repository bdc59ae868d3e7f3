"""What a shop's backend and its merchandisers read and write."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from gateway.schemas.forms import Money, Read, RequestId, Shown


class ProductPatch(Read):
    """New values; a field that is absent stays, ``original_price`` null takes it away."""

    price: Money | None = None
    original_price: Money | None = None
    available_quantity: Annotated[int | None, Field(ge=-1, le=10**12, description="-1: stock is not kept.")] = None
    availability: Literal["in-stock", "out-of-stock", "backorder"] | None = None
    withdrawn: bool | None = None
    request_id: RequestId = ""


class QueryInsight(Shown):
    """One query's numbers in the window."""

    query: str
    searches: int
    searches_before: Annotated[int, Field(description="In the window before.")]
    clicks: int
    click_rate: Annotated[float, Field(description="Smoothed.")]
    results: Annotated[int, Field(description="Of the last search.")]
    purchases: int
    mean_click_position: float


class QueryInsights(Shown):
    """A page of a view of the search log."""

    queries: list[QueryInsight]
    next_page_token: str
    as_of_time: datetime | None


class QueryDay(Shown):
    """One query on one of the shop's days."""

    day: Annotated[str, Field(examples=["2026-11-30"])]
    searches: int
    empty: Annotated[int, Field(description="Searches that found nothing.")]
    clicks: int
    purchases: int


class QueryCourse(Shown):
    """One query over a window."""

    insight: QueryInsight
    days: list[QueryDay]
    clicks_by_position: Annotated[list[int], Field(description="At positions 1 to 20, and last those further down.")]
    as_of_time: datetime | None
