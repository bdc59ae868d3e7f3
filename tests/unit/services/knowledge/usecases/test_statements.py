"""Claims, joins, partings and consent through the use cases, on the projections that they end in."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.chassis.errors import InvalidArgumentError
from services.kits.event_forms import MoneyForm, ProductForm
from services.knowledge.domain.errors import (
    CustomerNotFoundError,
    MergeRefusedError,
    RequestIdReusedError,
    UnmergeGroupsError,
)
from services.knowledge.domain.facts import DEFAULT, DENIED, GRANTED, PERSONALIZATION
from services.knowledge.domain.identity import Refused
from services.knowledge.domain.profile import Customer
from services.knowledge.domain.user_events import OrderForm
from services.knowledge.store.collections import CUSTOMER_CLAIMS
from services.knowledge.usecases.statements import Request, merge_customers, set_consent, unmerge_customer
from tests.unit.services.knowledge.conftest import World, event_form, make_world

CARD, LOGIN, PHONE, EMAIL = "card:1001", "login:u42", "phone:13911223344", "email:li@shop.cn"
PHONE_WRITTEN = "phone:+8613911223344"
BROWSER = f"v-{'b' * 22}"


async def unmerge(world: World, name: str, *identifiers: str, request_id: str = "") -> list[Customer]:
    world.clock.advance(1)
    return await unmerge_customer(
        world.writing, name, identifiers, Request("key", request_id), reason="two people, the desk says"
    )


async def merge(world: World, one: str, two: str, request_id: str = "") -> Customer:
    world.clock.advance(1)
    return await merge_customers(world.writing, [one, two], Request("key", request_id), reason="one person")


async def consent(world: World, name: str, *, granted: bool) -> Customer:
    world.clock.advance(1)
    return await set_consent(
        world.writing, name, Request("key"), purpose=PERSONALIZATION, granted=granted, source="account page"
    )


def personalization(customer: Customer) -> str:
    return next(each.state for each in customer.consents if each.purpose == PERSONALIZATION)


async def test_a_card_a_login_and_a_verified_phone_become_one_customer_with_their_facts(world: World) -> None:
    await world.claim(CARD, claims={"name": "Li Wei"}, source="pos")
    customer = await world.claim(CARD, LOGIN, PHONE, claims={"name": "李伟"}, source="app")
    assert customer.person.identifiers == (CARD, LOGIN, PHONE_WRITTEN)
    (fact,) = customer.facts
    assert (fact.value, fact.source, fact.identifier, fact.superseded_values) == ("李伟", "app", CARD, ("Li Wei",))


async def test_any_id_that_a_customer_ever_had_finds_it(world: World) -> None:
    before = [(await world.claim(name)).id for name in (CARD, LOGIN, PHONE)]
    after = await world.claim(CARD, LOGIN, PHONE)
    assert {(await world.customer(each)).id for each in before} == {after.id}


async def test_a_placeholder_or_unverified_contact_joins_nobody_and_says_so(world: World) -> None:
    await world.claim("card:2001", "phone:13800138000", "email:test@test.com")
    customer = await world.claim("card:2001", EMAIL, verified=False)
    assert customer.person.identifiers == ("card:2001",)
    assert {each.identifier: each.reason for each in customer.person.refused} == {
        "phone:+8613800138000": Refused.BLOCKED,
        "email:test@test.com": Refused.BLOCKED,
        EMAIL: Refused.UNVERIFIED,
    }


async def test_a_contact_that_is_verified_later_joins_then(world: World) -> None:
    await world.claim(CARD, EMAIL, verified=False)
    customer = await world.claim(CARD, EMAIL)
    assert customer.person.identifiers == (CARD, EMAIL)
    assert customer.person.refused == ()


async def test_fifty_cards_on_one_phone_stay_fifty_customers(world: World) -> None:
    for number in range(50):
        await world.claim(f"card:30{number:02d}", PHONE)
    ids = {(await world.customer(f"card:30{number:02d}")).id for number in range(50)}
    assert len(ids) == 50
    (refusal,) = (await world.customer("card:3000")).person.refused
    assert (refusal.reason, refusal.count) == (Refused.SHARED, 50)


async def test_a_household_of_fifty_cards_is_one_account_of_fifty_customers(world: World) -> None:
    for number in range(50):
        await world.claim(f"card:40{number:02d}", account="household:208")
    customers = [await world.customer(f"card:40{number:02d}") for number in range(50)]
    assert len({each.id for each in customers}) == 50
    assert len({each.account_id for each in customers}) == 1


async def test_unmerge_gives_back_the_very_profiles_from_before_the_join(world: World) -> None:
    before = {}
    for name, place in ((CARD, "store"), (LOGIN, "app"), (PHONE, "phone")):
        before[name] = (await world.claim(name, claims={"met_at": place})).profile_hash
    joined = await world.claim(CARD, LOGIN, PHONE)
    card, rest = await unmerge(world, joined.id, CARD)
    assert card.profile_hash == before[CARD]
    assert rest.person.identifiers == (LOGIN, PHONE_WRITTEN)


async def test_what_was_parted_stays_parted_at_the_next_login_and_through_a_third_identifier(world: World) -> None:
    joined = await world.claim(CARD, LOGIN)
    await unmerge(world, joined.id, CARD)
    now = world.clock.now()
    await world.write(event_form("next-login", now, type="login", products=(), identifiers=[CARD, LOGIN]))
    await world.claim(CARD, EMAIL)
    await world.claim(LOGIN, EMAIL)
    card, login = await world.customer(CARD), await world.customer(LOGIN)
    assert card.id != login.id
    assert card.person.identifiers == (CARD, EMAIL)
    assert login.interactions_by_channel == {"web": 1}


async def test_a_merge_by_hand_lifts_the_parting_between_the_two(world: World) -> None:
    joined = await world.claim(CARD, LOGIN, PHONE)
    await unmerge(world, joined.id, CARD)
    customer = await merge(world, CARD, LOGIN)
    assert customer.person.identifiers == (CARD, LOGIN, PHONE_WRITTEN)
    card, _ = await unmerge(world, customer.id, CARD)
    assert card.person.identifiers == (CARD,)


async def test_an_identifier_that_joins_nobody_cannot_be_merged_by_hand(world: World) -> None:
    await world.claim("phone:13800138000")
    await world.claim(CARD)
    with pytest.raises(MergeRefusedError):
        await merge(world, CARD, "phone:13800138000")


async def test_merging_one_customer_with_itself_changes_nothing(world: World) -> None:
    joined = await world.claim(CARD, LOGIN)
    assert (await merge(world, CARD, LOGIN)).profile_hash == joined.profile_hash
    assert len(await world.events(CUSTOMER_CLAIMS)) == 1


@pytest.mark.parametrize("named", [(), (CARD, LOGIN), ("card:9999",), (CARD, "login:someone-else")])
async def test_unmerge_needs_two_groups_of_the_customers_own_identifiers(world: World, named: tuple[str, ...]) -> None:
    joined = await world.claim(CARD, LOGIN)
    with pytest.raises(UnmergeGroupsError):
        await unmerge(world, joined.id, *named)


async def test_an_unmerge_sent_twice_under_one_id_happens_once(world: World) -> None:
    joined = await world.claim(CARD, LOGIN)
    first = await unmerge(world, joined.id, CARD, request_id="r1")
    again = await unmerge(world, joined.id, CARD, request_id="r1")
    assert [each.profile_hash for each in first] == [each.profile_hash for each in again]
    assert len(await world.events(CUSTOMER_CLAIMS)) == 2


async def test_a_claim_sent_twice_under_one_id_is_one_statement(world: World) -> None:
    await world.claim(CARD, claims={"name": "A"}, request_id="r1")
    await world.claim(CARD, claims={"name": "A"}, request_id="r1")
    assert len(await world.events(CUSTOMER_CLAIMS)) == 1
    with pytest.raises(RequestIdReusedError):
        await world.claim(CARD, claims={"name": "B"}, request_id="r1")


async def test_nobody_has_spoken_is_not_a_yes(world: World) -> None:
    assert personalization(await world.claim(CARD)) == DEFAULT


async def test_the_latest_word_on_a_purpose_is_in_force_over_all_channels(world: World) -> None:
    await world.claim(CARD, LOGIN)
    assert personalization(await consent(world, CARD, granted=True)) == GRANTED
    assert personalization(await consent(world, LOGIN, granted=False)) == DENIED
    assert personalization(await consent(world, CARD, granted=True)) == GRANTED


async def test_after_a_parting_a_no_holds_on_both_sides_and_a_yes_only_where_it_was_said(world: World) -> None:
    joined = await world.claim(CARD, LOGIN)
    await consent(world, CARD, granted=False)
    await consent(world, LOGIN, granted=True)
    await unmerge(world, joined.id, CARD)
    assert personalization(await world.customer(CARD)) == DENIED
    assert personalization(await world.customer(LOGIN)) == GRANTED


async def test_a_no_said_as_one_person_stays_with_each_of_the_two_that_it_turns_out_to_be(world: World) -> None:
    joined = await world.claim(CARD, LOGIN)
    await consent(world, CARD, granted=False)
    await unmerge(world, joined.id, CARD)
    assert personalization(await world.customer(LOGIN)) == DENIED


async def test_a_yes_said_as_one_person_stays_with_the_identifier_that_it_was_said_of(world: World) -> None:
    joined = await world.claim(CARD, LOGIN)
    await consent(world, CARD, granted=True)
    await unmerge(world, joined.id, CARD)
    assert personalization(await world.customer(LOGIN)) == DEFAULT


async def test_a_no_in_a_claim_is_said_of_all_that_the_person_is(world: World) -> None:
    joined = await world.claim(CARD, LOGIN)
    await world.claim(CARD, consents={PERSONALIZATION: DENIED})
    await unmerge(world, joined.id, CARD)
    assert personalization(await world.customer(LOGIN)) == DENIED


async def test_consent_of_an_identifier_that_was_never_met_makes_it_known(world: World) -> None:
    assert personalization(await consent(world, "login:new", granted=False)) == DENIED


async def test_consent_of_an_unknown_customer_id_is_not_found(world: World) -> None:
    with pytest.raises(CustomerNotFoundError):
        await consent(world, f"c-{'0' * 20}", granted=True)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("identifiers", {"identifiers": []}),
        ("identifiers", {"identifiers": [f"card:50{number}" for number in range(9)]}),
        ("claims", {"claims": {f"f{number}": "x" for number in range(51)}}),
        ("claims", {"claims": {"Not A Field": "x"}}),
        ("claims", {"claims": {"name": "x" * 1_001}}),
        ("claims", {"claims": {"name": "a\x00b"}}),
        ("source", {"source": "s" * 129}),
        ("purpose", {"consents": {"espionage": "granted"}}),
        ("consents", {"consents": {"marketing": "perhaps"}}),
        ("account", {"account": "club:7"}),
    ],
)
async def test_a_statement_past_its_bounds_names_the_field(
    world: World, field: str, changes: dict[str, object]
) -> None:
    identifiers = changes.pop("identifiers", [CARD])
    with pytest.raises(InvalidArgumentError) as refused:
        await world.claim(*identifiers, **changes)  # type: ignore[misc, arg-type]
    assert refused.value.metadata["field"] == field


async def test_chinese_emoji_and_full_width_text_is_kept_as_it_was_said(world: World) -> None:
    customer = await world.claim("card:１００１", claims={"name": "李伟 🎉", "note": "ＡＢＣ"})
    assert customer.person.identifiers == (CARD,)
    assert {fact.field: fact.value for fact in customer.facts} == {"name": "李伟 🎉", "note": "ＡＢＣ"}


async def test_an_empty_value_takes_that_sources_word_back(world: World) -> None:
    await world.claim(CARD, claims={"name": "A"}, source="pos")
    await world.claim(CARD, claims={"name": "B"}, source="app")
    customer = await world.claim(CARD, claims={"name": ""}, source="app")
    assert [fact.value for fact in customer.facts] == ["A"]


async def test_a_family_browser_joins_nobody_and_keeps_its_events(world: World) -> None:
    now = world.clock.now()
    for login in ("login:dad", "login:mum"):
        await world.write(
            event_form(f"in-{login}", now, type="login", products=(), visitor_id=BROWSER, identifiers=[login])
        )
    await world.write(event_form("look", now, visitor_id=BROWSER))
    assert (await world.customer("login:dad")).person.identifiers == ("login:dad",)
    browser = await world.customer(f"visitor:{BROWSER}")
    assert browser.interactions_by_channel == {"web": 3}
    assert browser.person.refused[0].reason is Refused.SHARED


async def test_one_event_of_two_identifiers_counts_once_for_the_person_and_once_for_each_when_parted(
    world: World,
) -> None:
    now = world.clock.now()
    await world.write(event_form("e1", now, identifiers=[CARD, LOGIN]))
    joined = await world.customer(CARD)
    assert joined.interactions_by_channel == {"web": 1}
    parted = await unmerge(world, joined.id, CARD)
    assert [each.interactions_by_channel for each in parted] == [{"web": 1}, {"web": 1}]


NAMES = (CARD, "card:1002", LOGIN, "login:u43", PHONE, EMAIL)
statements = st.lists(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True).map(tuple), min_size=1, max_size=8
)


@given(said=statements, chance=st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_any_order_of_the_same_statements_and_orders_gives_the_same_hashes(
    said: list[tuple[str, ...]], chance: object
) -> None:
    hashes = []
    for turn in range(2):
        world = await make_world()
        order = list(enumerate(said))
        if turn:
            chance.shuffle(order)  # type: ignore[attr-defined]
        begin = world.clock.now()
        for number, names in order:
            world.clock.step_wall((begin - world.clock.now()).total_seconds() + number)
            await world.claim(*names, claims={"said": str(number)})
            await world.write(purchase(f"o{number}", begin, names[0]))
        hashes.append({name: await _hash(world, name) for name in NAMES})
    assert hashes[0] == hashes[1]


@given(said=statements)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_unmerge_equals_by_hash_a_world_that_was_never_told_of_the_edges(said: list[tuple[str, ...]]) -> None:
    told, untold = await make_world(), await make_world()
    for number, names in enumerate(said):
        for world in (told, untold):
            for name in names:
                await world.claim(name, claims={"said": f"{number}"})
                await world.write(purchase(f"o{number}{name}", world.clock.now(), name))
        await told.claim(*names)
        await untold.claim(names[0])
    whole = await told.customer(said[0][0])
    if len(whole.person.members) < 2:
        return
    first, rest = whole.person.identifiers[:1], set(whole.person.identifiers[1:])
    parted = await unmerge(told, whole.id, *first)
    for number, names in enumerate(said):
        stays = [name for name in names if written(name) in rest]
        if len(stays) > 1:
            await untold.claim(*stays, claims={}, request_id=f"again-{number}")
    rebuilt = await untold.customer(first[0])
    assert parted[0].profile_hash == rebuilt.profile_hash


async def _hash(world: World, name: str) -> str:
    try:
        return (await world.customer(name)).profile_hash
    except CustomerNotFoundError:
        return ""


def written(name: str) -> str:
    return PHONE_WRITTEN if name == PHONE else name


def purchase(number: str, time: object, name: str) -> object:
    return event_form(
        f"buy-{number}",
        time,  # type: ignore[arg-type]
        type="purchase-complete",
        identifiers=[name],
        order=OrderForm(number),
        products=[ProductForm("p-1", 2, MoneyForm("3.50", "CNY"))],
    )
