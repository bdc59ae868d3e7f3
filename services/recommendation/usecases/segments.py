"""Which segments a visitor is in, and which there are to write for."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import numpy as np

from services.recommendation.domain.catalog import Product
from services.recommendation.domain.interactions import Kind
from services.recommendation.domain.prediction import FallbackReason, personal_refusal
from services.recommendation.domain.segments import LABELS, Bought, aisle_segment, segments_of
from services.recommendation.store.people import Person
from services.recommendation.store.shelf import AISLE_LANGUAGE
from services.recommendation.store.world import World
from services.recommendation.usecases.predict import ConsentRules

HOUR_S: Final = 3_600
KEPT_LIMIT: Final = 10_000  # persons of whom the segments are kept
LINES_LIMIT: Final = 500  # the newest lines that somebody bought


def visitor_segments(
    identifiers: Sequence[str], world: World, *, consent: ConsentRules, now: datetime
) -> tuple[str, ...]:
    """Return the segments of the person behind identifiers; none without consent or with a stale copy of consents."""
    person = world.people.resolve(identifiers, default_consent=consent.default_consent)
    actors = _known_actors(person, world, consent)
    return () if actors is None else _segments(world, actors, now)


class KeptSegments:
    """The same, kept until the person does something, or the hour is over; consent is asked for each time."""

    def __init__(self, world: World, consent: ConsentRules) -> None:
        self._world, self._consent = world, consent
        self._kept: OrderedDict[tuple[int, ...], tuple[object, tuple[str, ...]]] = OrderedDict()

    def __call__(self, person: Person, now: datetime) -> tuple[str, ...]:
        """Return the segments of a person."""
        actors = _known_actors(person, self._world, self._consent)
        if actors is None:
            return ()
        ledger = self._world.ledger
        state = (ledger, ledger.epoch, ledger.revision_of(actors), int(now.timestamp()) // HOUR_S)
        kept = self._kept.get(actors)
        if kept is not None and kept[0] == state:
            return kept[1]
        found = _segments(self._world, actors, now)
        self._kept[actors] = state, found
        self._kept.move_to_end(actors)
        if len(self._kept) > KEPT_LIMIT:
            self._kept.popitem(last=False)
        return found


def _known_actors(person: Person, world: World, consent: ConsentRules) -> tuple[int, ...] | None:
    """Return the person's numbers in the ledger, None where nothing personal may be known."""
    refusal = personal_refusal(
        consented=person.consented,
        staleness_s=consent.staleness_s(),
        staleness_limit_s=consent.staleness_limit_s,
    )
    return world.ledger.actor_places(person.identifiers) if refusal is FallbackReason.NONE else None


def _segments(world: World, actors: Sequence[int], now: datetime) -> tuple[str, ...]:
    history = world.ledger.history(actors)
    rows = np.flatnonzero(history.kind == Kind.PURCHASE)[-LINES_LIMIT:]
    names = world.ledger.item_ids
    bought = [Bought(int(history.time_s[row]), _aisle(world, names[history.item[row]])) for row in rows.tolist()]
    return segments_of(bought, int(now.timestamp()))


def known_segments(world: World) -> Mapping[str, Mapping[str, str]]:
    """Return every segment that this service finds by itself, with its name in zh and en."""
    found = {name: dict(labels) for name, labels in LABELS.items()}
    for aisle in world.shelf.top_aisles():
        segment = aisle_segment(aisle)
        if segment:
            product = world.shelf.get(min(world.shelf.aisle((aisle,))))
            zh = product.category("zh")[0] if product is not None else aisle
            found.setdefault(segment, {"zh": f"常买：{zh}", "en": f"Buys: {aisle}"})
    return found


def _aisle(world: World, product_id: str) -> str:
    product: Product | None = world.shelf.get(product_id)
    levels = product.category(AISLE_LANGUAGE) if product is not None else ()
    return levels[0] if levels else ""
