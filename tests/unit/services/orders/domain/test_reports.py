"""What may be told about an order: every refusal by name, every bound and one past it, one form for what is kept."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kits.event_forms import EventRefusedError, MoneyForm, ProductForm
from services.orders.domain.events import ParcelRef, Portion
from services.orders.domain.lifecycle import LIFECYCLE
from services.orders.domain.order import OrderRef
from services.orders.domain.reports import (
    MAX_CORRECTED,
    MAX_EVENT_BYTES,
    MAX_RAW_BYTES,
    CheckedEvent,
    CorrectedForm,
    EventForm,
    IntakeRules,
    ItemForm,
    OrderForm,
    ShipmentForm,
    check_event,
)

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
RULES = IntakeRules(NOW, "main", "web")
CHINA = timezone(timedelta(hours=8))


def form(type_: str = "payment-captured", **fields: Any) -> EventForm:
    return EventForm(**{"type": type_, "time": NOW, "order": OrderForm("7"), "id": "e1", **fields})


def placing(**fields: Any) -> EventForm:
    return form("order-placed", **{"products": [ProductForm("p-1", 2, MoneyForm("3.50", "CNY"))], **fields})


def scan(**fields: Any) -> EventForm:
    return form("shipment-in-transit", **{"shipment": ShipmentForm("sf-express", "SF1"), **fields})


def refusal(asked: EventForm, rules: IntakeRules = RULES) -> tuple[str, str]:
    with pytest.raises(EventRefusedError) as refused:
        check_event(asked, rules)
    return refused.value.reason, refused.value.field


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (form("of-a-later-version"), ("UNKNOWN_EVENT_TYPE", "type")),
        (form("promise-made"), ("UNKNOWN_EVENT_TYPE", "type")),
        (form(time=datetime(2026, 11, 23, 10, 0)), ("EVENT_TIME_INVALID", "time")),  # noqa: DTZ001
        (form(time=datetime(1, 1, 1, tzinfo=CHINA)), ("EVENT_TIME_INVALID", "time")),
        (form(time=NOW + timedelta(minutes=5, seconds=1)), ("FUTURE_EVENT", "time")),
        (form(time=NOW - timedelta(days=50 * 366, seconds=1)), ("EVENT_TOO_OLD", "time")),
        (form(zone="Mars/Olympus"), ("ZONE_INVALID", "zone")),
        (form(zone="../../etc/passwd"), ("ZONE_INVALID", "zone")),
        (form(zone=""), ("ZONE_INVALID", "zone")),
        (form(zone="A" * 65), ("ZONE_INVALID", "zone")),
        (
            form(time=datetime(2026, 3, 29, 2, 30), zone="Europe/Berlin"),  # noqa: DTZ001
            ("EVENT_TIME_IMPOSSIBLE", "time"),
        ),
        (form(id=""), ("EVENT_ID_INVALID", "id")),
        (form(id="x" * 129), ("EVENT_ID_INVALID", "id")),
        (form(id="a\nb"), ("EVENT_ID_INVALID", "id")),
        (form(source=""), ("TEXT_MISSING", "source")),
        (form(source="x" * 65), ("TEXT_TOO_LONG", "source")),
        (form(source="zhike"), ("SOURCE_RESERVED", "source")),
        (form(order=None), ("ORDER_MISSING", "order")),
        (form(order=OrderForm("")), ("TEXT_MISSING", "order.number")),
        (form(order=OrderForm("7" * 65)), ("TEXT_TOO_LONG", "order.number")),
        (form(order=OrderForm("7", "x" * 65)), ("TEXT_TOO_LONG", "order.shop")),
        (form(order=OrderForm("7", kind="gift")), ("KIND_INVALID", "order.kind")),
        (form("line-cancelled"), ("LINE_MISSING", "line")),
        (form("line-cancelled", quantity=1), ("LINE_MISSING", "line")),
        (form("line-cancelled", line=-1), ("LINE_INVALID", "line")),
        (form("line-cancelled", line=1, quantity=-1), ("QUANTITY_INVALID", "quantity")),
        (form("line-cancelled", line=1, quantity=0), ("QUANTITY_INVALID", "quantity")),
        (form("line-cancelled", line=1, quantity=1_000_001), ("QUANTITY_INVALID", "quantity")),
        (form("line-cancelled", line=1, items=[ItemForm(2)]), ("ITEMS_AMBIGUOUS", "items")),
        (form("line-cancelled", items=[ItemForm(1), ItemForm(2, -3)]), ("QUANTITY_INVALID", "items[1].quantity")),
        (form("line-cancelled", items=[ItemForm(1), ItemForm(1)]), ("LINE_REPEATED", "items")),
        (form("line-cancelled", items=[ItemForm(n) for n in range(2_001)]), ("TOO_MANY_ITEMS", "items")),
        (form("shipment-created"), ("SHIPMENT_MISSING", "shipment")),
        (form("shipment-created", order=None), ("ORDER_MISSING", "order")),
        (scan(shipment=ShipmentForm("SF!", "1")), ("CARRIER_INVALID", "shipment.carrier")),
        (scan(shipment=ShipmentForm("s" * 65, "1")), ("CARRIER_INVALID", "shipment.carrier")),
        (scan(shipment=ShipmentForm("sf", "")), ("TEXT_MISSING", "shipment.tracking_number")),
        (scan(shipment=ShipmentForm("sf", "1" * 65)), ("TEXT_TOO_LONG", "shipment.tracking_number")),
        (scan(shipment=ShipmentForm("sf", "1", "2026-02-30")), ("SHIP_DATE_INVALID", "shipment.ship_date")),
        (scan(shipment=ShipmentForm("sf", "1", "23.11.2026")), ("SHIP_DATE_INVALID", "shipment.ship_date")),
        (scan(shipment=ShipmentForm("sf", "1", "2024-11-23")), ("SHIP_DATE_INVALID", "shipment.ship_date")),
        (form("return-approved"), ("RETURN_MISSING", "return_id")),
        (form("return-requested", return_id="r"), ("LINE_MISSING", "line")),
        (form("return-received", return_id="r" * 65), ("TEXT_TOO_LONG", "return_id")),
        (form("stage-entered", line=1), ("STAGE_MISSING", "stage")),
        (form("stage-entered", line=1, stage="x" * 129), ("TEXT_TOO_LONG", "stage")),
        (form("stage-entered", stage="baking"), ("LINE_MISSING", "line")),
        (form("correction"), ("CORRECTS_MISSING", "corrects")),
        (form("correction", corrects=[CorrectedForm("e1")]), ("CORRECTS_ITSELF", "corrects[0]")),
        (form("correction", corrects=[CorrectedForm("")]), ("TEXT_MISSING", "corrects[0].id")),
        (
            form("correction", corrects=[CorrectedForm(f"x{n}") for n in range(MAX_CORRECTED + 1)]),
            ("TOO_MANY_CORRECTED", "corrects"),
        ),
        (form(amount=MoneyForm("-1.00", "CNY")), ("MONEY_INVALID", "amount")),
        (form(amount=MoneyForm("1.001", "CNY")), ("MONEY_INVALID", "amount")),
        (form(raw="x" * MAX_RAW_BYTES), ("RAW_TOO_LARGE", "raw")),
        (form(raw=2**70), ("RAW_INVALID", "raw")),
        (form(channel="Web"), ("CHANNEL_INVALID", "channel")),
        (form(text="x" * 501), ("TEXT_TOO_LONG", "text")),
        (form(text="a\x00b"), ("CONTROL_CHARACTER", "text")),
        (placing(products=[]), ("PRODUCTS_MISSING", "products")),
        (placing(products=[ProductForm("p")] * 2_001), ("TOO_MANY_PRODUCTS", "products")),
        (placing(products=[ProductForm("p", -2)]), ("QUANTITY_INVALID", "products[0].quantity")),
        (placing(products=[ProductForm("p", line=1), ProductForm("q", line=1)]), ("LINE_REPEATED", "products")),
        (placing(products=[ProductForm("p", line=1), ProductForm("q")]), ("LINE_REPEATED", "products")),
        (placing(identifiers=["card:1000231"] * 9), ("TOO_MANY_IDENTIFIERS", "identifiers")),
        (placing(identifiers=["card:1000231", "nobody"]), ("IDENTIFIER_INVALID", "identifiers[1]")),
        (placing(order=OrderForm("7", total=MoneyForm("7.00", "USD"))), ("CURRENCY_MIXED", "order")),
        (placing(attribution_token="t" * 1_025), ("TEXT_TOO_LONG", "attribution_token")),
    ],
)
def test_what_is_malformed_by_itself_is_refused_by_name(asked: EventForm, reason: tuple[str, str]) -> None:
    assert refusal(asked) == reason


@pytest.mark.parametrize(
    "asked",
    [
        form(time=NOW + timedelta(minutes=5)),
        form(time=NOW - timedelta(days=50 * 366)),
        form(id="x" * 128),
        form(source="x" * 64),
        form(order=OrderForm("7" * 64, "x" * 64)),
        form("line-cancelled", line=0, quantity=1_000_000),
        form("line-cancelled", items=[ItemForm(n) for n in range(2_000)]),
        form("correction", corrects=[CorrectedForm(f"x{n}") for n in range(MAX_CORRECTED)]),
        form("correction", corrects=[CorrectedForm("e1", "another-source")]),
        form(raw="x" * (MAX_RAW_BYTES - 2)),
        form(text="x" * 500),
        scan(order=None),
        scan(shipment=ShipmentForm("s" * 64, "1" * 64, "2026-02-28")),
        placing(products=[ProductForm("p")] * 2_000),
        placing(identifiers=["card:1000231"] * 8),
        form("production-completed"),
        form("return-received", return_id="r" * 64),
    ],
)
def test_what_stays_within_its_bounds_is_taken(asked: EventForm) -> None:
    assert check_event(asked, RULES).payload


def test_an_order_too_long_for_the_log_is_refused_by_itself() -> None:
    lines = [ProductForm("产" * 128, 1, MoneyForm("1.00", "CNY"), line=number) for number in range(2_000)]
    assert refusal(placing(products=lines)) == ("EVENT_TOO_LARGE", "products")
    assert MAX_EVENT_BYTES < 1024 * 1024


@pytest.mark.parametrize(
    ("time", "zone", "utc", "kept"),
    [
        (datetime(2026, 11, 23, 18, 0, tzinfo=CHINA), None, "2026-11-23T10:00:00+00:00", "+08:00"),
        (datetime(2026, 11, 23, 10, 0, tzinfo=UTC), None, "2026-11-23T10:00:00+00:00", "+00:00"),
        (datetime(2026, 11, 23, 18, 0, tzinfo=CHINA), "Asia/Shanghai", "2026-11-23T10:00:00+00:00", "Asia/Shanghai"),
        (datetime(2026, 11, 23, 17, 59), "Asia/Shanghai", "2026-11-23T09:59:00+00:00", "Asia/Shanghai"),  # noqa: DTZ001
        (datetime(2026, 10, 25, 2, 30), "Europe/Berlin", "2026-10-25T00:30:00+00:00", "Europe/Berlin"),  # noqa: DTZ001
    ],
)
def test_a_time_is_kept_with_the_zone_in_which_it_was_told(
    time: datetime, zone: str | None, utc: str, kept: str
) -> None:
    checked = check_event(form(time=time, zone=zone), RULES)
    assert (checked.time.isoformat(), checked.payload["occurred_zone"]) == (utc, kept)


def test_a_placing_carries_the_form_of_a_purchase() -> None:
    asked = placing(
        identifiers=["login:u1", "card:100-0231"],
        order=OrderForm("7", total=MoneyForm("7.00", "CNY")),
        attribution_token="t-1",
        channel="app",
        raw={"erp": 1},
    )
    assert check_event(asked, RULES).payload == {
        "source": "shop",
        "source_event_id": "e1",
        "occurred_zone": "+00:00",
        "order": {
            "id": OrderRef("main", "7").id,
            "shop": "main",
            "number": "7",
            "kind": "sale",
            "source": "shop",
            "total": {"amount": "7.00", "currency": "CNY"},
        },
        "identifiers": ["card:1000231", "login:u1"],
        "shop": "main",
        "channel": "app",
        "products": [{"id": "p-1", "quantity": 2, "price": {"amount": "3.50", "currency": "CNY"}}],
        "attribution_token": "t-1",
        "raw": {"erp": 1},
    }


def test_a_fact_says_what_it_is_about() -> None:
    asked = form(
        "shipment-created",
        shipment=ShipmentForm("sf-express", "SF1"),
        items=[ItemForm(1, 2), ItemForm(3)],
        time=datetime(2026, 11, 23, 1, 0, tzinfo=CHINA),
        corrects=[CorrectedForm("old"), CorrectedForm("other", "wms")],
    )
    fact = check_event(asked, RULES).fact
    assert fact.parcel == ParcelRef("sf-express", "SF1", "2026-11-23")  # the day where it was packed, not UTC's
    assert fact.portions == (Portion(1, 2), Portion(3, None))
    assert len(set(fact.corrects)) == 2


def test_the_day_of_a_parcel_is_that_of_its_zone() -> None:
    late = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
    shipment = ShipmentForm("sf-express", "SF1")
    named = check_event(form("shipment-created", time=late, zone="Asia/Shanghai", shipment=shipment), RULES)
    west = timezone(timedelta(hours=-8))
    told = check_event(form("shipment-created", time=late.astimezone(west), shipment=shipment), RULES)
    assert named.fact.parcel and named.fact.parcel.ship_date == "2026-11-23"
    assert told.fact.parcel and told.fact.parcel.ship_date == "2026-11-22"


def test_who_has_no_ids_is_known_by_what_he_says() -> None:
    def name(asked: EventForm) -> str:
        return check_event(asked, RULES).fact.id

    same = [scan(id=None, text="上海转运中心"), scan(id=None, text="上海转运中心")]
    assert name(same[0]) == name(same[1])
    others = [
        scan(id=None, text="杭州转运中心"),
        scan(id=None, text="上海转运中心", time=NOW - timedelta(seconds=1)),
        scan(id=None, text="上海转运中心", source="carrier"),
        form("shipment-delivered", id=None, text="上海转运中心", shipment=ShipmentForm("sf-express", "SF1")),
    ]
    assert len({name(each) for each in (same[0], *others)}) == 5


def test_a_fact_is_named_by_shop_source_and_its_own_id() -> None:
    def fact(**fields: Any) -> str:
        return check_event(form(**fields), RULES).fact.id

    assert fact() == fact(time=NOW - timedelta(days=1))  # what it says is the log's affair
    assert len({fact(), fact(id="e2"), fact(source="erp"), fact(order=OrderForm("7", "other"))}) == 4


def test_load_tests_orders_and_credit_notes_are_worlds_of_their_own() -> None:
    real = check_event(form(), RULES)
    load = check_event(form(), IntakeRules(NOW, "main", "web", synthetic=True))
    credit = check_event(form(order=OrderForm("7", kind="return")), RULES)
    ids = {each.order.id for each in (real, load, credit) if each.order is not None}
    assert len(ids) == 3


_words = st.text(max_size=20)
_forms = st.builds(
    EventForm,
    type=st.sampled_from([each.name for each in LIFECYCLE] + ["x"]),
    time=st.datetimes(timezones=st.none() | st.just(UTC) | st.just(CHINA)),
    id=st.none() | _words,
    source=st.none() | _words,
    zone=st.none() | st.sampled_from(("Asia/Shanghai", "Europe/Berlin", "x", "../x")),
    order=st.none() | st.builds(OrderForm, _words, st.none() | _words, st.none() | st.sampled_from(("sale", "return"))),
    line=st.none() | st.integers(),
    quantity=st.none() | st.integers(),
    items=st.lists(st.builds(ItemForm, st.integers(), st.none() | st.integers()), max_size=3),
    shipment=st.none() | st.builds(ShipmentForm, _words, _words, st.none() | _words),
    return_id=st.none() | _words,
    corrects=st.lists(st.builds(CorrectedForm, _words, st.none() | _words), max_size=2),
    raw=st.none() | st.dictionaries(_words, st.integers() | _words, max_size=2),
    products=st.lists(st.builds(ProductForm, id=_words, quantity=st.integers()), max_size=2),
    identifiers=st.lists(_words, max_size=2),
    text=st.none() | _words,
)


@settings(max_examples=300, deadline=None)
@given(_forms)
def test_anything_is_either_refused_by_name_or_kept(asked: EventForm) -> None:
    try:
        checked = check_event(asked, IntakeRules(datetime(2026, 1, 1, tzinfo=UTC), "main", "web"))
    except EventRefusedError as error:
        assert error.reason.isupper()
        assert error.field
    else:
        assert isinstance(checked, CheckedEvent)
        assert checked.fact.type == asked.type
