"""Who is one person: a pure fold over identifiers and the edges between them (docs/consistency.md rule 13).

An edge is evidence that two identifiers name one person. A parting (unmerge) names two sides that are never one person,
whatever edges say; a manual merge may lift it again. The result depends on the set of facts alone, never on the order
in which they came, and on nothing outside the part of the graph that edges reach, so a part may be folded by itself.

Cards, logins, phones and e-mails are the trunk; a browser (visitor) is a leaf: it belongs to the one person that its
edges name, and to nobody else when they name two (a family's browser), so it never bridges two people.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from services.kits.text.identifiers import STRENGTH, VISITOR, kind_of
from services.knowledge.domain.blocked import is_placeholder
from services.knowledge.domain.identifiers import own_customer_id

MANUAL, CLAIM, IMPORT_ROW = "manual", "claim", "import-row"
VERIFIED_PHONE, VERIFIED_EMAIL = "verified-phone", "verified-email"
LOGIN_EVENT, SAME_EVENT = "login-event", "same-event"
# Where a parting leaves room for one of two edges only, the lower rank holds, then the earlier.
_RANK = {MANUAL: 0, CLAIM: 1, IMPORT_ROW: 1, VERIFIED_PHONE: 2, VERIFIED_EMAIL: 2, LOGIN_EVENT: 3, SAME_EVENT: 4}


class Refused(StrEnum):
    """Why an identifier joins nobody."""

    BLOCKED = "BLOCKED_VALUE"
    SHARED = "SHARED_BY_MANY"
    UNVERIFIED = "UNVERIFIED"


@dataclass(frozen=True, slots=True)
class Link:
    """Evidence for an edge: what it is, who says so, since when."""

    evidence: str
    source: str
    time_us: int

    def sort_key(self) -> tuple[int, int, str, str]:
        """Order evidence: the best first."""
        return (_RANK.get(self.evidence, len(_RANK)), self.time_us, self.source, self.evidence)


@dataclass(frozen=True, slots=True)
class Node:
    """What is known of one identifier's edges. ``partings``: parting id -> side; ``unverified``: claimed only."""

    identifier: str
    links: Mapping[str, Link] = field(default_factory=dict)
    unverified: Mapping[str, Link] = field(default_factory=dict)
    partings: Mapping[str, int] = field(default_factory=dict)
    lifted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class IdentityRules:
    """Bounds. An identifier with more neighbours of one kind than its bound is shared by many and joins nobody."""

    neighbours: Mapping[str, int] = field(default_factory=lambda: {"card": 5, "login": 5, "phone": 10, "email": 10})
    visitors: int = 50  # browsers of one login; beyond it the login is a shared test account
    visitor_people: int = 8  # neighbours of one browser that are looked at; beyond them it stands in a shop
    trunk: int = 1_000  # identifiers that edges may chain together before nobody believes the chain
    blocked: frozenset[str] = frozenset()  # text forms that the shop adds

    def is_blocked(self, identifier: str) -> bool:
        """Tell whether the identifier is a placeholder."""
        return identifier in self.blocked or is_placeholder(identifier)


@dataclass(frozen=True, slots=True)
class Member:
    """An identifier of a person, what it was joined to, and why; the first is joined to nothing."""

    identifier: str
    joined_to: str = ""
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """An identifier seen with a person that joins nobody. ``count``: neighbours, where shared."""

    identifier: str
    reason: Refused
    count: int = 0


@dataclass(frozen=True, slots=True)
class Person:
    """One group of identifiers. ``members``: strongest first."""

    id: str
    members: tuple[Member, ...]
    refused: tuple[Refusal, ...]

    @property
    def identifiers(self) -> tuple[str, ...]:
        """Return the members' text forms."""
        return tuple(member.identifier for member in self.members)


def merged_node(first: Node, second: Node) -> Node:
    """Return what two partial views of one identifier say together."""
    return Node(
        first.identifier,
        _best_links(first.links, second.links),
        _best_links(first.unverified, second.unverified),
        {**first.partings, **second.partings},
        first.lifted | second.lifted,
    )


def is_parted(first: Node, second: Node) -> bool:
    """Tell whether the two are on opposite sides of a parting that was not lifted for both."""
    fewer, more = (first, second) if len(first.partings) <= len(second.partings) else (second, first)
    return any(
        more.partings.get(parting, side) != side and not (parting in first.lifted and parting in second.lifted)
        for parting, side in fewer.partings.items()
    )


def wanted_identifiers(nodes: Mapping[str, Node], starts: Iterable[str], rules: IdentityRules) -> set[str]:
    """Return the identifiers that must be known too before ``people_of`` can tell who the starts are."""
    core = reached(nodes, starts, rules)
    wanted: set[str] = set()
    for identifier, node in nodes.items():
        if not _is_passable(node, rules):
            continue
        for other, link in node.links.items():
            browser = kind_of(other) == VISITOR and link.evidence != MANUAL
            if not _is_idle(identifier, other, link) and (not browser or identifier in core):
                wanted.add(other)
    return wanted - nodes.keys()


def people_of(nodes: Mapping[str, Node], rules: IdentityRules) -> dict[str, Person]:
    """Return the person of each identifier in ``nodes``; links to identifiers outside of ``nodes`` do not count."""
    return _Fold(nodes, rules).people()


def reached(nodes: Mapping[str, Node], starts: Iterable[str], rules: IdentityRules) -> set[str]:
    """Return the starts and the trunk that edges reach from them; a start that is a browser counts with its neighbours.

    Of these, and of no other known identifier, ``people_of`` tells everything once nothing is wanted any more.
    """
    found: set[str] = set()
    stack = [start for start in starts if start in nodes]
    opened = set(stack)
    while stack:
        identifier = stack.pop()
        if identifier in found:
            continue
        found.add(identifier)
        node = nodes.get(identifier)
        if node is None or not _is_passable(node, rules):
            continue
        for other, link in node.links.items():
            trunk_edge = link.evidence == MANUAL or VISITOR not in (kind_of(identifier), kind_of(other))
            if trunk_edge or (identifier in opened and kind_of(other) != VISITOR):
                stack.append(other)
    return found


def _best_links(first: Mapping[str, Link], second: Mapping[str, Link]) -> dict[str, Link]:
    best = dict(first)
    for other, link in second.items():
        known = best.get(other)
        if known is None or link.sort_key() < known.sort_key():
            best[other] = link
    return best


def _is_passable(node: Node, rules: IdentityRules) -> bool:
    """Tell whether edges may lead through the identifier, as far as it can be told from itself alone."""
    if rules.is_blocked(node.identifier):
        return False
    if node.partings:
        return True
    if kind_of(node.identifier) == VISITOR:
        named = sum(1 for other in node.links if kind_of(other) != VISITOR)
        return named <= rules.visitor_people or _has_manual(node)
    counts = _neighbour_counts(other for other, link in node.links.items() if link.evidence != MANUAL)
    return all(counts[kind] <= limit for kind, limit in rules.neighbours.items())


def _is_idle(first: str, second: str, link: Link) -> bool:
    """Tell whether an edge says nothing: a loop, or two browsers in one breath, which only a person may join."""
    return first == second or (link.evidence != MANUAL and kind_of(first) == kind_of(second) == VISITOR)


def _has_manual(node: Node) -> bool:
    return any(link.evidence == MANUAL for link in node.links.values())


def _neighbour_counts(neighbours: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = dict.fromkeys(STRENGTH, 0)
    for other in neighbours:
        counts[kind_of(other)] += 1
    return counts


class _Fold:
    """One evaluation: which edges count, who is shared, who joins whom."""

    def __init__(self, nodes: Mapping[str, Node], rules: IdentityRules) -> None:
        self._nodes = nodes
        self._rules = rules
        self._edges: dict[tuple[str, str], Link] = {}
        self._refused: dict[str, Refusal] = {}
        self._groups = _Groups(nodes)
        self._tree: dict[str, list[tuple[str, Link]]] = defaultdict(list)

    def people(self) -> dict[str, Person]:
        self._collect_edges()
        self._refuse_blocked_and_shared()
        trunk = [edge for edge in self._live_edges() if self._is_trunk(*edge)]
        self._refuse_endless_chains(trunk)
        for first, second, link in sorted(trunk, key=_edge_order):
            if first not in self._refused and second not in self._refused:
                self._join(first, second, link)
        self._place_browsers()
        return self._persons()

    def _collect_edges(self) -> None:
        for identifier, node in self._nodes.items():
            for other, link in node.links.items():
                neighbour = self._nodes.get(other)
                if neighbour is None or _is_idle(identifier, other, link) or is_parted(node, neighbour):
                    continue
                pair = _pair(identifier, other)
                known = self._edges.get(pair)
                if known is None or link.sort_key() < known.sort_key():
                    self._edges[pair] = link

    def _refuse_blocked_and_shared(self) -> None:
        beside: dict[str, set[str]] = defaultdict(set)
        for (first, second), link in self._edges.items():
            if link.evidence != MANUAL:
                beside[first].add(second)
                beside[second].add(first)
        for identifier, node in self._nodes.items():
            if self._rules.is_blocked(identifier):
                self._refused[identifier] = Refusal(identifier, Refused.BLOCKED)
            elif kind_of(identifier) == VISITOR:
                total = self._neighbour_total(node)
                if total > self._rules.visitor_people and not _has_manual(node):
                    self._refused[identifier] = Refusal(identifier, Refused.SHARED, total)
            else:
                neighbours = self._counted_neighbours(node, beside[identifier])
                counts = _neighbour_counts(neighbours)
                over = [counts[kind] for kind, limit in self._rules.neighbours.items() if counts[kind] > limit]
                if over:
                    self._refused[identifier] = Refusal(identifier, Refused.SHARED, max(over))

    def _counted_neighbours(self, node: Node, known: set[str]) -> set[str]:
        """Return known neighbours, and those that were not loaded since the node alone shows that it is shared."""
        unloaded = {other for other, link in node.links.items() if other not in self._nodes and link.evidence != MANUAL}
        return known | unloaded

    def _live_edges(self) -> Iterator[tuple[str, str, Link]]:
        for (first, second), link in self._edges.items():
            if first not in self._refused and second not in self._refused:
                yield first, second, link

    def _is_trunk(self, first: str, second: str, link: Link) -> bool:
        return link.evidence == MANUAL or VISITOR not in (kind_of(first), kind_of(second))

    def _refuse_endless_chains(self, trunk: Collection[tuple[str, str, Link]]) -> None:
        chained = _Groups(self._nodes)
        for first, second, _ in trunk:
            chained.unite(first, second)
        for members in chained.groups().values():
            if len(members) > self._rules.trunk:
                for identifier in members:
                    self._refused[identifier] = Refusal(identifier, Refused.SHARED, len(members))

    def _join(self, first: str, second: str, link: Link) -> bool:
        if self._groups.root(first) == self._groups.root(second) or self._groups.are_parted(first, second):
            return False
        self._groups.unite(first, second)
        self._tree[first].append((second, link))
        self._tree[second].append((first, link))
        return True

    def _place_browsers(self) -> None:
        named: dict[str, list[tuple[str, Link]]] = defaultdict(list)
        by_hand: set[str] = set()  # a person's word on a browser outranks what it was seen with
        crowded = self._crowded_logins()
        for first, second, link in self._live_edges():
            if link.evidence == MANUAL:
                by_hand |= {first, second}
            for browser, other in ((first, second), (second, first)):
                is_leaf = kind_of(browser) == VISITOR and kind_of(other) != VISITOR and link.evidence != MANUAL
                if is_leaf and other not in crowded:
                    named[browser].append((other, link))
        trunk_root = {identifier: self._groups.root(identifier) for identifier in self._nodes}
        order = sorted(named.items(), key=lambda item: (min(link.sort_key() for _, link in item[1]), item[0]))
        for browser, neighbours in order:
            if browser in by_hand:
                continue
            people = {trunk_root[other] for other, _ in neighbours}
            if len(people) > 1:
                self._refused[browser] = Refusal(browser, Refused.SHARED, len(people))
            else:
                other, link = min(neighbours, key=lambda item: (item[1].sort_key(), item[0]))
                self._join(browser, other, link)

    def _neighbour_total(self, browser: Node) -> int:
        named = [other for other in browser.links if kind_of(other) != VISITOR]
        return sum(1 for other in named if other not in self._nodes or not is_parted(browser, self._nodes[other]))

    def _crowded_logins(self) -> frozenset[str]:
        """Return the trunk identifiers with more browsers than one person has."""
        return frozenset(
            identifier
            for identifier, node in self._nodes.items()
            if kind_of(identifier) != VISITOR and _neighbour_counts(node.links)[VISITOR] > self._rules.visitors
        )

    def _persons(self) -> dict[str, Person]:
        people: dict[str, Person] = {}
        for members in self._groups.groups().values():
            person = Person(
                min(own_customer_id(identifier) for identifier in members),
                self._members(members),
                self._refusals(members),
            )
            people.update(dict.fromkeys(members, person))
        return people

    def _members(self, identifiers: Collection[str]) -> tuple[Member, ...]:
        """Return the members as a tree from the strongest; each names the one that it was joined to."""
        ordered = sorted(identifiers, key=_strength)
        joined: dict[str, Member] = {ordered[0]: Member(ordered[0])}
        queue = [ordered[0]]
        for identifier in queue:
            for other, link in sorted(self._tree[identifier], key=lambda edge: edge[0]):
                if other not in joined:
                    joined[other] = Member(other, identifier, link)
                    queue.append(other)
        return tuple(joined[identifier] for identifier in ordered)

    def _refusals(self, identifiers: Collection[str]) -> tuple[Refusal, ...]:
        found: dict[str, Refusal] = {}
        for identifier in identifiers:
            if identifier in self._refused:  # alone; what else was seen with it says nothing
                return (self._refused[identifier],)
            node = self._nodes[identifier]
            for other in node.links:
                if other in self._refused and _pair(identifier, other) in self._edges:
                    found[other] = self._refused[other]
            for other in node.unverified.keys() - node.links.keys():
                blocked = self._rules.is_blocked(other)
                if other not in identifiers:
                    found.setdefault(other, Refusal(other, Refused.BLOCKED if blocked else Refused.UNVERIFIED))
        return tuple(found[other] for other in sorted(found, key=_strength))


class _Groups:
    """Union-find that knows which sides of which partings each group holds."""

    _PLAIN = (1, 4)  # bit of side 0 or 1, the parting in force for the member
    _LIFTED = (2, 8)

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._parent = {identifier: identifier for identifier in nodes}
        self._sides: dict[str, dict[str, int]] = {}
        for identifier, node in nodes.items():
            if node.partings:
                self._sides[identifier] = {
                    parting: (self._LIFTED if parting in node.lifted else self._PLAIN)[side]
                    for parting, side in node.partings.items()
                }

    def root(self, identifier: str) -> str:
        while self._parent[identifier] != identifier:
            self._parent[identifier] = self._parent[self._parent[identifier]]
            identifier = self._parent[identifier]
        return identifier

    def are_parted(self, first: str, second: str) -> bool:
        one, two = self._sides.get(self.root(first)), self._sides.get(self.root(second))
        if not one or not two:
            return False
        return any(_conflict(one[parting], two[parting]) for parting in one.keys() & two.keys())

    def unite(self, first: str, second: str) -> None:
        keep, drop = sorted((self.root(first), self.root(second)))
        if keep == drop:
            return
        self._parent[drop] = keep
        if drop in self._sides:
            sides = self._sides.setdefault(keep, {})
            for parting, bits in self._sides.pop(drop).items():
                sides[parting] = sides.get(parting, 0) | bits

    def groups(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for identifier in self._parent:
            found[self.root(identifier)].append(identifier)
        return found


def _pair(first: str, second: str) -> tuple[str, str]:
    return (first, second) if first < second else (second, first)


def _conflict(one: int, two: int) -> bool:
    """Tell whether a member of one side meets one of the other, and the parting is in force for either."""
    return bool((one & 1 and two & 12) or (two & 1 and one & 12) or (one & 4 and two & 3) or (two & 4 and one & 3))


def _strength(identifier: str) -> tuple[int, str]:
    return (STRENGTH[kind_of(identifier)], identifier)


def _edge_order(edge: tuple[str, str, Link]) -> tuple[tuple[int, int, str, str], str, str]:
    return (edge[2].sort_key(), edge[0], edge[1])
