"""What a shopper's event may be: the public form, its bounds, and the one normalised form that is kept.

Every refusal names a reason and a field; nothing is repaired by guessing. Texts that name things (ids, shops, order
numbers) refuse control characters; a search query, which people paste, has them turned into spaces.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from services.kits.event_forms import (
    CONTROL,
    EventRefusedError,
    MoneyForm,
    ProductForm,
    check_one_currency,
    checked_identifier,
    checked_money,
    checked_name,
    checked_product,
    checked_text,
)
from services.kits.purchases import (
    BY_BROWSER,
    BY_SHOP,
    FUTURE_TOLERANCE,
    MAX_ORDER_LINES,
    MAX_ORDER_NUMBER_CHARACTERS,
    MAX_SHOP_CHARACTERS,
    PURCHASE,
    RETURN,
    SALE,
    is_channel,
)
from services.kits.text.identifiers import (
    VISITOR,
    anonymous_identifier,
    by_strength,
)

SEARCH: Final = "search"
LOGIN: Final = "login"
EVENT_TYPES: Final = frozenset(
    {
        SEARCH,
        PURCHASE,
        LOGIN,
        "detail-page-view",
        "add-to-cart",
        "remove-from-cart",
        "home-page-view",
        "category-page-view",
        "shopping-cart-page-view",
        "impression",
    }
)
_NEEDS_PRODUCTS: Final = frozenset({PURCHASE, "detail-page-view", "add-to-cart", "remove-from-cart", "impression"})

MAX_BATCH_EVENTS: Final = 500
MAX_ID_CHARACTERS: Final = 128
MAX_LANGUAGE_CHARACTERS: Final = 35
MAX_IDENTIFIERS: Final = 8
MAX_PRODUCTS: Final = 200
MAX_QUERY_CHARACTERS: Final = 500
MAX_TOKEN_CHARACTERS: Final = 1_024
MAX_PLACEMENT_CHARACTERS: Final = 64
MAX_POSITION: Final = 10_000
MAX_ATTRIBUTES: Final = 20
MAX_ATTRIBUTE_NAME_CHARACTERS: Final = 64
MAX_ATTRIBUTE_CHARACTERS: Final = 256
OLDEST_AGE: Final = timedelta(days=3_653)  # ten years

_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)


@dataclass(frozen=True, slots=True)
class SearchForm:
    """What was searched, as it comes."""

    query: str = ""
    attribution_token: str | None = None


@dataclass(frozen=True, slots=True)
class OrderForm:
    """The order of a purchase, as it comes."""

    number: str = ""
    total: MoneyForm | None = None
    kind: str = SALE


@dataclass(frozen=True, slots=True)
class UserEventForm:
    """A user event as it comes."""

    id: str
    type: str
    time: datetime
    visitor_id: str | None = None
    identifiers: Sequence[str] = ()
    shop: str | None = None
    channel: str | None = None
    language: str | None = None
    products: Sequence[ProductForm] = ()
    search: SearchForm | None = None
    attribution_token: str | None = None
    position: int | None = None
    placement: str | None = None
    order: OrderForm | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IntakeRules:
    """What holds for all events of one request. ``allowed`` None: a shop's own key, may write for anyone."""

    now: datetime
    default_shop: str
    default_channel: str
    allowed: frozenset[str] | None = None
    oldest_age: timedelta = OLDEST_AGE


@dataclass(frozen=True, slots=True)
class CheckedEvent:
    """An event in its one normalised form. ``payload`` is the public form, identifiers strongest first."""

    id: str
    type: str
    time: datetime
    shop: str
    channel: str
    subject: str
    payload: dict[str, Any]


def check_event(form: UserEventForm, rules: IntakeRules) -> CheckedEvent:
    """Return the normalised event. Raises EventRefusedError."""
    event_id = checked_name(form.id, MAX_ID_CHARACTERS, "id", reason="EVENT_ID_INVALID")
    if form.type not in EVENT_TYPES:
        raise EventRefusedError("UNKNOWN_EVENT_TYPE", f"type is one of {', '.join(sorted(EVENT_TYPES))}", field="type")
    time = _time(form.time, rules)
    shop = checked_name(form.shop or rules.default_shop, MAX_SHOP_CHARACTERS, "shop")
    channel = form.channel or rules.default_channel
    if not is_channel(channel):
        raise EventRefusedError("CHANNEL_INVALID", "a channel is 1 to 32 of a-z 0-9 -", field="channel")
    identifiers = _identifiers(form, rules)
    payload: dict[str, Any] = {
        "id": event_id,
        "type": form.type,
        "time": time.isoformat(),
        "identifiers": identifiers,
        "shop": shop,
        "channel": channel,
    }
    _add_products(payload, form)
    if form.order is not None or form.type == PURCHASE:
        _add_order(payload, form, rules)
    _add_context(payload, form)
    subject = identifiers[0] if identifiers else _anonymous_subject(payload, rules)
    return CheckedEvent(event_id, form.type, time, shop, channel, subject, payload)


def _time(time: datetime, rules: IntakeRules) -> datetime:
    if time.tzinfo is None:
        raise EventRefusedError("EVENT_TIME_INVALID", "a time needs its zone: 2026-11-23T10:00:00+08:00", field="time")
    age = rules.now - time
    if age < -FUTURE_TOLERANCE:
        raise EventRefusedError("FUTURE_EVENT", "the time lies more than 5 minutes in the future", field="time")
    if age > rules.oldest_age:
        years = rules.oldest_age.days // 365
        raise EventRefusedError("EVENT_TOO_OLD", f"the time lies more than {years} years back", field="time")
    return time.astimezone(UTC)


def _identifiers(form: UserEventForm, rules: IntakeRules) -> list[str]:
    if len(form.identifiers) > MAX_IDENTIFIERS:
        raise EventRefusedError("TOO_MANY_IDENTIFIERS", f"at most {MAX_IDENTIFIERS} identifiers", field="identifiers")
    found = [checked_identifier(text, f"identifiers[{index}]") for index, text in enumerate(form.identifiers)]
    if form.visitor_id is not None:
        found.append(checked_identifier(f"{VISITOR}:{form.visitor_id}", "visitor_id"))
    if rules.allowed is None:
        return list(by_strength(found)) if len(found) > 1 else found
    if not found:
        return list(by_strength(rules.allowed))
    if not rules.allowed.issuperset(found):
        raise EventRefusedError(
            "IDENTIFIER_NOT_ALLOWED", "the key or token may not write for this identifier", field="identifiers"
        )
    return list(by_strength(found)) if len(found) > 1 else found


def _anonymous_subject(payload: Mapping[str, Any], rules: IntakeRules) -> str:
    """An order of the shop's books may be nobody's; everything else is somebody's."""
    number = payload["order"].get("number", "") if "order" in payload else ""
    if rules.allowed is None and payload["type"] == PURCHASE and number:
        return anonymous_identifier(payload["shop"], number)
    raise EventRefusedError(
        "IDENTIFIER_MISSING", "visitor_id or identifiers must say whose event it is", field="identifiers"
    )


def _add_products(payload: dict[str, Any], form: UserEventForm) -> None:
    if not form.products:
        if form.type in _NEEDS_PRODUCTS:
            raise EventRefusedError("PRODUCTS_MISSING", f"{form.type} names at least one product", field="products")
        return
    limit = MAX_ORDER_LINES if form.type == PURCHASE else MAX_PRODUCTS
    if len(form.products) > limit:
        raise EventRefusedError("TOO_MANY_PRODUCTS", f"at most {limit} products", field="products")
    payload["products"] = [checked_product(product, index) for index, product in enumerate(form.products)]


def _add_order(payload: dict[str, Any], form: UserEventForm, rules: IntakeRules) -> None:
    order = form.order or OrderForm()
    if form.type != PURCHASE:
        raise EventRefusedError("ORDER_UNEXPECTED", f"only {PURCHASE} carries an order", field="order")
    if order.kind not in (SALE, RETURN):
        raise EventRefusedError("KIND_INVALID", "an order's kind is sale or return", field="order.kind")
    body: dict[str, Any] = {"kind": order.kind, "source": BY_BROWSER if rules.allowed is not None else BY_SHOP}
    if order.number:
        body["number"] = checked_name(order.number, MAX_ORDER_NUMBER_CHARACTERS, "order.number")
    if order.total is not None:
        body["total"] = checked_money(order.total, "order.total")
    check_one_currency(body, payload.get("products", ()))
    payload["order"] = body


def _add_context(payload: dict[str, Any], form: UserEventForm) -> None:
    if form.search is not None:
        payload["search"] = _search(form.search)
    elif form.type == SEARCH:
        raise EventRefusedError("SEARCH_MISSING", "a search says what was searched", field="search")
    if form.language:
        if len(form.language) > MAX_LANGUAGE_CHARACTERS or not _LANGUAGE.fullmatch(form.language):
            raise EventRefusedError("LANGUAGE_INVALID", "a language is a BCP 47 tag", field="language")
        payload["language"] = form.language
    if form.attribution_token:
        payload["attribution_token"] = checked_name(form.attribution_token, MAX_TOKEN_CHARACTERS, "attribution_token")
    if form.position is not None:
        if not 0 <= form.position <= MAX_POSITION:
            raise EventRefusedError("POSITION_INVALID", f"a position is 0 to {MAX_POSITION}", field="position")
        payload["position"] = form.position
    if form.placement:
        payload["placement"] = checked_name(form.placement, MAX_PLACEMENT_CHARACTERS, "placement")
    if form.attributes:
        payload["attributes"] = _attributes(form.attributes)


def _search(search: SearchForm) -> dict[str, Any]:
    query = search.query
    if len(query) > MAX_QUERY_CHARACTERS:
        raise EventRefusedError(
            "TEXT_TOO_LONG", f"a query has at most {MAX_QUERY_CHARACTERS} characters", field="search.query"
        )
    body = {"query": query if query.isprintable() else CONTROL.sub(" ", query)}
    if search.attribution_token:
        body["attribution_token"] = checked_name(
            search.attribution_token, MAX_TOKEN_CHARACTERS, "search.attribution_token"
        )
    return body


def _attributes(attributes: Mapping[str, str]) -> dict[str, str]:
    if len(attributes) > MAX_ATTRIBUTES:
        raise EventRefusedError("TOO_MANY_ATTRIBUTES", f"at most {MAX_ATTRIBUTES} attributes", field="attributes")
    return {
        checked_name(name, MAX_ATTRIBUTE_NAME_CHARACTERS, "attributes"): checked_text(
            value, MAX_ATTRIBUTE_CHARACTERS, "attributes"
        )
        for name, value in attributes.items()
    }
