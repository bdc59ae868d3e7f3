"""What is popular, recounted when something was bought."""

from datetime import timedelta

from services.recommendation.jobs.board import BoardKeeper, count_board
from services.recommendation.store.world import BOARD_LIMIT, World
from tests.fakes.clock import ManualClock
from tests.unit.services.recommendation.shop import NOW, NOW_S, ledger_of, user_event


def test_the_most_bought_lately_comes_first() -> None:
    long_ago = NOW - timedelta(days=100)
    old = [user_event(n, subject=f"card:{n}", products=[("old", 1)], time=long_ago) for n in range(5)]
    new = [user_event(n, subject=f"card:{n}", products=[("new", 1)], time=NOW) for n in range(3)]
    assert count_board(ledger_of([*old, *new]).snapshot(), NOW_S).product_ids == ("new", "old")


def test_a_shop_that_was_closed_keeps_its_order() -> None:
    ledger = ledger_of([user_event(1), user_event(2, subject="card:2"), user_event(3, products=[("p2", 1)])])
    late = count_board(ledger.snapshot(), NOW_S + 3 * 365 * 86_400)
    assert late == count_board(ledger.snapshot(), NOW_S)
    assert late.product_ids == ("p1", "p2")


def test_views_and_load_tests_make_nothing_popular() -> None:
    ledger = ledger_of([user_event(1, "detail-page-view"), user_event(2, products=[("p2", 1)], synthetic=True)])
    assert count_board(ledger.snapshot(), NOW_S).product_ids == ()


def test_a_board_is_bounded() -> None:
    ledger = ledger_of([user_event(1, products=[(f"p{n}", 1) for n in range(BOARD_LIMIT + 1)])])
    assert len(count_board(ledger.snapshot(), NOW_S).product_ids) == BOARD_LIMIT


async def test_a_purchase_moves_the_board_and_nothing_else_costs_a_count() -> None:
    world = World(ledger=ledger_of([user_event(1)]))
    keeper = BoardKeeper(world, ManualClock())
    await keeper.refresh()
    first = world.board
    world.ledger.apply(user_event(2, "detail-page-view"))
    await keeper.refresh()
    assert world.board is first
    world.ledger.apply(user_event(3, products=[("p2", 1)]))
    await keeper.refresh()
    assert set(world.board.product_ids) == {"p1", "p2"}
