"""Who is one person: joined, shared, blocked, parted, in any order (docs/consistency.md rule 13)."""

from itertools import combinations, permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from services.knowledge.domain.identifiers import own_customer_id
from services.knowledge.domain.identity import (
    CLAIM,
    LOGIN_EVENT,
    MANUAL,
    SAME_EVENT,
    IdentityRules,
    Link,
    Node,
    Person,
    Refused,
    people_of,
    wanted_identifiers,
)
from tests.strategies.identity import (
    IDENTIFIERS,
    TIGHT_RULES,
    Edge,
    Parting,
    facts,
    nodes_from,
    partition,
    person_by_parts,
)

RULES = IdentityRules()
CARD, LOGIN, PHONE, EMAIL = "card:100", "login:u0", "phone:+8613900130000", "email:li@shop.cn"
PLACEHOLDER = "phone:+8613800138000"
BROWSER = f"visitor:v-{'a' * 22}"


def edge(first: str, second: str, *, evidence: str = CLAIM, time_us: int = 0) -> Edge:
    return Edge(first, second, Link(evidence, "crm", time_us))


def people(*found: Edge | Parting, rules: IdentityRules = RULES) -> dict[str, Person]:
    return people_of(nodes_from(found), rules)


def clique(*identifiers: str) -> list[Edge]:
    return [edge(first, second) for first, second in combinations(identifiers, 2)]


def part(first: set[str], second: set[str], *, lifted: set[str] | None = None, name: str = "p1") -> Parting:
    return Parting(name, (frozenset(first), frozenset(second)), frozenset(lifted or ()))


def test_a_card_a_login_and_a_verified_phone_are_one_customer() -> None:
    person = people(*clique(CARD, LOGIN, PHONE))[PHONE]
    assert person.identifiers == (CARD, LOGIN, PHONE)
    assert person.id == min(own_customer_id(each) for each in (CARD, LOGIN, PHONE))


def test_the_strongest_member_is_joined_to_nothing_and_each_other_names_why_it_is_here() -> None:
    person = people(edge(CARD, LOGIN, evidence=LOGIN_EVENT), edge(LOGIN, PHONE))[CARD]
    assert [(member.identifier, member.joined_to) for member in person.members] == [
        (CARD, ""),
        (LOGIN, CARD),
        (PHONE, LOGIN),
    ]
    assert person.members[1].link == Link(LOGIN_EVENT, "crm", 0)


def test_a_placeholder_phone_joins_nobody_and_says_so() -> None:
    found = people(edge("card:101", PLACEHOLDER), edge("card:102", PLACEHOLDER))
    assert found["card:101"].identifiers == ("card:101",)
    assert [(each.identifier, each.reason) for each in found["card:101"].refused] == [(PLACEHOLDER, Refused.BLOCKED)]
    assert found[PLACEHOLDER].refused[0].reason is Refused.BLOCKED


def test_an_identifier_that_the_shop_blocks_joins_nobody() -> None:
    rules = IdentityRules(blocked=frozenset({PHONE}))
    assert people(edge(CARD, PHONE), rules=rules)[CARD].identifiers == (CARD,)


def test_one_phone_on_fifty_cards_joins_nobody_and_loses_its_earlier_edges() -> None:
    first_five = [edge(f"card:{number}", PHONE) for number in range(200, 205)]
    assert len(people(*first_five)[PHONE].members) == 6
    fifty = [edge(f"card:{number}", PHONE) for number in range(200, 250)]
    found = people(*fifty)
    assert found["card:200"].identifiers == ("card:200",)
    refusal = found["card:200"].refused[0]
    assert (refusal.identifier, refusal.reason, refusal.count) == (PHONE, Refused.SHARED, 50)


def test_one_neighbour_past_the_bound_makes_an_identifier_shared() -> None:
    at_bound = [edge(f"login:w{number}", CARD) for number in range(5)]
    assert len(people(*at_bound)[CARD].members) == 6
    assert people(*at_bound, edge("login:w5", CARD))[CARD].identifiers == (CARD,)


def test_a_browser_of_two_people_joins_neither() -> None:
    found = people(edge(BROWSER, "login:dad", evidence=LOGIN_EVENT), edge(BROWSER, "login:mum", evidence=LOGIN_EVENT))
    assert partition(found) >= {frozenset({BROWSER}), frozenset({"login:dad"}), frozenset({"login:mum"})}
    assert found["login:dad"].refused[0].reason is Refused.SHARED


def test_a_browser_of_two_logins_of_one_person_joins_that_person() -> None:
    found = people(
        edge(BROWSER, "login:work", evidence=LOGIN_EVENT),
        edge(BROWSER, "login:home", evidence=LOGIN_EVENT),
        edge("login:work", CARD),
        edge("login:home", CARD),
    )
    assert found[BROWSER].identifiers == (CARD, "login:home", "login:work", BROWSER)


def test_a_browser_that_stands_in_a_shop_joins_nobody() -> None:
    rules = IdentityRules(visitor_people=2)
    crowd = [edge(BROWSER, f"login:k{number}", evidence=SAME_EVENT) for number in range(3)]
    assert people(*crowd, rules=rules)[BROWSER].identifiers == (BROWSER,)


def test_a_login_with_more_browsers_than_one_person_has_keeps_its_card_and_loses_the_browsers() -> None:
    rules = IdentityRules(visitors=3)
    browsers = [f"visitor:v-{number}{'z' * 22}" for number in range(4)]
    found = people(edge(CARD, LOGIN), *(edge(LOGIN, each, evidence=SAME_EVENT) for each in browsers), rules=rules)
    assert found[LOGIN].identifiers == (CARD, LOGIN)


def test_a_chain_longer_than_its_bound_is_believed_by_nobody() -> None:
    rules = IdentityRules(trunk=4)
    chain = [edge(f"card:{number}", f"card:{number + 1}") for number in range(300, 304)]
    assert len(people(*chain[:3], rules=rules)["card:300"].members) == 4
    assert len(people(*chain, rules=rules)["card:300"].members) == 1


def test_an_unverified_phone_is_named_and_joins_nobody() -> None:
    nodes = {CARD: Node(CARD, unverified={PHONE: Link(CLAIM, "crm", 0)}), PHONE: Node(PHONE)}
    person = people_of(nodes, RULES)[CARD]
    assert person.identifiers == (CARD,)
    assert [(each.identifier, each.reason) for each in person.refused] == [(PHONE, Refused.UNVERIFIED)]


def test_unmerge_equals_a_rebuild_without_the_edges_between_the_groups() -> None:
    found = clique(CARD, LOGIN, PHONE)
    parted = people(*found, part({CARD}, {LOGIN, PHONE}))
    rebuilt = people(*(each for each in found if CARD not in (each.first, each.second)))
    assert parted == rebuilt
    assert partition(parted) >= {frozenset({CARD}), frozenset({LOGIN, PHONE})}


def test_the_triangle_stays_parted_when_a_third_identifier_names_both() -> None:
    found = people(
        edge(CARD, LOGIN),
        part({CARD}, {LOGIN}),
        edge(EMAIL, CARD, time_us=5),
        edge(EMAIL, LOGIN, time_us=6),
    )
    assert found[CARD].id != found[LOGIN].id
    assert found[EMAIL].identifiers == (CARD, EMAIL), "the earlier of two equal claims holds"


def test_the_next_login_does_not_join_what_was_parted() -> None:
    found = people(edge(CARD, LOGIN), part({CARD}, {LOGIN}), edge(CARD, LOGIN, evidence=LOGIN_EVENT, time_us=99))
    assert found[CARD].id != found[LOGIN].id


def test_a_browser_seen_with_both_sides_of_a_parting_joins_neither() -> None:
    found = people(
        edge(CARD, LOGIN),
        part({CARD}, {LOGIN}),
        edge(BROWSER, CARD, evidence=SAME_EVENT),
        edge(BROWSER, LOGIN, evidence=SAME_EVENT),
    )
    assert found[BROWSER].identifiers == (BROWSER,)


def test_a_merge_by_hand_after_an_unmerge_restores_what_was_there() -> None:
    found = clique(CARD, LOGIN, PHONE)
    everyone = {CARD, LOGIN, PHONE}
    again = people(*found, part({CARD}, {LOGIN, PHONE}, lifted=everyone), edge(CARD, LOGIN, evidence=MANUAL))
    assert again[CARD].identifiers == (CARD, LOGIN, PHONE)


def test_a_lifted_parting_still_holds_against_those_it_was_not_lifted_for() -> None:
    found = people(
        part({CARD}, {LOGIN, PHONE}, lifted={CARD, LOGIN}),
        edge(CARD, LOGIN, evidence=MANUAL),
        edge(CARD, PHONE),
    )
    assert found[CARD].identifiers == (CARD, LOGIN)
    assert found[PHONE].identifiers == (PHONE,)


def test_two_visitors_joined_by_hand_are_one_person() -> None:
    other = f"visitor:v-{'b' * 22}"
    assert people(edge(BROWSER, other, evidence=MANUAL))[other].identifiers == (BROWSER, other)


def test_every_order_of_three_facts_gives_the_same_people() -> None:
    found = [edge(CARD, LOGIN), part({CARD}, {LOGIN}), edge(EMAIL, CARD), edge(EMAIL, LOGIN)]
    outcomes = [people(*order) for order in permutations(found)]
    assert all(outcome == outcomes[0] for outcome in outcomes)


@given(found=facts, chance=st.randoms(use_true_random=False))
@settings(max_examples=120, deadline=None)
def test_any_order_of_the_same_facts_gives_the_same_people_and_ids(found: list[Edge | Parting], chance: object) -> None:
    shuffled = list(found)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert people_of(nodes_from(found), TIGHT_RULES) == people_of(nodes_from([*shuffled, *found]), TIGHT_RULES)


def test_what_was_joined_by_hand_makes_nobody_shared_also_where_only_a_part_is_known() -> None:
    card, phones = "card:100", [f"phone:+861390013000{number}" for number in range(3)]
    evidence = (MANUAL, "claim", "claim")
    nodes = nodes_from([Edge(card, phone, Link(each, "crm", 0)) for phone, each in zip(phones, evidence, strict=True)])
    whole = people_of(nodes, TIGHT_RULES)[card]
    assert whole.identifiers == (card, *phones)
    assert person_by_parts(nodes, card, TIGHT_RULES) == whole


@given(found=facts)
@settings(max_examples=120, deadline=None)
def test_a_part_of_the_graph_folded_by_itself_says_the_same_as_the_whole(found: list[Edge | Parting]) -> None:
    nodes = nodes_from(found)
    whole = people_of(nodes, TIGHT_RULES)
    for identifier in IDENTIFIERS:
        assert person_by_parts(nodes, identifier, TIGHT_RULES) == whole[identifier]


@given(found=facts)
@settings(max_examples=120, deadline=None)
def test_no_two_identifiers_on_opposite_sides_of_a_parting_are_ever_one_person(found: list[Edge | Parting]) -> None:
    everyone = people_of(nodes_from(found), TIGHT_RULES)
    for fact in found:
        if isinstance(fact, Parting):
            for first in fact.groups[0]:
                for second in fact.groups[1] - (fact.lifted if first in fact.lifted else frozenset()):
                    assert everyone[first].id != everyone[second].id


@given(found=facts, data=st.data())
@settings(max_examples=120, deadline=None)
def test_unmerging_any_customer_equals_a_rebuild_without_the_edges_between_its_two_groups(
    found: list[Edge | Parting], data: st.DataObject
) -> None:
    everyone = people_of(nodes_from(found), RULES)
    several = sorted({person.id: person for person in everyone.values() if len(person.members) > 1}.items())
    if not several:
        return
    members = data.draw(st.sampled_from(several))[1].identifiers
    size = data.draw(st.integers(min_value=1, max_value=len(members) - 1))
    first, second = frozenset(members[:size]), frozenset(members[size:])
    parted = people_of(nodes_from([*found, Parting("new", (first, second))]), RULES)
    assert all(parted[one].id != parted[two].id for one in first for two in second)
    without = [fact for fact in found if not _is_between(fact, first, second)]
    rebuilt = people_of(nodes_from(without), RULES)
    if all(rebuilt[one].id != rebuilt[two].id for one in first for two in second):
        assert {each: rebuilt[each] for each in members} == {each: parted[each] for each in members}


@given(found=facts)
@settings(max_examples=120, deadline=None)
def test_every_identifier_is_in_exactly_one_person_whose_id_is_the_smallest_of_its_members(
    found: list[Edge | Parting],
) -> None:
    everyone = people_of(nodes_from(found), TIGHT_RULES)
    for identifier, person in everyone.items():
        assert identifier in person.identifiers
        assert person.id == min(own_customer_id(each) for each in person.identifiers)
        assert (
            not set(person.identifiers) & {refusal.identifier for refusal in person.refused} or len(person.members) == 1
        )


def test_what_lies_behind_a_shared_phone_is_not_asked_for() -> None:
    cards = [f"card:{number}" for number in range(400, 450)]
    nodes = nodes_from([edge(each, PHONE) for each in cards])
    loaded = {identifier: nodes[identifier] for identifier in (cards[0], PHONE)}
    assert wanted_identifiers(loaded, [cards[0]], RULES) == set()


def _is_between(fact: Edge | Parting, first: frozenset[str], second: frozenset[str]) -> bool:
    return isinstance(fact, Edge) and (
        (fact.first in first and fact.second in second) or (fact.first in second and fact.second in first)
    )
