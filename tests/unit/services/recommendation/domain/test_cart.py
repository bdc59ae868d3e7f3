"""The cart is a fold over what the shopper did."""

from hypothesis import given
from hypothesis import strategies as st

from services.recommendation.domain.cart import (
    LINES_LIMIT,
    MAX_AGE_S,
    QUANTITY_LIMIT,
    CartAct,
    CartLine,
    fold_cart,
    folded_cart,
    total_price,
)
from services.recommendation.domain.interactions import Kind


def act(time_s: int, kind: Kind, product_id: str = "p1", quantity: int = 1) -> CartAct:
    return CartAct(time_s, kind, product_id, quantity)


def cart(*acts: CartAct, now_s: int = 100) -> list[CartLine]:
    return list(fold_cart(acts, now_s=now_s))


def test_adding_adds_and_removing_takes_away() -> None:
    assert cart(act(1, Kind.ADD, quantity=2), act(2, Kind.ADD), act(3, Kind.REMOVE)) == [CartLine("p1", 2)]


def test_removing_more_than_there_is_leaves_nothing() -> None:
    assert cart(act(1, Kind.ADD), act(2, Kind.REMOVE, quantity=5), act(3, Kind.ADD)) == [CartLine("p1", 1)]


def test_removing_without_a_quantity_takes_the_line() -> None:
    assert cart(act(1, Kind.ADD, quantity=3), act(2, Kind.REMOVE, quantity=0)) == []


def test_a_purchase_takes_its_products_out() -> None:
    put = (act(1, Kind.ADD), act(1, Kind.ADD, "p2"))
    assert cart(*put, act(2, Kind.PURCHASE)) == [CartLine("p2", 1)]


def test_bought_within_the_second_in_which_it_was_put_in_it_is_bought_whichever_log_came_first() -> None:
    put, bought = act(1, Kind.ADD), act(1, Kind.PURCHASE)
    assert cart(put, bought) == cart(bought, put) == []


def test_what_lies_there_for_a_season_is_forgotten() -> None:
    assert cart(act(0, Kind.ADD), now_s=MAX_AGE_S) == [CartLine("p1", 1)]
    assert cart(act(0, Kind.ADD), now_s=MAX_AGE_S + 1) == []


def test_quantities_and_lines_are_bounded() -> None:
    assert cart(act(1, Kind.ADD, quantity=QUANTITY_LIMIT + 1)) == [CartLine("p1", QUANTITY_LIMIT)]
    assert len(cart(*[act(1, Kind.ADD, f"p{n}") for n in range(LINES_LIMIT + 1)])) == LINES_LIMIT


ACTS = st.lists(
    st.builds(
        CartAct,
        st.integers(0, 50),
        st.sampled_from([Kind.ADD, Kind.REMOVE, Kind.PURCHASE]),
        st.sampled_from(["p1", "p2"]),
        st.integers(0, 3),
    ),
    max_size=12,
    unique_by=lambda each: each.time_s,
)


@given(ACTS, st.randoms(use_true_random=False))
def test_the_order_in_which_identifiers_are_joined_does_not_matter(acts: list[CartAct], random: object) -> None:
    shuffled = list(acts)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert fold_cart(acts, now_s=100) == fold_cart(shuffled, now_s=100)
    assert all(line.quantity > 0 for line in fold_cart(acts, now_s=100))


def test_a_total_is_exact_decimal_money() -> None:
    prices = [({"amount": "0.10", "currency": "CNY"}, 3), ({"amount": "1.05", "currency": "CNY"}, 1)]
    assert total_price(prices) == {"amount": "1.35", "currency": "CNY"}
    assert total_price([({"amount": "100", "currency": "JPY"}, 2)]) == {"amount": "200", "currency": "JPY"}


def test_two_currencies_have_no_honest_sum() -> None:
    prices = [({"amount": "1.00", "currency": "CNY"}, 1), ({"amount": "1.00", "currency": "USD"}, 1)]
    assert total_price(prices) is None


ACTS = st.lists(
    st.builds(
        act,
        st.integers(0, 8).map(lambda day: day * 20 * 86_400),
        st.sampled_from([Kind.ADD, Kind.REMOVE, Kind.PURCHASE]),
        st.sampled_from(["p1", "p2"]),
        st.integers(0, 2),
    ),
    max_size=6,
)


@given(ACTS, st.integers(0, 300 * 86_400), st.integers(-MAX_AGE_S - 2, MAX_AGE_S + 2))
def test_a_folded_cart_holds_exactly_as_long_as_it_says(acts: list[CartAct], now_s: int, later_s: int) -> None:
    folded = folded_cart(acts, now_s=now_s)
    assert folded.holds_at(now_s)
    assert folded.lines == fold_cart(acts, now_s=now_s)
    for moment in (now_s + later_s, folded.since_s, folded.until_s):
        if folded.holds_at(moment) and abs(moment) < 10**12:  # type: ignore[arg-type]
            assert fold_cart(acts, now_s=int(moment)) == folded.lines


def test_a_cart_of_one_act_ends_one_second_after_its_age() -> None:
    folded = folded_cart([act(1_000, Kind.ADD)], now_s=1_000)
    assert (folded.holds_at(1_000 + MAX_AGE_S), folded.holds_at(1_001 + MAX_AGE_S)) == (True, False)
    assert not folded_cart([act(1_000, Kind.ADD)], now_s=1_001 + MAX_AGE_S).holds_at(1_000 + MAX_AGE_S)
