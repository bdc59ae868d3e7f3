"""A scene: a picture of goods in use, where each is in it, and what they are good for in the words for a segment.

Owns its life (draft, live, archived), what a complete scene has, who sees it, and what its history says.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import orjson

from services.recommendation.domain.errors import SceneIncompleteError, SceneInvalidError, SceneStateError
from services.recommendation.domain.reasons import LANGUAGES
from services.recommendation.domain.segments import SEGMENT

NAME_LIMIT: Final = 80  # characters
TITLE_LIMIT: Final = 80
ALT_LIMIT: Final = 300
BENEFIT_LIMIT: Final = 400
BENEFITS_LIMIT: Final = 12
HOTSPOTS_LIMIT: Final = 24
PRODUCT_ID_LIMIT: Final = 128
PER_MILLE: Final = 1_000
HISTORY_LIMIT: Final = 50
CHANGED_TEXT_LIMIT: Final = 1_000
EVERYBODY: Final = ""  # the segment of words for who is in none of the others

Words = Mapping[str, str]
NO_WORDS: Final[Words] = {}


class SceneState(StrEnum):
    """Where a scene is in its life."""

    DRAFT = "draft"
    LIVE = "live"
    ARCHIVED = "archived"


# From, to, and what the history calls it.
MOVES: Final[Mapping[tuple[SceneState, SceneState], str]] = {
    (SceneState.DRAFT, SceneState.LIVE): "published",
    (SceneState.LIVE, SceneState.DRAFT): "withdrawn",
    (SceneState.DRAFT, SceneState.ARCHIVED): "archived",
    (SceneState.LIVE, SceneState.ARCHIVED): "archived",
    (SceneState.ARCHIVED, SceneState.DRAFT): "reopened",
}


class RemarkCode(StrEnum):
    """What keeps a scene from being shown. Those of ``INCOMPLETE`` keep it from being published."""

    NO_PICTURE = "NO_PICTURE"
    NO_HOTSPOTS = "NO_HOTSPOTS"
    NO_ALT = "NO_ALT"
    NO_TITLE = "NO_TITLE"
    NO_BENEFIT = "NO_BENEFIT"
    UNKNOWN_PRODUCT = "UNKNOWN_PRODUCT"
    OUT_OF_STOCK = "OUT_OF_STOCK"
    TOO_FEW_IN_STOCK = "TOO_FEW_IN_STOCK"
    NOT_YET = "NOT_YET"
    OVER = "OVER"


INCOMPLETE: Final = frozenset(
    {
        RemarkCode.NO_PICTURE,
        RemarkCode.NO_HOTSPOTS,
        RemarkCode.NO_ALT,
        RemarkCode.NO_TITLE,
        RemarkCode.NO_BENEFIT,
        RemarkCode.UNKNOWN_PRODUCT,
    }
)


@dataclass(frozen=True, slots=True)
class Remark:
    """A code, and the field, language or product that it is about."""

    code: RemarkCode
    about: str = ""


@dataclass(frozen=True, slots=True)
class Hotspot:
    """A place in the picture, in thousandths of its width and height, and the product that is there."""

    x: int
    y: int
    product_id: str


@dataclass(frozen=True, slots=True)
class Benefit:
    """What the goods are good for, in the words for a segment."""

    segment: str
    text: Words


@dataclass(frozen=True, slots=True)
class Change:
    """A field before and after, as JSON; ``before`` empty at creation."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Entry:
    """Who changed what, when."""

    version: int
    time: datetime
    actor: str
    action: str
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene. ``min_in_stock`` 0: half of its products. ``history``: the newest first."""

    id: str
    shop: str
    name: str = ""
    media_id: str = ""
    alt: Words = field(default_factory=dict)
    title: Words = field(default_factory=dict)
    benefits: tuple[Benefit, ...] = ()
    hotspots: tuple[Hotspot, ...] = ()
    start_time: datetime | None = None
    end_time: datetime | None = None
    min_in_stock: int = 0
    state: SceneState = SceneState.DRAFT
    version: int = 0
    create_time: datetime | None = None
    update_time: datetime | None = None
    history: tuple[Entry, ...] = ()

    @property
    def product_ids(self) -> tuple[str, ...]:
        """Return its products, each once, in the order of the hotspots."""
        return tuple(dict.fromkeys(each.product_id for each in self.hotspots))

    @property
    def needed(self) -> int:
        """Return how many of its products must be in stock for it to be shown."""
        count = len(self.product_ids)
        return min(self.min_in_stock, count) if self.min_in_stock else (count + 1) // 2


CONTENT: Final = (
    "name",
    "media_id",
    "alt",
    "title",
    "benefits",
    "hotspots",
    "start_time",
    "end_time",
    "min_in_stock",
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A scene as a visitor sees it. ``segment``: whose words these are."""

    scene: Scene
    segment: str


def check_scene(scene: Scene) -> Scene:
    """Return the scene with trimmed words. Raises SceneInvalidError."""
    trimmed = replace(
        scene,
        name=_text("name", scene.name, NAME_LIMIT),
        alt=_words("alt", scene.alt, ALT_LIMIT),
        title=_words("title", scene.title, TITLE_LIMIT),
        benefits=tuple(Benefit(each.segment, _words("benefits", each.text, BENEFIT_LIMIT)) for each in scene.benefits),
    )
    if not trimmed.name:
        raise SceneInvalidError("a scene has a name", field="name")
    _check_benefits(trimmed.benefits)
    _check_hotspots(trimmed.hotspots)
    if not 0 <= trimmed.min_in_stock <= HOTSPOTS_LIMIT:
        raise SceneInvalidError(f"min_in_stock is 0 to {HOTSPOTS_LIMIT}", field="min_in_stock")
    if trimmed.start_time and trimmed.end_time and trimmed.end_time <= trimmed.start_time:
        raise SceneInvalidError("it ends after it begins", field="end_time")
    return trimmed


def remarks_of(
    scene: Scene, *, known: Callable[[str], bool], in_stock: Callable[[str], bool], now: datetime
) -> tuple[Remark, ...]:
    """Return everything that keeps a scene from being published or, once live, from being shown."""
    found = [] if scene.media_id else [Remark(RemarkCode.NO_PICTURE)]
    for code, words in ((RemarkCode.NO_ALT, scene.alt), (RemarkCode.NO_TITLE, scene.title)):
        found += [Remark(code, language) for language in LANGUAGES if not words.get(language)]
    if not scene.benefits:
        found.append(Remark(RemarkCode.NO_BENEFIT))
    for benefit in scene.benefits:
        missing = [language for language in LANGUAGES if not benefit.text.get(language)]
        found += [Remark(RemarkCode.NO_BENEFIT, f"{benefit.segment}/{language}") for language in missing]
    if not scene.hotspots:
        found.append(Remark(RemarkCode.NO_HOTSPOTS))
    for product_id in scene.product_ids:
        if not known(product_id):
            found.append(Remark(RemarkCode.UNKNOWN_PRODUCT, product_id))
        elif not in_stock(product_id):
            found.append(Remark(RemarkCode.OUT_OF_STOCK, product_id))
    if scene.hotspots and stocked(scene, in_stock) < scene.needed:
        found.append(Remark(RemarkCode.TOO_FEW_IN_STOCK))
    if scene.start_time is not None and now < scene.start_time:
        found.append(Remark(RemarkCode.NOT_YET))
    if scene.end_time is not None and now >= scene.end_time:
        found.append(Remark(RemarkCode.OVER))
    return tuple(found)


def check_complete(remarks: Sequence[Remark]) -> None:
    """Raise SceneIncompleteError if something is missing that a shopper would miss."""
    missing = [remark for remark in remarks if remark.code in INCOMPLETE]
    if missing:
        named = ", ".join(f"{each.code.value} {each.about}".strip() for each in missing)
        raise SceneIncompleteError("the scene is not complete", missing=named, field=missing[0].code.value.lower())


def stocked(scene: Scene, in_stock: Callable[[str], bool]) -> int:
    """Return how many of its products are in stock."""
    return sum(map(in_stock, scene.product_ids))


def is_open(scene: Scene, *, in_stock: Callable[[str], bool], now: datetime) -> bool:
    """Tell whether a scene is shown now, to somebody."""
    begun = scene.start_time is None or now >= scene.start_time
    over = scene.end_time is not None and now >= scene.end_time
    enough = 0 < scene.needed <= stocked(scene, in_stock)
    return scene.state is SceneState.LIVE and begun and not over and enough


def shown_scenes(
    scenes: Sequence[Scene], segments: Sequence[str], *, in_stock: Callable[[str], bool], now: datetime
) -> list[Shown]:
    """Return what to show a visitor: scenes with words for a segment of theirs first, then those with words for all.

    Within each the newest first; of each the products that are in stock, and the words of the visitor's first segment.
    """
    ranked: list[tuple[int, int, Shown]] = []
    for place, scene in enumerate(scenes):
        if not is_open(scene, in_stock=in_stock, now=now):
            continue
        by_segment = {benefit.segment: benefit for benefit in scene.benefits}
        own = next((segment for segment in segments if segment in by_segment), EVERYBODY)
        if own not in by_segment:
            continue
        hotspots = tuple(spot for spot in scene.hotspots if in_stock(spot.product_id))
        shown = replace(scene, benefits=(by_segment[own],), hotspots=hotspots, history=())
        rank = segments.index(own) if own else len(segments)
        ranked.append((rank, place, Shown(shown, own)))
    return [shown for _, _, shown in sorted(ranked, key=lambda each: each[:2])]


def edited(before: Scene, after: Scene, *, actor: str, now: datetime) -> Scene:
    """Return the scene with its next version and what changed; the same one when nothing did."""
    changes = changes_between(before, after)
    return _entered(after, "edited", changes, actor=actor, now=now) if changes else before


def created(scene: Scene, *, actor: str, now: datetime) -> Scene:
    """Return a new draft with its first version."""
    changes = changes_between(Scene(scene.id, scene.shop), scene)
    return _entered(replace(scene, create_time=now), "created", changes, actor=actor, now=now)


def moved(before: Scene, state: SceneState, *, actor: str, now: datetime) -> Scene:
    """Return the scene in another state; the same one if it is there already. Raises SceneStateError."""
    if before.state is state:
        return before
    action = MOVES.get((before.state, state))
    if action is None:
        raise SceneStateError(f"a scene that is {before.state.value} does not become {state.value}", field="state")
    change = Change("state", _json(before.state.value), _json(state.value))
    return _entered(replace(before, state=state), action, (change,), actor=actor, now=now)


def changes_between(before: Scene, after: Scene) -> tuple[Change, ...]:
    """Return the fields of the content that differ."""
    changed = [name for name in CONTENT if getattr(before, name) != getattr(after, name)]
    return tuple(Change(name, _json(getattr(before, name)), _json(getattr(after, name))) for name in changed)


def _entered(scene: Scene, action: str, changes: tuple[Change, ...], *, actor: str, now: datetime) -> Scene:
    entry = Entry(scene.version + 1, now, actor, action, changes)
    history = (entry, *scene.history)[:HISTORY_LIMIT]
    return replace(scene, version=scene.version + 1, update_time=now, history=history)


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z).decode()[:CHANGED_TEXT_LIMIT]


def _check_benefits(benefits: Collection[Benefit]) -> None:
    if len(benefits) > BENEFITS_LIMIT:
        raise SceneInvalidError(f"at most {BENEFITS_LIMIT} segments", field="benefits")
    segments = [benefit.segment for benefit in benefits]
    if len(set(segments)) < len(segments):
        raise SceneInvalidError("a segment has its words once", field="benefits")
    for segment in filter(None, segments):
        if not SEGMENT.fullmatch(segment):
            raise SceneInvalidError("a segment is named by lower-case letters, digits and :_.-", field="benefits")


def _check_hotspots(hotspots: Collection[Hotspot]) -> None:
    if len(hotspots) > HOTSPOTS_LIMIT:
        raise SceneInvalidError(f"at most {HOTSPOTS_LIMIT} hotspots", field="hotspots")
    for spot in hotspots:
        if not (0 <= spot.x <= PER_MILLE and 0 <= spot.y <= PER_MILLE):
            raise SceneInvalidError(f"x and y are 0 to {PER_MILLE}", field="hotspots")
        if not 0 < len(spot.product_id) <= PRODUCT_ID_LIMIT:
            raise SceneInvalidError(f"a product id has 1 to {PRODUCT_ID_LIMIT} characters", field="hotspots")


def _words(name: str, words: Words, limit: int) -> Words:
    unknown = set(words) - set(LANGUAGES)
    if unknown:
        raise SceneInvalidError("words are in zh and en", field=name)
    trimmed = {language: _text(name, words[language], limit) for language in sorted(words)}
    return {language: text for language, text in trimmed.items() if text}


def _text(name: str, text: str, limit: int) -> str:
    trimmed = " ".join(text.split())
    if len(trimmed) > limit:
        raise SceneInvalidError(f"{name} has {len(trimmed)} characters; at most {limit}", field=name)
    return trimmed
