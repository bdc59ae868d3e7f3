"""What an event may be: every bound and the step past it, zh, emoji, full-width and control characters."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kits.event_forms import EventRefusedError, MoneyForm, ProductForm
from services.kits.text.identifiers import is_anonymous
from services.knowledge.domain import user_events as bounds
from services.knowledge.domain.user_events import (
    IntakeRules,
    OrderForm,
    SearchForm,
    UserEventForm,
    check_event,
)

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
RULES = IntakeRules(NOW, "main", "web")
BROWSER = "v-" + "a" * 22
MINE = replace(RULES, allowed=frozenset({f"visitor:{BROWSER}"}))


def form(**fields: Any) -> UserEventForm:
    given = {
        "id": "e1",
        "type": "detail-page-view",
        "time": NOW,
        "identifiers": ["login:u1"],
        "products": [ProductForm("p-1")],
    }
    return UserEventForm(**{**given, **fields})


def purchase(**fields: Any) -> UserEventForm:
    line = ProductForm("p-1", 2, MoneyForm("3.99", "USD"))
    return form(**{"type": "purchase-complete", "products": [line], "order": OrderForm("1001"), **fields})


def refusal(event: UserEventForm, rules: IntakeRules = RULES) -> tuple[str, str]:
    with pytest.raises(EventRefusedError) as refused:
        check_event(event, rules)
    return refused.value.reason, refused.value.field


def test_an_event_is_kept_in_one_normalised_form() -> None:
    event = check_event(
        form(
            time=datetime(2026, 11, 23, 10, 0, tzinfo=timezone(timedelta(hours=8))),
            visitor_id=BROWSER,
            identifiers=["phone:139 1122 3344", "card:1000-231"],
            search=SearchForm("牛奶"),
            attribution_token="t",
            position=3,
            placement="similar-items",
            language="zh",
            attributes={"simulated": "true"},
        ),
        RULES,
    )
    assert event.subject == "card:1000231"
    assert event.payload == {
        "id": "e1",
        "type": "detail-page-view",
        "time": "2026-11-23T02:00:00+00:00",
        "identifiers": ["card:1000231", "phone:+8613911223344", f"visitor:{BROWSER}"],
        "shop": "main",
        "channel": "web",
        "products": [{"id": "p-1", "quantity": 1}],
        "search": {"query": "牛奶"},
        "language": "zh",
        "attribution_token": "t",
        "position": 3,
        "placement": "similar-items",
        "attributes": {"simulated": "true"},
    }


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (form(id=""), ("EVENT_ID_INVALID", "id")),
        (form(id="x" * 129), ("EVENT_ID_INVALID", "id")),
        (form(id="a\x00b"), ("EVENT_ID_INVALID", "id")),
        (form(type="thought"), ("UNKNOWN_EVENT_TYPE", "type")),
        (form(time=datetime(2026, 11, 23)), ("EVENT_TIME_INVALID", "time")),  # noqa: DTZ001 - that is the point
        (form(time=NOW + timedelta(minutes=5, seconds=1)), ("FUTURE_EVENT", "time")),
        (form(time=NOW - bounds.OLDEST_AGE - timedelta(seconds=1)), ("EVENT_TOO_OLD", "time")),
        (form(shop="s" * 65), ("TEXT_TOO_LONG", "shop")),
        (form(shop="a\u2028b"), ("CONTROL_CHARACTER", "shop")),
        (form(channel="Web Shop"), ("CHANNEL_INVALID", "channel")),
        (form(channel="w" * 33), ("CHANNEL_INVALID", "channel")),
        (form(identifiers=[]), ("IDENTIFIER_MISSING", "identifiers")),
        (form(identifiers=["login:u1", "card:1"]), ("IDENTIFIER_INVALID", "identifiers[1]")),
        (form(visitor_id="v-short"), ("IDENTIFIER_INVALID", "visitor_id")),
        (form(identifiers=[f"card:10{n}" for n in range(9)]), ("TOO_MANY_IDENTIFIERS", "identifiers")),
        (form(products=[]), ("PRODUCTS_MISSING", "products")),
        (form(products=[ProductForm("p")] * 201), ("TOO_MANY_PRODUCTS", "products")),
        (form(products=[ProductForm("")]), ("TEXT_MISSING", "products[0].id")),
        (form(products=[ProductForm("p"), ProductForm("x" * 129)]), ("TEXT_TOO_LONG", "products[1].id")),
        (form(products=[ProductForm("a\tb")]), ("CONTROL_CHARACTER", "products[0].id")),
        (form(products=[ProductForm("p", 0)]), ("QUANTITY_INVALID", "products[0].quantity")),
        (form(products=[ProductForm("p", 1_000_001)]), ("QUANTITY_INVALID", "products[0].quantity")),
        (form(products=[ProductForm("p", 1, MoneyForm("1,5", "CNY"))]), ("MONEY_INVALID", "products[0].price")),
        (form(products=[ProductForm("p", 1, MoneyForm("-1", "CNY"))]), ("MONEY_INVALID", "products[0].price")),
        (form(products=[ProductForm("p", 1, MoneyForm("1", "yuan"))]), ("MONEY_INVALID", "products[0].price")),
        (form(products=[ProductForm("p", line=-1)]), ("LINE_INVALID", "products[0].line")),
        (form(products=[ProductForm("p", kind="gift")]), ("KIND_INVALID", "products[0].kind")),
        (form(order=OrderForm("1")), ("ORDER_UNEXPECTED", "order")),
        (form(type="search", products=[]), ("SEARCH_MISSING", "search")),
        (form(search=SearchForm("q" * 501)), ("TEXT_TOO_LONG", "search.query")),
        (form(language="not a language"), ("LANGUAGE_INVALID", "language")),
        (form(attribution_token="t" * 1_025), ("TEXT_TOO_LONG", "attribution_token")),
        (form(position=-1), ("POSITION_INVALID", "position")),
        (form(position=10_001), ("POSITION_INVALID", "position")),
        (form(placement="p" * 65), ("TEXT_TOO_LONG", "placement")),
        (form(attributes={f"a{n}": "x" for n in range(21)}), ("TOO_MANY_ATTRIBUTES", "attributes")),
        (form(attributes={"a": "x" * 257}), ("TEXT_TOO_LONG", "attributes")),
        (form(attributes={"a": "x\x1by"}), ("CONTROL_CHARACTER", "attributes")),
        (purchase(order=OrderForm("n" * 65)), ("TEXT_TOO_LONG", "order.number")),
        (purchase(order=OrderForm("1", kind="swap")), ("KIND_INVALID", "order.kind")),
        (purchase(order=OrderForm("1", MoneyForm("7.98", "CNY"))), ("CURRENCY_MIXED", "order")),
        (purchase(products=[ProductForm("p")] * 2_001), ("TOO_MANY_PRODUCTS", "products")),
    ],
)  # fmt: skip
def test_each_bound_has_its_own_reason_and_names_the_field(event: UserEventForm, expected: tuple[str, str]) -> None:
    assert refusal(event) == expected


@pytest.mark.parametrize(
    "event",
    [
        form(id="x" * 128),
        form(time=NOW + timedelta(minutes=5)),
        form(time=NOW - bounds.OLDEST_AGE),
        form(shop="店" * 64),
        form(identifiers=[f"card:10{n}" for n in range(8)]),
        form(products=[ProductForm("p")] * 200),
        form(products=[ProductForm("p", 1_000_000)]),
        form(search=SearchForm("q" * 500)),
        form(attributes={"名" * 64: "值" * 256}),
        purchase(products=[ProductForm("p")] * 2_000),
        purchase(order=OrderForm("n" * 64)),
        purchase(order=None),
        form(type="home-page-view", products=[]),
        form(id="事件 🎉 ＡＢＣ", products=[ProductForm("商品-1 🧀")]),
    ],
)
def test_what_stands_at_its_bound_is_kept(event: UserEventForm) -> None:
    assert check_event(event, RULES).payload


def test_a_query_is_kept_as_typed_but_for_control_characters() -> None:
    typed = 'milk "AND" (牛奶) \\ * ~ 🥛 １２３ \u202e'
    assert check_event(form(search=SearchForm(typed)), RULES).payload["search"]["query"] == typed
    pasted = check_event(form(search=SearchForm("oat\tmilk\x00")), RULES)
    assert pasted.payload["search"]["query"] == "oat milk "


def test_a_browser_writes_for_itself_only() -> None:
    assert check_event(form(identifiers=[], visitor_id=BROWSER), MINE).subject == f"visitor:{BROWSER}"
    assert refusal(form(), MINE) == ("IDENTIFIER_NOT_ALLOWED", "identifiers")
    assert refusal(form(visitor_id="v-" + "b" * 22, identifiers=[]), MINE)[0] == "IDENTIFIER_NOT_ALLOWED"
    assert refusal(form(visitor_id=BROWSER), MINE)[0] == "IDENTIFIER_NOT_ALLOWED"


def test_an_event_that_names_nobody_is_the_principals_own() -> None:
    assert check_event(form(identifiers=[]), MINE).payload["identifiers"] == [f"visitor:{BROWSER}"]


def test_the_shops_books_outrank_the_browser_in_what_they_say_of_an_order() -> None:
    assert check_event(purchase(), RULES).payload["order"]["source"] == "shop"
    browsers = purchase(identifiers=[], visitor_id=BROWSER)
    assert check_event(browsers, MINE).payload["order"]["source"] == "browser"


def test_the_shop_may_report_an_order_of_nobody_and_a_browser_may_not_be_nobody() -> None:
    event = check_event(purchase(identifiers=[]), RULES)
    assert is_anonymous(event.subject)
    assert event.payload["identifiers"] == []
    assert refusal(purchase(identifiers=[], order=None)) == ("IDENTIFIER_MISSING", "identifiers")


@given(
    st.builds(
        UserEventForm,
        id=st.text(max_size=140),
        type=st.sampled_from([*sorted(bounds.EVENT_TYPES), "x"]),
        time=st.datetimes(timezones=st.one_of(st.none(), st.just(UTC))),
        visitor_id=st.one_of(st.none(), st.text(max_size=70), st.just(BROWSER)),
        identifiers=st.lists(st.one_of(st.just("login:u1"), st.text(max_size=30)), max_size=9),
        shop=st.one_of(st.none(), st.text(max_size=70)),
        channel=st.one_of(st.none(), st.text(max_size=40)),
        products=st.lists(st.builds(ProductForm, id=st.text(max_size=130), quantity=st.integers()), max_size=3),
        search=st.one_of(st.none(), st.builds(SearchForm, query=st.text(max_size=510))),
        attributes=st.dictionaries(st.text(max_size=70), st.text(max_size=260), max_size=3),
    )
)
def test_whatever_comes_is_either_kept_or_refused_with_a_reason(event: UserEventForm) -> None:
    try:
        kept = check_event(event, RULES)
    except EventRefusedError as refused:
        assert refused.reason.isupper()
        assert refused.field
    else:
        assert kept.subject
        assert kept.time.tzinfo is UTC
