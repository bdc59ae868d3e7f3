"""What a Control must be to be kept: limits, what each action needs, and that all that it names is there."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from services.kits.controls.catalogue import Catalogue
from services.kits.controls.control import Action, ActionType, Condition, Content, Pin, Target
from services.kits.controls.errors import (
    ControlActionUnknownError,
    ControlInvalidError,
    ControlProductUnknownError,
    ControlTermUnknownError,
)

TITLE_LIMIT: Final = 120  # characters
NOTE_LIMIT: Final = 2_000
TEXT_LIMIT: Final = 100  # of a query, a term, a category, a brand, a tag
URL_LIMIT: Final = 500
VALUES_LIMIT: Final = 100  # in one field of a condition or a target
PINS_LIMIT: Final = 20
POSITION_LIMIT: Final = 50
STRENGTH_LIMIT: Final = 9
MAXIMUM_LIMIT: Final = 50  # of a cap; 0 would be an exclude
WORDS_LIMIT: Final = 20
NAMED_LIMIT: Final = 20  # unknown names that an error lists

CHANNELS: Final = ("web", "app", "store", "phone", "social")
_LINK: Final = re.compile(r"(?:/(?![/\\])|https://[^/\\@\s]+(?:/|$))[^\s\\]*")
_MOVES: Final = frozenset({ActionType.BOOST, ActionType.BURY})
_SETS: Final = _MOVES | {ActionType.EXCLUDE, ActionType.FILTER}


@dataclass(frozen=True, slots=True)
class Abilities:
    """What Controls of a service may do. ``normalised``: how it reads queries; no ``placements``: it fills none."""

    actions: frozenset[ActionType]
    placements: tuple[str, ...]
    segments: Callable[[], tuple[str, ...]]
    has_queries: bool
    normalised: Callable[[str], str]


def checked_content(content: Content, abilities: Abilities, catalogue: Catalogue) -> Content:
    """Return the Control's content tidied. Raises ControlInvalidError and the errors of what is unknown."""
    title, note = content.title.strip(), content.note.strip()
    if not title or len(title) > TITLE_LIMIT or not title.isprintable():
        raise ControlInvalidError(f"a title has 1 to {TITLE_LIMIT} printable characters", field="title")
    if len(note) > NOTE_LIMIT:
        raise ControlInvalidError(f"a note has at most {NOTE_LIMIT} characters", field="note")
    _check_times(content.start_time, content.end_time)
    condition = _checked_condition(content.condition, abilities)
    action = _checked_action(content.action, abilities)
    if action.type is ActionType.REDIRECT and not (condition.queries or condition.terms):
        raise ControlInvalidError("a redirect needs a query or a term", field="condition.queries")
    if action.type is ActionType.SYNONYMS and condition.queries:
        raise ControlInvalidError("synonyms belong to terms, not to whole queries", field="condition.queries")
    checked = replace(content, title=title, note=note, condition=condition, action=action)
    _check_known(checked, catalogue)
    return checked


def _check_times(start: datetime | None, end: datetime | None) -> None:
    for name, time in (("start_time", start), ("end_time", end)):
        if time is not None and time.tzinfo is None:
            raise ControlInvalidError("a time says its zone", field=name)
    if start is not None and end is not None and end <= start:
        raise ControlInvalidError("the end comes after the start", field="end_time")


def _checked_condition(condition: Condition, abilities: Abilities) -> Condition:
    if (condition.queries or condition.terms) and not abilities.has_queries:
        raise ControlInvalidError("no query is typed here", field="condition.queries")
    if condition.product_ids and not abilities.placements:
        raise ControlInvalidError("a search is about no product", field="condition.product_ids")
    return Condition(
        queries=_texts("condition.queries", map(abilities.normalised, condition.queries)),
        terms=_texts("condition.terms", map(abilities.normalised, condition.terms)),
        placements=_of("condition.placements", condition.placements, abilities.placements),
        segments=_of("condition.segments", condition.segments, abilities.segments() if condition.segments else ()),
        product_ids=_texts("condition.product_ids", condition.product_ids),
        categories=_texts("condition.categories", condition.categories),
        channels=_of("condition.channels", condition.channels, CHANNELS),
        shops=_texts("condition.shops", condition.shops),
    )


def _checked_action(action: Action, abilities: Abilities) -> Action:
    """Return the action with the fields that its type uses; a field of another type's is an error, not a silence."""
    kind = action.type
    if kind not in abilities.actions:
        known = ", ".join(sorted(abilities.actions))
        raise ControlActionUnknownError(f"{kind.value} is not done here; there are: {known}", known=known)
    used = {"target"} if kind in _SETS or kind is ActionType.CAP else set[str]()
    used |= {"strength"} if kind in _MOVES else {"maximum", "per"} if kind is ActionType.CAP else set()
    used |= {ActionType.PIN: {"pins"}, ActionType.SYNONYMS: {"words"}, ActionType.REDIRECT: {"url"}}.get(kind, set())
    for name in ("target", "strength", "pins", "maximum", "per", "words", "url"):
        if getattr(action, name) and name not in used:
            raise ControlInvalidError(f"{kind.value} uses no {name}", field=f"action.{name}")
    target = Target(
        *(
            _texts(f"action.target.{name}", getattr(action.target, name))
            for name in ("product_ids", "categories", "brands", "tags")
        )
    )
    if kind in _SETS and not target:
        raise ControlInvalidError(f"{kind.value} names products, categories, brands or tags", field="action.target")
    if kind in _MOVES and not 1 <= action.strength <= STRENGTH_LIMIT:
        raise ControlInvalidError(f"a strength lies in 1 to {STRENGTH_LIMIT}", field="action.strength")
    if kind is ActionType.CAP:
        if not 1 <= action.maximum <= MAXIMUM_LIMIT:
            raise ControlInvalidError(f"a cap lies in 1 to {MAXIMUM_LIMIT}", field="action.maximum")
        if not target and not action.per:
            raise ControlInvalidError("a cap without a target counts per brand or category", field="action.per")
    if kind is ActionType.REDIRECT and (len(action.url) > URL_LIMIT or not _LINK.fullmatch(action.url)):
        raise ControlInvalidError("a redirect goes to a path of the shop (/…) or an https:// page", field="action.url")
    return replace(action, target=target, pins=_pins(action), words=_words(action, abilities))


def _pins(action: Action) -> tuple[Pin, ...]:
    if action.type is not ActionType.PIN:
        return ()
    if not 1 <= len(action.pins) <= PINS_LIMIT:
        raise ControlInvalidError(f"a Control pins 1 to {PINS_LIMIT} products", field="action.pins")
    for pin in action.pins:
        if not 1 <= pin.position <= POSITION_LIMIT:
            raise ControlInvalidError(f"a position lies in 1 to {POSITION_LIMIT}", field="action.pins.position")
    for name in ("product_id", "position"):
        if len({getattr(pin, name) for pin in action.pins}) < len(action.pins):
            raise ControlInvalidError("no product and no position is pinned twice", field=f"action.pins.{name}")
    _texts("action.pins.product_id", (pin.product_id for pin in action.pins))
    return tuple(sorted(action.pins, key=lambda each: each.position))


def _words(action: Action, abilities: Abilities) -> tuple[str, ...]:
    if action.type is not ActionType.SYNONYMS:
        return ()
    words = _texts("action.words", map(abilities.normalised, action.words))
    if not 1 <= len(words) <= WORDS_LIMIT:
        raise ControlInvalidError(f"synonyms are 1 to {WORDS_LIMIT} words", field="action.words")
    return words


def _texts(field: str, values: Iterable[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(each.strip() for each in values))
    if len(found) > VALUES_LIMIT:
        raise ControlInvalidError(f"at most {VALUES_LIMIT} values", field=field)
    if not all(0 < len(each) <= TEXT_LIMIT and each.isprintable() for each in found):
        raise ControlInvalidError(f"a value has 1 to {TEXT_LIMIT} printable characters", field=field)
    return found


def _of(field: str, values: Iterable[str], known: tuple[str, ...]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(values))
    unknown = [each for each in found if each not in known]
    if unknown:
        names = ", ".join(known) or "none"
        raise ControlActionUnknownError(f"{field} is one of: {names}", field=field, known=names)
    return found


def _check_known(content: Content, catalogue: Catalogue) -> None:
    """Raise for products that the catalogue does not have, and for terms that no product has."""
    condition, action = content.condition, content.action
    ids = [*condition.product_ids, *action.target.product_ids, *(pin.product_id for pin in action.pins)]
    missing = [each for each in dict.fromkeys(ids) if catalogue.facts(each) is None]
    if missing:
        names = ", ".join(missing[:NAMED_LIMIT])
        message = f"the catalogue has no product {names}"
        raise ControlProductUnknownError(message, field="action.target.product_ids", products=names)
    named = {
        "categories": (*condition.categories, *action.target.categories),
        "brands": action.target.brands,
        "tags": action.target.tags,
    }
    for field, values in named.items():
        unknown = _not_in_catalogue(field, values, catalogue)
        if unknown:
            names = ", ".join(unknown[:NAMED_LIMIT])
            raise ControlTermUnknownError(f"no product has {field} {names}", field=field, values=names)


def _not_in_catalogue(field: str, values: tuple[str, ...], catalogue: Catalogue) -> list[str]:
    wanted = dict.fromkeys(values)
    for product_id in catalogue.ids():
        if not wanted:
            break
        facts = catalogue.facts(product_id)
        if facts is not None:
            for value in wanted.keys() & getattr(facts, field):
                del wanted[value]
    return list(wanted)
