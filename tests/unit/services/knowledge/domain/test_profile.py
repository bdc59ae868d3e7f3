"""The profile and its hash: a function of the members and their facts, and of nothing else."""

from itertools import permutations
from zoneinfo import ZoneInfo

from services.knowledge.domain.classes import class_basis, figures_of
from services.knowledge.domain.facts import AccountStatement, SaidOf, Statement
from services.knowledge.domain.identity import Member, Person
from services.knowledge.domain.profile import Customer, Surroundings, customer_profile
from services.knowledge.domain.purchases import Line, Order
from tests.unit.services.knowledge.domain.test_purchases import order

PERSON = Person("c-1", (Member("card:1"), Member("login:1", "card:1")), ())
SAID = (
    SaidOf(
        "card:1",
        {"name": (Statement(1, "pos", "Li"),)},
        account=AccountStatement(1, "household:2"),
        first_seen_us=5,
        last_seen_us=9,
        channels={"store": {(): 2}},
    ),
    SaidOf(
        "login:1", {"name": (Statement(2, "app", "Wei"),)}, first_seen_us=3, last_seen_us=4, channels={"web": {(): 1}}
    ),
)
ORDERS = (order("1", lines=(Line("own", 1, 100, 5),)), order("2", time_us=9), order("3", subject="login:1"))
ALONE = Surroundings(None, frozenset(), ZoneInfo("Asia/Shanghai"))


def profile(
    said: tuple[SaidOf, ...] = SAID, orders: tuple[Order, ...] = ORDERS, beside: Surroundings = ALONE
) -> Customer:
    return customer_profile(PERSON, said, orders, beside)


def test_the_order_of_facts_and_orders_does_not_show() -> None:
    hashes = {profile(said, orders).profile_hash for said in permutations(SAID) for orders in permutations(ORDERS)}
    assert len(hashes) == 1


def test_any_other_fact_gives_another_hash() -> None:
    claimed = SaidOf("card:1", {"name": (Statement(1, "pos", "Lu"),)})
    changed = [profile((claimed, SAID[1])), profile(orders=ORDERS[:2]), profile(said=SAID[:1])]
    assert len({each.profile_hash for each in changed} | {profile().profile_hash}) == 4


def test_what_all_others_do_is_shown_and_not_hashed() -> None:
    basis = class_basis([figures_of(ORDERS, frozenset())], 10)
    beside = Surroundings(basis, frozenset({"own"}), ALONE.zone)
    assert profile(beside=beside).classes
    assert profile(beside=beside).promotions["own-label"].share > 0
    assert profile(beside=beside).profile_hash == profile().profile_hash


def test_the_whole_customer_is_put_together() -> None:
    customer = profile()
    assert (customer.first_seen_us, customer.last_seen_us) == (3, 9)
    assert customer.interactions_by_channel == {"store": 2, "web": 1}
    assert customer.account == "household:2"
    assert customer.account_id.startswith("a-")
    assert customer.purchases.orders == 3
    assert [fact.value for fact in customer.facts] == ["Wei"]


def test_who_is_in_no_household_has_no_account() -> None:
    assert profile(said=SAID[1:]).account_id == ""
