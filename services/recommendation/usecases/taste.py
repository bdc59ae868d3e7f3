"""A person's taste and history as the model in force sees them, remembered until the person does something."""

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from services.recommendation.domain.fold_in import Taste, fold_in
from services.recommendation.domain.interactions import KIND_WEIGHTS, Bools, Floats, Ints, Kind, liking
from services.recommendation.domain.model import Ranker
from services.recommendation.domain.neighbours import neighbour_scores
from services.recommendation.store.ledger import History, Ledger
from services.recommendation.store.serving import ServingModel

REMEMBERED_LIMIT = 2_000  # persons; about 40 kB each at 300 items


@dataclass(frozen=True, slots=True)
class Profile:
    """``touched`` (n,): distinct places in the model with a liking above 0; ``likings`` (n,) in (0, 1].

    ``strongest`` (n,): the Kind of the act that says most about each. ``bought``: places that are left out of what is
    new. ``taste``: None when the factor model does not answer; then ``near_scores`` and ``near_reasons`` (items,) hold
    what item to item says, -inf and -1 where it says nothing.
    """

    touched: Ints
    likings: Floats
    strongest: Ints
    bought: Ints
    taste: Taste | None
    near_scores: Floats
    near_reasons: Ints


class Profiles:
    """Profiles by person. The key holds the number of rows, so an added row makes a new profile."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[object, ...], Profile] = OrderedDict()

    def profile(self, model: ServingModel, ledger: Ledger, actors: tuple[int, ...]) -> Profile:
        """Return the profile of the person with these identifiers."""
        # The objects are part of the key, not their id(): an id may be used again after a swap.
        key = (model, ledger, ledger.changes, ledger.rows_of(actors), actors)
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            return known
        profile = person_profile(model, ledger.history(actors), model.places_of_ledger(ledger))
        self._known[key] = profile
        if len(self._known) > REMEMBERED_LIMIT:
            self._known.popitem(last=False)
        return profile

    def forget(self) -> None:
        """Drop everything: another model answers now."""
        self._known.clear()


def person_profile(model: ServingModel, history: History, of_ledger: Ints) -> Profile:
    """Return what a person's rows say to this model.

    Weights fade up to the model's anchor, as in training; what came after it counts in full (consistency rule 11).
    """
    places = of_ledger[history.item]
    known = places >= 0
    places, kind, time_s = places[known], history.kind[known], history.time_s[known]
    weights = liking(kind, time_s, now_s=model.anchor_s, half_life_days=model.half_life_days)
    totals = np.bincount(places, weights=weights, minlength=len(model)).astype(np.float32)
    touched = np.flatnonzero(totals > 0).astype(np.int32)
    likings = np.minimum(totals[touched], np.float32(1.0))
    strongest, bought = _strongest(touched, places, kind), _bought(places, kind)
    if model.ranker is Ranker.ALS and len(touched):
        taste = fold_in(model.factors, touched, likings)
        return Profile(touched, likings, strongest, bought, taste, _NO_SCORES, _NO_REASONS)
    near, cosines = model.arrays.near_places, model.arrays.near_cosines
    scores, reasons = neighbour_scores(near, cosines, touched, likings, catalogue=len(model))
    scores[scores <= 0] = -np.inf
    return Profile(touched, likings, strongest, bought, None, scores, reasons)


_NO_SCORES = np.empty(0, dtype=np.float32)
_NO_REASONS = np.empty(0, dtype=np.int32)


def _strongest(touched: Ints, places: Ints, kind: np.ndarray) -> Ints:
    """The act of the greatest weight by touched place: bought before in the cart before viewed."""
    strongest = np.zeros(len(touched), dtype=np.int32)
    at = np.searchsorted(touched, places)
    counted = (at < len(touched)) & (KIND_WEIGHTS[kind] > 0)
    at = np.minimum(at, max(0, len(touched) - 1))
    counted &= (touched[at] == places) if len(touched) else False
    np.maximum.at(strongest, at[counted], kind[counted].astype(np.int32))
    return strongest


def _bought(places: Ints, kind: np.ndarray) -> Ints:
    bought: Bools = kind == Kind.PURCHASE
    return np.unique(places[bought])
