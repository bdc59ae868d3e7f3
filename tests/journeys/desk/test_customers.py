"""The service desk: whoever asks by whatever name is one person, and nobody is taken for somebody else."""

import csv
from typing import Any

import pytest

from tests.journeys.callers import Caller, Shop, an_event, eventually, fresh, fresh_phone, fresh_visitor
from tests.journeys.platform import Platform

CARDS_OF_ONE_PHONE = 50
COMPARED_LIMIT_S = 90.0


@pytest.fixture
def desk(shop: Shop) -> Caller:
    return shop.desk


def _names(record: Any) -> set[str]:
    return {each["identifier"] for each in record["identifiers"]}


def _refusals(record: Any) -> dict[str, str]:
    return {each["identifier"]: each["reason"] for each in record["refused_identifiers"]}


@pytest.fixture(scope="module")
def regular(demo_shop: Platform) -> dict[str, str]:
    """Return the row of a demo customer with a card, a login and an e-mail, who consents."""
    with (demo_shop.data / "demo" / "customers.csv").open(encoding="utf-8") as file:
        return next(
            row
            for row in csv.DictReader(file)
            if row["login"] and row["email_verified"] == "true" and row["consent_personalization"] == "true"
        )


def _compared(desk: Caller, name: str) -> Any:
    """Return a customer once the job that compares customers has seen the load (it runs twice a minute)."""

    def compared() -> bool:
        record = desk.customer(name)
        return bool(record["classes"]) and record["promotions"]["discount_share"]["percentile"] >= 0

    eventually(compared, "nobody compared the customers", limit_s=COMPARED_LIMIT_S)
    return desk.customer(name)


def test_a_customer_is_found_by_any_name_in_any_spelling(desk: Caller, regular: dict[str, str]) -> None:
    by_card = desk.customer(f"card:{regular['card']}")
    assert by_card["id"].startswith("c-")
    spellings = (
        by_card["id"],
        f"card:{regular['card'].lower()}",
        f"card: {regular['card']} ",
        f"login:{regular['login']}",
        f"email:{regular['email']}",
        f"email:{regular['email'].upper().replace('@EXAMPLE.COM', '@Example.com')}",
    )
    for name in spellings:
        assert desk.customer(name)["profile_hash"] == by_card["profile_hash"], name


def test_the_page_of_a_customer_says_what_it_knows_and_how(desk: Caller, regular: dict[str, str]) -> None:
    record = _compared(desk, f"card:{regular['card']}")
    assert any(each["field"] == "name" and each["value"] == regular["name"] for each in record["facts"])
    for fact in record["facts"]:
        assert fact["source"]
        assert fact["claim_time"]
    for member in record["identifiers"][1:]:
        assert member["joined_to"]
        assert member["evidence"]
        assert member["source"]
    bought = record["purchases"]
    assert bought["orders"] > 0
    assert float(bought["spend"]["amount"]) > 0
    assert 0 <= bought["usual_hour"] <= 23
    assert bought["first_order_time"] <= bought["last_order_time"]
    for habit in bought["habits"]:
        assert habit["orders"] >= 2
        assert habit["quantity"] >= habit["orders"] / 2
    for share in ("discount_share", "coupon_share", "own_label_share"):
        assert 0 <= record["promotions"][share]["share"] <= 1
        assert 0 <= record["promotions"][share]["percentile"] <= 100


def test_classes_are_explained_in_both_languages_with_their_terms(desk: Caller, regular: dict[str, str]) -> None:
    classes = {each["scheme"]: each for each in _compared(desk, f"card:{regular['card']}")["classes"]}
    assert {"abc", "rfm"} <= {name.lower() for name in classes}
    for each in classes.values():
        assert each["value"]
        assert each["as_of_time"]
        assert each["terms"]
        assert any("\u4e00" <= char <= "\u9fff" for char in each["explanation"]["zh"])
        assert each["explanation"]["en"].isascii()
        for text in each["explanation"].values():
            assert any(char.isdigit() for char in text), "an explanation names its figures"


def test_nobody_is_found_by_a_name_that_nobody_has(desk: Caller) -> None:
    missing = ("c-00000000000000000000", "card:NOBODY99", "login:nobody-at-all", fresh_phone(), "email:no.one@shop.cn")
    for name in missing:
        problem = desk.refused("GET", f"/v1/customers/{name}")
        assert (problem["status"], problem["reason"]) == (404, "CUSTOMER_NOT_FOUND"), name
        assert name not in problem["detail"]
    for name in ("nobody", "card:", "phone:12", "email:a", "visitor:x", "c-1", "card:" + "9" * 300, "ｃａｒｄ:123456"):
        problem = desk.refused("GET", f"/v1/customers/{name}")
        assert problem["status"] in {400, 404}, name


def test_card_login_and_phone_become_one_customer_whatever_comes_first(desk: Caller, shop: Shop) -> None:
    ids = []
    for turn in range(3):
        card, login, phone = fresh("card:J"), fresh("login:j"), fresh_phone()
        pairs = [(card, phone), (login, phone), (card, login)]
        for pair in pairs[turn:] + pairs[:turn]:
            shop.backend().claim(*pair)
        records = [desk.customer(name) for name in (card, login, phone)]
        assert len({record["profile_hash"] for record in records}) == 1
        assert _names(records[0]) == {_upper(card), login, phone}
        ids.append(records[0]["id"])
    assert len(set(ids)) == 3


def test_an_unverified_phone_joins_nobody_and_is_said_so(desk: Caller, shop: Shop) -> None:
    card, other, phone = fresh("card:J"), fresh("card:J"), fresh_phone()
    shop.backend().claim(card, unverified=[phone])
    shop.backend().claim(other, phone)
    record = desk.customer(card)
    assert _names(record) == {_upper(card)}
    assert _refusals(record) == {phone: "UNVERIFIED"}
    assert _names(desk.customer(other)) == {_upper(other), phone}


def test_one_phone_on_fifty_cards_joins_nobody_and_says_so(desk: Caller, shop: Shop) -> None:
    phone, backend = fresh_phone(), shop.backend()
    cards = [fresh("card:J") for _ in range(CARDS_OF_ONE_PHONE)]
    for card in cards:
        backend.claim(card, phone)
    ids = set()
    for card in (cards[0], cards[1], cards[-1]):
        record = desk.customer(card)
        ids.add(record["id"])
        assert _names(record) == {_upper(card)}, "a card that came before the phone was known as shared is free again"
        assert _refusals(record) == {phone: "SHARED_BY_MANY"}
        explanation = record["refused_identifiers"][0]["explanation"]
        assert str(CARDS_OF_ONE_PHONE) in explanation
    assert len(ids) == 3


@pytest.mark.parametrize(
    "placeholder",
    [
        "phone:13800138000",
        "phone:+86 138-0013-8000",
        "phone:１３８００１３８０００",
        "email:test@test.com",
        "email:TEST@Test.com",
    ],
)
def test_a_placeholder_joins_nobody_and_says_so(desk: Caller, shop: Shop, placeholder: str) -> None:
    cards = [fresh("card:J") for _ in range(2)]
    for card in cards:
        receipt = shop.backend().claim(card, placeholder)
        assert [each["reason"] for each in receipt["refused_identifiers"]] == ["BLOCKED_VALUE"]
    records = [desk.customer(card) for card in cards]
    assert records[0]["id"] != records[1]["id"]
    for card, record in zip(cards, records, strict=True):
        assert _names(record) == {_upper(card)}
        assert {*_refusals(record).values()} == {"BLOCKED_VALUE"}


def test_members_of_a_household_share_an_account_and_nothing_else(desk: Caller, shop: Shop) -> None:
    household, backend = fresh("household:h"), shop.backend()
    product = backend.found("cheese", page_size=1)[0]
    mother, father = fresh("card:J"), fresh("card:J")
    for card, name in ((mother, "妈妈"), (father, "爸爸")):
        backend.claim(card, account=household, claims=[{"field": "name", "value": name}])
    price = {"amount": "8.00", "currency": "USD"}
    backend.tell(
        an_event(
            "purchase-complete",
            identifiers=[mother],
            order={"number": fresh("o-")},
            products=[{"id": product, "price": price}],
        )
    )
    eventually(lambda: desk.customer(mother)["purchases"]["orders"] == 1, "the order is not known")
    records = {name: desk.customer(name) for name in (mother, father)}
    assert records[mother]["account_id"] == records[father]["account_id"] != ""
    assert records[mother]["id"] != records[father]["id"]
    assert records[father]["purchases"]["orders"] == 0
    assert "妈妈" not in str(records[father])
    assert shop.app(father).recommendation("buy-it-again")["fallback_reason"] == "NO_HISTORY"


def test_a_browser_that_two_people_use_belongs_to_neither(desk: Caller, shop: Shop) -> None:
    visitor, one, two = fresh_visitor(), fresh("login:j"), fresh("login:j")
    shop.app(one, f"visitor:{visitor}").tell(an_event("login"))
    eventually(lambda: f"visitor:{visitor}" in _names(desk.customer(one)), "the browser was not joined")
    shop.app(two, f"visitor:{visitor}").tell(an_event("login"))
    eventually(lambda: f"visitor:{visitor}" not in _names(desk.customer(one)), "the family's browser still joins")
    assert _names(desk.customer(one)) == {one}
    assert _names(desk.customer(two)) == {two}
    assert _refusals(desk.customer(two))[f"visitor:{visitor}"] == "SHARED_BY_MANY"


def test_who_is_parted_stays_parted_at_the_next_login_and_is_equal_to_never_joined(desk: Caller, shop: Shop) -> None:
    backend, mark = shop.backend(), fresh("")
    joined, apart = [(f"card:J{mark}{turn}", f"login:j{mark}{turn}", fresh_phone()) for turn in range(2)]
    for card, login, phone in (joined, apart):
        backend.claim(card, phone, claims=[{"field": "name", "value": f"card of {mark}"}])
        backend.claim(login, claims=[{"field": "name", "value": f"login of {mark}"}])
    before = {name: desk.customer(name) for name in joined}
    card, login, phone = joined
    backend.claim(card, login)
    backend.claim(login, phone)
    merged = desk.customer(login)
    assert _names(merged) == {_upper(card), login, phone}
    answer = desk.post(f"/v1/customers/{merged['id']}:unmerge", {"identifiers": [login], "reason": "two people"})
    assert [_names(each) for each in answer["customers"]] == [{login}, {_upper(card), phone}]
    for name in joined:
        record = desk.customer(name)
        assert record["id"] == before[name]["id"]
        assert record["profile_hash"] == before[name]["profile_hash"], "exactly as if they had never been joined"
    for pair in ((login, phone), (card, login), (card, login, phone)):
        backend.claim(*pair)
    shop.app(login, phone).tell(an_event("login"))
    eventually(lambda: desk.customer(login)["last_seen_time"], "the login was not seen")
    assert _names(desk.customer(login)) == {login}
    assert _names(desk.customer(phone)) == {_upper(card), phone}


def test_two_customers_merged_by_hand_are_one_until_parted_and_merge_again(desk: Caller, shop: Shop) -> None:
    backend = shop.backend()
    one, two = fresh("card:J"), fresh("login:j")
    for name in (one, two):
        backend.claim(name)
    old = {name: desk.customer(name)["id"] for name in (one, two)}
    merge = {"ids": [one, two], "reason": "shown at the counter"}
    merged = desk.post("/v1/customers:merge", merge)
    assert _names(merged) == {_upper(one), two}
    for customer_id in old.values():
        assert desk.customer(customer_id)["profile_hash"] == merged["profile_hash"], "every id it ever had names it"
    parted = desk.post(f"/v1/customers/{merged['id']}:unmerge", {"identifiers": [two], "reason": "a mistake"})
    assert len(parted["customers"]) == 2
    again = desk.post("/v1/customers:merge", merge | {"reason": "no mistake"})
    assert _names(again) == {_upper(one), two}


def test_a_merge_reaches_recommendations_and_an_unmerge_takes_it_back(desk: Caller, shop: Shop) -> None:
    backend, card, login = shop.backend(), fresh("card:J"), fresh("login:j")
    product = backend.found("yogurt", page_size=1, filter="in_stock:true")[0]
    backend.tell(an_event("purchase-complete", product, identifiers=[card], order={"number": fresh("o-")}))
    backend.claim(login)
    eventually(lambda: desk.customer(card)["purchases"]["orders"] == 1, "the order is not known")
    app = shop.app(login)
    assert product not in app.slots("buy-it-again")
    merged = desk.post("/v1/customers:merge", {"ids": [card, login], "reason": "same person"})
    eventually(lambda: app.slots("buy-it-again") == [product], "the merge did not reach recommendations")
    desk.post(f"/v1/customers/{merged['id']}:unmerge", {"identifiers": [login], "reason": "not the same"})
    parted = lambda: app.recommendation("buy-it-again")["fallback_reason"] == "NO_HISTORY"  # noqa: E731
    eventually(parted, "the parting did not reach recommendations")


def test_a_parting_that_parts_nothing_is_refused(desk: Caller, shop: Shop) -> None:
    card, login = fresh("card:J"), fresh("login:j")
    customer = shop.backend().claim(card, login)["id"]
    bad: tuple[dict[str, Any], ...] = (
        {"identifiers": [], "reason": "x"},
        {"identifiers": [card, login], "reason": "x"},
        {"identifiers": [fresh("login:other")], "reason": "x"},
        {"identifiers": ["nonsense"], "reason": "x"},
        {"identifiers": [login], "reason": ""},
        {"identifiers": [login]},
        {"identifiers": [login] * 201, "reason": "x"},
    )
    for body in bad:
        problem = desk.refused("POST", f"/v1/customers/{customer}:unmerge", json=body)
        assert problem["status"] in {400, 404, 409, 422}, body
    nobody = {"identifiers": ["login:x"], "reason": "x"}
    assert desk.refused("POST", "/v1/customers/c-00000000000000000000:unmerge", json=nobody)["status"] == 404
    for ids in (["card:NOBODY99", login], [card], [card, card, login], ["", login]):
        assert desk.refused("POST", "/v1/customers:merge", json={"ids": ids, "reason": "x"})["status"] in {400, 404}
    assert _names(desk.customer(card)) == {_upper(card), login}


def test_the_same_request_twice_merges_once_and_another_under_its_key_is_refused(desk: Caller, shop: Shop) -> None:
    one, two, three = (fresh("login:j") for _ in range(3))
    for name in (one, two, three):
        shop.backend().claim(name)
    key = {"Idempotency-Key": fresh("k-")}
    body = {"ids": [one, two], "reason": "same person"}
    answers = [desk.post("/v1/customers:merge", body, headers=key) for _ in range(2)]
    assert answers[0]["id"] == answers[1]["id"]
    other = desk.refused("POST", "/v1/customers:merge", json={"ids": [one, three], "reason": "x"}, headers=key)
    assert (other["status"], other["reason"]) == (422, "REQUEST_ID_REUSED")
    assert _names(desk.customer(three)) == {three}


def _upper(card: str) -> str:
    kind, _, number = card.partition(":")
    return f"{kind}:{number.upper()}"
