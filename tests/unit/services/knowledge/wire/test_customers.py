"""Customers as protobuf."""

import pytest

from services.knowledge.domain.classes import class_basis, figures_of
from services.knowledge.domain.identity import Link, Member, Person, Refusal, Refused
from services.knowledge.domain.profile import Surroundings, customer_profile
from services.knowledge.usecases.customers import AccountView
from services.knowledge.wire.customers import account_to_pb, customer_to_pb, money_to_pb
from tests.unit.services.knowledge.domain.test_profile import ALONE, ORDERS, SAID

PERSON = Person(
    "c-1",
    (Member("card:1"), Member("login:1", "card:1", Link("login-event", "app", 1_000_000))),
    (
        Refusal("email:a@a.com", Refused.BLOCKED),
        Refusal("phone:+861", Refused.SHARED, 50),
        Refusal("email:x@y.cn", Refused.UNVERIFIED),
    ),
)


def test_every_part_of_a_customer_is_written() -> None:
    beside = Surroundings(class_basis([figures_of(ORDERS, frozenset())], 9_000_000), frozenset({"own"}), ALONE.zone)
    customer = customer_profile(PERSON, SAID, ORDERS, beside)
    message = customer_to_pb(customer)
    assert message.id == "c-1"
    assert [(each.identifier, each.joined_to, each.evidence) for each in message.identifiers] == [
        ("card:1", "", ""),
        ("login:1", "card:1", "login-event"),
    ]
    assert message.identifiers[1].joined_time.seconds == 1
    assert message.account_id == customer.account_id
    assert [(each.field, each.value, each.source) for each in message.facts] == [("name", "Wei", "app")]
    assert [each.state for each in message.consents] == ["default", "default"]
    assert (message.purchases.orders, message.purchases.spend.units) == (3, 30)
    assert message.purchases.habits[0].product_id == "p-1"
    assert message.promotions.discount_share.share == pytest.approx(1 / 3, abs=1e-6)
    assert [(each.scheme, set(each.explanation)) for each in message.classes] == [
        ("abc", {"zh", "en"}),
        ("rfm", {"zh", "en"}),
    ]
    assert {each.reason: each.explanation for each in message.refused_identifiers}["SHARED_BY_MANY"].startswith(
        "seen with 50"
    )
    assert len(message.profile_hash) == 64
    assert dict(message.interactions_by_channel) == {"store": 2, "web": 1}


def test_a_list_leaves_habits_out() -> None:
    assert not customer_to_pb(customer_profile(PERSON, SAID, ORDERS, ALONE), habits=False).purchases.habits


def test_what_nobody_knows_stays_unset() -> None:
    message = customer_to_pb(customer_profile(PERSON, [], [], ALONE))
    assert not message.HasField("first_seen_time")
    assert not message.purchases.HasField("spend")
    assert message.purchases.usual_hour == -1


@pytest.mark.parametrize(
    ("units", "currency", "whole", "nanos"),
    [(1990, "CNY", 19, 900_000_000), (-105, "USD", -1, -50_000_000), (300, "JPY", 300, 0)],
)
def test_money_has_one_sign(units: int, currency: str, whole: int, nanos: int) -> None:
    message = money_to_pb(units, currency)
    assert (message.units, message.nanos, message.currency_code) == (whole, nanos, currency)


def test_an_account_is_written() -> None:
    message = account_to_pb(AccountView("a-1", "household", "household:2", ("c-1", "c-2")))
    assert (message.id, message.kind, list(message.customer_ids)) == ("a-1", "household", ["c-1", "c-2"])
