"""An order of an imported file against what is known of it."""

from collections.abc import Mapping
from typing import Any

from services.kits.times import micros
from services.orders.domain.events import OrderEvent, uncorrected
from services.orders.domain.payloads import fact_of
from services.orders.domain.reimporting import placing_to_tell
from services.orders.domain.reports import MAX_CORRECTED
from tests.fakes.clock import ManualClock

TIME_US = micros(ManualClock().now())


def payload(content: str, **fields: Any) -> dict[str, Any]:
    order = {"id": "o-1", "shop": "main", "number": "1", "kind": "sale", "source": "shop"}
    return {
        "source": "import",
        "source_event_id": f"content-{content}",
        "occurred_zone": "+08:00",
        "order": order,
        "identifiers": [],
        "shop": "main",
        "channel": "store",
        "products": [{"id": content, "quantity": 1}],
        **fields,
    }


def told(said: Mapping[str, Any], type_: str = "order-placed", time_us: int = TIME_US) -> OrderEvent:
    return fact_of(type_, said, occurred_us=time_us)


def standing(known: list[OrderEvent]) -> list[str]:
    return [each.details["products"][0]["id"] for each in uncorrected(known) if each.type == "order-placed"]


def test_of_an_unknown_order_the_placing_is_told_as_it_is() -> None:
    assert placing_to_tell(payload("a"), TIME_US, [], again="x") == payload("a")
    shipped = told({**payload("s"), "source": "shop"}, "shipment-created")
    assert placing_to_tell(payload("a"), TIME_US, [shipped], again="x") == payload("a"), "facts came before it"


def test_what_stands_with_the_same_content_is_not_told_again_whoever_told_it() -> None:
    assert placing_to_tell(payload("a"), TIME_US, [told(payload("a"))], again="x") is None
    shop = told({**payload("a"), "source": "shop", "source_event_id": "order-1"})
    assert placing_to_tell(payload("a"), TIME_US, [shop], again="x") is None


def test_other_content_or_another_time_corrects_all_that_stand() -> None:
    known = [told(payload("a")), told({**payload("b"), "source": "shop", "source_event_id": "order-1"})]
    new = placing_to_tell(payload("c"), TIME_US, known, again="x")
    assert new is not None
    assert standing([*known, told(new)]) == ["c"]
    later = placing_to_tell(payload("a"), TIME_US + 1, known[:1], again="x")
    assert later is not None
    assert later["corrects"] == [{"id": "content-a", "source": "import"}]


def test_content_that_was_corrected_away_is_told_anew_and_once_for_a_run() -> None:
    known = [told(payload("a"))]
    for content, run in (("b", "r1"), ("a", "r2"), ("b", "r3")):
        new = placing_to_tell(payload(content), TIME_US, known, again=run)
        assert new is not None
        known.append(told(new))
        assert standing(known) == [content]
        assert placing_to_tell(payload(content), TIME_US, known, again=run) is None
    assert len({each.id for each in known}) == 4


def test_so_many_are_corrected_and_no_more() -> None:
    known = [told({**payload("a"), "source_event_id": f"{number}"}) for number in range(MAX_CORRECTED + 1)]
    new = placing_to_tell(payload("b"), TIME_US, known, again="x")
    assert new is not None
    assert len(new["corrects"]) == MAX_CORRECTED
