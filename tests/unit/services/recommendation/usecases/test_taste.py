"""A person's profile is computed once and again when something changed."""

from services.recommendation.domain.interactions import Kind
from services.recommendation.domain.model import Ranker
from services.recommendation.domain.ranking import Head
from services.recommendation.usecases.taste import REMEMBERED_LIMIT, Profiles, person_profile
from tests.unit.services.recommendation.shop import NOW, shop_world, user_event


def test_a_profile_is_remembered_until_a_row_is_added() -> None:
    world, profiles = shop_world(), Profiles()
    assert world.model is not None
    actors = world.ledger.actor_places(["card:0"])
    first = profiles.profile(world.model, world.ledger, actors)
    assert profiles.profile(world.model, world.ledger, actors) is first
    world.ledger.apply(user_event(900_000, subject="card:0", products=[("p20", 1)]))
    assert profiles.profile(world.model, world.ledger, actors) is not first


def test_a_replaced_order_makes_a_new_profile_too() -> None:
    world, profiles = shop_world(), Profiles()
    assert world.model is not None
    actors = world.ledger.actor_places(["card:0"])
    first = profiles.profile(world.model, world.ledger, actors)
    order = {"kind": "sale", "source": "shop", "number": "0-0"}  # the first order, which was card:0's
    world.ledger.apply(user_event(900_000, subject="card:1", products=[("p20", 1)], order=order))
    assert profiles.profile(world.model, world.ledger, actors) is not first


def test_profiles_are_bounded() -> None:
    world, profiles = shop_world(), Profiles()
    assert world.model is not None
    for number in range(REMEMBERED_LIMIT + 1):
        world.ledger.apply(user_event(900_000 + number, "detail-page-view", subject=f"visitor:{number}"))
    first = profiles.profile(world.model, world.ledger, world.ledger.actor_places(["visitor:0"]))
    for number in range(1, REMEMBERED_LIMIT + 1):
        profiles.profile(world.model, world.ledger, world.ledger.actor_places([f"visitor:{number}"]))
    assert profiles.profile(world.model, world.ledger, world.ledger.actor_places(["visitor:0"])) is not first


def test_the_strongest_act_names_the_reason() -> None:
    world = shop_world()
    assert world.model is not None
    for seq, (type_, product_id) in enumerate(
        [("detail-page-view", "p1"), ("add-to-cart", "p1"), ("detail-page-view", "p2"), ("purchase-complete", "p3")]
    ):
        world.ledger.apply(user_event(900_000 + seq, type_, subject="card:x", products=[(product_id, 1)], time=NOW))
    profile = person_profile(world.model, world.ledger, world.ledger.actor_places(["card:x"]))
    strongest = {
        world.model.product_ids[place]: Kind(kind)
        for place, kind in zip(profile.touched.tolist(), profile.strongest.tolist(), strict=True)
    }
    assert strongest == {"p1": Kind.ADD, "p2": Kind.VIEW, "p3": Kind.PURCHASE}
    assert [world.model.product_ids[place] for place in profile.bought] == ["p3"]


def test_a_person_of_unknown_products_alone_has_no_taste() -> None:
    world = shop_world(Ranker.ALS)
    assert world.model is not None
    world.ledger.apply(user_event(900_000, subject="card:x", products=[("unheard-of", 1)]))
    profile = person_profile(world.model, world.ledger, world.ledger.actor_places(["card:x"]))
    assert profile.taste is None
    assert not len(profile.touched)
    assert profile.head == Head((), (), complete=True)
