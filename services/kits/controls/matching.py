"""Which Controls apply to a request: tables by query, phrase, product, category and placement, no walk through all.

Each Control stands in one table, under the most telling of its conditions; what else it asks for is looked at only
where that one holds. So a request costs a few look-ups, however many Controls are live.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from services.kits.controls.control import ActionType, Control

PHRASE_START: Final = 2  # characters that a phrase is looked up by, one where it has no more


class Asked(NamedTuple):
    """A request as conditions see it. ``query``: normalised. ``categories``: all names of what the page is about."""

    placement: str = ""
    query: str = ""
    product_ids: tuple[str, ...] = ()
    categories: frozenset[str] = frozenset()
    segments: frozenset[str] = frozenset()
    channel: str = ""
    shop: str = ""


def contains_phrase(query: str, phrase: str) -> bool:
    """Tell whether a query has a word or phrase in it: whole words of Latin letters, any run of Chinese."""
    return place_of(query, phrase) >= 0


def place_of(query: str, phrase: str) -> int:
    """Return where a word or phrase first stands alone in a query, -1 for nowhere."""
    start = query.find(phrase)
    while start >= 0 and not stands_alone(query, start, len(phrase)):
        start = query.find(phrase, start + 1)
    return start


def stands_alone(query: str, start: int, length: int) -> bool:
    """Tell whether a run of a query is no part of a longer Latin word or number."""
    end = start + length
    before = start > 0 and _joins(query[start - 1], query[start])
    return not before and not (end < len(query) and _joins(query[end - 1], query[end]))


def _joins(left: str, right: str) -> bool:
    return _is_latin(left) and _is_latin(right)


def _is_latin(character: str) -> bool:
    return character.isalnum() and character < "\u2e80"


def triggers(control: Control) -> tuple[str, ...]:
    """Return the phrases that call a Control: its terms, or the words of synonyms that name none."""
    if control.condition.terms:
        return control.condition.terms
    if control.action.type is ActionType.SYNONYMS and not control.condition.queries:
        return control.action.words
    return ()


class ControlTables:
    """The live Controls, compiled once per change; ``matching`` answers in the order in which they were made."""

    def __init__(self, controls: Iterable[Control]) -> None:
        self.controls = tuple(sorted(controls, key=lambda each: (each.create_time, each.id)))
        self._by_query: defaultdict[str, list[int]] = defaultdict(list)
        self._by_phrase: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
        self._by_product: defaultdict[str, list[int]] = defaultdict(list)
        self._by_category: defaultdict[str, list[int]] = defaultdict(list)
        self._by_placement: defaultdict[str, list[int]] = defaultdict(list)
        self._always: list[int] = []
        self._sets = [_Sets(each) for each in self.controls]
        self.segments = frozenset(name for each in self.controls for name in each.condition.segments)
        self.channels = frozenset(name for each in self.controls for name in each.condition.channels)
        self.shops = frozenset(name for each in self.controls for name in each.condition.shops)
        self._products = frozenset(name for each in self.controls for name in each.condition.product_ids)
        self._categories = frozenset(name for each in self.controls for name in each.condition.categories)
        for number, control in enumerate(self.controls):
            self._place(number, control)
        self._starts = frozenset(self._by_phrase)

    def __len__(self) -> int:
        return len(self.controls)

    @property
    def asks_about_categories(self) -> bool:
        """Whether any Control wants to know which categories a page is about."""
        return bool(self._categories)

    def relevant(self, asked: Asked) -> Asked:
        """Return the request without what no Control asks for: requests that are equal so have equal Controls."""
        return Asked(
            asked.placement,
            asked.query if self._by_query or self._by_phrase else "",
            tuple(each for each in asked.product_ids if each in self._products) if self._products else (),
            asked.categories & self._categories if self._categories else frozenset(),
            asked.segments & self.segments,
            asked.channel if asked.channel in self.channels else "",
            asked.shop if asked.shop in self.shops else "",
        )

    def matching(self, asked: Asked) -> tuple[Control, ...]:
        """Return the Controls whose conditions all hold."""
        found = set(self._always)
        found.update(self._by_placement.get(asked.placement, ()))
        for product_id in asked.product_ids:
            found.update(self._by_product.get(product_id, ()))
        if self._by_category:
            for name in asked.categories & self._by_category.keys():
                found.update(self._by_category[name])
        if asked.query:
            found.update(self._by_query.get(asked.query, ()))
            found.update(self._called(asked.query))
        if not found:
            return ()
        return tuple(self.controls[number] for number in sorted(found) if self._sets[number].hold(asked))

    def _called(self, query: str) -> Iterable[int]:
        if not self._by_phrase:
            return
        for start in range(len(query)):
            for length in (PHRASE_START, 1):
                beginning = query[start : start + length]
                if beginning not in self._starts:
                    continue
                for phrase, number in self._by_phrase[beginning]:
                    if query.startswith(phrase, start) and stands_alone(query, start, len(phrase)):
                        yield number

    def _place(self, number: int, control: Control) -> None:
        """Enter a Control into one table."""
        condition, phrases = control.condition, triggers(control)
        if condition.queries or phrases:
            for query in condition.queries:
                self._by_query[query].append(number)
            for phrase in phrases:
                self._by_phrase[phrase[:PHRASE_START]].append((phrase, number))
        elif condition.product_ids:
            for product_id in condition.product_ids:
                self._by_product[product_id].append(number)
        elif condition.categories:
            for name in condition.categories:
                self._by_category[name].append(number)
        elif condition.placements:
            for placement in condition.placements:
                self._by_placement[placement].append(number)
        else:
            self._always.append(number)


class _Sets:
    """What is left to check of one condition. A query counts as one condition: exactly one of them, or a phrase."""

    __slots__ = ("categories", "channels", "placements", "product_ids", "segments", "shops")

    def __init__(self, control: Control) -> None:
        condition = control.condition
        self.placements = frozenset(condition.placements)
        self.product_ids = frozenset(condition.product_ids)
        self.categories = frozenset(condition.categories)
        self.segments = frozenset(condition.segments)
        self.channels = frozenset(condition.channels)
        self.shops = frozenset(condition.shops)

    def hold(self, asked: Asked) -> bool:
        """Tell whether all hold."""
        return (
            _any_in(self.product_ids, asked.product_ids)
            and (not self.placements or asked.placement in self.placements)
            and (not self.categories or not self.categories.isdisjoint(asked.categories))
            and (not self.segments or not self.segments.isdisjoint(asked.segments))
            and (not self.channels or asked.channel in self.channels)
            and (not self.shops or asked.shop in self.shops)
        )


def _any_in(wanted: frozenset[str], given: Sequence[str]) -> bool:
    return not wanted or any(each in wanted for each in given)
