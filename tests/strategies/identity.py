"""Hypothesis strategies of identity: facts about a small world of identifiers, small enough that they meet often."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hypothesis import strategies as st

from services.knowledge.domain.identity import (
    CLAIM,
    LOGIN_EVENT,
    MANUAL,
    SAME_EVENT,
    VERIFIED_PHONE,
    IdentityRules,
    Link,
    Node,
    Person,
    merged_node,
    people_of,
    wanted_identifiers,
)

IDENTIFIERS = (
    *(f"card:10{number}" for number in range(4)),
    *(f"login:u{number}" for number in range(4)),
    *(f"phone:+861390013000{number}" for number in range(2)),
    "email:li@shop.cn",
    "phone:+8613800138000",
    *(f"visitor:v-{number}{'x' * 22}" for number in range(4)),
)
TIGHT_RULES = IdentityRules(neighbours={"card": 2, "login": 2, "phone": 2, "email": 2}, visitors=3, visitor_people=2)


@dataclass(frozen=True, slots=True)
class Edge:
    """Evidence that two identifiers are one person's."""

    first: str
    second: str
    link: Link


@dataclass(frozen=True, slots=True)
class Parting:
    """A staff member said that two groups are two people; ``lifted`` by a later merge for these."""

    id: str
    groups: tuple[frozenset[str], frozenset[str]]
    lifted: frozenset[str] = frozenset()


identifiers = st.sampled_from(IDENTIFIERS)
links = st.builds(
    Link,
    evidence=st.sampled_from((CLAIM, VERIFIED_PHONE, LOGIN_EVENT, SAME_EVENT, SAME_EVENT, MANUAL)),
    source=st.sampled_from(("crm", "web")),
    time_us=st.integers(min_value=0, max_value=5),
)
edges = (
    st.tuples(identifiers, identifiers)
    .filter(lambda pair: pair[0] != pair[1])
    .flatmap(lambda pair: links.map(lambda link: Edge(*pair, link)))
)
unlifted_partings = st.builds(
    lambda sides, number: Parting(
        f"p{number}",
        (
            frozenset(each for each, side in sides.items() if side == 0),
            frozenset(each for each, side in sides.items() if side == 1),
        ),
    ),
    sides=st.dictionaries(identifiers, st.integers(min_value=0, max_value=1), min_size=2, max_size=6),
    number=st.integers(min_value=0, max_value=10_000),
)
partings = st.one_of(
    unlifted_partings,
    unlifted_partings.flatmap(
        lambda parting: st.sets(st.sampled_from(sorted(parting.groups[0] | parting.groups[1]))).map(
            lambda lifted: Parting(parting.id, parting.groups, frozenset(lifted))
        )
    ),
)
facts = st.lists(st.one_of(edges, edges, edges, partings), max_size=25).filter(
    lambda found: (
        len({each.id for each in found if isinstance(each, Parting)})
        == sum(isinstance(each, Parting) for each in found)
    )
)


def nodes_from(found: Iterable[Edge | Parting]) -> dict[str, Node]:
    """Fold facts, in the order given, into what is known of each identifier."""
    nodes = {identifier: Node(identifier) for identifier in IDENTIFIERS}
    for fact in found:
        for part in _parts(fact):
            nodes[part.identifier] = merged_node(nodes.get(part.identifier, Node(part.identifier)), part)
    return nodes


def person_by_parts(nodes: Mapping[str, Node], start: str, rules: IdentityRules) -> Person:
    """Resolve one identifier as a store does: load only what ``wanted_identifiers`` asks for."""
    loaded: dict[str, Node] = {}
    wanted = {start}
    while wanted:
        loaded.update({identifier: nodes.get(identifier, Node(identifier)) for identifier in wanted})
        wanted = wanted_identifiers(loaded, [start], rules)
    return people_of(loaded, rules)[start]


def partition(people: Mapping[str, Person]) -> set[frozenset[str]]:
    """Return the groups of identifiers."""
    return {frozenset(person.identifiers) for person in people.values()}


def _parts(fact: Edge | Parting) -> list[Node]:
    if isinstance(fact, Edge):
        return [
            Node(fact.first, links={fact.second: fact.link}),
            Node(fact.second, links={fact.first: fact.link}),
        ]
    return [
        Node(
            identifier,
            partings={fact.id: side},
            lifted=frozenset({fact.id} if identifier in fact.lifted else ()),
        )
        for side, group in enumerate(fact.groups)
        for identifier in group
    ]
